/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "lib/journal.h"

enum {
	LINE_MAX_SIZE = 2048,
	GATHER_MAX = 16 * 1024,
	FORMAT_MAX = 512,
	QUOTES_MAX = 32
};

/* The log is the one thing every thread shares; both are set before threads
 * start, the level also later. */
static atomic_int log_level_now = LOG_INFO;
static atomic_bool log_to_journal;
static atomic_int log_journal = -1; /* its socket */
static const char *_Atomic log_journal_path = JOURNAL_SOCKET;
static const char *_Atomic log_program = "";

/* Lines of this thread that wait. */
static _Thread_local struct {
	bool on;
	size_t size;
	char lines[GATHER_MAX];
} gathered;

static const char *const level_names[] = {
    [LOG_ERROR] = "error",
    [LOG_WARN] = "warn",
    [LOG_INFO] = "info",
    [LOG_DEBUG] = "debug",
};

void
log_init(const char *program, enum log_level level)
{
	atomic_store(&log_program, program);
	atomic_store(&log_level_now, (int)level);
	atomic_store(&log_to_journal, journal_has_stderr());
	if (atomic_load(&log_to_journal) && atomic_load(&log_journal) < 0)
		atomic_store(&log_journal, journal_open());
}

void
log_set_journal(const char *socket_path)
{
	atomic_store(&log_journal_path, socket_path);
}

void
log_set_level(enum log_level level)
{
	atomic_store(&log_level_now, (int)level);
}

enum err
log_level_parse(const char *text, enum log_level *level)
{
	for (int i = LOG_ERROR; i <= LOG_DEBUG; i++) {
		if (strcasecmp(text, level_names[i]) == 0) {
			*level = (enum log_level)i;
			return OK;
		}
	}
	return ERR_INVALID;
}

/* Where the quotes of a format are in the text that it makes. */
struct quotes {
	size_t n, at[QUOTES_MAX];
};

/*
 * What the format makes as far as each of its quotes tells where that is: arguments
 * that are not used up are no fault. A quote is never part of a conversion.
 */
PRINTF(2, 0)
static void
find_quotes(struct quotes *q, const char *fmt, va_list args)
{
	/* A part of a format that the compiler has checked as a whole. */
	int (*const print)(char *, size_t, const char *, va_list) = vsnprintf;
	char part[FORMAT_MAX];

	q->n = 0;
	for (const char *p = strchr(fmt, '"'); p != NULL; p = strchr(p + 1, '"')) {
		size_t size = (size_t)(p - fmt);
		va_list again;

		if (size >= sizeof(part) || q->n == QUOTES_MAX)
			break;
		memcpy(part, fmt, size);
		part[size] = '\0';
		va_copy(again, args);
		int at = print(NULL, 0, part, again);
		va_end(again);
		if (at < 0)
			break;
		q->at[q->n++] = (size_t)at;
	}
	q->n -= q->n % 2; /* of one that is not found to close nothing is known */
}

/* A line must stay one line, and must not talk to a terminal; and a value that is in
 * quotes must not end before its end, and go on as words of its own making. */
static size_t
escape(const char *text, const struct quotes *q, char *out, size_t room)
{
	static const char hex[] = "0123456789abcdef";
	size_t n = 0, n_quotes = 0;
	for (const char *in = text; *in != '\0' && n + 4 <= room; in++) {
		unsigned char c = (unsigned char)*in;
		bool is_quote =
		    n_quotes < q->n && (size_t)(in - text) == q->at[n_quotes];
		bool ends = c == '"' && !is_quote && n_quotes % 2 == 1;
		n_quotes += is_quote;
		if (c >= 0x20 && c < 0x7f && !ends) {
			out[n++] = *in;
		} else {
			out[n++] = '\\';
			out[n++] = 'x';
			out[n++] = hex[c >> 4];
			out[n++] = hex[c & 15];
		}
	}
	return n;
}

/* Cut where it does not fit. Returns where it ends. */
static size_t
add_text(char *out, size_t at, size_t room, const char *text)
{
	while (*text != '\0' && at < room)
		out[at++] = *text++;
	return at;
}

/* "LEVEL SUBSYSTEM: ", or "<PRIORITY>SUBSYSTEM: " */
static size_t
put_head(const char *level_name, int journal_priority, const char *subsystem, char *out,
    size_t room)
{
	const char priority[] = {'<', (char)('0' + journal_priority), '>', '\0'};
	bool journal = atomic_load(&log_to_journal);
	size_t n = add_text(out, 0, room, journal ? priority : level_name);

	if (!journal)
		n = add_text(out, n, room, " ");
	n = add_text(out, n, room, subsystem);
	return add_text(out, n, room, ": ");
}

/* There is nobody to tell that stderr is gone. */
static void
write_out(const char *text, size_t size)
{
	if (size > 0 && write(STDERR_FILENO, text, size) < 0)
		errno = 0;
}

static void
write_gathered(void)
{
	write_out(gathered.lines, gathered.size);
	gathered.size = 0;
}

void
log_gather(void)
{
	gathered.on = true;
}

void
log_spill(void)
{
	int saved_errno = errno;

	write_gathered();
	gathered.on = false;
	errno = saved_errno;
}

/* False: it is to go to stderr. */
static bool
put_entry(int journal_priority, const char *subsystem, const char *text)
{
	struct journal_entry e;
	char priority[2] = {(char)('0' + journal_priority), '\0'};
	char message[LINE_MAX_SIZE + 128];

	if (!atomic_load(&log_to_journal))
		return false;
	snprintf(message, sizeof(message), "%s: %s", subsystem, text);
	journal_start(&e);
	journal_put_text(&e, "MESSAGE", message);
	journal_put_text(&e, "PRIORITY", priority);
	journal_put_text(&e, "SYSLOG_IDENTIFIER", atomic_load(&log_program));
	journal_put_text(&e, "NSHERD_SUBSYSTEM", subsystem);
	journal_put_words(&e, text);
	return journal_send(atomic_load(&log_journal), atomic_load(&log_journal_path),
	    &e);
}

PRINTF(4, 0)
static void
put_line(const char *level_name, int journal_priority, const char *subsystem,
    const char *fmt, va_list args)
{
	int saved_errno = errno;
	char text[LINE_MAX_SIZE], line[LINE_MAX_SIZE];
	struct quotes quotes;

	find_quotes(&quotes, fmt, args);
	vsnprintf(text, sizeof(text), fmt, args);
	size_t n = put_head(level_name, journal_priority, subsystem, line, 127);
	size_t at = n;
	n += escape(text, &quotes, line + n, sizeof(line) - n - 1);
	line[n] = '\0';
	if (put_entry(journal_priority, subsystem, line + at)) {
		errno = saved_errno;
		return;
	}
	line[n++] = '\n';
	if (gathered.on && gathered.size + n > sizeof(gathered.lines))
		write_gathered();
	if (gathered.on) {
		memcpy(gathered.lines + gathered.size, line, n);
		gathered.size += n;
	} else
		write_out(line, n);
	errno = saved_errno;
}

static bool
wanted(enum log_level level)
{
	return (int)level <= atomic_load_explicit(&log_level_now, memory_order_relaxed);
}

void
log_error(const char *subsystem, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	put_line("error", 3, subsystem, fmt, args);
	va_end(args);
}

void
log_warn(const char *subsystem, const char *fmt, ...)
{
	if (!wanted(LOG_WARN))
		return;
	va_list args;
	va_start(args, fmt);
	put_line("warn", 4, subsystem, fmt, args);
	va_end(args);
}

void
log_info(const char *subsystem, const char *fmt, ...)
{
	if (!wanted(LOG_INFO))
		return;
	va_list args;
	va_start(args, fmt);
	put_line("info", 6, subsystem, fmt, args);
	va_end(args);
}

void
log_debug(const char *subsystem, const char *fmt, ...)
{
	if (!wanted(LOG_DEBUG))
		return;
	va_list args;
	va_start(args, fmt);
	put_line("debug", 7, subsystem, fmt, args);
	va_end(args);
}

void
log_fatal(const char *subsystem, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	put_line("fatal", 2, subsystem, fmt, args);
	va_end(args);
	log_error(subsystem, "program=%s aborts", atomic_load(&log_program));
	log_spill();
	abort();
}
