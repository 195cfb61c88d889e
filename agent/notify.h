/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_NOTIFY_H
#define AGENT_NOTIFY_H

/*
 * Tell the service manager a state, as sd_notify(3) does, without its library:
 * one datagram to NOTIFY_SOCKET. Nothing happens without that variable.
 */
void notify_ready(const char *status);
/* For Type=notify-reload too: with the time, and to be followed by ready. */
void notify_reloading(void);
void notify_stopping(void);
/* For the watchdog. */
void notify_alive(void);

#endif
