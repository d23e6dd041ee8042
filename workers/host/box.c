#include "workers/host/box.h"

#include <assert.h>
#include <stddef.h>
#include <stdio.h>

#include "base/parse.h"

const dm_box_row dm_box_table[] = {
        {DM_BOX_STARTING, DM_BOX_HANDED_OUT, DM_BOX_RUNNING,
                "the guest knows who it is; this second is the first billed one"},
        {DM_BOX_STARTING, DM_BOX_END, DM_BOX_ENDED, "it never ran, and bills nothing"},
        {DM_BOX_RUNNING, DM_BOX_PAUSE, DM_BOX_PAUSING, "by call, by timeout or by a policy"},
        {DM_BOX_RUNNING, DM_BOX_END, DM_BOX_ENDED, "this second is the last billed one"},
        {DM_BOX_PAUSING, DM_BOX_SLEPT, DM_BOX_ASLEEP,
                "its image is durable; from the next second on it pays for its disk"},
        {DM_BOX_PAUSING, DM_BOX_PAUSE_FAILED, DM_BOX_RUNNING, "no image could be made, and the guest runs on"},
        {DM_BOX_PAUSING, DM_BOX_END, DM_BOX_ENDED, "killed, or its VMM died, before the image was whole"},
        {DM_BOX_ASLEEP, DM_BOX_WAKE, DM_BOX_WAKING, "a higher epoch was admitted"},
        {DM_BOX_ASLEEP, DM_BOX_END, DM_BOX_ENDED, "its image is deleted"},
        {DM_BOX_WAKING, DM_BOX_HANDED_OUT, DM_BOX_RUNNING, "the new epoch runs; its first second is billed to it"},
        {DM_BOX_WAKING, DM_BOX_WAKE_FAILED, DM_BOX_ASLEEP, "a failed wake bills nothing, and the image is as it was"},
        {DM_BOX_WAKING, DM_BOX_UNANSWERED, DM_BOX_ASLEEP,
                "its guest ran and did not answer: what it ran is billed, and the image is as it was"},
        {DM_BOX_WAKING, DM_BOX_END, DM_BOX_ENDED, "killed while it woke"},
};
const size_t dm_box_rows = DM_LEN(dm_box_table);

static const char *const names[DM_BOX_STATES] = {"starting", "running", "pausing", "asleep", "waking", "ended"};

const char *dm_box_state_name(dm_box_state s)
{
    return s < DM_BOX_STATES ? names[s] : "?";
}

const dm_box_row *dm_box_next(dm_box_state from, dm_box_event event)
{
    for (size_t i = 0; i < DM_LEN(dm_box_table); i++) {
        if (dm_box_table[i].from == from && dm_box_table[i].event == event)
            return &dm_box_table[i];
    }
    return NULL;
}

dm_box *dm_box_new(struct dm_worker *w, dm_err *err)
{
    dm_box *b = calloc(1, sizeof(*b));
    if (b == NULL) {
        (void)dm_fail(err, DM_E_NOMEM, "no memory for a sandbox");
        return NULL;
    }
    b->w = w;
    b->slot = -1;
    b->net_base = -1;
    return b;
}

void dm_box_ends_for(dm_box *b, dm_cause cause, const char *detail)
{
    bool unclaimed = dm_box_nobodys(b) && cause != DM_CAUSE_START_FAILED;
    b->cause = unclaimed ? DM_CAUSE_START_FAILED : cause;
    if (unclaimed)
        (void)snprintf(b->detail, sizeof(b->detail), "nobody had been given it yet: %s%s%s", dm_cause_get(cause)->name,
                *detail != '\0' ? ", " : "", detail);
    else
        (void)snprintf(b->detail, sizeof(b->detail), "%s", detail);
}

int64_t dm_box_due_us(const dm_box *b)
{
    int64_t unclaimed_us = b->started_us + (int64_t)DM_WK_CLAIM_S * 1000000;
    return dm_box_nobodys(b) && unclaimed_us < b->end_us ? unclaimed_us : b->end_us;
}

void dm_box_free(dm_box *b)
{
    assert(b->machine == NULL && b->ticket == NULL && b->stretch == NULL && b->noting == 0);
    assert(b->copies == NULL);
    assert(b->link_unclaimed == NULL);
    dm_timer_free(b->deadline);
    dm_wk_admit_done(&b->admit);
    free(b);
}

/* What the journal keeps of a box beside its admission. */
typedef struct written {
    char *state;
    json_t *admit;
    int64_t epoch, started_us, slept_us, ended_us, end_us;
    bool pause_on_timeout;
    char *cause, *detail, *base, *previous;
    int64_t slot, image_epoch, image_mib, disk_16mib;
    bool has_claimed, claimed; /* journals of workers that knew no claims have neither: all of theirs is somebody's */
    bool has_net_base;
    int64_t net_base;
    bool has_woken_us,
            has_slept_epoch; /* journals of workers that billed no wake before it was answered have neither */
    int64_t woken_us, slept_epoch;
} written;

#define STR(m, lo, hi)                                                                                                 \
    {                                                                                                                  \
#m, DM_JSON_STR, offsetof(written, m), DM_JSON_NEED, (lo), (hi)                                                \
    }
#define I64(m, lo, hi)                                                                                                 \
    {                                                                                                                  \
#m, DM_JSON_I64, offsetof(written, m), DM_JSON_NEED, (lo), (hi)                                                \
    }

static const dm_json_field fields[] = {
        STR(state, 1, 16),
        {"admit", DM_JSON_OBJ, offsetof(written, admit), DM_JSON_NEED, 0, 64},
        I64(epoch, 1, INT32_MAX),
        I64(started_us, 0, INT64_MAX),
        I64(slept_us, 0, INT64_MAX),
        I64(ended_us, 0, INT64_MAX),
        I64(end_us, 0, INT64_MAX),
        {"pause_on_timeout", DM_JSON_BOOL, offsetof(written, pause_on_timeout), DM_JSON_NEED, 0, 0},
        STR(cause, 0, 64),
        STR(detail, 0, 127),
        STR(base, 0, 95),
        STR(previous, 64, 64),
        I64(slot, -1, DM_SLOT_MAX),
        I64(image_epoch, 0, INT32_MAX),
        I64(image_mib, 0, INT64_MAX),
        I64(disk_16mib, 0, UINT32_MAX),
        {"claimed", DM_JSON_BOOL, offsetof(written, claimed), offsetof(written, has_claimed), 0, 0},
        {"net_base", DM_JSON_I64, offsetof(written, net_base), offsetof(written, has_net_base), -1, INT64_MAX},
        {"woken_us", DM_JSON_I64, offsetof(written, woken_us), offsetof(written, has_woken_us), 0, INT64_MAX},
        {"slept_epoch", DM_JSON_I64, offsetof(written, slept_epoch), offsetof(written, has_slept_epoch), 0, INT32_MAX},
};

/* What a tenant keeps secret, a guest is told once, when it becomes the sandbox: it has it in its memory from there on,
 * a wake's order brings it anew, and a start that a crash interrupts is never finished. So no journal needs it, and
 * none has it, sealed or not. */
static void write_admit(const dm_box *b, dm_jw *w)
{
    char no_token[] = "";
    dm_wk_admit kept = b->admit;
    DM_AUTO(json_t) no_env = json_object();
    kept.token = no_token;
    kept.env = no_env;
    if (no_env == NULL) /* a record that breaks off is none: the journal says so and stops */
        dm_buf_fail(w->b, DM_E_NOMEM);
    else
        dm_wk_admit_write(w, &kept);
}

void dm_box_write(const dm_box *b, dm_jw *w)
{
    char previous[2 * DM_SHA256 + 1];
    dm_hex(b->previous.b, DM_SHA256, previous);
    dm_jw_obj(w);
    dm_jw_kc(w, "state", dm_box_state_name(b->state));
    dm_jw_key(w, "admit");
    write_admit(b, w);
    dm_jw_ki64(w, "epoch", b->epoch);
    dm_jw_ki64(w, "started_us", b->started_us);
    dm_jw_ki64(w, "slept_us", b->slept_us);
    dm_jw_ki64(w, "ended_us", b->ended_us);
    dm_jw_ki64(w, "end_us", b->end_us);
    dm_jw_kbool(w, "pause_on_timeout", b->pause_on_timeout);
    dm_jw_kc(w, "cause", dm_cause_get(b->cause)->name);
    dm_jw_kc(w, "detail", b->detail);
    dm_jw_kc(w, "base", b->base);
    dm_jw_kc(w, "previous", previous);
    dm_jw_ki64(w, "slot", b->slot);
    dm_jw_ki64(w, "image_epoch", b->image_epoch);
    dm_jw_ki64(w, "image_mib", b->image_mib);
    dm_jw_ki64(w, "disk_16mib", b->disk_16mib);
    dm_jw_kbool(w, "claimed", b->claimed);
    dm_jw_ki64(w, "net_base", b->net_base);
    dm_jw_ki64(w, "woken_us", b->woken_us);
    dm_jw_ki64(w, "slept_epoch", b->slept_epoch);
    dm_jw_end(w);
}

static int take_over(const written *v, dm_box *b, dm_err *err)
{
    dm_box_state state = 0;
    dm_cause cause = DM_CAUSE_NONE;
    while (state < DM_BOX_STATES && strcmp(names[state], v->state) != 0)
        state++;
    if (state == DM_BOX_STATES)
        return dm_fail(err, DM_E_INVALID, "no such state");
    bool claimed = !v->has_claimed || v->claimed;
    if (!claimed && state != DM_BOX_STARTING && state != DM_BOX_RUNNING && state != DM_BOX_ENDED)
        return dm_fail(err, DM_E_INVALID, "it is %s and was never claimed", names[state]);
    if (*v->cause != '\0' && dm_cause_parse(dm_str_c(v->cause), &cause, err) < 0)
        return DM_E_INVALID;
    if (dm_parse_hex(dm_str_c(v->previous), b->previous.b, DM_SHA256, err) < 0 ||
            dm_str_to_array(dm_str_c(v->detail), b->detail, sizeof(b->detail), err) < 0 ||
            dm_str_to_array(dm_str_c(v->base), b->base, sizeof(b->base), err) < 0 ||
            dm_wk_admit_read(v->admit, &b->admit, err) < 0)
        return DM_E_INVALID;
    if (dm_sandbox_id_parse(dm_str_c(b->admit.sandbox), &b->id, err) < 0) {
        dm_wk_admit_done(&b->admit);
        return DM_E_INVALID;
    }
    b->name = dm_sandbox_name_of(&b->id);
    b->state = state;
    b->cause = cause;
    b->epoch = v->epoch;
    b->started_us = v->started_us;
    b->slept_us = v->slept_us;
    b->ended_us = v->ended_us;
    b->end_us = v->end_us;
    b->pause_on_timeout = v->pause_on_timeout;
    b->slot = (int32_t)v->slot;
    b->image_epoch = v->image_epoch;
    b->image_mib = v->image_mib;
    b->disk_16mib = (uint32_t)v->disk_16mib;
    b->claimed = claimed;
    b->net_base = v->has_net_base ? v->net_base : -1;
    b->woken_us = v->has_woken_us ? v->woken_us : 0;
    b->slept_epoch = v->has_slept_epoch ? v->slept_epoch : v->image_epoch;
    return 0;
}

int dm_box_read(const json_t *obj, dm_box *b, dm_err *err)
{
    written v;
    int r = dm_json_decode(obj, fields, DM_LEN(fields), &v, err);
    if (r < 0)
        return r;
    r = take_over(&v, b, err);
    dm_json_done(fields, DM_LEN(fields), &v);
    return r;
}
