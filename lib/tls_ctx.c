/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/tls_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "lib/mem.h"

/* Certificates, keys, and the rules that every connection is held to. */

enum {
	FILE_MAX = 4 << 20,       /* the authorities of a system are 250 kB */
	CERT_LIST_MAX = 32 << 10, /* what a peer may show of certificates */
	TIME_TEXT = 64,
};

static const unsigned char alpn_dot[] = {3, 'd', 'o', 't'};

/* -- files ----------------------------------------------------------------- */

/* A PEM file in memory, read once: what was checked is what is used. */
struct pem {
	const char *path;
	struct err_where *where;
	uint8_t *data;
	size_t size;
	BIO *bio;
	bool has_passphrase;
};

static enum err
fail_errno(const struct pem *pem)
{
	enum err err = errno == ENOENT ? ERR_NOTFOUND : ERR_IO;

	err_at(pem->where, pem->path, 0, "%s", mem_errno_text(errno));
	return err;
}

static enum err
fail_ssl(const struct pem *pem, const char *what)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	err_at(pem->where, pem->path, 0, "%s%s%s", what, reason != NULL ? ": " : "",
	    reason != NULL ? reason : "");
	ERR_clear_error();
	return ERR_INVALID;
}

static enum err
check_file(const struct pem *pem, int fd, bool is_secret)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return fail_errno(pem);
	if (!S_ISREG(st.st_mode))
		return err_at(pem->where, pem->path, 0, "not a file");
	if (is_secret && (st.st_mode & (S_IROTH | S_IWOTH)) != 0)
		return err_at(pem->where, pem->path, 0,
		    "others may read or write this file: set its mode to 0600 or 0640");
	if (st.st_size > FILE_MAX)
		return err_at(pem->where, pem->path, 0, "too large");
	return OK;
}

static enum err
read_all(struct pem *pem, int fd)
{
	pem->data = mem_alloc(FILE_MAX);
	while (pem->size < FILE_MAX) {
		ssize_t n = read(fd, pem->data + pem->size, FILE_MAX - pem->size);
		if (n == 0)
			break;
		if (n > 0)
			pem->size += (size_t)n;
		else if (errno != EINTR)
			return fail_errno(pem);
	}
	pem->bio = BIO_new_mem_buf(pem->data, (int)pem->size);
	return pem->bio != NULL ? OK : fail_ssl(pem, "cannot be read");
}

/* Close it in any case. */
static enum err
open_pem(struct pem *pem, const char *path, bool is_secret, struct err_where *where)
{
	*pem = (struct pem){.path = path, .where = where};
	/* A pipe in its place must not make us wait. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return fail_errno(pem);
	enum err err = check_file(pem, fd, is_secret);
	if (err == OK)
		err = read_all(pem, fd);
	close(fd);
	return err;
}

static void
close_pem(struct pem *pem)
{
	BIO_free(pem->bio);
	if (pem->data != NULL)
		mem_wipe(pem->data, pem->size);
	free(pem->data);
}

/* Nobody is there to type one. */
static int
no_passphrase(char *out, int size, int is_write, void *arg)
{
	struct pem *pem = arg;

	(void)out;
	(void)size;
	(void)is_write;
	pem->has_passphrase = true;
	return -1;
}

/* The next certificate of the file; *cert NULL: that was the last one. */
static enum err
next_cert(struct pem *pem, X509 **cert)
{
	ERR_clear_error();
	*cert = PEM_read_bio_X509(pem->bio, NULL, no_passphrase, pem);
	if (*cert != NULL)
		return OK;
	if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		return fail_ssl(pem, "a certificate that cannot be read");
	ERR_clear_error();
	return OK;
}

enum err
tls_expiry(const char *cert, struct err_where *where, int64_t *unix_time)
{
	X509 *x = NULL;
	struct tm tm;
	struct pem pem;
	enum err err = open_pem(&pem, cert, false, where);

	if (err == OK)
		err = next_cert(&pem, &x);
	if (err == OK &&
	    (x == NULL || ASN1_TIME_to_tm(X509_get0_notAfter(x), &tm) != 1))
		err = err_at(where, cert, 0, "has no certificate");
	if (err == OK)
		*unix_time = timegm(&tm);
	X509_free(x);
	close_pem(&pem);
	return err;
}

/* -- our certificate ------------------------------------------------------- */

static const char *
time_text(const ASN1_TIME *time, char text[static TIME_TEXT])
{
	BIO *bio = BIO_new(BIO_s_mem());
	int n = 0;

	if (bio != NULL && ASN1_TIME_print(bio, time) == 1)
		n = BIO_read(bio, text, TIME_TEXT - 1);
	text[n > 0 ? n : 0] = '\0';
	BIO_free(bio);
	return text;
}

static enum err
check_dates(const struct pem *pem, const X509 *cert)
{
	char text[TIME_TEXT];
	const ASN1_TIME *begin = X509_get0_notBefore(cert);
	const ASN1_TIME *end = X509_get0_notAfter(cert);

	if (X509_cmp_current_time(end) <= 0)
		return err_at(pem->where, pem->path, 0, "the certificate expired on %s",
		    time_text(end, text));
	if (X509_cmp_current_time(begin) >= 0)
		return err_at(pem->where, pem->path, 0,
		    "the certificate is not valid before %s", time_text(begin, text));
	return OK;
}

static enum err
use_chain(SSL_CTX *ctx, struct pem *pem)
{
	X509 *cert;
	enum err err = next_cert(pem, &cert);

	if (err != OK)
		return err;
	if (cert == NULL)
		return err_at(pem->where, pem->path, 0, "no certificate in PEM form");
	err = check_dates(pem, cert);
	if (err == OK && SSL_CTX_use_certificate(ctx, cert) != 1)
		err = fail_ssl(pem, "the certificate cannot be used");
	X509_free(cert);
	while (err == OK) {
		err = next_cert(pem, &cert);
		if (err != OK || cert == NULL)
			break;
		if (SSL_CTX_add0_chain_cert(ctx, cert) != 1) {
			X509_free(cert);
			err = fail_ssl(pem, "a certificate cannot be used");
		}
	}
	return err;
}

static enum err
load_chain(SSL_CTX *ctx, const char *path, struct err_where *where)
{
	struct pem pem;
	enum err err = open_pem(&pem, path, false, where);

	if (err == OK)
		err = use_chain(ctx, &pem);
	close_pem(&pem);
	return err;
}

static enum err
use_key(SSL_CTX *ctx, struct pem *pem, const char *cert_path)
{
	ERR_clear_error();
	EVP_PKEY *key = PEM_read_bio_PrivateKey(pem->bio, NULL, no_passphrase, pem);
	enum err err = OK;

	if (key == NULL && pem->has_passphrase) {
		ERR_clear_error();
		return err_at(pem->where, pem->path, 0,
		    "the key is protected by a passphrase, which nobody could give");
	}
	if (key == NULL) {
		ERR_clear_error();
		return err_at(pem->where, pem->path, 0, "no private key in PEM form");
	}
	if (X509_check_private_key(SSL_CTX_get0_certificate(ctx), key) != 1) {
		ERR_clear_error();
		err = err_at(pem->where, pem->path, 0,
		    "the key does not belong to the certificate in %.150s", cert_path);
	} else if (SSL_CTX_use_PrivateKey(ctx, key) != 1) {
		err = fail_ssl(pem, "the key cannot be used");
	}
	EVP_PKEY_free(key);
	return err;
}

static enum err
load_key(SSL_CTX *ctx, const struct tls_files *files, struct err_where *where)
{
	struct pem pem;
	enum err err = open_pem(&pem, files->key, true, where);

	if (err == OK)
		err = use_key(ctx, &pem, files->cert);
	close_pem(&pem);
	return err;
}

static enum err
load_own(SSL_CTX *ctx, const struct tls_files *files, struct err_where *where)
{
	if (files->cert == NULL || files->key == NULL)
		return err_at(where, files->cert != NULL ? files->cert : files->key, 0,
		    "a certificate and its key go together");
	enum err err = load_chain(ctx, files->cert, where);
	return err == OK ? load_key(ctx, files, where) : err;
}

/* -- authorities ----------------------------------------------------------- */

static enum err
use_authorities(SSL_CTX *ctx, struct pem *pem, bool is_server)
{
	X509_STORE *store = SSL_CTX_get_cert_store(ctx);
	unsigned n = 0;
	enum err err = OK;
	X509 *cert;

	while ((err = next_cert(pem, &cert)) == OK && cert != NULL) {
		if (X509_STORE_add_cert(store, cert) != 1)
			err = fail_ssl(pem, "a certificate cannot be used");
		/* The client is told whose certificates are welcome. */
		else if (is_server && SSL_CTX_add_client_CA(ctx, cert) != 1)
			err = fail_ssl(pem, "a certificate cannot be used");
		X509_free(cert);
		if (err != OK)
			return err;
		n++;
	}
	if (err == OK && n == 0)
		return err_at(pem->where, pem->path, 0, "no certificate in PEM form");
	return err;
}

static enum err
load_authorities(struct tls_ctx *ctx, const char *path, struct err_where *where)
{
	struct pem pem;

	if (path == NULL && SSL_CTX_set_default_verify_paths(ctx->ssl) != 1)
		return err_at(where, "", 0, "the system's authorities cannot be used");
	if (path == NULL)
		return OK;
	enum err err = open_pem(&pem, path, false, where);
	if (err == OK)
		err = use_authorities(ctx->ssl, &pem, ctx->is_server);
	close_pem(&pem);
	return err;
}

/* -- rules ----------------------------------------------------------------- */

/* Before anything is computed for a client that does not want to speak DNS. */
static int
on_client_hello(SSL *ssl, int *alert, void *arg)
{
	const unsigned char *data;
	size_t size;
	struct tls *tls = SSL_get_app_data(ssl);

	(void)arg;
	if (SSL_client_hello_get0_ext(ssl,
		TLSEXT_TYPE_application_layer_protocol_negotiation, &data, &size) == 1)
		return SSL_CLIENT_HELLO_SUCCESS;
	tls->refusal = "the client does not offer DNS over TLS (ALPN dot)";
	*alert = TLS1_AD_NO_APPLICATION_PROTOCOL;
	return SSL_CLIENT_HELLO_ERROR;
}

static int
on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_size,
    const unsigned char *in, unsigned in_size, void *arg)
{
	struct tls *tls = SSL_get_app_data(ssl);

	(void)arg;
	for (unsigned i = 0; i < in_size; i += 1u + in[i]) {
		if (in_size - i >= sizeof(alpn_dot) &&
		    memcmp(in + i, alpn_dot, sizeof(alpn_dot)) == 0) {
			*out = in + i + 1;
			*out_size = in[i];
			return SSL_TLSEXT_ERR_OK;
		}
	}
	tls->refusal = "the client does not offer DNS over TLS (ALPN dot)";
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/*
 * SSL_MODE_AUTO_RETRY off: a call ends after one record, whatever it held, so that
 * a peer that sends nothing but key updates does not keep us. An end of the
 * connection without notice is no error: messages have their sizes, and signatures.
 */
static bool
set_rules(SSL_CTX *ctx)
{
	SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION |
				     SSL_OP_NO_COMPRESSION |
				     SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
				  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
				  SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_clear_mode(ctx, SSL_MODE_AUTO_RETRY);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_max_cert_list(ctx, CERT_LIST_MAX);
	return SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) == 1 &&
	       SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) == 1 &&
	       SSL_CTX_set_num_tickets(ctx, 0) == 1;
}

static enum err
ctx_new(bool is_server, struct err_where *where, struct tls_ctx **out)
{
	struct tls_ctx *ctx = mem_zalloc(sizeof(*ctx));

	atomic_init(&ctx->refs, 1);
	ctx->is_server = is_server;
	ctx->ssl = SSL_CTX_new(is_server ? TLS_server_method() : TLS_client_method());
	ctx->socket = tls_bio_method();
	*out = ctx;
	if (ctx->ssl != NULL && ctx->socket != NULL && set_rules(ctx->ssl))
		return OK;
	err_at(where, "", 0, "TLS is not to be had: %s",
	    ERR_reason_error_string(ERR_peek_last_error()));
	ERR_clear_error();
	return ERR_IO;
}

static enum err
end_new(enum err err, struct tls_ctx *ctx, struct tls_ctx **out)
{
	if (err == OK)
		*out = ctx;
	else
		tls_ctx_unref(ctx);
	return err;
}

enum err
tls_server_new(const struct tls_files *files, struct err_where *where,
    struct tls_ctx **out)
{
	struct tls_ctx *ctx;
	enum err err = ctx_new(true, where, &ctx);

	if (err == OK)
		err = load_own(ctx->ssl, files, where);
	if (err == OK && files->ca != NULL) {
		err = load_authorities(ctx, files->ca, where);
		SSL_CTX_set_verify(ctx->ssl,
		    SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, tls_on_verify);
	}
	if (err == OK) {
		SSL_CTX_set_client_hello_cb(ctx->ssl, on_client_hello, NULL);
		SSL_CTX_set_alpn_select_cb(ctx->ssl, on_alpn, NULL);
	}
	return end_new(err, ctx, out);
}

enum err
tls_client_new(const struct tls_files *files, struct err_where *where,
    struct tls_ctx **out)
{
	struct tls_ctx *ctx;
	enum err err = ctx_new(false, where, &ctx);

	if (err == OK)
		err = load_authorities(ctx, files->ca, where);
	if (err == OK && (files->cert != NULL || files->key != NULL))
		err = load_own(ctx->ssl, files, where);
	if (err == OK) {
		SSL_CTX_set_verify(ctx->ssl, SSL_VERIFY_PEER, tls_on_verify);
		/* 0 is success here, unlike elsewhere. */
		if (SSL_CTX_set_alpn_protos(ctx->ssl, alpn_dot, sizeof(alpn_dot)) != 0)
			err = ERR_IO;
	}
	return end_new(err, ctx, out);
}

struct tls_ctx *
tls_ctx_ref(struct tls_ctx *ctx)
{
	atomic_fetch_add(&ctx->refs, 1);
	return ctx;
}

void
tls_ctx_unref(struct tls_ctx *ctx)
{
	if (ctx == NULL || atomic_fetch_sub(&ctx->refs, 1) != 1)
		return;
	SSL_CTX_free(ctx->ssl);
	BIO_meth_free(ctx->socket);
	free(ctx);
}
