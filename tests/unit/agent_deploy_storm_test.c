/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/test.h"

#include "agent/probe/pace.h"
#include "tests/unit/agent_deploy_fixture.h"

/*
 * Random changes against a server that fails in every way a driver may report,
 * with agent restarts in between: in the end the server has exactly what is
 * wanted, and never was an operator's zone touched.
 */

enum { ZONES = 40, FOREIGN = 4, ROUNDS = 400 };

static unsigned seed;

static unsigned
any(unsigned n)
{
	seed = seed * 1103515245u + 12345u;
	return (seed >> 16) % n;
}

struct wish {
	char zone[16], id[32];
	bool wanted;
	unsigned number, n_ids;
};

static void
wish_for(struct world *w, struct wish *wish)
{
	static const char *const groups[] = {"primary", "secondary"};
	struct change changes[2];
	size_t n = 0;
	bool add = !wish->wanted || any(3) > 0;
	if (wish->wanted && add && any(2) == 0) {
		set_group(w, wish->zone, wish->id, groups[any(2)]);
		return;
	}
	char old[32];
	memcpy(old, wish->id, sizeof(old));
	if (wish->wanted)
		changes[n++] = (struct change){CHANGE_DEL, wish->zone, old, NULL, 0};
	if (add) {
		if (wish->wanted || any(2) == 0)
			snprintf(wish->id, sizeof(wish->id), "n%u-i%u", wish->number,
			    ++wish->n_ids);
		changes[n++] = (struct change){CHANGE_ADD, wish->zone, wish->id,
		    groups[any(2)], 0};
	}
	wish->wanted = add;
	change_many(w, changes, n);
}

static void
upset_server(void)
{
	static const enum backend_result results[] = {RESULT_RETRY, RESULT_UNKNOWN,
	    RESULT_UNKNOWN, RESULT_REJECTED, RESULT_NONE, RESULT_CONFLICT};
	pthread_mutex_lock(&toy.lock);
	switch (any(8)) {
	case 0: toy.down = true; break;
	case 1: toy.process++; break;
	case 2: /* it loses a zone, by itself */
		if (toy.n > 0) {
			size_t i = any((unsigned)toy.n);
			if (!toy.zones[i].foreign)
				toy.zones[i] = toy.zones[--toy.n];
		}
		break;
	case 3:
	case 4:
		toy.result = results[any(5)];
		toy.n_result = 1 + any(4);
		toy.unknown_happens = any(2) == 0;
		break;
	default:
		toy.down = false;
		toy.n_result = 0;
		break;
	}
	pthread_mutex_unlock(&toy.lock);
}

static bool
is_as_wished(struct world *w, const struct wish *wish)
{
	struct dname name = zone_of(wish->zone);
	struct ledger_entry entry;
	bool owned = get_ledger(w, wish->zone, &entry);
	pthread_mutex_lock(&toy.lock);
	size_t at = toy_find(&name);
	bool has = at < toy.n;
	bool foreign = has && toy.zones[at].foreign;
	bool same = has && owned && strcmp(toy.zones[at].mark, entry.mark) == 0;
	pthread_mutex_unlock(&toy.lock);
	if (foreign)
		return !owned &&
		       (!wish->wanted || is_state(w, wish->zone, ZONE_CONFLICT));
	if (!wish->wanted)
		return !has && !owned && is_unknown(w, wish->zone);
	return same && entry.state == LEDGER_OWNED && label_is(&entry.id, wish->id) &&
	       is_state(w, wish->zone, ZONE_APPLIED);
}

static void
run_storm(unsigned first_seed)
{
	struct world *w = world_new(&toy_driver);
	struct wish wishes[ZONES] = {{.n_ids = 0}};
	seed = first_seed;
	for (unsigned i = 0; i < ZONES; i++) {
		snprintf(wishes[i].zone, sizeof(wishes[i].zone), "z%u.test", i);
		wishes[i].number = i;
		snprintf(wishes[i].id, sizeof(wishes[i].id), "n%u-i0", i);
		if (i < FOREIGN) {
			struct dname zone = zone_of(wishes[i].zone);
			toy_put(&zone, NULL);
		}
	}
	world_start(w);
	for (unsigned i = 0; i < ROUNDS; i++) {
		wish_for(w, &wishes[any(ZONES)]);
		if (any(4) == 0)
			upset_server();
		if (any(10) == 0)
			nap(any(30));
		if (any(60) == 0) {
			world_stop(w);
			if (any(2) == 0)
				world_start(w);
			else {
				/* a crash: the status is gone */
				world_start(w);
				world_crash(w);
				world_start(w);
			}
		}
	}
	pthread_mutex_lock(&toy.lock);
	toy.down = false;
	toy.n_result = 0;
	pthread_mutex_unlock(&toy.lock);
	EVENTUALLY(is_backend(w, "up"));
	/* Retries come after minutes; a reconcile comes now. Until none is left. */
	bool right = false;
	for (unsigned i = 0; i < 100 && !right; i++) {
		deploy_reconcile(w->deploy, NULL);
		nap(300);
		right = true;
		for (unsigned j = 0; j < ZONES; j++)
			right = right && is_as_wished(w, &wishes[j]);
	}
	for (unsigned i = 0; i < ZONES; i++) {
		if (!is_as_wished(w, &wishes[i]))
			fail_msg("seed %u: %s is not as wished (%s %s)", first_seed,
			    wishes[i].zone, wishes[i].wanted ? "wanted" : "unwanted",
			    wishes[i].id);
	}
	pthread_mutex_lock(&toy.lock);
	for (size_t i = 0; i < toy.n_ops; i++) {
		for (unsigned j = 0; j < FOREIGN; j++)
			assert_string_not_equal(toy.ops[i].zone, wishes[j].zone);
	}
	pthread_mutex_unlock(&toy.lock);
	world_free(w);
}

static void
storm__any_order_of_failures__ends_as_wished(void **state)
{
	(void)state;
	const char *given = getenv("SEED");
	unsigned from = given != NULL ? (unsigned)atoi(given) : 1;
	for (unsigned i = from; i < from + 4; i++)
		run_storm(i);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(storm__any_order_of_failures__ends_as_wished),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
