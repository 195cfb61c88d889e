/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>

#include "agent/backend/yadifa.h"
#include "lib/mem.h"
#include "lib/rr.h"

/*
 * Names that are perhaps to be added: does anybody else have them? Where the
 * operator's files are known (yadifa_operator.c), yadifad need not be asked about
 * those that are not in them, but for ghosts.
 *
 * A zone that we dropped from zones.conf without seeing it go, when an older file was
 * put back, may still be in yadifad, which was perhaps started with the newer one:
 * after a reload it takes a moment to go, and is nobody's meanwhile.
 */

enum { FEW = 64 }; /* are asked for in any case */

static enum err
find_by_files(struct yadifa *y, const struct dname *zones, size_t n,
    enum yadifa_state *states, struct backend_error *why)
{
	struct dname *some = mem_alloc(n * sizeof(some[0]));
	struct yadifa_answer *soas = mem_zalloc(n * sizeof(soas[0]));
	enum yadifa_state *found = mem_alloc(n * sizeof(found[0]));
	size_t *at = mem_alloc(n * sizeof(at[0])), n_some = 0;
	enum err err = OK;

	if (!yadifa_operator_has_no_ghosts(y))
		err = yadifa_ask(y, YADIFA_SOA_UNSIGNED, zones, n, soas, why);
	for (size_t i = 0; err == OK && i < n; i++) {
		states[i] = YADIFA_ABSENT;
		if (!soas[i].served && soas[i].rcode != RCODE_SERVFAIL &&
		    yadifa_table_find(&y->operator.names, &zones[i]) == NULL &&
		    yadifa_table_find(&y->dropped, &zones[i]) == NULL)
			continue;
		some[n_some] = zones[i];
		at[n_some++] = i;
	}
	if (err == OK && n_some > 0)
		err = yadifa_find(y, some, n_some, found, why);
	for (size_t i = 0; err == OK && i < n_some; i++)
		states[at[i]] = found[i];
	free(at);
	free(found);
	free(soas);
	free(some);
	return err;
}

static enum err
await_dropped(struct yadifa *y, const struct dname *zones, size_t n,
    enum yadifa_state *states, struct backend_error *why)
{
	struct dname *some;
	enum yadifa_state *left;
	size_t *at, n_some = 0;
	enum err err = OK;

	if (y->dropped.n == 0)
		return OK;
	some = mem_alloc((n + 1) * sizeof(some[0]));
	left = mem_alloc((n + 1) * sizeof(left[0]));
	at = mem_alloc((n + 1) * sizeof(at[0]));
	for (size_t i = 0; i < n; i++) {
		if (states[i] == YADIFA_ABSENT ||
		    yadifa_table_find(&y->dropped, &zones[i]) == NULL)
			continue;
		some[n_some] = zones[i];
		at[n_some++] = i;
	}
	if (n_some > 0)
		err = yadifa_wait_gone(y, some, n_some, left, why);
	for (size_t i = 0; err == OK && i < n_some; i++)
		states[at[i]] = left[i];
	for (size_t i = 0; err == OK && i < n; i++)
		yadifa_table_drop(&y->dropped, &zones[i]);
	free(at);
	free(left);
	free(some);
	return err;
}

void
yadifa_drop_unseen(struct yadifa *y, const struct yadifa_include *from,
    const struct yadifa_include *to)
{
	for (size_t i = 0; i < from->table.n_slots; i++) {
		struct dname name;

		if (from->table.slots[i] == NULL)
			continue;
		yadifa_zone_name(from->table.slots[i], &name);
		if (yadifa_table_find(&to->table, &name) == NULL)
			yadifa_table_put(&y->dropped, &name, NULL);
	}
}

enum err
yadifa_find_new(struct yadifa *y, const struct dname *zones, size_t n,
    enum yadifa_state *states, struct backend_error *why)
{
	bool by_files = n > FEW && yadifa_operator_read(y);
	enum err err = by_files ? find_by_files(y, zones, n, states, why)
				: yadifa_find(y, zones, n, states, why);

	return err == OK ? await_dropped(y, zones, n, states, why) : err;
}
