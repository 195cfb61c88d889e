/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/member.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/mem.h"
#include "lib/rr.h"
#include "lib/wire.h"

/*
 * Packed: version 1, zone (u8 size, wire), u32 ttl, u64 seq, u64 changed, by
 * (u8 size, text), then records to the end: u8 prefix size, prefix, u16 type,
 * u32 ttl, u16 rdata size, rdata. Numbers are big endian.
 */
enum { PACK_VERSION = 1 };

void
member_init(struct member *m)
{
	memset(m, 0, sizeof(*m));
	m->zone = dname_root;
}

void
member_fini(struct member *m)
{
	free(m->rrs);
	member_init(m);
}

void
member_add_rr(struct member *m, const struct member_rr *rr)
{
	m->rrs = mem_grow(m->rrs, m->n_rrs, &m->room, sizeof(*m->rrs));
	m->rrs[m->n_rrs++] = *rr;
}

/* -- packed form --------------------------------------------------------- */

void
member_pack(const struct member *m, struct buf *out)
{
	size_t by_size = strnlen(m->by, sizeof(m->by) - 1);
	buf_put_u8(out, PACK_VERSION);
	buf_put_u8(out, m->zone.size);
	buf_put(out, m->zone.wire, m->zone.size);
	buf_put_u32(out, m->ttl);
	buf_put_u64(out, m->seq);
	buf_put_u64(out, m->changed);
	buf_put_u8(out, (uint8_t)by_size);
	buf_put(out, m->by, by_size);
	for (size_t i = 0; i < m->n_rrs; i++) {
		const struct member_rr *rr = &m->rrs[i];
		buf_put_u8(out, rr->prefix_size);
		buf_put(out, rr->prefix, rr->prefix_size);
		buf_put_u16(out, rr->type);
		buf_put_u32(out, rr->ttl);
		buf_put_u16(out, rr->rdata_size);
		buf_put(out, rr->rdata, rr->rdata_size);
	}
}

static uint64_t
get_u64(struct wire_in *in)
{
	uint64_t high = wire_get_u32(in);
	return high << 32 | wire_get_u32(in);
}

static bool
unpack_head(struct wire_in *in, struct member *m)
{
	uint8_t version = wire_get_u8(in);
	uint8_t zone_size = wire_get_u8(in);
	const uint8_t *zone = wire_get_bytes(in, zone_size);
	if (version != PACK_VERSION || !zone ||
	    dname_from_wire(zone, zone_size, &m->zone) != OK)
		return false;
	m->ttl = wire_get_u32(in);
	m->seq = get_u64(in);
	m->changed = get_u64(in);
	uint8_t by_size = wire_get_u8(in);
	const uint8_t *by = wire_get_bytes(in, by_size);
	if (!by || by_size >= sizeof(m->by))
		return false;
	memcpy(m->by, by, by_size);
	m->by[by_size] = '\0';
	return true;
}

static bool
unpack_rr(struct wire_in *in, struct member *m)
{
	struct member_rr rr;
	rr.prefix_size = wire_get_u8(in);
	rr.prefix = wire_get_bytes(in, rr.prefix_size);
	rr.type = wire_get_u16(in);
	rr.ttl = wire_get_u32(in);
	rr.rdata_size = wire_get_u16(in);
	rr.rdata = wire_get_bytes(in, rr.rdata_size);
	if (in->err != OK)
		return false;
	member_add_rr(m, &rr);
	return true;
}

enum err
member_unpack(const uint8_t *data, size_t size, struct member *m)
{
	struct wire_in in;
	wire_in_init(&in, data, size);
	m->n_rrs = 0;
	bool good = unpack_head(&in, m);
	while (good && wire_left(&in) > 0)
		good = unpack_rr(&in, m);
	if (good)
		return OK;
	m->n_rrs = 0;
	return ERR_CORRUPT;
}

/* -- groups -------------------------------------------------------------- */

static bool
is_group(const struct member_rr *rr)
{
	static const uint8_t prefix[] = {5, 'g', 'r', 'o', 'u', 'p'};
	return rr->type == RR_TXT && rr->prefix_size == sizeof(prefix) &&
	       memcmp(rr->prefix, prefix, sizeof(prefix)) == 0;
}

/* RFC 4034 section 6.3: RDATA as octet strings, the shorter first. */
static int
by_rdata(const void *pa, const void *pb)
{
	const struct member_rr *a = *(const struct member_rr *const *)pa;
	const struct member_rr *b = *(const struct member_rr *const *)pb;
	size_t n = a->rdata_size < b->rdata_size ? a->rdata_size : b->rdata_size;
	int order = n > 0 ? memcmp(a->rdata, b->rdata, n) : 0;
	return order != 0 ? order : (int)a->rdata_size - (int)b->rdata_size;
}

static const struct member_rr *
nth_group(const struct member *m, size_t n)
{
	size_t n_groups = 0;
	const struct member_rr *found = NULL;

	for (size_t i = 0; i < m->n_rrs; i++) {
		if (!is_group(&m->rrs[i]))
			continue;
		n_groups++;
		const struct member_rr *rr = &m->rrs[i];
		if (!found || by_rdata(&rr, &found) < 0)
			found = rr;
	}
	if (n == 0 || n >= n_groups)
		return n < n_groups ? found : NULL;

	const struct member_rr **groups = mem_alloc(n_groups * sizeof(*groups));
	size_t k = 0;
	for (size_t i = 0; i < m->n_rrs; i++)
		if (is_group(&m->rrs[i]))
			groups[k++] = &m->rrs[i];
	qsort(groups, n_groups, sizeof(*groups), by_rdata);
	found = groups[n];
	free(groups);
	return found;
}

/* A plain blank stands between strings only, so that no single string looks
 * like several. */
static size_t
put_escaped(char *text, size_t at, const uint8_t *string, size_t size)
{
	for (size_t i = 0; i < size && at + 5 <= MEMBER_GROUP_MAX; i++) {
		uint8_t c = string[i];
		if (c > ' ' && c < 0x7f && c != '\\')
			text[at++] = (char)c;
		else
			at += (size_t)snprintf(text + at, 5, "\\%03u", c);
	}
	return at;
}

bool
member_group(const struct member *m, size_t n, char text[static MEMBER_GROUP_MAX])
{
	const struct member_rr *rr = nth_group(m, n);
	const uint8_t *string;
	uint8_t size;
	size_t at = 0, pos = 0;

	if (!rr)
		return false;
	while (txt_next(rr->rdata, rr->rdata_size, &pos, &string, &size)) {
		if (pos > 1u + size && at + 2 <= MEMBER_GROUP_MAX)
			text[at++] = ' ';
		at = put_escaped(text, at, string, size);
	}
	text[at] = '\0';
	return true;
}
