-- What a contract says a month costs at least is charged: with the month's invoice, a line of what its charges are short of it.

ALTER TABLE dm.invoice_line DROP CONSTRAINT invoice_line_kind_check;
ALTER TABLE dm.invoice_line
    ADD CONSTRAINT invoice_line_kind_check CHECK (kind IN ('usage', 'correction', 'credit', 'fee', 'commitment')),
    ADD CONSTRAINT invoice_line_commitment CHECK (kind <> 'commitment' OR amount <> 0 AND project_no IS NULL AND qty IS NULL);

-- A month that a document makes up to its least (metering/rules/invoice.h): what it came to by then, what had been charged of
-- it before, and what this document charges, or gives back where it has come to more since.
CREATE TABLE dm.invoice_commitment (
    account_no  bigint NOT NULL,
    invoice_no  bigint NOT NULL,
    month       date NOT NULL CHECK (extract(day FROM month) = 1),
    contract_no bigint NOT NULL REFERENCES dm.contract,
    least       numeric(38, 18) NOT NULL CHECK (least > 0),
    charges     numeric(38, 18) NOT NULL,
    before      numeric(38, 18) NOT NULL,
    amount      numeric(38, 18) NOT NULL,
    line_no     int,
    invoices    text NOT NULL,                            -- numbers of those before it that are counted in
    PRIMARY KEY (account_no, invoice_no, month),
    FOREIGN KEY (account_no, invoice_no) REFERENCES dm.invoice,
    CONSTRAINT invoice_commitment_due CHECK (amount = greatest(least - charges, 0) - before),
    CONSTRAINT invoice_commitment_line CHECK ((line_no IS NULL) = (amount = 0))
);
CREATE INDEX invoice_commitment_month ON dm.invoice_commitment (account_no, month);
CREATE TRIGGER immutable BEFORE UPDATE OR DELETE ON dm.invoice_commitment FOR EACH ROW EXECUTE FUNCTION dm.immutable();
CREATE TRIGGER immutable_truncate BEFORE TRUNCATE ON dm.invoice_commitment
    FOR EACH STATEMENT EXECUTE FUNCTION dm.immutable();
CREATE TRIGGER invoice_complete AFTER INSERT ON dm.invoice_commitment REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION dm.invoice_complete();
ALTER TABLE dm.invoice_commitment ENABLE ROW LEVEL SECURITY;
ALTER TABLE dm.invoice_commitment FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON dm.invoice_commitment FOR SELECT TO dm_api USING (account_no = dm.account_no());
CREATE POLICY everyone ON dm.invoice_commitment TO dm_meter, dm_migrate USING (true) WITH CHECK (true);
CREATE POLICY reading ON dm.invoice_commitment FOR SELECT TO dm_ops USING (true);
GRANT SELECT ON dm.invoice_commitment TO dm_api, dm_ops;
GRANT SELECT, INSERT ON dm.invoice_commitment TO dm_meter;

-- For whoever compares: what a document charges for commitments; and whether its lines and what was booked are that, and each
-- of its months that an invoice stands of comes to its least or its charges, by lines of statements, with all that stand.
CREATE FUNCTION dm.invoice_committed(whose bigint, invoice bigint, OUT amount numeric, OUT same boolean)
    LANGUAGE sql STABLE SET search_path = dm, pg_temp
BEGIN ATOMIC
    SELECT k.amount,
        k.amount = (SELECT coalesce(sum(l.amount), 0) FROM dm.invoice_line l WHERE l.account_no = whose
                    AND l.invoice_no = invoice AND l.kind = 'commitment')
        AND k.amount = (SELECT coalesce(sum(e.amount), 0) FROM dm.invoice i JOIN dm.journal_txn b
                        ON b.idem_key = format('commit:%s:%s', i.entity_no, i.number)
                        JOIN dm.journal_entry e ON e.txn = b.id JOIN dm.ledger_account n USING (ledger_no)
                        WHERE i.account_no = whose AND i.invoice_no = invoice AND n.name = 'unbilled')
        AND NOT EXISTS (
            SELECT FROM dm.invoice_commitment m JOIN dm.invoice_month o USING (account_no, month)
            JOIN dm.invoice_state w ON w.account_no = whose AND w.invoice_no = o.invoice_no AND NOT w.voided
            WHERE m.account_no = whose AND m.invoice_no = invoice AND (
                SELECT sum(x.amount) FROM dm.invoice_commitment x JOIN dm.invoice_state v USING (account_no, invoice_no)
                WHERE x.account_no = whose AND x.month = m.month AND NOT v.voided)
            <> greatest(0, m.least - coalesce((
                SELECT sum(l.amount) FROM dm.invoice_statement s JOIN dm.statement_line l USING (account_no, period_start)
                WHERE s.account_no = whose AND s.live
                AND (date_trunc('month', coalesce(l.corrects_period, l.period_start), 'UTC') AT TIME ZONE 'UTC')::date = m.month
            ), 0)))
    FROM (SELECT coalesce(sum(m.amount), 0) AS amount FROM dm.invoice_commitment m WHERE m.account_no = whose
          AND m.invoice_no = invoice) k;
END;
REVOKE ALL ON FUNCTION dm.invoice_committed(bigint, bigint) FROM public;
GRANT EXECUTE ON FUNCTION dm.invoice_committed(bigint, bigint) TO dm_meter;
