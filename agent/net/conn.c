/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/net/conn_inside.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "agent/proto/proto.h"
#include "lib/mem.h"
#include "lib/msg.h"
#include "lib/tls.h"

enum {
	IN_MAX = 2 + MSG_MAX + HUB_CHUNK, /* less than a message, then one read */
	OUT_LOW = 128 << 10,              /* transfers fill the queue up to here, */
	TRANSFERS_FULL = 32,              /* while there are no more than these */
	OUT_HIGH = 256 << 10,             /* no reading while more is queued */
	IDLE_ROOM = 4 << 10,              /* buffers above it are freed when idle */
	TRANSFERS_MAX = 16,               /* of one connection, before it must wait */
	ROUNDS_A_TURN = 4,                /* then the other connections have theirs */
};

/* -- what the connection is doing ------------------------------------------ */

static size_t
n_unsent(const struct conn *c)
{
	return c->out.size - c->out_at;
}

static bool
has_message(const struct conn *c)
{
	return c->in_size >= 2 && c->in_size - 2 >= (size_t)(c->in[0] << 8 | c->in[1]);
}

bool
conn_takes_output(const struct conn *c)
{
	return c->state == STATE_OPEN || c->state == STATE_ENDING ||
	       c->state == STATE_LAST;
}

/* The peer has to take, or wait for, what it asked for before it asks more. */
static bool
is_blocked(const struct conn *c)
{
	return n_unsent(c) > OUT_HIGH || c->n_transfers >= TRANSFERS_MAX ||
	       proto_outstanding(c->session) >= HUB_OUTSTANDING_MAX;
}

bool
conn_is_idle(const struct conn *c)
{
	return n_unsent(c) == 0 && c->n_transfers == 0 &&
	       proto_outstanding(c->session) == 0;
}

void
conn_mark_dirty(struct conn *c)
{
	if (c->is_dirty)
		return;
	c->is_dirty = true;
	TAILQ_INSERT_TAIL(&c->hub->dirty, c, dirty_link);
}

void
conn_mark_active(struct conn *c)
{
	c->active_ms = uv_now(c->hub->loop);
	TAILQ_REMOVE(&c->hub->conns, c, link);
	TAILQ_INSERT_TAIL(&c->hub->conns, c, link);
}

/* -- effects --------------------------------------------------------------- */

/* Room for a message of size octets behind its length. NULL: given up. */
static uint8_t *
put_message(struct conn *c, size_t size)
{
	uint8_t *p = buf_extend(&c->out, 2 + size);
	if (p == NULL) {
		char from[ADDR_TEXT_MAX];
		hub_complain(c->hub, "%s peer=%s dropped why=\"reads no replies\"",
		    conn_kind(c), addr_print(&c->from, from));
		c->state = STATE_DEAD;
		return NULL;
	}
	p[0] = (uint8_t)(size >> 8);
	p[1] = (uint8_t)size;
	return p + 2;
}

void
conn_reply(struct conn *c, const uint8_t *msg, size_t size)
{
	conn_mark_dirty(c);
	if (!conn_takes_output(c) || size > MSG_MAX)
		return;
	uint8_t *p = put_message(c, size);
	if (p != NULL) {
		memcpy(p, msg, size);
		conn_mark_active(c);
	}
}

void
conn_transfer(struct conn *c, struct proto_transfer *t)
{
	conn_mark_dirty(c);
	if (!conn_takes_output(c)) {
		proto_transfer_free(t);
		return;
	}
	if (c->hub->n_transfers >= c->hub->max_transfers) {
		char from[ADDR_TEXT_MAX];
		hub_complain(c->hub, "%s peer=%s dropped why=\"too many transfers\"",
		    conn_kind(c), addr_print(&c->from, from));
		proto_transfer_free(t);
		c->state = STATE_DEAD;
		return;
	}
	struct transfer *transfer = mem_alloc(sizeof(*transfer));
	transfer->t = t;
	TAILQ_INSERT_TAIL(&c->transfers, transfer, link);
	c->n_transfers++;
	c->hub->n_transfers++;
}

void
conn_end(struct conn *c)
{
	conn_mark_dirty(c);
	if (c->state == STATE_OPEN)
		c->state = STATE_ENDING;
}

/* -- input ----------------------------------------------------------------- */

/* Hand over the whole messages at data; returns how many octets they were. */
static size_t
take_messages(struct conn *c, const uint8_t *data, size_t size)
{
	size_t at = 0;

	while (c->state == STATE_OPEN && size - at >= 2 && !is_blocked(c)) {
		size_t n = (size_t)(data[at] << 8 | data[at + 1]);
		if (size - at - 2 < n)
			break;
		conn_mark_active(c);
		proto_receive(c->session, &c->from, data + at + 2, n);
		at += 2 + n;
	}
	return at;
}

static void
take_kept(struct conn *c)
{
	size_t taken = take_messages(c, c->in, c->in_size);

	if (taken > 0) {
		c->in_size -= taken;
		memmove(c->in, c->in + taken, c->in_size);
	}
}

static void
keep(struct conn *c, const uint8_t *data, size_t size)
{
	if (size == 0)
		return;
	c->in_room = size > IDLE_ROOM ? size : (size_t)IDLE_ROOM;
	c->in = mem_alloc(c->in_room);
	memcpy(c->in, data, size);
	c->in_size = size;
}

void
conn_drop_input(struct conn *c)
{
	free(c->in);
	c->in = NULL;
	c->in_size = c->in_room = 0;
}

/* Where the next octets go: behind what is kept, else the buffer that
 * all share, so that a quiet connection owns none. */
static uint8_t *
read_room(struct conn *c)
{
	if (c->in == NULL)
		return c->hub->scratch;
	size_t want = c->in_size + HUB_CHUNK;
	assert(want <= IN_MAX); /* for we read only when no whole message is kept */
	if (want > c->in_room) {
		c->in = mem_realloc(c->in, want);
		c->in_room = want;
	}
	return c->in + c->in_size;
}

static void
read_requests(struct conn *c)
{
	uint8_t *room = read_room(c);
	size_t n = 0;
	enum err err = conn_receive(c, room, HUB_CHUNK, &n);

	if (err != OK) {
		if (err != ERR_BUSY && err != ERR_CLOSED)
			c->state = STATE_DEAD;
	} else if (c->in != NULL) {
		c->in_size += n;
		take_kept(c);
	} else {
		size_t taken = take_messages(c, room, n);
		keep(c, room + taken, n - taken);
	}
}

/* Reading goes on: with TLS that may depend on the other direction. */
static bool
is_readable(const struct conn *c, int events)
{
	return (events & UV_READABLE) || (c->io.in_waits_out && (events & UV_WRITABLE));
}

static void
on_poll(uv_poll_t *poll, int status, int events)
{
	struct conn *c = poll->data;

	conn_mark_dirty(c);
	if (status < 0)
		c->state = STATE_DEAD;
	else if (!c->is_secured)
		conn_secure(c);
	else if (is_readable(c, events)) {
		if (c->state == STATE_LINGER && !conn_read_rest(c))
			c->state = STATE_DEAD;
		else if (c->state == STATE_OPEN && !c->io.eof && !has_message(c))
			read_requests(c);
	}
}

/* -- output ---------------------------------------------------------------- */

static void
end_transfer(struct conn *c, struct transfer *transfer)
{
	TAILQ_REMOVE(&c->transfers, transfer, link);
	c->n_transfers--;
	c->hub->n_transfers--;
	proto_transfer_free(transfer->t);
	free(transfer);
}

void
conn_drop_transfers(struct conn *c)
{
	while (!TAILQ_EMPTY(&c->transfers))
		end_transfer(c, TAILQ_FIRST(&c->transfers));
}

/* Many transfers at once: one message each, so that their queues stay small. */
static bool
wants_pull(const struct conn *c)
{
	size_t low = c->hub->n_transfers > TRANSFERS_FULL ? 1 : OUT_LOW;

	return c->n_transfers > 0 && n_unsent(c) < low;
}

/* One message, written into the queue. One transfer after the other: so only one
 * of the connection's has its snapshot open. */
static void
pull_message(struct conn *c)
{
	struct transfer *transfer = TAILQ_FIRST(&c->transfers);
	uint8_t *p = put_message(c, MSG_MAX);

	if (p == NULL)
		return;
	size_t size;
	bool last;
	enum err err = proto_transfer_next(transfer->t, p, MSG_MAX, &size, &last);
	if (err != OK) {
		char from[ADDR_TEXT_MAX];
		hub_complain(c->hub, "transfer peer=%s failed error=\"%s\"",
		    addr_print(&c->from, from), err_str(err));
		c->out.size -= 2 + MSG_MAX;
		c->state = STATE_DEAD;
		return;
	}
	p[-2] = (uint8_t)(size >> 8);
	p[-1] = (uint8_t)size;
	c->out.size -= MSG_MAX - size;
	conn_mark_active(c);
	if (last)
		end_transfer(c, transfer);
}

bool
conn_flush(struct conn *c)
{
	while (n_unsent(c) > 0) {
		size_t n = 0;
		enum err err =
		    octets_send(&c->io, c->out.data + c->out_at, n_unsent(c), &n);
		if (err != OK && err != ERR_BUSY)
			c->state = STATE_DEAD;
		if (err != OK)
			break;
		c->out_at += n;
		c->progress_ms = uv_now(c->hub->loop);
	}
	if (n_unsent(c) > 0 && c->out_at < OUT_LOW)
		return false;
	bool all = n_unsent(c) == 0;
	buf_consume(&c->out, c->out_at);
	c->out_at = 0;
	return all;
}

/* -- settling -------------------------------------------------------------- */

/* Requests that were kept while the connection was blocked, transfers, output:
 * as much of it as goes, for a few rounds. */
static void
work(struct conn *c)
{
	for (int i = 0; i < ROUNDS_A_TURN && c->state != STATE_DEAD; i++) {
		if (c->in_size > 0)
			take_kept(c);
		while (c->state != STATE_DEAD && wants_pull(c))
			pull_message(c);
		if (c->state == STATE_DEAD || !conn_flush(c))
			break;
		if (c->n_transfers == 0 && !(has_message(c) && !is_blocked(c)))
			break;
	}
}

static bool
is_finished(const struct conn *c)
{
	if (n_unsent(c) > 0 || c->n_transfers > 0)
		return false;
	if (c->state == STATE_ENDING)
		return true;
	if (c->state == STATE_LAST)
		return proto_outstanding(c->session) == 0;
	return c->io.eof && proto_outstanding(c->session) == 0 && !has_message(c);
}

static void
finish(struct conn *c)
{
	if (c->state == STATE_LAST)
		conn_say_end(c);
	if (c->state == STATE_LAST || !conn_end_output(c) || c->io.eof) {
		c->state = STATE_DEAD;
		return;
	}
	c->state = STATE_LINGER;
	conn_drop_input(c);
	conn_mark_active(c);
}

static int
wanted_events(const struct conn *c)
{
	if (c->state == STATE_LINGER)
		return UV_READABLE;
	if (!c->is_secured)
		return tls_wants_output(c->io.tls) ? UV_WRITABLE : UV_READABLE;
	int events = 0;
	bool more = c->state == STATE_OPEN && has_message(c);
	if (c->state == STATE_OPEN && !c->io.eof && !more && !is_blocked(c))
		events |= c->io.in_waits_out ? UV_WRITABLE : UV_READABLE;
	if (c->io.out_waits_in)
		return events | UV_READABLE;
	/* Also to get another turn soon, when this one ended before the work. */
	if (n_unsent(c) > 0 || c->n_transfers > 0 || (more && !is_blocked(c)))
		events |= UV_WRITABLE;
	return events;
}

static void
give_back_memory(struct conn *c)
{
	if (c->in_size == 0 && c->in != NULL)
		conn_drop_input(c);
	if (conn_is_idle(c) && c->out.room > IDLE_ROOM)
		buf_fini(&c->out);
}

static void
settle(struct conn *c)
{
	if (c->is_secured && conn_takes_output(c)) {
		work(c);
		if (c->state != STATE_DEAD && is_finished(c))
			finish(c);
	}
	if (c->state == STATE_DEAD) {
		conn_destroy(c);
		return;
	}
	give_back_memory(c);
	int events = wanted_events(c);
	if (events == c->events)
		return;
	if ((events & UV_WRITABLE) && !(c->events & UV_WRITABLE))
		c->progress_ms = uv_now(c->hub->loop);
	c->events = events;
	if (events == 0)
		uv_poll_stop(&c->poll);
	else
		uv_poll_start(&c->poll, events, on_poll);
}

void
conn_settle_all(struct hub *hub)
{
	struct conn *c;

	while ((c = TAILQ_FIRST(&hub->dirty)) != NULL) {
		/* Marks made while it settles are about what it just does. */
		settle(c);
		if (TAILQ_FIRST(&hub->dirty) == c) {
			TAILQ_REMOVE(&hub->dirty, c, dirty_link);
			c->is_dirty = false;
		}
	}
}
