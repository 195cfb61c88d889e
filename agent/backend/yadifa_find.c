/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/backend/chan.h"
#include "agent/backend/spool.h"
#include "agent/backend/yadifa.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/rr.h"

/*
 * yadifad lists nothing. Whether it has a zone: the SOA tells whether it serves
 * it, and the order to reload that zone whether it knows it; the second is asked
 * only where the first says no, since it makes yadifad read the zone's file.
 *
 * A zone that is served and not known is a ghost: it was removed while it was
 * being loaded, and no reload will touch it again. It goes when it is added and
 * removed once more; but the file it is added with must load, with a higher
 * serial, or yadifad never comes to the end of the removal and fills its log. So
 * it is a file of our own, and what does not load stays.
 */

enum {
	POLL_MIN_MS = 2,
	POLL_MAX_MS = 200,
	PATIENCE_MS = 5000,
	HOLLOW_MS = 500, /* as long may SERVFAIL be on the way to REFUSED */
	CURE_MAX = 1000,
};

/* -- asking both ----------------------------------------------------------- */

/* The second question for those that are [not] served. */
static enum err
ask_known(struct yadifa *y, const struct dname *zones, size_t n, bool served,
    const struct yadifa_answer *soas, enum yadifa_state *states,
    struct backend_error *why)
{
	struct dname *some = mem_alloc((n + 1) * sizeof(some[0]));
	struct yadifa_answer *answers = mem_alloc((n + 1) * sizeof(answers[0]));
	size_t n_some = 0, k = 0;
	enum err err = OK;

	for (size_t i = 0; i < n; i++) {
		if (soas[i].served == served)
			some[n_some++] = zones[i];
	}
	if (n_some > 0)
		err = yadifa_ask(y, YADIFA_RELOAD, some, n_some, answers, why);
	for (size_t i = 0; err == OK && i < n; i++) {
		if (soas[i].served != served)
			continue;
		states[i] = answers[k].rcode != RCODE_REFUSED ? YADIFA_KNOWN
			    : served                          ? YADIFA_GHOST
							      : YADIFA_ABSENT;
		k++;
	}
	free(answers);
	free(some);
	return err;
}

/* Of those that it does not know, and of which it says SERVFAIL: those whose parent
 * says something else. */
static enum err
find_hollow(struct yadifa *y, const struct dname *zones, size_t n,
    const struct yadifa_answer *soas, enum yadifa_state *states,
    struct backend_error *why)
{
	struct dname *parents = mem_alloc((n + 1) * sizeof(parents[0]));
	struct yadifa_answer *answers = mem_alloc((n + 1) * sizeof(answers[0]));
	size_t *at = mem_alloc((n + 1) * sizeof(at[0]));
	size_t n_parents = 0;
	enum err err = OK;

	for (size_t i = 0; i < n; i++) {
		if (states[i] != YADIFA_ABSENT || soas[i].rcode != RCODE_SERVFAIL)
			continue;
		dname_strip(&zones[i], 1, &parents[n_parents]);
		at[n_parents++] = i;
	}
	if (n_parents > 0)
		err = yadifa_ask(y, YADIFA_SOA, parents, n_parents, answers, why);
	for (size_t i = 0; err == OK && i < n_parents; i++) {
		if (answers[i].rcode != RCODE_SERVFAIL)
			states[at[i]] = YADIFA_HOLLOW;
	}
	free(at);
	free(answers);
	free(parents);
	return err;
}

enum err
yadifa_find(struct yadifa *y, const struct dname *zones, size_t n,
    enum yadifa_state *states, struct backend_error *why)
{
	struct yadifa_answer *soas = mem_alloc((n + 1) * sizeof(soas[0]));
	enum err err = OK;

	if (n > 0)
		err = yadifa_ask(y, YADIFA_SOA, zones, n, soas, why);
	if (err == OK)
		err = ask_known(y, zones, n, false, soas, states, why);
	if (err == OK)
		err = ask_known(y, zones, n, true, soas, states, why);
	if (err == OK)
		err = find_hollow(y, zones, n, soas, states, why);
	free(soas);
	return err;
}

/* -- waiting --------------------------------------------------------------- */

static unsigned
next_pause(unsigned ms)
{
	return ms * 2 < POLL_MAX_MS ? ms * 2 : POLL_MAX_MS;
}

enum err
yadifa_wait_gone(struct yadifa *y, const struct dname *zones, size_t n,
    enum yadifa_state *states, struct backend_error *why)
{
	struct dname *left = mem_alloc((n + 1) * sizeof(left[0]));
	enum yadifa_state *left_states = mem_alloc((n + 1) * sizeof(left_states[0]));
	size_t *index = mem_alloc((n + 1) * sizeof(index[0]));
	int64_t start = clock_ms(), reloads = 3 * (int64_t)y->reload_wall_ms;
	size_t n_left = n;
	enum err err = OK;

	for (size_t i = 0; i < n; i++) {
		left[i] = zones[i];
		index[i] = i;
		states[i] = YADIFA_KNOWN;
	}
	for (unsigned pause = POLL_MIN_MS; err == OK && n_left > 0;
	     pause = next_pause(pause)) {
		size_t kept = 0;
		bool all_hollow = true;

		err = chan_sleep(y->conf.cancel_fd, pause, why);
		if (err == OK)
			err = yadifa_find(y, left, n_left, left_states, why);
		for (size_t i = 0; err == OK && i < n_left; i++) {
			states[index[i]] = left_states[i];
			if (left_states[i] == YADIFA_ABSENT)
				continue;
			all_hollow = all_hollow && left_states[i] == YADIFA_HOLLOW;
			left[kept] = left[i];
			index[kept++] = index[i];
		}
		n_left = kept;
		if (clock_ms() - start >
		    reloads + (all_hollow ? HOLLOW_MS : PATIENCE_MS))
			break;
	}
	free(index);
	free(left_states);
	free(left);
	return err;
}

enum err
yadifa_wait_served(struct yadifa *y, const struct dname *zones, size_t n,
    unsigned patience_ms, bool *served, struct backend_error *why)
{
	struct yadifa_answer *soas = mem_alloc((n + 1) * sizeof(soas[0]));
	int64_t deadline = clock_ms() + patience_ms;
	enum err err = OK;

	for (unsigned pause = POLL_MIN_MS; n > 0; pause = next_pause(pause)) {
		bool all = true;

		err = yadifa_ask(y, YADIFA_SOA, zones, n, soas, why);
		for (size_t i = 0; err == OK && i < n; i++) {
			served[i] = soas[i].served;
			all = all && served[i];
		}
		if (err != OK || all || clock_ms() >= deadline)
			break;
		err = chan_sleep(y->conf.cancel_fd, pause, why);
		if (err != OK)
			break;
	}
	free(soas);
	return err;
}

/* -- ghosts ---------------------------------------------------------------- */

const char yadifa_ghost_mark[] = "nsherd-ghost.0.0";
static const char ghost_template[] = "nsherd-ghost-${zone}";

static struct yadifa_native *
ghost_native(struct yadifa *y)
{
	struct yadifa_native *n = yadifa_native_new(yadifa_ghost_mark, ghost_template,
	    "\ttype primary\n\tallow-transfer none\n\tnotify-auto false\n");

	return yadifa_include_intern(&y->inc, &n);
}

/* A serial that is newer (RFC 1982), and which yadifad can read from a file: not
 * above 2^31 - 1. Twice there is none: 0. */
static uint32_t
newer_serial(uint32_t serial)
{
	uint32_t next = serial + 1;

	if (next > INT32_MAX)
		next = serial + INT32_MAX;
	return next <= INT32_MAX ? next : 0;
}

/* A zone file that replaces what is served. */
static enum err
make_ghost(struct yadifa *y, const struct dname *zone, uint32_t serial,
    struct backend_error *why)
{
	char path[YADIFA_PATH_MAX], text[128];
	struct yadifa_native *n = ghost_native(y);
	enum err err = yadifa_native_path(n, zone, path);

	if (newer_serial(serial) == 0)
		return OK;
	snprintf(text, sizeof(text), "$TTL 60\n@ SOA . . %u 60 60 600 60\n@ NS .\n",
	    newer_serial(serial));
	if (err == OK)
		err = spool_replace(y->zone_fd, path, text, strlen(text), 0640);
	if (err != OK)
		return backend_fail(why, err, "%s/%.100s cannot be written",
		    y->conf.zone_dir, path);
	yadifa_table_put(&y->inc.table, zone, n);
	y->written = y->loaded = false;
	return OK;
}

/* Only those that were replaced: the others must not be removed. */
static void
unmake_ghosts(struct yadifa *y, const struct dname *zones, size_t n,
    const bool *replaced)
{
	struct yadifa_native *native = ghost_native(y);
	char path[YADIFA_PATH_MAX];

	for (size_t i = 0; i < n; i++) {
		if (!replaced[i])
			continue;
		yadifa_table_drop(&y->inc.table, &zones[i]);
		if (yadifa_native_path(native, &zones[i], path) == OK &&
		    spool_unlink(y->zone_fd, path) != OK)
			log_debug("yadifa", "backend=%s file=%s stays", y->conf.name,
			    path);
	}
	y->written = y->loaded = y->operator.is_virgin = false;
}

/* Those that are served from the file that we made for them. */
static enum err
wait_replaced(struct yadifa *y, const struct dname *zones,
    const struct yadifa_answer *before, size_t n, bool *replaced,
    struct backend_error *why)
{
	struct yadifa_answer *now = mem_alloc((n + 1) * sizeof(now[0]));
	int64_t deadline = clock_ms() + PATIENCE_MS + 3 * (int64_t)y->reload_wall_ms;
	enum err err = OK;

	for (unsigned pause = POLL_MIN_MS; err == OK; pause = next_pause(pause)) {
		size_t n_replaced = 0;

		err = yadifa_ask(y, YADIFA_SOA, zones, n, now, why);
		for (size_t i = 0; err == OK && i < n; i++) {
			replaced[i] = now[i].served && now[i].serial != 0 &&
				      now[i].serial == newer_serial(before[i].serial);
			n_replaced += replaced[i];
		}
		if (err != OK || n_replaced == n || clock_ms() > deadline)
			break;
		err = chan_sleep(y->conf.cancel_fd, pause, why);
	}
	free(now);
	return err;
}

static enum err
load_ghosts(struct yadifa *y, struct backend_error *why)
{
	enum yadifa_load load = YADIFA_REFUSED;
	bool sent;
	enum err err = yadifa_load(y, YADIFA_PATIENT, &load, &sent, why);

	return err == OK && load == YADIFA_REFUSED ? ERR_BUSY : err;
}

static enum err
cure_some(struct yadifa *y, const struct dname *zones, size_t n, bool *cured,
    struct backend_error *why)
{
	struct yadifa_answer *before = mem_alloc((n + 1) * sizeof(before[0]));
	enum yadifa_state *states = mem_alloc((n + 1) * sizeof(states[0]));
	bool *replaced = mem_zalloc((n + 1) * sizeof(replaced[0]));
	enum err err = yadifa_ask(y, YADIFA_SOA, zones, n, before, why);

	for (size_t i = 0; err == OK && i < n; i++)
		err = make_ghost(y, &zones[i], before[i].serial, why);
	if (err == OK)
		err = load_ghosts(y, why);
	if (err == OK)
		err = wait_replaced(y, zones, before, n, replaced, why);
	if (err == OK) {
		unmake_ghosts(y, zones, n, replaced);
		err = load_ghosts(y, why);
	}
	if (err == OK)
		err = yadifa_wait_gone(y, zones, n, states, why);
	for (size_t i = 0; err == OK && i < n; i++)
		cured[i] = replaced[i] && states[i] == YADIFA_ABSENT;
	free(replaced);
	free(states);
	free(before);
	return err;
}

enum err
yadifa_cure(struct yadifa *y, const struct dname *zones, size_t n, bool *cured,
    struct backend_error *why)
{
	enum err err = OK;

	for (size_t i = 0; i < n; i++)
		cured[i] = false;
	for (size_t at = 0; err == OK && at < n; at += CURE_MAX) {
		size_t some = n - at < CURE_MAX ? n - at : CURE_MAX;
		char name[DNAME_TEXT_MAX];

		log_warn("yadifa",
		    "backend=%s zone=%s ghosts=%zu text=\"answers though removed; added and "
		    "removed once more\"",
		    y->conf.name, dname_print_short(&zones[at], name), some);
		err = cure_some(y, zones + at, some, cured + at, why);
	}
	return err;
}
