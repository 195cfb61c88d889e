/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/proto/reply.h"

#include <string.h>
#include <time.h>

#include "lib/counters.h"
#include "lib/log.h"

enum { OPT_SIZE = 11, EDE_HEAD = 6 };

static size_t
size_limit(const struct request *req, size_t least)
{
	const struct msg *msg = req->msg;
	size_t limit = MSG_MAX;

	if (req->session->transport == TRANSPORT_UDP) {
		limit = msg->has_opt ? msg->udp_size : 512;
		if (limit > UDP_SIZE_MAX)
			limit = UDP_SIZE_MAX;
	}
	/* A signature is never left out (RFC 8945 section 5.3), however long. */
	return limit < least ? least : limit;
}

void
reply_start(struct reply *r, struct request *req, unsigned rcode, bool aa)
{
	struct proto *proto = req->session->proto;
	size_t opt = req->msg->has_opt ? OPT_SIZE : 0;
	size_t tsig = tsig_room(&req->tsig);

	r->req = req;
	r->rcode = rcode;
	r->truncated = false;
	wire_out_init(&r->out, proto->out, sizeof(proto->out));
	msg_start_reply(&r->out, req->msg, rcode, aa);
	r->start = r->out.size;
	r->room = size_limit(req, r->start + opt + tsig) - tsig;
	r->out.room = r->room - opt;
}

void
reply_rr(struct reply *r, enum msg_section section, const struct rr *rr)
{
	if (r->truncated)
		return;
	msg_put_rr(&r->out, section, rr);
	r->truncated = r->out.err != OK;
}

void
reply_set_rcode(struct reply *r, unsigned rcode)
{
	r->rcode = rcode;
	msg_set_rcode(&r->out, rcode);
}

static void
truncate(struct reply *r)
{
	wire_out_cut(&r->out, r->start);
	for (size_t at = 6; at < MSG_HEADER; at += 2)
		wire_patch_u16(&r->out, at, 0);
	msg_set_tc(&r->out);
}

static void
put_opt(struct reply *r, unsigned ede, const char *text)
{
	if (!r->req->msg->has_opt)
		return;
	if (text && r->out.size + OPT_SIZE + EDE_HEAD + strlen(text) > r->room)
		text = NULL;
	msg_put_opt(&r->out, UDP_SIZE_MAX, r->rcode, ede, text);
}

void
reply_send(struct reply *r, unsigned ede, const char *ede_text)
{
	struct proto_session *session = r->req->session;
	struct proto *proto = session->proto;

	if (r->truncated)
		truncate(r);
	r->out.room = r->room;
	put_opt(r, ede, ede_text);
	r->out.room = sizeof(proto->out);
	enum err err = r->out.err;
	if (err == OK)
		err = tsig_sign_reply(&r->req->tsig, &r->out, (uint64_t)time(NULL));
	if (err != OK) {
		log_error("reply", "error=\"%s\"", err_str(err));
		return; /* never unsigned where it ought to be signed */
	}
	counter_add(&counters.responses[counters_rcode(r->rcode)]);
	if (!session->closed)
		proto->effects.reply(session->peer, &r->req->from, r->out.msg,
		    r->out.size);
}

void
reply_error(struct request *req, unsigned rcode, unsigned ede, const char *ede_text)
{
	struct reply r;
	reply_start(&r, req, rcode, false);
	reply_send(&r, ede, ede_text);
}
