/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <string.h>

#include "agent/proto/change.h"
#include "agent/proto/command.h"
#include "agent/proto/control.h"
#include "agent/proto/transaction.h"
#include "agent/store/replay.h"
#include "agent/store/worklog.h"
#include "lib/clock.h"

/*
 * In the writer's thread, with other UPDATEs in one transaction. May be run
 * twice: the outcome is set from nothing each time. Whatever the outcome, it is
 * remembered in the transaction of the change; a refusal also makes a line of
 * history.
 */

void
update_refuse(struct update *u, unsigned rcode, unsigned rr, const char *reason)
{
	u->rcode = rcode;
	u->why.rr = rr;
	snprintf(u->why.reason, sizeof(u->why.reason), "%s", reason);
}

/* -- what an UPDATE is ------------------------------------------------------ */

/* Somebody else's lock is in the way. */
bool
update_is_locked(struct update *u)
{
	char reason[96];
	const struct proto_session *session = u->req.session;
	const char *by =
	    lock_other(&session->proto->locks, u->catalog->nr, session->id);

	if (by == NULL)
		return false;
	snprintf(reason, sizeof(reason), "locked by=%s", by);
	update_refuse(u, RCODE_REFUSED, 0, reason);
	return true;
}

static enum err
run_edit(struct store_txn *txn, struct update *u)
{
	struct change c;
	enum err err = change_begin(&c, txn, u, 0);

	if (err != OK)
		return err;
	err = change_add(&c, &u->prereqs, &u->updates);
	if (err == OK && u->rcode == RCODE_NOERROR)
		err = change_end(&c);
	u->why_msg = 0; /* there is only one */
	change_fini(&c);
	return err;
}

static enum err
run_allowed(struct store_txn *txn, struct update *u)
{
	if (u->is_command)
		return u->control != VERB_KINDS ? control_run(txn, u)
						: command_run(txn, u);
	if (u->staged != NULL) {
		u->staged->accepted = transaction_has_begun(u->transaction);
		if (!u->staged->accepted)
			update_refuse(u, RCODE_REFUSED, 0, "no-transaction");
		return OK;
	}
	return update_is_locked(u) ? OK : run_edit(txn, u);
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
	char text[224], why[160], muted[32] = "";
	unsigned n_muted;

	if (!limits_may_log(u->req.key->use, u->req.now, &n_muted))
		return;
	if (n_muted > 0)
		snprintf(muted, sizeof(muted), " muted=%u", n_muted);
	update_print_why(u, why, sizeof(why));
	snprintf(text, sizeof(text), "rcode=%s %s%s", rcode_str(u->rcode), why, muted);

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
		replay_prune(txn, u->req.now - 2 * TSIG_FUDGE, REPLAY_MAX);
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
	update_refuse(u, r.rcode, 0, r.rcode == RCODE_NOERROR ? "" : "answered-before");
	u->serial = r.serial;
	u->again = true;
	return OK;
}

/*
 * The second of the start, by the clock as it is now: on a machine that came up with
 * a clock that was ahead nothing would be taken until that time has come.
 */
static uint64_t
started_at(const struct update *u)
{
	enum { SET_MS = 1000 }; /* less is what lies between reading the two */
	uint64_t started = u->req.view->conf.started;
	int64_t set_ms =
	    clock_unix_ms() - clock_boot_ms() - u->req.session->proto->clock_ms;

	if (set_ms >= SET_MS)
		return started + (uint64_t)set_ms / 1000;
	if (set_ms > -SET_MS)
		return started;
	uint64_t back_s = ((uint64_t)-set_ms + 999) / 1000;
	return back_s < started ? started - back_s : 0;
}

enum err
update_run(struct store_txn *txn, struct store_job *job)
{
	struct update *u = (struct update *)job;

	u->rcode = RCODE_NOERROR;
	u->why.rr = 0;
	u->why.reason[0] = '\0';
	u->serial = 0;
	u->again = u->changed = u->reconfigure = u->release = false;
	memset(&u->verdict, 0, sizeof(u->verdict));
	u->seq = 0;
	u->why_msg = 0;
	if (u->staged != NULL)
		u->staged->accepted = false;
	enum err err = look_for_replay(txn, u);
	if (err != OK || u->again)
		return err;
	uint64_t horizon, signed_at = u->req.tsig.time_signed;
	err = replay_horizon(txn, &horizon);
	if (err != OK)
		return err;
	if (signed_at < started_at(u))
		update_refuse(u, RCODE_REFUSED, 0, "signed-before-start");
	else if (signed_at <= horizon)
		update_refuse(u, RCODE_REFUSED, 0, "signed-too-long-ago");
	else if (u->early_rcode != RCODE_NOERROR)
		update_refuse(u, u->early_rcode, u->early_why.rr, u->early_why.reason);
	else
		err = run_allowed(txn, u);
	return err == OK ? remember(txn, u) : err;
}
