/* How the journal lies on the disk, and what a crash can leave of it.
 *
 * Segments are numbered from 1 without a gap, but for those at the front that are forgotten; records stand in them one
 * behind the other. A batch is one pwrite behind the last durable byte, and then one fdatasync; nothing of it is told
 * before that, and no second one is begun. So at any moment the files hold, in this order:
 *
 *     whole segments | the newest: durable records, then at most one batch, of which any bytes may be there or not
 *
 * Each batch begins with a mark that names its own place. What a crash leaves of the last batch ends at the first
 * record whose checksum is wrong: replay cuts the newest file off there, since whatever stands behind it is of the same
 * batch, whole records of it as well: nobody was told of any of them, and an event without its box would be believed.
 * It may also be there whole: then replay knows a transition that nobody was told of, which is why orders are
 * idempotent.
 *
 * Where a later batch's mark stands behind a bad record, that record was durable once, and this is the disk's work, not
 * a crash's. What follows was told to people, so it is not cut: reading goes on behind the bad record if its length
 * leads to a good one before the mark, else at the mark. A mark is only believed where it says it is, with its
 * checksum, so that nothing that a tenant put into a record is taken for one. The newest segment is then written anew
 * without what is damaged, and the damaged file stays beside it. A bad record in an older segment that replay meets was
 * good when the next one began, and whatever state it held is known no more by anybody: DM_E_CORRUPT, and the worker
 * does not start.
 *
 * A segment begins with a snapshot, which is records like any other and a last one that says that it is whole. A crash
 * in the middle leaves a segment whose snapshot has no end; state is then read from the newest one that has it, and all
 * that follows it, the half snapshot included, is told twice. So a record must say what is, never what changed: a box
 * replaces the box of that id, an event is known by its seq, a frame by its second, ACKED and DURABLE by their numbers.
 * For the same reason records that were added while a batch was under way stand behind a snapshot that knows them.
 *
 * Which bytes matter: state from the newest whole snapshot on; of what is older, frames and attestations alone. A
 * segment is removed when the ledger has all of those and the period they belong to is over, oldest first, and never
 * the one that state is read from.
 *
 * Errors: no room is waited out, with the batch in memory, and written again to the same place, where nobody reads yet.
 * Whatever else fails is not tried again: after a failed fdatasync the kernel may have dropped the pages and called
 * them clean. The worker ends, its VMs
 * live on, and the next one reads what is on the disk. */
#include "workers/host/evidence/journal.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/parse.h"
#include "base/point.h"

#include "workers/host/evidence/segment.h"

static const dm_metric damaged = {"dm_worker_journal_damaged_total", DM_COUNTER, NULL,
        "places where the journal was damaged and records were lost; each is an error in the log"};

static const int64_t retry_us = 500 * 1000;

/* Records on their way to the disk, and who waits for them. */
typedef struct batch {
    dm_buf bytes;
    dm_call *first, **last;
} batch;

struct dm_journal {
    dm_journal_config c;
    char *dir;
    uint64_t oldest, newest; /* segment numbers that exist */
    uint64_t snapshot;       /* newest segment whose snapshot is whole and durable */
    uint64_t snapshot_end;   /* where the newest segment's ends */
    uint64_t bytes_before;   /* of all segments but the newest */
    int fd;                  /* the newest */
    uint64_t written;        /* its length on disk, whole records only */
    uint64_t added;          /* its length once everything added is written */
    batch gathering, writing;
    batch head; /* of the next segment: the state as it was when the last batch of this one went out */
    bool busy, full, rotate, taking, stopping; /* taking: what is added is the state */
    dm_job job;
    dm_call done;
    dm_timer *retry;
    int read_fd;
    uint64_t read_segment;
    int job_result;
    dm_err job_err;
};

static void batch_init(batch *b)
{
    dm_buf_init(&b->bytes, SIZE_MAX / 2);
    b->first = NULL;
    b->last = &b->first;
}

/* to has nothing that would be lost; from is empty afterwards. */
static void batch_move(batch *to, batch *from)
{
    *to = *from;
    if (to->first == NULL)
        to->last = &to->first;
    batch_init(from);
}

/* What was added is on the disk, on its way there, or gathers. */
static bool balances(const dm_journal *j)
{
    return j->added == j->written + j->writing.bytes.len + j->gathering.bytes.len && j->oldest <= j->newest;
}

static int segment_path(const dm_journal *j, uint64_t segment, char out[PATH_MAX], dm_err *err)
{
    return dm_path(out, PATH_MAX, err, "%s/%08" PRIu64 ".journal", j->dir, segment);
}

/* --- reading ------------------------------------------------------------------------------------------------ */

static void say_damaged(const dm_journal *j, uint64_t segment, uint64_t offset, uint64_t to)
{
    DM_LOG(j->c.log, DM_ERROR, "journal.damaged", dm_fu("segment", segment), dm_fu("offset", offset),
            dm_fu("bytes", to - offset));
    dm_metric_add(j->c.metrics, &damaged, NULL, 1);
}

static int list_segments(dm_journal *j, dm_err *err)
{
    DIR *d = opendir(j->dir);
    if (d == NULL)
        return dm_fail_sys(err, errno, "open %s", j->dir);
    j->oldest = j->newest = 0;
    unsigned n = 0;
    for (struct dirent *e; (e = readdir(d)) != NULL && n < DM_SEGMENTS_MAX;) {
        dm_str name = dm_str_c(e->d_name), digits;
        uint64_t no;
        if (!dm_str_split(&name, '.', &digits) || !dm_str_eq_c(name, "journal") ||
                dm_parse_u64(digits, 1, UINT64_MAX / 2, &no, NULL) != 0)
            continue;
        n++;
        j->oldest = j->oldest == 0 || no < j->oldest ? no : j->oldest;
        j->newest = no > j->newest ? no : j->newest;
    }
    (void)closedir(d);
    return 0;
}

typedef int (*scan_fn)(void *arg, dm_record type, dm_str payload, dm_journal_pos at, dm_err *err);

/* Walks one segment. Only the last one may end in a torn record, which is cut off. */
static int scan_segment(dm_journal *j, uint64_t segment, bool last, scan_fn fn, void *arg, dm_err *err)
{
    char path[PATH_MAX];
    if (segment_path(j, segment, path, err) < 0)
        return err != NULL ? err->code : DM_E_LIMIT;
    DM_AUTO_FD fd = open(path, (last ? O_RDWR : O_RDONLY) | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 0 : dm_fail_sys(err, errno, "open %s", path);
    DM_AUTO_BUF b;
    dm_buf_init(&b, DM_RECORD_BYTES_MAX + 1);
    uint64_t offset = 0;
    for (;;) {
        dm_record type;
        bool torn;
        int r = dm_segment_record(fd, offset, &type, &b, &torn, err);
        if (r < 0)
            return r;
        if (r == DM_JOURNAL_END && torn && !last)
            return dm_fail(err, DM_E_CORRUPT, "%s: a bad record at byte %" PRIu64, path, offset);
        if (r == DM_JOURNAL_END && torn) {
            DM_LOG(j->c.log, DM_WARN, "journal.torn_tail", dm_fu("segment", segment), dm_fu("offset", offset));
            if (ftruncate(fd, (off_t)offset) < 0 || fdatasync(fd) < 0)
                return dm_fail_sys(err, errno, "cut %s", path);
        }
        if (r == DM_JOURNAL_END)
            return 0;
        if (type != DM_RECORD_MARK)
            r = fn(arg, type, dm_buf_view(&b), (dm_journal_pos){segment, offset}, err);
        if (r < 0)
            return r;
        offset += DM_SEGMENT_HEAD + b.len + DM_SEGMENT_TAIL;
    }
}

/* --- mending ------------------------------------------------------------------------------------------------ */

typedef struct skipping {
    const dm_journal *j;
    uint64_t segment;
} skipping;

static void skipped(void *arg, uint64_t offset, uint64_t to)
{
    const skipping *k = arg;
    say_damaged(k->j, k->segment, offset, to);
}

/* Writes the newest segment anew, if it is damaged before its tail. A crash in the middle leaves it as it was. */
static int mend_newest(const dm_journal *j, dm_err *err)
{
    char path[PATH_MAX], aside[PATH_MAX];
    unsigned places = 0;
    if (j->newest == 0)
        return 0;
    int r = segment_path(j, j->newest, path, err);
    DM_AUTO_FD fd = r == 0 ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (r == 0 && fd < 0)
        return dm_fail_sys(err, errno, "open %s", path);
    if (r == 0)
        r = dm_segment_copy(fd, j->newest, -1, NULL, NULL, &places, err);
    if (r < 0 || places == 0)
        return r;
    r = dm_path(aside, sizeof(aside), err, "%s.damaged", path);
    if (r == 0 && link(path, aside) < 0 && errno != EEXIST)
        r = dm_fail_sys(err, errno, "link %s", aside);
    if (r == 0)
        r = dm_path(aside, sizeof(aside), err, "%s.mending", path);
    DM_AUTO_FD out = r == 0 ? open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) : -1;
    if (r == 0 && out < 0)
        r = dm_fail_sys(err, errno, "create %s", aside);
    if (r == 0)
        r = dm_segment_copy(fd, j->newest, out, skipped, &(skipping){j, j->newest}, &places, err);
    if (r == 0 && fdatasync(out) < 0)
        r = dm_fail_sys(err, errno, "sync %s", aside);
    if (r == 0 && rename(aside, path) < 0)
        r = dm_fail_sys(err, errno, "rename to %s", path);
    return r == 0 ? dm_sync_dir(j->dir, err) : r;
}

typedef struct replaying {
    dm_journal *j;
    dm_journal_replay_fn fn;
} replaying;

static int note_snapshot(void *arg, dm_record type, dm_str payload, dm_journal_pos at, dm_err *err)
{
    replaying *p = arg;
    (void)payload;
    (void)err;
    if (type == DM_RECORD_SNAPSHOT)
        p->j->snapshot = at.segment;
    return 0;
}

static int pass_on(void *arg, dm_record type, dm_str payload, dm_journal_pos at, dm_err *err)
{
    replaying *p = arg;
    return p->fn(p->j->c.arg, type, payload, at, at.segment >= p->j->snapshot, err);
}

static int replay_all(dm_journal *j, dm_journal_replay_fn fn, dm_err *err)
{
    replaying p = {j, fn};
    int mended = mend_newest(j, err);
    if (mended < 0)
        return mended;
    for (uint64_t s = j->oldest; j->newest != 0 && s <= j->newest; s++) {
        int r = scan_segment(j, s, s == j->newest, note_snapshot, &p, err);
        if (r < 0)
            return r;
    }
    for (uint64_t s = j->oldest; j->newest != 0 && s <= j->newest; s++) {
        int r = scan_segment(j, s, s == j->newest, pass_on, &p, err);
        if (r < 0)
            return r;
    }
    return 0;
}

static uint64_t bytes_of_segments(const dm_journal *j)
{
    uint64_t sum = 0;
    for (uint64_t s = j->oldest; j->newest != 0 && s <= j->newest; s++) {
        char path[PATH_MAX];
        struct stat st;
        if (segment_path(j, s, path, NULL) == 0 && stat(path, &st) == 0)
            sum += (uint64_t)st.st_size;
    }
    return sum;
}

/* --- writing ------------------------------------------------------------------------------------------------ */

static void start_writing(dm_journal *j);
static void rotate(dm_journal *j);

/* Whether it failed for want of room: then that is said once, waited out, and tried again. */
static bool no_room(dm_journal *j, const dm_err *err)
{
    if (err->sys != ENOSPC && err->sys != EDQUOT)
        return false;
    if (!j->full)
        dm_log_err(j->c.log, DM_ERROR, "journal.full", err);
    j->full = true;
    if (!j->stopping)
        dm_timer_in(j->retry, retry_us);
    return true;
}

static void write_batch(dm_job *job) /* on an executor thread */
{
    dm_journal *j = (void *)((char *)job - offsetof(dm_journal, job));
    j->job_err = (dm_err){0};
    DM_POINT(JOURNAL_BEGUN);
    j->job_result = dm_pwrite_all(j->fd, j->writing.bytes.p, j->writing.bytes.len, (off_t)j->written, &j->job_err);
    DM_POINT(JOURNAL_WRITTEN);
    if (j->job_result == 0 && fdatasync(j->fd) < 0)
        j->job_result = dm_fail_sys(&j->job_err, errno, "fdatasync of the journal");
    DM_POINT(JOURNAL_SYNCED);
    dm_loop_post(j->c.loop, &j->done);
}

static void batch_written(void *arg) /* on the loop */
{
    dm_journal *j = arg;
    assert(j->busy && j->writing.bytes.len > 0);
    j->busy = false;
    if (j->job_result < 0) {
        if (no_room(j, &j->job_err))
            return;
        /* After a failed fsync nobody knows what is on the disk: the only honest thing is to stop and replay. */
        j->c.broken(j->c.arg, &j->job_err);
        return;
    }
    j->full = false;
    j->written += j->writing.bytes.len;
    if (j->written >= j->snapshot_end)
        j->snapshot = j->newest;
    dm_call *c = j->writing.first;
    dm_buf_done(&j->writing.bytes);
    batch_init(&j->writing);
    assert(balances(j));
    if (j->rotate && !j->stopping)
        rotate(j);
    while (c != NULL) {
        dm_call *next = c->next;
        c->fn(c->arg);
        c = next;
    }
    DM_POINT(JOURNAL_TOLD);
    if (!j->stopping)
        start_writing(j);
}

static int open_segment(dm_journal *j, uint64_t segment, dm_err *err)
{
    char path[PATH_MAX];
    if (segment_path(j, segment, path, err) < 0)
        return err != NULL ? err->code : DM_E_LIMIT;
    DM_AUTO_FD fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return dm_fail_sys(err, errno, "create %s", path);
    if (dm_sync_dir(j->dir, err) < 0) {
        (void)unlink(path); /* so that it can be tried again */
        return err->code;
    }
    if (j->fd >= 0)
        (void)close(j->fd);
    j->bytes_before += j->written;
    j->fd = dm_steal_fd(&fd);
    j->newest = segment;
    j->oldest = j->oldest == 0 ? segment : j->oldest;
    j->written = j->added = 0;
    DM_POINT(JOURNAL_SEGMENT);
    return 0;
}

/* The state as it is now, as the head of a segment that is still to be made. It knows of all that was added. */
static void take_state(dm_journal *j)
{
    batch since = j->gathering;
    uint64_t added = j->added;
    batch_init(&j->gathering);
    j->added = 0;
    j->newest++;
    j->taking = true;
    j->c.snapshot(j->c.arg, j);
    dm_journal_add(j, DM_RECORD_SNAPSHOT, (dm_str){"", 0}, NULL);
    j->taking = false;
    j->newest--;
    j->added = added;
    batch_move(&j->head, &j->gathering);
    batch_move(&j->gathering, &since);
}

/* What was added since the last batch goes behind the head: its own mark names a place in the segment before. */
static void put_head(dm_journal *j)
{
    batch since;
    batch_move(&since, &j->gathering);
    batch_move(&j->gathering, &j->head);
    j->snapshot_end = j->added = j->gathering.bytes.len;
    if (since.bytes.len == 0)
        return;
    dm_buf_eat(&since.bytes, DM_SEGMENT_MARK);
    (void)dm_buf_str(&j->gathering.bytes, dm_buf_view(&since.bytes));
    j->added += since.bytes.len;
    if (since.first != NULL) {
        *j->gathering.last = since.first;
        j->gathering.last = since.last;
    }
    dm_buf_done(&since.bytes);
}

/* Between two batches a new segment can begin. A crash may leave any front part of what is written, and must never
 * leave a state that knows of records which are nowhere: so the state is taken first, what it knows of goes out as the
 * last batch of the old segment, and when that is durable the new one begins with it. What is added meanwhile comes
 * behind. Always from the loop itself, never from within an owner's adding: he may have more to add of what his state
 * knows already. */
static void rotate(dm_journal *j)
{
    dm_err err = {0};
    assert(!j->busy && j->writing.bytes.len == 0); /* between two batches */
    j->rotate = true;
    if (j->head.bytes.len == 0) {
        take_state(j);
        if (j->gathering.bytes.len > 0 && j->fd >= 0) {
            start_writing(j);
            return;
        }
    }
    if (open_segment(j, j->newest + 1, &err) < 0) {
        dm_buf_done(&j->head.bytes); /* the old one, where there is one, grows meanwhile */
        batch_init(&j->head);
        if (!no_room(j, &err))
            j->c.broken(j->c.arg, &err);
        return;
    }
    j->rotate = false;
    put_head(j);
    assert(j->gathering.bytes.failed || balances(j));
    DM_POINT(JOURNAL_SNAPSHOT);
    start_writing(j);
}

static void start_writing(dm_journal *j)
{
    if (j->busy || j->taking || j->c.exec == NULL || j->fd < 0)
        return;
    if (j->writing.bytes.len == 0) {
        if (j->gathering.bytes.len == 0)
            return;
        batch_move(&j->writing, &j->gathering);
    }
    j->busy = true;
    if (dm_exec_submit(j->c.exec, &j->job) != 0) {
        j->busy = false;
        dm_timer_in(j->retry, retry_us / 50);
    }
}

static void write_again(void *arg)
{
    dm_journal *j = arg;
    if (j->rotate && !j->busy && j->writing.bytes.len == 0)
        rotate(j);
    start_writing(j);
}

/* At the head of a batch: where that will stand. */
static void put_mark(dm_journal *j)
{
    DM_AUTO_BUF mark;
    dm_buf_init(&mark, 16);
    (void)dm_buf_le64(&mark, j->newest);
    (void)dm_buf_le64(&mark, j->added);
    if (mark.failed)
        dm_buf_fail(&j->gathering.bytes, mark.why);
    dm_segment_put(&j->gathering.bytes, DM_RECORD_MARK, dm_buf_view(&mark));
}

void dm_journal_add(dm_journal *j, dm_record type, dm_str payload, dm_call *call)
{
    dm_err err = {0};
    if (payload.n > DM_RECORD_BYTES_MAX) {
        (void)dm_fail(&err, DM_E_LIMIT, "a record of %zu bytes", payload.n);
        j->c.broken(j->c.arg, &err);
        return;
    }
    dm_buf *b = &j->gathering.bytes;
    size_t before = b->len;
    (void)dm_buf_want(
            b, DM_SEGMENT_MARK + DM_SEGMENT_HEAD + payload.n + DM_SEGMENT_TAIL); /* with its mark or not at all */
    if (before == 0)
        put_mark(j);
    dm_segment_put(b, type, payload);
    if (dm_buf_ok(b, &err) < 0) {
        j->c.broken(j->c.arg, &err);
        return;
    }
    if (call != NULL) {
        call->next = NULL;
        *j->gathering.last = call;
        j->gathering.last = &call->next;
    }
    j->added += b->len - before;
    if (j->added > j->c.segment_bytes && !j->taking)
        j->rotate = true;
    start_writing(j);
}

void dm_journal_add_buf(dm_journal *j, dm_record type, const dm_buf *payload, dm_call *call)
{
    dm_err err = {0};
    if (dm_buf_ok(payload, &err) < 0)
        dm_journal_cannot(j, &err);
    else
        dm_journal_add(j, type, dm_buf_view(payload), call);
}

void dm_journal_cannot(dm_journal *j, const dm_err *why)
{
    j->c.broken(j->c.arg, why);
}

bool dm_journal_full(const dm_journal *j)
{
    return j->full || j->bytes_before + j->added > j->c.bytes_max;
}

bool dm_journal_quiet(const dm_journal *j)
{
    return !j->busy && j->writing.bytes.len == 0 && j->gathering.bytes.len == 0;
}

int dm_journal_open(const dm_journal_config *config, dm_journal_replay_fn replay, dm_journal **out, dm_err *err)
{
    DM_AUTO(dm_journal) j = calloc(1, sizeof(*j));
    if (j == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for the journal");
    j->c = *config;
    j->fd = j->read_fd = -1;
    batch_init(&j->gathering);
    batch_init(&j->writing);
    batch_init(&j->head);
    j->job.fn = write_batch;
    j->done = (dm_call){.fn = batch_written, .arg = j};
    j->dir = dm_str_dup(dm_str_c(config->dir));
    if (j->dir == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for the journal");
    int r = dm_mkdir_p(j->dir, 0700, err);
    if (r == 0)
        r = dm_loop_timer(config->loop, write_again, j, &j->retry, err);
    if (r == 0)
        r = list_segments(j, err);
    if (r == 0)
        r = replay_all(j, replay, err);
    if (r < 0)
        return dm_wrap(err, "journal %s", config->dir);
    j->bytes_before = bytes_of_segments(j);
    *out = dm_steal(&j);
    return 0;
}

void dm_journal_belongs(dm_journal *j, void *arg)
{
    j->c.arg = arg;
}

void dm_journal_begin(dm_journal *j)
{
    rotate(j);
}

void dm_journal_free(dm_journal *j)
{
    if (j == NULL)
        return;
    j->stopping = true;
    while (j->busy) { /* its completion arrives through the loop */
        dm_err err = {0};
        if (dm_loop_once(j->c.loop, 100 * 1000, &err) < 0)
            break;
    }
    dm_buf_done(&j->gathering.bytes);
    dm_buf_done(&j->writing.bytes);
    dm_buf_done(&j->head.bytes);
    dm_timer_free(j->retry);
    if (j->fd >= 0)
        (void)close(j->fd);
    if (j->read_fd >= 0)
        (void)close(j->read_fd);
    free(j->dir);
    free(j);
}

int dm_journal_read(dm_journal *j, dm_journal_pos *pos, dm_record *type, dm_buf *b, dm_err *err)
{
    if (pos->segment < j->oldest)
        *pos = (dm_journal_pos){j->oldest, 0};
    while (pos->segment <= j->newest) {
        bool last = pos->segment == j->newest;
        if (last && pos->offset >= j->written)
            return DM_JOURNAL_END;
        if (j->read_fd < 0 || j->read_segment != pos->segment) {
            char path[PATH_MAX];
            if (j->read_fd >= 0)
                (void)close(j->read_fd);
            if (segment_path(j, pos->segment, path, err) < 0)
                return err != NULL ? err->code : DM_E_LIMIT;
            j->read_fd = open(path, O_RDONLY | O_CLOEXEC);
            j->read_segment = pos->segment;
            if (j->read_fd < 0 && errno != ENOENT)
                return dm_fail_sys(err, errno, "open %s", path);
        }
        bool torn = false;
        int r = j->read_fd < 0 ? DM_JOURNAL_END : dm_segment_record(j->read_fd, pos->offset, type, b, &torn, err);
        if (r < 0)
            return r;
        if (r == 0) {
            pos->offset += DM_SEGMENT_HEAD + b->len + DM_SEGMENT_TAIL;
            if (*type == DM_RECORD_MARK)
                continue;
            return 0;
        }
        if (torn) {
            uint64_t to = 0;
            r = dm_segment_resync(j->read_fd, pos->segment, pos->offset, &to, err);
            if (r < 0)
                return r;
            if (r != 0)
                return dm_fail(err, DM_E_CORRUPT, "segment %" PRIu64 " has a bad record", pos->segment);
            say_damaged(j, pos->segment, pos->offset, to);
            pos->offset = to;
            continue;
        }
        if (last)
            return DM_JOURNAL_END;
        *pos = (dm_journal_pos){pos->segment + 1, 0};
    }
    return DM_JOURNAL_END;
}

void dm_journal_drop_before(dm_journal *j, uint64_t segment)
{
    if (segment > j->snapshot)
        segment = j->snapshot;
    while (j->oldest < segment) {
        char path[PATH_MAX];
        struct stat st;
        if (segment_path(j, j->oldest, path, NULL) < 0 || stat(path, &st) < 0)
            st.st_size = 0; /* it is gone already */
        else if (unlink(path) < 0) {
            DM_LOG(j->c.log, DM_WARN, "journal.segment_left", dm_fu("segment", j->oldest), dm_fi("errno", errno));
            return;
        }
        assert(j->bytes_before >= (uint64_t)st.st_size);
        j->bytes_before -= (uint64_t)st.st_size;
        j->oldest++;
        DM_POINT(JOURNAL_DROPPED);
    }
}
