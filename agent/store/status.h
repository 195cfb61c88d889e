/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_STORE_STATUS_H
#define AGENT_STORE_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/store/store.h"
#include "lib/dname.h"

/*
 * What was observed: the state of each zone on each backend, the retry table,
 * and a line for each backend and pattern. All in STORE_STATUS. `pending` is
 * never written: a member without a state record, or with one of another id or
 * of an older seq, is pending.
 */

enum zone_state {
	ZONE_PENDING = 0,
	ZONE_APPLIED,    /* the backend took the configuration */
	ZONE_SERVING,    /* the backend answered: AA, NOERROR, SOA owner = zone */
	ZONE_FAILED,     /* error says why; retried */
	ZONE_CONFLICT,   /* the backend has that zone and it is not ours */
	ZONE_UNASSIGNED, /* no usable pattern */
	ZONE_HELD,       /* the guard holds its removal */
	ZONE_REMOVING,   /* removal sent or waiting, not yet seen gone */
};

const char *zone_state_str(enum zone_state state);

/* What became of a zone that was served and is not any more. */
enum zone_fault {
	FAULT_NONE = 0,
	FAULT_LOST,    /* the server does not serve it */
	FAULT_EXPIRED, /* a secondary the server has, but has no valid data of */
};

struct zone_status {
	uint8_t catalog, backend;
	struct dname zone;
	struct label id;
	enum zone_state state;
	uint64_t seq; /* work log entry this state answers to */
	bool has_serial;
	uint32_t serial;   /* SOA serial as answered by the backend */
	uint64_t seen;     /* Unix time of that answer; 0: never */
	uint64_t since;    /* Unix time this state was entered */
	uint64_t retry_at; /* Unix time in ms; 0: no retry */
	uint32_t tries;
	enum zone_fault fault; /* until it is served again */
	char pattern[64];
	char command[200]; /* the last verb and its outcome, or "" */
	char error[200];
};

NODISCARD enum err status_get(struct store_txn *txn, uint8_t catalog,
    const struct dname *zone, uint8_t backend, struct zone_status *s);
/* Keeps the retry table, the counts and the status serial. One that says what is
 * stored already changes nothing. The state is not ZONE_PENDING: asserted. */
void status_put(struct store_txn *txn, const struct zone_status *s);
void status_del(struct store_txn *txn, uint8_t catalog, const struct dname *zone,
    uint8_t backend);

/* In canonical order of zone, then backend, after (zone, backend); after NULL:
 * from the first. */
typedef enum err status_visit_fn(void *arg, const struct zone_status *s);
NODISCARD enum err status_each(struct store_txn *txn, uint8_t catalog,
    const struct dname *after, uint8_t after_backend, size_t max,
    status_visit_fn *visit, void *arg);

/* Zones of a backend whose retry_at has come, earliest first. */
NODISCARD enum err status_each_due(struct store_txn *txn, uint8_t backend,
    uint64_t now_ms, size_t max, status_visit_fn *visit, void *arg);
/* Those whose retry_at is later than that. */
NODISCARD enum err status_each_later(struct store_txn *txn, uint8_t backend,
    uint64_t after_ms, size_t max, status_visit_fn *visit, void *arg);
/* When the earliest of them all is; ERR_NOTFOUND: none. */
NODISCARD enum err status_next_due(struct store_txn *txn, uint8_t backend,
    uint64_t *at_ms);

struct status_counts {
	uint64_t by_state[ZONE_REMOVING + 1]; /* ZONE_PENDING stays 0 */
	uint64_t by_fault[FAULT_EXPIRED + 1]; /* FAULT_NONE stays 0 */
};
NODISCARD enum err status_count(struct store_txn *txn, uint8_t backend, uint8_t catalog,
    struct status_counts *c);
/* Zones with that pattern on the backend. */
NODISCARD enum err status_count_pattern(struct store_txn *txn, uint8_t backend,
    const char *pattern, uint64_t *n);

struct backend_status {
	uint8_t backend;
	char name[64];
	char driver[16];
	char server[64]; /* product and version, "" unknown */
	char state[16];  /* up, starting, down */
	char error[200];
	uint64_t seq;      /* work log reached */
	char command[200]; /* the last verb for all zones and its outcome, or "" */
};

NODISCARD enum err status_get_backend(struct store_txn *txn, uint8_t backend,
    struct backend_status *b);
void status_put_backend(struct store_txn *txn, const struct backend_status *b);
void status_del_backend(struct store_txn *txn, uint8_t backend);

struct pattern_status {
	char name[64];
	char hash[17];
	char usable[200]; /* "nsd1:yes knot1:no" */
	/* What cannot change without a gap in service: key=value, a line each. */
	char service[400];
	char error[200];
};

void status_put_pattern(struct store_txn *txn, const struct pattern_status *p);
void status_del_pattern(struct store_txn *txn, const char *name);
typedef enum err status_pattern_fn(void *arg, const struct pattern_status *p);
NODISCARD enum err status_each_pattern(struct store_txn *txn, status_pattern_fn *visit,
    void *arg);

/* A catalog that is followed. */
struct upstream_status {
	char state[16];     /* valid, broken, expired, none (no version yet) */
	char primary[64];   /* ADDRESS@PORT last asked, or "" */
	uint64_t refreshed; /* Unix time a primary last spoke for it; 0: never */
	char error[200];
};

NODISCARD enum err status_get_upstream(struct store_txn *txn, uint8_t catalog,
    struct upstream_status *u);
void status_put_upstream(struct store_txn *txn, uint8_t catalog,
    const struct upstream_status *u);

/* The agent's own verdict. ERR_NOTFOUND: there is none yet. */
struct health_status {
	char state[16];   /* ok, degraded */
	uint64_t since;   /* Unix time */
	char reason[200]; /* "": none */
};

NODISCARD enum err status_get_health(struct store_txn *txn, struct health_status *h);
void status_put_health(struct store_txn *txn, const struct health_status *h);

/* Grows with every change; jumps ahead after an unclean stop. */
NODISCARD enum err status_version(struct store_txn *txn, uint64_t *version);
/* Have it grow at once, for what no record holds: other words, a time that passed.
 * Recorded soon, so that it stays grown after the next start. */
void status_touch(struct store *store);

#endif
