/* SPDX-License-Identifier: BSD-2-Clause */
#include "netconf/zset.h"

#include <stdlib.h>
#include <string.h>

#include "lib/mem.h"
#include "netconf/fetch.h"

enum { MANY = 100000 };

void
zset_init(struct zset *s)
{
	memset(s, 0, sizeof(*s));
}

void
zset_fini(struct zset *s)
{
	free(s->items);
	pool_fini(&s->pool);
	memberlist_fini(&s->members);
	zset_init(s);
}

void
zset_add(struct zset *s, const struct dname *zone)
{
	s->items = mem_grow(s->items, s->n, &s->room, sizeof(*s->items));
	s->items[s->n++] = (struct zone_edit){.zone = *zone};
}

static int
compare(const void *a, const void *b)
{
	const struct zone_edit *x = a, *y = b;
	return dname_compare(&x->zone, &y->zone);
}

void
zset_sort(struct zset *s)
{
	size_t kept = 0;
	if (s->n > 1)
		qsort(s->items, s->n, sizeof(*s->items), compare);
	for (size_t i = 0; i < s->n; i++)
		if (kept == 0 ||
		    !dname_equal(&s->items[kept - 1].zone, &s->items[i].zone))
			s->items[kept++] = s->items[i];
	s->n = kept;
}

struct zone_edit *
zset_find(const struct zset *s, const struct dname *zone)
{
	struct zone_edit key;
	key.zone = *zone;
	return s->n == 0 ? NULL
			 : bsearch(&key, s->items, s->n, sizeof(*s->items), compare);
}

bool
zone_edit_is_change(const struct zone_edit *z)
{
	if (z->had != z->has)
		return true;
	return z->has && !props_equal(&z->was, &z->is);
}

/* -- from the catalog ----------------------------------------------------- */

static void
take_entry(struct zset *s, struct zone_edit *z, const struct memberlist_entry *m)
{
	z->had = z->has = m != NULL;
	if (!m)
		return;
	z->id.size = m->id_size;
	memcpy(z->id.data, m->id, m->id_size);
	z->was = m->props;
	z->was.has_groups = true;
	z->odd = m->n_other > 0;
	props_copy(&z->was, &s->pool, &z->is);
}

enum err
zset_fetch(struct zset *s, struct session *session, const struct dname **refused)
{
	struct dname *zones = mem_alloc((s->n + 1) * sizeof(*zones));
	struct label *held = mem_zalloc((s->n + 1) * sizeof(*held));
	bool *hidden = mem_zalloc((s->n + 1) * sizeof(*hidden));
	enum err e = ERR_DENIED;
	*refused = NULL;
	for (size_t i = 0; i < s->n; i++)
		zones[i] = s->items[i].zone;
	memberlist_fini(&s->members);
	if (s->n > MANY)
		e = memberlist_load(session, &s->members, NULL, NULL);
	if (e == ERR_DENIED) { /* few; or a key that may not transfer */
		memberlist_fini(&s->members);
		struct fetch f = {.session = session,
		    .zones = zones,
		    .n = s->n,
		    .members = &s->members,
		    .held_ids = held,
		    .hidden = hidden};
		e = fetch_zones(&f);
		if (f.refused)
			*refused = &s->items[f.refused - zones].zone;
	}
	for (size_t i = 0; i < s->n && !e; i++) {
		take_entry(s, &s->items[i], memberlist_find(&s->members, &zones[i]));
		s->items[i].hidden = hidden[i];
		if (!s->items[i].had)
			s->items[i].id = held[i];
	}
	free(zones);
	free(held);
	free(hidden);
	return e;
}

/* Those of the names that the sorted set has not. */
static void
add_missing(struct zset *s, const struct dname *zones, size_t n)
{
	struct zset sorted = *s;
	for (size_t i = 0; i < n; i++)
		if (!zset_find(&sorted, &zones[i])) {
			zset_add(s, &zones[i]);
			sorted.items = s->items;
		}
	zset_sort(s);
}

enum err
zset_fetch_all(struct zset *s, struct session *session)
{
	size_t n = s->n;
	struct dname *zones = mem_alloc((n + 1) * sizeof(*zones));
	for (size_t i = 0; i < n; i++)
		zones[i] = s->items[i].zone;
	zset_fini(s);
	enum err e = memberlist_load(session, &s->members, NULL, NULL);
	for (size_t i = 0; i < s->members.n && !e; i++) {
		struct dname zone;
		memberlist_entry_zone(&s->members.items[i], &zone);
		zset_add(s, &zone);
		take_entry(s, &s->items[i], &s->members.items[i]);
	}
	zset_sort(s); /* its order is that of keys, the same */
	add_missing(s, zones, n);
	free(zones);
	return e;
}
