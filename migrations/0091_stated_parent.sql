-- Whose memory a sandbox began with stands on its statement (metering/rules/statement.h, versions 4 and 5).
GRANT SELECT (parent_id) ON dm.sandbox TO dm_meter;
ALTER TABLE dm.statement
    DROP CONSTRAINT statement_version,
    ADD CONSTRAINT statement_version CHECK (version BETWEEN 1 AND 5);
