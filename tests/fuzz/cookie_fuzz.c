/* What a browser, or who pretends to be one, sends to show who he is: a Cookie header, a short token, a long one, an
 * address, a code. None of these bytes is ours, so nothing of it may be taken for ours. The first byte chooses. */
#include <stdio.h>
#include <unistd.h>

#include "api/kit/cookie.h"
#include "tenants/who/login.h"
#include "tenants/who/refresh.h"
#include "tenants/who/token.h"
#include "tests/fuzz/fuzz.h"

static void cookie(dm_str text)
{
    dm_str v = dm_cookie_find(text, "dormouse_session");
    if (v.p != NULL)
        HOLDS(v.p > text.p && v.p + v.n <= text.p + text.n && v.p[-1] == '=' && memchr(v.p, ';', v.n) == NULL);
    dm_req req = {.nheaders = 3,
            .headers = {{DM_STR("Dormouse-Csrf"), DM_STR("1")}, {DM_STR("Host"), DM_STR("c.test")},
                    {DM_STR("Origin"), text}}};
    HOLDS(dm_req_is_own(&req, true) == dm_str_eq_c(text, "https://c.test"));
}

static void token(dm_str text)
{
    static dm_token_key key; /* made once: nobody here has its private half */
    char kid[DM_TOKEN_KID];
    dm_token_claims c;
    if (key.kid[0] == '\0') {
        DM_AUTO_BUF private_pem;
        DM_AUTO_BUF public_pem;
        dm_buf_init(&private_pem, 511);
        dm_buf_init(&public_pem, 511);
        HOLDS(dm_es256_new(&private_pem, &public_pem, NULL) == 0);
        HOLDS(dm_str_to_array(dm_buf_view(&public_pem), key.public_pem, sizeof key.public_pem, NULL) == 0);
        (void)snprintf(key.kid, sizeof key.kid, "0123456789abcdef");
    }
    if (dm_token_kid(text, kid) == 0)
        HOLDS(strlen(kid) == DM_TOKEN_KID - 1);
    HOLDS(dm_token_read(text, &key, DM_TOKEN_PERSON, 1800000000, &c) == DM_TOKEN_BAD);
}

static void refresh(dm_str text)
{
    static dm_master *master;
    char session[DM_UUID_TEXT], path[64];
    int64_t turn;
    if (master == NULL) {
        (void)snprintf(path, sizeof path, "/tmp/dm-cookie-fuzz-%d", getpid());
        HOLDS(dm_master_open(path, &master, NULL) == 0);
        (void)unlink(path);
    }
    HOLDS(dm_refresh_read(master, text, session, &turn, NULL) == DM_REFRESH_FORGED);
}

static void address(dm_str text)
{
    char out[DM_EMAIL_MAX + 1], again[DM_EMAIL_MAX + 1];
    if (dm_email_read(text, out, NULL) < 0)
        return;
    HOLDS(strlen(out) == text.n && strchr(out, '@') != NULL);
    HOLDS(dm_email_read(dm_str_c(out), again, NULL) == 0 && strcmp(out, again) == 0);
}

static void code(dm_str text)
{
    static const uint8_t secret[DM_TOTP_SECRET] = {1, 2, 3};
    int64_t step = 0;
    dm_digest hash;
    if (dm_totp_check(secret, text, 1800000000, &step, NULL) == 0)
        HOLDS(text.n == 6 && step > 0);
    HOLDS(dm_recovery_hash(text, &hash, NULL) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const readers[])(dm_str) = {cookie, token, refresh, address, code};
    if (size > 0)
        readers[data[0] % DM_LEN(readers)]((dm_str){(const char *)data + 1, size - 1});
    return 0;
}
