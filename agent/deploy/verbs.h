/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_DEPLOY_VERBS_H
#define AGENT_DEPLOY_VERBS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/store/verb.h"
#include "agent/store/worklog.h"
#include "lib/dname.h"

/*
 * The verbs of _command.C: read from the work log with a cursor of their own,
 * since one may have to wait for its zone while the log goes on, and carried
 * out between the batches. One for a zone waits until what the catalog wants of
 * the zone was applied; one for all zones takes those that the server has from
 * us, a slice each turn. A verb is about now: after ten minutes it is given up, and
 * that is its outcome.
 *
 * The outcome is `last-command` in the zone's status, or the backend's:
 *
 *     refresh:ok@1795330000 seq=12
 *     freeze:unsupported@1795330000 seq=13 nsd has no dynamic updates
 *     reload:failed@1795330000 seq=14 zones=20 failed=1 unsupported=0 a.example: ...
 *
 * with the time of the outcome and the log entry of the verb. The mark of the
 * backend stays before an entry until its outcomes are on record.
 */

struct engine;

enum {
	VERBS_QUEUE_MAX = 1000, /* read and not on record */
	VERBS_AGE_MAX_S = 600,
	VERBS_TRIES_MAX = 3, /* a verb during which the connection is lost */
};

enum verb_result { VERB_OK, VERB_UNSUPPORTED, VERB_FAILED };

struct order {
	struct order *next;
	uint64_t seq, time; /* of its log entry */
	uint8_t catalog;
	struct verb verb;
	uint64_t not_before_us; /* the server was busy */
	unsigned tries;
	bool begun;         /* for all */
	bool started;       /* after is set */
	struct dname after; /* the last zone done */
	size_t n, n_failed, n_unsupported;
	char first_fault[200];
	bool done;           /* the outcome is given */
	uint64_t status_job; /* and on record when this job is finished */
};

struct verbs {
	uint64_t seq; /* every entry up to it was read */
	size_t pos;   /* and the text of the next one up to here */
	struct order *first, **last;
	size_t n;
};

/* After the mark was read. */
struct verbs *verbs_new(struct engine *e);
void verbs_free(struct verbs *v); /* takes NULL */

/* Do what can be done now, for a short while. Returns whether there is more to
 * do at once. */
bool verbs_step(struct engine *e);
bool verbs_too_old(const struct order *o);
/* The mark may not be beyond this entry. */
uint64_t verbs_mark(struct engine *e);

/* -- verbs_run.c -------------------------------------------------------------- */

struct record;

enum verb_end {
	VERB_DONE, /* it has its outcome, in the record */
	VERB_WAIT, /* not now */
	VERB_MORE, /* of many zones, some are left, and time is up */
};

/* The backend is up. until_us: begin nothing after it. */
enum verb_end verbs_run(struct engine *e, struct record *r, struct order *o,
    uint64_t until_us);
/* It had its time. */
void verbs_give_up(struct engine *e, struct record *r, struct order *o);

#endif
