/* SPDX-License-Identifier: BSD-2-Clause */
#include "ctl/row.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/mem.h"
#include "lib/observed.h"

#define N(array) (sizeof(array) / sizeof(*(array)))

static const struct row_key zone_keys[] = {
    {{"zone", "ZONE", CELL_TEXT, false}, NULL},
    {{"backend", "BACKEND", CELL_TEXT, false}, "backend"},
    {{"state", "STATE", CELL_STATE, false}, "state"},
    {{"serial", "SERIAL", CELL_NUMBER, false}, "serial"},
    {{"pattern", "PATTERN", CELL_TEXT, false}, "pattern"},
    {{"since", "SINCE", CELL_TIME, false}, "since"},
    {{"seen", NULL, CELL_TIME, false}, "seen"},
    {{"held", "HELD", CELL_TEXT, true}, "held"},
    {{"step", NULL, CELL_NUMBER, false}, "step"},
    {{"id", NULL, CELL_TEXT, false}, "id"},
    {{"by", NULL, CELL_TEXT, false}, "by"},
    {{"last_command", NULL, CELL_TEXT, false}, "last-command"},
    {{"error", "ERROR", CELL_TEXT, true}, "error"},
};

static const struct row_key zone_backend_keys[] = {
    {{"backend", "BACKEND", CELL_TEXT, false}, "backend"},
    {{"state", "STATE", CELL_STATE, false}, "state"},
    {{"serial", "SERIAL", CELL_NUMBER, false}, "serial"},
    {{"pattern", "PATTERN", CELL_TEXT, false}, "pattern"},
    {{"since", "SINCE", CELL_TIME, false}, "since"},
    {{"seen", "SEEN", CELL_TIME, false}, "seen"},
    {{"by", "BY", CELL_TEXT, false}, "by"},
    {{"last_command", "LAST COMMAND", CELL_TEXT, true}, "last-command"},
    {{"error", "ERROR", CELL_TEXT, true}, "error"},
};

static const struct row_key backend_keys[] = {
    {{"backend", "BACKEND", CELL_TEXT, false}, NULL},
    {{"driver", "DRIVER", CELL_TEXT, false}, "driver"},
    {{"server", "SERVER", CELL_TEXT, false}, "server"},
    {{"state", "STATE", CELL_STATE, false}, "state"},
    {{"applied", "APPLIED", CELL_NUMBER, false}, "applied"},
    {{"serving", "SERVING", CELL_NUMBER, false}, "serving"},
    {{"pending", "PENDING", CELL_NUMBER, false}, "pending"},
    {{"failed", "FAILED", CELL_NUMBER, false}, "failed"},
    {{"conflict", "CONFLICT", CELL_NUMBER, true}, "conflict"},
    {{"unassigned", "UNASSIGNED", CELL_NUMBER, true}, "unassigned"},
    {{"held", "HELD", CELL_NUMBER, true}, "held"},
    {{"removing", "REMOVING", CELL_NUMBER, true}, "removing"},
    {{"queue", "QUEUE", CELL_NUMBER, false}, "queue"},
    {{"last_command", NULL, CELL_TEXT, false}, "last-command"},
    {{"error", "ERROR", CELL_TEXT, true}, "error"},
};

static const struct row_key pattern_keys[] = {
    {{"pattern", "PATTERN", CELL_TEXT, false}, NULL},
    {{"hash", "HASH", CELL_TEXT, false}, "hash"},
    {{"zones", "ZONES", CELL_NUMBER, false}, "zones"},
    {{"role", "ROLE", CELL_TEXT, false}, "role"},
    {{"zonefile", NULL, CELL_TEXT, false}, "zonefile"},
    {{"dnssec", "DNSSEC", CELL_TEXT, false}, "dnssec"},
    {{"usable", "USABLE", CELL_TEXT, false}, "usable"},
    {{"error", "ERROR", CELL_TEXT, true}, "error"},
};

static const struct row_key held_keys[] = {
    {{"zone", "ZONE", CELL_TEXT, false}, NULL},
    {{"held", "HELD", CELL_TEXT, false}, "held"},
    {{"step", "STEP", CELL_NUMBER, false}, "step"},
    {{"since", "SINCE", CELL_TIME, false}, "since"},
    {{"by", "BY", CELL_TEXT, false}, "by"},
    {{"id", NULL, CELL_TEXT, false}, "id"},
};

const struct row_table row_zones = {"zones", zone_keys, N(zone_keys)};
const struct row_table row_zone_backends = {"backends", zone_backend_keys,
    N(zone_backend_keys)};
const struct row_table row_backends = {"backends", backend_keys, N(backend_keys)};
const struct row_table row_patterns = {"patterns", pattern_keys, N(pattern_keys)};
const struct row_table row_held = {"zones", held_keys, N(held_keys)};

void
row_begin(struct output *o, const struct row_table *t,
    struct column columns[static ROW_COLUMNS_MAX])
{
	assert(t->n <= ROW_COLUMNS_MAX);
	for (size_t i = 0; i < t->n; i++)
		columns[i] = t->keys[i].column;
	output_table(o, t->name, columns, t->n);
}

void
row_print(struct output *o, const struct row_table *t, const char *name,
    const struct rr *rr)
{
	char values[ROW_COLUMNS_MAX][OBSERVED_VALUE_MAX];
	struct cell cells[ROW_COLUMNS_MAX];
	for (size_t i = 0; i < t->n; i++) {
		const struct row_key *k = &t->keys[i];
		const char *text = k->key ? observed_get(rr, k->key, values[i]) : name;
		bool number =
		    k->column.kind == CELL_NUMBER || k->column.kind == CELL_TIME;
		cells[i] = number ? cell_digits(text) : cell_text(text);
	}
	output_row(o, cells);
}

/* -- members --------------------------------------------------------------- */

void
row_props_init(struct row_props *r, const struct props *props)
{
	size_t n_groups = 0, n_params = 0, i = 0;
	for (const struct props_group *g = props->groups; g; g = g->next)
		n_groups++;
	for (const struct props_param *p = props->params; p; p = p->next)
		n_params++;
	r->items = mem_zalloc((n_groups + n_params + 1) * sizeof(*r->items));
	for (const struct props_group *g = props->groups; g; g = g->next)
		r->items[i++] =
		    (struct cell_item){.value = g->data, .value_size = g->size};
	for (const struct props_param *p = props->params; p; p = p->next)
		r->items[i++] = (struct cell_item){
		    .name = p->name.data,
		    .name_size = p->name.size,
		    .value = p->value,
		    .value_size = p->size,
		};
	r->patterns = cell_items(r->items, n_groups);
	r->params = cell_items(r->items + n_groups, n_params);
}

void
row_props_fini(struct row_props *r)
{
	free(r->items);
	r->items = NULL;
}

char *
row_id(const uint8_t *id, size_t size, char out[static DNAME_TEXT_MAX])
{
	struct label label = {.size = (uint8_t)size};
	struct dname name;
	memcpy(label.data, id, size);
	if (size == 0 || dname_prepend(&label, &dname_root, &name))
		name = dname_root; /* cannot be: it was a label before */
	return dname_print_short(&name, out);
}
