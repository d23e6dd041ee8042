#include "tenants/who/invitation.h"

#include "base/smtp.h"

bool dm_email_read(dm_str text, char out[DM_EMAIL_TEXT])
{
    if (!dm_smtp_address_ok(text) || dm_str_to_array(text, out, DM_EMAIL_TEXT, NULL) < 0)
        return false;
    for (char *p = out; *p != '\0'; p++)
        if (*p >= 'A' && *p <= 'Z')
            *p = (char)(*p - 'A' + 'a');
    return true;
}
