-- Who hears before a budget ends: an alert when all that is left of it is granted to the last second, and a word on each answer
-- while little is left.

ALTER TABLE dm.alert DROP CONSTRAINT alert_kind_check,
    ADD CONSTRAINT alert_kind_check CHECK (kind IN ('percent', 'ends', 'times', 'last'));

-- Bounds of which little is left, as they were looked at last; a row of another month is none.
CREATE TABLE dm.budget_low (
    account_no   bigint NOT NULL REFERENCES dm.account,
    project_no   int NOT NULL,
    budget       text NOT NULL CHECK (budget IN ('money', 'seconds', 'minutes')),
    month        date NOT NULL,
    left_percent int NOT NULL CHECK (left_percent >= 0),
    PRIMARY KEY (account_no, project_no, budget)
);
ALTER TABLE dm.budget_low ENABLE ROW LEVEL SECURITY;
ALTER TABLE dm.budget_low FORCE ROW LEVEL SECURITY;
CREATE POLICY everyone ON dm.budget_low TO dm_ops, dm_migrate USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE (month, left_percent), DELETE ON dm.budget_low TO dm_ops;

-- Of minutes only where nothing runs after them: a plan that charges for the next ones ends nothing.
CREATE FUNCTION dm.budget_low_note(whose bigint, exact boolean, within int) RETURNS void
    LANGUAGE plpgsql SET search_path = dm, pg_temp AS $$
#variable_conflict use_column
BEGIN
    WITH b AS (SELECT x.project_no, x.budget, greatest(0, floor((x.bound - x.used) * 100 / x.bound))::int AS left_percent
               FROM dm.alert_budgets(whose, exact) x WHERE x.bound > 0 AND (x.bound - x.used) * 100 < x.bound * within
               AND (x.budget <> 'minutes' OR x.bound = (SELECT max(y.seconds) FROM dm.budget_bounds_of(whose, 0) y))),
    gone AS (DELETE FROM dm.budget_low l WHERE l.account_no = whose AND NOT EXISTS (
             SELECT FROM b WHERE b.project_no = l.project_no AND b.budget = l.budget))
    INSERT INTO dm.budget_low AS l (account_no, project_no, budget, month, left_percent)
        SELECT whose, b.project_no, b.budget, date_trunc('month', now() AT TIME ZONE 'UTC')::date, b.left_percent FROM b
        ON CONFLICT (account_no, project_no, budget) DO UPDATE SET month = excluded.month, left_percent = excluded.left_percent
        WHERE (l.month, l.left_percent) <> (excluded.month, excluded.left_percent);
END $$;
REVOKE ALL ON FUNCTION dm.budget_low_note(bigint, boolean, int) FROM public;
GRANT EXECUTE ON FUNCTION dm.budget_low_note(bigint, boolean, int) TO dm_ops;

-- As it was, with what is granted to the last second: a worker heard so, and nothing is left of this bound but what is open and less
-- than what runs would take in a second.
CREATE OR REPLACE FUNCTION dm.alert_news(whose bigint, exact boolean)
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
          SELECT b.project_no, b.budget, 'last', 0, b.used, b.bound FROM b, LATERAL (
              SELECT sum(l.open_s * CASE b.budget WHEN 'money' THEN l.price ELSE 1 END) AS open, sum(l.running) AS running
              FROM dm.budget_lease l WHERE l.account_no = whose AND b.project_no IN (0, l.project_no) AND l.until > now()
              HAVING bool_or(l.state IN ('last', 'refused')
                             AND l.cause = CASE b.budget WHEN 'money' THEN 'spend_cap' ELSE 'allowance_exhausted' END)) o
          WHERE b.bound > 0 AND b.bound - b.used <= o.open + b.one * greatest(o.running, 1)
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
