#include "tests/support/workerrig.h"

/* --- evidence ----------------------------------------------------------------------------------------------- */

static size_t ev_key(evidence *e, const dm_sandbox_id *id, uint32_t epoch)
{
    size_t i = 0;
    while (i < e->nkeys && (!dm_sandbox_id_eq(&e->key[i].id, id) || e->key[i].epoch != epoch))
        i++;
    if (i == e->nkeys) {
        assert_true(e->nkeys < EV_KEYS);
        e->key[e->nkeys].id = *id;
        e->key[e->nkeys++].epoch = epoch;
    }
    return i;
}

static void ev_frame(evidence *e, dm_str bytes, dm_mac *seal)
{
    dm_frame_head h;
    const uint8_t *samples;
    assert_int_equal(dm_frame_open(bytes, &h, &samples, NULL), 0);
    assert_true(dm_frame_sealed_by(bytes, seal));
    if (h.worker_boot == e->boot && h.frame_no <= e->frame)
        fail_msg("frame %llu again", (unsigned long long)h.frame_no);
    /* Numbers are gapless within a boot, and each boot names where the one before it that framed anything ended. */
    if (h.worker_boot == e->boot)
        assert_int_equal(h.frame_no, e->frame + 1);
    else {
        assert_true(h.worker_boot > e->boot);
        assert_int_equal(h.frame_no, 1);
        assert_int_equal(h.prev_boot_last_frame, e->frame);
    }
    if (e->second != 0)
        assert_int_equal(h.second, e->second + 1);
    assert_true(h.complete_through <= h.second);
    e->boot = h.worker_boot;
    e->frame = h.frame_no;
    e->second = h.second;
    e->frames++;
    if (h.second >= RIG_T0 && h.second < RIG_T0 + EV_SECONDS)
        e->seconds[h.second - RIG_T0]++;
    for (uint32_t i = 0; i < h.n; i++) {
        dm_sample s;
        assert_int_equal(dm_frame_sample(samples, i, &s, NULL), 0);
        assert_int_equal(s.project_no, 5);
        size_t k = ev_key(e, &s.sandbox, s.epoch);
        for (int64_t at = h.second - s.span_s + 1; at <= h.second; at++) {
            if (at < RIG_T0 || at >= RIG_T0 + EV_SECONDS)
                continue;
            uint8_t *was = &e->key[k].framed[at - RIG_T0];
            if (*was != DM_SAMPLE_RUN)
                *was = s.state;
        }
    }
}

static void ev_attest(evidence *e, dm_str message, const dm_public_key *key)
{
    static dm_attest a;
    dm_attest_end end;
    dm_attest_kind kind;
    assert_true(dm_attest_signed_by(message, key));
    assert_int_equal(dm_attest_kind_of(message, &kind, NULL), 0);
    e->attests++;
    if (kind == DM_ATTEST_END) {
        assert_int_equal(dm_attest_end_read(message, &end, NULL), 0);
        assert_true(end.period_start >= RIG_T0); /* before it was enrolled there is nothing to swear to */
        e->ended[(end.period_start - RIG_T0) / RIG_PERIOD] = true;
        return;
    }
    assert_int_equal(dm_attest_read(message, &a, NULL, NULL), 0);
    size_t k = ev_key(e, &a.sandbox, a.epoch), p = (size_t)(a.period_start - RIG_T0) / RIG_PERIOD;
    e->key[k].attested[p] = true;
    memcpy(e->key[k].sworn + p * RIG_PERIOD, a.state, RIG_PERIOD);
    if (a.cause != DM_CAUSE_NONE)
        e->key[k].cause = a.cause;
}

void ev_read(rig *r, evidence *e)
{
    dm_journal_pos pos = {0};
    dm_record type;
    DM_AUTO_BUF b;
    dm_public_key key;
    DM_AUTO(dm_mac) seal = NULL;
    assert_int_equal(dm_mac_new(rig_frame_key, &seal, NULL), 0);
    dm_buf_init(&b, DM_RECORD_BYTES_MAX + 1);
    dm_sign_key_public(r->w->key, &key);
    *e = (evidence){0};
    int x;
    dm_err err;
    while ((x = dm_journal_read(r->w->journal, &pos, &type, &b, &err)) == 0) {
        if (type == DM_RECORD_FRAME)
            ev_frame(e, dm_buf_view(&b), seal);
        else if (type == DM_RECORD_ATTEST)
            ev_attest(e, dm_buf_view(&b), &key);
    }
    assert_int_equal(x, DM_JOURNAL_END);
    /* What is sworn is what was framed, second by second; RUN of a higher epoch has the second they share. */
    for (size_t k = 0; k < e->nkeys; k++) {
        for (size_t p = 0; p < DM_LEN(e->ended); p++) {
            if (!e->key[k].attested[p])
                continue;
            assert_memory_equal(e->key[k].sworn + p * RIG_PERIOD, e->key[k].framed + p * RIG_PERIOD, RIG_PERIOD);
        }
    }
}

unsigned ev_count(const evidence *e, unsigned n, uint32_t epoch, uint8_t state)
{
    dm_sandbox_id id = box_id(n);
    unsigned count = 0;
    for (size_t k = 0; k < e->nkeys; k++) {
        for (size_t s = 0; s < EV_SECONDS && e->key[k].epoch == epoch && dm_sandbox_id_eq(&e->key[k].id, &id); s++)
            count += e->key[k].framed[s] == state;
    }
    return count;
}

dm_cause ev_cause(const evidence *e, unsigned n, uint32_t epoch)
{
    dm_sandbox_id id = box_id(n);
    for (size_t k = 0; k < e->nkeys; k++) {
        if (e->key[k].epoch == epoch && dm_sandbox_id_eq(&e->key[k].id, &id))
            return e->key[k].cause;
    }
    return DM_CAUSE_NONE;
}

const char *events_of(const rig *r, unsigned n)
{
    static char text[4][512];
    static unsigned at;
    char *out = text[at++ % 4];
    size_t len = 0;
    *out = '\0';
    const dm_events *all = r->w->events;
    for (const dm_wk_event *e = dm_events_after(all, NULL); e != NULL; e = dm_events_after(all, e)) {
        if (strcmp(e->sandbox, box_name(n)) == 0)
            len += (size_t)snprintf(out + len, sizeof(text[0]) - len, "%s%s %lld %s", len > 0 ? ", " : "", e->state,
                    (long long)e->epoch, e->cause);
    }
    return out;
}

evidence *proof(rig *r)
{
    static evidence e;
    rig_settle(r);
    ev_read(r, &e);
    return &e;
}
