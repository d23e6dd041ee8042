#include "api/post/letter.h"

#include <stdio.h>
#include <time.h>

#include "base/crypto.h"
#include "base/parse.h"
#include "base/smtp.h"

/* A line has 998 bytes at most (RFC 5322), an encoded word 75 (RFC 2047): 45 bytes of text are 60 of base64. */
enum { LINE_MAX_BYTES = 990, WORD_BYTES = 45, BASE64_LINE_BYTES = 57 };

static bool ascii(dm_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] >= 0x80)
            return false;
    return true;
}

static bool one_line(dm_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
            return false;
    return dm_utf8_ok(s);
}

/* --- the head ----------------------------------------------------------------------------------------------- */

/* Plain where it can be, else in encoded words, a character never cut between two. What looks like one is encoded, too.
 */
static void write_subject(dm_buf *out, dm_str subject)
{
    (void)dm_buf_c(out, "Subject: ");
    if (ascii(subject) && subject.n < 900 && memmem(subject.p, subject.n, "=?", 2) == NULL) {
        (void)dm_buf_str(out, subject);
        (void)dm_buf_c(out, "\r\n");
        return;
    }
    for (bool first = true; subject.n > 0; first = false) {
        size_t n = 0, step;
        while ((step = dm_utf8_step((dm_str){subject.p + n, subject.n - n})) > 0 && n + step <= WORD_BYTES)
            n += step;
        (void)dm_buf_c(out, first ? "=?UTF-8?B?" : "\r\n =?UTF-8?B?");
        (void)dm_base64_encode(out, subject.p, n);
        (void)dm_buf_c(out, "?=");
        subject = (dm_str){subject.p + n, subject.n - n};
    }
    (void)dm_buf_c(out, "\r\n");
}

static void write_date(dm_buf *out, int64_t at_us)
{
    time_t s = (time_t)(at_us / 1000000);
    struct tm tm;
    char text[64] = "";
    if (gmtime_r(&s, &tm) != NULL)
        (void)strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S +0000", &tm); /* the C locale is ours */
    (void)dm_buf_fmt(out, "Date: %s\r\n", text);
}

static int write_message_id(dm_buf *out, dm_str cause, const char *from, dm_err *err)
{
    dm_digest digest;
    char hex[2 * DM_SHA256 + 1];
    int r = dm_sha256(cause, &digest, err);
    if (r < 0)
        return r;
    dm_hex(digest.b, sizeof digest.b, hex);
    return dm_buf_fmt(out, "Message-ID: <%.40s%s>\r\n", hex, strchr(from, '@'));
}

/* --- the body ----------------------------------------------------------------------------------------------- */

static bool fits_lines(dm_str body)
{
    for (dm_str line; dm_str_split(&body, '\n', &line);)
        if (line.n > LINE_MAX_BYTES)
            return false;
    return true;
}

static void write_lines(dm_buf *out, dm_str body)
{
    for (dm_str line; dm_str_split(&body, '\n', &line);) {
        if (body.n == 0 && line.n == 0)
            break; /* what ends in LF has no empty line after it */
        (void)dm_buf_str(out, line);
        (void)dm_buf_c(out, "\r\n");
    }
}

static void write_base64(dm_buf *out, dm_str body)
{
    while (body.n > 0) {
        size_t n = body.n < BASE64_LINE_BYTES ? body.n : BASE64_LINE_BYTES;
        (void)dm_base64_encode(out, body.p, n);
        (void)dm_buf_c(out, "\r\n");
        body = (dm_str){body.p + n, body.n - n};
    }
}

static void write_body(dm_buf *out, dm_str body)
{
    bool plain = ascii(body) && fits_lines(body) && memchr(body.p, '\r', body.n) == NULL;
    (void)dm_buf_fmt(out,
            "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
            "Content-Transfer-Encoding: %s\r\n\r\n",
            plain ? "7bit" : "base64");
    if (plain)
        write_lines(out, body);
    else
        write_base64(out, body);
}

int dm_letter_write(const dm_letter *l, dm_buf *out, dm_err *err)
{
    if (!dm_smtp_address_ok(dm_str_c(l->from)) || !dm_smtp_address_ok(dm_str_c(l->to)))
        return dm_fail(err, DM_E_INVALID, "a letter's address is none");
    if (!one_line(l->subject))
        return dm_fail(err, DM_E_INVALID, "a letter's subject is not one line of text");
    (void)dm_buf_fmt(out, "From: Dormouse <%s>\r\nTo: <%s>\r\n", l->from, l->to);
    write_subject(out, l->subject);
    write_date(out, l->at_us);
    int r = write_message_id(out, l->cause, l->from, err);
    if (r < 0)
        return r;
    (void)dm_buf_c(out, "Auto-Submitted: auto-generated\r\n");
    write_body(out, l->body);
    return dm_buf_ok(out, err);
}
