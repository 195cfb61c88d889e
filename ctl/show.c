/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "ctl/commands.h"
#include "ctl/connect.h"
#include "ctl/options.h"
#include "ctl/orders.h"
#include "ctl/output.h"
#include "ctl/row.h"
#include "ctl/say.h"
#include "lib/catz.h"
#include "lib/memberlist.h"
#include "lib/observed.h"
#include "lib/rr.h"

/*
 * What one zone is to be, and what was seen of it. Its status gives the id,
 * the id its PTR and its group. The names of its parameters are not known
 * beforehand: only if the node has an `ext` at all is the catalog transferred.
 */
struct show {
	struct session *s;
	struct dname zone;
	struct label id;           /* empty: not known */
	struct memberlist members; /* of this one zone */
	bool params_hidden;        /* this key may not transfer */
	struct output *out;        /* while status is printed */
};

/* -- the member ------------------------------------------------------------ */

static enum err
take_id(void *arg, enum observed_kind kind, const struct dname *name,
    const struct rr *rr)
{
	struct show *show = arg;
	char text[OBSERVED_VALUE_MAX];
	struct dname id;
	(void)kind;
	(void)name;
	const char *value = observed_get(rr, "new-id", text);
	if (!value)
		value = observed_get(rr, "id", text);
	if (value && !dname_parse(value, &id))
		return dname_first_label(&id, &show->id);
	return OK;
}

/* All records at owner of that type; *exists: the name does. */
static enum err
take_at(struct show *show, const struct dname *owner, uint16_t type, bool *exists)
{
	struct msg msg;
	struct msg_cursor c;
	struct rr rr;
	struct buf rdata;
	enum err e = session_query(show->s, owner, type, &msg);
	if (e)
		return e;
	*exists = msg_rcode(&msg) == RCODE_NOERROR;
	buf_init(&rdata, MSG_MAX);
	msg_walk(&msg, MSG_ANSWER, &c);
	while (!e && !(e = msg_next(&c, &rdata, &rr))) {
		e = memberlist_take(&show->members, &rr);
		buf_reset(&rdata);
	}
	buf_fini(&rdata);
	return e == ERR_NOTFOUND ? OK : e;
}

static enum err
take_mine(void *arg, const struct rr *rr)
{
	struct show *show = arg;
	struct catz_name name;
	struct dname zone;
	catz_classify(&rr->owner, &show->s->catalog, &name);
	if (name.id.size == 0)
		return OK;
	if (show->id.size == 0 && name.kind == CATZ_MEMBER && rr->type == RR_PTR &&
	    !dname_from_wire(rr->rdata, rr->rdata_size, &zone) &&
	    dname_equal(&zone, &show->zone))
		show->id = name.id;
	return label_equal(&name.id, &show->id) ? memberlist_take(&show->members, rr)
						: OK;
}

static enum err
transfer_mine(struct show *show)
{
	enum err e;
	if (show->id.size == 0) { /* the first time only finds the id */
		e = session_transfer(show->s, &show->s->catalog, take_mine, show);
		if (e || show->id.size == 0)
			return e;
	}
	memberlist_fini(&show->members);
	memberlist_begin(&show->members, &show->s->catalog);
	return session_transfer(show->s, &show->s->catalog, take_mine, show);
}

static enum err
load_member(struct show *show)
{
	struct dname node, owner;
	struct label group = label_of("group"), ext = label_of("ext");
	bool exists = false;
	memberlist_begin(&show->members, &show->s->catalog);
	if (show->id.size == 0)
		return transfer_mine(show);
	enum err e = catz_member_owner(&show->id, &show->s->catalog, &node);
	if (!e)
		e = take_at(show, &node, RR_PTR, &exists);
	if (!e && exists && !dname_prepend(&group, &node, &owner))
		e = take_at(show, &owner, RR_TXT, &exists);
	exists = false;
	if (!e && !dname_prepend(&ext, &node, &owner))
		e = take_at(show, &owner, RR_TXT, &exists);
	if (e || !exists)
		return e;
	e = transfer_mine(show);
	show->params_hidden = e == ERR_DENIED;
	return e == ERR_DENIED ? OK : e;
}

/* -- printing -------------------------------------------------------------- */

static void
print_member(struct show *show, struct output *o)
{
	char zone[DNAME_TEXT_MAX], id[DNAME_TEXT_MAX];
	static const struct props none;
	const struct memberlist_entry *m = memberlist_find(&show->members, &show->zone);
	struct row_props cells;
	row_props_init(&cells, m ? &m->props : &none);
	output_field(o, "zone", "Zone", CELL_TEXT,
	    cell_text(dname_print_short(&show->zone, zone)));
	output_field(o, "catalog", "Catalog", CELL_TEXT,
	    cell_text(show->s->catalog_text));
	output_field(o, "id", "Id", CELL_TEXT,
	    cell_text(row_id(show->id.data, show->id.size, id)));
	output_field(o, "pattern", "Pattern", CELL_LIST,
	    m ? cells.patterns : cell_none());
	output_field(o, "parameters", "Parameters", CELL_MAP,
	    m && !show->params_hidden ? cells.params : cell_none());
	row_props_fini(&cells);
	if (!m)
		output_line(o, "Not in the catalog any more.");
	if (show->params_hidden)
		output_line(o, "This key may not see the parameters.");
}

static enum err
print_status(void *arg, enum observed_kind kind, const struct dname *name,
    const struct rr *rr)
{
	struct show *show = arg;
	(void)kind;
	(void)name;
	row_print(show->out, &row_zone_backends, NULL, rr);
	return OK;
}

/* ERR_NOTFOUND: no such zone. Else fails with s->error. */
static enum err
show_zone(struct show *show, struct output *o)
{
	struct dname owner;
	struct column columns[ROW_COLUMNS_MAX];
	enum err e = observed_owner(&show->zone, &show->id, &show->s->status, &owner);
	if (!e)
		e = observed_query(show->s, &owner, take_id, show);
	if (e && (e != ERR_NOTFOUND || show->id.size > 0))
		return e;
	e = load_member(show);
	if (e)
		return e;
	memberlist_end(&show->members);
	if (show->id.size == 0)
		return ERR_NOTFOUND;
	print_member(show, o);
	e = observed_owner(&show->zone, &show->id, &show->s->status, &owner);
	if (e)
		return e;
	row_begin(o, &row_zone_backends, columns);
	show->out = o;
	e = observed_query(show->s, &owner, print_status, show);
	output_table_end(o);
	return e == ERR_NOTFOUND ? OK : e;
}

enum exit_status
show_run(struct ctl *ctl)
{
	struct session s = {0};
	struct show show = {.s = &s};
	const char *why;
	if (orders_parse_zone(ctl->args[0], &show.zone, &why)) {
		say_error("\"%s\": %s", ctl->args[0], why);
		return EXIT_USAGE;
	}
	enum exit_status rc = connect_open(&s, ctl);
	if (!rc) {
		char zone[DNAME_TEXT_MAX];
		enum err e = show_zone(&show, ctl->out);
		if (e == ERR_NOTFOUND)
			say_error("%s: not in the catalog",
			    dname_print_short(&show.zone, zone));
		else if (e)
			say_error("%s", s.error);
		rc = e ? EXIT_FAILED : EXIT_DONE;
	}
	memberlist_fini(&show.members);
	session_close(&s);
	return rc;
}
