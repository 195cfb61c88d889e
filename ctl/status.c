/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>

#include "ctl/ask.h"
#include "ctl/commands.h"
#include "ctl/connect.h"
#include "ctl/options.h"
#include "ctl/orders.h"
#include "ctl/output.h"
#include "ctl/row.h"
#include "ctl/say.h"
#include "lib/observed.h"

struct status {
	struct session *s;
	struct output *out;
	struct orders *orders;
	struct order *order; /* whose answer is being read */
};

/* -- every zone -------------------------------------------------------------- */

static enum err
print_any(void *arg, enum observed_kind kind, const struct dname *name,
    const struct rr *rr)
{
	struct status *st = arg;
	char text[DNAME_TEXT_MAX];
	const char *zone = kind == OBSERVED_ID ? observed_zone(rr, text) : NULL;
	if (kind == OBSERVED_ZONE || kind == OBSERVED_ID)
		row_print(st->out, &row_zones,
		    zone ? zone : dname_print_short(name, text), rr);
	return OK;
}

static enum exit_status
print_all(struct status *st)
{
	struct column columns[ROW_COLUMNS_MAX];
	row_begin(st->out, &row_zones, columns);
	enum err e = observed_transfer(st->s, print_any, st);
	output_table_end(st->out);
	if (e)
		say_error("%s", st->s->error);
	return e ? EXIT_FAILED : EXIT_DONE;
}

/* -- some zones -------------------------------------------------------------- */

static enum err
name_of(void *arg, size_t i, struct dname *owner)
{
	struct status *st = arg;
	const struct order *o = &st->orders->items[i];
	struct dname zone;
	struct label id = order_id(o);
	if (o->state != ORDER_OPEN)
		return ERR_NOTFOUND;
	order_zone(o, &zone);
	return observed_owner(&zone, &id, &st->s->status, owner);
}

static enum err
print_one(void *arg, enum observed_kind kind, const struct dname *name,
    const struct rr *rr)
{
	struct status *st = arg;
	char text[DNAME_TEXT_MAX];
	(void)kind;
	(void)name;
	row_print(st->out, &row_zones, order_zone_text(st->order, text), rr);
	return OK;
}

static enum err
answer_of(void *arg, size_t i, const struct msg *msg)
{
	struct status *st = arg;
	char why[SESSION_REASON_MAX];
	st->order = &st->orders->items[i];
	enum err e = observed_read(st->s, msg, print_one, st);
	if (e == ERR_NOTFOUND || e == ERR_DENIED) {
		st->order->state = ORDER_REFUSED;
		st->order->reason = e == ERR_NOTFOUND ? "not in the catalog"
						      : pool_strdup(&st->orders->pool,
							    session_reason(msg, why));
		return OK;
	}
	if (!e)
		st->order->state = ORDER_DONE;
	return e;
}

/* Zones whose names are too long for _status need their id first. */
static enum err
find_odd_ids(struct status *st)
{
	static const struct label none;
	struct dname zone, owner;
	for (size_t i = 0; i < st->orders->n; i++) {
		order_zone(&st->orders->items[i], &zone);
		if (observed_owner(&zone, &none, &st->s->status, &owner))
			return ask_ids(st->s, st->orders);
	}
	return OK;
}

static enum exit_status
print_some(struct status *st)
{
	struct column columns[ROW_COLUMNS_MAX];
	char zone[DNAME_TEXT_MAX];
	size_t n_done = 0;
	enum err e = find_odd_ids(st);
	row_begin(st->out, &row_zones, columns);
	if (!e)
		e = ask_txt(st->s, st->orders->n, name_of, answer_of, st);
	output_table_end(st->out);
	if (e) {
		say_error("%s", st->s->error);
		return EXIT_FAILED;
	}
	for (size_t i = 0; i < st->orders->n; i++) {
		const struct order *o = &st->orders->items[i];
		n_done += o->state == ORDER_DONE;
		if (o->state != ORDER_DONE)
			say_error("%s: %s", order_zone_text(o, zone),
			    o->reason ? o->reason : "no status");
	}
	if (n_done == st->orders->n)
		return EXIT_DONE;
	return n_done > 0 ? EXIT_PARTLY : EXIT_FAILED;
}

/* -- the agent ---------------------------------------------------------------- */

static const struct row_key agent_keys[] = {
    {{"agent", "Agent", CELL_TEXT, false}, "agent"},
    {{"version", "Version", CELL_TEXT, false}, "version"},
    {{"role", "Role", CELL_TEXT, false}, "role"},
    {{"catalog_serial", "Catalog serial", CELL_NUMBER, false}, "catalog-serial"},
    {{"catalog_state", "Catalog state", CELL_STATE, false}, "catalog"},
    {{"guard", "Guard", CELL_STATE, false}, "guard"},
    {{"held", NULL, CELL_NUMBER, false}, "held"},
    {{"health", "Health", CELL_STATE, false}, "health"},
};

static enum err
print_agent(void *arg, enum observed_kind kind, const struct dname *name,
    const struct rr *rr)
{
	struct status *st = arg;
	char value[OBSERVED_VALUE_MAX];
	(void)name;
	if (kind != OBSERVED_AGENT)
		return OK;
	for (size_t i = 0; i < sizeof(agent_keys) / sizeof(*agent_keys); i++) {
		const struct column *c = &agent_keys[i].column;
		const char *text = observed_get(rr, agent_keys[i].key, value);
		output_field(st->out, c->name, c->title, c->kind,
		    c->kind == CELL_NUMBER ? cell_digits(text) : cell_text(text));
	}
	return OK;
}

static enum err
print_backend(void *arg, enum observed_kind kind, const struct dname *name,
    const struct rr *rr)
{
	struct status *st = arg;
	char text[DNAME_TEXT_MAX];
	if (kind == OBSERVED_BACKEND)
		row_print(st->out, &row_backends, dname_print_short(name, text), rr);
	return OK;
}

static enum exit_status
print_summary(struct status *st)
{
	struct column columns[ROW_COLUMNS_MAX];
	enum err e = observed_query(st->s, &st->s->status, print_agent, st);
	if (!e) {
		row_begin(st->out, &row_backends, columns);
		e = observed_transfer_head(st->s, print_backend, st);
		output_table_end(st->out);
	}
	if (e == ERR_NOTFOUND)
		say_error("%s: the agent says nothing about itself", st->s->server);
	else if (e)
		say_error("%s", st->s->error);
	return e ? EXIT_FAILED : EXIT_DONE;
}

enum exit_status
status_run(struct ctl *ctl)
{
	struct session s = {0};
	struct orders orders;
	struct status st = {.s = &s, .out = ctl->out, .orders = &orders};
	enum exit_status rc = orders_read(ctl, ORDERS_ZONES, &orders);
	bool summary = ctl->opt->given & OPTION_SUMMARY;
	if (!rc && summary && orders.n > 0) {
		say_error("--summary takes no zones");
		rc = EXIT_USAGE;
	}
	if (!rc)
		rc = connect_open(&s, ctl);
	if (!rc) {
		output_field(ctl->out, "catalog", summary ? "Catalog" : NULL, CELL_TEXT,
		    cell_text(s.catalog_text));
		rc = summary         ? print_summary(&st)
		     : orders.n == 0 ? print_all(&st)
				     : print_some(&st);
	}
	session_close(&s);
	orders_fini(&orders);
	return rc;
}
