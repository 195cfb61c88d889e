/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/pattern/overlap.h"

#include <stddef.h>
#include <string.h>

#include "lib/dname.h"

/*
 * What stands for a zone never holds a slash, so two paths are compared part by
 * part. A part with the variable in it, the same in both, is the same only for
 * the same zone: then the paths differ, however alike the rest is.
 */

static const char variable[] = "${zone}";

enum { VARIABLE_SIZE = sizeof(variable) - 1, TEXT_MAX = 512 };

/* A part of a path, and what it has in front of and behind its variables. */
struct part {
	const char *text;
	size_t size;
	size_t front, back; /* octets */
	unsigned n_variables;
};

/* The next part of *text; false at the end. */
static bool
next_part(const char **text, struct part *part)
{
	const char *p = *text;

	if (p == NULL)
		return false;
	*part = (struct part){.text = p, .size = strcspn(p, "/")};
	*text = p[part->size] == '/' ? p + part->size + 1 : NULL;
	for (size_t at = 0; at < part->size; at++) {
		if (part->size - at < VARIABLE_SIZE ||
		    memcmp(p + at, variable, VARIABLE_SIZE) != 0)
			continue;
		if (part->n_variables++ == 0)
			part->front = at;
		part->back = part->size - at - VARIABLE_SIZE;
	}
	return true;
}

/* May some zone have this text for its file name? */
static bool
is_zone_text(const char *text)
{
	char file[DNAME_FILE_MAX];
	struct dname zone;

	if (strcmp(text, "@") == 0)
		return true; /* the root */
	return dname_parse(text, &zone) == OK &&
	       strcmp(dname_print_file(&zone, file), text) == 0;
}

/* Of front, a letter that stands for any zone, and back. */
static bool
may_begin_and_end(const char *front, size_t front_size, const char *back,
    size_t back_size)
{
	char text[TEXT_MAX];

	if (front_size + back_size + 2 > sizeof(text))
		return true;
	memcpy(text, front, front_size);
	text[front_size] = 'z';
	memcpy(text + front_size + 1, back, back_size);
	text[front_size + 1 + back_size] = '\0';
	return is_zone_text(text);
}

/* Does the part, for some zone, read like this text without variables? */
static bool
may_read(const struct part *part, const struct part *fixed)
{
	const char *back = part->text + part->size - part->back;
	char text[TEXT_MAX];
	size_t size;

	if (fixed->size <= part->front + part->back ||
	    memcmp(fixed->text, part->text, part->front) != 0 ||
	    memcmp(fixed->text + fixed->size - part->back, back, part->back) != 0)
		return false;
	size = fixed->size - part->front - part->back;
	if (part->n_variables > 1 || size >= sizeof(text))
		return true;
	memcpy(text, fixed->text + part->front, size);
	text[size] = '\0';
	return is_zone_text(text);
}

/*
 * Both have the variable. With a front of "a-" and of "", and a back of ".x" and
 * of ".y.x": the zone of one begins with "a-", that of the other ends in ".y".
 */
static bool
may_meet(const struct part *a, const struct part *b)
{
	const struct part *front_long = a->front > b->front ? a : b;
	const struct part *back_long = a->back > b->back ? a : b;
	size_t front = a->front < b->front ? a->front : b->front;
	size_t back = a->back < b->back ? a->back : b->back;
	const char *more_front = front_long->text + front;
	size_t n_front = front_long->front - front;
	const char *more_back = back_long->text + back_long->size - back_long->back;
	size_t n_back = back_long->back - back;

	if (memcmp(a->text, b->text, front) != 0 ||
	    memcmp(a->text + a->size - back, b->text + b->size - back, back) != 0)
		return false;
	if (a->n_variables > 1 || b->n_variables > 1)
		return true;
	if (front_long == back_long)
		return may_begin_and_end(more_front, n_front, more_back, n_back);
	return may_begin_and_end(more_front, n_front, "", 0) &&
	       may_begin_and_end("", 0, more_back, n_back);
}

static bool
parts_may_meet(const struct part *a, const struct part *b)
{
	if (a->size == b->size && memcmp(a->text, b->text, a->size) == 0)
		return a->n_variables == 0;
	if (a->n_variables == 0 && b->n_variables == 0)
		return false;
	if (a->n_variables == 0)
		return may_read(b, a);
	if (b->n_variables == 0)
		return may_read(a, b);
	return may_meet(a, b);
}

bool
overlap_check(const char *a, const char *b)
{
	if (strcmp(a, b) == 0 || strstr(a, variable) == NULL ||
	    strstr(b, variable) == NULL)
		return false;
	for (;;) {
		struct part left, right;
		bool more = next_part(&a, &left);

		if (next_part(&b, &right) != more)
			return false;
		if (!more)
			return true;
		if (!parts_may_meet(&left, &right))
			return false;
	}
}
