/* SPDX-License-Identifier: BSD-2-Clause */
#include "netconf/view.h"

#include <stdlib.h>
#include <string.h>

#include "lib/mem.h"
#include "lib/observed.h"
#include "netconf/fetch.h"
#include "netconf/peers.h"
#include "netconf/schema.h"
#include "netconf/text.h"
#include "netconf/zonetree.h"

enum {
	BATCH = 500,         /* zones for which one pool is enough */
	ZONE_TEXT_LEAST = 50 /* octets of the text of any zone */
};

/* -- planning ------------------------------------------------------------- */

static const char *const zone_path[] = {"dns-server", "zones", "zone"};

/* Every filter names its zone: then no others are looked at. */
static void
plan_keys(struct view *v)
{
	for (size_t i = 0; i < v->n_entries; i++)
		if (!filter_match(v->entries[i], SCHEMA_NS, "domain"))
			return;
	v->keys = mem_alloc((v->n_entries + 1) * sizeof(*v->keys));
	for (size_t i = 0; i < v->n_entries; i++) {
		struct dname zone;
		bool twin = false;
		/* Written in another way it is equal to no zone's name. */
		if (text_zone(filter_match(v->entries[i], SCHEMA_NS, "domain"), &zone))
			continue;
		for (size_t j = 0; j < v->n_keys && !twin; j++)
			twin = dname_equal(&v->keys[j], &zone);
		if (!twin)
			v->keys[v->n_keys++] = zone;
	}
}

void
view_plan(struct view *v)
{
	v->entries = mem_alloc(VIEW_ENTRIES_MAX * sizeof(*v->entries));
	v->n_entries = filter_at(v->filter, SCHEMA_NS, zone_path, 3, v->entries,
	    VIEW_ENTRIES_MAX, &v->whole);
	v->wants_zones = v->whole || v->n_entries > 0;
	v->wants_state = v->whole;
	for (size_t i = 0; i < v->n_entries && i < VIEW_ENTRIES_MAX; i++)
		v->wants_state = v->wants_state || filter_may_ask(v->entries[i],
						       SCHEMA_NS, "backend-state");
	v->wants_state = v->wants_state && !v->config_only;
	if (!v->whole && v->n_entries > 0 && v->n_entries <= VIEW_ENTRIES_MAX)
		plan_keys(v);
}

void
view_fini(struct view *v)
{
	free(v->entries);
	free(v->keys);
}

/* -- one zone ------------------------------------------------------------- */

struct record {
	const uint8_t *key; /* of the zone */
	size_t key_size;
	const uint8_t *rdata;
	uint16_t rdata_size;
};

struct records {
	struct record *items;
	size_t n, room;
	struct pool pool;
};

struct printer {
	struct view *v;
	struct pool pool;
	size_t n_in_pool, n_zones;
};

static enum err
too_big(struct view *v)
{
	fault_set(&v->rq->fault, NC_ERR_TOO_BIG,
	    "more zones than one reply may have (%lu MiB): ask for some by name or with "
	    "a filter",
	    v->rq->gw->conf->max_reply >> 20);
	return ERR_SPACE;
}

static void
put_states(struct printer *p, struct elem *zone, const struct record *r, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct rr rr = {.type = RR_TXT,
		    .rdata_size = r[i].rdata_size,
		    .rdata = r[i].rdata};
		zonetree_state(&p->pool, zone, &rr);
	}
}

/* id NULL: it has none yet. */
static enum err
put_zone(struct printer *p, const struct dname *name, const struct props *props,
    const struct label *id, const struct record *states, size_t n_states)
{
	struct view *v = p->v;
	char domain[DNAME_TEXT_MAX];
	if (++p->n_in_pool > BATCH) {
		pool_fini(&p->pool);
		p->n_in_pool = 0;
	}
	if (v->max_zones > 0 && ++p->n_zones > v->max_zones) {
		fault_set(&v->rq->fault, NC_ERR_RES_DENIED,
		    "such an XPath is evaluated over %zu zones at most: use a subtree "
		    "filter, or a path that compares with =",
		    v->max_zones);
		return ERR_SPACE;
	}
	struct elem *zone = zonetree_zone(&p->pool, NULL,
	    dname_print_short(name, domain), props, v->config_only ? NULL : id);
	put_states(p, zone, states, n_states);
	if (v->whole)
		zone->mark = TREE_WHOLE;
	else
		filter_mark_one(v->entries, v->n_entries, zone);
	tree_print(zone, SCHEMA_NS, v->out);
	return v->out->err ? too_big(v) : OK;
}

/* -- zones by name -------------------------------------------------------- */

struct by_name {
	struct view *v;
	struct records *records;
};

static void
keep_record(struct records *r, const struct dname *zone, const struct rr *rr)
{
	uint8_t key[DNAME_KEY_MAX];
	size_t size = dname_key(zone, key);
	r->items = mem_grow(r->items, r->n, &r->room, sizeof(*r->items));
	r->items[r->n++] =
	    (struct record){.key = pool_dup(&r->pool, key, size ? size : 1),
		.key_size = size,
		.rdata = pool_dup(&r->pool, rr->rdata, rr->rdata_size),
		.rdata_size = rr->rdata_size};
}

static void
on_status(void *arg, size_t i, const struct rr *rr)
{
	struct by_name *b = arg;
	keep_record(b->records, &b->v->keys[i], rr);
}

static int
compare_records(const void *a, const void *b)
{
	const struct record *x = a, *y = b;
	size_t n = x->key_size < y->key_size ? x->key_size : y->key_size;
	int c = memcmp(x->key, y->key, n);
	return c ? c : (x->key_size > y->key_size) - (x->key_size < y->key_size);
}

static void
records_fini(struct records *r)
{
	free(r->items);
	pool_fini(&r->pool);
}

/* The first record of that zone, at or behind the position, and how many. */
static size_t
records_of(const struct records *r, const struct dname *zone, size_t *at)
{
	uint8_t key[DNAME_KEY_MAX];
	struct record wanted = {.key = key};
	wanted.key_size = dname_key(zone, key);
	size_t low = 0, high = r->n;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (compare_records(&r->items[mid], &wanted) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	*at = low;
	while (high < r->n && compare_records(&r->items[high], &wanted) == 0)
		high++;
	return high - low;
}

/* A member, as it is or as the candidate would have it. */
static enum err
put_member(struct printer *p, const struct dname *zone,
    const struct memberlist_entry *m, const struct records *records)
{
	const struct zset *changes = p->v->changes;
	const struct zone_edit *z = changes ? zset_find(changes, zone) : NULL;
	struct label id = {0};
	size_t at = 0, n = 0;
	if (z ? !z->has : !m)
		return OK;
	if (m) {
		id.size = m->id_size;
		memcpy(id.data, m->id, m->id_size);
	}
	if (p->v->wants_state)
		n = records_of(records, zone, &at);
	return put_zone(p, zone, z ? &z->is : &m->props, m ? &id : NULL,
	    records->items + at, n);
}

static enum err
by_name(struct printer *p)
{
	struct view *v = p->v;
	struct memberlist members = {0};
	struct records records = {0};
	struct by_name b = {v, &records};
	struct session *s = request_agent(v->rq);
	if (!s)
		return ERR_INVALID;
	struct fetch f = {.session = s,
	    .zones = v->keys,
	    .n = v->n_keys,
	    .members = &members,
	    .on_status = v->wants_state ? on_status : NULL,
	    .arg = &b};
	enum err e = fetch_zones(&f);
	if (e)
		fault_unreachable(&v->rq->fault, s, e);
	if (records.n > 1)
		qsort(records.items, records.n, sizeof(*records.items),
		    compare_records);
	for (size_t i = 0; i < v->n_keys && !e; i++)
		e = put_member(p, &v->keys[i], memberlist_find(&members, &v->keys[i]),
		    &records);
	memberlist_fini(&members);
	records_fini(&records);
	return e;
}

/* -- all zones ------------------------------------------------------------ */

struct by_transfer {
	struct view *v;
	struct session s; /* a connection of its own: it may be broken off */
	struct memberlist members;
	struct records records;
	bool all_pass; /* nothing is compared: each zone will be in the text */
};

static enum err
step(void *arg, size_t n)
{
	struct by_transfer *b = arg;
	if (b->v->max_zones > 0 && n > b->v->max_zones)
		return ERR_SPACE;
	if (!b->all_pass || n * ZONE_TEXT_LEAST <= b->v->out->max)
		return OK;
	return ERR_SPACE;
}

static enum err
take_status(void *arg, enum observed_kind kind, const struct dname *name,
    const struct rr *rr)
{
	struct by_transfer *b = arg;
	struct dname zone;
	if (!observed_zone_of(kind, name, rr, &zone))
		keep_record(&b->records, &zone, rr);
	return step(b, b->records.n);
}

static bool
compares(const struct view *v)
{
	for (size_t i = 0; i < v->n_entries && i < VIEW_ENTRIES_MAX; i++)
		for (const struct elem *c = v->entries[i]->child; c; c = c->next)
			if (c->value && *c->value)
				return true;
	return false;
}

static enum err
print_all(struct printer *p, struct by_transfer *b)
{
	const struct zset *changes = p->v->changes;
	enum err e = OK;
	for (size_t i = 0; i < b->members.n && !e; i++) {
		struct dname zone;
		memberlist_entry_zone(&b->members.items[i], &zone);
		e = put_member(p, &zone, &b->members.items[i], &b->records);
	}
	for (size_t i = 0; changes && i < changes->n && !e; i++)
		if (!memberlist_find(&b->members, &changes->items[i].zone))
			e = put_member(p, &changes->items[i].zone, NULL, &b->records);
	return e;
}

static enum err
by_transfer(struct printer *p)
{
	struct view *v = p->v;
	struct by_transfer *b = mem_zalloc(sizeof(*b));
	b->v = v;
	b->all_pass = v->whole || !compares(v);
	peer_configure(&b->s, v->rq->gw->conf, v->rq->peer->user->key);
	enum err e = session_reopen(&b->s);
	if (!e)
		e = memberlist_load(&b->s, &b->members, step, b);
	if (!e && v->wants_state)
		e = observed_transfer(&b->s, take_status, b);
	if (e == ERR_SPACE && v->max_zones > 0)
		fault_set(&v->rq->fault, NC_ERR_RES_DENIED,
		    "such an XPath is evaluated over %zu zones at most: use a subtree "
		    "filter, or a path that compares with =",
		    v->max_zones);
	else if (e == ERR_SPACE)
		too_big(v);
	else if (e)
		fault_aside(&v->rq->fault, &b->s, e);
	if (!e && b->records.n > 1)
		qsort(b->records.items, b->records.n, sizeof(*b->records.items),
		    compare_records);
	if (!e)
		e = print_all(p, b);
	session_close(&b->s);
	memberlist_fini(&b->members);
	records_fini(&b->records);
	free(b);
	return e;
}

enum err
view_zones(struct view *v, struct buf *out)
{
	struct printer p = {.v = v};
	enum err e = OK;
	v->out = out;
	if (v->n_entries > VIEW_ENTRIES_MAX)
		e = fault_set(&v->rq->fault, NC_ERR_TOO_BIG,
		    "more than %d zones in one filter", VIEW_ENTRIES_MAX);
	else if (v->keys && v->n_keys > 0)
		e = by_name(&p);
	else if (!v->keys && v->wants_zones)
		e = by_transfer(&p);
	pool_fini(&p.pool);
	return e;
}
