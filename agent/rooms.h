/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_ROOMS_H
#define AGENT_ROOMS_H

#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

#include "agent/store/catalogs.h"
#include "agent/store/store.h"
#include "lib/err.h"

/* What the agent consists of, and the steps from a configuration to it that the
 * start (run.c) and a reload (reload.c) have in common. */

struct conf;
struct pattern_set;
struct proto;
struct net;
struct outward;
struct outward_conf;
struct deploy;
struct telemetry;
struct tls_ctx;

struct rooms {
	uv_loop_t loop;
	bool verbose;
	uint64_t started;  /* Unix time */
	struct conf *conf; /* in force; each room has copied what it keeps of it */
	struct store *store;
	struct pattern_set *patterns; /* NULL: no pattern-dir */
	struct proto *proto;
	struct net *net;         /* NULL: it stops */
	struct outward *outward; /* NULL: it has stopped */
	struct deploy *deploy;
	struct telemetry *telemetry;
};

/* Numbers for every catalog and backend of conf; catalogs that are new are made. For
 * STORE_CATALOG; run is set by rooms_number. */
struct rooms_numbers {
	struct store_job job; /* first */
	const struct conf *conf;
	bool is_reload; /* roles of catalogs that are there change with its commit */
	uint8_t catalogs[CATALOGS_MAX], backends[BACKENDS_MAX];
	struct catalog_head heads[CATALOGS_MAX];
	bool is_new[CATALOGS_MAX];
};

struct rooms_numbers *rooms_numbers_new(const struct conf *conf); /* free() it */
void rooms_log_catalog(const struct rooms_numbers *numbers, size_t n);

/* *set NULL: no pattern-dir. */
NODISCARD enum err rooms_load_patterns(const struct conf *conf, struct err_where *where,
    struct pattern_set **set);
void rooms_log_patterns(const struct conf *conf, const struct pattern_set *set);
/* The certificates to listen with; *tls NULL: there is nothing to. */
NODISCARD enum err rooms_load_tls(const struct conf *conf, struct err_where *where,
    struct tls_ctx **tls);
/* To call others with; *tls NULL: nobody is called by TLS. */
NODISCARD enum err rooms_load_client_tls(const struct conf *conf,
    struct err_where *where, struct tls_ctx **tls);
/* Borrows from conf. */
void rooms_get_outward(const struct conf *conf, struct tls_ctx *tls,
    struct outward_conf *outward);
/* Where the metrics are to be had, a line for each address. */
void rooms_log_metrics(const struct rooms *rooms, const char *subsystem);
/* Of the default addresses ::1 need not be there: nobody asked for it. */
void rooms_drop_missing_ipv6(struct conf *conf);

#endif
