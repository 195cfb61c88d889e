/* SPDX-License-Identifier: BSD-2-Clause */
#include "ctl/ask.h"
#include "ctl/commands.h"
#include "ctl/edit.h"

/* The id was looked up before: it must still be that zone's. */
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
	(void)o;
	(void)zone;
	props_write_del(node, out);
}

enum exit_status
del_run(struct ctl *ctl)
{
	static const struct change_kind change = {
	    .doing = "removing",
	    .done = "removed",
	    .prereq = prereq,
	    .update = update,
	    .again_rcode = RCODE_NXRRSET,
	};
	static const struct edit edit = {
	    .change = &change,
	    .lines = ORDERS_ZONES,
	    .ids = ask_ids,
	    .end = AWAIT_GONE,
	};
	return edit_run(ctl, &edit);
}
