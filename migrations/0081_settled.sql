-- What sandboxes come to by month, so that a month of many is a row for each. A day is settled when nothing can be added to it any more:
-- its periods are closed, and what their statements say stands in dm.usage_sandbox. Then the account's own money of that day is split,
-- once and for good, and the day is added to its month; all in one transaction, so a day is in its month whole or not at all.

-- A sandbox's part of what the day has that is the account's own; of a row of nobody: that money, where nobody ran who could have it.
ALTER TABLE dm.usage_sandbox ADD COLUMN share numeric(38, 18) NOT NULL DEFAULT 0;
GRANT UPDATE (share) ON dm.usage_sandbox TO dm_meter;

-- days: of so many of its days something is told; shared_days: of so many it has a share.
CREATE TABLE dm.usage_sandbox_month (
    account_no   bigint NOT NULL REFERENCES dm.account,
    month        date NOT NULL CHECK (month = date_trunc('month', month::timestamp)::date),
    project_no   int NOT NULL,
    sandbox_id   bytea NOT NULL CHECK (octet_length(sandbox_id) IN (0, 16)),
    running_s    bigint NOT NULL,
    hibernated_s bigint NOT NULL,
    amount       numeric(38, 18) NOT NULL,
    share        numeric(38, 18) NOT NULL,
    days         int NOT NULL CHECK (days BETWEEN 1 AND 31),
    shared_days  int NOT NULL CHECK (shared_days BETWEEN 0 AND days),
    PRIMARY KEY (account_no, month, project_no, sandbox_id)
) WITH (fillfactor = 80); -- a month's rows are added to each day

-- A day of which the account has a statement.
CREATE TABLE dm.usage_settled (
    account_no bigint NOT NULL REFERENCES dm.account,
    day        date NOT NULL,
    settled    boolean NOT NULL DEFAULT false,
    PRIMARY KEY (account_no, day)
);
CREATE INDEX usage_settled_due ON dm.usage_settled (day, account_no) WHERE NOT settled;

DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['usage_sandbox_month', 'usage_settled'] LOOP
        EXECUTE format('ALTER TABLE dm.%I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE dm.%I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY tenant ON dm.%I FOR SELECT TO dm_api USING (account_no = dm.account_no())', t);
        EXECUTE format('CREATE POLICY everyone ON dm.%I TO dm_meter, dm_migrate USING (true) WITH CHECK (true)', t);
        EXECUTE format('CREATE POLICY reading ON dm.%I FOR SELECT TO dm_ops USING (true)', t);
        EXECUTE format('GRANT SELECT ON dm.%I TO dm_api, dm_ops', t);
    END LOOP;
END $$;
GRANT SELECT, INSERT, UPDATE (running_s, hibernated_s, amount, share, days, shared_days) ON dm.usage_sandbox_month TO dm_meter;
GRANT SELECT, INSERT, UPDATE (settled) ON dm.usage_settled TO dm_meter;

CREATE OR REPLACE FUNCTION dm.owe_usage() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = dm, pg_temp AS $$
BEGIN
    INSERT INTO usage_owed (account_no, period_start, documents) VALUES (NEW.account_no, NEW.period_start, 1 + NEW.pages);
    INSERT INTO usage_settled (account_no, day) VALUES (NEW.account_no, (NEW.period_start AT TIME ZONE 'UTC')::date)
        ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;

-- What sandboxes of an account came to from a day to another, of projects from lo to hi; an empty id: what is nobody's, of all of them.
-- Of a month most of whose days are asked for its own rows are taken (whole), and those of its other days taken off; of the rest the
-- days' own, and of days that are in no month yet (open) also what is stated and not added to them yet (tail). Their account's own
-- money (m, in 10^-18) is split here: each that ran has the whole part of its share, rounded down, and those with the largest
-- remainders one more; as it is when a day is settled. One statement, so that a day is never seen in its month and beside it.
CREATE FUNCTION dm.usage_by_sandbox(whose bigint, first date, last date, lo int, hi int, nobodys_too boolean)
    RETURNS TABLE (sandbox_id bytea, amount numeric, r bigint, h bigint, split boolean) LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH settled AS MATERIALIZED (
        SELECT t.day, date_trunc('month', t.day::timestamp)::date AS month, t.day BETWEEN first AND last AS asked
        FROM dm.usage_settled t
        WHERE t.account_no = whose AND t.settled AND t.day >= date_trunc('month', first::timestamp)::date
            AND t.day < (date_trunc('month', last::timestamp) + interval '1 month')::date),
    whole AS MATERIALIZED (
        SELECT t.month FROM settled t GROUP BY t.month HAVING count(*) FILTER (WHERE asked) > 1 + count(*) FILTER (WHERE NOT asked)),
    open AS (
        SELECT n::date AS day FROM generate_series(first::timestamp, last::timestamp, interval '1 day') n EXCEPT SELECT t.day FROM settled t),
    tail AS MATERIALIZED (
        SELECT (o.period_start AT TIME ZONE 'UTC')::date AS day, u.project_no, u.sandbox_id, u.running_s, u.hibernated_s, u.amount
        FROM dm.usage_owed o JOIN dm.statement s ON s.account_no = o.account_no AND s.period_start = o.period_start
        CROSS JOIN LATERAL generate_series(o.added, o.documents - 1) n (document)
        LEFT JOIN dm.statement_page g ON g.account_no = o.account_no AND g.period_start = o.period_start AND g.page_no = n.document
        CROSS JOIN LATERAL dm.stated_use(CASE WHEN n.document = 0 THEN s.body ELSE g.body END) u
        WHERE o.account_no = whose AND o.period_start >= first::timestamp AT TIME ZONE 'UTC'
            AND o.period_start < (last + 1)::timestamp AT TIME ZONE 'UTC'),
    d AS NOT MATERIALIZED (
        SELECT x.day, x.project_no, x.sandbox_id, x.running_s, x.hibernated_s, x.amount FROM dm.usage_sandbox x
        WHERE x.account_no = whose AND x.day = ANY (ARRAY(SELECT t.day FROM open t))
        UNION ALL SELECT * FROM tail),
    m AS MATERIALIZED (
        SELECT d.day, trunc(sum(d.amount) * 1000000000000000000) AS u FROM d
        WHERE d.project_no = 0 AND d.sandbox_id = '' GROUP BY d.day HAVING sum(d.amount) <> 0),
    f AS (
        SELECT d.day, d.project_no, d.sandbox_id, sum(d.running_s) AS r FROM d
        WHERE d.sandbox_id <> '' AND d.day IN (SELECT m.day FROM m) GROUP BY 1, 2, 3),
    s AS (SELECT f.*, m.u, sum(f.r) OVER (PARTITION BY f.day) AS t FROM f JOIN m USING (day)),
    q AS (
        SELECT s.*, div(u * s.r, t) - (mod(u * s.r, t) < 0)::int AS part,
               mod(u * s.r, t) + CASE WHEN mod(u * s.r, t) < 0 THEN t ELSE 0 END AS rest FROM s WHERE t > 0),
    v AS (
        SELECT q.*, row_number() OVER (PARTITION BY q.day ORDER BY rest DESC, q.project_no, q.sandbox_id) AS n,
               u - sum(part) OVER (PARTITION BY q.day) AS more FROM q),
    w AS (
        SELECT y.sandbox_id, y.amount + y.share AS x, y.running_s AS r, y.hibernated_s AS h, y.days AS n, y.shared_days AS k
        FROM dm.usage_sandbox_month y
        WHERE y.account_no = whose AND y.month = ANY (ARRAY(SELECT t.month FROM whole t)) AND y.project_no BETWEEN lo AND hi
        -- the account's own row of a day is what was split; of it that stays which was nobody's
        UNION ALL SELECT y.sandbox_id, CASE WHEN y.sandbox_id = '' THEN 0 ELSE y.amount END + y.share,
               CASE WHEN y.sandbox_id = '' THEN 0 ELSE y.running_s END, CASE WHEN y.sandbox_id = '' THEN 0 ELSE y.hibernated_s END, 1,
               (y.share <> 0)::int
        FROM dm.usage_sandbox y
        WHERE y.account_no = whose AND y.project_no BETWEEN lo AND hi AND (y.sandbox_id <> '' OR y.share <> 0)
            AND y.day = ANY (ARRAY(SELECT t.day FROM settled t WHERE asked AND t.month NOT IN (SELECT b.month FROM whole b)))
        UNION ALL SELECT y.sandbox_id, -(CASE WHEN y.sandbox_id = '' THEN 0 ELSE y.amount END + y.share),
               -CASE WHEN y.sandbox_id = '' THEN 0 ELSE y.running_s END, -CASE WHEN y.sandbox_id = '' THEN 0 ELSE y.hibernated_s END, -1,
               -(y.share <> 0)::int
        FROM dm.usage_sandbox y
        WHERE y.account_no = whose AND y.project_no BETWEEN lo AND hi AND (y.sandbox_id <> '' OR y.share <> 0)
            AND y.day = ANY (ARRAY(SELECT t.day FROM settled t WHERE NOT asked AND t.month IN (SELECT b.month FROM whole b)))
        UNION ALL SELECT d.sandbox_id, d.amount, d.running_s, d.hibernated_s, 1, 0 FROM d
        WHERE d.sandbox_id <> '' AND d.project_no BETWEEN lo AND hi
        UNION ALL SELECT v.sandbox_id, (part + (v.n <= more)::int) * 0.000000000000000001, 0, 0, 1, (part + (v.n <= more)::int <> 0)::int
        FROM v WHERE v.project_no BETWEEN lo AND hi
        UNION ALL SELECT '', m.u * 0.000000000000000001, 0, 0, 1, 1 FROM m
        WHERE nobodys_too AND NOT EXISTS (SELECT FROM s WHERE s.day = m.day AND s.t > 0))
    SELECT w.sandbox_id, sum(w.x), sum(w.r)::bigint, sum(w.h)::bigint, sum(w.k) > 0 FROM w GROUP BY w.sandbox_id HAVING sum(w.n) > 0;
END;
REVOKE ALL ON FUNCTION dm.usage_by_sandbox(bigint, date, date, int, int, boolean) FROM public;
GRANT EXECUTE ON FUNCTION dm.usage_by_sandbox(bigint, date, date, int, int, boolean) TO dm_api, dm_ops;

-- Days that are over are settled like others, the oldest first.
INSERT INTO dm.usage_settled (account_no, day) SELECT DISTINCT account_no, (period_start AT TIME ZONE 'UTC')::date FROM dm.statement;
