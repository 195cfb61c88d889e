/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any octets as a DNS message: framed, every section walked, every record
 * written again and read back, printed, and found again.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)           \
	do {                      \
		if (!(condition)) \
			abort();  \
	} while (0)

static uint8_t again[MSG_MAX];

static bool
same_rr(const struct rr *a, const struct rr *b)
{
	return dname_equal(&a->owner, &b->owner) && a->type == b->type &&
	       a->class == b->class && a->ttl == b->ttl &&
	       a->rdata_size == b->rdata_size &&
	       memcmp(a->rdata, b->rdata, a->rdata_size) == 0;
}

/* What was read must come out, and back in, as the same record. */
static void
write_and_read(struct wire_out *out, const struct rr *rr)
{
	struct wire_in in;
	struct buf rdata;
	struct rr back;
	size_t start = out->size;

	if (rr->type == RR_OPT || rr->type == RR_TSIG)
		return;
	msg_put_rr(out, MSG_ANSWER, rr);
	if (out->err != OK) {
		MUST(out->size == start);
		return;
	}
	buf_init(&rdata, 0);
	wire_in_init(&in, out->msg, out->size);
	in.pos = start;
	wire_get_name(&in, &back.owner);
	back.type = wire_get_u16(&in);
	back.class = wire_get_u16(&in);
	back.ttl = wire_get_u32(&in);
	uint16_t size = wire_get_u16(&in);
	MUST(in.err == OK && wire_left(&in) == size);
	if (size > 0)
		MUST(rr_rdata_read(&in, back.type, size, &rdata) == OK);
	back.rdata = rdata.data ? rdata.data : (const uint8_t *)"";
	back.rdata_size = (uint16_t)rdata.size;
	MUST(same_rr(rr, &back));
	buf_fini(&rdata);
}

static void
walk(const struct msg *msg, enum msg_section section, struct wire_out *out)
{
	struct msg_cursor c;
	struct buf rdata, text;
	struct rr rr;
	enum err err;

	buf_init(&rdata, 0);
	buf_init(&text, 0);
	msg_walk(msg, section, &c);
	while ((err = msg_next(&c, &rdata, &rr)) == OK) {
		struct soa soa;
		char value[64];
		if (section != MSG_QUESTION)
			write_and_read(out, &rr);
		if (rr.type == RR_SOA && soa_read(rr.rdata, rr.rdata_size, &soa) == OK)
			MUST(soa.mname.size > 0);
		if (txt_get(rr.rdata, rr.rdata_size, "a", value, sizeof(value)) == OK)
			MUST(strlen(value) < sizeof(value));
		if (c.n <= 4)
			rr_print(&rr, &text);
		buf_reset(&rdata);
	}
	/* Framing has seen every name: only RDATA can be wrong now. */
	MUST(err == ERR_NOTFOUND || (err == ERR_FORM && section != MSG_QUESTION));
	if (err == ERR_FORM)
		MUST(c.n > 0);
	buf_fini(&rdata);
	buf_fini(&text);
}

static void
check_reply(const struct msg *req)
{
	static uint8_t wire[512];
	struct wire_out out;
	struct msg reply;
	wire_out_init(&out, wire, sizeof(wire));
	msg_start_reply(&out, req, RCODE_FORMERR, false);
	MUST(out.err == OK);
	MUST(msg_frame(wire, out.size, &reply) == OK);
	MUST(reply.id == req->id && reply.count[0] == req->count[0]);
	if (reply.count[0])
		MUST(dname_equal(&reply.qname, &req->qname));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct msg msg;
	struct wire_out out;
	unsigned code;
	char text[64];

	enum err err = msg_frame(data, size, &msg);
	if (err == ERR_RANGE)
		return 0;
	check_reply(&msg);
	wire_out_init(&out, again, sizeof(again));
	msg_start(&out, msg.id, msg.flags | FLAG_QR);
	for (int s = MSG_QUESTION; err == OK && s <= MSG_ADDITIONAL; s++)
		walk(&msg, (enum msg_section)s, &out);
	if (msg_get_ede(&msg, &code, text, sizeof(text)) == OK)
		MUST(strlen(text) < sizeof(text));

	/* Skipping must end where reading ends, wherever it begins. */
	for (size_t pos = 0; pos < size && pos < 64; pos++) {
		struct wire_in a, b;
		struct dname name;
		wire_in_init(&a, data, size);
		a.pos = pos;
		b = a;
		wire_get_name(&a, &name);
		wire_skip_name(&b);
		if (a.err == OK)
			MUST(b.err == OK && a.pos == b.pos);
	}
	return 0;
}
