/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "agent/backend/chan.h"
#include "agent/backend/yadifa.h"
#include "agent/backend/yadifa_reply.h"
#include "lib/rr.h"

/*
 * yadifad takes orders where it takes queries: DNS over TCP, opcode 9, class
 * CTRL, signed. An order for a zone carries the name in a record; without that
 * record it would be for all zones, the operator's too. Its reply for a zone:
 * REFUSED, there is none; NOTAUTH, there is one and we have no right to it.
 */

enum { OPCODE_CTRL = 9, CLASS_CTRL = 42, WINDOW = 256 };

static enum err
fail(struct yadifa *y, enum err err, struct backend_error *why)
{
	return backend_fail(why, err, "yadifad at %.180s", exchange_error(y->x));
}

static enum err
connect_with(struct yadifa *y, struct key *key, unsigned timeout_ms,
    struct backend_error *why)
{
	struct exchange_conf conf = {.server = y->control,
	    .key = key,
	    .timeout_ms = timeout_ms,
	    .cancel_fd = y->conf.cancel_fd};
	enum err err;

	if (y->x != NULL)
		return OK;
	err = exchange_open(&conf, &y->x);
	if (err == OK)
		return OK;
	fail(y, err, why);
	yadifa_hang_up(y);
	return err;
}

static enum err
connect_for(struct yadifa *y, unsigned timeout_ms, struct backend_error *why)
{
	return connect_with(y, y->key, timeout_ms, why);
}

void
yadifa_hang_up(struct yadifa *y)
{
	exchange_close(y->x);
	y->x = NULL;
}

/* -- building -------------------------------------------------------------- */

static void
put_ctrl(struct exchange *x, enum yadifa_ctrl type, const struct dname *zone)
{
	struct wire_out *out = exchange_begin(x);
	uint8_t rdata[1 + DNAME_WIRE_MAX];
	struct rr rr = {.owner = dname_root, .type = type, .class = CLASS_CTRL};

	msg_start(out, 0, OPCODE_CTRL << 11);
	msg_put_question(out, &dname_root, type, CLASS_CTRL);
	if (zone == NULL)
		return;
	if (type == CTRL_SYNC)
		rdata[rr.rdata_size++] = 0; /* the journal stays */
	memcpy(rdata + rr.rdata_size, zone->wire, zone->size);
	rr.rdata_size = (uint16_t)(rr.rdata_size + zone->size);
	rr.rdata = rdata;
	msg_put_rr(out, MSG_ANSWER, &rr);
}

static void
put_question(struct exchange *x, enum yadifa_question question,
    const struct dname *zone)
{
	struct wire_out *out;

	if (question == YADIFA_RELOAD) {
		put_ctrl(x, CTRL_RELOAD, zone);
		return;
	}
	out = exchange_begin(x);
	msg_start(out, 0,
	    question == YADIFA_NOTIFY ? OPCODE_NOTIFY << 11 | FLAG_AA : 0);
	msg_put_question(out, zone, RR_SOA, CLASS_IN);
}

/* -- asking ---------------------------------------------------------------- */

/* Questions on their way: which reply is whose. */
struct window {
	uint16_t ids[WINDOW];
	size_t at[WINDOW];
	unsigned n;
};

static enum err
receive_one(struct exchange *x, struct window *w, const struct dname *zones,
    struct yadifa_answer *answers)
{
	struct msg msg;
	enum err err = exchange_receive(x, &msg);

	if (err != OK)
		return err;
	for (unsigned i = 0; i < w->n; i++) {
		struct yadifa_answer *a = &answers[w->at[i]];

		if (w->ids[i] != msg.id)
			continue;
		a->rcode = msg_rcode(&msg);
		a->served = msg_opcode(&msg) == OPCODE_QUERY &&
			    yadifa_reply_is_served(&msg, &zones[w->at[i]], &a->serial);
		w->n--;
		w->ids[i] = w->ids[w->n];
		w->at[i] = w->at[w->n];
		break;
	}
	return OK;
}

static enum err
ask_all(struct exchange *x, enum yadifa_question question, const struct dname *zones,
    size_t n, struct yadifa_answer *answers)
{
	struct window w = {.n = 0};
	enum err err = OK;

	for (size_t i = 0; err == OK && i < n; i++) {
		if (w.n == WINDOW)
			err = receive_one(x, &w, zones, answers);
		if (err != OK)
			break;
		put_question(x, question, &zones[i]);
		err = exchange_send(x, &w.ids[w.n]);
		w.at[w.n++] = i;
	}
	while (err == OK && w.n > 0)
		err = receive_one(x, &w, zones, answers);
	return err;
}

enum err
yadifa_ask(struct yadifa *y, enum yadifa_question question, const struct dname *zones,
    size_t n, struct yadifa_answer *answers, struct backend_error *why)
{
	bool is_signed = question != YADIFA_SOA_UNSIGNED;
	enum err err;

	memset(answers, 0, n * sizeof(answers[0]));
	if (!is_signed) /* on a connection of its own */
		yadifa_hang_up(y);
	err = connect_with(y, is_signed ? y->key : NULL, y->conf.timeout_ms, why);
	if (err != OK)
		return err;
	err = ask_all(y->x, question, zones, n, answers);
	if (err != OK)
		fail(y, err, why);
	if (err != OK || !is_signed)
		yadifa_hang_up(y);
	return err;
}

static enum err
once(struct yadifa *y, struct msg *msg, struct backend_error *why)
{
	enum err err = exchange_once(y->x, msg);

	if (err != OK) {
		fail(y, err, why);
		yadifa_hang_up(y);
	}
	return err;
}

enum err
yadifa_ctrl_zone(struct yadifa *y, enum yadifa_ctrl type, const struct dname *zone,
    unsigned *rcode, struct backend_error *why)
{
	struct msg msg;
	enum err err = connect_for(y, y->conf.timeout_ms, why);

	if (err != OK)
		return err;
	put_ctrl(y->x, type, zone);
	err = once(y, &msg, why);
	if (err == OK)
		*rcode = msg_rcode(&msg);
	return err;
}

enum err
yadifa_ctrl_reload(struct yadifa *y, unsigned timeout_ms, unsigned *rcode, bool *sent,
    struct backend_error *why)
{
	struct msg msg;
	enum err err;

	*sent = false;
	yadifa_hang_up(y);
	err = connect_for(y, timeout_ms, why);
	if (err != OK)
		return err;
	put_ctrl(y->x, CTRL_ZONECFGRELOAD, NULL);
	*sent = true;
	err = once(y, &msg, why);
	if (err == OK)
		*rcode = msg_rcode(&msg);
	yadifa_hang_up(y);
	return err;
}

enum err
yadifa_ask_version(struct yadifa *y, char version[static 32], struct backend_error *why)
{
	struct dname name;
	struct msg msg;
	enum err err = connect_for(y, y->conf.timeout_ms, why);

	if (err != OK || dname_parse("version.yadifa", &name) != OK)
		return err;
	err = exchange_query(y->x, &name, RR_TXT, CLASS_CH, &msg);
	if (err != OK) {
		fail(y, err, why);
		yadifa_hang_up(y);
	} else if (!yadifa_reply_text(&msg, version, 32)) {
		version[0] = '\0'; /* hidden */
	}
	return err;
}
