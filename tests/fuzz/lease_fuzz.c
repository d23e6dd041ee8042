/* What a worker and the API say about budgets: refused with words, or what was read is written down and read again as
 * the same. The first byte chooses who speaks. */
#include "base/wire/lease.h"
#include "base/wire/limits.h"

#include "tests/fuzz/again.h"

static int asks(const json_t *obj, dm_buf *out, dm_err *err)
{
    dm_lease_asks m;
    dm_jw w;
    int r = dm_lease_asks_read(obj, &m, err);
    if (r < 0)
        return r;
    HOLDS(json_array_size(m.asks) <= DM_LEASES_MAX && json_array_size(m.ran) <= DM_LEASES_MAX);
    dm_jw_init(&w, out);
    dm_lease_asks_write(&w, &m);
    dm_lease_asks_done(&m);
    return 0;
}

static int grants(const json_t *obj, dm_buf *out, dm_err *err)
{
    dm_lease_grants m;
    dm_jw w;
    int r = dm_lease_grants_read(obj, &m, err);
    if (r < 0)
        return r;
    HOLDS(json_array_size(m.leases) <= DM_LEASES_MAX);
    dm_jw_init(&w, out);
    dm_lease_grants_write(&w, &m);
    dm_lease_grants_done(&m);
    return 0;
}

static int grant(const json_t *obj, dm_buf *out, dm_err *err)
{
    dm_lease_grant m;
    dm_jw w;
    int r = dm_lease_grant_read(obj, &m, err);
    if (r < 0)
        return r;
    HOLDS(m.state < DM_LEASE_STATES && m.left_s >= 0);
    HOLDS(m.cause != NULL || m.state == DM_LEASE_FREE || m.state == DM_LEASE_GRANTED);
    dm_jw_init(&w, out);
    dm_lease_grant_write(&w, &m);
    dm_lease_grant_done(&m);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const again_fn messages[] = {asks, grants, grant};
    return again(data, size, messages, DM_LEN(messages), DM_WK_BODY_MAX, 8 * DM_WK_BODY_MAX);
}
