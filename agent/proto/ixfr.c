/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/proto/ixfr.h"

#include <stdlib.h>

#include "agent/catalog/catalog.h"
#include "agent/store/worklog.h"
#include "lib/mem.h"

enum {
	SAMPLE = 1000,    /* entries looked at to judge the size of all */
	STEP_SIZE = 60,   /* octets on the wire, about: two SOAs, */
	MEMBER_SIZE = 80, /* and a member in an AXFR */
	SMALL = 4096,     /* not worth a thought */
};

/* -- is it worth it? -------------------------------------------------------- */

struct sample {
	uint8_t catalog;
	uint64_t n, bytes;
};

static enum err
take_size(void *arg, const struct work *w)
{
	struct sample *sample = arg;
	sample->n++;
	if (w->kind == WORK_MEMBER && w->catalog == sample->catalog)
		sample->bytes += STEP_SIZE + w->del_size + w->add_size;
	return OK;
}

/* By the first entries, taken for all: a walk over the whole log would hold up
 * the loop. */
static enum err
is_smaller(const struct snapshot *s, uint64_t seq, bool *smaller)
{
	struct sample sample = {.catalog = s->head.nr};
	enum err err = worklog_each(s->txn, seq - 1, SAMPLE, take_size, &sample);
	if (err != OK)
		return err;
	uint64_t all = s->log_last - seq + 1;
	uint64_t bytes = sample.n > 0 ? sample.bytes / sample.n * all : 0;
	if (sample.n == all)
		bytes = sample.bytes;
	*smaller = bytes <= SMALL || bytes < s->head.n_members * MEMBER_SIZE;
	return OK;
}

enum err
ixfr_find(const struct snapshot *s, uint32_t serial, uint64_t *seq)
{
	uint64_t found;
	bool smaller = false;
	enum err err = worklog_find_serial(s->txn, s->head.nr, serial, &found);
	if (err != OK)
		return err;
	if (found == 0 || found < s->log_first || found <= s->head.soa_seq)
		return ERR_NOTFOUND;
	err = is_smaller(s, found, &smaller);
	if (err != OK)
		return err;
	if (!smaller)
		return ERR_NOTFOUND;
	*seq = found;
	return OK;
}

/* -- the differences -------------------------------------------------------- */

enum step { STEP_FROM, STEP_DEL, STEP_TO, STEP_ADD };

struct ixfr {
	const struct snapshot *s;
	uint32_t serial;  /* where the last entry led */
	struct work work; /* what it points to lives as long as the snapshot */
	bool has_work;
	uint64_t after;
	enum step step;
	size_t pos;
	struct buf rdata;
};

struct ixfr *
ixfr_new(const struct snapshot *s, uint64_t seq, uint32_t serial)
{
	struct ixfr *x = mem_zalloc(sizeof(*x));
	x->s = s;
	x->serial = serial;
	x->after = seq - 1;
	buf_init(&x->rdata, 0);
	return x;
}

void
ixfr_free(struct ixfr *x)
{
	if (!x)
		return;
	buf_fini(&x->rdata);
	free(x);
}

static enum err
take_entry(void *arg, const struct work *w)
{
	struct ixfr *x = arg;
	x->after = w->seq;
	if (w->kind != WORK_MEMBER || w->catalog != x->s->head.nr)
		return OK;
	x->work = *w;
	x->has_work = true;
	return ERR_EXISTS; /* ends the walk */
}

/* ERR_NOTFOUND: no more. The chain of serials must not have a gap. */
static enum err
next_entry(struct ixfr *x)
{
	if (x->serial == x->s->serial)
		return ERR_NOTFOUND;
	x->has_work = false;
	enum err err = worklog_each(x->s->txn, x->after, SIZE_MAX, take_entry, x);
	if (err == ERR_NOTFOUND || (err == OK && !x->has_work) ||
	    (err == ERR_EXISTS && x->work.serial_from != x->serial))
		return ERR_CORRUPT;
	if (err != ERR_EXISTS)
		return err;
	x->serial = x->work.serial_to;
	x->step = STEP_FROM;
	x->pos = 0;
	return OK;
}

static void
soa_at(struct ixfr *x, uint32_t serial, struct rr *rr)
{
	struct catalog_head head = x->s->head;
	head.soa.serial = serial;
	buf_reset(&x->rdata);
	catalog_soa_rr(&head, &x->rdata, rr);
}

static enum err
list_rr(struct ixfr *x, const uint8_t *data, size_t size, struct rr *rr)
{
	struct work_rr w;
	if (!work_rr_next(data, size, &x->pos, &w))
		return ERR_NOTFOUND;
	rr->class = CLASS_IN;
	rr->type = w.type;
	rr->ttl = w.ttl;
	rr->rdata_size = w.rdata_size;
	rr->rdata = w.rdata;
	return dname_join(w.prefix, w.prefix_size, &x->s->head.name, &rr->owner);
}

/* ERR_NOTFOUND: the entry is through. */
static enum err
entry_rr(struct ixfr *x, struct rr *rr)
{
	const struct work *w = &x->work;
	enum err err;
	switch (x->step) {
	case STEP_FROM:
		soa_at(x, w->serial_from, rr);
		x->step = STEP_DEL;
		return OK;
	case STEP_DEL:
		err = list_rr(x, w->del, w->del_size, rr);
		if (err != ERR_NOTFOUND)
			return err;
		x->step = STEP_TO;
		x->pos = 0;
		/* fallthrough */
	case STEP_TO:
		soa_at(x, w->serial_to, rr);
		x->step = STEP_ADD;
		return OK;
	case STEP_ADD: return list_rr(x, w->add, w->add_size, rr);
	}
	return ERR_CORRUPT;
}

enum err
ixfr_next(struct ixfr *x, struct rr *rr)
{
	enum err err = x->has_work ? entry_rr(x, rr) : ERR_NOTFOUND;
	while (err == ERR_NOTFOUND) {
		err = next_entry(x);
		if (err != OK)
			return err;
		err = entry_rr(x, rr);
	}
	return err;
}
