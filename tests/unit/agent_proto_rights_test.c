/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/agent_proto_fixture.h"

/*
 * Every operation, with every set of rights and every kind of limit: what is
 * permitted is exactly what the rules say, none more and none less.
 */

enum limits {
	LIMIT_NONE,
	LIMIT_ZONES,    /* mine.example */
	LIMIT_PATTERNS, /* sec* */
	LIMIT_BOTH,
	N_LIMITS
};

enum scope {
	SCOPE_WHOLE, /* only for a key without limits */
	SCOPE_MEMBER,
	SCOPE_ANY,   /* limits make no difference */
	SCOPE_NEVER, /* for nobody */
};

enum kind { QUERY, TRANSFER, UPDATE_C, VERB, SESSION, UPDATE_ZONE };

struct operation {
	const char *name;
	enum kind kind;
	unsigned right; /* that it needs; 0: none will do */
	enum scope scope;
	const char *owner; /* of a query, transfer or verb */
	uint16_t type;
	const char *line[2]; /* of an UPDATE */
	bool mine, sec;      /* the member's zone and pattern, before and after */
	const char *undo[3]; /* by somebody who may */
};

#define MEMBER_OPS(id, zone, mine_, sec_)                                             \
	{.name = "query " id,                                                         \
	    .kind = QUERY,                                                            \
	    .right = RIGHT_READ,                                                      \
	    .scope = SCOPE_MEMBER,                                                    \
	    .owner = id ".zones",                                                     \
	    .type = RR_PTR,                                                           \
	    .mine = mine_,                                                            \
	    .sec = sec_},                                                             \
	    {.name = "query status of " id,                                           \
		.kind = QUERY,                                                        \
		.right = RIGHT_READ,                                                  \
		.scope = SCOPE_MEMBER,                                                \
		.owner = zone "._status",                                             \
		.type = RR_TXT,                                                       \
		.mine = mine_,                                                        \
		.sec = sec_},                                                         \
	    {.name = "change " id,                                                    \
		.kind = UPDATE_C,                                                     \
		.right = RIGHT_UPDATE,                                                \
		.scope = SCOPE_MEMBER,                                                \
		.line = {"add x.ext." id ".zones TXT v"},                             \
		.mine = mine_,                                                        \
		.sec = sec_,                                                          \
		.undo = {"delset x.ext." id ".zones TXT"}},                           \
	    {.name = "remove " id,                                                    \
		.kind = UPDATE_C,                                                     \
		.right = RIGHT_UPDATE,                                                \
		.scope = SCOPE_MEMBER,                                                \
		.line = {"delset " id ".zones PTR"},                                  \
		.mine = mine_,                                                        \
		.sec = sec_,                                                          \
		.undo = {"add " id ".zones PTR " zone ".",                            \
		    sec_ ? "add group." id ".zones TXT sec1"                          \
			 : "add group." id ".zones TXT pri"}},                        \
	    {.name = "ask about " id " by prerequisite",                              \
		.kind = UPDATE_C,                                                     \
		.right = RIGHT_UPDATE,                                                \
		.scope = SCOPE_MEMBER,                                                \
		.line = {"yx " id ".zones PTR"},                                      \
		.mine = mine_,                                                        \
		.sec = sec_},                                                         \
	{                                                                             \
		.name = "command " id, .kind = VERB, .right = RIGHT_COMMAND,          \
		.scope = SCOPE_MEMBER, .line = {"add " zone "._command TXT refresh"}, \
		.mine = mine_, .sec = sec_                                            \
	}

#define WHOLE_QUERY(owner_, type_)                                           \
	{                                                                    \
		.name = "query " owner_, .kind = QUERY, .right = RIGHT_READ, \
		.scope = SCOPE_WHOLE, .owner = owner_, .type = type_         \
	}

#define ZONE_TRANSFER(owner_, type_, scope_)                                       \
	{                                                                          \
		.name = "transfer " owner_, .kind = TRANSFER, .right = RIGHT_READ, \
		.scope = scope_, .owner = owner_, .type = type_                    \
	}

#define ALL_VERB(verb, right_)                                      \
	{                                                           \
		.name = verb " all", .kind = VERB, .right = right_, \
		.scope = SCOPE_WHOLE, .line = {                     \
			"add _all._command TXT " verb               \
		}                                                   \
	}

static const struct operation operations[] = {
    MEMBER_OPS("ms", "a.mine.example", true, true),
    MEMBER_OPS("mp", "b.mine.example", true, false),
    MEMBER_OPS("os", "c.other.example", false, true),
    MEMBER_OPS("op", "d.other.example", false, false),
    {.name = "add one of mine, sec",
	.kind = UPDATE_C,
	.right = RIGHT_UPDATE,
	.scope = SCOPE_MEMBER,
	.line = {"add n1.zones PTR new.mine.example.", "add group.n1.zones TXT sec2"},
	.mine = true,
	.sec = true,
	.undo = {"delset n1.zones PTR"}},
    {.name = "add one of others",
	.kind = UPDATE_C,
	.right = RIGHT_UPDATE,
	.scope = SCOPE_MEMBER,
	.line = {"add n1.zones PTR new.other.example.", "add group.n1.zones TXT sec2"},
	.mine = false,
	.sec = true,
	.undo = {"delset n1.zones PTR"}},
    {.name = "add one without a group",
	.kind = UPDATE_C,
	.right = RIGHT_UPDATE,
	.scope = SCOPE_MEMBER,
	.line = {"add n1.zones PTR new.mine.example."},
	.mine = true,
	.sec = false,
	.undo = {"delset n1.zones PTR"}},
    {.name = "give one another pattern",
	.kind = UPDATE_C,
	.right = RIGHT_UPDATE,
	.scope = SCOPE_MEMBER,
	.line = {"delset group.ms.zones TXT", "add group.ms.zones TXT pri"},
	.mine = true,
	.sec = false,
	.undo = {"delset group.ms.zones TXT", "add group.ms.zones TXT sec1"}},
    {.name = "take one over",
	.kind = UPDATE_C,
	.right = RIGHT_UPDATE,
	.scope = SCOPE_MEMBER,
	.line = {"delset os.zones PTR", "add os.zones PTR taken.mine.example."},
	.mine = false,
	.sec = true,
	.undo = {"delset os.zones PTR", "add os.zones PTR c.other.example."}},
    {.name = "change what belongs to no member",
	.kind = UPDATE_C,
	.right = RIGHT_UPDATE,
	.scope = SCOPE_WHOLE,
	.line = {"add x.ext TXT v"},
	.undo = {"delset x.ext TXT"}},
    WHOLE_QUERY("@", RR_SOA),
    WHOLE_QUERY("@", RR_NS),
    WHOLE_QUERY("version", RR_TXT),
    WHOLE_QUERY("_log", RR_SOA),
    WHOLE_QUERY("1._log", RR_TXT),
    ZONE_TRANSFER("@", RR_AXFR, SCOPE_WHOLE),
    ZONE_TRANSFER("@", RR_IXFR, SCOPE_WHOLE),
    ZONE_TRANSFER("_status", RR_AXFR, SCOPE_WHOLE),
    ZONE_TRANSFER("_status", RR_IXFR, SCOPE_WHOLE),
    ZONE_TRANSFER("_log", RR_AXFR, SCOPE_WHOLE),
    ZONE_TRANSFER("_log", RR_IXFR, SCOPE_WHOLE),
    ZONE_TRANSFER("_command", RR_AXFR, SCOPE_NEVER),
    ALL_VERB("refresh", RIGHT_COMMAND),
    ALL_VERB("thaw", RIGHT_COMMAND),
    ALL_VERB("reconcile", RIGHT_COMMAND),
    ALL_VERB("reconfigure", RIGHT_ADMIN),
    ALL_VERB("release", RIGHT_ADMIN),
    {.name = "transaction",
	.kind = SESSION,
	.right = RIGHT_UPDATE,
	.scope = SCOPE_ANY,
	.line = {"begin", "commit"}},
    {.name = "lock",
	.kind = SESSION,
	.right = RIGHT_ADMIN,
	.scope = SCOPE_WHOLE,
	.line = {"lock", "unlock"}},
    {.name = "write the status",
	.kind = UPDATE_ZONE,
	.scope = SCOPE_NEVER,
	.owner = "_status.catalog.example.",
	.line = {"add x._status TXT v"}},
    {.name = "write the history",
	.kind = UPDATE_ZONE,
	.scope = SCOPE_NEVER,
	.owner = "_log.catalog.example.",
	.line = {"add 1._log TXT v"}},
    {.name = "write the version",
	.kind = UPDATE_C,
	.right = RIGHT_UPDATE,
	.scope = SCOPE_NEVER,
	.line = {"add version TXT 3"}},
    {.name = "ask for verbs",
	.kind = QUERY,
	.scope = SCOPE_NEVER,
	.owner = "_all._command",
	.type = RR_TXT},
};

/* -- carrying out ----------------------------------------------------------- */

static unsigned
update_of(struct world *w, const char *zone, const char *const line[2])
{
	struct wire_out out;
	struct msg msg;
	update_begin(w, &out, zone);
	for (size_t i = 0; i < 2 && line[i]; i++)
		put_line(&out, line[i]);
	msg_put_opt(&out, 1232, 0, 0, NULL);
	world_sign(w, &out, KEY_READ);
	return world_exchange(w, w->tcp, true, &msg);
}

static unsigned
session_verb(struct world *w, const char *verb)
{
	char line[64];
	snprintf(line, sizeof(line), "add _all._command TXT %s", verb);
	const char *const lines[2] = {line, NULL};
	return update_of(w, "_command.catalog.example.", lines);
}

static unsigned
transfer_of(struct world *w, const struct operation *op)
{
	struct msg msg;
	unsigned n = w->n_replies, n_transfers = w->n_transfers;
	const uint32_t serial = 1;
	transfer_ask(w, KEY_READ, op->owner, op->type == RR_IXFR ? &serial : NULL,
	    w->tcp);
	if (w->n_transfers > n_transfers) {
		proto_transfer_free(w->transfer);
		w->transfer = NULL;
		return RCODE_NOERROR;
	}
	world_wait(w, n + 1);
	return world_read_reply(w, true, &msg);
}

static unsigned
carry_out(struct world *w, const struct operation *op)
{
	struct msg msg;
	switch (op->kind) {
	case QUERY: return query_as(w, KEY_READ, w->tcp, op->owner, op->type, &msg);
	case TRANSFER: return transfer_of(w, op);
	case UPDATE_C: return update_of(w, "catalog.example.", op->line);
	case VERB: return update_of(w, "_command.catalog.example.", op->line);
	case UPDATE_ZONE: return update_of(w, op->owner, op->line);
	case SESSION: break;
	}
	unsigned rcode = session_verb(w, op->line[0]);
	assert_int_equal(session_verb(w, op->line[1]), rcode);
	return rcode;
}

/* -- the rules -------------------------------------------------------------- */

static bool
is_permitted(const struct operation *op, unsigned rights, enum limits limit)
{
	bool zone = limit == LIMIT_NONE || limit == LIMIT_PATTERNS || op->mine;
	bool pattern = limit == LIMIT_NONE || limit == LIMIT_ZONES || op->sec;

	if ((rights & op->right) == 0)
		return false;
	switch (op->scope) {
	case SCOPE_WHOLE: return limit == LIMIT_NONE;
	case SCOPE_MEMBER: return zone && pattern;
	case SCOPE_ANY: return true;
	case SCOPE_NEVER: break;
	}
	return false;
}

static void
try_one(struct world *w, const struct operation *op, unsigned rights, enum limits limit)
{
	bool permitted = is_permitted(op, rights, limit);
	uint32_t before = serial_of(w, "@");
	unsigned rcode = carry_out(w, op);
	if (permitted != (rcode == RCODE_NOERROR))
		fail_msg("%s, rights %u, limit %d: rcode %u (%s), %s", op->name, rights,
		    (int)limit, rcode, w->ede,
		    permitted ? "but permitted" : "but not permitted");
	if (!permitted) {
		assert_int_equal(rcode, RCODE_REFUSED);
		assert_int_equal(serial_of(w, "@"), before);
	} else if (op->undo[0])
		assert_int_equal(update_as(w, KEY_FULL, op->undo), RCODE_NOERROR);
}

static void
set_key(struct world *w, unsigned rights, enum limits limit)
{
	struct proto_key *key = &w->proto_keys[KEY_READ];
	bool zones = limit == LIMIT_ZONES || limit == LIMIT_BOTH;
	bool patterns = limit == LIMIT_PATTERNS || limit == LIMIT_BOTH;
	key->rights = rights;
	key->zones = zones ? &w->narrow_zone : NULL;
	key->n_zones = zones;
	key->patterns = patterns ? w->narrow_patterns : NULL;
	key->n_patterns = patterns;
	proto_reload(w->proto, &w->conf);
}

static void
rights__all_of_them_by_all_operations__none_leaks_none_over_grants(void **state)
{
	struct world *w = *state;
	const unsigned all = RIGHT_READ | RIGHT_UPDATE | RIGHT_COMMAND | RIGHT_ADMIN;
	unsigned n = 0;

	assert_int_equal(
	    UPDATE(w, "add ms.zones PTR a.mine.example.", "add group.ms.zones TXT sec1",
		"add mp.zones PTR b.mine.example.", "add group.mp.zones TXT pri",
		"add os.zones PTR c.other.example.", "add group.os.zones TXT sec1",
		"add op.zones PTR d.other.example.", "add group.op.zones TXT pri"),
	    RCODE_NOERROR);
	for (unsigned rights = 0; rights <= all; rights++)
		for (int limit = 0; limit < N_LIMITS; limit++) {
			set_key(w, rights, (enum limits)limit);
			for (size_t i = 0; i < sizeof(operations) / sizeof(*operations);
			     i++, n++)
				try_one(w, &operations[i], rights, (enum limits)limit);
		}
	assert_true(n > 2000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		rights__all_of_them_by_all_operations__none_leaks_none_over_grants,
		world_setup, world_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
