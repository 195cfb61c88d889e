/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/probe/ask.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/hash.h"
#include "lib/mem.h"

enum { SLOTS_MIN = 64 };

struct ask *
ask_new(const struct dname *zone, uint64_t at_ms)
{
	struct ask *ask = mem_zalloc(sizeof(*ask) + zone->size);
	ask->heap_at = SIZE_MAX;
	ask->at_ms = at_ms;
	ask->size = zone->size;
	memcpy(ask->wire, zone->wire, zone->size);
	return ask;
}

void
ask_free(struct ask *ask)
{
	free(ask->tsig);
	free(ask);
}

void
ask_zone(const struct ask *ask, struct dname *zone)
{
	zone->size = ask->size;
	memcpy(zone->wire, ask->wire, ask->size);
}

/* -- the heap, by time ------------------------------------------------------------- */

static void
place(struct ask_queue *q, struct ask *ask, size_t at)
{
	q->heap[at] = ask;
	ask->heap_at = at;
}

static void
rise(struct ask_queue *q, struct ask *ask, size_t at)
{
	while (at > 0 && ask->at_ms < q->heap[(at - 1) / 2]->at_ms) {
		place(q, q->heap[(at - 1) / 2], at);
		at = (at - 1) / 2;
	}
	place(q, ask, at);
}

static void
sink(struct ask_queue *q, struct ask *ask, size_t at)
{
	for (size_t child; (child = 2 * at + 1) < q->n_heap; at = child) {
		if (child + 1 < q->n_heap &&
		    q->heap[child + 1]->at_ms < q->heap[child]->at_ms)
			child++;
		if (ask->at_ms <= q->heap[child]->at_ms)
			break;
		place(q, q->heap[child], at);
	}
	place(q, ask, at);
}

static void
heap_add(struct ask_queue *q, struct ask *ask)
{
	q->heap = mem_grow(q->heap, q->n_heap, &q->heap_room, sizeof(struct ask *));
	rise(q, ask, q->n_heap++);
}

/* -- the hash, by zone --------------------------------------------------------------
 */

static struct ask **
slot_of(struct ask_queue *q, const struct ask *ask)
{
	return &q->slots[hash_octets(ask->wire, ask->size) & (q->n_slots - 1)];
}

static void
rehash(struct ask_queue *q, size_t n_slots)
{
	struct ask **old = q->slots;
	size_t n_old = q->n_slots;
	q->n_slots = n_slots;
	q->slots = mem_zalloc(n_slots * sizeof(struct ask *));
	for (size_t i = 0; i < n_old; i++) {
		for (struct ask *ask = old[i], *next; ask != NULL; ask = next) {
			struct ask **slot = slot_of(q, ask);
			next = ask->chain;
			ask->chain = *slot;
			*slot = ask;
		}
	}
	free(old);
}

/* -- the queue ----------------------------------------------------------------------
 */

void
ask_queue_init(struct ask_queue *q)
{
	*q = (struct ask_queue){0};
	rehash(q, SLOTS_MIN);
}

void
ask_queue_fini(struct ask_queue *q)
{
	for (size_t i = 0; i < q->n_slots; i++) {
		while (q->slots[i] != NULL) {
			struct ask *ask = q->slots[i];
			q->slots[i] = ask->chain;
			ask_free(ask);
		}
	}
	free(q->slots);
	free(q->heap);
	*q = (struct ask_queue){0};
}

bool
ask_queue_put(struct ask_queue *q, struct ask *ask)
{
	struct ask **slot = slot_of(q, ask), *same = *slot;
	while (same != NULL && (same->size != ask->size ||
				   memcmp(same->wire, ask->wire, ask->size) != 0))
		same = same->chain;
	if (same == NULL) {
		ask->chain = *slot;
		*slot = ask;
		heap_add(q, ask);
		if (++q->n > q->n_slots)
			rehash(q, 2 * q->n_slots);
		return true;
	}
	if (same->heap_at == SIZE_MAX) {
		if (!same->again || ask->at_ms < same->again_ms)
			same->again_ms = ask->at_ms;
		same->again = true;
	} else if (ask->at_ms < same->at_ms) {
		same->at_ms = ask->at_ms;
		rise(q, same, same->heap_at);
	}
	ask_free(ask);
	return false;
}

struct ask *
ask_queue_first(const struct ask_queue *q)
{
	return q->n_heap > 0 ? q->heap[0] : NULL;
}

void
ask_queue_take(struct ask_queue *q, struct ask *ask)
{
	assert(q->n_heap > 0 && q->heap[0] == ask);
	struct ask *last = q->heap[--q->n_heap];
	ask->heap_at = SIZE_MAX;
	if (last != ask)
		sink(q, last, 0);
}

void
ask_queue_back(struct ask_queue *q, struct ask *ask, uint64_t at_ms)
{
	assert(ask->heap_at == SIZE_MAX);
	ask->at_ms = at_ms;
	heap_add(q, ask);
}

bool
ask_queue_done(struct ask_queue *q, struct ask *ask)
{
	free(ask->tsig);
	ask->tsig = NULL;
	if (ask->again) {
		ask->again = false;
		ask_queue_back(q, ask, ask->again_ms);
		return false;
	}
	struct ask **at = slot_of(q, ask);
	while (*at != ask)
		at = &(*at)->chain;
	*at = ask->chain;
	q->n--;
	ask_free(ask);
	return true;
}

/* -- lists ---------------------------------------------------------------------------
 */

void
ask_list_add(struct ask_list *l, struct ask *ask)
{
	ask->prev = l->last;
	ask->next = NULL;
	*(l->last != NULL ? &l->last->next : &l->first) = ask;
	l->last = ask;
	l->n++;
}

void
ask_list_del(struct ask_list *l, struct ask *ask)
{
	*(ask->prev != NULL ? &ask->prev->next : &l->first) = ask->next;
	*(ask->next != NULL ? &ask->next->prev : &l->last) = ask->prev;
	l->n--;
}
