/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef NETCONF_DATASTORE_H
#define NETCONF_DATASTORE_H

#include "netconf/gateway.h"
#include "netconf/tree.h"

/* What changes datastores: edit-config, copy-config, commit and the like. */

enum datastore {
	DATASTORE_RUNNING,
	DATASTORE_CANDIDATE,
	DATASTORE_INLINE, /* <config> */
	DATASTORE_OTHER,
};

/* What `source` or `target` of the operation names. */
enum datastore datastore_of(const struct lyd_node *rpc, const char *name);

request_fn datastore_edit, datastore_copy, datastore_delete, datastore_commit,
    datastore_discard, datastore_validate;

#endif
