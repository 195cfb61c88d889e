/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "agent/catalog/version_inside.h"
#include "agent/store/catalogs.h"
#include "agent/store/members.h"
#include "agent/store/worklog.h"

/*
 * A received version becomes the catalog: it is walked beside what is in the store,
 * first to judge it, then to have the guard count what would go, at last to write.
 * The work log gets the differences in pieces of bounded size, of which the last one
 * has the new serial.
 */

enum { PIECE_BYTES = 4 << 20 };

struct taking {
	struct catalog_edit *edit;
	struct catalog_version *v;
	const struct catalog_origin *origin;
	struct catalog_taken *taken;
	struct buf counted; /* an octet for each zone that leaves its id */
	size_t n_left;      /* of those, so far */
	bool held;

	struct edit_diff diff; /* of the piece under way */
	struct buf packed;
	struct work work;
	uint64_t next_seq;
	unsigned n_pieces;
};

typedef enum err node_fn(struct taking *t, const struct edit_node *node);

static enum err
walk_kind(struct taking *t, char kind, bool only_new, node_fn *fn)
{
	struct version_walk w;
	enum err err;

	version_walk_init(&w, t->edit, t->v, kind);
	w.only_new = only_new;
	while ((err = version_walk_next(&w)) == OK) {
		err = fn(t, &w.node);
		if (err != OK)
			break;
	}
	version_walk_fini(&w);
	return err == ERR_NOTFOUND ? OK : err;
}

/* -- judging ---------------------------------------------------------------- */

static enum err
judge_node(struct taking *t, const struct edit_node *node)
{
	return edit_check_received(t->edit, node, &t->taken->why);
}

/* The two owners that must be there are judged also when they are not. */
static enum err
judge_missing(struct taking *t)
{
	static const uint8_t version[] = {7, 'v', 'e', 'r', 's', 'i', 'o', 'n'};
	const struct edit_node nodes[] = {
	    {.key = NULL},
	    {.key = version, .key_size = sizeof(version)},
	};
	enum err err = OK;

	for (size_t i = 0; i < sizeof(nodes) / sizeof(*nodes) && err == OK; i++) {
		err = version_find_global(t->v, nodes[i].key, nodes[i].key_size);
		if (err == ERR_NOTFOUND)
			err = edit_check_received(t->edit, &nodes[i], &t->taken->why);
	}
	return err;
}

static enum err
judge(struct taking *t)
{
	enum err err = judge_missing(t);

	if (err == OK)
		err = walk_kind(t, KIND_GLOBAL, true, judge_node);
	if (err == OK)
		err = walk_kind(t, KIND_MEMBER, true, judge_node);
	return err == OK ? version_check_zones(t->v, &t->taken->why) : err;
}

/* -- the guard -------------------------------------------------------------- */

static bool
leaves(const struct edit_node *node)
{
	return node->n_before > 0 && !edit_same_zone(node);
}

static enum err
count_node(struct taking *t, const struct edit_node *node)
{
	if (leaves(node))
		buf_put_u8(&t->counted, edit_guard_count(t->edit, node));
	return t->counted.err;
}

static enum err
show_node(struct taking *t, const struct edit_node *node)
{
	edit_guard_came(t->edit, node);
	return OK;
}

static enum err
weigh(struct taking *t)
{
	edit_guard_begin(t->edit, t->origin);
	enum err err = walk_kind(t, KIND_MEMBER, false, count_node);
	if (err == OK && !guard_is_idle(&t->edit->guard))
		err = walk_kind(t, KIND_MEMBER, false, show_node);
	if (err == OK)
		t->held = guard_weigh(&t->edit->guard);
	return err;
}

/* -- writing ---------------------------------------------------------------- */

/* last: with the serial. */
static enum err
end_piece(struct taking *t, bool last)
{
	struct edit_diff *d = &t->diff;
	struct work *w = &t->work;

	enum err err = edit_diff_err(d);
	if (err != OK)
		return err;
	w->serial_to = last ? t->v->soa.serial : w->serial_from;
	w->del = d->del.data;
	w->del_size = d->del.size;
	w->add = d->add.data;
	w->add_size = d->add.size;
	w->text = buf_text(&d->text);
	w->held = t->held;
	worklog_append(t->edit->txn, w);
	t->n_pieces++;
	t->next_seq = w->seq + 1;
	buf_reset(&d->del);
	buf_reset(&d->add);
	buf_reset(&d->text);
	return store_err(t->edit->txn);
}

static void
settle(struct taking *t, const struct edit_node *node)
{
	struct dname zone;
	struct label id;

	if (t->counted.data[t->n_left++] == 0 || !edit_zone_before(node, &zone))
		return;
	edit_guard_settle_node(t->edit, node,
	    version_find_zone(t->v, &zone, &id) == OK);
}

static void
write_member(struct taking *t, const struct edit_node *node)
{
	struct catalog_edit *edit = t->edit;
	struct member *m = &edit->view[1];
	bool left = leaves(node), same = edit_same_zone(node);

	if (left) {
		settle(t, node);
		if (edit_fill_member(node, node->before, node->n_before, m)) {
			members_del(edit->txn, edit->before.nr, m);
			edit->after.n_members--;
		}
	}
	bool is_there = edit_fill_member(node, node->after, node->n_after, m);
	if (is_there) {
		m->seq = t->next_seq;
		m->changed = t->origin->now;
		memcpy(m->by, t->work.by, sizeof(m->by));
		members_put(edit->txn, edit->before.nr, m);
		edit->after.n_members += !same;
	}
	t->taken->n_removed += left && !is_there;
	t->taken->n_added += is_there && node->n_before == 0;
	t->taken->n_changed += is_there && node->n_before > 0;
}

static enum err
write_node(struct taking *t, const struct edit_node *node)
{
	if (!edit_is_net_change(node))
		return OK;
	/* What the guard has not weighed does not go. */
	if (node->is_member && leaves(node) && t->n_left == t->counted.size)
		return ERR_CORRUPT;
	t->taken->changed = true;
	edit_diff_add(&t->diff, node);
	if (node->is_member)
		write_member(t, node);
	else
		edit_write_global(t->edit, node, &t->packed);
	if (t->diff.del.size + t->diff.add.size + t->diff.text.size < PIECE_BYTES)
		return store_err(t->edit->txn);
	return end_piece(t, false);
}

static void
begin_work(struct taking *t)
{
	struct work *w = &t->work;
	const struct catalog_origin *o = t->origin;

	*w = (struct work){.kind = WORK_MEMBER,
	    .catalog = t->edit->before.nr,
	    .time = o->now,
	    .serial_from = t->edit->before.soa.serial};
	strncpy(w->by, o->by, sizeof(w->by) - 1);
	strncpy(w->source, o->source, sizeof(w->source) - 1);
}

static enum err
write_head(struct taking *t)
{
	struct catalog_head *head = &t->edit->after;

	guard_end(&t->edit->guard);
	head->soa = t->v->soa;
	head->soa_ttl = t->v->soa_ttl;
	bool soa = edit_soa_differs(t->edit),
	     serial = head->soa.serial != t->edit->before.soa.serial;
	if (!t->taken->changed && !soa && !serial)
		return OK;
	t->taken->changed = true;
	enum err err = end_piece(t, true);
	head->seq = t->work.seq;
	if (soa || t->n_pieces > 1 || !serial)
		head->soa_seq = t->work.seq;
	catalogs_put(t->edit->txn, head);
	return err;
}

static enum err
write_all(struct taking *t)
{
	uint64_t first, last;
	enum err err = worklog_range(t->edit->txn, &first, &last);

	t->next_seq = last + 1;
	begin_work(t);
	if (err == OK)
		err = walk_kind(t, KIND_GLOBAL, false, write_node);
	if (err == OK)
		err = walk_kind(t, KIND_MEMBER, false, write_node);
	if (err == OK && t->n_left != t->counted.size)
		err = ERR_CORRUPT;
	if (err == OK)
		err = write_head(t);
	return err == OK ? store_err(t->edit->txn) : err;
}

enum err
catalog_version_take(struct store_txn *txn, struct catalog_version *v,
    const struct catalog_head *head, const struct dname *reserved, size_t n_reserved,
    const struct catalog_origin *origin, struct catalog_taken *taken)
{
	struct taking t = {.v = v, .origin = origin, .taken = taken};

	*taken = (struct catalog_taken){.changed = false};
	t.edit = catalog_edit_new(txn, head, reserved, n_reserved, 0);
	t.edit->received = true;
	buf_init(&t.counted, 0);
	buf_init(&t.packed, 0);
	edit_diff_init(&t.diff);
	enum err err = judge(&t);
	if (err == OK) {
		err = weigh(&t);
		if (err == OK)
			err = write_all(&t);
		if (err != OK)
			err = store_spoil(txn, err);
	}
	taken->verdict = t.edit->guard.verdict;
	edit_diff_fini(&t.diff);
	buf_fini(&t.packed);
	buf_fini(&t.counted);
	catalog_edit_free(t.edit);
	return err;
}
