/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/pattern/spec.h"

#include <stdlib.h>
#include <string.h>

#include "lib/inifile.h"
#include "lib/mem.h"

enum { OPTIONS_MAX = 256, PARAMS_MAX = 64 };

static const char *const list_names[SPEC_N_LISTS] = {
    [SPEC_PRIMARIES] = "primaries",
    [SPEC_NOTIFY] = "notify",
    [SPEC_ALLOW_NOTIFY] = "allow-notify",
    [SPEC_ALLOW_TRANSFER] = "allow-transfer",
};

static const char *const drivers[] = {"nsd", "knot", "bind", "yadifa", "exec"};

void
spec_init(struct spec *spec, const char *file)
{
	memset(spec, 0, sizeof(*spec));
	spec->file = mem_strdup(file);
}

void
spec_fini(struct spec *spec)
{
	struct spec_text *texts[] = {&spec->role, &spec->zonefile, &spec->initial_file,
	    &spec->dnssec, &spec->extends, &spec->description};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		free(texts[i]->value);
	for (size_t i = 0; i < SPEC_N_LISTS; i++)
		free(spec->lists[i].remotes.items);
	for (size_t i = 0; i < spec->n_params; i++) {
		free(spec->params[i].name);
		free(spec->params[i].fallback);
	}
	for (size_t i = 0; i < spec->n_options; i++) {
		free(spec->options[i].driver);
		free(spec->options[i].text);
	}
	free(spec->params);
	free(spec->options);
	free(spec->template);
	free(spec->file);
	memset(spec, 0, sizeof(*spec));
}

const char *
spec_list_name(enum spec_list_key key)
{
	return list_names[key];
}

enum spec_list_key
spec_list_find(const char *name)
{
	unsigned i = 0;

	while (i < SPEC_N_LISTS && strcmp(name, list_names[i]) != 0)
		i++;
	return (enum spec_list_key)i;
}

const struct spec_param *
spec_param_find(const struct spec *spec, const char *name)
{
	for (size_t i = 0; i < spec->n_params; i++) {
		if (strcmp(spec->params[i].name, name) == 0)
			return &spec->params[i];
	}
	return NULL;
}

const char *
spec_zonefile(const struct spec *spec)
{
	return spec->zonefile.value != NULL ? spec->zonefile.value : "${zone}.zone";
}

/* -- reading --------------------------------------------------------------- */

struct reading {
	struct spec *spec;
	const struct keyring *ring;
};

/* One `name = value`, and where it stands. */
struct item {
	const char *name, *value;
	struct spec_place at;
	struct err_where *where;
};

static enum err
read_list(struct spec_list *list, const struct item *it, const struct keyring *ring)
{
	char why[300];

	if (!list->given)
		list->at = it->at;
	list->given = true;
	if (value_addresses(it->value, ring, &list->remotes, why, sizeof(why)) != OK)
		return err_at(it->where, it->at.file, it->at.line, "%s: %s", it->name,
		    why);
	return OK;
}

static enum err
read_text(struct spec_text *text, const struct item *it)
{
	if (text->value != NULL)
		return err_at(it->where, it->at.file, it->at.line, "%s is given twice",
		    it->name);
	if (it->value[0] == '\0')
		return err_at(it->where, it->at.file, it->at.line, "%s is empty",
		    it->name);
	text->value = mem_strdup(it->value);
	text->at = it->at;
	return OK;
}

static enum err
read_pattern_key(struct reading *r, const struct item *it)
{
	struct spec *spec = r->spec;
	const struct {
		const char *name;
		struct spec_text *text;
	} texts[] = {{"role", &spec->role}, {"zonefile", &spec->zonefile},
	    {"initial-file", &spec->initial_file}, {"dnssec", &spec->dnssec},
	    {"extends", &spec->extends}, {"description", &spec->description}};
	enum spec_list_key list = spec_list_find(it->name);

	if (list != SPEC_N_LISTS)
		return read_list(&spec->lists[list], it, r->ring);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (strcmp(it->name, texts[i].name) == 0)
			return read_text(texts[i].text, it);
	}
	return err_at(it->where, it->at.file, it->at.line,
	    "unknown key %.60s in [pattern]", it->name);
}

static bool
is_param_name(const char *name)
{
	size_t size = strlen(name);

	return size > 0 && size <= 63 &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == size;
}

/* The parameter of a section, made at its first key. NULL: where says why. */
static struct spec_param *
get_param(struct spec *spec, const char *name, const struct item *it)
{
	struct spec_param *p;

	for (size_t i = 0; i < spec->n_params; i++) {
		if (strcmp(spec->params[i].name, name) == 0)
			return &spec->params[i];
	}
	if (!is_param_name(name) || strcmp(name, "zone") == 0 ||
	    strcmp(name, "serial") == 0 || spec->n_params >= PARAMS_MAX) {
		err_at(it->where, it->at.file, it->at.line,
		    spec->n_params >= PARAMS_MAX
			? "too many parameters at %.60s"
			: "%.60s cannot be the name of a parameter",
		    name);
		return NULL;
	}
	spec->params =
	    mem_realloc(spec->params, (spec->n_params + 1) * sizeof(spec->params[0]));
	p = &spec->params[spec->n_params++];
	memset(p, 0, sizeof(*p));
	p->name = mem_strdup(name);
	p->at = it->at;
	return p;
}

static enum err
read_param_key(struct spec *spec, const char *name, const struct item *it)
{
	struct spec_param *p = get_param(spec, name, it);

	if (p == NULL)
		return ERR_INVALID;
	if (strcmp(it->name, "type") == 0 && !p->has_type) {
		p->has_type = true;
		if (value_type_parse(it->value, &p->type) != OK)
			return err_at(it->where, it->at.file, it->at.line,
			    "unknown type %.60s", it->value);
	} else if (strcmp(it->name, "default") == 0 && p->fallback == NULL) {
		p->fallback = mem_strdup(it->value);
	} else if (strcmp(it->name, "required") == 0) {
		if (inifile_bool(it->value, &p->required) != OK)
			return err_at(it->where, it->at.file, it->at.line,
			    "required is yes or no");
	} else {
		return err_at(it->where, it->at.file, it->at.line,
		    "key %.60s is unknown or given twice in [param %s]", it->name,
		    name);
	}
	return OK;
}

static enum err
read_option(struct spec *spec, const char *driver, const struct item *it)
{
	struct spec_option *o;

	if (strcmp(it->name, "option") != 0)
		return err_at(it->where, it->at.file, it->at.line,
		    "unknown key %.60s in [%s]", it->name, driver);
	if (it->value[0] == '\0')
		return err_at(it->where, it->at.file, it->at.line,
		    "the option is empty");
	if (spec->n_options >= OPTIONS_MAX)
		return err_at(it->where, it->at.file, it->at.line,
		    "more than %d options", OPTIONS_MAX);
	spec->options = mem_realloc(spec->options,
	    (spec->n_options + 1) * sizeof(spec->options[0]));
	o = &spec->options[spec->n_options++];
	*o = (struct spec_option){mem_strdup(driver), mem_strdup(it->value), it->at};
	return OK;
}

static enum err
read_item(void *arg, const char *section, const char *name, const char *value,
    const char *file, unsigned line, struct err_where *where)
{
	struct reading *r = arg;
	struct item it = {name, value, {r->spec->file, line}, where};

	if (strcmp(section, "pattern") == 0)
		return read_pattern_key(r, &it);
	if (strncmp(section, "param ", 6) == 0) {
		section += 6;
		section += strspn(section, " \t");
		return read_param_key(r->spec, section, &it);
	}
	for (size_t i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++) {
		if (strcmp(section, drivers[i]) == 0)
			return read_option(r->spec, drivers[i], &it);
	}
	if (section[0] == '\0')
		return err_at(where, file, line, "%.60s before any section", name);
	return err_at(where, file, line, "unknown section [%.60s]", section);
}

enum err
spec_read(struct spec *spec, const struct keyring *ring, struct err_where *where)
{
	struct reading r = {spec, ring};

	return inifile_read(spec->file, read_item, &r, where);
}

enum err
spec_parse(struct spec *spec, const char *text, size_t size, const struct keyring *ring,
    struct err_where *where)
{
	struct reading r = {spec, ring};

	return inifile_parse(text, size, spec->file, read_item, &r, where);
}

/* -- extends --------------------------------------------------------------- */

static void
inherit_text(struct spec_text *to, const struct spec_text *from)
{
	if (to->value != NULL || from->value == NULL)
		return;
	to->value = mem_strdup(from->value);
	to->at = from->at;
}

static void
inherit_list(struct spec_list *to, const struct spec_list *from)
{
	if (to->given || !from->given)
		return;
	*to = *from;
	to->remotes.items = from->remotes.n == 0
				? NULL
				: mem_dup(from->remotes.items,
				      from->remotes.n * sizeof(from->remotes.items[0]));
}

static void
inherit_param(struct spec *spec, const struct spec_param *from)
{
	struct spec_param *to;

	if (spec_param_find(spec, from->name) != NULL)
		return;
	spec->params =
	    mem_realloc(spec->params, (spec->n_params + 1) * sizeof(spec->params[0]));
	to = &spec->params[spec->n_params++];
	*to = *from;
	to->name = mem_strdup(from->name);
	to->fallback = from->fallback == NULL ? NULL : mem_strdup(from->fallback);
}

/* The options of a section come from one file, so that a child can drop some. */
static void
inherit_options(struct spec *spec, const struct spec *parent)
{
	const size_t n_own = spec->n_options;

	for (size_t i = 0; i < parent->n_options; i++) {
		const struct spec_option *from = &parent->options[i];
		bool own = false;

		for (size_t k = 0; k < n_own; k++)
			own |= strcmp(spec->options[k].driver, from->driver) == 0;
		if (own)
			continue;
		spec->options = mem_realloc(spec->options,
		    (spec->n_options + 1) * sizeof(spec->options[0]));
		spec->options[spec->n_options++] =
		    (struct spec_option){mem_strdup(from->driver),
			mem_strdup(from->text), from->at};
	}
}

void
spec_inherit(struct spec *spec, const struct spec *parent)
{
	inherit_text(&spec->role, &parent->role);
	inherit_text(&spec->zonefile, &parent->zonefile);
	inherit_text(&spec->initial_file, &parent->initial_file);
	inherit_text(&spec->dnssec, &parent->dnssec);
	for (size_t i = 0; i < SPEC_N_LISTS; i++)
		inherit_list(&spec->lists[i], &parent->lists[i]);
	for (size_t i = 0; i < parent->n_params; i++)
		inherit_param(spec, &parent->params[i]);
	inherit_options(spec, parent);
}
