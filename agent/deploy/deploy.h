/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_DEPLOY_DEPLOY_H
#define AGENT_DEPLOY_DEPLOY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/backend/backend.h"
#include "agent/pattern/pattern.h"
#include "agent/probe/probe.h"
#include "agent/store/store.h"
#include "lib/addr.h"
#include "lib/dname.h"
#include "lib/err.h"
#include "lib/limit.h"

/*
 * The back half: from the work log to the name server. One thread for each
 * backend reads the log after its mark, coalesces, hands batches to the
 * driver, has the outcome probed, and records what was seen.
 */

struct deploy;

struct deploy_catalog {
	uint8_t nr;
	const char *label;          /* of [catalog label] */
	struct limit limit;         /* of removals, before the guard holds them */
	char default_pattern[64];   /* "": none */
	struct dname *accept_zones; /* suffixes; none: any */
	size_t n_accept_zones;
	unsigned purge_after_s;
	unsigned apply_delay_s;
};

struct deploy_backend_conf {
	uint8_t nr; /* in the store */
	const struct backend_driver *driver;
	struct backend_conf backend;           /* cancel_fd is set by deploy */
	const struct deploy_catalog *catalogs; /* those it serves */
	size_t n_catalogs;
	struct addr probe;         /* where to ask */
	bool has_probe;            /* without: applied is the last state */
	struct key *probe_key;     /* or NULL */
	unsigned probe_rate;       /* a second; default 150 */
	unsigned probe_interval_s; /* every zone once in; default 3600; 0: never */
	unsigned apply_rate;       /* secondaries a second; 0: unlimited */
	/* Of one primary, given to the server and not served yet: no more than that
	 * (0: no limit), each counted for so long. */
	unsigned max_transfers, transfer_patience_s;
};

struct deploy_conf {
	struct store *store;
	struct pattern_set *patterns; /* a reference is taken; NULL: no backends */
	const struct deploy_backend_conf *backends;
	size_t n_backends;
};

/* Opens the drivers and starts the threads. What conf points to is copied.
 * Fails with where filled, nothing started. */
NODISCARD enum err deploy_start(const struct deploy_conf *conf, struct err_where *where,
    struct deploy **deploy);
/* Ends within 5 s, whatever the servers do. */
void deploy_stop(struct deploy *deploy);

/*
 * Another configuration, in three steps. deploy_prepare looks whether it can be:
 * what is new or differs is checked by its driver, as `nsherdd -t` does; where says
 * what is wrong, and nothing has happened. deploy_commit has it take effect and waits
 * for nobody: backends that stay are given their keys, catalogs and patterns, others
 * are told to stop. deploy_finish waits for these, within 5 s; only then do those
 * start that take their place, or are new. It may be called in any thread, while
 * everything else goes on, and frees change, as deploy_cancel does. One at a time.
 *
 * Zones of a backend or catalog that is gone stay in the servers as they are. Marks
 * are kept: what comes back goes on where it was.
 */
struct deploy_change;
NODISCARD enum err deploy_prepare(struct deploy *deploy, const struct deploy_conf *conf,
    struct err_where *where, struct deploy_change **change);
void deploy_cancel(struct deploy_change *change); /* takes NULL */
void deploy_commit(struct deploy_change *change);
void deploy_finish(struct deploy_change *change);
/* deploy_stop is near: a deploy_finish under way starts nothing any more. Any
 * thread. */
void deploy_hurry(struct deploy *deploy);

/* How one backend is. */
struct deploy_vital {
	const char *name; /* valid during the call */
	bool is_asked;    /* it has a probe, and was asked */
	bool has_probe;
	uint64_t silent_us;  /* monotonic time of the first question without an answer
				since the last one with; 0: it answers */
	const char *control; /* up, starting, down: what the driver speaks to */
	bool is_known;       /* its zones were looked through since the start */
	uint64_t n_serving;
	uint64_t n_lost;    /* were served, and are not any more */
	uint64_t n_expired; /* the same, of secondaries that the server has */
};
typedef void deploy_vital_fn(void *arg, const struct deploy_vital *vital);
/* Of every backend. Any thread; does not wait for a server. */
NODISCARD enum err deploy_each_vital(struct deploy *deploy, deploy_vital_fn *fn,
    void *arg);

/* New patterns: zones whose settings changed are applied again. */
void deploy_set_patterns(struct deploy *deploy, struct pattern_set *patterns);
/* Reconcile all backends, or the one of that name. */
void deploy_reconcile(struct deploy *deploy, const char *backend);

#endif
