/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/backend/yadifa_native.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/digest.h"
#include "lib/mem.h"

/*
 * What comes from a catalog is an address or a name of [a-z0-9_*-], so there is
 * nothing to quote. An access list of yadifad cannot say "this address and this
 * key": with a key in a list, the key alone decides, and an address beside it
 * would only do harm (unsigned requests from it are refused, and any other key
 * is taken). So a list is all keys or all addresses.
 */

static const char variable[] = "${zone}";

/* -- natives --------------------------------------------------------------- */

struct yadifa_native *
yadifa_native_new(const char *mark, const char *template, const char *body)
{
	struct yadifa_native *n = mem_zalloc(sizeof(*n));
	char *all = mem_printf("%s\n%s", template, body);

	snprintf(n->mark, sizeof(n->mark), "%s", mark);
	digest_hex(all, strlen(all), YADIFA_DIGEST_MAX - 1, n->digest);
	n->template = mem_strdup(template);
	n->body = mem_strdup(body);
	free(all);
	return n;
}

void
yadifa_native_free(struct yadifa_native *n)
{
	if (n == NULL)
		return;
	free(n->template);
	free(n->body);
	free(n);
}

enum err
yadifa_native_path(const struct yadifa_native *n, const struct dname *zone,
    char out[static YADIFA_PATH_MAX])
{
	char file[DNAME_FILE_MAX];
	const char *text = n->template, *at;
	size_t size = 0, file_size = strlen(dname_print_file(zone, file));

	while ((at = strstr(text, variable)) != NULL) {
		size_t plain = (size_t)(at - text);

		if (size + plain + file_size >= YADIFA_PATH_MAX)
			return ERR_SPACE;
		memcpy(out + size, text, plain);
		memcpy(out + size + plain, file, file_size);
		size += plain + file_size;
		text = at + sizeof(variable) - 1;
	}
	if (size + strlen(text) >= YADIFA_PATH_MAX)
		return ERR_SPACE;
	strcpy(out + size, text);
	return OK;
}

bool
yadifa_native_is_secondary(const struct yadifa_native *n)
{
	return strstr(n->body, "\ttype secondary\n") != NULL;
}

/* Lines whose values yadifad takes over without touching the zone. */
static bool
is_smooth_line(const char *line)
{
	static const char *const words[] = {"\tprimary ", "\tnotify ",
	    "\tallow-notify ", "\tallow-transfer ", "\tallow-query ",
	    "\tallow-update "};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strncmp(line, words[i], strlen(words[i])) == 0)
			return true;
	}
	return false;
}

/* The next line that matters, or the end. */
static const char *
skip_smooth(const char *line)
{
	while (*line != '\0' && is_smooth_line(line))
		line += strcspn(line, "\n") + 1;
	return line;
}

bool
yadifa_native_is_smooth(const struct yadifa_native *a, const struct yadifa_native *b)
{
	const char *p = a->body, *q = b->body;

	if (strcmp(a->template, b->template) != 0)
		return false;
	for (;;) {
		size_t size;

		p = skip_smooth(p);
		q = skip_smooth(q);
		size = strcspn(p, "\n");
		if (size != strcspn(q, "\n") || memcmp(p, q, size) != 0)
			return false;
		if (*p == '\0')
			return true;
		p += size + 1;
		q += size + 1;
	}
}

void
yadifa_native_keys(const struct yadifa_native *n, yadifa_key_fn *fn, void *arg)
{
	char name[DNAME_TEXT_MAX];

	for (const char *at = n->body; (at = strstr(at, "key ")) != NULL;) {
		bool word = at > n->body && strchr("\t \",;!", at[-1]) != NULL;
		size_t size;

		at += 4;
		size = strspn(at, "abcdefghijklmnopqrstuvwxyz"
				  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-*.");
		if (!word || size == 0 || size >= sizeof(name))
			continue;
		memcpy(name, at, size);
		name[size] = '\0';
		fn(arg, name);
	}
}

/* -- names ----------------------------------------------------------------- */

enum err
yadifa_check_name(const struct dname *name, size_t length_max, char *text,
    size_t text_size)
{
	static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz0123456789_-";

	if (name->size == 1) {
		snprintf(text, text_size, "yadifad would serve everything as the root");
		return ERR_INVALID;
	}
	if ((size_t)name->size - 2 > length_max) {
		snprintf(text, text_size,
		    "the name has %u octets, and %zu is what yadifad can take",
		    name->size - 2U, length_max);
		return ERR_INVALID;
	}
	for (size_t at = 0; name->wire[at] != 0; at += 1 + (size_t)name->wire[at]) {
		const uint8_t *label = &name->wire[at + 1];
		size_t size = name->wire[at];

		if (at == 0 && size == 1 && label[0] == '*')
			continue;
		for (size_t i = 0; i < size; i++) {
			if (label[i] != '\0' && strchr(alphabet, label[i]) != NULL)
				continue;
			snprintf(text, text_size,
			    "yadifad cannot be told of a name with octet \\%03u: it "
			    "has no escapes",
			    label[i]);
			return ERR_INVALID;
		}
	}
	return OK;
}

static enum err
print_key(struct buf *out, const struct dname *key, const struct keyring *ring,
    struct backend_error *why)
{
	char name[DNAME_TEXT_MAX], text[128];

	dname_print_plain(key, name);
	if (keyring_find(ring, key) == NULL)
		return backend_refuse(why, "key %.150s is not configured in the agent",
		    name);
	if (yadifa_check_name(key, YADIFA_NAME_MAX, text, sizeof(text)) != OK)
		return backend_refuse(why, "key %.60s: %s", name, text);
	buf_printf(out, "key %s", name);
	return OK;
}

/* -- lines ----------------------------------------------------------------- */

static enum err
check_remotes(const char *option, const struct remote_list *list,
    struct backend_error *why)
{
	for (size_t i = 0; i < list->n; i++) {
		if (list->items[i].tls[0] != '\0')
			return backend_refuse(why, "%s: yadifad 2.6 does not do tls",
			    option);
	}
	return OK;
}

/* Whom it talks to: "ADDRESS port N key K, ..." */
static enum err
print_hosts(struct buf *out, const char *option, const struct remote_list *list,
    const struct keyring *ring, struct backend_error *why)
{
	char address[ADDR_TEXT_MAX];
	enum err err = check_remotes(option, list, why);

	if (list->n == 0 || err != OK)
		return err;
	buf_printf(out, "\t%s \"", option);
	for (size_t i = 0; err == OK && i < list->n; i++) {
		const struct remote *r = &list->items[i];
		unsigned port = addr_port(&r->addr);

		buf_printf(out, "%s%s port %u", i > 0 ? ", " : "",
		    addr_print_host(&r->addr, address), port != 0 ? port : 53);
		if (!r->has_key)
			continue;
		buf_puts(out, " ");
		err = print_key(out, &r->key, ring, why);
	}
	buf_puts(out, "\"\n");
	return err;
}

/* Who may talk to it: terms of an access list. */
static enum err
print_access(struct buf *out, const char *option, const struct remote_list *list,
    const struct keyring *ring, struct backend_error *why)
{
	char address[ADDR_TEXT_MAX];
	enum err err = check_remotes(option, list, why);

	if (err != OK)
		return err;
	if (list->n == 0) {
		buf_printf(out, "\t%s none\n", option);
		return OK;
	}
	buf_printf(out, "\t%s ", option);
	for (size_t i = 0; err == OK && i < list->n; i++) {
		const struct remote *r = &list->items[i];

		if (r->has_key != list->items[0].has_key)
			return backend_refuse(why,
			    "%s: yadifad cannot have addresses with and without a "
			    "key in one list",
			    option);
		buf_puts(out, i > 0 ? ";" : "");
		if (r->has_key)
			err = print_key(out, &r->key, ring, why);
		else
			buf_puts(out, addr_print_host(&r->addr, address));
	}
	buf_puts(out, "\n");
	return err;
}

static bool
is_one_of(const char *const *list, size_t n, const char *word, size_t size)
{
	for (size_t i = 0; i < n; i++) {
		if (strlen(list[i]) == size && strncmp(list[i], word, size) == 0)
			return true;
	}
	return false;
}

static enum err
check_option(const char *text, struct backend_error *why)
{
	/* Of yadifad 2.6; one that it does not know keeps it from starting. */
	static const char *const known[] = {"allow-query", "allow-update",
	    "allow-update-forwarding", "allow-transfer", "allow-notify", "keyspath",
	    "transfer-source", "drop-before-load", "no-primary-updates",
	    "no-master-updates", "true-multiprimary", "true-multimaster",
	    "maintain-dnssec", "load-local-first", "notify-retry-count",
	    "notify-retry-period", "notify-retry-period-increase",
	    "multimaster-retries", "rrsig-nsupdate-allowed", "journal-size"};
	size_t size = strspn(text, "abcdefghijklmnopqrstuvwxyz-");
	const char *value = text + size + strspn(text + size, " \t");

	if (size == 0 || value == text + size || *value == '\0')
		return backend_refuse(why,
		    "yadifa option \"%.100s\" is not `name value`", text);
	if (!is_one_of(known, sizeof(known) / sizeof(known[0]), text, size))
		return backend_refuse(why,
		    "yadifa option %.60s is not one of a zone that may be in a "
		    "pattern",
		    text);
	if (strlen(value) > 1000 ||
	    value[strspn(value, "abcdefghijklmnopqrstuvwxyz"
				"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 "
				"._:;,!/*+-")] != '\0')
		return backend_refuse(why,
		    "yadifa option \"%.100s\" has a character that its configuration "
		    "cannot quote",
		    text);
	return OK;
}

static bool
has_option(const struct settings *s, const char *name)
{
	size_t size = strlen(name);

	for (size_t i = 0; i < s->n_options; i++) {
		const struct setting_option *o = &s->options[i];

		if (strcmp(o->driver, "yadifa") == 0 &&
		    strncmp(o->text, name, size) == 0 &&
		    (o->text[size] == ' ' || o->text[size] == '\t'))
			return true;
	}
	return false;
}

static enum err
print_options(struct buf *out, const struct settings *s, struct backend_error *why)
{
	for (size_t i = 0; i < s->n_options; i++) {
		const char *text = s->options[i].text;
		enum err err;

		if (strcmp(s->options[i].driver, "yadifa") != 0)
			continue;
		err = check_option(text, why);
		if (err != OK)
			return err;
		buf_printf(out, "\t%s\n", text);
	}
	return OK;
}

/* An access list: ours, unless the operator's raw option stands for it. */
static enum err
print_list(struct buf *out, const struct settings *s, const char *option,
    const struct remote_list *list, const struct keyring *ring,
    struct backend_error *why)
{
	if (!has_option(s, option))
		return print_access(out, option, list, ring, why);
	if (list->n > 0)
		return backend_refuse(why, "%s is in the pattern twice", option);
	return OK;
}

/* The operator's list and ourselves, in the terms of the list. */
static enum err
print_allow_notify(struct buf *out, const struct settings *s,
    const struct yadifa_self *self, const struct keyring *ring,
    struct backend_error *why)
{
	const struct remote_list *list = &s->allow_notify;
	struct remote_list all = {.n = list->n};
	struct remote me = {.addr = self->address, .key = self->key};
	bool by_key = list->n == 0 || list->items[0].has_key;
	enum err err;

	if (has_option(s, "allow-notify"))
		return print_list(out, s, "allow-notify", list, ring, why);
	all.items = mem_alloc((list->n + 1) * sizeof(all.items[0]));
	if (list->n > 0)
		memcpy(all.items, list->items, list->n * sizeof(all.items[0]));
	me.has_key = by_key;
	if (by_key || self->has_address)
		all.items[all.n++] = me;
	err = print_access(out, "allow-notify", &all, ring, why);
	free(all.items);
	return err;
}

static enum err
print_secondary(struct buf *out, const struct settings *s,
    const struct yadifa_self *self, const struct keyring *ring,
    struct backend_error *why)
{
	enum err err = s->primaries.n > 0
			   ? OK
			   : backend_refuse(why, "a secondary needs primaries");

	if (err == OK)
		err = print_hosts(out, "primary", &s->primaries, ring, why);
	if (err == OK)
		err = print_allow_notify(out, s, self, ring, why);
	/* Else it serves nothing until it has asked its primary, or, at times, not
	 * even then; it asks at once all the same. */
	if (!has_option(s, "load-local-first"))
		buf_puts(out, "\tload-local-first on\n");
	return err;
}

static enum err
print_body(struct buf *out, const struct settings *s, const struct yadifa_self *self,
    const struct keyring *ring, struct backend_error *why)
{
	bool secondary = s->role == ROLE_SECONDARY;
	enum err err = OK;

	if (s->dnssec != NULL)
		return backend_refuse(why,
		    "dnssec = %s: yadifad reads its policies at its start only, "
		    "so zones are not signed through nsherd",
		    s->dnssec);
	buf_printf(out, "\ttype %s\n", secondary ? "secondary" : "primary");
	if (secondary)
		err = print_secondary(out, s, self, ring, why);
	if (err == OK)
		err = print_hosts(out, "notify", &s->notify, ring, why);
	if (err == OK)
		err =
		    print_list(out, s, "allow-transfer", &s->allow_transfer, ring, why);
	buf_puts(out, "\tnotify-auto false\n");
	return err == OK ? print_options(out, s, why) : err;
}

enum err
yadifa_native_print(const struct settings *s, const struct yadifa_self *self,
    const struct keyring *ring, struct yadifa_native **native,
    struct backend_error *why)
{
	static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz"
				       "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-+@=/${}";
	char mark[MARK_MAX];
	struct buf out;
	enum err err;

	if (s->zonefile[strspn(s->zonefile, alphabet)] != '\0' ||
	    strlen(s->zonefile) > YADIFA_PATH_MAX / 2)
		return backend_refuse(why, "zonefile %.100s: bad for yadifad",
		    s->zonefile);
	buf_init(&out, YADIFA_BODY_MAX);
	err = print_body(&out, s, self, ring, why);
	if (err == OK && out.err != OK)
		err = backend_refuse(why, "the settings are too long for yadifad");
	if (err == OK) {
		mark_print(s, mark);
		*native = yadifa_native_new(mark, s->zonefile, buf_text(&out));
	}
	buf_fini(&out);
	return err;
}
