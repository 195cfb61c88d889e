/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_UNIT_AGENT_STORE_FIXTURE_H
#define TESTS_UNIT_AGENT_STORE_FIXTURE_H

#include "tests/unit/test.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/store/inside.h"
#include "agent/store/store.h"
#include "agent/store/txn.h"
#include "lib/dname.h"

/* A store in a temporary directory, and write transactions without the writer:
 * LMDB's own lock keeps both apart. */

struct fixture {
	char dir[64];
	struct store_conf conf;
	struct store *store;
	struct store_txn w; /* the open write transaction */
};

static inline void
fixture_open(struct fixture *f)
{
	struct err_where where = {.line = 0};

	f->conf.dir = f->dir;
	if (f->conf.map_size == 0)
		f->conf.map_size = (size_t)1 << 30;
	enum err err = store_open(&f->conf, &where, &f->store);
	if (err != OK)
		fail_msg("%s: %s", err_str(err), where.what);
}

static inline void
fixture_close(struct fixture *f)
{
	store_close(f->store);
	f->store = NULL;
}

static inline void
fixture_make_dir(struct fixture *f)
{
	const char *tmp = getenv("TMPDIR");

	*f = (struct fixture){.store = NULL};
	snprintf(f->dir, sizeof(f->dir), "%.40s/nsherd.XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(f->dir));
}

static inline void
fixture_remove_dir(const struct fixture *f)
{
	char path[512];
	struct dirent *entry;
	DIR *dir = opendir(f->dir);

	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL) {
		snprintf(path, sizeof(path), "%s/%s", f->dir, entry->d_name);
		if (entry->d_name[0] != '.')
			unlink(path);
	}
	closedir(dir);
	assert_int_equal(rmdir(f->dir), 0);
}

static inline int
fixture_setup(void **state)
{
	struct fixture *f = malloc(sizeof(*f));

	fixture_make_dir(f);
	fixture_open(f);
	*state = f;
	return 0;
}

static inline int
fixture_teardown(void **state)
{
	struct fixture *f = *state;

	if (f->w.mdb != NULL) { /* a test that failed half way */
		txn_abort(&f->w);
		txn_fini(&f->w);
	}
	fixture_close(f);
	fixture_remove_dir(f);
	free(f);
	return 0;
}

static inline struct store_txn *
begin(struct fixture *f, enum store_env env)
{
	txn_init(&f->w, f->store, env);
	txn_begin(&f->w);
	assert_int_equal(store_err(&f->w), OK);
	return &f->w;
}

static inline void
commit(struct fixture *f)
{
	assert_int_equal(txn_commit(&f->w), OK);
	txn_fini(&f->w);
}

static inline struct dname
dn(const char *text)
{
	struct dname name;

	assert_int_equal(dname_parse(text, &name), OK);
	return name;
}

/* A name as long as names get whose sort key is as long as keys get: every
 * octet escaped. first makes it one of several. */
static inline struct dname
longest_name(uint8_t first)
{
	struct dname name = {.size = 255};
	size_t at = 0;

	while (at < 254) {
		uint8_t n = at + 64 <= 254 ? 63 : (uint8_t)(254 - at - 1);
		name.wire[at] = n;
		memset(name.wire + at + 1, 1, n);
		at += 1u + n;
	}
	name.wire[254] = 0;
	name.wire[1] = first;
	return name;
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

#endif
