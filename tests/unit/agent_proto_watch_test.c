/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/agent_proto_fixture.h"

#include "agent/store/holds.h"
#include "agent/store/inside.h"
#include "agent/store/txn.h"
#include "agent/store/worklog.h"

/*
 * Clients that follow _status.C and _log.C by IXFR, each at its own pace, while
 * everything changes at random. Each applies the differences exactly: what is
 * taken away must be there, what is added must not be. At every moment it has
 * what an AXFR gives.
 */

enum { N_CLIENTS = 4, N_ZONES = 12, N_ROUNDS = 400 };

struct client {
	const char *zone;
	unsigned every; /* asks in one of so many rounds */
	bool has;
	uint32_t serial;
	char **lines;
	size_t n, room;
	unsigned n_full, n_steps, n_same;
};

/* -- a client --------------------------------------------------------------- */

static int
by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void
client_clear(struct client *c)
{
	for (size_t i = 0; i < c->n; i++)
		free(c->lines[i]);
	c->n = 0;
}

static void
client_free(struct client *c)
{
	client_clear(c);
	free(c->lines);
}

static size_t
client_find(const struct client *c, const char *line)
{
	for (size_t i = 0; i < c->n; i++)
		if (strcmp(c->lines[i], line) == 0)
			return i;
	return SIZE_MAX;
}

static void
client_add(struct client *c, const char *line)
{
	if (client_find(c, line) != SIZE_MAX)
		fail_msg("%s: added again: %s", c->zone, line);
	c->lines = mem_grow(c->lines, c->n, &c->room, sizeof(*c->lines));
	c->lines[c->n++] = mem_strdup(line);
}

static void
client_del(struct client *c, const char *line)
{
	size_t i = client_find(c, line);
	if (i == SIZE_MAX)
		fail_msg("%s: not there: %s", c->zone, line);
	free(c->lines[i]);
	c->lines[i] = c->lines[--c->n];
}

static bool
soa_serial(const char *line, uint32_t *serial)
{
	const char *soa = strstr(line, "\tSOA\t");
	unsigned n;
	if (!soa)
		soa = strstr(line, " SOA ");
	if (!soa || sscanf(soa + 5, "%*s %*s %u", &n) != 1)
		return false;
	*serial = n;
	return true;
}

/* RFC 1995 section 4: what w->text holds. */
static void
client_apply(struct client *c, struct world *w)
{
	char *text = mem_strdup(buf_text(&w->text)), *save = NULL;
	char *line = strtok_r(text, "\n", &save);
	uint32_t serial, first;
	bool del = false, steps = false;
	size_t n = 0;

	assert_true(soa_serial(line, &first));
	while ((line = strtok_r(NULL, "\n", &save))) {
		bool soa = soa_serial(line, &serial);
		if (n++ == 0) {
			steps = soa && w->n_rrs > 2;
			if (!steps)
				client_clear(c);
			c->n_steps += steps;
			c->n_full += !steps;
			del = steps;
			if (steps)
				assert_int_equal(serial, c->serial);
			if (soa)
				continue;
		}
		if (soa)
			del = !del && serial != first;
		else if (del)
			client_del(c, line);
		else
			client_add(c, line);
	}
	c->n_same += n == 0;
	c->serial = first;
	c->has = true;
	free(text);
}

static void
client_ask(struct client *c, struct world *w)
{
	if (c->has)
		ixfr(w, c->zone, c->serial);
	else
		axfr(w, c->zone);
	client_apply(c, w);
}

/* Without a change between the two. */
static void
client_compare(struct client *c, struct world *w)
{
	struct client all = {.zone = c->zone};

	do {
		client_ask(c, w);
		client_clear(&all);
		axfr(w, c->zone);
		client_apply(&all, w);
	} while (all.serial != c->serial); /* it was told to grow */
	qsort(c->lines, c->n, sizeof(*c->lines), by_text);
	qsort(all.lines, all.n, sizeof(*all.lines), by_text);
	for (size_t i = 0; i < c->n && i < all.n; i++)
		if (strcmp(c->lines[i], all.lines[i]) != 0)
			fail_msg("%s: has\n%s\nand should have\n%s", c->zone,
			    c->lines[i], all.lines[i]);
	assert_int_equal(c->n, all.n);
	client_free(&all);
}

/* -- changes at random ------------------------------------------------------ */

static unsigned
any(unsigned n)
{
	return (unsigned)random() % n;
}

static struct store_txn *
begin(struct world *w, struct store_txn *txn, enum store_env env)
{
	txn_init(txn, w->store, env);
	txn_begin(txn);
	return txn;
}

static void
commit(struct store_txn *txn)
{
	assert_int_equal(txn_commit(txn), OK);
	txn_fini(txn);
}

static struct dname
any_zone(void)
{
	char name[64];
	unsigned n = any(N_ZONES);
	/* one of them has no name below _status.C */
	snprintf(name, sizeof(name), n == 0 ? "x._tcp." : "z%u.example.", n);
	return dn(name);
}

static void
change_member(struct world *w)
{
	char add[128], group[128], del[128];
	unsigned n = any(N_ZONES), id = any(2);

	if (n == 0)
		snprintf(add, sizeof(add), "add m0-%u.zones PTR x._tcp.", id);
	else
		snprintf(add, sizeof(add), "add m%u-%u.zones PTR z%u.example.", n, id,
		    n);
	snprintf(group, sizeof(group), "add group.m%u-%u.zones TXT g%u", n, id, any(3));
	snprintf(del, sizeof(del), "delset m%u-%u.zones ANY", n, any(2));
	switch (any(4)) {
	case 0: (void)UPDATE(w, add, group); return;
	case 1: (void)UPDATE(w, del); return;
	case 2: (void)UPDATE(w, del, add); return;
	default:
		snprintf(del, sizeof(del), "delset group.m%u-%u.zones ANY", n, id);
		(void)UPDATE(w, del, group);
		return;
	}
}

static void
change_state(struct world *w)
{
	struct store_txn txn;
	begin(w, &txn, STORE_STATUS);
	for (unsigned i = any(4) + 1; i > 0; i--) {
		char id[16];
		struct dname zone = any_zone();
		unsigned n =
		    zone.wire[1] == 'x' ? 0 : (unsigned)atoi((char *)zone.wire + 2);
		struct zone_status z = {.catalog = w->catalogs[0].nr,
		    .backend = w->backends[any(2)].nr,
		    .zone = zone,
		    .state = (enum zone_state)(any(ZONE_REMOVING) + 1),
		    .seq = store_log_seq(w->store) - any(3),
		    .has_serial = any(2),
		    .serial = any(100),
		    .since = any(100)};
		snprintf(id, sizeof(id), "m%u-%u", n, any(2));
		z.id = label_of(id);
		snprintf(z.pattern, sizeof(z.pattern), "g%u", any(3));
		if (any(3) == 0)
			snprintf(z.error, sizeof(z.error), "error %u", any(100));
		if (any(3) == 0)
			status_del(&txn, z.catalog, &z.zone, z.backend);
		else
			status_put(&txn, &z);
	}
	commit(&txn);
}

static void
change_lines(struct world *w)
{
	struct store_txn txn;
	struct backend_status b = {.backend = w->backends[any(2)].nr,
	    .driver = "nsd",
	    .state = "up",
	    .seq = store_log_seq(w->store) - any(2)};
	struct pattern_status p = {.usable = "nsd1:yes"};

	snprintf(b.server, sizeof(b.server), "NSD %u", any(9));
	snprintf(p.name, sizeof(p.name), "g%u", any(3));
	snprintf(p.hash, sizeof(p.hash), "%u", any(99));
	begin(w, &txn, STORE_STATUS);
	status_put_backend(&txn, &b);
	if (any(3) == 0)
		status_del_pattern(&txn, p.name);
	else
		status_put_pattern(&txn, &p);
	commit(&txn);
}

static void
change_hold(struct world *w)
{
	struct store_txn txn;
	struct member m;
	struct dname zone = any_zone();
	struct hold h = {.kind = (enum hold_kind)(any(HOLD_KINDS - 1) + 1),
	    .zone = zone,
	    .step = any(9),
	    .by = "nsd1"};
	struct guard_record g;
	bool whole = h.kind == HOLD_REMOVAL || h.kind == HOLD_RESET;

	member_init(&m);
	m.id = label_of("held");
	m.zone = zone;
	begin(w, &txn, STORE_CATALOG);
	assert_int_equal(guard_record_get(&txn, w->catalogs[0].nr, &g), OK);
	for (size_t i = HOLD_REMOVAL; i < HOLD_KINDS; i++)
		g.n_held[i] = 1000 + any(3);
	guard_record_put(&txn, w->catalogs[0].nr, &g);
	if (any(2) == 0)
		holds_put(&txn, w->catalogs[0].nr, &h, whole ? &m : NULL);
	else
		holds_del(&txn, w->catalogs[0].nr, &zone);
	commit(&txn);
	member_fini(&m);
}

static void
change_conf(struct world *w, struct proto_conf *conf, struct proto_catalog *catalogs)
{
	*conf = w->conf;
	memcpy(catalogs, w->catalogs, sizeof(w->catalogs));
	conf->catalogs = catalogs;
	snprintf(catalogs[0].default_pattern, sizeof(catalogs[0].default_pattern),
	    "d%u", any(3));
	conf->n_backends = any(3);
	proto_reload(w->proto, conf);
}

static void
change(struct world *w, struct proto_conf *conf, struct proto_catalog *catalogs)
{
	switch (any(10)) {
	case 0:
	case 1:
	case 2: change_member(w); return;
	case 3: change_lines(w); return;
	case 4: change_hold(w); return;
	case 5:
		if (any(8) == 0)
			change_conf(w, conf, catalogs);
		return;
	default: change_state(w); return;
	}
}

/* -- tests ------------------------------------------------------------------ */

static void
follow(struct world *w, struct client *clients, unsigned n_rounds)
{
	struct proto_conf conf;
	struct proto_catalog catalogs[2];

	for (unsigned i = 0; i < n_rounds; i++) {
		change(w, &conf, catalogs);
		for (size_t k = 0; k < N_CLIENTS; k++)
			if (any(clients[k].every) == 0)
				client_compare(&clients[k], w);
	}
	proto_reload(w->proto, &w->conf); /* conf is this function's */
}

static void
seed_from_time(void)
{
	const char *env = getenv("SEED");
	unsigned seed = env ? (unsigned)atoi(env) : (unsigned)time(NULL);
	print_message("SEED=%u\n", seed);
	srandom(seed);
}

static void
watch__anything_changes__then_differences_lead_where_an_axfr_does(void **state)
{
	struct world *w = *state;
	struct client clients[N_CLIENTS] = {{.zone = "_status", .every = 1},
	    {.zone = "_status", .every = 5}, {.zone = "_status", .every = 30},
	    {.zone = "_log", .every = 2}};

	seed_from_time();
	follow(w, clients, N_ROUNDS);
	for (size_t k = 0; k < N_CLIENTS; k++) {
		struct client *c = &clients[k];
		print_message("every %u: full %u, steps %u, same %u\n", c->every,
		    c->n_full, c->n_steps, c->n_same);
		if (k == 0) /* reloads cost one each */
			assert_true(c->n_steps > 2 * c->n_full);
		else if (k == 3)
			assert_true(c->n_full == 1);
		client_free(c);
	}
}

static void
watch__past_is_short__then_all_of_it_where_it_does_not_reach(void **state)
{
	struct world *w = *state;
	struct client clients[N_CLIENTS] = {{.zone = "_status", .every = 1},
	    {.zone = "_status", .every = 5}, {.zone = "_status", .every = 40},
	    {.zone = "_log", .every = 2}};

	world_close_proto(w);
	store_close(w->store);
	w->past_bytes = 6000;
	world_open_store(w);
	world_open_proto(w);
	seed_from_time();
	follow(w, clients, N_ROUNDS);
	assert_true(clients[0].n_steps > clients[0].n_full);
	assert_true(clients[2].n_full > 1);
	for (size_t k = 0; k < N_CLIENTS; k++)
		client_free(&clients[k]);
}

/* The state of each of so many zones changes, in one commit. */
static void
change_all(struct world *w, unsigned n, uint32_t serial)
{
	struct store_txn txn;
	char name[64];
	begin(w, &txn, STORE_STATUS);
	for (unsigned i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "z%u.example.", i);
		struct zone_status z = {.catalog = w->catalogs[0].nr,
		    .backend = w->backends[0].nr,
		    .zone = dn(name),
		    .id = label_of("x"),
		    .state = ZONE_SERVING,
		    .has_serial = true,
		    .serial = serial};
		status_put(&txn, &z);
	}
	commit(&txn);
}

static void
watch__everything_changed__then_all_of_it_is_smaller(void **state)
{
	struct world *w = *state;
	struct client c = {.zone = "_status"};

	change_all(w, 1000, 1);
	client_compare(&c, w);
	client_compare(&c, w); /* now it is known to follow */
	change_all(w, 20, 2);
	client_compare(&c, w);
	assert_int_equal(c.n_full, 1);
	assert_int_equal(c.n_steps, 1);
	change_all(w, 1000, 3);
	client_compare(&c, w);
	assert_int_equal(c.n_full, 2);
	client_free(&c);
}

/* Its agent was stopped, and another one may tell in other words. */
static void
watch__agent_starts_again__then_serial_grows_and_all_of_it_is_given(void **state)
{
	struct world *w = *state;
	struct client c = {.zone = "_status"}, log = {.zone = "_log"};

	assert_int_equal(UPDATE(w, "add a1.zones PTR shop.example."), 0);
	client_compare(&c, w);
	client_compare(&log, w);
	uint32_t serial = c.serial;
	world_close_proto(w);
	store_close(w->store);
	snprintf(w->conf.version, sizeof(w->conf.version), "0.2");
	world_open_store(w);
	world_open_proto(w);
	assert_int_equal(UPDATE(w, "add b1.zones PTR b.example."), 0);
	client_compare(&c, w);
	assert_true(serial_gt(c.serial, serial));
	assert_int_equal(c.n_full, 2);
	client_compare(&log, w);
	assert_int_equal(log.n_full, 1);
	client_free(&c);
	client_free(&log);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(watch__anything_changes__then_differences_lead_where_an_axfr_does),
	    TEST(watch__past_is_short__then_all_of_it_where_it_does_not_reach),
	    TEST(watch__everything_changed__then_all_of_it_is_smaller),
	    TEST(watch__agent_starts_again__then_serial_grows_and_all_of_it_is_given),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
