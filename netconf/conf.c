/* SPDX-License-Identifier: BSD-2-Clause */
#include "netconf/conf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libssh/libssh.h>

#include "lib/inifile.h"
#include "lib/mem.h"

enum {
	PORT_AGENT = 5300,
	PORT_AGENT_TLS = 853,
	PORT_SSH = 830,
	PORT_TLS = 6513,
	MEBI = 1 << 20,
};

struct reader {
	struct conf *conf;
	const char *name; /* of the setting at hand */
	unsigned line;
	char *section;
	struct conf_user *user; /* NULL: in [netconf] */
	bool known;             /* the section is */
	bool is_given[32];      /* settings of it */
	char *server;           /* its port depends on server-tls */
	unsigned server_line;
};

struct setting {
	const char *name;
	void (*set)(struct reader *r, const char *value);
	bool repeats;
};

/* -- faults --------------------------------------------------------------- */

PRINTF(3, 4)
static void
fault(struct conf *conf, unsigned line, const char *fmt, ...)
{
	char text[512];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (line)
		buf_printf(&conf->faults, "%s:%u: %s\n", conf->path, line, text);
	else
		buf_printf(&conf->faults, "%s: %s\n", conf->path, text);
}

static void
fault_where(struct conf *conf, unsigned line, const struct err_where *where)
{
	if (where->line)
		fault(conf, line, "%s:%u: %s", where->file, where->line, where->what);
	else
		fault(conf, line, "%s: %s", where->file, where->what);
}

static void
value_fault(struct reader *r, const char *what, const char *value)
{
	fault(r->conf, r->line, "%s: \"%.100s\": %s", r->name, value, what);
}

/* -- values --------------------------------------------------------------- */

static void
set_text(char **out, const char *value)
{
	free(*out);
	*out = mem_strdup(value);
}

static void
add_text(char ***list, size_t *n, const char *value)
{
	*list = mem_realloc(*list, (*n + 1) * sizeof(**list));
	(*list)[(*n)++] = mem_strdup(value);
}

static void
set_number(struct reader *r, unsigned long *out, unsigned long min, unsigned long max,
    const char *value)
{
	char what[80];
	if (!inifile_number(value, min, max, out))
		return;
	snprintf(what, sizeof(what), "not a number from %lu to %lu", min, max);
	value_fault(r, what, value);
}

static void
set_duration(struct reader *r, unsigned *out, unsigned min, unsigned max,
    const char *value)
{
	unsigned s;
	char what[80];
	if (!inifile_duration(value, &s) && s >= min && s <= max) {
		*out = s;
		return;
	}
	snprintf(what, sizeof(what), "not a time from %us to %us", min, max);
	value_fault(r, what, value);
}

/* -- [netconf] ------------------------------------------------------------ */

struct listing {
	struct reader *r;
	struct addr **list;
	size_t *n;
	uint16_t port;
};

static enum err
add_address(void *arg, const char *item)
{
	struct listing *l = arg;
	struct addr addr;
	if (addr_parse(item, l->port, &addr)) {
		value_fault(l->r, "not ADDRESS[@PORT]", item);
		return OK;
	}
	*l->list = mem_realloc(*l->list, (*l->n + 1) * sizeof(**l->list));
	(*l->list)[(*l->n)++] = addr;
	return OK;
}

static void
set_listen_ssh(struct reader *r, const char *value)
{
	struct listing l = {r, &r->conf->ssh, &r->conf->n_ssh, PORT_SSH};
	if (inifile_each(value, true, add_address, &l))
		value_fault(r, "an empty item", value);
}

static void
set_listen_tls(struct reader *r, const char *value)
{
	struct listing l = {r, &r->conf->tls, &r->conf->n_tls, PORT_TLS};
	if (inifile_each(value, true, add_address, &l))
		value_fault(r, "an empty item", value);
}

static enum err
add_host_key(void *arg, const char *item)
{
	struct conf *conf = arg;
	add_text(&conf->host_keys, &conf->n_host_keys, item);
	return OK;
}

static void
set_host_key(struct reader *r, const char *value)
{
	if (inifile_each(value, true, add_host_key, r->conf))
		value_fault(r, "an empty item", value);
}

static void
set_server(struct reader *r, const char *value)
{
	set_text(&r->server, value);
	r->server_line = r->line;
}

static void
set_catalog(struct reader *r, const char *value)
{
	if (dname_parse(value, &r->conf->catalog))
		value_fault(r, "no name of a zone", value);
}

static void
set_cert_name(struct reader *r, const char *value)
{
	static const char *const names[] = {[CERT_NAME_COMMON_NAME] = "common-name",
	    [CERT_NAME_EMAIL] = "san-email",
	    [CERT_NAME_DNS] = "san-dns",
	    [CERT_NAME_ADDRESS] = "san-address",
	    [CERT_NAME_ANY] = "san-any"};
	for (size_t i = 1; i < sizeof(names) / sizeof(*names); i++)
		if (strcmp(names[i], value) == 0) {
			r->conf->cert_name = (enum conf_cert_name)i;
			return;
		}
	value_fault(r, "not common-name, san-email, san-dns, san-address or san-any",
	    value);
}

static void
set_log(struct reader *r, const char *value)
{
	if (log_level_parse(value, &r->conf->log))
		value_fault(r, "not error, warn, info or debug", value);
}

static void
set_max_reply(struct reader *r, const char *value)
{
	unsigned long mebi = r->conf->max_reply / MEBI;
	set_number(r, &mebi, 1, 1024, value);
	r->conf->max_reply = mebi * MEBI;
}

#define TEXT(field)                                                  \
	static void set_##field(struct reader *r, const char *value) \
	{                                                            \
		set_text(&r->conf->field, value);                    \
	}
#define NUMBER(field, min, max)                                      \
	static void set_##field(struct reader *r, const char *value) \
	{                                                            \
		set_number(r, &r->conf->field, min, max, value);     \
	}
#define DURATION(field, min, max)                                    \
	static void set_##field(struct reader *r, const char *value) \
	{                                                            \
		set_duration(r, &r->conf->field, min, max, value);   \
	}
TEXT(tls_cert)
TEXT(tls_key)
TEXT(tls_ca)
TEXT(server_tls)
TEXT(server_tls_ca)
TEXT(server_tls_cert)
TEXT(server_tls_key)
TEXT(key_file)
TEXT(yang_dir)
NUMBER(max_sessions, 1, 10000)
NUMBER(acceptors, 1, 64)
NUMBER(workers, 1, 4) /* see run_worker() */
NUMBER(max_xpath_zones, 0, 1000000)
NUMBER(audit_lines, 1, 100000)
DURATION(hello_timeout_s, 1, 600)
DURATION(auth_timeout_s, 1, 600)
DURATION(idle_timeout_s, 0, 65535)
DURATION(write_timeout_s, 1, 3600)

static const struct setting netconf_settings[] = {
    {"listen-ssh", set_listen_ssh, true},
    {"listen-tls", set_listen_tls, true},
    {"host-key", set_host_key, true},
    {"tls-cert", set_tls_cert, false},
    {"tls-key", set_tls_key, false},
    {"tls-ca", set_tls_ca, false},
    {"cert-to-name", set_cert_name, false},
    {"server", set_server, false},
    {"server-tls", set_server_tls, false},
    {"server-tls-ca", set_server_tls_ca, false},
    {"server-tls-cert", set_server_tls_cert, false},
    {"server-tls-key", set_server_tls_key, false},
    {"catalog", set_catalog, false},
    {"key", set_key_file, false},
    {"yang-dir", set_yang_dir, false},
    {"max-sessions", set_max_sessions, false},
    {"acceptors", set_acceptors, false},
    {"workers", set_workers, false},
    {"max-reply", set_max_reply, false},
    {"max-xpath-zones", set_max_xpath_zones, false},
    {"audit-lines", set_audit_lines, false},
    {"hello-timeout", set_hello_timeout_s, false},
    {"auth-timeout", set_auth_timeout_s, false},
    {"idle-timeout", set_idle_timeout_s, false},
    {"write-timeout", set_write_timeout_s, false},
    {"log", set_log, false},
    {NULL, NULL, false},
};

/* -- [user NAME] ---------------------------------------------------------- */

static void
set_user_key(struct reader *r, const char *value)
{
	set_text(&r->user->key_file, value);
}

static void
set_authorized_keys(struct reader *r, const char *value)
{
	set_text(&r->user->authorized_keys, value);
}

/* "04" and the 32 octets of a SHA-256, in the form of RFC 7407. */
static bool
is_fingerprint(const char *text)
{
	size_t n = strlen(text);
	if (n != 33 * 3 - 1 || strncmp(text, "04:", 3) != 0)
		return false;
	for (size_t i = 0; i < n; i++)
		if (i % 3 == 2 ? text[i] != ':'
			       : !strchr("0123456789abcdefABCDEF", text[i]))
			return false;
	return true;
}

static enum err
add_certificate(void *arg, const char *item)
{
	struct reader *r = arg;
	if (!is_fingerprint(item))
		value_fault(r, "not 04: and a SHA-256 in hexadecimal with colons",
		    item);
	else
		add_text(&r->user->certificates, &r->user->n_certificates, item);
	return OK;
}

static void
set_certificate(struct reader *r, const char *value)
{
	if (inifile_each(value, true, add_certificate, r))
		value_fault(r, "an empty item", value);
}

static const struct setting user_settings[] = {
    {"key", set_user_key, false},
    {"authorized-keys", set_authorized_keys, false},
    {"certificate", set_certificate, true},
    {NULL, NULL, false},
};

/* -- lines ---------------------------------------------------------------- */

static void
start_user(struct reader *r, const char *name)
{
	struct conf *conf = r->conf;
	r->user = mem_zalloc(sizeof(*r->user));
	r->user->line = r->line;
	snprintf(r->user->name, sizeof(r->user->name), "%s", name);
	if (conf_find_user(conf, r->user->name))
		fault(conf, r->line, "[user %s]: given twice", name);
	if (!*name || strlen(name) >= sizeof(r->user->name) || strpbrk(name, " \t\"\\"))
		fault(conf, r->line, "[user %s]: no name of a user", name);
	conf->users =
	    mem_realloc(conf->users, (conf->n_users + 1) * sizeof(*conf->users));
	conf->users[conf->n_users++] = r->user;
}

static void
start_section(struct reader *r, const char *section)
{
	free(r->section);
	r->section = mem_strdup(section);
	memset(r->is_given, 0, sizeof(r->is_given));
	r->user = NULL;
	r->known = true;
	if (strncmp(section, "user ", 5) == 0)
		start_user(r, section + 5 + strspn(section + 5, " "));
	else if (strcmp(section, "netconf") != 0) {
		fault(r->conf, r->line,
		    "[%s]: unknown section, not [netconf] or [user "
		    "NAME]",
		    section);
		r->known = false;
	}
}

static enum err
on_line(void *arg, const char *section, const char *name, const char *value,
    const char *file, unsigned line, struct err_where *where)
{
	struct reader *r = arg;
	(void)file;
	(void)where;
	r->line = line;
	r->name = name;
	if (!r->section || strcmp(r->section, section) != 0)
		start_section(r, section);
	const struct setting *s = r->user ? user_settings : netconf_settings;
	size_t i = 0;
	while (s[i].name && strcmp(s[i].name, name) != 0)
		i++;
	if (!r->known)
		return OK;
	if (!s[i].name)
		fault(r->conf, line, "%s: unknown setting in [%s]", name, section);
	else if (!*value)
		fault(r->conf, line, "%s: no value", name);
	else if (r->is_given[i] && !s[i].repeats)
		fault(r->conf, line, "%s: given twice", name);
	else
		s[i].set(r, value);
	if (s[i].name)
		r->is_given[i] = true;
	return OK; /* to find the other faults too */
}

/* -- the whole ------------------------------------------------------------ */

static void
check_file(struct conf *conf, const char *setting, const char *path)
{
	if (path && access(path, R_OK) != 0)
		fault(conf, 0, "%s: %s cannot be read", setting, path);
}

static void
check_host_key(struct conf *conf, const char *path)
{
	ssh_key key = NULL;
	if (access(path, R_OK) != 0)
		fault(conf, 0, "host-key: %s cannot be read", path);
	else if (ssh_pki_import_privkey_file(path, "", NULL, NULL, &key) != SSH_OK)
		fault(conf, 0, "host-key: %s: no private key of SSH", path);
	ssh_key_free(key);
}

/* The library would read them for the first session. */
static void
check_tls(struct conf *conf)
{
	const struct tls_files files = {conf->tls_cert, conf->tls_key, conf->tls_ca};
	struct err_where where = {0};
	struct tls_ctx *ctx = NULL;
	if (tls_server_new(&files, &where, &ctx))
		fault_where(conf, 0, &where);
	tls_ctx_unref(ctx);
}

static void
check_transports(struct conf *conf)
{
	if (conf->n_ssh == 0 && conf->n_tls == 0)
		fault(conf, 0, "neither listen-ssh nor listen-tls");
	if (conf->n_ssh > 0 && conf->n_host_keys == 0)
		fault(conf, 0, "listen-ssh without a host-key");
	if (conf->n_tls > 0 && (!conf->tls_cert || !conf->tls_key || !conf->tls_ca))
		fault(conf, 0, "listen-tls without tls-cert, tls-key and tls-ca");
	for (size_t i = 0; i < conf->n_host_keys; i++)
		check_host_key(conf, conf->host_keys[i]);
	size_t before = conf->faults.size;
	check_file(conf, "tls-cert", conf->tls_cert);
	check_file(conf, "tls-key", conf->tls_key);
	check_file(conf, "tls-ca", conf->tls_ca);
	bool there = conf->tls_cert && conf->tls_key && conf->tls_ca;
	if (conf->n_tls > 0 && there && conf->faults.size == before)
		check_tls(conf);
	check_file(conf, "yang-dir", conf->yang_dir);
}

static void
check_agent(struct conf *conf, const struct reader *r)
{
	struct tls_files files = {conf->server_tls_cert, conf->server_tls_key,
	    conf->server_tls_ca};
	struct err_where where = {0};
	uint16_t port = conf->server_tls ? PORT_AGENT_TLS : PORT_AGENT;
	if (addr_parse(r->server ? r->server : "127.0.0.1", port, &conf->server))
		fault(conf, r->server_line, "server: \"%s\": not ADDRESS[@PORT]",
		    r->server);
	if (conf->catalog.size <= 1)
		fault(conf, 0, "no catalog");
	if (!conf->key_file)
		fault(conf, 0, "no key: that of the gateway itself, to read");
	else if (key_load(conf->key_file, &conf->key, &where))
		fault_where(conf, 0, &where);
	memset(&where, 0, sizeof(where));
	if (conf->server_tls && tls_client_new(&files, &where, &conf->server_tls_ctx))
		fault_where(conf, 0, &where);
	else if (!conf->server_tls &&
		 (conf->server_tls_ca || conf->server_tls_cert || conf->server_tls_key))
		fault(conf, 0, "server-tls-ca, -cert or -key without server-tls");
}

static void
check_users(struct conf *conf)
{
	if (conf->n_users == 0)
		fault(conf, 0, "no [user NAME]");
	for (size_t i = 0; i < conf->n_users; i++) {
		struct conf_user *u = conf->users[i];
		struct err_where where = {0};
		if (!u->key_file)
			fault(conf, u->line, "[user %s]: no key", u->name);
		else if (key_load(u->key_file, &u->key, &where))
			fault_where(conf, u->line, &where);
		check_file(conf, "authorized-keys", u->authorized_keys);
		/* Of a chain, the library looks at the authority first. */
		if (u->n_certificates > 0 && conf->cert_name != CERT_NAME_NONE)
			fault(conf, u->line,
			    "[user %s]: certificate, and cert-to-name: one of the two",
			    u->name);
	}
}

enum err
conf_load(const char *path, struct conf **out)
{
	struct conf *conf = mem_zalloc(sizeof(*conf));
	struct reader r = {.conf = conf};
	struct err_where where = {0};
	*conf = (struct conf){.path = mem_strdup(path),
	    .max_sessions = 256,
	    .acceptors = 8,
	    .workers = 4,
	    .max_reply = 64UL * MEBI,
	    .max_xpath_zones = 10000,
	    .audit_lines = 1000,
	    .hello_timeout_s = 10,
	    .auth_timeout_s = 10,
	    .idle_timeout_s = 600,
	    .write_timeout_s = 60,
	    .log = LOG_INFO};
	buf_init(&conf->faults, 1 << 20);
	*out = conf;
	if (inifile_read(path, on_line, &r, &where)) {
		fault(conf, where.line, "%s", where.what);
	} else {
		if (!conf->yang_dir)
			conf->yang_dir = mem_strdup("/usr/share/nsherd/yang");
		check_transports(conf);
		check_agent(conf, &r);
		check_users(conf);
	}
	free(r.section);
	free(r.server);
	return conf->faults.size > 0 ? ERR_INVALID : OK;
}

const struct conf_user *
conf_find_user(const struct conf *conf, const char *name)
{
	for (size_t i = 0; i < conf->n_users; i++)
		if (strcmp(conf->users[i]->name, name) == 0)
			return conf->users[i];
	return NULL;
}

static void
free_list(char **list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(list[i]);
	free(list);
}

static void
user_free(struct conf_user *u)
{
	if (u->key)
		key_unref(u->key);
	free_list(u->certificates, u->n_certificates);
	free(u->key_file);
	free(u->authorized_keys);
	free(u);
}

void
conf_free(struct conf *conf)
{
	if (!conf)
		return;
	for (size_t i = 0; i < conf->n_users; i++)
		user_free(conf->users[i]);
	if (conf->key)
		key_unref(conf->key);
	tls_ctx_unref(conf->server_tls_ctx);
	free_list(conf->host_keys, conf->n_host_keys);
	char *texts[] = {conf->path, conf->tls_cert, conf->tls_key, conf->tls_ca,
	    conf->server_tls, conf->server_tls_ca, conf->server_tls_cert,
	    conf->server_tls_key, conf->key_file, conf->yang_dir};
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		free(texts[i]);
	free(conf->users);
	free(conf->ssh);
	free(conf->tls);
	buf_fini(&conf->faults);
	free(conf);
}
