/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ctl/commands.h"
#include "ctl/connect.h"
#include "ctl/options.h"
#include "ctl/output.h"
#include "ctl/say.h"
#include "lib/catz.h"
#include "lib/mem.h"
#include "lib/observed.h"
#include "lib/rr.h"
#include "lib/session.h"

/*
 * _log.C, oldest first. The words of a record that have a column of their own go
 * there, the others into DETAILS as they are.
 */

static const struct column columns[] = {
    {"at", "TIME", CELL_TEXT, false},
    {"time", NULL, CELL_NUMBER, false},
    {"op", "OP", CELL_TEXT, false},
    {"key", "KEY", CELL_TEXT, false},
    {"source", "SOURCE", CELL_TEXT, false},
    {"serial", "SERIAL", CELL_NUMBER, false},
    {"zone", "ZONE", CELL_TEXT, false},
    {"id", NULL, CELL_TEXT, false},
    {"pattern", "PATTERN", CELL_TEXT, true},
    {"was", "WAS", CELL_TEXT, true},
    {"backend", "BACKEND", CELL_TEXT, true},
    {"details", "DETAILS", CELL_MAP, true},
};
enum { N_COLUMNS = sizeof(columns) / sizeof(*columns), DETAILS_MAX = 256 };

struct history {
	struct output *out;
	const char *zone; /* NULL: all */
	/* The last of those wanted, when only so many are. */
	struct kept {
		uint8_t *rdata;
		size_t size;
	} * ring;
	size_t n_ring, n;
};

/* -- the words of one record ------------------------------------------------ */

struct word {
	const char *key;
	char *value;
};

struct words {
	struct buf text; /* of all, each ended by NUL */
	struct word items[DETAILS_MAX];
	size_t n;
};

/* A word that was cut is continued by key+=. */
static void
take_word(struct words *w, const uint8_t *s, size_t size)
{
	const uint8_t *eq = memchr(s, '=', size);
	size_t key_size = eq ? (size_t)(eq - s) : size;

	if (eq != NULL && key_size > 0 && s[key_size - 1] == '+' && w->text.size > 0) {
		w->text.size--; /* over the NUL */
		buf_put(&w->text, eq + 1, size - key_size - 1);
		buf_put(&w->text, "", 1);
		return;
	}
	if (w->n == DETAILS_MAX)
		return;
	w->items[w->n].key = NULL; /* set once the text moves no more */
	w->items[w->n].value = NULL;
	w->n++;
	buf_put(&w->text, s, key_size);
	buf_put(&w->text, "", 1);
	if (eq != NULL)
		buf_put(&w->text, eq + 1, size - key_size - 1);
	buf_put(&w->text, "", 1);
}

static void
read_words(struct words *w, const uint8_t *rdata, size_t rdata_size)
{
	size_t pos = 0;
	const uint8_t *s;
	uint8_t size;

	w->n = 0;
	buf_init(&w->text, 0);
	while (txt_next(rdata, rdata_size, &pos, &s, &size))
		if (memchr(s, 0, size) == NULL)
			take_word(w, s, size);
	char *at = (char *)w->text.data;
	for (size_t i = 0; i < w->n; i++) {
		w->items[i].key = at;
		at += strlen(at) + 1;
		w->items[i].value = at;
		at += strlen(at) + 1;
	}
}

static const char *
word(const struct words *w, const char *key)
{
	for (size_t i = 0; i < w->n; i++)
		if (strcmp(w->items[i].key, key) == 0)
			return w->items[i].value;
	return NULL;
}

/* -- rows ------------------------------------------------------------------- */

static bool
has_column(const char *key)
{
	for (size_t i = 0; i < N_COLUMNS; i++)
		if (strcmp(columns[i].name, key) == 0)
			return columns[i].kind != CELL_MAP;
	return false;
}

static char *
print_time(const char *seconds, char out[static 32])
{
	time_t t = seconds ? (time_t)strtoll(seconds, NULL, 10) : 0;
	struct tm tm;

	if (gmtime_r(&t, &tm) == NULL || !strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm))
		snprintf(out, 32, "-");
	return out;
}

static void
print_row(struct history *h, const uint8_t *rdata, size_t size)
{
	struct words w;
	struct cell row[N_COLUMNS];
	struct cell_item details[DETAILS_MAX];
	char at[32];
	size_t n = 0;

	read_words(&w, rdata, size);
	for (size_t i = 0; i < w.n; i++)
		if (!has_column(w.items[i].key))
			details[n++] = (struct cell_item){.name = w.items[i].key,
			    .name_size = strlen(w.items[i].key),
			    .value = w.items[i].value,
			    .value_size = strlen(w.items[i].value)};
	for (size_t i = 0; i < N_COLUMNS; i++) {
		const char *text = word(&w, columns[i].name);
		row[i] = columns[i].kind == CELL_NUMBER ? cell_digits(text)
							: cell_text(text);
	}
	row[0] = cell_text(print_time(word(&w, "time"), at));
	row[N_COLUMNS - 1] = n > 0 ? cell_items(details, n) : cell_none();
	output_row(h->out, row);
	buf_fini(&w.text);
}

static bool
is_wanted(const struct history *h, const uint8_t *rdata, size_t size)
{
	struct words w;

	if (h->zone == NULL)
		return true;
	read_words(&w, rdata, size);
	const char *zone = word(&w, "zone"), *was = word(&w, "was-zone");
	bool wanted = (zone != NULL && strcmp(zone, h->zone) == 0) ||
		      (was != NULL && strcmp(was, h->zone) == 0);
	buf_fini(&w.text);
	return wanted;
}

static void
keep(struct history *h, const struct rr *rr)
{
	struct kept *k = &h->ring[h->n++ % h->n_ring];

	free(k->rdata);
	k->rdata = mem_dup(rr->rdata, rr->rdata_size);
	k->size = rr->rdata_size;
}

static enum err
take_rr(void *arg, const struct rr *rr)
{
	struct history *h = arg;

	if (rr->type != RR_TXT || !is_wanted(h, rr->rdata, rr->rdata_size))
		return OK;
	if (h->n_ring > 0)
		keep(h, rr);
	else
		print_row(h, rr->rdata, rr->rdata_size);
	return OK;
}

static void
print_kept(struct history *h)
{
	size_t first = h->n > h->n_ring ? h->n - h->n_ring : 0;

	for (size_t i = first; i < h->n && h->n_ring > 0; i++) {
		struct kept *k = &h->ring[i % h->n_ring];
		print_row(h, k->rdata, k->size);
		free(k->rdata);
	}
	free(h->ring);
}

/* -- the command ------------------------------------------------------------ */

static enum exit_status
read_log(struct session *s, struct history *h)
{
	struct dname log;
	enum err e = catz_control_zone("_log", &s->catalog, &log);

	if (e != OK) {
		say_error("%s: the catalog's name is too long", s->catalog_text);
		return EXIT_FAILED;
	}
	output_field(h->out, "catalog", NULL, CELL_TEXT, cell_text(s->catalog_text));
	output_table(h->out, "history", columns, N_COLUMNS);
	e = session_transfer(s, &log, take_rr, h);
	print_kept(h);
	output_table_end(h->out);
	if (e != OK)
		say_error("%s", s->error);
	return e != OK ? EXIT_FAILED : EXIT_DONE;
}

enum exit_status
history_run(struct ctl *ctl)
{
	struct session s = {0};
	struct history h = {.out = ctl->out, .n_ring = ctl->opt->count};
	char zone_text[DNAME_TEXT_MAX];
	struct dname zone;

	if (ctl->n_args > 0) {
		if (dname_parse(ctl->args[0], &zone) != OK) {
			say_error("\"%s\" is not a domain name", ctl->args[0]);
			return EXIT_USAGE;
		}
		h.zone = dname_print_short(&zone, zone_text);
	}
	if (h.n_ring > 0)
		h.ring = mem_zalloc(h.n_ring * sizeof(*h.ring));
	enum exit_status rc = connect_open(&s, ctl);
	if (rc == EXIT_DONE)
		rc = read_log(&s, &h);
	else
		free(h.ring);
	session_close(&s);
	return rc;
}
