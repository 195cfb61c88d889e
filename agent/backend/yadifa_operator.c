/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "agent/backend/proc.h"
#include "agent/backend/yadifa.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/mem.h"

/*
 * What the operator's own files name. It is yadifad that is asked whether it has a
 * zone, in two questions, and for many zones that costs it as much as the zones
 * themselves. Where we know its configuration, a name that does not occur in it, in
 * whatever place, is nobody's: our reload has yadifad read that same text.
 *
 * So this need not understand the text: each word of it counts. What has to be
 * found is every file: `include` and a path, outside of comments. Where anything is
 * odd, or cannot be read, or our own zones.conf is not come across, nothing is
 * known, and yadifad is asked.
 *
 * That leaves ghosts, which are in no file. There are none in a yadifad from whose
 * files nothing was ever removed: they are older than its process, and from zones.conf
 * only we remove.
 */

enum {
	DEPTH_MAX = 8, /* yadifad has 4 */
	SOURCES_MAX = 10000,
	TEXT_MAX = 256 << 20, /* of all files */
	FRESH_MS = 2000,      /* so young a file may change without looking it */
	MARGIN_MS = 20,       /* clock ticks */
};

struct scan {
	struct yadifa *y;
	struct yadifa_operator *o;
	off_t text_size;
	bool found_ours;
	const char *why; /* NULL: so far so good */
	char path[200];  /* where */
};

static bool
give_up(struct scan *s, const char *path, const char *why)
{
	if (s->why == NULL) {
		s->why = why;
		snprintf(s->path, sizeof(s->path), "%.199s", path);
	}
	return false;
}

/* -- words ----------------------------------------------------------------- */

static bool
is_of_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || (c != '\0' && strchr("_.*-", c) != NULL);
}

/* "a..b" is to yadifad the zone "a". */
static void
add_name(struct yadifa_operator *o, const char *text, size_t size)
{
	char name[DNAME_WIRE_MAX];
	struct dname zone;
	char *end;

	if (size >= sizeof(name))
		return;
	memcpy(name, text, size);
	name[size] = '\0';
	end = strstr(name, "..");
	if (end != NULL)
		*end = '\0';
	if (dname_parse(name, &zone) == OK && zone.size > 1)
		yadifa_table_put(&o->names, &zone, NULL);
}

/* All that may be the name of a zone that we could have; parts of paths cannot. */
static void
add_names(struct yadifa_operator *o, const char *text, size_t size)
{
	size_t start, i = 0;

	while (i < size) {
		while (i < size && !is_of_name(text[i]))
			i++;
		start = i;
		while (i < size && is_of_name(text[i]))
			i++;
		if (i > start && (start == 0 || text[start - 1] != '/') &&
		    (i == size || text[i] != '/'))
			add_name(o, text + start, i - start);
	}
}

/* -- files ----------------------------------------------------------------- */

static bool scan_file(struct scan *s, const char *path, unsigned depth);

/* Relative to the file that it stands in. */
static bool
scan_include(struct scan *s, const char *from, const char *text, size_t size,
    unsigned depth)
{
	const char *slash = strrchr(from, '/');
	char *path = text[0] == '/' ? mem_printf("%.*s", (int)size, text)
				    : mem_printf("%.*s%.*s", (int)(slash - from) + 1,
					  from, (int)size, text);
	bool good = scan_file(s, path, depth + 1);

	free(path);
	return good;
}

/* The end of the word that begins at text[i]; size: a quote is not closed. */
static size_t
word_end(const char *text, size_t i, size_t size)
{
	const char *close;

	if (text[i] == '"' || text[i] == '\'') {
		close = memchr(text + i + 1, text[i], size - i - 1);
		return close != NULL ? (size_t)(close - text) : size;
	}
	while (i < size && strchr(" \t\r\n\"'()#", text[i]) == NULL)
		i++;
	return i;
}

static bool
scan_line(struct scan *s, const char *path, const char *text, size_t size,
    unsigned depth)
{
	bool include = false;
	size_t i = 0;

	while (i < size && text[i] != '#') {
		bool quoted = text[i] == '"' || text[i] == '\'';
		size_t start = i + quoted, end;

		if (strchr(" \t\r\n()", text[i]) != NULL) {
			i++;
			continue;
		}
		end = word_end(text, i, size);
		if (quoted && end == size)
			return give_up(s, path, "a quote is not closed");
		if (include && end > start) {
			if (!scan_include(s, path, text + start, end - start, depth))
				return false;
			include = false;
		} else {
			add_names(s->o, text + start, end - start);
			include = end - start == 7 &&
				  strncasecmp(text + start, "include", 7) == 0;
		}
		i = end + quoted;
	}
	return !include || give_up(s, path, "an include names no file");
}

static bool
scan_text(struct scan *s, const char *path, FILE *file, unsigned depth)
{
	char *line = NULL;
	size_t room = 0;
	ssize_t size;
	bool good = true;

	while (good && (size = getline(&line, &room, file)) > 0) {
		if (size >= YADIFA_LINE_MAX || memchr(line, '\0', (size_t)size) != NULL)
			good = give_up(s, path, "a line is none of text");
		else
			good = scan_line(s, path, line, (size_t)size, depth);
	}
	if (line != NULL)
		mem_wipe(line, room);
	free(line);
	if (good && ferror(file) != 0)
		good = give_up(s, path, "it cannot be read");
	return good;
}

static bool
is_ours(const struct yadifa *y, const struct stat *st)
{
	struct stat ours;

	return fstatat(y->config_fd, yadifa_include_name, &ours, AT_SYMLINK_NOFOLLOW) ==
		   0 &&
	       ours.st_dev == st->st_dev && ours.st_ino == st->st_ino;
}

static bool
note_source(struct scan *s, const char *path, const struct stat *st, unsigned depth)
{
	struct yadifa_operator *o = s->o;

	s->text_size += st->st_size;
	if (depth > DEPTH_MAX || o->n_sources >= SOURCES_MAX || s->text_size > TEXT_MAX)
		return give_up(s, path, "that is too much");
	o->sources =
	    mem_grow(o->sources, o->n_sources, &o->sources_room, sizeof(o->sources[0]));
	o->sources[o->n_sources++] = (struct yadifa_source){mem_strdup(path), *st};
	return true;
}

static bool
scan_file(struct scan *s, const char *path, unsigned depth)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	FILE *file;
	bool good;

	if (fd == -1)
		return give_up(s, path, mem_errno_text(errno));
	if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode)) {
		close(fd);
		return give_up(s, path, "it is no plain file");
	}
	if (is_ours(s->y, &st)) {
		s->found_ours = true;
		close(fd);
		return true;
	}
	file = note_source(s, path, &st, depth) ? fdopen(fd, "re") : NULL;
	if (file == NULL) {
		close(fd);
		return give_up(s, path, "it cannot be read");
	}
	good = scan_text(s, path, file, depth);
	fclose(file);
	return good;
}

/* -- is it so still? ------------------------------------------------------- */

static bool
same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static int64_t
time_ms(const struct timespec *t)
{
	return (int64_t)t->tv_sec * 1000 + t->tv_nsec / 1000000;
}

static bool
is_unchanged(const struct yadifa_operator *o)
{
	for (size_t i = 0; i < o->n_sources; i++) {
		const struct stat *was = &o->sources[i].st;
		struct stat st;

		if (stat(o->sources[i].path, &st) != 0 || st.st_dev != was->st_dev ||
		    st.st_ino != was->st_ino || st.st_size != was->st_size ||
		    !same_time(&st.st_mtim, &was->st_mtim) ||
		    !same_time(&st.st_ctim, &was->st_ctim))
			return false;
	}
	return o->n_sources > 0;
}

/* When the last of his files was changed, as far as that can be seen: a file that
 * is renamed into place has its time of that. */
static int64_t
changed_ms(const struct yadifa_operator *o)
{
	int64_t last = 0;

	for (size_t i = 0; i < o->n_sources; i++) {
		if (time_ms(&o->sources[i].st.st_ctim) > last)
			last = time_ms(&o->sources[i].st.st_ctim);
	}
	return last;
}

static void
forget(struct yadifa_operator *o)
{
	for (size_t i = 0; i < o->n_sources; i++)
		free(o->sources[i].path);
	o->n_sources = 0;
	yadifa_table_fini(&o->names);
	yadifa_table_init(&o->names);
}

void
yadifa_operator_init(struct yadifa_operator *o)
{
	yadifa_table_init(&o->names);
}

void
yadifa_operator_fini(struct yadifa_operator *o)
{
	forget(o);
	yadifa_table_fini(&o->names);
	free(o->sources);
}

bool
yadifa_operator_read(struct yadifa *y)
{
	struct yadifa_operator *o = &y->operator;
	struct scan s = {.y = y, .o = o};
	bool known, same;

	if (o->config == NULL)
		return false;
	same = is_unchanged(o);
	if (o->is_settled && same)
		return o->known;
	o->n_changes += o->known && !same;
	forget(o);
	known = scan_file(&s, o->config, 1);
	if (known && !s.found_ours)
		known = give_up(&s, o->config, "it does not include zones.conf");
	if (!known && strcmp(o->complaint, s.why) != 0)
		log_warn("yadifa",
		    "backend=%s file=%s error=\"%s\" text=\"yadifad is asked for each new zone\"",
		    y->conf.name, s.path, s.why);
	snprintf(o->complaint, sizeof(o->complaint), "%s", known ? "" : s.why);
	o->known = known;
	o->is_settled = known && clock_unix_ms() > changed_ms(o) + FRESH_MS;
	return known;
}

/* -- ghosts ---------------------------------------------------------------- */

/* zones.conf, too, is as it was when that process read it. */
static bool
is_virgin(struct yadifa *y, const char *process)
{
	const char *start = strchr(process, ':');
	struct stat st;
	int64_t start_ms;

	if (start == NULL ||
	    fstatat(y->config_fd, yadifa_include_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return false;
	start_ms = proc_start_ms(strtoull(start + 1, NULL, 10)) - MARGIN_MS;
	return time_ms(&st.st_ctim) < start_ms && changed_ms(&y->operator) < start_ms;
}

bool
yadifa_operator_has_no_ghosts(struct yadifa *y)
{
	struct yadifa_operator *o = &y->operator;
	char process[64];

	if (!yadifa_operator_read(y) || yadifa_look(y, process) != YADIFA_ALIVE)
		return false;
	if (strcmp(process, o->process) != 0) {
		snprintf(o->process, sizeof(o->process), "%s", process);
		o->is_virgin = is_virgin(y, process);
		o->n_changes_then = o->n_changes;
	}
	o->is_virgin = o->is_virgin && o->n_changes == o->n_changes_then;
	return o->is_virgin;
}
