/* SPDX-License-Identifier: BSD-2-Clause */
#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/backend/knot.h"
#include "agent/backend/spool.h"
#include "lib/log.h"
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

enum { ROUNDS_MAX = 20, FILE_MAX = 1000, COMPONENT_MAX = 248, PURGE_CHUNK = 100 };

struct task {
	struct backend_op *op;
	struct knot_found found;
	struct knot_items held; /* a zone to be changed: what it has */
	bool sent;              /* in the transaction under way */
};

struct batch {
	struct knot *k;
	struct task *tasks;
	size_t n;
	struct backend_error *why;
};

PRINTF(3, 4)
static void
settle(struct task *t, enum backend_result result, const char *fmt, ...)
{
	va_list ap;

	t->op->result = result;
	va_start(ap, fmt);
	vsnprintf(t->op->text, sizeof(t->op->text), fmt, ap);
	va_end(ap);
}

PRINTF(3, 4)
static void
settle_retry(struct task *t, unsigned retry_s, const char *fmt, ...)
{
	va_list ap;

	t->op->result = RESULT_RETRY;
	t->op->retry_s = retry_s;
	va_start(ap, fmt);
	vsnprintf(t->op->text, sizeof(t->op->text), fmt, ap);
	va_end(ap);
}

static bool
is_open(const struct task *t)
{
	return t->op->result == RESULT_NONE;
}

static bool
is_setting(const struct task *t)
{
	return t->op->kind == OP_ADD || t->op->kind == OP_CHANGE;
}

/* One that is to be sent, and is not there. */
static bool
is_addition(const struct task *t)
{
	return is_open(t) && is_setting(t) && t->found.state == KNOT_ZONE_NONE;
}

static bool
is_change(const struct task *t)
{
	return is_open(t) && is_setting(t) && t->found.state == KNOT_ZONE_OURS;
}

static bool
is_removal(const struct task *t)
{
	return is_open(t) && t->op->kind == OP_REMOVE;
}

static void
settle_set(struct batch *b, struct task *t, enum backend_result result)
{
	const struct knot_native *native = knot_native_of(b->k, t->op->settings);

	settle(t, result, "%s", "");
	snprintf(t->op->mark, sizeof(t->op->mark), "%s", native->name);
}

/* -- before anything is sent -------------------------------------------------- */

/* Knot writes a file beside it, with a longer name, first. */
static bool
has_long_component(const char *path)
{
	for (size_t n; *path != '\0'; path += n + (path[n] == '/')) {
		n = strcspn(path, "/");
		if (n > COMPONENT_MAX)
			return true;
	}
	return false;
}

static void
check(struct batch *b, struct task *t)
{
	char *path;

	if (!is_setting(t))
		return;
	if (knot_native_of(b->k, t->op->settings) == NULL) {
		settle(t, RESULT_REJECTED, "the pattern is not for knot");
		return;
	}
	path = settings_zonefile(t->op->settings, &t->op->zone);
	if (strlen(b->k->conf.zone_dir) + strlen(path) > FILE_MAX ||
	    has_long_component(path))
		settle(t, RESULT_REJECTED,
		    "the name of the zone file is too long for knot");
	free(path);
}

/* -- what knotd has ----------------------------------------------------------- */

static void
settle_foreign(struct task *t)
{
	if (t->found.state == KNOT_ZONE_MEMBER)
		settle(t, RESULT_CONFLICT,
		    "knot has the zone as a member of a catalog of its own");
	else
		settle(t, RESULT_CONFLICT, "knot has the zone, and not from us");
}

static void
settle_found(struct batch *b, struct task *t)
{
	bool there = t->found.state != KNOT_ZONE_NONE;
	bool ours = t->found.state == KNOT_ZONE_OURS;

	if (t->op->kind == OP_PURGE) {
		if (there)
			settle_retry(t, ours ? 10 : 3600, "knot still has the zone");
	} else if (there && !ours) {
		settle_foreign(t);
	} else if (t->op->kind == OP_REMOVE) {
		if (!there)
			settle(t, RESULT_ALREADY, "%s", "");
	} else if (ours) {
		const char *name = knot_native_of(b->k, t->op->settings)->name;

		if (strcmp(t->found.mark, name) == 0)
			settle_set(b, t, RESULT_ALREADY);
	}
}

static enum err
look(struct batch *b)
{
	struct dname *names = mem_alloc((b->n + 1) * sizeof(names[0]));
	struct knot_found *found = mem_alloc((b->n + 1) * sizeof(found[0]));
	size_t n = 0, k = 0;
	enum err err;

	for (size_t i = 0; i < b->n; i++) {
		if (is_open(&b->tasks[i]))
			names[n++] = b->tasks[i].op->zone;
	}
	err = knot_find(b->k, names, n, found, b->why);
	for (size_t i = 0; err == OK && i < b->n; i++) {
		if (!is_open(&b->tasks[i]))
			continue;
		b->tasks[i].found = found[k++];
		settle_found(b, &b->tasks[i]);
	}
	free(names);
	free(found);
	return err;
}

static enum err
take_item(void *arg, const struct knot_unit *unit)
{
	struct task *t = arg;
	const char *item = unit->field[KNOT_ITEM], *data = unit->field[KNOT_DATA];

	if (item != NULL && data != NULL && strcmp(item, "domain") != 0)
		knot_items_add(&t->held, item, data);
	return OK;
}

/* What a zone has that is to be changed. */
static enum err
read_held(struct batch *b, struct task *t)
{
	char name[DNAME_TEXT_MAX];
	struct knot_fault fault;
	struct buf units;
	enum err err;

	knot_items_fini(&t->held);
	buf_init(&units, 0);
	knot_unit_put_conf(&units, "conf-read", "zone", dname_print(&t->op->zone, name),
	    NULL, NULL);
	err = knot_ctl_block(&b->k->ctl, &units, take_item, t, &fault, b->why);
	buf_fini(&units);
	if (err == OK && fault.is)
		settle_retry(t, 1, "knot: %s", fault.text);
	return err;
}

/* -- files -------------------------------------------------------------------- */

/* What is to be there before knotd looks. */
static void
make_files(struct batch *b, struct task *t, int dir_fd)
{
	const struct settings *s = t->op->settings;
	char *path = settings_zonefile(s, &t->op->zone);
	char *text = settings_initial_file(s, &t->op->zone, (uint32_t)time(NULL));
	enum err err = OK;

	if (strchr(path, '/') != NULL)
		err = spool_make_parents(dir_fd, path);
	if (err == OK && text != NULL)
		err = spool_create(dir_fd, path, text, strlen(text), 0640);
	if (err == ERR_FULL)
		settle_retry(t, 60, "%.60s/%.80s: %s", b->k->conf.zone_dir, path,
		    mem_errno_text(errno));
	else if (err != OK && err != ERR_EXISTS)
		settle(t, RESULT_REJECTED, "%.60s/%.80s: %s", b->k->conf.zone_dir, path,
		    mem_errno_text(errno));
	free(text);
	free(path);
}

static bool
needs_files(const struct task *t)
{
	return is_addition(t) && (t->op->settings->initial_file != NULL ||
				     strchr(t->op->settings->zonefile, '/') != NULL);
}

/* This takes its time, so not while knotd waits: *made says that the connection
 * was left, and the look is old. */
static enum err
make_all_files(struct batch *b, bool *made)
{
	int dir_fd;
	enum err err;

	*made = false;
	for (size_t i = 0; i < b->n; i++)
		*made |= needs_files(&b->tasks[i]);
	if (!*made)
		return OK;
	knot_leave(b->k);
	err = spool_open(b->k->conf.zone_dir, &dir_fd);
	if (err != OK)
		return chan_fail(b->why, err, "zone-dir %s: %s", b->k->conf.zone_dir,
		    mem_errno_text(errno));
	for (size_t i = 0; i < b->n; i++) {
		if (needs_files(&b->tasks[i]))
			make_files(b, &b->tasks[i], dir_fd);
	}
	close(dir_fd);
	return OK;
}

/* -- units -------------------------------------------------------------------- */

/* In the item `file`, % is special. */
static char *
print_file(const struct batch *b, const struct task *t)
{
	char *path = settings_zonefile(t->op->settings, &t->op->zone), *text;
	struct buf out;

	buf_init(&out, 0);
	buf_printf(&out, "%s/", b->k->conf.zone_dir);
	for (const char *c = path; *c != '\0'; c++) {
		if (*c == '%')
			buf_put_u8(&out, '%');
		buf_put_u8(&out, (uint8_t)*c);
	}
	text = mem_strdup(buf_text(&out));
	buf_fini(&out);
	free(path);
	return text;
}

/* All that a zone is to have, but for its name. */
static void
list_items(struct batch *b, const struct task *t, struct knot_items *items)
{
	const struct knot_native *native = knot_native_of(b->k, t->op->settings);
	char *file = print_file(b, t);

	knot_items_add(items, "template", native->name);
	knot_items_add(items, "file", file);
	for (size_t i = 0; i < native->zone.n; i++)
		knot_items_add(items, native->zone.list[i].name,
		    native->zone.list[i].value);
	free(file);
}

/* The other template is set over the old one, never unset: that would be a
 * moment without. */
static bool
is_to_unset(const struct knot_items *held, size_t i, const struct knot_items *items)
{
	const char *name = held->list[i].name;

	return strcmp(name, "template") != 0 &&
	       knot_items_find(held, name) == &held->list[i] &&
	       !knot_items_same(held, items, name);
}

static void
put_unsets(struct batch *b, struct buf *units)
{
	char name[DNAME_TEXT_MAX];

	for (size_t i = 0; i < b->n; i++) {
		struct task *t = &b->tasks[i];
		struct knot_items items = {NULL, 0, 0};

		dname_print(&t->op->zone, name);
		if (is_removal(t)) {
			t->sent = true;
			knot_unit_put_conf(units, "conf-unset", "zone", name, NULL,
			    NULL);
		}
		if (!is_change(t))
			continue;
		t->sent = true;
		list_items(b, t, &items);
		for (size_t k = 0; k < t->held.n; k++) {
			if (is_to_unset(&t->held, k, &items))
				knot_unit_put_conf(units, "conf-unset", "zone", name,
				    t->held.list[k].name, NULL);
		}
		knot_items_fini(&items);
	}
}

static void
put_sets(struct batch *b, struct buf *units)
{
	char name[DNAME_TEXT_MAX];

	for (size_t i = 0; i < b->n; i++) {
		struct task *t = &b->tasks[i];
		struct knot_items items = {NULL, 0, 0};

		if (!is_addition(t) && !is_change(t))
			continue;
		t->sent = true;
		dname_print(&t->op->zone, name);
		if (is_addition(t))
			knot_unit_put_conf(units, "conf-set", "zone", name, NULL, NULL);
		list_items(b, t, &items);
		for (size_t k = 0; k < items.n; k++) {
			if (!knot_items_same(&t->held, &items, items.list[k].name))
				knot_unit_put_conf(units, "conf-set", "zone", name,
				    items.list[k].name, items.list[k].value);
		}
		knot_items_fini(&items);
	}
}

/* -- what knotd refuses ------------------------------------------------------- */

static struct task *
find_task(struct batch *b, const struct knot_fault *fault)
{
	struct dname name;

	if (strcmp(fault->section, "zone") != 0 || dname_parse(fault->id, &name) != OK)
		return NULL;
	for (size_t i = 0; i < b->n; i++) {
		if (b->tasks[i].sent && dname_equal(&b->tasks[i].op->zone, &name))
			return &b->tasks[i];
	}
	return NULL;
}

static void
settle_sent(struct batch *b, enum backend_result result, unsigned retry_s,
    const char *text)
{
	for (size_t i = 0; i < b->n; i++) {
		struct task *t = &b->tasks[i];

		if (!t->sent || !is_open(t))
			continue;
		settle(t, result, "%.199s", text);
		t->op->retry_s = retry_s;
	}
}

/* No more room: what only takes away may still be done. */
static void
settle_full(struct batch *b)
{
	for (size_t i = 0; i < b->n; i++) {
		if (is_addition(&b->tasks[i]) || is_change(&b->tasks[i]))
			settle_retry(&b->tasks[i], 60,
			    "knot's configuration database is full (knotd -m, "
			    "KNOT_CONF_MAX_SIZE)");
	}
}

/* What is wrong with an item is wrong for all zones under the same native. */
static void
settle_alike(struct batch *b, const struct task *bad, enum backend_result result,
    const char *text)
{
	char mark[KNOT_NATIVE_MAX];

	snprintf(mark, sizeof(mark), "%s",
	    knot_native_of(b->k, bad->op->settings)->name);
	for (size_t i = 0; i < b->n; i++) {
		struct task *t = &b->tasks[i];

		if (!is_addition(t) && !is_change(t))
			continue;
		if (strcmp(knot_native_of(b->k, t->op->settings)->name, mark) != 0)
			continue;
		settle(t, result, "knot: %.190s", text);
		t->op->retry_s = 5;
	}
}

/*
 * Of a block or a commit, which was aborted. Something is settled in any case,
 * so that the next round has less to do.
 */
static void
settle_fault(struct batch *b, const struct knot_fault *fault)
{
	struct task *t = find_task(b, fault);
	char text[160];

	knot_fault_print(fault, text);
	log_info("knot", "backend=%s refused=\"%s\"", b->k->conf.name, text);
	if (strcmp(fault->text, "not enough space provided") == 0) {
		settle_full(b);
		/* Even a removal can need a page. */
		if (t != NULL && is_open(t))
			settle_retry(t, 60, "knot: %s", text);
	} else if (t == NULL) {
		settle_sent(b, RESULT_RETRY, 5, text);
	} else if (t->op->kind == OP_REMOVE) {
		if (strcmp(fault->text, "invalid identifier") == 0)
			settle(t, RESULT_ALREADY, "%s", "");
		else
			settle(t, RESULT_REJECTED, "knot: %s", text);
	} else if (fault->item[0] == '\0' &&
		   (strcmp(fault->text, "duplicate identifier") == 0 ||
		       strcmp(fault->text, "invalid identifier") == 0)) {
		settle_retry(t, 1, "knot: %s", text); /* look again */
	} else if (fault->item[0] == '\0' && is_addition(t) &&
		   strcmp(fault->text, "invalid parameter") == 0) {
		settle(t, RESULT_REJECTED, "knot does not take the name");
	} else {
		bool lost = strcmp(fault->item, "template") == 0;

		if (lost)
			knot_forget_known(b->k);
		settle_alike(b, t, lost ? RESULT_RETRY : RESULT_REJECTED, text);
	}
	/* Whatever it was, once is enough. */
	if (t != NULL && is_open(t))
		settle_retry(t, 5, "knot: %s", text);
}

/* -- the transaction ---------------------------------------------------------- */

static enum err
send_block(struct batch *b, void (*put)(struct batch *b, struct buf *units),
    struct knot_fault *fault)
{
	struct buf units;
	enum err err = OK;

	buf_init(&units, 0);
	put(b, &units);
	if (units.size > 0)
		err = knot_ctl_block(&b->k->ctl, &units, NULL, NULL, fault, b->why);
	buf_fini(&units);
	return err;
}

/* It began. An error: how it ended is not known. */
static enum err
fill_and_commit(struct batch *b, struct knot_fault *fault)
{
	enum err err = send_block(b, put_unsets, fault);

	if (err == OK && !fault->is)
		err = send_block(b, put_sets, fault);
	if (err != OK)
		return err;
	if (fault->is)
		return knot_txn_abort(b->k, b->why);
	err = knot_txn_commit(b->k, fault, b->why);
	/* The check names what it dislikes; without that, it is the commit that
	 * failed, or what came after it. */
	if (err == OK && fault->is && fault->section[0] == '\0') {
		settle_sent(b, RESULT_UNKNOWN, 0, fault->text);
		fault->is = false;
	}
	return err;
}

static void
settle_committed(struct batch *b)
{
	for (size_t i = 0; i < b->n; i++) {
		struct task *t = &b->tasks[i];

		if (!t->sent || !is_open(t))
			continue;
		if (t->op->kind == OP_REMOVE)
			settle(t, RESULT_OK, "%s", "");
		else
			settle_set(b, t, RESULT_OK);
	}
}

static bool
any_left(const struct batch *b)
{
	for (size_t i = 0; i < b->n; i++) {
		if (is_open(&b->tasks[i]) && b->tasks[i].op->kind != OP_PURGE)
			return true;
	}
	return false;
}

static void
retry_left(struct batch *b, unsigned retry_s, const char *text)
{
	for (size_t i = 0; i < b->n; i++) {
		if (is_open(&b->tasks[i]) && b->tasks[i].op->kind != OP_PURGE)
			settle_retry(&b->tasks[i], retry_s, "%.199s", text);
	}
}

static enum err
run_round(struct batch *b)
{
	struct knot_fault fault = {.is = false};
	bool busy;
	enum err err = knot_txn_begin(b->k, &busy, b->why);

	if (err == ERR_BUSY || (err == OK && busy)) {
		retry_left(b, 2, busy ? knot_txn_foreign : b->why->text);
		return OK;
	}
	if (err != OK)
		return err;
	for (size_t i = 0; i < b->n; i++)
		b->tasks[i].sent = false;
	err = fill_and_commit(b, &fault);
	if (err != OK)
		settle_sent(b, RESULT_UNKNOWN, 0, b->why->text);
	else if (fault.is)
		settle_fault(b, &fault);
	else
		settle_committed(b);
	return err;
}

static enum err
transact(struct batch *b)
{
	bool stall;
	enum err err = OK;

	if (!any_left(b))
		return OK;
	err = knot_txn_would_stall(b->k, &stall, b->why);
	if (err == OK && stall)
		retry_left(b, 5, b->why->text);
	for (size_t i = 0; err == OK && i < b->n; i++) {
		if (is_change(&b->tasks[i]))
			err = read_held(b, &b->tasks[i]);
	}
	for (unsigned i = 0; err == OK && i < ROUNDS_MAX && any_left(b); i++)
		err = run_round(b);
	if (err == OK)
		retry_left(b, 5, "knot refuses one thing after the other");
	return err;
}

/* -- purging ------------------------------------------------------------------ */

static bool
is_purge(const struct task *t)
{
	return is_open(t) && t->op->kind == OP_PURGE;
}

/* Journal, timers and keys of zones that knotd does not have any more. Each is
 * answered on its own, but only failures say anything. */
static enum err
purge_chunk(struct batch *b, size_t *at)
{
	char name[DNAME_TEXT_MAX];
	struct knot_unit unit = {.field = {[KNOT_CMD] = "zone-purge",
				     [KNOT_FLAGS] = "F",
				     [KNOT_FILTER] = "o",
				     [KNOT_ZONE] = name}};
	struct knot_fault fault;
	struct buf units;
	size_t first = *at, n = 0;
	enum err err = OK;

	buf_init(&units, 0);
	for (; *at < b->n && n < PURGE_CHUNK; (*at)++) {
		if (!is_purge(&b->tasks[*at]))
			continue;
		dname_print(&b->tasks[*at].op->zone, name);
		knot_unit_put(&units, &unit);
		n++;
	}
	if (n > 0)
		err = knot_ctl_block(&b->k->ctl, &units, NULL, NULL, &fault, b->why);
	buf_fini(&units);
	for (size_t i = first; err == OK && n > 0 && fault.is && i < *at; i++) {
		if (is_purge(&b->tasks[i]))
			settle_retry(&b->tasks[i], 60, "knot: zone-purge: %s",
			    fault.text);
	}
	return err;
}

/* A file that other zones share, such as a template, is not the zone's own. */
static bool
has_own_file(const struct task *t)
{
	char file[DNAME_FILE_MAX];

	return t->op->zonefile != NULL &&
	       strstr(t->op->zonefile, dname_print_file(&t->op->zone, file)) != NULL;
}

static void
unlink_file(struct batch *b, struct task *t, int dir_fd)
{
	enum err err =
	    has_own_file(t) ? spool_unlink(dir_fd, t->op->zonefile) : ERR_NOTFOUND;

	if (err == OK || err == ERR_NOTFOUND)
		settle(t, err == OK ? RESULT_OK : RESULT_ALREADY, "%s", "");
	else
		settle(t, RESULT_REJECTED, "%.60s/%.80s: %s", b->k->conf.zone_dir,
		    t->op->zonefile, mem_errno_text(errno));
}

static enum err
purge(struct batch *b)
{
	size_t at = 0;
	int dir_fd;
	enum err err = OK;

	while (err == OK && at < b->n)
		err = purge_chunk(b, &at);
	knot_leave(b->k);
	if (err != OK)
		return err;
	err = spool_open(b->k->conf.zone_dir, &dir_fd);
	if (err != OK)
		return chan_fail(b->why, err, "zone-dir %s: %s", b->k->conf.zone_dir,
		    mem_errno_text(errno));
	for (size_t i = 0; i < b->n; i++) {
		if (is_purge(&b->tasks[i]))
			unlink_file(b, &b->tasks[i], dir_fd);
	}
	close(dir_fd);
	return OK;
}

/* -- all of it ---------------------------------------------------------------- */

static enum err
run(struct batch *b)
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
		err = transact(b);
	for (size_t i = 0; i < b->n; i++)
		purges |= is_purge(&b->tasks[i]);
	if (err == OK && purges)
		err = purge(b);
	knot_leave(b->k);
	return err;
}

enum err
knot_apply(void *ctx, struct backend_op *ops, size_t n, struct backend_error *why)
{
	struct batch b = {ctx, mem_zalloc((n + 1) * sizeof(b.tasks[0])), n, why};
	enum err err;

	assert(n <= KNOT_BATCH_MAX);
	for (size_t i = 0; i < n; i++) {
		struct task *t = &b.tasks[i];

		t->op = &ops[i];
		t->op->result = RESULT_NONE;
		t->op->retry_s = 0;
		t->op->mark[0] = t->op->text[0] = '\0';
		check(&b, t);
	}
	err = run(&b);
	for (size_t i = 0; i < n; i++)
		knot_items_fini(&b.tasks[i].held);
	free(b.tasks);
	return err;
}
