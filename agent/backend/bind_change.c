/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/backend/bind.h"
#include "agent/backend/bind_batch.h"
#include "agent/backend/bind_files.h"
#include "lib/log.h"
#include "lib/mem.h"

/*
 * Changes. modzone does most of them with no gap in service; of another role,
 * file or signing it says that it did, and did not: such a zone is deleted and
 * added anew, and put back as it was if named will not have it.
 */

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
take_modified(struct bind_batch *ba, struct bind_task *t,
    const struct rndc_reply *reply)
{
	if (reply->good) {
		bind_settle_added(t, RESULT_OK);
		bind_lines_added(&ba->lines, &t->op->zone, t->op->mark);
	} else if (rndc_says(reply, "failure") && reply->text[0] == '\0') {
		/* Served with the new settings, saved with the old; or not taken. */
		op_retry(t->op, BIND_FULL_RETRY_S,
		    "named: failure: its log has more; if its new-zone database is "
		    "full, raise lmdb-mapsize");
	} else if (rndc_says(reply, "not found") && reply->text[0] == '\0') {
		op_retry(t->op, 1, "named does not have the zone any more");
	} else {
		bind_settle_refused(t, reply);
	}
}

static enum err
modify(struct bind_batch *ba, struct bind_task *t)
{
	struct rndc_reply reply;
	enum err err = bind_order(ba, t, "modzone", true, &reply);

	if (err != OK)
		return err == ERR_RANGE ? OK : err;
	take_modified(ba, t, &reply);
	t->modified = reply.good;
	rndc_reply_fini(&reply);
	return OK;
}

/* The text of the zone as it is, should the new one not do. */
static enum err
keep_body(struct bind_batch *ba, struct bind_task *t)
{
	struct rndc_reply reply;
	enum err err = bind_order(ba, t, "showzone", false, &reply);

	if (err != OK)
		return err;
	if (reply.good)
		t->old_body = bind_body_of(reply.text);
	rndc_reply_fini(&reply);
	return OK;
}

static bool
is_open(const struct bind_task *t)
{
	return op_is_open(t->op);
}

/*
 * To be deleted, and added like a new one. It must not be lost over that: its
 * file must be there, and modzone, which reads the text as addzone does, must
 * like it.
 */
static enum err
try_renewal(struct bind_batch *ba, struct bind_task *t)
{
	enum err err = OK;

	bind_files_make(ba->b->zone_dir, t, 1, is_open);
	if (op_is_open(t->op) && t->op->settings->role == ROLE_PRIMARY &&
	    access(t->file, F_OK) == -1)
		op_settle(t->op, RESULT_REJECTED, "%.150s: %s", t->file,
		    mem_errno_text(errno));
	if (op_is_open(t->op) && !t->found.unsaved) {
		err = keep_body(ba, t);
		if (err == OK)
			err = modify(ba, t);
		if (err == OK && t->op->result == RESULT_OK)
			t->op->result = RESULT_NONE;
		t->modified = false;
	}
	t->renewing = err == OK && op_is_open(t->op);
	return err;
}

bool
bind_is_renewing(const struct bind_task *t)
{
	return t->renewing && op_is_open(t->op) && t->found.state == BIND_ZONE_OURS;
}

/* Out of the bulk file first: they go into the database. */
enum err
bind_delete_renewing(struct bind_batch *ba)
{
	enum err err = bind_drop_from_bulk(ba, bind_is_renewing);

	for (size_t i = 0; err == OK && i < ba->n; i++) {
		struct bind_task *t = &ba->tasks[i];
		bool gone = false;

		if (bind_is_renewing(t))
			err = bind_delete(ba, t, &gone);
		if (gone)
			t->found.state = BIND_ZONE_NONE;
	}
	return err;
}

/* One that was found. */
enum err
bind_change_one(struct bind_batch *ba, struct bind_task *t)
{
	char mark[MARK_MAX];

	mark_print(t->op->settings, mark);
	if (t->found.state == BIND_ZONE_FOREIGN) {
		bind_settle_foreign(t);
	} else if (t->found.state == BIND_ZONE_OURS && !t->found.unsaved &&
		   strcmp(t->found.mark, mark) == 0) {
		bind_settle_added(t, RESULT_ALREADY);
		bind_lines_added(&ba->lines, &t->op->zone, mark);
	} else if (t->found.state == BIND_ZONE_OURS) {
		return needs_renewal(t) ? try_renewal(ba, t) : modify(ba, t);
	}
	return OK;
}

enum err
bind_apply_changes(struct bind_batch *ba)
{
	enum err err = OK;

	for (size_t i = 0; err == OK && i < ba->n; i++) {
		struct bind_task *t = &ba->tasks[i];

		if (bind_is_kind(t, OP_CHANGE))
			err = bind_find_task(ba, t);
	}
	for (size_t i = 0; err == OK && i < ba->n; i++) {
		struct bind_task *t = &ba->tasks[i];

		if (bind_is_kind(t, OP_CHANGE))
			err = bind_change_one(ba, t);
	}
	return err == OK ? bind_delete_renewing(ba) : err;
}

/* What was served before is served again, as it was. */
enum err
bind_put_back(struct bind_batch *ba, struct bind_task *t)
{
	enum backend_result result = t->op->result;
	char text[sizeof(t->op->text)];
	struct rndc_reply reply;
	enum err err;

	buf_reset(&t->body);
	buf_puts(&t->body, t->old_body);
	memcpy(text, t->op->text, sizeof(text));
	err = bind_order(ba, t, "addzone", true, &reply);
	if (err != OK)
		return err;
	if (!reply.good)
		log_warn("bind",
		    "backend=%s text=\"cannot add a zone again as it was: %s\"",
		    ba->b->conf.name, reply.err);
	else
		bind_lines_forget(&ba->lines, &t->op->zone);
	rndc_reply_fini(&reply);
	op_settle(t->op, result, "%s", text);
	return OK;
}

/* What modzone changes of a zone of named.conf is gone with a restart, so the bulk
 * file has to say it, too. If it does not, the zone's mark will tell. */
void
bind_save_modified(struct bind_batch *ba)
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
