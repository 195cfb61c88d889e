/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/backend/backend.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "agent/backend/drivers.h"

/*
 * The registry of drivers. A driver is one const struct; to add one, write it,
 * declare it in drivers.h and name it here. The agent reaches a driver only
 * through struct backend_driver, on the thread of its backend, so a driver
 * needs no locks; what it must do is never to wait without looking at
 * cancel_fd, and never to touch what is not ours in the server.
 */

static const struct backend_driver *const drivers[] = {
    &nsd_driver,
    &knot_driver,
    &bind_driver,
    &yadifa_driver,
    &exec_driver,
    &null_driver,
};

const struct backend_driver *
backend_find(const char *name)
{
	for (size_t i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++) {
		if (strcmp(drivers[i]->name, name) == 0)
			return drivers[i];
	}
	return NULL;
}

const struct backend_driver *
backend_at(size_t n)
{
	return n < sizeof(drivers) / sizeof(drivers[0]) ? drivers[n] : NULL;
}

const struct backend_option *
backend_find_option(const struct backend_conf *conf, const char *name)
{
	for (size_t i = 0; i < conf->n_options; i++) {
		if (strcmp(conf->options[i].name, name) == 0)
			return &conf->options[i];
	}
	return NULL;
}

const char *
backend_option(const struct backend_conf *conf, const char *name, const char *fallback)
{
	const struct backend_option *option = backend_find_option(conf, name);

	return option != NULL ? option->value : fallback;
}

enum err
backend_fail(struct backend_error *why, enum err err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why->text, sizeof(why->text), fmt, ap);
	va_end(ap);
	return err;
}

enum err
backend_refuse(struct backend_error *why, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why->text, sizeof(why->text), fmt, ap);
	va_end(ap);
	return ERR_INVALID;
}

void
op_begin(struct backend_op *op)
{
	op->result = RESULT_NONE;
	op->retry_s = 0;
	op->mark[0] = op->text[0] = '\0';
}

bool
op_is_open(const struct backend_op *op)
{
	return op->result == RESULT_NONE;
}

void
op_settle(struct backend_op *op, enum backend_result result, const char *fmt, ...)
{
	va_list ap;

	op->result = result;
	va_start(ap, fmt);
	vsnprintf(op->text, sizeof(op->text), fmt, ap);
	va_end(ap);
}

void
op_retry(struct backend_op *op, unsigned retry_s, const char *fmt, ...)
{
	va_list ap;

	op->result = RESULT_RETRY;
	op->retry_s = retry_s;
	va_start(ap, fmt);
	vsnprintf(op->text, sizeof(op->text), fmt, ap);
	va_end(ap);
}
