-- Retention: a project's sleepers are deleted when they have slept for as many days as its limit asleep_days_max says, and
-- never without a notice. A notice is of one sleep: it is good as long as its sandbox sleeps in the same epoch, so that whoever
-- wakes it need know nothing of it. No row of limits, no end.

CREATE TABLE dm.expiry (
    account_no bigint NOT NULL,
    project_no int NOT NULL,
    sandbox_id bytea NOT NULL CHECK (octet_length(sandbox_id) = 16),
    epoch      bigint NOT NULL,
    noticed_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL CHECK (expires_at >= noticed_at),
    PRIMARY KEY (account_no, project_no, sandbox_id)
);
CREATE INDEX expiry_due ON dm.expiry (expires_at);

-- When a project's people last got a letter. Notices are given in the transaction that writes it, once a day (of UTC).
CREATE TABLE dm.expiry_day (
    account_no bigint NOT NULL,
    project_no int NOT NULL,
    noticed_on date NOT NULL,
    PRIMARY KEY (account_no, project_no),
    FOREIGN KEY (account_no, project_no) REFERENCES dm.project ON DELETE CASCADE
);

DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['expiry', 'expiry_day'] LOOP
        EXECUTE format('ALTER TABLE dm.%I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE dm.%I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY tenant ON dm.%I FOR SELECT TO dm_api
                        USING (account_no = dm.account_no() AND project_no = dm.project_no())', t);
        EXECUTE format('CREATE POLICY everyone ON dm.%I TO dm_ops, dm_migrate USING (true) WITH CHECK (true)', t);
    END LOOP;
END $$;
GRANT SELECT ON dm.expiry TO dm_api;
GRANT SELECT, INSERT, DELETE, UPDATE (epoch, noticed_at, expires_at) ON dm.expiry TO dm_ops;
GRANT SELECT, INSERT, UPDATE (noticed_on) ON dm.expiry_day TO dm_ops;

-- Who has slept longest, of one project: whoever has none whose days are over costs one look.
CREATE INDEX sandbox_asleep ON dm.sandbox (account_no, project_no, paused_at) WHERE state = 'paused';

-- The days that bind a project; null: none do. A hundred years are as good as more, and no sum of times runs over.
CREATE FUNCTION dm.asleep_days(account bigint, project int) RETURNS bigint LANGUAGE sql STABLE
    SET search_path = dm, pg_temp
BEGIN ATOMIC
    SELECT least(l.value, 36500) FROM (
        SELECT value, 1 AS rank FROM dm.project_limit WHERE account_no = account AND project_no = project
            AND name = 'asleep_days_max' AND (until IS NULL OR until > now())
        UNION ALL SELECT value, 2 FROM dm.account_limit WHERE account_no = account
            AND name = 'asleep_days_max' AND (until IS NULL OR until > now())
        UNION ALL SELECT t.value, 3 FROM dm.account a JOIN dm.tier_limit t ON t.tier = a.tier
            WHERE a.account_no = account AND t.name = 'asleep_days_max') l
    ORDER BY l.rank LIMIT 1;
END;
REVOKE ALL ON FUNCTION dm.asleep_days(bigint, int) FROM public;
GRANT EXECUTE ON FUNCTION dm.asleep_days(bigint, int) TO dm_ops;
