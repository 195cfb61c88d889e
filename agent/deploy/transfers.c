/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/deploy/transfers.h"

#include <stdlib.h>
#include <string.h>

#include "lib/addr.h"
#include "lib/hash.h"
#include "lib/mem.h"

enum { SLOTS_MIN = 64 };

/* Of one primary; it goes with its last zone. */
struct transfer_group {
	struct transfer_group *chain;
	struct addr primary;
	size_t n;
};

struct transfer {
	struct transfer *chain; /* of its hash slot */
	struct transfer *before, *after;
	struct transfer_group *group;
	uint64_t start_us;
	struct dname zone;
};

/* -- primaries --------------------------------------------------------------- */

/* Where the group of that primary is, or would be. */
static struct transfer_group **
find_group(struct transfers *t, const struct addr *primary)
{
	char text[ADDR_TEXT_MAX];
	addr_print(primary, text);
	size_t slot = hash_octets(text, strlen(text)) % TRANSFER_GROUP_SLOTS;
	struct transfer_group **at = &t->groups[slot];
	while (*at != NULL && !addr_equal(&(*at)->primary, primary))
		at = &(*at)->chain;
	return at;
}

static struct transfer_group *
enter_group(struct transfers *t, const struct addr *primary)
{
	struct transfer_group **at = find_group(t, primary);
	if (*at == NULL) {
		*at = mem_zalloc(sizeof(**at));
		(*at)->primary = *primary;
	}
	(*at)->n++;
	return *at;
}

static void
leave_group(struct transfers *t, struct transfer_group *g)
{
	if (--g->n > 0)
		return;
	*find_group(t, &g->primary) = g->chain;
	free(g);
}

/* -- zones ------------------------------------------------------------------- */

static struct transfer **
slot_of(const struct transfers *t, const struct dname *zone)
{
	return &t->slots[hash_octets(zone->wire, zone->size) & (t->n_slots - 1)];
}

static struct transfer **
find(const struct transfers *t, const struct dname *zone)
{
	struct transfer **at = slot_of(t, zone);
	while (*at != NULL && !dname_equal(&(*at)->zone, zone))
		at = &(*at)->chain;
	return at;
}

static void
grow(struct transfers *t)
{
	free(t->slots);
	t->n_slots *= 2;
	t->slots = mem_zalloc(t->n_slots * sizeof(struct transfer *));
	for (struct transfer *x = t->first; x != NULL; x = x->after) {
		struct transfer **slot = slot_of(t, &x->zone);
		x->chain = *slot;
		*slot = x;
	}
}

void
transfers_init(struct transfers *t, unsigned max, unsigned patience_s)
{
	*t = (struct transfers){.max = max,
	    .patience_us = (uint64_t)patience_s * 1000000,
	    .n_slots = SLOTS_MIN};
	t->slots = mem_zalloc(t->n_slots * sizeof(struct transfer *));
}

void
transfers_fini(struct transfers *t)
{
	while (t->first != NULL)
		transfers_end(t, &t->first->zone);
	free(t->slots);
	*t = (struct transfers){0};
}

bool
transfers_have_room(struct transfers *t, const struct settings *s)
{
	if (t->max == 0 || s->primaries.n == 0)
		return true;
	const struct transfer_group *g = *find_group(t, &s->primaries.items[0].addr);
	return g == NULL || g->n < t->max;
}

void
transfers_begin(struct transfers *t, const struct dname *zone, const struct settings *s,
    uint64_t now_us)
{
	if (t->max == 0 || s->primaries.n == 0 || *find(t, zone) != NULL)
		return;
	struct transfer *x = mem_zalloc(sizeof(*x));
	x->group = enter_group(t, &s->primaries.items[0].addr);
	x->start_us = now_us;
	x->zone = *zone;
	x->before = t->last;
	*(t->last != NULL ? &t->last->after : &t->first) = x;
	t->last = x;
	if (++t->n > t->n_slots) {
		grow(t);
		return;
	}
	struct transfer **slot = slot_of(t, zone);
	x->chain = *slot;
	*slot = x;
}

void
transfers_end(struct transfers *t, const struct dname *zone)
{
	struct transfer **at = find(t, zone), *x = *at;
	if (x == NULL)
		return;
	*at = x->chain;
	*(x->before != NULL ? &x->before->after : &t->first) = x->after;
	*(x->after != NULL ? &x->after->before : &t->last) = x->before;
	leave_group(t, x->group);
	t->n--;
	free(x);
}

size_t
transfers_expire(struct transfers *t, uint64_t now_us)
{
	size_t n = 0;
	for (; t->first != NULL && t->first->start_us + t->patience_us <= now_us; n++)
		transfers_end(t, &t->first->zone);
	return n;
}

uint64_t
transfers_next_us(const struct transfers *t)
{
	return t->first != NULL ? t->first->start_us + t->patience_us : UINT64_MAX;
}
