/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_PROBE_PROBE_H
#define AGENT_PROBE_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/addr.h"
#include "lib/dname.h"
#include "lib/err.h"
#include "lib/key.h"

/*
 * SOA questions to the backends: one thread with a loop of its own, paced for
 * each target. UDP first (random source port and id), TCP when an answer is
 * truncated or none came. Each question is asked once; whoever asks decides
 * what the answer means and whether to ask again.
 */

enum probe_answer {
	PROBE_SERVING, /* AA, NOERROR, SOA owner = zone; serial is set */
	PROBE_ABSENT,  /* REFUSED, or NOERROR/NXDOMAIN with an SOA of another owner */
	PROBE_FAULT,   /* known but not served: SERVFAIL, not AA, no SOA */
	PROBE_SILENT,  /* no answer, by UDP and TCP */
};

struct probe;
struct probe_target;

struct probe_result {
	struct dname zone;
	enum probe_answer answer;
	uint32_t serial;
	unsigned rcode;
};

/* Called in the probe's thread. Must not block. */
typedef void probe_fn(void *arg, const struct probe_result *result);

NODISCARD enum err probe_start(struct probe **probe);
void probe_stop(struct probe *probe); /* outstanding questions are dropped */

struct probe_target_conf {
	struct addr server;
	struct key *key;     /* or NULL */
	unsigned rate;       /* questions a second; 0: no limit */
	unsigned timeout_ms; /* of one try; 0: 1000 */
	probe_fn *fn;
	void *arg;
};

struct probe_target *probe_add_target(struct probe *probe,
    const struct probe_target_conf *conf);

/*
 * Its questions are dropped, and its function is not called any more once this has
 * returned, which waits for the probe's thread. Nobody may ask it meanwhile, nor
 * afterwards. Not from that function. Takes NULL.
 */
void probe_del_target(struct probe_target *target);

/*
 * Ask once, at or after at_ms (CLOCK_MONOTONIC; 0: now). Any thread. A second
 * question for a zone that is already queued moves it to the earlier time.
 */
void probe_ask(struct probe_target *target, const struct dname *zone, uint64_t at_ms);
/* Questions queued or under way. */
size_t probe_pending(struct probe_target *target);

#endif
