/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/pattern/variant.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/digest.h"
#include "lib/mem.h"
#include "lib/rr.h"

PRINTF(3, 4)
static enum err
fail(char *error, size_t error_size, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(error, error_size, fmt, ap);
	va_end(ap);
	return ERR_INVALID;
}

/* -- which records of a member are parameters ------------------------------ */

enum property_form { FORM_NONE, FORM_NSHERD, FORM_BIND };

struct property {
	enum property_form form;
	struct label name; /* parameter; FORM_BIND: label of an address, or empty */
	const struct member_rr *rr;
};

static size_t
split_labels(const struct member_rr *rr, struct label labels[static 4])
{
	size_t n = 0;

	for (size_t pos = 0; pos < rr->prefix_size; n++) {
		uint8_t size = rr->prefix[pos];

		if (n == 4 || size == 0 || size > DNAME_LABEL_MAX ||
		    size >= rr->prefix_size - pos)
			return 0;
		labels[n].size = size;
		memcpy(labels[n].data, rr->prefix + pos + 1, size);
		pos += 1 + (size_t)size;
	}
	return n;
}

static void
classify(const struct member_rr *rr, struct property *p)
{
	struct label labels[4];
	size_t n = split_labels(rr, labels);

	memset(p, 0, sizeof(*p));
	p->rr = rr;
	if (n == 0 || n > 3 || !label_is(&labels[n - 1], "ext"))
		return;
	if (n == 3 && label_is(&labels[1], "nsherd")) {
		p->form = FORM_NSHERD;
		p->name = labels[0];
	} else if (n >= 2 && label_is(&labels[n - 2], "primaries")) {
		p->form = FORM_BIND;
		if (n == 3)
			p->name = labels[0];
	}
}

/* Canonical order, since neither the store's nor an RRset's order means anything. */
static int
by_content(const void *a, const void *b)
{
	const struct member_rr *left = ((const struct property *)a)->rr;
	const struct member_rr *right = ((const struct property *)b)->rr;
	size_t size =
	    left->rdata_size < right->rdata_size ? left->rdata_size : right->rdata_size;
	int order = memcmp(left->rdata, right->rdata, size);

	if (left->type != right->type)
		return left->type < right->type ? -1 : 1;
	if (order != 0)
		return order;
	return (left->rdata_size > right->rdata_size) -
	       (left->rdata_size < right->rdata_size);
}

/* The strings of a TXT as one C string of printable characters. */
static enum err
join_txt(const struct member_rr *rr, char text[static VALUE_TEXT_MAX + 1])
{
	const uint8_t *string;
	uint8_t string_size;
	size_t size = 0;

	if (rr->type != RR_TXT)
		return ERR_FORM;
	for (size_t pos = 0;
	     txt_next(rr->rdata, rr->rdata_size, &pos, &string, &string_size);) {
		if (string_size > VALUE_TEXT_MAX - size)
			return ERR_RANGE;
		memcpy(text + size, string, string_size);
		size += string_size;
	}
	text[size] = '\0';
	for (size_t i = 0; i < size; i++) {
		if ((unsigned char)text[i] < ' ' || (unsigned char)text[i] > '~')
			return ERR_FORM;
	}
	return OK;
}

/* -- values ---------------------------------------------------------------- */

struct reading {
	struct variant *v;
	const struct spec *spec;
	const struct keyring *ring;
	char *error;
	size_t error_size;
};

static enum err
set_value(struct reading *r, const struct spec_param *p, const char *text)
{
	char **slot = &r->v->values[p - r->spec->params];
	char why[300], *joined;
	enum err err;

	if (*slot != NULL && p->type != VALUE_ADDRESS_LIST)
		return fail(r->error, r->error_size,
		    "parameter %s has more than one value", p->name);
	/* Several records of an address list are one list. */
	joined = *slot == NULL ? mem_strdup(text) : mem_printf("%s, %s", *slot, text);
	free(*slot);
	*slot = NULL;
	err = value_parse(p->type, joined, r->ring, slot, why, sizeof(why));
	free(joined);
	if (err != OK)
		return fail(r->error, r->error_size, "parameter %s: %s", p->name, why);
	return OK;
}

static enum err
set_nsherd(struct reading *r, const struct property *prop)
{
	char text[VALUE_TEXT_MAX + 1], name[DNAME_LABEL_MAX + 1];
	const struct spec_param *p;

	memcpy(name, prop->name.data, prop->name.size);
	name[prop->name.size] = '\0';
	p = strlen(name) == prop->name.size ? spec_param_find(r->spec, name) : NULL;
	if (p == NULL) {
		for (char *c = name; *c != '\0'; c++) {
			if (*c < ' ' || *c > '~')
				*c = '?';
		}
		return fail(r->error, r->error_size, "unknown parameter \"%s\"", name);
	}
	if (join_txt(prop->rr, text) != OK)
		return fail(r->error, r->error_size,
		    "parameter %s is not a TXT of printable characters", p->name);
	return set_value(r, p, text);
}

/* The TSIG key that goes with the addresses of the same label, "" for none. */
static enum err
find_bind_key(struct reading *r, const struct property *props, size_t n,
    const struct label *label, char key[static VALUE_TEXT_MAX + 1])
{
	bool found = false;

	key[0] = '\0';
	for (size_t i = 0; i < n; i++) {
		if (props[i].form != FORM_BIND || props[i].rr->type != RR_TXT ||
		    !label_equal(&props[i].name, label))
			continue;
		if (found || join_txt(props[i].rr, key) != OK || key[0] == '\0' ||
		    strpbrk(key, " ,") != NULL)
			return fail(r->error, r->error_size,
			    "primaries: the TXT is not the name of one key");
		found = true;
	}
	return OK;
}

static enum err
set_bind(struct reading *r, const struct property *props, size_t n)
{
	const struct spec_param *p = spec_param_find(r->spec, "primaries");
	char address[ADDR_TEXT_MAX], key[VALUE_TEXT_MAX + 1], *text;
	enum err err = OK;

	for (size_t i = 0; p != NULL && err == OK && i < n; i++) {
		const struct member_rr *rr = props[i].rr;
		struct addr addr;

		if (props[i].form != FORM_BIND ||
		    !((rr->type == RR_A && rr->rdata_size == 4) ||
			(rr->type == RR_AAAA && rr->rdata_size == 16)))
			continue;
		memset(&addr, 0, sizeof(addr));
		if (rr->type == RR_A) {
			addr.u.in4.sin_family = AF_INET;
			memcpy(&addr.u.in4.sin_addr, rr->rdata, 4);
		} else {
			addr.u.in6.sin6_family = AF_INET6;
			memcpy(&addr.u.in6.sin6_addr, rr->rdata, 16);
		}
		err = find_bind_key(r, props, n, &props[i].name, key);
		if (err != OK)
			break;
		text = mem_printf("%s%s%s", addr_print_host(&addr, address),
		    key[0] != '\0' ? " key " : "", key);
		err = set_value(r, p, text);
		free(text);
	}
	return err;
}

static enum err
read_properties(struct reading *r, const struct property *props, size_t n)
{
	bool nsherd_primaries = false, bind_primaries = false;
	enum err err;

	for (size_t i = 0; i < n; i++) {
		bind_primaries |= props[i].form == FORM_BIND;
		if (props[i].form != FORM_NSHERD)
			continue;
		nsherd_primaries |= label_is(&props[i].name, "primaries");
		err = set_nsherd(r, &props[i]);
		if (err != OK)
			return err;
	}
	if (!bind_primaries || spec_param_find(r->spec, "primaries") == NULL)
		return OK;
	if (nsherd_primaries)
		return fail(r->error, r->error_size,
		    "parameter primaries is given in two forms");
	return set_bind(r, props, n);
}

static void
print_values(struct variant *v, const struct spec *spec)
{
	struct buf out;

	buf_init(&out, 0);
	for (size_t i = 0; i < v->n_values; i++) {
		if (v->values[i] != NULL)
			buf_printf(&out, "%s=%s\n", spec->params[i].name, v->values[i]);
	}
	v->text = mem_strdup(buf_text(&out));
	buf_fini(&out);
}

static enum err
check_required(struct reading *r)
{
	const struct spec *spec = r->spec;

	for (size_t i = 0; i < spec->n_params; i++) {
		const struct spec_param *p = &spec->params[i];
		bool needed = p->required || (strcmp(p->name, "primaries") == 0 &&
						 !spec->lists[SPEC_PRIMARIES].given);

		if (needed && p->fallback == NULL && r->v->values[i] == NULL)
			return fail(r->error, r->error_size, "parameter %s is missing",
			    p->name);
	}
	return OK;
}

enum err
variant_read(struct variant *v, const struct spec *spec, const struct member *m,
    const struct keyring *ring, char *error, size_t error_size)
{
	struct reading r = {v, spec, ring, error, error_size};
	struct property *props = NULL, p;
	size_t n = 0, room = 0;
	enum err err;

	memset(v, 0, sizeof(*v));
	v->n_values = spec->n_params;
	v->values = mem_zalloc((spec->n_params + 1) * sizeof(v->values[0]));
	for (size_t i = 0; i < m->n_rrs; i++) {
		classify(&m->rrs[i], &p);
		if (p.form == FORM_NONE)
			continue;
		props = mem_grow(props, n, &room, sizeof(props[0]));
		props[n++] = p;
	}
	if (n > 1)
		qsort(props, n, sizeof(props[0]), by_content);
	err = read_properties(&r, props, n);
	free(props);
	if (err == OK)
		err = check_required(&r);
	if (err == OK)
		print_values(v, spec);
	else
		variant_fini(v);
	return err;
}

void
variant_fini(struct variant *v)
{
	for (size_t i = 0; i < v->n_values; i++)
		free(v->values[i]);
	free(v->values);
	free(v->text);
	memset(v, 0, sizeof(*v));
}

/* -- settings -------------------------------------------------------------- */

static void
copy_list(struct remote_list *to, const struct remote_list *from)
{
	if (from->n == 0)
		return;
	to->items = mem_dup(from->items, from->n * sizeof(from->items[0]));
	to->n = from->n;
}

/* The member's value, else the parameter's default; NULL: neither. */
static const char *
effective(const struct variant *v, const struct spec *spec, size_t i)
{
	return v->values[i] != NULL ? v->values[i] : spec->params[i].fallback;
}

static void
fill_lists(struct settings *s, const struct variant *v, const struct spec *spec)
{
	struct remote_list *lists[SPEC_N_LISTS] = {
	    [SPEC_PRIMARIES] = &s->primaries,
	    [SPEC_NOTIFY] = &s->notify,
	    [SPEC_ALLOW_NOTIFY] = &s->allow_notify,
	    [SPEC_ALLOW_TRANSFER] = &s->allow_transfer,
	};
	bool done[SPEC_N_LISTS] = {false};
	char why[300];

	for (size_t i = 0; i < spec->n_params; i++) {
		enum spec_list_key key = spec_list_find(spec->params[i].name);
		const char *text = effective(v, spec, i);

		if (key == SPEC_N_LISTS || text == NULL)
			continue;
		/* It is canonical text, so it parses; keys were checked before. */
		if (value_addresses(text, NULL, lists[key], why, sizeof(why)) != OK)
			assert(!"canonical text does not parse");
		done[key] = true;
	}
	for (size_t i = 0; i < SPEC_N_LISTS; i++) {
		if (!done[i])
			copy_list(lists[i], &spec->lists[i].remotes);
	}
}

static void
fill_params(struct settings *s, const struct variant *v, const struct spec *spec)
{
	if (spec->n_params == 0)
		return;
	s->params = mem_zalloc(spec->n_params * sizeof(s->params[0]));
	for (size_t i = 0; i < spec->n_params; i++) {
		const char *text = effective(v, spec, i);

		if (text == NULL)
			continue;
		s->params[s->n_params].name = mem_strdup(spec->params[i].name);
		s->params[s->n_params++].value = mem_strdup(text);
	}
}

struct settings *
variant_settings(const struct variant *v, const struct spec *spec, const char *pattern,
    const char *version)
{
	struct settings *s = settings_new();

	snprintf(s->pattern, sizeof(s->pattern), "%s", pattern);
	snprintf(s->version, sizeof(s->version), "%s", version);
	if (v->text[0] == '\0')
		snprintf(s->hash, sizeof(s->hash), "0");
	else
		digest_hex(v->text, strlen(v->text), 8, s->hash);
	s->role = spec->role_value;
	s->zonefile = mem_strdup(spec_zonefile(spec));
	if (spec->template != NULL)
		s->initial_file = mem_strdup(spec->template);
	if (spec->dnssec.value != NULL && strcmp(spec->dnssec.value, "off") != 0)
		s->dnssec = mem_strdup(spec->dnssec.value);
	fill_lists(s, v, spec);
	fill_params(s, v, spec);
	if (spec->n_options > 0)
		s->options = mem_zalloc(spec->n_options * sizeof(s->options[0]));
	for (size_t i = 0; i < spec->n_options; i++) {
		s->options[i].driver = mem_strdup(spec->options[i].driver);
		s->options[i].text = mem_strdup(spec->options[i].text);
	}
	s->n_options = spec->n_options;
	return s;
}
