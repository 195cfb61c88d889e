/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/proto/prereq.h"

#include <stdlib.h>
#include <string.h>

#include "lib/mem.h"

/* -- existence alone -------------------------------------------------------- */

static enum err
note_found(void *arg, const struct rr *rr)
{
	(void)rr;
	*(bool *)arg = true;
	return OK;
}

/* RFC 2136 section 3.2.5: class ANY wants it, class NONE wants it not. An empty
 * non-terminal is not in use. */
static enum err
check_existence(struct catalog_edit *edit, const struct rr *rr, unsigned *rcode)
{
	bool found = false, wanted = rr->class == CLASS_ANY;
	enum err err =
	    rr->type == RR_ANY
		? catalog_edit_name_in_use(edit, &rr->owner, &found)
		: catalog_edit_each(edit, &rr->owner, rr->type, note_found, &found);
	if (err != OK)
		return err;
	if (found == wanted)
		*rcode = RCODE_NOERROR;
	else if (wanted)
		*rcode = rr->type == RR_ANY ? RCODE_NXDOMAIN : RCODE_NXRRSET;
	else
		*rcode = rr->type == RR_ANY ? RCODE_YXDOMAIN : RCODE_YXRRSET;
	return OK;
}

/* -- whole sets ------------------------------------------------------------- */

static int
compare_sets(const struct rr *a, const struct rr *b)
{
	if (a->owner.size != b->owner.size)
		return a->owner.size - b->owner.size;
	int order = memcmp(a->owner.wire, b->owner.wire, a->owner.size);
	return order != 0 ? order : (int)a->type - (int)b->type;
}

static int
compare_rdata(const struct rr *a, const struct rr *b)
{
	if (a->rdata_size != b->rdata_size)
		return (int)a->rdata_size - (int)b->rdata_size;
	return a->rdata_size ? memcmp(a->rdata, b->rdata, a->rdata_size) : 0;
}

static int
by_set_and_rdata(const void *pa, const void *pb)
{
	const struct rr *a = *(const struct rr *const *)pa;
	const struct rr *b = *(const struct rr *const *)pb;
	int order = compare_sets(a, b);
	return order != 0 ? order : compare_rdata(a, b);
}

static int
by_rdata(const void *pa, const void *pb)
{
	return compare_rdata(*(const struct rr *const *)pa,
	    *(const struct rr *const *)pb);
}

struct wanted_set {
	const struct rr **rrs; /* in order of RDATA, no two alike */
	size_t n;
	size_t n_found;
	bool other; /* the zone has one that is not among them */
};

static enum err
look_up(void *arg, const struct rr *rr)
{
	struct wanted_set *set = arg;
	if (bsearch(&rr, set->rrs, set->n, sizeof(*set->rrs), by_rdata))
		set->n_found++;
	else
		set->other = true;
	return OK;
}

/* One set: rrs[0..n), sorted; the zone's must be the same (TTLs aside). */
static enum err
check_set(struct catalog_edit *edit, const struct rr **rrs, size_t n, bool *same)
{
	struct wanted_set set = {.rrs = rrs, .n = 1};
	for (size_t i = 1; i < n; i++)
		if (compare_rdata(rrs[i], rrs[set.n - 1]) != 0)
			rrs[set.n++] = rrs[i];
	enum err err =
	    catalog_edit_each(edit, &rrs[0]->owner, rrs[0]->type, look_up, &set);
	*same = !set.other && set.n_found == set.n;
	return err;
}

static enum err
check_sets(struct catalog_edit *edit, const struct rrlist *list, unsigned *rcode,
    unsigned *rr)
{
	const struct rr **rrs = mem_alloc((list->n + 1) * sizeof(*rrs));
	enum err err = OK;
	size_t n = 0;
	bool same = true;

	for (size_t i = 0; i < list->n; i++)
		if (list->items[i].class == CLASS_IN)
			rrs[n++] = &list->items[i];
	qsort(rrs, n, sizeof(*rrs), by_set_and_rdata);
	for (size_t i = 0, next; i < n && err == OK && same; i = next) {
		for (next = i + 1; next < n; next++)
			if (compare_sets(rrs[i], rrs[next]) != 0)
				break;
		err = check_set(edit, &rrs[i], next - i, &same);
		if (!same)
			*rr = (unsigned)(rrs[i] - list->items) + 1;
	}
	free(rrs);
	if (!same)
		*rcode = RCODE_NXRRSET;
	return err;
}

enum err
prereq_check(struct catalog_edit *edit, const struct rrlist *list, unsigned *rcode,
    unsigned *rr)
{
	bool some_sets = false;

	*rcode = RCODE_NOERROR;
	for (size_t i = 0; i < list->n; i++) {
		const struct rr *item = &list->items[i];
		if (item->class == CLASS_IN) {
			some_sets = true;
			continue;
		}
		enum err err = check_existence(edit, item, rcode);
		if (err != OK)
			return err;
		if (*rcode != RCODE_NOERROR) {
			*rr = (unsigned)i + 1;
			return OK;
		}
	}
	return some_sets ? check_sets(edit, list, rcode, rr) : OK;
}
