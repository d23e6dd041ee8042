-- Alerts of spend: what an account's people are told while a month's bounds are being used up, and when it goes faster than it
-- does as a rule. An alert is a row, once for its cause, written in the transaction that writes its letters; it is no money.

-- What people want to be told, of the account (project 0) or a project; of a project without a row what the account's says.
CREATE TABLE dm.alert_setting (
    account_no bigint NOT NULL REFERENCES dm.account,
    project_no int NOT NULL DEFAULT 0,
    percents   int[] NOT NULL DEFAULT '{50,80,90,100}' CHECK (cardinality(percents) <= 10),
    ends       boolean NOT NULL DEFAULT true,   -- as the last hour went, a bound is reached before its month ends
    times      int DEFAULT 24 CHECK (times BETWEEN 2 AND 1000),   -- the last hour came to so many usual ones; null: never
    muted      boolean NOT NULL DEFAULT false,  -- no letters
    set_by     text NOT NULL,
    set_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_no, project_no)
);

CREATE TABLE dm.alert (
    account_no bigint NOT NULL REFERENCES dm.account,
    alert_no   bigint GENERATED ALWAYS AS IDENTITY,
    project_no int NOT NULL DEFAULT 0,
    month      date NOT NULL,                   -- of UTC
    budget     text NOT NULL CHECK (budget IN ('money', 'seconds', 'minutes')),   -- a cap of money, of running seconds; the plan's minutes
    kind       text NOT NULL CHECK (kind IN ('percent', 'ends', 'times')),
    mark       int NOT NULL,                    -- percents, or times
    used       numeric(38, 18) NOT NULL,        -- of times: by the last hour,
    bound      numeric(38, 18) NOT NULL,        -- and by a usual one
    at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    of         numeric(38, 18) NOT NULL GENERATED ALWAYS AS (CASE kind WHEN 'times' THEN 0 ELSE bound END) STORED,
    PRIMARY KEY (account_no, alert_no),
    UNIQUE (account_no, project_no, month, budget, kind, mark, of)   -- a bound that was changed is another one
);
CREATE INDEX alert_at ON dm.alert (at);

-- How much was used when, some minutes apart: as far back as an hour, and the last one before that.
CREATE TABLE dm.alert_mark (
    account_no bigint NOT NULL REFERENCES dm.account,
    project_no int NOT NULL,
    budget     text NOT NULL,
    at         timestamptz NOT NULL,
    used       numeric(38, 18) NOT NULL,
    PRIMARY KEY (account_no, project_no, budget, at)
);

DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['alert_setting', 'alert', 'alert_mark'] LOOP
        EXECUTE format('ALTER TABLE dm.%I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE dm.%I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY everyone ON dm.%I TO dm_ops, dm_migrate USING (true) WITH CHECK (true)', t);
        EXECUTE format('GRANT SELECT ON dm.%I TO dm_ops', t);
    END LOOP;
    FOREACH t IN ARRAY ARRAY['alert_setting', 'alert'] LOOP
        EXECUTE format('CREATE POLICY tenant ON dm.%I FOR SELECT TO dm_api
                        USING (account_no = dm.account_no() AND (dm.project_no() = 0 OR project_no IN (0, dm.project_no())))', t);
        EXECUTE format('GRANT SELECT ON dm.%I TO dm_api', t);
    END LOOP;
END $$;
CREATE POLICY whole_add ON dm.alert_setting FOR INSERT TO dm_api WITH CHECK (account_no = dm.account_no() AND dm.project_no() = 0);
CREATE POLICY whole_change ON dm.alert_setting FOR UPDATE TO dm_api
    USING (account_no = dm.account_no() AND dm.project_no() = 0) WITH CHECK (account_no = dm.account_no());
GRANT INSERT, UPDATE (percents, ends, times, muted, set_by, set_at) ON dm.alert_setting TO dm_api;
GRANT INSERT ON dm.alert TO dm_ops;
GRANT INSERT, DELETE ON dm.alert_mark TO dm_ops;

-- What bounds an account's month and its projects', how much of it is used, and what one more second may take. Of the account
-- also what nothing bounds (null), of the two that its plan goes by. Exact: as leases count it, by the second; else as the meter
-- wrote it last, which costs next to nothing.
CREATE FUNCTION dm.alert_budgets(whose bigint, exact boolean)
    RETURNS TABLE (project_no int, budget text, used numeric, bound numeric, one numeric)
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
                WHERE p.pooled AND r.sku = 'minutes'), 0)
    FROM u, p WHERE u.amount IS NOT NULL OR u.no = 0 AND NOT p.pooled
    UNION ALL
    SELECT u.no, CASE WHEN u.no = 0 AND p.pooled AND u.seconds = p.included_s THEN 'minutes' ELSE 'seconds' END, u.used_s::numeric,
           u.seconds::numeric, 1
    FROM u, p WHERE u.seconds IS NOT NULL
    UNION ALL
    SELECT 0, 'minutes', coalesce((SELECT x.pooled_s FROM m, LATERAL dm.spend_of(whose, m.month AT TIME ZONE 'UTC') x WHERE exact),
                                  u.used_s)::numeric, p.included_s::numeric, 1
    FROM u, p WHERE u.no = 0 AND p.pooled AND u.seconds IS DISTINCT FROM p.included_s;
END $$;

-- What of an account is to be told and was not yet.
CREATE FUNCTION dm.alert_news(whose bigint, exact boolean)
    RETURNS TABLE (project_no int, month date, budget text, kind text, mark int, used numeric, bound numeric)
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
    n AS (SELECT b.project_no, b.budget, 'percent' AS kind, p.n AS mark, b.used, b.bound
          FROM b, LATERAL unnest(b.percents) AS p (n)
          WHERE b.bound > 0 AND (b.used * 100 >= b.bound * p.n OR p.n = 100 AND b.used + b.one > b.bound)
          UNION ALL
          SELECT h.project_no, h.budget, 'ends', 0, h.used, h.bound FROM h, m
          WHERE h.ends AND h.hour > 0 AND h.bound > 0 AND h.used + h.one <= h.bound AND h.used + h.hour * m.hours_left > h.bound
          UNION ALL
          SELECT h.project_no, h.budget, 'times', h.times, h.hour, d.usual FROM h, LATERAL (
              SELECT avg(y.came) / 24 AS usual, count(*) AS days FROM (
                  SELECT CASE h.budget WHEN 'money' THEN sum(x.amount) ELSE sum(x.running_s) FILTER (WHERE x.sku = '') END AS came
                  FROM dm.usage_day x WHERE x.account_no = whose AND x.day >= (now() AT TIME ZONE 'UTC')::date - 28
                      AND x.day < (now() AT TIME ZONE 'UTC')::date GROUP BY x.day) y WHERE y.came > 0) d
          WHERE h.project_no = 0 AND h.budget IN ('money', 'minutes') AND h.hour > 0 AND h.times IS NOT NULL AND d.days >= 7
              AND h.hour >= d.usual * h.times)
    SELECT n.project_no, m.month::date, n.budget, n.kind, n.mark, n.used, n.bound FROM n, m
    WHERE NOT EXISTS (SELECT FROM dm.alert a WHERE a.account_no = whose AND a.project_no = n.project_no AND a.month = m.month::date
                      AND a.budget = n.budget AND a.kind = n.kind AND a.mark = n.mark
                      AND a.of = CASE n.kind WHEN 'times' THEN 0 ELSE n.bound::numeric(38, 18) END);
END $$;

REVOKE ALL ON FUNCTION dm.alert_budgets(bigint, boolean), dm.alert_news(bigint, boolean) FROM public;
GRANT EXECUTE ON FUNCTION dm.alert_budgets(bigint, boolean), dm.alert_news(bigint, boolean), dm.account_limits(bigint) TO dm_ops;
