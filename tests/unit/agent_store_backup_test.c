/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/agent_store_fixture.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "agent/store/backup.h"
#include "agent/store/catalogs.h"

struct copy {
	struct fixture f; /* the state that is copied */
	struct fixture to;
	struct err_where where;
};

static int
setup(void **state)
{
	struct copy *c = calloc(1, sizeof(*c));

	assert_non_null(c);
	fixture_make_dir(&c->f);
	fixture_open(&c->f);
	fixture_make_dir(&c->to);
	*state = c;
	return 0;
}

static int
teardown(void **state)
{
	struct copy *c = *state;

	fixture_close(&c->f);
	fixture_remove_dir(&c->f);
	fixture_remove_dir(&c->to);
	free(c);
	return 0;
}

static void
add_catalog(struct copy *c, const char *name)
{
	struct catalog_head head = {.name = dn(name), .soa_ttl = 300};

	head.soa.mname = head.soa.rname = dn("invalid.");
	assert_int_equal(catalogs_add(begin(&c->f, STORE_CATALOG), &head), OK);
	commit(&c->f);
}

static bool
has_catalog(struct copy *c, const char *name)
{
	struct catalog_head head;
	struct dname catalog = dn(name);

	fixture_open(&c->to);
	struct store_txn *txn = store_read(c->to.store, STORE_CATALOG);
	enum err err = catalogs_find(txn, &catalog, &head);
	store_end(&txn);
	fixture_close(&c->to);
	return err == OK;
}

/* LMDB does not let one process have it open twice: that an agent may have it open
 * is for the system tests. */
static enum err
back_up(struct copy *c)
{
	fixture_close(&c->f);
	enum err err = store_backup(c->f.dir, c->to.dir, &c->where);
	fixture_open(&c->f);
	return err;
}

static void
store_backup__twice__is_the_state_of_then(void **state)
{
	struct copy *c = *state;

	add_catalog(c, "one.example.");
	assert_int_equal(back_up(c), OK);
	add_catalog(c, "two.example.");
	assert_true(has_catalog(c, "one.example."));
	assert_false(has_catalog(c, "two.example."));
	assert_int_equal(back_up(c), OK);
	assert_true(has_catalog(c, "two.example."));
}

static void
store_backup__to_the_state_itself__is_refused(void **state)
{
	struct copy *c = *state;

	assert_int_equal(store_backup(c->f.dir, c->f.dir, &c->where), ERR_INVALID);
}

/* A file that one who was killed has left is no obstacle; one that is being written
 * is left alone. */
static void
store_backup__another_is_under_way__is_left_alone(void **state)
{
	struct copy *c = *state;
	char path[128];
	struct stat st;

	snprintf(path, sizeof(path), "%s/catalog.mdb.new", c->to.dir);
	int fd = open(path, O_WRONLY | O_CREAT, 0600);
	assert_true(fd >= 0);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_int_equal(write(fd, "half", 4), 4);
	assert_int_equal(back_up(c), ERR_BUSY);
	assert_non_null(strstr(c->where.what, "under way"));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 4);
	close(fd);
	add_catalog(c, "one.example.");
	assert_int_equal(back_up(c), OK);
	assert_int_equal(stat(path, &st), -1);
	assert_true(has_catalog(c, "one.example."));
}

/* As of a state that was just put back, to which no agent has come yet. */
static void
store_backup__no_lock_file__makes_one_of_full_size(void **state)
{
	struct copy *c = *state;
	char path[128];
	struct stat before, after;

	snprintf(path, sizeof(path), "%s/catalog.mdb-lock", c->f.dir);
	fixture_close(&c->f);
	assert_int_equal(stat(path, &before), 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(store_backup(c->f.dir, c->to.dir, &c->where), OK);
	assert_int_equal(stat(path, &after), 0);
	assert_int_equal(after.st_size, before.st_size);
	fixture_open(&c->f);
}

#define COPY(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    COPY(store_backup__twice__is_the_state_of_then),
	    COPY(store_backup__to_the_state_itself__is_refused),
	    COPY(store_backup__no_lock_file__makes_one_of_full_size),
	    COPY(store_backup__another_is_under_way__is_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
