/* SPDX-License-Identifier: BSD-2-Clause */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ctl/output.h"
#include "lib/html.h"

/*
 * A page that is a file: facts first, then the tables, with the columns of the text. A
 * piece is written as soon as it is complete.
 */

static void
spill(struct output *o, struct buf *out)
{
	fwrite(out->data, 1, out->size, o->to);
	buf_fini(out);
}

/* "catalog_serial" is for programs. */
static const char *
for_people(const char *name, char *out, size_t size)
{
	snprintf(out, size, "%s", name);
	for (char *p = out; *p != '\0'; p++)
		if (*p == '_')
			*p = ' ';
	if (out[0] >= 'a' && out[0] <= 'z')
		out[0] = (char)(out[0] - 'a' + 'A');
	return out;
}

static const char *
value_of(enum cell_kind kind, const struct cell *cell, char out[static HTML_TIME_MAX])
{
	if (!cell->is_set)
		return "";
	switch (kind) {
	case CELL_TEXT:
	case CELL_STATE: return cell->text;
	case CELL_TIME: return html_time(cell->number, out);
	case CELL_NUMBER:
		snprintf(out, HTML_TIME_MAX, "%" PRIu64, cell->number);
		return out;
	case CELL_LIST:
	case CELL_MAP: break; /* no command with a page has any */
	}
	return "";
}

/* Facts stand in a list, which is open until something else comes. */
static void
end_facts(struct output *o, struct buf *out)
{
	if (o->n_shown > 0)
		html_facts_end(out);
	o->n_shown = 0;
}

static void
html_output_begin(struct output *o)
{
	struct buf out;
	char text[HTML_TIME_MAX];
	buf_init(&out, 0);
	html_begin(&out, "nsherd fleet", true);
	html_facts_begin(&out);
	html_fact(&out, "This page is of", html_time(o->now, text));
	o->n_shown = 1;
	spill(o, &out);
}

static void
html_output_field(struct output *o, const struct column *c, const struct cell *cell)
{
	struct buf out;
	char text[HTML_TIME_MAX], name[64];
	buf_init(&out, 0);
	if (o->n_shown == 0)
		html_facts_begin(&out);
	o->n_shown++;
	html_fact(&out, for_people(c->name, name, sizeof(name)),
	    value_of(c->kind, cell, text));
	spill(o, &out);
}

static void
html_output_table(struct output *o, const char *name)
{
	struct buf out;
	char text[64];
	buf_init(&out, 0);
	end_facts(o, &out);
	html_table_begin(&out, for_people(name, text, sizeof(text)));
	html_titles_begin(&out);
	for (size_t i = 0; i < o->n_columns; i++)
		if (o->columns[i].title != NULL)
			html_title(&out,
			    for_people(o->columns[i].name, text, sizeof(text)),
			    o->columns[i].kind == CELL_NUMBER);
	html_titles_end(&out);
	spill(o, &out);
}

static void
put_cell(struct buf *out, const struct column *c, const struct cell *cell,
    bool is_first)
{
	char text[HTML_TIME_MAX];
	const char *value = value_of(c->kind, cell, text);
	if (is_first)
		html_cell_head(out, value);
	else if (c->kind == CELL_NUMBER)
		html_cell_digits(out, value);
	else if (c->kind == CELL_STATE)
		html_cell_state(out, value);
	else
		html_cell(out, value);
}

static void
html_output_row(struct output *o, const struct cell *cells)
{
	struct buf out;
	buf_init(&out, 0);
	html_row_begin(&out);
	for (size_t i = 0; i < o->n_columns; i++)
		if (o->columns[i].title != NULL)
			put_cell(&out, &o->columns[i], &cells[i], i == 0);
	html_row_end(&out);
	spill(o, &out);
}

static void
html_output_table_end(struct output *o)
{
	struct buf out;
	buf_init(&out, 0);
	html_table_end(&out);
	spill(o, &out);
}

static void
html_output_line(struct output *o, const char *text)
{
	struct buf out;
	buf_init(&out, 0);
	end_facts(o, &out);
	html_paragraph(&out, text);
	spill(o, &out);
}

/* No command with a page goes on for ever. */
static void
html_output_event(struct output *o, const struct cell *cells, const char *text)
{
	(void)cells;
	html_output_line(o, text);
}

static void
html_output_end(struct output *o)
{
	struct buf out;
	buf_init(&out, 0);
	end_facts(o, &out);
	html_end(&out);
	spill(o, &out);
}

const struct output_writer output_html_writer = {
    .begin = html_output_begin,
    .field = html_output_field,
    .table = html_output_table,
    .row = html_output_row,
    .table_end = html_output_table_end,
    .line = html_output_line,
    .event = html_output_event,
    .end = html_output_end,
};
