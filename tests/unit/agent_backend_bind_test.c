/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/servers_fixture.h"

#include <pthread.h>
#include <sys/resource.h>

#include "agent/backend/bind_config.h"

/*
 * The bind driver against a real named of its own: in a directory of its own, on
 * free ports of the loopback address. Skipped only where there is no named.
 */

static const char *const named_binary = "/usr/sbin/named";

/* -- a server ----------------------------------------------------------------- */

static void
server_configure(struct server *s)
{
	const char *view = s->view != NULL ? s->view : "";
	char *text = mem_printf(
	    "key \"ctl\" { algorithm hmac-sha256; secret \"Y29udHJvbCBzZWNyZXQ=\"; };\n"
	    "options { directory \"%s\"; listen-on port %d { 127.0.0.1; };\n"
	    "listen-on-v6 { none; }; pid-file \"%s/named.pid\";\n"
	    "session-keyfile \"%s/session.key\"; allow-new-zones yes;\n"
	    "new-zones-directory \"%s/nzd\"; recursion no; dnssec-validation no;\n"
	    "notify-rate 1000; startup-notify-rate 1000; %s };\n"
	    "controls { inet 127.0.0.1 port %d allow { 127.0.0.1; } keys { \"ctl\"; }; "
	    "};\n"
	    "statistics-channels { inet 127.0.0.1 port %d allow { 127.0.0.1; }; };\n"
	    "%s%s%s include \"%s/conf/nsherd.conf\";\n%s%s",
	    s->dir, s->port, s->dir, s->dir, s->dir, s->more_options, s->control_port,
	    s->stats_port, view[0] != '\0' ? "view " : "", view,
	    view[0] != '\0' ? " {" : "", s->dir, s->more, view[0] != '\0' ? "};" : "");

	write_text(s->conf, "we", text);
	free(text);
}

static void
server_start(struct server *s)
{
	const char *const argv[] = {named_binary, "-g", "-n", "2", "-c", s->conf, NULL};
	char *log = mem_printf("%s/named.log", s->dir);

	s->pid = start_process(argv, log);
	free(log);
}

/* By rndc, so that the driver is not its own witness. Free the result: what it
 * said. */
static char *
rndc(struct fixture *f, const char *command)
{
	char *line = mem_printf("rndc -s 127.0.0.1 -p %d -k %s/rndc.key '%s' 2>&1",
	    f->server.control_port, f->server.dir, command);
	char *text = mem_zalloc(65536);
	FILE *pipe = popen(line, "r");
	size_t n;

	assert_non_null(pipe);
	n = fread(text, 1, 65535, pipe);
	text[n] = '\0';
	pclose(pipe);
	free(line);
	return text;
}

static void
rndc_quiet(struct fixture *f, const char *command)
{
	char *text = rndc(f, command);

	if (text[0] != '\0')
		fail_msg("rndc %s: %s", command, text);
	free(text);
}

/* -- fixtures ----------------------------------------------------------------- */

static void
restart(struct fixture *f, int signal)
{
	stop_process(&f->server.pid, signal);
	server_start(&f->server);
	wait_up(f);
}

struct setting {
	const char *options, *more, *view;
	bool bulk;
};

static struct fixture *
make_fixture(const struct setting *set)
{
	struct fixture *f = fixture_new("bind");
	struct server *s = &f->server;
	struct err_where where = {.line = 0};

	snprintf(s->conf, sizeof(s->conf), "%s/named.conf", s->dir);
	s->control_port = free_port();
	s->stats_port = free_port();
	s->more_options = set->options;
	s->more = set->more;
	s->view = set->view;
	make_dir(f, "nzd");
	write_text(in_dir(f, "conf/nsherd.conf"), "we", "");
	chmod(in_dir(f, "conf/nsherd.conf"), 0640);
	write_text(in_dir(f, "tpl"), "we",
	    "$TTL 60\n@ SOA a. b. 1 60 60 60 60\n@ NS a.\n");
	write_text(in_dir(f, "rndc.key"), "we",
	    "key \"ctl\" { algorithm hmac-sha256; secret \"Y29udHJvbCBzZWNyZXQ=\"; };");
	add_key(f->ring, "ctl", "control secret");
	add_option(f, "control", mem_printf("127.0.0.1@%d", s->control_port));
	add_option(f, "key", mem_strdup("ctl"));
	add_option(f, "statistics", mem_printf("127.0.0.1@%d", s->stats_port));
	if (set->view != NULL)
		add_option(f, "view", mem_strdup(set->view));
	if (set->bulk)
		add_option(f, "bulk", mem_strdup("reconfig"));
	server_configure(s);
	server_start(s);
	if (f->driver->check(&f->conf, &where) != OK)
		fail_msg("check: %s:%u: %s", where.file, where.line, where.what);
	open_driver(f);
	wait_up(f);
	return f;
}

static int
setup_with(void **state, const struct setting *set)
{
	if (access(named_binary, X_OK) == 0)
		*state = make_fixture(set);
	return 0;
}

static int
setup(void **state)
{
	return setup_with(state, &(struct setting){"", "", NULL, false});
}

static int
setup_conf_zone(void **state)
{
	return setup_with(state,
	    &(struct setting){"",
		"zone \"conf.example\" { type primary; file \"tpl\"; };\n", NULL,
		false});
}

static int
setup_view(void **state)
{
	return setup_with(state, &(struct setting){"", "", "ext", false});
}

static int
setup_bulk(void **state)
{
	return setup_with(state,
	    &(struct setting){"",
		"zone \"conf.example\" { type primary; file \"tpl\"; };\n", NULL,
		true});
}

static const char operators_key[] =
    "key \"op\" { algorithm hmac-sha256; secret \"b3BlcmF0b3IgbGlrZXMga2V5cw==\"; };\n";

static int
setup_key(void **state)
{
	return setup_with(state, &(struct setting){"", operators_key, NULL, false});
}

static int
setup_view_key(void **state)
{
	return setup_with(state, &(struct setting){"", operators_key, "ext", false});
}

static int
setup_small_map(void **state)
{
	return setup_with(state,
	    &(struct setting){"lmdb-mapsize 1M;", "", NULL, false});
}

static int
teardown(void **state)
{
	if (*state != NULL)
		fixture_free(*state, SIGTERM);
	return 0;
}

/* -- adding and removing ------------------------------------------------------ */

static void
bind_apply__primary_added_and_removed__is_served_and_gone(void **state)
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
	path = in_dir(f, "zones/a.example.zone");
	assert_int_equal(access(path, F_OK), 0);
	apply_one(f, OP_PURGE, "a.example", s, RESULT_OK);
	assert_int_equal(access(path, F_OK), -1);
	apply_one(f, OP_PURGE, "a.example", s, RESULT_ALREADY);
	apply_one(f, OP_CHANGE, "b.example", s, RESULT_OK);
	wait_rcode(f, "b.example", NOERROR);
	settings_unref(s);
}

static void
bind_apply__two_thousand_zones__all_in_one_batch(void **state)
{
	struct fixture *f = *state;
	struct backend_op *ops;
	struct settings *s;
	struct count c;
	enum { N = 2000 };

	NEED_SERVER(f);
	s = secondary("bulk", "127.0.0.1@9");
	prepare_one(f, s, RESULT_OK);
	ops = make_ops(N, OP_ADD, "bulk.example", s);
	apply_kind(f, ops, N, OP_ADD, RESULT_OK);
	for (int i = 0; i < N; i++)
		assert_string_equal(ops[i].mark, "nsherd-bulk.01234567.0");
	c = inventory(f);
	assert_int_equal(c.n, N);
	assert_int_equal(c.n_ours, N);
	assert_string_equal(c.mark, "nsherd-bulk.01234567.0");
	apply_kind(f, ops, N, OP_ADD, RESULT_ALREADY);
	apply_kind(f, ops, N, OP_REMOVE, RESULT_OK);
	assert_int_equal(inventory(f).n, 0);
	apply_kind(f, ops, N, OP_REMOVE, RESULT_ALREADY);
	apply_kind(f, ops, N, OP_ADD, RESULT_OK);
	restart(f, SIGKILL);
	c = inventory(f);
	assert_int_equal(c.n, N);
	assert_int_equal(c.n_ours, N);
	free(ops);
	settings_unref(s);
}

static void
bind_apply__operators_zones__are_conflicts_and_untouched(void **state)
{
	struct fixture *f = *state;
	struct backend_error why = {""};
	struct dname names[3];
	struct settings *s;
	struct count c;
	char *command, *before, *after;

	NEED_SERVER(f);
	command = mem_printf("addzone Op.Example { type primary; file \"%s/tpl\"; };",
	    f->server.dir);
	rndc_quiet(f, command);
	free(command);
	before = rndc(f, "showzone op.example");
	s = primary("web", template);
	prepare_one(f, s, RESULT_OK);
	apply_one(f, OP_ADD, "conf.example", s, RESULT_CONFLICT);
	apply_one(f, OP_ADD, "op.example", s, RESULT_CONFLICT);
	apply_one(f, OP_CHANGE, "OP.example", s, RESULT_CONFLICT);
	apply_one(f, OP_CHANGE, "conf.example", s, RESULT_CONFLICT);
	apply_one(f, OP_REMOVE, "op.example", s, RESULT_CONFLICT);
	apply_one(f, OP_REMOVE, "conf.example", s, RESULT_CONFLICT);
	apply_one(f, OP_PURGE, "conf.example", s, RESULT_RETRY);
	after = rndc(f, "showzone op.example");
	assert_string_equal(before, after);
	wait_rcode(f, "conf.example", NOERROR);
	wait_rcode(f, "op.example", NOERROR);
	c = inventory(f);
	assert_int_equal(c.n, 2);
	assert_int_equal(c.n_ours, 0);
	assert_int_equal(lookup(f, "conf.example").n, 1);
	assert_int_equal(lookup(f, "op.example").n_ours, 0);
	assert_int_equal(lookup(f, "none.example").n, 0);
	assert_int_equal(dname_parse("op.example", &names[0]), OK);
	assert_int_equal(dname_parse("none.example", &names[1]), OK);
	assert_int_equal(f->driver->command(f->ctx, VERB_RELOAD, &names[0], &why),
	    ERR_DENIED);
	assert_int_equal(f->driver->command(f->ctx, VERB_RELOAD, &names[1], &why),
	    ERR_NOTFOUND);
	free(before);
	free(after);
	settings_unref(s);
}

static void
bind_apply__odd_names__are_served(void **state)
{
	static const char l63[] =
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
	static const char *const good[] = {"1/2.2.0.192.in-addr.arpa", "a\\.b.example",
	    "\\000nul.example", "sp\\032ace.example", "_x-y.example",
	    "quo\\\"te.example", "semi\\;colon.example", "%s%1.example",
	    "back\\\\slash.example", "cr\\010lf.example", "br\\}\\{ace.example",
	    "\\255.example", "UPPER.Example", "$x.example", "@.example", "\\#.example",
	    "\\/\\*.example", "xn--bcher-kva.example", "example"};
	enum { N = sizeof(good) / sizeof(good[0]) };
	struct fixture *f = *state;
	struct settings *s, *wild;
	char *name;

	NEED_SERVER(f);
	s = primary("odd", template);
	prepare_one(f, s, RESULT_OK);
	for (size_t i = 0; i < N; i++) {
		apply_one(f, OP_ADD, good[i], s, RESULT_OK);
		wait_rcode(f, good[i], NOERROR);
		apply_one(f, OP_ADD, good[i], s, RESULT_ALREADY);
		assert_int_equal(lookup(f, good[i]).n_ours, 1);
	}
	assert_int_equal(inventory(f).n_ours, N);
	/* named does not load a zone with an NS record at a wildcard */
	apply_one(f, OP_ADD, "*.wild.example", s, RESULT_REJECTED);
	wild = secondary("wild", "127.0.0.1@9");
	apply_one(f, OP_ADD, "*.wild.example", wild, RESULT_OK);
	apply_one(f, OP_ADD, "*.wild.example", wild, RESULT_ALREADY);
	apply_one(f, OP_REMOVE, "*.wild.example", wild, RESULT_OK);
	settings_unref(wild);
	name = mem_printf("%s.%s.%s.%.61s", l63, l63, l63, l63);
	assert_int_equal(strlen(name), 253);
	apply_one(f, OP_ADD, name, s, RESULT_OK);
	wait_rcode(f, name, NOERROR);
	assert_int_equal(inventory(f).n_ours, N + 1);
	apply_one(f, OP_REMOVE, name, s, RESULT_OK);
	apply_one(f, OP_PURGE, name, s, RESULT_OK);
	free(name);
	/* every octet takes four letters: named would serve, and not save it */
	name = mem_zalloc(2048);
	for (size_t i = 0; i < 250; i++)
		sprintf(name + strlen(name), "%s\\001",
		    i > 0 && i % 63 == 0 ? "." : "");
	apply_one(f, OP_ADD, name, s, RESULT_REJECTED);
	assert_int_equal(lookup(f, name).n, 0);
	/* 127 octets and two dots are 510 letters, which is well */
	name[510] = '\0';
	apply_one(f, OP_ADD, name, s, RESULT_OK);
	wait_rcode(f, name, NOERROR);
	apply_one(f, OP_REMOVE, name, s, RESULT_OK);
	apply_one(f, OP_PURGE, name, s, RESULT_OK);
	free(name);
	restart(f, SIGTERM);
	for (size_t i = 0; i < N; i++) {
		wait_rcode(f, good[i], NOERROR);
		apply_one(f, OP_REMOVE, good[i], s, RESULT_OK);
		apply_one(f, OP_PURGE, good[i], s, RESULT_OK);
	}
	assert_int_equal(inventory(f).n, 0);
	settings_unref(s);
}

static void
bind_apply__other_pattern__is_changed_without_a_gap(void **state)
{
	struct fixture *f = *state;
	struct settings *one, *two;

	NEED_SERVER(f);
	one = primary("one", template);
	two = primary("two", template);
	put_remote(&two->allow_transfer, "127.0.0.7");
	prepare_one(f, one, RESULT_OK);
	prepare_one(f, two, RESULT_OK);
	apply_one(f, OP_ADD, "a.example", one, RESULT_OK);
	wait_rcode(f, "a.example", NOERROR);
	for (int i = 0; i < 10; i++) {
		bool aa;

		apply_one(f, i % 2 ? OP_ADD : OP_CHANGE, "a.example", i % 2 ? one : two,
		    RESULT_OK);
		assert_int_equal(ask(&f->server, "a.example", &aa), 0);
		assert_true(aa);
		assert_string_equal(lookup(f, "a.example").mark,
		    i % 2 ? "nsherd-one.01234567.0" : "nsherd-two.01234567.0");
	}
	settings_unref(one);
	settings_unref(two);
}

static char *
zone_type(struct fixture *f, const char *zone)
{
	char *command = mem_printf("zonestatus %s", zone), *text = rndc(f, command);
	char *at = strstr(text, "type: ");

	free(command);
	assert_non_null(at);
	memmove(text, at + 6, strcspn(at + 6, "\n"));
	text[strcspn(at + 6, "\n")] = '\0';
	text[at[6] == 'p' ? 7 : 9] = '\0';
	return text;
}

static void
bind_apply__role_changed__is_really_changed_and_keeps_its_data(void **state)
{
	struct fixture *f = *state;
	struct settings *one, *two;
	char *type;

	NEED_SERVER(f);
	one = primary("one", template);
	two = secondary("two", "127.0.0.1@9");
	prepare_one(f, one, RESULT_OK);
	prepare_one(f, two, RESULT_OK);
	apply_one(f, OP_ADD, "a.example", one, RESULT_OK);
	wait_rcode(f, "a.example", NOERROR);
	for (int i = 0; i < 6; i++) {
		apply_one(f, i % 3 ? OP_CHANGE : OP_ADD, "a.example", i % 2 ? one : two,
		    RESULT_OK);
		type = zone_type(f, "a.example");
		assert_string_equal(type, i % 2 ? "primary" : "secondary");
		free(type);
		wait_rcode(f, "a.example", NOERROR);
	}
	restart(f, SIGKILL);
	assert_int_equal(inventory(f).n_ours, 1);
	wait_rcode(f, "a.example", NOERROR);
	settings_unref(one);
	settings_unref(two);
}

static void
bind_apply__no_zone_file__is_rejected_and_named_starts(void **state)
{
	struct fixture *f = *state;
	struct backend_op op;
	struct backend_error why = {""};
	struct settings *s, *other;

	NEED_SERVER(f);
	s = primary("web", NULL);
	prepare_one(f, s, RESULT_OK);
	make_op(&op, OP_ADD, "a.example", s);
	assert_int_equal(f->driver->apply(f->ctx, &op, 1, &why), OK);
	assert_int_equal(op.result, RESULT_REJECTED);
	assert_non_null(strstr(op.text, "file not found"));
	assert_int_equal(lookup(f, "a.example").n, 0);
	restart(f, SIGTERM);
	assert_int_equal(inventory(f).n, 0);
	/* a change to a file that is not there leaves what is served alone */
	other = primary("other", template);
	apply_one(f, OP_ADD, "b.example", other, RESULT_OK);
	free(s->zonefile);
	s->zonefile = mem_strdup("x/${zone}");
	apply_one(f, OP_CHANGE, "b.example", s, RESULT_REJECTED);
	wait_rcode(f, "b.example", NOERROR);
	assert_string_equal(lookup(f, "b.example").mark, "nsherd-other.01234567.0");
	settings_unref(s);
	settings_unref(other);
}

static void
bind_apply__unreachable_primary__is_taken_at_once(void **state)
{
	struct fixture *f = *state;
	struct settings *s;
	int64_t since = clock_ms();

	NEED_SERVER(f);
	s = secondary("sec", "127.0.0.1@9");
	prepare_one(f, s, RESULT_OK);
	apply_one(f, OP_ADD, "a.example", s, RESULT_OK);
	assert_true(clock_ms() - since < 30000);
	wait_rcode(f, "a.example", SERVFAIL);
	apply_one(f, OP_REMOVE, "a.example", s, RESULT_OK);
	settings_unref(s);
}

static void
bind_apply__existing_zone_file__is_not_overwritten(void **state)
{
	struct fixture *f = *state;
	struct settings *s;
	char *path, *text;

	NEED_SERVER(f);
	s = primary("web", template);
	prepare_one(f, s, RESULT_OK);
	path = in_dir(f, "zones/a.example.zone");
	write_text(path, "we", "@ 60 SOA a. b. 77 1 1 1 1\n@ 60 NS a.\n");
	apply_one(f, OP_ADD, "a.example", s, RESULT_OK);
	text = read_text(path);
	assert_non_null(strstr(text, " 77 "));
	free(text);
	settings_unref(s);
}

static void
bind_purge__symbolic_links__are_not_followed(void **state)
{
	struct fixture *f = *state;
	struct settings *s;
	struct backend_op op;
	struct backend_error why = {""};
	char *victim, *journal;

	NEED_SERVER(f);
	s = primary("web", NULL);
	victim = in_dir(f, "v.example.zone");
	write_text(victim, "we", "precious");
	assert_int_equal(symlink(f->server.dir, in_dir(f, "zones/sub")), 0);
	make_op(&op, OP_PURGE, "v.example", NULL);
	op.zonefile = "sub/v.example.zone";
	assert_int_equal(f->driver->apply(f->ctx, &op, 1, &why), OK);
	assert_int_equal(op.result, RESULT_REJECTED);
	op.zonefile = "../v.example.zone";
	assert_int_equal(f->driver->apply(f->ctx, &op, 1, &why), OK);
	assert_int_equal(op.result, RESULT_REJECTED);
	/* what is recorded where zones share a file */
	op.zonefile = "/";
	assert_int_equal(f->driver->apply(f->ctx, &op, 1, &why), OK);
	assert_int_equal(op.result, RESULT_ALREADY);
	assert_int_equal(access(victim, F_OK), 0);
	victim = in_dir(f, "zones/v.example.zone");
	journal = in_dir(f, "zones/v.example.zone.jnl");
	write_text(victim, "we", "old");
	write_text(journal, "we", "old");
	apply_one(f, OP_PURGE, "v.example", s, RESULT_OK);
	assert_int_equal(access(victim, F_OK), -1);
	assert_int_equal(access(journal, F_OK), -1);
	settings_unref(s);
}

/* -- what named lies about ---------------------------------------------------- */

/* named answers before the deletion is on disk. */
static void
bind_apply__killed_after_delzone__zone_does_not_come_back(void **state)
{
	struct fixture *f = *state;
	struct backend_op *ops;
	struct settings *s;
	unsigned n_back = 0;
	enum { N = 40 };

	NEED_SERVER(f);
	s = secondary("sec", "127.0.0.1@9");
	prepare_one(f, s, RESULT_OK);
	ops = make_ops(N, OP_ADD, "bulk.example", s);
	for (int round = 0; round < 6; round++) {
		apply_kind(f, ops, N, OP_ADD, RESULT_OK);
		apply_kind(f, ops, N, OP_REMOVE, RESULT_OK);
		stop_process(&f->server.pid, SIGKILL);
		/* the agent, too, on and off */
		if (round % 2 == 1)
			reopen_driver(f);
		server_start(&f->server);
		wait_up(f);
		for (int i = 0; i < N; i++) {
			char *command = mem_printf("zonestatus z%d.bulk.example", i);
			char *text = rndc(f, command);

			n_back += strstr(text, "not found") == NULL;
			free(text);
			free(command);
		}
		if (round % 3 == 2)
			assert_int_equal(lookup(f, "z39.bulk.example").n, 0);
		assert_int_equal(inventory(f).n, 0);
	}
	print_message("%u came back, and went again\n", n_back);
	/* nor does a tombstone take what was added again since */
	apply_kind(f, ops, N, OP_ADD, RESULT_OK);
	restart(f, SIGKILL);
	assert_int_equal(inventory(f).n_ours, N);
	reopen_driver(f);
	assert_int_equal(inventory(f).n_ours, N);
	free(ops);
	settings_unref(s);
}

/* What a crash leaves in the worst case: the deletion that never was. */
static void
bind_inventory__deleted_zone_is_back__goes_again_if_it_is_ours(void **state)
{
	struct fixture *f = *state;
	struct settings *s;
	char *saved, *command, *text;

	NEED_SERVER(f);
	s = primary("web", template);
	prepare_one(f, s, RESULT_OK);
	apply_one(f, OP_ADD, "a.example", s, RESULT_OK);
	apply_one(f, OP_ADD, "b.example", s, RESULT_OK);
	usleep(100000);
	saved =
	    mem_printf("cp %s/nzd/_default.nzd %s/saved", f->server.dir, f->server.dir);
	assert_int_equal(system(saved), 0);
	free(saved);
	apply_one(f, OP_REMOVE, "a.example", NULL, RESULT_OK);
	apply_one(f, OP_REMOVE, "b.example", NULL, RESULT_OK);
	stop_process(&f->server.pid, SIGKILL);
	saved =
	    mem_printf("cp %s/saved %s/nzd/_default.nzd", f->server.dir, f->server.dir);
	assert_int_equal(system(saved), 0);
	free(saved);
	server_start(&f->server);
	reopen_driver(f);
	wait_up(f);
	wait_rcode(f, "a.example", NOERROR);
	/* b is now the operator's */
	free(rndc(f, "delzone b.example"));
	usleep(100000);
	command = mem_printf("addzone b.example { type primary; file \"%s/tpl\"; };",
	    f->server.dir);
	rndc_quiet(f, command);
	free(command);
	assert_int_equal(inventory(f).n, 1);
	wait_rcode(f, "a.example", REFUSED);
	wait_rcode(f, "b.example", NOERROR);
	text = rndc(f, "showzone b.example");
	assert_non_null(strstr(text, "/tpl"));
	free(text);
	/* and neither is wanted dead for ever */
	assert_int_equal(inventory(f).n, 1);
	apply_one(f, OP_ADD, "a.example", s, RESULT_OK);
	restart(f, SIGKILL);
	assert_int_equal(inventory(f).n, 2);
	wait_rcode(f, "a.example", NOERROR);
	settings_unref(s);
}

/* A map that is full: named serves the zone, and has not saved it. */
static void
bind_apply__new_zone_database_full__half_done_is_undone(void **state)
{
	struct fixture *f = *state;
	struct backend_op *ops;
	struct backend_error why = {""};
	struct settings *s;
	struct count c;
	size_t n_good = 0;
	bool full = false;
	enum { N = 400 };

	NEED_SERVER(f);
	s = primary("big", template);
	s->notify.n = 60;
	s->notify.items = mem_zalloc(s->notify.n * sizeof(s->notify.items[0]));
	for (size_t i = 0; i < s->notify.n; i++) {
		char text[64];

		snprintf(text, sizeof(text), "127.0.1.%zu@%zu", i, 10000 + i);
		assert_int_equal(remote_parse(text, 0, &s->notify.items[i]), OK);
	}
	prepare_one(f, s, RESULT_OK);
	ops = make_ops(N, OP_ADD, "bulk.example", s);
	assert_int_equal(f->driver->apply(f->ctx, ops, N, &why), OK);
	for (int i = 0; i < N; i++) {
		n_good += ops[i].result == RESULT_OK;
		if (ops[i].result == RESULT_OK)
			continue;
		full = true;
		assert_int_equal(ops[i].result, RESULT_RETRY);
		assert_non_null(strstr(ops[i].text, "lmdb-mapsize"));
	}
	assert_true(full && n_good > 50);
	c = inventory(f);
	assert_int_equal(c.n, n_good);
	assert_int_equal(c.n_ours, n_good);
	restart(f, SIGKILL);
	assert_int_equal(inventory(f).n_ours, n_good);
	free(ops);
	settings_unref(s);
}

/* So many are not asked for one by one. */
static void
bind_lookup__many_zones__has_those_that_are_there(void **state)
{
	enum { N = 300 };
	struct fixture *f = *state;
	struct backend_error why = {""};
	struct dname names[N + 3];
	struct count c = {0, 0, ""};
	struct settings *s;
	char *command;

	NEED_SERVER(f);
	command = mem_printf("addzone Op.Example { type primary; file \"%s/tpl\"; };",
	    f->server.dir);
	rndc_quiet(f, command);
	free(command);
	s = primary("web", template);
	prepare_one(f, s, RESULT_OK);
	apply_one(f, OP_ADD, "a.example", s, RESULT_OK);
	for (unsigned i = 0; i < N; i++) {
		char name[32];

		snprintf(name, sizeof(name), "none%u.example", i);
		assert_int_equal(dname_parse(name, &names[i]), OK);
	}
	assert_int_equal(dname_parse("a.example", &names[N]), OK);
	assert_int_equal(dname_parse("op.example", &names[N + 1]), OK);
	assert_int_equal(dname_parse("conf.example", &names[N + 2]), OK);
	assert_int_equal(f->driver->lookup(f->ctx, names, N + 3, count_zone, &c, &why),
	    OK);
	assert_int_equal(c.n, 3);
	assert_int_equal(c.n_ours, 1);
	settings_unref(s);
}

/* The agent died between the two commands. */
static void
bind_lookup__served_but_not_saved__is_ours_and_is_added_again(void **state)
{
	struct fixture *f = *state;
	struct settings *s;
	char *huge, *text = NULL;
	int i;

	NEED_SERVER(f);
	s = primary("web", template);
	prepare_one(f, s, RESULT_OK);
	huge = mem_zalloc(20000);
	for (int k = 0; k < 800; k++)
		sprintf(huge + strlen(huge), "127.0.1.%d port %d; ", k % 250,
		    10000 + k);
	for (i = 0; i < 200; i++) {
		char *command = mem_printf("addzone u%d.example { type primary; file "
					   "\"%s/zones/u.example\"; notify no; "
					   "also-notify { %s }; };",
		    i, f->server.dir, huge);

		if (i == 0)
			write_text(in_dir(f, "zones/u.example"), "we",
			    "$TTL 60\n@ SOA a. b. 1 60 60 60 60\n@ NS a.\n");
		free(text);
		text = rndc(f, command);
		free(command);
		if (strstr(text, "failure") != NULL)
			break;
	}
	assert_true(i > 0 && i < 200);
	free(text);
	text = mem_printf("u%d.example", i);
	assert_string_equal(lookup(f, text).mark, "nsherd-unsaved");
	apply_one(f, OP_CHANGE, text, s, RESULT_OK);
	assert_string_equal(lookup(f, text).mark, "nsherd-web.01234567.0");
	apply_one(f, OP_REMOVE, text, s, RESULT_OK);
	free(text);
	free(huge);
	settings_unref(s);
}

/* -- keys, raw options, named.conf -------------------------------------------- */

/* named does not take a key twice, in none of the batch's zones' interest. */
static void
bind_prepare__key_the_operator_has__is_left_to_him(void **state)
{
	struct fixture *f = *state;
	struct settings *list[2];
	enum backend_result results[2];
	struct backend_error texts[2], why = {""};
	char *include;

	NEED_SERVER(f);
	add_key(f->ring, "op", "operator likes keys");
	add_key(f->ring, "own", "our own secret");
	list[0] = secondary("one", "127.0.0.1@9 key op");
	list[1] = secondary("two", "127.0.0.1@9 key own");
	assert_int_equal(f->driver->prepare(f->ctx, list, 2, results, texts, &why), OK);
	assert_int_equal(results[0], RESULT_OK);
	assert_int_equal(results[1], RESULT_OK);
	include = read_text(in_dir(f, "conf/nsherd.conf"));
	assert_null(strstr(include, "key \"op\""));
	assert_non_null(strstr(include, "key \"own\""));
	apply_one(f, OP_ADD, "a.example", list[0], RESULT_OK);
	apply_one(f, OP_ADD, "b.example", list[1], RESULT_OK);
	restart(f, SIGTERM);
	assert_int_equal(inventory(f).n_ours, 2);
	free(include);
	settings_unref(list[0]);
	settings_unref(list[1]);
}

static void
bind_prepare__key_the_operator_has_otherwise__is_refused_alone(void **state)
{
	struct fixture *f = *state;
	struct settings *list[2];
	enum backend_result results[2];
	struct backend_error texts[2], why = {""};

	NEED_SERVER(f);
	add_key(f->ring, "op", "not what the operator has");
	add_key(f->ring, "own", "our own secret");
	list[0] = secondary("one", "127.0.0.1@9 key op");
	list[1] = secondary("two", "127.0.0.1@9 key own");
	assert_int_equal(f->driver->prepare(f->ctx, list, 2, results, texts, &why), OK);
	assert_int_equal(results[0], RESULT_REJECTED);
	assert_non_null(strstr(texts[0].text, "named.conf has a key op of its own"));
	assert_int_equal(results[1], RESULT_OK);
	apply_one(f, OP_ADD, "b.example", list[1], RESULT_OK);
	settings_unref(list[0]);
	settings_unref(list[1]);
}

static void
bind_prepare__keys__are_written_and_follow_the_ring(void **state)
{
	struct fixture *f = *state;
	struct settings *s, *unknown;
	struct keyring *old;
	struct stat st;
	char *path, *text;

	NEED_SERVER(f);
	add_key(f->ring, "xfr.example", "first secret");
	s = secondary("sec", "127.0.0.1@9 key xfr.example");
	put_remote(&s->allow_notify, "127.0.0.1 key xfr.example");
	unknown = secondary("unk", "127.0.0.1@9 key nope.example");
	prepare_one(f, unknown, RESULT_REJECTED);
	prepare_one(f, s, RESULT_OK);
	path = in_dir(f, "conf/nsherd.conf");
	text = read_text(path);
	assert_non_null(strstr(text, "secret \"Zmlyc3Qgc2VjcmV0\""));
	assert_null(strstr(text, "nope"));
	free(text);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	text = rndc(f, "tsig-list"); /* BIND 9.20 has no such command */
	assert_true(strstr(text, "xfr.example") || strstr(text, "unknown command"));
	free(text);
	apply_one(f, OP_ADD, "a.example", s, RESULT_OK);
	text = rndc(f, "showzone a.example");
	assert_non_null(strstr(text, "127.0.0.1 port 9 key \"xfr.example\""));
	assert_non_null(
	    strstr(text, "{ !{ !127.0.0.1/32; \"any\"; }; key \"xfr.example\"; }"));
	free(text);
	/* another secret under the same name */
	old = f->ring;
	f->driver->close(f->ctx);
	f->ring = keyring_new();
	add_key(f->ring, "ctl", "control secret");
	add_key(f->ring, "xfr.example", "other secret");
	f->conf.keys = f->ring;
	open_driver(f);
	keyring_unref(old);
	prepare_one(f, s, RESULT_OK);
	text = read_text(path);
	assert_non_null(strstr(text, "secret \"b3RoZXIgc2VjcmV0\""));
	assert_null(strstr(text, "Zmlyc3Qgc2VjcmV0"));
	free(text);
	assert_int_equal(inventory(f).n_ours, 1);
	settings_unref(s);
	settings_unref(unknown);
}

/* How often named read its configuration. */
static size_t
count_reconfigs(struct fixture *f)
{
	char *text = read_text(in_dir(f, "named.log"));
	size_t n = 0;

	for (const char *at = text; (at = strstr(at, "command 'reconfig'")) != NULL;
	     at++)
		n++;
	free(text);
	return n;
}

static void
bind_prepare__nothing_new__does_not_reconfig(void **state)
{
	struct fixture *f = *state;
	struct settings *s, *plain;

	NEED_SERVER(f);
	add_key(f->ring, "xfr.example", "first secret");
	s = secondary("sec", "127.0.0.1@9 key xfr.example");
	plain = primary("plain", template);
	prepare_one(f, plain, RESULT_OK);
	assert_int_equal(count_reconfigs(f), 0);
	prepare_one(f, s, RESULT_OK);
	prepare_one(f, s, RESULT_OK);
	reopen_driver(f);
	prepare_one(f, s, RESULT_OK);
	assert_int_equal(count_reconfigs(f), 1);
	usleep(1100000);
	restart(f, SIGTERM);
	prepare_one(f, s, RESULT_OK);
	reopen_driver(f);
	prepare_one(f, s, RESULT_OK);
	assert_int_equal(count_reconfigs(f), 1);
	/* somebody emptied it */
	write_text(in_dir(f, "conf/nsherd.conf"), "we", "");
	prepare_one(f, s, RESULT_OK);
	assert_int_equal(count_reconfigs(f), 2);
	settings_unref(s);
	settings_unref(plain);
}

static void
bind_prepare__bad_settings__are_rejected_alone(void **state)
{
	static const char *const raw[] = {NULL, "no-such-option yes;",
	    "max-transfer-time-in soon;", "max-journal-size 1M;", "max-journal-size 1M",
	    "type secondary;", "FILE \"x\";",
	    "max-journal-size 1M; }; zone \"evil.example\" { type primary; file \"x\";",
	    "max-journal-size 1M; // x", "check-names ignore; notify yes;",
	    "zone-statistics none;", "update-policy { grant * self * A;",
	    "include \"/etc/passwd\";", "key-directory \"x;"};
	enum { N = sizeof(raw) / sizeof(raw[0]) + 2 };
	struct fixture *f = *state;
	struct settings *s[N];
	enum backend_result results[N];
	struct backend_error texts[N], why = {""};

	NEED_SERVER(f);
	for (int i = 0; i < N; i++) {
		char name[16];

		snprintf(name, sizeof(name), "p%d", i);
		s[i] = primary(name, template);
		if (i < N - 2 && raw[i] != NULL)
			put_option(s[i], "bind", raw[i]);
	}
	s[N - 2]->dnssec = mem_strdup("nosuchpolicy");
	s[N - 1]->dnssec = mem_strdup("default");
	assert_int_equal(f->driver->prepare(f->ctx, s, N, results, texts, &why), OK);
	for (int i = 0; i < N; i++) {
		bool good = i == 0 || i == 3 || i == N - 1;

		if (results[i] != (good ? RESULT_OK : RESULT_REJECTED))
			fail_msg("%d: %d %s", i, (int)results[i], texts[i].text);
		assert_true(good == (texts[i].text[0] == '\0'));
	}
	assert_non_null(strstr(texts[1].text, "unknown option"));
	assert_non_null(strstr(texts[N - 2].text, "dnssec-policy"));
	apply_one(f, OP_ADD, "a.example", s[0], RESULT_OK);
	apply_one(f, OP_ADD, "b.example", s[3], RESULT_OK);
	/* and what prepare refuses, apply and named do too */
	for (int i = 1; i < N - 1; i++) {
		if (i != 3)
			apply_one(f, OP_ADD, "c.example", s[i], RESULT_REJECTED);
	}
	for (int i = 1; i < N - 1; i++) {
		if (i != 3)
			apply_one(f, OP_CHANGE, "a.example", s[i],
			    i == 1 ? RESULT_RETRY : RESULT_REJECTED);
	}
	assert_int_equal(lookup(f, "c.example").n, 0);
	restart(f, SIGTERM);
	assert_int_equal(inventory(f).n_ours, 2);
	for (int i = 0; i < N; i++)
		settings_unref(s[i]);
}

static void
expect_retry(struct fixture *f, struct settings *s, const char *expected)
{
	enum backend_result result = RESULT_NONE;
	struct backend_error text = {""}, why = {""};

	assert_int_equal(f->driver->prepare(f->ctx, &s, 1, &result, &text, &why), OK);
	if (result != RESULT_RETRY || strstr(text.text, expected) == NULL)
		fail_msg("result %d: %s", (int)result, text.text);
}

static void
bind_prepare__operators_file_unfit__waits_and_named_goes_on(void **state)
{
	static const char *const bad[] = {"", "options { directory \"/tmp\"; };\n",
	    "options {\n"};
	static const char *const texts[] = {"operator-config-changed", "any more",
	    "operator-config-changed"};
	struct fixture *f = *state;
	struct settings *one, *two;
	char *before, *after, *path;

	NEED_SERVER(f);
	add_key(f->ring, "one.example", "secret one");
	add_key(f->ring, "two.example", "secret two");
	one = secondary("one", "127.0.0.1@9 key one.example");
	two = secondary("two", "127.0.0.1@9 key two.example");
	prepare_one(f, one, RESULT_OK);
	path = in_dir(f, "conf/nsherd.conf");
	before = read_text(path);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		write_text(f->server.conf, "we", bad[i]);
		expect_retry(f, two, texts[i]);
		after = read_text(path);
		assert_string_equal(before, after);
		free(after);
		prepare_one(f, one, RESULT_OK);
		apply_one(f, OP_ADD, "a.example", one, i ? RESULT_ALREADY : RESULT_OK);
	}
	assert_int_equal(count_reconfigs(f), 1);
	server_configure(&f->server);
	prepare_one(f, two, RESULT_OK);
	apply_one(f, OP_ADD, "b.example", two, RESULT_OK);
	free(before);
	settings_unref(one);
	settings_unref(two);
}

static void
bind_prepare__not_included__says_so(void **state)
{
	struct fixture *f = *state;
	struct settings *s;
	char *command;

	NEED_SERVER(f);
	add_key(f->ring, "one.example", "secret one");
	s = secondary("one", "127.0.0.1@9 key one.example");
	command = mem_printf("sed -i s/include.*// %s", f->server.conf);
	assert_int_equal(system(command), 0);
	free(command);
	expect_retry(f, s, "it needs include \"");
	assert_int_equal(count_reconfigs(f), 0);
	settings_unref(s);
}

/* The file is older than named's start, which does not mean that it was read. */
static void
bind_prepare__include_dropped_before_a_restart__says_so(void **state)
{
	struct fixture *f = *state;
	struct settings *s;

	NEED_SERVER(f);
	add_key(f->ring, "one.example", "secret one");
	s = secondary("one", "127.0.0.1@9 key one.example");
	prepare_one(f, s, RESULT_OK);
	usleep(1500000);
	restart(f, SIGTERM);
	reopen_driver(f);
	prepare_one(f, s, RESULT_OK);
	assert_int_equal(count_reconfigs(f), 1); /* before the restart */
	assert_int_equal(shell("sed -i s/include.*// %s", f->server.conf), 0);
	restart(f, SIGTERM);
	reopen_driver(f);
	expect_retry(f, s, "it needs include \"");
	server_configure(&f->server);
	prepare_one(f, s, RESULT_OK);
	settings_unref(s);
}

static void
bind_prepare__hold_and_operators_file_newer__waits_for_the_operator(void **state)
{
	struct fixture *f = *state;
	struct settings *one, *two;

	NEED_SERVER(f);
	add_key(f->ring, "one.example", "secret one");
	add_key(f->ring, "two.example", "secret two");
	f->conf.reconfig_hold = true;
	reopen_driver(f);
	one = secondary("one", "127.0.0.1@9 key one.example");
	two = secondary("two", "127.0.0.1@9 key two.example");
	wait_up(f);
	prepare_one(f, one, RESULT_OK);
	usleep(50000);
	server_configure(&f->server);
	for (int i = 0; i < 2; i++)
		expect_retry(f, two, "operator-config-changed");
	apply_one(f, OP_ADD, "a.example", one, RESULT_OK);
	usleep(1500000);
	rndc_quiet(f, "reconfig");
	wait_up(f);
	prepare_one(f, two, RESULT_OK);
	settings_unref(one);
	settings_unref(two);
}

/* -- views, channels ---------------------------------------------------------- */

static void
bind_view__zones_and_keys__go_into_the_view(void **state)
{
	struct fixture *f = *state;
	struct settings *s, *raw;
	struct err_where where = {.line = 0};
	struct backend_identity id;
	struct backend_error why = {""};
	void *ctx;
	char *text;

	NEED_SERVER(f);
	add_key(f->ring, "xfr.example", "first secret");
	s = secondary("sec", "127.0.0.1@9 key xfr.example");
	raw = primary("raw", template);
	put_option(raw, "bind", "max-journal-size 1M;");
	prepare_one(f, s, RESULT_OK);
	prepare_one(f, raw, RESULT_OK);
	apply_one(f, OP_ADD, "a.example", s, RESULT_OK);
	apply_one(f, OP_ADD, "b.example", raw, RESULT_OK);
	wait_rcode(f, "b.example", NOERROR);
	assert_int_equal(inventory(f).n_ours, 2);
	text = rndc(f, "showzone b.example IN ext");
	assert_non_null(strstr(text, "max-journal-size"));
	free(text);
	apply_one(f, OP_CHANGE, "b.example", s, RESULT_OK);
	assert_string_equal(lookup(f, "b.example").mark, "nsherd-sec.01234567.0");
	apply_one(f, OP_REMOVE, "a.example", s, RESULT_OK);
	restart(f, SIGKILL);
	assert_int_equal(inventory(f).n_ours, 1);
	/* without the option named says which view it lacks */
	f->conf.n_options--;
	assert_int_equal(f->driver->open(&f->conf, &where, &ctx), OK);
	assert_int_equal(f->driver->identify(ctx, &id, &why), ERR_INVALID);
	assert_non_null(strstr(why.text, "set view"));
	f->driver->close(ctx);
	f->conf.n_options++;
	settings_unref(s);
	settings_unref(raw);
}

static void
expect_refused(struct fixture *f, const char *expected)
{
	struct backend_identity id;
	struct backend_error why = {""};
	enum err err = f->driver->identify(f->ctx, &id, &why);

	if (err == OK || strstr(why.text, expected) == NULL)
		fail_msg("%s: %s", err_str(err), why.text);
}

static void
edit_conf(struct fixture *f, const char *sed)
{
	char *command = mem_printf("sed -i '%s' %s", sed, f->server.conf);

	assert_int_equal(system(command), 0);
	free(command);
}

static void
wait_stats(struct fixture *f, bool stats)
{
	int port = stats ? f->server.stats_port : f->server.control_port;

	for (int i = 0; i < 500; i++) {
		struct sockaddr_in sin = {.sin_family = AF_INET,
		    .sin_port = htons((uint16_t)port)};
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), rc;

		sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		rc = connect(fd, (struct sockaddr *)&sin, sizeof(sin));
		close(fd);
		if (rc == 0)
			return;
		usleep(10000);
	}
	fail_msg("named does not come up");
}

static void
bind_identify__server_unfit__says_what_it_needs(void **state)
{
	struct fixture *f = *state;
	struct keyring *other;

	NEED_SERVER(f);
	stop_process(&f->server.pid, SIGTERM);
	expect_refused(f, "statistics");
	edit_conf(f, "s/^statistics-channels.*//");
	server_start(&f->server);
	wait_stats(f, false);
	expect_refused(f, "statistics-channels { inet 127.0.0.1 port");
	stop_process(&f->server.pid, SIGTERM);
	server_configure(&f->server);
	edit_conf(f, "s/allow-new-zones yes;//");
	server_start(&f->server);
	wait_stats(f, true);
	expect_refused(f, "allow-new-zones yes");
	stop_process(&f->server.pid, SIGTERM);
	server_configure(&f->server);
	server_start(&f->server);
	wait_up(f);
	/* the wrong secret */
	f->driver->close(f->ctx);
	other = keyring_new();
	add_key(other, "ctl", "not the secret");
	f->conf.keys = other;
	open_driver(f);
	expect_refused(f, "key ctl is not one of its controls");
	keyring_unref(other);
	f->conf.keys = f->ring;
	reopen_driver(f);
	wait_up(f);
}

static void
bind_check__faults__are_told_with_their_place(void **state)
{
	static const char *const faults[][2] = {{"control", "localhost"},
	    {"key", "nokey"}, {"statistics", "127.0.0.1"}, {"view", "a b"},
	    {"bulk", "maybe"}, {"config", "named.conf"}};
	struct fixture *f = *state;

	NEED_SERVER(f);
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		struct backend_option options[OPTIONS_MAX];
		struct backend_conf conf = f->conf;
		struct err_where where = {.line = 0};
		size_t n = f->n_options;

		memcpy(options, f->options, sizeof(options));
		for (size_t k = 0; k < n; k++) {
			if (strcmp(options[k].name, faults[i][0]) == 0)
				options[k].value = faults[i][1];
		}
		if (i > 2)
			options[n++] = (struct backend_option){faults[i][0],
			    faults[i][1], "nsherd.conf", 77};
		conf.options = options;
		conf.n_options = n;
		assert_int_equal(f->driver->check(&conf, &where), ERR_INVALID);
		assert_non_null(strstr(where.what, faults[i][0]));
		assert_int_equal(where.line, i > 2 ? 77 : 10 + i);
	}
}

/* -- accidents ---------------------------------------------------------------- */

struct cancel {
	int fd;
	unsigned after_ms;
};

static void *
cancel_later(void *arg)
{
	struct cancel *c = arg;

	usleep(c->after_ms * 1000);
	assert_int_equal(write(c->fd, "x", 1), 1);
	return NULL;
}

static void
bind_apply__named_frozen__is_canceled_at_once(void **state)
{
	struct fixture *f = *state;
	struct cancel c = {-1, 300};
	struct backend_op ops[2];
	struct backend_error why = {""};
	struct backend_identity id;
	struct settings *s;
	pthread_t thread;
	int64_t since;
	char drain;

	NEED_SERVER(f);
	c.fd = f->cancel[1];
	s = secondary("sec", "127.0.0.1@9");
	prepare_one(f, s, RESULT_OK);
	make_op(&ops[0], OP_ADD, "a.example", s);
	make_op(&ops[1], OP_ADD, "b.example", s);
	kill(f->server.pid, SIGSTOP);
	since = clock_ms();
	assert_int_equal(pthread_create(&thread, NULL, cancel_later, &c), 0);
	assert_int_equal(f->driver->apply(f->ctx, ops, 2, &why), ERR_CANCELED);
	assert_true(clock_ms() - since < 30000);
	pthread_join(thread, NULL);
	assert_int_equal(ops[1].result, RESULT_NONE);
	/* canceled still: nothing waits */
	since = clock_ms();
	assert_int_equal(f->driver->identify(f->ctx, &id, &why), ERR_CANCELED);
	assert_int_equal(f->driver->inventory(f->ctx, count_zone, NULL, &why),
	    ERR_CANCELED);
	assert_true(clock_ms() - since < 30000);
	assert_int_equal(read(f->cancel[0], &drain, 1), 1);
	kill(f->server.pid, SIGCONT);
	wait_up(f);
	apply_one(f, OP_REMOVE, "b.example", s, RESULT_ALREADY);
	settings_unref(s);
}

static void
bind_apply__named_frozen__times_out(void **state)
{
	struct fixture *f = *state;
	struct backend_op op;
	struct backend_error why = {""};
	struct settings *s;
	unsigned timeout_ms;
	int64_t since;

	NEED_SERVER(f);
	s = secondary("sec", "127.0.0.1@9");
	prepare_one(f, s, RESULT_OK);
	make_op(&op, OP_ADD, "a.example", s);
	kill(f->server.pid, SIGSTOP);
	/* only now: while it runs, it may be slow */
	timeout_ms = f->conf.timeout_ms;
	f->conf.timeout_ms = 500;
	reopen_driver(f);
	since = clock_ms();
	assert_int_equal(f->driver->apply(f->ctx, &op, 1, &why), ERR_TIMEOUT);
	assert_true(clock_ms() - since < 30000);
	kill(f->server.pid, SIGCONT);
	f->conf.timeout_ms = timeout_ms;
	reopen_driver(f);
	wait_up(f);
	settings_unref(s);
}

struct killer {
	pid_t pid;
	unsigned after_ms;
	int signal;
};

static void *
kill_later(void *arg)
{
	struct killer *k = arg;

	usleep(k->after_ms * 1000);
	kill(k->pid, k->signal);
	return NULL;
}

static void
bind_apply__killed_in_mid_batch__results_are_what_is(void **state)
{
	static const int signals[] = {SIGKILL, SIGTERM};
	struct fixture *f = *state;
	struct settings *s;
	enum { N = 1000 };

	NEED_SERVER(f);
	s = secondary("sec", "127.0.0.1@9");
	prepare_one(f, s, RESULT_OK);
	for (int round = 0; round < 2; round++) {
		struct backend_op *ops = make_ops(N, OP_ADD, "bulk.example", s);
		struct killer k = {f->server.pid, 150, signals[round]};
		struct backend_error why = {""};
		size_t n_ok = 0, n_unknown = 0, n_there;
		pthread_t thread;
		enum err err;

		assert_int_equal(pthread_create(&thread, NULL, kill_later, &k), 0);
		err = f->driver->apply(f->ctx, ops, N, &why);
		assert_true(err == ERR_CLOSED || err == ERR_IO);
		pthread_join(thread, NULL);
		for (int i = 0; i < N; i++) {
			n_ok += ops[i].result == RESULT_OK;
			n_unknown += ops[i].result == RESULT_UNKNOWN;
			assert_true(ops[i].result == RESULT_OK ||
				    ops[i].result == RESULT_UNKNOWN ||
				    ops[i].result == RESULT_NONE);
		}
		assert_true(n_unknown <= 1 && n_ok < N);
		waitpid(f->server.pid, NULL, 0);
		f->server.pid = 0;
		server_start(&f->server);
		wait_up(f);
		n_there = inventory(f).n_ours;
		assert_true(n_there == n_ok || n_there == n_ok + n_unknown);
		for (int i = 0; i < N; i++) {
			if (ops[i].result == RESULT_UNKNOWN)
				n_ok += lookup(f, "none.example").n;
		}
		assert_int_equal(f->driver->apply(f->ctx, ops, N, &why), OK);
		for (int i = 0; i < N; i++)
			assert_true(ops[i].result == RESULT_OK ||
				    ops[i].result == RESULT_ALREADY);
		assert_int_equal(inventory(f).n_ours, N);
		apply_kind(f, ops, N, OP_REMOVE, RESULT_OK);
		free(ops);
	}
	settings_unref(s);
}

static void
bind_identify__named_restarted__process_differs(void **state)
{
	struct fixture *f = *state;
	struct backend_identity one, two;
	struct backend_error why = {""};

	NEED_SERVER(f);
	assert_int_equal(f->driver->identify(f->ctx, &one, &why), OK);
	assert_string_equal(one.product, "BIND");
	assert_true(strncmp(one.version, "9.", 2) == 0);
	assert_int_equal(f->driver->identify(f->ctx, &two, &why), OK);
	assert_string_equal(one.process, two.process);
	restart(f, SIGTERM);
	assert_int_equal(f->driver->identify(f->ctx, &two, &why), OK);
	assert_string_not_equal(one.process, two.process);
}

/* With the database unreadable the journal has the marks; with neither, the zones
 * are not ours in the list, but are when asked for. */
static void
bind_inventory__database_unreadable__journal_has_the_marks(void **state)
{
	struct fixture *f = *state;
	struct settings *s;
	struct count c;

	NEED_SERVER(f);
	s = secondary("sec", "127.0.0.1@9");
	prepare_one(f, s, RESULT_OK);
	apply_one(f, OP_ADD, "a.example", s, RESULT_OK);
	apply_one(f, OP_ADD, "b.example", s, RESULT_OK);
	/* so that the driver looks for it in vain */
	add_option(f, "config", mem_printf("%s/none.conf", f->server.dir));
	reopen_driver(f);
	assert_int_equal(inventory(f).n_ours, 2);
	write_text(in_dir(f, "conf/nsherd.journal"), "ae", "+ torn");
	apply_one(f, OP_REMOVE, "b.example", s, RESULT_OK);
	reopen_driver(f);
	c = inventory(f);
	assert_int_equal(c.n, 1);
	assert_int_equal(c.n_ours, 1);
	assert_int_equal(unlink(in_dir(f, "conf/nsherd.journal")), 0);
	reopen_driver(f);
	c = inventory(f);
	assert_int_equal(c.n, 1);
	assert_int_equal(c.n_ours, 0);
	assert_string_equal(lookup(f, "a.example").mark, "nsherd-sec.01234567.0");
	/* another agent's zone-dir: another agent's zones */
	f->n_options--;
	f->conf.n_options--;
	f->conf.zone_dir = in_dir(f, "nzd");
	reopen_driver(f);
	assert_int_equal(inventory(f).n_ours, 0);
	apply_one(f, OP_REMOVE, "a.example", s, RESULT_CONFLICT);
	settings_unref(s);
}

static void
bind_journal__many_changes__stays_small(void **state)
{
	struct fixture *f = *state;
	struct settings *s;
	struct stat before, after;
	char *path, *line;

	NEED_SERVER(f);
	s = secondary("sec", "127.0.0.1@9");
	prepare_one(f, s, RESULT_OK);
	apply_one(f, OP_ADD, "a.example", s, RESULT_OK);
	path = in_dir(f, "conf/nsherd.journal");
	line = mem_zalloc(400000);
	for (int i = 0; i < 5000; i++)
		sprintf(line + strlen(line),
		    "+ z%d.example nsherd-x.0.0\n! z%d.example\n", i, i);
	write_text(path, "ae", line);
	free(line);
	assert_int_equal(stat(path, &before), 0);
	assert_int_equal(inventory(f).n_ours, 1);
	assert_int_equal(stat(path, &after), 0);
	assert_true(after.st_size < before.st_size / 100);
	reopen_driver(f);
	assert_int_equal(inventory(f).n_ours, 1);
	settings_unref(s);
}

/* Lists in lists, deeper than anything that we look at. */
static void
bind_config__deep_access_list__what_follows_is_seen(void **state)
{
	struct fixture *f = *state;
	struct bind_config_reader r = {.view = "",
	    .cancel_fd = -1,
	    .timeout_ms = 30000};
	struct backend_error why = {""};
	struct bind_config c;

	NEED_SERVER(f);
	r.path = in_dir(f, "deep.conf");
	write_text(r.path, "we",
	    "options { directory \"/tmp\"; allow-query { !{ !{ !{ !{ !{ !{ !{ 10.0.0.1; "
	    "}; }; }; }; }; }; }; any; }; allow-new-zones yes; zone-statistics none; };\n"
	    "statistics-channels { inet 127.0.0.1 port 1 allow { any; }; };\n");
	if (bind_config_read(&r, &c, &why) != OK)
		fail_msg("%s", why.text);
	assert_true(c.new_zones);
	assert_true(c.hides_zones);
	assert_true(c.statistics);
	bind_config_fini(&c);
}

static bool
journal_has(struct fixture *f, const char *line)
{
	char *text = mem_zalloc(65536);
	FILE *file = fopen(in_dir(f, "conf/nsherd.journal"), "re");
	bool has;

	assert_non_null(file);
	text[fread(text, 1, 65535, file)] = '\0';
	fclose(file);
	has = strstr(text, line) != NULL;
	free(text);
	return has;
}

/* Of what is to be there again there must be no tombstone: a zone that was added,
 * unseen, would be buried by it. */
static void
bind_apply__zone_added_anew__is_not_wanted_dead(void **state)
{
	struct fixture *f = *state;
	struct settings *s, *p;

	NEED_SERVER(f);
	s = secondary("sec", "127.0.0.1@9");
	p = primary("web", template);
	prepare_one(f, s, RESULT_OK);
	prepare_one(f, p, RESULT_OK);
	apply_one(f, OP_ADD, "a.example", s, RESULT_OK);
	apply_one(f, OP_CHANGE, "a.example", p, RESULT_OK);
	assert_false(journal_has(f, "- a.example"));
	apply_one(f, OP_REMOVE, "a.example", NULL, RESULT_OK);
	assert_true(journal_has(f, "- a.example"));
	settings_unref(s);
	settings_unref(p);
}

/* With its tombstone on disk it would go again after the next restart. */
static void
bind_apply__journal_full__removed_zone_is_not_added(void **state)
{
	struct fixture *f = *state;
	struct settings *s;
	struct stat before, after;
	struct rlimit was, full;
	const char *path;

	NEED_SERVER(f);
	s = secondary("sec", "127.0.0.1@9");
	prepare_one(f, s, RESULT_OK);
	apply_one(f, OP_ADD, "a.example", s, RESULT_OK);
	apply_one(f, OP_REMOVE, "a.example", NULL, RESULT_OK);
	path = in_dir(f, "conf/nsherd.journal");
	assert_int_equal(stat(path, &before), 0);
	/* no more room than for half a line */
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
	full = was;
	full.rlim_cur = (rlim_t)before.st_size + 4;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &full), 0);
	apply_one(f, OP_ADD, "a.example", s, RESULT_RETRY);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
	signal(SIGXFSZ, SIG_DFL);
	assert_int_equal(stat(path, &after), 0);
	assert_int_equal(after.st_size, before.st_size);
	assert_int_equal(inventory(f).n, 0);
	apply_one(f, OP_ADD, "a.example", s, RESULT_OK);
	restart(f, SIGKILL);
	reopen_driver(f);
	assert_int_equal(inventory(f).n_ours, 1);
	settings_unref(s);
}

/* -- verbs, signing, catalogs ------------------------------------------------- */

static void
expect_verb(struct fixture *f, enum backend_verb verb, const char *zone,
    enum err expected)
{
	struct backend_error why = {""};
	struct dname name;
	enum err err;

	assert_int_equal(dname_parse(zone, &name), OK);
	err = f->driver->command(f->ctx, verb, &name, &why);
	if (err != expected)
		fail_msg("verb %d %s: %s: %s", (int)verb, zone, err_str(err), why.text);
	assert_true(err == OK || why.text[0] != '\0');
}

static void
bind_command__verbs__do_what_named_can(void **state)
{
	struct fixture *f = *state;
	struct settings *p, *s;

	NEED_SERVER(f);
	p = primary("web", template);
	put_remote(&p->notify, "127.0.0.1@9");
	s = secondary("sec", "127.0.0.1@9");
	prepare_one(f, p, RESULT_OK);
	prepare_one(f, s, RESULT_OK);
	apply_one(f, OP_ADD, "p.example", p, RESULT_OK);
	apply_one(f, OP_ADD, "s.example", s, RESULT_OK);
	expect_verb(f, VERB_RELOAD, "p.example", OK);
	expect_verb(f, VERB_NOTIFY, "p.example", OK);
	expect_verb(f, VERB_FLUSH, "p.example", OK);
	expect_verb(f, VERB_REFRESH, "s.example", OK);
	expect_verb(f, VERB_RETRANSFER, "s.example", OK);
	expect_verb(f, VERB_REFRESH, "p.example", ERR_UNSUPPORTED);
	expect_verb(f, VERB_RETRANSFER, "p.example", ERR_UNSUPPORTED);
	expect_verb(f, VERB_FREEZE, "p.example", ERR_UNSUPPORTED);
	expect_verb(f, VERB_THAW, "none.example", ERR_NOTFOUND);
	settings_unref(p);
	settings_unref(s);
}

static size_t
count_files(struct fixture *f)
{
	char *command = mem_printf("ls %s/zones | wc -l", f->server.dir);
	FILE *pipe = popen(command, "r");
	int n = -1;

	assert_non_null(pipe);
	assert_int_equal(fscanf(pipe, "%d", &n), 1);
	pclose(pipe);
	free(command);
	return (size_t)n;
}

static void
bind_apply__signed_primary__is_signed_and_leaves_nothing(void **state)
{
	struct fixture *f = *state;
	struct settings *plain, *s;
	char *text = NULL;
	bool is_signed = false;

	NEED_SERVER(f);
	plain = primary("plain", template);
	s = primary("signed", template);
	s->dnssec = mem_strdup("default");
	prepare_one(f, plain, RESULT_OK);
	prepare_one(f, s, RESULT_OK);
	apply_one(f, OP_ADD, "1/2.a.example", plain, RESULT_OK);
	apply_one(f, OP_CHANGE, "1/2.a.example", s, RESULT_OK);
	for (int i = 0; i < 200 && !is_signed; i++) {
		usleep(50000);
		free(text);
		text = rndc(f, "zonestatus 1/2.a.example");
		is_signed = strstr(text, "signed serial") != NULL &&
			    strstr(text, "secure: yes") != NULL;
	}
	if (!is_signed)
		fail_msg("not signed: %s", text);
	free(text);
	assert_true(count_files(f) > 3);
	apply_one(f, OP_CHANGE, "1/2.a.example", plain, RESULT_OK);
	wait_rcode(f, "1/2.a.example", NOERROR);
	apply_one(f, OP_REMOVE, "1/2.a.example", plain, RESULT_OK);
	usleep(200000);
	apply_one(f, OP_PURGE, "1/2.a.example", plain, RESULT_OK);
	if (count_files(f) != 0) {
		text = mem_printf("ls -la %s/zones", f->server.dir);
		(void)!system(text);
		free(text);
		fail_msg("%zu files are left", count_files(f));
	}
	settings_unref(plain);
	settings_unref(s);
}

static int
setup_catalog(void **state)
{
	return setup_with(state,
	    &(struct setting){
		"catalog-zones { zone \"cat.example\" default-primaries { "
		"127.0.0.1 port 9; }; };",
		"zone \"cat.example\" { type primary; file \"cat\"; };\n", NULL,
		false});
}

static void
bind_apply__member_of_a_catalog__is_a_conflict_and_untouched(void **state)
{
	struct fixture *f = *state;
	struct settings *s;

	NEED_SERVER(f);
	write_text(in_dir(f, "cat"), "we",
	    "$TTL 60\n@ SOA . . 2 60 60 60 60\n@ NS invalid.\nversion TXT \"2\"\n"
	    "m1.zones PTR member.example.\n");
	restart(f, SIGTERM);
	wait_rcode(f, "member.example", SERVFAIL);
	s = secondary("sec", "127.0.0.1@9");
	prepare_one(f, s, RESULT_OK);
	assert_int_equal(lookup(f, "member.example").n, 1);
	assert_int_equal(lookup(f, "member.example").n_ours, 0);
	apply_one(f, OP_ADD, "member.example", s, RESULT_CONFLICT);
	apply_one(f, OP_CHANGE, "member.example", s, RESULT_CONFLICT);
	apply_one(f, OP_REMOVE, "member.example", s, RESULT_CONFLICT);
	wait_rcode(f, "member.example", SERVFAIL);
	settings_unref(s);
}

/* -- bulk = reconfig ---------------------------------------------------------- */

static void
bind_bulk__large_set__goes_by_one_reconfig(void **state)
{
	struct fixture *f = *state;
	struct settings *s, *other;
	struct backend_op *ops;
	struct backend_error why = {""};
	struct count c;
	char *text;
	enum { N = 600 };

	NEED_SERVER(f);
	s = primary("bulk", template);
	other = primary("other", template);
	prepare_one(f, s, RESULT_OK);
	prepare_one(f, other, RESULT_OK);
	/* some are there: ours, and the operator's */
	apply_one(f, OP_ADD, "z5.bulk.example", s, RESULT_OK);
	ops = make_ops(N, OP_ADD, "bulk.example", s);
	assert_int_equal(dname_parse("conf.example", &ops[7].zone), OK);
	assert_int_equal(f->driver->apply(f->ctx, ops, N, &why), OK);
	for (int i = 0; i < N; i++) {
		enum backend_result expected = i == 7   ? RESULT_CONFLICT
					       : i == 5 ? RESULT_ALREADY
							: RESULT_OK;

		if (ops[i].result != expected)
			fail_msg("%d: %d %s", i, (int)ops[i].result, ops[i].text);
	}
	assert_int_equal(count_reconfigs(f), 1);
	wait_rcode(f, "z599.bulk.example", NOERROR);
	c = inventory(f);
	assert_int_equal(c.n, N);
	assert_int_equal(c.n_ours, N - 1);
	/* nothing is in both places: named starts */
	restart(f, SIGKILL);
	assert_int_equal(inventory(f).n_ours, N - 1);
	wait_rcode(f, "z599.bulk.example", NOERROR);
	/* changes and removals without a stall, and they last */
	apply_one(f, OP_CHANGE, "z1.bulk.example", other, RESULT_OK);
	apply_one(f, OP_REMOVE, "z2.bulk.example", s, RESULT_OK);
	apply_one(f, OP_REMOVE, "z3.bulk.example", s, RESULT_OK);
	apply_one(f, OP_ADD, "z3.bulk.example", s, RESULT_OK);
	assert_int_equal(count_reconfigs(f), 1);
	restart(f, SIGKILL);
	assert_string_equal(lookup(f, "z1.bulk.example").mark,
	    "nsherd-other.01234567.0");
	assert_int_equal(lookup(f, "z2.bulk.example").n, 0);
	assert_int_equal(lookup(f, "z3.bulk.example").n_ours, 1);
	assert_int_equal(inventory(f).n_ours, N - 2);
	rndc_quiet(f, "reconfig");
	assert_string_equal(lookup(f, "z1.bulk.example").mark,
	    "nsherd-other.01234567.0");
	assert_int_equal(inventory(f).n_ours, N - 2);
	/* role changes move a zone into the database */
	settings_unref(other);
	other = secondary("two", "127.0.0.1@9");
	prepare_one(f, other, RESULT_OK);
	apply_one(f, OP_CHANGE, "z1.bulk.example", other, RESULT_OK);
	restart(f, SIGKILL);
	text = zone_type(f, "z1.bulk.example");
	assert_string_equal(text, "secondary");
	free(text);
	for (int i = 0; i < N; i++)
		ops[i].kind = OP_REMOVE;
	assert_int_equal(f->driver->apply(f->ctx, ops, N, &why), OK);
	for (int i = 0; i < N; i++)
		assert_int_equal(ops[i].result, i == 7   ? RESULT_CONFLICT
						: i == 2 ? RESULT_ALREADY
							 : RESULT_OK);
	assert_int_equal(inventory(f).n, 1);
	restart(f, SIGTERM);
	assert_int_equal(inventory(f).n, 1);
	free(ops);
	settings_unref(s);
	settings_unref(other);
}

/* Somebody deletes them one after the other. */
static void
bind_inventory__our_files_deleted__are_mended(void **state)
{
	struct fixture *f = *state;
	struct backend_identity one, two;
	struct backend_error why = {""};
	struct settings *s;
	struct backend_op *ops;
	char *text;
	enum { N = 300 };

	NEED_SERVER(f);
	add_key(f->ring, "xfr.example", "first secret");
	s = secondary("bulk", "127.0.0.1@9 key xfr.example");
	prepare_one(f, s, RESULT_OK);
	ops = make_ops(N, OP_ADD, "bulk.example", s);
	apply_kind(f, ops, N, OP_ADD, RESULT_OK);
	apply_one(f, OP_ADD, "single.example", s, RESULT_OK);
	assert_int_equal(unlink(in_dir(f, "conf/nsherd.conf")), 0);
	reopen_driver(f);
	assert_int_equal(inventory(f).n_ours, N + 1);
	text = read_text(in_dir(f, "conf/nsherd.conf"));
	assert_non_null(strstr(text, "xfr.example"));
	assert_non_null(strstr(text, "include \""));
	free(text);
	restart(f, SIGTERM);
	text = rndc(f, "tsig-list"); /* BIND 9.20 has no such command */
	assert_true(strstr(text, "xfr.example") || strstr(text, "unknown command"));
	free(text);
	assert_int_equal(inventory(f).n_ours, N + 1);
	assert_int_equal(unlink(in_dir(f, "conf/nsherd-zones.conf")), 0);
	assert_int_equal(f->driver->identify(f->ctx, &one, &why), OK);
	assert_int_equal(inventory(f).n_ours, 1);
	assert_int_equal(f->driver->identify(f->ctx, &two, &why), OK);
	assert_string_not_equal(one.process, two.process);
	apply_kind(f, ops, N, OP_ADD, RESULT_OK);
	restart(f, SIGKILL);
	assert_int_equal(inventory(f).n_ours, N + 1);
	free(ops);
	settings_unref(s);
}

static void
bind_bulk__reconfig_not_possible__goes_one_by_one(void **state)
{
	struct fixture *f = *state;
	struct settings *s;
	struct backend_op *ops;
	enum { N = 300 };

	NEED_SERVER(f);
	s = secondary("bulk", "127.0.0.1@9");
	prepare_one(f, s, RESULT_OK);
	write_text(f->server.conf, "we", "");
	ops = make_ops(N, OP_ADD, "bulk.example", s);
	apply_kind(f, ops, N, OP_ADD, RESULT_OK);
	assert_int_equal(count_reconfigs(f), 0);
	server_configure(&f->server);
	restart(f, SIGKILL);
	assert_int_equal(inventory(f).n_ours, N);
	free(ops);
	settings_unref(s);
}

/* A file that cannot be written stays as it is; what named dislikes is undone. */
static void
bind_bulk__second_set_goes_wrong__first_one_stays(void **state)
{
	struct fixture *f = *state;
	struct settings *s;
	struct backend_op *ops;
	struct backend_error why = {""};
	char *text, *more;
	enum { N = 220 };

	NEED_SERVER(f);
	s = secondary("bulk", "127.0.0.1@9");
	prepare_one(f, s, RESULT_OK);
	ops = make_ops(N, OP_ADD, "first.example", s);
	apply_kind(f, ops, N, OP_ADD, RESULT_OK);
	free(ops);
	assert_int_equal(count_reconfigs(f), 1);
	assert_int_equal(mkdir(in_dir(f, "conf/.nsherd-zones.tmp"), 0700), 0);
	ops = make_ops(N, OP_ADD, "second.example", s);
	apply_kind(f, ops, N, OP_ADD, RESULT_OK);
	free(ops);
	assert_int_equal(count_reconfigs(f), 1);
	assert_int_equal(rmdir(in_dir(f, "conf/.nsherd-zones.tmp")), 0);
	restart(f, SIGKILL);
	assert_int_equal(inventory(f).n_ours, 2 * N);

	/* the operator's, and in no list */
	text = read_text(f->server.conf);
	more = mem_printf("%szone \"hidden.example\" { type primary; file \"tpl\"; "
			  "zone-statistics none; };\n",
	    text);
	write_text(f->server.conf, "we", more);
	free(more);
	free(text);
	restart(f, SIGTERM);
	ops = make_ops(N, OP_ADD, "third.example", s);
	assert_int_equal(dname_parse("hidden.example", &ops[7].zone), OK);
	assert_int_equal(f->driver->apply(f->ctx, ops, N, &why), OK);
	for (int i = 0; i < N; i++)
		assert_int_equal(ops[i].result, i == 7 ? RESULT_CONFLICT : RESULT_OK);
	free(ops);
	restart(f, SIGKILL);
	assert_int_equal(inventory(f).n_ours, 3 * N - 1);
	wait_rcode(f, "hidden.example", NOERROR);
	settings_unref(s);
}

#define WITH(test, how) cmocka_unit_test_setup_teardown(test, how, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    WITH(bind_apply__primary_added_and_removed__is_served_and_gone, setup),
	    WITH(bind_apply__two_thousand_zones__all_in_one_batch, setup),
	    WITH(bind_apply__operators_zones__are_conflicts_and_untouched,
		setup_conf_zone),
	    WITH(bind_apply__odd_names__are_served, setup),
	    WITH(bind_apply__other_pattern__is_changed_without_a_gap, setup),
	    WITH(bind_apply__role_changed__is_really_changed_and_keeps_its_data, setup),
	    WITH(bind_apply__no_zone_file__is_rejected_and_named_starts, setup),
	    WITH(bind_apply__unreachable_primary__is_taken_at_once, setup),
	    WITH(bind_apply__existing_zone_file__is_not_overwritten, setup),
	    WITH(bind_purge__symbolic_links__are_not_followed, setup),
	    WITH(bind_apply__killed_after_delzone__zone_does_not_come_back, setup),
	    WITH(bind_inventory__deleted_zone_is_back__goes_again_if_it_is_ours, setup),
	    WITH(bind_apply__new_zone_database_full__half_done_is_undone,
		setup_small_map),
	    WITH(bind_lookup__many_zones__has_those_that_are_there, setup_conf_zone),
	    WITH(bind_lookup__served_but_not_saved__is_ours_and_is_added_again,
		setup_small_map),
	    WITH(bind_prepare__key_the_operator_has__is_left_to_him, setup_key),
	    WITH(bind_prepare__key_the_operator_has__is_left_to_him, setup_view_key),
	    WITH(bind_prepare__key_the_operator_has_otherwise__is_refused_alone,
		setup_key),
	    WITH(bind_prepare__keys__are_written_and_follow_the_ring, setup),
	    WITH(bind_prepare__nothing_new__does_not_reconfig, setup),
	    WITH(bind_prepare__bad_settings__are_rejected_alone, setup),
	    WITH(bind_prepare__operators_file_unfit__waits_and_named_goes_on, setup),
	    WITH(bind_prepare__not_included__says_so, setup),
	    WITH(bind_prepare__include_dropped_before_a_restart__says_so, setup),
	    WITH(bind_prepare__hold_and_operators_file_newer__waits_for_the_operator,
		setup),
	    WITH(bind_view__zones_and_keys__go_into_the_view, setup_view),
	    WITH(bind_identify__server_unfit__says_what_it_needs, setup),
	    WITH(bind_check__faults__are_told_with_their_place, setup),
	    WITH(bind_apply__named_frozen__is_canceled_at_once, setup),
	    WITH(bind_apply__named_frozen__times_out, setup),
	    WITH(bind_apply__killed_in_mid_batch__results_are_what_is, setup),
	    WITH(bind_identify__named_restarted__process_differs, setup),
	    WITH(bind_inventory__database_unreadable__journal_has_the_marks, setup),
	    WITH(bind_journal__many_changes__stays_small, setup),
	    WITH(bind_config__deep_access_list__what_follows_is_seen, setup),
	    WITH(bind_apply__zone_added_anew__is_not_wanted_dead, setup),
	    WITH(bind_apply__journal_full__removed_zone_is_not_added, setup),
	    WITH(bind_command__verbs__do_what_named_can, setup),
	    WITH(bind_apply__signed_primary__is_signed_and_leaves_nothing, setup),
	    WITH(bind_apply__member_of_a_catalog__is_a_conflict_and_untouched,
		setup_catalog),
	    WITH(bind_bulk__large_set__goes_by_one_reconfig, setup_bulk),
	    WITH(bind_inventory__our_files_deleted__are_mended, setup_bulk),
	    WITH(bind_bulk__reconfig_not_possible__goes_one_by_one, setup_bulk),
	    WITH(bind_bulk__second_set_goes_wrong__first_one_stays, setup_bulk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
