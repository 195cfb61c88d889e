/* SPDX-License-Identifier: BSD-2-Clause */
#include "netconf/zonetree.h"

#include <string.h>

#include "netconf/schema.h"
#include "netconf/text.h"

/* -- the configuration ---------------------------------------------------- */

static bool
is_plain_name(const struct label *name)
{
	for (uint8_t i = 0; i < name->size; i++)
		if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789_-", name->data[i]) ||
		    name->data[i] == 0)
			return false;
	return true;
}

/* Values of one name stand together, for props are sorted. */
static void
put_params(struct pool *pool, struct elem *zone, const struct props *props)
{
	struct elem *param = NULL;
	const struct label *last = NULL;
	for (const struct props_param *p = props->params; p; p = p->next) {
		if (!is_plain_name(&p->name))
			continue;
		if (!last || !label_equal(last, &p->name)) {
			char *name = pool_dup(pool, p->name.data, p->name.size + 1u);
			name[p->name.size] = '\0';
			param = tree_add(pool, zone, NULL, "parameter", NULL);
			tree_key(pool, param, "name", name);
		}
		last = &p->name;
		tree_add(pool, param, NULL, "value",
		    text_encode(pool, p->value, p->size));
	}
}

struct elem *
zonetree_zone(struct pool *pool, struct elem *parent, const char *domain,
    const struct props *props, const struct label *id)
{
	struct elem *zone = tree_add(pool, parent, SCHEMA_NS, "zone", NULL);
	tree_key(pool, zone, "domain", domain);
	for (const struct props_group *g = props->groups; g; g = g->next)
		tree_add(pool, zone, NULL, "pattern",
		    text_encode(pool, g->data, g->size));
	put_params(pool, zone, props);
	if (id)
		tree_add(pool, zone, NULL, "member-id",
		    text_encode(pool, id->data, id->size));
	return zone;
}

/* -- records of the status ------------------------------------------------ */

static const char *
get(const struct rr *rr, const char *key, char value[static OBSERVED_VALUE_MAX])
{
	return observed_get(rr, key, value);
}

/* leaf and key have the same name, or not. */
static void
put(struct pool *pool, struct elem *e, const char *leaf, const struct rr *rr,
    const char *key)
{
	char value[OBSERVED_VALUE_MAX];
	tree_leaf(pool, e, leaf, get(rr, key, value));
}

static void
put_all(struct pool *pool, struct elem *e, const struct rr *rr, const char *const *keys)
{
	for (; *keys; keys++)
		put(pool, e, *keys, rr, *keys);
}

static void
put_number(struct pool *pool, struct elem *e, const char *leaf, const struct rr *rr,
    const char *key)
{
	char value[OBSERVED_VALUE_MAX];
	const char *text = get(rr, key, value);
	if (text && *text && strspn(text, "0123456789") == strlen(text) &&
	    strlen(text) <= 10)
		tree_leaf(pool, e, leaf, text);
}

static void
put_numbers(struct pool *pool, struct elem *e, const struct rr *rr,
    const char *const *keys)
{
	for (; *keys; keys++)
		put_number(pool, e, *keys, rr, *keys);
}

static void
put_time(struct pool *pool, struct elem *e, const char *leaf, const struct rr *rr,
    const char *key)
{
	char value[OBSERVED_VALUE_MAX];
	tree_leaf(pool, e, leaf, text_time_of(pool, get(rr, key, value)));
}

/* One of an enumeration; what came later than the module is left out. */
static void
put_word(struct pool *pool, struct elem *e, const char *leaf, const struct rr *rr,
    const char *key, const char *const *words)
{
	char value[OBSERVED_VALUE_MAX];
	const char *text = get(rr, key, value);
	for (; text && *words; words++)
		if (strcmp(text, *words) == 0)
			tree_leaf(pool, e, leaf, text);
}

const char *
zonetree_known_state(const char *state)
{
	static const char *const states[] = {"pending", "applied", "serving", "failed",
	    "conflict", "unassigned", "held", "removing"};
	for (size_t i = 0; state && i < sizeof(states) / sizeof(*states); i++)
		if (strcmp(states[i], state) == 0)
			return states[i];
	return NULL;
}

void
zonetree_state(struct pool *pool, struct elem *zone, const struct rr *rr)
{
	static const char *const rest[] = {"last-command", "error", NULL};
	char value[OBSERVED_VALUE_MAX];
	const char *backend = get(rr, "backend", value);
	if (!backend)
		return;
	struct elem *e = tree_add(pool, zone, SCHEMA_NS, "backend-state", NULL);
	tree_key(pool, e, "backend", backend);
	tree_leaf(pool, e, "state", zonetree_known_state(get(rr, "state", value)));
	put_number(pool, e, "serial", rr, "serial");
	put(pool, e, "pattern", rr, "pattern");
	put(pool, e, "member-id", rr, "id");
	put_all(pool, e, rr, rest);
	put_time(pool, e, "seen", rr, "seen");
	put_time(pool, e, "since", rr, "since");
	put(pool, e, "changed-by", rr, "by");
	put(pool, e, "held", rr, "held");
}

void
zonetree_backend(struct pool *pool, struct elem *backends, const char *name,
    const struct rr *rr)
{
	static const char *const words[] = {"driver", "server", NULL};
	static const char *const states[] = {"up", "starting", "down", NULL};
	static const char *const numbers[] = {"applied", "serving", "pending", "failed",
	    "conflict", "unassigned", "removing", "held", "queue", NULL};
	static const char *const rest[] = {"last-command", "error", NULL};
	struct elem *e = tree_add(pool, backends, SCHEMA_NS, "backend", NULL);
	tree_key(pool, e, "name", name);
	put_all(pool, e, rr, words);
	put_word(pool, e, "state", rr, "state", states);
	put_numbers(pool, e, rr, numbers);
	put_all(pool, e, rr, rest);
}

/* usable=nsd1:yes knot1:no */
static void
put_usable(struct pool *pool, struct elem *pattern, const struct rr *rr)
{
	char value[OBSERVED_VALUE_MAX];
	char *at = get(rr, "usable", value) ? value : NULL, *save = NULL;
	for (at = at ? strtok_r(at, " ", &save) : NULL; at;
	     at = strtok_r(NULL, " ", &save)) {
		char *colon = strchr(at, ':');
		if (!colon)
			continue;
		*colon = '\0';
		struct elem *e = tree_add(pool, pattern, NULL, "usable", NULL);
		tree_key(pool, e, "backend", at);
		tree_leaf(pool, e, "value",
		    strcmp(colon + 1, "yes") == 0 ? "true" : "false");
	}
}

void
zonetree_pattern(struct pool *pool, struct elem *patterns, const char *name,
    const struct rr *rr)
{
	static const char *const roles[] = {"primary", "secondary", NULL};
	static const char *const words[] = {"zonefile", "dnssec", "hash", NULL};
	struct elem *e = tree_add(pool, patterns, SCHEMA_NS, "pattern", NULL);
	tree_key(pool, e, "name", name);
	put_word(pool, e, "role", rr, "role", roles);
	put_all(pool, e, rr, words);
	put_number(pool, e, "zones", rr, "zones");
	put_usable(pool, e, rr);
	put(pool, e, "error", rr, "error");
}

void
zonetree_catalog(struct pool *pool, struct elem *catalogs, const char *name,
    const struct rr *rr)
{
	static const char *const roles[] = {"primary", "follower", NULL};
	static const char *const states[] = {"valid", "none", "broken", "expired",
	    NULL};
	static const char *const health[] = {"ok", "degraded", NULL};
	static const char *const guards[] = {"open", "holding", NULL};
	struct elem *e = tree_add(pool, catalogs, SCHEMA_NS, "catalog", NULL);
	tree_key(pool, e, "name", name);
	put_number(pool, e, "serial", rr, "catalog-serial");
	put_word(pool, e, "role", rr, "role", roles);
	put_word(pool, e, "state", rr, "catalog", states);
	put(pool, e, "primary", rr, "primary");
	put_time(pool, e, "refreshed", rr, "refreshed");
	put(pool, e, "agent", rr, "agent");
	put(pool, e, "agent-version", rr, "version");
	put_word(pool, e, "health", rr, "health", health);
	struct elem *guard = tree_add(pool, e, NULL, "guard", NULL);
	put_word(pool, guard, "state", rr, "guard", guards);
	put_time(pool, guard, "since", rr, "guard-since");
	put_number(pool, guard, "held", rr, "held");
	put_number(pool, guard, "used", rr, "guard-used");
	put_number(pool, guard, "limit", rr, "guard-limit");
	put_number(pool, guard, "window", rr, "guard-window");
	put(pool, e, "error", rr, "error");
}
