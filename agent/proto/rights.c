/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/proto/rights.h"

#include <fnmatch.h>

bool
rights_have(const struct proto_key *key, enum right right)
{
	return (key->rights & right) != 0;
}

bool
rights_narrowed(const struct proto_key *key)
{
	return key->n_zones > 0 || key->n_patterns > 0;
}

bool
rights_zone(const struct proto_key *key, const struct dname *zone)
{
	for (size_t i = 0; i < key->n_zones; i++)
		if (dname_is_at_or_below(zone, &key->zones[i]))
			return true;
	return key->n_zones == 0;
}

bool
rights_pattern(const struct proto_key *key, const char *pattern)
{
	for (size_t i = 0; i < key->n_patterns; i++)
		if (fnmatch(key->patterns[i], pattern, 0) == 0)
			return true;
	return key->n_patterns == 0;
}

bool
rights_member(const struct proto_key *key, const struct proto_catalog *catalog,
    const struct member *m)
{
	char group[MEMBER_GROUP_MAX];
	size_t n = 0;

	if (!rights_zone(key, &m->zone))
		return false;
	if (key->n_patterns == 0)
		return true;
	while (member_group(m, n, group)) {
		if (!rights_pattern(key, group))
			return false;
		n++;
	}
	return n > 0 || rights_pattern(key, catalog->default_pattern);
}

bool
rights_node(const struct proto_key *key, const struct proto_catalog *catalog,
    const struct member *before, const struct member *after)
{
	if (!rights_narrowed(key))
		return true;
	if (!before && !after)
		return false;
	return (!before || rights_member(key, catalog, before)) &&
	       (!after || rights_member(key, catalog, after));
}
