/* SPDX-License-Identifier: BSD-2-Clause */
#include "ctl/plan.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/ask.h"
#include "ctl/commands.h"
#include "ctl/connect.h"
#include "ctl/options.h"
#include "ctl/output.h"
#include "ctl/row.h"
#include "ctl/say.h"
#include "lib/mem.h"
#include "lib/observed.h"

/* -- which changes interrupt ------------------------------------------------ */

struct pattern_facts {
	char name[OBSERVED_VALUE_MAX];
	char service[3][OBSERVED_VALUE_MAX]; /* role, zonefile, dnssec */
};

struct patterns {
	struct pattern_facts *items;
	size_t n, room;
};

static enum err
take_pattern(void *arg, enum observed_kind kind, const struct dname *name,
    const struct rr *rr)
{
	static const char *const keys[3] = {"role", "zonefile", "dnssec"};
	struct patterns *all = arg;
	char text[DNAME_TEXT_MAX];

	if (kind != OBSERVED_PATTERN)
		return OK;
	all->items = mem_grow(all->items, all->n, &all->room, sizeof(*all->items));
	struct pattern_facts *f = &all->items[all->n++];
	memset(f, 0, sizeof(*f));
	snprintf(f->name, sizeof(f->name), "%s", dname_print_short(name, text));
	for (size_t i = 0; i < 3; i++)
		(void)observed_get(rr, keys[i], f->service[i]);
	return OK;
}

/* Canonical order of the RDATA of TXT records: the length octet comes first. */
static bool
is_before(const struct props_group *a, const struct props_group *b)
{
	return a->size != b->size ? a->size < b->size
				  : memcmp(a->data, b->data, a->size) < 0;
}

/* The pattern the agent takes: the first group that is the name of one. */
static const struct pattern_facts *
pattern_of(const struct patterns *all, const struct props *props)
{
	const struct pattern_facts *found = NULL;
	const struct props_group *first = NULL;

	for (const struct props_group *g = props->groups; g != NULL; g = g->next) {
		if (first != NULL && !is_before(g, first))
			continue;
		for (size_t i = 0; i < all->n; i++) {
			const struct pattern_facts *f = &all->items[i];
			if (strlen(f->name) != g->size ||
			    memcmp(f->name, g->data, g->size) != 0)
				continue;
			found = f;
			first = g;
		}
	}
	return found;
}

static void
judge(struct diff *diff, const struct patterns *all)
{
	for (size_t i = 0; i < diff->n; i++) {
		struct diff_item *item = &diff->items[i];
		if (item->kind != DIFF_CHANGE)
			continue;
		const struct pattern_facts *was = pattern_of(all, item->was);
		const struct pattern_facts *now = pattern_of(all, item->wanted);
		item->interrupts =
		    was != NULL && now != NULL &&
		    memcmp(was->service, now->service, sizeof(was->service)) != 0;
		diff->n_interrupting += item->interrupts;
	}
}

/* Afterwards the session is a new connection. */
static enum err
find_interrupting(struct plan *plan)
{
	struct patterns all = {0};
	enum err e = OK;

	if (plan->diff.n_of[DIFF_CHANGE] == 0)
		return OK;
	e = observed_transfer_head(&plan->s, take_pattern, &all);
	if (!e) {
		judge(&plan->diff, &all);
		e = session_reopen(&plan->s);
	}
	free(all.items);
	return e;
}

/* -- making it -------------------------------------------------------------- */

enum exit_status
plan_make(struct plan *plan, const struct ctl *ctl)
{
	struct options opt = *ctl->opt;
	struct ctl file = {.opt = &opt, .out = ctl->out};

	memset(plan, 0, sizeof(*plan));
	opt.from = ctl->args[0];
	opt.given |= OPTION_FROM;
	enum exit_status rc = orders_read(&file, ORDERS_ADDITIONS, &plan->orders);
	if (!rc)
		rc = connect_open(&plan->s, ctl);
	if (rc)
		return rc;
	if (connect_read_members(&plan->s, &plan->members) ||
	    ask_held_ids(&plan->s, &plan->orders)) {
		say_error("%s", plan->s.error);
		return EXIT_FAILED;
	}
	diff_make(&plan->orders, &plan->members, ctl->opt->given & OPTION_PRUNE,
	    &plan->diff);
	if (find_interrupting(plan)) {
		say_error("%s", plan->s.error);
		return EXIT_FAILED;
	}
	return EXIT_DONE;
}

void
plan_fini(struct plan *plan)
{
	diff_fini(&plan->diff);
	memberlist_fini(&plan->members);
	orders_fini(&plan->orders);
	session_close(&plan->s);
}

/* -- printing --------------------------------------------------------------- */

static const char *const kinds[DIFF_KINDS] = {"add", "change", "remove"};

static void
print_item(struct output *o, const struct diff_item *item)
{
	static const struct props none;
	struct row_props wanted, was;
	char zone[DNAME_TEXT_MAX], id[DNAME_TEXT_MAX];

	row_props_init(&wanted, item->wanted ? item->wanted : &none);
	row_props_init(&was, item->was ? item->was : &none);
	const struct cell row[] = {
	    cell_text(kinds[item->kind]),
	    cell_text(diff_zone_text(item, zone)),
	    item->wanted ? wanted.patterns : cell_none(),
	    item->wanted ? wanted.params : cell_none(),
	    item->was ? was.patterns : cell_none(),
	    item->was ? was.params : cell_none(),
	    cell_text(item->kind == DIFF_ADD
			  ? NULL
			  : row_id(item->id.data, item->id.size, id)),
	    item->interrupts ? cell_text("interrupting") : cell_none(),
	};
	output_row(o, row);
	row_props_fini(&wanted);
	row_props_fini(&was);
}

static void
print_table(const struct plan *plan, struct output *o, size_t max_rows)
{
	static const struct column columns[] = {
	    {"action", "ACTION", CELL_TEXT, false},
	    {"zone", "ZONE", CELL_TEXT, false},
	    {"pattern", "PATTERN", CELL_LIST, false},
	    {"parameters", "PARAMETERS", CELL_MAP, true},
	    {"was_pattern", "WAS PATTERN", CELL_LIST, true},
	    {"was_parameters", "WAS PARAMETERS", CELL_MAP, true},
	    {"id", NULL, CELL_TEXT, false},
	    {"effect", "EFFECT", CELL_TEXT, true},
	};
	output_table(o, "zones", columns, sizeof(columns) / sizeof(*columns));
	for (size_t i = 0; i < plan->diff.n && i < max_rows; i++)
		print_item(o, &plan->diff.items[i]);
	output_table_end(o);
}

static void
print_counts(const struct plan *plan, struct output *o, size_t n_hidden)
{
	static const char *const names[] = {"add", "change", "remove"};
	const struct diff *d = &plan->diff;
	char line[256], more[64] = "", extra[64] = "", gap[64] = "";

	for (size_t i = 0; i < DIFF_KINDS; i++)
		output_field(o, names[i], NULL, CELL_NUMBER, cell_number(d->n_of[i]));
	output_field(o, "interrupting", NULL, CELL_NUMBER,
	    cell_number(d->n_interrupting));
	output_field(o, "same", NULL, CELL_NUMBER, cell_number(d->n_same));
	output_field(o, "not_in_file", NULL, CELL_NUMBER, cell_number(d->n_extra));
	if (n_hidden > 0) {
		snprintf(more, sizeof(more), "... and %zu more", n_hidden);
		output_line(o, more);
	}
	if (d->n_interrupting > 0)
		snprintf(gap, sizeof(gap), " (%zu interrupting)", d->n_interrupting);
	if (d->n_extra > 0)
		snprintf(extra, sizeof(extra), "; %zu not in the file stay",
		    d->n_extra);
	snprintf(line, sizeof(line),
	    "%zu to add, %zu to change%s, %zu to remove, %zu as they are%s",
	    d->n_of[DIFF_ADD], d->n_of[DIFF_CHANGE], gap, d->n_of[DIFF_REMOVE],
	    d->n_same, extra);
	output_line(o, line);
}

void
plan_print(const struct plan *plan, const struct ctl *ctl, size_t max_rows)
{
	size_t n = plan->diff.n;

	output_field(ctl->out, "catalog", NULL, CELL_TEXT,
	    cell_text(plan->s.catalog_text));
	output_field(ctl->out, "serial", NULL, CELL_NUMBER,
	    cell_number(plan->members.serial));
	if (n > 0 || ctl->opt->json)
		print_table(plan, ctl->out, max_rows);
	print_counts(plan, ctl->out, n > max_rows ? n - max_rows : 0);
}

enum exit_status
plan_run(struct ctl *ctl)
{
	struct plan plan;
	enum exit_status rc = plan_make(&plan, ctl);

	if (!rc)
		plan_print(&plan, ctl, SIZE_MAX);
	plan_fini(&plan);
	return rc;
}
