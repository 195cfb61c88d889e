/* SPDX-License-Identifier: BSD-2-Clause */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "agent/guard/guard.h"
#include "agent/store/worklog.h"
#include "lib/buf.h"
#include "lib/rr.h"

/*
 * What is held is let go through the work log, as everything that the back half
 * is to do. Removals and resets need no more than that they are not held; changes
 * and strays are admitted, for as long as a server may be away.
 */

enum { PART = 5000, ADMITTED_S = 7 * 86400 };

struct release {
	struct store_txn *txn;
	uint8_t catalog;
	const struct guard_origin *origin;
	struct buf del, add;
	size_t n_part;
	uint64_t n, n_admitted, seq;
};

static void
put_zone(struct buf *out, const struct dname *zone, const struct label *id)
{
	static const uint8_t zones[] = {5, 'z', 'o', 'n', 'e', 's'};
	uint8_t prefix[1 + DNAME_LABEL_MAX + sizeof(zones)];
	struct work_rr rr = {.prefix = prefix,
	    .type = RR_PTR,
	    .rdata_size = zone->size,
	    .rdata = zone->wire};
	prefix[0] = id->size;
	memcpy(prefix + 1, id->data, id->size);
	memcpy(prefix + 1 + id->size, zones, sizeof(zones));
	rr.prefix_size = (uint8_t)(1 + id->size + sizeof(zones));
	work_rr_put(out, &rr);
}

static void
admit(struct release *r, const struct hold *h)
{
	const struct label kind = label_of(hold_kind_str(h->kind));
	struct admission a = {.kind = h->kind,
	    .zone = h->zone,
	    .target = h->target,
	    .until = r->origin->now + ADMITTED_S};
	bool again = admissions_del(r->txn, r->catalog, &h->zone);
	admissions_put(r->txn, r->catalog, &a);
	r->n_admitted += !again;
	put_zone(&r->add, &h->zone, &kind);
}

static enum err
release_one(void *arg, const struct hold *h, const struct member *m)
{
	struct release *r = arg;
	if (m != NULL)
		put_zone(&r->del, &h->zone, &m->id);
	else
		admit(r, h);
	r->n_part++;
	holds_del(r->txn, r->catalog, &h->zone);
	return store_err(r->txn);
}

static void
append(struct release *r, const char *text)
{
	struct work w = {.kind = WORK_RELEASE,
	    .catalog = r->catalog,
	    .time = r->origin->now,
	    .serial_from = r->origin->serial,
	    .serial_to = r->origin->serial,
	    .del = r->del.data,
	    .del_size = r->del.size,
	    .add = r->add.data,
	    .add_size = r->add.size,
	    .text = text};
	snprintf(w.by, sizeof(w.by), "%s", r->origin->by);
	snprintf(w.source, sizeof(w.source), "%s", r->origin->source);
	worklog_append(r->txn, &w);
	r->seq = w.seq;
	buf_reset(&r->del);
	buf_reset(&r->add);
}

/* One entry; a million zones are not one value. Returns whether there may be more. */
static bool
release_part(struct release *r)
{
	char text[32];
	r->n_part = 0;
	if (holds_each(r->txn, r->catalog, NULL, PART, release_one, r) != OK)
		return false;
	if (r->n_part == 0 && r->n > 0)
		return false;
	r->n += r->n_part;
	snprintf(text, sizeof(text), "zones=%zu", r->n_part);
	append(r, text);
	return r->n_part == PART;
}

enum err
guard_release(struct store_txn *txn, uint8_t catalog, const struct guard_origin *origin,
    uint64_t *seq, uint64_t *n)
{
	struct guard_record record;
	struct release r = {.txn = txn, .catalog = catalog, .origin = origin};
	enum err err = guard_record_get(txn, catalog, &record);

	if (err != OK)
		return err;
	buf_init(&r.del, 0);
	buf_init(&r.add, 0);
	while (release_part(&r))
		;
	buf_fini(&r.del);
	buf_fini(&r.add);
	if (record.latched)
		record.n_slots = 0;
	record.latched = false;
	record.since = 0;
	memset(record.n_held, 0, sizeof(record.n_held));
	record.n_admitted += r.n_admitted;
	guard_record_put(txn, catalog, &record);
	*seq = r.seq;
	*n = r.n;
	return store_err(txn);
}
