/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * When a name server serves the last of a set of zones, asked of the server
 * itself: over UDP for the SOA of each zone, in the order of the list, until
 * every one has answered with NOERROR, AA and an answer.
 *
 *   served PORT FILE [SECONDS]    one zone a line; 127.0.0.1
 *   served -g PORT FILE [SECONDS] until each is REFUSED: gone
 *
 * Prints "ready" when it starts to ask, and at the end the CLOCK_MONOTONIC
 * nanoseconds of the last zone's first good answer and how many questions it
 * took. A zone that is not served yet is asked again every half millisecond and
 * nothing else is meanwhile; while answers are good, more and more questions are
 * outstanding. So it costs the server little before the zones are there and one
 * question a zone afterwards.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "lib/dname.h"
#include "lib/mem.h"
#include "lib/msg.h"
#include "lib/wire.h"

enum { WINDOW_MAX = 256, AGAIN_NS = 500000, LOST_MS = 100, N_IDS = 65536 };

enum zone_state { ZONE_WAITS, ZONE_ASKED, ZONE_SERVED };

struct asker {
	int fd;
	struct dname *zones;
	uint8_t *states;
	size_t n, n_served, n_asked; /* asked: outstanding */
	size_t next;                 /* no earlier zone waits */
	size_t window;
	bool gone; /* that is what is waited for */
	uint16_t id;
	size_t of_id[N_IDS]; /* the zone that was asked with it */
	uint64_t not_before; /* ns */
	unsigned long long n_questions;
};

static void
die(const char *what, const char *why)
{
	fprintf(stderr, "bench/served: %s: %s\n", what, why);
	exit(1);
}

static uint64_t
now_ns(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void
read_zones(struct asker *a, const char *path)
{
	char line[DNAME_TEXT_MAX];
	size_t room = 0;
	FILE *in = fopen(path, "r");
	if (in == NULL)
		die(path, strerror(errno));
	while (fgets(line, sizeof(line), in) != NULL) {
		line[strcspn(line, " \n")] = '\0';
		a->zones = mem_grow(a->zones, a->n, &room, sizeof(a->zones[0]));
		if (dname_parse(line, &a->zones[a->n++]) != OK)
			die(line, "not a name");
	}
	fclose(in);
	if (a->n == 0)
		die(path, "no zones");
	a->states = mem_zalloc(a->n);
}

static void
open_socket(struct asker *a, const char *port)
{
	struct sockaddr_in to = {.sin_family = AF_INET};
	int size = 1 << 20;
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	to.sin_port = htons((uint16_t)strtoul(port, NULL, 10));
	a->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	if (a->fd == -1 || connect(a->fd, (struct sockaddr *)&to, sizeof(to)) == -1)
		die("socket", strerror(errno));
	setsockopt(a->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
}

static bool
ask(struct asker *a, size_t zone)
{
	uint8_t wire[512];
	struct wire_out out;
	wire_out_init(&out, wire, sizeof(wire));
	msg_start(&out, ++a->id, 0);
	msg_put_question(&out, &a->zones[zone], RR_SOA, CLASS_IN);
	/* ECONNREFUSED: the server is not there yet */
	if (send(a->fd, wire, out.size, 0) == -1)
		return false;
	a->of_id[a->id] = zone;
	a->states[zone] = ZONE_ASKED;
	a->n_asked++;
	a->n_questions++;
	return true;
}

static void
ask_more(struct asker *a)
{
	while (a->n_asked < a->window) {
		while (a->next < a->n && a->states[a->next] != ZONE_WAITS)
			a->next++;
		if (a->next == a->n || now_ns() < a->not_before)
			return;
		if (!ask(a, a->next)) {
			a->not_before = now_ns() + AGAIN_NS;
			return;
		}
	}
}

static bool
is_good(const struct asker *a, const uint8_t *wire)
{
	if (a->gone)
		return (wire[3] & 0xf) == RCODE_REFUSED;
	return (wire[3] & 0xf) == RCODE_NOERROR && (wire[2] & 4) != 0 &&
	       (wire[6] | wire[7]) != 0;
}

static void
hear(struct asker *a, const uint8_t *wire, size_t size)
{
	size_t zone;
	if (size < 12 || (wire[2] & 0x80) == 0)
		return;
	zone = a->of_id[wire[0] << 8 | wire[1]];
	if (a->states[zone] != ZONE_ASKED)
		return;
	a->n_asked--;
	if (is_good(a, wire)) {
		a->states[zone] = ZONE_SERVED;
		a->n_served++;
		if (a->window < WINDOW_MAX)
			a->window++;
		return;
	}
	a->states[zone] = ZONE_WAITS;
	a->not_before = now_ns() + AGAIN_NS;
	a->window = 1;
	if (zone < a->next)
		a->next = zone;
}

/* True: something came. */
static bool
hear_all(struct asker *a)
{
	uint8_t wire[4096];
	bool any = false;
	for (;;) {
		ssize_t size = recv(a->fd, wire, sizeof(wire), 0);
		if (size == -1 && errno == EAGAIN)
			return any;
		if (size == -1)
			continue; /* ECONNREFUSED of an earlier send */
		hear(a, wire, (size_t)size);
		any = true;
	}
}

/* Questions or answers were lost. */
static void
ask_anew(struct asker *a)
{
	for (size_t i = 0; i < a->n; i++) {
		if (a->states[i] == ZONE_ASKED)
			a->states[i] = ZONE_WAITS;
	}
	a->n_asked = a->next = 0;
	a->window = 1;
}

int
main(int argc, char **argv)
{
	static struct asker a = {.window = 1};
	uint64_t end, served = 0, heard;
	if (argc > 1 && strcmp(argv[1], "-g") == 0) {
		a.gone = true;
		argc--;
		argv++;
	}
	if (argc < 3)
		die("usage", "served [-g] PORT FILE [SECONDS]");
	read_zones(&a, argv[2]);
	open_socket(&a, argv[1]);
	prctl(PR_SET_TIMERSLACK, 1000L);
	puts("ready");
	fflush(stdout);
	heard = now_ns();
	end = heard + 1000000000u * (argc > 3 ? strtoull(argv[3], NULL, 10) : 600);
	while (a.n_served < a.n) {
		struct pollfd p = {.fd = a.fd, .events = POLLIN};
		struct timespec wait = {0,
		    a.n_asked > 0 ? LOST_MS * 1000000 : AGAIN_NS};
		ask_more(&a);
		if (ppoll(&p, 1, &wait, NULL) > 0 && hear_all(&a))
			served = heard = now_ns();
		else if (a.n_asked > 0 && now_ns() - heard > LOST_MS * 1000000u)
			ask_anew(&a);
		if (now_ns() > end)
			die(argv[2], a.gone ? "not all are gone in time"
					    : "not all are served in time");
	}
	printf("%llu %llu\n", (unsigned long long)served, a.n_questions);
	free(a.zones);
	free(a.states);
	return 0;
}
