/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Framing: one pass over a message that nobody has vouched for yet.
 *
 * Every name is followed to its end, so that nothing is left for a later walk
 * to trip over. That must not cost more than the message is long, though
 * thousands of names may point at one long chain: what a pointer leads to is
 * remembered by offset, and each is followed once.
 */
#include "lib/msg.h"

#include <string.h>

enum { HOPS_MAX = 127, POINTER_SPACE = 0x4000 };

/* Of the name at each offset that a pointer went to. */
struct memo {
	uint8_t size[POINTER_SPACE]; /* its octets, written out; 0: not known */
	uint8_t hops[POINTER_SPACE]; /* pointers in it; valid where size is */
};

/* Labels up to a pointer or the root. */
struct run {
	unsigned size; /* octets, the root's too, a pointer's not */
	size_t end;    /* behind it all */
	bool is_pointer;
	size_t target;
};

static bool
read_run(const uint8_t *wire, size_t size, size_t pos, struct run *run)
{
	size_t start = pos;
	run->is_pointer = false;
	for (;;) {
		if (pos >= size)
			return false;
		uint8_t c = wire[pos];
		if (c >= 0xc0) {
			if (size - pos < 2)
				return false;
			run->is_pointer = true;
			run->target = (c & 0x3fu) << 8 | wire[pos + 1];
			run->size = (unsigned)(pos - start);
			run->end = pos + 2;
			return run->target < start;
		}
		pos += 1 + (size_t)c;
		if (c > DNAME_LABEL_MAX || pos - start > DNAME_WIRE_MAX)
			return false;
		if (c == 0) {
			run->size = (unsigned)(pos - start);
			run->end = pos;
			return true;
		}
	}
}

/*
 * Fails exactly where wire_get_name() would; unlike it, sums up sizes from the
 * far end of the chain, which is where the memory is.
 */
static bool
frame_name(struct wire_in *in, struct memo *memo)
{
	uint16_t from[HOPS_MAX]; /* targets on the way, the first one first */
	uint8_t octets[HOPS_MAX];
	unsigned n = 0, size = 0, hops = 0;
	struct run own, run;

	if (!read_run(in->msg, in->size, in->pos, &own))
		return false;
	run = own;
	while (run.is_pointer) {
		size_t target = run.target;
		if (memo->size[target] != 0) {
			size = memo->size[target];
			hops = 1u + memo->hops[target];
			break;
		}
		if (n == HOPS_MAX || !read_run(in->msg, in->size, target, &run))
			return false;
		from[n] = (uint16_t)target;
		octets[n++] = (uint8_t)run.size;
	}
	for (; n > 0; n--) {
		size += octets[n - 1];
		if (size > DNAME_WIRE_MAX || hops > HOPS_MAX)
			return false;
		memo->size[from[n - 1]] = (uint8_t)size;
		memo->hops[from[n - 1]] = (uint8_t)hops;
		hops++;
	}
	in->pos = own.end;
	return size + own.size <= DNAME_WIRE_MAX && hops <= HOPS_MAX;
}

static enum err
frame_question(struct wire_in *in, struct msg *msg, uint16_t n)
{
	bool is_reply = msg->flags & FLAG_QR;
	if (n == 0 && is_reply)
		return OK;
	if (n == 0)
		return ERR_FORM;
	wire_get_name(in, &msg->qname);
	uint16_t type = wire_get_u16(in);
	uint16_t class = wire_get_u16(in);
	if (in->err != OK)
		return ERR_FORM;
	msg->qtype = type;
	msg->qclass = class;
	msg->count[MSG_QUESTION] = 1;
	msg->start[MSG_ANSWER] = in->pos;
	return n == 1 ? OK : ERR_FORM;
}

static bool
frame_opt(struct msg *msg, size_t at, bool is_root, uint16_t class, uint32_t ttl)
{
	if (msg->has_opt || !is_root)
		return false;
	msg->has_opt = true;
	msg->opt_at = at;
	msg->udp_size = class < 512 ? 512 : class;
	msg->ext_rcode = (uint8_t)(ttl >> 24);
	msg->edns_version = (uint8_t)(ttl >> 16);
	return true;
}

static bool
frame_rr(struct wire_in *in, struct memo *memo, struct msg *msg, bool additional)
{
	size_t at = in->pos;
	/* A record behind TSIG: either it is another one, or TSIG was not last. */
	if (msg->tsig_at != 0 || !frame_name(in, memo))
		return false;
	uint16_t type = wire_get_u16(in);
	uint16_t class = wire_get_u16(in);
	uint32_t ttl = wire_get_u32(in);
	wire_get_bytes(in, wire_get_u16(in));
	if (in->err != OK)
		return false;
	if (type == RR_OPT)
		return additional && frame_opt(msg, at, in->msg[at] == 0, class, ttl);
	if (type == RR_TSIG) {
		msg->tsig_at = at;
		return additional && class == CLASS_ANY && ttl == 0;
	}
	return true;
}

static enum err
frame_records(struct wire_in *in, struct msg *msg, const uint16_t count[static 4])
{
	struct memo memo;
	memset(memo.size, 0, in->size < POINTER_SPACE ? in->size : POINTER_SPACE);

	for (unsigned s = MSG_ANSWER; s <= MSG_ADDITIONAL; s++) {
		msg->start[s] = in->pos;
		for (unsigned i = 0; i < count[s]; i++)
			if (!frame_rr(in, &memo, msg, s == MSG_ADDITIONAL))
				return ERR_FORM;
	}
	return in->pos == in->size ? OK : ERR_FORM;
}

/* What was found beyond the question cannot be relied on. */
static void
forget_records(struct msg *msg)
{
	msg->tsig_at = msg->opt_at = 0;
	msg->has_opt = false;
	msg->ext_rcode = msg->edns_version = 0;
	msg->udp_size = 512;
}

/*
 * yadifad 3.0.0 to 3.0.2, of which Debian 13 has the last, does not count the SOA
 * that its NXDOMAIN has in the authority section. The header is signed as it is.
 */
static bool
may_have_uncounted_soa(const struct msg *msg, const uint16_t count[static 4])
{
	return (msg->flags & FLAG_QR) != 0 && msg_opcode(msg) == OPCODE_QUERY &&
	       (msg->flags & 15) == RCODE_NXDOMAIN && count[MSG_AUTHORITY] == 0;
}

static bool
has_soa_at(const struct msg *msg, size_t at)
{
	struct wire_in in;

	wire_in_init(&in, msg->wire, msg->size);
	in.pos = at;
	wire_skip_name(&in);
	return wire_get_u16(&in) == RR_SOA && in.err == OK;
}

/* in: at the first record. count becomes what there is. */
static enum err
frame_all(struct wire_in in, struct msg *msg, uint16_t count[static 4])
{
	struct wire_in again = in;
	enum err err = frame_records(&in, msg, count);

	if (err == OK || !may_have_uncounted_soa(msg, count))
		return err;
	forget_records(msg);
	count[MSG_AUTHORITY] = 1;
	err = frame_records(&again, msg, count);
	return err == OK && has_soa_at(msg, msg->start[MSG_AUTHORITY]) ? OK : ERR_FORM;
}

enum err
msg_frame(const uint8_t *wire, size_t size, struct msg *msg)
{
	struct wire_in in;
	uint16_t count[4];

	if (size < MSG_HEADER)
		return ERR_RANGE;
	memset(msg, 0, sizeof(*msg));
	msg->wire = wire;
	msg->size = size;
	msg->qname = dname_root;
	msg->udp_size = 512;
	wire_in_init(&in, wire, size);
	msg->id = wire_get_u16(&in);
	msg->flags = wire_get_u16(&in);
	for (unsigned s = 0; s < 4; s++)
		count[s] = wire_get_u16(&in);
	msg->start[MSG_QUESTION] = in.pos;

	enum err err = size > MSG_MAX ? ERR_FORM : frame_question(&in, msg, count[0]);
	if (err == OK)
		err = frame_all(in, msg, count);
	if (err != OK) {
		forget_records(msg);
		return ERR_FORM;
	}
	memcpy(msg->count, count, sizeof(count));
	msg->end = msg->tsig_at ? msg->tsig_at : size;
	return OK;
}
