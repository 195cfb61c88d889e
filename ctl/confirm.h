/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CTL_CONFIRM_H
#define CTL_CONFIRM_H

#include "ctl/ctl.h"

/*
 * "Apply? [y/N]" on the terminal, unless --yes was given. EXIT_DONE: go on.
 * EXIT_FAILED: no. EXIT_USAGE: nobody is there to ask. In these two cases
 * "nothing was changed" was said.
 */
enum exit_status confirm_ask(const struct ctl *ctl);

#endif
