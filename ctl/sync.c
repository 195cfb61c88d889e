/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdint.h>
#include <string.h>

#include "ctl/await.h"
#include "ctl/commands.h"
#include "ctl/confirm.h"
#include "ctl/options.h"
#include "ctl/output.h"
#include "ctl/plan.h"
#include "ctl/say.h"
#include "ctl/transact.h"

enum { ROWS_SHOWN = 50 };

/* -- waiting ---------------------------------------------------------------- */

/* Those that are to be served, or to be gone, as done orders. */
static void
collect(const struct diff *diff, bool gone, struct orders *orders)
{
	char zone[DNAME_TEXT_MAX];

	memset(orders, 0, sizeof(*orders));
	for (size_t i = 0; i < diff->n; i++) {
		const struct diff_item *item = &diff->items[i];
		if ((item->kind == DIFF_REMOVE) != gone ||
		    orders_add(orders, diff_zone_text(item, zone), NULL, ""))
			continue;
		struct order *o = &orders->items[orders->n - 1];
		order_set_id(orders, o, &item->id);
		o->state = ORDER_DONE;
	}
}

static enum exit_status
wait_for(struct plan *plan, struct ctl *ctl, bool gone)
{
	struct orders orders;
	struct await a = {.s = &plan->s,
	    .orders = &orders,
	    .end = gone ? AWAIT_GONE : AWAIT_CHANGED,
	    .timeout_s = ctl->opt->wait_s};
	enum exit_status rc = EXIT_DONE;

	collect(&plan->diff, gone, &orders);
	if (orders.n > 0) {
		rc = await_change(ctl, &a);
		await_say(&a);
		await_fini(&a);
	}
	orders_fini(&orders);
	return rc;
}

static bool
removes(const struct diff *diff)
{
	for (size_t i = 0; i < diff->n; i++)
		if (diff->items[i].kind == DIFF_REMOVE)
			return true;
	return false;
}

/* -- the command ------------------------------------------------------------ */

/* Who was asked may have thought for longer than the agent keeps a connection. */
static enum exit_status
meet_again(struct session *s)
{
	if (session_reopen(s) == OK)
		return EXIT_DONE;
	say_error("%s", s->error);
	say_error("nothing was changed");
	return EXIT_FAILED;
}

static enum exit_status
apply(struct plan *plan, struct ctl *ctl)
{
	enum exit_status rc = confirm_ask(ctl);

	if (!rc && !(ctl->opt->given & OPTION_YES))
		rc = meet_again(&plan->s);
	if (!rc)
		rc = transact(&plan->s, &plan->members, &plan->diff);
	output_field(ctl->out, "result", NULL, CELL_TEXT,
	    cell_text(rc ? "failed" : "done"));
	if (rc)
		return rc;
	output_line(ctl->out, "done");
	if (removes(&plan->diff))
		guard_warn(&plan->s);
	if (!(ctl->opt->given & OPTION_WAIT))
		return EXIT_DONE;
	rc = wait_for(plan, ctl, false);
	enum exit_status gone = wait_for(plan, ctl, true);
	return rc ? rc : gone;
}

enum exit_status
sync_run(struct ctl *ctl)
{
	struct plan plan;
	enum exit_status rc = plan_make(&plan, ctl);

	if (!rc) {
		plan_print(&plan, ctl, ctl->opt->json ? SIZE_MAX : ROWS_SHOWN);
		if (plan.diff.n > 0)
			rc = apply(&plan, ctl);
		else
			output_field(ctl->out, "result", NULL, CELL_TEXT,
			    cell_text("done"));
	}
	plan_fini(&plan);
	return rc;
}
