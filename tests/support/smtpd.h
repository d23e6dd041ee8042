/* tests/support/smtpd.h: a mail relay on the loopback address that keeps what it is given, and misbehaves as it is
 * told. It speaks enough of RFC 5321 for libcurl, and TLS once it has a certificate. Any number of clients at once. */
#ifndef DM_TESTS_SUPPORT_SMTPD_H
#define DM_TESTS_SUPPORT_SMTPD_H

#include "base/str.h"

typedef enum dm_smtpd_mood {
    DM_SMTPD_GOOD,
    DM_SMTPD_NO_RCPT,  /* 550 to the recipient */
    DM_SMTPD_BUSY,     /* 451 at the end of the letter */
    DM_SMTPD_DROPS,    /* takes the letter, and hangs up before it answers */
    DM_SMTPD_AUTH_ONLY /* 530 to whoever has not signed in as user / secret (PLAIN) */
} dm_smtpd_mood;

typedef struct dm_smtpd dm_smtpd;

dm_smtpd *dm_smtpd_start(void); /* stops the test when it cannot */
void dm_smtpd_free(dm_smtpd *s);
void dm_smtpd_be(dm_smtpd *s, dm_smtpd_mood mood);
const char *dm_smtpd_url(const dm_smtpd *s); /* "smtp://127.0.0.1:PORT" */

/* From the next client on it offers STARTTLS by this certificate, and AUTH below TLS alone. Files of PEM; before any
 * client, or between two. */
void dm_smtpd_certify(dm_smtpd *s, const char *certificate, const char *key);
/* How often somebody signed in, named an address or sent a letter in the clear. */
unsigned dm_smtpd_clear(dm_smtpd *s);

/* Letters that it has taken, in order; borrowed until it is freed. */
size_t dm_smtpd_count(dm_smtpd *s);
typedef struct dm_smtpd_letter {
    char from[256], to[256];
    const char *text; /* lines end in CR LF */
} dm_smtpd_letter;
dm_smtpd_letter dm_smtpd_letter_at(dm_smtpd *s, size_t i);

#endif
