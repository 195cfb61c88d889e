/* SPDX-License-Identifier: BSD-2-Clause */
#include "ctl/setup_named.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/mem.h"

/* -- words ------------------------------------------------------------------ */

/* Past blanks and the three kinds of comments. */
static size_t
skip(const char *text, size_t at)
{
	for (;;) {
		at += strspn(text + at, " \t\r\n");
		if (strncmp(text + at, "/*", 2) == 0) {
			const char *end = strstr(text + at + 2, "*/");
			at = end != NULL ? (size_t)(end - text) + 2 : strlen(text);
		} else if (strncmp(text + at, "//", 2) == 0 || text[at] == '#') {
			at += strcspn(text + at, "\n");
		} else {
			return at;
		}
	}
}

static struct named_token
next_token(const char *text, size_t at)
{
	static const char ends[] = " \t\r\n{};\"";
	struct named_token t = {.kind = NAMED_WORD, .from = at, .to = at + 1};

	if (text[at] == '{' || text[at] == '}' || text[at] == ';') {
		t.kind = text[at] == '{'   ? NAMED_OPEN
			 : text[at] == '}' ? NAMED_CLOSE
					   : NAMED_SEMICOLON;
	} else if (text[at] == '"') {
		while (text[t.to] != '\0' && text[t.to] != '"')
			t.to += text[t.to] == '\\' && text[t.to + 1] != '\0' ? 2 : 1;
		t.text = mem_printf("%.*s", (int)(t.to - at - 1), text + at + 1);
		t.to += text[t.to] == '"';
	} else {
		while (text[t.to] != '\0' && strchr(ends, text[t.to]) == NULL)
			t.to++;
		t.text = mem_printf("%.*s", (int)(t.to - at), text + at);
	}
	return t;
}

static size_t
index_of(const struct sources *all, const struct source *source)
{
	size_t i = 0;

	while (all->all[i] != source)
		i++;
	return i;
}

static void
take(struct named *named, const struct named_token *t)
{
	named->tokens =
	    mem_grow(named->tokens, named->n, &named->room, sizeof(*named->tokens));
	named->tokens[named->n++] = *t;
}

static bool
begins_statement(const struct named *named)
{
	return named->n == 0 || named->tokens[named->n - 1].kind != NAMED_WORD;
}

static enum err read_tokens(void *arg, struct source *source);

/* `include "path";` with the tokens of what is there in its place. */
static enum err
take_include(struct named *named, struct source *source, size_t from, size_t *at)
{
	const char *text = buf_text(&source->text);
	size_t start = skip(text, *at);
	enum err e = OK;

	if (text[start] == '\0') {
		*at = start;
		return OK;
	}
	struct named_token path = next_token(text, start);
	size_t end = skip(text, path.to);
	if (path.text != NULL && text[end] == ';') {
		*at = end + 1;
		e = sources_include(named->sources, source, path.text, from, end + 1,
		    read_tokens, named);
	}
	free(path.text);
	return e;
}

static enum err
read_tokens(void *arg, struct source *source)
{
	struct named *named = arg;
	const char *text = buf_text(&source->text);
	size_t number = index_of(named->sources, source);
	enum err e = OK;

	for (size_t at = skip(text, 0); !e && text[at] != '\0'; at = skip(text, at)) {
		struct named_token t = next_token(text, at);
		t.source = number;
		at = t.to;
		if (t.text != NULL && begins_statement(named) &&
		    strcasecmp(t.text, "include") == 0) {
			e = take_include(named, source, t.from, &at);
			free(t.text);
		} else {
			take(named, &t);
		}
	}
	return e;
}

enum err
named_read(struct named *named, struct sources *sources, const char *path)
{
	struct source *top;

	*named = (struct named){.sources = sources};
	enum err e = sources_read(sources, path, &top);
	return e ? e : read_tokens(named, top);
}

void
named_fini(struct named *named)
{
	for (size_t i = 0; i < named->n; i++) {
		char *text = named->tokens[i].text;
		if (text != NULL)
			mem_wipe(text, strlen(text));
		free(text);
	}
	free(named->tokens);
}

/* -- statements ------------------------------------------------------------- */

const char *
named_text(const struct named *named, size_t at)
{
	return at < named->n && named->tokens[at].text ? named->tokens[at].text : "";
}

/* Past the semicolon that ends the statement at `at`. */
static size_t
statement_end(const struct named *named, size_t at, size_t end)
{
	size_t depth = 0;

	for (; at < end; at++) {
		enum named_kind kind = named->tokens[at].kind;
		if (kind == NAMED_OPEN)
			depth++;
		else if (kind == NAMED_CLOSE && depth > 0)
			depth--;
		else if (kind == NAMED_SEMICOLON && depth == 0)
			return at + 1;
	}
	return end;
}

bool
named_find(const struct named *named, const char *word, size_t *at, size_t end,
    size_t *next)
{
	for (; *at < end; *at = *next) {
		*next = statement_end(named, *at, end);
		if (strcasecmp(named_text(named, *at), word) == 0)
			return true;
	}
	return false;
}

size_t
named_word(const struct named *named, const char *word, size_t from, size_t to)
{
	size_t depth = 0;

	for (size_t i = from; i < to; i++) {
		enum named_kind kind = named->tokens[i].kind;
		if (kind == NAMED_OPEN)
			depth++;
		else if (kind == NAMED_CLOSE && depth > 0)
			depth--;
		else if (depth == 0 && strcasecmp(named_text(named, i), word) == 0)
			return i;
	}
	return to;
}

bool
named_body(const struct named *named, size_t from, size_t to, size_t *first,
    size_t *last)
{
	size_t depth = 0;

	for (size_t i = from; i < to; i++) {
		enum named_kind kind = named->tokens[i].kind;
		if (kind == NAMED_OPEN && depth++ == 0)
			*first = i + 1;
		else if (kind == NAMED_CLOSE && depth > 0 && --depth == 0) {
			*last = i;
			return true;
		}
	}
	return false;
}

/* -- edits ------------------------------------------------------------------ */

void
named_put_after(const struct named *named, size_t at, const char *text)
{
	const struct named_token *t = &named->tokens[at];

	source_insert(named->sources->all[t->source], t->to, text);
}

void
named_put_before(const struct named *named, size_t at, const char *text)
{
	const struct named_token *t = &named->tokens[at];

	source_insert(named->sources->all[t->source], t->from, text);
}
