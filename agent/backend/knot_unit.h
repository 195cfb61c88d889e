/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_BACKEND_KNOT_UNIT_H
#define AGENT_BACKEND_KNOT_UNIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/err.h"

/*
 * Knot's control protocol as octets. Both directions are a sequence of units: a
 * type octet, and for DATA and EXTRA any of the fields, each a code (16 + its
 * number), a size of two octets and text. A request is units and BLOCK; so is
 * its reply. END ends a connection politely.
 */

enum knot_type { KNOT_TYPE_END, KNOT_TYPE_DATA, KNOT_TYPE_EXTRA, KNOT_TYPE_BLOCK };

/* In the order of their codes. */
enum knot_field {
	KNOT_CMD,
	KNOT_FLAGS,
	KNOT_ERROR,
	KNOT_SECTION,
	KNOT_ITEM,
	KNOT_ID,
	KNOT_ZONE,
	KNOT_OWNER,
	KNOT_TTL,
	KNOT_KIND, /* "TYPE" */
	KNOT_DATA,
	KNOT_FILTER,
	KNOT_N_FIELDS
};

/* DATA or EXTRA. A field that is not there is NULL. Valid during the call. */
struct knot_unit {
	const char *field[KNOT_N_FIELDS];
};

/* Of a reply. Most flags, in requests too, are filters from Knot 3.4.1 on: what is to
 * be understood by all has both. */
const char *knot_unit_flags(const struct knot_unit *unit);

/* Adds a DATA unit; fields of more than 65535 octets make out fail. */
void knot_unit_put(struct buf *out, const struct knot_unit *unit);

/* Configuration commands; item and data may be NULL. */
void knot_unit_put_conf(struct buf *out, const char *cmd, const char *section,
    const char *id, const char *item, const char *data);

/* An error ends the reading and is returned by knot_reader_feed. */
typedef enum err knot_unit_fn(void *arg, const struct knot_unit *unit);

/* Cuts the octets of one reply, in pieces of any size, into units. */
struct knot_reader {
	knot_unit_fn *fn;
	void *arg;
	struct buf text;          /* of the unit being read: each field and a NUL */
	size_t at[KNOT_N_FIELDS]; /* where it starts in text, plus 1; 0: not there */
	uint8_t head[3];          /* of the field being read: code and size */
	unsigned n_head;
	size_t left; /* octets of the field still to come */
	bool in_unit, in_field;
};

void knot_reader_init(struct knot_reader *r, knot_unit_fn *fn, void *arg);
void knot_reader_fini(struct knot_reader *r);

/* *done: BLOCK was seen. ERR_FORM: no such protocol, or something behind BLOCK.
 * ERR_CLOSED: END instead of BLOCK. */
NODISCARD enum err knot_reader_feed(struct knot_reader *r, const uint8_t *data,
    size_t size, bool *done);

#endif
