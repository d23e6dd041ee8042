-- What accounts come to while the seconds come, before any statement says so: for balances, leases and caps. It is not a bill:
-- it may be made anew from the ledger at any time, and what a statement has said counts instead of it.

-- Of an open period and a project: what its seconds so far come to, as one of the meter's partitions counts them.
CREATE TABLE dm.spend_open (
    account_no   bigint NOT NULL REFERENCES dm.account,
    project_no   int NOT NULL,
    period_start timestamptz NOT NULL,
    part         int NOT NULL DEFAULT 0 CHECK (part >= 0),
    amount       numeric(38, 18) NOT NULL,   -- of all but pooled minutes
    running_s    bigint NOT NULL,            -- running seconds, of all its sandboxes
    per_second   numeric(38, 18) NOT NULL,   -- what its last second came to
    running      int NOT NULL,               -- how many ran in that
    through      timestamptz NOT NULL,       -- seconds before it are in
    PRIMARY KEY (account_no, project_no, period_start, part)
);
ALTER TABLE dm.spend_open ENABLE ROW LEVEL SECURITY;
ALTER TABLE dm.spend_open FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON dm.spend_open FOR SELECT TO dm_api USING (account_no = dm.account_no());
CREATE POLICY everyone ON dm.spend_open TO dm_meter, dm_migrate USING (true) WITH CHECK (true);
CREATE POLICY reading ON dm.spend_open FOR SELECT TO dm_ops USING (true);
GRANT SELECT, INSERT, UPDATE (amount, running_s, per_second, running, through) ON dm.spend_open TO dm_meter;
GRANT SELECT ON dm.spend_open TO dm_api, dm_ops;

-- What an account has come to in a month of UTC (budget_use is made of it): its statements, and the open periods after them. amount has no pooled
-- minutes of open periods in it; their seconds are in pooled_s, and which of those cost something the plan says.
CREATE FUNCTION dm.spend_of(whose bigint, month timestamptz)
    RETURNS TABLE (currency char(3), amount numeric, pooled_s bigint, per_second numeric, running bigint,
                   through timestamptz)
    LANGUAGE sql STABLE SET search_path = dm, pg_temp
BEGIN ATOMIC
    SELECT a.currency, coalesce(s.total, 0) + coalesce(o.amount, 0),
           coalesce(s.pool_after_s, 0) + coalesce(o.running_s, 0), coalesce(o.per_second, 0), coalesce(o.running, 0),
           coalesce(o.through, s.through)
    FROM dm.account a
    LEFT JOIN LATERAL (SELECT sum(t.total) AS total, max(t.pool_after_s) AS pool_after_s,
                              max(t.period_start + make_interval(secs => t.period_s)) AS through
                       FROM dm.statement t WHERE t.account_no = a.account_no AND t.period_start >= month
                       AND t.period_start < month + interval '1 month') s ON true
    LEFT JOIN LATERAL (SELECT sum(p.amount) AS amount, sum(p.running_s)::bigint AS running_s, max(p.through) AS through,
                              sum(p.per_second) FILTER (WHERE p.through > clock_timestamp() - interval '1 minute') AS per_second,
                              sum(p.running) FILTER (WHERE p.through > clock_timestamp() - interval '1 minute') AS running
                       FROM dm.spend_open p
                       WHERE p.account_no = a.account_no AND p.period_start >= month
                       AND p.period_start < month + interval '1 month'
                       AND NOT EXISTS (SELECT FROM dm.statement t WHERE t.account_no = p.account_no
                                       AND t.period_start = p.period_start)) o ON true
    WHERE a.account_no = whose;
END;
REVOKE ALL ON FUNCTION dm.spend_of(bigint, timestamptz) FROM public;
GRANT EXECUTE ON FUNCTION dm.spend_of(bigint, timestamptz) TO dm_api, dm_ops, dm_meter;
