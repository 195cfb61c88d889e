/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/backend/bind.h"
#include "agent/backend/spool.h"
#include "lib/clock.h"
#include "lib/digest.h"
#include "lib/log.h"
#include "lib/mem.h"

/*
 * The include file and `reconfig`, by which named reads all of its configuration
 * again: so the whole must pass named-checkconf first, and must still have what
 * we depend on. An empty named.conf is a valid one, and takes named off the air.
 */

/* -- reconfig ----------------------------------------------------------------- */

enum err
bind_operators(struct backend_error *why, const char *fmt, ...)
{
	static const char word[] = "operator-config-changed: ";
	size_t n = sizeof(word) - 1;
	va_list ap;

	strcpy(why->text, word);
	va_start(ap, fmt);
	vsnprintf(why->text + n, sizeof(why->text) - n, fmt, ap);
	va_end(ap);
	return ERR_INVALID;
}

/* ERR_INVALID: with this configuration we would lose named, or named its zones. */
static enum err
check_whole(struct bind *b, const struct bind_config *c, struct backend_error *why)
{
	char address[ADDR_TEXT_MAX];
	bool by_default = !c->controls && addr_port(&b->rndc.addr) == 953;

	if (!c->statistics)
		return bind_operators(why, "named.conf has no %s any more",
		    "statistics-channels");
	if (!c->new_zones)
		return bind_operators(why, "named.conf has no %s any more",
		    "allow-new-zones yes");
	if (b->view[0] != '\0' && !c->has_view)
		return bind_operators(why, "named.conf has no view %s any more",
		    b->view);
	if (!by_default && !bind_config_has_name(c, "control", key_name(b->rndc.key)))
		return bind_operators(why,
		    "named.conf has no controls with our key for %s "
		    "any more",
		    addr_print(&b->rndc.addr, address));
	return OK;
}

/* When named read its files last, as far as can be known: config-time also moves
 * with every zone that is added. */
static int64_t
read_at_ms(const struct bind *b)
{
	int64_t ms = b->boot_ms;

	if (strcmp(b->loaded_process, b->process) == 0 && b->loaded_ms > ms)
		ms = b->loaded_ms;
	if (b->config_ms > b->changed_ms + 1000 && b->config_ms > ms)
		ms = b->config_ms;
	return ms;
}

enum err
bind_tell_reconfig(struct bind *b, bool *loaded, struct backend_error *why)
{
	int64_t now_ms = clock_unix_ms();
	struct rndc_reply reply;
	enum err err = bind_send(b, "reconfig", &reply, why);

	*loaded = false;
	if (err != OK)
		return err;
	b->changed_ms = clock_unix_ms();
	*loaded = reply.good;
	if (reply.good)
		b->loaded_ms = now_ms;
	else
		backend_fail(why, ERR_INVALID, "reconfig: %s; named's log has more",
		    reply.err);
	rndc_reply_fini(&reply);
	return OK;
}

static char *
include_path(const struct bind *b)
{
	return mem_printf("%s/%s", b->conf.config_dir, bind_include_name);
}

/*
 * Does named.conf include our file? By a key that is in the file if there is one, else
 * by the include statements. *newer: one of its files that was changed after ms, or
 * NULL; free it.
 */
static bool
has_include(const struct bind *b, const struct bind_config *c, const struct dname *key,
    int64_t ms, char **newer)
{
	char *include = include_path(b);
	bool included;

	*newer = bind_config_newer(b->config_path, c->directory, b->conf.config_dir, ms,
	    include, &included);
	free(include);
	return key != NULL ? bind_config_has_name(c, "key", key) : included;
}

static enum err
check_included(struct bind *b, const struct bind_config *c, const struct dname *key,
    struct backend_error *why)
{
	char *include = include_path(b), *newer;
	enum err err = OK;

	if (!has_include(b, c, key, read_at_ms(b), &newer))
		err = backend_fail(why, ERR_INVALID,
		    "named.conf does not include our file: it needs include \"%.120s\";",
		    include);
	else if (b->conf.reconfig_hold && newer != NULL)
		err = bind_operators(why,
		    "%s is newer than what named has read, and "
		    "reconfig = hold",
		    newer);
	free(newer);
	free(include);
	return err;
}

enum err
bind_may_reconfig(struct bind *b, const struct dname *key, bool bulk, bool *may,
    struct backend_error *why)
{
	struct bind_config_reader r = {b->config_path, b->view, b->conf.cancel_fd,
	    b->conf.timeout_ms};
	struct bind_config c;
	struct backend_error text = {""};
	enum err err = bind_locate(b, why);

	*may = false;
	if (err != OK)
		return err;
	err = bind_config_read(&r, &c, &text);
	if (err == ERR_INVALID) {
		bind_operators(why, "%.170s", text.text);
		return OK;
	}
	if (err != OK) {
		*why = text;
		return err;
	}
	err = check_whole(b, &c, why);
	/* named refuses to start with a zone that it has twice. */
	if (err == OK && bulk && c.hides_zones)
		err = backend_fail(why, ERR_INVALID,
		    "zone-statistics none hides which zones named has");
	if (err == OK)
		err = check_included(b, &c, key, why);
	bind_config_fini(&c);
	*may = err == OK;
	return err == ERR_INVALID ? OK : err;
}

enum err
bind_reconfig(struct bind *b, const struct dname *key, bool bulk, bool *loaded,
    struct backend_error *why)
{
	bool may;
	enum err err = bind_may_reconfig(b, key, bulk, &may, why);

	*loaded = false;
	return err == OK && may ? bind_tell_reconfig(b, loaded, why) : err;
}

enum err
bind_find_operators_key(struct bind *b, const struct bind_config *c,
    const struct key *key, bool *unread, struct backend_error *why)
{
	char name[DNAME_TEXT_MAX], *newer;
	enum err err = bind_config_find_key(c, key);

	*unread = false;
	if (err == ERR_EXISTS)
		return backend_fail(why, err,
		    "named.conf has a key %.100s of its own, with another secret or "
		    "algorithm",
		    dname_print_short(key_name(key), name));
	if (err != OK)
		return err;
	(void)!has_include(b, c, NULL, read_at_ms(b), &newer);
	*unread = newer != NULL;
	free(newer);
	return OK;
}

/* -- the include file --------------------------------------------------------- */

/* The file as it is, NULL if there is none. */
static enum err
read_include(struct bind *b, char **text, struct backend_error *why)
{
	size_t size;
	int dir_fd;
	enum err err = spool_open(b->conf.config_dir, &dir_fd);

	*text = NULL;
	if (err == OK) {
		err = spool_read(dir_fd, bind_include_name, text, &size);
		close(dir_fd);
	}
	if (err == OK || err == ERR_NOTFOUND)
		return OK;
	return backend_fail(why, err, "%s/%s: %s", b->conf.config_dir,
	    bind_include_name, mem_errno_text(errno));
}

static enum err
write_include(struct bind *b, const char *text, struct backend_error *why)
{
	int dir_fd;
	enum err err;

	if (strlen(text) > SPOOL_FILE_MAX)
		return backend_fail(why, ERR_SPACE,
		    "%.120s/%s would be larger than the %d MiB that can be read again",
		    b->conf.config_dir, bind_include_name, SPOOL_FILE_MAX >> 20);
	err = spool_open(b->conf.config_dir, &dir_fd);
	if (err == OK) {
		err =
		    spool_replace(dir_fd, bind_include_name, text, strlen(text), 0640);
		close(dir_fd);
	}
	if (err != OK)
		return backend_fail(why, err, "%s/%s: %s", b->conf.config_dir,
		    bind_include_name, mem_errno_text(errno));
	return OK;
}

static void
note_loaded(struct bind *b, const char *text)
{
	char digest[BIND_DIGEST_MAX];
	struct bind_lines lines;

	digest_hex(text, strlen(text), 16, digest);
	bind_lines_init(&lines);
	bind_lines_loaded(&lines, digest, b->process, b->loaded_ms);
	bind_journal_write(b, &lines);
	bind_lines_fini(&lines);
}

/* A key that next has, to see whether named.conf includes the file. */
static const struct dname *
any_key(const struct bind_include *next, struct dname *name)
{
	return next->n > 0 && dname_parse(next->keys[0].name, name) == OK ? name : NULL;
}

/* Does named.conf lead to the include file, as far as can be seen now? */
static bool
is_included(struct bind *b, const struct bind_include *next)
{
	struct bind_config_reader r = {b->config_path, b->view, b->conf.cancel_fd,
	    b->conf.timeout_ms};
	struct bind_config c;
	struct backend_error why = {""};
	struct dname name;
	char *newer;
	bool included;

	if (bind_config_read(&r, &c, &why) != OK)
		return false;
	included = has_include(b, &c, any_key(next, &name), INT64_MAX, &newer);
	free(newer);
	bind_config_fini(&c);
	return included;
}

/*
 * Has the running named read a file of this content? One that is older than its
 * start, if named.conf includes it: the operator may have dropped that line. Where
 * not, the reconfig that follows says so.
 */
static bool
is_loaded(struct bind *b, const struct bind_include *next, const char *text)
{
	struct backend_error why = {""};
	char digest[BIND_DIGEST_MAX];
	char *path;
	struct stat st;
	bool before;

	digest_hex(text, strlen(text), 16, digest);
	if (strcmp(digest, b->loaded_digest) == 0 &&
	    strcmp(b->process, b->loaded_process) == 0)
		return true;
	path = include_path(b);
	before = stat(path, &st) == 0 &&
		 (int64_t)st.st_mtim.tv_sec * 1000 + 1000 < b->boot_ms;
	free(path);
	if (!before || bind_locate(b, &why) != OK || !is_included(b, next))
		return false;
	note_loaded(b, text); /* of this process, once */
	return true;
}

static enum err
replace_include(struct bind *b, const struct bind_include *next, const char *text,
    const char *old, bool checked, bool *loaded, struct backend_error *why)
{
	struct dname name;
	struct backend_error text_error;
	enum err err = write_include(b, text, why);

	if (err != OK)
		return OK; /* not now */
	if (checked)
		err = bind_tell_reconfig(b, loaded, why);
	else
		err = bind_reconfig(b, any_key(next, &name), next->bulk, loaded, why);
	if (err == OK && *loaded) {
		note_loaded(b, text);
		return OK;
	}
	/* If the end was not seen, the new file stays: it has all that the old had. */
	if (err == OK && write_include(b, old != NULL ? old : "", &text_error) != OK)
		log_warn("bind", "backend=%s text=\"%s\"", b->conf.name,
		    text_error.text);
	return err;
}

enum err
bind_load_include(struct bind *b, const struct bind_include *next, bool checked,
    bool *loaded, struct backend_error *why)
{
	struct buf text;
	char *old = NULL;
	enum err err;

	*loaded = false;
	buf_init(&text, 0);
	bind_include_render(next, b->conf.keys, b->conf.config_dir, &text);
	err = read_include(b, &old, why);
	if (err != OK)
		err = OK; /* not now */
	else if (old != NULL && strcmp(old, buf_text(&text)) == 0 &&
		 is_loaded(b, next, old))
		*loaded = true;
	else
		err = replace_include(b, next, buf_text(&text), old, checked, loaded,
		    why);
	if (old != NULL)
		mem_wipe(old, strlen(old));
	free(old);
	mem_wipe(text.data, text.size);
	buf_fini(&text);
	return err;
}

enum err
bind_read_include(struct bind *b, struct bind_include *inc, struct backend_error *why)
{
	char *old;
	enum err err = read_include(b, &old, why);

	if (err != OK)
		return err;
	if (old != NULL) {
		bind_include_parse(inc, old);
		mem_wipe(old, strlen(old));
	}
	free(old);
	return OK;
}

/*
 * Keys that zones use are in the file, and where the bulk file has zones it is
 * included. If that is gone, its zones go with the next reconfig: have it at once,
 * and the list of zones read again.
 */
enum err
bind_mend_include(struct bind *b, struct backend_error *why)
{
	struct bind_include inc, next;
	struct dname name;
	const char *text;
	size_t at = 0;
	bool loaded = true;
	enum err err;

	bind_include_init(&inc);
	bind_include_init(&next);
	err = bind_read_include(b, &inc, why);
	bind_include_copy(&next, &inc);
	while (bind_names_next(&b->known_keys, &at, &name, &text))
		bind_include_add(&next, &name, b->conf.keys);
	next.bulk |= bind_bulk_is_used(b);
	if (next.bulk && bind_bulk_make(b)) {
		log_warn("bind", "backend=%s file=%s/%s text=\"was gone\"",
		    b->conf.name, b->conf.config_dir, bind_bulk_name);
		err = bind_reconfig(b, NULL, false, &loaded, why);
		b->generation++;
	}
	if (err == OK && (next.n != inc.n || next.bulk != inc.bulk))
		err = bind_load_include(b, &next, false, &loaded, why);
	if (!loaded)
		log_warn("bind", "backend=%s text=\"%s\"", b->conf.name, why->text);
	bind_include_fini(&inc);
	bind_include_fini(&next);
	return err == ERR_CANCELED || err == ERR_CLOSED || err == ERR_TIMEOUT ? err
									      : OK;
}
