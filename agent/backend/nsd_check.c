/* SPDX-License-Identifier: BSD-2-Clause */
#include <ctype.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/backend/nsd.h"
#include "agent/backend/tool.h"
#include "lib/mem.h"

/*
 * nsd-checkconf: run before every reconfig, and asked where nsd.conf puts
 * things. With -v it prints what it understood, which tells the names of all
 * patterns that a reconfig would leave.
 */

enum { FAULTS_MAX = 64, CONFIG_FILES_MAX = 200 };

static struct tool
make_tool(const struct nsd *nsd, const char *const argv[])
{
	return (struct tool){.argv = argv,
	    .out = tool_cut,
	    .errors = tool_cut,
	    .cancel_fd = nsd->conf.cancel_fd,
	    .timeout_ms = nsd->chan.chan.timeout_ms};
}

/* -- what it says of a configuration --------------------------------------- */

struct reading {
	struct nsd_verdict *verdict;
	const char *include;
	bool in_pattern;
};

static void
take_config(void *arg, const char *line)
{
	struct reading *r = arg;
	struct nsd_verdict *v = r->verdict;
	size_t size = strlen(line);
	char *name;

	if (line[0] != '\t') {
		r->in_pattern = strcmp(line, "pattern:") == 0;
		return;
	}
	if (!r->in_pattern || strncmp(line, "\tname: \"", 8) != 0 || size < 10)
		return;
	name = mem_printf("%.*s", (int)size - 9, line + 8);
	textset_add(&v->patterns, name);
	free(name);
	r->in_pattern = false;
}

/* `...: error: key K in pattern P could not be found`. It comes at the end of all,
 * so the place it gives is of no use. */
static bool
find_keyless(const char *line, char name[static MARK_MAX])
{
	static const char in[] = " in pattern ", end[] = " could not be found";
	const char *at = strstr(line, ": error: key ");
	size_t size;

	at = at != NULL ? strstr(at, in) : NULL;
	if (at == NULL)
		return false;
	at += sizeof(in) - 1;
	size = strcspn(at, " ");
	if (size >= MARK_MAX || strcmp(at + size, end) != 0)
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

enum err
nsd_check_config(struct nsd *nsd, const char *config, const char *include,
    struct nsd_verdict *verdict, struct backend_error *why)
{
	const char *const argv[] = {nsd->checkconf, "-v", config, NULL};
	struct reading r = {.verdict = verdict, .include = include};
	struct tool_lines out = {.fn = take_config, .arg = &r};
	struct tool_lines errors = {.fn = take_fault, .arg = &r};
	struct tool tool = make_tool(nsd, argv);
	enum err err;

	memset(verdict, 0, sizeof(*verdict));
	tool.out_arg = &out;
	tool.errors_arg = &errors;
	err = tool_run(&tool, why);
	verdict->good = tool.good;
	if (err != OK) {
		nsd_verdict_fini(verdict);
		return err;
	}
	if (!verdict->good && verdict->text[0] == '\0')
		memcpy(verdict->text, tool.text, sizeof(verdict->text));
	return OK;
}

void
nsd_verdict_fini(struct nsd_verdict *verdict)
{
	textset_fini(&verdict->patterns);
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

enum err
nsd_check_value(struct nsd *nsd, const char *config, const char *name, char **value,
    struct backend_error *why)
{
	const char *const argv[] = {nsd->checkconf, "-o", name, config, NULL};
	char *line = NULL;
	struct tool_lines out = {.fn = take_value, .arg = &line};
	struct tool tool = make_tool(nsd, argv);
	enum err err;

	tool.out_arg = &out;
	tool.errors = NULL;
	err = tool_run(&tool, why);
	if (err == OK && !tool.good)
		err = backend_fail(why, ERR_INVALID, "%s", tool.text);
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
	const char *name; /* whose value is wanted, or NULL */
	char *value;
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

/* What stands after the colon, without its quotes. */
static char *
cut_value(char *text)
{
	size_t size;

	text += strspn(text, " \t\"");
	size = strcspn(text, "\"#\r\n");
	while (size > 0 && isspace((unsigned char)text[size - 1]))
		size--;
	text[size] = '\0';
	return text;
}

/* `include: "PATTERN"`, quoted or not; relative paths are seen from nsd.conf. */
static void
walk_include(struct walk *w, const char *from, char *text)
{
	char *pattern;
	glob_t found;

	text = cut_value(text);
	if (text[0] == '\0')
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
	if (++w->n_files > CONFIG_FILES_MAX ||
	    (w->skip != NULL && same_file(path, w->skip)) || stat(path, &st) == -1 ||
	    !S_ISREG(st.st_mode))
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
		if (w->name != NULL && strncmp(word, w->name, strlen(w->name)) == 0) {
			free(w->value); /* the last one counts */
			w->value = mem_strdup(cut_value(word + strlen(w->name)));
		}
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

char *
nsd_written_value(const char *config, const char *name)
{
	struct walk w = {.newer_than_ms = INT64_MAX, .name = name};

	walk_file(&w, config);
	return w.value;
}
