/* SPDX-License-Identifier: BSD-2-Clause */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/backend/files.h"
#include "agent/backend/spool.h"
#include "agent/backend/yadifa.h"
#include "lib/mem.h"

/*
 * Files that outlive their zone: the zone file below zone-dir, and for a
 * secondary what it received, in XFRPATH/xx/yy/, where xx and yy are two octets
 * of a hash of the name. yadifad loads that image when the zone is added again,
 * and keeps it even if the primary's serial is lower.
 */

enum err
yadifa_files_make(int dir_fd, const struct settings *s, const struct dname *zone)
{
	struct spool_batch files;
	enum err err, ended;

	spool_batch_begin(&files, dir_fd);
	err = files_make(&files, s, zone, true, YADIFA_FILE_MODE);
	ended = spool_batch_end(&files);
	return err != OK ? err : ended;
}

bool
yadifa_files_lacks(int dir_fd, const struct yadifa_native *n, const struct dname *zone)
{
	char path[YADIFA_PATH_MAX];

	return !yadifa_native_is_secondary(n) && settings_file_is_own(n->template) &&
	       yadifa_native_path(n, zone, path) == OK &&
	       faccessat(dir_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == -1 &&
	       errno == ENOENT;
}

/* Beside the zone file, under the zone's own name. */
static char *
journal_of(const char *path, const struct dname *zone)
{
	const char *slash = strrchr(path, '/');
	char text[DNAME_TEXT_MAX];

	return mem_printf("%.*s%s..cjf", slash != NULL ? (int)(slash - path) + 1 : 0,
	    path, dname_print_plain(zone, text));
}

static enum err
unlink_one(int dir_fd, char *path, enum err err, bool *gone)
{
	if (err == OK || err == ERR_NOTFOUND)
		err = spool_unlink(dir_fd, path);
	*gone |= err == OK;
	free(path);
	return err == ERR_NOTFOUND ? OK : err;
}

enum err
yadifa_files_unlink(int dir_fd, const char *path, const struct dname *zone, bool *gone)
{
	enum err err = unlink_one(dir_fd, mem_strdup(path), OK, gone);

	err = unlink_one(dir_fd, mem_printf("%s.old", path), err, gone);
	return unlink_one(dir_fd, journal_of(path, zone), err, gone);
}

/* ERR_NOTFOUND. What is at `to` is replaced, or is ERR_EXISTS. */
static enum err
move(int dir_fd, const char *from, const char *to, bool replace)
{
	char *data = NULL;
	size_t size = 0;
	enum err err;

	if (strchr(from, '/') == NULL) {
		if (renameat2(dir_fd, from, dir_fd, to,
			replace ? 0 : RENAME_NOREPLACE) == 0)
			return OK;
		if (errno != EINVAL)
			return errno == ENOENT   ? ERR_NOTFOUND
			       : errno == EEXIST ? ERR_EXISTS
						 : ERR_IO;
	}
	/* Through the spool, which follows no symbolic link on the way. */
	err = spool_read(dir_fd, from, &data, &size);
	if (err == OK && replace)
		err = spool_replace(dir_fd, to, data, size, 0660);
	else if (err == OK)
		err = spool_create(dir_fd, to, data, size, 0660);
	if (err == OK)
		err = spool_unlink(dir_fd, from);
	free(data);
	return err;
}

enum err
yadifa_files_set_aside(int dir_fd, const char *path, const struct dname *zone)
{
	char *old = mem_printf("%s.old", path);
	bool gone = false;
	enum err err = move(dir_fd, path, old, true);

	free(old);
	return unlink_one(dir_fd, journal_of(path, zone),
	    err == ERR_NOTFOUND ? OK : err, &gone);
}

enum err
yadifa_files_bring_back(int dir_fd, const char *path)
{
	char *old = mem_printf("%s.old", path);
	enum err err = move(dir_fd, old, path, false);

	free(old);
	return err == ERR_NOTFOUND || err == ERR_EXISTS ? OK : err;
}

/* As yadifad does; over the wire form to its end. */
static void
hash_dirs(const struct dname *zone, char first[static 3], char second[static 3])
{
	uint32_t h = 0;
	uint8_t shift = 0;

	for (size_t i = 0; i < zone->size; i++) {
		uint32_t c = (uint32_t)toupper(zone->wire[i]) & 0x3f;

		h += c << (shift & 15);
		h += 97;
		shift = (uint8_t)(shift + 13);
		if (c == 0)
			break;
	}
	snprintf(first, 3, "%02x", h & 0xff);
	snprintf(second, 3, "%02x", h >> 8 & 0xff);
}

static int
open_below(int fd, const char *name)
{
	int below = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int saved = errno;

	close(fd);
	errno = saved;
	return below;
}

/* "<zone>.." and an ending: no label is empty, so no other zone begins so. */
static enum err
unlink_matching(int fd, const char *start, bool *gone)
{
	DIR *dir = fdopendir(fd);
	struct dirent *entry;
	enum err err = OK;

	if (dir == NULL) {
		close(fd);
		return ERR_IO;
	}
	while (err == OK && (errno = 0, entry = readdir(dir)) != NULL) {
		if (strncmp(entry->d_name, start, strlen(start)) != 0)
			continue;
		if (unlinkat(dirfd(dir), entry->d_name, 0) == 0)
			*gone = true;
		else if (errno != ENOENT)
			err = ERR_IO;
	}
	closedir(dir);
	return err;
}

enum err
yadifa_files_unlink_transfers(const char *transfer_dir, const struct dname *zone,
    bool *gone)
{
	char first[3], second[3], text[DNAME_TEXT_MAX], start[DNAME_TEXT_MAX + 2];
	int fd = open(transfer_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	hash_dirs(zone, first, second);
	if (fd != -1)
		fd = open_below(fd, first);
	if (fd != -1)
		fd = open_below(fd, second);
	if (fd == -1)
		return errno == ENOENT ? OK : ERR_IO;
	snprintf(start, sizeof(start), "%s..", dname_print_plain(zone, text));
	return unlink_matching(fd, start, gone);
}

void
yadifa_files_make_transfer_dirs(int transfer_fd, const struct dname *zone)
{
	char first[3], second[3], path[16];

	hash_dirs(zone, first, second);
	snprintf(path, sizeof(path), "%s/%s/x", first, second);
	if (spool_make_parents(transfer_fd, path) != OK)
		errno = 0; /* yadifad makes them; a later purge may be denied */
}
