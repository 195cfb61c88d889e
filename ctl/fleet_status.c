/* SPDX-License-Identifier: BSD-2-Clause */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/commands.h"
#include "ctl/fleet.h"
#include "ctl/fleet_diff.h"
#include "ctl/fleet_zones.h"
#include "ctl/options.h"
#include "ctl/output.h"
#include "ctl/say.h"
#include "lib/clock.h"
#include "lib/mem.h"

/* -- the table of agents ------------------------------------------------------ */

enum { N_COLUMNS = 22 };

static const struct column columns[N_COLUMNS] = {
    {"agent", "AGENT", CELL_TEXT, false},
    {"address", NULL, CELL_TEXT, false},
    {"version", NULL, CELL_TEXT, false},
    {"role", NULL, CELL_TEXT, false},
    {"backend", "BACKEND", CELL_TEXT, false},
    {"server", "SERVER", CELL_TEXT, false},
    {"state", "STATE", CELL_STATE, false},
    {"catalog_state", "CATALOG", CELL_STATE, true},
    {"catalog_serial", "SERIAL", CELL_NUMBER, false},
    {"applied", NULL, CELL_NUMBER, false},
    {"lag", "LAG", CELL_NUMBER, false},
    {"serving", "SERVING", CELL_NUMBER, false},
    {"pending", "PENDING", CELL_NUMBER, false},
    {"failed", "FAILED", CELL_NUMBER, false},
    {"conflict", "CONFLICT", CELL_NUMBER, true},
    {"unassigned", "UNASSIGNED", CELL_NUMBER, true},
    {"held", "HELD", CELL_NUMBER, true},
    {"removing", "REMOVING", CELL_NUMBER, true},
    {"queue", NULL, CELL_NUMBER, false},
    {"guard", "GUARD", CELL_STATE, false},
    {"health", "HEALTH", CELL_STATE, false},
    {"error", "ERROR", CELL_TEXT, true},
};

static struct cell
lag_cell(const struct fleet *f, const struct view *v, const struct view_backend *b)
{
	uint32_t lag;
	return f->has_serial && !view_lag(v, b, f->serial, &lag) ? cell_number(lag)
								 : cell_none();
}

static struct cell
count_cell(uint64_t n)
{
	return n > 0 ? cell_number(n) : cell_none();
}

/* What is worth a word, most of all first. */
static const char *
error_of(const struct peer *p, const struct view_backend *b, char text[VIEW_WHY_MAX])
{
	const struct view *v = &p->view;
	if (p->err)
		return p->s.error;
	if (v->error)
		return v->error;
	if (b && b->error)
		return b->error;
	if (v->n_reasons > 0)
		return view_reasons(v, text);
	return NULL;
}

/* In text what is as it should be is left out. */
static bool
wants_all(const struct options *opt)
{
	return opt->json || (opt->given & OPTION_HTML);
}

static void
print_row(const struct fleet *f, const struct peer *p, const struct view_backend *b)
{
	static const struct view_backend none;
	const struct view *v = &p->view;
	const struct view_backend *c = b ? b : &none;
	char why[VIEW_WHY_MAX];
	bool valid = v->catalog && strcmp(v->catalog, "valid") == 0;
	const struct cell row[N_COLUMNS] = {
	    cell_text(p->name),
	    cell_text(p->s.server),
	    cell_text(v->version),
	    cell_text(v->role),
	    cell_text(c->name),
	    cell_text(c->server),
	    cell_text(c->state),
	    valid && !wants_all(f->ctl->opt) ? cell_none() : cell_text(v->catalog),
	    v->has_serial ? cell_number(v->serial) : cell_none(),
	    c->has_applied ? cell_number(c->applied) : cell_none(),
	    lag_cell(f, v, b),
	    b ? cell_number(c->serving) : cell_none(),
	    b ? cell_number(c->pending) : cell_none(),
	    b ? cell_number(c->failed) : cell_none(),
	    b ? count_cell(c->conflict) : cell_none(),
	    b ? count_cell(c->unassigned) : cell_none(),
	    b ? count_cell(c->held) : cell_none(),
	    b ? count_cell(c->removing) : cell_none(),
	    b ? cell_number(c->queue) : cell_none(),
	    cell_text(v->guard),
	    cell_text(v->health),
	    cell_text(error_of(p, b, why)),
	};
	output_row(f->ctl->out, row);
}

static void
print_agents(const struct fleet *f)
{
	struct output *o = f->ctl->out;
	output_table(o, "agents", columns, N_COLUMNS);
	for (size_t i = 0; i < f->n; i++) {
		const struct peer *p = &f->peers[i];
		for (size_t j = 0; j < p->view.n_backends; j++)
			print_row(f, p, &p->view.backends[j]);
		if (p->view.n_backends == 0)
			print_row(f, p, NULL);
	}
	output_table_end(o);
}

/* The version that lag is counted from. */
static void
print_head(const struct fleet *f)
{
	struct output *o = f->ctl->out;
	const struct peer *p = f->serial_of;
	output_field(o, "catalog", NULL, CELL_TEXT,
	    cell_text(f->n > 0 ? f->peers[0].s.catalog_text : NULL));
	output_field(o, "serial", NULL, CELL_NUMBER,
	    f->has_serial ? cell_number(f->serial) : cell_none());
	output_field(o, "serial_of", NULL, CELL_TEXT, cell_text(p ? p->name : NULL));
}

static void
print_tail(const struct fleet *f)
{
	char line[256];
	if (f->hub && !f->hub->view.has_serial && f->serial_of) {
		snprintf(line, sizeof(line),
		    "the hub did not answer: lag is counted from %.100s, which has "
		    "serial %" PRIu32,
		    f->serial_of->name, f->serial);
		output_line(f->ctl->out, line);
	}
}

/* -- zones -------------------------------------------------------------------- */

static const struct column zone_columns[] = {
    {"zone", "ZONE", CELL_TEXT, false},
    {"agent", "AGENT", CELL_TEXT, false},
    {"backend", "BACKEND", CELL_TEXT, false},
    {"state", "STATE", CELL_STATE, false},
    {"serial", "SERIAL", CELL_NUMBER, false},
    {"pattern", "PATTERN", CELL_TEXT, false},
    {"error", "ERROR", CELL_TEXT, true},
};

/* From row *at on, which is moved on. */
static void
print_zone_at(const struct fleet_zones *z, const struct zone_look *l, size_t order,
    size_t *at)
{
	const char *error = l->answered ? "not in its catalog" : l->peer->s.error;
	char zone[DNAME_TEXT_MAX];
	size_t first = *at;
	order_zone_text(&z->orders->items[order], zone);
	for (; *at < l->n_rows && l->rows[*at].at == order; ++*at) {
		const struct zone_row *r = &l->rows[*at];
		const struct cell row[] = {cell_text(zone), cell_text(l->peer->name),
		    cell_text(r->backend), cell_text(r->state), cell_digits(r->serial),
		    cell_text(r->pattern), cell_text(r->error)};
		output_row(z->fleet->ctl->out, row);
	}
	if (*at > first)
		return;
	const struct cell row[] = {cell_text(zone), cell_text(l->peer->name),
	    cell_none(), cell_none(), cell_none(), cell_none(), cell_text(error)};
	output_row(z->fleet->ctl->out, row);
}

static void
print_zones(const struct fleet_zones *z)
{
	struct output *o = z->fleet->ctl->out;
	size_t *at = mem_zalloc((z->fleet->n + 1) * sizeof(*at));
	output_field(o, "catalog", NULL, CELL_TEXT,
	    cell_text(z->fleet->peers[0].s.catalog_text));
	output_table(o, "zones", zone_columns,
	    sizeof(zone_columns) / sizeof(*zone_columns));
	for (size_t i = 0; i < z->orders->n; i++)
		for (size_t j = 0; j < z->fleet->n; j++)
			print_zone_at(z, &z->looks[j], i, &at[j]);
	output_table_end(o);
	free(at);
}

/* -- the commands ------------------------------------------------------------- */

/* What is missing to a settled fleet, each on stderr. */
static void
say_missing(const struct fleet *f, struct await *a)
{
	char why[VIEW_WHY_MAX];
	for (size_t i = 0; i < f->n; i++) {
		const struct peer *p = &f->peers[i];
		if (p->err)
			await_note_missing(a, p->name, NULL, NULL, NULL, p->s.error);
		else if (!view_is_settled(&p->view, f->serial, why))
			await_note_missing(a, p->name, NULL, NULL, NULL, why);
	}
}

static bool
is_settled(const struct fleet *f)
{
	for (size_t i = 0; i < f->n; i++)
		if (!f->peers[i].is_settled)
			return false;
	return true;
}

/* Of so many seconds since start; one at least. */
static unsigned
left_of(unsigned seconds, int64_t start)
{
	int64_t left = seconds - (clock_ms() - start) / 1000;
	return left > 1 ? (unsigned)left : 1;
}

static enum exit_status
wait_for_all(struct fleet *f, unsigned seconds, struct await *a)
{
	int64_t start = clock_ms();
	f->limit_s = seconds;
	fleet_look(f);
	fleet_wait(f, left_of(seconds, start));
	if (f->has_serial && is_settled(f))
		return f->n_bad > 0 ? EXIT_PARTLY : EXIT_DONE;
	say_missing(f, a);
	return fleet_n_answered(f) == 0 ? EXIT_FAILED : EXIT_NOT_SERVED;
}

/* The zones that are named, at each agent that has the hub's version. */
static void
look_at_zones(struct fleet_zones *z, unsigned seconds)
{
	int64_t start = clock_ms();
	z->fleet->limit_s = seconds;
	if (seconds) {
		fleet_look(z->fleet);
		z->has_serial = z->fleet->has_serial;
		z->serial = z->fleet->serial;
		seconds = left_of(seconds, start);
	}
	fleet_zones_look(z, seconds);
}

static enum exit_status
wait_for_zones(struct fleet_zones *z, unsigned seconds, struct await *a)
{
	look_at_zones(z, seconds);
	if (fleet_zones_are_there(z))
		return z->fleet->n_bad > 0 ? EXIT_PARTLY : EXIT_DONE;
	fleet_zones_missing(z, a);
	return fleet_n_answered(z->fleet) == 0 ? EXIT_FAILED : EXIT_NOT_SERVED;
}

static void
finish(struct ctl *ctl, struct await *a)
{
	output_end(ctl->out);
	await_say(a);
	await_fini(a);
}

static enum exit_status
zones_status(struct fleet *f, struct orders *orders)
{
	struct ctl *ctl = f->ctl;
	struct fleet_zones z = {.fleet = f, .orders = orders, .keep_all = true};
	struct await a = {.end = AWAIT_SERVING};
	enum exit_status rc;
	if (ctl->opt->given & OPTION_WAIT) {
		rc = wait_for_zones(&z, ctl->opt->wait_s, &a);
	} else {
		look_at_zones(&z, 0);
		rc = fleet_verdict(f);
	}
	print_zones(&z);
	finish(ctl, &a);
	fleet_zones_fini(&z);
	return rc;
}

static enum exit_status
agents_status(struct fleet *f, const struct orders *orders)
{
	struct ctl *ctl = f->ctl;
	struct await a = {.end = AWAIT_SERVING};
	enum exit_status rc;
	if (ctl->opt->given & OPTION_WAIT) {
		rc = wait_for_all(f, ctl->opt->wait_s, &a);
	} else {
		fleet_look(f);
		rc = fleet_verdict(f);
	}
	print_head(f);
	print_agents(f);
	print_tail(f);
	if (ctl->opt->given & OPTION_DIFF) {
		enum exit_status diffed = fleet_diff(f, orders);
		rc = rc ? rc : diffed;
	}
	finish(ctl, &a);
	return rc;
}

enum exit_status
fleet_status_run(struct ctl *ctl)
{
	struct fleet f = {0};
	struct orders orders;
	enum exit_status rc = orders_read(ctl, ORDERS_ZONES, &orders);
	bool named = ctl->n_args > 0 || ctl->opt->from;
	if (!rc && ctl->opt->json && (ctl->opt->given & OPTION_HTML)) {
		say_error("--html: not together with -o json");
		rc = EXIT_USAGE;
	}
	if (!rc)
		rc = fleet_open(&f, ctl);
	if (!rc)
		rc = named && !(ctl->opt->given & OPTION_DIFF)
			 ? zones_status(&f, &orders)
			 : agents_status(&f, named ? &orders : NULL);
	fleet_close(&f);
	orders_fini(&orders);
	return rc;
}

/* --timeout is that of the whole, as of wait. */
enum exit_status
fleet_wait_run(struct ctl *ctl)
{
	struct options opt = *ctl->opt;
	struct ctl plain = *ctl;
	struct fleet f = {0};
	struct orders orders;
	struct await a = {.end = AWAIT_SERVING};
	enum exit_status rc = orders_read(ctl, ORDERS_ZONES, &orders);
	struct fleet_zones z = {.fleet = &f, .orders = &orders};
	opt.given &= ~(unsigned)OPTION_TIMEOUT;
	plain.opt = &opt;
	plain.await = fleet_await; /* many agents: what is missing has one */
	if (!rc)
		rc = fleet_open(&f, &plain);
	if (!rc && (ctl->n_args > 0 || ctl->opt->from)) {
		rc = wait_for_zones(&z, ctl->opt->timeout_s, &a);
	} else if (!rc) {
		rc = wait_for_all(&f, ctl->opt->timeout_s, &a);
	}
	if (rc != EXIT_USAGE && f.n > 0) {
		output_field(ctl->out, "catalog", NULL, CELL_TEXT,
		    cell_text(f.peers[0].s.catalog_text));
		await_print(&plain, &a);
		finish(ctl, &a);
	}
	fleet_zones_fini(&z);
	fleet_close(&f);
	orders_fini(&orders);
	return rc;
}
