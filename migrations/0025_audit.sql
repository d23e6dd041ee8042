-- The audit is added to and never changed: for every role, its owner among them, whatever was granted; also where triggers
-- are looked past (session_replication_role).
CREATE FUNCTION dm.audit_is_kept() RETURNS trigger LANGUAGE plpgsql SET search_path = dm, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'the audit is only added to' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER kept BEFORE UPDATE OR DELETE OR TRUNCATE ON dm.audit
    FOR EACH STATEMENT EXECUTE FUNCTION dm.audit_is_kept();
ALTER TABLE dm.audit ENABLE ALWAYS TRIGGER kept;

-- Who reads for a whole account (project 0) sees the lines of all its projects.
CREATE POLICY whole ON dm.audit FOR SELECT TO dm_api USING (account_no = dm.account_no() AND dm.project_no() = 0);
CREATE INDEX audit_account ON dm.audit (account_no, audit_no);
