/* SPDX-License-Identifier: BSD-2-Clause */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/backend/chan.h"
#include "agent/backend/files.h"
#include "agent/backend/spool.h"
#include "agent/backend/yadifa.h"
#include "agent/backend/yadifa_apply.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/mem.h"

/*
 * A batch is one new zones.conf and one reload. Around that: what is not ours is
 * found before it is touched; ghosts are made to go; a zone is not removed while
 * it may be loading, and is seen to be gone before this returns.
 *
 * yadifad compares only some settings of a zone that it has, and a change of role
 * in place leaves it serving the old data. So other changes are two reloads:
 * without the zone, and with it again.
 */

enum {
	RETRY_SOON_S = 10,
	SETTLE_MS = 5000, /* a load that is under way */
	ABSENT_MS = 20000,
	FILE_NAME_MAX = 243, /* yadifad and we append to it */
};

static bool
goes(const struct yadifa_task *t)
{
	return op_is_open(t->op) && (t->plan == PLAN_REMOVE || t->plan == PLAN_REPLACE);
}

static bool
comes(const struct yadifa_task *t)
{
	return t->plan == PLAN_ADD || t->plan == PLAN_CHANGE || t->plan == PLAN_REPLACE;
}

/* -- what is to be done ---------------------------------------------------- */

static bool
check_path(struct yadifa_task *t)
{
	char path[YADIFA_PATH_MAX];
	enum err err = yadifa_native_path(t->want, &t->op->zone, path);

	if (err == OK && files_component_max(path) <= FILE_NAME_MAX)
		return true;
	op_settle(t->op, RESULT_REJECTED, "the name of the zone file is too long");
	return false;
}

/* Settings and name are such that yadifad can have them. */
static bool
check_wanted(struct yadifa_batch *b, struct yadifa_task *t)
{
	const struct settings *s = t->op->settings;
	struct backend_error text = {""};
	size_t length_max =
	    s->role == ROLE_SECONDARY ? YADIFA_SECONDARY_MAX : YADIFA_NAME_MAX;

	if (yadifa_check_name(&t->op->zone, length_max, text.text, sizeof(text.text)) !=
		OK ||
	    yadifa_native_of(b->y, s, &t->want, &text) != OK) {
		op_settle(t->op, RESULT_REJECTED, "%s", text.text);
		return false;
	}
	return check_path(t);
}

/* What it died of is not tried again; what it may have died of, a few at a time. */
static bool
check_suspect(struct yadifa_batch *b, struct yadifa_task *t)
{
	if (yadifa_table_find(&b->y->condemned, &t->op->zone) != NULL) {
		op_settle(t->op, RESULT_REJECTED,
		    "yadifad died within 5 s of taking this zone, three times or more: "
		    "nsherdctl reconcile has it tried once more");
		return false;
	}
	if (yadifa_table_find(&b->y->suspects, &t->op->zone) == NULL)
		return true;
	if (b->n_suspects++ < b->y->suspects_at_once)
		return true;
	op_retry(t->op, 1,
	    "yadifad died within 5 s of taking this and other zones: a few at a time");
	return false;
}

/* It is in zones.conf as wanted, but lost its own file, of which we can make one. */
static bool
is_to_begin_anew(const struct yadifa_batch *b, const struct yadifa_task *t)
{
	return t->lacking && t->op->settings->initial_file != NULL &&
	       yadifa_files_lacks(b->y->zone_fd, t->want, &t->op->zone);
}

static void
plan_wanted(struct yadifa_batch *b, struct yadifa_task *t)
{
	if (!check_wanted(b, t))
		return;
	if (t->had == NULL)
		t->plan = PLAN_ADD;
	else if (t->had == t->want)
		t->plan = is_to_begin_anew(b, t) ? PLAN_ADD : PLAN_CONFIRM;
	else if (yadifa_native_is_smooth(t->had, t->want))
		t->plan = PLAN_CHANGE;
	else
		t->plan = PLAN_REPLACE;
	if (comes(t) && !check_suspect(b, t))
		t->plan = PLAN_NONE;
}

static void
plan(struct yadifa_batch *b, struct yadifa_task *t, struct backend_op *op)
{
	const struct yadifa_zone *z = yadifa_table_find(&b->y->inc.table, &op->zone);

	t->op = op;
	op_begin(op);
	/* What stands in for a ghost is no zone of ours. */
	t->ghost = z != NULL && strcmp(z->native->mark, yadifa_ghost_mark) == 0;
	if (t->ghost)
		z = NULL;
	t->had = z != NULL ? z->native : NULL;
	t->lacking = yadifa_table_find(&b->y->lacking, &op->zone) != NULL;
	yadifa_table_drop(&b->y->lacking, &op->zone);
	switch (op->kind) {
	case OP_REMOVE: t->plan = z != NULL ? PLAN_REMOVE : PLAN_CONFIRM; break;
	case OP_PURGE: t->plan = PLAN_PURGE; break;
	case OP_CHANGE:
	case OP_ADD: plan_wanted(b, t); break;
	}
}

/* -- picking some of them --------------------------------------------------- */

typedef bool pick_fn(const struct yadifa_batch *b, const struct yadifa_task *t);

struct picked {
	struct dname *zones;
	size_t *at; /* the task of each */
	size_t n;
};

static void
pick(struct yadifa_batch *b, pick_fn *fn, struct picked *p)
{
	p->zones = mem_alloc((b->n + 1) * sizeof(p->zones[0]));
	p->at = mem_alloc((b->n + 1) * sizeof(p->at[0]));
	p->n = 0;
	for (size_t i = 0; i < b->n; i++) {
		if (!op_is_open(b->tasks[i].op) || !fn(b, &b->tasks[i]))
			continue;
		p->at[p->n] = i;
		p->zones[p->n++] = b->tasks[i].op->zone;
	}
}

static void
unpick(struct picked *p)
{
	free(p->zones);
	free(p->at);
}

/* -- zones that are not in the file ---------------------------------------- */

static bool
is_unknown(const struct yadifa_batch *b, const struct yadifa_task *t)
{
	if (t->ghost || t->had != NULL ||
	    (t->plan != PLAN_ADD && t->plan != PLAN_CONFIRM))
		return false;
	/* The look-up before this batch has just asked. */
	return t->plan == PLAN_CONFIRM ||
	       yadifa_table_find(&b->y->absent, &t->op->zone) == NULL;
}

/* What is hollow is filled by being added. */
static bool
is_to_be_cured(const struct yadifa_task *t, enum yadifa_state state)
{
	return state == YADIFA_GHOST ||
	       (state == YADIFA_HOLLOW && t->op->kind == OP_REMOVE);
}

static bool
is_ghost(const struct yadifa_batch *b, const struct yadifa_task *t)
{
	(void)b;
	return t->ghost;
}

static enum err
cure_ghosts(struct yadifa_batch *b)
{
	struct picked p;
	bool *cured;
	enum err err = OK;

	pick(b, is_ghost, &p);
	cured = mem_zalloc((p.n + 1) * sizeof(cured[0]));
	if (p.n > 0)
		err = yadifa_cure(b->y, p.zones, p.n, cured, b->why);
	for (size_t i = 0; err == OK && i < p.n; i++) {
		struct yadifa_task *t = &b->tasks[p.at[i]];

		t->ghost = false;
		if (cured[i])
			continue;
		op_retry(t->op, RETRY_SOON_S,
		    "yadifad still serves the zone, which was removed");
	}
	free(cured);
	unpick(&p);
	return err;
}

static enum err
look_at_unknown(struct yadifa_batch *b)
{
	enum yadifa_state *states;
	struct picked p;
	enum err err = OK;

	(void)yadifa_operator_read(b->y); /* has he put anything in since? */
	if (clock_ms() - b->y->absent_ms > ABSENT_MS ||
	    b->y->absent_changes != b->y->operator.n_changes) {
		yadifa_table_fini(&b->y->absent);
		yadifa_table_init(&b->y->absent);
	}
	pick(b, is_unknown, &p);
	states = mem_alloc((p.n + 1) * sizeof(states[0]));
	if (p.n > 0)
		err = yadifa_find_new(b->y, p.zones, p.n, states, b->why);
	for (size_t i = 0; err == OK && i < p.n; i++) {
		struct yadifa_task *t = &b->tasks[p.at[i]];

		if (states[i] == YADIFA_KNOWN)
			op_settle(t->op, RESULT_CONFLICT,
			    "yadifad has the zone, and not from us");
		t->ghost = is_to_be_cured(t, states[i]);
	}
	free(states);
	unpick(&p);
	yadifa_table_fini(&b->y->absent);
	yadifa_table_init(&b->y->absent);
	return err == OK ? cure_ghosts(b) : err;
}

/* -- before a removal ------------------------------------------------------ */

static bool
is_going(const struct yadifa_batch *b, const struct yadifa_task *t)
{
	(void)b;
	return goes(t);
}

/* What yadifad began to load must come to its end first. */
static enum err
let_settle(struct yadifa_batch *b)
{
	struct yadifa *y = b->y;
	int64_t left = y->reload_end_ms + SETTLE_MS + y->reload_wall_ms - clock_ms();
	struct picked p;
	bool *served;
	enum err err = OK;

	pick(b, is_going, &p);
	served = mem_zalloc((p.n + 1) * sizeof(served[0]));
	if (y->reload_end_ms == 0 || left < 0)
		left = 0;
	if (p.n > 0)
		err =
		    yadifa_wait_served(y, p.zones, p.n, (unsigned)left, served, b->why);
	for (size_t i = 0; err == OK && i < p.n; i++)
		b->tasks[p.at[i]].quiet = !served[i];
	free(served);
	unpick(&p);
	return err;
}

/* -- files ----------------------------------------------------------------- */

static void
settle_file(struct yadifa_batch *b, struct yadifa_task *t, enum err err)
{
	if (err == OK)
		return;
	op_settle(t->op, err == ERR_INVALID ? RESULT_REJECTED : RESULT_RETRY,
	    "cannot make the zone file in %.100s: %s", b->y->conf.zone_dir,
	    mem_errno_text(errno));
	t->op->retry_s = RETRY_SOON_S;
}

static bool
needs_files(const struct yadifa_task *t)
{
	return op_is_open(t->op) && (t->plan == PLAN_ADD || t->plan == PLAN_REPLACE);
}

/* What a secondary that turns primary begins with: see change_role. */
static bool
starts_anew(const struct yadifa_task *t)
{
	return t->plan == PLAN_ADD || !yadifa_native_is_secondary(t->had);
}

/* A primary stays one, and must not be lost by that. */
static void
check_file(struct yadifa_batch *b, struct yadifa_task *t)
{
	if (op_is_open(t->op) && t->plan == PLAN_REPLACE &&
	    !yadifa_native_is_secondary(t->want) &&
	    !yadifa_native_is_secondary(t->had) &&
	    files_reject_missing(b->y->zone_fd, b->y->conf.zone_dir, t->op))
		t->plan = PLAN_NONE;
}

static void
make_files(struct yadifa_batch *b)
{
	struct yadifa *y = b->y;
	struct spool_batch files;
	enum err err;

	spool_batch_begin(&files, y->zone_fd);
	for (size_t i = 0; i < b->n; i++) {
		struct yadifa_task *t = &b->tasks[i];

		if (!needs_files(t))
			continue;
		if (yadifa_native_is_secondary(t->want))
			yadifa_files_make_transfer_dirs(y->transfer_fd, &t->op->zone);
		settle_file(b, t,
		    files_make(&files, t->op->settings, &t->op->zone, starts_anew(t),
			YADIFA_FILE_MODE));
	}
	err = spool_batch_end(&files);
	for (size_t i = 0; i < b->n; i++) {
		if (err != OK && needs_files(&b->tasks[i]))
			settle_file(b, &b->tasks[i], err);
		check_file(b, &b->tasks[i]);
	}
}

/* In another role the old data would be taken for something that it is not. */
static enum err
change_role(struct yadifa *y, const struct yadifa_task *t)
{
	bool was = yadifa_native_is_secondary(t->had);
	bool is = yadifa_native_is_secondary(t->want), gone = false;
	char path[YADIFA_PATH_MAX];
	enum err err;

	if (was == is)
		return OK;
	err = yadifa_files_unlink_transfers(y->transfer_dir, &t->op->zone, &gone);
	if (err == OK)
		err = yadifa_native_path(is ? t->had : t->want, &t->op->zone, path);
	if (err != OK)
		return err;
	if (is)
		return settings_file_is_own(t->had->template)
			   ? yadifa_files_set_aside(y->zone_fd, path, &t->op->zone)
			   : OK;
	err = yadifa_files_bring_back(y->zone_fd, path);
	if (err == OK)
		err = yadifa_files_make(y->zone_fd, t->op->settings, &t->op->zone);
	return err;
}

/* -- the end of it --------------------------------------------------------- */

static void
settle_taken(struct yadifa_batch *b)
{
	for (size_t i = 0; i < b->n; i++) {
		struct yadifa_task *t = &b->tasks[i];

		if (!op_is_open(t->op) || !(comes(t) || t->plan == PLAN_CONFIRM))
			continue;
		if (t->op->kind == OP_REMOVE) {
			op_settle(t->op, RESULT_ALREADY, "%s", "");
			continue;
		}
		op_settle(t->op, t->plan == PLAN_CONFIRM ? RESULT_ALREADY : RESULT_OK,
		    "%s", "");
		snprintf(t->op->mark, sizeof(t->op->mark), "%s", t->want->mark);
		if (t->plan != PLAN_CONFIRM && yadifa_native_is_secondary(t->want))
			yadifa_expect(b->y, &t->op->zone);
	}
}

/* Gone is not served, and not known either. */
static enum err
see_gone(struct yadifa_batch *b)
{
	enum yadifa_state *states;
	struct picked p;
	enum err err = OK;

	pick(b, is_going, &p);
	states = mem_alloc((p.n + 1) * sizeof(states[0]));
	if (p.n > 0)
		err = yadifa_wait_gone(b->y, p.zones, p.n, states, b->why);
	for (size_t i = 0; err == OK && i < p.n; i++) {
		struct yadifa_task *t = &b->tasks[p.at[i]];

		if (t->quiet)
			yadifa_depart(b->y, &t->op->zone);
		t->ghost = is_to_be_cured(t, states[i]);
		t->stays = states[i] == YADIFA_KNOWN;
	}
	free(states);
	unpick(&p);
	if (err == OK)
		err = cure_ghosts(b);
	for (size_t i = 0; err == OK && i < b->n; i++) {
		struct yadifa_task *t = &b->tasks[i];

		if (!op_is_open(t->op) || t->plan != PLAN_REMOVE)
			continue;
		op_settle(t->op, t->stays ? RESULT_RETRY : RESULT_OK, "%s",
		    t->stays ? "yadifad still has the zone" : "");
		t->op->retry_s = t->stays ? RETRY_SOON_S : 0;
	}
	return err;
}

static enum err
replace(struct yadifa_batch *b)
{
	size_t n = 0;

	for (size_t i = 0; i < b->n; i++) {
		struct yadifa_task *t = &b->tasks[i];

		/* One that was settled meanwhile has to be as it was. */
		if (t->plan == PLAN_REPLACE && !t->in &&
		    (!op_is_open(t->op) || t->stays)) {
			if (op_is_open(t->op)) {
				op_retry(t->op, RETRY_SOON_S,
				    "yadifad still has the zone");
			}
			yadifa_put_back(b, t);
			n++;
		} else if (t->plan == PLAN_REPLACE && op_is_open(t->op)) {
			settle_file(b, t, change_role(b->y, t));
			if (op_is_open(t->op))
				yadifa_put_in(b, t);
			else
				yadifa_put_back(b, t);
			n++;
		}
	}
	return n > 0 ? yadifa_take_effect(b, PLAN_REPLACE) : OK;
}

static bool
is_to_purge(const struct yadifa_batch *b, const struct yadifa_task *t)
{
	(void)b;
	return t->plan == PLAN_PURGE;
}

static void
purge(struct yadifa_batch *b, struct yadifa_task *t)
{
	struct backend_op *op = t->op;
	bool gone = false;
	enum err err;

	err = yadifa_files_unlink_transfers(b->y->transfer_dir, &op->zone, &gone);
	if (err == OK && settings_record_is_own(op->zonefile))
		err =
		    yadifa_files_unlink(b->y->zone_fd, op->zonefile, &op->zone, &gone);
	if (err == OK)
		op_settle(t->op, gone ? RESULT_OK : RESULT_ALREADY, "%s", "");
	else
		op_settle(t->op, RESULT_REJECTED, "its old data cannot be removed: %s",
		    mem_errno_text(errno));
}

/* What was ours once may by now be the operator's, with data of his. */
static enum err
purge_all(struct yadifa_batch *b)
{
	enum yadifa_state *states;
	struct picked p;
	enum err err = OK;

	pick(b, is_to_purge, &p);
	states = mem_alloc((p.n + 1) * sizeof(states[0]));
	if (p.n > 0)
		err = yadifa_find(b->y, p.zones, p.n, states, b->why);
	for (size_t i = 0; err == OK && i < p.n; i++) {
		struct yadifa_task *t = &b->tasks[p.at[i]];

		if (states[i] == YADIFA_ABSENT || states[i] == YADIFA_HOLLOW)
			purge(b, t);
		else
			op_retry(t->op, RETRY_SOON_S, "yadifad still has the zone");
	}
	free(states);
	unpick(&p);
	return err;
}

/* -- all of it ------------------------------------------------------------- */

static enum err
run(struct yadifa_batch *b)
{
	struct yadifa *y = b->y;
	enum err err = look_at_unknown(b);

	if (err == OK)
		err = let_settle(b);
	if (err != OK)
		return err;
	make_files(b);
	for (size_t i = 0; i < b->n; i++) {
		struct yadifa_task *t = &b->tasks[i];

		if (goes(t))
			yadifa_take_away(b, t);
		else if (op_is_open(t->op) && comes(t))
			yadifa_put_in(b, t);
	}
	if (y->written && y->loaded)
		err = yadifa_flush(y, b->why); /* by this process? */
	else
		err = yadifa_take_effect(b, PLAN_NONE);
	if (err == OK)
		err = see_gone(b);
	if (err == OK)
		err = replace(b);
	if (err == OK && b->n_suspects > 0)
		err = yadifa_guard_wait(y, b->why);
	if (err == OK) {
		settle_taken(b);
		err = yadifa_hurry(y, b->why);
	}
	return err == OK ? purge_all(b) : err;
}

/* After a failure: what was written may have been read, or will be. */
static void
settle_failed(struct yadifa_batch *b)
{
	for (size_t i = 0; i < b->n; i++) {
		struct yadifa_task *t = &b->tasks[i];

		if (op_is_open(t->op) && t->touched)
			op_settle(t->op, RESULT_UNKNOWN, "%.190s", b->why->text);
	}
}

enum err
yadifa_apply(void *ctx, struct backend_op *ops, size_t n, struct backend_error *why)
{
	struct yadifa *y = ctx;
	struct yadifa_batch b = {y, mem_zalloc((n + 1) * sizeof(b.tasks[0])), n, why, 0,
	    0};
	enum err err;

	assert(n <= YADIFA_BATCH_MAX);
	yadifa_guard_check(y);
	err = yadifa_mend(y, why);
	for (size_t i = 0; i < n; i++)
		plan(&b, &b.tasks[i], &ops[i]);
	if (err == OK)
		err = run(&b);
	if (err != OK)
		settle_failed(&b);
	/* After this the natives may be others. */
	if (yadifa_guard_check(y)) {
		settle_failed(&b);
		err =
		    backend_fail(why, ERR_CLOSED, "yadifad died of what it was given");
	}
	yadifa_hang_up(y);
	free(b.tasks);
	return err;
}
