/* SPDX-License-Identifier: BSD-2-Clause */
#include "ctl/ask.h"
#include "ctl/commands.h"
#include "ctl/edit.h"
#include "ctl/options.h"
#include "ctl/say.h"

/* A change of what is not there any more would be refused, but with a less
 * helpful reason. */
static void
prereq(const struct order *o, const struct dname *zone, const struct dname *node,
    size_t n, struct wire_out *out)
{
	(void)o;
	(void)n;
	props_write_present(zone, node, out);
}

static void
update(const struct order *o, const struct dname *zone, const struct dname *node,
    struct wire_out *out)
{
	(void)zone;
	props_write_set(node, o->props, out);
}

enum exit_status
set_run(struct ctl *ctl)
{
	static const struct change_kind change = {
	    .doing = "changing",
	    .done = "changed",
	    .prereq = prereq,
	    .update = update,
	    .again_rcode = RCODE_NOERROR, /* it may be done twice */
	};
	static const struct edit edit = {
	    .change = &change,
	    .lines = ORDERS_ZONES,
	    .ids = ask_ids,
	    .end = AWAIT_CHANGED,
	};
	if (!(ctl->opt->given & (OPTION_PATTERN | OPTION_PARAM))) {
		say_error("set what? -p PATTERN or -P NAME=VALUE");
		return EXIT_USAGE;
	}
	return edit_run(ctl, &edit);
}
