/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef NETCONF_EDIT_ZONE_H
#define NETCONF_EDIT_ZONE_H

#include "netconf/edit.h"

/* Between edit.c (which zones) and edit_zone.c (what becomes of one). */

/* The operation of an element, if it says one. */
NODISCARD enum err edit_zone_op(const struct elem *e, enum edit_op *op,
    struct fault *fault);
/* Its key. */
NODISCARD enum err edit_zone_name(const struct elem *e, struct dname *zone,
    struct fault *fault);
NODISCARD enum err edit_zone_apply(const struct elem *e, enum edit_op op,
    struct zone_edit *z, struct pool *pool, struct fault *fault);

#endif
