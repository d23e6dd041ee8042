/* A multipart body is the same however its bytes were cut. What is given as data holds no separator. */
#include "tests/fuzz/fuzz.h"
#include "workers/guest/http/multipart.h"

enum { MAX = 1 << 16 };

typedef struct seen {
    dm_buf text; /* all calls, in order */
    dm_buf data; /* of the part under way */
    bool open;
} seen;

static int begin(void *arg, const dm_part *p, dm_err *err)
{
    seen *s = arg;
    (void)err;
    HOLDS(!s->open);
    s->open = true;
    dm_buf_reset(&s->data);
    (void)dm_buf_ch(&s->text, '<');
    (void)dm_buf_str(&s->text, p->name);
    (void)dm_buf_ch(&s->text, p->has_filename ? '=' : '>');
    (void)dm_buf_str(&s->text, p->filename);
    return 0;
}

static int data_of(void *arg, dm_str bytes, dm_err *err)
{
    seen *s = arg;
    (void)err;
    HOLDS(s->open && bytes.n > 0);
    return dm_buf_str(&s->data, bytes);
}

static int end(void *arg, dm_err *err)
{
    seen *s = arg;
    (void)err;
    HOLDS(s->open);
    HOLDS(s->data.len == 0 || memmem(s->data.p, s->data.len, "\r\n--B", 5) == NULL);
    s->open = false;
    (void)dm_buf_str(&s->text, dm_buf_view(&s->data));
    return dm_buf_ch(&s->text, '/');
}

static const dm_multipart_calls calls = {begin, data_of, end};

static int parse(dm_str all, size_t step, seen *s)
{
    dm_multipart m;
    int r = 0;
    *s = (seen){.open = false};
    dm_buf_init(&s->text, 4 * MAX);
    dm_buf_init(&s->data, MAX);
    HOLDS(dm_multipart_init(&m, DM_STR("B"), &calls, s, NULL) == 0);
    while (all.n > 0 && r == 0) {
        size_t n = all.n < step ? all.n : step;
        r = dm_multipart_feed(&m, (dm_str){all.p, n}, NULL);
        all = (dm_str){all.p + n, all.n - n};
    }
    r = r < 0 ? r : dm_multipart_whole(&m);
    dm_multipart_done(&m);
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > MAX)
        return 0;
    seen whole, pieces;
    dm_str text = {(const char *)data + 1, size - 1};
    int a = parse(text, MAX, &whole), b = parse(text, 1 + data[0] % 16, &pieces);
    HOLDS(a == b && dm_str_eq(dm_buf_view(&whole.text), dm_buf_view(&pieces.text)));
    HOLDS(a < 0 || dm_str_eq(dm_buf_view(&whole.data), dm_buf_view(&pieces.data)));
    dm_buf_done(&whole.text);
    dm_buf_done(&whole.data);
    dm_buf_done(&pieces.text);
    dm_buf_done(&pieces.data);
    char boundary[DM_BOUNDARY_MAX + 1];
    if (dm_multipart_boundary(text, boundary))
        HOLDS(strlen(boundary) <= DM_BOUNDARY_MAX);
    return 0;
}
