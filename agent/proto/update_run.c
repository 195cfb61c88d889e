/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <string.h>

#include "agent/proto/command.h"
#include "agent/proto/prereq.h"
#include "agent/proto/rights.h"
#include "agent/proto/update.h"
#include "agent/store/replay.h"
#include "agent/store/worklog.h"

/*
 * In the writer's thread, with other UPDATEs in one transaction. May be run
 * twice: the outcome is set from nothing each time. Whatever the outcome, it is
 * remembered in the transaction of the change; a refusal also makes a line of
 * history.
 */

static void
refuse(struct update *u, unsigned rcode, unsigned rr, const char *reason)
{
	u->rcode = rcode;
	u->why.rr = rr;
	snprintf(u->why.reason, sizeof(u->why.reason), "%s", reason);
}

/* -- rights over prerequisites and updates ---------------------------------- */

struct rights_check {
	const struct update *u;
	unsigned rr;
};

static enum err
check_node(void *arg, const struct label *id, const struct member *before,
    const struct member *after, unsigned n)
{
	struct rights_check *c = arg;
	(void)id;
	if (rights_node(c->u->req.key, c->u->catalog, before, after))
		return OK;
	c->rr = n;
	return ERR_DENIED;
}

static enum err
check_rights(struct update *u, struct catalog_edit *edit)
{
	struct rights_check c = {.u = u};
	if (!rights_narrowed(u->req.key))
		return OK;
	enum err err = ERR_DENIED;
	if (catalog_edit_n_global(edit) == 0)
		err = catalog_edit_each_node(edit, check_node, &c);
	if (err == ERR_DENIED)
		refuse(u, RCODE_REFUSED, c.rr, "not-permitted");
	return err;
}

/* -- one edit --------------------------------------------------------------- */

static enum err
touch_prereqs(struct update *u, struct catalog_edit *edit)
{
	enum err err = OK;
	for (size_t i = 0; i < u->prereqs.n && err == OK; i++)
		err = catalog_edit_touch(edit, &u->prereqs.items[i].owner);
	if (err == ERR_DENIED)
		refuse(u, RCODE_REFUSED, 0, "too-much");
	return err;
}

static enum err
apply_updates(struct update *u, struct catalog_edit *edit)
{
	enum err err = OK;
	for (size_t i = 0; i < u->updates.n && err == OK; i++)
		err = catalog_edit_apply(edit, &u->updates.items[i], (unsigned)i + 1,
		    &u->why);
	return err;
}

static enum err
check_prereqs(struct update *u, struct catalog_edit *edit)
{
	unsigned rcode, rr = 0;
	enum err err = prereq_check(edit, &u->prereqs, &rcode, &rr);
	if (err == OK && rcode != RCODE_NOERROR)
		refuse(u, rcode, rr, "prerequisite");
	return err;
}

/* Rights come before prerequisites, so that nobody learns from these what he
 * may not see. Nothing is written before the commit. */
static enum err
edit_catalog(struct update *u, struct catalog_edit *edit)
{
	struct catalog_origin origin = {.by = key_name_text(u->req.tsig.key),
	    .source = u->source,
	    .now = u->req.now};
	enum err err = touch_prereqs(u, edit);
	if (err == OK)
		err = apply_updates(u, edit);
	/* Nor why something cannot be done, which may depend on what there is. */
	if (err == OK || err == ERR_DENIED) {
		enum err may = check_rights(u, edit);
		if (may != OK)
			err = may;
	}
	if (err == OK && u->rcode == RCODE_NOERROR)
		err = check_prereqs(u, edit);
	if (err == OK && u->rcode == RCODE_NOERROR)
		err = catalog_edit_check(edit, &u->why);
	if (err == OK && u->rcode == RCODE_NOERROR)
		err = catalog_edit_commit(edit, &origin, &u->serial, &u->changed);
	if (err == ERR_DENIED) {
		u->rcode = RCODE_REFUSED;
		err = OK;
	}
	return err;
}

static enum err
run_update(struct store_txn *txn, struct update *u)
{
	struct catalog_head head;
	enum err err = catalogs_get(txn, u->catalog->nr, &head);
	if (err != OK)
		return err == ERR_NOTFOUND ? ERR_CORRUPT : err;
	u->serial = head.soa.serial;
	const struct view *view = u->req.view;
	struct catalog_edit *edit =
	    catalog_edit_new(txn, &head, view->reserved, view->conf.n_catalogs);
	err = edit_catalog(u, edit);
	catalog_edit_free(edit);
	return err;
}

/* -- the replay window and the history -------------------------------------- */

/* A prerequisite that does not hold is an answer, not a refusal. */
static bool
is_refusal(unsigned rcode)
{
	return rcode == RCODE_REFUSED || rcode == RCODE_NOTAUTH ||
	       rcode == RCODE_NOTZONE || rcode == RCODE_FORMERR;
}

static void
log_refusal(struct store_txn *txn, const struct update *u)
{
	char text[192];
	int n = snprintf(text, sizeof(text), "rcode=%s reason=%s", rcode_str(u->rcode),
	    u->why.reason);
	if (u->why.rr > 0 && n > 0 && (size_t)n < sizeof(text))
		snprintf(text + n, sizeof(text) - (size_t)n, " rr=%u", u->why.rr);

	struct work w = {.kind = WORK_REFUSED,
	    .catalog = u->catalog ? u->catalog->nr : 0,
	    .time = u->req.now,
	    .serial_from = u->serial,
	    .serial_to = u->serial,
	    .text = text};
	snprintf(w.by, sizeof(w.by), "%s", key_name_text(u->req.tsig.key));
	snprintf(w.source, sizeof(w.source), "%s", u->source);
	worklog_append(txn, &w);
}

static enum err
remember(struct store_txn *txn, const struct update *u)
{
	const struct tsig *tsig = &u->req.tsig;
	struct replay r = {.rcode = (uint16_t)u->rcode, .serial = u->serial};

	if (is_refusal(u->rcode))
		log_refusal(txn, u);
	replay_put(txn, tsig->time_signed, tsig->mac, tsig->mac_size, &r);
	/* Twice the window: the clock may have been set back. */
	if (u->req.now > 2 * TSIG_FUDGE)
		replay_prune(txn, u->req.now - 2 * TSIG_FUDGE);
	return store_err(txn);
}

/* Were these very bytes answered before? */
static enum err
look_for_replay(struct store_txn *txn, struct update *u)
{
	struct replay r;
	const struct tsig *tsig = &u->req.tsig;
	enum err err =
	    replay_get(txn, tsig->time_signed, tsig->mac, tsig->mac_size, &r);
	if (err != OK)
		return err == ERR_NOTFOUND ? OK : err;
	refuse(u, r.rcode, 0, r.rcode == RCODE_NOERROR ? "" : "answered-before");
	u->serial = r.serial;
	u->again = true;
	return OK;
}

enum err
update_run(struct store_txn *txn, struct store_job *job)
{
	struct update *u = (struct update *)job;

	refuse(u, RCODE_NOERROR, 0, "");
	u->serial = 0;
	u->again = u->changed = u->reconfigure = false;
	u->seq = 0;
	enum err err = look_for_replay(txn, u);
	if (err != OK || u->again)
		return err;
	if (u->req.tsig.time_signed < u->req.view->conf.started)
		refuse(u, RCODE_REFUSED, 0, "signed-before-start");
	else if (u->early_rcode != RCODE_NOERROR)
		refuse(u, u->early_rcode, u->early_why.rr, u->early_why.reason);
	else if (u->is_command)
		err = command_run(txn, u);
	else
		err = run_update(txn, u);
	return err == OK ? remember(txn, u) : err;
}
