/* SPDX-License-Identifier: BSD-2-Clause */
#include "ctl/propline.h"

#include <string.h>

#include "ctl/words.h"
#include "lib/buf.h"

static enum err
add_group(const char *item, size_t size, struct pool *pool, struct props *props,
    const char **why)
{
	struct buf text;
	buf_init(&text, PROPS_GROUP_MAX);
	enum err e = words_decode(item, size, &text);
	if (!e && text.size > 0) {
		struct props_group *g = pool_zalloc(pool, sizeof(*g));
		g->data = pool_dup(pool, text.data, text.size);
		g->size = text.size;
		struct props_group **end = &props->groups;
		while (*end)
			end = &(*end)->next;
		*end = g;
	} else {
		*why = e == ERR_SPACE ? "a pattern's name is longer than 255 bytes"
		       : e            ? "a bad escape in the pattern's name"
				      : "an empty pattern name";
		e = ERR_FORM;
	}
	buf_fini(&text);
	return e;
}

/* The end of the item at p: a comma that is not escaped, or the end. */
static const char *
item_end(const char *p)
{
	while (*p && *p != ',')
		p += *p == '\\' && p[1] ? 2 : 1;
	return p;
}

enum err
propline_groups(const char *text, struct pool *pool, struct props *props,
    const char **why)
{
	props->has_groups = true;
	props->groups = NULL;
	if (strcmp(text, "-") == 0)
		return OK;
	for (unsigned n = 0;; n++) {
		if (n == PROPS_GROUPS_MAX) {
			*why = "more than 16 patterns for one zone";
			return ERR_FORM;
		}
		const char *end = item_end(text);
		enum err e = add_group(text, (size_t)(end - text), pool, props, why);
		if (e || *end == '\0')
			return e;
		text = end + 1;
	}
}

enum err
propline_param(const char *text, struct pool *pool, struct props *props,
    const char **why)
{
	const char *eq = strchr(text, '=');
	if (!eq) {
		*why = "a parameter is written name=value";
		return ERR_FORM;
	}
	return props_add_param(text, (size_t)(eq - text), eq + 1, strlen(eq + 1), pool,
	    props, why);
}
