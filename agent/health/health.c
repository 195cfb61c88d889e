/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/health/health.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum verdict { GOOD, UNKNOWN, BAD };

const char *
health_state_str(enum health_state state)
{
	switch (state) {
	case HEALTH_UNKNOWN: return "unknown";
	case HEALTH_OK: return "ok";
	case HEALTH_DEGRADED: return "degraded";
	}
	return "unknown";
}

/* Does it answer? Without a probe all that can be said is whether the driver finds
 * it. */
static enum verdict
judge_answers(const struct health_backend *b, char *reason)
{
	if (b->has_probe && !b->is_asked)
		return UNKNOWN;
	if (b->has_probe && b->silent_us != 0) {
		snprintf(reason, HEALTH_REASON_MAX, "backend %s does not answer",
		    b->name);
		return BAD;
	}
	if (b->has_probe || strcmp(b->control, "up") == 0)
		return GOOD;
	if (strcmp(b->control, "down") != 0)
		return UNKNOWN;
	snprintf(reason, HEALTH_REASON_MAX, "backend %s is down", b->name);
	return BAD;
}

static enum verdict
judge_zones(const struct health_conf *conf, const struct health_backend *b,
    char *reason)
{
	uint64_t n = b->n_serving + b->n_lost;
	if (!b->is_known)
		return UNKNOWN;
	if (b->n_serving * 100 >= n * conf->min_serving)
		return GOOD;
	snprintf(reason, HEALTH_REASON_MAX,
	    "backend %s serves %" PRIu64 " of the %" PRIu64 " zones that it served",
	    b->name, b->n_serving, n);
	return BAD;
}

/* Of all: the worst. *since_us: from when on it is bad. */
static enum verdict
judge_all(const struct health_conf *conf, const struct health_backend *backends,
    size_t n, uint64_t now_us, uint64_t *since_us, char *reason)
{
	enum verdict worst = GOOD;
	*since_us = now_us;
	for (size_t i = 0; i < n; i++) {
		const struct health_backend *b = &backends[i];
		char why[HEALTH_REASON_MAX] = "";
		enum verdict v = judge_answers(b, why);
		if (v == BAD && b->silent_us != 0 && b->silent_us < *since_us)
			*since_us = b->silent_us;
		if (v != BAD) {
			enum verdict zones = judge_zones(conf, b, why);
			v = zones > v ? zones : v;
		}
		if (v == BAD && worst != BAD)
			memcpy(reason, why, sizeof(why));
		worst = v > worst ? v : worst;
	}
	return worst;
}

static bool
turn(struct health *h, enum health_state state, uint64_t now_unix, const char *reason)
{
	bool is_news = h->state != state || strcmp(h->reason, reason) != 0;
	if (h->state != state)
		h->since = now_unix;
	h->state = state;
	snprintf(h->reason, sizeof(h->reason), "%s", reason);
	return is_news;
}

bool
health_judge(struct health *h, const struct health_conf *conf,
    const struct health_backend *backends, size_t n, uint64_t now_us, uint64_t now_unix)
{
	char reason[HEALTH_REASON_MAX] = "";
	uint64_t since_us;
	enum verdict v = judge_all(conf, backends, n, now_us, &since_us, reason);
	if (v != BAD)
		h->bad_us = 0;
	else if (h->bad_us == 0)
		h->bad_us = since_us;
	if (v != GOOD)
		h->good_us = 0;
	else if (h->good_us == 0)
		h->good_us = now_us;
	if (v == BAD &&
	    (h->state == HEALTH_DEGRADED ||
		now_us - h->bad_us >= conf->down_after_s * UINT64_C(1000000)))
		return turn(h, HEALTH_DEGRADED, now_unix, reason);
	/* What was never degraded need not prove itself. */
	if (v == GOOD &&
	    (h->state != HEALTH_DEGRADED ||
		now_us - h->good_us >= conf->up_after_s * UINT64_C(1000000)))
		return turn(h, HEALTH_OK, now_unix, "");
	return false;
}
