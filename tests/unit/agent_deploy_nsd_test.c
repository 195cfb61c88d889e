/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/test.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "agent/probe/pace.h"
#include "tests/unit/agent_deploy_fixture.h"

/*
 * The whole back half against a real NSD on a loopback port of its own: from
 * the log to what it answers.
 */

static const char *const nsd_binary = "/usr/sbin/nsd";

struct nsd {
	struct world *w;
	char dir[80], conf[120], zones[120], include_dir[120], sock[120];
	struct backend_option option;
	uint16_t port;
	pid_t pid;
};

/* For both transports, below those that the kernel hands out by itself, so that
 * nobody's outgoing connection takes it before NSD does. */
static uint16_t
free_port(void)
{
	for (unsigned i = 0; i < 1000; i++) {
		struct sockaddr_in in = {.sin_family = AF_INET};
		uint16_t port =
		    (uint16_t)(20000 + (pace_now_us() / 7 + i * 131) % 10000);
		int udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		int tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		in.sin_port = htons(port);
		bool ok = bind(udp, (struct sockaddr *)&in, sizeof(in)) == 0 &&
			  bind(tcp, (struct sockaddr *)&in, sizeof(in)) == 0;
		close(udp);
		close(tcp);
		if (ok)
			return port;
	}
	fail_msg("no free port");
	return 0;
}

static void
write_text(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void
nsd_run(struct nsd *n)
{
	n->pid = fork();
	assert_true(n->pid >= 0);
	if (n->pid == 0) {
		int null = open("/dev/null", O_RDWR);
		dup2(null, 1);
		dup2(null, 2);
		execl(nsd_binary, nsd_binary, "-d", "-c", n->conf, (char *)NULL);
		_exit(127);
	}
}

/* Those that it forked end a little later; the port is then free. */
static void
nsd_end(struct nsd *n, int signal)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(n->port)};
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (n->pid <= 0)
		return;
	kill(n->pid, SIGCONT);
	kill(n->pid, signal);
	waitpid(n->pid, NULL, 0);
	n->pid = 0;
	for (int i = 0, rc = -1; i < 1000 && rc != 0; i++) {
		int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		rc = bind(fd, (struct sockaddr *)&in, sizeof(in));
		close(fd);
		nap(5);
	}
}

static void
nsd_configure(struct nsd *n, const char *more)
{
	char *text = mem_printf("server:\n ip-address: 127.0.0.1@%u\n username: \"\"\n"
				" database: \"\"\n zonelistfile: \"%s/zone.list\"\n"
				" pidfile: \"%s/pid\"\n xfrdfile: \"%s/xfrd\"\n"
				" xfrdir: \"%s\"\n zonesdir: \"%s\"\n server-count: 1\n"
				" logfile: \"%s/log\"\n rrl-ratelimit: 0\n"
				"include: \"%s/nsherd.conf\"\n"
				"remote-control:\n control-enable: yes\n"
				" control-interface: \"%s\"\n%s",
	    n->port, n->dir, n->dir, n->dir, n->dir, n->zones, n->dir, n->include_dir,
	    n->sock, more);
	write_text(n->conf, text);
	free(text);
}

static struct nsd *
nsd_new(const char *more)
{
	struct nsd *n = mem_zalloc(sizeof(*n));
	char path[160];
	n->w = world_new(backend_find("nsd"));
	snprintf(n->dir, sizeof(n->dir), "%s/nsd", n->w->dir);
	snprintf(n->conf, sizeof(n->conf), "%s/nsd.conf", n->dir);
	snprintf(n->zones, sizeof(n->zones), "%s/zones", n->dir);
	snprintf(n->include_dir, sizeof(n->include_dir), "%s/conf", n->dir);
	snprintf(n->sock, sizeof(n->sock), "%s/sock", n->dir);
	mkdir(n->dir, 0700);
	mkdir(n->zones, 0750);
	mkdir(n->include_dir, 0750);
	snprintf(path, sizeof(path), "%s/nsherd.conf", n->include_dir);
	write_text(path, "");
	chmod(path, 0640);
	n->port = free_port();
	nsd_configure(n, more);
	n->option = (struct backend_option){"control", n->sock, "test", 1};
	struct deploy_backend_conf *b = &n->w->backend;
	b->backend.options = &n->option;
	b->backend.n_options = 1;
	b->backend.zone_dir = n->zones;
	b->backend.config_dir = n->include_dir;
	b->backend.max_variants = 100;
	n->w->ring = keyring_new();
	b->backend.keys = n->w->ring;
	b->has_probe = true;
	assert_int_equal(addr_parse("127.0.0.1", n->port, &b->probe), OK);
	addr_set_port(&b->probe, n->port);
	b->probe_interval_s = 3600;
	write_pattern(n->w, "primary",
	    "[pattern]\nrole = primary\nzonefile = ${zone}.zone\n"
	    "initial-file = initial.txt\n");
	snprintf(path, sizeof(path), "%s/initial.txt", n->w->patterns_dir);
	write_text(path, "$TTL 60\n@ IN SOA ns.invalid. root.invalid. ${serial} 60 60 "
			 "60 60\n@ IN NS ns.invalid.\n");
	write_pattern(n->w, "nofile",
	    "[pattern]\nrole = primary\nzonefile = nosuch/${zone}.zone\n");
	load_patterns(n->w);
	return n;
}

static struct nsd *
nsd_start(const char *more)
{
	struct nsd *n = nsd_new(more);
	nsd_run(n);
	world_start(n->w);
	EVENTUALLY(is_backend(n->w, "up"));
	return n;
}

static void
nsd_free(struct nsd *n)
{
	world_stop(n->w);
	nsd_end(n, SIGTERM);
	keyring_unref(n->w->ring);
	world_free(n->w);
	free(n);
}

static bool
nsd_file(const struct nsd *n, const char *name)
{
	char path[256];
	snprintf(path, sizeof(path), "%s/%s", n->zones, name);
	return access(path, F_OK) == 0;
}

static void
nsd_control(const struct nsd *n, const char *command)
{
	char text[400];
	snprintf(text, sizeof(text), "nsd-control -c %s %s >/dev/null 2>&1", n->conf,
	    command);
	assert_int_equal(system(text), 0);
}

/* -- tests --------------------------------------------------------------------------
 */

static void
add_and_remove__one_zone__is_seen_served_and_gone(void **state)
{
	(void)state;
	struct nsd *n = nsd_start("");
	struct world *w = n->w;
	struct zone_status s;
	add_zone(w, "a.test", "m1", "primary");
	EVENTUALLY(is_state(w, "a.test", ZONE_SERVING));
	assert_true(get_status(w, "a.test", &s));
	assert_true(s.has_serial && s.seen > 0);
	assert_string_equal(s.error, "");
	assert_string_equal(s.pattern, "primary");
	assert_true(nsd_file(n, "a.test.zone"));
	del_zone(w, "a.test", "m1");
	EVENTUALLY(is_unknown(w, "a.test"));
	EVENTUALLY(!in_ledger(w, "a.test"));
	assert_true(has_grave(w, "a.test"));
	assert_true(nsd_file(n, "a.test.zone"));
	/* Another id: the data of the first must go before. */
	add_zone(w, "a.test", "m2", "primary");
	EVENTUALLY(is_state(w, "a.test", ZONE_SERVING));
	EVENTUALLY(!has_grave(w, "a.test"));
	nsd_free(n);
}

static void
add__no_zone_file__is_failed_with_what_it_answers(void **state)
{
	(void)state;
	struct nsd *n = nsd_start("");
	struct zone_status s;
	char command[800];
	add_zone(n->w, "a.test", "m1", "nofile");
	EVENTUALLY(is_state(n->w, "a.test", ZONE_APPLIED));
	EVENTUALLY(is_state(n->w, "a.test", ZONE_FAILED));
	assert_true(get_status(n->w, "a.test", &s));
	assert_string_equal(s.error, "answers SERVFAIL");
	assert_true(s.retry_at > 0);
	/* The operator brings the file: noticed by the next question. */
	snprintf(command, sizeof(command),
	    "mkdir -p %s/nosuch && cp %s/initial.txt "
	    "%s/nosuch/a.test.zone && "
	    "sed -i 's/${serial}/7/' %s/nosuch/a.test.zone",
	    n->zones, n->w->patterns_dir, n->zones, n->zones);
	assert_int_equal(system(command), 0);
	nsd_control(n, "reload a.test");
	EVENTUALLY(is_state(n->w, "a.test", ZONE_SERVING));
	assert_true(get_status(n->w, "a.test", &s));
	assert_int_equal(s.serial, 7);
	assert_string_equal(s.error, "");
	nsd_free(n);
}

static void
many__added_and_removed__all_are_seen(void **state)
{
	(void)state;
	enum { N = 600 };
	struct nsd *n = nsd_start("");
	struct world *w = n->w;
	struct change *changes = mem_zalloc(N * sizeof(*changes));
	char(*names)[2][24] = mem_zalloc(N * sizeof(*names));
	for (size_t i = 0; i < N; i++) {
		snprintf(names[i][0], 24, "z%zu.test", i);
		snprintf(names[i][1], 24, "m%zu", i);
		changes[i] =
		    (struct change){CHANGE_ADD, names[i][0], names[i][1], "primary", 0};
	}
	change_many(w, changes, N);
	for (size_t i = 0; i < N; i++)
		EVENTUALLY(is_state(w, names[i][0], ZONE_SERVING));
	for (size_t i = 0; i < N; i++)
		changes[i].what = CHANGE_DEL;
	change_many(w, changes, N);
	for (size_t i = 0; i < N; i++)
		EVENTUALLY(is_unknown(w, names[i][0]));
	EVENTUALLY(!in_ledger(w, "z0.test"));
	free(changes);
	free(names);
	nsd_free(n);
}

static void
restart__without_its_zones__is_noticed_and_repaired(void **state)
{
	(void)state;
	struct nsd *n = nsd_start("");
	struct world *w = n->w;
	char command[800];
	add_zone(w, "a.test", "m1", "primary");
	add_zone(w, "b.test", "m2", "primary");
	EVENTUALLY(is_state(w, "a.test", ZONE_SERVING));
	EVENTUALLY(is_state(w, "b.test", ZONE_SERVING));
	nsd_end(n, SIGKILL);
	EVENTUALLY(is_backend(w, "down"));
	/* Removed and added while it is down. */
	del_zone(w, "b.test", "m2");
	add_zone(w, "c.test", "m3", "primary");
	snprintf(command, sizeof(command), "rm -f %s/zone.list", n->dir);
	assert_int_equal(system(command), 0);
	nsd_run(n);
	EVENTUALLY(is_backend(w, "up"));
	EVENTUALLY(is_state(w, "c.test", ZONE_SERVING));
	EVENTUALLY(is_unknown(w, "b.test"));
	EVENTUALLY(is_state(w, "a.test", ZONE_SERVING));
	/* Not only on record. */
	struct zone_status s;
	assert_true(get_status(w, "a.test", &s));
	snprintf(command, sizeof(command),
	    "grep -q 'add a.test ' %s/zone.list && grep -q 'add c.test ' %s/zone.list && "
	    "! grep -q 'add b.test ' %s/zone.list",
	    n->dir, n->dir, n->dir);
	EVENTUALLY(system(command) == 0);
	nsd_free(n);
}

static void
sweep__zone_removed_behind_our_back__is_put_back(void **state)
{
	(void)state;
	struct nsd *n = nsd_new("");
	struct world *w = n->w;
	char command[800];
	w->backend.probe_interval_s = 1;
	nsd_run(n);
	world_start(w);
	add_zone(w, "a.test", "m1", "primary");
	EVENTUALLY(is_state(w, "a.test", ZONE_SERVING));
	nsd_control(n, "delzone a.test");
	snprintf(command, sizeof(command), "grep -q 'add a.test ' %s/zone.list",
	    n->dir);
	assert_int_not_equal(system(command), 0);
	EVENTUALLY(system(command) == 0);
	EVENTUALLY(is_state(w, "a.test", ZONE_SERVING));
	nsd_free(n);
}

static void
conflict__zone_of_the_operator__is_left_alone(void **state)
{
	(void)state;
	struct nsd *n = nsd_start("zone:\n name: op.test\n zonefile: op.zone\n");
	add_zone(n->w, "op.test", "m1", "primary");
	EVENTUALLY(is_state(n->w, "op.test", ZONE_CONFLICT));
	del_zone(n->w, "op.test", "m1");
	EVENTUALLY(is_unknown(n->w, "op.test"));
	assert_false(in_ledger(n->w, "op.test"));
	nsd_free(n);
}

static void
agent_restart__clean_and_state_lost__adopts_what_is_marked(void **state)
{
	(void)state;
	struct nsd *n = nsd_start("");
	struct world *w = n->w;
	char command[800];
	add_zone(w, "a.test", "m1", "primary");
	add_zone(w, "b.test", "m2", "primary");
	EVENTUALLY(is_state(w, "a.test", ZONE_SERVING));
	EVENTUALLY(is_state(w, "b.test", ZONE_SERVING));
	world_stop(w);
	del_zone(w, "b.test", "m2");
	world_start(w);
	EVENTUALLY(is_unknown(w, "b.test"));
	assert_true(is_state(w, "a.test", ZONE_SERVING));
	world_stop(w);
	/* All state is lost: nothing is removed, what is wanted again is adopted. */
	store_close(w->store);
	snprintf(command, sizeof(command), "rm -rf %s/state", w->dir);
	assert_int_equal(system(command), 0);
	world_open_store(w);
	world_start(w);
	EVENTUALLY(is_backend(w, "up"));
	nap(200);
	snprintf(command, sizeof(command), "grep -q 'add a.test ' %s/zone.list",
	    n->dir);
	assert_int_equal(system(command), 0);
	add_zone(w, "a.test", "m9", "primary");
	EVENTUALLY(is_state(w, "a.test", ZONE_SERVING));
	EVENTUALLY(in_ledger(w, "a.test"));
	nsd_free(n);
}

static void
stop__server_frozen__ends_in_time(void **state)
{
	(void)state;
	struct nsd *n = nsd_start("");
	add_zone(n->w, "a.test", "m1", "primary");
	EVENTUALLY(is_state(n->w, "a.test", ZONE_SERVING));
	kill(n->pid, SIGSTOP);
	add_zone(n->w, "b.test", "m2", "primary");
	nap(300);
	nsd_free(n); /* asserts the 5 s */
}

/* No assertion on time: the figure is for whoever reads. */
static void
latency__one_zone_at_a_time__is_reported(void **state)
{
	(void)state;
	enum { N = 20 };
	struct nsd *n = nsd_start("");
	uint64_t total = 0;
	for (unsigned i = 0; i < N; i++) {
		char zone[32], id[32];
		struct zone_status s;
		snprintf(zone, sizeof(zone), "l%u.test", i);
		snprintf(id, sizeof(id), "l%u", i);
		nap(150); /* the status is committed once in 100 ms */
		add_zone(n->w, zone, id, "primary");
		uint64_t start = pace_now_us();
		while (!(get_status(n->w, zone, &s) && s.state == ZONE_SERVING) &&
		       pace_now_us() - start < 10000000)
			nap(1);
		assert_true(pace_now_us() - start < 10000000);
		total += pace_now_us() - start;
	}
	print_message("accepted to serving on record: %llu ms a zone\n",
	    (unsigned long long)(total / N / 1000));
	nsd_free(n);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(add_and_remove__one_zone__is_seen_served_and_gone),
	    cmocka_unit_test(add__no_zone_file__is_failed_with_what_it_answers),
	    cmocka_unit_test(many__added_and_removed__all_are_seen),
	    cmocka_unit_test(restart__without_its_zones__is_noticed_and_repaired),
	    cmocka_unit_test(sweep__zone_removed_behind_our_back__is_put_back),
	    cmocka_unit_test(conflict__zone_of_the_operator__is_left_alone),
	    cmocka_unit_test(
		agent_restart__clean_and_state_lost__adopts_what_is_marked),
	    cmocka_unit_test(stop__server_frozen__ends_in_time),
	    cmocka_unit_test(latency__one_zone_at_a_time__is_reported),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
