/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_BACKEND_SPOOL_H
#define AGENT_BACKEND_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "lib/err.h"

/*
 * Files that a name server reads while we write them: whole or not there, also
 * after a power loss, and never outside the directory they belong to, whatever
 * symbolic links somebody put into it.
 *
 * A path is relative to the directory dir_fd. "..", an absolute path and a
 * symbolic link at any place of it are ERR_INVALID. Otherwise: ERR_NOTFOUND,
 * ERR_FULL (no space, quota), ERR_IO; errno is the system's.
 */

enum { SPOOL_FILE_MAX = 16 << 20 };

/* Open a directory for the functions below; the directory itself may be a link. */
NODISCARD enum err spool_open(const char *dir, int *dir_fd);

/*
 * Make the directories in front of path's last component. New ones have the
 * mode and group of dir_fd.
 */
NODISCARD enum err spool_make_parents(int dir_fd, const char *path);

/* Written aside, synced, renamed into place; has the directory's group. */
NODISCARD enum err spool_replace(int dir_fd, const char *path, const void *data,
    size_t size, mode_t mode);
/* The same, but ERR_EXISTS if there is something: it is left as it is. */
NODISCARD enum err spool_create(int dir_fd, const char *path, const void *data,
    size_t size, mode_t mode);

/*
 * spool_create for many: with one sync of the file system for all of them,
 * instead of two for each. spool_batch_end puts in place what was put, and
 * returns the first failure; that there was a file already is none. It empties
 * the batch, also after a failure of spool_batch_put.
 */
struct spool_batch {
	int dir_fd;
	char **paths, **asides; /* each aside stands beside its path */
	size_t n, room, asides_room;
};

void spool_batch_begin(struct spool_batch *batch, int dir_fd);
NODISCARD enum err spool_batch_put(struct spool_batch *batch, const char *path,
    const void *data, size_t size, mode_t mode);
NODISCARD enum err spool_batch_end(struct spool_batch *batch);

/* Remove what a crash left written aside an hour ago or longer. Not below. */
void spool_sweep(int dir_fd);

/* The whole of a plain file, at most SPOOL_FILE_MAX (ERR_RANGE); a NUL follows
 * that *size does not count. Free it. */
NODISCARD enum err spool_read(int dir_fd, const char *path, char **data, size_t *size);

/* Only plain files. ERR_NOTFOUND: there was none. */
NODISCARD enum err spool_unlink(int dir_fd, const char *path);

#endif
