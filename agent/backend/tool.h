/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_BACKEND_TOOL_H
#define AGENT_BACKEND_TOOL_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/backend/backend.h"
#include "lib/err.h"

/*
 * A server's own tools: those that check its configuration, before it is told to
 * read that. Never one for each zone.
 */

/* Output, piece by piece. */
typedef void tool_fn(void *arg, const char *data, size_t size);

struct tool {
	const char *const *argv;
	const char *input; /* or NULL: what it finds as /dev/stdin */
	size_t input_size;
	tool_fn *out, *errors; /* stdout and stderr, or NULL */
	void *out_arg, *errors_arg;
	char text[200]; /* the first line it said on stderr, or else on stdout */
	bool good;      /* it ended with status 0 */
	int cancel_fd;
	unsigned timeout_ms;
};

/* ERR_CANCELED, ERR_TIMEOUT, ERR_IO. */
NODISCARD enum err tool_run(struct tool *tool, struct backend_error *why);

/* The tool beside a server (its path, or NULL), else where packages and sources
 * put it. Free it. */
char *tool_find(const char *name, const char *server);

/* For output that is wanted line by line: out = tool_cut, out_arg = the struct.
 * The rest of a long line is dropped, and a last one without its end. */
struct tool_lines {
	void (*fn)(void *arg, const char *line);
	void *arg;
	char line[4096];
	size_t size;
};
tool_fn tool_cut;

#endif
