/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIB_MSG_H
#define LIB_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/dname.h"
#include "lib/err.h"
#include "lib/rr.h"
#include "lib/wire.h"

/*
 * DNS messages: framing before trust. msg_frame() looks at every length and
 * name once, in time proportional to the message and without allocation, and
 * finds question, OPT and TSIG. Only then is anything verified or interpreted.
 */

enum { MSG_MAX = 65535, MSG_HEADER = 12 };

enum opcode { OPCODE_QUERY = 0, OPCODE_NOTIFY = 4, OPCODE_UPDATE = 5 };

enum msg_section {
	MSG_QUESTION,
	MSG_ANSWER,
	MSG_AUTHORITY,
	MSG_ADDITIONAL,
	/* The names of RFC 2136 for the same sections. */
	MSG_ZONE = MSG_QUESTION,
	MSG_PREREQ = MSG_ANSWER,
	MSG_UPDATES = MSG_AUTHORITY,
};

enum { FLAG_QR = 0x8000, FLAG_AA = 0x0400, FLAG_TC = 0x0200, FLAG_RD = 0x0100 };

struct msg {
	const uint8_t *wire;
	size_t size;
	uint16_t id;
	uint16_t flags;
	uint16_t count[4]; /* TSIG and OPT counted as they stand in the message */
	size_t start[4];   /* offset of each section */
	struct dname qname;
	uint16_t qtype, qclass; /* 0 without a question */
	size_t tsig_at;         /* offset of the TSIG record; 0: none */
	bool has_opt;
	size_t opt_at; /* offset of the OPT record; 0: none */
	uint8_t edns_version;
	uint8_t ext_rcode; /* the upper bits, from OPT */
	uint16_t udp_size; /* from OPT, at least 512 */
	size_t end;        /* end of the last record before TSIG */
};

/*
 * ERR_RANGE: not even a header; no answer is possible. ERR_FORM: id, flags and,
 * where they could be read, the question are set, so that FORMERR can be sent;
 * the rest is not. QDCOUNT other than 1 is ERR_FORM (a reply, QR set, may have
 * 0), and so are trailing octets, a TSIG that is not last or not alone, more
 * than one OPT, and any broken name or length. RDATA is not interpreted. The SOA
 * of an NXDOMAIN may be uncounted in the header; in count it is not.
 */
NODISCARD enum err msg_frame(const uint8_t *wire, size_t size, struct msg *msg);

enum opcode msg_opcode(const struct msg *msg);
unsigned msg_rcode(const struct msg *msg); /* extended by OPT where present */

/* Walk one section. rdata is appended to by msg_next and borrowed by the rr
 * until the buffer is reset or grows. OPT and TSIG are passed over. */
struct msg_cursor {
	const struct msg *msg;
	enum msg_section section;
	struct wire_in in;
	unsigned left;
	unsigned n; /* records returned so far: the number of the current one, from 1 */
};

void msg_walk(const struct msg *msg, enum msg_section section, struct msg_cursor *c);
/*
 * ERR_NOTFOUND: the end. ERR_FORM: RDATA that is not what its type says. An
 * RDLENGTH of 0 is returned as such for the classes ANY and NONE (RFC 2136).
 */
NODISCARD enum err msg_next(struct msg_cursor *c, struct buf *rdata, struct rr *rr);

/* -- building ------------------------------------------------------------ */

/* Header with all counts 0. */
void msg_start(struct wire_out *out, uint16_t id, uint16_t flags);
/* Header and question of the reply to req: id and opcode copied, QR set, AA if
 * asked for. Copies the question only where req has one. */
void msg_start_reply(struct wire_out *out, const struct msg *req, unsigned rcode,
    bool aa);
void msg_put_question(struct wire_out *out, const struct dname *name, uint16_t type,
    uint16_t class);
/* A record, counted in its section. ERR_SPACE (in out->err) leaves the message
 * as it was before the call, so that it can be sent. */
void msg_put_rr(struct wire_out *out, enum msg_section section, const struct rr *rr);
/* OPT with, where ede_text is not NULL, an Extended DNS Error (RFC 8914). The
 * upper bits of rcode go into it. */
void msg_put_opt(struct wire_out *out, uint16_t udp_size, unsigned rcode, unsigned ede,
    const char *ede_text);
/* OPT with one option. */
void msg_put_opt_option(struct wire_out *out, uint16_t udp_size, uint16_t option,
    const void *data, uint16_t size);
void msg_set_rcode(struct wire_out *out, unsigned rcode);
void msg_set_tc(struct wire_out *out);

enum {
	EDE_OTHER = 0,
	EDE_STALE = 3,
	EDE_NOT_READY = 14,
	EDE_PROHIBITED = 18,
	EDE_NOT_SUPPORTED = 21
};

/* EDNS options: of RFC 8914, and two of the control protocol (doc/protocol.md 2.1),
 * in the range for local use of RFC 6891. */
enum {
	OPTION_EDE = 15,
	OPTION_ORIGIN = 65310, /* of an UPDATE: on whose behalf */
	OPTION_NODE = 65311,   /* of a query: all that is at and below the name */
};

/* The first option of that code; borrowed from the message. ERR_NOTFOUND. */
NODISCARD enum err msg_get_option(const struct msg *msg, uint16_t code,
    const uint8_t **data, size_t *size);

/* The text of the first Extended DNS Error of a reply, cut to fit. ERR_NOTFOUND. */
NODISCARD enum err msg_get_ede(const struct msg *msg, unsigned *code, char *text,
    size_t size);

#endif
