-- Rules of tax are made by two people: one drafts, another approves. What is approved is never edited: it ends where the next rule for
-- the same case begins, and not else, so that whatever a rule was once made for has exactly one at every moment after.

ALTER TABLE dm.tax_rule
    ADD COLUMN status text NOT NULL DEFAULT 'approved' CHECK (status IN ('draft', 'approved', 'withdrawn')),
    ADD COLUMN drafted_by text, ADD COLUMN drafted_at timestamptz, ADD COLUMN drafted_why text,
    ADD COLUMN approved_by text CHECK (approved_by <> drafted_by), ADD COLUMN approved_at timestamptz, ADD COLUMN approved_why text,
    ADD COLUMN withdrawn_by text, ADD COLUMN withdrawn_at timestamptz, ADD COLUMN withdrawn_why text,
    ADD CHECK (status = 'approved' OR drafted_by IS NOT NULL),
    ADD CHECK (drafted_by IS NULL OR status <> 'approved' OR approved_by IS NOT NULL),
    ADD CHECK ((status = 'withdrawn') = (withdrawn_by IS NOT NULL));

-- Of rows that were entered before, the later one held where two did.
UPDATE dm.tax_rule r SET valid_to = n.begins FROM (
    SELECT rule_no, lead(valid_from) OVER (PARTITION BY seller, buyer, business ORDER BY valid_from, rule_no) AS begins
    FROM dm.tax_rule) n
    WHERE n.rule_no = r.rule_no AND n.begins IS NOT NULL AND (r.valid_to IS NULL OR r.valid_to > n.begins);
ALTER TABLE dm.tax_rule ADD CONSTRAINT tax_rule_once EXCLUDE USING gist (seller WITH =, buyer WITH =,
    (coalesce(business::int, -1)) WITH =, tstzrange(valid_from, valid_to) WITH &&) WHERE (status = 'approved');

CREATE FUNCTION dm.tax_rule_guard() RETURNS trigger LANGUAGE plpgsql SET search_path = dm, pg_temp AS $$
DECLARE
    soon timestamptz := clock_timestamp() + interval '1 minute';
    said text[] := ARRAY['status', 'valid_to', 'approved_by', 'approved_at', 'approved_why', 'withdrawn_by', 'withdrawn_at',
                         'withdrawn_why'];
BEGIN
    IF NOT dm.is_program() THEN
        RETURN NEW;
    END IF;
    IF TG_OP = 'INSERT' THEN
        IF NEW.status <> 'draft' OR NEW.valid_to IS NOT NULL OR NEW.drafted_by IS NULL OR NEW.approved_by IS NOT NULL THEN
            RAISE EXCEPTION 'a new rule of tax is a draft' USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF to_jsonb(NEW) - said <> to_jsonb(OLD) - said THEN
        RAISE EXCEPTION 'a rule of tax is never edited' USING ERRCODE = 'check_violation';
    END IF;
    IF OLD.status = 'draft' AND NEW.status = 'approved' AND NEW.valid_to IS NULL AND NEW.approved_by IS NOT NULL THEN
        IF NEW.valid_from < soon THEN
            RAISE EXCEPTION 'a rule of tax begins a minute from now at the earliest' USING ERRCODE = 'check_violation';
        END IF;
        PERFORM pg_advisory_xact_lock(hashtext('dm.tax_rule'));
        SELECT min(r.valid_from) INTO NEW.valid_to FROM tax_rule r WHERE r.status = 'approved'
            AND (r.seller, r.buyer) = (NEW.seller, NEW.buyer) AND r.business IS NOT DISTINCT FROM NEW.business
            AND r.valid_from > NEW.valid_from;
        UPDATE tax_rule r SET valid_to = NEW.valid_from WHERE r.status = 'approved'
            AND (r.seller, r.buyer) = (NEW.seller, NEW.buyer) AND r.business IS NOT DISTINCT FROM NEW.business
            AND r.valid_from < NEW.valid_from AND (r.valid_to IS NULL OR r.valid_to > NEW.valid_from);
    ELSIF OLD.status = 'approved' AND NEW.status = 'approved' AND pg_trigger_depth() >= 2
          AND to_jsonb(NEW) - 'valid_to' = to_jsonb(OLD) - 'valid_to' THEN
        RETURN NEW;   -- its end, which the next one sets
    ELSIF NOT (OLD.status = 'draft' AND NEW.status = 'withdrawn' AND NEW.approved_by IS NULL AND NEW.valid_to IS NULL) THEN
        RAISE EXCEPTION 'rule % of tax is %', OLD.rule_no, OLD.status USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER tax_rule_guard BEFORE INSERT OR UPDATE ON dm.tax_rule FOR EACH ROW EXECUTE FUNCTION dm.tax_rule_guard();
GRANT UPDATE (status, approved_by, approved_at, approved_why, withdrawn_by, withdrawn_at, withdrawn_why) ON dm.tax_rule TO dm_ops;
