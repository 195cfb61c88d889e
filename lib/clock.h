/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIB_CLOCK_H
#define LIB_CLOCK_H

#include <stdint.h>

/* Times in milliseconds. */

int64_t clock_ms(void);      /* monotonic: for intervals */
int64_t clock_unix_ms(void); /* since 1970 */
int64_t clock_boot_ms(void); /* since the machine's start, sleep included */

#endif
