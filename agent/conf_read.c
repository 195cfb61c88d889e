/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/conf_read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/mem.h"

/* -- sections -------------------------------------------------------------- */

/* "key a.b" -> "a.b"; NULL: another kind, or no label. */
static const char *
label_after(const char *section, const char *kind)
{
	size_t n = strlen(kind);

	if (strncmp(section, kind, n) != 0 || section[n] != ' ')
		return NULL;
	section += n + strspn(section + n, " ");
	return *section != '\0' ? section : NULL;
}

static void
start_key(struct conf_reader *r, const char *label)
{
	struct conf *conf = r->conf;

	r->settings = conf_key_settings;
	r->key = mem_zalloc(sizeof(*r->key));
	r->key->line = r->line;
	conf->keys = mem_realloc(conf->keys, (conf->n_keys + 1) * sizeof(*conf->keys));
	conf->keys[conf->n_keys++] = r->key;
	if (dname_parse(label, &r->key->name) != OK) {
		r->key->name = dname_root;
		conf_fault(conf, r->line, "[key %s]: not a domain name", label);
	}
}

static void
start_catalog(struct conf_reader *r, const char *label)
{
	struct conf *conf = r->conf;

	r->settings = conf_catalog_settings;
	r->catalog = mem_zalloc(sizeof(*r->catalog));
	r->catalog->line = r->line;
	conf_set_catalog_defaults(r->catalog);
	snprintf(r->catalog->label, sizeof(r->catalog->label), "%s", label);
	conf->catalogs = mem_realloc(conf->catalogs,
	    (conf->n_catalogs + 1) * sizeof(*conf->catalogs));
	conf->catalogs[conf->n_catalogs++] = r->catalog;
	if (strpbrk(label, " \t,") != NULL)
		conf_fault(conf, r->line, "[catalog %s]: a blank or comma in the label",
		    label);
}

static void
start_backend(struct conf_reader *r, const char *label)
{
	struct conf *conf = r->conf;

	r->settings = conf_backend_settings;
	r->backend = mem_zalloc(sizeof(*r->backend));
	r->backend->line = r->line;
	conf_set_backend_defaults(r->backend);
	snprintf(r->backend->name, sizeof(r->backend->name), "%s", label);
	conf->backends = mem_realloc(conf->backends,
	    (conf->n_backends + 1) * sizeof(*conf->backends));
	conf->backends[conf->n_backends++] = r->backend;
	if (!conf_value_is_plain_name(label))
		conf_fault(conf, r->line,
		    "[backend %s]: not a name of a-z, 0-9, - and _", label);
}

static bool
was_section(const struct conf *conf, const char *section)
{
	for (size_t i = 0; i < conf->n_lines; i++)
		if (strcmp(conf->lines[i].section, section) == 0)
			return true;
	return false;
}

static void
start_section(struct conf_reader *r, const char *section)
{
	const char *label;

	if (was_section(r->conf, section))
		conf_fault(r->conf, r->line, "[%s]: given twice", section);
	r->section_start = r->conf->n_lines;
	r->settings = NULL;
	if (strcmp(section, "agent") == 0)
		r->settings = conf_agent_settings;
	else if ((label = label_after(section, "key")) != NULL)
		start_key(r, label);
	else if ((label = label_after(section, "catalog")) != NULL)
		start_catalog(r, label);
	else if ((label = label_after(section, "backend")) != NULL)
		start_backend(r, label);
	else if (section[0] == '\0')
		conf_fault(r->conf, r->line, "a setting before the first section");
	else
		conf_fault(r->conf, r->line,
		    "[%s]: unknown section, not [agent], [key NAME], [catalog NAME] or "
		    "[backend NAME]",
		    section);
}

/* -- lines ----------------------------------------------------------------- */

static const struct conf_setting *
find_setting(const struct conf_setting *settings, const char *name)
{
	for (; settings->name != NULL; settings++)
		if (strcmp(settings->name, name) == 0)
			return settings;
	return NULL;
}

static bool
is_repeated(const struct conf_reader *r)
{
	/* The line at hand is the last one. */
	for (size_t i = r->section_start; i + 1 < r->conf->n_lines; i++)
		if (strcmp(r->conf->lines[i].name, r->name) == 0)
			return true;
	return false;
}

static void
add_option(struct conf_reader *r, const struct conf_line *line)
{
	struct conf_backend *b = r->backend;

	b->options = mem_realloc(b->options, (b->n_options + 1) * sizeof(*b->options));
	b->options[b->n_options++] = (struct backend_option){
	    .name = line->name,
	    .value = line->value,
	    .file = r->conf->path,
	    .line = line->line,
	};
}

static void
read_setting(struct conf_reader *r, const struct conf_line *line)
{
	const struct conf_setting *s = find_setting(r->settings, line->name);

	if (line->value[0] == '\0')
		conf_fault(r->conf, r->line, "%s: no value", line->name);
	else if (is_repeated(r) && (s == NULL || !s->repeats))
		conf_fault(r->conf, r->line, "%s: given twice", line->name);
	else if (s != NULL)
		s->set(r, line->value);
	else if (r->settings == conf_backend_settings)
		add_option(r, line);
	else
		conf_fault(r->conf, r->line, "%s: unknown setting in [%s]", line->name,
		    line->section);
}

static enum err
on_line(void *arg, const char *section, const char *name, const char *value,
    const char *file, unsigned line, struct err_where *where)
{
	struct conf_reader *r = arg;
	struct conf *conf = r->conf;

	(void)file;
	(void)where;
	r->line = line;
	if (r->section == NULL || strcmp(r->section, section) != 0) {
		start_section(r, section);
		free(r->section);
		r->section = mem_strdup(section);
	}
	conf->lines = mem_grow(conf->lines, conf->n_lines, &conf->lines_room,
	    sizeof(*conf->lines));
	struct conf_line *l = &conf->lines[conf->n_lines++];
	*l = (struct conf_line){mem_strdup(section), mem_strdup(name),
	    mem_strdup(value), line};
	r->name = l->name;
	if (r->settings != NULL)
		read_setting(r, l);
	return OK; /* to find the other faults too */
}

void
conf_read(struct conf *conf)
{
	struct conf_reader r = {.conf = conf};
	struct err_where where = {0};

	if (inifile_read(conf->path, on_line, &r, &where) != OK)
		conf_fault_at(conf, &where);
	free(r.section);
}
