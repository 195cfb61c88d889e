/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a NETCONF client sends that libyang does not look at: XPath, names of zones,
 * texts, and configurations, of which the input makes a tree: a line each, its depth in
 * blanks, then name, operation and value.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/mem.h"
#include "netconf/edit.h"
#include "netconf/filter.h"
#include "netconf/schema.h"
#include "netconf/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { DEPTH_MAX = 8, ELEMENTS_MAX = 500 };

static const char *
ns_of(void *arg, const char *module, size_t size)
{
	(void)arg;
	return size == 6 && memcmp(module, "nsherd", 6) == 0 ? SCHEMA_NS : NULL;
}

/* What is decoded is encoded in a way that is decoded as the same. */
static void
try_text(struct pool *pool, const char *text)
{
	struct buf octets, again;
	struct dname zone;
	char canonical[DNAME_TEXT_MAX];
	buf_init(&octets, 1 << 16);
	buf_init(&again, 1 << 16);
	if (text_decode(text, &octets) == OK) {
		const char *printed = text_encode(pool, octets.data, octets.size);
		assert(text_decode(printed, &again) == OK);
		assert(again.size == octets.size);
		assert(again.size == 0 ||
		       memcmp(again.data, octets.data, again.size) == 0);
	}
	if (text_zone(text, &zone) != ERR_FORM) {
		dname_print_short(&zone, canonical);
		assert(text_zone(canonical, &zone) == OK);
	}
	buf_fini(&octets);
	buf_fini(&again);
}

static struct elem *
make_tree(struct pool *pool, char *text)
{
	struct elem *at[DEPTH_MAX + 1];
	char *save, *line = strtok_r(text, "\n", &save);
	size_t depth = 0, n = 0;
	at[0] = tree_add(pool, NULL, SCHEMA_NS, "config", NULL);
	for (; line && n < ELEMENTS_MAX; line = strtok_r(NULL, "\n", &save), n++) {
		size_t wanted = strspn(line, " ");
		char *words, *name = strtok_r(line, " ", &words),
			     *op = name ? strtok_r(NULL, " ", &words) : NULL,
			     *value = op ? strtok_r(NULL, "", &words) : NULL;
		if (!name)
			continue;
		depth = wanted < depth ? wanted : depth;
		struct elem *e = tree_add(pool, at[depth],
		    *name == '!' ? "urn:other" : NULL, name, value);
		e->op = op && strcmp(op, "-") != 0 ? op : NULL;
		if (depth < DEPTH_MAX)
			at[++depth] = e;
	}
	return at[0];
}

static void
try_edit(struct pool *pool, char *text, enum edit_op op)
{
	struct edit edit = {.config = make_tree(pool, text), .default_op = op};
	struct fault fault = {0};
	struct zset set;
	zset_init(&set);
	enum err e = edit_scan(&edit, &set, &fault);
	assert(!e == (fault.tag == 0));
	for (size_t i = 0; i < set.n && !e; i++) /* every other one is there */
		set.items[i].had = set.items[i].has = i % 2;
	if (!e)
		e = edit_apply(&edit, &set, &fault);
	assert(!e == (fault.tag == 0));
	for (size_t i = 0; i < set.n && !e; i++)
		assert(i == 0 ||
		       dname_compare(&set.items[i - 1].zone, &set.items[i].zone) < 0);
	zset_fini(&set);
}

/* Marks of a filter are only ever where it has names. */
static void
try_filter(struct pool *pool, const char *select, const char *text)
{
	struct filter f;
	struct buf out;
	if (filter_from_xpath(pool, select, ns_of, NULL, &f) != OK)
		return;
	char *copy = pool_strdup(pool, text);
	struct elem *data = make_tree(pool, copy);
	filter_mark(&f, data);
	buf_init(&out, 1 << 16);
	for (struct elem *e = data->child; e; e = e->next)
		tree_print(e, SCHEMA_NS, &out);
	buf_fini(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pool pool = {0};
	if (size < 1 || size > 16384 || memchr(data, 0, size))
		return 0;
	char *text = mem_alloc(size + 1);
	memcpy(text, data, size);
	text[size] = '\0';
	char *rest = strchr(text, '\n');
	if (rest)
		*rest++ = '\0';
	try_text(&pool, text);
	try_filter(&pool, text, rest ? rest : "");
	if (rest)
		try_edit(&pool, rest, (enum edit_op)(*data % (EDIT_NONE + 1)));
	free(text);
	pool_fini(&pool);
	return 0;
}
