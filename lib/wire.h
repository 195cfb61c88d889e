/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIB_WIRE_H
#define LIB_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "lib/dname.h"
#include "lib/err.h"

/*
 * Bounded reading and writing of DNS wire format (RFC 1035 section 4).
 *
 * Both cursors are sticky: after the first failure every call does nothing and
 * returns 0 or NULL; the caller looks at `err` once. Nothing here allocates.
 */

struct wire_in {
	const uint8_t *msg; /* the whole message: names may point back into it */
	size_t size;        /* reading stops here */
	size_t pos;
	enum err err; /* OK, ERR_RANGE (too short) or ERR_FORM */
};

void wire_in_init(struct wire_in *in, const uint8_t *msg, size_t size);
size_t wire_left(const struct wire_in *in);
uint8_t wire_get_u8(struct wire_in *in);
uint16_t wire_get_u16(struct wire_in *in);
uint32_t wire_get_u32(struct wire_in *in);
uint64_t wire_get_u48(struct wire_in *in);
/* Valid as long as the message is. */
const uint8_t *wire_get_bytes(struct wire_in *in, size_t size);
/*
 * A name, lower-cased. Pointers must go strictly backwards, at most 127 of
 * them; 255 octets at most. Anything else, ERR_FORM.
 */
void wire_get_name(struct wire_in *in, struct dname *name); /* the root on failure */
/*
 * Over a name: its own octets and where its pointer goes are checked, what
 * stands there is not. The cost is that of the octets passed over.
 */
void wire_skip_name(struct wire_in *in);

enum { WIRE_NAMES_MAX = 256 };

/* Writes into the caller's memory, with name compression (14-bit offsets). */
struct wire_out {
	uint8_t *msg;
	size_t room;
	size_t size;
	enum err err;                    /* OK or ERR_SPACE */
	uint16_t names[WIRE_NAMES_MAX];  /* offsets of known names by hash; 0: none */
	uint16_t prints[WIRE_NAMES_MAX]; /* more of the hash of each */
};

void wire_out_init(struct wire_out *out, uint8_t *msg, size_t room);
/* Forget everything after size, names too; clears the error. */
void wire_out_cut(struct wire_out *out, size_t size);
void wire_put_u8(struct wire_out *out, uint8_t value);
void wire_put_u16(struct wire_out *out, uint16_t value);
void wire_put_u32(struct wire_out *out, uint32_t value);
void wire_put_u48(struct wire_out *out, uint64_t value);
void wire_put_bytes(struct wire_out *out, const void *data, size_t size);
void wire_put_name(struct wire_out *out, const struct dname *name); /* compressed */
void wire_put_name_plain(struct wire_out *out, const struct dname *name); /* never */
void wire_patch_u16(struct wire_out *out, size_t at, uint16_t value);

#endif
