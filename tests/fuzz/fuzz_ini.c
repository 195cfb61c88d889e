/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ini reader: whatever is delivered must stand in its line just so, that is
 * nothing was cut, joined or moved to another section.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "lib/inifile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct text {
	const char *data;
	size_t size;
	unsigned last_line;
};

/* Line n, from 1, without blanks and CR at its end. */
static const char *
line_of(const struct text *t, unsigned n, size_t *size)
{
	const char *at = t->data, *end = t->data + t->size, *stop;

	for (; n > 1; n--) {
		at = memchr(at, '\n', (size_t)(end - at));
		assert(at != NULL);
		at++;
	}
	stop = memchr(at, '\n', (size_t)(end - at));
	if (stop == NULL)
		stop = end;
	if (stop > at && stop[-1] == '\r')
		stop--;
	while (stop > at && (stop[-1] == ' ' || stop[-1] == '\t'))
		stop--;
	*size = (size_t)(stop - at);
	return at;
}

static enum err
take_item(void *arg, const char *item)
{
	(void)arg;
	assert(item[0] != '\0' && strchr(item, ',') == NULL);
	return OK;
}

static void
check_line(const struct text *t, unsigned n, const char *name, const char *value)
{
	size_t size, n_name = strlen(name), n_value = strlen(value);
	const char *line = line_of(t, n, &size);

	assert(size <= 198 && n_name > 0 && n_name + n_value < size);
	assert(memcmp(line, name, n_name) == 0);
	assert(memcmp(line + size - n_value, value, n_value) == 0);
	unsigned n_equals = 0;
	for (size_t i = n_name; i < size - n_value; i++) {
		assert(strchr("= \t", line[i]) != NULL);
		n_equals += line[i] == '=';
	}
	assert(n_equals == 1);
}

/* The section is that of the last line before n that begins with `[`. */
static void
check_section(const struct text *t, unsigned n, const char *section)
{
	size_t size, n_section = strlen(section);

	while (--n > 0) {
		const char *line = line_of(t, n, &size);
		if (size == 0 || line[0] != '[')
			continue;
		assert(size == n_section + 2 && line[size - 1] == ']');
		assert(memcmp(line + 1, section, n_section) == 0);
		return;
	}
	assert(n_section == 0);
}

static enum err
take(void *arg, const char *section, const char *name, const char *value,
    const char *file, unsigned line, struct err_where *where)
{
	struct text *t = arg;
	unsigned seconds;
	unsigned long number;
	_Bool yes;

	assert(line > t->last_line);
	t->last_line = line;
	check_line(t, line, name, value);
	check_section(t, line, section);
	enum err err = inifile_duration(value, &seconds);
	assert(err == OK || err == ERR_FORM || err == ERR_RANGE);
	err = inifile_number(value, 1, 1000, &number);
	assert(err != OK || (number >= 1 && number <= 1000));
	err = inifile_bool(value, &yes);
	assert(err == OK || err == ERR_FORM);
	err = inifile_each(value, line % 2, take_item, NULL);
	assert(err == OK || err == ERR_FORM);
	return strcmp(name, "refuse") == 0 ? err_at(where, file, line, "refused") : OK;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct text t = {.data = (const char *)data, .size = size};
	struct err_where where = {.line = 0};
	enum err err = inifile_parse(t.data, t.size, "f.ini", take, &t, &where);

	assert(err == OK || err == ERR_INVALID);
	assert((err == OK) == (where.what[0] == '\0'));
	assert(err == OK || where.line > 0);
	return 0;
}
