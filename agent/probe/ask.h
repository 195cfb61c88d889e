/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_PROBE_ASK_H
#define AGENT_PROBE_ASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/dname.h"
#include "lib/tsig.h"

/*
 * Questions: each zone at most once, waiting for its time in a heap or under
 * way. One thread, but for ask_new.
 */

struct probe_udp;
struct probe_tcp;

struct ask {
	struct ask *chain;       /* of its hash slot, or of an inbox */
	struct ask *prev, *next; /* of the list it flies in */
	size_t heap_at;          /* SIZE_MAX: not in the heap */
	uint64_t at_ms;          /* not before */
	bool again;              /* asked once more while it was under way */
	uint64_t again_ms;
	uint64_t deadline_ms; /* of the try under way */
	uint16_t id;
	struct probe_udp *udp; /* sent by that socket */
	struct probe_tcp *tcp; /* or on that connection */
	struct tsig *tsig;     /* of the try, where there is a key */
	uint8_t size;
	uint8_t wire[]; /* of the zone's name */
};

/* In order of deadline, for all of a list have the same patience. */
struct ask_list {
	struct ask *first, *last;
	size_t n;
};

struct ask_queue {
	struct ask **heap;
	size_t n_heap, heap_room;
	struct ask **slots;
	size_t n_slots, n; /* n: waiting and under way */
};

struct ask *ask_new(const struct dname *zone, uint64_t at_ms); /* any thread */
void ask_free(struct ask *ask);
void ask_zone(const struct ask *ask, struct dname *zone);

void ask_queue_init(struct ask_queue *q);
void ask_queue_fini(struct ask_queue *q); /* frees all that it knows */
/* Takes the ask; one of that zone is moved instead, to the earlier time, or
 * marked to be asked again. Returns whether the queue has one more. */
bool ask_queue_put(struct ask_queue *q, struct ask *ask);
/* The next to be asked, still waiting; NULL: none waits. */
struct ask *ask_queue_first(const struct ask_queue *q);
/* The first goes under way: out of the heap. */
void ask_queue_take(struct ask_queue *q, struct ask *ask);
/* Back into the heap, for that time. */
void ask_queue_back(struct ask_queue *q, struct ask *ask, uint64_t at_ms);
/* Answered: back into the heap if it is to be asked again, else freed. Returns
 * whether it was freed. */
bool ask_queue_done(struct ask_queue *q, struct ask *ask);

void ask_list_add(struct ask_list *l, struct ask *ask);
void ask_list_del(struct ask_list *l, struct ask *ask);

#endif
