/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef NETCONF_AUTHORIZED_H
#define NETCONF_AUTHORIZED_H

#include <stdbool.h>

#include <libssh/libssh.h>

/*
 * A file of public keys in the form of OpenSSH's authorized_keys: `type base64
 * [comment]` a line. Lines with options are passed over, for none is honoured here. It
 * is read each time, so that a key that was taken out is out. False: it has not that
 * key, or cannot be read.
 */
bool authorized_has(const char *path, ssh_key key);

#endif
