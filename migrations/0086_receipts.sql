-- Receipts: that money came, and for what. The row is made with the payment or the top-up itself, by the database, and
-- never changed: who received it and who paid are frozen as they were then. Its document (metering/rules/receipt.h) follows from the row.
CREATE TABLE dm.receipt (
    account_no  bigint NOT NULL REFERENCES dm.account,
    receipt_no  bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    number      text NOT NULL UNIQUE GENERATED ALWAYS AS
                    ('REC-' || lpad(receipt_no::text, greatest(6, length(receipt_no::text)), '0')) STORED,
    of          text NOT NULL CHECK (of IN ('payment', 'top_up')),
    payment_no  bigint UNIQUE,
    grant_no    bigint UNIQUE,
    invoice     text,                                     -- its number
    currency    char(3) NOT NULL,
    amount      numeric(38, 18) NOT NULL CHECK (amount > 0),
    to_wallet   numeric(38, 18) NOT NULL CHECK (to_wallet BETWEEN 0 AND amount),
    received_on date NOT NULL,
    reference   text NOT NULL,
    seller      jsonb NOT NULL,
    buyer       jsonb NOT NULL,
    at          timestamptz NOT NULL CHECK (at = date_trunc('second', at)),
    PRIMARY KEY (account_no, receipt_no),
    FOREIGN KEY (account_no, payment_no) REFERENCES dm.invoice_payment,
    FOREIGN KEY (account_no, grant_no) REFERENCES dm.wallet_grant,
    CHECK (CASE of WHEN 'payment' THEN payment_no IS NOT NULL AND grant_no IS NULL AND invoice IS NOT NULL
           ELSE grant_no IS NOT NULL AND payment_no IS NULL AND invoice IS NULL AND to_wallet = amount END)
);

-- Of an invoice that was paid: as it names them.
CREATE FUNCTION dm.receipt_of_payment(p dm.invoice_payment) RETURNS void LANGUAGE sql SECURITY DEFINER
    SET search_path = dm, pg_temp AS $$
    INSERT INTO receipt (account_no, of, payment_no, invoice, currency, amount, to_wallet, received_on, reference, seller, buyer, at)
        SELECT p.account_no, 'payment', p.payment_no, i.number, p.currency, p.amount, p.to_wallet, p.received_on, p.reference,
               i.frozen->'seller', i.frozen->'buyer', date_trunc('second', p.at)
        FROM invoice i WHERE i.account_no = p.account_no AND i.invoice_no = p.invoice_no
$$;
-- Of the wallet: as they are now. What an invoice had no need of is on that payment's receipt.
CREATE FUNCTION dm.receipt_of_grant(g dm.wallet_grant) RETURNS void LANGUAGE sql SECURITY DEFINER
    SET search_path = dm, pg_temp AS $$
    INSERT INTO receipt (account_no, of, grant_no, currency, amount, to_wallet, received_on, reference, seller, buyer, at)
        SELECT g.account_no, 'top_up', g.grant_no, g.currency, g.amount, g.amount, (g.valid_from AT TIME ZONE 'UTC')::date,
               g.reference, jsonb_build_object('name', o.name, 'address', o.address, 'country', o.country, 'tax_id', o.tax_id,
                   'legal_id', o.legal_id, 'email', o.email, 'iban', o.iban, 'bic', o.bic),
               jsonb_build_object('name', a.legal_name, 'address', a.address, 'country', a.country, 'tax_id', a.tax_id,
                   'email', a.invoice_email), g.valid_from
        FROM account a CROSS JOIN LATERAL (SELECT * FROM seller s WHERE s.entity_no = a.entity_no AND s.status = 'approved'
            AND s.valid_from <= now() ORDER BY s.valid_from DESC LIMIT 1) o
        WHERE a.account_no = g.account_no
$$;
REVOKE ALL ON FUNCTION dm.receipt_of_payment(dm.invoice_payment), dm.receipt_of_grant(dm.wallet_grant) FROM public;

CREATE FUNCTION dm.receipt_made() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = dm, pg_temp AS $$
BEGIN
    IF TG_TABLE_NAME = 'invoice_payment' THEN
        PERFORM dm.receipt_of_payment(NEW);
    ELSE
        PERFORM dm.receipt_of_grant(NEW);
    END IF;
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION dm.receipt_made() FROM public;
CREATE TRIGGER receipt AFTER INSERT ON dm.invoice_payment FOR EACH ROW EXECUTE FUNCTION dm.receipt_made();
CREATE TRIGGER receipt AFTER INSERT ON dm.wallet_grant FOR EACH ROW
    WHEN (NEW.kind = 'paid' AND NEW.order_no IS NOT NULL) EXECUTE FUNCTION dm.receipt_made();

-- Those of before, in the order in which money came; who was who then, is as it is known now.
DO $$
DECLARE r record;
BEGIN
    FOR r IN SELECT p, NULL::dm.wallet_grant AS g, p.at AS at FROM dm.invoice_payment p
             UNION ALL SELECT NULL, g, g.made_at FROM dm.wallet_grant g WHERE g.kind = 'paid' AND g.order_no IS NOT NULL
             ORDER BY at LOOP
        IF r.p IS NOT NULL AND (r.p).payment_no IS NOT NULL THEN
            PERFORM dm.receipt_of_payment(r.p);
        ELSE
            PERFORM dm.receipt_of_grant(r.g);
        END IF;
    END LOOP;
END $$;

CREATE TRIGGER immutable BEFORE UPDATE OR DELETE ON dm.receipt FOR EACH ROW EXECUTE FUNCTION dm.immutable();
CREATE TRIGGER immutable_truncate BEFORE TRUNCATE ON dm.receipt FOR EACH STATEMENT EXECUTE FUNCTION dm.immutable();
ALTER TABLE dm.receipt ENABLE ROW LEVEL SECURITY;
ALTER TABLE dm.receipt FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON dm.receipt FOR SELECT TO dm_api USING (account_no = dm.account_no());
CREATE POLICY everyone ON dm.receipt TO dm_migrate USING (true) WITH CHECK (true);
CREATE POLICY reading ON dm.receipt FOR SELECT TO dm_ops USING (true);
CREATE POLICY exporting ON dm.receipt FOR SELECT TO dm_export USING (account_no = dm.account_no());
GRANT SELECT ON dm.receipt TO dm_api, dm_ops, dm_export;
