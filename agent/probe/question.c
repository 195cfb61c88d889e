/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/probe/question.h"

#include <string.h>
#include <time.h>

#include "lib/buf.h"
#include "lib/msg.h"
#include "lib/rr.h"
#include "lib/wire.h"

enum err
question_write(const struct dname *zone, uint16_t id, struct key *key,
    struct tsig *tsig, uint8_t out[static QUESTION_MAX], size_t *size)
{
	struct wire_out w;
	wire_out_init(&w, out, QUESTION_MAX);
	msg_start(&w, id, 0);
	msg_put_question(&w, zone, RR_SOA, CLASS_IN);
	if (key != NULL) {
		enum err err = tsig_sign_request(key, &w, (uint64_t)time(NULL), tsig);
		if (err != OK)
			return err;
	}
	*size = w.size;
	return w.err;
}

/* -- the reply ----------------------------------------------------------------------
 */

struct soas {
	bool own, other, ns;
	uint32_t serial; /* of the zone's own */
};

static void
find_soas(const struct msg *msg, enum msg_section section, const struct dname *zone,
    struct soas *found)
{
	struct msg_cursor c;
	struct buf rdata;
	struct rr rr;
	struct soa soa;
	buf_init(&rdata, MSG_MAX);
	msg_walk(msg, section, &c);
	for (; msg_next(&c, &rdata, &rr) == OK; buf_reset(&rdata)) {
		if (rr.class != CLASS_IN)
			continue;
		found->ns |= rr.type == RR_NS;
		if (rr.type != RR_SOA)
			continue;
		if (!dname_equal(&rr.owner, zone)) {
			found->other = true;
		} else if (soa_read(rr.rdata, rr.rdata_size, &soa) == OK) {
			found->own = true;
			found->serial = soa.serial;
		}
	}
	buf_fini(&rdata);
}

static enum probe_answer
classify(const struct msg *msg, const struct dname *zone, struct probe_result *result)
{
	struct soas answer = {0}, authority = {0};
	bool aa = (msg->flags & FLAG_AA) != 0;
	if (result->rcode == RCODE_REFUSED)
		return PROBE_ABSENT;
	if (result->rcode != RCODE_NOERROR && result->rcode != RCODE_NXDOMAIN)
		return PROBE_FAULT;
	find_soas(msg, MSG_ANSWER, zone, &answer);
	find_soas(msg, MSG_AUTHORITY, zone, &authority);
	if (answer.own && aa && result->rcode == RCODE_NOERROR) {
		result->serial = answer.serial;
		return PROBE_SERVING;
	}
	if (answer.own || authority.own)
		return PROBE_FAULT;
	if (answer.other || authority.other)
		return PROBE_ABSENT;
	/* A referral: the parent zone is here, and this one is not. */
	if (!aa && result->rcode == RCODE_NOERROR && authority.ns && msg->count[1] == 0)
		return PROBE_ABSENT;
	return PROBE_FAULT;
}

enum err
question_read(const struct dname *zone, uint16_t id, struct tsig *tsig,
    const uint8_t *wire, size_t size, struct probe_result *result)
{
	struct msg msg;
	unsigned tsig_rcode;
	if (msg_frame(wire, size, &msg) != OK || msg.id != id ||
	    (msg.flags & FLAG_QR) == 0 || msg_opcode(&msg) != OPCODE_QUERY)
		return ERR_NOTFOUND;
	if (msg.count[MSG_QUESTION] == 1 &&
	    (msg.qtype != RR_SOA || msg.qclass != CLASS_IN ||
		!dname_equal(&msg.qname, zone)))
		return ERR_NOTFOUND;
	/* Some servers leave the question out of a refusal; none of an answer. */
	if (msg.count[MSG_QUESTION] == 0 && msg_rcode(&msg) == RCODE_NOERROR)
		return ERR_NOTFOUND;
	*result = (struct probe_result){.zone = *zone, .rcode = msg_rcode(&msg)};
	if (tsig != NULL &&
	    tsig_verify_reply(tsig, &msg, (uint64_t)time(NULL), &tsig_rcode) != OK) {
		result->answer = PROBE_FAULT;
		return ERR_AUTH;
	}
	if ((msg.flags & FLAG_TC) != 0)
		return ERR_SPACE;
	result->answer = classify(&msg, zone, result);
	return OK;
}
