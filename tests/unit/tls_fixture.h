/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_UNIT_TLS_FIXTURE_H
#define TESTS_UNIT_TLS_FIXTURE_H

#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "lib/tls.h"

/* Certificates of an authority of our own, as PEM files in a directory. */
struct pki {
	char dir[64];
	EVP_PKEY *key;
	X509 *cert; /* of the authority; DIR/ca.pem */
	long serial;
};

static inline const char *
pki_path(const struct pki *pki, const char *file)
{
	static char paths[64][160];
	static unsigned next;
	char *path = paths[next++ % 64];

	snprintf(path, sizeof(paths[0]), "%s/%s", pki->dir, file);
	return path;
}

static inline void
pki_write(const struct pki *pki, const char *file, const void *data, size_t size,
    unsigned mode)
{
	FILE *f = fopen(pki_path(pki, file), "w");
	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, size, f), size);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(pki_path(pki, file), mode), 0);
}

static inline void
pki_extension(X509 *cert, int nid, const char *value)
{
	X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
	assert_non_null(ext);
	assert_int_equal(X509_add_ext(cert, ext, -1), 1);
	X509_EXTENSION_free(ext);
}

/* Valid from begin_s to end_s after now, signed by the authority or by itself. */
static inline X509 *
pki_cert(struct pki *pki, EVP_PKEY *key, const char *cn, const char *san, long begin_s,
    long end_s)
{
	X509 *cert = X509_new();
	X509_NAME *name = X509_get_subject_name(cert);

	X509_set_version(cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), ++pki->serial);
	X509_gmtime_adj(X509_getm_notBefore(cert), begin_s);
	X509_gmtime_adj(X509_getm_notAfter(cert), end_s);
	X509_set_pubkey(cert, key);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)cn,
	    -1, -1, 0);
	X509_set_issuer_name(cert,
	    pki->cert != NULL ? X509_get_subject_name(pki->cert) : name);
	if (san != NULL)
		pki_extension(cert, NID_subject_alt_name, san);
	else
		pki_extension(cert, NID_basic_constraints, "critical,CA:TRUE");
	assert_true(
	    X509_sign(cert, pki->key != NULL ? pki->key : key, EVP_sha256()) > 0);
	return cert;
}

static inline void
pki_save(const struct pki *pki, const char *name, X509 *cert, EVP_PKEY *key)
{
	char file[64];
	BIO *bio = BIO_new(BIO_s_mem());
	char *data;

	assert_int_equal(PEM_write_bio_X509(bio, cert), 1);
	long size = BIO_get_mem_data(bio, &data);
	snprintf(file, sizeof(file), "%s.pem", name);
	pki_write(pki, file, data, (size_t)size, 0644);
	(void)BIO_reset(bio);
	assert_int_equal(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL),
	    1);
	size = BIO_get_mem_data(bio, &data);
	snprintf(file, sizeof(file), "%s.key", name);
	pki_write(pki, file, data, (size_t)size, 0600);
	BIO_free(bio);
}

/* NAME.pem and NAME.key. */
static inline void
pki_issue(struct pki *pki, const char *name, const char *san, long begin_s, long end_s)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = pki_cert(pki, key, name, san, begin_s, end_s);

	pki_save(pki, name, cert, key);
	X509_free(cert);
	EVP_PKEY_free(key);
}

/* ca, and hub for hub.example and 127.0.0.1. */
static inline struct pki *
pki_new(void)
{
	struct pki *pki = calloc(1, sizeof(*pki));

	assert_non_null(pki);
	strcpy(pki->dir, "/tmp/tls-test-XXXXXX");
	assert_non_null(mkdtemp(pki->dir));
	EVP_PKEY *key = EVP_EC_gen("P-256");
	pki->cert = pki_cert(pki, key, pki->dir, NULL, -3600, 86400);
	pki->key = key;
	pki_save(pki, "ca", pki->cert, pki->key);
	pki_issue(pki, "hub", "DNS:hub.example,IP:127.0.0.1", -3600, 3600);
	return pki;
}

static inline void
pki_free(struct pki *pki)
{
	char command[96];

	snprintf(command, sizeof(command), "rm -r %s", pki->dir);
	assert_int_equal(system(command), 0);
	X509_free(pki->cert);
	EVP_PKEY_free(pki->key);
	free(pki);
}

/* NULL for none of them. */
static inline struct tls_ctx *
pki_server(const struct pki *pki, const char *cert, const char *key, const char *ca)
{
	struct tls_files files = {cert != NULL ? pki_path(pki, cert) : NULL,
	    key != NULL ? pki_path(pki, key) : NULL,
	    ca != NULL ? pki_path(pki, ca) : NULL};
	struct err_where where = {0};
	struct tls_ctx *ctx = NULL;

	if (tls_server_new(&files, &where, &ctx) != OK)
		fail_msg("%s: %s", where.file, where.what);
	return ctx;
}

static inline struct tls_ctx *
pki_client(const struct pki *pki, const char *cert, const char *key, const char *ca)
{
	struct tls_files files = {cert != NULL ? pki_path(pki, cert) : NULL,
	    key != NULL ? pki_path(pki, key) : NULL,
	    ca != NULL ? pki_path(pki, ca) : NULL};
	struct err_where where = {0};
	struct tls_ctx *ctx = NULL;

	if (tls_client_new(&files, &where, &ctx) != OK)
		fail_msg("%s: %s", where.file, where.what);
	return ctx;
}

#endif
