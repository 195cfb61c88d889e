/* SPDX-License-Identifier: BSD-2-Clause */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/backend/bind.h"
#include "agent/backend/bind_batch.h"
#include "agent/backend/bind_files.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/mem.h"

/*
 * A batch: removals, purges, changes, additions, each zone by its own command.
 * A command whose answer is lost makes that operation UNKNOWN and ends the
 * batch; what comes after it was not tried.
 *
 * An addition goes out without a look, for named says whether the zone is there.
 * A change or a removal needs one: named would change or remove what is not ours.
 */

enum {
	BULK_MIN = 200, /* below that a reconfig is not worth its stall */
	DELETE_MS = 50, /* until named has written a deletion, generously */
	NZD_KEY_MAX = 511,
};

static const char full_text[] =
    "named cannot save zones in its new-zone database: there is no room on its disk, "
    "or it is larger than lmdb-mapsize";

void
bind_settle_added(struct bind_task *t, enum backend_result result)
{
	op_settle(t->op, result, "%s", "");
	mark_print(t->op->settings, t->op->mark);
}

bool
bind_is_kind(const struct bind_task *t, enum backend_op_kind kind)
{
	return op_is_open(t->op) && t->op->kind == kind;
}

void
bind_settle_foreign(struct bind_task *t)
{
	op_settle(t->op, RESULT_CONFLICT, "named has the zone, and not from us");
}

/* named's words, in one line. */
void
bind_settle_refused(struct bind_task *t, const struct rndc_reply *reply)
{
	const char *text = reply->text;
	const char *detail = text[0] == '\0' ? "named's log has more" : text;

	op_settle(t->op, RESULT_REJECTED, "named: %s: %.*s", reply->err,
	    (int)strcspn(detail, "\n"), detail);
}

/* `VERB TARGET BODY`. If it may have been carried out unseen, t is UNKNOWN. */
enum err
bind_order(struct bind_batch *ba, struct bind_task *t, const char *verb, bool with_body,
    struct rndc_reply *reply)
{
	char target[BIND_NAME_MAX];
	char *command =
	    mem_printf("%s %s%s%s", verb, bind_target(ba->b, &t->op->zone, target),
		with_body ? " " : "", with_body ? buf_text(&t->body) : "");
	enum err err = bind_send(ba->b, command, reply, ba->why);

	free(command);
	ba->b->changed_ms = clock_unix_ms();
	if (err == ERR_RANGE) {
		/* Nothing was sent; let it look like an answer. */
		op_settle(t->op, RESULT_REJECTED,
		    "the settings are too long for a "
		    "command of named (32 kB)");
	} else if (err != OK && ba->b->rndc.sent) {
		op_settle(t->op, RESULT_UNKNOWN, "%.190s", ba->why->text);
	}
	return err;
}

enum err
bind_find_task(struct bind_batch *ba, struct bind_task *t)
{
	return bind_find(ba->b, &t->op->zone, &t->found, ba->why);
}

/* -- removing ----------------------------------------------------------------- */

enum err
bind_delete(struct bind_batch *ba, struct bind_task *t, bool *gone)
{
	struct rndc_reply reply;
	enum err err = bind_order(ba, t, "delzone", false, &reply);

	*gone = false;
	if (err != OK)
		return err;
	*gone = reply.good || rndc_says(&reply, "not found");
	if (*gone) {
		ba->b->deleted_ms = clock_ms();
		/* What is to be there again is not wanted dead, should its end not
		 * be seen. */
		if (t->op->kind == OP_REMOVE && !t->dropped)
			bind_lines_deleted(&ba->lines, &t->op->zone, ba->b->process);
		else
			bind_lines_forget(&ba->lines, &t->op->zone);
	} else {
		bind_settle_refused(t, &reply);
	}
	rndc_reply_fini(&reply);
	return OK;
}

enum err
bind_drop_from_bulk(struct bind_batch *ba, bool (*which)(const struct bind_task *t))
{
	struct bind_task **list = mem_alloc((ba->n + 1) * sizeof(list[0]));
	size_t n = 0;
	enum err err = OK;

	for (size_t i = 0; i < ba->n; i++) {
		struct bind_task *t = &ba->tasks[i];

		if (t->in_bulk && !t->dropped && which(t))
			list[n++] = t;
	}
	if (n > 0)
		err = bind_bulk_drop(ba->b, list, n, ba->why);
	for (size_t i = 0; err == OK && i < n; i++)
		list[i]->dropped = true;
	free(list);
	return err;
}

static bool
is_leaving(const struct bind_task *t)
{
	return bind_is_kind(t, OP_REMOVE);
}

static enum err
apply_removes(struct bind_batch *ba)
{
	enum err err = OK;

	for (size_t i = 0; err == OK && i < ba->n; i++) {
		struct bind_task *t = &ba->tasks[i];

		if (!bind_is_kind(t, OP_REMOVE))
			continue;
		err = bind_find_task(ba, t);
		if (err == OK && t->found.state == BIND_ZONE_FOREIGN)
			bind_settle_foreign(t);
		else if (err == OK && t->found.state == BIND_ZONE_NONE && !t->in_bulk)
			op_settle(t->op, RESULT_ALREADY, "%s", "");
	}
	if (err == OK)
		err = bind_drop_from_bulk(ba, is_leaving);
	for (size_t i = 0; err == OK && i < ba->n; i++) {
		struct bind_task *t = &ba->tasks[i];
		bool gone = true;

		if (!bind_is_kind(t, OP_REMOVE))
			continue;
		if (t->found.state == BIND_ZONE_OURS)
			err = bind_delete(ba, t, &gone);
		if (err == OK && gone)
			op_settle(t->op, RESULT_OK, "%s", "");
	}
	return err;
}

static enum err
purge(struct bind_batch *ba, struct bind_task *t)
{
	enum err err;

	if (!settings_record_is_own(t->op->zonefile)) {
		op_settle(t->op, RESULT_ALREADY, "the zone has no file of its own");
		return OK;
	}
	err = bind_find_task(ba, t);
	if (err != OK)
		return err;
	if (t->found.state != BIND_ZONE_NONE) {
		op_retry(t->op, 10, "named still has the zone");
		return OK;
	}
	bind_files_purge(ba->b->zone_dir, t);
	return OK;
}

/* -- adding ------------------------------------------------------------------- */

static bool
is_addition(const struct bind_task *t)
{
	return op_is_open(t->op) &&
	       (t->op->kind == OP_ADD || t->op->kind == OP_CHANGE) &&
	       t->found.state == BIND_ZONE_NONE;
}

static bool
is_single_addition(const struct bind_task *t)
{
	return is_addition(t) && !t->bulk;
}

/* Where its tombstone cannot be taken away, it would go again some day. */
static void
wait_for_journal(struct bind_batch *ba)
{
	for (size_t i = 0; i < ba->n; i++) {
		struct bind_task *t = &ba->tasks[i];

		if (is_addition(t) &&
		    bind_names_get(&ba->b->tombs, &t->op->zone) != NULL)
			op_retry(t->op, 10,
			    "it was removed, and %.100s/%s cannot be written to say "
			    "that it comes back",
			    ba->b->conf.config_dir, bind_journal_name);
	}
}

/*
 * What we deleted is to be there again: the tombstone must be off the disk
 * before. And named must have written the deletion, lest it takes the new zone
 * out of the database.
 */
static enum err
lift_tombs(struct bind_batch *ba)
{
	struct bind *b = ba->b;
	struct bind_lines lines;
	int64_t since_ms = clock_ms() - b->deleted_ms;
	bool any = false;

	bind_lines_init(&lines);
	for (size_t i = 0; i < ba->n; i++) {
		struct bind_task *t = &ba->tasks[i];

		if (!is_addition(t))
			continue;
		any |= t->renewing;
		if (bind_names_get(&b->tombs, &t->op->zone) == NULL)
			continue;
		bind_lines_forget(&lines, &t->op->zone);
		any = lines.sync = true;
	}
	if (!bind_journal_append(b, &lines))
		wait_for_journal(ba);
	bind_lines_fini(&lines);
	return any && since_ms < DELETE_MS
		   ? chan_sleep(b->conf.cancel_fd, (unsigned)(DELETE_MS - since_ms),
			 ba->why)
		   : OK;
}

/*
 * `failure` without a text: the body is wrong, or named could not save the zone,
 * but serves it. The latter would be gone after a restart.
 */
static enum err
add_failed(struct bind_batch *ba, struct bind_task *t, const struct rndc_reply *reply)
{
	bool gone;
	enum err err = bind_find_task(ba, t);

	if (err != OK)
		return err;
	if (t->found.state == BIND_ZONE_NONE) {
		bind_settle_refused(t, reply);
		return OK;
	}
	if (t->found.state == BIND_ZONE_OURS && t->found.unsaved) {
		err = bind_delete(ba, t, &gone);
		if (err != OK || !gone)
			return err;
	}
	ba->full = true;
	op_retry(t->op, BIND_FULL_RETRY_S, "%s", full_text);
	log_warn("bind", "backend=%s text=\"%s\"", ba->b->conf.name, full_text);
	return OK;
}

/*
 * It was a primary: named takes the file that it had for an earlier transfer, and
 * asks the primary in minutes only, for what is newer than that. If named will not,
 * it does so later.
 */
static enum err
fetch(struct bind_batch *ba, struct bind_task *t)
{
	struct rndc_reply reply;
	enum err err;

	if (!t->renewing || !t->found.primary ||
	    t->op->settings->role != ROLE_SECONDARY)
		return OK;
	err = bind_order(ba, t, "retransfer", false, &reply);
	if (err == OK)
		rndc_reply_fini(&reply);
	return err;
}

static enum err
add(struct bind_batch *ba, struct bind_task *t)
{
	char name[DNAME_TEXT_MAX];
	struct rndc_reply reply;
	enum err err;

	/* Served, and never saved: keys of LMDB have a limit. */
	if (strlen(dname_print_short(&t->op->zone, name)) > NZD_KEY_MAX) {
		op_settle(t->op, RESULT_REJECTED,
		    "the name has more than %d characters, too long for named's "
		    "new-zone database",
		    NZD_KEY_MAX);
		return OK;
	}
	err = bind_order(ba, t, "addzone", true, &reply);

	if (err != OK)
		return err == ERR_RANGE ? OK : err;
	if (reply.good) {
		bind_settle_added(t, RESULT_OK);
		bind_lines_added(&ba->lines, &t->op->zone, t->op->mark);
		rndc_reply_fini(&reply);
		return fetch(ba, t);
	} else if (rndc_says(&reply, "already exists")) {
		err = bind_find_task(ba, t);
		/* It came back, and was deleted: once more. */
		if (err == OK && t->found.state == BIND_ZONE_NONE)
			op_retry(t->op, 1, "named had the zone a moment ago");
	} else if (rndc_says(&reply, "failure") && reply.text[0] == '\0') {
		err = add_failed(ba, t, &reply);
	} else if (rndc_says(&reply, "permission denied") &&
		   strstr(reply.text, "loadnew") != NULL) {
		op_retry(t->op, 60, "named may not read the zone file in %.100s",
		    ba->b->conf.zone_dir);
	} else if (rndc_says(&reply, "permission denied")) {
		op_retry(t->op, 60,
		    "named takes no zones: it needs allow-new-zones yes;");
		ba->b->ready = false;
	} else {
		bind_settle_refused(t, &reply);
	}
	rndc_reply_fini(&reply);
	return err;
}

/* By one reconfig, where the operator allows that and it is worth it. */
static enum err
add_bulk(struct bind_batch *ba)
{
	size_t n = 0;
	enum err err;

	for (size_t i = 0; i < ba->n; i++)
		n += is_addition(&ba->tasks[i]);
	if (!ba->b->bulk || n < BULK_MIN)
		return OK;
	for (size_t i = 0; i < ba->n; i++)
		ba->tasks[i].bulk = is_addition(&ba->tasks[i]);
	err = bind_bulk_add(ba->b, ba->tasks, ba->n, ba->why);
	for (size_t i = 0; i < ba->n; i++) {
		struct bind_task *t = &ba->tasks[i];

		if (t->bulk && t->op->result == RESULT_OK)
			bind_lines_added(&ba->lines, &t->op->zone, t->op->mark);
		t->bulk = false;
	}
	return err;
}

static enum err
apply_adds(struct bind_batch *ba)
{
	enum err err = lift_tombs(ba);

	if (err == OK)
		bind_files_make(ba->b->zone_dir, ba->tasks, ba->n, is_addition);
	if (err == OK)
		err = add_bulk(ba);
	if (err == OK)
		err = bind_drop_from_bulk(ba, is_single_addition);
	for (size_t i = 0; err == OK && i < ba->n; i++) {
		struct bind_task *t = &ba->tasks[i];

		if (!is_addition(t))
			continue;
		if (ba->full) {
			op_retry(t->op, BIND_FULL_RETRY_S, "%s", full_text);
			continue;
		}
		err = add(ba, t);
		if (err == OK && op_is_open(t->op) && t->found.state != BIND_ZONE_NONE)
			err = bind_change_one(ba, t);
		if (err == OK && bind_is_renewing(t))
			err = bind_delete_renewing(ba);
		/* Its settings were others than a change can make. */
		if (err == OK && is_addition(t))
			err = add(ba, t);
		if (err == OK && t->old_body != NULL && !op_is_open(t->op) &&
		    t->found.state == BIND_ZONE_NONE && t->op->result != RESULT_OK)
			err = bind_put_back(ba, t);
	}
	return err;
}

/* -- all of it ---------------------------------------------------------------- */

static enum err
run(struct bind_batch *ba)
{
	enum err err = bind_bulk_find(ba->b, ba->tasks, ba->n, ba->why);

	if (err == OK)
		err = apply_removes(ba);
	for (size_t i = 0; err == OK && i < ba->n; i++) {
		if (bind_is_kind(&ba->tasks[i], OP_PURGE))
			err = purge(ba, &ba->tasks[i]);
	}
	if (err == OK)
		err = bind_apply_changes(ba);
	if (err == OK)
		err = apply_adds(ba);
	for (size_t i = 0; err == OK && i < ba->n; i++) {
		if (op_is_open(ba->tasks[i].op))
			op_retry(ba->tasks[i].op, 5, "named says now this, now that");
	}
	return err;
}

static void
init_task(struct bind *b, struct bind_task *t, struct backend_op *op)
{
	struct backend_error why = {""};
	char *file;

	t->op = op;
	op_begin(op);
	buf_init(&t->body, 0);
	if (op->kind != OP_ADD && op->kind != OP_CHANGE)
		return;
	file = settings_zonefile(op->settings, &op->zone);
	t->file = mem_printf("%s/%s", b->zone_dir, file);
	free(file);
	if (bind_body_print(op->settings, &op->zone, b->zone_dir, b->conf.keys,
		&t->body, &why) != OK)
		op_settle(t->op, RESULT_REJECTED, "%s", why.text);
}

enum err
bind_apply(void *ctx, struct backend_op *ops, size_t n, struct backend_error *why)
{
	struct bind *b = ctx;
	struct bind_batch ba = {.b = b,
	    .tasks = mem_zalloc((n + 1) * sizeof(ba.tasks[0])),
	    .n = n,
	    .why = why};
	enum err err = b->process[0] == '\0' ? bind_look(b, why) : OK;

	assert(n <= BIND_BATCH_MAX);
	bind_journal_read(b);
	bind_lines_init(&ba.lines);
	for (size_t i = 0; i < n; i++)
		init_task(b, &ba.tasks[i], &ops[i]);
	if (err == OK)
		err = run(&ba);
	bind_save_modified(&ba);
	bind_journal_write(b, &ba.lines);
	bind_lines_fini(&ba.lines);
	rndc_disconnect(&b->rndc);
	for (size_t i = 0; i < n; i++) {
		buf_fini(&ba.tasks[i].body);
		free(ba.tasks[i].file);
		free(ba.tasks[i].old_body);
	}
	free(ba.tasks);
	return err;
}
