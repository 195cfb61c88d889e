/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The accept path: how fast the agent takes UPDATEs, each acknowledged only
 * when it is on disk, against fdatasync(2) and against LMDB alone storing the
 * same records (member, index by zone, log) in as many synchronous commits.
 * The two are measured in turn, round by round, on the same file system; each
 * line is the median of the rounds with the smallest and largest.
 *
 *   accept PORT KEYFILE CATALOG AGENT-STATE-DIR SCRATCH-DIR
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <lmdb.h>

#include "lib/catz.h"
#include "lib/exchange.h"
#include "lib/mem.h"

enum { ROUNDS = 5 };

struct bench {
	struct exchange_conf conf;
	struct dname catalog;
	const char *state, *scratch;
	unsigned next; /* number of the next zone, so that names and ids grow */
};

static void
die(const char *what, const char *why)
{
	fprintf(stderr, "bench/accept: %s: %s\n", what, why);
	exit(1);
}

static double
now(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* -- ours ------------------------------------------------------------------- */

static void
add_rr(struct wire_out *out, const struct dname *owner, uint16_t type,
    const uint8_t *rdata, size_t size)
{
	struct rr rr = {.owner = *owner,
	    .type = type,
	    .class = CLASS_IN,
	    .rdata = rdata,
	    .rdata_size = (uint16_t)size};
	msg_put_rr(out, MSG_UPDATES, &rr);
}

static void
add_zone(struct bench *b, struct wire_out *out)
{
	char text[64];
	struct dname zone, node, group;
	struct label id, label = label_of("group");
	unsigned n = b->next++;
	snprintf(text, sizeof(text), "z%08u.bench.example", n);
	if (dname_parse(text, &zone))
		die("zone", text);
	id = catz_new_id(n);
	if (catz_member_owner(&id, &b->catalog, &node) ||
	    dname_prepend(&label, &node, &group))
		die("names", text);
	add_rr(out, &node, RR_PTR, zone.wire, zone.size);
	add_rr(out, &group, RR_TXT, (const uint8_t *)"\5bench", 6);
}

static void
receive(struct exchange *x)
{
	struct msg msg;
	enum err err = exchange_receive(x, &msg);
	if (err)
		die("agent", exchange_error(x));
	if (msg_rcode(&msg) != RCODE_NOERROR)
		die("agent", rcode_str(msg_rcode(&msg)));
}

/* n messages of `zones` zones each, `window` outstanding. Returns seconds. */
static double
run_agent(struct bench *b, unsigned n, unsigned zones, unsigned window)
{
	struct exchange *x;
	uint16_t id;
	unsigned outstanding = 0;
	if (exchange_open(&b->conf, &x))
		die("agent", "cannot connect");
	double start = now();
	for (unsigned i = 0; i < n; i++) {
		struct wire_out *out = exchange_begin(x);
		msg_start(out, 0, OPCODE_UPDATE << 11);
		msg_put_question(out, &b->catalog, RR_SOA, CLASS_IN);
		for (unsigned z = 0; z < zones; z++)
			add_zone(b, out);
		if (out->err || exchange_send(x, &id))
			die("agent", "cannot send");
		if (++outstanding == window) {
			receive(x);
			outstanding--;
		}
	}
	for (; outstanding > 0; outstanding--)
		receive(x);
	double seconds = now() - start;
	exchange_close(x);
	return seconds;
}

/* Commits of the agent so far: LMDB counts them. */
static size_t
agent_commits(const struct bench *b)
{
	char *path = mem_printf("%s/catalog.mdb", b->state);
	MDB_env *env;
	MDB_envinfo info;
	struct stat st;
	unsigned flags = MDB_RDONLY;
	if (stat(path, &st) == 0 && !S_ISDIR(st.st_mode))
		flags |= MDB_NOSUBDIR;
	mdb_env_create(&env);
	mdb_env_set_mapsize(env, (size_t)64 << 30);
	int rc = mdb_env_open(env, path, flags, 0);
	if (rc)
		die(path, mdb_strerror(rc));
	mdb_env_info(env, &info);
	mdb_env_close(env);
	free(path);
	return info.me_last_txnid;
}

/* -- the references ---------------------------------------------------------- */

static double
run_fdatasync(const struct bench *b, unsigned n)
{
	static char page[4096];
	char *path = mem_printf("%s/fdatasync", b->scratch);
	int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);
	if (fd < 0)
		die(path, "cannot open");
	double start = now();
	for (unsigned i = 0; i < n; i++)
		if (write(fd, page, sizeof(page)) < 0 || fdatasync(fd) < 0)
			die(path, "cannot write");
	double seconds = now() - start;
	close(fd);
	unlink(path);
	free(path);
	return seconds;
}

static void
put(MDB_txn *txn, MDB_dbi dbi, const void *key, size_t key_size, const void *data,
    size_t size)
{
	MDB_val k = {key_size, (void *)(uintptr_t)key};
	MDB_val v = {size, (void *)(uintptr_t)data};
	int rc = mdb_put(txn, dbi, &k, &v, 0);
	if (rc)
		die("LMDB", mdb_strerror(rc));
}

/* The records of the zones from `first`, in `commits` synchronous commits. */
static double
run_lmdb(const struct bench *b, MDB_env *env, unsigned first, unsigned n,
    size_t commits)
{
	static uint64_t seq;
	double start = now();
	unsigned done = 0;
	(void)b;
	for (size_t c = 0; c < commits; c++) {
		MDB_txn *txn;
		MDB_dbi member, index, log;
		unsigned until = (unsigned)((uint64_t)n * (c + 1) / commits);
		mdb_txn_begin(env, NULL, 0, &txn);
		mdb_dbi_open(txn, "member", MDB_CREATE, &member);
		mdb_dbi_open(txn, "zone", MDB_CREATE, &index);
		mdb_dbi_open(txn, "log", MDB_CREATE, &log);
		for (; done < until; done++) {
			char zone[64], id[32], record[128];
			uint8_t key[8];
			int zn = snprintf(zone, sizeof(zone), "example.bench.z%08u",
			    first + done);
			int in = snprintf(id, sizeof(id), "%016x", first + done);
			int rn = snprintf(record, sizeof(record),
			    "%-26s group TXT bench by ctl.example at 1700000000", zone);
			put(txn, member, id, (size_t)in, record, (size_t)rn);
			put(txn, index, zone, (size_t)zn, id, (size_t)in);
			seq++;
			for (int i = 0; i < 8; i++)
				key[i] = (uint8_t)(seq >> (56 - 8 * i));
			put(txn, log, key, 8, record, (size_t)rn);
		}
		int rc = mdb_txn_commit(txn);
		if (rc)
			die("LMDB", mdb_strerror(rc));
	}
	return now() - start;
}

static MDB_env *
open_lmdb(const struct bench *b)
{
	char *path = mem_printf("%s/lmdb-alone", b->scratch);
	MDB_env *env;
	mdb_env_create(&env);
	mdb_env_set_mapsize(env, (size_t)16 << 30);
	mdb_env_set_maxdbs(env, 8);
	int rc = mdb_env_open(env, path, MDB_NOSUBDIR, 0600);
	if (rc)
		die(path, mdb_strerror(rc));
	free(path);
	return env;
}

/* -- lines -------------------------------------------------------------------- */

static int
ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static void
line(const char *what, double ratios[ROUNDS], double rate, const char *unit,
    const char *note)
{
	qsort(ratios, ROUNDS, sizeof(*ratios), ascending);
	printf("%-58s %6.2f  (%.2f .. %.2f)  %8.0f %s%s\n", what, ratios[ROUNDS / 2],
	    ratios[0], ratios[ROUNDS - 1], rate, unit, note);
	fflush(stdout);
}

static void
accept_line(struct bench *b, MDB_env *env, const char *what, unsigned n, unsigned zones,
    unsigned window)
{
	double ratios[ROUNDS], best = 0;
	char note[64];
	size_t commits = 0;
	for (int r = 0; r < ROUNDS; r++) {
		unsigned first = b->next;
		size_t before = agent_commits(b);
		double ours = run_agent(b, n, zones, window);
		commits = agent_commits(b) - before;
		if (commits == 0)
			die("agent", "no commit was counted");
		double alone = run_lmdb(b, env, first, n * zones, commits);
		ratios[r] = ours / alone;
		if (n * zones / ours > best)
			best = n * zones / ours;
	}
	snprintf(note, sizeof(note), ", %zu commits", commits);
	line(what, ratios, best, "zones/s", note);
}

int
main(int argc, char **argv)
{
	struct bench b = {.next = 1};
	struct err_where where = {0};
	double ratios[ROUNDS], last = 0;
	if (argc != 6)
		die("usage", "accept PORT KEYFILE CATALOG STATE-DIR SCRATCH-DIR");
	if (addr_parse("127.0.0.1", (uint16_t)atoi(argv[1]), &b.conf.server) ||
	    dname_parse(argv[3], &b.catalog))
		die("arguments", "port or catalog");
	if (key_load(argv[2], &b.conf.key, &where))
		die(where.file, where.what);
	b.conf.timeout_ms = 30000;
	b.conf.cancel_fd = -1;
	b.state = argv[4];
	b.scratch = argv[5];
	MDB_env *env = open_lmdb(&b);

	run_agent(&b, 50, 1, 1); /* warm */
	for (int r = 0; r < ROUNDS; r++) {
		double ours = run_agent(&b, 300, 1, 1);
		ratios[r] = ours / run_fdatasync(&b, 300);
		last = 300 / ours;
	}
	line("one durable UPDATE / one 4 kB write and fdatasync", ratios, last,
	    "zones/s", "");
	accept_line(&b, env, "one durable UPDATE / LMDB alone, same records", 300, 1,
	    1);
	accept_line(&b, env, "pipelined, window 512 / LMDB alone, same commits", 20000,
	    1, 512);
	accept_line(&b, env, "bulk, 500 zones a message / LMDB alone, same commits",
	    100, 500, 16);
	mdb_env_close(env);
	key_unref(b.conf.key);
	return 0;
}
