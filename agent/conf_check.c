/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/conf.h"
#include "agent/conf_read.h"
#include "agent/pattern/pattern.h"
#include "agent/store/catalogs.h"
#include "lib/catz.h"
#include "lib/mem.h"
#include "lib/tls.h"

/* What shows only when the whole file was read; and, for -t, what shows only on
 * this machine. */

/* -- [key] ----------------------------------------------------------------- */

static void
make_key(struct conf *conf, struct conf_key *k, const char *name)
{
	uint8_t secret[KEY_SECRET_MAX];
	size_t size;
	enum key_alg alg = KEY_SHA256;

	if (k->algorithm != NULL && key_alg_parse(k->algorithm, &alg) != OK)
		return;
	if (key_secret_parse(k->secret, secret, &size) != OK)
		conf_fault(conf, k->line, "[key %s]: the secret is not base64", name);
	else if (key_new(&k->name, alg, secret, size, &k->key) != OK)
		conf_fault(conf, k->line, "[key %s]: the secret is empty", name);
	mem_wipe(secret, sizeof(secret));
}

/* About a file that is named at `line`: what is wrong in it has a line of its own. */
static void
fault_in_file(struct conf *conf, unsigned line, const char *what,
    const struct err_where *where)
{
	if (where->line != 0)
		conf_fault_at(conf, where);
	else
		conf_fault(conf, line, "%s: %s: %s", what, where->file, where->what);
}

static void
load_key(struct conf *conf, struct conf_key *k, const char *name)
{
	struct err_where where = {0};
	struct key *key = NULL;
	enum key_alg alg;

	if (key_load(k->file, &key, &where) != OK) {
		char what[32 + DNAME_TEXT_MAX];
		snprintf(what, sizeof(what), "[key %s]: file", name);
		fault_in_file(conf, k->line, what, &where);
		return;
	}
	if (!dname_equal(key_name(key), &k->name))
		conf_fault(conf, k->line, "[key %s]: %s has the key %s", name, k->file,
		    key_name_text(key));
	else if (k->algorithm != NULL && key_alg_parse(k->algorithm, &alg) == OK &&
		 alg != key_algorithm(key))
		conf_fault(conf, k->line, "[key %s]: %s has a key for %s", name,
		    k->file, key_alg_str(key_algorithm(key)));
	else
		k->key = key_ref(key);
	key_unref(key);
}

static void
check_key(struct conf *conf, struct conf_key *k)
{
	char name[DNAME_TEXT_MAX];

	dname_print_short(&k->name, name);
	if (k->secret != NULL && k->file != NULL)
		conf_fault(conf, k->line, "[key %s]: both secret and file", name);
	else if (k->secret != NULL)
		make_key(conf, k, name);
	else if (k->file != NULL)
		load_key(conf, k, name);
	else
		conf_fault(conf, k->line, "[key %s]: neither secret nor file", name);
	if (k->key != NULL && keyring_add(conf->ring, k->key) != OK)
		conf_fault(conf, k->line, "[key %s]: a second key of that name", name);
}

/* A secret must not be where everybody can read it. */
static void
check_mode(struct conf *conf)
{
	struct stat st;
	bool has_secret = false;

	for (size_t i = 0; i < conf->n_keys; i++)
		has_secret = has_secret || conf->keys[i]->secret != NULL;
	if (has_secret && stat(conf->path, &st) == 0 && (st.st_mode & 0007) != 0)
		conf_fault(conf, 0,
		    "holds a secret and is open to others (mode %04o): chmod o= it",
		    (unsigned)st.st_mode & 07777);
}

/* -- [catalog] ------------------------------------------------------------- */

static void
find_keys(struct conf *conf, struct conf_remote *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct conf_remote *c = &list[i];
		char text[DNAME_TEXT_MAX];
		if (!c->remote.has_key)
			continue;
		c->key = keyring_find(conf->ring, &c->remote.key);
		if (c->key == NULL)
			conf_fault(conf, c->line, "there is no [key %s]",
			    dname_print_short(&c->remote.key, text));
	}
}

static void
check_role(struct conf *conf, struct conf_catalog *c)
{
	find_keys(conf, c->primaries, c->n_primaries);
	find_keys(conf, c->notify, c->n_notify);
	if (c->is_follower && c->n_primaries == 0)
		conf_fault(conf, c->line, "[catalog %s]: a follower needs primaries",
		    c->label);
	if (!c->is_follower && c->n_primaries > 0)
		conf_fault(conf, c->primaries[0].line,
		    "[catalog %s]: primaries are for role = follower", c->label);
}

static void
check_catalog(struct conf *conf, size_t n)
{
	static const char *const control[] = {"_status", "_command", "_log"};
	struct conf_catalog *c = conf->catalogs[n];
	struct dname zone;

	check_role(conf, c);
	if (!c->has_name) {
		conf_fault(conf, c->line, "[catalog %s]: no name", c->label);
		return;
	}
	for (size_t i = 0; i < sizeof(control) / sizeof(control[0]); i++) {
		if (catz_control_zone(control[i], &c->name, &zone) != OK) {
			conf_fault(conf, c->line,
			    "[catalog %s]: the name leaves no room for %s", c->label,
			    control[i]);
			break;
		}
	}
	for (size_t i = 0; i < n; i++) {
		const struct conf_catalog *o = conf->catalogs[i];
		if (o->has_name && (dname_is_at_or_below(&c->name, &o->name) ||
				       dname_is_at_or_below(&o->name, &c->name)))
			conf_fault(conf, c->line,
			    "[catalog %s]: the names of this one and of [catalog %s] "
			    "lie in each other",
			    c->label, o->label);
	}
}

/* -- [backend] ------------------------------------------------------------- */

static bool
knows_option(const struct backend_driver *driver, const char *name)
{
	for (size_t i = 0; driver->options != NULL && driver->options[i] != NULL; i++)
		if (strcmp(driver->options[i], name) == 0)
			return true;
	return false;
}

static bool
has_catalog(const struct conf *conf, const char *label)
{
	for (size_t i = 0; i < conf->n_catalogs; i++)
		if (strcmp(conf->catalogs[i]->label, label) == 0)
			return true;
	return false;
}

static void
check_backend(struct conf *conf, size_t n)
{
	const struct conf_backend *b = conf->backends[n];

	if (b->driver_name[0] == '\0')
		conf_fault(conf, b->line, "[backend %s]: no driver", b->name);
	for (size_t i = 0; b->driver != NULL && i < b->n_options; i++)
		if (!knows_option(b->driver, b->options[i].name))
			conf_fault(conf, b->options[i].line,
			    "%s: unknown setting in [backend %s] with the driver %s",
			    b->options[i].name, b->name, b->driver->name);
	for (size_t i = 0; i < b->n_catalog_labels; i++)
		if (!has_catalog(conf, b->catalog_labels[i]))
			conf_fault(conf, b->line,
			    "[backend %s]: there is no [catalog %s]", b->name,
			    b->catalog_labels[i]);
	if (b->has_probe_key && keyring_find(conf->ring, &b->probe_key) == NULL)
		conf_fault(conf, b->line, "[backend %s]: there is no such probe-key",
		    b->name);
	for (size_t i = 0; i < n; i++)
		if (strcmp(conf->backends[i]->name, b->name) == 0)
			conf_fault(conf, b->line,
			    "[backend %s]: a second one of that name", b->name);
}

/* -- all of it ------------------------------------------------------------- */

unsigned
conf_line_of(const struct conf *conf, const char *name)
{
	for (size_t i = 0; i < conf->n_lines; i++)
		if (strcmp(conf->lines[i].section, "agent") == 0 &&
		    strcmp(conf->lines[i].name, name) == 0)
			return conf->lines[i].line;
	return 0;
}

static void
default_listen(struct conf *conf)
{
	static const char *const defaults[] = {"127.0.0.1@5300", "::1@5300"};

	conf->listen_is_default = true;
	conf->listen = mem_zalloc(2 * sizeof(*conf->listen));
	for (size_t i = 0; i < 2; i++)
		if (addr_parse(defaults[i], 0, &conf->listen[i]) == OK)
			conf->n_listen++;
}

static bool
was_given(const struct conf *conf, const char *name)
{
	return conf_line_of(conf, name) != 0;
}

static void
check_listen_tls(struct conf *conf)
{
	bool has_cert = conf->tls_cert != NULL, has_key = conf->tls_key != NULL;

	if (was_given(conf, "listen-tls") && !has_cert && !has_key)
		conf_fault(conf, conf_line_of(conf, "listen-tls"),
		    "listen-tls: needs tls-cert and tls-key");
	else if (has_cert != has_key)
		conf_fault(conf, conf_line_of(conf, has_cert ? "tls-cert" : "tls-key"),
		    "tls-cert and tls-key go together");
	if (conf->tls_client_ca != NULL && !was_given(conf, "listen-tls"))
		conf_fault(conf, conf_line_of(conf, "tls-client-ca"),
		    "tls-client-ca: makes no sense without listen-tls");
}

void
conf_check(struct conf *conf)
{
	if (conf->n_lines == 0 && conf->n_faults > 0)
		return; /* there was no file to read */
	for (size_t i = 0; i < conf->n_keys; i++)
		check_key(conf, conf->keys[i]);
	check_mode(conf);
	for (size_t i = 0; i < conf->n_catalogs; i++)
		check_catalog(conf, i);
	for (size_t i = 0; i < conf->n_backends; i++)
		check_backend(conf, i);
	if (conf->n_catalogs == 0)
		conf_fault(conf, 0, "no [catalog NAME] section with settings");
	if (conf->n_catalogs > CATALOGS_MAX)
		conf_fault(conf, 0, "more than %d catalogs", CATALOGS_MAX);
	if (conf->n_backends > BACKENDS_MAX)
		conf_fault(conf, 0, "more than %d backends", BACKENDS_MAX);
	if (conf->state_dir == NULL)
		conf_fault(conf, 0, "no state-dir in [agent]");
	if (conf->pattern_dir == NULL && conf->n_backends > 0)
		conf_fault(conf, 0, "no pattern-dir in [agent]");
	if (!was_given(conf, "listen"))
		default_listen(conf);
	check_listen_tls(conf);
}

/* -- while the agent runs -------------------------------------------------- */

void
conf_keep_fixed(struct conf *now, const struct conf *old, conf_fixed_fn *fn, void *arg)
{
	if (strcmp(now->name, old->name) != 0) {
		fn(arg, "name", conf_line_of(now, "name"));
		memcpy(now->name, old->name, sizeof(now->name));
	}
	if (strcmp(now->state_dir, old->state_dir) != 0) {
		fn(arg, "state-dir", conf_line_of(now, "state-dir"));
		free(now->state_dir);
		now->state_dir = mem_strdup(old->state_dir);
	}
}

void
conf_fault_in(struct conf *conf, const char *setting, const struct err_where *where)
{
	if (strcmp(where->file, setting) == 0) /* about itself, and no file */
		conf_fault(conf, conf_line_of(conf, setting), "%s: %s", setting,
		    where->what);
	else
		fault_in_file(conf, conf_line_of(conf, setting), setting, where);
}

/* -- this machine ---------------------------------------------------------- */

/* It is there and ours to write, or it can be made. */
static void
check_state_dir(struct conf *conf)
{
	unsigned line = conf_line_of(conf, "state-dir");
	struct stat st;

	if (stat(conf->state_dir, &st) == 0) {
		if (!S_ISDIR(st.st_mode))
			conf_fault(conf, line, "state-dir: %s is no directory",
			    conf->state_dir);
		else if (access(conf->state_dir, R_OK | W_OK | X_OK) != 0)
			conf_fault(conf, line, "state-dir: %s: %s", conf->state_dir,
			    mem_errno_text(errno));
		else if ((st.st_mode & 0007) != 0)
			conf_fault(conf, line,
			    "state-dir: %s is open to others (mode %04o)",
			    conf->state_dir, (unsigned)st.st_mode & 07777);
		return;
	}
	if (errno != ENOENT) {
		conf_fault(conf, line, "state-dir: %s: %s", conf->state_dir,
		    mem_errno_text(errno));
		return;
	}
	char *parent = mem_strdup(conf->state_dir);
	size_t n = strlen(parent);
	while (n > 1 && parent[n - 1] == '/')
		n--;
	while (n > 0 && parent[n - 1] != '/')
		n--;
	parent[n > 1 ? n - 1 : n] = '\0';
	if (access(n > 0 ? parent : ".", W_OK | X_OK) != 0)
		conf_fault(conf, line, "state-dir: %s cannot be made: %s",
		    conf->state_dir, mem_errno_text(errno));
	free(parent);
}

static void
check_patterns(struct conf *conf)
{
	struct err_where where = {0};
	struct pattern_set *set = NULL;
	const struct pattern *p;

	if (pattern_load(conf->pattern_dir, conf->ring, &where, &set) != OK) {
		conf_fault_in(conf, "pattern-dir", &where);
		return;
	}
	for (size_t i = 0; (p = pattern_at(set, i)) != NULL; i++) {
		if (pattern_error(p) == NULL)
			continue;
		struct err_where fault = {0}; /* its text has the file and line */
		snprintf(fault.what, sizeof(fault.what), "%s", pattern_error(p));
		conf_fault_at(conf, &fault);
	}
	for (size_t i = 0; i < conf->n_catalogs; i++) {
		const struct conf_catalog *c = conf->catalogs[i];
		if (c->default_pattern[0] != '\0' &&
		    pattern_find(set, c->default_pattern) == NULL)
			conf_fault(conf, c->line,
			    "[catalog %s]: there is no pattern %s in %s", c->label,
			    c->default_pattern, conf->pattern_dir);
	}
	pattern_set_unref(set);
}

void
conf_fault_tls(struct conf *conf, const struct err_where *where)
{
	const struct {
		const char *name, *file;
	} settings[] = {
	    {"tls-key", conf->tls_key},
	    {"tls-client-ca", conf->tls_client_ca},
	    {"tls-ca", conf->tls_ca},
	    {"tls-cert", conf->tls_cert},
	};
	size_t i = 0, last = sizeof(settings) / sizeof(settings[0]) - 1;

	while (i < last &&
	       (settings[i].file == NULL || strcmp(settings[i].file, where->file) != 0))
		i++;
	conf_fault_in(conf, settings[i].name, where);
}

static void
check_tls(struct conf *conf)
{
	struct err_where server = {0}, client = {0};
	struct tls_files files;
	struct tls_ctx *ctx = NULL;

	if ((conf->tls_cert != NULL) != (conf->tls_key != NULL))
		return; /* that was said */
	conf_get_tls_server(conf, &files);
	if (files.cert != NULL && tls_server_new(&files, &server, &ctx) != OK)
		conf_fault_tls(conf, &server);
	tls_ctx_unref(ctx);
	ctx = NULL;
	conf_get_tls_client(conf, &files);
	files.cert = files.key = NULL; /* the same as above */
	if ((files.ca != NULL || conf_calls_tls(conf)) &&
	    tls_client_new(&files, &client, &ctx) != OK)
		conf_fault_tls(conf, &client);
	tls_ctx_unref(ctx);
}

static void
check_driver(struct conf *conf, const struct conf_backend *b)
{
	struct backend_conf bc;
	struct err_where where = {0};

	conf_get_backend(conf, b, &bc);
	if (b->driver->check == NULL || b->driver->check(&bc, &where) == OK)
		return;
	if (where.line == 0) /* not one setting alone */
		conf_fault(conf, b->line, "%s", where.what);
	else
		conf_fault_at(conf, &where);
}

enum err
conf_check_all(struct conf *conf)
{
	if (conf->state_dir != NULL)
		check_state_dir(conf);
	if (conf->pattern_dir != NULL)
		check_patterns(conf);
	check_tls(conf);
	for (size_t i = 0; i < conf->n_backends; i++)
		if (conf->backends[i]->driver != NULL)
			check_driver(conf, conf->backends[i]);
	return conf->n_faults > 0 ? ERR_INVALID : OK;
}
