/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/store/pack.h"

#include <assert.h>
#include <string.h>

void
skey_init(struct skey *key)
{
	key->size = 0;
}

void
skey_root(struct skey *key, char kind)
{
	key->data[0] = 1;
	key->data[1] = (uint8_t)kind;
	key->size = 2;
}

void
skey_bytes(struct skey *key, const void *data, size_t size)
{
	assert(size <= sizeof(key->data) - key->size);
	if (size > 0)
		memcpy(key->data + key->size, data, size);
	key->size += size;
}

void
skey_u8(struct skey *key, uint8_t value)
{
	skey_bytes(key, &value, 1);
}

void
skey_u32(struct skey *key, uint32_t value)
{
	uint8_t b[4];

	for (size_t i = 0; i < sizeof(b); i++)
		b[i] = (uint8_t)(value >> (24 - 8 * i));
	skey_bytes(key, b, sizeof(b));
}

void
skey_u64(struct skey *key, uint64_t value)
{
	skey_u32(key, (uint32_t)(value >> 32));
	skey_u32(key, (uint32_t)value);
}

void
skey_zone(struct skey *key, const struct dname *zone)
{
	uint8_t sort[DNAME_KEY_MAX];

	skey_bytes(key, sort, dname_key(zone, sort));
}

uint32_t
skey_get_u32(const uint8_t *data)
{
	return (uint32_t)data[0] << 24 | (uint32_t)data[1] << 16 |
	       (uint32_t)data[2] << 8 | data[3];
}

uint64_t
skey_get_u64(const uint8_t *data)
{
	return (uint64_t)skey_get_u32(data) << 32 | skey_get_u32(data + 4);
}

void
pack_text(struct buf *out, const char *text)
{
	size_t size = strlen(text);

	if (size > UINT16_MAX)
		size = UINT16_MAX;
	buf_put_u16(out, (uint16_t)size);
	buf_put(out, text, size);
}

void
pack_dname(struct buf *out, const struct dname *name)
{
	buf_put_u8(out, name->size);
	buf_put(out, name->wire, name->size);
}

void
pack_label(struct buf *out, const struct label *label)
{
	buf_put_u8(out, label->size);
	buf_put(out, label->data, label->size);
}

uint64_t
unpack_u64(struct wire_in *in)
{
	uint64_t high = wire_get_u32(in);

	return high << 32 | wire_get_u32(in);
}

void
unpack_text(struct wire_in *in, char *out, size_t room)
{
	size_t size = wire_get_u16(in);

	out[0] = '\0';
	if (size == 0 || in->err != OK)
		return;
	const uint8_t *text = wire_get_bytes(in, size);
	if (text == NULL)
		return;
	if (size >= room) {
		in->err = ERR_FORM;
		return;
	}
	memcpy(out, text, size);
	out[size] = '\0';
}

void
unpack_dname(struct wire_in *in, struct dname *name)
{
	uint8_t size = wire_get_u8(in);
	const uint8_t *wire = wire_get_bytes(in, size);

	*name = dname_root;
	if (in->err == OK)
		in->err = dname_from_wire(wire, size, name);
}

void
unpack_label(struct wire_in *in, struct label *label)
{
	uint8_t size = wire_get_u8(in);
	const uint8_t *data = wire_get_bytes(in, size);

	label->size = 0;
	if (in->err != OK)
		return;
	if (size > DNAME_LABEL_MAX) {
		in->err = ERR_FORM;
		return;
	}
	label->size = size;
	if (size > 0)
		memcpy(label->data, data, size);
}

enum err
unpack_end(const struct wire_in *in)
{
	return in->err == OK && wire_left(in) == 0 ? OK : ERR_CORRUPT;
}
