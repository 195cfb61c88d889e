/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/backend/bind_body.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/backend/bind_token.h"
#include "lib/mem.h"

/*
 * Whatever comes from the catalog is an address, a name of [a-z0-9_*-] and
 * \DDD, or a file name of the same alphabet, all in quotes: nothing of it can
 * end a string or a statement. Raw options are the operator's; they are seen to
 * be whole statements here, and read by named-checkconf before named gets them.
 */

/* Of how we print: another one makes all zones differ from what is wanted. */
static const char rendering[] = "1";
static const char mark_prefix[] = "nsherd-", mark_key_prefix[] = "nsherd.";

/* -- raw options -------------------------------------------------------------- */

/* What the driver prints itself, or relies on. */
static const char *const own_options[] = {"type", "file", "primaries", "masters",
    "notify", "also-notify", "allow-notify", "allow-transfer", "dnssec-policy",
    "inline-signing", "in-view", "include"};

/* One statement or several, each with its semicolon, nothing half open. */
static const char *
fault_of(const char *text)
{
	unsigned depth = 0;
	bool quoted = false;
	char last = '\0';

	for (const char *p = text; *p != '\0'; p++) {
		unsigned char c = (unsigned char)*p;

		if (c < 0x20 && c != '\t')
			return "has a control character";
		if (quoted) {
			if (c == '\\' && p[1] != '\0')
				p++;
			else if (c == '"')
				quoted = false;
		} else if (c == '"') {
			quoted = true;
		} else if (c == '#' || (c == '/' && (p[1] == '/' || p[1] == '*'))) {
			return "has a comment";
		} else if (c == '{') {
			depth++;
		} else if (c == '}' && depth-- == 0) {
			return "has a } too many";
		}
		if (c != ' ' && c != '\t')
			last = (char)c;
	}
	return quoted || depth > 0 ? "is not complete"
	       : last != ';'       ? "does not end in a semicolon"
				   : NULL;
}

/* The next statement's first word and the rest up to its semicolon. The text was
 * seen to be whole. */
static bool
next_statement(const char **text, char word[static 64], const char **rest)
{
	const char *p = *text + strspn(*text, " \t;");
	size_t size = strcspn(p, " \t;{\"");
	unsigned depth = 0;
	bool quoted = false;

	if (*p == '\0')
		return false;
	snprintf(word, 64, "%.*s", size < 63 ? (int)size : 63, p);
	*rest = p + size + strspn(p + size, " \t");
	for (; *p != '\0' && (quoted || depth > 0 || *p != ';'); p++) {
		if (quoted && *p == '\\' && p[1] != '\0')
			p++;
		else if (*p == '"')
			quoted = !quoted;
		else if (!quoted && *p == '{')
			depth++;
		else if (!quoted && *p == '}')
			depth--;
	}
	*text = p;
	return true;
}

static enum err
check_option(const char *text, struct backend_error *why)
{
	const char *fault = fault_of(text), *rest;
	char word[64];

	if (fault != NULL)
		return backend_refuse(why, "bind option \"%.100s\" %s", text, fault);
	while (next_statement(&text, word, &rest)) {
		for (size_t i = 0; i < sizeof(own_options) / sizeof(own_options[0]);
		     i++)
			if (strcasecmp(word, own_options[i]) == 0)
				return backend_refuse(why,
				    "bind option %s: say it in [pattern], not in [bind]",
				    word);
		/* named would leave the zone out of its list. */
		if (strcasecmp(word, "zone-statistics") == 0 &&
		    strncasecmp(rest, "no", 2) == 0)
			return backend_refuse(why,
			    "bind option zone-statistics: the agent could "
			    "not see the zone any more");
	}
	return OK;
}

static bool
has_option(const struct settings *s, const char *name)
{
	char word[64];
	const char *rest;

	for (size_t i = 0; i < s->n_options; i++) {
		const char *text = s->options[i].text;

		if (strcmp(s->options[i].driver, "bind") != 0)
			continue;
		while (next_statement(&text, word, &rest)) {
			if (strcasecmp(word, name) == 0)
				return true;
		}
	}
	return false;
}

static enum err
print_options(struct buf *out, const struct settings *s, struct backend_error *why)
{
	for (size_t i = 0; i < s->n_options; i++) {
		enum err err;

		if (strcmp(s->options[i].driver, "bind") != 0)
			continue;
		err = check_option(s->options[i].text, why);
		if (err != OK)
			return err;
		buf_printf(out, " %s", s->options[i].text);
	}
	return OK;
}

bool
bind_body_needs_check(const struct settings *s)
{
	for (size_t i = 0; i < s->n_options; i++) {
		if (strcmp(s->options[i].driver, "bind") == 0)
			return true;
	}
	return s->dnssec != NULL;
}

/* -- printing ----------------------------------------------------------------- */

static enum err
check_remotes(const struct remote_list *list, const char *what,
    const struct keyring *ring, struct backend_error *why)
{
	char key[DNAME_TEXT_MAX];

	for (size_t i = 0; i < list->n; i++) {
		const struct remote *r = &list->items[i];

		if (r->tls[0] != '\0')
			return backend_refuse(why,
			    "%s: the bind driver does not do tls yet", what);
		/* named takes unknown keys, and then does not transfer. */
		if (r->has_key && keyring_find(ring, &r->key) == NULL)
			return backend_refuse(why,
			    "key %.150s is not configured in the agent",
			    dname_print_plain(&r->key, key));
	}
	return OK;
}

/* `{ ADDRESS port N key "K"; ... }` */
static void
print_servers(struct buf *out, const char *option, const struct remote_list *list)
{
	char address[ADDR_TEXT_MAX], key[DNAME_TEXT_MAX];

	buf_printf(out, " %s {", option);
	for (size_t i = 0; i < list->n; i++) {
		const struct remote *r = &list->items[i];

		buf_printf(out, " %s", addr_print_host(&r->addr, address));
		if (addr_port(&r->addr) != 0)
			buf_printf(out, " port %u", addr_port(&r->addr));
		if (r->has_key)
			buf_printf(out, " key \"%s\"", dname_print_plain(&r->key, key));
		buf_puts(out, ";");
	}
	buf_puts(out, " };");
}

/* Address and key must both match, which takes a double negation. A port is none
 * of an access list's business. */
static void
print_acl_elements(struct buf *out, const struct remote_list *list)
{
	char address[ADDR_TEXT_MAX], key[DNAME_TEXT_MAX];

	for (size_t i = 0; i < list->n; i++) {
		const struct remote *r = &list->items[i];

		addr_print_host(&r->addr, address);
		if (r->has_key)
			buf_printf(out, " { !{ !%s; any; }; key \"%s\"; };", address,
			    dname_print_plain(&r->key, key));
		else
			buf_printf(out, " %s;", address);
	}
}

static void
print_transfer(struct buf *out, const struct settings *s)
{
	buf_printf(out, " allow-transfer { !key \"%s%s.%s.%s.%s\";", mark_key_prefix,
	    s->pattern, s->version, s->hash, rendering);
	print_acl_elements(out, &s->allow_transfer);
	buf_puts(out, " };");
}

static void
print_notify(struct buf *out, const struct settings *s)
{
	if (s->notify.n == 0) {
		buf_puts(out, " notify no;");
		return;
	}
	buf_puts(out, " notify explicit;");
	print_servers(out, "also-notify", &s->notify);
}

static enum err
print_file(struct buf *out, const struct settings *s, const struct dname *zone,
    const char *zone_dir, struct backend_error *why)
{
	char *file = settings_zonefile(s, zone != NULL ? zone : &dname_root);
	bool bad = strpbrk(file, "\"\n") != NULL ||
		   (file[0] != '\0' && file[strlen(file) - 1] == '\\');

	buf_printf(out, " file \"%s/%s\";", zone_dir, file);
	if (bad)
		backend_refuse(why, "zonefile %.100s: bad for named", s->zonefile);
	free(file);
	return bad ? ERR_INVALID : OK;
}

static enum err
print_dnssec(struct buf *out, const struct settings *s, const char *zone_dir,
    struct backend_error *why)
{
	if (s->dnssec == NULL)
		return OK;
	if (s->role != ROLE_PRIMARY)
		return backend_refuse(why,
		    "dnssec = %s: the agent signs primaries only", s->dnssec);
	if (!settings_file_is_own(s->zonefile))
		return backend_refuse(why, "dnssec = %s: zones cannot share a file",
		    s->dnssec);
	if (strpbrk(s->dnssec, "\"\\\n") != NULL)
		return backend_refuse(why, "dnssec = %.60s: bad for named", s->dnssec);
	buf_printf(out, " dnssec-policy \"%s\"; inline-signing yes;", s->dnssec);
	if (!has_option(s, "key-directory"))
		buf_printf(out, " key-directory \"%s\";", zone_dir);
	return OK;
}

static enum err
check_lists(const struct settings *s, const struct keyring *ring,
    struct backend_error *why)
{
	enum err err = check_remotes(&s->primaries, "primaries", ring, why);

	if (err == OK)
		err = check_remotes(&s->notify, "notify", ring, why);
	if (err == OK)
		err = check_remotes(&s->allow_notify, "allow-notify", ring, why);
	if (err == OK)
		err = check_remotes(&s->allow_transfer, "allow-transfer", ring, why);
	return err;
}

enum err
bind_body_print(const struct settings *s, const struct dname *zone,
    const char *zone_dir, const struct keyring *ring, struct buf *out,
    struct backend_error *why)
{
	bool secondary = s->role == ROLE_SECONDARY;
	enum err err = check_lists(s, ring, why);

	if (err != OK)
		return err;
	buf_printf(out, "{ type %s;", secondary ? "secondary" : "primary");
	err = print_file(out, s, zone, zone_dir, why);
	if (secondary) {
		print_servers(out, "primaries", &s->primaries);
		/* So that it can become a primary. */
		if (!has_option(s, "masterfile-format"))
			buf_puts(out, " masterfile-format text;");
	}
	if (secondary && s->allow_notify.n > 0) {
		buf_puts(out, " allow-notify {");
		print_acl_elements(out, &s->allow_notify);
		buf_puts(out, " };");
	}
	print_notify(out, s);
	print_transfer(out, s);
	/* With the server's own setting `none` it would not be in the list. */
	if (!has_option(s, "zone-statistics"))
		buf_puts(out, " zone-statistics terse;");
	if (err == OK)
		err = print_dnssec(out, s, zone_dir, why);
	if (err == OK)
		err = print_options(out, s, why);
	buf_puts(out, " };");
	return err;
}

static void
each_key_of(const struct remote_list *list, bind_body_key_fn *fn, void *arg)
{
	for (size_t i = 0; i < list->n; i++) {
		if (list->items[i].has_key)
			fn(arg, &list->items[i].key);
	}
}

void
bind_body_each_key(const struct settings *s, bind_body_key_fn *fn, void *arg)
{
	each_key_of(&s->primaries, fn, arg);
	each_key_of(&s->notify, fn, arg);
	each_key_of(&s->allow_notify, fn, arg);
	each_key_of(&s->allow_transfer, fn, arg);
}

/* -- reading ------------------------------------------------------------------ */

static void
read_mark(const char *text, char mark[static MARK_MAX])
{
	const char *dot = strrchr(text, '.');
	size_t n = sizeof(mark_key_prefix) - 1;

	if (strncmp(text, mark_key_prefix, n) != 0 || dot == NULL || dot < text + n)
		return;
	/* One that we printed in another way is wrong in any case. */
	snprintf(mark, MARK_MAX, "%s%.*s%s", mark_prefix, (int)(dot - text - (int)n),
	    text + n, strcmp(dot + 1, rendering) == 0 ? "" : "~");
}

/* A statement of the zone, at depth 1: word is its first word. */
static void
read_statement(const char *word, unsigned i, const struct bind_token *t,
    const char *before, struct bind_zone_text *zone)
{
	if (strcmp(word, "type") == 0 && i == 1)
		snprintf(zone->type, sizeof(zone->type), "%.15s", t->text);
	else if (strcmp(word, "file") == 0 && i == 1 && !t->cut)
		snprintf(zone->file, sizeof(zone->file), "%.*s", BIND_PATH_MAX - 1,
		    t->text);
	else if (strcmp(word, "inline-signing") == 0 && i == 1)
		zone->is_signed |= strcmp(t->text, "yes") == 0;
	/* allow-transfer { !key "..."; : the fifth token */
	else if (strcmp(word, "allow-transfer") == 0 && i == 4 &&
		 strcmp(before, "key") == 0)
		read_mark(t->text, zone->mark);
}

/* The word `zone`, the name, perhaps class and view, `{`. */
static bool
read_head(const char **at, struct bind_zone_text *zone)
{
	struct bind_token t;

	if (!bind_token_next(at, &t) || strcmp(t.text, "zone") != 0 ||
	    !bind_token_next(at, &t) || t.cut)
		return false;
	snprintf(zone->name, sizeof(zone->name), "%s", t.text);
	while (bind_token_next(at, &t)) {
		if (t.mark == '{')
			return true;
		if (t.mark == ';')
			return false;
	}
	return false;
}

char *
bind_body_of(const char *text)
{
	struct bind_zone_text *zone = mem_alloc(sizeof(*zone));
	char *body = read_head(&text, zone) ? mem_printf("{%s", text) : NULL;

	free(zone);
	return body;
}

bool
bind_body_read(const char *text, struct bind_zone_text *zone)
{
	char word[64] = "", before[16] = "";
	unsigned depth = 1, i = 0;
	struct bind_token t;

	zone->is_signed = false;
	zone->name[0] = zone->type[0] = zone->file[0] = zone->mark[0] = '\0';
	if (!read_head(&text, zone))
		return false;
	while (depth > 0 && bind_token_next(&text, &t)) {
		if (depth == 1 && i == 0)
			snprintf(word, sizeof(word), "%.63s", t.text);
		else
			read_statement(word, i, &t, before, zone);
		snprintf(before, sizeof(before), "%.15s", t.text);
		i++;
		if (t.mark == '{')
			depth++;
		else if (t.mark == '}')
			depth--;
		else if (t.mark == ';' && depth == 1)
			i = 0;
	}
	return depth == 0;
}

bool
bind_body_is_ours(const struct bind_zone_text *zone, const char *zone_dir)
{
	size_t n = strlen(zone_dir);

	return zone->mark[0] != '\0' && strncmp(zone->file, zone_dir, n) == 0 &&
	       zone->file[n] == '/';
}
