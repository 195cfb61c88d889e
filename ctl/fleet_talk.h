/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CTL_FLEET_TALK_H
#define CTL_FLEET_TALK_H

#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/session.h"

/*
 * Talking to many agents at once, in one thread, by poll(2). None waits for another:
 * each has a connection, and a time limit, of its own.
 */

struct talk_ops {
	/* The connection is there: ask. Fails with s->error. */
	enum err (*begin)(void *arg, struct session *s);
	/* Something has come. OK: that was all; ERR_BUSY: there is more to come. Fails
	 * with s->error. */
	enum err (*go_on)(void *arg, struct session *s);
	/* It is over, well or not, and the connection closed. After how many
	 * milliseconds to talk again; TALK_OVER: not again. */
	int64_t (*end)(void *arg, struct session *s, enum err err);
};

enum { TALK_OVER = -1 };

struct talk {
	struct session *s; /* prepared; NULL: there is nobody to talk to */
	const struct talk_ops *ops;
	void *arg;
	/* the rest is talk_all's */
	int state;
	int64_t at_ms; /* when it ends at the latest; idle: when it begins again */
};

struct talk_plan {
	unsigned timeout_ms; /* for each talk, from connecting to its end */
	int64_t until_ms;    /* clock_ms(): all of them end; 0: never */
	const char *doing;   /* for the progress bar */
};

/* Until all are over, or the time is. A talk that did not end in its time ends with
 * ERR_TIMEOUT. */
void talk_all(struct talk *talks, size_t n, const struct talk_plan *plan);

#endif
