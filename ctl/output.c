/* SPDX-License-Identifier: BSD-2-Clause */
#include "ctl/output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct cell
cell_none(void)
{
	return (struct cell){0};
}

struct cell
cell_text(const char *text)
{
	return (struct cell){.is_set = text != NULL, .text = text};
}

struct cell
cell_number(uint64_t number)
{
	return (struct cell){.is_set = true, .number = number};
}

struct cell
cell_digits(const char *text)
{
	char *end;
	if (!text || text[0] < '0' || text[0] > '9')
		return cell_none();
	errno = 0;
	unsigned long long number = strtoull(text, &end, 10);
	if (*end || errno)
		return cell_none();
	return cell_number(number);
}

struct cell
cell_items(const struct cell_item *items, size_t n)
{
	return (struct cell){.is_set = true, .items = items, .n_items = n};
}

void
output_init(struct output *o, const struct output_writer *writer, FILE *to)
{
	*o = (struct output){.writer = writer, .to = to, .now = (uint64_t)time(NULL)};
	const char *no_colour = getenv("NO_COLOR");
	o->colour = isatty(fileno(to)) && !(no_colour && *no_colour);
}

static void
begin_once(struct output *o)
{
	if (!o->begun)
		o->writer->begin(o);
	o->begun = true;
}

void
output_field(struct output *o, const char *name, const char *title, enum cell_kind kind,
    struct cell cell)
{
	const struct column c = {.name = name, .title = title, .kind = kind};
	begin_once(o);
	o->writer->field(o, &c, &cell);
	o->n_members++;
}

void
output_table(struct output *o, const char *name, const struct column *columns,
    size_t n_columns)
{
	begin_once(o);
	o->columns = columns;
	o->n_columns = n_columns;
	o->n_rows = 0;
	o->writer->table(o, name);
	o->n_members++;
}

void
output_row(struct output *o, const struct cell *cells)
{
	o->writer->row(o, cells);
	o->n_rows++;
}

void
output_table_end(struct output *o)
{
	o->writer->table_end(o);
}

void
output_line(struct output *o, const char *text)
{
	begin_once(o);
	o->writer->line(o, text);
}

void
output_event(struct output *o, const struct column *columns, size_t n_columns,
    const struct cell *cells, const char *text)
{
	o->columns = columns;
	o->n_columns = n_columns;
	o->writer->event(o, cells, text);
}

bool
output_end(struct output *o)
{
	if (o->begun)
		o->writer->end(o);
	o->begun = false;
	return fflush(o->to) == 0 && !ferror(o->to);
}
