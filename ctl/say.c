/* SPDX-License-Identifier: BSD-2-Clause */
#include "ctl/say.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { BAR_WIDTH = 30, BAR_EVERY_MS = 100 };

/* Whether a bar stands on the terminal's last line, and since when: there is
 * one stderr, so there is one of these. */
static bool bar_shown;
static uint64_t bar_at_ms;

uint64_t
say_now_ms(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

void
say_progress_end(void)
{
	if (!bar_shown)
		return;
	fputs("\r\033[K", stderr);
	fflush(stderr);
	bar_shown = false;
}

void
say_progress(const char *what, size_t done, size_t all)
{
	uint64_t now = say_now_ms();
	if (now - bar_at_ms < BAR_EVERY_MS)
		return;
	bar_at_ms = now;
	if (!isatty(STDERR_FILENO))
		return;
	bar_shown = true;
	if (all == 0) {
		fprintf(stderr, "\r\033[K%s %zu", what, done);
	} else {
		static const char full[] = "##############################";
		static const char none[] = "..............................";
		int n = (int)((double)done / (double)all * BAR_WIDTH);
		n = n < 0 ? 0 : n > BAR_WIDTH ? BAR_WIDTH : n;
		fprintf(stderr, "\r\033[K%s [%.*s%.*s] %zu/%zu", what, n, full,
		    BAR_WIDTH - n, none, done, all);
	}
	fflush(stderr);
}

void
say_error(const char *fmt, ...)
{
	va_list ap;
	char *text;
	say_progress_end();
	fflush(stdout);
	va_start(ap, fmt);
	int n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;      /* no memory */
	say_printable(text); /* much of it is what agents said */
	fprintf(stderr, "nsherdctl: %s\n", text);
	free(text);
}

void
say_where(const struct err_where *where)
{
	if (where->line)
		say_error("%s:%u: %s", where->file, where->line, where->what);
	else if (where->file[0])
		say_error("%s: %s", where->file, where->what);
	else
		say_error("%s", where->what);
}

char *
say_age(uint64_t unix_time, uint64_t unix_now, char out[static SAY_AGE_MAX])
{
	uint64_t s = unix_now > unix_time ? unix_now - unix_time : 0;
	if (unix_time == 0)
		snprintf(out, SAY_AGE_MAX, "-");
	else if (s == 0)
		snprintf(out, SAY_AGE_MAX, "now");
	else if (s < 120)
		snprintf(out, SAY_AGE_MAX, "%" PRIu64 "s", s);
	else if (s < 7200)
		snprintf(out, SAY_AGE_MAX, "%" PRIu64 "m", s / 60);
	else if (s < 172800)
		snprintf(out, SAY_AGE_MAX, "%" PRIu64 "h", s / 3600);
	else
		snprintf(out, SAY_AGE_MAX, "%" PRIu64 "d", s / 86400);
	return out;
}

char *
say_count(size_t n, const char *noun, char out[static SAY_COUNT_MAX])
{
	snprintf(out, SAY_COUNT_MAX, "%zu %s%s", n, noun, n == 1 ? "" : "s");
	return out;
}

/* UTF-8 stays as it is, but for U+0080 to U+009F, which are ESC and a letter to some
 * terminals. */
void
say_printable(char *text)
{
	unsigned char before = 0;
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;
		bool starts = before < 0x80 || before == 0xc2;
		if (c < ' ' || c == 0x7f || (c >= 0x80 && c < 0xa0 && starts))
			*text = '?';
		before = c;
	}
}
