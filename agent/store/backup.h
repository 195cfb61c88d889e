/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_STORE_BACKUP_H
#define AGENT_STORE_BACKUP_H

#include "lib/err.h"

/*
 * A copy of catalog.mdb below dir as it was after some commit, to `to`/catalog.mdb,
 * whole, on disk, without free pages, in place of one that is there; whether or not
 * an agent has dir open, which goes on. `to` is made with mode 0700 if it is absent.
 * status.mdb needs no copy: without it a start finds out what the servers have.
 *
 * To be done by the owner of dir: a lock file of somebody else's would keep the
 * agent out (ERR_DENIED). ERR_NOTFOUND: there is no state; ERR_BUSY: somebody else
 * makes a copy there now; ERR_INVALID: `to` is dir; ERR_FULL, ERR_IO, ERR_CORRUPT;
 * where says why.
 */
NODISCARD enum err store_backup(const char *dir, const char *to,
    struct err_where *where);

#endif
