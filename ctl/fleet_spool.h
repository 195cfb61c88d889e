/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CTL_FLEET_SPOOL_H
#define CTL_FLEET_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/dname.h"
#include "lib/err.h"
#include "lib/rr.h"

/*
 * What one agent says of its zones, kept in a temporary file without a name: a million
 * zones at two hundred agents are more than memory. Written in the order in which it
 * comes, which is that of the zones, and read once in the same order.
 */

enum spool_state {
	SPOOL_SERVING,
	SPOOL_PENDING,
	SPOOL_APPLIED,
	SPOOL_FAILED,
	SPOOL_CONFLICT,
	SPOOL_UNASSIGNED,
	SPOOL_HELD,
	SPOOL_REMOVING,
	SPOOL_OTHER, /* of a newer agent */
};

enum { SPOOL_TEXT_MAX = 256, SPOOL_ROWS_MAX = 250 /* of one zone */ };

/* One zone on one backend. */
struct spool_row {
	uint8_t key[DNAME_KEY_MAX]; /* dname_key() of the zone */
	size_t key_size;
	enum spool_state state;
	bool has_serial;
	uint32_t serial;
	/* "" if not told; for an error also what it waits for */
	char backend[SPOOL_TEXT_MAX], pattern[SPOOL_TEXT_MAX], id[SPOOL_TEXT_MAX],
	    error[SPOOL_TEXT_MAX];
};

struct spool {
	FILE *file; /* NULL: not made yet */
	uint8_t last[DNAME_KEY_MAX];
	size_t last_size, n_alike; /* rows of that zone */
	bool any;
};

void spool_fini(struct spool *s);
/* From empty. ERR_IO: no temporary file, errno tells. */
NODISCARD enum err spool_begin(struct spool *s);
/* A record of a zone. ERR_IO (errno); ERR_INVALID: it should have come earlier.
 * ERR_RANGE: more of one zone than there can be backends. */
NODISCARD enum err spool_put(struct spool *s, const struct dname *zone,
    const struct rr *rr);
/* From writing to reading. ERR_IO. */
NODISCARD enum err spool_rewind(struct spool *s);
/* ERR_NOTFOUND: the end. ERR_IO. */
NODISCARD enum err spool_next(struct spool *s, struct spool_row *row);

int spool_compare_keys(const uint8_t *a, size_t a_size, const uint8_t *b,
    size_t b_size);

#endif
