/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/guard/window.h"

#include <string.h>

/* One more than the slots of a window and the one that is only partly over. */
enum { TENTHS = 10 };
_Static_assert(GUARD_SLOTS >= TENTHS + 2, "slots of a window");

struct limit
limit_resolve(const struct limit *limit)
{
	struct limit l = limit != NULL ? *limit : (struct limit){0};
	if (l.window_s == 0) {
		l.percent = LIMIT_PERCENT;
		l.min = LIMIT_MIN;
		l.window_s = LIMIT_WINDOW_S;
	}
	return l;
}

static uint64_t
slot_width(const struct limit *limit)
{
	return (limit->window_s + TENTHS - 1) / TENTHS;
}

static void
drop_first(struct guard_record *r, size_t n)
{
	r->n_slots -= n;
	memmove(r->slots, r->slots + n, r->n_slots * sizeof(*r->slots));
}

void
window_advance(struct guard_record *r, const struct limit *limit, uint64_t now)
{
	size_t over = 0;
	uint64_t newest = r->n_slots > 0 ? r->slots[r->n_slots - 1].start : 0;
	for (size_t i = 0; now < newest && i < r->n_slots; i++) {
		uint64_t age = newest - r->slots[i].start;
		r->slots[i].start = age < now ? now - age : 0;
	}
	while (over < r->n_slots &&
	       r->slots[over].start + slot_width(limit) + limit->window_s <= now)
		over++;
	drop_first(r, over);
}

void
window_add(struct guard_record *r, const struct limit *limit, uint64_t now, uint64_t n,
    uint64_t members)
{
	struct guard_slot *last = r->n_slots > 0 ? &r->slots[r->n_slots - 1] : NULL;
	if (last != NULL && now < last->start + slot_width(limit)) {
		last->n += n;
		return;
	}
	/* Only after a clock, or the configuration, was changed. */
	if (r->n_slots == GUARD_SLOTS) {
		r->slots[1].n += r->slots[0].n;
		r->slots[1].members = r->slots[0].members;
		drop_first(r, 1);
	}
	r->slots[r->n_slots++] =
	    (struct guard_slot){.start = now, .n = n, .members = members};
}

uint64_t
window_used(const struct guard_record *r)
{
	uint64_t n = 0;
	for (size_t i = 0; i < r->n_slots; i++)
		n += r->slots[i].n;
	return n;
}

uint64_t
window_limit(const struct guard_record *r, const struct limit *limit, uint64_t members)
{
	uint64_t base = r->n_slots > 0 ? r->slots[0].members : members;
	uint64_t part = base / 100 * limit->percent + base % 100 * limit->percent / 100;
	return part > limit->min ? part : limit->min;
}
