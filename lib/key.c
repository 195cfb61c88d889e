/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/key.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "lib/mem.h"

static const struct {
	const char *text;
	char digest[8]; /* OpenSSL's name of the hash */
	size_t mac_size;
	struct dname name;
} algs[] = {
    [KEY_SHA256] = {"hmac-sha256", "SHA256", 32, {13, "\013hmac-sha256"}},
    [KEY_SHA384] = {"hmac-sha384", "SHA384", 48, {13, "\013hmac-sha384"}},
    [KEY_SHA512] = {"hmac-sha512", "SHA512", 64, {13, "\013hmac-sha512"}},
};
enum { N_ALGS = sizeof(algs) / sizeof(algs[0]) };

struct key {
	atomic_uint n_refs;
	struct dname name;
	char text[DNAME_TEXT_MAX];
	enum key_alg alg;
	/*
	 * The HMAC with the key already hashed in. Threads only ever copy it:
	 * never updated after key_new(), it needs no lock.
	 */
	EVP_MAC_CTX *mac;
	/* One that was used, and is begun again without an allocation. */
	EVP_MAC_CTX *_Atomic spare;
	size_t size;
	uint8_t secret[KEY_SECRET_MAX];
};

/* -- algorithms ----------------------------------------------------------- */

enum err
key_alg_parse(const char *text, enum key_alg *alg)
{
	/* Known to others, and refused: too weak, truncated, or no shared secret. */
	static const char *const refused[] = {"hmac-md5", "hmac-md5.sig-alg.reg.int",
	    "hmac-sha1", "hmac-sha224", "hmac-sha1-80", "hmac-sha224-112",
	    "hmac-sha256-128", "hmac-sha384-192", "hmac-sha512-256", "gss-tsig"};
	char plain[32];
	size_t size = strlen(text);

	if (size > 0 && text[size - 1] == '.')
		size--;
	if (size >= sizeof(plain))
		return ERR_INVALID;
	memcpy(plain, text, size);
	plain[size] = '\0';
	for (size_t i = 0; i < N_ALGS; i++) {
		if (strcasecmp(plain, algs[i].text) == 0) {
			*alg = (enum key_alg)i;
			return OK;
		}
	}
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		if (strcasecmp(plain, refused[i]) == 0)
			return ERR_UNSUPPORTED;
	}
	return ERR_INVALID;
}

const char *
key_alg_str(enum key_alg alg)
{
	return algs[alg].text;
}

const struct dname *
key_alg_name(enum key_alg alg)
{
	return &algs[alg].name;
}

size_t
key_alg_mac_size(enum key_alg alg)
{
	return algs[alg].mac_size;
}

/* -- one key -------------------------------------------------------------- */

static EVP_MAC_CTX *
mac_template(enum key_alg alg, const uint8_t *secret, size_t size)
{
	char digest[sizeof(algs[0].digest)];
	EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *mac = hmac != NULL ? EVP_MAC_CTX_new(hmac) : NULL;

	memcpy(digest, algs[alg].digest, sizeof(digest));
	OSSL_PARAM params[] = {
	    OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
	    OSSL_PARAM_construct_end(),
	};
	if (mac != NULL && EVP_MAC_init(mac, secret, size, params) != 1) {
		EVP_MAC_CTX_free(mac);
		mac = NULL;
	}
	EVP_MAC_free(hmac); /* the context has a reference of its own */
	return mac;
}

enum err
key_new(const struct dname *name, enum key_alg alg, const uint8_t *secret, size_t size,
    struct key **key)
{
	if (size == 0 || size > KEY_SECRET_MAX)
		return ERR_INVALID;
	EVP_MAC_CTX *mac = mac_template(alg, secret, size);
	if (mac == NULL)
		return ERR_IO;
	struct key *k = mem_zalloc(sizeof(*k));
	atomic_init(&k->n_refs, 1);
	k->name = *name;
	dname_print_short(name, k->text);
	k->alg = alg;
	k->mac = mac;
	atomic_init(&k->spare, NULL);
	k->size = size;
	memcpy(k->secret, secret, size);
	*key = k;
	return OK;
}

struct key *
key_ref(struct key *key)
{
	atomic_fetch_add_explicit(&key->n_refs, 1, memory_order_relaxed);
	return key;
}

void
key_unref(struct key *key)
{
	if (key == NULL ||
	    atomic_fetch_sub_explicit(&key->n_refs, 1, memory_order_acq_rel) > 1)
		return;
	EVP_MAC_CTX_free(key->mac); /* wipes the copy of the secret in it */
	EVP_MAC_CTX_free(atomic_load(&key->spare));
	mem_wipe(key->secret, sizeof(key->secret));
	free(key);
}

const struct dname *
key_name(const struct key *key)
{
	return &key->name;
}

const char *
key_name_text(const struct key *key)
{
	return key->text;
}

enum key_alg
key_algorithm(const struct key *key)
{
	return key->alg;
}

bool
key_equal(const struct key *a, const struct key *b)
{
	return dname_equal(&a->name, &b->name) && a->alg == b->alg &&
	       a->size == b->size && CRYPTO_memcmp(a->secret, b->secret, a->size) == 0;
}

const uint8_t *
key_secret(const struct key *key, size_t *size)
{
	*size = key->size;
	return key->secret;
}

struct evp_mac_ctx_st *
key_mac_new(const struct key *key)
{
	return EVP_MAC_CTX_dup(key->mac);
}

struct evp_mac_ctx_st *
key_mac_take(struct key *key)
{
	EVP_MAC_CTX *mac = atomic_exchange(&key->spare, NULL);

	if (mac != NULL && EVP_MAC_init(mac, NULL, 0, NULL) == 1)
		return mac;
	EVP_MAC_CTX_free(mac);
	return key_mac_new(key);
}

void
key_mac_give(struct key *key, struct evp_mac_ctx_st *mac)
{
	EVP_MAC_CTX_free(atomic_exchange(&key->spare, mac));
}

enum err
key_generate(const struct dname *name, enum key_alg alg, struct key **key)
{
	uint8_t secret[64];
	size_t size = algs[alg].mac_size;

	assert(size <= sizeof(secret));
	if (RAND_priv_bytes(secret, (int)size) != 1)
		return ERR_IO;
	enum err err = key_new(name, alg, secret, size, key);
	mem_wipe(secret, sizeof(secret));
	return err;
}

/* -- base64 --------------------------------------------------------------- */

static int
base64_value(char c)
{
	static const char digits[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c != '\0' ? strchr(digits, c) : NULL;

	return at != NULL ? (int)(at - digits) : -1;
}

/*
 * Four digits to at most three octets; returns how many, 0 if malformed. Bits
 * that a pad makes void must be 0 (RFC 4648 section 3.5): one secret, one text.
 */
static size_t
base64_quad(const char *in, bool last, uint8_t out[static 3])
{
	size_t n_pad = 0;
	uint32_t bits = 0;

	if (last && in[3] == '=')
		n_pad = in[2] == '=' ? 2 : 1;
	for (size_t i = 0; i < 4; i++) {
		int value = i < 4 - n_pad ? base64_value(in[i]) : 0;
		if (value < 0)
			return 0;
		bits = bits << 6 | (uint32_t)value;
	}
	if ((bits & ((1u << 8 * n_pad) - 1)) != 0)
		return 0;
	out[0] = (uint8_t)(bits >> 16);
	out[1] = (uint8_t)(bits >> 8);
	out[2] = (uint8_t)bits;
	return 3 - n_pad;
}

enum err
key_secret_parse(const char *base64, uint8_t secret[static KEY_SECRET_MAX],
    size_t *size)
{
	size_t left = strlen(base64), used = 0;

	if (left == 0 || left % 4 != 0)
		return ERR_FORM;
	for (; left > 0; base64 += 4, left -= 4) {
		uint8_t octets[3];
		size_t n = base64_quad(base64, left == 4, octets);
		if (n == 0)
			return ERR_FORM;
		if (used + n > KEY_SECRET_MAX)
			return ERR_RANGE;
		memcpy(secret + used, octets, n);
		used += n;
	}
	*size = used;
	return OK;
}

void
key_secret_print(const struct key *key, struct buf *out)
{
	uint8_t text[(KEY_SECRET_MAX + 2) / 3 * 4 + 1];
	int size = EVP_EncodeBlock(text, key->secret, (int)key->size);

	buf_put(out, text, (size_t)size);
	mem_wipe(text, sizeof(text));
}

/* -- sets of keys --------------------------------------------------------- */

struct keyring {
	unsigned refs;     /* atomic */
	struct key **keys; /* in canonical order of their names */
	size_t n_keys, room;
};

struct keyring *
keyring_new(void)
{
	struct keyring *ring = mem_zalloc(sizeof(*ring));

	ring->refs = 1;
	return ring;
}

struct keyring *
keyring_ref(struct keyring *ring)
{
	__atomic_add_fetch(&ring->refs, 1, __ATOMIC_RELAXED);
	return ring;
}

void
keyring_unref(struct keyring *ring)
{
	if (ring == NULL || __atomic_sub_fetch(&ring->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	for (size_t i = 0; i < ring->n_keys; i++)
		key_unref(ring->keys[i]);
	free(ring->keys);
	free(ring);
}

/* The place of the first key not before name. */
static size_t
ring_place(const struct keyring *ring, const struct dname *name)
{
	size_t low = 0, high = ring->n_keys;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (dname_compare(&ring->keys[mid]->name, name) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

enum err
keyring_add(struct keyring *ring, struct key *key)
{
	size_t place = ring_place(ring, &key->name);

	if (place < ring->n_keys && dname_equal(&ring->keys[place]->name, &key->name))
		return ERR_EXISTS;
	ring->keys =
	    mem_grow(ring->keys, ring->n_keys, &ring->room, sizeof(*ring->keys));
	memmove(ring->keys + place + 1, ring->keys + place,
	    (ring->n_keys - place) * sizeof(*ring->keys));
	ring->keys[place] = key_ref(key);
	ring->n_keys++;
	return OK;
}

struct key *
keyring_find(const struct keyring *ring, const struct dname *name)
{
	size_t place = ring_place(ring, name);

	if (place < ring->n_keys && dname_equal(&ring->keys[place]->name, name))
		return ring->keys[place];
	return NULL;
}

struct key *
keyring_at(const struct keyring *ring, size_t n)
{
	return n < ring->n_keys ? ring->keys[n] : NULL;
}

bool
keyring_equal(const struct keyring *a, const struct keyring *b)
{
	if (a->n_keys != b->n_keys)
		return false;
	for (size_t i = 0; i < a->n_keys; i++)
		if (!key_equal(a->keys[i], b->keys[i]))
			return false;
	return true;
}
