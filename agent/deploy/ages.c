/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/deploy/ages.h"

#include <stdbool.h>
#include <string.h>

void
ages_note(struct ages *a, uint64_t seq, uint64_t now_us, uint64_t span_us)
{
	size_t n = a->n;
	if (n > 0 && a->seen[n - 1].seq == seq) {
		a->seen[n - 1].last_us = now_us;
		return;
	}
	/* Those that follow each other closely are one, the last of them. */
	bool is_close =
	    n > 1 && now_us - a->seen[n - 2].first_us < span_us / (AGES_MAX / 2);
	if (!is_close && n == AGES_MAX) {
		memmove(&a->seen[0], &a->seen[1], (n - 1) * sizeof(a->seen[0]));
		n--;
	}
	if (!is_close)
		n++;
	a->n = n;
	a->seen[n - 1].seq = seq;
	a->seen[n - 1].first_us = a->seen[n - 1].last_us = now_us;
}

uint64_t
ages_of(const struct ages *a, uint64_t seq, uint64_t told_us, uint64_t now_us)
{
	uint64_t least = 0, most = UINT64_MAX;
	size_t i = 0;
	for (; i < a->n && a->seen[i].seq < seq; i++)
		most = now_us - a->seen[i].last_us;
	if (i < a->n)
		least = now_us - a->seen[i].first_us;
	return told_us < least ? least : told_us > most ? most : told_us;
}
