#include "tenants/fleet/fleet.h"

#include <stdio.h>

void dm_fleet_write(dm_jw *w, const dm_fleet_worker *f, int64_t lease_s)
{
    char age[32];
    (void)snprintf(age, sizeof age, "%lld.%03lld", (long long)f->beat_age_ms / 1000, (long long)f->beat_age_ms % 1000);
    dm_jw_obj(w);
    dm_jw_ku64(w, "no", f->no.v);
    dm_jw_kstr(w, "name", f->name);
    dm_jw_kstr(w, "region", f->region);
    dm_jw_kstr(w, "state", f->state);
    dm_jw_key(w, "beat_age_s");
    dm_jw_raw(w, dm_str_c(age));
    dm_jw_kbool(w, "late", !dm_str_eq_c(f->state, "written_off") && f->beat_age_ms > lease_s * 1000);
    dm_jw_kstr(w, "accel", f->accel);
    dm_jw_kmaybe(w, "version", f->version);
    dm_jw_ki64(w, "boot", f->boot);
    dm_jw_ki64(w, "slots", f->slots);
    dm_jw_ki64(w, "free_slots", f->free_slots);
    dm_jw_ki64(w, "running", f->running);
    dm_jw_ki64(w, "asleep", f->asleep);
    dm_jw_ki64(w, "pool", f->pooled);
    dm_jw_ki64(w, "mem_mib", f->mem_mib);
    if (f->mem_free_mib >= 0)
        dm_jw_ki64(w, "mem_free_mib", f->mem_free_mib);
    else
        dm_jw_kc(w, "mem_free_mib", NULL);
    dm_jw_kbool(w, "refusing", f->refusing);
    dm_jw_kmaybe(w, "why", f->why);
    dm_jw_ktime(w, "enrolled_at", f->enrolled_us);
    dm_jw_end(w);
}
