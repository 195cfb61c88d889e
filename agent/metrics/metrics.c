/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/metrics/metrics.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/metrics/http.h"
#include "lib/log.h"
#include "lib/mem.h"

enum { BACKLOG = 64 };

struct listener {
	struct addr wanted, addr; /* as configured, and as it is */
	int fd;                   /* until http has it */
	struct http *http;
};

struct metrics {
	metrics_look_fn *look;
	void *arg;
	struct listener *listeners;
	size_t n;
};

struct metrics_change {
	struct metrics *metrics;
	struct listener *listeners;
	size_t n;
};

/* -- sockets ----------------------------------------------------------------- */

static enum err
bind_to(int fd, const struct addr *want, struct addr *is)
{
	struct sockaddr_storage ss;
	socklen_t size = sizeof(ss);
	int one = 1;

	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) != 0)
		return ERR_IO;
	if (addr_family(want) == AF_INET6 &&
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) != 0)
		return ERR_IO;
	if (bind(fd, &want->u.sa, addr_size(want)) != 0 || listen(fd, BACKLOG) != 0 ||
	    getsockname(fd, (struct sockaddr *)&ss, &size) != 0)
		return ERR_IO;
	return addr_from_sockaddr((const struct sockaddr *)&ss, is);
}

static enum err
open_socket(struct listener *l, struct err_where *where)
{
	char text[ADDR_TEXT_MAX];

	l->fd = socket(addr_family(&l->wanted),
	    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (l->fd >= 0 && bind_to(l->fd, &l->wanted, &l->addr) == OK)
		return OK;
	(void)err_at(where, "metrics", 0, "%s: %s", addr_print(&l->wanted, text),
	    mem_errno_text(errno));
	return ERR_IO;
}

/* -- another list ------------------------------------------------------------- */

static struct listener *
find(struct listener *list, size_t n, const struct addr *wanted)
{
	for (size_t i = 0; i < n; i++)
		if (addr_equal(&list[i].wanted, wanted))
			return &list[i];
	return NULL;
}

/* Only what is not in place yet. */
void
metrics_cancel(struct metrics_change *change)
{
	if (change == NULL)
		return;
	for (size_t i = 0; i < change->n; i++)
		if (change->listeners[i].fd >= 0)
			close(change->listeners[i].fd);
	free(change->listeners);
	free(change);
}

enum err
metrics_prepare(struct metrics *m, const struct addr *listen, size_t n,
    struct err_where *where, struct metrics_change **change)
{
	struct metrics_change *c = mem_zalloc(sizeof(*c));
	enum err err = OK;

	c->metrics = m;
	c->listeners = mem_zalloc((n + 1) * sizeof(*c->listeners));
	for (size_t i = 0; i < n && err == OK; i++) {
		struct listener *l = &c->listeners[c->n++];
		l->wanted = listen[i];
		l->fd = -1;
		if (find(m->listeners, m->n, &listen[i]) == NULL)
			err = open_socket(l, where);
	}
	if (err == OK)
		*change = c;
	else
		metrics_cancel(c);
	return err;
}

/* Signals are for the thread that runs the program's loop. */
static struct http *
start(const struct metrics *m, int fd)
{
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	struct http *http = http_start(fd, m->look, m->arg);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return http;
}

void
metrics_commit(struct metrics_change *change)
{
	struct metrics *m = change->metrics;
	char text[ADDR_TEXT_MAX];

	for (size_t i = 0; i < change->n; i++) {
		struct listener *l = &change->listeners[i];
		struct listener *old = find(m->listeners, m->n, &l->wanted);
		if (old != NULL) {
			*l = *old;
			old->http = NULL;
			continue;
		}
		l->http = start(m, l->fd);
		if (l->http == NULL)
			log_error("metrics",
			    "listen=%s error=\"no thread, or no descriptor\" "
			    "text=\"it is tried again\"",
			    addr_print(&l->addr, text));
		l->fd = -1;
	}
	for (size_t i = 0; i < m->n; i++)
		http_stop(m->listeners[i].http);
	free(m->listeners);
	m->listeners = change->listeners;
	m->n = change->n;
	free(change);
}

void
metrics_mend(struct metrics *m)
{
	char text[ADDR_TEXT_MAX];

	for (size_t i = 0; i < m->n; i++) {
		struct listener *l = &m->listeners[i];
		struct err_where where = {0};
		if (l->http != NULL)
			continue;
		if (open_socket(l, &where) == OK)
			l->http = start(m, l->fd);
		else if (l->fd >= 0)
			close(l->fd);
		l->fd = -1;
		if (l->http != NULL)
			log_info("metrics", "listen=%s text=\"there is a thread now\"",
			    addr_print(&l->addr, text));
	}
}

void
metrics_expire(struct metrics *m, unsigned age_ms)
{
	for (size_t i = 0; i < m->n; i++)
		http_expire(m->listeners[i].http, age_ms);
}

const struct addr *
metrics_address(const struct metrics *m, size_t n)
{
	return n < m->n ? &m->listeners[n].addr : NULL;
}

/* -- life ---------------------------------------------------------------------- */

struct metrics *
metrics_new(metrics_look_fn *look, void *arg)
{
	struct metrics *m = mem_zalloc(sizeof(*m));

	m->look = look;
	m->arg = arg;
	return m;
}

void
metrics_free(struct metrics *m)
{
	if (m == NULL)
		return;
	for (size_t i = 0; i < m->n; i++)
		http_stop(m->listeners[i].http);
	free(m->listeners);
	free(m);
}
