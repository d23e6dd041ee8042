#include <stdio.h>
#include <stdlib.h>

#include "base/crypto.h"
#include "base/parse.h"

#include "tenants/who/token.h"
#include "tests/unit/test.h"

enum { NOW = 1800000000, LIFE = 300 };
static const char session[] = "0b6dbf0e-5f0a-4a6e-9a53-0f7c3c1f6f11";

static dm_token_key key_named(const char *kid)
{
    DM_AUTO_BUF a;
    DM_AUTO_BUF b;
    dm_token_key key = {.kid = ""};
    dm_buf_init(&a, 511);
    dm_buf_init(&b, 511);
    assert_int_equal(dm_es256_new(&a, &b, NULL), 0);
    (void)snprintf(key.kid, sizeof key.kid, "%s", kid);
    assert_int_equal(dm_str_to_array(dm_buf_view(&a), key.private_pem, sizeof key.private_pem, NULL), 0);
    assert_int_equal(dm_str_to_array(dm_buf_view(&b), key.public_pem, sizeof key.public_pem, NULL), 0);
    return key;
}

static const char *written(const dm_token_key *key, dm_token_for who, int64_t from, int64_t to)
{
    static char text[DM_TOKEN_MAX];
    dm_token_claims c = {.who = who, .issued_s = from, .expires_s = to};
    dm_err err = {0};
    (void)snprintf(c.session, sizeof c.session, "%s", session);
    if (dm_token_write(key, &c, text, &err) < 0)
        fail_msg("%s", err.msg);
    return text;
}

static int reads(const char *text, const dm_token_key *key)
{
    dm_token_claims c;
    return dm_token_read(dm_str_c(text), key, DM_TOKEN_PERSON, NOW, &c);
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    dm_token_key key = key_named("0123456789abcdef");
    const char *text = written(&key, DM_TOKEN_OPERATOR, NOW, NOW + LIFE);
    char kid[DM_TOKEN_KID];
    dm_token_claims c;
    assert_int_equal(dm_token_kid(dm_str_c(text), kid), 0);
    assert_string_equal(kid, key.kid);
    assert_int_equal(dm_token_read(dm_str_c(text), &key, DM_TOKEN_OPERATOR, NOW + LIFE - 1, &c), 0);
    assert_string_equal(c.session, session);
    assert_int_equal(c.issued_s, NOW);
    assert_int_equal(c.expires_s, NOW + LIFE);
    /* Nobody's people are another's. */
    assert_int_equal(dm_token_read(dm_str_c(text), &key, DM_TOKEN_PERSON, NOW, &c), DM_TOKEN_BAD);
}

static void time_bounds_it(void **state)
{
    (void)state;
    dm_token_key key = key_named("0123456789abcdef");
    assert_int_equal(reads(written(&key, DM_TOKEN_PERSON, NOW - LIFE, NOW), &key), DM_TOKEN_BAD);
    assert_int_equal(reads(written(&key, DM_TOKEN_PERSON, NOW - LIFE, NOW + 1), &key), 0);
    assert_int_equal(reads(written(&key, DM_TOKEN_PERSON, NOW + 6, NOW + LIFE), &key), DM_TOKEN_BAD);
    assert_int_equal(reads(written(&key, DM_TOKEN_PERSON, NOW + 5, NOW + LIFE), &key), 0);
    assert_int_equal(reads(written(&key, DM_TOKEN_PERSON, NOW, NOW + DM_TOKEN_LIFE_MAX), &key), 0);
    assert_int_equal(reads(written(&key, DM_TOKEN_PERSON, NOW, NOW + DM_TOKEN_LIFE_MAX + 1), &key), DM_TOKEN_BAD);
    assert_int_equal(reads(written(&key, DM_TOKEN_PERSON, NOW + 2, NOW + 1), &key), DM_TOKEN_BAD);
}

/* --- by hand ------------------------------------------------------------------------------------------------ */

static void add_base64(dm_buf *out, const void *p, size_t n)
{
    DM_AUTO_BUF b;
    dm_buf_init(&b, 4096);
    assert_int_equal(dm_base64_encode(&b, p, n), 0);
    for (size_t i = 0; i < b.len && b.p[i] != '='; i++)
        (void)dm_buf_ch(out, b.p[i] == '+' ? '-' : b.p[i] == '/' ? '_' : b.p[i]);
}

static const char *unsigned_part(const char *head, const char *body)
{
    static char text[2048];
    DM_AUTO_BUF out;
    dm_buf_init(&out, sizeof text - 1);
    add_base64(&out, head, strlen(head));
    (void)dm_buf_ch(&out, '.');
    add_base64(&out, body, strlen(body));
    (void)snprintf(text, sizeof text, "%s", out.p);
    return text;
}

static const char body_ok[] =
        "{\"iss\":\"dormouse\",\"aud\":\"console\",\"sid\":\"0b6dbf0e-5f0a-4a6e-9a53-0f7c3c1f6f11\","
        "\"iat\":1800000000,\"nbf\":1800000000,\"exp\":1800000300}";

/* Signed as HS256 with the public key, or what else one has, as the secret. */
static const char *with_hmac(const char *head, const char *secret)
{
    static char text[2048];
    dm_digest mac;
    DM_AUTO_BUF out;
    char *signed_part = strdup(unsigned_part(head, body_ok));
    dm_buf_init(&out, 2000);
    assert_int_equal(dm_hmac_sha256(dm_str_c(secret), dm_str_c(signed_part), &mac, NULL), 0);
    (void)dm_buf_fmt(&out, "%s.", signed_part);
    add_base64(&out, mac.b, sizeof mac.b);
    (void)snprintf(text, sizeof text, "%s", out.p);
    free(signed_part);
    return text;
}

static void what_strangers_try(void **state)
{
    (void)state;
    dm_token_key key = key_named("0123456789abcdef"), other = key_named("0123456789abcdef");
    static const char es[] = "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"0123456789abcdef\"}";
    static const char hs[] = "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"0123456789abcdef\"}";
    static const char none[] = "{\"alg\":\"none\",\"kid\":\"0123456789abcdef\"}";
    char text[2048], sig[87];
    memset(sig, 'A', 86);
    sig[86] = '\0';
    (void)snprintf(text, sizeof text, "%s", written(&other, DM_TOKEN_PERSON, NOW, NOW + LIFE));
    assert_int_equal(reads(text, &other), 0);
    assert_int_equal(reads(text, &key), DM_TOKEN_BAD); /* another's signature under our name */
    dm_token_key elsewhere = key;
    elsewhere.kid[0] = 'f';
    (void)snprintf(text, sizeof text, "%s", written(&elsewhere, DM_TOKEN_PERSON, NOW, NOW + LIFE));
    assert_int_equal(reads(text, &key), DM_TOKEN_BAD); /* ours under another name */
    assert_int_equal(reads(with_hmac(hs, key.public_pem), &key), DM_TOKEN_BAD);
    assert_int_equal(reads(with_hmac(es, key.public_pem), &key), DM_TOKEN_BAD);
    static const char *const forms[] = {"%s", "%s.", "%s.AAAA", "%s.%s", "%s.%s.", ".%s.%s", "%s.%s=", "%s.%sA"};
    static const char *const heads[] = {es, hs, none};
    for (size_t h = 0; h < DM_LEN(heads); h++)
        for (size_t i = 0; i < DM_LEN(forms); i++) {
            DM_AUTO_BUF t;
            dm_buf_init(&t, 2000);
            const char *part = unsigned_part(heads[h], body_ok);
            for (const char *f = forms[i], *arg = part; *f != '\0'; f++) {
                if (*f == '%') {
                    (void)dm_buf_c(&t, arg);
                    arg = sig;
                    f++;
                } else {
                    (void)dm_buf_ch(&t, *f);
                }
            }
            if (reads(t.p, &key) != DM_TOKEN_BAD)
                fail_msg("taken: %s", t.p);
        }
}

/* Each byte of a good one, changed in one bit, and each of its beginnings. */
static void every_byte_counts(void **state)
{
    (void)state;
    dm_token_key key = key_named("0123456789abcdef");
    char text[DM_TOKEN_MAX];
    (void)snprintf(text, sizeof text, "%s", written(&key, DM_TOKEN_PERSON, NOW, NOW + LIFE));
    size_t n = strlen(text);
    dm_token_claims c;
    for (size_t i = 0; i + 1 < n; i++) { /* the last digit of base 64 has bits that mean nothing */
        text[i] ^= 1;
        if (reads(text, &key) != DM_TOKEN_BAD)
            fail_msg("byte %zu does not count", i);
        text[i] ^= 1;
        assert_int_equal(dm_token_read((dm_str){text, i}, &key, DM_TOKEN_PERSON, NOW, &c), DM_TOKEN_BAD);
    }
    assert_int_equal(reads(text, &key), 0);
}

static void what_is_no_token(void **state)
{
    (void)state;
    char kid[DM_TOKEN_KID], big[5000];
    memset(big, 'a', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    big[100] = big[4900] = '.';
    static const char *const not [] = {"", ".", "..", "...", "a.b.c", "a.b.c.d", "\x80.\xff.\x01", "Bearer x.y.z"};
    for (size_t i = 0; i < DM_LEN(not ); i++)
        assert_int_equal(dm_token_kid(dm_str_c(not [i]), kid), DM_TOKEN_BAD);
    assert_int_equal(dm_token_kid(dm_str_c(big), kid), DM_TOKEN_BAD);
    assert_int_equal(dm_token_kid((dm_str){NULL, 0}, kid), DM_TOKEN_BAD);
    static const char *const kids[] = {
            "null", "7", "\"\"", "\"0123456789abcdeF\"", "\"0123456789abcdef0\"", "\"../../etc/x\""};
    for (size_t i = 0; i < DM_LEN(kids); i++) {
        char head[200], text[1000], sig[87];
        memset(sig, 'A', 86);
        sig[86] = '\0';
        (void)snprintf(head, sizeof head, "{\"alg\":\"ES256\",\"kid\":%s}", kids[i]);
        (void)snprintf(text, sizeof text, "%s.%s", unsigned_part(head, body_ok), sig);
        assert_int_equal(dm_token_kid(dm_str_c(text), kid), DM_TOKEN_BAD);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_is_written_is_read), cmocka_unit_test(time_bounds_it),
            cmocka_unit_test(what_strangers_try), cmocka_unit_test(every_byte_counts),
            cmocka_unit_test(what_is_no_token)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
