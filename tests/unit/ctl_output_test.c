/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "ctl/output.h"

static char *text;
static size_t text_size;

static const struct column columns[] = {
    {"zone", "ZONE", CELL_TEXT, false},
    {"state", "STATE", CELL_STATE, false},
    {"serial", "SERIAL", CELL_NUMBER, false},
    {"hidden", NULL, CELL_TEXT, false},
    {"parameters", "PARAMETERS", CELL_MAP, false},
};
enum { N = sizeof(columns) / sizeof(*columns) };

static void
begin(struct output *o, const struct output_writer *writer)
{
	FILE *f = open_memstream(&text, &text_size);
	assert_non_null(f);
	output_init(o, writer, f);
}

static void
end(struct output *o)
{
	assert_true(output_end(o));
	fclose(o->to);
}

static void
print_two(struct output *o)
{
	const struct cell_item items[] = {
	    {"primaries", "192.0.2.1 key k", 9, 15},
	    {"primaries", "192.0.2.2", 9, 9},
	    {"x", "\xff", 1, 1},
	};
	output_field(o, "catalog", "Catalog", CELL_TEXT, cell_text("cat.example"));
	output_field(o, "serial", "Serial", CELL_NUMBER, cell_number(7));
	output_table(o, "zones", columns, N);
	const struct cell first[] = {cell_text("a-rather-long.example"),
	    cell_text("serving"), cell_number(4294967295), cell_text("h"),
	    cell_items(items, 3)};
	const struct cell second[] = {cell_text("b\033[31m"), cell_none(),
	    cell_digits("12x"), cell_none(), cell_items(NULL, 0)};
	output_row(o, first);
	output_row(o, second);
	output_table_end(o);
}

static void
output_text__table__is_aligned_and_harmless(void **state)
{
	(void)state;
	struct output o;
	begin(&o, &output_text_writer);
	print_two(&o);
	end(&o);
	assert_string_equal(text,
	    "Catalog          cat.example\n"
	    "Serial           7\n"
	    "\n"
	    "ZONE                   STATE        SERIAL  PARAMETERS\n"
	    "a-rather-long.example  serving  4294967295  "
	    "primaries=\"192.0.2.1 key k\" primaries=192.0.2.2 x=\\255\n"
	    "b\\027[31m              -                 -  -\n");
	free(text);
}

static void
output_json__document__is_valid_and_complete(void **state)
{
	(void)state;
	struct output o;
	json_error_t error;
	begin(&o, &output_json_writer);
	print_two(&o);
	output_line(&o, "for people");
	end(&o);
	json_t *doc = json_loads(text, 0, &error);
	assert_non_null(doc);
	assert_int_equal(json_integer_value(json_object_get(doc, "serial")), 7);
	json_t *rows = json_object_get(doc, "zones");
	assert_int_equal(json_array_size(rows), 2);
	json_t *row = json_array_get(rows, 0);
	assert_int_equal(json_integer_value(json_object_get(row, "serial")),
	    4294967295);
	assert_string_equal(json_string_value(json_object_get(row, "hidden")), "h");
	json_t *params = json_object_get(row, "parameters");
	assert_int_equal(json_array_size(json_object_get(params, "primaries")), 2);
	assert_string_equal(json_string_value(
				json_array_get(json_object_get(params, "x"), 0)),
	    "\\255");
	row = json_array_get(rows, 1);
	assert_true(json_is_null(json_object_get(row, "serial")));
	assert_true(json_is_null(json_object_get(row, "state")));
	json_decref(doc);
	free(text);
}

/* It comes from the agent, and jansson takes no other name. */
static void
output_json__name_that_is_no_utf8__is_written_as_texts_are(void **state)
{
	const struct cell_item items[] = {{"a\xff", "1", 2, 1}, {"a\xff", "2", 2, 1}};
	static const struct column map = {"map", NULL, CELL_MAP, false};
	struct output o;
	json_error_t error;
	(void)state;
	begin(&o, &output_json_writer);
	output_table(&o, "rows", &map, 1);
	const struct cell row = cell_items(items, 2);
	output_row(&o, &row);
	output_table_end(&o);
	end(&o);
	json_t *doc = json_loads(text, 0, &error);
	assert_non_null(doc);
	const json_t *first = json_array_get(json_object_get(doc, "rows"), 0);
	assert_int_equal(json_array_size(
			     json_object_get(json_object_get(first, "map"), "a\\255")),
	    2);
	json_decref(doc);
	free(text);
}

static void
output_json__nothing_or_empty_table__is_valid(void **state)
{
	(void)state;
	struct output o;
	json_error_t error;
	begin(&o, &output_json_writer);
	end(&o);
	assert_int_equal(text_size, 0);
	free(text);
	begin(&o, &output_json_writer);
	output_table(&o, "zones", columns, N);
	output_table_end(&o);
	end(&o);
	json_t *doc = json_loads(text, 0, &error);
	assert_non_null(doc);
	assert_int_equal(json_array_size(json_object_get(doc, "zones")), 0);
	json_decref(doc);
	free(text);
}

/* More rows than are held back to measure them. */
static void
output_text__many_rows__all_appear_once(void **state)
{
	(void)state;
	struct output o;
	char zone[32];
	begin(&o, &output_text_writer);
	output_table(&o, "zones", columns, 1);
	for (unsigned i = 0; i < 2500; i++) {
		snprintf(zone, sizeof(zone), "z%u", i);
		const struct cell row[] = {cell_text(zone)};
		output_row(&o, row);
	}
	output_table_end(&o);
	end(&o);
	char *at = text;
	assert_memory_equal(at, "ZONE\n", 5);
	at += 5;
	for (unsigned i = 0; i < 2500; i++) {
		int n = snprintf(zone, sizeof(zone), "z%u\n", i);
		assert_memory_equal(at, zone, (size_t)n);
		at += n;
	}
	assert_int_equal(*at, '\0');
	free(text);
}

static void
output_end__full_disk__is_noticed(void **state)
{
	(void)state;
	struct output o;
	FILE *f = fopen("/dev/full", "w");
	assert_non_null(f);
	output_init(&o, &output_text_writer, f);
	output_line(&o, "x");
	assert_false(output_end(&o));
	fclose(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(output_text__table__is_aligned_and_harmless),
	    cmocka_unit_test(output_json__document__is_valid_and_complete),
	    cmocka_unit_test(
		output_json__name_that_is_no_utf8__is_written_as_texts_are),
	    cmocka_unit_test(output_json__nothing_or_empty_table__is_valid),
	    cmocka_unit_test(output_text__many_rows__all_appear_once),
	    cmocka_unit_test(output_end__full_disk__is_noticed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
