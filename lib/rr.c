/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/rr.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* -- layout of RDATA ----------------------------------------------------- */

/*
 * What the RDATA of a type is made of: a digit is so many octets, n a name, s a
 * character-string, t one or more of them up to the end. NULL: not known, or
 * nothing in it that could be wrong or compressed. Beyond RFC 1035 these are
 * the types that RFC 3597 section 4 wants a receiver to decompress.
 */
static const char *
layout_of(uint16_t type)
{
	switch (type) {
	case RR_A: return "4";
	case RR_NS:
	case 3: /* MD */
	case 4: /* MF */
	case RR_CNAME:
	case 7: /* MB */
	case 8: /* MG */
	case 9: /* MR */
	case RR_PTR:
	case 39: /* DNAME */ return "n";
	case RR_SOA: return "nn44444";
	case 13: /* HINFO */ return "ss";
	case 14: /* MINFO */
	case 17: /* RP */ return "nn";
	case 15: /* MX */
	case 18: /* AFSDB */
	case 21: /* RT */
	case 36: /* KX */ return "2n";
	case RR_TXT: return "t";
	case 26: /* PX */ return "2nn";
	case RR_AAAA: return "88";
	case 33: /* SRV */ return "222n";
	case 35: /* NAPTR */ return "22sssn";
	default: return NULL;
	}
}

/* The types of RFC 1035: names in them may be compressed when sent. */
static bool
may_compress(uint16_t type)
{
	return type <= 15 && type != RR_A;
}

static void
read_string(struct wire_in *in, struct buf *out)
{
	uint8_t size = wire_get_u8(in);
	const uint8_t *p = wire_get_bytes(in, size);
	buf_put_u8(out, size);
	if (p)
		buf_put(out, p, size);
}

static void
read_part(struct wire_in *in, char part, struct buf *out)
{
	struct dname name;
	const uint8_t *p;
	switch (part) {
	case 'n':
		wire_get_name(in, &name);
		buf_put(out, name.wire, name.size);
		return;
	case 's': read_string(in, out); return;
	case 't':
		do
			read_string(in, out);
		while (wire_left(in) > 0);
		return;
	default:
		p = wire_get_bytes(in, (size_t)(part - '0'));
		if (p)
			buf_put(out, p, (size_t)(part - '0'));
	}
}

enum err
rr_rdata_read(struct wire_in *in, uint16_t type, size_t size, struct buf *out)
{
	if (in->err != OK)
		return in->err;
	if (size > in->size - in->pos) {
		in->err = ERR_RANGE;
		return ERR_RANGE;
	}

	size_t was = out->size;
	const char *layout = layout_of(type);
	/* Reading stops at the end of the RDATA, not of the message. */
	struct wire_in part = *in;
	part.size = in->pos + size;
	if (layout)
		for (; *layout != '\0'; layout++)
			read_part(&part, *layout, out);
	else
		buf_put(out, wire_get_bytes(&part, size), size);

	if (part.err != OK || part.pos != part.size)
		in->err = ERR_FORM;
	in->pos = part.size;
	if (out->err == OK && in->err == OK)
		return OK;
	if (out->size > was) {
		out->size = was;
		out->data[was] = '\0';
	}
	return in->err != OK ? in->err : out->err;
}

static void
write_compressed(struct wire_out *out, const char *layout, const uint8_t *rdata,
    size_t size)
{
	size_t at = 0;
	struct dname name;
	for (; *layout == 'n' || *layout == '2'; layout++) {
		size_t n = *layout == '2' ? 2 : dname_scan(rdata + at, size - at);
		if (n == 0 || n > size - at)
			break;
		if (*layout == 'n' && dname_from_wire(rdata + at, n, &name) == OK)
			wire_put_name(out, &name);
		else
			wire_put_bytes(out, rdata + at, n);
		at += n;
	}
	wire_put_bytes(out, rdata + at, size - at);
}

void
rr_write(struct wire_out *out, const struct rr *rr)
{
	wire_put_name(out, &rr->owner);
	wire_put_u16(out, rr->type);
	wire_put_u16(out, rr->class);
	wire_put_u32(out, rr->ttl);
	wire_put_u16(out, rr->rdata_size);
	size_t start = out->size;
	const char *layout = layout_of(rr->type);
	if (layout && may_compress(rr->type)) {
		write_compressed(out, layout, rr->rdata, rr->rdata_size);
		if (out->err == OK)
			wire_patch_u16(out, start - 2, (uint16_t)(out->size - start));
	} else {
		wire_put_bytes(out, rr->rdata, rr->rdata_size);
	}
}

bool
rr_type_is_meta(uint16_t type)
{
	/* RFC 6895 section 3.1: 128 to 255 are for questions and meta types. */
	return type == 0 || type == RR_OPT || (type >= 128 && type <= 255);
}

/* -- SOA and serials ----------------------------------------------------- */

static bool
take_name(const uint8_t *rdata, size_t size, size_t *at, struct dname *name)
{
	size_t n = dname_scan(rdata + *at, size - *at);
	if (n == 0 || dname_from_wire(rdata + *at, n, name) != OK)
		return false;
	*at += n;
	return true;
}

enum err
soa_read(const uint8_t *rdata, size_t size, struct soa *soa)
{
	struct soa s;
	struct wire_in in;
	size_t at = 0;

	if (!take_name(rdata, size, &at, &s.mname) ||
	    !take_name(rdata, size, &at, &s.rname) || size - at != 20)
		return ERR_FORM;
	wire_in_init(&in, rdata + at, size - at);
	s.serial = wire_get_u32(&in);
	s.refresh = wire_get_u32(&in);
	s.retry = wire_get_u32(&in);
	s.expire = wire_get_u32(&in);
	s.minimum = wire_get_u32(&in);
	*soa = s;
	return OK;
}

void
soa_write(const struct soa *soa, struct buf *rdata)
{
	buf_put(rdata, soa->mname.wire, soa->mname.size);
	buf_put(rdata, soa->rname.wire, soa->rname.size);
	buf_put_u32(rdata, soa->serial);
	buf_put_u32(rdata, soa->refresh);
	buf_put_u32(rdata, soa->retry);
	buf_put_u32(rdata, soa->expire);
	buf_put_u32(rdata, soa->minimum);
}

bool
serial_gt(uint32_t a, uint32_t b)
{
	return a != b && a - b < 0x80000000u;
}

uint32_t
serial_next(uint32_t serial)
{
	return serial == UINT32_MAX ? 1 : serial + 1;
}

/* -- TXT ----------------------------------------------------------------- */

static void
put_string(struct buf *rdata, const char *text, size_t size)
{
	if (size > 255)
		size = 255;
	buf_put_u8(rdata, (uint8_t)size);
	buf_put(rdata, text, size);
}

void
txt_put(struct buf *rdata, const char *text)
{
	put_string(rdata, text, strlen(text));
}

void
txt_printf(struct buf *rdata, const char *fmt, ...)
{
	char text[256];
	va_list args;
	va_start(args, fmt);
	int n = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	put_string(rdata, text, n < 0 ? 0 : strlen(text));
}

bool
txt_next(const uint8_t *rdata, size_t size, size_t *pos, const uint8_t **string,
    uint8_t *string_size)
{
	if (*pos >= size || rdata[*pos] > size - *pos - 1)
		return false;
	*string_size = rdata[*pos];
	*string = rdata + *pos + 1;
	*pos += 1 + (size_t)*string_size;
	return true;
}

enum err
txt_get(const uint8_t *rdata, size_t size, const char *key, char *out, size_t out_size)
{
	const uint8_t *string;
	uint8_t string_size;
	size_t key_size = strlen(key);

	for (size_t pos = 0; txt_next(rdata, size, &pos, &string, &string_size);) {
		if (string_size <= key_size || memcmp(string, key, key_size) != 0 ||
		    string[key_size] != '=')
			continue;
		size_t n = string_size - key_size - 1;
		if (out_size == 0)
			return OK;
		if (n >= out_size)
			n = out_size - 1;
		memcpy(out, string + key_size + 1, n);
		out[n] = '\0';
		return OK;
	}
	return ERR_NOTFOUND;
}
