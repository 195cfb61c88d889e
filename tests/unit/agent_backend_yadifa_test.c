/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
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
#include "agent/backend/yadifa.h"
#include "agent/backend/yadifa_reply.h"
#include "lib/exchange.h"
#include "lib/key.h"
#include "lib/mem.h"
#include "lib/settings.h"

/*
 * The yadifa driver against a real yadifad of its own, in a directory of its own,
 * on a free port of the loopback address; an NSD where a primary is needed.
 * Skipped only where there is no yadifad.
 */

enum { OPTIONS_MAX = 8 };

static const char *const yadifad_binary = "/usr/sbin/yadifad";
static const char *const nsd_binary = "/usr/sbin/nsd";

struct fixture {
	char dir[64];
	char conf_file[128], include[128];
	int port;
	const char *levels; /* of its log */
	pid_t pid, nsd_pid;
	int nsd_port;
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

/* Free for both transports. */
static int
free_port(void)
{
	for (;;) {
		struct sockaddr_in sin = {.sin_family = AF_INET};
		socklen_t size = sizeof(sin);
		int tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		int udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), rc;

		sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		assert_int_equal(bind(tcp, (struct sockaddr *)&sin, sizeof(sin)), 0);
		assert_int_equal(getsockname(tcp, (struct sockaddr *)&sin, &size), 0);
		rc = bind(udp, (struct sockaddr *)&sin, sizeof(sin));
		close(udp);
		close(tcp);
		if (rc == 0)
			return ntohs(sin.sin_port);
	}
}

static void
write_text(const char *path, const char *mode, const char *text)
{
	FILE *file = fopen(path, mode);

	assert_non_null(file);
	assert_int_not_equal(fputs(text, file), EOF);
	assert_int_equal(fclose(file), 0);
}

PRINTF(2, 3)
static void
write_file(struct fixture *f, const char *fmt, ...)
{
	/* "NAME\nTEXT" */
	char text[4096], *newline, *path;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	newline = strchr(text, '\n');
	*newline = '\0';
	path = mem_printf("%s/%s", f->dir, text);
	write_text(path, "we", newline + 1);
	free(path);
}

static bool
exists(struct fixture *f, const char *name)
{
	char *path = mem_printf("%s/%s", f->dir, name);
	bool there = access(path, F_OK) == 0;

	free(path);
	return there;
}

PRINTF(1, 2)
static int
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

/* -- servers --------------------------------------------------------------- */

static const char soa_text[] = "$TTL 60\n@ SOA ns.invalid. h.invalid. 7 60 60 600 60\n"
			       "@ NS ns.invalid.\n";

static void
server_configure(struct fixture *f, const char *secret, const char *more)
{
	write_file(f,
	    "yadifad.conf\n<main>\n\tdaemon off\n\tchroot off\n\tlogpath \"%s/log\"\n"
	    "\tpidfile \"%s/yadifad.pid\"\n\tdatapath \"%s/data\"\n"
	    "\tkeyspath \"%s/keys\"\n\txfrpath \"%s/xfr\"\n\tport %d\n"
	    "\tlisten 127.0.0.1\n\tallow-query any\n\tallow-transfer none\n"
	    "\tallow-control ctl\n</main>\n<control>\n\tenabled true\n</control>\n"
	    "<key>\n\tname ctl-key\n\talgorithm hmac-sha256\n\tsecret %s\n</key>\n"
	    "<acl>\n\tctl key ctl-key\n</acl>\n<channels>\n\tall all.log 0644\n"
	    "</channels>\n<loggers>\n\tdatabase %s all\n"
	    "\tserver %s all\n\tzone %s all\n"
	    "</loggers>\n%sinclude \"%s/conf/zones.conf\"\n",
	    f->dir, f->dir, f->dir, f->dir, f->dir, f->port, secret, f->levels,
	    f->levels, f->levels, more, f->dir);
}

static void
server_start(struct fixture *f)
{
	char *out = mem_printf("%s/out", f->dir);

	f->pid = fork();
	assert_int_not_equal(f->pid, -1);
	if (f->pid == 0) {
		int fd = open(out, O_WRONLY | O_CREAT | O_APPEND, 0600);

		dup2(fd, 1);
		dup2(fd, 2);
		execl(yadifad_binary, yadifad_binary, "-c", f->conf_file, (char *)NULL);
		_exit(127);
	}
	free(out);
}

static void
stop_pid(pid_t *pid, int signal)
{
	if (*pid <= 0)
		return;
	kill(*pid, SIGCONT);
	kill(*pid, signal);
	for (int i = 0; i < 500; i++) {
		if (waitpid(*pid, NULL, WNOHANG) == *pid) {
			*pid = 0;
			return;
		}
		usleep(20000);
	}
	kill(*pid, SIGKILL);
	waitpid(*pid, NULL, 0);
	*pid = 0;
}

/* Its pid file makes it refuse to start while the number is in use. */
static void
forget_pid(struct fixture *f)
{
	char *path = mem_printf("%s/yadifad.pid", f->dir);

	unlink(path);
	free(path);
}

static void
nsd_start(struct fixture *f, int port, const char *zones)
{
	f->nsd_port = port;
	write_file(f,
	    "nsd.conf\nserver:\n\tip-address: 127.0.0.1@%d\n\tusername: \"\"\n"
	    "\tdatabase: \"\"\n\tzonelistfile: \"%s/nsd.list\"\n"
	    "\tpidfile: \"%s/nsd.pid\"\n\txfrdfile: \"%s/nsd.xfrd\"\n"
	    "\txfrdir: \"%s\"\n\tzonesdir: \"%s\"\n\tlogfile: \"%s/nsd.log\"\n"
	    "\tserver-count: 1\n\trrl-ratelimit: 0\nremote-control:\n"
	    "\tcontrol-enable: no\nkey:\n\tname: xfr-key\n"
	    "\talgorithm: hmac-sha256\n\tsecret: dHJhbnNmZXJzZWNyZXQ=\n%s",
	    f->nsd_port, f->dir, f->dir, f->dir, f->dir, f->dir, f->dir, zones);
	f->nsd_pid = fork();
	assert_int_not_equal(f->nsd_pid, -1);
	if (f->nsd_pid == 0) {
		char conf[128];
		int null = open("/dev/null", O_RDWR);

		dup2(null, 1);
		dup2(null, 2);
		snprintf(conf, sizeof(conf), "%s/nsd.conf", f->dir);
		execl(nsd_binary, nsd_binary, "-d", "-c", conf, (char *)NULL);
		_exit(127);
	}
}

/* -- asking ---------------------------------------------------------------- */

/* The serial with which it serves the zone, or -1. */
static int64_t
serial_at(int port, const char *zone)
{
	struct exchange_conf conf = {.timeout_ms = 5000, .cancel_fd = -1};
	struct exchange *x;
	struct dname name;
	struct msg msg;
	uint32_t serial = 0;
	int64_t result = -1;
	char text[64];

	snprintf(text, sizeof(text), "127.0.0.1@%d", port);
	assert_int_equal(addr_parse(text, 0, &conf.server), OK);
	assert_int_equal(dname_parse(zone, &name), OK);
	if (exchange_open(&conf, &x) == OK &&
	    exchange_query(x, &name, RR_SOA, CLASS_IN, &msg) == OK &&
	    yadifa_reply_is_served(&msg, &name, &serial))
		result = serial;
	exchange_close(x);
	return result;
}

static int64_t
serial_of(struct fixture *f, const char *zone)
{
	return serial_at(f->port, zone);
}

static bool
serves(struct fixture *f, const char *zone)
{
	return serial_of(f, zone) != -1;
}

static bool
wait_serves(struct fixture *f, const char *zone, bool wanted)
{
	for (int i = 0; i < 300; i++) {
		if (serves(f, zone) == wanted)
			return true;
		usleep(30000);
	}
	return false;
}

static void
assert_serves(struct fixture *f, const char *zone, bool wanted)
{
	if (!wait_serves(f, zone, wanted))
		fail_msg("%s is %sserved", zone, wanted ? "not " : "");
}

/* -- fixtures -------------------------------------------------------------- */

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
	shell("tail -5 %s/out", f->dir);
	fail_msg("yadifad does not come up: %s", why.text);
}

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
	f->ctx = NULL;
	open_driver(f);
}

/* base64 of "controlsecret" */
static const char control_secret[] = "Y29udHJvbHNlY3JldA==";

static struct fixture *
make_fixture(const char *more, const char *levels)
{
	static const char *const dirs[] = {"log", "data", "keys", "xfr", "conf",
	    "zones"};
	struct fixture *f = mem_zalloc(sizeof(*f));
	char *path;

	f->levels = levels;
	strcpy(f->dir, "/tmp/nsherd-yadifa-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->conf_file, sizeof(f->conf_file), "%s/yadifad.conf", f->dir);
	snprintf(f->include, sizeof(f->include), "%s/conf/zones.conf", f->dir);
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		path = mem_printf("%s/%s", f->dir, dirs[i]);
		assert_int_equal(mkdir(path, 0750), 0);
		free(path);
	}
	assert_int_equal(shell("chmod 2770 %s/xfr", f->dir), 0);
	f->port = free_port();
	f->driver = backend_find("yadifa");
	f->conf.zone_dir = keep(f, mem_printf("%s/zones", f->dir));
	f->conf.config_dir = keep(f, mem_printf("%s/conf", f->dir));
	assert_int_equal(pipe2(f->cancel, O_CLOEXEC), 0);
	f->ring = keyring_new();
	add_key(f, "ctl-key", "controlsecret");
	add_key(f, "xfr-key", "transfersecret");
	f->conf.name = "test";
	f->conf.keys = f->ring;
	f->conf.cancel_fd = f->cancel[0];
	f->conf.timeout_ms = 20000;
	f->conf.max_variants = 100;
	add_option(f, "control", mem_printf("127.0.0.1@%d", f->port));
	add_option(f, "key", mem_strdup("ctl-key"));
	add_option(f, "transfer-dir", mem_printf("%s/xfr", f->dir));
	add_option(f, "pidfile", mem_printf("%s/yadifad.pid", f->dir));
	server_configure(f, control_secret, more);
	open_driver(f);
	server_start(f);
	wait_up(f);
	return f;
}

static void
remove_fixture(struct fixture *f)
{
	f->driver->close(f->ctx);
	/* An orderly stop takes it four seconds. */
	stop_pid(&f->pid, SIGKILL);
	stop_pid(&f->nsd_pid, SIGTERM);
	shell("rm -rf %s", f->dir);
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
	if (access(yadifad_binary, X_OK) == 0)
		*state = make_fixture("", "ERR,WARNING,NOTICE,INFO");
	return 0;
}

static const char operators[] =
    "<zone>\n\tdomain operator.example\n\tfile operator.zone\n\ttype primary\n"
    "\tnotify-auto false\n</zone>\n"
    "<zone>\n\tdomain broken.example\n\tfile missing.zone\n\ttype primary\n"
    "\tnotify-auto false\n</zone>\n";

static int
setup_operator(void **state)
{
	if (access(yadifad_binary, X_OK) == 0)
		*state = make_fixture(operators, "ERR,WARNING");
	return 0;
}

/* What it logs slows it down, so that it meets the races that it has. */
static int
setup_talkative(void **state)
{
	if (access(yadifad_binary, X_OK) == 0)
		*state = make_fixture("", "*");
	return 0;
}

static int
teardown(void **state)
{
	if (*state != NULL)
		remove_fixture(*state);
	return 0;
}

#define NEED_YADIFA(f)          \
	do {                    \
		if (!(f))       \
			skip(); \
	} while (0)

/* -- settings and operations ----------------------------------------------- */

static const char template[] = "$TTL 60\n@ SOA ns.invalid. h.invalid. "
			       "${serial} 60 60 600 60\n@ NS ns.invalid.\n";

static struct settings *
primary(const char *pattern)
{
	struct settings *s = settings_new();

	snprintf(s->pattern, sizeof(s->pattern), "%s", pattern);
	strcpy(s->version, "01234567");
	strcpy(s->hash, "0");
	s->role = ROLE_PRIMARY;
	s->zonefile = mem_strdup("${zone}.zone");
	s->initial_file = mem_strdup(template);
	return s;
}

/* All zones from one file. */
static struct settings *
shared(struct fixture *f, const char *pattern)
{
	struct settings *s = primary(pattern);

	free(s->initial_file);
	free(s->zonefile);
	s->initial_file = NULL;
	s->zonefile = mem_strdup("shared.zone");
	write_file(f, "zones/shared.zone\n%s", soa_text);
	return s;
}

static void
add_remote(struct remote_list *list, const char *text)
{
	list->items = mem_realloc(list->items, (list->n + 1) * sizeof(list->items[0]));
	assert_int_equal(remote_parse(text, 0, &list->items[list->n++]), OK);
}

PRINTF(2, 3)
static struct settings *
secondary(const char *pattern, const char *fmt, ...)
{
	struct settings *s = primary(pattern);
	char from[128];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(from, sizeof(from), fmt, ap);
	va_end(ap);
	free(s->initial_file);
	s->initial_file = NULL;
	s->role = ROLE_SECONDARY;
	add_remote(&s->primaries, from);
	return s;
}

static void
add_raw(struct settings *s, const char *text)
{
	s->options =
	    mem_realloc(s->options, (s->n_options + 1) * sizeof(s->options[0]));
	s->options[s->n_options].driver = mem_strdup("yadifa");
	s->options[s->n_options++].text = mem_strdup(text);
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
		op.zonefile = file = settings_file_record(s, &op.zone);
	err = f->driver->apply(f->ctx, &op, 1, &why);
	free(file);
	if (err != OK || op.result != expected)
		fail_msg("%s: %s (%s), result %d: %s", zone, err_str(err), why.text,
		    (int)op.result, op.text);
}

struct seen {
	size_t n, n_ours, n_others;
	char mark[128];
};

static enum err
see(void *arg, const struct dname *zone, const char *mark)
{
	struct seen *seen = arg;

	(void)zone;
	seen->n++;
	if (mark != NULL) {
		seen->n_ours++;
		snprintf(seen->mark, sizeof(seen->mark), "%s", mark);
	} else {
		seen->n_others++;
	}
	return OK;
}

static struct seen
list(struct fixture *f)
{
	struct seen seen = {.n = 0};
	struct backend_error why = {""};

	if (f->driver->inventory(f->ctx, see, &seen, &why) != OK)
		fail_msg("inventory: %s", why.text);
	return seen;
}

static struct seen
look(struct fixture *f, const char *zone)
{
	struct seen seen = {.n = 0};
	struct backend_error why = {""};
	struct dname name;

	assert_int_equal(dname_parse(zone, &name), OK);
	if (f->driver->lookup(f->ctx, &name, 1, see, &seen, &why) != OK)
		fail_msg("lookup: %s", why.text);
	return seen;
}

static void
apply_many(struct fixture *f, enum backend_op_kind kind, size_t n, struct settings *s,
    enum backend_result expected)
{
	struct backend_op *ops = mem_zalloc(n * sizeof(ops[0]));
	struct backend_error why = {""};
	char name[64];

	for (size_t i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "z%zu.example", i);
		make_op(&ops[i], kind, name, kind == OP_REMOVE ? NULL : s);
	}
	if (f->driver->apply(f->ctx, ops, n, &why) != OK)
		fail_msg("%s", why.text);
	for (size_t i = 0; i < n; i++) {
		if (ops[i].result != expected)
			fail_msg("z%zu: %d %s", i, (int)ops[i].result, ops[i].text);
	}
	free(ops);
}

static pid_t
running(struct fixture *f)
{
	return waitpid(f->pid, NULL, WNOHANG) == 0 ? f->pid : 0;
}

/* -- one zone -------------------------------------------------------------- */

static void
identify__running__says_what_it_is(void **state)
{
	struct fixture *f = *state;
	struct backend_identity id, again;
	struct backend_error why = {""};

	NEED_YADIFA(f);
	assert_int_equal(f->driver->identify(f->ctx, &id, &why), OK);
	assert_string_equal(id.product, "YADIFA");
	assert_string_equal(id.version, "2.6.4-10892");
	assert_true(strtol(id.process, NULL, 10) == f->pid);
	assert_int_equal(f->driver->identify(f->ctx, &again, &why), OK);
	assert_string_equal(id.process, again.process);
}

static void
add__primary__is_served_and_goes(void **state)
{
	struct fixture *f = *state;
	struct settings *s;

	NEED_YADIFA(f);
	s = primary("p");
	apply_one(f, OP_ADD, "one.example", s, RESULT_OK);
	assert_serves(f, "one.example", true);
	apply_one(f, OP_ADD, "one.example", s, RESULT_ALREADY);
	assert_string_equal(look(f, "one.example").mark, "nsherd-p.01234567.0");
	assert_int_equal(look(f, "two.example").n, 0);
	assert_int_equal(list(f).n_ours, 1);
	apply_one(f, OP_PURGE, "one.example", s, RESULT_RETRY);
	apply_one(f, OP_REMOVE, "one.example", NULL, RESULT_OK);
	assert_false(serves(f, "one.example"));
	apply_one(f, OP_REMOVE, "one.example", NULL, RESULT_ALREADY);
	assert_true(exists(f, "zones/one.example.zone"));
	apply_one(f, OP_PURGE, "one.example", s, RESULT_OK);
	assert_false(exists(f, "zones/one.example.zone"));
	apply_one(f, OP_PURGE, "one.example", s, RESULT_ALREADY);
	assert_int_equal(list(f).n, 0);
	settings_unref(s);
}

static void
add__operators_zone__is_a_conflict(void **state)
{
	struct fixture *f = *state;
	struct settings *s;

	NEED_YADIFA(f);
	write_file(f, "data/operator.zone\n%s", soa_text);
	s = primary("p");
	/* One is served, one is not; both are there. */
	apply_one(f, OP_ADD, "operator.example", s, RESULT_CONFLICT);
	apply_one(f, OP_ADD, "broken.example", s, RESULT_CONFLICT);
	apply_one(f, OP_REMOVE, "operator.example", NULL, RESULT_CONFLICT);
	assert_int_equal(look(f, "operator.example").n_others, 1);
	assert_int_equal(look(f, "broken.example").n_others, 1);
	assert_int_equal(list(f).n, 0);
	apply_one(f, OP_ADD, "mine.example", s, RESULT_OK);
	assert_serves(f, "mine.example", true);
	apply_one(f, OP_REMOVE, "mine.example", NULL, RESULT_OK);
	settings_unref(s);
}

static void
add__odd_names__are_refused_with_a_reason(void **state)
{
	static const struct {
		const char *name;
		bool good;
	} names[] = {{"0/25.2.0.192.in-addr.arpa", false}, {"a\\.b.example", false},
	    {"a\\032b.example", false}, {"\\255.example", false}, {".", false},
	    {"q\\\"uote.example", false}, {"semi\\;colon.example", false},
	    {"_dmarc.Example", true}, {"*.wild.example", true}, {"a*.example", false},
	    {"xn--bcher-kva.example", true}, {"a.*.example", false},
	    {"123.example", true}};
	struct fixture *f = *state;
	struct settings *s;
	char longest[300] = "", too_long[300] = "";

	NEED_YADIFA(f);
	s = shared(f, "p");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		apply_one(f, OP_ADD, names[i].name, s,
		    names[i].good ? RESULT_OK : RESULT_REJECTED);
		if (names[i].good)
			assert_serves(f, names[i].name, true);
	}
	for (int i = 0; i < 3; i++)
		strcat(longest,
		    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		    "aaaaa.");
	strcpy(too_long, longest);
	memset(longest + strlen(longest), 'b', 54);
	memset(too_long + strlen(too_long), 'b', 55);
	assert_int_equal(strlen(longest), 246);
	apply_one(f, OP_ADD, longest, s, RESULT_OK);
	assert_serves(f, longest, true);
	apply_one(f, OP_ADD, too_long, s, RESULT_REJECTED);
	assert_int_equal(running(f), f->pid);
	settings_unref(s);
}

static void
add__no_file_and_no_primary__is_taken_and_removable(void **state)
{
	struct fixture *f = *state;
	struct settings *p, *s;

	NEED_YADIFA(f);
	p = primary("p");
	free(p->initial_file);
	p->initial_file = NULL;
	s = secondary("s", "127.0.0.1@%d", free_port());
	apply_one(f, OP_ADD, "nofile.example", p, RESULT_OK);
	apply_one(f, OP_ADD, "noprimary.example", s, RESULT_OK);
	assert_int_equal(look(f, "nofile.example").n_ours, 1);
	assert_int_equal(look(f, "noprimary.example").n_ours, 1);
	assert_false(serves(f, "nofile.example"));
	apply_one(f, OP_REMOVE, "nofile.example", NULL, RESULT_OK);
	apply_one(f, OP_REMOVE, "noprimary.example", NULL, RESULT_OK);
	assert_int_equal(look(f, "nofile.example").n, 0);
	settings_unref(p);
	settings_unref(s);
}

static void
prepare__what_yadifad_cannot_do__is_refused(void **state)
{
	struct fixture *f = *state;
	static const char *const bad_options[] = {"<zone>", "type secondary",
	    "allow-query any # x", "bogus 1", "allow-query", "notify-auto true",
	    "allow-control none", "allow-query \"any\""};
	struct settings *s[16];
	enum backend_result results[16];
	struct backend_error texts[16], why = {""};
	size_t n = 0;

	NEED_YADIFA(f);
	s[n++] = primary("good");
	add_raw(s[0], "allow-query any");
	s[n] = primary("signed");
	s[n++]->dnssec = mem_strdup("default");
	s[n++] = secondary("nokey", "127.0.0.1 key unheard-of");
	s[n++] = secondary("tls", "127.0.0.1 tls a.example");
	s[n] = primary("mixed");
	add_remote(&s[n]->allow_transfer, "127.0.0.1");
	add_remote(&s[n++]->allow_transfer, "127.0.0.1 key xfr-key");
	for (size_t i = 0; i < sizeof(bad_options) / sizeof(bad_options[0]); i++) {
		s[n] = primary("raw");
		add_raw(s[n++], bad_options[i]);
	}
	assert_int_equal(f->driver->prepare(f->ctx, s, n, results, texts, &why), OK);
	for (size_t i = 0; i < n; i++) {
		if (results[i] != (i == 0 ? RESULT_OK : RESULT_REJECTED))
			fail_msg("%zu: %d %s", i, (int)results[i], texts[i].text);
		if (i > 0)
			assert_true(texts[i].text[0] != '\0');
		settings_unref(s[i]);
	}
}

/* -- many ------------------------------------------------------------------ */

static void
apply__thousands__are_served_and_go(void **state)
{
	struct fixture *f = *state;
	struct settings *s;
	int64_t start;

	NEED_YADIFA(f);
	s = shared(f, "p");
	start = now_ms();
	apply_many(f, OP_ADD, 1000, s, RESULT_OK);
	apply_many(f, OP_ADD, 1000, s, RESULT_ALREADY);
	assert_serves(f, "z999.example", true);
	apply_many(f, OP_REMOVE, 1000, NULL, RESULT_OK);
	assert_false(serves(f, "z0.example"));
	assert_false(serves(f, "z999.example"));
	apply_many(f, OP_ADD, 5000, s, RESULT_OK);
	assert_serves(f, "z4999.example", true);
	assert_int_equal(list(f).n_ours, 5000);
	apply_many(f, OP_REMOVE, 5000, NULL, RESULT_OK);
	assert_int_equal(list(f).n_ours, 0);
	assert_int_equal(running(f), f->pid);
	assert_true(now_ms() - start < 120000);
	settings_unref(s);
}

static void
apply__bad_option_among_good_zones__only_that_is_refused(void **state)
{
	struct fixture *f = *state;
	struct settings *good, *bad;
	struct backend_op ops[20];
	struct backend_error why = {""};
	char name[64];

	NEED_YADIFA(f);
	good = shared(f, "good");
	bad = shared(f, "bad");
	/* It passes our checks; no such list is in yadifad.conf. */
	add_raw(bad, "allow-query nolist");
	apply_one(f, OP_ADD, "before.example", good, RESULT_OK);
	for (size_t i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "n%zu.example", i);
		make_op(&ops[i], OP_ADD, name, i % 3 == 1 ? bad : good);
	}
	assert_int_equal(f->driver->apply(f->ctx, ops, 20, &why), OK);
	for (size_t i = 0; i < 20; i++) {
		assert_int_equal(ops[i].result,
		    i % 3 == 1 ? RESULT_REJECTED : RESULT_OK);
		snprintf(name, sizeof(name), "n%zu.example", i);
		assert_serves(f, name, i % 3 != 1);
	}
	assert_true(serves(f, "before.example"));
	assert_int_equal(list(f).n_ours, 14);
	/* As a change of a zone that is served, it goes on being so. */
	apply_one(f, OP_CHANGE, "n0.example", bad, RESULT_REJECTED);
	assert_true(serves(f, "n0.example"));
	assert_string_equal(look(f, "n0.example").mark, "nsherd-good.01234567.0");
	settings_unref(good);
	settings_unref(bad);
}

static void
apply__operators_file_half_edited__waits_and_goes_on(void **state)
{
	struct fixture *f = *state;
	struct settings *s;
	struct backend_op op;
	struct backend_error why = {""};

	NEED_YADIFA(f);
	s = shared(f, "p");
	apply_one(f, OP_ADD, "first.example", s, RESULT_OK);
	assert_serves(f, "first.example", true);
	server_configure(f, control_secret,
	    "<zone>\n\tdomain half.example\n\tbogus 1\n");
	make_op(&op, OP_ADD, "second.example", s);
	assert_int_equal(f->driver->apply(f->ctx, &op, 1, &why), OK);
	assert_int_equal(op.result, RESULT_RETRY);
	assert_true(serves(f, "first.example"));
	server_configure(f, control_secret, "");
	apply_one(f, OP_ADD, "second.example", s, RESULT_OK);
	assert_serves(f, "second.example", true);
	assert_true(serves(f, "first.example"));
	settings_unref(s);
}

static void
cycles__fast__leave_no_ghosts(void **state)
{
	struct fixture *f = *state;
	struct settings *s;
	char name[64];

	NEED_YADIFA(f);
	s = shared(f, "p");
	for (unsigned i = 0; i < 100; i++) {
		apply_many(f, OP_ADD, 20, s, RESULT_OK);
		apply_many(f, OP_REMOVE, 20, NULL, RESULT_OK);
	}
	for (unsigned i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "z%u.example", i);
		assert_false(serves(f, name));
	}
	assert_int_equal(running(f), f->pid);
	settings_unref(s);
}

/* -- secondaries ----------------------------------------------------------- */

static void
start_primary_at(struct fixture *f, int port, unsigned serial, const char *zone)
{
	char *text = mem_printf("zone:\n\tname: %s\n\tzonefile: up.zone\n"
				"\tprovide-xfr: 127.0.0.1 xfr-key\n",
	    zone);

	write_file(f,
	    "up.zone\n$TTL 60\n@ SOA ns.invalid. h.invalid. %u 60 60 600 60\n"
	    "@ NS ns.invalid.\n",
	    serial);
	nsd_start(f, port, text);
	free(text);
	/* yadifad tries again only after ten minutes. */
	for (int i = 0; i < 200 && serial_at(f->nsd_port, zone) != serial; i++)
		usleep(20000);
	assert_int_equal(serial_at(f->nsd_port, zone), serial);
}

static void
start_primary(struct fixture *f, unsigned serial, const char *zone)
{
	start_primary_at(f, free_port(), serial, zone);
}

static bool
wait_serial(struct fixture *f, const char *zone, int64_t serial)
{
	struct backend_identity id;
	struct backend_error why = {""};

	for (int i = 0; i < 200; i++) {
		if (serial_of(f, zone) == serial)
			return true;
		/* As the deploying side does from time to time. */
		f->driver->identify(f->ctx, &id, &why);
		usleep(50000);
	}
	return false;
}

static void
secondary__id_replaced__old_data_is_not_served_again(void **state)
{
	struct fixture *f = *state;
	struct settings *s, *other;

	NEED_YADIFA(f);
	start_primary(f, 100, "sec.example");
	s = secondary("s", "127.0.0.1@%d key xfr-key", f->nsd_port);
	apply_one(f, OP_ADD, "sec.example", s, RESULT_OK);
	assert_true(wait_serial(f, "sec.example", 100));
	/* The directories of its data are such that it can be removed by us. */
	assert_int_equal(shell("test -z \"$(find %s/xfr -type d ! -perm 2770)\"",
			     f->dir),
	    0);
	apply_one(f, OP_REMOVE, "sec.example", NULL, RESULT_OK);
	/* Under the same id it has its data at once, without a primary. */
	stop_pid(&f->nsd_pid, SIGTERM);
	other = secondary("s2", "127.0.0.1@%d key xfr-key", f->nsd_port);
	apply_one(f, OP_ADD, "sec.example", other, RESULT_OK);
	assert_true(wait_serial(f, "sec.example", 100));
	/* Another id: nothing of it is left. */
	apply_one(f, OP_REMOVE, "sec.example", NULL, RESULT_OK);
	apply_one(f, OP_PURGE, "sec.example", s, RESULT_OK);
	assert_int_equal(shell("test -z \"$(find %s/xfr -type f)\"", f->dir), 0);
	apply_one(f, OP_ADD, "sec.example", s, RESULT_OK);
	usleep(500000);
	assert_false(serves(f, "sec.example"));
	apply_one(f, OP_REMOVE, "sec.example", NULL, RESULT_OK);
	start_primary(f, 50, "sec.example");
	settings_unref(s);
	s = secondary("s", "127.0.0.1@%d key xfr-key", f->nsd_port);
	apply_one(f, OP_ADD, "sec.example", s, RESULT_OK);
	assert_true(wait_serial(f, "sec.example", 50));
	settings_unref(s);
	settings_unref(other);
}

static void
secondary__refresh__asks_its_primary(void **state)
{
	static const char *const patterns[] = {"a", "b", "c"};
	struct fixture *f = *state;
	struct backend_error why = {""};
	struct settings *s[3];
	struct dname zone;
	int port;

	NEED_YADIFA(f);
	start_primary(f, 10, "fresh.example");
	port = f->nsd_port;
	assert_int_equal(dname_parse("fresh.example", &zone), OK);
	for (size_t i = 0; i < 3; i++)
		s[i] = secondary(patterns[i], "127.0.0.1@%d key xfr-key", port);
	/* Its NOTIFY is let in beside each kind of list. */
	add_remote(&s[1]->allow_notify, "192.0.2.1 key xfr-key");
	add_remote(&s[2]->allow_notify, "192.0.2.1");
	for (unsigned i = 0; i < 3; i++) {
		apply_one(f, i == 0 ? OP_ADD : OP_CHANGE, "fresh.example", s[i],
		    RESULT_OK);
		assert_true(wait_serial(f, "fresh.example", 10 + i));
		stop_pid(&f->nsd_pid, SIGTERM);
		start_primary_at(f, port, 11 + i, "fresh.example");
		assert_int_equal(f->driver->command(f->ctx, VERB_REFRESH, &zone, &why),
		    OK);
		assert_true(wait_serial(f, "fresh.example", 11 + i));
		settings_unref(s[i]);
	}
}

/* Served as soon as there is something, without anybody's help. */
static void
secondary__primary_comes_late__is_served(void **state)
{
	struct fixture *f = *state;
	struct settings *s;
	int port = free_port();

	NEED_YADIFA(f);
	s = secondary("s", "127.0.0.1@%d key xfr-key", port);
	apply_one(f, OP_ADD, "late.example", s, RESULT_OK);
	usleep(500000);
	start_primary_at(f, port, 3, "late.example");
	assert_true(wait_serial(f, "late.example", 3));
	settings_unref(s);
}

static void
change__role__goes_both_ways(void **state)
{
	struct fixture *f = *state;
	struct settings *p, *s;

	NEED_YADIFA(f);
	start_primary(f, 50, "role.example");
	p = primary("p");
	s = secondary("s", "127.0.0.1@%d key xfr-key", f->nsd_port);
	apply_one(f, OP_ADD, "role.example", p, RESULT_OK);
	assert_serves(f, "role.example", true);
	assert_true(serial_of(f, "role.example") > 1000000);
	/* Its own serial is far higher than the primary's. */
	apply_one(f, OP_CHANGE, "role.example", s, RESULT_OK);
	assert_true(wait_serial(f, "role.example", 50));
	apply_one(f, OP_CHANGE, "role.example", s, RESULT_ALREADY);
	apply_one(f, OP_CHANGE, "role.example", p, RESULT_OK);
	assert_serves(f, "role.example", true);
	assert_true(serial_of(f, "role.example") > 1000000);
	assert_string_equal(look(f, "role.example").mark, "nsherd-p.01234567.0");
	settings_unref(p);
	settings_unref(s);
}

static void
change__addresses__has_no_gap(void **state)
{
	struct fixture *f = *state;
	struct settings *a, *b;

	NEED_YADIFA(f);
	a = shared(f, "a");
	b = shared(f, "b");
	add_remote(&b->notify, "127.0.0.1@9");
	add_remote(&b->allow_transfer, "127.0.0.1 key xfr-key");
	apply_one(f, OP_ADD, "smooth.example", a, RESULT_OK);
	assert_serves(f, "smooth.example", true);
	/* The agent may still have the image; a gap would show in the log. */
	apply_one(f, OP_CHANGE, "smooth.example", b, RESULT_OK);
	assert_true(serves(f, "smooth.example"));
	assert_string_equal(look(f, "smooth.example").mark, "nsherd-b.01234567.0");
	assert_int_equal(shell("grep -q 'key xfr-key' %s", f->include), 0);
	assert_int_not_equal(
	    shell("grep -q 'smooth.example.: unregistered' %s/log/all.log", f->dir), 0);
	apply_one(f, OP_CHANGE, "smooth.example", a, RESULT_OK);
	assert_int_not_equal(shell("grep -q 'key xfr-key' %s", f->include), 0);
	settings_unref(a);
	settings_unref(b);
}

/* -- when things go wrong -------------------------------------------------- */

static void
server__restarted_and_killed__goes_on(void **state)
{
	struct fixture *f = *state;
	struct backend_identity id, again;
	struct backend_error why = {""};
	struct backend_op op;
	struct settings *s;

	NEED_YADIFA(f);
	s = shared(f, "p");
	apply_one(f, OP_ADD, "kept.example", s, RESULT_OK);
	assert_int_equal(f->driver->identify(f->ctx, &id, &why), OK);
	stop_pid(&f->pid, SIGTERM);
	assert_int_not_equal(f->driver->identify(f->ctx, &again, &why), OK);
	server_start(f);
	wait_up(f);
	assert_int_equal(f->driver->identify(f->ctx, &again, &why), OK);
	assert_string_not_equal(id.process, again.process);
	assert_serves(f, "kept.example", true);
	apply_one(f, OP_ADD, "more.example", s, RESULT_OK);
	/* Killed right after a reload: what it had for long is kept, the rest is
	 * tried again. */
	stop_pid(&f->pid, SIGKILL);
	make_op(&op, OP_ADD, "down.example", s);
	assert_int_not_equal(f->driver->apply(f->ctx, &op, 1, &why), OK);
	assert_true(op.result == RESULT_NONE || op.result == RESULT_UNKNOWN);
	forget_pid(f);
	server_start(f);
	wait_up(f);
	list(f);
	apply_one(f, OP_ADD, "kept.example", s,
	    look(f, "kept.example").n ? RESULT_ALREADY : RESULT_OK);
	apply_one(f, OP_ADD, "more.example", s,
	    look(f, "more.example").n ? RESULT_ALREADY : RESULT_OK);
	apply_one(f, OP_ADD, "down.example", s,
	    look(f, "down.example").n ? RESULT_ALREADY : RESULT_OK);
	assert_serves(f, "kept.example", true);
	assert_serves(f, "more.example", true);
	assert_serves(f, "down.example", true);
	settings_unref(s);
}

static void
server__dies_of_a_zone__previous_file_is_put_back(void **state)
{
	struct fixture *f = *state;
	struct backend_identity id;
	struct backend_error why = {""};
	struct backend_op op;
	struct settings *s;

	NEED_YADIFA(f);
	s = shared(f, "p");
	apply_one(f, OP_ADD, "good.example", s, RESULT_OK);
	/* Five seconds of good life. */
	for (int i = 0; i < 60; i++) {
		assert_int_equal(f->driver->identify(f->ctx, &id, &why), OK);
		usleep(100000);
	}
	for (int death = 1; death <= 3; death++) {
		if (death == 1) {
			apply_one(f, OP_ADD, "poison.example", s, RESULT_OK);
			stop_pid(&f->pid, SIGKILL);
		} else {
			/* Tried again it is watched for as long as it takes. */
			pid_t killer = fork();

			if (killer == 0) {
				usleep(1500000);
				kill(f->pid, SIGKILL);
				_exit(0);
			}
			make_op(&op, OP_ADD, "poison.example", s);
			f->driver->apply(f->ctx, &op, 1, &why);
			waitpid(killer, NULL, 0);
			assert_int_equal(op.result, RESULT_UNKNOWN);
			waitpid(f->pid, NULL, 0);
			f->pid = 0;
		}
		f->driver->identify(f->ctx, &id, &why);
		assert_int_not_equal(shell("grep -q poison %s", f->include), 0);
		assert_int_equal(shell("grep -q good.example %s", f->include), 0);
		forget_pid(f);
		server_start(f);
		wait_up(f);
		assert_int_equal(list(f).n_ours, 1);
		assert_serves(f, "good.example", true);
	}
	apply_one(f, OP_ADD, "poison.example", s, RESULT_REJECTED);
	apply_one(f, OP_ADD, "other.example", s, RESULT_OK);
	assert_serves(f, "other.example", true);
	settings_unref(s);
}

static void
server__stopped__can_be_canceled(void **state)
{
	struct fixture *f = *state;
	struct backend_error why = {""};
	struct backend_op op;
	struct settings *s;
	pid_t canceler;
	int64_t start;
	char c;

	NEED_YADIFA(f);
	s = shared(f, "p");
	apply_one(f, OP_ADD, "a.example", s, RESULT_OK);
	kill(f->pid, SIGSTOP);
	start = now_ms();
	make_op(&op, OP_ADD, "b.example", s);
	canceler = fork();
	if (canceler == 0) {
		usleep(700000);
		_exit(write(f->cancel[1], "x", 1) == 1 ? 0 : 1);
	}
	assert_int_equal(f->driver->apply(f->ctx, &op, 1, &why), ERR_CANCELED);
	waitpid(canceler, NULL, 0);
	assert_true(now_ms() - start < 5000);
	assert_int_equal(read(f->cancel[0], &c, 1), 1);
	kill(f->pid, SIGCONT);
	wait_up(f);
	apply_one(f, OP_ADD, "b.example", s,
	    look(f, "b.example").n ? RESULT_ALREADY : RESULT_OK);
	assert_serves(f, "b.example", true);
	settings_unref(s);
}

static void
include__deleted_edited_cut__is_made_again(void **state)
{
	static const char *const harms[] = {"rm $f", "truncate -s 0 $f",
	    "truncate -s 300 $f", "echo '<zone>' >> $f",
	    "sed -i s/b.example/c.example/ $f", "head -c 100000 /dev/urandom > $f"};
	struct fixture *f = *state;
	struct backend_identity before, after;
	struct backend_error why = {""};
	struct settings *s;

	NEED_YADIFA(f);
	s = shared(f, "p");
	apply_one(f, OP_ADD, "a.example", s, RESULT_OK);
	apply_one(f, OP_ADD, "b.example", s, RESULT_OK);
	for (int i = 0; i < 60; i++) {
		assert_int_equal(f->driver->identify(f->ctx, &before, &why), OK);
		usleep(100000);
	}
	for (size_t i = 0; i < sizeof(harms) / sizeof(harms[0]); i++) {
		/* While the agent runs: it remembers. */
		shell("cp %s %s/good", f->include, f->dir);
		assert_int_equal(f->driver->identify(f->ctx, &before, &why), OK);
		assert_int_equal(shell("f=%s; %s", f->include, harms[i]), 0);
		assert_int_equal(f->driver->identify(f->ctx, &after, &why), OK);
		assert_string_not_equal(before.process, after.process);
		assert_int_equal(shell("cmp %s %s/good", f->include, f->dir), 0);
		assert_int_equal(list(f).n_ours, 2);
		/* While it does not: it has a copy. */
		f->driver->close(f->ctx);
		assert_int_equal(shell("f=%s; %s", f->include, harms[i]), 0);
		open_driver(f);
		assert_int_equal(list(f).n_ours, 2);
		assert_int_equal(shell("cmp %s %s/good", f->include, f->dir), 0);
		assert_serves(f, "a.example", true);
		assert_serves(f, "b.example", true);
		apply_one(f, OP_ADD, "a.example", s, RESULT_ALREADY);
	}
	assert_int_equal(running(f), f->pid);
	settings_unref(s);
}

static void
control__wrong_key_or_no_right__is_said(void **state)
{
	struct fixture *f = *state;
	struct backend_identity id;
	struct backend_error why = {""};
	struct settings *s;
	struct backend_op op;

	NEED_YADIFA(f);
	s = shared(f, "p");
	f->driver->close(f->ctx);
	f->options[1].value = "xfr-key"; /* which yadifad does not know */
	open_driver(f);
	assert_int_equal(f->driver->identify(f->ctx, &id, &why), ERR_AUTH);
	assert_non_null(strstr(why.text, "xfr-key"));
	/* It knows the key, but does not obey it. */
	stop_pid(&f->pid, SIGTERM);
	server_configure(f, control_secret,
	    "<key>\n\tname xfr-key\n\talgorithm hmac-sha256\n"
	    "\tsecret dHJhbnNmZXJzZWNyZXQ=\n</key>\n");
	server_start(f);
	wait_up(f);
	make_op(&op, OP_ADD, "a.example", s);
	assert_int_equal(f->driver->apply(f->ctx, &op, 1, &why), ERR_DENIED);
	assert_non_null(strstr(why.text, "allow-control"));
	assert_int_equal(op.result, RESULT_UNKNOWN);
	settings_unref(s);
}

static void
command__verbs__are_orders_or_refused(void **state)
{
	struct fixture *f = *state;
	struct backend_error why = {""};
	struct settings *s;
	struct dname zone, other;

	NEED_YADIFA(f);
	write_file(f, "data/operator.zone\n%s", soa_text);
	s = primary("p");
	assert_int_equal(dname_parse("v.example", &zone), OK);
	assert_int_equal(dname_parse("operator.example", &other), OK);
	apply_one(f, OP_ADD, "v.example", s, RESULT_OK);
	assert_serves(f, "v.example", true);
	for (enum backend_verb v = VERB_RELOAD; v <= VERB_THAW; v++) {
		if (f->driver->command(f->ctx, v, &zone, &why) != OK)
			fail_msg("verb %d: %s", (int)v, why.text);
		assert_int_equal(f->driver->command(f->ctx, v, &other, &why),
		    ERR_NOTFOUND);
	}
	assert_int_equal(f->driver->command(f->ctx, VERB_FREEZE, NULL, &why), OK);
	assert_int_equal(f->driver->command(f->ctx, VERB_THAW, NULL, &why), OK);
	assert_int_equal(f->driver->command(f->ctx, VERB_REFRESH, &zone, &why),
	    ERR_UNSUPPORTED);
	assert_int_equal(f->driver->command(f->ctx, VERB_RETRANSFER, &zone, &why),
	    ERR_UNSUPPORTED);
	/* A file that was edited is read. */
	write_file(f,
	    "zones/v.example.zone\n$TTL 60\n@ SOA ns.invalid. h.invalid. 2000000000 60 "
	    "60 600 60\n@ NS ns.invalid.\n");
	assert_int_equal(f->driver->command(f->ctx, VERB_RELOAD, &zone, &why), OK);
	assert_true(wait_serial(f, "v.example", 2000000000));
	settings_unref(s);
}

static void
agent__restarted__knows_its_zones(void **state)
{
	struct fixture *f = *state;
	struct settings *s;

	NEED_YADIFA(f);
	s = primary("p");
	add_remote(&s->allow_transfer, "127.0.0.1 key xfr-key");
	apply_one(f, OP_ADD, "a.example", s, RESULT_OK);
	reopen_driver(f);
	assert_int_equal(list(f).n_ours, 1);
	assert_string_equal(list(f).mark, "nsherd-p.01234567.0");
	apply_one(f, OP_ADD, "a.example", s, RESULT_ALREADY);
	apply_one(f, OP_REMOVE, "a.example", NULL, RESULT_OK);
	assert_false(serves(f, "a.example"));
	settings_unref(s);
}

static void
agent__restarted_with_another_secret__tells_yadifad(void **state)
{
	struct fixture *f = *state;
	struct keyring *old;
	struct settings *s, *x;

	NEED_YADIFA(f);
	s = primary("p");
	add_remote(&s->allow_transfer, "127.0.0.1 key xfr-key");
	apply_one(f, OP_ADD, "a.example", s, RESULT_OK);
	f->driver->close(f->ctx);
	old = f->ring;
	f->conf.keys = f->ring = keyring_new();
	add_key(f, "ctl-key", "controlsecret");
	add_key(f, "xfr-key", "another");
	open_driver(f);
	keyring_free(old);
	list(f);
	/* base64 of it */
	assert_int_equal(shell("grep -q YW5vdGhlcg== %s", f->include), 0);
	assert_serves(f, "a.example", true);
	/* One that the agent does not have any more stays as it was. */
	f->driver->close(f->ctx);
	old = f->ring;
	f->conf.keys = f->ring = keyring_new();
	add_key(f, "ctl-key", "controlsecret");
	open_driver(f);
	keyring_free(old);
	x = shared(f, "x");
	apply_one(f, OP_ADD, "b.example", x, RESULT_OK);
	assert_int_equal(shell("grep -q YW5vdGhlcg== %s", f->include), 0);
	assert_serves(f, "b.example", true);
	settings_unref(s);
	settings_unref(x);
}

/* -- ghosts ---------------------------------------------------------------- */

static void
add_some(struct fixture *f, unsigned n, bool in)
{
	struct yadifa *y = f->ctx;
	struct backend_error why = {""};
	unsigned rcode;
	bool sent;
	FILE *file = fopen(f->include, "we");

	for (unsigned i = 0; in && i < n; i++) {
		if (rand() % 2 == 0)
			continue;
		fprintf(file,
		    "<zone>\n\tdomain g%u.example\n\tfile \"%s/zones/shared.zone\"\n"
		    "\ttype primary\n\tnotify-auto false\n</zone>\n",
		    i, f->dir);
	}
	fclose(file);
	if (yadifa_ctrl_reload(y, 5000, &rcode, &sent, &why) != OK)
		fail_msg("%s", why.text);
}

/* Made as the fact sheet says: reloads that follow each other without a pause. */
static void
ghosts__made_by_others__are_found_and_made_to_go(void **state)
{
	enum { N = 200 };
	struct fixture *f = *state;
	struct settings *s;
	char name[64];
	unsigned n_ghosts = 0;
	bool any = false;
	int64_t end;

	NEED_YADIFA(f);
	s = shared(f, "p");
	end = now_ms() + 25000;
	while (!any && now_ms() < end) {
		for (unsigned i = 0; i < 300; i++) {
			add_some(f, N, true);
			usleep(3000);
		}
		usleep(300000);
		add_some(f, N, false);
		usleep(700000);
		for (unsigned i = 0; !any && i < N; i++) {
			snprintf(name, sizeof(name), "g%u.example", i);
			any = serves(f, name);
		}
	}
	f->driver->close(f->ctx);
	unlink(f->include);
	open_driver(f);
	list(f);
	for (unsigned i = 0; i < N; i++) {
		struct seen seen;

		snprintf(name, sizeof(name), "g%u.example", i);
		if (!serves(f, name))
			continue;
		n_ghosts++;
		seen = look(f, name);
		assert_int_equal(seen.n_ours, 1);
		if (n_ghosts % 2 == 0) {
			apply_one(f, OP_REMOVE, name, NULL, RESULT_ALREADY);
		} else {
			apply_one(f, OP_ADD, name, s, RESULT_OK);
			assert_serves(f, name, true);
			apply_one(f, OP_REMOVE, name, NULL, RESULT_OK);
		}
		assert_false(serves(f, name));
		assert_int_equal(look(f, name).n, 0);
		if (n_ghosts >= 6)
			break;
	}
	print_message("ghosts met: %u\n", n_ghosts);
	settings_unref(s);
}

/* -- without a server ------------------------------------------------------ */

static void
include__written__reads_back(void **state)
{
	struct yadifa_include inc, back;
	struct keyring *ring = keyring_new();
	struct yadifa_native *n = yadifa_native_new("nsherd-a.b.c", "d/${zone}.zone",
	    "\ttype secondary\n\tprimary \"192.0.2.1 port 53 key k.example\"\n");
	struct dname name;
	struct key *key;
	bool whole = false;
	FILE *file = tmpfile();

	(void)state;
	assert_int_equal(dname_parse("k.example", &name), OK);
	assert_int_equal(key_generate(&name, KEY_SHA512, &key), OK);
	assert_int_equal(keyring_add(ring, key), OK);
	key_unref(key);
	yadifa_include_init(&inc);
	n = yadifa_include_intern(&inc, &n);
	for (unsigned i = 0; i < 1000; i++) {
		char text[32];

		snprintf(text, sizeof(text), "n%u.example", i);
		assert_int_equal(dname_parse(text, &name), OK);
		yadifa_table_put(&inc.table, &name, n);
	}
	for (unsigned i = 0; i < 1000; i += 3) {
		char text[32];

		snprintf(text, sizeof(text), "n%u.example", i);
		assert_int_equal(dname_parse(text, &name), OK);
		assert_ptr_equal(yadifa_table_drop(&inc.table, &name), n);
		assert_null(yadifa_table_drop(&inc.table, &name));
	}
	assert_int_equal(n->n_zones, inc.table.n);
	assert_true(yadifa_include_write(&inc, "/z", ring, file));
	rewind(file);
	yadifa_include_init(&back);
	assert_true(yadifa_include_read(&back, file, &whole));
	assert_true(whole);
	assert_int_equal(back.table.n, inc.table.n);
	assert_int_equal(back.n_natives, 1);
	assert_int_equal(back.n_old_keys, 1);
	assert_string_equal(back.old_keys[0].name, "k.example");
	assert_string_equal(back.natives[0]->body, n->body);
	assert_true(yadifa_native_is_secondary(n));
	yadifa_include_fini(&back);
	yadifa_include_fini(&inc);
	keyring_free(ring);
	fclose(file);
}

static void
check__faults__are_named(void **state)
{
	char dir[] = "/tmp/nsherd-yadifa-XXXXXX";
	struct keyring *ring = keyring_new();
	struct backend_option options[] = {{"control", "127.0.0.1@53", "f", 1},
	    {"key", "ctl-key", "f", 2}, {"transfer-dir", dir, "f", 3},
	    {"pidfile", "/run/y.pid", "f", 4}};
	struct backend_conf conf = {.name = "y",
	    .zone_dir = dir,
	    .config_dir = dir,
	    .options = options,
	    .n_options = 4,
	    .keys = ring,
	    .cancel_fd = -1};
	static const struct {
		size_t option;
		const char *value;
	} faults[] = {{0, "localhost"}, {1, "nokey"}, {2, "relative"}, {3, "y.pid"}};
	struct dname name;
	struct key *key;

	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(dname_parse("ctl-key", &name), OK);
	assert_int_equal(key_generate(&name, KEY_SHA256, &key), OK);
	assert_int_equal(keyring_add(ring, key), OK);
	key_unref(key);
	for (size_t i = 0; i <= sizeof(faults) / sizeof(faults[0]); i++) {
		struct err_where where = {.line = 0};
		const char *good = NULL;
		enum err err;

		if (i < 4) {
			good = options[faults[i].option].value;
			options[faults[i].option].value = faults[i].value;
		}
		err = yadifa_driver.check(&conf, &where);
		if (i < 4) {
			assert_int_equal(err, ERR_INVALID);
			assert_int_equal(where.line, options[faults[i].option].line);
			options[faults[i].option].value = good;
		} else {
			assert_int_equal(err, OK);
		}
	}
	rmdir(dir);
	keyring_free(ring);
}

#define REAL(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(include__written__reads_back),
	    cmocka_unit_test(check__faults__are_named),
	    REAL(identify__running__says_what_it_is),
	    REAL(add__primary__is_served_and_goes),
	    cmocka_unit_test_setup_teardown(add__operators_zone__is_a_conflict,
		setup_operator, teardown),
	    REAL(add__odd_names__are_refused_with_a_reason),
	    REAL(add__no_file_and_no_primary__is_taken_and_removable),
	    REAL(prepare__what_yadifad_cannot_do__is_refused),
	    REAL(apply__thousands__are_served_and_go),
	    REAL(apply__bad_option_among_good_zones__only_that_is_refused),
	    REAL(apply__operators_file_half_edited__waits_and_goes_on),
	    cmocka_unit_test_setup_teardown(cycles__fast__leave_no_ghosts,
		setup_talkative, teardown),
	    REAL(secondary__id_replaced__old_data_is_not_served_again),
	    REAL(secondary__refresh__asks_its_primary),
	    REAL(secondary__primary_comes_late__is_served),
	    REAL(change__role__goes_both_ways),
	    REAL(change__addresses__has_no_gap),
	    REAL(server__restarted_and_killed__goes_on),
	    REAL(server__dies_of_a_zone__previous_file_is_put_back),
	    REAL(server__stopped__can_be_canceled),
	    REAL(include__deleted_edited_cut__is_made_again),
	    REAL(control__wrong_key_or_no_right__is_said),
	    cmocka_unit_test_setup_teardown(command__verbs__are_orders_or_refused,
		setup_operator, teardown),
	    REAL(agent__restarted__knows_its_zones),
	    REAL(agent__restarted_with_another_secret__tells_yadifad),
	    cmocka_unit_test_setup_teardown(
		ghosts__made_by_others__are_found_and_made_to_go, setup_talkative,
		teardown),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
