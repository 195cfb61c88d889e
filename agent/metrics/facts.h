/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_METRICS_FACTS_H
#define AGENT_METRICS_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/store/status.h"
#include "lib/dname.h"

/*
 * What the agent publishes of itself, as of one moment: plain data, from which the
 * metrics and the page are written. Counters are not in it: lib/counters.
 */

enum { FACTS_PROBLEMS_MAX = 50 };

struct facts_catalog {
	uint8_t nr; /* in the store, as counters are kept by */
	char label[64];
	char zone[DNAME_TEXT_MAX];
	bool is_follower;
	uint32_t serial;
	uint64_t n_members;
	char state[16];       /* valid, broken, expired, none */
	char primary[64];     /* of a follower: last asked */
	uint64_t refreshed_s; /* of a follower: Unix time; 0: never */
	char error[200];
	/* the guard */
	bool is_guarded, is_holding;
	uint64_t held, used, limit;
	unsigned window_s;
};

struct facts_backend {
	uint8_t nr; /* the same */
	char name[64];
	char driver[16];
	char server[64]; /* product and version; "": not known */
	char state[16];  /* up, starting, down */
	char error[200];
	bool is_asked; /* by the prober, so that the next is known */
	bool answers;
	uint64_t queue;
};

/* What one backend makes of one catalog. */
struct facts_share {
	size_t backend, catalog; /* their places in the lists */
	bool has_applied;
	uint32_t applied;
	uint64_t zones[ZONE_REMOVING + 1];
	uint64_t faults[FAULT_EXPIRED + 1];
};

struct facts_problem {
	char what[DNAME_TEXT_MAX + 80]; /* such as "zone shop.example on nsd1" */
	char state[16];                 /* "": it has none */
	char text[256];
	uint64_t since_s; /* Unix time; 0: not known */
};

struct facts {
	bool is_complete; /* false: the store could not be read */
	char agent[64];
	char version[32];
	uint64_t started_s, now_s; /* Unix time */
	char health[16];           /* ok, degraded, unknown */
	char health_reason[200];
	uint64_t health_since_s;
	struct facts_catalog *catalogs;
	size_t n_catalogs;
	struct facts_backend *backends;
	size_t n_backends;
	struct facts_share *shares;
	size_t n_shares;
	struct facts_problem *problems;
	size_t n_problems;
	bool has_more_problems;
	/* the store */
	uint64_t disk_free, catalog_used, status_used, map_size; /* bytes */
	uint64_t catalog_queued, status_queued;                  /* jobs */
	uint64_t log_seq;
	int64_t cert_expires_s; /* Unix time; 0: no certificate */
};

void facts_init(struct facts *f);
void facts_fini(struct facts *f);

/* Of each thing the first one; after FACTS_PROBLEMS_MAX only that there are more. */
void facts_add_problem(struct facts *f, const struct facts_problem *p);

#endif
