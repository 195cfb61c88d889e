/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The listener as those find it who come by HTTP, over loopback, with facts of the
 * test's own.
 */
#include "tests/unit/test.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "agent/metrics/facts.h"
#include "agent/metrics/metrics.h"
#include "lib/addr.h"
#include "lib/counters.h"
#include "lib/mem.h"

enum { REPLY_MAX = 64 * 1024 };

static atomic_bool is_unreadable;

static void
look(void *arg, struct facts *f, bool with_problems)
{
	struct facts_problem p = {.state = "failed",
	    .text = "<script>alert(1)</script> & \xe9",
	    .since_s = 1};

	(void)arg;
	snprintf(f->agent, sizeof(f->agent), "a\"ms\\1");
	snprintf(f->health, sizeof(f->health), "ok");
	f->catalogs = mem_zalloc(sizeof(*f->catalogs));
	f->backends = mem_zalloc(sizeof(*f->backends));
	f->shares = mem_zalloc(sizeof(*f->shares));
	f->n_catalogs = f->n_backends = f->n_shares = 1;
	f->catalogs[0].nr = f->backends[0].nr = 7;
	snprintf(f->catalogs[0].label, sizeof(f->catalogs[0].label), "main");
	snprintf(f->catalogs[0].state, sizeof(f->catalogs[0].state), "valid");
	snprintf(f->backends[0].name, sizeof(f->backends[0].name), "n1");
	snprintf(f->backends[0].server, sizeof(f->backends[0].server), "NSD 4\n6");
	f->shares[0].zones[ZONE_SERVING] = 12;
	if (with_problems)
		for (int i = 0; i < 2 * (FACTS_PROBLEMS_MAX + 1); i++) {
			snprintf(p.what, sizeof(p.what),
			    "zone <b>x%d</b>.example on n\"1", i / 2);
			facts_add_problem(f, &p);
		}
	f->is_complete = !atomic_load(&is_unreadable);
}

static struct addr
any_port(void)
{
	struct addr addr;
	assert_int_equal(addr_parse("127.0.0.1", 0, &addr), OK);
	return addr;
}

static void
listen_on(struct metrics *m, const struct addr *list, size_t n)
{
	struct metrics_change *change;
	struct err_where where = {0};
	assert_int_equal(metrics_prepare(m, list, n, &where, &change), OK);
	metrics_commit(change);
}

static int
connect_to(const struct addr *addr)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	if (connect(fd, &addr->u.sa, addr_size(addr)) == 0)
		return fd;
	close(fd);
	return -1;
}

/* All that comes until the other end closes; free it. */
static char *
fetch(const struct addr *addr, const char *request)
{
	char *reply = mem_zalloc(REPLY_MAX);
	size_t at = 0;
	ssize_t n;
	int fd = connect_to(addr);
	assert_true(fd >= 0);
	assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL),
	    strlen(request));
	while (
	    at < REPLY_MAX - 1 && (n = recv(fd, reply + at, REPLY_MAX - 1 - at, 0)) > 0)
		at += (size_t)n;
	close(fd);
	return reply;
}

static void
expect(const struct addr *addr, const char *request, const char *const *parts)
{
	char *reply = fetch(addr, request);
	for (; *parts != NULL; parts++)
		if (strstr(reply, *parts) == NULL)
			fail_msg("no %s in: %s", *parts, reply);
	free(reply);
}

#define EXPECT(addr, request, ...) \
	expect(addr, request, (const char *const[]){__VA_ARGS__, NULL})

static struct metrics *
start(struct addr *addr)
{
	struct addr any = any_port();
	struct metrics *m = metrics_new(look, NULL);
	listen_on(m, &any, 1);
	*addr = *metrics_address(m, 0);
	assert_null(metrics_address(m, 1));
	return m;
}

#define HEAD " HTTP/1.1\r\nHost: a\r\n\r\n"

static void
metrics__get__is_openmetrics(void **state)
{
	struct addr addr;
	(void)state;
	struct metrics *m = start(&addr);
	counter_add(&counters.updates[7][5]);
	EXPECT(&addr, "GET /metrics" HEAD, "HTTP/1.1 200 ",
	    "Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8",
	    "\nnsherd_agent_info{agent=\"a\\\"ms\\\\1\"} 1\n",
	    "server=\"NSD 4\\\\x0a6\"",
	    "\nnsherd_backend_zones{backend=\"n1\",catalog=\"main\",state=\"serving\"} "
	    "12\n",
	    "\nnsherd_updates_total{catalog=\"main\",rcode=\"REFUSED\"} 1\n",
	    "\n# EOF\n");
	metrics_free(m);
}

static void
metrics__page__markup_is_text(void **state)
{
	struct addr addr;
	(void)state;
	struct metrics *m = start(&addr);
	EXPECT(&addr, "GET /?x=%3Cb%3E" HEAD, "HTTP/1.1 200 ",
	    "Content-Type: text/html; charset=utf-8",
	    "Content-Security-Policy: default-src 'none'; ", "frame-ancestors 'none'",
	    "X-Content-Type-Options: nosniff",
	    "zone &lt;b&gt;x49&lt;/b&gt;.example on n&quot;1",
	    "&lt;script&gt;alert(1)&lt;/script&gt; &amp; \\xe9",
	    "There are more: nsherdctl status lists all.", "</html>\n");
	char *reply = fetch(&addr, "GET /" HEAD);
	assert_null(strstr(reply, "<script"));
	free(reply);
	metrics_free(m);
}

static void
metrics__other_requests__are_refused(void **state)
{
	struct addr addr;
	(void)state;
	struct metrics *m = start(&addr);
	EXPECT(&addr, "GET /other" HEAD, "HTTP/1.1 404 ");
	EXPECT(&addr, "GET /%6detrics" HEAD, "HTTP/1.1 404 ");
	EXPECT(&addr, "GET //" HEAD, "HTTP/1.1 404 ");
	EXPECT(&addr,
	    "POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nabc",
	    "HTTP/1.1 405 ", "Allow: GET, HEAD");
	EXPECT(&addr, "DELETE /" HEAD, "HTTP/1.1 405 ");
	char *reply =
	    fetch(&addr, "HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
	assert_non_null(strstr(reply, "HTTP/1.1 200 "));
	assert_non_null(strstr(reply, "Content-Length: "));
	assert_null(strstr(reply, "<html"));
	free(reply);
	atomic_store(&is_unreadable, true);
	EXPECT(&addr, "GET /metrics" HEAD, "HTTP/1.1 503 ");
	EXPECT(&addr, "GET /" HEAD, "HTTP/1.1 503 ");
	atomic_store(&is_unreadable, false);
	metrics_free(m);
}

static void
metrics__no_http_and_too_long__end_the_connection(void **state)
{
	struct addr addr;
	(void)state;
	struct metrics *m = start(&addr);
	char *request = mem_printf("GET /%0100000d" HEAD, 1);
	free(fetch(&addr, "\x16\x03\x01\x02\r\n\r\n"));
	/* It may be cut off amid the sending. */
	int fd = connect_to(&addr);
	(void)!send(fd, request, strlen(request), MSG_NOSIGNAL);
	char byte[512];
	while (recv(fd, byte, sizeof(byte), 0) > 0)
		continue;
	close(fd);
	EXPECT(&addr, "GET /metrics" HEAD, "HTTP/1.1 200 ");
	free(request);
	metrics_free(m);
}

/* Those who only hold on to connections are not in the way of the stop, and not all of
 * them are let in. */
static void
metrics__many_silent_connections__do_not_keep_it(void **state)
{
	enum { MANY = 100 };
	struct addr addr;
	int fds[MANY];
	(void)state;
	struct metrics *m = start(&addr);
	for (int i = 0; i < MANY; i++)
		fds[i] = connect_to(&addr);
	metrics_free(m);
	for (int i = 0; i < MANY; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	assert_int_equal(connect_to(&addr), -1);
}

static bool
has_ended(int fd)
{
	char byte;

	(void)!send(fd, "e", 1, MSG_NOSIGNAL);
	ssize_t n = recv(fd, &byte, 1, MSG_DONTWAIT);
	return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
}

/* They send something often enough, and never come to an end. */
static void
metrics__slow_requests__are_ended(void **state)
{
	enum { SLOW = 12, TRIES = 30000 };
	struct addr addr;
	int fds[SLOW], n_ended = 0;
	(void)state;
	struct metrics *m = start(&addr);
	for (int i = 0; i < SLOW; i++) {
		fds[i] = connect_to(&addr);
		assert_true(fds[i] >= 0);
		assert_int_equal(send(fds[i], "GET /m", 6, MSG_NOSIGNAL), 6);
	}
	metrics_expire(m, 3600000);
	for (int tries = 0; n_ended < SLOW && tries < TRIES; tries++) {
		metrics_expire(m, 0); /* of those that it has let in by now */
		n_ended = 0;
		for (int i = 0; i < SLOW; i++)
			n_ended += has_ended(fds[i]);
		poll(NULL, 0, 1);
	}
	assert_int_equal(n_ended, SLOW);
	EXPECT(&addr, "GET /metrics" HEAD, "HTTP/1.1 200 ");
	for (int i = 0; i < SLOW; i++)
		close(fds[i]);
	metrics_free(m);
}

static void
metrics__other_addresses__old_ones_are_closed(void **state)
{
	struct addr list[2], addr, taken;
	struct metrics_change *change;
	struct err_where where = {0};
	(void)state;
	struct metrics *m = start(&addr);
	list[0] = any_port();
	assert_int_equal(addr_parse("127.0.0.2", 0, &list[1]), OK);
	/* The one that stays is not opened anew. */
	listen_on(m, list, 2);
	assert_true(addr_equal(metrics_address(m, 0), &addr));
	taken = *metrics_address(m, 1);
	EXPECT(&taken, "GET /metrics" HEAD, "HTTP/1.1 200 ");
	EXPECT(&addr, "GET /metrics" HEAD, "HTTP/1.1 200 ");
	/* One that cannot be had: nothing changes. */
	assert_int_equal(metrics_prepare(m, &taken, 1, &where, &change), ERR_IO);
	assert_string_equal(where.file, "metrics");
	assert_non_null(strstr(where.what, "127.0.0.2@"));
	EXPECT(&taken, "GET /metrics" HEAD, "HTTP/1.1 200 ");
	assert_int_equal(metrics_prepare(m, list, 1, &where, &change), OK);
	metrics_cancel(change);
	EXPECT(&taken, "GET /metrics" HEAD, "HTTP/1.1 200 ");
	listen_on(m, &list[1], 1);
	assert_int_equal(connect_to(&addr), -1);
	listen_on(m, NULL, 0);
	assert_int_equal(connect_to(&taken), -1);
	assert_null(metrics_address(m, 0));
	metrics_free(m);
}

/* -- no descriptors --------------------------------------------------------------- */

/* The next one that would be opened. */
static int
next_descriptor(void)
{
	int fd = dup(STDERR_FILENO);
	assert_true(fd >= 0);
	close(fd);
	return fd;
}

/* So many more may be opened, at the most; -1: as before. */
static void
allow(int n)
{
	static struct rlimit before;
	struct rlimit limit;
	if (before.rlim_cur == 0)
		assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	limit = before;
	if (n >= 0)
		limit.rlim_cur = (rlim_t)(next_descriptor() + n);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void
metrics__no_descriptor_at_the_start__listens_when_there_is(void **state)
{
	struct addr any = any_port(), addr;
	struct metrics_change *change;
	struct err_where where = {0};
	(void)state;
	struct metrics *m = metrics_new(look, NULL);
	int before = next_descriptor();
	/* Enough for the socket, and for nothing that goes with its thread. */
	assert_int_equal(metrics_prepare(m, &any, 1, &where, &change), OK);
	allow(0);
	metrics_commit(change);
	addr = *metrics_address(m, 0);
	metrics_mend(m);
	allow(-1);
	assert_int_equal(next_descriptor(), before);
	assert_int_equal(connect_to(&addr), -1);
	metrics_mend(m);
	addr = *metrics_address(m, 0);
	EXPECT(&addr, "GET /metrics" HEAD, "HTTP/1.1 200 ");
	metrics_mend(m);
	assert_true(addr_equal(metrics_address(m, 0), &addr));
	metrics_free(m);
}

static double
cpu_s(void)
{
	struct timespec ts;
	assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts), 0);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Nobody else is there whose end could give one back. */
static void
metrics__no_descriptor_for_who_comes__waits_without_haste(void **state)
{
	struct addr addr;
	char byte;
	(void)state;
	struct metrics *m = start(&addr);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	double begun = cpu_s();
	allow(0);
	assert_int_equal(connect(fd, &addr.u.sa, addr_size(&addr)), 0);
	assert_true(send(fd, "GET / HTTP/1.0\r\n\r\n", 18, MSG_NOSIGNAL) == 18);
	poll(NULL, 0, 2000);
	double used = cpu_s() - begun;
	allow(-1);
	assert_true(used < 0.2);
	assert_int_equal(recv(fd, &byte, 1, 0), 1);
	close(fd);
	metrics_free(m);
}

static void *
fetch_often(void *arg)
{
	for (int i = 0; i < 30; i++)
		free(fetch(arg, i % 2 == 0 ? "GET /metrics" HEAD : "GET /" HEAD));
	return NULL;
}

static void
metrics__many_at_once__each_has_an_answer(void **state)
{
	pthread_t threads[6];
	struct addr addr;
	(void)state;
	struct metrics *m = start(&addr);
	for (size_t i = 0; i < 6; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, fetch_often, &addr),
		    0);
	for (uint64_t us = 0; us < 100000; us++)
		histogram_add(&counters.commits[COUNT_STORE_CATALOG], us);
	for (size_t i = 0; i < 6; i++)
		pthread_join(threads[i], NULL);
	EXPECT(&addr, "GET /metrics" HEAD, "le=\"0.0005\"} 501\n",
	    "le=\"0.1\"} 100000\n", "le=\"+Inf\"} 100000\n",
	    "_count{store=\"catalog\"} 100000\n");
	metrics_free(m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(metrics__get__is_openmetrics),
	    cmocka_unit_test(metrics__page__markup_is_text),
	    cmocka_unit_test(metrics__other_requests__are_refused),
	    cmocka_unit_test(metrics__no_http_and_too_long__end_the_connection),
	    cmocka_unit_test(metrics__many_silent_connections__do_not_keep_it),
	    cmocka_unit_test(metrics__slow_requests__are_ended),
	    cmocka_unit_test(metrics__other_addresses__old_ones_are_closed),
	    cmocka_unit_test(
		metrics__no_descriptor_at_the_start__listens_when_there_is),
	    cmocka_unit_test(metrics__no_descriptor_for_who_comes__waits_without_haste),
	    cmocka_unit_test(metrics__many_at_once__each_has_an_answer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
