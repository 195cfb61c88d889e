/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_PROTO_PROTO_H
#define AGENT_PROTO_PROTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/store/store.h"
#include "lib/addr.h"
#include "lib/dname.h"
#include "lib/key.h"
#include "lib/limit.h"

/*
 * The DNS control protocol, without sockets: a message in, effects out. One
 * thread (the event loop's) calls everything here; UPDATEs are run by the
 * store's writer and come back through store_reap().
 */

/* -- what the agent is: handed over whole, and again on reload -------------- */

enum right {
	RIGHT_READ = 1,    /* query and transfer */
	RIGHT_UPDATE = 2,  /* write C */
	RIGHT_COMMAND = 4, /* verbs */
	RIGHT_ADMIN = 8,   /* release, lock, reconfigure */
};

struct proto_key {
	struct key *key;
	unsigned rights;     /* of enum right, or-ed */
	struct dname *zones; /* suffixes; none: any zone */
	size_t n_zones;
	char **patterns; /* globs; none: any pattern */
	size_t n_patterns;
	/* 0: no limit */
	unsigned max_rate; /* requests a second */
	unsigned max_connections, max_transfers;
	struct key_use *use; /* this room's own */
};

/* A primary to follow, or whom to notify. */
struct proto_remote {
	struct addr addr;
	struct key *key; /* NULL: unsigned */
	char tls[256];   /* name that its certificate must have; "": plain TCP */
};

struct proto_catalog {
	char label[64]; /* of [catalog label] */
	struct dname name;
	uint8_t nr; /* in the store */
	bool primary;
	char default_pattern[64];
	unsigned max_transaction; /* records */
	unsigned max_lock_s;
	struct limit limit;     /* of removals */
	unsigned apply_delay_s; /* until its changes reach the backends */
	/* Of a follower, in the order they are asked; one at least. */
	struct proto_remote *primaries;
	size_t n_primaries;
	struct proto_remote *notify; /* told of changes */
	size_t n_notify;
	uint64_t max_records; /* of a transfer to us; 0: 20,000,000 */
};

struct proto_backend {
	char name[64];
	char driver[16];
	uint8_t nr;              /* in the store */
	const uint8_t *catalogs; /* numbers of those it serves */
	size_t n_catalogs;
};

struct proto_conf {
	char agent[64]; /* name */
	char version[32];
	struct proto_key *keys;
	size_t n_keys;
	struct proto_catalog *catalogs;
	size_t n_catalogs;
	struct proto_backend *backends;
	size_t n_backends;
	uint64_t started; /* Unix time; UPDATEs signed before it are refused */
};

/* -- effects, carried out by agent/net -------------------------------------- */

struct proto_session;
struct proto_transfer;

struct proto_effects {
	/* Send one message to the peer of the session; `to` only matters for UDP. */
	void (
	    *reply)(void *peer, const struct addr *to, const uint8_t *msg, size_t size);
	/* Stream a transfer: call proto_transfer_next() whenever there is room, in
	 * turn with the session's other replies; owns t. */
	void (*transfer)(void *peer, struct proto_transfer *t);
	/* Close the connection after what is queued was sent. Not for UDP. */
	void (*close)(void *peer);
};

/*
 * What the agent asks of others. A call is one connection: up() once it stands, TLS
 * and all; message() for each that comes, without its length; down() when it has
 * ended, or could not be had, after which the line is void. Never from within
 * call(). The other three may be used from within any of them; after hang_up()
 * nothing more is heard. The timer is one: it is set anew each time, and fires once.
 */
struct proto_call {
	void (*up)(struct proto_call *call);
	void (*message)(struct proto_call *call, const uint8_t *msg, size_t size);
	void (*down)(struct proto_call *call, const char *why);
};

struct proto_outward {
	/* tls: as in struct proto_remote. Returns the line. */
	void *(*call)(void *net, struct proto_call *call, const struct addr *server,
	    const char *tls);
	/* The same by UDP, where up() says nothing of the other end, and what is sent
	 * may be lost without a word; NULL: there is none. */
	void *(
	    *call_udp)(void *net, struct proto_call *call, const struct addr *server);
	void (*send)(void *line, const uint8_t *msg, size_t size);
	void (*hang_up)(void *line);
	void (*timer)(void *net, uint64_t after_ms, void (*fn)(void *arg), void *arg);
	uint64_t (*now_ms)(void *net); /* monotonic */
};

enum transport { TRANSPORT_UDP, TRANSPORT_TCP, TRANSPORT_TLS };

/* -- life -------------------------------------------------------------------- */

struct proto;

/* Borrows conf until proto_free() or the next proto_reload(). */
struct proto *proto_new(struct store *store, const struct proto_conf *conf,
    const struct proto_effects *effects);
void proto_free(struct proto *proto);
/* Sessions and outstanding UPDATEs live on. */
void proto_reload(struct proto *proto, const struct proto_conf *conf);
/* Begin to follow primaries and to notify followers; until then, and after
 * proto_leave(), which hangs up, no call is made. */
void proto_go_out(struct proto *proto, const struct proto_outward *outward, void *net);
void proto_leave(struct proto *proto);
/* The verb reconfigure: fn is called in the loop's thread, from store_reap(),
 * once such an UPDATE was committed and answered. It may call proto_reload(). */
void proto_on_reconfigure(struct proto *proto, void (*fn)(void *arg), void *arg);

/* One per connection; one for each UDP socket. peer is handed to the effects. */
struct proto_session *proto_open(struct proto *proto, void *peer,
    enum transport transport);
/* No effect reaches the peer afterwards; outstanding UPDATEs are still applied. */
void proto_close(struct proto_session *session);
/* Requests whose reply is still to come. */
unsigned proto_outstanding(const struct proto_session *session);

/* Somebody whose key we know has signed on this connection. */
bool proto_is_known(const struct proto_session *session);
/* Has begun a transaction or may hold a lock: not idle, though nothing comes. */
bool proto_is_engaged(const struct proto_session *session);

/* One message, without its TCP length. Never fails: what cannot be answered is
 * dropped. The bytes are not kept. */
void proto_receive(struct proto_session *session, const struct addr *from,
    const uint8_t *msg, size_t size);

/* -- transfers ---------------------------------------------------------------- */

/*
 * Write the next message of at most room (MSG_MAX) octets. *last: it was the
 * last one. Any failure: close the connection (RFC 5936 section 2.2).
 */
NODISCARD enum err proto_transfer_next(struct proto_transfer *t, uint8_t *out,
    size_t room, size_t *size, bool *last);
/* How long its snapshot has been open; net ends transfers that are too old. */
uint64_t proto_transfer_age_ms(const struct proto_transfer *t);
void proto_transfer_free(struct proto_transfer *t);

#endif
