/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIB_ADDR_H
#define LIB_ADDR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "lib/err.h"

/* IP addresses with a port, written ADDRESS@PORT in files and on the command line. */

enum { ADDR_TEXT_MAX = 64 };

struct addr {
	union {
		struct sockaddr sa;
		struct sockaddr_in in4;
		struct sockaddr_in6 in6;
	} u;
};

/* ADDRESS[@PORT], numeric only; port 0 if port_default is 0 and none is given.
 * ERR_FORM. */
NODISCARD enum err addr_parse(const char *text, uint16_t port_default,
    struct addr *addr);
char *addr_print(const struct addr *addr, char out[static ADDR_TEXT_MAX]); /* A@P */
char *addr_print_host(const struct addr *addr, char out[static ADDR_TEXT_MAX]);
uint16_t addr_port(const struct addr *addr);
void addr_set_port(struct addr *addr, uint16_t port);
int addr_family(const struct addr *addr);
socklen_t addr_size(const struct addr *addr);
/* From what accept(2) or recvfrom(2) filled in. ERR_UNSUPPORTED: not IP. */
NODISCARD enum err addr_from_sockaddr(const struct sockaddr *sa, struct addr *addr);
bool addr_is_any(const struct addr *addr); /* 0.0.0.0 or ::, whatever the port */
bool addr_equal(const struct addr *a, const struct addr *b);      /* port too */
bool addr_equal_host(const struct addr *a, const struct addr *b); /* v4-mapped = v4 */

#endif
