/* A journal's segments as a crash, a bad disk or somebody's editor left them. It opens or is refused with words; what
 * is replayed has a whole payload of a known type; once open, the same records are read again, and a second open finds
 * what the first one left: a torn tail is cut once. The first byte says where the bytes are cut into two segments. */
#include <stdio.h>
#include <unistd.h>

#include "base/file.h"

#include "tests/fuzz/fuzz.h"
#include "workers/host/evidence/journal.h"

static char dir[64];
static dm_loop *loop;

static void gone(void)
{
    (void)!dm_remove_tree(dir, NULL);
    dm_loop_free(loop);
}

typedef struct seen {
    unsigned n, state;
    size_t bytes;
} seen;

static int note(void *arg, dm_record type, dm_str payload, dm_journal_pos at, bool state, dm_err *err)
{
    seen *s = arg;
    (void)err;
    HOLDS(type >= DM_RECORD_BOOT && type <= DM_RECORD_CLAIM && type != DM_RECORD_MARK &&
            payload.n <= DM_RECORD_BYTES_MAX);
    HOLDS(at.segment == 1 || at.segment == 2);
    HOLDS(s->state == 0 || state); /* state never turns back into history */
    s->n++;
    s->state += state;
    s->bytes += payload.n;
    return 0;
}

static void put(unsigned segment, const uint8_t *data, size_t size)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/%08u.journal", dir, segment);
    HOLDS(dm_file_write(path, (dm_str){(const char *)data, size}, 0600, NULL) == 0);
}

static int open_it(seen *s)
{
    DM_AUTO(dm_journal) j = NULL;
    dm_err err = {0};
    *s = (seen){0};
    dm_journal_config c = {.dir = dir, .segment_bytes = 1 << 20, .bytes_max = 1 << 24, .loop = loop, .arg = s};
    int r = dm_journal_open(&c, note, &j, &err);
    HOLDS(r == 0 || (r < 0 && err.code == r && err.msg[0] != '\0'));
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    seen first, second;
    if (size == 0)
        return 0;
    if (loop == NULL) {
        HOLDS(dm_loop_new(&dm_clock_real, &loop, NULL) == 0);
        (void)snprintf(dir, sizeof(dir), "/dev/shm/dm-journal-fuzz-XXXXXX");
        HOLDS(mkdtemp(dir) != NULL);
        HOLDS(atexit(gone) == 0);
    }
    size_t cut = data[0] * 8u < size - 1 ? data[0] * 8u : size - 1;
    put(1, data + 1, cut);
    put(2, data + 1 + cut, size - 1 - cut);
    int r = open_it(&first);
    HOLDS(open_it(&second) == r);
    HOLDS(r < 0 || (first.n == second.n && first.state == second.state && first.bytes == second.bytes));
    return 0;
}
