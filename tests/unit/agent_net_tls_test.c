/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/agent_net_fixture.h"
#include "tests/unit/tls_fixture.h"

#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/ssl.h>

/* The sockets with TLS: what is other than with TCP alone. */

enum { WAIT_MS = 20000 };

static struct pki *pki;
static struct tls_ctx *client_ctx;

struct client {
	int fd;
	struct tls *tls;
};

static struct fixture *
start_tls(struct net_conf conf)
{
	struct addr any = address("127.0.0.1");
	struct tls_ctx *ctx = pki_server(pki, "hub.pem", "hub.key", NULL);

	conf.listen_tls = &any;
	conf.n_listen_tls = 1;
	conf.tls = ctx;
	struct fixture *f = start(conf);
	tls_ctx_unref(ctx);
	assert_non_null(net_tls_address(f->net, 0));
	assert_null(net_tls_address(f->net, 1));
	return f;
}

/* The loop runs until fd is ready for events. */
static void
run_until(struct fixture *f, int fd, short events)
{
	uint64_t end = now_ms() + WAIT_MS;
	struct pollfd p = {.fd = fd, .events = events};

	do {
		uv_run(&f->loop, UV_RUN_NOWAIT);
		assert_true(now_ms() < end);
	} while (poll(&p, 1, 1) < 1);
}

static enum err
shake_hands(struct fixture *f, struct client *c)
{
	enum err err;

	while ((err = tls_handshake(c->tls)) == ERR_BUSY)
		run_until(f, c->fd, tls_wants_output(c->tls) ? POLLOUT : POLLIN);
	return err;
}

static struct client
connect_as(struct fixture *f, const char *name, bool slow)
{
	const struct addr *to = net_tls_address(f->net, 0);
	struct client c = {.fd = slow ? connect_slow(to) : connect_to(to)};

	assert_int_equal(tls_connect(client_ctx, c.fd, name, &c.tls), OK);
	return c;
}

static struct client
connect_tls(struct fixture *f)
{
	struct client c = connect_as(f, "hub.example", false);

	assert_int_equal(shake_hands(f, &c), OK);
	return c;
}

static void
disconnect(struct client *c)
{
	tls_free(c->tls);
	close(c->fd);
}

static void
put(struct fixture *f, struct client *c, const void *data, size_t size)
{
	size_t at = 0, n;

	while (at < size) {
		enum err err =
		    tls_write(c->tls, (const char *)data + at, size - at, &n);
		if (err == OK)
			at += n;
		else if (err == ERR_BUSY)
			run_until(f, c->fd, POLLOUT);
		else
			fail_msg("write: %s", tls_error(c->tls));
	}
}

static void
put_text(struct fixture *f, struct client *c, const char *text)
{
	uint8_t msg[2 + 256];
	size_t size = strlen(text);

	msg[0] = (uint8_t)(size >> 8);
	msg[1] = (uint8_t)size;
	memcpy(msg + 2, text, size);
	put(f, c, msg, 2 + size);
}

/* How many octets of size came before the end of the connection. */
static size_t
get(struct fixture *f, struct client *c, void *out, size_t size)
{
	size_t at = 0, n;

	while (at < size) {
		enum err err = tls_read(c->tls, (char *)out + at, size - at, &n);
		if (err == OK)
			at += n;
		else if (err != ERR_BUSY)
			break;
		else
			run_until(f, c->fd, POLLIN);
	}
	return at;
}

static size_t
get_msg(struct fixture *f, struct client *c, uint8_t *out)
{
	uint8_t head[2];

	if (get(f, c, head, 2) != 2)
		return SIZE_MAX;
	size_t size = (size_t)(head[0] << 8 | head[1]);
	return get(f, c, out, size) == size ? size : SIZE_MAX;
}

static void
want_text(struct fixture *f, struct client *c, const char *text)
{
	static uint8_t msg[65536];
	size_t size = get_msg(f, c, msg);

	assert_int_equal(size, strlen(text));
	assert_memory_equal(msg, text, size);
}

/* It says that it ends, and does. */
static void
want_end(struct fixture *f, struct client *c)
{
	char octet;
	size_t n;
	enum err err;

	while ((err = tls_read(c->tls, &octet, 1, &n)) == ERR_BUSY)
		run_until(f, c->fd, POLLIN);
	assert_int_equal(err, ERR_CLOSED);
}

/* -- messages --------------------------------------------------------------- */

static void
tls__messages__as_by_tcp(void **state)
{
	(void)state;
	struct fixture *f = start_tls((struct net_conf){0});
	struct client c = connect_tls(f);
	static const char two[] = "\0\4Eone\0\4Etwo";

	put_text(f, &c, "Ehello");
	want_text(f, &c, "Ehello");
	/* Several in a record, one in several. */
	put(f, &c, two, sizeof(two) - 1);
	want_text(f, &c, "Eone");
	want_text(f, &c, "Etwo");
	for (size_t i = 0; i < 8; i++)
		put(f, &c, &"\0\6Esplit"[i], 1);
	want_text(f, &c, "Esplit");
	/* An empty one is none to answer. */
	put(f, &c, "\0\0", 2);
	put_text(f, &c, "Cbye");
	want_text(f, &c, "Cbye");
	want_end(f, &c);
	disconnect(&c);
	stop(f);
}

static void
tls__many_pipelined__answered_in_order(void **state)
{
	(void)state;
	enum { N = 5000 };
	struct fixture *f = start_tls((struct net_conf){0});
	struct client c = connect_tls(f);
	char text[32];

	for (unsigned i = 0; i < N; i++) {
		snprintf(text, sizeof(text), "E%u", i);
		put_text(f, &c, text);
	}
	for (unsigned i = 0; i < N; i++) {
		snprintf(text, sizeof(text), "E%u", i);
		want_text(f, &c, text);
	}
	assert_int_equal(n_received, N);
	disconnect(&c);
	stop(f);
}

static void
tls__our_end_closed__late_replies_still_come(void **state)
{
	(void)state;
	struct fixture *f = start_tls((struct net_conf){0});

	/* With notice in TLS, and without. */
	for (int i = 0; i < 2; i++) {
		struct client c = connect_tls(f);
		put_text(f, &c, "Dlate");
		if (i == 0)
			tls_end(c.tls);
		assert_int_equal(shutdown(c.fd, SHUT_WR), 0);
		run_for(f, 50);
		answer_laters();
		want_text(f, &c, "Dlate");
		want_end(f, &c);
		disconnect(&c);
	}
	stop(f);
}

static void
tls__agent_ends__replies_that_are_due_leave(void **state)
{
	(void)state;
	struct fixture *f = start_tls((struct net_conf){0});
	struct client c = connect_tls(f);
	/* One that is not done with its handshake just goes. */
	struct client half = connect_as(f, "hub.example", false);

	assert_int_equal(tls_handshake(half.tls), ERR_BUSY);
	put_text(f, &c, "Elast");
	run_for(f, 50);
	net_close(f->net, on_closed, f);
	want_text(f, &c, "Elast");
	want_end(f, &c);
	disconnect(&c);
	assert_int_equal(uv_run(&f->loop, UV_RUN_DEFAULT), 0);
	assert_true(f->is_closed);
	assert_int_equal(uv_loop_close(&f->loop), 0);
	assert_int_equal(n_sessions, 0);
	disconnect(&half);
	free(f);
}

/* -- transfers --------------------------------------------------------------- */

static void
transfer__slow_reader__every_message_in_order(void **state)
{
	(void)state;
	enum { N = 400 }; /* 6.4 MB: more than the buffers between us take */
	struct fixture *f = start_tls((struct net_conf){0});
	struct client c = connect_as(f, "hub.example", true);
	static uint8_t msg[65536];

	assert_int_equal(shake_hands(f, &c), OK);
	put(f, &c, (uint8_t[]){0, 4, 'T', 7, N >> 8, N & 0xff}, 6);
	put_text(f, &c, "Eafter");
	run_for(f, 100);
	for (unsigned i = 0; i < N; i++) {
		size_t size = get_msg(f, &c, msg);
		if (size == 6) { /* the query may overtake */
			assert_memory_equal(msg, "Eafter", 6);
			size = get_msg(f, &c, msg);
		}
		assert_int_equal(size, TRANSFER_MSG);
		assert_int_equal(msg[1], 7);
		assert_int_equal(msg[2] << 8 | msg[3], i);
		assert_int_equal(msg[TRANSFER_MSG - 1], i & 0xff);
		if (i % 50 == 0)
			run_for(f, 5);
	}
	disconnect(&c);
	stop(f);
}

static void
transfer__peer_does_not_read__ended_by_stall(void **state)
{
	(void)state;
	struct fixture *f = start_tls((struct net_conf){.stall_s = 1});
	struct client c = connect_as(f, "hub.example", true);

	assert_int_equal(shake_hands(f, &c), OK);
	put(f, &c, (uint8_t[]){0, 4, 'T', 7, 9, 0}, 6);
	uint64_t end = now_ms() + WAIT_MS;
	while (n_sessions > 1 || n_transfers_alive > 0 || n_received == 0) {
		uv_run(&f->loop, UV_RUN_NOWAIT);
		poll(NULL, 0, 1);
		assert_true(now_ms() < end);
	}
	disconnect(&c);
	stop(f);
}

/* -- bounds -------------------------------------------------------------------- */

static void
bounds__slow_handshake__ended(void **state)
{
	(void)state;
	struct fixture *f = start_tls((struct net_conf){.stall_s = 1});
	const struct addr *to = net_tls_address(f->net, 0);
	int silent = connect_to(to), half = connect_to(to);

	assert_int_equal(send(half, "\x16\x03\x01\x02", 4, MSG_NOSIGNAL), 4);
	expect_end(f, silent, WAIT_MS);
	expect_end(f, half, WAIT_MS);
	close(silent);
	close(half);
	assert_int_equal(n_received, 0);
	stop(f);
}

static void
bounds__garbage__told_and_ended(void **state)
{
	(void)state;
	struct fixture *f = start_tls((struct net_conf){0});
	int fd = connect_to(net_tls_address(f->net, 0));
	uint8_t alert[7];

	send_all(f, fd, "\x16\x03\x01\x00\x05hello", 10);
	assert_int_equal(recv_all(f, fd, alert, sizeof(alert)), sizeof(alert));
	assert_int_equal(alert[0], 21);
	expect_end(f, fd, WAIT_MS);
	close(fd);
	/* Whoever does not speak TLS at all hears nothing. */
	fd = connect_to(net_tls_address(f->net, 0));
	send_all(f, fd, "GET / HTTP/1.1\r\n\r\n", 18);
	expect_end(f, fd, WAIT_MS);
	close(fd);
	/* And a record that is none of ours. */
	struct client c = connect_tls(f);
	put_text(f, &c, "Efirst");
	want_text(f, &c, "Efirst");
	send_all(f, c.fd, "\x17\x03\x03\x00\x20................................", 37);
	char octet;
	size_t n;
	enum err err;
	while ((err = tls_read(c.tls, &octet, 1, &n)) == ERR_BUSY)
		run_until(f, c.fd, POLLIN);
	assert_int_not_equal(err, OK);
	disconnect(&c);
	assert_int_equal(n_received, 1);
	stop(f);
}

static void
bounds__idle__closed_with_notice(void **state)
{
	(void)state;
	struct fixture *f = start_tls((struct net_conf){.idle_s = 1});
	struct client c = connect_tls(f);

	want_end(f, &c);
	disconnect(&c);
	stop(f);
}

static void
bounds__connections__oldest_idle_one_gives_way(void **state)
{
	(void)state;
	struct fixture *f = start_tls((struct net_conf){.max_connections = 3});
	struct client c[4];

	for (int i = 0; i < 4; i++) {
		c[i] = connect_tls(f);
		put_text(f, &c[i], "Ehi");
		want_text(f, &c[i], "Ehi");
	}
	want_end(f, &c[0]);
	put_text(f, &c[1], "Estill");
	want_text(f, &c[1], "Estill");
	for (int i = 0; i < 4; i++)
		disconnect(&c[i]);
	stop(f);
}

/* The peer wants new keys again and again, which has us answer, and reads. */
static void
bounds__key_updates__answered_between_messages(void **state)
{
	(void)state;
	struct fixture *f = start_tls((struct net_conf){0});
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	SSL *ssl = SSL_new(ctx);
	int fd = connect_to(net_tls_address(f->net, 0));
	char reply[8];
	int rc;

	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	SSL_set_alpn_protos(ssl, (const unsigned char *)"\3dot", 4);
	SSL_set_fd(ssl, fd);
	SSL_set_connect_state(ssl);
	while (SSL_do_handshake(ssl) != 1)
		run_until(f, fd, POLLIN);
	for (int i = 0; i < 200; i++) {
		assert_int_equal(SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED), 1);
		assert_int_equal(SSL_do_handshake(ssl), 1);
		if (i % 20 == 0)
			assert_int_equal(SSL_write(ssl, "\0\3Key", 5), 5);
	}
	for (int i = 0; i < 10; i++)
		for (int at = 0; at<5; at += rc> 0 ? rc : 0) {
			rc = SSL_read(ssl, reply + at, 5 - at);
			if (rc > 0)
				continue;
			assert_int_equal(SSL_get_error(ssl, rc), SSL_ERROR_WANT_READ);
			run_until(f, fd, POLLIN);
		}
	assert_memory_equal(reply, "\0\3Key", 5);
	assert_int_equal(n_received, 10);
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	close(fd);
	stop(f);
}

/* What the client's records are encrypted with. */
static uint8_t client_secret[32];

static void
on_keylog(const SSL *ssl, const char *line)
{
	const char *hex = strrchr(line, ' ') + 1;

	(void)ssl;
	if (strncmp(line, "CLIENT_TRAFFIC_SECRET_0 ", 24) != 0)
		return;
	for (size_t i = 0; i < sizeof(client_secret); i++)
		assert_int_equal(sscanf(hex + 2 * i, "%2hhx", &client_secret[i]), 1);
}

/* HKDF-Expand-Label (RFC 8446 section 7.1), at most 32 octets. */
static void
expand(const char *label, uint8_t *out, size_t size)
{
	uint8_t info[32], hash[32];
	int n = snprintf((char *)info, sizeof(info), "%c%c%ctls13 %s%c\1", 0, (int)size,
	    (int)(6 + strlen(label)), label, 0);

	assert_non_null(HMAC(EVP_sha256(), client_secret, sizeof(client_secret), info,
	    (size_t)n, hash, NULL));
	memcpy(out, hash, size);
}

/* A record of handshake octets, by the library's key and with its next number. */
static void
send_handshake(struct fixture *f, int fd, uint8_t number, const char *data, int size)
{
	uint8_t key[16], iv[12], record[64] = {0x17, 3, 3, 0, (uint8_t)(size + 17)};
	uint8_t inner[32];
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n;

	expand("key", key, sizeof(key));
	expand("iv", iv, sizeof(iv));
	iv[11] ^= number;
	memcpy(inner, data, (size_t)size);
	inner[size] = 0x16;
	assert_int_equal(EVP_EncryptInit(ctx, EVP_aes_128_gcm(), key, iv), 1);
	assert_int_equal(EVP_EncryptUpdate(ctx, NULL, &n, record, 5), 1);
	assert_int_equal(EVP_EncryptUpdate(ctx, record + 5, &n, inner, size + 1), 1);
	assert_int_equal(EVP_EncryptFinal(ctx, record + 5 + n, &n), 1);
	assert_int_equal(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, 16,
			     record + 5 + size + 1),
	    1);
	EVP_CIPHER_CTX_free(ctx);
	send_all(f, fd, record, (size_t)size + 22);
}

/* Half of a message of TLS itself, and we have something to send: that waits for the
 * other half, and not by asking all the time. */
static void
bounds__half_a_key_update__waited_for(void **state)
{
	(void)state;
	struct fixture *f = start_tls((struct net_conf){0});
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	SSL *ssl = SSL_new(ctx);
	int fd = connect_to(net_tls_address(f->net, 0)), rc;
	unsigned n_turns = 0;
	char reply[8];

	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	SSL_CTX_set_keylog_callback(ctx, on_keylog);
	SSL_set_ciphersuites(ssl, "TLS_AES_128_GCM_SHA256");
	SSL_set_alpn_protos(ssl, (const unsigned char *)"\3dot", 4);
	SSL_set_fd(ssl, fd);
	SSL_set_connect_state(ssl);
	while (SSL_do_handshake(ssl) != 1)
		run_until(f, fd, POLLIN);
	assert_int_equal(SSL_write(ssl, "\0\3Dey", 5), 5);
	send_handshake(f, fd, 1, "\x18\0\0\1", 4);
	while (n_received == 0)
		uv_run(&f->loop, UV_RUN_NOWAIT);
	run_for(f, 50);
	answer_laters();
	uint64_t end = now_ms() + 600;
	while (now_ms() < end) {
		uv_run(&f->loop, UV_RUN_ONCE); /* the tick of the net is every 250 ms */
		n_turns++;
	}
	assert_true(n_turns < 50);
	assert_int_equal(recv(fd, reply, 1, MSG_PEEK | MSG_DONTWAIT), -1);
	send_handshake(f, fd, 2, "\0", 1);
	while ((rc = SSL_read(ssl, reply, sizeof(reply))) <= 0) {
		assert_int_equal(SSL_get_error(ssl, rc), SSL_ERROR_WANT_READ);
		run_until(f, fd, POLLIN);
	}
	assert_memory_equal(reply, "\0\3Dey", 5);
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	close(fd);
	stop(f);
}

/* -- certificates --------------------------------------------------------------- */

/* The same addresses, with other certificates. */
static void
change_to(struct fixture *f, struct tls_ctx *tls)
{
	struct net_conf conf = {.listen = net_address(f->net, 0),
	    .n_listen = 1,
	    .listen_tls = net_tls_address(f->net, 0),
	    .n_listen_tls = 1,
	    .tls = tls};
	struct err_where where = {0};
	struct net_change *change;
	assert_int_equal(net_prepare(f->net, &conf, &where, &change), OK);
	net_commit(change);
}

static void
change__other_certificates__for_new_connections_alone(void **state)
{
	(void)state;
	struct fixture *f = start_tls((struct net_conf){0});
	struct client old = connect_tls(f);
	/* Began with the old one, and ends after the change. */
	struct client half = connect_as(f, "hub.example", false);
	assert_int_equal(tls_handshake(half.tls), ERR_BUSY);
	run_until(f, half.fd, POLLIN);

	pki_issue(pki, "next", "DNS:next.example", -3600, 3600);
	struct tls_ctx *next = pki_server(pki, "next.pem", "next.key", NULL);
	change_to(f, next);
	tls_ctx_unref(next);

	assert_int_equal(shake_hands(f, &half), OK);
	put_text(f, &half, "Ehalf");
	want_text(f, &half, "Ehalf");
	put_text(f, &old, "Eold");
	want_text(f, &old, "Eold");
	struct client wrong = connect_as(f, "hub.example", false);
	assert_int_equal(shake_hands(f, &wrong), ERR_AUTH);
	struct client c = connect_as(f, "next.example", false);
	assert_int_equal(shake_hands(f, &c), OK);
	put_text(f, &c, "Enew");
	want_text(f, &c, "Enew");
	disconnect(&wrong);
	disconnect(&half);
	disconnect(&old);
	disconnect(&c);
	stop(f);
}

static void
open__address_of_tls_in_use__says_which(void **state)
{
	(void)state;
	struct fixture *f = start_tls((struct net_conf){0});
	struct net_conf conf = {.listen_tls = net_tls_address(f->net, 0),
	    .n_listen_tls = 1,
	    .tls = NULL};
	struct err_where where = {0};
	struct net *other = NULL;
	char text[ADDR_TEXT_MAX];

	assert_int_equal(net_open(&f->loop, &conf, NULL, &where, &other), ERR_IO);
	assert_null(other);
	assert_non_null(strstr(where.what, addr_print(conf.listen_tls, text)));
	stop(f);
}

static int
set_up(void **state)
{
	(void)state;
	pki = pki_new();
	client_ctx = pki_client(pki, NULL, NULL, "ca.pem");
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	tls_ctx_unref(client_ctx);
	pki_free(pki);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(tls__messages__as_by_tcp),
	    cmocka_unit_test(tls__many_pipelined__answered_in_order),
	    cmocka_unit_test(tls__our_end_closed__late_replies_still_come),
	    cmocka_unit_test(tls__agent_ends__replies_that_are_due_leave),
	    cmocka_unit_test(transfer__slow_reader__every_message_in_order),
	    cmocka_unit_test(transfer__peer_does_not_read__ended_by_stall),
	    cmocka_unit_test(bounds__slow_handshake__ended),
	    cmocka_unit_test(bounds__garbage__told_and_ended),
	    cmocka_unit_test(bounds__idle__closed_with_notice),
	    cmocka_unit_test(bounds__connections__oldest_idle_one_gives_way),
	    cmocka_unit_test(bounds__key_updates__answered_between_messages),
	    cmocka_unit_test(bounds__half_a_key_update__waited_for),
	    cmocka_unit_test(change__other_certificates__for_new_connections_alone),
	    cmocka_unit_test(open__address_of_tls_in_use__says_which),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
