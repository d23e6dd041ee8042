/* The final ledger, as text. Two runs of the same evening must come to the same, byte for byte, but for what is no part
 * of what is owed and cannot be the same twice:
 *
 *   - when it was written down by the database's clock, and by which meter (written_at, made_at, owner, generation);
 *   - numbers that the database gives in the order of writing (ledger_no, burn_no, a transaction's uuid): what refers
 *     by them is joined to what has a name;
 *   - where one chunk ends and the next begins: that is a flush's, and a flush may come at any time. Compared is what
 * is in them, every frame to its last byte;
 *   - the moment at which a wallet paid a statement, which is when the meter came to it; not what it paid, of which
 * grant and in which order;
 *   - whether a wallet paid a statement before or after the next period was stated: so of an account that pays by the
 *     hour what is booked is compared, and that its chain is whole, and not the order;
 *   - anomalies and dead letters, which are for people. That the same sorts of them are there is compared. */
#include <stdio.h>
#include <stdlib.h>

#include "base/parse.h"

#include "metering/ledger/window.h"
#include "tests/crash/stage.h"

#define TABLE(name)                                                                                                    \
    {                                                                                                                  \
#name, "SELECT x::text FROM dm." #name " x ORDER BY 1"                                                         \
    }

static const struct {
    const char *name, *sql;
} queries[] = {
        {"period", "SELECT concat_ws(' ', period_start, period_s, closed_at IS NOT NULL) FROM dm.period ORDER BY 1"},
        TABLE(worker_period),
        TABLE(account_period),
        TABLE(usage_period),
        TABLE(usage_gap),
        TABLE(attestation),
        TABLE(attestation_end),
        TABLE(worker_mark),
        {"frame_gap", "SELECT concat_ws(' ', worker_no, worker_boot, first_frame, last_frame, from_s, to_s) FROM "
                      "dm.frame_gap ORDER BY 1"},
        {"late", "SELECT concat_ws(' ', account_no, period_start, sandbox_id, stated_in) FROM dm.late GROUP BY "
                 "account_no, period_start, sandbox_id, stated_in ORDER BY 1"},
        {"worker_period_late", "SELECT concat_ws(' ', worker_no, period_start) FROM dm.worker_period_late ORDER BY 1"},
        {"statement", "SELECT (to_jsonb(x) - 'closed_at')::text FROM dm.statement x ORDER BY account_no, number"},
        TABLE(statement_line),
        {"statement_page", "SELECT x::text FROM dm.statement_page x ORDER BY 1"},
        TABLE(statement_pool),
        TABLE(statement_tier),
        TABLE(usage_day),
        {"journal", "SELECT concat_ws(' ', account_no, idem_key, kind, CASE WHEN kind NOT IN ('burn', 'unburn') THEN "
                    "effective_at END) FROM dm.journal_txn ORDER BY 1"},
        {"journal in its order",
                "SELECT concat_ws(' ', account_no, number, idem_key, prev_hash, hash) FROM dm.journal_txn WHERE NOT "
                "EXISTS (SELECT FROM dm.account a WHERE a.account_no = journal_txn.account_no AND a.billing_cycle = "
                "'hourly') ORDER BY account_no, number"},
        {"journal's chain",
                "SELECT concat_ws(' ', account_no, count(*), max(number), bool_and(whole)) FROM (SELECT account_no, "
                "number, prev_hash = coalesce(lag(hash) OVER w, prev_hash) AS whole FROM dm.journal_txn WINDOW w AS "
                "(PARTITION BY account_no ORDER BY number)) x GROUP BY account_no ORDER BY 1"},
        {"entry", "SELECT concat_ws(' ', t.idem_key, e.n, l.account_no, l.name, e.currency, e.amount) FROM "
                  "dm.journal_entry e JOIN dm.journal_txn t ON t.id = e.txn JOIN dm.ledger_account l USING (ledger_no) "
                  "ORDER BY t.idem_key, e.n"},
        {"wallet", "SELECT x::text FROM dm.wallet x ORDER BY 1"},
        {"grant", "SELECT concat_ws(' ', account_no, idem_key, kind, amount, remaining, held) FROM dm.wallet_grant "
                  "ORDER BY 1"},
        {"burn", "SELECT concat_ws(' ', b.account_no, b.idem_key, b.kind, b.asked, b.promo, b.paid, b.against, "
                 "b.statement_no, b.reference, p.n, g.idem_key, p.amount) FROM dm.wallet_burn b JOIN "
                 "dm.wallet_burn_part "
                 "p USING (account_no, burn_no) JOIN dm.wallet_grant g USING (account_no, grant_no) ORDER BY 1"},
        {"invoice", "SELECT (to_jsonb(x) - 'invoice_no')::text FROM dm.invoice x ORDER BY chain"},
        {"invoice_line", "SELECT i.number || (to_jsonb(x) - 'invoice_no')::text FROM dm.invoice_line x JOIN dm.invoice "
                         "i USING (invoice_no) ORDER BY i.chain, line_no"},
        {"invoice_statement",
                "SELECT i.number || (to_jsonb(x) - 'invoice_no')::text FROM dm.invoice_statement x JOIN dm.invoice i "
                "USING (invoice_no) ORDER BY i.chain, x.number"},
        {"invoice_commitment",
                "SELECT i.number || (to_jsonb(x) - 'invoice_no')::text FROM dm.invoice_commitment x JOIN "
                "dm.invoice i USING (invoice_no) ORDER BY i.chain, x.month"},
        {"invoice_state", "SELECT i.number || (to_jsonb(x) - 'invoice_no')::text FROM dm.invoice_state x JOIN "
                          "dm.invoice i USING (invoice_no) ORDER BY i.chain"},
        {"invoice_month", "SELECT concat_ws(' ', account_no, month, outcome, why) FROM dm.invoice_month ORDER BY 1"},
        {"invoice_round", "SELECT month::text FROM dm.invoice_round ORDER BY 1"},
        {"mail", "SELECT concat_ws('|', recipient, subject, body) FROM dm.mail ORDER BY 1"},
        {"outbox", "SELECT concat_ws(' ', topic, key, payload, sent_at IS NOT NULL) FROM dm.outbox WHERE topic <> "
                   "'dm.usage.dlq.v1' ORDER BY topic, key, payload::text"},
        {"anomaly", "SELECT DISTINCT kind FROM dm.anomaly WHERE kind <> 'clock' ORDER BY 1"},
        {"dead letters",
                "SELECT DISTINCT payload->>'reason' FROM dm.outbox WHERE topic = 'dm.usage.dlq.v1' ORDER BY 1"},
        {"reconciliation", "SELECT count(*) FROM dm.anomaly WHERE kind LIKE 'differs%'"},
};

static PGresult *ask(PGconn *c, const char *sql)
{
    PGresult *res = PQexec(c, sql);
    if (PQresultStatus(res) != PGRES_TUPLES_OK) {
        (void)fprintf(stderr, "%s: %s\n", sql, PQerrorMessage(c));
        abort();
    }
    return res;
}

/* --- what is in the chunks ---------------------------------------------------------------------------------- */

typedef struct framed {
    dm_frame_head h;
    size_t at, n;
} framed;

typedef struct frames {
    dm_buf bytes;
    framed *v;
    size_t n, room;
} frames;

static void split(frames *f, dm_str raw)
{
    dm_str frame;
    while (dm_chunk_next(&raw, &frame)) {
        const uint8_t *samples;
        if (f->n == f->room) {
            f->room = f->room != 0 ? 2 * f->room : 256;
            f->v = realloc(f->v, f->room * sizeof(*f->v));
        }
        framed *one = f->v != NULL ? &f->v[f->n++] : NULL;
        if (one == NULL || dm_frame_open(frame, &one->h, &samples, NULL) != 0)
            abort();
        one->at = f->bytes.len;
        one->n = frame.n;
        (void)dm_buf_str(&f->bytes, frame);
    }
}

static int by_number(const void *a, const void *b)
{
    const dm_frame_head *x = &((const framed *)a)->h, *y = &((const framed *)b)->h;
    if (x->worker_no != y->worker_no)
        return x->worker_no < y->worker_no ? -1 : 1;
    if (x->worker_boot != y->worker_boot)
        return x->worker_boot < y->worker_boot ? -1 : 1;
    return x->frame_no < y->frame_no ? -1 : x->frame_no > y->frame_no;
}

static void dump_chunks(PGconn *c, dm_buf *out)
{
    frames f = {.n = 0};
    PGresult *res =
            ask(c, "SELECT payload, raw_bytes FROM dm.usage_chunk ORDER BY worker_no, worker_boot, first_frame");
    dm_buf_init(&f.bytes, 16 << 20);
    for (int i = 0; i < PQntuples(res); i++) {
        size_t n;
        dm_err err = {0};
        DM_AUTO_BUF raw;
        dm_buf_init(&raw, DM_CHUNK_RAW_MAX);
        unsigned char *packed = PQunescapeBytea((const unsigned char *)PQgetvalue(res, i, 0), &n);
        if (dm_chunk_unpack((dm_str){(const char *)packed, n}, strtoul(PQgetvalue(res, i, 1), NULL, 10), &raw, &err) <
                0)
            abort();
        PQfreemem(packed);
        split(&f, dm_buf_view(&raw));
    }
    PQclear(res);
    if (f.n > 1)
        qsort(f.v, f.n, sizeof(*f.v), by_number);
    for (size_t i = 0; i < f.n; i++) {
        dm_digest hash;
        char hex[2 * DM_SHA256 + 1];
        if (dm_sha256((dm_str){f.bytes.p + f.v[i].at, f.v[i].n}, &hash, NULL) < 0)
            abort();
        dm_hex(hash.b, DM_SHA256, hex);
        (void)dm_buf_fmt(out, "frame: %llu %llu %llu %s\n", (unsigned long long)f.v[i].h.worker_no,
                (unsigned long long)f.v[i].h.worker_boot, (unsigned long long)f.v[i].h.frame_no, hex);
    }
    dm_buf_done(&f.bytes);
    free(f.v);
}

/* --- what others were told ---------------------------------------------------------------------------------- */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Each at least once: of several the same, one. */
static void dump_told(const stage *s, dm_buf *out)
{
    for (int topic = 3; topic < TOPICS; topic++) {
        uint32_t n = s->log.parts[topic][0].n;
        DM_AUTO_MEM char **v = calloc(n + 1, sizeof(*v));
        for (uint32_t i = 0; i < n; i++)
            v[i] = dm_str_dup(log_value(&s->log, &s->log.parts[topic][0].v[i]));
        qsort(v, n, sizeof(*v), by_text);
        for (uint32_t i = 0; i < n; i++) {
            if (i == 0 || strcmp(v[i], v[i - 1]) != 0)
                (void)dm_buf_fmt(out, "%s: %s\n", log_topic(topic), v[i]);
        }
        for (uint32_t i = 0; i < n; i++)
            free(v[i]);
    }
}

void ledger_dump(PGconn *c, const stage *s, dm_buf *out)
{
    for (size_t q = 0; q < DM_LEN(queries); q++) {
        PGresult *res = ask(c, queries[q].sql);
        for (int i = 0; i < PQntuples(res); i++) {
            (void)dm_buf_c(out, queries[q].name);
            (void)dm_buf_c(out, ": ");
            (void)dm_buf_c(out, PQgetvalue(res, i, 0));
            (void)dm_buf_ch(out, '\n');
        }
        PQclear(res);
    }
    dump_chunks(c, out);
    dump_told(s, out);
    if (out->failed)
        abort();
}

bool same_ledger(const dm_buf *want, const dm_buf *got)
{
    dm_str a = dm_buf_view(want), b = dm_buf_view(got), x, y;
    if (a.n == b.n && memcmp(a.p, b.p, a.n) == 0)
        return true;
    for (int shown = 0; shown < 3 && (a.n > 0 || b.n > 0);) {
        if (!dm_str_split(&a, '\n', &x))
            x = DM_STR("(nothing)");
        if (!dm_str_split(&b, '\n', &y))
            y = DM_STR("(nothing)");
        if (dm_str_eq(x, y))
            continue;
        (void)printf("undisturbed: %.*s\ndisturbed:   %.*s\n", (int)(x.n < 600 ? x.n : 600), x.p,
                (int)(y.n < 600 ? y.n : 600), y.p);
        shown++;
    }
    return false;
}
