/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/agent_backend_knot_fixture.h"

/* What the knot driver does for its living. What it must avoid is in
 * agent_backend_knot_crash_test.c. */

static const char operators[] =
    "key:\n  - id: same.key\n    algorithm: hmac-sha256\n"
    "    secret: c2FtZSBzZWNyZXQgc2FtZSBzZWNyZXQ=\n"
    "  - id: other.key\n    algorithm: hmac-sha256\n    secret: AAAA\n"
    "policy:\n  - id: ours\n    algorithm: ecdsap256sha256\n"
    "acl:\n  - id: op-acl\n    action: transfer\n";

static int
setup_operators(void **state)
{
	return set_up(state, operators);
}

/* -- the usual ----------------------------------------------------------------- */

static void
knot_apply__primary_added_and_removed__is_served_and_gone(void **state)
{
	struct fixture *f = *state;
	struct settings *s;

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

	NEED_SERVER(f);
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

	NEED_SERVER(f);
	put_text(mem_printf("%s/zones/shared.zone", f->server.dir),
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
	free(ops);
	ops = make_ops(N, OP_CHANGE, "many.example", other);
	apply_all(f, ops, N, RESULT_OK);
	apply_all(f, ops, N, RESULT_ALREADY);
	wait_rcode(f, "z4999.many.example", NOERROR);
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

	NEED_SERVER(f);
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
	ops[2].zonefile = file = settings_file_record(s, &ops[2].zone);
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

	NEED_SERVER(f);
	s = primary("web", template);
	prepare_one(f, s, RESULT_OK);
	put_text(mem_printf("%s/zones/mine.example.zone", f->server.dir),
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

	NEED_SERVER(f);
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

	NEED_SERVER(f);
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

	NEED_SERVER(f);
	s = primary("bare", NULL);
	prepare_one(f, s, RESULT_OK);
	apply_one(f, OP_ADD, "bare.example", s, RESULT_OK);
	wait_rcode(f, "bare.example", SERVFAIL);
	put_text(mem_printf("%s/zones/bare.example.zone", f->server.dir),
	    mem_strdup("@ 60 SOA ns.invalid. h.invalid. 1 60 60 600 60\n"
		       "@ 60 NS ns.invalid.\n"));
	assert_int_equal(dname_parse("bare.example", &name), OK);
	assert_int_equal(f->driver->command(f->ctx, VERB_RELOAD, &name, &why), OK);
	wait_rcode(f, "bare.example", NOERROR);
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

	NEED_SERVER(f);
	for (int i = 0; i < N; i++) {
		char name[16];

		snprintf(name, sizeof(name), "p%d", i);
		list[i] = primary(name, template);
	}
	list[1]->dnssec = mem_strdup("nosuch");
	put_option(list[2], "knot", "nonsense: yes");
	put_option(list[3], "knot", "semantic-checks: perhaps");
	put_option(list[4], "knot", "file: /etc/passwd");
	put_option(list[5], "knot", "no option at all");
	put_option(list[6], "knot", "catalog-role: interpret");
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

	NEED_SERVER(f);
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
	put_option(other, "knot", "semantic-checks: on");
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

	NEED_SERVER(f);
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

	NEED_SERVER(f);
	add_key(f->ring, "our.key", "a secret of some length");
	add_key(f->ring, "same.key", "same secret same secret");
	add_key(f->ring, "other.key", "something else");
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
	keyring_unref(f->ring);
	f->conf.keys = f->ring = keyring_new();
	add_key(f->ring, "our.key", "0");
	add_key(f->ring, "same.key", "changed here, but the operator's there");
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

	NEED_SERVER(f);
	s = primary("signed", template);
	s->dnssec = mem_strdup("ours");
	put_option(s, "knot", "acl: op-acl");
	put_option(s, "knot", "semantic-checks: soft");
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
	/* Last, for some versions cannot even abort it then. */
	expect_knotc(f, "conf-commit", "invalid reference");
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

	NEED_SERVER(f);
	add_key(f->ring, "used.key", "a");
	add_key(f->ring, "unused.key", "b");
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
	struct settings *own, *from;
	char *zone, *text = NULL;

	NEED_SERVER(f);
	add_key(f->ring, "xfr.key", "0123456789abcdef");
	f->hidden.text = true;
	server_configure(&f->hidden,
	    "key:\n  - id: xfr.key\n    algorithm: hmac-sha256\n"
	    "    secret: MDEyMzQ1Njc4OWFiY2RlZg==\n"
	    "acl:\n  - id: out\n    action: transfer\n    key: xfr.key\n"
	    "template:\n  - id: default\n    storage: @DIR@\n    acl: out\n"
	    "zone:\n  - domain: turn.example\n    file: turn.zone\n");
	put_text(mem_printf("%s/turn.zone", f->hidden.dir),
	    mem_strdup("@ 60 SOA h.invalid. h.invalid. 3000000000 60 60 600 60\n"
		       "@ 60 NS ns.invalid.\nwww 60 A 192.0.2.1\n"));
	server_start(&f->hidden);
	own = primary("own", template);
	from = secondary("from", "127.0.0.1@%d key xfr.key", f->hidden.port);
	put_remote(&from->allow_notify, "127.0.0.1 key xfr.key");
	prepare_one(f, own, RESULT_OK);
	prepare_one(f, from, RESULT_OK);
	apply_one(f, OP_ADD, "turn.example", own, RESULT_OK);
	wait_rcode(f, "turn.example", NOERROR);
	apply_one(f, OP_CHANGE, "turn.example", from, RESULT_OK);
	/* A first try that fails on a busy machine is repeated after 5 s and more. */
	for (int i = 0; i < 2000; i++) {
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
	server_stop(&f->hidden, SIGTERM);
	server_stop(&f->server, SIGTERM);
	server_start(&f->server);
	wait_up(f);
	wait_rcode(f, "turn.example", NOERROR);
	apply_one(f, OP_CHANGE, "turn.example", own, RESULT_OK);
	wait_rcode(f, "turn.example", NOERROR);
	expect_knotc(f, "zone-status turn.example +role", "master");
	settings_unref(own);
	settings_unref(from);
}

static void
knot_apply__unreachable_primary__is_taken_and_may_turn_primary(void **state)
{
	struct fixture *f = *state;
	struct settings *s, *own;

	NEED_SERVER(f);
	s = secondary("far", "127.0.0.1@9");
	own = primary("own", template);
	prepare_one(f, s, RESULT_OK);
	prepare_one(f, own, RESULT_OK);
	apply_one(f, OP_ADD, "far.example", s, RESULT_OK);
	wait_rcode(f, "far.example", SERVFAIL);
	/* It never had a file: as a primary it gets its first. */
	apply_one(f, OP_CHANGE, "far.example", own, RESULT_OK);
	wait_rcode(f, "far.example", NOERROR);
	apply_one(f, OP_REMOVE, "far.example", NULL, RESULT_OK);
	wait_rcode(f, "far.example", REFUSED);
	settings_unref(s);
	settings_unref(own);
}

/* -- verbs --------------------------------------------------------------------- */

static void
knot_command__verbs__are_done_or_refused_in_knots_words(void **state)
{
	struct fixture *f = *state;
	struct settings *own, *from;
	struct backend_error why = {""};
	struct dname a, b;

	NEED_SERVER(f);
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

	NEED_SERVER(f);
	s = primary("web", template);
	prepare_one(f, s, RESULT_OK);
	apply_one(f, OP_ADD, "a.example", s, RESULT_OK);
	wait_rcode(f, "a.example", NOERROR);
	put_text(mem_printf("%s/zones/a.example.zone", f->server.dir),
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
	put_option(a, "knot", "acl: [one, \"two\"]");
	put_option(b, "knot", "acl: one");
	put_option(b, "knot", "acl: two");
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

static void
knot_native__options_that_do_not_go_together__are_refused(void **state)
{
	static const struct {
		const char *dnssec, *first, *second;
		bool good;
	} rows[] = {
	    {NULL, "zonefile-load: difference-no-serial", NULL, false},
	    {NULL, "zonefile-load: difference-no-serial", "journal-content: all", true},
	    {"p", "journal-content: changes", NULL, false},
	    {"p", "journal-content: changes", "zonefile-load: none", true},
	    {"p", "dnssec-validation: on", NULL, false},
	    {NULL, "dnssec-validation: on", NULL, true},
	    {NULL, "serial-modulo: 1/3", NULL, false},
	    {NULL, "serial-modulo: 0/1", NULL, true},
	    {"p", "serial-modulo: 1/3", NULL, true},
	    {"p", "serial-modulo: 1/3", "zonefile-load: whole", false},
	    {NULL, "refresh-min-interval: 2h", "refresh-max-interval: 90m", false},
	    {NULL, "refresh-min-interval: 60", "refresh-max-interval: 1m", true},
	    {NULL, "retry-min-interval: 1d", "retry-max-interval: 86399", false},
	    {NULL, "expire-max-interval: 1h", "expire-min-interval: 61m", false},
	    {NULL, "expire-max-interval: 1h", "expire-min-interval: soon", true},
	    {NULL, "expire-max-interval: 1h", NULL, true},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct settings *s = primary("web", template);
		struct knot_native *native = NULL;
		struct backend_error why = {""};
		enum err err;

		if (rows[i].dnssec != NULL)
			s->dnssec = mem_strdup(rows[i].dnssec);
		put_option(s, "knot", rows[i].first);
		if (rows[i].second != NULL)
			put_option(s, "knot", rows[i].second);
		err = knot_native_make(s, "/z", &native, &why);
		if (err != (rows[i].good ? OK : ERR_INVALID))
			fail_msg("row %zu: %d (%s)", i, err, why.text);
		knot_native_free(native);
		settings_unref(s);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(knot_native__options_that_do_not_go_together__are_refused),
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
	    ON_SERVER(knot_prepare__bad_settings__are_rejected_alone),
	    ON_SERVER(knot_prepare__unused_template__zones_are_not_loaded_again),
	    ON_SERVER(knot_prepare__too_many_variants__are_rejected),
	    WITH(knot_prepare__keys__are_made_and_the_operators_respected,
		setup_operators),
	    WITH(knot_apply__signed_primary__is_signed_and_unsigned_again,
		setup_operators),
	    ON_SERVER(knot_retire__many_unused_templates__go_with_what_they_named),
	    ON_SERVER(knot_apply__primary_to_secondary_and_back__keeps_answering),
	    ON_SERVER(knot_apply__unreachable_primary__is_taken_and_may_turn_primary),
	    ON_SERVER(knot_command__verbs__are_done_or_refused_in_knots_words),
	    ON_SERVER(knot_command__file_edited_and_reload__is_served),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
