/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/backend/spool.h"
#include "lib/mem.h"

struct fixture {
	char dir[64];
	int fd;
};

static int
setup(void **state)
{
	struct fixture *f = mem_zalloc(sizeof(*f));

	strcpy(f->dir, "/tmp/nsherd-spool-XXXXXX");
	if (mkdtemp(f->dir) == NULL || chmod(f->dir, 0750) == -1)
		return -1;
	*state = f;
	return spool_open(f->dir, &f->fd) == OK ? 0 : -1;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;
	char *command = mem_printf("rm -rf %s", f->dir);
	int rc = system(command);

	free(command);
	close(f->fd);
	free(f);
	return rc;
}

static size_t
n_entries(const struct fixture *f)
{
	char *command = mem_printf("find %s -mindepth 1 | wc -l", f->dir);
	FILE *pipe = popen(command, "r");
	unsigned n = 0;

	assert_non_null(pipe);
	assert_int_equal(fscanf(pipe, "%u", &n), 1);
	pclose(pipe);
	free(command);
	return n;
}

static void
expect_text(const struct fixture *f, const char *path, const char *expected)
{
	char *text;
	size_t size;

	assert_int_equal(spool_read(f->fd, path, &text, &size), OK);
	assert_int_equal(size, strlen(expected));
	assert_string_equal(text, expected);
	free(text);
}

static void
spool_replace__new_and_old_file__is_whole_with_its_mode(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	assert_int_equal(spool_replace(f->fd, "a", "one", 3, 0640), OK);
	expect_text(f, "a", "one");
	assert_int_equal(spool_replace(f->fd, "a", "three", 5, 0600), OK);
	expect_text(f, "a", "three");
	assert_int_equal(fstatat(f->fd, "a", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(spool_replace(f->fd, "empty", "", 0, 0600), OK);
	expect_text(f, "empty", "");
	assert_int_equal(n_entries(f), 2);
}

static void
spool_create__file_exists__is_left_alone(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(spool_create(f->fd, "a", "one", 3, 0640), OK);
	assert_int_equal(spool_create(f->fd, "a", "two", 3, 0640), ERR_EXISTS);
	expect_text(f, "a", "one");
	assert_int_equal(symlinkat("/nonexistent", f->fd, "dangling"), 0);
	assert_int_equal(spool_create(f->fd, "dangling", "two", 3, 0640), ERR_EXISTS);
	assert_int_equal(n_entries(f), 2);
}

static void
spool_make_parents__missing_directories__have_the_mode_of_the_first(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	assert_int_equal(fchmod(f->fd, 02770), 0);
	assert_int_equal(spool_make_parents(f->fd, "x/y/z"), OK);
	assert_int_equal(spool_make_parents(f->fd, "x/y/z"), OK);
	assert_int_equal(fstatat(f->fd, "x/y", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 02770);
	assert_int_equal(fstatat(f->fd, "x/y/z", &st, 0), -1);
	assert_int_equal(spool_create(f->fd, "x/y/z", "1", 1, 0600), OK);
	assert_int_equal(spool_create(f->fd, "no/z", "1", 1, 0600), ERR_NOTFOUND);
	/* a file where a directory should be */
	assert_int_equal(spool_make_parents(f->fd, "x/y/z/w"), ERR_INVALID);
}

static void
spool__paths_that_leave_the_directory__are_invalid(void **state)
{
	static const char *const bad[] = {"", "/etc/passwd", "../a", "a/../b", "a//b",
	    "./a", "a/", "a/.", "..", "link/a"};
	struct fixture *f = *state;
	char *text;
	size_t size;

	assert_int_equal(mkdirat(f->fd, "a", 0700), 0);
	assert_int_equal(symlinkat("/tmp", f->fd, "link"), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(spool_replace(f->fd, bad[i], "x", 1, 0600),
		    ERR_INVALID);
		assert_int_equal(spool_create(f->fd, bad[i], "x", 1, 0600),
		    ERR_INVALID);
		assert_int_equal(spool_unlink(f->fd, bad[i]), ERR_INVALID);
		assert_int_equal(spool_read(f->fd, bad[i], &text, &size), ERR_INVALID);
		assert_int_equal(spool_make_parents(f->fd, bad[i]), ERR_INVALID);
	}
	assert_int_equal(n_entries(f), 2);
}

static void
spool_unlink__not_a_plain_file__stays(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(spool_unlink(f->fd, "none"), ERR_NOTFOUND);
	assert_int_equal(spool_create(f->fd, "file", "1", 1, 0600), OK);
	assert_int_equal(symlinkat("file", f->fd, "link"), 0);
	assert_int_equal(mkdirat(f->fd, "dir", 0700), 0);
	assert_int_equal(spool_unlink(f->fd, "link"), ERR_INVALID);
	assert_int_equal(spool_unlink(f->fd, "dir"), ERR_INVALID);
	assert_int_equal(spool_unlink(f->fd, "file"), OK);
	assert_int_equal(n_entries(f), 2);
}

static void
spool__impossible_names__leave_nothing(void **state)
{
	struct fixture *f = *state;
	char name[300];
	int fd;

	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(spool_replace(f->fd, name, "1", 1, 0600), ERR_INVALID);
	assert_int_equal(spool_open("/nonexistent", &fd), ERR_NOTFOUND);
	assert_int_equal(n_entries(f), 0);
}

/* Few are synced one by one, many together. */
static void
spool_batch__few_and_many__all_there_and_no_litter(void **state)
{
	struct fixture *f = *state;

	for (int n = 3; n < 100; n += 60) {
		struct spool_batch batch;
		char name[32];

		assert_int_equal(spool_create(f->fd, "1", "old", 3, 0600), OK);
		spool_batch_begin(&batch, f->fd);
		for (int i = 0; i < n; i++) {
			snprintf(name, sizeof(name), "%d", i);
			assert_int_equal(spool_batch_put(&batch, name, "new", 3, 0600),
			    OK);
		}
		assert_int_equal(spool_batch_put(&batch, "../x", "new", 3, 0600),
		    ERR_INVALID);
		assert_int_equal(spool_batch_put(&batch, "no/x", "new", 3, 0600),
		    ERR_NOTFOUND);
		assert_int_equal(spool_batch_end(&batch), OK);
		assert_int_equal(n_entries(f), n);
		expect_text(f, "0", "new");
		expect_text(f, "1", "old");
		for (int i = 0; i < n; i++) {
			snprintf(name, sizeof(name), "%d", i);
			assert_int_equal(spool_unlink(f->fd, name), OK);
		}
	}
}

static void
spool_sweep__old_and_new_litter__old_goes(void **state)
{
	struct fixture *f = *state;
	struct timespec old[2] = {{1000, 0}, {1000, 0}};
	static const char *const names[] = {".nsherd-1.tmp", ".nsherd-2.tmp",
	    "nsherd.tmp", ".nsherd-x"};

	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(spool_create(f->fd, names[i], "", 0, 0600), OK);
		if (i != 1)
			assert_int_equal(utimensat(f->fd, names[i], old, 0), 0);
	}
	spool_sweep(f->fd);
	assert_int_equal(n_entries(f), 3);
	assert_int_equal(spool_unlink(f->fd, names[0]), ERR_NOTFOUND);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(spool_replace__new_and_old_file__is_whole_with_its_mode),
	    TEST(spool_create__file_exists__is_left_alone),
	    TEST(spool_make_parents__missing_directories__have_the_mode_of_the_first),
	    TEST(spool__paths_that_leave_the_directory__are_invalid),
	    TEST(spool_unlink__not_a_plain_file__stays),
	    TEST(spool__impossible_names__leave_nothing),
	    TEST(spool_batch__few_and_many__all_there_and_no_litter),
	    TEST(spool_sweep__old_and_new_litter__old_goes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
