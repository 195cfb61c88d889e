/* SPDX-License-Identifier: BSD-2-Clause */
#include "ctl/connect.h"

#include <string.h>

#include "ctl/orders.h"
#include "ctl/say.h"
#include "lib/mem.h"

enum { PORT = 5300, PORT_TLS = 853, EDE_TEXT_MAX = 400, MOVES_MAX = 8 };

/* -- where to ------------------------------------------------------------- */

static enum exit_status
usage(const char *text)
{
	say_error("%s", text);
	return EXIT_USAGE;
}

static enum exit_status
set_catalog(struct session *s, const char *text)
{
	const char *why;
	struct dname catalog;
	if (orders_parse_zone(text, &catalog, &why)) {
		say_error("catalog \"%s\": %s", text, why);
		return EXIT_USAGE;
	}
	if (session_set_catalog(s, &catalog)) {
		say_error("catalog \"%s\": the name is too long", text);
		return EXIT_USAGE;
	}
	return EXIT_DONE;
}

static enum exit_status
fail(const struct err_where *where)
{
	say_where(where);
	return EXIT_FAILED;
}

static bool
is_same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static char *
copy(const char *text)
{
	return text ? mem_strdup(text) : NULL;
}

/* A name for the agent means TLS, and "-" means none although a file says so. */
static enum exit_status
configure_tls(struct session *s, const struct connect_way *way,
    const struct session *like)
{
	const struct tls_files *files = &way->tls_files;
	struct err_where where = {0};

	s->tls_ca = copy(files->ca);
	s->tls_cert = copy(files->cert);
	s->tls_key = copy(files->key);
	if (!way->tls || strcmp(way->tls, "-") == 0)
		return EXIT_DONE;
	if (strlen(way->tls) >= sizeof(s->tls_name)) {
		say_error("--tls: \"%.40s...\" is no name", way->tls);
		return EXIT_USAGE;
	}
	if (like && like->conf.tls && is_same(files->ca, like->tls_ca) &&
	    is_same(files->cert, like->tls_cert) && is_same(files->key, like->tls_key))
		s->conf.tls = tls_ctx_ref(like->conf.tls);
	else if (tls_client_new(files, &where, &s->conf.tls))
		return fail(&where);
	strcpy(s->tls_name, way->tls);
	s->conf.tls_name = s->tls_name;
	return EXIT_DONE;
}

static enum exit_status
configure_key(struct session *s, const struct connect_way *way,
    const struct session *like)
{
	struct err_where where = {0};

	if (!way->key_file)
		return usage("which key? -k KEYFILE, NSHERD_KEY, or key = in ctl.conf");
	s->key_file = mem_strdup(way->key_file);
	if (like && like->key_file && strcmp(like->key_file, way->key_file) == 0)
		s->conf.key = key_ref(like->conf.key);
	else if (key_load(way->key_file, &s->conf.key, &where))
		return fail(&where);
	return EXIT_DONE;
}

enum exit_status
connect_prepare(struct session *s, const struct connect_way *way,
    const struct session *like)
{
	session_init(s);
	enum exit_status rc = configure_tls(s, way, like);

	if (rc)
		return rc;
	if (addr_parse(way->server, s->conf.tls ? PORT_TLS : PORT, &s->conf.server)) {
		say_error("agent \"%s\": an address is written ADDRESS[@PORT], with "
			  "digits only",
		    way->server);
		return EXIT_USAGE;
	}
	addr_print(&s->conf.server, s->server);
	if (!way->catalog)
		return usage("which catalog? -z CATALOG, NSHERD_CATALOG, or catalog = "
			     "in ctl.conf");
	rc = set_catalog(s, way->catalog);
	return rc ? rc : configure_key(s, way, like);
}

enum exit_status
connect_way_of(const struct options *opt, struct defaults *d, struct connect_way *way)
{
	struct err_where where = {0};

	if (defaults_load(opt, d, &where)) {
		say_error("%s:%u: %s", where.file, where.line, where.what);
		return EXIT_FAILED;
	}
	if (opt->tls && !*opt->tls)
		return usage("--tls: an empty name; - is for no TLS");
	if (!d->tls && (opt->tls_ca || opt->tls_cert || opt->tls_key))
		return usage("TLS with whom? --tls NAME, the name in the agent's "
			     "certificate");
	*way = (struct connect_way){
	    .server = d->server ? d->server : "127.0.0.1",
	    .key_file = d->key_file,
	    .catalog = d->catalog,
	    .tls = d->tls,
	    .tls_files = {d->tls_cert, d->tls_key, d->tls_ca},
	};
	return EXIT_DONE;
}

enum exit_status
connect_open(struct session *s, const struct ctl *ctl)
{
	struct connect_way way;
	struct defaults d;
	session_init(s);
	enum exit_status rc = connect_way_of(ctl->opt, &d, &way);
	if (!rc)
		rc = connect_prepare(s, &way, NULL);
	defaults_fini(&d);
	if (!rc && ctl->opt->given & OPTION_TIMEOUT)
		session_limit_ms(s, (uint64_t)ctl->opt->timeout_s * 1000);
	if (!rc && session_reopen(s)) {
		say_error("%s", s->error);
		rc = EXIT_FAILED;
	}
	return rc;
}

/* -- to another agent ------------------------------------------------------ */

/* The value of a word "key=" in text. */
static bool
find_word(const char *text, const char *key, char *out, size_t size)
{
	const char *at = strstr(text, key);

	if (!at || (at != text && at[-1] != ' '))
		return false;
	at += strlen(key);
	size_t n = strcspn(at, " ");
	if (n == 0 || n >= size)
		return false;
	memcpy(out, at, n);
	out[n] = '\0';
	return true;
}

/*
 * Where the refusal says the primary is. By TLS if it says so, or if we were told to
 * use TLS: what is to be kept from others is not sent in the clear because somebody
 * says so. A conf->tls that is not the session's was made for this, to be let go of.
 */
static bool
read_move(struct session *s, const char *text, struct exchange_conf *conf,
    char name[static SESSION_TLS_NAME_MAX], char where[static ADDR_TEXT_MAX])
{
	const struct tls_files files = {s->tls_cert, s->tls_key, s->tls_ca};
	struct err_where fault = {0};
	uint16_t port = PORT;
	bool tls = find_word(text, "tls=", name, SESSION_TLS_NAME_MAX);

	if (!find_word(text, "primary=", where, ADDR_TEXT_MAX))
		return false;
	if (!tls && s->conf.tls)
		memcpy(name, s->tls_name, SESSION_TLS_NAME_MAX);
	if (tls || s->conf.tls)
		port = PORT_TLS;
	*conf = s->conf;
	if (addr_parse(where, port, &conf->server))
		return false;
	conf->tls_name = port == PORT_TLS ? name : NULL;
	if (port == PORT_TLS && !s->conf.tls &&
	    tls_client_new(&files, &fault, &conf->tls)) {
		say_where(&fault);
		return false;
	}
	return true;
}

/* The connection is made: it is the session's from here on. */
static void
take_move(struct session *s, const struct exchange_conf *conf, struct exchange *x)
{
	if (s->n_moves++ == 0) {
		s->named = s->conf;
		s->named.tls = s->conf.tls ? tls_ctx_ref(s->conf.tls) : NULL;
		memcpy(s->named_tls_name, s->tls_name, sizeof(s->tls_name));
	}
	exchange_close(s->x);
	s->x = x;
	if (conf->tls != s->conf.tls)
		tls_ctx_unref(s->conf.tls);
	s->conf.server = conf->server;
	s->conf.tls = conf->tls;
	addr_print(&s->conf.server, s->server);
	s->tls_name[0] = '\0';
	if (conf->tls_name)
		memcpy(s->tls_name, conf->tls_name, sizeof(s->tls_name));
	s->conf.tls_name = conf->tls_name ? s->tls_name : NULL;
}

bool
connect_move(struct session *s, const struct msg *msg)
{
	char text[EDE_TEXT_MAX], where[ADDR_TEXT_MAX];
	char name[SESSION_TLS_NAME_MAX] = "";
	struct exchange_conf conf;
	struct exchange *x;
	unsigned code;

	if (msg_rcode(msg) != RCODE_REFUSED || s->n_moves >= MOVES_MAX ||
	    msg_get_ede(msg, &code, text, sizeof(text)) ||
	    strncmp(text, "reason=not-primary ", 19) != 0)
		return false;
	say_printable(text);
	if (!read_move(s, text, &conf, name, where))
		return false;
	enum err e = exchange_open(&conf, &x);
	say_error("the agent follows %s: %s", where,
	    e ? exchange_error(x) : "going there");
	if (e) {
		exchange_close(x);
		if (conf.tls != s->conf.tls)
			tls_ctx_unref(conf.tls);
		return false;
	}
	take_move(s, &conf, x);
	return true;
}

enum err
connect_return(struct session *s)
{
	if (s->n_moves == 0)
		return OK;
	tls_ctx_unref(s->conf.tls);
	unsigned timeout_ms = s->conf.timeout_ms;
	s->conf = s->named;
	s->conf.timeout_ms = timeout_ms;
	memcpy(s->tls_name, s->named_tls_name, sizeof(s->tls_name));
	if (s->conf.tls_name)
		s->conf.tls_name = s->tls_name;
	addr_print(&s->conf.server, s->server);
	s->n_moves = 0;
	s->named = (struct exchange_conf){0};
	return session_reopen(s);
}

/* -- the catalog ------------------------------------------------------------ */

static enum err
show_progress(void *arg, size_t n)
{
	(void)arg;
	say_progress("reading the catalog", n, 0);
	return OK;
}

enum err
connect_read_members(struct session *s, struct memberlist *members)
{
	enum err e = memberlist_load(s, members, show_progress, NULL);
	say_progress_end();
	return e;
}
