/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_PROBE_TARGET_H
#define AGENT_PROBE_TARGET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "agent/probe/ask.h"
#include "agent/probe/pace.h"
#include "agent/probe/probe.h"

/* One server that is asked: between probe.c and its two transports. All of it
 * belongs to the probe's thread but for conf, inbox and n_pending. */

enum {
	TARGET_UDP_MAX = 64, /* questions under way by UDP: fits any receive buffer */
	TARGET_TCP_MAX = 8,
	TARGET_SOCKETS = 4,
};

struct probe_target {
	struct probe *probe;
	struct probe_target *next;
	struct probe_target_conf conf;
	struct ask *inbox; /* under the probe's lock; newest first */
	atomic_size_t n_pending;
	bool going, gone; /* under the probe's lock: probe_del_target */

	bool ready, closing;
	uv_timer_t timer;
	struct ask_queue queue;
	struct pace pace;
	struct ask_list udp_asks;    /* under way by UDP */
	struct ask_list tcp_waiting; /* for a connection */
	struct ask_list tcp_asks;    /* on one */
	struct probe_udp *sockets[TARGET_SOCKETS];
	struct probe_udp *retired;
	unsigned next_socket;
};

/* -- probe.c -------------------------------------------------------------------------
 */

uv_loop_t *probe_loop(struct probe *probe);
uint8_t *probe_read_buffer(struct probe *probe); /* of 65536 octets */
uint16_t probe_random(struct probe *probe);
uint64_t probe_now_ms(void);
/* The answer is there, or there is none: the ask is done. Off all lists. */
void target_finish(struct probe_target *t, struct ask *ask,
    const struct probe_result *result);
void target_silent(struct probe_target *t, struct ask *ask);
/* Ask by TCP. Off all lists. */
void target_try_tcp(struct probe_target *t, struct ask *ask);
/* Whatever can go now goes. */
void target_pump(struct probe_target *t);

/* -- probe_udp.c
 * ----------------------------------------------------------------------- */

/* False: not now. */
bool probe_udp_send(struct probe_target *t, struct ask *ask);
/* Those whose time is over go on by TCP. */
void probe_udp_expire(struct probe_target *t, uint64_t now_ms);
void probe_udp_close(struct probe_target *t);

/* -- probe_tcp.c
 * ----------------------------------------------------------------------- */

void probe_tcp_start(struct probe_target *t, struct ask *ask);
void probe_tcp_expire(struct probe_target *t, uint64_t now_ms);
void probe_tcp_close(struct probe_target *t);

#endif
