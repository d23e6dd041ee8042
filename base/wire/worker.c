#include "base/wire/worker.h"

#include <stddef.h>

#include "base/parse.h"
#include "base/wire/id.h"
#include "base/wire/lease.h"
#include "base/wire/period.h"

enum {
    NAME_MAX_ = 64,
    WORDS_MAX = 1024,
    PATH_MAX_ = 4095,
    SANDBOX_LEN = DM_SANDBOX_ID_TEXT - 1,
    TEMPLATE_LEN = DM_TEMPLATE_ID_TEXT - 1,
    UUID_LEN = DM_UUID_TEXT - 1,
    FRAME_KEY_LEN = 64,
    VCPUS_AND_MIB_MAX = 1 << 30,
};

#define STR(message, member, lo, hi)                                                                                   \
    {                                                                                                                  \
#member, DM_JSON_STR, offsetof(dm_wk_##message, member), DM_JSON_NEED, (lo), (hi)                              \
    }
#define I64(message, member, lo, hi)                                                                                   \
    {                                                                                                                  \
#member, DM_JSON_I64, offsetof(dm_wk_##message, member), DM_JSON_NEED, (lo), (hi)                              \
    }
#define BOOL(message, member)                                                                                          \
    {                                                                                                                  \
#member, DM_JSON_BOOL, offsetof(dm_wk_##message, member), DM_JSON_NEED, 0, 0                                   \
    }

static const dm_json_field admit_fields[] = {
        STR(admit, sandbox, SANDBOX_LEN, SANDBOX_LEN),
        I64(admit, epoch, 1, INT32_MAX),
        I64(admit, project_no, 1, INT32_MAX),
        I64(admit, region_no, 1, UINT16_MAX),
        I64(admit, spec_table, 1, UINT16_MAX),
        I64(admit, spec, 1, UINT16_MAX),
        I64(admit, disk_mib, 1, VCPUS_AND_MIB_MAX),
        STR(admit, template_id, TEMPLATE_LEN, TEMPLATE_LEN),
        STR(admit, build_id, UUID_LEN, UUID_LEN),
        STR(admit, image, 1, NAME_MAX_),
        I64(admit, timeout_us, 0, INT64_MAX),
        BOOL(admit, pause_on_timeout),
        BOOL(admit, internet),
        STR(admit, token, 0, 255),
        STR(admit, user, 1, NAME_MAX_),
        STR(admit, workdir, 0, PATH_MAX_),
        STR(admit, hostname, 1, NAME_MAX_ - 1),
        {"env", DM_JSON_STRMAP, offsetof(dm_wk_admit, env), DM_JSON_NEED, 0, DM_WK_ENV_MAX},
        STR(admit, previous, 0, 64),
        {"idle_s", DM_JSON_I64, offsetof(dm_wk_admit, idle_s), DM_JSON_OPT, 0, DM_WK_IDLE_MAX_S},
        {"lease_s", DM_JSON_I64, offsetof(dm_wk_admit, lease_s), DM_JSON_OPT, 0, DM_LEASE_S_MAX},
        {"checkpoint", DM_JSON_STR, offsetof(dm_wk_admit, checkpoint), DM_JSON_OPT, 4, NAME_MAX_ - 1},
};

static const dm_json_field started_fields[] = {
        I64(started, epoch, 1, INT32_MAX),
        I64(started, started_us, 1, INT64_MAX),
        I64(started, end_us, 1, INT64_MAX),
        STR(started, address, 7, 15),
        BOOL(started, pooled),
};

static const dm_json_field stop_fields[] = {
        I64(stop, epoch, 1, INT32_MAX),
        STR(stop, cause, 1, NAME_MAX_),
        {"room_mib", DM_JSON_I64, offsetof(dm_wk_stop, room_mib), DM_JSON_OPT, 0, INT64_MAX},
};

static const dm_json_field stopped_fields[] = {
        I64(stopped, epoch, 1, INT32_MAX),
        I64(stopped, at_us, 1, INT64_MAX),
        STR(stopped, state, 5, 6),
        STR(stopped, cause, 1, NAME_MAX_),
        I64(stopped, image_mib, 0, INT64_MAX),
};

static const dm_json_field copy_fields[] = {
        I64(copy, epoch, 1, INT32_MAX),
        STR(copy, name, 4, NAME_MAX_ - 1),
        BOOL(copy, kept),
        I64(copy, hold_s, 0, DM_WK_HOLD_MAX_S),
};

static const dm_json_field copied_fields[] = {
        STR(copied, name, 4, NAME_MAX_ - 1),
        I64(copied, at_us, 1, INT64_MAX),
        I64(copied, image_mib, 0, INT64_MAX),
        I64(copied, unique_mib, 0, INT64_MAX),
};

static const dm_json_field released_fields[] = {
        BOOL(released, used),
};

static const dm_json_field deadline_fields[] = {
        I64(deadline, epoch, 1, INT32_MAX),
        I64(deadline, end_us, 1, INT64_MAX),
        BOOL(deadline, pause_on_timeout),
};

static const dm_json_field claim_fields[] = {
        STR(claim, sandbox, SANDBOX_LEN, SANDBOX_LEN),
        I64(claim, epoch, 1, INT32_MAX),
};

static const dm_json_field seen_fields[] = {
        I64(seen, epoch, 1, INT32_MAX),
        STR(seen, state, 1, NAME_MAX_),
        STR(seen, cause, 0, NAME_MAX_),
        I64(seen, started_us, 0, INT64_MAX),
        I64(seen, end_us, 0, INT64_MAX),
        STR(seen, address, 0, 15),
};

static const dm_json_field usage_fields[] = {
        I64(usage, second, 0, INT64_MAX),
        I64(usage, cpu_used_us, 0, INT64_MAX),
        I64(usage, mem_used_mib, 0, VCPUS_AND_MIB_MAX),
        I64(usage, mem_total_mib, 0, VCPUS_AND_MIB_MAX),
        I64(usage, mem_cache_mib, 0, VCPUS_AND_MIB_MAX),
        I64(usage, disk_used_mib, 0, VCPUS_AND_MIB_MAX),
        I64(usage, disk_total_mib, 0, VCPUS_AND_MIB_MAX),
};

static const dm_json_field enrol_fields[] = {
        STR(enrol, name, 1, NAME_MAX_),
        STR(enrol, public_key, 64, 64),
        I64(enrol, boot, 1, INT64_MAX),
        STR(enrol, door, 1, 32),
        STR(enrol, accel, 1, 16),
        I64(enrol, slots, 0, 1 << 20),
        I64(enrol, mem_mib, 0, VCPUS_AND_MIB_MAX),
        {"frames", DM_JSON_I64, offsetof(dm_wk_enrol, frames), DM_JSON_OPT, 0, UINT16_MAX},
};

static const dm_json_field enrolled_fields[] = {
        I64(enrolled, worker_no, 1, INT64_MAX),
        I64(enrolled, region_no, 1, UINT16_MAX),
        I64(enrolled, period_s, 1, DM_PERIOD_S_MAX),
        {"frame_key", DM_JSON_STR, offsetof(dm_wk_enrolled, frame_key), DM_JSON_OPT, FRAME_KEY_LEN, FRAME_KEY_LEN},
        {"now_us", DM_JSON_I64, offsetof(dm_wk_enrolled, now_us), DM_JSON_OPT, 0, INT64_MAX / 2},
};

static const dm_json_field beat_fields[] = {
        I64(beat, boot, 1, INT64_MAX),
        I64(beat, running, 0, INT32_MAX),
        I64(beat, asleep, 0, INT32_MAX),
        I64(beat, pooled, 0, INT32_MAX),
        I64(beat, free_slots, 0, INT32_MAX),
        I64(beat, last_frame, 0, INT64_MAX),
        BOOL(beat, refusing),
        {"mem_free_mib", DM_JSON_I64, offsetof(dm_wk_beat, mem_free_mib), offsetof(dm_wk_beat, has_mem_free_mib), 0,
                INT64_MAX},
        {"why", DM_JSON_STR, offsetof(dm_wk_beat, why), DM_JSON_OPT, 0, WORDS_MAX},
        {"version", DM_JSON_STR, offsetof(dm_wk_beat, version), DM_JSON_OPT, 1, NAME_MAX_},
        {"frame_key", DM_JSON_I64, offsetof(dm_wk_beat, frame_key), offsetof(dm_wk_beat, has_frame_key), 0, INT64_MAX},
};

static const dm_json_field beat_answer_fields[] = {
        I64(beat_answer, durable_boot, 0, INT64_MAX),
        I64(beat_answer, durable_frame, 0, INT64_MAX),
        BOOL(beat_answer, enrol_again),
        {"drain", DM_JSON_BOOL, offsetof(dm_wk_beat_answer, drain), offsetof(dm_wk_beat_answer, has_drain), 0, 0},
        {"bounds", DM_JSON_I64, offsetof(dm_wk_beat_answer, bounds), DM_JSON_OPT, 0, INT64_MAX},
};

static const dm_json_field event_fields[] = {
        I64(event, seq, 1, INT64_MAX),
        STR(event, sandbox, SANDBOX_LEN, SANDBOX_LEN),
        I64(event, epoch, 1, INT32_MAX),
        STR(event, state, 5, 6),
        STR(event, cause, 1, NAME_MAX_),
        STR(event, detail, 0, WORDS_MAX),
        I64(event, at_us, 1, INT64_MAX),
        {"image_mib", DM_JSON_I64, offsetof(dm_wk_event, image_mib), DM_JSON_OPT, 0, INT64_MAX},
};

#define DEFINE_ENDS(name)                                                                                              \
    void dm_wk_##name##_write(dm_jw *w, const dm_wk_##name *m)                                                         \
    {                                                                                                                  \
        dm_json_encode(w, name##_fields, DM_LEN(name##_fields), m);                                                    \
    }                                                                                                                  \
    void dm_wk_##name##_done(dm_wk_##name *m)                                                                          \
    {                                                                                                                  \
        dm_json_done(name##_fields, DM_LEN(name##_fields), m);                                                         \
    }

#define DEFINE(name)                                                                                                   \
    DEFINE_ENDS(name)                                                                                                  \
    int dm_wk_##name##_read(const json_t *obj, dm_wk_##name *out, dm_err *err)                                         \
    {                                                                                                                  \
        return dm_json_decode(obj, name##_fields, DM_LEN(name##_fields), out, err);                                    \
    }

DEFINE(admit)
DEFINE(started)
DEFINE(stop)
DEFINE(stopped)
DEFINE(copy)
DEFINE(copied)
DEFINE(released)
DEFINE(deadline)
DEFINE(claim)
DEFINE(seen)
DEFINE(usage)
DEFINE(enrol)
DEFINE_ENDS(enrolled)
DEFINE(beat)
DEFINE(beat_answer)
DEFINE(event)

/* A period that no ledger has would be believed by the worker's journal for good. */
int dm_wk_enrolled_read(const json_t *obj, dm_wk_enrolled *out, dm_err *err)
{
    dm_wk_enrolled m;
    int r = dm_json_decode(obj, enrolled_fields, DM_LEN(enrolled_fields), &m, err);
    if (r < 0)
        return r;
    if (!dm_period_s_fits((uint32_t)m.period_s))
        r = dm_fail(err, DM_E_INVALID, "\"period_s\" is %lld: it must be a multiple of 60 that divides 3600",
                (long long)m.period_s);
    else if (m.frame_key != NULL && !dm_str_only(dm_str_c(m.frame_key), "0123456789abcdef"))
        r = dm_fail(err, DM_E_INVALID, "\"frame_key\" is not %d hex digits", FRAME_KEY_LEN);
    if (r == 0)
        *out = m;
    else
        dm_wk_enrolled_done(&m);
    return r;
}
