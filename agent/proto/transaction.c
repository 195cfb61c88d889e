/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/proto/transaction.h"

#include <stdlib.h>
#include <string.h>

#include "agent/proto/change.h"
#include "agent/store/replay.h"
#include "lib/mem.h"

struct transaction {
	unsigned refs; /* the session, each request that needs it */
	struct proto *proto;
	struct dname key;
	uint8_t catalog;
	unsigned max_rrs;
	struct staged **items;
	size_t n, room;
	size_t n_rrs, bytes;
	bool spoilt;
	bool begun; /* the writer's */
};

/* -- life ------------------------------------------------------------------- */

struct transaction *
transaction_new(const struct update *u)
{
	struct transaction *t = mem_zalloc(sizeof(*t));

	t->refs = 1;
	t->proto = u->req.session->proto;
	t->key = *key_name(u->req.tsig.key);
	t->catalog = u->catalog->nr;
	t->max_rrs = u->catalog->max_transaction;
	return t;
}

struct transaction *
transaction_ref(struct transaction *t)
{
	t->refs++;
	return t;
}

void
transaction_unref(struct transaction *t)
{
	if (t == NULL || --t->refs > 0)
		return;
	t->proto->staged_bytes -= t->bytes;
	for (size_t i = 0; i < t->n; i++)
		free(t->items[i]);
	free(t->items);
	free(t);
}

void
transaction_begin(struct transaction *t)
{
	t->begun = true;
}

bool
transaction_has_begun(const struct transaction *t)
{
	return t->begun;
}

bool
transaction_is_for(const struct transaction *t, const struct request *req,
    const struct proto_catalog *catalog)
{
	return t->catalog == catalog->nr &&
	       dname_equal(&t->key, key_name(req->tsig.key));
}

void
transaction_spoil(struct transaction *t)
{
	t->spoilt = true;
}

/* -- collecting ------------------------------------------------------------- */

/* A message without records counts as one, so that their number is bounded. */
static const char *
make_room(struct transaction *t, size_t n_rrs, size_t bytes)
{
	n_rrs += n_rrs == 0;
	if (t->n_rrs + n_rrs > t->max_rrs || t->bytes + bytes > TRANSACTION_BYTES_MAX)
		return "transaction-too-large";
	if (t->proto->staged_bytes + bytes > TRANSACTIONS_BYTES_MAX)
		return "busy";
	t->n_rrs += n_rrs;
	t->bytes += bytes;
	t->proto->staged_bytes += bytes;
	if (t->n == t->room) {
		t->room = t->room > 0 ? 2 * t->room : 16;
		t->items = mem_realloc(t->items, t->room * sizeof(struct staged *));
	}
	return NULL;
}

const char *
transaction_add(struct transaction *t, struct update *u, const struct msg *msg)
{
	const struct tsig *tsig = &u->req.tsig;
	struct staged *s;
	size_t bytes = sizeof(*s) + msg->size;
	const char *why = make_room(t, u->prereqs.n + u->updates.n, bytes);

	if (why != NULL) {
		t->spoilt = true;
		return why;
	}
	s = mem_alloc(bytes);
	*s = (struct staged){.time_signed = tsig->time_signed,
	    .mac_size = tsig->mac_size,
	    .size = (uint16_t)msg->size};
	memcpy(s->mac, tsig->mac, tsig->mac_size);
	memcpy(s->wire, msg->wire, msg->size);
	t->items[t->n++] = s;
	u->staged = s;
	u->transaction = transaction_ref(t);
	return NULL;
}

/* -- applying --------------------------------------------------------------- */

static void
refuse_message(struct update *u, size_t nth, unsigned rcode, const char *reason)
{
	update_refuse(u, rcode, 0, reason);
	u->why_msg = (unsigned)nth + 1;
}

/*
 * What a message was answered is on record, so this also finds one whose answer
 * could not be made durable: it counts as refused. So do bytes that were answered
 * before, here or for somebody else: nobody may think that they are in this one.
 */
static enum err
check_staged(struct store_txn *txn, struct update *u, size_t nth)
{
	struct replay r;
	const struct staged *s = u->transaction->items[nth];
	enum err err = replay_get(txn, s->time_signed, s->mac, s->mac_size, &r);

	if (err != OK && err != ERR_NOTFOUND)
		return err;
	if (err == ERR_NOTFOUND || r.rcode != RCODE_NOERROR || !s->accepted)
		refuse_message(u, nth, RCODE_REFUSED, "message-was-refused");
	return OK;
}

static enum err
add_message(struct change *c, const struct staged *s)
{
	struct msg msg;
	struct rrlist prereqs = {.n = 0}, updates = {.n = 0};
	enum err err = msg_frame(s->wire, s->size, &msg);

	if (err == OK)
		err = rrlist_read(&msg, MSG_PREREQ, &prereqs);
	if (err == OK)
		err = rrlist_read(&msg, MSG_UPDATES, &updates);
	if (err == OK)
		err = change_add(c, &prereqs, &updates);
	rrlist_fini(&prereqs);
	rrlist_fini(&updates);
	return err;
}

static enum err
add_all(struct store_txn *txn, struct change *c)
{
	struct update *u = c->u;
	const struct transaction *t = u->transaction;
	enum err err = OK;

	for (size_t i = 0; i < t->n && err == OK && u->rcode == RCODE_NOERROR; i++) {
		err = check_staged(txn, u, i);
		if (err == OK && u->rcode == RCODE_NOERROR)
			err = add_message(c, t->items[i]);
	}
	return err;
}

enum err
transaction_run(struct store_txn *txn, struct update *u)
{
	struct change c;
	const struct transaction *t = u->transaction;

	if (t->spoilt) {
		update_refuse(u, RCODE_REFUSED, 0, "message-was-refused");
		return OK;
	}
	enum err err = change_begin(&c, txn, u, TRANSACTION_EDIT_MAX);
	if (err != OK)
		return err;
	err = add_all(txn, &c);
	if (err == OK && u->rcode == RCODE_NOERROR)
		err = change_end(&c);
	change_fini(&c);
	return err;
}
