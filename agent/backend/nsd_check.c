/* SPDX-License-Identifier: BSD-2-Clause */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/backend/nsd.h"
#include "lib/mem.h"

/*
 * nsd-checkconf: run before every reconfig, and asked where nsd.conf puts
 * things. With -v it prints what it understood, which tells the names of all
 * patterns that a reconfig would leave.
 */

extern char **environ;

enum { TOOL_LINE_MAX = 4096, FAULTS_MAX = 64, CONFIG_FILES_MAX = 200 };

/* One end of the tool's output, cut into lines. */
struct stream {
	int fd;
	char line[TOOL_LINE_MAX];
	size_t size;
	void (*fn)(void *arg, const char *line);
	void *arg;
};

/* -- running it ------------------------------------------------------------ */

static void
cut_lines(struct stream *s, const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (text[i] != '\n') {
			/* The rest of a long line is of no interest. */
			if (s->size < sizeof(s->line) - 1)
				s->line[s->size++] = text[i];
			continue;
		}
		s->line[s->size] = '\0';
		s->size = 0;
		s->fn(s->arg, s->line);
	}
}

static void
read_stream(struct stream *s)
{
	char chunk[16384];
	ssize_t n = read(s->fd, chunk, sizeof(chunk));

	if (n > 0) {
		cut_lines(s, chunk, (size_t)n);
	} else if (n == 0 || (errno != EINTR && errno != EAGAIN)) {
		close(s->fd);
		s->fd = -1;
	}
}

/* Both streams to their ends. */
static enum err
read_streams(struct nsd *nsd, struct stream *s, struct backend_error *why)
{
	while (s[0].fd != -1 || s[1].fd != -1) {
		struct pollfd fds[3] = {{.fd = s[0].fd, .events = POLLIN},
		    {.fd = s[1].fd, .events = POLLIN},
		    {.fd = nsd->conf.cancel_fd, .events = POLLIN}};
		int n = poll(fds, 3, (int)nsd->chan.chan.timeout_ms);

		if (n == -1 && errno != EINTR)
			return backend_fail(why, ERR_IO, "poll: %s",
			    mem_errno_text(errno));
		if (n == 0)
			return backend_fail(why, ERR_TIMEOUT, "%s does not end",
			    nsd->checkconf);
		if (n > 0 && fds[2].revents != 0)
			return backend_fail(why, ERR_CANCELED, "canceled");
		for (int i = 0; n > 0 && i < 2; i++) {
			if (fds[i].revents != 0)
				read_stream(&s[i]);
		}
	}
	return OK;
}

static enum err
spawn(const char *const argv[], struct stream *s, pid_t *pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none;
	int out[2], errors[2], rc;
	char **args = mem_zalloc(16 * sizeof(args[0]));
	size_t n = 0;

	if (pipe2(out, O_CLOEXEC) == -1) {
		free(args);
		return ERR_IO;
	}
	if (pipe2(errors, O_CLOEXEC) == -1) {
		close(out[0]);
		close(out[1]);
		free(args);
		return ERR_IO;
	}
	for (; argv[n] != NULL; n++)
		args[n] = mem_strdup(argv[n]);
	sigemptyset(&none);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, out[1], 1);
	posix_spawn_file_actions_adddup2(&actions, errors[1], 2);
	rc = posix_spawnp(pid, argv[0], &actions, &attr, args, environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attr);
	close(out[1]);
	close(errors[1]);
	nsd_free_texts(args, n);
	s[0].fd = out[0];
	s[1].fd = errors[0];
	errno = rc;
	return rc == 0 ? OK : ERR_IO;
}

/* *good: it ended with status 0. */
static enum err
run(struct nsd *nsd, const char *const argv[], struct stream *s, bool *good,
    struct backend_error *why)
{
	pid_t pid;
	int status = 0;
	enum err err;

	s[0].fd = s[1].fd = -1;
	err = spawn(argv, s, &pid);
	if (err != OK) {
		backend_fail(why, err, "%s: %s", argv[0], mem_errno_text(errno));
	} else {
		err = read_streams(nsd, s, why);
		if (err != OK)
			kill(pid, SIGKILL);
		while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
			;
		*good = WIFEXITED(status) && WEXITSTATUS(status) == 0;
	}
	for (int i = 0; i < 2; i++) {
		if (s[i].fd != -1)
			close(s[i].fd);
	}
	return err;
}

/* -- what it says of a configuration --------------------------------------- */

struct reading {
	struct nsd_verdict *verdict;
	const char *include;
	size_t room;
	bool in_pattern;
};

static void
take_config(void *arg, const char *line)
{
	struct reading *r = arg;
	struct nsd_verdict *v = r->verdict;
	size_t size = strlen(line);

	if (line[0] != '\t') {
		r->in_pattern = strcmp(line, "pattern:") == 0;
		return;
	}
	if (!r->in_pattern || strncmp(line, "\tname: \"", 8) != 0 || size < 10)
		return;
	v->patterns =
	    mem_grow(v->patterns, v->n_patterns, &r->room, sizeof(v->patterns[0]));
	v->patterns[v->n_patterns] = mem_strdup(line + 8);
	v->patterns[v->n_patterns++][size - 9] = '\0';
	r->in_pattern = false;
}

/* `...: error: key K in pattern P could not be found`. It comes at the end of all,
 * so the place it gives is of no use. */
static bool
find_keyless(const char *line, char name[static NSD_NATIVE_MAX])
{
	static const char in[] = " in pattern ", end[] = " could not be found";
	const char *at = strstr(line, ": error: key ");
	size_t size;

	at = at != NULL ? strstr(at, in) : NULL;
	if (at == NULL)
		return false;
	at += sizeof(in) - 1;
	size = strcspn(at, " ");
	if (size >= NSD_NATIVE_MAX || strcmp(at + size, end) != 0)
		return false;
	memcpy(name, at, size);
	name[size] = '\0';
	return true;
}

static void
take_fault(void *arg, const char *line)
{
	struct reading *r = arg;
	struct nsd_verdict *v = r->verdict;
	size_t size = strlen(r->include);
	struct nsd_fault fault = {.line = 0};

	if (v->text[0] == '\0')
		snprintf(v->text, sizeof(v->text), "%s", line);
	if (v->n_faults >= FAULTS_MAX)
		return;
	if (!find_keyless(line, fault.name)) {
		unsigned long number = 0;

		if (strncmp(line, r->include, size) == 0 && line[size] == ':')
			number = strtoul(line + size + 1, NULL, 10);
		if (number == 0 || number > UINT32_MAX)
			return;
		fault.line = (unsigned)number;
	}
	v->faults = mem_realloc(v->faults, (v->n_faults + 1) * sizeof(v->faults[0]));
	v->faults[v->n_faults++] = fault;
}

static int
by_text(const void *a, const void *b)
{
	const char *const *left = a, *const *right = b;

	return strcmp(*left, *right);
}

enum err
nsd_check_config(struct nsd *nsd, const char *config, const char *include,
    struct nsd_verdict *verdict, struct backend_error *why)
{
	const char *const argv[] = {nsd->checkconf, "-v", config, NULL};
	struct reading r = {.verdict = verdict, .include = include};
	struct stream s[2] = {{.fn = take_config, .arg = &r},
	    {.fn = take_fault, .arg = &r}};
	enum err err;

	memset(verdict, 0, sizeof(*verdict));
	err = run(nsd, argv, s, &verdict->good, why);
	if (err != OK) {
		nsd_verdict_fini(verdict);
		return err;
	}
	if (verdict->n_patterns > 1)
		qsort(verdict->patterns, verdict->n_patterns,
		    sizeof(verdict->patterns[0]), by_text);
	if (!verdict->good && verdict->text[0] == '\0')
		snprintf(verdict->text, sizeof(verdict->text), "%s failed",
		    nsd->checkconf);
	return OK;
}

void
nsd_verdict_fini(struct nsd_verdict *verdict)
{
	nsd_free_texts(verdict->patterns, verdict->n_patterns);
	free(verdict->faults);
	memset(verdict, 0, sizeof(*verdict));
}

static void
take_value(void *arg, const char *line)
{
	char **value = arg;

	if (*value == NULL)
		*value = mem_strdup(line);
}

static void
take_text(void *arg, const char *line)
{
	struct backend_error *why = arg;

	if (why->text[0] == '\0')
		snprintf(why->text, sizeof(why->text), "%s", line);
}

enum err
nsd_check_value(struct nsd *nsd, const char *name, char **value,
    struct backend_error *why)
{
	const char *const argv[] = {nsd->checkconf, "-o", name, nsd->config, NULL};
	struct backend_error text = {""};
	char *line = NULL;
	struct stream s[2] = {{.fn = take_value, .arg = &line},
	    {.fn = take_text, .arg = &text}};
	bool good = false;
	enum err err = run(nsd, argv, s, &good, why);

	if (err == OK && !good)
		err = backend_fail(why, ERR_INVALID, "%s", text.text);
	if (err == OK)
		*value = line != NULL ? line : mem_strdup("");
	else
		free(line);
	return err;
}

/* -- the operator's files -------------------------------------------------- */

struct walk {
	const char *skip;
	int64_t newer_than_ms;
	unsigned n_files;
	char *found;
};

static void walk_file(struct walk *w, const char *path);

static bool
same_file(const char *a, const char *b)
{
	struct stat x, y;

	return strcmp(a, b) == 0 || (stat(a, &x) == 0 && stat(b, &y) == 0 &&
					x.st_dev == y.st_dev && x.st_ino == y.st_ino);
}

/* `include: "PATTERN"`, quoted or not; relative paths are seen from nsd.conf. */
static void
walk_include(struct walk *w, const char *from, char *text)
{
	char *pattern;
	glob_t found;
	size_t size;

	text += strspn(text, " \t\"");
	size = strcspn(text, "\"#\r\n");
	while (size > 0 && isspace((unsigned char)text[size - 1]))
		size--;
	text[size] = '\0';
	if (size == 0)
		return;
	if (text[0] == '/') {
		pattern = mem_strdup(text);
	} else {
		const char *slash = strrchr(from, '/');

		pattern = mem_printf("%.*s/%s", slash != NULL ? (int)(slash - from) : 1,
		    slash != NULL ? from : ".", text);
	}
	if (glob(pattern, 0, NULL, &found) == 0) {
		for (size_t i = 0; i < found.gl_pathc && w->found == NULL; i++)
			walk_file(w, found.gl_pathv[i]);
		globfree(&found);
	}
	free(pattern);
}

static void
walk_file(struct walk *w, const char *path)
{
	char line[4096];
	struct stat st;
	FILE *file;

	/* A file that includes itself is NSD's to refuse; we only stop. */
	if (++w->n_files > CONFIG_FILES_MAX || same_file(path, w->skip) ||
	    stat(path, &st) == -1 || !S_ISREG(st.st_mode))
		return;
	if ((int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000 >
	    w->newer_than_ms) {
		w->found = mem_strdup(path);
		return;
	}
	file = fopen(path, "re");
	if (file == NULL)
		return;
	while (w->found == NULL && fgets(line, sizeof(line), file) != NULL) {
		char *word = line + strspn(line, " \t");

		if (strncmp(word, "include:", 8) == 0)
			walk_include(w, path, word + 8);
	}
	fclose(file);
}

char *
nsd_newer_config(const char *config, const char *include, int64_t ms)
{
	struct walk w = {.skip = include, .newer_than_ms = ms};

	walk_file(&w, config);
	return w.found;
}
