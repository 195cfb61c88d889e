/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/pattern/pattern.h"

#include <dirent.h>
#include <errno.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/pattern/overlap.h"
#include "agent/pattern/spec.h"
#include "agent/pattern/variant.h"
#include "lib/mem.h"

/*
 * Patterns: ini file -> spec (spec.c) -> `extends` followed and checked
 * (spec_check.c) -> with a member's parameters (variant.c) -> settings.
 *
 * A set is made once, by one thread, and then only read, by all backend
 * threads; what changes is the cache of settings, under its own lock. The
 * cache holds a reference of its own on each object, and drops those that
 * nobody else holds whenever it has doubled, so it is at most twice as large
 * as what is in use. Drivers may compare settings by pointer: the same values
 * are the same object as long as somebody holds it.
 *
 * A fault makes one pattern unusable, with its reason as file:line, and those
 * that extend it. It never makes the set fail: zones of the other patterns
 * must go on.
 */

enum { EXTENDS_MAX = 8, CACHE_BUCKETS = 4096, CACHE_SWEEP_MIN = 1024 };

struct pattern {
	char name[64];
	struct spec spec;
	bool done;
	char version[9];
	char *error;
	const char *cause; /* the error of another that made this one's, or NULL */
	size_t index;
};

struct cached {
	struct cached *next;
	const struct pattern *pattern;
	char *text; /* the variant's */
	struct settings *settings;
};

struct pattern_set {
	unsigned refs;        /* atomic */
	struct keyring *ring; /* or NULL */
	char *dir;
	struct pattern **patterns; /* in order of name */
	size_t n, room;
	sem_t lock; /* of what follows; binary */
	struct cached *buckets[CACHE_BUCKETS];
	size_t n_cached, sweep_at;
};

/* -- loading --------------------------------------------------------------- */

static void
set_error(struct pattern *p, const struct err_where *where)
{
	if (p->error != NULL)
		return;
	if (where->line == 0)
		p->error = mem_printf("%s: %s", where->file, where->what);
	else
		p->error =
		    mem_printf("%s:%u: %s", where->file, where->line, where->what);
}

static bool
is_pattern_name(const char *name, size_t size)
{
	return size > 0 && size < sizeof(((struct pattern *)NULL)->name) &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") >= size;
}

static void
add_file(struct pattern_set *set, const char *file)
{
	size_t size = strlen(file);
	struct pattern *p;
	char *path;

	if (size < 4 || strcmp(file + size - 4, ".ini") != 0 || file[0] == '.')
		return;
	size -= 4;
	p = mem_zalloc(sizeof(*p));
	path = mem_printf("%s/%s", set->dir, file);
	spec_init(&p->spec, path);
	free(path);
	snprintf(p->name, sizeof(p->name), "%.*s", (int)size, file);
	if (!is_pattern_name(file, size))
		p->error =
		    mem_printf("%s: the name of a pattern is of [a-z0-9_-], at most 63",
			p->spec.file);
	set->patterns =
	    mem_grow(set->patterns, set->n, &set->room, sizeof(set->patterns[0]));
	set->patterns[set->n++] = p;
}

static int
by_name(const void *a, const void *b)
{
	const struct pattern *const *left = a, *const *right = b;

	return strcmp((*left)->name, (*right)->name);
}

static enum err
list_files(struct pattern_set *set, struct err_where *where)
{
	DIR *dir = opendir(set->dir);
	const struct dirent *entry;
	enum err err;

	if (dir == NULL) {
		err = errno == ENOENT ? ERR_NOTFOUND : ERR_IO;
		err_at(where, set->dir, 0, "%s", mem_errno_text(errno));
		return err;
	}
	while ((errno = 0, entry = readdir(dir)) != NULL)
		add_file(set, entry->d_name);
	err = errno == 0 ? OK : ERR_IO;
	if (err != OK)
		err_at(where, set->dir, 0, "%s", mem_errno_text(errno));
	closedir(dir);
	if (set->n > 1)
		qsort(set->patterns, set->n, sizeof(set->patterns[0]), by_name);
	for (size_t i = 0; i < set->n; i++)
		set->patterns[i]->index = i;
	return err;
}

static struct pattern *
find(const struct pattern_set *set, const char *name)
{
	size_t low = 0, high = set->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(set->patterns[middle]->name, name);

		if (order == 0)
			return set->patterns[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

static void resolve(struct pattern_set *set, struct pattern *p);

/*
 * The chain above p, by names alone: whether it ends, so that resolve() may
 * recurse, and so that a fault of it does not depend on where one began.
 */
static enum err
check_chain(const struct pattern_set *set, const struct pattern *p,
    struct err_where *where)
{
	const struct spec_text *extends = &p->spec.extends;
	const struct pattern *above = p;

	for (unsigned n = 0; above != NULL && above->spec.extends.value != NULL; n++) {
		above = find(set, above->spec.extends.value);
		if (above == NULL && n == 0)
			return err_at(where, extends->at.file, extends->at.line,
			    "extends %.63s, which does not exist", extends->value);
		if (above == p)
			return err_at(where, extends->at.file, extends->at.line,
			    "extends %.63s, which in the end extends this",
			    extends->value);
		if (n == EXTENDS_MAX)
			return err_at(where, extends->at.file, extends->at.line,
			    "extends goes over more than %d files", EXTENDS_MAX);
	}
	return OK;
}

/* Follows `extends`; a fault on the way is p's fault as well. */
static enum err
resolve_parent(struct pattern_set *set, struct pattern *p, struct err_where *where)
{
	const struct spec_text *extends = &p->spec.extends;
	struct pattern *parent;
	enum err err;

	if (extends->value == NULL)
		return OK;
	err = check_chain(set, p, where);
	if (err != OK)
		return err;
	parent = find(set, extends->value);
	resolve(set, parent);
	if (parent->error != NULL) {
		p->cause = parent->cause != NULL ? parent->cause : parent->error;
		return err_at(where, extends->at.file, extends->at.line,
		    "extends %s, which is not usable (%.150s)", parent->name, p->cause);
	}
	spec_inherit(&p->spec, &parent->spec);
	return OK;
}

static void
resolve(struct pattern_set *set, struct pattern *p)
{
	struct err_where where = {.line = 0};
	enum err err;

	if (p->done)
		return;
	p->done = true;
	if (p->error != NULL)
		return;
	err = resolve_parent(set, p, &where);
	if (err == OK)
		err = spec_finish(&p->spec, set->dir, set->ring, &where);
	if (err == OK)
		spec_version(&p->spec, p->version);
	else
		set_error(p, &where);
}

/* -- zone files ------------------------------------------------------------ */

/* p has what is other's: p is at fault. */
static void
set_overlap(struct pattern *p, const struct pattern *other)
{
	const struct spec_place *at = &p->spec.zonefile.at;
	struct err_where where = {.line = 0};

	err_at(&where, at->file, at->line,
	    "zonefile %.100s is also that of a zone under pattern %s (%.100s)",
	    spec_zonefile(&p->spec), other->name, spec_zonefile(&other->spec));
	set_error(p, &where);
}

/*
 * The later of two has the fault, unless it only has what is so by default. What
 * a file without ${zone} meets is one zone's: see pattern_sharing().
 */
static void
compare_zonefiles(struct pattern *a, struct pattern *b)
{
	if (a->error != NULL || b->error != NULL ||
	    !overlap_check(spec_zonefile(&a->spec), spec_zonefile(&b->spec)))
		return;
	if (b->spec.zonefile.value == NULL)
		set_overlap(a, b);
	else
		set_overlap(b, a);
}

static void
check_zonefiles(struct pattern_set *set)
{
	for (size_t i = 0; i < set->n; i++) {
		for (size_t k = i + 1; k < set->n; k++)
			compare_zonefiles(set->patterns[i], set->patterns[k]);
	}
}

static void
read_all(struct pattern_set *set)
{
	for (size_t i = 0; i < set->n; i++) {
		struct pattern *p = set->patterns[i];
		struct err_where where = {.line = 0};

		if (p->error == NULL && spec_read(&p->spec, set->ring, &where) != OK)
			set_error(p, &where);
	}
	for (size_t i = 0; i < set->n; i++)
		resolve(set, set->patterns[i]);
	/* Whoever extends one at fault has its file, or one that is good. */
	check_zonefiles(set);
}

enum err
pattern_load(const char *dir, struct keyring *ring, struct err_where *where,
    struct pattern_set **set)
{
	struct pattern_set *new = mem_zalloc(sizeof(*new));
	enum err err;

	new->refs = 1;
	new->ring = ring != NULL ? keyring_ref(ring) : NULL;
	new->dir = mem_strdup(dir);
	new->sweep_at = CACHE_SWEEP_MIN;
	sem_init(&new->lock, 0, 1);
	err = list_files(new, where);
	if (err == OK)
		read_all(new);
	if (err == OK)
		*set = new;
	else
		pattern_set_unref(new);
	return err;
}

struct pattern_set *
pattern_set_ref(struct pattern_set *set)
{
	__atomic_add_fetch(&set->refs, 1, __ATOMIC_RELAXED);
	return set;
}

void
pattern_set_unref(struct pattern_set *set)
{
	if (set == NULL || __atomic_sub_fetch(&set->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	for (size_t i = 0; i < CACHE_BUCKETS; i++) {
		for (struct cached *c = set->buckets[i], *next; c != NULL; c = next) {
			next = c->next;
			settings_unref(c->settings);
			free(c->text);
			free(c);
		}
	}
	for (size_t i = 0; i < set->n; i++) {
		spec_fini(&set->patterns[i]->spec);
		free(set->patterns[i]->error);
		free(set->patterns[i]);
	}
	free(set->patterns);
	free(set->dir);
	keyring_unref(set->ring);
	sem_destroy(&set->lock);
	free(set);
}

/* -- looking at it --------------------------------------------------------- */

const struct pattern *
pattern_at(const struct pattern_set *set, size_t n)
{
	return n < set->n ? set->patterns[n] : NULL;
}

const struct pattern *
pattern_find(const struct pattern_set *set, const char *name)
{
	return find(set, name);
}

const char *
pattern_name(const struct pattern *p)
{
	return p->name;
}

const char *
pattern_error(const struct pattern *p)
{
	return p->error;
}

const char *
pattern_hash(const struct pattern *p)
{
	return p->version;
}

bool
pattern_signs(const struct pattern *p)
{
	return p->spec.dnssec.value != NULL && strcmp(p->spec.dnssec.value, "off") != 0;
}

char *
pattern_service(const struct pattern *p, char *out, size_t size)
{
	const struct spec *spec = &p->spec;

	if (size > 0)
		out[0] = '\0';
	if (p->error == NULL)
		snprintf(out, size, "role=%s\nzonefile=%.200s\ndnssec=%.60s\n",
		    spec->role_value == ROLE_PRIMARY ? "primary" : "secondary",
		    spec_zonefile(spec),
		    spec->dnssec.value != NULL ? spec->dnssec.value : "off");
	return out;
}

const struct pattern *
pattern_sharing(const struct pattern_set *set, const char *path)
{
	for (size_t i = 0; i < set->n; i++) {
		const char *zonefile = set->patterns[i]->spec.zonefile.value;

		if (zonefile != NULL && !settings_file_is_own(zonefile) &&
		    strcmp(zonefile, path) == 0)
			return set->patterns[i];
	}
	return NULL;
}

const char *
pattern_shared_file(const struct pattern *pattern)
{
	const char *zonefile = pattern->spec.zonefile.value;

	return pattern->error != NULL || zonefile == NULL ||
		       settings_file_is_own(zonefile)
		   ? NULL
		   : zonefile;
}

/* Group values come from the catalog: printable, and cut, in messages. */
static void
add_tried(char *error, size_t error_size, const char *group)
{
	size_t used = strlen(error);

	for (size_t i = 0; used + 2 < error_size && group[i] != '\0'; i++) {
		if (i == 0)
			error[used++] = ' ';
		error[used++] = group[i] > ' ' && group[i] <= '~' ? group[i] : '?';
	}
	error[used] = '\0';
}

enum err
pattern_of_member(const struct pattern_set *set, const struct member *m,
    const char *fallback, const struct pattern **p, char *error, size_t error_size)
{
	char group[MEMBER_GROUP_MAX];
	const struct pattern *found = NULL;
	size_t n = 0;

	while (found == NULL && member_group(m, n, group)) {
		found = find(set, group);
		n++;
	}
	if (found == NULL && fallback != NULL)
		found = find(set, fallback);
	if (found != NULL) {
		*p = found;
		return OK;
	}
	if (n == 0 && fallback == NULL) {
		snprintf(error, error_size, "no group and no default-pattern");
		return ERR_NOTFOUND;
	}
	snprintf(error, error_size, "no such pattern:");
	for (size_t i = 0; i < n && i < 8 && member_group(m, i, group); i++)
		add_tried(error, error_size, group);
	if (fallback != NULL)
		add_tried(error, error_size, fallback);
	return ERR_NOTFOUND;
}

/* -- settings -------------------------------------------------------------- */

static void
lock(struct pattern_set *set)
{
	while (sem_wait(&set->lock) == -1)
		;
}

static void
unlock(struct pattern_set *set)
{
	sem_post(&set->lock);
}

static struct cached **
bucket_of(struct pattern_set *set, const struct pattern *p, const char *text)
{
	uint64_t hash = 14695981039346656037U ^ p->index;

	for (; *text != '\0'; text++)
		hash = (hash ^ (uint8_t)*text) * 1099511628211U;
	return &set->buckets[(hash ^ hash >> 32) % CACHE_BUCKETS];
}

/* A new reference, or NULL. The lock is held. */
static struct settings *
cache_find(struct pattern_set *set, const struct pattern *p, const char *text)
{
	for (struct cached *c = *bucket_of(set, p, text); c != NULL; c = c->next) {
		if (c->pattern == p && strcmp(c->text, text) == 0)
			return settings_ref(c->settings);
	}
	return NULL;
}

/*
 * Drop what only the cache holds. Nobody can take a reference meanwhile: that
 * is done through the cache, under the lock, or by one who holds one.
 */
static void
cache_sweep(struct pattern_set *set)
{
	for (size_t i = 0; i < CACHE_BUCKETS; i++) {
		for (struct cached **c = &set->buckets[i]; *c != NULL;) {
			struct cached *gone = *c;

			if (__atomic_load_n(&gone->settings->refs, __ATOMIC_ACQUIRE) >
			    1) {
				c = &gone->next;
				continue;
			}
			*c = gone->next;
			settings_unref(gone->settings);
			free(gone->text);
			free(gone);
			set->n_cached--;
		}
	}
	set->sweep_at =
	    set->n_cached * 2 > CACHE_SWEEP_MIN ? set->n_cached * 2 : CACHE_SWEEP_MIN;
}

static void
cache_add(struct pattern_set *set, const struct pattern *p, const char *text,
    struct settings *s)
{
	struct cached **bucket = bucket_of(set, p, text);
	struct cached *new = mem_alloc(sizeof(*new));

	*new = (struct cached){*bucket, p, mem_strdup(text), settings_ref(s)};
	*bucket = new;
	if (++set->n_cached >= set->sweep_at)
		cache_sweep(set);
}

enum err
pattern_settings(struct pattern_set *set, const struct pattern *p,
    const struct member *m, struct settings **s, char *error, size_t error_size)
{
	struct settings *found, *made;
	struct variant v;
	enum err err;

	if (p->error != NULL) {
		snprintf(error, error_size, "pattern %s is not usable: %s", p->name,
		    p->error);
		return ERR_INVALID;
	}
	err = variant_read(&v, &p->spec, m, set->ring, error, error_size);
	if (err != OK)
		return err;
	lock(set);
	found = cache_find(set, p, v.text);
	unlock(set);
	if (found == NULL) {
		made = variant_settings(&v, &p->spec, p->name, p->version);
		lock(set);
		found = cache_find(set, p, v.text); /* another thread was faster? */
		if (found == NULL) {
			cache_add(set, p, v.text, made);
			found = settings_ref(made);
		}
		unlock(set);
		settings_unref(made);
	}
	variant_fini(&v);
	*s = found;
	return OK;
}
