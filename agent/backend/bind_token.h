/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_BACKEND_BIND_TOKEN_H
#define AGENT_BACKEND_BIND_TOKEN_H

#include <stdbool.h>
#include <stddef.h>

/* The words of named.conf, also of what named and its tools print. */

enum { BIND_TOKEN_MAX = 2048 };

struct bind_token {
	char text[BIND_TOKEN_MAX]; /* a string without its quotes, a word, a mark */
	bool quoted;
	bool cut;  /* it was longer */
	char mark; /* one of `{};!`, else NUL */
};

/* Comments are passed over. *at moves on; false: no more. */
bool bind_token_next(const char **at, struct bind_token *t);

#endif
