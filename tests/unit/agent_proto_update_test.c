/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/agent_proto_fixture.h"

#include "agent/proto/core.h"

/* -- adding and deleting ---------------------------------------------------- */

static void
update__one_member_is_added__then_it_is_there_under_the_next_serial(void **state)
{
	struct world *w = *state;
	assert_int_equal(serial_of(w, "@"), 1);
	assert_int_equal(UPDATE(w, "add a1.zones PTR shop.example.",
			     "add group.a1.zones TXT \"secondary\""),
	    RCODE_NOERROR);
	assert_int_equal(serial_of(w, "@"), 2);
	assert_int_equal(query(w, "a1.zones", RR_PTR), RCODE_NOERROR);
	assert_has(w, "shop.example.");
	axfr(w, "@");
	assert_int_equal(w->n_rrs, 6);
	assert_has(w, "version.catalog.example.");
	assert_has(w, "group.a1.zones.catalog.example.");
}

static void
update__reply__then_the_zone_section_is_copied(void **state)
{
	struct world *w = *state;
	struct msg msg;
	update_build(w, KEY_FULL,
	    (const char *const[]){"add a1.zones PTR shop.example.", NULL});
	assert_int_equal(world_exchange(w, w->udp, true, &msg), 0);
	assert_int_equal(msg.count[0], 1);
	assert_int_equal(msg.qtype, RR_SOA);
	assert_int_equal(msg_opcode(&msg), OPCODE_UPDATE);
	assert_int_equal(msg.count[1] + msg.count[2], 0);
}

static void
update__nothing_changes__then_no_new_serial(void **state)
{
	struct world *w = *state;
	assert_int_equal(UPDATE(w, "add a1.zones PTR shop.example."), 0);
	uint32_t serial = serial_of(w, "@");
	assert_int_equal(UPDATE(w, "add A1.Zones PTR SHOP.example."), 0);
	assert_int_equal(UPDATE(w, "del b.zones PTR shop.example."), 0);
	assert_int_equal(UPDATE(w, "delset b.zones ANY"), 0);
	assert_int_equal(UPDATE(w, "delset group.a1.zones TXT"), 0);
	assert_int_equal(UPDATE(w, "add b.zones PTR b.example.",
			     "del b.zones PTR b.example."),
	    0);
	assert_int_equal(UPDATE(w, "delset a1.zones PTR",
			     "add a1.zones PTR shop.example."),
	    0);
	assert_int_equal(serial_of(w, "@"), serial);
}

static void
update__ttl_changes__then_the_record_is_replaced(void **state)
{
	struct world *w = *state;
	assert_int_equal(UPDATE(w, "add a1.zones PTR shop.example.",
			     "add group.a1.zones TXT a", "add group.a1.zones TXT b"),
	    0);
	assert_int_equal(UPDATE(w, "add:77 group.a1.zones TXT a"), 0);
	assert_int_equal(query(w, "group.a1.zones", RR_TXT), 0);
	assert_int_equal(w->n_rrs, 2);
	assert_has(w, " 77 IN");
	assert_has_not(w, " 0 IN");
}

static void
update__member_deleted__then_its_properties_go(void **state)
{
	struct world *w = *state;
	assert_int_equal(UPDATE(w, "add a1.zones PTR shop.example.",
			     "add group.a1.zones TXT g", "add x.ext.a1.zones TXT e",
			     "add coo.a1.zones PTR other.test."),
	    0);
	assert_int_equal(UPDATE(w, "del a1.zones PTR SHOP.EXAMPLE."), 0);
	assert_int_equal(query(w, "group.a1.zones", RR_TXT), RCODE_NXDOMAIN);
	axfr(w, "@");
	assert_int_equal(w->n_rrs, 4);
}

static void
update__member_deleted_and_added_in_one__then_its_properties_stay(void **state)
{
	struct world *w = *state;
	assert_int_equal(UPDATE(w, "add a1.zones PTR shop.example.",
			     "add group.a1.zones TXT g"),
	    0);
	assert_int_equal(UPDATE(w, "delset a1.zones ANY",
			     "add a1.zones PTR shop.example.",
			     "add group.a1.zones TXT h"),
	    0);
	assert_int_equal(query(w, "group.a1.zones", RR_TXT), 0);
	assert_int_equal(w->n_rrs, 2);
}

static void
update__zone_moves_to_another_id__then_both_are_one_change(void **state)
{
	struct world *w = *state;
	assert_int_equal(UPDATE(w, "add a1.zones PTR shop.example."), 0);
	uint32_t serial = serial_of(w, "@");
	assert_int_equal(UPDATE(w, "add b2.zones PTR shop.example.",
			     "del a1.zones PTR shop.example."),
	    0);
	assert_int_equal(serial_of(w, "@"), serial + 1);
	assert_int_equal(query(w, "a1.zones", RR_PTR), RCODE_NXDOMAIN);
	assert_int_equal(query(w, "b2.zones", RR_PTR), 0);
}

static void
update__two_members_swap_zones__then_both_are_found(void **state)
{
	struct world *w = *state;
	assert_int_equal(UPDATE(w, "add a.zones PTR x.example.",
			     "add b.zones PTR y.example."),
	    0);
	assert_int_equal(UPDATE(w, "del a.zones PTR x.example.",
			     "del b.zones PTR y.example.", "add a.zones PTR y.example.",
			     "add b.zones PTR x.example."),
	    0);
	assert_int_equal(UPDATE(w, "add c.zones PTR x.example."), RCODE_REFUSED);
	assert_ede(w, "id=b");
	assert_int_equal(UPDATE(w, "add c.zones PTR y.example."), RCODE_REFUSED);
	assert_ede(w, "id=a");
}

static void
update__properties_of_any_name_below_ext__then_they_are_kept(void **state)
{
	struct world *w = *state;
	assert_int_equal(UPDATE(w, "add a1.zones PTR shop.example.",
			     "add primaries.ext.a1.zones A 192.0.2.1",
			     "add primaries.ext.a1.zones AAAA 2001:db8::1",
			     "add hub.nodes.nsherd.ext TXT \"192.0.2.1@5300\""),
	    0);
	assert_int_equal(query(w, "primaries.ext.a1.zones", RR_ANY), 0);
	assert_int_equal(w->n_rrs, 2);
	assert_int_equal(query(w, "hub.nodes.nsherd.ext", RR_TXT), 0);
	assert_int_equal(w->n_rrs, 1);
	assert_int_equal(UPDATE(w, "delset hub.nodes.nsherd.ext ANY"), 0);
	assert_int_equal(query(w, "hub.nodes.nsherd.ext", RR_TXT), RCODE_NXDOMAIN);
}

static void
update__cname_meets_others__then_the_later_is_ignored(void **state)
{
	struct world *w = *state;
	assert_int_equal(UPDATE(w, "add x.ext TXT t"), 0);
	uint32_t serial = serial_of(w, "@");
	assert_int_equal(UPDATE(w, "add x.ext CNAME y.example."), 0);
	assert_int_equal(serial_of(w, "@"), serial);
	assert_int_equal(UPDATE(w, "add c.ext CNAME y.example."), 0);
	assert_int_equal(UPDATE(w, "add c.ext TXT t"), 0);
	assert_int_equal(UPDATE(w, "add c.ext CNAME z.example."), 0);
	assert_int_equal(query(w, "c.ext", RR_ANY), 0);
	assert_int_equal(w->n_rrs, 1);
	assert_has(w, "z.example.");
}

/* -- apex ------------------------------------------------------------------- */

static void
update__apex_ns__then_the_last_one_stays(void **state)
{
	struct world *w = *state;
	uint32_t serial = serial_of(w, "@");
	assert_int_equal(UPDATE(w, "del @ NS invalid."), 0);
	assert_int_equal(UPDATE(w, "delset @ NS"), 0);
	assert_int_equal(UPDATE(w, "delset @ ANY"), 0);
	assert_int_equal(serial_of(w, "@"), serial);
	assert_int_equal(UPDATE(w, "add @ NS ns1.example.", "del @ NS invalid."), 0);
	assert_int_equal(query(w, "@", RR_NS), 0);
	assert_int_equal(w->n_rrs, 1);
	assert_has(w, "ns1.example.");
}

static void
update__soa_added__then_only_a_newer_one_counts(void **state)
{
	struct world *w = *state;
	assert_int_equal(UPDATE(w, "add @ SOA a. b. 1 9 9 9 9"), 0);
	assert_int_equal(serial_of(w, "@"), 1);
	assert_int_equal(UPDATE(w, "add @ SOA a. b. 100 9 9 9 9",
			     "add a1.zones PTR shop.example."),
	    0);
	assert_int_equal(serial_of(w, "@"), 100);
	assert_has(w, "a. b. 100 9 9 9 9");
	assert_int_equal(UPDATE(w, "delset @ SOA"), 0);
	assert_int_equal(UPDATE(w, "del @ SOA a. b. 100 9 9 9 9"), 0);
	assert_int_equal(serial_of(w, "@"), 100);
}

static void
update__serial_wraps__then_zero_is_left_out(void **state)
{
	struct world *w = *state;
	assert_int_equal(UPDATE(w, "add @ SOA a. b. 2147483648 9 9 9 9"), 0);
	assert_int_equal(UPDATE(w, "add @ SOA a. b. 4294967295 9 9 9 9"), 0);
	assert_int_equal(UPDATE(w, "add a1.zones PTR shop.example."), 0);
	assert_int_equal(serial_of(w, "@"), 1);
	ixfr(w, "@", 4294967295u);
	assert_int_equal(w->n_rrs, 5);
}

static void
update__soa_with_serial_zero__then_one(void **state)
{
	struct world *w = *state;
	assert_int_equal(UPDATE(w, "add @ SOA a. b. 2147483648 9 9 9 9"), 0);
	assert_int_equal(UPDATE(w, "add @ SOA a. b. 4294967295 9 9 9 9"), 0);
	assert_int_equal(UPDATE(w, "add @ SOA a. b. 0 9 9 9 9"), 0);
	assert_int_equal(serial_of(w, "@"), 1);
}

/* -- what makes no valid catalog -------------------------------------------- */

static void
update__owner_or_type_may_not_be_written__then_refused_with_the_record(void **state)
{
	struct world *w = *state;
	static const char *const bad[] = {"add www A 192.0.2.1",
	    "add zones PTR a.example.", "add a.zones TXT x", "add ext TXT x",
	    "add ext.a.zones TXT x", "add foo.a.zones TXT x", "add version TXT 2",
	    "delset version ANY", "add @ TXT x", "add x.group.a.zones TXT x",
	    "add group.a.zones PTR x.", "add coo.a.zones TXT x",
	    "add x.ext SOA a. b. 1 1 1 1 1", "del www A 192.0.2.1", "delset @ TXT"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		unsigned rcode = UPDATE(w, "add a1.zones PTR shop.example.", bad[i]);
		if (rcode != RCODE_REFUSED)
			fail_msg("%s: %s", bad[i], rcode_str(rcode));
		assert_ede(w, "rr=2");
		assert_ede(w, "-not-writable");
	}
	assert_int_equal(serial_of(w, "@"), 1);
}

static void
update__after_image_is_no_catalog__then_refused_and_nothing_changes(void **state)
{
	struct world *w = *state;
	assert_int_equal(UPDATE(w, "add a1.zones PTR shop.example."), 0);
	uint32_t serial = serial_of(w, "@");
	static const char *const bad[][4] = {
	    {"add a1.zones PTR two.example.", NULL, "two-zones-at-one-node"},
	    {"add b.zones PTR shop.example.", NULL, "duplicate-zone"},
	    {"add b.zones PTR c.example.", "add d.zones PTR C.example.",
		"duplicate-zone"},
	    {"add group.b.zones TXT g", NULL, "property-without-member"},
	    {"del a1.zones PTR shop.example.", "add group.a1.zones TXT g",
		"property-without-member"},
	    {"add x.ext.b.zones TXT g", NULL, "property-without-member"},
	    {"add b.zones PTR .", NULL, "root-zone"},
	    {"add b.zones PTR catalog.example.", NULL, "control-zone"},
	    {"add b.zones PTR x._status.other.test.", NULL, "control-zone"},
	    {"add coo.a1.zones PTR a.", "add coo.a1.zones PTR b.", "two-coo"},
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		unsigned rcode =
		    UPDATE(w, "add ok.zones PTR ok.example.", bad[i][0], bad[i][1]);
		if (rcode != RCODE_REFUSED)
			fail_msg("%s: %s", bad[i][0], rcode_str(rcode));
		assert_ede(w, bad[i][2]);
	}
	assert_int_equal(serial_of(w, "@"), serial);
	assert_int_equal(query(w, "ok.zones", RR_PTR), RCODE_NXDOMAIN);
}

static void
update__names_that_lie_above_or_beside__then_taken(void **state)
{
	struct world *w = *state;
	assert_int_equal(UPDATE(w, "add a.zones PTR example.",
			     "add b.zones PTR xcatalog.example.",
			     "add \\000\\001.zones PTR \\000.\\001\\\".example.",
			     "add *.zones PTR *.example."),
	    0);
	axfr(w, "@");
	assert_int_equal(w->n_rrs, 8);
}

static void
update__too_many_records_at_one_node__then_refused(void **state)
{
	struct world *w = *state;
	struct wire_out out;
	struct msg msg;
	char line[100];
	update_begin(w, &out, "catalog.example.");
	put_line(&out, "add a1.zones PTR shop.example.");
	for (int i = 0; i < 1001; i++) {
		snprintf(line, sizeof(line), "add group.a1.zones TXT g%d", i);
		put_line(&out, line);
	}
	msg_put_opt(&out, 1232, 0, 0, NULL);
	world_sign(w, &out, KEY_FULL);
	assert_int_equal(world_exchange(w, w->tcp, true, &msg), RCODE_REFUSED);
	assert_ede(w, "too-many-records");
}

/* -- prerequisites ---------------------------------------------------------- */

static void
prereq__each_kind__then_its_own_rcode(void **state)
{
	struct world *w = *state;
	static const struct {
		const char *line;
		unsigned rcode;
	} t[] = {
	    {"yx a1.zones ANY", 0},
	    {"yx A1.ZONES ANY", 0},
	    {"yx b.zones ANY", RCODE_NXDOMAIN},
	    {"yx zones ANY", RCODE_NXDOMAIN}, /* an empty non-terminal */
	    {"yx *.zones ANY", RCODE_NXDOMAIN},
	    {"yx a1.zones PTR", 0},
	    {"yx a1.zones TXT", RCODE_NXRRSET},
	    {"yx b.zones PTR", RCODE_NXRRSET},
	    {"nx a1.zones ANY", RCODE_YXDOMAIN},
	    {"nx zones ANY", 0},
	    {"nx b.zones ANY", 0},
	    {"nx a1.zones PTR", RCODE_YXRRSET},
	    {"nx a1.zones TXT", 0},
	    {"yx @ SOA", 0},
	    {"yx @ ANY", 0},
	    {"yx version TXT", 0},
	    {"is a1.zones PTR shop.example.", 0},
	    {"is a1.zones PTR SHOP.Example.", 0},
	    {"is a1.zones PTR other.example.", RCODE_NXRRSET},
	    {"is b.zones PTR shop.example.", RCODE_NXRRSET},
	    {"is group.a1.zones TXT a", RCODE_NXRRSET}, /* one of two */
	    {"is version TXT 2", 0},
	};
	assert_int_equal(UPDATE(w, "add a1.zones PTR shop.example.",
			     "add group.a1.zones TXT a", "add group.a1.zones TXT b"),
	    0);
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		unsigned rcode = UPDATE(w, t[i].line);
		if (rcode != t[i].rcode)
			fail_msg("%s: %s", t[i].line, rcode_str(rcode));
	}
}

static void
prereq__whole_set__then_order_and_repetition_do_not_matter(void **state)
{
	struct world *w = *state;
	assert_int_equal(UPDATE(w, "add a1.zones PTR shop.example.",
			     "add group.a1.zones TXT a", "add group.a1.zones TXT b"),
	    0);
	assert_int_equal(UPDATE(w, "is group.a1.zones TXT b",
			     "is a1.zones PTR shop.example.", "is group.a1.zones TXT a",
			     "is group.a1.zones TXT b"),
	    0);
	assert_int_equal(UPDATE(w, "is group.a1.zones TXT b", "is group.a1.zones TXT a",
			     "is group.a1.zones TXT c"),
	    RCODE_NXRRSET);
}

static void
prereq__soa_with_its_serial__then_it_is_a_lock(void **state)
{
	struct world *w = *state;
	const char *lock = "is @ SOA invalid. invalid. 1 3600 600 2147483646 0";
	assert_int_equal(UPDATE(w, lock, "add a.zones PTR a.example."), 0);
	assert_int_equal(UPDATE(w, lock, "add b.zones PTR b.example."), RCODE_NXRRSET);
	assert_int_equal(serial_of(w, "@"), 2);
}

static void
prereq__does_not_hold__then_nothing_is_applied(void **state)
{
	struct world *w = *state;
	assert_int_equal(UPDATE(w, "yx b.zones PTR", "add a.zones PTR a.example."),
	    RCODE_NXRRSET);
	assert_int_equal(query(w, "a.zones", RR_PTR), RCODE_NXDOMAIN);
}

/* -- form ------------------------------------------------------------------- */

static unsigned
send_rr(struct world *w, enum msg_section section, const char *zone,
    const struct rr *rr)
{
	struct wire_out out;
	struct msg msg;
	update_begin(w, &out, zone);
	msg_put_rr(&out, section, rr);
	world_sign(w, &out, KEY_FULL);
	return world_exchange(w, w->tcp, true, &msg);
}

static void
prescan__form_is_wrong__then_formerr_or_notzone(void **state)
{
	struct world *w = *state;
	static const uint8_t root[] = {0};
	static const struct {
		unsigned section;
		const char *owner;
		uint16_t type, class;
		uint32_t ttl;
		uint16_t rdata_size;
		unsigned rcode;
	} t[] = {
	    {MSG_PREREQ, "a.zones.catalog.example.", RR_PTR, CLASS_ANY, 1, 0, 1},
	    {MSG_PREREQ, "a.zones.catalog.example.", RR_PTR, CLASS_ANY, 0, 1, 1},
	    {MSG_PREREQ, "a.zones.catalog.example.", RR_PTR, CLASS_NONE, 0, 1, 1},
	    {MSG_PREREQ, "a.zones.catalog.example.", RR_PTR, CLASS_CH, 0, 1, 1},
	    {MSG_PREREQ, "a.zones.catalog.example.", RR_ANY, CLASS_IN, 0, 0, 1},
	    {MSG_PREREQ, "a.zones.catalog.example.", RR_PTR, CLASS_IN, 5, 1, 1},
	    {MSG_PREREQ, "a.example.", RR_PTR, CLASS_ANY, 0, 0, RCODE_NOTZONE},
	    {MSG_UPDATES, "a.example.", RR_PTR, CLASS_IN, 0, 1, RCODE_NOTZONE},
	    {MSG_UPDATES, "a.zones.catalog.example.", RR_PTR, CLASS_CH, 0, 1, 1},
	    {MSG_UPDATES, "a.zones.catalog.example.", RR_PTR, CLASS_ANY, 1, 0, 1},
	    {MSG_UPDATES, "a.zones.catalog.example.", RR_PTR, CLASS_ANY, 0, 1, 1},
	    {MSG_UPDATES, "a.zones.catalog.example.", RR_PTR, CLASS_NONE, 1, 1, 1},
	    {MSG_UPDATES, "a.zones.catalog.example.", RR_ANY, CLASS_NONE, 0, 0, 1},
	    {MSG_UPDATES, "a.zones.catalog.example.", RR_ANY, CLASS_IN, 0, 0, 1},
	    {MSG_UPDATES, "a.zones.catalog.example.", RR_AXFR, CLASS_ANY, 0, 0, 1},
	    {MSG_UPDATES, "a.zones.catalog.example.", RR_PTR, CLASS_IN, 0, 0, 1},
	};
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct rr rr = {.owner = dn(t[i].owner),
		    .type = t[i].type,
		    .class = t[i].class,
		    .ttl = t[i].ttl,
		    .rdata_size = t[i].rdata_size,
		    .rdata = root};
		unsigned rcode =
		    send_rr(w, (enum msg_section)t[i].section, "catalog.example.", &rr);
		if (rcode != t[i].rcode)
			fail_msg("case %zu: %s", i, rcode_str(rcode));
	}
}

static void
zone_section__not_ours__then_notauth(void **state)
{
	struct world *w = *state;
	struct rr rr = {.owner = dn("a.zones.catalog.example."),
	    .type = RR_PTR,
	    .class = CLASS_ANY};
	assert_int_equal(send_rr(w, (enum msg_section)MSG_UPDATES, "example.", &rr),
	    RCODE_NOTAUTH);
	assert_int_equal(send_rr(w, (enum msg_section)MSG_UPDATES,
			     "zones.catalog.example.", &rr),
	    RCODE_NOTAUTH);
}

static void
zone_section__zones_of_the_agent__then_refused(void **state)
{
	struct world *w = *state;
	static const char *const zones[] = {"_status.catalog.example.",
	    "_log.catalog.example.", "_command.catalog.example."};
	for (size_t i = 0; i < 3; i++) {
		struct rr rr = {.owner = dn(zones[i]),
		    .type = RR_TXT,
		    .class = CLASS_ANY};
		assert_int_equal(send_rr(w, (enum msg_section)MSG_UPDATES, zones[i],
				     &rr),
		    RCODE_REFUSED);
	}
}

static void
zone_section__type_or_class_is_wrong__then_formerr_or_notauth(void **state)
{
	struct world *w = *state;
	struct wire_out out;
	struct msg msg;
	struct dname zone = dn("catalog.example.");
	wire_out_init(&out, w->wire, sizeof(w->wire));
	msg_start(&out, 1, OPCODE_UPDATE << 11);
	msg_put_question(&out, &zone, RR_NS, CLASS_IN);
	world_sign(w, &out, KEY_FULL);
	assert_int_equal(world_exchange(w, w->tcp, true, &msg), RCODE_FORMERR);
	wire_out_init(&out, w->wire, sizeof(w->wire));
	msg_start(&out, 1, OPCODE_UPDATE << 11);
	msg_put_question(&out, &zone, RR_SOA, CLASS_CH);
	world_sign(w, &out, KEY_FULL);
	assert_int_equal(world_exchange(w, w->tcp, true, &msg), RCODE_NOTAUTH);
}

/* -- rights ----------------------------------------------------------------- */

static void
rights__key_may_not_update__then_refused(void **state)
{
	struct world *w = *state;
	assert_int_equal(UPDATE_AS(w, KEY_READ, "add a.zones PTR a.example."),
	    RCODE_REFUSED);
	assert_ede(w, "no-update-right");
}

static void
rights__key_narrowed_to_zones__then_others_and_prerequisites_about_them_are_refused(
    void **state)
{
	struct world *w = *state;
	assert_int_equal(UPDATE(w, "add f.zones PTR foreign.example."), 0);
	assert_int_equal(UPDATE_AS(w, KEY_ZONES, "add a.zones PTR a.mine.example.",
			     "add group.a.zones TXT g"),
	    0);
	static const char *const bad[] = {"add b.zones PTR b.example.",
	    "del f.zones PTR foreign.example.", "add group.f.zones TXT g",
	    "yx f.zones PTR", "nx f.zones PTR", "yx none.zones PTR",
	    "nx none.zones PTR", "is @ SOA a. b. 1 1 1 1 1", "yx x.ext TXT",
	    "add x.ext TXT t", "add @ NS a."};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		unsigned rcode = UPDATE_AS(w, KEY_ZONES, bad[i]);
		if (rcode != RCODE_REFUSED)
			fail_msg("%s: %s", bad[i], rcode_str(rcode));
		assert_ede(w, "not-permitted");
	}
	/* Nor may it turn a foreign node into its own, or its own into one. */
	assert_int_equal(UPDATE_AS(w, KEY_ZONES, "delset f.zones PTR",
			     "add f.zones PTR f.mine.example."),
	    RCODE_REFUSED);
	assert_int_equal(UPDATE_AS(w, KEY_ZONES, "delset a.zones PTR",
			     "add a.zones PTR a.example."),
	    RCODE_REFUSED);
	assert_int_equal(UPDATE_AS(w, KEY_ZONES, "yx a.zones PTR", "nx b.zones PTR",
			     "add b.zones PTR b.mine.example."),
	    0);
	assert_int_equal(UPDATE_AS(w, KEY_ZONES, "delset a.zones ANY"), 0);
}

/* How much the refused record number tells of a node is its size. */
static void
rights__too_much_for_a_foreign_node__then_not_permitted_is_all_it_says(void **state)
{
	struct world *w = *state;
	struct wire_out out;
	struct msg msg;
	char line[100];

	assert_int_equal(UPDATE(w, "add f.zones PTR foreign.example."), 0);
	update_begin(w, &out, "catalog.example.");
	for (int i = 0; i < 2005; i++) {
		snprintf(line, sizeof(line), "add a.ext.f.zones TXT %d", i);
		put_line(&out, line);
	}
	msg_put_opt(&out, 1232, 0, 0, NULL);
	world_sign(w, &out, KEY_ZONES);
	assert_int_equal(world_exchange(w, w->tcp, true, &msg), RCODE_REFUSED);
	assert_ede(w, "not-permitted rr=1");
}

static void
rights__key_narrowed_to_patterns__then_groups_before_and_after_count(void **state)
{
	struct world *w = *state;
	assert_int_equal(UPDATE(w, "add p.zones PTR p.example.",
			     "add group.p.zones TXT primary"),
	    0);
	assert_int_equal(UPDATE_AS(w, KEY_PATTERNS, "add a.zones PTR a.example."),
	    RCODE_REFUSED);
	assert_int_equal(UPDATE_AS(w, KEY_PATTERNS, "add a.zones PTR a.example.",
			     "add group.a.zones TXT secondary"),
	    0);
	assert_int_equal(UPDATE_AS(w, KEY_PATTERNS, "add group.a.zones TXT primary"),
	    RCODE_REFUSED);
	assert_int_equal(UPDATE_AS(w, KEY_PATTERNS, "delset p.zones ANY"),
	    RCODE_REFUSED);
	assert_int_equal(UPDATE_AS(w, KEY_PATTERNS, "delset group.p.zones TXT",
			     "add group.p.zones TXT secondary"),
	    RCODE_REFUSED);
	assert_int_equal(UPDATE_AS(w, KEY_PATTERNS, "delset a.zones ANY"), 0);
}

/* -- replay ----------------------------------------------------------------- */

static void
replay__same_bytes_again__then_same_rcode_but_not_run(void **state)
{
	struct world *w = *state;
	struct msg msg;
	static const char *const add[] = {"add a.zones PTR a.example.", NULL};
	update_build(w, KEY_FULL, add);
	struct tsig tsig = w->tsig;
	size_t size = w->wire_size;
	uint8_t *captured = mem_dup(w->wire, size);
	assert_int_equal(world_exchange(w, w->tcp, true, &msg), 0);
	assert_int_equal(UPDATE(w, "delset a.zones ANY"), 0);
	uint32_t serial = serial_of(w, "@");

	memcpy(w->wire, captured, size);
	w->wire_size = size;
	w->tsig = tsig;
	assert_int_equal(world_exchange(w, w->udp, true, &msg), 0);
	assert_int_equal(serial_of(w, "@"), serial);
	assert_int_equal(query(w, "a.zones", RR_PTR), RCODE_NXDOMAIN);
	free(captured);
}

static void
replay__refused_before_and_sent_again__then_still_refused(void **state)
{
	struct world *w = *state;
	struct msg msg;
	static const char *const bad[] = {"add b.zones PTR a.example.", NULL};
	assert_int_equal(UPDATE(w, "add a.zones PTR a.example."), 0);
	update_build(w, KEY_FULL, bad);
	struct tsig tsig = w->tsig;
	size_t size = w->wire_size;
	uint8_t *captured = mem_dup(w->wire, size);
	assert_int_equal(world_exchange(w, w->tcp, true, &msg), RCODE_REFUSED);
	assert_int_equal(UPDATE(w, "delset a.zones ANY"), 0);
	uint32_t last = serial_of(w, "_log");

	memcpy(w->wire, captured, size);
	w->wire_size = size;
	w->tsig = tsig;
	assert_int_equal(world_exchange(w, w->tcp, true, &msg), RCODE_REFUSED);
	assert_ede(w, "answered-before");
	assert_int_equal(serial_of(w, "_log"), last);
	free(captured);
}

static void
replay__both_in_one_group__then_run_once(void **state)
{
	struct world *w = *state;
	static const char *const add[] = {"add a.zones PTR a.example.", NULL};
	update_build(w, KEY_FULL, add);
	world_push(w, w->tcp);
	world_push(w, w->tcp);
	world_wait(w, 2);
	assert_int_equal(serial_of(w, "@"), 2);
}

static void
replay__agent_was_restarted__then_known_bytes_keep_their_answer(void **state)
{
	struct world *w = *state;
	struct msg msg;
	static const char *const add[] = {"add a.zones PTR a.example.", NULL};
	static const char *const late[] = {"add b.zones PTR b.example.", NULL};
	update_build(w, KEY_FULL, add);
	struct tsig tsig = w->tsig;
	size_t size = w->wire_size;
	uint8_t *captured = mem_dup(w->wire, size);
	assert_int_equal(world_exchange(w, w->tcp, true, &msg), 0);

	world_close_proto(w);
	store_close(w->store);
	w->conf.started = (uint64_t)time(NULL) + 1;
	world_open_store(w);
	world_open_proto(w);

	memcpy(w->wire, captured, size);
	w->wire_size = size;
	w->tsig = tsig;
	assert_int_equal(world_exchange(w, w->tcp, true, &msg), 0);
	update_build(w, KEY_FULL, late);
	assert_int_equal(world_exchange(w, w->tcp, true, &msg), RCODE_REFUSED);
	assert_ede(w, "signed-before-start");
	free(captured);
}

/* The clock was an hour off when the agent was started, and was set since. */
static void
replay__clock_was_set_since_the_start__then_the_start_is_told_by_the_new_one(
    void **state)
{
	struct world *w = *state;
	struct msg msg;
	static const char *const one[] = {"add a.zones PTR a.example.", NULL};
	static const char *const two[] = {"add b.zones PTR b.example.", NULL};
	static const char *const three[] = {"add c.zones PTR c.example.", NULL};
	const uint64_t now = (uint64_t)time(NULL);

	world_close_proto(w);
	w->conf.started = now + 3600;
	world_open_proto(w);
	w->proto->clock_ms += 3600 * 1000;
	update_build(w, KEY_FULL, one);
	assert_int_equal(world_exchange(w, w->tcp, true, &msg), RCODE_NOERROR);
	w->sign_at = now - 10;
	update_build(w, KEY_FULL, two);
	assert_int_equal(world_exchange(w, w->tcp, true, &msg), RCODE_REFUSED);
	assert_ede(w, "signed-before-start");

	world_close_proto(w);
	w->conf.started = now - 3600;
	world_open_proto(w);
	w->proto->clock_ms -= 3600 * 1000;
	w->sign_at = now - 10;
	update_build(w, KEY_FULL, three);
	assert_int_equal(world_exchange(w, w->tcp, true, &msg), RCODE_REFUSED);
	assert_ede(w, "signed-before-start");
}

/* -- many ------------------------------------------------------------------- */

static void
update__many_are_pipelined__then_each_is_answered_and_none_is_lost(void **state)
{
	struct world *w = *state;
	char line[100];
	enum { N = 2000 };
	for (int i = 0; i < N; i++) {
		snprintf(line, sizeof(line), "add m%05d.zones PTR z%d.example.", i, i);
		update_build(w, KEY_FULL, (const char *const[]){line, NULL});
		world_push(w, w->tcp);
	}
	assert_true(proto_outstanding(w->tcp) > 0);
	world_wait(w, N);
	assert_int_equal(proto_outstanding(w->tcp), 0);
	assert_int_equal(serial_of(w, "@"), N + 1);
	axfr(w, "@");
	assert_int_equal(w->n_rrs, N + 4);
}

static void
update__session_closed_meanwhile__then_it_is_applied_all_the_same(void **state)
{
	struct world *w = *state;
	struct proto_session *s = proto_open(w->proto, w, TRANSPORT_TCP);
	unsigned n = w->n_replies;
	update_build(w, KEY_FULL,
	    (const char *const[]){"add a.zones PTR a.example.", NULL});
	world_push(w, s);
	proto_close(s);
	for (int i = 0; i < 1000 && serial_of(w, "@") == 1; i++)
		n = w->n_replies, store_reap(w->store), usleep(500);
	(void)n;
	assert_int_equal(query(w, "a.zones", RR_PTR), 0);
	usleep(20000);
	store_reap(w->store);
}

static void
update__configuration_reloaded_meanwhile__then_the_old_one_counts(void **state)
{
	struct world *w = *state;
	struct msg msg;
	unsigned n = w->n_replies;
	update_build(w, KEY_FULL,
	    (const char *const[]){"add a.zones PTR a.example.", NULL});
	world_push(w, w->tcp);
	struct proto_conf none = w->conf;
	none.n_keys = 0;
	proto_reload(w->proto, &none);
	world_wait(w, n + 1);
	assert_int_equal(world_read_reply(w, true, &msg), 0);
	proto_reload(w->proto, &w->conf);
	assert_int_equal(query(w, "a.zones", RR_PTR), 0);
}

/* -- when it cannot be done ------------------------------------------------- */

static void
update__map_is_full__then_servfail_and_what_was_acknowledged_stays(void **state)
{
	struct world *w = *state;
	char line[100], value[256];
	unsigned n_good = 0, rcode = 0;

	world_close_proto(w);
	store_close(w->store);
	w->map_size = (size_t)2 << 20;
	world_open_store(w);
	world_open_proto(w);
	memset(value, 'x', 250);
	value[250] = '\0';
	for (unsigned i = 0; i < 20000 && rcode == 0; i++) {
		char add[400];
		snprintf(line, sizeof(line), "add m%05u.zones PTR z%u.example.", i, i);
		snprintf(add, sizeof(add), "add x.ext.m%05u.zones TXT %s", i, value);
		rcode = UPDATE(w, line, add);
		n_good += rcode == 0;
	}
	assert_int_equal(rcode, RCODE_SERVFAIL);
	assert_ede(w, "storage-full");
	assert_true(n_good > 10);
	axfr(w, "@");
	assert_int_equal(w->n_rrs, 4 + 2 * n_good);
}

struct blocker {
	struct store_job job;
	int fd;
};

static enum err
run_blocker(struct store_txn *txn, struct store_job *job)
{
	char c;
	(void)txn;
	return read(((struct blocker *)job)->fd, &c, 1) >= 0 ? OK : ERR_IO;
}

static void
update__too_many_are_queued__then_servfail_at_once(void **state)
{
	struct world *w = *state;
	struct msg msg;
	int fds[2];
	unsigned n = 0;
	assert_int_equal(pipe(fds), 0);
	struct blocker b = {.job = {.run = run_blocker}, .fd = fds[0]};
	store_submit(w->store, STORE_CATALOG, &b.job);
	for (; w->n_replies == 0 && n < 100000; n++) {
		update_build(w, KEY_FULL,
		    (const char *const[]){"add a.zones PTR a.example.", NULL});
		world_push(w, w->tcp);
	}
	assert_int_equal(world_read_reply(w, true, &msg), RCODE_SERVFAIL);
	assert_ede(w, "reason=busy");
	close(fds[1]);
	world_wait(w, n);
	close(fds[0]);
	assert_int_equal(serial_of(w, "@"), 2);
}

static void
update__nothing_in_it__then_noerror(void **state)
{
	struct world *w = *state;
	struct wire_out out;
	struct msg msg;
	update_begin(w, &out, "catalog.example.");
	world_sign(w, &out, KEY_FULL);
	assert_int_equal(world_exchange(w, w->tcp, true, &msg), 0);
	assert_int_equal(serial_of(w, "@"), 1);
}

static void
update__names_in_any_case__then_they_are_the_same(void **state)
{
	struct world *w = *state;
	struct wire_out out;
	struct msg msg;
	update_begin(w, &out, "catalog.example.");
	put_line(&out, "add a1.zones PTR shop.example.");
	for (size_t i = 12; i < out.size; i++)
		if (out.msg[i] >= 'a' && out.msg[i] <= 'z' && i % 2)
			out.msg[i] -= 32;
	world_sign(w, &out, KEY_FULL);
	assert_int_equal(world_exchange(w, w->tcp, true, &msg), 0);
	assert_int_equal(query(w, "a1.zones", RR_PTR), 0);
	assert_has(w, "shop.example.");
	/* The zone section comes back as it was sent. */
	assert_int_equal(UPDATE(w, "del a1.zones PTR SHOP.example."), 0);
	assert_int_equal(query(w, "a1.zones", RR_PTR), RCODE_NXDOMAIN);
}

static void
duplicate__of_what_a_narrowed_key_may_not_see__has_no_id(void **state)
{
	struct world *w = *state;
	assert_int_equal(UPDATE(w, "add hidden1.zones PTR hidden.example.",
			     "add group.hidden1.zones TXT primary"),
	    RCODE_NOERROR);
	assert_int_equal(UPDATE_AS(w, KEY_PATTERNS, "add b1.zones PTR hidden.example.",
			     "add group.b1.zones TXT secondary"),
	    RCODE_REFUSED);
	assert_string_equal(w->ede, "reason=duplicate-zone rr=1");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(update__one_member_is_added__then_it_is_there_under_the_next_serial),
	    TEST(update__reply__then_the_zone_section_is_copied),
	    TEST(update__nothing_changes__then_no_new_serial),
	    TEST(update__ttl_changes__then_the_record_is_replaced),
	    TEST(update__member_deleted__then_its_properties_go),
	    TEST(update__member_deleted_and_added_in_one__then_its_properties_stay),
	    TEST(update__zone_moves_to_another_id__then_both_are_one_change),
	    TEST(update__two_members_swap_zones__then_both_are_found),
	    TEST(update__properties_of_any_name_below_ext__then_they_are_kept),
	    TEST(duplicate__of_what_a_narrowed_key_may_not_see__has_no_id),
	    TEST(update__cname_meets_others__then_the_later_is_ignored),
	    TEST(update__apex_ns__then_the_last_one_stays),
	    TEST(update__soa_added__then_only_a_newer_one_counts),
	    TEST(update__serial_wraps__then_zero_is_left_out),
	    TEST(update__soa_with_serial_zero__then_one),
	    TEST(
		update__owner_or_type_may_not_be_written__then_refused_with_the_record),
	    TEST(update__after_image_is_no_catalog__then_refused_and_nothing_changes),
	    TEST(update__names_that_lie_above_or_beside__then_taken),
	    TEST(update__too_many_records_at_one_node__then_refused),
	    TEST(prereq__each_kind__then_its_own_rcode),
	    TEST(prereq__whole_set__then_order_and_repetition_do_not_matter),
	    TEST(prereq__soa_with_its_serial__then_it_is_a_lock),
	    TEST(prereq__does_not_hold__then_nothing_is_applied),
	    TEST(prescan__form_is_wrong__then_formerr_or_notzone),
	    TEST(zone_section__not_ours__then_notauth),
	    TEST(zone_section__zones_of_the_agent__then_refused),
	    TEST(zone_section__type_or_class_is_wrong__then_formerr_or_notauth),
	    TEST(rights__key_may_not_update__then_refused),
	    TEST(
		rights__key_narrowed_to_zones__then_others_and_prerequisites_about_them_are_refused),
	    TEST(
		rights__too_much_for_a_foreign_node__then_not_permitted_is_all_it_says),
	    TEST(rights__key_narrowed_to_patterns__then_groups_before_and_after_count),
	    TEST(replay__same_bytes_again__then_same_rcode_but_not_run),
	    TEST(replay__refused_before_and_sent_again__then_still_refused),
	    TEST(replay__both_in_one_group__then_run_once),
	    TEST(replay__agent_was_restarted__then_known_bytes_keep_their_answer),
	    TEST(
		replay__clock_was_set_since_the_start__then_the_start_is_told_by_the_new_one),
	    TEST(update__many_are_pipelined__then_each_is_answered_and_none_is_lost),
	    TEST(update__session_closed_meanwhile__then_it_is_applied_all_the_same),
	    TEST(update__configuration_reloaded_meanwhile__then_the_old_one_counts),
	    TEST(update__map_is_full__then_servfail_and_what_was_acknowledged_stays),
	    TEST(update__too_many_are_queued__then_servfail_at_once),
	    TEST(update__nothing_in_it__then_noerror),
	    TEST(update__names_in_any_case__then_they_are_the_same),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
