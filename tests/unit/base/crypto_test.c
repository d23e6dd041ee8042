#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crypto.h"
#include "base/file.h"
#include "base/parse.h"

#include "tests/unit/test.h"

static void assert_hex(const uint8_t *p, size_t n, const char *hex)
{
    char text[2 * 64 + 1];
    assert_true(n <= 64);
    dm_hex(p, n, text);
    assert_string_equal(text, hex);
}

/* FIPS 180-2 */
static void digests(void **state)
{
    (void)state;
    dm_digest d;
    assert_int_equal(dm_sha256(DM_STR("abc"), &d, NULL), 0);
    assert_hex(d.b, sizeof(d.b), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_int_equal(dm_sha256((dm_str){NULL, 0}, &d, NULL), 0);
    assert_hex(d.b, sizeof(d.b), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    const dm_str parts[] = {DM_STR("a"), {NULL, 0}, DM_STR("bc")};
    assert_int_equal(dm_sha256_parts(parts, DM_LEN(parts), &d, NULL), 0);
    assert_hex(d.b, sizeof(d.b), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    DM_AUTO(dm_sha256_stem) stem = NULL;
    assert_int_equal(dm_sha256_stem_new(DM_STR("a"), &stem, NULL), 0);
    const dm_str ends[] = {DM_STR("b"), DM_STR("c")};
    for (int again = 0; again < 2; again++) {
        assert_int_equal(dm_sha256_stem_end(stem, ends, DM_LEN(ends), &d, NULL), 0);
        assert_hex(d.b, sizeof(d.b), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_int_equal(dm_sha256_stem_end(stem, NULL, 0, &d, NULL), 0);
        assert_hex(d.b, sizeof(d.b), "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb");
    }
    DM_AUTO(dm_sha256_sum) sum = NULL;
    assert_int_equal(dm_sha256_sum_new(&sum, NULL), 0);
    for (size_t i = 0; i < DM_LEN(parts); i++)
        assert_int_equal(dm_sha256_sum_add(sum, parts[i], NULL), 0);
    assert_int_equal(dm_sha256_sum_end(sum, &d, NULL), 0);
    assert_hex(d.b, sizeof(d.b), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

/* RFC 4231, cases 2 and 6 */
static void hmacs(void **state)
{
    (void)state;
    dm_digest d;
    assert_int_equal(dm_hmac_sha256(DM_STR("Jefe"), DM_STR("what do ya want for nothing?"), &d, NULL), 0);
    assert_hex(d.b, sizeof(d.b), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    char key[131];
    memset(key, 0xaa, sizeof(key));
    assert_int_equal(dm_hmac_sha256((dm_str){key, sizeof(key)},
                             DM_STR("Test Using Larger Than Block-Size Key - Hash Key First"), &d, NULL),
            0);
    assert_hex(d.b, sizeof(d.b), "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    assert_int_equal(dm_hmac_sha256((dm_str){NULL, 0}, (dm_str){NULL, 0}, &d, NULL), 0);
    assert_hex(d.b, sizeof(d.b), "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

/* The GCM specification's test case 13, and one of NIST's with bytes beside: no plaintext in either. */
static void macs(void **state)
{
    (void)state;
    static const char key_text[] = "78dc4e0aaf52d935c3c01eea57428f00ca1fd475f5da86a49c8dd73d68c8e223";
    uint8_t key[DM_KEY] = {0}, nonce[DM_MAC_NONCE] = {0}, tag[DM_MAC_TAG], data[16];
    DM_AUTO(dm_mac) none = NULL;
    DM_AUTO(dm_mac) m = NULL;
    assert_int_equal(dm_mac_new(key, &none, NULL), 0);
    assert_int_equal(dm_mac_tag(none, nonce, (dm_str){NULL, 0}, tag, NULL), 0);
    assert_hex(tag, sizeof(tag), "530f8afbc74536b9a963b4f1c4cb738b");
    assert_int_equal(dm_parse_hex(dm_str_c(key_text), key, sizeof(key), NULL), 0);
    assert_int_equal(dm_parse_hex(DM_STR("d79cf22d504cc793c3fb6c8a"), nonce, sizeof(nonce), NULL), 0);
    assert_int_equal(dm_parse_hex(DM_STR("b96baa8c1c75a671bfb2d08d06be5f36"), data, sizeof(data), NULL), 0);
    assert_int_equal(dm_mac_new(key, &m, NULL), 0);
    dm_str bytes = {(const char *)data, sizeof(data)};
    for (int again = 0; again < 3; again++) { /* one schedule, many tags */
        assert_int_equal(dm_mac_tag(m, nonce, bytes, tag, NULL), 0);
        assert_hex(tag, sizeof(tag), "3e5d486aa2e30b22e040b85723a06e76");
        assert_true(dm_mac_ok(m, nonce, bytes, tag));
        assert_false(dm_mac_ok(none, nonce, bytes, tag));
        data[again] ^= 1;
        assert_false(dm_mac_ok(m, nonce, bytes, tag));
        data[again] ^= 1;
        tag[15 - again] ^= 0x80;
        assert_false(dm_mac_ok(m, nonce, bytes, tag));
        nonce[0] ^= 1;
        assert_int_equal(dm_mac_tag(m, nonce, bytes, tag, NULL), 0);
        nonce[0] ^= 1;
        assert_false(dm_mac_ok(m, nonce, bytes, tag));
    }
}

static void keys_of_files(void **state)
{
    (void)state;
    char path[] = "/tmp/dm-key-XXXXXX";
    uint8_t key[DM_KEY];
    dm_err err;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    (void)close(fd);
    assert_int_equal(dm_key_read(path, key, &err), DM_E_CORRUPT);
    char text[2 * DM_KEY + 2];
    memset(text, 'a', 2 * DM_KEY);
    (void)snprintf(text + 2 * DM_KEY, 2, "\n");
    assert_int_equal(dm_file_write(path, dm_str_c(text), 0600, NULL), 0);
    assert_int_equal(dm_key_read(path, key, &err), 0);
    assert_int_equal(key[31], 0xaa);
    assert_int_equal(chmod(path, 0640), 0);
    assert_int_equal(dm_key_read(path, key, &err), DM_E_DENIED);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(dm_key_read(path, key, &err), DM_E_NOTFOUND);
    assert_says(err, path);
}

static void randomness(void **state)
{
    (void)state;
    uint8_t a[1000] = {0};
    uint8_t b[1000] = {0};
    assert_int_equal(dm_random(a, sizeof(a), NULL), 0);
    assert_int_equal(dm_random(b, sizeof(b), NULL), 0);
    assert_memory_not_equal(a, b, sizeof(a));
    size_t zeros = 0;
    for (size_t i = 0; i < sizeof(a); i++)
        zeros += a[i] == 0;
    assert_true(zeros < 40); /* to the last byte */
}

/* --- signatures --------------------------------------------------------------------------------------------- */

static char dir[64];
static char path[128];

static int open_dir(void **state)
{
    (void)state;
    memcpy(dir, "/tmp/dm-crypto-test.XXXXXX", 27);
    assert_non_null(mkdtemp(dir));
    return dm_path(path, sizeof(path), NULL, "%s/key", dir);
}

static int close_dir(void **state)
{
    (void)state;
    return dm_remove_tree(dir, NULL);
}

/* RFC 8032, 7.1, test 2 */
static void signs_as_the_standard_does(void **state)
{
    (void)state;
    assert_int_equal(dm_file_write(path, DM_STR("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb\n"),
                             0600, NULL),
            0);
    DM_AUTO(dm_sign_key) k = NULL;
    assert_int_equal(dm_sign_key_open(path, &k, NULL), 0);
    dm_public_key public;
    dm_sign_key_public(k, &public);
    assert_hex(public.b, sizeof(public.b), "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
    dm_signature s;
    assert_int_equal(dm_sign(k, DM_STR("\x72"), &s, NULL), 0);
    assert_hex(s.b, sizeof(s.b),
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
            "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00");
    assert_true(dm_verify(&public, DM_STR("\x72"), &s));
    assert_false(dm_verify(&public, DM_STR("\x73"), &s));
    assert_false(dm_verify(&public, DM_STR(""), &s));
    for (size_t i = 0; i < sizeof(s.b); i++) {
        s.b[i] ^= 1;
        assert_false(dm_verify(&public, DM_STR("\x72"), &s));
        s.b[i] ^= 1;
    }
    public.b[3] ^= 1;
    assert_false(dm_verify(&public, DM_STR("\x72"), &s));
}

static void a_key_is_made_once(void **state)
{
    (void)state;
    dm_public_key a, b;
    for (int i = 0; i < 2; i++) {
        DM_AUTO(dm_sign_key) k = NULL;
        assert_int_equal(dm_sign_key_open(path, &k, NULL), 0);
        dm_sign_key_public(k, i == 0 ? &a : &b);
        dm_signature s;
        assert_int_equal(dm_sign(k, (dm_str){NULL, 0}, &s, NULL), 0);
        assert_true(dm_verify(&a, DM_STR(""), &s));
    }
    assert_memory_equal(a.b, b.b, sizeof(a.b));
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(st.st_size, 65);
    dm_sign_key_free(NULL);
}

static void a_doubtful_key_is_refused(void **state)
{
    (void)state;
    static const char good[] = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb";
    dm_sign_key *k = NULL;
    dm_err err;
    assert_int_equal(dm_file_write(path, DM_STR(good), 0640, NULL), 0);
    assert_int_equal(dm_sign_key_open(path, &k, &err), DM_E_DENIED);
    assert_says(err, path);
    static const char *const bad[] = {"", "\n", "4ccd",
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fg",
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb00"};
    for (size_t i = 0; i < DM_LEN(bad); i++) {
        assert_int_equal(dm_file_write(path, dm_str_c(bad[i]), 0600, NULL), 0);
        assert_int_equal(dm_sign_key_open(path, &k, &err), DM_E_CORRUPT);
        if (strlen(bad[i]) > 4)
            assert_null(strstr(err.msg, "4ccd")); /* never the key's own digits */
    }
    char link[200];
    assert_int_equal(dm_path(link, sizeof(link), NULL, "%s/link", dir), 0);
    assert_int_equal(dm_file_write(path, DM_STR(good), 0600, NULL), 0);
    assert_int_equal(symlink(path, link), 0);
    assert_int_equal(dm_sign_key_open(link, &k, &err), DM_E_IO);
    assert_int_equal(err.sys, ELOOP);
    assert_int_equal(dm_path(link, sizeof(link), NULL, "%s/no/key", dir), 0);
    assert_int_equal(dm_sign_key_open(link, &k, NULL), DM_E_NOTFOUND);
    assert_null(k);
}

/* --- sealing ------------------------------------------------------------------------------------------------ */

static const uint8_t key_a[32] = {1, 2, 3};
static const uint8_t key_b[32] = {1, 2, 4};

static void seals_open_again(void **state)
{
    (void)state;
    for (size_t n = 0; n < 100; n += 33) {
        char text[100];
        memset(text, 'p', n);
        DM_AUTO_BUF sealed;
        DM_AUTO_BUF plain;
        dm_buf_init(&sealed, 1000);
        dm_buf_init(&plain, 1000);
        assert_int_equal(dm_seal(key_a, DM_STR("row 7"), (dm_str){text, n}, &sealed, NULL), 0);
        assert_int_equal(sealed.len, n + 29);
        assert_int_equal(sealed.p[0], 1);
        assert_int_equal(dm_unseal(key_a, DM_STR("row 7"), dm_buf_view(&sealed), &plain, NULL), 0);
        assert_int_equal(plain.len, n);
        assert_memory_equal(dm_buf_view(&plain).p, text, n);
        if (n > 0)
            assert_null(memmem(sealed.p, sealed.len, text, n));
    }
    DM_AUTO_BUF one;
    DM_AUTO_BUF two;
    dm_buf_init(&one, 100);
    dm_buf_init(&two, 100);
    assert_int_equal(dm_seal(key_a, (dm_str){NULL, 0}, DM_STR("x"), &one, NULL), 0);
    assert_int_equal(dm_seal(key_a, (dm_str){NULL, 0}, DM_STR("x"), &two, NULL), 0);
    assert_false(dm_str_eq(dm_buf_view(&one), dm_buf_view(&two))); /* a nonce of its own */
}

static void no_other_key_row_or_byte_opens_it(void **state)
{
    (void)state;
    DM_AUTO_BUF sealed;
    DM_AUTO_BUF plain;
    dm_buf_init(&sealed, 100);
    dm_buf_init(&plain, 100);
    assert_int_equal(dm_buf_c(&plain, "kept"), 0);
    assert_int_equal(dm_seal(key_a, DM_STR("row 7"), DM_STR("secret"), &sealed, NULL), 0);
    dm_str s = dm_buf_view(&sealed);
    assert_int_equal(dm_unseal(key_b, DM_STR("row 7"), s, &plain, NULL), DM_E_CORRUPT);
    assert_int_equal(dm_unseal(key_a, DM_STR("row 8"), s, &plain, NULL), DM_E_CORRUPT);
    assert_int_equal(dm_unseal(key_a, DM_STR(""), s, &plain, NULL), DM_E_CORRUPT);
    for (size_t i = 0; i < sealed.len; i++) {
        sealed.p[i] ^= 0x40;
        assert_int_equal(dm_unseal(key_a, DM_STR("row 7"), s, &plain, NULL), DM_E_CORRUPT);
        sealed.p[i] ^= 0x40;
        assert_int_equal(dm_unseal(key_a, DM_STR("row 7"), (dm_str){s.p, i}, &plain, NULL), DM_E_CORRUPT);
    }
    assert_str(dm_buf_view(&plain), "kept");
    assert_string_equal(plain.p, "kept"); /* and nothing of the secret behind it */
    assert_null(memmem(plain.p, plain.room, "secret", 6));
    assert_int_equal(dm_unseal(key_a, DM_STR("row 7"), s, &plain, NULL), 0);
    assert_str(dm_buf_view(&plain), "keptsecret");
}

static void seals_keep_to_the_cap(void **state)
{
    (void)state;
    DM_AUTO_BUF sealed;
    DM_AUTO_BUF plain;
    dm_buf_init(&sealed, 34);
    dm_buf_init(&plain, 4);
    assert_int_equal(dm_seal(key_a, DM_STR(""), DM_STR("123456"), &sealed, NULL), DM_E_LIMIT);
    dm_buf_reset(&sealed);
    assert_int_equal(dm_seal(key_a, DM_STR(""), DM_STR("12345"), &sealed, NULL), 0);
    assert_int_equal(dm_unseal(key_a, DM_STR(""), dm_buf_view(&sealed), &plain, NULL), DM_E_LIMIT);
}

#define IN_DIR(test) cmocka_unit_test_setup_teardown(test, open_dir, close_dir)

int main(void)
{
    static const struct CMUnitTest tests[] = {
            cmocka_unit_test(digests),
            cmocka_unit_test(hmacs),
            cmocka_unit_test(macs),
            cmocka_unit_test(keys_of_files),
            cmocka_unit_test(randomness),
            IN_DIR(signs_as_the_standard_does),
            IN_DIR(a_key_is_made_once),
            IN_DIR(a_doubtful_key_is_refused),
            cmocka_unit_test(seals_open_again),
            cmocka_unit_test(no_other_key_row_or_byte_opens_it),
            cmocka_unit_test(seals_keep_to_the_cap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
