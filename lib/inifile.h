/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIB_INIFILE_H
#define LIB_INIFILE_H

#include <stddef.h>

#include "lib/err.h"

/*
 * The one reader of ini files, on top of inih, without inih's silent cuts:
 * lines too long, indented, with a NUL or with ` ;` inside a value, malformed
 * section headers and sections over 49 characters are errors with file and
 * line. So are a byte order mark, control characters and `:` instead of `=`. A
 * comment stands on a line of its own. Lines have at most 198 characters, files
 * 4 MiB.
 */

/*
 * Called for every `name = value`, with its file and line. Returns an error,
 * with *where filled by err_at(), to end the reading.
 */
typedef enum err inifile_fn(void *arg, const char *section, const char *name,
    const char *value, const char *file, unsigned line, struct err_where *where);

/* ERR_NOTFOUND or ERR_IO: the file cannot be read (where says why); ERR_INVALID:
 * a fault at where. */
NODISCARD enum err inifile_read(const char *path, inifile_fn *fn, void *arg,
    struct err_where *where);
/* The same for text in memory; `file` names it in errors. */
NODISCARD enum err inifile_parse(const char *text, size_t size, const char *file,
    inifile_fn *fn, void *arg, struct err_where *where);

/* Values: a number with unit s, m, h, d (default s); yes/no; a plain number.
 * ERR_FORM: something else; ERR_RANGE: a number too large or too small. */
NODISCARD enum err inifile_duration(const char *value, unsigned *seconds);
NODISCARD enum err inifile_bool(const char *value, _Bool *out);
NODISCARD enum err inifile_number(const char *value, unsigned long min,
    unsigned long max, unsigned long *out);

/*
 * Items of a list: separated by commas, or by blanks too if `blanks`. Each is
 * trimmed. Calls fn for each; empty items are ERR_FORM. fn's error is returned.
 */
typedef enum err inifile_item_fn(void *arg, const char *item);
NODISCARD enum err inifile_each(const char *value, _Bool blanks, inifile_item_fn *fn,
    void *arg);

#endif
