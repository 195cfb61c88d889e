/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/backend/exec_reply.h"

#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "agent/backend/mark.h"

enum { AFTER_MAX_S = 3600, BATCH_MAX = 1000000 };

void
exec_reply_show(const char *said, size_t size, char *out, size_t room)
{
	size_t n = 0;

	for (size_t i = 0; i < size && n + 1 < room; i++) {
		bool plain = said[i] >= ' ' && said[i] <= '~';

		/* One for each character, not for each octet of it. */
		if (((unsigned char)said[i] & 0xc0) == 0x80)
			continue;
		out[n++] = said[i];
		if (!plain)
			out[n - 1] = said[i] == '\t' ? ' ' : '?';
	}
	out[n] = '\0';
}

/* -- members of an object ------------------------------------------------------- */

static enum err
no(char why[static 100], const char *name, const char *what)
{
	snprintf(why, 100, "\"%s\" %s", name, what);
	return ERR_FORM;
}

/* NULL: it is not there, or null. */
static const json_t *
member(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);

	return json_is_null(value) ? NULL : value;
}

/* Absent: out stays as it is. What is too long is cut. */
static enum err
get_text(const json_t *object, const char *name, char *out, size_t room,
    char why[static 100])
{
	const json_t *value = member(object, name);

	if (value == NULL)
		return OK;
	if (!json_is_string(value))
		return no(why, name, "is no string");
	exec_reply_show(json_string_value(value), json_string_length(value), out, room);
	return OK;
}

static enum err
get_number(const json_t *object, const char *name, uint64_t max, uint64_t *out,
    char why[static 100])
{
	const json_t *value = member(object, name);

	if (value == NULL)
		return OK;
	if (!json_is_integer(value) || json_integer_value(value) < 0)
		return no(why, name, "is no whole number");
	if ((uint64_t)json_integer_value(value) > max)
		return no(why, name, "is too large");
	*out = (uint64_t)json_integer_value(value);
	return OK;
}

static enum err
get_name(const json_t *object, const char *name, struct dname *out,
    char why[static 100])
{
	const char *text = json_string_value(json_object_get(object, name));

	if (text == NULL || dname_parse(text, out) != OK)
		return no(why, name, "is no domain name");
	return OK;
}

/* The place of a word in a list that NULL ends. */
static enum err
get_word(const json_t *object, const char *name, const char *const *words,
    unsigned *place, char why[static 100])
{
	const char *text = json_string_value(json_object_get(object, name));

	for (unsigned i = 0; text != NULL && words[i] != NULL; i++) {
		if (strcmp(words[i], text) != 0)
			continue;
		*place = i;
		return OK;
	}
	return no(why, name, "is none of the known words");
}

/* -- kinds of lines --------------------------------------------------------------- */

static enum err
read_zone(const json_t *line, struct exec_reply *r, char why[static 100])
{
	const json_t *mark = member(line, "mark");
	enum err err = get_name(line, "zone", &r->name, why);

	r->kind = EXEC_ZONE;
	if (err != OK || mark == NULL)
		return err;
	if (!json_is_string(mark) || json_string_length(mark) >= sizeof(r->mark))
		return no(why, "mark", "is no string of at most 127 octets");
	/* What somebody else put there makes it no zone of ours. */
	if (mark_is_ours(json_string_value(mark)))
		strcpy(r->mark, json_string_value(mark));
	return OK;
}

static enum err
read_op(const json_t *line, struct exec_reply *r, char why[static 100])
{
	static const char *const words[] = {"ok", "already", "conflict", "retry",
	    "rejected", "unknown", NULL};
	static const enum backend_result results[] = {RESULT_OK, RESULT_ALREADY,
	    RESULT_CONFLICT, RESULT_RETRY, RESULT_REJECTED, RESULT_UNKNOWN};
	uint64_t after = 0;
	unsigned place = 0;
	enum err err = get_number(line, "op", UINT32_MAX, &r->op, why);

	r->kind = EXEC_OP;
	if (err == OK)
		err = get_word(line, "result", words, &place, why);
	if (err == OK)
		err = get_number(line, "after", AFTER_MAX_S, &after, why);
	if (err == OK)
		err = get_text(line, "text", r->text, sizeof(r->text), why);
	r->result = results[place];
	r->after_s = (unsigned)after;
	return err;
}

static enum err
read_key(const json_t *line, struct exec_reply *r, char why[static 100])
{
	r->kind = EXEC_KEY;
	return get_name(line, "key", &r->name, why);
}

static enum err
read_end(const json_t *line, struct exec_reply *r, char why[static 100])
{
	static const char *const words[] = {"ok", "down", "busy", "rejected",
	    "unsupported", NULL};
	struct backend_identity *id = &r->identity;
	uint64_t protocol = 0, batch = 0;
	unsigned place = 0;
	enum err err = get_word(line, "end", words, &place, why);

	r->kind = EXEC_END;
	if (err == OK)
		err = get_text(line, "text", r->text, sizeof(r->text), why);
	if (err == OK)
		err = get_number(line, "protocol", BATCH_MAX, &protocol, why);
	if (err == OK)
		err = get_number(line, "batch", BATCH_MAX, &batch, why);
	if (err == OK)
		err = get_text(line, "product", id->product, sizeof(id->product), why);
	if (err == OK)
		err = get_text(line, "version", id->version, sizeof(id->version), why);
	if (err == OK)
		err = get_text(line, "process", id->process, sizeof(id->process), why);
	r->end = (enum exec_end)place;
	r->protocol = (unsigned)protocol;
	r->batch = (unsigned)batch;
	return err;
}

static enum err
read_line(const json_t *line, struct exec_reply *r, char why[static 100])
{
	enum err err;

	if (!json_is_object(line)) {
		snprintf(why, 100, "is no JSON object");
		return ERR_FORM;
	}
	if (!json_is_integer(json_object_get(line, "id")))
		return no(why, "id", "is missing");
	err = get_number(line, "id", INT64_MAX, &r->id, why);
	if (err != OK)
		return err;
	if (member(line, "end") != NULL)
		return read_end(line, r, why);
	if (member(line, "op") != NULL)
		return read_op(line, r, why);
	if (member(line, "zone") != NULL)
		return read_zone(line, r, why);
	if (member(line, "key") != NULL)
		return read_key(line, r, why);
	snprintf(why, 100, "has neither \"end\", \"op\", \"zone\" nor \"key\"");
	return ERR_FORM;
}

/* -- all of it -------------------------------------------------------------------- */

/* Before the parser, which recurses. */
static bool
is_deep(const char *line, size_t size)
{
	bool in_string = false;
	unsigned depth = 0;

	for (size_t i = 0; i < size; i++) {
		if (in_string && line[i] == '\\')
			i++;
		else if (line[i] == '"')
			in_string = !in_string;
		else if (!in_string && (line[i] == '{' || line[i] == '['))
			depth++;
		else if (!in_string && (line[i] == '}' || line[i] == ']') && depth > 0)
			depth--;
		if (depth > EXEC_DEPTH_MAX)
			return true;
	}
	return false;
}

enum err
exec_reply_parse(const char *line, size_t size, struct exec_reply *reply,
    char why[static 100])
{
	struct exec_reply r;
	json_error_t error;
	json_t *json;
	enum err err;

	memset(&r, 0, sizeof(r));
	if (size > EXEC_REPLY_MAX) {
		snprintf(why, 100, "has more than %d octets", EXEC_REPLY_MAX);
		return ERR_FORM;
	}
	if (is_deep(line, size)) {
		snprintf(why, 100, "is nested more than %d deep", EXEC_DEPTH_MAX);
		return ERR_FORM;
	}
	json = json_loadb(line, size, JSON_REJECT_DUPLICATES, &error);
	if (json == NULL) {
		char text[60];

		exec_reply_show(error.text, strlen(error.text), text, sizeof(text));
		snprintf(why, 100, "is no JSON: %s", text);
		return ERR_FORM;
	}
	err = read_line(json, &r, why);
	json_decref(json);
	if (err == OK)
		*reply = r;
	return err;
}
