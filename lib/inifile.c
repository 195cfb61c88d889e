/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/inifile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ini.h>

#include "lib/mem.h"

/*
 * inih parses; we hand it one line at a time and look at each line first. What
 * inih would cut (198 characters, 49 of a section), end early (NUL, ` ;`), join
 * (indented lines) or skip (malformed headers) never gets to it.
 */

enum { LINE_MAX_SIZE = 198, SECTION_MAX_SIZE = 49, FILE_MAX_SIZE = 4 << 20 };

struct reader {
	const char *text;
	size_t size, pos;
	const char *file;
	unsigned line; /* the number of the line that inih has */
	inifile_fn *fn;
	void *arg;
	struct err_where *where;
	enum err err; /* the first fault; nothing more is read after it */
};

/* -- lines ---------------------------------------------------------------- */

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static enum err
check_octets(const struct reader *r, const char *line, size_t size)
{
	if (size > LINE_MAX_SIZE)
		return err_at(r->where, r->file, r->line,
		    "the line has more than %d characters", LINE_MAX_SIZE);
	for (size_t i = 0; i < size; i++) {
		if (line[i] == '\0')
			return err_at(r->where, r->file, r->line, "a NUL character");
		if ((line[i] > 0 && line[i] < ' ' && line[i] != '\t') ||
		    line[i] == 0x7f)
			return err_at(r->where, r->file, r->line,
			    "a control character");
	}
	if (r->line == 1 && size >= 3 && memcmp(line, "\xef\xbb\xbf", 3) == 0)
		return err_at(r->where, r->file, r->line,
		    "the file begins with a byte order mark");
	return OK;
}

static enum err
check_section(const struct reader *r, const char *line, size_t size)
{
	const char *end = memchr(line, ']', size);

	if (end == NULL)
		return err_at(r->where, r->file, r->line, "the section has no ]");
	if (end != line + size - 1)
		return err_at(r->where, r->file, r->line, "text after ]");
	line++;
	size -= 2;
	if (size == 0)
		return err_at(r->where, r->file, r->line, "the section has no name");
	if (size > SECTION_MAX_SIZE)
		return err_at(r->where, r->file, r->line,
		    "the section's name has more than %d characters", SECTION_MAX_SIZE);
	if (is_blank(line[0]) || is_blank(line[size - 1]))
		return err_at(r->where, r->file, r->line,
		    "a blank at the end of a section's name");
	return OK;
}

static enum err
check_pair(const struct reader *r, const char *line, size_t size)
{
	const char *equals = memchr(line, '=', size);
	const char *colon = memchr(line, ':', size);

	if (equals == line)
		return err_at(r->where, r->file, r->line, "nothing before the =");
	/* To inih a colon would do as well; then `a:b = c` is not what it seems. */
	if (equals == NULL || (colon != NULL && colon < equals))
		return err_at(r->where, r->file, r->line,
		    "neither section nor name = value");
	return OK;
}

/* line is without its end and without blanks there. */
static enum err
check_line(const struct reader *r, const char *line, size_t size)
{
	size_t indent = 0;

	while (indent < size && is_blank(line[indent]))
		indent++;
	if (indent == size || line[indent] == ';' || line[indent] == '#')
		return OK;
	if (indent > 0)
		return err_at(r->where, r->file, r->line, "the line is indented");
	for (size_t i = 1; i < size; i++) {
		if (line[i] == ';' && is_blank(line[i - 1]))
			return err_at(r->where, r->file, r->line,
			    "a blank before ; inside a line: comments need their own");
	}
	return line[0] == '[' ? check_section(r, line, size)
			      : check_pair(r, line, size);
}

/* inih's fgets(3): the next good line, or NULL at the end or at a fault. */
static char *
next_line(char *out, int room, void *arg)
{
	struct reader *r = arg;

	if (r->err != OK || r->pos == r->size)
		return NULL;
	const char *line = r->text + r->pos;
	size_t left = r->size - r->pos;
	const char *end = memchr(line, '\n', left);
	size_t size = end != NULL ? (size_t)(end - line) : left;

	r->line++;
	r->pos += size + (end != NULL);
	if (size > 0 && line[size - 1] == '\r')
		size--;
	r->err = check_octets(r, line, size);
	while (size > 0 && is_blank(line[size - 1]))
		size--;
	if (r->err == OK)
		r->err = check_line(r, line, size);
	if (r->err == OK && size >= (size_t)room) /* an inih built otherwise */
		r->err = err_at(r->where, r->file, r->line, "the line is too long");
	if (r->err != OK)
		return NULL;
	memcpy(out, line, size);
	out[size] = '\0';
	return out;
}

static int
handle(void *arg, const char *section, const char *name, const char *value)
{
	struct reader *r = arg;

	if (r->err == OK)
		r->err =
		    r->fn(r->arg, section, name, value, r->file, r->line, r->where);
	if (r->err != OK)
		err_at(r->where, r->file, r->line, "%s", err_str(r->err));
	return r->err == OK;
}

enum err
inifile_parse(const char *text, size_t size, const char *file, inifile_fn *fn,
    void *arg, struct err_where *where)
{
	struct reader r = {
	    .text = text,
	    .size = size,
	    .file = file,
	    .fn = fn,
	    .arg = arg,
	    .where = where,
	};
	int rc = ini_parse_stream(next_line, &r, handle, &r);

	if (r.err == OK && rc != 0) /* not seen, but never to be passed over */
		r.err = err_at(where, file, r.line, "the file cannot be read as ini");
	return r.err;
}

/* -- files ---------------------------------------------------------------- */

static enum err
fail_errno(const char *path, struct err_where *where)
{
	enum err err = errno == ENOENT ? ERR_NOTFOUND : ERR_IO;

	err_at(where, path, 0, "%s", mem_errno_text(errno));
	return err;
}

static enum err
read_all(int fd, const char *path, char *text, size_t *size, struct err_where *where)
{
	for (*size = 0; *size <= FILE_MAX_SIZE;) {
		ssize_t n = read(fd, text + *size, FILE_MAX_SIZE + 1 - *size);
		if (n == 0)
			return OK;
		if (n > 0)
			*size += (size_t)n;
		else if (errno != EINTR)
			return fail_errno(path, where);
	}
	return err_at(where, path, 0, "the file is larger than %d octets",
	    FILE_MAX_SIZE);
}

enum err
inifile_read(const char *path, inifile_fn *fn, void *arg, struct err_where *where)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return fail_errno(path, where);
	size_t size = 0;
	char *text = mem_alloc(FILE_MAX_SIZE + 1); /* one more, to see the end */
	enum err err = read_all(fd, path, text, &size, where);
	if (err == OK)
		err = inifile_parse(text, size, path, fn, arg, where);
	mem_wipe(text, size); /* there may be secrets in it */
	free(text);
	close(fd);
	return err;
}

/* -- values --------------------------------------------------------------- */

/* Decimal digits alone, up to *end. */
static enum err
parse_digits(const char *text, unsigned long *out, const char **end)
{
	unsigned long value = 0;
	const char *at = text;

	for (; *at >= '0' && *at <= '9'; at++) {
		unsigned long digit = (unsigned long)(*at - '0');
		if (value > (ULONG_MAX - digit) / 10)
			return ERR_RANGE;
		value = value * 10 + digit;
	}
	if (at == text)
		return ERR_FORM;
	*out = value;
	*end = at;
	return OK;
}

enum err
inifile_number(const char *value, unsigned long min, unsigned long max,
    unsigned long *out)
{
	unsigned long number;
	const char *end;
	enum err err = parse_digits(value, &number, &end);

	if (err != OK)
		return err;
	if (*end != '\0')
		return ERR_FORM;
	if (number < min || number > max)
		return ERR_RANGE;
	*out = number;
	return OK;
}

enum err
inifile_duration(const char *value, unsigned *seconds)
{
	unsigned long number, unit;
	const char *end;
	enum err err = parse_digits(value, &number, &end);

	if (err != OK)
		return err;
	if (*end != '\0' && end[1] != '\0')
		return ERR_FORM;
	switch (*end) {
	case '\0':
	case 's': unit = 1; break;
	case 'm': unit = 60; break;
	case 'h': unit = 3600; break;
	case 'd': unit = 86400; break;
	default: return ERR_FORM;
	}
	if (number > UINT_MAX / unit)
		return ERR_RANGE;
	*seconds = (unsigned)(number * unit);
	return OK;
}

enum err
inifile_bool(const char *value, _Bool *out)
{
	if (strcmp(value, "yes") == 0)
		*out = true;
	else if (strcmp(value, "no") == 0)
		*out = false;
	else
		return ERR_FORM;
	return OK;
}

/* The size of the item at text: up to a comma, a blank if they separate, or the
 * end; without the blanks before that. */
static size_t
item_size(const char *text, bool blanks)
{
	size_t size = strcspn(text, blanks ? ", \t" : ",");

	while (size > 0 && is_blank(text[size - 1]))
		size--;
	return size;
}

enum err
inifile_each(const char *value, _Bool blanks, inifile_item_fn *fn, void *arg)
{
	char *item = mem_alloc(strlen(value) + 1);
	enum err err = OK;

	for (bool more = true; err == OK && more;) {
		value += strspn(value, " \t");
		size_t size = item_size(value, blanks);
		memcpy(item, value, size);
		item[size] = '\0';
		err = size > 0 ? fn(arg, item) : ERR_FORM;
		value += size;
		size_t n_blanks = strspn(value, " \t");
		value += n_blanks;
		more = *value == ',' || (*value != '\0' && n_blanks > 0);
		if (*value == ',')
			value++;
	}
	free(item);
	return err;
}
