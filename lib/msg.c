/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/msg.h"

#include <string.h>

enum opcode
msg_opcode(const struct msg *msg)
{
	return (enum opcode)(msg->flags >> 11 & 0xf);
}

unsigned
msg_rcode(const struct msg *msg)
{
	return (unsigned)msg->ext_rcode << 4 | (msg->flags & 0xf);
}

/* -- walking ------------------------------------------------------------- */

void
msg_walk(const struct msg *msg, enum msg_section section, struct msg_cursor *c)
{
	*c = (struct msg_cursor){.msg = msg,
	    .section = section,
	    .left = msg->count[section]};
	wire_in_init(&c->in, msg->wire, msg->size);
	c->in.pos = msg->start[section];
}

static void
read_question(struct wire_in *in, struct rr *rr)
{
	wire_get_name(in, &rr->owner);
	rr->type = wire_get_u16(in);
	rr->class = wire_get_u16(in);
	rr->ttl = 0;
	rr->rdata_size = 0;
	rr->rdata = (const uint8_t *)"";
}

static enum err
read_rdata(struct wire_in *in, uint16_t size, struct buf *rdata, struct rr *rr)
{
	size_t start = rdata->size;
	bool may_be_bare = rr->class == CLASS_ANY || rr->class == CLASS_NONE;
	enum err err = in->err;

	if (err == OK && (size > 0 || !may_be_bare))
		err = rr_rdata_read(in, rr->type, size, rdata);
	if (err != OK)
		return err == ERR_SPACE ? ERR_SPACE : ERR_FORM;
	rr->rdata_size = (uint16_t)(rdata->size - start);
	rr->rdata = rr->rdata_size ? rdata->data + start : (const uint8_t *)"";
	return OK;
}

enum err
msg_next(struct msg_cursor *c, struct buf *rdata, struct rr *rr)
{
	while (c->left > 0) {
		if (c->in.err != OK)
			return ERR_FORM;
		size_t at = c->in.pos;
		c->left--;
		if (c->section == MSG_QUESTION) {
			read_question(&c->in, rr);
			c->n++;
			return c->in.err == OK ? OK : ERR_FORM;
		}
		wire_get_name(&c->in, &rr->owner);
		rr->type = wire_get_u16(&c->in);
		rr->class = wire_get_u16(&c->in);
		rr->ttl = wire_get_u32(&c->in);
		uint16_t size = wire_get_u16(&c->in);
		if (at == c->msg->tsig_at || at == c->msg->opt_at) {
			wire_get_bytes(&c->in, size);
			continue;
		}
		c->n++;
		return read_rdata(&c->in, size, rdata, rr);
	}
	return ERR_NOTFOUND;
}

/* -- building ------------------------------------------------------------ */

void
msg_start(struct wire_out *out, uint16_t id, uint16_t flags)
{
	wire_put_u16(out, id);
	wire_put_u16(out, flags);
	for (unsigned s = 0; s < 4; s++)
		wire_put_u16(out, 0);
}

static void
count_up(struct wire_out *out, enum msg_section section)
{
	size_t at = 4 + 2 * (size_t)section;
	unsigned n = (unsigned)out->msg[at] << 8 | out->msg[at + 1];
	wire_patch_u16(out, at, (uint16_t)(n + 1));
}

void
msg_start_reply(struct wire_out *out, const struct msg *req, unsigned rcode, bool aa)
{
	uint16_t flags = FLAG_QR | (req->flags & 0x7800) | (rcode & 0xf);
	if (aa)
		flags |= FLAG_AA;
	if (msg_opcode(req) == OPCODE_QUERY)
		flags |= req->flags & FLAG_RD;
	msg_start(out, req->id, flags);
	if (req->count[MSG_QUESTION] == 0)
		return;
	msg_put_question(out, &req->qname, req->qtype, req->qclass);
	/* Upper and lower case as they were asked, for who compares them. A name
	 * with a pointer (there is nothing to point at) stays as we read it. */
	size_t asked = req->start[MSG_ANSWER] - req->start[MSG_QUESTION];
	if (out->err == OK && asked == req->qname.size + 4u)
		memcpy(out->msg + MSG_HEADER, req->wire + MSG_HEADER, req->qname.size);
}

/* Undo a record that did not fit; the error stays. */
static void
settle(struct wire_out *out, size_t was, enum msg_section section)
{
	if (out->err == OK) {
		count_up(out, section);
		return;
	}
	wire_out_cut(out, was);
	out->err = ERR_SPACE;
}

void
msg_put_question(struct wire_out *out, const struct dname *name, uint16_t type,
    uint16_t class)
{
	size_t was = out->size;
	if (out->err != OK)
		return;
	wire_put_name(out, name);
	wire_put_u16(out, type);
	wire_put_u16(out, class);
	settle(out, was, MSG_QUESTION);
}

void
msg_put_rr(struct wire_out *out, enum msg_section section, const struct rr *rr)
{
	size_t was = out->size;
	if (out->err != OK)
		return;
	rr_write(out, rr);
	settle(out, was, section);
}

void
msg_put_opt(struct wire_out *out, uint16_t udp_size, unsigned rcode, unsigned ede,
    const char *ede_text)
{
	size_t was = out->size, text_size = ede_text ? strlen(ede_text) : 0;
	if (out->err != OK)
		return;
	if (text_size > UINT16_MAX - 6)
		text_size = UINT16_MAX - 6;
	wire_put_u8(out, 0);
	wire_put_u16(out, RR_OPT);
	wire_put_u16(out, udp_size);
	wire_put_u32(out, (uint32_t)(rcode >> 4 & 0xff) << 24);
	wire_put_u16(out, (uint16_t)(ede_text ? 6 + text_size : 0));
	if (ede_text) {
		wire_put_u16(out, OPTION_EDE);
		wire_put_u16(out, (uint16_t)(2 + text_size));
		wire_put_u16(out, (uint16_t)ede);
		wire_put_bytes(out, ede_text, text_size);
	}
	settle(out, was, MSG_ADDITIONAL);
}

void
msg_put_opt_option(struct wire_out *out, uint16_t udp_size, uint16_t option,
    const void *data, uint16_t size)
{
	size_t was = out->size;
	if (out->err != OK)
		return;
	wire_put_u8(out, 0);
	wire_put_u16(out, RR_OPT);
	wire_put_u16(out, udp_size);
	wire_put_u32(out, 0);
	wire_put_u16(out, (uint16_t)(4 + size));
	wire_put_u16(out, option);
	wire_put_u16(out, size);
	wire_put_bytes(out, data, size);
	settle(out, was, MSG_ADDITIONAL);
}

void
msg_set_rcode(struct wire_out *out, unsigned rcode)
{
	if (out->size >= MSG_HEADER)
		out->msg[3] = (uint8_t)((out->msg[3] & 0xf0) | (rcode & 0xf));
}

void
msg_set_tc(struct wire_out *out)
{
	if (out->size >= MSG_HEADER)
		out->msg[2] |= FLAG_TC >> 8;
}

/* -- EDNS options --------------------------------------------------------- */

enum err
msg_get_option(const struct msg *msg, uint16_t code, const uint8_t **data, size_t *size)
{
	struct wire_in in;
	if (msg->opt_at == 0)
		return ERR_NOTFOUND;
	wire_in_init(&in, msg->wire, msg->size);
	in.pos = msg->opt_at + 9; /* root, type, class, TTL */
	uint16_t rdata_size = wire_get_u16(&in);
	if (rdata_size > wire_left(&in))
		return ERR_NOTFOUND;
	in.size = in.pos + rdata_size;

	while (wire_left(&in) > 0) {
		uint16_t option = wire_get_u16(&in);
		uint16_t option_size = wire_get_u16(&in);
		const uint8_t *p = wire_get_bytes(&in, option_size);
		if (!p || option != code)
			continue;
		*data = p;
		*size = option_size;
		return OK;
	}
	return ERR_NOTFOUND;
}

enum err
msg_get_ede(const struct msg *msg, unsigned *code, char *text, size_t size)
{
	const uint8_t *p;
	size_t n;
	if (msg_get_option(msg, OPTION_EDE, &p, &n) != OK || n < 2)
		return ERR_NOTFOUND;
	*code = (unsigned)p[0] << 8 | p[1];
	if (size == 0)
		return OK;
	n -= 2;
	if (n >= size)
		n = size - 1;
	memcpy(text, p + 2, n);
	text[n] = '\0';
	return OK;
}
