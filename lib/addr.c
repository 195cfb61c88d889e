/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/addr.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static bool
parse_port(const char *text, uint16_t *port)
{
	unsigned value = 0;
	size_t n = 0;
	for (; text[n] >= '0' && text[n] <= '9' && n < 5; n++)
		value = value * 10 + (unsigned)(text[n] - '0');
	if (n == 0 || text[n] != '\0' || value == 0 || value > 65535)
		return false;
	*port = (uint16_t)value;
	return true;
}

enum err
addr_parse(const char *text, uint16_t port_default, struct addr *addr)
{
	char host[INET6_ADDRSTRLEN];
	uint16_t port = port_default;
	const char *at = strchr(text, '@');
	size_t n = at ? (size_t)(at - text) : strlen(text);

	if (n >= sizeof(host) || (at && !parse_port(at + 1, &port)))
		return ERR_FORM;
	memcpy(host, text, n);
	host[n] = '\0';

	struct addr a = {0};
	if (inet_pton(AF_INET, host, &a.u.in4.sin_addr) == 1)
		a.u.sa.sa_family = AF_INET;
	else if (inet_pton(AF_INET6, host, &a.u.in6.sin6_addr) == 1)
		a.u.sa.sa_family = AF_INET6;
	else
		return ERR_FORM;
	addr_set_port(&a, port);
	*addr = a;
	return OK;
}

char *
addr_print_host(const struct addr *addr, char out[static ADDR_TEXT_MAX])
{
	const void *host = &addr->u.in4.sin_addr;
	if (addr_family(addr) == AF_INET6)
		host = &addr->u.in6.sin6_addr;
	if (!inet_ntop(addr_family(addr), host, out, ADDR_TEXT_MAX))
		snprintf(out, ADDR_TEXT_MAX, "-"); /* an address nobody has set */
	return out;
}

char *
addr_print(const struct addr *addr, char out[static ADDR_TEXT_MAX])
{
	addr_print_host(addr, out);
	size_t n = strlen(out);
	snprintf(out + n, ADDR_TEXT_MAX - n, "@%u", addr_port(addr));
	return out;
}

uint16_t
addr_port(const struct addr *addr)
{
	if (addr_family(addr) == AF_INET6)
		return ntohs(addr->u.in6.sin6_port);
	return ntohs(addr->u.in4.sin_port);
}

void
addr_set_port(struct addr *addr, uint16_t port)
{
	if (addr_family(addr) == AF_INET6)
		addr->u.in6.sin6_port = htons(port);
	else
		addr->u.in4.sin_port = htons(port);
}

int
addr_family(const struct addr *addr)
{
	return addr->u.sa.sa_family;
}

socklen_t
addr_size(const struct addr *addr)
{
	return addr_family(addr) == AF_INET6 ? sizeof(addr->u.in6)
					     : sizeof(addr->u.in4);
}

enum err
addr_from_sockaddr(const struct sockaddr *sa, struct addr *addr)
{
	struct addr a = {0};
	if (sa->sa_family == AF_INET)
		memcpy(&a.u.in4, sa, sizeof(a.u.in4));
	else if (sa->sa_family == AF_INET6)
		memcpy(&a.u.in6, sa, sizeof(a.u.in6));
	else
		return ERR_UNSUPPORTED;
	*addr = a;
	return OK;
}

/* IPv4 as it looks on a socket that takes both (RFC 4291 section 2.5.5.2). */
static struct in6_addr
as_mapped(const struct addr *addr)
{
	if (addr_family(addr) == AF_INET6)
		return addr->u.in6.sin6_addr;
	struct in6_addr mapped = {.s6_addr = {[10] = 0xff, [11] = 0xff}};
	memcpy(&mapped.s6_addr[12], &addr->u.in4.sin_addr, 4);
	return mapped;
}

bool
addr_equal_host(const struct addr *a, const struct addr *b)
{
	struct in6_addr ma = as_mapped(a), mb = as_mapped(b);
	return memcmp(&ma, &mb, sizeof(ma)) == 0;
}

bool
addr_is_any(const struct addr *addr)
{
	if (addr_family(addr) == AF_INET)
		return addr->u.in4.sin_addr.s_addr == htonl(INADDR_ANY);
	return IN6_IS_ADDR_UNSPECIFIED(&addr->u.in6.sin6_addr);
}

bool
addr_equal(const struct addr *a, const struct addr *b)
{
	return addr_equal_host(a, b) && addr_port(a) == addr_port(b);
}
