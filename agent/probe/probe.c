/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/probe/probe.h"

#include <assert.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <uv.h>

#include "agent/probe/target.h"
#include "lib/log.h"
#include "lib/mem.h"

/*
 * One thread, one loop, any number of servers. A question comes in by the
 * target's inbox from any thread, waits in a heap for its time, goes out by UDP
 * as the pace and the window of the target allow, and, where that brings no
 * answer or a truncated one, once more by TCP. Whatever comes of it is told to
 * the target's function, exactly once for each question.
 *
 * Nothing here is told twice, retried for long, or judged: whoever asks knows
 * what the answer means. A reply counts only if socket, id, question and (with
 * a key) signature are right.
 */

enum { READ_SIZE = 65536, TIMEOUT_MS = 1000, BLOCKED_MS = 5 };

struct probe {
	uv_loop_t loop;
	uv_thread_t thread;
	uv_async_t wake;
	uv_mutex_t lock;
	uv_cond_t dropped; /* a target is gone */
	/* under the lock; the list is changed by the thread alone, but for what is
	 * put in front */
	struct probe_target *targets;
	bool stop;
	/* of the thread */
	uint8_t *read_buffer;
	uint16_t random[128];
	size_t n_random;
};

uv_loop_t *
probe_loop(struct probe *probe)
{
	return &probe->loop;
}

uint8_t *
probe_read_buffer(struct probe *probe)
{
	return probe->read_buffer;
}

uint64_t
probe_now_ms(void)
{
	return pace_now_us() / 1000;
}

uint16_t
probe_random(struct probe *probe)
{
	if (probe->n_random == 0) {
		if (getrandom(probe->random, sizeof(probe->random), 0) !=
		    (ssize_t)sizeof(probe->random))
			log_fatal("probe", "no random numbers");
		probe->n_random = sizeof(probe->random) / sizeof(probe->random[0]);
	}
	return probe->random[--probe->n_random];
}

/* -- one target ------------------------------------------------------------------- */

void
target_finish(struct probe_target *t, struct ask *ask,
    const struct probe_result *result)
{
	t->conf.fn(t->conf.arg, result);
	if (ask_queue_done(&t->queue, ask))
		atomic_fetch_sub(&t->n_pending, 1);
}

void
target_silent(struct probe_target *t, struct ask *ask)
{
	struct probe_result result = {.answer = PROBE_SILENT};
	ask_zone(ask, &result.zone);
	target_finish(t, ask, &result);
}

void
target_try_tcp(struct probe_target *t, struct ask *ask)
{
	ask_list_add(&t->tcp_waiting, ask);
}

static void
on_timer(uv_timer_t *timer)
{
	target_pump(timer->data);
}

/* When something is to be done next, if no answer comes. */
static void
set_timer(struct probe_target *t, uint64_t now, bool blocked)
{
	uint64_t at = UINT64_MAX;
	struct ask *first = ask_queue_first(&t->queue);
	if (first != NULL && t->udp_asks.n < TARGET_UDP_MAX) {
		uint64_t wait = (pace_wait_us(&t->pace, pace_now_us()) + 999) / 1000;
		at = first->at_ms > now + wait ? first->at_ms : now + wait;
		if (blocked && at < now + BLOCKED_MS)
			at = now + BLOCKED_MS;
	}
	if (t->udp_asks.first != NULL && t->udp_asks.first->deadline_ms < at)
		at = t->udp_asks.first->deadline_ms;
	if (t->tcp_asks.first != NULL && t->tcp_asks.first->deadline_ms < at)
		at = t->tcp_asks.first->deadline_ms;
	if (at == UINT64_MAX) {
		uv_timer_stop(&t->timer);
		return;
	}
	uv_update_time(&t->probe->loop);
	uv_timer_start(&t->timer, on_timer, at > now ? at - now : 0, 0);
}

void
target_pump(struct probe_target *t)
{
	uint64_t now = probe_now_ms();
	bool blocked = false;
	struct ask *ask;
	probe_udp_expire(t, now);
	probe_tcp_expire(t, now);
	while (!blocked && t->udp_asks.n < TARGET_UDP_MAX &&
	       (ask = ask_queue_first(&t->queue)) != NULL && ask->at_ms <= now &&
	       pace_take(&t->pace, pace_now_us())) {
		ask_queue_take(&t->queue, ask);
		blocked = !probe_udp_send(t, ask);
		if (blocked)
			ask_queue_back(&t->queue, ask, ask->at_ms);
	}
	while ((ask = t->tcp_waiting.first) != NULL && t->tcp_asks.n < TARGET_TCP_MAX) {
		ask_list_del(&t->tcp_waiting, ask);
		probe_tcp_start(t, ask);
	}
	set_timer(t, now, blocked);
}

static void
target_begin(struct probe_target *t)
{
	int rc = uv_timer_init(&t->probe->loop, &t->timer);
	assert(rc == 0);
	(void)rc;
	t->timer.data = t;
	ask_queue_init(&t->queue);
	/* A tenth of a second's worth at once. */
	pace_init(&t->pace, t->conf.rate, t->conf.rate / 10);
	t->ready = true;
}

static void
target_free(struct probe_target *t)
{
	ask_queue_fini(&t->queue);
	while (t->inbox != NULL) {
		struct ask *ask = t->inbox;
		t->inbox = ask->chain;
		ask_free(ask);
	}
	key_unref(t->conf.key);
	free(t);
}

/* -- the thread ---------------------------------------------------------------------
 */

/* In the order of asking. */
static void
take_inbox(struct probe_target *t, struct ask *inbox)
{
	struct ask *in_order = NULL;
	while (inbox != NULL) {
		struct ask *ask = inbox;
		inbox = ask->chain;
		ask->chain = in_order;
		in_order = ask;
	}
	while (in_order != NULL) {
		struct ask *ask = in_order;
		in_order = ask->chain;
		ask->chain = NULL;
		if (!ask_queue_put(&t->queue, ask))
			atomic_fetch_sub(&t->n_pending, 1);
	}
}

static void
close_target(struct probe_target *t, uv_close_cb closed)
{
	probe_udp_close(t);
	probe_tcp_close(t);
	uv_close((uv_handle_t *)&t->timer, closed);
	t->closing = true;
}

static void
close_all(struct probe *p)
{
	for (struct probe_target *t = p->targets; t != NULL; t = t->next) {
		if (t->ready && !t->closing)
			close_target(t, NULL);
	}
	uv_close((uv_handle_t *)&p->wake, NULL);
}

/* -- letting one go --------------------------------------------------------------- */

/* Sockets of its own that are closing still do not look at it any more. */
static void
on_target_closed(uv_handle_t *timer)
{
	struct probe_target *t = timer->data;
	struct probe *p = t->probe;
	uv_mutex_lock(&p->lock);
	struct probe_target **at = &p->targets;
	while (*at != t)
		at = &(*at)->next;
	*at = t->next;
	t->gone = true;
	uv_cond_broadcast(&p->dropped);
	uv_mutex_unlock(&p->lock);
}

/* The first that is to go and has not begun to. */
static struct probe_target *
find_going(struct probe *p)
{
	uv_mutex_lock(&p->lock);
	struct probe_target *t = p->targets;
	while (t != NULL && (!t->going || t->closing))
		t = t->next;
	uv_mutex_unlock(&p->lock);
	return t;
}

static void
on_wake(uv_async_t *async)
{
	struct probe *p = async->data;
	struct probe_target *going;
	uv_mutex_lock(&p->lock);
	bool stop = p->stop;
	struct probe_target *first = p->targets;
	uv_mutex_unlock(&p->lock);
	if (stop) {
		close_all(p);
		return;
	}
	/* Targets are only ever put in front, and taken out by this thread, so the
	 * list behind first is fixed. */
	for (struct probe_target *t = first; t != NULL; t = t->next) {
		if (t->closing)
			continue;
		uv_mutex_lock(&p->lock);
		struct ask *inbox = t->inbox;
		t->inbox = NULL;
		uv_mutex_unlock(&p->lock);
		if (!t->ready)
			target_begin(t);
		if (inbox == NULL)
			continue;
		take_inbox(t, inbox);
		target_pump(t);
	}
	while ((going = find_going(p)) != NULL && going->ready)
		close_target(going, on_target_closed);
}

static void
probe_main(void *arg)
{
	struct probe *p = arg;
	uv_run(&p->loop, UV_RUN_DEFAULT);
}

/* -- from other threads ---------------------------------------------------------------
 */

enum err
probe_start(struct probe **probe)
{
	struct probe *p = mem_zalloc(sizeof(*p));
	sigset_t all, before;
	if (uv_loop_init(&p->loop) != 0) {
		free(p);
		return ERR_IO;
	}
	p->read_buffer = mem_alloc(READ_SIZE);
	if (uv_mutex_init(&p->lock) != 0 || uv_cond_init(&p->dropped) != 0)
		log_fatal("probe", "no mutex");
	int rc = uv_async_init(&p->loop, &p->wake, on_wake);
	p->wake.data = p;
	if (rc == 0) {
		/* Signals are for the thread that runs the program's loop. */
		sigfillset(&all);
		pthread_sigmask(SIG_SETMASK, &all, &before);
		rc = uv_thread_create(&p->thread, probe_main, p);
		pthread_sigmask(SIG_SETMASK, &before, NULL);
		if (rc != 0) {
			uv_close((uv_handle_t *)&p->wake, NULL);
			uv_run(&p->loop, UV_RUN_DEFAULT);
		}
	}
	if (rc != 0) {
		uv_cond_destroy(&p->dropped);
		uv_mutex_destroy(&p->lock);
		uv_loop_close(&p->loop);
		free(p->read_buffer);
		free(p);
		return ERR_IO;
	}
	*probe = p;
	return OK;
}

void
probe_stop(struct probe *p)
{
	if (p == NULL)
		return;
	uv_mutex_lock(&p->lock);
	p->stop = true;
	uv_mutex_unlock(&p->lock);
	uv_async_send(&p->wake);
	uv_thread_join(&p->thread);
	int rc = uv_loop_close(&p->loop);
	assert(rc == 0);
	(void)rc;
	while (p->targets != NULL) {
		struct probe_target *t = p->targets;
		p->targets = t->next;
		target_free(t);
	}
	uv_cond_destroy(&p->dropped);
	uv_mutex_destroy(&p->lock);
	free(p->read_buffer);
	free(p);
}

struct probe_target *
probe_add_target(struct probe *p, const struct probe_target_conf *conf)
{
	struct probe_target *t = mem_zalloc(sizeof(*t));
	t->probe = p;
	t->conf = *conf;
	if (conf->key != NULL)
		t->conf.key = key_ref(conf->key);
	if (conf->timeout_ms == 0)
		t->conf.timeout_ms = TIMEOUT_MS;
	uv_mutex_lock(&p->lock);
	t->next = p->targets;
	p->targets = t;
	uv_mutex_unlock(&p->lock);
	return t;
}

void
probe_del_target(struct probe_target *t)
{
	if (t == NULL)
		return;
	struct probe *p = t->probe;
	uv_mutex_lock(&p->lock);
	t->going = true;
	uv_async_send(&p->wake);
	while (!t->gone)
		uv_cond_wait(&p->dropped, &p->lock);
	uv_mutex_unlock(&p->lock);
	target_free(t);
}

void
probe_ask(struct probe_target *t, const struct dname *zone, uint64_t at_ms)
{
	struct ask *ask = ask_new(zone, at_ms);
	atomic_fetch_add(&t->n_pending, 1);
	uv_mutex_lock(&t->probe->lock);
	bool first = t->inbox == NULL;
	ask->chain = t->inbox;
	t->inbox = ask;
	uv_mutex_unlock(&t->probe->lock);
	if (first)
		uv_async_send(&t->probe->wake);
}

size_t
probe_pending(struct probe_target *t)
{
	return atomic_load(&t->n_pending);
}
