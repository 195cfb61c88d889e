/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An AXFR of a zone of the agent, every octet of it put into an HMAC, against as many
 * octets in messages of 64 kB, sent by another process over loopback TCP with an HMAC
 * each and received in the same way.
 *
 *   axfr TITLE ROUNDS PORT KEYFILE ZONE
 */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "lib/addr.h"
#include "lib/key.h"
#include "lib/msg.h"
#include "lib/rr.h"
#include "lib/tsig.h"

enum { ROUNDS_MAX = 9, SOA_NUMBERS = 20, TSIG_FIXED = 26 };

static void
die(const char *what, const char *why)
{
	fprintf(stderr, "bench/axfr: %s: %s\n", what, why);
	exit(1);
}

static double
now(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void
read_all(int fd, uint8_t *data, size_t size)
{
	while (size > 0) {
		ssize_t n = recv(fd, data, size, 0);
		if (n <= 0)
			die("connection", "ended early");
		data += n;
		size -= (size_t)n;
	}
}

static void
write_all(int fd, const uint8_t *data, size_t size)
{
	while (size > 0) {
		ssize_t n = send(fd, data, size, MSG_NOSIGNAL);
		if (n <= 0)
			die("connection", "cannot send");
		data += n;
		size -= (size_t)n;
	}
}

static void
authenticate(struct key *key, const uint8_t *data, size_t size)
{
	uint8_t out[TSIG_MAC_MAX];
	size_t out_size;
	EVP_MAC_CTX *mac = key_mac_take(key);
	if (mac == NULL || EVP_MAC_update(mac, data, size) != 1 ||
	    EVP_MAC_final(mac, out, &out_size, sizeof(out)) != 1)
		die("HMAC", "failed");
	key_mac_give(key, mac);
}

/* One message; its size. */
static size_t
receive(int fd, struct key *key, uint8_t wire[static MSG_MAX])
{
	uint8_t head[2];
	read_all(fd, head, 2);
	size_t size = (size_t)(head[0] << 8 | head[1]);
	read_all(fd, wire, size);
	authenticate(key, wire, size);
	return size;
}

/* -- ours ------------------------------------------------------------------- */

static int
connect_to(uint16_t port)
{
	struct addr addr;
	if (addr_parse("127.0.0.1", port, &addr))
		die("address", "?");
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	if (fd < 0 || connect(fd, &addr.u.sa, addr_size(&addr)) < 0)
		die("agent", "cannot connect");
	return fd;
}

static void
send_question(int fd, struct key *key, const struct dname *zone)
{
	uint8_t wire[2048];
	struct wire_out out;
	struct tsig tsig;
	wire_out_init(&out, wire + 2, sizeof(wire) - 2);
	msg_start(&out, 4711, 0);
	msg_put_question(&out, zone, RR_AXFR, CLASS_IN);
	if (tsig_sign_request(key, &out, (uint64_t)time(NULL), &tsig))
		die("question", "cannot sign");
	wire[0] = (uint8_t)(out.size >> 8);
	wire[1] = (uint8_t)out.size;
	write_all(fd, wire, out.size + 2);
}

/* The numbers of the SOA that it begins and ends with. */
static void
read_first(const uint8_t *wire, size_t size, uint8_t numbers[static SOA_NUMBERS])
{
	struct msg msg;
	struct msg_cursor cursor;
	struct buf rdata;
	struct rr rr;
	if (msg_frame(wire, size, &msg) || msg_rcode(&msg) != RCODE_NOERROR)
		die("AXFR", "refused");
	buf_init(&rdata, 0);
	msg_walk(&msg, MSG_ANSWER, &cursor);
	if (msg_next(&cursor, &rdata, &rr) || rr.type != RR_SOA ||
	    rr.rdata_size < SOA_NUMBERS)
		die("AXFR", "no SOA first");
	memcpy(numbers, rr.rdata + rr.rdata_size - SOA_NUMBERS, SOA_NUMBERS);
	buf_fini(&rdata);
}

/* Octets; *n_messages. */
static uint64_t
run_axfr(uint16_t port, struct key *key, const struct dname *zone, size_t *n_messages)
{
	static uint8_t wire[MSG_MAX];
	uint8_t numbers[SOA_NUMBERS];
	enum key_alg alg = key_algorithm(key);
	size_t tsig = (size_t)key_name(key)->size + key_alg_name(alg)->size +
		      TSIG_FIXED + key_alg_mac_size(alg);
	uint64_t total = 0;
	int fd = connect_to(port);
	send_question(fd, key, zone);
	for (*n_messages = 0;; (*n_messages)++) {
		size_t size = receive(fd, key, wire);
		total += size;
		if (*n_messages == 0) {
			read_first(wire, size, numbers);
			if (size < 1000) /* all of it is in one */
				break;
		} else if (size >= tsig + SOA_NUMBERS &&
			   memcmp(wire + size - tsig - SOA_NUMBERS, numbers,
			       SOA_NUMBERS) == 0)
			break;
	}
	(*n_messages)++;
	close(fd);
	return total;
}

/* -- the reference ---------------------------------------------------------- */

static void
send_octets(int fd, struct key *key, uint64_t total)
{
	static uint8_t wire[2 + MSG_MAX];
	while (total > 0) {
		size_t size = total < MSG_MAX ? (size_t)total : MSG_MAX;
		wire[0] = (uint8_t)(size >> 8);
		wire[1] = (uint8_t)size;
		authenticate(key, wire + 2, size);
		write_all(fd, wire, 2 + size);
		total -= size;
	}
}

static double
run_bare(struct key *key, uint64_t total)
{
	static uint8_t wire[MSG_MAX];
	struct sockaddr_in sin = {.sin_family = AF_INET};
	socklen_t size = sizeof(sin);
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(listener, (struct sockaddr *)&sin, size) < 0 ||
	    listen(listener, 1) < 0 ||
	    getsockname(listener, (struct sockaddr *)&sin, &size) < 0)
		die("listener", "failed");
	pid_t child = fork();
	if (child == 0) {
		int fd = accept(listener, NULL, NULL);
		read_all(fd, wire, 1);
		send_octets(fd, key, total);
		_exit(0);
	}
	int fd = connect_to(ntohs(sin.sin_port));
	double start = now();
	write_all(fd, (const uint8_t *)"?", 1);
	while (total > 0)
		total -= receive(fd, key, wire);
	double seconds = now() - start;
	close(fd);
	close(listener);
	waitpid(child, NULL, 0);
	return seconds;
}

/* -- the line --------------------------------------------------------------- */

static int
ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

int
main(int argc, char **argv)
{
	struct key *key;
	struct dname zone;
	struct err_where where = {0};
	double ratios[ROUNDS_MAX], best = 1e9;
	char what[128];
	uint64_t total = 0;
	size_t n_messages = 0;
	if (argc != 6 || dname_parse(argv[5], &zone) || key_load(argv[4], &key, &where))
		die("usage", "axfr TITLE ROUNDS PORT KEYFILE ZONE");
	int rounds = atoi(argv[2]) < ROUNDS_MAX ? atoi(argv[2]) : ROUNDS_MAX;
	for (int r = 0; r < rounds; r++) {
		double start = now();
		total = run_axfr((uint16_t)atoi(argv[3]), key, &zone, &n_messages);
		double ours = now() - start;
		ratios[r] = ours / run_bare(key, total);
		if (ours < best)
			best = ours;
	}
	qsort(ratios, (size_t)rounds, sizeof(*ratios), ascending);
	snprintf(what, sizeof(what), "%s / as many octets over TCP, same HMAC",
	    argv[1]);
	printf("%-76s %7.2f  (%.2f .. %.2f)  %8.2f s, %.1f MB in %zu messages\n", what,
	    ratios[rounds / 2], ratios[0], ratios[rounds - 1], best,
	    (double)total / 1e6, n_messages);
	key_unref(key);
	return 0;
}
