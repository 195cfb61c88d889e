/* SPDX-License-Identifier: BSD-2-Clause */
#include <ctype.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "ctl/say.h"
#include "ctl/setup.h"
#include "ctl/tool.h"
#include "lib/mem.h"

/*
 * YADIFA: a key and an access list of our own, allow-control in <main>, an include
 * of what the agent writes. The key stands in a file of its own beside that, which
 * others cannot read. yadifad has no check tool: see check_file.
 */

#define ACL "nsherd"

/* A place in a source. */
struct place {
	struct source *source;
	size_t from, to;
};

struct yadifa {
	struct setup *s;
	const char *key; /* to look for; NULL: not known yet */
	bool has_key, has_acl;
	struct place main;    /* what follows <main> */
	struct place control; /* the value of allow-control */
	char *control_text, *xfrpath, *pidfile, *listen, *port;
};

/* -- the check -------------------------------------------------------------- */

/*
 * yadifad starts what it has read without a fault. So it is given what it cannot
 * start with: it reads all sections but <zone>, in several passes of which that of
 * <main> is the last to find a fault, and then stumbles over ours at the end.
 */
static const char sentinel[] =
    "\n<main>\n\tallow-notify nsherd-end-of-check\n</main>\n";

static enum err
check_file(const char *path)
{
	const char *const argv[] = {"yadifad", "--nodaemon", "-c", path, NULL};
	struct buf out;
	int status = 0;

	enum err e = tool_run(argv, &out, &status);
	if (!e && strstr(buf_text(&out), "nsherd-end-of-check") == NULL) {
		tool_say("yadifad", buf_text(&out));
		e = ERR_INVALID;
	}
	buf_fini(&out);
	return e;
}

/* -- reading ---------------------------------------------------------------- */

static char *
unquoted(const char *text)
{
	return text[0] == '"'
		   ? mem_printf("%.*s", (int)strcspn(text + 1, "\""), text + 1)
		   : mem_strdup(text);
}

static void
set(char **to, const char *text)
{
	free(*to);
	*to = unquoted(text);
}

static void
take_main(struct yadifa *y, struct source *source, size_t at, const char *name,
    const char *value)
{
	if (strcasecmp(name, "allow-control") == 0) {
		set(&y->control_text, value);
		y->control = (struct place){source, at, at + strlen(value)};
	} else if (strcasecmp(name, "xfrpath") == 0 ||
		   strcasecmp(name, "xfr-path") == 0) {
		set(&y->xfrpath, value);
	} else if (strcasecmp(name, "pidfile") == 0 ||
		   strcasecmp(name, "pid-file") == 0) {
		set(&y->pidfile, value);
	} else if (strcasecmp(name, "listen") == 0) {
		set(&y->listen, value);
	} else if (strcasecmp(name, "port") == 0 ||
		   strcasecmp(name, "server-port") == 0) {
		set(&y->port, value);
	}
}

static enum err read_lines(void *arg, struct source *source);

/* As a path of the including file's directory, if it is not absolute. */
static enum err
take_include(struct yadifa *y, struct source *source, size_t from, size_t to,
    const char *value)
{
	char *path = unquoted(value), *copy = mem_strdup(source->path);

	if (path[0] != '/') {
		char *whole = mem_printf("%s/%s", dirname(copy), path);
		free(path);
		path = whole;
	}
	enum err e =
	    sources_include(&y->s->sources, source, path, from, to, read_lines, y);
	free(path);
	free(copy);
	return e;
}

struct reading {
	char section[32]; /* "" outside */
};

/* One line, which is changed: its words, without comment and blanks around. */
static enum err
take_line(struct yadifa *y, struct reading *r, struct source *source, char *line,
    size_t from, size_t size)
{
	char *at = line + strspn(line, " \t");
	char *end = at;

	while (*end != '\0' &&
	       !(*end == '#' && (end == at || isblank((unsigned char)end[-1]))))
		end++;
	while (end > at && isspace((unsigned char)end[-1]))
		end--;
	*end = '\0';
	if (at[0] == '<') {
		bool closes = at[1] == '/';
		at += 1 + closes;
		at[strcspn(at, ">")] = '\0';
		snprintf(r->section, sizeof(r->section), "%s", closes ? "" : at);
		if (strcasecmp(r->section, "main") == 0 && y->main.source == NULL)
			y->main = (struct place){source, from + size, from + size};
		return OK;
	}
	char *value = at + strcspn(at, " \t");
	if (*value != '\0')
		*value++ = '\0';
	value += strspn(value, " \t");
	if (r->section[0] == '\0')
		return strcasecmp(at, "include") == 0
			   ? take_include(y, source, from, from + size, value)
			   : OK;
	if (strcasecmp(r->section, "main") == 0)
		take_main(y, source, from + (size_t)(value - line), at, value);
	else if (strcasecmp(r->section, "acl") == 0)
		y->has_acl = y->has_acl || strcasecmp(at, ACL) == 0;
	else if (strcasecmp(r->section, "key") == 0 && strcasecmp(at, "name") == 0)
		y->has_key = y->has_key || strcasecmp(value, y->key) == 0;
	return OK;
}

static enum err
read_lines(void *arg, struct source *source)
{
	struct reading r = {""};
	const char *text = buf_text(&source->text);
	enum err e = OK;

	for (size_t from = 0; !e && text[from] != '\0';) {
		size_t size = strcspn(text + from, "\n");
		char *line = mem_printf("%.*s", (int)size, text + from);
		size_t whole = size + (text[from + size] == '\n');
		e = take_line(arg, &r, source, line, from, whole);
		mem_wipe(line, size);
		free(line);
		from += whole;
	}
	return e;
}

/* -- what is missing -------------------------------------------------------- */

static bool
has_word(const char *list, const char *word)
{
	char *copy = mem_strdup(list), *rest = copy, *item;
	bool found = false;

	while ((item = strsep(&rest, ", \t;")) != NULL)
		found = found || strcasecmp(item, word) == 0;
	free(copy);
	return found;
}

static void
look_control(struct yadifa *y)
{
	if (y->control.source == NULL) {
		static const char line[] = "\tallow-control " ACL "\n";
		if (y->main.source != NULL)
			source_insert(y->main.source, y->main.from, line);
		else
			source_append(y->s->sources.all[0],
			    "<main>\n\tallow-control " ACL "\n</main>\n");
	} else if (has_word(y->control_text, "none")) {
		source_replace(y->control.source, y->control.from, y->control.to, ACL);
	} else if (!has_word(y->control_text, ACL)) {
		source_insert(y->control.source, y->control.to, ", " ACL);
	}
}

static void
look_include(struct yadifa *y, const char *path)
{
	if (sources_includes(&y->s->sources, path))
		return;
	char *line = mem_printf("include \"%s\"\n", path);
	source_append(y->s->sources.all[0], line);
	free(line);
}

/* Of several addresses the first: "ADDRESS port N, ..." */
static void
say_probe(struct setup *s, const struct yadifa *y, const char **address,
    const char **port)
{
	char *at = y->listen;

	*address = "";
	*port = y->port != NULL ? y->port : "53";
	(void)s;
	if (at == NULL)
		return;
	at[strcspn(at, ",;")] = '\0';
	char *word = strstr(at, " port ");
	if (word != NULL)
		*port = word + 6 + strspn(word + 6, " \t");
	at[strcspn(at, " \t")] = '\0';
	*address = at;
}

static void
say(struct setup *s, const struct yadifa *y, const char *key_file)
{
	const char *address, *port;
	const char *xfr = y->xfrpath != NULL ? y->xfrpath : "/var/lib/yadifa/xfr";
	const char *given = setup_get(s, "control", NULL);

	say_probe(s, y, &address, &port);
	if (given != NULL)
		buf_printf(&s->section, "control    = %s\n", given);
	else
		buf_printf(&s->section, "control    = %s@%s\n", setup_reach(address),
		    port);
	buf_printf(&s->section, "key        = %s\nconfig-dir = %s\nzone-dir   = %s\n",
	    y->key, s->config_dir, s->zone_dir);
	buf_printf(&s->section, "transfer-dir = %s\npidfile    = %s\n", xfr,
	    y->pidfile != NULL ? y->pidfile : "/run/yadifa/yadifad.pid");
	if (s->config[0] == '/')
		buf_printf(&s->section, "config     = %s\n", s->config);
	setup_probe(s, address, port);
	buf_printf(&s->section, "\n[key %s]\nfile       = %s\n", y->key, key_file);
	if (y->pidfile == NULL)
		setup_todo(s, "%s has no pidfile: <main> needs one", s->config);
	setup_rights(s, xfr);
}

static void
add_all(struct setup *s, struct yadifa *y, const char *algorithm,
    const struct buf *secret)
{
	char *key = mem_printf("%s/control.conf", s->config_dir);
	char *zones = mem_printf("%s/zones.conf", s->config_dir);
	struct buf text;

	if (!y->has_key) {
		buf_init(&text, 0);
		buf_printf(&text,
		    "<key>\n\tname %s\n\talgorithm %s\n\tsecret %s\n</key>\n", y->key,
		    algorithm, buf_text(secret));
		setup_file(s, key, "control key, for yadifad", &text);
		look_include(y, key);
	}
	buf_init(&text, 0);
	setup_file(s, zones, "empty, for the agent", &text);
	if (!y->has_acl) {
		char *acl = mem_printf("<acl>\n\t" ACL " key %s\n</acl>\n", y->key);
		source_append(s->sources.all[0], acl);
		free(acl);
	}
	look_control(y);
	look_include(y, zones);
	free(zones);
	free(key);
}

static enum err
look(struct setup *s)
{
	struct yadifa y = {.s = s};
	struct source *top;
	struct buf secret;
	char *name = NULL, *algorithm = NULL;
	char *key_file = mem_printf("%s/control.key", s->config_dir);
	const char *file = setup_get(s, "key-file", key_file);

	buf_init(&secret, 0);
	setup_dir(s, s->config_dir);
	setup_dir(s, s->zone_dir);
	enum err e = setup_control_key(s, file, &name, &algorithm, &secret);
	y.key = name;
	if (!e)
		e = sources_read(&s->sources, s->config, &top);
	if (!e)
		e = read_lines(&y, top);
	if (!e) {
		add_all(s, &y, algorithm, &secret);
		say(s, &y, file);
		s->after = mem_strdup("systemctl restart yadifa");
	}
	if (secret.data)
		mem_wipe(secret.data, secret.size);
	buf_fini(&secret);
	char *const all[] = {name, algorithm, key_file, y.control_text, y.xfrpath,
	    y.pidfile, y.listen, y.port};
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		free(all[i]);
	return e;
}

static enum err
check(struct setup *s)
{
	struct sources files = {0};
	struct source *top;

	enum err e = sources_read(&files, s->config, &top);
	if (!e)
		e = setup_check_copy(s, top, false, sentinel, check_file);
	sources_fini(&files);
	return e;
}

static enum err
check_edited(struct setup *s)
{
	return setup_check_copy(s, s->sources.all[0], true, sentinel, check_file);
}

static const char *const settings[] = {"control", "key-file", NULL};

const struct setup_server setup_yadifa = {
    .name = "yadifa",
    .config = "/etc/yadifa/yadifad.conf",
    .config_dir = "/etc/yadifa/nsherd",
    .zone_dir = "/var/lib/yadifa/nsherd",
    .group = "yadifa",
    .settings = settings,
    .check = check,
    .look = look,
    .check_edited = check_edited,
};
