/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/backend/knot_batch.h"
#include "lib/log.h"
#include "lib/mem.h"

/* The transaction of a batch: its units, its rounds, and what is made of what
 * knotd refuses. */

enum { ROUNDS_MAX = 20 };

/* -- units -------------------------------------------------------------------- */

/* In the item `file`, % is special. */
static char *
print_file(const struct knot_batch *b, const struct knot_task *t)
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
list_items(struct knot_batch *b, const struct knot_task *t, struct knot_items *items)
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
put_unsets(struct knot_batch *b, struct buf *units)
{
	char name[DNAME_TEXT_MAX];

	for (size_t i = 0; i < b->n; i++) {
		struct knot_task *t = &b->tasks[i];
		struct knot_items items = {NULL, 0, 0};

		dname_print(&t->op->zone, name);
		if (knot_task_is_removal(t)) {
			t->sent = true;
			knot_unit_put_conf(units, "conf-unset", "zone", name, NULL,
			    NULL);
		}
		if (!knot_task_is_change(t))
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
put_sets(struct knot_batch *b, struct buf *units)
{
	char name[DNAME_TEXT_MAX];

	for (size_t i = 0; i < b->n; i++) {
		struct knot_task *t = &b->tasks[i];
		struct knot_items items = {NULL, 0, 0};

		if (!knot_task_is_addition(t) && !knot_task_is_change(t))
			continue;
		t->sent = true;
		dname_print(&t->op->zone, name);
		if (knot_task_is_addition(t))
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

static struct knot_task *
find_task(struct knot_batch *b, const struct knot_fault *fault)
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
settle_sent(struct knot_batch *b, enum backend_result result, unsigned retry_s,
    const char *text)
{
	for (size_t i = 0; i < b->n; i++) {
		struct knot_task *t = &b->tasks[i];

		if (!t->sent || !op_is_open(t->op))
			continue;
		op_settle(t->op, result, "%.199s", text);
		t->op->retry_s = retry_s;
	}
}

/* No more room: what only takes away may still be done. */
static void
settle_full(struct knot_batch *b)
{
	for (size_t i = 0; i < b->n; i++) {
		if (knot_task_is_addition(&b->tasks[i]) ||
		    knot_task_is_change(&b->tasks[i]))
			op_retry(b->tasks[i].op, 60,
			    "knot's configuration database is full (knotd -m, "
			    "KNOT_CONF_MAX_SIZE)");
	}
}

/* What is wrong with an item is wrong for all zones under the same native. */
static void
settle_alike(struct knot_batch *b, const struct knot_task *bad,
    enum backend_result result, const char *text)
{
	char mark[MARK_MAX];

	snprintf(mark, sizeof(mark), "%s",
	    knot_native_of(b->k, bad->op->settings)->name);
	for (size_t i = 0; i < b->n; i++) {
		struct knot_task *t = &b->tasks[i];

		if (!knot_task_is_addition(t) && !knot_task_is_change(t))
			continue;
		if (strcmp(knot_native_of(b->k, t->op->settings)->name, mark) != 0)
			continue;
		op_settle(t->op, result, "knot: %.190s", text);
		t->op->retry_s = 5;
	}
}

/*
 * Of a block or a commit, which was aborted. Something is settled in any case,
 * so that the next round has less to do.
 */
static void
settle_fault(struct knot_batch *b, const struct knot_fault *fault)
{
	struct knot_task *t = find_task(b, fault);
	char text[160];

	knot_fault_print(fault, text);
	log_info("knot", "backend=%s refused=\"%s\"", b->k->conf.name, text);
	if (strcmp(fault->text, "not enough space provided") == 0) {
		settle_full(b);
		/* Even a removal can need a page. */
		if (t != NULL && op_is_open(t->op))
			op_retry(t->op, 60, "knot: %s", text);
	} else if (t == NULL) {
		settle_sent(b, RESULT_RETRY, 5, text);
	} else if (t->op->kind == OP_REMOVE) {
		if (strcmp(fault->text, "invalid identifier") == 0)
			op_settle(t->op, RESULT_ALREADY, "%s", "");
		else
			op_settle(t->op, RESULT_REJECTED, "knot: %s", text);
	} else if (fault->item[0] == '\0' &&
		   (strcmp(fault->text, "duplicate identifier") == 0 ||
		       strcmp(fault->text, "invalid identifier") == 0)) {
		op_retry(t->op, 1, "knot: %s", text); /* look again */
	} else if (fault->item[0] == '\0' && knot_task_is_addition(t) &&
		   strcmp(fault->text, "invalid parameter") == 0) {
		op_settle(t->op, RESULT_REJECTED, "knot does not take the name");
	} else {
		bool lost = strcmp(fault->item, "template") == 0;

		if (lost)
			knot_forget_known(b->k);
		settle_alike(b, t, lost ? RESULT_RETRY : RESULT_REJECTED, text);
	}
	/* Whatever it was, once is enough. */
	if (t != NULL && op_is_open(t->op))
		op_retry(t->op, 5, "knot: %s", text);
}

/* -- the transaction ---------------------------------------------------------- */

static enum err
send_block(struct knot_batch *b, void (*put)(struct knot_batch *b, struct buf *units),
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
fill_and_commit(struct knot_batch *b, struct knot_fault *fault)
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
settle_committed(struct knot_batch *b)
{
	bool others = false;

	b->k->n_loading = 0;
	for (size_t i = 0; i < b->n; i++) {
		struct knot_task *t = &b->tasks[i];

		if (!t->sent || !op_is_open(t->op))
			continue;
		if (t->op->kind == OP_REMOVE) {
			op_settle(t->op, RESULT_OK, "%s", "");
			continue;
		}
		others |= t->op->settings->role != ROLE_PRIMARY;
		b->k->n_loading++;
		knot_task_settle_set(b->k, t, RESULT_OK);
	}
	if (others)
		b->k->n_loading = 0;
}

static bool
any_left(const struct knot_batch *b)
{
	for (size_t i = 0; i < b->n; i++) {
		if (op_is_open(b->tasks[i].op) && b->tasks[i].op->kind != OP_PURGE)
			return true;
	}
	return false;
}

static void
retry_left(struct knot_batch *b, unsigned retry_s, const char *text)
{
	for (size_t i = 0; i < b->n; i++) {
		if (op_is_open(b->tasks[i].op) && b->tasks[i].op->kind != OP_PURGE)
			op_retry(b->tasks[i].op, retry_s, "%.199s", text);
	}
}

static enum err
run_round(struct knot_batch *b)
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

/* Zones to be changed, in the order in which they are asked for. */
struct holding {
	struct knot_batch *b;
	size_t next;
	struct knot_task *now;
};

/* A zone's first unit is its name. */
static enum err
take_item(void *arg, const struct knot_unit *unit)
{
	struct holding *h = arg;
	const char *item = unit->field[KNOT_ITEM], *data = unit->field[KNOT_DATA];
	struct dname name;

	if (item == NULL || data == NULL)
		return OK;
	if (strcmp(item, "domain") != 0) {
		if (h->now != NULL)
			knot_items_add(&h->now->held, item, data);
		return OK;
	}
	h->now = NULL;
	if (dname_parse(data, &name) != OK)
		return ERR_FORM;
	while (h->now == NULL && h->next < h->b->n) {
		struct knot_task *t = &h->b->tasks[h->next++];

		if (knot_task_is_change(t) && dname_equal(&t->op->zone, &name))
			h->now = t;
	}
	return h->now != NULL ? OK : ERR_FORM;
}

/* What zones have that are to be changed. */
static enum err
read_held(struct knot_batch *b)
{
	struct holding h = {.b = b};
	char name[DNAME_TEXT_MAX];
	struct knot_fault fault = {.is = false};
	struct buf units;
	enum err err = OK;

	buf_init(&units, 0);
	for (size_t i = 0; i < b->n; i++) {
		if (!knot_task_is_change(&b->tasks[i]))
			continue;
		knot_items_fini(&b->tasks[i].held);
		knot_unit_put_conf(&units, "conf-read", "zone",
		    dname_print(&b->tasks[i].op->zone, name), NULL, NULL);
	}
	if (units.size > 0)
		err = knot_ctl_block(&b->k->ctl, &units, take_item, &h, &fault, b->why);
	buf_fini(&units);
	for (size_t i = 0; err == OK && fault.is && i < b->n; i++) {
		if (knot_task_is_change(&b->tasks[i]))
			op_retry(b->tasks[i].op, 1, "knot: %s", fault.text);
	}
	return err;
}

enum err
knot_commit_batch(struct knot_batch *b)
{
	bool stall;
	enum err err = OK;

	if (!any_left(b))
		return OK;
	err = knot_txn_would_stall(b->k, &stall, b->why);
	if (err == OK && stall)
		retry_left(b, 5, b->why->text);
	if (err == OK)
		err = read_held(b);
	for (unsigned i = 0; err == OK && i < ROUNDS_MAX && any_left(b); i++)
		err = run_round(b);
	if (err == OK)
		retry_left(b, 5, "knot refuses one thing after the other");
	return err;
}
