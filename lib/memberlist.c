/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/memberlist.h"

#include <stdlib.h>
#include <string.h>

#include "lib/catz.h"
#include "lib/mem.h"
#include "lib/rr.h"

void
memberlist_fini(struct memberlist *members)
{
	free(members->items);
	members->items = NULL;
	members->n = members->room = 0;
	pool_fini(&members->pool);
}

void
memberlist_entry_zone(const struct memberlist_entry *m, struct dname *zone)
{
	if (dname_from_key(m->zone, m->zone_size, zone))
		*zone = dname_root; /* cannot be: it was a name before */
}

/* -- taking records ------------------------------------------------------- */

void
memberlist_begin(struct memberlist *members, const struct dname *apex)
{
	*members = (struct memberlist){.apex = *apex, .sorted_by_id = true};
}

static int
compare_bytes(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size)
{
	int c = memcmp(a, b, a_size < b_size ? a_size : b_size);
	return c ? c : (a_size > b_size) - (a_size < b_size);
}

static int
compare_ids(const void *a, const void *b)
{
	const struct memberlist_entry *x = a, *y = b;
	return compare_bytes(x->id, x->id_size, y->id, y->id_size);
}

/* The entry of the id, if it was the last one, or another: a zone whose records
 * come in any order is put right at the end. */
static struct memberlist_entry *
entry_of(struct memberlist *m, const struct label *id)
{
	struct memberlist_entry *last = m->n > 0 ? &m->items[m->n - 1] : NULL;
	int c = last ? compare_bytes(last->id, last->id_size, id->data, id->size) : -1;
	if (c == 0)
		return last;
	if (c > 0)
		m->sorted_by_id = false;
	m->items = mem_grow(m->items, m->n, &m->room, sizeof(*m->items));
	struct memberlist_entry *e = &m->items[m->n++];
	*e = (struct memberlist_entry){
	    .id = pool_dup(&m->pool, id->data, id->size),
	    .id_size = id->size,
	};
	return e;
}

static void
take_zone(struct memberlist *m, struct memberlist_entry *e, const struct rr *rr)
{
	struct dname zone;
	uint8_t key[DNAME_KEY_MAX];
	if (dname_from_wire(rr->rdata, rr->rdata_size, &zone))
		return; /* read by its type, so it is a name */
	size_t size = dname_key(&zone, key);
	e->zone = pool_dup(&m->pool, key, size);
	e->zone_size = (uint16_t)size;
}

/* The strings of a TXT joined; *n counts them. */
static void
join_strings(const struct rr *rr, struct buf *out, unsigned *n)
{
	const uint8_t *string;
	uint8_t size;
	size_t pos = 0;
	*n = 0;
	while (txt_next(rr->rdata, rr->rdata_size, &pos, &string, &size)) {
		buf_put(out, string, size);
		++*n;
	}
}

static void
take_group(struct memberlist *m, struct memberlist_entry *e, const struct rr *rr)
{
	struct buf text;
	unsigned n;
	buf_init(&text, 0);
	join_strings(rr, &text, &n);
	/* The whole RDATA is the value: two strings are not their sum. */
	if (n == 1 && text.size > 0) {
		struct props_group *g = pool_zalloc(&m->pool, sizeof(*g));
		g->data = pool_dup(&m->pool, text.data, text.size);
		g->size = text.size;
		g->next = e->props.groups;
		e->props.groups = g;
		e->props.has_groups = true;
	} else {
		e->n_other++;
	}
	buf_fini(&text);
}

static void
take_param(struct memberlist *m, struct memberlist_entry *e, const struct label *name,
    const struct rr *rr)
{
	struct buf text;
	unsigned n;
	const char *why;
	buf_init(&text, 0);
	join_strings(rr, &text, &n);
	if (text.size == 0 || props_add_param((const char *)name->data, name->size,
				  text.data, text.size, &m->pool, &e->props, &why))
		e->n_other++;
	buf_fini(&text);
}

enum err
memberlist_take(struct memberlist *m, const struct rr *rr)
{
	struct catz_name name;
	struct soa soa;
	struct label param;
	catz_classify(&rr->owner, &m->apex, &name);
	if (name.kind == CATZ_APEX && rr->type == RR_SOA &&
	    !soa_read(rr->rdata, rr->rdata_size, &soa)) {
		m->serial = soa.serial;
		m->soa = pool_dup(&m->pool, rr->rdata, rr->rdata_size);
		m->soa_size = rr->rdata_size;
	}
	if (name.kind == CATZ_MEMBER && rr->type == RR_PTR)
		take_zone(m, entry_of(m, &name.id), rr);
	else if (name.kind == CATZ_GROUP && rr->type == RR_TXT)
		take_group(m, entry_of(m, &name.id), rr);
	else if (name.kind == CATZ_MEMBER_EXT && rr->type == RR_TXT &&
		 !props_param_name(name.prefix, name.prefix_size, &param))
		take_param(m, entry_of(m, &name.id), &param, rr);
	else if (name.kind == CATZ_MEMBER || name.kind == CATZ_GROUP ||
		 name.kind == CATZ_COO || name.kind == CATZ_MEMBER_EXT ||
		 name.kind == CATZ_MEMBER_OTHER)
		entry_of(m, &name.id)->n_other++;
	return OK;
}

/* -- putting together ----------------------------------------------------- */

static void
append_groups(struct props_group **end, struct props_group *more)
{
	while (*end)
		end = &(*end)->next;
	*end = more;
}

static void
absorb(struct memberlist_entry *into, const struct memberlist_entry *from)
{
	if (from->zone) {
		into->zone = from->zone;
		into->zone_size = from->zone_size;
	}
	append_groups(&into->props.groups, from->props.groups);
	into->props.has_groups = into->props.has_groups || from->props.has_groups;
	struct props_param **end = &into->props.params;
	while (*end)
		end = &(*end)->next;
	*end = from->props.params;
	into->n_other += from->n_other;
}

static void
merge_ids(struct memberlist *m)
{
	if (!m->sorted_by_id)
		qsort(m->items, m->n, sizeof(*m->items), compare_ids);
	size_t kept = 0;
	for (size_t i = 0; i < m->n; i++)
		if (kept > 0 && compare_ids(&m->items[kept - 1], &m->items[i]) == 0)
			absorb(&m->items[kept - 1], &m->items[i]);
		else
			m->items[kept++] = m->items[i];
	m->n = kept;
}

static int
compare_zones(const void *a, const void *b)
{
	const struct memberlist_entry *x = a, *y = b;
	return compare_bytes(x->zone, x->zone_size, y->zone, y->zone_size);
}

/* They often are: ids that nsherdctl made are in the order of its list. */
static bool
zones_are_sorted(const struct memberlist *m)
{
	for (size_t i = 1; i < m->n; i++)
		if (compare_zones(&m->items[i - 1], &m->items[i]) > 0)
			return false;
	return true;
}

void
memberlist_end(struct memberlist *m)
{
	merge_ids(m);
	size_t kept = 0;
	for (size_t i = 0; i < m->n; i++)
		if (m->items[i].zone) {
			props_sort(&m->items[i].props);
			m->items[kept++] = m->items[i];
		}
	m->n = kept;
	if (m->n > 1 && !zones_are_sorted(m))
		qsort(m->items, m->n, sizeof(*m->items), compare_zones);
}

const struct memberlist_entry *
memberlist_find(const struct memberlist *m, const struct dname *zone)
{
	uint8_t key[DNAME_KEY_MAX];
	struct memberlist_entry wanted = {.zone = key};
	wanted.zone_size = (uint16_t)dname_key(zone, key);
	return m->n == 0
		   ? NULL
		   : bsearch(&wanted, m->items, m->n, sizeof(*m->items), compare_zones);
}

struct loading {
	struct memberlist *m;
	memberlist_step_fn *step;
	void *arg;
};

static enum err
take_rr(void *arg, const struct rr *rr)
{
	struct loading *l = arg;
	enum err e = l->step ? l->step(l->arg, l->m->n) : OK;
	return e ? e : memberlist_take(l->m, rr);
}

enum err
memberlist_load(struct session *s, struct memberlist *members, memberlist_step_fn *step,
    void *arg)
{
	struct loading l = {members, step, arg};
	memberlist_begin(members, &s->catalog);
	enum err e = session_transfer(s, &s->catalog, take_rr, &l);
	if (!e)
		memberlist_end(members);
	return e;
}
