/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIB_LOG_H
#define LIB_LOG_H

#include "lib/err.h"

/*
 * Log lines go to stderr: `level subsystem: key=value ...`. With JOURNAL_STREAM
 * in the environment the level is the journal's `<N>` prefix instead. Any
 * thread may log; a line is one write(2), or part of one (log_gather). State changes at
 * info, per message at debug. Secrets are never logged. Library code returns and does
 * not log.
 */

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

void log_init(const char *program, enum log_level level);
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
