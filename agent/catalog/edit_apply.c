/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "agent/catalog/edit.h"

/*
 * The update section of RFC 2136 (3.4.2), on the copies in memory. What may
 * be written at all is decided here by the owner's place in the catalog and the
 * type alone, never by what exists.
 */

/* -- what may be written ---------------------------------------------------- */

static bool
is_strictly_below_ext(const struct catz_name *name)
{
	return name->prefix_size > 4; /* "\3ext" */
}

/* A word why not, or NULL. */
static const char *
why_unwritable(const struct catz_name *name, const struct rr *rr)
{
	bool all = rr->class == CLASS_ANY && rr->type == RR_ANY;
	uint16_t type = rr->type;
	switch (name->kind) {
	case CATZ_APEX:
		return all || type == RR_NS || type == RR_SOA ? NULL
							      : "type-not-writable";
	case CATZ_MEMBER:
	case CATZ_COO: return all || type == RR_PTR ? NULL : "type-not-writable";
	case CATZ_GROUP: return all || type == RR_TXT ? NULL : "type-not-writable";
	case CATZ_MEMBER_EXT:
	case CATZ_EXT:
		if (type == RR_SOA)
			return "type-not-writable";
		return is_strictly_below_ext(name) ? NULL : "owner-not-writable";
	case CATZ_VERSION: return "version-not-writable";
	case CATZ_OUTSIDE:
	case CATZ_ZONES:
	case CATZ_MEMBER_OTHER:
	case CATZ_OTHER: return "owner-not-writable";
	}
	return "owner-not-writable";
}

/* -- SOA -------------------------------------------------------------------- */

/* RFC 2136 3.4.2.2: only a newer one counts; never 0 (4.2). */
static enum err
apply_soa(struct catalog_edit *edit, const struct rr *rr)
{
	struct soa soa;
	if (rr->class != CLASS_IN)
		return OK; /* the SOA is never deleted */
	enum err err = soa_read(rr->rdata, rr->rdata_size, &soa);
	if (err != OK)
		return err;
	if (soa.serial == 0)
		soa.serial = 1;
	if (!serial_gt(soa.serial, edit->after.soa.serial))
		return OK;
	edit->after.soa = soa;
	edit->after.soa_ttl = edit_ttl(rr->ttl);
	return OK;
}

/* -- lists ------------------------------------------------------------------ */

struct place {
	struct catalog_edit *edit;
	struct edit_node *node;
	const uint8_t *prefix;
	size_t prefix_size;
	bool apex;
};

void
edit_own_after(struct catalog_edit *edit, struct edit_node *node)
{
	if (node->changed && node->n_after < node->room)
		return;
	node->room = node->n_after < 2 ? 4 : node->n_after * 2;
	struct member_rr *rrs =
	    arena_alloc(&edit->arena, node->room * sizeof(*node->after));
	if (node->n_after > 0)
		memcpy(rrs, node->after, node->n_after * sizeof(*rrs));
	node->after = rrs;
	node->changed = true;
}

static bool
is_at(const struct place *p, const struct member_rr *rr)
{
	return edit_rr_is_at(rr, p->prefix, p->prefix_size);
}

/* Delete the records at the place that match; type RR_ANY: any. */
static void
delete_rrs(struct place *p, uint16_t type, const struct member_rr *only, bool keep_ns)
{
	struct edit_node *node = p->node;
	size_t n = 0;

	edit_own_after(p->edit, p->node);
	for (size_t i = 0; i < node->n_after; i++) {
		const struct member_rr *rr = &node->after[i];
		bool hit = is_at(p, rr) && (type == RR_ANY || type == rr->type) &&
			   (!only || edit_rr_equal(rr, only)) &&
			   !(keep_ns && rr->type == RR_NS);
		if (!hit)
			node->after[n++] = *rr;
	}
	node->n_after = n;
}

static size_t
count_type(const struct place *p, uint16_t type)
{
	size_t n = 0;
	for (size_t i = 0; i < p->node->n_after; i++)
		n += is_at(p, &p->node->after[i]) && p->node->after[i].type == type;
	return n;
}

static size_t
count_at(const struct place *p)
{
	size_t n = 0;
	for (size_t i = 0; i < p->node->n_after; i++)
		n += is_at(p, &p->node->after[i]);
	return n;
}

/* Add, or replace one that is the same in all but the TTL; the TTL is one for
 * the whole set (RFC 2181 section 5.2). */
static void
add_rr(struct place *p, const struct member_rr *add)
{
	struct edit_node *node = p->node;
	bool found = false;

	/* A CNAME stands alone (RFC 2136 3.4.2.2); a second one replaces it. */
	size_t n_cnames = count_type(p, RR_CNAME);
	if (add->type == RR_CNAME ? count_at(p) > n_cnames : n_cnames > 0)
		return;
	edit_own_after(p->edit, p->node);
	if (add->type == RR_CNAME)
		delete_rrs(p, RR_CNAME, NULL, false);
	for (size_t i = 0; i < node->n_after; i++) {
		struct member_rr *rr = &node->after[i];
		if (rr->type != add->type || !is_at(p, rr))
			continue;
		rr->ttl = add->ttl;
		found |= edit_rr_equal(rr, add);
	}
	if (found)
		return;
	edit_rr_copy(p->edit, add, &node->after[node->n_after++]);
}

/* -- one record ------------------------------------------------------------- */

static void
apply_at(struct place *p, const struct rr *rr)
{
	struct member_rr m = {.prefix = p->prefix,
	    .prefix_size = (uint8_t)p->prefix_size,
	    .type = rr->type,
	    .ttl = edit_ttl(rr->ttl),
	    .rdata_size = rr->rdata_size,
	    .rdata = rr->rdata};

	if (rr->class == CLASS_IN)
		add_rr(p, &m);
	else if (rr->class == CLASS_NONE && p->apex && rr->type == RR_NS &&
		 count_type(p, RR_NS) == 1)
		return; /* the last NS stays (3.4.2.4) */
	else if (rr->class == CLASS_NONE)
		delete_rrs(p, rr->type, &m, false);
	else if (p->apex && rr->type == RR_NS)
		return; /* the set at the apex stays (3.4.2.3) */
	else
		delete_rrs(p, rr->type, NULL, p->apex);
}

static void
note_number(struct edit_node *node, const struct rr *rr, bool at_node, unsigned n)
{
	if (node->n_first == 0)
		node->n_first = n;
	if (rr->class != CLASS_IN)
		return;
	if (node->is_member && at_node)
		node->n_ptr = n;
	else
		node->n_other = n;
}

enum err
catalog_edit_apply(struct catalog_edit *edit, const struct rr *rr, unsigned n,
    struct catalog_refusal *why)
{
	struct catz_name name;
	struct place p = {.edit = edit};
	char type[16];

	catz_classify(&rr->owner, &edit->before.name, &name);
	const char *reason = why_unwritable(&name, rr);
	if (reason)
		return edit_deny(why, n, "%s type=%s", reason,
		    rr_type_print(rr->type, type));
	enum err err = edit_node_at(edit, &rr->owner, &name, &p.node);
	if (err != OK)
		return err == ERR_DENIED ? edit_deny(why, n, "too-much") : err;
	if (edit->arena.used > edit->bytes_max)
		return edit_deny(why, n, "too-much");
	p.apex = name.kind == CATZ_APEX;
	p.prefix = name.prefix;
	p.prefix_size = p.node->is_member ? name.prefix_size : 0;
	p.node->touched = true;
	edit->n_global += !p.node->is_member;
	if (rr->type == RR_SOA)
		return apply_soa(edit, rr);
	if (rr->class == CLASS_IN && p.node->n_after >= 2 * NODE_RRS_MAX)
		return edit_deny(why, n, "too-many-records");
	note_number(p.node, rr, p.prefix_size == 0, n);
	apply_at(&p, rr);
	return OK;
}
