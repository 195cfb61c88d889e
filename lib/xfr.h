/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIB_XFR_H
#define LIB_XFR_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/dname.h"
#include "lib/err.h"
#include "lib/rr.h"

/*
 * Where the records of an incoming zone transfer end: AXFR (RFC 5936 section
 * 2.2), IXFR and IXFR answered in the way of AXFR (RFC 1995 section 4). Plain
 * data; keeps no records.
 */

enum xfr_state {
	XFR_FIRST,   /* the SOA of the new version must come */
	XFR_SECOND,  /* the second record tells how the server answers */
	XFR_FULL,    /* the whole zone */
	XFR_DELETED, /* records of a difference: gone, then new */
	XFR_ADDED,
	XFR_DONE,
};

struct xfr {
	struct dname zone;
	enum xfr_state state;
	bool incremental; /* IXFR was asked for */
	uint32_t have;    /* IXFR: the serial before the next difference */
	uint32_t serial;  /* of the new version; from the first record on */
};

/* serial NULL: AXFR. */
void xfr_init(struct xfr *xfr, const struct dname *zone, const uint32_t *serial);

/*
 * The next record. After it, state tells what it was: XFR_DELETED and XFR_ADDED
 * belong to a difference, whose SOAs count to what they begin. ERR_FORM: no
 * transfer of this zone goes on like this, or a record after the end.
 */
NODISCARD enum err xfr_step(struct xfr *xfr, const struct rr *rr);

/* To be asked after the last record of a message. */
bool xfr_is_done(const struct xfr *xfr);

#endif
