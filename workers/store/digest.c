#include "workers/store/digest.h"

#include <errno.h>
#include <sys/stat.h>

#include "base/file.h"

#include "workers/vmm/sparse.h"

enum { PAGE = 4096, STEP = 256 * 1024 };

struct reader {
    int fd;
    dm_sha256_sum *sum;
    uint8_t *buf; /* STEP bytes */
};

static int add_number(dm_sha256_sum *sum, uint64_t n, dm_err *err)
{
    uint8_t le[8];
    for (size_t i = 0; i < sizeof le; i++)
        le[i] = (uint8_t)(n >> (8 * i));
    return dm_sha256_sum_add(sum, (dm_str){(const char *)le, sizeof le}, err);
}

static bool is_zero(const uint8_t *p, size_t n)
{
    return p[0] == 0 && memcmp(p, p + 1, n - 1) == 0;
}

/* The last page of a file may be short. */
static int add_pages(const struct reader *r, uint64_t at, size_t n, dm_err *err)
{
    for (size_t i = 0; i < n; i += PAGE) {
        size_t page = n - i < PAGE ? n - i : PAGE;
        if (is_zero(r->buf + i, page))
            continue;
        int e = add_number(r->sum, at + i, err);
        if (e == 0)
            e = dm_sha256_sum_add(r->sum, (dm_str){(const char *)r->buf + i, page}, err);
        if (e < 0)
            return e;
    }
    return 0;
}

static int add_run(void *arg, uint64_t at, uint64_t length, dm_err *err)
{
    const struct reader *r = arg;
    while (length > 0) {
        size_t want = length < STEP ? (size_t)length : STEP, got;
        int e = dm_pread_all(r->fd, r->buf, want, (off_t)at, &got, err);
        if (e == 0 && got != want)
            e = dm_fail(err, DM_E_CORRUPT, "the file shrank while it was read");
        if (e == 0)
            e = add_pages(r, at, want, err);
        if (e < 0)
            return e;
        at += want;
        length -= want;
    }
    return 0;
}

int dm_digest_file(int fd, dm_digest *out, dm_err *err)
{
    struct stat st;
    DM_AUTO(dm_sha256_sum) sum = NULL;
    DM_AUTO_MEM uint8_t *buf = malloc(STEP);
    if (buf == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory to read with");
    if (fstat(fd, &st) < 0)
        return dm_fail_sys(err, errno, "stat a file");
    int r = dm_sha256_sum_new(&sum, err);
    if (r == 0)
        r = add_number(sum, (uint64_t)st.st_size, err);
    if (r == 0)
        r = dm_sparse_each(fd, add_run, &(struct reader){.fd = fd, .sum = sum, .buf = buf}, err);
    return r < 0 ? r : dm_sha256_sum_end(sum, out, err);
}
