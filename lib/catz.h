/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIB_CATZ_H
#define LIB_CATZ_H

#include <stddef.h>
#include <stdint.h>

#include "lib/dname.h"
#include "lib/err.h"

/* The names inside a catalog zone (RFC 9432 section 4). */

enum catz_kind {
	CATZ_OUTSIDE,      /* not at or below the apex */
	CATZ_APEX,         /* C */
	CATZ_VERSION,      /* version.C */
	CATZ_ZONES,        /* zones.C, an empty non-terminal */
	CATZ_MEMBER,       /* <id>.zones.C */
	CATZ_GROUP,        /* group.<id>.zones.C */
	CATZ_COO,          /* coo.<id>.zones.C */
	CATZ_MEMBER_EXT,   /* ext.<id>.zones.C and below */
	CATZ_MEMBER_OTHER, /* any other name below a member node */
	CATZ_EXT,          /* ext.C and below */
	CATZ_OTHER,        /* any other name below C */
};

struct catz_name {
	enum catz_kind kind;
	struct label id;       /* of the member kinds */
	const uint8_t *prefix; /* the labels below the node (or below C), no root; */
	size_t prefix_size;    /* borrowed from the name that was classified */
};

void catz_classify(const struct dname *owner, const struct dname *apex,
    struct catz_name *out);

/* <id>.zones.C; ERR_RANGE: too long. */
NODISCARD enum err catz_member_owner(const struct label *id, const struct dname *apex,
    struct dname *out);

/* Control zones beside C: "_status", "_command", "_log". ERR_RANGE. */
NODISCARD enum err catz_control_zone(const char *label, const struct dname *apex,
    struct dname *out);

/*
 * A new id for a zone that a tool adds: 16 lower-case hexadecimal digits. Ids
 * of one call order grow: the low 52 bits of `order` (such as a counter that
 * starts at the time in microseconds) are the high part, so that bulk additions
 * are appended (see agent/store); the last three digits are random.
 */
struct label catz_new_id(uint64_t order);

#endif
