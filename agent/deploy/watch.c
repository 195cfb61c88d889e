/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/deploy/watch.h"

#include <assert.h>
#include <stdlib.h>

#include "lib/hash.h"
#include "lib/mem.h"

enum { SLOTS_MIN = 256 };

static size_t
slot_of(const struct watch_table *t, const struct dname *zone)
{
	return hash_octets(zone->wire, zone->size) & (t->n_slots - 1);
}

void
watch_init(struct watch_table *t)
{
	*t = (struct watch_table){.n_slots = SLOTS_MIN};
	t->slots = mem_zalloc(t->n_slots * sizeof(*t->slots));
	t->settle_last = &t->settle_first;
}

void
watch_fini(struct watch_table *t)
{
	for (size_t i = 0; i < t->n_slots; i++) {
		while (t->slots[i] != NULL) {
			struct watch *w = t->slots[i];
			t->slots[i] = w->chain;
			free(w);
		}
	}
	free(t->slots);
	*t = (struct watch_table){0};
}

struct watch *
watch_find(const struct watch_table *t, const struct dname *zone)
{
	struct watch *w = t->slots[slot_of(t, zone)];
	while (w != NULL && !dname_equal(&w->zone, zone))
		w = w->chain;
	return w;
}

/* The table never shrinks: the number of zones under way is bounded. */
static void
grow(struct watch_table *t)
{
	struct watch **old = t->slots;
	size_t n_old = t->n_slots;
	t->n_slots *= 2;
	t->slots = mem_zalloc(t->n_slots * sizeof(*t->slots));
	for (size_t i = 0; i < n_old; i++) {
		for (struct watch *w = old[i], *next; w != NULL; w = next) {
			size_t slot = slot_of(t, &w->zone);
			next = w->chain;
			w->chain = t->slots[slot];
			t->slots[slot] = w;
		}
	}
	free(old);
}

struct watch *
watch_add(struct watch_table *t, const struct dname *zone, enum watch_kind kind)
{
	assert(watch_find(t, zone) == NULL);
	if (t->n >= t->n_slots)
		grow(t);
	struct watch *w = mem_zalloc(sizeof(*w));
	w->zone = *zone;
	w->kind = kind;
	size_t slot = slot_of(t, zone);
	w->chain = t->slots[slot];
	t->slots[slot] = w;
	t->n++;
	return w;
}

static bool
is_asked(const struct watch *w)
{
	return w->kind == WATCH_SERVE || w->kind == WATCH_GONE ||
	       w->kind == WATCH_CHECK;
}

void
watch_ask(struct watch_table *t, struct watch *w, enum watch_kind kind)
{
	assert(!is_asked(w));
	w->kind = kind;
	assert(is_asked(w));
	t->n_asked++;
}

void
watch_again(struct watch_table *t, struct watch *w, uint64_t seq)
{
	if (!w->again || (seq != 0 && (w->again_seq == 0 || seq < w->again_seq)))
		w->again_seq = seq;
	t->n_again += !w->again;
	w->again = true;
}

uint64_t
watch_again_seq(const struct watch_table *t)
{
	uint64_t min = UINT64_MAX;
	for (size_t i = 0; t->n_again > 0 && i < t->n_slots; i++) {
		for (const struct watch *w = t->slots[i]; w != NULL; w = w->chain) {
			if (w->again && w->again_seq != 0 && w->again_seq < min)
				min = w->again_seq;
		}
	}
	return min;
}

void
watch_del(struct watch_table *t, struct watch *w)
{
	t->n_asked -= is_asked(w);
	t->n_again -= w->again;
	struct watch **at = &t->slots[slot_of(t, &w->zone)];
	while (*at != w)
		at = &(*at)->chain;
	*at = w->chain;
	t->n--;
	free(w);
}

void
watch_settle(struct watch_table *t, struct watch *w, uint64_t catalog_job,
    uint64_t status_job)
{
	assert(w->kind != WATCH_SETTLE);
	t->n_asked -= is_asked(w);
	w->kind = WATCH_SETTLE;
	w->through = false;
	w->catalog_job = catalog_job;
	w->status_job = status_job;
	w->settle = NULL;
	*t->settle_last = w;
	t->settle_last = &w->settle;
}

struct watch *
watch_settled(struct watch_table *t, uint64_t catalog_done, uint64_t status_done)
{
	struct watch *w = t->settle_first;
	if (w == NULL || w->catalog_job > catalog_done || w->status_job > status_done)
		return NULL;
	t->settle_first = w->settle;
	if (t->settle_first == NULL)
		t->settle_last = &t->settle_first;
	return w;
}
