/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/watchdog.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "agent/notify.h"
#include "agent/store/store.h"
#include "lib/log.h"
#include "lib/mem.h"

enum { ENVS = 2, TIMES = 4 };

struct errand {
	struct store_job job; /* first */
	struct watchdog *watchdog;
};

struct watchdog {
	struct store *store;
	uv_timer_t timer;
	struct errand errands[ENVS];
	unsigned n_out; /* errands that are not back */
	bool is_stopped, is_closed;
};

static enum err
run_errand(struct store_txn *txn, struct store_job *job)
{
	(void)txn;
	(void)job;
	return OK;
}

/* That nothing can be written, as on a full disk, is for the log and the status: a
 * restart would be no help. */
static void
done_errand(struct store_job *job, enum err err)
{
	struct watchdog *w = ((struct errand *)job)->watchdog;

	(void)err;
	w->n_out--;
	if (w->n_out == 0 && !w->is_stopped)
		notify_alive();
}

static void
on_tick(uv_timer_t *timer)
{
	struct watchdog *w = timer->data;

	if (w->n_out > 0)
		return; /* a commit takes its time, or for ever */
	w->n_out = ENVS;
	for (int i = 0; i < ENVS; i++) {
		w->errands[i] = (struct errand){.watchdog = w,
		    .job = {.run = run_errand, .done = done_errand, .reap = true}};
		store_submit(w->store, (enum store_env)i, &w->errands[i].job);
	}
}

/* As sd_watchdog_enabled(3); 0: not for us. */
static uint64_t
wanted_us(void)
{
	const char *us = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	char *end;

	if (us == NULL)
		return 0;
	if (pid != NULL && strtoll(pid, NULL, 10) != (long long)getpid())
		return 0;
	errno = 0;
	unsigned long long n = strtoull(us, &end, 10);
	if (errno == 0 && us[0] >= '0' && us[0] <= '9' && *end == '\0')
		return n;
	log_warn("notify", "text=\"WATCHDOG_USEC is no number\"");
	return 0;
}

struct watchdog *
watchdog_start(uv_loop_t *loop, struct store *store)
{
	uint64_t us = wanted_us();

	if (us == 0)
		return NULL;
	struct watchdog *w = mem_zalloc(sizeof(*w));
	uint64_t every_ms = us / 1000 / TIMES;
	w->store = store;
	uv_timer_init(loop, &w->timer);
	w->timer.data = w;
	uv_timer_start(&w->timer, on_tick, 0, every_ms > 0 ? every_ms : 1);
	return w;
}

static void
on_closed(uv_handle_t *timer)
{
	struct watchdog *w = timer->data;

	w->is_closed = true;
}

void
watchdog_stop(struct watchdog *w)
{
	if (w == NULL)
		return;
	w->is_stopped = true;
	uv_close((uv_handle_t *)&w->timer, on_closed);
	while (!w->is_closed)
		uv_run(w->timer.loop, UV_RUN_ONCE);
}

void
watchdog_free(struct watchdog *w)
{
	free(w);
}
