/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>

#include "agent/conf_read.h"
#include "lib/mem.h"

enum { DURATION_MAX_S = 366 * 86400 };

void
conf_value_fault(struct conf_reader *r, const char *what, const char *value)
{
	conf_fault(r->conf, r->line, "%s: %s: %s", r->name, what, value);
}

/* -- kinds of values ------------------------------------------------------- */

/* Lower case, as names in records are; never just "-", which means none there. */
bool
conf_value_is_plain_name(const char *text)
{
	size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_-");

	return n > 0 && n < 64 && text[n] == '\0' && text[0] != '-' && text[0] != '_';
}

void
conf_value_text(struct conf_reader *r, char **out, const char *value)
{
	(void)r;
	free(*out);
	*out = mem_strdup(value);
}

void
conf_value_directory(struct conf_reader *r, char **out, const char *value)
{
	if (value[0] != '/')
		conf_value_fault(r, "not an absolute path", value);
	conf_value_text(r, out, value);
}

void
conf_value_number(struct conf_reader *r, unsigned long *out, unsigned long min,
    unsigned long max, const char *value)
{
	enum err err = inifile_number(value, min, max, out);

	if (err == ERR_RANGE)
		conf_fault(r->conf, r->line, "%s: not from %lu to %lu: %s", r->name,
		    min, max, value);
	else if (err != OK)
		conf_value_fault(r, "not a number", value);
}

void
conf_value_duration(struct conf_reader *r, unsigned *out, const char *value)
{
	unsigned seconds;
	enum err err = inifile_duration(value, &seconds);

	if (err == OK && seconds <= DURATION_MAX_S)
		*out = seconds;
	else if (err == OK || err == ERR_RANGE)
		conf_value_fault(r, "more than 366d", value);
	else
		conf_value_fault(r, "not a duration such as 90s, 10m, 12h or 7d",
		    value);
}

void
conf_value_each(struct conf_reader *r, const char *value, bool blanks,
    inifile_item_fn *fn)
{
	if (inifile_each(value, blanks, fn, r) == ERR_FORM)
		conf_value_fault(r, "an empty item in a list", value);
}

bool
conf_value_address(struct conf_reader *r, const char *text, uint16_t port,
    struct addr *addr)
{
	if (addr_parse(text, port, addr) == OK)
		return true;
	conf_value_fault(r, "not ADDRESS or ADDRESS@PORT", text);
	return false;
}

void
conf_value_add_zone(struct conf_reader *r, const char *text, struct dname **zones,
    size_t *n)
{
	struct dname name;

	if (dname_parse(text, &name) != OK) {
		conf_value_fault(r, "not a domain name", text);
		return;
	}
	*zones = mem_realloc(*zones, (*n + 1) * sizeof(**zones));
	(*zones)[(*n)++] = name;
}

void
conf_value_add_text(const char *text, char ***texts, size_t *n)
{
	*texts = mem_realloc(*texts, (*n + 1) * sizeof(**texts));
	(*texts)[(*n)++] = mem_strdup(text);
}
