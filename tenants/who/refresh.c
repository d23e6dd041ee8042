#include "tenants/who/refresh.h"

#include "base/file.h"
#include "base/parse.h"

int dm_refresh_make(const dm_master *m, const char *session, int64_t turn, char out[DM_REFRESH_TEXT], dm_err *err)
{
    char said[DM_REFRESH_TEXT], hex[2 * DM_SHA256 + 1];
    dm_digest mac;
    int r = dm_path(said, sizeof said, err, "%s.%lld", session, (long long)turn);
    if (r == 0)
        r = dm_secret_mac(m, "refresh", dm_str_c(said), &mac, err);
    if (r < 0)
        return r;
    dm_hex(mac.b, sizeof mac.b, hex);
    return dm_path(out, DM_REFRESH_TEXT, err, "%s.%s", said, hex);
}

int dm_refresh_read(const dm_master *m, dm_str text, char session[DM_UUID_TEXT], int64_t *turn, dm_err *err)
{
    char said[DM_UUID_TEXT], whole[DM_REFRESH_TEXT];
    dm_str rest = text, id, number;
    int64_t n;
    if (!dm_str_split(&rest, '.', &id) || !dm_str_split(&rest, '.', &number) || !dm_uuid_ok(id) ||
            dm_parse_i64(number, 0, INT32_MAX, &n, NULL) < 0 || dm_str_to_array(id, said, sizeof said, NULL) < 0)
        return DM_REFRESH_FORGED;
    int r = dm_refresh_make(m, said, n, whole, err);
    if (r < 0)
        return r;
    /* All of it, so that there is one way to write a token. */
    if (!dm_str_eq_secret(text, dm_str_c(whole)))
        return DM_REFRESH_FORGED;
    memcpy(session, said, sizeof said);
    *turn = n;
    return 0;
}
