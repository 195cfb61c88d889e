/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIB_LOG_H
#define LIB_LOG_H

#include "lib/err.h"

/*
 * Log lines go to stderr: `level subsystem: key=value ...`. Where stderr is the
 * journal's they go to the journal as entries instead, with the words that one searches
 * by as fields (lib/journal); if it does not take them, to stderr with its `<N>` prefix
 * in place of the level. Any thread may log; a line is one write(2), or part of one
 * (log_gather). State changes at info, per message at debug. Secrets are never logged.
 * What is no plain ASCII is written as `\xNN`, and so is a `"` in a value for which the
 * format has quotes: such a value ends where it seems to.
 * Library code returns and does not log.
 */

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* Looks whether stderr is the journal's. */
void log_init(const char *program, enum log_level level);
/* Another socket than that of the journal; for tests, before log_init. */
void log_set_journal(const char *socket_path);
void log_set_level(enum log_level level);

/* "error", "warn", "info", "debug". ERR_INVALID: none of them. */
NODISCARD enum err log_level_parse(const char *text, enum log_level *level);

PRINTF(2, 3) void log_error(const char *subsystem, const char *fmt, ...);
PRINTF(2, 3) void log_warn(const char *subsystem, const char *fmt, ...);
PRINTF(2, 3) void log_info(const char *subsystem, const char *fmt, ...);
PRINTF(2, 3) void log_debug(const char *subsystem, const char *fmt, ...);

/* From now on this thread's lines wait for log_spill(), or until they are many. */
void log_gather(void);
void log_spill(void);

/* Logs and aborts: for what cannot go on. Nothing acknowledged is lost by it. */
NORETURN PRINTF(2, 3) void log_fatal(const char *subsystem, const char *fmt, ...);

#endif
