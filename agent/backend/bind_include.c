/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/backend/bind_include.h"

#include <stdlib.h>
#include <string.h>

#include "agent/backend/bind_token.h"
#include "lib/mem.h"

const char bind_include_name[] = "nsherd.conf";
const char bind_bulk_name[] = "nsherd-zones.conf";

static const char head[] =
    "# Written by nsherdd, which overwrites whatever else is here.\n";

static void
free_line(char *line)
{
	mem_wipe(line, strlen(line));
	free(line);
}

void
bind_include_init(struct bind_include *inc)
{
	memset(inc, 0, sizeof(*inc));
}

void
bind_include_fini(struct bind_include *inc)
{
	for (size_t i = 0; i < inc->n; i++) {
		free(inc->keys[i].name);
		free_line(inc->keys[i].line);
	}
	free(inc->keys);
	bind_include_init(inc);
}

/* Takes line. A later one of the same name counts. */
static void
put(struct bind_include *inc, const char *name, char *line)
{
	size_t at = 0;

	while (at < inc->n && strcmp(inc->keys[at].name, name) < 0)
		at++;
	if (at < inc->n && strcmp(inc->keys[at].name, name) == 0) {
		free_line(inc->keys[at].line);
		inc->keys[at].line = line;
		return;
	}
	inc->keys = mem_grow(inc->keys, inc->n, &inc->room, sizeof(inc->keys[0]));
	memmove(inc->keys + at + 1, inc->keys + at,
	    (inc->n - at) * sizeof(inc->keys[0]));
	inc->keys[at].name = mem_strdup(name);
	inc->keys[at].line = line;
	inc->n++;
}

void
bind_include_copy(struct bind_include *to, const struct bind_include *from)
{
	for (size_t i = 0; i < from->n; i++)
		put(to, from->keys[i].name, mem_strdup(from->keys[i].line));
	to->bulk = from->bulk;
}

static char *
print_key(const struct key *key)
{
	char name[DNAME_TEXT_MAX], *line;
	struct buf out;

	buf_init(&out, 0);
	buf_printf(&out, "key \"%s\" { algorithm %s; secret \"",
	    dname_print_plain(key_name(key), name), key_alg_str(key_algorithm(key)));
	key_secret_print(key, &out);
	buf_puts(&out, "\"; };");
	line = mem_strdup(buf_text(&out));
	mem_wipe(out.data, out.size);
	buf_fini(&out);
	return line;
}

void
bind_include_add(struct bind_include *inc, const struct dname *name,
    const struct keyring *ring)
{
	struct key *key = keyring_find(ring, name);
	char text[DNAME_TEXT_MAX];

	if (key != NULL)
		put(inc, dname_print_plain(name, text), print_key(key));
}

bool
bind_include_has(const struct bind_include *inc, const struct dname *name)
{
	char text[DNAME_TEXT_MAX];

	dname_print_plain(name, text);
	for (size_t i = 0; i < inc->n; i++)
		if (strcmp(inc->keys[i].name, text) == 0)
			return true;
	return false;
}

/* A line that is one whole key statement of ours. */
static void
parse_line(struct bind_include *inc, const char *line, size_t size)
{
	char *copy = mem_zalloc(size + 1), plain[DNAME_TEXT_MAX];
	const char *at = copy;
	struct bind_token t;
	struct dname name;

	memcpy(copy, line, size);
	if (bind_token_next(&at, &t) && strcmp(t.text, "key") == 0 &&
	    bind_token_next(&at, &t) && t.quoted && dname_parse(t.text, &name) == OK &&
	    size > 4 && strcmp(copy + size - 4, "; };") == 0)
		put(inc, dname_print_plain(&name, plain), mem_strdup(copy));
	else if (strcmp(t.text, "include") == 0)
		inc->bulk = true;
	free_line(copy);
}

void
bind_include_parse(struct bind_include *inc, const char *text)
{
	while (*text != '\0') {
		size_t size = strcspn(text, "\n");

		if (size > 0 && *text != '#')
			parse_line(inc, text, size);
		text += size + (text[size] == '\n');
	}
}

void
bind_include_render(const struct bind_include *inc, const struct keyring *ring,
    const char *config_dir, struct buf *out)
{
	buf_puts(out, head);
	for (size_t i = 0; i < inc->n; i++) {
		struct dname name;
		struct key *key = NULL;
		char *line;

		if (dname_parse(inc->keys[i].name, &name) == OK)
			key = keyring_find(ring, &name);
		line = key != NULL ? print_key(key) : mem_strdup(inc->keys[i].line);
		buf_printf(out, "%s\n", line);
		free_line(line);
	}
	if (inc->bulk)
		buf_printf(out, "include \"%s/%s\";\n", config_dir, bind_bulk_name);
}
