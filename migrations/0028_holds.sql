-- What keeps an account (project 0) or a project from running: nothing is created or woken, and what runs is put to sleep by
-- the API's instances, which look here each second. An operator's word (suspended_unpaid), or a budget that is used up.

CREATE TABLE dm.hold (
    account_no bigint NOT NULL REFERENCES dm.account,
    project_no int NOT NULL DEFAULT 0,
    cause      text NOT NULL CHECK (cause IN ('suspended_unpaid', 'allowance_exhausted', 'spend_cap')),
    set_by     text NOT NULL,
    reason     text NOT NULL DEFAULT '' CHECK (length(reason) <= 500),
    at         timestamptz NOT NULL DEFAULT now(),
    until      timestamptz,                             -- null: until it is lifted
    PRIMARY KEY (account_no, project_no, cause)
);

-- What of a month's budget is used, of an account (project 0) or a project. The meter says how much it is by now, never how
-- much more: to say it twice does no harm.
CREATE TABLE dm.budget_use (
    account_no   bigint NOT NULL REFERENCES dm.account,
    project_no   int NOT NULL DEFAULT 0,
    month        date NOT NULL CHECK (extract(day FROM month) = 1),       -- of UTC
    seconds      bigint NOT NULL DEFAULT 0 CHECK (seconds >= 0),
    spent_micros bigint NOT NULL DEFAULT 0 CHECK (spent_micros >= 0),        -- millionths of the account's currency
    PRIMARY KEY (account_no, project_no, month)
);

DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['hold', 'budget_use'] LOOP
        EXECUTE format('ALTER TABLE dm.%I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE dm.%I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY tenant ON dm.%I FOR SELECT TO dm_api USING (account_no = dm.account_no())', t);
        EXECUTE format('CREATE POLICY everyone ON dm.%I TO dm_ops, dm_migrate USING (true) WITH CHECK (true)', t);
    END LOOP;
END $$;
CREATE POLICY everything ON dm.budget_use TO dm_meter USING (true) WITH CHECK (true);
GRANT SELECT ON dm.hold, dm.budget_use TO dm_api, dm_ops;
GRANT INSERT, DELETE, UPDATE (set_by, reason, at, until) ON dm.hold TO dm_ops;
GRANT SELECT, INSERT, UPDATE (seconds, spent_micros) ON dm.budget_use TO dm_meter;
CREATE TRIGGER notify_keys AFTER INSERT OR UPDATE OR DELETE ON dm.hold
    FOR EACH ROW EXECUTE FUNCTION dm.notify_keys();   -- each row: budgets are judged often, and seldom change a hold

-- Free has its minutes and no more; whoever pays for minutes has no such bound, and nobody a cap that he did not ask for.
INSERT INTO dm.tier_limit (tier, name, value) VALUES ('free', 'month_seconds_max', 6000) ON CONFLICT DO NOTHING;

-- Holds what is at its bound this month, and lets go of what is below it. A hold of a month ends with it.
CREATE FUNCTION dm.budget_judge(whose bigint) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = dm, pg_temp AS $$
DECLARE
    this date := date_trunc('month', now() AT TIME ZONE 'UTC');
    b record;
BEGIN
    FOR b IN
        SELECT u.project_no, v.cause, v.used >= v.bound AS over
        FROM dm.budget_use u,
             LATERAL (SELECT CASE u.project_no WHEN 0 THEN dm.account_limits(whose)
                             ELSE dm.project_limits(whose, u.project_no) END AS l) l,
             LATERAL (VALUES ('allowance_exhausted', u.seconds, (l.l ->> 'month_seconds_max')::bigint),
                             ('spend_cap', u.spent_micros, (l.l ->> 'spend_cap_micros')::bigint)) v (cause, used, bound)
        WHERE u.account_no = whose AND u.month = this
    LOOP
        IF b.over THEN
            INSERT INTO dm.hold (account_no, project_no, cause, set_by, until)
                VALUES (whose, b.project_no, b.cause, 'policy:budget', (this + interval '1 month') AT TIME ZONE 'UTC')
                ON CONFLICT (account_no, project_no, cause) DO UPDATE SET until = excluded.until
                WHERE hold.until < excluded.until;
        ELSE
            DELETE FROM dm.hold WHERE account_no = whose AND project_no = b.project_no AND cause = b.cause;
        END IF;
    END LOOP;
END $$;

CREATE FUNCTION dm.budget_follows() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = dm, pg_temp AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        PERFORM dm.budget_judge(OLD.account_no);
    ELSE
        PERFORM dm.budget_judge(NEW.account_no);
    END IF;
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION dm.budget_judge(bigint), dm.budget_follows() FROM public;
CREATE TRIGGER budget_follows AFTER INSERT OR UPDATE ON dm.budget_use FOR EACH ROW EXECUTE FUNCTION dm.budget_follows();
CREATE TRIGGER budget_follows AFTER UPDATE OF tier ON dm.account FOR EACH ROW EXECUTE FUNCTION dm.budget_follows();
DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['account_limit', 'project_limit'] LOOP
        EXECUTE format('CREATE TRIGGER budget_follows AFTER INSERT OR UPDATE ON dm.%I FOR EACH ROW
            WHEN (NEW.name IN (''month_seconds_max'', ''spend_cap_micros'')) EXECUTE FUNCTION dm.budget_follows()', t);
        EXECUTE format('CREATE TRIGGER budget_follows_delete AFTER DELETE ON dm.%I FOR EACH ROW
            WHEN (OLD.name IN (''month_seconds_max'', ''spend_cap_micros'')) EXECUTE FUNCTION dm.budget_follows()', t);
    END LOOP;
END $$;

-- The cause that keeps a project from running now; null: none. Asked with a key's look-up, before there is a scope.
CREATE FUNCTION dm.held(account bigint, project int) RETURNS text LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = dm, pg_temp
BEGIN ATOMIC
    SELECT h.cause FROM dm.hold h WHERE h.account_no = account AND h.project_no IN (0, project)
        AND (h.until IS NULL OR h.until > now()) ORDER BY h.cause DESC LIMIT 1;
END;
REVOKE ALL ON FUNCTION dm.held(bigint, int) FROM public;
GRANT EXECUTE ON FUNCTION dm.held(bigint, int) TO dm_api, dm_who;

-- What a look-up says holds until the first of the limits, or the first hold, ends.
CREATE OR REPLACE FUNCTION dm.limits_left_us(account bigint, project int) RETURNS bigint
    LANGUAGE sql STABLE SET search_path = dm, pg_temp
BEGIN ATOMIC
    SELECT (extract(epoch FROM min(l.until) - now()) * 1000000)::bigint
    FROM (SELECT until FROM dm.account_limit WHERE account_no = account
          UNION ALL SELECT until FROM dm.project_limit WHERE account_no = account AND project_no = project
          UNION ALL SELECT until FROM dm.hold WHERE account_no = account AND project_no IN (0, project)) l
    WHERE l.until > now();
END;
