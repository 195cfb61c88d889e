/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "ctl/setup.h"
#include "ctl/tool.h"
#include "lib/mem.h"

/*
 * NSD: the control channel, preferably its socket, and an include. What the file
 * says is asked of nsd-checkconf, which knows all that it includes.
 */

static enum err
check_file(const char *path)
{
	const char *const argv[] = {"nsd-checkconf", path, NULL};

	return tool_check(argv);
}

static enum err
check(struct setup *s)
{
	return check_file(s->config);
}

/* The value of an attribute; of several, one a line. */
static enum err
ask(const struct setup *s, const char *attribute, char **value)
{
	const char *const argv[] = {"nsd-checkconf", "-o", attribute, s->config, NULL};
	struct buf out;
	int status = 0;

	*value = NULL;
	enum err e = tool_run(argv, &out, &status);
	if (!e && status == 0) {
		*value = mem_strdup(buf_text(&out));
		(*value)[strcspn(*value, "\n")] = '\0';
	} else if (!e) {
		tool_say("nsd-checkconf", buf_text(&out));
		e = ERR_INVALID;
	}
	buf_fini(&out);
	return e;
}

/* -- what it includes ------------------------------------------------------- */

/* `include:` and a name, quoted or not, in lines that are no comments. */
static enum err
read_includes(void *arg, struct source *source)
{
	struct setup *s = arg;
	enum err e = OK;
	char *copy = mem_strdup(buf_text(&source->text)), *rest = copy, *line;

	while (!e && (line = strsep(&rest, "\n")) != NULL) {
		char *at = line + strspn(line, " \t");
		if (strncasecmp(at, "include:", 8) != 0)
			continue;
		at += 8;
		at += strspn(at, " \t");
		char *end =
		    at[0] == '"' ? strchr(at + 1, '"') : at + strcspn(at, " \t\r#");
		if (at[0] == '"')
			at++;
		if (end == NULL || end == at)
			continue;
		*end = '\0';
		size_t from = (size_t)(line - copy);
		e = sources_include(&s->sources, source, at, from, from, read_includes,
		    s);
	}
	if (source->text.size > 0)
		mem_wipe(copy, source->text.size);
	free(copy);
	return e;
}

/* -- the control channel ---------------------------------------------------- */

struct control {
	char *enabled, *interface, *port, *cert, *key, *ca;
};

static enum err
ask_control(const struct setup *s, struct control *c)
{
	enum err e = ask(s, "control-enable", &c->enabled);

	if (!e)
		e = ask(s, "control-interface", &c->interface);
	if (!e)
		e = ask(s, "control-port", &c->port);
	if (!e)
		e = ask(s, "control-cert-file", &c->cert);
	if (!e)
		e = ask(s, "control-key-file", &c->key);
	if (!e)
		e = ask(s, "server-cert-file", &c->ca);
	return e;
}

/* The first interface decides for all of them whether TLS is spoken. */
static void
say_control(struct setup *s, const struct control *c, const char *socket)
{
	char *at = strchr(c->interface, '@');
	const char *port = at != NULL ? at + 1 : c->port;

	if (c->interface[0] == '\0' || c->interface[0] == '/') {
		buf_printf(&s->section, "control    = %s\n",
		    c->interface[0] ? c->interface : socket);
		return;
	}
	if (at != NULL)
		*at = '\0';
	buf_printf(&s->section, "control    = %s@%s\n", setup_reach(c->interface),
	    port);
	buf_printf(&s->section, "tls-cert   = %s\ntls-key    = %s\ntls-ca     = %s\n",
	    c->cert, c->key, c->ca);
	setup_readable(s, c->cert);
	setup_readable(s, c->key);
	setup_readable(s, c->ca);
}

static void
free_control(struct control *c)
{
	free(c->enabled);
	free(c->interface);
	free(c->port);
	free(c->cert);
	free(c->key);
	free(c->ca);
}

static void
look_control(struct setup *s, struct source *top, const struct control *c)
{
	const char *socket = setup_get(s, "control", "/run/nsd/nsd.sock");
	bool enabled = strcmp(c->enabled, "yes") == 0;
	bool has_interface = c->interface[0] != '\0';

	if (!enabled || !has_interface) {
		char *line = has_interface
				 ? mem_strdup("")
				 : mem_printf("\tcontrol-interface: %s\n", socket);
		char *text =
		    mem_printf("remote-control:\n\tcontrol-enable: yes\n%s", line);
		source_append(top, text);
		free(text);
		free(line);
	}
	say_control(s, c, socket);
	s->after = mem_strdup(enabled && has_interface ? "nsd-control reconfig"
						       : "systemctl restart nsd");
}

static enum err
look(struct setup *s)
{
	struct control c = {0};
	struct source *top;
	char *address = NULL, *port = NULL;
	struct buf empty;
	char *include = mem_printf("%s/nsherd.conf", s->config_dir);

	enum err e = sources_read(&s->sources, s->config, &top);
	if (!e)
		e = read_includes(s, top);
	if (!e)
		e = ask_control(s, &c);
	if (!e)
		e = ask(s, "ip-address", &address);
	if (!e)
		e = ask(s, "port", &port);
	if (!e) {
		setup_dir(s, s->config_dir);
		setup_dir(s, s->zone_dir);
		buf_init(&empty, 0);
		setup_file(s, include, "empty, for the agent", &empty);
		look_control(s, top, &c);
		if (!sources_includes(&s->sources, include)) {
			char *line = mem_printf("include: \"%s\"\n", include);
			source_append(top, line);
			free(line);
		}
		if (strcmp(s->config, s->server->config) != 0)
			buf_printf(&s->section, "config     = %s\n", s->config);
		buf_printf(&s->section, "config-dir = %s\nzone-dir   = %s\n",
		    s->config_dir, s->zone_dir);
		char *at = strchr(address, '@');
		if (at != NULL)
			*at = '\0';
		setup_probe(s, address, at ? at + 1 : port);
	}
	free_control(&c);
	free(address);
	free(port);
	free(include);
	return e;
}

/* -- what it would be ------------------------------------------------------- */

static enum err
check_edited(struct setup *s)
{
	return setup_check_copy(s, s->sources.all[0], false, NULL, check_file);
}

static const char *const settings[] = {"control", NULL};

const struct setup_server setup_nsd = {
    .name = "nsd",
    .config = "/etc/nsd/nsd.conf",
    .config_dir = "/etc/nsd/nsherd",
    .zone_dir = "/var/lib/nsd/nsherd",
    .group = "nsd",
    .settings = settings,
    .check = check,
    .look = look,
    .check_edited = check_edited,
};
