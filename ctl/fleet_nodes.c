/* SPDX-License-Identifier: BSD-2-Clause */
#include "ctl/fleet_nodes.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/words.h"
#include "lib/addr.h"
#include "lib/buf.h"
#include "lib/mem.h"

static const char name_chars[] =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

/* What may be said of a node, and where. */
static const struct setting {
	const char *name;
	size_t slot; /* in struct node */
	bool is_local, is_path;
} settings[] = {
    {"tls", offsetof(struct node, tls), false, false},
    {"key", offsetof(struct node, key_file), true, true},
    {"tls-ca", offsetof(struct node, tls_ca), true, true},
    {"tls-cert", offsetof(struct node, tls_cert), true, true},
    {"tls-key", offsetof(struct node, tls_key), true, true},
    {"catalog", offsetof(struct node, catalog), true, false},
};

enum { TLS_NAME_MAX = 250 }; /* of a character-string, less its key */
enum { N_SETTINGS = sizeof(settings) / sizeof(*settings) };

static const char **
slot_of(struct node *node, const struct setting *s)
{
	return (const char **)(void *)((char *)node + s->slot);
}

static const char *
value_of(const struct node *node, const struct setting *s)
{
	const char *at = (const char *)node + s->slot;
	return *(const char *const *)(const void *)at;
}

void
nodes_fini(struct nodes *nodes)
{
	free(nodes->items);
	nodes->items = NULL;
	nodes->n = nodes->room = 0;
	pool_fini(&nodes->pool);
}

const struct node *
nodes_find(const struct nodes *nodes, const char *name)
{
	for (size_t i = 0; i < nodes->n; i++)
		if (strcmp(nodes->items[i].name, name) == 0)
			return &nodes->items[i];
	return NULL;
}

const struct node *
nodes_hub(const struct nodes *nodes)
{
	for (size_t i = 0; i < nodes->n; i++)
		if (nodes->items[i].is_hub)
			return &nodes->items[i];
	return NULL;
}

/* -- one node --------------------------------------------------------------- */

/* Where a fault is said to be. */
struct place {
	const char *file;
	unsigned line;
	struct err_where *where;
};

static enum err
set_value(struct nodes *nodes, struct node *node, const struct setting *s,
    const char *value, const struct place *p)
{
	const char *home = getenv("HOME");
	struct dname name;

	if (value_of(node, s))
		return err_at(p->where, p->file, p->line, "%s= is there twice",
		    s->name);
	if (*value == '\0')
		return err_at(p->where, p->file, p->line, "%s= has no value", s->name);
	if (strcmp(s->name, "catalog") == 0 && dname_parse(value, &name))
		return err_at(p->where, p->file, p->line, "%s=: no domain name",
		    s->name);
	if (strcmp(s->name, "tls") == 0 &&
	    (strlen(value) > TLS_NAME_MAX || *value == '-'))
		return err_at(p->where, p->file, p->line, "%s=: no name of a server",
		    s->name);
	if (s->is_path && strncmp(value, "~/", 2) == 0 && home) {
		char *path = mem_printf("%s/%s", home, value + 2);
		*slot_of(node, s) = pool_strdup(&nodes->pool, path);
		free(path);
		return OK;
	}
	*slot_of(node, s) = pool_strdup(&nodes->pool, value);
	return OK;
}

/* The node is whole. */
static enum err
add(struct nodes *nodes, const struct node *node, const struct place *p)
{
	struct addr addr;
	size_t size = node->name ? strlen(node->name) : 0;

	if (size == 0)
		return err_at(p->where, p->file, p->line, "no name");
	if (size > NODE_NAME_MAX || node->name[strspn(node->name, name_chars)])
		return err_at(p->where, p->file, p->line,
		    "name \"%.80s\": 1 to %d letters, digits, dots, - and _",
		    node->name, NODE_NAME_MAX);
	if (!node->address || addr_parse(node->address, 1, &addr))
		return err_at(p->where, p->file, p->line,
		    "address \"%.80s\": written ADDRESS[@PORT], with digits only",
		    node->address ? node->address : "");
	if (nodes_find(nodes, node->name))
		return err_at(p->where, p->file, p->line, "name %s is there twice",
		    node->name);
	if (node->is_hub && nodes_hub(nodes))
		return err_at(p->where, p->file, p->line,
		    "a second hub, %s is the first", nodes_hub(nodes)->name);
	if ((node->tls_ca || node->tls_cert || node->tls_key) && !node->tls)
		return err_at(p->where, p->file, p->line,
		    "TLS with whom? tls=NAME, the name in the agent's certificate");
	if (nodes->n >= NODES_MAX)
		return err_at(p->where, p->file, p->line, "more than %d agents",
		    NODES_MAX);
	nodes->items =
	    mem_grow(nodes->items, nodes->n, &nodes->room, sizeof(*nodes->items));
	nodes->items[nodes->n++] = *node;
	return OK;
}

/* -- lines ------------------------------------------------------------------ */

static const struct setting *
find_setting(const char *word, size_t size)
{
	for (size_t i = 0; i < N_SETTINGS; i++)
		if (strlen(settings[i].name) == size &&
		    memcmp(settings[i].name, word, size) == 0)
			return &settings[i];
	return NULL;
}

/* What a quoted word stands for, in the pool. NULL: a bad escape, or a NUL. */
static const char *
decode(struct nodes *nodes, const char *word)
{
	const char *text = NULL;
	struct buf out;

	buf_init(&out, 0);
	if (words_decode(word, strlen(word), &out) == OK &&
	    strlen(buf_text(&out)) == out.size)
		text = pool_strdup(&nodes->pool, buf_text(&out));
	buf_fini(&out);
	return text;
}

static enum err
take_word(struct nodes *nodes, struct node *node, const char *word,
    const struct place *p)
{
	const char *eq = strchr(word, '=');

	if (strcmp(word, "hub") == 0) {
		node->is_hub = true;
		return OK;
	}
	if (!eq)
		return err_at(p->where, p->file, p->line,
		    "\"%.80s\": neither hub nor name=value", word);
	const struct setting *s = find_setting(word, (size_t)(eq - word));
	if (!s)
		return err_at(p->where, p->file, p->line,
		    "unknown setting \"%.*s\"; tls, key, tls-ca, tls-cert, tls-key "
		    "and catalog are known",
		    (int)(eq - word > 80 ? 80 : eq - word), word);
	const char *value = decode(nodes, eq + 1);
	if (!value)
		return err_at(p->where, p->file, p->line, "%s=: a bad escape", s->name);
	return set_value(nodes, node, s, value, p);
}

enum err
nodes_take_line(struct nodes *nodes, char *line, const char *file, unsigned number,
    struct err_where *where)
{
	const struct place p = {file, number, where};
	char *words[WORDS_MAX];
	struct node node = {0};
	size_t n;
	enum err e = words_split(line, words, &n);

	if (e)
		return err_at(where, file, number, "%s",
		    e == ERR_RANGE
			? "too many words"
			: "a quote is not closed, or a backslash ends the line");
	if (n == 0)
		return OK;
	node.name = decode(nodes, words[0]);
	node.address = n > 1 ? decode(nodes, words[1]) : NULL;
	for (size_t i = 2; i < n && !e; i++)
		e = take_word(nodes, &node, words[i], &p);
	return e ? e : add(nodes, &node, &p);
}

static enum err
read_lines(struct nodes *nodes, FILE *f, const char *file, struct err_where *where)
{
	char *line = NULL;
	size_t room = 0;
	ssize_t size;
	unsigned number = 0;
	enum err e = OK;

	while (!e && (size = getline(&line, &room, f)) >= 0) {
		number++;
		if (size > 0 && line[size - 1] == '\n')
			line[--size] = '\0';
		if (strlen(line) != (size_t)size)
			e = err_at(where, file, number, "a NUL octet");
		else
			e = nodes_take_line(nodes, line, file, number, where);
	}
	if (!e && ferror(f)) {
		(void)err_at(where, file, 0, "%s", mem_errno_text(errno));
		e = ERR_IO;
	}
	free(line);
	return e;
}

enum err
nodes_read(struct nodes *nodes, const char *path, struct err_where *where)
{
	if (strcmp(path, "-") == 0)
		return read_lines(nodes, stdin, "stdin", where);
	FILE *f = fopen(path, "re");
	if (!f) {
		int error = errno;
		(void)err_at(where, path, 0, "%s", mem_errno_text(error));
		return error == ENOENT ? ERR_NOTFOUND : ERR_IO;
	}
	enum err e = read_lines(nodes, f, path, where);
	fclose(f);
	return e;
}

void
nodes_print(const struct node *node, struct buf *out)
{
	buf_printf(out, "%s %s%s", node->name, node->address,
	    node->is_hub ? " hub" : "");
	for (size_t i = 0; i < N_SETTINGS; i++) {
		const char *value = value_of(node, &settings[i]);
		if (!value)
			continue;
		buf_printf(out, " %s=", settings[i].name);
		words_encode(value, strlen(value), out);
	}
}

/* -- records ---------------------------------------------------------------- */

static enum err
take_string(struct nodes *nodes, struct node *node, const char *text,
    const struct place *p)
{
	const char *eq = strchr(text, '=');
	size_t size = eq ? (size_t)(eq - text) : 0;
	const struct setting *s = find_setting(text, size);

	if (size == 4 && memcmp(text, "name", 4) == 0)
		node->name = pool_strdup(&nodes->pool, eq + 1);
	else if (size == 7 && memcmp(text, "address", 7) == 0)
		node->address = pool_strdup(&nodes->pool, eq + 1);
	else if (s && !s->is_local)
		return set_value(nodes, node, s, eq + 1, p);
	return OK;
}

enum err
nodes_owner(const struct dname *catalog, struct dname *owner)
{
	static const char *const labels[] = {"ext", "nsherd", "nodes"};
	enum err e = OK;

	*owner = *catalog;
	for (size_t i = 0; i < 3 && !e; i++) {
		struct label label = label_of(labels[i]);
		e = dname_prepend(&label, owner, owner);
	}
	return e;
}

enum err
nodes_take_txt(struct nodes *nodes, const struct rr *rr, struct err_where *where)
{
	const struct place p = {"", 0, where};
	struct node node = {0};
	const uint8_t *string;
	uint8_t size;
	size_t pos = 0;
	enum err e = OK;

	while (!e && txt_next(rr->rdata, rr->rdata_size, &pos, &string, &size)) {
		char text[UINT8_MAX + 1];
		memcpy(text, string, size);
		text[size] = '\0';
		if (strlen(text) != size)
			return err_at(where, "", 0, "a NUL octet");
		e = take_string(nodes, &node, text, &p);
	}
	return e ? e : add(nodes, &node, &p);
}

void
nodes_write_txt(const struct node *node, struct buf *rdata)
{
	txt_printf(rdata, "name=%s", node->name);
	txt_printf(rdata, "address=%s", node->address);
	for (size_t i = 0; i < N_SETTINGS; i++)
		if (!settings[i].is_local && value_of(node, &settings[i]))
			txt_printf(rdata, "%s=%s", settings[i].name,
			    value_of(node, &settings[i]));
}
