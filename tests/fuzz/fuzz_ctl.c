/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What nsherdctl reads. The first octet chooses: 0 a list of zones (--from, plan,
 * sync); 1 the inventory of a fleet; 2 ctl.conf; 3 the RDATA of a TXT record, of
 * nodes.nsherd.ext and of _status. What is read is written and read again, and must
 * come back the same.
 */
#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/defaults.h"
#include "ctl/fleet_nodes.h"
#include "ctl/options.h"
#include "ctl/orders.h"
#include "ctl/words.h"
#include "lib/mem.h"
#include "lib/observed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char dir[64], list[96], conf[96];

static void
at_exit(void)
{
	char sub[96];

	unlink(list);
	unlink(conf);
	snprintf(sub, sizeof(sub), "%s/.config/nsherd", dir);
	rmdir(sub);
	snprintf(sub, sizeof(sub), "%s/.config", dir);
	rmdir(sub);
	rmdir(dir);
}

static void
init(void)
{
	char sub[96];

	snprintf(dir, sizeof(dir), "%s/nsherd-fuzz.XXXXXX",
	    access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	if (!mkdtemp(dir))
		abort();
	snprintf(sub, sizeof(sub), "%s/.config", dir);
	if (mkdir(sub, 0700) != 0)
		abort();
	snprintf(sub, sizeof(sub), "%s/.config/nsherd", dir);
	if (mkdir(sub, 0700) != 0)
		abort();
	snprintf(list, sizeof(list), "%s/list", dir);
	snprintf(conf, sizeof(conf), "%s/.config/nsherd/ctl.conf", dir);
	setenv("HOME", dir, 1);
	/* What is wrong with each list is said there; the fuzzer has the old one. */
	stderr = fopen("/dev/null", "w");
	if (!stderr)
		abort();
	atexit(at_exit);
}

static void
put_file(const char *path, const uint8_t *data, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	close(fd);
}

/* -- lists of zones -------------------------------------------------------------- */

/* A word is written as one that is read the same, and nothing else. */
static void
encode_and_read(const char *word)
{
	char *again[WORDS_MAX];
	struct buf octets, encoded, back;
	size_t n;

	buf_init(&octets, 1 << 20);
	buf_init(&encoded, 1 << 20);
	buf_init(&back, 1 << 20);
	if (words_decode(word, strlen(word), &octets) == OK && octets.size > 0) {
		words_encode(octets.data, octets.size, &encoded);
		char *line = mem_strdup(buf_text(&encoded));
		assert(words_split(line, again, &n) == OK && n == 1);
		assert(words_decode(again[0], strlen(again[0]), &back) == OK);
		assert(back.size == octets.size);
		assert(memcmp(back.data, octets.data, back.size) == 0);
		free(line);
	}
	buf_fini(&octets);
	buf_fini(&encoded);
	buf_fini(&back);
}

static void
try_words(const char *text)
{
	char *line = mem_strdup(text), *words[WORDS_MAX];
	size_t n;

	line[strcspn(line, "\n")] = '\0';
	if (words_split(line, words, &n) == OK) {
		assert(n <= WORDS_MAX);
		for (size_t i = 0; i < n; i++)
			encode_and_read(words[i]);
	}
	free(line);
}

static void
try_list(const uint8_t *data, size_t size, enum orders_lines lines)
{
	struct options opt = {.from = list,
	    .pattern = lines == ORDERS_ADDITIONS ? "secondary" : NULL};
	struct ctl ctl = {.opt = &opt};
	struct orders orders;
	struct dname before, zone;

	put_file(list, data, size);
	if (orders_read(&ctl, lines, &orders) == EXIT_DONE) {
		for (size_t i = 0; i < orders.n; i++) {
			order_zone(&orders.items[i], &zone);
			assert(i == 0 || dname_compare(&before, &zone) < 0);
			assert(orders_find(&orders, &zone) == &orders.items[i]);
			before = zone;
		}
	}
	orders_fini(&orders);
}

/* -- the inventory --------------------------------------------------------------- */

static void
same_text(const char *a, const char *b)
{
	assert((a == NULL) == (b == NULL));
	assert(a == NULL || strcmp(a, b) == 0);
}

static void
print_and_read(const struct node *node)
{
	struct nodes again = {0};
	struct err_where where = {.line = 0};
	struct buf out;

	buf_init(&out, 0);
	nodes_print(node, &out);
	char *line = mem_strdup(buf_text(&out));
	assert(nodes_take_line(&again, line, "again", 1, &where) == OK);
	assert(again.n == 1);
	same_text(node->name, again.items[0].name);
	same_text(node->address, again.items[0].address);
	same_text(node->tls, again.items[0].tls);
	same_text(node->key_file, again.items[0].key_file);
	same_text(node->catalog, again.items[0].catalog);
	assert(node->is_hub == again.items[0].is_hub);
	free(line);
	nodes_fini(&again);
	buf_fini(&out);
}

static void
try_nodes(char *text)
{
	struct nodes nodes = {0};
	struct err_where where = {.line = 0};
	unsigned n = 0;
	char *line;

	while ((line = strsep(&text, "\n")) != NULL) {
		size_t had = nodes.n;
		enum err err = nodes_take_line(&nodes, line, "fleet", ++n, &where);
		assert(err == OK || (err == ERR_INVALID && where.what[0] != '\0'));
		assert(err == OK || nodes.n == had);
	}
	for (size_t i = 0; i < nodes.n; i++) {
		assert(nodes_find(&nodes, nodes.items[i].name) == &nodes.items[i]);
		print_and_read(&nodes.items[i]);
	}
	nodes_fini(&nodes);
}

/* -- the rest -------------------------------------------------------------------- */

static void
try_conf(const uint8_t *data, size_t size)
{
	static const struct options none;
	struct err_where where = {.line = 0};
	struct defaults d;

	put_file(conf, data, size);
	enum err err = defaults_load(&none, &d, &where);
	assert(err == OK || (err == ERR_INVALID && where.line > 0));
	defaults_fini(&d);
	unlink(conf);
}

static void
try_txt(const uint8_t *data, size_t size)
{
	static const char *const keys[] = {"state", "error", "serial", "zone", ""};
	struct rr rr = {.type = RR_TXT,
	    .class = CLASS_IN,
	    .rdata = data,
	    .rdata_size = (uint16_t)(size > 65535 ? 65535 : size)};
	char value[OBSERVED_VALUE_MAX], zone[DNAME_TEXT_MAX];
	struct nodes nodes = {0};
	struct err_where where = {.line = 0};
	size_t at = 0;

	/* as what reads the wire hands it on: strings that fill it */
	while (at < rr.rdata_size)
		at += 1u + data[at];
	if (at != rr.rdata_size || at == 0)
		return;
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		if (observed_get(&rr, keys[i], value) != NULL)
			assert(strlen(value) < sizeof(value));
	if (observed_zone(&rr, zone) != NULL)
		assert(strlen(zone) < sizeof(zone));
	if (nodes_take_txt(&nodes, &rr, &where) == OK) {
		struct buf rdata;
		struct nodes again = {0};
		assert(nodes.n == 1);
		print_and_read(&nodes.items[0]);
		buf_init(&rdata, 0);
		nodes_write_txt(&nodes.items[0], &rdata);
		struct rr written = rr;
		written.rdata = rdata.data;
		written.rdata_size = (uint16_t)rdata.size;
		assert(nodes_take_txt(&again, &written, &where) == OK);
		same_text(nodes.items[0].name, again.items[0].name);
		same_text(nodes.items[0].address, again.items[0].address);
		same_text(nodes.items[0].tls, again.items[0].tls);
		nodes_fini(&again);
		buf_fini(&rdata);
	}
	nodes_fini(&nodes);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1 || size > 65536)
		return 0;
	if (dir[0] == '\0')
		init();
	char *text = mem_zalloc(size);
	memcpy(text, data + 1, size - 1);
	switch (data[0] % 4) {
	case 0:
		try_words(text);
		try_list(data + 1, size - 1,
		    data[0] & 4 ? ORDERS_ZONES : ORDERS_ADDITIONS);
		break;
	case 1: try_nodes(text); break;
	case 2: try_conf(data + 1, size - 1); break;
	case 3: try_txt(data + 1, size - 1); break;
	}
	free(text);
	return 0;
}
