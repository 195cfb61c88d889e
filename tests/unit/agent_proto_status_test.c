/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/agent_proto_fixture.h"

#include "agent/store/worklog.h"

/* What the back half would write. */
struct put_job {
	struct store_job job;
	const struct zone_status *zone;
	const struct backend_status *backend;
	const struct pattern_status *pattern;
	const struct health_status *health;
};

static enum err
run_put(struct store_txn *txn, struct store_job *job)
{
	struct put_job *p = (struct put_job *)job;
	if (p->zone)
		status_put(txn, p->zone);
	if (p->backend)
		status_put_backend(txn, p->backend);
	if (p->pattern)
		status_put_pattern(txn, p->pattern);
	if (p->health)
		status_put_health(txn, p->health);
	return store_err(txn);
}

static void
put(struct world *w, struct put_job p)
{
	p.job.run = run_put;
	assert_int_equal(store_call(w->store, STORE_STATUS, &p.job), OK);
}

static struct zone_status
zone_status(struct world *w, const char *zone, const char *id, unsigned backend,
    enum zone_state state)
{
	return (struct zone_status){.catalog = w->catalogs[0].nr,
	    .backend = w->backends[backend].nr,
	    .zone = dn(zone),
	    .id = label_of(id),
	    .state = state,
	    .seq = store_log_seq(w->store),
	    .has_serial = true,
	    .serial = 2024,
	    .seen = 1700000000,
	    .since = 1700000001,
	    .pattern = "secondary"};
}

static void
status__member_without_a_record__then_pending_on_each_backend(void **state)
{
	struct world *w = *state;
	assert_int_equal(UPDATE(w, "add a1.zones PTR shop.example.",
			     "add group.a1.zones TXT secondary"),
	    0);
	assert_int_equal(query(w, "shop.example._status", RR_TXT), 0);
	assert_int_equal(w->n_rrs, 2);
	assert_has(w, "\"backend=nsd1\" \"state=pending\" \"pattern=secondary\" "
		      "\"id=a1\" \"by=full\" \"since=");
	assert_has(w, "\"backend=nsd2\" \"state=pending\"");
	assert_int_equal(query(w, "example._status", RR_TXT), 0);
	assert_int_equal(w->n_rrs, 0);
	assert_int_equal(query(w, "other._status", RR_TXT), RCODE_NXDOMAIN);
	assert_int_equal(query(w, "shop.example._status", RR_A), 0);
}

static void
status__state_is_recorded__then_it_counts_until_the_member_changes(void **state)
{
	struct world *w = *state;
	assert_int_equal(UPDATE(w, "add a1.zones PTR shop.example."), 0);
	struct zone_status z = zone_status(w, "shop.example.", "a1", 0, ZONE_SERVING);
	put(w, (struct put_job){.zone = &z});
	assert_int_equal(query(w, "shop.example._status", RR_TXT), 0);
	assert_has(w, "\"backend=nsd1\" \"state=serving\" \"serial=2024\" "
		      "\"seen=1700000000\" \"pattern=secondary\" \"id=a1\" "
		      "\"by=full\" \"since=1700000001\"");
	assert_has(w, "\"backend=nsd2\" \"state=pending\"");
	assert_int_equal(UPDATE(w, "add group.a1.zones TXT other"), 0);
	assert_int_equal(query(w, "shop.example._status", RR_TXT), 0);
	assert_has(w, "\"backend=nsd1\" \"state=pending\" \"serial=2024\" "
		      "\"seen=1700000000\" \"pattern=other\"");
}

static void
status__record_is_of_another_id__then_pending_without_its_facts(void **state)
{
	struct world *w = *state;
	assert_int_equal(UPDATE(w, "add a1.zones PTR shop.example."), 0);
	struct zone_status z = zone_status(w, "shop.example.", "a1", 0, ZONE_SERVING);
	put(w, (struct put_job){.zone = &z});
	assert_int_equal(UPDATE(w, "delset a1.zones ANY",
			     "add b2.zones PTR shop.example."),
	    0);
	assert_int_equal(query(w, "shop.example._status", RR_TXT), 0);
	assert_has(w, "\"state=pending\" \"id=b2\"");
	assert_has_not(w, "serial=");
	z.seq = store_log_seq(w->store) + 1; /* late, but still of the other */
	put(w, (struct put_job){.zone = &z});
	assert_int_equal(query(w, "shop.example._status", RR_TXT), 0);
	assert_has_not(w, "state=serving");
}

static void
status__member_is_gone__then_listed_as_long_as_a_record_is_there(void **state)
{
	struct world *w = *state;
	assert_int_equal(UPDATE(w, "add a1.zones PTR shop.example."), 0);
	struct zone_status z = zone_status(w, "shop.example.", "a1", 0, ZONE_SERVING);
	put(w, (struct put_job){.zone = &z});
	assert_int_equal(UPDATE(w, "delset a1.zones ANY"), 0);
	assert_int_equal(query(w, "shop.example._status", RR_TXT), 0);
	assert_int_equal(w->n_rrs, 1);
	assert_has(w, "\"state=removing\" \"serial=2024\"");
	z.state = ZONE_HELD;
	put(w, (struct put_job){.zone = &z});
	axfr(w, "_status");
	assert_has(w, "shop.example._status.catalog.example.");
	assert_has(w, "\"state=held\"");
}

static void
status__error__then_it_is_told(void **state)
{
	struct world *w = *state;
	assert_int_equal(UPDATE(w, "add a1.zones PTR shop.example."), 0);
	struct zone_status z = zone_status(w, "shop.example.", "a1", 1, ZONE_FAILED);
	snprintf(z.error, sizeof(z.error), "no such file \"x\"");
	snprintf(z.command, sizeof(z.command), "refresh ok");
	put(w, (struct put_job){.zone = &z});
	assert_int_equal(query(w, "shop.example._status", RR_TXT), 0);
	assert_has(w, "\"last-command=refresh ok\"");
	assert_has(w, "error=no such file");
}

static void
status__name_cannot_be_an_owner__then_by_id(void **state)
{
	struct world *w = *state;
	char line[400], l63[64];
	memset(l63, 'a', 63);
	l63[63] = '\0';
	snprintf(line, sizeof(line), "add long.zones PTR %s.%s.%s.%.50s.", l63, l63,
	    l63, l63);
	assert_int_equal(UPDATE(w, line, "add odd.zones PTR x._tcp.",
			     "add fine.zones PTR _tcp.example."),
	    0);
	assert_int_equal(query(w, "long._id._status", RR_TXT), 0);
	assert_int_equal(w->n_rrs, 2);
	/* 242 characters and the key */
	snprintf(line, sizeof(line), "\"zone=%s.%s.%s.%.50s\"", l63, l63, l63, l63);
	assert_has(w, line);
	assert_int_equal(query(w, "odd._id._status", RR_TXT), 0);
	assert_int_equal(w->n_rrs, 2);
	assert_has(w, "\"zone=x._tcp\"");
	assert_int_equal(query(w, "fine._id._status", RR_TXT), RCODE_NXDOMAIN);
	assert_int_equal(query(w, "x._tcp._status", RR_TXT), RCODE_NXDOMAIN);
	assert_int_equal(query(w, "_tcp.example._status", RR_TXT), 0);
	assert_int_equal(w->n_rrs, 2);
	axfr(w, "_status");
	assert_has(w, "long._id._status.catalog.example.");
	assert_has(w, "odd._id._status.catalog.example.");
	assert_has(w, "\n_tcp.example._status.catalog.example.");
}

static void
status__name_is_longer_than_a_string__then_in_pieces(void **state)
{
	struct world *w = *state;
	char line[1200], escapes[63 * 4 + 1];
	for (size_t i = 0; i < 63; i++)
		memcpy(escapes + 4 * i, "\\001", 5);
	snprintf(line, sizeof(line), "add long.zones PTR %s.%s.%s.%.160s.example.",
	    escapes, escapes, escapes, escapes);
	assert_int_equal(UPDATE(w, line), 0);
	assert_int_equal(query(w, "long._id._status", RR_TXT), 0);
	assert_int_equal(w->n_rrs, 2);
	assert_has(w, "\" \"zone=");
	assert_has(w, "\\001.");
	assert_has(w, ".example\"");
}

static void
status__agent_without_backends__then_a_dash(void **state)
{
	struct world *w = *state;
	struct proto_conf conf = w->conf;
	conf.n_backends = 0;
	proto_reload(w->proto, &conf);
	assert_int_equal(UPDATE(w, "add a1.zones PTR shop.example."), 0);
	assert_int_equal(query(w, "shop.example._status", RR_TXT), 0);
	assert_int_equal(w->n_rrs, 1);
	assert_has(w, "\"backend=-\" \"state=pending\"");
	axfr(w, "_status");
	assert_int_equal(w->n_rrs, 5);
}

static void
status__backends_patterns_and_agent__then_their_lines(void **state)
{
	struct world *w = *state;
	assert_int_equal(UPDATE(w, "add a1.zones PTR shop.example.",
			     "add b1.zones PTR b.example."),
	    0);
	struct backend_status b = {.backend = w->backends[0].nr,
	    .name = "nsd1",
	    .driver = "nsd",
	    .server = "NSD 4.6.1",
	    .state = "up"};
	struct pattern_status p = {.name = "secondary",
	    .hash = "0123abcd",
	    .usable = "nsd1:yes"};
	struct zone_status z = zone_status(w, "shop.example.", "a1", 0, ZONE_SERVING);
	put(w, (struct put_job){.backend = &b, .pattern = &p, .zone = &z});
	assert_int_equal(query(w, "nsd1._backend._status", RR_TXT), 0);
	assert_has(w, "\"driver=nsd\" \"server=NSD 4.6.1\" \"state=up\" \"applied=1\" "
		      "\"serving=1\" \"pending=1\" \"failed=0\" \"queue=1\"");
	assert_int_equal(query(w, "_backend._status", RR_TXT), 0);
	assert_int_equal(query(w, "nsd9._backend._status", RR_TXT), RCODE_NXDOMAIN);
	assert_int_equal(query(w, "secondary._pattern._status", RR_TXT), 0);
	assert_has(w, "\"hash=0123abcd\" \"zones=1\" \"usable=nsd1:yes\"");
	assert_int_equal(query(w, "_status", RR_TXT), 0);
	assert_has(w, "\"agent=ams1\" \"version=0.1\" \"catalog-serial=2\" "
		      "\"role=primary\" \"catalog=valid\" \"guard=open\" "
		      "\"guard-used=0\" \"guard-limit=10\" \"guard-window=600\" "
		      "\"health=unknown\"");
	const struct health_status h = {.state = "degraded",
	    .since = 1700000002,
	    .reason = "backend nsd1 does not answer"};
	put(w, (struct put_job){.health = &h});
	assert_int_equal(query(w, "_status", RR_TXT), 0);
	assert_has(w, "\"health=degraded\" \"health-since=1700000002\" "
		      "\"health-reason=backend nsd1 does not answer\"");
	assert_int_equal(query(w, "_status", RR_ANY), 0);
	assert_int_equal(w->n_rrs, 3);
	axfr(w, "_status");
	assert_int_equal(w->n_rrs, 2 + 2 + 2 + 1 + 4);
}

static void
status__serial__then_it_grows_with_states_and_with_changes(void **state)
{
	struct world *w = *state;
	uint32_t first = serial_of(w, "_status");
	assert_int_not_equal(first, 0);
	assert_int_equal(UPDATE(w, "add a1.zones PTR shop.example."), 0);
	uint32_t second = serial_of(w, "_status");
	assert_true(serial_gt(second, first));
	struct zone_status z = zone_status(w, "shop.example.", "a1", 0, ZONE_SERVING);
	put(w, (struct put_job){.zone = &z});
	assert_true(serial_gt(serial_of(w, "_status"), second));
}

static void
status__many_zones__then_the_transfer_merges_both_streams(void **state)
{
	struct world *w = *state;
	struct wire_out out;
	struct msg msg;
	char line[100], zone[64], id[32];
	enum { N = 300 };
	update_begin(w, &out, "catalog.example.");
	for (int i = 0; i < N; i++) {
		snprintf(line, sizeof(line), "add m%03d.zones PTR z%03d.example.", i,
		    i);
		put_line(&out, line);
	}
	world_sign(w, &out, KEY_FULL);
	assert_int_equal(world_exchange(w, w->tcp, true, &msg), 0);
	for (int i = 0; i < N; i += 2) {
		/* Every fourth is of a zone that is no member. */
		snprintf(zone, sizeof(zone),
		    i % 4 ? "z%03d.example." : "y%03d.example.", i);
		snprintf(id, sizeof(id), "m%03d", i);
		for (unsigned b = 0; b < 2; b++) {
			struct zone_status z =
			    zone_status(w, zone, id, b, ZONE_SERVING);
			put(w, (struct put_job){.zone = &z});
		}
	}
	transfer_ask(w, KEY_FULL, "_status", NULL, w->tcp);
	transfer_read(w, 2048);
	assert_int_equal(w->n_rrs, 2 + 2 + 2 + 2 * N + 2 * (N / 4));
	assert_has(w, "y296.example._status");
	assert_has(w, "z299.example._status");
}

/* -- the log ---------------------------------------------------------------- */

static void
log__changes__then_a_line_for_each_zone(void **state)
{
	struct world *w = *state;
	assert_int_equal(UPDATE(w, "add a1.zones PTR shop.example.",
			     "add group.a1.zones TXT secondary",
			     "add b1.zones PTR b.example.", "add n.ext TXT x"),
	    0);
	assert_int_equal(query(w, "1._log", RR_TXT), 0);
	assert_int_equal(w->n_rrs, 3);
	assert_has(w, "\"op=add\" \"key=full\" \"source=127.0.0.1@4711/tcp\" "
		      "\"serial=2\" \"zone=shop.example\" \"id=a1\" "
		      "\"pattern=secondary\"");
	assert_has(w, "\"zone=b.example\" \"id=b1\"");
	assert_has(w, "\"op=set\"");
	assert_has(w, "\"name=n.ext.catalog.example\"");

	assert_int_equal(UPDATE(w, "delset group.a1.zones TXT",
			     "add group.a1.zones TXT primary",
			     "add x.ext.b1.zones TXT t", "add c1.zones PTR c.example."),
	    0);
	assert_int_equal(query(w, "2._log", RR_TXT), 0);
	assert_int_equal(w->n_rrs, 3);
	assert_has(w, "\"zone=shop.example\" \"id=a1\" \"pattern=primary\" "
		      "\"was=secondary\"");
	assert_has(w, "\"zone=b.example\" \"id=b1\"");
	assert_has(w, "\"op=add\" \"key=full\" \"source=127.0.0.1@4711/tcp\" "
		      "\"serial=3\" \"zone=c.example\"");

	assert_int_equal(UPDATE(w, "delset a1.zones ANY", "delset b1.zones PTR",
			     "add b1.zones PTR b2.example."),
	    0);
	assert_int_equal(query(w, "3._log", RR_TXT), 0);
	assert_has(w, "\"op=del\"");
	assert_has(w, "\"zone=shop.example\" \"id=a1\" \"pattern=primary\"");
	assert_has(w, "\"zone=b2.example\" \"id=b1\" \"was-zone=b.example\"");
}

static void
log__refusals__then_why_and_by_whom(void **state)
{
	struct world *w = *state;
	struct msg msg;
	assert_int_equal(UPDATE_AS(w, KEY_READ, "add a.zones PTR a.example."),
	    RCODE_REFUSED);
	assert_int_equal(query(w, "1._log", RR_TXT), 0);
	assert_has(w, "\"op=refused\" \"key=read\" \"source=127.0.0.1@4711/tcp\"");
	assert_has(w, "\"rcode=REFUSED\" \"reason=no-update-right\"");
	assert_int_equal(UPDATE(w, "add a.zones PTR a.example.", "add b.zones PTR ."),
	    RCODE_REFUSED);
	assert_int_equal(query(w, "2._log", RR_TXT), 0);
	assert_has(w, "\"reason=root-zone\" \"rr=2\"");
	/* Prerequisites are answers; strangers leave no trace here. */
	assert_int_equal(UPDATE(w, "yx a.zones ANY"), RCODE_NXDOMAIN);
	update_build(w, -1, (const char *const[]){"add a.zones PTR a.", NULL});
	assert_int_equal(world_exchange(w, w->tcp, false, &msg), RCODE_REFUSED);
	assert_int_equal(serial_of(w, "_log"), 2);
	axfr(w, "_log");
	assert_int_equal(w->n_rrs, 2 + 1 + 2);
}

static void
log__names_that_are_no_entries__then_nxdomain(void **state)
{
	struct world *w = *state;
	assert_int_equal(UPDATE(w, "add a.zones PTR a.example."), 0);
	assert_int_equal(query(w, "1._log", RR_A), 0);
	assert_int_equal(query(w, "_log", RR_ANY), 0);
	assert_int_equal(w->n_rrs, 2);
	static const char *const bad[] = {"0._log", "2._log", "01._log", "x._log",
	    "1.1._log", "99999999999999999999._log"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(query(w, bad[i], RR_TXT), RCODE_NXDOMAIN);
}

static void
log__long_zone_name__then_in_pieces(void **state)
{
	struct world *w = *state;
	char line[400], l63[64];
	memset(l63, 'a', 63);
	l63[63] = '\0';
	snprintf(line, sizeof(line), "add long.zones PTR %s.%s.%s.%.50s.", l63, l63,
	    l63, l63);
	assert_int_equal(UPDATE(w, line), 0);
	assert_int_equal(query(w, "1._log", RR_TXT), 0);
	assert_has(w, "\"zone+=");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(status__member_without_a_record__then_pending_on_each_backend),
	    TEST(status__state_is_recorded__then_it_counts_until_the_member_changes),
	    TEST(status__record_is_of_another_id__then_pending_without_its_facts),
	    TEST(status__member_is_gone__then_listed_as_long_as_a_record_is_there),
	    TEST(status__error__then_it_is_told),
	    TEST(status__name_cannot_be_an_owner__then_by_id),
	    TEST(status__name_is_longer_than_a_string__then_in_pieces),
	    TEST(status__agent_without_backends__then_a_dash),
	    TEST(status__backends_patterns_and_agent__then_their_lines),
	    TEST(status__serial__then_it_grows_with_states_and_with_changes),
	    TEST(status__many_zones__then_the_transfer_merges_both_streams),
	    TEST(log__changes__then_a_line_for_each_zone),
	    TEST(log__refusals__then_why_and_by_whom),
	    TEST(log__names_that_are_no_entries__then_nxdomain),
	    TEST(log__long_zone_name__then_in_pieces),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
