/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIB_MEMBER_H
#define LIB_MEMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/dname.h"
#include "lib/err.h"

/*
 * One member of a catalog with all its properties: plain data that crosses
 * rooms, and its packed form in the store. The PTR at the node itself is
 * `zone`; every other record of the node is in rrs.
 */

struct member_rr {
	const uint8_t *prefix; /* labels in front of the node, no root: "\5group" */
	uint8_t prefix_size;   /* 0: at the node itself (never a PTR) */
	uint16_t type;
	uint32_t ttl;
	uint16_t rdata_size;
	const uint8_t *rdata;
};

struct member {
	struct label id;
	struct dname zone;
	uint32_t ttl;     /* of the PTR */
	uint64_t seq;     /* work log entry of the last change */
	uint64_t changed; /* Unix time of it */
	char by[64];      /* key of it, cut to fit */
	struct member_rr *rrs;
	size_t n_rrs, room;
};

void member_init(struct member *m);
void member_fini(struct member *m); /* frees the array, not what it borrows */

/* Append; prefix and rdata stay borrowed. */
void member_add_rr(struct member *m, const struct member_rr *rr);

void member_pack(const struct member *m, struct buf *out); /* without the id */
/* Borrows from data. m must be initialised; its rrs are replaced. ERR_CORRUPT. */
NODISCARD enum err member_unpack(const uint8_t *data, size_t size, struct member *m);

/* Group values (RFC 9432 section 4.3.2: the whole RDATA of a TXT): the n-th in
 * canonical order of RDATA. Returns false past the last. text is the value's
 * strings joined by blanks, cut to fit; blanks and what does not print are \DDD
 * within a string, so several strings never equal one. */
enum { MEMBER_GROUP_MAX = 256 };
bool member_group(const struct member *m, size_t n, char text[static MEMBER_GROUP_MAX]);

#endif
