/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/say.h"
#include "ctl/setup.h"
#include "lib/mem.h"

enum { DIR_MODE = 02770, FILE_MODE = 0640, BACKUPS_MAX = 100 };

/* -- what is there ---------------------------------------------------------- */

static struct setup_step *
add(struct setup *s, enum setup_kind kind, const char *path, bool is_there)
{
	s->steps = mem_grow(s->steps, s->n_steps, &s->steps_room, sizeof(*s->steps));
	struct setup_step *step = &s->steps[s->n_steps++];
	*step = (struct setup_step){.kind = kind,
	    .state = is_there ? SETUP_THERE : SETUP_MISSING,
	    .path = mem_strdup(path)};
	return step;
}

/* What is there with other rights stays so: it may be the operator's. */
void
setup_dir(struct setup *s, const char *path)
{
	struct stat st;
	bool is_there = stat(path, &st) == 0;

	for (size_t i = 0; i < s->n_steps; i++)
		if (strcmp(s->steps[i].path, path) == 0)
			return;
	struct setup_step *step = add(s, SETUP_DIR, path, is_there);
	step->what = mem_printf("%s:%s %o", s->user, s->group, DIR_MODE);
	if (!is_there)
		return;
	if (!S_ISDIR(st.st_mode)) {
		setup_todo(s, "%s is no directory", path);
		return;
	}
	bool owned = !s->has_user || st.st_uid == s->uid;
	bool grouped = !s->has_group || st.st_gid == s->gid;
	if (owned && grouped && (st.st_mode & 07777) == DIR_MODE)
		return;
	setup_todo(s, "chown %s:%s %s && chmod %o %s", s->user, s->group, path,
	    DIR_MODE, path);
}

void
setup_rights(struct setup *s, const char *path)
{
	struct stat st;

	if (stat(path, &st) == -1) {
		setup_todo(s, "no directory %s: the server's configuration names it",
		    path);
		return;
	}
	bool is_there = (st.st_mode & 0070) == 0070;
	struct setup_step *step = add(s, SETUP_RIGHTS, path, is_there);
	step->what = mem_printf("%s may write", s->group);
	if (s->has_group && st.st_gid != s->gid)
		setup_todo(s, "chgrp %s %s", s->group, path);
}

void
setup_file(struct setup *s, const char *path, const char *what, struct buf *text)
{
	bool is_there = access(path, F_OK) == 0;
	struct setup_step *step = add(s, SETUP_FILE, path, is_there);

	step->what = mem_strdup(what);
	step->text = *text;
	buf_init(text, 0);
}

void
setup_make(struct setup *s, const char *path, bool is_there, const char *what,
    enum err (*make)(struct setup *s, const struct setup_step *step))
{
	struct setup_step *step = add(s, SETUP_MAKE, path, is_there);

	step->what = mem_strdup(what);
	step->make = make;
}

static size_t
count_lines(const struct source *source)
{
	size_t n = 0;

	for (size_t i = 0; i < source->n_patches; i++)
		for (const char *p = source->patches[i].text; p && *p; p++)
			n += *p == '\n';
	return n;
}

void
setup_edits(struct setup *s)
{
	char lines[SAY_COUNT_MAX];
	bool any = false;

	for (size_t i = 0; i < s->sources.n; i++) {
		struct source *source = s->sources.all[i];
		if (!source_is_edited(source))
			continue;
		size_t n = count_lines(source);
		struct setup_step *step = add(s, SETUP_EDIT, source->path, false);
		step->source = source;
		step->what =
		    mem_printf("%s to be added", say_count(n ? n : 1, "line", lines));
		any = true;
	}
	if (!any)
		add(s, SETUP_EDIT, s->config, true)->what = mem_strdup("-");
}

size_t
setup_missing(const struct setup *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n_steps; i++)
		n += s->steps[i].state == SETUP_MISSING;
	return n;
}

/* -- making it -------------------------------------------------------------- */

static enum err
fail(const char *what, const char *path)
{
	say_error("%s %s: %s", what, path, mem_errno_text(errno));
	return ERR_IO;
}

/* mkdir heeds the umask, and a change of the group clears bits: so mode comes last. */
static enum err
make_dir(const struct setup *s, const char *path)
{
	if (mkdir(path, 0700) == -1)
		return fail("making", path);
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1)
		return fail("opening", path);
	enum err e = OK;
	if (fchown(fd, s->uid, s->gid) == -1)
		e = fail("changing the owner of", path);
	else if (fchmod(fd, DIR_MODE) == -1)
		e = fail("changing the mode of", path);
	close(fd);
	if (e)
		rmdir(path);
	return e;
}

static enum err
make_rights(const char *path)
{
	struct stat st;

	if (stat(path, &st) == -1 || chmod(path, (st.st_mode & 07777) | 0070) == -1)
		return fail("changing the mode of", path);
	return OK;
}

static void
sync_dir_of(const char *path)
{
	char *copy = mem_strdup(path);
	int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd != -1) {
		fsync(fd);
		close(fd);
	}
	free(copy);
}

static enum err
write_all(int fd, const char *path, const struct buf *text)
{
	size_t done = 0;

	while (done < text->size) {
		ssize_t n = write(fd, text->data + done, text->size - done);
		if (n == -1 && errno != EINTR)
			return fail("writing", path);
		done += n > 0 ? (size_t)n : 0;
	}
	return fsync(fd) == -1 ? fail("writing", path) : OK;
}

/* A file beside path, whole and on disk, of that owner and mode. Its name is to be
 * freed. */
static enum err
write_beside(const char *path, const struct buf *text, uid_t uid, gid_t gid,
    mode_t mode, char **name)
{
	enum err e = OK;

	*name = mem_printf("%s.XXXXXX", path);
	int fd = mkostemp(*name, O_CLOEXEC);
	if (fd == -1) {
		e = fail("making a file beside", path);
		free(*name);
		*name = NULL;
		return e;
	}
	if (fchown(fd, uid, gid) == -1)
		e = fail("changing the owner of", *name);
	else if (fchmod(fd, mode) == -1)
		e = fail("changing the mode of", *name);
	if (!e)
		e = write_all(fd, *name, text);
	if (close(fd) == -1 && !e)
		e = fail("writing", *name);
	if (!e)
		return OK;
	unlink(*name);
	free(*name);
	*name = NULL;
	return e;
}

/* link() and not rename(): one that came meanwhile is not overwritten. */
static enum err
make_file(const struct setup *s, const struct setup_step *step)
{
	char *name;
	enum err e =
	    write_beside(step->path, &step->text, s->uid, s->gid, FILE_MODE, &name);

	if (e)
		return e;
	if (link(name, step->path) == -1)
		e = fail("making", step->path);
	unlink(name);
	free(name);
	sync_dir_of(step->path);
	return e;
}

/* The text as it was, under the first name that is free. */
static enum err
keep(const struct source *source, const struct stat *st)
{
	char *name;
	int n = 1, rc = -1;
	enum err e = write_beside(source->path, &source->text, st->st_uid, st->st_gid,
	    st->st_mode & 07777, &name);

	if (e)
		return e;
	for (; rc == -1 && n < BACKUPS_MAX; n++) {
		char *to = n == 1 ? mem_printf("%s.before-nsherd", source->path)
				  : mem_printf("%s.before-nsherd.%d", source->path, n);
		rc = link(name, to);
		bool taken = rc == -1 && errno == EEXIST;
		free(to);
		if (rc == -1 && !taken)
			break;
	}
	if (rc == -1)
		e = fail("making a copy of", source->path);
	unlink(name);
	free(name);
	return e;
}

/* True: the file is still the one that was read. */
static bool
is_as_read(const struct source *source)
{
	struct sources again = {0};
	struct source *now;
	bool same = !sources_read(&again, source->path, &now) &&
		    now->text.size == source->text.size &&
		    memcmp(now->text.data, source->text.data, now->text.size) == 0;

	sources_fini(&again);
	return same;
}

static enum err
make_edit(const struct source *source)
{
	struct buf text;
	struct stat st;
	char *name;

	if (!is_as_read(source)) {
		say_error("%s: changed meanwhile by somebody else; nothing is written",
		    source->path);
		return ERR_BUSY;
	}
	if (stat(source->path, &st) == -1)
		return fail("looking at", source->path);
	enum err e = keep(source, &st);
	if (e)
		return e;
	buf_init(&text, 2 * SOURCE_MAX);
	source_print(source, &text);
	e = write_beside(source->path, &text, st.st_uid, st.st_gid, st.st_mode & 07777,
	    &name);
	if (text.data)
		mem_wipe(text.data, text.size);
	buf_fini(&text);
	if (e)
		return e;
	if (rename(name, source->path) == -1) {
		e = fail("replacing", source->path);
		unlink(name);
	}
	free(name);
	sync_dir_of(source->path);
	return e;
}

/* Beside it, so that relative paths mean the same; nobody else reads it. */
enum err
setup_check_copy(struct setup *s, const struct source *source, bool flat,
    const char *tail, enum err (*check)(const char *path))
{
	struct buf text;
	char *name;

	buf_init(&text, 0);
	if (flat)
		source_print_flat(&s->sources, source, &text);
	else
		source_print(source, &text);
	buf_puts(&text, tail != NULL ? tail : "");
	enum err e =
	    write_beside(source->path, &text, geteuid(), getegid(), 0600, &name);
	if (text.data)
		mem_wipe(text.data, text.size);
	buf_fini(&text);
	if (e)
		return e;
	e = check(name);
	if (e)
		say_error("%s is as it was: the server would not take it with what "
			  "would be added",
		    source->path);
	unlink(name);
	free(name);
	return e;
}

static enum err
make(struct setup *s, struct setup_step *step)
{
	enum err e = OK;

	switch (step->kind) {
	case SETUP_DIR: e = make_dir(s, step->path); break;
	case SETUP_RIGHTS: e = make_rights(step->path); break;
	case SETUP_FILE: e = make_file(s, step); break;
	case SETUP_MAKE: e = step->make(s, step); break;
	case SETUP_EDIT: e = make_edit(step->source); break;
	}
	if (!e)
		step->state = SETUP_MADE;
	return e;
}

static enum err
make_all(struct setup *s, bool edits)
{
	enum err e = OK;

	for (size_t i = 0; !e && i < s->n_steps; i++)
		if (s->steps[i].state == SETUP_MISSING &&
		    (s->steps[i].kind == SETUP_EDIT) == edits)
			e = make(s, &s->steps[i]);
	return e;
}

enum err
setup_make_files(struct setup *s)
{
	return make_all(s, false);
}

enum err
setup_make_edits(struct setup *s)
{
	return make_all(s, true);
}

void
setup_steps_fini(struct setup *s)
{
	for (size_t i = 0; i < s->n_steps; i++) {
		struct setup_step *step = &s->steps[i];
		if (step->text.data)
			mem_wipe(step->text.data, step->text.size);
		buf_fini(&step->text);
		free(step->path);
		free(step->what);
	}
	free(s->steps);
}
