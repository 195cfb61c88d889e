/* SPDX-License-Identifier: BSD-2-Clause */
#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/backend/bind.h"
#include "agent/backend/bind_files.h"
#include "agent/backend/spool.h"
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
	FULL_RETRY_S = 300,
	NZD_KEY_MAX = 511,
};

static const char full_text[] =
    "named's new-zone database (NZD) map is full, raise lmdb-mapsize";

struct batch {
	struct bind *b;
	struct bind_task *tasks;
	size_t n;
	struct bind_lines lines; /* for the journal, when all is done */
	bool full;               /* the new-zone database is */
	struct backend_error *why;
};

void
bind_settle(struct bind_task *t, enum backend_result result, const char *fmt, ...)
{
	va_list ap;

	t->op->result = result;
	va_start(ap, fmt);
	vsnprintf(t->op->text, sizeof(t->op->text), fmt, ap);
	va_end(ap);
}

void
bind_settle_added(struct bind_task *t, enum backend_result result)
{
	bind_settle(t, result, "%s", "");
	bind_body_mark(t->op->settings, t->op->mark);
}

bool
bind_is_open(const struct bind_task *t)
{
	return t->op->result == RESULT_NONE;
}

static bool
is_kind(const struct bind_task *t, enum backend_op_kind kind)
{
	return bind_is_open(t) && t->op->kind == kind;
}

static void
settle_foreign(struct bind_task *t)
{
	bind_settle(t, RESULT_CONFLICT, "named has the zone, and not from us");
}

static void
settle_retry(struct bind_task *t, unsigned retry_s, const char *text)
{
	bind_settle(t, RESULT_RETRY, "%s", text);
	t->op->retry_s = retry_s;
}

static bool
says(const struct rndc_reply *reply, const char *err)
{
	return !reply->good && strcmp(reply->err, err) == 0;
}

/* named's words, in one line. */
static void
settle_refused(struct bind_task *t, const struct rndc_reply *reply)
{
	const char *text = reply->text;
	const char *detail = text[0] == '\0' ? "named's log has more" : text;

	bind_settle(t, RESULT_REJECTED, "named: %s: %.*s", reply->err,
	    (int)strcspn(detail, "\n"), detail);
}

/* `VERB TARGET BODY`. If it may have been carried out unseen, t is UNKNOWN. */
static enum err
order(struct batch *ba, struct bind_task *t, const char *verb, bool with_body,
    struct rndc_reply *reply)
{
	char target[BIND_NAME_MAX];
	char *command =
	    mem_printf("%s %s%s%s", verb, bind_target(ba->b, &t->op->zone, target),
		with_body ? " " : "", with_body ? buf_text(&t->body) : "");
	enum err err = bind_send(ba->b, command, reply, ba->why);

	free(command);
	ba->b->changed_ms = bind_now_ms();
	if (err == ERR_RANGE) {
		/* Nothing was sent; let it look like an answer. */
		bind_settle(t, RESULT_REJECTED,
		    "the settings are too long for a "
		    "command of named (32 kB)");
	} else if (err != OK && ba->b->rndc.sent) {
		bind_settle(t, RESULT_UNKNOWN, "%.190s", ba->why->text);
	}
	return err;
}

static enum err
find(struct batch *ba, struct bind_task *t)
{
	return bind_find(ba->b, &t->op->zone, &t->found, ba->why);
}

/* -- removing ----------------------------------------------------------------- */

static enum err delete (struct batch *ba, struct bind_task *t, bool *gone) {
	struct rndc_reply reply; enum err err = order(ba, t, "delzone", false, &reply);

	*gone = false; if (err != OK) return err;
	*gone = reply.good || says(&reply, "not found");
	if (*gone){ba->b->deleted_ms = bind_sock_now_ms(); if (!t->dropped)
		       bind_lines_deleted(&ba->lines, &t->op->zone, ba->b->process);
		   else bind_lines_forget(&ba->lines, &t->op->zone);}
else
{
	settle_refused(t, &reply);
}
rndc_reply_fini(&reply);
return OK;
}

static enum err
drop_from_bulk(struct batch *ba, bool (*which)(const struct bind_task *t))
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
	return is_kind(t, OP_REMOVE);
}

static enum err
apply_removes(struct batch *ba)
{
	enum err err = OK;

	for (size_t i = 0; err == OK && i < ba->n; i++) {
		struct bind_task *t = &ba->tasks[i];

		if (!is_kind(t, OP_REMOVE))
			continue;
		err = find(ba, t);
		if (err == OK && t->found.state == BIND_ZONE_FOREIGN)
			settle_foreign(t);
		else if (err == OK && t->found.state == BIND_ZONE_NONE && !t->in_bulk)
			bind_settle(t, RESULT_ALREADY, "%s", "");
	}
	if (err == OK)
		err = drop_from_bulk(ba, is_leaving);
	for (size_t i = 0; err == OK && i < ba->n; i++) {
		struct bind_task *t = &ba->tasks[i];
		bool gone = true;

		if (!is_kind(t, OP_REMOVE))
			continue;
		if (t->found.state == BIND_ZONE_OURS)
			err = delete (ba, t, &gone);
		if (err == OK && gone)
			bind_settle(t, RESULT_OK, "%s", "");
	}
	return err;
}

static enum err
purge(struct batch *ba, struct bind_task *t)
{
	enum err err;

	if (!bind_files_are_own(t->op->zonefile, &t->op->zone)) {
		bind_settle(t, RESULT_ALREADY, "the zone has no file of its own");
		return OK;
	}
	err = find(ba, t);
	if (err != OK)
		return err;
	if (t->found.state != BIND_ZONE_NONE) {
		settle_retry(t, 10, "named still has the zone");
		return OK;
	}
	bind_files_purge(ba->b->zone_dir, t);
	return OK;
}

/* -- changing ----------------------------------------------------------------- */

/* What modzone says it does, and does not. */
static bool
needs_renewal(const struct bind_task *t)
{
	const struct settings *s = t->op->settings;

	return t->found.unsaved || t->found.primary != (s->role == ROLE_PRIMARY) ||
	       t->found.is_signed != (s->dnssec != NULL) ||
	       strcmp(t->found.file, t->file) != 0;
}

static void
take_modified(struct batch *ba, struct bind_task *t, const struct rndc_reply *reply)
{
	if (reply->good) {
		bind_settle_added(t, RESULT_OK);
		bind_lines_added(&ba->lines, &t->op->zone, t->op->mark);
	} else if (says(reply, "failure") && reply->text[0] == '\0') {
		/* Served with the new settings, saved with the old; or not taken. */
		settle_retry(t, FULL_RETRY_S,
		    "named: failure: its log has more; if its new-zone database is "
		    "full, raise lmdb-mapsize");
	} else if (says(reply, "not found") && reply->text[0] == '\0') {
		settle_retry(t, 1, "named does not have the zone any more");
	} else {
		settle_refused(t, reply);
	}
}

static enum err
modify(struct batch *ba, struct bind_task *t)
{
	struct rndc_reply reply;
	enum err err = order(ba, t, "modzone", true, &reply);

	if (err != OK)
		return err == ERR_RANGE ? OK : err;
	take_modified(ba, t, &reply);
	t->modified = reply.good;
	rndc_reply_fini(&reply);
	return OK;
}

/* The text of the zone as it is, should the new one not do. */
static enum err
keep_body(struct batch *ba, struct bind_task *t)
{
	struct rndc_reply reply;
	enum err err = order(ba, t, "showzone", false, &reply);

	if (err != OK)
		return err;
	if (reply.good)
		t->old_body = bind_body_of(reply.text);
	rndc_reply_fini(&reply);
	return OK;
}

/*
 * To be deleted, and added like a new one. It must not be lost over that: its
 * file must be there, and modzone, which reads the text as addzone does, must
 * like it.
 */
static enum err
try_renewal(struct batch *ba, struct bind_task *t)
{
	enum err err = OK;

	bind_files_make(ba->b->zone_dir, t);
	if (bind_is_open(t) && t->op->settings->role == ROLE_PRIMARY &&
	    access(t->file, F_OK) == -1)
		bind_settle(t, RESULT_REJECTED, "%.150s: %s", t->file,
		    mem_errno_text(errno));
	if (bind_is_open(t) && !t->found.unsaved) {
		err = keep_body(ba, t);
		if (err == OK)
			err = modify(ba, t);
		if (err == OK && t->op->result == RESULT_OK)
			t->op->result = RESULT_NONE;
		t->modified = false;
	}
	t->renewing = err == OK && bind_is_open(t);
	return err;
}

static bool
is_renewing(const struct bind_task *t)
{
	return t->renewing && bind_is_open(t) && t->found.state == BIND_ZONE_OURS;
}

/* Out of the bulk file first: they go into the database. */
static enum err
delete_renewing(struct batch *ba)
{
	enum err err = drop_from_bulk(ba, is_renewing);

	for (size_t i = 0; err == OK && i < ba->n; i++) {
		struct bind_task *t = &ba->tasks[i];
		bool gone = false;

		if (is_renewing(t))
			err = delete (ba, t, &gone);
		if (gone)
			t->found.state = BIND_ZONE_NONE;
	}
	return err;
}

/* One that was found. */
static enum err
change(struct batch *ba, struct bind_task *t)
{
	char mark[BIND_MARK_MAX];

	bind_body_mark(t->op->settings, mark);
	if (t->found.state == BIND_ZONE_FOREIGN) {
		settle_foreign(t);
	} else if (t->found.state == BIND_ZONE_OURS && !t->found.unsaved &&
		   strcmp(t->found.mark, mark) == 0) {
		bind_settle_added(t, RESULT_ALREADY);
		bind_lines_added(&ba->lines, &t->op->zone, mark);
	} else if (t->found.state == BIND_ZONE_OURS) {
		return needs_renewal(t) ? try_renewal(ba, t) : modify(ba, t);
	}
	return OK;
}

static enum err
apply_changes(struct batch *ba)
{
	enum err err = OK;

	for (size_t i = 0; err == OK && i < ba->n; i++) {
		struct bind_task *t = &ba->tasks[i];

		if (is_kind(t, OP_CHANGE))
			err = find(ba, t);
	}
	for (size_t i = 0; err == OK && i < ba->n; i++) {
		struct bind_task *t = &ba->tasks[i];

		if (is_kind(t, OP_CHANGE))
			err = change(ba, t);
	}
	return err == OK ? delete_renewing(ba) : err;
}

/* -- adding ------------------------------------------------------------------- */

static bool
is_addition(const struct bind_task *t)
{
	return bind_is_open(t) && (t->op->kind == OP_ADD || t->op->kind == OP_CHANGE) &&
	       t->found.state == BIND_ZONE_NONE;
}

static bool
is_single_addition(const struct bind_task *t)
{
	return is_addition(t) && !t->bulk;
}

/*
 * What we deleted is to be there again: the tombstone must be off the disk
 * before. And named must have written the deletion, lest it takes the new zone
 * out of the database.
 */
static enum err
lift_tombs(struct batch *ba)
{
	struct bind *b = ba->b;
	struct bind_lines lines;
	int64_t since_ms = bind_sock_now_ms() - b->deleted_ms;
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
	bind_journal_write(b, &lines);
	bind_lines_fini(&lines);
	return any && since_ms < DELETE_MS
		   ? bind_sock_sleep(b->conf.cancel_fd,
			 (unsigned)(DELETE_MS - since_ms), ba->why)
		   : OK;
}

/*
 * `failure` without a text: the body is wrong, or named could not save the zone,
 * but serves it. The latter would be gone after a restart.
 */
static enum err
add_failed(struct batch *ba, struct bind_task *t, const struct rndc_reply *reply)
{
	bool gone;
	enum err err = find(ba, t);

	if (err != OK)
		return err;
	if (t->found.state == BIND_ZONE_NONE) {
		settle_refused(t, reply);
		return OK;
	}
	if (t->found.state == BIND_ZONE_OURS && t->found.unsaved) {
		err = delete (ba, t, &gone);
		if (err != OK || !gone)
			return err;
	}
	ba->full = true;
	settle_retry(t, FULL_RETRY_S, full_text);
	log_warn("bind", "backend=%s text=\"%s\"", ba->b->conf.name, full_text);
	return OK;
}

static enum err
add(struct batch *ba, struct bind_task *t)
{
	char name[DNAME_TEXT_MAX];
	struct rndc_reply reply;
	enum err err;

	/* Served, and never saved: keys of LMDB have a limit. */
	if (strlen(dname_print_short(&t->op->zone, name)) > NZD_KEY_MAX) {
		bind_settle(t, RESULT_REJECTED,
		    "the name has more than %d characters, too long for named's "
		    "new-zone database",
		    NZD_KEY_MAX);
		return OK;
	}
	err = order(ba, t, "addzone", true, &reply);

	if (err != OK)
		return err == ERR_RANGE ? OK : err;
	if (reply.good) {
		bind_settle_added(t, RESULT_OK);
		bind_lines_added(&ba->lines, &t->op->zone, t->op->mark);
	} else if (says(&reply, "already exists")) {
		err = find(ba, t);
		/* It came back, and was deleted: once more. */
		if (err == OK && t->found.state == BIND_ZONE_NONE)
			settle_retry(t, 1, "named had the zone a moment ago");
	} else if (says(&reply, "failure") && reply.text[0] == '\0') {
		err = add_failed(ba, t, &reply);
	} else if (says(&reply, "permission denied")) {
		settle_retry(t, 60,
		    "named takes no zones: it needs allow-new-zones yes;");
		ba->b->ready = false;
	} else {
		settle_refused(t, &reply);
	}
	rndc_reply_fini(&reply);
	return err;
}

/* What was served before is served again, as it was. */
static enum err
put_back(struct batch *ba, struct bind_task *t)
{
	enum backend_result result = t->op->result;
	char text[sizeof(t->op->text)];
	struct rndc_reply reply;
	enum err err;

	buf_reset(&t->body);
	buf_puts(&t->body, t->old_body);
	memcpy(text, t->op->text, sizeof(text));
	err = order(ba, t, "addzone", true, &reply);
	if (err != OK)
		return err;
	if (!reply.good)
		log_warn("bind",
		    "backend=%s text=\"cannot add a zone again as it was: %s\"",
		    ba->b->conf.name, reply.err);
	else
		bind_lines_forget(&ba->lines, &t->op->zone);
	rndc_reply_fini(&reply);
	bind_settle(t, result, "%s", text);
	return OK;
}

/* By one reconfig, where the operator allows that and it is worth it. */
static enum err
add_bulk(struct batch *ba)
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
apply_adds(struct batch *ba)
{
	enum err err = lift_tombs(ba);

	for (size_t i = 0; err == OK && i < ba->n; i++) {
		if (is_addition(&ba->tasks[i]))
			bind_files_make(ba->b->zone_dir, &ba->tasks[i]);
	}
	if (err == OK)
		err = add_bulk(ba);
	if (err == OK)
		err = drop_from_bulk(ba, is_single_addition);
	for (size_t i = 0; err == OK && i < ba->n; i++) {
		struct bind_task *t = &ba->tasks[i];

		if (!is_addition(t))
			continue;
		if (ba->full) {
			settle_retry(t, FULL_RETRY_S, full_text);
			continue;
		}
		err = add(ba, t);
		if (err == OK && bind_is_open(t) && t->found.state != BIND_ZONE_NONE)
			err = change(ba, t);
		if (err == OK && is_renewing(t))
			err = delete_renewing(ba);
		/* Its settings were others than a change can make. */
		if (err == OK && is_addition(t))
			err = add(ba, t);
		if (err == OK && t->old_body != NULL && !bind_is_open(t) &&
		    t->found.state == BIND_ZONE_NONE && t->op->result != RESULT_OK)
			err = put_back(ba, t);
	}
	return err;
}

/* What modzone changes of a zone of named.conf is gone with a restart, so the bulk
 * file has to say it, too. If it does not, the zone's mark will tell. */
static void
save_modified(struct batch *ba)
{
	struct bind_task **list = mem_alloc((ba->n + 1) * sizeof(list[0]));
	struct backend_error why = {""};
	size_t n = 0;

	for (size_t i = 0; i < ba->n; i++) {
		if (ba->tasks[i].in_bulk && ba->tasks[i].modified)
			list[n++] = &ba->tasks[i];
	}
	if (n > 0 && bind_bulk_replace(ba->b, list, n, &why) != OK)
		log_warn("bind", "backend=%s text=\"%s\"", ba->b->conf.name, why.text);
	free(list);
}

/* -- all of it ---------------------------------------------------------------- */

static enum err
run(struct batch *ba)
{
	enum err err = bind_bulk_find(ba->b, ba->tasks, ba->n, ba->why);

	if (err == OK)
		err = apply_removes(ba);
	for (size_t i = 0; err == OK && i < ba->n; i++) {
		if (is_kind(&ba->tasks[i], OP_PURGE))
			err = purge(ba, &ba->tasks[i]);
	}
	if (err == OK)
		err = apply_changes(ba);
	if (err == OK)
		err = apply_adds(ba);
	for (size_t i = 0; err == OK && i < ba->n; i++) {
		if (bind_is_open(&ba->tasks[i]))
			settle_retry(&ba->tasks[i], 5, "named says now this, now that");
	}
	return err;
}

static void
init_task(struct bind *b, struct bind_task *t, struct backend_op *op)
{
	struct backend_error why = {""};
	char *file;

	t->op = op;
	op->result = RESULT_NONE;
	op->retry_s = 0;
	op->mark[0] = op->text[0] = '\0';
	buf_init(&t->body, 0);
	if (op->kind != OP_ADD && op->kind != OP_CHANGE)
		return;
	file = settings_zonefile(op->settings, &op->zone);
	t->file = mem_printf("%s/%s", b->zone_dir, file);
	free(file);
	if (bind_body_print(op->settings, &op->zone, b->zone_dir, b->conf.keys,
		&t->body, &why) != OK)
		bind_settle(t, RESULT_REJECTED, "%s", why.text);
}

enum err
bind_apply(void *ctx, struct backend_op *ops, size_t n, struct backend_error *why)
{
	struct bind *b = ctx;
	struct batch ba = {.b = b,
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
	save_modified(&ba);
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
