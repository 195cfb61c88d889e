/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/tls_fixture.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "lib/exchange.h"

/*
 * A peer in a thread: it serves one connection by a script, on memory and
 * descriptors of its own. Asserts of the peer abort, which cmocka reports.
 */
static struct pki *pki;
static bool by_tls; /* the tests run twice */

struct peer;
typedef void script_fn(struct peer *p);

struct peer {
	pthread_t thread;
	int listen_fd, fd;
	struct tls_ctx *ctx; /* NULL: plain TCP */
	struct tls *tls;
	script_fn *script;
	struct key *key; /* NULL: does not look at signatures */
	struct tsig tsig;
	struct msg req;
	uint8_t in[MSG_MAX];
	uint8_t out_octets[2 + MSG_MAX];
	struct wire_out out;
	int go[2]; /* the test writes, the peer waits */
	uint16_t ids[EXCHANGE_MAX];
};

#define MUST(x)                                                                       \
	do {                                                                          \
		if (!(x)) {                                                           \
			fprintf(stderr, "%s:%d: peer: %s\n", __FILE__, __LINE__, #x); \
			abort();                                                      \
		}                                                                     \
	} while (0)

static struct key *
find_key(void *arg, const struct dname *name)
{
	struct key *key = arg;
	return dname_equal(name, key_name(key)) ? key : NULL;
}

static void
peer_poll(struct peer *p)
{
	struct pollfd fd = {.fd = p->fd,
	    .events = tls_wants_output(p->tls) ? POLLOUT : POLLIN};
	MUST(poll(&fd, 1, 30000) == 1);
}

/* 0: the end. */
static size_t
peer_recv(struct peer *p, void *data, size_t room)
{
	if (p->tls == NULL) {
		ssize_t n = recv(p->fd, data, room, 0);
		return n > 0 ? (size_t)n : 0;
	}
	size_t n;
	enum err err;
	while ((err = tls_read(p->tls, data, room, &n)) == ERR_BUSY)
		peer_poll(p);
	return err == OK ? n : 0;
}

static bool
read_full(struct peer *p, uint8_t *data, size_t size)
{
	while (size > 0) {
		size_t n = peer_recv(p, data, size);
		if (n == 0)
			return false;
		data += n;
		size -= n;
	}
	return true;
}

/* The next request, into p->req; false at the end of the connection. */
static bool
peer_read(struct peer *p)
{
	uint8_t size[2];

	if (!read_full(p, size, 2))
		return false;
	size_t n = (size_t)size[0] << 8 | size[1];
	MUST(read_full(p, p->in, n));
	MUST(msg_frame(p->in, n, &p->req) == OK);
	if (p->key != NULL)
		MUST(tsig_verify_request(&p->req, find_key, p->key,
			 (uint64_t)time(NULL), &p->tsig) == TSIG_GOOD);
	return true;
}

static struct wire_out *
peer_begin(struct peer *p, unsigned rcode)
{
	wire_out_init(&p->out, p->out_octets + 2, MSG_MAX);
	msg_start_reply(&p->out, &p->req, rcode, true);
	return &p->out;
}

static size_t
peer_send(struct peer *p, const void *data, size_t size)
{
	if (p->tls == NULL) {
		ssize_t n = send(p->fd, data, size, MSG_NOSIGNAL);
		return n > 0 ? (size_t)n : 0;
	}
	size_t n;
	enum err err;
	while ((err = tls_write(p->tls, data, size, &n)) == ERR_BUSY)
		peer_poll(p);
	return err == OK ? n : 0;
}

static void
peer_write_raw(struct peer *p, const void *data, size_t size)
{
	const uint8_t *at = data;

	while (size > 0) {
		size_t n = peer_send(p, at, size);
		if (n == 0)
			return; /* the client has enough */
		at += n;
		size -= n;
	}
}

static void
peer_write_unsigned(struct peer *p)
{
	MUST(p->out.err == OK);
	p->out_octets[0] = (uint8_t)(p->out.size >> 8);
	p->out_octets[1] = (uint8_t)p->out.size;
	peer_write_raw(p, p->out_octets, 2 + p->out.size);
}

static void
peer_write(struct peer *p)
{
	if (p->key != NULL)
		MUST(tsig_sign_reply(&p->tsig, &p->out, (uint64_t)time(NULL)) == OK);
	peer_write_unsigned(p);
}

static void
peer_wait(struct peer *p)
{
	char c;
	MUST(read(p->go[0], &c, 1) == 1);
}

static void
test_go(struct peer *p)
{
	assert_int_equal(write(p->go[1], "x", 1), 1);
}

static bool
peer_handshake(struct peer *p)
{
	enum err err;

	p->tls = tls_accept(p->ctx, p->fd);
	while ((err = tls_handshake(p->tls)) == ERR_BUSY)
		peer_poll(p);
	return err == OK;
}

static void *
peer_main(void *arg)
{
	struct peer *p = arg;

	p->fd = accept(p->listen_fd, NULL, NULL);
	MUST(p->fd >= 0);
	if (p->ctx != NULL && !peer_handshake(p)) {
		p->script = NULL;
		shutdown(p->fd, SHUT_WR);
	}
	if (p->script != NULL)
		p->script(p);
	if (p->tls != NULL)
		tls_end(p->tls);
	/* Let the client read all: no reset by what it still sends. */
	shutdown(p->fd, SHUT_WR);
	while (recv(p->fd, p->in, sizeof(p->in), 0) > 0)
		;
	tls_free(p->tls);
	close(p->fd);
	return NULL;
}

/* -- the frame of each test ----------------------------------------------- */

struct fixture {
	struct peer peer;
	struct key *key;
	bool has_thread;
	struct exchange_conf conf;
	struct exchange *x;
};

static struct dname
name_of(const char *text)
{
	struct dname name;
	assert_int_equal(dname_parse(text, &name), OK);
	return name;
}

static void
listen_on(struct fixture *f)
{
	struct sockaddr_storage ss;
	socklen_t size = sizeof(ss);
	struct addr any;

	assert_int_equal(addr_parse("127.0.0.1", 1, &any), OK);
	addr_set_port(&any, 0);
	f->peer.listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(f->peer.listen_fd >= 0);
	assert_int_equal(bind(f->peer.listen_fd, &any.u.sa, addr_size(&any)), 0);
	assert_int_equal(getsockname(f->peer.listen_fd, (struct sockaddr *)&ss, &size),
	    0);
	assert_int_equal(addr_from_sockaddr((struct sockaddr *)&ss, &f->conf.server),
	    OK);
}

/* NULL script: nobody listens. */
static struct fixture *
begin(script_fn *script, bool with_key)
{
	struct fixture *f = test_calloc(1, sizeof(*f));
	struct dname name = name_of("ctl.key");

	if (with_key)
		assert_int_equal(key_generate(&name, KEY_SHA256, &f->key), OK);
	f->conf =
	    (struct exchange_conf){.key = f->key, .timeout_ms = 5000, .cancel_fd = -1};
	if (by_tls) {
		f->conf.tls = pki_client(pki, NULL, NULL, "ca.pem");
		f->conf.tls_name = "hub.example";
		f->peer.ctx = pki_server(pki, "hub.pem", "hub.key", NULL);
	}
	listen_on(f);
	f->peer.key = f->key;
	f->peer.script = script;
	assert_int_equal(pipe(f->peer.go), 0);
	f->has_thread = script != NULL;
	if (script != NULL) {
		assert_int_equal(listen(f->peer.listen_fd, 1), 0);
		assert_int_equal(pthread_create(&f->peer.thread, NULL, peer_main,
				     &f->peer),
		    0);
	}
	return f;
}

static void
open_x(struct fixture *f)
{
	assert_int_equal(exchange_open(&f->conf, &f->x), OK);
	assert_string_equal(exchange_error(f->x), "");
}

static void
end(struct fixture *f)
{
	exchange_close(f->x);
	if (f->has_thread)
		assert_int_equal(pthread_join(f->peer.thread, NULL), 0);
	tls_ctx_unref(f->conf.tls);
	tls_ctx_unref(f->peer.ctx);
	close(f->peer.listen_fd);
	close(f->peer.go[0]);
	close(f->peer.go[1]);
	key_unref(f->key);
	test_free(f);
}

static void
assert_error(struct fixture *f, const char *what)
{
	const char *text = exchange_error(f->x);

	if (strstr(text, what) == NULL || strncmp(text, "127.0.0.1@", 10) != 0)
		fail_msg("\"%s\" is not an address and \"%s\"", text, what);
}

static enum err
query(struct fixture *f, struct msg *msg)
{
	struct dname name = name_of("example");
	return exchange_query(f->x, &name, RR_SOA, CLASS_IN, msg);
}

/* A request with size octets of TXT. */
static void
put_request(struct fixture *f, size_t size)
{
	static uint8_t text[MSG_MAX];
	struct dname zone = name_of("example");
	struct wire_out *out = exchange_begin(f->x);
	struct rr rr = {.owner = zone,
	    .type = RR_TXT,
	    .class = CLASS_IN,
	    .rdata_size = (uint16_t)size,
	    .rdata = text};

	msg_start(out, 0, OPCODE_UPDATE << 11);
	msg_put_question(out, &zone, RR_SOA, CLASS_IN);
	if (size > 0)
		msg_put_rr(out, MSG_AUTHORITY, &rr);
}

/* -- one request ---------------------------------------------------------- */

static void
open__nobody_listens__says_so(void **state)
{
	struct fixture *f = begin(NULL, false);
	struct msg msg;

	(void)state;
	assert_int_equal(exchange_open(&f->conf, &f->x), ERR_IO);
	assert_error(f, "Connection refused");
	assert_int_equal(query(f, &msg), ERR_IO);
	end(f);
}

static void
script_answer_all(struct peer *p)
{
	while (peer_read(p)) {
		peer_begin(p, RCODE_NOERROR);
		peer_write(p);
	}
}

static void
query__answered__is_verified(void **state)
{
	(void)state;
	for (int with_key = 0; with_key < 2; with_key++) {
		struct fixture *f = begin(script_answer_all, with_key);
		struct msg msg;
		open_x(f);
		for (int i = 0; i < 100; i++) {
			assert_int_equal(query(f, &msg), OK);
			assert_int_equal(msg_rcode(&msg), RCODE_NOERROR);
			assert_int_equal(msg.flags & FLAG_AA, FLAG_AA);
			assert_string_equal(exchange_error(f->x), "");
		}
		end(f);
	}
}

static void
script_refuse(struct peer *p)
{
	while (peer_read(p)) {
		MUST(p->req.has_opt);
		peer_begin(p, RCODE_REFUSED);
		msg_put_opt(&p->out, 1232, RCODE_REFUSED, EDE_PROHIBITED,
		    "reason=not-yours rr=3\x1b[m");
		peer_write(p);
	}
}

static void
query__refused__has_the_reason_in_the_text(void **state)
{
	struct fixture *f = begin(script_refuse, true);
	struct msg msg;

	(void)state;
	open_x(f);
	assert_int_equal(query(f, &msg), OK);
	assert_int_equal(msg_rcode(&msg), RCODE_REFUSED);
	assert_error(f, ": REFUSED: reason=not-yours rr=3?[m");
	end(f);
}

static void
script_no_such_key(struct peer *p)
{
	struct dname other = {9, "\3xxx\3key"};
	uint8_t secret[1] = {1};
	struct key *mine = p->key, *key = NULL;

	p->key = NULL;
	MUST(key_new(&other, KEY_SHA256, secret, 1, &key) == OK);
	while (peer_read(p)) {
		MUST(tsig_verify_request(&p->req, find_key, key, (uint64_t)time(NULL),
			 &p->tsig) == TSIG_BADKEY);
		p->key = mine;
		peer_begin(p, RCODE_NOTAUTH);
		peer_write(p);
		p->key = NULL;
	}
	key_unref(key);
}

static void
query__key_unknown_to_the_server__is_named(void **state)
{
	struct fixture *f = begin(script_no_such_key, true);
	struct msg msg;

	(void)state;
	open_x(f);
	assert_int_equal(query(f, &msg), ERR_AUTH);
	assert_error(f, "NOTAUTH (key ctl.key, BADKEY");
	assert_int_equal(query(f, &msg), ERR_AUTH); /* the connection goes on */
	end(f);
}

static void
script_unsigned(struct peer *p)
{
	while (peer_read(p)) {
		peer_begin(p, RCODE_NOERROR);
		peer_write_unsigned(p);
	}
}

static void
query__unsigned_reply_to_a_signed_request__is_not_believed(void **state)
{
	struct fixture *f = begin(script_unsigned, true);
	struct msg msg;

	(void)state;
	open_x(f);
	assert_int_equal(query(f, &msg), ERR_AUTH);
	assert_error(f, "not signed");
	end(f);
}

static void
script_other_id(struct peer *p)
{
	MUST(peer_read(p));
	p->req.id ^= 1;
	peer_begin(p, RCODE_NOERROR);
	peer_write(p);
}

static void
script_other_question(struct peer *p)
{
	MUST(peer_read(p));
	p->in[22]++; /* the type */
	MUST(msg_frame(p->in, p->req.size, &p->req) == OK);
	peer_begin(p, RCODE_NOERROR);
	peer_write(p);
}

static void
script_other_opcode(struct peer *p)
{
	MUST(peer_read(p));
	p->req.flags |= OPCODE_NOTIFY << 11;
	peer_begin(p, RCODE_NOERROR);
	peer_write(p);
}

static void
script_echo(struct peer *p)
{
	MUST(peer_read(p));
	wire_out_init(&p->out, p->out_octets + 2, MSG_MAX);
	wire_put_bytes(&p->out, p->req.wire, p->req.size);
	peer_write_unsigned(p);
}

static void
script_garbage(struct peer *p)
{
	MUST(peer_read(p));
	peer_write_raw(p, "\0\5hello", 7);
}

static void
script_empty_frame(struct peer *p)
{
	MUST(peer_read(p));
	peer_write_raw(p, "\0\0", 2);
}

static void
query__reply_to_something_else__ends_the_connection(void **state)
{
	static script_fn *const scripts[] = {script_other_id, script_other_question,
	    script_other_opcode, script_echo, script_garbage, script_empty_frame};

	(void)state;
	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
		struct fixture *f = begin(scripts[i], false);
		struct msg msg;
		open_x(f);
		assert_int_equal(query(f, &msg), ERR_FORM);
		assert_error(f, i < 4 ? "not asked" : "no DNS message");
		assert_int_equal(exchange_receive(f->x, &msg), ERR_FORM);
		put_request(f, 0);
		uint16_t id;
		assert_int_equal(exchange_send(f->x, &id), ERR_FORM);
		assert_error(f, "has ended");
		end(f);
	}
}

static void
script_half_a_reply(struct peer *p)
{
	MUST(peer_read(p));
	peer_begin(p, RCODE_NOERROR);
	p->out_octets[0] = 0;
	p->out_octets[1] = (uint8_t)p->out.size;
	peer_write_raw(p, p->out_octets, p->out.size);
}

static void
query__server_closes__is_closed(void **state)
{
	struct fixture *f = begin(script_half_a_reply, false);
	struct msg msg;

	(void)state;
	open_x(f);
	assert_int_equal(query(f, &msg), ERR_CLOSED);
	assert_error(f, "closed the connection");
	end(f);
}

/* -- time and cancelling -------------------------------------------------- */

static void
script_late(struct peer *p)
{
	MUST(peer_read(p));
	peer_wait(p);
	peer_begin(p, RCODE_NOERROR);
	p->out_octets[0] = 0;
	p->out_octets[1] = (uint8_t)p->out.size;
	for (size_t i = 0; i < 2 + p->out.size; i++) /* octet by octet */
		peer_write_raw(p, p->out_octets + i, 1);
}

static void
receive__late_reply__times_out_and_comes_later(void **state)
{
	struct fixture *f = begin(script_late, false);
	struct msg msg;
	uint16_t id;

	(void)state;
	open_x(f);
	exchange_set_timeout(f->x, 50);
	assert_int_equal(query(f, &msg), ERR_TIMEOUT);
	assert_error(f, "no answer within 0.050 s");
	exchange_set_timeout(f->x, 20);
	assert_int_equal(exchange_receive(f->x, &msg), ERR_TIMEOUT);
	assert_error(f, "no answer within 0.020 s");
	assert_int_equal(query(f, &msg), ERR_BUSY);
	test_go(&f->peer);
	enum err err = ERR_TIMEOUT;
	for (int i = 0; i < 100 && err == ERR_TIMEOUT; i++)
		err = exchange_receive(f->x, &msg);
	assert_int_equal(err, OK);
	assert_int_equal(exchange_receive(f->x, &msg), ERR_NOTFOUND);
	put_request(f, 0);
	assert_int_equal(exchange_send(f->x, &id), OK);
	end(f);
}

static void
receive__told_to_stop__is_canceled_at_once(void **state)
{
	struct fixture *f = begin(script_late, false);
	struct msg msg;
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	f->conf.cancel_fd = fds[0];
	open_x(f);
	put_request(f, 0);
	uint16_t id;
	assert_int_equal(exchange_send(f->x, &id), OK);
	assert_int_equal(write(fds[1], "x", 1), 1);
	assert_int_equal(exchange_receive(f->x, &msg), ERR_CANCELED);
	assert_error(f, "canceled");
	test_go(&f->peer);
	end(f);
	close(fds[0]);
	close(fds[1]);
}

static void
script_deaf(struct peer *p)
{
	peer_wait(p); /* reads nothing */
}

static void
send__server_reads_nothing__times_out(void **state)
{
	struct fixture *f = begin(script_deaf, false);
	uint16_t id;
	enum err err = OK;

	(void)state;
	open_x(f);
	exchange_set_timeout(f->x, 100);
	for (int i = 0; i < 1000 && err == OK; i++) {
		put_request(f, 60000);
		err = exchange_send(f->x, &id);
	}
	assert_int_equal(err, ERR_TIMEOUT);
	put_request(f, 0);
	assert_int_equal(exchange_send(f->x, &id), ERR_TIMEOUT); /* not halfway */
	assert_error(f, "has ended: timed out");
	test_go(&f->peer);
	end(f);
}

/* -- many requests -------------------------------------------------------- */

static void
script_backwards(struct peer *p)
{
	for (unsigned i = 0; i < EXCHANGE_MAX; i++) {
		MUST(peer_read(p));
		p->ids[i] = p->req.id;
	}
	for (unsigned i = EXCHANGE_MAX; i-- > 0;) {
		p->req.id = p->ids[i];
		peer_begin(p, i % 2 ? RCODE_NOERROR : RCODE_REFUSED);
		peer_write(p);
	}
	script_answer_all(p);
}

static void
send__as_many_as_can_be__are_answered_in_any_order(void **state)
{
	static bool seen[65536];
	static uint16_t ids[EXCHANGE_MAX];
	struct fixture *f = begin(script_backwards, false);
	struct msg msg;

	(void)state;
	open_x(f);
	memset(seen, 0, sizeof(seen));
	for (unsigned i = 0; i < EXCHANGE_MAX; i++) {
		put_request(f, 0);
		assert_int_equal(exchange_send(f->x, &ids[i]), OK);
		assert_false(seen[ids[i]]);
		seen[ids[i]] = true;
	}
	put_request(f, 0);
	uint16_t id;
	assert_int_equal(exchange_send(f->x, &id), ERR_BUSY);
	for (unsigned i = EXCHANGE_MAX; i-- > 0;) {
		assert_int_equal(exchange_receive(f->x, &msg), OK);
		assert_int_equal(msg.id, ids[i]);
		assert_int_equal(msg_rcode(&msg),
		    i % 2 ? RCODE_NOERROR : RCODE_REFUSED);
	}
	assert_int_equal(exchange_receive(f->x, &msg), ERR_NOTFOUND);
	for (unsigned i = 0; i < 200; i++) { /* ids are used again, but not soon */
		put_request(f, 0);
		assert_int_equal(exchange_send(f->x, &id), OK);
		assert_int_equal(exchange_receive(f->x, &msg), OK);
		assert_int_equal(msg.id, id);
	}
	end(f);
}

static void
script_answer_at_length(struct peer *p)
{
	static uint8_t text[MSG_MAX];
	struct rr rr = {.type = RR_TXT,
	    .class = CLASS_IN,
	    .rdata_size = 60000,
	    .rdata = text};

	while (peer_read(p)) {
		rr.owner = p->req.qname;
		peer_begin(p, RCODE_NOERROR);
		msg_put_rr(&p->out, MSG_ANSWER, &rr);
		peer_write(p); /* blocks unless the client reads */
	}
}

static void
send__peer_answers_before_it_reads_on__does_not_lock(void **state)
{
	enum { N = 400 };
	struct fixture *f = begin(script_answer_at_length, true);
	uint16_t ids[N];
	struct msg msg;

	(void)state;
	open_x(f);
	for (unsigned i = 0; i < N; i++) { /* 24 MB, no reply taken */
		put_request(f, 60000);
		assert_int_equal(exchange_send(f->x, &ids[i]), OK);
	}
	for (unsigned i = 0; i < N; i++) {
		assert_int_equal(exchange_receive(f->x, &msg), OK);
		assert_int_equal(msg.id, ids[i]);
	}
	end(f);
}

static void
script_flood(struct peer *p)
{
	static const uint8_t zeros[MSG_MAX];

	MUST(peer_read(p));
	for (unsigned i = 0; i < 1000; i++)
		peer_write_raw(p, zeros, sizeof(zeros));
}

static void
send__server_floods__ends_the_connection(void **state)
{
	struct fixture *f = begin(script_flood, false);
	enum err err = OK;
	uint16_t id;

	(void)state;
	open_x(f);
	for (unsigned i = 0; i < 500 && err == OK; i++) {
		put_request(f, 65000);
		err = exchange_send(f->x, &id);
	}
	assert_int_equal(err, ERR_FORM);
	assert_error(f, "more than it was asked for");
	end(f);
}

static void
script_answer_two_and_close(struct peer *p)
{
	for (int i = 0; i < 2; i++) {
		MUST(peer_read(p));
		peer_begin(p, RCODE_NOERROR);
		peer_write(p);
	}
}

static void
receive__server_closed_after_some__gives_those(void **state)
{
	struct fixture *f = begin(script_answer_two_and_close, true);
	uint16_t id;
	struct msg msg;

	(void)state;
	open_x(f);
	for (unsigned i = 0; i < 3; i++) {
		put_request(f, 0);
		assert_int_equal(exchange_send(f->x, &id), OK);
	}
	assert_int_equal(exchange_receive(f->x, &msg), OK);
	assert_int_equal(exchange_receive(f->x, &msg), OK);
	assert_int_equal(exchange_receive(f->x, &msg), ERR_CLOSED);
	end(f);
}

static void
send__too_large__is_refused_before_it_is_sent(void **state)
{
	struct fixture *f = begin(script_answer_all, true);
	uint16_t id;
	struct msg msg;

	(void)state;
	open_x(f);
	put_request(f, MSG_MAX - TSIG_SIZE_MAX);
	assert_int_equal(exchange_send(f->x, &id), ERR_SPACE);
	put_request(f, MSG_MAX - TSIG_SIZE_MAX - 100);
	assert_int_equal(exchange_send(f->x, &id), OK);
	assert_int_equal(exchange_receive(f->x, &msg), OK);
	end(f);
}

/* -- without waiting ------------------------------------------------------ */

static void
start__nobody_listens__says_so(void **state)
{
	struct fixture *f = begin(NULL, false);
	struct pollfd fd;
	enum err err;

	(void)state;
	close(f->peer.listen_fd); /* the port is nobody's now */
	f->peer.listen_fd = -1;
	err = exchange_start(&f->conf, &f->x);
	while (err == OK && (err = exchange_opened(f->x)) == ERR_BUSY) {
		fd.fd = exchange_wait_for(f->x, &fd.events);
		assert_true(poll(&fd, 1, 10000) >= 0);
		err = OK;
	}
	assert_int_equal(err, ERR_IO);
	assert_error(f, "refused");
	end(f);
}

static void
start__peer_is_silent__never_waits(void **state)
{
	struct fixture *f = begin(NULL, true);
	struct msg msg;
	short events;
	enum err err = exchange_start(&f->conf, &f->x);

	(void)state;
	assert_int_equal(err, OK);
	assert_int_equal(listen(f->peer.listen_fd, 1), 0);
	exchange_close(f->x); /* it may have been refused before the listen */
	assert_int_equal(exchange_start(&f->conf, &f->x), OK);
	for (int i = 0; i < 100 && (err = exchange_opened(f->x)) == ERR_BUSY; i++)
		usleep(10000);
	if (by_tls) {
		assert_int_equal(err, ERR_BUSY);
		assert_true(exchange_wait_for(f->x, &events) >= 0);
	} else {
		uint16_t id;
		assert_int_equal(err, OK);
		put_request(f, 0);
		assert_int_equal(exchange_send(f->x, &id), OK);
		assert_int_equal(exchange_receive(f->x, &msg), ERR_TIMEOUT);
		assert_true(exchange_wait_for(f->x, &events) >= 0);
		assert_int_equal(events, POLLIN);
	}
	end(f);
}

/* -- transfers ------------------------------------------------------------ */

/* One record a word: sN is the SOA of serial N, other words are PTRs below; a
 * message ends at `/`, an unsigned one at `!`. The peer sends it. */
static const char *transfer_text;

static void
put_word(struct wire_out *out, const char *word)
{
	struct dname zone = {9, "\7example"}, below = {11, "\1x\7example"};
	struct soa soa = {.mname = dname_root, .rname = dname_root};
	struct buf rdata;

	buf_init(&rdata, 0);
	struct rr rr = {.owner = below, .type = RR_PTR, .class = CLASS_IN};
	if (word[0] == 's') {
		rr.owner = zone;
		rr.type = RR_SOA;
		soa.serial = (uint32_t)strtoul(word + 1, NULL, 10);
		soa_write(&soa, &rdata);
	} else {
		struct label label = label_of(word);
		struct dname target;
		MUST(dname_prepend(&label, &dname_root, &target) == OK);
		buf_put(&rdata, target.wire, target.size);
	}
	rr.rdata = rdata.data;
	rr.rdata_size = (uint16_t)rdata.size;
	msg_put_rr(out, MSG_ANSWER, &rr);
	buf_fini(&rdata);
}

static void
script_transfer(struct peer *p)
{
	char text[256], *save, *word;

	if (!peer_read(p))
		return;
	snprintf(text, sizeof(text), "%s", transfer_text);
	peer_begin(p, RCODE_NOERROR);
	for (word = strtok_r(text, " ", &save); word != NULL;
	     word = strtok_r(NULL, " ", &save)) {
		if (strcmp(word, "refuse") == 0) {
			msg_set_rcode(&p->out, RCODE_REFUSED);
			msg_put_opt(&p->out, 1232, RCODE_REFUSED, EDE_PROHIBITED, "no");
		} else if (strcmp(word, "/") == 0) {
			peer_write(p);
			peer_begin(p, RCODE_NOERROR);
		} else if (strcmp(word, "!") == 0) {
			peer_write_unsigned(p);
			peer_begin(p, RCODE_NOERROR);
		} else {
			put_word(&p->out, word);
		}
	}
	script_answer_all(p);
}

static enum err
note_rr(void *arg, const struct rr *rr)
{
	struct buf *out = arg;
	struct soa soa;

	if (rr->type == RR_SOA) {
		assert_int_equal(soa_read(rr->rdata, rr->rdata_size, &soa), OK);
		buf_printf(out, "s%u ", soa.serial);
	} else {
		buf_printf(out, "%.*s ", rr->rdata[0], (const char *)rr->rdata + 1);
		if (rr->rdata[1] == 'z')
			return ERR_CANCELED;
	}
	return OK;
}

/* After the transfer, the connection is good for another question: */
enum after { GOES_ON, ENDED };

/* Until the next step may do something. */
static void
wait_for_step(struct fixture *f)
{
	struct pollfd fd;

	fd.fd = exchange_wait_for(f->x, &fd.events);
	assert_true(poll(&fd, 1, fd.fd < 0 ? 0 : 10000) == (fd.fd >= 0));
}

static void
open_in_steps(struct fixture *f)
{
	enum err err = exchange_start(&f->conf, &f->x);

	assert_int_equal(err, OK);
	while ((err = exchange_opened(f->x)) == ERR_BUSY)
		wait_for_step(f);
	assert_int_equal(err, OK);
}

static enum err
transfer_in_steps(struct fixture *f, const struct dname *zone, const uint32_t *serial,
    struct buf *out, unsigned *rcode)
{
	enum err err = exchange_transfer_begin(f->x, zone, serial, note_rr, out);

	assert_int_equal(err, OK);
	while ((err = exchange_transfer_go_on(f->x, rcode)) == ERR_BUSY)
		wait_for_step(f);
	exchange_set_timeout(f->x, f->conf.timeout_ms);
	return err;
}

static void
assert_transfer_by(bool in_steps, const char *text, const uint32_t *serial,
    enum err expected, const char *records, enum after after)
{
	struct dname zone = name_of("example");
	struct fixture *f;
	struct buf out;
	struct msg msg;
	unsigned rcode;

	transfer_text = text;
	f = begin(script_transfer, true);
	buf_init(&out, 0);
	if (in_steps)
		open_in_steps(f);
	else
		open_x(f);
	enum err err =
	    in_steps ? transfer_in_steps(f, &zone, serial, &out, &rcode)
		     : exchange_transfer(f->x, &zone, serial, note_rr, &out, &rcode);
	if (err != expected || strcmp(buf_text(&out), records) != 0)
		fail_msg("\"%s\" gives %s, records \"%s\": %s", text, err_str(err),
		    buf_text(&out), exchange_error(f->x));
	assert_int_equal(rcode, expected == ERR_DENIED ? RCODE_REFUSED : RCODE_NOERROR);
	if (expected == ERR_DENIED)
		assert_error(f, "REFUSED: no");
	assert_int_equal(query(f, &msg), after == GOES_ON ? OK : ERR_CLOSED);
	buf_fini(&out);
	end(f);
}

static void
assert_transfer(const char *text, const uint32_t *serial, enum err expected,
    const char *records, enum after after)
{
	assert_transfer_by(false, text, serial, expected, records, after);
	assert_transfer_by(true, text, serial, expected, records, after);
}

static void
transfer__axfr__gives_every_record(void **state)
{
	(void)state;
	assert_transfer("s7 a b s7 /", NULL, OK, "s7 a b s7 ", GOES_ON);
	assert_transfer("s7 / a / b / s7 /", NULL, OK, "s7 a b s7 ", GOES_ON);
	assert_transfer("s7 / / a / / s7 /", NULL, OK, "s7 a s7 ", GOES_ON);
	assert_transfer("s7 s7 /", NULL, OK, "s7 s7 ", GOES_ON);
}

static void
transfer__ixfr__is_told_apart(void **state)
{
	static const uint32_t five = 5, seven = 7, nine = 9;

	(void)state;
	/* nothing newer */
	assert_transfer("s7 /", &seven, OK, "s7 ", GOES_ON);
	assert_transfer("s7 /", &nine, OK, "s7 ", GOES_ON);
	/* one difference, and two */
	assert_transfer("s7 s5 a s7 b s7 /", &five, OK, "s7 s5 a s7 b s7 ", GOES_ON);
	assert_transfer("s7 / s5 / a s6 / s6 / s7 b / s7 /", &five, OK,
	    "s7 s5 a s6 s6 s7 b s7 ", GOES_ON);
	/* the whole zone instead */
	assert_transfer("s7 a s7 /", &five, OK, "s7 a s7 ", GOES_ON);
	assert_transfer("s7 / a / s7 /", &five, OK, "s7 a s7 ", GOES_ON);
}

static void
transfer__malformed__is_an_error_and_ends_the_connection(void **state)
{
	static const uint32_t five = 5;

	(void)state;
	assert_transfer("a s7 s7 /", NULL, ERR_FORM, "", ENDED);
	assert_transfer("/ s7 a s7 /", NULL, ERR_FORM, "", ENDED);
	assert_transfer("s7 a s8 /", NULL, ERR_FORM, "s7 a ", ENDED);
	assert_transfer("s7 a s7 b /", NULL, ERR_FORM, "s7 a s7 ", ENDED);
	assert_transfer("s7 s4 a s7 b s7 /", &five, ERR_FORM, "s7 ", ENDED);
	assert_transfer("s8 s5 a s6 b s7 /", &five, ERR_FORM, "s8 s5 a s6 b ", ENDED);
	assert_transfer("s7 s5 a s7 b s7 c /", &five, ERR_FORM, "s7 s5 a s7 b s7 ",
	    ENDED);
}

static void
transfer__one_message_unsigned__ends_before_its_records(void **state)
{
	(void)state;
	assert_transfer("s7 a s7 !", NULL, ERR_AUTH, "", ENDED);
	assert_transfer("s7 a / b ! s7 /", NULL, ERR_AUTH, "s7 a ", ENDED);
}

static void
transfer__refused__has_rcode_and_reason(void **state)
{
	(void)state;
	assert_transfer("refuse /", NULL, ERR_DENIED, "", GOES_ON);
	assert_transfer("s7 a / refuse /", NULL, ERR_DENIED, "s7 a ", ENDED);
}

static void
transfer__function_fails__ends_it(void **state)
{
	(void)state;
	assert_transfer("s7 a / z b / s7 /", NULL, ERR_CANCELED, "s7 a z ", ENDED);
}

static void
transfer__endless_empty_messages__end_it(void **state)
{
	char text[256] = "s7 a /";

	(void)state;
	for (unsigned i = 0; i < 101; i++)
		strcat(text, " /");
	assert_transfer(text, NULL, ERR_FORM, "s7 a ", ENDED);
}

/* -- TLS ------------------------------------------------------------------ */

static void
open__another_name__is_told_and_nothing_is_sent(void **state)
{
	struct fixture *f = begin(script_answer_all, true);
	struct msg msg;

	(void)state;
	f->conf.tls_name = "other.example";
	assert_int_equal(exchange_open(&f->conf, &f->x), ERR_AUTH);
	assert_error(f,
	    ": the server's certificate is not for other.example but for hub.example");
	assert_int_equal(query(f, &msg), ERR_AUTH);
	end(f);
	f = begin(script_answer_all, true);
	f->conf.tls_name = "";
	assert_int_equal(exchange_open(&f->conf, &f->x), ERR_INVALID);
	assert_error(f, "cannot be the name of a server");
	end(f);
}

/* A server that takes the connection and says nothing. */
static void
open__handshake_without_answer__times_out_or_is_canceled(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct fixture *f = begin(NULL, false);
		int fds[2];

		assert_int_equal(listen(f->peer.listen_fd, 1), 0);
		assert_int_equal(pipe(fds), 0);
		if (i == 0) {
			f->conf.timeout_ms = 50;
			assert_int_equal(exchange_open(&f->conf, &f->x), ERR_TIMEOUT);
			assert_error(f, "no answer within 0.050 s");
		} else {
			f->conf.cancel_fd = fds[0];
			assert_int_equal(write(fds[1], "x", 1), 1);
			assert_int_equal(exchange_open(&f->conf, &f->x), ERR_CANCELED);
		}
		end(f);
		close(fds[0]);
		close(fds[1]);
	}
}

static void
query__server_wants_a_certificate__is_told(void **state)
{
	struct fixture *f = begin(NULL, false);
	struct msg msg;

	(void)state;
	tls_ctx_unref(f->peer.ctx);
	f->peer.ctx = pki_server(pki, "hub.pem", "hub.key", "ca.pem");
	f->peer.script = script_answer_all;
	f->has_thread = true;
	assert_int_equal(listen(f->peer.listen_fd, 1), 0);
	assert_int_equal(pthread_create(&f->peer.thread, NULL, peer_main, &f->peer), 0);
	open_x(f);
	assert_int_equal(query(f, &msg), ERR_INVALID);
	assert_error(f, "the server wants a client certificate");
	uint16_t id;
	put_request(f, 0);
	assert_int_equal(exchange_send(f->x, &id), ERR_INVALID);
	end(f);
}

static int
set_up(void **state)
{
	(void)state;
	pki = pki_new();
	return 0;
}

static int
use_tls(void **state)
{
	(void)state;
	by_tls = true;
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	pki_free(pki);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(open__nobody_listens__says_so),
	    cmocka_unit_test(query__answered__is_verified),
	    cmocka_unit_test(query__refused__has_the_reason_in_the_text),
	    cmocka_unit_test(query__key_unknown_to_the_server__is_named),
	    cmocka_unit_test(
		query__unsigned_reply_to_a_signed_request__is_not_believed),
	    cmocka_unit_test(query__reply_to_something_else__ends_the_connection),
	    cmocka_unit_test(query__server_closes__is_closed),
	    cmocka_unit_test(receive__late_reply__times_out_and_comes_later),
	    cmocka_unit_test(receive__told_to_stop__is_canceled_at_once),
	    cmocka_unit_test(send__server_reads_nothing__times_out),
	    cmocka_unit_test(send__as_many_as_can_be__are_answered_in_any_order),
	    cmocka_unit_test(send__peer_answers_before_it_reads_on__does_not_lock),
	    cmocka_unit_test(send__server_floods__ends_the_connection),
	    cmocka_unit_test(receive__server_closed_after_some__gives_those),
	    cmocka_unit_test(send__too_large__is_refused_before_it_is_sent),
	    cmocka_unit_test(start__nobody_listens__says_so),
	    cmocka_unit_test(start__peer_is_silent__never_waits),
	    cmocka_unit_test(transfer__axfr__gives_every_record),
	    cmocka_unit_test(transfer__ixfr__is_told_apart),
	    cmocka_unit_test(transfer__malformed__is_an_error_and_ends_the_connection),
	    cmocka_unit_test(transfer__one_message_unsigned__ends_before_its_records),
	    cmocka_unit_test(transfer__refused__has_rcode_and_reason),
	    cmocka_unit_test(transfer__function_fails__ends_it),
	    cmocka_unit_test(transfer__endless_empty_messages__end_it),
	};
	const struct CMUnitTest of_tls[] = {
	    cmocka_unit_test(open__another_name__is_told_and_nothing_is_sent),
	    cmocka_unit_test(open__handshake_without_answer__times_out_or_is_canceled),
	    cmocka_unit_test(query__server_wants_a_certificate__is_told),
	};
	int n_failed = cmocka_run_group_tests(tests, set_up, NULL);
	n_failed += cmocka_run_group_tests_name("tests by TLS", tests, use_tls, NULL);
	return n_failed + cmocka_run_group_tests(of_tls, NULL, tear_down);
}
