/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/proto/axfr.h"

#include <stdlib.h>
#include <string.h>

#include "agent/store/members.h"
#include "lib/catz.h"
#include "lib/mem.h"

/*
 * Read in batches; what the records borrow lives as long as the snapshot. A
 * batch ends early when its members have many records.
 */

enum { BATCH = 128, BATCH_RRS = 1024 };

struct batch_member {
	struct label id;
	struct dname zone;
	uint32_t ttl;
	size_t first, n; /* in rrs */
};

struct batch_global {
	struct dname owner;
	const uint8_t *data;
	size_t size;
};

struct axfr {
	const struct snapshot *s;
	bool globals_end, members_end;

	struct batch_global globals[BATCH];
	size_t global_at, n_globals;
	size_t pos; /* in the one at global_at */
	uint8_t last_owner[DNAME_WIRE_MAX];
	size_t last_owner_size; /* SIZE_MAX: none yet */

	struct batch_member members[BATCH];
	size_t member_at, n_members;
	size_t rr_at; /* in the one at member_at: 0 the PTR */
	struct dname node;
	struct member_rr *rrs;
	size_t n_rrs, room;
	struct label last_id;
};

struct axfr *
axfr_new(const struct snapshot *s)
{
	struct axfr *a = mem_alloc(sizeof(*a));
	a->s = s;
	a->globals_end = a->members_end = false;
	a->global_at = a->n_globals = a->pos = 0;
	a->last_owner_size = SIZE_MAX;
	a->member_at = a->n_members = a->rr_at = 0;
	a->rrs = NULL;
	a->n_rrs = a->room = 0;
	a->last_id.size = 0;
	return a;
}

void
axfr_free(struct axfr *a)
{
	if (!a)
		return;
	free(a->rrs);
	free(a);
}

/* -- owners without a member ------------------------------------------------ */

static enum err
take_global(void *arg, const uint8_t *prefix, size_t prefix_size, const uint8_t *data,
    size_t size)
{
	struct axfr *a = arg;
	struct batch_global *g = &a->globals[a->n_globals];

	if (prefix_size > sizeof(a->last_owner) ||
	    dname_join(prefix, prefix_size, &a->s->head.name, &g->owner) != OK)
		return ERR_CORRUPT;
	memcpy(a->last_owner, prefix, prefix_size);
	a->last_owner_size = prefix_size;
	g->data = data;
	g->size = size;
	a->n_globals++;
	return OK;
}

static enum err
global_next(struct axfr *a, struct rr *rr)
{
	struct global_rr g;
	for (;;) {
		for (; a->global_at < a->n_globals; a->global_at++, a->pos = 0) {
			const struct batch_global *b = &a->globals[a->global_at];
			if (!globals_next(b->data, b->size, &a->pos, &g))
				continue;
			*rr = (struct rr){.owner = b->owner,
			    .type = g.type,
			    .class = CLASS_IN,
			    .ttl = g.ttl,
			    .rdata_size = g.rdata_size,
			    .rdata = g.rdata};
			return OK;
		}
		a->global_at = a->n_globals = 0;
		enum err err = globals_each(a->s->txn, a->s->head.nr, a->last_owner,
		    a->last_owner_size, BATCH, take_global, a);
		if (err != OK)
			return err;
		if (a->n_globals == 0)
			return ERR_NOTFOUND;
	}
}

/* -- members ---------------------------------------------------------------- */

static enum err
take_member(void *arg, const struct member *m)
{
	struct axfr *a = arg;
	struct batch_member *b = &a->members[a->n_members++];

	b->id = a->last_id = m->id;
	b->zone = m->zone;
	b->ttl = m->ttl;
	b->first = a->n_rrs;
	b->n = m->n_rrs;
	for (size_t i = 0; i < m->n_rrs; i++) {
		a->rrs = mem_grow(a->rrs, a->n_rrs, &a->room, sizeof(*a->rrs));
		a->rrs[a->n_rrs++] = m->rrs[i];
	}
	return a->n_rrs < BATCH_RRS ? OK : ERR_SPACE; /* a full batch */
}

static enum err
fill_members(struct axfr *a)
{
	struct label after = a->last_id;
	a->member_at = a->n_members = a->n_rrs = 0;
	enum err err = members_each(a->s->txn, a->s->head.nr,
	    after.size ? &after : NULL, BATCH, take_member, a);
	if (err != OK && err != ERR_SPACE)
		return err;
	return a->n_members > 0 ? OK : ERR_NOTFOUND;
}

/* The PTR, then the records below it. */
static enum err
member_rr(struct axfr *a, const struct batch_member *b, struct rr *rr)
{
	rr->class = CLASS_IN;
	if (a->rr_at == 0) {
		enum err err = catz_member_owner(&b->id, &a->s->head.name, &a->node);
		rr->owner = a->node;
		rr->type = RR_PTR;
		rr->ttl = b->ttl;
		rr->rdata_size = b->zone.size;
		rr->rdata = b->zone.wire;
		return err;
	}
	const struct member_rr *m = &a->rrs[b->first + a->rr_at - 1];
	rr->type = m->type;
	rr->ttl = m->ttl;
	rr->rdata_size = m->rdata_size;
	rr->rdata = m->rdata;
	return dname_join(m->prefix, m->prefix_size, &a->node, &rr->owner);
}

static enum err
member_next(struct axfr *a, struct rr *rr)
{
	for (;;) {
		for (; a->member_at < a->n_members; a->member_at++, a->rr_at = 0) {
			const struct batch_member *b = &a->members[a->member_at];
			if (a->rr_at > b->n)
				continue;
			enum err err = member_rr(a, b, rr);
			a->rr_at++;
			return err;
		}
		enum err err = fill_members(a);
		if (err != OK)
			return err;
	}
}

enum err
axfr_next(struct axfr *a, struct rr *rr)
{
	enum err err = ERR_NOTFOUND;
	if (!a->globals_end)
		err = global_next(a, rr);
	if (err != ERR_NOTFOUND)
		return err;
	a->globals_end = true;
	if (!a->members_end)
		err = member_next(a, rr);
	a->members_end = err == ERR_NOTFOUND;
	return err;
}
