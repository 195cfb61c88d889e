/* SPDX-License-Identifier: BSD-2-Clause */
#include "ctl/await.h"
#include "ctl/commands.h"
#include "ctl/connect.h"
#include "ctl/options.h"
#include "ctl/output.h"

enum exit_status
wait_run(struct ctl *ctl)
{
	struct session s = {0};
	struct orders orders;
	enum exit_status rc = orders_read(ctl, ORDERS_ZONES, &orders);
	bool all = ctl->n_args == 0 && !ctl->opt->from;
	struct await a = {
	    .s = &s,
	    .orders = all ? NULL : &orders,
	    .end = AWAIT_SERVING,
	    .timeout_s = ctl->opt->timeout_s,
	};
	if (!rc)
		rc = connect_open(&s, ctl);
	if (!rc) {
		rc = await_run(&a);
		output_field(ctl->out, "catalog", NULL, CELL_TEXT,
		    cell_text(s.catalog_text));
		await_print(ctl, &a);
		output_end(ctl->out);
		await_say(&a);
	}
	await_fini(&a);
	session_close(&s);
	orders_fini(&orders);
	return rc;
}
