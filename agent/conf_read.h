/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_CONF_READ_H
#define AGENT_CONF_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/conf.h"
#include "lib/inifile.h"

/*
 * Reading nsherd.conf, line by line: conf_read.c follows the sections,
 * conf_set.c has a table of settings for each, conf_value.c parses values.
 * What a value alone can have wrong is said there; what shows only in the whole
 * file, in conf_check.c.
 */

struct conf_reader {
	struct conf *conf;
	unsigned line;
	const char *name;                    /* of the setting at hand */
	char *section;                       /* the one being read, or NULL */
	size_t section_start;                /* its first line in conf->lines */
	const struct conf_setting *settings; /* NULL: a section nobody knows */
	/* The last of its kind, for the section being read. */
	struct conf_key *key;
	struct conf_catalog *catalog;
	struct conf_backend *backend;
};

struct conf_setting {
	const char *name; /* NULL ends a table */
	void (*set)(struct conf_reader *r, const char *value);
	bool repeats; /* and appends */
};

extern const struct conf_setting conf_agent_settings[], conf_key_settings[],
    conf_catalog_settings[], conf_backend_settings[];

/* Where [agent] sets it; 0: nowhere. */
unsigned conf_line_of(const struct conf *conf, const char *name);
/* Defaults that are not zero. */
void conf_set_health_defaults(struct health_conf *h);
void conf_set_catalog_defaults(struct conf_catalog *c);
void conf_set_backend_defaults(struct conf_backend *b);

/* -- values: each notes a fault at the reader's line, if there is one ---------- */

void conf_value_fault(struct conf_reader *r, const char *what, const char *value);
/* a-z, 0-9, - and _, at most 63: lower case, as names in records are. Never just
 * "-", which means "none" there. */
bool conf_value_is_plain_name(const char *text);
void conf_value_text(struct conf_reader *r, char **out, const char *value);
void conf_value_directory(struct conf_reader *r, char **out, const char *value);
void conf_value_number(struct conf_reader *r, unsigned long *out, unsigned long min,
    unsigned long max, const char *value);
void conf_value_duration(struct conf_reader *r, unsigned *out, const char *value);
/* fn is called with the reader. */
void conf_value_each(struct conf_reader *r, const char *value, bool blanks,
    inifile_item_fn *fn);
bool conf_value_address(struct conf_reader *r, const char *text, uint16_t port,
    struct addr *addr);
void conf_value_add_zone(struct conf_reader *r, const char *text, struct dname **zones,
    size_t *n);
void conf_value_add_text(const char *text, char ***texts, size_t *n);

#endif
