/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_BACKEND_YADIFA_APPLY_H
#define AGENT_BACKEND_YADIFA_APPLY_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/backend/yadifa.h"
#include "lib/err.h"

/* A batch on its way: between yadifa_apply.c and yadifa_sort.c. */

enum yadifa_plan {
	PLAN_NONE,
	PLAN_REMOVE,
	PLAN_ADD,
	PLAN_CHANGE,  /* in place */
	PLAN_REPLACE, /* out, and in again */
	PLAN_CONFIRM, /* it should be so already */
	PLAN_PURGE,
};

struct yadifa_task {
	struct backend_op *op;
	struct yadifa_native *want, *had; /* NULL: none */
	enum yadifa_plan plan;
	bool in;      /* its zone is in the table as wanted */
	bool touched; /* the table was changed for it */
	bool quiet;   /* did not answer before it was removed */
	bool ghost;
	bool lacking; /* was found neither served nor with a file */
	bool stays;   /* yadifad still knows it after the removal */
};

struct yadifa_batch {
	struct yadifa *y;
	struct yadifa_task *tasks;
	size_t n;
	struct backend_error *why;
	size_t n_suspects;
	unsigned n_loads; /* while the culprit is looked for */
};

/* The table for one task. */
void yadifa_put_in(struct yadifa_batch *b, struct yadifa_task *t);
void yadifa_take_away(struct yadifa_batch *b, struct yadifa_task *t);
void yadifa_put_back(struct yadifa_batch *b, struct yadifa_task *t); /* as it was */

/*
 * Have yadifad take the table. If it does not, find those that it does not
 * take, settle them, and have it take the others. phase: PLAN_REPLACE when
 * these come in again, else PLAN_NONE.
 */
NODISCARD enum err yadifa_take_effect(struct yadifa_batch *b, enum yadifa_plan phase);

#endif
