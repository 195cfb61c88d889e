/* SPDX-License-Identifier: BSD-2-Clause */
#include "netconf/text.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

enum err
text_decode(const char *text, struct buf *octets)
{
	while (*text) {
		if (*text < ' ' || *text > '~')
			return ERR_FORM;
		if (*text != '\\') {
			buf_put_u8(octets, (uint8_t)*text++);
			continue;
		}
		if (text[1] == '\\') {
			buf_put_u8(octets, '\\');
			text += 2;
			continue;
		}
		if (!is_digit(text[1]) || !is_digit(text[2]) || !is_digit(text[3]))
			return ERR_FORM;
		unsigned value = (unsigned)(text[1] - '0') * 100 +
				 (unsigned)(text[2] - '0') * 10 +
				 (unsigned)(text[3] - '0');
		if (value > 255)
			return ERR_FORM;
		buf_put_u8(octets, (uint8_t)value);
		text += 4;
	}
	return octets->err;
}

char *
text_encode(struct pool *pool, const void *octets, size_t size)
{
	const uint8_t *p = octets;
	struct buf text;
	buf_init(&text, 0);
	for (size_t i = 0; i < size; i++)
		if (p[i] == '\\')
			buf_puts(&text, "\\\\");
		else if (p[i] >= ' ' && p[i] <= '~')
			buf_put_u8(&text, p[i]);
		else
			buf_printf(&text, "\\%03u", p[i]);
	char *copy = pool_strdup(pool, buf_text(&text));
	buf_fini(&text);
	return copy;
}

enum err
text_zone(const char *text, struct dname *zone)
{
	char canonical[DNAME_TEXT_MAX];
	if (dname_parse(text, zone))
		return ERR_FORM;
	return strcmp(dname_print_short(zone, canonical), text) == 0 ? OK : ERR_INVALID;
}

char *
text_time(struct pool *pool, uint64_t unix_s)
{
	time_t t = (time_t)unix_s;
	struct tm tm;
	char text[40];
	if (!gmtime_r(&t, &tm) ||
	    !strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S+00:00", &tm))
		return NULL;
	return pool_strdup(pool, text);
}

char *
text_time_of(struct pool *pool, const char *unix_s)
{
	char *end;
	if (!unix_s || !is_digit(*unix_s))
		return NULL;
	uint64_t s = strtoull(unix_s, &end, 10);
	return *end || s > INT64_C(253402300799) ? NULL : text_time(pool, s);
}
