/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <stdlib.h>

#include "agent/backend/bind.h"
#include "lib/mem.h"

/*
 * What must be in named before zones that use it: TSIG keys, since named takes
 * a zone with a key that it does not know and then does not transfer.
 *
 * Raw options and names of signing policies are tried by named-checkconf, as a
 * zone of the operator's configuration, so that what is wrong never gets as far
 * as named.
 */

/* Which keys there are, lest they are lost with the file. */
static void
note_keys(struct bind *b, const struct bind_include *inc)
{
	struct bind_lines lines;
	struct dname name;

	bind_lines_init(&lines);
	for (size_t i = 0; i < inc->n; i++) {
		if (dname_parse(inc->keys[i].name, &name) == OK &&
		    bind_names_get(&b->known_keys, &name) == NULL)
			bind_lines_key(&lines, &name);
	}
	bind_journal_write(b, &lines);
	bind_lines_fini(&lines);
}

/* -- prepare ------------------------------------------------------------------ */

struct preparing {
	struct bind *b;
	struct bind_include next;
	struct bind_config config; /* if it was read */
	bool asked, has_config;
	bool unread; /* named has yet to read the operator's file with a key */
	/* the settings at hand */
	bool has_key, clashes;
	struct backend_error fault;
};

/* A configuration that cannot be read says why when the file is loaded. */
static const struct bind_config *
config_of(struct preparing *p)
{
	struct bind *b = p->b;
	struct backend_error why = {""};

	if (!p->asked && bind_locate(b, &why) == OK) {
		struct bind_config_reader r = {b->config_path, b->view,
		    b->conf.cancel_fd, b->conf.timeout_ms};

		p->has_config = bind_config_read(&r, &p->config, &why) == OK;
	}
	p->asked = true;
	return p->has_config ? &p->config : NULL;
}

/* named does not take a key twice: what is the operator's stays out of our file. */
static enum err
find_operators(struct preparing *p, const struct key *key)
{
	const struct bind_config *c = key != NULL ? config_of(p) : NULL;
	bool unread = false;
	enum err err = ERR_NOTFOUND;

	if (c != NULL)
		err = bind_find_operators_key(p->b, c, key, &unread, &p->fault);
	p->unread |= unread;
	p->has_key |= unread;
	p->clashes |= err == ERR_EXISTS;
	return err;
}

static void
take_key(void *arg, const struct dname *name)
{
	struct preparing *p = arg;

	if (!bind_include_has(&p->next, name) &&
	    find_operators(p, keyring_find(p->b->conf.keys, name)) != ERR_NOTFOUND)
		return;
	p->has_key = true;
	bind_include_add(&p->next, name, p->b->conf.keys);
}

/* Which of the settings need what is in files that named may have to read first.
 * Returns whether any does. */
static bool
take_keys(struct preparing *p, struct settings *const *settings, size_t n,
    enum backend_result *results, struct backend_error *texts, bool *needs)
{
	bool any = false;

	for (size_t i = 0; i < n; i++) {
		p->has_key = p->clashes = false;
		if (results[i] == RESULT_OK)
			bind_body_each_key(settings[i], take_key, p);
		if (p->clashes) {
			results[i] = RESULT_REJECTED;
			texts[i] = p->fault;
		}
		needs[i] = p->has_key && !p->clashes;
		any |= needs[i];
	}
	return any;
}

/* In need of a file: RETRY until it is read. */
static enum err
load_keys(struct preparing *p, struct settings *const *settings, size_t n,
    enum backend_result *results, struct backend_error *texts,
    struct backend_error *why)
{
	bool *needs = mem_zalloc((n + 1) * sizeof(needs[0]));
	bool loaded = false, ready = true;
	enum err err = bind_read_include(p->b, &p->next, why);
	bool any = take_keys(p, settings, n, results, texts, needs);

	if (err != OK && err != ERR_CANCELED) {
		any = false;
		err = OK; /* not now */
	}
	if (err == OK && any && p->unread)
		err = bind_reconfig(p->b, NULL, p->next.bulk, &ready, why);
	if (err == OK && any && ready)
		err = bind_load_include(p->b, &p->next, false, &loaded, why);
	if (loaded)
		note_keys(p->b, &p->next);
	for (size_t i = 0; i < n; i++) {
		if (!needs[i] || loaded)
			continue;
		results[i] = RESULT_RETRY;
		texts[i] = *why;
	}
	free(needs);
	return err;
}

/* -- raw options -------------------------------------------------------------- */

static char *
version_of(const struct settings *s)
{
	return mem_printf("%s.%s", s->pattern, s->version);
}

static void
note_checked(struct bind *b, const struct settings *s)
{
	char *version = version_of(s);

	textset_add(&b->checked, version);
	free(version);
}

static void
print_trial(struct bind *b, const struct settings *s, size_t i, struct buf *out)
{
	char text[64];
	struct dname zone;
	struct backend_error why;

	snprintf(text, sizeof(text), "n%zu.nsherd.invalid", i);
	if (dname_parse(text, &zone) != OK)
		return;
	buf_printf(out, "zone \"%s\" ", text);
	(void)!bind_body_print(s, &zone, b->zone_dir, b->conf.keys, out, &why);
	buf_puts(out, "\n");
}

/* All at once; only if that fails, one by one. */
static enum err
try_all(struct bind *b, struct settings *const *settings, size_t n, const bool *needs,
    enum backend_result *results, struct backend_error *texts,
    struct backend_error *why)
{
	struct bind_config_reader r = {b->config_path, b->view, b->conf.cancel_fd,
	    b->conf.timeout_ms};
	struct bind_config c;
	struct buf text;
	enum err all, err = bind_config_read(&r, &c, why);

	if (err != OK) {
		struct backend_error fault = *why;

		/* Whether they are good can only be said of a good configuration. */
		for (size_t i = 0; i < n; i++) {
			if (!needs[i])
				continue;
			results[i] = RESULT_RETRY;
			bind_operators(&texts[i], "%.170s", fault.text);
		}
		return err == ERR_INVALID ? OK : err;
	}
	buf_init(&text, 0);
	for (size_t i = 0; i < n; i++) {
		if (needs[i])
			print_trial(b, settings[i], i, &text);
	}
	all = err = bind_config_try(&r, &c, buf_text(&text), why);
	for (size_t i = 0; i < n && (err == OK || err == ERR_INVALID); i++) {
		if (!needs[i])
			continue;
		if (all != OK) {
			buf_reset(&text);
			print_trial(b, settings[i], i, &text);
			err = bind_config_try(&r, &c, buf_text(&text), &texts[i]);
		}
		if (err == ERR_INVALID)
			results[i] = RESULT_REJECTED;
		else if (err == OK)
			note_checked(b, settings[i]);
		else
			*why = texts[i];
	}
	buf_fini(&text);
	bind_config_fini(&c);
	return err == ERR_INVALID ? OK : err;
}

static enum err
check_raw(struct bind *b, struct settings *const *settings, size_t n,
    enum backend_result *results, struct backend_error *texts,
    struct backend_error *why)
{
	bool *needs = mem_zalloc((n + 1) * sizeof(needs[0]));
	bool any = false;
	enum err err = OK;

	for (size_t i = 0; i < n; i++) {
		char *version = version_of(settings[i]);

		needs[i] = results[i] == RESULT_OK &&
			   bind_body_needs_check(settings[i]) &&
			   !textset_has(&b->checked, version);
		any |= needs[i];
		free(version);
	}
	if (any)
		err = bind_locate(b, why);
	if (err == OK && any)
		err = try_all(b, settings, n, needs, results, texts, why);
	free(needs);
	return err;
}

/* Settings of the list whose like was not tried yet, each version once. */
static size_t
untried(struct bind *b, struct bind_task **list, size_t n, struct settings **settings)
{
	struct textset seen = {NULL, 0, 0};
	size_t n_settings = 0;

	for (size_t i = 0; i < n; i++) {
		struct settings *s = list[i]->op->settings;
		char *version;

		if (i > 0 && s == list[i - 1]->op->settings)
			continue;
		version = version_of(s);
		if (!textset_has(&b->checked, version) &&
		    !textset_has(&seen, version)) {
			textset_add(&seen, version);
			settings[n_settings++] = s;
		}
		free(version);
	}
	textset_fini(&seen);
	return n_settings;
}

enum err
bind_try_bodies(struct bind *b, struct bind_task **list, size_t n,
    struct backend_error *why)
{
	struct settings **settings = mem_alloc((n + 1) * sizeof(settings[0]));
	size_t n_settings = untried(b, list, n, settings);
	struct bind_config_reader r = {b->config_path, b->view, b->conf.cancel_fd,
	    b->conf.timeout_ms};
	struct bind_config c;
	struct buf text;
	enum err err = OK;

	buf_init(&text, 0);
	if (n_settings > 0)
		err = bind_config_read(&r, &c, why);
	if (n_settings > 0 && err == OK) {
		for (size_t i = 0; i < n_settings; i++)
			print_trial(b, settings[i], i, &text);
		err = bind_config_try(&r, &c, buf_text(&text), why);
		bind_config_fini(&c);
	}
	for (size_t i = 0; err == OK && i < n_settings; i++)
		note_checked(b, settings[i]);
	buf_fini(&text);
	free(settings);
	return err;
}

enum err
bind_prepare(void *ctx, struct settings *const *settings, size_t n,
    enum backend_result *results, struct backend_error *texts,
    struct backend_error *why)
{
	struct bind *b = ctx;
	struct preparing p = {.b = b};
	struct buf body;
	enum err err = b->process[0] == '\0' ? bind_look(b, why) : OK;

	if (err != OK)
		return err;
	bind_journal_read(b);
	bind_include_init(&p.next);
	buf_init(&body, 0);
	for (size_t i = 0; i < n; i++) {
		texts[i].text[0] = '\0';
		buf_reset(&body);
		results[i] = bind_body_print(settings[i], NULL, b->zone_dir,
				 b->conf.keys, &body, &texts[i]) == OK
				 ? RESULT_OK
				 : RESULT_REJECTED;
	}
	buf_fini(&body);
	err = load_keys(&p, settings, n, results, texts, why);
	if (err == OK)
		err = check_raw(b, settings, n, results, texts, why);
	bind_include_fini(&p.next);
	if (p.has_config)
		bind_config_fini(&p.config);
	rndc_disconnect(&b->rndc);
	return err;
}

/* -- keys --------------------------------------------------------------------- */

/* Every key that the file has is in it as the agent has it now. */
static enum err
renew_keys(struct bind *b, struct backend_error *why)
{
	struct bind_include next;
	bool loaded = false;
	enum err err = bind_look(b, why);

	if (err != OK)
		return err;
	bind_journal_read(b);
	bind_include_init(&next);
	err = bind_read_include(b, &next, why);
	if (err == OK && next.n > 0)
		err = bind_load_include(b, &next, false, &loaded, why);
	else
		loaded = err == OK;
	bind_include_fini(&next);
	return err == OK && !loaded ? ERR_BUSY : err;
}

enum err
bind_rekey(void *ctx, const struct keyring *keys, struct backend_error *why)
{
	struct bind *b = ctx;
	const char *name = backend_option(&b->conf, "key", "");
	struct dname dname;
	struct key *key = NULL;
	enum err err;

	b->conf.keys = keys;
	if (dname_parse(name, &dname) == OK)
		key = keyring_find(keys, &dname);
	if (key == NULL) /* the configuration was checked: cannot be */
		return backend_fail(why, ERR_INVALID, "there is no [key %.100s]", name);
	rndc_set_key(&b->rndc, key);
	err = renew_keys(b, why);
	rndc_disconnect(&b->rndc);
	return err;
}

/* Keys stay: see bind_include.h. There are no native patterns. */
enum err
bind_retire(void *ctx, const char *const *marks, size_t n, struct backend_error *why)
{
	(void)ctx;
	(void)marks;
	(void)n;
	(void)why;
	return OK;
}
