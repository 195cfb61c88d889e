/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>

#include "agent/backend/knot_native.h"

/*
 * What makes sense option by option, and not together, knotd finds when it is to
 * commit. From 3.4.0 to 3.4.9 it can then neither commit nor abort that transaction,
 * nor begin another, until it is started again. So what it would find (its
 * check_zone()) is found here, as far as it comes of the options alone.
 */

static const char *
value_of(const struct knot_native *n, const char *name, const char *otherwise)
{
	const struct knot_item *item = knot_items_find(&n->zone, name);

	if (item == NULL)
		item = knot_items_find(&n->template, name);
	return item != NULL ? item->value : otherwise;
}

/* As knotd reads a boolean. */
static bool
is_on(const struct knot_native *n, const char *name)
{
	const char *value = value_of(n, name, "off");

	return strcasecmp(value, "on") == 0 || strcasecmp(value, "true") == 0;
}

/* `90`, `15m`: seconds. false: not understood, which knotd says at once. */
static bool
read_time(const char *text, uint64_t *s)
{
	static const struct {
		char unit;
		uint64_t s;
	} units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'w', 604800},
	    {'M', 2592000}, {'y', 31536000}};
	char *end;
	unsigned long long number = strtoull(text, &end, 10);

	*s = number;
	if (end == text || number > UINT32_MAX)
		return false;
	if (end[0] == '\0')
		return true;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (end[0] == units[i].unit && end[1] == '\0') {
			*s = number * units[i].s;
			return true;
		}
	}
	return false;
}

static enum err
check_interval(const struct knot_native *n, const char *low, const char *high,
    struct backend_error *why)
{
	const char *least = value_of(n, low, NULL), *most = value_of(n, high, NULL);
	uint64_t a, b;

	if (least == NULL || most == NULL || !read_time(least, &a) ||
	    !read_time(most, &b) || a <= b)
		return OK;
	return backend_refuse(why, "knot options: %s is higher than %s", low, high);
}

/* REMAINDER/MODULUS[+ADDEND]: 0/1 is none. */
static bool
counts_by_modulus(const struct knot_native *n)
{
	const char *modulo = value_of(n, "serial-modulo", "0/1");
	const char *slash = strchr(modulo, '/');

	return slash != NULL && strcmp(slash, "/1") != 0;
}

enum err
knot_sense_check(const struct knot_native *n, struct backend_error *why)
{
	const char *load = value_of(n, "zonefile-load", "whole");
	bool from_file = strcmp(load, "difference-no-serial") == 0;
	bool is_signed = is_on(n, "dnssec-signing");
	enum err err =
	    check_interval(n, "refresh-min-interval", "refresh-max-interval", why);

	if (err == OK)
		err =
		    check_interval(n, "retry-min-interval", "retry-max-interval", why);
	if (err == OK)
		err = check_interval(n, "expire-min-interval", "expire-max-interval",
		    why);
	if (err != OK)
		return err;
	if (from_file && strcmp(value_of(n, "journal-content", "changes"), "all") != 0)
		return backend_refuse(why,
		    "knot options: zonefile-load: difference-no-serial "
		    "requires journal-content: all");
	if (is_signed && is_on(n, "dnssec-validation"))
		return backend_refuse(why,
		    "knot options: dnssec-validation: not with signing");
	if (counts_by_modulus(n) &&
	    (!is_signed || (!from_file && strcmp(load, "none") != 0)))
		return backend_refuse(why,
		    "knot options: serial-modulo: with signing alone, and "
		    "zonefile-load: none or difference-no-serial");
	return OK;
}
