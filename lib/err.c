/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lib/ is what more than one program links: errors, log, memory, and the DNS
 * codec with its presentation format, TSIG and catalog names.
 *
 * Its rules: nothing here opens a listening socket, starts a thread or keeps
 * state between calls, except the log level. Functions return errors and do
 * not log them; the one exception is memory running out, which aborts. Bytes
 * from the network are read only through wire.h, after msg_frame() has looked
 * at every length once; ldns sees text, and records that were checked.
 */
#include "lib/err.h"

#include <stdarg.h>
#include <stdio.h>

const char *
err_str(enum err err)
{
	switch (err) {
	case OK: return "ok";
	case ERR_NOTFOUND: return "not found";
	case ERR_EXISTS: return "exists already";
	case ERR_FORM: return "malformed";
	case ERR_RANGE: return "out of range";
	case ERR_SPACE: return "no room";
	case ERR_INVALID: return "not acceptable";
	case ERR_DENIED: return "not permitted";
	case ERR_AUTH: return "not authentic";
	case ERR_BUSY: return "busy, try again later";
	case ERR_TIMEOUT: return "timed out";
	case ERR_CLOSED: return "closed by the other side";
	case ERR_CANCELED: return "canceled";
	case ERR_FULL: return "storage is full";
	case ERR_IO: return "system error";
	case ERR_CORRUPT: return "stored data is corrupt";
	case ERR_UNSUPPORTED: return "not supported";
	}
	return "unknown error";
}

enum err
err_at(struct err_where *where, const char *file, unsigned line, const char *fmt, ...)
{
	if (!where || where->what[0] != '\0')
		return ERR_INVALID;

	va_list args;
	va_start(args, fmt);
	vsnprintf(where->what, sizeof(where->what), fmt, args);
	va_end(args);
	snprintf(where->file, sizeof(where->file), "%s", file ? file : "");
	where->line = line;
	return ERR_INVALID;
}
