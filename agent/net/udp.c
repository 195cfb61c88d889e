/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/net/udp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/proto/proto.h"
#include "lib/buf.h"
#include "lib/mem.h"

enum {
	QUEUE_MAX = 128,            /* replies that wait for the socket */
	QUEUE_OCTETS_MAX = 1 << 20, /* their sizes added up */
	ROUTES = 1024,              /* a power of 2 */
	BATCHES_A_WAKE = 4,
	RECEIVE_BUFFER = 1 << 20, /* asked of the kernel, which may grant less */
};

/* The address a datagram came to; family 0: not known, let the kernel choose. */
struct local {
	sa_family_t family;
	union {
		struct in_addr in4;
		struct in6_pktinfo in6;
	} u;
};

struct route {
	struct addr from;
	struct local local;
};

struct queued {
	struct addr to;
	struct local local;
	size_t at, size;
};

struct control {
	_Alignas(struct cmsghdr) char room[CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

struct udp {
	struct peer peer;
	struct hub *hub;
	struct proto_session *session;
	uv_poll_t poll;
	int fd;
	int events;
	bool blocked; /* the kernel's send buffer is full */
	bool draining;
	struct route now; /* of the request being handed over; from.family 0: none */
	/* Where later replies must leave from, by a hash of the peer's address;
	 * NULL when the socket has one address only. A collision costs the right
	 * source address of one late reply, and the client asks again. */
	struct route *routes;
	struct queued queue[QUEUE_MAX];
	size_t n_queued;
	struct buf octets;
};

/* -- source addresses ------------------------------------------------------ */

static struct route *
route_slot(const struct udp *udp, const struct addr *from)
{
	const uint8_t *octets = (const uint8_t *)&from->u.in4.sin_addr;
	size_t size = sizeof(from->u.in4.sin_addr);
	uint32_t hash = 2166136261u ^ addr_port(from);

	if (addr_family(from) == AF_INET6) {
		octets = from->u.in6.sin6_addr.s6_addr;
		size = sizeof(from->u.in6.sin6_addr);
	}
	for (size_t i = 0; i < size; i++)
		hash = (hash ^ octets[i]) * 16777619u;
	return &udp->routes[(hash ^ hash >> 16) & (ROUTES - 1)];
}

static struct local
local_of(struct msghdr *hdr)
{
	struct local local = {0};

	for (struct cmsghdr *c = CMSG_FIRSTHDR(hdr); c != NULL;
	     c = CMSG_NXTHDR(hdr, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo info;
			memcpy(&info, CMSG_DATA(c), sizeof(info));
			local.family = AF_INET;
			local.u.in4 = info.ipi_spec_dst;
		} else if (c->cmsg_level == IPPROTO_IPV6 &&
			   c->cmsg_type == IPV6_PKTINFO) {
			local.family = AF_INET6;
			memcpy(&local.u.in6, CMSG_DATA(c), sizeof(local.u.in6));
			/* Routing chooses the interface, where it can. */
			if (!IN6_IS_ADDR_LINKLOCAL(&local.u.in6.ipi6_addr))
				local.u.in6.ipi6_ifindex = 0;
		}
	}
	return local;
}

static struct local
local_for(const struct udp *udp, const struct addr *to)
{
	if (udp->routes == NULL)
		return (struct local){0};
	if (addr_family(&udp->now.from) != 0 && addr_equal(&udp->now.from, to))
		return udp->now.local;
	const struct route *r = route_slot(udp, to);
	if (addr_family(&r->from) != 0 && addr_equal(&r->from, to))
		return r->local;
	return (struct local){0};
}

static void
put_local(struct msghdr *hdr, struct control *control, const struct local *local)
{
	if (local->family == 0)
		return;
	memset(control, 0, sizeof(*control));
	hdr->msg_control = control;
	hdr->msg_controllen = sizeof(*control);
	struct cmsghdr *c = CMSG_FIRSTHDR(hdr);
	if (local->family == AF_INET) {
		struct in_pktinfo info = {.ipi_spec_dst = local->u.in4};
		c->cmsg_level = IPPROTO_IP;
		c->cmsg_type = IP_PKTINFO;
		c->cmsg_len = CMSG_LEN(sizeof(info));
		memcpy(CMSG_DATA(c), &info, sizeof(info));
		hdr->msg_controllen = CMSG_SPACE(sizeof(info));
	} else {
		c->cmsg_level = IPPROTO_IPV6;
		c->cmsg_type = IPV6_PKTINFO;
		c->cmsg_len = CMSG_LEN(sizeof(local->u.in6));
		memcpy(CMSG_DATA(c), &local->u.in6, sizeof(local->u.in6));
		hdr->msg_controllen = CMSG_SPACE(sizeof(local->u.in6));
	}
}

/* -- sending --------------------------------------------------------------- */

static int
send_batch(struct udp *udp, const struct queued *q, unsigned n)
{
	struct mmsghdr msgs[UDP_BATCH];
	struct iovec iov[UDP_BATCH];
	struct control control[UDP_BATCH];

	memset(msgs, 0, sizeof(msgs));
	for (unsigned i = 0; i < n; i++) {
		struct msghdr *hdr = &msgs[i].msg_hdr;
		iov[i].iov_base = udp->octets.data + q[i].at;
		iov[i].iov_len = q[i].size;
		hdr->msg_iov = &iov[i];
		hdr->msg_iovlen = 1;
		hdr->msg_name = (struct addr *)(uintptr_t)&q[i].to;
		hdr->msg_namelen = addr_size(&q[i].to);
		put_local(hdr, &control[i], &q[i].local);
	}
	return sendmmsg(udp->fd, msgs, n, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* Send until all is gone or the kernel has no room. */
static void
flush(struct udp *udp)
{
	size_t done = 0;

	udp->blocked = false;
	while (done < udp->n_queued && !udp->blocked) {
		size_t n = udp->n_queued - done;
		int sent = send_batch(udp, &udp->queue[done],
		    (unsigned)(n < UDP_BATCH ? n : UDP_BATCH));
		if (sent > 0) {
			done += (size_t)sent;
		} else if (errno == EAGAIN || errno == EWOULDBLOCK) {
			udp->blocked = true;
		} else if (errno != EINTR) {
			/* This one cannot be sent; the others may. */
			char to[ADDR_TEXT_MAX];
			hub_complain(udp->hub, "udp reply to=%s lost error=\"%s\"",
			    addr_print(&udp->queue[done].to, to),
			    mem_errno_text(errno));
			done++;
		}
	}
	if (done == udp->n_queued) {
		udp->n_queued = 0;
		buf_reset(&udp->octets);
	} else if (done > 0) {
		/* Their octets go when the queue is empty; the bound still holds. */
		udp->n_queued -= done;
		memmove(udp->queue, udp->queue + done,
		    udp->n_queued * sizeof(*udp->queue));
	}
}

void
udp_reply(struct udp *udp, const struct addr *to, const uint8_t *msg, size_t size)
{
	bool full =
	    udp->n_queued == QUEUE_MAX || udp->octets.size + size > QUEUE_OCTETS_MAX;

	if (full && !udp->blocked) {
		flush(udp);
		full = udp->n_queued == QUEUE_MAX ||
		       udp->octets.size + size > QUEUE_OCTETS_MAX;
	}
	if (full) {
		char text[ADDR_TEXT_MAX];
		hub_complain(udp->hub, "udp reply to=%s lost error=\"send queue full\"",
		    addr_print(to, text));
		return;
	}
	struct queued *q = &udp->queue[udp->n_queued++];
	*q = (struct queued){.to = *to, .local = local_for(udp, to)};
	q->at = udp->octets.size;
	q->size = size;
	buf_put(&udp->octets, msg, size);
}

/* -- reading --------------------------------------------------------------- */

static bool
is_paused(const struct udp *udp)
{
	/* The kernel's buffer holds what comes then, and drops what is too much. */
	return udp->draining || proto_outstanding(udp->session) >= HUB_OUTSTANDING_MAX;
}

static void
receive(struct udp *udp, struct msghdr *hdr, const struct sockaddr_storage *name,
    size_t size)
{
	if (addr_from_sockaddr((const struct sockaddr *)name, &udp->now.from) != OK ||
	    addr_port(&udp->now.from) == 0 || (hdr->msg_flags & MSG_TRUNC) != 0) {
		udp->now = (struct route){0};
		return; /* nobody to answer, or not what was sent */
	}
	if (udp->routes != NULL) {
		udp->now.local = local_of(hdr);
		*route_slot(udp, &udp->now.from) = udp->now;
	}
	proto_receive(udp->session, &udp->now.from, hdr->msg_iov->iov_base, size);
	udp->now = (struct route){0};
}

/* Returns how many datagrams there were. */
static int
read_batch(struct udp *udp)
{
	struct mmsghdr msgs[UDP_BATCH];
	struct iovec iov[UDP_BATCH];
	struct sockaddr_storage names[UDP_BATCH];
	struct control control[UDP_BATCH];

	memset(msgs, 0, sizeof(msgs));
	memset(names, 0, sizeof(names));
	for (unsigned i = 0; i < UDP_BATCH; i++) {
		struct msghdr *hdr = &msgs[i].msg_hdr;
		iov[i].iov_base = udp->hub->scratch + (size_t)i * HUB_CHUNK;
		iov[i].iov_len = HUB_CHUNK;
		hdr->msg_iov = &iov[i];
		hdr->msg_iovlen = 1;
		hdr->msg_name = &names[i];
		hdr->msg_namelen = sizeof(names[i]);
		hdr->msg_control = &control[i];
		hdr->msg_controllen = sizeof(control[i]);
	}
	int n = recvmmsg(udp->fd, msgs, UDP_BATCH, MSG_DONTWAIT, NULL);
	if (n < 0) {
		if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
			hub_complain(udp->hub, "udp read error=\"%s\"",
			    mem_errno_text(errno));
		return 0;
	}
	for (int i = 0; i < n; i++)
		receive(udp, &msgs[i].msg_hdr, &names[i], msgs[i].msg_len);
	return n;
}

static void
on_poll(uv_poll_t *poll, int status, int events)
{
	struct udp *udp = poll->data;

	(void)status; /* an error of the socket is read, and so cleared, below */
	(void)events;
	for (int i = 0; i < BATCHES_A_WAKE && !is_paused(udp); i++) {
		int n = read_batch(udp);
		flush(udp);
		if (n < UDP_BATCH)
			break;
	}
	udp_settle(udp);
}

void
udp_settle(struct udp *udp)
{
	if (udp->n_queued > 0)
		flush(udp);
	int events =
	    (is_paused(udp) ? 0 : UV_READABLE) | (udp->n_queued > 0 ? UV_WRITABLE : 0);
	/* After an error libuv has stopped the handle by itself. */
	if (events == udp->events &&
	    (events == 0 || uv_is_active((uv_handle_t *)&udp->poll)))
		return;
	udp->events = events;
	if (events == 0)
		uv_poll_stop(&udp->poll);
	else
		uv_poll_start(&udp->poll, events, on_poll);
}

/* -- life ------------------------------------------------------------------ */

static int
open_socket(const struct addr *addr)
{
	int family = addr_family(addr), one = 1;
	int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	bool ok = true;
	int room = RECEIVE_BUFFER;
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	if (family == AF_INET6)
		ok = setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) == 0;
	if (ok && addr_is_any(addr))
		ok = family == AF_INET6 ? setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO,
					      &one, sizeof(one)) == 0
					: setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &one,
					      sizeof(one)) == 0;
	if (ok && bind(fd, &addr->u.sa, addr_size(addr)) == 0)
		return fd;
	int error = errno;
	close(fd);
	errno = error;
	return -1;
}

enum err
udp_open(struct hub *hub, const struct addr *addr, struct udp **out)
{
	int fd = open_socket(addr);

	if (fd < 0)
		return ERR_IO;
	struct udp *udp = mem_zalloc(sizeof(*udp));
	udp->peer.kind = PEER_UDP;
	udp->hub = hub;
	udp->fd = fd;
	int rc = uv_poll_init(hub->loop, &udp->poll, fd);
	if (rc != 0) {
		close(fd);
		free(udp);
		errno = -rc;
		return ERR_IO;
	}
	hub_hold(hub);
	udp->poll.data = udp;
	if (addr_is_any(addr))
		udp->routes = mem_zalloc(ROUTES * sizeof(*udp->routes));
	buf_init(&udp->octets, 0);
	udp->session = proto_open(hub->proto, &udp->peer, TRANSPORT_UDP);
	udp_settle(udp);
	*out = udp;
	return OK;
}

static void
on_closed(uv_handle_t *handle)
{
	struct udp *udp = handle->data;
	struct hub *hub = udp->hub;

	buf_fini(&udp->octets);
	free(udp->routes);
	free(udp);
	hub_release(hub);
}

void
udp_drain(struct udp *udp)
{
	udp->draining = true;
	udp_settle(udp);
}

bool
udp_is_drained(const struct udp *udp)
{
	return proto_outstanding(udp->session) == 0 && udp->n_queued == 0;
}

void
udp_close(struct udp *udp)
{
	if (udp->n_queued > 0)
		flush(udp);
	proto_close(udp->session);
	uv_close((uv_handle_t *)&udp->poll, on_closed);
	close(udp->fd);
}
