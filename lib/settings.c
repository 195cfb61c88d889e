/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/mem.h"

struct settings *
settings_new(void)
{
	struct settings *s = mem_zalloc(sizeof(*s));
	s->refs = 1;
	return s;
}

struct settings *
settings_ref(struct settings *s)
{
	__atomic_add_fetch(&s->refs, 1, __ATOMIC_RELAXED);
	return s;
}

void
settings_unref(struct settings *s)
{
	if (!s || __atomic_sub_fetch(&s->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	free(s->primaries.items);
	free(s->notify.items);
	free(s->allow_notify.items);
	free(s->allow_transfer.items);
	free(s->zonefile);
	free(s->initial_file);
	free(s->dnssec);
	for (size_t i = 0; i < s->n_options; i++) {
		free(s->options[i].driver);
		free(s->options[i].text);
	}
	free(s->options);
	for (size_t i = 0; i < s->n_params; i++) {
		free(s->params[i].name);
		free(s->params[i].value);
	}
	free(s->params);
	free(s);
}

/* -- remotes ------------------------------------------------------------- */

enum { WORD_MAX = DNAME_TEXT_MAX };

/* ERR_NOTFOUND at the end; ERR_FORM: longer than any address or name. */
static enum err
next_word(const char **text, char word[static WORD_MAX])
{
	static const char blanks[] = " \t";
	const char *start = *text + strspn(*text, blanks);
	size_t n = strcspn(start, blanks);
	if (n == 0)
		return ERR_NOTFOUND;
	if (n >= WORD_MAX)
		return ERR_FORM;
	memcpy(word, start, n);
	word[n] = '\0';
	*text = start + n;
	return OK;
}

/* The name to verify is a host name: it goes into a configuration as it is. */
static enum err
parse_tls_name(const char *word, char out[static 256])
{
	struct dname name;
	char text[DNAME_TEXT_MAX];
	if (dname_parse(word, &name) != OK || name.size == 1)
		return ERR_FORM;
	size_t n = strlen(dname_print_plain(&name, text));
	if (n >= 256 || strpbrk(text, "\\*"))
		return ERR_FORM;
	memcpy(out, text, n + 1);
	return OK;
}

enum err
remote_parse(const char *text, uint16_t port_default, struct remote *remote)
{
	char word[WORD_MAX], value[WORD_MAX];
	struct remote r = {.key = dname_root};
	enum err err;

	if (next_word(&text, word) != OK ||
	    addr_parse(word, port_default, &r.addr) != OK)
		return ERR_FORM;
	while ((err = next_word(&text, word)) == OK) {
		if (next_word(&text, value) != OK)
			return ERR_FORM;
		if (strcmp(word, "key") == 0 && !r.has_key) {
			if (dname_parse(value, &r.key) != OK)
				return ERR_FORM;
			r.has_key = true;
		} else if (strcmp(word, "tls") == 0 && r.tls[0] == '\0') {
			if (parse_tls_name(value, r.tls) != OK)
				return ERR_FORM;
		} else {
			return ERR_FORM;
		}
	}
	if (err != ERR_NOTFOUND)
		return ERR_FORM;
	*remote = r;
	return OK;
}

/* -- templates ----------------------------------------------------------- */

/* What ${name} stands for, or NULL. */
typedef const char *lookup_fn(const void *arg, const char *name, size_t size);

/* Copies template, with every ${name} that is known replaced, once: what was
 * put in is not looked at again. */
static char *
expand(const char *template, lookup_fn *lookup, const void *arg)
{
	struct buf out;
	buf_init(&out, 0);
	for (const char *p = template; *p != '\0';) {
		size_t plain = strcspn(p, "$");
		buf_put(&out, p, plain);
		p += plain;
		if (*p == '\0')
			break;
		const char *end = p[1] == '{' ? strchr(p, '}') : NULL;
		const char *value =
		    end ? lookup(arg, p + 2, (size_t)(end - p - 2)) : NULL;
		if (value) {
			buf_puts(&out, value);
			p = end + 1;
		} else {
			buf_put(&out, p++, 1);
		}
	}
	char *text = mem_strdup(buf_text(&out));
	buf_fini(&out);
	return text;
}

static bool
same(const char *text, const char *name, size_t size)
{
	return strlen(text) == size && memcmp(text, name, size) == 0;
}

static const char *
lookup_zone(const void *arg, const char *name, size_t size)
{
	return same("zone", name, size) ? arg : NULL;
}

char *
settings_zonefile(const struct settings *s, const struct dname *zone)
{
	char text[DNAME_FILE_MAX];
	return expand(s->zonefile, lookup_zone, dname_print_file(zone, text));
}

bool
settings_file_is_own(const char *zonefile)
{
	return strstr(zonefile, "${zone}") != NULL;
}

char *
settings_file_record(const struct settings *s, const struct dname *zone)
{
	return settings_file_is_own(s->zonefile) ? settings_zonefile(s, zone)
						 : mem_strdup("/");
}

bool
settings_record_is_own(const char *recorded)
{
	return recorded != NULL && recorded[0] != '\0' && strcmp(recorded, "/") != 0;
}

struct initial {
	const struct settings *settings;
	char zone[DNAME_TEXT_MAX];
	char serial[16];
};

static const char *
lookup_initial(const void *arg, const char *name, size_t size)
{
	const struct initial *initial = arg;
	const struct settings *s = initial->settings;
	if (same("zone", name, size))
		return initial->zone;
	if (same("serial", name, size))
		return initial->serial;
	for (size_t i = 0; i < s->n_params; i++)
		if (same(s->params[i].name, name, size))
			return s->params[i].value;
	return NULL;
}

char *
settings_initial_file(const struct settings *s, const struct dname *zone,
    uint32_t serial)
{
	struct initial initial = {.settings = s};
	if (!s->initial_file)
		return NULL;
	dname_print_plain(zone, initial.zone);
	snprintf(initial.serial, sizeof(initial.serial), "%u", serial);
	return expand(s->initial_file, lookup_initial, &initial);
}
