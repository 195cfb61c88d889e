/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/backend/nsd_include.h"
#include "agent/backend/nsd_reply.h"
#include "lib/mem.h"

/* -- addzones, delzones ---------------------------------------------------- */

struct outcomes {
	size_t n;
	enum nsd_outcome items[16];
	char reasons[16][NSD_REASON_MAX];
};

static void
take(void *arg, size_t i, enum nsd_outcome outcome, const char *reason)
{
	struct outcomes *o = arg;

	assert_int_equal(i, o->n);
	assert_true(o->n < 16);
	strcpy(o->reasons[o->n], reason);
	o->items[o->n++] = outcome;
}

/* Feeds lines; ERR_FORM at the first odd one or a missing end. */
static enum err
feed(bool deleting, const char *const *names, size_t n, const char *text,
    struct outcomes *o)
{
	struct nsd_bulk bulk;
	char *copy = mem_strdup(text), *rest = copy, *line;
	enum err err = OK;

	memset(o, 0, sizeof(*o));
	nsd_bulk_init(&bulk, deleting, names, n, take, o);
	while (err == OK && (line = strsep(&rest, "\n")) != NULL && rest != NULL)
		err = nsd_bulk_line(&bulk, line);
	free(copy);
	return err == OK ? nsd_bulk_end(&bulk) : err;
}

static void
nsd_bulk__texts_of_4_6_1__are_understood(void **state)
{
	static const char *const names[] = {"a.example", "b.example", "c.example",
	    "d.example", "e.example"};
	struct outcomes o;

	(void)state;
	assert_int_equal(
	    feed(false, names, 5,
		"added: a.example\n"
		"zone b.example already exists\nadded: b.example\n"
		"error pattern p does not exist\nerror for input line 'c.example'\n"
		"error cannot parse zone name\nerror for input line 'd.example'\n"
		"error could not add zonelist entry\n"
		"error for input line 'e.example'\nadded 2 zones\n",
		&o),
	    OK);
	assert_int_equal(o.n, 5);
	assert_int_equal(o.items[0], NSD_DONE);
	assert_int_equal(o.items[1], NSD_EXISTS);
	assert_int_equal(o.items[2], NSD_NOPATTERN);
	assert_int_equal(o.items[3], NSD_BADNAME);
	assert_int_equal(o.items[4], NSD_FULL);
	assert_string_equal(o.reasons[0], "");
	assert_string_equal(o.reasons[2], "error pattern p does not exist");

	assert_int_equal(
	    feed(true, names, 3,
		"removed: a.example\n"
		"warning zone b.example not present\nerror for input line 'b.example'\n"
		"error zone defined in nsd.conf, cannot delete it in this manner: "
		"remove it from nsd.conf yourself and repattern\n"
		"error for input line 'c.example'\ndeleted 1 zones\n",
		&o),
	    OK);
	assert_int_equal(o.items[0], NSD_DONE);
	assert_int_equal(o.items[1], NSD_ABSENT);
	assert_int_equal(o.items[2], NSD_FOREIGN);
}

static void
nsd_bulk__texts_of_4_9__are_understood(void **state)
{
	static const char *const names[] = {"a.example"};
	struct outcomes o;

	(void)state;
	assert_int_equal(feed(true, names, 1,
			     "Error: Zone is a catalog consumer member zone with id x\n"
			     "Remove the member from the catalog instead\n"
			     "error for input line 'a.example'\ndeleted 0 zones\n",
			     &o),
	    OK);
	assert_int_equal(o.items[0], NSD_FOREIGN);
}

static void
nsd_bulk__torn_or_odd__is_an_error(void **state)
{
	static const char *const names[] = {"a.example", "b.example"};
	static const char *const bad[] = {
	    "",
	    "added: a.example\n",
	    "added: a.example\nadded: b.example\n",
	    "added: a.example\nadded: b.example\nadded 2 zones",
	    "added: a.example\nadded: b.example\nadded 3 zones\n",
	    "added: a.example\nadded: b.example\nadded 2 zones\nok\n",
	    "added: a.example\nadded: a.example\nadded 2 zones\n",
	    "added: b.example\nadded: a.example\nadded 2 zones\n",
	    "added: a.example.\nadded: b.example\nadded 2 zones\n",
	    "added: a.example\nadded 1 zones\n",
	    "removed: a.example\nremoved: b.example\ndeleted 2 zones\n",
	    "added: a.example\nerror for input line ''\n",
	    "a\nb\nc\nd\ne\nadded: a.example\nadded: b.example\nadded 2 zones\n",
	    "error for input line ''\nerror for input line ''\n",
	};
	struct outcomes o;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (feed(false, names, 2, bad[i], &o) != ERR_FORM)
			fail_msg("%zu is no error", i);
	}
}

static void
nsd_bulk__long_name__is_classified_by_its_end(void **state)
{
	char name[241];
	const char *names[] = {name};
	struct outcomes o;
	char *text;

	(void)state;
	memset(name, 'a', 240);
	name[240] = '\0';
	text = mem_printf("zone %s already exists\nadded: %s\nadded 1 zones\n", name,
	    name);
	assert_int_equal(feed(false, names, 1, text, &o), OK);
	assert_int_equal(o.items[0], NSD_EXISTS);
	free(text);
	text = mem_printf("warning zone %s not present\nerror for input line '%s'\n"
			  "deleted 0 zones\n",
	    name, name);
	assert_int_equal(feed(true, names, 1, text, &o), OK);
	assert_int_equal(o.items[0], NSD_ABSENT);
	free(text);
}

/* -- single commands ------------------------------------------------------- */

static enum nsd_outcome
single(const char *text)
{
	struct nsd_single s;
	char *copy = mem_strdup(text), *rest = copy, *line;

	nsd_single_init(&s);
	while ((line = strsep(&rest, "\n")) != NULL && rest != NULL)
		assert_int_equal(nsd_single_line(&s, line), OK);
	free(copy);
	return nsd_single_outcome(&s);
}

static void
nsd_single__last_line_decides(void **state)
{
	(void)state;
	assert_int_equal(single("ok\n"), NSD_DONE);
	assert_int_equal(single("reconfig start, read /x\nok\n"), NSD_DONE);
	assert_int_equal(single("zone x did not exist, creatingok\n"), NSD_DONE);
	assert_int_equal(single("ok, 5 zones\n"), NSD_DONE);
	assert_int_equal(single("zone x already exists\nok\n"), NSD_EXISTS);
	assert_int_equal(single("error pattern x does not exist\n"), NSD_NOPATTERN);
	assert_int_equal(single("warning zone x not present\n"), NSD_ABSENT);
	assert_int_equal(single("error zone x not configured\n"), NSD_ABSENT);
	assert_int_equal(single("error zone not slave\n"), NSD_ERROR);
	assert_int_equal(single("ok\nerror later\n"), NSD_ERROR);
	assert_int_equal(single(""), NSD_ERROR);
}

/* -- zonestatus and the zone list ------------------------------------------ */

static enum err
take_zone(void *arg, const char *name, const char *pattern)
{
	struct buf *out = arg;

	buf_printf(out, "%s=%s;", name, pattern);
	return OK;
}

static void
nsd_zones__all_kinds__are_listed(void **state)
{
	static const char *const lines[] = {"zone:\tconf.example", "\tstate: master",
	    "zone:\ta.example", "\tpattern: nsherd-x.1.0", "\tstate: refreshing",
	    "\tserved-serial: none", "zone:\tlost.example",
	    "\tpattern: ", "\tstate: master"};
	struct nsd_zones zones;
	struct buf out;

	(void)state;
	buf_init(&out, 0);
	nsd_zones_init(&zones, take_zone, &out);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_int_equal(nsd_zones_line(&zones, lines[i]), OK);
	assert_int_equal(nsd_zones_end(&zones), OK);
	assert_string_equal(buf_text(&out),
	    "conf.example=;a.example=nsherd-x.1.0;lost.example=?;");
	buf_fini(&out);
	nsd_zones_init(&zones, take_zone, &out);
	assert_int_equal(nsd_zones_line(&zones, "\tpattern: x"), ERR_FORM);
}

static void
nsd_list_line__lines_of_nsd__are_cut(void **state)
{
	static const char *const bad[] = {"", "# NSD zone list", "del a.example p",
	    "add", "add ", "add a.example", "add a.example ", "add  p", "ad", "add p"};
	const char *name, *pattern;
	char line[64];

	(void)state;
	strcpy(line, "add a.example nsherd-x.1.0");
	assert_true(nsd_list_line(line, &name, &pattern));
	assert_string_equal(name, "a.example");
	assert_string_equal(pattern, "nsherd-x.1.0");
	strcpy(line, "add with blank.example p");
	assert_true(nsd_list_line(line, &name, &pattern));
	assert_string_equal(name, "with blank.example");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		strcpy(line, bad[i]);
		if (nsd_list_line(line, &name, &pattern))
			fail_msg("\"%s\"", bad[i]);
	}
}

/* -- the include file ------------------------------------------------------ */

static struct keyring *
make_ring(const char *name)
{
	struct keyring *ring = keyring_new();
	struct dname dname;
	struct key *key;

	assert_int_equal(dname_parse(name, &dname), OK);
	assert_int_equal(key_new(&dname, KEY_SHA512, (const uint8_t *)"secret", 6,
			     &key),
	    OK);
	assert_int_equal(keyring_add(ring, key), OK);
	key_unref(key);
	return ring;
}

static void
nsd_include__rendered_and_parsed__is_the_same(void **state)
{
	struct keyring *ring = make_ring("Xfr.Example");
	struct nsd_include inc, again;
	struct nsd_native *native;
	struct backend_error why = {""};
	struct buf out, out2;

	(void)state;
	buf_init(&out, 0);
	buf_init(&out2, 0);
	nsd_include_init(&inc);
	nsd_include_init(&again);
	nsd_include_add(&inc, "nsherd-b.1.0", "1:aa",
	    mem_strdup("pattern:\n\tname: \"nsherd-b.1.0\"\n"
		       "\trequest-xfr: 192.0.2.1 \"xfr.example.\"\n"));
	nsd_include_add(&inc, "nsherd-a.1.0", "1:bb",
	    mem_strdup("pattern:\n\tname: \"nsherd-a.1.0\"\n"));
	assert_int_equal(nsd_include_render(&inc, ring, &out, &why), OK);
	native = nsd_include_find(&inc, "nsherd-b.1.0");
	assert_non_null(native);
	assert_ptr_equal(nsd_include_at_line(&inc, native->line + 3), native);
	assert_null(nsd_include_at_line(&inc, 1));
	nsd_include_parse(&again, buf_text(&out), out.size);
	assert_true(again.intact);
	assert_int_equal(again.n, 2);
	assert_int_equal(again.n_keys, 1);
	assert_string_equal(again.canary, inc.canary);
	/* the key is not in the ring any more: the block stays */
	assert_int_equal(nsd_include_render(&again, NULL, &out2, &why), OK);
	assert_string_equal(buf_text(&out), buf_text(&out2));
	assert_int_equal(nsd_include_variants(&again, "a"), 1);
	assert_int_equal(nsd_include_variants(&again, "c"), 0);
	nsd_include_fini(&inc);
	nsd_include_fini(&again);
	buf_fini(&out);
	buf_fini(&out2);
	keyring_unref(ring);
}

static void
nsd_include__damaged__keeps_whole_blocks_only(void **state)
{
	struct nsd_include inc, again;
	struct backend_error why = {""};
	struct buf out;

	(void)state;
	buf_init(&out, 0);
	nsd_include_init(&inc);
	for (int i = 0; i < 3; i++) {
		char name[32], *block;

		snprintf(name, sizeof(name), "nsherd-p%d.1.0", i);
		block = mem_printf("pattern:\n\tname: \"%s\"\n\tnotify: x\n", name);
		nsd_include_add(&inc, name, "1:aa", block);
	}
	assert_int_equal(nsd_include_render(&inc, NULL, &out, &why), OK);
	/* every octet in turn */
	for (size_t i = 0; i < out.size; i++) {
		char *text = mem_dup(out.data, out.size);

		text[i] ^= 1;
		nsd_include_init(&again);
		nsd_include_parse(&again, text, out.size);
		/* the canary's own block is behind what the checksum covers */
		if (strstr(buf_text(&out), "# nsherd end") > buf_text(&out) + i)
			assert_false(again.intact);
		assert_true(again.n >= 1); /* its own and perhaps the one before */
		nsd_include_fini(&again);
		free(text);
	}
	for (size_t size = 0; size < out.size; size++) {
		nsd_include_init(&again);
		nsd_include_parse(&again, buf_text(&out), size);
		nsd_include_fini(&again);
	}
	nsd_include_fini(&inc);
	buf_fini(&out);
}

static void
nsd_include_render__key_nowhere__is_an_error(void **state)
{
	struct nsd_include inc;
	struct backend_error why = {""};
	struct buf out;

	(void)state;
	buf_init(&out, 0);
	nsd_include_init(&inc);
	nsd_include_add(&inc, "nsherd-b.1.0", "1:aa",
	    mem_strdup("pattern:\n\trequest-xfr: 192.0.2.1 \"xfr.example.\"\n"));
	assert_int_equal(nsd_include_render(&inc, NULL, &out, &why), ERR_NOTFOUND);
	assert_non_null(strstr(why.text, "xfr.example"));
	nsd_include_fini(&inc);
	buf_fini(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(nsd_bulk__texts_of_4_6_1__are_understood),
	    cmocka_unit_test(nsd_bulk__texts_of_4_9__are_understood),
	    cmocka_unit_test(nsd_bulk__torn_or_odd__is_an_error),
	    cmocka_unit_test(nsd_bulk__long_name__is_classified_by_its_end),
	    cmocka_unit_test(nsd_single__last_line_decides),
	    cmocka_unit_test(nsd_zones__all_kinds__are_listed),
	    cmocka_unit_test(nsd_list_line__lines_of_nsd__are_cut),
	    cmocka_unit_test(nsd_include__rendered_and_parsed__is_the_same),
	    cmocka_unit_test(nsd_include__damaged__keeps_whole_blocks_only),
	    cmocka_unit_test(nsd_include_render__key_nowhere__is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
