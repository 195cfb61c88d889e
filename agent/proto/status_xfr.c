/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/proto/status_xfr.h"

#include <stdlib.h>
#include <string.h>

#include "agent/proto/rrset.h"
#include "agent/proto/status_zone.h"
#include "agent/store/past.h"
#include "agent/store/status.h"
#include "lib/mem.h"

/*
 * A difference goes from a serial that some client was given (given.h) to the
 * snapshot. The head is compared as a whole. Of the zones those are looked at
 * that a changed record is about: told once as of then and once as of now, by the
 * same code that answers a query, so that whatever a text is made of comes out
 * right. Where that is not to be had, or not smaller, all of the zone is given.
 */

enum {
	NOTES_MAX = 100000, /* changed records, of each environment */
	ZONES_FEW = 32,     /* not worth a thought */
	WANTED_S = 86400,   /* who followed may still do */
};

enum step {
	STEP_FROM, /* SOA of the client's serial */
	STEP_DEL_HEAD,
	STEP_DEL_ZONES,
	STEP_TO, /* SOA of ours */
	STEP_ADD_HEAD,
	STEP_ADD_ZONES,
	STEP_END,
};

struct status_xfr {
	struct snapshot *s;
	struct given *now; /* NULL: not to be kept; then head */
	struct buf head;
	bool full;
	enum step step;
	size_t pos; /* in a set */
	struct status_walk *walk;

	/* of a difference */
	struct given *then;
	struct past *status, *catalog;
	struct buf names; /* of the zones, each a size and a name */
	size_t n_names, names_room;
	uint32_t *name_slots; /* hash table: place in names + 1 */
	size_t name_at;
	struct buf before, after; /* of one zone */
	struct buf soa;
};

/* -- the head --------------------------------------------------------------- */

static enum err
read_head(const struct snapshot *s, struct buf *head)
{
	struct rr rr;
	enum err err;
	struct status_walk *walk = status_walk_new(s);

	buf_reset(head);
	while ((err = status_walk_next_head(walk, &rr)) == OK)
		rrset_put(head, &rr);
	status_walk_free(walk);
	return err == ERR_NOTFOUND ? head->err : err;
}

/*
 * What the head is under this serial. Where a time that passed made it another
 * than was given first, the serial grows here and now.
 */
static enum err
know_head(struct status_xfr *x, struct store *store, struct givens *givens)
{
	enum err err = read_head(x->s, &x->head);
	if (err != OK)
		return err;
	struct given *now = givens_find(givens, x->s->head.nr, x->s->serial);
	if (now && (now->head.size != x->head.size ||
		       memcmp(now->head.data, x->head.data, x->head.size) != 0)) {
		status_touch(store);
		x->s->serial = serial_next(x->s->serial);
		now = NULL;
	}
	if (!now)
		now = givens_add(givens, x->s, &x->head);
	x->now = now ? given_hold(now) : NULL;
	return OK;
}

static const struct buf *
head_of(const struct status_xfr *x)
{
	return x->now ? &x->now->head : &x->head;
}

/* -- the zones that changed ------------------------------------------------- */

static size_t
hash_name(const struct dname *name)
{
	uint32_t h = 2166136261u;
	for (size_t i = 0; i < name->size; i++)
		h = (h ^ name->wire[i]) * 16777619u;
	return h;
}

static uint32_t *
slot_of(const struct status_xfr *x, const struct dname *zone)
{
	size_t mask = x->names_room - 1;
	for (size_t i = hash_name(zone) & mask;; i = (i + 1) & mask) {
		uint32_t at = x->name_slots[i];
		if (at == 0)
			return &x->name_slots[i];
		const uint8_t *p = x->names.data + at - 1;
		if (p[0] == zone->size && memcmp(p + 1, zone->wire, p[0]) == 0)
			return &x->name_slots[i];
	}
}

static bool
next_name(const struct buf *names, size_t *pos, struct dname *zone)
{
	if (*pos >= names->size)
		return false;
	size_t size = names->data[*pos];
	enum err err = dname_from_wire(names->data + *pos + 1, size, zone);
	*pos += 1 + size;
	return err == OK;
}

static void
grow_names(struct status_xfr *x)
{
	struct dname zone;
	size_t pos = 0, at = 0;

	free(x->name_slots);
	x->names_room = x->names_room > 0 ? 2 * x->names_room : 64;
	x->name_slots = mem_zalloc(x->names_room * sizeof(*x->name_slots));
	while (next_name(&x->names, &pos, &zone)) {
		*slot_of(x, &zone) = (uint32_t)at + 1;
		at = pos;
	}
}

static enum err
take_name(void *arg, const struct dname *zone)
{
	struct status_xfr *x = arg;

	if (x->n_names * 2 >= x->names_room)
		grow_names(x);
	uint32_t *slot = slot_of(x, zone);
	if (*slot != 0)
		return OK;
	*slot = (uint32_t)x->names.size + 1;
	buf_put_u8(&x->names, zone->size);
	buf_put(&x->names, zone->wire, zone->size);
	x->n_names++;
	return x->names.err;
}

static enum err
take_names(struct status_xfr *x)
{
	uint8_t nr = x->s->head.nr;
	enum err err =
	    past_new(x->s->status, x->then->status_past, NOTES_MAX, &x->status);
	if (err == OK)
		err =
		    past_new(x->s->txn, x->then->catalog_past, NOTES_MAX, &x->catalog);
	if (err == OK)
		err = past_each_zone(x->status, nr, take_name, x);
	if (err == OK)
		err = past_each_zone(x->catalog, nr, take_name, x);
	/* Two records for one; more of them than all is no gain. */
	if (err == OK && x->n_names > ZONES_FEW &&
	    x->n_names * 2 > x->s->head.n_members)
		err = ERR_RANGE;
	return err;
}

/* -- life ------------------------------------------------------------------- */

/* ERR_NOTFOUND, ERR_RANGE: all of it, then. */
static enum err
find_difference(struct status_xfr *x, struct givens *givens, uint32_t client)
{
	struct given *then = givens_find(givens, x->s->head.nr, client);
	if (!then || !x->now)
		return ERR_NOTFOUND;
	x->then = given_hold(then);
	return take_names(x);
}

enum err
status_xfr_new(struct snapshot *s, struct store *store, struct givens *givens,
    const uint32_t *client, struct status_xfr **xfr)
{
	struct status_xfr *x = mem_zalloc(sizeof(*x));
	x->s = s;
	buf_init(&x->head, 0);
	buf_init(&x->names, 0);
	buf_init(&x->before, 0);
	buf_init(&x->after, 0);
	buf_init(&x->soa, 0);
	if (client)
		past_want(store, WANTED_S);
	enum err err = know_head(x, store, givens);
	if (err == OK && client && !serial_gt(s->serial, *client)) {
		status_xfr_free(x);
		*xfr = NULL;
		return OK;
	}
	if (err == OK) {
		err = client ? find_difference(x, givens, *client) : ERR_NOTFOUND;
		x->full = err != OK;
	}
	if (err == ERR_NOTFOUND || err == ERR_RANGE) {
		x->step = STEP_ADD_HEAD;
		err = OK;
	}
	if (err == OK)
		*xfr = x;
	else
		status_xfr_free(x);
	return err;
}

void
status_xfr_free(struct status_xfr *x)
{
	if (!x)
		return;
	status_walk_free(x->walk);
	past_free(x->status);
	past_free(x->catalog);
	given_release(x->now);
	given_release(x->then);
	buf_fini(&x->head);
	buf_fini(&x->names);
	buf_fini(&x->before);
	buf_fini(&x->after);
	buf_fini(&x->soa);
	free(x->name_slots);
	free(x);
}

/* -- records ---------------------------------------------------------------- */

static enum err
take_rr(void *arg, const struct rr *rr)
{
	struct buf *set = arg;
	rrset_put(set, rr);
	return set->err;
}

/* One zone into both sets. */
static enum err
read_zone(struct status_xfr *x, const struct dname *zone)
{
	buf_reset(&x->before);
	buf_reset(&x->after);
	past_use(x->s->status, x->status);
	past_use(x->s->txn, x->catalog);
	enum err err = status_zone_each_of(x->s, zone, take_rr, &x->before);
	past_use(x->s->status, NULL);
	past_use(x->s->txn, NULL);
	if (err == OK)
		err = status_zone_each_of(x->s, zone, take_rr, &x->after);
	return err;
}

/* The next record of a zone that is in one set and not in the other. */
static enum err
changed_rr(struct status_xfr *x, struct rr *rr)
{
	struct dname zone;
	bool del = x->step == STEP_DEL_ZONES;

	for (;;) {
		const struct buf *set = del ? &x->before : &x->after;
		const struct buf *other = del ? &x->after : &x->before;
		if (rrset_next_missing(set, other, &x->pos, rr))
			return OK;
		if (!next_name(&x->names, &x->name_at, &zone))
			return ERR_NOTFOUND;
		enum err err = read_zone(x, &zone);
		if (err != OK)
			return err;
		x->pos = 0;
	}
}

static enum err
soa_at(struct status_xfr *x, uint32_t serial, struct rr *rr)
{
	struct snapshot s = *x->s;
	s.serial = serial;
	snapshot_soa(&s, &x->soa, rr);
	return x->soa.err;
}

static enum err
head_rr(struct status_xfr *x, const struct buf *set, const struct buf *other,
    struct rr *rr)
{
	return rrset_next_missing(set, other, &x->pos, rr) ? OK : ERR_NOTFOUND;
}

static enum err
all_rr(struct status_xfr *x, struct rr *rr)
{
	if (!x->walk)
		x->walk = status_walk_new_zones(x->s);
	return status_walk_next(x->walk, rr);
}

static enum err
step_rr(struct status_xfr *x, struct rr *rr)
{
	static const struct buf none = {.size = 0};

	switch (x->step) {
	case STEP_FROM:
		return x->pos++ == 0 ? soa_at(x, x->then->serial, rr) : ERR_NOTFOUND;
	case STEP_DEL_HEAD: return head_rr(x, &x->then->head, head_of(x), rr);
	case STEP_DEL_ZONES: return changed_rr(x, rr);
	case STEP_TO: return x->pos++ == 0 ? soa_at(x, x->s->serial, rr) : ERR_NOTFOUND;
	case STEP_ADD_HEAD:
		return head_rr(x, head_of(x), x->full ? &none : &x->then->head, rr);
	case STEP_ADD_ZONES: return x->full ? all_rr(x, rr) : changed_rr(x, rr);
	case STEP_END: break;
	}
	return ERR_NOTFOUND;
}

enum err
status_xfr_next(struct status_xfr *x, struct rr *rr)
{
	while (x->step != STEP_END) {
		enum err err = step_rr(x, rr);
		if (err != ERR_NOTFOUND)
			return err;
		x->step++;
		x->pos = x->name_at = 0;
		buf_reset(&x->before);
		buf_reset(&x->after);
	}
	return ERR_NOTFOUND;
}
