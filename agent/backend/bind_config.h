/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_BACKEND_BIND_CONFIG_H
#define AGENT_BACKEND_BIND_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/backend/backend.h"
#include "agent/backend/textset.h"
#include "lib/dname.h"
#include "lib/err.h"
#include "lib/key.h"

/* named.conf with all it includes, as named-checkconf understands it. */

struct bind_config_key {
	char *name, *algorithm, *secret; /* as printed; NULL: not said */
};

struct bind_config {
	char *text; /* printed; it holds secrets */
	size_t size;
	char directory[600], nzd_dir[600];
	bool new_zones;   /* allow-new-zones, or catalog-zones, which imply it */
	bool hides_zones; /* zone-statistics none */
	bool statistics, controls, has_view;
	/* "key NAME", "policy NAME", "control NAME", in order */
	struct textset names;
	struct bind_config_key *keys;
	size_t n_keys, keys_room;
};

/* Who asks: what its tool runs need. */
struct bind_config_reader {
	const char *path; /* of named.conf */
	const char *view; /* "": none */
	int cancel_fd;
	unsigned timeout_ms;
};

/* ERR_INVALID: it does not pass the check, why has the first fault; ERR_IO,
 * ERR_TIMEOUT, ERR_CANCELED. Nothing to free unless OK. */
NODISCARD enum err bind_config_read(const struct bind_config_reader *r,
    struct bind_config *c, struct backend_error *why);
void bind_config_fini(struct bind_config *c);

bool bind_config_has(const struct bind_config *c, const char *kind, const char *name);
/* For names of keys: "key", "control". */
bool bind_config_has_name(const struct bind_config *c, const char *kind,
    const struct dname *name);

/* Is there a TSIG key of that name? ERR_NOTFOUND: no; OK: the very same; ERR_EXISTS:
 * one with another algorithm or secret. */
NODISCARD enum err bind_config_find_key(const struct bind_config *c,
    const struct key *key);

/* Would named take these zone statements? As above; ERR_INVALID: no. */
NODISCARD enum err bind_config_try(const struct bind_config_reader *r,
    const struct bind_config *c, const char *zones, struct backend_error *why);

/*
 * A file of the configuration, but for those in the directory skip, that is newer
 * than ms (Unix time). Free the result; NULL: none. *included: a file include is
 * one of them.
 */
char *bind_config_newer(const char *path, const char *directory, const char *skip,
    int64_t ms, const char *include, bool *included);

#endif
