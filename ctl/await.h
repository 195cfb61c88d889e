/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CTL_AWAIT_H
#define CTL_AWAIT_H

#include <stdbool.h>
#include <stddef.h>

#include "ctl/ctl.h"
#include "ctl/orders.h"
#include "lib/pool.h"
#include "lib/session.h"

/*
 * Waiting until every backend of each zone serves it, or has let go of it:
 * _status is looked at again and again, by queries for few zones and by
 * transfer for many, at first every 20 ms and at last once a second.
 */

/* CHANGED: served, and as the catalog says. What cannot be had, a pattern that is not
 * there say, leaves a zone as it was, which is served and has an error. */
enum await_end { AWAIT_SERVING, AWAIT_CHANGED, AWAIT_GONE };

/* What was not as it should be when time was up. Each but error may be NULL: what is
 * missing then is not about an agent of many, one zone, one backend. */
struct await_missing {
	const char *agent, *zone, *backend, *state, *error;
};

struct await {
	struct session *s;
	struct orders *orders; /* NULL: every zone of the catalog. Only done orders
				* count, and but for AWAIT_GONE open ones */
	enum await_end end;
	unsigned timeout_s;
	/* Not before the agent's catalog has that serial. */
	bool has_serial;
	uint32_t serial;
	/* found */
	struct await_missing *missing;
	size_t n_missing, missing_room;
	struct pool pool;
};

/* EXIT_DONE; EXIT_NOT_SERVED, with `missing` filled; EXIT_FAILED: said on stderr.
 * await_fini() in any case. */
enum exit_status await_run(struct await *a);
void await_fini(struct await *a);
/*
 * The same after a change that the session made: at the agent that the user named,
 * even if the session had to go to another one for it; or at those that ctl->await
 * knows of.
 */
enum exit_status await_change(struct ctl *ctl, struct await *a);
/* A record of the order's zone is as it should be. */
bool await_is_there(const struct rr *rr, const struct order *o, enum await_end end);
/* Texts are copied. */
void await_note_missing(struct await *a, const char *agent, const char *zone,
    const char *backend, const char *state, const char *error);
/* What is missing: as a table in JSON; as a line each on stderr. */
void await_print(const struct ctl *ctl, const struct await *a);
void await_say(const struct await *a);

#endif
