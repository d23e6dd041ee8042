-- What accounts come to while the seconds come (dm.spend_open) is written once a second, and let go of when statements say it;
-- what of a month's budgets is used follows from both. And what statements came to by day, so that nobody has to add up their
-- lines to show a month.

-- Up to where a partition of the stream has been seen: nothing that is not in dm.spend_open came before it.
CREATE TABLE dm.spend_clock (
    part    int PRIMARY KEY CHECK (part >= 0),
    through timestamptz NOT NULL
);
GRANT SELECT ON dm.spend_clock TO dm_api, dm_ops, dm_meter;
GRANT INSERT, UPDATE (through) ON dm.spend_clock TO dm_meter;

-- Lets go of what was counted in periods that are written and wait for no statement of that account, at most so many rows; of
-- whom and of which period that was.
CREATE FUNCTION dm.spend_forget(most int) RETURNS TABLE (account_no bigint, period_start timestamptz)
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = dm, pg_temp AS $$
    WITH gone AS (
        DELETE FROM spend_open o USING (
            SELECT p.account_no, p.project_no, p.period_start, p.part FROM spend_open p
            WHERE EXISTS (SELECT FROM period w WHERE w.period_start = p.period_start)
            AND NOT EXISTS (SELECT FROM account_period a WHERE a.account_no = p.account_no
                            AND a.period_start = p.period_start AND a.state = 'open')
            ORDER BY p.period_start, p.account_no LIMIT most) g
        WHERE (o.account_no, o.project_no, o.period_start, o.part) = (g.account_no, g.project_no, g.period_start, g.part)
        RETURNING o.account_no, o.period_start)
    SELECT DISTINCT gone.account_no, gone.period_start FROM gone $$;
REVOKE ALL ON FUNCTION dm.spend_forget(int) FROM public;
GRANT EXECUTE ON FUNCTION dm.spend_forget(int) TO dm_meter;
CREATE INDEX spend_open_period ON dm.spend_open (period_start, account_no);

-- Many budgets are used at once: each account is judged once for all of its own.
CREATE FUNCTION dm.budgets_follow() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = dm, pg_temp AS $$
BEGIN
    PERFORM budget_judge(c.account_no) FROM (SELECT DISTINCT account_no FROM changed ORDER BY account_no) c;
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION dm.budgets_follow() FROM public;
DROP TRIGGER IF EXISTS budget_follows ON dm.budget_use;
CREATE TRIGGER budgets_follow_insert AFTER INSERT ON dm.budget_use REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION dm.budgets_follow();
CREATE TRIGGER budgets_follow_update AFTER UPDATE ON dm.budget_use REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION dm.budgets_follow();

-- What an account's statements of a day of UTC come to, added to with each head in its transaction. Project 0: the account as a
-- whole (pooled minutes). sku '': how long its sandboxes ran and slept, whatever that cost. A template or key that nothing is
-- known of, or one of too many, is '' and 0.
CREATE TABLE dm.usage_day (
    account_no   bigint NOT NULL REFERENCES dm.account,
    day          date NOT NULL,
    project_no   int NOT NULL,
    template_id  text NOT NULL,
    key_no       bigint NOT NULL,
    sku          text NOT NULL,
    running_s    bigint NOT NULL,
    hibernated_s bigint NOT NULL,
    qty          numeric(30, 6) NOT NULL,
    amount       numeric(38, 18) NOT NULL,
    PRIMARY KEY (account_no, day, project_no, template_id, key_no, sku)
);
ALTER TABLE dm.usage_day ENABLE ROW LEVEL SECURITY;
ALTER TABLE dm.usage_day FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON dm.usage_day FOR SELECT TO dm_api USING (account_no = dm.account_no());
CREATE POLICY everyone ON dm.usage_day TO dm_meter, dm_migrate USING (true) WITH CHECK (true);
CREATE POLICY reading ON dm.usage_day FOR SELECT TO dm_ops USING (true);
GRANT SELECT ON dm.usage_day TO dm_api, dm_ops;
GRANT SELECT, INSERT, UPDATE (running_s, hibernated_s, qty, amount) ON dm.usage_day TO dm_meter;

-- Of what is stated already. How long a sandbox ran under a plan by minutes no line says; of the account as a whole the
-- statement does.
INSERT INTO dm.usage_day (account_no, day, project_no, template_id, key_no, sku, running_s, hibernated_s, qty, amount)
    SELECT l.account_no, (l.period_start AT TIME ZONE 'UTC')::date, coalesce(l.project_no, 0), coalesce(l.template_id, ''),
           coalesce(l.key_no, 0), l.sku, 0, 0, sum(l.qty), sum(l.amount)
    FROM dm.statement_line l JOIN dm.statement s USING (account_no, period_start) GROUP BY 1, 2, 3, 4, 5, 6
    UNION ALL
    SELECT l.account_no, (l.period_start AT TIME ZONE 'UTC')::date, coalesce(l.project_no, 0), coalesce(l.template_id, ''),
           coalesce(l.key_no, 0), '', coalesce(sum(l.seconds) FILTER (WHERE l.sku IN ('vcpu-run', 'minutes')), 0)::bigint,
           coalesce(sum(l.seconds) FILTER (WHERE l.sku = 'disk-hib'), 0)::bigint, 0, 0
    FROM dm.statement_line l JOIN dm.statement s USING (account_no, period_start)
    WHERE l.tier = 0 GROUP BY 1, 2, 3, 4, 5;
