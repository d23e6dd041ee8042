/* What has to agree, a statement each. They read what the ledger has and reckon by themselves: in SQL, in numeric, with
 * none of the functions that made it. $1 and $2 are the seconds of UTC in which the period begins and ends. */
#include "metering/check/sql_check.h"

/* c has what was compared, in words, and whether it is bad. */
#define VERDICT                                                                                                        \
    " SELECT count(*), count(*) FILTER (WHERE bad), coalesce((SELECT string_agg(left(what, 190), '; ') FROM"           \
    " (SELECT what FROM c WHERE bad ORDER BY what LIMIT 5) x), '') FROM c"                                             \
    " WHERE $1::bigint < $2::bigint"
#define STARTS "to_timestamp($1::bigint)"
#define ENDS "to_timestamp($2::bigint)"

/* What happened since the period before ended, by the clock that is meant. */
#define SINCE(column)                                                                                                  \
    column " < " ENDS " AND " column " >= coalesce((SELECT max(p.period_start + make_interval(secs => p.period_s))"    \
           " FROM dm.period p WHERE p.period_start < " STARTS "), " STARTS ")"

/* What was stated is what the bit maps say, or less where an anomaly says why; and the lines' seconds are the
 * statement's, where no minutes are pooled: of those an unfinished one has no line. */
static const dm_pg_stmt seconds = {"check_seconds",
        "WITH u AS (SELECT account_no, sum(bit_count(run)) AS run, sum(bit_count(hib)) AS hib FROM"
        "   (SELECT account_no, sandbox_id, bit_or(run_bits::bit(3600)) AS run, bit_or(hib_bits::bit(3600)) AS hib"
        "    FROM dm.usage_period WHERE period_start = " STARTS " GROUP BY account_no, sandbox_id) p GROUP BY 1),"
        " l AS (SELECT account_no, sum(seconds) AS run FROM dm.statement_line WHERE period_start = " STARTS
        "   AND kind IN ('usage', 'measured') AND sku = 'mem-run' AND sandbox_id IS NOT NULL GROUP BY 1),"
        " c AS (SELECT format('account %s: %s s ran by its bit maps, %s by its statement, %s by its lines',"
        "   s.account_no, u.run, s.running_s, l.run) AS what,"
        "   s.running_s > coalesce(u.run, 0) OR s.hibernated_s > coalesce(u.hib, 0)"
        "   OR (s.pool_after_s IS NULL AND coalesce(l.run, 0) <> s.running_s) OR (s.running_s < u.run AND NOT EXISTS "
        "(SELECT FROM dm.anomaly a"
        "     WHERE a.period_start = s.period_start AND a.account_no = s.account_no AND a.kind NOT IN"
        "     ('unattested', 'unreconciled'))) AS bad"
        "   FROM dm.statement s LEFT JOIN u USING (account_no) LEFT JOIN l USING (account_no)"
        "   WHERE s.period_start = " STARTS ")" VERDICT,
        DM_PG_ONE};

/* What the control plane saw run and sleep, and what the workers' evidence says: to two seconds a transition, since a
 * transition is seen from two sides. Seconds without evidence that are named as such count as evidence here. */
static const dm_pg_stmt lifecycle = {"check_lifecycle",
        "WITH e AS (SELECT x.account_no, x.at, x.to_state,"
        "     lead(x.at) OVER (PARTITION BY x.sandbox_id ORDER BY x.event_no) AS until"
        "   FROM dm.sandbox s JOIN dm.sandbox_event x USING (account_no, project_no, sandbox_id)"
        "   WHERE s.created_at < " ENDS " AND (s.ended_at IS NULL OR s.ended_at >= " STARTS ") AND x.at < " ENDS "),"
        " r AS (SELECT account_no, count(*) FILTER (WHERE at >= " STARTS ") AS moves,"
        "   coalesce(sum(extract(epoch FROM least(until, " ENDS ") - greatest(at, " STARTS ")))"
        "     FILTER (WHERE to_state IN ('running', 'pausing') AND (until IS NULL OR until > " STARTS ")), 0) AS ran,"
        "   coalesce(sum(extract(epoch FROM least(until, " ENDS ") - greatest(at, " STARTS ")))"
        "     FILTER (WHERE to_state IN ('paused', 'resuming') AND (until IS NULL OR until > " STARTS ")), 0) AS slept"
        "   FROM e GROUP BY 1),"
        " g AS (SELECT account_no, sum(to_s - from_s) AS gap FROM dm.usage_gap WHERE period_start = " STARTS
        "   GROUP BY 1),"
        " s AS (SELECT account_no, running_s, hibernated_s FROM dm.statement WHERE period_start = " STARTS "),"
        " c AS (SELECT format('account %s: ran %s s and slept %s by its transitions, %s and %s by evidence, with %s"
        " transitions', account_no, round(coalesce(r.ran, 0), 1), round(coalesce(r.slept, 0), 1),"
        "   coalesce(s.running_s, 0), coalesce(s.hibernated_s, 0), coalesce(r.moves, 0)) AS what,"
        /* a gap is of one of both: of which, no evidence says */
        "   greatest(coalesce(r.ran, 0) - coalesce(s.running_s, 0), coalesce(r.slept, 0) - coalesce(s.hibernated_s, 0),"
        "     coalesce(r.ran, 0) + coalesce(r.slept, 0) - coalesce(s.running_s, 0) - coalesce(s.hibernated_s, 0))"
        "     - coalesce(g.gap, 0) > 2 * coalesce(r.moves, 0)"
        "   OR greatest(coalesce(s.running_s, 0) - coalesce(r.ran, 0),"
        "     coalesce(s.hibernated_s, 0) - coalesce(r.slept, 0)) > 2 * coalesce(r.moves, 0)"
        "   AND NOT EXISTS (SELECT FROM dm.anomaly a WHERE a.period_start = " STARTS
        "     AND (a.account_no IS NULL OR a.account_no = r.account_no)"
        "     AND a.kind IN ('worker_silent', 'frames_missing', 'late')) AS bad"
        "   FROM r FULL JOIN s USING (account_no) LEFT JOIN g USING (account_no)"
        "   WHERE r.ran > 0 OR r.slept > 0 OR s.running_s > 0 OR s.hibernated_s > 0)" VERDICT,
        DM_PG_ONE};

/* Each worker's frames follow each other by number; what never came is named. Of a number that came twice, the other
 * frame is in a chunk apart (metering/ledger/window.h). */
static const dm_pg_stmt frames = {"check_frames",
        "WITH o AS (SELECT worker_no, worker_boot, first_frame, last_frame, frames,"
        "     max(last_frame) OVER (PARTITION BY worker_no, worker_boot ORDER BY first_frame, first_part"
        "       ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before"
        "   FROM dm.usage_chunk WHERE first_second >= $1::bigint AND first_second < $2::bigint AND first_part < 64),"
        " c AS (SELECT format('worker %s, boot %s: frames %s to %s have a hole', worker_no, worker_boot,"
        "     min(first_frame), max(last_frame)) AS what,"
        "   bool_or(first_frame > before + 1 AND NOT EXISTS (SELECT FROM dm.frame_gap g WHERE g.worker_no = o.worker_no"
        "     AND g.worker_boot = o.worker_boot AND g.first_frame <= before + 1 AND g.last_frame >= o.first_frame - 1))"
        "   OR sum(frames) + coalesce((SELECT sum(g.last_frame - g.first_frame + 1) FROM dm.frame_gap g"
        "       WHERE g.worker_no = o.worker_no AND g.worker_boot = o.worker_boot"
        "       AND g.first_frame >= min(o.first_frame) AND g.last_frame <= max(o.last_frame)), 0)"
        "     < max(last_frame) - min(first_frame) + 1 AS bad"
        "   FROM o GROUP BY worker_no, worker_boot)" VERDICT,
        DM_PG_ONE};

/* No message of the stream was passed over while the period lasted. */
static const dm_pg_stmt offsets = {"check_offsets",
        "WITH c AS (SELECT p.topic || ' ' || p.part AS what, false AS bad FROM dm.consumer_offset p"
        " UNION ALL SELECT a.detail, true FROM dm.anomaly a WHERE a.kind = 'offset_gap' AND a.at >= " STARTS
        " AND a.at < " ENDS ")" VERDICT,
        DM_PG_ONE};

/* Lines, pages, statement and booking say the same. */
static const dm_pg_stmt sums = {"check_sums",
        "WITH l AS (SELECT account_no, sum(amount) AS amount FROM dm.statement_line WHERE period_start = " STARTS
        "   GROUP BY 1),"
        " p AS (SELECT account_no, count(*) AS n FROM dm.statement_page WHERE period_start = " STARTS " GROUP BY 1),"
        " c AS (SELECT format('account %s: statement %s, lines %s, booked %s, pages %s of %s', s.account_no, s.total,"
        "     l.amount, j.amount, p.n, s.pages) AS what,"
        "   coalesce(l.amount, 0) <> s.total OR coalesce(p.n, 0) <> s.pages OR j.id IS NULL"
        "   OR coalesce(j.amount, 0) <> s.total AS bad"
        "   FROM dm.statement s JOIN dm.account a USING (account_no)"
        "   LEFT JOIN l USING (account_no) LEFT JOIN p USING (account_no)"
        "   LEFT JOIN LATERAL (SELECT t.id, (SELECT sum(e.amount) FROM dm.journal_entry e JOIN dm.ledger_account n"
        "       USING (ledger_no) WHERE e.txn = t.id AND n.name = 'unbilled' AND n.account_no = s.account_no) AS amount"
        "     FROM dm.journal_txn t WHERE t.idem_key = 'close:' || a.id || ':'"
        "       || to_char(s.period_start AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')) j ON true"
        "   WHERE s.period_start = " STARTS ")" VERDICT,
        DM_PG_ONE};

/* What was booked since the period before it ended: each booking comes to zero, follows the one before and has its
 * hash. Of a close that hash is made anew from its statement's. */
static const dm_pg_stmt journal = {"check_journal",
        "WITH t AS (SELECT * FROM dm.journal_txn WHERE " SINCE(
                "booked_at") "),"
                             " c AS (SELECT format('account %s, booking %s', t.account_no, t.number) AS what,"
                             "   EXISTS (SELECT FROM dm.journal_entry e WHERE e.txn = t.id GROUP BY e.currency HAVING "
                             "sum(e.amount) <> 0)"
                             "   OR CASE t.number WHEN 1 THEN t.prev_hash <> decode(repeat('00', 32), 'hex') ELSE NOT "
                             "EXISTS (SELECT FROM"
                             "     dm.journal_txn b WHERE b.account_no = t.account_no AND b.number = t.number - 1 AND "
                             "b.hash = t.prev_hash)"
                             "     END"
                             "   OR (t.kind = 'close' AND NOT EXISTS (SELECT FROM dm.statement s WHERE s.account_no = "
                             "t.account_no"
                             "     AND s.period_start + make_interval(secs => s.period_s) = t.effective_at"
                             "     AND t.hash = sha256(t.prev_hash || s.sha256))) AS bad"
                             "   FROM t)" VERDICT,
        DM_PG_ONE};

/* An invoice is the sum of its statements, as these stand, and of what months were short of a commitment; its lines,
 * its taxes and what was booked are that sum, and what rounding took or gave is at most half a minor unit of each tax.
 * Its discount and what was prepaid is what the wallet gave. A month that was invoiced leaves none out, and comes to
 * what its contract says at least, or to its charges. */
static const dm_pg_stmt invoices = {"check_invoices",
        "WITH d AS (SELECT *, format('%s:%s:%s', CASE kind WHEN 'invoice' THEN 'issue' ELSE 'credit' END, entity_no,"
        "     number) AS key, CASE WHEN currency IN ('BIF', 'CLP', 'DJF', 'GNF', 'ISK', 'JPY', 'KMF', 'KRW', 'PYG',"
        "     'RWF', 'UGX', 'UYI', 'VND', 'VUV', 'XAF', 'XOF', 'XPF') THEN 0.5 WHEN currency IN ('BHD', 'IQD', 'JOD',"
        "     'KWD', 'LYD', 'OMR', 'TND') THEN 0.0005 WHEN currency IN ('CLF', 'UYW') THEN 0.00005 ELSE 0.005 END AS "
        "half"
        "   FROM dm.invoice WHERE " SINCE(
                "issued_at") "),"
                             " c AS (SELECT format('%s of account %s: %s exactly, %s by its lines, %s by its "
                             "statements, %s due and %s"
                             " booked', d.number, d.account_no, trim_scale(d.exact_total), trim_scale(l.amount), "
                             "trim_scale(s.amount),"
                             "     trim_scale(d.total), trim_scale(j.amount)) AS what,"
                             "   (l.amount, t.exact, t.discount, t.lines, t.base, t.amount, j.amount) IS DISTINCT FROM "
                             "(d.exact_total,"
                             "     d.exact_total, d.discount, l.net, d.net, d.tax, CASE d.kind WHEN 'invoice' THEN "
                             "d.total ELSE -d.total END)"
                             "   OR t.rounding > d.half OR (d.discount, d.prepaid) IS DISTINCT FROM (w.promo, w.paid)"
                             "   OR k.same IS NOT true OR (d.kind = 'invoice' AND (coalesce(s.amount, 0) + k.amount <> "
                             "d.exact_total"
                             "     OR coalesce(s.same, k.amount <> 0) IS NOT true))"
                             "   OR (d.kind <> 'invoice' AND (SELECT sum(n.total) FROM dm.invoice n WHERE n.refers_to "
                             "= d.refers_to)"
                             "     > (SELECT o.total FROM dm.invoice o WHERE o.invoice_no = d.refers_to)) AS bad"
                             "   FROM d"
                             "   LEFT JOIN LATERAL (SELECT sum(x.amount) AS amount, sum(x.net) AS net FROM "
                             "dm.invoice_line x"
                             "     WHERE x.account_no = d.account_no AND x.invoice_no = d.invoice_no) l ON true"
                             "   LEFT JOIN LATERAL (SELECT sum(x.exact) AS exact, sum(x.discount) AS discount, "
                             "sum(x.lines) AS lines,"
                             "     sum(x.base) AS base, sum(x.amount) AS amount, max(abs(x.rounding)) AS rounding FROM "
                             "dm.invoice_tax x"
                             "     WHERE x.account_no = d.account_no AND x.invoice_no = d.invoice_no) t ON true"
                             "   LEFT JOIN LATERAL (SELECT sum(s.total) AS amount, bool_and((s.number, s.sha256) = "
                             "(x.number, x.sha256)) AS"
                             "     same FROM dm.invoice_statement x JOIN dm.statement s USING (account_no, "
                             "period_start)"
                             "     WHERE x.account_no = d.account_no AND x.invoice_no = d.invoice_no) s ON true"
                             "   LEFT JOIN LATERAL dm.invoice_committed(d.account_no, d.invoice_no) k ON true"
                             "   CROSS JOIN LATERAL dm.invoice_burnt(d.account_no, d.invoice_no) w"
                             /* of what is credited part may have been given up before: then that is in bad_debt */
                             "   LEFT JOIN LATERAL (SELECT sum(e.amount) AS amount FROM dm.journal_txn b JOIN "
                             "dm.journal_entry e ON"
                             "     e.txn = b.id JOIN dm.ledger_account n USING (ledger_no) WHERE b.idem_key = d.key"
                             "     AND n.name IN ('receivable', 'bad_debt')) j ON true"
                             "   UNION ALL SELECT format('account %s: a statement of %s is in no invoice', "
                             "m.account_no, m.month),"
                             "     EXISTS (SELECT FROM dm.statement s WHERE s.account_no = m.account_no AND s.total <> "
                             "0"
                             "       AND s.period_start >= m.month::timestamp AT TIME ZONE 'UTC'"
                             "       AND s.period_start < (m.month + interval '1 month') AT TIME ZONE 'UTC' AND NOT "
                             "EXISTS (SELECT FROM"
                             "       dm.invoice_statement x WHERE x.account_no = s.account_no AND x.period_start = "
                             "s.period_start AND x.live))"
                             "   FROM dm.invoice_month m LEFT JOIN "
                             "dm.invoice_state v"
                             "     USING (account_no, invoice_no)"
                             "   WHERE m.outcome = 'invoiced' AND v.voided IS NOT true "
                             "AND " SINCE("m.at") "   )" VERDICT,
        DM_PG_ONE};

/* What a grant has left is what it was less what was burnt of it, what is held of it is what is kept, and what all
 * grants have left is what the books say that we owe: of each account that the wallet booked something for in this
 * time, and of each other one once a day. The end of what expires is booked when it is given, and taken back
 * when that is burnt or kept (metering/wallet/wallet.h), so it is held against what is left of that, too. */
static const dm_pg_stmt wallets = {"check_wallets",
        "WITH a AS (SELECT DISTINCT t.account_no FROM dm.journal_txn t WHERE " SINCE(
                "t.booked_at") "   AND t.idem_key LIKE 'wallet:%' UNION SELECT account_no FROM dm.wallet_grant"
                               "   WHERE account_no % (86400 / ($2::bigint - $1::bigint)) = $1::bigint / ($2::bigint - "
                               "$1::bigint)"
                               "     % (86400 / ($2::bigint - $1::bigint))),"
                               " b AS (SELECT account_no, p.grant_no, sum(p.amount) AS burnt, coalesce(sum(p.amount) "
                               "FILTER (WHERE"
                               "     w.kind = 'expiry'), 0) AS expired FROM a JOIN dm.wallet_burn w USING (account_no)"
                               "     JOIN dm.wallet_burn_part p USING (account_no, burn_no) GROUP BY 1, 2),"
                               " h AS (SELECT account_no, p.grant_no, sum(p.amount) AS held FROM a JOIN dm.wallet_hold "
                               "w USING (account_no)"
                               "     JOIN dm.wallet_hold_part p USING (account_no, hold_no) WHERE w.state = 'pending' "
                               "GROUP BY 1, 2),"
                               " g AS (SELECT account_no, currency, coalesce(sum(remaining) FILTER (WHERE kind = "
                               "'paid'), 0) AS paid,"
                               "     coalesce(sum(remaining + coalesce(b.expired, 0)) FILTER (WHERE kind <> 'paid'), "
                               "0) AS given,"
                               "     coalesce(sum(remaining - w.held + coalesce(b.expired, 0)) FILTER (WHERE "
                               "expires_at IS NOT NULL), 0) AS ends,"
                               "     bool_or(remaining <> amount - coalesce(b.burnt, 0) OR w.held <> coalesce(h.held, "
                               "0)) AS bad"
                               "   FROM a JOIN dm.wallet_grant w USING (account_no) LEFT JOIN b USING (account_no, "
                               "grant_no)"
                               "     LEFT JOIN h USING (account_no, grant_no) GROUP BY 1, 2),"
                               " j AS (SELECT account_no, n.currency, coalesce(-sum(e.amount) FILTER (WHERE n.name = "
                               "'wallet_paid'), 0) AS paid,"
                               "     coalesce(-sum(e.amount) FILTER (WHERE n.name = 'wallet_promo' AND t.kind NOT IN "
                               "('expiry',"
                               "       'expiry-back')), 0) AS given,"
                               "     coalesce(sum(e.amount) FILTER (WHERE n.name = 'wallet_promo' AND t.kind IN "
                               "('expiry', 'expiry-back')), 0)"
                               "       AS ends"
                               "   FROM a JOIN dm.journal_txn t USING (account_no) JOIN dm.journal_entry e ON e.txn = "
                               "t.id"
                               "     JOIN dm.ledger_account n USING (account_no, ledger_no) WHERE n.name IN "
                               "('wallet_paid', 'wallet_promo')"
                               "   GROUP BY 1, 2),"
                               " c AS (SELECT format('account %s: %s %s prepaid and %s given by its grants, %s and %s "
                               "by the books', account_no,"
                               "     currency, trim_scale(g.paid), trim_scale(g.given), trim_scale(j.paid), "
                               "trim_scale(j.given)) AS what,"
                               "   g.bad IS NOT false OR (g.paid, g.given, g.ends) IS DISTINCT FROM (j.paid, j.given, "
                               "j.ends) AS bad"
                               "   FROM g FULL JOIN j USING (account_no, currency))" VERDICT,
        DM_PG_ONE};

/* Payments and what the bank says: a payment was booked as it came and is what its invoice counts as paid; one that the
 * bank told of is an entry of the bank's, such an entry is a payment, and money that was booked as come is a payment's
 * or was paid in advance. */
static const dm_pg_stmt payments = {"check_payments",
        "WITH p AS (SELECT p.*, i.number FROM dm.invoice_payment p JOIN dm.invoice i USING (account_no, invoice_no)"
        "     WHERE " SINCE(
                "p.at") "),"
                        " c AS (SELECT format('payment %s to %s of account %s: %s, and %s booked', p.payment_no, "
                        "p.number, p.account_no,"
                        "     trim_scale(p.amount), trim_scale(j.amount)) AS what,"
                        "   j.amount IS DISTINCT FROM p.amount OR (p.how = 'bank' AND NOT EXISTS (SELECT FROM "
                        "dm.bank_entry b WHERE"
                        "     p.idem_key = format('bank:%s:%s', b.bank_account, b.reference) AND b.outcome = 'paid' "
                        "AND (b.currency,"
                        "     b.amount, b.invoice_number, b.booked_on) = (p.currency, p.amount, p.number, "
                        "p.received_on)))"
                        "   OR NOT EXISTS (SELECT FROM dm.invoice_state s WHERE s.account_no = p.account_no"
                        "     AND s.invoice_no = p.invoice_no AND s.paid = (SELECT sum(x.amount - x.to_wallet) FROM "
                        "dm.invoice_payment x"
                        "     WHERE x.account_no = p.account_no AND x.invoice_no = p.invoice_no)) AS bad"
                        "   FROM p LEFT JOIN LATERAL (SELECT sum(e.amount) AS amount FROM dm.journal_txn t JOIN "
                        "dm.journal_entry e ON"
                        "     e.txn = t.id JOIN dm.ledger_account n USING (ledger_no) WHERE t.idem_key = 'pay:' || "
                        "left(p.idem_key, 200)"
                        "     AND n.name = 'cash') j ON true"
                        "   UNION ALL SELECT format('entry %s of the bank: %s %s is no payment', b.entry_no, "
                        "b.currency,"
                        "     trim_scale(b.amount)), NOT EXISTS (SELECT FROM dm.invoice_payment x WHERE x.how = 'bank' "
                        "AND x.idem_key ="
                        "     format('bank:%s:%s', b.bank_account, b.reference) AND (x.currency, x.amount) = "
                        "(b.currency, b.amount))"
                        "   FROM dm.bank_file f JOIN dm.bank_entry b USING (file_no) WHERE b.outcome = 'paid' "
                        "AND " SINCE("f.done_at") "   UNION ALL SELECT format('account %s, booking %s: %s that nobody "
                                                  "paid', t.account_no, t.number,"
                                                  "     trim_scale(e.amount)), NOT EXISTS (SELECT FROM "
                                                  "dm.invoice_payment x WHERE x.account_no = t.account_no"
                                                  "       AND t.idem_key = 'pay:' || left(x.idem_key, 200) AND "
                                                  "x.amount = e.amount)"
                                                  "     AND NOT EXISTS (SELECT FROM dm.wallet_grant g WHERE "
                                                  "g.account_no = t.account_no AND g.kind = 'paid'"
                                                  "       AND t.idem_key = 'wallet:grant:' || g.idem_key AND g.amount "
                                                  "= e.amount)"
                                                  "   FROM dm.journal_txn t JOIN dm.journal_entry e ON e.txn = t.id "
                                                  "JOIN dm.ledger_account n USING (ledger_no)"
                                                  "   WHERE n.name = 'cash' AND " SINCE("t.booked_at") ")" VERDICT,
        DM_PG_ONE};

/* What is exported comes to what is owed: usage by day, which exports and charts are made of, and by sandbox, once that
 * is added up, against the day's statements of each account that has one of this period; by sandbox and month against
 * the days that are settled, also those that ended with the month before; and all days of an invoice's statements
 * against its exact sum. */
static const dm_pg_stmt exports = {"check_exports",
        "WITH a AS (SELECT t.account_no, w.day, s.amount, s.periods FROM dm.statement t"
        "   CROSS JOIN (SELECT (" STARTS " AT TIME ZONE 'UTC')::date AS day) w"
        "   CROSS JOIN LATERAL (SELECT sum(x.total) AS amount, array_agg(x.period_start) AS periods FROM dm.statement x"
        "     WHERE x.account_no = t.account_no AND x.period_start >= w.day::timestamp AT TIME ZONE 'UTC'"
        "     AND x.period_start < (w.day + 1)::timestamp AT TIME ZONE 'UTC') s WHERE t.period_start = " STARTS "),"
        " c AS (SELECT format('account %s, %s: %s is exported, %s stated', a.account_no, a.day, trim_scale(u.amount),"
        "     trim_scale(a.amount)) AS what, coalesce(u.amount, 0) <> a.amount AS bad"
        "   FROM a LEFT JOIN LATERAL (SELECT sum(x.amount) AS amount FROM dm.usage_day x"
        "     WHERE x.account_no = a.account_no AND x.day = a.day) u ON true"
        "   UNION ALL SELECT format('account %s, %s: its sandboxes come to %s, %s is stated', a.account_no, a.day,"
        "     trim_scale(u.amount), trim_scale(a.amount)), coalesce(u.amount, 0) <> a.amount"
        "   FROM a LEFT JOIN LATERAL (SELECT sum(x.amount) AS amount FROM dm.usage_sandbox x"
        "     WHERE x.account_no = a.account_no AND x.day = a.day) u ON true WHERE NOT EXISTS (SELECT FROM"
        "     dm.usage_owed o WHERE o.account_no = a.account_no AND o.period_start = ANY (a.periods))"
        "   UNION ALL SELECT format('account %s, %s: its sandboxes come to %s by month, %s by day', w.account_no, "
        "w.month,"
        "     trim_scale(u.amount), trim_scale(d.amount)), coalesce(u.amount, 0) <> d.amount"
        "   FROM (SELECT DISTINCT a.account_no, date_trunc('month', m.day::timestamp)::date AS month FROM a,"
        "     LATERAL (VALUES (a.day), (a.day - 1)) m (day)) w"
        "   CROSS JOIN LATERAL (SELECT sum(x.amount) AS amount FROM dm.usage_day x JOIN dm.usage_settled t"
        "     USING (account_no, day) WHERE t.settled AND x.account_no = w.account_no AND x.day >= w.month"
        "     AND x.day < w.month + interval '1 month' HAVING count(*) > 0) d"
        "   LEFT JOIN LATERAL (SELECT sum(x.amount + x.share) AS amount FROM dm.usage_sandbox_month x"
        "     WHERE x.account_no = w.account_no AND x.month = w.month) u ON true"
        "   UNION ALL SELECT format('%s of account %s: %s is exported of its days, and it is of %s', d.number,"
        "     d.account_no, trim_scale(u.amount), trim_scale(d.exact_total)),"
        "     coalesce(u.amount, 0) + k.amount <> d.exact_total"
        "   FROM dm.invoice d CROSS JOIN LATERAL dm.invoice_committed(d.account_no, d.invoice_no) k LEFT JOIN LATERAL "
        "(SELECT sum(x.amount) AS amount FROM dm.usage_day x"
        "     WHERE x.account_no = d.account_no AND x.day IN (SELECT (s.period_start AT TIME ZONE 'UTC')::date FROM"
        "       dm.invoice_statement s WHERE s.account_no = d.account_no AND s.invoice_no = d.invoice_no)) u ON true"
        /* a day of which part is another invoice's is none of those */
        "   WHERE d.kind = 'invoice' AND NOT EXISTS (SELECT FROM dm.statement s WHERE s.account_no = d.account_no"
        "     AND s.period_start >= date_trunc('day', d.period_start, 'UTC')"
        "     AND s.period_start < date_trunc('day', d.period_end + interval '86399 s', 'UTC') AND NOT EXISTS (SELECT "
        "FROM"
        "     dm.invoice_statement x WHERE x.account_no = d.account_no AND x.invoice_no = d.invoice_no"
        "     AND x.period_start = s.period_start)) AND " SINCE("d.issued_at") ")" VERDICT,
        DM_PG_ONE};

/* One sandbox of a hundred, and all of one account, another one each day: rated here, from the bit maps and the price
 * book, where one row, one plan and one book make up its period. Disk is that of the minute, or the last one before. */
static const dm_pg_stmt rated = {"check_rated",
        "WITH chosen AS (SELECT account_no FROM dm.account ORDER BY account_no"
        "   OFFSET $1::bigint / 86400 % greatest(1, (SELECT count(*) FROM dm.account)) LIMIT 1),"
        " u AS (SELECT p.*, count(*) OVER (PARTITION BY account_no, sandbox_id) AS rows FROM dm.usage_period p"
        "   WHERE p.period_start = " STARTS " AND (p.account_no = (SELECT account_no FROM chosen)"
        "     OR hashtextextended(encode(p.sandbox_id, 'hex'), $1::bigint / 86400) % 100 = 0)),"
        " k AS (SELECT u.*, s.currency, sp.vcpus, sp.mem_mib, b.book_id,"
        "     (SELECT per_unit FROM dm.price WHERE book_id = b.book_id AND sku = 'vcpu-run') AS vcpu,"
        "     (SELECT per_unit FROM dm.price WHERE book_id = b.book_id AND sku = 'mem-run') AS mem,"
        "     (SELECT per_unit FROM dm.price WHERE book_id = b.book_id AND sku = 'disk-run-over-30') AS over,"
        "     (SELECT per_unit FROM dm.price WHERE book_id = b.book_id AND sku = 'disk-hib') AS hibernated"
        "   FROM u JOIN dm.statement s ON s.account_no = u.account_no AND s.period_start = u.period_start"
        "   JOIN dm.spec sp USING (spec_table, spec) JOIN dm.region r USING (region_no)"
        "   JOIN LATERAL (SELECT n.tier FROM dm.account_plan n WHERE n.account_no = u.account_no ORDER BY CASE WHEN"
        "     n.valid_from <= " STARTS " THEN n.valid_from END DESC NULLS LAST, n.valid_from LIMIT 1) plan ON true"
        "   JOIN dm.price_book b ON b.price_group = r.price_group AND b.tier = plan.tier AND b.currency = s.currency"
        "     AND b.status = 'approved' AND b.contract_no IS NULL AND (b.compute_type, b.compute_quality) ="
        "       ('agent-sandbox', 'default')"
        "     AND b.valid_from <= " STARTS " AND (b.valid_to IS NULL OR b.valid_to >= " ENDS ")"
        "   WHERE u.rows = 1 AND NOT EXISTS (SELECT FROM dm.contract c WHERE c.account_no = u.account_no"
        "     AND c.status = 'approved' AND c.valid_from < " ENDS " AND (c.valid_to IS NULL OR c.valid_to > " STARTS
        "))"
        "   AND NOT EXISTS (SELECT FROM dm.statement_line x WHERE x.account_no = u.account_no"
        "     AND x.period_start = u.period_start AND x.sandbox_id = u.sandbox_id"
        "     AND (x.compute_type <> 'agent-sandbox' OR x.compute_quality <> 'default'))"
        "   AND NOT EXISTS (SELECT FROM dm.account_plan n WHERE n.account_no = u.account_no"
        "     AND n.valid_from > " STARTS " AND n.valid_from < " ENDS " AND EXISTS (SELECT FROM dm.account_plan o"
        "       WHERE o.account_no = n.account_no AND o.valid_from < n.valid_from))"
        "   AND NOT EXISTS (SELECT FROM dm.anomaly a WHERE a.period_start = u.period_start"
        "     AND a.account_no = u.account_no AND a.kind NOT IN ('unattested', 'unreconciled'))),"
        " m AS (SELECT k.account_no, k.sandbox_id, sum(d.ran * (k.vcpus * coalesce(k.vcpu, 0)"
        "       + k.mem_mib / 1024.0 * coalesce(k.mem, 0) + greatest(d.disk - 1920, 0) / 64.0 * coalesce(k.over, 0))"
        "     + d.slept * d.disk / 64.0 * coalesce(k.hibernated, 0)) AS amount"
        "   FROM k, LATERAL (SELECT"
        "     bit_count(substring(k.run_bits FROM i * 60 + 1 FOR 60)) AS ran,"
        "     bit_count(substring(k.hib_bits & ~k.run_bits FROM i * 60 + 1 FOR 60)) AS slept,"
        "     coalesce((SELECT t.x FROM unnest(k.disk_16mib[1:i + 1]) WITH ORDINALITY t (x, o) WHERE t.x >= 0"
        "       ORDER BY t.o DESC LIMIT 1), 0) AS disk"
        "     FROM generate_series(0, ($2::bigint - $1::bigint)::int / 60 - 1) i) d GROUP BY 1, 2),"
        " c AS (SELECT format('sandbox %s of account %s: %s, and %s stated', encode(m.sandbox_id, 'hex'),"
        "     m.account_no, trim_scale(m.amount), trim_scale(l.amount)) AS what,"
        "   m.amount <> coalesce(l.amount, 0) AS bad"
        "   FROM m LEFT JOIN LATERAL (SELECT sum(l.amount) AS amount FROM dm.statement_line l"
        "     WHERE l.account_no = m.account_no AND l.period_start = " STARTS " AND l.sandbox_id = m.sandbox_id"
        "     AND l.kind = 'usage') l ON true)" VERDICT,
        DM_PG_ONE};

const dm_check_kind dm_check_kinds[] = {
#define CHECK(no, name) {no, #name, &(name)},
#include "metering/rules/checks.def"
#undef CHECK
};
const size_t dm_check_nkinds = DM_LEN(dm_check_kinds);

int dm_sql_check_due(
        dm_pg *c, int64_t from, int64_t kinds, int64_t again_s, int64_t limit, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"check_due",
            "SELECT dm.us(p.period_start) / 1000000, dm.us(p.period_start) / 1000000 + p.period_s FROM dm.period p"
            " WHERE p.closed_at IS NOT NULL AND p.period_start >= to_timestamp($4::bigint)"
            " AND ((SELECT count(*) FROM dm.reconciliation r WHERE r.period_start = p.period_start) < $1::bigint"
            "   OR EXISTS (SELECT FROM dm.reconciliation r WHERE r.period_start = p.period_start AND r.differ > 0"
            "     AND r.at < now() - make_interval(secs => $2::bigint)))"
            " ORDER BY p.period_start LIMIT $3::bigint",
            DM_PG_ROWS};
    const dm_pg_arg args[] = {dm_pa_i64(kinds), dm_pa_i64(again_s), dm_pa_i64(limit), dm_pa_i64(from)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
}

int dm_sql_check(dm_pg *c, const dm_check_kind *kind, int64_t start, int64_t end, dm_checked *out, dm_pg_rows **rows,
        dm_err *err)
{
    static const dm_pg_field fields[] = {{DM_COL_I64, offsetof(dm_checked, compared)},
            {DM_COL_I64, offsetof(dm_checked, differ)}, {DM_COL_STR, offsetof(dm_checked, detail)}};
    const dm_pg_arg args[] = {dm_pa_i64(start), dm_pa_i64(end)};
    int r = dm_pg_exec(c, kind->st, args, DM_LEN(args), rows, NULL, err);
    if (r == 0)
        dm_pg_read(*rows, 0, 0, fields, DM_LEN(fields), out);
    return r;
}

int dm_sql_check_put(dm_pg *c, int no, int64_t start, const dm_checked *what, dm_err *err)
{
    static const dm_pg_stmt st = {"check_put",
            "INSERT INTO dm.reconciliation (check_no, period_start, compared, differ, detail)"
            " VALUES ($1::smallint, to_timestamp($2::bigint), $3::bigint, $4::bigint, left($5, 1000))"
            " ON CONFLICT (check_no, period_start) DO UPDATE SET compared = excluded.compared, differ = "
            "excluded.differ,"
            " detail = excluded.detail, at = now()",
            DM_PG_NONE};
    const dm_pg_arg args[] = {dm_pa_i64(no), dm_pa_i64(start), dm_pa_i64(what->compared), dm_pa_i64(what->differ),
            dm_pa_text(what->detail.p != NULL ? what->detail : (dm_str)DM_STR_INIT(""))};
    return dm_pg_exec(c, &st, args, DM_LEN(args), NULL, NULL, err);
}
