/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_UNIT_AGENT_PATTERN_FIXTURE_H
#define TESTS_UNIT_AGENT_PATTERN_FIXTURE_H

#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/pattern/pattern.h"
#include "lib/mem.h"
#include "lib/rr.h"

/* A directory of patterns and a member, for tests of agent/pattern. */

#define UNUSED __attribute__((unused))

struct fixture {
	char dir[64];
	struct keyring *ring;
	struct pattern_set *set;
	struct member member;
	struct buf records[8]; /* prefix, then RDATA */
	size_t n_records;
	char error[300];
};

UNUSED static int
setup(void **state)
{
	struct fixture *f = mem_zalloc(sizeof(*f));
	struct dname name;
	struct key *key;

	strcpy(f->dir, "/tmp/nsherd-pattern-XXXXXX");
	if (mkdtemp(f->dir) == NULL || dname_parse("xfr.example", &name) != OK ||
	    key_new(&name, KEY_SHA256, (const uint8_t *)"secret", 6, &key) != OK)
		return -1;
	f->ring = keyring_new();
	if (keyring_add(f->ring, key) != OK)
		return -1;
	key_unref(key);
	member_init(&f->member);
	if (dname_parse("shop.example", &f->member.zone) != OK)
		return -1;
	*state = f;
	return 0;
}

UNUSED static void
forget_records(struct fixture *f)
{
	for (size_t i = 0; i < f->n_records; i++)
		buf_fini(&f->records[i]);
	f->n_records = 0;
	f->member.n_rrs = 0;
}

UNUSED static int
teardown(void **state)
{
	struct fixture *f = *state;
	char *command = mem_printf("rm -rf %s", f->dir);
	int rc = system(command);

	free(command);
	forget_records(f);
	member_fini(&f->member);
	pattern_set_unref(f->set);
	keyring_unref(f->ring);
	free(f);
	return rc;
}

UNUSED static void
put_file(struct fixture *f, const char *name, const char *text)
{
	char *path = mem_printf("%s/%s", f->dir, name);
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	assert_int_not_equal(fputs(text, file), EOF);
	assert_int_equal(fclose(file), 0);
	free(path);
}

UNUSED static void
load(struct fixture *f)
{
	struct err_where where = {.line = 0};

	pattern_set_unref(f->set);
	f->set = NULL;
	if (pattern_load(f->dir, f->ring, &where, &f->set) != OK)
		fail_msg("%s: %s", where.file, where.what);
}

/* prefix: labels separated by dots. */
UNUSED static void
add_rr(struct fixture *f, const char *prefix, uint16_t type, const void *rdata,
    size_t size)
{
	struct buf *b = &f->records[f->n_records++];
	struct member_rr rr = {.type = type};
	size_t prefix_size;

	assert_true(f->n_records <= 8);
	buf_init(b, 0);
	for (const char *p = prefix; *p != '\0';) {
		size_t n = strcspn(p, ".");

		buf_put_u8(b, (uint8_t)n);
		buf_put(b, p, n);
		p += n + (p[n] == '.');
	}
	prefix_size = b->size;
	buf_put(b, rdata, size);
	rr.prefix = b->data;
	rr.prefix_size = (uint8_t)prefix_size;
	rr.rdata = b->data + prefix_size;
	rr.rdata_size = (uint16_t)size;
	member_add_rr(&f->member, &rr);
}

UNUSED static void
add_txt(struct fixture *f, const char *prefix, const char *text)
{
	struct buf rdata;

	buf_init(&rdata, 0);
	txt_put(&rdata, text);
	add_rr(f, prefix, RR_TXT, rdata.data, rdata.size);
	buf_fini(&rdata);
}

UNUSED static struct settings *
settings_of(struct fixture *f, const char *pattern)
{
	const struct pattern *p = pattern_find(f->set, pattern);
	struct settings *s = NULL;

	assert_non_null(p);
	if (pattern_settings(f->set, p, &f->member, &s, f->error, sizeof(f->error)) !=
	    OK)
		fail_msg("%s", f->error);
	return s;
}

UNUSED static void
expect_no_settings(struct fixture *f, const char *pattern, const char *words)
{
	const struct pattern *p = pattern_find(f->set, pattern);
	struct settings *s = NULL;

	assert_non_null(p);
	assert_int_equal(pattern_settings(f->set, p, &f->member, &s, f->error,
			     sizeof(f->error)),
	    ERR_INVALID);
	if (strstr(f->error, words) == NULL)
		fail_msg("%s", f->error);
}

UNUSED static void
expect_fault(struct fixture *f, const char *pattern, const char *words)
{
	const struct pattern *p = pattern_find(f->set, pattern);

	assert_non_null(p);
	if (pattern_error(p) == NULL)
		fail_msg("%s has no fault: %s", pattern, words);
	if (strstr(pattern_error(p), words) == NULL)
		fail_msg("%s", pattern_error(p));
}

UNUSED static const char sec[] = "[pattern]\nrole = secondary\nprimaries = 192.0.2.1\n";
UNUSED static const char pri[] = "[pattern]\nrole = primary\n";

#endif
