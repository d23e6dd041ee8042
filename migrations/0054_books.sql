-- Prices are made by two people, and a price is never changed backwards. A book is a draft until somebody who wrote nothing of
-- it approves it; from then on it stays as it is, but for its end, which is where the next one begins. What begins, and what is
-- taken back before it has, is told at least a minute ahead, so that every second is known by its price before it is rated.
--
-- Books that came with a migration have nobody who made them: they were reviewed as the migration was. The rules bind the
-- roles of the programs; who owns the schema writes its history.

-- --- contracts ----------------------------------------------------------------------------------------------------------

-- What an account has agreed on: prices of its own (price books that name it), and what it pays at least in a month of UTC.
CREATE TABLE dm.contract (
    contract_no   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id            uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
    account_no    bigint NOT NULL REFERENCES dm.account,
    name          text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    valid_from    timestamptz NOT NULL,
    valid_to      timestamptz CHECK (valid_to > valid_from),
    least_monthly numeric(38, 18) NOT NULL DEFAULT 0 CHECK (least_monthly >= 0),
    status        text NOT NULL DEFAULT 'draft' CHECK (status IN ('draft', 'approved', 'withdrawn')),
    drafted_by    text NOT NULL,
    drafted_at    timestamptz NOT NULL DEFAULT now(),
    drafted_why   text NOT NULL,
    approved_by   text,
    approved_at   timestamptz,
    approved_why  text,
    withdrawn_by  text,
    withdrawn_at  timestamptz,
    withdrawn_why text,
    CONSTRAINT contract_by_two CHECK (approved_by <> drafted_by),
    CONSTRAINT contract_approved CHECK ((status = 'approved') <= (approved_by IS NOT NULL)),
    -- a month's least is one of whole months, and so are tiers
    CONSTRAINT contract_months CHECK (valid_from = date_trunc('month', valid_from, 'UTC')
                                      AND (valid_to IS NULL OR valid_to = date_trunc('month', valid_to, 'UTC'))),
    CONSTRAINT contract_alone EXCLUDE USING gist (account_no WITH =, tstzrange(valid_from, valid_to) WITH &&)
        WHERE (status = 'approved')
);
ALTER TABLE dm.contract ENABLE ROW LEVEL SECURITY;
ALTER TABLE dm.contract FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON dm.contract FOR SELECT TO dm_api USING (account_no = dm.account_no() AND status <> 'draft');
CREATE POLICY everyone ON dm.contract TO dm_ops, dm_migrate USING (true) WITH CHECK (true);
CREATE POLICY reading ON dm.contract FOR SELECT TO dm_meter USING (true);
GRANT SELECT ON dm.contract TO dm_api, dm_meter, dm_ops;
GRANT INSERT ON dm.contract TO dm_ops;
GRANT UPDATE (status, approved_by, approved_at, approved_why, withdrawn_by, withdrawn_at, withdrawn_why) ON dm.contract
    TO dm_ops;

-- --- books --------------------------------------------------------------------------------------------------------------

ALTER TABLE dm.price_book
    ADD COLUMN compute_type    text NOT NULL DEFAULT 'agent-sandbox',
    ADD COLUMN compute_quality text NOT NULL DEFAULT 'default',
    ADD COLUMN contract_no     bigint REFERENCES dm.contract,    -- null: everybody's
    ADD COLUMN status          text NOT NULL DEFAULT 'approved' CHECK (status IN ('draft', 'approved', 'withdrawn')),
    ADD COLUMN authors         text[] NOT NULL DEFAULT '{}',     -- who wrote anything of it, the drafter first
    ADD COLUMN drafted_by      text,
    ADD COLUMN drafted_at      timestamptz,
    ADD COLUMN drafted_why     text,
    ADD COLUMN approved_by     text,
    ADD COLUMN approved_at     timestamptz,
    ADD COLUMN approved_why    text,
    ADD COLUMN withdrawn_by    text,
    ADD COLUMN withdrawn_at    timestamptz,
    ADD COLUMN withdrawn_why   text,
    ADD CONSTRAINT price_book_by_two CHECK (approved_by <> ALL (authors) AND approved_by <> drafted_by),
    ADD CONSTRAINT price_book_drafted CHECK (status = 'approved' OR drafted_by IS NOT NULL),
    ADD CONSTRAINT price_book_approved CHECK (status <> 'approved' OR (approved_by IS NULL) = (drafted_by IS NULL)),
    ADD CONSTRAINT price_book_contract CHECK (contract_no IS NULL OR tier = 'enterprise');

DO $$
DECLARE k text;
BEGIN
    FOR k IN SELECT conname FROM pg_constraint WHERE conrelid = 'dm.price_book'::regclass AND contype = 'x' LOOP
        EXECUTE format('ALTER TABLE dm.price_book DROP CONSTRAINT %I', k);
    END LOOP;
END $$;
ALTER TABLE dm.price_book ADD CONSTRAINT price_book_alone EXCLUDE USING gist (
    price_group WITH =, tier WITH =, currency WITH =, compute_type WITH =, compute_quality WITH =,
    (coalesce(contract_no, 0)) WITH =, tstzrange(valid_from, valid_to) WITH &&) WHERE (status = 'approved');

ALTER TABLE dm.price
    ADD COLUMN list_per_unit numeric(18, 12) CHECK (list_per_unit >= 0),
    ADD COLUMN discount_bp   int CHECK (discount_bp BETWEEN 0 AND 10000),
    ADD COLUMN mode          text CHECK (mode IN ('graduated', 'volume')),
    ADD CONSTRAINT price_discount CHECK ((list_per_unit IS NULL) = (discount_bp IS NULL)
        AND (list_per_unit IS NULL OR per_unit * 10000 = list_per_unit * (10000 - discount_bp)));

-- From so much of a month on, at this price; the price itself is the first tier's. metering/rules/tier.h.
CREATE TABLE dm.price_tier (
    book_id       bigint NOT NULL,
    sku           text NOT NULL,
    tier_no       smallint NOT NULL CHECK (tier_no BETWEEN 1 AND 8),
    from_qty      numeric(20, 6) NOT NULL CHECK (from_qty > 0),
    per_unit      numeric(18, 12) NOT NULL CHECK (per_unit >= 0),
    list_per_unit numeric(18, 12) CHECK (list_per_unit >= 0),
    discount_bp   int CHECK (discount_bp BETWEEN 0 AND 10000),
    PRIMARY KEY (book_id, sku, tier_no),
    FOREIGN KEY (book_id, sku) REFERENCES dm.price ON DELETE CASCADE,
    CONSTRAINT price_tier_discount CHECK ((list_per_unit IS NULL) = (discount_bp IS NULL)
        AND (list_per_unit IS NULL OR per_unit * 10000 = list_per_unit * (10000 - discount_bp)))
);
GRANT SELECT ON dm.price_tier TO dm_api, dm_meter, dm_ops;
GRANT INSERT, DELETE ON dm.price_tier TO dm_ops;
GRANT DELETE ON dm.price TO dm_ops;
GRANT UPDATE (valid_from, status, authors, approved_by, approved_at, approved_why, withdrawn_by, withdrawn_at,
              withdrawn_why) ON dm.price_book TO dm_ops;

-- What a tenant sees: what holds, held or will hold, for everybody or for himself. Another's contract is nobody's business.
DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['price_book', 'price', 'price_tier'] LOOP
        EXECUTE format('ALTER TABLE dm.%I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE dm.%I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY everyone ON dm.%I TO dm_ops, dm_migrate USING (true) WITH CHECK (true)', t);
        EXECUTE format('CREATE POLICY reading ON dm.%I FOR SELECT TO dm_meter USING (true)', t);
    END LOOP;
    FOREACH t IN ARRAY ARRAY['price', 'price_tier'] LOOP
        EXECUTE format('CREATE POLICY tenant ON dm.%I FOR SELECT TO dm_api USING
                        (book_id IN (SELECT b.book_id FROM dm.price_book b))', t);
    END LOOP;
END $$;
CREATE POLICY tenant ON dm.price_book FOR SELECT TO dm_api USING
    (status = 'approved' AND (contract_no IS NULL OR contract_no IN (SELECT c.contract_no FROM dm.contract c)));

-- --- what two people may, and in which order ----------------------------------------------------------------------------

CREATE FUNCTION dm.is_program() RETURNS boolean LANGUAGE sql STABLE
    RETURN current_user IN ('dm_api', 'dm_meter', 'dm_ops', 'dm_who');

-- Whether a book of the same kind.
CREATE FUNCTION dm.same_book(a dm.price_book, b dm.price_book) RETURNS boolean LANGUAGE sql IMMUTABLE
    RETURN (a).price_group = (b).price_group AND (a).tier = (b).tier AND (a).currency = (b).currency
           AND (a).compute_type = (b).compute_type AND (a).compute_quality = (b).compute_quality
           AND (a).contract_no IS NOT DISTINCT FROM (b).contract_no AND (a).book_id <> (b).book_id;

CREATE FUNCTION dm.book_refuse(words text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'price book: %', words USING ERRCODE = 'check_violation';
END $$;

-- What must be there before it may hold.
CREATE FUNCTION dm.book_whole(book dm.price_book) RETURNS void LANGUAGE plpgsql SET search_path = dm, pg_temp AS $$
DECLARE
    needed text[] := CASE book.rated_by WHEN 'minutes' THEN ARRAY['minutes', 'disk-hib', 'snapshot']
                     ELSE ARRAY['vcpu-run', 'mem-run', 'disk-run-over-30', 'disk-hib', 'snapshot'] END;
    tiers  boolean := EXISTS (SELECT FROM price WHERE book_id = book.book_id AND mode IS NOT NULL);
BEGIN
    IF EXISTS (SELECT FROM unnest(needed) n WHERE n NOT IN (SELECT sku FROM price WHERE book_id = book.book_id)) THEN
        PERFORM dm.book_refuse('it lacks a price');
    END IF;
    IF EXISTS (SELECT FROM price p WHERE p.book_id = book.book_id AND (p.mode IS NOT NULL) <>
               EXISTS (SELECT FROM price_tier t WHERE t.book_id = p.book_id AND t.sku = p.sku)) THEN
        PERFORM dm.book_refuse('a price has a mode and no tiers, or tiers and no mode');
    END IF;
    IF EXISTS (SELECT FROM (SELECT tier_no, from_qty, row_number() OVER w AS n, lag(from_qty) OVER w AS before
                            FROM price_tier WHERE book_id = book.book_id WINDOW w AS (PARTITION BY sku ORDER BY tier_no)) t
               WHERE tier_no <> n OR from_qty <= before) THEN
        PERFORM dm.book_refuse('its tiers do not rise');
    END IF;
    IF tiers AND (book.contract_no IS NULL OR book.valid_from <> date_trunc('month', book.valid_from, 'UTC')) THEN
        PERFORM dm.book_refuse('tiers are of contracts, and begin with a month');
    END IF;
    IF book.contract_no IS NOT NULL AND NOT EXISTS
       (SELECT FROM contract c JOIN account a USING (account_no) WHERE c.contract_no = book.contract_no
        AND c.status = 'approved' AND a.currency = book.currency
        AND book.valid_from >= c.valid_from AND book.valid_from < coalesce(c.valid_to, 'infinity')) THEN
        PERFORM dm.book_refuse('its contract does not hold when it begins, or is of another currency');
    END IF;
END $$;

CREATE FUNCTION dm.book_guard() RETURNS trigger LANGUAGE plpgsql SET search_path = dm, pg_temp AS $$
DECLARE
    soon timestamptz := clock_timestamp() + interval '1 minute';
BEGIN
    IF NOT dm.is_program() THEN
        RETURN NEW;
    END IF;
    IF TG_OP = 'INSERT' THEN
        IF NEW.status <> 'draft' OR NEW.valid_to IS NOT NULL OR NEW.authors <> ARRAY[NEW.drafted_by] THEN
            PERFORM dm.book_refuse('a new one is a draft');
        END IF;
        RETURN NEW;
    END IF;
    IF OLD.status = 'draft' AND NEW.status = 'draft' THEN
        IF NOT NEW.authors @> OLD.authors OR NEW.valid_to IS NOT NULL THEN
            PERFORM dm.book_refuse('who wrote of it stays its author');
        END IF;
    ELSIF OLD.status = 'draft' AND NEW.status = 'approved' THEN
        IF NEW.valid_from <> OLD.valid_from OR NEW.authors <> OLD.authors OR NEW.valid_to IS NOT NULL THEN
            PERFORM dm.book_refuse('it is approved as it was drafted');
        END IF;
        IF NEW.valid_from < soon THEN
            PERFORM dm.book_refuse('a price is never changed backwards: it begins a minute from now at the earliest');
        END IF;
        PERFORM dm.book_whole(NEW);
        PERFORM pg_advisory_xact_lock(hashtext('dm.price_book'));
        SELECT min(b.valid_from) INTO NEW.valid_to FROM price_book b
            WHERE dm.same_book(b, NEW) AND b.status = 'approved' AND b.valid_from > NEW.valid_from;
        UPDATE price_book b SET valid_to = NEW.valid_from WHERE dm.same_book(b, NEW) AND b.status = 'approved'
            AND b.valid_from < NEW.valid_from AND (b.valid_to IS NULL OR b.valid_to > NEW.valid_from);
    ELSIF OLD.status = 'approved' AND NEW.status = 'withdrawn' THEN
        IF OLD.valid_from < soon THEN
            PERFORM dm.book_refuse('what holds, or will within a minute, is not taken back');
        END IF;
        PERFORM pg_advisory_xact_lock(hashtext('dm.price_book'));
    ELSIF OLD.status = 'approved' AND NEW.status = 'approved' THEN
        -- its end, which the next one sets, is always ahead
        IF (to_jsonb(NEW) - 'valid_to') <> (to_jsonb(OLD) - 'valid_to') OR NEW.valid_to < soon - interval '30 seconds'
           OR OLD.valid_to < soon - interval '30 seconds'
           OR pg_trigger_depth() < 2 THEN
            PERFORM dm.book_refuse('what was approved stays as it is');
        END IF;
    ELSIF NOT (OLD.status = 'draft' AND NEW.status = 'withdrawn') THEN
        PERFORM dm.book_refuse('what was withdrawn stays so');
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER book_guard BEFORE INSERT OR UPDATE ON dm.price_book FOR EACH ROW EXECUTE FUNCTION dm.book_guard();

-- What a book has taken the place of goes on as if that had never been meant: after it is gone, for two never hold at once.
CREATE FUNCTION dm.book_back() RETURNS trigger LANGUAGE plpgsql SET search_path = dm, pg_temp AS $$
BEGIN
    UPDATE price_book b SET valid_to = OLD.valid_to WHERE dm.same_book(b, OLD) AND b.status = 'approved'
        AND b.valid_to = OLD.valid_from;
    RETURN NULL;
END $$;
CREATE TRIGGER book_back AFTER UPDATE OF status ON dm.price_book FOR EACH ROW
    WHEN (OLD.status = 'approved' AND NEW.status = 'withdrawn') EXECUTE FUNCTION dm.book_back();

-- A commit that came so late that a second had begun meanwhile is run again, and then refused.
CREATE FUNCTION dm.book_in_time() RETURNS trigger LANGUAGE plpgsql SET search_path = dm, pg_temp AS $$
BEGIN
    IF dm.is_program() AND NEW.status <> OLD.status AND 'approved' IN (NEW.status, OLD.status)
       AND clock_timestamp() >= NEW.valid_from - interval '1 second' THEN
        RAISE EXCEPTION 'price book % was to begin at %, and that is past', NEW.book_id, NEW.valid_from
            USING ERRCODE = 'serialization_failure';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER book_in_time AFTER UPDATE ON dm.price_book DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION dm.book_in_time();

-- Prices are a draft's alone. Its row is held, so that nobody approves what is being written.
CREATE FUNCTION dm.price_guard() RETURNS trigger LANGUAGE plpgsql SET search_path = dm, pg_temp AS $$
DECLARE
    book bigint := CASE TG_OP WHEN 'DELETE' THEN OLD.book_id ELSE NEW.book_id END;
BEGIN
    IF dm.is_program() THEN
        PERFORM FROM price_book WHERE book_id = book AND status = 'draft' FOR UPDATE;
        IF NOT FOUND THEN
            PERFORM dm.book_refuse('what is no draft any more stays as it is');
        END IF;
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $$;
CREATE TRIGGER price_guard BEFORE INSERT OR UPDATE OR DELETE ON dm.price FOR EACH ROW EXECUTE FUNCTION dm.price_guard();
CREATE TRIGGER price_guard BEFORE INSERT OR UPDATE OR DELETE ON dm.price_tier
    FOR EACH ROW EXECUTE FUNCTION dm.price_guard();

CREATE FUNCTION dm.contract_guard() RETURNS trigger LANGUAGE plpgsql SET search_path = dm, pg_temp AS $$
BEGIN
    IF NOT dm.is_program() THEN
        RETURN NEW;
    END IF;
    IF TG_OP = 'INSERT' THEN
        IF NEW.status <> 'draft' THEN
            PERFORM dm.book_refuse('a new contract is a draft');
        END IF;
    ELSIF NOT (OLD.status = 'draft' AND NEW.status IN ('approved', 'withdrawn')) THEN
        PERFORM dm.book_refuse('a contract that is no draft any more stays as it is');
    ELSIF NEW.status = 'approved' AND NEW.valid_from < clock_timestamp() + interval '1 minute' THEN
        PERFORM dm.book_refuse('a contract begins with a month to come');
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER contract_guard BEFORE INSERT OR UPDATE ON dm.contract FOR EACH ROW EXECUTE FUNCTION dm.contract_guard();

-- --- what holds for whom ------------------------------------------------------------------------------------------------

-- The books of a plan that hold for an account within [from_at, to_at), and when: those of its contract while it holds, and
-- everybody's where the contract has none. book_id twice: what is everybody's holds before the contract and after it.
CREATE FUNCTION dm.books_of(account bigint, plan text, money text, from_at timestamptz, to_at timestamptz)
    RETURNS TABLE (book_id bigint, holds_from timestamptz, holds_to timestamptz)
    LANGUAGE sql STABLE SET search_path = dm, public, pg_temp
BEGIN ATOMIC
    WITH own AS (
        SELECT b.book_id, b.price_group, b.compute_type, b.compute_quality,
               tstzrange(b.valid_from, b.valid_to) * tstzrange(c.valid_from, c.valid_to) AS holds
        FROM dm.price_book b JOIN dm.contract c ON c.contract_no = b.contract_no
        WHERE c.account_no = account AND c.status = 'approved' AND b.status = 'approved' AND b.tier = plan
          AND b.currency = money
    ), theirs AS (
        SELECT price_group, compute_type, compute_quality, range_agg(holds) AS holds FROM own GROUP BY 1, 2, 3
    )
    SELECT x.book_id, lower(x.part), upper(x.part)
    FROM (SELECT o.book_id, o.holds * tstzrange(from_at, to_at) AS part FROM own o
          UNION ALL
          SELECT b.book_id, unnest(tstzmultirange(tstzrange(b.valid_from, b.valid_to) * tstzrange(from_at, to_at))
                                   - coalesce(t.holds, '{}'::tstzmultirange))
          FROM dm.price_book b LEFT JOIN theirs t USING (price_group, compute_type, compute_quality)
          WHERE b.contract_no IS NULL AND b.status = 'approved' AND b.tier = plan AND b.currency = money) x
    WHERE NOT isempty(x.part);
END;

-- The groups in which a plan has prices now, and without an end that nothing follows.
CREATE FUNCTION dm.priced_groups(plan text, money text) RETURNS SETOF text LANGUAGE sql STABLE
    SET search_path = dm, pg_temp
BEGIN ATOMIC
    SELECT b.price_group FROM dm.price_book b
    WHERE b.tier = plan AND b.currency = money AND b.status = 'approved' AND b.contract_no IS NULL
      AND b.compute_type = 'agent-sandbox' AND b.compute_quality = 'default'
      AND b.valid_from <= now() AND (b.valid_to IS NULL OR b.valid_to > now() AND EXISTS
          (SELECT FROM dm.price_book n WHERE dm.same_book(n, b) AND n.status = 'approved' AND n.valid_from = b.valid_to));
END;
REVOKE ALL ON FUNCTION dm.is_program(), dm.same_book(dm.price_book, dm.price_book), dm.book_refuse(text),
    dm.book_whole(dm.price_book), dm.books_of(bigint, text, text, timestamptz, timestamptz), dm.priced_groups(text, text)
    FROM public;
GRANT EXECUTE ON FUNCTION dm.is_program(), dm.same_book(dm.price_book, dm.price_book), dm.book_refuse(text),
    dm.book_whole(dm.price_book), dm.books_of(bigint, text, text, timestamptz, timestamptz), dm.priced_groups(text, text)
    TO dm_api, dm_ops, dm_meter;

-- What an account may have to pay by now: its contract's books, and everybody's of its plan. Budgets take the dearest of them.
CREATE FUNCTION dm.books_now(whose bigint) RETURNS SETOF bigint LANGUAGE sql STABLE SET search_path = dm, pg_temp
BEGIN ATOMIC
    SELECT b.book_id FROM dm.account a JOIN dm.price_book b ON b.tier = a.tier AND b.currency = a.currency
    WHERE a.account_no = whose AND b.status = 'approved' AND b.valid_from <= now() AND (b.valid_to IS NULL OR b.valid_to > now())
      AND (b.contract_no IS NULL OR b.contract_no IN (SELECT c.contract_no FROM dm.contract c WHERE c.account_no = whose));
END;

-- The dearest of a price's tiers.
CREATE FUNCTION dm.dearest(p dm.price) RETURNS numeric LANGUAGE sql STABLE
    RETURN greatest((p).per_unit, (SELECT max(t.per_unit) FROM dm.price_tier t WHERE t.book_id = (p).book_id AND t.sku = (p).sku));
REVOKE ALL ON FUNCTION dm.books_now(bigint), dm.dearest(dm.price) FROM public;
GRANT EXECUTE ON FUNCTION dm.books_now(bigint), dm.dearest(dm.price) TO dm_api, dm_ops, dm_meter;

-- These asked for every book there is.
CREATE OR REPLACE FUNCTION dm.budget_price(whose bigint, region smallint, size_table smallint, size smallint, disk bigint) RETURNS numeric
    LANGUAGE plpgsql STABLE SET search_path = dm, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN (SELECT coalesce(max(b.price), 0) FROM (
        SELECT sum(CASE p.sku WHEN 'vcpu-run' THEN s.vcpus * p.per_unit
                              WHEN 'mem-run' THEN s.mem_mib * p.per_unit / 1024
                              WHEN 'disk-run-over-30' THEN greatest(disk - 30720, 0) * p.per_unit / 1024 ELSE 0 END) AS price
        FROM dm.account a
        JOIN dm.region r ON r.region_no = region
        JOIN dm.books_now(whose) h ON true
        JOIN dm.price_book k ON k.book_id = h AND k.price_group = r.price_group AND k.rated_by = 'resources'
        CROSS JOIN LATERAL (SELECT x.sku, dm.dearest(x) AS per_unit FROM dm.price x WHERE x.book_id = k.book_id) p
        JOIN dm.spec s ON s.spec_table = size_table AND s.spec = size
        WHERE a.account_no = whose GROUP BY k.book_id) b);
END $$;

CREATE OR REPLACE FUNCTION dm.budget_minutes(whose bigint, part int, cap numeric, used numeric, ran bigint) RETURNS bigint
    LANGUAGE plpgsql STABLE SET search_path = dm, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN (SELECT (CASE WHEN part = 0 THEN i.minutes ELSE 0 END
            + floor(greatest(0, cap - greatest(0, used - b.price * greatest(0, ran / 60 - i.minutes))) / b.price))::bigint * 60 + 59
    FROM (SELECT max(dm.dearest(p)) AS price FROM dm.books_now(whose) h
          JOIN dm.price_book k ON k.book_id = h AND k.rated_by = 'minutes'
          JOIN dm.price p ON p.book_id = k.book_id AND p.sku = 'minutes') b,
         LATERAL (SELECT (o.included_s + 59) / 60 AS minutes FROM dm.plan_of(whose) o) i
    WHERE b.price > 0);
END $$;

CREATE OR REPLACE FUNCTION dm.wallet_left(whose bigint) RETURNS numeric LANGUAGE sql STABLE SET search_path = dm, pg_temp
BEGIN ATOMIC
    SELECT coalesce(w.free, 0) - coalesce(s.due, 0) - coalesce(o.amount, 0)
           - CASE WHEN t.rated_by = 'minutes' THEN
                 greatest(div(coalesce(pool.s, 0) + coalesce(o.running_s, 0), 60)
                          - greatest(div(coalesce(pool.s, 0), 60), div(coalesce(plan.included_s, 0) + 59, 60)), 0)
                 * coalesce(minute.per_unit, 0) ELSE 0 END
    FROM dm.account a JOIN dm.tier t ON t.name = a.tier
    LEFT JOIN LATERAL (SELECT sum(dm.wallet_free(g, now())) AS free FROM dm.wallet_grant g
                       WHERE g.account_no = a.account_no AND g.currency = a.currency AND g.remaining > 0) w ON true
    LEFT JOIN LATERAL (SELECT sum(d.total - coalesce((SELECT sum(b.promo + b.paid) FROM dm.wallet_burn b
                                                      WHERE b.account_no = d.account_no AND b.statement_no = d.number), 0)) AS due
                       FROM dm.statement d WHERE d.account_no = a.account_no
                       AND d.number > coalesce((SELECT v.settled_through FROM dm.wallet v WHERE v.account_no = a.account_no), 0)
                       AND d.period_start >= dm.wallet_settles_from(now())) s ON true
    LEFT JOIN LATERAL (SELECT sum(p.amount) AS amount, sum(p.running_s)::bigint AS running_s FROM dm.spend_open p
                       WHERE p.account_no = a.account_no AND p.period_start >= dm.wallet_settles_from(now())
                       AND NOT EXISTS (SELECT FROM dm.statement e WHERE e.account_no = p.account_no
                                       AND e.period_start = p.period_start)) o ON true
    LEFT JOIN LATERAL (SELECT max(m.pool_after_s) AS s FROM dm.statement m WHERE m.account_no = a.account_no
                       AND m.period_start >= date_trunc('month', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC') pool ON true
    LEFT JOIN LATERAL (SELECT n.included_s FROM dm.account_plan n WHERE n.account_no = a.account_no
                       AND n.valid_from <= now() ORDER BY n.valid_from DESC LIMIT 1) plan ON true
    LEFT JOIN LATERAL (SELECT max(dm.dearest(r)) AS per_unit FROM dm.books_now(whose) h JOIN dm.price r ON r.book_id = h
                       WHERE r.sku = 'minutes') minute ON true
    WHERE a.account_no = whose;
END;

-- --- statements ---------------------------------------------------------------------------------------------------------

-- A sandbox's part of what is sold in tiers says how much, and costs nothing there.
ALTER TABLE dm.statement_line DROP CONSTRAINT statement_line_kind_check;
ALTER TABLE dm.statement_line
    ADD CONSTRAINT statement_line_kind_check CHECK (kind IN ('usage', 'measured', 'correction', 'credit', 'tax', 'fee')),
    ADD CONSTRAINT statement_line_measured CHECK (kind <> 'measured' OR amount = 0 AND per_unit = 0);

-- How far the month's count of what a book sells in tiers stands after a period, as its statement says.
CREATE TABLE dm.statement_tier (
    account_no   bigint NOT NULL,
    period_start timestamptz NOT NULL,
    book_id      bigint NOT NULL REFERENCES dm.price_book,
    sku          text NOT NULL,
    after_qty    numeric(20, 6) NOT NULL CHECK (after_qty >= 0),
    PRIMARY KEY (account_no, period_start, book_id, sku)
);
CREATE TRIGGER immutable BEFORE UPDATE OR DELETE ON dm.statement_tier FOR EACH ROW EXECUTE FUNCTION dm.immutable();
CREATE TRIGGER immutable_truncate BEFORE TRUNCATE ON dm.statement_tier FOR EACH STATEMENT EXECUTE FUNCTION dm.immutable();
ALTER TABLE dm.statement_tier ENABLE ROW LEVEL SECURITY;
ALTER TABLE dm.statement_tier FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON dm.statement_tier FOR SELECT TO dm_api USING (account_no = dm.account_no());
CREATE POLICY everyone ON dm.statement_tier TO dm_meter, dm_migrate USING (true) WITH CHECK (true);
CREATE POLICY reading ON dm.statement_tier FOR SELECT TO dm_ops USING (true);
GRANT SELECT, INSERT ON dm.statement_tier TO dm_meter;
GRANT SELECT ON dm.statement_tier TO dm_api, dm_ops;
