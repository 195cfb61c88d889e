/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_CATALOG_EDIT_H
#define AGENT_CATALOG_EDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/catalog/arena.h"
#include "agent/catalog/catalog.h"
#include "agent/guard/guard.h"
#include "lib/catz.h"

/*
 * Inside of an edit. A node is a member with all below it, or one owner that
 * belongs to no member; each holds its records as they were and as they will
 * be. Both lists are copies, so that writing cannot pull them away.
 */

enum {
	EDIT_BYTES_MAX = 64 * 1024 * 1024, /* memory of one edit, unless told */
	NODE_RRS_MAX = 1000,               /* of a member, or of one owner */
	NODE_BYTES_MAX = 32 * 1024,        /* RDATA and owners of these */
	NODE_SLOTS_MIN = 16,
};

struct edit_node {
	bool is_member; /* else an owner relative to C */
	bool touched;
	bool changed;     /* after is a list of its own */
	uint8_t key_size; /* id without its length octet; or the owner, no root */
	const uint8_t *key;
	unsigned n_first; /* numbers of records: the first that touched it, */
	unsigned n_ptr;   /* the last that gave it a zone, */
	unsigned n_other; /* the last that gave it anything else; 0: none */
	/* The PTR at a member node is among them, with no prefix. */
	struct member_rr *before, *after;
	size_t n_before, n_after, room;
	/* Of the member before. */
	uint64_t seq, changed_at;
	const char *by;
	bool counted; /* by the guard */
};

struct catalog_edit {
	struct store_txn *txn;
	struct catalog_head before, after;
	const struct dname *reserved;
	size_t n_reserved;
	size_t bytes_max;
	unsigned n_global;
	bool received; /* from a primary: valid as it is, or not at all */
	struct edit_node **nodes;
	size_t n_nodes, room;
	uint32_t *slots; /* hash table: index into nodes + 1 */
	size_t n_slots;  /* a power of two */
	struct member unpacked;
	struct member view[2]; /* for catalog_edit_each_node */
	struct guard guard;    /* the verdict is of the last commit */
	struct arena arena;
};

/* The node of an owner at or below C, loaded when it is new. name tells the
 * place in it; its prefix is borrowed from owner. ERR_DENIED: the edit would
 * take too much memory. */
NODISCARD enum err edit_node_at(struct catalog_edit *edit, const struct dname *owner,
    struct catz_name *name, struct edit_node **node);
/* Among those already loaded, or NULL. */
struct edit_node *edit_node_find(const struct catalog_edit *edit, bool is_member,
    const uint8_t *key, size_t key_size);

/* Owners of that kind belong to a member's node. */
bool edit_is_member_kind(enum catz_kind kind);

/* RFC 2181 section 8: one with the first bit set is 0. */
uint32_t edit_ttl(uint32_t ttl);
/* With its octets, into the arena. */
void edit_rr_copy(struct catalog_edit *edit, const struct member_rr *rr,
    struct member_rr *out);
bool edit_rr_is_at(const struct member_rr *rr, const uint8_t *prefix,
    size_t prefix_size);
bool edit_rr_is_ptr(const struct member_rr *rr); /* of a member node */
/* Same owner, type and RDATA. */
bool edit_rr_equal(const struct member_rr *a, const struct member_rr *b);

/* Is there the same record in a list (with_ttl: and the same TTL)? *hint is
 * where to look first, and then where the next is likely; begin with 0. */
bool edit_rr_among(const struct member_rr *rr, bool with_ttl,
    const struct member_rr *rrs, size_t n, size_t *hint);

/* The member that the list makes of a node; m borrows from it. False: none. */
bool edit_fill_member(const struct edit_node *node, const struct member_rr *rrs,
    size_t n, struct member *m);
/* The zone that it has there, as it was. False: none. */
bool edit_zone_before(const struct edit_node *node, struct dname *zone);
/* The node has a zone, and the same one, before and after. */
bool edit_same_zone(const struct edit_node *node);

/* Is a node as received from a primary what a valid catalog has there? */
NODISCARD enum err edit_check_received(const struct catalog_edit *edit,
    const struct edit_node *node, struct catalog_refusal *why);

/* -- edit_apply.c ------------------------------------------------------------ */

/* Make after a list of its own with room for one more. */
void edit_own_after(struct catalog_edit *edit, struct edit_node *node);

/* -- edit_commit.c ----------------------------------------------------------- */

/* What the node comes to, as records packed by work_rr_put and lines of text. */
struct edit_diff {
	struct buf del, add, text;
};

void edit_diff_init(struct edit_diff *d);
void edit_diff_fini(struct edit_diff *d);
void edit_diff_add(struct edit_diff *d, const struct edit_node *node);
NODISCARD enum err edit_diff_err(const struct edit_diff *d); /* ERR_FULL */
bool edit_is_net_change(const struct edit_node *node);
/* Of a node that belongs to no member. */
void edit_write_global(struct catalog_edit *edit, const struct edit_node *node,
    struct buf *packed);
/* The SOA, beyond its serial. */
bool edit_soa_differs(const struct catalog_edit *edit);

/* -- edit_guard.c ------------------------------------------------------------ */

/* The same as the two below, node by node. Counting: false, it does not. */
void edit_guard_begin(struct catalog_edit *edit, const struct catalog_origin *origin);
bool edit_guard_count(struct catalog_edit *edit, const struct edit_node *node);
void edit_guard_came(struct catalog_edit *edit, const struct edit_node *node);
/* again: the zone is a member under another id. */
void edit_guard_settle_node(struct catalog_edit *edit, const struct edit_node *node,
    bool again);

/* Before anything is written. Returns whether the removals are to be held. */
bool edit_guard_weigh(struct catalog_edit *edit, struct edit_node *const *nodes,
    size_t n, const struct catalog_origin *origin);
/* When all is written. */
void edit_guard_settle(struct catalog_edit *edit, struct edit_node *const *nodes,
    size_t n);

/* How many zones the list gives its node; *ptr: the last of them. */
size_t edit_count_ptrs(const struct member_rr *rrs, size_t n,
    const struct member_rr **ptr);

/* Fills why and returns ERR_DENIED. */
PRINTF(3, 4)
enum err edit_deny(struct catalog_refusal *why, unsigned rr, const char *fmt, ...);

#endif
