/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <libgen.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/say.h"
#include "ctl/setup.h"
#include "ctl/tool.h"
#include "lib/mem.h"

/*
 * Knot DNS: its configuration database, made of knot.conf, and the option that has
 * knotd use it, in the file of options of its unit. Nothing is changed in knot.conf.
 * What that says is read from a database made of it in a directory of our own.
 */

struct knot {
	char *rundir, *socket, *user, *listen;
};

static enum err
check(struct setup *s)
{
	const char *const argv[] = {"knotc", "-c", s->config, "conf-check", NULL};

	return tool_check(argv);
}

/* -- what knot.conf says ---------------------------------------------------- */

/* An item of a section of an exported configuration: its first value, unquoted. */
static char *
item_of(const char *text, const char *section, const char *item)
{
	char *copy = mem_strdup(text), *rest = copy, *line, *value = NULL;
	size_t size = strlen(section), item_size = strlen(item);
	bool inside = false;

	while (value == NULL && (line = strsep(&rest, "\n")) != NULL) {
		if (line[0] != ' ' && line[0] != '\0')
			inside = strncmp(line, section, size) == 0 && line[size] == ':';
		char *at = line + strspn(line, " ");
		if (!inside || at == line || strncmp(at, item, item_size) != 0 ||
		    at[item_size] != ':')
			continue;
		at += item_size + 1;
		at += strspn(at, " [\"");
		at[strcspn(at, "\",]")] = '\0';
		value = mem_strdup(at);
	}
	mem_wipe(copy, strlen(text));
	free(copy);
	return value;
}

static void
remove_database(const char *dir)
{
	static const char *const names[] = {"data.mdb", "lock.mdb", "export", NULL};

	for (size_t i = 0; names[i] != NULL; i++) {
		char *path = mem_printf("%s/%s", dir, names[i]);
		unlink(path);
		free(path);
	}
	rmdir(dir);
}

static enum err
import(const char *config, const char *dir)
{
	const char *const argv[] = {"knotc", "-C", dir, "conf-import", config, NULL};

	return tool_check(argv);
}

static enum err
read_config(struct setup *s, struct knot *k)
{
	const char *tmp = getenv("TMPDIR");
	struct sources files = {0};
	struct source *text;
	char *dir = mem_printf("%s/nsherd.XXXXXX", tmp && tmp[0] ? tmp : "/tmp");
	char *to = NULL;

	if (mkdtemp(dir) == NULL) {
		say_error("%s: %s", dir, mem_errno_text(errno));
		free(dir);
		return ERR_IO;
	}
	to = mem_printf("%s/export", dir);
	const char *const argv[] = {"knotc", "-C", dir, "conf-export", to, NULL};
	enum err e = import(s->config, dir);
	if (!e)
		e = tool_check(argv);
	if (!e)
		e = sources_read(&files, to, &text);
	if (!e) {
		const char *all = buf_text(&text->text);
		k->rundir = item_of(all, "server", "rundir");
		k->user = item_of(all, "server", "user");
		k->listen = item_of(all, "server", "listen");
		k->socket = item_of(all, "control", "listen");
	}
	sources_fini(&files);
	remove_database(dir);
	free(to);
	free(dir);
	return e;
}

/* -- the database ----------------------------------------------------------- */

static enum err
own(const char *dir, uid_t uid, gid_t gid)
{
	static const char *const names[] = {"data.mdb", "lock.mdb", "", NULL};
	enum err e = OK;

	for (size_t i = 0; !e && names[i] != NULL; i++) {
		char *path = mem_printf("%s/%s", dir, names[i]);
		if (lchown(path, uid, gid) == -1) {
			say_error("changing the owner of %s: %s", path,
			    mem_errno_text(errno));
			e = ERR_IO;
		}
		free(path);
	}
	return e;
}

/* Whose knotd is: "user:group", of which either may be absent. */
static enum err
own_as(const struct setup *s, const char *dir, char *who)
{
	char *group = who != NULL ? strchr(who, ':') : NULL;
	uid_t uid = geteuid();
	gid_t gid = s->gid;

	if (group != NULL)
		*group++ = '\0';
	const struct passwd *pw = who != NULL ? getpwnam(who) : NULL;
	if (pw != NULL)
		uid = pw->pw_uid;
	const struct group *gr = group != NULL ? getgrnam(group) : NULL;
	if (gr != NULL)
		gid = gr->gr_gid;
	return own(dir, uid, gid);
}

/* Whole or not at all. */
static enum err
make_database(struct setup *s, const struct setup_step *step)
{
	char *dir = mem_printf("%s.XXXXXX", step->path);
	enum err e = OK;

	if (mkdtemp(dir) == NULL) {
		say_error("%s: %s", dir, mem_errno_text(errno));
		e = ERR_IO;
	}
	if (!e) {
		e = import(s->config, dir);
		if (!e)
			e = own_as(s, dir, s->own);
		if (!e && chmod(dir, 0750) == -1)
			e = ERR_IO;
		if (!e && rename(dir, step->path) == -1) {
			say_error("making %s: %s", step->path, mem_errno_text(errno));
			e = ERR_IO;
		}
		if (e)
			remove_database(dir);
	}
	free(dir);
	return e;
}

/* -- the options of knotd --------------------------------------------------- */

/* The line KNOTD_ARGS=...: where its value is, without quotes. */
static bool
find_args(const char *text, size_t *from, size_t *to)
{
	static const char name[] = "KNOTD_ARGS=";
	const char *at = text;

	while (at != NULL && strncmp(at, name, sizeof(name) - 1) != 0) {
		at = strchr(at, '\n');
		at = at != NULL ? at + 1 : NULL;
	}
	if (at == NULL)
		return false;
	at += sizeof(name) - 1;
	bool quoted = at[0] == '"' || at[0] == '\'';
	char ends[] = {quoted ? at[0] : '\n', '\n', '\0'};
	at += quoted;
	*from = (size_t)(at - text);
	*to = *from + strcspn(at, ends);
	return true;
}

static enum err
look_options(struct setup *s, const char *confdb)
{
	const char *path = setup_get(s, "defaults", "/etc/default/knot");
	struct source *source;
	size_t from, to;

	if (access(path, F_OK) == -1) {
		setup_todo(s, "start knotd with -C %s in place of -c", confdb);
		return OK;
	}
	enum err e = sources_read(&s->sources, path, &source);
	if (e)
		return e;
	const char *text = buf_text(&source->text);
	if (!find_args(text, &from, &to)) {
		char *line = mem_printf("KNOTD_ARGS=\"-C %s\"\n", confdb);
		source_append(source, line);
		free(line);
		return OK;
	}
	char *value = mem_printf("%.*s", (int)(to - from), text + from);
	char *want = mem_printf("-C %s", confdb);
	const char *other = strstr(value, "-C");
	bool bare = from == 0 || text[from - 1] == '=';
	if (strstr(value, want) == NULL &&
	    (other != NULL || strstr(value, "-c") != NULL ||
		(bare && value[0] != '\0'))) {
		setup_todo(s, "%s: KNOTD_ARGS has something else; put %s in", path,
		    want);
	} else if (other == NULL && !bare) {
		char *put = mem_printf("%s%s", want, to > from ? " " : "");
		source_insert(source, from, put);
		free(put);
	} else if (other == NULL) {
		char *put = mem_printf("\"%s\"", want);
		source_insert(source, from, put);
		free(put);
	}
	free(value);
	free(want);
	return OK;
}

/* -- all of it -------------------------------------------------------------- */

static void
say(struct setup *s, struct knot *k, const char *confdb)
{
	const char *listen = k->listen != NULL ? k->listen : "";
	const char *rundir = k->rundir != NULL ? k->rundir : "/run/knot";

	if (k->socket != NULL && k->socket[0] == '/')
		buf_printf(&s->section, "control    = %s\n", k->socket);
	else
		buf_printf(&s->section, "control    = %s/%s\n", rundir,
		    k->socket != NULL ? k->socket : "knot.sock");
	buf_printf(&s->section, "confdb     = %s\nzone-dir   = %s\n", confdb,
	    s->zone_dir);
	char *address = mem_strdup(listen);
	char *at = strchr(address, '@');
	if (at != NULL)
		*at = '\0';
	setup_probe(s, address, at != NULL ? at + 1 : "53");
	free(address);
}

static enum err
look(struct setup *s)
{
	const char *confdb = setup_get(s, "confdb", "/var/lib/knot/confdb");
	char *data = mem_printf("%s/data.mdb", confdb);
	struct knot k = {0};
	enum err e = read_config(s, &k);

	if (!e)
		e = look_options(s, confdb);
	if (!e) {
		bool is_made = access(data, F_OK) == 0;
		setup_dir(s, s->zone_dir);
		setup_make(s, confdb, is_made, "made of the configuration",
		    make_database);
		/* Debian's file has none; later it is the database that counts. */
		if (!is_made && (k.listen == NULL || k.listen[0] == '\0'))
			setup_todo(s,
			    "set listen in section server of %s, before --apply: "
			    "without it knotd answers nowhere",
			    s->config);
		say(s, &k, confdb);
		s->own = k.user;
		k.user = NULL;
		s->after = mem_strdup("systemctl restart knot");
	}
	free(data);
	free(k.rundir);
	free(k.socket);
	free(k.user);
	free(k.listen);
	return e;
}

/* What is edited is no configuration of Knot's, and what is imported was checked. */
static enum err
check_edited(struct setup *s)
{
	(void)s;
	return OK;
}

static const char *const settings[] = {"confdb", "defaults", NULL};

const struct setup_server setup_knot = {
    .name = "knot",
    .config = "/etc/knot/knot.conf",
    .zone_dir = "/var/lib/knot/nsherd",
    .group = "knot",
    .settings = settings,
    .check = check,
    .look = look,
    .check_edited = check_edited,
};
