/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIB_TSIG_H
#define LIB_TSIG_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/key.h"
#include "lib/msg.h"
#include "lib/wire.h"

/*
 * TSIG, RFC 8945, both sides. The order of checks is key, MAC, time,
 * truncation (section 5.2). The key fixes the algorithm. Only full MACs are
 * accepted. Every message of ours is signed; of a peer's reply every one must be, but
 * for those in the midst of a transfer (section 5.3.1), where it is allowed.
 * The time signed may differ from ours by the peer's fudge, but never by more
 * than TSIG_FUDGE.
 */

enum { TSIG_MAC_MAX = 64, TSIG_FUDGE = 300, TSIG_SIZE_MAX = 700 };

enum tsig_verdict {
	TSIG_GOOD,
	TSIG_NONE,     /* not signed */
	TSIG_FORMERR,  /* FORMERR, unsigned */
	TSIG_BADKEY,   /* NOTAUTH, unsigned TSIG */
	TSIG_BADSIG,   /* NOTAUTH, unsigned TSIG */
	TSIG_BADTIME,  /* NOTAUTH, signed, with our time */
	TSIG_BADTRUNC, /* NOTAUTH, signed */
};

/* One signed exchange: a request and its one or many replies. Plain data. */
struct tsig {
	enum tsig_verdict verdict;
	struct key *key;       /* borrowed from the keyring; NULL unless it was found */
	struct dname key_name; /* as on the wire: for the BADKEY reply */
	struct dname alg_name;
	uint64_t time_signed;
	uint16_t fudge;
	uint16_t original_id;
	uint8_t mac[TSIG_MAC_MAX]; /* of the last message of the exchange */
	uint8_t mac_size;
	unsigned n_replies; /* signed or verified so far */
};

typedef struct key *tsig_find_key_fn(void *arg, const struct dname *name);

/* Server: check a request. Fills *tsig whatever the verdict. now: Unix time. */
enum tsig_verdict tsig_verify_request(const struct msg *msg, tsig_find_key_fn *find,
    void *arg, uint64_t now, struct tsig *tsig);

/*
 * Server: append the TSIG that the verdict asks for (none for NONE and
 * FORMERR) to the reply in out, which must leave TSIG_SIZE_MAX octets of room.
 * The second and later replies of one exchange use the timers-only digest
 * (section 5.3.1). ERR_SPACE, or ERR_IO when the crypto library fails; the
 * message is then as it was.
 */
NODISCARD enum err tsig_sign_reply(struct tsig *tsig, struct wire_out *out,
    uint64_t now);

/* Octets that tsig_sign_reply will append at most, for this exchange. */
size_t tsig_room(const struct tsig *tsig);

/* Client: sign a request; *tsig then verifies its replies. */
NODISCARD enum err tsig_sign_request(struct key *key, struct wire_out *out,
    uint64_t now, struct tsig *tsig);

/*
 * Client: check the next reply; its id is the caller's to compare. ERR_AUTH: not
 * signed, or wrongly; *rcode then has the TSIG error field of an unsigned TSIG
 * (a hint, nobody vouches for it) or of a signed one (BADTIME), RCODE_BADTIME
 * when a good signature is out of time by our clock, or 0. *tsig advances on
 * success only.
 */
NODISCARD enum err tsig_verify_reply(struct tsig *tsig, const struct msg *msg,
    uint64_t now, unsigned *rcode);

/*
 * Client, of a transfer: the messages since the last signed one, whose signature is
 * still to come (section 5.3.1). All zero: none yet.
 */
struct tsig_gap {
	struct evp_mac_ctx_st *mac; /* what of the digest there is; NULL: nothing */
	unsigned n;                 /* not vouched for so far; must be 0 at the end */
};

enum { TSIG_GAP_MAX = 99 };

/*
 * The same as tsig_verify_reply(), but a message without TSIG is taken into the gap,
 * unless it is the first of all or one more than TSIG_GAP_MAX: then it is ERR_AUTH.
 */
NODISCARD enum err tsig_verify_next(struct tsig *tsig, struct tsig_gap *gap,
    const struct msg *msg, uint64_t now, unsigned *rcode);
void tsig_gap_fini(struct tsig_gap *gap);

#endif
