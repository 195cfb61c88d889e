/* SPDX-License-Identifier: BSD-2-Clause */
#include "ctl/connect.h"

#include <stdio.h>
#include <string.h>

#include "ctl/defaults.h"
#include "ctl/orders.h"
#include "ctl/say.h"
#include "lib/tls.h"

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
say_where(const struct err_where *where)
{
	if (where->line)
		say_error("%s:%u: %s", where->file, where->line, where->what);
	else if (where->file[0])
		say_error("%s: %s", where->file, where->what);
	else
		say_error("%s", where->what);
	return EXIT_FAILED;
}

/* A name for the agent means TLS, and "-" means none although a file says so. */
static enum exit_status
configure_tls(struct session *s, const struct options *opt, const struct defaults *d)
{
	struct tls_files files = {d->tls_cert, d->tls_key, d->tls_ca};
	struct err_where where = {0};
	if (opt->tls && !*opt->tls)
		return usage("--tls: an empty name; - is for no TLS");
	if (!d->tls && (opt->tls_ca || opt->tls_cert || opt->tls_key))
		return usage("TLS with whom? --tls NAME, the name in the agent's "
			     "certificate");
	if (!d->tls || strcmp(d->tls, "-") == 0)
		return EXIT_DONE;
	if (strlen(d->tls) >= sizeof(s->tls_name)) {
		say_error("--tls: \"%.40s...\" is no name", d->tls);
		return EXIT_USAGE;
	}
	if (tls_client_new(&files, &where, &s->conf.tls))
		return say_where(&where);
	strcpy(s->tls_name, d->tls);
	s->conf.tls_name = s->tls_name;
	return EXIT_DONE;
}

static enum exit_status
configure(struct session *s, const struct options *opt, const struct defaults *d)
{
	const char *server = d->server ? d->server : "127.0.0.1";
	enum exit_status rc = configure_tls(s, opt, d);
	if (rc)
		return rc;
	uint16_t port = s->conf.tls ? PORT_TLS : PORT;
	if (addr_parse(server, port, &s->conf.server)) {
		say_error("agent \"%s\": an address is written ADDRESS[@PORT], with "
			  "digits only",
		    server);
		return EXIT_USAGE;
	}
	addr_print(&s->conf.server, s->server);
	if (!d->catalog)
		return usage("which catalog? -z CATALOG, NSHERD_CATALOG, or catalog = "
			     "in ctl.conf");
	if (!d->key_file)
		return usage("which key? -k KEYFILE, NSHERD_KEY, or key = in ctl.conf");
	rc = set_catalog(s, d->catalog);
	if (rc)
		return rc;
	struct err_where where = {0};
	if (key_load(d->key_file, &s->conf.key, &where))
		return say_where(&where);
	return EXIT_DONE;
}

enum exit_status
connect_open(struct session *s, const struct ctl *ctl)
{
	session_init(s);
	struct defaults d;
	struct err_where where = {0};
	enum exit_status rc = EXIT_FAILED;
	if (defaults_load(ctl->opt, &d, &where))
		say_error("%s:%u: %s", where.file, where.line, where.what);
	else
		rc = configure(s, ctl->opt, &d);
	defaults_fini(&d);
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

bool
connect_move(struct session *s, const struct msg *msg)
{
	char text[EDE_TEXT_MAX], where[ADDR_TEXT_MAX], name[sizeof(s->tls_name)];
	struct addr server;
	unsigned code;

	if (msg_rcode(msg) != RCODE_REFUSED || s->n_moves >= MOVES_MAX ||
	    msg_get_ede(msg, &code, text, sizeof(text)) ||
	    strncmp(text, "reason=not-primary ", 19) != 0 ||
	    !find_word(text, "primary=", where, sizeof(where)) ||
	    addr_parse(where, PORT, &server))
		return false;
	bool tls = find_word(text, "tls=", name, sizeof(name));
	if (tls != (s->conf.tls != NULL))
		return false;
	struct exchange_conf conf = s->conf;
	struct exchange *x;
	conf.server = server;
	conf.tls_name = tls ? name : NULL;
	enum err e = exchange_open(&conf, &x);
	say_error("the agent follows %s: %s", where,
	    e ? exchange_error(x) : "going there");
	if (e) {
		exchange_close(x);
		return false;
	}
	exchange_close(s->x);
	s->x = x;
	s->n_moves++;
	s->conf.server = server;
	addr_print(&server, s->server);
	if (tls) {
		memcpy(s->tls_name, name, sizeof(s->tls_name));
		s->conf.tls_name = s->tls_name;
	}
	return true;
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
