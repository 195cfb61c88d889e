/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CTL_OUTPUT_H
#define CTL_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/*
 * What a command has to say, without knowing how it is written: facts and
 * tables. A writer turns them into text for people or into one JSON document.
 * Both stream: a table of a million rows is never held.
 */

enum cell_kind {
	CELL_TEXT,
	CELL_STATE,  /* a text that may be coloured */
	CELL_NUMBER, /* right-aligned */
	CELL_TIME,   /* Unix time; text shows how long ago */
	CELL_LIST,   /* values alone */
	CELL_MAP,    /* name=value, in order of name */
};

struct column {
	const char *name;  /* in JSON: stable */
	const char *title; /* in text; NULL: JSON only */
	enum cell_kind kind;
	bool is_optional; /* text: not shown while no row has a value */
};

/* One item of a list or map. Octets as they are in the catalog. */
struct cell_item {
	const void *name, *value;
	size_t name_size, value_size;
};

/* Everything is borrowed for the call. */
struct cell {
	bool is_set;
	const char *text;
	uint64_t number; /* CELL_NUMBER, CELL_TIME */
	const struct cell_item *items;
	size_t n_items;
};

struct cell cell_none(void);
struct cell cell_text(const char *text); /* NULL: none */
struct cell cell_number(uint64_t number);
struct cell cell_digits(const char *text); /* a number as text; NULL or none: none */
struct cell cell_items(const struct cell_item *items, size_t n);

struct output;

/* One kind of writer; one const instance in a file of its own. */
struct output_writer {
	void (*begin)(struct output *o);
	void (
	    *field)(struct output *o, const struct column *c, const struct cell *cell);
	void (*table)(struct output *o, const char *name);
	void (*row)(struct output *o, const struct cell *cells);
	void (*table_end)(struct output *o);
	void (*line)(struct output *o, const char *text);
	void (*event)(struct output *o, const struct cell *cells, const char *text);
	void (*end)(struct output *o);
};

extern const struct output_writer output_text_writer;
extern const struct output_writer output_json_writer;
extern const struct output_writer output_html_writer; /* what has a --html */

/* For the writers alone. */
struct output {
	const struct output_writer *writer;
	FILE *to;
	bool colour;
	uint64_t now; /* Unix time, for ages */
	bool begun;
	size_t n_members; /* facts and tables so far */
	size_t n_shown;   /* text: those that took a line */
	size_t n_rows;
	const struct column *columns;
	size_t n_columns;
	char **cells; /* text: rows held back until the widths are known */
	size_t n_held, *widths;
	bool *is_used;
};

void output_init(struct output *o, const struct output_writer *writer, FILE *to);

/* A fact about the whole. */
void output_field(struct output *o, const char *name, const char *title,
    enum cell_kind kind, struct cell cell);
/* The columns stay borrowed until output_table_end(). */
void output_table(struct output *o, const char *name, const struct column *columns,
    size_t n_columns);
void output_row(struct output *o, const struct cell *cells);
void output_table_end(struct output *o);
/* A line for people; JSON leaves it out. */
void output_line(struct output *o, const char *text);

/*
 * Something that has just happened, of a command that goes on: the line of text,
 * or an object of the cells on a line of its own; in JSON there is no document
 * around them. Not together with anything else.
 */
void output_event(struct output *o, const struct column *columns, size_t n_columns,
    const struct cell *cells, const char *text);

/* Ends the document, if there is one; may be called again. False: something could
 * not be written (errno). */
bool output_end(struct output *o);

#endif
