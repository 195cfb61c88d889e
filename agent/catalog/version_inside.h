/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_CATALOG_VERSION_INSIDE_H
#define AGENT_CATALOG_VERSION_INSIDE_H

#include "agent/catalog/edit.h"
#include "agent/catalog/version.h"
#include "agent/store/scratch.h"

/*
 * Inside of a version. In the map, the record number n of a node has the key
 *     kind, node in canonical order, 00 00, n (4 octets)
 * of which 00 00 ends the node, as it is in none; kind is 'g' for an owner below C
 * that belongs to no member, 'm' for a member. Each PTR of a member node is a second
 * time under 'z' and its zone, with the id as value.
 */

enum { KIND_GLOBAL = 'g', KIND_MEMBER = 'm', KIND_ZONE = 'z', KIND_LONG_ZONE = 'Z' };
enum { KEY_TAIL = 6 };

struct catalog_version {
	struct dname name;
	struct scratch *map;
	struct soa soa;
	uint32_t soa_ttl;
	uint32_t n_rrs;
	struct buf packed;
};

/* The nodes of one kind, each as it was in the store and as it is in the version, in
 * canonical order. */
struct version_walk {
	struct catalog_edit *edit;
	struct catalog_version *v;
	char kind;
	bool only_new; /* do not look at the store */

	struct scratch_entry entry; /* the next one of the version */
	bool has_entry, started;

	/* The next one of the store. */
	bool has_old, old_started, old_end;
	struct buf old_packed;
	uint8_t old_key[DNAME_KEY_MAX]; /* its place in the order */
	size_t old_key_size;
	uint8_t old_name[DNAME_WIRE_MAX]; /* id, or owner below C */
	size_t old_name_size;
	struct member member;

	uint8_t name[DNAME_WIRE_MAX];
	struct member_rr *before, *after;
	size_t before_room, after_room;
	struct edit_node node;
};

void version_walk_init(struct version_walk *w, struct catalog_edit *edit,
    struct catalog_version *v, char kind);
void version_walk_fini(struct version_walk *w);
/* w->node is valid until the next call; a member of the store may be written in
 * between. ERR_NOTFOUND: the end. */
NODISCARD enum err version_walk_next(struct version_walk *w);

/* The id under which the version has the zone. ERR_NOTFOUND. */
NODISCARD enum err version_find_zone(struct catalog_version *v,
    const struct dname *zone, struct label *id);
/* Has it an owner of these labels below C that belongs to no member? ERR_NOTFOUND. */
NODISCARD enum err version_find_global(struct catalog_version *v, const uint8_t *labels,
    size_t size);
/* Zones that stand under two ids: ERR_DENIED, with why. */
NODISCARD enum err version_check_zones(struct catalog_version *v,
    struct catalog_refusal *why);

#endif
