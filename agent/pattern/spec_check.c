/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/pattern/spec.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/digest.h"
#include "lib/mem.h"

/*
 * What can be said about a pattern only when `extends` was followed. The
 * alphabet of file names is the common denominator of the four servers'
 * quoting rules, so no driver has to escape one.
 */

enum { TEMPLATE_MAX = 65536, ZONEFILE_MAX = 200, DNSSEC_MAX = 63 };

static enum err
fault(struct err_where *where, const struct spec_text *text, const char *what)
{
	return err_at(where, text->at.file, text->at.line, "%s", what);
}

static enum err
check_role(struct spec *spec, struct err_where *where)
{
	const struct spec_text *role = &spec->role;
	const struct spec_list *primaries = &spec->lists[SPEC_PRIMARIES];

	if (role->value == NULL)
		return err_at(where, spec->file, 0, "role is missing in [pattern]");
	if (strcmp(role->value, "primary") == 0)
		spec->role_value = ROLE_PRIMARY;
	else if (strcmp(role->value, "secondary") == 0)
		spec->role_value = ROLE_SECONDARY;
	else
		return fault(where, role, "role is primary or secondary");

	if (spec->role_value == ROLE_PRIMARY) {
		if (primaries->given)
			return err_at(where, primaries->at.file, primaries->at.line,
			    "primaries makes no sense with role = primary");
		return OK;
	}
	if (!primaries->given && spec_param_find(spec, "primaries") == NULL)
		return fault(where, role,
		    "a secondary needs primaries, or a [param primaries]");
	if (spec->initial_file.value != NULL)
		return fault(where, &spec->initial_file,
		    "initial-file makes no sense with role = secondary");
	return OK;
}

/* Relative, inside the zone directory, of a harmless alphabet. path is the
 * value with ${zone} replaced by a letter. */
static bool
is_safe_path(const char *path)
{
	static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz"
				       "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-+@=/";
	size_t size = strlen(path);

	return size > 0 && strspn(path, alphabet) == size && path[0] != '/' &&
	       path[0] != '.' && path[size - 1] != '/' && strstr(path, "..") == NULL &&
	       strstr(path, "//") == NULL && strstr(path, "/.") == NULL;
}

static enum err
check_zonefile(struct spec *spec, struct err_where *where)
{
	static const char variable[] = "${zone}";
	const struct spec_text *text = &spec->zonefile;
	char path[ZONEFILE_MAX + 1];
	size_t size = 0, n_variables = 0;

	if (text->value == NULL)
		return OK;
	if (strlen(text->value) > ZONEFILE_MAX)
		return fault(where, text, "zonefile is too long");
	for (const char *p = text->value; *p != '\0';) {
		bool is_variable = strncmp(p, variable, sizeof(variable) - 1) == 0;

		n_variables += is_variable;
		path[size++] = is_variable ? 'z' : *p;
		p += is_variable ? sizeof(variable) - 1 : 1;
	}
	path[size] = '\0';
	if (!is_safe_path(path))
		return fault(where, text,
		    "zonefile must be a relative path of [A-Za-z0-9._+@=/-] and "
		    "${zone}, without .. or hidden names");
	if (n_variables == 0 && spec->role_value == ROLE_SECONDARY)
		return fault(where, text,
		    "zonefile of a secondary must contain ${zone}");
	if (n_variables == 0 && spec->initial_file.value != NULL)
		return fault(where, text,
		    "zonefile must contain ${zone} with an initial-file");
	return OK;
}

static enum err
check_dnssec(struct spec *spec, struct err_where *where)
{
	const struct spec_text *text = &spec->dnssec;

	if (text->value == NULL)
		return OK;
	if (strlen(text->value) > DNSSEC_MAX ||
	    text->value[strspn(text->value,
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")] !=
		'\0')
		return fault(where, text,
		    "dnssec is off or a policy name of [A-Za-z0-9_-]");
	return OK;
}

static enum err
check_params(struct spec *spec, const struct keyring *ring, struct err_where *where)
{
	for (size_t i = 0; i < spec->n_params; i++) {
		struct spec_param *p = &spec->params[i];
		char *canonical, why[300];

		if (!p->has_type)
			return err_at(where, p->at.file, p->at.line,
			    "parameter %s has no type", p->name);
		if (spec_list_find(p->name) != SPEC_N_LISTS &&
		    p->type != VALUE_ADDRESS_LIST)
			return err_at(where, p->at.file, p->at.line,
			    "parameter %s must be of type address-list", p->name);
		if (strcmp(p->name, "primaries") == 0 &&
		    spec->role_value == ROLE_PRIMARY)
			return err_at(where, p->at.file, p->at.line,
			    "parameter primaries makes no sense with role = primary");
		if (p->fallback == NULL)
			continue;
		if (p->required)
			return err_at(where, p->at.file, p->at.line,
			    "parameter %s is required and has a default", p->name);
		if (value_parse(p->type, p->fallback, ring, &canonical, why,
			sizeof(why)) != OK)
			return err_at(where, p->at.file, p->at.line,
			    "default of parameter %s: %s", p->name, why);
		free(p->fallback);
		p->fallback = canonical;
	}
	return OK;
}

/* -- the template ---------------------------------------------------------- */

/* The whole file, at most TEMPLATE_MAX octets, none of them a NUL. */
static enum err
read_template(const struct spec_text *text, const char *path, char **template,
    struct err_where *where)
{
	struct stat st;
	struct buf buf;
	ssize_t got = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd == -1 || fstat(fd, &st) == -1 || !S_ISREG(st.st_mode)) {
		const char *why =
		    fd == -1 ? mem_errno_text(errno) : "it is not a plain file";
		if (fd != -1)
			close(fd);
		return err_at(where, text->at.file, text->at.line,
		    "initial-file %.150s: %s", path, why);
	}
	buf_init(&buf, TEMPLATE_MAX);
	for (uint8_t chunk[4096]; (got = read(fd, chunk, sizeof(chunk))) > 0;)
		buf_put(&buf, chunk, (size_t)got);
	close(fd);
	if (got == -1)
		err_at(where, text->at.file, text->at.line, "initial-file %.150s: %s",
		    path, mem_errno_text(errno));
	else if (buf.err != OK)
		err_at(where, text->at.file, text->at.line,
		    "initial-file %.150s has more than %d octets", path, TEMPLATE_MAX);
	else if (buf.size == 0 || memchr(buf.data, '\0', buf.size) != NULL)
		err_at(where, text->at.file, text->at.line,
		    "initial-file %.150s is empty or no text", path);
	else
		*template = mem_strdup(buf_text(&buf));
	buf_fini(&buf);
	return *template != NULL ? OK : ERR_INVALID;
}

/* Every ${...} must always have a value, so that no zone gets a broken file. */
static enum err
check_variables(const struct spec *spec, struct err_where *where)
{
	const struct spec_place *at = &spec->initial_file.at;

	for (const char *v = spec->template; (v = strstr(v, "${")) != NULL; v++) {
		const char *end = strpbrk(v, "}\n");
		const struct spec_param *p;
		char name[64] = "";

		if (end != NULL && *end == '}' && (size_t)(end - v) < sizeof(name))
			memcpy(name, v + 2, (size_t)(end - v) - 2);
		if (strcmp(name, "zone") == 0 || strcmp(name, "serial") == 0)
			continue;
		p = spec_param_find(spec, name);
		if (p == NULL)
			return err_at(where, at->file, at->line,
			    "initial-file names ${%.60s}, which is no parameter", name);
		if (!p->required && p->fallback == NULL)
			return err_at(where, at->file, at->line,
			    "initial-file names ${%.60s}, which needs a default or "
			    "required = yes",
			    name);
	}
	return OK;
}

static enum err
load_template(struct spec *spec, const char *dir, struct err_where *where)
{
	const struct spec_text *text = &spec->initial_file;
	char *path;
	enum err err;

	if (text->value == NULL)
		return OK;
	if (text->value[0] == '/' || strstr(text->value, "..") != NULL)
		return fault(where, text,
		    "initial-file must be a path below the pattern directory");
	path = mem_printf("%s/%s", dir, text->value);
	err = read_template(text, path, &spec->template, where);
	free(path);
	return err == OK ? check_variables(spec, where) : err;
}

enum err
spec_finish(struct spec *spec, const char *dir, const struct keyring *ring,
    struct err_where *where)
{
	enum err err = check_role(spec, where);

	if (err == OK)
		err = check_zonefile(spec, where);
	if (err == OK)
		err = check_dnssec(spec, where);
	if (err == OK)
		err = check_params(spec, ring, where);
	if (err == OK)
		err = load_template(spec, dir, where);
	return err;
}

/* -- the version ----------------------------------------------------------- */

static int
by_name(const void *a, const void *b)
{
	const struct spec_param *const *left = a, *const *right = b;

	return strcmp((*left)->name, (*right)->name);
}

static void
put_params(const struct spec *spec, struct buf *out)
{
	const struct spec_param **sorted =
	    mem_alloc((spec->n_params + 1) * sizeof(sorted[0]));

	for (size_t i = 0; i < spec->n_params; i++)
		sorted[i] = &spec->params[i];
	qsort(sorted, spec->n_params, sizeof(sorted[0]), by_name);
	for (size_t i = 0; i < spec->n_params; i++)
		buf_printf(out, "param %s %s %s %s\n", sorted[i]->name,
		    value_type_str(sorted[i]->type),
		    sorted[i]->required ? "required" : "optional",
		    sorted[i]->fallback != NULL ? sorted[i]->fallback : "-");
	free(sorted);
}

void
spec_version(const struct spec *spec, char version[static 9])
{
	struct buf out;

	buf_init(&out, 0);
	buf_printf(&out, "role %d\nzonefile %s\ndnssec %s\n", (int)spec->role_value,
	    spec_zonefile(spec),
	    spec->dnssec.value != NULL ? spec->dnssec.value : "off");
	for (unsigned i = 0; i < SPEC_N_LISTS; i++) {
		char *text = value_print_addresses(&spec->lists[i].remotes);

		buf_printf(&out, "%s %s\n", spec_list_name((enum spec_list_key)i),
		    text);
		free(text);
	}
	put_params(spec, &out);
	for (size_t i = 0; i < spec->n_options; i++)
		buf_printf(&out, "option %s %s\n", spec->options[i].driver,
		    spec->options[i].text);
	buf_printf(&out, "template\n%s", spec->template != NULL ? spec->template : "");
	digest_hex(buf_text(&out), out.size, 8, version);
	buf_fini(&out);
}
