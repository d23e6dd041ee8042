-- What a wallet has left for use: the tax that the month's invoice takes of it is not of that. And who is told while it is used up.

-- The tax on what an account would be invoiced now, as the invoice chooses it (metering/rules/tax.h): in millionths. Where no rule
-- holds no invoice is made, and nothing is kept for one.
CREATE FUNCTION dm.tax_ppm(whose bigint) RETURNS int LANGUAGE sql STABLE SET search_path = dm, pg_temp
BEGIN ATOMIC
    SELECT coalesce((
        SELECT r.rate_ppm FROM dm.tax_rule r
        WHERE r.status = 'approved' AND r.valid_from <= now() AND (r.valid_to IS NULL OR r.valid_to > now())
            AND r.seller IN ('*', x.seller) AND r.buyer IN ('*', x.buyer, x.area) AND (r.business IS NULL OR r.business = x.business)
        ORDER BY (r.seller = x.seller)::int * 6
                 + CASE r.buyer WHEN x.buyer THEN 2 WHEN x.area THEN 1 ELSE 0 END * 2 + (r.business IS NOT NULL)::int DESC,
                 r.valid_from DESC, r.rule_no DESC LIMIT 1), 0)
    FROM (SELECT e.country::text AS seller, coalesce(a.country, '')::text AS buyer, t.area,
                 coalesce(a.tax_id, '') <> '' AND a.tax_id_check IS NOT NULL AS business
          FROM dm.account a JOIN dm.legal_entity e USING (entity_no) LEFT JOIN dm.tax_area t ON t.country = a.country
          WHERE a.account_no = whose) x;
END;

-- What an account that pays in advance has left: of what it was given, which no tax is on, and of what was paid in. Off that goes
-- what it has come to and was not settled yet, first of what was given, as it is burnt; and the tax on all that was paid for and is
-- not invoiced yet, rounded up at 10^-18. A month's invoice comes a day after its end; what is a week late still keeps its tax.
-- Below zero: it is overdrawn, by no more than leases let it.
CREATE FUNCTION dm.wallet_stands(whose bigint, OUT given numeric, OUT paid numeric, OUT tax_ppm int)
    LANGUAGE sql STABLE SET search_path = dm, pg_temp
BEGIN ATOMIC
    SELECT x.given - y.of_given,
           x.paid - (x.due - y.of_given) - ceil(greatest(x.burnt + x.due - y.of_given, 0) * x.ppm * 1000000000000) * 0.000000000000000001,
           x.ppm
    FROM (SELECT coalesce(w.given, 0) AS given, coalesce(w.paid, 0) AS paid, coalesce(b.paid, 0) AS burnt,
                 coalesce(s.due, 0) + coalesce(o.amount, 0)
                 + CASE WHEN t.rated_by = 'minutes' THEN
                       greatest(div(coalesce(pool.s, 0) + coalesce(o.running_s, 0), 60)
                                - greatest(div(coalesce(pool.s, 0), 60), div(coalesce(plan.included_s, 0) + 59, 60)), 0)
                       * coalesce(minute.per_unit, 0) ELSE 0 END AS due,
                 dm.tax_ppm(a.account_no) AS ppm
          FROM dm.account a JOIN dm.tier t ON t.name = a.tier
          LEFT JOIN LATERAL (SELECT sum(dm.wallet_free(g, now())) FILTER (WHERE g.kind <> 'paid') AS given,
                                    sum(dm.wallet_free(g, now())) FILTER (WHERE g.kind = 'paid') AS paid FROM dm.wallet_grant g
                             WHERE g.account_no = a.account_no AND g.currency = a.currency AND g.remaining > 0) w ON true
          LEFT JOIN LATERAL (SELECT sum(b.paid) AS paid FROM dm.statement d JOIN dm.wallet_burn b
                                 ON b.account_no = d.account_no AND b.statement_no = d.number
                             WHERE d.account_no = a.account_no AND d.period_start >= dm.wallet_settles_from(now() - interval '7 days')
                             AND NOT EXISTS (SELECT FROM dm.invoice_statement i WHERE i.account_no = d.account_no
                                             AND i.period_start = d.period_start AND i.live)) b ON true
          LEFT JOIN LATERAL (SELECT sum(d.total - coalesce((SELECT sum(b.promo + b.paid) FROM dm.wallet_burn b
                                                            WHERE b.account_no = d.account_no AND b.statement_no = d.number), 0)) AS due
                             FROM dm.statement d WHERE d.account_no = a.account_no
                             AND d.number > coalesce((SELECT v.settled_through FROM dm.wallet v WHERE v.account_no = a.account_no), 0)
                             AND d.period_start >= dm.wallet_settles_from(now())
                             AND NOT EXISTS (SELECT FROM dm.invoice_statement i WHERE i.account_no = d.account_no
                                             AND i.period_start = d.period_start AND i.live)) s ON true
          LEFT JOIN LATERAL (SELECT sum(p.amount) AS amount, sum(p.running_s)::bigint AS running_s FROM dm.spend_open p
                             WHERE p.account_no = a.account_no AND p.period_start >= dm.wallet_settles_from(now())
                             AND NOT EXISTS (SELECT FROM dm.statement e WHERE e.account_no = p.account_no
                                             AND e.period_start = p.period_start)) o ON true
          LEFT JOIN LATERAL (SELECT max(m.pool_after_s) AS s FROM dm.statement m WHERE m.account_no = a.account_no
                             AND m.period_start >= date_trunc('month', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC') pool ON true
          LEFT JOIN LATERAL (SELECT n.included_s FROM dm.account_plan n WHERE n.account_no = a.account_no
                             AND n.valid_from <= now() ORDER BY n.valid_from DESC LIMIT 1) plan ON true
          LEFT JOIN LATERAL (SELECT max(dm.dearest(r)) AS per_unit FROM dm.books_now(whose) h JOIN dm.price r ON r.book_id = h
                             WHERE r.sku = 'minutes') minute ON true
          WHERE a.account_no = whose) x,
         LATERAL (SELECT least(greatest(x.given, 0), greatest(x.due, 0)) AS of_given) y;
END;

CREATE OR REPLACE FUNCTION dm.wallet_left(whose bigint) RETURNS numeric LANGUAGE sql STABLE SET search_path = dm, pg_temp
BEGIN ATOMIC
    SELECT w.given + w.paid FROM dm.wallet_stands(whose) w;
END;

-- What workers told that they ran and the meter does not have yet, at the price of the dearest that runs.
CREATE FUNCTION dm.wallet_ahead(whose bigint, OUT seconds bigint, OUT amount numeric) LANGUAGE sql STABLE SET search_path = dm, pg_temp
BEGIN ATOMIC
    SELECT coalesce(sum(d.seconds), 0)::bigint, coalesce(sum(d.seconds * d.price), 0) FROM (
        SELECT greatest(0, t.seconds - coalesce((SELECT sum(o.running_s) FROM dm.spend_open o WHERE o.account_no = whose
                   AND o.project_no = t.project_no AND o.period_start = t.period_start), 0)) AS seconds,
               coalesce((SELECT max(l.price) FROM dm.budget_lease l
                         WHERE l.account_no = whose AND l.project_no = t.project_no), 0) AS price
        FROM (SELECT r.project_no, r.period_start, sum(r.seconds) AS seconds FROM dm.budget_ran r
              WHERE r.account_no = whose AND r.period_start >= dm.wallet_settles_from(now()) AND NOT EXISTS (
                  SELECT FROM dm.statement s WHERE s.account_no = whose AND s.period_start = r.period_start) GROUP BY 1, 2) t) d;
END;

-- As it was; money that was paid in pays for use and the tax on it.
CREATE OR REPLACE FUNCTION dm.budget_wallet(whose bigint, price numeric, open_s bigint, open_amount numeric) RETURNS bigint
    LANGUAGE plpgsql STABLE SET search_path = dm, pg_temp AS $$
DECLARE
    free numeric := (SELECT w.given + w.paid * 1000000 / (1000000 + w.tax_ppm) FROM dm.wallet_stands(whose) w);
    more record;
    pool record;
BEGIN
    SELECT * INTO more FROM dm.wallet_ahead(whose);
    IF price > 0 THEN
        RETURN floor((free - more.amount - open_amount) / price);
    END IF;
    SELECT coalesce((SELECT max(s.pool_after_s) FROM dm.statement s WHERE s.account_no = whose
                     AND s.period_start >= date_trunc('month', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'), 0)
           + coalesce((SELECT sum(o.running_s) FROM dm.spend_open o WHERE o.account_no = whose
                       AND o.period_start >= dm.wallet_settles_from(now())
                       AND NOT EXISTS (SELECT FROM dm.statement s WHERE s.account_no = whose AND s.period_start = o.period_start)),
                      0) AS s,
           (SELECT (p.included_s + 59) / 60 FROM dm.plan_of(whose) p) AS minutes,
           (SELECT max(dm.dearest(r)) FROM dm.books_now(whose) h JOIN dm.price r ON r.book_id = h WHERE r.sku = 'minutes') AS one
        INTO pool;
    RETURN CASE WHEN pool.one > 0 THEN (greatest(div(pool.s, 60), pool.minutes) + floor(free / pool.one)) * 60 + 59
                                       - pool.s - more.seconds - open_s END;
END $$;

REVOKE ALL ON FUNCTION dm.tax_ppm(bigint), dm.wallet_stands(bigint), dm.wallet_ahead(bigint) FROM public;
GRANT EXECUTE ON FUNCTION dm.tax_ppm(bigint), dm.wallet_stands(bigint), dm.wallet_ahead(bigint) TO dm_api, dm_ops, dm_meter;
GRANT SELECT (entity_no, country) ON dm.legal_entity TO dm_api;
GRANT SELECT (rule_no, seller, buyer, business, rate_ppm, status, valid_from, valid_to) ON dm.tax_rule TO dm_api;
GRANT SELECT ON dm.tax_area TO dm_api;

-- --- who is told ------------------------------------------------------------------------------------------------------------

-- What an account that pays by the hour had when money last came: what is told of its wallet is told of parts of that, once a fill.
-- A credit for our fault, and what an invoice gives back of what was paid by the hour, are none: else a coin would begin it anew.
CREATE TABLE dm.wallet_fill (
    account_no bigint PRIMARY KEY REFERENCES dm.account,
    fill_no    bigint NOT NULL,
    at         timestamptz NOT NULL,
    amount     numeric(38, 18) NOT NULL
);
ALTER TABLE dm.wallet_fill ENABLE ROW LEVEL SECURITY;
ALTER TABLE dm.wallet_fill FORCE ROW LEVEL SECURITY;
CREATE POLICY everyone ON dm.wallet_fill TO dm_ops, dm_migrate USING (true) WITH CHECK (true);
GRANT SELECT ON dm.wallet_fill TO dm_ops;

-- more: what came and does not count yet.
CREATE FUNCTION dm.wallet_fills(whose bigint, more numeric) RETURNS void LANGUAGE sql SET search_path = dm, pg_temp
BEGIN ATOMIC
    INSERT INTO dm.wallet_fill AS f (account_no, fill_no, at, amount)
        SELECT a.account_no, 1, now(), dm.wallet_left(whose) + more FROM dm.account a
        WHERE a.account_no = whose AND a.billing_cycle = 'hourly'
        ON CONFLICT (account_no) DO UPDATE SET fill_no = f.fill_no + 1, at = excluded.at, amount = excluded.amount;
END;
CREATE FUNCTION dm.wallet_filled() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = dm, pg_temp AS $$
BEGIN
    IF TG_TABLE_NAME = 'account' THEN
        PERFORM wallet_fills(NEW.account_no, 0);
    ELSE
        PERFORM wallet_fills(NEW.account_no, CASE WHEN NEW.valid_from > now() THEN NEW.amount ELSE 0 END);
    END IF;
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION dm.wallet_fills(bigint, numeric), dm.wallet_filled() FROM public;
CREATE TRIGGER filled AFTER INSERT ON dm.wallet_grant FOR EACH ROW
    WHEN (NEW.kind <> 'our_fault' AND NEW.idem_key NOT LIKE 'settle:%') EXECUTE FUNCTION dm.wallet_filled();
CREATE TRIGGER wallet_filled AFTER UPDATE OF billing_cycle ON dm.account FOR EACH ROW
    WHEN (NEW.billing_cycle <> OLD.billing_cycle) EXECUTE FUNCTION dm.wallet_filled();
SELECT dm.wallet_fills(a.account_no, 0) FROM dm.account a WHERE a.billing_cycle = 'hourly';

ALTER TABLE dm.alert ADD COLUMN fill_no bigint NOT NULL DEFAULT 0,   -- of a wallet: since when it is used up
    DROP CONSTRAINT alert_budget_check,
    ADD CONSTRAINT alert_budget_check CHECK (budget IN ('money', 'seconds', 'minutes', 'wallet')),
    DROP CONSTRAINT alert_account_no_project_no_month_budget_kind_mark_of_key,
    ADD CONSTRAINT alert_once UNIQUE (account_no, project_no, month, budget, kind, mark, of, fill_no);
ALTER TABLE dm.budget_low DROP CONSTRAINT budget_low_budget_check,
    ADD CONSTRAINT budget_low_budget_check CHECK (budget IN ('money', 'seconds', 'minutes', 'wallet'));

-- As it was, with the wallet of who pays by the hour: bound is what was there when money last came, used what is gone of that, the tax
-- on it included. taxed: how much of it one of use takes.
DROP FUNCTION dm.alert_news(bigint, boolean), dm.alert_budgets(bigint, boolean);
CREATE FUNCTION dm.alert_budgets(whose bigint, exact boolean)
    RETURNS TABLE (project_no int, budget text, used numeric, bound numeric, one numeric, taxed numeric, fill_no bigint)
    LANGUAGE plpgsql STABLE SET search_path = dm, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH m AS (SELECT date_trunc('month', now() AT TIME ZONE 'UTC') AS month),
    p AS (SELECT t.rated_by = 'minutes' AND o.included_s > 0 AS pooled, o.included_s
          FROM dm.plan_of(whose) o JOIN dm.tier t ON t.name = o.tier),
    s AS (SELECT 0 AS no
          UNION SELECT c.project_no FROM dm.budget_cap c WHERE c.account_no = whose
          UNION SELECT l.project_no FROM dm.project_limit l WHERE l.account_no = whose
              AND l.name IN ('month_seconds_max', 'spend_cap_micros') AND (l.until IS NULL OR l.until > now())),
    b AS (SELECT s.no, x.seconds, x.amount FROM s LEFT JOIN LATERAL
              (SELECT y.seconds, y.amount FROM dm.budget_bounds_of(whose, s.no) y WHERE y.scope = s.no LIMIT 1) x ON true),
    u AS (SELECT b.*, coalesce(x.seconds, 0) AS used_s, coalesce(x.amount, 0) AS spent FROM m, b LEFT JOIN LATERAL (
              SELECT y.seconds, y.amount FROM dm.budget_used(whose, b.no) y WHERE exact
              UNION ALL SELECT y.seconds, y.spent_micros / 1000000.0 FROM dm.budget_use y WHERE NOT exact
                  AND y.account_no = whose AND y.project_no = b.no AND y.month = m.month::date) x ON true)
    SELECT u.no, 'money', u.spent, u.amount, greatest(
               (SELECT max(l.price) FROM dm.budget_lease l
                WHERE l.account_no = whose AND u.no IN (0, l.project_no) AND l.until > now()),
               (SELECT max(dm.dearest(r)) FROM dm.books_now(whose) h JOIN dm.price r ON r.book_id = h
                WHERE p.pooled AND r.sku = 'minutes'), 0), 1.0, 0::bigint
    FROM u, p WHERE u.amount IS NOT NULL OR u.no = 0 AND NOT p.pooled
    UNION ALL
    SELECT u.no, CASE WHEN u.no = 0 AND p.pooled AND u.seconds = p.included_s THEN 'minutes' ELSE 'seconds' END, u.used_s::numeric,
           u.seconds::numeric, 1, 1, 0
    FROM u, p WHERE u.seconds IS NOT NULL
    UNION ALL
    SELECT 0, 'minutes', coalesce((SELECT x.pooled_s FROM m, LATERAL dm.spend_of(whose, m.month AT TIME ZONE 'UTC') x WHERE exact),
                                  u.used_s)::numeric, p.included_s::numeric, 1, 1, 0
    FROM u, p WHERE u.no = 0 AND p.pooled AND u.seconds IS DISTINCT FROM p.included_s
    UNION ALL
    SELECT 0, 'wallet', greatest(f.amount - w.given - w.paid + x.ahead * x.taxed, 0), f.amount, x.one * x.taxed, x.taxed, f.fill_no
    FROM dm.wallet_fill f JOIN dm.account a USING (account_no), p, dm.wallet_stands(whose) w, LATERAL (
        SELECT (1000000 + w.tax_ppm) / 1000000.0 AS taxed,
               CASE WHEN exact THEN (SELECT h.amount FROM dm.wallet_ahead(whose) h) ELSE 0 END AS ahead,
               greatest((SELECT max(l.price) FROM dm.budget_lease l WHERE l.account_no = whose AND l.until > now()),
                        (SELECT max(dm.dearest(r)) FROM dm.books_now(whose) h JOIN dm.price r ON r.book_id = h
                         WHERE p.pooled AND r.sku = 'minutes'), 0) AS one) x
    WHERE f.account_no = whose AND a.billing_cycle = 'hourly';
END $$;

-- As it was; a wallet has no month: it is told of once a fill, and not whether it lasts for the month.
CREATE FUNCTION dm.alert_news(whose bigint, exact boolean)
    RETURNS TABLE (project_no int, month date, budget text, kind text, mark int, used numeric, bound numeric, fill_no bigint)
    LANGUAGE plpgsql STABLE SET search_path = dm, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH m AS (SELECT n.month, n.month AT TIME ZONE 'UTC' AS start,
                      extract(epoch FROM (n.month + interval '1 month') AT TIME ZONE 'UTC' - now()) / 3600 AS hours_left
               FROM (SELECT date_trunc('month', now() AT TIME ZONE 'UTC') AS month) n),
    b AS (SELECT x.*, coalesce(s.percents, '{50,80,90,100}') AS percents, coalesce(s.ends, true) AS ends,
                 CASE WHEN s.set_by IS NULL THEN 24 ELSE s.times END AS times
          FROM dm.alert_budgets(whose, exact) x LEFT JOIN LATERAL (
              SELECT a.* FROM dm.alert_setting a WHERE a.account_no = whose AND a.project_no IN (0, x.project_no)
              ORDER BY a.project_no DESC LIMIT 1) s ON true),
    -- What the last hour used: since the mark that is nearest to its beginning, of those that are half an hour old.
    h AS (SELECT b.*, b.used - k.used AS hour FROM b, m, LATERAL (
              SELECT k.used FROM dm.alert_mark k WHERE k.account_no = whose AND k.project_no = b.project_no AND k.budget = b.budget
                  AND k.at >= m.start AND k.at <= now() - interval '30 minutes'
              ORDER BY abs(extract(epoch FROM now() - interval '1 hour' - k.at)) LIMIT 1) k WHERE b.ends OR b.times IS NOT NULL),
    n AS (SELECT b.project_no, b.budget, 'percent' AS kind, p.n AS mark, b.used, b.bound, b.fill_no
          FROM b, LATERAL unnest(b.percents) AS p (n)
          WHERE b.bound > 0 AND (b.used * 100 >= b.bound * p.n OR p.n = 100 AND b.used + b.one > b.bound)
          UNION ALL
          SELECT b.project_no, b.budget, 'last', 0, b.used, b.bound, b.fill_no FROM b, LATERAL (
              SELECT sum(l.open_s * CASE WHEN b.budget IN ('money', 'wallet') THEN l.price * b.taxed ELSE 1 END) AS open,
                     sum(l.running) AS running
              FROM dm.budget_lease l WHERE l.account_no = whose AND b.project_no IN (0, l.project_no) AND l.until > now()
              HAVING bool_or(l.state IN ('last', 'refused')
                             AND l.cause = CASE WHEN b.budget IN ('money', 'wallet') THEN 'spend_cap' ELSE 'allowance_exhausted' END)) o
          WHERE b.bound > 0 AND b.bound - b.used <= o.open + b.one * greatest(o.running, 1)
          UNION ALL
          SELECT h.project_no, h.budget, 'ends', 0, h.used, h.bound, h.fill_no FROM h, m
          WHERE h.budget <> 'wallet' AND h.ends AND h.hour > 0 AND h.bound > 0 AND h.used + h.one <= h.bound
              AND h.used + h.hour * m.hours_left > h.bound
          UNION ALL
          SELECT h.project_no, h.budget, 'times', h.times, h.hour, d.usual, h.fill_no FROM h, LATERAL (
              SELECT avg(y.came) / 24 AS usual, count(*) AS days FROM (
                  SELECT CASE h.budget WHEN 'money' THEN sum(x.amount) ELSE sum(x.running_s) FILTER (WHERE x.sku = '') END AS came
                  FROM dm.usage_day x WHERE x.account_no = whose AND x.day >= (now() AT TIME ZONE 'UTC')::date - 28
                      AND x.day < (now() AT TIME ZONE 'UTC')::date GROUP BY x.day) y WHERE y.came > 0) d
          WHERE h.project_no = 0 AND h.budget IN ('money', 'minutes') AND h.hour > 0 AND h.times IS NOT NULL AND d.days >= 7
              AND h.hour >= d.usual * h.times)
    SELECT n.project_no, o.month, n.budget, n.kind, n.mark, n.used, n.bound, n.fill_no
    FROM n, m, LATERAL (SELECT coalesce((SELECT date_trunc('month', f.at AT TIME ZONE 'UTC') FROM dm.wallet_fill f
                                         WHERE n.budget = 'wallet' AND f.account_no = whose), m.month)::date AS month) o
    WHERE NOT EXISTS (SELECT FROM dm.alert a WHERE a.account_no = whose AND a.project_no = n.project_no AND a.month = o.month
                      AND a.fill_no = n.fill_no AND a.budget = n.budget AND a.kind = n.kind AND a.mark = n.mark
                      AND a.of = CASE n.kind WHEN 'times' THEN 0 ELSE n.bound::numeric(38, 18) END);
END $$;

REVOKE ALL ON FUNCTION dm.alert_budgets(bigint, boolean), dm.alert_news(bigint, boolean) FROM public;
GRANT EXECUTE ON FUNCTION dm.alert_budgets(bigint, boolean), dm.alert_news(bigint, boolean) TO dm_ops;
