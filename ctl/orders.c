/* SPDX-License-Identifier: BSD-2-Clause */
#include "ctl/orders.h"
#include "ctl/propline.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/options.h"
#include "ctl/say.h"
#include "ctl/words.h"
#include "lib/mem.h"

enum { WHERE_MAX = 320 };

void
orders_fini(struct orders *orders)
{
	free(orders->items);
	orders->items = NULL;
	orders->n = orders->room = 0;
	pool_fini(&orders->pool);
}

/* -- one order ------------------------------------------------------------ */

void
order_zone(const struct order *order, struct dname *zone)
{
	if (dname_from_key(order->key, order->key_size, zone))
		*zone = dname_root; /* cannot be: it was a name before */
}

char *
order_zone_text(const struct order *order, char out[static DNAME_TEXT_MAX])
{
	struct dname zone;
	order_zone(order, &zone);
	return dname_print_short(&zone, out);
}

void
order_set_id(struct orders *orders, struct order *order, const struct label *id)
{
	order->id = pool_dup(&orders->pool, id->data, id->size);
	order->id_size = id->size;
}

struct label
order_id(const struct order *order)
{
	struct label id = {.size = order->id_size};
	if (order->id_size > 0)
		memcpy(id.data, order->id, order->id_size);
	return id;
}

enum err
orders_parse_zone(const char *text, struct dname *zone, const char **why)
{
	for (const char *c = text; *c; c++) {
		if ((unsigned char)*c >= 0x80) {
			*why = "letters beyond ASCII: give the name in its xn-- form";
			return ERR_FORM;
		}
		if ((unsigned char)*c <= ' ' || *c == 0x7f) {
			*why = "a blank or control character in the name";
			return ERR_FORM;
		}
	}
	if (dname_parse(text, zone)) {
		*why = "no domain name (empty label, label over 63 octets, bad escape, "
		       "or over 255 octets)";
		return ERR_FORM;
	}
	if (zone->size == 1) {
		*why = "the root cannot be provisioned";
		return ERR_FORM;
	}
	return OK;
}

/* -- many ----------------------------------------------------------------- */

enum err
orders_add(struct orders *orders, const char *text, const struct props *props,
    const char *where)
{
	struct dname zone;
	const char *why;
	if (orders_parse_zone(text, &zone, &why)) {
		say_error("%s\"%s\": %s", where, text, why);
		return ERR_INVALID;
	}
	uint8_t key[DNAME_KEY_MAX];
	size_t size = dname_key(&zone, key);
	orders->items =
	    mem_grow(orders->items, orders->n, &orders->room, sizeof(*orders->items));
	orders->items[orders->n++] = (struct order){
	    .key = pool_dup(&orders->pool, key, size),
	    .key_size = (uint16_t)size,
	    .props = props,
	};
	return OK;
}

static int
compare_keys(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size)
{
	int c = memcmp(a, b, a_size < b_size ? a_size : b_size);
	return c ? c : (a_size > b_size) - (a_size < b_size);
}

static int
compare(const void *a, const void *b)
{
	const struct order *x = a, *y = b;
	return compare_keys(x->key, x->key_size, y->key, y->key_size);
}

static bool
is_sorted(const struct orders *orders)
{
	for (size_t i = 1; i < orders->n; i++)
		if (compare(&orders->items[i - 1], &orders->items[i]) >= 0)
			return false;
	return true;
}

enum err
orders_sort(struct orders *orders)
{
	if (is_sorted(orders))
		return OK;
	qsort(orders->items, orders->n, sizeof(*orders->items), compare);
	size_t kept = 1;
	for (size_t i = 1; i < orders->n; i++) {
		struct order *last = &orders->items[kept - 1], *o = &orders->items[i];
		if (compare(last, o) != 0) {
			orders->items[kept++] = *o;
			continue;
		}
		if (o->props && !props_equal(last->props, o->props)) {
			char zone[DNAME_TEXT_MAX];
			say_error("%s is there twice, with different patterns or "
				  "parameters",
			    order_zone_text(o, zone));
			return ERR_INVALID;
		}
	}
	orders->n = kept;
	return OK;
}

struct order *
orders_find(const struct orders *orders, const struct dname *zone)
{
	uint8_t key[DNAME_KEY_MAX];
	size_t size = dname_key(zone, key);
	size_t low = 0, high = orders->n;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		struct order *o = &orders->items[middle];
		int c = compare_keys(key, size, o->key, o->key_size);
		if (c == 0)
			return o;
		if (c < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

/* -- a file of them ------------------------------------------------------- */

struct reader {
	struct orders *orders;
	enum orders_lines lines;
	const struct props *common; /* of the command line */
	const struct props *last;   /* shared by like lines that follow each other */
	const char *file;
	unsigned line;
};

static enum err
line_error(const struct reader *r, const char *why)
{
	say_error("%s:%u: %s", r->file, r->line, why);
	return ERR_INVALID;
}

static enum err
line_param(struct reader *r, char *word, struct props *props)
{
	const char *why = "a parameter is written name=value";
	char *eq = strchr(word, '=');
	if (!eq)
		return line_error(r, why);
	struct buf value;
	buf_init(&value, PROPS_VALUE_MAX + 1);
	enum err e = words_decode(eq + 1, strlen(eq + 1), &value);
	if (e == ERR_FORM)
		why = "a bad escape";
	else if (value.size == 0)
		why = "a parameter without a value", e = ERR_FORM;
	else
		e = props_add_param(word, (size_t)(eq - word), value.data, value.size,
		    &r->orders->pool, props, &why);
	buf_fini(&value);
	return e ? line_error(r, why) : OK;
}

/* The pattern and parameters of a line, from its second word on. */
static enum err
line_props(struct reader *r, char **words, size_t n, const struct props **out)
{
	struct pool *pool = &r->orders->pool;
	const char *why;
	struct props props = {0};
	size_t i = 1;
	if (n > 1 && !strchr(words[1], '=')) {
		if (propline_groups(words[1], pool, &props, &why))
			return line_error(r, why);
		i = 2;
	} else if (r->common->has_groups) {
		props.has_groups = true;
		props.groups = r->common->groups;
	} else {
		return line_error(r, "no pattern on the line, and no -p");
	}
	for (; i < n; i++) {
		enum err e = line_param(r, words[i], &props);
		if (e)
			return e;
	}
	props_inherit(&props, r->common, pool);
	if (!r->last || !props_equal(r->last, &props)) {
		struct props *copy = pool_zalloc(pool, sizeof(*copy));
		*copy = props;
		r->last = copy;
	}
	*out = r->last;
	return OK;
}

static enum err
take_line(struct reader *r, char *line)
{
	char *words[WORDS_MAX];
	size_t n;
	enum err e = words_split(line, words, &n);
	if (e)
		return line_error(r,
		    e == ERR_RANGE
			? "too many words"
			: "a quote is not closed, or a backslash ends the line");
	if (n == 0)
		return OK;
	const struct props *props = r->common;
	if (r->lines == ORDERS_ADDITIONS)
		e = line_props(r, words, n, &props);
	else if (n > 1)
		e = line_error(r, "one zone a line");
	if (e)
		return e;
	char where[WHERE_MAX];
	snprintf(where, sizeof(where), "%s:%u: ", r->file, r->line);
	return orders_add(r->orders, words[0], props, where);
}

static enum err
read_lines(struct reader *r, FILE *f)
{
	char *line = NULL;
	size_t room = 0;
	ssize_t size;
	enum err e = OK;
	while (!e && (size = getline(&line, &room, f)) >= 0) {
		r->line++;
		if (size > 0 && line[size - 1] == '\n')
			line[--size] = '\0';
		if (strlen(line) != (size_t)size)
			e = line_error(r, "a NUL octet");
		else
			e = take_line(r, line);
	}
	if (!e && ferror(f)) {
		say_error("%s: %s", r->file, mem_errno_text(errno));
		e = ERR_IO;
	}
	free(line);
	return e;
}

static enum err
read_file(struct reader *r, const char *path)
{
	if (strcmp(path, "-") == 0) {
		r->file = "stdin";
		return read_lines(r, stdin);
	}
	r->file = path;
	FILE *f = fopen(path, "re");
	if (!f) {
		say_error("%s: %s", path, mem_errno_text(errno));
		return ERR_IO;
	}
	enum err e = read_lines(r, f);
	fclose(f);
	return e;
}

/* -- the command line ----------------------------------------------------- */

static enum err
common_props(const struct options *opt, struct pool *pool, struct props *props)
{
	const char *why;
	if (opt->pattern && propline_groups(opt->pattern, pool, props, &why)) {
		say_error("-p \"%s\": %s", opt->pattern, why);
		return ERR_INVALID;
	}
	for (size_t i = 0; i < opt->n_params; i++)
		if (propline_param(opt->params[i], pool, props, &why)) {
			say_error("-P \"%s\": %s", opt->params[i], why);
			return ERR_INVALID;
		}
	return OK;
}

/* What is right for a change of a zone may be wrong for a new one. */
static enum err
check_common(const struct ctl *ctl, const struct props *common)
{
	if (ctl->n_args > 0 && !common->has_groups) {
		say_error("-p PATTERN is missing (-p - for no pattern)");
		return ERR_INVALID;
	}
	for (const struct props_param *p = common->params; p; p = p->next)
		if (p->size == 0) {
			say_error("-P %.*s=: a new zone has nothing to remove",
			    (int)p->name.size, (const char *)p->name.data);
			return ERR_INVALID;
		}
	return OK;
}

enum exit_status
orders_read(const struct ctl *ctl, enum orders_lines lines, struct orders *orders)
{
	const struct options *opt = ctl->opt;
	*orders = (struct orders){0};
	struct props *common = pool_zalloc(&orders->pool, sizeof(*common));
	if (common_props(opt, &orders->pool, common))
		return EXIT_USAGE;
	if (lines == ORDERS_ADDITIONS && check_common(ctl, common))
		return EXIT_USAGE;
	for (size_t i = 0; i < ctl->n_args; i++)
		if (orders_add(orders, ctl->args[i], common, ""))
			return EXIT_USAGE;
	if (opt->from) {
		struct reader r = {.orders = orders, .lines = lines, .common = common};
		enum err e = read_file(&r, opt->from);
		if (e)
			return e == ERR_IO ? EXIT_FAILED : EXIT_USAGE;
	}
	return orders_sort(orders) ? EXIT_USAGE : EXIT_DONE;
}
