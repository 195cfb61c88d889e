/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>

#include "agent/proto/status_text.h"
#include "agent/proto/status_zone.h"
#include "agent/store/members.h"
#include "lib/mem.h"

/*
 * All of _status.C, one record at a time: the agent, backends, patterns, then
 * the zones. Those are three streams in canonical order of zone, members, what
 * the guard holds, and recorded states, merged: a zone is a member, or is on its
 * way out or kept from it, or both under different ids. Each is read in batches,
 * so that memory is constant.
 */

enum { BATCH = 64 };

enum phase {
	PHASE_AGENT,
	PHASE_NS,
	PHASE_BACKENDS,
	PHASE_PATTERNS,
	PHASE_ZONES,
	PHASE_END,
};

struct status_walk {
	const struct snapshot *s;
	enum phase phase;
	size_t n; /* within the phase; in a zone: of the backend */
	struct pattern_status *patterns;
	size_t n_patterns, room;
	struct buf rdata;

	struct status_member members[BATCH];
	size_t member_at, n_members;
	struct dname last_member;
	bool members_end;

	struct status_member holds[BATCH];
	size_t hold_at, n_holds;
	struct dname last_hold;
	bool holds_end;

	struct zone_status states[BATCH]; /* one for each zone */
	size_t state_at, n_states;
	struct dname last_state;
	bool states_end;

	/* The zone under way. */
	bool has_zone, has_member;
	struct dname zone, owner;
	struct label id;
	struct status_member member;
};

static enum err
take_pattern(void *arg, const struct pattern_status *p)
{
	struct status_walk *w = arg;
	w->patterns =
	    mem_grow(w->patterns, w->n_patterns, &w->room, sizeof(*w->patterns));
	w->patterns[w->n_patterns++] = *p;
	return OK;
}

struct status_walk *
status_walk_new(const struct snapshot *s)
{
	struct status_walk *w = mem_zalloc(sizeof(*w));
	w->s = s;
	buf_init(&w->rdata, UINT16_MAX);
	return w;
}

struct status_walk *
status_walk_new_zones(const struct snapshot *s)
{
	struct status_walk *w = status_walk_new(s);
	w->phase = PHASE_ZONES;
	return w;
}

void
status_walk_free(struct status_walk *w)
{
	if (!w)
		return;
	buf_fini(&w->rdata);
	free(w->patterns);
	free(w);
}

/* -- the three streams------------------------------------------------------ */

static enum err
take_member(void *arg, const struct member *m)
{
	struct status_walk *w = arg;
	status_member_set(&w->members[w->n_members++], m, w->s->zone->catalog);
	w->last_member = m->zone;
	return OK;
}

static enum err
fill_members(struct status_walk *w)
{
	const struct dname *after = w->last_member.size ? &w->last_member : NULL;
	if (w->member_at < w->n_members || w->members_end)
		return OK;
	w->member_at = w->n_members = 0;
	enum err err = members_each_by_zone(w->s->txn, w->s->head.nr, after, BATCH,
	    take_member, w);
	w->members_end = w->n_members == 0;
	return err;
}

/* With its member as the backends see it; without one, the zone alone. */
static enum err
take_hold(void *arg, const struct hold *h, const struct member *m)
{
	struct status_walk *w = arg;
	struct status_member *sm = &w->holds[w->n_holds++];
	*sm = (struct status_member){.zone = h->zone};
	if (m)
		status_member_set(sm, m, w->s->zone->catalog);
	status_member_hold(sm, h, NULL);
	w->last_hold = h->zone;
	return OK;
}

static enum err
fill_holds(struct status_walk *w)
{
	struct dname from = w->last_hold;
	if (w->hold_at < w->n_holds || w->holds_end || w->s->guard.n_held == 0)
		return OK;
	w->hold_at = w->n_holds = 0;
	enum err err = holds_each(w->s->txn, w->s->head.nr, from.size ? &from : NULL,
	    BATCH, take_hold, w);
	w->holds_end = w->n_holds == 0;
	return err;
}

static enum err
take_state(void *arg, const struct zone_status *z)
{
	struct status_walk *w = arg;
	if (w->n_states == 0 || !dname_equal(&w->last_state, &z->zone))
		w->states[w->n_states++] = *z;
	w->last_state = z->zone;
	return OK;
}

/* After the last backend of the last zone: its others are looked up singly. */
static enum err
fill_states(struct status_walk *w)
{
	const struct dname *after = w->last_state.size ? &w->last_state : NULL;
	if (w->state_at < w->n_states || w->states_end)
		return OK;
	struct dname from = w->last_state;
	w->state_at = w->n_states = 0;
	enum err err = status_each(w->s->status, w->s->head.nr, after ? &from : NULL,
	    UINT8_MAX, BATCH, take_state, w);
	w->states_end = w->n_states == 0;
	return err;
}

/* -- zones ------------------------------------------------------------------ */

static const struct dname *
nearest(const struct dname *best, const struct dname *zone)
{
	return !best || (zone && dname_compare(zone, best) < 0) ? zone : best;
}

static bool
is_at(const struct dname *zone, const struct dname *here)
{
	return zone && dname_equal(zone, here);
}

/* The guard's member goes before the catalog's; of a change, which has none, it
 * only tells that it is held. */
static void
put_hold(struct status_walk *w, const struct status_member *h)
{
	if (h->id.size > 0) {
		struct label id = w->member.id;
		w->member = *h;
		if (w->has_member && h->hold.kind == HOLD_RESET)
			w->member.new_id = id;
		w->has_member = true;
	} else if (w->has_member) {
		status_member_hold(&w->member, &h->hold, NULL);
	}
}

static enum err
next_zone(struct status_walk *w)
{
	enum err err = fill_members(w);
	if (err == OK)
		err = fill_holds(w);
	if (err == OK)
		err = fill_states(w);
	if (err != OK)
		return err;
	const struct status_member *m =
	    w->member_at < w->n_members ? &w->members[w->member_at] : NULL;
	const struct status_member *h =
	    w->hold_at < w->n_holds ? &w->holds[w->hold_at] : NULL;
	const struct zone_status *z =
	    w->state_at < w->n_states ? &w->states[w->state_at] : NULL;
	const struct dname *here =
	    nearest(nearest(m ? &m->zone : NULL, h ? &h->zone : NULL),
		z ? &z->zone : NULL);
	if (!here)
		return ERR_NOTFOUND;
	w->zone = *here;
	w->has_member = is_at(m ? &m->zone : NULL, &w->zone);
	if (w->has_member) {
		w->member = *m;
		w->member_at++;
	}
	if (is_at(h ? &h->zone : NULL, &w->zone)) {
		put_hold(w, h);
		w->hold_at++;
	}
	bool state = is_at(z ? &z->zone : NULL, &w->zone);
	w->state_at += state;
	w->has_zone = w->has_member || state;
	w->n = 0;
	if (!w->has_zone)
		return OK; /* a stray of which nothing is recorded yet */
	w->id = w->has_member ? w->member.id : z->id;
	return status_zone_owner(&w->s->zone->name, &w->zone, &w->id, &w->owner);
}

static void
set_rr(struct status_walk *w, const struct dname *owner, struct rr *rr)
{
	*rr = (struct rr){.owner = *owner,
	    .type = RR_TXT,
	    .class = CLASS_IN,
	    .rdata_size = (uint16_t)w->rdata.size,
	    .rdata = w->rdata.data};
}

/* The next record of the zone under way; ERR_NOTFOUND: it has no more. */
static enum err
zone_rr(struct status_walk *w, struct rr *rr)
{
	const struct status_member *m = w->has_member ? &w->member : NULL;
	enum err err = ERR_NOTFOUND;

	while (w->has_zone && err == ERR_NOTFOUND) {
		const struct proto_backend *b =
		    view_backend(w->s->view, w->s->head.nr, w->n);
		if (!b && (w->n > 0 || !m)) {
			w->has_zone = false;
			return ERR_NOTFOUND;
		}
		w->n++;
		err = status_text_zone(w->s, &w->zone, m, b, &w->rdata);
	}
	if (err == OK)
		set_rr(w, &w->owner, rr);
	return err;
}

static enum err
zones_rr(struct status_walk *w, struct rr *rr)
{
	enum err err;
	while ((err = zone_rr(w, rr)) == ERR_NOTFOUND) {
		err = next_zone(w);
		if (err != OK)
			return err;
	}
	return err;
}

/* -- what comes before ------------------------------------------------------ */

static enum err
backend_rr(struct status_walk *w, struct rr *rr)
{
	struct dname owner;
	const struct proto_backend *b;
	while ((b = view_backend(w->s->view, w->s->head.nr, w->n++))) {
		if (status_branch_owner(&w->s->zone->name, "_backend", b->name,
			&owner) != OK)
			continue;
		enum err err = status_text_backend(w->s, b, &w->rdata);
		if (err == OK)
			set_rr(w, &owner, rr);
		return err;
	}
	return ERR_NOTFOUND;
}

static enum err
pattern_rr(struct status_walk *w, struct rr *rr)
{
	struct dname owner;
	while (w->n < w->n_patterns) {
		const struct pattern_status *p = &w->patterns[w->n++];
		if (status_branch_owner(&w->s->zone->name, "_pattern", p->name,
			&owner) != OK)
			continue;
		enum err err = status_text_pattern(w->s, p, &w->rdata);
		if (err == OK)
			set_rr(w, &owner, rr);
		return err;
	}
	return ERR_NOTFOUND;
}

static enum err
agent_rr(struct status_walk *w, struct rr *rr)
{
	enum err err = OK;
	if (w->n++ > 0)
		return ERR_NOTFOUND;
	err = status_each_pattern(w->s->status, take_pattern, w);
	if (err == OK)
		err = status_text_agent(w->s, &w->rdata);
	if (err == OK)
		set_rr(w, &w->s->zone->name, rr);
	return err;
}

static enum err
ns_rr(struct status_walk *w, struct rr *rr)
{
	if (w->n++ > 0)
		return ERR_NOTFOUND;
	snapshot_ns(w->s, rr);
	return OK;
}

static enum err
phase_rr(struct status_walk *w, struct rr *rr)
{
	switch (w->phase) {
	case PHASE_AGENT: return agent_rr(w, rr);
	case PHASE_NS: return ns_rr(w, rr);
	case PHASE_BACKENDS: return backend_rr(w, rr);
	case PHASE_PATTERNS: return pattern_rr(w, rr);
	case PHASE_ZONES: return zones_rr(w, rr);
	case PHASE_END: break;
	}
	return ERR_NOTFOUND;
}

static enum err
next_until(struct status_walk *w, enum phase end, struct rr *rr)
{
	while (w->phase != end) {
		enum err err = phase_rr(w, rr);
		if (err != ERR_NOTFOUND)
			return err;
		w->phase++;
		w->n = 0;
	}
	return ERR_NOTFOUND;
}

enum err
status_walk_next(struct status_walk *w, struct rr *rr)
{
	return next_until(w, PHASE_END, rr);
}

enum err
status_walk_next_head(struct status_walk *w, struct rr *rr)
{
	return next_until(w, PHASE_ZONES, rr);
}
