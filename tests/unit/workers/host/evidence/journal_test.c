/* Covers workers/host/evidence/segment.c. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

#include "tests/unit/test.h"
#include "workers/host/evidence/journal.h"

enum { RECORDS_MAX = 4096, TEXT_MAX = 64, MARK = 25 };

typedef struct replayed {
    dm_record type;
    char text[TEXT_MAX];
    size_t n;
    dm_journal_pos at;
    bool state;
} replayed;

/* A journal in a folder of its own, with a loop and one thread to write on. */
typedef struct world {
    char dir[64];
    dm_loop *loop;
    dm_exec *exec;
    dm_journal *j;
    replayed seen[RECORDS_MAX];
    size_t nseen;
    int snapshots;
    unsigned boxes; /* the "whole state": how many box records a snapshot writes */
    bool broken;
    size_t segment_bytes, bytes_max;
    dm_metrics *metrics;
    int refuse_at; /* replay fails at this record; -1: never */
} world;

static int replay(void *arg, dm_record type, dm_str payload, dm_journal_pos at, bool state, dm_err *err)
{
    world *w = arg;
    if (w->refuse_at >= 0 && (size_t)w->refuse_at == w->nseen)
        return dm_fail(err, DM_E_INVALID, "the owner does not like it");
    assert_true(w->nseen < RECORDS_MAX);
    replayed *r = &w->seen[w->nseen++];
    *r = (replayed){.type = type, .n = payload.n, .at = at, .state = state};
    memcpy(r->text, payload.p, payload.n < TEXT_MAX - 1 ? payload.n : TEXT_MAX - 1);
    return 0;
}

static void snapshot(void *arg, dm_journal *j)
{
    world *w = arg;
    w->snapshots++;
    dm_journal_add(j, DM_RECORD_BOOT, DM_STR("{}"), NULL);
    for (unsigned i = 0; i < w->boxes; i++)
        dm_journal_add(j, DM_RECORD_BOX, DM_STR("a box"), NULL);
}

static void broken(void *arg, const dm_err *err)
{
    (void)err;
    ((world *)arg)->broken = true;
}

static int open_journal(world *w, dm_err *err)
{
    dm_journal_config c = {
            .dir = w->dir,
            .segment_bytes = w->segment_bytes,
            .bytes_max = w->bytes_max,
            .loop = w->loop,
            .exec = w->exec,
            .metrics = w->metrics,
            .snapshot = snapshot,
            .broken = broken,
            .arg = w,
    };
    w->nseen = 0;
    w->snapshots = 0;
    return dm_journal_open(&c, replay, &w->j, err);
}

static void quiet(world *w)
{
    dm_err err = {0};
    for (int i = 0; i < 2000 && !dm_journal_quiet(w->j); i++)
        assert_int_equal(dm_loop_once(w->loop, 10000, &err), 0);
    assert_true(dm_journal_quiet(w->j));
}

static void begin(world *w)
{
    dm_err err = {0};
    if (open_journal(w, &err) != 0)
        fail_msg("%s", err.msg);
    dm_journal_begin(w->j);
    quiet(w);
}

static void close_journal(world *w)
{
    dm_journal_free(w->j);
    w->j = NULL;
}

static world *world_new(void)
{
    world *w = calloc(1, sizeof(*w));
    dm_err err = {0};
    assert_non_null(w);
    (void)snprintf(w->dir, sizeof(w->dir), "/tmp/journal-test-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    w->segment_bytes = 1 << 20;
    w->bytes_max = 8 << 20;
    w->refuse_at = -1;
    assert_int_equal(dm_loop_new(&dm_clock_real, &w->loop, &err), 0);
    assert_int_equal(dm_exec_new(1, 64, &w->exec, &err), 0);
    return w;
}

static void world_free(world *w)
{
    dm_err err = {0};
    dm_journal_free(w->j);
    dm_exec_free(w->exec);
    dm_loop_free(w->loop);
    assert_int_equal(dm_remove_tree(w->dir, &err), 0);
    free(w);
}

static void add(world *w, dm_record type, const char *text, dm_call *call)
{
    dm_journal_add(w->j, type, dm_str_c(text), call);
}

static void add_numbered(world *w, unsigned from, unsigned to)
{
    for (unsigned i = from; i < to; i++) {
        char text[32];
        (void)snprintf(text, sizeof(text), "frame %u", i);
        add(w, DM_RECORD_FRAME, text, NULL);
        quiet(w);
    }
}

static void path_of(const world *w, unsigned segment, char out[128])
{
    (void)snprintf(out, 128, "%s/%08u.journal", w->dir, segment);
}

static off_t size_of(const world *w, unsigned segment)
{
    char path[128];
    struct stat st;
    path_of(w, segment, path);
    return stat(path, &st) == 0 ? st.st_size : -1;
}

/* Only those that came by way of the test, not from snapshots. */
static size_t seen_of(const world *w, dm_record type)
{
    size_t n = 0;
    for (size_t i = 0; i < w->nseen; i++)
        n += w->seen[i].type == type;
    return n;
}

/* --- adding and replay -------------------------------------------------------------------------------------- */

typedef struct order {
    dm_call call;
    int *count;
    int got;
} order;

static void note_order(void *arg)
{
    order *o = arg;
    o->got = (*o->count)++;
}

static void callers_are_told_in_order_and_not_before_it_is_written(void **state)
{
    (void)state;
    world *w = world_new();
    begin(w);
    static order orders[200];
    int count = 0;
    for (size_t i = 0; i < DM_LEN(orders); i++) {
        orders[i] = (order){.call = {.fn = note_order, .arg = &orders[i]}, .count = &count, .got = -1};
        add(w, DM_RECORD_BOX, "x", i % 3 == 0 ? NULL : &orders[i].call);
    }
    assert_int_equal(count, 0);
    quiet(w);
    int expected = 0;
    for (size_t i = 0; i < DM_LEN(orders); i++)
        assert_int_equal(orders[i].got, i % 3 == 0 ? -1 : expected++);
    world_free(w);
}

typedef struct again {
    dm_call call;
    world *w;
    int left;
} again;

static void add_from_within(void *arg)
{
    again *a = arg;
    if (a->left-- > 0)
        add(a->w, DM_RECORD_BOX, "from a callback", &a->call);
}

static void a_caller_may_add_when_told(void **state)
{
    (void)state;
    world *w = world_new();
    w->segment_bytes = 256; /* so that rotations come in between */
    begin(w);
    again a = {.call = {.fn = add_from_within, .arg = &a}, .w = w, .left = 50};
    add_from_within(&a);
    quiet(w);
    assert_int_equal(a.left, -1);
    assert_true(w->snapshots > 3);
    close_journal(w);
    begin(w);
    assert_int_equal(seen_of(w, DM_RECORD_BOX), 50);
    world_free(w);
}

static void what_was_added_is_replayed(void **state)
{
    (void)state;
    world *w = world_new();
    begin(w);
    assert_int_equal(w->nseen, 0);
    assert_int_equal(w->snapshots, 1);
    add(w, DM_RECORD_ENROLLED, "{\"a\":1}", NULL);
    add(w, DM_RECORD_FRAME, "", NULL); /* an empty payload is one, too */
    dm_journal_add(w->j, DM_RECORD_ATTEST, DM_STR("with\0a NUL"), NULL);
    quiet(w);
    close_journal(w);
    begin(w);
    /* BOOT and SNAPSHOT of the first boot, then ours. */
    assert_int_equal(w->nseen, 5);
    assert_int_equal(w->seen[0].type, DM_RECORD_BOOT);
    assert_int_equal(w->seen[1].type, DM_RECORD_SNAPSHOT);
    assert_int_equal(w->seen[2].type, DM_RECORD_ENROLLED);
    assert_string_equal(w->seen[2].text, "{\"a\":1}");
    assert_int_equal(w->seen[3].type, DM_RECORD_FRAME);
    assert_int_equal(w->seen[3].n, 0);
    assert_int_equal(w->seen[4].n, 10);
    assert_memory_equal(w->seen[4].text, "with\0a NUL", 10);
    for (size_t i = 0; i < w->nseen; i++) {
        assert_true(w->seen[i].state);
        assert_int_equal(w->seen[i].at.segment, 1);
    }
    /* The second boot writes into a segment of its own. */
    assert_true(size_of(w, 2) > 0);
    world_free(w);
}

static void state_counts_from_the_newest_snapshot_on(void **state)
{
    (void)state;
    world *w = world_new();
    begin(w);
    add(w, DM_RECORD_BOX, "old", NULL);
    quiet(w);
    close_journal(w);
    begin(w);
    add(w, DM_RECORD_BOX, "new", NULL);
    quiet(w);
    close_journal(w);
    begin(w);
    bool old_seen = false, new_seen = false;
    for (size_t i = 0; i < w->nseen; i++) {
        old_seen |= strcmp(w->seen[i].text, "old") == 0;
        new_seen |= strcmp(w->seen[i].text, "new") == 0;
        assert_int_equal(w->seen[i].state, w->seen[i].at.segment == 2);
    }
    assert_true(old_seen && new_seen);
    world_free(w);
}

static void an_owner_that_refuses_a_record_ends_the_replay(void **state)
{
    (void)state;
    world *w = world_new();
    begin(w);
    close_journal(w);
    dm_err err = {0};
    w->refuse_at = 1;
    assert_int_equal(open_journal(w, &err), DM_E_INVALID);
    assert_null(w->j);
    assert_says(err, "does not like it");
    assert_says(err, w->dir);
    world_free(w);
}

/* --- what a crash leaves ------------------------------------------------------------------------------------ */

/* The last segment, cut at every byte: what was whole before the cut is there, the rest is gone, and a second start
 * finds nothing to cut any more. */
static void a_torn_tail_is_cut_off(void **state)
{
    (void)state;
    world *w = world_new();
    char path[128];
    begin(w);
    add_numbered(w, 0, 3);
    close_journal(w);
    path_of(w, 1, path);
    DM_AUTO_BUF whole;
    dm_err err = {0};
    dm_buf_init(&whole, 1 << 16);
    assert_int_equal(dm_file_read(path, &whole, &err), 0);
    size_t before = 0;
    for (size_t cut = 0; cut <= whole.len; cut++) {
        assert_int_equal(dm_file_write(path, (dm_str){whole.p, cut}, 0600, &err), 0);
        assert_int_equal(open_journal(w, &err), 0);
        size_t n = w->nseen;
        assert_true(n == before || n == before + 1); /* one more record is whole, or none */
        before = n;
        assert_true(size_of(w, 1) <= (off_t)cut);
        close_journal(w);
        assert_int_equal(open_journal(w, &err), 0);
        assert_int_equal(w->nseen, n);
        close_journal(w);
    }
    assert_int_equal(before, 5); /* boot, snapshot, three frames */
    world_free(w);
}

static void garbage_behind_the_last_record_is_cut_off(void **state)
{
    (void)state;
    static const char *const garbage[] = {"\xff\xff\xff\xff", "\xff\xff\xff\x7f\x05xxxxxxxxxxxx",
            "\0\0\0\0\0\0\0\0\0\0\0\0\0", "\5\0\0\0\5hellohell", "\5\0\0\0\xffhello\0\0\0\0"};
    static const size_t length[] = {4, 16, 13, 14, 14};
    for (size_t i = 0; i < DM_LEN(garbage); i++) {
        world *w = world_new();
        char path[128];
        dm_err err = {0};
        begin(w);
        add_numbered(w, 0, 2);
        close_journal(w);
        path_of(w, 1, path);
        off_t good = size_of(w, 1);
        DM_AUTO_FD fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
        assert_int_equal(dm_write_all(fd, garbage[i], length[i], &err), 0);
        begin(w);
        assert_int_equal(seen_of(w, DM_RECORD_FRAME), 2);
        assert_int_equal(size_of(w, 1), good);
        world_free(w);
    }
}

/* The second boot's snapshot, cut at every byte: the first boot's state must still count, and all of it. */
static void a_snapshot_that_is_not_whole_does_not_count(void **state)
{
    (void)state;
    world *w = world_new();
    char path[128];
    w->boxes = 3;
    begin(w);
    add(w, DM_RECORD_BOX, "newest", NULL);
    quiet(w);
    close_journal(w);
    begin(w);
    close_journal(w);
    path_of(w, 2, path);
    for (off_t cut = size_of(w, 2) - 1; cut >= 0; cut--) {
        dm_err err = {0};
        assert_int_equal(truncate(path, cut), 0);
        assert_int_equal(open_journal(w, &err), 0);
        bool found = false;
        for (size_t i = 0; i < w->nseen; i++) {
            assert_true(w->seen[i].state);
            found |= strcmp(w->seen[i].text, "newest") == 0;
        }
        assert_true(found);
        close_journal(w);
    }
    world_free(w);
}

/* A bit flipped where nothing can have been torn: in a segment that has a successor. */
static void a_bad_record_before_the_last_segment_is_corruption(void **state)
{
    (void)state;
    world *w = world_new();
    char path[128];
    begin(w);
    add_numbered(w, 0, 2);
    close_journal(w);
    begin(w);
    close_journal(w);
    path_of(w, 1, path);
    DM_AUTO_BUF whole;
    dm_err err = {0};
    dm_buf_init(&whole, 1 << 16);
    assert_int_equal(dm_file_read(path, &whole, &err), 0);
    for (size_t i = 0; i < whole.len; i++) {
        whole.p[i] = (char)(whole.p[i] ^ 0x10);
        assert_int_equal(dm_file_write(path, dm_buf_view(&whole), 0600, &err), 0);
        assert_int_equal(open_journal(w, &err), DM_E_CORRUPT);
        assert_says(err, "00000001.journal");
        whole.p[i] = (char)(whole.p[i] ^ 0x10);
    }
    assert_int_equal(dm_file_write(path, dm_buf_view(&whole), 0600, &err), 0);
    assert_int_equal(open_journal(w, &err), 0);
    world_free(w);
}

/* In the last segment it may have been a batch that was not yet on the disk: what is before it counts. */
static void a_bad_record_in_the_last_segment_ends_it(void **state)
{
    (void)state;
    world *w = world_new();
    char path[128];
    begin(w);
    add_numbered(w, 0, 1);
    off_t good = size_of(w, 1);
    dm_journal_add(w->j, DM_RECORD_FRAME, DM_STR("frame 1"), NULL);
    quiet(w);
    close_journal(w);
    path_of(w, 1, path);
    DM_AUTO_FD fd = open(path, O_RDWR | O_CLOEXEC);
    assert_int_equal(pwrite(fd, "\x7f", 1, good + 6), 1);
    begin(w);
    assert_int_equal(seen_of(w, DM_RECORD_FRAME), 1);
    assert_int_equal(size_of(w, 1), good);
    world_free(w);
}

/* Frames one by one, each durable before the next. */
static void add_apart(world *w, unsigned from, unsigned to)
{
    for (unsigned i = from; i < to; i++) {
        add_numbered(w, i, i + 1);
        quiet(w);
    }
}

static bool is_there(const world *w, const char *name)
{
    char path[256];
    struct stat st;
    (void)snprintf(path, sizeof(path), "%s/%s", w->dir, name);
    return stat(path, &st) == 0;
}

static long damaged_places(dm_metrics *m)
{
    static const char name[] = "\ndm_worker_journal_damaged_total ";
    DM_AUTO_BUF text;
    dm_buf_init(&text, 1 << 20);
    assert_int_equal(dm_metrics_print(m, &text, NULL), 0);
    const char *at = strstr(text.p, name);
    return at != NULL ? strtol(at + strlen(name), NULL, 10) : 0;
}

/* Each byte before the last batch, damaged by itself: no more is lost than the batch it stands in, it is said, the
 * damaged file is kept, and from then on the journal is as good as any. */
static void damage_costs_what_is_damaged_and_nothing_behind_it(void **state)
{
    enum { N = 6 };
    (void)state;
    world *w = world_new();
    char path[128];
    dm_err err = {0};
    begin(w);
    off_t head = size_of(w, 1);
    add_apart(w, 0, N - 1);
    off_t last = size_of(w, 1);
    add_apart(w, N - 1, N);
    close_journal(w);
    path_of(w, 1, path);
    DM_AUTO_BUF whole;
    dm_buf_init(&whole, 1 << 16);
    assert_int_equal(dm_file_read(path, &whole, &err), 0);
    for (size_t i = 0; i < whole.len; i++) {
        char damaged[160];
        DM_AUTO(dm_metrics) m = NULL;
        assert_int_equal(dm_metrics_new(&m, &err), 0);
        w->metrics = m;
        whole.p[i] = (char)(whole.p[i] ^ 0x10);
        assert_int_equal(dm_file_write(path, dm_buf_view(&whole), 0600, &err), 0);
        if (open_journal(w, &err) != 0)
            fail_msg("byte %zu: %s", i, err.msg);
        bool in_tail = (off_t)i >= last;
        assert_int_equal(damaged_places(m), in_tail ? 0 : 1);
        /* boot and snapshot, which are one batch, and frames: at most one batch of all is lost */
        assert_true(w->nseen >= ((off_t)i < head ? N : N + 1));
        assert_true(in_tail || strcmp(w->seen[w->nseen - 1].text, "frame 5") == 0);
        size_t n = w->nseen;
        close_journal(w);
        assert_int_equal(is_there(w, "00000001.journal.damaged"), !in_tail);
        begin(w); /* another segment follows it */
        assert_int_equal(w->nseen, n);
        close_journal(w);
        if (open_journal(w, &err) != 0) /* and it is whole */
            fail_msg("byte %zu: %s", i, err.msg);
        assert_int_equal(damaged_places(m), in_tail ? 0 : 1);
        close_journal(w);
        whole.p[i] = (char)(whole.p[i] ^ 0x10);
        (void)snprintf(damaged, sizeof(damaged), "%s.damaged", path);
        (void)unlink(damaged);
        path_of(w, 2, damaged);
        assert_int_equal(unlink(damaged), 0);
        w->metrics = NULL;
    }
    world_free(w);
}

/* Whole records of the batch that was on its way are not believed, and neither is what looks like a mark in a payload.
 */
static void a_torn_batch_is_cut_with_all_that_is_in_it(void **state)
{
    (void)state;
    world *w = world_new();
    char path[128], mark[MARK];
    dm_err err = {0};
    begin(w);
    add_apart(w, 0, 2);
    path_of(w, 1, path);
    DM_AUTO_FD fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, mark, MARK, 0), MARK); /* a true one, elsewhere */
    add_apart(w, 2, 3);
    off_t good = size_of(w, 1);
    add(w, DM_RECORD_FRAME, "alone on its way", NULL);
    add(w, DM_RECORD_FRAME, "torn", NULL); /* and the rest gathers for one batch */
    dm_journal_add(w->j, DM_RECORD_FRAME, (dm_str){mark, MARK}, NULL);
    add(w, DM_RECORD_EVENT, "whole", NULL);
    quiet(w);
    off_t torn = good + 2 * MARK + 9 + 16;
    char was[4];
    assert_int_equal(pread(fd, was, 4, torn + 5), 4);
    assert_memory_equal(was, "torn", 4);
    assert_int_equal(pwrite(fd, "\x7f", 1, torn + 5), 1);
    close_journal(w);
    assert_int_equal(open_journal(w, &err), 0);
    assert_int_equal(seen_of(w, DM_RECORD_EVENT), 0);
    assert_int_equal(seen_of(w, DM_RECORD_FRAME), 4);
    assert_int_equal(size_of(w, 1), torn);
    world_free(w);
}

/* Also while it is written: who reads behind the writer goes on behind it. */
static void reading_goes_on_behind_damage(void **state)
{
    (void)state;
    world *w = world_new();
    char path[128];
    dm_err err = {0};
    dm_record type;
    DM_AUTO_BUF b;
    unsigned frames = 0;
    begin(w);
    add_apart(w, 0, 1);
    off_t second = size_of(w, 1);
    add_apart(w, 1, 4);
    path_of(w, 1, path);
    DM_AUTO_FD fd = open(path, O_RDWR | O_CLOEXEC);
    assert_int_equal(pwrite(fd, "\x7f", 1, second + MARK + 6), 1);
    dm_buf_init(&b, DM_RECORD_BYTES_MAX + 1);
    int r = 0;
    for (dm_journal_pos pos = {0}; (r = dm_journal_read(w->j, &pos, &type, &b, &err)) == 0;)
        frames += type == DM_RECORD_FRAME;
    assert_int_equal(r, DM_JOURNAL_END);
    assert_int_equal(frames, 3);
    world_free(w);
}

static void other_files_in_the_folder_are_left_alone(void **state)
{
    (void)state;
    world *w = world_new();
    static const char *const names[] = {"README", "x.journal", "00000003.journal.bak", ".journal", "-1.journal"};
    dm_err err = {0};
    for (size_t i = 0; i < DM_LEN(names); i++) {
        char path[128];
        (void)snprintf(path, sizeof(path), "%s/%s", w->dir, names[i]);
        assert_int_equal(dm_file_write(path, DM_STR("not ours"), 0600, &err), 0);
    }
    begin(w);
    assert_int_equal(w->nseen, 0);
    assert_true(size_of(w, 1) > 0);
    close_journal(w);
    for (size_t i = 0; i < DM_LEN(names); i++) {
        char path[128];
        (void)snprintf(path, sizeof(path), "%s/%s", w->dir, names[i]);
        assert_int_equal(access(path, F_OK), 0);
    }
    world_free(w);
}

/* --- segments ----------------------------------------------------------------------------------------------- */

static void segments_follow_each_other_and_each_begins_with_the_state(void **state)
{
    (void)state;
    world *w = world_new();
    w->segment_bytes = 200;
    w->boxes = 2;
    begin(w);
    add_numbered(w, 0, 60);
    assert_true(w->snapshots >= 5);
    int snapshots = w->snapshots;
    close_journal(w);
    assert_int_equal(open_journal(w, &(dm_err){0}), 0);
    assert_int_equal(seen_of(w, DM_RECORD_FRAME), 60);
    assert_int_equal(seen_of(w, DM_RECORD_SNAPSHOT), snapshots);
    uint64_t segment = 0;
    unsigned frame = 0;
    for (size_t i = 0; i < w->nseen; i++) {
        if (w->seen[i].at.segment != segment) { /* BOOT, two boxes, SNAPSHOT */
            segment++;
            assert_int_equal(w->seen[i].at.segment, segment);
            assert_int_equal(w->seen[i].at.offset, MARK); /* of its batch */
            assert_int_equal(w->seen[i].type, DM_RECORD_BOOT);
            assert_int_equal(w->seen[i + 2].type, DM_RECORD_BOX);
            assert_int_equal(w->seen[i + 3].type, DM_RECORD_SNAPSHOT);
        }
        if (w->seen[i].type == DM_RECORD_FRAME) {
            char text[32];
            (void)snprintf(text, sizeof(text), "frame %u", frame++);
            assert_string_equal(w->seen[i].text, text);
        }
        assert_int_equal(w->seen[i].state, w->seen[i].at.segment == w->seen[w->nseen - 1].at.segment);
    }
    world_free(w);
}

/* Reads on from *pos as far as it goes; frames must be numbered from `from`. Returns how many there were. */
static unsigned read_frames(world *w, dm_journal_pos *pos, unsigned from)
{
    DM_AUTO_BUF b;
    dm_buf_init(&b, DM_RECORD_BYTES_MAX + 1);
    unsigned n = 0;
    for (;;) {
        dm_record type;
        dm_err err = {0};
        int r = dm_journal_read(w->j, pos, &type, &b, &err);
        if (r == DM_JOURNAL_END)
            return n;
        if (r != 0)
            fail_msg("%s", err.msg);
        if (type != DM_RECORD_FRAME)
            continue;
        char text[32];
        (void)snprintf(text, sizeof(text), "frame %u", from + n++);
        assert_string_equal(b.p, text);
    }
}

static void reading_follows_writing_over_segments_and_boots(void **state)
{
    (void)state;
    world *w = world_new();
    w->segment_bytes = 150;
    begin(w);
    dm_journal_pos pos = {0, 0};
    assert_int_equal(read_frames(w, &pos, 0), 0);
    add_numbered(w, 0, 20);
    assert_int_equal(read_frames(w, &pos, 0), 20);
    assert_int_equal(read_frames(w, &pos, 20), 0);
    add_numbered(w, 20, 21);
    assert_int_equal(read_frames(w, &pos, 20), 1);
    add(w, DM_RECORD_FRAME, "frame 21", NULL);
    assert_int_equal(read_frames(w, &pos, 21), 0); /* not durable yet */
    quiet(w);
    assert_int_equal(read_frames(w, &pos, 21), 1);
    close_journal(w);
    begin(w);
    add_numbered(w, 22, 30);
    assert_int_equal(read_frames(w, &pos, 22), 8); /* a place outlives the daemon */
    pos = (dm_journal_pos){0, 0};
    assert_int_equal(read_frames(w, &pos, 0), 30);
    world_free(w);
}

static void whole_segments_can_be_forgotten(void **state)
{
    (void)state;
    world *w = world_new();
    w->segment_bytes = 150;
    begin(w);
    add_numbered(w, 0, 40);
    uint64_t newest = (uint64_t)w->snapshots;
    assert_true(newest > 4);
    dm_journal_drop_before(w->j, 3);
    assert_int_equal(size_of(w, 1), -1);
    assert_int_equal(size_of(w, 2), -1);
    assert_true(size_of(w, 3) > 0);
    dm_journal_pos pos = {1, 77};
    DM_AUTO_BUF b;
    dm_buf_init(&b, DM_RECORD_BYTES_MAX + 1);
    dm_record type;
    dm_err err = {0};
    assert_int_equal(dm_journal_read(w->j, &pos, &type, &b, &err), 0); /* what is gone is skipped */
    assert_int_equal(pos.segment, 3);
    dm_journal_drop_before(w->j, UINT64_MAX);
    for (unsigned s = 1; s < newest; s++)
        assert_int_equal(size_of(w, s), -1);
    assert_true(size_of(w, (unsigned)newest) > 0); /* never the newest snapshot's */
    close_journal(w);
    begin(w);
    assert_true(w->nseen > 0);
    assert_true(w->seen[0].state);
    world_free(w);
}

/* It stands on the disk, so it counts, and it is tried again. */
static void a_segment_that_cannot_be_removed_is_not_forgotten(void **state)
{
    (void)state;
    world *w = world_new();
    char path[128], aside[140];
    w->segment_bytes = 200;
    w->bytes_max = 2000;
    begin(w);
    for (unsigned n = 0; !dm_journal_full(w->j); n++)
        add_numbered(w, n, n + 1);
    path_of(w, 1, path); /* a folder cannot be unlinked */
    (void)snprintf(aside, sizeof(aside), "%s.aside", path);
    assert_int_equal(rename(path, aside), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    dm_journal_drop_before(w->j, UINT64_MAX);
    assert_true(dm_journal_full(w->j));
    assert_true(size_of(w, 2) > 0);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(rename(aside, path), 0);
    dm_journal_drop_before(w->j, UINT64_MAX);
    assert_false(dm_journal_full(w->j));
    assert_int_equal(size_of(w, 1), -1);
    world_free(w);
}

/* Something always waits to be written: segments end all the same, and nothing is lost between them. */
static void a_busy_journal_rotates(void **state)
{
    (void)state;
    enum { N = 100 };
    world *w = world_new();
    dm_err err = {0};
    w->segment_bytes = 200;
    begin(w);
    int before = w->snapshots;
    for (int i = 0; i < N; i++) {
        add(w, DM_RECORD_FRAME, "a frame that comes while the last is written", NULL);
        if (i % 4 == 3) /* never until it is quiet */
            assert_int_equal(dm_loop_once(w->loop, 1000, &err), 0);
    }
    assert_true(w->snapshots > before);
    quiet(w);
    close_journal(w);
    begin(w);
    size_t frames = 0;
    for (size_t i = 0; i < w->nseen; i++)
        frames += w->seen[i].type == DM_RECORD_FRAME;
    assert_int_equal(frames, N);
    world_free(w);
}

/* The state that a segment begins with knows of all that was added. So no front part of one may be there without that:
 * the newest segment, cut at every byte, after what had gathered while a batch was written. */
static void no_state_knows_of_what_is_nowhere(void **state)
{
    (void)state;
    enum { N = 8 };
    world *w = world_new();
    char path[128];
    dm_err err = {0};
    w->boxes = 3;
    w->segment_bytes = 300;
    begin(w);
    int before = w->snapshots;
    for (int i = 0; i < N; i++) /* the first is written, and the others gather */
        add(w, DM_RECORD_FRAME, "a frame of some forty bytes, or a few more", NULL);
    while (w->snapshots == before)
        assert_int_equal(dm_loop_once(w->loop, 1000 * 1000, &err), 0);
    quiet(w);
    unsigned newest = (unsigned)w->snapshots;
    assert_true(newest == 2 && size_of(w, newest) > 0);
    close_journal(w);
    path_of(w, newest, path);
    for (off_t cut = size_of(w, newest) - 1; cut >= 0; cut--) {
        assert_int_equal(truncate(path, cut), 0);
        assert_int_equal(open_journal(w, &err), 0);
        assert_int_equal(seen_of(w, DM_RECORD_FRAME), N);
        close_journal(w);
    }
    world_free(w);
}

/* A new segment has begun but nothing of it is on the disk: the snapshot before must not be dropped for it. */
static void a_snapshot_is_kept_until_the_next_is_durable(void **state)
{
    (void)state;
    world *w = world_new();
    w->segment_bytes = 100;
    begin(w);
    add_numbered(w, 0, 1);
    quiet(w);
    int before = w->snapshots;
    dm_err err = {0};
    for (int i = 0; i < 5; i++) /* past the segment's bound, in one batch or two */
        add(w, DM_RECORD_FRAME, "a frame of some length", NULL);
    while (w->snapshots == before)
        assert_int_equal(dm_loop_once(w->loop, 1000 * 1000, &err), 0);
    /* The end of a batch has begun a segment; the snapshot's own writing has not been seen to be done. */
    dm_journal_drop_before(w->j, UINT64_MAX);
    assert_true(size_of(w, (unsigned)before) > 0);
    quiet(w);
    dm_journal_drop_before(w->j, UINT64_MAX);
    assert_int_equal(size_of(w, (unsigned)before), -1);
    world_free(w);
}

/* --- bounds ------------------------------------------------------------------------------------------------- */

static void past_its_bytes_it_is_full_until_segments_go(void **state)
{
    (void)state;
    world *w = world_new();
    w->segment_bytes = 200;
    w->bytes_max = 2000;
    begin(w);
    unsigned n = 0;
    while (!dm_journal_full(w->j)) {
        add_numbered(w, n, n + 1);
        assert_true(++n < 200);
    }
    assert_true(n > 20);
    add_numbered(w, n, n + 1); /* full is a word to the owner: what must be kept still is */
    dm_journal_drop_before(w->j, UINT64_MAX);
    assert_false(dm_journal_full(w->j));
    world_free(w);
}

static void a_record_beyond_the_bound_breaks_it(void **state)
{
    (void)state;
    world *w = world_new();
    begin(w);
    char *big = calloc(1, DM_RECORD_BYTES_MAX + 1);
    assert_non_null(big);
    dm_journal_add(w->j, DM_RECORD_BOX, (dm_str){big, DM_RECORD_BYTES_MAX}, NULL);
    assert_false(w->broken);
    quiet(w);
    dm_journal_add(w->j, DM_RECORD_BOX, (dm_str){big, DM_RECORD_BYTES_MAX + 1}, NULL);
    assert_true(w->broken);
    free(big);
    world_free(w);
}

/* --- a full disk -------------------------------------------------------------------------------------------- */

static void turn(world *w, int rounds)
{
    dm_err err = {0};
    for (int i = 0; i < rounds; i++)
        assert_int_equal(dm_loop_once(w->loop, 10000, &err), 0);
}

static void a_full_disk_is_waited_out(void **state)
{
    (void)state;
    world *w = world_new();
    if (mount("none", w->dir, "tmpfs", 0, "size=256k") < 0) {
        world_free(w);
        skip(); /* needs to mount a small disk */
    }
    begin(w);
    char filler[128], *block = calloc(1, 4096);
    (void)snprintf(filler, sizeof(filler), "%s/filler", w->dir);
    DM_AUTO_FD fd = open(filler, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_non_null(block);
    while (write(fd, block, 4096) > 0)
        ;
    assert_int_equal(errno, ENOSPC);
    memset(block, 'x', 4095);
    static order orders[3];
    int count = 0;
    for (size_t i = 0; i < DM_LEN(orders); i++) {
        orders[i] = (order){.call = {.fn = note_order, .arg = &orders[i]}, .count = &count, .got = -1};
        add(w, DM_RECORD_BOX, block, &orders[i].call);
    }
    for (int i = 0; i < 500 && !dm_journal_full(w->j); i++)
        turn(w, 1);
    assert_true(dm_journal_full(w->j));
    assert_int_equal(count, 0);
    assert_false(dm_journal_quiet(w->j));
    turn(w, 80); /* it tries again meanwhile */
    assert_int_equal(count, 0);
    assert_int_equal(unlink(filler), 0);
    (void)close(dm_steal_fd(&fd));
    quiet(w);
    assert_false(dm_journal_full(w->j));
    assert_false(w->broken);
    assert_int_equal(count, 3);
    for (size_t i = 0; i < DM_LEN(orders); i++)
        assert_int_equal(orders[i].got, i);
    close_journal(w);
    begin(w);
    assert_int_equal(seen_of(w, DM_RECORD_BOX), 3);
    close_journal(w);
    free(block);
    assert_int_equal(umount2(w->dir, MNT_DETACH), 0);
    world_free(w);
}

/* No room for another file: at the first segment of a boot, and at the next one. */
static void a_segment_that_cannot_begin_is_waited_for(void **state)
{
    (void)state;
    world *w = world_new();
    dm_err err = {0};
    if (mount("none", w->dir, "tmpfs", 0, "size=8m,nr_inodes=1") < 0) {
        world_free(w);
        skip(); /* needs to mount a small disk */
    }
    w->segment_bytes = 2000;
    if (open_journal(w, &err) != 0)
        fail_msg("%s", err.msg);
    dm_journal_begin(w->j);
    for (unsigned i = 0; i < 20; i++)
        add(w, DM_RECORD_FRAME, "early", NULL);
    turn(w, 80); /* it tries again meanwhile */
    assert_true(dm_journal_full(w->j));
    assert_false(dm_journal_quiet(w->j));
    assert_int_equal(mount("none", w->dir, "tmpfs", MS_REMOUNT, "size=8m,nr_inodes=2"), 0);
    quiet(w);
    add_numbered(w, 20, 200); /* more than a segment's worth, and no second one can begin */
    quiet(w);
    assert_int_equal(mount("none", w->dir, "tmpfs", MS_REMOUNT, "size=8m,nr_inodes=100"), 0);
    turn(w, 80);
    add_numbered(w, 200, 210);
    quiet(w);
    assert_false(dm_journal_full(w->j));
    assert_false(w->broken);
    assert_true(w->snapshots >= 2);
    close_journal(w);
    begin(w);
    assert_int_equal(seen_of(w, DM_RECORD_FRAME), 210);
    close_journal(w);
    assert_int_equal(umount2(w->dir, MNT_DETACH), 0);
    world_free(w);
}

static void closing_loses_nothing_that_is_being_written(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        world *w = world_new();
        begin(w);
        int count = 0;
        order o = {.call = {.fn = note_order, .arg = &o}, .count = &count, .got = -1};
        add(w, DM_RECORD_BOX, "the last word", &o.call);
        close_journal(w);
        assert_int_equal(o.got, 0);
        begin(w);
        assert_int_equal(seen_of(w, DM_RECORD_BOX), 1);
        world_free(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(callers_are_told_in_order_and_not_before_it_is_written),
            cmocka_unit_test(a_caller_may_add_when_told),
            cmocka_unit_test(what_was_added_is_replayed),
            cmocka_unit_test(state_counts_from_the_newest_snapshot_on),
            cmocka_unit_test(an_owner_that_refuses_a_record_ends_the_replay),
            cmocka_unit_test(a_torn_tail_is_cut_off),
            cmocka_unit_test(garbage_behind_the_last_record_is_cut_off),
            cmocka_unit_test(a_snapshot_that_is_not_whole_does_not_count),
            cmocka_unit_test(a_bad_record_before_the_last_segment_is_corruption),
            cmocka_unit_test(a_bad_record_in_the_last_segment_ends_it),
            cmocka_unit_test(damage_costs_what_is_damaged_and_nothing_behind_it),
            cmocka_unit_test(a_torn_batch_is_cut_with_all_that_is_in_it),
            cmocka_unit_test(reading_goes_on_behind_damage),
            cmocka_unit_test(other_files_in_the_folder_are_left_alone),
            cmocka_unit_test(segments_follow_each_other_and_each_begins_with_the_state),
            cmocka_unit_test(reading_follows_writing_over_segments_and_boots),
            cmocka_unit_test(whole_segments_can_be_forgotten),
            cmocka_unit_test(a_segment_that_cannot_be_removed_is_not_forgotten),
            cmocka_unit_test(a_busy_journal_rotates),
            cmocka_unit_test(no_state_knows_of_what_is_nowhere),
            cmocka_unit_test(a_snapshot_is_kept_until_the_next_is_durable),
            cmocka_unit_test(past_its_bytes_it_is_full_until_segments_go),
            cmocka_unit_test(a_record_beyond_the_bound_breaks_it),
            cmocka_unit_test(a_full_disk_is_waited_out),
            cmocka_unit_test(a_segment_that_cannot_begin_is_waited_for),
            cmocka_unit_test(closing_loses_nothing_that_is_being_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
