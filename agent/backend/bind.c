/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/backend/bind.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "agent/backend/bind_http.h"
#include "agent/backend/check.h"
#include "agent/backend/drivers.h"
#include "agent/backend/rights.h"
#include "agent/backend/spool.h"
#include "lib/mem.h"

/*
 * The driver of BIND 9, written against 9.18 and the sources of later versions.
 *
 * Orders go to the control channel (rndc.c, rndc_msg.c): one connection for a
 * batch, one command after the other; results are told apart by their text, for
 * the numbers differ between versions. Zones are added, changed and removed by
 * addzone, modzone and delzone (bind_apply.c), which named keeps in its new-zone
 * database; or, where the operator says bulk = reconfig, many at once by way of
 * a file of zones and one reconfig (bind_bulk.c), for which time named answers
 * no query. Keys go into an include file first (bind_prepare.c). Which zones
 * there are comes from the statistics channel, read as a stream (bind_http.c,
 * bind_json.c), and whose they are as bind_find.c tells.
 *
 * Our mark on a zone is a first element of its allow-transfer that refuses a key
 * named after pattern, version and hash (bind_body.c), and a file below zone-dir:
 * named saves and shows both, so a changed pattern is noticed, and our zones are
 * known, when all else is lost. zone-dir must therefore stay where it is.
 *
 * What named says of a delzone is not on disk yet; the journal (bind_journal.c)
 * remembers what we deleted, so that a zone which is back after a crash goes
 * again. named slows down with every command of the last 15 minutes: rndc.c
 * counts them, and an addition costs one, a change or removal two.
 *
 * What must never happen: a zone touched that is not ours; a zone of the same
 * name in both the bulk file and the database, or one with a policy that does not
 * exist, for then named does not start; a configuration read again that would
 * take our channels away; a command sent again whose end was not seen.
 */

enum { DEFAULT_PORT = 953, VIEW_MAX = 60 };

const char *
bind_target(const struct bind *b, const struct dname *zone,
    char out[static BIND_NAME_MAX])
{
	char name[DNAME_TEXT_MAX];

	/* named does not take the view in quotes. */
	snprintf(out, BIND_NAME_MAX, "\"%s\"%s%s", dname_print_plain(zone, name),
	    b->view[0] != '\0' ? " IN " : "", b->view);
	return out;
}

enum err
bind_send(struct bind *b, const char *command, struct rndc_reply *reply,
    struct backend_error *why)
{
	enum err err = rndc_command(&b->rndc, command, reply, why);

	if (err == OK || err == ERR_RANGE || err == ERR_CANCELED)
		return err;
	b->ready = false;
	/* To the caller a channel that is not ours any more is one that is gone. */
	return err == ERR_AUTH || err == ERR_FORM ? ERR_CLOSED : err;
}

/* -- the running server ------------------------------------------------------- */

static enum err
take_body(void *arg, const char *data, size_t size)
{
	return bind_json_put(arg, data, size);
}

enum err
bind_read_stats(struct bind *b, const char *path, struct bind_stats *stats,
    struct backend_error *why)
{
	struct bind_json *json = mem_alloc(sizeof(*json));
	enum err err;

	stats->view = b->view[0] != '\0' ? b->view : "_default";
	bind_json_init(json, bind_stats_take, stats);
	err = bind_http_get(&b->http, &b->statistics, path, take_body, json, why);
	if (err == OK)
		err = bind_json_end(json);
	free(json);
	if (err == OK && stats->boot[0] == '\0')
		err = ERR_FORM;
	if (err == ERR_FORM)
		err = backend_fail(why, ERR_IO,
		    "%s: not the statistics of BIND in JSON", b->http.peer_text);
	return err;
}

/* Without the statistics channel the driver is blind: say what is missing. */
static enum err
explain_stats(struct bind *b, enum err err, struct backend_error *why)
{
	char address[ADDR_TEXT_MAX];
	struct backend_error first = *why;

	if (err != ERR_CLOSED && err != ERR_IO)
		return err;
	addr_print_host(&b->statistics, address);
	return backend_fail(why, err,
	    "%.70s; named.conf needs statistics-channels { inet %s port %u allow { %s; "
	    "}; };",
	    first.text, address, addr_port(&b->statistics), address);
}

/* A name that cannot be: before named finds that out, it looks whether zones may
 * be added at all, and where. */
static enum err
try_orders(struct bind *b, struct backend_error *why)
{
	struct rndc_reply reply;
	enum err err;
	char *command =
	    mem_printf("addzone \"a..invalid\"%s%s { type primary; file \"x\"; };",
		b->view[0] != '\0' ? " IN " : "", b->view);

	err = bind_send(b, command, &reply, why);
	free(command);
	rndc_disconnect(&b->rndc);
	if (err != OK)
		return err;
	if (strcmp(reply.err, "permission denied") == 0)
		err = backend_fail(why, ERR_DENIED,
		    "named takes no zones: its options (or view) need "
		    "allow-new-zones yes; and new-zones-directory \"...\";");
	else if (strcmp(reply.err, "not found") == 0)
		err = backend_fail(why, ERR_INVALID,
		    "%s: set view = NAME, or leave it out", reply.text);
	rndc_reply_fini(&reply);
	b->ready = err == OK;
	return err;
}

enum err
bind_look(struct bind *b, struct backend_error *why)
{
	struct bind_stats *stats = mem_zalloc(sizeof(*stats));
	enum err err = bind_read_stats(b, "/json/v1/status", stats, why);

	if (err != OK) {
		free(stats);
		return explain_stats(b, err, why);
	}
	if (strcmp(stats->boot, b->process) != 0) {
		textset_fini(&b->checked);
		b->ready = false;
		b->config_path[0] = '\0';
	}
	snprintf(b->version, sizeof(b->version), "%.*s",
	    (int)strcspn(stats->version, "-"), stats->version);
	snprintf(b->process, sizeof(b->process), "%s", stats->boot);
	b->boot_ms = bind_stats_time_ms(stats->boot);
	b->config_ms = bind_stats_time_ms(stats->config);
	free(stats);
	return b->ready ? OK : try_orders(b, why);
}

static enum err
bind_identify(void *ctx, struct backend_identity *id, struct backend_error *why)
{
	struct bind *b = ctx;
	enum err err = bind_look(b, why);

	if (err != OK)
		return err;
	memset(id, 0, sizeof(*id));
	strcpy(id->product, "BIND");
	memcpy(id->version, b->version, sizeof(id->version));
	snprintf(id->process, sizeof(id->process), "%.40s", b->process);
	if (b->generation > 0)
		snprintf(id->process + strlen(id->process), 16, "+%u", b->generation);
	return OK;
}

enum err
bind_locate(struct bind *b, struct backend_error *why)
{
	static const char word[] = "\nconfiguration file: ";
	const char *config = backend_option(&b->conf, "config", NULL);
	struct rndc_reply reply;
	const char *at;
	enum err err;

	if (b->config_path[0] != '\0')
		return OK;
	if (config != NULL) {
		snprintf(b->config_path, sizeof(b->config_path), "%s", config);
		return OK;
	}
	err = bind_send(b, "status", &reply, why);
	if (err != OK)
		return err;
	at = strstr(reply.text, word);
	if (at != NULL && at[sizeof(word) - 1] == '/')
		snprintf(b->config_path, sizeof(b->config_path), "%.*s",
		    (int)strcspn(at + sizeof(word) - 1, "\n"), at + sizeof(word) - 1);
	else
		strcpy(b->config_path, "/etc/bind/named.conf");
	rndc_reply_fini(&reply);
	return OK;
}

/* -- verbs -------------------------------------------------------------------- */

/* Of a zone of that kind it never does that. */
static bool
is_unsupported(const struct rndc_reply *reply)
{
	return strstr(reply->err, "not dynamic") != NULL ||
	       strstr(reply->err, "not primary") != NULL ||
	       strstr(reply->text, "not a secondary") != NULL ||
	       strstr(reply->text, "inappropriate zone type") != NULL;
}

static enum err
run_verb(struct bind *b, const char *verb, const struct dname *zone,
    struct backend_error *why)
{
	char target[BIND_NAME_MAX];
	struct bind_found found;
	struct rndc_reply reply;
	char *command;
	enum err err;

	bind_journal_read(b);
	err = bind_find(b, zone, &found, why);
	if (err != OK)
		return err;
	if (found.state != BIND_ZONE_OURS)
		return found.state == BIND_ZONE_NONE
			   ? backend_fail(why, ERR_NOTFOUND,
				 "named does not have the zone")
			   : backend_fail(why, ERR_DENIED,
				 "the zone in named is not ours");
	command = mem_printf("%s %s", verb, bind_target(b, zone, target));
	err = bind_send(b, command, &reply, why);
	free(command);
	if (err != OK)
		return err;
	if (!reply.good)
		err = backend_fail(why,
		    is_unsupported(&reply) ? ERR_UNSUPPORTED : ERR_INVALID,
		    "%s: %s%s%.120s", verb, reply.err,
		    reply.text[0] != '\0' ? ": " : "", reply.text);
	rndc_reply_fini(&reply);
	return err;
}

static enum err
bind_command(void *ctx, enum backend_verb verb, const struct dname *zone,
    struct backend_error *why)
{
	static const char *const words[] = {[VERB_REFRESH] = "refresh",
	    [VERB_RETRANSFER] = "retransfer",
	    [VERB_RELOAD] = "reload",
	    [VERB_NOTIFY] = "notify",
	    [VERB_FLUSH] = "sync",
	    [VERB_FREEZE] = "freeze",
	    [VERB_THAW] = "thaw"};
	struct bind *b = ctx;
	enum err err;

	if (zone == NULL)
		return backend_fail(why, ERR_INVALID, "a zone must be named");
	err = run_verb(b, words[verb], zone, why);
	rndc_disconnect(&b->rndc);
	return err;
}

/* -- configuration ------------------------------------------------------------ */

static enum err
check_words(const struct check *c)
{
	const char *bulk = backend_option(c->conf, "bulk", "addzone");
	const char *view = backend_option(c->conf, "view", "");

	if (strcmp(bulk, "addzone") != 0 && strcmp(bulk, "reconfig") != 0)
		return check_fault(c, "bulk", bulk, "is neither addzone nor reconfig");
	/* named does not take it quoted, and makes a hash of others' file names. */
	if (strlen(view) > VIEW_MAX ||
	    view[strspn(view, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
			      "0123456789_-")] != '\0' ||
	    strcasecmp(view, "_bind") == 0)
		return check_fault(c, "view", view, "is not a name of [A-Za-z0-9_-]");
	return check_absolute(c, "config", backend_option(c->conf, "config", NULL));
}

/* The addresses and the key, into b. */
static enum err
read_channels(const struct check *c, struct bind *b, struct addr *control,
    struct key **key)
{
	const char *address = backend_option(c->conf, "control", "127.0.0.1@953");
	const char *name = backend_option(c->conf, "key", NULL);
	const char *statistics = backend_option(c->conf, "statistics", NULL);
	struct dname dname;

	if (addr_parse(address, DEFAULT_PORT, control) != OK)
		return check_fault(c, "control", address, "is no ADDRESS@PORT");
	if (name == NULL)
		return check_fault(c, "key", "",
		    "is missing: the [key] section of the key in named's controls");
	if (dname_parse(name, &dname) != OK)
		return check_fault(c, "key", name, "is no name");
	*key = keyring_find(c->conf->keys, &dname);
	if (*key == NULL)
		return check_fault(c, "key", name, "is no [key] section");
	if (statistics == NULL)
		return check_fault(c, "statistics", "",
		    "is missing: ADDRESS@PORT of named's statistics-channels");
	if (addr_parse(statistics, 0, &b->statistics) != OK ||
	    addr_port(&b->statistics) == 0)
		return check_fault(c, "statistics", statistics, "is no ADDRESS@PORT");
	return OK;
}

static enum err
check_all(const struct check *c, struct bind *b, struct addr *control, struct key **key)
{
	enum err err = check_dirs(c);

	if (err == OK)
		err = check_words(c);
	if (err == OK)
		err = read_channels(c, b, control, key);
	return err;
}

static enum err
bind_check(const struct backend_conf *conf, struct err_where *where)
{
	struct check c = {conf, where};
	struct bind b;
	struct addr control;
	struct key *key;
	enum err err = check_all(&c, &b, &control, &key);

	return err == OK ? check_include(&c, bind_include_name) : err;
}

/* named does not start without it once named.conf includes it. */
static void
make_include(struct bind *b)
{
	int dir_fd;

	if (spool_open(b->conf.config_dir, &dir_fd) != OK)
		return;
	(void)!spool_create(dir_fd, bind_include_name, "", 0, 0640);
	close(dir_fd);
}

static enum err
bind_open(const struct backend_conf *conf, struct err_where *where, void **ctx)
{
	struct check c = {conf, where};
	struct bind *b = mem_zalloc(sizeof(*b));
	char address[ADDR_TEXT_MAX], text[ADDR_TEXT_MAX + 16];
	struct addr control;
	struct key *key;
	enum err err = check_all(&c, b, &control, &key);
	size_t n;

	if (err != OK) {
		free(b);
		return err;
	}
	b->conf = *conf;
	snprintf(b->zone_dir, sizeof(b->zone_dir), "%s", conf->zone_dir);
	for (n = strlen(b->zone_dir); n > 1 && b->zone_dir[n - 1] == '/'; n--)
		b->zone_dir[n - 1] = '\0';
	snprintf(b->view, sizeof(b->view), "%s", backend_option(conf, "view", ""));
	if (strcmp(b->view, "_default") == 0)
		b->view[0] = '\0';
	b->bulk = strcmp(backend_option(conf, "bulk", ""), "reconfig") == 0;
	/* The control channel starves while named is busy with zones. */
	rndc_init(&b->rndc, conf->name, &control, key, conf->cancel_fd,
	    2 * conf->timeout_ms);
	snprintf(text, sizeof(text), "statistics %s",
	    addr_print(&b->statistics, address));
	chan_init(&b->http, text, conf->cancel_fd, conf->timeout_ms);
	bind_names_init(&b->tombs);
	bind_names_init(&b->known_keys);
	make_include(b);
	*ctx = b;
	return OK;
}

static void
bind_close(void *ctx)
{
	struct bind *b = ctx;

	if (b == NULL)
		return;
	rndc_fini(&b->rndc);
	chan_close(&b->http);
	bind_names_fini(&b->tombs);
	bind_names_fini(&b->known_keys);
	textset_fini(&b->checked);
	free(b->bulk_zones);
	free(b);
}

/* One command after the other takes a millisecond each, and more. */
static unsigned
bind_batch_size(const void *ctx)
{
	const struct bind *b = ctx;

	return b->bulk ? BIND_BATCH_MAX : BIND_SINGLES_MAX;
}

static const char *const options[] = {"control", "key", "statistics", "config", "view",
    "bulk", NULL};

static const struct backend_rights rights = {
    .users = {"bind", "named"},
    .includes = true,
    .profile = "/etc/apparmor.d/usr.sbin.named",
    .confined_write = {"/var/lib/bind", "/var/cache/bind"},
    .confined_read = {"/etc/bind", "/var/lib/bind", "/var/cache/bind"},
};

const struct backend_driver bind_driver = {
    .name = "bind",
    .batch_max = BIND_BATCH_MAX,
    .batch_size = bind_batch_size,
    .caps = CAP_LIST | CAP_RESTART_ID | CAP_PER_ZONE_SETTINGS | CAP_TYPE_CHANGE |
	    CAP_BATCH_COSTS | CAP_SIGNS,
    .options = options,
    .rights = &rights,
    .check = bind_check,
    .open = bind_open,
    .close = bind_close,
    .rekey = bind_rekey,
    .identify = bind_identify,
    .inventory = bind_inventory,
    .lookup = bind_lookup,
    .prepare = bind_prepare,
    .mark_of = mark_of,
    .retire = bind_retire,
    .apply = bind_apply,
    .command = bind_command,
};
