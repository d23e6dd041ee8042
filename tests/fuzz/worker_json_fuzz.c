/* What the API and a worker say to each other, and what a worker's journal says of a box: refused with words, or what
 * was read is written down and read again as the same. The first byte chooses the message. */
#include "base/wire/worker.h"

#include "tests/fuzz/again.h"
#include "workers/host/box.h"

#define SAME_AGAIN(name)                                                                                               \
    static int name(const json_t *obj, dm_buf *out, dm_err *err)                                                       \
    {                                                                                                                  \
        dm_wk_##name m;                                                                                                \
        dm_jw w;                                                                                                       \
        int r = dm_wk_##name##_read(obj, &m, err);                                                                     \
        if (r < 0)                                                                                                     \
            return r;                                                                                                  \
        dm_jw_init(&w, out);                                                                                           \
        dm_wk_##name##_write(&w, &m);                                                                                  \
        dm_wk_##name##_done(&m);                                                                                       \
        return 0;                                                                                                      \
    }

SAME_AGAIN(admit)
SAME_AGAIN(started)
SAME_AGAIN(stop)
SAME_AGAIN(stopped)
SAME_AGAIN(deadline)
SAME_AGAIN(usage)
SAME_AGAIN(enrol)
SAME_AGAIN(enrolled)
SAME_AGAIN(beat)
SAME_AGAIN(beat_answer)
SAME_AGAIN(event)
SAME_AGAIN(claim)
SAME_AGAIN(seen)

static int box(const json_t *obj, dm_buf *out, dm_err *err)
{
    dm_box b = {.slot = -1};
    dm_jw w;
    int r = dm_box_read(obj, &b, err);
    if (r < 0)
        return r;
    HOLDS(b.state < DM_BOX_STATES && b.cause < DM_CAUSE_COUNT && b.slot >= -1);
    dm_jw_init(&w, out);
    dm_box_write(&b, &w);
    dm_wk_admit_done(&b.admit);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const again_fn messages[] = {admit, started, stop, stopped, deadline, usage, enrol, enrolled, beat,
            beat_answer, event, box, claim, seen};
    return again(data, size, messages, DM_LEN(messages), DM_WK_BODY_MAX, 4 * DM_WK_BODY_MAX);
}
