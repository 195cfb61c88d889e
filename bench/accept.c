/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The accept path: how fast the agent takes UPDATEs, each acknowledged only
 * when it is on disk, against fdatasync(2) and against LMDB alone storing the
 * same records (member, index by zone, log) in as many synchronous commits.
 * The two are measured in turn, round by round, on the same file system; each
 * line is the median of the rounds with the smallest and largest.
 *
 *   accept [-l LINE]... [-a AGENT-PID] [-p NAME@PORT]... PORT TLS-PORT CA-FILE
 *       KEYFILE CATALOG STATE-DIR SCRATCH-DIR
 *
 * -p: only against these peers, other servers that are primary for the catalog as an
 * ordinary zone and let the key update it.
 * -l: only these lines (their first words, below), else all but those of a
 * million. -a: the processor time of that process stands beside the rate, and that
 * of LMDB alone.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <lmdb.h>

#include "lib/catz.h"
#include "lib/exchange.h"
#include "lib/mem.h"
#include "lib/stream.h"
#include "lib/tls.h"

enum {
	ROUNDS = 5,
	CONNECTIONS_MAX = 64,
	ONLY_MAX = 16,
	PEERS_MAX = 4,
	REPLIES_MAX = 1 << 20
};

enum way { WAY_TCP, WAY_TLS, WAY_UDP };

/* One line: messages of `zones` zones each, `window` outstanding on each of
 * `connections`; unsorted: names and ids in no order. */
struct line {
	const char *word, *what;
	unsigned messages, zones, connections, window, rounds;
	enum way way;
	bool unsorted, only_asked; /* for it by -l */
};

static const struct line lines[] = {
    {"one", "one durable UPDATE", 300, 1, 1, 1, ROUNDS, WAY_TCP, false, false},
    {"udp", "one durable UPDATE, UDP", 300, 1, 1, 1, ROUNDS, WAY_UDP, false, false},
    {"tls", "one durable UPDATE, TLS", 300, 1, 1, 1, ROUNDS, WAY_TLS, false, false},
    {"window", "pipelined, window 512", 20000, 1, 1, 512, ROUNDS, WAY_TCP, false,
	false},
    {"window-unsorted", "pipelined, window 512, unsorted", 20000, 1, 1, 512, ROUNDS,
	WAY_TCP, true, false},
    {"window-tls", "pipelined, window 512, TLS", 20000, 1, 1, 512, ROUNDS, WAY_TLS,
	false, false},
    {"64", "64 connections, window 8 each", 20000, 1, 64, 8, ROUNDS, WAY_TCP, false,
	false},
    {"64-udp", "64 UDP sockets, one each", 20000, 1, 64, 1, ROUNDS, WAY_UDP, false,
	false},
    {"bulk", "bulk, 500 zones a message", 100, 500, 1, 16, ROUNDS, WAY_TCP, false,
	false},
    {"bulk-unsorted", "bulk, 500 zones a message, unsorted", 100, 500, 1, 16, ROUNDS,
	WAY_TCP, true, false},
    {"million", "bulk of 1,000,000, 500 a message", 2000, 500, 1, 16, 1, WAY_TCP, false,
	true},
    {"million-unsorted", "bulk of 1,000,000, unsorted", 2000, 500, 1, 16, 1, WAY_TCP,
	true, true},
};

/* A window that the peers' quotas let through. */
static const struct line peer_lines[] = {
    {"one", "one durable UPDATE", 100, 1, 1, 1, ROUNDS, WAY_TCP, false, false},
    {"window", "pipelined, window 32", 2000, 1, 1, 32, ROUNDS, WAY_TCP, false, false},
    {"bulk", "bulk, 500 zones a message", 20, 500, 1, 4, ROUNDS, WAY_TCP, false, false},
};

struct bench {
	struct exchange_conf conf;
	struct addr tls;
	struct tls_ctx *tls_ctx;
	struct dname catalog;
	const char *state, *scratch;
	long agent;    /* 0: not said */
	unsigned next; /* number of the next zone, so that names and ids grow */
	bool unsorted; /* unless this is set */
	const char *only[ONLY_MAX];
	size_t n_only;
	const char *peers[PEERS_MAX];
	size_t n_peers;
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

/* One of the zones: for each n another. */
static unsigned
number_of(const struct bench *b, unsigned n)
{
	return b->unsorted ? n * 2654435761u : n;
}

static void
add_zone(struct bench *b, struct wire_out *out)
{
	char text[64];
	struct dname zone, node, group;
	struct label id, label = label_of("group");
	unsigned n = number_of(b, b->next++);
	snprintf(text, sizeof(text), "%c%010u.bench.example", b->unsorted ? 'u' : 'z',
	    n);
	if (dname_parse(text, &zone))
		die("zone", text);
	id = catz_new_id(b->unsorted ? (uint64_t)n << 20 : n);
	if (catz_member_owner(&id, &b->catalog, &node) ||
	    dname_prepend(&label, &node, &group))
		die("names", text);
	add_rr(out, &node, RR_PTR, zone.wire, zone.size);
	add_rr(out, &group, RR_TXT, (const uint8_t *)"\5bench", 6);
}

/* -- a client: one connection, or one socket for UDP ------------------------- */

/*
 * All messages are there, signed, before the clock starts, and the signatures of the
 * replies are looked at after it stopped: what the client computes would else be a
 * third of what both processors do.
 */
struct client {
	struct stream s; /* its fd: the socket, for UDP, too */
	bool is_udp;
	struct buf out; /* each with its size before it */
	size_t *at;     /* of each, and the end */
	struct tsig *tsigs;
	unsigned n, n_sent, n_answered;
	struct buf replies;
};

static void
client_init(struct client *c, unsigned n)
{
	*c = (struct client){.s = {.fd = -1}};
	buf_init(&c->out, 0);
	buf_init(&c->replies, 0);
	c->at = mem_zalloc((n + 1) * sizeof(*c->at));
	c->tsigs = mem_zalloc(n * sizeof(*c->tsigs));
}

static void
client_add(struct bench *b, struct client *c, unsigned n_zones)
{
	static uint8_t wire[MSG_MAX];
	struct wire_out out;
	wire_out_init(&out, wire, sizeof(wire));
	msg_start(&out, (uint16_t)c->n, OPCODE_UPDATE << 11);
	msg_put_question(&out, &b->catalog, RR_SOA, CLASS_IN);
	for (unsigned z = 0; z < n_zones; z++)
		add_zone(b, &out);
	if (tsig_sign_request(b->conf.key, &out, (uint64_t)time(NULL), &c->tsigs[c->n]))
		die("agent", "a message is too large");
	buf_put_u16(&c->out, (uint16_t)out.size);
	buf_put(&c->out, wire, out.size);
	c->at[++c->n] = c->out.size;
}

static void
client_open(const struct bench *b, enum way way, struct client *c)
{
	const struct exchange_conf *conf = &b->conf;
	c->is_udp = way == WAY_UDP;
	if (c->is_udp) {
		c->s.fd = socket(AF_INET, SOCK_DGRAM, 0);
		if (c->s.fd == -1 ||
		    connect(c->s.fd, &conf->server.u.sa, addr_size(&conf->server)))
			die("agent", "no socket");
		return;
	}
	if (stream_open(&c->s, way == WAY_TLS ? &b->tls : &conf->server,
		conf->timeout_ms, -1) ||
	    (way == WAY_TLS && stream_secure(&c->s, b->tls_ctx, "agent.example")))
		die("agent", c->s.error);
}

/* So many more, in one write. */
static void
client_send(struct client *c, unsigned n)
{
	if (n > c->n - c->n_sent)
		n = c->n - c->n_sent;
	const uint8_t *data = c->out.data + c->at[c->n_sent];
	size_t size = c->at[c->n_sent + n] - c->at[c->n_sent];
	c->n_sent += n;
	if (n == 0)
		return;
	if (c->is_udp ? send(c->s.fd, data + 2, size - 2, 0) < 0
		      : stream_write(&c->s, data, size, REPLIES_MAX) != OK)
		die("agent", c->is_udp ? "cannot send" : c->s.error);
}

static void
client_keep(struct client *c, const uint8_t *msg, size_t size)
{
	buf_put_u16(&c->replies, (uint16_t)size);
	buf_put(&c->replies, msg, size);
	c->n_answered++;
}

/* What has come; at least one. Returns how many. */
static unsigned
client_receive(struct client *c)
{
	static uint8_t wire[MSG_MAX];
	unsigned before = c->n_answered;
	const uint8_t *msg;
	size_t size;
	if (c->is_udp) {
		struct pollfd p = {.fd = c->s.fd, .events = POLLIN};
		if (poll(&p, 1, 10000) != 1)
			die("agent", "no answer over UDP");
		ssize_t n = recv(c->s.fd, wire, sizeof(wire), 0);
		if (n < 0)
			die("agent", "no answer over UDP");
		client_keep(c, wire, (size_t)n);
		return 1;
	}
	do {
		if (stream_next(&c->s, &msg, &size))
			die("agent", c->s.error);
		client_keep(c, msg, size);
	} while (stream_has_next(&c->s, &size));
	return c->n_answered - before;
}

/* Every one was answered, with NOERROR, by who has the key. */
static void
client_check(struct client *c)
{
	for (size_t at = 0; at < c->replies.size;) {
		const uint8_t *p = c->replies.data + at;
		size_t size = (size_t)p[0] << 8 | p[1];
		struct msg msg;
		unsigned rcode;
		enum err err = msg_frame(p + 2, size, &msg);
		if (err == OK && msg.id >= c->n)
			err = ERR_FORM;
		if (err == OK) /* of one that is answered twice the second is wrong */
			err = tsig_verify_reply(&c->tsigs[msg.id], &msg,
			    (uint64_t)time(NULL), &rcode);
		if (err)
			die("agent", err_str(err));
		if (msg_rcode(&msg) != RCODE_NOERROR)
			die("agent", rcode_str(msg_rcode(&msg)));
		at += 2 + size;
	}
}

static void
client_close(struct client *c)
{
	if (c->is_udp)
		close(c->s.fd);
	else
		stream_close(&c->s);
	buf_fini(&c->out);
	buf_fini(&c->replies);
	free(c->at);
	free(c->tsigs);
}

/* Returns seconds, from the first that is sent to the last that is answered. */
static double
run_agent(struct bench *b, const struct line *l)
{
	static struct client clients[CONNECTIONS_MAX];
	bool more = true;
	for (unsigned i = 0; i < l->connections; i++)
		client_init(&clients[i], l->messages / l->connections + 1);
	for (unsigned i = 0; i < l->messages; i++)
		client_add(b, &clients[i % l->connections], l->zones);
	for (unsigned i = 0; i < l->connections; i++)
		client_open(b, l->way, &clients[i]);
	double start = now();
	for (unsigned i = 0; i < l->connections; i++)
		client_send(&clients[i], l->window);
	while (more) {
		more = false;
		for (unsigned i = 0; i < l->connections; i++) {
			struct client *c = &clients[i];
			if (c->n_answered < c->n_sent)
				client_send(c, client_receive(c));
			more |= c->n_answered < c->n_sent;
		}
	}
	double seconds = now() - start;
	for (unsigned i = 0; i < l->connections; i++) {
		client_check(&clients[i]);
		client_close(&clients[i]);
	}
	return seconds;
}

/* Processor time of a process, of all its threads, in s. 0: this one. */
static double
cpu_of(pid_t pid)
{
	clockid_t clock;
	struct timespec ts = {0};
	if (clock_getcpuclockid(pid, &clock) == 0)
		clock_gettime(clock, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
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
			unsigned nr = number_of(b, first + done);
			int zn = snprintf(zone, sizeof(zone), "example.bench.%c%010u",
			    b->unsorted ? 'u' : 'z', nr);
			int in = snprintf(id, sizeof(id), "%c%015x",
			    b->unsorted ? '1' : '0', nr);
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
print_line(const char *what, const char *against, double *ratios, unsigned n,
    double rate, const char *note)
{
	char text[96];
	qsort(ratios, n, sizeof(*ratios), ascending);
	snprintf(text, sizeof(text), "%s / %s", what, against);
	printf("%-76s %7.2f  (%.2f .. %.2f)  %8.0f zones/s%s\n", text, ratios[n / 2],
	    ratios[0], ratios[n - 1], rate, note);
	fflush(stdout);
}

static void
accept_line(struct bench *b, MDB_env *env, const struct line *l)
{
	double ratios[ROUNDS], best = 0, cpu = 0, cpu_alone = 0;
	unsigned n = l->messages * l->zones;
	char note[80] = "";
	size_t commits = 0;
	b->unsorted = l->unsorted;
	for (unsigned r = 0; r < l->rounds; r++) {
		unsigned first = b->next;
		size_t before = agent_commits(b);
		double cpu_before = cpu_of(b->agent);
		double ours = run_agent(b, l);
		cpu += cpu_of(b->agent) - cpu_before;
		commits = agent_commits(b) - before;
		if (commits == 0)
			die("agent", "no commit was counted");
		cpu_before = cpu_of(0);
		ratios[r] = ours / run_lmdb(b, env, first, n, commits);
		cpu_alone += cpu_of(0) - cpu_before;
		if (n / ours > best)
			best = n / ours;
	}
	snprintf(note, sizeof(note), ", %zu commits", commits);
	if (b->agent > 0)
		snprintf(note + strlen(note), sizeof(note) - strlen(note),
		    ", processor us a zone: %.1f / %.1f", cpu * 1e6 / l->rounds / n,
		    cpu_alone * 1e6 / l->rounds / n);
	print_line(l->what, "LMDB alone, same commits", ratios, l->rounds, best, note);
	b->unsorted = false;
}

static void
fdatasync_line(struct bench *b)
{
	double ratios[ROUNDS], last = 0;
	struct line warm = lines[0];
	warm.messages = 50;
	run_agent(b, &warm);
	for (unsigned r = 0; r < ROUNDS; r++) {
		double ours = run_agent(b, &lines[0]);
		ratios[r] = ours / run_fdatasync(b, lines[0].messages);
		last = lines[0].messages / ours;
	}
	print_line(lines[0].what, "one 4 kB write and fdatasync", ratios, ROUNDS, last,
	    "");
}

/* peer: NAME@PORT */
static void
peer_line(struct bench *b, const char *peer, const struct line *l)
{
	double ratios[ROUNDS], best = 0, theirs = 0;
	char name[32], note[64];
	const char *port = strchr(peer, '@');
	struct addr ours = b->conf.server, other;
	unsigned n = l->messages * l->zones;
	if (port == NULL || addr_parse("127.0.0.1", (uint16_t)atoi(port + 1), &other))
		die("peer", peer);
	snprintf(name, sizeof(name), "%.*s", (int)(port - peer), peer);
	for (unsigned r = 0; r < l->rounds; r++) {
		double seconds = run_agent(b, l);
		if (n / seconds > best)
			best = n / seconds;
		b->conf.server = other;
		double peers = run_agent(b, l);
		b->conf.server = ours;
		ratios[r] = seconds / peers;
		if (n / peers > theirs)
			theirs = n / peers;
	}
	snprintf(note, sizeof(note), " : %.0f", theirs);
	print_line(l->what, name, ratios, l->rounds, best, note);
}

static bool
is_wanted(const struct bench *b, const struct line *l)
{
	for (size_t i = 0; i < b->n_only; i++)
		if (strcmp(b->only[i], l->word) == 0)
			return true;
	return b->n_only == 0 && !l->only_asked;
}

static void
take_arguments(struct bench *b, int argc, char **argv)
{
	int option;
	struct err_where where = {0};
	while ((option = getopt(argc, argv, "l:a:p:")) != -1) {
		if (option == 'a')
			b->agent = atoi(optarg);
		else if (option == 'p' && b->n_peers < PEERS_MAX)
			b->peers[b->n_peers++] = optarg;
		else if (option == 'l' && b->n_only < ONLY_MAX)
			b->only[b->n_only++] = optarg;
		else
			die("usage",
			    "accept [-l LINE]... [-a PID] [-p NAME@PORT]... PORT TLS-PORT CA-FILE "
			    "KEYFILE CATALOG STATE-DIR SCRATCH-DIR");
	}
	argv += optind;
	if (argc - optind != 7)
		die("usage", "seven arguments");
	struct tls_files tls = {.ca = argv[2]};
	if (addr_parse("127.0.0.1", (uint16_t)atoi(argv[0]), &b->conf.server) ||
	    addr_parse("127.0.0.1", (uint16_t)atoi(argv[1]), &b->tls) ||
	    dname_parse(argv[4], &b->catalog))
		die("arguments", "port or catalog");
	if (tls_client_new(&tls, &where, &b->tls_ctx) ||
	    key_load(argv[3], &b->conf.key, &where))
		die(where.file, where.what);
	b->conf.timeout_ms = 30000;
	b->conf.cancel_fd = -1;
	b->state = argv[5];
	b->scratch = argv[6];
}

int
main(int argc, char **argv)
{
	static struct bench b = {.next = 1};
	take_arguments(&b, argc, argv);
	for (size_t p = 0; p < b.n_peers; p++)
		for (size_t i = 0; i < sizeof(peer_lines) / sizeof(peer_lines[0]); i++)
			peer_line(&b, b.peers[p], &peer_lines[i]);
	if (b.n_peers > 0)
		return 0;
	MDB_env *env = open_lmdb(&b);
	if (b.n_only == 0)
		fdatasync_line(&b);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		if (is_wanted(&b, &lines[i]))
			accept_line(&b, env, &lines[i]);
	mdb_env_close(env);
	tls_ctx_unref(b.tls_ctx);
	key_unref(b.conf.key);
	return 0;
}
