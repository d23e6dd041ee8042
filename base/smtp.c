#include "base/smtp.h"

#include <curl/curl.h>
#include <stdio.h>

#include "base/parse.h"

/* --- addresses ---------------------------------------------------------------------------------------------- */

enum { ADDRESS_MAX = 254, LOCAL_MAX = 64, LABEL_MAX = 63 };

/* Parts with dots between them, none of them empty. */
static bool dotted(dm_str all, const char *set, size_t part_max)
{
    dm_str part;
    if (all.n == 0 || all.p[all.n - 1] == '.')
        return false;
    while (dm_str_split(&all, '.', &part)) {
        if (part.n == 0 || part.n > part_max || !dm_str_only(part, set))
            return false;
    }
    return true;
}

bool dm_smtp_address_ok(dm_str address)
{
    static const char atext[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-/=?^_`{|}~";
    static const char ldh[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-";
    dm_str domain = address, local;
    if (address.n < 3 || address.n > ADDRESS_MAX || !dm_str_split(&domain, '@', &local))
        return false;
    return local.n <= LOCAL_MAX && dotted(local, atext, LOCAL_MAX) && dotted(domain, ldh, LABEL_MAX) &&
           domain.p[0] != '-' && domain.p[domain.n - 1] != '-';
}

/* --- sending ------------------------------------------------------------------------------------------------ */

typedef struct letter {
    dm_str rest;
    bool begun; /* a byte of it was asked for */
} letter;

static size_t on_read(char *to, size_t size, size_t n, void *arg)
{
    letter *l = arg;
    size_t some = l->rest.n < size * n ? l->rest.n : size * n;
    l->begun = true;
    memcpy(to, l->rest.p, some);
    l->rest = (dm_str){l->rest.p + some, l->rest.n - some};
    return some;
}

static size_t on_answer(char *p, size_t size, size_t n, void *arg)
{
    (void)p;
    (void)arg;
    return size * n;
}

#define SET(option, value) (bad |= curl_easy_setopt(curl, (option), (value)) != CURLE_OK)

static bool set_options(CURL *curl, const dm_smtp_config *c, const char *from, struct curl_slist *to, letter *l)
{
    bool bad = false;
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    SET(CURLOPT_URL, c->url);
    SET(CURLOPT_PROXY, ""); /* whatever the environment says */
    SET(CURLOPT_USE_SSL, (long)(c->plain ? CURLUSESSL_TRY : CURLUSESSL_ALL));
    if (c->ca_file[0] != '\0')
        SET(CURLOPT_CAINFO, c->ca_file);
    if (c->user[0] != '\0') {
        SET(CURLOPT_USERNAME, c->user);
        SET(CURLOPT_PASSWORD, c->password);
    }
    SET(CURLOPT_MAIL_FROM, from);
    SET(CURLOPT_MAIL_RCPT, to);
    SET(CURLOPT_UPLOAD, 1L);
    SET(CURLOPT_READFUNCTION, on_read);
    SET(CURLOPT_READDATA, (void *)l);
    SET(CURLOPT_WRITEFUNCTION, on_answer);
    SET(CURLOPT_TIMEOUT_MS, (long)c->timeout_ms);
    return !bad;
}

/* What the relay refuses by a code is not taken, even at the end of a letter. */
static int failed(CURL *curl, CURLcode code, const char *why, const letter *l, dm_err *err)
{
    long answer = 0;
    (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer);
    bool maybe = l->begun && answer < 400;
    return dm_fail(err, maybe ? DM_E_TIMEOUT : DM_E_UNAVAILABLE, "relay: %s (%ld)",
            why[0] != '\0' ? why : curl_easy_strerror(code), answer);
}

int dm_smtp_send(const dm_smtp_config *config, const char *from, const char *to, dm_str message, dm_err *err)
{
    char why[CURL_ERROR_SIZE] = "", sender[ADDRESS_MAX + 3], recipient[ADDRESS_MAX + 3];
    letter l = {.rest = message};
    if (!dm_smtp_address_ok(dm_str_c(from)) || !dm_smtp_address_ok(dm_str_c(to)))
        return dm_fail(err, DM_E_INVALID, "no mail address");
    (void)snprintf(sender, sizeof sender, "<%s>", from);
    (void)snprintf(recipient, sizeof recipient, "<%s>", to);
    CURL *curl = curl_easy_init();
    struct curl_slist *list = curl_slist_append(NULL, recipient);
    int r = 0;
    if (curl == NULL || list == NULL)
        r = dm_fail(err, DM_E_NOMEM, "mail: no memory");
    else if (!set_options(curl, config, sender, list, &l) ||
             curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why) != CURLE_OK)
        r = dm_fail(err, DM_E_INTERNAL, "mail: libcurl lacks an option");
    if (r == 0) {
        CURLcode code = curl_easy_perform(curl);
        r = code == CURLE_OK ? 0 : failed(curl, code, why, &l, err);
    }
    curl_slist_free_all(list);
    curl_easy_cleanup(curl);
    return r;
}
