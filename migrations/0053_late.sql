-- Evidence that comes when its period is written. What was written and stated stays as it is, byte for byte; what comes late is
-- kept beside it, and the account's next statement corrects what it changes (metering/rules/statement.h, version 3).

-- Of frames: what was new in each flush, by sandbox, as in usage_period. Merged with that row and each other: OR, and the
-- larger disk figure, so that what comes twice changes nothing.
CREATE TABLE dm.usage_late (
    account_no   bigint NOT NULL,
    project_no   bigint NOT NULL,
    period_start timestamptz NOT NULL REFERENCES dm.period,
    sandbox_id   bytea NOT NULL CHECK (octet_length(sandbox_id) = 16),
    epoch        int NOT NULL,
    spec_table   int NOT NULL,
    spec         int NOT NULL,
    region_no    int NOT NULL,
    worker_no    bigint NOT NULL,
    run_bits     bit varying(3600) NOT NULL,
    hib_bits     bit varying(3600) NOT NULL,
    disk_16mib   int[] NOT NULL,
    arrived_at   timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX usage_late_account ON dm.usage_late (period_start, account_no, sandbox_id);

-- Of attestations: that its period was written when it came. What was stated then did not see it.
ALTER TABLE dm.attestation ADD COLUMN late boolean NOT NULL DEFAULT false;

-- Workers whose oath to a period became whole after it was written.
CREATE TABLE dm.worker_period_late (
    worker_no    bigint NOT NULL,
    period_start timestamptz NOT NULL,
    arrived_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (worker_no, period_start),
    FOREIGN KEY (worker_no, period_start) REFERENCES dm.worker_period
);

-- Sandboxes and periods to be looked at again. stated_in: the period of the account whose statement did; null: none has.
CREATE TABLE dm.late (
    late_no      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_no   bigint NOT NULL,
    period_start timestamptz NOT NULL,
    sandbox_id   bytea NOT NULL,
    stated_in    timestamptz
);
CREATE INDEX late_owed ON dm.late (account_no, period_start, sandbox_id) WHERE stated_in IS NULL;

-- Running seconds that went into a month's pool: of a sandbox, in the part of of_period in which one price and one plan held,
-- stated in period_start. Of a correction what it adds; it may be negative.
CREATE TABLE dm.statement_pool (
    account_no   bigint NOT NULL,
    period_start timestamptz NOT NULL,
    of_period    timestamptz NOT NULL,
    sandbox_id   bytea NOT NULL,
    charge_from  timestamptz NOT NULL,
    charge_to    timestamptz NOT NULL,
    price_group  text NOT NULL,
    book_id      bigint NOT NULL,
    included_s   bigint NOT NULL,
    seconds      bigint NOT NULL CHECK (seconds <> 0),
    PRIMARY KEY (account_no, period_start, of_period, sandbox_id, book_id, charge_from)
);
CREATE INDEX statement_pool_of ON dm.statement_pool (account_no, of_period, sandbox_id);

-- pool_kept: its pooled seconds stand in statement_pool. Of a month with others a late second cannot be rated again.
ALTER TABLE dm.statement
    ADD COLUMN pool_kept boolean NOT NULL DEFAULT false;
DO $$
DECLARE c text;
BEGIN
    FOR c IN SELECT conname FROM pg_constraint WHERE conrelid = 'dm.statement'::regclass AND contype = 'c'
             AND pg_get_constraintdef(oid) LIKE '%version%' LOOP
        EXECUTE format('ALTER TABLE dm.statement DROP CONSTRAINT %I', c);
    END LOOP;
    FOR c IN SELECT conname FROM pg_constraint WHERE conrelid = 'dm.statement_line'::regclass AND contype = 'c'
             AND pg_get_constraintdef(oid) LIKE '%seconds%' LOOP
        EXECUTE format('ALTER TABLE dm.statement_line DROP CONSTRAINT %I', c);
    END LOOP;
END $$;
ALTER TABLE dm.statement
    ADD CONSTRAINT statement_version CHECK (version IN (1, 2, 3)),
    ADD CONSTRAINT statement_paged CHECK (version > 1 OR pages = 0);
ALTER TABLE dm.statement_line
    ADD CONSTRAINT statement_line_seconds CHECK (seconds >= 0 OR kind = 'correction'),
    ADD CONSTRAINT statement_line_corrects CHECK ((kind = 'correction') = (corrects_period IS NOT NULL)
                                                  AND (corrects_period < period_start OR kind <> 'correction'));
CREATE INDEX statement_line_correction ON dm.statement_line (account_no, corrects_period) WHERE kind = 'correction';

DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['usage_late', 'worker_period_late'] LOOP
        EXECUTE format('CREATE TRIGGER immutable BEFORE UPDATE OR DELETE ON dm.%I
                        FOR EACH ROW EXECUTE FUNCTION dm.immutable()', t);
    END LOOP;
    FOREACH t IN ARRAY ARRAY['usage_late', 'worker_period_late', 'late', 'statement_pool'] LOOP
        EXECUTE format('CREATE TRIGGER immutable_truncate BEFORE TRUNCATE ON dm.%I
                        FOR EACH STATEMENT EXECUTE FUNCTION dm.immutable()', t);
        EXECUTE format('GRANT SELECT, INSERT ON dm.%I TO dm_meter', t);
        EXECUTE format('GRANT SELECT ON dm.%I TO dm_ops', t);
    END LOOP;
    FOREACH t IN ARRAY ARRAY['usage_late', 'late', 'statement_pool'] LOOP
        EXECUTE format('ALTER TABLE dm.%I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE dm.%I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY tenant ON dm.%I FOR SELECT TO dm_api USING (account_no = dm.account_no())', t);
        EXECUTE format('CREATE POLICY everyone ON dm.%I TO dm_meter, dm_migrate USING (true) WITH CHECK (true)', t);
        EXECUTE format('CREATE POLICY reading ON dm.%I FOR SELECT TO dm_ops USING (true)', t);
    END LOOP;
END $$;
GRANT UPDATE (stated_in) ON dm.late TO dm_meter;

-- Once stated, it stays.
CREATE FUNCTION dm.late_stays() RETURNS trigger LANGUAGE plpgsql SET search_path = dm, pg_temp AS $$
BEGIN
    IF TG_OP = 'DELETE' OR OLD.stated_in IS NOT NULL OR NEW.stated_in IS NULL
       OR (OLD.late_no, OLD.account_no, OLD.period_start, OLD.sandbox_id)
          IS DISTINCT FROM (NEW.late_no, NEW.account_no, NEW.period_start, NEW.sandbox_id) THEN
        RAISE EXCEPTION '% is never changed, only added to', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER late_stays BEFORE UPDATE OR DELETE ON dm.late FOR EACH ROW EXECUTE FUNCTION dm.late_stays();

CREATE TRIGGER immutable BEFORE UPDATE ON dm.statement_pool FOR EACH ROW EXECUTE FUNCTION dm.immutable();
CREATE TRIGGER stated_stays BEFORE DELETE ON dm.statement_pool FOR EACH ROW EXECUTE FUNCTION dm.stated_stays();
CREATE TRIGGER stated_only_once AFTER INSERT ON dm.statement_pool REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION dm.stated_only_once();

CREATE OR REPLACE FUNCTION dm.drop_draft(account bigint, start timestamptz) RETURNS int LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = dm, pg_temp AS $$
DECLARE n int;
BEGIN
    IF EXISTS (SELECT FROM statement WHERE account_no = account AND period_start = start) THEN
        RETURN 0;
    END IF;
    DELETE FROM statement_line WHERE account_no = account AND period_start = start;
    DELETE FROM statement_pool WHERE account_no = account AND period_start = start;
    DELETE FROM statement_page WHERE account_no = account AND period_start = start;
    GET DIAGNOSTICS n = ROW_COUNT;
    RETURN n;
END $$;
