/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/probe/pace.h"
#include "agent/probe/probe.h"
#include "lib/buf.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/msg.h"

/* Against real servers: NSD and BIND, each on a loopback port of its own. */

struct server {
	char dir[64];
	uint16_t port;
	pid_t pid;
};

static void
nap(unsigned ms)
{
	struct timespec ts = {.tv_sec = ms / 1000,
	    .tv_nsec = (long)(ms % 1000) * 1000000};
	nanosleep(&ts, NULL);
}

static struct addr
loopback(uint16_t port)
{
	struct addr addr;
	assert_int_equal(addr_parse("127.0.0.1", port, &addr), OK);
	addr_set_port(&addr, port);
	return addr;
}

/* A port that is free for both transports; fds of the two, or closed if NULL. */
static uint16_t
free_port(int *udp, int *tcp)
{
	for (int i = 0; i < 100; i++) {
		struct addr addr = loopback(0);
		socklen_t size = sizeof(addr.u.in4);
		int u = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		int t = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (bind(u, &addr.u.sa, size) == 0 &&
		    getsockname(u, &addr.u.sa, &size) == 0 &&
		    bind(t, &addr.u.sa, size) == 0) {
			if (udp != NULL) {
				*udp = u;
				*tcp = t;
			} else {
				close(u);
				close(t);
			}
			return addr_port(&addr);
		}
		close(u);
		close(t);
	}
	fail_msg("no free port");
	return 0;
}

static void
write_file(const struct server *s, const char *name, const char *text)
{
	char path[128];
	snprintf(path, sizeof(path), "%s/%s", s->dir, name);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void
make_dir(struct server *s)
{
	snprintf(s->dir, sizeof(s->dir), "/tmp/nsherd-probe-XXXXXX");
	assert_non_null(mkdtemp(s->dir));
	write_file(s, "a.zone",
	    "$TTL 60\n@ IN SOA ns.invalid. root.invalid. 42 3600 600 86400 60\n"
	    "@ IN NS ns.invalid.\nsub IN NS ns.other.invalid.\n");
	s->port = free_port(NULL, NULL);
}

static void
run(struct server *s, char *const argv[])
{
	s->pid = fork();
	assert_true(s->pid >= 0);
	if (s->pid == 0) {
		char log[128];
		snprintf(log, sizeof(log), "%s/log", s->dir);
		int fd = open(log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
		dup2(fd, 1);
		dup2(fd, 2);
		execvp(argv[0], argv);
		_exit(127);
	}
}

static void
stop(struct server *s)
{
	int status;
	char command[128];
	if (s->pid > 0) {
		kill(s->pid, SIGTERM);
		waitpid(s->pid, &status, 0);
	}
	snprintf(command, sizeof(command), "rm -rf %s", s->dir);
	assert_int_equal(system(command), 0);
}

#define SECRET "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA=="

static void
start_nsd(struct server *s)
{
	char conf[2048], path[128];
	make_dir(s);
	snprintf(conf, sizeof(conf),
	    "server:\n ip-address: 127.0.0.1@%u\n username: \"\"\n chroot: \"\"\n"
	    " zonesdir: \"%s\"\n pidfile: \"%s/pid\"\n xfrdfile: \"%s/xfrd\"\n"
	    " zonelistfile: \"%s/list\"\n xfrdir: \"%s\"\n database: \"\"\n"
	    " rrl-ratelimit: 0\n server-count: 1\n"
	    "remote-control:\n control-enable: no\n"
	    "key:\n name: \"probe.\"\n algorithm: hmac-sha256\n secret: \"" SECRET
	    "\"\n"
	    "zone:\n name: a.test\n zonefile: a.zone\n"
	    "zone:\n name: broken.test\n zonefile: nosuch.zone\n",
	    s->port, s->dir, s->dir, s->dir, s->dir, s->dir);
	write_file(s, "conf", conf);
	snprintf(path, sizeof(path), "%s/conf", s->dir);
	run(s, (char *[]){(char *)(uintptr_t) "nsd", (char *)(uintptr_t) "-d",
		   (char *)(uintptr_t) "-c", path, NULL});
}

static void
start_named(struct server *s)
{
	char conf[2048], path[128];
	make_dir(s);
	snprintf(conf, sizeof(conf),
	    "options { directory \"%s\"; pid-file none; session-keyfile none;\n"
	    " listen-on port %u { 127.0.0.1; }; listen-on-v6 { none; };\n"
	    " recursion no; managed-keys-directory \"%s\"; };\n"
	    "controls { };\n"
	    "key probe { algorithm hmac-sha256; secret \"" SECRET "\"; };\n"
	    "zone \"a.test\" { type primary; file \"a.zone\"; };\n"
	    "zone \"broken.test\" { type primary; file \"nosuch.zone\"; };\n",
	    s->dir, s->port, s->dir);
	write_file(s, "conf", conf);
	snprintf(path, sizeof(path), "%s/conf", s->dir);
	run(s, (char *[]){(char *)(uintptr_t) "named", (char *)(uintptr_t) "-g",
		   (char *)(uintptr_t) "-n", (char *)(uintptr_t) "1",
		   (char *)(uintptr_t) "-c", path, NULL});
}

/* -- asking -------------------------------------------------------------------------
 */

struct inbox {
	struct probe_result last;
	atomic_uint n, n_serving;
};

static void
take(void *arg, const struct probe_result *result)
{
	struct inbox *in = arg;
	in->last = *result;
	if (result->answer == PROBE_SERVING)
		atomic_fetch_add(&in->n_serving, 1);
	atomic_fetch_add(&in->n, 1);
}

struct asker {
	struct probe *probe;
	struct probe_target *target;
	struct inbox in;
};

static void
open_asker(struct asker *a, uint16_t port, struct key *key, unsigned rate,
    unsigned timeout_ms)
{
	memset(a, 0, sizeof(*a));
	log_init("test", LOG_ERROR);
	assert_int_equal(probe_start(&a->probe), OK);
	struct probe_target_conf conf = {.server = loopback(port),
	    .key = key,
	    .rate = rate,
	    .timeout_ms = timeout_ms,
	    .fn = take,
	    .arg = &a->in};
	a->target = probe_add_target(a->probe, &conf);
	assert_non_null(a->target);
}

static struct dname
name_of(const char *text)
{
	struct dname name;
	assert_int_equal(dname_parse(text, &name), OK);
	return name;
}

static void
await(struct asker *a, unsigned n)
{
	for (unsigned ms = 0; atomic_load(&a->in.n) < n; ms += 2) {
		if (ms > 30000)
			fail_msg("%u answers of %u", atomic_load(&a->in.n), n);
		nap(2);
	}
}

static struct probe_result
ask(struct asker *a, const char *zone)
{
	struct dname name = name_of(zone);
	unsigned n = atomic_load(&a->in.n);
	probe_ask(a->target, &name, 0);
	await(a, n + 1);
	assert_true(dname_equal(&a->in.last.zone, &name));
	return a->in.last;
}

static void
await_server(struct asker *a)
{
	for (unsigned i = 0; ask(a, "a.test").answer != PROBE_SERVING; i++) {
		if (i > 200)
			fail_msg("the server does not come up");
		nap(50);
	}
}

static void
expect(struct asker *a, const char *zone, enum probe_answer answer, unsigned rcode)
{
	struct probe_result r = ask(a, zone);
	if (r.answer != answer || r.rcode != rcode)
		fail_msg("%s: answer %d rcode %u", zone, r.answer, r.rcode);
}

/* -- tests --------------------------------------------------------------------------
 */

static void
nsd__every_kind_of_zone__is_told_apart(void **state)
{
	(void)state;
	struct server s;
	struct asker a;
	start_nsd(&s);
	open_asker(&a, s.port, NULL, 0, 300);
	await_server(&a);
	struct probe_result r = ask(&a, "a.test");
	assert_int_equal(r.serial, 42);
	expect(&a, "broken.test", PROBE_FAULT, 2);
	expect(&a, "unknown.test", PROBE_ABSENT, 5);
	expect(&a, "no.a.test", PROBE_ABSENT, 3);
	expect(&a, "sub.a.test", PROBE_ABSENT, 0); /* a referral */
	expect(&a, "A.TEST", PROBE_SERVING, 0);
	stop(&s);
	expect(&a, "a.test", PROBE_SILENT, 0);
	probe_stop(a.probe);
}

static void
named__every_kind_of_zone__is_told_apart(void **state)
{
	(void)state;
	struct server s;
	struct asker a;
	start_named(&s);
	open_asker(&a, s.port, NULL, 0, 300);
	await_server(&a);
	expect(&a, "broken.test", PROBE_FAULT, 2);
	expect(&a, "unknown.test", PROBE_ABSENT, 5);
	expect(&a, "no.a.test", PROBE_ABSENT, 3);
	expect(&a, "sub.a.test", PROBE_ABSENT, 0);
	stop(&s);
	probe_stop(a.probe);
}

static struct key *
make_key(const char *secret)
{
	uint8_t raw[KEY_SECRET_MAX];
	size_t size;
	struct key *key;
	struct dname name = name_of("probe");
	assert_int_equal(key_secret_parse(secret, raw, &size), OK);
	assert_int_equal(key_new(&name, KEY_SHA256, raw, size, &key), OK);
	return key;
}

static void
signed_question__right_and_wrong_key__are_served_and_fault(void **state)
{
	(void)state;
	struct server s;
	struct asker plain, right, wrong;
	struct key *good = make_key(SECRET), *bad = make_key("bm90IHRoZSBzZWNyZXQ=");
	start_named(&s);
	open_asker(&plain, s.port, NULL, 0, 300);
	await_server(&plain);
	open_asker(&right, s.port, good, 0, 300);
	open_asker(&wrong, s.port, bad, 0, 300);
	expect(&right, "a.test", PROBE_SERVING, 0);
	expect(&right, "unknown.test", PROBE_ABSENT, 5);
	expect(&wrong, "a.test", PROBE_FAULT, 9);
	probe_stop(plain.probe);
	probe_stop(right.probe);
	probe_stop(wrong.probe);
	key_unref(good);
	key_unref(bad);
	stop(&s);
}

static void
many__asked_at_once__each_answered_once(void **state)
{
	(void)state;
	enum { N = 20000 };
	struct server s;
	struct asker a;
	char text[32];
	start_nsd(&s);
	open_asker(&a, s.port, NULL, 0, 2000);
	await_server(&a);
	unsigned before = atomic_load(&a.in.n);
	for (unsigned i = 0; i < N; i++) {
		snprintf(text, sizeof(text), "z%u.unknown.test", i);
		struct dname zone = name_of(text);
		probe_ask(a.target, &zone, i % 7 == 0 ? pace_now_us() / 1000 + 5 : 0);
	}
	await(&a, before + N);
	nap(50);
	assert_int_equal(atomic_load(&a.in.n), before + N);
	assert_int_equal(probe_pending(a.target), 0);
	expect(&a, "a.test", PROBE_SERVING, 0);
	probe_stop(a.probe);
	stop(&s);
}

static void
stop__with_questions_waiting__drops_them(void **state)
{
	(void)state;
	int udp, tcp;
	struct asker a;
	char text[32];
	open_asker(&a, free_port(&udp, &tcp), NULL, 0, 5000);
	for (unsigned i = 0; i < 5000; i++) {
		snprintf(text, sizeof(text), "z%u.test", i);
		struct dname zone = name_of(text);
		probe_ask(a.target, &zone, 0);
	}
	nap(20);
	assert_true(probe_pending(a.target) > 0);
	probe_stop(a.probe);
	close(udp);
	close(tcp);
}

static void
rate__of_a_target__is_kept(void **state)
{
	(void)state;
	struct server s;
	struct asker a;
	char text[32];
	start_nsd(&s);
	open_asker(&a, s.port, NULL, 200, 2000);
	await_server(&a);
	unsigned before = atomic_load(&a.in.n);
	uint64_t start = pace_now_us();
	for (unsigned i = 0; i < 200; i++) {
		snprintf(text, sizeof(text), "z%u.unknown.test", i);
		struct dname zone = name_of(text);
		probe_ask(a.target, &zone, 0);
	}
	await(&a, before + 200);
	/* 20 at once, the others at 5 ms each */
	assert_true(pace_now_us() - start >= 850000);
	probe_stop(a.probe);
	stop(&s);
}

static void
later__question__is_asked_at_its_time(void **state)
{
	(void)state;
	struct server s;
	struct asker a;
	start_nsd(&s);
	open_asker(&a, s.port, NULL, 0, 2000);
	await_server(&a);
	struct dname zone = name_of("a.test");
	unsigned before = atomic_load(&a.in.n);
	uint64_t start = pace_now_us();
	probe_ask(a.target, &zone, start / 1000 + 100);
	await(&a, before + 1);
	assert_true(pace_now_us() - start >= 99000);
	probe_stop(a.probe);
	stop(&s);
}

/* -- what no server does when one wants it ------------------------------------------
 */

/* The question as it came, made a reply. */
static size_t
reply_to(uint8_t *wire, size_t size, uint16_t flags)
{
	wire[2] = (uint8_t)(0x80 | flags >> 8);
	wire[3] = (uint8_t)flags;
	return size;
}

static void
truncated__udp__is_asked_by_tcp(void **state)
{
	(void)state;
	int udp, tcp;
	uint8_t wire[1024];
	struct asker a;
	struct addr from;
	socklen_t from_size = sizeof(from.u.in4);
	uint16_t port = free_port(&udp, &tcp);
	assert_int_equal(listen(tcp, 5), 0);
	open_asker(&a, port, NULL, 0, 5000);
	struct dname zone = name_of("a.test");
	probe_ask(a.target, &zone, 0);
	ssize_t n = recvfrom(udp, wire, sizeof(wire), 0, &from.u.sa, &from_size);
	assert_true(n > MSG_HEADER);
	/* Passed over: another id, another question, no reply. */
	wire[0] ^= 1;
	(void)reply_to(wire, (size_t)n, 5);
	assert_int_equal(sendto(udp, wire, (size_t)n, 0, &from.u.sa, from_size), n);
	wire[0] ^= 1;
	wire[MSG_HEADER + 1] ^= 1;
	assert_int_equal(sendto(udp, wire, (size_t)n, 0, &from.u.sa, from_size), n);
	wire[MSG_HEADER + 1] ^= 1;
	wire[2] = 0;
	assert_int_equal(sendto(udp, wire, (size_t)n, 0, &from.u.sa, from_size), n);
	nap(30);
	assert_int_equal(atomic_load(&a.in.n), 0);
	/* Truncated. */
	(void)reply_to(wire, (size_t)n, 0x0200);
	assert_int_equal(sendto(udp, wire, (size_t)n, 0, &from.u.sa, from_size), n);
	int c = accept(tcp, NULL, NULL);
	assert_true(c >= 0);
	n = recv(c, wire, sizeof(wire), 0);
	assert_true(n > 2 + MSG_HEADER);
	(void)reply_to(wire + 2, (size_t)n - 2, 5);
	/* In two pieces. */
	assert_int_equal(send(c, wire, 3, 0), 3);
	nap(10);
	assert_int_equal(send(c, wire + 3, (size_t)n - 3, 0), n - 3);
	await(&a, 1);
	assert_int_equal(a.in.last.answer, PROBE_ABSENT);
	close(c);
	close(udp);
	close(tcp);
	probe_stop(a.probe);
}

static void
no_answer__udp_then_tcp__is_silent(void **state)
{
	(void)state;
	int udp, tcp;
	struct asker a;
	uint16_t port = free_port(&udp, &tcp);
	assert_int_equal(listen(tcp, 50), 0);
	open_asker(&a, port, NULL, 0, 150);
	uint64_t start = pace_now_us();
	assert_int_equal(ask(&a, "a.test").answer, PROBE_SILENT);
	assert_in_range(pace_now_us() - start, 290000, 2000000);
	close(udp);
	close(tcp);
	/* Nobody listens: told at once. */
	start = pace_now_us();
	assert_int_equal(ask(&a, "a.test").answer, PROBE_SILENT);
	assert_int_equal(ask(&a, "b.test").answer, PROBE_SILENT);
	assert_true(pace_now_us() - start < 250000);
	probe_stop(a.probe);
}

/* One that is let go while questions wait and are under way, by UDP and TCP, is
 * told nothing more; the others go on. */
static void
del_target__with_questions__is_silent_and_others_go_on(void **state)
{
	(void)state;
	int udp, tcp;
	struct asker a;
	struct inbox other = {0};
	uint16_t port = free_port(&udp, &tcp);
	assert_int_equal(listen(tcp, 50), 0);
	open_asker(&a, port, NULL, 0, 50);
	for (unsigned round = 0; round < 20; round++) {
		struct probe_target_conf conf = {.server = loopback(port),
		    .timeout_ms = 5 + round,
		    .fn = take,
		    .arg = &other};
		struct probe_target *t = probe_add_target(a.probe, &conf);
		char text[32];
		for (unsigned i = 0; i < 200; i++) {
			snprintf(text, sizeof(text), "z%u.test", i);
			struct dname name = name_of(text);
			probe_ask(t, &name, 0);
		}
		nap(round);
		probe_del_target(t);
		unsigned n = atomic_load(&other.n);
		assert_int_equal(ask(&a, "a.test").answer, PROBE_SILENT);
		assert_int_equal(atomic_load(&other.n), n);
	}
	probe_del_target(NULL);
	close(udp);
	close(tcp);
	probe_stop(a.probe);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(nsd__every_kind_of_zone__is_told_apart),
	    cmocka_unit_test(named__every_kind_of_zone__is_told_apart),
	    cmocka_unit_test(
		signed_question__right_and_wrong_key__are_served_and_fault),
	    cmocka_unit_test(many__asked_at_once__each_answered_once),
	    cmocka_unit_test(stop__with_questions_waiting__drops_them),
	    cmocka_unit_test(rate__of_a_target__is_kept),
	    cmocka_unit_test(later__question__is_asked_at_its_time),
	    cmocka_unit_test(truncated__udp__is_asked_by_tcp),
	    cmocka_unit_test(no_answer__udp_then_tcp__is_silent),
	    cmocka_unit_test(del_target__with_questions__is_silent_and_others_go_on),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
