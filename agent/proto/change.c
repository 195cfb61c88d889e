/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/proto/change.h"

#include <stdlib.h>
#include <string.h>

#include "agent/proto/prereq.h"
#include "agent/proto/rights.h"
#include "lib/mem.h"

enum err
change_begin(struct change *c, struct store_txn *txn, struct update *u,
    size_t bytes_max)
{
	struct catalog_head head;
	const struct view *view = u->req.view;

	*c = (struct change){.u = u, .prereq_rcode = RCODE_NOERROR};
	enum err err = catalogs_get(txn, u->catalog->nr, &head);
	if (err != OK)
		return err == ERR_NOTFOUND ? ERR_CORRUPT : err;
	u->serial = head.soa.serial;
	c->edit = catalog_edit_new(txn, &head, view->reserved, view->conf.n_catalogs,
	    bytes_max);
	return OK;
}

void
change_fini(struct change *c)
{
	catalog_edit_free(c->edit);
	free(c->first);
}

/* -- one part --------------------------------------------------------------- */

static void
number_part(struct change *c)
{
	if (c->n_parts == c->room) {
		c->room = c->room > 0 ? 2 * c->room : 1;
		c->first = mem_realloc(c->first, c->room * sizeof(*c->first));
	}
	c->first[c->n_parts++] = c->n_rrs;
}

static enum err
touch(struct change *c, const struct rrlist *prereqs)
{
	enum err err = OK;

	for (size_t i = 0; i < prereqs->n && err == OK; i++)
		err = catalog_edit_touch(c->edit, &prereqs->items[i].owner);
	if (err == ERR_DENIED)
		update_refuse(c->u, RCODE_REFUSED, 0, "too-much");
	return err;
}

static enum err
judge_prereqs(struct change *c, const struct rrlist *prereqs)
{
	unsigned rcode, rr = 0;

	if (prereqs->n == 0 || c->prereq_rcode != RCODE_NOERROR)
		return OK;
	enum err err = prereq_check(c->edit, prereqs, &rcode, &rr);
	if (err == OK && rcode != RCODE_NOERROR) {
		c->prereq_rcode = rcode;
		c->prereq_part = c->n_parts;
		c->prereq_rr = rr;
	}
	return err;
}

static enum err
apply(struct change *c, const struct rrlist *updates)
{
	enum err err = OK;

	for (size_t i = 0; i < updates->n && err == OK; i++)
		err = catalog_edit_apply(c->edit, &updates->items[i], ++c->n_rrs,
		    &c->u->why);
	return err;
}

enum err
change_add(struct change *c, const struct rrlist *prereqs, const struct rrlist *updates)
{
	if (c->denied)
		return OK; /* what follows cannot mend it */
	number_part(c);
	enum err err = touch(c, prereqs);
	if (err == OK)
		err = judge_prereqs(c, prereqs);
	if (err == OK)
		err = apply(c, updates);
	c->denied = err == ERR_DENIED;
	return c->denied ? OK : err;
}

/* -- the judgement ---------------------------------------------------------- */

struct rights_check {
	const struct update *u;
	unsigned rr;
};

static enum err
check_node(void *arg, const struct label *id, const struct member *before,
    const struct member *after, unsigned n)
{
	struct rights_check *c = arg;

	(void)id;
	if (rights_node(c->u->req.key, c->u->catalog, before, after))
		return OK;
	c->rr = n;
	return ERR_DENIED;
}

static enum err
check_rights(struct change *c)
{
	struct rights_check check = {.u = c->u};

	if (!rights_narrowed(c->u->req.key))
		return OK;
	enum err err = ERR_DENIED;
	if (catalog_edit_n_global(c->edit) == 0)
		err = catalog_edit_each_node(c->edit, check_node, &check);
	if (err == ERR_DENIED)
		update_refuse(c->u, RCODE_REFUSED, check.rr, "not-permitted");
	return err;
}

/* The number of a record among all becomes one in its message. */
static void
locate(const struct change *c)
{
	struct update *u = c->u;
	unsigned part = c->n_parts;

	if (u->why.rr == 0)
		return;
	while (part > 1 && c->first[part - 1] >= u->why.rr)
		part--;
	u->why.rr -= c->first[part - 1];
	u->why_msg = part;
}

/* The id is that of a member which a narrowed key may not see. */
static void
hide_id(struct catalog_refusal *why)
{
	char *id = strstr(why->reason, " id=");

	if (id != NULL)
		*id = '\0';
}

static enum err
judge(struct change *c)
{
	struct update *u = c->u;
	enum err err = check_rights(c);

	if (err != OK)
		return err;
	if (c->denied)
		return ERR_DENIED;
	if (c->prereq_rcode != RCODE_NOERROR) {
		update_refuse(u, c->prereq_rcode, c->prereq_rr, "prerequisite");
		u->why_msg = c->prereq_part;
		return OK;
	}
	err = catalog_edit_check(c->edit, &u->why);
	if (err == ERR_DENIED && rights_narrowed(u->req.key))
		hide_id(&u->why);
	return err;
}

enum err
change_end(struct change *c)
{
	struct update *u = c->u;
	struct catalog_origin origin = {.by = key_name_text(u->req.tsig.key),
	    .source = u->source,
	    .now = u->req.now,
	    .limit = &u->catalog->limit};
	enum err err = judge(c);

	if (err == ERR_DENIED) {
		u->rcode = RCODE_REFUSED;
		locate(c);
		return OK;
	}
	if (err != OK || u->rcode != RCODE_NOERROR)
		return err;
	err = catalog_edit_commit(c->edit, &origin, &u->serial, &u->changed);
	u->verdict = *catalog_edit_verdict(c->edit);
	return err;
}
