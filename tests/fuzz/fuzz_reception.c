/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A transfer as a primary sends it, into a real store. The first octet of the input
 * says whether it is AXFR or IXFR, and how much may come; then follow messages, each
 * two octets of size, one that is the number of its answers, and these. The catalog
 * that is there has the serial 5. Whatever comes: what is taken is a valid catalog,
 * with its index, and nothing is taken of what is not.
 */
#include <assert.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/catalog/catalog.h"
#include "agent/proto/reception.h"
#include "agent/store/members.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/wire.h"

enum { MODE_IXFR = 1, MODE_FEW = 2, MODE_GUARD = 4, RUNS_PER_STORE = 20000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct {
	char dir[64];
	struct store *store;
	struct dname name;
	uint8_t nr;
	unsigned n_runs;
} f;

struct apply_job {
	struct store_job job;
	struct reception *rx;
	struct limit limit;
	bool keep;
};

/* -- what is to hold ----------------------------------------------------------- */

struct seen {
	struct store_txn *txn;
	uint64_t n;
};

static enum err
see_member(void *arg, const struct member *m)
{
	struct seen *seen = arg;
	struct label id;

	seen->n++;
	assert(m->zone.size > 1 && !dname_is_at_or_below(&m->zone, &f.name));
	enum err err = members_find_zone(seen->txn, f.nr, &m->zone, &id);
	assert(err == OK && label_equal(&id, &m->id));
	return OK;
}

static enum err
see_version(void *arg, const struct rr *rr)
{
	unsigned *n = arg;

	assert(rr->rdata_size == 2 && memcmp(rr->rdata, "\0012", 2) == 0);
	(*n)++;
	return OK;
}

static void
check_catalog(struct store_txn *txn, uint32_t serial)
{
	struct seen by_id = {.txn = txn}, by_zone = {.txn = txn};
	struct catalog_head head;
	struct dname owner;
	unsigned n = 0;
	bool exists;

	enum err err = catalogs_get(txn, f.nr, &head);
	assert(err == OK && head.soa.serial == serial);
	err = members_each(txn, f.nr, NULL, SIZE_MAX, see_member, &by_id);
	assert(err == OK);
	err = members_each_by_zone(txn, f.nr, NULL, SIZE_MAX, see_member, &by_zone);
	assert(err == OK);
	assert(by_id.n == by_zone.n && by_id.n == head.n_members);
	err = dname_join((const uint8_t *)"\7version", 8, &f.name, &owner);
	assert(err == OK);
	err = catalog_each_at(txn, &head, &owner, RR_TXT, see_version, &n, &exists);
	assert(err == OK && n == 1);
}

/* -- the world ------------------------------------------------------------------ */

static enum err
run_apply(struct store_txn *txn, struct store_job *job)
{
	struct apply_job *j = (struct apply_job *)job;
	struct catalog_taken taken;
	struct catalog_head head;
	const struct catalog_origin origin = {.by = "-",
	    .source = "fuzz",
	    .now = 1000,
	    .limit = &j->limit};

	enum err err = catalogs_get(txn, f.nr, &head);
	assert(err == OK);
	err = reception_apply(j->rx, txn, &head, &f.name, 1, &origin, &taken);
	assert(err == OK || err == ERR_DENIED || err == ERR_NOTFOUND);
	if (err == OK)
		check_catalog(txn, j->rx->soa.serial);
	else
		assert(store_err(txn) == OK);
	if (err == ERR_DENIED)
		assert(taken.why.reason[0] != '\0');
	return j->keep ? err : ERR_CANCELED; /* all of it is undone */
}

static enum err
run_create(struct store_txn *txn, struct store_job *job)
{
	struct catalog_head head;

	(void)job;
	enum err err = catalog_create(txn, &f.name, &head);
	f.nr = head.nr;
	return err;
}

static bool
feed(struct reception *rx, uint16_t type, const uint8_t *body, size_t size, uint8_t n)
{
	static uint8_t wire[MSG_MAX];
	struct wire_out out;
	struct msg msg;

	wire_out_init(&out, wire, sizeof(wire));
	msg_start(&out, 1, FLAG_QR | FLAG_AA);
	msg_put_question(&out, &f.name, type, CLASS_IN);
	wire_put_bytes(&out, body, size);
	wire[7] = n;
	if (out.err != OK || msg_frame(wire, out.size, &msg) != OK)
		return false;
	enum err err = reception_take(rx, &msg);
	assert(err == OK || rx->why[0] != '\0');
	return err == OK && !rx->is_done;
}

/* Serial 5, one.example as a with a group, two.example as b. */
static void
fill(void)
{
	static const uint8_t first[] =
	    "\xc0\x0c\0\6\0\1\0\0\0\0\0\x16\0\0\0\0\0\5\0\0\0\1\0\0\0\1\0\0\1\0\0\0\0\0"
	    "\xc0\x0c\0\2\0\1\0\0\0\0\0\1\0"
	    "\7version\xc0\x0c\0\x10\0\1\0\0\0\0\0\2\0012"
	    "\1a\5zones\xc0\x0c\0\x0c\0\1\0\0\0\0\0\x0d\3one\7example\0"
	    "\5group\1a\5zones\xc0\x0c\0\x10\0\1\0\0\0\0\0\2\1g"
	    "\1b\5zones\xc0\x0c\0\x0c\0\1\0\0\0\0\0\x0d\3two\7example\0"
	    "\xc0\x0c\0\6\0\1\0\0\0\0\0\x16\0\0\0\0\0\5\0\0\0\1\0\0\0\1\0\0\1\0\0\0\0\0";
	struct reception rx;
	struct apply_job j = {.job = {.run = run_apply},
	    .rx = &rx,
	    .limit = {.off = true},
	    .keep = true};

	reception_init(&rx, f.store, &f.name, NULL, 100);
	(void)feed(&rx, RR_AXFR, first, sizeof(first) - 1, 7);
	if (!rx.is_done || store_call(f.store, STORE_CATALOG, &j.job) != OK)
		abort();
	reception_fini(&rx);
}

static void
open_world(void)
{
	struct store_conf conf = {.dir = f.dir, .map_size = (size_t)1 << 30};
	struct err_where where = {.line = 0};
	struct store_job create = {.run = run_create};
	const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";

	snprintf(f.dir, sizeof(f.dir), "%s/nsherd-fuzz.XXXXXX", base);
	if (!mkdtemp(f.dir) || store_open(&conf, &where, &f.store) != OK ||
	    store_call(f.store, STORE_CATALOG, &create) != OK)
		abort();
	fill();
}

static void
close_world(void)
{
	char path[512];
	struct dirent *entry;

	store_close(f.store);
	f.store = NULL;
	DIR *dir = opendir(f.dir);
	while (dir && (entry = readdir(dir)) != NULL) {
		snprintf(path, sizeof(path), "%s/%s", f.dir, entry->d_name);
		if (entry->d_name[0] != '.')
			unlink(path);
	}
	if (dir)
		closedir(dir);
	rmdir(f.dir);
}

static void
at_exit(void)
{
	if (f.store)
		close_world();
}

static void
init(void)
{
	log_init("fuzz", LOG_ERROR);
	if (dname_parse("catalog.example.", &f.name) != OK)
		abort();
	atexit(at_exit);
}

/* -- one run --------------------------------------------------------------------- */

static void
receive(struct reception *rx, uint16_t type, const uint8_t *data, size_t size)
{
	size_t pos = 0;
	bool more = true;

	while (more && pos + 3 <= size) {
		size_t n = (size_t)data[pos] << 8 | data[pos + 1];
		if (n > size - pos - 3)
			n = size - pos - 3;
		more = feed(rx, type, data + pos + 3, n, data[pos + 2]);
		pos += 3 + n;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reception rx;
	uint32_t serial = 5;

	if (size < 1)
		return 0;
	if (f.name.size == 0)
		init();
	if (!f.store)
		open_world();
	uint8_t mode = data[0];
	bool ixfr = mode & MODE_IXFR;
	reception_init(&rx, f.store, &f.name, ixfr ? &serial : NULL,
	    mode & MODE_FEW ? 8 : 0);
	receive(&rx, ixfr ? RR_IXFR : RR_AXFR, data + 1, size - 1);
	if (rx.is_done && rx.xfr.state != XFR_SECOND) {
		struct apply_job j = {.job = {.run = run_apply},
		    .rx = &rx,
		    .limit = {.off = !(mode & MODE_GUARD)}};
		enum err err = store_call(f.store, STORE_CATALOG, &j.job);
		assert(err == ERR_CANCELED);
	}
	reception_fini(&rx);
	if (++f.n_runs % RUNS_PER_STORE == 0)
		close_world();
	return 0;
}
