/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIB_KEY_H
#define LIB_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/dname.h"
#include "lib/err.h"

/*
 * TSIG keys: algorithm, secret, and the two ways they are written (in a
 * [key] section, and in a file as tsig-keygen prints and `nsupdate -k` reads).
 */

enum key_alg { KEY_SHA256, KEY_SHA384, KEY_SHA512 };
enum { KEY_SECRET_MAX = 512 };

struct evp_mac_ctx_st; /* OpenSSL's EVP_MAC_CTX */
struct key;            /* immutable once made; shared by reference count, any thread */

/*
 * ERR_INVALID: no octets, or more than KEY_SECRET_MAX. ERR_IO: the crypto
 * library failed. The secret is copied.
 */
NODISCARD enum err key_new(const struct dname *name, enum key_alg alg,
    const uint8_t *secret, size_t size, struct key **key);
struct key *key_ref(struct key *key);
void key_unref(struct key *key); /* takes NULL; wipes the secret with the last one */

const struct dname *key_name(const struct key *key);
const char *key_name_text(const struct key *key); /* without the final dot */
enum key_alg key_algorithm(const struct key *key);
/* The same name, algorithm and secret. */
bool key_equal(const struct key *a, const struct key *b);
const uint8_t *key_secret(const struct key *key, size_t *size);

/*
 * A new HMAC computation with this key, to be fed by EVP_MAC_update() and
 * freed by EVP_MAC_CTX_free(). Any thread. NULL: the crypto library failed.
 */
struct evp_mac_ctx_st *key_mac_new(const struct key *key);
/* The same, to be given back by key_mac_give() (also NULL, or after a failure) instead
 * of freed: mostly without an allocation. Any thread. */
struct evp_mac_ctx_st *key_mac_take(struct key *key);
void key_mac_give(struct key *key, struct evp_mac_ctx_st *mac);

/* "hmac-sha256", "hmac-sha384", "hmac-sha512" (any case, final dot allowed).
 * ERR_UNSUPPORTED: hmac-md5, hmac-sha1 and the like, refused on purpose;
 * ERR_INVALID: no algorithm. */
NODISCARD enum err key_alg_parse(const char *text, enum key_alg *alg);
const char *key_alg_str(enum key_alg alg);
const struct dname *key_alg_name(enum key_alg alg);
size_t key_alg_mac_size(enum key_alg alg);

/* Standard base64, no blanks. ERR_FORM, ERR_RANGE. */
NODISCARD enum err key_secret_parse(const char *base64,
    uint8_t secret[static KEY_SECRET_MAX], size_t *size);
void key_secret_print(const struct key *key, struct buf *out);

/*
 * The first key of a file in named.conf form:
 *     key "name" { algorithm hmac-sha256; secret "base64"; };
 * Comments of all three kinds are passed over; what follows the first key is
 * not looked at. A file that others can read or write is refused. Fails with
 * *where filled: ERR_NOTFOUND or ERR_IO (the file, the crypto library),
 * ERR_INVALID.
 */
NODISCARD enum err key_load(const char *path, struct key **key,
    struct err_where *where);
/* The parser alone, for tests and fuzzing. text need not end in a NUL. */
NODISCARD enum err key_parse(const char *text, size_t size, const char *path,
    struct key **key, struct err_where *where);

/* A new random key, and its file form. */
NODISCARD enum err key_generate(const struct dname *name, enum key_alg alg,
    struct key **key);
void key_print(const struct key *key, struct buf *out);

/* A set of keys by name. Not changed any more once it is shared, so that any thread
 * may look into it; replaced as a whole on reload. */
struct keyring;
struct keyring *keyring_new(void);
struct keyring *keyring_ref(struct keyring *ring);
void keyring_unref(struct keyring *ring); /* takes NULL */
/* Holds a reference of its own to the key. ERR_EXISTS. */
NODISCARD enum err keyring_add(struct keyring *ring, struct key *key);
struct key *keyring_find(const struct keyring *ring,
    const struct dname *name); /* or NULL */
/* In canonical order of names; NULL past the last. */
struct key *keyring_at(const struct keyring *ring, size_t n);
/* The same names, algorithms and secrets. */
bool keyring_equal(const struct keyring *a, const struct keyring *b);

#endif
