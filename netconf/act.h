/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef NETCONF_ACT_H
#define NETCONF_ACT_H

#include "netconf/gateway.h"

/* The actions of a zone, and the operations of the module nsherd: verbs. */

request_fn act_on_zone, act_zone_command, act_reconcile, act_reconfigure, act_release;

/*
 * Has the user the right update? Else the fault. Who has not must not change the
 * candidate either, which somebody else would commit, with the rights of his.
 */
NODISCARD enum err act_check_update(struct request *rq);
/* Has the user the right admin? Else the fault. */
NODISCARD enum err act_check_admin(struct request *rq);

#endif
