#include "base/wire/link.h"

#include "base/parse.h"

#define VERSION "v1_"

void dm_link_stem(dm_buf *b, dm_str path, dm_link_act act, dm_str user)
{
    (void)dm_buf_str(b, path);
    (void)dm_buf_c(b, act == DM_LINK_WRITE ? ":write:" : ":read:");
    (void)dm_buf_str(b, user);
    (void)dm_buf_ch(b, ':');
}

void dm_link_tail(dm_buf *b, dm_str expiry)
{
    if (expiry.n == 0)
        return;
    (void)dm_buf_ch(b, ':');
    (void)dm_buf_str(b, expiry);
}

int dm_link_signature_write(const uint8_t digest[DM_LINK_DIGEST], char out[DM_LINK_SIGNATURE + 1], dm_err *err)
{
    DM_AUTO_BUF text;
    dm_buf_init(&text, DM_LINK_SIGNATURE + 1);
    (void)dm_buf_c(&text, VERSION);
    (void)dm_base64_encode(&text, digest, DM_LINK_DIGEST);
    int r = dm_buf_ok(&text, err);
    /* 32 bytes leave one character of padding. */
    return r < 0 ? r : dm_str_to_array((dm_str){text.p, DM_LINK_SIGNATURE}, out, DM_LINK_SIGNATURE + 1, err);
}

int dm_link_signature_read(dm_str text, uint8_t digest[DM_LINK_DIGEST])
{
    const dm_str version = DM_STR(VERSION);
    DM_AUTO_BUF bytes;
    dm_buf_init(&bytes, DM_LINK_SIGNATURE); /* a decoder may ask for as much room as its input is long */
    if (text.n != DM_LINK_SIGNATURE || !dm_str_starts(text, version) ||
            dm_base64_decode(&bytes, (dm_str){text.p + version.n, text.n - version.n}, NULL) < 0 ||
            bytes.len != DM_LINK_DIGEST)
        return DM_LINK_WRONG;
    memcpy(digest, bytes.p, DM_LINK_DIGEST);
    return 0;
}

int dm_link_until(dm_str expiry, int64_t *until_s)
{
    if (expiry.n > 0)
        return dm_parse_i64(expiry, INT64_MIN, INT64_MAX, until_s, NULL) < 0 ? DM_LINK_WRONG : 0;
    *until_s = INT64_MAX;
    return 0;
}
