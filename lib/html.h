/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIB_HTML_H
#define LIB_HTML_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/buf.h"

/*
 * Small pages that are only read: the agent's own and that of a fleet. No scripts, no
 * forms, nothing from elsewhere; in order and complete without the style sheet, too.
 * Everything goes to a buffer, whose failure sticks.
 */

/* Any text, as text: never as markup, within an attribute neither. What is no printable
 * ASCII shows as \xHH. */
void html_text(struct buf *out, const char *text);
PRINTF(2, 3) void html_textf(struct buf *out, const char *fmt, ...);

/* What a browser is to do with the page: it runs, loads and sends nothing. The value of
 * Content-Security-Policy; free it. */
char *html_policy(void);

/* From the doctype to the heading, and the end. title is text. in_file: the page says
 * its policy itself, there being no server to do so. */
void html_begin(struct buf *out, const char *title, bool in_file);
void html_end(struct buf *out);

void html_heading(struct buf *out, const char *text);
void html_paragraph(struct buf *out, const char *text);

/* A list of names and values: html_facts_begin, html_fact..., html_facts_end. */
void html_facts_begin(struct buf *out);
void html_fact(struct buf *out, const char *name, const char *value);
void html_facts_end(struct buf *out);

/* Cells stand between row and row_end; titles in a row of their own. */
void html_table_begin(struct buf *out, const char *caption);
void html_titles_begin(struct buf *out);
void html_title(struct buf *out, const char *text, bool is_number);
void html_titles_end(struct buf *out);
void html_row_begin(struct buf *out);
/* The first cell of a row may be its heading. */
void html_cell_head(struct buf *out, const char *text);
void html_cell(struct buf *out, const char *text);
void html_cell_number(struct buf *out, uint64_t number);
void html_cell_digits(struct buf *out, const char *text);
/* A word that is good or bad news is coloured as well: see html_mood(). */
void html_cell_state(struct buf *out, const char *text);
void html_row_end(struct buf *out);
void html_table_end(struct buf *out);

/* "good", "bad", "busy" or "": what the words that nsherd has for states are. */
const char *html_mood(const char *state);

/* YYYY-MM-DD HH:MM:SS UTC */
enum { HTML_TIME_MAX = 32 };
const char *html_time(uint64_t unix_time, char out[static HTML_TIME_MAX]);

#endif
