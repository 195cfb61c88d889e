/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/exchange.h"

#include <assert.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <openssl/rand.h>

#include "lib/mem.h"
#include "lib/stream.h"
#include "lib/tls.h"
#include "lib/xfr.h"

enum { EMPTY_MAX = 100, EDE_TEXT_MAX = 400, UDP_SIZE = 1232 };

/* A request whose reply has not come. */
struct slot {
	bool used;
	uint16_t id;
	enum opcode opcode;
	bool has_question;
	struct dname qname;
	uint16_t qtype, qclass;
	struct tsig tsig;
};

/* What remains to be done before the first request. */
enum opening { OPENING_CONNECT, OPENING_HANDSHAKE, OPENING_DONE };

struct transfer {
	bool under_way;
	uint16_t id; /* of the request */
	struct xfr xfr;
	unsigned n_messages, n_empty; /* empty ones in a row */
	exchange_rr_fn *fn;
	void *arg;
};

struct exchange {
	struct stream stream;
	enum opening opening;
	short events;        /* of poll(2), while it opens */
	struct tls_ctx *tls; /* while it opens */
	char *tls_name;
	struct transfer transfer;
	struct key *key;
	struct wire_out out;
	/*
	 * A request's id is its slot's number, and above that how often the slot
	 * was used, so that a late reply finds no other request; and the whole
	 * disguised, so that no two connections use the same ids.
	 */
	struct slot *slots[EXCHANGE_MAX]; /* NULL: never used */
	uint16_t unused[EXCHANGE_MAX];    /* a stack of the slots not in use */
	unsigned n_unused;
	uint16_t uses[EXCHANGE_MAX];
	uint16_t disguise;
	struct buf rdata;
	uint8_t request[2 + MSG_MAX];
};

static unsigned
n_outstanding(const struct exchange *x)
{
	return EXCHANGE_MAX - x->n_unused;
}

/* -- the connection ------------------------------------------------------- */

static struct exchange *
new_exchange(const struct exchange_conf *conf)
{
	struct exchange *x = mem_zalloc(sizeof(*x));

	x->key = conf->key != NULL ? key_ref(conf->key) : NULL;
	for (unsigned i = 0; i < EXCHANGE_MAX; i++)
		x->unused[i] = (uint16_t)(EXCHANGE_MAX - 1 - i);
	x->n_unused = EXCHANGE_MAX;
	buf_init(&x->rdata, MSG_MAX);
	if (RAND_bytes((uint8_t *)&x->disguise, sizeof(x->disguise)) != 1)
		x->disguise = (uint16_t)time(NULL); /* ids need not be secret here */
	return x;
}

enum err
exchange_open(const struct exchange_conf *conf, struct exchange **out)
{
	struct exchange *x = new_exchange(conf);

	*out = x;
	x->opening = OPENING_DONE;
	enum err err =
	    stream_open(&x->stream, &conf->server, conf->timeout_ms, conf->cancel_fd);
	if (err == OK && conf->tls != NULL)
		err = stream_secure(&x->stream, conf->tls, conf->tls_name);
	return err;
}

/* -- without waiting ------------------------------------------------------ */

enum err
exchange_start(const struct exchange_conf *conf, struct exchange **out)
{
	struct exchange *x = new_exchange(conf);

	*out = x;
	x->events = POLLOUT;
	if (conf->tls != NULL) {
		x->tls = tls_ctx_ref(conf->tls);
		x->tls_name = mem_strdup(conf->tls_name);
	}
	enum err err = stream_start(&x->stream, &conf->server, 0, conf->cancel_fd);
	return err == ERR_BUSY ? OK : err;
}

static enum err
open_on(struct exchange *x)
{
	enum err err;

	switch (x->opening) {
	case OPENING_CONNECT:
		err = stream_connected(&x->stream);
		if (err == OK && x->tls != NULL)
			err = stream_secure_start(&x->stream, x->tls, x->tls_name);
		if (err == OK)
			x->opening = x->tls != NULL ? OPENING_HANDSHAKE : OPENING_DONE;
		return err;
	case OPENING_HANDSHAKE:
		err = stream_secured(&x->stream, &x->events);
		if (err == OK)
			x->opening = OPENING_DONE;
		return err;
	case OPENING_DONE: break;
	}
	return OK;
}

enum err
exchange_opened(struct exchange *x)
{
	enum err err = OK;

	while (err == OK && x->opening != OPENING_DONE)
		err = open_on(x);
	return err;
}

int
exchange_wait_for(const struct exchange *x, short *events)
{
	size_t size;

	*events = x->opening == OPENING_DONE ? x->stream.in_waits : x->events;
	return stream_has_next(&x->stream, &size) ? -1 : x->stream.fd;
}

void
exchange_close(struct exchange *x)
{
	if (x == NULL)
		return;
	stream_close(&x->stream);
	for (unsigned i = 0; i < EXCHANGE_MAX; i++)
		free(x->slots[i]);
	key_unref(x->key);
	tls_ctx_unref(x->tls);
	free(x->tls_name);
	buf_fini(&x->rdata);
	free(x);
}

void
exchange_set_timeout(struct exchange *x, unsigned timeout_ms)
{
	x->stream.timeout_ms = timeout_ms;
}

void
exchange_set_cancel(struct exchange *x, int cancel_fd)
{
	x->stream.cancel_fd = cancel_fd;
}

const char *
exchange_error(const struct exchange *x)
{
	return x->stream.error;
}

/* -- requests ------------------------------------------------------------- */

struct wire_out *
exchange_begin(struct exchange *x)
{
	size_t room = x->key != NULL ? MSG_MAX - TSIG_SIZE_MAX : MSG_MAX;

	wire_out_init(&x->out, x->request + 2, room);
	return &x->out;
}

static struct slot *
take_slot(struct exchange *x)
{
	unsigned n = x->unused[--x->n_unused];

	if (x->slots[n] == NULL)
		x->slots[n] = mem_zalloc(sizeof(*x->slots[n]));
	x->slots[n]->used = true;
	x->slots[n]->id = (uint16_t)(x->uses[n]++ * EXCHANGE_MAX + n) ^ x->disguise;
	return x->slots[n];
}

static void
release_slot(struct exchange *x, struct slot *slot)
{
	slot->used = false;
	x->unused[x->n_unused++] = (uint16_t)((slot->id ^ x->disguise) % EXCHANGE_MAX);
}

/* The request that a reply's id belongs to, or NULL. */
static struct slot *
find_slot(const struct exchange *x, uint16_t id)
{
	struct slot *slot = x->slots[(id ^ x->disguise) % EXCHANGE_MAX];

	return slot != NULL && slot->used && slot->id == id ? slot : NULL;
}

/* Note what the reply must repeat. */
static void
note_request(const struct wire_out *out, struct slot *slot)
{
	struct wire_in in;

	wire_in_init(&in, out->msg, out->size);
	in.pos = 2;
	slot->opcode = (enum opcode)(wire_get_u16(&in) >> 11 & 15);
	slot->has_question = wire_get_u16(&in) == 1;
	in.pos = MSG_HEADER;
	if (slot->has_question) {
		wire_get_name(&in, &slot->qname);
		slot->qtype = wire_get_u16(&in);
		slot->qclass = wire_get_u16(&in);
	}
}

static enum err
sign(struct exchange *x, struct slot *slot)
{
	wire_patch_u16(&x->out, 0, slot->id);
	if (x->key == NULL)
		return x->out.err;
	x->out.room = MSG_MAX;
	return tsig_sign_request(x->key, &x->out, (uint64_t)time(NULL), &slot->tsig);
}

enum err
exchange_send(struct exchange *x, uint16_t *id)
{
	struct wire_out *out = &x->out;

	if (out->err != OK)
		return stream_fail(&x->stream, out->err, "the request is too large");
	if (x->n_unused == 0)
		return stream_fail(&x->stream, ERR_BUSY, "too many requests at once");
	assert(out->size >= MSG_HEADER);
	/* Each outstanding request may have one whole reply in the queue. */
	size_t queue_max = (n_outstanding(x) + 1) * (size_t)(2 + MSG_MAX);
	struct slot *slot = take_slot(x);
	note_request(out, slot);
	enum err err = sign(x, slot);
	if (err != OK) {
		stream_fail(&x->stream, err, "the request cannot be signed");
	} else {
		x->request[0] = (uint8_t)(out->size >> 8);
		x->request[1] = (uint8_t)out->size;
		err = stream_write(&x->stream, x->request, 2 + out->size, queue_max);
	}
	*id = slot->id;
	if (err != OK)
		release_slot(x, slot);
	return err;
}

/* -- replies -------------------------------------------------------------- */

/* The reply answers the request, as far as that can be told without a key. */
static bool
belongs(const struct slot *slot, const struct msg *msg)
{
	if ((msg->flags & FLAG_QR) == 0 || msg_opcode(msg) != slot->opcode)
		return false;
	if (msg->count[MSG_QUESTION] == 0)
		return true;
	return slot->has_question && msg->qtype == slot->qtype &&
	       msg->qclass == slot->qclass && dname_equal(&msg->qname, &slot->qname);
}

static const char *
auth_reason(const struct msg *msg, unsigned error)
{
	if (msg->tsig_at == 0)
		return "the reply is not signed";
	switch (error) {
	case RCODE_BADSIG: return "BADSIG: the secret is not the server's";
	case RCODE_BADKEY: return "BADKEY: the server has no such key or algorithm";
	case RCODE_BADTIME: return "BADTIME: the clocks differ too much";
	case RCODE_BADTRUNC: return "BADTRUNC: the signature is too short";
	case 0: return "the reply is wrongly signed";
	default: return "an unknown TSIG error";
	}
}

static enum err
verify(struct exchange *x, struct slot *slot, const struct msg *msg)
{
	unsigned error;

	if (x->key == NULL)
		return OK;
	enum err err =
	    tsig_verify_reply(&slot->tsig, msg, (uint64_t)time(NULL), &error);
	if (err == OK)
		return OK;
	return stream_fail(&x->stream, err, "%s (key %s, %s)",
	    rcode_str(msg_rcode(msg)), key_name_text(x->key), auth_reason(msg, error));
}

/* For exchange_error(): the rcode, and what the server has to say about it. */
static void
note_refusal(struct exchange *x, const struct msg *msg)
{
	char text[EDE_TEXT_MAX];
	unsigned rcode = msg_rcode(msg), code;

	x->stream.error[0] = '\0';
	if (rcode == RCODE_NOERROR)
		return;
	if (msg_get_ede(msg, &code, text, sizeof(text)) != OK)
		text[0] = '\0';
	for (char *at = text; *at != '\0'; at++) {
		if ((unsigned char)*at < ' ' || *at == 0x7f)
			*at = '?'; /* it may go to a terminal */
	}
	if (text[0] != '\0')
		stream_fail(&x->stream, OK, "%s: %s", rcode_str(rcode), text);
	else
		stream_fail(&x->stream, OK, "%s", rcode_str(rcode));
}

/*
 * The next reply and its request, which stays outstanding. *slot is NULL if no
 * reply came; then, but for ERR_TIMEOUT and ERR_CANCELED, the connection has
 * ended. With ERR_AUTH it is not.
 */
static enum err
next_reply(struct exchange *x, struct msg *msg, struct slot **slot)
{
	const uint8_t *wire;
	size_t size;

	*slot = NULL;
	if (n_outstanding(x) == 0)
		return stream_fail(&x->stream, ERR_NOTFOUND, "nothing was asked");
	enum err err = stream_next(&x->stream, &wire, &size);
	if (err != OK)
		return err;
	if (msg_frame(wire, size, msg) != OK) {
		err = stream_fail(&x->stream, ERR_FORM, "the reply is no DNS message");
	} else {
		struct slot *found = find_slot(x, msg->id);
		if (found != NULL && belongs(found, msg))
			*slot = found;
		else
			err = stream_fail(&x->stream, ERR_FORM,
			    "a reply to what was not asked");
	}
	if (err != OK) {
		stream_end(&x->stream, err);
		return err;
	}
	err = verify(x, *slot, msg);
	if (err == OK)
		note_refusal(x, msg);
	return err;
}

enum err
exchange_receive(struct exchange *x, struct msg *msg)
{
	struct slot *slot;
	enum err err = next_reply(x, msg, &slot);

	if (slot != NULL)
		release_slot(x, slot);
	return err;
}

enum err
exchange_once(struct exchange *x, struct msg *msg)
{
	uint16_t id;

	if (n_outstanding(x) > 0)
		return stream_fail(&x->stream, ERR_BUSY, "other replies are to come");
	enum err err = exchange_send(x, &id);
	return err == OK ? exchange_receive(x, msg) : err;
}

enum err
exchange_query(struct exchange *x, const struct dname *name, uint16_t type,
    uint16_t class, struct msg *msg)
{
	struct wire_out *out = exchange_begin(x);

	msg_start(out, 0, OPCODE_QUERY << 11);
	msg_put_question(out, name, type, class);
	msg_put_opt(out, UDP_SIZE, 0, 0, NULL);
	return exchange_once(x, msg);
}

/* -- transfers ------------------------------------------------------------ */

static void
put_serial(struct exchange *x, struct wire_out *out, const struct dname *zone,
    uint32_t serial)
{
	struct soa soa = {.mname = dname_root, .rname = dname_root, .serial = serial};

	buf_reset(&x->rdata);
	soa_write(&soa, &x->rdata);
	struct rr rr = {
	    .owner = *zone,
	    .type = RR_SOA,
	    .class = CLASS_IN,
	    .rdata_size = (uint16_t)x->rdata.size,
	    .rdata = x->rdata.data,
	};
	msg_put_rr(out, MSG_AUTHORITY, &rr);
}

static enum err
request_transfer(struct exchange *x, const struct dname *zone, const uint32_t *serial,
    uint16_t *id)
{
	struct wire_out *out = exchange_begin(x);

	msg_start(out, 0, OPCODE_QUERY << 11);
	msg_put_question(out, zone, serial != NULL ? RR_IXFR : RR_AXFR, CLASS_IN);
	if (serial != NULL)
		put_serial(x, out, zone, *serial);
	msg_put_opt(out, UDP_SIZE, 0, 0, NULL);
	return exchange_send(x, id);
}

static enum err
take_records(struct exchange *x, struct transfer *t, const struct msg *msg)
{
	struct msg_cursor c;
	struct rr rr;

	msg_walk(msg, MSG_ANSWER, &c);
	for (;;) {
		buf_reset(&x->rdata);
		enum err err = msg_next(&c, &x->rdata, &rr);
		if (err == ERR_NOTFOUND)
			break;
		if (err == OK)
			err = xfr_step(&t->xfr, &rr);
		if (err != OK)
			return stream_fail(&x->stream, ERR_FORM,
			    "the transfer is malformed");
		err = t->fn(t->arg, &rr);
		if (err != OK)
			return err;
	}
	/* A server may send empty messages (RFC 9103), but not as the first. */
	t->n_empty = c.n > 0 ? 0 : t->n_empty + 1;
	if (t->n_empty > EMPTY_MAX || t->xfr.state == XFR_FIRST)
		return stream_fail(&x->stream, ERR_FORM, "the transfer has no records");
	return OK;
}

/* The next message; there are more until xfr_is_done(). */
static enum err
take_message(struct exchange *x, struct transfer *t, unsigned *rcode)
{
	struct slot *slot;
	struct msg msg;
	enum err err = next_reply(x, &msg, &slot);
	if (err != OK)
		return err;
	t->n_messages++;
	*rcode = msg_rcode(&msg);
	if (*rcode != RCODE_NOERROR)
		return ERR_DENIED;
	return take_records(x, t, &msg);
}

enum err
exchange_transfer_begin(struct exchange *x, const struct dname *zone,
    const uint32_t *serial, exchange_rr_fn *fn, void *arg)
{
	struct transfer *t = &x->transfer;

	if (n_outstanding(x) > 0)
		return stream_fail(&x->stream, ERR_BUSY, "other replies are to come");
	*t = (struct transfer){.fn = fn, .arg = arg};
	enum err err = request_transfer(x, zone, serial, &t->id);
	if (err != OK)
		return err;
	xfr_init(&t->xfr, zone, serial);
	t->under_way = true;
	return OK;
}

static enum err
end_transfer(struct exchange *x, enum err err, unsigned rcode)
{
	struct transfer *t = &x->transfer;
	bool refused = rcode != RCODE_NOERROR && t->n_messages == 1;

	release_slot(x, find_slot(x, t->id));
	t->under_way = false;
	if (err != OK && !refused) /* what may still come has no end we could find */
		stream_end(&x->stream, ERR_CLOSED);
	return err;
}

enum err
exchange_transfer_go_on(struct exchange *x, unsigned *rcode)
{
	enum { MESSAGES_MAX = 16 };
	struct transfer *t = &x->transfer;
	enum err err = OK;

	assert(t->under_way);
	*rcode = RCODE_NOERROR;
	for (int i = 0; i < MESSAGES_MAX && err == OK && !xfr_is_done(&t->xfr); i++)
		err = take_message(x, t, rcode);
	if (err == OK && !xfr_is_done(&t->xfr))
		return ERR_BUSY;
	if (err == ERR_TIMEOUT && x->stream.timeout_ms == 0)
		return ERR_BUSY;
	return end_transfer(x, err, *rcode);
}

enum err
exchange_transfer(struct exchange *x, const struct dname *zone, const uint32_t *serial,
    exchange_rr_fn *fn, void *arg, unsigned *rcode)
{
	*rcode = RCODE_NOERROR;
	enum err err = exchange_transfer_begin(x, zone, serial, fn, arg);
	if (err != OK)
		return err;
	while (err == OK && !xfr_is_done(&x->transfer.xfr))
		err = take_message(x, &x->transfer, rcode);
	return end_transfer(x, err, *rcode);
}
