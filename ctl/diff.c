/* SPDX-License-Identifier: BSD-2-Clause */
#include "ctl/diff.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/catz.h"
#include "lib/mem.h"

/* -- properties: sets of records -------------------------------------------- */

static bool
has_group(const struct props *props, const struct props_group *g)
{
	for (const struct props_group *p = props->groups; p; p = p->next)
		if (p->size == g->size && memcmp(p->data, g->data, g->size) == 0)
			return true;
	return false;
}

static bool
has_param(const struct props *props, const struct props_param *q)
{
	for (const struct props_param *p = props->params; p; p = p->next)
		if (label_equal(&p->name, &q->name) && p->size == q->size &&
		    memcmp(p->value, q->value, p->size) == 0)
			return true;
	return false;
}

static bool
has_name(const struct props *props, const struct label *name)
{
	for (const struct props_param *p = props->params; p; p = p->next)
		if (label_equal(&p->name, name) && p->size > 0)
			return true;
	return false;
}

/* Empty values in a list say that there is none. */
static bool
contains(const struct props *a, const struct props *b)
{
	for (const struct props_group *g = b->groups; g; g = g->next)
		if (!has_group(a, g))
			return false;
	for (const struct props_param *p = b->params; p; p = p->next)
		if (p->size > 0 && !has_param(a, p))
			return false;
	return true;
}

/* All that is wanted, and the names of what is not, without a value. */
static const struct props *
change_of(struct diff *diff, const struct props *was, const struct props *wanted)
{
	struct props *change = pool_zalloc(&diff->pool, sizeof(*change));

	change->has_groups = true;
	change->groups = wanted->groups;
	change->params = wanted->params;
	for (const struct props_param *p = was->params; p; p = p->next) {
		if (has_name(wanted, &p->name))
			continue;
		struct props_param *gone = pool_zalloc(&diff->pool, sizeof(*gone));
		gone->name = p->name;
		gone->next = change->params;
		change->params = gone;
	}
	return change;
}

/* -- the lists, side by side ------------------------------------------------ */

static struct diff_item *
put(struct diff *diff, enum diff_kind kind, const uint8_t *key, uint16_t key_size)
{
	diff->items = mem_grow(diff->items, diff->n, &diff->room, sizeof(*diff->items));
	struct diff_item *item = &diff->items[diff->n++];
	*item = (struct diff_item){.kind = kind, .key = key, .key_size = key_size};
	diff->n_of[kind]++;
	return item;
}

static void
take_id(struct diff_item *item, const struct memberlist_entry *m)
{
	item->id.size = m->id_size;
	memcpy(item->id.data, m->id, m->id_size);
}

static void
add(struct diff *diff, const struct order *o, uint64_t number)
{
	struct diff_item *item = put(diff, DIFF_ADD, o->key, o->key_size);

	item->id = o->id_size > 0 ? order_id(o) : catz_new_id(number);
	item->wanted = o->props;
}

static void
keep(struct diff *diff, const struct order *o, const struct memberlist_entry *m)
{
	if (contains(&m->props, o->props) && contains(o->props, &m->props)) {
		diff->n_same++;
		return;
	}
	struct diff_item *item = put(diff, DIFF_CHANGE, o->key, o->key_size);
	take_id(item, m);
	item->was = &m->props;
	item->wanted = o->props;
	item->change = change_of(diff, &m->props, o->props);
}

static void
drop(struct diff *diff, const struct memberlist_entry *m, bool prune)
{
	if (!prune) {
		diff->n_extra++;
		return;
	}
	struct diff_item *item = put(diff, DIFF_REMOVE, m->zone, m->zone_size);
	take_id(item, m);
	item->was = &m->props;
}

static int
compare(const struct order *o, const struct memberlist_entry *m)
{
	size_t n = o->key_size < m->zone_size ? o->key_size : m->zone_size;
	int c = memcmp(o->key, m->zone, n);
	return c ? c : (int)o->key_size - (int)m->zone_size;
}

void
diff_make(const struct orders *orders, const struct memberlist *members, bool prune,
    struct diff *diff)
{
	struct timespec ts;
	size_t i = 0, j = 0;

	*diff = (struct diff){0};
	clock_gettime(CLOCK_REALTIME, &ts);
	uint64_t number = (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
	while (i < orders->n || j < members->n) {
		int c = i == orders->n ? 1
			: j == members->n
			    ? -1
			    : compare(&orders->items[i], &members->items[j]);
		if (c < 0)
			add(diff, &orders->items[i++], number++);
		else if (c > 0)
			drop(diff, &members->items[j++], prune);
		else
			keep(diff, &orders->items[i++], &members->items[j++]);
	}
}

void
diff_fini(struct diff *diff)
{
	free(diff->items);
	pool_fini(&diff->pool);
	*diff = (struct diff){0};
}

/* -- one item --------------------------------------------------------------- */

char *
diff_zone_text(const struct diff_item *item, char out[static DNAME_TEXT_MAX])
{
	const struct order o = {.key = item->key, .key_size = item->key_size};
	return order_zone_text(&o, out);
}

void
diff_write(const struct diff_item *item, const struct dname *catalog,
    struct wire_out *out)
{
	const struct order o = {.key = item->key, .key_size = item->key_size};
	struct dname zone, node;

	order_zone(&o, &zone);
	if (catz_member_owner(&item->id, catalog, &node) != OK)
		node = *catalog; /* the agent says no */
	switch (item->kind) {
	case DIFF_ADD: props_write_add(&zone, &node, item->wanted, out); break;
	case DIFF_CHANGE: props_write_set(&node, item->change, out); break;
	case DIFF_REMOVE: props_write_del(&node, out); break;
	case DIFF_KINDS: break;
	}
}
