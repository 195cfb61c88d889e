/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_BACKEND_KNOT_H
#define AGENT_BACKEND_KNOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/backend/backend.h"
#include "agent/backend/knot_ctl.h"
#include "agent/backend/knot_native.h"
#include "agent/backend/textset.h"
#include "lib/dname.h"
#include "lib/err.h"

/* What the files of the knot driver share; see knot.c for the story. */

enum {
	KNOT_BATCH_MAX = 10000,
	KNOT_PORTION = 5000,
	KNOT_CACHE_SIZE = 256,
	KNOT_TOKEN_MAX = 64
};

/* What settings come to, for as long as they are not pushed out. */
struct knot_cached {
	struct settings *settings;  /* a reference of our own, or NULL */
	struct knot_native *native; /* NULL: not for knot */
};

struct knot {
	struct backend_conf conf; /* what it points to is the caller's */
	const char *confdb;       /* directory of knotd's configuration database */
	bool confdb_given;
	struct knot_ctl ctl;
	struct knot_cached cache[KNOT_CACHE_SIZE];

	/* the running server, as last seen */
	char version[32];
	char process[64]; /* "": not seen yet */
	bool warned;      /* that it would forget what we do */

	/* true of this process */
	bool persistent;       /* it has a confdb */
	bool has_token_acl;    /* see knot_txn.c */
	bool keys_renewed;     /* ours in it have the agent's secrets */
	struct textset known;  /* templates seen in it */
	size_t n_listed;       /* names in the list of zones read last */
	unsigned n_loading;    /* primaries of the last commit, if it had no others */
	int64_t slow_until_ms; /* monotonic: a commit took long, a moment ago */

	/* the transaction that we have open */
	bool in_txn;
	char token[KNOT_TOKEN_MAX];
};

/* -- knot.c ------------------------------------------------------------------- */

/*
 * Connect, notice another process, see that it keeps what we do. ERR_CLOSED,
 * ERR_TIMEOUT, ERR_IO: down. ERR_INVALID: it has no confdb.
 */
NODISCARD enum err knot_enter(struct knot *k, struct backend_error *why);
/* End the connection; a transaction that is still open is aborted if knotd can
 * be reached at once. */
void knot_leave(struct knot *k);

/* What settings come to; NULL: not for knot. Valid until the next call. */
const struct knot_native *knot_native_of(struct knot *k, const struct settings *s);

/* -- knot_conf.c -------------------------------------------------------------- */

/* Members of struct backend_driver, and what open checks too. */
enum err knot_check(const struct backend_conf *conf, struct err_where *where);
NODISCARD enum err knot_check_places(const struct backend_conf *conf,
    struct err_where *where);

enum knot_store { KNOT_STORE_CONFDB, KNOT_STORE_TEXT, KNOT_STORE_UNKNOWN };

/*
 * What a knotd runs with, by the words of its command line, which end in NULs.
 * *path is the argument of -C or -c, in words, or NULL.
 */
enum knot_store knot_store_of(const char *words, size_t size, const char **path);

/* -- knot_find.c -------------------------------------------------------------- */

enum knot_state {
	KNOT_ZONE_NONE,
	KNOT_ZONE_OURS,    /* mark is set */
	KNOT_ZONE_FOREIGN, /* under somebody else's template, or none */
	KNOT_ZONE_MEMBER,  /* of a catalog that knotd itself interprets */
};

struct knot_found {
	enum knot_state state;
	char mark[MARK_MAX];
};

/* What knotd has of these names. Within knot_enter and knot_leave. */
NODISCARD enum err knot_find(struct knot *k, const struct dname *names, size_t n,
    struct knot_found *found, struct backend_error *why);

/* -- knot_txn.c --------------------------------------------------------------- */

/*
 * Open a configuration transaction. *busy: somebody else has one open. All
 * within knot_enter and knot_leave; ERR_FULL, ERR_IO: it cannot be recorded
 * that it is ours, so there is none.
 */
NODISCARD enum err knot_txn_begin(struct knot *k, bool *busy,
    struct backend_error *why);
/* It is over after this, committed or, with fault->is, aborted. An error: not
 * known. */
NODISCARD enum err knot_txn_commit(struct knot *k, struct knot_fault *fault,
    struct backend_error *why);
NODISCARD enum err knot_txn_abort(struct knot *k, struct backend_error *why);
/* At the end of a connection, without waiting for more than a moment. */
void knot_txn_drop(struct knot *k);
/* One of an earlier life, which nobody else can begin beside, is aborted. */
NODISCARD enum err knot_txn_settle(struct knot *k, struct backend_error *why);

extern const char knot_txn_foreign[]; /* for people: *busy */

/* Would a commit stall behind knotd's background workers? why tells. */
NODISCARD enum err knot_txn_would_stall(struct knot *k, bool *stall,
    struct backend_error *why);

/* The figures of `status workers`; false: not understood. */
struct knot_workers {
	unsigned n, running, pending;
};
bool knot_workers_parse(const char *text, struct knot_workers *workers);

/* -- knot_prepare.c: members of struct backend_driver ------------------------- */

enum err knot_prepare(void *ctx, struct settings *const *settings, size_t n,
    enum backend_result *results, struct backend_error *texts,
    struct backend_error *why);
/* Templates that knotd does not have after all. */
void knot_forget_known(struct knot *k);

/* -- knot_keys.c -------------------------------------------------------------- */

struct knot_keys; /* what knotd has of keys */

NODISCARD enum err knot_keys_read(struct knot *k, struct knot_keys **keys,
    struct backend_error *why);
void knot_keys_free(struct knot_keys *keys); /* takes NULL */
/*
 * Units that give knotd the agent's key of that name, none if it has it.
 * ERR_INVALID: the agent has no such key, or knotd has another that is not ours.
 */
NODISCARD enum err knot_keys_want(struct knot *k, const struct knot_keys *keys,
    const struct dname *name, struct buf *units, struct backend_error *why);
/* Keys that are ours get the agent's secrets, if those were changed. */
NODISCARD enum err knot_keys_renew(struct knot *k, struct backend_error *why);
/* Member of struct backend_driver. */
enum err knot_rekey(void *ctx, const struct keyring *keys, struct backend_error *why);
/* Calls fn for each that is ours. */
typedef void knot_key_fn(void *arg, const char *name);
void knot_keys_each_ours(const struct knot_keys *keys, knot_key_fn *fn, void *arg);

/* -- knot_retire.c ------------------------------------------------------------ */

enum err knot_retire(void *ctx, const char *const *marks, size_t n,
    struct backend_error *why);

/* -- knot_apply.c ------------------------------------------------------------- */

enum err knot_apply(void *ctx, struct backend_op *ops, size_t n,
    struct backend_error *why);

#endif
