/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_PROTO_FOLLOW_INSIDE_H
#define AGENT_PROTO_FOLLOW_INSIDE_H

#include "agent/proto/calls.h"
#include "agent/proto/follow.h"
#include "agent/proto/reception.h"

/* Between follow.c (when something is due), follow_attempt.c (the primaries are asked)
 * and follow_store.c (what is kept). */

enum follow_stage {
	FOLLOW_IDLE,
	FOLLOW_CALL, /* a connection is being made */
	FOLLOW_SOA,
	FOLLOW_IXFR,
	FOLLOW_AXFR,
	FOLLOW_STORE, /* the writer has it */
};

struct follow {
	struct proto_call call; /* first */
	struct follow *next;
	struct proto *proto; /* held by jobs under way, not by this */
	uint8_t nr;
	char label[64];
	struct dname name;
	bool is_gone; /* no longer in the configuration; freed after its jobs */
	unsigned n_jobs;

	/* What is in the store, as of its last word. */
	bool loaded;
	struct soa soa;
	uint64_t checked; /* Unix time a primary last spoke for it */

	/* The attempt. */
	enum follow_stage stage;
	void *line; /* NULL: none */
	struct ask ask;
	struct reception rx;
	size_t at;        /* number of the primary */
	unsigned n_tried; /* of them */
	bool has_behind;  /* one of them has an older version than ours */
	bool has_failed;  /* one of them did: error says what */
	bool has_newer;   /* that one has a newer version, and does not give it */
	bool has_equal;   /* one of them has ours, or what is known to be broken */
	bool want_whole;  /* IXFR did not do */
	bool again;       /* a NOTIFY came meanwhile */
	uint64_t begun_ms;
	uint64_t silent_ms; /* give up then, unless something comes */
	uint64_t end_ms;    /* give up then in any case */
	char server[ADDR_TEXT_MAX];
	char source[64]; /* for the history */
	char by[64];     /* key, or "-" */

	uint64_t due_ms; /* of the next attempt */
	unsigned n_failed;

	/* What the status says. */
	bool is_expired;
	bool is_broken;
	bool is_fault_known; /* the version need not be fetched again to be judged */
	uint32_t broken_serial;
	char fault[200]; /* why it is broken */
	char error[200]; /* why there is no newer one */
};

const struct proto_catalog *follow_conf(const struct follow *f);
/* Of what an SOA asks for: at least 1 s, at most 28 days. */
uint64_t follow_interval_ms(uint32_t seconds);
/* Between attempts that NOTIFYs cause, which anybody may forge: longer while nobody
 * answers. */
uint64_t follow_notify_pause_ms(const struct follow *f);
void follow_free(struct follow *f); /* once it is gone and has no more jobs */

/* -- follow_attempt.c -------------------------------------------------------- */

extern const struct proto_call follow_attempt_call;
/* From stage idle: ends there, with due_ms set anew. */
void follow_attempt_begin(struct follow *f);
/* Gives up what has taken too long; when that is. */
void follow_attempt_check(struct follow *f, uint64_t now);
uint64_t follow_attempt_next(const struct follow *f);
/* No more is heard of it; the stage stays. */
void follow_attempt_cancel(struct follow *f);

enum follow_outcome {
	FOLLOW_TAKEN,
	FOLLOW_BROKEN,      /* fault says why */
	FOLLOW_OUT_OF_STEP, /* the differences do not fit */
	FOLLOW_NOT_STORED,  /* error says why */
};
/* What became of follow_store_take(). */
void follow_attempt_stored(struct follow *f, enum follow_outcome outcome);

/* -- follow_store.c ---------------------------------------------------------- */

/* What the writer makes of the reception, which goes with it. */
void follow_store_take(struct follow *f);
/* As reception_fini(), but what takes long is left to another thread. */
void follow_store_drop(struct store *store, struct reception *rx);
/* A primary has spoken for what we have. */
void follow_store_checked(struct follow *f);
/* The catalog is followed from now on, or no longer. */
void follow_store_role(struct store *store, uint8_t catalog, bool is_followed);
/* Writes the line of the status. */
void follow_store_status(struct follow *f);

#endif
