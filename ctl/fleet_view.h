/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CTL_FLEET_VIEW_H
#define CTL_FLEET_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/observed.h"
#include "lib/pool.h"
#include "lib/rr.h"

/*
 * What one agent says of itself, its backends and patterns: the head of _status.C,
 * and whether that is as it should be.
 */

enum { VIEW_BACKENDS_MAX = 250, VIEW_PATTERNS_MAX = 10000 };

/* Texts are of the view's pool; NULL: not told. */
struct view_backend {
	const char *name, *server, *state, *error;
	bool has_applied;
	uint32_t applied;
	uint64_t serving, pending, failed, conflict, unassigned, held, removing, queue;
};

struct view_pattern {
	const char *name, *hash;
};

struct view {
	bool answered; /* the rest is from an answer */
	const char *agent, *version, *role, *catalog, *guard, *health, *error;
	const char *guard_limit;
	const char **reasons; /* of health */
	size_t n_reasons, reasons_room;
	bool has_serial, has_used, has_window, has_since;
	uint32_t serial; /* of C */
	uint64_t held, guard_used, guard_window, guard_since;
	struct view_backend *backends; /* in order of name */
	size_t n_backends, backends_room;
	struct view_pattern *patterns;
	size_t n_patterns, patterns_room;
	struct pool pool;
};

/* Afterwards it is as new. */
void view_fini(struct view *v);

/* A record of _status.C; those of zones are passed over. ERR_RANGE: more backends or
 * patterns than any agent has. */
NODISCARD enum err view_take(struct view *v, enum observed_kind kind,
    const struct dname *name, const struct rr *rr);
/* After the last one. */
void view_end(struct view *v);

/* The reasons of its health as one text, printable. Returns out. */
enum { VIEW_WHY_MAX = 512 };
char *view_reasons(const struct view *v, char out[static VIEW_WHY_MAX]);
/* NULL: there is none. */
const struct view_pattern *view_pattern_find(const struct view *v, const char *name);

/* The agent serves all of the catalog's version `serial` on every backend; if not,
 * why[] says what is missing. An agent without backends only has to have it. */
bool view_is_settled(const struct view *v, uint32_t serial,
    char why[static VIEW_WHY_MAX]);

/* How many versions b (or the agent, if b is NULL) is behind `serial`. ERR_NOTFOUND:
 * nobody told. ERR_RANGE: it is ahead. */
NODISCARD enum err view_lag(const struct view *v, const struct view_backend *b,
    uint32_t serial, uint32_t *lag);

#endif
