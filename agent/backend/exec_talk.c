/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "agent/backend/exec.h"
#include "agent/backend/exec_request.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/mem.h"

/*
 * One request at a time. While it is said its replies are heard already, and the
 * lines of stderr, so that neither side waits for the other with full buffers. What
 * comes unasked, is too long, or is no reply ends the program: nothing that it says
 * after that could be trusted.
 */

enum {
	STABLE_MS = 60000, /* one that ran so long did not die of its start */
	BACKOFF_MAX_MS = 60000,
	STATUS_MS = 3000, /* from the end of its output to its own */
	REPLIES_MAX = 20000000,
};

/* -- its ends --------------------------------------------------------------------- */

/* It ended, or has to: the next one is not started at once, if this one was not
 * long there. */
static void
bury(struct exec *x, const char *how, unsigned grace_ms)
{
	unsigned backoff_ms = 0;

	if (clock_ms() - x->child.started_ms < STABLE_MS) {
		backoff_ms = x->n_deaths < 6 ? 1000u << x->n_deaths : BACKOFF_MAX_MS;
		x->n_deaths++;
	} else {
		x->n_deaths = 0;
	}
	snprintf(x->last_words, sizeof(x->last_words), "%s", how);
	log_warn("exec", "backend=%s pid=%ld again=%us error=\"%s\"", x->conf.name,
	    (long)x->child.pid, backoff_ms / 1000, how);
	exec_child_stop(&x->child, grace_ms);
	x->not_before_ms = clock_ms() + backoff_ms;
	x->greeted = false;
	x->in_size = 0;
}

enum err
exec_fault(struct exec *x, struct backend_error *why, const char *fmt, ...)
{
	char text[160];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	backend_fail(why, ERR_IO, "%.60s %s", x->argv[0], text);
	bury(x, why->text, 0);
	return ERR_IO;
}

static enum err
fault_line(struct exec *x, struct backend_error *why, const char *line, size_t size,
    const char *what)
{
	char shown[61];

	exec_reply_show(line, size, shown, sizeof(shown));
	return exec_fault(x, why, "said '%s%s', which %s", shown,
	    size > strlen(shown) ? "..." : "", what);
}

/* Its output ended. */
static enum err
ended(struct exec *x, struct backend_error *why)
{
	int64_t until = clock_ms() + STATUS_MS;
	char how[200];

	while (
	    !exec_child_has_ended(&x->child, how, sizeof(how)) && clock_ms() < until) {
		enum { STEP_MS = 5 };
		struct pollfd fd = {.fd = x->conf.cancel_fd, .events = POLLIN};

		exec_child_hear(&x->child);
		if (poll(&fd, 1, STEP_MS) > 0)
			break;
	}
	if (!exec_child_has_ended(&x->child, how, sizeof(how)))
		snprintf(how, sizeof(how), "%.60s closed its output", x->argv[0]);
	bury(x, how, 0);
	return backend_fail(why, ERR_CLOSED, "%s", how);
}

static enum err
canceled(struct exec *x, struct backend_error *why)
{
	exec_child_tell(&x->child);
	return backend_fail(why, ERR_CANCELED, "canceled");
}

/* -- moving octets ---------------------------------------------------------------- */

/* *end: there is nothing more to come, ever. */
static void
receive(struct exec *x, bool *end)
{
	ssize_t n = recv(x->child.fd, x->in + x->in_size, sizeof(x->in) - x->in_size,
	    MSG_DONTWAIT);

	*end = n == 0 || (n == -1 && errno != EAGAIN && errno != EINTR);
	x->in_size += n > 0 ? (size_t)n : 0;
}

static bool
is_gone(int error)
{
	return error != EAGAIN && error != EINTR && error != ENOBUFS;
}

/* What was taken of what came. */
static void
drop(struct exec *x, size_t size)
{
	x->in_size -= size;
	memmove(x->in, x->in + size, x->in_size);
}

/* -- a request under way ---------------------------------------------------------- */

struct talk {
	struct exec *x;
	struct exec_call *call;
	const struct buf *request;
	size_t sent;
	int64_t deadline_ms;
	uint64_t n_replies;
	bool done;
	struct backend_error *why;
};

static void
moved_on(struct talk *t)
{
	t->deadline_ms = clock_ms() + t->x->timeout_ms;
}

/* EPIPE is no end yet: it may have said why before. */
static void
send_some(struct talk *t)
{
	size_t left = t->request->size - t->sent;
	ssize_t n = left > 0 ? send(t->x->child.fd, t->request->data + t->sent, left,
				   MSG_NOSIGNAL | MSG_DONTWAIT)
			     : 0;

	if (n > 0) {
		t->sent += (size_t)n;
		t->call->sent = true;
		moved_on(t);
	} else if (n == -1 && is_gone(errno)) {
		t->sent = t->request->size;
	}
}

static enum err
take_line(struct talk *t, const char *line, size_t size)
{
	struct exec *x = t->x;
	struct exec_reply r;
	char what[100] = "";
	enum err err = exec_reply_parse(line, size, &r, what);

	if (err != OK)
		return fault_line(x, t->why, line, size, what);
	if (r.id != x->last_id)
		return fault_line(x, t->why, line, size,
		    "answers no request that is under way");
	moved_on(t);
	if (r.kind == EXEC_END) {
		t->call->end = r;
		t->done = true;
		return OK;
	}
	err = t->call->fn == NULL || t->n_replies++ >= REPLIES_MAX
		  ? ERR_FORM
		  : t->call->fn(t->call->arg, &r, t->why);
	if (err == ERR_FORM)
		return fault_line(x, t->why, line, size,
		    t->why->text[0] != '\0' ? t->why->text : "does not belong there");
	if (err == ERR_CANCELED)
		return canceled(x, t->why);
	if (err != OK) /* ours, not its: what it still says is not heard out */
		exec_child_stop(&x->child, 0);
	return err;
}

/* The lines that came. At most a chunk of them, so that cancel_fd is looked at. */
static enum err
take_lines(struct talk *t)
{
	struct exec *x = t->x;
	const char *line;
	size_t size, used = 0;
	enum err err = OK;

	/* drop() moves what is left: once for all of them. */
	while (err == OK && !t->done) {
		line = memchr(x->in + used, '\n', x->in_size - used);
		if (line == NULL)
			break;
		size = (size_t)(line - (x->in + used));
		err = take_line(t, x->in + used, size);
		if (x->child.pid == 0)
			return err != OK ? err : ERR_CLOSED;
		used += size + 1;
	}
	drop(x, used);
	if (err == OK && !t->done && x->in_size > EXEC_REPLY_MAX)
		return fault_line(x, t->why, x->in, x->in_size,
		    "is a line without an end");
	return err;
}

static enum err
wait_for(struct talk *t)
{
	struct exec *x = t->x;
	struct pollfd fds[3] = {{.fd = x->child.fd,
				    .events = t->sent < t->request->size
						  ? POLLIN | POLLOUT
						  : POLLIN},
	    {.fd = x->conf.cancel_fd, .events = POLLIN},
	    {.fd = x->child.errors_fd, .events = POLLIN}};
	int64_t left = t->deadline_ms - clock_ms();

	if (left <= 0) {
		exec_child_hear(&x->child);
		backend_fail(t->why, ERR_TIMEOUT, "%.60s: no answer within %u s%s%s",
		    x->argv[0], x->timeout_ms / 1000,
		    x->child.last_line[0] != '\0' ? ": " : "", x->child.last_line);
		bury(x, t->why->text, 0);
		return ERR_TIMEOUT;
	}
	if (poll(fds, 3, (int)left) == -1 && errno != EINTR)
		return backend_fail(t->why, ERR_IO, "poll: %s", mem_errno_text(errno));
	if (fds[1].revents != 0)
		return canceled(x, t->why);
	if (fds[2].revents != 0)
		exec_child_hear(&x->child);
	return OK;
}

static enum err
talk(struct talk *t)
{
	struct exec *x = t->x;
	bool end = false;
	enum err err = OK;

	moved_on(t);
	while (err == OK && !t->done) {
		send_some(t);
		receive(x, &end);
		err = take_lines(t);
		if (err == OK && !t->done && end)
			return ended(x, t->why);
		if (err == OK && !t->done)
			err = wait_for(t);
	}
	if (err != OK)
		return err;
	if (t->sent < t->request->size)
		return exec_fault(x, t->why, "ended its answer before it was asked");
	if (x->in_size > 0)
		return fault_line(x, t->why, x->in, x->in_size,
		    "came after the end of the answer");
	exec_child_hear(&x->child);
	return OK;
}

/* -- starting it ------------------------------------------------------------------ */

void
exec_begin(struct exec *x, struct buf *request, const char *verb)
{
	buf_init(request, 0);
	exec_request_begin(request, ++x->last_id, verb);
}

/* A request that was begun before the program had been greeted comes after that. */
static enum err
greet(struct exec *x, struct backend_error *why)
{
	uint64_t id = x->last_id;
	struct exec_call call = {0};
	struct buf hello;
	enum err err;

	buf_init(&hello, 0);
	x->last_id = 0;
	exec_request_begin(&hello, 0, "hello");
	exec_put_number(&hello, "protocol", EXEC_PROTOCOL);
	exec_put_text(&hello, "backend", x->conf.name);
	exec_put_text(&hello, "config", x->config);
	exec_put_text(&hello, "zone-dir", x->conf.zone_dir);
	exec_put_text(&hello, "config-dir", x->conf.config_dir);
	exec_request_end(&hello);
	struct talk t = {.x = x, .call = &call, .request = &hello, .why = why};
	err = talk(&t);
	buf_fini(&hello);
	x->last_id = id;
	if (err != OK)
		return err;
	if (call.end.end != EXEC_END_OK)
		return exec_fault(x, why, "refuses: %s", call.end.text);
	if (call.end.protocol != EXEC_PROTOCOL)
		return exec_fault(x, why, "speaks protocol %u, not %d",
		    call.end.protocol, EXEC_PROTOCOL);
	x->batch = call.end.batch > 0 && call.end.batch < EXEC_BATCH_MAX
		       ? call.end.batch
		       : EXEC_BATCH_MAX;
	x->greeted = true;
	x->keys_due = true;
	log_info("exec", "backend=%s pid=%ld batch=%u program=%s ready", x->conf.name,
	    (long)x->child.pid, x->batch, x->argv[0]);
	return OK;
}

static enum err
start(struct exec *x, struct backend_error *why)
{
	enum err err;

	if (clock_ms() < x->not_before_ms)
		return backend_fail(why, ERR_CLOSED, "%s", x->last_words);
	x->in_size = 0;
	err = exec_child_start(&x->child, why);
	if (err != OK) {
		x->not_before_ms = clock_ms() + BACKOFF_MAX_MS / 6;
		snprintf(x->last_words, sizeof(x->last_words), "%s", why->text);
		return ERR_CLOSED;
	}
	return greet(x, why);
}

enum err
exec_ready(struct exec *x, struct backend_error *why)
{
	char how[200];
	bool end = false;

	if (x->child.told_ms != 0) /* a call was canceled */
		exec_child_stop(&x->child, 0);
	if (exec_child_has_ended(&x->child, how, sizeof(how)))
		bury(x, how, 0);
	if (x->child.pid == 0)
		return start(x, why);
	if (!x->greeted) /* cannot be: what failed then ended it */
		return exec_fault(x, why, "was not greeted");
	exec_child_hear(&x->child);
	receive(x, &end);
	if (x->in_size > 0)
		return fault_line(x, why, x->in, x->in_size, "nobody asked for");
	return end ? ended(x, why) : OK;
}

enum err
exec_call(struct exec *x, struct buf *request, struct exec_call *call,
    struct backend_error *why)
{
	struct talk t = {.x = x, .call = call, .request = request, .why = why};
	enum err err;

	exec_request_end(request);
	call->sent = false;
	why->text[0] = '\0';
	err = exec_ready(x, why);
	if (err == OK)
		err = talk(&t);
	/* It may hold secrets. */
	mem_wipe(request->data, request->size);
	buf_fini(request);
	return err;
}

enum err
exec_end_error(const struct exec *x, const struct exec_reply *end,
    struct backend_error *why)
{
	const char *text = end->text;

	switch (end->end) {
	case EXEC_END_OK: return OK;
	case EXEC_END_DOWN:
		return backend_fail(why, ERR_CLOSED, "%s",
		    text[0] != '\0' ? text : "the server cannot be reached");
	case EXEC_END_BUSY:
		return backend_fail(why, ERR_BUSY, "%s",
		    text[0] != '\0' ? text : "the server is busy");
	case EXEC_END_REJECTED:
		return backend_fail(why, ERR_INVALID, "%s",
		    text[0] != '\0' ? text : "the server says no");
	case EXEC_END_UNSUPPORTED:
		return backend_fail(why, ERR_UNSUPPORTED, "%s",
		    text[0] != '\0' ? text : "the server has no such thing");
	}
	(void)x;
	return ERR_IO;
}
