#include "base/wire/guest.h"

#include <stddef.h>

#define FIELD(member) offsetof(dm_guest_resume, member), DM_JSON_NEED

static const dm_json_field resume_fields[] = {
        {"generation", DM_JSON_I64, FIELD(generation), 1, INT32_MAX},
        {"wall_us", DM_JSON_I64, FIELD(wall_us), 0, INT64_MAX},
        {"seed", DM_JSON_STR, FIELD(seed), 2 * DM_GUEST_SEED, 2 * DM_GUEST_SEED},
        {"sandbox", DM_JSON_STR, FIELD(sandbox), 1, 63},
        {"template_id", DM_JSON_STR, FIELD(template_id), 0, 63},
        {"hostname", DM_JSON_STR, FIELD(hostname), 1, 63},
        {"token", DM_JSON_STR, FIELD(token), 0, 255},
        {"user", DM_JSON_STR, FIELD(user), 1, 63},
        {"workdir", DM_JSON_STR, FIELD(workdir), 0, 4095},
        {"env", DM_JSON_STRMAP, FIELD(env), 0, 1024},
        {"fresh", DM_JSON_BOOL, FIELD(fresh), 0, 0},
};

int dm_guest_resume_write(dm_jw *w, const dm_guest_resume *m, uint64_t seq)
{
    dm_jw_obj(w);
    dm_jw_kc(w, "op", "resume");
    dm_jw_ku64(w, "seq", seq);
    for (size_t i = 0; i < DM_LEN(resume_fields); i++)
        dm_json_encode_field(w, &resume_fields[i], m);
    dm_jw_end(w);
    return dm_buf_ok(w->b, NULL);
}

int dm_guest_resume_read(const json_t *obj, dm_guest_resume *out, dm_err *err)
{
    return dm_json_decode(obj, resume_fields, DM_LEN(resume_fields), out, err);
}

void dm_guest_resume_done(dm_guest_resume *m)
{
    dm_json_done(resume_fields, DM_LEN(resume_fields), m);
}
