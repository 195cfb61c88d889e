/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/test.h"

#include <grp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/backend/check.h"
#include "lib/mem.h"

enum { NOBODY = 65534, ROUNDS = 2000 };

/* A directory that is closed to others, of that group. */
struct closed {
	char dir[32];
	char *group;
	unsigned n_wrong;
};

static bool
make_closed(struct closed *c, gid_t gid)
{
	const struct group *gr = getgrgid(gid);

	*c = (struct closed){.dir = "/tmp/nsherd.XXXXXX"};
	if (gr == NULL || mkdtemp(c->dir) == NULL)
		return false;
	c->group = mem_strdup(gr->gr_name);
	return chown(c->dir, 0, gid) == 0;
}

static void *
check_often(void *arg)
{
	struct closed *c = arg;
	char *expected = mem_printf("not in its group %s (mode 0700)", c->group);
	const struct backend_conf conf = {.name = "b1", .zone_dir = c->dir};

	for (unsigned i = 0; i < ROUNDS; i++) {
		struct err_where where = {.line = 0};
		const struct check check = {&conf, &where};
		c->n_wrong += check_dir(&check, "zone-dir", c->dir) == OK ||
			      strstr(where.what, expected) == NULL;
	}
	free(expected);
	return NULL;
}

/* As when several backends are opened, each in the thread of its own. */
static void
check_dir__in_several_threads__each_says_its_own_group(void **state)
{
	static const gid_t groups[] = {1, 2, 3, 8}; /* daemon, bin, sys, mail */
	enum { N = sizeof(groups) / sizeof(groups[0]) };
	struct closed closed[N];
	pthread_t threads[N];
	(void)state;

	const gid_t none = NOBODY - 1;
	if (geteuid() != 0 || setgroups(1, &none) != 0)
		skip(); /* it cannot be somebody without rights */
	for (size_t i = 0; i < N; i++)
		assert_true(make_closed(&closed[i], groups[i]));
	assert_int_equal(setegid(none), 0);
	assert_int_equal(seteuid(NOBODY), 0);
	for (size_t i = 0; i < N; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, check_often,
				     &closed[i]),
		    0);
	for (size_t i = 0; i < N; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(setegid(0), 0);
	for (size_t i = 0; i < N; i++) {
		rmdir(closed[i].dir);
		free(closed[i].group);
		assert_int_equal(closed[i].n_wrong, 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(check_dir__in_several_threads__each_says_its_own_group),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
