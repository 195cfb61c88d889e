/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_STORE_VERB_H
#define AGENT_STORE_VERB_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/buf.h"
#include "lib/dname.h"

/*
 * The verbs of _command.C, and the text of a WORK_COMMAND entry: one line for
 * each record of the UPDATE, in its order. Written and read here alone:
 *
 *     verb=refresh zone=shop.example id=a1 backend=nsd1
 *     verb=reconcile
 *
 * Without zone and id it is about every zone, or none in particular; without
 * backend, about every backend.
 */

enum verb_kind {
	VERB_KIND_REFRESH, /* those up to thaw are about zones */
	VERB_KIND_RETRANSFER,
	VERB_KIND_RELOAD,
	VERB_KIND_NOTIFY,
	VERB_KIND_FLUSH,
	VERB_KIND_FREEZE,
	VERB_KIND_THAW,
	VERB_KIND_RECONCILE,
	VERB_KIND_RECONFIGURE,
	VERB_KIND_RELEASE,
	VERB_KIND_BEGIN, /* from here on: about a connection */
	VERB_KIND_COMMIT,
	VERB_KIND_ABORT,
	VERB_KIND_LOCK,
	VERB_KIND_UNLOCK,
	VERB_KINDS
};

const char *verb_str(enum verb_kind kind);
/* By its name of size octets, in lower case. False: there is no such verb. */
bool verb_find(const void *name, size_t size, enum verb_kind *kind);
bool verb_is_zonal(enum verb_kind kind);

struct verb {
	enum verb_kind kind;
	bool all;          /* no zone is named */
	struct dname zone; /* unless all, as is id: the member's at that time */
	struct label id;
	char backend[64]; /* "": every one */
};

/* Appends the line. */
void verb_put(struct buf *out, const struct verb *verb);
/* The next line of a text; *pos starts at 0. A line that cannot be read is
 * passed over. False: no more. */
bool verb_next(const char *text, size_t *pos, struct verb *verb);

#endif
