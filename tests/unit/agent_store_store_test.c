/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/agent_store_fixture.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "agent/store/catalogs.h"
#include "agent/store/status.h"
#include "agent/store/worklog.h"

static unsigned
mode_of(const struct fixture *f, const char *file)
{
	char path[256];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", f->dir, file);
	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 07777;
}

static void
spoil(const struct fixture *f, const char *file, const char *text)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", f->dir, file);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_true(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

static uint64_t
version_of(struct fixture *f)
{
	uint64_t version;
	struct store_txn *txn = store_read(f->store, STORE_STATUS);

	assert_int_equal(status_version(txn, &version), OK);
	store_end(&txn);
	return version;
}

static void
change_status(struct fixture *f)
{
	struct backend_status b = {.backend = 1, .name = "nsd1", .seq = version_of(f)};

	status_put_backend(begin(f, STORE_STATUS), &b);
	commit(f);
}

static bool
has_status(struct fixture *f)
{
	struct backend_status b;
	struct store_txn *txn = store_read(f->store, STORE_STATUS);
	enum err err = status_get_backend(txn, 1, &b);

	store_end(&txn);
	return err == OK;
}

/* Opens, changes the status, and is killed. */
static void
crash_in_child(struct fixture *f)
{
	int status;

	fixture_close(f);
	pid_t pid = fork();
	if (pid == 0) {
		fixture_open(f);
		change_status(f);
		kill(getpid(), SIGKILL);
	}
	assert_true(waitpid(pid, &status, 0) == pid);
	assert_true(WIFSIGNALED(status));
	fixture_open(f);
}

static void
store_open__new_directory__made_private_and_unclean(void **state)
{
	struct fixture f;
	struct stat st;

	(void)state;
	fixture_make_dir(&f);
	assert_int_equal(rmdir(f.dir), 0);
	fixture_open(&f);
	assert_true(store_was_unclean(f.store));
	assert_true(store_log_seq(f.store) == 0);
	assert_true(version_of(&f) == 1);
	assert_int_equal(stat(f.dir, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(mode_of(&f, "catalog.mdb"), 0600);
	assert_int_equal(mode_of(&f, "status.mdb"), 0600);
	assert_int_equal(mode_of(&f, "lock"), 0600);
	fixture_close(&f);
	fixture_remove_dir(&f);
}

static void
store_open__second_time__is_busy(void **state)
{
	struct fixture *f = *state;
	struct store *second = NULL;
	struct err_where where = {.line = 0};

	assert_int_equal(store_open(&f->conf, &where, &second), ERR_BUSY);
	assert_null(second);
	assert_string_equal(where.file, f->dir);
	assert_true(where.what[0] != '\0');
	fixture_close(f);
	fixture_open(f);
	assert_false(store_was_unclean(f->store));
}

static void
store_open__bad_places__say_why(void **state)
{
	struct err_where where = {.line = 0};
	struct store *store;
	struct store_conf conf = {.dir = "/dev/null/x"};

	(void)state;
	assert_int_equal(store_open(&conf, &where, &store), ERR_IO);
	assert_non_null(strstr(where.what, "directory"));
	where = (struct err_where){.line = 0};
	conf.dir = "/dev/null";
	assert_int_equal(store_open(&conf, &where, &store), ERR_IO);
}

static void
store_open__catalog_is_garbage__is_corrupt(void **state)
{
	struct fixture *f = *state;
	struct err_where where = {.line = 0};
	char text[9000];

	fixture_close(f);
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	spoil(f, "catalog.mdb", text);
	assert_int_equal(store_open(&f->conf, &where, &f->store), ERR_CORRUPT);
	assert_non_null(strstr(where.what, "catalog.mdb"));
	spoil(f, "catalog.mdb", "");
	fixture_open(f);
}

static void
store_open__status_is_garbage__starts_anew(void **state)
{
	struct fixture *f = *state;
	char text[9000];

	change_status(f);
	uint64_t before = version_of(f);
	fixture_close(f);
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	spoil(f, "status.mdb", text);
	fixture_open(f);
	assert_true(store_was_unclean(f->store));
	assert_false(has_status(f));
	assert_true(version_of(f) == before + STATUS_VERSION_JUMP);
}

static void
store_open__after_a_clean_stop__keeps_the_status(void **state)
{
	struct fixture *f = *state;

	change_status(f);
	uint64_t before = version_of(f);
	fixture_close(f);
	fixture_open(f);
	assert_false(store_was_unclean(f->store));
	assert_true(has_status(f));
	assert_true(version_of(f) == before + 1);
}

static void
store_open__after_a_kill__status_is_wiped_and_version_jumps(void **state)
{
	struct fixture *f = *state;

	change_status(f);
	uint64_t before = version_of(f);
	crash_in_child(f);
	assert_true(store_was_unclean(f->store));
	assert_false(has_status(f));
	/* a clean start before each crash grows it as well */
	assert_true(version_of(f) == before + 1 + STATUS_VERSION_JUMP);
	crash_in_child(f);
	assert_true(version_of(f) == before + 2 + 2 * STATUS_VERSION_JUMP);
}

static const struct zone_status served = {.catalog = 1,
    .backend = 1,
    .zone = {.size = 1},
    .id = {.size = 1, .data = "a"},
    .state = ZONE_SERVING};

static enum err
put_served(struct store_txn *txn, struct store_job *job)
{
	(void)job;
	status_put(txn, &served);
	return store_err(txn);
}

/* What cannot be written stays as it is told; not for longer than until a start. */
static void
store_close__status_is_found_corrupt__starts_anew(void **state)
{
	struct fixture *f = *state;
	struct store_job job = {.run = put_served};
	const uint8_t serving[] = {'s', 1, 1, ZONE_SERVING};
	struct skey key;

	skey_init(&key);
	skey_bytes(&key, serving, sizeof(serving));
	txn_put(begin(f, STORE_STATUS), TABLE_COUNTS, &key, "?", 1);
	commit(f);
	assert_int_equal(store_call(f->store, STORE_STATUS, &job), ERR_CORRUPT);
	fixture_close(f);
	fixture_open(f);
	assert_true(store_was_unclean(f->store));
	assert_int_equal(store_call(f->store, STORE_STATUS, &job), OK);
	fixture_close(f);
	fixture_open(f);
	assert_false(store_was_unclean(f->store));
}

static void
store_open__status_of_another_time__is_not_used(void **state)
{
	struct fixture *f = *state;
	char cmd[512];

	change_status(f);
	fixture_close(f);
	snprintf(cmd, sizeof(cmd), "cp %s/status.mdb %s/keep", f->dir, f->dir);
	assert_int_equal(system(cmd), 0);
	fixture_open(f);
	change_status(f);
	fixture_close(f);
	snprintf(cmd, sizeof(cmd), "mv %s/keep %s/status.mdb", f->dir, f->dir);
	assert_int_equal(system(cmd), 0);
	fixture_open(f);
	assert_true(store_was_unclean(f->store));
	assert_false(has_status(f));
}

static void
store_note_version__grown_by_half_a_jump__is_noted(void **state)
{
	struct fixture *f = *state;
	int status;

	uint64_t before = version_of(f);
	fixture_close(f);
	pid_t pid = fork();
	if (pid == 0) {
		fixture_open(f);
		store_note_version(f->store, before + 1 + STATUS_VERSION_NOTE);
		writer_drain(&f->store->sides[STORE_CATALOG].writer);
		kill(getpid(), SIGKILL);
	}
	assert_true(waitpid(pid, &status, 0) == pid);
	assert_true(WIFSIGNALED(status));
	fixture_open(f);
	assert_true(
	    version_of(f) == before + 1 + STATUS_VERSION_NOTE + STATUS_VERSION_JUMP);
}

static void
store_open__left_over_scratch__is_removed(void **state)
{
	struct fixture *f = *state;
	char path[256];

	fixture_close(f);
	spoil(f, "scratch.77", "x");
	spoil(f, "keep.me", "x");
	fixture_open(f);
	snprintf(path, sizeof(path), "%s/scratch.77", f->dir);
	assert_int_equal(access(path, F_OK), -1);
	snprintf(path, sizeof(path), "%s/keep.me", f->dir);
	assert_int_equal(access(path, F_OK), 0);
}

static void
store_read__many_at_once__busy_is_sticky_and_heals(void **state)
{
	struct fixture *f = *state;
	static struct store_txn *txn[STORE_READERS_MAX + 1];
	struct dname zone = dn("a.");
	struct catalog_head head;
	unsigned n = 0;

	for (; n <= STORE_READERS_MAX; n++) {
		txn[n] = store_read(f->store, STORE_CATALOG);
		if (store_err(txn[n]) != OK)
			break;
	}
	assert_int_equal(n, STORE_READERS_MAX);
	assert_int_equal(store_err(txn[n]), ERR_BUSY);
	assert_int_equal(catalogs_find(txn[n], &zone, &head), ERR_BUSY);
	assert_int_equal(catalogs_find(txn[0], &zone, &head), ERR_NOTFOUND);
	for (unsigned i = 0; i <= n; i++)
		store_end(&txn[i]);
	assert_null(txn[0]);
	store_end(&txn[0]);
	struct store_txn *again = store_read(f->store, STORE_CATALOG);
	assert_int_equal(store_err(again), OK);
	store_end(&again);
}

static void
store_read__snapshot__does_not_see_later_commits(void **state)
{
	struct fixture *f = *state;
	uint64_t seq;

	struct store_txn *old = store_read(f->store, STORE_CATALOG);
	marks_put(begin(f, STORE_CATALOG), 1, 5);
	commit(f);
	struct store_txn *new = store_read(f->store, STORE_CATALOG);
	assert_int_equal(marks_get(old, 1, &seq), OK);
	assert_true(seq == 0);
	assert_int_equal(marks_get(new, 1, &seq), OK);
	assert_true(seq == 5);
	usleep(20000);
	assert_true(store_age_ms(old) >= 20 && store_age_ms(old) < 60000);
	store_end(&old);
	store_end(&new);
	/* a reader used again is as new */
	new = store_read(f->store, STORE_CATALOG);
	assert_true(store_age_ms(new) < 20);
	assert_int_equal(marks_get(new, 1, &seq), OK);
	assert_true(seq == 5);
	store_end(&new);
}

static void
store_get_space__after_writes__counts_them(void **state)
{
	struct fixture *f = *state;
	struct store_space before, after;
	static uint8_t data[1 << 20];

	store_get_space(f->store, &before);
	assert_true(before.disk_free > 0 && before.map_size == f->conf.map_size);
	assert_true(before.catalog_used > 0 && before.status_used > 0);
	struct work w = {.kind = WORK_RESYNC, .add = data, .add_size = sizeof(data)};
	worklog_append(begin(f, STORE_CATALOG), &w);
	commit(f);
	store_get_space(f->store, &after);
	assert_true(after.catalog_used >= before.catalog_used + sizeof(data));
	assert_true(after.status_used == before.status_used);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(store_open__new_directory__made_private_and_unclean),
	    TEST(store_open__second_time__is_busy),
	    cmocka_unit_test(store_open__bad_places__say_why),
	    TEST(store_open__catalog_is_garbage__is_corrupt),
	    TEST(store_open__status_is_garbage__starts_anew),
	    TEST(store_open__after_a_clean_stop__keeps_the_status),
	    TEST(store_open__after_a_kill__status_is_wiped_and_version_jumps),
	    TEST(store_close__status_is_found_corrupt__starts_anew),
	    TEST(store_open__status_of_another_time__is_not_used),
	    TEST(store_note_version__grown_by_half_a_jump__is_noted),
	    TEST(store_open__left_over_scratch__is_removed),
	    TEST(store_read__many_at_once__busy_is_sticky_and_heals),
	    TEST(store_read__snapshot__does_not_see_later_commits),
	    TEST(store_get_space__after_writes__counts_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
