-- A drafted price book is tried over a month that is closed before anybody approves it: what each account was charged, and what
-- it would have been by the draft. Nothing of it is sworn to or owed. An operator orders it, the meter carries it out, account
-- by account and period by period, and each step is kept: whoever goes on, goes on from there.

CREATE TABLE dm.simulation (
    simulation_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    book_id       bigint NOT NULL REFERENCES dm.price_book,
    book_sha256   bytea NOT NULL CHECK (octet_length(book_sha256) = 32),   -- what is tried; the draft may change meanwhile
    month         date NOT NULL CHECK (month = date_trunc('month', month)),
    state         text NOT NULL DEFAULT 'ordered' CHECK (state IN ('ordered', 'running', 'done', 'failed', 'cancelled')),
    ordered_by    text NOT NULL,
    ordered_at    timestamptz NOT NULL DEFAULT now(),
    ordered_why   text NOT NULL,
    cancelled_by  text,
    started_at    timestamptz,
    ended_at      timestamptz,
    outcome       text,                      -- why it failed
    accounts      bigint,                    -- that the book concerns in that month; null: it has not begun
    done          bigint NOT NULL DEFAULT 0, -- of these, with those that could not be rated:
    failed        bigint NOT NULL DEFAULT 0,
    dearer        bigint NOT NULL DEFAULT 0,
    cheaper       bigint NOT NULL DEFAULT 0,
    charged       numeric(38, 18) NOT NULL DEFAULT 0,   -- of the accounts that are done
    tried         numeric(38, 18) NOT NULL DEFAULT 0,
    CHECK ((state IN ('done', 'failed', 'cancelled')) = (ended_at IS NOT NULL)),
    CHECK ((state = 'cancelled') = (cancelled_by IS NOT NULL))
);
CREATE UNIQUE INDEX simulation_open ON dm.simulation (book_id, month) WHERE state IN ('ordered', 'running');
CREATE INDEX simulation_next ON dm.simulation (simulation_no) WHERE state IN ('ordered', 'running');
CREATE INDEX simulation_book ON dm.simulation (book_id, simulation_no);

-- through: its periods before that are in. pool_s and counts: where the month's pool stands by then, and the counts of what is
-- sold in tiers, [[book, SKU, quantity], ...].
CREATE TABLE dm.simulation_account (
    simulation_no bigint NOT NULL REFERENCES dm.simulation ON DELETE CASCADE,
    account_no    bigint NOT NULL REFERENCES dm.account,
    through       timestamptz NOT NULL,
    periods       bigint NOT NULL DEFAULT 0,
    pool_s        bigint NOT NULL DEFAULT 0 CHECK (pool_s >= 0),
    counts        jsonb NOT NULL DEFAULT '[]',
    charged       numeric(38, 18) NOT NULL DEFAULT 0,
    tried         numeric(38, 18) NOT NULL DEFAULT 0,
    difference    numeric(38, 18) GENERATED ALWAYS AS (tried - charged) STORED,
    done          boolean NOT NULL DEFAULT false,
    failed        text,                      -- why it could not be rated
    PRIMARY KEY (simulation_no, account_no)
);
CREATE INDEX simulation_account_next ON dm.simulation_account (simulation_no, account_no) WHERE NOT done;

DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['simulation', 'simulation_account'] LOOP
        EXECUTE format('ALTER TABLE dm.%I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE dm.%I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY everyone ON dm.%I TO dm_meter, dm_migrate USING (true) WITH CHECK (true)', t);
    END LOOP;
END $$;
CREATE POLICY everything ON dm.simulation TO dm_ops USING (true) WITH CHECK (true);
CREATE POLICY reading ON dm.simulation_account FOR SELECT TO dm_ops USING (true);
GRANT SELECT, INSERT (book_id, book_sha256, month, ordered_by, ordered_why), UPDATE (state, cancelled_by, ended_at)
    ON dm.simulation TO dm_ops;
GRANT SELECT ON dm.simulation_account TO dm_ops;
GRANT SELECT, DELETE, UPDATE (state, started_at, ended_at, outcome, accounts, done, failed, dearer, cheaper, charged, tried)
    ON dm.simulation TO dm_meter;
GRANT SELECT, INSERT, UPDATE (through, periods, pool_s, counts, charged, tried, done, failed) ON dm.simulation_account TO dm_meter;

-- What is over stays as it is, and a person does no more than order and cancel.
CREATE FUNCTION dm.simulation_guard() RETURNS trigger LANGUAGE plpgsql SET search_path = dm, pg_temp AS $$
BEGIN
    IF OLD.state NOT IN ('ordered', 'running') OR (current_user = 'dm_ops' AND NEW.state <> 'cancelled') THEN
        RAISE EXCEPTION 'simulation %: it is over, or the meter''s to carry out', OLD.simulation_no
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER simulation_guard BEFORE UPDATE ON dm.simulation FOR EACH ROW EXECUTE FUNCTION dm.simulation_guard();

-- --- what a book concerns -----------------------------------------------------------------------------------------------

-- Months that end by then are closed: their last period is written, and no account has one open in them.
CREATE FUNCTION dm.closed_until() RETURNS timestamptz LANGUAGE sql STABLE SET search_path = dm, pg_temp
BEGIN ATOMIC
    SELECT date_trunc('month', least(
        (SELECT p.period_start + make_interval(secs => p.period_s) FROM dm.period p ORDER BY p.period_start DESC LIMIT 1),
        (SELECT a.period_start FROM dm.account_period a WHERE a.state = 'open' ORDER BY a.period_start LIMIT 1)), 'UTC');
END;

-- The accounts that have statements in the month that begins then, and whose seconds the book might have rated.
CREATE FUNCTION dm.book_accounts(book bigint, month timestamptz) RETURNS SETOF bigint LANGUAGE sql STABLE
    SET search_path = dm, pg_temp
BEGIN ATOMIC
    SELECT a.account_no FROM dm.price_book b JOIN dm.account a ON a.currency = b.currency
    LEFT JOIN dm.contract c ON c.contract_no = b.contract_no
    WHERE b.book_id = book AND (b.contract_no IS NULL OR c.account_no = a.account_no)
    AND EXISTS (SELECT FROM dm.account_plan p WHERE p.account_no = a.account_no AND p.tier = b.tier
                AND (p.valid_from < month + interval '1 month' OR NOT EXISTS
                     (SELECT FROM dm.account_plan f WHERE f.account_no = p.account_no AND f.valid_from < p.valid_from))
                AND NOT EXISTS (SELECT FROM dm.account_plan n WHERE n.account_no = p.account_no
                                AND n.valid_from > p.valid_from AND n.valid_from <= month))
    AND EXISTS (SELECT FROM dm.statement s WHERE s.account_no = a.account_no AND s.period_start >= month
                AND s.period_start < month + interval '1 month');
END;

-- The newest closed month that a book concerns, of the thirteen for which evidence is kept; null: none.
CREATE FUNCTION dm.book_month(book bigint) RETURNS date LANGUAGE sql STABLE SET search_path = dm, pg_temp
BEGIN ATOMIC
    SELECT (m.until - make_interval(months => n.n))::date FROM (SELECT dm.closed_until() AT TIME ZONE 'UTC' AS until) m,
        generate_series(1, 13) n (n)
    WHERE EXISTS (SELECT FROM dm.book_accounts(book, (m.until - make_interval(months => n.n)) AT TIME ZONE 'UTC'))
    ORDER BY n.n LIMIT 1;
END;
REVOKE ALL ON FUNCTION dm.closed_until(), dm.book_accounts(bigint, timestamptz), dm.book_month(bigint) FROM public;
GRANT EXECUTE ON FUNCTION dm.closed_until(), dm.book_accounts(bigint, timestamptz), dm.book_month(bigint) TO dm_ops, dm_meter;

-- --- the second person looks at one -------------------------------------------------------------------------------------

ALTER TABLE dm.price_book ADD COLUMN simulation_no bigint REFERENCES dm.simulation;   -- by which it was approved
GRANT UPDATE (simulation_no) ON dm.price_book TO dm_ops;

CREATE FUNCTION dm.book_tried() RETURNS trigger LANGUAGE plpgsql SET search_path = dm, pg_temp AS $$
BEGIN
    IF dm.is_program() AND NEW.status IS DISTINCT FROM OLD.status AND NEW.status = 'approved' THEN
        IF NEW.simulation_no IS NULL AND dm.book_month(NEW.book_id) IS NOT NULL THEN
            PERFORM dm.book_refuse('it concerns a closed month, and was not tried over one');
        END IF;
        IF NEW.simulation_no IS NOT NULL AND NOT EXISTS (SELECT FROM simulation s WHERE s.simulation_no = NEW.simulation_no
                AND s.book_id = NEW.book_id AND s.state = 'done') THEN
            PERFORM dm.book_refuse('what it is approved by is no simulation of it that was finished');
        END IF;
    ELSIF dm.is_program() AND NEW.simulation_no IS DISTINCT FROM OLD.simulation_no THEN
        PERFORM dm.book_refuse('a simulation is named by an approval alone');
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER book_tried BEFORE UPDATE ON dm.price_book FOR EACH ROW EXECUTE FUNCTION dm.book_tried();
