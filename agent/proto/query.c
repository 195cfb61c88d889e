/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/proto/query.h"

#include "agent/catalog/catalog.h"
#include "agent/proto/follow.h"
#include "agent/proto/log_zone.h"
#include "agent/proto/reply.h"
#include "agent/proto/rights.h"
#include "agent/proto/snapshot.h"
#include "agent/proto/status_zone.h"
#include "agent/proto/transfer.h"
#include "agent/store/members.h"
#include "lib/catz.h"
#include "lib/log.h"

/* One question, one snapshot, one reply. */

struct answer {
	struct request *req;
	struct snapshot snapshot;
	struct reply reply;
	bool some, exists;
};

static enum err
put_answer(void *arg, const struct rr *rr)
{
	struct answer *a = arg;
	a->some = true;
	reply_rr(&a->reply, MSG_ANSWER, rr);
	return OK;
}

/* A narrowed key sees its own members in C, and nothing else. */
static enum err
check_narrowed(const struct answer *a)
{
	const struct snapshot *s = &a->snapshot;
	struct catz_name name;
	struct member m;

	catz_classify(&a->req->msg->qname, &s->head.name, &name);
	if (name.id.size == 0)
		return ERR_DENIED;
	member_init(&m);
	enum err err = members_get(s->txn, s->head.nr, &name.id, &m);
	if (err == OK && !rights_member(a->req->key, s->zone->catalog, &m))
		err = ERR_DENIED;
	member_fini(&m);
	return err == ERR_NOTFOUND ? ERR_DENIED : err;
}

/* All of a member at once: else nobody could ask for what he does not know of. */
static bool
wants_node(const struct answer *a)
{
	const struct msg *msg = a->req->msg;
	const uint8_t *data;
	size_t size;
	struct catz_name name;

	if (msg->qtype != RR_ANY ||
	    msg_get_option(msg, OPTION_NODE, &data, &size) != OK)
		return false;
	catz_classify(&msg->qname, &a->snapshot.head.name, &name);
	return name.kind == CATZ_MEMBER;
}

static enum err
look_up(struct answer *a)
{
	const struct snapshot *s = &a->snapshot;
	const struct dname *name = &a->req->msg->qname;
	uint16_t type = a->req->msg->qtype;
	bool narrowed = rights_narrowed(a->req->key);
	enum err err = OK;

	switch (s->zone->kind) {
	case ZONE_CATALOG:
		if (narrowed)
			err = check_narrowed(a);
		if (err == OK && wants_node(a))
			err = catalog_each_of_member(s->txn, &s->head, name, put_answer,
			    a, &a->exists);
		else if (err == OK)
			err = catalog_each_at(s->txn, &s->head, name, type, put_answer,
			    a, &a->exists);
		return err;
	case ZONE_STATUS:
		return status_zone_each_at(s, a->req->key, name, type, put_answer, a,
		    &a->exists);
	case ZONE_LOG:
		if (narrowed)
			return ERR_DENIED;
		return log_zone_each_at(s, name, type, put_answer, a, &a->exists);
	case ZONE_COMMAND: return ERR_DENIED;
	}
	return ERR_DENIED;
}

/* RFC 2308: the SOA tells that there is nothing. */
static void
put_negative(struct answer *a)
{
	struct buf rdata;
	struct rr rr;

	buf_init(&rdata, 0);
	snapshot_soa(&a->snapshot, &rdata, &rr);
	if (!a->exists)
		reply_set_rcode(&a->reply, RCODE_NXDOMAIN);
	reply_rr(&a->reply, MSG_AUTHORITY, &rr);
	buf_fini(&rdata);
}

static void
answer(struct request *req, const struct view_zone *zone)
{
	struct answer a = {.req = req};
	enum err err =
	    snapshot_open(req->session->proto->store, req->view, zone, &a.snapshot);
	if (err != OK) {
		log_error("query", "error=\"%s\"", err_str(err));
		reply_error(req, err_rcode(err), EDE_OTHER, "reason=storage-failed");
		return;
	}
	reply_start(&a.reply, req, RCODE_NOERROR, true);
	err = look_up(&a);
	if (err == OK && !a.some)
		put_negative(&a);
	snapshot_close(&a.snapshot);
	if (err == OK)
		reply_send(&a.reply, 0, NULL);
	else if (err == ERR_DENIED)
		reply_error(req, RCODE_REFUSED, EDE_PROHIBITED, "reason=not-permitted");
	else {
		log_error("query", "error=\"%s\"", err_str(err));
		reply_error(req, err_rcode(err), EDE_OTHER, "reason=storage-failed");
	}
}

static bool
is_transfer(uint16_t type)
{
	return type == RR_AXFR || type == RR_IXFR;
}

void
query_receive(struct request *req)
{
	const struct msg *msg = req->msg;
	const struct proto *proto = req->session->proto;
	const struct view_zone *zone = view_zone_of(req->view, &msg->qname);

	if (msg->qclass != CLASS_IN && msg->qclass != CLASS_ANY)
		reply_error(req, RCODE_REFUSED, EDE_PROHIBITED, "reason=class");
	else if (!rights_have(req->key, RIGHT_READ))
		reply_error(req, RCODE_REFUSED, EDE_PROHIBITED, "reason=no-read-right");
	else if (is_transfer(msg->qtype))
		transfer_receive(req, zone);
	else if (!zone)
		reply_error(req, RCODE_REFUSED, EDE_PROHIBITED, "reason=no-such-zone");
	else if (zone->kind == ZONE_COMMAND)
		reply_error(req, RCODE_REFUSED, EDE_PROHIBITED, "reason=update-only");
	else if (zone->kind == ZONE_CATALOG && follow_why_not(proto, zone->catalog->nr))
		reply_error(req, RCODE_SERVFAIL, EDE_NOT_READY,
		    follow_why_not(proto, zone->catalog->nr));
	else if (msg->qtype != RR_ANY && rr_type_is_meta(msg->qtype))
		reply_error(req, RCODE_NOTIMP, EDE_NOT_SUPPORTED, "reason=type");
	else
		answer(req, zone);
}
