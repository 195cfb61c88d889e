/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_UNIT_AGENT_CATALOG_FIXTURE_H
#define TESTS_UNIT_AGENT_CATALOG_FIXTURE_H

#include "tests/unit/agent_store_fixture.h"

#include "agent/catalog/catalog.h"
#include "lib/mem.h"

/* A real store, its writer, and in it the catalog c.example. with nothing in it. */

struct world {
	struct fixture f;
	struct dname apex;
};

struct create_job {
	struct store_job job;
	const struct dname *apex;
};

static inline enum err
run_create(struct store_txn *txn, struct store_job *job)
{
	struct catalog_head head;
	return catalog_create(txn, ((struct create_job *)job)->apex, &head);
}

static inline enum err
create(struct world *w)
{
	struct create_job j = {.job = {.run = run_create}, .apex = &w->apex};
	return store_call(w->f.store, STORE_CATALOG, &j.job);
}

static inline int
world_setup(void **state)
{
	struct world *w = mem_zalloc(sizeof(*w));

	fixture_make_dir(&w->f);
	fixture_open(&w->f);
	w->apex = dn("c.example.");
	assert_int_equal(create(w), OK);
	*state = w;
	return 0;
}

static inline int
world_teardown(void **state)
{
	struct world *w = *state;

	fixture_close(&w->f);
	fixture_remove_dir(&w->f);
	free(w);
	return 0;
}

#endif
