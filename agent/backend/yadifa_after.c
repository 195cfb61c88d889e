/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>

#include "agent/backend/chan.h"
#include "agent/backend/yadifa.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/mem.h"

/*
 * What may go wrong after a reload that went well, looked at from time to time:
 * a zone that did not answer when it was removed may come back as a ghost; and a
 * new secondary may have lost its order to transfer, in a race between two
 * threads of yadifad, or not have reached its primary. yadifad would try again
 * after ten minutes, or at the next reload; a NOTIFY makes it try at once.
 */

enum {
	DEPARTED_MAX = 10000,
	DEPARTED_MS = 15000,
	NUDGE_MS = 1500,
	NUDGES_MAX = 6,
	HURRY_MAX = 64,
	HURRY_MS = 120,
};

/* -- new secondaries ------------------------------------------------------- */

void
yadifa_expect(struct yadifa *y, const struct dname *zone)
{
	yadifa_table_put(&y->fresh, zone, NULL);
	y->n_nudges = 0;
	y->n_fresh_before = 0;
	y->nudge_ms = clock_ms() + NUDGE_MS;
}

static void
forget_fresh(struct yadifa *y)
{
	yadifa_table_fini(&y->fresh);
	yadifa_table_init(&y->fresh);
}

static size_t
list_fresh(struct yadifa *y, struct dname *zones)
{
	size_t n = 0;

	for (size_t i = 0; i < y->fresh.n_slots; i++) {
		if (y->fresh.slots[i] == NULL)
			continue;
		yadifa_zone_name(y->fresh.slots[i], &zones[n]);
		n += yadifa_table_find(&y->inc.table, &zones[n]) != NULL;
	}
	return n;
}

/* The set without those that are served. */
static enum err
look_at_fresh(struct yadifa *y, struct backend_error *why)
{
	struct dname *zones = mem_alloc((y->fresh.n + 1) * sizeof(zones[0]));
	struct yadifa_answer *soas = mem_alloc((y->fresh.n + 1) * sizeof(soas[0]));
	size_t n = list_fresh(y, zones);
	enum err err = n > 0 ? yadifa_ask(y, YADIFA_SOA, zones, n, soas, why) : OK;

	if (err == OK)
		forget_fresh(y);
	for (size_t i = 0; err == OK && i < n; i++) {
		if (!soas[i].served)
			yadifa_table_put(&y->fresh, &zones[i], NULL);
	}
	free(soas);
	free(zones);
	return err;
}

static enum err
notify_fresh(struct yadifa *y, struct backend_error *why)
{
	struct dname *zones = mem_alloc((y->fresh.n + 1) * sizeof(zones[0]));
	struct yadifa_answer *answers =
	    mem_alloc((y->fresh.n + 1) * sizeof(answers[0]));
	size_t n = list_fresh(y, zones);
	enum err err =
	    n > 0 ? yadifa_ask(y, YADIFA_NOTIFY, zones, n, answers, why) : OK;

	y->nudge_ms = clock_ms() + ((int64_t)NUDGE_MS << (2 * y->n_nudges));
	y->n_nudges++;
	free(answers);
	free(zones);
	return err;
}

static enum err
nudge(struct yadifa *y, struct backend_error *why)
{
	enum err err = look_at_fresh(y, why);
	bool progress = y->fresh.n < y->n_fresh_before;

	y->nudge_ms = clock_ms() + NUDGE_MS;
	y->n_fresh_before = y->fresh.n;
	/* As long as they are coming in nobody has to help. */
	if (err != OK || y->fresh.n == 0 || progress)
		return err;
	if (y->n_nudges == NUDGES_MAX) {
		forget_fresh(y);
		return OK;
	}
	log_info("yadifa",
	    "backend=%s secondaries=%zu text=\"not yet served, notified\"",
	    y->conf.name, y->fresh.n);
	return notify_fresh(y, why);
}

enum err
yadifa_hurry(struct yadifa *y, struct backend_error *why)
{
	struct dname zones[HURRY_MAX];
	bool served[HURRY_MAX], all = true;
	size_t n;
	enum err err;

	if (y->fresh.n == 0 || y->fresh.n > HURRY_MAX)
		return OK;
	n = list_fresh(y, zones);
	err = yadifa_wait_served(y, zones, n, HURRY_MS, served, why);
	for (size_t i = 0; err == OK && i < n; i++) {
		all = all && served[i];
		if (served[i])
			yadifa_table_drop(&y->fresh, &zones[i]);
	}
	return err == OK && !all ? notify_fresh(y, why) : err;
}

/* -- zones that may come back ---------------------------------------------- */

void
yadifa_depart(struct yadifa *y, const struct dname *zone)
{
	if (y->n_departed >= DEPARTED_MAX)
		return;
	y->departed = mem_grow(y->departed, y->n_departed, &y->departed_room,
	    sizeof(y->departed[0]));
	y->departed[y->n_departed++] = (struct yadifa_departed){*zone, clock_ms()};
}

/* Those that are ours again, or gone for long, are of no interest. */
static size_t
list_departed(struct yadifa *y, struct dname *zones)
{
	size_t kept = 0;

	for (size_t i = 0; i < y->n_departed; i++) {
		const struct yadifa_departed *d = &y->departed[i];

		if (clock_ms() - d->since_ms > DEPARTED_MS ||
		    yadifa_table_find(&y->inc.table, &d->zone) != NULL)
			continue;
		zones[kept] = d->zone;
		y->departed[kept++] = *d;
	}
	y->n_departed = kept;
	return kept;
}

static enum err
check_departed(struct yadifa *y, struct backend_error *why)
{
	struct dname *zones;
	struct yadifa_answer *soas;
	size_t n, n_back = 0;
	enum err err;

	if (y->n_departed == 0)
		return OK;
	zones = mem_alloc(y->n_departed * sizeof(zones[0]));
	soas = mem_alloc(y->n_departed * sizeof(soas[0]));
	n = list_departed(y, zones);
	err = n > 0 ? yadifa_ask(y, YADIFA_SOA, zones, n, soas, why) : OK;
	for (size_t i = 0; err == OK && i < n; i++) {
		if (soas[i].served)
			zones[n_back++] = zones[i];
	}
	if (err == OK && n_back > 0) {
		enum yadifa_state *states = mem_alloc(n_back * sizeof(states[0]));
		bool *cured = mem_alloc(n_back * sizeof(cured[0]));
		size_t n_ghosts = 0;

		err = yadifa_find(y, zones, n_back, states, why);
		for (size_t i = 0; err == OK && i < n_back; i++) {
			if (states[i] == YADIFA_GHOST)
				zones[n_ghosts++] = zones[i];
		}
		if (err == OK && n_ghosts > 0)
			err = yadifa_cure(y, zones, n_ghosts, cured, why);
		free(cured);
		free(states);
	}
	free(soas);
	free(zones);
	return err;
}

/* -- both ------------------------------------------------------------------ */

enum err
yadifa_look_after(struct yadifa *y, struct backend_error *why)
{
	enum err err = OK;

	if (y->loaded)
		err = check_departed(y, why);
	if (err == OK && y->loaded && y->fresh.n > 0 && clock_ms() >= y->nudge_ms)
		err = nudge(y, why);
	return err;
}
