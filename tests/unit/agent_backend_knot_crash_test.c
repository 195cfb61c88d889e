/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/agent_backend_knot_fixture.h"

/*
 * The ways in which knotd can be crashed, stalled or left inconsistent by who
 * controls it, and in which others can be disturbed: none of them is taken.
 */

static int
setup_operators(void **state)
{
	return set_up(state, "template:\n  - id: default\n    storage: /nonexistent\n"
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

/* -- what is not ours ---------------------------------------------------------- */

static void
knot_apply__operators_zones__are_conflicts_and_untouched(void **state)
{
	struct fixture *f = *state;
	struct settings *s;
	struct backend_op *ops;
	struct backend_error why = {""};
	struct dname names[3];
	struct count c = {.n = 0};
	char *before, *after;

	NEED_SERVER(f);
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
	c = (struct count){.n = 0};
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
	put_text(mem_printf("%s/zones/cat.zone", f->server.dir),
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

	NEED_SERVER(f);
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

	NEED_SERVER(f);
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

enum stage { BEGUN, HALF_FILLED, POISONED, POISONED_BY_UNSET };

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
	if (stage == POISONED_BY_UNSET) {
		knot_unit_put_conf(&units, "conf-unset", "zone", "s0.example.", NULL,
		    NULL);
		knot_unit_put_conf(&units, "conf-unset", "zone", "none.example.", NULL,
		    NULL);
	} else if (stage >= HALF_FILLED) {
		knot_unit_put_conf(&units, "conf-set", "zone", "half.example.", NULL,
		    NULL);
	}
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

	NEED_SERVER(f);
	s = primary("web", template);
	prepare_one(f, s, RESULT_OK);
	for (int stage = BEGUN; stage <= POISONED_BY_UNSET; stage++) {
		char zone[32];

		leave_open(f, (enum stage)stage);
		snprintf(zone, sizeof(zone), "s%d.example", stage);
		apply_one(f, OP_ADD, zone, s, RESULT_OK);
		wait_rcode(f, zone, NOERROR);
		wait_rcode(f, "half.example", REFUSED);
		wait_rcode(f, "s0.example", NOERROR);
		expect_alive(f);
	}
	settings_unref(s);
}

static void
knot_apply__left_over_ended_and_another_begun_by_operator__is_his(void **state)
{
	struct fixture *f = *state;
	struct settings *s;

	NEED_SERVER(f);
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

	NEED_SERVER(f);
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

/* From 3.4.0 to 3.4.9 it is stuck with what it refused to commit. */
static bool
sticks(struct fixture *f)
{
	struct backend_identity id;
	struct backend_error why;
	unsigned patch = 0;

	assert_int_equal(f->driver->identify(f->ctx, &id, &why), OK);
	return sscanf(id.version, "3.4.%u", &patch) == 1 && patch < 10;
}

static void
knot_apply__refused_by_the_commit__pattern_is_rejected_and_the_rest_done(void **state)
{
	struct fixture *f = *state;
	struct settings *s, *bad;
	struct backend_op *ops;
	struct backend_error why = {""};

	NEED_SERVER(f);
	expect_knotc(f, "conf-begin", "OK");
	free(knotc(f, mem_strdup("conf-set 'remote[up]'")));
	free(knotc(f, mem_strdup("conf-set 'remote[up].address' 127.0.0.1@9")));
	free(knotc(f, mem_strdup("conf-set 'policy[mute]'")));
	free(knotc(f, mem_strdup("conf-set 'policy[mute].cds-cdnskey-publish' none")));
	expect_knotc(f, "conf-commit", "OK");
	s = primary("good", template);
	bad = primary("bad", template);
	bad->dnssec = mem_strdup("mute");
	put_option(bad, "knot", "ds-push: up"); /* of what is not published */
	prepare_one(f, s, RESULT_OK);
	prepare_one(f, bad, RESULT_OK); /* only a zone shows it */
	ops = make_ops(40, OP_ADD, "mix.example", s);
	for (int i = 0; i < 40; i += 4)
		ops[i].settings = bad;
	assert_int_equal(f->driver->apply(f->ctx, ops, 40, &why), OK);
	if (sticks(f)) {
		assert_int_equal(ops[1].result, RESULT_RETRY);
		assert_non_null(strstr(ops[1].text, "restart"));
		assert_int_equal(inventory(f).n, 0);
		server_stop(&f->server, SIGTERM);
		server_start(&f->server);
		wait_up(f);
		apply_one(f, OP_ADD, "z39.mix.example", s, RESULT_OK);
	} else {
		for (int i = 1; i < 40; i++)
			assert_int_equal(ops[i].result,
			    i % 4 == 0 ? RESULT_REJECTED : RESULT_OK);
	}
	assert_int_equal(ops[0].result, RESULT_REJECTED);
	assert_non_null(strstr(ops[0].text, "DS push"));
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

	NEED_SERVER(f);
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

	NEED_SERVER(f);
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

/* -- the server comes and goes ------------------------------------------------- */

static void
knot_identify__restarted__is_another_process_with_its_zones(void **state)
{
	struct fixture *f = *state;
	struct backend_identity first, second;
	struct backend_error why = {""};
	struct settings *s;

	NEED_SERVER(f);
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

	NEED_SERVER(f);
	s = primary("web", template);
	prepare_one(f, s, RESULT_OK);
	kill(f->server.pid, SIGSTOP);
	f->conf.timeout_ms = 300;
	reopen_driver(f);
	make_op(&op, OP_ADD, "a.example", s);
	start = clock_ms();
	assert_int_equal(f->driver->apply(f->ctx, &op, 1, &why), ERR_TIMEOUT);
	assert_int_equal(op.result, RESULT_NONE);
	assert_true(clock_ms() - start < 30000);
	f->conf.timeout_ms = 120000;
	reopen_driver(f);
	assert_int_equal(write(f->cancel[1], "x", 1), 1);
	start = clock_ms();
	err = f->driver->apply(f->ctx, &op, 1, &why);
	assert_int_equal(err, ERR_CANCELED);
	assert_true(clock_ms() - start < 30000);
	kill(f->server.pid, SIGCONT);
	assert_int_equal(read(f->cancel[0], &(char){0}, 1), 1);
	apply_one(f, OP_ADD, "a.example", s, RESULT_OK);
	settings_unref(s);
}

static void
knot_apply__server_stopped_in_a_batch__canceled_and_unknown(void **state)
{
	enum { N = 3000 };
	struct fixture *f = *state;
	struct settings *s;
	struct backend_op *ops;
	size_t n_unknown = 0;

	NEED_SERVER(f);
	s = primary("bulk", NULL);
	free(s->zonefile);
	s->zonefile = mem_strdup("shared.zone");
	prepare_one(f, s, RESULT_OK);
	ops = make_ops(N, OP_ADD, "many.example", s);
	for (int round = 0; round < 4; round++) {
		struct backend_error why = {""};
		int64_t start = clock_ms();
		pid_t stopper = fork();
		enum err err;

		assert_int_not_equal(stopper, -1);
		if (stopper == 0) {
			usleep((useconds_t)(10000 + round * 60000));
			kill(f->server.pid, SIGSTOP);
			usleep(300000);
			_exit(write(f->cancel[1], "x", 1) == 1 ? 0 : 1);
		}
		err = f->driver->apply(f->ctx, ops, N, &why);
		assert_true(clock_ms() - start < 30000);
		waitpid(stopper, NULL, 0);
		assert_int_equal(read(f->cancel[0], &(char){0}, 1), 1);
		for (int i = 0; err != OK && i < N; i++) {
			assert_true(ops[i].result == RESULT_UNKNOWN ||
				    ops[i].result == RESULT_NONE);
			n_unknown += ops[i].result == RESULT_UNKNOWN;
		}
		kill(f->server.pid, SIGCONT);
		reopen_driver(f);
		for (int i = 0; i < N; i++)
			ops[i].kind = OP_REMOVE;
		assert_int_equal(f->driver->apply(f->ctx, ops, N, &why), OK);
		assert_int_equal(inventory(f).n, 0);
		for (int i = 0; i < N; i++)
			ops[i].kind = OP_ADD;
	}
	assert_true(n_unknown > 0);
	expect_alive(f);
	free(ops);
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

	NEED_SERVER(f);
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

/* Nor when that was in the middle of a block. */
static void
knot_leave__in_half_a_block__aborts_it_even_when_canceled(void **state)
{
	static const uint8_t half[] = {1, 0x10, 0, 8, 'c', 'o', 'n', 'f', '-', 's'};
	struct fixture *f = *state;
	struct knot *k;
	struct backend_error why = {""};
	bool busy;

	NEED_SERVER(f);
	k = f->ctx;
	assert_int_equal(knot_enter(k, &why), OK);
	assert_int_equal(knot_txn_begin(k, &busy, &why), OK);
	assert_int_equal(send(k->ctl.chan.fd, half, sizeof(half), 0), sizeof(half));
	k->ctl.clean = false;
	assert_int_equal(write(f->cancel[1], "x", 1), 1);
	knot_leave(k);
	assert_int_equal(read(f->cancel[0], &(char){0}, 1), 1);
	expect_knotc(f, "conf-begin", "OK");
	expect_knotc(f, "conf-abort", "OK");
	assert_false(is_there(f, "zones/.nsherd-transaction-test"));
}

/* With nothing to do, too, what an agent that was killed left open is ended. */
static void
knot_inventory__own_left_over_transaction__is_aborted(void **state)
{
	struct fixture *f = *state;

	NEED_SERVER(f);
	for (int stage = BEGUN; stage <= POISONED_BY_UNSET; stage++) {
		leave_open(f, (enum stage)stage);
		inventory(f);
		expect_knotc(f, "conf-begin", "OK");
		inventory(f);
		expect_knotc(f, "conf-abort", "OK");
		expect_alive(f);
	}
}

static void
knot_apply__server_killed_in_a_batch__unknown_or_not_tried(void **state)
{
	enum { N = 3000 };
	struct fixture *f = *state;
	struct settings *s;
	struct backend_op *ops;

	NEED_SERVER(f);
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

	NEED_SERVER(f);
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

	NEED_SERVER(f);
	f->options[1].value = "/var/lib/knot/other";
	reopen_driver(f);
	assert_int_equal(f->driver->identify(f->ctx, &id, &why), ERR_INVALID);
	assert_non_null(strstr(why.text, "/var/lib/knot/other"));
}

/* -- silent primaries --------------------------------------------------------- */

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
	int64_t start;

	NEED_SERVER(f);
	fd = listen_silently(port);
	s = secondary("mute", "127.0.0.1@%d", port);
	own = primary("web", template);
	prepare_one(f, s, RESULT_OK);
	prepare_one(f, own, RESULT_OK);
	ops = make_ops(40, OP_ADD, "mute.example", s);
	apply_all(f, ops, 40, RESULT_OK);
	usleep(300000);
	start = clock_ms();
	op = apply_one(f, OP_ADD, "own.example", own, RESULT_RETRY);
	assert_true(clock_ms() - start < 30000);
	assert_non_null(strstr(op.text, "background workers are busy"));
	assert_true(op.retry_s > 0);
	/* The operator is not locked out. */
	start = clock_ms();
	expect_alive(f);
	assert_true(clock_ms() - start < 30000);
	/* With nothing open: it is not our transaction that he finds. */
	expect_knotc(f, "conf-diff", "no active transaction");
	/* The server must not be waited for a minute when it is to stop. */
	server_stop(&f->server, SIGKILL);
	close(fd);
	free(ops);
	settings_unref(s);
	settings_unref(own);
}

#define ON_SERVER(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
#define WITH(test, how) cmocka_unit_test_setup_teardown(test, how, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
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
	    ON_SERVER(knot_apply__silent_primaries__commits_are_held_and_reported),
	    ON_SERVER(knot_identify__restarted__is_another_process_with_its_zones),
	    ON_SERVER(knot_apply__server_stopped__times_out_or_is_canceled),
	    ON_SERVER(knot_apply__server_stopped_in_a_batch__canceled_and_unknown),
	    ON_SERVER(knot_leave__in_a_transaction__aborts_it_even_when_canceled),
	    ON_SERVER(knot_leave__in_half_a_block__aborts_it_even_when_canceled),
	    ON_SERVER(knot_inventory__own_left_over_transaction__is_aborted),
	    ON_SERVER(knot_apply__server_killed_in_a_batch__unknown_or_not_tried),
	    WITH(knot_identify__no_confdb__is_refused_with_the_lines, setup_text),
	    ON_SERVER(knot_identify__another_confdb__is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
