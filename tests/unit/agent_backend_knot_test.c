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
 * The knot driver against real knotds of its own: in directories of their own,
 * on free ports of the loopback address. Skipped only where there is no knotd.
 * What knotd has is asked of knotc, so that the driver is not its own witness.
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

/* Takes path and text. */
static void
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
static char *
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

static void
server_start(struct server *s)
{
	char *path = mem_printf(s->text ? "%s/knot.conf" : "%s/confdb", s->dir);

	s->pid = fork();
	assert_int_not_equal(s->pid, -1);
	if (s->pid == 0) {
		int null = open("/dev/null", O_RDWR);

		dup2(null, 1);
		dup2(null, 2);
		execl(knotd_binary, knotd_binary, s->text ? "-c" : "-C", path,
		    s->map_mib != NULL ? "-m" : (char *)NULL, s->map_mib, (char *)NULL);
		_exit(127);
	}
	free(path);
}

static void
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
static void
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

static void
server_remove(struct server *s)
{
	server_stop(s, SIGTERM);
	free(run(mem_printf("rm -rf %s", s->dir), NULL));
}

/* -- fixtures ------------------------------------------------------------------ */

static void
open_driver(struct fixture *f)
{
	struct err_where where = {.line = 0};

	if (f->driver->open(&f->conf, &where, &f->ctx) != OK)
		fail_msg("open: %s:%u: %s", where.file, where.line, where.what);
}

static void
reopen_driver(struct fixture *f)
{
	f->driver->close(f->ctx);
	open_driver(f);
}

static void
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

static struct fixture *
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

static int
teardown(void **state)
{
	struct fixture *f = *state;

	if (f == NULL)
		return 0;
	server_stop(&f->server, SIGTERM);
	f->driver->close(f->ctx);
	server_remove(&f->server);
	close(f->cancel[0]);
	close(f->cancel[1]);
	keyring_free(f->ring);
	for (size_t i = 0; i < f->n_texts; i++)
		free(f->texts[i]);
	free(f);
	return 0;
}

static int
set_up(void **state, const char *more)
{
	if (access(knotd_binary, X_OK) != 0)
		return 0;
	*state = make_fixture(more, false, NULL);
	wait_up(*state);
	return 0;
}

static int
setup(void **state)
{
	return set_up(state, "");
}

static int
setup_operators(void **state)
{
	return set_up(state,
	    "key:\n  - id: same.key\n    algorithm: hmac-sha256\n"
	    "    secret: c2FtZSBzZWNyZXQgc2FtZSBzZWNyZXQ=\n"
	    "  - id: other.key\n    algorithm: hmac-sha256\n    secret: AAAA\n"
	    "policy:\n  - id: ours\n    algorithm: ecdsap256sha256\n"
	    "acl:\n  - id: op-acl\n    action: transfer\n"
	    "template:\n  - id: default\n    storage: /nonexistent\n"
	    "  - id: op\n    storage: /nonexistent\n"
	    "zone:\n  - domain: plain.example\n"
	    "  - domain: under.example\n    template: op\n");
}

static int
setup_text(void **state)
{
	if (access(knotd_binary, X_OK) == 0)
		*state = make_fixture("", true, NULL);
	return 0;
}

static int
setup_small_map(void **state)
{
	if (access(knotd_binary, X_OK) == 0)
		*state = make_fixture("", false, "1");
	if (*state != NULL)
		wait_up(*state);
	return 0;
}

#define NEED_KNOT(f)            \
	do {                    \
		if (!(f))       \
			skip(); \
	} while (0)

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

/* -- what knotd says ----------------------------------------------------------- */

/* Takes arguments. */
static char *
knotc(struct fixture *f, char *arguments)
{
	char *command = mem_printf("knotc -s %s %s 2>&1", f->server.socket, arguments);

	free(arguments);
	return run(command, NULL);
}

static void
expect_knotc(struct fixture *f, const char *arguments, const char *expected)
{
	char *text = knotc(f, mem_strdup(arguments));

	if (strstr(text, expected) == NULL)
		fail_msg("knotc %s: \"%s\", not \"%s\"", arguments, text, expected);
	free(text);
}

static void
expect_alive(struct fixture *f)
{
	assert_int_equal(waitpid(f->server.pid, NULL, WNOHANG), 0);
	expect_knotc(f, "status", "Running");
}

/* A query over UDP for the SOA: its rcode, or -1; *aa. */
static int
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

static void
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

static struct settings *
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

static void
put_remote(struct remote_list *list, const char *text)
{
	list->items = mem_realloc(list->items, (list->n + 1) * sizeof(list->items[0]));
	assert_int_equal(remote_parse(text, 0, &list->items[list->n]), OK);
	list->n++;
}

static struct settings *
secondary(const char *pattern, const char *from)
{
	struct settings *s = primary(pattern, NULL);

	s->role = ROLE_SECONDARY;
	put_remote(&s->primaries, from);
	return s;
}

static void
put_option(struct settings *s, const char *text)
{
	s->options = mem_realloc(s->options, (s->n_options + 1) * sizeof(*s->options));
	s->options[s->n_options].driver = mem_strdup("knot");
	s->options[s->n_options++].text = mem_strdup(text);
}

/* The text of the result. */
static struct backend_error
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

static void
make_op(struct backend_op *op, enum backend_op_kind kind, const char *zone,
    struct settings *s)
{
	memset(op, 0, sizeof(*op));
	op->kind = kind;
	assert_int_equal(dname_parse(zone, &op->zone), OK);
	op->settings = s;
}

static struct backend_op
apply_one(struct fixture *f, enum backend_op_kind kind, const char *zone,
    struct settings *s, enum backend_result expected)
{
	struct backend_op op;
	struct backend_error why = {""};
	char *file = NULL, mark[128];
	enum err err;

	make_op(&op, kind, zone, kind == OP_ADD || kind == OP_CHANGE ? s : NULL);
	if (kind == OP_PURGE)
		op.zonefile = file = settings_zonefile(s, &op.zone);
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

static struct backend_op *
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

static void
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

static bool
is_there(const struct fixture *f, const char *file)
{
	char *path = mem_printf("%s/%s", f->server.dir, file);
	bool there = access(path, F_OK) == 0;

	free(path);
	return there;
}

/* -- the usual ----------------------------------------------------------------- */

static void
knot_apply__primary_added_and_removed__is_served_and_gone(void **state)
{
	struct fixture *f = *state;
	struct settings *s;

	NEED_KNOT(f);
	s = primary("web", template);
	prepare_one(f, s, RESULT_OK);
	apply_one(f, OP_ADD, "a.example", s, RESULT_OK);
	wait_rcode(f, "a.example", NOERROR);
	apply_one(f, OP_ADD, "a.example", s, RESULT_ALREADY);
	apply_one(f, OP_CHANGE, "a.example", s, RESULT_ALREADY);
	apply_one(f, OP_PURGE, "a.example", s, RESULT_RETRY);
	apply_one(f, OP_REMOVE, "a.example", NULL, RESULT_OK);
	wait_rcode(f, "a.example", REFUSED);
	apply_one(f, OP_REMOVE, "a.example", NULL, RESULT_ALREADY);
	assert_true(is_there(f, "zones/a.example.zone"));
	apply_one(f, OP_PURGE, "a.example", s, RESULT_OK);
	assert_false(is_there(f, "zones/a.example.zone"));
	apply_one(f, OP_PURGE, "a.example", s, RESULT_ALREADY);
	/* Nothing is left of any transaction. */
	assert_false(is_there(f, "zones/.nsherd-transaction-test"));
	expect_knotc(f, "conf-diff", "no active transaction");
	settings_unref(s);
}

static void
knot_apply__thousand_zones__all_in_one_batch(void **state)
{
	enum { N = 1000 };
	struct fixture *f = *state;
	struct backend_op *ops;
	struct settings *s;

	NEED_KNOT(f);
	s = primary("bulk", NULL);
	free(s->zonefile);
	s->zonefile = mem_strdup("shared.zone");
	prepare_one(f, s, RESULT_OK);
	ops = make_ops(N, OP_ADD, "bulk.example", s);
	apply_all(f, ops, N, RESULT_OK);
	assert_int_equal(inventory(f).n, N);
	assert_int_equal(inventory(f).n_ours, N);
	apply_all(f, ops, N, RESULT_ALREADY);
	for (int i = 0; i < N; i++)
		ops[i].kind = OP_REMOVE;
	apply_all(f, ops, N, RESULT_OK);
	apply_all(f, ops, N, RESULT_ALREADY);
	assert_int_equal(inventory(f).n, 0);
	free(ops);
	settings_unref(s);
}

static void
knot_apply__five_thousand_zones__are_served_and_gone(void **state)
{
	enum { N = 5000 };
	struct fixture *f = *state;
	struct backend_op *ops;
	struct settings *s, *other;

	NEED_KNOT(f);
	write_text(mem_printf("%s/zones/shared.zone", f->server.dir),
	    mem_strdup("@ 60 SOA ns.invalid. h.invalid. 1 60 60 600 60\n"
		       "@ 60 NS ns.invalid.\n"));
	s = primary("bulk", NULL);
	free(s->zonefile);
	s->zonefile = mem_strdup("shared.zone");
	other = primary("other", NULL);
	free(other->zonefile);
	other->zonefile = mem_strdup("shared.zone");
	prepare_one(f, s, RESULT_OK);
	prepare_one(f, other, RESULT_OK);
	ops = make_ops(N, OP_ADD, "many.example", s);
	apply_all(f, ops, N, RESULT_OK);
	wait_rcode(f, "z0.many.example", NOERROR);
	wait_rcode(f, "z4999.many.example", NOERROR);
	for (int i = 0; i < N; i++)
		make_op(&ops[i], OP_CHANGE, "example", other);
	free(ops);
	ops = make_ops(100, OP_CHANGE, "many.example", other);
	apply_all(f, ops, 100, RESULT_OK);
	free(ops);
	ops = make_ops(N, OP_REMOVE, "many.example", NULL);
	apply_all(f, ops, N, RESULT_OK);
	wait_rcode(f, "z4999.many.example", REFUSED);
	free(ops);
	settings_unref(s);
	settings_unref(other);
}

static void
knot_apply__mixed_batch__each_gets_its_result(void **state)
{
	struct fixture *f = *state;
	struct backend_error why = {""};
	struct backend_op ops[6];
	struct settings *s, *other;
	char *file;

	NEED_KNOT(f);
	s = primary("web", template);
	other = primary("other", template);
	prepare_one(f, s, RESULT_OK);
	prepare_one(f, other, RESULT_OK);
	apply_one(f, OP_ADD, "old.example", s, RESULT_OK);
	apply_one(f, OP_ADD, "turn.example", s, RESULT_OK);
	apply_one(f, OP_ADD, "dead.example", s, RESULT_OK);
	apply_one(f, OP_REMOVE, "dead.example", NULL, RESULT_OK);
	make_op(&ops[0], OP_REMOVE, "old.example", NULL);
	make_op(&ops[1], OP_REMOVE, "never.example", NULL);
	make_op(&ops[2], OP_PURGE, "dead.example", NULL);
	ops[2].zonefile = file = settings_zonefile(s, &ops[2].zone);
	make_op(&ops[3], OP_CHANGE, "turn.example", other);
	make_op(&ops[4], OP_CHANGE, "fresh.example", s);
	make_op(&ops[5], OP_ADD, "new.example", s);
	assert_int_equal(f->driver->apply(f->ctx, ops, 6, &why), OK);
	assert_int_equal(ops[0].result, RESULT_OK);
	assert_int_equal(ops[1].result, RESULT_ALREADY);
	for (int i = 2; i < 6; i++)
		assert_int_equal(ops[i].result, RESULT_OK);
	wait_rcode(f, "old.example", REFUSED);
	wait_rcode(f, "turn.example", NOERROR);
	wait_rcode(f, "fresh.example", NOERROR);
	wait_rcode(f, "new.example", NOERROR);
	assert_false(is_there(f, "zones/dead.example.zone"));
	expect_knotc(f, "conf-read 'zone[turn.example].template'", "nsherd-other.");
	free(file);
	settings_unref(s);
	settings_unref(other);
}

static void
knot_apply__existing_zone_file__is_not_overwritten(void **state)
{
	struct fixture *f = *state;
	struct settings *s;
	char *text;

	NEED_KNOT(f);
	s = primary("web", template);
	prepare_one(f, s, RESULT_OK);
	write_text(mem_printf("%s/zones/mine.example.zone", f->server.dir),
	    mem_strdup("@ 60 SOA mine.invalid. h.invalid. 77 60 60 600 60\n"
		       "@ 60 NS ns.invalid.\n"));
	apply_one(f, OP_ADD, "mine.example", s, RESULT_OK);
	wait_rcode(f, "mine.example", NOERROR);
	text = knotc(f, mem_strdup("zone-status mine.example +serial"));
	assert_non_null(strstr(text, "serial: 77"));
	free(text);
	settings_unref(s);
}

static void
knot_apply__zone_file_in_directory__directory_is_made(void **state)
{
	struct fixture *f = *state;
	struct settings *s;

	NEED_KNOT(f);
	s = primary("deep", template);
	free(s->zonefile);
	s->zonefile = mem_strdup("a/b/${zone}");
	prepare_one(f, s, RESULT_OK);
	apply_one(f, OP_ADD, "deep.example", s, RESULT_OK);
	wait_rcode(f, "deep.example", NOERROR);
	assert_true(is_there(f, "zones/a/b/deep.example"));
	settings_unref(s);
}

static void
knot_apply__odd_names__are_served(void **state)
{
	static const char *const names[] = {"0/25.2.0.192.in-addr.arpa",
	    "x\\.y.example", "a\\032b.example", "UPPER.Example", "*.wild.example",
	    "_x._tcp.example", "a\\@b.example", "q\\\"q.example", "p%s%d.example",
	    "\\000\\255.example", "br[0].example",
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	    ".bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
	    ".ccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
	    ".ddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd",
	    "."};
	enum { N = sizeof(names) / sizeof(names[0]) };
	struct fixture *f = *state;
	struct settings *s;

	NEED_KNOT(f);
	s = primary("odd", template);
	prepare_one(f, s, RESULT_OK);
	for (size_t i = 0; i < N; i++) {
		struct dname name;
		char *file;

		apply_one(f, OP_ADD, names[i], s, RESULT_OK);
		wait_rcode(f, names[i], NOERROR);
		apply_one(f, OP_ADD, names[i], s, RESULT_ALREADY);
		assert_int_equal(dname_parse(names[i], &name), OK);
		file = settings_zonefile(s, &name);
		char *path = mem_printf("zones/%s", file);
		assert_true(is_there(f, path));
		free(path);
		free(file);
	}
	assert_int_equal(inventory(f).n_ours, N);
	for (size_t i = 0; i < N; i++) {
		apply_one(f, OP_REMOVE, names[i], NULL, RESULT_OK);
		apply_one(f, OP_PURGE, names[i], s, RESULT_OK);
	}
	assert_int_equal(inventory(f).n, 0);
	settings_unref(s);
}

static void
knot_apply__missing_file__is_taken_and_served_once_there(void **state)
{
	struct fixture *f = *state;
	struct settings *s;
	struct dname name;
	struct backend_error why = {""};

	NEED_KNOT(f);
	s = primary("bare", NULL);
	prepare_one(f, s, RESULT_OK);
	apply_one(f, OP_ADD, "bare.example", s, RESULT_OK);
	wait_rcode(f, "bare.example", SERVFAIL);
	write_text(mem_printf("%s/zones/bare.example.zone", f->server.dir),
	    mem_strdup("@ 60 SOA ns.invalid. h.invalid. 1 60 60 600 60\n"
		       "@ 60 NS ns.invalid.\n"));
	assert_int_equal(dname_parse("bare.example", &name), OK);
	assert_int_equal(f->driver->command(f->ctx, VERB_RELOAD, &name, &why), OK);
	wait_rcode(f, "bare.example", NOERROR);
	settings_unref(s);
}

/* -- what is not ours ---------------------------------------------------------- */

static void
knot_apply__operators_zones__are_conflicts_and_untouched(void **state)
{
	struct fixture *f = *state;
	struct settings *s;
	struct backend_op *ops;
	struct backend_error why = {""};
	struct dname names[3];
	struct count c = {0, 0};
	char *before, *after;

	NEED_KNOT(f);
	s = primary("web", template);
	prepare_one(f, s, RESULT_OK);
	before = knotc(f, mem_strdup("conf-read zone"));
	apply_one(f, OP_ADD, "plain.example", s, RESULT_CONFLICT);
	apply_one(f, OP_CHANGE, "under.example", s, RESULT_CONFLICT);
	apply_one(f, OP_REMOVE, "plain.example", NULL, RESULT_CONFLICT);
	apply_one(f, OP_REMOVE, "under.example", NULL, RESULT_CONFLICT);
	apply_one(f, OP_PURGE, "under.example", s, RESULT_RETRY);
	ops = make_ops(50, OP_ADD, "some.example", s);
	make_op(&ops[20], OP_ADD, "plain.example", s);
	make_op(&ops[30], OP_ADD, "under.example", s);
	assert_int_equal(f->driver->apply(f->ctx, ops, 50, &why), OK);
	for (int i = 0; i < 50; i++)
		assert_int_equal(ops[i].result,
		    i == 20 || i == 30 ? RESULT_CONFLICT : RESULT_OK);
	free(ops);
	ops = make_ops(50, OP_REMOVE, "some.example", NULL);
	make_op(&ops[20], OP_REMOVE, "plain.example", s);
	make_op(&ops[30], OP_REMOVE, "under.example", s);
	assert_int_equal(f->driver->apply(f->ctx, ops, 50, &why), OK);
	assert_int_equal(ops[20].result, RESULT_CONFLICT);
	free(ops);
	after = knotc(f, mem_strdup("conf-read zone"));
	assert_string_equal(before, after);
	c = inventory(f);
	assert_int_equal(c.n, 2);
	assert_int_equal(c.n_ours, 0);
	c = (struct count){0, 0};
	assert_int_equal(dname_parse("plain.example", &names[0]), OK);
	assert_int_equal(dname_parse("nowhere.example", &names[1]), OK);
	assert_int_equal(dname_parse("plain.example", &names[2]), OK);
	assert_int_equal(f->driver->lookup(f->ctx, names, 3, count_zone, &c, &why), OK);
	assert_int_equal(c.n, 2);
	assert_int_equal(c.n_ours, 0);
	assert_int_equal(f->driver->command(f->ctx, VERB_RELOAD, &names[0], &why),
	    ERR_DENIED);
	assert_int_equal(f->driver->command(f->ctx, VERB_RELOAD, &names[1], &why),
	    ERR_NOTFOUND);
	free(before);
	free(after);
	settings_unref(s);
}

static int
setup_catalog(void **state)
{
	int rc = set_up(state, "template:\n  - id: cat\n"
			       "zone:\n  - domain: cat.example\n"
			       "    file: @DIR@/zones/cat.zone\n"
			       "    catalog-role: interpret\n"
			       "    catalog-template: cat\n");
	struct fixture *f = *state;

	if (f == NULL)
		return rc;
	write_text(mem_printf("%s/zones/cat.zone", f->server.dir),
	    mem_strdup("@ 60 SOA invalid. invalid. 1 60 60 600 60\n@ 60 NS invalid.\n"
		       "version 60 TXT 2\nm1.zones 60 PTR member.example.\n"));
	expect_knotc(f, "zone-reload cat.example", "OK");
	return rc;
}

static void
knot_apply__member_of_knots_own_catalog__conflict_and_knotd_lives(void **state)
{
	struct fixture *f = *state;
	struct settings *s;
	struct backend_op *ops;
	struct backend_error why = {""};

	NEED_KNOT(f);
	wait_rcode(f, "cat.example", REFUSED); /* catalogs are not for queries */
	for (int i = 0; i < 200; i++) {
		char *text =
		    knotc(f, mem_strdup("zone-status member.example +catalog"));
		bool there = strstr(text, "cat.example") != NULL;

		free(text);
		if (there)
			break;
		usleep(20000);
	}
	expect_knotc(f, "zone-status member.example +catalog", "cat.example");
	s = primary("web", template);
	prepare_one(f, s, RESULT_OK);
	apply_one(f, OP_ADD, "member.example", s, RESULT_CONFLICT);
	apply_one(f, OP_REMOVE, "member.example", NULL, RESULT_CONFLICT);
	apply_one(f, OP_ADD, "cat.example", s, RESULT_CONFLICT);
	ops = make_ops(100, OP_ADD, "some.example", s);
	make_op(&ops[50], OP_ADD, "member.example", s);
	make_op(&ops[51], OP_ADD, "cat.example", s);
	assert_int_equal(f->driver->apply(f->ctx, ops, 100, &why), OK);
	for (int i = 0; i < 100; i++)
		assert_int_equal(ops[i].result,
		    i == 50 || i == 51 ? RESULT_CONFLICT : RESULT_OK);
	expect_alive(f);
	expect_knotc(f, "zone-status member.example +catalog", "cat.example");
	assert_int_equal(inventory(f).n, 100);
	assert_int_equal(inventory(f).n_ours, 98);
	expect_alive(f);
	free(ops);
	settings_unref(s);
}

/* -- transactions -------------------------------------------------------------- */

static void
knot_apply__foreign_transaction_open__retry_and_it_is_untouched(void **state)
{
	struct fixture *f = *state;
	struct settings *s, *other;
	struct backend_op op;

	NEED_KNOT(f);
	s = primary("web", template);
	other = primary("other", template);
	prepare_one(f, s, RESULT_OK);
	expect_knotc(f, "conf-begin", "OK");
	expect_knotc(f, "conf-set 'zone[op.example]'", "OK");
	op = apply_one(f, OP_ADD, "a.example", s, RESULT_RETRY);
	assert_non_null(strstr(op.text, "transaction of somebody else"));
	prepare_one(f, other, RESULT_RETRY);
	expect_knotc(f, "conf-diff", "+zone.domain = op.example.");
	expect_knotc(f, "conf-commit", "OK");
	apply_one(f, OP_ADD, "a.example", s, RESULT_OK);
	prepare_one(f, other, RESULT_OK);
	assert_false(is_there(f, "zones/.nsherd-transaction-test"));
	settings_unref(s);
	settings_unref(other);
}

enum stage { BEGUN, HALF_FILLED, POISONED };

/* As an agent that dies. */
static void
leave_open(struct fixture *f, enum stage stage)
{
	struct knot *k = f->ctx;
	struct backend_error why = {""};
	struct knot_fault fault;
	struct buf units;
	bool busy;

	assert_int_equal(knot_enter(k, &why), OK);
	assert_int_equal(knot_txn_begin(k, &busy, &why), OK);
	assert_false(busy);
	buf_init(&units, 0);
	if (stage >= HALF_FILLED)
		knot_unit_put_conf(&units, "conf-set", "zone", "half.example.", NULL,
		    NULL);
	if (stage == POISONED)
		knot_unit_put_conf(&units, "conf-set", "zone", "half.example.", NULL,
		    NULL);
	if (stage >= HALF_FILLED)
		assert_int_equal(knot_ctl_block(&k->ctl, &units, NULL, NULL, &fault,
				     &why),
		    OK);
	buf_fini(&units);
	k->in_txn = false;
	reopen_driver(f);
	expect_knotc(f, "conf-begin", "too many transactions");
}

static void
knot_apply__own_left_over_transaction__is_aborted(void **state)
{
	struct fixture *f = *state;
	struct settings *s;

	NEED_KNOT(f);
	s = primary("web", template);
	prepare_one(f, s, RESULT_OK);
	for (int stage = BEGUN; stage <= POISONED; stage++) {
		char zone[32];

		leave_open(f, (enum stage)stage);
		snprintf(zone, sizeof(zone), "s%d.example", stage);
		apply_one(f, OP_ADD, zone, s, RESULT_OK);
		wait_rcode(f, zone, NOERROR);
		wait_rcode(f, "half.example", REFUSED);
		expect_alive(f);
	}
	settings_unref(s);
}

static void
knot_apply__left_over_ended_and_another_begun_by_operator__is_his(void **state)
{
	struct fixture *f = *state;
	struct settings *s;

	NEED_KNOT(f);
	s = primary("web", template);
	prepare_one(f, s, RESULT_OK);
	leave_open(f, HALF_FILLED);
	expect_knotc(f, "conf-abort", "OK");
	expect_knotc(f, "conf-begin", "OK");
	expect_knotc(f, "conf-set 'zone[op.example]'", "OK");
	apply_one(f, OP_ADD, "a.example", s, RESULT_RETRY);
	expect_knotc(f, "conf-diff", "+zone.domain = op.example.");
	expect_knotc(f, "conf-abort", "OK");
	apply_one(f, OP_ADD, "a.example", s, RESULT_OK);
	/* And one that went with its server is forgotten. */
	leave_open(f, HALF_FILLED);
	server_stop(&f->server, SIGKILL);
	server_start(&f->server);
	wait_up(f);
	expect_knotc(f, "conf-begin", "OK");
	apply_one(f, OP_ADD, "b.example", s, RESULT_RETRY);
	expect_knotc(f, "conf-abort", "OK");
	apply_one(f, OP_ADD, "b.example", s, RESULT_OK);
	settings_unref(s);
}

/* An agent killed at any moment leaves nothing that the next one trips over. */
static void
knot_apply__agent_killed_in_mid_batch__next_one_goes_on(void **state)
{
	enum { N = 2000 };
	struct fixture *f = *state;
	struct settings *s;
	struct backend_op *ops;

	NEED_KNOT(f);
	s = primary("bulk", NULL);
	free(s->zonefile);
	s->zonefile = mem_strdup("shared.zone");
	prepare_one(f, s, RESULT_OK);
	ops = make_ops(N, OP_ADD, "many.example", s);
	for (int i = 0; i < 20; i++) {
		struct backend_error why;
		pid_t pid = fork();

		assert_int_not_equal(pid, -1);
		if (pid == 0) {
			for (int k = 0; k < 100; k++) {
				if (f->driver->apply(f->ctx, ops, N, &why) != OK)
					_exit(1);
				for (int j = 0; j < N; j++)
					ops[j].kind =
					    ops[j].kind == OP_ADD ? OP_REMOVE : OP_ADD;
			}
			_exit(0);
		}
		usleep((useconds_t)(1000 + i * 7919 % 97 * 3000));
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		reopen_driver(f);
		apply_one(f, OP_ADD, "after.example", s, RESULT_OK);
		apply_one(f, OP_REMOVE, "after.example", NULL, RESULT_OK);
	}
	expect_alive(f);
	expect_knotc(f, "conf-diff", "no active transaction");
	free(ops);
	settings_unref(s);
}

static void
knot_apply__refused_by_the_commit__pattern_is_rejected_and_the_rest_done(void **state)
{
	struct fixture *f = *state;
	struct settings *s, *bad;
	struct backend_op *ops;
	struct backend_error why = {""};

	NEED_KNOT(f);
	s = primary("good", template);
	bad = primary("bad", template);
	put_option(bad, "zonefile-load: difference-no-serial"); /* needs journal: all */
	prepare_one(f, s, RESULT_OK);
	prepare_one(f, bad, RESULT_OK); /* only a zone shows it */
	ops = make_ops(40, OP_ADD, "mix.example", s);
	for (int i = 0; i < 40; i += 4)
		ops[i].settings = bad;
	assert_int_equal(f->driver->apply(f->ctx, ops, 40, &why), OK);
	for (int i = 0; i < 40; i++)
		assert_int_equal(ops[i].result,
		    i % 4 == 0 ? RESULT_REJECTED : RESULT_OK);
	assert_non_null(strstr(ops[0].text, "journal-content"));
	wait_rcode(f, "z39.mix.example", NOERROR);
	wait_rcode(f, "z0.mix.example", REFUSED);
	expect_alive(f);
	expect_knotc(f, "conf-diff", "no active transaction");
	free(ops);
	settings_unref(s);
	settings_unref(bad);
}

static void
knot_apply__template_taken_away__retry_and_prepared_anew(void **state)
{
	struct fixture *f = *state;
	struct settings *s;
	char mark[128];

	NEED_KNOT(f);
	s = primary("web", template);
	prepare_one(f, s, RESULT_OK);
	f->driver->mark_of(f->ctx, s, mark);
	expect_knotc(f, "conf-begin", "OK");
	free(knotc(f, mem_printf("conf-unset 'template[%s]'", mark)));
	expect_knotc(f, "conf-commit", "OK");
	apply_one(f, OP_ADD, "a.example", s, RESULT_RETRY);
	prepare_one(f, s, RESULT_OK);
	apply_one(f, OP_ADD, "a.example", s, RESULT_OK);
	wait_rcode(f, "a.example", NOERROR);
	settings_unref(s);
}

static void
knot_apply__map_full__adds_wait_and_removals_work(void **state)
{
	enum { N = 5000 };
	struct fixture *f = *state;
	struct settings *s;
	struct backend_op *ops;
	struct backend_error why = {""};
	size_t n_full = 0;

	NEED_KNOT(f);
	s = primary("bulk", NULL);
	free(s->zonefile);
	s->zonefile = mem_strdup("shared.zone");
	prepare_one(f, s, RESULT_OK);
	ops = make_ops(1000, OP_ADD, "first.example", s);
	apply_all(f, ops, 1000, RESULT_OK);
	free(ops);
	ops = make_ops(N, OP_ADD, "many.example", s);
	assert_int_equal(f->driver->apply(f->ctx, ops, N, &why), OK);
	for (int i = 0; i < N; i++)
		n_full += ops[i].result == RESULT_RETRY;
	assert_int_equal(n_full, N);
	assert_non_null(strstr(ops[0].text, "is full"));
	free(ops);
	expect_alive(f);
	ops = make_ops(1000, OP_REMOVE, "first.example", NULL);
	apply_all(f, ops, 1000, RESULT_OK);
	apply_one(f, OP_ADD, "one.example", s, RESULT_OK);
	free(ops);
	settings_unref(s);
}

/* -- patterns ------------------------------------------------------------------ */

static void
knot_prepare__bad_settings__are_rejected_alone(void **state)
{
	enum { N = 10 };
	struct fixture *f = *state;
	struct settings *list[N];
	enum backend_result results[N];
	struct backend_error texts[N], why = {""};

	NEED_KNOT(f);
	for (int i = 0; i < N; i++) {
		char name[16];

		snprintf(name, sizeof(name), "p%d", i);
		list[i] = primary(name, template);
	}
	list[1]->dnssec = mem_strdup("nosuch");
	put_option(list[2], "nonsense: yes");
	put_option(list[3], "semantic-checks: perhaps");
	put_option(list[4], "file: /etc/passwd");
	put_option(list[5], "no option at all");
	put_option(list[6], "catalog-role: interpret");
	put_remote(&list[7]->notify, "192.0.2.1 tls ns.example");
	put_remote(&list[8]->notify, "192.0.2.1 key missing.key");
	assert_int_equal(f->driver->prepare(f->ctx, list, N, results, texts, &why), OK);
	for (int i = 0; i < N; i++) {
		bool good = i == 0 || i == 9;

		if (results[i] != (good ? RESULT_OK : RESULT_REJECTED))
			fail_msg("%d: %d %s", i, (int)results[i], texts[i].text);
		assert_int_equal(texts[i].text[0] == '\0', good);
	}
	assert_non_null(strstr(texts[1].text, "dnssec-policy"));
	assert_non_null(strstr(texts[1].text, "not exists"));
	expect_knotc(f, "conf-diff", "no active transaction");
	apply_one(f, OP_ADD, "a.example", list[0], RESULT_OK);
	wait_rcode(f, "a.example", NOERROR);
	for (int i = 0; i < N; i++)
		settings_unref(list[i]);
}

static void
knot_prepare__unused_template__zones_are_not_loaded_again(void **state)
{
	struct fixture *f = *state;
	struct settings *s, *other;
	char *log;

	NEED_KNOT(f);
	s = primary("web", template);
	prepare_one(f, s, RESULT_OK);
	apply_one(f, OP_ADD, "a.example", s, RESULT_OK);
	wait_rcode(f, "a.example", NOERROR);
	usleep(500000); /* it is served before that is logged */
	free(run(mem_printf(": > %s/knot.log", f->server.dir), NULL));
	other = secondary("other", "127.0.0.1@9");
	put_remote(&other->allow_notify, "127.0.0.1");
	put_remote(&other->allow_transfer, "::1");
	put_remote(&other->notify, "192.0.2.1@5353");
	put_option(other, "semantic-checks: on");
	prepare_one(f, other, RESULT_OK);
	log = run(mem_printf("grep -c 'a.example' %s/knot.log", f->server.dir), NULL);
	assert_string_equal(log, "0");
	free(log);
	settings_unref(s);
	settings_unref(other);
}

static void
knot_prepare__too_many_variants__are_rejected(void **state)
{
	struct fixture *f = *state;
	struct settings *list[4];
	enum backend_result results[4];
	struct backend_error texts[4], why = {""};

	NEED_KNOT(f);
	f->conf.max_variants = 2;
	reopen_driver(f);
	for (int i = 0; i < 4; i++) {
		list[i] = secondary("var", "127.0.0.1");
		addr_set_port(&list[i]->primaries.items[0].addr, (uint16_t)(7 + i));
	}
	assert_int_equal(f->driver->prepare(f->ctx, list, 4, results, texts, &why), OK);
	for (int i = 0; i < 4; i++)
		assert_int_equal(results[i], i < 2 ? RESULT_OK : RESULT_REJECTED);
	for (int i = 0; i < 4; i++)
		settings_unref(list[i]);
}

static void
knot_prepare__keys__are_made_and_the_operators_respected(void **state)
{
	struct fixture *f = *state;
	struct settings *ours, *same, *other;
	struct backend_error text;

	NEED_KNOT(f);
	add_key(f, "our.key", "a secret of some length");
	add_key(f, "same.key", "same secret same secret");
	add_key(f, "other.key", "something else");
	ours = secondary("ours", "127.0.0.1@9 key our.key");
	same = secondary("same", "127.0.0.1@9 key same.key");
	other = secondary("other", "127.0.0.1@9 key other.key");
	prepare_one(f, ours, RESULT_OK);
	prepare_one(f, same, RESULT_OK);
	text = prepare_one(f, other, RESULT_REJECTED);
	assert_non_null(strstr(text.text, "differs"));
	expect_knotc(f, "conf-read 'key[our.key]'", "YSBzZWNyZXQgb2Ygc29tZSBsZW5ndGg=");
	expect_knotc(f, "conf-read 'key[other.key]'", "AAAA");
	apply_one(f, OP_ADD, "a.example", ours, RESULT_OK);
	apply_one(f, OP_ADD, "b.example", same, RESULT_OK);
	/* The agent gets another secret: knotd has it with the next inventory. */
	keyring_free(f->ring);
	f->conf.keys = f->ring = keyring_new();
	add_key(f, "our.key", "0");
	add_key(f, "same.key", "changed here, but the operator's there");
	reopen_driver(f);
	inventory(f);
	expect_knotc(f, "conf-read 'key[our.key].secret'", "MA==");
	expect_knotc(f, "conf-read 'key[same.key].secret'", "c2FtZSBzZWNyZXQ");
	settings_unref(ours);
	settings_unref(same);
	settings_unref(other);
}

static void
knot_apply__signed_primary__is_signed_and_unsigned_again(void **state)
{
	struct fixture *f = *state;
	struct settings *s, *plain;
	char *text = NULL;

	NEED_KNOT(f);
	s = primary("signed", template);
	s->dnssec = mem_strdup("ours");
	put_option(s, "acl: op-acl");
	put_option(s, "semantic-checks: soft");
	plain = primary("plain", template);
	prepare_one(f, s, RESULT_OK);
	prepare_one(f, plain, RESULT_OK);
	apply_one(f, OP_ADD, "sec.example", s, RESULT_OK);
	wait_rcode(f, "sec.example", NOERROR);
	for (int i = 0; i < 200; i++) {
		free(text);
		text = knotc(f, mem_strdup("zone-read sec.example @ DNSKEY"));
		if (strstr(text, "DNSKEY") != NULL)
			break;
		usleep(20000);
	}
	assert_non_null(strstr(text, "DNSKEY"));
	free(text);
	expect_knotc(f, "conf-read 'zone[sec.example]'", "dnssec-policy = ours");
	expect_knotc(f, "conf-read 'zone[sec.example]'", "semantic-checks = soft");
	apply_one(f, OP_CHANGE, "sec.example", plain, RESULT_OK);
	wait_rcode(f, "sec.example", NOERROR);
	text = knotc(f, mem_strdup("conf-read 'zone[sec.example]'"));
	assert_null(strstr(text, "dnssec"));
	assert_null(strstr(text, "journal"));
	assert_null(strstr(text, "semantic"));
	free(text);
	/* The operator's objects in a pattern are his to keep. */
	apply_one(f, OP_CHANGE, "sec.example", s, RESULT_OK);
	expect_knotc(f, "conf-begin", "OK");
	free(knotc(f, mem_strdup("conf-unset 'policy[ours]'")));
	expect_knotc(f, "conf-commit", "invalid reference");
	expect_knotc(f, "conf-abort", "OK");
	settings_unref(s);
	settings_unref(plain);
}

static void
knot_retire__many_unused_templates__go_with_what_they_named(void **state)
{
	enum { N = 70 };
	struct fixture *f = *state;
	struct settings *list[N], *used, *wanted;
	enum backend_result results[N];
	struct backend_error texts[N], why = {""};
	char mark[128];
	const char *marks[1] = {mark};
	char *text;

	NEED_KNOT(f);
	add_key(f, "used.key", "a");
	add_key(f, "unused.key", "b");
	used = secondary("used", "127.0.0.1@9 key used.key");
	put_remote(&used->allow_notify, "127.0.0.1");
	wanted = primary("wanted", NULL);
	for (int i = 0; i < N; i++) {
		list[i] = secondary("gone", "127.0.0.1 key unused.key");
		put_remote(&list[i]->allow_notify, "127.0.0.1");
		addr_set_port(&list[i]->primaries.items[0].addr, (uint16_t)(20 + i));
	}
	prepare_one(f, used, RESULT_OK);
	prepare_one(f, wanted, RESULT_OK);
	apply_one(f, OP_ADD, "a.example", used, RESULT_OK);
	f->driver->mark_of(f->ctx, wanted, mark);
	assert_int_equal(f->driver->prepare(f->ctx, list, 10, results, texts, &why),
	    OK);
	assert_int_equal(f->driver->retire(f->ctx, marks, 1, &why), OK);
	expect_knotc(f, "conf-read template.id", "nsherd-gone"); /* a few may stay */
	assert_int_equal(f->driver->prepare(f->ctx, list, N, results, texts, &why), OK);
	for (int i = 0; i < N; i++)
		assert_int_equal(results[i], RESULT_OK);
	if (f->driver->retire(f->ctx, marks, 1, &why) != OK)
		fail_msg("retire: %s", why.text);
	text = knotc(f, mem_strdup("conf-read template.id"));
	assert_null(strstr(text, "nsherd-gone"));
	assert_non_null(strstr(text, "nsherd-used"));
	assert_non_null(strstr(text, "nsherd-wanted"));
	free(text);
	text = knotc(f, mem_strdup("conf-read key.id"));
	assert_null(strstr(text, "unused.key"));
	assert_non_null(strstr(text, "used.key"));
	free(text);
	text = run(mem_printf("knotc -s %s conf-read remote.id | grep -c nsherd-",
		       f->server.socket),
	    NULL);
	assert_string_equal(text, "1");
	free(text);
	/* What went is made again when it is wanted. */
	prepare_one(f, list[3], RESULT_OK);
	apply_one(f, OP_ADD, "b.example", list[3], RESULT_OK);
	for (int i = 0; i < N; i++)
		settings_unref(list[i]);
	settings_unref(used);
	settings_unref(wanted);
}

/* -- transfers ----------------------------------------------------------------- */

static void
knot_apply__primary_to_secondary_and_back__keeps_answering(void **state)
{
	struct fixture *f = *state;
	struct server hidden = {.text = true};
	struct settings *own, *from;
	char *zone, *text = NULL, *source;

	NEED_KNOT(f);
	add_key(f, "xfr.key", "0123456789abcdef");
	server_configure(&hidden,
	    "key:\n  - id: xfr.key\n    algorithm: hmac-sha256\n"
	    "    secret: MDEyMzQ1Njc4OWFiY2RlZg==\n"
	    "acl:\n  - id: out\n    action: transfer\n    key: xfr.key\n"
	    "template:\n  - id: default\n    storage: /tmp\n    acl: out\n"
	    "zone:\n  - domain: turn.example\n    file: nsherd-knot-turn.zone\n");
	write_text(mem_strdup("/tmp/nsherd-knot-turn.zone"),
	    mem_strdup("@ 60 SOA h.invalid. h.invalid. 3000000000 60 60 600 60\n"
		       "@ 60 NS ns.invalid.\nwww 60 A 192.0.2.1\n"));
	server_start(&hidden);
	own = primary("own", template);
	source = mem_printf("127.0.0.1@%d key xfr.key", hidden.port);
	from = secondary("from", source);
	put_remote(&from->allow_notify, "127.0.0.1 key xfr.key");
	prepare_one(f, own, RESULT_OK);
	prepare_one(f, from, RESULT_OK);
	apply_one(f, OP_ADD, "turn.example", own, RESULT_OK);
	wait_rcode(f, "turn.example", NOERROR);
	apply_one(f, OP_CHANGE, "turn.example", from, RESULT_OK);
	for (int i = 0; i < 500; i++) {
		bool aa;

		assert_int_equal(ask(&f->server, "turn.example", &aa), NOERROR);
		free(text);
		text = knotc(f, mem_strdup("zone-status turn.example +serial +role"));
		if (strstr(text, "serial: 3000000000") != NULL)
			break;
		usleep(20000);
	}
	assert_non_null(strstr(text, "serial: 3000000000"));
	assert_non_null(strstr(text, "role: slave"));
	free(text);
	/* Written, so that it is served after a restart without its primary. */
	zone = mem_printf("grep -c www %s/zones/turn.example.zone", f->server.dir);
	for (int i = 0; i < 200; i++) {
		text = run(mem_strdup(zone), NULL);
		if (strcmp(text, "1") == 0)
			break;
		free(text);
		text = NULL;
		usleep(20000);
	}
	assert_non_null(text);
	free(text);
	free(zone);
	server_remove(&hidden);
	unlink("/tmp/nsherd-knot-turn.zone");
	server_stop(&f->server, SIGTERM);
	server_start(&f->server);
	wait_up(f);
	wait_rcode(f, "turn.example", NOERROR);
	apply_one(f, OP_CHANGE, "turn.example", own, RESULT_OK);
	wait_rcode(f, "turn.example", NOERROR);
	expect_knotc(f, "zone-status turn.example +role", "master");
	free(source);
	settings_unref(own);
	settings_unref(from);
}

static void
knot_apply__unreachable_primary__is_taken(void **state)
{
	struct fixture *f = *state;
	struct settings *s;

	NEED_KNOT(f);
	s = secondary("far", "127.0.0.1@9");
	prepare_one(f, s, RESULT_OK);
	apply_one(f, OP_ADD, "far.example", s, RESULT_OK);
	wait_rcode(f, "far.example", SERVFAIL);
	apply_one(f, OP_REMOVE, "far.example", NULL, RESULT_OK);
	wait_rcode(f, "far.example", REFUSED);
	settings_unref(s);
}

/* A primary that takes connections and never answers. */
static int
listen_silently(int port)
{
	struct sockaddr_in sin = {.sin_family = AF_INET,
	    .sin_port = htons((uint16_t)port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	assert_int_equal(bind(fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
	assert_int_equal(listen(fd, 500), 0);
	return fd;
}

static void
knot_apply__silent_primaries__commits_are_held_and_reported(void **state)
{
	struct fixture *f = *state;
	struct settings *s, *own;
	struct backend_op *ops, op;
	int port = free_port(), fd;
	char *from;
	int64_t start;

	NEED_KNOT(f);
	fd = listen_silently(port);
	from = mem_printf("127.0.0.1@%d", port);
	s = secondary("mute", from);
	own = primary("web", template);
	prepare_one(f, s, RESULT_OK);
	prepare_one(f, own, RESULT_OK);
	ops = make_ops(40, OP_ADD, "mute.example", s);
	apply_all(f, ops, 40, RESULT_OK);
	usleep(300000);
	start = now_ms();
	op = apply_one(f, OP_ADD, "own.example", own, RESULT_RETRY);
	assert_true(now_ms() - start < 5000);
	assert_non_null(strstr(op.text, "background workers are busy"));
	assert_true(op.retry_s > 0);
	/* The operator is not locked out. */
	start = now_ms();
	expect_alive(f);
	assert_true(now_ms() - start < 2000);
	/* With nothing open: it is not our transaction that he finds. */
	expect_knotc(f, "conf-diff", "no active transaction");
	/* The server must not be waited for a minute when it is to stop. */
	server_stop(&f->server, SIGKILL);
	close(fd);
	free(ops);
	free(from);
	settings_unref(s);
	settings_unref(own);
}

/* -- the server comes and goes ------------------------------------------------- */

static void
knot_identify__restarted__is_another_process_with_its_zones(void **state)
{
	struct fixture *f = *state;
	struct backend_identity first, second;
	struct backend_error why = {""};
	struct settings *s;

	NEED_KNOT(f);
	s = primary("web", template);
	prepare_one(f, s, RESULT_OK);
	apply_one(f, OP_ADD, "a.example", s, RESULT_OK);
	assert_int_equal(f->driver->identify(f->ctx, &first, &why), OK);
	assert_string_equal(first.product, "Knot DNS");
	assert_true(first.version[0] >= '3' && first.version[0] <= '9');
	server_stop(&f->server, SIGTERM);
	assert_int_equal(f->driver->identify(f->ctx, &second, &why), ERR_CLOSED);
	server_start(&f->server);
	wait_up(f);
	assert_int_equal(f->driver->identify(f->ctx, &second, &why), OK);
	assert_string_not_equal(first.process, second.process);
	wait_rcode(f, "a.example", NOERROR);
	assert_int_equal(inventory(f).n_ours, 1);
	settings_unref(s);
}

static void
knot_apply__server_stopped__times_out_or_is_canceled(void **state)
{
	struct fixture *f = *state;
	struct backend_op op;
	struct backend_error why = {""};
	struct settings *s;
	int64_t start;
	enum err err;

	NEED_KNOT(f);
	s = primary("web", template);
	prepare_one(f, s, RESULT_OK);
	kill(f->server.pid, SIGSTOP);
	f->conf.timeout_ms = 300;
	reopen_driver(f);
	make_op(&op, OP_ADD, "a.example", s);
	start = now_ms();
	assert_int_equal(f->driver->apply(f->ctx, &op, 1, &why), ERR_TIMEOUT);
	assert_int_equal(op.result, RESULT_NONE);
	assert_true(now_ms() - start < 5000);
	f->conf.timeout_ms = 30000;
	reopen_driver(f);
	assert_int_equal(write(f->cancel[1], "x", 1), 1);
	start = now_ms();
	err = f->driver->apply(f->ctx, &op, 1, &why);
	assert_int_equal(err, ERR_CANCELED);
	assert_true(now_ms() - start < 5000);
	kill(f->server.pid, SIGCONT);
	assert_int_equal(read(f->cancel[0], &(char){0}, 1), 1);
	apply_one(f, OP_ADD, "a.example", s, RESULT_OK);
	settings_unref(s);
}

/* Told to stop in the middle: the transaction is not left for others. */
static void
knot_leave__in_a_transaction__aborts_it_even_when_canceled(void **state)
{
	struct fixture *f = *state;
	struct knot *k;
	struct backend_error why = {""};
	bool busy;

	NEED_KNOT(f);
	k = f->ctx;
	assert_int_equal(knot_enter(k, &why), OK);
	assert_int_equal(knot_txn_begin(k, &busy, &why), OK);
	assert_int_equal(write(f->cancel[1], "x", 1), 1);
	knot_leave(k);
	assert_int_equal(read(f->cancel[0], &(char){0}, 1), 1);
	expect_knotc(f, "conf-begin", "OK");
	expect_knotc(f, "conf-abort", "OK");
	assert_false(is_there(f, "zones/.nsherd-transaction-test"));
}

static void
knot_apply__server_killed_in_a_batch__unknown_or_not_tried(void **state)
{
	enum { N = 3000 };
	struct fixture *f = *state;
	struct settings *s;
	struct backend_op *ops;

	NEED_KNOT(f);
	s = primary("bulk", NULL);
	free(s->zonefile);
	s->zonefile = mem_strdup("shared.zone");
	prepare_one(f, s, RESULT_OK);
	ops = make_ops(N, OP_ADD, "many.example", s);
	for (int round = 0; round < 8; round++) {
		struct backend_error why = {""};
		pid_t killer = fork();
		enum err err;

		assert_int_not_equal(killer, -1);
		if (killer == 0) {
			usleep((useconds_t)(5000 + round * 40000));
			kill(f->server.pid, SIGKILL);
			_exit(0);
		}
		err = f->driver->apply(f->ctx, ops, N, &why);
		waitpid(killer, NULL, 0);
		for (int i = 0; err != OK && i < N; i++)
			assert_true(ops[i].result == RESULT_UNKNOWN ||
				    ops[i].result == RESULT_NONE);
		server_stop(&f->server, SIGKILL);
		server_start(&f->server);
		wait_up(f);
		/* All of it or nothing. */
		assert_true(inventory(f).n == 0 || inventory(f).n == N);
		for (int i = 0; i < N; i++)
			ops[i].kind = OP_REMOVE;
		assert_int_equal(f->driver->apply(f->ctx, ops, N, &why), OK);
		for (int i = 0; i < N; i++)
			ops[i].kind = OP_ADD;
	}
	free(ops);
	settings_unref(s);
}

static void
knot_identify__no_confdb__is_refused_with_the_lines(void **state)
{
	struct fixture *f = *state;
	struct backend_identity id;
	struct backend_error why = {""};
	enum err err = ERR_CLOSED;

	NEED_KNOT(f);
	for (int i = 0; i < 500 && err == ERR_CLOSED; i++) {
		err = f->driver->identify(f->ctx, &id, &why);
		usleep(20000);
	}
	assert_int_equal(err, ERR_INVALID);
	assert_non_null(strstr(why.text, "conf-import"));
	assert_non_null(strstr(why.text, "KNOTD_ARGS"));
	assert_int_equal(f->driver->inventory(f->ctx, count_zone, NULL, &why),
	    ERR_INVALID);
}

static void
knot_identify__another_confdb__is_refused(void **state)
{
	struct fixture *f = *state;
	struct backend_identity id;
	struct backend_error why = {""};

	NEED_KNOT(f);
	f->options[1].value = "/var/lib/knot/other";
	reopen_driver(f);
	assert_int_equal(f->driver->identify(f->ctx, &id, &why), ERR_INVALID);
	assert_non_null(strstr(why.text, "/var/lib/knot/other"));
}

/* -- verbs --------------------------------------------------------------------- */

static void
knot_command__verbs__are_done_or_refused_in_knots_words(void **state)
{
	struct fixture *f = *state;
	struct settings *own, *from;
	struct backend_error why = {""};
	struct dname a, b;

	NEED_KNOT(f);
	own = primary("web", template);
	from = secondary("far", "127.0.0.1@9");
	prepare_one(f, own, RESULT_OK);
	prepare_one(f, from, RESULT_OK);
	apply_one(f, OP_ADD, "a.example", own, RESULT_OK);
	apply_one(f, OP_ADD, "b.example", from, RESULT_OK);
	wait_rcode(f, "a.example", NOERROR);
	assert_int_equal(dname_parse("a.example", &a), OK);
	assert_int_equal(dname_parse("b.example", &b), OK);
	assert_int_equal(f->driver->command(f->ctx, VERB_NOTIFY, &a, &why), OK);
	assert_int_equal(f->driver->command(f->ctx, VERB_FREEZE, &a, &why), OK);
	expect_knotc(f, "zone-status a.example +freeze", "yes");
	assert_int_equal(f->driver->command(f->ctx, VERB_THAW, &a, &why), OK);
	assert_int_equal(f->driver->command(f->ctx, VERB_REFRESH, &a, &why),
	    ERR_UNSUPPORTED);
	assert_non_null(strstr(why.text, "operation not supported"));
	assert_int_equal(f->driver->command(f->ctx, VERB_FLUSH, &a, &why),
	    ERR_UNSUPPORTED);
	assert_int_equal(f->driver->command(f->ctx, VERB_REFRESH, &b, &why), OK);
	assert_int_equal(f->driver->command(f->ctx, VERB_RETRANSFER, &b, &why), OK);
	assert_int_equal(f->driver->command(f->ctx, VERB_FLUSH, &b, &why), OK);
	assert_int_equal(f->driver->command(f->ctx, VERB_NOTIFY, NULL, &why),
	    ERR_INVALID);
	settings_unref(own);
	settings_unref(from);
}

static void
knot_command__file_edited_and_reload__is_served(void **state)
{
	struct fixture *f = *state;
	struct settings *s;
	struct backend_error why = {""};
	struct dname name;
	char *text = NULL;

	NEED_KNOT(f);
	s = primary("web", template);
	prepare_one(f, s, RESULT_OK);
	apply_one(f, OP_ADD, "a.example", s, RESULT_OK);
	wait_rcode(f, "a.example", NOERROR);
	write_text(mem_printf("%s/zones/a.example.zone", f->server.dir),
	    mem_strdup("@ 60 SOA ns.invalid. h.invalid. 3000000000 60 60 600 60\n"
		       "@ 60 NS ns.invalid.\n"));
	assert_int_equal(dname_parse("a.example", &name), OK);
	assert_int_equal(f->driver->command(f->ctx, VERB_RELOAD, &name, &why), OK);
	for (int i = 0; i < 200; i++) {
		free(text);
		text = knotc(f, mem_strdup("zone-status a.example +serial"));
		if (strstr(text, "3000000000") != NULL)
			break;
		usleep(20000);
	}
	assert_non_null(strstr(text, "3000000000"));
	free(text);
	settings_unref(s);
}

/* -- without a server ---------------------------------------------------------- */

static void
knot_check__faults__have_file_and_line(void **state)
{
	struct backend_option options[] = {{"control", "/run/knot/knot.sock", "f", 3},
	    {"confdb", "/nonexistent/confdb", "f", 4}};
	struct backend_conf conf = {.name = "k", .options = options, .n_options = 2};
	struct err_where where = {.line = 0};

	(void)state;
	assert_int_equal(knot_driver.check(&conf, &where), ERR_INVALID);
	assert_non_null(strstr(where.what, "zone-dir"));
	conf.zone_dir = "/nonexistent";
	memset(&where, 0, sizeof(where));
	assert_int_equal(knot_driver.check(&conf, &where), ERR_INVALID);
	conf.zone_dir = "relative";
	memset(&where, 0, sizeof(where));
	assert_int_equal(knot_driver.check(&conf, &where), ERR_INVALID);
	conf.zone_dir = "/tmp"; /* others can write it */
	memset(&where, 0, sizeof(where));
	assert_int_equal(knot_driver.check(&conf, &where), ERR_INVALID);
	conf.zone_dir = "/root";
	if (geteuid() != 0)
		return;
	memset(&where, 0, sizeof(where));
	assert_int_equal(knot_driver.check(&conf, &where), ERR_INVALID);
	assert_int_equal(where.line, 4);
	assert_non_null(strstr(where.what, "confdb"));
	options[1].value = "/root";
	options[0].value = "knot.sock";
	memset(&where, 0, sizeof(where));
	assert_int_equal(knot_driver.check(&conf, &where), ERR_INVALID);
	assert_int_equal(where.line, 3);
	options[0].value = "/root";
	memset(&where, 0, sizeof(where));
	assert_int_equal(knot_driver.check(&conf, &where), ERR_INVALID);
	assert_non_null(strstr(where.what, "not a socket"));
	options[0].value = "/nonexistent/knot.sock"; /* it may come */
	memset(&where, 0, sizeof(where));
	assert_int_equal(knot_driver.check(&conf, &where), OK);
}

#define STORE_OF(words, path) knot_store_of(words, sizeof(words), path)

static void
knot_store_of__command_lines__are_told_apart(void **state)
{
	const char *path;

	(void)state;
	assert_int_equal(STORE_OF("knotd", &path), KNOT_STORE_UNKNOWN);
	assert_int_equal(STORE_OF("/usr/sbin/knotd\0-C\0/a/b", &path),
	    KNOT_STORE_CONFDB);
	assert_string_equal(path, "/a/b");
	assert_int_equal(STORE_OF("knotd\0-m\0512\0-C/c", &path), KNOT_STORE_CONFDB);
	assert_string_equal(path, "/c");
	assert_int_equal(STORE_OF("knotd\0--confdb=/d\0-v", &path), KNOT_STORE_CONFDB);
	assert_string_equal(path, "/d");
	assert_int_equal(STORE_OF("knotd\0--confdb\0/e", &path), KNOT_STORE_CONFDB);
	assert_string_equal(path, "/e");
	assert_int_equal(STORE_OF("knotd\0-c\0/f.conf", &path), KNOT_STORE_TEXT);
	assert_int_equal(STORE_OF("knotd\0--config=/f.conf", &path), KNOT_STORE_TEXT);
	assert_int_equal(STORE_OF("knotd\0-C", &path), KNOT_STORE_UNKNOWN);
	assert_int_equal(knot_store_of("knotd", 5, &path), KNOT_STORE_UNKNOWN);
}

static void
knot_workers_parse__status__figures(void **state)
{
	struct knot_workers w = {0, 0, 0};

	(void)state;
	assert_true(
	    knot_workers_parse("UDP workers: 1, TCP workers: 10, XDP workers: 0, "
			       "background workers: 2 (running: 1, pending: 48)",
		&w));
	assert_int_equal(w.n, 2);
	assert_int_equal(w.running, 1);
	assert_int_equal(w.pending, 48);
	assert_false(knot_workers_parse("background workers: some", &w));
	assert_false(knot_workers_parse("", &w));
}

struct heard {
	unsigned n;
	char data[64];
	enum err say;
};

static enum err
hear(void *arg, const struct knot_unit *unit)
{
	struct heard *h = arg;

	h->n++;
	snprintf(h->data, sizeof(h->data), "%s",
	    unit->field[KNOT_DATA] != NULL ? unit->field[KNOT_DATA] : "-");
	return h->say;
}

static enum err
read_reply(const void *octets, size_t size, size_t piece, struct heard *h, bool *done)
{
	struct knot_reader r;
	enum err err = OK;

	memset(h->data, 0, sizeof(h->data));
	h->n = 0;
	*done = false;
	knot_reader_init(&r, hear, h);
	for (size_t at = 0; err == OK && at < size; at += piece)
		err = knot_reader_feed(&r, (const uint8_t *)octets + at,
		    size - at < piece ? size - at : piece, done);
	knot_reader_fini(&r);
	return err;
}

static void
knot_reader__replies_in_pieces__units_or_errors(void **state)
{
	static const uint8_t good[] = {1, 0x1a, 0, 2, 'a', 'b', 2, 0x1a, 0, 0, 0x10, 0,
	    1, 'c', 1, 3};
	static const uint8_t twice[] = {1, 0x1a, 0, 0, 0x1a, 0, 0, 3};
	static const uint8_t nul[] = {1, 0x1a, 0, 1, 0, 3};
	static const uint8_t stray[] = {0x1a, 0, 0, 3};
	static const uint8_t unknown[] = {1, 0x1c, 0, 0, 3};
	static const uint8_t type[] = {4, 3};
	struct heard h = {.say = OK};
	bool done;

	(void)state;
	for (size_t piece = 1; piece <= sizeof(good); piece++) {
		assert_int_equal(read_reply(good, sizeof(good), piece, &h, &done), OK);
		assert_true(done);
		assert_int_equal(h.n, 3);
		assert_string_equal(h.data, "-");
		assert_int_equal(read_reply(twice, sizeof(twice), piece, &h, &done),
		    ERR_FORM);
		assert_int_equal(read_reply(nul, sizeof(nul), piece, &h, &done),
		    ERR_FORM);
	}
	assert_int_equal(read_reply(good, 6, 1, &h, &done), OK);
	assert_false(done);
	assert_int_equal(read_reply(stray, sizeof(stray), 1, &h, &done), ERR_FORM);
	assert_int_equal(read_reply(unknown, sizeof(unknown), 1, &h, &done), ERR_FORM);
	assert_int_equal(read_reply(type, sizeof(type), 1, &h, &done), ERR_FORM);
	assert_int_equal(read_reply("\3\3", 2, 2, &h, &done), ERR_FORM);
	assert_int_equal(read_reply("\1\0", 2, 2, &h, &done), ERR_CLOSED);
	h.say = ERR_BUSY;
	assert_int_equal(read_reply(good, sizeof(good), 3, &h, &done), ERR_BUSY);
}

static void
knot_native__same_settings__same_name_and_another_place_another(void **state)
{
	struct settings *a = secondary("p", "192.0.2.1@53 key k.example");
	struct settings *b = secondary("p", "192.0.2.1@53 key k.example");
	struct knot_native *x, *y, *z;
	struct backend_error why = {""};

	(void)state;
	put_option(a, "acl: [one, \"two\"]");
	put_option(b, "acl: one");
	put_option(b, "acl: two");
	assert_int_equal(knot_native_make(a, "/z", &x, &why), OK);
	assert_int_equal(knot_native_make(b, "/z", &y, &why), OK);
	assert_int_equal(knot_native_make(b, "/y", &z, &why), OK);
	assert_string_equal(x->name, y->name);
	assert_string_not_equal(x->name, z->name);
	assert_int_equal(x->n_objects, 1);
	assert_int_equal(x->n_keys, 1);
	knot_native_free(x);
	knot_native_free(y);
	knot_native_free(z);
	settings_unref(a);
	settings_unref(b);
}

#define ON_SERVER(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
#define WITH(test, how) cmocka_unit_test_setup_teardown(test, how, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(knot_check__faults__have_file_and_line),
	    cmocka_unit_test(knot_store_of__command_lines__are_told_apart),
	    cmocka_unit_test(knot_workers_parse__status__figures),
	    cmocka_unit_test(knot_reader__replies_in_pieces__units_or_errors),
	    cmocka_unit_test(
		knot_native__same_settings__same_name_and_another_place_another),
	    ON_SERVER(knot_apply__primary_added_and_removed__is_served_and_gone),
	    ON_SERVER(knot_apply__thousand_zones__all_in_one_batch),
	    ON_SERVER(knot_apply__five_thousand_zones__are_served_and_gone),
	    ON_SERVER(knot_apply__mixed_batch__each_gets_its_result),
	    ON_SERVER(knot_apply__existing_zone_file__is_not_overwritten),
	    ON_SERVER(knot_apply__zone_file_in_directory__directory_is_made),
	    ON_SERVER(knot_apply__odd_names__are_served),
	    ON_SERVER(knot_apply__missing_file__is_taken_and_served_once_there),
	    WITH(knot_apply__operators_zones__are_conflicts_and_untouched,
		setup_operators),
	    WITH(knot_apply__member_of_knots_own_catalog__conflict_and_knotd_lives,
		setup_catalog),
	    ON_SERVER(knot_apply__foreign_transaction_open__retry_and_it_is_untouched),
	    ON_SERVER(knot_apply__own_left_over_transaction__is_aborted),
	    ON_SERVER(
		knot_apply__left_over_ended_and_another_begun_by_operator__is_his),
	    ON_SERVER(knot_apply__agent_killed_in_mid_batch__next_one_goes_on),
	    ON_SERVER(
		knot_apply__refused_by_the_commit__pattern_is_rejected_and_the_rest_done),
	    ON_SERVER(knot_apply__template_taken_away__retry_and_prepared_anew),
	    WITH(knot_apply__map_full__adds_wait_and_removals_work, setup_small_map),
	    ON_SERVER(knot_prepare__bad_settings__are_rejected_alone),
	    ON_SERVER(knot_prepare__unused_template__zones_are_not_loaded_again),
	    ON_SERVER(knot_prepare__too_many_variants__are_rejected),
	    WITH(knot_prepare__keys__are_made_and_the_operators_respected,
		setup_operators),
	    WITH(knot_apply__signed_primary__is_signed_and_unsigned_again,
		setup_operators),
	    ON_SERVER(knot_retire__many_unused_templates__go_with_what_they_named),
	    ON_SERVER(knot_apply__primary_to_secondary_and_back__keeps_answering),
	    ON_SERVER(knot_apply__unreachable_primary__is_taken),
	    ON_SERVER(knot_apply__silent_primaries__commits_are_held_and_reported),
	    ON_SERVER(knot_identify__restarted__is_another_process_with_its_zones),
	    ON_SERVER(knot_apply__server_stopped__times_out_or_is_canceled),
	    ON_SERVER(knot_leave__in_a_transaction__aborts_it_even_when_canceled),
	    ON_SERVER(knot_apply__server_killed_in_a_batch__unknown_or_not_tried),
	    WITH(knot_identify__no_confdb__is_refused_with_the_lines, setup_text),
	    ON_SERVER(knot_identify__another_confdb__is_refused),
	    ON_SERVER(knot_command__verbs__are_done_or_refused_in_knots_words),
	    ON_SERVER(knot_command__file_edited_and_reload__is_served),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
