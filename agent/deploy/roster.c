/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/deploy/roster.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/store/status.h"
#include "lib/mem.h"

enum { REJECTED_MAX = 1024 };

struct rejected {
	size_t backend;
	char pattern[64];
	char text[160];
};

struct roster {
	struct store *store;
	pthread_mutex_t lock; /* of all below */
	char **names;         /* of the backends */
	size_t n;
	struct pattern_set *patterns;
	struct rejected *rejected;
	size_t n_rejected, room;
};

/* The records of all patterns; frees itself. */
struct roster_job {
	struct store_job job;
	struct pattern_status *records;
	size_t n, room;
	/* names on record that are no more */
	char (*gone)[64];
	size_t n_gone, gone_room;
};

struct roster *
roster_new(struct store *store)
{
	struct roster *r = mem_zalloc(sizeof(*r));
	r->store = store;
	pthread_mutex_init(&r->lock, NULL);
	return r;
}

static void
free_names(struct roster *r)
{
	for (size_t i = 0; i < r->n; i++)
		free(r->names[i]);
	free(r->names);
}

void
roster_free(struct roster *r)
{
	if (r == NULL)
		return;
	pattern_set_unref(r->patterns);
	pthread_mutex_destroy(&r->lock);
	free_names(r);
	free(r->rejected);
	free(r);
}

/* -- in the writer ------------------------------------------------------------------
 */

static enum err
find_gone(void *arg, const struct pattern_status *p)
{
	struct roster_job *rj = arg;
	for (size_t i = 0; i < rj->n; i++) {
		if (strcmp(rj->records[i].name, p->name) == 0)
			return OK;
	}
	rj->gone = mem_grow(rj->gone, rj->n_gone, &rj->gone_room, sizeof(*rj->gone));
	memcpy(rj->gone[rj->n_gone++], p->name, sizeof(p->name));
	return OK;
}

static enum err
run(struct store_txn *txn, struct store_job *job)
{
	struct roster_job *rj = (struct roster_job *)job;
	rj->n_gone = 0;
	enum err err = status_each_pattern(txn, find_gone, rj);
	for (size_t i = 0; err == OK && i < rj->n_gone; i++)
		status_del_pattern(txn, rj->gone[i]);
	for (size_t i = 0; err == OK && i < rj->n; i++)
		status_put_pattern(txn, &rj->records[i]);
	return err;
}

static void
done(struct store_job *job, enum err err)
{
	struct roster_job *rj = (struct roster_job *)job;
	(void)err; /* an unclean status is rebuilt */
	free(rj->records);
	free(rj->gone);
	free(rj);
}

/* -- writing -------------------------------------------------------------------------
 */

static const struct rejected *
find_rejected(const struct roster *r, size_t backend, const char *pattern)
{
	for (size_t i = 0; i < r->n_rejected; i++) {
		if (r->rejected[i].backend == backend &&
		    strcmp(r->rejected[i].pattern, pattern) == 0)
			return &r->rejected[i];
	}
	return NULL;
}

static void
fill(const struct roster *r, const struct pattern *p, struct pattern_status *s)
{
	const char *fault = pattern_error(p);
	size_t at = 0;
	*s = (struct pattern_status){0};
	snprintf(s->name, sizeof(s->name), "%s", pattern_name(p));
	snprintf(s->hash, sizeof(s->hash), "%s", pattern_hash(p));
	pattern_service(p, s->service, sizeof(s->service));
	snprintf(s->error, sizeof(s->error), "%s", fault != NULL ? fault : "");
	for (size_t i = 0; i < r->n && at < sizeof(s->usable); i++) {
		const struct rejected *no = find_rejected(r, i, s->name);
		int n = snprintf(s->usable + at, sizeof(s->usable) - at, "%s%s:%s",
		    i > 0 ? " " : "", r->names[i], fault || no ? "no" : "yes");
		at += n > 0 ? (size_t)n : 0;
		if (no != NULL && s->error[0] == '\0')
			snprintf(s->error, sizeof(s->error), "%.60s: %.130s",
			    r->names[i], no->text);
	}
}

/* With the lock held, so that the jobs are in the order of the changes. */
static void
write_all(struct roster *r)
{
	struct roster_job *rj = mem_zalloc(sizeof(*rj));
	const struct pattern *p;
	rj->job = (struct store_job){.run = run, .done = done};
	for (size_t i = 0;
	     r->patterns != NULL && (p = pattern_at(r->patterns, i)) != NULL; i++) {
		rj->records =
		    mem_grow(rj->records, rj->n, &rj->room, sizeof(*rj->records));
		fill(r, p, &rj->records[rj->n++]);
	}
	store_submit(r->store, STORE_STATUS, &rj->job);
}

void
roster_set_backends(struct roster *r, const char *const *names, size_t n)
{
	pthread_mutex_lock(&r->lock);
	free_names(r);
	r->names = mem_zalloc((n + 1) * sizeof(*r->names));
	for (r->n = 0; r->n < n; r->n++)
		r->names[r->n] = mem_strdup(names[r->n]);
	r->n_rejected = 0; /* they are numbered as the names were */
	pthread_mutex_unlock(&r->lock);
}

void
roster_set(struct roster *r, struct pattern_set *patterns)
{
	pthread_mutex_lock(&r->lock);
	pattern_set_unref(r->patterns);
	r->patterns = patterns != NULL ? pattern_set_ref(patterns) : NULL;
	r->n_rejected = 0;
	write_all(r);
	pthread_mutex_unlock(&r->lock);
}

void
roster_reject(struct roster *r, const char *backend, const char *pattern,
    const char *text)
{
	size_t at = 0;
	pthread_mutex_lock(&r->lock);
	while (at < r->n && strcmp(r->names[at], backend) != 0)
		at++;
	if (at < r->n && find_rejected(r, at, pattern) == NULL &&
	    r->n_rejected < REJECTED_MAX) {
		r->rejected = mem_grow(r->rejected, r->n_rejected, &r->room,
		    sizeof(*r->rejected));
		struct rejected *no = &r->rejected[r->n_rejected++];
		no->backend = at;
		snprintf(no->pattern, sizeof(no->pattern), "%s", pattern);
		snprintf(no->text, sizeof(no->text), "%s", text);
		write_all(r);
	}
	pthread_mutex_unlock(&r->lock);
}
