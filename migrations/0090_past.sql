-- What sandboxes and projects used, minute by minute, for a bounded time: shown, never billed. A row is ten minutes of a sandbox that
-- ran in them, or, without a sandbox, of all that ran of its project. figures: ten times seven numbers, a minute's each: the seconds
-- that it ran, hundredths of a second of CPU, MiB of memory of its own and shared, MiB of disk, KiB in and out. Days are dropped whole.
CREATE TABLE dm.usage_past (
    slot       bigint NOT NULL CHECK (slot % 600 = 0), -- its first second
    account_no bigint NOT NULL,
    project_no int NOT NULL,
    sandbox_id bytea NOT NULL CHECK (octet_length(sandbox_id) IN (0, 16)),
    figures    int[] NOT NULL CHECK (cardinality(figures) = 70),
    PRIMARY KEY (project_no, sandbox_id, slot)
) PARTITION BY RANGE (slot);

-- All slots before this second are written, or will not be any more. One row at most.
CREATE TABLE dm.usage_past_done (
    one     boolean PRIMARY KEY DEFAULT true CHECK (one),
    through bigint NOT NULL
);

DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['usage_past', 'usage_past_done'] LOOP
        EXECUTE format('ALTER TABLE dm.%I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE dm.%I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY everyone ON dm.%I TO dm_meter, dm_migrate USING (true) WITH CHECK (true)', t);
    END LOOP;
END $$;
CREATE POLICY tenant ON dm.usage_past FOR SELECT TO dm_api USING (account_no = dm.account_no() AND project_no = dm.project_no());
GRANT SELECT ON dm.usage_past TO dm_api;
GRANT SELECT, INSERT ON dm.usage_past TO dm_meter;
GRANT SELECT, INSERT, UPDATE (through) ON dm.usage_past_done TO dm_meter;

-- Makes the day that a second lies in, where it is missing, and drops the days that are over before another.
CREATE FUNCTION dm.turn_past(at bigint, keep_from bigint) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = dm, pg_temp AS $$
DECLARE
    day bigint := at / 86400;
    part text := 'usage_past_' || to_char(to_timestamp(day * 86400) AT TIME ZONE 'UTC', 'YYYYMMDD');
    old text;
BEGIN
    IF at < 0 OR keep_from > at THEN
        RAISE EXCEPTION 'nothing of % is kept from % on', at, keep_from USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF to_regclass('dm.' || part) IS NULL THEN
        EXECUTE format('CREATE TABLE dm.%I PARTITION OF dm.usage_past FOR VALUES FROM (%s) TO (%s)', part, day * 86400, (day + 1) * 86400);
        EXECUTE format('ALTER TABLE dm.%I ENABLE ROW LEVEL SECURITY', part);
    END IF;
    FOR old IN
        SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'dm.usage_past'::regclass
            AND c.relname < 'usage_past_' || to_char(to_timestamp(keep_from) AT TIME ZONE 'UTC', 'YYYYMMDD')
    LOOP
        EXECUTE format('DROP TABLE dm.%I', old);
    END LOOP;
END $$;
REVOKE ALL ON FUNCTION dm.turn_past(bigint, bigint) FROM public;
GRANT EXECUTE ON FUNCTION dm.turn_past(bigint, bigint) TO dm_meter;
