/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_UNIT_SERVERS_FIXTURE_H
#define TESTS_UNIT_SERVERS_FIXTURE_H

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
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/backend/backend.h"
#include "lib/clock.h"
#include "lib/key.h"
#include "lib/mem.h"
#include "lib/settings.h"

/*
 * For tests of a driver against a real server of its own: in a directory of its
 * own, on free ports of the loopback address, ended by its process id. How a
 * server is configured and started is each test's own.
 */

enum { OPTIONS_MAX = 8, TEXT_MAX = 4 << 20 };
enum { NOERROR = 0, SERVFAIL = 2, REFUSED = 5 };

struct server {
	char dir[64];
	char conf[128], include[128]; /* its configuration; the file of ours in it */
	char socket[96];
	int port, control_port, stats_port; /* 0: none */
	pid_t pid;
	const char *more, *more_options; /* of its configuration */
	const char *view, *levels, *map_mib;
	bool text; /* its configuration is no database */
};

struct fixture {
	struct server server;
	struct server hidden; /* a primary; dir "": none */
	struct backend_option options[OPTIONS_MAX];
	size_t n_options;
	struct backend_conf conf;
	char *texts[64];
	size_t n_texts;
	int cancel[2];
	struct keyring *ring;
	struct rlimit file_size; /* as it was; tests lower it */
	const struct backend_driver *driver;
	void *ctx;
};

#define NEED_SERVER(f)          \
	do {                    \
		if (!(f))       \
			skip(); \
	} while (0)

/* -- files and commands -------------------------------------------------------- */

/* Until the end of the fixture. */
static inline char *
keep(struct fixture *f, char *text)
{
	assert_true(f->n_texts < sizeof(f->texts) / sizeof(f->texts[0]));
	return f->texts[f->n_texts++] = text;
}

static inline char *
in_dir(struct fixture *f, const char *path)
{
	return keep(f, mem_printf("%s/%s", f->server.dir, path));
}

static inline void
write_text(const char *path, const char *mode, const char *text)
{
	FILE *file = fopen(path, mode);

	assert_non_null(file);
	assert_int_not_equal(fputs(text, file), EOF);
	assert_int_equal(fclose(file), 0);
}

static inline char *
read_stream(FILE *file)
{
	char *text = mem_zalloc(TEXT_MAX);
	size_t n;

	assert_non_null(file);
	n = fread(text, 1, TEXT_MAX - 1, file);
	text[n] = '\0';
	return text;
}

/* Free it. */
static inline char *
read_text(const char *path)
{
	FILE *file = fopen(path, "re");
	char *text = read_stream(file);

	fclose(file);
	return text;
}

/* Takes command; the output, and its exit status if wanted. Free it. */
static inline char *
run(char *command, int *status)
{
	FILE *pipe = popen(command, "re");
	char *text = read_stream(pipe);
	size_t n = strlen(text);
	int rc = pclose(pipe);

	while (n > 0 && text[n - 1] == '\n')
		text[--n] = '\0';
	if (status != NULL)
		*status = rc;
	free(command);
	return text;
}

PRINTF(1, 2)
static inline int
shell(const char *fmt, ...)
{
	char command[1024];
	va_list ap;
	int rc;

	va_start(ap, fmt);
	vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	rc = system(command);
	return WIFEXITED(rc) ? WEXITSTATUS(rc) : -1;
}

static inline bool
is_there(const struct fixture *f, const char *file)
{
	char *path = mem_printf("%s/%s", f->server.dir, file);
	bool there = access(path, F_OK) == 0;

	free(path);
	return there;
}

/* -- ports and processes ------------------------------------------------------- */

static inline bool
is_free(int port)
{
	struct sockaddr_in sin = {.sin_family = AF_INET,
	    .sin_port = htons((uint16_t)port)};
	int udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;
	bool ok;

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(tcp, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	ok = bind(udp, (struct sockaddr *)&sin, sizeof(sin)) == 0 &&
	     bind(tcp, (struct sockaddr *)&sin, sizeof(sin)) == 0;
	close(udp);
	close(tcp);
	return ok;
}

/* For both transports, below those that the kernel hands out by itself, so that
 * nobody's outgoing connection takes it first; another one at each call. */
static inline int
free_port(void)
{
	static unsigned n;

	for (int i = 0; i < 1000; i++) {
		int port =
		    12000 + ((int)(getpid() % 1000) * 137 + (int)n++ * 31) % 20000;

		if (is_free(port))
			return port;
	}
	fail_msg("no free port");
	return 0;
}

/* What a server forked may end a little after it. */
static inline void
wait_port_free(int port)
{
	for (int i = 0; i < 2000; i++) {
		if (is_free(port))
			return;
		usleep(5000);
	}
	fail_msg("port %d stays in use", port);
}

/* Its output to log, appended. What it may signal is its own; whatever becomes of
 * the test, it ends with it. */
static inline pid_t
start_process(const char *const argv[], const char *log)
{
	pid_t pid = fork();

	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		int fd = open(log != NULL ? log : "/dev/null",
		    O_WRONLY | O_CREAT | O_APPEND, 0600);

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		setpgid(0, 0);
		dup2(fd, 1);
		dup2(fd, 2);
		execv(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	return pid;
}

/* Stopped or not, our child or not; killed if it takes more than 20 s. Returns its
 * status. */
static inline int
stop_process(pid_t *pid, int signal)
{
	int status = 0;

	if (*pid <= 0)
		return 0;
	kill(*pid, signal);
	kill(*pid, SIGCONT);
	for (int i = 0; i < 4000; i++) {
		pid_t rc = waitpid(*pid, &status, WNOHANG);

		if (rc == *pid || (rc == -1 && kill(*pid, 0) == -1))
			break;
		if (i == 3999)
			kill(*pid, SIGKILL);
		usleep(5000);
	}
	*pid = 0;
	return status;
}

/* -- fixtures ------------------------------------------------------------------ */

static inline void
add_option(struct fixture *f, const char *name, char *value)
{
	assert_true(f->n_options < OPTIONS_MAX);
	f->options[f->n_options] = (struct backend_option){name, keep(f, value),
	    "nsherd.conf", 10 + (unsigned)f->n_options};
	f->n_options++;
	f->conf.options = f->options;
	f->conf.n_options = f->n_options;
}

static inline void
add_key(struct keyring *ring, const char *name, const char *secret)
{
	struct dname dname;
	struct key *key;

	assert_int_equal(dname_parse(name, &dname), OK);
	assert_int_equal(key_new(&dname, KEY_SHA256, (const uint8_t *)secret,
			     strlen(secret), &key),
	    OK);
	assert_int_equal(keyring_add(ring, key), OK);
	key_unref(key);
}

static inline void
make_dir(struct fixture *f, const char *name)
{
	assert_int_equal(mkdir(in_dir(f, name), 0750), 0);
}

/* A directory with zones/ and conf/, a port, and all that the driver is given but
 * for options. */
static inline struct fixture *
fixture_new(const char *driver)
{
	struct fixture *f = mem_zalloc(sizeof(*f));

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &f->file_size), 0);
	snprintf(f->server.dir, sizeof(f->server.dir), "/tmp/nsherd-%s-XXXXXX", driver);
	assert_non_null(mkdtemp(f->server.dir));
	f->server.port = free_port();
	f->driver = backend_find(driver);
	assert_non_null(f->driver);
	make_dir(f, "zones");
	make_dir(f, "conf");
	assert_int_equal(pipe2(f->cancel, O_CLOEXEC), 0);
	f->ring = keyring_new();
	f->conf = (struct backend_conf){.name = "test",
	    .zone_dir = in_dir(f, "zones"),
	    .config_dir = in_dir(f, "conf"),
	    .keys = f->ring,
	    .cancel_fd = f->cancel[0],
	    .timeout_ms = 20000,
	    .max_variants = 100};
	return f;
}

static inline void
fixture_free(struct fixture *f, int signal)
{
	/* also after a test that failed in between */
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &f->file_size), 0);
	f->driver->close(f->ctx);
	stop_process(&f->server.pid, signal);
	stop_process(&f->hidden.pid, signal);
	assert_int_equal(shell("rm -rf %s %s", f->server.dir, f->hidden.dir), 0);
	close(f->cancel[0]);
	close(f->cancel[1]);
	keyring_unref(f->ring);
	for (size_t i = 0; i < f->n_texts; i++)
		free(f->texts[i]);
	free(f);
}

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
	f->ctx = NULL;
	open_driver(f);
}

static inline void
wait_up(struct fixture *f)
{
	struct backend_identity id;
	struct backend_error why = {""};

	for (int i = 0; i < 4000; i++) {
		if (f->driver->identify(f->ctx, &id, &why) == OK)
			return;
		usleep(5000);
	}
	shell("tail -5 %s/*.log", f->server.dir);
	fail_msg("%s does not come up: %s", f->driver->name, why.text);
}

/* -- what it serves ------------------------------------------------------------ */

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

/* NOERROR: with authority. */
static inline void
wait_rcode(struct fixture *f, const char *zone, int rcode)
{
	bool aa = false;
	int seen = -1;

	for (int i = 0; i < 4000; i++) {
		seen = ask(&f->server, zone, &aa);
		if (seen == rcode && aa == (rcode == NOERROR))
			return;
		usleep(5000);
	}
	fail_msg("%s: rcode %d aa %d", zone, seen, aa);
}

/* -- settings ------------------------------------------------------------------ */

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

PRINTF(2, 3)
static inline struct settings *
secondary(const char *pattern, const char *fmt, ...)
{
	struct settings *s = primary(pattern, NULL);
	char from[128];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(from, sizeof(from), fmt, ap);
	va_end(ap);
	s->role = ROLE_SECONDARY;
	put_remote(&s->primaries, from);
	return s;
}

static inline void
put_option(struct settings *s, const char *driver, const char *text)
{
	s->options = mem_realloc(s->options, (s->n_options + 1) * sizeof(*s->options));
	s->options[s->n_options].driver = mem_strdup(driver);
	s->options[s->n_options++].text = mem_strdup(text);
}

/* -- operations ---------------------------------------------------------------- */

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
	op.zonefile = NULL;
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

/* N zones z0.SUFFIX and so on. Free them. */
static inline struct backend_op *
make_ops(size_t n, enum backend_op_kind kind, const char *suffix, struct settings *s)
{
	struct backend_op *ops = mem_zalloc(n * sizeof(ops[0]));

	for (size_t i = 0; i < n; i++) {
		char zone[64];

		snprintf(zone, sizeof(zone), "z%zu.%s", i, suffix);
		make_op(&ops[i], kind, zone, s);
	}
	return ops;
}

/* Those that are to be tried again, at once. Returns how many. */
static inline size_t
apply_again(struct fixture *f, struct backend_op *ops, size_t n)
{
	struct backend_op *some = mem_zalloc(n * sizeof(some[0]));
	struct backend_error why = {""};
	size_t k = 0;

	for (size_t i = 0; i < n; i++) {
		if (ops[i].result == RESULT_RETRY)
			some[k++] = ops[i];
	}
	if (k > 0 && f->driver->apply(f->ctx, some, k, &why) != OK)
		fail_msg("apply: %s", why.text);
	k = 0;
	for (size_t i = 0; i < n; i++) {
		if (ops[i].result == RESULT_RETRY)
			ops[i] = some[k++];
	}
	free(some);
	return k;
}

/* On a busy machine a server may ask for a moment. */
static inline void
apply_all(struct fixture *f, struct backend_op *ops, size_t n,
    enum backend_result expected)
{
	struct backend_error why = {""};
	enum err err = f->driver->apply(f->ctx, ops, n, &why);

	if (err != OK)
		fail_msg("apply: %s (%s)", err_str(err), why.text);
	for (int i = 0; expected != RESULT_RETRY && i < 100; i++) {
		if (apply_again(f, ops, n) == 0)
			break;
		usleep(300000);
	}
	for (size_t i = 0; i < n; i++) {
		if (ops[i].result != expected)
			fail_msg("op %zu: result %d: %s", i, (int)ops[i].result,
			    ops[i].text);
	}
}

/* The same operations, as of another kind. */
static inline void
apply_kind(struct fixture *f, struct backend_op *ops, size_t n,
    enum backend_op_kind kind, enum backend_result expected)
{
	for (size_t i = 0; i < n; i++)
		ops[i].kind = kind;
	apply_all(f, ops, n, expected);
}

struct count {
	size_t n, n_ours;
	char mark[128]; /* of the last of ours */
};

static inline enum err
count_zone(void *arg, const struct dname *zone, const char *mark)
{
	struct count *c = arg;

	(void)zone;
	c->n++;
	c->n_ours += mark != NULL;
	if (mark != NULL)
		snprintf(c->mark, sizeof(c->mark), "%s", mark);
	return OK;
}

static inline struct count
inventory(struct fixture *f)
{
	struct count c = {.n = 0};
	struct backend_error why = {""};

	if (f->driver->inventory(f->ctx, count_zone, &c, &why) != OK)
		fail_msg("inventory: %s", why.text);
	return c;
}

static inline struct count
lookup(struct fixture *f, const char *zone)
{
	struct count c = {.n = 0};
	struct backend_error why = {""};
	struct dname name;

	assert_int_equal(dname_parse(zone, &name), OK);
	if (f->driver->lookup(f->ctx, &name, 1, count_zone, &c, &why) != OK)
		fail_msg("lookup: %s", why.text);
	return c;
}

#endif
