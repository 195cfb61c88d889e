/* SPDX-License-Identifier: BSD-2-Clause */
#include "ctl/edit.h"

#include <stdio.h>

#include "ctl/commands.h"
#include "ctl/connect.h"
#include "ctl/options.h"
#include "ctl/output.h"
#include "ctl/row.h"
#include "ctl/say.h"

static const char *
result_of(const struct order *o)
{
	switch ((enum order_state)o->state) {
	case ORDER_DONE: return "done";
	case ORDER_UNKNOWN: return "unknown";
	case ORDER_OPEN:
	case ORDER_REFUSED: break;
	}
	return "failed";
}

static void
print_orders(const struct ctl *ctl, const struct orders *orders)
{
	static const struct column columns[] = {
	    {"zone", NULL, CELL_TEXT, false},
	    {"id", NULL, CELL_TEXT, false},
	    {"result", NULL, CELL_TEXT, false},
	    {"reason", NULL, CELL_TEXT, false},
	};
	char zone[DNAME_TEXT_MAX], id_text[DNAME_TEXT_MAX];
	output_table(ctl->out, "zones", columns, 4);
	for (size_t i = 0; i < orders->n; i++) {
		const struct order *o = &orders->items[i];
		bool has_id = o->id_size > 0;
		const struct cell row[] = {
		    cell_text(order_zone_text(o, zone)),
		    cell_text(has_id ? row_id(o->id, o->id_size, id_text) : NULL),
		    cell_text(result_of(o)),
		    cell_text(o->reason),
		};
		output_row(ctl->out, row);
	}
	output_table_end(ctl->out);
}

static size_t
count_done(const struct orders *orders)
{
	size_t n = 0;
	for (size_t i = 0; i < orders->n; i++)
		n += orders->items[i].state == ORDER_DONE;
	return n;
}

static void
print_result(const struct ctl *ctl, const struct change_kind *kind,
    const struct session *s, const struct orders *orders)
{
	char count[SAY_COUNT_MAX], line[128];
	size_t n_done = count_done(orders);
	if (ctl->opt->json) {
		output_field(ctl->out, "catalog", NULL, CELL_TEXT,
		    cell_text(s->catalog_text));
		print_orders(ctl, orders);
	} else if (n_done > 0 || orders->n == 0) {
		snprintf(line, sizeof(line), "%s %s", kind->done,
		    say_count(n_done, "zone", count));
		output_line(ctl->out, line);
	}
}

static void
say_failures(const struct change_kind *kind, const struct orders *orders)
{
	char zone[DNAME_TEXT_MAX];
	for (size_t i = 0; i < orders->n; i++) {
		const struct order *o = &orders->items[i];
		if (o->state != ORDER_DONE)
			say_error("%s: not %s: %s", order_zone_text(o, zone),
			    kind->done, o->reason ? o->reason : "not sent");
	}
}

static enum exit_status
verdict(const struct orders *orders)
{
	size_t n_done = count_done(orders);
	if (n_done == orders->n)
		return EXIT_DONE;
	return n_done == 0 ? EXIT_FAILED : EXIT_PARTLY;
}

/* What was not done is said at once in text, and after the document in JSON. */
static enum exit_status
run_connected(struct ctl *ctl, const struct edit *edit, struct session *s,
    struct orders *orders)
{
	struct await a = {
	    .s = s,
	    .orders = orders,
	    .end = edit->end,
	    .timeout_s = ctl->opt->wait_s,
	};
	if (edit->ids(s, orders)) {
		say_error("%s", s->error);
		return EXIT_FAILED;
	}
	change_run(s, edit->change, orders);
	print_result(ctl, edit->change, s, orders);
	if (!ctl->opt->json)
		say_failures(edit->change, orders);
	enum exit_status rc = verdict(orders), waited = EXIT_DONE;
	if (edit->end == AWAIT_GONE && count_done(orders) > 0)
		guard_warn(s);
	if ((ctl->opt->given & OPTION_WAIT) && rc != EXIT_FAILED) {
		waited = await_change(ctl, &a);
		await_print(ctl, &a);
	}
	if (ctl->opt->json) {
		output_end(ctl->out);
		say_failures(edit->change, orders);
	}
	await_say(&a);
	await_fini(&a);
	return rc ? rc : waited;
}

enum exit_status
edit_run(struct ctl *ctl, const struct edit *edit)
{
	struct orders orders;
	struct session s = {0};
	enum exit_status rc = orders_read(ctl, edit->lines, &orders);
	if (!rc && orders.n == 0 && !ctl->opt->from) {
		say_error("which zones? Name them, or --from FILE");
		rc = EXIT_USAGE;
	}
	if (!rc)
		rc = connect_open(&s, ctl);
	if (!rc)
		rc = run_connected(ctl, edit, &s, &orders);
	session_close(&s);
	orders_fini(&orders);
	return rc;
}
