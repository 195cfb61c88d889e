/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/tls.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "lib/addr.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/tls_inside.h"

/* -- the socket ------------------------------------------------------------ */

static int
bio_result(BIO *bio, ssize_t n, int retry)
{
	BIO_clear_retry_flags(bio);
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
		BIO_set_flags(bio, retry | BIO_FLAGS_SHOULD_RETRY);
	return (int)n;
}

static int
bio_read(BIO *bio, char *data, int size)
{
	struct tls *tls = BIO_get_data(bio);
	ssize_t n = recv(tls->fd, data, (size_t)size, MSG_DONTWAIT);

	tls->eof = n == 0;
	return bio_result(bio, n, BIO_FLAGS_READ);
}

static int
bio_write(BIO *bio, const char *data, int size)
{
	struct tls *tls = BIO_get_data(bio);
	ssize_t n = send(tls->fd, data, (size_t)size, MSG_DONTWAIT | MSG_NOSIGNAL);

	return bio_result(bio, n, BIO_FLAGS_WRITE);
}

static long
bio_ctrl(BIO *bio, int what, long number, void *arg)
{
	const struct tls *tls = BIO_get_data(bio);

	(void)number;
	(void)arg;
	if (what == BIO_CTRL_EOF)
		return tls->eof;
	return what == BIO_CTRL_FLUSH;
}

BIO_METHOD *
tls_bio_method(void)
{
	BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "socket");

	if (method == NULL)
		return NULL;
	if (BIO_meth_set_read(method, bio_read) == 1 &&
	    BIO_meth_set_write(method, bio_write) == 1 &&
	    BIO_meth_set_ctrl(method, bio_ctrl) == 1)
		return method;
	BIO_meth_free(method);
	return NULL;
}

/* -- failures -------------------------------------------------------------- */

PRINTF(3, 4)
static enum err
fail(struct tls *tls, enum err err, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(tls->error, sizeof(tls->error), fmt, args);
	va_end(args);
	tls->is_mute = true;
	ERR_clear_error();
	return err;
}

/* The names that a certificate is for, as many as fit. They are what the peer says:
 * only plain characters of them are shown. */
static void
print_names(const X509 *cert, char *out, size_t size)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	size_t at = 0;

	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
		if (name->type != GEN_DNS)
			continue;
		const char *text = (const char *)ASN1_STRING_get0_data(name->d.dNSName);
		size_t n = (size_t)ASN1_STRING_length(name->d.dNSName);
		if (size - at < n + sizeof(", "))
			break;
		if (at > 0)
			at += (size_t)snprintf(out + at, size - at, ", ");
		for (size_t k = 0; k < n; k++)
			out[at++] = text[k] > ' ' && text[k] < 0x7f ? text[k] : '?';
	}
	out[at] = '\0';
	GENERAL_NAMES_free(names);
}

/* The library forgets a certificate that it does not accept. */
int
tls_on_verify(int is_good, X509_STORE_CTX *store)
{
	const SSL *ssl =
	    X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct tls *tls = SSL_get_app_data(ssl);
	const X509 *cert = X509_STORE_CTX_get_current_cert(store);

	if (!is_good && X509_STORE_CTX_get_error_depth(store) == 0 && cert != NULL)
		print_names(cert, tls->names, sizeof(tls->names));
	return is_good;
}

static enum err
fail_verify(struct tls *tls, long result)
{
	const char *whose = tls->ctx->is_server ? "client" : "server";

	if (result == X509_V_ERR_HOSTNAME_MISMATCH ||
	    result == X509_V_ERR_IP_ADDRESS_MISMATCH)
		return fail(tls, ERR_AUTH,
		    "the server's certificate is not for %.100s%s%s", tls->name,
		    tls->names[0] != '\0' ? " but for " : "", tls->names);
	switch (result) {
	case X509_V_ERR_CERT_HAS_EXPIRED:
		return fail(tls, ERR_AUTH, "the %s's certificate has expired", whose);
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
		return fail(tls, ERR_AUTH,
		    "the %s's certificate is of an unknown authority (%s)", whose,
		    X509_verify_cert_error_string(result));
	default:
		return fail(tls, ERR_AUTH, "the %s's certificate: %s", whose,
		    X509_verify_cert_error_string(result));
	}
}

/* The peer's alerts, and ours, in plain words. */
static const struct {
	int reason;
	bool about_us; /* the peer does not accept our certificate */
	const char *text;
} reasons[] = {
    {SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL, false,
	"the peer does not speak DNS over TLS (ALPN dot)"},
    {SSL_R_NO_APPLICATION_PROTOCOL, false,
	"the peer does not speak DNS over TLS (ALPN dot)"},
    {SSL_R_TLSV1_ALERT_PROTOCOL_VERSION, false, "the peer does not speak TLS 1.3"},
    {SSL_R_UNSUPPORTED_PROTOCOL, false, "the peer does not speak TLS 1.3"},
    {SSL_R_WRONG_VERSION_NUMBER, false, "the peer does not speak TLS"},
    {SSL_R_HTTP_REQUEST, false, "the peer does not speak TLS but HTTP"},
    {SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE, false, "the client has no certificate"},
    {SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED, true,
	"the server wants a client certificate"},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED, true,
	"the peer says that our certificate has expired"},
    {SSL_R_TLSV1_ALERT_UNKNOWN_CA, true,
	"the peer does not know the authority of our certificate"},
    {SSL_R_SSLV3_ALERT_BAD_CERTIFICATE, true,
	"the peer does not accept our certificate"},
    {SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE, true,
	"the peer does not accept our kind of certificate"},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED, true,
	"the peer says that our certificate is revoked"},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN, true,
	"the peer does not accept our certificate"},
    {SSL_R_TLSV1_ALERT_DECRYPT_ERROR, true, "the peer does not accept our certificate"},
    {SSL_R_TLSV1_ALERT_ACCESS_DENIED, true, "the peer denies us access"},
};

static enum err
fail_protocol(struct tls *tls, unsigned long error)
{
	long verified = SSL_get_verify_result(tls->ssl);
	const char *text = ERR_reason_error_string(error);

	if (tls->refusal != NULL)
		return fail(tls, ERR_AUTH, "%s", tls->refusal);
	if (ERR_GET_REASON(error) == SSL_R_CERTIFICATE_VERIFY_FAILED &&
	    verified != X509_V_OK)
		return fail_verify(tls, verified);
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		if (ERR_GET_LIB(error) != ERR_LIB_SSL ||
		    ERR_GET_REASON(error) != reasons[i].reason)
			continue;
		enum err err = ERR_AUTH;
		if (tls->is_ready)
			err = reasons[i].about_us ? ERR_INVALID : ERR_IO;
		return fail(tls, err, "%s", reasons[i].text);
	}
	return fail(tls, tls->is_ready ? ERR_IO : ERR_AUTH, "TLS: %s",
	    text != NULL ? text : "failed");
}

/* The result rc of a call of the library that did not succeed. */
static enum err
failed(struct tls *tls, int rc)
{
	int error = errno;

	switch (SSL_get_error(tls->ssl, rc)) {
	case SSL_ERROR_WANT_READ: tls->wants_output = false; return ERR_BUSY;
	case SSL_ERROR_WANT_WRITE: tls->wants_output = true; return ERR_BUSY;
	case SSL_ERROR_ZERO_RETURN: /* we may still write */
		tls->error[0] = '\0';
		ERR_clear_error();
		return ERR_CLOSED;
	case SSL_ERROR_SYSCALL:
		if (tls->eof || error == 0 || error == ECONNRESET || error == EPIPE)
			return fail(tls, ERR_CLOSED, "%s", "");
		return fail(tls, ERR_IO, "%s", mem_errno_text(error));
	default: return fail_protocol(tls, ERR_peek_error());
	}
}

/* -- connections ----------------------------------------------------------- */

static struct tls *
tls_new(struct tls_ctx *ctx, int fd)
{
	struct tls *tls = mem_zalloc(sizeof(*tls));
	BIO *bio = BIO_new(ctx->socket);

	tls->ctx = tls_ctx_ref(ctx);
	tls->fd = fd;
	tls->ssl = SSL_new(ctx->ssl);
	if (bio == NULL || tls->ssl == NULL || SSL_set_app_data(tls->ssl, tls) != 1)
		log_fatal("tls", "out of memory");
	BIO_set_data(bio, tls);
	BIO_set_init(bio, 1);
	SSL_set_bio(tls->ssl, bio, bio);
	return tls;
}

struct tls *
tls_accept(struct tls_ctx *ctx, int fd)
{
	struct tls *tls = tls_new(ctx, fd);

	SSL_set_accept_state(tls->ssl);
	return tls;
}

static bool
set_name(struct tls *tls, const char *name)
{
	struct addr addr;
	size_t n = strlen(name);

	if (n > 0 && name[n - 1] == '.')
		n--;
	if (n == 0 || n >= sizeof(tls->name))
		return false;
	memcpy(tls->name, name, n);
	if (addr_parse(tls->name, 0, &addr) == OK && strchr(tls->name, '@') == NULL)
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(tls->ssl),
			   tls->name) == 1;
	SSL_set_hostflags(tls->ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return SSL_set1_host(tls->ssl, tls->name) == 1 &&
	       SSL_set_tlsext_host_name(tls->ssl, tls->name) == 1;
}

enum err
tls_connect(struct tls_ctx *ctx, int fd, const char *name, struct tls **out)
{
	struct tls *tls = tls_new(ctx, fd);

	SSL_set_connect_state(tls->ssl);
	if (!set_name(tls, name)) {
		ERR_clear_error();
		tls_free(tls);
		return ERR_INVALID;
	}
	*out = tls;
	return OK;
}

void
tls_free(struct tls *tls)
{
	if (tls == NULL)
		return;
	SSL_free(tls->ssl);
	tls_ctx_unref(tls->ctx);
	free(tls);
}

/* What the library does not insist on. */
static enum err
check_peer(struct tls *tls)
{
	const unsigned char *alpn;
	unsigned size;

	SSL_get0_alpn_selected(tls->ssl, &alpn, &size);
	if (size != 3 || memcmp(alpn, "dot", 3) != 0)
		return fail(tls, ERR_AUTH,
		    "the %s does not speak DNS over TLS (ALPN dot)",
		    tls->ctx->is_server ? "client" : "server");
	long result = SSL_get_verify_result(tls->ssl);
	if (!tls->ctx->is_server &&
	    (SSL_get0_peer_certificate(tls->ssl) == NULL || result != X509_V_OK))
		return fail_verify(tls, result);
	return OK;
}

enum err
tls_handshake(struct tls *tls)
{
	ERR_clear_error();
	errno = 0;
	int rc = SSL_do_handshake(tls->ssl);
	if (rc != 1) {
		enum err err = failed(tls, rc);
		tls->is_mute = err != ERR_BUSY;
		return err;
	}
	enum err err = check_peer(tls);
	tls->is_ready = err == OK;
	return err;
}

enum err
tls_read(struct tls *tls, void *data, size_t room, size_t *n)
{
	ERR_clear_error();
	errno = 0;
	int rc = SSL_read_ex(tls->ssl, data, room, n);
	return rc == 1 ? OK : failed(tls, rc);
}

enum err
tls_write(struct tls *tls, const void *data, size_t size, size_t *n)
{
	ERR_clear_error();
	errno = 0;
	int rc = SSL_write_ex(tls->ssl, data, size, n);
	return rc == 1 ? OK : failed(tls, rc);
}

bool
tls_wants_output(const struct tls *tls)
{
	return tls->wants_output;
}

void
tls_end(struct tls *tls)
{
	if (!tls->is_ready || tls->is_mute)
		return;
	ERR_clear_error();
	(void)SSL_shutdown(tls->ssl);
	tls->is_mute = true;
	ERR_clear_error();
}

const char *
tls_error(const struct tls *tls)
{
	return tls->error;
}
