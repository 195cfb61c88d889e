/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CTL_ROW_H
#define CTL_ROW_H

#include <stddef.h>

#include "ctl/output.h"
#include "lib/memberlist.h"
#include "lib/props.h"
#include "lib/rr.h"

/* Rows of tables that more than one command prints. */

enum { ROW_COLUMNS_MAX = 16 };

/* A table of _status records: a column and the key its value stands under. */
struct row_key {
	struct column column;
	const char *key; /* NULL: the name the record belongs to */
};

struct row_table {
	const char *name;
	const struct row_key *keys;
	size_t n;
};

extern const struct row_table row_zones;         /* of status: one zone, one backend */
extern const struct row_table row_zone_backends; /* of show: the same without zone */
extern const struct row_table row_backends;
extern const struct row_table row_patterns;
extern const struct row_table row_held; /* of guard: one zone */

/* columns must live until output_table_end(). */
void row_begin(struct output *o, const struct row_table *t,
    struct column columns[static ROW_COLUMNS_MAX]);
void row_print(struct output *o, const struct row_table *t, const char *name,
    const struct rr *rr);

/* The patterns and parameters of a member as cells; valid until freed. */
struct row_props {
	struct cell_item *items;
	struct cell patterns, params;
};
void row_props_init(struct row_props *r, const struct props *props);
void row_props_fini(struct row_props *r);

/* An id as text. */
char *row_id(const uint8_t *id, size_t size, char out[static DNAME_TEXT_MAX]);

#endif
