/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/wire.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

enum { HOPS_MAX = 127, POINTER_MAX = 0x3fff, POINTER = 0xc0 };

/* -- reading ------------------------------------------------------------- */

void
wire_in_init(struct wire_in *in, const uint8_t *msg, size_t size)
{
	/* Even no octets must have an address to count from. */
	*in = (struct wire_in){.msg = msg ? msg : (const uint8_t *)"",
	    .size = msg ? size : 0};
}

size_t
wire_left(const struct wire_in *in)
{
	return in->err == OK ? in->size - in->pos : 0;
}

const uint8_t *
wire_get_bytes(struct wire_in *in, size_t size)
{
	if (in->err != OK)
		return NULL;
	if (size > in->size - in->pos) {
		in->err = ERR_RANGE;
		return NULL;
	}
	const uint8_t *p = in->msg + in->pos;
	in->pos += size;
	return p;
}

uint8_t
wire_get_u8(struct wire_in *in)
{
	const uint8_t *p = wire_get_bytes(in, 1);
	return p ? p[0] : 0;
}

uint16_t
wire_get_u16(struct wire_in *in)
{
	const uint8_t *p = wire_get_bytes(in, 2);
	return p ? (uint16_t)(p[0] << 8 | p[1]) : 0;
}

uint32_t
wire_get_u32(struct wire_in *in)
{
	const uint8_t *p = wire_get_bytes(in, 4);
	if (!p)
		return 0;
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

uint64_t
wire_get_u48(struct wire_in *in)
{
	const uint8_t *p = wire_get_bytes(in, 6);
	uint64_t value = 0;
	for (size_t i = 0; p && i < 6; i++)
		value = value << 8 | p[i];
	return value;
}

/*
 * What stands at pos: a label (with its length octet), the root, or a pointer,
 * which must go to before `limit`, the start of the labels it ends. Since each
 * jump lowers the limit, every chain ends.
 */
struct step {
	enum err err;
	bool is_pointer;
	uint16_t target; /* of a pointer */
	uint8_t size;    /* octets here: 1 is the root */
};

static inline struct step
read_step(const struct wire_in *in, size_t pos, size_t limit)
{
	if (pos >= in->size)
		return (struct step){.err = ERR_RANGE};
	uint8_t c = in->msg[pos];
	size_t size = c >= POINTER ? 2 : 1 + (size_t)c;
	if (c > DNAME_LABEL_MAX && c < POINTER)
		return (struct step){.err = ERR_FORM};
	if (size > in->size - pos)
		return (struct step){.err = ERR_RANGE};
	if (c < POINTER)
		return (struct step){.size = (uint8_t)size};

	unsigned target = (c & 0x3fu) << 8 | in->msg[pos + 1];
	if (target >= limit)
		return (struct step){.err = ERR_FORM};
	return (struct step){.is_pointer = true, .target = (uint16_t)target, .size = 2};
}

static enum err
read_name(struct wire_in *in, struct dname *name)
{
	size_t pos = in->pos, limit = in->pos, end = 0, size = 0;
	unsigned hops = 0;

	for (;;) {
		struct step step = read_step(in, pos, limit);
		if (step.err != OK)
			return step.err;
		if (step.is_pointer) {
			if (++hops > HOPS_MAX)
				return ERR_FORM;
			if (end == 0)
				end = pos + 2;
			pos = limit = step.target;
			continue;
		}
		if (size + step.size > DNAME_WIRE_MAX)
			return ERR_FORM;
		dname_copy_lower(name->wire + size, in->msg + pos, step.size);
		size += step.size;
		pos += step.size;
		if (step.size == 1)
			break;
	}
	name->size = (uint8_t)size;
	in->pos = end ? end : pos;
	return OK;
}

void
wire_get_name(struct wire_in *in, struct dname *name)
{
	if (in->err == OK)
		in->err = read_name(in, name);
	if (in->err != OK) {
		/* Never leave half a name to one who has not looked yet. */
		name->size = 1;
		name->wire[0] = 0;
	}
}

void
wire_skip_name(struct wire_in *in)
{
	size_t start = in->pos;
	while (in->err == OK) {
		struct step step = read_step(in, in->pos, start);
		in->err = step.err;
		if (step.err != OK)
			return;
		in->pos += step.size;
		if (in->pos - start > DNAME_WIRE_MAX + 1)
			in->err = ERR_FORM;
		if (step.is_pointer || step.size == 1)
			return;
	}
}

/* -- writing ------------------------------------------------------------- */

void
wire_out_init(struct wire_out *out, uint8_t *msg, size_t room)
{
	*out = (struct wire_out){.msg = msg, .room = room};
}

void
wire_out_cut(struct wire_out *out, size_t size)
{
	assert(size <= out->size);
	out->size = size;
	out->err = OK;
	for (size_t i = 0; i < WIRE_NAMES_MAX; i++)
		if (out->names[i] >= size)
			out->names[i] = 0;
}

static uint8_t *
extend(struct wire_out *out, size_t size)
{
	if (out->err != OK)
		return NULL;
	if (size > out->room - out->size) {
		out->err = ERR_SPACE;
		return NULL;
	}
	uint8_t *p = out->msg + out->size;
	out->size += size;
	return p;
}

void
wire_put_u8(struct wire_out *out, uint8_t value)
{
	uint8_t *p = extend(out, 1);
	if (p)
		p[0] = value;
}

void
wire_put_u16(struct wire_out *out, uint16_t value)
{
	uint8_t *p = extend(out, 2);
	if (!p)
		return;
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
}

void
wire_put_u32(struct wire_out *out, uint32_t value)
{
	uint8_t *p = extend(out, 4);
	for (unsigned i = 0; p && i < 4; i++)
		p[i] = (uint8_t)(value >> (24 - 8 * i));
}

void
wire_put_u48(struct wire_out *out, uint64_t value)
{
	uint8_t *p = extend(out, 6);
	for (unsigned i = 0; p && i < 6; i++)
		p[i] = (uint8_t)(value >> (40 - 8 * i));
}

void
wire_put_bytes(struct wire_out *out, const void *data, size_t size)
{
	uint8_t *p = extend(out, size);
	if (p && size > 0)
		memcpy(p, data, size);
}

void
wire_patch_u16(struct wire_out *out, size_t at, uint16_t value)
{
	if (out->err != OK)
		return;
	assert(at + 2 <= out->size);
	out->msg[at] = (uint8_t)(value >> 8);
	out->msg[at + 1] = (uint8_t)value;
}

void
wire_put_name_plain(struct wire_out *out, const struct dname *name)
{
	wire_put_bytes(out, name->wire, name->size);
}

/* The second is in lower case; and so is mostly the first. */
static bool
is_label(const uint8_t *there, const uint8_t *label, size_t size)
{
	if (memcmp(there, label, size) == 0)
		return true;
	for (size_t i = 0; i < size; i++) {
		uint8_t o = there[i];
		if ((o >= 'A' && o <= 'Z' ? o | 0x20 : o) != label[i])
			return false;
	}
	return true;
}

/*
 * Is the name at offset `at` of the message this one? The bytes decide, never
 * the hash, and case does not (a question may stand there as it was asked).
 */
static bool
stands_at(const struct wire_out *out, size_t at, const uint8_t *name)
{
	for (;;) {
		if (at + 1 >= out->size)
			return at < out->size && out->msg[at] == 0 && *name == 0;
		uint8_t c = out->msg[at];
		if (c >= POINTER) {
			size_t target = (c & 0x3fu) << 8 | out->msg[at + 1];
			if (target >= at)
				return false;
			at = target;
			continue;
		}
		if (c != *name || at + 1 + c > out->size)
			return false;
		if (c == 0)
			return true;
		if (!is_label(out->msg + at + 1, name + 1, c))
			return false;
		at += 1 + (size_t)c;
		name += 1 + c;
	}
}

/*
 * The table has pairs of places. The first of a pair keeps what came first: the
 * apex and "zones", which every record needs. The second takes the newest: the
 * member whose properties follow.
 */
static size_t
pair_of(uint32_t hash)
{
	return (hash >> 16) % (WIRE_NAMES_MAX / 2) * 2;
}

static size_t
find_name(const struct wire_out *out, uint32_t hash, const uint8_t *name)
{
	size_t first = pair_of(hash);
	for (size_t i = first; i < first + 2; i++)
		if (out->names[i] != 0 && out->prints[i] == (uint16_t)hash &&
		    stands_at(out, out->names[i], name))
			return out->names[i];
	return 0;
}

static void
learn_name(struct wire_out *out, uint32_t hash, size_t at)
{
	if (at == 0 || at > POINTER_MAX)
		return;
	size_t i = pair_of(hash);
	if (out->names[i] != 0)
		i++;
	out->names[i] = (uint16_t)at;
	out->prints[i] = (uint16_t)hash;
}

/* Eight octets at a time: a transfer of a million members is four million names. */
static uint32_t
hash_label(uint32_t before, const uint8_t *label)
{
	uint64_t h = before, octets;
	size_t left = 1 + (size_t)*label;
	for (; left >= sizeof(octets);
	     left -= sizeof(octets), label += sizeof(octets)) {
		memcpy(&octets, label, sizeof(octets));
		h = (h ^ octets) * UINT64_C(0x9e3779b97f4a7c15);
		h ^= h >> 32;
	}
	for (octets = left; left > 0; left--)
		octets = octets << 8 | *label++;
	h = (h ^ octets) * UINT64_C(0x9e3779b97f4a7c15);
	h ^= h >> 32;
	return (uint32_t)h;
}

void
wire_put_name(struct wire_out *out, const struct dname *name)
{
	uint8_t at[DNAME_WIRE_MAX / 2];
	uint32_t hash[DNAME_WIRE_MAX / 2]; /* of the name from that label on */
	unsigned n = 0, known = 0;
	size_t target = 0;

	if (out->err != OK)
		return;
	for (unsigned i = 0; name->wire[i] != 0; i += 1 + name->wire[i])
		at[n++] = (uint8_t)i;
	for (unsigned i = n; i > 0; i--)
		hash[i - 1] =
		    hash_label(i < n ? hash[i] : 2166136261u, name->wire + at[i - 1]);
	for (; known < n; known++) {
		target = find_name(out, hash[known], name->wire + at[known]);
		if (target != 0)
			break;
	}

	size_t start = out->size;
	size_t labels = known < n ? at[known] : (size_t)name->size - 1;
	uint8_t *p = extend(out, labels + (target ? 2 : 1));
	if (!p)
		return;
	memcpy(p, name->wire, labels);
	p[labels] = target ? (uint8_t)(POINTER | target >> 8) : 0;
	if (target)
		p[labels + 1] = (uint8_t)target;
	for (unsigned i = 0; i < known; i++)
		learn_name(out, hash[i], start + at[i]);
}
