/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_BACKEND_BIND_TOOL_H
#define AGENT_BACKEND_BIND_TOOL_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/backend/backend.h"
#include "lib/err.h"

/*
 * BIND's own tools: named-checkconf before every reconfig, and named-nzd2nzf.
 * Never one for each zone.
 */

typedef void bind_tool_fn(void *arg, const char *data, size_t size);

struct bind_tool {
	const char *const *argv;
	const char *input; /* or NULL: what it finds as /dev/stdin */
	size_t input_size;
	bind_tool_fn *out; /* its output, piece by piece; or NULL */
	void *arg;
	char text[200]; /* the first line it said on stderr, or else on stdout */
	bool good;      /* it ended with status 0 */
	int cancel_fd;
	unsigned timeout_ms;
};

/* ERR_CANCELED, ERR_TIMEOUT, ERR_IO. */
NODISCARD enum err bind_tool_run(struct bind_tool *tool, struct backend_error *why);

/* The tool where packages and sources put it. Free it. */
char *bind_tool_find(const char *name);

#endif
