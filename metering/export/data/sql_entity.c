#include "metering/export/data/sql_entity.h"

#include "metering/export/data/sql_parts.h"

#define FROM_DAY "(" DM_FROM " AT TIME ZONE 'UTC')::date"
#define TO_DAY "(" DM_TO " AT TIME ZONE 'UTC')::date"
#define MIDNIGHT(day) "dm.s(" day "::timestamp AT TIME ZONE 'UTC')"
#define BOOKINGS "dm.entity_booking b WHERE b.entity_no = $1::smallint AND "

/* --- journal ------------------------------------------------------------------------------------------------ */

#define DAY_NAMED(day, currency) "to_char(" day ", 'YYYY-MM-DD') || ' ' || " currency

const dm_data_source dm_entity_journal = {
        .open = {"entity_journal_open",
                "DECLARE entity_journal NO SCROLL CURSOR FOR SELECT " MIDNIGHT(
                        "b.day") ", b.account, b.kind, b.reference, b.ledger, NULL, count(*), min(b.number), "
                                 "max(b.number), sum(b.amount) FILTER (WHERE b.amount > 0), -sum(b.amount) FILTER "
                                 "(WHERE b.amount < 0), sum(b.amount), b.currency, sum(b.amount), " DAY_NAMED("b.day",
                                         "b.currency") " FROM " BOOKINGS "b.day >= " FROM_DAY " AND b.day < " TO_DAY
                                                       " GROUP BY b.day, b.account_no, b.account, b.kind, b.reference, "
                                                       "b.ledger, b.currency, b.amount > 0 ORDER BY b.day, "
                                                       "b.currency, b.account_no, b.kind COLLATE \"C\", b.reference "
                                                       "COLLATE \"C\" NULLS FIRST, b.ledger COLLATE \"C\", b.amount > "
                                                       "0 DESC",
                DM_PG_NONE},
        .fetch = {"entity_journal_fetch", "FETCH 1000 FROM entity_journal", DM_PG_ROWS},
        .close = {"entity_journal_close", "CLOSE entity_journal", DM_PG_NONE},
};

const dm_pg_stmt dm_entity_days = {"entity_days",
        "SELECT " DAY_NAMED("d.day",
                "c.currency") ", '0', c.currency, true FROM generate_series(" FROM_DAY "::timestamp, " TO_DAY
                              "::timestamp - interval '1 d', interval '1 d') d (day) CROSS JOIN (SELECT DISTINCT "
                              "currency FROM dm.entity_ledger WHERE entity_no = $1::smallint) c ORDER BY d.day, "
                              "c.currency",
        DM_PG_ROWS};

/* --- tax ---------------------------------------------------------------------------------------------------- */

#define TAXED_IN "t.entity_no = $1::smallint AND t.at >= " DM_FROM " AND t.at < " DM_TO " "

const dm_data_source dm_entity_taxes = {
        .open = {"entity_taxes_open",
                "DECLARE entity_taxes NO SCROLL CURSOR FOR SELECT dm.s(t.month), t.jurisdiction, t.category, t.rate, "
                "t.reverse, t.what, count(*), sum(t.base), sum(t.tax), t.currency, sum(t.tax), t.jurisdiction || ' ' "
                "|| t.currency FROM (SELECT date_trunc('month', t.at, 'UTC') AS month, t.jurisdiction, t.category, "
                "(t.rate_ppm / 10000.0)::numeric(7, 4) AS rate, CASE WHEN t.reverse_charge THEN 'yes' ELSE 'no' END "
                "AS reverse, t.what, t.base, t.tax, t.currency FROM dm.entity_tax t WHERE " TAXED_IN
                ") t GROUP BY t.month, t.jurisdiction, t.currency, t.category, t.rate, t.reverse, t.what ORDER BY "
                "t.month, t.jurisdiction COLLATE \"C\", t.currency, t.category COLLATE \"C\", t.rate, t.reverse, "
                "t.what COLLATE \"C\"",
                DM_PG_NONE},
        .fetch = {"entity_taxes_fetch", "FETCH 1000 FROM entity_taxes", DM_PG_ROWS},
        .close = {"entity_taxes_close", "CLOSE entity_taxes", DM_PG_NONE},
};

/* What the journal owes each jurisdiction for the range: also one of which no document is, and none where a document
 * has no tax to book. */
const dm_pg_stmt dm_entity_taxes_booked = {"entity_taxes_booked",
        "SELECT name, coalesce(j.total, 0)::numeric(38, 18), coalesce(d.currency, j.currency), true FROM (SELECT "
        "DISTINCT t.jurisdiction || ' ' || t.currency AS name, t.currency FROM dm.entity_tax t WHERE " TAXED_IN
        ") d FULL JOIN (SELECT substr(b.ledger, 5) || ' ' || b.currency AS name, b.currency, -sum(b.amount) AS total "
        "FROM " BOOKINGS "b.kind <> 'close' AND b.day >= " FROM_DAY " AND b.day < " TO_DAY
        " AND b.ledger LIKE 'tax:%' GROUP BY b.ledger, b.currency) j USING (name) ORDER BY name COLLATE \"C\"",
        DM_PG_ROWS};

/* --- ageing ------------------------------------------------------------------------------------------------- */

const dm_data_source dm_entity_ageing = {
        .open = {"entity_ageing_open",
                "DECLARE entity_ageing NO SCROLL CURSOR FOR SELECT $3::bigint, o.account, o.name, o.number, "
                "dm.s(o.issued_at), " MIDNIGHT(
                        "o.due_on") ", o.days, CASE WHEN o.days = 0 THEN 'not due' WHEN o.days "
                                    "<= 30 THEN '1 to 30 days' WHEN o.days <= 60 THEN '31 to 60 days' WHEN o.days <= "
                                    "90 THEN '61 to 90 "
                                    "days' ELSE 'over 90 days' END, o.status, o.total, o.open, o.currency, o.open, "
                                    "'receivable ' || "
                                    "o.currency FROM (SELECT x.*, greatest(" TO_DAY " - 1 - x.due_on, 0) AS days FROM "
                                    "dm.entity_open(" DM_TO
                                    ") x WHERE x.open <> 0 AND $1::bigint > 0 AND $2::bigint < $3::bigint) o "
                                    "ORDER BY o.chain",
                DM_PG_NONE},
        .fetch = {"entity_ageing_fetch", "FETCH 1000 FROM entity_ageing", DM_PG_ROWS},
        .close = {"entity_ageing_close", "CLOSE entity_ageing", DM_PG_NONE},
};

const dm_pg_stmt dm_entity_receivable = {"entity_receivable",
        "SELECT 'receivable ' || b.currency, sum(b.amount), b.currency, true FROM " BOOKINGS "b.kind <> 'close' AND "
        "b.ledger = 'receivable' AND b.day < " TO_DAY " AND $2::bigint < $3::bigint GROUP BY b.currency ORDER BY "
        "b.currency",
        DM_PG_ROWS};

/* --- revenue ------------------------------------------------------------------------------------------------ */

#define ROLLED                                                                                                         \
    "(b.ledger LIKE 'revenue:%' OR b.ledger IN ('unbilled', 'wallet_paid', 'wallet_promo', 'breakage', 'discounts', "  \
    "'credits')) "
#define OF_ACCOUNT "FROM dm.entity_booking b WHERE b.account_no = a.account_no AND b.day < " TO_DAY " AND " ROLLED

/* An account after the other, so that each batch is of a few accounts' bookings. Closing is summed by itself. */
const dm_data_source dm_entity_revenue = {
        .open = {"entity_revenue_open",
                "DECLARE entity_revenue NO SCROLL CURSOR FOR SELECT $2::bigint, $3::bigint, a.id, a.legal_name, "
                "m.ledger, NULL, m.item, m.amount, m.currency, m.adds, m.ledger || ' ' || m.currency FROM "
                "dm.entity_account a CROSS JOIN LATERAL (SELECT b.ledger, b.currency, CASE WHEN b.day < " FROM_DAY
                " THEN 'opening' ELSE b.kind END, sum(b.amount), sum(b.amount) " OF_ACCOUNT
                "GROUP BY 1, 2, 3 UNION ALL SELECT b.ledger, b.currency, 'closing', sum(b.amount), "
                "-sum(b.amount) " OF_ACCOUNT
                "GROUP BY 1, 2) m (ledger, currency, item, amount, adds) WHERE a.entity_no = $1::smallint "
                "ORDER BY a.account_no, m.currency, m.ledger COLLATE \"C\", CASE m.item WHEN 'opening' THEN 0 WHEN "
                "'closing' THEN 2 ELSE 1 END, m.item COLLATE \"C\"",
                DM_PG_NONE},
        .fetch = {"entity_revenue_fetch", "FETCH 200 FROM entity_revenue", DM_PG_ROWS},
        .close = {"entity_revenue_close", "CLOSE entity_revenue", DM_PG_NONE},
};

const dm_pg_stmt dm_entity_rolled = {"entity_rolled",
        "SELECT b.ledger || ' ' || b.currency, '0', b.currency, true FROM dm.entity_ledger b WHERE b.entity_no = "
        "$1::smallint AND $2::bigint < $3::bigint AND " ROLLED "ORDER BY b.ledger COLLATE \"C\", b.currency",
        DM_PG_ROWS};
