/* base/crypto.h: the few operations we use of OpenSSL, with sizes in their types. Only crypto.c includes it. */
#ifndef DM_BASE_CRYPTO_H
#define DM_BASE_CRYPTO_H

#include "base/buf.h"

enum { DM_SHA256 = 32, DM_ED25519_KEY = 32, DM_ED25519_SIG = 64 };

typedef struct dm_digest {
    uint8_t b[DM_SHA256];
} dm_digest;

int dm_sha256(dm_str data, dm_digest *out, dm_err *err) DM_NODISCARD;
/* Of several pieces one after the other. */
int dm_sha256_parts(const dm_str *parts, size_t n, dm_digest *out, dm_err *err) DM_NODISCARD;
/* One beginning with many ends: the beginning is hashed once. Not thread-safe. */
typedef struct dm_sha256_stem dm_sha256_stem;
int dm_sha256_stem_new(dm_str stem, dm_sha256_stem **out, dm_err *err) DM_NODISCARD;
void dm_sha256_stem_free(dm_sha256_stem *s);
DM_DEFINE_FREEP(dm_sha256_stem)
int dm_sha256_stem_end(dm_sha256_stem *s, const dm_str *ends, size_t n, dm_digest *out, dm_err *err) DM_NODISCARD;

/* What comes in pieces, as a file does. Not thread-safe. */
typedef struct dm_sha256_sum dm_sha256_sum;
int dm_sha256_sum_new(dm_sha256_sum **out, dm_err *err) DM_NODISCARD;
void dm_sha256_sum_free(dm_sha256_sum *s);
DM_DEFINE_FREEP(dm_sha256_sum)
int dm_sha256_sum_add(dm_sha256_sum *s, dm_str piece, dm_err *err) DM_NODISCARD;
int dm_sha256_sum_end(dm_sha256_sum *s, dm_digest *out, dm_err *err) DM_NODISCARD; /* once, and the last call */

int dm_hmac_sha256(dm_str key, dm_str data, dm_digest *out, dm_err *err) DM_NODISCARD;
/* For one-time codes (RFC 6238), whose apps know nothing else. */
enum { DM_SHA1 = 20 };
int dm_hmac_sha1(dm_str key, dm_str data, uint8_t out[DM_SHA1], dm_err *err) DM_NODISCARD;

/* A shared key in a file: 64 hex digits, mode 0600. DM_E_NOTFOUND; DM_E_DENIED when others may read it. */
enum { DM_KEY = 32 };
int dm_key_read(const char *path, uint8_t key[DM_KEY], dm_err *err) DM_NODISCARD;

/* A tag that only holders of the key can make, at several bytes a cycle: AES-256-GMAC. Its nonces never come twice
 * under one key, or the key is given away: random ones, made with the message. The key's schedule is made once for many
 * messages; not thread-safe. */
enum { DM_MAC_NONCE = 12, DM_MAC_TAG = 16 };
typedef struct dm_mac dm_mac;
int dm_mac_new(const uint8_t key[DM_KEY], dm_mac **out, dm_err *err) DM_NODISCARD;
void dm_mac_free(dm_mac *m);
DM_DEFINE_FREEP(dm_mac)
int dm_mac_tag(
        dm_mac *m, const uint8_t nonce[DM_MAC_NONCE], dm_str data, uint8_t tag[DM_MAC_TAG], dm_err *err) DM_NODISCARD;
/* In constant time. */
bool dm_mac_ok(dm_mac *m, const uint8_t nonce[DM_MAC_NONCE], dm_str data, const uint8_t tag[DM_MAC_TAG]);

/* From the kernel; a failure here is a reason to stop. */
int dm_random(void *p, size_t n, dm_err *err) DM_NODISCARD;

typedef struct dm_sign_key dm_sign_key; /* an Ed25519 pair */

typedef struct dm_public_key {
    uint8_t b[DM_ED25519_KEY];
} dm_public_key;

typedef struct dm_signature {
    uint8_t b[DM_ED25519_SIG];
} dm_signature;

/* Reads the seed (64 hex digits) from a file of mode 0600, making it first when there is none. */
int dm_sign_key_open(const char *path, dm_sign_key **out, dm_err *err) DM_NODISCARD;
void dm_sign_key_free(dm_sign_key *k);
DM_DEFINE_FREEP(dm_sign_key)
void dm_sign_key_public(const dm_sign_key *k, dm_public_key *out);
int dm_sign(const dm_sign_key *k, dm_str data, dm_signature *out, dm_err *err) DM_NODISCARD;
bool dm_verify(const dm_public_key *k, dm_str data, const dm_signature *sig);

/* A new pair for ES256 (ECDSA over P-256), as PEM, for the library that speaks JWT. The caller wipes the private one.
 */
int dm_es256_new(dm_buf *private_pem, dm_buf *public_pem, dm_err *err) DM_NODISCARD;

/* Secrets at rest: AES-256-GCM under a 32-byte key; bound is authenticated beside it (say which row it is for).
 * sealed = version byte, 12-byte nonce, ciphertext, 16-byte tag. open fails with DM_E_CORRUPT. */
int dm_seal(const uint8_t key[32], dm_str bound, dm_str plain, dm_buf *sealed, dm_err *err) DM_NODISCARD;
int dm_unseal(const uint8_t key[32], dm_str bound, dm_str sealed, dm_buf *plain, dm_err *err) DM_NODISCARD;

#endif
