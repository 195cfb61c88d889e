/* SPDX-License-Identifier: BSD-2-Clause */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/backend/files.h"
#include "agent/backend/knot_batch.h"
#include "agent/backend/spool.h"
#include "lib/mem.h"

/*
 * A batch: a look at what knotd has of its zones, then one transaction of two
 * blocks, all that is unset and all that is set. The look and the transaction
 * are of one connection, and knotd (3.2) takes up no catalog meanwhile, so that
 * nothing gets between them.
 *
 * If knotd refuses one thing, the whole block is undone but not forgotten: to
 * go on in such a transaction, or commit it, can end knotd. So it is aborted at
 * once, what was refused gets its result, and the rest is tried anew.
 *
 * The items of a zone are its template, its file, and what would make knotd
 * reload all zones if it stood in the template (knot_native.h).
 */

/* Knot writes a file beside the zone file, with a longer name, first. */
enum { FILE_MAX = 1000, COMPONENT_MAX = 248 };

/* -- one operation ------------------------------------------------------------ */

bool
knot_task_is_setting(const struct knot_task *t)
{
	return t->op->kind == OP_ADD || t->op->kind == OP_CHANGE;
}

bool
knot_task_is_addition(const struct knot_task *t)
{
	return op_is_open(t->op) && knot_task_is_setting(t) &&
	       t->found.state == KNOT_ZONE_NONE;
}

bool
knot_task_is_change(const struct knot_task *t)
{
	return op_is_open(t->op) && knot_task_is_setting(t) &&
	       t->found.state == KNOT_ZONE_OURS;
}

bool
knot_task_is_removal(const struct knot_task *t)
{
	return op_is_open(t->op) && t->op->kind == OP_REMOVE;
}

void
knot_task_settle_set(struct knot *k, struct knot_task *t, enum backend_result result)
{
	const struct knot_native *native = knot_native_of(k, t->op->settings);

	op_settle(t->op, result, "%s", "");
	snprintf(t->op->mark, sizeof(t->op->mark), "%s", native->name);
}

/* -- before anything is sent -------------------------------------------------- */

static void
check(struct knot_batch *b, struct knot_task *t)
{
	char *path;

	if (!knot_task_is_setting(t))
		return;
	if (knot_native_of(b->k, t->op->settings) == NULL) {
		op_settle(t->op, RESULT_REJECTED, "the pattern is not for knot");
		return;
	}
	path = settings_zonefile(t->op->settings, &t->op->zone);
	if (strlen(b->k->conf.zone_dir) + strlen(path) > FILE_MAX ||
	    files_component_max(path) > COMPONENT_MAX)
		op_settle(t->op, RESULT_REJECTED,
		    "the name of the zone file is too long for knot");
	free(path);
}

/* -- what knotd has ----------------------------------------------------------- */

static void
settle_foreign(struct knot_task *t)
{
	if (t->found.state == KNOT_ZONE_MEMBER)
		op_settle(t->op, RESULT_CONFLICT,
		    "knot has the zone as a member of a catalog of its own");
	else
		op_settle(t->op, RESULT_CONFLICT, "knot has the zone, and not from us");
}

static void
settle_found(struct knot_batch *b, struct knot_task *t)
{
	bool there = t->found.state != KNOT_ZONE_NONE;
	bool ours = t->found.state == KNOT_ZONE_OURS;

	if (t->op->kind == OP_PURGE) {
		if (there)
			op_retry(t->op, ours ? 10 : 3600, "knot still has the zone");
	} else if (there && !ours) {
		settle_foreign(t);
	} else if (t->op->kind == OP_REMOVE) {
		if (!there)
			op_settle(t->op, RESULT_ALREADY, "%s", "");
	} else if (ours) {
		const char *name = knot_native_of(b->k, t->op->settings)->name;

		if (strcmp(t->found.mark, name) == 0)
			knot_task_settle_set(b->k, t, RESULT_ALREADY);
	}
}

static enum err
look(struct knot_batch *b)
{
	struct dname *names = mem_alloc((b->n + 1) * sizeof(names[0]));
	struct knot_found *found = mem_alloc((b->n + 1) * sizeof(found[0]));
	size_t n = 0, k = 0;
	enum err err;

	for (size_t i = 0; i < b->n; i++) {
		if (op_is_open(b->tasks[i].op))
			names[n++] = b->tasks[i].op->zone;
	}
	err = knot_find(b->k, names, n, found, b->why);
	for (size_t i = 0; err == OK && i < b->n; i++) {
		if (!op_is_open(b->tasks[i].op))
			continue;
		b->tasks[i].found = found[k++];
		settle_found(b, &b->tasks[i]);
	}
	free(names);
	free(found);
	return err;
}

/* -- files -------------------------------------------------------------------- */

static void
settle_no_file(struct knot_batch *b, struct knot_task *t, enum err err)
{
	const char *text = mem_errno_text(errno);

	if (err != OK && err != ERR_INVALID)
		op_retry(t->op, 10, "cannot make the zone file in %.100s: %s",
		    b->k->conf.zone_dir, text);
	else if (err != OK)
		op_settle(t->op, RESULT_REJECTED,
		    "cannot make the zone file in %.100s: %s", b->k->conf.zone_dir,
		    text);
}

static bool
needs_files(const struct knot_task *t)
{
	return (knot_task_is_addition(t) || knot_task_is_change(t)) &&
	       (t->op->settings->initial_file != NULL ||
		   strchr(t->op->settings->zonefile, '/') != NULL);
}

/* This takes its time, so not while knotd waits: *made says that the connection
 * was left, and the look is old. */
static enum err
make_all_files(struct knot_batch *b, bool *made)
{
	struct spool_batch files;
	int dir_fd;
	enum err err, ended;

	*made = false;
	for (size_t i = 0; i < b->n; i++)
		*made |= needs_files(&b->tasks[i]);
	if (!*made)
		return OK;
	knot_leave(b->k);
	err = spool_open(b->k->conf.zone_dir, &dir_fd);
	if (err != OK)
		return backend_fail(b->why, err, "zone-dir %s: %s", b->k->conf.zone_dir,
		    mem_errno_text(errno));
	spool_batch_begin(&files, dir_fd);
	for (size_t i = 0; err == OK && i < b->n; i++) {
		struct knot_task *t = &b->tasks[i];

		if (!needs_files(t))
			continue;
		settle_no_file(b, t,
		    files_make(&files, t->op->settings, &t->op->zone, true, 0640));
		err = chan_sleep(b->k->conf.cancel_fd, 0, b->why);
	}
	ended = spool_batch_end(&files);
	for (size_t i = 0; ended != OK && i < b->n; i++) {
		if (needs_files(&b->tasks[i]))
			settle_no_file(b, &b->tasks[i], ended);
	}
	close(dir_fd);
	return err;
}

/* -- all of it ---------------------------------------------------------------- */

static enum err
run(struct knot_batch *b)
{
	bool made, purges = false;
	enum err err = knot_enter(b->k, b->why);

	if (err == OK)
		err = look(b);
	if (err == OK)
		err = make_all_files(b, &made);
	if (err == OK && made) {
		err = knot_enter(b->k, b->why);
		if (err == OK)
			err = look(b);
	}
	if (err == OK)
		err = knot_commit_batch(b);
	for (size_t i = 0; i < b->n; i++)
		purges |=
		    op_is_open(b->tasks[i].op) && b->tasks[i].op->kind == OP_PURGE;
	if (err == OK && purges)
		err = knot_purge_batch(b);
	knot_leave(b->k);
	return err;
}

enum err
knot_apply(void *ctx, struct backend_op *ops, size_t n, struct backend_error *why)
{
	struct knot_batch b = {ctx, mem_zalloc((n + 1) * sizeof(b.tasks[0])), n, why};
	enum err err;

	assert(n <= KNOT_BATCH_MAX);
	for (size_t i = 0; i < n; i++) {
		struct knot_task *t = &b.tasks[i];

		t->op = &ops[i];
		op_begin(t->op);
		check(&b, t);
	}
	err = run(&b);
	for (size_t i = 0; i < n; i++)
		knot_items_fini(&b.tasks[i].held);
	free(b.tasks);
	return err;
}
