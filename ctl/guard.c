/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <string.h>

#include "ctl/commands.h"
#include "ctl/connect.h"
#include "ctl/options.h"
#include "ctl/output.h"
#include "ctl/row.h"
#include "ctl/say.h"
#include "lib/observed.h"
#include "lib/session.h"

/* What the guard holds, and to let it go. */

struct guard {
	struct output *out;
	bool holds;
	struct dname last; /* whose row was printed: the next backend adds nothing */
	bool any;
};

static const struct row_key facts[] = {
    {{"guard", "Guard", CELL_STATE, false}, "guard"},
    {{"since", "Since", CELL_TIME, false}, "guard-since"},
    {{"held", "Held", CELL_NUMBER, false}, "held"},
    {{"used", "Window removed", CELL_NUMBER, false}, "guard-used"},
    {{"limit", "Window limit", CELL_TEXT, false}, "guard-limit"},
    {{"window", "Window seconds", CELL_NUMBER, false}, "guard-window"},
};

static struct cell
as_cell(enum cell_kind kind, const char *text)
{
	return kind == CELL_NUMBER || kind == CELL_TIME ? cell_digits(text)
							: cell_text(text);
}

static enum err
print_facts(void *arg, enum observed_kind kind, const struct dname *name,
    const struct rr *rr)
{
	struct guard *g = arg;
	char value[OBSERVED_VALUE_MAX];
	(void)name;
	if (kind != OBSERVED_AGENT)
		return OK;
	const char *held = observed_get(rr, "held", value);
	g->holds = held && strcmp(held, "0") != 0;
	for (size_t i = 0; i < sizeof(facts) / sizeof(*facts); i++) {
		const struct column *c = &facts[i].column;
		const char *text = observed_get(rr, facts[i].key, value);
		output_field(g->out, c->name, c->title, c->kind,
		    as_cell(c->kind, text));
	}
	return OK;
}

static enum err
print_held(void *arg, enum observed_kind kind, const struct dname *name,
    const struct rr *rr)
{
	struct guard *g = arg;
	char text[DNAME_TEXT_MAX], value[OBSERVED_VALUE_MAX];
	bool zone = kind == OBSERVED_ZONE || kind == OBSERVED_ID;
	if (!zone || !observed_get(rr, "held", value) ||
	    (g->any && dname_equal(&g->last, name)))
		return OK;
	g->any = true;
	g->last = *name;
	row_print(g->out, &row_held, dname_print_short(name, text), rr);
	return OK;
}

static enum exit_status
print_guard(struct guard *g, struct session *s)
{
	struct column columns[ROW_COLUMNS_MAX];
	output_field(g->out, "catalog", "Catalog", CELL_TEXT,
	    cell_text(s->catalog_text));
	enum err e = observed_query(s, &s->status, print_facts, g);
	if (!e) {
		row_begin(g->out, &row_held, columns);
		if (g->holds)
			e = observed_transfer(s, print_held, g);
		output_table_end(g->out);
	}
	if (e == ERR_NOTFOUND)
		say_error("%s: the agent says nothing about itself", s->server);
	else if (e)
		say_error("%s", s->error);
	return e ? EXIT_FAILED : EXIT_DONE;
}

static enum err
take_held(void *arg, enum observed_kind kind, const struct dname *name,
    const struct rr *rr)
{
	char value[OBSERVED_VALUE_MAX], held[OBSERVED_VALUE_MAX];
	const struct session *s = arg;
	(void)name;
	const char *is =
	    kind == OBSERVED_AGENT ? observed_get(rr, "guard", value) : NULL;
	if (is && strcmp(is, "holding") == 0 && observed_get(rr, "held", held))
		say_error("the servers still serve what was removed: the guard of %s "
			  "holds %s, see nsherdctl guard",
		    s->catalog_text, held);
	return OK;
}

void
guard_warn(struct session *s)
{
	/* A key that is narrowed to some zones is not told. */
	(void)!observed_query(s, &s->status, take_held, s);
}

enum exit_status
guard_run(struct ctl *ctl)
{
	struct session s = {0};
	struct guard g = {.out = ctl->out};
	if (ctl->opt->given & OPTION_RELEASE)
		return verb_send_agent(ctl, "release");
	enum exit_status rc = connect_open(&s, ctl);
	if (!rc)
		rc = print_guard(&g, &s);
	session_close(&s);
	return rc;
}
