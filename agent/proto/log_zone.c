/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/proto/log_zone.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/proto/log_text.h"
#include "lib/mem.h"

/* -- owners ----------------------------------------------------------------- */

static enum err
entry_owner(const struct dname *apex, uint64_t seq, struct dname *owner)
{
	char text[24];
	snprintf(text, sizeof(text), "%" PRIu64, seq);
	struct label label = label_of(text);
	return dname_prepend(&label, apex, owner);
}

/* The number written as we write it: no leading zero, nothing else. */
static bool
parse_seq(const struct dname *apex, const struct dname *owner, uint64_t *seq)
{
	struct label label;
	struct dname again;
	uint64_t n = 0;

	if (dname_first_label(owner, &label) != OK || label.size > 19)
		return false;
	for (uint8_t i = 0; i < label.size; i++) {
		if (label.data[i] < '0' || label.data[i] > '9')
			return false;
		n = n * 10 + (uint64_t)(label.data[i] - '0');
	}
	*seq = n;
	return n > 0 && entry_owner(apex, n, &again) == OK &&
	       dname_equal(&again, owner);
}

/* -- one owner -------------------------------------------------------------- */

struct lookup {
	const struct snapshot *s;
	const struct dname *owner;
	uint64_t seq;
	uint16_t type;
	catalog_rr_fn *fn;
	void *arg;
	bool exists;
	struct buf rdata;
};

static enum err
emit(struct lookup *l, const struct rr *rr)
{
	l->exists = true;
	return l->type == RR_ANY || l->type == rr->type ? l->fn(l->arg, rr) : OK;
}

static enum err
emit_entry(void *arg, const struct work *w)
{
	struct lookup *l = arg;
	struct log_text t;
	enum err err = OK;

	if (w->seq != l->seq || !log_text_concerns(w, l->s->head.nr))
		return OK;
	log_text_start(&t, w, &l->s->head.name);
	while (err == OK && log_text_next(&t, &l->rdata)) {
		struct rr rr = {.owner = *l->owner,
		    .type = RR_TXT,
		    .class = CLASS_IN,
		    .rdata_size = (uint16_t)l->rdata.size,
		    .rdata = l->rdata.data};
		err = l->rdata.err == OK ? emit(l, &rr) : l->rdata.err;
	}
	return err;
}

static enum err
at_apex(struct lookup *l)
{
	struct rr rr;
	snapshot_soa(l->s, &l->rdata, &rr);
	enum err err = emit(l, &rr);
	if (err != OK)
		return err;
	snapshot_ns(l->s, &rr);
	return emit(l, &rr);
}

enum err
log_zone_each_at(const struct snapshot *s, const struct dname *owner, uint16_t type,
    catalog_rr_fn *fn, void *arg, bool *exists)
{
	struct lookup l = {.s = s, .owner = owner, .type = type, .fn = fn, .arg = arg};
	enum err err = OK;

	buf_init(&l.rdata, UINT16_MAX);
	if (dname_equal(owner, &s->zone->name))
		err = at_apex(&l);
	else if (parse_seq(&s->zone->name, owner, &l.seq) && l.seq >= s->log_first &&
		 l.seq <= s->log_last)
		err = worklog_each(s->txn, l.seq - 1, 1, emit_entry, &l);
	buf_fini(&l.rdata);
	if (err == OK)
		*exists = l.exists;
	return err;
}

/* -- all of it -------------------------------------------------------------- */

struct log_walk {
	const struct snapshot *s;
	unsigned n_first; /* of the records before the entries */
	bool difference, has_entry;
	uint32_t since; /* of a difference */
	uint64_t after;
	struct dname owner;
	struct log_text text;
	struct buf rdata;
};

struct log_walk *
log_walk_new(const struct snapshot *s)
{
	struct log_walk *w = mem_zalloc(sizeof(*w));
	w->s = s;
	w->after = s->log_first > 0 ? s->log_first - 1 : 0;
	buf_init(&w->rdata, UINT16_MAX);
	return w;
}

/* Where in the log that serial is; false: nowhere. */
static bool
find_since(const struct snapshot *s, uint32_t serial, uint64_t *seq)
{
	uint64_t behind = (uint32_t)(s->serial - serial);
	*seq = behind <= s->log_last ? s->log_last - behind : 0;
	return snapshot_as_serial(*seq) == serial;
}

struct log_walk *
log_walk_new_since(const struct snapshot *s, uint32_t serial)
{
	uint64_t seq, pruned;
	if (!find_since(s, serial, &seq) || seq + 1 < s->log_first ||
	    worklog_pruned_at(s->txn, &pruned) != OK || seq < pruned)
		return NULL;
	struct log_walk *w = log_walk_new(s);
	w->difference = true;
	w->since = serial;
	w->after = seq;
	return w;
}

void
log_walk_free(struct log_walk *w)
{
	if (!w)
		return;
	buf_fini(&w->rdata);
	free(w);
}

static enum err
take_entry(void *arg, const struct work *work)
{
	struct log_walk *w = arg;
	w->after = work->seq;
	if (!log_text_concerns(work, w->s->head.nr))
		return OK;
	log_text_start(&w->text, work, &w->s->head.name);
	w->has_entry = true;
	return ERR_EXISTS; /* ends the walk */
}

static enum err
next_entry(struct log_walk *w)
{
	w->has_entry = false;
	if (w->s->log_last == 0 || w->after >= w->s->log_last)
		return ERR_NOTFOUND;
	enum err err = worklog_each(w->s->txn, w->after, SIZE_MAX, take_entry, w);
	if (err == OK)
		return ERR_NOTFOUND;
	if (err == ERR_NOTFOUND)
		return ERR_CORRUPT;
	return err == ERR_EXISTS ? entry_owner(&w->s->zone->name, w->after, &w->owner)
				 : err;
}

/* Of all: the NS; of a difference: the SOA of what was, from which nothing is taken
 * away, and that of what is. */
static bool
first_rr(struct log_walk *w, struct rr *rr)
{
	struct snapshot s = *w->s;
	unsigned n = w->n_first;

	if (n >= (w->difference ? 2 : 1))
		return false;
	w->n_first++;
	if (!w->difference) {
		snapshot_ns(w->s, rr);
		return true;
	}
	if (n == 0)
		s.serial = w->since;
	snapshot_soa(&s, &w->rdata, rr);
	return true;
}

enum err
log_walk_next(struct log_walk *w, struct rr *rr)
{
	if (first_rr(w, rr))
		return w->rdata.err;
	while (!w->has_entry || !log_text_next(&w->text, &w->rdata)) {
		enum err err = next_entry(w);
		if (err != OK)
			return err;
	}
	*rr = (struct rr){.owner = w->owner,
	    .type = RR_TXT,
	    .class = CLASS_IN,
	    .rdata_size = (uint16_t)w->rdata.size,
	    .rdata = w->rdata.data};
	return w->rdata.err;
}
