/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/net/conn_inside.h"

#include <errno.h>
#include <sys/socket.h>

#include "lib/tls.h"

/* How a connection is secured, and how it ends, in octets. */

enum { READS_AT_END = 16 };

const char *
conn_kind(const struct conn *c)
{
	return c->io.tls != NULL ? "tls" : "tcp";
}

/* What the peer's TLS did wrong; not that it just went. */
static void
complain(const struct conn *c, const char *what)
{
	const char *why = tls_error(c->io.tls);
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
	c->state = shutdown(c->io.fd, SHUT_WR) == 0 ? STATE_LINGER : STATE_DEAD;
}

void
conn_secure(struct conn *c)
{
	enum err err = tls_handshake(c->io.tls);

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

/* -- in ---------------------------------------------------------------------- */

enum err
conn_receive(struct conn *c, uint8_t *data, size_t room, size_t *size)
{
	enum err err = octets_receive(&c->io, data, room, size);

	if (c->io.tls != NULL && err != OK && err != ERR_BUSY && err != ERR_CLOSED)
		complain(c, "dropped");
	return err;
}

/* -- the end --------------------------------------------------------------- */

bool
conn_end_output(struct conn *c)
{
	if (c->io.tls != NULL)
		tls_end(c->io.tls);
	return shutdown(c->io.fd, SHUT_WR) == 0;
}

bool
conn_read_rest(struct conn *c)
{
	ssize_t n = recv(c->io.fd, c->hub->scratch, HUB_CHUNK, MSG_DONTWAIT);

	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

void
conn_say_end(struct conn *c)
{
	ssize_t n = 1;

	(void)conn_end_output(c);
	for (int i = 0; i < READS_AT_END && n > 0; i++)
		n = recv(c->io.fd, c->hub->scratch, HUB_CHUNK, MSG_DONTWAIT);
}
