-- What operators have written out of all accounts of a legal entity: journal, tax, what is owed, revenue. The same orders, carried out
-- by the same program, which sees of it what the views below show, of the entity in scope alone. And an account's usage by day.

-- --- orders ----------------------------------------------------------------------------------------------------------------

-- whose: an account's number, or a legal entity's below 0.
ALTER TABLE dm.export
    DROP CONSTRAINT export_pkey,
    DROP CONSTRAINT export_account_no_idem_key_key;
ALTER TABLE dm.export
    ALTER COLUMN account_no DROP NOT NULL,
    ADD COLUMN entity_no smallint REFERENCES dm.legal_entity,
    ADD COLUMN whose bigint NOT NULL GENERATED ALWAYS AS (coalesce(account_no, -entity_no)) STORED,
    ADD CHECK (num_nonnulls(account_no, entity_no) = 1),
    ADD CHECK (account_no > 0 AND entity_no IS NULL OR entity_no > 0 AND account_no IS NULL),
    ADD PRIMARY KEY (whose, export_no),
    ADD UNIQUE (whose, idem_key);
DROP INDEX dm.export_running;
CREATE UNIQUE INDEX export_running ON dm.export (whose) WHERE state = 'running';
CREATE INDEX export_entities ON dm.export (export_no) WHERE entity_no IS NOT NULL;
GRANT INSERT (entity_no) ON dm.export TO dm_api, dm_ops;      -- of dm_api, row-level security lets none through

CREATE OR REPLACE FUNCTION dm.export_ask(whose bigint, what text, how text, since timestamptz, until timestamptz, document text,
                                         by_whom text, idem text, OUT made uuid, OUT again boolean, OUT other boolean)
    LANGUAGE plpgsql SET search_path = dm, pg_temp AS $$
BEGIN
    SELECT e.id, true, (e.dataset, e.format) IS DISTINCT FROM (what, how) OR e.from_at IS DISTINCT FROM since
           OR e.to_at IS DISTINCT FROM until OR e.number IS DISTINCT FROM document
        INTO made, again, other FROM export e WHERE e.whose = export_ask.whose AND e.idem_key = idem;
    IF FOUND THEN
        RETURN;
    END IF;
    again := false;
    other := false;
    IF (SELECT count(*) FROM export e WHERE e.whose = export_ask.whose AND e.state IN ('queued', 'running')
        AND e.cancel_at IS NULL) >= 20 THEN
        RETURN;
    END IF;
    INSERT INTO export (account_no, entity_no, dataset, format, from_at, to_at, number, who, idem_key)
        VALUES (CASE WHEN export_ask.whose > 0 THEN export_ask.whose END, CASE WHEN export_ask.whose < 0 THEN -export_ask.whose END,
                what, how, since, until, document, by_whom, coalesce(idem, gen_random_uuid()::text))
        ON CONFLICT ON CONSTRAINT export_whose_idem_key_key DO NOTHING RETURNING id INTO made;
    IF made IS NULL THEN                                      -- somebody else, at this moment
        RAISE EXCEPTION 'asked for twice at once' USING ERRCODE = 'serialization_failure';
    END IF;
END $$;

-- --- of a legal entity ------------------------------------------------------------------------------------------------------

CREATE FUNCTION dm.entity_no() RETURNS smallint LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('dm.entity_no', true), '')::smallint;

-- The day of UTC that a booking counts for. A period's counts from its end on, and is of the day that ends there.
CREATE FUNCTION dm.booked_on(kind text, at timestamptz) RETURNS date LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (CASE kind WHEN 'close' THEN (at AT TIME ZONE 'UTC') - interval '1 us' ELSE at AT TIME ZONE 'UTC' END)::date;
CREATE INDEX journal_txn_day ON dm.journal_txn (dm.booked_on(kind, effective_at));
-- Without what statements book, which is nearly all: what documents and money did.
CREATE INDEX journal_txn_acts ON dm.journal_txn (dm.booked_on(kind, effective_at)) WHERE kind <> 'close';

-- Views are read as their owner reads: they show what they show, and row-level security nothing more.
CREATE VIEW dm.entity_account AS
    SELECT entity_no, account_no, id, legal_name FROM dm.account WHERE entity_no = dm.entity_no();

CREATE VIEW dm.entity_booking AS
    SELECT a.entity_no, t.account_no, a.id AS account, t.number, t.kind, dm.booked_on(t.kind, t.effective_at) AS day,
           CASE WHEN t.kind IN ('issue', 'hourly', 'void', 'credit_note', 'commitment') THEN split_part(t.idem_key, ':', 3)
                WHEN t.kind = 'payment' THEN substr(t.idem_key, 5)
                WHEN t.kind = 'grant' THEN substr(t.idem_key, 14)
                WHEN t.kind = 'bad_debt' THEN (SELECT i.number FROM dm.invoice i WHERE i.invoice_no = split_part(t.idem_key, ':', 2)::bigint)
           END AS reference,
           n.name AS ledger, e.currency, e.amount
    FROM dm.journal_txn t JOIN dm.account a USING (account_no) JOIN dm.journal_entry e ON e.txn = t.id
        JOIN dm.ledger_account n USING (ledger_no)
    WHERE a.entity_no = dm.entity_no();

CREATE VIEW dm.entity_ledger AS
    SELECT DISTINCT a.entity_no, n.name AS ledger, n.currency
    FROM dm.account a JOIN dm.ledger_account n ON n.account_no IN (a.account_no, 0) AND n.currency = a.currency
    WHERE a.entity_no = dm.entity_no();

-- Tax of each document when it was issued, and once more, backwards, when it was voided.
CREATE VIEW dm.entity_tax AS
    SELECT i.entity_no, w.at, w.what, i.currency, t.jurisdiction, t.category, t.rate_ppm, t.reverse_charge,
           w.sign * t.base AS base, w.sign * t.amount AS tax
    FROM dm.invoice i JOIN dm.invoice_tax t USING (account_no, invoice_no)
        CROSS JOIN LATERAL (
            SELECT i.issued_at, i.kind, CASE i.kind WHEN 'invoice' THEN 1 ELSE -1 END
            UNION ALL
            SELECT v.at, 'void', -1 FROM dm.invoice_event v
                WHERE v.account_no = i.account_no AND v.invoice_no = i.invoice_no AND v.status = 'voided') w (at, what, sign)
    WHERE i.entity_no = dm.entity_no();

-- What was owed at a moment: of each invoice what neither the wallet nor a payment nor a credit note had settled by then. One that
-- was voided or given up is owed no more; what of a credit note was more than was open went into the wallet.
CREATE FUNCTION dm.entity_open(until timestamptz)
    RETURNS TABLE (account_no bigint, account uuid, name text, chain bigint, number text, issued_at timestamptz, due_on date,
                   status text, total numeric, open numeric, currency char(3))
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = dm, pg_temp AS $$
    SELECT a.account_no, a.id, a.legal_name, i.chain, i.number, i.issued_at, i.due_on, s.status, i.total,
           i.total - i.prepaid - coalesce(p.amount, 0) - coalesce(c.amount, 0), i.currency
    FROM invoice i JOIN account a USING (account_no)
        LEFT JOIN LATERAL (SELECT sum(x.amount - x.to_wallet) AS amount FROM invoice_payment x
                           WHERE x.account_no = i.account_no AND x.invoice_no = i.invoice_no AND x.at < until) p ON true
        LEFT JOIN LATERAL (SELECT sum(n.total - coalesce((SELECT g.amount FROM wallet_grant g
                               WHERE g.idem_key = 'credit_rest:' || n.entity_no || ':' || n.number), 0)) AS amount
                           FROM invoice n WHERE n.refers_to = i.invoice_no AND n.issued_at < until) c ON true
        LEFT JOIN LATERAL (SELECT e.status FROM invoice_event e WHERE e.account_no = i.account_no AND e.invoice_no = i.invoice_no
                           AND e.at < until ORDER BY e.n DESC LIMIT 1) s ON true
    WHERE i.entity_no = dm.entity_no() AND i.kind = 'invoice' AND i.issued_at < until
        AND NOT EXISTS (SELECT FROM invoice_event e WHERE e.account_no = i.account_no AND e.invoice_no = i.invoice_no
                        AND e.at < until AND e.status IN ('voided', 'uncollectible'))
$$;
REVOKE ALL ON FUNCTION dm.entity_open(timestamptz) FROM public;

GRANT SELECT ON dm.entity_account, dm.entity_booking, dm.entity_ledger, dm.entity_tax TO dm_export;
GRANT EXECUTE ON FUNCTION dm.entity_open(timestamptz) TO dm_export;

-- --- an account's usage by day ------------------------------------------------------------------------------------------------

CREATE POLICY exporting ON dm.usage_day FOR SELECT TO dm_export USING (account_no = dm.account_no());
GRANT SELECT ON dm.usage_day TO dm_export;
