/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CTL_SOURCE_H
#define CTL_SOURCE_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/buf.h"
#include "lib/err.h"

/*
 * The files of a configuration that include one another, and what is to be put
 * into them. Secrets may be in any of them.
 */

enum { SOURCE_MAX = 4 << 20, SOURCES_MAX = 1000, SOURCE_DEPTH_MAX = 16 };

/* At `from`, in place of what is up to `to`: text, or if that is NULL, the `n`
 * sources that are included there, which begin with `first`. */
struct source_patch {
	size_t from, to;
	char *text;
	size_t first, n;
};

struct source {
	char *path; /* symbolic links resolved */
	struct buf text;
	struct source_patch *patches; /* in order */
	size_t n_patches, room;
};

struct sources {
	struct source **all; /* each allocated: they stay where they are */
	size_t n, room;
	char **included; /* the paths as they were written */
	size_t n_included, included_room;
	size_t depth;
};

/* Reads a file. ERR_NOTFOUND, ERR_IO, ERR_RANGE, said on stderr. */
NODISCARD enum err sources_read(struct sources *all, const char *path,
    struct source **source);
void sources_fini(struct sources *all);

/*
 * `path`, which may be a pattern of glob(7), is included by `source` at from..to:
 * `read` is called for each such file. One that is not there is passed over: what
 * that means the server has said.
 */
typedef enum err source_read_fn(void *arg, struct source *source);
NODISCARD enum err sources_include(struct sources *all, struct source *source,
    const char *path, size_t from, size_t to, source_read_fn *read, void *arg);
bool sources_includes(const struct sources *all, const char *path);

/* Text to be put in at an offset, or after the end, on a line of its own. Copied. */
void source_insert(struct source *source, size_t at, const char *text);
void source_replace(struct source *source, size_t from, size_t to, const char *text);
void source_append(struct source *source, const char *text);
bool source_is_edited(const struct source *source);
/* With what is put in; flat: and with what is included in place of its include. */
void source_print(const struct source *source, struct buf *out);
void source_print_flat(const struct sources *all, const struct source *source,
    struct buf *out);
/* The line, from 1, that an offset is in. */
size_t source_line(const struct source *source, size_t at);

#endif
