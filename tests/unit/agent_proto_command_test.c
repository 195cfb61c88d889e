/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/agent_proto_fixture.h"

#include "agent/store/verb.h"
#include "agent/store/worklog.h"

/* Verbs: UPDATEs of _command.C, what the log has of them, and who may. */

static int
command_setup(void **state)
{
	int rc = world_setup(state);
	struct world *w = *state;
	w->proto_keys[KEY_FULL].rights |= RIGHT_COMMAND | RIGHT_ADMIN;
	w->proto_keys[KEY_ZONES].rights |= RIGHT_COMMAND | RIGHT_ADMIN;
	w->proto_keys[KEY_PATTERNS].rights |= RIGHT_COMMAND;
	w->proto_keys[KEY_LONG].rights = RIGHT_ADMIN;
	proto_reload(w->proto, &w->conf);
	assert_int_equal(UPDATE(w, "add a1.zones PTR shop.example.",
			     "add group.a1.zones TXT secondary",
			     "add a2.zones PTR deep.mine.example.",
			     "add a3.zones PTR x._odd.", "add a4.zones PTR _all."),
	    RCODE_NOERROR);
	return rc;
}

static void
command_build(struct world *w, int key, const char *const *lines)
{
	struct wire_out out;
	update_begin(w, &out, "_command.catalog.example.");
	for (; *lines; lines++)
		put_line(&out, *lines);
	msg_put_opt(&out, 1232, 0, 0, NULL);
	world_sign(w, &out, key);
}

static unsigned
command_as(struct world *w, int key, const char *const *lines)
{
	struct msg msg;
	command_build(w, key, lines);
	return world_exchange(w, w->tcp, true, &msg);
}

/* The same bytes twice. */
static void
command_twice(struct world *w, const char *const *lines)
{
	struct msg msg;
	command_build(w, KEY_FULL, lines);
	struct tsig tsig = w->tsig;
	assert_int_equal(world_exchange(w, w->tcp, true, &msg), RCODE_NOERROR);
	w->tsig = tsig;
	assert_int_equal(world_exchange(w, w->tcp, true, &msg), RCODE_NOERROR);
}

#define COMMAND_AS(w, key, ...) \
	command_as(w, key, (const char *const[]){__VA_ARGS__, NULL})
#define COMMAND(w, ...) COMMAND_AS(w, KEY_FULL, __VA_ARGS__)

struct last {
	struct work work;
	char text[4096];
};

static enum err
take_last(void *arg, const struct work *w)
{
	struct last *last = arg;
	last->work = *w;
	snprintf(last->text, sizeof(last->text), "%s", w->text);
	return OK;
}

/* The newest entry of the log. */
static void
read_last(struct world *w, struct last *last)
{
	uint64_t first, seq;
	struct store_txn *txn = store_read(w->store, STORE_CATALOG);
	assert_int_equal(worklog_range(txn, &first, &seq), OK);
	assert_int_equal(worklog_each(txn, seq - 1, 1, take_last, last), OK);
	store_end(&txn);
}

static void
assert_refused(struct world *w, int key, const char *line, const char *reason)
{
	struct last before, after;
	char why[128];
	read_last(w, &before);
	if (COMMAND_AS(w, key, line) != RCODE_REFUSED)
		fail_msg("not refused: %s", line);
	snprintf(why, sizeof(why), "reason=%s rr=1", reason);
	assert_string_equal(w->ede, why);
	read_last(w, &after);
	assert_int_equal(after.work.seq, before.work.seq + 1);
	assert_int_equal(after.work.kind, WORK_REFUSED);
	assert_non_null(strstr(after.text, reason));
}

/* -- accepted --------------------------------------------------------------- */

static void
verb__on_a_member__is_one_entry_of_the_log(void **state)
{
	struct world *w = *state;
	struct last last;
	struct verb verb;
	size_t pos = 0;
	char seq[64];
	uint32_t serial = serial_of(w, "@");
	assert_int_equal(COMMAND(w, "add shop.example._command TXT refresh"),
	    RCODE_NOERROR);
	read_last(w, &last);
	assert_int_equal(last.work.kind, WORK_COMMAND);
	assert_int_equal(last.work.catalog, w->catalogs[0].nr);
	assert_string_equal(last.work.by, "full");
	assert_string_equal(last.work.source, "127.0.0.1@4711/tcp");
	assert_int_equal(last.work.serial_to, serial);
	snprintf(seq, sizeof(seq), "seq=%llu", (unsigned long long)last.work.seq);
	assert_string_equal(w->ede, seq);
	assert_true(verb_next(last.text, &pos, &verb));
	assert_int_equal(verb.kind, VERB_KIND_REFRESH);
	struct dname zone = dn("shop.example.");
	assert_true(dname_equal(&verb.zone, &zone));
	assert_true(label_is(&verb.id, "a1"));
	assert_string_equal(verb.backend, "");
	assert_false(verb_next(last.text, &pos, &verb));
	assert_int_equal(serial_of(w, "@"), serial);
}

static void
verbs__several_in_one_update__are_one_entry_in_order(void **state)
{
	struct world *w = *state;
	struct last last;
	uint32_t serial = serial_of(w, "@");
	assert_int_equal(COMMAND(w,
			     "add shop.example._command TXT freeze \"backend=nsd2\"",
			     "add a3._id._command TXT reload",
			     "add a4._id._command TXT flush",
			     "add _all._command TXT notify",
			     "add _all._command TXT reconcile \"backend=nsd1\"",
			     "add SHOP.example._command TXT thaw"),
	    RCODE_NOERROR);
	read_last(w, &last);
	assert_string_equal(last.text,
	    "verb=freeze zone=shop.example id=a1 backend=nsd2\n"
	    "verb=reload zone=x._odd id=a3\n"
	    "verb=flush zone=_all id=a4\n"
	    "verb=notify\n"
	    "verb=reconcile backend=nsd1\n"
	    "verb=thaw zone=shop.example id=a1\n");
	axfr(w, "_log");
	assert_has(w, "\"op=freeze\" \"key=full\" \"source=127.0.0.1@4711/tcp\"");
	assert_has(w, "\"zone=shop.example\" \"id=a1\" \"backend=nsd2\"");
	assert_has(w, "\"op=notify\"");
	assert_has(w, "\"op=reconcile\"");
	assert_has(w, "\"op=thaw\"");
	char owner[64];
	snprintf(owner, sizeof(owner), "%llu._log", (unsigned long long)last.work.seq);
	assert_int_equal(query(w, owner, RR_TXT), RCODE_NOERROR);
	assert_int_equal(w->n_rrs, 6);
	assert_int_equal(serial_of(w, "@"), serial);
}

static void
verbs__one_of_them_refused__none_is_taken(void **state)
{
	struct world *w = *state;
	struct last last;
	assert_int_equal(COMMAND(w, "add shop.example._command TXT refresh",
			     "add absent.example._command TXT refresh"),
	    RCODE_REFUSED);
	assert_string_equal(w->ede, "reason=no-such-member rr=2");
	read_last(w, &last);
	assert_int_equal(last.work.kind, WORK_REFUSED);
}

static void
update__without_records__is_nothing(void **state)
{
	struct world *w = *state;
	struct last before, after;
	read_last(w, &before);
	assert_int_equal(command_as(w, KEY_FULL, (const char *const[]){NULL}),
	    RCODE_NOERROR);
	read_last(w, &after);
	assert_int_equal(after.work.seq, before.work.seq);
}

static void
verb__the_same_bytes_again__is_not_done_again(void **state)
{
	struct world *w = *state;
	struct last before, after;
	read_last(w, &before);
	command_twice(w,
	    (const char *const[]){"add shop.example._command TXT retransfer", NULL});
	read_last(w, &after);
	assert_int_equal(after.work.seq, before.work.seq + 1);
	assert_string_equal(w->ede, "");
}

/* -- refused ---------------------------------------------------------------- */

static void
form__what_is_no_verb__is_refused(void **state)
{
	struct world *w = *state;
	static const char *const table[][2] = {
	    {"del shop.example._command TXT refresh", "only-additions"},
	    {"delset shop.example._command TXT", "only-additions"},
	    {"delset _all._command ANY", "only-additions"},
	    {"add shop.example._command A 192.0.2.1", "not-a-verb"},
	    {"add shop.example._command PTR refresh.", "not-a-verb"},
	    {"add shop.example._command TXT \"\"", "unknown-verb"},
	    {"add shop.example._command TXT Refresh", "unknown-verb"},
	    {"add shop.example._command TXT \"refresh \"", "unknown-verb"},
	    {"add shop.example._command TXT nosuch", "unknown-verb"},
	    {"add shop.example._command TXT refresh now", "unknown-argument"},
	    {"add shop.example._command TXT refresh \"\"", "unknown-argument"},
	    {"add shop.example._command TXT refresh \"backend=\"", "unknown-argument"},
	    {"add shop.example._command TXT refresh \"backend=a\\000b\"",
		"unknown-argument"},
	    {"add shop.example._command TXT refresh \"backend=nsd1\" \"backend=nsd2\"",
		"unknown-argument"},
	    {"add _all._command TXT reconfigure \"backend=nsd1\"", "unknown-argument"},
	    {"add shop.example._command TXT refresh \"backend=knot1\"",
		"no-such-backend"},
	    {"add _command TXT refresh", "no-zone-named"},
	    {"add absent.example._command TXT refresh", "no-such-member"},
	    {"add example._command TXT refresh", "no-such-member"},
	    {"add shop._all._command TXT refresh", "no-such-member"},
	    {"add x._odd._command TXT refresh", "no-such-member"},
	    {"add _id._command TXT refresh", "no-such-member"},
	    {"add a1.b._id._command TXT refresh", "no-such-member"},
	    {"add absent._id._command TXT refresh", "no-such-member"},
	    {"add shop.example._command TXT reconcile", "only-for-all"},
	    {"add shop.example._command TXT reconfigure", "only-for-all"},
	};
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		assert_refused(w, KEY_FULL, table[i][0], table[i][1]);
}

static void
form__prerequisites_and_names_outside__are_refused(void **state)
{
	struct world *w = *state;
	assert_int_equal(COMMAND(w, "yx shop.example._command TXT",
			     "add shop.example._command TXT refresh"),
	    RCODE_REFUSED);
	assert_string_equal(w->ede, "reason=prerequisites-not-here");
	assert_int_equal(COMMAND(w, "add shop.example TXT refresh"), RCODE_NOTZONE);
	assert_int_equal(query(w, "shop.example._command", RR_TXT), RCODE_REFUSED);
}

/* -- rights ----------------------------------------------------------------- */

static void
rights__without_command__is_refused(void **state)
{
	struct world *w = *state;
	assert_int_equal(COMMAND_AS(w, KEY_READ,
			     "add shop.example._command TXT refresh"),
	    RCODE_REFUSED);
	assert_string_equal(w->ede, "reason=no-command-right");
	/* admin alone may have the files read again, and no more */
	assert_refused(w, KEY_LONG, "add shop.example._command TXT refresh",
	    "no-command-right");
	assert_refused(w, KEY_LONG, "add _all._command TXT reconcile",
	    "no-command-right");
	assert_int_equal(COMMAND_AS(w, KEY_LONG, "add _all._command TXT reconfigure"),
	    RCODE_NOERROR);
	assert_refused(w, KEY_PATTERNS, "add _all._command TXT reconfigure",
	    "no-admin-right");
}

static void
rights__narrowed_by_zones__own_members_alone(void **state)
{
	struct world *w = *state;
	assert_int_equal(COMMAND_AS(w, KEY_ZONES,
			     "add deep.mine.example._command TXT refresh"),
	    RCODE_NOERROR);
	assert_int_equal(COMMAND_AS(w, KEY_ZONES, "add a2._id._command TXT refresh"),
	    RCODE_NOERROR);
	/* What is not there cannot be told from what is another's. */
	assert_refused(w, KEY_ZONES, "add shop.example._command TXT refresh",
	    "not-permitted");
	assert_refused(w, KEY_ZONES, "add absent.example._command TXT refresh",
	    "not-permitted");
	assert_refused(w, KEY_ZONES, "add absent.mine.example._command TXT refresh",
	    "not-permitted");
	assert_refused(w, KEY_ZONES, "add a1._id._command TXT refresh",
	    "not-permitted");
	assert_refused(w, KEY_ZONES, "add absent._id._command TXT refresh",
	    "not-permitted");
	assert_refused(w, KEY_ZONES,
	    "add shop.example._command TXT refresh \"backend=knot1\"", "not-permitted");
	assert_refused(w, KEY_ZONES, "add _all._command TXT refresh", "not-permitted");
	assert_refused(w, KEY_ZONES, "add _all._command TXT reconcile",
	    "not-permitted");
	assert_refused(w, KEY_ZONES, "add _all._command TXT reconfigure",
	    "not-permitted");
	assert_refused(w, KEY_ZONES, "add absent.example._command TXT reconcile",
	    "not-permitted");
}

static void
rights__narrowed_by_patterns__own_members_alone(void **state)
{
	struct world *w = *state;
	assert_int_equal(COMMAND_AS(w, KEY_PATTERNS,
			     "add shop.example._command TXT refresh"),
	    RCODE_NOERROR);
	assert_refused(w, KEY_PATTERNS, "add deep.mine.example._command TXT refresh",
	    "not-permitted");
	assert_refused(w, KEY_PATTERNS, "add absent.example._command TXT refresh",
	    "not-permitted");
}

/* -- reconfigure ------------------------------------------------------------ */

struct reread {
	struct world *w;
	unsigned n, replies;
};

static void
reread(void *arg)
{
	struct reread *r = arg;
	r->n++;
	r->replies = r->w->n_replies;
	proto_reload(r->w->proto, &r->w->conf);
}

static void
reconfigure__accepted__is_called_once_after_the_reply(void **state)
{
	struct world *w = *state;
	struct reread r = {.w = w};
	proto_on_reconfigure(w->proto, reread, &r);
	assert_int_equal(COMMAND(w, "add _all._command TXT reconfigure",
			     "add _all._command TXT reconfigure"),
	    RCODE_NOERROR);
	assert_int_equal(r.n, 1);
	assert_int_equal(r.replies, w->n_replies);
	command_twice(w,
	    (const char *const[]){"add _all._command TXT reconfigure", NULL});
	assert_int_equal(r.n, 2);
	assert_int_equal(COMMAND(w, "add _all._command TXT reconfigure",
			     "add absent.example._command TXT refresh"),
	    RCODE_REFUSED);
	assert_int_equal(COMMAND(w, "add _all._command TXT reconcile"), RCODE_NOERROR);
	assert_int_equal(r.n, 2);
}

#undef TEST
#define TEST(name) cmocka_unit_test_setup_teardown(name, command_setup, world_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(verb__on_a_member__is_one_entry_of_the_log),
	    TEST(verbs__several_in_one_update__are_one_entry_in_order),
	    TEST(verbs__one_of_them_refused__none_is_taken),
	    TEST(update__without_records__is_nothing),
	    TEST(verb__the_same_bytes_again__is_not_done_again),
	    TEST(form__what_is_no_verb__is_refused),
	    TEST(form__prerequisites_and_names_outside__are_refused),
	    TEST(rights__without_command__is_refused),
	    TEST(rights__narrowed_by_zones__own_members_alone),
	    TEST(rights__narrowed_by_patterns__own_members_alone),
	    TEST(reconfigure__accepted__is_called_once_after_the_reply),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
