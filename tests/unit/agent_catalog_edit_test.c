/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/agent_catalog_fixture.h"

#include "agent/store/members.h"
#include "agent/store/worklog.h"

/* Edits against a real store, each in a job of its writer. */

struct edit_job {
	struct store_job job;
	struct world *w;
	enum err (*fn)(struct catalog_edit *edit, void *arg);
	void *arg;
};

static enum err
run_edit(struct store_txn *txn, struct store_job *job)
{
	struct edit_job *j = (struct edit_job *)job;
	struct catalog_head head;
	enum err err = catalogs_find(txn, &j->w->apex, &head);
	if (err != OK)
		return err;
	struct catalog_edit *edit = catalog_edit_new(txn, &head, &j->w->apex, 1, 0);
	err = j->fn(edit, j->arg);
	catalog_edit_free(edit);
	return err;
}

static enum err
edit(struct world *w, enum err (*fn)(struct catalog_edit *edit, void *arg), void *arg)
{
	struct edit_job j = {.job = {.run = run_edit}, .w = w, .fn = fn, .arg = arg};
	return store_call(w->f.store, STORE_CATALOG, &j.job);
}

/* -- records ---------------------------------------------------------------- */

struct change {
	char owner[80];
	uint16_t type, class;
	char value[80]; /* a name, or one string of a TXT */
};

static void
fill_rr(const struct change *c, struct buf *rdata, struct rr *rr)
{
	*rr = (struct rr){.owner = dn(c->owner), .type = c->type, .class = c->class};
	buf_reset(rdata);
	if (c->value[0] && c->type == RR_TXT)
		txt_put(rdata, c->value);
	else if (c->value[0]) {
		struct dname name = dn(c->value);
		buf_put(rdata, name.wire, name.size);
	}
	rr->rdata_size = (uint16_t)rdata->size;
	rr->rdata = rdata->size ? rdata->data : (const uint8_t *)"";
}

struct changes {
	const struct change *items;
	size_t n;
	struct catalog_refusal why;
	uint32_t serial;
	bool changed;
};

static enum err
apply_all(struct catalog_edit *edit, void *arg)
{
	struct changes *c = arg;
	struct buf rdata;
	struct rr rr;
	enum err err = OK;

	buf_init(&rdata, 0);
	for (size_t i = 0; i < c->n && err == OK; i++) {
		fill_rr(&c->items[i], &rdata, &rr);
		err = catalog_edit_apply(edit, &rr, (unsigned)i + 1, &c->why);
	}
	buf_fini(&rdata);
	return err;
}

static enum err
apply_and_commit(struct catalog_edit *edit, void *arg)
{
	struct changes *c = arg;
	struct catalog_origin origin = {.by = "key", .source = "test", .now = 1000};
	enum err err = apply_all(edit, c);
	if (err == OK)
		err = catalog_edit_check(edit, &c->why);
	if (err == OK)
		err = catalog_edit_commit(edit, &origin, &c->serial, &c->changed);
	return err;
}

static enum err
change(struct world *w, struct change c)
{
	struct changes all = {.items = &c, .n = 1};
	return edit(w, apply_and_commit, &all);
}

/* -- rights ----------------------------------------------------------------- */

struct shown {
	char text[512];
};

static enum err
show(void *arg, const struct label *id, const struct member *before,
    const struct member *after, unsigned n)
{
	struct shown *s = arg;
	char b[DNAME_TEXT_MAX] = "-", a[DNAME_TEXT_MAX] = "-";
	size_t at = strlen(s->text);
	if (before)
		dname_print_short(&before->zone, b);
	if (after)
		dname_print_short(&after->zone, a);
	snprintf(s->text + at, sizeof(s->text) - at, "%.*s %s %s %zu %u;", id->size,
	    (const char *)id->data, b, a, after ? after->n_rrs : 0, n);
	return OK;
}

static enum err
show_nodes(struct catalog_edit *edit, void *arg)
{
	static const struct change changes[] = {{"a.zones.c.example.", RR_PTR,
						    CLASS_ANY, ""},
	    {"b.zones.c.example.", RR_PTR, CLASS_IN, "b.example."},
	    {"group.b.zones.c.example.", RR_TXT, CLASS_IN, "g"},
	    {"b.zones.c.example.", RR_PTR, CLASS_IN, "b2.example."},
	    {"x.ext.c.example.", RR_TXT, CLASS_IN, "t"}};
	struct changes c = {.items = changes, .n = 5};
	struct dname owner = dn("group.d.zones.c.example.");
	assert_int_equal(catalog_edit_touch(edit, &owner), OK);
	assert_int_equal(apply_all(edit, &c), OK);
	assert_int_equal(catalog_edit_n_global(edit), 1);
	return catalog_edit_each_node(edit, show, arg);
}

static void
each_node__touched_nodes__then_as_they_were_and_will_be(void **state)
{
	struct world *w = *state;
	struct shown s = {.text = ""};
	assert_int_equal(change(w, (struct change){"a.zones.c.example.", RR_PTR,
				       CLASS_IN, "a.example."}),
	    OK);
	assert_int_equal(edit(w, show_nodes, &s), OK);
	assert_string_equal(s.text, "d - - 0 0;a a.example - 0 1;b - b.example 1 2;"
				    "b - b2.example 1 2;");
}

/* -- as it is so far ------------------------------------------------------------ */

static enum err
count(void *arg, const struct rr *rr)
{
	(void)rr;
	++*(unsigned *)arg;
	return OK;
}

static enum err
look_so_far(struct catalog_edit *edit, void *arg)
{
	static const struct change gone = {"a.zones.c.example.", RR_ANY, CLASS_ANY, ""};
	struct changes c = {.items = &gone, .n = 1};
	struct dname node = dn("a.zones.c.example."), zones = dn("zones.c.example.");
	struct dname apex = dn("c.example.");
	bool used = false;
	unsigned n = 0;

	(void)arg;
	assert_int_equal(catalog_edit_name_in_use(edit, &node, &used), OK);
	assert_true(used);
	assert_int_equal(catalog_edit_each(edit, &node, RR_PTR, count, &n), OK);
	assert_int_equal(n, 1);
	assert_int_equal(apply_all(edit, &c), OK);
	assert_int_equal(catalog_edit_name_in_use(edit, &node, &used), OK);
	assert_false(used);
	assert_int_equal(catalog_edit_name_in_use(edit, &zones, &used), OK);
	assert_false(used);
	assert_int_equal(catalog_edit_each(edit, &node, RR_PTR, count, &n), OK);
	assert_int_equal(n, 1);
	assert_int_equal(catalog_edit_each(edit, &apex, RR_ANY, count, &n), OK);
	assert_int_equal(n, 3);
	return OK;
}

static void
so_far__records_were_applied__then_they_show(void **state)
{
	struct world *w = *state;
	assert_int_equal(change(w, (struct change){"a.zones.c.example.", RR_PTR,
				       CLASS_IN, "a.example."}),
	    OK);
	assert_int_equal(edit(w, look_so_far, NULL), OK);
}

static void
create__it_is_there__then_exists(void **state)
{
	struct world *w = *state;
	struct catalog_head head;
	assert_int_equal(create(w), ERR_EXISTS);
	struct store_txn *txn = store_read(w->f.store, STORE_CATALOG);
	assert_int_equal(catalogs_find(txn, &w->apex, &head), OK);
	assert_int_equal(head.soa.serial, 1);
	store_end(&txn);
}

/* -- any edits at all ------------------------------------------------------- */

/* The catalog as sorted lines, from what the work log says it should be. */
struct lines {
	char (*items)[300];
	size_t n, room;
};

static void
print_line(const struct dname *owner, uint16_t type, const uint8_t *rdata, size_t size,
    char out[300])
{
	char text[DNAME_TEXT_MAX];
	size_t at =
	    (size_t)snprintf(out, 300, "%s %u ", dname_print(owner, text), type);
	for (size_t i = 0; i < size && at + 3 < 300; i++)
		at += (size_t)snprintf(out + at, 300 - at, "%02x", rdata[i]);
}

static void
lines_add(struct lines *l, const char line[300])
{
	l->items = mem_grow(l->items, l->n, &l->room, sizeof(*l->items));
	memcpy(l->items[l->n++], line, 300);
}

static void
lines_del(struct lines *l, const char line[300])
{
	for (size_t i = 0; i < l->n; i++) {
		if (strcmp(l->items[i], line) != 0)
			continue;
		memmove(l->items[i], l->items[--l->n], 300);
		return;
	}
	fail_msg("the log takes away what was not there: %s", line);
}

static int
by_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

struct replay_log {
	struct world *w;
	struct lines *lines;
	uint64_t seq;
	uint32_t serial;
};

static enum err
replay_entry(void *arg, const struct work *work)
{
	struct replay_log *r = arg;
	struct work_rr rr;
	struct dname owner;
	char line[300];
	size_t pos = 0;

	assert_int_equal(work->serial_from, r->serial);
	r->serial = work->serial_to;
	r->seq = work->seq;
	while (work_rr_next(work->del, work->del_size, &pos, &rr)) {
		assert_int_equal(dname_join(rr.prefix, rr.prefix_size, &r->w->apex,
				     &owner),
		    OK);
		print_line(&owner, rr.type, rr.rdata, rr.rdata_size, line);
		lines_del(r->lines, line);
	}
	pos = 0;
	while (work_rr_next(work->add, work->add_size, &pos, &rr)) {
		assert_int_equal(dname_join(rr.prefix, rr.prefix_size, &r->w->apex,
				     &owner),
		    OK);
		print_line(&owner, rr.type, rr.rdata, rr.rdata_size, line);
		lines_add(r->lines, line);
	}
	return OK;
}

struct reading {
	struct world *w;
	struct store_txn *txn;
	const struct catalog_head *head;
	struct lines lines;
	size_t n_members;
};

static enum err
read_rr(void *arg, const struct rr *rr)
{
	struct reading *r = arg;
	char line[300];
	print_line(&rr->owner, rr->type, rr->rdata, rr->rdata_size, line);
	if (rr->type != RR_SOA)
		lines_add(&r->lines, line);
	return OK;
}

static enum err
read_member(void *arg, const struct member *m)
{
	struct reading *r = arg;
	struct label id;
	struct dname owner, zones;
	struct label label = label_of("zones");
	bool exists = false;

	r->n_members++;
	assert_int_equal(members_find_zone(r->txn, r->head->nr, &m->zone, &id), OK);
	assert_true(label_equal(&id, &m->id));
	assert_int_equal(dname_prepend(&label, &r->w->apex, &zones), OK);
	assert_int_equal(dname_prepend(&m->id, &zones, &owner), OK);
	assert_int_equal(catalog_each_at(r->txn, r->head, &owner, RR_ANY, read_rr, r,
			     &exists),
	    OK);
	assert_true(exists);
	for (size_t i = 0; i < m->n_rrs; i++) {
		char line[300];
		struct dname full;
		assert_int_equal(dname_join(m->rrs[i].prefix, m->rrs[i].prefix_size,
				     &owner, &full),
		    OK);
		print_line(&full, m->rrs[i].type, m->rrs[i].rdata, m->rrs[i].rdata_size,
		    line);
		lines_add(&r->lines, line);
	}
	return OK;
}

static enum err
count_zone(void *arg, const struct member *m)
{
	(void)m;
	++*(size_t *)arg;
	return OK;
}

static enum err
read_global(void *arg, const uint8_t *prefix, size_t prefix_size, const uint8_t *data,
    size_t size)
{
	struct reading *r = arg;
	struct dname owner;
	bool exists;
	(void)data;
	(void)size;
	assert_int_equal(dname_join(prefix, prefix_size, &r->w->apex, &owner), OK);
	return catalog_each_at(r->txn, r->head, &owner, RR_ANY, read_rr, r, &exists);
}

/* What the store holds is what the log adds up to, and it is a catalog. */
static void
compare(struct world *w, struct lines *expected, struct replay_log *replay)
{
	struct catalog_head head;
	size_t n_zones = 0;
	struct reading r = {.w = w, .head = &head};

	r.txn = store_read(w->f.store, STORE_CATALOG);
	assert_int_equal(catalogs_find(r.txn, &w->apex, &head), OK);
	assert_int_equal(worklog_each(r.txn, replay->seq, SIZE_MAX, replay_entry,
			     replay),
	    OK);
	assert_int_equal(head.soa.serial, replay->serial);
	assert_int_equal(members_each(r.txn, head.nr, NULL, SIZE_MAX, read_member, &r),
	    OK);
	assert_int_equal(members_each_by_zone(r.txn, head.nr, NULL, SIZE_MAX,
			     count_zone, &n_zones),
	    OK);
	assert_int_equal(r.n_members, head.n_members);
	assert_int_equal(n_zones, head.n_members);
	assert_int_equal(globals_each(r.txn, head.nr, NULL, SIZE_MAX, SIZE_MAX,
			     read_global, &r),
	    OK);
	store_end(&r.txn);
	assert_int_equal(r.lines.n, expected->n);
	qsort(r.lines.items, r.lines.n, sizeof(*r.lines.items), by_text);
	qsort(expected->items, expected->n, sizeof(*expected->items), by_text);
	for (size_t i = 0; i < r.lines.n; i++)
		assert_string_equal(r.lines.items[i], expected->items[i]);
	free(r.lines.items);
}

static struct change
random_change(void)
{
	struct change c = {.class = CLASS_IN};
	unsigned id = (unsigned)rand() % 5, zone = (unsigned)rand() % 5;
	unsigned kind = (unsigned)rand() % 10, how = (unsigned)rand() % 10;

	if (kind < 5) {
		snprintf(c.owner, sizeof(c.owner), "m%u.zones.c.example.", id);
		snprintf(c.value, sizeof(c.value), "z%u.example.", zone);
		c.type = RR_PTR;
	} else if (kind < 7) {
		snprintf(c.owner, sizeof(c.owner), "group.m%u.zones.c.example.", id);
		snprintf(c.value, sizeof(c.value), "g%u", zone);
		c.type = RR_TXT;
	} else if (kind < 8) {
		snprintf(c.owner, sizeof(c.owner), "p%u.ext.m%u.zones.c.example.", zone,
		    id);
		snprintf(c.value, sizeof(c.value), "e%u", zone);
		c.type = RR_TXT;
	} else if (kind < 9) {
		snprintf(c.owner, sizeof(c.owner), "k%u.ext.c.example.", id);
		snprintf(c.value, sizeof(c.value), "v%u", zone);
		c.type = RR_TXT;
	} else {
		snprintf(c.owner, sizeof(c.owner), "c.example.");
		snprintf(c.value, sizeof(c.value), "ns%u.example.", zone);
		c.type = RR_NS;
	}
	if (how < 3)
		c.class = CLASS_NONE;
	else if (how < 5) {
		c.class = CLASS_ANY;
		c.value[0] = '\0';
		if (how == 4)
			c.type = RR_ANY;
	}
	return c;
}

static void
edits__at_random__then_the_store_is_a_catalog_and_the_log_tells_how(void **state)
{
	struct world *w = *state;
	struct lines expected = {.n = 0};
	struct replay_log replay = {.w = w, .lines = &expected, .serial = 1};
	struct change items[8];
	unsigned n_good = 0, n_bad = 0;
	char line[300];
	struct dname version = dn("version.c.example."), ns = dn("invalid.");

	print_line(&version, RR_TXT, (const uint8_t *)"\0012", 2, line);
	lines_add(&expected, line);
	print_line(&w->apex, RR_NS, ns.wire, ns.size, line);
	lines_add(&expected, line);
	srand(20260101);
	for (unsigned round = 0; round < 3000; round++) {
		struct changes c = {.items = items, .n = 1 + (size_t)rand() % 8};
		for (size_t i = 0; i < c.n; i++)
			items[i] = random_change();
		enum err err = edit(w, apply_and_commit, &c);
		if (err != OK)
			assert_int_equal(err, ERR_DENIED);
		*(err == OK ? &n_good : &n_bad) += 1;
		if (round % 20 == 0)
			compare(w, &expected, &replay);
	}
	compare(w, &expected, &replay);
	assert_true(n_good > 500);
	assert_true(n_bad > 500);
	free(expected.items);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
	    T(create__it_is_there__then_exists),
	    T(each_node__touched_nodes__then_as_they_were_and_will_be),
	    T(so_far__records_were_applied__then_they_show),
	    T(edits__at_random__then_the_store_is_a_catalog_and_the_log_tells_how),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
