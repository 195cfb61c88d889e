/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_PROTO_LOG_TEXT_H
#define AGENT_PROTO_LOG_TEXT_H

#include "agent/store/worklog.h"
#include "lib/buf.h"
#include "lib/dname.h"

/*
 * One entry of the work log as the TXT records of _log.C: one for each zone it
 * changed, for each other owner, for each verb, or one for the entry itself.
 */

struct log_text {
	const struct dname *apex; /* of C */
	struct work work;         /* what it points to must stay */
	size_t del, add;          /* read so far */
	const char *zones;        /* lines of work.text not used yet */
	size_t verbs;             /* read so far of the text of commands */
	bool done;                /* of an entry with a single record */
};

/* Does the entry belong into the log of that catalog? */
bool log_text_concerns(const struct work *w, uint8_t catalog);

void log_text_start(struct log_text *t, const struct work *w, const struct dname *apex);
/* Empties rdata and puts the next record's strings. False: no more. */
bool log_text_next(struct log_text *t, struct buf *rdata);

#endif
