/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_BACKEND_BACKEND_H
#define AGENT_BACKEND_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/dname.h"
#include "lib/err.h"
#include "lib/key.h"
#include "lib/settings.h"

/*
 * What a driver is: the way to one kind of name server. A driver is one const
 * struct, its only exported symbol, in a file (or files) of its own.
 *
 * Every function is called by the backend's own thread and may block, but
 * never beyond conf.timeout without progress, and returns ERR_CANCELED soon
 * after conf.cancel_fd becomes readable. Nothing the server does may hang or
 * crash the agent. What is not ours in the server is never changed.
 */

/* `name = value` of the [backend] section that is the driver's own. */
struct backend_option {
	const char *name, *value;
	const char *file;
	unsigned line;
};

struct backend_conf {
	const char *name;       /* of [backend NAME] */
	const char *zone_dir;   /* or NULL */
	const char *config_dir; /* or NULL: include owned by us goes here */
	const struct backend_option *options;
	size_t n_options;
	const struct keyring *keys; /* valid until close, or rekey */
	unsigned max_variants;      /* native patterns per pattern */
	bool reconfig_hold;         /* reconfig = hold */
	int cancel_fd;
	unsigned timeout_ms; /* without progress; 30000 */
};

enum backend_op_kind { OP_REMOVE, OP_PURGE, OP_CHANGE, OP_ADD };

enum backend_result {
	RESULT_NONE = 0, /* not tried */
	RESULT_OK,
	RESULT_ALREADY,  /* it was so before */
	RESULT_CONFLICT, /* the zone is there and not ours */
	RESULT_RETRY,    /* not now; retry_s */
	RESULT_REJECTED, /* the server, or the driver for it, says no: text */
	RESULT_UNKNOWN,  /* the end was not seen: look it up before sending again */
};

struct backend_op {
	enum backend_op_kind kind;
	struct dname zone;
	struct settings *settings; /* of ADD and CHANGE; borrowed */
	const char *zonefile;      /* of REMOVE and PURGE: as recorded when added;
				    * "" or "/": none of its own */
	/* outcome */
	enum backend_result result;
	unsigned retry_s;
	char mark[128]; /* what the server now carries as our mark */
	char text[200]; /* reason, for people */
};

struct backend_identity {
	char product[32]; /* "NSD" */
	char version[32]; /* "4.6.1" */
	char process[64]; /* changes when the server was restarted */
};

/* A zone the server has. mark: ours, such as the native pattern; NULL: not ours. */
typedef enum err backend_zone_fn(void *arg, const struct dname *zone, const char *mark);

enum backend_caps {
	CAP_LIST = 1,       /* inventory works */
	CAP_RESTART_ID = 2, /* identify sees restarts */
	CAP_PER_ZONE_SETTINGS = 4,
	CAP_TYPE_CHANGE = 8, /* CHANGE may change role, file and DNSSEC; without it,
			      * such zones are removed and added */
	/* A batch costs as much as all that the server has: few large ones. */
	CAP_BATCH_COSTS = 16,
	CAP_SIGNS = 32, /* zones with a DNSSEC policy */
};

enum backend_verb {
	VERB_REFRESH,
	VERB_RETRANSFER,
	VERB_RELOAD,
	VERB_NOTIFY,
	VERB_FLUSH,
	VERB_FREEZE,
	VERB_THAW,
};

struct backend_error {
	char text[200];
};

struct backend_rights; /* rights.h */

struct backend_driver {
	const char *name;
	unsigned batch_max;
	/* NULL: batch_max. What it wants as it is configured, which is less. */
	unsigned (*batch_size)(const void *ctx);
	/* NULL: all of a batch. Else apply gets so many of it at a time, and those
	 * that follow go on record meanwhile. */
	unsigned (*apply_size)(const void *ctx);
	unsigned caps;
	/* Options it knows, NULL-terminated: others are configuration errors. */
	const char *const *options;
	/* NULL: nothing is known of what the server may do. */
	const struct backend_rights *rights;

	/* Check the options alone, without a server (for `nsherdd -t`): file:line
	 * faults, rights of sockets, directories and secrets. */
	enum err (*check)(const struct backend_conf *conf, struct err_where *where);
	/* No connection is made yet. */
	enum err (*open)(const struct backend_conf *conf, struct err_where *where,
	    void **ctx);
	void (*close)(void *ctx);

	/*
	 * Other keys, valid until close or the next call: whatever this returns,
	 * the driver uses these from here on. OK: the server has them, too, where
	 * it has any of ours; else it is to be called again, later. Those that the
	 * server has and that are not among these stay in it as they are. NULL:
	 * the driver has no use for keys.
	 */
	enum err (
	    *rekey)(void *ctx, const struct keyring *keys, struct backend_error *why);

	/* Is it there, and is it the same process? ERR_CLOSED, ERR_IO: down. */
	enum err (*identify)(void *ctx, struct backend_identity *id,
	    struct backend_error *why);
	/* Every zone it serves, in any order. */
	enum err (*inventory)(void *ctx, backend_zone_fn *fn, void *arg,
	    struct backend_error *why);
	/* The same for a few: fn is called for those that are there. */
	enum err (*lookup)(void *ctx, const struct dname *zones, size_t n,
	    backend_zone_fn *fn, void *arg, struct backend_error *why);

	/*
	 * Make native patterns and keys for these settings: additive, versioned,
	 * one re-read of the server's configuration for all. results[i] OK or
	 * REJECTED or RETRY with texts[i]. The mark of a zone under settings s is
	 * mark_of(s).
	 */
	enum err (*prepare)(void *ctx, struct settings *const *settings, size_t n,
	    enum backend_result *results, struct backend_error *texts,
	    struct backend_error *why);
	void (*mark_of)(void *ctx, const struct settings *s, char mark[static 128]);
	/* Forget native patterns that no zone names: marks is what is still used. */
	enum err (*retire)(void *ctx, const char *const *marks, size_t n,
	    struct backend_error *why);

	/*
	 * A batch in the order given, at most batch_max, each zone at most once.
	 * Idempotent. Every op gets a result; OK as a whole says that the server
	 * was reached, and the results tell the rest.
	 */
	enum err (*apply)(void *ctx, struct backend_op *ops, size_t n,
	    struct backend_error *why);

	/* The operator asked for a reconcile: what the driver would not give to the
	 * server any more, for the harm that it seemed to do, may be tried once more.
	 * NULL: there is no such thing. */
	void (*pardon)(void *ctx);

	/* ERR_UNSUPPORTED: the server has no such thing. */
	enum err (*command)(void *ctx, enum backend_verb verb, const struct dname *zone,
	    struct backend_error *why);
};

/* By name; NULL: there is no such driver. */
const struct backend_driver *backend_find(const char *name);
/* In order; NULL past the last. */
const struct backend_driver *backend_at(size_t n);

/* NULL: it was not given. */
const struct backend_option *backend_find_option(const struct backend_conf *conf,
    const char *name);
/* The value of a driver's option, or fallback. */
const char *backend_option(const struct backend_conf *conf, const char *name,
    const char *fallback);

/* -- for drivers ------------------------------------------------------------- */

/* Says why, cut to fit; returns err. */
PRINTF(3, 4)
enum err backend_fail(struct backend_error *why, enum err err, const char *fmt, ...);
/* The same with ERR_INVALID. */
PRINTF(2, 3)
enum err backend_refuse(struct backend_error *why, const char *fmt, ...);

/* Before a batch: no result yet. */
void op_begin(struct backend_op *op);
bool op_is_open(const struct backend_op *op);
/* The outcome, and why, cut to fit. */
PRINTF(3, 4)
void op_settle(struct backend_op *op, enum backend_result result, const char *fmt, ...);
PRINTF(3, 4)
void op_retry(struct backend_op *op, unsigned retry_s, const char *fmt, ...);

#endif
