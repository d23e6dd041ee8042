-- Statements of many sandboxes. From version 2 on a statement's body is its head: what it is about, its sums, and the root of
-- a tree over its pages; the sandboxes and their lines stand on the pages (metering/rules/statement.h). Those of version 1
-- stay as they were signed: their body is the whole.
ALTER TABLE dm.statement
    ADD COLUMN version smallint NOT NULL DEFAULT 1 CHECK (version IN (1, 2)),
    ADD COLUMN pages int NOT NULL DEFAULT 0 CHECK (pages >= 0),
    ADD CHECK (version = 2 OR pages = 0);

-- A page as its hash has it. Pages and lines are written before the statement that they belong to: until that is there they
-- are a draft, which nobody reads (whoever shows them joins dm.statement), and which the meter throws away when it begins
-- anew.
CREATE TABLE dm.statement_page (
    account_no   bigint NOT NULL,
    period_start timestamptz NOT NULL,
    page_no      int NOT NULL CHECK (page_no > 0),       -- without a gap
    body         bytea COMPRESSION lz4 NOT NULL,
    sha256       bytea NOT NULL CHECK (sha256 = sha256(body)),
    PRIMARY KEY (account_no, period_start, page_no)
);
ALTER TABLE dm.statement_line DROP CONSTRAINT statement_line_account_no_period_start_fkey;

-- Only to a period that is open: after its statement nothing is added.
CREATE FUNCTION dm.stated_only_once() RETURNS trigger LANGUAGE plpgsql SET search_path = dm, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM (SELECT DISTINCT account_no, period_start FROM added) a WHERE NOT EXISTS
               (SELECT FROM account_period p WHERE p.account_no = a.account_no AND p.period_start = a.period_start
                AND p.state = 'open')) THEN
        RAISE EXCEPTION '% of a period that is not open', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NULL;
END $$;

-- A draft may go, what is stated stays.
CREATE FUNCTION dm.stated_stays() RETURNS trigger LANGUAGE plpgsql SET search_path = dm, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM statement s WHERE s.account_no = OLD.account_no AND s.period_start = OLD.period_start) THEN
        RAISE EXCEPTION '% is never changed, only added to', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN OLD;
END $$;

DROP TRIGGER immutable ON dm.statement_line;
CREATE TRIGGER immutable_truncate BEFORE TRUNCATE ON dm.statement_page FOR EACH STATEMENT EXECUTE FUNCTION dm.immutable();
DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['statement_page', 'statement_line'] LOOP
        EXECUTE format('CREATE TRIGGER immutable BEFORE UPDATE ON dm.%I FOR EACH ROW EXECUTE FUNCTION dm.immutable()', t);
        EXECUTE format('CREATE TRIGGER stated_stays BEFORE DELETE ON dm.%I
                        FOR EACH ROW EXECUTE FUNCTION dm.stated_stays()', t);
        EXECUTE format('CREATE TRIGGER stated_only_once AFTER INSERT ON dm.%I REFERENCING NEW TABLE AS added
                        FOR EACH STATEMENT EXECUTE FUNCTION dm.stated_only_once()', t);
    END LOOP;
END $$;

ALTER TABLE dm.statement_page ENABLE ROW LEVEL SECURITY;
ALTER TABLE dm.statement_page FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON dm.statement_page FOR SELECT TO dm_api USING (account_no = dm.account_no());
CREATE POLICY everyone ON dm.statement_page TO dm_meter, dm_migrate USING (true) WITH CHECK (true);
CREATE POLICY reading ON dm.statement_page FOR SELECT TO dm_ops USING (true);
GRANT SELECT ON dm.statement_page TO dm_api, dm_ops;
GRANT SELECT, INSERT ON dm.statement_page TO dm_meter;

-- What a meter left that died before the head: how many pages. Nothing, where there is a statement.
CREATE FUNCTION dm.drop_draft(account bigint, start timestamptz) RETURNS int LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = dm, pg_temp AS $$
DECLARE n int;
BEGIN
    IF EXISTS (SELECT FROM statement WHERE account_no = account AND period_start = start) THEN
        RETURN 0;
    END IF;
    DELETE FROM statement_line WHERE account_no = account AND period_start = start;
    DELETE FROM statement_page WHERE account_no = account AND period_start = start;
    GET DIAGNOSTICS n = ROW_COUNT;
    RETURN n;
END $$;
REVOKE ALL ON FUNCTION dm.drop_draft(bigint, timestamptz) FROM public;
GRANT EXECUTE ON FUNCTION dm.drop_draft(bigint, timestamptz) TO dm_meter;
