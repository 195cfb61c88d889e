/* SPDX-License-Identifier: BSD-2-Clause */
#include "ctl/fleet_talk.h"

#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "ctl/say.h"
#include "lib/clock.h"
#include "lib/mem.h"

/*
 * idle -> opening -> talking -> idle (to talk again) or over. Whatever is called
 * here returns at once; only poll(2) waits.
 */
enum { IDLE, OPENING, TALKING, OVER };

enum { FDS_SPARE = 32 };

/* -- one talk --------------------------------------------------------------- */

static void
end(struct talk *t, enum err e)
{
	exchange_close(t->s->x);
	t->s->x = NULL;
	int64_t pause = t->ops->end(t->arg, t->s, e);
	t->state = pause < 0 ? OVER : IDLE;
	t->at_ms = clock_ms() + pause;
}

static void
begin(struct talk *t, unsigned timeout_ms)
{
	t->state = OPENING;
	t->at_ms = clock_ms() + timeout_ms;
	enum err e = session_start(t->s);
	if (e)
		end(t, e);
}

/* Its descriptor is ready. */
static void
step(struct talk *t)
{
	enum err e = ERR_BUSY;

	if (t->state == OPENING) {
		e = session_started(t->s);
		if (!e) {
			t->state = TALKING;
			e = t->ops->begin(t->arg, t->s);
			if (!e)
				e = ERR_BUSY;
		}
	} else if (t->state == TALKING) {
		e = t->ops->go_on(t->arg, t->s);
	}
	if (e != ERR_BUSY)
		end(t, e);
}

static void
time_out(struct talk *t, const struct talk_plan *plan)
{
	int64_t left = t->at_ms - clock_ms();
	unsigned ms = plan->timeout_ms - (left > 0 ? (unsigned)left : 0);

	(void)session_fail(t->s, ERR_TIMEOUT, "%s: %s within %u.%u s", t->s->server,
	    t->state == OPENING ? "no connection" : "no answer, or not all of it,",
	    ms / 1000, ms % 1000 / 100);
	end(t, ERR_TIMEOUT);
}

/* -- all -------------------------------------------------------------------- */

static int64_t
min64(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* Begin what is to begin, end what is to end. Until when to wait; INT64_MAX: all are
 * over. */
static int64_t
keep_time(struct talk *talks, size_t n, const struct talk_plan *plan)
{
	int64_t now = clock_ms(), next = INT64_MAX;

	for (size_t i = 0; i < n; i++) {
		struct talk *t = &talks[i];
		bool due = t->state != OVER && t->at_ms <= now;
		if (due && t->state == IDLE)
			begin(t, plan->timeout_ms);
		else if (due)
			time_out(t, plan);
		if (t->state != OVER)
			next = min64(next, t->at_ms);
	}
	return next;
}

static size_t
collect(const struct talk *talks, size_t n, struct pollfd *fds, size_t *which,
    bool *ready)
{
	size_t n_fds = 0;

	*ready = false;
	for (size_t i = 0; i < n; i++) {
		const struct talk *t = &talks[i];
		struct pollfd *fd = &fds[n_fds];
		if (t->state != OPENING && t->state != TALKING)
			continue;
		fd->fd = exchange_wait_for(t->s->x, &fd->events);
		fd->revents = 0;
		*ready = *ready || fd->fd < 0;
		which[n_fds++] = i;
	}
	return n_fds;
}

static void
wait_and_step(struct talk *talks, size_t n, struct pollfd *fds, size_t *which,
    int64_t until)
{
	bool ready;
	size_t n_fds = collect(talks, n, fds, which, &ready);
	int64_t left = until - clock_ms();
	int ms = ready || left < 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;

	if (poll(fds, n_fds, ms) < 0)
		return; /* a signal, or no memory: the times are kept anyhow */
	for (size_t i = 0; i < n_fds; i++)
		if (fds[i].fd < 0 || fds[i].revents)
			step(&talks[which[i]]);
}

/* Each talk is a descriptor; by default a process may have fewer than it may ask for.
 */
static void
raise_limit(size_t n)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= n + FDS_SPARE)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit); /* without it some talks will fail */
}

static void
show_progress(const struct talk *talks, size_t n, const struct talk_plan *plan)
{
	size_t n_over = 0;

	for (size_t i = 0; i < n; i++)
		n_over += talks[i].state == OVER;
	say_progress(plan->doing, n_over, n);
}

void
talk_all(struct talk *talks, size_t n, const struct talk_plan *plan)
{
	struct pollfd *fds = mem_alloc((n + 1) * sizeof(*fds));
	size_t *which = mem_alloc((n + 1) * sizeof(*which));
	int64_t next, last = plan->until_ms ? plan->until_ms : INT64_MAX;

	raise_limit(n);
	for (size_t i = 0; i < n; i++) {
		talks[i].state = talks[i].s ? IDLE : OVER;
		talks[i].at_ms = 0;
	}
	while ((next = keep_time(talks, n, plan)) != INT64_MAX && clock_ms() < last) {
		wait_and_step(talks, n, fds, which, min64(next, last));
		show_progress(talks, n, plan);
	}
	for (size_t i = 0; i < n; i++) {
		if (talks[i].state == OPENING || talks[i].state == TALKING)
			time_out(&talks[i], plan);
		talks[i].state = OVER;
	}
	say_progress_end();
	free(fds);
	free(which);
}
