-- Who sells, as two people say it: what a legal entity is called, where it is and where it is paid. One drafts, another approves; what is
-- approved is never edited: it holds until the next one of that entity begins, and not else, so that at every moment an entity is called
-- by one name. An invoice has in it what held when it was issued.

CREATE TABLE dm.seller (
    seller_no     int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    entity_no     smallint NOT NULL REFERENCES dm.legal_entity,
    name          text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    address       text NOT NULL DEFAULT '',
    country       char(2) NOT NULL,
    tax_id        text,                                   -- begins with its country (EN 16931, BR-CO-09)
    legal_id      text,                                   -- in a register of companies
    email         text,
    iban          text,
    bic           text,
    terms_days    int NOT NULL CHECK (terms_days BETWEEN 0 AND 365),
    valid_from    timestamptz NOT NULL,
    valid_to      timestamptz CHECK (valid_to > valid_from),
    status        text NOT NULL CHECK (status IN ('draft', 'approved', 'withdrawn')),
    drafted_by    text, drafted_at timestamptz, drafted_why text,
    approved_by   text CHECK (approved_by <> drafted_by), approved_at timestamptz, approved_why text,
    withdrawn_by  text, withdrawn_at timestamptz, withdrawn_why text,
    CHECK (status = 'approved' OR drafted_by IS NOT NULL),
    CHECK (drafted_by IS NULL OR status <> 'approved' OR approved_by IS NOT NULL),
    CHECK ((status = 'withdrawn') = (withdrawn_by IS NOT NULL)),
    CONSTRAINT seller_once EXCLUDE USING gist (entity_no WITH =, tstzrange(valid_from, valid_to) WITH &&) WHERE (status = 'approved')
);
INSERT INTO dm.seller (entity_no, name, address, country, tax_id, legal_id, email, iban, bic, terms_days, valid_from, status)
    SELECT entity_no, name, address, country, tax_id, legal_id, email, iban, bic, terms_days, '2000-01-01 00:00:00+00', 'approved'
    FROM dm.legal_entity ORDER BY entity_no;

CREATE FUNCTION dm.seller_guard() RETURNS trigger LANGUAGE plpgsql SET search_path = dm, pg_temp AS $$
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
            RAISE EXCEPTION 'a new seller is a draft' USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF to_jsonb(NEW) - said <> to_jsonb(OLD) - said THEN
        RAISE EXCEPTION 'a seller is never edited' USING ERRCODE = 'check_violation';
    END IF;
    IF OLD.status = 'draft' AND NEW.status = 'approved' AND NEW.valid_to IS NULL AND NEW.approved_by IS NOT NULL THEN
        IF NEW.valid_from < soon THEN
            RAISE EXCEPTION 'a seller begins a minute from now at the earliest' USING ERRCODE = 'check_violation';
        END IF;
        PERFORM pg_advisory_xact_lock(hashtext('dm.seller'));
        SELECT min(s.valid_from) INTO NEW.valid_to FROM seller s WHERE s.status = 'approved' AND s.entity_no = NEW.entity_no
            AND s.valid_from > NEW.valid_from;
        UPDATE seller s SET valid_to = NEW.valid_from WHERE s.status = 'approved' AND s.entity_no = NEW.entity_no
            AND s.valid_from < NEW.valid_from AND (s.valid_to IS NULL OR s.valid_to > NEW.valid_from);
    ELSIF OLD.status = 'approved' AND NEW.status = 'approved' AND pg_trigger_depth() >= 2
          AND to_jsonb(NEW) - 'valid_to' = to_jsonb(OLD) - 'valid_to' THEN
        RETURN NEW;   -- its end, which the next one sets
    ELSIF NOT (OLD.status = 'draft' AND NEW.status = 'withdrawn' AND NEW.approved_by IS NULL AND NEW.valid_to IS NULL) THEN
        RAISE EXCEPTION 'seller % is %', OLD.seller_no, OLD.status USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER seller_guard BEFORE INSERT OR UPDATE ON dm.seller FOR EACH ROW EXECUTE FUNCTION dm.seller_guard();

GRANT SELECT ON dm.seller TO dm_meter, dm_ops;
GRANT INSERT, UPDATE (status, valid_to, approved_by, approved_at, approved_why, withdrawn_by, withdrawn_at, withdrawn_why) ON dm.seller TO dm_ops;
GRANT SELECT (entity_no, country, status, valid_from) ON dm.seller TO dm_api;
GRANT SELECT (entity_no, name, status, valid_from) ON dm.seller TO dm_export;

-- The tax on what an account would be invoiced now, as the invoice chooses it (metering/rules/tax.h): in millionths. Where no rule
-- holds no invoice is made, and nothing is kept for one.
CREATE OR REPLACE FUNCTION dm.tax_ppm(whose bigint) RETURNS int LANGUAGE sql STABLE SET search_path = dm, pg_temp
BEGIN ATOMIC
    SELECT coalesce((
        SELECT r.rate_ppm FROM dm.tax_rule r
        WHERE r.status = 'approved' AND r.valid_from <= now() AND (r.valid_to IS NULL OR r.valid_to > now())
            AND r.seller IN ('*', x.seller) AND r.buyer IN ('*', x.buyer, x.area) AND (r.business IS NULL OR r.business = x.business)
        ORDER BY (r.seller = x.seller)::int * 6
                 + CASE r.buyer WHEN x.buyer THEN 2 WHEN x.area THEN 1 ELSE 0 END * 2 + (r.business IS NOT NULL)::int DESC,
                 r.valid_from DESC, r.rule_no DESC LIMIT 1), 0)
    FROM (SELECT e.country::text AS seller, coalesce(a.country, '')::text AS buyer, t.area,
                 coalesce(a.tax_id, '') <> '' AND a.tax_id_check IS NOT NULL AS business
          FROM dm.account a LEFT JOIN dm.tax_area t ON t.country = a.country
          CROSS JOIN LATERAL (SELECT s.country FROM dm.seller s WHERE s.entity_no = a.entity_no AND s.status = 'approved'
                              AND s.valid_from <= now() ORDER BY s.valid_from DESC LIMIT 1) e
          WHERE a.account_no = whose) x;
END;

REVOKE INSERT, UPDATE ON dm.legal_entity FROM dm_ops;
ALTER TABLE dm.legal_entity DROP COLUMN name, DROP COLUMN address, DROP COLUMN country, DROP COLUMN tax_id, DROP COLUMN legal_id,
    DROP COLUMN email, DROP COLUMN iban, DROP COLUMN bic, DROP COLUMN terms_days;
