/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_BACKEND_BIND_INCLUDE_H
#define AGENT_BACKEND_BIND_INCLUDE_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/backend/backend.h"
#include "lib/buf.h"
#include "lib/dname.h"
#include "lib/err.h"
#include "lib/key.h"

/*
 * The agent-owned include of named.conf, in memory: the TSIG keys that zones
 * name, and the file of zones where bulk = reconfig. Keys are only ever added:
 * a zone that names a key which is gone does not get its data any more, and a
 * key that no zone names gives nobody any right.
 */

enum { BIND_DIGEST_MAX = 24 };

/* In config-dir. */
extern const char bind_include_name[]; /* "nsherd.conf" */
extern const char bind_bulk_name[];    /* "nsherd-zones.conf" */

struct bind_keyline {
	char *name; /* plain form */
	char *line;
};

struct bind_include {
	struct bind_keyline *keys; /* in order of name */
	size_t n, room;
	bool bulk; /* with the file of zones */
};

void bind_include_init(struct bind_include *inc);
void bind_include_fini(struct bind_include *inc);
void bind_include_copy(struct bind_include *to, const struct bind_include *from);

/* Whatever is good of the text; never fails. */
void bind_include_parse(struct bind_include *inc, const char *text);
/* Keys are printed as the ring has them; those it has no more as they were. */
void bind_include_render(const struct bind_include *inc, const struct keyring *ring,
    const char *config_dir, struct buf *out);
/* Put a key in; it must be in ring, else nothing happens. */
void bind_include_add(struct bind_include *inc, const struct dname *name,
    const struct keyring *ring);
bool bind_include_has(const struct bind_include *inc, const struct dname *name);

#endif
