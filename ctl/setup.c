/* SPDX-License-Identifier: BSD-2-Clause */
#include "ctl/setup.h"

#include <libgen.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/commands.h"
#include "ctl/confirm.h"
#include "ctl/options.h"
#include "ctl/output.h"
#include "ctl/say.h"
#include "lib/addr.h"
#include "lib/dname.h"
#include "lib/key.h"
#include "lib/mem.h"

static const struct setup_server *const servers[] = {&setup_nsd, &setup_knot,
    &setup_bind, &setup_yadifa};
enum { N_SERVERS = sizeof(servers) / sizeof(*servers) };

static const char *const common_settings[] = {"name", "user", "group", "config-dir",
    "zone-dir", "probe", NULL};

/* Those of a path that any of the four servers, and the agent, take unquoted. */
static const char path_characters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnop"
				      "qrstuvwxyz0123456789._-+@=/";
static const char value_characters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnop"
				       "qrstuvwxyz0123456789._-+@/:";

/* -- settings --------------------------------------------------------------- */

const char *
setup_get(const struct setup *s, const char *name, const char *otherwise)
{
	for (size_t i = s->n_settings; i-- > 0;) /* the last counts */
		if (strcmp(s->settings[i].name, name) == 0)
			return s->settings[i].value;
	return otherwise;
}

static bool
is_among(const char *const *names, const char *name)
{
	while (*names != NULL && strcmp(*names, name) != 0)
		names++;
	return *names != NULL;
}

static bool
is_path(const char *text)
{
	return text[0] == '/' && text[strspn(text, path_characters)] == '\0';
}

/* What goes into a configuration is what it is to be, and nothing else. */
static bool
is_value(const char *name, const char *value)
{
	size_t size = strlen(name);
	const char *end = size > 4 ? name + size - 4 : name;

	if (strcmp(end, "-dir") == 0 || strcmp(end, "file") == 0 ||
	    strcmp(name, "confdb") == 0 || strcmp(name, "defaults") == 0)
		return is_path(value);
	return value[0] != '\0' && value[strspn(value, value_characters)] == '\0';
}

static enum exit_status
take_setting(struct setup *s, char *text)
{
	char *value = strchr(text, '=');

	if (value == NULL) {
		say_error("\"%s\": not NAME=VALUE", text);
		return EXIT_USAGE;
	}
	*value++ = '\0';
	if (!is_among(common_settings, text) && !is_among(s->server->settings, text)) {
		say_error("%s: no setting of setup %s", text, s->server->name);
		return EXIT_USAGE;
	}
	if (!is_value(text, value)) {
		say_error("%s=%s: not what it can be", text, value);
		return EXIT_USAGE;
	}
	s->settings = mem_grow(s->settings, s->n_settings, &s->settings_room,
	    sizeof(*s->settings));
	s->settings[s->n_settings++] =
	    (struct setup_setting){.name = text, .value = value};
	return EXIT_DONE;
}

static enum exit_status
find_server(struct setup *s, const char *name)
{
	for (size_t i = 0; i < N_SERVERS; i++)
		if (strcmp(servers[i]->name, name) == 0)
			s->server = servers[i];
	if (s->server != NULL)
		return EXIT_DONE;
	say_error("setup %s: only nsd, knot, bind and yadifa", name);
	return EXIT_USAGE;
}

/* Relative paths would be something else to the server and to the agent. */
static enum exit_status
find_config(struct setup *s)
{
	const char *given = s->ctl->opt->config;

	s->config = mem_strdup(given ? given : s->server->config);
	if (is_path(s->config))
		return EXIT_DONE;
	say_error("--config %s: must be an absolute path of plain characters",
	    s->config);
	return EXIT_USAGE;
}

/* "nsherd" beside the operator's own file, if that is not where it is by default. */
static void
find_dirs(struct setup *s)
{
	const char *dir = setup_get(s, "config-dir", NULL);
	char *copy = mem_strdup(s->config);

	if (dir != NULL)
		s->config_dir = mem_strdup(dir);
	else if (s->server->config_dir != NULL)
		s->config_dir = mem_printf("%s/nsherd", dirname(copy));
	s->zone_dir = mem_strdup(setup_get(s, "zone-dir", s->server->zone_dir));
	free(copy);
}

/* -- for the servers' files ------------------------------------------------- */

void
setup_todo(struct setup *s, const char *fmt, ...)
{
	char *line;
	va_list ap;

	va_start(ap, fmt);
	int n = vasprintf(&line, fmt, ap);
	va_end(ap);
	if (n < 0)
		abort(); /* as mem.h does */
	buf_printf(&s->todo, "%s\n", line);
	s->n_todo++;
	free(line);
}

const char *
setup_reach(const char *address)
{
	static const char *const any[] = {"", "0.0.0.0", "*", "any", NULL};
	static const char *const any6[] = {"::", "::0", NULL};

	if (is_among(any6, address))
		return "::1"; /* servers have these for IPv6 alone */
	return is_among(any, address) ? "127.0.0.1" : address;
}

void
setup_probe(struct setup *s, const char *address, const char *port)
{
	const char *given = setup_get(s, "probe", NULL);

	if (given != NULL)
		buf_printf(&s->section, "probe      = %s\n", given);
	else
		buf_printf(&s->section, "probe      = %s@%s\n", setup_reach(address),
		    port);
}

enum err
setup_control_key(struct setup *s, const char *path, char **name, char **algorithm,
    struct buf *secret)
{
	struct err_where where = {0};
	struct key *key = NULL;
	struct dname dname;
	struct buf text;
	enum err e = access(path, F_OK) == 0 ? key_load(path, &key, &where) : OK;

	if (e) {
		say_error("%s: %s", path, where.what);
		return e;
	}
	if (key == NULL) {
		char *fresh = mem_printf("nsherd-%s", s->server->name);
		e = dname_parse(fresh, &dname);
		free(fresh);
		if (!e)
			e = key_generate(&dname, KEY_SHA256, &key);
	}
	if (e) {
		say_error("no random numbers to be had");
		return e;
	}
	buf_init(&text, 0);
	key_print(key, &text);
	setup_file(s, path, "control key", &text);
	*name = mem_strdup(key_name_text(key));
	if (algorithm != NULL)
		*algorithm = mem_strdup(key_alg_str(key_algorithm(key)));
	if (secret != NULL)
		key_secret_print(key, secret);
	key_unref(key);
	return OK;
}

/* -- showing ---------------------------------------------------------------- */

static void
show_steps(const struct setup *s)
{
	static const struct column columns[] = {
	    {"step", "STEP", CELL_TEXT, false},
	    {"path", "PATH", CELL_TEXT, false},
	    {"state", "STATE", CELL_TEXT, false},
	    {"what", "WHAT", CELL_TEXT, false},
	};
	static const char *const kinds[] = {[SETUP_DIR] = "directory",
	    [SETUP_RIGHTS] = "rights",
	    [SETUP_FILE] = "file",
	    [SETUP_MAKE] = "database",
	    [SETUP_EDIT] = "edit"};
	static const char *const states[] = {[SETUP_THERE] = "there",
	    [SETUP_MISSING] = "missing",
	    [SETUP_MADE] = "made"};

	output_table(s->ctl->out, "steps", columns, 4);
	for (size_t i = 0; i < s->n_steps; i++) {
		const struct setup_step *step = &s->steps[i];
		const struct cell row[] = {
		    cell_text(kinds[step->kind]),
		    cell_text(step->path),
		    cell_text(states[step->state]),
		    cell_text(step->what),
		};
		output_row(s->ctl->out, row);
	}
	output_table_end(s->ctl->out);
}

static void
show_indented(const struct setup *s, const char *text)
{
	char *copy = mem_strdup(text), *rest = copy, *line;

	while ((line = strsep(&rest, "\n")) != NULL) {
		char *out = mem_printf("    %s", line);
		if (line[0] != '\0')
			output_line(s->ctl->out, out);
		free(out);
	}
	free(copy);
}

/* Where patch n goes, if that is not where the one before it went. */
static void
show_place(const struct setup *s, const struct source *source, size_t n)
{
	size_t at = source->patches[n].from;
	bool at_end = at == source->text.size;
	size_t line = source_line(source, at);

	if (n > 0 && source->patches[n - 1].from == at &&
	    source->patches[n - 1].text != NULL &&
	    strcmp(source->patches[n - 1].text, "\n") != 0)
		return;
	char *head = at_end ? mem_printf("At the end of %s:", source->path)
			    : mem_printf("In %s, line %zu:", source->path, line);
	output_line(s->ctl->out, head);
	free(head);
}

/* What is put into a line is shown as the line that comes of it, if no secret does. */
static char *
shown_text(const struct source *source, const struct source_patch *p)
{
	const char *text = buf_text(&source->text);
	size_t from = p->from;

	if (strchr(p->text, '\n') != NULL)
		return mem_strdup(p->text);
	while (from > 0 && text[from - 1] != '\n')
		from--;
	char *line = mem_printf("%.*s%s%.*s", (int)(p->from - from), text + from,
	    p->text, (int)strcspn(text + p->to, "\n"), text + p->to);
	if (strcasestr(line, "secret") == NULL)
		return line;
	mem_wipe(line, strlen(line));
	free(line);
	return mem_strdup(p->text);
}

static void
show_lines(const struct setup *s)
{
	static const struct column columns[] = {
	    {"path", NULL, CELL_TEXT, false},
	    {"line", NULL, CELL_NUMBER, false},
	    {"text", NULL, CELL_TEXT, false},
	};
	bool json = s->ctl->opt->json;

	if (json)
		output_table(s->ctl->out, "lines", columns, 3);
	for (size_t i = 0; i < s->n_steps; i++) {
		const struct source *source = s->steps[i].source;
		for (size_t j = 0; source && j < source->n_patches; j++) {
			const struct source_patch *p = &source->patches[j];
			if (p->text == NULL || strcmp(p->text, "\n") == 0)
				continue;
			size_t n = source_line(source, p->from);
			char *text = shown_text(source, p);
			const struct cell row[] = {cell_text(source->path),
			    cell_number(n), cell_text(text)};
			if (json) {
				output_row(s->ctl->out, row);
			} else {
				show_place(s, source, j);
				show_indented(s, text);
			}
			free(text);
		}
	}
	if (json)
		output_table_end(s->ctl->out);
}

static void
show_rest(const struct setup *s)
{
	output_field(s->ctl->out, "section", NULL, CELL_TEXT,
	    cell_text(buf_text(&s->section)));
	output_field(s->ctl->out, "todo", NULL, CELL_TEXT,
	    cell_text(s->n_todo ? buf_text(&s->todo) : NULL));
	output_field(s->ctl->out, "then", NULL, CELL_TEXT, cell_text(s->after));
	output_line(s->ctl->out, "In /etc/nsherd/nsherd.conf:");
	show_indented(s, buf_text(&s->section));
	if (s->n_todo == 0)
		return;
	output_line(s->ctl->out, "Left to you:");
	show_indented(s, buf_text(&s->todo));
}

/* -- doing ------------------------------------------------------------------ */

static enum exit_status
apply(struct setup *s)
{
	if (!s->has_user || !s->has_group) {
		say_error("nothing was changed: no %s %s",
		    s->has_user ? "group" : "user", s->has_user ? s->group : s->user);
		return EXIT_FAILED;
	}
	enum exit_status rc = confirm_ask(s->ctl);
	if (rc)
		return rc;
	enum err e = setup_make_files(s);
	if (!e)
		e = s->server->check_edited(s);
	if (!e)
		e = setup_make_edits(s);
	if (e)
		say_error("not all of it was done; it can be run again");
	return e ? EXIT_FAILED : EXIT_DONE;
}

static enum exit_status
finish(struct setup *s)
{
	const char *result = "missing";
	enum exit_status rc = EXIT_DONE;
	char *line = NULL;

	if (setup_missing(s) == 0) {
		result = "ready";
		output_line(s->ctl->out,
		    s->n_todo ? "nothing else to do" : "nothing to do");
	} else if (s->ctl->opt->given & OPTION_APPLY) {
		rc = apply(s);
		result = rc ? "failed" : "done";
		line = rc ? NULL : mem_printf("done; now: %s", s->after);
	} else {
		line = mem_printf("--apply makes all this; then: %s", s->after);
	}
	if (line != NULL)
		output_line(s->ctl->out, line);
	free(line);
	output_field(s->ctl->out, "result", NULL, CELL_TEXT, cell_text(result));
	return rc ? rc : s->n_todo ? EXIT_PARTLY : EXIT_DONE;
}

static enum exit_status
run(struct setup *s)
{
	enum err e = s->server->check(s);

	if (!e)
		e = s->server->look(s);
	if (e) {
		say_error("%s is as it was", s->config);
		return EXIT_FAILED;
	}
	setup_edits(s);
	output_field(s->ctl->out, "server", NULL, CELL_TEXT,
	    cell_text(s->server->name));
	output_field(s->ctl->out, "config", NULL, CELL_TEXT, cell_text(s->config));
	show_steps(s);
	show_lines(s);
	show_rest(s);
	return finish(s);
}

static void
fini(struct setup *s)
{
	setup_steps_fini(s);
	sources_fini(&s->sources);
	buf_fini(&s->section);
	buf_fini(&s->todo);
	free(s->groups);
	free(s->settings);
	free(s->config);
	free(s->config_dir);
	free(s->zone_dir);
	free(s->after);
	free(s->own);
}

enum exit_status
setup_run(struct ctl *ctl)
{
	struct setup s = {.ctl = ctl};

	buf_init(&s.section, 0);
	buf_init(&s.todo, 0);
	enum exit_status rc = find_server(&s, ctl->args[0]);
	for (size_t i = 1; !rc && i < ctl->n_args; i++)
		rc = take_setting(&s, ctl->args[i]);
	if (!rc)
		rc = find_config(&s);
	if (!rc) {
		find_dirs(&s);
		setup_people(&s);
		const char *name = setup_get(&s, "name", NULL);
		buf_printf(&s.section, "[backend %s%s]\ndriver     = %s\n",
		    name ? name : s.server->name, name ? "" : "1", s.server->name);
		rc = run(&s);
	}
	fini(&s);
	return rc;
}
