/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/servers_fixture.h"

#include <sys/resource.h>

#include "agent/backend/drivers.h"
#include "agent/backend/yadifa.h"
#include "agent/backend/yadifa_reply.h"
#include "lib/exchange.h"

/*
 * The yadifa driver against a real yadifad of its own, in a directory of its own,
 * on a free port of the loopback address; an NSD where a primary is needed.
 * Skipped only where there is no yadifad.
 */

static const char *const yadifad_binary = "/usr/sbin/yadifad";
static const char *const nsd_binary = "/usr/sbin/nsd";

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
	path = mem_printf("%s/%s", f->server.dir, text);
	write_text(path, "we", newline + 1);
	free(path);
}

/* -- versions -------------------------------------------------------------- */

static void
breaks_mx__versions__are_told_apart(void **state)
{
	(void)state;
	assert_true(yadifa_breaks_mx("3.0.0-11620"));
	assert_true(yadifa_breaks_mx("3.0.2-11672"));
	assert_true(yadifa_breaks_mx("3.0.4-11800"));
	assert_false(yadifa_breaks_mx("3.0.5-11900"));
	assert_false(yadifa_breaks_mx("3.0.10-12000"));
	assert_false(yadifa_breaks_mx("3.1.0-12000"));
	assert_false(yadifa_breaks_mx("2.6.4-10892"));
	assert_false(yadifa_breaks_mx(""));
	assert_false(yadifa_breaks_mx("3.0.2"));
	assert_false(yadifa_breaks_mx("3.0.2x"));
	assert_false(yadifa_breaks_mx("none-of-your-business"));
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
	    f->server.dir, f->server.dir, f->server.dir, f->server.dir, f->server.dir,
	    f->server.port, secret, f->server.levels, f->server.levels,
	    f->server.levels, more, f->server.dir);
}

static void
server_start(struct fixture *f)
{
	const char *const argv[] = {yadifad_binary, "-c", f->server.conf, NULL};
	char *out = mem_printf("%s/out.log", f->server.dir);

	f->server.pid = start_process(argv, out);
	free(out);
}

/* Its pid file makes it refuse to start while the number is in use. */
static void
forget_pid(struct fixture *f)
{
	char *path = mem_printf("%s/yadifad.pid", f->server.dir);

	unlink(path);
	free(path);
}

static void
nsd_start(struct fixture *f, int port, const char *zones)
{
	const char *const argv[] = {nsd_binary, "-d", "-c", f->hidden.conf, NULL};

	f->hidden.port = port;
	write_file(f,
	    "nsd.conf\nserver:\n\tip-address: 127.0.0.1@%d\n\tusername: \"\"\n"
	    "\tdatabase: \"\"\n\tzonelistfile: \"%s/nsd.list\"\n"
	    "\tpidfile: \"%s/nsd.pid\"\n\txfrdfile: \"%s/nsd.xfrd\"\n"
	    "\txfrdir: \"%s\"\n\tzonesdir: \"%s\"\n\tlogfile: \"%s/nsd.log\"\n"
	    "\tserver-count: 1\n\trrl-ratelimit: 0\nremote-control:\n"
	    "\tcontrol-enable: no\nkey:\n\tname: xfr-key\n"
	    "\talgorithm: hmac-sha256\n\tsecret: dHJhbnNmZXJzZWNyZXQ=\n%s",
	    f->hidden.port, f->server.dir, f->server.dir, f->server.dir, f->server.dir,
	    f->server.dir, f->server.dir, zones);
	snprintf(f->hidden.conf, sizeof(f->hidden.conf), "%s/nsd.conf", f->server.dir);
	f->hidden.pid = start_process(argv, NULL);
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

static int
rcode_of(struct fixture *f, const char *zone)
{
	struct exchange_conf conf = {.timeout_ms = 5000, .cancel_fd = -1};
	struct exchange *x;
	struct dname name;
	struct msg msg;
	int rcode = -1;
	char text[64];

	snprintf(text, sizeof(text), "127.0.0.1@%d", f->server.port);
	assert_int_equal(addr_parse(text, 0, &conf.server), OK);
	assert_int_equal(dname_parse(zone, &name), OK);
	if (exchange_open(&conf, &x) == OK &&
	    exchange_query(x, &name, RR_SOA, CLASS_IN, &msg) == OK)
		rcode = (int)msg_rcode(&msg);
	exchange_close(x);
	return rcode;
}

static int64_t
serial_of(struct fixture *f, const char *zone)
{
	return serial_at(f->server.port, zone);
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

/* base64 of "controlsecret" */
static const char control_secret[] = "Y29udHJvbHNlY3JldA==";

static struct fixture *
make_fixture(const char *more, const char *levels, bool knows_config)
{
	struct fixture *f = fixture_new("yadifa");

	f->server.levels = levels;
	snprintf(f->server.conf, sizeof(f->server.conf), "%s/yadifad.conf",
	    f->server.dir);
	snprintf(f->server.include, sizeof(f->server.include), "%s/conf/zones.conf",
	    f->server.dir);
	make_dir(f, "log");
	make_dir(f, "data");
	make_dir(f, "keys");
	make_dir(f, "xfr");
	assert_int_equal(shell("chmod 2770 %s/xfr", f->server.dir), 0);
	add_key(f->ring, "ctl-key", "controlsecret");
	add_key(f->ring, "xfr-key", "transfersecret");
	add_option(f, "control", mem_printf("127.0.0.1@%d", f->server.port));
	add_option(f, "key", mem_strdup("ctl-key"));
	add_option(f, "transfer-dir", mem_printf("%s/xfr", f->server.dir));
	add_option(f, "pidfile", mem_printf("%s/yadifad.pid", f->server.dir));
	if (knows_config)
		add_option(f, "config", mem_strdup(f->server.conf));
	server_configure(f, control_secret, more);
	open_driver(f);
	server_start(f);
	wait_up(f);
	return f;
}

static int
setup(void **state)
{
	if (access(yadifad_binary, X_OK) == 0)
		*state = make_fixture("", "ERR,WARNING,NOTICE,INFO", false);
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
		*state = make_fixture(operators, "ERR,WARNING", false);
	return 0;
}

/* What it logs slows it down, so that it meets the races that it has. */
static int
setup_talkative(void **state)
{
	if (access(yadifad_binary, X_OK) == 0)
		*state = make_fixture("", "*", false);
	return 0;
}

static int
setup_known(void **state)
{
	if (access(yadifad_binary, X_OK) == 0)
		*state = make_fixture(operators, "*", true);
	return 0;
}

static int
teardown(void **state)
{
	/* An orderly stop takes it four seconds. */
	if (*state != NULL)
		fixture_free(*state, SIGKILL);
	return 0;
}

/* All zones from one file. */
static struct settings *
shared(struct fixture *f, const char *pattern)
{
	struct settings *s = primary(pattern, NULL);

	free(s->zonefile);
	s->zonefile = mem_strdup("shared.zone");
	write_file(f, "zones/shared.zone\n%s", soa_text);
	return s;
}

static void
apply_many(struct fixture *f, enum backend_op_kind kind, size_t n, struct settings *s,
    enum backend_result expected)
{
	struct backend_op *ops =
	    make_ops(n, kind, "example", kind == OP_REMOVE ? NULL : s);

	apply_all(f, ops, n, expected);
	free(ops);
}

static pid_t
running(struct fixture *f)
{
	return waitpid(f->server.pid, NULL, WNOHANG) == 0 ? f->server.pid : 0;
}

/* -- one zone -------------------------------------------------------------- */

static void
identify__running__says_what_it_is(void **state)
{
	struct fixture *f = *state;
	struct backend_identity id, again;
	struct backend_error why = {""};
	char version[32];
	FILE *said;

	NEED_SERVER(f);
	said = popen("/usr/sbin/yadifad -V", "r");
	assert_non_null(said);
	assert_int_equal(fscanf(said, "yadifad %31s", version), 1);
	pclose(said);
	assert_int_equal(f->driver->identify(f->ctx, &id, &why), OK);
	assert_string_equal(id.product, "YADIFA");
	assert_string_equal(id.version, version);
	assert_true(strtol(id.process, NULL, 10) == f->server.pid);
	assert_int_equal(f->driver->identify(f->ctx, &again, &why), OK);
	assert_string_equal(id.process, again.process);
}

static void
add__primary__is_served_and_goes(void **state)
{
	struct fixture *f = *state;
	struct settings *s;

	NEED_SERVER(f);
	s = primary("p", template);
	apply_one(f, OP_ADD, "one.example", s, RESULT_OK);
	assert_serves(f, "one.example", true);
	apply_one(f, OP_ADD, "one.example", s, RESULT_ALREADY);
	assert_string_equal(lookup(f, "one.example").mark, "nsherd-p.01234567.0");
	assert_int_equal(lookup(f, "two.example").n, 0);
	assert_int_equal(inventory(f).n_ours, 1);
	apply_one(f, OP_PURGE, "one.example", s, RESULT_RETRY);
	apply_one(f, OP_REMOVE, "one.example", NULL, RESULT_OK);
	assert_false(serves(f, "one.example"));
	apply_one(f, OP_REMOVE, "one.example", NULL, RESULT_ALREADY);
	assert_true(is_there(f, "zones/one.example.zone"));
	apply_one(f, OP_PURGE, "one.example", s, RESULT_OK);
	assert_false(is_there(f, "zones/one.example.zone"));
	apply_one(f, OP_PURGE, "one.example", s, RESULT_ALREADY);
	assert_int_equal(inventory(f).n, 0);
	settings_unref(s);
}

static void
add__operators_zone__is_a_conflict(void **state)
{
	struct fixture *f = *state;
	struct settings *s;

	NEED_SERVER(f);
	write_file(f, "data/operator.zone\n%s", soa_text);
	s = primary("p", template);
	/* One is served, one is not; both are there. */
	apply_one(f, OP_ADD, "operator.example", s, RESULT_CONFLICT);
	apply_one(f, OP_ADD, "broken.example", s, RESULT_CONFLICT);
	apply_one(f, OP_REMOVE, "operator.example", NULL, RESULT_CONFLICT);
	assert_int_equal(lookup(f, "operator.example").n, 1);
	assert_int_equal(lookup(f, "operator.example").n_ours, 0);
	assert_int_equal(lookup(f, "broken.example").n, 1);
	assert_int_equal(lookup(f, "broken.example").n_ours, 0);
	assert_int_equal(inventory(f).n, 0);
	/* It may have been ours once, and its data is the operator's now. */
	write_file(f, "zones/operator.example.zone\n%s", soa_text);
	apply_one(f, OP_PURGE, "operator.example", s, RESULT_RETRY);
	assert_true(is_there(f, "zones/operator.example.zone"));
	apply_one(f, OP_ADD, "mine.example", s, RESULT_OK);
	assert_serves(f, "mine.example", true);
	apply_one(f, OP_REMOVE, "mine.example", NULL, RESULT_OK);
	settings_unref(s);
}

static struct count
lookup_ops(struct fixture *f, const struct backend_op *ops, size_t n)
{
	struct dname *zones = mem_alloc(n * sizeof(zones[0]));
	struct count c = {.n = 0};
	struct backend_error why = {""};

	for (size_t i = 0; i < n; i++)
		zones[i] = ops[i].zone;
	if (f->driver->lookup(f->ctx, zones, n, count_zone, &c, &why) != OK)
		fail_msg("lookup: %s", why.text);
	free(zones);
	return c;
}

static void
start_again(struct fixture *f)
{
	stop_process(&f->server.pid, SIGKILL);
	forget_pid(f);
	server_start(f);
	wait_up(f);
}

/* By what is in his files, where those are known, and yadifad is not asked. */
static void
add__operators_zone_among_many__is_a_conflict(void **state)
{
	enum { N = 200 };
	struct fixture *f = *state;
	const struct yadifa *y;
	struct backend_error why = {""};
	struct backend_op *ops;
	struct settings *s;

	NEED_SERVER(f);
	y = f->ctx;
	s = shared(f, "p");
	write_file(f, "data/operator.zone\n%s", soa_text);
	/* A yadifad that is younger than all the files. */
	usleep(100000);
	start_again(f);
	for (int round = 0; round < 2; round++) {
		ops = make_ops(N, OP_ADD, round == 0 ? "first" : "second", s);
		make_op(&ops[50], OP_ADD, "operator.example", s);
		make_op(&ops[51], OP_ADD, "broken.example", s);
		assert_int_equal(lookup_ops(f, ops, N).n, 2);
		assert_int_equal(y->operator.is_virgin, round == 0);
		assert_int_equal(f->driver->apply(f->ctx, ops, N, &why), OK);
		for (size_t i = 0; i < N; i++)
			assert_int_equal(ops[i].result,
			    i == 50 || i == 51 ? RESULT_CONFLICT : RESULT_OK);
		assert_serves(f, round == 0 ? "z199.first" : "z199.second", true);
		free(ops);
		/* Then there may be ghosts. */
		apply_one(f, OP_REMOVE, "z0.first", NULL,
		    round == 0 ? RESULT_OK : RESULT_ALREADY);
	}
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

	NEED_SERVER(f);
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
	assert_int_equal(running(f), f->server.pid);
	settings_unref(s);
}

static void
add__no_file_and_no_primary__is_taken_and_removable(void **state)
{
	struct fixture *f = *state;
	struct backend_op ops[2];
	struct settings *p, *s;

	NEED_SERVER(f);
	p = primary("p", NULL);
	s = secondary("s", "127.0.0.1@%d", free_port());
	apply_one(f, OP_ADD, "nofile.example", p, RESULT_OK);
	apply_one(f, OP_ADD, "noprimary.example", s, RESULT_OK);
	assert_int_equal(lookup(f, "nofile.example").n_ours, 1);
	assert_int_equal(lookup(f, "noprimary.example").n_ours, 1);
	assert_false(serves(f, "nofile.example"));
	/* What may still be loading is waited for: once for both. */
	make_op(&ops[0], OP_REMOVE, "nofile.example", NULL);
	make_op(&ops[1], OP_REMOVE, "noprimary.example", NULL);
	apply_all(f, ops, 2, RESULT_OK);
	assert_int_equal(lookup(f, "nofile.example").n, 0);
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

	NEED_SERVER(f);
	s[n++] = primary("good", template);
	put_option(s[0], "yadifa", "allow-query any");
	s[n] = primary("signed", template);
	s[n++]->dnssec = mem_strdup("default");
	s[n++] = secondary("nokey", "127.0.0.1 key unheard-of");
	s[n++] = secondary("tls", "127.0.0.1 tls a.example");
	s[n] = primary("mixed", template);
	put_remote(&s[n]->allow_transfer, "127.0.0.1");
	put_remote(&s[n++]->allow_transfer, "127.0.0.1 key xfr-key");
	for (size_t i = 0; i < sizeof(bad_options) / sizeof(bad_options[0]); i++) {
		s[n] = primary("raw", template);
		put_option(s[n++], "yadifa", bad_options[i]);
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

	NEED_SERVER(f);
	s = shared(f, "p");
	start = clock_ms();
	apply_many(f, OP_ADD, 1000, s, RESULT_OK);
	apply_many(f, OP_ADD, 1000, s, RESULT_ALREADY);
	assert_serves(f, "z999.example", true);
	apply_many(f, OP_REMOVE, 1000, NULL, RESULT_OK);
	assert_false(serves(f, "z0.example"));
	assert_false(serves(f, "z999.example"));
	apply_many(f, OP_ADD, 5000, s, RESULT_OK);
	assert_serves(f, "z4999.example", true);
	assert_int_equal(inventory(f).n_ours, 5000);
	apply_many(f, OP_REMOVE, 5000, NULL, RESULT_OK);
	assert_int_equal(inventory(f).n_ours, 0);
	assert_int_equal(running(f), f->server.pid);
	assert_true(clock_ms() - start < 120000);
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

	NEED_SERVER(f);
	good = shared(f, "good");
	bad = shared(f, "bad");
	/* It passes our checks; no such list is in yadifad.conf. */
	put_option(bad, "yadifa", "allow-query nolist");
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
	assert_int_equal(inventory(f).n_ours, 14);
	/* As a change of a zone that is served, it goes on being so. */
	apply_one(f, OP_CHANGE, "n0.example", bad, RESULT_REJECTED);
	assert_true(serves(f, "n0.example"));
	assert_string_equal(lookup(f, "n0.example").mark, "nsherd-good.01234567.0");
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

	NEED_SERVER(f);
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

	NEED_SERVER(f);
	s = shared(f, "p");
	for (unsigned i = 0; i < 25; i++) {
		apply_many(f, OP_ADD, 20, s, RESULT_OK);
		apply_many(f, OP_REMOVE, 20, NULL, RESULT_OK);
	}
	for (unsigned i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "z%u.example", i);
		assert_false(serves(f, name));
	}
	assert_int_equal(running(f), f->server.pid);
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
	for (int i = 0; i < 200 && serial_at(f->hidden.port, zone) != serial; i++)
		usleep(20000);
	assert_int_equal(serial_at(f->hidden.port, zone), serial);
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

	NEED_SERVER(f);
	start_primary(f, 100, "sec.example");
	s = secondary("s", "127.0.0.1@%d key xfr-key", f->hidden.port);
	apply_one(f, OP_ADD, "sec.example", s, RESULT_OK);
	assert_true(wait_serial(f, "sec.example", 100));
	/* The directories of its data are such that it can be removed by us. */
	assert_int_equal(shell("test -z \"$(find %s/xfr -type d ! -perm 2770)\"",
			     f->server.dir),
	    0);
	apply_one(f, OP_REMOVE, "sec.example", NULL, RESULT_OK);
	/* Under the same id it has its data at once, without a primary. */
	stop_process(&f->hidden.pid, SIGTERM);
	other = secondary("s2", "127.0.0.1@%d key xfr-key", f->hidden.port);
	apply_one(f, OP_ADD, "sec.example", other, RESULT_OK);
	assert_true(wait_serial(f, "sec.example", 100));
	/* Another id: nothing of it is left. */
	apply_one(f, OP_REMOVE, "sec.example", NULL, RESULT_OK);
	apply_one(f, OP_PURGE, "sec.example", s, RESULT_OK);
	assert_int_equal(shell("test -z \"$(find %s/xfr -type f)\"", f->server.dir), 0);
	apply_one(f, OP_ADD, "sec.example", s, RESULT_OK);
	usleep(500000);
	assert_false(serves(f, "sec.example"));
	start_primary_at(f, f->hidden.port, 50, "sec.example");
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

	NEED_SERVER(f);
	start_primary(f, 10, "fresh.example");
	port = f->hidden.port;
	assert_int_equal(dname_parse("fresh.example", &zone), OK);
	for (size_t i = 0; i < 3; i++)
		s[i] = secondary(patterns[i], "127.0.0.1@%d key xfr-key", port);
	/* Its NOTIFY is let in beside each kind of list. */
	put_remote(&s[1]->allow_notify, "192.0.2.1 key xfr-key");
	put_remote(&s[2]->allow_notify, "192.0.2.1");
	for (unsigned i = 0; i < 3; i++) {
		apply_one(f, i == 0 ? OP_ADD : OP_CHANGE, "fresh.example", s[i],
		    RESULT_OK);
		assert_true(wait_serial(f, "fresh.example", 10 + i));
		stop_process(&f->hidden.pid, SIGTERM);
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

	NEED_SERVER(f);
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

	NEED_SERVER(f);
	start_primary(f, 50, "role.example");
	p = primary("p", template);
	s = secondary("s", "127.0.0.1@%d key xfr-key", f->hidden.port);
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
	assert_string_equal(lookup(f, "role.example").mark, "nsherd-p.01234567.0");
	settings_unref(p);
	settings_unref(s);
}

static void
change__addresses__has_no_gap(void **state)
{
	struct fixture *f = *state;
	struct settings *a, *b;

	NEED_SERVER(f);
	a = shared(f, "a");
	b = shared(f, "b");
	put_remote(&b->notify, "127.0.0.1@9");
	put_remote(&b->allow_transfer, "127.0.0.1 key xfr-key");
	apply_one(f, OP_ADD, "smooth.example", a, RESULT_OK);
	assert_serves(f, "smooth.example", true);
	/* The agent may still have the image; a gap would show in the log. */
	apply_one(f, OP_CHANGE, "smooth.example", b, RESULT_OK);
	assert_true(serves(f, "smooth.example"));
	assert_string_equal(lookup(f, "smooth.example").mark, "nsherd-b.01234567.0");
	assert_int_equal(shell("grep -q 'key xfr-key' %s", f->server.include), 0);
	assert_int_not_equal(
	    shell("grep -q 'smooth.example.: unregistered' %s/log/all.log",
		f->server.dir),
	    0);
	apply_one(f, OP_CHANGE, "smooth.example", a, RESULT_OK);
	assert_int_not_equal(shell("grep -q 'key xfr-key' %s", f->server.include), 0);
	settings_unref(a);
	settings_unref(b);
}

/* -- when things go wrong -------------------------------------------------- */

/* After five seconds of good life its file is one to go back to. */
static void
wait_survived(struct fixture *f)
{
	struct backend_identity id;
	struct backend_error why = {""};

	for (int i = 0; i < 1000; i++) {
		assert_int_equal(f->driver->identify(f->ctx, &id, &why), OK);
		if (shell("cmp -s %s %s.prev", f->server.include, f->server.include) ==
		    0)
			return;
		usleep(50000);
	}
	fail_msg("zones.conf.prev is not made");
}

static void
server__restarted_and_killed__goes_on(void **state)
{
	struct fixture *f = *state;
	struct backend_identity id, again;
	struct backend_error why = {""};
	struct backend_op op;
	struct settings *s;

	NEED_SERVER(f);
	s = shared(f, "p");
	apply_one(f, OP_ADD, "kept.example", s, RESULT_OK);
	assert_int_equal(f->driver->identify(f->ctx, &id, &why), OK);
	stop_process(&f->server.pid, SIGTERM);
	assert_int_not_equal(f->driver->identify(f->ctx, &again, &why), OK);
	server_start(f);
	wait_up(f);
	assert_int_equal(f->driver->identify(f->ctx, &again, &why), OK);
	assert_string_not_equal(id.process, again.process);
	assert_serves(f, "kept.example", true);
	apply_one(f, OP_ADD, "more.example", s, RESULT_OK);
	/* Killed right after a reload: what it had for long is kept, the rest is
	 * tried again. */
	stop_process(&f->server.pid, SIGKILL);
	make_op(&op, OP_ADD, "down.example", s);
	assert_int_not_equal(f->driver->apply(f->ctx, &op, 1, &why), OK);
	assert_true(op.result == RESULT_NONE || op.result == RESULT_UNKNOWN);
	forget_pid(f);
	server_start(f);
	wait_up(f);
	inventory(f);
	apply_one(f, OP_ADD, "kept.example", s,
	    lookup(f, "kept.example").n ? RESULT_ALREADY : RESULT_OK);
	apply_one(f, OP_ADD, "more.example", s,
	    lookup(f, "more.example").n ? RESULT_ALREADY : RESULT_OK);
	apply_one(f, OP_ADD, "down.example", s,
	    lookup(f, "down.example").n ? RESULT_ALREADY : RESULT_OK);
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

	NEED_SERVER(f);
	s = shared(f, "p");
	apply_one(f, OP_ADD, "good.example", s, RESULT_OK);
	wait_survived(f);
	for (int death = 1; death <= 4; death++) {
		if (death == 4) {
			/* The operator has it tried once more. */
			apply_one(f, OP_ADD, "poison.example", s, RESULT_REJECTED);
			f->driver->pardon(f->ctx);
		}
		if (death == 1) {
			apply_one(f, OP_ADD, "poison.example", s, RESULT_OK);
			stop_process(&f->server.pid, SIGKILL);
		} else {
			/* Tried again it is watched for as long as it takes. */
			pid_t killer = fork();

			if (killer == 0) {
				while (!serves(f, "poison.example"))
					usleep(20000);
				kill(f->server.pid, SIGKILL);
				_exit(0);
			}
			make_op(&op, OP_ADD, "poison.example", s);
			f->driver->apply(f->ctx, &op, 1, &why);
			waitpid(killer, NULL, 0);
			assert_int_equal(op.result, RESULT_UNKNOWN);
			waitpid(f->server.pid, NULL, 0);
			f->server.pid = 0;
		}
		f->driver->identify(f->ctx, &id, &why);
		assert_int_not_equal(shell("grep -q poison %s", f->server.include), 0);
		assert_int_equal(shell("grep -q good.example %s", f->server.include),
		    0);
		forget_pid(f);
		server_start(f);
		wait_up(f);
		assert_int_equal(inventory(f).n_ours, 1);
		assert_serves(f, "good.example", true);
	}
	apply_one(f, OP_ADD, "poison.example", s, RESULT_REJECTED);
	apply_one(f, OP_ADD, "other.example", s, RESULT_OK);
	assert_serves(f, "other.example", true);
	/* And it was not the zone. */
	f->driver->pardon(f->ctx);
	apply_one(f, OP_ADD, "poison.example", s, RESULT_OK);
	assert_serves(f, "poison.example", true);
	settings_unref(s);
}

/* Whoever looked at once may have looked too early. */
static void
server__lives_with_the_previous_file__is_to_be_looked_at_once_more(void **state)
{
	struct fixture *f = *state;
	struct backend_identity id, later;
	struct backend_error why = {""};
	struct settings *s;

	NEED_SERVER(f);
	s = shared(f, "p");
	apply_one(f, OP_ADD, "good.example", s, RESULT_OK);
	wait_survived(f);
	apply_one(f, OP_ADD, "more.example", s, RESULT_OK);
	stop_process(&f->server.pid, SIGKILL);
	f->driver->identify(f->ctx, &id, &why);
	assert_int_not_equal(shell("grep -q more %s", f->server.include), 0);
	forget_pid(f);
	server_start(f);
	wait_up(f);
	assert_int_equal(inventory(f).n_ours, 1);
	assert_int_equal(f->driver->identify(f->ctx, &id, &why), OK);
	later = id;
	for (int i = 0; i < 600 && strcmp(id.process, later.process) == 0; i++) {
		usleep(50000);
		assert_int_equal(f->driver->identify(f->ctx, &later, &why), OK);
	}
	assert_string_not_equal(id.process, later.process);
	settings_unref(s);
}

/* It was started with the file that had the zone, which is ours to add again: not
 * the operator's while it goes. */
static void
server__started_with_the_newer_file__is_no_conflict(void **state)
{
	struct fixture *f = *state;
	struct backend_identity id;
	struct backend_error why = {""};
	struct settings *s;
	char *newer;

	NEED_SERVER(f);
	s = shared(f, "p");
	apply_one(f, OP_ADD, "good.example", s, RESULT_OK);
	wait_survived(f);
	apply_many(f, OP_ADD, 100, s, RESULT_OK);
	newer = read_text(f->server.include);
	stop_process(&f->server.pid, SIGKILL);
	f->driver->identify(f->ctx, &id, &why);
	assert_int_not_equal(shell("grep -q z99.example %s", f->server.include), 0);
	write_text(f->server.include, "we", newer);
	forget_pid(f);
	server_start(f);
	assert_serves(f, "z99.example", true);
	assert_int_equal(lookup(f, "z99.example").n, 0);
	apply_many(f, OP_ADD, 100, s, RESULT_OK);
	assert_serves(f, "z99.example", true);
	free(newer);
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

	NEED_SERVER(f);
	s = shared(f, "p");
	apply_one(f, OP_ADD, "a.example", s, RESULT_OK);
	kill(f->server.pid, SIGSTOP);
	start = clock_ms();
	make_op(&op, OP_ADD, "b.example", s);
	canceler = fork();
	if (canceler == 0) {
		usleep(700000);
		_exit(write(f->cancel[1], "x", 1) == 1 ? 0 : 1);
	}
	assert_int_equal(f->driver->apply(f->ctx, &op, 1, &why), ERR_CANCELED);
	waitpid(canceler, NULL, 0);
	assert_true(clock_ms() - start < 30000);
	assert_int_equal(read(f->cancel[0], &c, 1), 1);
	kill(f->server.pid, SIGCONT);
	wait_up(f);
	apply_one(f, OP_ADD, "b.example", s,
	    lookup(f, "b.example").n ? RESULT_ALREADY : RESULT_OK);
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

	NEED_SERVER(f);
	s = shared(f, "p");
	apply_one(f, OP_ADD, "a.example", s, RESULT_OK);
	apply_one(f, OP_ADD, "b.example", s, RESULT_OK);
	wait_survived(f);
	for (size_t i = 0; i < sizeof(harms) / sizeof(harms[0]); i++) {
		/* While the agent runs: it remembers. */
		shell("cp %s %s/good", f->server.include, f->server.dir);
		assert_int_equal(f->driver->identify(f->ctx, &before, &why), OK);
		assert_int_equal(shell("f=%s; %s", f->server.include, harms[i]), 0);
		assert_int_equal(f->driver->identify(f->ctx, &after, &why), OK);
		assert_string_not_equal(before.process, after.process);
		assert_int_equal(shell("cmp %s %s/good", f->server.include,
				     f->server.dir),
		    0);
		assert_int_equal(inventory(f).n_ours, 2);
		/* While it does not: it has a copy. */
		f->driver->close(f->ctx);
		assert_int_equal(shell("f=%s; %s", f->server.include, harms[i]), 0);
		open_driver(f);
		assert_int_equal(inventory(f).n_ours, 2);
		assert_int_equal(shell("cmp %s %s/good", f->server.include,
				     f->server.dir),
		    0);
		assert_serves(f, "a.example", true);
		assert_serves(f, "b.example", true);
		apply_one(f, OP_ADD, "a.example", s, RESULT_ALREADY);
	}
	assert_int_equal(running(f), f->server.pid);
	settings_unref(s);
}

/* Without the file yadifad does not start: better an edited one than none. */
static void
include__edited_while_the_disk_is_full__stays(void **state)
{
	struct fixture *f = *state;
	struct backend_identity id;
	struct backend_error why = {""};
	struct settings *s;
	struct rlimit was, full;

	NEED_SERVER(f);
	s = shared(f, "p");
	apply_one(f, OP_ADD, "a.example", s, RESULT_OK);
	assert_int_equal(shell("echo '# x' >> %s", f->server.include), 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
	full = was;
	full.rlim_cur = 20;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &full), 0);
	assert_int_not_equal(f->driver->identify(f->ctx, &id, &why), OK);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
	signal(SIGXFSZ, SIG_DFL);
	assert_int_equal(access(f->server.include, F_OK), 0);
	assert_int_equal(f->driver->identify(f->ctx, &id, &why), OK);
	assert_int_equal(shell("grep -q '# x' %s", f->server.include), 1);
	assert_int_equal(shell("grep -q '# x' %s.edited", f->server.include), 0);
	assert_int_equal(inventory(f).n_ours, 1);
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

	NEED_SERVER(f);
	s = shared(f, "p");
	f->driver->close(f->ctx);
	f->options[1].value = "xfr-key"; /* which yadifad does not know */
	open_driver(f);
	assert_int_equal(f->driver->identify(f->ctx, &id, &why), ERR_AUTH);
	assert_non_null(strstr(why.text, "xfr-key"));
	/* It knows the key, but does not obey it. */
	stop_process(&f->server.pid, SIGKILL);
	forget_pid(f);
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

	NEED_SERVER(f);
	write_file(f, "data/operator.zone\n%s", soa_text);
	s = primary("p", template);
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

	NEED_SERVER(f);
	s = primary("p", template);
	put_remote(&s->allow_transfer, "127.0.0.1 key xfr-key");
	apply_one(f, OP_ADD, "a.example", s, RESULT_OK);
	reopen_driver(f);
	assert_int_equal(inventory(f).n_ours, 1);
	assert_string_equal(inventory(f).mark, "nsherd-p.01234567.0");
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

	NEED_SERVER(f);
	s = primary("p", template);
	put_remote(&s->allow_transfer, "127.0.0.1 key xfr-key");
	apply_one(f, OP_ADD, "a.example", s, RESULT_OK);
	f->driver->close(f->ctx);
	old = f->ring;
	f->conf.keys = f->ring = keyring_new();
	add_key(f->ring, "ctl-key", "controlsecret");
	add_key(f->ring, "xfr-key", "another");
	open_driver(f);
	keyring_unref(old);
	inventory(f);
	/* base64 of it */
	assert_int_equal(shell("grep -q YW5vdGhlcg== %s", f->server.include), 0);
	assert_serves(f, "a.example", true);
	/* One that the agent does not have any more stays as it was. */
	f->driver->close(f->ctx);
	old = f->ring;
	f->conf.keys = f->ring = keyring_new();
	add_key(f->ring, "ctl-key", "controlsecret");
	open_driver(f);
	keyring_unref(old);
	x = shared(f, "x");
	apply_one(f, OP_ADD, "b.example", x, RESULT_OK);
	assert_int_equal(shell("grep -q YW5vdGhlcg== %s", f->server.include), 0);
	assert_serves(f, "b.example", true);
	settings_unref(s);
	settings_unref(x);
}

/* -- ghosts ---------------------------------------------------------------- */

/* The operator's hand: n zones, which take long to load, and a reload. */
static void
have_zones(struct fixture *f, unsigned n)
{
	struct backend_error why = {""};
	unsigned rcode;
	bool sent;
	FILE *file = fopen(f->server.include, "we");

	for (unsigned i = 0; i < n; i++)
		fprintf(file,
		    "<zone>\n\tdomain g%u.example\n\tfile \"%s/zones/big.zone\"\n"
		    "\ttype primary\n\tnotify-auto false\n</zone>\n",
		    i, f->server.dir);
	fclose(file);
	if (yadifa_ctrl_reload(f->ctx, 5000, &rcode, &sent, &why) != OK)
		fail_msg("%s", why.text);
}

static void
write_big_zone(struct fixture *f)
{
	FILE *file = fopen(in_dir(f, "zones/big.zone"), "we");

	fputs(soa_text, file);
	for (unsigned i = 0; i < 50000; i++)
		fprintf(file, "h%u A 192.0.2.%u\n", i, i % 256);
	fclose(file);
}

static unsigned
count_served(struct fixture *f, unsigned n)
{
	char name[64];
	unsigned n_served = 0;

	for (unsigned i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "g%u.example", i);
		n_served += serves(f, name);
	}
	return n_served;
}

/* Zones that go while they are being loaded. Waits until nothing changes any more. */
static unsigned
make_ghosts(struct fixture *f, unsigned n)
{
	unsigned n_ghosts = 0;

	for (unsigned round = 0; n_ghosts == 0 && round < 10; round++) {
		have_zones(f, n);
		usleep(10000 + 10000 * round);
		have_zones(f, 0);
		for (unsigned same = 0; same < 10; same++) {
			unsigned before = n_ghosts;

			usleep(100000);
			n_ghosts = count_served(f, n);
			if (n_ghosts != before)
				same = 0;
		}
	}
	return n_ghosts;
}

static void
ghosts__made_by_others__are_found_and_made_to_go(void **state)
{
	enum { N = 10 };
	struct fixture *f = *state;
	struct backend_op *ops;
	struct settings *s;
	char name[64];
	unsigned n_ghosts = 0;

	NEED_SERVER(f);
	s = shared(f, "p");
	write_big_zone(f);
	assert_int_not_equal(make_ghosts(f, N), 0);
	f->driver->close(f->ctx);
	unlink(f->server.include);
	open_driver(f);
	inventory(f);
	/* Among many, too, of which less is asked where his files are known. */
	ops = make_ops(100, OP_ADD, "absent", s);
	for (unsigned i = 0; i < N; i++) {
		snprintf(name, sizeof(name), "g%u.example", i);
		make_op(&ops[i], OP_ADD, name, s);
	}
	assert_int_equal(lookup_ops(f, ops, 100).n_ours, count_served(f, N));
	free(ops);
	for (unsigned i = 0; i < N; i++) {
		struct count seen;

		snprintf(name, sizeof(name), "g%u.example", i);
		if (!serves(f, name))
			continue;
		n_ghosts++;
		seen = lookup(f, name);
		assert_int_equal(seen.n_ours, 1);
		if (n_ghosts % 2 == 0) {
			apply_one(f, OP_REMOVE, name, NULL, RESULT_ALREADY);
		} else {
			apply_one(f, OP_ADD, name, s, RESULT_OK);
			assert_serves(f, name, true);
			apply_one(f, OP_REMOVE, name, NULL, RESULT_OK);
		}
		assert_false(serves(f, name));
		assert_int_equal(lookup(f, name).n, 0);
		if (n_ghosts >= 4)
			break;
	}
	assert_int_not_equal(n_ghosts, 0);
	settings_unref(s);
}

/* -- zones that were not loaded when yadifad started ------------------------ */

static void
hollow__removed__answers_no_more(void **state)
{
	static const char *const zones[] = {"ours.example", "lost.example",
	    "again.example", "sec.example"};
	struct fixture *f = *state;
	struct settings *dead, *s;

	NEED_SERVER(f);
	dead = secondary("d", "127.0.0.1@%d", free_port());
	s = shared(f, "p");
	for (size_t i = 0; i < 4; i++)
		apply_one(f, OP_ADD, zones[i], dead, RESULT_OK);
	wait_survived(f);
	start_again(f);
	assert_int_equal(inventory(f).n_ours, 4);
	assert_int_equal(rcode_of(f, "ours.example"), RCODE_SERVFAIL);
	apply_one(f, OP_REMOVE, "ours.example", NULL, RESULT_OK);
	assert_int_equal(rcode_of(f, "ours.example"), RCODE_REFUSED);
	/* The others are removed by somebody else. */
	f->driver->close(f->ctx);
	unlink(f->server.include);
	assert_int_equal(shell("rm %s.prev", f->server.include), 0);
	open_driver(f);
	assert_int_equal(inventory(f).n, 0);
	assert_int_equal(rcode_of(f, "lost.example"), RCODE_SERVFAIL);
	assert_int_equal(lookup(f, "lost.example").n_ours, 1);
	apply_one(f, OP_REMOVE, "lost.example", NULL, RESULT_ALREADY);
	assert_int_equal(rcode_of(f, "lost.example"), RCODE_REFUSED);
	assert_int_equal(lookup(f, "lost.example").n, 0);
	/* Those that are added need no help. */
	apply_one(f, OP_ADD, "again.example", s, RESULT_OK);
	assert_serves(f, "again.example", true);
	start_primary(f, 100, "sec.example");
	settings_unref(dead);
	dead = secondary("d", "127.0.0.1@%d key xfr-key", f->hidden.port);
	apply_one(f, OP_ADD, "sec.example", dead, RESULT_OK);
	assert_true(wait_serial(f, "sec.example", 100));
	settings_unref(dead);
	settings_unref(s);
}

/* SERVFAIL, too; but that says nothing of the name itself. */
static void
hollow__below_a_zone_not_loaded__is_not(void **state)
{
	struct fixture *f = *state;
	struct settings *s;

	NEED_SERVER(f);
	s = shared(f, "p");
	assert_int_equal(rcode_of(f, "below.broken.example"), RCODE_SERVFAIL);
	assert_int_equal(lookup(f, "below.broken.example").n, 0);
	apply_one(f, OP_REMOVE, "below.broken.example", NULL, RESULT_ALREADY);
	apply_one(f, OP_ADD, "below.broken.example", s, RESULT_OK);
	assert_serves(f, "below.broken.example", true);
	apply_one(f, OP_REMOVE, "below.broken.example", NULL, RESULT_OK);
	assert_int_equal(lookup(f, "below.broken.example").n, 0);
	assert_int_equal(lookup(f, "broken.example").n, 1);
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
	keyring_unref(ring);
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
	keyring_unref(ring);
}

#define REAL(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(include__written__reads_back),
	    cmocka_unit_test(check__faults__are_named),
	    cmocka_unit_test(breaks_mx__versions__are_told_apart),
	    REAL(identify__running__says_what_it_is),
	    REAL(add__primary__is_served_and_goes),
	    cmocka_unit_test_setup_teardown(add__operators_zone__is_a_conflict,
		setup_operator, teardown),
	    cmocka_unit_test_setup_teardown(
		add__operators_zone_among_many__is_a_conflict, setup_known, teardown),
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
	    REAL(server__lives_with_the_previous_file__is_to_be_looked_at_once_more),
	    cmocka_unit_test_setup_teardown(
		server__started_with_the_newer_file__is_no_conflict, setup_talkative,
		teardown),
	    REAL(server__stopped__can_be_canceled),
	    REAL(include__deleted_edited_cut__is_made_again),
	    REAL(include__edited_while_the_disk_is_full__stays),
	    REAL(control__wrong_key_or_no_right__is_said),
	    cmocka_unit_test_setup_teardown(command__verbs__are_orders_or_refused,
		setup_operator, teardown),
	    REAL(agent__restarted__knows_its_zones),
	    REAL(agent__restarted_with_another_secret__tells_yadifad),
	    cmocka_unit_test_setup_teardown(
		ghosts__made_by_others__are_found_and_made_to_go, setup_known,
		teardown),
	    REAL(hollow__removed__answers_no_more),
	    cmocka_unit_test_setup_teardown(hollow__below_a_zone_not_loaded__is_not,
		setup_operator, teardown),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
