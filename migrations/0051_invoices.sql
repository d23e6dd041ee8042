-- What is owed and paid: who sells, which tax holds, invoices and credit notes with their lines, payments, and what operators
-- order of them. A document is written once, signed, numbered without a gap, and never changed: what becomes of it stands
-- beside it, as events.

-- --- who sells, and tax --------------------------------------------------------------------------------------------------

-- Who issues. Its data are frozen into each document; what changes here changes nothing that was issued.
CREATE TABLE dm.legal_entity (
    entity_no  smallint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name       text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    address    text NOT NULL DEFAULT '',
    country    char(2) NOT NULL,
    tax_id     text,                                      -- begins with its country (EN 16931, BR-CO-09)
    legal_id   text,                                      -- in a register of companies
    email      text,
    iban       text,
    bic        text,
    terms_days int NOT NULL DEFAULT 14 CHECK (terms_days BETWEEN 0 AND 365),
    url        text NOT NULL DEFAULT ''                   -- links in letters begin with it; '': letters have none
);
INSERT INTO dm.legal_entity (name, country) VALUES ('Dormouse', 'ZZ');

ALTER TABLE dm.account
    ADD COLUMN entity_no smallint NOT NULL DEFAULT 1 REFERENCES dm.legal_entity,
    ADD COLUMN purchase_order text CHECK (length(purchase_order) BETWEEN 1 AND 100),
    ADD COLUMN tax_id_check text CHECK (length(tax_id_check) BETWEEN 1 AND 300);     -- what said that it is valid, when, whom
GRANT UPDATE (purchase_order) ON dm.account TO dm_api;

-- A check is of one id and country.
CREATE FUNCTION dm.tax_id_unchecked() RETURNS trigger LANGUAGE plpgsql SET search_path = dm, pg_temp AS $$
BEGIN
    NEW.tax_id_check := NULL;
    RETURN NEW;
END $$;
CREATE TRIGGER tax_id_unchecked BEFORE UPDATE OF tax_id, country ON dm.account FOR EACH ROW
    WHEN (NEW.tax_id IS DISTINCT FROM OLD.tax_id OR NEW.country IS DISTINCT FROM OLD.country)
    EXECUTE FUNCTION dm.tax_id_unchecked();

CREATE TABLE dm.tax_area (
    country char(2) PRIMARY KEY,
    area    text NOT NULL CHECK (length(area) BETWEEN 1 AND 3)
);
INSERT INTO dm.tax_area SELECT c, 'EU' FROM unnest(string_to_array(
    'AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK', ' ')) c;

-- Which tax holds (metering/rules/tax.h): the row that says most does. Entered by operators after a tax adviser's word.
CREATE TABLE dm.tax_rule (
    rule_no        int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    seller         text NOT NULL,                        -- a country, or '*'
    buyer          text NOT NULL,                        -- a country, an area, or '*'
    business       boolean,                              -- whether the buyer has a tax id that was checked; null: either
    category       text NOT NULL CHECK (category IN ('S', 'Z', 'E', 'AE', 'O', 'G', 'K', 'L', 'M')),
    rate_ppm       int NOT NULL DEFAULT 0 CHECK (rate_ppm BETWEEN 0 AND 1000000),
    reverse_charge boolean NOT NULL DEFAULT false,
    jurisdiction   text NOT NULL CHECK (jurisdiction ~ '^[A-Za-z0-9-]{1,20}$'),
    reason_code    text,
    reason         text,
    valid_from     timestamptz NOT NULL DEFAULT now(),
    valid_to       timestamptz,
    CHECK (CASE WHEN category = 'S' THEN rate_ppm > 0 WHEN category IN ('L', 'M') THEN true ELSE rate_ppm = 0 END),
    CHECK (category IN ('S', 'Z', 'L', 'M') = (reason IS NULL AND reason_code IS NULL)),
    CHECK (reverse_charge = (category = 'AE') AND (NOT reverse_charge OR business))
);
-- Who sells without being registered for tax charges none, until a row says otherwise.
INSERT INTO dm.tax_rule (seller, buyer, category, jurisdiction, reason_code, reason, valid_from)
    VALUES ('*', '*', 'O', 'none', 'VATEX-EU-O', 'Not subject to VAT', '2026-01-01Z');

-- --- documents -----------------------------------------------------------------------------------------------------------

-- Numbers, by seller and series ("INV-2026", "CN-2026"), and the chain through all documents of a seller. Rows are locked by
-- whoever issues until his commit: a number that was not committed is given again.
CREATE TABLE dm.invoice_series (
    entity_no smallint NOT NULL REFERENCES dm.legal_entity,
    series    text NOT NULL,
    last      bigint NOT NULL CHECK (last > 0),
    PRIMARY KEY (entity_no, series)
);
CREATE TABLE dm.invoice_chain (
    entity_no smallint PRIMARY KEY REFERENCES dm.legal_entity,
    last      bigint NOT NULL DEFAULT 0,
    sha256    bytea NOT NULL DEFAULT decode(repeat('00', 32), 'hex') CHECK (octet_length(sha256) = 32)
);

-- An invoice or credit note (metering/rules/invoice.h describes its body). frozen: seller, buyer, books, plans and what else
-- of the body does not stand in columns and lines, as it was.
CREATE TABLE dm.invoice (
    account_no      bigint NOT NULL REFERENCES dm.account,
    invoice_no      bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    kind            text NOT NULL CHECK (kind IN ('invoice', 'credit_note')),
    number          text NOT NULL,
    entity_no       smallint NOT NULL REFERENCES dm.legal_entity,
    chain           bigint NOT NULL,
    currency        char(3) NOT NULL,
    period_start    timestamptz NOT NULL,
    period_end      timestamptz NOT NULL CHECK (period_end > period_start),
    issued_at       timestamptz NOT NULL,
    due_on          date,
    refers_to       bigint REFERENCES dm.invoice (invoice_no),
    reason          text,
    exact_total     numeric(38, 18) NOT NULL,
    discount        numeric(38, 18) NOT NULL CHECK (discount >= 0),
    net             numeric(38, 18) NOT NULL,
    tax             numeric(38, 18) NOT NULL,
    total           numeric(38, 18) NOT NULL CHECK (total = net + tax),
    prepaid         numeric(38, 18) NOT NULL CHECK (prepaid >= 0),
    rounding        numeric(38, 18) NOT NULL CHECK (rounding = exact_total - discount - net),
    frozen          jsonb NOT NULL,
    body            bytea COMPRESSION lz4 NOT NULL,
    sha256          bytea NOT NULL CHECK (sha256 = sha256(body)),
    previous_sha256 bytea NOT NULL CHECK (octet_length(previous_sha256) = 32),
    public_key      bytea NOT NULL REFERENCES dm.service_key,
    signature       bytea NOT NULL CHECK (octet_length(signature) = 64),
    PRIMARY KEY (account_no, invoice_no),
    UNIQUE (entity_no, number),
    UNIQUE (entity_no, chain),
    CHECK (CASE kind WHEN 'invoice' THEN refers_to IS NULL AND due_on IS NOT NULL AND total >= 0
           ELSE refers_to IS NOT NULL AND reason IS NOT NULL AND due_on IS NULL AND total > 0 AND prepaid = 0 END)
);
CREATE INDEX invoice_refers ON dm.invoice (refers_to) WHERE refers_to IS NOT NULL;

CREATE TABLE dm.invoice_tax (
    account_no     bigint NOT NULL,
    invoice_no     bigint NOT NULL,
    tax_no         int NOT NULL,                          -- from 1
    category       text NOT NULL,
    rate_ppm       int NOT NULL,
    reverse_charge boolean NOT NULL,
    jurisdiction   text NOT NULL,
    reason_code    text,
    reason         text,
    exact          numeric(38, 18) NOT NULL,
    discount       numeric(38, 18) NOT NULL,
    lines          numeric(38, 18) NOT NULL,
    base           numeric(38, 18) NOT NULL,
    amount         numeric(38, 18) NOT NULL,
    rounding       numeric(38, 18) NOT NULL CHECK (rounding = exact - discount - base),
    PRIMARY KEY (account_no, invoice_no, tax_no)
);

-- project_no null: of the account as a whole. amount is exact, net its printed share.
CREATE TABLE dm.invoice_line (
    account_no   bigint NOT NULL,
    invoice_no   bigint NOT NULL,
    line_no      int NOT NULL,
    kind         text NOT NULL CHECK (kind IN ('usage', 'correction', 'credit', 'fee')),
    project_no   int,
    project_id   uuid,
    project_name text,
    sku          text NOT NULL,
    tier         smallint NOT NULL,
    book_id      bigint,
    qty          numeric(20, 6),
    per_unit     numeric(18, 12),
    seconds      bigint NOT NULL,
    amount       numeric(38, 18) NOT NULL,
    net          numeric(38, 18) NOT NULL,
    tax_no       int NOT NULL,
    of_line      int,                                     -- of the invoice that is credited
    PRIMARY KEY (account_no, invoice_no, line_no),
    CHECK (kind NOT IN ('usage', 'correction') OR qty IS NULL OR amount = qty * per_unit)
);

-- Which statements an invoice is of. live: it was not voided; of those a statement has one.
CREATE TABLE dm.invoice_statement (
    account_no   bigint NOT NULL,
    invoice_no   bigint NOT NULL,
    period_start timestamptz NOT NULL,
    number       bigint NOT NULL,
    sha256       bytea NOT NULL,
    total        numeric(38, 18) NOT NULL,
    live         boolean NOT NULL DEFAULT true,
    PRIMARY KEY (account_no, invoice_no, period_start),
    FOREIGN KEY (account_no, period_start) REFERENCES dm.statement
);
CREATE UNIQUE INDEX invoice_statement_once ON dm.invoice_statement (account_no, period_start) WHERE live;

-- What became of it. invoice_state is the last word of its events, for lists.
CREATE TABLE dm.invoice_event (
    account_no bigint NOT NULL,
    invoice_no bigint NOT NULL,
    n          int NOT NULL CHECK (n > 0),
    at         timestamptz NOT NULL,
    status     text NOT NULL CHECK (status IN ('issued', 'paid', 'partially_paid', 'overdue', 'disputed', 'uncollectible',
                                               'voided')),
    why        text NOT NULL,                             -- 'payment', 'credit_note CN-2026-000001', 'due 2026-03-15'
    who        text NOT NULL,                             -- 'policy:invoice', 'operator:NAME'
    PRIMARY KEY (account_no, invoice_no, n)
);
CREATE TABLE dm.invoice_state (
    account_no    bigint NOT NULL,
    invoice_no    bigint NOT NULL,
    status        text NOT NULL,
    paid          numeric(38, 18) NOT NULL DEFAULT 0 CHECK (paid >= 0),       -- by payments; prepaid is not in it
    credited      numeric(38, 18) NOT NULL DEFAULT 0 CHECK (credited >= 0),
    open          numeric(38, 18) NOT NULL CHECK (open >= 0),                 -- still to be paid
    due_on        date,
    disputed      boolean NOT NULL DEFAULT false,
    uncollectible boolean NOT NULL DEFAULT false,
    voided        boolean NOT NULL DEFAULT false,
    events        int NOT NULL DEFAULT 0,
    PRIMARY KEY (account_no, invoice_no)
);
CREATE INDEX invoice_state_due ON dm.invoice_state (due_on) WHERE status IN ('issued', 'partially_paid');

-- amount: what came; to_wallet: what of it the invoice had no need of.
CREATE TABLE dm.invoice_payment (
    account_no  bigint NOT NULL,
    payment_no  bigint GENERATED ALWAYS AS IDENTITY,
    invoice_no  bigint NOT NULL,
    currency    char(3) NOT NULL,
    amount      numeric(38, 18) NOT NULL CHECK (amount > 0),
    to_wallet   numeric(38, 18) NOT NULL DEFAULT 0 CHECK (to_wallet BETWEEN 0 AND amount),
    received_on date NOT NULL,
    how         text NOT NULL CHECK (how IN ('operator', 'bank')),
    reference   text NOT NULL,
    idem_key    text NOT NULL UNIQUE,
    at          timestamptz NOT NULL,
    PRIMARY KEY (account_no, payment_no)
);

-- How an account's month was invoiced: 'invoiced'; 'nothing': it came to nothing; 'carried': to less than can be paid, or to
-- the customer's favour, and goes into the next.
CREATE TABLE dm.invoice_month (
    account_no bigint NOT NULL REFERENCES dm.account,
    month      date NOT NULL CHECK (extract(day FROM month) = 1),
    outcome    text NOT NULL CHECK (outcome IN ('invoiced', 'nothing', 'carried')),
    invoice_no bigint,
    why        text NOT NULL,
    at         timestamptz NOT NULL,
    PRIMARY KEY (account_no, month)
);
-- A month of which nobody has anything left to invoice.
CREATE TABLE dm.invoice_round (
    month   date PRIMARY KEY,
    done_at timestamptz NOT NULL
);

-- --- what operators order ------------------------------------------------------------------------------------------------

-- Above it an order waits for a second person. A currency without a row has the limit 0.
CREATE TABLE dm.invoice_order_limit (
    currency char(3) PRIMARY KEY,
    amount   numeric(38, 18) NOT NULL CHECK (amount >= 0)
);
INSERT INTO dm.invoice_order_limit VALUES ('USD', 1000), ('EUR', 1000), ('CNY', 7000);

-- The API writes what is ordered, the meter does it and says on the row what came of it.
CREATE TABLE dm.invoice_order (
    account_no  bigint NOT NULL REFERENCES dm.account,
    order_no    bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    kind        text NOT NULL CHECK (kind IN ('draft', 'issue', 'void', 'credit', 'pay', 'dispute', 'settle_dispute',
                                              'uncollectible')),
    invoice_no  bigint REFERENCES dm.invoice (invoice_no),                   -- null: draft, issue
    month       date CHECK (extract(day FROM month) = 1),                    -- of draft, issue
    currency    char(3) NOT NULL,
    amount      numeric(38, 18) CHECK (amount > 0),                          -- of pay; of others what is at stake
    detail      jsonb NOT NULL DEFAULT '{}',
    who         text NOT NULL,
    why         text NOT NULL CHECK (length(why) BETWEEN 1 AND 500),
    idem_key    text NOT NULL UNIQUE CHECK (length(idem_key) BETWEEN 1 AND 200),
    at          timestamptz NOT NULL DEFAULT now(),
    approved_by text CHECK (approved_by <> who),
    approved_at timestamptz,
    state       text NOT NULL DEFAULT 'ordered' CHECK (state IN ('waiting', 'ordered', 'done', 'refused')),
    outcome     jsonb,
    done_at     timestamptz,
    PRIMARY KEY (account_no, order_no),
    CHECK ((kind IN ('draft', 'issue')) = (invoice_no IS NULL) AND (kind IN ('draft', 'issue')) = (month IS NOT NULL)),
    CHECK (kind NOT IN ('pay', 'void', 'credit', 'uncollectible') OR amount IS NOT NULL)
);
CREATE INDEX invoice_order_open ON dm.invoice_order (order_no) WHERE state = 'ordered';

-- Whether a second person is asked for is not the API's to say, nor can a word of one person pass for two.
CREATE FUNCTION dm.invoice_order_second() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = dm, pg_temp AS $$
DECLARE
    bound numeric := coalesce((SELECT l.amount FROM invoice_order_limit l WHERE l.currency = NEW.currency), 0);
BEGIN
    IF TG_OP = 'INSERT' THEN
        NEW.approved_by := NULL;
        NEW.approved_at := NULL;
        NEW.outcome := NULL;
        NEW.done_at := NULL;
        NEW.state := CASE WHEN coalesce(NEW.amount, 0) > bound THEN 'waiting' ELSE 'ordered' END;
    ELSIF NEW.approved_by IS DISTINCT FROM OLD.approved_by THEN
        IF OLD.state <> 'waiting' OR NEW.approved_by IS NULL THEN
            RAISE EXCEPTION 'order % waits for nobody', OLD.order_no USING ERRCODE = 'check_violation';
        END IF;
        NEW.approved_at := now();
        NEW.state := 'ordered';
    ELSIF OLD.state <> 'ordered' THEN
        RAISE EXCEPTION 'order % is %', OLD.order_no, OLD.state USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
REVOKE ALL ON FUNCTION dm.invoice_order_second() FROM public;
CREATE TRIGGER invoice_order_second BEFORE INSERT OR UPDATE ON dm.invoice_order
    FOR EACH ROW EXECUTE FUNCTION dm.invoice_order_second();

-- --- what never changes, and who may what ----------------------------------------------------------------------------------

DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['invoice', 'invoice_tax', 'invoice_line', 'invoice_event', 'invoice_payment'] LOOP
        EXECUTE format('CREATE TRIGGER immutable BEFORE UPDATE OR DELETE ON dm.%I
                        FOR EACH ROW EXECUTE FUNCTION dm.immutable()', t);
    END LOOP;
    FOREACH t IN ARRAY ARRAY['invoice', 'invoice_tax', 'invoice_line', 'invoice_event', 'invoice_payment',
                             'invoice_statement', 'invoice_state', 'invoice_month', 'invoice_order'] LOOP
        EXECUTE format('CREATE TRIGGER immutable_truncate BEFORE TRUNCATE ON dm.%I
                        FOR EACH STATEMENT EXECUTE FUNCTION dm.immutable()', t);
        EXECUTE format('ALTER TABLE dm.%I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE dm.%I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY everyone ON dm.%I TO dm_meter, dm_migrate USING (true) WITH CHECK (true)', t);
        IF t = 'invoice_order' THEN
            CREATE POLICY ordering ON dm.invoice_order TO dm_ops USING (true) WITH CHECK (true);
        ELSE
            EXECUTE format('CREATE POLICY tenant ON dm.%I FOR SELECT TO dm_api USING (account_no = dm.account_no())', t);
            EXECUTE format('CREATE POLICY reading ON dm.%I FOR SELECT TO dm_ops USING (true)', t);
            EXECUTE format('GRANT SELECT ON dm.%I TO dm_api', t);
        END IF;
        EXECUTE format('GRANT SELECT, INSERT ON dm.%I TO dm_meter', t);
        EXECUTE format('GRANT SELECT ON dm.%I TO dm_ops', t);
    END LOOP;
END $$;
REVOKE INSERT ON dm.invoice_order FROM dm_meter;
GRANT INSERT, UPDATE (approved_by) ON dm.invoice_order TO dm_ops;
GRANT UPDATE (state, outcome, done_at) ON dm.invoice_order TO dm_meter;
GRANT UPDATE (live) ON dm.invoice_statement TO dm_meter;
GRANT UPDATE (status, paid, credited, open, disputed, uncollectible, voided, events) ON dm.invoice_state TO dm_meter;
GRANT UPDATE (outcome, invoice_no, why, at) ON dm.invoice_month TO dm_meter;
GRANT SELECT ON dm.legal_entity, dm.tax_rule, dm.tax_area, dm.invoice_round, dm.invoice_order_limit TO dm_meter, dm_ops;
GRANT SELECT, INSERT, UPDATE ON dm.invoice_series, dm.invoice_chain TO dm_meter;
GRANT SELECT ON dm.invoice_series, dm.invoice_chain TO dm_ops;
GRANT INSERT ON dm.invoice_round TO dm_meter;
GRANT INSERT, UPDATE ON dm.legal_entity TO dm_ops;
GRANT INSERT, UPDATE (valid_to) ON dm.tax_rule TO dm_ops;
GRANT INSERT, UPDATE ON dm.tax_area, dm.invoice_order_limit TO dm_ops;

-- A statement that an invoice is of, and that invoice's end, is let go of once and not taken back.
CREATE FUNCTION dm.invoice_statement_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT OLD.live OR NEW.live THEN
        RAISE EXCEPTION 'what an invoice is of is never changed' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER invoice_statement_stays BEFORE UPDATE ON dm.invoice_statement
    FOR EACH ROW EXECUTE FUNCTION dm.invoice_statement_once();
CREATE TRIGGER invoice_statement_kept BEFORE DELETE ON dm.invoice_statement FOR EACH ROW EXECUTE FUNCTION dm.immutable();

-- Nothing is added to a document that stands: its parts come in the transaction that issues it.
CREATE FUNCTION dm.invoice_complete() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = dm, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM (SELECT DISTINCT account_no, invoice_no FROM added) a WHERE NOT EXISTS
               (SELECT FROM invoice i WHERE i.account_no = a.account_no AND i.invoice_no = a.invoice_no
                AND i.xmin = pg_current_xact_id()::xid)) THEN
        RAISE EXCEPTION '% of a document that is issued', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION dm.invoice_complete() FROM public;
DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['invoice_tax', 'invoice_line', 'invoice_statement'] LOOP
        EXECUTE format('CREATE TRIGGER invoice_complete AFTER INSERT ON dm.%I REFERENCING NEW TABLE AS added
                        FOR EACH STATEMENT EXECUTE FUNCTION dm.invoice_complete()', t);
    END LOOP;
END $$;

-- Letters about invoices are the meter's.
GRANT INSERT ON dm.mail TO dm_meter;
