/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/tls_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

/* -- two ends in one thread ------------------------------------------------- */

struct pair {
	int fds[2];
	struct tls *server, *client;
};

static struct pki *pki;

static struct pair
pair_open(struct tls_ctx *server, struct tls_ctx *client, const char *name)
{
	struct pair p = {0};

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
			     0, p.fds),
	    0);
	p.server = tls_accept(server, p.fds[0]);
	if (client != NULL)
		assert_int_equal(tls_connect(client, p.fds[1], name, &p.client), OK);
	return p;
}

static void
pair_close(struct pair *p)
{
	tls_free(p->server);
	tls_free(p->client);
	close(p->fds[0]);
	if (p->fds[1] >= 0)
		close(p->fds[1]);
}

/* Both until neither is busy, or one has failed. */
static void
shake_hands(struct pair *p, enum err *server, enum err *client)
{
	*server = *client = ERR_BUSY;
	for (int i = 0; i < 20 && (*server == ERR_BUSY || *client == ERR_BUSY); i++) {
		if (*client == ERR_BUSY)
			*client = tls_handshake(p->client);
		if (*server == ERR_BUSY)
			*server = tls_handshake(p->server);
	}
}

static struct pair
pair_ready(struct tls_ctx *server, struct tls_ctx *client)
{
	struct pair p = pair_open(server, client, "hub.example");
	enum err at_server, at_client;

	shake_hands(&p, &at_server, &at_client);
	assert_int_equal(at_server, OK);
	assert_int_equal(at_client, OK);
	return p;
}

/* -- connections -------------------------------------------------------------- */

static void
connection__both_ways__octets_arrive(void **state)
{
	(void)state;
	struct tls_ctx *server = pki_server(pki, "hub.pem", "hub.key", NULL);
	struct tls_ctx *client = pki_client(pki, NULL, NULL, "ca.pem");
	struct pair p = pair_ready(server, client);
	char text[TLS_RECORD_MAX];
	size_t n;

	assert_int_equal(tls_read(p.server, text, sizeof(text), &n), ERR_BUSY);
	assert_false(tls_wants_output(p.server));
	assert_int_equal(tls_write(p.client, "question", 8, &n), OK);
	assert_int_equal(n, 8);
	assert_int_equal(tls_read(p.server, text, sizeof(text), &n), OK);
	assert_int_equal(n, 8);
	assert_memory_equal(text, "question", 8);
	/* Contexts may go before their connections. */
	tls_ctx_unref(server);
	tls_ctx_unref(client);
	assert_int_equal(tls_write(p.server, "answer", 6, &n), OK);
	assert_int_equal(tls_read(p.client, text, sizeof(text), &n), OK);
	assert_memory_equal(text, "answer", 6);
	/* One end, then the other. */
	tls_end(p.client);
	tls_end(p.client);
	assert_int_equal(tls_read(p.server, text, sizeof(text), &n), ERR_CLOSED);
	assert_string_equal(tls_error(p.server), "");
	assert_int_equal(tls_write(p.server, "last", 4, &n), OK);
	assert_int_equal(tls_read(p.client, text, sizeof(text), &n), OK);
	assert_int_equal(n, 4);
	tls_end(p.server);
	assert_int_equal(tls_read(p.client, text, sizeof(text), &n), ERR_CLOSED);
	pair_close(&p);
}

static void
connection__full_kernel__goes_on_where_it_was(void **state)
{
	(void)state;
	enum { SIZE = 3 << 20 };
	struct tls_ctx *server = pki_server(pki, "hub.pem", "hub.key", NULL);
	struct tls_ctx *client = pki_client(pki, NULL, NULL, "ca.pem");
	struct pair p = pair_ready(server, client);
	uint8_t *out = malloc(SIZE), *in = malloc(SIZE + TLS_RECORD_MAX);
	size_t sent = 0, got = 0, n_busy = 0;

	for (size_t i = 0; i < SIZE; i++)
		out[i] = (uint8_t)(i * 7 + (i >> 11));
	while (got < SIZE) {
		size_t n;
		while (sent < SIZE) {
			/* The buffer may move in between. */
			uint8_t *copy = malloc(SIZE - sent);
			memcpy(copy, out + sent, SIZE - sent);
			enum err err = tls_write(p.server, copy, SIZE - sent, &n);
			free(copy);
			if (err == ERR_BUSY) {
				assert_true(tls_wants_output(p.server));
				n_busy++;
				break;
			}
			assert_int_equal(err, OK);
			sent += n;
		}
		while (tls_read(p.client, in + got, TLS_RECORD_MAX, &n) == OK)
			got += n;
	}
	assert_int_equal(got, SIZE);
	assert_memory_equal(in, out, SIZE);
	assert_true(n_busy > 0);
	free(out);
	free(in);
	pair_close(&p);
	tls_ctx_unref(server);
	tls_ctx_unref(client);
}

static void
connection__cut__is_closed(void **state)
{
	(void)state;
	struct tls_ctx *server = pki_server(pki, "hub.pem", "hub.key", NULL);
	struct tls_ctx *client = pki_client(pki, NULL, NULL, "ca.pem");
	struct pair p = pair_ready(server, client);
	char text[16];
	size_t n;

	close(p.fds[1]);
	p.fds[1] = -1;
	assert_int_equal(tls_read(p.server, text, sizeof(text), &n), ERR_CLOSED);
	assert_int_equal(tls_write(p.server, "x", 1, &n), ERR_CLOSED);
	tls_end(p.server);
	pair_close(&p);
	/* And in the middle of the handshake. */
	p = pair_open(server, client, "hub.example");
	assert_int_equal(tls_handshake(p.client), ERR_BUSY);
	close(p.fds[1]);
	p.fds[1] = -1;
	enum err err = tls_handshake(p.server);
	if (err == ERR_BUSY)
		err = tls_handshake(p.server);
	assert_int_equal(err, ERR_CLOSED);
	tls_end(p.server);
	pair_close(&p);
	tls_ctx_unref(server);
	tls_ctx_unref(client);
}

static void
handshake__garbage__refused(void **state)
{
	(void)state;
	static const struct {
		const char *data;
		size_t size;
	} all[] = {
	    {"GET / HTTP/1.1\r\n\r\n", 18},
	    {"\x16\x03\x01\x00\x05hello", 10},
	    {"\x17\x03\x03\x00\x05hello", 10},
	    {"\x16\x03\x01\xff\xff\x01\xff\xff\xff", 9},
	    {"\x00\x20 plain DNS with its size first", 32},
	};
	struct tls_ctx *server = pki_server(pki, "hub.pem", "hub.key", NULL);

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		struct pair p = pair_open(server, NULL, NULL);
		assert_int_equal(write(p.fds[1], all[i].data, all[i].size),
		    all[i].size);
		assert_int_equal(tls_handshake(p.server), ERR_AUTH);
		assert_true(strlen(tls_error(p.server)) > 5);
		pair_close(&p);
	}
	tls_ctx_unref(server);
}

/* A client of the library's own, with other manners than ours. */
static SSL *
raw_client(SSL_CTX *ctx, const struct pair *p)
{
	SSL *ssl = SSL_new(ctx);

	SSL_set_fd(ssl, p->fds[1]);
	SSL_set_connect_state(ssl);
	return ssl;
}

static void
handshake__without_dot_or_13__refused(void **state)
{
	(void)state;
	static const unsigned char dot[] = "\3dot", h2[] = "\2h2";
	struct tls_ctx *server = pki_server(pki, "hub.pem", "hub.key", NULL);
	const struct {
		const unsigned char *alpn;
		unsigned size;
		int version;
		const char *says;
	} cases[] = {
	    {NULL, 0, TLS1_3_VERSION, "ALPN dot"},
	    {h2, 3, TLS1_3_VERSION, "ALPN dot"},
	    {dot, 4, TLS1_2_VERSION, "TLS 1.3"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct pair p = pair_open(server, NULL, NULL);
		SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
		SSL_CTX_set_max_proto_version(ctx, cases[i].version);
		if (cases[i].alpn != NULL)
			SSL_CTX_set_alpn_protos(ctx, cases[i].alpn, cases[i].size);
		SSL *ssl = raw_client(ctx, &p);
		assert_int_not_equal(SSL_do_handshake(ssl), 1);
		assert_int_equal(tls_handshake(p.server), ERR_AUTH);
		assert_non_null(strstr(tls_error(p.server), cases[i].says));
		assert_int_not_equal(SSL_do_handshake(ssl), 1);
		ERR_clear_error();
		SSL_free(ssl);
		SSL_CTX_free(ctx);
		pair_close(&p);
	}
	tls_ctx_unref(server);
}

static void
read__nothing_but_key_updates__ends_each_time(void **state)
{
	(void)state;
	struct tls_ctx *server = pki_server(pki, "hub.pem", "hub.key", NULL);
	struct pair p = pair_open(server, NULL, NULL);
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	char text[TLS_RECORD_MAX];
	size_t n;

	SSL_CTX_set_alpn_protos(ctx, (const unsigned char *)"\3dot", 4);
	SSL *ssl = raw_client(ctx, &p);
	(void)SSL_do_handshake(ssl);
	assert_int_equal(tls_handshake(p.server), ERR_BUSY);
	assert_int_equal(SSL_do_handshake(ssl), 1);
	assert_int_equal(tls_handshake(p.server), OK);
	for (int i = 0; i < 50; i++) {
		assert_int_equal(SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED), 1);
		assert_int_equal(SSL_do_handshake(ssl), 1);
	}
	assert_int_equal(SSL_write(ssl, "x", 1), 1);
	/* One record a call, or none when an answer is to be sent. */
	int n_calls = 1;
	while (tls_read(p.server, text, sizeof(text), &n) != OK)
		assert_true(n_calls++ < 500);
	assert_true(n_calls > 50);
	assert_int_equal(n, 1);
	assert_int_equal(tls_write(p.server, "y", 1, &n), OK);
	assert_int_equal(SSL_read(ssl, text, sizeof(text)), 1);
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	pair_close(&p);
	tls_ctx_unref(server);
}

/* -- names and certificates --------------------------------------------------- */

static void
connect__names__only_those_of_the_certificate(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		const char *says; /* NULL: fits */
	} cases[] = {
	    {"hub.example", NULL},
	    {"HUB.example.", NULL},
	    {"127.0.0.1", NULL},
	    {"127.0.0.2", "not for 127.0.0.2"},
	    {"::1", "not for ::1"},
	    {"hub.example.org", "not for hub.example.org but for hub.example"},
	    {"example", "not for example"},
	};
	struct tls_ctx *server = pki_server(pki, "hub.pem", "hub.key", NULL);
	struct tls_ctx *client = pki_client(pki, NULL, NULL, "ca.pem");
	struct tls *tls;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct pair p = pair_open(server, client, cases[i].name);
		enum err at_server, at_client;
		shake_hands(&p, &at_server, &at_client);
		assert_int_equal(at_client, cases[i].says == NULL ? OK : ERR_AUTH);
		assert_int_equal(at_server, at_client);
		if (cases[i].says != NULL &&
		    strstr(tls_error(p.client), cases[i].says) == NULL)
			fail_msg("%s: %s", cases[i].name, tls_error(p.client));
		pair_close(&p);
	}
	/* No name would be no check. */
	assert_int_equal(tls_connect(client, 0, "", &tls), ERR_INVALID);
	assert_int_equal(tls_connect(client, 0, ".", &tls), ERR_INVALID);
	char longest[300];
	memset(longest, 'a', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(tls_connect(client, 0, longest, &tls), ERR_INVALID);
	tls_ctx_unref(server);
	tls_ctx_unref(client);
}

static void
connect__unknown_authority__refused(void **state)
{
	(void)state;
	struct pki *other = pki_new();
	struct tls_ctx *server = pki_server(pki, "hub.pem", "hub.key", NULL);
	struct tls_ctx *clients[] = {pki_client(other, NULL, NULL, "ca.pem"),
	    pki_client(pki, NULL, NULL, NULL)}; /* the system's */
	enum err at_server, at_client;

	for (size_t i = 0; i < 2; i++) {
		struct pair p = pair_open(server, clients[i], "hub.example");
		shake_hands(&p, &at_server, &at_client);
		assert_int_equal(at_client, ERR_AUTH);
		assert_non_null(strstr(tls_error(p.client), "unknown authority"));
		assert_int_equal(at_server, ERR_AUTH);
		assert_non_null(strstr(tls_error(p.server), "our certificate"));
		pair_close(&p);
		tls_ctx_unref(clients[i]);
	}
	tls_ctx_unref(server);
	pki_free(other);
}

static void
accept__client_certificate_wanted__required(void **state)
{
	(void)state;
	struct pki *other = pki_new();
	struct tls_ctx *server = pki_server(pki, "hub.pem", "hub.key", "ca.pem");
	struct tls_ctx *none = pki_client(pki, NULL, NULL, "ca.pem");
	struct tls_ctx *good = pki_client(pki, "hub.pem", "hub.key", "ca.pem");
	struct tls_files files = {pki_path(other, "hub.pem"),
	    pki_path(other, "hub.key"), pki_path(pki, "ca.pem")};
	struct err_where where = {0};
	struct tls_ctx *stranger;
	enum err at_server, at_client;
	char text[16];
	size_t n;

	assert_int_equal(tls_client_new(&files, &where, &stranger), OK);
	struct pair p = pair_ready(server, good);
	pair_close(&p);
	struct tls_ctx *bad[] = {none, stranger};
	for (size_t i = 0; i < 2; i++) {
		p = pair_open(server, bad[i], "hub.example");
		shake_hands(&p, &at_server, &at_client);
		assert_int_equal(at_server, ERR_AUTH);
		/* In TLS 1.3 the client hears of it later. */
		assert_int_equal(at_client, OK);
		assert_int_equal(tls_read(p.client, text, sizeof(text), &n),
		    ERR_INVALID);
		assert_non_null(strstr(tls_error(p.client),
		    i == 0 ? "wants a client certificate" : "our certificate"));
		pair_close(&p);
	}
	tls_ctx_unref(server);
	tls_ctx_unref(none);
	tls_ctx_unref(good);
	tls_ctx_unref(stranger);
	pki_free(other);
}

/* -- files --------------------------------------------------------------------- */

static void
expect_fault(const struct tls_files *files, const char *file, const char *what)
{
	struct err_where where = {0};
	struct tls_ctx *ctx = NULL;
	enum err err = tls_server_new(files, &where, &ctx);

	assert_int_not_equal(err, OK);
	assert_null(ctx);
	assert_string_equal(where.file, file);
	if (strstr(where.what, what) == NULL)
		fail_msg("%s: \"%s\" is not \"%s\"", where.file, where.what, what);
}

static void
files__with_faults__file_and_reason_are_told(void **state)
{
	(void)state;
	const char *cert = pki_path(pki, "hub.pem"), *key = pki_path(pki, "hub.key"),
		   *bad = pki_path(pki, "bad.pem");

	pki_issue(pki, "old", "DNS:hub.example", -7200, -3600);
	pki_issue(pki, "new", "DNS:hub.example", 3600, 7200);
	expect_fault(&(struct tls_files){bad, key, NULL}, bad, "No such file");
	expect_fault(&(struct tls_files){cert, bad, NULL}, bad, "No such file");
	expect_fault(&(struct tls_files){cert, key, bad}, bad, "No such file");
	expect_fault(&(struct tls_files){cert, NULL, NULL}, cert, "go together");
	expect_fault(&(struct tls_files){NULL, key, NULL}, key, "go together");
	expect_fault(&(struct tls_files){pki->dir, key, NULL}, pki->dir, "not a file");
	expect_fault(&(struct tls_files){cert, pki_path(pki, "old.key"), NULL},
	    pki_path(pki, "old.key"), "does not belong to the certificate in");
	expect_fault(&(struct tls_files){pki_path(pki, "old.pem"), key, NULL},
	    pki_path(pki, "old.pem"), "expired on ");
	expect_fault(&(struct tls_files){pki_path(pki, "new.pem"), key, NULL},
	    pki_path(pki, "new.pem"), "not valid before ");
	expect_fault(&(struct tls_files){key, key, NULL}, key, "no certificate in PEM");
	expect_fault(&(struct tls_files){cert, cert, NULL}, cert, "others may read");
	expect_fault(&(struct tls_files){cert, key, key}, key, "no certificate in PEM");
	pki_write(pki, "bad.pem", "", 0, 0600);
	expect_fault(&(struct tls_files){bad, key, NULL}, bad, "no certificate in PEM");
	expect_fault(&(struct tls_files){cert, bad, NULL}, bad,
	    "no private key in PEM");
	static const char cut[] = "-----BEGIN CERTIFICATE-----\nAAAA\n"
				  "-----END CERTIFICATE-----\n";
	pki_write(pki, "bad.pem", cut, sizeof(cut) - 1, 0600);
	expect_fault(&(struct tls_files){bad, key, NULL}, bad, "cannot be read");
	expect_fault(&(struct tls_files){cert, key, bad}, bad, "cannot be read");
	assert_int_equal(chmod(key, 0604), 0);
	expect_fault(&(struct tls_files){cert, key, NULL}, key, "others may read");
	assert_int_equal(chmod(key, 0640), 0);
	tls_ctx_unref(pki_server(pki, "hub.pem", "hub.key", NULL));
}

static void
files__key_with_a_passphrase__refused_without_asking(void **state)
{
	(void)state;
	EVP_PKEY *key = EVP_EC_gen("P-256");
	BIO *bio = BIO_new(BIO_s_mem());
	char *data;

	assert_int_equal(PEM_write_bio_PrivateKey(bio, key, EVP_aes_128_cbc(),
			     (const unsigned char *)"secret", 6, NULL, NULL),
	    1);
	long size = BIO_get_mem_data(bio, &data);
	pki_write(pki, "locked.key", data, (size_t)size, 0600);
	BIO_free(bio);
	EVP_PKEY_free(key);
	const char *path = pki_path(pki, "locked.key");
	expect_fault(&(struct tls_files){pki_path(pki, "hub.pem"), path, NULL}, path,
	    "passphrase");
}

static int
make_pki(void **state)
{
	(void)state;
	pki = pki_new();
	return 0;
}

static int
drop_pki(void **state)
{
	(void)state;
	pki_free(pki);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(connection__both_ways__octets_arrive),
	    cmocka_unit_test(connection__full_kernel__goes_on_where_it_was),
	    cmocka_unit_test(connection__cut__is_closed),
	    cmocka_unit_test(handshake__garbage__refused),
	    cmocka_unit_test(handshake__without_dot_or_13__refused),
	    cmocka_unit_test(read__nothing_but_key_updates__ends_each_time),
	    cmocka_unit_test(connect__names__only_those_of_the_certificate),
	    cmocka_unit_test(connect__unknown_authority__refused),
	    cmocka_unit_test(accept__client_certificate_wanted__required),
	    cmocka_unit_test(files__with_faults__file_and_reason_are_told),
	    cmocka_unit_test(files__key_with_a_passphrase__refused_without_asking),
	};
	return cmocka_run_group_tests(tests, make_pki, drop_pki);
}
