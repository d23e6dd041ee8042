#include "tenants/who/lookas.h"

#include "base/file.h"
#include "base/parse.h"

int dm_lookas_text(const dm_master *m, const char *id, char out[DM_LOOKAS_TEXT], dm_err *err)
{
    char hex[2 * DM_SHA256 + 1];
    dm_digest mac;
    int r = dm_secret_mac(m, "look", dm_str_c(id), &mac, err);
    if (r < 0)
        return r;
    dm_hex(mac.b, sizeof mac.b, hex);
    return dm_path(out, DM_LOOKAS_TEXT, err, "%s.%s", id, hex);
}

int dm_lookas_text_read(const dm_master *m, dm_str text, char id[DM_UUID_TEXT], dm_err *err)
{
    char said[DM_UUID_TEXT], whole[DM_LOOKAS_TEXT];
    dm_str rest = text, first;
    if (!dm_str_split(&rest, '.', &first) || !dm_uuid_ok(first) || dm_str_to_array(first, said, sizeof said, NULL) < 0)
        return DM_LOOKAS_NONE;
    int r = dm_lookas_text(m, said, whole, err);
    if (r < 0)
        return r;
    if (!dm_str_eq_secret(text, dm_str_c(whole)))
        return DM_LOOKAS_NONE;
    memcpy(id, said, sizeof said);
    return 0;
}
