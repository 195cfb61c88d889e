/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_PROTO_REPLY_H
#define AGENT_PROTO_REPLY_H

#include "agent/proto/core.h"

/*
 * One reply: header and question of the request, records, OPT when the request
 * had one, TSIG as the request's deserves. One at a time: it is built in the
 * memory of struct proto.
 */

struct reply {
	struct request *req;
	struct wire_out out;
	size_t room;  /* for all but the TSIG */
	size_t start; /* size with the question alone */
	unsigned rcode;
	bool truncated;
};

void reply_start(struct reply *r, struct request *req, unsigned rcode, bool aa);
/* What does not fit makes the reply truncated: TC, no records at all. */
void reply_rr(struct reply *r, enum msg_section section, const struct rr *rr);
void reply_set_rcode(struct reply *r, unsigned rcode);
/* ede_text may be NULL; it needs an OPT in the request, and room. */
void reply_send(struct reply *r, unsigned ede, const char *ede_text);

/* A reply of nothing but an rcode. */
void reply_error(struct request *req, unsigned rcode, unsigned ede,
    const char *ede_text);

#endif
