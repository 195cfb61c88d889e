/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef NETCONF_WATCH_H
#define NETCONF_WATCH_H

#include "netconf/gateway.h"

/*
 * A thread follows _status.C by IXFR, once a second, and makes notifications of what
 * changed. It keeps no zone in memory.
 */

NODISCARD enum err watch_start(struct gateway *gw, struct watch **watch);
/* After gw->is_stopping was set. */
void watch_stop(struct watch *watch); /* takes NULL */

#endif
