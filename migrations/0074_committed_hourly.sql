-- Who pays by the hour has an invoice of each month, too (0067): so a contract may say what a month costs at least, whoever pays how, and
-- how he pays may change under one.

-- As it was, but for that.
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

CREATE OR REPLACE FUNCTION dm.cycle_committed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = dm, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM contract c WHERE c.account_no = NEW.account_no AND c.status = 'approved' AND c.least_monthly > 0
               AND (c.valid_to IS NULL OR c.valid_to > now())) THEN
        RAISE EXCEPTION 'account % keeps its currency while its contract says what a month costs at least', NEW.account_no
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
DROP TRIGGER cycle_committed ON dm.account;
CREATE TRIGGER currency_committed BEFORE UPDATE OF currency ON dm.account FOR EACH ROW
    WHEN (NEW.currency <> OLD.currency) EXECUTE FUNCTION dm.cycle_committed();
ALTER FUNCTION dm.cycle_committed() RENAME TO currency_committed;
