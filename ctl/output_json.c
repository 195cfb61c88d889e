/* SPDX-License-Identifier: BSD-2-Clause */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "ctl/output.h"
#include "lib/buf.h"

/*
 * One object. Facts and tables are its members, each row of a table is an
 * object on a line of its own; what is not known is null.
 */

static void
json_begin(struct output *o)
{
	fputs("{", o->to);
}

/* Octets that are no UTF-8 are written \DDD, as DNS tools do. */
static json_t *
json_text(const void *data, size_t size)
{
	json_t *text = json_stringn(data, size);
	if (text)
		return text;
	const uint8_t *c = data;
	struct buf out;
	buf_init(&out, 0);
	for (size_t i = 0; i < size; i++)
		if (c[i] < 0x20 || c[i] >= 0x7f)
			buf_printf(&out, "\\%03u", (unsigned)c[i]);
		else
			buf_put_u8(&out, c[i]);
	text = json_string(buf_text(&out));
	buf_fini(&out);
	return text;
}

static json_t *
json_list(const struct cell *cell)
{
	json_t *list = json_array();
	for (size_t i = 0; i < cell->n_items; i++)
		json_array_append_new(list,
		    json_text(cell->items[i].value, cell->items[i].value_size));
	return list;
}

/* Name -> array of values, as a name may come more than once. */
static json_t *
json_map(const struct cell *cell)
{
	json_t *map = json_object();
	for (size_t i = 0; i < cell->n_items; i++) {
		const struct cell_item *item = &cell->items[i];
		json_t *text = json_text(item->name, item->name_size);
		const char *name = json_string_value(text);
		json_t *values = json_object_get(map, name);
		if (!values) {
			values = json_array();
			json_object_set_new(map, name, values);
		}
		json_array_append_new(values, json_text(item->value, item->value_size));
		json_decref(text);
	}
	return map;
}

static json_t *
json_cell(enum cell_kind kind, const struct cell *cell)
{
	if (!cell->is_set)
		return json_null();
	switch (kind) {
	case CELL_TEXT:
	case CELL_STATE: return json_text(cell->text, strlen(cell->text));
	case CELL_NUMBER:
	case CELL_TIME: return json_integer((json_int_t)cell->number);
	case CELL_LIST: return json_list(cell);
	case CELL_MAP: return json_map(cell);
	}
	return json_null();
}

static void
json_print(FILE *to, json_t *value)
{
	json_dumpf(value, to, JSON_ENCODE_ANY);
	json_decref(value);
}

static void
json_field(struct output *o, const struct column *c, const struct cell *cell)
{
	fprintf(o->to, "%s\n  \"%s\": ", o->n_members > 0 ? "," : "", c->name);
	json_print(o->to, json_cell(c->kind, cell));
}

static void
json_table(struct output *o, const char *name)
{
	fprintf(o->to, "%s\n  \"%s\": [", o->n_members > 0 ? "," : "", name);
}

static json_t *
json_object_of(const struct output *o, const struct cell *cells)
{
	json_t *row = json_object();
	for (size_t i = 0; i < o->n_columns; i++)
		json_object_set_new(row, o->columns[i].name,
		    json_cell(o->columns[i].kind, &cells[i]));
	return row;
}

static void
json_row(struct output *o, const struct cell *cells)
{
	fputs(o->n_rows > 0 ? ",\n    " : "\n    ", o->to);
	json_print(o->to, json_object_of(o, cells));
}

static void
json_table_end(struct output *o)
{
	fputs(o->n_rows > 0 ? "\n  ]" : "]", o->to);
}

static void
json_line(struct output *o, const char *text)
{
	(void)o;
	(void)text;
}

static void
json_event(struct output *o, const struct cell *cells, const char *text)
{
	(void)text;
	json_print(o->to, json_object_of(o, cells));
	fputs("\n", o->to);
}

static void
json_end(struct output *o)
{
	fputs("\n}\n", o->to);
}

const struct output_writer output_json_writer = {
    .begin = json_begin,
    .field = json_field,
    .table = json_table,
    .row = json_row,
    .table_end = json_table_end,
    .line = json_line,
    .event = json_event,
    .end = json_end,
};
