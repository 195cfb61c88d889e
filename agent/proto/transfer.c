/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/proto/transfer.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/proto/axfr.h"
#include "agent/proto/follow.h"
#include "agent/proto/ixfr.h"
#include "agent/proto/log_zone.h"
#include "agent/proto/reply.h"
#include "agent/proto/rights.h"
#include "agent/proto/snapshot.h"
#include "agent/proto/status_xfr.h"
#include "lib/counters.h"
#include "lib/log.h"
#include "lib/mem.h"

/*
 * AXFR and IXFR (RFC 5936, RFC 1995): SOA, a source of records, SOA; TSIG on
 * every message, OPT on every message when the request had one.
 *
 * The snapshot is opened with the first message, not with the request: ten
 * transfers asked for on one connection pin one snapshot at a time.
 */

enum stage { STAGE_NEW, STAGE_FIRST_SOA, STAGE_BODY, STAGE_LAST_SOA, STAGE_END };

struct proto_transfer {
	struct request req; /* holds session and view */
	struct msg msg;     /* its wire is head */
	uint8_t head[MSG_HEADER + DNAME_WIRE_MAX + 4];
	const struct view_zone *zone;
	bool incremental;
	uint32_t client_serial;

	enum stage stage;
	bool open;
	struct snapshot snapshot;
	struct buf soa;
	/* The source: one of these, or none for a single SOA. */
	struct axfr *axfr;
	struct ixfr *ixfr;
	struct status_xfr *status;
	struct log_walk *log;
	struct rr rr;
	bool has_rr; /* rr did not fit into the last message */
	unsigned n_messages;
	bool is_complete;
};

/* -- life ------------------------------------------------------------------- */

static struct proto_transfer *
transfer_new(struct request *req, const struct view_zone *zone)
{
	struct proto_transfer *t = mem_zalloc(sizeof(*t));
	size_t size = req->msg->start[MSG_ANSWER];

	if (size > sizeof(t->head))
		size = sizeof(t->head);
	t->req = *req;
	t->msg = *req->msg;
	memcpy(t->head, req->msg->wire, size);
	t->msg.wire = t->head;
	t->msg.size = size;
	t->req.msg = &t->msg;
	t->zone = zone;
	buf_init(&t->soa, 0);
	view_ref(t->req.view);
	session_hold(t->req.session);
	t->req.session->proto->n_transfers++;
	t->req.key->use->n_transfers++;
	return t;
}

void
proto_transfer_free(struct proto_transfer *t)
{
	if (!t)
		return;
	counter_add(&counters.transfers[t->zone->catalog->nr][COUNT_OUT]
				       [t->incremental ? COUNT_IXFR : COUNT_AXFR]
				       [t->is_complete ? COUNT_OK : COUNT_FAILED]);
	axfr_free(t->axfr);
	ixfr_free(t->ixfr);
	status_xfr_free(t->status);
	log_walk_free(t->log);
	if (t->open)
		snapshot_close(&t->snapshot);
	buf_fini(&t->soa);
	t->req.session->proto->n_transfers--;
	t->req.key->use->n_transfers--;
	view_unref(t->req.view);
	session_release(t->req.session);
	free(t);
}

uint64_t
proto_transfer_age_ms(const struct proto_transfer *t)
{
	return t->open ? store_age_ms(t->snapshot.txn) : 0;
}

/* -- the source ------------------------------------------------------------- */

/* RFC 1995 section 2: nothing newer, so the SOA alone. */
static bool
is_up_to_date(const struct proto_transfer *t)
{
	return t->incremental && !serial_gt(t->snapshot.serial, t->client_serial);
}

static enum err
choose_source(struct proto_transfer *t)
{
	struct snapshot *s = &t->snapshot;
	struct proto *proto = t->req.session->proto;
	uint64_t seq;
	enum err err = ERR_NOTFOUND;

	if (t->zone->kind != ZONE_STATUS && is_up_to_date(t))
		return OK;
	switch (t->zone->kind) {
	case ZONE_CATALOG:
		if (t->incremental)
			err = ixfr_find(s, t->client_serial, &seq);
		if (err == OK)
			t->ixfr = ixfr_new(s, seq, t->client_serial);
		else if (err == ERR_NOTFOUND)
			t->axfr = axfr_new(s);
		return err == ERR_NOTFOUND ? OK : err;
	case ZONE_STATUS:
		return status_xfr_new(s, proto->store, &proto->givens,
		    t->incremental ? &t->client_serial : NULL, &t->status);
	case ZONE_LOG:
		if (t->incremental)
			t->log = log_walk_new_since(s, t->client_serial);
		if (!t->log)
			t->log = log_walk_new(s);
		return OK;
	case ZONE_COMMAND: break;
	}
	return ERR_UNSUPPORTED;
}

static enum err
source_next(struct proto_transfer *t)
{
	if (t->axfr)
		return axfr_next(t->axfr, &t->rr);
	if (t->ixfr)
		return ixfr_next(t->ixfr, &t->rr);
	if (t->status)
		return status_xfr_next(t->status, &t->rr);
	return log_walk_next(t->log, &t->rr);
}

static enum err
start(struct proto_transfer *t)
{
	enum err err = snapshot_open(t->req.session->proto->store, t->req.view, t->zone,
	    &t->snapshot);
	if (err != OK)
		return err;
	t->open = true;
	t->stage = STAGE_FIRST_SOA;
	return choose_source(t);
}

/* -- messages --------------------------------------------------------------- */

static bool
is_single(const struct proto_transfer *t)
{
	return !t->axfr && !t->ixfr && !t->status && !t->log;
}

/* The next record into rr. ERR_NOTFOUND: it is over. */
static enum err
next_rr(struct proto_transfer *t)
{
	enum err err;
	switch (t->stage) {
	case STAGE_FIRST_SOA:
		t->stage = is_single(t) ? STAGE_END : STAGE_BODY;
		snapshot_soa(&t->snapshot, &t->soa, &t->rr);
		return t->soa.err;
	case STAGE_BODY:
		err = source_next(t);
		if (err != ERR_NOTFOUND)
			return err;
		t->stage = STAGE_LAST_SOA;
		/* fallthrough */
	case STAGE_LAST_SOA:
		t->stage = STAGE_END;
		snapshot_soa(&t->snapshot, &t->soa, &t->rr);
		return t->soa.err;
	case STAGE_NEW:
	case STAGE_END: break;
	}
	return ERR_NOTFOUND;
}

static enum err
fill(struct proto_transfer *t, struct wire_out *out, size_t empty, bool *last)
{
	for (;;) {
		enum err err = t->has_rr ? OK : next_rr(t);
		t->has_rr = false;
		if (err == ERR_NOTFOUND) {
			*last = true;
			return OK;
		}
		if (err != OK)
			return err;
		msg_put_rr(out, MSG_ANSWER, &t->rr);
		if (out->err == OK)
			continue;
		if (out->size <= empty)
			return ERR_RANGE; /* fits into no message */
		out->err = OK;
		t->has_rr = true;
		*last = false;
		return OK;
	}
}

enum err
proto_transfer_next(struct proto_transfer *t, uint8_t *wire, size_t room, size_t *size,
    bool *last)
{
	enum { OPT_SIZE = 11 };
	struct wire_out out;
	size_t tail = tsig_room(&t->req.tsig) + (t->msg.has_opt ? OPT_SIZE : 0);
	bool end = false;
	enum err err = OK;

	if (room < 2048)
		return ERR_SPACE;
	if (t->stage == STAGE_NEW)
		err = start(t);
	if (err != OK)
		return err;
	wire_out_init(&out, wire, room - tail);
	msg_start_reply(&out, &t->msg, RCODE_NOERROR, true);
	err = fill(t, &out, out.size, &end);
	if (err != OK)
		return err;
	out.room = room;
	if (t->msg.has_opt)
		msg_put_opt(&out, UDP_SIZE_MAX, 0, 0, NULL);
	err = out.err;
	if (err == OK)
		err = tsig_sign_reply(&t->req.tsig, &out, (uint64_t)time(NULL));
	if (err != OK)
		return err;
	t->n_messages++;
	t->is_complete = end;
	*size = out.size;
	*last = end;
	return OK;
}

/* -- asking for one --------------------------------------------------------- */

/* The serial the client has: the SOA in the authority section. */
static enum err
read_serial(const struct msg *msg, uint32_t *serial)
{
	struct msg_cursor c;
	struct buf rdata;
	struct rr rr;
	struct soa soa;

	buf_init(&rdata, 0);
	msg_walk(msg, MSG_AUTHORITY, &c);
	enum err err = msg_next(&c, &rdata, &rr);
	if (err == OK && rr.type == RR_SOA && rr.class == CLASS_IN &&
	    dname_equal(&rr.owner, &msg->qname))
		err = soa_read(rr.rdata, rr.rdata_size, &soa);
	else
		err = ERR_FORM;
	buf_fini(&rdata);
	if (err == OK)
		*serial = soa.serial;
	return err;
}

/* RFC 1995 section 2: over UDP the current SOA alone is always a good answer,
 * and the client comes back over TCP. */
static void
answer_soa(struct request *req, const struct view_zone *zone)
{
	struct snapshot s;
	struct reply r;
	struct buf rdata;
	struct rr rr;
	enum err err = snapshot_open(req->session->proto->store, req->view, zone, &s);

	if (err != OK) {
		reply_error(req, err_rcode(err), EDE_OTHER, "reason=storage-failed");
		return;
	}
	buf_init(&rdata, 0);
	snapshot_soa(&s, &rdata, &rr);
	reply_start(&r, req, RCODE_NOERROR, true);
	reply_rr(&r, MSG_ANSWER, &rr);
	reply_send(&r, 0, NULL);
	buf_fini(&rdata);
	snapshot_close(&s);
}

/* Returns why not, with the rcode; NULL: it may be had. */
static const char *
why_refused(const struct request *req, const struct view_zone *zone, unsigned *rcode)
{
	const struct proto *proto = req->session->proto;
	*rcode = RCODE_NOTAUTH;
	if (!zone || !dname_equal(&zone->name, &req->msg->qname))
		return "reason=no-such-zone";
	*rcode = RCODE_REFUSED;
	if (zone->kind == ZONE_COMMAND)
		return "reason=update-only";
	if (rights_narrowed(req->key))
		return "reason=not-permitted";
	*rcode = RCODE_SERVFAIL;
	const char *why = zone->kind == ZONE_CATALOG
			      ? follow_why_not(proto, zone->catalog->nr)
			      : NULL;
	if (why)
		return why;
	if (proto->n_transfers >= TRANSFERS_MAX || !limits_transfer(req->key))
		return "reason=too-many-transfers";
	return NULL;
}

void
transfer_receive(struct request *req, const struct view_zone *zone)
{
	unsigned rcode;
	uint32_t serial = 0;
	bool incremental = req->msg->qtype == RR_IXFR;
	bool udp = req->session->transport == TRANSPORT_UDP;
	const char *why = why_refused(req, zone, &rcode);

	if (why) {
		reply_error(req, rcode, EDE_PROHIBITED, why);
		return;
	}
	if ((incremental && read_serial(req->msg, &serial) != OK) ||
	    (udp && !incremental)) {
		reply_error(req, RCODE_FORMERR, 0, NULL);
		return;
	}
	if (udp) {
		answer_soa(req, zone);
		return;
	}
	struct proto_transfer *t = transfer_new(req, zone);
	t->incremental = incremental;
	t->client_serial = serial;
	if (req->session->closed)
		proto_transfer_free(t);
	else
		req->session->proto->effects.transfer(req->session->peer, t);
}
