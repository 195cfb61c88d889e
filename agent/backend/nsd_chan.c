/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/backend/nsd_chan.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "lib/clock.h"
#include "lib/mem.h"

/*
 * TLS runs over memory BIOs, so that there is one loop for both transports and
 * only send(2) with MSG_NOSIGNAL ever touches the socket.
 */

enum { CHUNK = 65536, COMMAND_MAX = 1022, NSD_CONTROL_PORT = 8952 };

struct conn {
	struct nsd_chan *chan;
	int fd;
	SSL *ssl; /* or NULL */
	bool handshaken, ended;
	const struct buf *request;
	struct buf out; /* octets for the socket */
	size_t out_pos;
	char line[NSD_LINE_MAX];
	size_t line_size;
	nsd_line_fn *fn;
	void *arg;
	struct backend_error *why;
	int64_t deadline_ms;
};

/* -- set-up ---------------------------------------------------------------- */

static const char *
tls_error(void)
{
	const char *text = ERR_reason_error_string(ERR_peek_last_error());

	ERR_clear_error();
	return text != NULL ? text : "TLS error";
}

/* NSD's own client checks the chain alone: the certificate it made for itself
 * is the only authority there is. So do we. */
static enum err
init_tls(struct nsd_chan *chan, const struct backend_conf *conf,
    const struct backend_option *control, struct err_where *where)
{
	const struct backend_option *cert = backend_find_option(conf, "tls-cert");
	const struct backend_option *key = backend_find_option(conf, "tls-key");
	const struct backend_option *ca = backend_find_option(conf, "tls-ca");
	const struct backend_option *bad = NULL;

	if (cert == NULL || key == NULL || ca == NULL)
		return err_at(where, control->file, control->line,
		    "control over TLS needs tls-cert, tls-key and tls-ca");
	chan->tls = SSL_CTX_new(TLS_client_method());
	if (chan->tls == NULL ||
	    SSL_CTX_set_min_proto_version(chan->tls, TLS1_2_VERSION) != 1)
		bad = control;
	else if (SSL_CTX_use_certificate_chain_file(chan->tls, cert->value) != 1)
		bad = cert;
	else if (SSL_CTX_use_PrivateKey_file(chan->tls, key->value, SSL_FILETYPE_PEM) !=
		     1 ||
		 SSL_CTX_check_private_key(chan->tls) != 1)
		bad = key;
	else if (SSL_CTX_load_verify_file(chan->tls, ca->value) != 1)
		bad = ca;
	if (bad != NULL) {
		err_at(where, bad->file, bad->line, "%s %.120s: %s", bad->name,
		    bad->value, tls_error());
		SSL_CTX_free(chan->tls);
		chan->tls = NULL;
		return ERR_INVALID;
	}
	SSL_CTX_set_verify(chan->tls, SSL_VERIFY_PEER, NULL);
	return OK;
}

enum err
nsd_chan_init(struct nsd_chan *chan, const struct backend_conf *conf,
    struct err_where *where)
{
	const struct backend_option *control = backend_find_option(conf, "control");
	const struct backend_option *tls = backend_find_option(conf, "tls-cert");

	memset(chan, 0, sizeof(*chan));
	chan->cancel_fd = conf->cancel_fd;
	chan->timeout_ms = conf->timeout_ms != 0 ? conf->timeout_ms : 30000;
	if (control == NULL)
		return err_at(where, conf->n_options > 0 ? conf->options[0].file : "",
		    0, "backend %s has no control", conf->name);
	snprintf(chan->peer_text, sizeof(chan->peer_text), "%s", control->value);
	if (control->value[0] != '/') {
		if (addr_parse(control->value, NSD_CONTROL_PORT, &chan->addr) != OK)
			return err_at(where, control->file, control->line,
			    "control is neither a path nor ADDRESS@PORT");
		return init_tls(chan, conf, control, where);
	}
	if (strlen(control->value) >= sizeof(chan->path.sun_path))
		return err_at(where, control->file, control->line,
		    "control: the path has more than %zu characters",
		    sizeof(chan->path.sun_path) - 1);
	if (tls != NULL)
		return err_at(where, tls->file, tls->line,
		    "tls-cert makes no sense with a control socket in the file system");
	chan->is_unix = true;
	chan->path.sun_family = AF_UNIX;
	strcpy(chan->path.sun_path, control->value);
	return OK;
}

void
nsd_chan_fini(struct nsd_chan *chan)
{
	SSL_CTX_free(chan->tls);
	chan->tls = NULL;
}

void
nsd_chan_begin(struct buf *request)
{
	buf_puts(request, "NSDCT1 ");
}

/* -- waiting --------------------------------------------------------------- */

/* Until one of events, at most wait_ms; not at all (0) is a look at cancel_fd.
 * ERR_TIMEOUT only if the connection's deadline has passed. */
static enum err
wait_for(struct conn *c, int fd, short events, int wait_ms)
{
	struct pollfd fds[2] = {{.fd = fd, .events = events},
	    {.fd = c->chan->cancel_fd, .events = POLLIN}};
	int64_t left = c->deadline_ms - clock_ms();

	if (left <= 0 && wait_ms != 0)
		return backend_fail(c->why, ERR_TIMEOUT, "%s: no answer within %u s",
		    c->chan->peer_text, c->chan->timeout_ms / 1000);
	if (wait_ms < 0 || wait_ms > left)
		wait_ms = left > 0 ? (int)left : 0;
	if (poll(fds, 2, wait_ms) == -1 && errno != EINTR)
		return backend_fail(c->why, ERR_IO, "poll: %s", mem_errno_text(errno));
	if (fds[1].revents != 0)
		return backend_fail(c->why, ERR_CANCELED, "canceled");
	return OK;
}

static void
made_progress(struct conn *c)
{
	c->deadline_ms = clock_ms() + c->chan->timeout_ms;
}

/* -- connecting ------------------------------------------------------------ */

static enum err
connect_failed(struct conn *c, int error)
{
	bool absent = error == ENOENT || error == ECONNREFUSED || error == ECONNRESET;

	return backend_fail(c->why, absent ? ERR_CLOSED : ERR_IO, "%s: %s",
	    c->chan->peer_text, mem_errno_text(error));
}

static enum err
finish_connect(struct conn *c)
{
	int error = 0;
	socklen_t size = sizeof(error);
	struct pollfd fd = {.fd = c->fd, .events = POLLOUT};

	while (poll(&fd, 1, 0) == 0) {
		enum err err = wait_for(c, c->fd, POLLOUT, -1);

		if (err != OK)
			return err;
	}
	if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size) == -1)
		error = errno;
	return error == 0 ? OK : connect_failed(c, error);
}

static enum err
open_conn(struct conn *c)
{
	struct nsd_chan *chan = c->chan;
	const struct sockaddr *sa =
	    chan->is_unix ? (const struct sockaddr *)&chan->path : &chan->addr.u.sa;
	socklen_t size =
	    chan->is_unix ? (socklen_t)sizeof(chan->path) : addr_size(&chan->addr);
	struct ucred cred;
	socklen_t cred_size = sizeof(cred);

	c->fd = socket(sa->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd == -1)
		return connect_failed(c, errno);
	while (connect(c->fd, sa, size) == -1) {
		enum err err;

		if (errno == EINPROGRESS)
			return finish_connect(c);
		/* A full backlog of a unix socket cannot be polled for. */
		if (errno != EAGAIN && errno != EINTR)
			return connect_failed(c, errno);
		err = wait_for(c, -1, 0, 20);
		if (err != OK)
			return err;
	}
	if (chan->is_unix &&
	    getsockopt(c->fd, SOL_SOCKET, SO_PEERCRED, &cred, &cred_size) == 0)
		chan->peer = cred.pid;
	return OK;
}

/* -- the reply ------------------------------------------------------------- */

static enum err
take_text(struct conn *c, const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		enum err err;

		if (text[i] != '\n') {
			if (c->line_size == sizeof(c->line) - 1 || text[i] == '\0')
				return backend_fail(c->why, ERR_FORM,
				    "%s: the reply is not of text lines",
				    c->chan->peer_text);
			c->line[c->line_size++] = text[i];
			continue;
		}
		c->line[c->line_size] = '\0';
		c->line_size = 0;
		err = c->fn(c->arg, c->line);
		if (err != OK)
			return err;
	}
	return OK;
}

/* After octets of the other side, or at its end: what TLS makes of them. */
static enum err
pump_tls(struct conn *c)
{
	char text[4096];
	enum err err = OK;
	int n = 0;

	ERR_clear_error();
	if (!c->handshaken) {
		n = SSL_do_handshake(c->ssl);
		if (n != 1 && SSL_get_error(c->ssl, n) != SSL_ERROR_WANT_READ)
			return backend_fail(c->why, ERR_AUTH, "%s: %s",
			    c->chan->peer_text, tls_error());
		if (n == 1) {
			c->handshaken = true;
			if (SSL_write(c->ssl, c->request->data,
				(int)c->request->size) != (int)c->request->size)
				return backend_fail(c->why, ERR_IO, "%s: %s",
				    c->chan->peer_text, tls_error());
		}
	}
	while (c->handshaken && err == OK &&
	       (n = SSL_read(c->ssl, text, sizeof(text))) > 0)
		err = take_text(c, text, (size_t)n);
	if (err == OK && c->handshaken) {
		n = SSL_get_error(c->ssl, n);
		if (n == SSL_ERROR_SSL || n == SSL_ERROR_SYSCALL)
			return backend_fail(c->why, ERR_AUTH, "%s: %s",
			    c->chan->peer_text, tls_error());
		c->ended |= n == SSL_ERROR_ZERO_RETURN;
	}
	return err;
}

/* Records that TLS wants to have sent. */
static void
collect_tls(struct conn *c)
{
	BIO *bio = SSL_get_wbio(c->ssl);
	char chunk[4096];
	int n;

	while ((n = BIO_read(bio, chunk, sizeof(chunk))) > 0)
		buf_put(&c->out, chunk, (size_t)n);
}

static enum err
start_tls(struct conn *c)
{
	BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());

	c->ssl = SSL_new(c->chan->tls);
	if (c->ssl == NULL || in == NULL || out == NULL) {
		BIO_free(in);
		BIO_free(out);
		return backend_fail(c->why, ERR_IO, "TLS: %s", tls_error());
	}
	BIO_set_mem_eof_return(in, -1);
	SSL_set_bio(c->ssl, in, out);
	SSL_set_connect_state(c->ssl);
	return pump_tls(c);
}

/* -- the loop -------------------------------------------------------------- */

static const struct buf *
output_of(const struct conn *c)
{
	return c->ssl != NULL ? &c->out : c->request;
}

static enum err
send_some(struct conn *c, bool *progress)
{
	const struct buf *out;
	ssize_t n;

	if (c->ssl != NULL)
		collect_tls(c);
	out = output_of(c);
	if (c->out_pos == out->size)
		return OK;
	n = send(c->fd, out->data + c->out_pos, out->size - c->out_pos, MSG_NOSIGNAL);
	if (n == -1) {
		if (errno == EAGAIN || errno == EINTR)
			return OK;
		return backend_fail(c->why, ERR_CLOSED, "%s: %s", c->chan->peer_text,
		    mem_errno_text(errno));
	}
	*progress = true;
	c->out_pos += (size_t)n;
	c->chan->sent |= c->ssl == NULL || c->handshaken;
	return OK;
}

static enum err
end_of_reply(struct conn *c)
{
	if (c->line_size > 0 || !c->chan->sent || (c->ssl != NULL && !c->ended))
		return backend_fail(c->why, ERR_CLOSED,
		    "%s closed the connection too early", c->chan->peer_text);
	c->ended = true;
	return OK;
}

static enum err
receive_some(struct conn *c, char *chunk, bool *progress)
{
	ssize_t n = recv(c->fd, chunk, CHUNK, 0);

	if (n == -1) {
		if (errno == EAGAIN || errno == EINTR)
			return OK;
		return backend_fail(c->why, ERR_CLOSED, "%s: %s", c->chan->peer_text,
		    mem_errno_text(errno));
	}
	if (n == 0)
		return end_of_reply(c);
	*progress = true;
	if (c->ssl == NULL)
		return take_text(c, chunk, (size_t)n);
	if (BIO_write(SSL_get_rbio(c->ssl), chunk, (int)n) != n)
		return backend_fail(c->why, ERR_IO, "TLS: %s", tls_error());
	return pump_tls(c);
}

static enum err
converse(struct conn *c)
{
	char *chunk = mem_alloc(CHUNK);
	enum err err = c->chan->tls != NULL ? start_tls(c) : OK;

	while (err == OK && !c->ended) {
		bool progress = false, unsent;

		err = send_some(c, &progress);
		if (err == OK)
			err = receive_some(c, chunk, &progress);
		if (err != OK || c->ended)
			break;
		if (c->ssl != NULL)
			collect_tls(c);
		unsent = c->out_pos < output_of(c)->size;
		if (progress)
			made_progress(c);
		err = wait_for(c, c->fd, unsent ? POLLIN | POLLOUT : POLLIN,
		    progress ? 0 : -1);
	}
	free(chunk);
	if (err == OK && c->line_size > 0)
		err = end_of_reply(c);
	return err;
}

enum err
nsd_chan_request(struct nsd_chan *chan, const struct buf *request, nsd_line_fn *fn,
    void *arg, struct backend_error *why)
{
	struct conn c = {.chan = chan,
	    .fd = -1,
	    .request = request,
	    .fn = fn,
	    .arg = arg,
	    .why = why};
	enum err err;

	chan->sent = false;
	why->text[0] = '\0';
	buf_init(&c.out, 0);
	made_progress(&c);
	err = open_conn(&c);
	if (err == OK)
		err = converse(&c);
	SSL_free(c.ssl);
	if (c.fd != -1)
		close(c.fd);
	buf_fini(&c.out);
	if (err != OK && why->text[0] == '\0')
		backend_fail(why, err, "%s: %s", chan->peer_text, err_str(err));
	chan->failed = err != OK;
	return err;
}

enum err
nsd_chan_command(struct nsd_chan *chan, nsd_line_fn *fn, void *arg,
    struct backend_error *why, const char *fmt, ...)
{
	struct buf request;
	char text[COMMAND_MAX + 1];
	va_list ap;
	enum err err;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(text))
		return backend_fail(why, ERR_RANGE, "a command of more than %d octets",
		    COMMAND_MAX);
	buf_init(&request, 0);
	nsd_chan_begin(&request);
	buf_printf(&request, "%s\n", text);
	err = nsd_chan_request(chan, &request, fn, arg, why);
	buf_fini(&request);
	return err;
}
