/* SPDX-License-Identifier: BSD-2-Clause */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/backend/files.h"
#include "agent/backend/nsd.h"
#include "agent/backend/nsd_reply.h"
#include "agent/backend/spool.h"
#include "lib/log.h"
#include "lib/mem.h"

/*
 * A batch: what NSD has is looked at first, where it matters; then one
 * delzones, then changezone for each zone whose pattern changes, then one
 * addzones. "already exists" says nothing of the pattern, so such zones are
 * looked at and changed. Zones that are not ours end as CONFLICT.
 *
 * A list whose reply did not come to its trailer has no outcome: all of it is
 * UNKNOWN, even the zones whose reply was seen, since nothing tells how far NSD
 * came with the last one.
 */

enum {
	ADD_LINE_MAX = 1000,
	NAME_MAX_HERE = 990,
	PATH_MAX_HERE = 255,
	COMPONENT_MAX = 254, /* NSD writes FILE~ first */
};

/* One operation on its way. */
struct task {
	struct backend_op *op;
	char *name; /* plain form */
	struct nsd_found found;
	bool listed; /* goes into the list being made */
	bool no_pattern;
	bool exists; /* NSD had it: which pattern? */
};

struct batch {
	struct nsd *nsd;
	struct task *tasks;
	size_t n;
	struct backend_error *why;
};

static void
settle_added(struct task *t, enum backend_result result)
{
	op_settle(t->op, result, "%s", "");
	mark_print(t->op->settings, t->op->mark);
}

/* -- before anything is sent ----------------------------------------------- */

/* NSD takes, and then loses or cannot store, what is refused here. */
static void
check_name(struct task *t)
{
	struct backend_op *op = t->op;
	char file[DNAME_FILE_MAX], pattern[MARK_MAX], *path;

	/* Its answer for so long a name would be cut. */
	if (op->kind == OP_REMOVE && strlen(t->name) > NAME_MAX_HERE)
		op_settle(t->op, RESULT_ALREADY, "nsd cannot have a zone of this name");
	if (op->kind != OP_ADD && op->kind != OP_CHANGE)
		return;
	mark_print(op->settings, pattern);
	if (strlen(t->name) + strlen(pattern) > ADD_LINE_MAX) {
		op_settle(t->op, RESULT_REJECTED,
		    "name and pattern are too long for nsd's zone list");
		return;
	}
	/* NSD makes the file name of the name as it is sent. */
	if (strcmp(dname_print_file(&op->zone, file), t->name) != 0 &&
	    settings_file_is_own(op->settings->zonefile)) {
		op_settle(t->op, RESULT_REJECTED,
		    "the name is too long for nsd's zone file names");
		return;
	}
	path = settings_zonefile(op->settings, &op->zone);
	if (strlen(path) > PATH_MAX_HERE || files_component_max(path) > COMPONENT_MAX)
		op_settle(t->op, RESULT_REJECTED,
		    "the name of the zone file has more than %d octets", COMPONENT_MAX);
	free(path);
}

/* -- what NSD has ---------------------------------------------------------- */

/* An ADD of a secondary can go out as it is: NSD says whether it was there. */
static bool
needs_look(const struct task *t)
{
	if (!op_is_open(t->op) || t->op->kind == OP_PURGE)
		return false;
	return t->op->kind != OP_ADD || t->op->settings->initial_file != NULL;
}

static bool
needs_second_look(const struct task *t)
{
	return t->exists;
}

static enum err
look(struct batch *b, bool (*which)(const struct task *t))
{
	const char **names = mem_alloc((b->n + 1) * sizeof(names[0]));
	struct nsd_found *found = mem_alloc((b->n + 1) * sizeof(found[0]));
	size_t n = 0, i = 0;
	enum err err = OK;

	for (size_t k = 0; k < b->n; k++) {
		if (which(&b->tasks[k]))
			names[n++] = b->tasks[k].name;
	}
	if (n > 0)
		err = nsd_find(b->nsd, names, n, found, b->why);
	for (size_t k = 0; err == OK && k < b->n; k++) {
		if (which(&b->tasks[k]))
			b->tasks[k].found = found[i++];
	}
	free(names);
	free(found);
	return err;
}

static void
settle_foreign(struct task *t)
{
	op_settle(t->op, RESULT_CONFLICT, "nsd has the zone, and not from us");
}

/* What the look already decides. */
static void
settle_found(struct task *t)
{
	char mark[MARK_MAX];

	if (!needs_look(t) || t->found.state == NSD_ZONE_NONE)
		return;
	if (t->found.state == NSD_ZONE_FOREIGN) {
		settle_foreign(t);
	} else if (t->op->kind != OP_REMOVE) {
		mark_print(t->op->settings, mark);
		if (strcmp(t->found.mark, mark) == 0)
			settle_added(t, RESULT_ALREADY);
	}
}

/* -- lists ----------------------------------------------------------------- */

struct sending {
	struct batch *b;
	struct task **tasks; /* in order of the lines */
	bool deleting;
};

static void
take_outcome(void *arg, size_t i, enum nsd_outcome outcome, const char *reason)
{
	struct sending *s = arg;
	struct task *t = s->tasks[i];

	switch (outcome) {
	case NSD_DONE:
		if (s->deleting)
			op_settle(t->op, RESULT_OK, "%s", "");
		else
			settle_added(t, RESULT_OK);
		break;
	case NSD_EXISTS:
		if (s->deleting)
			op_settle(t->op, RESULT_OK, "%s", reason);
		else
			t->exists = true;
		break;
	case NSD_ABSENT:
		op_settle(t->op, s->deleting ? RESULT_ALREADY : RESULT_REJECTED, "%s",
		    s->deleting ? "" : reason);
		break;
	case NSD_NOPATTERN: t->no_pattern = true; break;
	case NSD_FOREIGN: settle_foreign(t); break;
	case NSD_FULL: op_retry(t->op, 60, "%s", reason); break;
	case NSD_BADNAME:
	case NSD_ERROR:
		op_settle(t->op, RESULT_REJECTED, "nsd: %s", reason);
		log_warn("nsd", "backend=%s zone=%s text=\"%s\"", s->b->nsd->conf.name,
		    t->name, reason);
		break;
	}
}

static int
by_name(const void *a, const void *b)
{
	const struct task *const *left = a, *const *right = b;

	return dname_compare(&(*left)->op->zone, &(*right)->op->zone);
}

static void
print_list(const struct sending *s, size_t n, struct buf *request)
{
	char pattern[MARK_MAX];

	nsd_chan_begin(request);
	buf_puts(request, s->deleting ? "delzones\n" : "addzones\n");
	for (size_t i = 0; i < n; i++) {
		if (s->deleting) {
			buf_printf(request, "%s\n", s->tasks[i]->name);
			continue;
		}
		mark_print(s->tasks[i]->op->settings, pattern);
		buf_printf(request, "%s %s\n", s->tasks[i]->name, pattern);
	}
	buf_puts(request, "\004\n");
}

/* All tasks that are listed, as one addzones or delzones. */
static enum err
send_list(struct batch *b, bool deleting)
{
	struct sending s = {b, mem_alloc((b->n + 1) * sizeof(s.tasks[0])), deleting};
	const char **names = mem_alloc((b->n + 1) * sizeof(names[0]));
	struct nsd_bulk bulk;
	struct buf request;
	size_t n = 0;
	enum err err = OK;

	for (size_t i = 0; i < b->n; i++) {
		if (b->tasks[i].listed)
			s.tasks[n++] = &b->tasks[i];
	}
	qsort(s.tasks, n, sizeof(s.tasks[0]), by_name);
	for (size_t i = 0; i < n; i++)
		names[i] = s.tasks[i]->name;
	buf_init(&request, 0);
	if (n > 0) {
		print_list(&s, n, &request);
		nsd_bulk_init(&bulk, deleting, names, n, take_outcome, &s);
		err = nsd_chan_request(&b->nsd->chan, &request, nsd_bulk_line, &bulk,
		    b->why);
		if (err == OK && nsd_bulk_end(&bulk) != OK)
			err =
			    backend_fail(b->why, ERR_CLOSED, "nsd's answer has no end");
		if (err == ERR_FORM)
			backend_fail(b->why, err, "nsd's answer is not understood");
	}
	for (size_t i = 0; i < n; i++) {
		s.tasks[i]->listed = false;
		if (err == OK || !b->nsd->chan.sent)
			continue;
		s.tasks[i]->no_pattern = s.tasks[i]->exists = false;
		op_settle(s.tasks[i]->op, RESULT_UNKNOWN, "%.190s", b->why->text);
	}
	buf_fini(&request);
	free(names);
	free(s.tasks);
	return err;
}

/* -- removing -------------------------------------------------------------- */

static enum err
apply_removes(struct batch *b)
{
	for (size_t i = 0; i < b->n; i++)
		b->tasks[i].listed =
		    op_is_open(b->tasks[i].op) && b->tasks[i].op->kind == OP_REMOVE;
	return send_list(b, true);
}

static enum err
purge(struct batch *b, struct task *t)
{
	struct nsd_found found;
	bool gone = false;
	int dir_fd;
	enum err err;

	if (!settings_record_is_own(t->op->zonefile)) {
		op_settle(t->op, RESULT_ALREADY, "the zone has no file of its own");
		return OK;
	}
	err = nsd_find_one(b->nsd, t->name, &found, b->why);
	if (err != OK)
		return err;
	if (found.state != NSD_ZONE_NONE) {
		op_retry(t->op, 10, "nsd still has the zone");
		return OK;
	}
	err = spool_open(b->nsd->conf.zone_dir, &dir_fd);
	if (err == OK) {
		err = nsd_files_unlink(dir_fd, t->op->zonefile, &gone);
		close(dir_fd);
	}
	if (err == OK)
		op_settle(t->op, gone ? RESULT_OK : RESULT_ALREADY, "%s", "");
	else
		op_settle(t->op, RESULT_REJECTED, "%s/%s: %s", b->nsd->conf.zone_dir,
		    t->op->zonefile, mem_errno_text(errno));
	return OK;
}

/* -- adding ---------------------------------------------------------------- */

static void
settle_no_file(struct batch *b, struct task *t, enum err err)
{
	op_settle(t->op, err == ERR_INVALID ? RESULT_REJECTED : RESULT_RETRY,
	    "cannot make the zone file in %s: %s", b->nsd->conf.zone_dir,
	    mem_errno_text(errno));
	t->op->retry_s = 10;
}

static void
make_files(struct batch *b, bool (*which)(const struct task *t))
{
	struct spool_batch files;
	int dir_fd;
	enum err err = spool_open(b->nsd->conf.zone_dir, &dir_fd);

	/* Else it is no failure of NSD. */
	if (err == OK) {
		spool_batch_begin(&files, dir_fd);
		for (size_t i = 0; i < b->n; i++) {
			struct task *t = &b->tasks[i];

			if (!which(t))
				continue;
			err = files_make(&files, t->op->settings, &t->op->zone,
			    nsd_files_start_anew(b->nsd, &t->found, t->op->settings),
			    0640);
			if (err != OK)
				settle_no_file(b, t, err);
		}
		err = spool_batch_end(&files);
		close(dir_fd);
	}
	for (size_t i = 0; err != OK && i < b->n; i++) {
		if (which(&b->tasks[i]))
			settle_no_file(b, &b->tasks[i], err);
	}
}

static bool
is_addition(const struct task *t)
{
	return op_is_open(t->op) && !t->exists &&
	       (t->op->kind == OP_ADD || t->op->kind == OP_CHANGE) &&
	       t->found.state == NSD_ZONE_NONE;
}

static enum err
apply_adds(struct batch *b)
{
	make_files(b, is_addition);
	for (size_t i = 0; i < b->n; i++)
		b->tasks[i].listed = is_addition(&b->tasks[i]);
	return send_list(b, false);
}

/* NSD does not know a pattern that we think it has: have it read, once. */
static enum err
add_again(struct batch *b)
{
	struct nsd *nsd = b->nsd;
	struct nsd_include same;
	enum nsd_load_result result = NSD_LOAD_WAIT;
	bool any = false;
	enum err err;

	for (size_t i = 0; i < b->n; i++)
		any |= b->tasks[i].no_pattern;
	if (!any)
		return OK;
	err = nsd_look(nsd, b->why);
	if (err == OK)
		err = nsd_locate(nsd, b->why);
	if (err == OK)
		err = nsd_load_include(nsd, b->why);
	if (err != OK)
		return err;
	nsd_include_init(&same);
	nsd_include_copy(&same, &nsd->inc);
	err = nsd_load(nsd, &same, true, NULL, NULL, &result, b->why);
	if (err != OK)
		return err;
	for (size_t i = 0; i < b->n; i++) {
		struct task *t = &b->tasks[i];

		if (!t->no_pattern)
			continue;
		if (result == NSD_LOADED) {
			t->listed = true;
			t->no_pattern = false;
			continue;
		}
		op_retry(t->op, 30, "%.190s", b->why->text);
	}
	return send_list(b, false);
}

/*
 * NSD changes a zone by taking it away and adding it, at one blow, and reads the
 * file of the one it adds. What a secondary got is in no file until NSD is told to
 * write it, and without that it had no data until the next transfer, or for good
 * when it becomes a primary. NSD writes, and then changes the zone, in order. A
 * file that holds what NSD has is left as it is.
 */
static enum err
write_data(struct batch *b, struct task *t)
{
	const struct nsd_native *had = nsd_include_find(&b->nsd->inc, t->found.mark);
	struct nsd_single single;

	if (had != NULL && nsd_native_is_primary(had))
		return OK;
	nsd_single_init(&single);
	return nsd_chan_command(&b->nsd->chan, nsd_single_line, &single, b->why,
	    "write %s", t->name);
}

/*
 * NSD would read the file of a primary anew, and serve nothing if there is none: it
 * must not lose what it serves. (The file of one that was a secondary until now NSD
 * is about to write.)
 */
static bool
lacks_file(const struct batch *b, const struct task *t)
{
	const struct nsd_native *had = nsd_include_find(&b->nsd->inc, t->found.mark);
	const struct settings *s = t->op->settings;
	int dir_fd;
	bool lacks;

	if (s->role != ROLE_PRIMARY || had == NULL || !nsd_native_is_primary(had) ||
	    spool_open(b->nsd->conf.zone_dir, &dir_fd) != OK)
		return false;
	lacks = files_reject_missing(dir_fd, b->nsd->conf.zone_dir, t->op);
	close(dir_fd);
	return lacks;
}

static enum err
change(struct batch *b, struct task *t)
{
	char mark[MARK_MAX];
	struct nsd_single single;
	enum err err;

	if (lacks_file(b, t))
		return OK;
	err = write_data(b, t);
	if (err != OK)
		return err;
	mark_print(t->op->settings, mark);
	nsd_single_init(&single);
	err = nsd_chan_command(&b->nsd->chan, nsd_single_line, &single, b->why,
	    "changezone %s %s", t->name, mark);
	if (err != OK) {
		if (b->nsd->chan.sent)
			op_settle(t->op, RESULT_UNKNOWN, "%.190s", b->why->text);
		return err;
	}
	switch (nsd_single_outcome(&single)) {
	case NSD_DONE:
	case NSD_EXISTS: settle_added(t, RESULT_OK); break;
	case NSD_NOPATTERN: op_retry(t->op, 10, "%s", single.reason); break;
	case NSD_FOREIGN: settle_foreign(t); break;
	case NSD_FULL: op_retry(t->op, 60, "%s", single.reason); break;
	case NSD_ABSENT:
	case NSD_BADNAME:
	case NSD_ERROR:
		op_settle(t->op, RESULT_REJECTED, "nsd: %s", single.reason);
		break;
	}
	return OK;
}

static bool
is_change(const struct task *t)
{
	return op_is_open(t->op) && t->found.state == NSD_ZONE_OURS &&
	       (t->op->kind == OP_CHANGE || t->op->kind == OP_ADD);
}

/* Zones that are ours, under another pattern. */
static enum err
apply_changes(struct batch *b)
{
	enum err err = OK;

	make_files(b, is_change);
	for (size_t i = 0; err == OK && i < b->n; i++) {
		if (is_change(&b->tasks[i]))
			err = change(b, &b->tasks[i]);
	}
	return err;
}

/* Those that NSD said to have already. */
static enum err
settle_existing(struct batch *b)
{
	char mark[MARK_MAX];
	enum err err = look(b, needs_second_look);

	for (size_t i = 0; err == OK && i < b->n; i++) {
		struct task *t = &b->tasks[i];

		if (!t->exists)
			continue;
		mark_print(t->op->settings, mark);
		if (t->found.state != NSD_ZONE_OURS)
			settle_foreign(t);
		else if (strcmp(t->found.mark, mark) == 0)
			settle_added(t, RESULT_ALREADY);
	}
	return err == OK ? apply_changes(b) : err;
}

/* -- all of it ------------------------------------------------------------- */

static enum err
run(struct batch *b)
{
	enum err err = look(b, needs_look);

	if (err != OK)
		return err;
	for (size_t i = 0; i < b->n; i++)
		settle_found(&b->tasks[i]);
	err = apply_removes(b);
	for (size_t i = 0; err == OK && i < b->n; i++) {
		if (b->tasks[i].op->kind == OP_PURGE)
			err = purge(b, &b->tasks[i]);
	}
	if (err == OK)
		err = apply_changes(b);
	if (err == OK)
		err = apply_adds(b);
	if (err == OK)
		err = add_again(b);
	if (err == OK)
		err = settle_existing(b);
	for (size_t i = 0; err == OK && i < b->n; i++) {
		struct task *t = &b->tasks[i];

		if (!op_is_open(t->op))
			continue;
		op_retry(t->op, 30, "nsd does not know the pattern");
	}
	return err;
}

/* NSD loads the zones of one list while it reads the next; but each time it walks
 * all that it has, which must not cost more than that gains. */
unsigned
nsd_apply_size(const void *ctx)
{
	const struct nsd *nsd = ctx;
	size_t n = nsd->n_listed / 10;

	return n < NSD_LIST_MIN   ? NSD_LIST_MIN
	       : n < NSD_LIST_MAX ? (unsigned)n
				  : NSD_LIST_MAX;
}

enum err
nsd_apply(void *ctx, struct backend_op *ops, size_t n, struct backend_error *why)
{
	struct batch b = {ctx, mem_zalloc((n + 1) * sizeof(b.tasks[0])), n, why};
	char name[DNAME_TEXT_MAX];
	enum err err;

	assert(n <= NSD_BATCH_MAX);
	for (size_t i = 0; i < n; i++) {
		struct task *t = &b.tasks[i];

		t->op = &ops[i];
		op_begin(t->op);
		t->name = mem_strdup(dname_print_plain(&ops[i].zone, name));
		check_name(t);
	}
	err = run(&b);
	for (size_t i = 0; i < n; i++)
		free(b.tasks[i].name);
	free(b.tasks);
	return err;
}
