/* A request is the same however its bytes were cut: where its head ends, and what its chunked body holds. A head is
 * refused with a status, or its parts lie inside it. */
#include "base/buf.h"

#include "tests/fuzz/fuzz.h"
#include "workers/guest/http/head.h"
#include "workers/guest/http/negotiate.h"

enum { MAX = 1 << 16 };

static void inside(dm_str whole, dm_str part)
{
    HOLDS(part.n == 0 || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n));
}

static void read_head(dm_str block)
{
    dm_head h;
    const char *why = NULL;
    int status = dm_head_parse(block, &h, &why);
    HOLDS(status == 0 || (status >= 400 && status < 600 && why != NULL));
    if (status == 0) {
        dm_range ranges[DM_RANGES_MAX];
        size_t n;
        bool use;
        char *value = NULL;
        inside(block, h.method);
        inside(block, h.path);
        inside(block, h.query);
        for (size_t i = 0; i < h.n; i++) {
            inside(block, h.fields[i].name);
            inside(block, h.fields[i].value);
            HOLDS(h.fields[i].name.n > 0);
        }
        HOLDS(h.body != DM_BODY_LENGTH || (h.length > 0 && h.length <= INT64_MAX));
        (void)dm_negotiate_coding(&h);
        (void)dm_negotiate_conditions(&h, 1000, &use);
        if (dm_negotiate_range(dm_head_value(&h, "range"), 1000, ranges, &n) == DM_RANGE_PARTS)
            for (size_t i = 0; i < n; i++)
                HOLDS(ranges[i].length > 0 && ranges[i].from < 1000 && ranges[i].length <= 1000 - ranges[i].from);
        if (dm_query_get(h.query, "path", &value, NULL) == 0)
            HOLDS(value != NULL);
        free(value);
    }
    dm_head_done(&h);
}

/* The verdict: 0 more is wanted, 1 the end, 2 refused; the body goes to out, *rest is what stands behind its end. */
static int read_body(dm_str all, size_t step, dm_buf *out, size_t *rest)
{
    dm_chunked c = {.state = 0};
    while (all.n > 0) {
        dm_str in = {all.p, all.n < step ? all.n : step}, piece;
        size_t given = in.n;
        int r;
        while ((r = dm_chunked_next(&c, &in, &piece)) == DM_CHUNKED_PIECE) {
            inside(all, piece);
            (void)dm_buf_str(out, piece);
        }
        if (r < 0)
            return 2;
        all = (dm_str){all.p + given - in.n, all.n - given + in.n};
        if (r == DM_CHUNKED_END) {
            *rest = all.n;
            return 1;
        }
    }
    return 0;
}

static void read_chunks(dm_str text, size_t step)
{
    DM_AUTO_BUF whole, cut;
    size_t whole_rest = 0, cut_rest = 0;
    dm_buf_init(&whole, MAX);
    dm_buf_init(&cut, MAX);
    int a = read_body(text, MAX, &whole, &whole_rest), b = read_body(text, step, &cut, &cut_rest);
    HOLDS(a == b && whole_rest == cut_rest && dm_str_eq(dm_buf_view(&whole), dm_buf_view(&cut)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > MAX)
        return 0;
    size_t step = 1 + data[0] % 16; /* the first byte says how the rest is cut */
    dm_str text = {(const char *)data + 1, size - 1};
    size_t whole_seen = 0, cut_seen = 0, end = dm_head_end(text, &whole_seen), cut_end = 0;
    for (size_t n = step; cut_end == 0 && n < text.n + step; n += step)
        cut_end = dm_head_end((dm_str){text.p, n < text.n ? n : text.n}, &cut_seen);
    HOLDS(end == cut_end && end <= text.n);
    read_head(end > 0 ? (dm_str){text.p, end} : text);
    read_chunks((dm_str){text.p + end, text.n - end}, step);
    return 0;
}
