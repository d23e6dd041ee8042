/* api/post/letter.h: a letter as it travels (RFC 5322). Pure. */
#ifndef DM_API_POST_LETTER_H
#define DM_API_POST_LETTER_H

#include "base/buf.h"

typedef struct dm_letter {
    const char *from, *to; /* addresses */
    dm_str subject, body;  /* UTF-8; the subject has no control characters, the body's lines end in LF */
    dm_str cause;          /* what the Message-ID is made of: the same letter has the same, however often it is sent */
    int64_t at_us;
} dm_letter;

/* DM_E_INVALID: an address is none, or the subject could end its line. */
int dm_letter_write(const dm_letter *l, dm_buf *out, dm_err *err) DM_NODISCARD;

#endif
