/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/proto/control.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "agent/proto/command.h"
#include "agent/proto/rights.h"
#include "agent/proto/transaction.h"
#include "agent/store/replay.h"
#include "agent/store/worklog.h"
#include "lib/mem.h"

/* -- form ------------------------------------------------------------------- */

static bool
is_control(const struct rr *rr, enum verb_kind *kind)
{
	size_t pos = 0;
	const uint8_t *s;
	uint8_t n;

	return rr->class == CLASS_IN && rr->type == RR_TXT &&
	       txt_next(rr->rdata, rr->rdata_size, &pos, &s, &n) &&
	       verb_find(s, n, kind) && *kind >= VERB_KIND_BEGIN;
}

static bool
has_arguments(const struct rr *rr)
{
	return rr->rdata_size != (size_t)rr->rdata[0] + 1;
}

const char *
control_scan(struct update *u, const struct dname *apex)
{
	const struct label all = label_of("_all");
	struct dname name;
	enum verb_kind kind = VERB_KINDS;
	size_t i = 0;

	while (i < u->updates.n && !is_control(&u->updates.items[i], &kind))
		i++;
	if (i == u->updates.n)
		return NULL;
	const struct rr *rr = &u->updates.items[i];
	if (u->updates.n > 1)
		return "must-be-alone";
	if (u->prereqs.n > 0)
		return "prerequisites-not-here";
	if (dname_prepend(&all, apex, &name) != OK || !dname_equal(&rr->owner, &name))
		return "only-for-all";
	if (has_arguments(rr))
		return "unknown-argument";
	bool admin = kind == VERB_KIND_LOCK || kind == VERB_KIND_UNLOCK;
	if (!rights_have(u->req.key, admin ? RIGHT_ADMIN : RIGHT_UPDATE))
		return admin ? "no-admin-right" : "no-update-right";
	if (admin && rights_narrowed(u->req.key))
		return "not-permitted";
	if (u->req.session->transport == TRANSPORT_UDP)
		return "needs-a-connection";
	if (!u->catalog->primary)
		return "not-primary";
	u->control = kind;
	return NULL;
}

/* -- the connection's transaction ------------------------------------------- */

/* Played again it ends nothing here: what comes behind it would be applied at once,
 * outside of its transaction. The writer finds it as well, and answers. */
static bool
was_answered(const struct update *u)
{
	struct replay r;
	const struct tsig *tsig = &u->req.tsig;
	struct store_txn *txn = store_read(u->req.session->proto->store, STORE_CATALOG);
	enum err err =
	    replay_get(txn, tsig->time_signed, tsig->mac, tsig->mac_size, &r);

	store_end(&txn);
	return err != ERR_NOTFOUND;
}

static bool
is_about_transaction(enum verb_kind kind)
{
	return kind == VERB_KIND_BEGIN || kind == VERB_KIND_COMMIT ||
	       kind == VERB_KIND_ABORT;
}

static const char *
take_begin(struct update *u)
{
	struct proto_session *session = u->req.session;

	if (session->transaction != NULL)
		return "transaction-open";
	session->transaction = transaction_new(u);
	u->transaction = transaction_ref(session->transaction);
	return NULL;
}

/* What is collected goes over to the request. */
static const char *
take_end(struct update *u)
{
	struct proto_session *session = u->req.session;

	if (session->transaction == NULL ||
	    !transaction_is_for(session->transaction, &u->req, u->catalog))
		return "no-transaction";
	u->transaction = session->transaction;
	session->transaction = NULL;
	return NULL;
}

const char *
control_take(struct update *u)
{
	if (u->control == VERB_KIND_BEGIN)
		return take_begin(u);
	return is_about_transaction(u->control) && !was_answered(u) ? take_end(u)
								    : NULL;
}

const char *
control_stage(struct update *u, const struct msg *msg)
{
	struct transaction *t = u->req.session->transaction;

	if (t == NULL || !transaction_is_for(t, &u->req, u->catalog))
		return NULL;
	if (u->early_rcode == RCODE_NOERROR)
		return transaction_add(t, u, msg);
	transaction_spoil(t);
	return NULL;
}

void
control_spoil(struct proto_session *session)
{
	if (session->transaction != NULL)
		transaction_spoil(session->transaction);
}

/* -- in the writer ---------------------------------------------------------- */

/* It stops others, so the history tells. */
static enum err
append(struct store_txn *txn, struct update *u)
{
	const struct verb verb = {.kind = u->control, .all = true};
	struct buf text;

	buf_init(&text, 0);
	verb_put(&text, &verb);
	enum err err = text.err;
	if (err == OK)
		err = command_append(txn, u, &text);
	buf_fini(&text);
	return err;
}

static enum err
run_lock(struct store_txn *txn, struct update *u)
{
	char reason[96];
	const struct proto_session *session = u->req.session;
	struct locks *locks = &session->proto->locks;
	uint8_t nr = u->catalog->nr;
	const char *other = lock_other(locks, nr, session->id);

	if (u->control == VERB_KIND_LOCK && other != NULL) {
		snprintf(reason, sizeof(reason), "locked by=%s", other);
		update_refuse(u, RCODE_REFUSED, 0, reason);
		return OK;
	}
	if (u->control == VERB_KIND_LOCK)
		lock_take(locks, nr, session->id, key_name_text(u->req.tsig.key),
		    u->catalog->max_lock_s);
	else {
		/* Locks are not undone with a transaction that has to be run again. */
		u->unlocked |= lock_drop(locks, nr, session->id);
		if (!u->unlocked) {
			update_refuse(u, RCODE_REFUSED, 0, "not-locked");
			return OK;
		}
	}
	return append(txn, u);
}

enum err
control_run(struct store_txn *txn, struct update *u)
{
	if (is_about_transaction(u->control) && u->transaction == NULL) {
		update_refuse(u, RCODE_REFUSED, 0, "no-transaction");
		return OK;
	}
	switch ((int)u->control) {
	case VERB_KIND_BEGIN: transaction_begin(u->transaction); return OK;
	case VERB_KIND_COMMIT:
		return update_is_locked(u) ? OK : transaction_run(txn, u);
	case VERB_KIND_LOCK:
	case VERB_KIND_UNLOCK: return run_lock(txn, u);
	default: return OK; /* abort changes nothing */
	}
}

/* -- letting locks go ------------------------------------------------------- */

struct unlock {
	struct store_job job; /* first */
	struct proto *proto;
	uint64_t owner;
};

static enum err
run_unlock(struct store_txn *txn, struct store_job *job)
{
	struct unlock *un = (struct unlock *)job;

	(void)txn;
	lock_drop_all(&un->proto->locks, un->owner);
	return OK;
}

static void
unlock_done(struct store_job *job, enum err err)
{
	struct unlock *un = (struct unlock *)job;

	(void)err;
	proto_free(un->proto);
	free(un);
}

static void
unlock_all(struct proto_session *session)
{
	struct unlock *un = mem_zalloc(sizeof(*un));

	un->job =
	    (struct store_job){.run = run_unlock, .done = unlock_done, .reap = true};
	un->proto = session->proto;
	un->proto->refs++;
	un->owner = session->id;
	session->locked_until_ms = 0;
	store_submit(session->proto->store, STORE_CATALOG, &un->job);
}

/* -- afterwards ------------------------------------------------------------- */

static uint64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

void
control_done(struct update *u)
{
	struct proto_session *session = u->req.session;
	bool ok = u->rcode == RCODE_NOERROR && !u->again;

	/* A begin that was none: what is staged already cannot be committed, as
	 * the commit does not find its transaction. But who was told NOERROR, for
	 * the same bytes were answered before, will not see that: what he sends now
	 * must not apply at once. */
	if (u->control == VERB_KIND_BEGIN && !ok &&
	    session->transaction == u->transaction && u->transaction != NULL) {
		if (u->rcode == RCODE_NOERROR) {
			transaction_spoil(session->transaction);
		} else {
			transaction_unref(session->transaction);
			session->transaction = NULL;
		}
	}
	if (u->control == VERB_KIND_LOCK && ok)
		session->locked_until_ms =
		    now_ms() + (uint64_t)u->catalog->max_lock_s * 1000;
	/* The writer may have it locked though nobody was told so. */
	if (u->control == VERB_KIND_LOCK &&
	    (session->closed || u->rcode == RCODE_SERVFAIL))
		unlock_all(session);
}

void
control_end(struct proto_session *session)
{
	transaction_unref(session->transaction);
	session->transaction = NULL;
	if (session->locked_until_ms != 0)
		unlock_all(session);
}

bool
proto_is_engaged(const struct proto_session *session)
{
	return session->transaction != NULL || session->locked_until_ms > now_ms();
}
