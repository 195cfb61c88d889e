/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/backend/bind.h"
#include "agent/backend/spool.h"
#include "lib/log.h"
#include "lib/mem.h"

/*
 * bulk = reconfig: config-dir/nsherd-zones.conf, one zone statement a line, which
 * our include file includes. Many zones at once go there and are loaded by one
 * reconfig, ten times as fast as by addzone; but named answers no query
 * meanwhile, for a time that grows with all the zones it has.
 *
 * Afterwards such a zone is changed by modzone and removed by delzone, which work
 * on it until named reads its files again; the file says the same, and says it
 * first where a zone goes. The file is rewritten as a stream, and of its zones
 * only a hash each is kept.
 */

static const char aside_name[] = ".nsherd-zones.tmp", old_name[] = ".nsherd-zones.old";

/* -- which zones it has ------------------------------------------------------- */

static uint64_t
hash(const struct dname *name)
{
	uint64_t h = UINT64_C(14695981039346656037);

	for (size_t i = 0; i < name->size; i++)
		h = (h ^ name->wire[i]) * UINT64_C(1099511628211);
	return h ^ h >> 31;
}

static int
by_hash(const void *a, const void *b)
{
	uint64_t left, right;

	memcpy(&left, a, sizeof(left));
	memcpy(&right, b, sizeof(right));
	return left < right ? -1 : left > right;
}

/* NULL: there is none, or it cannot be read (errno). */
static FILE *
open_file(struct bind *b, struct stat *st)
{
	int dir_fd, fd = -1;
	FILE *file = NULL;

	if (spool_open(b->conf.config_dir, &dir_fd) == OK) {
		fd = openat(dir_fd, bind_bulk_name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
		close(dir_fd);
	}
	if (fd != -1 && fstat(fd, st) == 0)
		file = fdopen(fd, "r");
	if (fd != -1 && file == NULL)
		close(fd);
	return file;
}

/* The zone of a line, or false. */
static bool
read_line(const char *line, struct bind_zone_text *text, struct dname *zone)
{
	return bind_body_read(line, text) && dname_parse(text->name, zone) == OK;
}

static enum err
unreadable(struct bind *b, struct backend_error *why)
{
	return backend_fail(why, ERR_FULL, "%s/%s: %s", b->conf.config_dir,
	    bind_bulk_name, mem_errno_text(errno));
}

static bool
is_same(const struct bulk_stamp *stamp, const struct stat *st)
{
	return stamp->size == (uint64_t)st->st_size &&
	       stamp->inode == (uint64_t)st->st_ino &&
	       stamp->mtime_ns ==
		   (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
}

static void
read_hashes(struct bind *b, FILE *file)
{
	struct bind_zone_text *text = mem_alloc(sizeof(*text));
	size_t room = 0, line_room = 0;
	char *line = NULL;
	struct dname zone;

	free(b->bulk_zones);
	b->bulk_zones = NULL;
	b->n_bulk_zones = 0;
	while (getline(&line, &line_room, file) > 0) {
		if (!read_line(line, text, &zone))
			continue;
		b->bulk_zones = mem_grow(b->bulk_zones, b->n_bulk_zones, &room,
		    sizeof(b->bulk_zones[0]));
		b->bulk_zones[b->n_bulk_zones++] = hash(&zone);
	}
	if (b->n_bulk_zones > 1)
		qsort(b->bulk_zones, b->n_bulk_zones, sizeof(b->bulk_zones[0]),
		    by_hash);
	free(line);
	free(text);
}

enum err
bind_bulk_find(struct bind *b, struct bind_task *tasks, size_t n,
    struct backend_error *why)
{
	struct stat st;
	FILE *file;

	errno = 0;
	file = open_file(b, &st);
	if (file == NULL && errno != ENOENT)
		return unreadable(b, why);
	if (file == NULL) {
		b->n_bulk_zones = 0;
		memset(&b->bulk_stamp, 0, sizeof(b->bulk_stamp));
		return OK;
	}
	if (!is_same(&b->bulk_stamp, &st)) {
		read_hashes(b, file);
		b->bulk_stamp =
		    (struct bulk_stamp){.mtime_ns =
					    (int64_t)st.st_mtim.tv_sec * 1000000000 +
					    st.st_mtim.tv_nsec,
			.size = (uint64_t)st.st_size,
			.inode = (uint64_t)st.st_ino};
	}
	fclose(file);
	for (size_t i = 0; b->n_bulk_zones > 0 && i < n; i++) {
		uint64_t h = hash(&tasks[i].op->zone);

		tasks[i].in_bulk = bsearch(&h, b->bulk_zones, b->n_bulk_zones,
				       sizeof(h), by_hash) != NULL;
	}
	return OK;
}

void
bind_bulk_marks(struct bind *b, struct bind_names *marks)
{
	struct bind_zone_text *text;
	size_t room = 0;
	char *line = NULL;
	struct dname zone;
	struct stat st;
	FILE *file = open_file(b, &st);

	if (file == NULL)
		return;
	text = mem_alloc(sizeof(*text));
	while (getline(&line, &room, file) > 0) {
		if (read_line(line, text, &zone) &&
		    bind_body_is_ours(text, b->zone_dir))
			bind_names_set(marks, &zone, text->mark);
	}
	free(line);
	free(text);
	fclose(file);
}

bool
bind_bulk_is_used(struct bind *b)
{
	struct stat st;
	FILE *file = open_file(b, &st);

	if (file != NULL)
		fclose(file);
	return file != NULL && st.st_size > 0;
}

/* Returns whether it was not there. */
static bool
make_empty(struct bind *b, const char *name)
{
	int dir_fd;
	enum err err = spool_open(b->conf.config_dir, &dir_fd);

	if (err != OK)
		return false;
	err = spool_create(dir_fd, name, "", 0, 0640);
	close(dir_fd);
	return err == OK;
}

bool
bind_bulk_make(struct bind *b)
{
	return make_empty(b, bind_bulk_name);
}

/* -- writing it --------------------------------------------------------------- */

struct rewrite {
	struct bind *b;
	struct bind_task **tasks; /* lines of these are left out */
	size_t n;
	bool put; /* and written anew, at the end */
	struct bind_names names;
	int dir_fd;
};

static bool
copy_others(struct rewrite *w, FILE *out)
{
	struct bind_zone_text *text;
	size_t room = 0;
	char *line = NULL;
	struct dname zone;
	struct stat st;
	FILE *in;
	bool good = true;

	errno = 0;
	in = open_file(w->b, &st);
	if (in == NULL)
		return errno == ENOENT;
	text = mem_alloc(sizeof(*text));
	while (good && getline(&line, &room, in) > 0) {
		if (read_line(line, text, &zone) &&
		    bind_names_get(&w->names, &zone) == NULL)
			good = fputs(line, out) != EOF;
	}
	good = good && ferror(in) == 0;
	fclose(in);
	free(line);
	free(text);
	return good;
}

static bool
write_lines(struct rewrite *w, FILE *out)
{
	char name[DNAME_TEXT_MAX];

	for (size_t i = 0; w->put && i < w->n; i++) {
		const struct bind_task *t = w->tasks[i];

		if (fprintf(out, "zone \"%s\" %s\n",
			dname_print_plain(&t->op->zone, name), buf_text(&t->body)) < 0)
			return false;
	}
	return true;
}

static bool
write_aside(struct rewrite *w)
{
	struct stat st;
	FILE *out = NULL;
	bool good;
	int fd;

	unlinkat(w->dir_fd, aside_name, 0);
	fd = openat(w->dir_fd, aside_name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
	    0600);
	if (fd != -1)
		out = fdopen(fd, "w");
	if (out == NULL) {
		if (fd != -1)
			close(fd);
		return false;
	}
	/* named reads it by the group of the directory. */
	if (fstat(w->dir_fd, &st) == 0 && fchown(fd, (uid_t)-1, st.st_gid) == -1)
		errno = 0;
	good = copy_others(w, out) && write_lines(w, out) && fflush(out) == 0 &&
	       fchmod(fd, 0640) == 0 && fsync(fd) == 0;
	return fclose(out) == 0 && good;
}

/* Of a rewrite that kept it: forget the old file, or put it back. */
static void
finish(struct bind *b, bool put_back)
{
	int dir_fd;

	if (spool_open(b->conf.config_dir, &dir_fd) != OK)
		return;
	if (!put_back)
		unlinkat(dir_fd, old_name, 0);
	else if (renameat(dir_fd, old_name, dir_fd, bind_bulk_name) == -1 &&
		 errno == ENOENT)
		/* There was none. An empty one is as good, and may be included. */
		(void)!spool_replace(dir_fd, bind_bulk_name, "", 0, 0640);
	close(dir_fd);
}

/* keep: the file as it was stays under another name, until finish. An error: it is as
 * it was. */
static enum err
rewrite(struct bind *b, struct bind_task **tasks, size_t n, bool put, bool keep,
    struct backend_error *why)
{
	struct rewrite w = {.b = b, .tasks = tasks, .n = n, .put = put};
	enum err err = spool_open(b->conf.config_dir, &w.dir_fd);
	bool good, renamed;

	if (err != OK)
		return unreadable(b, why);
	bind_names_init(&w.names);
	for (size_t i = 0; i < n; i++)
		bind_names_set(&w.names, &tasks[i]->op->zone, "");
	unlinkat(w.dir_fd, old_name, 0);
	good = write_aside(&w);
	if (good && keep)
		good = linkat(w.dir_fd, bind_bulk_name, w.dir_fd, old_name, 0) == 0 ||
		       errno == ENOENT;
	renamed = good && renameat(w.dir_fd, aside_name, w.dir_fd, bind_bulk_name) == 0;
	good = renamed && fsync(w.dir_fd) == 0;
	if (!good) {
		err = unreadable(b, why);
		unlinkat(w.dir_fd, aside_name, 0);
	}
	if (!good && renamed && keep)
		finish(b, true);
	bind_names_fini(&w.names);
	close(w.dir_fd);
	return err;
}

enum err
bind_bulk_drop(struct bind *b, struct bind_task **tasks, size_t n,
    struct backend_error *why)
{
	return rewrite(b, tasks, n, false, false, why);
}

enum err
bind_bulk_replace(struct bind *b, struct bind_task **tasks, size_t n,
    struct backend_error *why)
{
	return rewrite(b, tasks, n, true, false, why);
}

/* -- adding ------------------------------------------------------------------- */

/* Those that are in named already, and files that are not there. */
static enum err
leave_out_present(struct bind *b, struct bind_task *tasks, size_t n,
    struct backend_error *why)
{
	struct bind_names names;
	enum err err;

	bind_names_init(&names);
	for (size_t i = 0; i < n; i++) {
		if (tasks[i].bulk)
			bind_names_set(&names, &tasks[i].op->zone, "");
	}
	err = bind_mark_listed(b, &names, why);
	for (size_t i = 0; i < n; i++) {
		struct bind_task *t = &tasks[i];

		if (t->bulk && bind_names_get(&names, &t->op->zone)[0] != '\0')
			t->bulk = false;
		if (!t->bulk || t->op->settings->role != ROLE_PRIMARY ||
		    access(t->file, F_OK) == 0)
			continue;
		t->bulk = false;
		op_settle(t->op, RESULT_REJECTED, "%.150s: %s", t->file,
		    mem_errno_text(errno));
	}
	bind_names_fini(&names);
	return err;
}

/* Our include file includes the bulk file, and named reads both. */
static enum err
load(struct bind *b, bool *loaded, struct backend_error *why)
{
	struct bind_include inc;
	enum err err;

	*loaded = false;
	bind_include_init(&inc);
	err = bind_read_include(b, &inc, why);
	if (err != OK) {
		err = OK;
	} else if (inc.bulk) {
		err = bind_tell_reconfig(b, loaded, why);
	} else {
		inc.bulk = true;
		err = bind_load_include(b, &inc, true, loaded, why);
	}
	bind_include_fini(&inc);
	return err;
}

/*
 * named-checkconf takes a fifth as long for zones as named itself, which checks them
 * in the same way before it takes any. So it sees the configuration as it is, and of
 * each kind of zones one, once. Should named dislike another for its name, it stays
 * as it was, and so does the file.
 */
static enum err
write_and_load(struct bind *b, struct bind_task **list, size_t n, bool *written,
    bool *loaded, struct backend_error *why)
{
	bool may;
	enum err err;

	(void)make_empty(b, bind_include_name);
	err = bind_may_reconfig(b, NULL, true, &may, why);
	*written = *loaded = false;
	if (err == OK && may)
		err = bind_try_bodies(b, list, n, why);
	if (err != OK || !may)
		return err == ERR_INVALID ? OK : err;
	b->rndc.sent = false;
	*written = rewrite(b, list, n, true, true, why) == OK;
	return *written ? load(b, loaded, why) : OK;
}

static enum err
add_all(struct bind *b, struct bind_task **list, size_t n, struct backend_error *why)
{
	bool written, loaded;
	enum err err = write_and_load(b, list, n, &written, &loaded, why);

	for (size_t i = 0; i < n; i++) {
		if (loaded)
			bind_settle_added(list[i], RESULT_OK);
		else if (written && err != OK && b->rndc.sent)
			op_settle(list[i]->op, RESULT_UNKNOWN, "%.190s", why->text);
		list[i]->bulk = loaded;
		list[i]->in_bulk |= loaded;
	}
	/* What named may have read must stay. */
	if (written)
		finish(b, !loaded && (err == OK || !b->rndc.sent));
	if (err == OK && !loaded)
		log_warn("bind", "backend=%s text=\"one by one, for: %s\"",
		    b->conf.name, why->text);
	return err;
}

enum err
bind_bulk_add(struct bind *b, struct bind_task *tasks, size_t n,
    struct backend_error *why)
{
	struct bind_task **list = mem_alloc((n + 1) * sizeof(list[0]));
	size_t n_list = 0;
	enum err err = leave_out_present(b, tasks, n, why);

	for (size_t i = 0; err == OK && i < n; i++) {
		if (tasks[i].bulk)
			list[n_list++] = &tasks[i];
	}
	if (n_list > 0)
		err = add_all(b, list, n_list, why);
	free(list);
	return err;
}
