#include "base/wire/lease.h"

#include <stddef.h>
#include <string.h>

#include "base/wire/cause.h"

#define I64(message, member, lo, hi)                                                                                   \
    {                                                                                                                  \
#member, DM_JSON_I64, offsetof(dm_lease_##message, member), DM_JSON_NEED, (lo), (hi)                           \
    }
#define LIST(message, member)                                                                                          \
    {                                                                                                                  \
#member, DM_JSON_ARR, offsetof(dm_lease_##message, member), DM_JSON_NEED, 0, DM_LEASES_MAX                     \
    }

static const dm_json_field ask_fields[] = {
        I64(ask, project_no, 1, INT32_MAX),
        I64(ask, left_s, 0, DM_LEASE_S_MAX),
        I64(ask, need_s, 0, DM_LEASE_S_MAX),
        I64(ask, running, 0, INT32_MAX),
        I64(ask, brought_s, 0, INT64_MAX),
};

static const dm_json_field ran_fields[] = {
        I64(ran, project_no, 1, INT32_MAX),
        I64(ran, period_start, 1, INT32_MAX *(int64_t)1000),
        I64(ran, seconds, 0, INT32_MAX),
};

static const dm_json_field asks_fields[] = {
        I64(asks, boot, 1, INT64_MAX),
        I64(asks, seq, 1, INT64_MAX),
        LIST(asks, asks),
        LIST(asks, ran),
};

static const dm_json_field grants_fields[] = {
        I64(grants, cap_s, 0, INT32_MAX),
        LIST(grants, leases),
};

static const char *const states[DM_LEASE_STATES] = {
        [DM_LEASE_FREE] = "free",
        [DM_LEASE_GRANTED] = "granted",
        [DM_LEASE_LAST] = "last",
        [DM_LEASE_REFUSED] = "refused",
};

const char *dm_lease_state_name(dm_lease_state s)
{
    return states[s];
}

/* As it goes over the wire. */
typedef struct written {
    int64_t project_no;
    char *state;
    int64_t left_s;
    char *cause;
} written;

static const dm_json_field grant_fields[] = {
        {"project_no", DM_JSON_I64, offsetof(written, project_no), DM_JSON_NEED, 1, INT32_MAX},
        {"state", DM_JSON_STR, offsetof(written, state), DM_JSON_NEED, 1, 16},
        {"left_s", DM_JSON_I64, offsetof(written, left_s), DM_JSON_NEED, 0, DM_LEASE_S_MAX},
        {"cause", DM_JSON_STR, offsetof(written, cause), DM_JSON_OPT, 1, 64},
};

#define DEFINE(name)                                                                                                   \
    void dm_lease_##name##_write(dm_jw *w, const dm_lease_##name *m)                                                   \
    {                                                                                                                  \
        dm_json_encode(w, name##_fields, DM_LEN(name##_fields), m);                                                    \
    }                                                                                                                  \
    void dm_lease_##name##_done(dm_lease_##name *m)                                                                    \
    {                                                                                                                  \
        dm_json_done(name##_fields, DM_LEN(name##_fields), m);                                                         \
    }

DEFINE(ask)
DEFINE(ran)
DEFINE(asks)
DEFINE(grants)

int dm_lease_ask_read(const json_t *obj, dm_lease_ask *out, dm_err *err)
{
    return dm_json_decode(obj, ask_fields, DM_LEN(ask_fields), out, err);
}

int dm_lease_ran_read(const json_t *obj, dm_lease_ran *out, dm_err *err)
{
    return dm_json_decode(obj, ran_fields, DM_LEN(ran_fields), out, err);
}

void dm_lease_grant_write(dm_jw *w, const dm_lease_grant *m)
{
    dm_jw_obj(w);
    dm_jw_ki64(w, "project_no", m->project_no);
    dm_jw_kc(w, "state", states[m->state]);
    dm_jw_ki64(w, "left_s", m->left_s);
    if (m->cause != NULL)
        dm_jw_kc(w, "cause", m->cause);
    dm_jw_end(w);
}

void dm_lease_grant_done(dm_lease_grant *m)
{
    free(m->cause);
    m->cause = NULL;
}

static int read_state(const char *name, dm_lease_state *out, dm_err *err)
{
    for (int i = 0; i < DM_LEASE_STATES; i++) {
        if (strcmp(name, states[i]) == 0) {
            *out = (dm_lease_state)i;
            return 0;
        }
    }
    return dm_fail(err, DM_E_INVALID, "no lease is \"%s\"", name);
}

/* Whoever is put to sleep is told why: so a refusal has a cause with which one sleeps. */
static int check_cause(const written *m, dm_lease_state state, dm_err *err)
{
    dm_cause cause;
    if (m->cause == NULL)
        return state == DM_LEASE_LAST || state == DM_LEASE_REFUSED
                       ? dm_fail(err, DM_E_INVALID, "a lease is %s for no cause", m->state)
                       : 0;
    int r = dm_cause_parse(dm_str_c(m->cause), &cause, err);
    if (r == 0 && !dm_cause_get(cause)->sleeps)
        r = dm_fail(err, DM_E_INVALID, "nothing sleeps because of %s", m->cause);
    return r;
}

int dm_lease_grant_read(const json_t *obj, dm_lease_grant *out, dm_err *err)
{
    written m;
    dm_lease_state state = DM_LEASE_FREE;
    int r = dm_json_decode(obj, grant_fields, DM_LEN(grant_fields), &m, err);
    if (r < 0)
        return r;
    r = read_state(m.state, &state, err);
    if (r == 0)
        r = check_cause(&m, state, err);
    if (r == 0) {
        *out = (dm_lease_grant){m.project_no, state, m.left_s, m.cause};
        m.cause = NULL;
    }
    dm_json_done(grant_fields, DM_LEN(grant_fields), &m);
    return r;
}

/* Each of a list is what it should be. */
#define CHECK(list, name)                                                                                              \
    do {                                                                                                               \
        size_t i_;                                                                                                     \
        const json_t *one_;                                                                                            \
        json_array_foreach(list, i_, one_)                                                                             \
        {                                                                                                              \
            dm_lease_##name m_;                                                                                        \
            if (r == 0 && (r = dm_lease_##name##_read(one_, &m_, err)) == 0)                                           \
                dm_lease_##name##_done(&m_);                                                                           \
        }                                                                                                              \
    } while (0)

int dm_lease_asks_read(const json_t *obj, dm_lease_asks *out, dm_err *err)
{
    dm_lease_asks m;
    int r = dm_json_decode(obj, asks_fields, DM_LEN(asks_fields), &m, err);
    if (r < 0)
        return r;
    CHECK(m.asks, ask);
    CHECK(m.ran, ran);
    if (r == 0)
        *out = m;
    else
        dm_lease_asks_done(&m);
    return r;
}

int dm_lease_grants_read(const json_t *obj, dm_lease_grants *out, dm_err *err)
{
    dm_lease_grants m;
    int r = dm_json_decode(obj, grants_fields, DM_LEN(grants_fields), &m, err);
    if (r < 0)
        return r;
    CHECK(m.leases, grant);
    if (r == 0)
        *out = m;
    else
        dm_lease_grants_done(&m);
    return r;
}
