/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/store/verb.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static const char *const names[VERB_KINDS] = {
    [VERB_KIND_REFRESH] = "refresh",
    [VERB_KIND_RETRANSFER] = "retransfer",
    [VERB_KIND_RELOAD] = "reload",
    [VERB_KIND_NOTIFY] = "notify",
    [VERB_KIND_FLUSH] = "flush",
    [VERB_KIND_FREEZE] = "freeze",
    [VERB_KIND_THAW] = "thaw",
    [VERB_KIND_RECONCILE] = "reconcile",
    [VERB_KIND_RECONFIGURE] = "reconfigure",
    [VERB_KIND_RELEASE] = "release",
    [VERB_KIND_BEGIN] = "begin",
    [VERB_KIND_COMMIT] = "commit",
    [VERB_KIND_ABORT] = "abort",
    [VERB_KIND_LOCK] = "lock",
    [VERB_KIND_UNLOCK] = "unlock",
};

const char *
verb_str(enum verb_kind kind)
{
	assert(kind < VERB_KINDS);
	return names[kind];
}

bool
verb_find(const void *name, size_t size, enum verb_kind *kind)
{
	for (unsigned i = 0; i < VERB_KINDS; i++) {
		if (strlen(names[i]) != size || memcmp(names[i], name, size) != 0)
			continue;
		*kind = (enum verb_kind)i;
		return true;
	}
	return false;
}

bool
verb_is_zonal(enum verb_kind kind)
{
	return kind <= VERB_KIND_THAW;
}

/* -- the line --------------------------------------------------------------- */

void
verb_put(struct buf *out, const struct verb *verb)
{
	char text[DNAME_TEXT_MAX];
	struct dname id;

	buf_printf(out, "verb=%s", names[verb->kind]);
	if (!verb->all) {
		buf_printf(out, " zone=%s", dname_print_short(&verb->zone, text));
		if (dname_prepend(&verb->id, &dname_root, &id) == OK)
			buf_printf(out, " id=%s", dname_print_short(&id, text));
	}
	if (verb->backend[0] != '\0')
		buf_printf(out, " backend=%s", verb->backend);
	buf_put_u8(out, '\n');
}

static bool
parse_id(const char *text, struct label *id)
{
	struct dname name;

	return dname_parse(text, &name) == OK && dname_n_labels(&name) == 1 &&
	       dname_first_label(&name, id) == OK;
}

/* One `key=value`, cut out of the line. Unknown keys are of a later version. */
static bool
parse_word(const char *word, struct verb *verb, bool *has_verb)
{
	const char *value = strchr(word, '=');
	size_t size;

	if (value == NULL)
		return false;
	size = (size_t)(value++ - word);
	if (size == 4 && memcmp(word, "verb", size) == 0) {
		*has_verb = verb_find(value, strlen(value), &verb->kind);
		return *has_verb;
	}
	if (size == 4 && memcmp(word, "zone", size) == 0) {
		verb->all = false;
		return dname_parse(value, &verb->zone) == OK;
	}
	if (size == 2 && memcmp(word, "id", size) == 0)
		return parse_id(value, &verb->id);
	if (size == 7 && memcmp(word, "backend", size) == 0) {
		if (strlen(value) >= sizeof(verb->backend))
			return false;
		strcpy(verb->backend, value);
	}
	return true;
}

static bool
parse_line(const char *line, size_t size, struct verb *verb)
{
	char word[DNAME_TEXT_MAX + 16];
	bool has_verb = false;

	*verb = (struct verb){.all = true};
	while (size > 0) {
		size_t n = 0;
		while (n < size && line[n] != ' ')
			n++;
		if (n >= sizeof(word))
			return false;
		memcpy(word, line, n);
		word[n] = '\0';
		if (n > 0 && !parse_word(word, verb, &has_verb))
			return false;
		n += n < size;
		line += n;
		size -= n;
	}
	return has_verb && (verb->all || verb->id.size > 0);
}

bool
verb_next(const char *text, size_t *pos, struct verb *verb)
{
	while (text[*pos] != '\0') {
		const char *line = text + *pos;
		size_t size = strcspn(line, "\n");

		*pos += size + (line[size] == '\n');
		if (parse_line(line, size, verb))
			return true;
	}
	return false;
}
