/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CTL_OUTCOME_H
#define CTL_OUTCOME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ctl/ctl.h"
#include "ctl/orders.h"
#include "lib/pool.h"
#include "lib/session.h"

/*
 * What became of verbs: `last-command` in the status of each zone, or of each
 * backend, by the log entry that the agent's reply named.
 */

enum outcome_result {
	OUTCOME_OK,
	OUTCOME_UNSUPPORTED,
	OUTCOME_FAILED,
	OUTCOME_PENDING,
	OUTCOME_UNKNOWN, /* a later verb is in its place */
};

struct outcome {
	enum outcome_result result;
	uint64_t time, seq;
	const char *text; /* the rest, in what was parsed */
};

/* "refresh:ok@1795330000 seq=12 text". ERR_FORM. */
NODISCARD enum err outcome_parse(const char *last_command, struct outcome *o);

struct outcome_row {
	const char *zone; /* NULL: the backend as a whole */
	const char *backend, *text;
	enum outcome_result result;
	uint64_t time;
	size_t at; /* the number of the order */
};

struct outcomes {
	struct session *s;
	const char *verb;
	const char *backend;     /* NULL: every one */
	struct orders *orders;   /* those done; NULL: the backends as a whole */
	const uint64_t *entries; /* log entries, of each order; or the one */
	unsigned timeout_s;
	/* found, in order of zone and backend */
	struct outcome_row *rows;
	size_t n_rows, rows_room;
	struct pool pool;
};

/* EXIT_DONE: all have ended, well or not; EXIT_NOT_SERVED: not all in time;
 * EXIT_FAILED: said on stderr. outcomes_fini() in any case. */
enum exit_status outcomes_wait(struct outcomes *o);
void outcomes_fini(struct outcomes *o);
void outcomes_print(const struct ctl *ctl, const struct outcomes *o);
/* Those that did not end well, on stderr. */
void outcomes_say(const struct outcomes *o);
size_t outcomes_count(const struct outcomes *o, enum outcome_result result);

#endif
