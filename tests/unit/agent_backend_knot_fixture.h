/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_UNIT_AGENT_BACKEND_KNOT_FIXTURE_H
#define TESTS_UNIT_AGENT_BACKEND_KNOT_FIXTURE_H

#include "tests/unit/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/backend/backend.h"
#include "agent/backend/drivers.h"
#include "agent/backend/knot.h"
#include "lib/key.h"
#include "lib/mem.h"
#include "lib/settings.h"

/*
 * For tests of the knot driver against real knotds of its own: in directories of
 * their own, on free ports of the loopback address. Skipped only where there is
 * no knotd. What knotd has is asked of knotc, so that the driver is not its own
 * witness.
 */

enum { OPTIONS_MAX = 4, TEXT_MAX = 1 << 20 };

struct server {
	char dir[64];
	char socket[96];
	int port;
	pid_t pid;
	bool text;           /* -c instead of -C */
	const char *map_mib; /* -m, or NULL */
};

struct fixture {
	struct server server;
	struct server hidden; /* a primary; dir "": none */
	struct backend_option options[OPTIONS_MAX];
	struct backend_conf conf;
	char *texts[16];
	size_t n_texts;
	int cancel[2];
	struct keyring *ring;
	const struct backend_driver *driver;
	void *ctx;
};

static const char *const knotd_binary = "/usr/sbin/knotd";

static inline char *
keep(struct fixture *f, char *text)
{
	assert_true(f->n_texts < sizeof(f->texts) / sizeof(f->texts[0]));
	return f->texts[f->n_texts++] = text;
}

static inline int64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static inline int
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

/* Takes path and text. */
static inline void
write_text(char *path, char *text)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	assert_int_not_equal(fputs(text, file), EOF);
	assert_int_equal(fclose(file), 0);
	free(path);
	free(text);
}

/* Takes command; the output, and its exit status if wanted. Free it. */
static inline char *
run(char *command, int *status)
{
	char *text = mem_zalloc(TEXT_MAX);
	FILE *pipe = popen(command, "re");
	size_t n;
	int rc;

	assert_non_null(pipe);
	n = fread(text, 1, TEXT_MAX - 1, pipe);
	text[n] = '\0';
	while (n > 0 && text[n - 1] == '\n')
		text[--n] = '\0';
	rc = pclose(pipe);
	if (status != NULL)
		*status = rc;
	free(command);
	return text;
}

/* -- a server ------------------------------------------------------------------ */

static inline void
server_start(struct server *s)
{
	char *path = mem_printf(s->text ? "%s/knot.conf" : "%s/confdb", s->dir);

	s->pid = fork();
	assert_int_not_equal(s->pid, -1);
	if (s->pid == 0) {
		int null = open("/dev/null", O_RDWR);

		/* Whatever becomes of the test, it ends with it. */
		prctl(PR_SET_PDEATHSIG, SIGKILL);

		dup2(null, 1);
		dup2(null, 2);
		execl(knotd_binary, knotd_binary, s->text ? "-c" : "-C", path,
		    s->map_mib != NULL ? "-m" : (char *)NULL, s->map_mib, (char *)NULL);
		_exit(127);
	}
	free(path);
}

static inline void
server_stop(struct server *s, int signal)
{
	char *path = mem_printf("%s/knot.pid", s->dir);

	if (s->pid > 0) {
		kill(s->pid, SIGCONT);
		kill(s->pid, signal);
		waitpid(s->pid, NULL, 0);
		s->pid = 0;
	}
	/* One that was killed leaves it, and does not start while that pid lives. */
	unlink(path);
	free(path);
}

/* more: of knot.conf, @DIR@ for the server's directory. */
static inline void
server_configure(struct server *s, const char *more)
{
	int status;

	strcpy(s->dir, "/tmp/nsherd-knot-XXXXXX");
	assert_non_null(mkdtemp(s->dir));
	snprintf(s->socket, sizeof(s->socket), "%s/knot.sock", s->dir);
	s->port = free_port();
	free(run(mem_printf("mkdir -p %s/zones %s/db", s->dir, s->dir), &status));
	assert_int_equal(status, 0);
	write_text(mem_printf("%s/knot.conf", s->dir),
	    mem_printf("server:\n  rundir: %s\n  listen: 127.0.0.1@%d\n"
		       "  udp-workers: 1\n  tcp-workers: 1\n  background-workers: 2\n"
		       "log:\n  - target: %s/knot.log\n    any: info\n"
		       "database:\n  storage: %s/db\n"
		       "control:\n  listen: %s\n%s",
		s->dir, s->port, s->dir, s->dir, s->socket, more));
	free(run(mem_printf("sed -i s,@DIR@,%s,g %s/knot.conf", s->dir, s->dir), NULL));
	if (s->text)
		return;
	free(run(mem_printf("knotc %s%s -C %s/confdb conf-import %s/knot.conf 2>&1",
		     s->map_mib != NULL ? "-m " : "",
		     s->map_mib != NULL ? s->map_mib : "", s->dir, s->dir),
	    &status));
	assert_int_equal(status, 0);
}

static inline void
server_remove(struct server *s)
{
	server_stop(s, SIGTERM);
	free(run(mem_printf("rm -rf %s", s->dir), NULL));
}

/* -- fixtures ------------------------------------------------------------------ */

static inline void
open_driver(struct fixture *f)
{
	struct err_where where = {.line = 0};

	if (f->driver->open(&f->conf, &where, &f->ctx) != OK)
		fail_msg("open: %s:%u: %s", where.file, where.line, where.what);
}

static inline void
reopen_driver(struct fixture *f)
{
	f->driver->close(f->ctx);
	open_driver(f);
}

static inline void
wait_up(struct fixture *f)
{
	struct backend_identity id;
	struct backend_error why = {""};

	for (int i = 0; i < 1000; i++) {
		if (f->driver->identify(f->ctx, &id, &why) == OK)
			return;
		usleep(20000);
	}
	fail_msg("knot does not come up: %s", why.text);
}

static inline struct fixture *
make_fixture(const char *more, bool text, const char *map_mib)
{
	struct fixture *f = mem_zalloc(sizeof(*f));
	struct server *s = &f->server;

	s->text = text;
	s->map_mib = map_mib;
	server_configure(s, more);
	f->driver = backend_find("knot");
	assert_non_null(f->driver);
	f->options[0] =
	    (struct backend_option){"control", s->socket, "nsherd.conf", 11};
	f->options[1] = (struct backend_option){"confdb",
	    keep(f, mem_printf("%s/confdb", s->dir)), "nsherd.conf", 12};
	assert_int_equal(pipe2(f->cancel, O_CLOEXEC), 0);
	f->ring = keyring_new();
	f->conf = (struct backend_conf){.name = "test",
	    .zone_dir = keep(f, mem_printf("%s/zones", s->dir)),
	    .options = f->options,
	    .n_options = 2,
	    .keys = f->ring,
	    .cancel_fd = f->cancel[0],
	    .timeout_ms = 20000,
	    .max_variants = 100};
	server_start(s);
	open_driver(f);
	return f;
}

static inline int
teardown(void **state)
{
	struct fixture *f = *state;

	if (f == NULL)
		return 0;
	server_stop(&f->server, SIGTERM);
	f->driver->close(f->ctx);
	server_remove(&f->server);
	if (f->hidden.dir[0] != '\0')
		server_remove(&f->hidden);
	close(f->cancel[0]);
	close(f->cancel[1]);
	keyring_free(f->ring);
	for (size_t i = 0; i < f->n_texts; i++)
		free(f->texts[i]);
	free(f);
	return 0;
}

static inline int
set_up(void **state, const char *more)
{
	if (access(knotd_binary, X_OK) != 0)
		return 0;
	*state = make_fixture(more, false, NULL);
	wait_up(*state);
	return 0;
}

static inline int
setup(void **state)
{
	return set_up(state, "");
}

#define NEED_KNOT(f)            \
	do {                    \
		if (!(f))       \
			skip(); \
	} while (0)

static inline void
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

/* -- what knotd says ----------------------------------------------------------- */

/* Takes arguments. */
static inline char *
knotc(struct fixture *f, char *arguments)
{
	char *command = mem_printf("knotc -s %s %s 2>&1", f->server.socket, arguments);

	free(arguments);
	return run(command, NULL);
}

static inline void
expect_knotc(struct fixture *f, const char *arguments, const char *expected)
{
	char *text = knotc(f, mem_strdup(arguments));

	if (strstr(text, expected) == NULL)
		fail_msg("knotc %s: \"%s\", not \"%s\"", arguments, text, expected);
	free(text);
}

static inline void
expect_alive(struct fixture *f)
{
	assert_int_equal(waitpid(f->server.pid, NULL, WNOHANG), 0);
	expect_knotc(f, "status", "Running");
}

/* A query over UDP for the SOA: its rcode, or -1; *aa. */
static inline int
ask(const struct server *s, const char *zone, bool *aa)
{
	struct sockaddr_in sin = {.sin_family = AF_INET,
	    .sin_port = htons((uint16_t)s->port)};
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

enum { NOERROR = 0, SERVFAIL = 2, REFUSED = 5 };

static inline void
wait_rcode(struct fixture *f, const char *zone, int rcode)
{
	bool aa = false;
	int seen = -1;

	for (int i = 0; i < 500; i++) {
		seen = ask(&f->server, zone, &aa);
		if (seen == rcode && aa == (rcode == NOERROR))
			return;
		usleep(20000);
	}
	fail_msg("%s: rcode %d aa %d", zone, seen, aa);
}

/* -- settings and operations --------------------------------------------------- */

static const char template[] = "$TTL 60\n@ SOA ns.invalid. h.invalid. "
			       "${serial} 60 60 600 60\n@ NS ns.invalid.\n";

static inline struct settings *
primary(const char *pattern, const char *initial)
{
	struct settings *s = settings_new();

	snprintf(s->pattern, sizeof(s->pattern), "%s", pattern);
	strcpy(s->version, "01234567");
	strcpy(s->hash, "0");
	s->role = ROLE_PRIMARY;
	s->zonefile = mem_strdup("${zone}.zone");
	if (initial != NULL)
		s->initial_file = mem_strdup(initial);
	return s;
}

static inline void
put_remote(struct remote_list *list, const char *text)
{
	list->items = mem_realloc(list->items, (list->n + 1) * sizeof(list->items[0]));
	assert_int_equal(remote_parse(text, 0, &list->items[list->n]), OK);
	list->n++;
}

static inline struct settings *
secondary(const char *pattern, const char *from)
{
	struct settings *s = primary(pattern, NULL);

	s->role = ROLE_SECONDARY;
	put_remote(&s->primaries, from);
	return s;
}

static inline void
put_option(struct settings *s, const char *text)
{
	s->options = mem_realloc(s->options, (s->n_options + 1) * sizeof(*s->options));
	s->options[s->n_options].driver = mem_strdup("knot");
	s->options[s->n_options++].text = mem_strdup(text);
}

/* The text of the result. */
static inline struct backend_error
prepare_one(struct fixture *f, struct settings *s, enum backend_result expected)
{
	enum backend_result result = RESULT_NONE;
	struct backend_error text = {""}, why = {""};
	enum err err = f->driver->prepare(f->ctx, &s, 1, &result, &text, &why);

	if (err != OK || result != expected)
		fail_msg("prepare: %s (%s), result %d: %s", err_str(err), why.text,
		    (int)result, text.text);
	return text;
}

static inline void
make_op(struct backend_op *op, enum backend_op_kind kind, const char *zone,
    struct settings *s)
{
	memset(op, 0, sizeof(*op));
	op->kind = kind;
	assert_int_equal(dname_parse(zone, &op->zone), OK);
	op->settings = s;
}

static inline struct backend_op
apply_one(struct fixture *f, enum backend_op_kind kind, const char *zone,
    struct settings *s, enum backend_result expected)
{
	struct backend_op op;
	struct backend_error why = {""};
	char *file = NULL, mark[128];
	enum err err;

	make_op(&op, kind, zone, kind == OP_ADD || kind == OP_CHANGE ? s : NULL);
	if (kind == OP_PURGE)
		op.zonefile = file = settings_file_record(s, &op.zone);
	err = f->driver->apply(f->ctx, &op, 1, &why);
	free(file);
	if (err != OK || op.result != expected)
		fail_msg("%s: %s (%s), result %d: %s", zone, err_str(err), why.text,
		    (int)op.result, op.text);
	if (op.settings != NULL &&
	    (op.result == RESULT_OK || op.result == RESULT_ALREADY)) {
		f->driver->mark_of(f->ctx, s, mark);
		assert_string_equal(op.mark, mark);
	}
	return op;
}

static inline struct backend_op *
make_ops(size_t n, enum backend_op_kind kind, const char *format, struct settings *s)
{
	struct backend_op *ops = mem_zalloc(n * sizeof(ops[0]));

	for (size_t i = 0; i < n; i++) {
		char zone[64];

		snprintf(zone, sizeof(zone), "z%zu.%s", i, format);
		make_op(&ops[i], kind, zone, s);
	}
	return ops;
}

static inline void
apply_all(struct fixture *f, struct backend_op *ops, size_t n,
    enum backend_result expected)
{
	struct backend_error why = {""};
	enum err err = f->driver->apply(f->ctx, ops, n, &why);

	if (err != OK)
		fail_msg("apply: %s (%s)", err_str(err), why.text);
	for (size_t i = 0; i < n; i++) {
		if (ops[i].result != expected)
			fail_msg("op %zu: result %d: %s", i, (int)ops[i].result,
			    ops[i].text);
	}
}

struct count {
	size_t n, n_ours;
};

static inline enum err
count_zone(void *arg, const struct dname *zone, const char *mark)
{
	struct count *c = arg;

	(void)zone;
	c->n++;
	c->n_ours += mark != NULL;
	return OK;
}

static inline struct count
inventory(struct fixture *f)
{
	struct count c = {0, 0};
	struct backend_error why = {""};

	if (f->driver->inventory(f->ctx, count_zone, &c, &why) != OK)
		fail_msg("inventory: %s", why.text);
	return c;
}

static inline bool
is_there(const struct fixture *f, const char *file)
{
	char *path = mem_printf("%s/%s", f->server.dir, file);
	bool there = access(path, F_OK) == 0;

	free(path);
	return there;
}

#endif
