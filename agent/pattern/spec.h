/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_PATTERN_SPEC_H
#define AGENT_PATTERN_SPEC_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/pattern/value.h"
#include "lib/err.h"
#include "lib/key.h"
#include "lib/settings.h"

/* What one pattern file says, before and after `extends` is followed. */

enum spec_list_key {
	SPEC_PRIMARIES,
	SPEC_NOTIFY,
	SPEC_ALLOW_NOTIFY,
	SPEC_ALLOW_TRANSFER,
	SPEC_N_LISTS
};

/* Where a value stands. file is borrowed from the spec it was read for. */
struct spec_place {
	const char *file;
	unsigned line;
};

struct spec_text {
	char *value; /* NULL: not given */
	struct spec_place at;
};

struct spec_list {
	bool given;
	struct remote_list remotes;
	struct spec_place at;
};

struct spec_param {
	char *name;
	bool has_type;
	enum value_type type;
	char *fallback; /* default: canonical once the spec was checked; or NULL */
	bool required;
	struct spec_place at;
};

struct spec_option {
	char *driver, *text;
	struct spec_place at;
};

struct spec {
	char *file; /* path */
	struct spec_text role, zonefile, initial_file, dnssec, extends, description;
	struct spec_list lists[SPEC_N_LISTS];
	struct spec_param *params;
	size_t n_params;
	struct spec_option *options;
	size_t n_options;
	/* filled in by spec_finish */
	enum settings_role role_value;
	char *template; /* text of the initial file, or NULL */
};

void spec_init(struct spec *spec, const char *file);
void spec_fini(struct spec *spec);

/* "primaries", "notify", "allow-notify", "allow-transfer". */
const char *spec_list_name(enum spec_list_key key);
/* SPEC_N_LISTS: it is none. */
enum spec_list_key spec_list_find(const char *name);

/* Reads spec->file. Keys must be in ring (NULL: not checked). */
NODISCARD enum err spec_read(struct spec *spec, const struct keyring *ring,
    struct err_where *where);
/* The same from memory. */
NODISCARD enum err spec_parse(struct spec *spec, const char *text, size_t size,
    const struct keyring *ring, struct err_where *where);

/* Take from parent, which was itself finished with its parents, what spec does
 * not say; lists and the options of a section as a whole. Copies. */
void spec_inherit(struct spec *spec, const struct spec *parent);

/* The checks that need the whole: role, parameters, file names; reads the
 * template, which is relative to dir. */
NODISCARD enum err spec_finish(struct spec *spec, const char *dir,
    const struct keyring *ring, struct err_where *where);

/* The zonefile, or what it is when none is given. */
const char *spec_zonefile(const struct spec *spec);

/* 8 hex digits over all that has an effect. */
void spec_version(const struct spec *spec, char version[static 9]);

const struct spec_param *spec_param_find(const struct spec *spec, const char *name);

#endif
