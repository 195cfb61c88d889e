/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/backend/bind_config.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "agent/backend/bind_token.h"
#include "agent/backend/tool.h"
#include "lib/buf.h"
#include "lib/mem.h"

enum { DEPTH_MAX = 8, FILES_MAX = 500, FILE_MAX = 64 << 20 };
enum { WORD_MAX = 1024 }; /* the secret of a key is the longest */

/* -- reading what is printed -------------------------------------------------- */

/* The first two words of each statement that is open. */
struct scan {
	struct bind_config *c;
	const char *view;
	char words[DEPTH_MAX][2][WORD_MAX];
	unsigned n_words[DEPTH_MAX];
	unsigned depth;
	unsigned deeper; /* than that there are words for */
};

static void
add_name(struct bind_config *c, const char *kind, const char *name)
{
	char *text = mem_printf("%s %s", kind, name);

	textset_add(&c->names, text);
	free(text);
}

static bool
is_word(const struct scan *s, unsigned depth, const char *word)
{
	return s->n_words[depth] > 0 && strcmp(s->words[depth][0], word) == 0;
}

static bool
in_our_view(const struct scan *s)
{
	return is_word(s, 0, "view") && s->view[0] != '\0' &&
	       strcmp(s->words[0][1], s->view) == 0;
}

/* Where it is opened, and again where it ends. */
static void
add_key(struct bind_config *c, const char *name)
{
	if (c->n_keys > 0 && strcmp(c->keys[c->n_keys - 1].name, name) == 0)
		return;
	add_name(c, "key", name);
	c->keys = mem_grow(c->keys, c->n_keys, &c->keys_room, sizeof(c->keys[0]));
	c->keys[c->n_keys++] = (struct bind_config_key){.name = mem_strdup(name)};
}

static void
free_secret(char *secret)
{
	if (secret != NULL)
		mem_wipe(secret, strlen(secret));
	free(secret);
}

/* A statement in the key that was opened last. */
static void
take_key_statement(const struct scan *s, unsigned depth)
{
	struct bind_config_key *key = &s->c->keys[s->c->n_keys - 1];

	if (s->n_words[depth] < 2)
		return;
	if (is_word(s, depth, "algorithm")) {
		free(key->algorithm);
		key->algorithm = mem_strdup(s->words[depth][1]);
	} else if (is_word(s, depth, "secret")) {
		free_secret(key->secret);
		key->secret = mem_strdup(s->words[depth][1]);
	}
}

/* A statement that is complete, or opens a block, at depth 0. */
static void
take_top(struct scan *s)
{
	struct bind_config *c = s->c;
	const char *name = s->n_words[0] > 1 ? s->words[0][1] : "";

	if (is_word(s, 0, "key"))
		add_key(c, name);
	else if (is_word(s, 0, "dnssec-policy"))
		add_name(c, "policy", name);
	else if (is_word(s, 0, "controls"))
		c->controls = true;
	else if (is_word(s, 0, "statistics-channels"))
		c->statistics = true;
	else if (in_our_view(s))
		c->has_view = true;
}

/* One at depth 1: of options, or of our view, which goes before. */
static void
take_option(struct scan *s)
{
	struct bind_config *c = s->c;
	const char *value = s->n_words[1] > 1 ? s->words[1][1] : "";
	bool yes = strcmp(value, "yes") == 0 || strcmp(value, "true") == 0 ||
		   strcmp(value, "1") == 0;

	if (!is_word(s, 0, "options") && !in_our_view(s))
		return;
	if (is_word(s, 1, "directory"))
		snprintf(c->directory, sizeof(c->directory), "%.599s", value);
	else if (is_word(s, 1, "new-zones-directory"))
		snprintf(c->nzd_dir, sizeof(c->nzd_dir), "%.599s", value);
	else if (is_word(s, 1, "allow-new-zones"))
		c->new_zones = yes;
	else if (is_word(s, 1, "catalog-zones"))
		c->new_zones = true;
	else if (is_word(s, 1, "zone-statistics"))
		c->hides_zones = strncmp(value, "no", 2) == 0;
	else if (is_word(s, 1, "key") && in_our_view(s))
		add_key(c, value);
}

static void
take_statement(struct scan *s)
{
	if (s->depth == 0)
		take_top(s);
	else if (s->depth == 1 && is_word(s, 0, "key"))
		take_key_statement(s, 1);
	else if (s->depth == 1)
		take_option(s);
	else if (s->depth == 2 && in_our_view(s) && is_word(s, 1, "key"))
		take_key_statement(s, 2);
	/* controls { inet ... keys { "NAME"; }; }; */
	else if (s->depth == 2 && is_word(s, 0, "controls") && s->n_words[2] == 1)
		add_name(s->c, "control", s->words[2][0]);
}

static void
scan(struct bind_config *c, const char *view)
{
	struct scan s = {.c = c, .view = view};
	const char *at = c->text;
	struct bind_token t;

	while (bind_token_next(&at, &t)) {
		unsigned d = s.depth;

		if (s.deeper > 0 || (t.mark == '{' && d == DEPTH_MAX - 1)) {
			s.deeper += t.mark == '{';
			s.deeper -= t.mark == '}';
		} else if (t.mark == '{' || t.mark == ';') {
			if (s.n_words[d] > 0)
				take_statement(&s);
			if (t.mark == ';')
				s.n_words[d] = 0;
			else
				s.n_words[++s.depth] = 0;
		} else if (t.mark == '}') {
			if (s.depth > 0)
				s.depth--;
		} else if (t.mark == '\0') {
			if (s.n_words[d] < 2)
				snprintf(s.words[d][s.n_words[d]],
				    sizeof(s.words[d][0]), "%.1023s", t.text);
			s.n_words[d]++;
		}
	}
	mem_wipe(&s, sizeof(s));
}

static void
take_output(void *arg, const char *data, size_t size)
{
	buf_put(arg, data, size);
}

enum err
bind_config_read(const struct bind_config_reader *r, struct bind_config *c,
    struct backend_error *why)
{
	char *tool_path = tool_find("named-checkconf", NULL);
	const char *const argv[] = {tool_path, "-p", r->path, NULL};
	struct buf out;
	struct tool tool = {.argv = argv,
	    .out = take_output,
	    .out_arg = &out,
	    .cancel_fd = r->cancel_fd,
	    .timeout_ms = r->timeout_ms};
	enum err err;

	buf_init(&out, 0);
	memset(c, 0, sizeof(*c));
	err = tool_run(&tool, why);
	if (err == OK && !tool.good)
		err = backend_fail(why, ERR_INVALID, "%s", tool.text);
	if (err == OK) {
		c->size = out.size;
		c->text = mem_strdup(buf_text(&out));
		scan(c, r->view);
	}
	if (out.data != NULL)
		mem_wipe(out.data, out.size);
	buf_fini(&out);
	free(tool_path);
	return err;
}

void
bind_config_fini(struct bind_config *c)
{
	textset_fini(&c->names);
	for (size_t i = 0; i < c->n_keys; i++) {
		free(c->keys[i].name);
		free(c->keys[i].algorithm);
		free_secret(c->keys[i].secret);
	}
	free(c->keys);
	if (c->text != NULL)
		mem_wipe(c->text, c->size);
	free(c->text);
	memset(c, 0, sizeof(*c));
}

bool
bind_config_has(const struct bind_config *c, const char *kind, const char *name)
{
	char *text = mem_printf("%s %s", kind, name);
	bool has = textset_has(&c->names, text);

	free(text);
	return has;
}

bool
bind_config_has_name(const struct bind_config *c, const char *kind,
    const struct dname *name)
{
	size_t size = strlen(kind);

	for (size_t i = 0; i < c->names.n; i++) {
		struct dname other;

		if (strncmp(c->names.list[i], kind, size) == 0 &&
		    c->names.list[i][size] == ' ' &&
		    dname_parse(c->names.list[i] + size + 1, &other) == OK &&
		    dname_equal(&other, name))
			return true;
	}
	return false;
}

static bool
is_same_key(const struct bind_config_key *is, const struct key *key)
{
	uint8_t secret[KEY_SECRET_MAX];
	size_t size, wanted_size;
	const uint8_t *wanted = key_secret(key, &wanted_size);
	enum key_alg alg;
	bool same = is->algorithm != NULL && is->secret != NULL &&
		    key_alg_parse(is->algorithm, &alg) == OK &&
		    alg == key_algorithm(key) &&
		    key_secret_parse(is->secret, secret, &size) == OK &&
		    size == wanted_size && memcmp(secret, wanted, size) == 0;

	mem_wipe(secret, sizeof(secret));
	return same;
}

enum err
bind_config_find_key(const struct bind_config *c, const struct key *key)
{
	enum err found = ERR_NOTFOUND;

	for (size_t i = 0; i < c->n_keys; i++) {
		struct dname name;

		if (dname_parse(c->keys[i].name, &name) != OK ||
		    !dname_equal(&name, key_name(key)))
			continue;
		if (!is_same_key(&c->keys[i], key))
			return ERR_EXISTS;
		found = OK;
	}
	return found;
}

/* -- trying zones ------------------------------------------------------------- */

/* Behind the `{` of our view, or at the end. */
static size_t
place_of_zones(const struct bind_config *c, const char *view)
{
	char *head;
	const char *at;

	if (view[0] == '\0')
		return c->size;
	head = mem_printf("\nview \"%s\"", view);
	at = strstr(c->text, head);
	free(head);
	at = at != NULL ? strchr(at, '{') : NULL;
	return at != NULL ? (size_t)(at - c->text) + 1 : c->size;
}

enum err
bind_config_try(const struct bind_config_reader *r, const struct bind_config *c,
    const char *zones, struct backend_error *why)
{
	char *tool_path = tool_find("named-checkconf", NULL);
	const char *const argv[] = {tool_path, "/dev/stdin", NULL};
	size_t at = place_of_zones(c, r->view);
	struct tool tool = {.argv = argv,
	    .cancel_fd = r->cancel_fd,
	    .timeout_ms = r->timeout_ms};
	struct buf text;
	enum err err;

	buf_init(&text, 0);
	buf_put(&text, c->text, at);
	buf_puts(&text, "\n");
	buf_puts(&text, zones);
	buf_put(&text, c->text + at, c->size - at);
	tool.input = buf_text(&text);
	tool.input_size = text.size;
	err = tool_run(&tool, why);
	/* Without the file and line, which nobody can look at. */
	if (err == OK && !tool.good) {
		const char *blank = strncmp(tool.text, "/dev/stdin:", 11) == 0
					? strchr(tool.text, ' ')
					: NULL;

		err = backend_fail(why, ERR_INVALID, "named-checkconf: %.170s",
		    blank != NULL ? blank + 1 : tool.text);
	}
	mem_wipe(text.data, text.size);
	buf_fini(&text);
	free(tool_path);
	return err;
}

/* -- the operator's files ----------------------------------------------------- */

struct walk {
	const char *directory, *skip, *include;
	int64_t newer_than_ms;
	unsigned n_files;
	bool included;
	char *found;
};

static void walk_file(struct walk *w, const char *path);

/* named has gone to `directory` by the time it opens a relative one. */
static void
walk_include(struct walk *w, const char *text)
{
	char *pattern = text[0] == '/' || w->directory[0] == '\0'
			    ? mem_strdup(text)
			    : mem_printf("%s/%s", w->directory, text);
	glob_t found;

	if (glob(pattern, 0, NULL, &found) == 0) {
		for (size_t i = 0; i < found.gl_pathc; i++)
			walk_file(w, found.gl_pathv[i]);
		globfree(&found);
	}
	free(pattern);
}

static bool
same_file(const char *a, const char *b)
{
	struct stat x, y;

	return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev &&
	       x.st_ino == y.st_ino;
}

static char *
read_file(const char *path, size_t size)
{
	FILE *file = fopen(path, "re");
	char *text;
	size_t n;

	if (file == NULL)
		return NULL;
	text = mem_alloc(size + 1);
	n = fread(text, 1, size, file);
	text[n] = '\0';
	fclose(file);
	return text;
}

static void
walk_file(struct walk *w, const char *path)
{
	bool ours = strncmp(path, w->skip, strlen(w->skip)) == 0 &&
		    path[strlen(w->skip)] == '/';
	struct bind_token t;
	struct stat st;
	const char *at;
	char *text;

	w->included |= same_file(path, w->include);
	if (ours || ++w->n_files > FILES_MAX || stat(path, &st) == -1 ||
	    !S_ISREG(st.st_mode) || st.st_size > FILE_MAX)
		return;
	if ((int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000 >
		w->newer_than_ms &&
	    w->found == NULL)
		w->found = mem_strdup(path);
	at = text = read_file(path, (size_t)st.st_size);
	while (at != NULL && bind_token_next(&at, &t)) {
		if (!t.quoted && strcasecmp(t.text, "include") == 0 &&
		    bind_token_next(&at, &t) && !t.cut && t.mark == '\0')
			walk_include(w, t.text);
	}
	if (text != NULL)
		mem_wipe(text, strlen(text));
	free(text);
}

char *
bind_config_newer(const char *path, const char *directory, const char *skip, int64_t ms,
    const char *include, bool *included)
{
	struct walk w = {.directory = directory,
	    .skip = skip,
	    .include = include,
	    .newer_than_ms = ms};

	walk_file(&w, path);
	*included = w.included;
	return w.found;
}
