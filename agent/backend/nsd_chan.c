/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/backend/nsd_chan.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "lib/log.h"
#include "lib/mem.h"

/*
 * TLS runs over memory BIOs, so that there is one loop for both transports and
 * only send(2) with MSG_NOSIGNAL ever touches the socket.
 */

enum {
	CHUNK = 65536,
	COMMAND_MAX = 1022,
	NSD_CONTROL_PORT = 8952,
	LONG = 4096, /* octets of a request whose answer is long, too */
	NAP_MS = 2,
};

struct conn {
	struct nsd_chan *nsd;
	struct chan *chan;
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
 * is the only authority there is. So do we. NULL: *wrong is the file, or 3. */
static SSL_CTX *
read_files(const struct nsd_chan *chan, size_t *wrong)
{
	SSL_CTX *tls = SSL_CTX_new(TLS_client_method());

	*wrong = 3;
	if (tls == NULL || SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION) != 1)
		goto fail;
	*wrong = 0;
	if (SSL_CTX_use_certificate_chain_file(tls, chan->files[0]) != 1)
		goto fail;
	*wrong = 1;
	if (SSL_CTX_use_PrivateKey_file(tls, chan->files[1], SSL_FILETYPE_PEM) != 1 ||
	    SSL_CTX_check_private_key(tls) != 1)
		goto fail;
	*wrong = 2;
	if (SSL_CTX_load_verify_file(tls, chan->files[2]) != 1)
		goto fail;
	SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
	return tls;
fail:
	SSL_CTX_free(tls);
	return NULL;
}

/* All zero for one that is not there. */
static void
look_at_files(const struct nsd_chan *chan, struct nsd_seen seen[static 3])
{
	struct stat st;

	memset(seen, 0, 3 * sizeof(*seen)); /* it is compared as octets */
	for (size_t i = 0; i < 3; i++) {
		if (stat(chan->files[i], &st) == -1)
			continue;
		seen[i].dev = st.st_dev;
		seen[i].ino = st.st_ino;
		seen[i].size = st.st_size;
		seen[i].changed = st.st_mtim;
	}
}

static enum err
init_tls(struct nsd_chan *chan, const struct backend_conf *conf,
    const struct backend_option *control, struct err_where *where)
{
	const struct backend_option *cert = backend_find_option(conf, "tls-cert");
	const struct backend_option *key = backend_find_option(conf, "tls-key");
	const struct backend_option *ca = backend_find_option(conf, "tls-ca");
	const struct backend_option *bad;
	size_t wrong;

	if (cert == NULL || key == NULL || ca == NULL)
		return err_at(where, control->file, control->line,
		    "control over TLS needs tls-cert, tls-key and tls-ca");
	chan->files[0] = cert->value;
	chan->files[1] = key->value;
	chan->files[2] = ca->value;
	look_at_files(chan, chan->seen);
	chan->tls = read_files(chan, &wrong);
	if (chan->tls != NULL)
		return OK;
	bad = wrong == 0 ? cert : wrong == 1 ? key : wrong == 2 ? ca : control;
	return err_at(where, bad->file, bad->line, "%s %.120s: %s", bad->name,
	    bad->value, tls_error());
}

/* New files count from the next connection on. Of a set that is replaced file by file
 * the old one does until the new one is whole. */
static void
renew_tls(struct nsd_chan *chan)
{
	struct nsd_seen now[3];
	size_t wrong;

	look_at_files(chan, now);
	if (memcmp(now, chan->seen, sizeof(now)) == 0)
		return;
	memcpy(chan->seen, now, sizeof(now));
	SSL_CTX *tls = read_files(chan, &wrong);
	if (tls == NULL) {
		log_warn("nsd",
		    "file=%s error=\"%s\" text=\"the former one is used on\"",
		    chan->files[wrong < 3 ? wrong : 0], tls_error());
		return;
	}
	log_info("nsd", "tls-cert=%s read again", chan->files[0]);
	SSL_CTX_free(chan->tls);
	chan->tls = tls;
}

enum err
nsd_chan_init(struct nsd_chan *chan, const struct backend_conf *conf,
    struct err_where *where)
{
	const struct backend_option *control = backend_find_option(conf, "control");
	const struct backend_option *tls = backend_find_option(conf, "tls-cert");

	memset(chan, 0, sizeof(*chan));
	chan_init(&chan->chan, control != NULL ? control->value : "", conf->cancel_fd,
	    conf->timeout_ms != 0 ? conf->timeout_ms : 30000);
	if (control == NULL)
		return err_at(where, conf->n_options > 0 ? conf->options[0].file : "",
		    0, "backend %s has no control", conf->name);
	if (control->value[0] != '/') {
		if (addr_parse(control->value, NSD_CONTROL_PORT, &chan->addr) != OK)
			return err_at(where, control->file, control->line,
			    "control is neither a path nor ADDRESS@PORT");
		return init_tls(chan, conf, control, where);
	}
	if (strlen(control->value) >= sizeof(((struct sockaddr_un *)NULL)->sun_path))
		return err_at(where, control->file, control->line,
		    "control: the path is too long for a socket");
	if (tls != NULL)
		return err_at(where, tls->file, tls->line,
		    "tls-cert makes no sense with a control socket in the file system");
	chan->path = control->value;
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

	c->ssl = SSL_new(c->nsd->tls);
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
	size_t n;
	enum err err;

	if (c->ssl != NULL)
		collect_tls(c);
	out = output_of(c);
	err = chan_send_some(c->chan, out->data + c->out_pos, out->size - c->out_pos,
	    &n, c->why);
	*progress |= n > 0;
	c->out_pos += n;
	c->nsd->sent |= n > 0 && (c->ssl == NULL || c->handshaken);
	return err;
}

static enum err
end_of_reply(struct conn *c)
{
	if (c->line_size > 0 || !c->nsd->sent || (c->ssl != NULL && !c->ended))
		return backend_fail(c->why, ERR_CLOSED,
		    "%s closed the connection too early", c->chan->peer_text);
	c->ended = true;
	return OK;
}

static enum err
receive_some(struct conn *c, char *chunk, bool *progress)
{
	size_t n;
	bool end;
	enum err err = chan_receive_some(c->chan, chunk, CHUNK, &n, &end, c->why);

	if (err == OK && end)
		return end_of_reply(c);
	if (err != OK || n == 0)
		return err;
	*progress = true;
	if (c->ssl == NULL)
		return take_text(c, chunk, n);
	if (BIO_write(SSL_get_rbio(c->ssl), chunk, (int)n) != (int)n)
		return backend_fail(c->why, ERR_IO, "TLS: %s", tls_error());
	return pump_tls(c);
}

static enum err
converse(struct conn *c)
{
	char *chunk = mem_alloc(CHUNK);
	enum err err = c->nsd->tls != NULL ? start_tls(c) : OK;

	while (err == OK && !c->ended) {
		bool progress = false;

		err = send_some(c, &progress);
		if (err == OK)
			err = receive_some(c, chunk, &progress);
		if (err != OK || c->ended)
			break;
		if (c->ssl != NULL)
			collect_tls(c);
		/* NSD answers line by line. To be woken by each costs it as much as
		 * us; for so long it neither runs dry nor fills the socket. */
		if (progress && c->request->size >= LONG)
			err = chan_sleep(c->chan->cancel_fd, NAP_MS, c->why);
		if (err != OK)
			break;
		err = chan_wait(c->chan, c->out_pos < output_of(c)->size, progress,
		    c->why);
	}
	free(chunk);
	if (err == OK && c->line_size > 0)
		err = end_of_reply(c);
	return err;
}

enum err
nsd_chan_request(struct nsd_chan *nsd, const struct buf *request, nsd_line_fn *fn,
    void *arg, struct backend_error *why)
{
	struct conn c = {.nsd = nsd,
	    .chan = &nsd->chan,
	    .request = request,
	    .fn = fn,
	    .arg = arg,
	    .why = why};
	enum err err;

	nsd->sent = false;
	why->text[0] = '\0';
	buf_init(&c.out, 0);
	if (nsd->path == NULL)
		renew_tls(nsd);
	err = nsd->path != NULL ? chan_open_unix(&nsd->chan, nsd->path, why)
				: chan_open_tcp(&nsd->chan, &nsd->addr, why);
	if (err == OK)
		err = converse(&c);
	SSL_free(c.ssl);
	chan_close(&nsd->chan);
	buf_fini(&c.out);
	if (err != OK && why->text[0] == '\0')
		backend_fail(why, err, "%s: %s", nsd->chan.peer_text, err_str(err));
	nsd->failed = err != OK;
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
