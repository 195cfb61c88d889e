/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/agent_store_fixture.h"

#include "agent/watchdog.h"

#include <semaphore.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <uv.h>

struct scene {
	struct fixture f;
	uv_loop_t loop;
	uv_async_t wake;
	uv_timer_t patience;
	int fd;
	unsigned n_told;
	struct watchdog *watchdog;
};

static void
send_wake(void *arg)
{
	uv_async_send(arg);
}

static void
on_wake(uv_async_t *async)
{
	struct scene *s = async->data;

	store_reap(s->f.store);
	char text[64] = "";
	while (recv(s->fd, text, sizeof(text) - 1, MSG_DONTWAIT) > 0) {
		assert_string_equal(text, "WATCHDOG=1");
		s->n_told++;
	}
}

static void
open_scene(struct scene *s)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	fixture_make_dir(&s->f);
	uv_loop_init(&s->loop);
	uv_async_init(&s->loop, &s->wake, on_wake);
	uv_timer_init(&s->loop, &s->patience);
	s->wake.data = s;
	s->patience.data = s;
	s->n_told = 0;
	s->f.conf.wake = send_wake;
	s->f.conf.wake_arg = &s->wake;
	fixture_open(&s->f);
	s->fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/notify", s->f.dir);
	assert_int_equal(bind(s->fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	setenv("NOTIFY_SOCKET", addr.sun_path, 1);
	setenv("WATCHDOG_USEC", "40000", 1);
	s->watchdog = watchdog_start(&s->loop, s->f.store);
	assert_non_null(s->watchdog);
}

static void
close_scene(struct scene *s)
{
	watchdog_stop(s->watchdog);
	fixture_close(&s->f);
	watchdog_free(s->watchdog);
	uv_close((uv_handle_t *)&s->wake, NULL);
	uv_close((uv_handle_t *)&s->patience, NULL);
	uv_run(&s->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&s->loop), 0);
	close(s->fd);
	fixture_remove_dir(&s->f);
}

static void
run_until_told(struct scene *s, unsigned n)
{
	while (s->n_told < n) /* or for ever: the test's own time limit is the bound */
		uv_run(&s->loop, UV_RUN_ONCE);
}

static void
on_patience(uv_timer_t *timer)
{
	uv_stop(timer->loop);
}

static void
run_for(struct scene *s, uint64_t ms)
{
	uv_timer_start(&s->patience, on_patience, ms, 0);
	uv_run(&s->loop, UV_RUN_DEFAULT);
}

static void
watchdog__all_well__told_again_and_again(void **state)
{
	(void)state;
	struct scene s;
	open_scene(&s);
	run_until_told(&s, 5);
	close_scene(&s);
}

/* -- a writer that does not come back ---------------------------------------- */

struct block {
	struct store_job job; /* first */
	sem_t entered, go_on;
};

static enum err
run_block(struct store_txn *txn, struct store_job *job)
{
	struct block *b = (struct block *)job;

	(void)txn;
	sem_post(&b->entered);
	while (sem_wait(&b->go_on) != 0)
		continue;
	return OK;
}

static enum err
run_nothing(struct store_txn *txn, struct store_job *job)
{
	(void)txn;
	(void)job;
	return OK;
}

static void
done_marker(struct store_job *job, enum err err)
{
	struct block *b = (struct block *)job;

	assert_int_equal(err, OK);
	sem_post(&b->entered);
}

/* What was given to that writer before has come back. */
static void
run_until_idle(struct scene *s, enum store_env env)
{
	struct block marker = {
	    .job = {.run = run_nothing, .done = done_marker, .reap = true}};

	sem_init(&marker.entered, 0, 0);
	store_submit(s->f.store, env, &marker.job);
	while (sem_trywait(&marker.entered) != 0)
		uv_run(&s->loop, UV_RUN_ONCE);
	sem_destroy(&marker.entered);
}

static void
exercise_blocked(enum store_env env)
{
	struct scene s;
	struct block b = {.job = {.run = run_block, .reap = true}};

	sem_init(&b.entered, 0, 0);
	sem_init(&b.go_on, 0, 0);
	open_scene(&s);
	run_until_told(&s, 1);
	store_submit(s.f.store, env, &b.job);
	while (sem_wait(&b.entered) != 0)
		continue;
	run_until_idle(&s, env == STORE_STATUS ? STORE_CATALOG : STORE_STATUS);
	unsigned before = s.n_told;
	run_for(&s, 300);
	assert_int_equal(s.n_told, before);
	sem_post(&b.go_on);
	run_until_told(&s, before + 2);
	close_scene(&s);
	sem_destroy(&b.entered);
	sem_destroy(&b.go_on);
}

static void
watchdog__a_writer_is_stuck__not_told_until_it_goes_on(void **state)
{
	(void)state;
	exercise_blocked(STORE_CATALOG);
	exercise_blocked(STORE_STATUS);
}

static void
watchdog__stopped_with_an_errand_out__says_nothing_more(void **state)
{
	(void)state;
	struct scene s;
	struct block b = {.job = {.run = run_block, .reap = true}};

	sem_init(&b.entered, 0, 0);
	sem_init(&b.go_on, 0, 1);
	open_scene(&s);
	store_submit(s.f.store, STORE_STATUS, &b.job);
	uv_run(&s.loop, UV_RUN_NOWAIT);
	close_scene(&s);
	sem_destroy(&b.entered);
	sem_destroy(&b.go_on);
}

static void
watchdog__not_wanted__is_none(void **state)
{
	(void)state;
	static const char *const values[] = {NULL, "", "0", "x", "-1", "12x",
	    "99999999999999999999999"};
	char pid[32];
	unsetenv("WATCHDOG_PID");
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		if (values[i] == NULL)
			unsetenv("WATCHDOG_USEC");
		else
			setenv("WATCHDOG_USEC", values[i], 1);
		assert_null(watchdog_start(NULL, NULL));
	}
	setenv("WATCHDOG_USEC", "1000000", 1);
	snprintf(pid, sizeof(pid), "%ld", (long)getppid());
	setenv("WATCHDOG_PID", pid, 1);
	assert_null(watchdog_start(NULL, NULL));
	unsetenv("WATCHDOG_PID");
	watchdog_stop(NULL);
	watchdog_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(watchdog__all_well__told_again_and_again),
	    cmocka_unit_test(watchdog__a_writer_is_stuck__not_told_until_it_goes_on),
	    cmocka_unit_test(watchdog__stopped_with_an_errand_out__says_nothing_more),
	    cmocka_unit_test(watchdog__not_wanted__is_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
