/* SPDX-License-Identifier: BSD-2-Clause */
#include <assert.h>
#include <string.h>

#include "agent/catalog/edit.h"

/* What rights are checked against: the nodes an edit touches. */

enum err
catalog_edit_touch(struct catalog_edit *edit, const struct dname *owner)
{
	struct catz_name name;
	struct edit_node *node;
	enum err err = edit_node_at(edit, owner, &name, &node);
	if (err != OK)
		return err;
	node->touched = true;
	edit->n_global += !node->is_member;
	return OK;
}

unsigned
catalog_edit_n_global(const struct catalog_edit *edit)
{
	return edit->n_global;
}

/* The list as a member with the nth of its zones; false: there is none. */
static bool
fill_view(struct member *m, const struct member_rr *rrs, size_t n, size_t nth)
{
	bool found = false;
	size_t n_ptrs = 0;

	m->n_rrs = 0;
	for (size_t i = 0; i < n; i++) {
		if (!edit_rr_is_ptr(&rrs[i])) {
			member_add_rr(m, &rrs[i]);
			continue;
		}
		if (n_ptrs++ != nth)
			continue;
		m->ttl = rrs[i].ttl;
		found =
		    dname_from_wire(rrs[i].rdata, rrs[i].rdata_size, &m->zone) == OK;
	}
	return found;
}

static enum err
show_node(struct catalog_edit *edit, const struct edit_node *node, catalog_node_fn *fn,
    void *arg)
{
	struct member *before = &edit->view[0], *after = &edit->view[1];
	enum err err = OK;
	struct label id = {.size = node->key_size};

	assert(node->key_size <= sizeof(id.data));
	memcpy(id.data, node->key, node->key_size);
	if (!fill_view(before, node->before, node->n_before, 0))
		before = NULL;
	else
		before->id = id;
	for (size_t nth = 0; err == OK; nth++) {
		bool some = fill_view(after, node->after, node->n_after, nth);
		if (!some && nth > 0)
			break;
		after->id = id;
		err = fn(arg, &id, before, some ? after : NULL, node->n_first);
	}
	return err;
}

enum err
catalog_edit_each_node(struct catalog_edit *edit, catalog_node_fn *fn, void *arg)
{
	enum err err = OK;
	for (size_t i = 0; i < edit->n_nodes && err == OK; i++)
		if (edit->nodes[i]->is_member && edit->nodes[i]->touched)
			err = show_node(edit, edit->nodes[i], fn, arg);
	return err;
}
