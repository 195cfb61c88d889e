/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <string.h>

#include "agent/backend/nsd_include.h"
#include "lib/digest.h"
#include "lib/mem.h"

/*
 * Settings as a pattern: block. Whatever comes from the catalog is an address
 * or a name in the form [a-z0-9_*-] and \DDD, so no quoting can be broken.
 * Raw options are the operator's and go in as they are, one line each, but may
 * not begin another block or contradict what the driver relies on.
 */

/* In front of a digest: of other renderings nothing can be concluded. */
static const char digest_format[] = "2:";

const char nsd_native_raw[] = "\t# options as they are in the pattern file\n";

static enum err
print_remotes(struct buf *out, const char *option, const struct remote_list *list,
    const struct keyring *ring, struct backend_error *why)
{
	char address[ADDR_TEXT_MAX], key[DNAME_TEXT_MAX];

	for (size_t i = 0; i < list->n; i++) {
		const struct remote *r = &list->items[i];

		if (r->tls[0] != '\0')
			return backend_refuse(why,
			    "%s: the nsd driver does not do tls yet", option);
		buf_printf(out, "\t%s: %s", option,
		    addr_port(&r->addr) != 0 ? addr_print(&r->addr, address)
					     : addr_print_host(&r->addr, address));
		if (!r->has_key) {
			buf_puts(out, " NOKEY\n");
			continue;
		}
		dname_print_plain(&r->key, key);
		if (ring != NULL && keyring_find(ring, &r->key) == NULL)
			return backend_refuse(why,
			    "key %.150s is not configured in the agent", key);
		buf_printf(out, " \"%s.\"\n", key);
	}
	return OK;
}

/* `word: value`, the word not one that is ours or begins a block. */
static enum err
print_option(struct buf *out, const char *text, struct backend_error *why)
{
	static const char *const forbidden[] = {"server", "zone", "pattern", "key",
	    "remote-control", "tls-auth", "verify", "dnstap", "xot", "name", "zonefile",
	    "include", "include-pattern"};
	size_t size = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-");

	if (size == 0 || text[size] != ':' ||
	    (text[size + 1] != ' ' && text[size + 1] != '\t'))
		return backend_refuse(why, "nsd option \"%.100s\" is not `name: value`",
		    text);
	for (size_t i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++) {
		if (strlen(forbidden[i]) == size &&
		    strncmp(text, forbidden[i], size) == 0)
			return backend_refuse(why,
			    "nsd option %s: is not for a pattern file", forbidden[i]);
	}
	/* The lexer takes several options from one line, quotes set apart without
	 * a blank: not with our blessing. */
	for (const char *colon = text + size; (colon = strchr(colon + 1, ':')) != NULL;)
		if (colon[1] == '\0' || strchr(" \t\"'", colon[1]) != NULL)
			return backend_refuse(why,
			    "nsd option \"%.100s\" is more than one", text);
	buf_printf(out, "\t%s\n", text);
	return OK;
}

/* ${zone} becomes %s, which NSD replaces by the name as it was sent. */
static enum err
print_zonefile(struct buf *out, const struct settings *s, const char *zone_dir,
    struct backend_error *why)
{
	static const char variable[] = "${zone}";
	const char *text = s->zonefile, *at;

	if (strpbrk(text, "%\"\\") != NULL)
		return backend_refuse(why, "zonefile %.100s: bad for nsd", text);
	buf_printf(out, "\tzonefile: \"%s/", zone_dir);
	while ((at = strstr(text, variable)) != NULL) {
		buf_put(out, text, (size_t)(at - text));
		buf_puts(out, "%s");
		text = at + sizeof(variable) - 1;
	}
	buf_printf(out, "%s\"\n", text);
	return OK;
}

static enum err
print_block(struct buf *out, const struct settings *s, const char *zone_dir,
    const struct keyring *ring, struct backend_error *why)
{
	char name[MARK_MAX];
	bool raw = false;
	enum err err;

	if (s->dnssec != NULL)
		return backend_refuse(why, "dnssec = %s: nsd does not sign zones",
		    s->dnssec);
	mark_print(s, name);
	buf_printf(out, "pattern:\n\tname: \"%s\"\n", name);
	err = print_zonefile(out, s, zone_dir, why);
	if (err == OK && s->role == ROLE_SECONDARY)
		err = print_remotes(out, "request-xfr", &s->primaries, ring, why);
	if (err == OK && s->role == ROLE_SECONDARY)
		err = print_remotes(out, "allow-notify", &s->allow_notify, ring, why);
	if (err == OK)
		err = print_remotes(out, "notify", &s->notify, ring, why);
	if (err == OK)
		err = print_remotes(out, "provide-xfr", &s->allow_transfer, ring, why);
	for (size_t i = 0; err == OK && i < s->n_options; i++) {
		if (strcmp(s->options[i].driver, "nsd") != 0)
			continue;
		if (!raw)
			buf_puts(out, nsd_native_raw);
		raw = true;
		err = print_option(out, s->options[i].text, why);
	}
	return err;
}

/* The digest leaves out where the zone directory is: that may be moved. */
enum err
nsd_native_print(const struct settings *s, const char *zone_dir,
    const struct keyring *ring, char **block, char digest[static NSD_DIGEST_MAX],
    struct backend_error *why)
{
	struct buf out;
	char hex[DIGEST_HEX_MAX + 1];
	enum err err;

	buf_init(&out, 0);
	err = print_block(&out, s, "", NULL, why);
	if (err == OK) {
		digest_hex(buf_text(&out), out.size, 16, hex);
		buf_reset(&out);
		err = print_block(&out, s, zone_dir, ring, why);
	}
	if (err == OK) {
		snprintf(digest, NSD_DIGEST_MAX, "%s%.16s", digest_format, hex);
		*block = mem_strdup(buf_text(&out));
	}
	buf_fini(&out);
	return err;
}

static bool
is_placeholder(const struct nsd_native *native)
{
	return strcmp(native->digest, "-") == 0;
}

bool
nsd_native_is_primary(const struct nsd_native *native)
{
	return !is_placeholder(native) &&
	       strstr(native->block, "\n\trequest-xfr: ") == NULL;
}

bool
nsd_native_has_other_file(const struct nsd_native *a, const struct nsd_native *b)
{
	static const char file[] = "\n\tzonefile: ";
	const char *left = strstr(a->block, file), *right = strstr(b->block, file);
	size_t size;

	if (is_placeholder(a) || is_placeholder(b) || left == NULL || right == NULL)
		return false;
	left += sizeof(file) - 1;
	right += sizeof(file) - 1;
	size = strcspn(left, "\n") + 1;
	return strncmp(left, right, size) != 0;
}

char *
nsd_native_placeholder(const char *name, const char *zone_dir)
{
	return mem_printf("pattern:\n\tname: \"%s\"\n\tzonefile: \"%s/%%s.zone\"\n",
	    name, zone_dir);
}
