/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/backend/bind_token.h"

#include <string.h>

static void
add_char(struct bind_token *t, size_t *size, char c)
{
	if (*size < sizeof(t->text) - 1)
		t->text[(*size)++] = c;
	else
		t->cut = true;
}

static const char *
skip_blanks(const char *p)
{
	for (;;) {
		p += strspn(p, " \t\r\n");
		if (*p == '#' || (*p == '/' && p[1] == '/')) {
			p += strcspn(p, "\n");
		} else if (*p == '/' && p[1] == '*') {
			const char *end = strstr(p + 2, "*/");

			p = end != NULL ? end + 2 : p + strlen(p);
		} else {
			return p;
		}
	}
}

/* Behind the first quote. named takes the backslash of \" alone away. */
static const char *
read_string(const char *p, struct bind_token *t, size_t *size)
{
	for (; *p != '\0' && *p != '"'; p++) {
		if (*p == '\\' && p[1] == '"')
			p++;
		else if (*p == '\\' && p[1] != '\0')
			add_char(t, size, *p++);
		add_char(t, size, *p);
	}
	return p + (*p == '"');
}

bool
bind_token_next(const char **at, struct bind_token *t)
{
	static const char marks[] = "{};!", ends[] = " \t\r\n\"{};!";
	const char *p = skip_blanks(*at);
	size_t size = 0;

	*at = p;
	t->quoted = t->cut = false;
	t->mark = '\0';
	if (*p == '\0')
		return false;
	if (*p == '"') {
		t->quoted = true;
		p = read_string(p + 1, t, &size);
	} else if (strchr(marks, *p) != NULL) {
		t->mark = *p;
		add_char(t, &size, *p++);
	} else {
		while (*p != '\0' && strchr(ends, *p) == NULL)
			add_char(t, &size, *p++);
	}
	t->text[size] = '\0';
	*at = p;
	return true;
}
