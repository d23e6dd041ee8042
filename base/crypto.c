#include "base/crypto.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/parse.h"

/* OpenSSL's own error words stay out of messages: nothing here fails for a reason that they would explain, and their
 * queue is a thread's global state. */

static inline void md_ctx_free(EVP_MD_CTX **c)
{
    EVP_MD_CTX_free(*c);
}

static inline void cipher_ctx_free(EVP_CIPHER_CTX **c)
{
    EVP_CIPHER_CTX_free(*c);
}

static inline void pkey_free(EVP_PKEY **k)
{
    EVP_PKEY_free(*k);
}

#define AUTO_MD_CTX __attribute__((cleanup(md_ctx_free), unused)) EVP_MD_CTX *
#define AUTO_CIPHER_CTX __attribute__((cleanup(cipher_ctx_free), unused)) EVP_CIPHER_CTX *
#define AUTO_PKEY __attribute__((cleanup(pkey_free), unused)) EVP_PKEY *

static const uint8_t *bytes_of(dm_str s)
{
    return (const uint8_t *)(s.p != NULL ? s.p : "");
}

/* --- digests ------------------------------------------------------------------------------------------------ */

static int finish(EVP_MD_CTX *c, bool ok, const dm_str *parts, size_t n, dm_digest *out, dm_err *err)
{
    dm_digest d;
    for (size_t i = 0; ok && i < n; i++)
        ok = EVP_DigestUpdate(c, bytes_of(parts[i]), parts[i].n) == 1;
    if (!ok || EVP_DigestFinal_ex(c, d.b, NULL) != 1)
        return dm_fail(err, DM_E_INTERNAL, "SHA-256 failed");
    *out = d;
    return 0;
}

int dm_sha256_parts(const dm_str *parts, size_t n, dm_digest *out, dm_err *err)
{
    AUTO_MD_CTX c = EVP_MD_CTX_new();
    if (c == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for a digest");
    return finish(c, EVP_DigestInit_ex2(c, EVP_sha256(), NULL) == 1, parts, n, out, err);
}

int dm_sha256(dm_str data, dm_digest *out, dm_err *err)
{
    return dm_sha256_parts(&data, 1, out, err);
}

struct dm_sha256_stem {
    EVP_MD_CTX *stem, *work;
};

int dm_sha256_stem_new(dm_str stem, dm_sha256_stem **out, dm_err *err)
{
    DM_AUTO(dm_sha256_stem) s = calloc(1, sizeof *s);
    if (s == NULL || (s->stem = EVP_MD_CTX_new()) == NULL || (s->work = EVP_MD_CTX_new()) == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for a digest");
    if (EVP_DigestInit_ex2(s->stem, EVP_sha256(), NULL) != 1 || EVP_DigestUpdate(s->stem, bytes_of(stem), stem.n) != 1)
        return dm_fail(err, DM_E_INTERNAL, "SHA-256 failed");
    *out = dm_steal(&s);
    return 0;
}

void dm_sha256_stem_free(dm_sha256_stem *s)
{
    if (s == NULL)
        return;
    EVP_MD_CTX_free(s->stem);
    EVP_MD_CTX_free(s->work);
    free(s);
}

int dm_sha256_stem_end(dm_sha256_stem *s, const dm_str *ends, size_t n, dm_digest *out, dm_err *err)
{
    return finish(s->work, EVP_MD_CTX_copy_ex(s->work, s->stem) == 1, ends, n, out, err);
}

struct dm_sha256_sum {
    EVP_MD_CTX *c;
};

int dm_sha256_sum_new(dm_sha256_sum **out, dm_err *err)
{
    DM_AUTO(dm_sha256_sum) s = calloc(1, sizeof *s);
    if (s == NULL || (s->c = EVP_MD_CTX_new()) == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for a digest");
    if (EVP_DigestInit_ex2(s->c, EVP_sha256(), NULL) != 1)
        return dm_fail(err, DM_E_INTERNAL, "SHA-256 failed");
    *out = dm_steal(&s);
    return 0;
}

void dm_sha256_sum_free(dm_sha256_sum *s)
{
    if (s == NULL)
        return;
    EVP_MD_CTX_free(s->c);
    free(s);
}

int dm_sha256_sum_add(dm_sha256_sum *s, dm_str piece, dm_err *err)
{
    return EVP_DigestUpdate(s->c, bytes_of(piece), piece.n) == 1 ? 0 : dm_fail(err, DM_E_INTERNAL, "SHA-256 failed");
}

int dm_sha256_sum_end(dm_sha256_sum *s, dm_digest *out, dm_err *err)
{
    return finish(s->c, true, NULL, 0, out, err);
}

int dm_hmac_sha256(dm_str key, dm_str data, dm_digest *out, dm_err *err)
{
    dm_digest d;
    size_t n = 0;
    if (EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, bytes_of(key), key.n, bytes_of(data), data.n, d.b, sizeof(d.b),
                &n) == NULL ||
            n != sizeof(d.b))
        return dm_fail(err, DM_E_INTERNAL, "HMAC-SHA-256 failed");
    *out = d;
    return 0;
}

int dm_hmac_sha1(dm_str key, dm_str data, uint8_t out[DM_SHA1], dm_err *err)
{
    size_t n = 0;
    if (EVP_Q_mac(NULL, "HMAC", NULL, "SHA1", NULL, bytes_of(key), key.n, bytes_of(data), data.n, out, DM_SHA1, &n) ==
                    NULL ||
            n != DM_SHA1)
        return dm_fail(err, DM_E_INTERNAL, "HMAC-SHA-1 failed");
    return 0;
}

struct dm_mac {
    EVP_CIPHER_CTX *c;
};

int dm_mac_new(const uint8_t key[DM_KEY], dm_mac **out, dm_err *err)
{
    DM_AUTO(dm_mac) m = calloc(1, sizeof(*m));
    if (m == NULL || (m->c = EVP_CIPHER_CTX_new()) == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for a cipher");
    if (EVP_EncryptInit_ex2(m->c, EVP_aes_256_gcm(), key, NULL, NULL) != 1)
        return dm_fail(err, DM_E_INTERNAL, "AES-256-GMAC took no key");
    *out = dm_steal(&m);
    return 0;
}

void dm_mac_free(dm_mac *m)
{
    if (m == NULL)
        return;
    EVP_CIPHER_CTX_free(m->c); /* wipes the key */
    free(m);
}

int dm_mac_tag(dm_mac *m, const uint8_t nonce[DM_MAC_NONCE], dm_str data, uint8_t tag[DM_MAC_TAG], dm_err *err)
{
    uint8_t none[DM_MAC_TAG];
    int n = 0;
    if (data.n > INT_MAX)
        return dm_fail(err, DM_E_LIMIT, "too large for a tag");
    if (EVP_EncryptInit_ex2(m->c, NULL, NULL, nonce, NULL) != 1 ||
            EVP_EncryptUpdate(m->c, NULL, &n, bytes_of(data), (int)data.n) != 1 ||
            EVP_EncryptFinal_ex(m->c, none, &n) != 1 ||
            EVP_CIPHER_CTX_ctrl(m->c, EVP_CTRL_GCM_GET_TAG, DM_MAC_TAG, tag) != 1)
        return dm_fail(err, DM_E_INTERNAL, "AES-256-GMAC failed");
    return 0;
}

bool dm_mac_ok(dm_mac *m, const uint8_t nonce[DM_MAC_NONCE], dm_str data, const uint8_t tag[DM_MAC_TAG])
{
    uint8_t made[DM_MAC_TAG];
    return dm_mac_tag(m, nonce, data, made, NULL) == 0 && CRYPTO_memcmp(made, tag, DM_MAC_TAG) == 0;
}

/* --- randomness --------------------------------------------------------------------------------------------- */

int dm_random(void *p, size_t n, dm_err *err)
{
    uint8_t *at = p;
    while (n > 0) {
        ssize_t r = getrandom(at, n, 0);
        if (r < 0 && errno == EINTR)
            continue;
        if (r <= 0)
            return dm_fail_sys(err, r < 0 ? errno : EIO, "getrandom");
        at += r;
        n -= (size_t)r;
    }
    return 0;
}

/* --- Ed25519 ------------------------------------------------------------------------------------------------ */

struct dm_sign_key {
    EVP_PKEY *pair;
    dm_public_key public;
};

void dm_sign_key_free(dm_sign_key *k)
{
    if (k == NULL)
        return;
    EVP_PKEY_free(k->pair);
    free(k);
}

static int key_of_seed(const uint8_t seed[DM_ED25519_KEY], dm_sign_key **out, dm_err *err)
{
    DM_AUTO(dm_sign_key) k = calloc(1, sizeof(*k));
    if (k == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for a key");
    k->pair = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, DM_ED25519_KEY);
    size_t n = sizeof(k->public.b);
    if (k->pair == NULL || EVP_PKEY_get_raw_public_key(k->pair, k->public.b, &n) != 1 || n != sizeof(k->public.b))
        return dm_fail(err, DM_E_INTERNAL, "Ed25519 took no seed");
    *out = dm_steal(&k);
    return 0;
}

static int make_seed_file(const char *path, dm_err *err)
{
    uint8_t seed[DM_ED25519_KEY];
    char text[2 * DM_ED25519_KEY + 2];
    int r = dm_random(seed, sizeof(seed), err);
    if (r == 0) {
        dm_hex(seed, sizeof(seed), text);
        text[2 * DM_ED25519_KEY] = '\n';
        r = dm_file_write_new(path, (dm_str){text, sizeof(text) - 1}, 0600, err);
    }
    OPENSSL_cleanse(seed, sizeof(seed));
    OPENSSL_cleanse(text, sizeof(text));
    return r;
}

/* Seed from the open file's text; others than the owner must not have been able to read it. */
static int read_seed(int fd, uint8_t seed[DM_ED25519_KEY], dm_err *err)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return dm_fail_sys(err, errno, "stat");
    if (!S_ISREG(st.st_mode) || (st.st_mode & 077) != 0)
        return dm_fail(err, DM_E_DENIED, "a key's file must be of mode 0600");
    char text[2 * DM_ED25519_KEY + 2]; /* one byte more than it may have */
    size_t n = 0;
    int r = dm_pread_all(fd, text, sizeof(text), 0, &n, err);
    if (r == 0)
        r = dm_parse_hex(dm_str_trim((dm_str){text, n}), seed, DM_ED25519_KEY, err);
    if (r == DM_E_INVALID)
        r = dm_fail(err, DM_E_CORRUPT, "not %d hex digits", 2 * DM_ED25519_KEY);
    OPENSSL_cleanse(text, sizeof(text));
    return r;
}

static int open_seed(const char *path, int *out, dm_err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return dm_fail_sys(err, errno, "%s", path);
    *out = fd;
    return 0;
}

int dm_key_read(const char *path, uint8_t key[DM_KEY], dm_err *err)
{
    DM_AUTO_FD fd = -1;
    int r = open_seed(path, &fd, err);
    if (r < 0)
        return r;
    r = read_seed(fd, key, err);
    return r < 0 ? dm_wrap(err, "key %s", path) : 0;
}

int dm_sign_key_open(const char *path, dm_sign_key **out, dm_err *err)
{
    DM_AUTO_FD fd = -1;
    int r = open_seed(path, &fd, err);
    if (r == DM_E_NOTFOUND) {
        r = make_seed_file(path, err);
        /* Another program may have been first; its key is the one then. */
        if (r == 0 || r == DM_E_EXISTS)
            r = open_seed(path, &fd, err);
    }
    if (r < 0)
        return r;
    uint8_t seed[DM_ED25519_KEY];
    r = read_seed(fd, seed, err);
    if (r == 0)
        r = key_of_seed(seed, out, err);
    OPENSSL_cleanse(seed, sizeof(seed));
    if (r < 0)
        (void)dm_wrap(err, "key %s", path);
    return r;
}

void dm_sign_key_public(const dm_sign_key *k, dm_public_key *out)
{
    *out = k->public;
}

int dm_sign(const dm_sign_key *k, dm_str data, dm_signature *out, dm_err *err)
{
    AUTO_MD_CTX c = EVP_MD_CTX_new();
    if (c == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for a signature");
    dm_signature s;
    size_t n = sizeof(s.b);
    if (EVP_DigestSignInit(c, NULL, NULL, NULL, k->pair) != 1 ||
            EVP_DigestSign(c, s.b, &n, bytes_of(data), data.n) != 1 || n != sizeof(s.b))
        return dm_fail(err, DM_E_INTERNAL, "Ed25519 did not sign");
    *out = s;
    return 0;
}

static int pem_into(BIO *from, dm_buf *out, dm_err *err)
{
    char *p = NULL;
    long n = BIO_get_mem_data(from, &p);
    dm_buf_reset(out);
    if (n > 0)
        (void)dm_buf_add(out, p, (size_t)n);
    return n > 0 ? dm_buf_ok(out, err) : dm_fail(err, DM_E_INTERNAL, "an empty PEM");
}

int dm_es256_new(dm_buf *private_pem, dm_buf *public_pem, dm_err *err)
{
    AUTO_PKEY pair = EVP_EC_gen("P-256");
    BIO *priv = BIO_new(BIO_s_secmem()), *pub = BIO_new(BIO_s_mem());
    int r = 0;
    if (pair == NULL || priv == NULL || pub == NULL ||
            PEM_write_bio_PrivateKey(priv, pair, NULL, NULL, 0, NULL, NULL) != 1 ||
            PEM_write_bio_PUBKEY(pub, pair) != 1)
        r = dm_fail(err, DM_E_INTERNAL, "make a P-256 pair");
    if (r == 0)
        r = pem_into(priv, private_pem, err);
    if (r == 0)
        r = pem_into(pub, public_pem, err);
    BIO_free(priv);
    BIO_free(pub);
    return r;
}

bool dm_verify(const dm_public_key *k, dm_str data, const dm_signature *sig)
{
    AUTO_PKEY key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, k->b, sizeof(k->b));
    AUTO_MD_CTX c = EVP_MD_CTX_new();
    return key != NULL && c != NULL && EVP_DigestVerifyInit(c, NULL, NULL, NULL, key) == 1 &&
           EVP_DigestVerify(c, sig->b, sizeof(sig->b), bytes_of(data), data.n) == 1;
}

/* --- sealing ------------------------------------------------------------------------------------------------ */

/* The nonce is random: under one key 2^32 seals stay below a 2^-32 chance of a repeat, far above what we ever store. */
enum { SEAL_VERSION = 1, NONCE = 12, TAG = 16, SEAL_EXTRA = 1 + NONCE + TAG };

static int sizes_fit(dm_str bound, size_t n, dm_err *err)
{
    if (bound.n > INT_MAX || n > INT_MAX - SEAL_EXTRA)
        return dm_fail(err, DM_E_LIMIT, "too large to seal");
    return 0;
}

int dm_seal(const uint8_t key[32], dm_str bound, dm_str plain, dm_buf *sealed, dm_err *err)
{
    uint8_t nonce[NONCE];
    int r = sizes_fit(bound, plain.n, err);
    if (r == 0)
        r = dm_random(nonce, sizeof(nonce), err);
    if (r < 0)
        return r;
    AUTO_CIPHER_CTX c = EVP_CIPHER_CTX_new();
    if (c == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for a cipher");
    uint8_t *to = (uint8_t *)dm_buf_want(sealed, plain.n + SEAL_EXTRA);
    if (to == NULL)
        return dm_buf_ok(sealed, err);
    to[0] = SEAL_VERSION;
    memcpy(to + 1, nonce, NONCE);
    uint8_t *body = to + 1 + NONCE;
    int n = 0;
    int tail = 0;
    if (EVP_EncryptInit_ex2(c, EVP_aes_256_gcm(), key, nonce, NULL) != 1 ||
            EVP_EncryptUpdate(c, NULL, &n, to, 1) != 1 ||
            EVP_EncryptUpdate(c, NULL, &n, bytes_of(bound), (int)bound.n) != 1 ||
            EVP_EncryptUpdate(c, body, &n, bytes_of(plain), (int)plain.n) != 1 ||
            EVP_EncryptFinal_ex(c, body + n, &tail) != 1 || (size_t)n + (size_t)tail != plain.n ||
            EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, TAG, body + plain.n) != 1)
        return dm_fail(err, DM_E_INTERNAL, "AES-256-GCM failed");
    dm_buf_grew(sealed, plain.n + SEAL_EXTRA);
    return 0;
}

/* Decrypts n bytes into to; false when the tag does not match. */
static bool open_sealed(
        EVP_CIPHER_CTX *c, const uint8_t key[32], dm_str bound, const uint8_t *from, size_t n, uint8_t *to)
{
    uint8_t tag[TAG];
    const uint8_t *body = from + 1 + NONCE;
    memcpy(tag, body + n, TAG);
    int done = 0;
    int tail = 0;
    return EVP_DecryptInit_ex2(c, EVP_aes_256_gcm(), key, from + 1, NULL) == 1 &&
           EVP_DecryptUpdate(c, NULL, &done, from, 1) == 1 &&
           EVP_DecryptUpdate(c, NULL, &done, bytes_of(bound), (int)bound.n) == 1 &&
           EVP_DecryptUpdate(c, to, &done, body, (int)n) == 1 &&
           EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, TAG, tag) == 1 &&
           EVP_DecryptFinal_ex(c, to + done, &tail) == 1 && (size_t)done + (size_t)tail == n;
}

int dm_unseal(const uint8_t key[32], dm_str bound, dm_str sealed, dm_buf *plain, dm_err *err)
{
    const uint8_t *from = bytes_of(sealed);
    if (sealed.n < SEAL_EXTRA || from[0] != SEAL_VERSION)
        return dm_fail(err, DM_E_CORRUPT, "not a sealed secret");
    size_t n = sealed.n - SEAL_EXTRA;
    int r = sizes_fit(bound, n, err);
    if (r < 0)
        return r;
    AUTO_CIPHER_CTX c = EVP_CIPHER_CTX_new();
    if (c == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for a cipher");
    uint8_t *to = (uint8_t *)dm_buf_want(plain, n);
    if (to == NULL)
        return dm_buf_ok(plain, err);
    if (!open_sealed(c, key, bound, from, n, to)) {
        OPENSSL_cleanse(to, n); /* what did not authenticate is nobody's to read */
        to[0] = 0;
        return dm_fail(err, DM_E_CORRUPT, "a sealed secret does not open");
    }
    dm_buf_grew(plain, n);
    return 0;
}
