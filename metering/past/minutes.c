#include "metering/past/minutes.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static const dm_sandbox_id nobody = {{0}};

void dm_past_slot_init(dm_past_slot *p, int64_t from)
{
    *p = (dm_past_slot){.from = from, .most = DM_PAST_ROWS_MAX, .most_of_project = DM_PAST_PROJECT_ROWS_MAX};
    dm_map_init(&p->rows, offsetof(dm_past_row, key), sizeof(dm_past_key), DM_PAST_ROWS_MAX + DM_PAST_PROJECTS_MAX);
}

void dm_past_slot_done(dm_past_slot *p)
{
    dm_map_walk walk = dm_map_begin(&p->rows);
    for (dm_past_row *row; (row = dm_map_next(&walk)) != NULL;)
        free(row);
    dm_map_done(&p->rows);
}

static int add_row(dm_past_slot *p, const dm_past_key *key, dm_past_row **out, dm_err *err)
{
    int r = dm_map_reserve(&p->rows, "rows of what was used", err);
    if (r < 0)
        return r;
    dm_past_row *row = calloc(1, sizeof(*row));
    if (row == NULL)
        return dm_fail(err, DM_E_NOMEM, "a row of what was used");
    row->key = *key;
    dm_map_add(&p->rows, row);
    *out = row;
    return 0;
}

/* *out NULL: it has none. */
static int row_of(dm_past_slot *p, const dm_sample *s, dm_past_row *project, dm_past_row **out, dm_err *err)
{
    dm_past_key key = {s->project_no, s->sandbox};
    *out = dm_map_find(&p->rows, &key);
    if (*out != NULL)
        return 0;
    if (project->sandboxes >= p->most_of_project || p->rows.n >= p->most) {
        p->left_out++;
        return 0;
    }
    project->sandboxes++;
    return add_row(p, &key, out, err);
}

/* Of a frame's samples the next is of the same project as a rule. *out NULL: there is no room for another. */
static int project_of(dm_past_slot *p, uint32_t project_no, dm_past_row **out, dm_err *err)
{
    dm_past_key key = {project_no, nobody};
    if (*out != NULL && (*out)->key.project_no == project_no)
        return 0;
    *out = dm_map_find(&p->rows, &key);
    if (*out != NULL)
        return 0;
    if (p->rows.n >= p->rows.max) {
        p->left_out++;
        return 0;
    }
    return add_row(p, &key, out, err);
}

static void add(dm_past_minute *m, const dm_sample *s, bool project)
{
    bool measured = s->disk_16mib != DM_DISK_UNKNOWN;
    m->run_s++;
    m->cpu_us += s->cpu_used_us;
    m->mem_mib_s += s->mem_private_mib;
    m->shared_mib_s += s->mem_shared_mib;
    m->net_in_kib += s->net_in_kib;
    m->net_out_kib += s->net_out_kib;
    if (measured && project)
        m->disk_16mib += s->disk_16mib;
    else if (measured && s->disk_16mib > m->disk_16mib)
        m->disk_16mib = s->disk_16mib;
}

int dm_past_take(dm_past_slot *p, const dm_frame_head *head, const uint8_t *samples, dm_err *err)
{
    dm_past_row *project = NULL, *row;
    dm_sample s;
    int r = 0;
    if (head->second < p->from || head->second >= p->from + DM_PAST_SLOT_S)
        return 0;
    unsigned minute = (unsigned)((head->second - p->from) / 60);
    for (uint32_t i = 0; r == 0 && i < head->n; i++) {
        if (dm_frame_sample(samples, i, &s, NULL) < 0 || s.state != DM_SAMPLE_RUN)
            continue;
        r = project_of(p, s.project_no, &project, err);
        if (r < 0 || project == NULL)
            continue;
        add(&project->minutes[minute], &s, true);
        r = row_of(p, &s, project, &row, err);
        if (r == 0 && row != NULL)
            add(&row->minutes[minute], &s, false);
    }
    return r;
}

bool dm_past_is_project(const dm_past_row *row)
{
    return dm_sandbox_id_eq(&row->key.sandbox, &nobody);
}

static int32_t fit(uint64_t v)
{
    return v < INT32_MAX ? (int32_t)v : INT32_MAX;
}

void dm_past_figures(const dm_past_row *row, unsigned minute, int32_t out[DM_PAST_FIGURES])
{
    const dm_past_minute *m = &row->minutes[minute];
    uint64_t over = dm_past_is_project(row) ? 60 : m->run_s;
    if (over == 0)
        over = 1;
    out[0] = fit(m->run_s);
    out[1] = fit(m->cpu_us / 10000);
    out[2] = fit(m->mem_mib_s / over);
    out[3] = fit(m->shared_mib_s / over);
    out[4] = fit(m->disk_16mib * 16);
    out[5] = fit(m->net_in_kib);
    out[6] = fit(m->net_out_kib);
}
