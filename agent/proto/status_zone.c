/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/proto/status_zone.h"

#include <string.h>

#include "agent/proto/rights.h"
#include "agent/proto/status_text.h"
#include "agent/store/members.h"

/* -- owners ----------------------------------------------------------------- */

/* Does the last label begin with "_"? Those names are the agent's own. */
static bool
is_ours(const struct dname *relative)
{
	unsigned n = dname_n_labels(relative);
	struct dname last;
	struct label label;
	if (n == 0)
		return false;
	dname_strip(relative, n - 1, &last);
	return dname_first_label(&last, &label) == OK && label.data[0] == '_';
}

static enum err
branch_apex(const struct dname *apex, const char *branch, struct dname *out)
{
	struct label label = label_of(branch);
	return dname_prepend(&label, apex, out);
}

enum err
status_branch_owner(const struct dname *apex, const char *branch, const char *name,
    struct dname *owner)
{
	struct label label = {0};
	struct dname base;
	size_t n = strlen(name);

	if (n == 0 || n > sizeof(label.data))
		return ERR_RANGE;
	label.size = (uint8_t)n;
	for (size_t i = 0; i < n; i++) {
		char c = name[i];
		label.data[i] = (uint8_t)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
	}
	enum err err = branch_apex(apex, branch, &base);
	return err == OK ? dname_prepend(&label, &base, owner) : err;
}

bool
status_zone_fits(const struct dname *apex, const struct dname *zone)
{
	struct dname owner;
	return !is_ours(zone) &&
	       dname_join(zone->wire, zone->size - 1u, apex, &owner) == OK;
}

enum err
status_zone_owner(const struct dname *apex, const struct dname *zone,
    const struct label *id, struct dname *owner)
{
	struct dname base;
	if (!is_ours(zone) &&
	    dname_join(zone->wire, zone->size - 1u, apex, owner) == OK)
		return OK;
	enum err err = branch_apex(apex, "_id", &base);
	return err == OK ? dname_prepend(id, &base, owner) : err;
}

/* -- one owner -------------------------------------------------------------- */

struct lookup {
	const struct snapshot *s;
	const struct proto_key *key;
	const struct dname *owner; /* NULL: the one each zone has */
	struct dname own;
	uint16_t type;
	catalog_rr_fn *fn;
	void *arg;
	bool exists;
	struct buf rdata;
};

static enum err
emit(struct lookup *l, const struct rr *rr)
{
	l->exists = true;
	if (l->type != RR_ANY && l->type != rr->type)
		return OK;
	return l->fn(l->arg, rr);
}

static enum err
emit_txt(struct lookup *l)
{
	struct rr rr = {.owner = l->owner ? *l->owner : l->own,
	    .type = RR_TXT,
	    .class = CLASS_IN,
	    .rdata_size = (uint16_t)l->rdata.size,
	    .rdata = l->rdata.data};
	return emit(l, &rr);
}

static enum err
at_apex(struct lookup *l)
{
	struct rr rr;
	snapshot_soa(l->s, &l->rdata, &rr);
	enum err err = emit(l, &rr);
	if (err != OK)
		return err;
	snapshot_ns(l->s, &rr);
	err = emit(l, &rr);
	if (err == OK)
		err = status_text_agent(l->s, &l->rdata);
	return err == OK ? emit_txt(l) : err;
}

static enum err
at_backend(struct lookup *l)
{
	const struct proto_backend *b;
	struct dname owner;
	enum err err = OK;

	for (size_t i = 0; (b = view_backend(l->s->view, l->s->head.nr, i)); i++) {
		if (err != OK ||
		    status_branch_owner(&l->s->zone->name, "_backend", b->name,
			&owner) != OK ||
		    !dname_equal(&owner, l->owner))
			continue;
		err = status_text_backend(l->s, b, &l->rdata);
		if (err == OK)
			err = emit_txt(l);
	}
	return err;
}

static enum err
see_pattern(void *arg, const struct pattern_status *p)
{
	struct lookup *l = arg;
	struct dname owner;

	if (status_branch_owner(&l->s->zone->name, "_pattern", p->name, &owner) != OK ||
	    !dname_equal(&owner, l->owner))
		return OK;
	enum err err = status_text_pattern(l->s, p, &l->rdata);
	return err == OK ? emit_txt(l) : err;
}

/* -- zones ------------------------------------------------------------------ */

/* As the walk has it: by the id of the member, or of the first state. */
static enum err
find_owner(struct lookup *l, const struct dname *zone, const struct status_member *m)
{
	struct zone_status z = {.id.size = 0};
	bool fits = status_zone_fits(&l->s->zone->name, zone);
	enum err err = ERR_NOTFOUND;

	for (unsigned nr = 0; !m && !fits && err == ERR_NOTFOUND && nr <= UINT8_MAX;
	     nr++)
		err = status_get(l->s->status, l->s->head.nr, zone, (uint8_t)nr, &z);
	if (err == ERR_NOTFOUND && !m && !fits)
		return OK; /* no record either */
	return m || fits || err == OK ? status_zone_owner(&l->s->zone->name, zone,
					    m ? &m->id : &z.id, &l->own)
				      : err;
}

static enum err
emit_zone(struct lookup *l, const struct dname *zone, const struct status_member *m)
{
	const struct proto_backend *b;
	size_t n = 0;
	enum err err = l->owner ? OK : find_owner(l, zone, m);

	for (; err == OK && (b = view_backend(l->s->view, l->s->head.nr, n)); n++) {
		err = status_text_zone(l->s, zone, m, b, &l->rdata);
		if (err == OK)
			err = emit_txt(l);
		else if (err == ERR_NOTFOUND)
			err = OK;
	}
	if (n > 0 || !m)
		return err;
	err = status_text_zone(l->s, zone, m, NULL, &l->rdata);
	return err == OK ? emit_txt(l) : err;
}

static enum err
see_below(void *arg, const struct zone_status *z)
{
	struct lookup *l = arg;
	struct dname below;
	if (dname_join(z->zone.wire, z->zone.size - 1u, &l->s->zone->name, &below) ==
	    OK)
		l->exists = dname_is_below(&below, l->owner);
	return OK;
}

/* Is there a zone below, so that this is an empty non-terminal? */
static enum err
look_below(struct lookup *l, const struct dname *zone)
{
	struct dname next;
	uint8_t nr = l->s->head.nr;
	enum err err = members_next_zone(l->s->txn, nr, zone, &next);
	if (err == OK)
		l->exists = dname_is_below(&next, zone);
	if ((err != OK && err != ERR_NOTFOUND) || l->exists)
		return err;
	return status_each(l->s->status, nr, zone, UINT8_MAX, 1, see_below, l);
}

/* May a narrowed key see a zone that is no member, by its last patterns? */
static bool
may_see_gone(const struct lookup *l, const struct dname *zone)
{
	const struct proto_backend *b;
	struct zone_status z;
	bool seen = false;

	if (!rights_zone(l->key, zone))
		return false;
	if (l->key->n_patterns == 0)
		return true;
	for (size_t i = 0; (b = view_backend(l->s->view, l->s->head.nr, i)); i++) {
		if (status_get(l->s->status, l->s->head.nr, zone, b->nr, &z) != OK)
			continue;
		if (!rights_pattern(l->key, z.pattern))
			return false;
		seen = true;
	}
	return seen;
}

/* The member as the backends see it. */
static enum err
emit_member(struct lookup *l, const struct member *m, const struct hold *held)
{
	struct status_member sm;
	struct label id;

	if (rights_narrowed(l->key) && !rights_member(l->key, l->s->zone->catalog, m))
		return ERR_DENIED;
	status_member_set(&sm, m, l->s->zone->catalog);
	if (held) {
		bool reset =
		    held->kind == HOLD_RESET &&
		    members_find_zone(l->s->txn, l->s->head.nr, &m->zone, &id) == OK;
		status_member_hold(&sm, held, reset ? &id : NULL);
	}
	return emit_zone(l, &sm.zone, &sm);
}

/* What the guard holds of a zone; *seen: it was emitted, with its old member. */
static enum err
at_held(struct lookup *l, const struct dname *zone, struct hold *h, bool *has_hold,
    bool *seen)
{
	struct member m;

	*has_hold = *seen = false;
	if (l->s->guard.n_held == 0)
		return OK;
	member_init(&m);
	enum err err = holds_get(l->s->txn, l->s->head.nr, zone, h, &m);
	*has_hold = err == OK;
	if (err == OK && (h->kind == HOLD_REMOVAL || h->kind == HOLD_RESET)) {
		*seen = true;
		err = emit_member(l, &m, h);
	}
	member_fini(&m);
	return err == ERR_NOTFOUND ? OK : err;
}

static enum err
at_member(struct lookup *l, const struct label *id, bool by_id)
{
	struct member m;
	struct dname owner;
	struct hold h;
	bool has_hold = false, seen = false;
	member_init(&m);
	enum err err = members_get(l->s->txn, l->s->head.nr, id, &m);
	if (err != OK)
		goto out;
	if (by_id && rights_narrowed(l->key) &&
	    !rights_member(l->key, l->s->zone->catalog, &m)) {
		err = ERR_DENIED;
		goto out;
	}
	if (by_id && (status_zone_owner(&l->s->zone->name, &m.zone, id, &owner) != OK ||
			 !dname_equal(&owner, l->owner)))
		goto out; /* it has a name of its own */
	err = at_held(l, &m.zone, &h, &has_hold, &seen);
	if (err == OK && !seen)
		err = emit_member(l, &m, has_hold ? &h : NULL);
out:
	member_fini(&m);
	return err;
}

static enum err
at_zone(struct lookup *l, const struct dname *zone)
{
	struct label id;
	enum err err = members_find_zone(l->s->txn, l->s->head.nr, zone, &id);

	if (err == OK)
		return at_member(l, &id, false);
	if (err != ERR_NOTFOUND)
		return err;
	struct hold h;
	bool has_hold, seen;
	err = at_held(l, zone, &h, &has_hold, &seen);
	if (err != OK || seen)
		return err;
	if (rights_narrowed(l->key) && !may_see_gone(l, zone))
		return ERR_DENIED;
	return emit_zone(l, zone, NULL);
}

enum err
status_zone_each_of(const struct snapshot *s, const struct dname *zone,
    catalog_rr_fn *fn, void *arg)
{
	static const struct proto_key any = {.rights = RIGHT_READ};
	struct snapshot seen = *s;
	struct lookup l = {.s = &seen,
	    .key = &any,
	    .type = RR_ANY,
	    .fn = fn,
	    .arg = arg};

	seen.guard.n_held = 1; /* now; there may have been some then */
	buf_init(&l.rdata, UINT16_MAX);
	enum err err = at_zone(&l, zone);
	buf_fini(&l.rdata);
	return err;
}

static enum err
at_id(struct lookup *l, const struct dname *relative)
{
	struct label id;
	unsigned n = dname_n_labels(relative);

	if (n == 2 && dname_first_label(relative, &id) == OK) {
		enum err err = at_member(l, &id, true);
		if (err != ERR_NOTFOUND)
			return err;
	}
	return rights_narrowed(l->key) ? ERR_DENIED : OK;
}

/* -- all of it -------------------------------------------------------------- */

static enum err
at_ours(struct lookup *l, const struct dname *relative)
{
	struct dname last;
	struct label label;
	enum err err;

	dname_strip(relative, dname_n_labels(relative) - 1, &last);
	err = dname_first_label(&last, &label);
	if (err != OK)
		return err;
	bool id = label_is(&label, "_id"), backend = label_is(&label, "_backend");
	bool pattern = label_is(&label, "_pattern");
	/* The three branches exist, with something in them or not. */
	l->exists = dname_n_labels(relative) == 1 && (id || backend || pattern);
	if (id)
		return at_id(l, relative);
	if (rights_narrowed(l->key))
		return ERR_DENIED;
	if (backend)
		return at_backend(l);
	return pattern ? status_each_pattern(l->s->status, see_pattern, l) : OK;
}

enum err
status_zone_each_at(const struct snapshot *s, const struct proto_key *key,
    const struct dname *owner, uint16_t type, catalog_rr_fn *fn, void *arg,
    bool *exists)
{
	struct lookup l =
	    {.s = s, .key = key, .owner = owner, .type = type, .fn = fn, .arg = arg};
	struct dname relative = dname_root;
	enum err err = dname_join(owner->wire, owner->size - (size_t)s->zone->name.size,
	    &dname_root, &relative);

	buf_init(&l.rdata, UINT16_MAX);
	if (err != OK)
		;
	else if (relative.size == 1)
		err = rights_narrowed(key) ? ERR_DENIED : at_apex(&l);
	else if (is_ours(&relative))
		err = at_ours(&l, &relative);
	else {
		err = at_zone(&l, &relative);
		if (err == OK && !l.exists)
			err = look_below(&l, &relative);
	}
	buf_fini(&l.rdata);
	if (err == OK)
		*exists = l.exists;
	return err;
}
