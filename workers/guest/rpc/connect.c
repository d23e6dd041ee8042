#include "workers/guest/rpc/connect.h"

#include "base/parse.h"

static const struct {
    const char *name;
    int status;
} codes[DM_CC_COUNT] = {
        [DM_CC_CANCELED] = {"canceled", 499},
        [DM_CC_UNKNOWN] = {"unknown", 500},
        [DM_CC_INVALID_ARGUMENT] = {"invalid_argument", 400},
        [DM_CC_DEADLINE_EXCEEDED] = {"deadline_exceeded", 504},
        [DM_CC_NOT_FOUND] = {"not_found", 404},
        [DM_CC_ALREADY_EXISTS] = {"already_exists", 409},
        [DM_CC_PERMISSION_DENIED] = {"permission_denied", 403},
        [DM_CC_RESOURCE_EXHAUSTED] = {"resource_exhausted", 429},
        [DM_CC_FAILED_PRECONDITION] = {"failed_precondition", 400},
        [DM_CC_ABORTED] = {"aborted", 409},
        [DM_CC_OUT_OF_RANGE] = {"out_of_range", 400},
        [DM_CC_UNIMPLEMENTED] = {"unimplemented", 501},
        [DM_CC_INTERNAL] = {"internal", 500},
        [DM_CC_UNAVAILABLE] = {"unavailable", 503},
        [DM_CC_DATA_LOSS] = {"data_loss", 500},
        [DM_CC_UNAUTHENTICATED] = {"unauthenticated", 401},
};

int dm_connect_status(dm_connect_code code)
{
    return codes[code].status;
}

void dm_connect_write_error(dm_buf *b, dm_connect_code code, const char *message)
{
    dm_jw w;
    dm_jw_init(&w, b);
    dm_jw_obj(&w);
    dm_jw_kc(&w, "code", codes[code].name);
    dm_jw_kc(&w, "message", message);
    dm_jw_end(&w);
}

/* --- envelopes ---------------------------------------------------------------------------------------------- */

void dm_frame_head(uint8_t out[DM_FRAME_HEAD], uint8_t flags, uint32_t len)
{
    out[0] = flags;
    out[1] = (uint8_t)(len >> 24);
    out[2] = (uint8_t)(len >> 16);
    out[3] = (uint8_t)(len >> 8);
    out[4] = (uint8_t)len;
}

void dm_frames_init(dm_frames *f, size_t max)
{
    f->have = 0;
    dm_buf_init(&f->payload, max);
}

void dm_frames_done(dm_frames *f)
{
    dm_buf_done(&f->payload);
}

int dm_frames_next(dm_frames *f, dm_str *in, uint8_t *flags, dm_str *payload, dm_err *err)
{
    if (f->have == 0)
        dm_buf_reset(&f->payload);
    while (f->have < DM_FRAME_HEAD) {
        if (in->n == 0)
            return DM_FRAMES_MORE;
        f->head[f->have++] = (uint8_t)in->p[0];
        *in = (dm_str){in->p + 1, in->n - 1};
    }
    size_t len = (size_t)f->head[1] << 24 | (size_t)f->head[2] << 16 | (size_t)f->head[3] << 8 | f->head[4];
    if (len > f->payload.cap)
        return dm_fail(err, DM_E_LIMIT, "message of %zu bytes, at most %zu are read", len, f->payload.cap);
    size_t missing = len - f->payload.len;
    size_t take = in->n < missing ? in->n : missing;
    bool direct = f->payload.len == 0 && take == len; /* whole in the input: no copy */
    if (!direct && dm_buf_add(&f->payload, in->p, take) != 0)
        return dm_buf_ok(&f->payload, err);
    *payload = direct ? (dm_str){in->p, len} : dm_buf_view(&f->payload);
    *in = (dm_str){in->p + take, in->n - take};
    if (take < missing)
        return DM_FRAMES_MORE;
    *flags = f->head[0];
    f->have = 0;
    return 0;
}

bool dm_frames_empty(const dm_frames *f)
{
    return f->have == 0;
}

/* --- headers ------------------------------------------------------------------------------------------------ */

int dm_connect_timeout(const dm_head *h, int64_t *out_ms, dm_err *err)
{
    const dm_str *v = dm_head_get(h, "connect-timeout-ms");
    *out_ms = -1;
    if (v == NULL || v->n == 0)
        return 0;
    int64_t ms;
    size_t digits = v->n - (v->p[0] == '-' ? 1 : 0);
    if (digits > 10 || dm_parse_i64(*v, INT64_MIN, INT64_MAX, &ms, NULL) != 0)
        return dm_fail(err, DM_E_INVALID, "protocol error: invalid Connect-Timeout-Ms header");
    *out_ms = ms < 0 ? 0 : ms;
    return 0;
}

unsigned dm_connect_keepalive(const dm_head *h)
{
    uint64_t v;
    if (dm_parse_u64(dm_head_value(h, "keepalive-ping-interval"), 1, 1000000, &v, NULL) != 0)
        return DM_KEEPALIVE_DEFAULT_S;
    return (unsigned)v;
}

bool dm_connect_version_ok(const dm_head *h)
{
    const dm_str *v = dm_head_get(h, "connect-protocol-version");
    return v == NULL || v->n == 0 || dm_str_eq_c(*v, "1");
}

void dm_connect_content_type(dm_str value, dm_str *type, bool *charset)
{
    dm_str first = {"", 0};
    *charset = false;
    (void)dm_str_split(&value, ';', &first);
    *type = dm_str_trim(first);
    dm_str param;
    while (dm_str_split(&value, ';', &param))
        if (dm_str_ieq_c(dm_str_trim(param), "charset=utf-8"))
            *charset = true;
}
