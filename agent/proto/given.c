/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/proto/given.h"

#include <stdlib.h>

#include "lib/mem.h"
#include "lib/rr.h"

enum { GIVEN_MAX = 4096, GIVEN_BYTES_MAX = 4 << 20 };

void
givens_init(struct givens *g)
{
	*g = (struct givens){.n = 0};
	g->last = &g->first;
}

struct given *
given_hold(struct given *given)
{
	given->refs++;
	return given;
}

void
given_release(struct given *given)
{
	if (!given || --given->refs > 0)
		return;
	buf_fini(&given->head);
	free(given);
}

static void
drop_first(struct givens *g)
{
	struct given *given = g->first;
	g->first = given->next;
	if (!g->first)
		g->last = &g->first;
	g->n--;
	g->bytes -= given->head.size;
	given_release(given);
}

void
givens_fini(struct givens *g)
{
	while (g->first)
		drop_first(g);
}

void
givens_forget(struct givens *g, uint32_t floor)
{
	givens_fini(g);
	g->has_floor = true;
	g->floor = floor;
}

struct given *
givens_find(struct givens *g, uint8_t catalog, uint32_t serial)
{
	for (struct given *given = g->first; given; given = given->next)
		if (given->serial == serial && given->catalog == catalog)
			return given;
	return NULL;
}

struct given *
givens_add(struct givens *g, const struct snapshot *s, struct buf *head)
{
	if (g->has_floor && !serial_gt(s->serial, g->floor))
		return NULL;
	struct given *given = mem_zalloc(sizeof(*given));
	given->catalog = s->head.nr;
	given->serial = s->serial;
	given->status_past = s->status_past;
	given->catalog_past = s->catalog_past;
	given->head = *head;
	given->refs = 1;
	buf_init(head, 0);
	*g->last = given;
	g->last = &given->next;
	g->n++;
	g->bytes += given->head.size;
	while (g->n > 1 && (g->n > GIVEN_MAX || g->bytes > GIVEN_BYTES_MAX))
		drop_first(g);
	return given;
}
