/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <stdlib.h>

#include "agent/backend/chan.h"
#include "agent/backend/yadifa_apply.h"
#include "lib/mem.h"

/*
 * yadifad says SERVFAIL to a file of which it does not like one line, and does
 * not say which. What is ours to check was checked, so this is about raw options
 * and about the operator's own file, and need not be fast: by halves, down to
 * the settings that are to blame.
 */

enum { LOADS_MAX = 60, RETRY_S = 30 };

static void
touched(struct yadifa_batch *b, struct yadifa_task *t)
{
	t->touched = true;
	b->y->written = b->y->loaded = false;
}

void
yadifa_put_in(struct yadifa_batch *b, struct yadifa_task *t)
{
	yadifa_table_put(&b->y->inc.table, &t->op->zone, t->want);
	t->in = true;
	touched(b, t);
}

void
yadifa_take_away(struct yadifa_batch *b, struct yadifa_task *t)
{
	yadifa_table_drop(&b->y->inc.table, &t->op->zone);
	b->y->operator.is_virgin = false;
	t->in = false;
	touched(b, t);
}

void
yadifa_put_back(struct yadifa_batch *b, struct yadifa_task *t)
{
	if (t->had != NULL)
		yadifa_table_put(&b->y->inc.table, &t->op->zone, t->had);
	else
		yadifa_table_drop(&b->y->inc.table, &t->op->zone);
	b->y->operator.is_virgin = false;
	t->in = false;
	touched(b, t);
}

/* Out while others are tried: one in place as it was, others not at all. */
static void
set_apart(struct yadifa_batch *b, struct yadifa_task *t)
{
	if (t->plan == PLAN_CHANGE)
		yadifa_put_back(b, t);
	else
		yadifa_take_away(b, t);
}

static enum err
load(struct yadifa_batch *b, unsigned attempts, bool *taken)
{
	enum yadifa_load result = YADIFA_REFUSED;
	bool sent;
	enum err err = yadifa_load(b->y, attempts, &result, &sent, b->why);

	*taken = result == YADIFA_LOADED;
	return err;
}

/* Nothing of this batch can be blamed: all of it as it was. */
static enum err
give_up(struct yadifa_batch *b, enum backend_result result, unsigned retry_s)
{
	struct backend_error why = *b->why, ignored = {""};

	for (size_t i = 0; i < b->n; i++) {
		struct yadifa_task *t = &b->tasks[i];

		if (t->touched && op_is_open(t->op)) {
			yadifa_put_back(b, t);
			op_settle(t->op, result, "%.190s", why.text);
			t->op->retry_s = retry_s;
		}
	}
	/* Where the disk is full the file is as it was anyhow. */
	if (yadifa_write(b->y, &ignored) != OK)
		b->y->written = false;
	return OK;
}

struct suspects {
	struct yadifa_task **tasks;
	size_t n;
};

static enum err
try_range(struct yadifa_batch *b, const struct suspects *s, size_t low, size_t high)
{
	bool taken;
	size_t n = 0;
	enum err err;

	for (size_t i = low; i < high; i++) {
		struct yadifa_task *t = s->tasks[i];

		if (t->want->refused[0] != '\0')
			op_settle(t->op, RESULT_REJECTED, "%s", t->want->refused);
		if (!op_is_open(t->op))
			continue;
		yadifa_put_in(b, t);
		n++;
	}
	if (n == 0)
		return OK;
	if (++b->n_loads > LOADS_MAX) {
		for (size_t i = low; i < high; i++) {
			if (!op_is_open(s->tasks[i]->op))
				continue;
			set_apart(b, s->tasks[i]);
			op_retry(s->tasks[i]->op, RETRY_S,
			    "yadifad does not take the batch that this is in");
		}
		return OK;
	}
	err = load(b, high - low > 1 ? YADIFA_BRIEF : YADIFA_PATIENT, &taken);
	if (err != OK || taken)
		return err;
	for (size_t i = low; i < high; i++) {
		if (op_is_open(s->tasks[i]->op))
			set_apart(b, s->tasks[i]);
	}
	if (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		err = try_range(b, s, low, middle);
		return err == OK ? try_range(b, s, middle, high) : err;
	}
	snprintf(s->tasks[low]->want->refused, sizeof(s->tasks[low]->want->refused),
	    "yadifad does not take these settings (SERVFAIL): its log has the line");
	op_settle(s->tasks[low]->op, RESULT_REJECTED, "%s",
	    s->tasks[low]->want->refused);
	return OK;
}

/* Those that came in are out; now let them in by halves. */
static enum err
sort_out(struct yadifa_batch *b, enum yadifa_plan phase, struct suspects *s)
{
	bool taken;
	enum err err;

	for (size_t i = 0; i < b->n; i++) {
		struct yadifa_task *t = &b->tasks[i];

		if (!t->in || !op_is_open(t->op) ||
		    (t->plan == PLAN_REPLACE) != (phase == PLAN_REPLACE))
			continue;
		s->tasks[s->n++] = t;
		set_apart(b, t);
	}
	err = load(b, YADIFA_BRIEF, &taken);
	if (err != OK)
		return err;
	if (!taken)
		return give_up(b, RESULT_RETRY, RETRY_S);
	err = s->n > 0 ? try_range(b, s, 0, s->n) : OK;
	if (err != OK)
		return err;
	for (size_t i = 0; i < s->n; i++) {
		if (!op_is_open(s->tasks[i]->op))
			yadifa_put_back(b, s->tasks[i]);
		if (!op_is_open(s->tasks[i]->op) && s->tasks[i]->had == NULL)
			yadifa_depart(b->y, &s->tasks[i]->op->zone);
	}
	err = load(b, YADIFA_PATIENT, &taken);
	return err == OK && !taken ? ERR_BUSY : err;
}

enum err
yadifa_take_effect(struct yadifa_batch *b, enum yadifa_plan phase)
{
	struct suspects s = {NULL, 0};
	bool taken;
	enum err err = load(b, YADIFA_PATIENT, &taken);

	if (err != OK && !b->y->written) /* the file could not be written */
		return give_up(b, RESULT_RETRY, 2 * RETRY_S);
	if (err != OK || taken)
		return err;
	s.tasks = mem_alloc((b->n + 1) * sizeof(s.tasks[0]));
	err = sort_out(b, phase, &s);
	free(s.tasks);
	return err;
}
