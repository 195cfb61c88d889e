/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/proto/calls.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "agent/proto/announce.h"
#include "agent/proto/follow.h"

/* -- time ------------------------------------------------------------------- */

static uint64_t
random_u64(void)
{
	uint64_t n = 0;

	/* Not for secrets: of what is missing, none is missed. */
	if (getrandom(&n, sizeof(n), GRND_NONBLOCK) != sizeof(n))
		n = (uint64_t)time(NULL) * 2654435761u;
	return n;
}

uint64_t
calls_spread(uint64_t ms)
{
	return random_u64() % (ms + 1);
}

uint64_t
calls_jitter(uint64_t ms)
{
	return ms - calls_spread(ms / 10);
}

uint64_t
calls_now(const struct proto *proto)
{
	return proto->outward ? proto->outward->now_ms(proto->net) : 0;
}

static void
on_timer(void *arg)
{
	struct proto *proto = arg;

	if (!proto->outward)
		return;
	follow_run(proto);
	announce_run(proto);
	calls_arm(proto);
}

void
calls_arm(struct proto *proto)
{
	if (!proto->outward)
		return;
	uint64_t now = calls_now(proto), at = follow_next(proto);
	uint64_t other = announce_next(proto);

	if (other < at)
		at = other;
	proto->outward->timer(proto->net, at > now ? at - now : 0, on_timer, proto);
}

/* -- life ------------------------------------------------------------------- */

void
calls_sync(struct proto *proto)
{
	follow_sync(proto);
	announce_sync(proto);
	calls_arm(proto);
}

void
proto_go_out(struct proto *proto, const struct proto_outward *outward, void *net)
{
	proto->outward = outward;
	proto->net = net;
	calls_sync(proto);
}

void
proto_leave(struct proto *proto)
{
	follow_hang_up(proto);
	announce_hang_up(proto);
	proto->outward = NULL;
}

/* -- one question ----------------------------------------------------------- */

void
ask_start(struct ask *ask, const struct proto_remote *to, enum opcode opcode,
    const struct dname *name, uint16_t type)
{
	ask_fini(ask);
	ask->id = (uint16_t)random_u64();
	ask->opcode = opcode;
	ask->type = type;
	ask->name = *name;
	ask->key = to->key ? key_ref(to->key) : NULL;
	ask->has_reply = false;
}

void
ask_fini(struct ask *ask)
{
	key_unref(ask->key);
	ask->key = NULL;
	tsig_gap_fini(&ask->gap);
}

enum err
ask_send(struct ask *ask, struct proto *proto, void *line, const struct rr *soa,
    enum msg_section section)
{
	uint8_t wire[2048];
	struct wire_out out;
	unsigned flags = (unsigned)ask->opcode << 11;

	if (ask->opcode == OPCODE_NOTIFY)
		flags |= FLAG_AA;
	wire_out_init(&out, wire, sizeof(wire) - TSIG_SIZE_MAX);
	msg_start(&out, ask->id, (uint16_t)flags);
	msg_put_question(&out, &ask->name, ask->type, CLASS_IN);
	if (soa)
		msg_put_rr(&out, section, soa);
	/* Whoever knows OPT can then say why he refuses (RFC 8914). */
	if (ask->opcode == OPCODE_QUERY)
		msg_put_opt(&out, UDP_SIZE_MAX, 0, 0, NULL);
	enum err err = out.err;
	out.room = sizeof(wire);
	if (err == OK && ask->key)
		err =
		    tsig_sign_request(ask->key, &out, (uint64_t)time(NULL), &ask->tsig);
	if (err == OK)
		proto->outward->send(line, wire, out.size);
	return err;
}

static enum err
verify(struct ask *ask, const struct msg *msg, char *why, size_t why_size)
{
	unsigned rcode = 0;
	enum err err =
	    tsig_verify_next(&ask->tsig, &ask->gap, msg, (uint64_t)time(NULL), &rcode);

	if (err == OK)
		return OK;
	/* A hint that nobody vouches for, but what else is there to say? */
	const char *what = msg->tsig_at == 0       ? "the reply is not signed"
			   : rcode == RCODE_BADKEY ? "it does not know our key (BADKEY)"
			   : rcode == RCODE_BADTIME ? "the clocks differ (BADTIME)"
			   : rcode == RCODE_BADSIG  ? "it has another secret (BADSIG)"
						    : "the signature is wrong";
	char text[128] = "";
	if (msg->tsig_at == 0 && msg_rcode(msg) != RCODE_NOERROR)
		ask_print_rcode(msg, text, sizeof(text));
	snprintf(why, why_size, "%s%s%s", what, text[0] ? ": " : "", text);
	return err;
}

enum err
ask_take(struct ask *ask, const uint8_t *wire, size_t size, struct msg *msg, char *why,
    size_t why_size)
{
	if (msg_frame(wire, size, msg) != OK || !(msg->flags & FLAG_QR) ||
	    msg->id != ask->id || msg_opcode(msg) != ask->opcode ||
	    (msg->count[MSG_QUESTION] == 0 && !ask->has_reply &&
		msg_rcode(msg) == RCODE_NOERROR) ||
	    (msg->count[MSG_QUESTION] > 0 &&
		(!dname_equal(&msg->qname, &ask->name) || msg->qtype != ask->type ||
		    msg->qclass != CLASS_IN))) {
		snprintf(why, why_size, "not a reply to what was asked");
		return ERR_FORM;
	}
	enum err err = ask->key ? verify(ask, msg, why, why_size) : OK;
	/* There is no reason for that here (RFC 5936 section 2.2.1). */
	if (err == OK && (msg->flags & FLAG_TC)) {
		snprintf(why, why_size, "the reply is truncated");
		return ERR_FORM;
	}
	if (err == OK)
		ask->has_reply = true;
	return err;
}

bool
ask_is_vouched(const struct ask *ask)
{
	return ask->gap.n == 0;
}

void
ask_print_rcode(const struct msg *msg, char *out, size_t size)
{
	unsigned code;
	char ede[160];

	if (msg_get_ede(msg, &code, ede, sizeof(ede)) != OK)
		ede[0] = '\0';
	for (char *p = ede; *p != '\0'; p++)
		if (*p < ' ' || *p > '~' || *p == '"')
			*p = '?';
	snprintf(out, size, "%s%s%s", rcode_str(msg_rcode(msg)), ede[0] ? " " : "",
	    ede);
}
