/* SPDX-License-Identifier: BSD-2-Clause */
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/output.h"
#include "ctl/say.h"
#include "ctl/words.h"
#include "lib/buf.h"
#include "lib/mem.h"

/*
 * Tables with aligned columns. Their widths are those of the first rows; where
 * later rows are wider, they stick out.
 */

enum { HELD_MAX = 1000, TITLE_WIDTH = 16, COLUMNS_MAX = 32 };

static void
text_begin(struct output *o)
{
	(void)o;
}

/* Text from the network may hold anything; a terminal is to see none of it. */
static void
put_printable(const char *text, struct buf *out)
{
	for (; *text; text++) {
		uint8_t c = (uint8_t)*text;
		if (c < 0x20 || c >= 0x7f)
			buf_printf(out, "\\%03u", (unsigned)c);
		else
			buf_put_u8(out, c);
	}
}

static void
put_items(enum cell_kind kind, const struct cell *cell, struct buf *out)
{
	for (size_t i = 0; i < cell->n_items; i++) {
		const struct cell_item *item = &cell->items[i];
		if (kind == CELL_LIST) {
			buf_puts(out, i > 0 ? "," : "");
			words_encode_item(item->value, item->value_size, out);
			continue;
		}
		buf_puts(out, i > 0 ? " " : "");
		buf_put(out, item->name, item->name_size);
		buf_puts(out, "=");
		words_encode(item->value, item->value_size, out);
	}
	if (cell->n_items == 0)
		buf_puts(out, "-");
}

static void
put_cell(const struct output *o, enum cell_kind kind, const struct cell *cell,
    struct buf *out)
{
	char age[SAY_AGE_MAX];
	if (!cell->is_set) {
		buf_puts(out, "-");
		return;
	}
	switch (kind) {
	case CELL_TEXT:
	case CELL_STATE: put_printable(*cell->text ? cell->text : "-", out); break;
	case CELL_NUMBER: buf_printf(out, "%" PRIu64, cell->number); break;
	case CELL_TIME: buf_puts(out, say_age(cell->number, o->now, age)); break;
	case CELL_LIST:
	case CELL_MAP: put_items(kind, cell, out); break;
	}
}

static const char *
colour_of(const char *state)
{
	static const char *const red[] = {"failed", "conflict", "unassigned", "down",
	    "broken", "expired", "degraded", "refused", NULL};
	static const char *const green[] = {"serving", "up", "valid", "ok", "done",
	    "open", NULL};
	for (size_t i = 0; red[i]; i++)
		if (strcmp(state, red[i]) == 0)
			return "\033[31m";
	for (size_t i = 0; green[i]; i++)
		if (strcmp(state, green[i]) == 0)
			return "\033[32m";
	return "\033[33m";
}

static void
print_cell(const struct output *o, const struct column *c, const char *text, int width)
{
	bool colour = o->colour && c->kind == CELL_STATE && strcmp(text, "-") != 0;
	if (colour)
		fputs(colour_of(text), o->to);
	if (c->kind == CELL_NUMBER)
		fprintf(o->to, "%*s", width, text);
	else
		fprintf(o->to, "%-*s", width, text);
	if (colour)
		fputs("\033[0m", o->to);
}

static void
text_field(struct output *o, const struct column *c, const struct cell *cell)
{
	if (!c->title)
		return;
	struct buf text;
	buf_init(&text, 0);
	put_cell(o, c->kind, cell, &text);
	fprintf(o->to, "%-*s ", TITLE_WIDTH, c->title);
	print_cell(o, c, buf_text(&text), 0);
	fputc('\n', o->to);
	o->n_shown++;
	buf_fini(&text);
}

/* -- tables --------------------------------------------------------------- */

static void
text_table(struct output *o, const char *name)
{
	(void)name;
	o->cells = mem_zalloc(HELD_MAX * o->n_columns * sizeof(*o->cells));
	o->widths = mem_zalloc(o->n_columns * sizeof(*o->widths));
	o->is_used = mem_zalloc(o->n_columns * sizeof(*o->is_used));
	o->n_held = 0;
	for (size_t i = 0; i < o->n_columns; i++)
		o->widths[i] = o->columns[i].title ? strlen(o->columns[i].title) : 0;
	for (size_t i = 0; i < o->n_columns; i++)
		o->is_used[i] = !o->columns[i].is_optional;
}

static bool
is_shown(const struct output *o, size_t i)
{
	return o->columns[i].title && o->is_used[i];
}

static size_t
last_column(const struct output *o)
{
	size_t last = 0;
	for (size_t i = 0; i < o->n_columns; i++)
		if (is_shown(o, i))
			last = i;
	return last;
}

static void
print_row(const struct output *o, char *const *texts, bool heading)
{
	size_t last = last_column(o);
	for (size_t i = 0; i < o->n_columns; i++) {
		const struct column *c = &o->columns[i];
		if (!is_shown(o, i))
			continue;
		int width = i == last && c->kind != CELL_NUMBER ? 0 : (int)o->widths[i];
		struct column plain = *c;
		if (heading && c->kind == CELL_STATE)
			plain.kind = CELL_TEXT;
		print_cell(o, &plain, heading ? c->title : texts[i], width);
		fputs(i == last ? "\n" : "  ", o->to);
	}
}

/* The rows held back, under their heading. */
static void
release(struct output *o)
{
	if (!o->cells)
		return;
	if (o->n_held > 0) {
		if (o->n_shown++ > 0)
			fputc('\n', o->to);
		print_row(o, NULL, true);
	}
	for (size_t i = 0; i < o->n_held * o->n_columns; i += o->n_columns)
		print_row(o, o->cells + i, false);
	for (size_t i = 0; i < o->n_held * o->n_columns; i++)
		free(o->cells[i]);
	free(o->cells);
	o->cells = NULL;
}

static char *
cell_string(const struct output *o, const struct column *c, const struct cell *cell)
{
	struct buf text;
	buf_init(&text, 0);
	put_cell(o, c->kind, cell, &text);
	char *string = mem_strdup(buf_text(&text));
	buf_fini(&text);
	return string;
}

static void
text_row(struct output *o, const struct cell *cells)
{
	if (o->cells && o->n_held == HELD_MAX)
		release(o);
	char *spare[COLUMNS_MAX] = {0};
	assert(o->n_columns <= COLUMNS_MAX);
	char **row = o->cells ? o->cells + o->n_held * o->n_columns : spare;
	for (size_t i = 0; i < o->n_columns; i++) {
		if (!o->columns[i].title)
			continue;
		row[i] = cell_string(o, &o->columns[i], &cells[i]);
		if (o->cells && strcmp(row[i], "-") != 0)
			o->is_used[i] = true;
		size_t width = strlen(row[i]);
		if (o->cells && width > o->widths[i])
			o->widths[i] = width;
	}
	if (o->cells) {
		o->n_held++;
		return;
	}
	print_row(o, row, false);
	for (size_t i = 0; i < o->n_columns; i++)
		free(row[i]);
}

static void
text_table_end(struct output *o)
{
	release(o);
	free(o->widths);
	free(o->is_used);
	o->widths = NULL;
	o->is_used = NULL;
}

static void
text_line(struct output *o, const char *text)
{
	fprintf(o->to, "%s\n", text);
}

static void
text_event(struct output *o, const struct cell *cells, const char *text)
{
	(void)cells;
	text_line(o, text);
}

static void
text_end(struct output *o)
{
	(void)o;
}

const struct output_writer output_text_writer = {
    .begin = text_begin,
    .field = text_field,
    .table = text_table,
    .row = text_row,
    .table_end = text_table_end,
    .line = text_line,
    .event = text_event,
    .end = text_end,
};
