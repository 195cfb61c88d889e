/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/net/conn_inside.h"

#include <errno.h>
#include <sys/socket.h>

#include "lib/tls.h"

/* The octets of a connection: as they come, or through TLS. */

enum {
	RECORDS_A_READ = 64, /* however little is in each */
	READS_AT_END = 16,
};

const char *
conn_kind(const struct conn *c)
{
	return c->tls != NULL ? "tls" : "tcp";
}

static enum err
from_errno(void)
{
	bool later = errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;

	return later ? ERR_BUSY : ERR_IO;
}

/* What the peer's TLS did wrong; not that it just went. */
static void
complain(const struct conn *c, const char *what)
{
	const char *why = tls_error(c->tls);
	char from[ADDR_TEXT_MAX];

	if (why[0] != '\0')
		hub_complain(c->hub, "tls peer=%s %s why=\"%s\"",
		    addr_print(&c->from, from), what, why);
}

/* -- the beginning --------------------------------------------------------- */

/* What we have to say about it is on its way, and must not be lost to a reset. */
static void
refuse(struct conn *c)
{
	complain(c, "refused");
	c->is_secured = true;
	conn_mark_active(c);
	c->state = shutdown(c->fd, SHUT_WR) == 0 ? STATE_LINGER : STATE_DEAD;
}

void
conn_secure(struct conn *c)
{
	enum err err = tls_handshake(c->tls);

	if (err == OK) {
		c->is_secured = true;
		conn_mark_active(c);
	} else if (err == ERR_AUTH) {
		refuse(c);
	} else if (err != ERR_BUSY) {
		complain(c, "lost");
		c->state = STATE_DEAD;
	}
}

/* -- in and out ------------------------------------------------------------ */

/* A record has little in it, mostly: several of them. */
static enum err
receive_tls(struct conn *c, uint8_t *data, size_t room, size_t *size)
{
	enum err err = OK;
	size_t got = 0;

	for (int i = 0; i < RECORDS_A_READ && room - got >= TLS_RECORD_MAX; i++) {
		size_t n = 0;
		err = tls_read(c->tls, data + got, room - got, &n);
		if (err != OK)
			break;
		got += n;
	}
	c->in_waits_out = err == ERR_BUSY && tls_wants_output(c->tls);
	if (err == ERR_CLOSED)
		c->eof = true;
	if (got == 0 || (err != OK && err != ERR_BUSY && err != ERR_CLOSED)) {
		if (err != ERR_BUSY && err != ERR_CLOSED)
			complain(c, "dropped");
		return err;
	}
	*size = got;
	return OK;
}

enum err
conn_receive(struct conn *c, uint8_t *data, size_t room, size_t *size)
{
	if (c->tls != NULL)
		return receive_tls(c, data, room, size);
	ssize_t n = recv(c->fd, data, room, MSG_DONTWAIT);
	if (n < 0)
		return from_errno();
	c->eof = n == 0;
	*size = (size_t)n;
	return n > 0 ? OK : ERR_CLOSED;
}

enum err
conn_send(struct conn *c, const uint8_t *data, size_t size, size_t *sent)
{
	if (c->tls != NULL) {
		enum err err = tls_write(c->tls, data, size, sent);
		c->out_waits_in = err == ERR_BUSY && !tls_wants_output(c->tls);
		return err;
	}
	ssize_t n = send(c->fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0)
		return from_errno();
	*sent = (size_t)n;
	return OK;
}

/* -- the end --------------------------------------------------------------- */

bool
conn_end_output(struct conn *c)
{
	if (c->tls != NULL)
		tls_end(c->tls);
	return shutdown(c->fd, SHUT_WR) == 0;
}

bool
conn_read_rest(struct conn *c)
{
	ssize_t n = recv(c->fd, c->hub->scratch, HUB_CHUNK, MSG_DONTWAIT);

	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

void
conn_say_end(struct conn *c)
{
	ssize_t n = 1;

	(void)conn_end_output(c);
	for (int i = 0; i < READS_AT_END && n > 0; i++)
		n = recv(c->fd, c->hub->scratch, HUB_CHUNK, MSG_DONTWAIT);
}
