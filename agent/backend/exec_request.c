/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/backend/exec_request.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/backend/mark.h"
#include "lib/mem.h"

/* -- JSON ------------------------------------------------------------------------- */

static void
put_string(struct buf *out, const char *text)
{
	buf_put_u8(out, '"');
	for (const char *at = text; *at != '\0';) {
		size_t plain = 0;

		while ((unsigned char)at[plain] >= ' ' && at[plain] != '"' &&
		       at[plain] != '\\')
			plain++;
		buf_put(out, at, plain);
		at += plain;
		if (*at == '"' || *at == '\\')
			buf_printf(out, "\\%c", *at++);
		else if (*at != '\0')
			buf_printf(out, "\\u%04x", (unsigned)(unsigned char)*at++);
	}
	buf_put_u8(out, '"');
}

static void
put_name(struct buf *out, const struct dname *name)
{
	char text[DNAME_TEXT_MAX];

	put_string(out, dname_print_plain(name, text));
}

static void
separate(struct buf *out, size_t i)
{
	if (i > 0)
		buf_puts(out, ",");
}

void
exec_put_text(struct buf *out, const char *name, const char *value)
{
	buf_printf(out, ",\"%s\":", name);
	if (value != NULL)
		put_string(out, value);
	else
		buf_puts(out, "null");
}

void
exec_put_number(struct buf *out, const char *name, uint64_t value)
{
	buf_printf(out, ",\"%s\":%" PRIu64, name, value);
}

void
exec_request_begin(struct buf *out, uint64_t id, const char *verb)
{
	buf_printf(out, "{\"id\":%" PRIu64, id);
	exec_put_text(out, "do", verb);
}

void
exec_request_end(struct buf *out)
{
	buf_puts(out, "}\n");
}

void
exec_put_zones(struct buf *out, const struct dname *zones, size_t n)
{
	buf_puts(out, ",\"zones\":[");
	for (size_t i = 0; i < n; i++) {
		separate(out, i);
		put_name(out, &zones[i]);
	}
	buf_puts(out, "]");
}

bool
exec_is_text(const char *text)
{
	const unsigned char *at = (const unsigned char *)text;

	while (*at != '\0') {
		unsigned n = *at < 0x80 ? 0 : *at < 0xe0 ? 1 : *at < 0xf0 ? 2 : 3;
		uint32_t min = n == 1 ? 0x80 : n == 2 ? 0x800 : 0x10000;
		uint32_t c = n > 0 ? *at & (0x3fu >> n) : *at;

		if ((*at >= 0x80 && *at < 0xc2) || *at > 0xf4)
			return false;
		at++;
		for (unsigned i = 0; i < n; i++, at++) {
			if ((*at & 0xc0) != 0x80)
				return false;
			c = c << 6 | (*at & 0x3f);
		}
		if (n > 0 && (c < min || c > 0x10ffff || (c >= 0xd800 && c < 0xe000)))
			return false;
	}
	return true;
}

/* -- keys ------------------------------------------------------------------------- */

void
exec_put_keys(struct buf *out, const struct dname *names, size_t n,
    const struct keyring *ring)
{
	struct buf secret;
	size_t put = 0;

	buf_init(&secret, 0);
	buf_puts(out, ",\"keys\":[");
	for (size_t i = 0; i < n; i++) {
		const struct key *key =
		    ring != NULL ? keyring_find(ring, &names[i]) : NULL;

		if (key == NULL)
			continue;
		separate(out, put++);
		buf_puts(out, "{\"name\":");
		put_name(out, &names[i]);
		exec_put_text(out, "algorithm", key_alg_str(key_algorithm(key)));
		key_secret_print(key, &secret);
		exec_put_text(out, "secret", buf_text(&secret));
		buf_puts(out, "}");
		mem_wipe(secret.data, secret.size);
		buf_reset(&secret);
	}
	buf_puts(out, "]");
	buf_fini(&secret);
}

/* -- settings --------------------------------------------------------------------- */

struct settings_list {
	struct settings **items;
	size_t n, room;
	struct dname *keys;
	size_t n_keys, keys_room;
};

static void
note_keys(struct settings_list *list, const struct remote_list *remotes)
{
	for (size_t i = 0; i < remotes->n; i++) {
		bool known = !remotes->items[i].has_key;

		for (size_t k = 0; k < list->n_keys && !known; k++)
			known = dname_equal(&list->keys[k], &remotes->items[i].key);
		if (known)
			continue;
		list->keys = mem_grow(list->keys, list->n_keys, &list->keys_room,
		    sizeof(*list->keys));
		list->keys[list->n_keys++] = remotes->items[i].key;
	}
}

/* Its place in the list. The last ones are looked at first: those of one pattern
 * come one after the other. */
static size_t
note_settings(struct settings_list *list, struct settings *s)
{
	for (size_t i = list->n; i > 0; i--) {
		if (list->items[i - 1] == s)
			return i - 1;
	}
	list->items = mem_grow(list->items, list->n, &list->room, sizeof(*list->items));
	list->items[list->n] = s;
	note_keys(list, &s->primaries);
	note_keys(list, &s->notify);
	note_keys(list, &s->allow_notify);
	note_keys(list, &s->allow_transfer);
	return list->n++;
}

static void
put_remotes(struct buf *out, const char *name, const struct remote_list *list)
{
	buf_printf(out, ",\"%s\":[", name);
	for (size_t i = 0; i < list->n; i++) {
		const struct remote *r = &list->items[i];
		char host[ADDR_TEXT_MAX];

		separate(out, i);
		buf_puts(out, "{\"address\":");
		put_string(out, addr_print_host(&r->addr, host));
		if (addr_port(&r->addr) != 0)
			exec_put_number(out, "port", addr_port(&r->addr));
		if (r->has_key) {
			buf_puts(out, ",\"key\":");
			put_name(out, &r->key);
		}
		if (r->tls[0] != '\0')
			exec_put_text(out, "tls", r->tls);
		buf_puts(out, "}");
	}
	buf_puts(out, "]");
}

static void
put_params(struct buf *out, const struct settings *s)
{
	buf_puts(out, ",\"parameters\":{");
	for (size_t i = 0; i < s->n_params; i++) {
		separate(out, i);
		put_string(out, s->params[i].name);
		buf_puts(out, ":");
		put_string(out, s->params[i].value);
	}
	buf_puts(out, "}");
}

static void
put_options(struct buf *out, const struct settings *s)
{
	size_t put = 0;

	buf_puts(out, ",\"options\":[");
	for (size_t i = 0; i < s->n_options; i++) {
		if (strcmp(s->options[i].driver, "exec") != 0)
			continue;
		separate(out, put++);
		put_string(out, s->options[i].text);
	}
	buf_puts(out, "]");
}

static void
put_settings(struct buf *out, const struct settings *s)
{
	char mark[MARK_MAX];

	mark_print(s, mark);
	buf_puts(out, "{\"mark\":");
	put_string(out, mark);
	exec_put_text(out, "pattern", s->pattern);
	exec_put_text(out, "role", s->role == ROLE_SECONDARY ? "secondary" : "primary");
	put_remotes(out, "primaries", &s->primaries);
	put_remotes(out, "notify", &s->notify);
	put_remotes(out, "allow-notify", &s->allow_notify);
	put_remotes(out, "allow-transfer", &s->allow_transfer);
	exec_put_text(out, "dnssec", s->dnssec);
	put_options(out, s);
	put_params(out, s);
	buf_puts(out, "}");
}

static const char *
find_odd_text(const struct settings *s)
{
	if (!exec_is_text(s->zonefile))
		return "zonefile";
	if (s->initial_file != NULL && !exec_is_text(s->initial_file))
		return "initial-file";
	if (s->dnssec != NULL && !exec_is_text(s->dnssec))
		return "dnssec";
	for (size_t i = 0; i < s->n_options; i++) {
		if (!exec_is_text(s->options[i].text))
			return "an option";
	}
	for (size_t i = 0; i < s->n_params; i++) {
		if (!exec_is_text(s->params[i].value))
			return "a parameter";
	}
	return NULL;
}

enum err
exec_check_settings(const struct settings *s, const struct keyring *ring,
    struct backend_error *why)
{
	const struct remote_list *const lists[] = {&s->primaries, &s->notify,
	    &s->allow_notify, &s->allow_transfer};
	const char *odd = find_odd_text(s);
	char name[DNAME_TEXT_MAX];

	if (odd != NULL)
		return backend_refuse(why, "%s is not UTF-8", odd);
	for (size_t k = 0; k < sizeof(lists) / sizeof(lists[0]); k++) {
		for (size_t i = 0; i < lists[k]->n; i++) {
			const struct remote *r = &lists[k]->items[i];

			if (r->has_key &&
			    (ring == NULL || keyring_find(ring, &r->key) == NULL))
				return backend_refuse(why, "there is no [key %s]",
				    dname_print_short(&r->key, name));
		}
	}
	return OK;
}

/* -- operations ------------------------------------------------------------------- */

static void
put_wanted(struct buf *out, const struct backend_op *op, size_t place)
{
	const struct settings *s = op->settings;
	char *path = settings_zonefile(s, &op->zone);
	char *initial = s->role == ROLE_PRIMARY
			    ? settings_initial_file(s, &op->zone, (uint32_t)time(NULL))
			    : NULL;

	exec_put_number(out, "settings", place);
	exec_put_text(out, "zonefile", path);
	buf_printf(out, ",\"own-file\":%s",
	    settings_file_is_own(s->zonefile) ? "true" : "false");
	if (initial != NULL)
		exec_put_text(out, "initial", initial);
	free(initial);
	free(path);
}

static void
put_op(struct buf *out, const struct backend_op *op, size_t number,
    struct settings_list *list)
{
	static const char *const words[] = {
	    [OP_REMOVE] = "remove",
	    [OP_PURGE] = "purge",
	    [OP_CHANGE] = "change",
	    [OP_ADD] = "add",
	};

	buf_printf(out, "{\"op\":%zu", number);
	exec_put_text(out, "do", words[op->kind]);
	buf_puts(out, ",\"zone\":");
	put_name(out, &op->zone);
	if (op->kind == OP_ADD || op->kind == OP_CHANGE)
		put_wanted(out, op, note_settings(list, op->settings));
	else if (settings_record_is_own(op->zonefile))
		exec_put_text(out, "zonefile", op->zonefile);
	buf_puts(out, "}");
}

size_t
exec_put_ops(struct buf *out, const struct backend_op *ops, size_t n,
    const struct keyring *ring)
{
	struct settings_list list = {0};
	struct buf text;
	size_t taken = 0, put = 0;

	buf_init(&text, 0);
	for (; taken < n && (put == 0 || text.size < EXEC_REQUEST_SOFT); taken++) {
		if (!op_is_open(&ops[taken]))
			continue;
		separate(&text, put++);
		put_op(&text, &ops[taken], taken, &list);
	}
	exec_put_keys(out, list.keys, list.n_keys, ring);
	buf_puts(out, ",\"settings\":[");
	for (size_t i = 0; i < list.n; i++) {
		separate(out, i);
		put_settings(out, list.items[i]);
	}
	buf_puts(out, "],\"ops\":[");
	buf_put(out, text.data, text.size);
	buf_puts(out, "]");
	buf_fini(&text);
	free(list.items);
	free(list.keys);
	return taken;
}
