-- A contract that was approved may end early: with a month to come, by one who orders it and another who approves that. It is not
-- rewritten otherwise. What it says holds up to its end, so that its prices and its least stop with it, and no second that has
-- begun is rated anew.

ALTER TABLE dm.contract
    ADD COLUMN currency  char(3),                             -- of least_monthly, and the account's
    ADD COLUMN reference text NOT NULL DEFAULT '' CHECK (length(reference) <= 200),    -- the customer's, or the paper's
    ADD COLUMN ends_at   timestamptz,                         -- when it is to end, as somebody has ordered
    ADD COLUMN end_by    text,
    ADD COLUMN end_at    timestamptz,
    ADD COLUMN end_why   text,
    ADD COLUMN ended_by  text,                                -- who approved that: from then on it is valid_to
    ADD COLUMN ended_at  timestamptz,
    ADD COLUMN ended_why text,
    ADD CONSTRAINT contract_end_by_two CHECK (ended_by <> end_by),
    ADD CONSTRAINT contract_end_ordered CHECK ((ends_at IS NULL) = (end_by IS NULL) AND (ends_at IS NULL) = (end_why IS NULL)
        AND (ended_by IS NULL OR ends_at IS NOT NULL AND valid_to = ends_at AND ended_why IS NOT NULL)),
    ADD CONSTRAINT contract_end_month CHECK (ends_at = date_trunc('month', ends_at, 'UTC') AND ends_at > valid_from),
    ADD CONSTRAINT contract_end_approved CHECK (ends_at IS NULL OR status = 'approved');
UPDATE dm.contract c SET currency = a.currency FROM dm.account a WHERE a.account_no = c.account_no;
ALTER TABLE dm.contract ALTER COLUMN currency SET NOT NULL;
GRANT UPDATE (valid_to, ends_at, end_by, end_at, end_why, ended_by, ended_at, ended_why) ON dm.contract TO dm_ops;

-- What an act has changed of a row, but for these columns.
CREATE FUNCTION dm.contract_same(a dm.contract, b dm.contract, but text[]) RETURNS boolean LANGUAGE sql IMMUTABLE
    RETURN to_jsonb(a) - but = to_jsonb(b) - but;
REVOKE ALL ON FUNCTION dm.contract_same(dm.contract, dm.contract, text[]) FROM public;
GRANT EXECUTE ON FUNCTION dm.contract_same(dm.contract, dm.contract, text[]) TO dm_ops;

CREATE OR REPLACE FUNCTION dm.contract_guard() RETURNS trigger LANGUAGE plpgsql SET search_path = dm, pg_temp AS $$
DECLARE
    soon  timestamptz := clock_timestamp() + interval '1 minute';
    whose account;
    bare  boolean := NEW.ends_at IS NULL AND NEW.ended_by IS NULL;
BEGIN
    SELECT * INTO whose FROM account a WHERE a.account_no = NEW.account_no;
    NEW.currency := coalesce(NEW.currency, whose.currency);
    IF NOT dm.is_program() THEN
        RETURN NEW;
    END IF;
    IF TG_OP = 'INSERT' THEN
        IF NEW.status <> 'draft' OR NOT bare THEN
            PERFORM dm.book_refuse('a new contract is a draft');
        END IF;
    ELSIF OLD.status = 'draft' AND NEW.status IN ('approved', 'withdrawn') THEN
        IF NOT dm.contract_same(OLD, NEW, '{status,approved_by,approved_at,approved_why,withdrawn_by,withdrawn_at,withdrawn_why}')
        THEN
            PERFORM dm.book_refuse('a contract is approved as it was drafted');
        ELSIF NEW.status = 'approved' AND NEW.valid_from < soon THEN
            PERFORM dm.book_refuse('a contract begins with a month to come');
        ELSIF NEW.status = 'approved' AND NEW.currency <> whose.currency THEN
            PERFORM dm.book_refuse('a contract is of its account''s currency');
        ELSIF NEW.status = 'approved' AND NEW.least_monthly > 0 AND whose.billing_cycle <> 'monthly' THEN
            PERFORM dm.book_refuse('a least is charged with a monthly invoice, and the account pays by the hour');
        END IF;
    ELSIF OLD.status <> 'approved' OR NEW.status <> 'approved' OR OLD.ended_by IS NOT NULL THEN
        PERFORM dm.book_refuse('a contract that is no draft any more stays as it is');
    ELSIF NEW.ended_by IS NULL THEN                           -- an end is ordered, or that is taken back
        IF NOT dm.contract_same(OLD, NEW, '{ends_at,end_by,end_at,end_why}') OR (OLD.ends_at IS NULL) = (NEW.ends_at IS NULL)
        THEN
            PERFORM dm.book_refuse('a contract that is no draft any more stays as it is, but for its end');
        ELSIF NEW.ends_at < soon OR NEW.ends_at >= NEW.valid_to THEN
            PERFORM dm.book_refuse('a contract ends early with a month to come');
        END IF;
    ELSIF NOT dm.contract_same(OLD, NEW, '{valid_to,ended_by,ended_at,ended_why}') OR OLD.ends_at IS NULL THEN
        PERFORM dm.book_refuse('an end is approved as it was ordered');
    ELSIF NEW.ends_at < soon THEN
        PERFORM dm.book_refuse('a contract ends early with a month to come');
    ELSE
        NEW.valid_to := NEW.ends_at;
    END IF;
    RETURN NEW;
END $$;

-- A commit that came so late that the month had begun meanwhile is run again, and then refused.
CREATE FUNCTION dm.contract_in_time() RETURNS trigger LANGUAGE plpgsql SET search_path = dm, pg_temp AS $$
BEGIN
    IF dm.is_program() AND (NEW.valid_to IS DISTINCT FROM OLD.valid_to AND clock_timestamp() >= NEW.valid_to - interval '1 second'
                            OR NEW.status <> OLD.status AND NEW.status = 'approved'
                            AND clock_timestamp() >= NEW.valid_from - interval '1 second') THEN
        RAISE EXCEPTION 'contract % was to begin or end with a month that has begun', NEW.contract_no
            USING ERRCODE = 'serialization_failure';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER contract_in_time AFTER UPDATE ON dm.contract DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION dm.contract_in_time();

-- A least is an invoice's, in its currency: who pays by the hour has none, so that an account with one does not begin to.
CREATE FUNCTION dm.cycle_committed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = dm, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM contract c WHERE c.account_no = NEW.account_no AND c.status = 'approved' AND c.least_monthly > 0
               AND (c.valid_to IS NULL OR c.valid_to > now())) THEN
        RAISE EXCEPTION 'account % pays by the month while its contract says what a month costs at least', NEW.account_no
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
REVOKE ALL ON FUNCTION dm.cycle_committed() FROM public;
CREATE TRIGGER cycle_committed BEFORE UPDATE OF billing_cycle, currency ON dm.account FOR EACH ROW
    WHEN (NEW.billing_cycle = 'hourly' AND OLD.billing_cycle <> 'hourly' OR NEW.currency <> OLD.currency) EXECUTE FUNCTION dm.cycle_committed();

-- As it was, but that a contract's books stop with it: budgets reckoned with the dearest price of one that had ended.
CREATE OR REPLACE FUNCTION dm.books_now(whose bigint) RETURNS SETOF bigint LANGUAGE sql STABLE SET search_path = dm, pg_temp
BEGIN ATOMIC
    SELECT b.book_id FROM dm.account a JOIN dm.price_book b ON b.tier = a.tier AND b.currency = a.currency
    WHERE a.account_no = whose AND b.status = 'approved' AND b.valid_from <= now() AND (b.valid_to IS NULL OR b.valid_to > now())
      AND (b.contract_no IS NULL OR b.contract_no IN (SELECT c.contract_no FROM dm.contract c WHERE c.account_no = whose
           AND c.status = 'approved' AND c.valid_from <= now() AND (c.valid_to IS NULL OR c.valid_to > now())));
END;
