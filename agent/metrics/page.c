/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/metrics/page.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/html.h"

static void
fact_time(struct buf *out, const char *name, uint64_t unix_time)
{
	char text[HTML_TIME_MAX];

	if (unix_time != 0)
		html_fact(out, name, html_time(unix_time, text));
}

static void
put_titles(struct buf *out, const char *const *titles, size_t n_text)
{
	html_titles_begin(out);
	for (size_t i = 0; titles[i] != NULL; i++)
		html_title(out, titles[i], i >= n_text);
	html_titles_end(out);
}

/* -- the agent --------------------------------------------------------------- */

static void
put_agent(struct buf *out, const struct facts *f)
{
	html_facts_begin(out);
	html_fact(out, "Health", f->health);
	if (f->health_reason[0] != '\0')
		html_fact(out, "because", f->health_reason);
	fact_time(out, "since", f->health_since_s);
	html_fact(out, "Version", f->version);
	fact_time(out, "Started", f->started_s);
	if (f->cert_expires_s > 0)
		fact_time(out, "Certificate valid until", (uint64_t)f->cert_expires_s);
	fact_time(out, "This page is of", f->now_s);
	html_facts_end(out);
}

/* -- catalogs ---------------------------------------------------------------- */

static void
cell_time(struct buf *out, uint64_t unix_time)
{
	char text[HTML_TIME_MAX];

	html_cell_state(out, unix_time != 0 ? html_time(unix_time, text) : "");
}

static void
cell_guard(struct buf *out, const struct facts_catalog *c)
{
	char text[96];

	if (!c->is_guarded) {
		html_cell(out, "off");
		return;
	}
	snprintf(text, sizeof(text), "%" PRIu64 " of %" PRIu64 " in %u s", c->used,
	    c->limit, c->window_s);
	html_cell(out, text);
}

static void
put_catalogs(struct buf *out, const struct facts *f)
{
	static const char *const titles[] = {"Catalog", "Zone", "Role", "State",
	    "Guard", "Removals", "Refreshed", "Serial", "Members", "Held", NULL};

	html_table_begin(out, "Catalogs");
	put_titles(out, titles, 7);
	for (size_t i = 0; i < f->n_catalogs; i++) {
		const struct facts_catalog *c = &f->catalogs[i];
		html_row_begin(out);
		html_cell_head(out, c->label);
		html_cell(out, c->zone);
		html_cell(out, c->is_follower ? "follower" : "primary");
		html_cell_state(out, c->state);
		html_cell_state(out, c->is_holding ? "holding" : "open");
		cell_guard(out, c);
		cell_time(out, c->refreshed_s);
		html_cell_number(out, c->serial);
		html_cell_number(out, c->n_members);
		html_cell_number(out, c->held);
		html_row_end(out);
	}
	html_table_end(out);
}

/* -- backends ---------------------------------------------------------------- */

static void
put_share(struct buf *out, const struct facts *f, const struct facts_share *s)
{
	static const enum zone_state states[] = {ZONE_SERVING, ZONE_PENDING,
	    ZONE_FAILED, ZONE_CONFLICT, ZONE_UNASSIGNED, ZONE_HELD, ZONE_REMOVING};
	const struct facts_backend *b = &f->backends[s->backend];

	html_row_begin(out);
	html_cell_head(out, b->name);
	html_cell(out, f->catalogs[s->catalog].label);
	html_cell(out, b->server[0] != '\0' ? b->server : b->driver);
	html_cell_state(out, b->state);
	html_cell(out, !b->is_asked ? "" : b->answers ? "yes" : "no");
	if (s->has_applied)
		html_cell_number(out, s->applied);
	else
		html_cell_digits(out, "");
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		html_cell_number(out, s->zones[states[i]]);
	html_cell_number(out, b->queue);
	html_row_end(out);
}

static void
put_backends(struct buf *out, const struct facts *f)
{
	static const char *const titles[] = {"Backend", "Catalog", "Server", "State",
	    "Answers", "Serial", "Serving", "Pending", "Failed", "Conflict",
	    "Unassigned", "Held", "Removing", "Queue", NULL};

	if (f->n_shares == 0) {
		html_heading(out, "Backends");
		html_paragraph(out, "There are none.");
		return;
	}
	html_table_begin(out, "Backends");
	put_titles(out, titles, 5);
	for (size_t i = 0; i < f->n_shares; i++)
		put_share(out, f, &f->shares[i]);
	html_table_end(out);
}

/* -- problems ---------------------------------------------------------------- */

static void
put_problem(struct buf *out, const char *what, const char *state, const char *text,
    uint64_t since_s)
{
	html_row_begin(out);
	html_cell_head(out, what);
	html_cell_state(out, state);
	cell_time(out, since_s);
	html_cell(out, text);
	html_row_end(out);
}

static size_t
count_problems(const struct facts *f)
{
	size_t n = f->n_problems;

	for (size_t i = 0; i < f->n_catalogs; i++)
		n += f->catalogs[i].error[0] != '\0';
	for (size_t i = 0; i < f->n_backends; i++)
		n += f->backends[i].error[0] != '\0';
	return n;
}

static void
put_problems(struct buf *out, const struct facts *f)
{
	static const char *const titles[] = {"What", "State", "Since", "Why", NULL};
	char what[96];

	if (count_problems(f) == 0) {
		html_heading(out, "Problems");
		html_paragraph(out, "There are none.");
		return;
	}
	html_table_begin(out, "Problems");
	put_titles(out, titles, 4);
	for (size_t i = 0; i < f->n_catalogs; i++) {
		const struct facts_catalog *c = &f->catalogs[i];
		snprintf(what, sizeof(what), "catalog %s", c->label);
		if (c->error[0] != '\0')
			put_problem(out, what, c->state, c->error, 0);
	}
	for (size_t i = 0; i < f->n_backends; i++) {
		const struct facts_backend *b = &f->backends[i];
		snprintf(what, sizeof(what), "backend %s", b->name);
		if (b->error[0] != '\0')
			put_problem(out, what, b->state, b->error, 0);
	}
	for (size_t i = 0; i < f->n_problems; i++) {
		const struct facts_problem *p = &f->problems[i];
		put_problem(out, p->what, p->state, p->text, p->since_s);
	}
	html_table_end(out);
	if (f->has_more_problems)
		html_paragraph(out, "There are more: nsherdctl status lists all.");
}

void
page_write(struct buf *out, const struct facts *f)
{
	char title[96];

	snprintf(title, sizeof(title), "nsherd agent %s", f->agent);
	html_begin(out, title, false);
	put_agent(out, f);
	put_catalogs(out, f);
	put_backends(out, f);
	put_problems(out, f);
	html_end(out);
}
