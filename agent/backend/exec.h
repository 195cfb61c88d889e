/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_BACKEND_EXEC_H
#define AGENT_BACKEND_EXEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/backend/backend.h"
#include "agent/backend/exec_child.h"
#include "agent/backend/exec_reply.h"
#include "lib/buf.h"
#include "lib/err.h"

/* What the files of the exec driver share; see exec.c for the story. */

enum { EXEC_BATCH_MAX = 1000, EXEC_ARGS_MAX = 30 };

struct exec {
	struct backend_conf conf; /* what it points to is the caller's */
	const char *config;       /* or NULL */
	char *words;              /* the arguments, cut into words */
	const char *argv[EXEC_ARGS_MAX + 2];
	unsigned timeout_ms;
	struct exec_child child;
	bool greeted;
	unsigned batch;
	uint64_t last_id;
	bool keys_due; /* the program is to be told our keys */

	/* when it died, or was ended for what it said */
	unsigned n_deaths; /* in a row, each soon after a start */
	int64_t not_before_ms;
	char last_words[200];

	/* what came and was not taken yet */
	size_t in_size;
	char in[EXEC_REPLY_MAX + 1];
};

/* -- exec_conf.c: the [backend] section -------------------------------------- */

enum err exec_check(const struct backend_conf *conf, struct err_where *where);
/* Fills in what is configured. Free words. */
NODISCARD enum err exec_read_conf(const struct backend_conf *conf, struct exec *x,
    struct err_where *where);

/* -- exec_talk.c: one request and its replies -------------------------------- */

/* A reply that is no end. An error ends the program, with why, if it says why;
 * ERR_FORM: the reply does not belong there. */
typedef enum err exec_reply_fn(void *arg, const struct exec_reply *reply,
    struct backend_error *why);

/*
 * Starts the program if it does not run, and says request, which the caller began
 * with exec_begin. fn NULL: no replies but the end are expected. *sent (or NULL):
 * the program may have seen some of it. OK: the end was seen, whatever it says.
 * Fails with the program ended, or about to: ERR_CLOSED (it died, or is not started
 * yet again), ERR_TIMEOUT, ERR_CANCELED, ERR_IO (it said what it should not).
 */
struct exec_call {
	exec_reply_fn *fn;
	void *arg;
	struct exec_reply end;
	bool sent;
};
/* Runs, and has told what it wants: as exec_call sees to first. */
NODISCARD enum err exec_ready(struct exec *x, struct backend_error *why);
void exec_begin(struct exec *x, struct buf *request, const char *verb);
NODISCARD enum err exec_call(struct exec *x, struct buf *request,
    struct exec_call *call, struct backend_error *why);
/* The error of an end that is not OK. */
NODISCARD enum err exec_end_error(const struct exec *x, const struct exec_reply *end,
    struct backend_error *why);
/* Ends the program, as it said what it should not: ERR_IO. */
PRINTF(3, 4)
NODISCARD enum err exec_fault(struct exec *x, struct backend_error *why,
    const char *fmt, ...);

#endif
