/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_STORE_PACK_H
#define AGENT_STORE_PACK_H

#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/dname.h"
#include "lib/wire.h"

/* Inside the store: keys and values as bytes. Numbers are big endian. */

/* LMDB's own limit: a zone's sort key (507) with up to four bytes around it. */
enum { SKEY_MAX = 511 };

/* A key under construction. Every caller knows its parts to fit: asserted. */
struct skey {
	size_t size;
	uint8_t data[SKEY_MAX];
};

void skey_init(struct skey *key);
/* The beginning of a key of TABLE_ROOT. */
void skey_root(struct skey *key, char kind);
void skey_u8(struct skey *key, uint8_t value);
void skey_u32(struct skey *key, uint32_t value);
void skey_u64(struct skey *key, uint64_t value);
void skey_bytes(struct skey *key, const void *data, size_t size);
void skey_zone(struct skey *key, const struct dname *zone); /* canonical order */

uint32_t skey_get_u32(const uint8_t *data);
uint64_t skey_get_u64(const uint8_t *data);

void pack_text(struct buf *out, const char *text); /* at most 65,535 bytes */
void pack_dname(struct buf *out, const struct dname *name);
void pack_label(struct buf *out, const struct label *label);

/* Sticky in in->err, as lib/wire.h. Text that does not fit is ERR_FORM. */
uint64_t unpack_u64(struct wire_in *in);
void unpack_text(struct wire_in *in, char *out, size_t room);
void unpack_dname(struct wire_in *in, struct dname *name);
void unpack_label(struct wire_in *in, struct label *label);
/* OK when all was read and nothing is left, else ERR_CORRUPT. */
NODISCARD enum err unpack_end(const struct wire_in *in);

#endif
