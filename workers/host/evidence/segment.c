#include "workers/host/evidence/segment.h"

#include <string.h>

#include "base/crc32c.h"
#include "base/file.h"

void dm_segment_put(dm_buf *b, dm_record type, dm_str payload)
{
    uint8_t t = (uint8_t)type;
    (void)dm_buf_want(b, DM_SEGMENT_HEAD + payload.n + DM_SEGMENT_TAIL); /* so that it is added whole or not at all */
    (void)dm_buf_le32(b, (uint32_t)payload.n);
    (void)dm_buf_u8(b, t);
    (void)dm_buf_str(b, payload);
    (void)dm_buf_le32(b, dm_crc32c(dm_crc32c(0, &t, 1), payload.p, payload.n));
}

int dm_segment_record(int fd, uint64_t offset, dm_record *type, dm_buf *b, bool *torn, dm_err *err)
{
    uint8_t head[DM_SEGMENT_HEAD], tail[DM_SEGMENT_TAIL];
    size_t got;
    *torn = false;
    if (dm_pread_all(fd, head, sizeof(head), (off_t)offset, &got, err) < 0)
        return err != NULL ? err->code : DM_E_IO;
    if (got == 0)
        return DM_JOURNAL_END;
    *torn = true;
    if (got < sizeof(head))
        return DM_JOURNAL_END;
    uint32_t length, crc;
    dm_str in = {(const char *)head, 4};
    (void)dm_take_le32(&in, &length);
    if (length > DM_RECORD_BYTES_MAX || head[4] < DM_RECORD_BOOT || head[4] > DM_RECORD_CLAIM)
        return DM_JOURNAL_END;
    dm_buf_reset(b);
    char *p = dm_buf_want(b, length + 1);
    if (p == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for a record of %u bytes", length);
    if (dm_pread_all(fd, p, length, (off_t)(offset + sizeof(head)), &got, err) < 0)
        return err != NULL ? err->code : DM_E_IO;
    if (got < length)
        return DM_JOURNAL_END;
    dm_buf_grew(b, length);
    if (dm_pread_all(fd, tail, sizeof(tail), (off_t)(offset + sizeof(head) + length), &got, err) < 0)
        return err != NULL ? err->code : DM_E_IO;
    in = (dm_str){(const char *)tail, got};
    if (dm_take_le32(&in, &crc) != 0 || crc != dm_crc32c(dm_crc32c(0, head + 4, 1), p, length))
        return DM_JOURNAL_END;
    *type = (dm_record)head[4];
    *torn = false;
    return 0;
}

/* The first mark at or behind this offset; DM_JOURNAL_END: none. */
static int find_mark(int fd, uint64_t segment, uint64_t from, uint64_t *at, dm_err *err)
{
    static const uint8_t head[DM_SEGMENT_HEAD] = {16, 0, 0, 0, DM_RECORD_MARK};
    enum { STEP = 1 << 16 };
    DM_AUTO_MEM uint8_t *bytes = malloc(STEP);
    if (bytes == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory to look through a segment");
    DM_AUTO_BUF b;
    dm_buf_init(&b, 64);
    for (size_t got = STEP; got == STEP; from += STEP - DM_SEGMENT_MARK + 1) {
        int r = dm_pread_all(fd, bytes, STEP, (off_t)from, &got, err);
        if (r < 0)
            return r;
        for (size_t i = 0; i + DM_SEGMENT_MARK <= got; i++) {
            uint64_t is_segment, is_at;
            dm_record type;
            bool torn;
            if (memcmp(bytes + i, head, sizeof(head)) != 0 ||
                    dm_segment_record(fd, from + i, &type, &b, &torn, NULL) != 0)
                continue;
            dm_str in = dm_buf_view(&b);
            if (dm_take_le64(&in, &is_segment) != 0 || dm_take_le64(&in, &is_at) != 0 || is_segment != segment ||
                    is_at != from + i)
                continue;
            *at = from + i;
            return 0;
        }
    }
    return DM_JOURNAL_END;
}

int dm_segment_resync(int fd, uint64_t segment, uint64_t bad, uint64_t *to, dm_err *err)
{
    uint8_t head[DM_SEGMENT_HEAD];
    size_t got;
    uint32_t length;
    int r = find_mark(fd, segment, bad + 1, to, err);
    if (r != 0)
        return r;
    r = dm_pread_all(fd, head, sizeof(head), (off_t)bad, &got, err);
    if (r < 0)
        return r;
    dm_str in = {(const char *)head, got};
    if (dm_take_le32(&in, &length) != 0 || length > DM_RECORD_BYTES_MAX)
        return 0;
    uint64_t next = bad + DM_SEGMENT_HEAD + length + DM_SEGMENT_TAIL;
    if (next >= *to)
        return 0;
    DM_AUTO_BUF b;
    dm_record type;
    bool torn;
    dm_buf_init(&b, DM_RECORD_BYTES_MAX + 1);
    r = dm_segment_record(fd, next, &type, &b, &torn, err);
    if (r == 0)
        *to = next;
    return r < 0 ? r : 0;
}

int dm_segment_copy(
        int fd, uint64_t segment, int out, dm_segment_skip_fn skip, void *arg, unsigned *places, dm_err *err)
{
    DM_AUTO_BUF b, bytes;
    dm_buf_init(&b, DM_RECORD_BYTES_MAX + 1);
    dm_buf_init(&bytes, DM_RECORD_BYTES_MAX + DM_SEGMENT_HEAD + DM_SEGMENT_TAIL);
    *places = 0;
    for (uint64_t offset = 0, to;;) {
        dm_record type;
        bool torn;
        int r = dm_segment_record(fd, offset, &type, &b, &torn, err);
        if (r == DM_JOURNAL_END && torn) {
            r = dm_segment_resync(fd, segment, offset, &to, err);
            if (r == 0) {
                if (skip != NULL)
                    skip(arg, offset, to);
                (*places)++;
                offset = to;
                continue;
            }
        }
        if (r != 0)
            return r == DM_JOURNAL_END ? 0 : r;
        offset += DM_SEGMENT_HEAD + b.len + DM_SEGMENT_TAIL;
        if (out < 0 || type == DM_RECORD_MARK)
            continue;
        dm_buf_reset(&bytes);
        dm_segment_put(&bytes, type, dm_buf_view(&b));
        r = dm_buf_ok(&bytes, err);
        if (r == 0)
            r = dm_write_all(out, bytes.p, bytes.len, err);
        if (r < 0)
            return r;
    }
}
