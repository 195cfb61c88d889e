/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/agent_catalog_fixture.h"

#include "agent/catalog/version.h"
#include "agent/store/members.h"
#include "lib/limit.h"

/* Versions as a primary sends them, taken one after the other by a real store. */

struct version;

struct take_job {
	struct store_job job;
	struct world *w;
	struct catalog_version *v; /* NULL: by the differences between these two */
	const struct version *from, *to;
	uint32_t serial;
	struct limit limit;
	struct catalog_taken taken;
};

static enum err take_differences(struct store_txn *txn, struct take_job *j,
    const struct catalog_head *head, const struct catalog_origin *origin);

static enum err
run_take(struct store_txn *txn, struct store_job *job)
{
	struct take_job *j = (struct take_job *)job;
	const struct catalog_origin origin = {.by = "k",
	    .source = "test",
	    .now = 1000,
	    .limit = &j->limit};
	struct catalog_head head;
	enum err err = catalogs_find(txn, &j->w->apex, &head);
	if (err != OK)
		return err;
	if (!j->v)
		return take_differences(txn, j, &head, &origin);
	return catalog_version_take(txn, j->v, &head, &j->w->apex, 1, &origin,
	    &j->taken);
}

/* -- versions --------------------------------------------------------------- */

enum { N = 24 };

/* For each id the zone it has, or -1, and which of the groups. */
struct version {
	int zone[N];
	unsigned groups[N];
};

/* In every order relative to each other, and with octets that sort oddly. */
static void
id_of(int i, struct label *id)
{
	static const char *const odd[] = {"a", "a!", "a0", "aa", "\\000", "\\000\\000",
	    "\\255", "b\\000", "b", "b\\001", "zz", "z"};
	struct dname name = dn("x.");
	char text[16];

	if (i < 12) {
		name = dn(odd[i]);
	} else {
		snprintf(text, sizeof(text), "m%d.", i * 7919 % 100);
		name = dn(text);
	}
	id->size = name.wire[0];
	memcpy(id->data, name.wire + 1, id->size);
}

static struct dname
zone_of(int i)
{
	char text[280];

	if (i % 5 == 0) /* too long for a key of the map */
		snprintf(text, sizeof(text), "z%d.%063d.%063d.%063d.", i, 0, 0, 0);
	else
		snprintf(text, sizeof(text), "z%d.example.", i * 31 % 97);
	return dn(text);
}

static void
owner_of(const char *below, const struct label *id, struct dname *owner)
{
	uint8_t labels[DNAME_WIRE_MAX];
	size_t n = 0;
	struct dname apex = dn("c.example."), zones;

	assert_int_equal(dname_join((const uint8_t *)"\5zones", 6, &apex, &zones), OK);
	if (below) {
		labels[n++] = (uint8_t)strlen(below);
		memcpy(labels + n, below, strlen(below));
		n += strlen(below);
	}
	if (id) {
		labels[n++] = id->size;
		memcpy(labels + n, id->data, id->size);
		n += id->size;
	}
	assert_int_equal(dname_join(labels, n, id ? &zones : &apex, owner), OK);
}

static void
add_rr(struct catalog_version *v, const char *below, const struct label *id,
    uint16_t type, const void *rdata, size_t size)
{
	struct rr rr = {.type = type,
	    .class = CLASS_IN,
	    .rdata_size = (uint16_t)size,
	    .rdata = rdata};

	owner_of(below, id, &rr.owner);
	catalog_version_add(v, &rr);
}

static void
add_member(struct catalog_version *v, const struct version *want, int i, unsigned part)
{
	struct label id;
	struct dname zone = zone_of(want->zone[i]);
	uint8_t txt[] = {2, 'g', (uint8_t)('0' + part)};

	id_of(i, &id);
	if (part == 0)
		add_rr(v, NULL, &id, RR_PTR, zone.wire, zone.size);
	else if (want->groups[i] & 1u << part)
		add_rr(v, "group", &id, RR_TXT, txt, sizeof(txt));
}

static enum err
take_guarded(struct world *w, const struct version *want, uint32_t serial,
    const struct limit *limit, struct catalog_taken *taken)
{
	struct take_job j = {.job = {.run = run_take}, .w = w, .limit = *limit};
	struct dname invalid = dn("invalid.");
	struct soa soa = {.mname = invalid, .rname = invalid, .serial = serial};

	assert_int_equal(catalog_version_new(w->f.store, &w->apex, &j.v), OK);
	add_rr(j.v, NULL, NULL, RR_NS, invalid.wire, invalid.size);
	/* from some place on, each record sometimes twice */
	int first = rand() % (4 * N);
	for (int k = 0; k < 4 * N; k++) {
		int at = (first + k) * 5 % (4 * N);
		for (int twice = rand() % 8 == 0; twice >= 0; twice--)
			if (want->zone[at / 4] >= 0)
				add_member(j.v, want, at / 4, (unsigned)(at % 4));
	}
	add_rr(j.v, "version", NULL, RR_TXT, "\0012", 2);
	assert_int_equal(catalog_version_end(j.v, &soa, 0), OK);
	enum err err = store_call(w->f.store, STORE_CATALOG, &j.job);
	*taken = j.taken;
	catalog_version_free(j.v);
	return err;
}

static enum err
take(struct world *w, const struct version *want, uint32_t serial,
    struct catalog_taken *taken)
{
	const struct limit off = {.off = true};

	return take_guarded(w, want, serial, &off, taken);
}

/* Is record `part` of id i there? Part 0 is the PTR. */
static bool
has_part(const struct version *v, int i, unsigned part)
{
	return v->zone[i] >= 0 && (part == 0 || (v->groups[i] & 1u << part));
}

/* What one version has there and the other has not. */
static enum err
take_missing(struct catalog_edit *edit, const struct version *a,
    const struct version *b, bool add, struct catalog_refusal *why)
{
	enum err err = OK;

	for (int k = 0; k < 4 * N && err == OK; k++) {
		int i = k * 5 % (4 * N) / 4;
		unsigned part = (unsigned)(k * 5 % (4 * N) % 4);
		struct label id;
		struct dname zone;
		uint8_t txt[] = {2, 'g', (uint8_t)('0' + part)};
		struct rr rr = {.type = part ? RR_TXT : RR_PTR,
		    .class = CLASS_IN,
		    .rdata = txt,
		    .rdata_size = sizeof(txt)};
		if (!has_part(a, i, part) ||
		    (has_part(b, i, part) && (part > 0 || a->zone[i] == b->zone[i])))
			continue;
		id_of(i, &id);
		owner_of(part ? "group" : NULL, &id, &rr.owner);
		if (part == 0) {
			zone = zone_of(a->zone[i]);
			rr.rdata = zone.wire;
			rr.rdata_size = zone.size;
		}
		err = catalog_edit_take(edit, &rr, add, why);
	}
	return err;
}

static enum err
take_differences(struct store_txn *txn, struct take_job *j,
    const struct catalog_head *head, const struct catalog_origin *origin)
{
	struct catalog_taken *taken = &j->taken;
	struct catalog_edit *edit = catalog_edit_new(txn, head, &j->w->apex, 1, 0);
	struct soa soa = head->soa;
	uint32_t serial;

	enum err err = take_missing(edit, j->from, j->to, false, &taken->why);
	if (err == OK)
		err = take_missing(edit, j->to, j->from, true, &taken->why);
	soa.serial = j->serial;
	catalog_edit_take_soa(edit, &soa, head->soa_ttl);
	if (err == OK)
		err = catalog_edit_check(edit, &taken->why);
	if (err == OK)
		err = catalog_edit_commit(edit, origin, &serial, &taken->changed);
	if (err == OK)
		assert_int_equal(serial, j->serial);
	taken->verdict = *catalog_edit_verdict(edit);
	catalog_edit_free(edit);
	return err;
}

static enum err
take_by_ixfr(struct world *w, const struct version *from, const struct version *to,
    uint32_t serial, const struct limit *limit)
{
	struct take_job j = {.job = {.run = run_take},
	    .w = w,
	    .from = from,
	    .to = to,
	    .serial = serial,
	    .limit = *limit};

	return store_call(w->f.store, STORE_CATALOG, &j.job);
}

static void
make_next(struct version *v, int n_changes)
{
	for (int k = 0; k < n_changes; k++) {
		int i = rand() % N, zone = rand() % N, other = -1;
		for (int j = 0; j < N; j++)
			if (v->zone[j] == zone)
				other = j;
		switch (rand() % 4) {
		case 0: v->zone[i] = -1; break;
		case 1: v->groups[i] ^= 1u << (1 + rand() % 3); break;
		case 2: /* another id, or they change places */
			if (other >= 0)
				v->zone[other] = rand() % 2 ? v->zone[i] : -1;
			v->zone[i] = zone;
			break;
		case 3:
			if (other < 0)
				v->zone[i] = zone;
			break;
		}
	}
}

static void
assert_is(struct world *w, const struct version *want)
{
	struct store_txn *txn = store_read(w->f.store, STORE_CATALOG);
	struct catalog_head head;
	struct member m;
	uint64_t n = 0;

	assert_int_equal(catalogs_find(txn, &w->apex, &head), OK);
	member_init(&m);
	for (int i = 0; i < N; i++) {
		struct label id, found;
		id_of(i, &id);
		enum err err = members_get(txn, head.nr, &id, &m);
		assert_int_equal(err, want->zone[i] < 0 ? ERR_NOTFOUND : OK);
		if (err != OK)
			continue;
		struct dname zone = zone_of(want->zone[i]);
		unsigned groups = 0;
		n++;
		assert_true(dname_equal(&m.zone, &zone));
		for (size_t k = 0; k < m.n_rrs; k++)
			groups |= 1u << (m.rrs[k].rdata[2] - '0');
		assert_int_equal(groups, want->groups[i] & 14u);
		assert_int_equal(members_find_zone(txn, head.nr, &zone, &found), OK);
		assert_true(label_equal(&found, &id));
	}
	assert_int_equal(head.n_members, n);
	member_fini(&m);
	store_end(&txn);
}

static void
count_between(const struct version *a, const struct version *b, uint64_t n[3])
{
	memset(n, 0, 3 * sizeof(*n));
	for (int i = 0; i < N; i++) {
		bool same = a->zone[i] == b->zone[i] &&
			    ((a->groups[i] ^ b->groups[i]) & 14u) == 0;
		n[0] += a->zone[i] < 0 && b->zone[i] >= 0;
		n[1] += a->zone[i] >= 0 && b->zone[i] < 0;
		n[2] += a->zone[i] >= 0 && b->zone[i] >= 0 && !same;
	}
}

/* -- tests ------------------------------------------------------------------- */

static void
take__any_version_after_any_other__is_what_is_there(void **state)
{
	struct world *w = *state;
	struct version was, v;
	struct catalog_taken taken;
	uint64_t n[3];

	srand(1);
	for (int i = 0; i < N; i++)
		v.zone[i] = -1, v.groups[i] = 0;
	for (uint32_t serial = 2; serial < 200; serial++) {
		was = v;
		make_next(&v, serial % 3 == 0 ? N : 3);
		assert_int_equal(take(w, &v, serial, &taken), OK);
		assert_is(w, &v);
		count_between(&was, &v, n);
		assert_int_equal(taken.n_added, n[0]);
		assert_int_equal(taken.n_removed, n[1]);
		assert_int_equal(taken.n_changed, n[2]);
	}
}

/* What is looked up for one that leaves must not lose those behind it. */
static void
take__one_gets_another_id__the_others_stay(void **state)
{
	struct world *w = *state;
	struct catalog_taken taken;
	struct version v;

	for (int i = 0; i < N; i++)
		v.zone[i] = i < N - 1 ? i : -1, v.groups[i] = 2;
	assert_int_equal(take(w, &v, 2, &taken), OK);
	v.zone[N - 1] = v.zone[4];
	v.zone[4] = -1;
	assert_int_equal(take(w, &v, 3, &taken), OK);
	assert_is(w, &v);
	assert_int_equal(taken.n_removed, 1);
	assert_int_equal(taken.n_added, 1);
}

/* -- the guard ------------------------------------------------------------------ */

/* Of each zone the id it was first served under; -1: none yet. */
static void
pin(int pinned[static N], const struct version *v)
{
	for (int i = 0; i < N; i++)
		if (v->zone[i] >= 0 && pinned[v->zone[i]] < 0)
			pinned[v->zone[i]] = i;
}

static void
assert_all_are_held(struct world *w, const struct version *v,
    const int pinned[static N])
{
	struct store_txn *txn = store_read(w->f.store, STORE_CATALOG);
	struct catalog_head head;
	struct member m;
	struct hold h;

	assert_int_equal(catalogs_find(txn, &w->apex, &head), OK);
	member_init(&m);
	for (int z = 0; z < N; z++) {
		struct dname zone = zone_of(z);
		struct label id;
		int at = -1;
		if (pinned[z] < 0)
			continue;
		for (int i = 0; i < N; i++)
			if (v->zone[i] == z)
				at = i;
		enum err err = holds_get(txn, head.nr, &zone, &h, &m);
		assert_int_equal(err, at == pinned[z] ? ERR_NOTFOUND : OK);
		if (err != OK)
			continue;
		id_of(pinned[z], &id);
		assert_int_equal(h.kind, at < 0 ? HOLD_REMOVAL : HOLD_RESET);
		assert_true(label_equal(&m.id, &id));
		assert_true(dname_equal(&m.zone, &zone));
	}
	member_fini(&m);
	store_end(&txn);
}

/* Whatever the versions, and however they come: with a limit of none no zone ever
 * leaves the id it was first served under. */
static void
take__all_is_to_be_held__nothing_goes_by_any_way(void **state)
{
	const struct limit none = {.window_s = 600};
	struct world *w = *state;
	struct catalog_taken taken;
	struct version was, v;
	int pinned[N];

	srand(2);
	for (int i = 0; i < N; i++)
		v.zone[i] = pinned[i] = -1, v.groups[i] = 0;
	v.zone[0] = 0;
	assert_int_equal(take_guarded(w, &v, 2, &none, &taken), OK);
	for (uint32_t serial = 3; serial < 300; serial++) {
		pin(pinned, &v);
		was = v;
		make_next(&v, serial % 5 == 0 ? N : 3);
		bool whole = rand() % 2;
		enum err err = whole ? take_guarded(w, &v, serial, &none, &taken)
				     : take_by_ixfr(w, &was, &v, serial, &none);
		assert_int_equal(err, OK);
		pin(pinned, &v);
		assert_is(w, &v);
		assert_all_are_held(w, &v, pinned);
	}
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
	    T(take__one_gets_another_id__the_others_stay),
	    T(take__any_version_after_any_other__is_what_is_there),
	    T(take__all_is_to_be_held__nothing_goes_by_any_way),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
