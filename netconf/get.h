/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef NETCONF_GET_H
#define NETCONF_GET_H

#include "netconf/gateway.h"

/*
 * get and get-config. No tree of all zones is ever built: what a filter asks for by
 * key is asked of the agent by key, lists are streamed from its transfer into text, at
 * most max-reply of it.
 */

request_fn get_get, get_config;

#endif
