/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_DEPLOY_WATCH_H
#define AGENT_DEPLOY_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/dname.h"

/*
 * The zones of one backend that are under way: in the batch being built, asked
 * about, or waiting for their outcome to be on record. A zone that is here is
 * not operated on again until it has left. One thread.
 */

enum watch_kind {
	WATCH_BATCH,  /* in the batch being built: item says where */
	WATCH_SERVE,  /* added or changed: until it is served */
	WATCH_GONE,   /* removed: until it is gone */
	WATCH_CHECK,  /* nothing was done: is it served? */
	WATCH_SETTLE, /* until its outcome is committed */
};

/* What the log says of a zone that a catalog has under an id of its own. */
struct log_says {
	bool del_own;   /* that id went */
	bool add_other; /* the catalog has it under another one */
	bool gone;      /* the catalog has it no more, */
	uint8_t heir;   /* but this one is to, as the coo property said; 0: none is */
};

struct watch {
	struct watch *chain;  /* of its hash slot */
	struct watch *settle; /* the next one to settle */
	struct dname zone;
	enum watch_kind kind;
	uint8_t catalog;
	struct label id;
	uint64_t seq; /* log entry it answers to */
	size_t item;  /* WATCH_BATCH: place in the batch */
	bool secondary;
	bool
	    fed; /* its data come from a primary, or it is not known that they do not */
	bool changed;  /* WATCH_SERVE: served before, so the answer may be of then */
	bool doubtful; /* and by a change with a gap in service: it counts later only */
	bool looked;   /* WATCH_GONE: the driver says that it is not there */
	bool patient;  /* WATCH_CHECK: was served, so ask for a while */
	bool through;  /* an answer of this round ended it: others are out of date */
	bool unusable; /* its settings are: served with those of before */
	uint64_t start_us, answered_us; /* of the first answer; 0: none yet */
	unsigned n_answers;
	uint64_t catalog_job, status_job; /* WATCH_SETTLE: those to wait for */

	/* The log named it again meanwhile. */
	bool again;
	bool lost; /* and the server does not seem to have it */
	uint64_t again_seq;
	struct log_says log_says;
	bool removal, stray, look, walk; /* as of struct item */
};

struct watch_table {
	struct watch **slots;
	size_t n_slots, n;
	size_t n_asked; /* WATCH_SERVE, WATCH_GONE, WATCH_CHECK */
	size_t n_again;
	size_t n_walk; /* named by a walk, and not yet judged for it */
	struct watch *settle_first, **settle_last;
};

void watch_init(struct watch_table *t);
void watch_fini(struct watch_table *t);
struct watch *watch_find(const struct watch_table *t, const struct dname *zone);
/* Must not be there yet. Valid until watch_del. */
struct watch *watch_add(struct watch_table *t, const struct dname *zone,
    enum watch_kind kind);
/* From WATCH_BATCH to one of those asked about. */
void watch_ask(struct watch_table *t, struct watch *w, enum watch_kind kind);
/* Mark it as named again, by that log entry (0: none). */
void watch_again(struct watch_table *t, struct watch *w, uint64_t seq);
/* The oldest log entry that named one again, or UINT64_MAX. */
uint64_t watch_again_seq(const struct watch_table *t);
void watch_del(struct watch_table *t, struct watch *w);
/* Becomes WATCH_SETTLE, at the end of the list. */
void watch_settle(struct watch_table *t, struct watch *w, uint64_t catalog_job,
    uint64_t status_job);
/* The first of the list, if its jobs are done: taken off the list, still in the
 * table. NULL: none. */
struct watch *watch_settled(struct watch_table *t, uint64_t catalog_done,
    uint64_t status_done);

#endif
