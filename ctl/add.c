/* SPDX-License-Identifier: BSD-2-Clause */
#include <time.h>

#include "ctl/ask.h"
#include "ctl/commands.h"
#include "ctl/edit.h"
#include "lib/catz.h"

/* Ids that grow in the order of the zones, so that the agent's store can append
 * them; from the time, so that they grow from run to run too. But what the guard
 * holds comes back as it was. */
static enum err
give_ids(struct session *s, struct orders *orders)
{
	struct timespec ts;
	enum err e = ask_held_ids(s, orders);
	if (e)
		return e;
	clock_gettime(CLOCK_REALTIME, &ts);
	uint64_t order = (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
	for (size_t i = 0; i < orders->n; i++) {
		struct label id = catz_new_id(order + i);
		if (orders->items[i].id_size == 0)
			order_set_id(orders, &orders->items[i], &id);
	}
	return OK;
}

/* An UPDATE is done whole or not at all: that its first node is not there says
 * that none of it was done before. */
static void
prereq(const struct order *o, const struct dname *zone, const struct dname *node,
    size_t n, struct wire_out *out)
{
	(void)o;
	(void)zone;
	if (n == 0)
		props_write_absent(node, out);
}

static void
update(const struct order *o, const struct dname *zone, const struct dname *node,
    struct wire_out *out)
{
	props_write_add(zone, node, o->props, out);
}

enum exit_status
add_run(struct ctl *ctl)
{
	static const struct change_kind change = {
	    .doing = "adding",
	    .done = "added",
	    .prereq = prereq,
	    .update = update,
	    .again_rcode = RCODE_YXRRSET,
	    .again_proves_all = true,
	};
	static const struct edit edit = {
	    .change = &change,
	    .lines = ORDERS_ADDITIONS,
	    .ids = give_ids,
	    .end = AWAIT_SERVING,
	};
	return edit_run(ctl, &edit);
}
