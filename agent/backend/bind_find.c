/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/backend/bind.h"
#include "agent/backend/tool.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/mem.h"

/*
 * What named has. For one zone showzone tells all, at the price of a command.
 * For all of them the statistics channel has the names, and nothing of the
 * settings: whose a zone is comes, as a hint, from the new-zone database where
 * that can be read (named keeps it to itself, so mostly not), else from our
 * journal, and from the bulk file. Where the hint is missing the zone is listed
 * as not ours; the caller asks for those that it cares about one by one.
 */

enum {
	LIST_MIN = 50,
	LISTED_PER_COMMAND = 20, /* in the time of a showzone, at the least */
};

/* -- one zone ----------------------------------------------------------------- */

/*
 * named has it, and showzone fails: it is a member of a catalog that named
 * follows, or one that we added to a new-zone database that was full. What its
 * file is tells which.
 */
static enum err
look_closer(struct bind *b, const char *target, struct bind_found *found,
    struct backend_error *why)
{
	size_t n = strlen(b->zone_dir);
	struct rndc_reply reply;
	const char *file;
	char *command = mem_printf("zonestatus %s", target);
	enum err err = bind_send(b, command, &reply, why);

	free(command);
	if (err != OK)
		return err;
	file = strstr(reply.text, "\nfiles: ");
	found->state =
	    rndc_says(&reply, "not found") ? BIND_ZONE_NONE : BIND_ZONE_FOREIGN;
	if (file != NULL && strncmp(file + 8, b->zone_dir, n) == 0 &&
	    file[8 + n] == '/' && strstr(file, "/__catz__") == NULL) {
		found->state = BIND_ZONE_OURS;
		found->unsaved = true;
		found->primary = strstr(reply.text, "\ntype: primary") != NULL;
		strcpy(found->mark, "nsherd-unsaved");
	}
	rndc_reply_fini(&reply);
	return OK;
}

static void
read_zone(struct bind *b, const char *text, struct bind_found *found)
{
	struct bind_zone_text *zone = mem_alloc(sizeof(*zone));

	found->state = BIND_ZONE_FOREIGN;
	if (bind_body_read(text, zone) && bind_body_is_ours(zone, b->zone_dir)) {
		found->state = BIND_ZONE_OURS;
		found->primary = strcmp(zone->type, "primary") == 0;
		found->is_signed = zone->is_signed;
		memcpy(found->mark, zone->mark, sizeof(found->mark));
		memcpy(found->file, zone->file, sizeof(found->file));
	}
	free(zone);
}

enum err
bind_find_plain(struct bind *b, const struct dname *zone, struct bind_found *found,
    struct backend_error *why)
{
	char target[BIND_NAME_MAX], *command;
	struct rndc_reply reply;
	enum err err;

	memset(found, 0, sizeof(*found));
	bind_target(b, zone, target);
	command = mem_printf("showzone %s", target);
	err = bind_send(b, command, &reply, why);
	free(command);
	if (err != OK)
		return err;
	if (reply.good)
		read_zone(b, reply.text, found);
	else if (!rndc_says(&reply, "not found"))
		err = look_closer(b, target, found, why);
	else if (strstr(reply.text, "no matching zone") == NULL)
		err = backend_fail(why, ERR_IO, "showzone: %.160s", reply.text);
	rndc_reply_fini(&reply);
	return err;
}

/* It is back, and it is ours: the deletion did not reach the disk. */
static enum err
delete_again(struct bind *b, const struct dname *zone, struct backend_error *why)
{
	char target[BIND_NAME_MAX], *command;
	struct bind_lines lines;
	struct rndc_reply reply;
	enum err err;

	command = mem_printf("delzone %s", bind_target(b, zone, target));
	err = bind_send(b, command, &reply, why);
	free(command);
	if (err != OK)
		return err;
	if (!reply.good && !rndc_says(&reply, "not found"))
		err = backend_fail(why, ERR_IO,
		    "delzone of a zone that came back: %.120s", reply.err);
	rndc_reply_fini(&reply);
	if (err != OK)
		return err;
	log_info("bind",
	    "backend=%s zone=%s text=\"came back with a restart of named, "
	    "deleted again\"",
	    b->conf.name, target);
	b->deleted_ms = clock_ms();
	bind_lines_init(&lines);
	bind_lines_deleted(&lines, zone, b->process);
	bind_journal_write(b, &lines);
	bind_lines_fini(&lines);
	return OK;
}

enum err
bind_find(struct bind *b, const struct dname *zone, struct bind_found *found,
    struct backend_error *why)
{
	enum err err = bind_find_plain(b, zone, found, why);

	if (err != OK || found->state != BIND_ZONE_OURS ||
	    bind_names_get(&b->tombs, zone) == NULL)
		return err;
	err = delete_again(b, zone, why);
	if (err == OK)
		memset(found, 0, sizeof(*found));
	return err;
}

/* -- many zones --------------------------------------------------------------- */

const char bind_is_listed[] = "!";

struct marking {
	struct bind_names *names;
	size_t n; /* zones that named has */
};

static enum err
mark_listed(void *arg, const char *name, const char *type)
{
	struct marking *m = arg;
	struct dname zone;

	(void)type;
	m->n++;
	if (dname_parse(name, &zone) == OK && bind_names_get(m->names, &zone) != NULL)
		bind_names_set(m->names, &zone, bind_is_listed);
	return OK;
}

enum err
bind_mark_listed(struct bind *b, struct bind_names *names, struct backend_error *why)
{
	struct bind_stats *stats = mem_zalloc(sizeof(*stats));
	struct marking m = {names, 0};
	enum err err;

	stats->zone = mark_listed;
	stats->arg = &m;
	err = bind_read_stats(b, "/json/v1/zones", stats, why);
	if (err == OK && b->process[0] != '\0' && strcmp(stats->boot, b->process) != 0)
		err = backend_fail(why, ERR_CLOSED, "named was restarted meanwhile");
	if (err == OK)
		b->n_listed = m.n;
	free(stats);
	return err;
}

/*
 * Asking for each costs a command; reading the list costs what named has, and
 * tells for most that they are not there. What the list does not show (the
 * operator's zones without statistics) named tells of when it is to be added.
 */
static enum err
mark_many(struct bind *b, const struct dname *zones, size_t n, struct bind_names *names,
    struct backend_error *why)
{
	bool by_list = n >= LIST_MIN && b->n_listed / LISTED_PER_COMMAND <= n;

	for (size_t i = 0; i < n; i++)
		bind_names_set(names, &zones[i], by_list ? "" : bind_is_listed);
	return by_list ? bind_mark_listed(b, names, why) : OK;
}

enum err
bind_lookup(void *ctx, const struct dname *zones, size_t n, backend_zone_fn *fn,
    void *arg, struct backend_error *why)
{
	struct bind *b = ctx;
	struct bind_names names;
	enum err err;

	bind_journal_read(b);
	bind_names_init(&names);
	err = mark_many(b, zones, n, &names, why);
	for (size_t i = 0; err == OK && i < n; i++) {
		struct bind_found found;

		if (strcmp(bind_names_get(&names, &zones[i]), bind_is_listed) != 0)
			continue;
		err = bind_find(b, &zones[i], &found, why);
		if (err == OK && found.state != BIND_ZONE_NONE)
			err = fn(arg, &zones[i],
			    found.state == BIND_ZONE_OURS ? found.mark : NULL);
	}
	bind_names_fini(&names);
	rndc_disconnect(&b->rndc);
	return err;
}

/* -- the new-zone database ---------------------------------------------------- */

struct dump {
	struct bind *b;
	struct bind_names *marks;
	struct buf line;
	struct bind_zone_text text;
};

static void
take_dump_line(struct dump *d)
{
	struct dname zone;

	if (bind_body_read(buf_text(&d->line), &d->text) &&
	    dname_parse(d->text.name, &zone) == OK &&
	    bind_body_is_ours(&d->text, d->b->zone_dir))
		bind_names_set(d->marks, &zone, d->text.mark);
}

static void
take_dump(void *arg, const char *data, size_t size)
{
	struct dump *d = arg;

	while (size > 0) {
		const char *end = memchr(data, '\n', size);
		size_t n = end != NULL ? (size_t)(end - data) : size;

		buf_put(&d->line, data, n);
		if (end == NULL)
			return;
		if (d->line.err == OK)
			take_dump_line(d);
		buf_reset(&d->line);
		data += n + 1;
		size -= n + 1;
	}
}

/* Where the database is, if we can read it. Free it; NULL: we cannot. */
static char *
find_database(struct bind *b, struct backend_error *why)
{
	struct bind_config_reader r = {b->config_path, b->view, b->conf.cancel_fd,
	    b->conf.timeout_ms};
	struct bind_config c;
	const char *dir;
	char *path;

	if (bind_locate(b, why) != OK || bind_config_read(&r, &c, why) != OK)
		return NULL;
	dir = c.nzd_dir[0] != '\0' ? c.nzd_dir : c.directory;
	path = dir[0] == '/' ? mem_printf("%s/%s.nzd", dir,
				   b->view[0] != '\0' ? b->view : "_default")
			     : NULL;
	bind_config_fini(&c);
	if (path != NULL && access(path, R_OK) == -1) {
		free(path);
		return NULL;
	}
	return path;
}

/*
 * All of it, by named's tool. It is read without a lock, so that it may be torn
 * while named writes; what comes of that is a hint that is missing or old.
 */
static bool
dump_database(struct bind *b, struct bind_names *marks)
{
	struct backend_error why = {""};
	struct dump *d;
	struct tool tool = {.out = take_dump,
	    .cancel_fd = b->conf.cancel_fd,
	    .timeout_ms = b->conf.timeout_ms};
	const char *argv[3] = {NULL};
	char *database = find_database(b, &why), *tool_path;
	enum err err;

	if (database == NULL)
		return false;
	d = mem_zalloc(sizeof(*d));
	d->b = b;
	d->marks = marks;
	buf_init(&d->line, RNDC_REQUEST_MAX * 4);
	argv[0] = tool_path = tool_find("named-nzd2nzf", NULL);
	argv[1] = database;
	tool.argv = argv;
	tool.out_arg = d;
	err = tool_run(&tool, &why);
	buf_fini(&d->line);
	free(d);
	free(tool_path);
	free(database);
	return err == OK && tool.good;
}

/* -- all zones ---------------------------------------------------------------- */

struct listing {
	struct bind *b;
	struct bind_names marks; /* hints */
	struct bind_names back;  /* tombstones of zones that are there */
	backend_zone_fn *fn;
	void *arg;
};

static enum err
list_zone(void *arg, const char *name, const char *type)
{
	struct listing *l = arg;
	struct dname zone;

	l->b->n_listed++;
	if (dname_parse(name, &zone) != OK)
		return OK; /* no name that we could ever be asked for */
	if (bind_names_get(&l->b->tombs, &zone) != NULL) {
		bind_names_set(&l->back, &zone, "");
		return OK;
	}
	return l->fn(l->arg, &zone,
	    strcmp(type, "primary") == 0 || strcmp(type, "secondary") == 0
		? bind_names_get(&l->marks, &zone)
		: NULL);
}

/* Those we deleted, and that are there: ours go, others are listed. */
static enum err
bury_again(struct listing *l, struct backend_error *why)
{
	struct bind *b = l->b;
	struct dname zone;
	const char *text;
	size_t at = 0;
	enum err err = OK;

	while (err == OK && bind_names_next(&l->back, &at, &zone, &text)) {
		struct bind_found found;

		err = bind_find(b, &zone, &found, why);
		if (err == OK && found.state != BIND_ZONE_NONE)
			err = l->fn(l->arg, &zone, NULL);
	}
	return err;
}

/* A process later than the one that deleted them does not have them. */
static void
drop_tombs(struct listing *l, bool from_database)
{
	struct bind *b = l->b;
	struct bind_lines lines;
	struct dname zone;
	const char *process;
	size_t at = 0;

	bind_lines_init(&lines);
	while (bind_names_next(&b->tombs, &at, &zone, &process)) {
		if (bind_names_get(&l->back, &zone) != NULL)
			continue;
		if (strcmp(process, b->process) != 0 ||
		    (from_database && bind_names_get(&l->marks, &zone) == NULL))
			bind_lines_forget(&lines, &zone);
	}
	bind_journal_write(b, &lines);
	bind_lines_fini(&lines);
}

enum err
bind_inventory(void *ctx, backend_zone_fn *fn, void *arg, struct backend_error *why)
{
	struct bind *b = ctx;
	struct listing l = {.b = b, .fn = fn, .arg = arg};
	struct bind_stats *stats;
	struct bind_names dumped;
	bool from_database;
	enum err err = bind_look(b, why);

	if (err != OK)
		return err;
	bind_journal_read(b);
	err = bind_mend_include(b, why);
	if (err != OK)
		return err;
	bind_names_init(&l.marks);
	bind_names_init(&l.back);
	bind_names_init(&dumped);
	bind_journal_read_marks(b, &l.marks);
	if (clock_unix_ms() - b->changed_ms < 1000)
		/* named may not have written what it has answered. */
		err = chan_sleep(b->conf.cancel_fd, 200, why);
	from_database = err == OK && dump_database(b, &dumped);
	if (from_database) {
		bind_names_fini(&l.marks);
		l.marks = dumped;
	} else {
		bind_names_fini(&dumped);
	}
	bind_bulk_marks(b, &l.marks);
	stats = mem_zalloc(sizeof(*stats));
	stats->zone = list_zone;
	stats->arg = &l;
	b->n_listed = 0;
	if (err == OK)
		err = bind_read_stats(b, "/json/v1/zones", stats, why);
	if (err == OK && strcmp(stats->boot, b->process) != 0)
		err = backend_fail(why, ERR_CLOSED, "named was restarted meanwhile");
	free(stats);
	if (err == OK)
		err = bury_again(&l, why);
	if (err == OK)
		drop_tombs(&l, from_database);
	bind_names_fini(&l.back);
	bind_names_fini(&l.marks);
	rndc_disconnect(&b->rndc);
	return err;
}
