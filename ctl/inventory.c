/* SPDX-License-Identifier: BSD-2-Clause */
#include "ctl/inventory.h"

#include "ctl/connect.h"
#include "ctl/output.h"
#include "ctl/say.h"
#include "lib/session.h"

struct inventory {
	struct output *out;
	enum observed_kind kind;
	const struct row_table *table;
};

static enum err
print_record(void *arg, enum observed_kind kind, const struct dname *name,
    const struct rr *rr)
{
	struct inventory *in = arg;
	char text[DNAME_TEXT_MAX];
	if (kind == in->kind)
		row_print(in->out, in->table, dname_print_short(name, text), rr);
	return OK;
}

enum exit_status
inventory_run(struct ctl *ctl, enum observed_kind kind, const struct row_table *table)
{
	struct session s;
	struct inventory in = {.out = ctl->out, .kind = kind, .table = table};
	struct column columns[ROW_COLUMNS_MAX];
	enum exit_status rc = connect_open(&s, ctl);
	if (!rc) {
		output_field(ctl->out, "catalog", NULL, CELL_TEXT,
		    cell_text(s.catalog_text));
		row_begin(ctl->out, table, columns);
		if (observed_transfer_head(&s, print_record, &in)) {
			say_error("%s", s.error);
			rc = EXIT_FAILED;
		}
		output_table_end(ctl->out);
	}
	session_close(&s);
	return rc;
}
