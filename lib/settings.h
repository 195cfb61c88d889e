/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIB_SETTINGS_H
#define LIB_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/addr.h"
#include "lib/dname.h"
#include "lib/err.h"

/*
 * How one zone is to be served: what a pattern and a member's parameters come
 * to. Everything is typed; a driver prints each value with its server's own
 * quoting. Text from a catalog never gets here unparsed.
 */

enum settings_role { ROLE_PRIMARY, ROLE_SECONDARY };

/* ADDRESS[@PORT] [key NAME] [tls NAME] */
struct remote {
	struct addr addr; /* port 0: none was given */
	bool has_key;
	struct dname key;
	char tls[256]; /* name to verify; "": no TLS */
};

struct remote_list {
	struct remote *items;
	size_t n;
};

struct setting_option {
	char *driver; /* "nsd", "knot", "bind", "yadifa", ... */
	char *text;   /* one raw option, as the operator wrote it */
};

struct setting_param {
	char *name;
	char *value; /* checked against its type, printed canonically */
};

/* Immutable once made; shared by reference count, any thread. */
struct settings {
	unsigned refs;    /* atomic; use settings_ref and settings_unref */
	char pattern[64]; /* name of the pattern: [a-z0-9_-] */
	char version[9];  /* hex hash of the pattern as resolved */
	char hash[9];     /* hex hash of the values given by parameters; "0": none */
	enum settings_role role;
	struct remote_list primaries, notify, allow_notify, allow_transfer;
	char *zonefile;     /* with ${zone}; never NULL */
	char *initial_file; /* template text of a new primary's zone file, or NULL */
	char *dnssec;       /* NULL: off; else the name of a policy */
	struct setting_option *options;
	size_t n_options;
	struct setting_param *params;
	size_t n_params;
};

struct settings *settings_new(void);
struct settings *settings_ref(struct settings *s);
void settings_unref(struct settings *s); /* takes NULL */

/* ERR_FORM. An absent port is port_default (0 for "none given"). */
NODISCARD enum err remote_parse(const char *text, uint16_t port_default,
    struct remote *remote);

/* zonefile with ${zone} filled in, relative to the zone directory; never leaves
 * it (patterns with ".." or a leading slash were refused when they were read).
 * Free the result. */
char *settings_zonefile(const struct settings *s, const struct dname *zone);

/*
 * Has each zone a file of its own, that may go with the zone? Only ${zone} in
 * zonefile, as the settings have it, says so: that a file's name looks like the
 * zone's says nothing (zone. in shared.zone).
 */
bool settings_file_is_own(const char *zonefile);
/* What to remember of the file: settings_zonefile if it is the zone's own, else
 * "/", which is no file below a zone directory. Free the result. */
char *settings_file_record(const struct settings *s, const struct dname *zone);
/* Was a file of the zone's own remembered? recorded: of settings_file_record, or
 * "" or NULL, where nothing is known. */
bool settings_record_is_own(const char *recorded);

/*
 * The text of a new primary's zone file: ${zone}, ${serial} and ${<param>} of
 * the template replaced, "@" left alone; ${zone} has no final dot, so that
 * `ns1.${zone}.` can be written. NULL if there is no template. Free it.
 */
char *settings_initial_file(const struct settings *s, const struct dname *zone,
    uint32_t serial);

#endif
