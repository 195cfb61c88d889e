/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/proto/proto.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/proto/announce.h"
#include "agent/proto/calls.h"
#include "agent/proto/control.h"
#include "agent/proto/core.h"
#include "agent/proto/follow.h"
#include "agent/proto/notify.h"
#include "agent/proto/query.h"
#include "agent/proto/reply.h"
#include "agent/proto/rights.h"
#include "agent/proto/update.h"
#include "agent/store/status.h"
#include "lib/clock.h"
#include "lib/counters.h"
#include "lib/log.h"
#include "lib/mem.h"

/*
 * The DNS control protocol without sockets: a message in, effects out.
 *
 *   receive -> frame -> TSIG -> opcode -+-> update -> writer ... reap -> reply
 *                                       |   (of C, or of _command.C: verbs)
 *                                       +-> query -> snapshot -> reply
 *                                       +-> transfer -> one message at a time
 *
 * One thread (the loop's) runs everything here but update_run.c and command_run(),
 * which are the store's writer's. Nothing is believed before the signature was
 * verified, and who does not sign gets REFUSED whatever he asks. Queries read one
 * snapshot each; a transfer keeps its own until it ends. Nothing here waits.
 *
 * Lifetimes are counted: a request that is answered later holds its session and
 * the configuration it came under, so closing and reloading need no waiting.
 */

/* -- life ------------------------------------------------------------------- */

struct proto *
proto_new(struct store *store, const struct proto_conf *conf,
    const struct proto_effects *effects)
{
	struct proto *proto = mem_alloc(sizeof(*proto));
	proto->refs = 1;
	proto->store = store;
	proto->uses = NULL;
	proto->view = view_new(conf);
	limits_attach(&proto->uses, &proto->view->conf);
	proto->effects = *effects;
	proto->reconfigure = NULL;
	proto->reconfigure_arg = NULL;
	proto->update_bytes = proto->staged_bytes = 0;
	proto->session_id = 0;
	proto->clock_ms = clock_unix_ms() - clock_boot_ms();
	memset(&proto->locks, 0, sizeof(proto->locks));
	proto->n_transfers = 0;
	givens_init(&proto->givens);
	proto->complaint_s = 0;
	proto->n_complaints = proto->n_muted = 0;
	proto->outward = NULL;
	proto->net = NULL;
	proto->follows = NULL;
	proto->announces = NULL;
	calls_sync(proto);
	return proto;
}

static void
proto_unref(struct proto *proto)
{
	if (--proto->refs > 0)
		return;
	follow_free_all(proto);
	announce_free_all(proto);
	view_unref(proto->view);
	limits_free(proto->uses);
	givens_fini(&proto->givens);
	free(proto);
}

void
proto_free(struct proto *proto)
{
	if (proto)
		proto_unref(proto);
}

/* A configuration tells of the same records in other words. */
static void
forget_given(struct proto *proto)
{
	uint32_t serial;

	if (snapshot_status_serial(proto->store, &serial) == OK)
		givens_forget(&proto->givens, serial);
	else
		givens_fini(&proto->givens);
	status_touch(proto->store);
}

void
proto_reload(struct proto *proto, const struct proto_conf *conf)
{
	struct view *old = proto->view;
	proto->view = view_new(conf);
	limits_attach(&proto->uses, &proto->view->conf);
	calls_sync(proto);
	view_unref(old);
	forget_given(proto);
}

void
proto_on_reconfigure(struct proto *proto, void (*fn)(void *arg), void *arg)
{
	proto->reconfigure = fn;
	proto->reconfigure_arg = arg;
}

struct proto_session *
proto_open(struct proto *proto, void *peer, enum transport transport)
{
	struct proto_session *session = mem_alloc(sizeof(*session));
	*session = (struct proto_session){.refs = 1,
	    .proto = proto,
	    .id = ++proto->session_id,
	    .peer = peer,
	    .transport = transport};
	proto->refs++;
	counter_add(&counters.connections[transport]);
	return session;
}

static void
session_unref(struct proto_session *session)
{
	if (--session->refs > 0)
		return;
	proto_unref(session->proto);
	free(session);
}

void
proto_close(struct proto_session *session)
{
	if (!session)
		return;
	session->closed = true;
	counter_drop(&counters.connections[session->transport]);
	control_end(session);
	limits_leave(session->use);
	session->use = NULL;
	session_unref(session);
}

bool
proto_is_known(const struct proto_session *session)
{
	return session->use != NULL;
}

void
session_hold(struct proto_session *session)
{
	session->refs++;
	session->n_outstanding++;
}

void
session_release(struct proto_session *session)
{
	session->n_outstanding--;
	session_unref(session);
}

unsigned
proto_outstanding(const struct proto_session *session)
{
	return session->n_outstanding;
}

/* -- small things ----------------------------------------------------------- */

unsigned
err_rcode(enum err err)
{
	switch (err) {
	case OK: return RCODE_NOERROR;
	case ERR_FORM: return RCODE_FORMERR;
	case ERR_DENIED:
	case ERR_AUTH: return RCODE_REFUSED;
	case ERR_UNSUPPORTED: return RCODE_NOTIMP;
	case ERR_NOTFOUND:
	case ERR_EXISTS:
	case ERR_RANGE:
	case ERR_SPACE:
	case ERR_INVALID:
	case ERR_BUSY:
	case ERR_TIMEOUT:
	case ERR_CLOSED:
	case ERR_CANCELED:
	case ERR_FULL:
	case ERR_IO:
	case ERR_CORRUPT: return RCODE_SERVFAIL;
	}
	return RCODE_SERVFAIL;
}

void
request_source(const struct request *req, char *out, size_t size)
{
	char text[ADDR_TEXT_MAX];
	static const char *const names[] =
	    {[TRANSPORT_UDP] = "udp", [TRANSPORT_TCP] = "tcp", [TRANSPORT_TLS] = "tls"};
	struct proto_session *session = req->session;

	if (session->source[0] == '\0' ||
	    !addr_equal(&session->source_addr, &req->from)) {
		session->source_addr = req->from;
		snprintf(session->source, sizeof(session->source), "%s/%s",
		    addr_print(&req->from, text), names[session->transport]);
	}
	size_t n = strnlen(session->source, size - 1);
	memcpy(out, session->source, n);
	out[n] = '\0';
}

/* Strangers may not fill the log. */
static void
complain(struct request *req, const char *what)
{
	struct proto *proto = req->session->proto;
	char source[ADDR_TEXT_MAX + 8];

	if (proto->complaint_s != req->now) {
		if (proto->n_muted > 0)
			log_info("request", "muted=%u", proto->n_muted);
		proto->complaint_s = req->now;
		proto->n_complaints = proto->n_muted = 0;
	}
	if (++proto->n_complaints > COMPLAINTS_PER_S) {
		proto->n_muted++;
		return;
	}
	request_source(req, source, sizeof(source));
	log_info("request", "source=%s opcode=%u refused=%s", source,
	    (unsigned)msg_opcode(req->msg), what);
}

/* -- receiving -------------------------------------------------------------- */

static struct key *
find_key(void *arg, const struct dname *name)
{
	struct request *req = arg;
	req->key = view_find_key(req->view, name);
	return req->key ? req->key->key : NULL;
}

/* False: answered. RFC 8945 section 5.2. */
static bool
authenticate(struct request *req)
{
	const char *what = "unsigned";
	unsigned rcode = RCODE_NOTAUTH;
	enum count_stranger count = COUNT_UNSIGNED;

	switch (tsig_verify_request(req->msg, find_key, req, req->now, &req->tsig)) {
	case TSIG_GOOD:
		if (req->key)
			return true;
		rcode = RCODE_REFUSED;
		break;
	case TSIG_NONE: return true;
	case TSIG_FORMERR:
		rcode = RCODE_FORMERR;
		what = "tsig-form";
		count = COUNT_TSIG_FORM;
		break;
	case TSIG_BADKEY:
		what = "badkey";
		count = COUNT_BADKEY;
		break;
	case TSIG_BADSIG:
		what = "badsig";
		count = COUNT_BADSIG;
		break;
	case TSIG_BADTIME:
		what = "badtime";
		count = COUNT_BADTIME;
		break;
	case TSIG_BADTRUNC:
		what = "badtrunc";
		count = COUNT_BADTRUNC;
		break;
	}
	counter_add(&counters.strangers[count]);
	complain(req, what);
	reply_error(req, rcode, 0, NULL);
	return false;
}

static void
dispatch_stranger(struct request *req, unsigned opcode)
{
	bool known = opcode == OPCODE_QUERY || opcode == OPCODE_UPDATE ||
		     opcode == OPCODE_NOTIFY;
	counter_add(&counters.strangers[COUNT_UNSIGNED]);
	complain(req, "unsigned");
	reply_error(req, known ? RCODE_REFUSED : RCODE_NOTIMP, 0, NULL);
}

/* False: answered. The first key that signs on a connection has it. */
static bool
is_within_limits(struct request *req)
{
	struct proto_session *session = req->session;

	if (session->transport != TRANSPORT_UDP && session->use == NULL) {
		if (!limits_enter(req->key)) {
			complain(req, "too-many-connections");
			reply_error(req, RCODE_REFUSED, EDE_PROHIBITED,
			    "reason=too-many-connections");
			session->proto->effects.close(session->peer);
			return false;
		}
		session->use = req->key->use;
	}
	if (limits_take(req->key))
		return true;
	control_spoil(session);
	reply_error(req, RCODE_SERVFAIL, EDE_NOT_READY, "reason=rate-limit");
	return false;
}

static void
dispatch(struct request *req)
{
	unsigned opcode = (unsigned)msg_opcode(req->msg);

	if (req->msg->has_opt && req->msg->edns_version != 0) {
		control_spoil(req->session);
		reply_error(req, RCODE_BADVERS, 0, NULL);
	} else if (!req->key && opcode == OPCODE_NOTIFY && notify_receive(req))
		return;
	else if (!req->key)
		dispatch_stranger(req, opcode);
	else if (!is_within_limits(req))
		return;
	else if (opcode == OPCODE_QUERY)
		query_receive(req);
	else if (opcode == OPCODE_UPDATE)
		update_receive(req);
	else if (opcode == OPCODE_NOTIFY)
		(void)notify_receive(req);
	else
		reply_error(req, RCODE_NOTIMP, 0, NULL);
}

void
proto_receive(struct proto_session *session, const struct addr *from,
    const uint8_t *wire, size_t size)
{
	struct msg msg;
	struct request req = {.session = session,
	    .msg = &msg,
	    .from = *from,
	    .tsig = {.verdict = TSIG_NONE},
	    .now = (uint64_t)time(NULL)};

	if (session->closed)
		return;
	enum err err = msg_frame(wire, size, &msg);
	if (err == ERR_RANGE || (msg.flags & FLAG_QR)) {
		control_spoil(session);
		return; /* no answer to what is none, or is one itself */
	}
	/* Effects may close the session, or reload: hold both. */
	session->refs++;
	req.view = view_ref(session->proto->view);
	counter_add(&counters.requests[session->transport]);
	if (err != OK)
		reply_error(&req, RCODE_FORMERR, 0, NULL);
	else if (authenticate(&req))
		dispatch(&req);
	/* Nobody knows what it was; it may have been part of a transaction. */
	if (err != OK || req.tsig.verdict != TSIG_GOOD)
		control_spoil(session);
	view_unref(req.view);
	session_unref(session);
}
