/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_METRICS_HTTP_H
#define AGENT_METRICS_HTTP_H

#include "agent/metrics/metrics.h"

/*
 * One listening socket, and its thread. Few connections at a time, of which each has
 * one request, and some seconds of silence; GET and HEAD of two paths, and nothing is
 * read of what else is sent.
 */
struct http;

/* fd is the socket, and goes with it. NULL: there is no thread or no descriptor to be
 * had; fd is closed. */
struct http *http_start(int fd, metrics_look_fn *look, void *arg);
/* As metrics_expire(). Takes NULL. */
void http_expire(struct http *http, unsigned age_ms);
/* Waits for its thread. Takes NULL. */
void http_stop(struct http *http);

#endif
