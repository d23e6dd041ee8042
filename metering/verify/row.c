/* A row of a page against its attestation, as far as one can be judged without its sandbox's other lives. */
#include "base/wire/spec.h"

#include "metering/verify/own.h"

static int fault(dm_v *v, dm_fault_kind kind, size_t i, const char *words)
{
    return dm_v_row_fault(v, kind, &v->page.rows[i], v->page.no, (uint32_t)i + 1, false, "%s", words);
}

static bool same_stamp(const dm_v *v, const dm_stated *s)
{
    const dm_attest *a = v->attest;
    const dm_v_region *region = dm_v_region_no(v, a->region_no);
    const dm_spec *spec = dm_spec_get(a->spec_table, a->spec);
    return dm_sandbox_id_eq(&a->sandbox, &s->sandbox) && a->project_no == s->project_no.v && a->epoch == s->epoch &&
           a->spec_table == s->spec_table && a->spec == s->spec && region != NULL &&
           strcmp(region->name, s->region) == 0 && spec != NULL && spec->vcpus == s->vcpus &&
           spec->mem_mib == s->mem_mib;
}

static bool worker_signed(const dm_v *v, const dm_v_keys *keys, dm_str message)
{
    for (size_t i = 0; i < keys->n; i++) {
        const dm_v_key *k = &keys->v[i];
        if (k->from < v->at->end && k->to > v->at->start && dm_attest_signed_by(message, &k->key))
            return true;
    }
    return false;
}

static int check_signature(dm_v *v, size_t i, dm_str message)
{
    if (v->attest->worker_boot == 0)
        return dm_v_service_attested(v, message)
                       ? 0
                       : fault(v, DM_FAULT_FOREIGN, i, "no key of the service that was valid then signed it");
    const dm_v_keys *keys = dm_v_keys_find(v, v->attest->worker_no);
    char name[DM_USTAR_NAME];
    dm_v_entry(name, "keys/%llu.json", (unsigned long long)v->attest->worker_no);
    if (keys == NULL)
        return dm_v_fault(v, DM_FAULT_DROPPED, name, "the keys of worker %llu are not there",
                (unsigned long long)v->attest->worker_no);
    return worker_signed(v, keys, message)
                   ? 0
                   : fault(v, DM_FAULT_FOREIGN, i, "no key of its worker that was valid in the period signed it");
}

static int check_order(dm_v *v, size_t i)
{
    const dm_stated *s = &v->page.rows[i];
    if (v->any_row && dm_stated_cmp(&v->last_row, s) >= 0)
        return fault(v, DM_FAULT_WRONG, i, "it is not in the order of a statement");
    v->last_row = *s;
    v->any_row = true;
    return 0;
}

/* Nobody swore to it any more: it names what it is of, and no worker. */
static int check_bare(dm_v *v, size_t i)
{
    dm_stated *s = &v->page.rows[i];
    const dm_v_region *region = dm_v_region_named(v, dm_str_c(s->region));
    const dm_spec *spec = dm_spec_get(s->spec_table, s->spec);
    if (region == NULL || spec == NULL || spec->vcpus != s->vcpus || spec->mem_mib != s->mem_mib)
        return fault(v, DM_FAULT_WRONG, i, "there is no such region or size");
    s->region_no = region->no;
    s->worker_no.v = UINT64_MAX;
    int r = check_order(v, i);
    v->last_row.worker_no.v = 0;
    return r;
}

int dm_v_row_check(dm_v *v, size_t i, dm_str message, dm_err *err)
{
    dm_stated *s = &v->page.rows[i];
    dm_err why;
    (void)err;
    if (s->bare)
        return check_bare(v, i);
    if (dm_attest_read(message, v->attest, NULL, &why) < 0)
        return fault(v, DM_FAULT_WRONG, i, why.msg);
    if (v->attest->period_start != v->at->start || v->attest->period_s != v->at->period_s)
        return fault(v, DM_FAULT_WRONG, i, "its attestation is of another period");
    if (!same_stamp(v, s))
        return fault(v, DM_FAULT_WRONG, i, "sandbox, epoch, project, region or size are not those of its attestation");
    if (s->attested != (v->attest->worker_boot != 0))
        return fault(v, DM_FAULT_WRONG, i, "who signed its attestation is not who the page says");
    int r = check_signature(v, i, message);
    if (r != 0)
        return r;
    s->region_no = v->attest->region_no;
    s->worker_no.v = v->attest->worker_no;
    return check_order(v, i);
}
