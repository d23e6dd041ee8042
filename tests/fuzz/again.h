/* tests/fuzz/again.h: of messages that are read and written: what is read and written is read again and written the
 * same. */
#ifndef DM_TESTS_FUZZ_AGAIN_H
#define DM_TESTS_FUZZ_AGAIN_H

#include "base/json.h"

#include "tests/fuzz/fuzz.h"

/* Reads one and writes it into out; negative where it is refused, which says why. */
typedef int (*again_fn)(const json_t *obj, dm_buf *out, dm_err *err);

/* The first byte says which of them, the others are its JSON, at most read_max; written it is at most written_max. */
static inline int again(
        const uint8_t *data, size_t size, const again_fn *messages, size_t n, size_t read_max, size_t written_max)
{
    DM_AUTO(json_t) obj = NULL;
    DM_AUTO(json_t) second = NULL;
    DM_AUTO_BUF once, twice;
    dm_err err = {0};
    dm_buf_init(&once, written_max);
    dm_buf_init(&twice, written_max);
    if (size == 0 || dm_json_load((dm_str){(const char *)data + 1, size - 1}, read_max, &obj, &err) < 0)
        return 0;
    again_fn message = messages[data[0] % n];
    if (message(obj, &once, &err) < 0) {
        HOLDS(err.code < 0 && err.msg[0] != '\0');
        return 0;
    }
    HOLDS(dm_json_load(dm_buf_view(&once), written_max, &second, &err) == 0);
    HOLDS(message(second, &twice, &err) == 0);
    HOLDS(dm_str_eq(dm_buf_view(&once), dm_buf_view(&twice)));
    return 0;
}

#endif
