/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/backend/spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/file.h"
#include "lib/mem.h"

/*
 * Paths are walked one component at a time with O_NOFOLLOW: openat2(2) could
 * do it in one call, but not on every kernel we meet. The files written aside
 * begin with a dot and do not end like any file a server includes by pattern.
 */

enum { ASIDE_MAX = 64, SYNC_ONE_BY_ONE_MAX = 8, ASIDE_AGE_S = 3600 };

static const char aside_prefix[] = ".nsherd-";
static const char aside_suffix[] = ".tmp";

static enum err
from_errno(void)
{
	switch (errno) {
	case ENOENT: return ERR_NOTFOUND;
	case EEXIST: return ERR_EXISTS;
	case ENOSPC:
	case EDQUOT: return ERR_FULL;
	case ELOOP:
	case ENOTDIR:
	case ENAMETOOLONG: return ERR_INVALID;
	default: return ERR_IO;
	}
}

/* Close without losing errno. */
static void
close_quietly(int fd)
{
	int saved = errno;

	if (fd != -1)
		close(fd);
	errno = saved;
}

static enum err
invalid(void)
{
	errno = EINVAL;
	return ERR_INVALID;
}

enum err
spool_open(const char *dir, int *dir_fd)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd == -1)
		return from_errno();
	*dir_fd = fd;
	return OK;
}

/* -- walking --------------------------------------------------------------- */

struct place {
	int fd;         /* of the directory that holds the last component */
	char name[256]; /* of it */
	bool make;      /* directories that are missing */
	mode_t mode;    /* of those made */
	gid_t group;    /* of those made */
};

/* The next component into name; false at the end or if it is not a good one. */
static bool
next_component(const char **path, char name[static 256])
{
	size_t size = strcspn(*path, "/");

	if (size == 0 || size > 255)
		return false;
	memcpy(name, *path, size);
	name[size] = '\0';
	*path += size;
	return strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

static enum err
step_into(struct place *p)
{
	int fd =
	    openat(p->fd, p->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd == -1 && errno == ENOENT && p->make) {
		if (mkdirat(p->fd, p->name, 0700) == -1 && errno != EEXIST)
			return from_errno();
		fd = openat(p->fd, p->name,
		    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		/* The group first: chown may clear the setgid bit. That it fails is
		 * no harm with a setgid parent, which gave its group already. */
		if (fd != -1 && (fchown(fd, (uid_t)-1, p->group) == -1 || true) &&
		    fchmod(fd, p->mode) == -1) {
			close_quietly(fd);
			return from_errno();
		}
	}
	if (fd == -1)
		return from_errno();
	close_quietly(p->fd);
	p->fd = fd;
	return OK;
}

/* Fails with nothing open. p->make, mode and group are set before. */
static enum err
walk(int dir_fd, const char *path, struct place *p)
{
	enum err err = OK;

	p->fd = fcntl(dir_fd, F_DUPFD_CLOEXEC, 0);
	if (p->fd == -1)
		return from_errno();
	for (;;) {
		if (!next_component(&path, p->name)) {
			err = invalid();
			break;
		}
		if (*path == '\0')
			return OK;
		path++;
		err = step_into(p);
		if (err != OK)
			break;
	}
	close_quietly(p->fd);
	return err;
}

enum err
spool_make_parents(int dir_fd, const char *path)
{
	struct place p = {.make = true};
	struct stat st;
	enum err err;

	if (fstat(dir_fd, &st) == -1)
		return from_errno();
	p.mode = st.st_mode & 07777;
	p.group = st.st_gid;
	err = walk(dir_fd, path, &p);
	if (err == OK)
		close(p.fd);
	return err;
}

static void
unlink_quietly(int dir_fd, const char *name)
{
	int saved = errno;

	unlinkat(dir_fd, name, 0);
	errno = saved;
}

/* -- writing --------------------------------------------------------------- */

/* A new file in the target's directory, whole; on disk if sync. */
static enum err
write_aside(const struct place *p, char aside[static ASIDE_MAX], const void *data,
    size_t size, mode_t mode, bool sync)
{
	uint64_t random = 0;
	struct stat st;
	enum err err = OK;
	int fd;

	if (getrandom(&random, sizeof(random), 0) == -1)
		return from_errno();
	snprintf(aside, ASIDE_MAX, "%s%016llx%s", aside_prefix,
	    (unsigned long long)random, aside_suffix);
	fd = openat(p->fd, aside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
	    0600);
	if (fd == -1)
		return from_errno();
	/* The server reads it by the directory's group; a file system or user
	 * that cannot have that group makes the mode alone count. */
	if (fstat(p->fd, &st) == 0 && fchown(fd, (uid_t)-1, st.st_gid) == -1)
		errno = 0;
	if (!file_write(fd, data, size) || fchmod(fd, mode) == -1 ||
	    (sync && fsync(fd) == -1))
		err = from_errno();
	close_quietly(fd);
	if (err != OK)
		unlink_quietly(p->fd, aside);
	return err;
}

static enum err
put(int dir_fd, const char *path, const void *data, size_t size, mode_t mode,
    bool replace)
{
	struct place p = {.make = false};
	char aside[ASIDE_MAX];
	enum err err = walk(dir_fd, path, &p);

	if (err != OK)
		return err;
	err = write_aside(&p, aside, data, size, mode, true);
	if (err == OK) {
		/* link(2) does what rename(2) does not: it fails if there is one. */
		int rc = replace ? renameat(p.fd, aside, p.fd, p.name)
				 : linkat(p.fd, aside, p.fd, p.name, 0);
		if (rc == -1 || (fsync(p.fd) == -1 && errno != EINVAL))
			err = from_errno();
		if (rc == -1 || !replace)
			unlink_quietly(p.fd, aside);
	}
	close_quietly(p.fd);
	return err;
}

enum err
spool_replace(int dir_fd, const char *path, const void *data, size_t size, mode_t mode)
{
	return put(dir_fd, path, data, size, mode, true);
}

enum err
spool_create(int dir_fd, const char *path, const void *data, size_t size, mode_t mode)
{
	struct place p = {.make = false};
	struct stat st;
	enum err err = walk(dir_fd, path, &p);

	/* Most often it is there or not: no need to write it in vain. */
	if (err != OK)
		return err;
	if (fstatat(p.fd, p.name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		errno = EEXIST;
		err = ERR_EXISTS;
	}
	close_quietly(p.fd);
	return err != OK ? err : put(dir_fd, path, data, size, mode, false);
}

/* -- many ------------------------------------------------------------------- */

void
spool_batch_begin(struct spool_batch *batch, int dir_fd)
{
	memset(batch, 0, sizeof(*batch));
	batch->dir_fd = dir_fd;
}

enum err
spool_batch_put(struct spool_batch *batch, const char *path, const void *data,
    size_t size, mode_t mode)
{
	struct place p = {.make = false};
	char aside[ASIDE_MAX];
	struct stat st;
	enum err err = walk(batch->dir_fd, path, &p);

	if (err != OK)
		return err;
	if (fstatat(p.fd, p.name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		close(p.fd);
		return OK;
	}
	err = write_aside(&p, aside, data, size, mode, false);
	close_quietly(p.fd);
	if (err != OK)
		return err;
	batch->paths =
	    mem_grow(batch->paths, batch->n, &batch->room, sizeof(batch->paths[0]));
	batch->asides = mem_grow(batch->asides, batch->n, &batch->asides_room,
	    sizeof(batch->asides[0]));
	batch->paths[batch->n] = mem_strdup(path);
	batch->asides[batch->n++] = mem_strdup(aside);
	return OK;
}

static enum err
sync_aside(const struct place *p, const char *aside)
{
	int fd = openat(p->fd, aside, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	enum err err = fd == -1 || fsync(fd) == -1 ? from_errno() : OK;

	close_quietly(fd);
	return err;
}

/* Into place, or away after a failure. */
static enum err
finish_one(struct spool_batch *batch, size_t i, bool sync, enum err so_far)
{
	struct place p = {.make = false};
	enum err err = walk(batch->dir_fd, batch->paths[i], &p);

	if (err != OK)
		return err;
	if (so_far == OK && sync)
		err = sync_aside(&p, batch->asides[i]);
	if (so_far == OK && err == OK &&
	    linkat(p.fd, batch->asides[i], p.fd, p.name, 0) == -1 && errno != EEXIST)
		err = from_errno();
	unlink_quietly(p.fd, batch->asides[i]);
	if (so_far == OK && err == OK && sync && fsync(p.fd) == -1 && errno != EINVAL)
		err = from_errno();
	close_quietly(p.fd);
	return err;
}

enum err
spool_batch_end(struct spool_batch *batch)
{
	bool one_by_one = batch->n <= SYNC_ONE_BY_ONE_MAX;
	enum err err = OK;

	if (!one_by_one && syncfs(batch->dir_fd) == -1)
		err = from_errno();
	for (size_t i = 0; i < batch->n; i++) {
		enum err one = finish_one(batch, i, one_by_one, err);

		if (err == OK)
			err = one;
		free(batch->paths[i]);
		free(batch->asides[i]);
	}
	if (err == OK && !one_by_one && syncfs(batch->dir_fd) == -1)
		err = from_errno();
	free(batch->paths);
	free(batch->asides);
	memset(batch, 0, sizeof(*batch));
	return err;
}

void
spool_sweep(int dir_fd)
{
	size_t prefix = sizeof(aside_prefix) - 1, suffix = sizeof(aside_suffix) - 1;
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd == -1 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	if (dir == NULL) {
		close_quietly(fd);
		return;
	}
	while ((entry = readdir(dir)) != NULL) {
		const char *name = entry->d_name;
		size_t size = strlen(name);
		struct stat st;

		if (size > prefix + suffix && memcmp(name, aside_prefix, prefix) == 0 &&
		    memcmp(name + size - suffix, aside_suffix, suffix) == 0 &&
		    fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISREG(st.st_mode) && time(NULL) - st.st_mtime > ASIDE_AGE_S)
			unlinkat(fd, name, 0);
	}
	closedir(dir);
}

/* -- reading and removing -------------------------------------------------- */

static enum err
read_all(int fd, char **data, size_t *size)
{
	struct stat st;
	size_t got = 0, room;
	char *text;

	if (fstat(fd, &st) == -1)
		return from_errno();
	if (!S_ISREG(st.st_mode))
		return invalid();
	if (st.st_size > SPOOL_FILE_MAX)
		return ERR_RANGE;
	room = (size_t)st.st_size;
	text = mem_alloc(room + 1);
	while (got < room) {
		ssize_t n = read(fd, text + got, room - got);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1) {
			enum err err = from_errno();

			free(text);
			return err;
		}
		if (n == 0)
			break;
		got += (size_t)n;
	}
	text[got] = '\0';
	*data = text;
	*size = got;
	return OK;
}

enum err
spool_read(int dir_fd, const char *path, char **data, size_t *size)
{
	struct place p = {.make = false};
	enum err err = walk(dir_fd, path, &p);
	int fd;

	if (err != OK)
		return err;
	fd = openat(p.fd, p.name,
	    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	err = fd == -1 ? from_errno() : read_all(fd, data, size);
	close_quietly(fd);
	close_quietly(p.fd);
	return err;
}

enum err
spool_unlink(int dir_fd, const char *path)
{
	struct place p = {.make = false};
	struct stat st;
	enum err err = walk(dir_fd, path, &p);

	if (err != OK)
		return err;
	if (fstatat(p.fd, p.name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		err = from_errno();
	else if (!S_ISREG(st.st_mode))
		err = invalid();
	else if (unlinkat(p.fd, p.name, 0) == -1)
		err = from_errno();
	close_quietly(p.fd);
	return err;
}
