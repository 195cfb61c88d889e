/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIB_VERSION_H
#define LIB_VERSION_H

/* Of all programs; a literal, so that it can stand inside another. */
#define NSHERD_VERSION "0.1.0"

#endif
