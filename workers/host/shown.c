#include "workers/host/shown.h"

#include "base/wire/spec.h"

#include "workers/host/limits.h"
#include "workers/host/parts.h"

enum { MIB = 1024 * 1024, CARES_S = 60, FRESH_S = 30 };

static int64_t at_most(int64_t v, int64_t most)
{
    return v < most ? v : most;
}

void dm_shown_afresh(dm_shown *s)
{
    *s = (dm_shown){.looked_us = s->looked_us};
}

/* --- the guest's word --------------------------------------------------------------------------------------- */

static int64_t figure_mib(const json_t *answer, const char *name)
{
    int64_t v = 0;
    (void)!dm_json_i64(answer, name, 0, INT64_MAX, &v, NULL);
    return v / MIB;
}

static void told(void *arg, int r, const json_t *answer, const dm_err *err)
{
    dm_box *b = arg;
    dm_shown *s = &b->shown;
    (void)err;
    s->asking = false;
    if (r < 0)
        return;
    s->told_us = dm_worker_now_us(b->w);
    s->mem_used_mib = figure_mib(answer, "mem_used");
    s->mem_total_mib = figure_mib(answer, "mem_total");
    s->mem_cache_mib = figure_mib(answer, "mem_cache");
    s->disk_used_mib = figure_mib(answer, "disk_used");
    s->disk_total_mib = figure_mib(answer, "disk_total");
}

/* The machine that is asked goes before the box does, and takes the question with it without a word. */
static void ask(dm_box *b, int64_t now_us)
{
    dm_shown *s = &b->shown;
    dm_worker *w = b->w;
    bool cares = s->looked_us > 0 && now_us - s->looked_us < CARES_S * 1000000LL;
    bool due = s->asked_us == 0 || now_us - s->asked_us >= DM_SHOWN_EVERY_S * 1000000LL;
    if (!cares || !due || s->asking || w->asked >= DM_SHOWN_ASKED || b->state != DM_BOX_RUNNING || b->machine == NULL)
        return;
    w->asked++;
    s->asked_us = now_us;
    s->asking = dm_machine_guest_stats(b->machine, told, b, NULL) == 0;
}

/* --- the worker's measure ----------------------------------------------------------------------------------- */

void dm_shown_second(dm_box *b, const dm_sample *measured, int64_t second)
{
    b->shown.second = second;
    b->shown.cpu_used_us = measured->cpu_used_us;
    b->shown.mem_private_mib = measured->mem_private_mib;
    ask(b, dm_worker_now_us(b->w));
}

/* What a guest says is its own affair, but nothing is more than its sandbox has. */
void dm_shown_look(dm_box *b, dm_wk_usage *out)
{
    dm_shown *s = &b->shown;
    const dm_spec *spec = dm_spec_get((uint16_t)b->admit.spec_table, (uint16_t)b->admit.spec);
    int64_t mem = spec != NULL ? spec->mem_mib : 0, vcpus = spec != NULL ? spec->vcpus : 1, disk = b->admit.disk_mib;
    int64_t now = dm_worker_now_us(b->w);
    bool fresh = s->told_us > 0 && now - s->told_us < FRESH_S * 1000000LL;
    bool mem_known = fresh && s->mem_total_mib > 0, disk_known = fresh && s->disk_total_mib > 0;
    s->looked_us = now;
    out->second = s->second;
    out->cpu_used_us = at_most(s->cpu_used_us, vcpus * 1000000);
    out->mem_total_mib = mem_known ? at_most(s->mem_total_mib, mem) : mem;
    out->mem_used_mib = at_most(fresh ? s->mem_used_mib : s->mem_private_mib, out->mem_total_mib);
    out->mem_cache_mib = fresh ? at_most(s->mem_cache_mib, out->mem_total_mib) : 0;
    out->disk_total_mib = disk_known ? at_most(s->disk_total_mib, disk) : disk;
    out->disk_used_mib = at_most(disk_known ? s->disk_used_mib : (int64_t)b->disk_16mib * 16, out->disk_total_mib);
}
