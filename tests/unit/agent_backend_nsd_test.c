/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/servers_fixture.h"

#include <sys/un.h>

#include "lib/digest.h"

/*
 * The nsd driver against a real NSD of its own: in a directory of its own, on a
 * free port of the loopback address. Skipped only where there is no nsd.
 */

static const char *const nsd_binary = "/usr/sbin/nsd";

/* -- a server -------------------------------------------------------------- */

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
	const char *const argv[] = {nsd_binary, "-d", "-c", s->conf, NULL};

	s->pid = start_process(argv, NULL);
}

static void
server_start_daemon(struct server *s)
{
	char *line = mem_printf("%s -c %s 2>/dev/null", nsd_binary, s->conf);
	char *path = mem_printf("%s/nsd.pid", s->dir), *text;

	assert_int_equal(system(line), 0);
	for (int i = 0; i < 500 && access(path, R_OK) != 0; i++)
		usleep(10000);
	text = read_text(path);
	s->pid = (pid_t)strtol(text, NULL, 10);
	assert_true(s->pid > 1);
	free(text);
	free(path);
	free(line);
}

/* -- fixtures -------------------------------------------------------------- */

static struct fixture *
make_fixture(bool tls, const char *more)
{
	struct fixture *f = fixture_new("nsd");
	struct server *s = &f->server;
	char *path = in_dir(f, "conf/nsherd.conf");

	snprintf(s->conf, sizeof(s->conf), "%s/nsd.conf", s->dir);
	write_text(path, "we", "");
	chmod(path, 0640);
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
		fixture_free(*state, SIGTERM);
	return 0;
}

/* -- tests ----------------------------------------------------------------- */

static void
nsd_apply__primary_added_and_removed__is_served_and_gone(void **state)
{
	struct fixture *f = *state;
	struct settings *s;
	char *path;

	NEED_SERVER(f);
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

	NEED_SERVER(f);
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

/* What the server itself says of a zone: its pattern, "" for none, NULL: absent.
 * By nsd-control, so that the driver is not its own witness. */
static char *
pattern_in_nsd(struct fixture *f, const char *zone)
{
	char *command =
	    mem_printf("nsd-control -c %s zonestatus '%s' 2>&1", f->server.conf, zone);
	FILE *pipe = popen(command, "r");
	char line[4096], *result = NULL;

	assert_non_null(pipe);
	while (fgets(line, sizeof(line), pipe) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "zone:\t", 6) == 0 && result == NULL)
			result = mem_strdup("");
		if (strncmp(line, "\tpattern: ", 10) == 0) {
			free(result);
			result = mem_strdup(line + 10);
		}
	}
	pclose(pipe);
	free(command);
	return result;
}

static void
expect_pattern(struct fixture *f, const char *zone, const char *expected)
{
	char *pattern = pattern_in_nsd(f, zone);

	if (expected == NULL) {
		assert_null(pattern);
		return;
	}
	assert_non_null(pattern);
	assert_string_equal(pattern, expected);
	free(pattern);
}

static void
control(struct fixture *f, const char *command)
{
	char *line =
	    mem_printf("nsd-control -c %s %s >/dev/null 2>&1", f->server.conf, command);

	assert_int_equal(system(line), 0);
	free(line);
}

static void
nsd_apply__operators_zones__are_conflicts_and_untouched(void **state)
{
	struct fixture *f = *state;
	struct backend_error why = {""};
	struct count c = {.n = 0};
	struct dname names[3];
	struct settings *s;

	NEED_SERVER(f);
	control(f, "addzone op.example operators");
	s = primary("web", NULL);
	prepare_one(f, s, RESULT_OK);
	apply_one(f, OP_ADD, "conf.example", s, RESULT_CONFLICT);
	apply_one(f, OP_ADD, "op.example", s, RESULT_CONFLICT);
	apply_one(f, OP_CHANGE, "op.example", s, RESULT_CONFLICT);
	apply_one(f, OP_REMOVE, "op.example", s, RESULT_CONFLICT);
	apply_one(f, OP_REMOVE, "conf.example", s, RESULT_CONFLICT);
	apply_one(f, OP_PURGE, "conf.example", s, RESULT_RETRY);
	expect_pattern(f, "op.example", "operators");
	expect_pattern(f, "conf.example", "");
	c = inventory(f);
	assert_int_equal(c.n, 2);
	assert_int_equal(c.n_ours, 0);
	c.n = 0;
	assert_int_equal(dname_parse("conf.example", &names[0]), OK);
	assert_int_equal(dname_parse("op.example", &names[1]), OK);
	assert_int_equal(dname_parse("none.example", &names[2]), OK);
	assert_int_equal(f->driver->lookup(f->ctx, names, 3, count_zone, &c, &why), OK);
	assert_int_equal(c.n, 2);
	assert_int_equal(c.n_ours, 0);
	assert_int_equal(f->driver->command(f->ctx, VERB_RELOAD, &names[1], &why),
	    ERR_DENIED);
	assert_int_equal(f->driver->command(f->ctx, VERB_RELOAD, &names[2], &why),
	    ERR_NOTFOUND);
	settings_unref(s);
}

/* More than the driver asks for one by one, so the zone list file decides. */
static void
nsd_apply__operators_zones_in_a_large_batch__are_conflicts(void **state)
{
	static const char *const zones[] = {"a.example", "conf.example", "b.example",
	    "OP.example", "c.example", "d.example", "e.example", "f.example",
	    "g.example", "h.example", "i.example", "j.example"};
	enum { N = sizeof(zones) / sizeof(zones[0]) };
	static const enum backend_op_kind kinds[] = {OP_ADD, OP_CHANGE, OP_REMOVE,
	    OP_REMOVE};
	struct fixture *f = *state;
	struct backend_op ops[N];
	struct backend_error why = {""};
	struct settings *s;

	NEED_SERVER(f);
	control(f, "addzone Op.Example. operators");
	s = primary("web", NULL);
	prepare_one(f, s, RESULT_OK);
	for (size_t round = 0; round < 4; round++) {
		enum backend_result expected = round == 0   ? RESULT_OK
					       : round == 2 ? RESULT_OK
							    : RESULT_ALREADY;

		for (size_t i = 0; i < N; i++)
			make_op(&ops[i], kinds[round], zones[i], s);
		assert_int_equal(f->driver->apply(f->ctx, ops, N, &why), OK);
		for (size_t i = 0; i < N; i++)
			assert_int_equal(ops[i].result,
			    i == 1 || i == 3 ? RESULT_CONFLICT : expected);
	}
	expect_pattern(f, "op.example", "operators");
	expect_pattern(f, "conf.example", "");
	settings_unref(s);
}

static void
nsd_apply__odd_names__are_served_or_rejected(void **state)
{
	static const char l63[] =
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
	static const char *const good[] = {"1/2.2.0.192.in-addr.arpa", "a\\.b.example",
	    "*.wild.example", "\\000nul.example", "sp\\032ace.example", "_x-y.example",
	    "quo\\\"te.example", "semi\\;colon.example", "%s%1.example",
	    "\\255.example", "UPPER.Example", "$x.example", "xn--bcher-kva.example"};
	struct fixture *f = *state;
	struct settings *s;
	char *name;

	NEED_SERVER(f);
	s = primary("odd", template);
	prepare_one(f, s, RESULT_OK);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		apply_one(f, OP_ADD, good[i], s, RESULT_OK);
		wait_rcode(f, good[i], NOERROR);
		apply_one(f, OP_ADD, good[i], s, RESULT_ALREADY);
	}
	name = mem_printf("%s.example", l63);
	apply_one(f, OP_ADD, name, s, RESULT_OK);
	wait_rcode(f, name, NOERROR);
	free(name);
	/* 240 characters are the most that the file name can have */
	name = mem_printf("%s.%s.%s.%.48s", l63, l63, l63, l63);
	assert_int_equal(strlen(name), 240);
	apply_one(f, OP_ADD, name, s, RESULT_OK);
	wait_rcode(f, name, NOERROR);
	apply_one(f, OP_REMOVE, name, s, RESULT_OK);
	wait_rcode(f, name, REFUSED);
	apply_one(f, OP_PURGE, name, s, RESULT_OK);
	free(name);
	name = mem_printf("%s.%s.%s.%.61s", l63, l63, l63, l63);
	assert_int_equal(strlen(name), 253);
	apply_one(f, OP_ADD, name, s, RESULT_REJECTED);
	apply_one(f, OP_REMOVE, name, s, RESULT_ALREADY);
	free(name);
	apply_one(f, OP_ADD, ".", s, RESULT_REJECTED);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		apply_one(f, OP_REMOVE, good[i], s, RESULT_OK);
		wait_rcode(f, good[i], REFUSED);
		apply_one(f, OP_PURGE, good[i], s, RESULT_OK);
	}
	settings_unref(s);
}

static void
nsd_apply__other_pattern__is_changed_without_a_gap(void **state)
{
	struct fixture *f = *state;
	struct settings *one, *two;

	NEED_SERVER(f);
	one = primary("one", template);
	two = primary("two", template);
	prepare_one(f, one, RESULT_OK);
	prepare_one(f, two, RESULT_OK);
	apply_one(f, OP_ADD, "a.example", one, RESULT_OK);
	wait_rcode(f, "a.example", NOERROR);
	/* The server processes from before a reload answer a little longer. */
	usleep(300000);
	for (int i = 0; i < 10; i++) {
		bool aa;

		apply_one(f, i % 2 ? OP_ADD : OP_CHANGE, "a.example", i % 2 ? one : two,
		    RESULT_OK);
		assert_int_equal(ask(&f->server, "a.example", &aa), 0);
		assert_true(aa);
	}
	expect_pattern(f, "a.example", "nsherd-one.01234567.0");
	apply_one(f, OP_CHANGE, "new.example", two, RESULT_OK);
	wait_rcode(f, "new.example", NOERROR);
	settings_unref(one);
	settings_unref(two);
}

/* Its data would else be nowhere: the former file is not where NSD looks. */
static void
nsd_apply__other_zonefile_of_a_primary__is_made_of_the_template(void **state)
{
	struct fixture *f = *state;
	struct settings *one, *two, *gone;
	char *path, *text;

	NEED_SERVER(f);
	one = primary("one", template);
	two = primary("two", template);
	free(two->zonefile);
	two->zonefile = mem_strdup("more/${zone}.db");
	gone = primary("gone", NULL);
	prepare_one(f, one, RESULT_OK);
	prepare_one(f, two, RESULT_OK);
	prepare_one(f, gone, RESULT_OK);
	apply_one(f, OP_ADD, "a.example", one, RESULT_OK);
	wait_rcode(f, "a.example", NOERROR);
	path = mem_printf("%s/zones/a.example.zone", f->server.dir);
	write_text(path, "we", "@ 60 SOA a. b. 77 1 1 1 1\n@ 60 NS a.\n");
	apply_one(f, OP_CHANGE, "a.example", two, RESULT_OK);
	free(path);
	path = mem_printf("%s/zones/more/a.example.db", f->server.dir);
	text = read_text(path);
	assert_non_null(strstr(text, "ns.invalid."));
	free(text);
	wait_rcode(f, "a.example", NOERROR);
	/* What somebody wrote there stays. */
	apply_one(f, OP_CHANGE, "a.example", one, RESULT_OK);
	write_text(path, "we", "@ 60 SOA a. b. 78 1 1 1 1\n@ 60 NS a.\n");
	apply_one(f, OP_CHANGE, "a.example", two, RESULT_OK);
	text = read_text(path);
	assert_non_null(strstr(text, " 78 "));
	free(text);
	/* The pattern of a zone without a file gets a template. */
	apply_one(f, OP_ADD, "b.example", gone, RESULT_OK);
	wait_rcode(f, "b.example", SERVFAIL);
	apply_one(f, OP_CHANGE, "b.example", one, RESULT_OK);
	wait_rcode(f, "b.example", NOERROR);
	free(path);
	settings_unref(one);
	settings_unref(two);
	settings_unref(gone);
}

static void
nsd_apply__existing_zone_file__is_not_overwritten(void **state)
{
	struct fixture *f = *state;
	struct settings *s;
	char *path, *text;

	NEED_SERVER(f);
	s = primary("web", template);
	prepare_one(f, s, RESULT_OK);
	path = mem_printf("%s/zones/a.example.zone", f->server.dir);
	write_text(path, "we", "@ 60 SOA a. b. 77 1 1 1 1\n@ 60 NS a.\n");
	apply_one(f, OP_ADD, "a.example", s, RESULT_OK);
	text = read_text(path);
	assert_non_null(strstr(text, " 77 "));
	free(text);
	free(path);
	settings_unref(s);
}

static void
nsd_purge__symbolic_links__are_not_followed(void **state)
{
	struct fixture *f = *state;
	struct settings *s;
	struct backend_op op;
	struct backend_error why = {""};
	char *victim, *link, *ixfr;

	NEED_SERVER(f);
	s = primary("web", NULL);
	victim = mem_printf("%s/v.example.zone", f->server.dir);
	link = mem_printf("%s/zones/sub", f->server.dir);
	write_text(victim, "we", "precious");
	assert_int_equal(symlink(f->server.dir, link), 0);
	make_op(&op, OP_PURGE, "v.example", NULL);
	op.zonefile = "sub/v.example.zone";
	assert_int_equal(f->driver->apply(f->ctx, &op, 1, &why), OK);
	assert_int_equal(op.result, RESULT_REJECTED);
	op.zonefile = "../v.example.zone";
	assert_int_equal(f->driver->apply(f->ctx, &op, 1, &why), OK);
	assert_int_equal(op.result, RESULT_REJECTED);
	op.zonefile = victim;
	assert_int_equal(f->driver->apply(f->ctx, &op, 1, &why), OK);
	assert_int_equal(op.result, RESULT_REJECTED);
	/* what is recorded where zones share a file */
	op.zonefile = "/";
	assert_int_equal(f->driver->apply(f->ctx, &op, 1, &why), OK);
	assert_int_equal(op.result, RESULT_ALREADY);
	assert_int_equal(access(victim, F_OK), 0);
	free(victim);
	victim = mem_printf("%s/zones/v.example.zone", f->server.dir);
	ixfr = mem_printf("%s.ixfr.2", victim);
	write_text(victim, "we", "old");
	write_text(ixfr, "we", "old");
	apply_one(f, OP_PURGE, "v.example", s, RESULT_OK);
	assert_int_equal(access(victim, F_OK), -1);
	assert_int_equal(access(ixfr, F_OK), -1);
	free(ixfr);
	free(victim);
	free(link);
	settings_unref(s);
}

/* As long as a file's name can be: what NSD would have beside it cannot. */
static void
nsd_purge__longest_file_name__goes(void **state)
{
	struct fixture *f = *state;
	struct settings *s;
	struct backend_op op;
	struct backend_error why = {""};
	char *name = mem_zalloc(256), *path;

	NEED_SERVER(f);
	s = primary("web", template);
	memset(name, 'x', 254);
	memcpy(name, "${zone}.", 8);
	free(s->zonefile);
	s->zonefile = mem_strdup(name);
	prepare_one(f, s, RESULT_OK);
	/* of a name that is two octets longer than the variable ... */
	apply_one(f, OP_ADD, "l.example", s, RESULT_REJECTED);
	/* ... and as long */
	apply_one(f, OP_ADD, "example", s, RESULT_OK);
	wait_rcode(f, "example", NOERROR);
	apply_one(f, OP_REMOVE, "example", NULL, RESULT_OK);
	make_op(&op, OP_PURGE, "example", NULL);
	memcpy(name, "example.", 8);
	op.zonefile = name;
	assert_int_equal(f->driver->apply(f->ctx, &op, 1, &why), OK);
	assert_int_equal(op.result, RESULT_OK);
	path = mem_printf("%s/zones/%s", f->server.dir, name);
	assert_int_equal(access(path, F_OK), -1);
	free(path);
	free(name);
	settings_unref(s);
}

static void
nsd_apply__zone_file_in_directory__directory_is_made(void **state)
{
	struct fixture *f = *state;
	struct settings *s;

	NEED_SERVER(f);
	s = primary("deep", template);
	free(s->zonefile);
	s->zonefile = mem_strdup("p/${zone}/db");
	prepare_one(f, s, RESULT_OK);
	apply_one(f, OP_ADD, "a.example", s, RESULT_OK);
	wait_rcode(f, "a.example", NOERROR);
	settings_unref(s);
}

/* -- patterns -------------------------------------------------------------- */

static void
nsd_prepare__keys__are_written_and_follow_the_ring(void **state)
{
	struct fixture *f = *state;
	struct keyring *old;
	struct settings *s, *unknown;
	struct stat st;
	char *path, *text;

	NEED_SERVER(f);
	add_key(f->ring, "xfr.example", "first secret");
	s = secondary("sec", "127.0.0.1@9 key xfr.example");
	unknown = secondary("unk", "127.0.0.1@9 key nope.example");
	prepare_one(f, unknown, RESULT_REJECTED);
	prepare_one(f, s, RESULT_OK);
	path = mem_printf("%s/conf/nsherd.conf", f->server.dir);
	text = read_text(path);
	assert_non_null(strstr(text, "secret: \"Zmlyc3Qgc2VjcmV0\""));
	assert_non_null(strstr(text, "request-xfr: 127.0.0.1@9 \"xfr.example.\""));
	assert_null(strstr(text, "nope"));
	free(text);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	apply_one(f, OP_ADD, "a.example", s, RESULT_OK);
	/* another secret under the same name */
	old = f->ring;
	f->ring = keyring_new();
	add_key(f->ring, "xfr.example", "other secret");
	f->driver->close(f->ctx);
	f->conf.keys = f->ring;
	open_driver(f);
	keyring_unref(old);
	/* no zone needs to change for it */
	assert_int_equal(inventory(f).n, 1);
	text = read_text(path);
	assert_non_null(strstr(text, "secret: \"b3RoZXIgc2VjcmV0\""));
	assert_null(strstr(text, "Zmlyc3Qgc2VjcmV0"));
	free(text);
	expect_pattern(f, "a.example", "nsherd-sec.01234567.0");
	free(path);
	settings_unref(s);
	settings_unref(unknown);
}

/* It says nothing of NSD. */
static void
nsd_apply__zone_dir_is_gone__is_tried_again(void **state)
{
	struct fixture *f = *state;
	struct settings *s;
	char *away;

	NEED_SERVER(f);
	s = primary("one", template);
	prepare_one(f, s, RESULT_OK);
	away = mem_printf("%s/away", f->server.dir);
	assert_int_equal(rename(f->conf.zone_dir, away), 0);
	apply_one(f, OP_ADD, "a.example", s, RESULT_RETRY);
	assert_int_equal(rename(away, f->conf.zone_dir), 0);
	apply_one(f, OP_ADD, "a.example", s, RESULT_OK);
	wait_rcode(f, "a.example", NOERROR);
	settings_unref(s);
	free(away);
}

static void
nsd_prepare__bad_settings__are_rejected_alone(void **state)
{
	struct fixture *f = *state;
	struct settings *s[6];
	enum backend_result results[6];
	struct backend_error texts[6], why = {""};
	const enum backend_result expected[6] = {RESULT_OK, RESULT_REJECTED,
	    RESULT_REJECTED, RESULT_OK, RESULT_REJECTED, RESULT_REJECTED};

	NEED_SERVER(f);
	s[0] = primary("good", NULL);
	s[1] = primary("badoption", NULL); /* NSD's own check finds it */
	put_option(s[1], "nsd", "no-such-option: yes");
	s[2] = primary("badvalue", NULL);
	put_option(s[2], "nsd", "max-refresh-time: soon");
	s[3] = primary("goodoption", NULL);
	put_option(s[3], "nsd", "size-limit-xfr: 500000000");
	s[4] = primary("signed", NULL);
	s[4]->dnssec = mem_strdup("default");
	s[5] = primary("block", NULL);
	put_option(s[5], "nsd", "zone: x");
	assert_int_equal(f->driver->prepare(f->ctx, s, 6, results, texts, &why), OK);
	for (int i = 0; i < 6; i++) {
		if (results[i] != expected[i])
			fail_msg("%d: %d %s", i, (int)results[i], texts[i].text);
		assert_true((results[i] == RESULT_OK) == (texts[i].text[0] == '\0'));
	}
	assert_non_null(strstr(texts[1].text, ": error: "));
	apply_one(f, OP_ADD, "a.example", s[0], RESULT_OK);
	apply_one(f, OP_ADD, "b.example", s[3], RESULT_OK);
	for (int i = 0; i < 6; i++)
		settings_unref(s[i]);
}

static void
nsd_prepare__too_many_variants__are_rejected(void **state)
{
	struct fixture *f = *state;
	struct settings *s[5];
	enum backend_result results[5];
	struct backend_error texts[5], why = {""};

	NEED_SERVER(f);
	f->driver->close(f->ctx);
	f->conf.max_variants = 3;
	open_driver(f);
	for (unsigned i = 0; i < 5; i++) {
		s[i] = primary("many", NULL);
		snprintf(s[i]->hash, sizeof(s[i]->hash), "0000000%u", i);
	}
	assert_int_equal(f->driver->prepare(f->ctx, s, 5, results, texts, &why), OK);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(results[i], i < 3 ? RESULT_OK : RESULT_REJECTED);
		settings_unref(s[i]);
	}
}

static void
nsd_prepare__same_name_other_settings__is_rejected(void **state)
{
	struct fixture *f = *state;
	struct settings *one, *two;

	NEED_SERVER(f);
	one = secondary("same", "127.0.0.1@9");
	two = secondary("same", "127.0.0.2@9");
	prepare_one(f, one, RESULT_OK);
	prepare_one(f, two, RESULT_REJECTED);
	prepare_one(f, one, RESULT_OK);
	settings_unref(one);
	settings_unref(two);
}

static void
nsd_prepare__operators_file_broken__waits_and_old_patterns_go_on(void **state)
{
	struct fixture *f = *state;
	struct settings *one, *two;
	enum backend_result result;
	struct backend_error text = {""}, why = {""};
	char *before, *after, *path;

	NEED_SERVER(f);
	one = primary("one", NULL);
	two = primary("two", NULL);
	prepare_one(f, one, RESULT_OK);
	path = mem_printf("%s/conf/nsherd.conf", f->server.dir);
	before = read_text(path);
	usleep(50000);
	server_configure(&f->server, "server:\n\tnonsense: 1\n");
	assert_int_equal(f->driver->prepare(f->ctx, &two, 1, &result, &text, &why), OK);
	assert_int_equal(result, RESULT_RETRY);
	assert_non_null(strstr(text.text, "operator-config-changed"));
	assert_non_null(strstr(text.text, "nsd.conf:"));
	after = read_text(path);
	assert_string_equal(before, after);
	prepare_one(f, one, RESULT_OK);
	apply_one(f, OP_ADD, "a.example", one, RESULT_OK);
	server_configure(&f->server, "");
	prepare_one(f, two, RESULT_OK);
	free(before);
	free(after);
	free(path);
	settings_unref(one);
	settings_unref(two);
}

static void
nsd_prepare__hold_and_operators_file_newer__waits_for_the_operator(void **state)
{
	struct fixture *f = *state;
	struct settings *one, *two;
	enum backend_result result;
	struct backend_error text = {""}, why = {""};

	NEED_SERVER(f);
	f->driver->close(f->ctx);
	f->conf.reconfig_hold = true;
	usleep(50000);
	open_driver(f);
	one = primary("one", NULL);
	two = primary("two", NULL);
	prepare_one(f, one, RESULT_OK);
	usleep(50000);
	server_configure(&f->server, "pattern:\n\tname: operators\n");
	for (int i = 0; i < 2; i++) {
		assert_int_equal(f->driver->prepare(f->ctx, &two, 1, &result, &text,
				     &why),
		    OK);
		assert_int_equal(result, RESULT_RETRY);
		assert_non_null(strstr(text.text, "operator-config-changed"));
	}
	/* what NSD has read already can be used */
	apply_one(f, OP_ADD, "a.example", one, RESULT_OK);
	control(f, "reconfig");
	prepare_one(f, two, RESULT_OK);
	apply_one(f, OP_ADD, "b.example", two, RESULT_OK);
	settings_unref(one);
	settings_unref(two);
}

static void
nsd_prepare__not_included__says_so_and_does_not_reconfig(void **state)
{
	struct fixture *f = *state;
	struct settings *s;
	enum backend_result result;
	struct backend_error text = {""}, why = {""};
	char *command;

	NEED_SERVER(f);
	command = mem_printf("sed -i /include/d %s", f->server.conf);
	assert_int_equal(system(command), 0);
	free(command);
	s = primary("one", NULL);
	assert_int_equal(f->driver->prepare(f->ctx, &s, 1, &result, &text, &why), OK);
	assert_int_equal(result, RESULT_RETRY);
	assert_non_null(strstr(text.text, "does not include"));
	settings_unref(s);
}

static void
nsd_prepare__operators_pattern_gone_while_used__does_not_reconfig(void **state)
{
	struct fixture *f = *state;
	struct settings *s;
	enum backend_result result;
	struct backend_error text = {""}, why = {""};

	NEED_SERVER(f);
	control(f, "addzone op.example operators");
	server_configure(&f->server, "");
	s = primary("one", NULL);
	assert_int_equal(f->driver->prepare(f->ctx, &s, 1, &result, &text, &why), OK);
	assert_int_equal(result, RESULT_RETRY);
	assert_non_null(strstr(text.text, "operators"));
	expect_pattern(f, "op.example", "operators");
	settings_unref(s);
}

static void
nsd_apply__nsd_forgot_the_pattern__is_made_to_read_it(void **state)
{
	struct fixture *f = *state;
	struct settings *s;
	char *path, *text;

	NEED_SERVER(f);
	s = primary("one", template);
	prepare_one(f, s, RESULT_OK);
	path = mem_printf("%s/conf/nsherd.conf", f->server.dir);
	text = read_text(path);
	write_text(path, "we", "");
	control(f, "reconfig");
	write_text(path, "we", text);
	apply_one(f, OP_ADD, "a.example", s, RESULT_OK);
	wait_rcode(f, "a.example", NOERROR);
	free(text);
	free(path);
	settings_unref(s);
}

static enum err
expect_lost(void *arg, const struct dname *zone, const char *mark)
{
	size_t *n_lost = arg;

	(void)zone;
	assert_non_null(mark);
	*n_lost += strcmp(mark, "nsherd-lost") == 0;
	return OK;
}

static void
nsd_prepare__include_lost__patterns_in_use_are_kept_and_recovered(void **state)
{
	struct fixture *f = *state;
	struct settings *one, *two, *three;
	struct backend_error why = {""};
	size_t n_lost = 0;
	char *path, *text;

	NEED_SERVER(f);
	one = primary("one", template);
	two = primary("two", template);
	three = primary("three", NULL);
	prepare_one(f, one, RESULT_OK);
	prepare_one(f, two, RESULT_OK);
	apply_one(f, OP_ADD, "a.example", one, RESULT_OK);
	apply_one(f, OP_ADD, "b.example", two, RESULT_OK);
	wait_rcode(f, "a.example", NOERROR);
	/* the agent is away, and somebody spoils the block of pattern one */
	f->driver->close(f->ctx);
	path = mem_printf("%s/conf/nsherd.conf", f->server.dir);
	text = read_text(path);
	memcpy(strstr(text, "\tname: \"nsherd-one"), "\tNAME", 5);
	write_text(path, "we", text);
	open_driver(f);
	prepare_one(f, three, RESULT_OK);
	expect_pattern(f, "a.example", "nsherd-one.01234567.0");
	expect_pattern(f, "b.example", "nsherd-two.01234567.0");
	assert_int_equal(f->driver->inventory(f->ctx, expect_lost, &n_lost, &why), OK);
	assert_int_equal(n_lost, 1);
	prepare_one(f, one, RESULT_OK);
	n_lost = 0;
	assert_int_equal(f->driver->inventory(f->ctx, expect_lost, &n_lost, &why), OK);
	assert_int_equal(n_lost, 0);
	wait_rcode(f, "a.example", NOERROR);
	/* the whole file is gone: the agent sees it at once */
	f->driver->close(f->ctx);
	assert_int_equal(unlink(path), 0);
	open_driver(f);
	assert_int_equal(f->driver->inventory(f->ctx, expect_lost, &n_lost, &why), OK);
	assert_int_equal(n_lost, 2);
	prepare_one(f, three, RESULT_OK);
	expect_pattern(f, "a.example", "nsherd-one.01234567.0");
	expect_pattern(f, "b.example", "nsherd-two.01234567.0");
	free(text);
	free(path);
	settings_unref(one);
	settings_unref(two);
	settings_unref(three);
}

static void
nsd_prepare__include_too_large_to_read_again__is_not_written(void **state)
{
	struct fixture *f = *state;
	struct settings *one, *big;
	enum backend_result result;
	struct backend_error text = {""}, why = {""};
	char *option, *before, *after;
	const char *path;

	NEED_SERVER(f);
	one = primary("one", template);
	big = primary("big", NULL);
	prepare_one(f, one, RESULT_OK);
	path = in_dir(f, "conf/nsherd.conf");
	before = read_text(path);
	option = mem_zalloc((17 << 20) + 1);
	memset(option, '0', 17 << 20);
	memcpy(option, "size-limit-xfr: ", 16);
	put_option(big, "nsd", option);
	assert_int_equal(f->driver->prepare(f->ctx, &big, 1, &result, &text, &why), OK);
	assert_int_equal(result, RESULT_RETRY);
	assert_non_null(strstr(text.text, "would be larger than the 16 MiB"));
	after = read_text(path);
	assert_string_equal(before, after);
	prepare_one(f, one, RESULT_OK);
	free(option);
	free(before);
	free(after);
	settings_unref(one);
	settings_unref(big);
}

static void
nsd_retire__unused_patterns__go_and_used_ones_stay(void **state)
{
	struct fixture *f = *state;
	struct settings *used, *marked, *unused;
	struct backend_error why = {""};
	const char *marks[] = {"nsherd-marked.01234567.0"};
	char *path, *text;

	NEED_SERVER(f);
	used = primary("used", NULL);
	marked = primary("marked", NULL);
	unused = primary("unused", NULL);
	prepare_one(f, used, RESULT_OK);
	prepare_one(f, marked, RESULT_OK);
	prepare_one(f, unused, RESULT_OK);
	apply_one(f, OP_ADD, "a.example", used, RESULT_OK);
	assert_int_equal(f->driver->retire(f->ctx, marks, 1, &why), OK);
	path = mem_printf("%s/conf/nsherd.conf", f->server.dir);
	text = read_text(path);
	assert_non_null(strstr(text, "nsherd-used."));
	assert_non_null(strstr(text, "nsherd-marked."));
	assert_null(strstr(text, "nsherd-unused."));
	free(text);
	free(path);
	expect_pattern(f, "a.example", "nsherd-used.01234567.0");
	settings_unref(used);
	settings_unref(marked);
	settings_unref(unused);
}

/* -- a server that is slow, dead or new ------------------------------------ */

static void
nsd_apply__server_stopped__times_out_or_is_canceled(void **state)
{
	struct fixture *f = *state;
	struct backend_error why = {""};
	struct backend_identity id;
	struct backend_op op;
	struct settings *s;
	int64_t start;

	NEED_SERVER(f);
	s = secondary("one", "127.0.0.1@9");
	prepare_one(f, s, RESULT_OK);
	f->driver->close(f->ctx);
	f->conf.timeout_ms = 700;
	open_driver(f);
	assert_int_equal(kill(f->server.pid, SIGSTOP), 0);
	make_op(&op, OP_ADD, "a.example", s);
	start = clock_ms();
	assert_int_equal(f->driver->apply(f->ctx, &op, 1, &why), ERR_TIMEOUT);
	assert_int_equal(op.result, RESULT_UNKNOWN);
	assert_in_range(clock_ms() - start, 600, 30000);
	assert_int_equal(f->driver->identify(f->ctx, &id, &why), ERR_TIMEOUT);
	f->driver->close(f->ctx);
	f->conf.timeout_ms = 120000;
	open_driver(f);
	if (fork() == 0) {
		usleep(300000);
		_exit(write(f->cancel[1], "x", 1) != 1);
	}
	start = clock_ms();
	assert_int_equal(f->driver->apply(f->ctx, &op, 1, &why), ERR_CANCELED);
	assert_int_equal(op.result, RESULT_UNKNOWN);
	assert_in_range(clock_ms() - start, 200, 30000);
	assert_int_equal(f->driver->inventory(f->ctx, count_zone, NULL, &why),
	    ERR_CANCELED);
	wait(NULL);
	settings_unref(s);
}

static void
nsd_apply__server_killed_in_a_batch__unknown_or_not_tried(void **state)
{
	enum { N = 5000 };
	struct fixture *f = *state;
	struct backend_error why = {""};
	struct backend_op *ops;
	struct settings *s;
	size_t n_unknown = 0;
	enum err err;
	pid_t killer;

	NEED_SERVER(f);
	s = secondary("one", "127.0.0.1@9");
	prepare_one(f, s, RESULT_OK);
	ops = mem_zalloc(N * sizeof(ops[0]));
	for (int i = 0; i < N; i++) {
		char zone[64];

		snprintf(zone, sizeof(zone), "z%d.bulk.example", i);
		make_op(&ops[i], OP_ADD, zone, s);
	}
	killer = fork();
	if (killer == 0) {
		usleep(30000);
		kill(f->server.pid, SIGKILL);
		_exit(0);
	}
	do {
		for (int i = 0; i < N; i++)
			ops[i].kind = ops[i].kind == OP_ADD ? OP_REMOVE : OP_ADD;
		err = f->driver->apply(f->ctx, ops, N, &why);
	} while (err == OK);
	assert_int_not_equal(err, ERR_CANCELED);
	for (int i = 0; i < N; i++) {
		n_unknown += ops[i].result == RESULT_UNKNOWN;
		assert_true(
		    ops[i].result == RESULT_UNKNOWN || ops[i].result == RESULT_NONE);
	}
	assert_true(n_unknown == 0 || n_unknown == N);
	waitpid(killer, NULL, 0);
	stop_process(&f->server.pid, SIGKILL);
	assert_int_equal(f->driver->apply(f->ctx, ops, N, &why), ERR_CLOSED);
	assert_int_equal(ops[0].result, RESULT_NONE);
	free(ops);
	settings_unref(s);
}

static void
nsd_identify__server_restarted__is_another_process(void **state)
{
	struct fixture *f = *state;
	struct backend_identity before, after;
	struct backend_error why = {""};
	struct settings *s;

	NEED_SERVER(f);
	s = primary("one", template);
	prepare_one(f, s, RESULT_OK);
	apply_one(f, OP_ADD, "a.example", s, RESULT_OK);
	assert_int_equal(f->driver->identify(f->ctx, &before, &why), OK);
	assert_string_equal(before.product, "NSD");
	assert_int_equal(strncmp(before.version, "4.", 2), 0);
	assert_int_equal(f->driver->identify(f->ctx, &after, &why), OK);
	assert_string_equal(before.process, after.process);
	stop_process(&f->server.pid, SIGTERM);
	assert_int_equal(f->driver->identify(f->ctx, &after, &why), ERR_CLOSED);
	wait_port_free(f->server.port);
	server_start(&f->server);
	wait_up(f);
	assert_int_equal(f->driver->identify(f->ctx, &after, &why), OK);
	assert_string_not_equal(before.process, after.process);
	prepare_one(f, s, RESULT_OK);
	apply_one(f, OP_ADD, "a.example", s, RESULT_ALREADY);
	wait_rcode(f, "a.example", NOERROR);
	settings_unref(s);
}

static size_t
count_in_log(struct fixture *f, const char *words)
{
	char *path = mem_printf("%s/nsd.log", f->server.dir);
	char *text = read_text(path);
	size_t n = 0;

	for (const char *at = text; (at = strstr(at, words)) != NULL; at++)
		n++;
	free(text);
	free(path);
	return n;
}

/* NSD writes a line of log for each question. */
static void
nsd_identify__nothing_changed__nsd_is_not_asked(void **state)
{
	struct fixture *f = *state;
	struct backend_identity one, two;
	struct backend_error why = {""};
	size_t before;

	NEED_SERVER(f);
	assert_int_equal(f->driver->identify(f->ctx, &one, &why), OK);
	before = count_in_log(f, "control cmd:");
	assert_true(before > 0);
	for (int i = 0; i < 50; i++) {
		assert_int_equal(f->driver->identify(f->ctx, &two, &why), OK);
		assert_string_equal(one.process, two.process);
	}
	assert_int_equal(count_in_log(f, "control cmd:"), before);
	/* ended, though nobody has asked the kernel for its status yet */
	kill(f->server.pid, SIGKILL);
	for (int i = 0; i < 500; i++) {
		if (f->driver->identify(f->ctx, &two, &why) != OK)
			break;
		usleep(10000);
	}
	assert_int_equal(f->driver->identify(f->ctx, &two, &why), ERR_CLOSED);
}

/* NSD would not start again without it. */
static void
nsd_identify__include_deleted_and_server_down__is_made_again(void **state)
{
	struct fixture *f = *state;
	struct backend_identity id;
	struct backend_error why = {""};
	struct settings *s;
	char *path;

	NEED_SERVER(f);
	path = mem_printf("%s/conf/nsherd.conf", f->server.dir);
	s = primary("one", template);
	prepare_one(f, s, RESULT_OK);
	apply_one(f, OP_ADD, "a.example", s, RESULT_OK);
	wait_rcode(f, "a.example", NOERROR);
	assert_int_equal(unlink(path), 0);
	stop_process(&f->server.pid, SIGTERM);
	wait_port_free(f->server.port);
	assert_int_not_equal(f->driver->identify(f->ctx, &id, &why), OK);
	assert_int_equal(access(path, R_OK), 0);
	server_start(&f->server);
	wait_up(f);
	wait_rcode(f, "a.example", NOERROR);
	settings_unref(s);
	free(path);
}

/* One with zones under it that a reconfig takes away is NSD's end. */
static void
nsd_open__include_lost_and_server_runs__no_pattern_in_use_can_go(void **state)
{
	struct fixture *f = *state;
	struct backend_identity id;
	struct backend_error why = {""};
	struct settings *s;
	char *path, *text;

	NEED_SERVER(f);
	path = in_dir(f, "conf/nsherd.conf");
	s = primary("one", template);
	prepare_one(f, s, RESULT_OK);
	apply_one(f, OP_ADD, "a.example", s, RESULT_OK);
	wait_rcode(f, "a.example", NOERROR);
	f->driver->close(f->ctx);
	assert_int_equal(unlink(path), 0);
	open_driver(f);
	/* no file, or a whole one; never an empty one */
	assert_int_equal(access(path, F_OK), -1);
	assert_int_not_equal(shell("nsd-control -c %s reconfig >/dev/null 2>&1",
				 f->server.conf),
	    0);
	wait_rcode(f, "a.example", NOERROR);
	assert_int_equal(f->driver->identify(f->ctx, &id, &why), OK);
	text = read_text(path);
	assert_non_null(strstr(text, "\tname: \"nsherd-one.01234567.0\"\n"));
	free(text);
	/* the operator is first */
	control(f, "reconfig");
	expect_pattern(f, "a.example", "nsherd-one.01234567.0");
	apply_one(f, OP_REMOVE, "a.example", NULL, RESULT_OK);
	settings_unref(s);
}

static void
nsd_open__include_lost_and_server_down__zones_are_there_at_its_start(void **state)
{
	struct fixture *f = *state;
	struct settings *s;
	char *path;

	NEED_SERVER(f);
	path = in_dir(f, "conf/nsherd.conf");
	s = primary("one", template);
	prepare_one(f, s, RESULT_OK);
	apply_one(f, OP_ADD, "a.example", s, RESULT_OK);
	wait_rcode(f, "a.example", NOERROR);
	f->driver->close(f->ctx);
	assert_int_equal(unlink(path), 0);
	stop_process(&f->server.pid, SIGTERM);
	wait_port_free(f->server.port);
	add_option(f, "config", mem_strdup(f->server.conf));
	open_driver(f);
	assert_int_equal(access(path, R_OK), 0);
	server_start(&f->server);
	wait_up(f);
	wait_rcode(f, "a.example", NOERROR);
	expect_pattern(f, "a.example", "nsherd-one.01234567.0");
	/* the first start of all: no zone list that we know of */
	f->driver->close(f->ctx);
	assert_int_equal(unlink(path), 0);
	stop_process(&f->server.pid, SIGTERM);
	wait_port_free(f->server.port);
	assert_int_equal(unlink(in_dir(f, "zone.list")), 0);
	open_driver(f);
	assert_int_equal(access(path, R_OK), 0);
	settings_unref(s);
}

static enum err
expect_none(void *arg, const struct dname *zone, const char *mark)
{
	(void)zone;
	(void)mark;
	++*(size_t *)arg;
	return OK;
}

/* 1003 characters: NSD cuts its answers for such a name, also their newline. */
static void
nsd_lookup__name_longer_than_an_answer__is_not_there(void **state)
{
	struct fixture *f = *state;
	struct backend_error why = {""};
	struct backend_op op;
	struct settings *s;
	size_t n = 0;

	NEED_SERVER(f);
	s = primary("one", template);
	prepare_one(f, s, RESULT_OK);
	make_op(&op, OP_REMOVE, "a.example", NULL);
	op.zone.size = 0;
	for (int label = 0; label < 4; label++) {
		uint8_t size = label < 3 ? 63 : 61;

		op.zone.wire[op.zone.size++] = size;
		memset(op.zone.wire + op.zone.size, 1, size);
		op.zone.size += size;
	}
	op.zone.wire[op.zone.size++] = 0;
	assert_int_equal(op.zone.size, 255);
	assert_int_equal(f->driver->lookup(f->ctx, &op.zone, 1, expect_none, &n, &why),
	    OK);
	assert_int_equal(n, 0);
	assert_int_equal(f->driver->apply(f->ctx, &op, 1, &why), OK);
	assert_int_equal(op.result, RESULT_ALREADY);
	op.kind = OP_ADD;
	op.settings = s;
	assert_int_equal(f->driver->apply(f->ctx, &op, 1, &why), OK);
	assert_int_equal(op.result, RESULT_REJECTED);
	settings_unref(s);
}

static struct settings *
with_option(const char *pattern, const char *text)
{
	struct settings *s = primary(pattern, template);

	s->options = mem_zalloc(sizeof(s->options[0]));
	s->n_options = 1;
	s->options[0].driver = mem_strdup("nsd");
	s->options[0].text = mem_strdup(text);
	return s;
}

/* The check tool says of a missing key only which pattern wants it. */
static void
nsd_prepare__option_with_unknown_key__is_rejected_alone(void **state)
{
	struct fixture *f = *state;
	struct settings *list[3];
	enum backend_result results[3];
	struct backend_error texts[3], why = {""};
	static const char block[] = "pattern:\n\tname: \"nsherd-bad.1.0\"\n"
				    "\tbogus-option: 1\n";
	char *path, *text, *bad, hex[DIGEST_HEX_MAX + 1];
	const char *end;

	NEED_SERVER(f);
	list[0] = primary("one", template);
	list[1] = with_option("two", "provide-xfr: 192.0.2.1 nosuchkey");
	list[2] = with_option("three", "zonestats: \"nobodys.\"");
	assert_int_equal(f->driver->prepare(f->ctx, list, 3, results, texts, &why), OK);
	assert_int_equal(results[0], RESULT_OK);
	assert_int_equal(results[1], RESULT_REJECTED);
	assert_non_null(strstr(texts[1].text, "nosuchkey"));
	/* a quoted text of the operator that looks like one of our keys */
	if (results[2] != RESULT_OK)
		assert_null(strstr(texts[2].text, "not configured in the agent"));
	apply_one(f, OP_ADD, "a.example", list[0], RESULT_OK);
	wait_rcode(f, "a.example", NOERROR);
	path = mem_printf("%s/conf/.nsherd-check.tmp", f->server.dir);
	assert_int_equal(access(path, F_OK), -1);
	free(path);
	/* the agent ended while a bad pattern was in the file */
	f->driver->close(f->ctx);
	path = mem_printf("%s/conf/nsherd.conf", f->server.dir);
	text = read_text(path);
	end = strstr(text, "# nsherd end");
	assert_non_null(end);
	bad = mem_printf("%.*s# nsherd pattern nsherd-bad.1.0 2:x %s\n%s%s",
	    (int)(end - text), text, digest_hex(block, strlen(block), 16, hex), block,
	    end);
	write_text(path, "we", bad);
	free(bad);
	free(text);
	open_driver(f);
	prepare_one(f, list[0], RESULT_OK);
	free(path);
	for (int i = 0; i < 3; i++)
		settings_unref(list[i]);
}

static void
nsd_prepare__two_options_in_one__are_rejected(void **state)
{
	struct fixture *f = *state;
	static const char *const texts[] = {
	    "notify-retry: 5 zonefile:\"/etc/passwd\"",
	    "notify-retry: 5 zonefile:'/etc/passwd'",
	    "notify-retry: 5 include:\"/etc/passwd\"",
	    "notify-retry: 5 zone: name: x",
	};

	NEED_SERVER(f);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct settings *s = with_option("one", texts[i]);

		prepare_one(f, s, RESULT_REJECTED);
		settings_unref(s);
	}
}

/* The process that made its socket listen is gone then. */
static void
nsd_identify__server_is_a_daemon__its_configuration_is_found(void **state)
{
	struct fixture *f = *state;
	struct backend_identity one, two;
	struct backend_error why = {""};
	struct settings *s;

	NEED_SERVER(f);
	stop_process(&f->server.pid, SIGTERM);
	wait_port_free(f->server.port);
	server_start_daemon(&f->server);
	wait_up(f);
	assert_int_equal(f->driver->identify(f->ctx, &one, &why), OK);
	assert_int_equal(strtol(one.process, NULL, 10), f->server.pid);
	s = primary("one", template);
	prepare_one(f, s, RESULT_OK);
	apply_one(f, OP_ADD, "a.example", s, RESULT_OK);
	wait_rcode(f, "a.example", NOERROR);
	assert_int_equal(f->driver->identify(f->ctx, &two, &why), OK);
	assert_string_equal(one.process, two.process);
	settings_unref(s);
}

static void
nsd_apply__over_tls__works_and_needs_the_right_keys(void **state)
{
	struct fixture *f = *state;
	struct backend_identity id;
	struct backend_error why = {""};
	struct backend_op *ops;
	struct settings *s;
	char *other, *command;
	enum { N = 3000 };

	NEED_SERVER(f);
	assert_int_equal(f->driver->identify(f->ctx, &id, &why), OK);
	assert_int_equal(strncmp(id.version, "4.", 2), 0);
	assert_non_null(strchr(id.process, '@'));
	s = secondary("tls", "127.0.0.1@9");
	prepare_one(f, s, RESULT_OK);
	ops = mem_zalloc(N * sizeof(ops[0]));
	for (int i = 0; i < N; i++) {
		char zone[64];

		snprintf(zone, sizeof(zone), "z%d.bulk.example", i);
		make_op(&ops[i], OP_ADD, zone, s);
	}
	assert_int_equal(f->driver->apply(f->ctx, ops, N, &why), OK);
	for (int i = 0; i < N; i++)
		assert_int_equal(ops[i].result, RESULT_OK);
	assert_int_equal(inventory(f).n_ours, N);
	free(ops);
	settings_unref(s);
	/* another authority: NSD's certificate is not good */
	other = mem_printf("%s/other", f->server.dir);
	command = mem_printf("mkdir %s && nsd-control-setup -d %s >/dev/null 2>&1",
	    other, other);
	assert_int_equal(system(command), 0);
	f->driver->close(f->ctx);
	for (size_t i = 0; i < f->n_options; i++) {
		if (strcmp(f->options[i].name, "tls-ca") == 0)
			f->options[i].value =
			    keep(f, mem_printf("%s/nsd_server.pem", other));
	}
	open_driver(f);
	assert_int_equal(f->driver->identify(f->ctx, &id, &why), ERR_AUTH);
	assert_non_null(strstr(why.text, "certificate verify failed"));
	free(other);
	free(command);
}

/* -- configuration --------------------------------------------------------- */

static void
expect_fault(struct fixture *f, unsigned line, const char *words)
{
	struct err_where where = {.line = 0};

	if (f->driver->check(&f->conf, &where) == OK)
		fail_msg("no fault: %s", words);
	if (where.line != line || strstr(where.what, words) == NULL)
		fail_msg("%s:%u: %s", where.file, where.line, where.what);
}

static void
nsd_check__faults__have_file_and_line(void **state)
{
	struct fixture *f = *state;
	struct err_where where = {.line = 0};
	const char *dir;
	char *path;

	NEED_SERVER(f);
	if (f->driver->check(&f->conf, &where) != OK)
		fail_msg("%s:%u: %s", where.file, where.line, where.what);
	dir = f->conf.zone_dir;
	f->conf.zone_dir = "/nonexistent";
	expect_fault(f, 10, "No such file");
	f->conf.zone_dir = "relative";
	expect_fault(f, 10, "absolute");
	f->conf.zone_dir = NULL;
	expect_fault(f, 10, "missing");
	f->conf.zone_dir = dir;
	assert_int_equal(chmod(dir, 0777), 0);
	expect_fault(f, 10, "written by others");
	assert_int_equal(chmod(dir, 0750), 0);
	path = mem_printf("%s/conf/nsherd.conf", f->server.dir);
	write_text(path, "we", "# of an operator\n");
	assert_int_equal(chmod(path, 0644), 0);
	expect_fault(f, 10, "secrets");
	assert_int_equal(chmod(path, 0640), 0);
	free(path);
	path = mem_printf("%s/nowhere", f->server.dir);
	add_option(f, "config", path);
	expect_fault(f, 11, "No such file");
	f->options[1] = (struct backend_option){"tls-key", f->server.conf, "n", 12};
	assert_int_equal(chmod(f->server.conf, 0644), 0);
	expect_fault(f, 12, "secrets");
	f->conf.n_options = 1;
	f->options[0].value = "127.0.0.1@8952";
	expect_fault(f, 10, "needs tls-cert");
	f->options[0].value = "somewhere";
	expect_fault(f, 10, "neither a path");
	f->options[0].value = f->server.conf;
	expect_fault(f, 10, "not a socket");
}

static void
nsd_command__own_zone__is_done(void **state)
{
	struct fixture *f = *state;
	struct backend_error why = {""};
	struct settings *s;
	struct dname zone;

	NEED_SERVER(f);
	s = primary("one", template);
	prepare_one(f, s, RESULT_OK);
	apply_one(f, OP_ADD, "a.example", s, RESULT_OK);
	assert_int_equal(dname_parse("a.example", &zone), OK);
	assert_int_equal(f->driver->command(f->ctx, VERB_RELOAD, &zone, &why), OK);
	assert_int_equal(f->driver->command(f->ctx, VERB_NOTIFY, &zone, &why), OK);
	assert_int_equal(f->driver->command(f->ctx, VERB_FLUSH, &zone, &why), OK);
	assert_int_equal(f->driver->command(f->ctx, VERB_REFRESH, &zone, &why),
	    ERR_UNSUPPORTED);
	assert_non_null(strstr(why.text, "is a primary"));
	assert_int_equal(f->driver->command(f->ctx, VERB_FREEZE, &zone, &why),
	    ERR_UNSUPPORTED);
	settings_unref(s);
}

#define UNIX_TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
#define CONF_TEST(t) cmocka_unit_test_setup_teardown(t, setup_conf_zone, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    UNIX_TEST(nsd_apply__primary_added_and_removed__is_served_and_gone),
	    UNIX_TEST(nsd_apply__thousand_zones__all_in_one_batch),
	    CONF_TEST(nsd_apply__operators_zones__are_conflicts_and_untouched),
	    CONF_TEST(nsd_apply__operators_zones_in_a_large_batch__are_conflicts),
	    UNIX_TEST(nsd_apply__odd_names__are_served_or_rejected),
	    UNIX_TEST(nsd_apply__other_pattern__is_changed_without_a_gap),
	    UNIX_TEST(nsd_apply__other_zonefile_of_a_primary__is_made_of_the_template),
	    UNIX_TEST(nsd_apply__existing_zone_file__is_not_overwritten),
	    UNIX_TEST(nsd_purge__symbolic_links__are_not_followed),
	    UNIX_TEST(nsd_purge__longest_file_name__goes),
	    UNIX_TEST(nsd_apply__zone_file_in_directory__directory_is_made),
	    UNIX_TEST(nsd_prepare__keys__are_written_and_follow_the_ring),
	    UNIX_TEST(nsd_prepare__bad_settings__are_rejected_alone),
	    UNIX_TEST(nsd_prepare__too_many_variants__are_rejected),
	    UNIX_TEST(nsd_prepare__same_name_other_settings__is_rejected),
	    UNIX_TEST(nsd_prepare__operators_file_broken__waits_and_old_patterns_go_on),
	    UNIX_TEST(
		nsd_prepare__hold_and_operators_file_newer__waits_for_the_operator),
	    UNIX_TEST(nsd_prepare__not_included__says_so_and_does_not_reconfig),
	    CONF_TEST(
		nsd_prepare__operators_pattern_gone_while_used__does_not_reconfig),
	    UNIX_TEST(nsd_apply__nsd_forgot_the_pattern__is_made_to_read_it),
	    UNIX_TEST(
		nsd_prepare__include_lost__patterns_in_use_are_kept_and_recovered),
	    UNIX_TEST(nsd_prepare__include_too_large_to_read_again__is_not_written),
	    UNIX_TEST(nsd_retire__unused_patterns__go_and_used_ones_stay),
	    UNIX_TEST(nsd_apply__server_stopped__times_out_or_is_canceled),
	    UNIX_TEST(nsd_apply__server_killed_in_a_batch__unknown_or_not_tried),
	    UNIX_TEST(nsd_identify__server_restarted__is_another_process),
	    UNIX_TEST(nsd_identify__nothing_changed__nsd_is_not_asked),
	    UNIX_TEST(nsd_identify__include_deleted_and_server_down__is_made_again),
	    UNIX_TEST(nsd_open__include_lost_and_server_runs__no_pattern_in_use_can_go),
	    UNIX_TEST(
		nsd_open__include_lost_and_server_down__zones_are_there_at_its_start),
	    UNIX_TEST(nsd_lookup__name_longer_than_an_answer__is_not_there),
	    UNIX_TEST(nsd_prepare__option_with_unknown_key__is_rejected_alone),
	    UNIX_TEST(nsd_prepare__two_options_in_one__are_rejected),
	    UNIX_TEST(nsd_apply__zone_dir_is_gone__is_tried_again),
	    UNIX_TEST(nsd_identify__server_is_a_daemon__its_configuration_is_found),
	    cmocka_unit_test_setup_teardown(
		nsd_apply__over_tls__works_and_needs_the_right_keys, setup_tls,
		teardown),
	    UNIX_TEST(nsd_check__faults__have_file_and_line),
	    UNIX_TEST(nsd_command__own_zone__is_done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
