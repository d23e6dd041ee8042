/* The taking side. A frame's way: its bytes are checked, then its worker's seal, before anything it says counts; its
 * date is compared with the broker's, the tracker says whether it is new, its bytes join the window, its samples the
 * bit maps. Repetitions change nothing.
 *
 * A worker's number is eight bytes of a message, so whoever can write to the topic can make up as many workers as he
 * likes, and frames of those that are there. Neither gets him anywhere: without the key there is no seal, and what has
 * none is a dead letter. A frame that is sealed, and whose worker is not known, is held, unseen, until the next flush,
 * which looks at dm.worker once for all that are held. By then each of them has been read, so that a worker who is not
 * there then never enrolled (known.h). One who had just enrolled loses nothing, and the database is asked no more often
 * than there are flushes: what is held is bounded, and full is a reason to flush. Frames of before there were seals
 * (version 1) are held likewise, until it is seen whether their worker has a key by now. They are taken of boots before
 * the one in which it got one: that is what its journal and the stream held when it was upgraded. From that boot on
 * they are dead letters, and so are those of a worker that never got a key, for anybody may have made them, unless
 * accept_unsealed says that the fleet still has such workers.
 */
#include <assert.h>
#include <stdio.h>

#include "base/json.h"
#include "base/parse.h"
#include "base/point.h"
#include "base/wire/period.h"
#include "base/wire/topic.h"

#include "metering/kit/meters.h"
#include "metering/kit/sql_kit.h"
#include "metering/ledger/own.h"
#include "metering/ledger/sql_ledger.h"

enum { REJECT_BYTES = 48 * 1024, REJECT_JSON = 96 * 1024, BAD_SAMPLES_KEPT = 256 };
enum { PARTITIONS_AHEAD_S = 3 * 86400 };

void dm_ledger_free(dm_ledger *l)
{
    if (l == NULL)
        return;
    if (l->closing != NULL)
        atomic_store(&l->closing->stop, true);
    dm_aside_free(l->aside);
    dm_closing_free(l->closing);
    assert(l->nrejects <= DM_LEDGER_DLQ_MAX && l->nsworn <= DM_LEDGER_ATTESTS_MAX && l->ngaps <= DM_LEDGER_GAPS_MAX);
    for (size_t i = 0; i < l->nrejects; i++)
        free(l->rejects[i].json);
    for (size_t i = 0; i < l->nsworn; i++)
        free(l->sworn[i].message);
    for (size_t i = 0; i < l->nheld; i++)
        free(l->held[i].bytes);
    dm_ledger_forget_disputes(l, INT64_MAX);
    free(l->rejects);
    free(l->held);
    free(l->disputed);
    dm_known_done(&l->known);
    free(l->sworn);
    free(l->gaps);
    free(l->attest);
    dm_anomalies_done(&l->anomalies);
    dm_accum_free(l->accum);
    dm_accum_free(l->late);
    dm_track_free(l->track);
    dm_window_free(l->window);
    free(l);
}

static int allocate(dm_ledger *l, dm_err *err)
{
    l->rejects = calloc(DM_LEDGER_DLQ_MAX, sizeof(*l->rejects));
    l->held = calloc(DM_LEDGER_HELD_MAX, sizeof(*l->held));
    l->disputed = calloc(DM_LEDGER_DISPUTED_MAX, sizeof(*l->disputed));
    l->sworn = calloc(DM_LEDGER_ATTESTS_MAX, sizeof(*l->sworn));
    l->gaps = calloc(DM_LEDGER_GAPS_MAX, sizeof(*l->gaps));
    l->attest = calloc(1, sizeof(*l->attest));
    if (l->rejects == NULL || l->held == NULL || l->disputed == NULL || l->sworn == NULL || l->gaps == NULL ||
            l->attest == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for a ledger");
    int r = dm_accum_new(l->c.period_s, l->c.rows_max, l->c.worker_rows_max, &l->accum, err);
    if (r == 0)
        r = dm_accum_new(l->c.period_s, DM_LEDGER_LATE_ROWS, l->c.worker_rows_max, &l->late, err);
    if (r == 0)
        r = dm_track_new(&l->track, err);
    if (r == 0)
        r = dm_window_new(&l->window, err);
    return r < 0 ? r : dm_aside_new(l->c.db, l->c.pg, &l->aside, err);
}

/* From here on no other meter's flush is written, so that what is rebuilt is all that there is. */
static int take_office(dm_pg *c, void *arg, dm_err *err)
{
    dm_ledger *l = arg;
    dm_public_key public;
    dm_sign_key_public(l->c.key, &public);
    int r = dm_sql_holder_take(c, l->c.owner, err);
    return r == 0 ? dm_sql_service_key(c, &public, err) : r;
}

int dm_ledger_open(const dm_ledger_config *config, dm_ledger **out, dm_err *err)
{
    DM_AUTO(dm_ledger) l = calloc(1, sizeof(*l));
    if (l == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for a ledger");
    l->c = *config;
    l->known.secrets[0] = config->frame_secret;
    l->known.secrets[1] = config->frame_secret_old;
    l->open_from = -1;
    l->ahead_us = INT64_MAX;
    int r = allocate(l, err);
    if (r == 0)
        r = dm_pg_tx_on(l->c.pg, &(dm_pg_scope){0}, take_office, l, err);
    if (r == 0) {
        int64_t now = dm_second_of(dm_wall_us(l->c.clock));
        r = dm_ledger_partitions(l, now - DM_LEDGER_BACK_S, now, err);
    }
    if (r == 0)
        r = dm_known_load(&l->known, l->c.pg, err);
    if (r == 0)
        r = dm_ledger_restore(l, err);
    if (r < 0)
        return dm_wrap(err, "ledger");
    dm_accum_late_to(l->accum, l->late);
    DM_POINT(LEDGER_RESTORED);
    *out = dm_steal(&l);
    return 0;
}

/* --- partitions of the database ----------------------------------------------------------------------------- */

typedef struct span {
    int64_t from, to;
} span;

static int add_partitions(dm_pg *c, void *arg, dm_err *err)
{
    const span *s = arg;
    return dm_sql_partitions(c, s->from, s->to, err);
}

int dm_ledger_partitions(dm_ledger *l, int64_t from_s, int64_t to_s, dm_err *err)
{
    if (to_s < l->partitions_to)
        return 0;
    span s = {from_s > 0 ? from_s : 0, to_s + PARTITIONS_AHEAD_S};
    int r = dm_pg_tx_on(l->c.pg, &(dm_pg_scope){0}, add_partitions, &s, err);
    if (r == 0)
        l->partitions_to = s.to - PARTITIONS_AHEAD_S / 2;
    return r;
}

/* --- the fence ---------------------------------------------------------------------------------------------- */

typedef struct assignment {
    dm_ledger *l;
    const char *topic;
    int32_t parts;
} assignment;

static int take_over(dm_pg *c, void *arg, dm_err *err)
{
    assignment *a = arg;
    bool held;
    int r = dm_sql_holder_is(c, a->l->c.owner, &held, err);
    if (r == 0 && !held)
        r = dm_fail(err, DM_E_CONFLICT, "another meter has taken over");
    if (r < 0)
        return r;
    for (int32_t i = 0; i < a->parts; i++) {
        dm_part *p = &a->l->parts[a->l->nparts + (size_t)i];
        *p = (dm_part){.topic = a->topic, .part = i};
        r = dm_sql_offset_take(c, a->topic, i, a->l->c.owner, &p->stored, &p->generation, err);
        if (r < 0)
            return r;
        p->next = p->stored;
    }
    DM_POINT(LEDGER_FENCED);
    return 0;
}

int dm_ledger_assign(dm_ledger *l, const char *topic, int32_t parts, dm_offset *offsets, dm_err *err)
{
    if (parts <= 0 || l->nparts + (size_t)parts > DM_LEDGER_PARTS_MAX)
        return dm_fail(err, DM_E_LIMIT, "%s has %d partitions", topic, parts);
    assignment a = {l, topic, parts};
    int r = dm_pg_tx_on(l->c.pg, &(dm_pg_scope){0}, take_over, &a, err);
    if (r < 0)
        return dm_wrap(err, "take over %s", topic);
    for (int32_t i = 0; i < parts; i++)
        offsets[i] = (dm_offset){topic, i, l->parts[l->nparts + (size_t)i].stored};
    l->nparts += (size_t)parts;
    DM_POINT(LEDGER_ASSIGNED);
    return 0;
}

int dm_ledger_held(void *ledger, dm_pg *c, bool *held, dm_err *err)
{
    const dm_ledger *l = ledger;
    return dm_sql_holder_is(c, l->c.owner, held, err);
}

int dm_ledger_may(dm_ledger *l, dm_pg *c, dm_err *err)
{
    bool held;
    int r = dm_ledger_held(l, c, &held, err);
    return r == 0 && !held ? DM_LEDGER_ZOMBIE : r;
}

/* --- what cannot be taken ----------------------------------------------------------------------------------- */

static void note(dm_ledger *l, const char *kind, const dm_frame_head *head, uint64_t count, const char *words)
{
    dm_anomaly a = {.kind = kind, .period_start = -1, .count = count};
    if (head != NULL) {
        a.worker_no.v = head->worker_no;
        a.worker_boot = head->worker_boot;
        a.period_start = dm_period_start(head->second, l->c.period_s);
    }
    dm_anomalies_add(&l->anomalies, &a, "%s", words);
}

/* A dead letter: why, where it came from, and the bytes, as far as they fit. */
static int reject(dm_ledger *l, const dm_message *m, const char *reason, const char *words, uint64_t count,
        dm_str bytes, dm_err *err)
{
    if (l->nrejects == DM_LEDGER_DLQ_MAX)
        return 0; /* the anomaly counts it, and its coordinates are in the stream */
    DM_AUTO_BUF b, value;
    dm_buf_init(&b, REJECT_JSON);
    dm_buf_init(&value, REJECT_JSON);
    if (bytes.n > REJECT_BYTES)
        bytes.n = REJECT_BYTES;
    (void)dm_base64_encode(&value, bytes.p, bytes.n);
    dm_jw w;
    dm_jw_init(&w, &b);
    dm_jw_obj(&w);
    dm_jw_ku64(&w, "count", count);
    dm_jw_kc(&w, "detail", words);
    dm_jw_ki64(&w, "offset", m->offset);
    dm_jw_ki64(&w, "partition", m->partition);
    dm_jw_kc(&w, "reason", reason);
    dm_jw_ki64(&w, "timestamp_ms", m->timestamp_ms);
    dm_jw_kc(&w, "topic", m->topic);
    dm_jw_kstr(&w, "value", dm_buf_view(&value));
    dm_jw_end(&w);
    int r = dm_buf_ok(&value, err);
    if (r == 0)
        r = dm_buf_ok(&b, err);
    if (r < 0)
        return r;
    dm_reject *out = &l->rejects[l->nrejects];
    out->json = dm_buf_take(&b);
    (void)snprintf(out->key, sizeof(out->key), "%d", m->partition);
    l->nrejects++;
    return 0;
}

static int reject_frame(
        dm_ledger *l, const dm_message *m, const dm_frame_head *head, const char *kind, const char *words, dm_err *err)
{
    dm_metric_add(l->c.metrics, &dm_m_frames, "rejected", 1);
    note(l, kind, head, 1, words);
    return reject(l, m, kind, words, 1, m->value, err);
}

/* One note for all of them: a stranger has as many numbers as he likes. */
static int reject_stranger(dm_ledger *l, const dm_message *m, const dm_frame_head *head, const char *why, dm_err *err)
{
    char words[120];
    (void)snprintf(words, sizeof(words), "worker %llu is %s: its frames are dead letters",
            (unsigned long long)head->worker_no, why);
    return reject_frame(l, m, NULL, DM_ANOMALY_UNKNOWN_WORKER, words, err);
}

/* One note for all of them, too: all that is in it is whoever's who wrote it. */
static int reject_forged(dm_ledger *l, const dm_message *m, const dm_frame_head *head, dm_err *err)
{
    char words[120];
    (void)snprintf(words, sizeof(words), "worker %llu, boot %llu, frame %llu: not sealed by that worker",
            (unsigned long long)head->worker_no, (unsigned long long)head->worker_boot,
            (unsigned long long)head->frame_no);
    return reject_frame(l, m, NULL, DM_ANOMALY_SEAL, words, err);
}

static int reject_unsealed(dm_ledger *l, const dm_message *m, const dm_frame_head *head, dm_err *err)
{
    char words[120];
    (void)snprintf(words, sizeof(words), "worker %llu: no seal, and it never enrolled with a key (accept_unsealed)",
            (unsigned long long)head->worker_no);
    return reject_frame(l, m, NULL, DM_ANOMALY_SEAL, words, err);
}

static int reject_old_key(dm_ledger *l, const dm_message *m, const dm_frame_head *head, dm_err *err)
{
    char words[140];
    (void)snprintf(words, sizeof(words),
            "worker %llu, boot %llu, frame %llu: sealed with key %04x, which is not in force",
            (unsigned long long)head->worker_no, (unsigned long long)head->worker_boot,
            (unsigned long long)head->frame_no, head->key_no);
    return reject_frame(l, m, NULL, DM_ANOMALY_OLD_KEY, words, err);
}

/* What dm_known_judge did not believe. */
static int reject_unproven(dm_ledger *l, const dm_message *m, const dm_frame_head *head, int word, dm_err *err)
{
    return word == DM_KNOWN_OLD_KEY ? reject_old_key(l, m, head, err) : reject_forged(l, m, head, err);
}

/* Samples of a good frame that cannot be. */
typedef struct bad_samples {
    const uint8_t *samples;
    uint64_t n;
    char words[160];
    dm_buf bytes;
} bad_samples;

static void bad_sample(void *arg, uint32_t i, const dm_err *why)
{
    bad_samples *b = arg;
    if (b->n++ == 0)
        (void)snprintf(b->words, sizeof(b->words), "%.150s", why->msg);
    if (b->n <= BAD_SAMPLES_KEPT)
        (void)dm_buf_add(&b->bytes, b->samples + (size_t)i * DM_SAMPLE_BYTES, DM_SAMPLE_BYTES);
}

/* --- frames ------------------------------------------------------------------------------------------------- */

/* NULL when the date can be true. The broker's clock decides, so that a replay decides the same. */
static const char *wrong_date(const dm_ledger *l, const dm_message *m, const dm_frame_head *head)
{
    int64_t at = m->timestamp_ms > 0 ? m->timestamp_ms / 1000 : dm_second_of(dm_wall_us(l->c.clock));
    if (head->second > at + DM_LEDGER_AHEAD_S)
        return DM_ANOMALY_FUTURE;
    return head->second < at - DM_LEDGER_BACK_S ? DM_ANOMALY_OLD : NULL;
}

void dm_ledger_told_gap(void *arg, const dm_track_gap *g)
{
    dm_ledger *l = arg;
    dm_anomaly a = {.kind = DM_ANOMALY_FRAMES_MISSING,
            .worker_no = g->worker_no,
            .worker_boot = g->boot,
            .period_start = g->from_s >= 0 ? dm_period_start(g->from_s, l->c.period_s) : -1};
    dm_anomalies_add(&l->anomalies, &a, "frames %llu to %llu never came and are written off",
            (unsigned long long)g->first, (unsigned long long)g->last);
    if (l->ngaps < DM_LEDGER_GAPS_MAX)
        l->gaps[l->ngaps++] = *g;
}

/* Too much waits behind a gap of this worker: the gap is given up. */
static int track(dm_ledger *l, const dm_frame_head *head, bool *whole, dm_err *err)
{
    int r = dm_track_take(l->track, head, whole, err);
    if (r != DM_E_LIMIT)
        return r;
    r = dm_track_write_off(l->track, (dm_worker_no){head->worker_no}, INT64_MAX, dm_ledger_told_gap, l, err);
    return r < 0 ? r : dm_track_take(l->track, head, whole, err);
}

/* 0 or DM_ACCUM_OVER. */
static int merge(dm_ledger *l, const dm_message *m, const dm_frame_head *head, const uint8_t *samples, dm_err *err)
{
    bad_samples bad = {.samples = samples};
    dm_buf_init(&bad.bytes, BAD_SAMPLES_KEPT * DM_SAMPLE_BYTES);
    int r = dm_accum_frame(l->accum, head, samples, bad_sample, &bad, err);
    if (r == 0 && bad.n > 0) {
        note(l, DM_ANOMALY_MALFORMED, head, bad.n, bad.words);
        r = reject(l, m, DM_ANOMALY_MALFORMED, bad.words, bad.n, dm_buf_view(&bad.bytes), err);
    }
    dm_buf_done(&bad.bytes);
    if (r == 0)
        dm_metric_add(l->c.metrics, &dm_m_samples, NULL, (int64_t)(head->n - bad.n));
    return r;
}

static int keep_frame(dm_ledger *l, const dm_message *m, const dm_frame_head *head, const uint8_t *samples, int tracked,
        bool whole, dm_err *err)
{
    uint64_t late = dm_accum_late(l->accum);
    int r = merge(l, m, head, samples, err);
    if (r == DM_ACCUM_OVER) /* it arrived, and what comes behind it counts: nobody else waits for it */
        return reject_frame(l, m, head, DM_ANOMALY_TOO_MUCH, DM_LEDGER_TOO_MUCH, err);
    if (r == 0)
        r = dm_window_add(l->window, head, dm_period_start(head->second, l->c.period_s), m->value, false, err);
    if (r == 0 && whole)
        r = dm_accum_cover(l->accum, (dm_worker_no){head->worker_no}, head->second, err);
    if (r < 0)
        return r;
    late = dm_accum_late(l->accum) - late;
    if (late > 0)
        note(l, DM_ANOMALY_LATE, head, late, "seconds of a period that is closed");
    if (head->clock_err_us > 1000000)
        note(l, DM_ANOMALY_CLOCK, head, 1, "the worker's clock is off by more than a second");
    dm_metric_add(l->c.metrics, &dm_m_frames, tracked == DM_TRACK_LATE ? "late" : "new", 1);
    return 0;
}

/* --- two frames of one number ------------------------------------------------------------------------------- */

static int take_other(dm_ledger *l, const dm_message *m, const dm_frame_head *head, dm_err *err)
{
    bool kept;
    int r = dm_ledger_dispute(l, head, m->value, &kept, err);
    if (r == 0 && kept)
        r = dm_window_add(l->window, head, dm_period_start(head->second, l->c.period_s), m->value, true, err);
    return r < 0 ? r
                 : reject_frame(l, m, head, DM_ANOMALY_TWO_FRAMES,
                           "another frame than the one that was taken under this number", err);
}

static int take_known(dm_ledger *l, const dm_message *m, dm_frame_head *head, const uint8_t *samples, dm_err *err)
{
    dm_err why;
    const char *date = wrong_date(l, m, head);
    if (date != NULL)
        head->complete_through = -1; /* it arrived and leaves no gap, and nothing it says is believed */
    bool whole = false;
    int r = track(l, head, &whole, &why);
    if (r == DM_E_INVALID)
        return reject_frame(l, m, head, DM_ANOMALY_MALFORMED, why.msg, err);
    if (r == DM_TRACK_NO_ROOM)
        return reject_stranger(l, m, head, "beyond what can be tracked", err);
    if (r < 0)
        return dm_fail(err, r, "%s", why.msg);
    if (r == DM_TRACK_SEEN) {
        dm_metric_add(l->c.metrics, &dm_m_frames, "seen", 1);
        return 0;
    }
    if (date != NULL)
        return reject_frame(l, m, head, date, "the frame's second and its arrival are too far apart", err);
    if (r == DM_TRACK_OTHER)
        return take_other(l, m, head, err);
    return keep_frame(l, m, head, samples, r, whole, err);
}

/* --- workers that are not known ----------------------------------------------------------------------------- */

static int hold(dm_ledger *l, const dm_message *m, const char *topic, dm_err *err)
{
    assert(l->nheld < DM_LEDGER_HELD_MAX); /* dm_ledger_take saw to it */
    dm_held *h = &l->held[l->nheld];
    *h = (dm_held){topic, m->partition, m->offset, m->timestamp_ms, dm_str_dup(m->value), m->value.n};
    if (h->bytes == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for a frame");
    l->nheld++;
    l->held_bytes += h->n;
    return 0;
}

static int take_frame(dm_ledger *l, const dm_message *m, const char *topic, dm_err *err)
{
    dm_frame_head head;
    const uint8_t *samples;
    dm_err why;
    int r = dm_frame_read(m->value, &head, &samples, &why);
    if (r == 0 && head.version != DM_FRAME_SEALED && !dm_frame_whole(m->value)) /* a seal says it, too */
        r = dm_fail(&why, DM_E_CORRUPT, "frame: checksum differs");
    if (r < 0)
        return reject_frame(l, m, NULL, DM_ANOMALY_MALFORMED, why.msg, err);
    r = dm_known_judge(&l->known, &head, m->value, err);
    if (r == DM_KNOWN_ASK)
        return hold(l, m, topic, err);
    if (r > 0)
        return reject_unproven(l, m, &head, r, err);
    return r < 0 ? r : take_known(l, m, &head, samples, err);
}

static int take_one_held(dm_ledger *l, const dm_held *h, dm_err *err)
{
    dm_message m = {.topic = h->topic,
            .partition = h->part,
            .offset = h->offset,
            .timestamp_ms = h->timestamp_ms,
            .value = {h->bytes, h->n}};
    dm_frame_head head;
    const uint8_t *samples;
    int r = dm_frame_read(m.value, &head, &samples, err);
    if (r < 0)
        return r; /* it was a frame a moment ago */
    if (!dm_known_has(&l->known, (dm_worker_no){head.worker_no}))
        return reject_stranger(l, &m, &head, "not enrolled", err);
    r = dm_known_judge(&l->known, &head, m.value, err);
    if (r == DM_KNOWN_FALSE || r == DM_KNOWN_OLD_KEY)
        return reject_unproven(l, &m, &head, r, err);
    if (r == DM_KNOWN_ASK && !l->c.accept_unsealed)
        return reject_unsealed(l, &m, &head, err);
    return r < 0 ? r : take_known(l, &m, &head, samples, err);
}

int dm_ledger_take_held(dm_ledger *l, dm_err *err)
{
    int r = l->nheld > 0 ? dm_known_load(&l->known, l->c.pg, err) : 0;
    for (size_t i = 0; r == 0 && i < l->nheld; i++)
        r = take_one_held(l, &l->held[i], err);
    if (r < 0)
        return dm_wrap(err, "held frames");
    for (size_t i = 0; i < l->nheld; i++)
        free(l->held[i].bytes);
    l->nheld = l->held_bytes = 0;
    return 0;
}

/* --- attestations ------------------------------------------------------------------------------------------- */

static int load_keys(dm_pg *c, void *arg, dm_err *err)
{
    dm_keys *k = arg;
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_sql_worker_keys(c, k->worker_no, &rows, err);
    if (r < 0)
        return r;
    k->n = 0;
    for (size_t i = 0; i < dm_pg_count(rows) && k->n < DM_WORKER_KEYS_MAX; i++) {
        dm_str key = dm_pg_str(rows, i, 0);
        if (key.n != DM_ED25519_KEY)
            continue;
        memcpy(k->v[k->n].key.b, key.p, DM_ED25519_KEY);
        k->v[k->n].from_s = dm_pg_i64(rows, i, 1);
        k->v[k->n].to_s = dm_pg_is_null(rows, i, 2) ? INT64_MAX : dm_pg_i64(rows, i, 2);
        k->n++;
    }
    return 0;
}

static bool signed_by_any(const dm_keys *k, dm_str message, int64_t start, int64_t end)
{
    for (size_t i = 0; i < k->n; i++) {
        if (k->v[i].from_s < end && k->v[i].to_s > start && dm_attest_signed_by(message, &k->v[i].key))
            return true;
    }
    return false;
}

/* 1: by a key of this worker that was valid in the period. A key that is not known may have been enrolled since. */
static int check_signature(dm_ledger *l, dm_str message, dm_worker_no worker_no, int64_t start, dm_err *err)
{
    int64_t end = start + l->c.period_s;
    if (l->keys.worker_no.v == worker_no.v && signed_by_any(&l->keys, message, start, end))
        return 1;
    l->keys.worker_no = worker_no;
    int r = dm_pg_tx_on(l->c.pg, &(dm_pg_scope){.read_only = true}, load_keys, &l->keys, err);
    return r < 0 ? r : signed_by_any(&l->keys, message, start, end);
}

static int reject_attest(
        dm_ledger *l, const dm_message *m, const char *kind, dm_worker_no worker_no, const char *words, dm_err *err)
{
    dm_anomaly a = {.kind = kind, .worker_no = worker_no, .period_start = -1};
    dm_anomalies_add(&l->anomalies, &a, "%s", words);
    dm_metric_add(l->c.metrics, &dm_m_attests, "rejected", 1);
    return reject(l, m, kind, words, 1, m->value, err);
}

static int read_attest(dm_ledger *l, dm_str message, dm_attest_kind *kind, dm_worker_no *worker_no, int64_t *start,
        uint32_t *period_s, dm_err *why)
{
    int r = dm_attest_kind_of(message, kind, why);
    if (r < 0)
        return r;
    if (*kind == DM_ATTEST_END) {
        dm_attest_end e;
        r = dm_attest_end_read(message, &e, why);
        if (r == 0) {
            worker_no->v = e.worker_no;
            *start = e.period_start;
            *period_s = e.period_s;
        }
        return r;
    }
    r = dm_attest_read(message, l->attest, NULL, why);
    if (r < 0)
        return r;
    worker_no->v = l->attest->worker_no;
    *start = l->attest->period_start;
    *period_s = l->attest->period_s;
    return l->attest->worker_boot != 0 ? 0 : dm_fail(why, DM_E_INVALID, "an attestation of boot 0");
}

static int take_attest(dm_ledger *l, const dm_message *m, dm_err *err)
{
    dm_err why;
    dm_attest_kind kind;
    dm_worker_no worker_no = {0};
    int64_t start = 0;
    uint32_t period_s = 0;
    if (read_attest(l, m->value, &kind, &worker_no, &start, &period_s, &why) < 0)
        return reject_attest(l, m, DM_ANOMALY_MALFORMED, worker_no, why.msg, err);
    int64_t at = m->timestamp_ms > 0 ? m->timestamp_ms / 1000 : dm_second_of(dm_wall_us(l->c.clock));
    if (period_s != l->c.period_s)
        return reject_attest(l, m, DM_ANOMALY_MALFORMED, worker_no, "for a period of another length", err);
    if (start > at + DM_LEDGER_AHEAD_S)
        return reject_attest(l, m, DM_ANOMALY_FUTURE, worker_no, "for a period that has not begun", err);
    if (start < at - DM_LEDGER_BACK_S)
        return reject_attest(l, m, DM_ANOMALY_OLD, worker_no, "for a period of more than 35 days ago", err);
    int r = check_signature(l, m->value, worker_no, start, err);
    if (r < 0)
        return r;
    if (r == 0)
        return reject_attest(l, m, DM_ANOMALY_SIGNATURE, worker_no,
                "no key of this worker that was valid in the period signed it", err);
    assert(l->nsworn < DM_LEDGER_ATTESTS_MAX); /* dm_ledger_take saw to it */
    dm_sworn *s = &l->sworn[l->nsworn];
    s->message = dm_str_dup(m->value);
    if (s->message == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for an attestation");
    s->n = m->value.n;
    s->kind = kind;
    s->worker_no = worker_no;
    s->period_start = start;
    l->nsworn++;
    dm_metric_add(l->c.metrics, &dm_m_attests, "taken", 1);
    return 0;
}

/* --- messages ----------------------------------------------------------------------------------------------- */

static size_t part_of(const dm_ledger *l, const char *topic, int32_t part)
{
    size_t i = 0;
    while (i < l->nparts && (l->parts[i].part != part || strcmp(l->parts[i].topic, topic) != 0))
        i++;
    return i;
}

int64_t dm_ledger_next(const dm_ledger *l, const char *topic, int32_t part)
{
    size_t i = part_of(l, topic, part);
    return i < l->nparts ? l->parts[i].next : -2;
}

static int note_gap(dm_pg *c, void *arg, dm_err *err)
{
    return dm_sql_anomaly_once(c, arg, err);
}

int dm_ledger_note_gap(dm_ledger *l, const char *topic, int32_t part, dm_err *err)
{
    dm_anomaly a = {.kind = DM_ANOMALY_OFFSET_GAP, .period_start = -1};
    (void)snprintf(a.detail, sizeof(a.detail), "%.60s/%d: the stream no longer has offset %lld", topic, part,
            (long long)dm_ledger_next(l, topic, part));
    return dm_pg_tx_on(l->c.pg, &(dm_pg_scope){0}, note_gap, &a, err);
}

int dm_ledger_take(dm_ledger *l, const dm_message *m, dm_err *err)
{
    size_t i = part_of(l, m->topic, m->partition);
    if (i == l->nparts)
        return dm_fail(err, DM_E_INTERNAL, "a message of %s/%d, which is not ours", m->topic, m->partition);
    dm_part *p = &l->parts[i];
    if (l->nsworn == DM_LEDGER_ATTESTS_MAX || l->nheld == DM_LEDGER_HELD_MAX)
        return dm_fail(err, DM_E_INTERNAL, "too much was taken without a flush");
    if (p->next >= 0 && m->offset < p->next)
        return 0; /* delivered twice */
    if (p->next >= 0 && m->offset > p->next)
        note(l, DM_ANOMALY_OFFSET_GAP, NULL, (uint64_t)(m->offset - p->next), "messages that are not in the stream");
    int r = strcmp(m->topic, DM_TOPIC_USAGE) == 0 ? take_frame(l, m, p->topic, err) : take_attest(l, m, err);
    if (r < 0)
        return dm_wrap(err, "%s/%d at %lld", m->topic, m->partition, (long long)m->offset);
    p->next = m->offset + 1;
    DM_POINT(STREAM_TAKEN);
    return 0;
}

size_t dm_ledger_counted(dm_ledger *l, dm_counted *out, size_t max, int64_t *newest)
{
    *newest = dm_accum_newest(l->accum);
    return dm_accum_counted(l->accum, out, max);
}

bool dm_ledger_full(const dm_ledger *l)
{
    return dm_window_bytes(l->window) >= DM_LEDGER_WINDOW_BYTES || l->nrejects == DM_LEDGER_DLQ_MAX ||
           l->nsworn == DM_LEDGER_ATTESTS_MAX || l->nheld == DM_LEDGER_HELD_MAX ||
           l->held_bytes >= DM_LEDGER_HELD_BYTES || dm_window_count(l->window) >= DM_LEDGER_CHUNKS_FULL ||
           l->anomalies.n == DM_ANOMALIES_MAX || dm_accum_count(l->late) >= DM_LEDGER_LATE_FULL;
}
