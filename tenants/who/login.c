#include "tenants/who/login.h"

#include "base/parse.h"
#include "base/smtp.h"

int dm_email_read(dm_str text, char out[DM_EMAIL_MAX + 1], dm_err *err)
{
    char lower[DM_EMAIL_MAX + 1];
    if (!dm_smtp_address_ok(text) || dm_str_to_array(text, lower, sizeof lower, NULL) < 0)
        return dm_fail(err, DM_E_INVALID, "email: that is no address");
    for (char *p = lower; *p != '\0'; p++) {
        if (*p >= 'A' && *p <= 'Z')
            *p = (char)(*p - 'A' + 'a');
    }
    memcpy(out, lower, sizeof lower);
    return 0;
}

int dm_link_new(char text[DM_LINK_TEXT], dm_digest *hash, dm_err *err)
{
    uint8_t raw[(DM_LINK_TEXT - 1) / 2];
    int r = dm_random(raw, sizeof raw, err);
    if (r < 0)
        return r;
    dm_hex(raw, sizeof raw, text);
    return dm_link_hash(dm_str_c(text), hash, err);
}

int dm_link_hash(dm_str text, dm_digest *hash, dm_err *err)
{
    return dm_sha256(text, hash, err);
}
