/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/net/octets.h"

#include <errno.h>
#include <sys/socket.h>

#include "lib/tls.h"

enum { RECORDS_A_READ = 64 }; /* however little is in each */

static enum err
from_errno(void)
{
	bool later = errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;

	return later ? ERR_BUSY : ERR_IO;
}

/* A record has little in it, mostly: several of them. */
static enum err
receive_tls(struct octets *o, uint8_t *data, size_t room, size_t *size)
{
	enum err err = OK;
	size_t got = 0;

	for (int i = 0; i < RECORDS_A_READ && room - got >= TLS_RECORD_MAX; i++) {
		size_t n = 0;
		err = tls_read(o->tls, data + got, room - got, &n);
		if (err != OK)
			break;
		got += n;
	}
	o->in_waits_out = err == ERR_BUSY && tls_wants_output(o->tls);
	o->eof |= err == ERR_CLOSED;
	if (got == 0 || (err != OK && err != ERR_BUSY && err != ERR_CLOSED))
		return err;
	*size = got;
	return OK;
}

enum err
octets_receive(struct octets *o, uint8_t *data, size_t room, size_t *size)
{
	if (o->tls != NULL)
		return receive_tls(o, data, room, size);
	ssize_t n = recv(o->fd, data, room, MSG_DONTWAIT);
	if (n < 0)
		return from_errno();
	o->eof = n == 0;
	*size = (size_t)n;
	return n > 0 ? OK : ERR_CLOSED;
}

enum err
octets_send(struct octets *o, const uint8_t *data, size_t size, size_t *sent)
{
	if (o->tls != NULL) {
		enum err err = tls_write(o->tls, data, size, sent);
		o->out_waits_in = err == ERR_BUSY && !tls_wants_output(o->tls);
		return err;
	}
	ssize_t n = send(o->fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0)
		return from_errno();
	*sent = (size_t)n;
	return OK;
}
