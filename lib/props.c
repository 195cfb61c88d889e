/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/props.h"

#include <string.h>

#include "lib/buf.h"
#include "lib/msg.h"
#include "lib/rr.h"

/* -- what is wanted ------------------------------------------------------- */

static enum err
param_name(const char *name, size_t size, struct label *label)
{
	if (size == 0 || size > DNAME_LABEL_MAX)
		return ERR_FORM;
	label->size = (uint8_t)size;
	for (size_t i = 0; i < size; i++) {
		char c = name[i];
		if (c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
			c == '_'))
			return ERR_FORM;
		label->data[i] = (uint8_t)c;
	}
	return OK;
}

enum err
props_add_param(const char *name, size_t name_size, const void *value, size_t size,
    struct pool *pool, struct props *props, const char **why)
{
	struct label label;
	if (param_name(name, name_size, &label)) {
		*why = "a parameter's name is 1 to 63 letters, digits, - and _";
		return ERR_FORM;
	}
	if (size > PROPS_VALUE_MAX) {
		*why = "a parameter's value is longer than 8192 bytes";
		return ERR_FORM;
	}
	struct props_param *p = pool_zalloc(pool, sizeof(*p));
	p->name = label;
	p->value = pool_dup(pool, value, size);
	p->size = size;
	struct props_param **end = &props->params;
	while (*end)
		end = &(*end)->next;
	*end = p;
	return OK;
}

static bool
has_param(const struct props *props, const struct label *name)
{
	for (const struct props_param *p = props->params; p; p = p->next)
		if (label_equal(&p->name, name))
			return true;
	return false;
}

void
props_inherit(struct props *props, const struct props *from, struct pool *pool)
{
	struct props_param **end = &props->params, *added = NULL, **added_end = &added;
	for (const struct props_param *p = from->params; p; p = p->next) {
		if (has_param(props, &p->name))
			continue;
		struct props_param *copy = pool_zalloc(pool, sizeof(*copy));
		*copy = *p;
		copy->next = NULL;
		*added_end = copy;
		added_end = &copy->next;
	}
	while (*end)
		end = &(*end)->next;
	*end = added;
}

static bool
groups_equal(const struct props_group *a, const struct props_group *b)
{
	for (; a && b; a = a->next, b = b->next)
		if (a->size != b->size || memcmp(a->data, b->data, a->size) != 0)
			return false;
	return !a && !b;
}

bool
props_equal(const struct props *a, const struct props *b)
{
	if (a == b)
		return true;
	if (a->has_groups != b->has_groups || !groups_equal(a->groups, b->groups))
		return false;
	const struct props_param *p = a->params, *q = b->params;
	for (; p && q; p = p->next, q = q->next)
		if (!label_equal(&p->name, &q->name) || p->size != q->size ||
		    memcmp(p->value, q->value, p->size) != 0)
			return false;
	return !p && !q;
}

static int
compare_bytes(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size)
{
	int c = memcmp(a, b, a_size < b_size ? a_size : b_size);
	return c ? c : (a_size > b_size) - (a_size < b_size);
}

static int
compare_groups(const struct props_group *a, const struct props_group *b)
{
	return compare_bytes(a->data, a->size, b->data, b->size);
}

static int
compare_params(const struct props_param *a, const struct props_param *b)
{
	int c = compare_bytes(a->name.data, a->name.size, b->name.data, b->name.size);
	return c ? c : compare_bytes(a->value, a->size, b->value, b->size);
}

/* Short lists, in a fixed order, so that two exports of one catalog are alike. */
void
props_sort(struct props *props)
{
	struct props_group *groups = NULL, *g, **gp;
	while ((g = props->groups)) {
		props->groups = g->next;
		for (gp = &groups; *gp && compare_groups(*gp, g) < 0;)
			gp = &(*gp)->next;
		g->next = *gp;
		*gp = g;
	}
	props->groups = groups;
	struct props_param *params = NULL, *p, **pp;
	while ((p = props->params)) {
		props->params = p->next;
		for (pp = &params; *pp && compare_params(*pp, p) < 0;)
			pp = &(*pp)->next;
		p->next = *pp;
		*pp = p;
	}
	props->params = params;
}

void
props_copy(const struct props *from, struct pool *pool, struct props *to)
{
	*to = (struct props){.has_groups = from->has_groups};
	struct props_group **g_end = &to->groups;
	for (const struct props_group *g = from->groups; g; g = g->next) {
		struct props_group *copy = pool_zalloc(pool, sizeof(*copy));
		copy->data = pool_dup(pool, g->data, g->size);
		copy->size = g->size;
		*g_end = copy;
		g_end = &copy->next;
	}
	struct props_param **p_end = &to->params;
	for (const struct props_param *p = from->params; p; p = p->next) {
		struct props_param *copy = pool_zalloc(pool, sizeof(*copy));
		copy->name = p->name;
		copy->value = pool_dup(pool, p->value, p->size);
		copy->size = p->size;
		*p_end = copy;
		p_end = &copy->next;
	}
}

/* -- as records ----------------------------------------------------------- */

static void
put(struct wire_out *out, enum msg_section section, const struct dname *owner,
    uint16_t type, uint16_t class, const void *rdata, size_t size)
{
	const struct rr rr = {
	    .owner = *owner,
	    .type = type,
	    .class = class,
	    .rdata_size = (uint16_t)size,
	    .rdata = rdata,
	};
	msg_put_rr(out, section, &rr);
}

static void
put_txt(struct wire_out *out, const struct dname *owner, const uint8_t *value,
    size_t size)
{
	struct buf rdata;
	buf_init(&rdata, 0);
	do {
		size_t n = size > 255 ? 255 : size;
		buf_put_u8(&rdata, (uint8_t)n);
		buf_put(&rdata, value, n);
		value += n;
		size -= n;
	} while (size > 0);
	put(out, MSG_UPDATES, owner, RR_TXT, CLASS_IN, rdata.data, rdata.size);
	buf_fini(&rdata);
}

/*
 * The longest name of ours below a node. ids are at most 63 octets, so it only
 * fails under a catalog whose own name is very long; the record is then
 * written at the node, where every agent refuses it with its reason.
 */
static struct dname
below(const struct dname *node, const char *first, const char *second,
    const struct label *third)
{
	struct dname owner = *node;
	struct label labels[3];
	unsigned n = 0;
	labels[n++] = label_of(first);
	if (second)
		labels[n++] = label_of(second);
	if (third)
		labels[n++] = *third;
	for (unsigned i = 0; i < n; i++)
		if (dname_prepend(&labels[i], &owner, &owner))
			return *node;
	return owner;
}

static void
write_groups(const struct dname *node, const struct props *props, struct wire_out *out)
{
	struct dname owner = below(node, "group", NULL, NULL);
	for (const struct props_group *g = props->groups; g; g = g->next)
		put_txt(out, &owner, g->data, g->size);
}

void
props_write_add(const struct dname *zone, const struct dname *node,
    const struct props *props, struct wire_out *out)
{
	put(out, MSG_UPDATES, node, RR_PTR, CLASS_IN, zone->wire, zone->size);
	write_groups(node, props, out);
	for (const struct props_param *p = props->params; p; p = p->next) {
		struct dname owner = below(node, "ext", "nsherd", &p->name);
		if (p->size > 0)
			put_txt(out, &owner, p->value, p->size);
	}
}

static bool
is_first_of_name(const struct props *props, const struct props_param *param)
{
	const struct props_param *p = props->params;
	while (!label_equal(&p->name, &param->name))
		p = p->next;
	return p == param;
}

void
props_write_set(const struct dname *node, const struct props *props,
    struct wire_out *out)
{
	if (props->has_groups) {
		struct dname owner = below(node, "group", NULL, NULL);
		put(out, MSG_UPDATES, &owner, RR_TXT, CLASS_ANY, NULL, 0);
		write_groups(node, props, out);
	}
	for (const struct props_param *p = props->params; p; p = p->next) {
		struct dname owner = below(node, "ext", "nsherd", &p->name);
		if (is_first_of_name(props, p))
			put(out, MSG_UPDATES, &owner, RR_TXT, CLASS_ANY, NULL, 0);
		if (p->size > 0)
			put_txt(out, &owner, p->value, p->size);
	}
}

void
props_write_del(const struct dname *node, struct wire_out *out)
{
	put(out, MSG_UPDATES, node, RR_PTR, CLASS_ANY, NULL, 0);
}

void
props_write_absent(const struct dname *node, struct wire_out *out)
{
	put(out, MSG_PREREQ, node, RR_PTR, CLASS_NONE, NULL, 0);
}

void
props_write_present(const struct dname *zone, const struct dname *node,
    struct wire_out *out)
{
	put(out, MSG_PREREQ, node, RR_PTR, CLASS_IN, zone->wire, zone->size);
}

enum err
props_param_name(const uint8_t *prefix, size_t size, struct label *name)
{
	static const uint8_t end[] = "\6nsherd\3ext";
	const size_t end_size = sizeof(end) - 1;
	if (size <= end_size + 1 || prefix[0] + 1u + end_size != size ||
	    memcmp(prefix + 1 + prefix[0], end, end_size) != 0)
		return ERR_NOTFOUND;
	name->size = prefix[0];
	memcpy(name->data, prefix + 1, prefix[0]);
	return OK;
}
