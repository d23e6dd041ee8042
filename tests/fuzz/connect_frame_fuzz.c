/* Envelopes are the same however their bytes were cut, and what is in them is refused or is a message: whose writing is
 * JSON again; as binary protobuf, it is read again and written as before. */
#include "tests/fuzz/fuzz.h"
#include "workers/guest/rpc/connect.h"
#include "workers/guest/rpc/message.h"

enum { MAX = 1 << 16, FRAME_MAX = 1 << 15, MESSAGE_SIZE = 4096 };

static const dm_mdesc *const messages[] = {&dm_m_start_desc, &dm_m_select_desc, &dm_m_update_desc,
        &dm_m_send_input_desc, &dm_m_stream_input_desc, &dm_m_signal_desc, &dm_m_path_desc, &dm_m_move_desc,
        &dm_m_list_dir_desc, &dm_m_watch_desc, &dm_m_watcher_desc};

/* What was read, into b. */
static bool over(const dm_mdesc *d, dm_str bytes, dm_buf *b)
{
    _Alignas(max_align_t) char out[MESSAGE_SIZE];
    dm_message m = {.tree = NULL};
    dm_err err = {0};
    bool ok = dm_codec_proto.decode(d, bytes, &m, out, &err) == 0;
    if (ok)
        HOLDS(dm_codec_proto.encode(d, out, b, &err) == 0);
    else
        HOLDS(err.code < 0 && err.msg[0] != '\0');
    dm_message_done(&m);
    return ok;
}

static void decode_proto(dm_str payload)
{
    for (size_t i = 0; i < DM_LEN(messages); i++) {
        DM_AUTO_BUF first, second;
        dm_buf_init(&first, 8 * MAX);
        dm_buf_init(&second, 8 * MAX);
        if (over(messages[i], payload, &first)) {
            HOLDS(over(messages[i], dm_buf_view(&first), &second));
            HOLDS(dm_str_eq(dm_buf_view(&first), dm_buf_view(&second)));
        }
    }
}

static void decode(dm_str payload)
{
    _Alignas(max_align_t) char out[MESSAGE_SIZE];
    for (size_t i = 0; i < DM_LEN(messages); i++) {
        dm_message m = {.tree = NULL};
        dm_err err = {0};
        HOLDS(messages[i]->size <= sizeof(out));
        if (dm_codec_json.decode(messages[i], payload, &m, out, &err) == 0) {
            DM_AUTO(json_t) again = NULL;
            DM_AUTO_BUF b;
            dm_buf_init(&b, 8 * MAX);
            HOLDS(dm_codec_json.encode(messages[i], out, &b, &err) == 0);
            HOLDS(dm_json_load(dm_buf_view(&b), 8 * MAX, &again, &err) == 0 && json_is_object(again));
        } else {
            HOLDS(err.code < 0 && err.msg[0] != '\0');
        }
        dm_message_done(&m);
    }
}

/* Flags, length and payload of each envelope, one behind the other. */
static int cut(dm_str all, size_t step, bool decoding, dm_buf *out)
{
    dm_frames f;
    int r = DM_FRAMES_MORE;
    dm_frames_init(&f, FRAME_MAX);
    while (all.n > 0 && r == DM_FRAMES_MORE) {
        dm_str in = {all.p, all.n < step ? all.n : step}, payload;
        size_t given = in.n;
        uint8_t flags;
        while ((r = dm_frames_next(&f, &in, &flags, &payload, NULL)) == 0) {
            (void)dm_buf_u8(out, flags);
            (void)dm_buf_le64(out, payload.n);
            (void)dm_buf_str(out, payload);
            if (decoding) {
                decode(payload);
                decode_proto(payload);
            }
        }
        HOLDS(r < 0 || in.n == 0);
        all = (dm_str){all.p + given, all.n - given};
    }
    (void)dm_buf_u8(out, dm_frames_empty(&f));
    dm_frames_done(&f);
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > MAX)
        return 0;
    DM_AUTO_BUF whole, pieces;
    dm_buf_init(&whole, 16 * MAX);
    dm_buf_init(&pieces, 16 * MAX);
    dm_str text = {(const char *)data + 1, size - 1};
    int a = cut(text, MAX, true, &whole), b = cut(text, 1 + data[0] % 16, false, &pieces);
    HOLDS(a == b);
    if (a >= 0)
        HOLDS(dm_str_eq(dm_buf_view(&whole), dm_buf_view(&pieces)));
    return 0;
}
