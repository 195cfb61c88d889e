/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/backend/bind.h"
#include "agent/backend/spool.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/mem.h"

/*
 * config-dir/nsherd.journal, one line for each fact, the last one counts:
 *
 *     + ZONE MARK          ours, with that mark: a hint for the inventory
 *     - ZONE PROCESS       we deleted it from that named (its boot time)
 *     ! ZONE               neither
 *     = KEY                named once read it from our include file
 *     @ DIGEST PROCESS MS  that named has read the include file of that digest
 *
 * A `-` is a tombstone. named answers a delzone before the deletion is on disk,
 * so after a crash the zone may be back; it is deleted again wherever we see it,
 * until a later process is seen without it, or we add it again. The `+` lines
 * save us from asking named for every zone after a start, where its new-zone
 * database cannot be read; nothing is ever done to a zone on their word alone.
 */

enum { LINE_MAX_HERE = 2048, SMALL = 2000, TOMBS_MAX = 200000 };

const char bind_journal_name[] = "nsherd.journal";

void
bind_lines_init(struct bind_lines *lines)
{
	buf_init(&lines->text, 0);
	lines->sync = false;
}

void
bind_lines_fini(struct bind_lines *lines)
{
	buf_fini(&lines->text);
}

void
bind_lines_added(struct bind_lines *lines, const struct dname *zone, const char *mark)
{
	char name[DNAME_TEXT_MAX];

	buf_printf(&lines->text, "+ %s %s\n", dname_print_plain(zone, name), mark);
}

void
bind_lines_deleted(struct bind_lines *lines, const struct dname *zone,
    const char *process)
{
	char name[DNAME_TEXT_MAX];

	buf_printf(&lines->text, "- %s %s\n", dname_print_plain(zone, name), process);
	lines->sync = true;
}

void
bind_lines_forget(struct bind_lines *lines, const struct dname *zone)
{
	char name[DNAME_TEXT_MAX];

	buf_printf(&lines->text, "! %s\n", dname_print_plain(zone, name));
}

void
bind_lines_key(struct bind_lines *lines, const struct dname *key)
{
	char name[DNAME_TEXT_MAX];

	buf_printf(&lines->text, "= %s\n", dname_print_plain(key, name));
}

void
bind_lines_loaded(struct bind_lines *lines, const char *digest, const char *process,
    int64_t ms)
{
	buf_printf(&lines->text, "@ %s %s %" PRId64 "\n", digest, process, ms);
}

/* -- reading ------------------------------------------------------------------ */

struct reading {
	struct bind *b;
	struct bind_names *marks; /* or NULL */
	size_t n_lines;
};

static void
take_line(struct reading *r, char *line)
{
	char *save = NULL, *kind = strtok_r(line, " ", &save),
	     *first = strtok_r(NULL, " ", &save), *second = strtok_r(NULL, " ", &save),
	     *third = strtok_r(NULL, " ", &save);
	struct bind *b = r->b;
	struct dname zone;

	r->n_lines++;
	if (kind == NULL || kind[1] != '\0' || first == NULL)
		return;
	if (kind[0] == '@' && third != NULL) {
		snprintf(b->loaded_digest, sizeof(b->loaded_digest), "%s", first);
		snprintf(b->loaded_process, sizeof(b->loaded_process), "%s", second);
		b->loaded_ms = strtoll(third, NULL, 10);
		return;
	}
	if (dname_parse(first, &zone) != OK)
		return;
	if (kind[0] == '=')
		bind_names_set(&b->known_keys, &zone, "");
	if (kind[0] != '!' && second == NULL)
		return;
	if (kind[0] == '+' || kind[0] == '-' || kind[0] == '!') {
		bind_names_set(&b->tombs, &zone, kind[0] == '-' ? second : NULL);
		if (r->marks != NULL)
			bind_names_set(r->marks, &zone, kind[0] == '+' ? second : NULL);
	}
}

/* The torn line that a crash may leave at the end is none. */
static void
take_text(struct reading *r, char *text)
{
	char *end;

	for (; (end = strchr(text, '\n')) != NULL; text = end + 1) {
		*end = '\0';
		take_line(r, text);
	}
}

static void
read_file(struct reading *r, int fd)
{
	char line[LINE_MAX_HERE];
	FILE *file = fdopen(fd, "r");

	if (file == NULL) {
		close(fd);
		return;
	}
	while (fgets(line, sizeof(line), file) != NULL) {
		if (strchr(line, '\n') != NULL)
			take_text(r, line);
	}
	fclose(file);
}

/* The file's descriptor, or -1. */
static int
open_journal(struct bind *b, int flags)
{
	int dir_fd, fd = -1;

	if (spool_open(b->conf.config_dir, &dir_fd) != OK)
		return -1;
	fd = openat(dir_fd, bind_journal_name, flags | O_NOFOLLOW | O_CLOEXEC, 0640);
	close(dir_fd);
	return fd;
}

static size_t
read_journal(struct bind *b, struct bind_names *marks)
{
	struct reading r = {.b = b, .marks = marks};
	int fd = open_journal(b, O_RDONLY);

	if (fd != -1)
		read_file(&r, fd);
	else if (errno != ENOENT)
		log_warn("bind", "backend=%s file=%s/%s text=\"%s\"", b->conf.name,
		    b->conf.config_dir, bind_journal_name, mem_errno_text(errno));
	return r.n_lines;
}

void
bind_journal_read(struct bind *b)
{
	if (!b->journal_read)
		read_journal(b, NULL);
	b->journal_read = true;
}

/* -- writing ------------------------------------------------------------------ */

/* All of it, or nothing: half of it might have a deletion, and not what came after. */
static bool
append(struct bind *b, const struct bind_lines *lines)
{
	int fd = open_journal(b, O_RDWR | O_APPEND | O_CREAT);
	struct stat st;
	char last = '\n';
	bool good, there;

	if (fd == -1)
		return false;
	there = fstat(fd, &st) == 0;
	/* A line that was cut short must not swallow the first of ours. */
	good = there && (st.st_size == 0 || pread(fd, &last, 1, st.st_size - 1) == 1) &&
	       (last == '\n' || file_write(fd, "\n", 1)) &&
	       file_write(fd, buf_text(&lines->text), lines->text.size) &&
	       (!lines->sync || fdatasync(fd) == 0);
	if (!good) {
		int saved = errno;

		if (there && ftruncate(fd, st.st_size) == -1)
			log_warn("bind", "backend=%s file=%s/%s text=\"%s\"",
			    b->conf.name, b->conf.config_dir, bind_journal_name,
			    mem_errno_text(errno));
		close(fd);
		errno = saved;
		return false;
	}
	return close(fd) == 0;
}

/* The older half of the tombstones, which named has long had the time to act on. */
static void
trim(struct bind *b, struct bind_lines *lines)
{
	struct bind_names kept;
	struct dname zone;
	const char *text;
	size_t at = 0, i = 0;

	bind_names_init(&kept);
	while (bind_names_next(&b->tombs, &at, &zone, &text)) {
		if (i++ < b->tombs.n / 2)
			bind_lines_forget(lines, &zone);
		else
			bind_names_set(&kept, &zone, text);
	}
	bind_names_fini(&b->tombs);
	b->tombs = kept;
}

static void
take_lines(struct bind *b, struct bind_lines *lines)
{
	struct reading r = {.b = b};

	take_text(&r, (char *)lines->text.data);
	buf_reset(&lines->text);
	lines->sync = false;
}

bool
bind_journal_append(struct bind *b, struct bind_lines *lines)
{
	if (lines->text.size == 0)
		return true;
	if (!append(b, lines)) {
		log_warn("bind",
		    "backend=%s file=%s/%s text=\"%s: if named crashes now, zones may "
		    "come back\"",
		    b->conf.name, b->conf.config_dir, bind_journal_name,
		    mem_errno_text(errno));
		return false;
	}
	take_lines(b, lines);
	return true;
}

void
bind_journal_write(struct bind *b, struct bind_lines *lines)
{
	if (b->tombs.n > TOMBS_MAX)
		trim(b, lines);
	if (!bind_journal_append(b, lines))
		take_lines(b, lines);
}

static void
shrink(struct bind *b, const struct bind_names *marks)
{
	struct bind_lines lines;
	struct dname zone;
	const char *text;
	size_t at = 0;
	int dir_fd;
	enum err err;

	bind_lines_init(&lines);
	while (bind_names_next(marks, &at, &zone, &text))
		bind_lines_added(&lines, &zone, text);
	at = 0;
	while (bind_names_next(&b->tombs, &at, &zone, &text))
		bind_lines_deleted(&lines, &zone, text);
	at = 0;
	while (bind_names_next(&b->known_keys, &at, &zone, &text))
		bind_lines_key(&lines, &zone);
	if (b->loaded_digest[0] != '\0')
		bind_lines_loaded(&lines, b->loaded_digest, b->loaded_process,
		    b->loaded_ms);
	err = spool_open(b->conf.config_dir, &dir_fd);
	if (err == OK) {
		err = spool_replace(dir_fd, bind_journal_name, buf_text(&lines.text),
		    lines.text.size, 0640);
		close(dir_fd);
	}
	if (err != OK)
		log_warn("bind", "backend=%s file=%s/%s text=\"%s\"", b->conf.name,
		    b->conf.config_dir, bind_journal_name, mem_errno_text(errno));
	bind_lines_fini(&lines);
}

void
bind_journal_read_marks(struct bind *b, struct bind_names *marks)
{
	size_t n_lines;

	bind_names_fini(&b->tombs);
	n_lines = read_journal(b, marks);
	b->journal_read = true;
	if (n_lines > 2 * (marks->n + b->tombs.n) + SMALL)
		shrink(b, marks);
}
