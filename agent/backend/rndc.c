/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/backend/rndc.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "lib/mem.h"

/*
 * The first message on a connection is never carried out: named answers with a
 * nonce that every later one must have. Every fault of authentication is a
 * silent close, so a close in answer to the first message is taken for that.
 *
 * named keeps every command for 900 s, to notice replays, and walks all of them
 * on each new one. So commands are counted; beyond RNDC_CROWDED we rest after
 * each command for as long as it took, so that named is not busy with us alone.
 */

enum { IDLE_MAX_MS = 20000, REST_MAX_MS = 1000 };

void
rndc_init(struct rndc *rndc, const char *backend, const struct addr *addr,
    struct key *key, int cancel_fd, unsigned timeout_ms)
{
	char address[ADDR_TEXT_MAX], text[ADDR_TEXT_MAX + 8];

	memset(rndc, 0, sizeof(*rndc));
	rndc->addr = *addr;
	rndc->key = key_ref(key);
	rndc->backend = backend;
	snprintf(text, sizeof(text), "rndc %s", addr_print(addr, address));
	chan_init(&rndc->chan, text, cancel_fd, timeout_ms);
}

void
rndc_fini(struct rndc *rndc)
{
	rndc_disconnect(rndc);
	key_unref(rndc->key);
	rndc->key = NULL;
}

void
rndc_set_key(struct rndc *rndc, struct key *key)
{
	rndc_disconnect(rndc);
	key_unref(rndc->key);
	rndc->key = key_ref(key);
}

void
rndc_disconnect(struct rndc *rndc)
{
	chan_close(&rndc->chan);
	rndc->nonce[0] = '\0';
}

/* -- how much named has to remember ------------------------------------------- */

static void
forget_old(struct rndc *rndc)
{
	int64_t now = clock_ms() / 1000 / RNDC_SLOT_S;

	if (now - rndc->slot > RNDC_SLOTS)
		rndc->slot = now - RNDC_SLOTS;
	while (rndc->slot < now)
		rndc->counts[++rndc->slot % RNDC_SLOTS] = 0;
}

unsigned
rndc_n_remembered(const struct rndc *rndc)
{
	unsigned n = 0;

	for (size_t i = 0; i < RNDC_SLOTS; i++)
		n += rndc->counts[i];
	return n;
}

static void
count(struct rndc *rndc)
{
	unsigned n;

	forget_old(rndc);
	rndc->counts[rndc->slot % RNDC_SLOTS]++;
	n = rndc_n_remembered(rndc);
	if (n > RNDC_CROWDED && !rndc->crowded)
		log_warn("bind",
		    "backend=%s commands=%u text=\"sent within %d s; named gets slow "
		    "with each: half the pace from here on\"",
		    rndc->backend, n, RNDC_WINDOW_S);
	rndc->crowded = n > RNDC_CROWDED || (rndc->crowded && n > RNDC_CROWDED / 2);
}

/* -- one message -------------------------------------------------------------- */

static enum err
receive_all(struct rndc *rndc, uint8_t *data, size_t size, struct backend_error *why)
{
	while (size > 0) {
		size_t n;
		enum err err = chan_receive(&rndc->chan, data, size, &n, why);

		if (err != OK)
			return err;
		if (n == 0)
			return backend_fail(why, ERR_CLOSED, "%s closed the connection",
			    rndc->chan.peer_text);
		data += n;
		size -= n;
	}
	return OK;
}

static enum err
receive_reply(struct rndc *rndc, struct rndc_reply *reply, struct backend_error *why)
{
	uint8_t head[4], *body;
	size_t size;
	enum err err = receive_all(rndc, head, sizeof(head), why);

	if (err != OK)
		return err;
	size = (size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 |
	       head[3];
	if (size > RNDC_REPLY_MAX)
		return backend_fail(why, ERR_FORM, "%s: a reply of %zu octets",
		    rndc->chan.peer_text, size);
	body = mem_alloc(size + 1);
	err = receive_all(rndc, body, size, why);
	if (err == OK) {
		err = rndc_decode(body, size, rndc->key, reply);
		if (err != OK)
			backend_fail(why, err, "%s: %s", rndc->chan.peer_text,
			    err == ERR_AUTH ? "the reply is not signed with our key"
					    : "the reply is not understood");
	}
	free(body);
	return err;
}

static enum err
exchange(struct rndc *rndc, const char *command, struct rndc_reply *reply,
    struct backend_error *why)
{
	struct rndc_request request = {.serial = ++rndc->serial,
	    .time_s = (uint64_t)time(NULL),
	    .nonce = rndc->nonce,
	    .command = command};
	struct buf frame;
	enum err err;

	buf_init(&frame, 0);
	err = rndc_encode(&request, rndc->key, &frame);
	if (err != OK) {
		buf_fini(&frame);
		return backend_fail(why, err, "a command of %zu octets: %s",
		    strlen(command), err_str(err));
	}
	count(rndc);
	rndc->sent = rndc->nonce[0] != '\0';
	err = chan_send(&rndc->chan, frame.data, frame.size, why);
	buf_fini(&frame);
	if (err == OK)
		err = receive_reply(rndc, reply, why);
	if (err == OK && reply->serial != request.serial) {
		rndc_reply_fini(reply);
		err = backend_fail(why, ERR_FORM, "%s: the reply to another command",
		    rndc->chan.peer_text);
	}
	return err;
}

static enum err
connect_to(struct rndc *rndc, struct backend_error *why)
{
	struct rndc_reply reply;
	enum err err = chan_open_tcp(&rndc->chan, &rndc->addr, why);

	if (err != OK)
		return err;
	/* named refuses a serial and time that it has seen, from anybody. */
	if (getrandom(&rndc->serial, sizeof(rndc->serial), 0) !=
	    (ssize_t)sizeof(rndc->serial))
		rndc->serial = (uint32_t)clock_ms();
	rndc->serial &= 0x7fffffff;
	rndc->nonce[0] = '\0';
	err = exchange(rndc, "null", &reply, why);
	if (err == ERR_CLOSED)
		return backend_fail(why, ERR_AUTH,
		    "%s closed the connection: key %.60s is not one of its controls "
		    "statement, or the clocks differ by 300 s; named's log has more",
		    rndc->chan.peer_text, key_name_text(rndc->key));
	if (err != OK)
		return err;
	memcpy(rndc->nonce, reply.nonce, sizeof(rndc->nonce));
	rndc_reply_fini(&reply);
	if (rndc->nonce[0] == '\0')
		return backend_fail(why, ERR_FORM, "%s: no nonce",
		    rndc->chan.peer_text);
	return OK;
}

static enum err
rest(struct rndc *rndc, int64_t since_ms, struct backend_error *why)
{
	int64_t took = clock_ms() - since_ms;

	return !rndc->crowded
		   ? OK
		   : chan_sleep(rndc->chan.cancel_fd,
			 took < REST_MAX_MS ? (unsigned)took : REST_MAX_MS, why);
}

enum err
rndc_command(struct rndc *rndc, const char *command, struct rndc_reply *reply,
    struct backend_error *why)
{
	int64_t since_ms = clock_ms();
	struct backend_error canceled;
	enum err err;

	rndc->sent = false;
	err = chan_sleep(rndc->chan.cancel_fd, 0, why);
	if (rndc->chan.fd != -1 && since_ms - rndc->used_ms > IDLE_MAX_MS)
		rndc_disconnect(rndc);
	if (err == OK && rndc->chan.fd == -1)
		err = connect_to(rndc, why);
	if (err == OK)
		err = exchange(rndc, command, reply, why);
	if (err != OK) {
		if (err != ERR_RANGE || rndc->nonce[0] == '\0')
			rndc_disconnect(rndc);
		return err;
	}
	/* If that is cut short, the next command will notice. */
	(void)!rest(rndc, since_ms, &canceled);
	rndc->used_ms = clock_ms();
	return OK;
}

enum err
rndc_commandf(struct rndc *rndc, struct rndc_reply *reply, struct backend_error *why,
    const char *fmt, ...)
{
	char text[4096];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(text))
		return backend_fail(why, ERR_RANGE, "a command of %d octets", n);
	return rndc_command(rndc, text, reply, why);
}
