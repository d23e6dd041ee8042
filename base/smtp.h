/* base/smtp.h: hands one letter to a mail relay, over libcurl. A call has a connection of its own. Thread-safe. */
#ifndef DM_BASE_SMTP_H
#define DM_BASE_SMTP_H

#include "base/str.h"

typedef struct dm_smtp_config {
    const char *url;      /* "smtp://HOST:587", "smtps://HOST:465" */
    const char *user;     /* "" : the relay asks for none */
    const char *password; /* "" */
    bool plain;           /* smtp:// may stay unencrypted; else STARTTLS, or nothing is sent */
    const char *ca_file;  /* "": the machine's */
    unsigned timeout_ms;  /* of all together */
} dm_smtp_config;

/* from and to are addresses (dm_smtp_address_ok), message a whole letter whose lines end in CR LF. 0: the relay has
 * taken it over. DM_E_INVALID: an address is none. DM_E_TIMEOUT: the letter was on its way when it failed, and may have
 * been taken. Everything else: it was not; the words have the relay's answer. */
int dm_smtp_send(
        const dm_smtp_config *config, const char *from, const char *to, dm_str message, dm_err *err) DM_NODISCARD;

/* LOCAL@DOMAIN in ASCII, at most 254 bytes, nothing quoted: what can stand between < and > and end no line. */
bool dm_smtp_address_ok(dm_str address);

#endif
