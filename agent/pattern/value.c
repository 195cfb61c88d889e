/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/pattern/value.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/inifile.h"
#include "lib/mem.h"

static const char *const type_names[] = {
    [VALUE_ADDRESS_LIST] = "address-list",
    [VALUE_NAME] = "name",
    [VALUE_KEY_NAME] = "key-name",
    [VALUE_NUMBER] = "number",
    [VALUE_KEYWORD] = "keyword",
};

enum err
value_type_parse(const char *text, enum value_type *type)
{
	for (size_t i = 0; i < sizeof(type_names) / sizeof(type_names[0]); i++) {
		if (strcmp(text, type_names[i]) == 0) {
			*type = (enum value_type)i;
			return OK;
		}
	}
	return ERR_INVALID;
}

const char *
value_type_str(enum value_type type)
{
	return type_names[type];
}

PRINTF(3, 4)
static enum err
fail(char *why, size_t why_size, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, why_size, fmt, ap);
	va_end(ap);
	return ERR_INVALID;
}

static enum err
check_key(const struct dname *key, const struct keyring *ring, char *why,
    size_t why_size)
{
	char text[DNAME_TEXT_MAX];

	if (ring == NULL || keyring_find(ring, key) != NULL)
		return OK;
	return fail(why, why_size, "key %.200s is not configured in the agent",
	    dname_print_short(key, text));
}

enum err
value_add_remote(struct remote_list *list, const struct remote *remote,
    const struct keyring *ring, char *why, size_t why_size)
{
	if (list->n >= VALUE_LIST_MAX)
		return fail(why, why_size, "more than %d addresses in a list",
		    VALUE_LIST_MAX);
	if (remote->has_key && check_key(&remote->key, ring, why, why_size) != OK)
		return ERR_INVALID;
	list->items = mem_realloc(list->items, (list->n + 1) * sizeof(list->items[0]));
	list->items[list->n++] = *remote;
	return OK;
}

struct addresses {
	struct remote_list *list;
	const struct keyring *ring;
	char *why;
	size_t why_size;
};

static enum err
add_item(void *arg, const char *item)
{
	struct addresses *a = arg;
	struct remote remote;

	memset(&remote, 0, sizeof(remote));
	if (remote_parse(item, 0, &remote) != OK)
		return fail(a->why, a->why_size,
		    "\"%.100s\" is not ADDRESS[@PORT] [key NAME]", item);
	return value_add_remote(a->list, &remote, a->ring, a->why, a->why_size);
}

enum err
value_addresses(const char *text, const struct keyring *ring, struct remote_list *list,
    char *why, size_t why_size)
{
	struct addresses a = {list, ring, why, why_size};
	enum err err;

	fail(why, why_size, "\"%.100s\" is not a list of addresses", text);
	err = inifile_each(text, false, add_item, &a);
	return err == OK ? OK : ERR_INVALID;
}

char *
value_print_addresses(const struct remote_list *list)
{
	struct buf out;
	char text[DNAME_TEXT_MAX], address[ADDR_TEXT_MAX];
	char *result;

	buf_init(&out, 0);
	for (size_t i = 0; i < list->n; i++) {
		const struct remote *r = &list->items[i];

		buf_puts(&out, i == 0 ? "" : ", ");
		buf_puts(&out, addr_port(&r->addr) == 0
				   ? addr_print_host(&r->addr, address)
				   : addr_print(&r->addr, address));
		if (r->has_key)
			buf_printf(&out, " key %s", dname_print_short(&r->key, text));
		if (r->tls[0] != '\0')
			buf_printf(&out, " tls %s", r->tls);
	}
	result = mem_strdup(buf_text(&out));
	buf_fini(&out);
	return result;
}

static enum err
parse_addresses(const char *text, const struct keyring *ring, char **canonical,
    char *why, size_t why_size)
{
	struct remote_list list = {NULL, 0};
	enum err err = value_addresses(text, ring, &list, why, why_size);

	if (err == OK)
		*canonical = value_print_addresses(&list);
	free(list.items);
	return err;
}

static enum err
parse_number(const char *text, char **canonical, char *why, size_t why_size)
{
	unsigned long number;

	if (inifile_number(text, 0, UINT32_MAX, &number) != OK)
		return fail(why, why_size, "\"%.100s\" is not a number from 0 to %lu",
		    text, (unsigned long)UINT32_MAX);
	*canonical = mem_printf("%lu", number);
	return OK;
}

static enum err
parse_keyword(const char *text, char **canonical, char *why, size_t why_size)
{
	size_t size = strlen(text);

	if (size == 0 || size > 63 ||
	    strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-") != size)
		return fail(why, why_size,
		    "\"%.100s\" is not a keyword of [a-z0-9-], at most 63", text);
	*canonical = mem_strdup(text);
	return OK;
}

enum err
value_parse(enum value_type type, const char *text, const struct keyring *ring,
    char **canonical, char *why, size_t why_size)
{
	char printed[DNAME_TEXT_MAX];
	struct dname name;

	if (strlen(text) > VALUE_TEXT_MAX)
		return fail(why, why_size, "the value has more than %d characters",
		    VALUE_TEXT_MAX);
	switch (type) {
	case VALUE_ADDRESS_LIST:
		return parse_addresses(text, ring, canonical, why, why_size);
	case VALUE_NUMBER: return parse_number(text, canonical, why, why_size);
	case VALUE_KEYWORD: return parse_keyword(text, canonical, why, why_size);
	case VALUE_NAME:
	case VALUE_KEY_NAME: break;
	}
	if (dname_parse(text, &name) != OK)
		return fail(why, why_size, "\"%.100s\" is not a name", text);
	if (type == VALUE_KEY_NAME && check_key(&name, ring, why, why_size) != OK)
		return ERR_INVALID;
	*canonical = mem_strdup(dname_print(&name, printed));
	return OK;
}
