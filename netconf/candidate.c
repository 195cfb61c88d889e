/* SPDX-License-Identifier: BSD-2-Clause */
#include "netconf/candidate.h"

#include <pthread.h>
#include <stdlib.h>

#include "lib/mem.h"
#include "netconf/commit.h"

enum { CHANGES_MAX = 1000000, TRIES = 6 };

struct candidate {
	pthread_mutex_t lock;
	struct zset set; /* nothing but changes; sorted */
};

struct candidate *
candidate_new(void)
{
	struct candidate *c = mem_zalloc(sizeof(*c));
	pthread_mutex_init(&c->lock, NULL);
	zset_init(&c->set);
	return c;
}

void
candidate_free(struct candidate *c)
{
	if (!c)
		return;
	zset_fini(&c->set);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

void
candidate_discard(struct candidate *c)
{
	pthread_mutex_lock(&c->lock);
	zset_fini(&c->set);
	pthread_mutex_unlock(&c->lock);
}

bool
candidate_is_changed(struct candidate *c)
{
	pthread_mutex_lock(&c->lock);
	bool changed = c->set.n > 0;
	pthread_mutex_unlock(&c->lock);
	return changed;
}

/* A copy of one change, in the other set's memory. Not sorted. */
static void
copy_edit(const struct zone_edit *from, struct zset *to)
{
	zset_add(to, &from->zone);
	struct zone_edit *z = &to->items[to->n - 1];
	*z = *from;
	props_copy(&from->was, &to->pool, &z->was);
	props_copy(&from->is, &to->pool, &z->is);
}

void
candidate_copy(struct candidate *c, struct zset *set)
{
	zset_init(set);
	pthread_mutex_lock(&c->lock);
	for (size_t i = 0; i < c->set.n; i++)
		copy_edit(&c->set.items[i], set);
	pthread_mutex_unlock(&c->lock);
}

/* -- reading -------------------------------------------------------------- */

/* The zones of an edit as running has them. */
static enum err
read_running(struct edit *edit, struct zset *set, struct session *session,
    struct fault *fault)
{
	const struct dname *refused = NULL;
	enum err e = edit_scan(edit, set, fault);
	if (e)
		return e;
	if (edit->whole)
		e = zset_fetch_all(set, session);
	else
		e = zset_fetch(set, session, &refused);
	if (!e)
		return OK;
	fault_unreachable(fault, session, e);
	if (refused)
		fault_zone(fault, refused);
	return e;
}

/* -- running -------------------------------------------------------------- */

static bool
same_before(const struct zset *a, const struct zset *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++) {
		const struct zone_edit *x = &a->items[i], *y = &b->items[i];
		if (!dname_equal(&x->zone, &y->zone) || x->had != y->had ||
		    (x->had && (!label_equal(&x->id, &y->id) ||
				   !props_equal(&x->was, &y->was))))
			return false;
	}
	return true;
}

enum err
candidate_edit_running(struct edit *edit, struct session *session, bool test_only,
    struct fault *fault)
{
	struct zset before, set;
	enum commit_end end = COMMIT_MOVED;
	enum err e = OK;
	zset_init(&before);
	for (unsigned i = 0; i < TRIES && end == COMMIT_MOVED && !e; i++) {
		zset_init(&set);
		e = read_running(edit, &set, session, fault);
		/* Nothing has moved: prerequisites and records do not agree. */
		bool loose = !e && i > 1 && same_before(&before, &set);
		if (!e)
			e = edit_apply(edit, &set, fault);
		if (!e)
			end = test_only ? COMMIT_DONE
					: commit_run(session, &set, loose, fault);
		zset_fini(&before);
		before = set;
	}
	zset_fini(&before);
	if (!e && end == COMMIT_MOVED)
		return fault_set(fault, NC_ERR_IN_USE,
		    "these zones are being changed by others, again and again");
	return e ? e : end == COMMIT_DONE ? OK : ERR_INVALID;
}

/* -- the candidate -------------------------------------------------------- */

/* Running as the changes so far leave it. */
static void
overlay(const struct candidate *c, bool whole, struct zset *set)
{
	size_t n = set->n;
	for (size_t i = 0; i < c->set.n; i++) {
		const struct zone_edit *change = &c->set.items[i];
		struct zone_edit *z = NULL;
		if (n > 0) { /* added ones stand behind, unsorted */
			struct zset sorted = *set;
			sorted.n = n;
			z = zset_find(&sorted, &change->zone);
		}
		if (!z && !whole)
			continue;
		if (!z) {
			zset_add(set, &change->zone);
			z = &set->items[set->n - 1];
		}
		z->has = change->has;
		props_copy(&change->is, &set->pool, &z->is);
	}
	zset_sort(set);
}

/* The changes, with those that the edit made in place of, or beside, earlier ones. */
static void
merge(struct candidate *c, const struct zset *set)
{
	struct zset merged;
	zset_init(&merged);
	for (size_t i = 0; i < c->set.n; i++)
		if (!zset_find(set, &c->set.items[i].zone))
			copy_edit(&c->set.items[i], &merged);
	for (size_t i = 0; i < set->n; i++) {
		const struct zone_edit *z = &set->items[i];
		const struct zone_edit *earlier = zset_find(&c->set, &z->zone);
		struct zone_edit both = *z;
		if (earlier) { /* what the first edit was made from */
			both.had = earlier->had;
			both.id = earlier->id;
			both.was = earlier->was;
		}
		if (zone_edit_is_change(&both))
			copy_edit(&both, &merged);
	}
	zset_sort(&merged);
	zset_fini(&c->set);
	c->set = merged;
}

enum err
candidate_edit(struct candidate *c, struct edit *edit, struct session *session,
    struct fault *fault)
{
	struct zset set;
	zset_init(&set);
	pthread_mutex_lock(&c->lock);
	enum err e = read_running(edit, &set, session, fault);
	if (!e) {
		overlay(c, edit->whole, &set);
		e = edit_apply(edit, &set, fault);
	}
	if (!e && c->set.n + set.n > CHANGES_MAX)
		e = fault_set(fault, NC_ERR_RES_DENIED,
		    "more than %d zones are to be changed", CHANGES_MAX);
	if (!e)
		merge(c, &set);
	pthread_mutex_unlock(&c->lock);
	zset_fini(&set);
	return e;
}

/* Somebody changed the same zones: which? */
static enum err
explain_moved(const struct candidate *c, struct session *session, bool *same,
    struct fault *fault)
{
	struct zset now;
	const struct dname *refused;
	zset_init(&now);
	for (size_t i = 0; i < c->set.n; i++)
		zset_add(&now, &c->set.items[i].zone);
	zset_sort(&now);
	enum err e = zset_fetch(&now, session, &refused);
	*same = !e && same_before(&c->set, &now);
	for (size_t i = 0; i < now.n && !e && !*same && !fault->path[0]; i++) {
		struct zset a = c->set, b = now;
		a.items += i;
		b.items += i;
		a.n = b.n = 1;
		if (!same_before(&a, &b))
			fault_zone(fault, &now.items[i].zone);
	}
	zset_fini(&now);
	return e ? fault_unreachable(fault, session, e) : OK;
}

enum err
candidate_commit(struct candidate *c, struct session *session, struct fault *fault)
{
	bool same = false;
	enum err e = OK;
	pthread_mutex_lock(&c->lock);
	enum commit_end end = commit_run(session, &c->set, false, fault);
	if (end == COMMIT_MOVED)
		e = explain_moved(c, session, &same, fault);
	if (end == COMMIT_MOVED && same)
		end = commit_run(session, &c->set, true, fault);
	if (end == COMMIT_DONE)
		zset_fini(&c->set);
	pthread_mutex_unlock(&c->lock);
	if (!e && end == COMMIT_MOVED)
		return fault_set(fault, NC_ERR_OP_FAILED,
		    "running has changed where the candidate would change it: "
		    "discard-changes, and edit again");
	return e ? e : end == COMMIT_DONE ? OK : ERR_INVALID;
}
