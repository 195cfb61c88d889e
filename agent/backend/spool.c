/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/backend/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/mem.h"

/*
 * Paths are walked one component at a time with O_NOFOLLOW: openat2(2) could
 * do it in one call, but not on every kernel we meet. The files written aside
 * begin with a dot and do not end like any file a server includes by pattern.
 */

enum { TRIES_MAX = 64 };

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

/* -- writing --------------------------------------------------------------- */

static bool
write_all(int fd, const char *data, size_t size)
{
	while (size > 0) {
		ssize_t n = write(fd, data, size);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return false;
		data += n;
		size -= (size_t)n;
	}
	return true;
}

/* A new file beside the target, complete and on disk. */
static enum err
write_aside(const struct place *p, char aside[static 64], const void *data, size_t size,
    mode_t mode)
{
	struct stat st;
	enum err err = OK;
	int fd = -1;

	for (unsigned i = 0; fd == -1 && i < TRIES_MAX; i++) {
		snprintf(aside, 64, ".nsherd-%ld-%u.tmp", (long)getpid(), i);
		fd = openat(p->fd, aside,
		    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (fd == -1 && errno != EEXIST)
			break;
	}
	if (fd == -1)
		return from_errno();
	/* The server reads it by the directory's group; a file system or user
	 * that cannot have that group makes the mode alone count. */
	if (fstat(p->fd, &st) == 0 && fchown(fd, (uid_t)-1, st.st_gid) == -1)
		errno = 0;
	if (!write_all(fd, data, size) || fchmod(fd, mode) == -1 || fsync(fd) == -1)
		err = from_errno();
	close_quietly(fd);
	if (err != OK) {
		int saved = errno;

		unlinkat(p->fd, aside, 0);
		errno = saved;
	}
	return err;
}

static enum err
put(int dir_fd, const char *path, const void *data, size_t size, mode_t mode,
    bool replace)
{
	struct place p = {.make = false};
	char aside[64];
	enum err err = walk(dir_fd, path, &p);

	if (err != OK)
		return err;
	err = write_aside(&p, aside, data, size, mode);
	if (err == OK) {
		/* link(2) does what rename(2) does not: it fails if there is one. */
		int rc = replace ? renameat(p.fd, aside, p.fd, p.name)
				 : linkat(p.fd, aside, p.fd, p.name, 0);
		if (rc == -1 || (fsync(p.fd) == -1 && errno != EINVAL))
			err = from_errno();
		if (rc == -1 || !replace) {
			int saved = errno;

			unlinkat(p.fd, aside, 0);
			errno = saved;
		}
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
