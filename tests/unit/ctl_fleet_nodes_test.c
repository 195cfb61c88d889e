/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

#include "ctl/fleet_nodes.h"
#include "lib/buf.h"

static enum err
take(struct nodes *nodes, const char *text, struct err_where *where)
{
	char line[512];
	snprintf(line, sizeof(line), "%s", text);
	*where = (struct err_where){0};
	return nodes_take_line(nodes, line, "fleet", 7, where);
}

static void
expect_line(const char *line, const char *printed)
{
	struct nodes nodes = {0};
	struct err_where where;
	struct buf out;
	if (take(&nodes, line, &where) != OK)
		fail_msg("\"%s\": %s", line, where.what);
	assert_int_equal(nodes.n, 1);
	buf_init(&out, 0);
	nodes_print(&nodes.items[0], &out);
	assert_string_equal(buf_text(&out), printed);
	buf_fini(&out);
	nodes_fini(&nodes);
}

static void
nodes_take_line__good__is_printed_as_it_would_be_read(void **state)
{
	(void)state;
	expect_line("ams1 192.0.2.1", "ams1 192.0.2.1");
	expect_line(" ams1\t192.0.2.1@5301  hub # here", "ams1 192.0.2.1@5301 hub");
	expect_line("a_-.1 2001:db8::1@8853 tls=ams1.example",
	    "a_-.1 2001:db8::1@8853 tls=ams1.example");
	expect_line("ams1 192.0.2.1 key=\"/a b\" tls=x tls-ca=c tls-cert=d tls-key=e "
		    "catalog=c.example",
	    "ams1 192.0.2.1 tls=x key=\"/a b\" tls-ca=c tls-cert=d tls-key=e "
	    "catalog=c.example");
}

static void
nodes_take_line__empty_or_comment__adds_nothing(void **state)
{
	struct nodes nodes = {0};
	struct err_where where;
	(void)state;
	assert_int_equal(take(&nodes, "", &where), OK);
	assert_int_equal(take(&nodes, "  \t", &where), OK);
	assert_int_equal(take(&nodes, "# ams1 192.0.2.1", &where), OK);
	assert_int_equal(nodes.n, 0);
	nodes_fini(&nodes);
}

static void
nodes_take_line__bad__is_refused_and_says_where(void **state)
{
	static const struct {
		const char *line, *what;
	} cases[] = {
	    {"ams1", "address"},
	    {"ams1 ams1.example", "address \"ams1.example\""},
	    {"ams1 192.0.2.1@0", "address"},
	    {"ams1 192.0.2.1@70000", "address"},
	    {"\"\" 192.0.2.1", "no name"},
	    {"a/b 192.0.2.1", "name \"a/b\""},
	    {"one 192.0.2.1", "name one is there twice"},
	    {"two 192.0.2.1 hub", "a second hub, one is the first"},
	    {"two 192.0.2.1 huh", "neither hub nor name=value"},
	    {"two 192.0.2.1 colour=red", "unknown setting \"colour\""},
	    {"two 192.0.2.1 tls=", "tls= has no value"},
	    {"two 192.0.2.1 tls=-", "tls=: no name of a server"},
	    {"two 192.0.2.1 tls=a tls=b", "tls= is there twice"},
	    {"two 192.0.2.1 tls-ca=c", "TLS with whom?"},
	    {"two 192.0.2.1 catalog=a..b", "catalog=: no domain name"},
	    {"two 192.0.2.1 key=a\\000b", "a bad escape"},
	    {"two 192.0.2.1 key=\\999", "a bad escape"},
	    {"two 192.0.2.1 key=\"x", "a quote is not closed"},
	};
	struct nodes nodes = {0};
	struct err_where where;
	(void)state;
	assert_int_equal(take(&nodes, "one 192.0.2.9 hub", &where), OK);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_int_equal(take(&nodes, cases[i].line, &where), ERR_INVALID);
		if (!strstr(where.what, cases[i].what))
			fail_msg("\"%s\" is refused: %s", cases[i].line, where.what);
		assert_string_equal(where.file, "fleet");
		assert_int_equal(where.line, 7);
	}
	assert_int_equal(nodes.n, 1);
	nodes_fini(&nodes);
}

static void
nodes_take_line__long_name__is_refused(void **state)
{
	struct nodes nodes = {0};
	struct err_where where;
	char line[128];
	(void)state;
	snprintf(line, sizeof(line), "%063d 192.0.2.1", 1);
	assert_int_equal(take(&nodes, line, &where), OK);
	snprintf(line, sizeof(line), "%064d 192.0.2.1", 2);
	assert_int_equal(take(&nodes, line, &where), ERR_INVALID);
	nodes_fini(&nodes);
}

/* Strings separated by commas. */
static enum err
take_txt(struct nodes *nodes, const char *text, struct err_where *where)
{
	char copy[512], *save, *word;
	struct buf rdata;
	buf_init(&rdata, 0);
	snprintf(copy, sizeof(copy), "%s", text);
	for (word = strtok_r(copy, ",", &save); word; word = strtok_r(NULL, ",", &save))
		txt_put(&rdata, word);
	const struct rr rr = {.type = RR_TXT,
	    .rdata = rdata.data,
	    .rdata_size = (uint16_t)rdata.size};
	*where = (struct err_where){0};
	enum err e = nodes_take_txt(nodes, &rr, where);
	buf_fini(&rdata);
	return e;
}

static void
nodes_take_txt__record__is_a_node_without_files(void **state)
{
	struct nodes nodes = {0};
	struct err_where where;
	(void)state;
	assert_int_equal(take_txt(&nodes,
			     "name=ams1,address=192.0.2.1@8853,tls=ams1.example,"
			     "key=/etc/shadow,tls-ca=/x,catalog=other.example,new=1",
			     &where),
	    OK);
	const struct node *n = nodes_find(&nodes, "ams1");
	assert_non_null(n);
	assert_string_equal(n->address, "192.0.2.1@8853");
	assert_string_equal(n->tls, "ams1.example");
	assert_null(n->key_file);
	assert_null(n->tls_ca);
	assert_null(n->catalog);
	assert_null(nodes_hub(&nodes));
	nodes_fini(&nodes);
}

static void
nodes_take_txt__bad_record__is_refused(void **state)
{
	struct nodes nodes = {0};
	struct err_where where;
	(void)state;
	assert_int_equal(take_txt(&nodes, "name=ams1", &where), ERR_INVALID);
	assert_int_equal(take_txt(&nodes, "address=192.0.2.1", &where), ERR_INVALID);
	assert_int_equal(take_txt(&nodes, "name=ams1,address=here", &where),
	    ERR_INVALID);
	assert_int_equal(take_txt(&nodes, "ams1 192.0.2.1", &where), ERR_INVALID);
	assert_int_equal(take_txt(&nodes, "name=a,address=192.0.2.1,tls=", &where),
	    ERR_INVALID);
	assert_int_equal(nodes.n, 0);
	nodes_fini(&nodes);
}

static void
nodes_write_txt__node__is_read_again(void **state)
{
	struct nodes nodes = {0}, again = {0};
	struct err_where where;
	struct buf rdata;
	(void)state;
	buf_init(&rdata, 0);
	assert_int_equal(take(&nodes, "ams1 ::1@5301 tls=a.example key=/k", &where),
	    OK);
	nodes_write_txt(&nodes.items[0], &rdata);
	const struct rr rr = {.type = RR_TXT,
	    .rdata = rdata.data,
	    .rdata_size = (uint16_t)rdata.size};
	assert_int_equal(nodes_take_txt(&again, &rr, &where), OK);
	assert_string_equal(again.items[0].name, "ams1");
	assert_string_equal(again.items[0].address, "::1@5301");
	assert_string_equal(again.items[0].tls, "a.example");
	assert_null(again.items[0].key_file);
	buf_fini(&rdata);
	nodes_fini(&nodes);
	nodes_fini(&again);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(nodes_take_line__good__is_printed_as_it_would_be_read),
	    cmocka_unit_test(nodes_take_line__empty_or_comment__adds_nothing),
	    cmocka_unit_test(nodes_take_line__bad__is_refused_and_says_where),
	    cmocka_unit_test(nodes_take_line__long_name__is_refused),
	    cmocka_unit_test(nodes_take_txt__record__is_a_node_without_files),
	    cmocka_unit_test(nodes_take_txt__bad_record__is_refused),
	    cmocka_unit_test(nodes_write_txt__node__is_read_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
