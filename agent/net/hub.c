/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/net/hub.h"

#include <stdarg.h>
#include <stdio.h>

#include "lib/log.h"

enum { COMPLAIN_EVERY_MS = 10000 };

void
hub_complain(struct hub *hub, const char *fmt, ...)
{
	uint64_t now = uv_now(hub->loop);

	if (hub->complained_ms != 0 && now - hub->complained_ms < COMPLAIN_EVERY_MS) {
		hub->n_unsaid++;
		return;
	}
	char text[256];
	va_list args;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (hub->n_unsaid > 0)
		log_warn("net", "%s unsaid=%u", text, hub->n_unsaid);
	else
		log_warn("net", "%s", text);
	hub->complained_ms = now > 0 ? now : 1;
	hub->n_unsaid = 0;
}

void
hub_hold(struct hub *hub)
{
	hub->n_handles++;
}

void
hub_release(struct hub *hub)
{
	if (--hub->n_handles == 0)
		hub->drained(hub);
}
