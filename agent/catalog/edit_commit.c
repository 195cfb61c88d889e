/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/catalog/edit.h"
#include "agent/store/members.h"
#include "agent/store/worklog.h"
#include "lib/mem.h"

/*
 * What an edit comes to is written: one work log entry with the records taken
 * and given, then the nodes. Keys go in order, so that a bulk addition fills
 * pages instead of splitting them.
 */

/* -- the difference --------------------------------------------------------- */

bool
edit_is_net_change(const struct edit_node *node)
{
	if (!node->changed)
		return false;
	if (node->n_before != node->n_after)
		return true;
	size_t hint = 0;
	for (size_t i = 0; i < node->n_after; i++)
		if (!edit_rr_among(&node->after[i], true, node->before, node->n_before,
			&hint))
			return true;
	return false;
}

/* The owner relative to C. */
static uint8_t
owner_prefix(const struct edit_node *node, const struct member_rr *rr,
    uint8_t out[static DNAME_WIRE_MAX])
{
	static const uint8_t zones[] = {5, 'z', 'o', 'n', 'e', 's'};
	size_t n = 0;
	if (!node->is_member) {
		if (node->key_size > 0)
			memcpy(out, node->key, node->key_size);
		return node->key_size;
	}
	if (rr->prefix_size > 0)
		memcpy(out, rr->prefix, rr->prefix_size);
	n += rr->prefix_size;
	out[n++] = node->key_size;
	memcpy(out + n, node->key, node->key_size);
	n += node->key_size;
	memcpy(out + n, zones, sizeof(zones));
	return (uint8_t)(n + sizeof(zones));
}

/* Those of a list that the other lacks. Returns whether a zone is among them. */
static bool
put_missing(struct buf *out, const struct edit_node *node, const struct member_rr *rrs,
    size_t n, const struct member_rr *other, size_t n_other)
{
	uint8_t prefix[DNAME_WIRE_MAX];
	bool zone = false;
	size_t hint = 0;
	for (size_t i = 0; i < n; i++) {
		if (edit_rr_among(&rrs[i], true, other, n_other, &hint))
			continue;
		struct work_rr w = {.prefix = prefix,
		    .prefix_size = owner_prefix(node, &rrs[i], prefix),
		    .type = rrs[i].type,
		    .ttl = rrs[i].ttl,
		    .rdata_size = rrs[i].rdata_size,
		    .rdata = rrs[i].rdata};
		work_rr_put(out, &w);
		zone |= edit_rr_is_ptr(&rrs[i]);
	}
	return zone;
}

/* A line `zone` for each node that keeps its zone: the records alone do not tell
 * the history whom they belong to. */
static void
put_zone_text(struct buf *text, const struct edit_node *node)
{
	struct dname zone;
	char name[DNAME_TEXT_MAX];
	const struct member_rr *ptr = NULL;

	if (edit_count_ptrs(node->after, node->n_after, &ptr) == 0 ||
	    dname_from_wire(ptr->rdata, ptr->rdata_size, &zone) != OK)
		return;
	buf_puts(text, dname_print_short(&zone, name));
	buf_puts(text, "\n");
}

void
edit_diff_init(struct edit_diff *d)
{
	buf_init(&d->del, 0);
	buf_init(&d->add, 0);
	buf_init(&d->text, 0);
}

void
edit_diff_fini(struct edit_diff *d)
{
	buf_fini(&d->del);
	buf_fini(&d->add);
	buf_fini(&d->text);
}

void
edit_diff_add(struct edit_diff *d, const struct edit_node *n)
{
	bool zone =
	    put_missing(&d->del, n, n->before, n->n_before, n->after, n->n_after);

	zone |= put_missing(&d->add, n, n->after, n->n_after, n->before, n->n_before);
	if (n->is_member && !zone)
		put_zone_text(&d->text, n);
}

enum err
edit_diff_err(const struct edit_diff *d)
{
	bool full = d->del.err != OK || d->add.err != OK || d->text.err != OK;
	return full ? ERR_FULL : OK;
}

struct difference {
	struct edit_node **nodes; /* with a net change, in order */
	size_t n_nodes;
	struct edit_diff diff;
};

static int
by_key(const void *pa, const void *pb)
{
	const struct edit_node *a = *(struct edit_node *const *)pa;
	const struct edit_node *b = *(struct edit_node *const *)pb;
	if (a->is_member != b->is_member)
		return a->is_member ? 1 : -1;
	size_t n = a->key_size < b->key_size ? a->key_size : b->key_size;
	int order = n > 0 ? memcmp(a->key, b->key, n) : 0;
	return order != 0 ? order : (int)a->key_size - (int)b->key_size;
}

static void
difference_make(struct catalog_edit *edit, struct difference *d)
{
	edit_diff_init(&d->diff);
	d->n_nodes = 0;
	d->nodes = arena_alloc(&edit->arena, (edit->n_nodes + 1) * sizeof(*d->nodes));
	for (size_t i = 0; i < edit->n_nodes; i++)
		if (edit_is_net_change(edit->nodes[i]))
			d->nodes[d->n_nodes++] = edit->nodes[i];
	qsort(d->nodes, d->n_nodes, sizeof(*d->nodes), by_key);
	for (size_t i = 0; i < d->n_nodes; i++)
		edit_diff_add(&d->diff, d->nodes[i]);
}

/* -- writing ---------------------------------------------------------------- */

static bool
zone_of(const struct member_rr *rrs, size_t n, const struct member_rr **ptr,
    struct dname *zone)
{
	return edit_count_ptrs(rrs, n, ptr) == 1 &&
	       dname_from_wire((*ptr)->rdata, (*ptr)->rdata_size, zone) == OK;
}

bool
edit_zone_before(const struct edit_node *node, struct dname *zone)
{
	const struct member_rr *ptr = NULL;

	return zone_of(node->before, node->n_before, &ptr, zone);
}

bool
edit_fill_member(const struct edit_node *node, const struct member_rr *rrs, size_t n,
    struct member *m)
{
	const struct member_rr *ptr = NULL;
	if (!zone_of(rrs, n, &ptr, &m->zone))
		return false;
	m->id.size = node->key_size;
	memcpy(m->id.data, node->key, node->key_size);
	m->ttl = ptr->ttl;
	m->n_rrs = 0;
	for (size_t i = 0; i < n; i++)
		if (!edit_rr_is_ptr(&rrs[i]))
			member_add_rr(m, &rrs[i]);
	return true;
}

bool
edit_same_zone(const struct edit_node *node)
{
	const struct member_rr *a = NULL, *b = NULL;
	return edit_count_ptrs(node->before, node->n_before, &a) == 1 &&
	       edit_count_ptrs(node->after, node->n_after, &b) == 1 &&
	       edit_rr_equal(a, b);
}

/* All that leave their zone come first: zones may change places in one edit. */
static void
write_gone(struct catalog_edit *edit, const struct difference *d)
{
	struct member *m = &edit->view[0];
	for (size_t i = 0; i < d->n_nodes; i++) {
		const struct edit_node *n = d->nodes[i];
		if (!n->is_member || edit_same_zone(n) ||
		    !edit_fill_member(n, n->before, n->n_before, m))
			continue;
		members_del(edit->txn, edit->before.nr, m);
		edit->after.n_members--;
	}
}

static void
write_members(struct catalog_edit *edit, const struct difference *d,
    const struct work *w)
{
	struct member *m = &edit->view[0];

	m->seq = w->seq;
	m->changed = w->time;
	memcpy(m->by, w->by, sizeof(m->by));
	for (size_t i = 0; i < d->n_nodes; i++) {
		const struct edit_node *n = d->nodes[i];
		if (!n->is_member || !edit_fill_member(n, n->after, n->n_after, m))
			continue;
		members_put(edit->txn, edit->before.nr, m);
		edit->after.n_members += !edit_same_zone(n);
	}
}

void
edit_write_global(struct catalog_edit *edit, const struct edit_node *n,
    struct buf *packed)
{
	buf_reset(packed);
	for (size_t k = 0; k < n->n_after; k++) {
		struct global_rr g = {.type = n->after[k].type,
		    .ttl = n->after[k].ttl,
		    .rdata_size = n->after[k].rdata_size,
		    .rdata = n->after[k].rdata};
		globals_pack(packed, &g);
	}
	globals_put(edit->txn, edit->before.nr, n->key, n->key_size, packed->data,
	    packed->size);
}

static void
write_globals(struct catalog_edit *edit, const struct difference *d)
{
	struct buf packed;
	buf_init(&packed, 0);
	for (size_t i = 0; i < d->n_nodes; i++)
		if (!d->nodes[i]->is_member)
			edit_write_global(edit, d->nodes[i], &packed);
	buf_fini(&packed);
}

bool
edit_soa_differs(const struct catalog_edit *edit)
{
	const struct catalog_head *a = &edit->before, *b = &edit->after;
	const struct soa *x = &a->soa, *y = &b->soa;
	return a->soa_ttl != b->soa_ttl || x->refresh != y->refresh ||
	       x->retry != y->retry || x->expire != y->expire ||
	       x->minimum != y->minimum || !dname_equal(&x->mname, &y->mname) ||
	       !dname_equal(&x->rname, &y->rname);
}

static void
write_all(struct catalog_edit *edit, const struct difference *d,
    const struct catalog_origin *origin)
{
	struct catalog_head *head = &edit->after;
	if (head->soa.serial == edit->before.soa.serial)
		head->soa.serial = serial_next(head->soa.serial);

	struct work w = {.kind = WORK_MEMBER,
	    .catalog = head->nr,
	    .time = origin->now,
	    .serial_from = edit->before.soa.serial,
	    .serial_to = head->soa.serial,
	    .del = d->diff.del.data,
	    .del_size = d->diff.del.size,
	    .add = d->diff.add.data,
	    .add_size = d->diff.add.size,
	    .text = buf_text(&d->diff.text)};
	mem_copy_text(w.by, sizeof(w.by), origin->by);
	mem_copy_text(w.source, sizeof(w.source), origin->source);
	w.held = edit_guard_weigh(edit, d->nodes, d->n_nodes, origin);
	worklog_append(edit->txn, &w);
	write_gone(edit, d);
	write_members(edit, d, &w);
	write_globals(edit, d);
	edit_guard_settle(edit, d->nodes, d->n_nodes);
	head->seq = w.seq;
	if (edit_soa_differs(edit))
		head->soa_seq = w.seq;
	catalogs_put(edit->txn, head);
}

enum err
catalog_edit_commit(struct catalog_edit *edit, const struct catalog_origin *origin,
    uint32_t *serial, bool *changed)
{
	struct difference d;
	bool soa = edit->after.soa.serial != edit->before.soa.serial;

	difference_make(edit, &d);
	enum err err = edit_diff_err(&d.diff);
	if (err == OK && (d.n_nodes > 0 || soa)) {
		write_all(edit, &d, origin);
		err = store_err(edit->txn);
	}
	if (err == OK) {
		*changed = d.n_nodes > 0 || soa;
		*serial = edit->after.soa.serial;
	}
	edit_diff_fini(&d.diff);
	return err;
}

const struct guard_verdict *
catalog_edit_verdict(const struct catalog_edit *edit)
{
	return &edit->guard.verdict;
}
