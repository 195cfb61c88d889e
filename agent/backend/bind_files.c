/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/backend/bind_files.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/backend/bind.h"
#include "agent/backend/files.h"
#include "agent/backend/spool.h"
#include "lib/clock.h"
#include "lib/mem.h"

enum { COMPONENT_MAX = 255, RETRY_S = 10 };

static void
settle_failed(struct bind_task *t, const char *zone_dir, const char *path, enum err err)
{
	op_settle(t->op, err == ERR_INVALID ? RESULT_REJECTED : RESULT_RETRY,
	    "%s/%.100s: %s", zone_dir, path, mem_errno_text(errno));
	t->op->retry_s = RETRY_S;
}

/* -- making ------------------------------------------------------------------- */

static void
settle_no_file(struct bind_task *t, const char *zone_dir, enum err err)
{
	char *path = settings_zonefile(t->op->settings, &t->op->zone);

	settle_failed(t, zone_dir, path, err);
	free(path);
}

/* named makes temporary names of it that are longer by a few letters. */
static bool
is_too_long(const struct bind_task *t)
{
	const char *last = strrchr(t->file, '/');

	return strlen(last != NULL ? last + 1 : t->file) > COMPONENT_MAX - 12;
}

static void
make_one(struct spool_batch *files, const char *zone_dir, struct bind_task *t)
{
	enum err err = ERR_INVALID;

	if (is_too_long(t))
		errno = ENAMETOOLONG;
	else
		err = files_make(files, t->op->settings, &t->op->zone, true, 0640);
	if (err != OK)
		settle_no_file(t, zone_dir, err);
}

void
bind_files_make(const char *zone_dir, struct bind_task *tasks, size_t n,
    bool (*which)(const struct bind_task *t))
{
	struct spool_batch files;
	int dir_fd;
	enum err err = spool_open(zone_dir, &dir_fd);

	if (err == OK) {
		spool_batch_begin(&files, dir_fd);
		for (size_t i = 0; i < n; i++) {
			if (which(&tasks[i]))
				make_one(&files, zone_dir, &tasks[i]);
		}
		err = spool_batch_end(&files);
		close(dir_fd);
	}
	for (size_t i = 0; err != OK && i < n; i++) {
		if (which(&tasks[i]))
			settle_no_file(&tasks[i], zone_dir, err);
	}
}

/* -- purging ------------------------------------------------------------------ */

/* named's name for the files of a zone's keys: "K<zone>+", where octets that are
 * odd in a file name are %XX. */
static void
print_key_prefix(const struct dname *zone, char *out)
{
	const uint8_t *p = zone->wire;

	*out++ = 'K';
	if (*p == 0)
		*out++ = '.';
	for (; *p != 0; p += 1 + *p) {
		for (uint8_t i = 1; i <= *p; i++) {
			if (isalnum(p[i]) || p[i] == '-' || p[i] == '_')
				*out++ = (char)p[i];
			else
				out += sprintf(out, "%%%02X", p[i]);
		}
		*out++ = '.';
	}
	strcpy(out, "+");
}

static void
unlink_keys(int dir_fd, const struct dname *zone)
{
	char prefix[DNAME_WIRE_MAX * 3 + 4];
	int fd = fcntl(dir_fd, F_DUPFD_CLOEXEC, 0);
	DIR *dir = fd != -1 ? fdopendir(fd) : NULL;
	struct dirent *entry;

	if (dir == NULL) {
		if (fd != -1)
			close(fd);
		return;
	}
	print_key_prefix(zone, prefix);
	rewinddir(dir);
	while ((entry = readdir(dir)) != NULL) {
		if (strncmp(entry->d_name, prefix, strlen(prefix)) == 0)
			(void)!spool_unlink(dir_fd, entry->d_name);
	}
	closedir(dir);
}

static enum err
purge(int dir_fd, const char *path, const struct dname *zone, bool *gone)
{
	static const char *const suffixes[] = {".jnl", ".jbk", ".jnw", ".signed.jnl",
	    ".signed.jbk", ".signed.jnw", ""};
	bool is_signed = false;
	enum err err = files_unlink(dir_fd, path, ".signed", &is_signed);

	for (size_t i = 0; err == OK && i < sizeof(suffixes) / sizeof(suffixes[0]); i++)
		err = files_unlink(dir_fd, path, suffixes[i], gone);
	/* To look for them takes reading the whole directory. */
	if (is_signed)
		unlink_keys(dir_fd, zone);
	*gone |= is_signed;
	return err;
}

void
bind_files_purge(const char *zone_dir, struct bind_task *t)
{
	bool gone = false;
	int dir_fd;
	enum err err = spool_open(zone_dir, &dir_fd);

	if (err == OK) {
		err = purge(dir_fd, t->op->zonefile, &t->op->zone, &gone);
		close(dir_fd);
	}
	if (err == OK)
		op_settle(t->op, gone ? RESULT_OK : RESULT_ALREADY, "%s", "");
	else
		settle_failed(t, zone_dir, t->op->zonefile, err);
}
