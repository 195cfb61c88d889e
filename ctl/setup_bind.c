/* SPDX-License-Identifier: BSD-2-Clause */
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "ctl/setup.h"
#include "ctl/setup_named.h"
#include "ctl/tool.h"
#include "lib/mem.h"

/*
 * BIND: a key of our own in `controls` (and the one that rndc has had without them),
 * allow-new-zones in `options`, a statistics channel, an include.
 */

struct bind {
	struct named named;
	struct source *top;
	char *key, *key_file, *include;
	char *control, *control_port, *statistics, *statistics_port, *listen, *port;
};

static enum err
check_file(const char *path)
{
	const char *const argv[] = {"named-checkconf", path, NULL};

	return tool_check(argv);
}

static enum err
check(struct setup *s)
{
	return check_file(s->config);
}

static void
set(char **to, const char *text)
{
	char *copy = mem_strdup(text); /* it may be what *to has */

	free(*to);
	*to = copy;
}

/* "*" and the like are not where one can be asked. */
static bool
is_any(const char *address)
{
	return strcmp(address, "*") == 0 || strcmp(address, "0.0.0.0") == 0 ||
	       strcmp(address, "::") == 0 || strcasecmp(address, "any") == 0;
}

/* -- inet ADDRESS port PORT ------------------------------------------------- */

/* The first in the body of all statements of that name. *first and *next: it. */
static bool
find_inet(struct bind *b, const char *statement, size_t *first, size_t *next)
{
	size_t at = 0, end = 0, body, last;

	for (; named_find(&b->named, statement, &at, b->named.n, &end); at = end) {
		if (!named_body(&b->named, at, end, &body, &last))
			continue;
		*first = body;
		if (named_find(&b->named, "inet", first, last, next))
			return true;
	}
	return false;
}

static void
take_inet(struct bind *b, size_t first, size_t next, const char *port, char **address,
    char **number)
{
	size_t at = named_word(&b->named, "port", first, next);
	const char *text = named_text(&b->named, first + 1);

	set(address, is_any(text) ? "127.0.0.1" : text);
	set(number, at < next ? named_text(&b->named, at + 1) : port);
}

/* "127.0.0.1@953" of a setting, taken apart. */
static void
take_setting(const char *text, const char *port, char **address, char **number)
{
	const char *at = strchr(text, '@');

	free(*address);
	*address =
	    at != NULL ? mem_printf("%.*s", (int)(at - text), text) : mem_strdup(text);
	set(number, at != NULL ? at + 1 : port);
}

/* -- the control channel ---------------------------------------------------- */

static bool
has_key(const struct bind *b, const char *name)
{
	size_t at = 0, next = 0;

	for (; named_find(&b->named, "key", &at, b->named.n, &next); at = next)
		if (strcasecmp(named_text(&b->named, at + 1), name) == 0)
			return true;
	return false;
}

/*
 * Without controls, named takes orders by the key in rndc.key beside named.conf,
 * which rndc has, too: that goes on. Returns its name, to be freed, or NULL.
 */
static char *
keep_rndc_key(struct setup *s, struct bind *b)
{
	struct sources files = {0};
	struct named key;
	char *copy = mem_strdup(s->config), *name = NULL;
	char *path = mem_printf("%s/rndc.key", dirname(copy));

	if (access(path, F_OK) == 0 && access(path, R_OK) == -1)
		setup_todo(s,
		    "%s cannot be read by you: as root this says how rndc goes on with "
		    "its key",
		    path);
	else if (access(path, R_OK) == 0 && !named_read(&key, &files, path)) {
		if (strcasecmp(named_text(&key, 0), "key") == 0)
			name = mem_strdup(named_text(&key, 1));
		named_fini(&key);
	}
	if (name != NULL && !has_key(b, name) && !sources_includes(&s->sources, path)) {
		char *line = mem_printf("include \"%s\";\n", path);
		source_append(b->top, line);
		free(line);
	}
	sources_fini(&files);
	free(path);
	free(copy);
	return name;
}

static void
add_controls(struct setup *s, struct bind *b)
{
	char *rndc = keep_rndc_key(s, b);
	char *text = mem_printf("controls {\n\tinet %s port %s allow { %s; } "
				"keys { \"%s\"; %s%s%s};\n};\n",
	    b->control, b->control_port, b->control, b->key, rndc ? "\"" : "",
	    rndc ? rndc : "", rndc ? "\"; " : "");

	source_append(b->top, text);
	free(text);
	free(rndc);
}

/* inet ... allow { ... } keys { ... }; with ours among them. */
static void
add_to_inet(struct setup *s, struct bind *b, size_t first, size_t next)
{
	size_t at = named_word(&b->named, "keys", first, next), body, last;
	char *put;

	if (at < next && named_body(&b->named, at, next, &body, &last)) {
		for (size_t i = body; i < last; i++)
			if (strcasecmp(named_text(&b->named, i), b->key) == 0)
				return;
		put = mem_printf(" \"%s\";", b->key);
		named_put_after(&b->named, body - 1, put);
	} else {
		char *rndc = keep_rndc_key(s, b);
		put = mem_printf(" keys { \"%s\"; %s%s%s}", b->key, rndc ? "\"" : "",
		    rndc ? rndc : "", rndc ? "\"; " : "");
		named_put_before(&b->named, next - 1, put);
		free(rndc);
	}
	free(put);
}

static void
look_control(struct setup *s, struct bind *b)
{
	size_t first, next;

	if (!has_key(b, b->key)) {
		char *line = mem_printf("include \"%s\";\n", b->key_file);
		source_append(b->top, line);
		free(line);
	}
	if (find_inet(b, "controls", &first, &next)) {
		take_inet(b, first, next, "953", &b->control, &b->control_port);
		add_to_inet(s, b, first, next);
	} else {
		take_setting(setup_get(s, "control", "127.0.0.1@953"), "953",
		    &b->control, &b->control_port);
		add_controls(s, b);
	}
}

/* -- the rest --------------------------------------------------------------- */

static void
look_statistics(struct setup *s, struct bind *b)
{
	size_t first, next;

	if (find_inet(b, "statistics-channels", &first, &next)) {
		take_inet(b, first, next, "80", &b->statistics, &b->statistics_port);
		return;
	}
	take_setting(setup_get(s, "statistics", "127.0.0.1@8053"), "8053",
	    &b->statistics, &b->statistics_port);
	char *text = mem_printf("statistics-channels {\n\tinet %s port %s "
				"allow { %s; };\n};\n",
	    b->statistics, b->statistics_port, b->statistics);
	source_append(b->top, text);
	free(text);
}

static void
look_new_zones(struct setup *s, struct bind *b)
{
	size_t at = 0, end = 0, body, last, next;
	bool has_options = named_find(&b->named, "options", &at, b->named.n, &end) &&
			   named_body(&b->named, at, end, &body, &last);

	if (!has_options) {
		source_append(b->top, "options {\n\tallow-new-zones yes;\n};\n");
		return;
	}
	size_t first = body;
	if (named_find(&b->named, "allow-new-zones", &first, last, &next)) {
		const char *text = named_text(&b->named, first + 1);
		if (strcasecmp(text, "yes") != 0 && strcasecmp(text, "true") != 0 &&
		    strcmp(text, "1") != 0)
			setup_todo(s, "allow-new-zones %s; must be yes", text);
	} else {
		named_put_after(&b->named, body - 1, "\n\tallow-new-zones yes;");
	}
	first = body;
	if (!named_find(&b->named, "listen-on", &first, last, &next))
		return;
	size_t port = named_word(&b->named, "port", first, next), list, list_end;
	if (port < next)
		set(&b->port, named_text(&b->named, port + 1));
	if (named_body(&b->named, first, next, &list, &list_end))
		set(&b->listen, named_text(&b->named, list));
}

/* Where there are views there is no default one. */
static void
look_views(struct setup *s, struct bind *b)
{
	const char *given = setup_get(s, "view", NULL);
	size_t at = 0, next = 0, n = 0;

	for (; named_find(&b->named, "view", &at, b->named.n, &next); at = next)
		if (n++ == 0 && given == NULL)
			given = named_text(&b->named, at + 1);
	if (given != NULL)
		buf_printf(&s->section, "view       = %s\n", given);
	if (n > 1 && setup_get(s, "view", NULL) == NULL)
		setup_todo(s, "there are %zu views: say view=NAME for another than %s",
		    n, given);
}

static void
say(struct setup *s, const struct bind *b)
{
	buf_printf(&s->section, "control    = %s@%s\nkey        = %s\n", b->control,
	    b->control_port, b->key);
	buf_printf(&s->section, "statistics = %s@%s\n", b->statistics,
	    b->statistics_port);
	if (strcmp(s->config, s->server->config) != 0)
		buf_printf(&s->section, "config     = %s\n", s->config);
	buf_printf(&s->section, "config-dir = %s\nzone-dir   = %s\n", s->config_dir,
	    s->zone_dir);
	setup_probe(s, b->listen != NULL ? b->listen : "",
	    b->port != NULL ? b->port : "53");
	buf_printf(&s->section, "\n[key %s]\nfile       = %s\n", b->key, b->key_file);
}

static void
look_all(struct setup *s, struct bind *b)
{
	struct buf empty;

	buf_init(&empty, 0);
	setup_file(s, b->include, "empty, for the agent", &empty);
	look_control(s, b);
	look_new_zones(s, b);
	look_statistics(s, b);
	look_views(s, b);
	if (!sources_includes(&s->sources, b->include)) {
		char *line = mem_printf("include \"%s\";\n", b->include);
		source_append(b->top, line);
		free(line);
	}
	say(s, b);
	s->after = mem_strdup("rndc reconfig");
}

static enum err
look(struct setup *s)
{
	struct bind b = {0};

	b.include = mem_printf("%s/nsherd.conf", s->config_dir);
	b.key_file = mem_printf("%s/control.key", s->config_dir);
	set(&b.key_file, setup_get(s, "key-file", b.key_file));
	enum err e = named_read(&b.named, &s->sources, s->config);
	if (!e) {
		b.top = s->sources.all[0];
		setup_dir(s, s->config_dir);
		setup_dir(s, s->zone_dir);
		e = setup_control_key(s, b.key_file, &b.key, NULL, NULL);
	}
	if (!e)
		look_all(s, &b);
	named_fini(&b.named);
	char *const all[] = {b.key, b.key_file, b.include, b.control, b.control_port,
	    b.statistics, b.statistics_port, b.listen, b.port};
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		free(all[i]);
	return e;
}

/* The edit may be in what named.conf includes: so all in one. */
static enum err
check_edited(struct setup *s)
{
	return setup_check_copy(s, s->sources.all[0], true, NULL, check_file);
}

static const char *const settings[] = {"control", "statistics", "view", "key-file",
    NULL};

const struct setup_server setup_bind = {
    .name = "bind",
    .config = "/etc/bind/named.conf",
    .config_dir = "/etc/bind/nsherd",
    .zone_dir = "/var/lib/bind/nsherd",
    .group = "bind",
    .settings = settings,
    .check = check,
    .look = look,
    .check_edited = check_edited,
};
