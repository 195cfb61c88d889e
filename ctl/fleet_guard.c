/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>

#include "ctl/commands.h"
#include "ctl/fleet.h"
#include "ctl/options.h"
#include "ctl/output.h"
#include "ctl/say.h"
#include "lib/mem.h"
#include "lib/order.h"

/* A guard is an agent's own: each is shown, and those that are named released. */

/* -- which agents ------------------------------------------------------------- */

/* Each that is named is there. */
static enum exit_status
check_names(struct fleet *f)
{
	const struct ctl *ctl = f->ctl;
	for (size_t i = 0; i < ctl->n_args; i++) {
		bool known = false;
		for (size_t j = 0; j < f->n; j++)
			known = known || strcmp(f->peers[j].name, ctl->args[i]) == 0;
		if (!known) {
			say_error("no agent %s in the inventory", ctl->args[i]);
			return EXIT_USAGE;
		}
	}
	return EXIT_DONE;
}

static bool
is_named(const struct fleet *f, const struct peer *p)
{
	const struct ctl *ctl = f->ctl;
	for (size_t i = 0; i < ctl->n_args; i++)
		if (strcmp(p->name, ctl->args[i]) == 0)
			return true;
	return ctl->n_args == 0;
}

/* -- showing ------------------------------------------------------------------ */

static void
print_guards(struct fleet *f)
{
	static const struct column columns[] = {
	    {"agent", "AGENT", CELL_TEXT, false},
	    {"guard", "GUARD", CELL_STATE, false},
	    {"since", "SINCE", CELL_TIME, false},
	    {"held", "HELD", CELL_NUMBER, false},
	    {"used", "USED", CELL_NUMBER, false},
	    {"limit", "LIMIT", CELL_TEXT, false},
	    {"window", "WINDOW", CELL_NUMBER, false},
	    {"error", "ERROR", CELL_TEXT, true},
	};
	struct output *o = f->ctl->out;
	output_field(o, "catalog", NULL, CELL_TEXT,
	    cell_text(f->peers[0].s.catalog_text));
	output_table(o, "agents", columns, sizeof(columns) / sizeof(*columns));
	for (size_t i = 0; i < f->n; i++) {
		const struct peer *p = &f->peers[i];
		const struct view *v = &p->view;
		if (!is_named(f, p))
			continue;
		const struct cell row[] = {
		    cell_text(p->name),
		    cell_text(v->guard),
		    v->has_since ? cell_number(v->guard_since) : cell_none(),
		    v->answered ? cell_number(v->held) : cell_none(),
		    v->has_used ? cell_number(v->guard_used) : cell_none(),
		    cell_text(v->guard_limit),
		    v->has_window ? cell_number(v->guard_window) : cell_none(),
		    cell_text(p->err ? p->s.error : NULL),
		};
		output_row(o, row);
	}
	output_table_end(o);
}

/* -- releasing ----------------------------------------------------------------- */

struct release {
	struct peer *peer;
	bool asked, done;
	char why[SESSION_REASON_MAX];
};

static enum err
begin(void *arg, struct session *s)
{
	struct release *r = arg;
	enum err e = order_begin(s, "release", NULL, 0, NULL);
	r->asked = r->asked || !e;
	return e;
}

static enum err
go_on(void *arg, struct session *s)
{
	struct release *r = arg;
	struct msg msg;
	enum err e = session_receive(s, &msg);
	if (e == ERR_TIMEOUT)
		return ERR_BUSY;
	if (e)
		return e;
	r->done = msg_rcode(&msg) == RCODE_NOERROR;
	if (r->done)
		return OK;
	return session_fail(s, ERR_DENIED, "%s", session_reason(&msg, r->why));
}

static int64_t
end(void *arg, struct session *s, enum err e)
{
	struct release *r = arg;
	(void)s;
	r->peer->err = e;
	return TALK_OVER;
}

static size_t
print_releases(struct fleet *f, const struct release *releases, size_t n)
{
	static const struct column columns[] = {
	    {"agent", "AGENT", CELL_TEXT, false},
	    {"result", "RESULT", CELL_STATE, false},
	    {"reason", "REASON", CELL_TEXT, true},
	};
	struct output *o = f->ctl->out;
	size_t n_done = 0;
	output_field(o, "catalog", NULL, CELL_TEXT,
	    cell_text(f->peers[0].s.catalog_text));
	output_table(o, "agents", columns, sizeof(columns) / sizeof(*columns));
	for (size_t i = 0; i < n; i++) {
		const struct release *r = &releases[i];
		/* Sent, and no answer: it may have been done. */
		const char *result = r->done ? "accepted"
				     : r->asked && r->peer->err != ERR_DENIED
					 ? "unknown"
					 : "failed";
		const struct cell row[] = {cell_text(r->peer->name), cell_text(result),
		    cell_text(r->done ? NULL : r->peer->s.error)};
		output_row(o, row);
		n_done += r->done;
	}
	output_table_end(o);
	return n_done;
}

static enum exit_status
release(struct fleet *f)
{
	static const struct talk_ops ops = {begin, go_on, end};
	const struct talk_plan plan = {.timeout_ms = fleet_timeout_ms(f),
	    .doing = "releasing"};
	struct release *releases = mem_zalloc((f->n + 1) * sizeof(*releases));
	struct talk *talks = mem_zalloc((f->n + 1) * sizeof(*talks));
	size_t n = 0;
	for (size_t i = 0; i < f->n; i++) {
		if (!is_named(f, &f->peers[i]))
			continue;
		releases[n].peer = &f->peers[i];
		talks[n] = (struct talk){.s = &f->peers[i].s,
		    .ops = &ops,
		    .arg = &releases[n]};
		n++;
	}
	talk_all(talks, n, &plan);
	size_t n_done = print_releases(f, releases, n);
	free(releases);
	free(talks);
	return n_done == n ? EXIT_DONE : n_done > 0 ? EXIT_PARTLY : EXIT_FAILED;
}

/* -- the command --------------------------------------------------------------- */

static enum exit_status
check_release(const struct ctl *ctl)
{
	if (!ctl->opt->fleet)
		say_error("--release needs --fleet FILE: those who may write the "
			  "catalog are not to say where it goes");
	else if (ctl->n_args == 0)
		say_error("which agents? --release needs their names");
	else
		return EXIT_DONE;
	return EXIT_USAGE;
}

static enum exit_status
show(struct fleet *f)
{
	size_t n = 0, n_answered = 0;
	fleet_look(f);
	print_guards(f);
	for (size_t i = 0; i < f->n; i++) {
		n += is_named(f, &f->peers[i]);
		n_answered += is_named(f, &f->peers[i]) && !f->peers[i].err;
	}
	if (n_answered == 0)
		return EXIT_FAILED;
	return n_answered < n || f->n_bad > 0 ? EXIT_PARTLY : EXIT_DONE;
}

enum exit_status
fleet_guard_run(struct ctl *ctl)
{
	struct fleet f = {0};
	bool releases = ctl->opt->given & OPTION_RELEASE;
	enum exit_status rc = releases ? check_release(ctl) : EXIT_DONE;
	if (!rc)
		rc = fleet_open(&f, ctl);
	if (!rc)
		rc = check_names(&f);
	if (!rc)
		rc = releases ? release(&f) : show(&f);
	fleet_close(&f);
	return rc;
}
