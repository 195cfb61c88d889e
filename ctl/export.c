/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "ctl/commands.h"
#include "ctl/connect.h"
#include "ctl/options.h"
#include "ctl/output.h"
#include "ctl/row.h"
#include "ctl/say.h"
#include "ctl/words.h"
#include "lib/buf.h"
#include "lib/memberlist.h"

/* One line: zone pattern[,pattern] [name=value]... (read again by --from). */
static void
print_line(struct output *o, const char *zone, const struct props *props,
    struct buf *line)
{
	buf_reset(line);
	buf_puts(line, zone[0] == '#' ? "\\" : ""); /* no comment */
	buf_puts(line, zone);
	buf_puts(line, props->groups ? " " : " -");
	for (const struct props_group *g = props->groups; g; g = g->next) {
		buf_puts(line, g == props->groups ? "" : ",");
		if (g->size == 1 && g->data[0] == '-' && !g->next)
			buf_puts(line, "\\"); /* a pattern of that name */
		words_encode_item(g->data, g->size, line);
	}
	for (const struct props_param *p = props->params; p; p = p->next) {
		buf_puts(line, " ");
		buf_put(line, p->name.data, p->name.size);
		buf_puts(line, "=");
		words_encode(p->value, p->size, line);
	}
	output_line(o, buf_text(line));
}

static void
print_row(struct output *o, const char *zone, const struct props *props)
{
	struct row_props cells;
	row_props_init(&cells, props);
	const struct cell row[] = {cell_text(zone), cells.patterns, cells.params};
	output_row(o, row);
	row_props_fini(&cells);
}

static void
print_members(const struct ctl *ctl, const struct memberlist *members, size_t *n_cut)
{
	static const struct column columns[] = {
	    {"zone", NULL, CELL_TEXT, false},
	    {"pattern", NULL, CELL_LIST, false},
	    {"parameters", NULL, CELL_MAP, false},
	};
	char zone_text[DNAME_TEXT_MAX];
	struct dname zone;
	struct buf line;
	buf_init(&line, 0);
	if (ctl->opt->json)
		output_table(ctl->out, "zones", columns, 3);
	for (size_t i = 0; i < members->n; i++) {
		const struct memberlist_entry *m = &members->items[i];
		memberlist_entry_zone(m, &zone);
		dname_print_short(&zone, zone_text);
		if (ctl->opt->json)
			print_row(ctl->out, zone_text, &m->props);
		else
			print_line(ctl->out, zone_text, &m->props, &line);
		*n_cut += m->n_other > 0;
	}
	if (ctl->opt->json)
		output_table_end(ctl->out);
	buf_fini(&line);
}

enum exit_status
export_run(struct ctl *ctl)
{
	struct session s;
	struct memberlist members = {0};
	char count[SAY_COUNT_MAX];
	size_t n_cut = 0;
	enum exit_status rc = connect_open(&s, ctl);
	if (!rc && connect_read_members(&s, &members)) {
		say_error("%s", s.error);
		rc = EXIT_FAILED;
	}
	if (!rc)
		print_members(ctl, &members, &n_cut);
	if (n_cut > 0)
		say_error("%s with properties this format cannot say (several strings "
			  "in one, change of ownership, ext properties of others)",
		    say_count(n_cut, "zone", count));
	memberlist_fini(&members);
	session_close(&s);
	return rc;
}
