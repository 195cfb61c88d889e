/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_HEALTH_HEALTH_H
#define AGENT_HEALTH_HEALTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Are this machine's name servers fit to be asked? A fact for the operator's own
 * health check; the agent announces and withdraws nothing. A verdict changes only
 * after it has been another one for a while without a break.
 *
 * What counts is whether a server answers, and whether it serves what it has served.
 * Never counted, for it may be the same on every node at once: an upstream that is
 * away, broken or expired, secondaries that expired with their primary, zones that
 * were never served yet, and whether the agent reaches a server's control channel.
 */

enum { HEALTH_BACKENDS_MAX = 256, HEALTH_REASON_MAX = 200 };

enum health_state {
	HEALTH_UNKNOWN, /* since the first start nothing is known yet */
	HEALTH_OK,
	HEALTH_DEGRADED,
};

const char *health_state_str(enum health_state state);

struct health_conf {
	unsigned down_after_s, up_after_s;
	unsigned min_serving; /* percent */
};

/* How one backend is, as struct deploy_vital. */
struct health_backend {
	char name[64];
	char control[16]; /* up, starting, down */
	bool has_probe, is_asked, is_known;
	uint64_t silent_us;
	uint64_t n_serving, n_lost, n_expired;
};

struct health {
	enum health_state state;
	uint64_t since;                 /* Unix time */
	char reason[HEALTH_REASON_MAX]; /* why it is degraded, else "" */
	/* Monotonic: since when the facts say so without a break; 0: they do not. */
	uint64_t good_us, bad_us;
};

/*
 * The verdict on these facts, at that time. What is not known yet, after a start,
 * leaves everything as it was. Returns whether state or reason changed.
 */
bool health_judge(struct health *h, const struct health_conf *conf,
    const struct health_backend *backends, size_t n, uint64_t now_us,
    uint64_t now_unix);

#endif
