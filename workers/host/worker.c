#include "workers/host/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/parse.h"
#include "base/wire/spec.h"

/* --- boxes -------------------------------------------------------------------------------------------------- */

dm_box *dm_worker_find(dm_worker *w, const dm_sandbox_id *id)
{
    return dm_boxes_find(w->boxes, id);
}

int dm_parse_previous(const char *hex, dm_digest *out, dm_err *err)
{
    if (*hex == '\0') {
        *out = (dm_digest){0};
        return 0;
    }
    return dm_parse_hex(dm_str_c(hex), out->b, sizeof(out->b), err);
}

int dm_box_machine_config(dm_worker *w, const dm_box *b, dm_machine_config *out, char *template_dir, dm_err *err)
{
    const dm_spec *spec = dm_spec_get((uint16_t)b->admit.spec_table, (uint16_t)b->admit.spec);
    if (spec == NULL)
        return dm_fail(err, DM_E_INVALID, "the sandbox has no spec of ours");
    int r = dm_path(template_dir, PATH_MAX, err, "%s/%s", w->conf->templates_dir, b->base);
    if (r == 0)
        *out = (dm_machine_config){.template_dir = template_dir, .vcpus = spec->vcpus, .mem_mib = spec->mem_mib};
    return r;
}

/* The door looks for this file at each request: what has none is not found there, whatever anybody remembers. */
int dm_box_live_file(const dm_box *b, bool make, dm_err *err)
{
    char path[PATH_MAX];
    const dm_worker *w = b->w;
    if (b->machine == NULL)
        return 0;
    int r = dm_path(path, sizeof(path), err, "%s/%s.%" PRId64 ".%s", w->conf->live_dir, b->name.s, b->epoch,
            dm_machine_address(b->machine));
    if (r < 0)
        return r;
    if (!make)
        return unlink(path) == 0 || errno == ENOENT ? 0 : dm_fail_sys(err, errno, "remove %s", path);
    DM_AUTO_FD fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    return fd >= 0 ? 0 : dm_fail_sys(err, errno, "make %s", path);
}

void dm_worker_durable(dm_worker *w, uint64_t boot, uint64_t frame)
{
    if (boot < w->durable_boot || (boot == w->durable_boot && frame <= w->durable_frame))
        return;
    w->durable_boot = boot;
    w->durable_frame = frame;
}

int64_t dm_worker_now_us(const dm_worker *w)
{
    return dm_usage_clock_now(&w->time);
}

/* --- the journal -------------------------------------------------------------------------------------------- */

void dm_worker_journal_box(dm_worker *w, dm_box *b, dm_call *call)
{
    DM_AUTO_BUF text;
    dm_buf_init(&text, DM_RECORD_BYTES_MAX);
    dm_jw jw;
    dm_jw_init(&jw, &text);
    dm_box_write(b, &jw);
    dm_err err = {0};
    if (dm_buf_ok(&text, &err) < 0) {
        dm_log_err(w->h->log, DM_ERROR, "worker.no_evidence", &err);
        abort();
    }
    dm_journal_add(w->journal, DM_RECORD_BOX, dm_buf_view(&text), call);
}

static void add_json(dm_worker *w, dm_record type, void (*write)(dm_worker *w, dm_jw *jw))
{
    DM_AUTO_BUF text;
    dm_buf_init(&text, 1 << 16);
    dm_jw jw;
    dm_jw_init(&jw, &text);
    write(w, &jw);
    dm_journal_add(w->journal, type, dm_buf_view(&text), NULL);
}

static void write_boot(dm_worker *w, dm_jw *jw)
{
    dm_jw_obj(jw);
    dm_jw_ku64(jw, "boot", w->boot);
    dm_jw_ku64(jw, "prev_boot_last_frame", w->prev_boot_last_frame);
    dm_jw_ku64(jw, "frame_no", w->frame_no);
    dm_jw_ki64(jw, "last_second", w->last_second);
    dm_jw_ku64(jw, "event_seq", dm_events_seq(w->events));
    dm_jw_kc(jw, "kernel_boot", w->kernel_boot);
    dm_jw_end(jw);
}

static void write_enrolled(dm_worker *w, dm_jw *jw)
{
    dm_wk_enrolled_write(jw, &w->me);
}

static void add_two(dm_worker *w, dm_record type, uint64_t a, uint64_t b, bool both)
{
    DM_AUTO_BUF bytes;
    dm_buf_init(&bytes, 16);
    (void)dm_buf_le64(&bytes, a);
    if (both)
        (void)dm_buf_le64(&bytes, b);
    dm_journal_add(w->journal, type, dm_buf_view(&bytes), NULL);
}

/* All that recovery needs, at the head of each segment. */
void dm_worker_snapshot(void *arg, dm_journal *j)
{
    dm_worker *w = arg;
    w->journal = j; /* the first snapshot comes before dm_worker_new has it */
    add_json(w, DM_RECORD_BOOT, write_boot);
    if (w->enrolled)
        add_json(w, DM_RECORD_ENROLLED, write_enrolled);
    add_two(w, DM_RECORD_ACKED, dm_events_taken(w->events), 0, false);
    add_two(w, DM_RECORD_DURABLE, w->durable_boot, w->durable_frame, true);
    for (dm_box *b = dm_boxes_after(w->boxes, NULL); b != NULL; b = dm_boxes_after(w->boxes, b)) {
        if (b->state != DM_BOX_STARTING)
            dm_worker_journal_box(w, b, NULL);
    }
    dm_events_journal(w->events, j);
}

void dm_worker_journal_broken(void *arg, const dm_err *err)
{
    dm_worker *w = arg;
    dm_log_err(w->h->log, DM_ERROR, "journal.broken", err);
    abort(); /* nobody knows what is on the disk: replay tells */
}

/* --- refusing ----------------------------------------------------------------------------------------------- */

bool dm_worker_refusing(const dm_worker *w, const char **why)
{
    *why = NULL;
    if (!w->enrolled)
        *why = "the API has not enrolled it yet";
    else if (w->draining || w->stopping)
        *why = "it is being drained";
    else if (dm_journal_full(w->journal))
        *why = "there is no room for evidence";
    else if (dm_host_short_of_memory(w->h))
        *why = "its memory is needed as a reserve";
    return *why != NULL;
}

void dm_worker_journal_enrolled(dm_worker *w)
{
    add_json(w, DM_RECORD_ENROLLED, write_enrolled);
    add_json(w, DM_RECORD_BOOT, write_boot); /* since when seconds are owed */
}

void dm_worker_flush(dm_worker *w)
{
    dm_err err = {0};
    w->stopping = true;
    dm_timer_clear(w->tick);
    for (int i = 0; i < 100 && !dm_journal_quiet(w->journal); i++) {
        if (dm_loop_once(w->h->loop, 100 * 1000, &err) < 0)
            return;
    }
}
