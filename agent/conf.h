/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_CONF_H
#define AGENT_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/backend/backend.h"
#include "agent/deploy/deploy.h"
#include "agent/health/health.h"
#include "agent/net/net.h"
#include "agent/proto/proto.h"
#include "agent/store/store.h"
#include "lib/addr.h"
#include "lib/dname.h"
#include "lib/err.h"
#include "lib/key.h"
#include "lib/log.h"
#include "lib/settings.h"
#include "lib/tls.h"

/*
 * nsherd.conf: one file into one struct, from which every room gets the small
 * struct of its own. All faults are kept, not the first alone; a struct with
 * faults is for printing them and nothing else.
 */

struct conf_line {
	char *section, *name, *value;
	unsigned line;
};

struct conf_key {
	struct dname name;
	char *algorithm, *secret, *file;
	unsigned rights; /* of enum right */
	struct dname *zones;
	size_t n_zones;
	char **patterns;
	size_t n_patterns;
	unsigned long max_rate, max_connections, max_transfers; /* 0: no limit */
	struct key *key; /* NULL: a fault said why */
	unsigned line;   /* of the section's first setting; here and below */
};

/* ADDRESS[@PORT] [key NAME] [tls NAME] */
struct conf_remote {
	struct remote remote;
	struct key *key; /* borrowed from the ring; NULL: none */
	unsigned line;
};

struct conf_catalog {
	char label[64];
	bool is_follower;
	struct conf_remote *primaries, *notify;
	size_t n_primaries, n_notify;
	unsigned long max_records;
	bool has_name;
	struct dname name;
	char default_pattern[64];
	struct dname *accept_zones;
	size_t n_accept_zones;
	unsigned purge_after_s, apply_delay_s, max_lock_s;
	struct limit limit;            /* its heirs are set by conf_wire() */
	unsigned long max_transaction; /* records */
	uint8_t nr;                    /* set by conf_wire() */
	unsigned line;
};

struct conf_backend {
	char name[64];
	char driver_name[32];
	const struct backend_driver *driver; /* NULL: a fault said why */
	char **catalog_labels;               /* none: all */
	size_t n_catalog_labels;
	char *zone_dir, *config_dir;
	bool has_probe, has_probe_key;
	struct addr probe;
	struct dname probe_key;
	unsigned long probe_rate, apply_rate, max_variants, max_transfers;
	unsigned probe_interval_s, transfer_patience_s;
	bool reconfig_hold;
	struct backend_option *options; /* the driver's own */
	size_t n_options;
	uint8_t *catalog_nrs; /* set by conf_wire() */
	size_t n_catalog_nrs;
	unsigned line;
};

struct conf {
	char *path;
	char name[64]; /* of the agent */
	struct addr *listen;
	size_t n_listen;
	bool listen_is_default;
	struct addr *listen_tls;
	size_t n_listen_tls;
	char *tls_cert, *tls_key, *tls_client_ca, *tls_ca;
	struct addr *metrics; /* none: nothing is published */
	size_t n_metrics;
	char *state_dir, *pattern_dir;
	char *health_file; /* NULL: health, in state_dir */
	struct health_conf health;
	enum log_level log;
	struct conf_key **keys;
	size_t n_keys;
	struct conf_catalog **catalogs;
	size_t n_catalogs;
	struct conf_backend **backends;
	size_t n_backends;
	struct keyring *ring; /* every key */

	struct conf_line *lines; /* all, as read; values of keys wiped when freed */
	size_t n_lines, lines_room;
	struct err_where *faults;
	size_t n_faults, faults_room;

	/* Made from the above: the keys of proto by conf_load(), the rest by
	 * conf_wire(). */
	struct proto_conf proto;
	struct deploy_backend_conf *deploy;
};

/*
 * Read and check the file; *conf is made in any case. ERR_INVALID: it has
 * faults. Looks at no other file but those of keys.
 */
NODISCARD enum err conf_load(const char *path, struct conf **conf);
void conf_free(struct conf *conf); /* takes NULL */

/*
 * The rest of what `nsherdd -t` looks at: directories, patterns, and what each
 * driver says. Adds to the faults; ERR_INVALID if there are any.
 */
NODISCARD enum err conf_check_all(struct conf *conf);

/*
 * The same for what is no fault, but likely to become one, such as a directory that
 * the server cannot read. A line at a time.
 */
typedef void conf_advice_fn(void *arg, const char *text);
void conf_advise(const struct conf *conf, conf_advice_fn *fn, void *arg);

/* The n-th fault in order of lines, as `file:line: text` or as much of it as
 * there is; free it. NULL past the last. */
char *conf_fault_text(const struct conf *conf, size_t n);

/* -- for the rooms, which copy what they keep ------------------------------------ */

void conf_get_store(const struct conf *conf, struct store_conf *store);
/* Without the certificates. */
void conf_get_net(const struct conf *conf, struct net_conf *net);
/* Where the verdict on its health goes; free it. */
char *conf_health_file(const struct conf *conf);
/* Is anybody asked or told over TLS? */
bool conf_calls_tls(const struct conf *conf);
/* To listen with, and to ask others with. */
void conf_get_tls_server(const struct conf *conf, struct tls_files *files);
void conf_get_tls_client(const struct conf *conf, struct tls_files *files);
/* Numbers in the store: one for each catalog, one for each backend. Makes the
 * rest of proto, and deploy. started: Unix time. */
void conf_wire(struct conf *conf, const uint8_t *catalog_nrs,
    const uint8_t *backend_nrs, uint64_t started);

/*
 * What cannot change while the agent runs, its name and its state-dir, is in now as
 * it is in old. Calls fn for each that the file has otherwise; line 0: not at all.
 */
typedef void conf_fixed_fn(void *arg, const char *name, unsigned line);
void conf_keep_fixed(struct conf *now, const struct conf *old, conf_fixed_fn *fn,
    void *arg);

/* Add a fault of what a setting of [agent] names, at the line of the setting. */
void conf_fault_in(struct conf *conf, const char *setting,
    const struct err_where *where);
/* At that of the file which is wrong. */
void conf_fault_tls(struct conf *conf, const struct err_where *where);

/* -- between conf.c, conf_read.c and conf_check.c ------------------------------ */

PRINTF(3, 4)
void conf_fault(struct conf *conf, unsigned line, const char *fmt, ...);
void conf_fault_at(struct conf *conf, const struct err_where *where);
/* Reads all lines into the struct. */
void conf_read(struct conf *conf);
/* What only shows when everything was read. */
void conf_check(struct conf *conf);
/* The [backend] section as its driver is given it; keys and options borrowed. */
void conf_get_backend(const struct conf *conf, const struct conf_backend *b,
    struct backend_conf *out);

#endif
