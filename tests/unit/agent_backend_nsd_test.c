/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
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

#include "agent/backend/backend.h"
#include "lib/key.h"
#include "lib/mem.h"
#include "lib/settings.h"

/*
 * The nsd driver against a real NSD of its own: in a directory of its own, on a
 * free port of the loopback address. Skipped only where there is no nsd.
 */

enum { OPTIONS_MAX = 8 };

struct server {
	char dir[64];
	char conf[128];
	int port, control_port; /* control_port 0: unix socket */
	pid_t pid;
};

struct fixture {
	struct server server;
	struct backend_option options[OPTIONS_MAX];
	size_t n_options;
	struct backend_conf conf;
	char *texts[32];
	size_t n_texts;
	int cancel[2];
	struct keyring *ring;
	const struct backend_driver *driver;
	void *ctx;
};

static const char *const nsd_binary = "/usr/sbin/nsd";

static char *
keep(struct fixture *f, char *text)
{
	assert_true(f->n_texts < sizeof(f->texts) / sizeof(f->texts[0]));
	return f->texts[f->n_texts++] = text;
}

static int64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int
free_port(void)
{
	struct sockaddr_in sin = {.sin_family = AF_INET};
	socklen_t size = sizeof(sin);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sin, &size), 0);
	close(fd);
	return ntohs(sin.sin_port);
}

static void
write_text(const char *path, const char *mode, const char *text)
{
	FILE *file = fopen(path, mode);

	assert_non_null(file);
	assert_int_not_equal(fputs(text, file), EOF);
	assert_int_equal(fclose(file), 0);
}

static char *
read_text(const char *path)
{
	char *text = mem_zalloc(4 << 20);
	FILE *file = fopen(path, "re");
	size_t n;

	assert_non_null(file);
	n = fread(text, 1, (4 << 20) - 1, file);
	text[n] = '\0';
	fclose(file);
	return text;
}

/* -- a server ------------------------------------------------------------------- */

static void
server_configure(struct server *s, const char *more)
{
	char *text = mem_printf("server:\n\tip-address: 127.0.0.1@%d\n"
				"\tusername: \"\"\n\tdatabase: \"\"\n"
				"\tzonelistfile: \"%s/zone.list\"\n"
				"\tpidfile: \"%s/nsd.pid\"\n"
				"\txfrdfile: \"%s/xfrd.state\"\n\txfrdir: \"%s\"\n"
				"\tzonesdir: \"%s/zones\"\n\tserver-count: 1\n"
				"\tlogfile: \"%s/nsd.log\"\n\trrl-ratelimit: 0\n"
				"include: \"%s/conf/nsherd.conf\"\n%s",
	    s->port, s->dir, s->dir, s->dir, s->dir, s->dir, s->dir, s->dir, more);

	write_text(s->conf, "we", text);
	free(text);
	if (s->control_port == 0)
		text = mem_printf("remote-control:\n\tcontrol-enable: yes\n"
				  "\tcontrol-interface: \"%s/nsd.sock\"\n",
		    s->dir);
	else
		text = mem_printf("remote-control:\n\tcontrol-enable: yes\n"
				  "\tcontrol-interface: 127.0.0.1\n"
				  "\tcontrol-port: %d\n"
				  "\tserver-key-file: \"%s/nsd_server.key\"\n"
				  "\tserver-cert-file: \"%s/nsd_server.pem\"\n"
				  "\tcontrol-key-file: \"%s/nsd_control.key\"\n"
				  "\tcontrol-cert-file: \"%s/nsd_control.pem\"\n",
		    s->control_port, s->dir, s->dir, s->dir, s->dir);
	write_text(s->conf, "ae", text);
	free(text);
}

static void
server_start(struct server *s)
{
	s->pid = fork();
	assert_int_not_equal(s->pid, -1);
	if (s->pid == 0) {
		int null = open("/dev/null", O_RDWR);

		dup2(null, 1);
		dup2(null, 2);
		execl(nsd_binary, nsd_binary, "-d", "-c", s->conf, (char *)NULL);
		_exit(127);
	}
}

static void
server_stop(struct server *s, int signal)
{
	if (s->pid <= 0)
		return;
	kill(s->pid, signal);
	waitpid(s->pid, NULL, 0);
	s->pid = 0;
}

/* The processes that NSD forked end when xfrd is gone; the port is then free. */
static void
wait_port_free(int port)
{
	struct sockaddr_in sin = {.sin_family = AF_INET,
	    .sin_port = htons((uint16_t)port)};

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	for (int i = 0; i < 500; i++) {
		int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		int rc = bind(fd, (struct sockaddr *)&sin, sizeof(sin));

		close(fd);
		if (rc == 0)
			return;
		usleep(10000);
	}
	fail_msg("port %d stays in use", port);
}

/* -- fixtures ------------------------------------------------------------------------
 */

static void
add_option(struct fixture *f, const char *name, char *value)
{
	f->options[f->n_options] = (struct backend_option){name, keep(f, value),
	    "nsherd.conf", 10 + (unsigned)f->n_options};
	f->n_options++;
	f->conf.options = f->options;
	f->conf.n_options = f->n_options;
}

static void
add_key(struct fixture *f, const char *name, const char *secret)
{
	struct dname dname;
	struct key *key;

	assert_int_equal(dname_parse(name, &dname), OK);
	assert_int_equal(key_new(&dname, KEY_SHA256, (const uint8_t *)secret,
			     strlen(secret), &key),
	    OK);
	assert_int_equal(keyring_add(f->ring, key), OK);
	key_unref(key);
}

static void
wait_up(struct fixture *f)
{
	struct backend_identity id;
	struct backend_error why = {""};

	for (int i = 0; i < 500; i++) {
		if (f->driver->identify(f->ctx, &id, &why) == OK)
			return;
		usleep(20000);
	}
	fail_msg("nsd does not come up: %s", why.text);
}

static void
open_driver(struct fixture *f)
{
	struct err_where where = {.line = 0};

	if (f->driver->open(&f->conf, &where, &f->ctx) != OK)
		fail_msg("open: %s:%u: %s", where.file, where.line, where.what);
}

static struct fixture *
make_fixture(bool tls, const char *more)
{
	struct fixture *f = mem_zalloc(sizeof(*f));
	struct server *s = &f->server;
	char *path;

	strcpy(s->dir, "/tmp/nsherd-nsd-XXXXXX");
	assert_non_null(mkdtemp(s->dir));
	snprintf(s->conf, sizeof(s->conf), "%s/nsd.conf", s->dir);
	s->port = free_port();
	f->driver = backend_find("nsd");
	assert_non_null(f->driver);
	path = mem_printf("%s/zones", s->dir);
	assert_int_equal(mkdir(path, 0750), 0);
	f->conf.zone_dir = keep(f, path);
	path = mem_printf("%s/conf", s->dir);
	assert_int_equal(mkdir(path, 0750), 0);
	f->conf.config_dir = keep(f, path);
	path = mem_printf("%s/conf/nsherd.conf", s->dir);
	write_text(path, "we", "");
	chmod(path, 0640);
	free(path);
	assert_int_equal(pipe2(f->cancel, O_CLOEXEC), 0);
	f->ring = keyring_new();
	f->conf.name = "test";
	f->conf.keys = f->ring;
	f->conf.cancel_fd = f->cancel[0];
	f->conf.timeout_ms = 20000;
	f->conf.max_variants = 100;
	if (tls) {
		char *command =
		    mem_printf("nsd-control-setup -d %s >/dev/null 2>&1", s->dir);

		assert_int_equal(system(command), 0);
		free(command);
		s->control_port = free_port();
		add_option(f, "control", mem_printf("127.0.0.1@%d", s->control_port));
		add_option(f, "config", mem_strdup(s->conf));
		add_option(f, "tls-cert", mem_printf("%s/nsd_control.pem", s->dir));
		add_option(f, "tls-key", mem_printf("%s/nsd_control.key", s->dir));
		add_option(f, "tls-ca", mem_printf("%s/nsd_server.pem", s->dir));
	} else {
		add_option(f, "control", mem_printf("%s/nsd.sock", s->dir));
	}
	server_configure(s, more);
	server_start(s);
	open_driver(f);
	wait_up(f);
	return f;
}

static void
remove_fixture(struct fixture *f)
{
	char *command = mem_printf("rm -rf %s", f->server.dir);

	f->driver->close(f->ctx);
	if (f->server.pid > 0)
		kill(f->server.pid, SIGCONT);
	server_stop(&f->server, SIGTERM);
	assert_int_equal(system(command), 0);
	free(command);
	close(f->cancel[0]);
	close(f->cancel[1]);
	keyring_free(f->ring);
	for (size_t i = 0; i < f->n_texts; i++)
		free(f->texts[i]);
	free(f);
}

static int
setup(void **state)
{
	if (access(nsd_binary, X_OK) != 0)
		return 0;
	*state = make_fixture(false, "");
	return 0;
}

static int
setup_conf_zone(void **state)
{
	if (access(nsd_binary, X_OK) != 0)
		return 0;
	*state =
	    make_fixture(false, "pattern:\n\tname: operators\n\tzonefile: op-%s.zone\n"
				"zone:\n\tname: conf.example\n\tzonefile: conf.zone\n");
	return 0;
}

static int
setup_tls(void **state)
{
	if (access(nsd_binary, X_OK) != 0)
		return 0;
	*state = make_fixture(true, "");
	return 0;
}

static int
teardown(void **state)
{
	if (*state != NULL)
		remove_fixture(*state);
	return 0;
}

#define NEED_NSD(f)             \
	do {                    \
		if (!(f))       \
			skip(); \
	} while (0)

/* -- settings and operations ----------------------------------------------------------
 */

static struct settings *
primary(const char *pattern, const char *template)
{
	struct settings *s = settings_new();

	snprintf(s->pattern, sizeof(s->pattern), "%s", pattern);
	strcpy(s->version, "01234567");
	strcpy(s->hash, "0");
	s->role = ROLE_PRIMARY;
	s->zonefile = mem_strdup("${zone}.zone");
	if (template != NULL)
		s->initial_file = mem_strdup(template);
	return s;
}

static const char template[] = "$TTL 60\n@ SOA ns.invalid. h.invalid. "
			       "${serial} 60 60 60 60\n@ NS ns.invalid.\n";

static struct settings *
secondary(const char *pattern, const char *from)
{
	struct settings *s = primary(pattern, NULL);

	s->role = ROLE_SECONDARY;
	s->primaries.items = mem_zalloc(sizeof(s->primaries.items[0]));
	s->primaries.n = 1;
	assert_int_equal(remote_parse(from, 0, &s->primaries.items[0]), OK);
	return s;
}

static void
prepare_one(struct fixture *f, struct settings *s, enum backend_result expected)
{
	enum backend_result result = RESULT_NONE;
	struct backend_error text = {""}, why = {""};
	enum err err = f->driver->prepare(f->ctx, &s, 1, &result, &text, &why);

	if (err != OK || result != expected)
		fail_msg("prepare: %s (%s), result %d: %s", err_str(err), why.text,
		    (int)result, text.text);
}

static void
make_op(struct backend_op *op, enum backend_op_kind kind, const char *zone,
    struct settings *s)
{
	memset(op, 0, sizeof(*op));
	op->kind = kind;
	assert_int_equal(dname_parse(zone, &op->zone), OK);
	op->settings = s;
}

static void
apply_one(struct fixture *f, enum backend_op_kind kind, const char *zone,
    struct settings *s, enum backend_result expected)
{
	struct backend_op op;
	struct backend_error why = {""};
	char *file = NULL;
	enum err err;

	make_op(&op, kind, zone, kind == OP_ADD || kind == OP_CHANGE ? s : NULL);
	if (kind == OP_PURGE)
		op.zonefile = file = settings_zonefile(s, &op.zone);
	err = f->driver->apply(f->ctx, &op, 1, &why);
	free(file);
	if (err != OK || op.result != expected)
		fail_msg("%s: %s (%s), result %d: %s", zone, err_str(err), why.text,
		    (int)op.result, op.text);
}

struct count {
	size_t n, n_ours;
};

static enum err
count_zone(void *arg, const struct dname *zone, const char *mark)
{
	struct count *c = arg;

	(void)zone;
	c->n++;
	c->n_ours += mark != NULL;
	return OK;
}

static struct count
inventory(struct fixture *f)
{
	struct count c = {0, 0};
	struct backend_error why = {""};

	if (f->driver->inventory(f->ctx, count_zone, &c, &why) != OK)
		fail_msg("inventory: %s", why.text);
	return c;
}

/* A query over UDP for the SOA: its rcode, or -1; *aa. */
static int
ask(struct fixture *f, const char *zone, bool *aa)
{
	struct sockaddr_in sin = {.sin_family = AF_INET,
	    .sin_port = htons((uint16_t)f->server.port)};
	uint8_t query[512] = {0x12, 0x34, 0, 0, 0, 1}, answer[4096];
	struct dname name;
	struct pollfd pfd;
	ssize_t n;
	size_t size;

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(dname_parse(zone, &name), OK);
	memcpy(query + 12, name.wire, name.size);
	size = 12 + (size_t)name.size;
	query[size + 1] = 6;
	query[size + 3] = 1;
	size += 4;
	pfd.fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	pfd.events = POLLIN;
	n = sendto(pfd.fd, query, size, 0, (struct sockaddr *)&sin, sizeof(sin));
	assert_int_equal(n, (ssize_t)size);
	n = poll(&pfd, 1, 1000) == 1 ? recv(pfd.fd, answer, sizeof(answer), 0) : -1;
	close(pfd.fd);
	*aa = n >= 12 && (answer[2] & 4) != 0;
	return n >= 12 ? answer[3] & 15 : -1;
}

static void
wait_rcode(struct fixture *f, const char *zone, int rcode, bool want_aa)
{
	bool aa = false;
	int seen = -1;

	for (int i = 0; i < 500; i++) {
		seen = ask(f, zone, &aa);
		if (seen == rcode && aa == want_aa)
			return;
		usleep(20000);
	}
	fail_msg("%s: rcode %d aa %d", zone, seen, aa);
}

/* -- tests
 * ------------------------------------------------------------------------------ */

static void
nsd_apply__primary_added_and_removed__is_served_and_gone(void **state)
{
	struct fixture *f = *state;
	struct settings *s;
	char *path;

	NEED_NSD(f);
	s = primary("web", template);
	prepare_one(f, s, RESULT_OK);
	apply_one(f, OP_ADD, "a.example", s, RESULT_OK);
	wait_rcode(f, "a.example", 0, true);
	apply_one(f, OP_ADD, "a.example", s, RESULT_ALREADY);
	apply_one(f, OP_CHANGE, "a.example", s, RESULT_ALREADY);
	apply_one(f, OP_PURGE, "a.example", s, RESULT_RETRY);
	apply_one(f, OP_REMOVE, "a.example", NULL, RESULT_OK);
	wait_rcode(f, "a.example", 5, false);
	apply_one(f, OP_REMOVE, "a.example", NULL, RESULT_ALREADY);
	path = mem_printf("%s/zones/a.example.zone", f->server.dir);
	assert_int_equal(access(path, F_OK), 0);
	apply_one(f, OP_PURGE, "a.example", s, RESULT_OK);
	assert_int_equal(access(path, F_OK), -1);
	apply_one(f, OP_PURGE, "a.example", s, RESULT_ALREADY);
	free(path);
	settings_unref(s);
}

static void
nsd_apply__thousand_zones__all_in_one_batch(void **state)
{
	struct fixture *f = *state;
	struct backend_op *ops;
	struct backend_error why = {""};
	struct settings *s;
	struct count c;
	enum { N = 1000 };

	NEED_NSD(f);
	s = secondary("bulk", "127.0.0.1@9");
	prepare_one(f, s, RESULT_OK);
	ops = mem_zalloc(N * sizeof(ops[0]));
	for (int i = 0; i < N; i++) {
		char zone[64];

		snprintf(zone, sizeof(zone), "z%d.bulk.example", i);
		make_op(&ops[i], OP_ADD, zone, s);
	}
	assert_int_equal(f->driver->apply(f->ctx, ops, N, &why), OK);
	for (int i = 0; i < N; i++) {
		assert_int_equal(ops[i].result, RESULT_OK);
		assert_string_equal(ops[i].mark, "nsherd-bulk.01234567.0");
	}
	c = inventory(f);
	assert_int_equal(c.n, N);
	assert_int_equal(c.n_ours, N);
	assert_int_equal(f->driver->apply(f->ctx, ops, N, &why), OK);
	for (int i = 0; i < N; i++) {
		assert_int_equal(ops[i].result, RESULT_ALREADY);
		ops[i].kind = OP_REMOVE;
	}
	assert_int_equal(f->driver->apply(f->ctx, ops, N, &why), OK);
	for (int i = 0; i < N; i++)
		assert_int_equal(ops[i].result, RESULT_OK);
	assert_int_equal(inventory(f).n, 0);
	free(ops);
	settings_unref(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		nsd_apply__primary_added_and_removed__is_served_and_gone, setup,
		teardown),
	    cmocka_unit_test_setup_teardown(nsd_apply__thousand_zones__all_in_one_batch,
		setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
