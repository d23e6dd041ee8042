/* Bundles: judged, or refused with words. When the first byte is odd what follows is a tar that is squeezed here, so
 * that what lies behind zstd is reached. */
#include <string.h>
#include <zstd.h>

#include "metering/verify/verify.h"
#include "tests/fuzz/fuzz.h"

enum { SQUEEZED_MAX = 2 << 20 };

typedef struct bytes {
    const char *p;
    size_t n;
} bytes;

static int next(void *arg, void *to, size_t room, size_t *n, dm_err *err)
{
    bytes *b = arg;
    (void)err;
    *n = b->n < room ? b->n : room;
    memcpy(to, b->p, *n);
    b->p += *n;
    b->n -= *n;
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    DM_AUTO_MEM dm_verdict *v = calloc(1, sizeof(*v));
    DM_AUTO_MEM char *squeezed = malloc(SQUEEZED_MAX);
    DM_AUTO_BUF words;
    dm_err err;
    HOLDS(v != NULL && squeezed != NULL);
    if (size == 0 || size > 1 << 20)
        return 0;
    bytes b = {(const char *)data + 1, size - 1};
    if (data[0] % 2 != 0) {
        b.n = ZSTD_compress(squeezed, SQUEEZED_MAX, data + 1, size - 1, 1);
        HOLDS(!ZSTD_isError(b.n));
        b.p = squeezed;
    }
    int r = dm_verify_bundle(next, &b, NULL, NULL, v, &err);
    HOLDS(r >= 0 || r == DM_E_NOMEM);
    HOLDS((r == DM_VERIFY_BAD) == (v->fault.kind != DM_FAULT_NONE));
    HOLDS(r != DM_VERIFY_BAD || v->fault.words[0] != '\0');
    HOLDS(r != DM_VERIFY_UNKNOWN || v->unknown[0] != '\0');
    dm_buf_init(&words, 1 << 20);
    if (r >= 0) {
        dm_verdict_words(v, r, &words);
        dm_verdict_json(v, r, &words);
        HOLDS(dm_buf_ok(&words, NULL) == 0);
    }
    return 0;
}
