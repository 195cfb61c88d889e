/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/backend/nsd.h"
#include "lib/mem.h"

/*
 * prepare and retire: which native patterns there are to be. How NSD gets them
 * is in nsd_load.c.
 */

struct prepare {
	struct nsd *nsd;
	struct settings *const *settings;
	size_t n;
	enum backend_result *results;
	struct backend_error *texts;
};

static enum backend_result
reject(struct backend_error *text, const char *why)
{
	snprintf(text->text, sizeof(text->text), "%s", why);
	return RESULT_REJECTED;
}

/* Put one into next. */
static enum backend_result
want(struct nsd *nsd, struct nsd_include *next, const struct settings *s,
    struct backend_error *text)
{
	char name[MARK_MAX], digest[NSD_DIGEST_MAX], *block;
	struct nsd_native *native;

	if (nsd_native_print(s, nsd->conf.zone_dir, nsd->conf.keys, &block, digest,
		text) != OK)
		return RESULT_REJECTED;
	mark_print(s, name);
	native = nsd_include_find(next, name);
	if (native == NULL) {
		if (nsd_include_variants(next, s->pattern) >= nsd->conf.max_variants) {
			free(block);
			snprintf(text->text, sizeof(text->text),
			    "pattern %s has %u variants in nsd already (max-variants)",
			    s->pattern, nsd->conf.max_variants);
			return RESULT_REJECTED;
		}
		nsd_include_add(next, name, digest, block);
		return RESULT_OK;
	}
	/* Eight hex digits name it, so two that differ can have one name. */
	if (strncmp(native->digest, digest, 2) == 0 &&
	    strcmp(native->digest, digest) != 0) {
		free(block);
		return reject(text, "other settings have the same native name");
	}
	snprintf(native->digest, sizeof(native->digest), "%s", digest);
	free(native->block);
	native->block = block;
	return RESULT_OK;
}

static void
take_refused(void *arg, const char *name, const char *text)
{
	struct prepare *p = arg;
	char own[MARK_MAX];

	for (size_t i = 0; i < p->n; i++) {
		mark_print(p->settings[i], own);
		if (strcmp(own, name) == 0)
			p->results[i] = reject(&p->texts[i], text);
	}
}

/* The load has to wait; what NSD has already is good nevertheless. */
static void
settle_waiting(struct prepare *p, const struct backend_error *why)
{
	char name[MARK_MAX], digest[NSD_DIGEST_MAX], *block;
	struct backend_error ignored = {""};
	bool loaded = false;

	if (nsd_is_loaded(p->nsd, &loaded, &ignored) != OK)
		loaded = false;
	for (size_t i = 0; i < p->n; i++) {
		const struct nsd_native *native;
		bool same = false;

		if (p->results[i] != RESULT_OK)
			continue;
		mark_print(p->settings[i], name);
		native = nsd_include_find(&p->nsd->inc, name);
		if (loaded && native != NULL &&
		    nsd_native_print(p->settings[i], p->nsd->conf.zone_dir, NULL,
			&block, digest, &ignored) == OK) {
			same = strcmp(block, native->block) == 0;
			free(block);
		}
		if (same)
			continue;
		p->results[i] = RESULT_RETRY;
		p->texts[i] = *why;
	}
}

enum err
nsd_prepare(void *ctx, struct settings *const *settings, size_t n,
    enum backend_result *results, struct backend_error *texts,
    struct backend_error *why)
{
	struct nsd *nsd = ctx;
	struct prepare p = {nsd, settings, n, results, texts};
	struct nsd_include next;
	enum nsd_load_result result;
	enum err err;

	for (size_t i = 0; i < n; i++) {
		results[i] = RESULT_NONE;
		texts[i].text[0] = '\0';
	}
	err = nsd_look(nsd, why);
	if (err == OK)
		err = nsd_locate(nsd, why);
	if (err == OK)
		err = nsd_load_include(nsd, why);
	if (err != OK)
		return err;
	nsd_include_init(&next);
	nsd_include_copy(&next, &nsd->inc);
	for (size_t i = 0; i < n; i++)
		results[i] = want(nsd, &next, settings[i], &texts[i]);
	err = nsd_load(nsd, &next, false, take_refused, &p, &result, why);
	if (err == OK && result == NSD_LOAD_WAIT)
		settle_waiting(&p, why);
	for (size_t i = 0; err != OK && i < n; i++) {
		if (results[i] == RESULT_OK)
			results[i] = RESULT_NONE;
	}
	return err;
}

/* -- keys ------------------------------------------------------------------ */

/* The blocks of patterns name keys, so a changed secret is in no block but the
 * key's own: NSD takes that with a reconfig, and no zone is loaded again. */
enum err
nsd_rekey(void *ctx, const struct keyring *keys, struct backend_error *why)
{
	struct nsd *nsd = ctx;
	struct nsd_include next;
	enum nsd_load_result result = NSD_LOADED;
	enum err err;

	nsd->conf.keys = keys;
	err = nsd_load_include(nsd, why);
	if (err != OK || nsd->inc.n == 0)
		return err;
	err = nsd_look(nsd, why);
	if (err == OK)
		err = nsd_locate(nsd, why);
	if (err != OK)
		return err;
	nsd_include_init(&next);
	nsd_include_copy(&next, &nsd->inc);
	err = nsd_load(nsd, &next, false, NULL, NULL, &result, why);
	return err == OK && result == NSD_LOAD_WAIT ? ERR_BUSY : err;
}

/* -- retire ---------------------------------------------------------------- */

enum err
nsd_retire(void *ctx, const char *const *marks, size_t n, struct backend_error *why)
{
	struct nsd *nsd = ctx;
	struct nsd_include next;
	enum nsd_load_result result = NSD_LOADED;
	struct textset in_use = {NULL, 0, 0};
	size_t n_before;
	enum err err = nsd_look(nsd, why);

	if (err == OK)
		err = nsd_locate(nsd, why);
	if (err == OK)
		err = nsd_load_include(nsd, why);
	/* To take away one that is in use is the worst that can be done to NSD,
	 * so NSD itself is asked. */
	if (err == OK)
		err = nsd_patterns_in_use(nsd, true, &in_use, why);
	if (err != OK)
		return err;
	nsd_include_init(&next);
	nsd_include_copy(&next, &nsd->inc);
	n_before = next.n;
	for (size_t i = 0; i < n; i++)
		textset_add(&in_use, marks[i]);
	for (size_t i = next.n; i-- > 0;) {
		char name[MARK_MAX];

		strcpy(name, next.natives[i].name);
		if (!textset_has(&in_use, name))
			nsd_include_drop(&next, name);
	}
	if (next.n < n_before)
		err = nsd_load(nsd, &next, false, NULL, NULL, &result, why);
	else
		nsd_include_fini(&next);
	textset_fini(&in_use);
	return err == OK && result == NSD_LOAD_WAIT ? ERR_BUSY : err;
}
