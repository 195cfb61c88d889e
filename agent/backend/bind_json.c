/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/backend/bind_json.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

void
bind_json_init(struct bind_json *json, bind_json_fn *fn, void *arg)
{
	json->depth = 0;
	json->keys[0][0] = '\0';
	json->is_array[0] = false;
	json->cut = false;
	json->state = JSON_VALUE;
	json->in_key = false;
	json->size = 0;
	json->fn = fn;
	json->arg = arg;
}

static void
add_char(struct bind_json *json, unsigned c)
{
	if (json->size < sizeof(json->text) - 1 && c >= 0x20 && c < 0x7f)
		json->text[json->size++] = (char)c;
	else
		json->cut = true;
}

static void
begin_text(struct bind_json *json, bool in_key)
{
	json->size = 0;
	json->cut = false;
	json->in_key = in_key;
}

static void
after_value(struct bind_json *json)
{
	json->state = json->depth == 0 ? JSON_DONE : JSON_NEXT;
}

static enum err
end_text(struct bind_json *json)
{
	enum err err;

	json->text[json->size] = '\0';
	if (json->in_key) {
		/* Too long a key is none that we know. */
		snprintf(json->keys[json->depth], BIND_JSON_KEY_MAX, "%.*s",
		    BIND_JSON_KEY_MAX - 1, json->text);
		json->state = JSON_COLON;
		return OK;
	}
	err = json->fn(json->arg, json, json->text);
	after_value(json);
	return err;
}

static enum err
open_container(struct bind_json *json, bool is_array)
{
	if (json->depth == BIND_JSON_DEPTH_MAX)
		return ERR_FORM;
	json->depth++;
	json->keys[json->depth][0] = '\0';
	json->is_array[json->depth] = is_array;
	json->state = JSON_FIRST;
	return OK;
}

static enum err
close_container(struct bind_json *json, bool is_array)
{
	enum err err;

	if (json->depth == 0 || json->is_array[json->depth] != is_array)
		return ERR_FORM;
	json->depth--;
	json->cut = false;
	err = json->fn(json->arg, json, NULL);
	after_value(json);
	return err;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool
is_word(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '-' ||
	       c == '+' || c == '.' || c == 'E';
}

static enum err
begin_value(struct bind_json *json, char c)
{
	if (c == '"') {
		begin_text(json, false);
		json->state = JSON_STRING;
		return OK;
	}
	if (c == '{' || c == '[')
		return open_container(json, c == '[');
	if (!is_word(c))
		return ERR_FORM;
	begin_text(json, false);
	add_char(json, (unsigned char)c);
	json->state = JSON_WORD;
	return OK;
}

static enum err
begin_key(struct bind_json *json, char c)
{
	if (c != '"')
		return ERR_FORM;
	begin_text(json, true);
	json->state = JSON_STRING;
	return OK;
}

static enum err
take_escape(struct bind_json *json, char c)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *at = c != '\0' ? strchr(from, c) : NULL;

	json->state = JSON_STRING;
	if (at != NULL) {
		add_char(json, (unsigned char)to[at - from]);
	} else if (c == 'u') {
		json->hex = json->n_hex = 0;
		json->state = JSON_HEX;
	} else {
		return ERR_FORM;
	}
	return OK;
}

static enum err
take_hex(struct bind_json *json, char c)
{
	unsigned digit;

	if (c >= '0' && c <= '9')
		digit = (unsigned)(c - '0');
	else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
		digit = (unsigned)((c | 0x20) - 'a') + 10;
	else
		return ERR_FORM;
	json->hex = json->hex << 4 | digit;
	if (++json->n_hex == 4) {
		add_char(json, json->hex);
		json->state = JSON_STRING;
	}
	return OK;
}

static enum err
take_string(struct bind_json *json, char c)
{
	if (c == '"')
		return end_text(json);
	if (c == '\\')
		json->state = JSON_ESCAPE;
	else
		add_char(json, (unsigned char)c);
	return OK;
}

/* Between the tokens. */
static enum err
take_mark(struct bind_json *json, char c)
{
	if (is_blank(c))
		return OK;
	switch (json->state) {
	case JSON_FIRST:
		if (c == (json->is_array[json->depth] ? ']' : '}'))
			return close_container(json, c == ']');
		return json->is_array[json->depth] ? begin_value(json, c)
						   : begin_key(json, c);
	case JSON_VALUE: return begin_value(json, c);
	case JSON_KEY: return begin_key(json, c);
	case JSON_COLON: json->state = JSON_VALUE; return c == ':' ? OK : ERR_FORM;
	case JSON_NEXT:
		if (c == '}' || c == ']')
			return close_container(json, c == ']');
		json->state = json->is_array[json->depth] ? JSON_VALUE : JSON_KEY;
		return c == ',' ? OK : ERR_FORM;
	case JSON_STRING:
	case JSON_ESCAPE:
	case JSON_HEX:
	case JSON_WORD:
	case JSON_DONE: break;
	}
	return ERR_FORM;
}

static enum err
take_char(struct bind_json *json, char c)
{
	enum err err = OK;

	switch (json->state) {
	case JSON_STRING: return take_string(json, c);
	case JSON_ESCAPE: return take_escape(json, c);
	case JSON_HEX: return take_hex(json, c);
	case JSON_WORD:
		if (is_word(c)) {
			add_char(json, (unsigned char)c);
			return OK;
		}
		err = end_text(json);
		return err == OK ? take_mark(json, c) : err;
	case JSON_VALUE:
	case JSON_FIRST:
	case JSON_KEY:
	case JSON_COLON:
	case JSON_NEXT:
	case JSON_DONE: break;
	}
	return take_mark(json, c);
}

enum err
bind_json_put(struct bind_json *json, const char *data, size_t size)
{
	enum err err = OK;

	for (size_t i = 0; err == OK && i < size; i++)
		err = take_char(json, data[i]);
	return err;
}

enum err
bind_json_end(const struct bind_json *json)
{
	return json->state == JSON_DONE ? OK : ERR_FORM;
}

/* -- what we read in it ------------------------------------------------------- */

static void
take_text(char *out, size_t room, const char *value)
{
	snprintf(out, room, "%s", value);
}

/* {"views":{VIEW:{"zones":[{ ... }]}}}: the members of such a zone have depth 5. */
static enum err
take_zone(struct bind_stats *s, const struct bind_json *json, const char *value)
{
	const char *key = json->keys[json->depth];

	if (json->depth == 4 && value == NULL) {
		bool good =
		    !s->cut && strcmp(s->class, "IN") == 0 && s->name[0] != '\0';
		enum err err =
		    good && s->zone != NULL ? s->zone(s->arg, s->name, s->type) : OK;

		s->name[0] = s->class[0] = s->type[0] = '\0';
		s->cut = false;
		return err;
	}
	if (json->depth != 5 || value == NULL)
		return OK;
	if (strcmp(key, "name") == 0) {
		take_text(s->name, sizeof(s->name), value);
		s->cut |= json->cut;
	} else if (strcmp(key, "class") == 0) {
		take_text(s->class, sizeof(s->class), value);
	} else if (strcmp(key, "type") == 0) {
		take_text(s->type, sizeof(s->type), value);
	}
	return OK;
}

enum err
bind_stats_take(void *arg, const struct bind_json *json, const char *value)
{
	struct bind_stats *s = arg;

	if (json->depth == 1 && value != NULL) {
		const char *key = json->keys[1];

		if (strcmp(key, "boot-time") == 0)
			take_text(s->boot, sizeof(s->boot), value);
		else if (strcmp(key, "config-time") == 0)
			take_text(s->config, sizeof(s->config), value);
		else if (strcmp(key, "version") == 0)
			take_text(s->version, sizeof(s->version), value);
		return OK;
	}
	if (json->depth < 2 || strcmp(json->keys[1], "views") != 0 ||
	    strcmp(json->keys[2], s->view) != 0)
		return OK;
	s->has_view = true;
	return json->depth >= 4 && strcmp(json->keys[3], "zones") == 0
		   ? take_zone(s, json, value)
		   : OK;
}

int64_t
bind_stats_time_ms(const char *text)
{
	struct tm tm = {.tm_isdst = 0};
	int ms = 0, used = 0;

	if (sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d%n", &tm.tm_year, &tm.tm_mon,
		&tm.tm_mday, &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &used) != 6)
		return 0;
	if (text[used] == '.' && sscanf(text + used, ".%3d", &ms) != 1)
		return 0;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	return (int64_t)timegm(&tm) * 1000 + ms;
}
