/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/agent_store_fixture.h"

#include "agent/store/members.h"
#include "lib/buf.h"

static void
put(struct store_txn *txn, uint8_t catalog, const char *id, const char *zone)
{
	struct member m;

	member_init(&m);
	m.id = label_of(id);
	m.zone = dn(zone);
	m.ttl = 7;
	m.seq = 9;
	m.changed = 1000000;
	snprintf(m.by, sizeof(m.by), "key.%s", id);
	members_put(txn, catalog, &m);
	member_fini(&m);
}

static void
del(struct store_txn *txn, uint8_t catalog, const char *id, const char *zone)
{
	struct member m;

	member_init(&m);
	m.id = label_of(id);
	m.zone = dn(zone);
	members_del(txn, catalog, &m);
	member_fini(&m);
}

/* Visitors that write ids, or zones, in a row. */
static enum err
list_ids(void *arg, const struct member *m)
{
	char *text = arg;

	snprintf(text + strlen(text), 200 - strlen(text), "%.*s ", (int)m->id.size,
	    (const char *)m->id.data);
	return OK;
}

static enum err
list_zones(void *arg, const struct member *m)
{
	char text[DNAME_TEXT_MAX];
	char *list = arg;

	snprintf(list + strlen(list), 200 - strlen(list), "%s ",
	    dname_print(&m->zone, text));
	return OK;
}

static void
members_get__after_put__gives_all_of_it(void **state)
{
	struct fixture *f = *state;
	struct member m, got;
	static const uint8_t prefix[] = "\5group", rdata[] = "\3sec";

	member_init(&m);
	member_init(&got);
	m.id = label_of("a1");
	m.zone = dn("shop.example.");
	m.ttl = 3600;
	m.seq = (uint64_t)1 << 40;
	m.changed = 1700000000;
	snprintf(m.by, sizeof(m.by), "ctl.example");
	const struct member_rr rr = {.prefix = prefix,
	    .prefix_size = 6,
	    .type = 16,
	    .ttl = 5,
	    .rdata = rdata,
	    .rdata_size = 4};
	member_add_rr(&m, &rr);
	members_put(begin(f, STORE_CATALOG), 1, &m);
	commit(f);

	struct store_txn *txn = store_read(f->store, STORE_CATALOG);
	assert_int_equal(members_get(txn, 1, &m.id, &got), OK);
	assert_true(label_equal(&got.id, &m.id));
	assert_true(dname_equal(&got.zone, &m.zone));
	assert_int_equal(got.ttl, 3600);
	assert_true(got.seq == m.seq && got.changed == m.changed);
	assert_string_equal(got.by, "ctl.example");
	assert_int_equal(got.n_rrs, 1);
	assert_memory_equal(got.rrs[0].prefix, prefix, 6);
	assert_memory_equal(got.rrs[0].rdata, rdata, 4);
	assert_int_equal(members_get(txn, 2, &m.id, &got), ERR_NOTFOUND);
	assert_int_equal(store_err(txn), OK);
	store_end(&txn);
	member_fini(&m);
	member_fini(&got);
}

static void
members_put__zone_changed__index_follows(void **state)
{
	struct fixture *f = *state;
	struct label id;
	struct dname old = dn("old.example."), new = dn("new.example.");

	struct store_txn *txn = begin(f, STORE_CATALOG);
	put(txn, 1, "a", "old.example.");
	put(txn, 1, "a", "new.example.");
	assert_int_equal(members_find_zone(txn, 1, &old, &id), ERR_NOTFOUND);
	assert_int_equal(members_find_zone(txn, 1, &new, &id), OK);
	assert_true(label_is(&id, "a"));
	commit(f);
}

static void
members_put__two_swap_zones__index_has_both(void **state)
{
	struct fixture *f = *state;
	struct label id;
	struct dname x = dn("x.example."), y = dn("y.example.");

	struct store_txn *txn = begin(f, STORE_CATALOG);
	put(txn, 1, "a", "x.example.");
	put(txn, 1, "b", "y.example.");
	put(txn, 1, "a", "y.example.");
	put(txn, 1, "b", "x.example.");
	assert_int_equal(members_find_zone(txn, 1, &x, &id), OK);
	assert_true(label_is(&id, "b"));
	assert_int_equal(members_find_zone(txn, 1, &y, &id), OK);
	assert_true(label_is(&id, "a"));
	/* another id takes the zone over before the old one goes */
	put(txn, 1, "c", "x.example.");
	del(txn, 1, "b", "x.example.");
	assert_int_equal(members_find_zone(txn, 1, &x, &id), OK);
	assert_true(label_is(&id, "c"));
	del(txn, 1, "c", "x.example.");
	assert_int_equal(members_find_zone(txn, 1, &x, &id), ERR_NOTFOUND);
	del(txn, 1, "c", "x.example."); /* gone already: nothing happens */
	commit(f);
}

static void
members_each__pages__canonical_order_within_catalog(void **state)
{
	struct fixture *f = *state;
	char text[200] = "";
	struct label after = label_of("b");

	struct store_txn *txn = begin(f, STORE_CATALOG);
	put(txn, 2, "c", "other.example.");
	put(txn, 1, "b", "b.example.");
	put(txn, 1, "aa", "example.");
	put(txn, 1, "a", "a.b.example.");
	put(txn, 1, "d", "a-b.example.");
	commit(f);

	txn = store_read(f->store, STORE_CATALOG);
	assert_int_equal(members_each(txn, 1, NULL, 100, list_ids, text), OK);
	assert_string_equal(text, "a aa b d ");
	text[0] = '\0';
	assert_int_equal(members_each(txn, 1, NULL, 2, list_ids, text), OK);
	assert_string_equal(text, "a aa ");
	text[0] = '\0';
	assert_int_equal(members_each(txn, 1, &after, 100, list_ids, text), OK);
	assert_string_equal(text, "d ");
	text[0] = '\0';
	assert_int_equal(members_each_by_zone(txn, 1, NULL, 100, list_zones, text), OK);
	assert_string_equal(text, "example. a-b.example. b.example. a.b.example. ");
	text[0] = '\0';
	struct dname zone = dn("aaa.example."); /* need not exist */
	assert_int_equal(members_each_by_zone(txn, 1, &zone, 2, list_zones, text), OK);
	assert_string_equal(text, "b.example. a.b.example. ");
	zone = dn("b.example.");
	assert_int_equal(members_next_zone(txn, 1, &zone, &zone), OK);
	struct dname child = dn("a.b.example.");
	assert_true(dname_equal(&zone, &child));
	assert_int_equal(members_next_zone(txn, 1, &zone, &zone), ERR_NOTFOUND);
	assert_int_equal(members_next_zone(txn, 3, NULL, &zone), ERR_NOTFOUND);
	store_end(&txn);
}

static enum err
stop(void *arg, const struct member *m)
{
	(void)arg;
	(void)m;
	return ERR_BUSY;
}

static void
members_each__visit_fails__its_error_ends_the_walk(void **state)
{
	struct fixture *f = *state;

	struct store_txn *txn = begin(f, STORE_CATALOG);
	put(txn, 1, "a", "a.example.");
	assert_int_equal(members_each(txn, 1, NULL, 9, stop, NULL), ERR_BUSY);
	assert_int_equal(store_err(txn), OK);
	commit(f);
}

struct emptying {
	struct store_txn *txn;
	unsigned n;
};

static enum err
del_it(void *arg, const struct member *m)
{
	struct emptying *e = arg;
	struct member copy = *m;

	members_del(e->txn, 1, &copy);
	e->n++;
	return OK;
}

static void
members_each__visit_deletes__sees_each_once(void **state)
{
	struct fixture *f = *state;
	char id[32], zone[64];
	struct emptying e = {.n = 0};

	e.txn = begin(f, STORE_CATALOG);
	for (unsigned i = 0; i < 2000; i++) {
		snprintf(id, sizeof(id), "m%u", i);
		snprintf(zone, sizeof(zone), "z%u.example.", i * 7919 % 2000);
		put(e.txn, 1, id, zone);
	}
	assert_int_equal(members_each(e.txn, 1, NULL, SIZE_MAX, del_it, &e), OK);
	assert_int_equal(e.n, 2000);
	struct dname any;
	assert_int_equal(members_next_zone(e.txn, 1, NULL, &any), ERR_NOTFOUND);
	commit(f);
}

static void
members_put__longest_names__fit_a_key(void **state)
{
	struct fixture *f = *state;
	struct member m;
	struct label id;

	member_init(&m);
	m.id.size = 63;
	memset(m.id.data, 0xff, 63);
	m.zone = longest_name(1);
	members_put(begin(f, STORE_CATALOG), 255, &m);
	assert_int_equal(members_find_zone(&f->w, 255, &m.zone, &id), OK);
	assert_true(label_equal(&id, &m.id));
	m.zone = dname_root;
	members_put(&f->w, 255, &m);
	assert_int_equal(members_find_zone(&f->w, 255, &m.zone, &id), OK);
	commit(f);
	member_fini(&m);
}

/* -- against a model ---------------------------------------------------------- */

enum { IDS = 400, ZONES = 500 };

struct model {
	int zone_of[IDS]; /* -1: no such member */
	int id_of[ZONES];
	int next, n_seen;
};

static enum err
check_next(void *arg, const struct member *m)
{
	char id[32], zone[64];
	struct model *model = arg;

	while (model->next < IDS && model->zone_of[model->next] < 0)
		model->next++;
	assert_true(model->next < IDS);
	snprintf(id, sizeof(id), "id%05d", model->next);
	snprintf(zone, sizeof(zone), "zone%05d.example.", model->zone_of[model->next]);
	assert_true(label_is(&m->id, id));
	struct dname expected = dn(zone);
	assert_true(dname_equal(&m->zone, &expected));
	model->next++;
	model->n_seen++;
	return OK;
}

static void
check_model(struct store_txn *txn, struct model *model)
{
	int n = 0, n_zones = 0;
	struct label id;

	model->next = model->n_seen = 0;
	assert_int_equal(members_each(txn, 1, NULL, SIZE_MAX, check_next, model), OK);
	for (int i = 0; i < IDS; i++)
		n += model->zone_of[i] >= 0;
	assert_int_equal(model->n_seen, n);
	for (int i = 0; i < ZONES; i++) {
		char text[64];
		snprintf(text, sizeof(text), "zone%05d.example.", i);
		struct dname zone = dn(text);
		enum err err = members_find_zone(txn, 1, &zone, &id);
		assert_int_equal(err, model->id_of[i] < 0 ? ERR_NOTFOUND : OK);
		if (err != OK)
			continue;
		snprintf(text, sizeof(text), "id%05d", model->id_of[i]);
		assert_true(label_is(&id, text));
		n_zones++;
	}
	assert_int_equal(n_zones, n);
}

static void
random_change(struct store_txn *txn, struct model *model)
{
	char id[32], zone[64];
	int i = rand() % IDS, z = rand() % ZONES;

	snprintf(id, sizeof(id), "id%05d", i);
	if (rand() % 3 == 0) {
		if (model->zone_of[i] < 0)
			return;
		snprintf(zone, sizeof(zone), "zone%05d.example.", model->zone_of[i]);
		del(txn, 1, id, zone);
		model->id_of[model->zone_of[i]] = -1;
		model->zone_of[i] = -1;
	} else if (model->id_of[z] < 0 || model->id_of[z] == i) {
		snprintf(zone, sizeof(zone), "zone%05d.example.", z);
		put(txn, 1, id, zone);
		if (model->zone_of[i] >= 0)
			model->id_of[model->zone_of[i]] = -1;
		model->zone_of[i] = z;
		model->id_of[z] = i;
	}
}

static void
members__random_changes__equal_a_model(void **state)
{
	struct fixture *f = *state;
	struct model model;

	memset(&model, 0xff, sizeof(model));
	srand(1);
	for (int round = 0; round < 60; round++) {
		struct model before = model;
		struct store_txn *txn = begin(f, STORE_CATALOG);
		for (int i = 0; i < 300; i++)
			random_change(txn, &model);
		check_model(txn, &model);
		if (round % 5 == 4) {
			txn_abort(txn);
			txn_fini(txn);
			model = before;
		} else
			commit(f);
		struct store_txn *reader = store_read(f->store, STORE_CATALOG);
		check_model(reader, &model);
		store_end(&reader);
	}
}

/* -- globals -------------------------------------------------------------------- */

static enum err
list_owners(void *arg, const uint8_t *prefix, size_t prefix_size, const uint8_t *data,
    size_t size)
{
	char *text = arg;
	struct global_rr rr;
	size_t pos = 0, n = 0;

	while (globals_next(data, size, &pos, &rr))
		n++;
	snprintf(text + strlen(text), 200 - strlen(text), "%zu:%.*s=%zu ", prefix_size,
	    prefix_size > 0 ? prefix[0] : 0, (const char *)prefix + 1, n);
	return OK;
}

static void
globals__put_and_each__canonical_order(void **state)
{
	struct fixture *f = *state;
	struct buf buf;
	char text[200] = "";
	const uint8_t *data;
	size_t size, pos = 0;
	struct global_rr rr = {.type = 2,
	    .ttl = 60,
	    .rdata = (const uint8_t *)"\0",
	    .rdata_size = 1};

	buf_init(&buf, 0);
	globals_pack(&buf, &rr);
	rr.type = 16;
	rr.rdata_size = 0;
	globals_pack(&buf, &rr);
	struct store_txn *txn = begin(f, STORE_CATALOG);
	globals_put(txn, 1, (const uint8_t *)"\3ext", 4, buf.data, buf.size);
	globals_put(txn, 1, (const uint8_t *)"\1x\3ext", 6, buf.data, buf.size);
	globals_put(txn, 1, (const uint8_t *)"", 0, buf.data, buf.size);
	globals_put(txn, 1, (const uint8_t *)"\7version", 8, buf.data, buf.size);
	globals_put(txn, 2, (const uint8_t *)"\1z", 2, buf.data, buf.size);
	commit(f);

	txn = store_read(f->store, STORE_CATALOG);
	assert_int_equal(globals_each(txn, 1, NULL, SIZE_MAX, 9, list_owners, text),
	    OK);
	assert_string_equal(text, "0:=2 4:ext=2 6:x=2 8:version=2 ");
	text[0] = '\0';
	assert_int_equal(globals_each(txn, 1, NULL, 0, 2, list_owners, text), OK);
	assert_string_equal(text, "4:ext=2 6:x=2 ");
	assert_int_equal(globals_get(txn, 1, NULL, 0, &data, &size), OK);
	assert_true(globals_next(data, size, &pos, &rr));
	assert_int_equal(rr.type, 2);
	assert_int_equal(rr.ttl, 60);
	assert_int_equal(rr.rdata_size, 1);
	assert_true(globals_next(data, size, &pos, &rr));
	assert_int_equal(rr.rdata_size, 0);
	assert_false(globals_next(data, size, &pos, &rr));
	pos = 0;
	assert_false(globals_next(data, 8, &pos, &rr)); /* cut: damage */
	store_end(&txn);

	txn = begin(f, STORE_CATALOG);
	globals_put(txn, 1, NULL, 0, NULL, 0);
	assert_int_equal(globals_get(txn, 1, NULL, 0, &data, &size), ERR_NOTFOUND);
	assert_int_equal(globals_get(txn, 1, (const uint8_t *)"\5ab", 3, &data, &size),
	    ERR_FORM);
	commit(f);
	buf_fini(&buf);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(members_get__after_put__gives_all_of_it),
	    TEST(members_put__zone_changed__index_follows),
	    TEST(members_put__two_swap_zones__index_has_both),
	    TEST(members_each__pages__canonical_order_within_catalog),
	    TEST(members_each__visit_fails__its_error_ends_the_walk),
	    TEST(members_each__visit_deletes__sees_each_once),
	    TEST(members_put__longest_names__fit_a_key),
	    TEST(members__random_changes__equal_a_model),
	    TEST(globals__put_and_each__canonical_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
