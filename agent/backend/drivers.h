/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_BACKEND_DRIVERS_H
#define AGENT_BACKEND_DRIVERS_H

#include "agent/backend/backend.h"

/* What each driver exports, for the registry in backend.c alone. */

extern const struct backend_driver nsd_driver;
extern const struct backend_driver bind_driver;
extern const struct backend_driver knot_driver;
extern const struct backend_driver exec_driver;
extern const struct backend_driver null_driver;
extern const struct backend_driver yadifa_driver;

#endif
