/* SPDX-License-Identifier: BSD-2-Clause */
#include <fnmatch.h>

#include "ctl/commands.h"
#include "ctl/connect.h"
#include "ctl/options.h"
#include "ctl/output.h"
#include "ctl/row.h"
#include "ctl/say.h"
#include "lib/memberlist.h"

static const struct column columns[] = {
    {"zone", "ZONE", CELL_TEXT, false},
    {"pattern", "PATTERN", CELL_LIST, false},
    {"parameters", "PARAMETERS", CELL_MAP, true},
    {"id", "ID", CELL_TEXT, false},
};

static bool
is_wanted(const char *zone, const struct ctl *ctl)
{
	return ctl->n_args == 0 || fnmatch(ctl->args[0], zone, FNM_CASEFOLD) == 0;
}

static void
print_member(struct output *o, const char *zone, const struct memberlist_entry *m)
{
	struct row_props props;
	char id[DNAME_TEXT_MAX];
	row_props_init(&props, &m->props);
	const struct cell row[] = {cell_text(zone), props.patterns, props.params,
	    cell_text(row_id(m->id, m->id_size, id))};
	output_row(o, row);
	row_props_fini(&props);
}

static void
print_members(const struct ctl *ctl, const struct memberlist *members)
{
	char zone_text[DNAME_TEXT_MAX];
	struct dname zone;
	output_table(ctl->out, "zones", columns, sizeof(columns) / sizeof(*columns));
	for (size_t i = 0; i < members->n; i++) {
		memberlist_entry_zone(&members->items[i], &zone);
		if (is_wanted(dname_print_short(&zone, zone_text), ctl))
			print_member(ctl->out, zone_text, &members->items[i]);
	}
	output_table_end(ctl->out);
}

enum exit_status
list_run(struct ctl *ctl)
{
	struct session s;
	struct memberlist members = {0};
	enum exit_status rc = connect_open(&s, ctl);
	if (!rc && connect_read_members(&s, &members)) {
		say_error("%s", s.error);
		rc = EXIT_FAILED;
	}
	if (!rc) {
		output_field(ctl->out, "catalog", NULL, CELL_TEXT,
		    cell_text(s.catalog_text));
		output_field(ctl->out, "serial", NULL, CELL_NUMBER,
		    cell_number(members.serial));
		print_members(ctl, &members);
	}
	memberlist_fini(&members);
	session_close(&s);
	return rc;
}
