/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The whole agent in a process of its own, with the null driver, asked over
 * loopback as any client would. That it is up, it tells as to systemd.
 */
#include "tests/unit/test.h"

#include "agent/run.h"

#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/conf.h"
#include "lib/exchange.h"
#include "lib/mem.h"
#include "lib/msg.h"
#include "lib/rr.h"

#define SECRET "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"

struct agent {
	pid_t pid;
	int notify;
	struct addr addr;
};

static char dir[] = "/tmp/run-test-XXXXXX";

static char *
in_dir(const char *name)
{
	static char path[100]; /* fits a socket address */
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static struct addr
free_address(void)
{
	struct addr addr;
	socklen_t size = sizeof(addr);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(addr_parse("127.0.0.1", 0, &addr), OK);
	assert_int_equal(bind(fd, &addr.u.sa, addr_size(&addr)), 0);
	assert_int_equal(getsockname(fd, &addr.u.sa, &size), 0);
	close(fd);
	return addr;
}

static void
write_conf(const struct addr *addr, const char *more)
{
	char text[ADDR_TEXT_MAX];
	FILE *f = fopen(in_dir("nsherd.conf"), "w");
	fprintf(f,
	    "[agent]\nname = test\nlisten = %s\nstate-dir = %s/state\n"
	    "pattern-dir = %s/patterns\nlog = error\n"
	    "[catalog main]\nname = catalog.example\n"
	    "[backend null1]\ndriver = null\n%s",
	    addr_print(addr, text), dir, dir, more);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(in_dir("nsherd.conf"), 0600), 0);
}

static const char ctl_key[] = "[key ctl]\nsecret = " SECRET "\nallow = read, update\n";

/* -- the process ----------------------------------------------------------- */

static int
notify_socket(void)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", in_dir("notify"));
	unlink(addr.sun_path);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	setenv("NOTIFY_SOCKET", addr.sun_path, 1);
	return fd;
}

static void
run_child(void)
{
	struct conf *conf;
	if (conf_load(in_dir("nsherd.conf"), &conf) != OK) {
		char *text = conf_fault_text(conf, 0);
		fprintf(stderr, "%s\n", text);
		_exit(3);
	}
	log_init("nsherdd", LOG_ERROR);
	exit(run_agent(&conf, false) == OK ? 0 : 1);
}

/* The next state the agent tells; "" if it ends, or within a minute says nothing. */
static const char *
next_state(struct agent *a)
{
	static char state[200];
	struct pollfd p = {.fd = a->notify, .events = POLLIN};
	state[0] = '\0';
	if (poll(&p, 1, 60000) == 1) {
		ssize_t n = recv(a->notify, state, sizeof(state) - 1, 0);
		state[n > 0 ? n : 0] = '\0';
	}
	return state;
}

static void
expect_state(struct agent *a, const char *state)
{
	const char *got = next_state(a);
	if (strncmp(got, state, strlen(state)) != 0)
		fail_msg("state: %s, not: %s", got, state);
}

static struct agent
start(const struct addr *addr)
{
	struct agent a = {.addr = *addr, .notify = notify_socket()};
	fflush(NULL);
	a.pid = fork();
	if (a.pid == 0)
		run_child();
	expect_state(&a, "READY=1");
	return a;
}

static int
wait_end(struct agent *a)
{
	int status;
	assert_int_equal(waitpid(a->pid, &status, 0), a->pid);
	close(a->notify);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void
stop(struct agent *a)
{
	struct timespec from, to;
	clock_gettime(CLOCK_MONOTONIC, &from);
	kill(a->pid, SIGTERM);
	expect_state(a, "STOPPING=1");
	assert_int_equal(wait_end(a), 0);
	clock_gettime(CLOCK_MONOTONIC, &to);
	/* 5 s are promised, to a machine that has time for it. */
	assert_in_range(to.tv_sec - from.tv_sec, 0, 30);
}

/* -- the client ------------------------------------------------------------ */

static struct key *
make_key(const char *name)
{
	uint8_t secret[KEY_SECRET_MAX];
	size_t size;
	struct dname dname;
	struct key *key;
	assert_int_equal(dname_parse(name, &dname), OK);
	assert_int_equal(key_secret_parse(SECRET, secret, &size), OK);
	assert_int_equal(key_new(&dname, KEY_SHA256, secret, size, &key), OK);
	return key;
}

static struct exchange *
connect_as(const struct agent *a, const char *key_name)
{
	struct key *key = make_key(key_name);
	struct exchange_conf conf = {.server = a->addr,
	    .key = key,
	    .timeout_ms = 60000,
	    .cancel_fd = -1};
	struct exchange *x;
	assert_int_equal(exchange_open(&conf, &x), OK);
	key_unref(key);
	return x;
}

static struct dname
name_of(const char *text)
{
	struct dname name;
	assert_int_equal(dname_parse(text, &name), OK);
	return name;
}

static uint32_t
serial_of(struct exchange *x)
{
	struct dname name = name_of("catalog.example");
	struct msg msg;
	struct msg_cursor c;
	struct buf rdata;
	struct rr rr;
	struct soa soa;

	assert_int_equal(exchange_query(x, &name, RR_SOA, CLASS_IN, &msg), OK);
	assert_int_equal(msg_rcode(&msg), RCODE_NOERROR);
	buf_init(&rdata, 0);
	msg_walk(&msg, MSG_ANSWER, &c);
	assert_int_equal(msg_next(&c, &rdata, &rr), OK);
	assert_int_equal(soa_read(rr.rdata, rr.rdata_size, &soa), OK);
	buf_fini(&rdata);
	return soa.serial;
}

static void
send_add(struct exchange *x, unsigned n)
{
	struct dname apex = name_of("catalog.example");
	struct wire_out *out = exchange_begin(x);
	char line[128];
	struct buf rdata;
	struct rr rr;
	uint16_t id;

	buf_init(&rdata, 0);
	msg_start(out, 0, OPCODE_UPDATE << 11);
	msg_put_question(out, &apex, RR_SOA, CLASS_IN);
	snprintf(line, sizeof(line), "n%u.zones.catalog.example. 0 IN PTR z%u.example.",
	    n, n);
	assert_int_equal(rr_parse(line, &rdata, &rr), OK);
	msg_put_rr(out, (enum msg_section)MSG_UPDATES, &rr);
	assert_int_equal(exchange_send(x, &id), OK);
	buf_fini(&rdata);
}

static unsigned
receive_rcode(struct exchange *x)
{
	struct msg msg;
	enum err err = exchange_receive(x, &msg);
	if (err != OK)
		fail_msg("no reply: %s, %s", err_str(err), exchange_error(x));
	return msg_rcode(&msg);
}

/* -- tests ----------------------------------------------------------------- */

static void
run__update__kept_over_a_restart(void **state)
{
	(void)state;
	struct addr addr = free_address();
	write_conf(&addr, ctl_key);
	struct agent a = start(&addr);
	struct exchange *x = connect_as(&a, "ctl");
	uint32_t serial = serial_of(x);

	send_add(x, 1);
	assert_int_equal(receive_rcode(x), RCODE_NOERROR);
	assert_int_equal(serial_of(x), serial + 1);
	exchange_close(x);
	stop(&a);

	a = start(&addr);
	x = connect_as(&a, "ctl");
	assert_int_equal(serial_of(x), serial + 1);
	exchange_close(x);
	stop(&a);
}

static void
run__many_updates_in_flight__all_answered(void **state)
{
	(void)state;
	struct addr addr = free_address();
	write_conf(&addr, ctl_key);
	struct agent a = start(&addr);
	struct exchange *x = connect_as(&a, "ctl");
	uint32_t serial = serial_of(x);

	for (unsigned i = 0; i < 1000; i++)
		send_add(x, 1000 + i);
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(receive_rcode(x), RCODE_NOERROR);
	assert_int_equal(serial_of(x), serial + 1000);
	exchange_close(x);
	stop(&a);
}

static void
run__stopped_under_load__what_was_answered_is_there(void **state)
{
	(void)state;
	struct addr addr = free_address();
	write_conf(&addr, ctl_key);
	struct agent a = start(&addr);
	struct exchange *x = connect_as(&a, "ctl");
	uint32_t serial = serial_of(x), answered = 0;
	struct msg msg;

	for (unsigned i = 0; i < 500; i++)
		send_add(x, 5000 + i);
	kill(a.pid, SIGTERM);
	while (exchange_receive(x, &msg) == OK)
		answered += msg_rcode(&msg) == RCODE_NOERROR;
	exchange_close(x);
	expect_state(&a, "STOPPING=1");
	assert_int_equal(wait_end(&a), 0);

	a = start(&addr);
	x = connect_as(&a, "ctl");
	assert_in_range(serial_of(x), serial + answered, serial + 500);
	exchange_close(x);
	stop(&a);
}

static void
run__hangup__keys_are_replaced(void **state)
{
	(void)state;
	struct addr addr = free_address();
	write_conf(&addr, ctl_key);
	struct agent a = start(&addr);
	struct exchange *x = connect_as(&a, "ctl");
	struct dname name = name_of("catalog.example");
	struct msg msg;

	(void)serial_of(x);
	write_conf(&addr, "[key other]\nsecret = " SECRET "\nallow = read\n");
	kill(a.pid, SIGHUP);
	expect_state(&a, "RELOADING=1");
	expect_state(&a, "READY=1");
	assert_int_equal(exchange_query(x, &name, RR_SOA, CLASS_IN, &msg), ERR_AUTH);
	exchange_close(x);
	x = connect_as(&a, "other");
	(void)serial_of(x);
	send_add(x, 9000);
	assert_int_equal(receive_rcode(x), RCODE_REFUSED);

	/* A file with a fault changes nothing. */
	write_conf(&addr, "[key third]\nsecret = " SECRET "\nallow = read, fly\n");
	kill(a.pid, SIGHUP);
	expect_state(&a, "RELOADING=1");
	expect_state(&a, "READY=1");
	(void)serial_of(x);
	exchange_close(x);
	stop(&a);
}

static void
run__reconfigure__reads_as_hangup_does(void **state)
{
	(void)state;
	struct addr addr = free_address();
	write_conf(&addr, "[key ctl]\nsecret = " SECRET "\nallow = read, admin\n");
	struct agent a = start(&addr);
	struct exchange *x = connect_as(&a, "ctl");
	struct dname apex = name_of("_command.catalog.example"), name;
	struct buf rdata;
	struct rr rr;
	struct msg msg;
	uint16_t id;

	write_conf(&addr, "[key other]\nsecret = " SECRET "\nallow = read\n");
	struct wire_out *out = exchange_begin(x);
	msg_start(out, 0, OPCODE_UPDATE << 11);
	msg_put_question(out, &apex, RR_SOA, CLASS_IN);
	buf_init(&rdata, 0);
	assert_int_equal(rr_parse("_all._command.catalog.example. 0 IN TXT reconfigure",
			     &rdata, &rr),
	    OK);
	msg_put_rr(out, (enum msg_section)MSG_UPDATES, &rr);
	assert_int_equal(exchange_send(x, &id), OK);
	buf_fini(&rdata);
	/* The answer is still signed with the key that goes. */
	assert_int_equal(receive_rcode(x), RCODE_NOERROR);
	expect_state(&a, "RELOADING=1");
	expect_state(&a, "READY=1");
	name = name_of("catalog.example");
	assert_int_equal(exchange_query(x, &name, RR_SOA, CLASS_IN, &msg), ERR_AUTH);
	exchange_close(x);
	x = connect_as(&a, "other");
	(void)serial_of(x);
	exchange_close(x);
	stop(&a);
}

/* Sanitizers keep what was freed for a while. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif

/* -- many reloads ---------------------------------------------------------- */

static long
private_kb(pid_t pid)
{
	char path[64], line[200];
	long kb = 0;
	snprintf(path, sizeof(path), "/proc/%ld/status", (long)pid);
	FILE *f = fopen(path, "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "RssAnon: %ld", &kb) == 1)
			break;
	fclose(f);
	return kb;
}

/* Each unlike the last in keys and catalogs, every tenth in backends as well, which
 * takes a moment. */
static void
write_turn(const struct addr *addr, unsigned n)
{
	char *more =
	    mem_printf("%s"
		       "[key k%u]\nsecret = " SECRET "\nallow = read\nmax-rate = %u\n"
		       "zones = a.example, b.example\npatterns = se*\n"
		       "[catalog c%u]\nname = c%u.example\naccept-zones = example\n"
		       "[backend null2]\ndriver = null\napply-rate = %u\n"
		       "[backend b%u]\ndriver = null\n",
		ctl_key, n % 3, 5 + n % 2, n % 5, n % 5, n / 10 % 2, n / 10 % 7);
	write_conf(addr, more);
	free(more);
}

static void
reload_once(struct agent *a, unsigned n)
{
	write_turn(&a->addr, n);
	kill(a->pid, SIGHUP);
	expect_state(a, "RELOADING=1");
	expect_state(a, "READY=1");
}

static void
run__a_thousand_hangups_under_load__nothing_is_lost_or_leaks(void **state)
{
	(void)state;
	enum { WARM = 100, QUIET = 300 };
	bool quick = getenv("QUICK") != NULL && *getenv("QUICK") != '\0';
	unsigned n = 1, n_turns = quick ? 450 : 1000;
	struct addr addr = free_address();
	write_turn(&addr, 0);
	struct agent a = start(&addr);
	struct exchange *x = connect_as(&a, "ctl");
	uint32_t serial = serial_of(x);
	long warm = 0, quiet = LONG_MAX;

	/* First with nothing else that takes memory; one configuration and what is
	 * made of it have some 10 kB. What the allocator keeps goes up and down. */
	for (; n <= QUIET; n++) {
		reload_once(&a, n);
		long now = private_kb(a.pid);
		if (n <= WARM && now > warm)
			warm = now;
		if (n > QUIET - WARM && now < quiet)
			quiet = now;
	}
	/* Then with UPDATEs on their way, on a connection that lives on. */
	for (; n <= n_turns; n++) {
		for (unsigned j = 0; j < 3; j++)
			send_add(x, 20000 + 3 * n + j);
		reload_once(&a, n);
		for (unsigned j = 0; j < 3; j++)
			assert_int_equal(receive_rcode(x), RCODE_NOERROR);
	}
	uint32_t grown = serial_of(x) - serial;
	exchange_close(x);
	stop(&a);
	assert_int_equal(grown, 3 * (n_turns - QUIET));
	if (!SANITIZED)
		assert_in_range(quiet, 0, warm + 1024);
}

/* The sooner HUP comes, the more of the stop there is for it to disturb. */
static void
run__hangup_while_stopping__stop_is_still_clean(void **state)
{
	(void)state;
	struct addr addr = free_address();
	write_conf(&addr, ctl_key);
	struct agent a = start(&addr);
	struct exchange *x = connect_as(&a, "ctl");

	for (unsigned i = 0; i < 300; i++)
		send_add(x, 7000 + i);
	kill(a.pid, SIGTERM);
	expect_state(&a, "STOPPING=1");
	for (int i = 0; i < 5; i++) {
		kill(a.pid, SIGHUP); /* not reaped: the pid is still its */
		poll(NULL, 0, 1);
	}
	assert_int_equal(wait_end(&a), 0);
	exchange_close(x);
}

static void
expect_start_fails(void)
{
	fflush(NULL);
	pid_t pid = fork();
	int status;
	if (pid == 0)
		run_child();
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 1);
}

static void
run__something_taken__start_fails(void **state)
{
	(void)state;
	struct addr addr = free_address(), other = free_address();
	write_conf(&addr, ctl_key);
	struct agent a = start(&addr);

	write_conf(&other, ctl_key); /* the state directory is the other's */
	expect_start_fails();
	stop(&a);

	int fd = socket(AF_INET, SOCK_DGRAM, 0); /* the address is another's */
	assert_int_equal(bind(fd, &other.u.sa, addr_size(&other)), 0);
	expect_start_fails();
	close(fd);

	char *away = mem_printf("%s/away", dir);
	assert_int_equal(rename(in_dir("patterns"), away), 0);
	expect_start_fails();
	assert_int_equal(rename(away, in_dir("patterns")), 0);
	free(away);
}

static int
make_dir(void **state)
{
	(void)state;
	if (mkdtemp(dir) == NULL)
		return -1;
	FILE *f = mkdir(in_dir("patterns"), 0700) == 0
		      ? fopen(in_dir("patterns/secondary.ini"), "w")
		      : NULL;
	if (f == NULL)
		return -1;
	fputs("[pattern]\nrole = secondary\nprimaries = 192.0.2.1\n", f);
	return fclose(f);
}

static int
remove_dir(void **state)
{
	(void)state;
	char *command = mem_printf("rm -r %s", dir);
	int rc = system(command);
	free(command);
	return rc;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(run__update__kept_over_a_restart),
	    cmocka_unit_test(run__many_updates_in_flight__all_answered),
	    cmocka_unit_test(run__stopped_under_load__what_was_answered_is_there),
	    cmocka_unit_test(run__hangup__keys_are_replaced),
	    cmocka_unit_test(run__reconfigure__reads_as_hangup_does),
	    cmocka_unit_test(
		run__a_thousand_hangups_under_load__nothing_is_lost_or_leaks),
	    cmocka_unit_test(run__hangup_while_stopping__stop_is_still_clean),
	    cmocka_unit_test(run__something_taken__start_fails),
	};
	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
