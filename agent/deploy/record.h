/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_DEPLOY_RECORD_H
#define AGENT_DEPLOY_RECORD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/store/ledger.h"
#include "agent/store/status.h"
#include "agent/store/store.h"
#include "lib/dname.h"
#include "lib/err.h"

/*
 * What a backend's thread has to write down: changes of the ledger, the
 * graveyard and the mark (STORE_CATALOG, durable), and notes on the state of
 * zones (STORE_STATUS). Both are collected in one record, and each becomes one
 * job of its writer.
 */

struct engine;

enum ledger_verb {
	LEDGER_WRITE,  /* the entry */
	LEDGER_FORGET, /* the entry goes, nothing is left */
	LEDGER_BURY,   /* the entry goes, its data is left: a grave with its id */
	LEDGER_EXHUME, /* the entry is written, and the grave goes: data used again */
	LEDGER_PURGED, /* the grave goes */
};

struct ledger_change {
	enum ledger_verb verb;
	struct ledger_entry entry;
};

enum note_kind {
	NOTE_STATE, /* state, error and retry as given */
	NOTE_KEEP, /* the state there is stays (else: the one given); error and retry */
	NOTE_SEEN, /* the server answered for it: serving, unless it was removed */
	NOTE_GONE, /* no record any more */
	NOTE_COMMAND, /* error is a verb and its outcome; all else stays */
};

enum note_retry {
	NOTE_SETTLED, /* no retry */
	NOTE_AT,      /* at retry_at */
	NOTE_BACKOFF, /* 5 s, doubling to 10 min */
	NOTE_SLOW,    /* 1 min, doubling to 1 h: the server said no */
};

struct note {
	enum note_kind kind;
	struct dname zone;
	uint8_t catalog; /* 0 in NOTE_SEEN: whichever of ours has a record */
	struct label id;
	uint64_t seq;
	enum zone_state state;
	enum note_retry retry;
	uint64_t retry_at;     /* Unix ms */
	bool keep_error;       /* that of the record stays */
	bool lenient;          /* failed only after a few tries; applied until then */
	enum zone_fault fault; /* if it was served before; NONE: says nothing of it */
	bool has_serial;
	uint32_t serial;
	char pattern[64]; /* "": as it is */
	char error[200];
};

struct record {
	struct engine *engine;
	struct ledger_change *changes;
	size_t n_changes, changes_room;
	struct note *notes;
	size_t n_notes, notes_room;
	bool has_mark, has_backend;
	uint64_t mark;
	struct backend_status backend;
	uint64_t held_us; /* until then, if it was held back; else 0 */
	/* jobs */
	struct store_job catalog_job, status_job;
	atomic_uint n_jobs;
	/* between record_write_begin and _end */
	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool is_written;
	enum err err;
};

struct record *record_new(struct engine *engine);
void record_free(struct record *r); /* takes NULL */
/* Zeroed; valid until the next of its kind. */
struct ledger_change *record_change(struct record *r, enum ledger_verb verb);
struct note *record_note(struct record *r, enum note_kind kind,
    const struct dname *zone);

/*
 * Hand over to the writers; takes *r and sets it NULL. *catalog_job and
 * *status_job (either may be NULL) get the number of the last job that has to
 * be finished for all of it to be on record: compare with engine_jobs_done.
 */
void record_submit(struct record **r, uint64_t *catalog_job, uint64_t *status_job);
/* Hand over what is held back, now. */
void record_release(struct engine *e);
/* Hand over all but the notes and the backend's status, which are held back. */
void record_hold(struct record **r);
/* What is held back, to put more into, or a new one. */
struct record *record_held_or_new(struct engine *e);
/* The changes and the mark alone, durable when record_write_end returns, which
 * waits for that and takes *r (NULL: nothing to wait for). ERR_FULL, ERR_IO. */
void record_write_begin(struct record *r);
NODISCARD enum err record_write_end(struct record **r);

/* When to try again after so many failures in a row, in ms. */
uint64_t record_backoff_ms(enum note_retry retry, uint32_t tries);

#endif
