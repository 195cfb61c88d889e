/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/proto/reception.h"

#include <stdio.h>
#include <string.h>

#include "agent/store/worklog.h"

enum {
	DIFFERENCES_MAX = 32 << 20, /* octets; beyond it the whole is asked for */
	MAX_RECORDS = 20000000,
};
/* On the wire, and again as it is kept, with no name compressed. */
static const uint64_t octets_max = (uint64_t)4 << 30;

void
reception_init(struct reception *r, struct store *store, const struct dname *zone,
    const uint32_t *serial, uint64_t max_records)
{
	memset(r, 0, sizeof(*r));
	r->store = store;
	r->from = serial != NULL ? *serial : 0;
	r->max_records = max_records > 0 ? max_records : MAX_RECORDS;
	xfr_init(&r->xfr, zone, serial);
	buf_init(&r->differences, DIFFERENCES_MAX);
	buf_init(&r->rdata, 0);
}

void
reception_fini(struct reception *r)
{
	catalog_version_free(r->version);
	buf_fini(&r->differences);
	buf_fini(&r->rdata);
	memset(r, 0, sizeof(*r));
}

static enum err
fail(struct reception *r, enum err err, const char *why)
{
	snprintf(r->why, sizeof(r->why), "%s", why);
	return err;
}

static enum err
take_whole(struct reception *r, const struct rr *rr)
{
	if (!r->version) {
		enum err err = catalog_version_new(r->store, &r->xfr.zone, &r->version);
		if (err != OK)
			return fail(r, err, "no room for the transfer");
	}
	catalog_version_add(r->version, rr);
	return OK;
}

static enum err
take_difference(struct reception *r, const struct rr *rr, bool add)
{
	struct work_rr w = {.prefix = rr->owner.wire,
	    .prefix_size = (uint8_t)(rr->owner.size - r->xfr.zone.size),
	    .type = rr->type,
	    .ttl = rr->ttl,
	    .rdata_size = rr->rdata_size,
	    .rdata = rr->rdata};

	buf_put_u8(&r->differences, add);
	work_rr_put(&r->differences, &w);
	if (r->differences.err != OK)
		return fail(r, ERR_FULL, "the differences are too many");
	return OK;
}

/* The SOAs of differences count as well, and messages with nothing in them. */
static enum err
count(struct reception *r)
{
	if (++r->n_records > r->max_records)
		return fail(r, ERR_RANGE, "the transfer has more than max-records");
	return OK;
}

static enum err
take_rr(struct reception *r, const struct rr *rr)
{
	bool first = r->xfr.state == XFR_FIRST;
	enum err err = xfr_step(&r->xfr, rr);

	r->n_octets += (uint64_t)rr->owner.size + rr->rdata_size;
	if (err != OK)
		return fail(r, err, "the transfer is malformed");
	if (first) {
		r->soa_ttl = rr->ttl;
		return soa_read(rr->rdata, rr->rdata_size, &r->soa);
	}
	if (rr->type == RR_SOA) {
		r->has_difference |= r->xfr.state == XFR_DELETED;
		return count(r);
	}
	if (count(r) != OK)
		return ERR_RANGE;
	if (r->xfr.state == XFR_FULL)
		return take_whole(r, rr);
	return take_difference(r, rr, r->xfr.state == XFR_ADDED);
}

static enum err
end(struct reception *r)
{
	r->is_done = true;
	if (r->xfr.state == XFR_SECOND) /* there is nothing newer */
		return OK;
	/* A zone of nothing but its SOA, whatever was asked for. */
	if (!r->version && !r->has_difference) {
		enum err err = catalog_version_new(r->store, &r->xfr.zone, &r->version);
		if (err != OK)
			return fail(r, err, "no room for the transfer");
	}
	if (!r->version)
		return OK;
	enum err err = catalog_version_end(r->version, &r->soa, r->soa_ttl);
	return err == OK ? OK : fail(r, err, "no room for the transfer");
}

enum err
reception_take(struct reception *r, const struct msg *msg)
{
	struct msg_cursor c;
	struct rr rr;
	enum err err;

	r->n_octets += msg->size;
	if (r->n_octets > octets_max)
		return fail(r, ERR_RANGE, "the transfer does not end");
	msg_walk(msg, MSG_ANSWER, &c);
	buf_reset(&r->rdata);
	while ((err = msg_next(&c, &r->rdata, &rr)) == OK) {
		err = take_rr(r, &rr);
		if (err != OK)
			return err;
		buf_reset(&r->rdata);
	}
	if (err != ERR_NOTFOUND)
		return fail(r, err, "a record is malformed");
	if (msg->count[MSG_ANSWER] == 0 && count(r) != OK)
		return ERR_RANGE;
	return xfr_is_done(&r->xfr) ? end(r) : OK;
}

/* -- what was received ------------------------------------------------------ */

static enum err
apply_differences(const struct reception *r, struct catalog_edit *edit,
    struct catalog_refusal *why)
{
	const struct buf *d = &r->differences;
	enum err err = OK;

	for (size_t pos = 0; pos < d->size && err == OK;) {
		struct work_rr w;
		bool add = d->data[pos++] != 0;
		if (!work_rr_next(d->data, d->size, &pos, &w))
			return ERR_CORRUPT;
		struct rr rr = {.type = w.type,
		    .class = CLASS_IN,
		    .ttl = w.ttl,
		    .rdata_size = w.rdata_size,
		    .rdata = w.rdata};
		err = dname_join(w.prefix, w.prefix_size, &r->xfr.zone, &rr.owner);
		if (err == OK)
			err = catalog_edit_take(edit, &rr, add, why);
	}
	/* More than an edit may touch is a matter of how it was sent. */
	return err == ERR_DENIED ? ERR_NOTFOUND : err;
}

enum err
reception_apply(struct reception *r, struct store_txn *txn,
    const struct catalog_head *head, const struct dname *reserved, size_t n_reserved,
    const struct catalog_origin *origin, struct catalog_taken *taken)
{
	uint32_t serial;

	memset(taken, 0, sizeof(*taken));
	if (r->version)
		return catalog_version_take(txn, r->version, head, reserved, n_reserved,
		    origin, taken);
	if (head->soa.serial != r->from)
		return ERR_NOTFOUND;
	struct catalog_edit *edit =
	    catalog_edit_new(txn, head, reserved, n_reserved, 0);
	enum err err = apply_differences(r, edit, &taken->why);
	catalog_edit_take_soa(edit, &r->soa, r->soa_ttl);
	if (err == OK)
		err = catalog_edit_check(edit, &taken->why);
	if (err == OK)
		err = catalog_edit_commit(edit, origin, &serial, &taken->changed);
	taken->verdict = *catalog_edit_verdict(edit);
	catalog_edit_free(edit);
	return err;
}
