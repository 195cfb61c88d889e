/* SPDX-License-Identifier: BSD-2-Clause */
#include "ctl/words.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The end of the word at p; NULL: not closed. */
static char *
word_end(char *p)
{
	bool quoted = false;
	for (; *p; p++) {
		if (*p == '\\') {
			if (*++p == '\0')
				return NULL;
		} else if (*p == '"') {
			quoted = !quoted;
		} else if (is_blank(*p) && !quoted) {
			break;
		}
	}
	return quoted ? NULL : p;
}

enum err
words_split(char *line, char *words[static WORDS_MAX], size_t *n)
{
	*n = 0;
	for (char *p = line;;) {
		while (is_blank(*p))
			p++;
		if (*p == '\0' || *p == '#')
			return OK;
		if (*n == WORDS_MAX)
			return ERR_RANGE;
		char *end = word_end(p);
		if (!end)
			return ERR_FORM;
		words[(*n)++] = p;
		if (*end == '\0')
			return OK;
		*end = '\0';
		p = end + 1;
	}
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* The escape at word[i], a backslash; *i is moved past it. */
static enum err
decode_escape(const char *word, size_t size, size_t *i, uint8_t *octet)
{
	size_t left = size - *i - 1;
	const char *c = word + *i + 1;
	if (left == 0)
		return ERR_FORM;
	if (!is_digit(*c)) {
		*octet = (uint8_t)*c;
		*i += 2;
		return OK;
	}
	if (left < 3 || !is_digit(c[1]) || !is_digit(c[2]))
		return ERR_FORM;
	int value = (c[0] - '0') * 100 + (c[1] - '0') * 10 + (c[2] - '0');
	if (value > 255)
		return ERR_FORM;
	*octet = (uint8_t)value;
	*i += 4;
	return OK;
}

enum err
words_decode(const char *word, size_t size, struct buf *out)
{
	for (size_t i = 0; i < size;) {
		uint8_t octet = (uint8_t)word[i];
		if (octet == '\\') {
			enum err e = decode_escape(word, size, &i, &octet);
			if (e)
				return e;
			buf_put_u8(out, octet);
			continue;
		}
		if (octet != '"')
			buf_put_u8(out, octet);
		i++;
	}
	return out->err;
}

static void
put_escaped(uint8_t c, const char *special, struct buf *out)
{
	if (c < 0x20 || c >= 0x7f)
		buf_printf(out, "\\%03u", (unsigned)c);
	else if (strchr(special, c))
		buf_printf(out, "\\%c", c);
	else
		buf_put_u8(out, c);
}

void
words_encode(const void *data, size_t size, struct buf *out)
{
	const uint8_t *c = data;
	bool quote = size == 0 || c[0] == '#' || memchr(data, ' ', size);
	if (quote)
		buf_puts(out, "\"");
	for (size_t i = 0; i < size; i++)
		put_escaped(c[i], "\"\\", out);
	if (quote)
		buf_puts(out, "\"");
}

void
words_encode_item(const void *data, size_t size, struct buf *out)
{
	const uint8_t *c = data;
	for (size_t i = 0; i < size; i++)
		if (c[i] == ' ' || c[i] == '=') /* of name=value, however escaped */
			buf_printf(out, "\\%03u", (unsigned)c[i]);
		else
			put_escaped(c[i], "\"\\,#", out);
}
