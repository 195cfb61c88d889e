/* SPDX-License-Identifier: BSD-2-Clause */
#include "ctl/source.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/say.h"
#include "lib/mem.h"

/* -- reading ---------------------------------------------------------------- */

static enum err
fail_errno(const char *path)
{
	enum err e = errno == ENOENT ? ERR_NOTFOUND : ERR_IO;

	say_error("%s: %s", path, mem_errno_text(errno));
	return e;
}

static enum err
read_all(int fd, const char *path, struct buf *text)
{
	char piece[4096];
	struct stat st;
	ssize_t n;

	if (fstat(fd, &st) == -1)
		return fail_errno(path);
	if (!S_ISREG(st.st_mode)) {
		say_error("%s: not a regular file", path);
		return ERR_IO;
	}
	while ((n = read(fd, piece, sizeof(piece))) != 0) {
		if (n < 0 && errno != EINTR)
			return fail_errno(path);
		buf_put(text, piece, n > 0 ? (size_t)n : 0);
	}
	mem_wipe(piece, sizeof(piece));
	if (text->err || strlen(buf_text(text)) != text->size) {
		say_error("%s: %s", path, text->err ? "too large" : "not a text");
		return ERR_RANGE;
	}
	return OK;
}

enum err
sources_read(struct sources *all, const char *path, struct source **source)
{
	char real[PATH_MAX];

	if (all->n >= SOURCES_MAX || all->depth > SOURCE_DEPTH_MAX) {
		say_error("%s: too many files include one another", path);
		return ERR_RANGE;
	}
	if (realpath(path, real) == NULL)
		return fail_errno(path);
	int fd = open(real, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd == -1)
		return fail_errno(path);
	struct source *s = mem_zalloc(sizeof(*s));
	all->all = mem_grow(all->all, all->n, &all->room, sizeof(struct source *));
	all->all[all->n++] = s;
	s->path = mem_strdup(real);
	buf_init(&s->text, SOURCE_MAX);
	enum err e = read_all(fd, real, &s->text);
	close(fd);
	*source = s;
	return e;
}

static void
free_source(struct source *s)
{
	for (size_t i = 0; i < s->n_patches; i++)
		free(s->patches[i].text);
	free(s->patches);
	if (s->text.data)
		mem_wipe(s->text.data, s->text.size);
	buf_fini(&s->text);
	free(s->path);
	free(s);
}

void
sources_fini(struct sources *all)
{
	for (size_t i = 0; i < all->n; i++)
		free_source(all->all[i]);
	for (size_t i = 0; i < all->n_included; i++)
		free(all->included[i]);
	free(all->included);
	free(all->all);
	memset(all, 0, sizeof(*all));
}

/* -- patches ---------------------------------------------------------------- */

/* In order of place; at one place in the order of calls. */
static struct source_patch *
patch_new(struct source *s, size_t from)
{
	size_t at = s->n_patches;

	s->patches = mem_grow(s->patches, s->n_patches, &s->room, sizeof(*s->patches));
	while (at > 0 && s->patches[at - 1].from > from)
		at--;
	memmove(&s->patches[at + 1], &s->patches[at],
	    (s->n_patches - at) * sizeof(*s->patches));
	s->n_patches++;
	s->patches[at] = (struct source_patch){.from = from, .to = from};
	return &s->patches[at];
}

void
source_insert(struct source *s, size_t at, const char *text)
{
	patch_new(s, at)->text = mem_strdup(text);
}

void
source_replace(struct source *s, size_t from, size_t to, const char *text)
{
	struct source_patch *p = patch_new(s, from);

	p->to = to;
	p->text = mem_strdup(text);
}

void
source_append(struct source *s, const char *text)
{
	bool first = s->n_patches == 0 ||
		     s->patches[s->n_patches - 1].from < s->text.size ||
		     s->patches[s->n_patches - 1].text == NULL;
	bool cut = first && s->text.size > 0 && s->text.data[s->text.size - 1] != '\n';

	if (cut)
		source_insert(s, s->text.size, "\n");
	source_insert(s, s->text.size, text);
}

bool
source_is_edited(const struct source *s)
{
	for (size_t i = 0; i < s->n_patches; i++)
		if (s->patches[i].text != NULL)
			return true;
	return false;
}

/* -- including -------------------------------------------------------------- */

enum err
sources_include(struct sources *all, struct source *source, const char *path,
    size_t from, size_t to, source_read_fn *read, void *arg)
{
	enum err e = OK;
	glob_t found;

	all->included = mem_grow(all->included, all->n_included, &all->included_room,
	    sizeof(char *));
	all->included[all->n_included++] = mem_strdup(path);
	if (glob(path, 0, NULL, &found) != 0)
		return OK;
	size_t first = all->n;
	all->depth++;
	/* First the files themselves: what these include stands behind them. */
	for (size_t i = 0; !e && i < found.gl_pathc; i++) {
		struct source *child;
		e = sources_read(all, found.gl_pathv[i], &child);
	}
	size_t n = e ? 0 : found.gl_pathc;
	for (size_t i = 0; !e && i < n; i++)
		e = read(arg, all->all[first + i]);
	all->depth--;
	globfree(&found);
	struct source_patch *p = patch_new(source, from);
	p->to = to;
	p->first = first;
	p->n = n;
	return e;
}

bool
sources_includes(const struct sources *all, const char *path)
{
	for (size_t i = 0; i < all->n_included; i++)
		if (strcmp(all->included[i], path) == 0)
			return true;
	return false;
}

/* -- printing --------------------------------------------------------------- */

/* all: NULL for the one file alone. */
static void
print(const struct sources *all, const struct source *s, struct buf *out)
{
	size_t at = 0;

	for (size_t i = 0; i < s->n_patches; i++) {
		const struct source_patch *p = &s->patches[i];
		if (p->text == NULL && all == NULL)
			continue;
		buf_put(out, s->text.data + at, p->from - at);
		at = p->to;
		if (p->text != NULL)
			buf_puts(out, p->text);
		for (size_t j = 0; p->text == NULL && j < p->n; j++) {
			print(all, all->all[p->first + j], out);
			buf_puts(out, "\n");
		}
	}
	buf_put(out, s->text.data + at, s->text.size - at);
}

void
source_print(const struct source *s, struct buf *out)
{
	print(NULL, s, out);
}

void
source_print_flat(const struct sources *all, const struct source *s, struct buf *out)
{
	print(all, s, out);
}

size_t
source_line(const struct source *s, size_t at)
{
	size_t line = 1;

	for (size_t i = 0; i < at && i < s->text.size; i++)
		line += s->text.data[i] == '\n';
	return line;
}
