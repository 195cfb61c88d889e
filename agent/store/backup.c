/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/store/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <lmdb.h>

#include "agent/store/inside.h"
#include "agent/store/txn.h"
#include "lib/mem.h"

static const char file_name[] = "catalog.mdb";
static const char new_name[] = "catalog.mdb.new";

static enum err
fail(struct err_where *where, const char *path, const char *what, int error)
{
	(void)err_at(where, path, 0, "%s: %s", what, mem_errno_text(error));
	return error == ENOSPC || error == EDQUOT ? ERR_FULL
	       : error == ENOENT                  ? ERR_NOTFOUND
						  : ERR_IO;
}

/* Codes of LMDB are negative, those of the system are not. */
static enum err
fail_lmdb(struct err_where *where, const char *path, const char *what, int rc)
{
	if (rc > 0)
		return fail(where, path, what, rc);
	(void)err_at(where, path, 0, "%s: %s", what, mdb_strerror(rc));
	return txn_from_lmdb(rc);
}

static enum err
check_owner(const char *path, struct err_where *where)
{
	struct stat st;

	if (stat(path, &st) == -1)
		return fail(where, path, "cannot look at it", errno);
	if (st.st_uid == geteuid())
		return OK;
	(void)err_at(where, path, 0,
	    "belongs to the user with the number %lu, who has to do this",
	    (unsigned long)st.st_uid);
	return ERR_DENIED;
}

static enum err
copy_to(const char *path, int fd, struct err_where *where)
{
	MDB_env *env = NULL;

	int rc = mdb_env_create(&env);
	/* It may be this that makes the table of readers, which an agent uses then. */
	if (rc == 0)
		rc = mdb_env_set_maxreaders(env, STORE_READERS_MAX);
	if (rc == 0)
		rc = mdb_env_open(env, path, MDB_RDONLY | MDB_NOSUBDIR | MDB_NOTLS,
		    0600);
	enum err err = rc == 0 ? OK : fail_lmdb(where, path, "cannot open it", rc);
	if (err == OK) {
		rc = mdb_env_copyfd2(env, fd, MDB_CP_COMPACT);
		err = rc == 0 ? OK : fail_lmdb(where, path, "cannot copy it", rc);
	}
	if (env != NULL)
		mdb_env_close(env);
	if (err == OK && fsync(fd) == -1)
		err = fail(where, new_name, "cannot write it", errno);
	return err;
}

/* What one has under way must not be written to, nor taken for whole, by another: nor
 * by who opened it when it was not whole yet, and now is in place. */
static bool
is_ours_alone(int dir, int fd)
{
	struct stat is, named;

	return flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &is) == 0 &&
	       fstatat(dir, new_name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
	       is.st_dev == named.st_dev && is.st_ino == named.st_ino;
}

static enum err
copy_into(const char *path, int dir, const char *to, struct err_where *where)
{
	int fd =
	    openat(dir, new_name, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd == -1)
		return fail(where, to, "cannot write to it", errno);
	if (!is_ours_alone(dir, fd)) {
		(void)err_at(where, to, 0, "another copy to it is under way");
		close(fd);
		return ERR_BUSY;
	}
	enum err err = ftruncate(fd, 0) == 0
			   ? copy_to(path, fd, where)
			   : fail(where, to, "cannot write to it", errno);
	if (err == OK &&
	    (renameat(dir, new_name, dir, file_name) == -1 || fsync(dir) == -1))
		err = fail(where, to, "cannot write to it", errno);
	if (err != OK)
		(void)unlinkat(dir, new_name, 0);
	close(fd); /* lets go of the lock, too */
	return err;
}

enum err
store_backup(const char *dir, const char *to, struct err_where *where)
{
	char *path = mem_printf("%s/%s", dir, file_name);
	enum err err = check_owner(dir, where);
	struct stat from, there;

	if (err == OK)
		err = check_owner(path, where);
	if (err == OK && mkdir(to, 0700) == -1 && errno != EEXIST)
		err = fail(where, to, "cannot make the directory", errno);
	int fd = err == OK ? open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	if (err == OK && fd == -1)
		err = fail(where, to, "cannot open the directory", errno);
	if (err == OK && stat(dir, &from) == 0 && fstat(fd, &there) == 0 &&
	    from.st_dev == there.st_dev && from.st_ino == there.st_ino) {
		(void)err_at(where, to, 0, "is the state directory itself");
		err = ERR_INVALID;
	}
	if (err == OK)
		err = copy_into(path, fd, to, where);
	if (fd != -1)
		close(fd);
	free(path);
	return err;
}
