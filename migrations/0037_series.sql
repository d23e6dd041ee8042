-- How a project went, by the minute for two hours and by the hour for a month: written once by whichever instance of the API
-- comes first when a minute is over (tenants/sandbox/series.h), so that a chart costs its points, however many sandboxes they
-- stand for. step_s: 60 or 3600.

-- Which minutes and hours are written; what nobody looked at while it lasted has no number of what ran.
CREATE TABLE dm.series_step (
    step_s int NOT NULL CHECK (step_s IN (60, 3600)),
    at     timestamptz NOT NULL,
    looked boolean NOT NULL,
    PRIMARY KEY (step_s, at)
);
-- A row where there was something.
CREATE TABLE dm.project_series (
    account_no bigint NOT NULL,
    project_no int NOT NULL,
    step_s     int NOT NULL CHECK (step_s IN (60, 3600)),
    at         timestamptz NOT NULL,
    created    bigint NOT NULL DEFAULT 0,
    failed     bigint NOT NULL DEFAULT 0,    -- ended by a fault of ours
    refused    bigint NOT NULL DEFAULT 0,
    running    bigint NOT NULL DEFAULT 0,    -- when the minute was over; of an hour, the most
    PRIMARY KEY (account_no, project_no, step_s, at)
);
CREATE INDEX project_series_at ON dm.project_series (step_s, at);

ALTER TABLE dm.project_series ENABLE ROW LEVEL SECURITY;
ALTER TABLE dm.project_series FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON dm.project_series FOR SELECT TO dm_api
    USING (account_no = dm.account_no() AND project_no = dm.project_no());
CREATE POLICY everyone ON dm.project_series TO dm_ops, dm_migrate USING (true) WITH CHECK (true);
GRANT SELECT ON dm.project_series, dm.series_step TO dm_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON dm.project_series, dm.series_step TO dm_ops;

-- Refusals are written in batches, each second, with how many they stand for: counted as they come, for the minute of the last.
CREATE FUNCTION dm.count_denial() RETURNS trigger LANGUAGE plpgsql SET search_path = dm, pg_temp AS $$
DECLARE
    more bigint := CASE WHEN TG_OP = 'INSERT' THEN NEW.count ELSE NEW.count - OLD.count END;
BEGIN
    INSERT INTO dm.project_series AS s (account_no, project_no, step_s, at, refused)
        VALUES (NEW.account_no, NEW.project_no, 60, date_trunc('minute', NEW.last_at), more)
        ON CONFLICT (account_no, project_no, step_s, at) DO UPDATE SET refused = s.refused + more;
    RETURN NULL;
END $$;
CREATE TRIGGER count_denial AFTER INSERT OR UPDATE OF count ON dm.denial FOR EACH ROW EXECUTE FUNCTION dm.count_denial();
