-- Prepaid money and credits. A grant is what an account was given; a burn says which grants gave how much, in the order in
-- which they did; a hold keeps some of it for what is not decided yet. What is left of a grant, and held of it, stands in its
-- row and follows from what is added here by triggers: so the database itself gives nothing twice. The meter alone writes
-- money; what people ask for is an order, which the meter books.

-- --- what people order --------------------------------------------------------------------------------------------------

-- Up to which amount one operator is enough. A currency without a row: none is.
CREATE TABLE dm.money_threshold (
    what     text NOT NULL CHECK (what IN ('credit')),
    currency char(3) NOT NULL,
    amount   numeric(38, 18) NOT NULL CHECK (amount >= 0),
    PRIMARY KEY (what, currency)
);
INSERT INTO dm.money_threshold VALUES ('credit', 'USD', 100), ('credit', 'CNY', 700);
GRANT SELECT ON dm.money_threshold TO dm_ops, dm_meter;

CREATE TABLE dm.wallet_order (
    account_no   bigint NOT NULL REFERENCES dm.account,
    order_no     bigint GENERATED ALWAYS AS IDENTITY,
    id           uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
    idem_key     text NOT NULL DEFAULT gen_random_uuid() CHECK (length(idem_key) BETWEEN 1 AND 255),
    kind         text NOT NULL CHECK (kind IN ('paid', 'promo', 'operator')),   -- paid: this money has come
    currency     char(3) NOT NULL,
    amount       numeric(38, 18) NOT NULL CHECK (amount > 0),
    expires_at   timestamptz CHECK (expires_at = date_trunc('second', expires_at)),
    reference    text NOT NULL DEFAULT '' CHECK (length(reference) <= 200),     -- of a payment: the bank's word for it
    ordered_by   text NOT NULL,
    reason       text NOT NULL CHECK (length(reason) BETWEEN 1 AND 500),
    ordered_at   timestamptz NOT NULL DEFAULT now(),
    needs_second boolean NOT NULL DEFAULT true,
    approved_by  text,
    approved_at  timestamptz,
    withdrawn_by text,
    withdrawn_at timestamptz,
    booked_at    timestamptz,                             -- or found that it cannot be: then refused says why
    grant_no     bigint,
    refused      text,
    PRIMARY KEY (account_no, order_no),
    UNIQUE (account_no, idem_key),
    CHECK (kind <> 'paid' OR expires_at IS NULL),
    CHECK (approved_by <> ordered_by),
    CHECK ((approved_by IS NULL) = (approved_at IS NULL) AND (withdrawn_by IS NULL) = (withdrawn_at IS NULL)),
    CHECK (withdrawn_at IS NULL OR booked_at IS NULL),
    CHECK (grant_no IS NULL OR booked_at IS NOT NULL),
    CHECK (grant_no IS NULL OR NOT needs_second OR approved_at IS NOT NULL)
);
CREATE INDEX wallet_order_open ON dm.wallet_order (order_no) WHERE booked_at IS NULL AND withdrawn_at IS NULL;

-- Whether a second person is needed is for the threshold to say, not for whoever orders.
CREATE FUNCTION dm.wallet_order_made() RETURNS trigger LANGUAGE plpgsql SET search_path = dm, pg_temp AS $$
BEGIN
    NEW.needs_second := NEW.amount > coalesce((SELECT t.amount FROM money_threshold t
                                               WHERE t.what = 'credit' AND t.currency = NEW.currency), 0);
    RETURN NEW;
END $$;
CREATE TRIGGER made BEFORE INSERT ON dm.wallet_order FOR EACH ROW EXECUTE FUNCTION dm.wallet_order_made();

-- Each step once, and none after the last.
CREATE FUNCTION dm.wallet_order_steps() RETURNS trigger LANGUAGE plpgsql SET search_path = dm, pg_temp AS $$
BEGIN
    IF OLD.booked_at IS NOT NULL OR OLD.withdrawn_at IS NOT NULL
       OR (OLD.approved_at IS NOT NULL AND NEW.approved_by IS DISTINCT FROM OLD.approved_by) THEN
        RAISE EXCEPTION 'order % is decided', OLD.order_no USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER steps BEFORE UPDATE ON dm.wallet_order FOR EACH ROW EXECUTE FUNCTION dm.wallet_order_steps();

CREATE FUNCTION dm.wallet_order_state(o dm.wallet_order) RETURNS text LANGUAGE sql IMMUTABLE
    RETURN CASE WHEN o.withdrawn_at IS NOT NULL THEN 'withdrawn' WHEN o.refused IS NOT NULL THEN 'refused'
                WHEN o.booked_at IS NOT NULL THEN 'booked'
                WHEN o.needs_second AND o.approved_at IS NULL THEN 'waiting' ELSE 'approved' END;

-- --- what an account has ------------------------------------------------------------------------------------------------

-- paid is money that came; the others are given: promo and operator by people, our_fault for what ended by our fault. Burnt
-- by priority, earliest expiry, age.
CREATE TABLE dm.wallet_grant (
    account_no  bigint NOT NULL REFERENCES dm.account,
    grant_no    bigint GENERATED ALWAYS AS IDENTITY,
    id          uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
    kind        text NOT NULL CHECK (kind IN ('paid', 'promo', 'our_fault', 'operator')),
    currency    char(3) NOT NULL,
    amount      numeric(38, 18) NOT NULL CHECK (amount > 0),
    priority    smallint NOT NULL,
    valid_from  timestamptz NOT NULL CHECK (valid_from = date_trunc('second', valid_from)),
    expires_at  timestamptz CHECK (expires_at = date_trunc('second', expires_at) AND expires_at > valid_from),
    idem_key    text NOT NULL UNIQUE,
    order_no    bigint,
    cause       text,                                     -- of our_fault: why it ended
    reference   text NOT NULL DEFAULT '',
    who         text NOT NULL,
    why         text NOT NULL,
    approved_by text,
    made_at     timestamptz NOT NULL DEFAULT now(),
    remaining   numeric(38, 18) NOT NULL,                 -- these two by triggers alone
    held        numeric(38, 18) NOT NULL DEFAULT 0,
    PRIMARY KEY (account_no, grant_no),
    FOREIGN KEY (account_no, order_no) REFERENCES dm.wallet_order,
    CHECK (kind <> 'paid' OR expires_at IS NULL),
    CHECK ((kind = 'our_fault') = (cause IS NOT NULL)),
    CHECK (held >= 0 AND held <= remaining AND remaining <= amount)
);
CREATE UNIQUE INDEX wallet_grant_order ON dm.wallet_grant (account_no, order_no) WHERE order_no IS NOT NULL;
CREATE INDEX wallet_grant_open ON dm.wallet_grant (account_no, priority, expires_at, grant_no) WHERE remaining > 0;
CREATE INDEX wallet_grant_over ON dm.wallet_grant (expires_at) WHERE remaining > held;
ALTER TABLE dm.wallet_order ADD FOREIGN KEY (account_no, grant_no) REFERENCES dm.wallet_grant;

-- What was taken of grants, by whom and for what; or given back to them (undoes), in the order in which it had been taken.
-- Of an expiry: what went, which the journal has known since the grant.
CREATE TABLE dm.wallet_burn (
    account_no   bigint NOT NULL REFERENCES dm.account,
    burn_no      bigint GENERATED ALWAYS AS IDENTITY,
    idem_key     text NOT NULL UNIQUE,
    kind         text NOT NULL CHECK (kind IN ('statement', 'invoice', 'hold', 'correction', 'expiry')),
    currency     char(3) NOT NULL,
    asked        numeric(38, 18) NOT NULL CHECK (asked >= 0),
    promo        numeric(38, 18) NOT NULL,                -- the sums of its parts
    paid         numeric(38, 18) NOT NULL,
    against      text NOT NULL CHECK (against IN ('unbilled', 'receivable', 'breakage')),
    statement_no bigint,                                  -- what it settles
    reference    text NOT NULL DEFAULT '',
    undoes       bigint,
    at           timestamptz NOT NULL,
    made_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_no, burn_no),
    FOREIGN KEY (account_no, undoes) REFERENCES dm.wallet_burn,
    CHECK ((kind = 'correction') = (undoes IS NOT NULL)),
    CHECK (abs(promo + paid) <= asked AND promo * paid >= 0 AND (kind = 'correction' OR promo + paid >= 0))
);
CREATE INDEX wallet_burn_statement ON dm.wallet_burn (account_no, statement_no) WHERE statement_no IS NOT NULL;
CREATE INDEX wallet_burn_undoes ON dm.wallet_burn (account_no, undoes) WHERE undoes IS NOT NULL;

CREATE TABLE dm.wallet_burn_part (
    account_no bigint NOT NULL,
    burn_no    bigint NOT NULL,
    n          int NOT NULL CHECK (n > 0),                -- the order; of what is given back, the number that it was taken by
    grant_no   bigint NOT NULL,
    amount     numeric(38, 18) NOT NULL CHECK (amount <> 0),
    PRIMARY KEY (account_no, burn_no, n),
    FOREIGN KEY (account_no, burn_no) REFERENCES dm.wallet_burn,
    FOREIGN KEY (account_no, grant_no) REFERENCES dm.wallet_grant
);

-- Kept for something; then taken for it (posted), in whole or in part, or given free (voided).
CREATE TABLE dm.wallet_hold (
    account_no bigint NOT NULL REFERENCES dm.account,
    hold_no    bigint GENERATED ALWAYS AS IDENTITY,
    id         uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
    idem_key   text NOT NULL UNIQUE,
    currency   char(3) NOT NULL,
    amount     numeric(38, 18) NOT NULL CHECK (amount > 0),
    state      text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'posted', 'voided')),
    reference  text NOT NULL DEFAULT '',
    made_at    timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,                      -- then it is voided
    ended_at   timestamptz,
    burn_no    bigint,                                    -- what was taken when it was posted
    PRIMARY KEY (account_no, hold_no),
    FOREIGN KEY (account_no, burn_no) REFERENCES dm.wallet_burn,
    CHECK ((state = 'pending') = (ended_at IS NULL) AND (state = 'posted') = (burn_no IS NOT NULL))
);
CREATE INDEX wallet_hold_pending ON dm.wallet_hold (expires_at) WHERE state = 'pending';

CREATE TABLE dm.wallet_hold_part (
    account_no bigint NOT NULL,
    hold_no    bigint NOT NULL,
    n          int NOT NULL CHECK (n > 0),
    grant_no   bigint NOT NULL,
    amount     numeric(38, 18) NOT NULL CHECK (amount > 0),
    PRIMARY KEY (account_no, hold_no, n),
    FOREIGN KEY (account_no, hold_no) REFERENCES dm.wallet_hold,
    FOREIGN KEY (account_no, grant_no) REFERENCES dm.wallet_grant
);

-- What ended by our fault, once it was looked at: what it was charged for running in the period in which it was lost and the
-- one before; split: of pooled minutes, its part. grant_no null: it was charged nothing.
CREATE TABLE dm.wallet_fault (
    account_no bigint NOT NULL REFERENCES dm.account,
    project_no int NOT NULL,
    sandbox_id bytea NOT NULL CHECK (octet_length(sandbox_id) = 16),
    epoch      int NOT NULL,
    cause      text NOT NULL,
    lost_at    timestamptz NOT NULL,
    currency   char(3) NOT NULL,
    amount     numeric(38, 18) NOT NULL CHECK (amount >= 0),
    split      boolean NOT NULL,
    statements bigint[] NOT NULL,
    grant_no   bigint,
    judged_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_no, project_no, sandbox_id, epoch),
    FOREIGN KEY (account_no, grant_no) REFERENCES dm.wallet_grant,
    CHECK ((amount > 0) = (grant_no IS NOT NULL))
);
CREATE INDEX wallet_fault_sandbox ON dm.wallet_fault (sandbox_id);
CREATE UNIQUE INDEX wallet_fault_grant ON dm.wallet_fault (account_no, grant_no) WHERE grant_no IS NOT NULL;
-- The causes of base/wire/cause.h that end a sandbox with a credit.
CREATE INDEX sandbox_ours ON dm.sandbox (ended_at) WHERE state = 'ended' AND cause IN ('operator_killed', 'operator_drained',
    'host_lost', 'vmm_crashed', 'restore_failed', 'start_failed');

-- How far an account that pays by the hour is: all its statements up to this number are settled.
CREATE TABLE dm.wallet (
    account_no      bigint PRIMARY KEY REFERENCES dm.account,
    settled_through bigint NOT NULL DEFAULT 0
);
CREATE INDEX account_hourly ON dm.account (account_no) WHERE billing_cycle = 'hourly';

-- --- what follows -------------------------------------------------------------------------------------------------------

CREATE FUNCTION dm.wallet_grant_begins() RETURNS trigger LANGUAGE plpgsql SET search_path = dm, pg_temp AS $$
BEGIN
    NEW.remaining := NEW.amount;
    NEW.held := 0;
    RETURN NEW;
END $$;
CREATE TRIGGER begins BEFORE INSERT ON dm.wallet_grant FOR EACH ROW EXECUTE FUNCTION dm.wallet_grant_begins();

CREATE FUNCTION dm.wallet_grant_stays() RETURNS trigger LANGUAGE plpgsql SET search_path = dm, pg_temp AS $$
BEGIN
    IF to_jsonb(NEW) - 'remaining' - 'held' <> to_jsonb(OLD) - 'remaining' - 'held' THEN
        RAISE EXCEPTION 'a grant is never changed, only burnt' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER stays BEFORE UPDATE ON dm.wallet_grant FOR EACH ROW EXECUTE FUNCTION dm.wallet_grant_stays();

CREATE FUNCTION dm.wallet_burnt() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = dm, pg_temp AS $$
BEGIN
    UPDATE wallet_grant SET remaining = remaining - NEW.amount
        WHERE account_no = NEW.account_no AND grant_no = NEW.grant_no;
    RETURN NULL;
END $$;
CREATE TRIGGER burnt AFTER INSERT ON dm.wallet_burn_part FOR EACH ROW EXECUTE FUNCTION dm.wallet_burnt();

CREATE FUNCTION dm.wallet_kept() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = dm, pg_temp AS $$
BEGIN
    UPDATE wallet_grant SET held = held + NEW.amount WHERE account_no = NEW.account_no AND grant_no = NEW.grant_no;
    RETURN NULL;
END $$;
CREATE TRIGGER kept AFTER INSERT ON dm.wallet_hold_part FOR EACH ROW EXECUTE FUNCTION dm.wallet_kept();

CREATE FUNCTION dm.wallet_let_go() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = dm, pg_temp AS $$
BEGIN
    IF OLD.state <> 'pending' THEN
        RAISE EXCEPTION 'hold % is over', OLD.hold_no USING ERRCODE = 'check_violation';
    END IF;
    UPDATE wallet_grant g SET held = g.held - p.amount FROM wallet_hold_part p
        WHERE p.account_no = OLD.account_no AND p.hold_no = OLD.hold_no
        AND g.account_no = p.account_no AND g.grant_no = p.grant_no;
    RETURN NULL;
END $$;
CREATE TRIGGER let_go AFTER UPDATE ON dm.wallet_hold FOR EACH ROW EXECUTE FUNCTION dm.wallet_let_go();
REVOKE ALL ON FUNCTION dm.wallet_burnt(), dm.wallet_kept(), dm.wallet_let_go() FROM public;

-- A burn is the sum of its parts.
CREATE FUNCTION dm.wallet_burn_adds_up() RETURNS trigger LANGUAGE plpgsql SET search_path = dm, pg_temp AS $$
BEGIN
    IF (SELECT coalesce(sum(amount), 0) FROM wallet_burn_part WHERE account_no = NEW.account_no
        AND burn_no = NEW.burn_no) <> NEW.promo + NEW.paid THEN
        RAISE EXCEPTION 'burn % is not the sum of its parts', NEW.burn_no USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER adds_up AFTER INSERT ON dm.wallet_burn DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION dm.wallet_burn_adds_up();

-- --- who may ------------------------------------------------------------------------------------------------------------

DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['wallet_order', 'wallet_grant', 'wallet_burn', 'wallet_burn_part', 'wallet_hold',
                             'wallet_hold_part', 'wallet_fault', 'wallet'] LOOP
        EXECUTE format('ALTER TABLE dm.%I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE dm.%I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY tenant ON dm.%I FOR SELECT TO dm_api USING (account_no = dm.account_no()%s)', t,
            CASE t WHEN 'wallet_fault' THEN ' AND dm.project_no() IN (0, project_no)' ELSE '' END);
        EXECUTE format('CREATE POLICY everyone ON dm.%I TO dm_meter, dm_migrate USING (true) WITH CHECK (true)', t);
        EXECUTE format('CREATE TRIGGER immutable_truncate BEFORE TRUNCATE ON dm.%I
                        FOR EACH STATEMENT EXECUTE FUNCTION dm.immutable()', t);
        EXECUTE format('CREATE TRIGGER immutable_delete BEFORE DELETE ON dm.%I
                        FOR EACH ROW EXECUTE FUNCTION dm.immutable()', t);
        IF t <> 'wallet_order' THEN
            EXECUTE format('CREATE POLICY reading ON dm.%I FOR SELECT TO dm_ops USING (true)', t);
            EXECUTE format('GRANT SELECT ON dm.%I TO dm_api, dm_ops', t);
            EXECUTE format('GRANT SELECT, INSERT ON dm.%I TO dm_meter', t);
        END IF;
    END LOOP;
    FOREACH t IN ARRAY ARRAY['wallet_burn', 'wallet_burn_part', 'wallet_hold_part', 'wallet_fault'] LOOP
        EXECUTE format('CREATE TRIGGER immutable BEFORE UPDATE ON dm.%I FOR EACH ROW EXECUTE FUNCTION dm.immutable()', t);
    END LOOP;
END $$;
CREATE POLICY everything ON dm.wallet_order TO dm_ops USING (true) WITH CHECK (true);
GRANT UPDATE (state, ended_at, burn_no) ON dm.wallet_hold TO dm_meter;
GRANT UPDATE (settled_through) ON dm.wallet TO dm_meter;
GRANT SELECT, UPDATE (booked_at, grant_no, refused) ON dm.wallet_order TO dm_meter;
GRANT SELECT, INSERT (account_no, idem_key, kind, currency, amount, expires_at, reference, ordered_by, reason),
    UPDATE (approved_by, approved_at, withdrawn_by, withdrawn_at) ON dm.wallet_order TO dm_ops;
GRANT SELECT (account_no, order_no, id, kind, currency, amount, expires_at, ordered_at, needs_second, approved_at,
    withdrawn_at, booked_at, grant_no, refused) ON dm.wallet_order TO dm_api;   -- not who and why: that stands in the audit

-- --- what is left -------------------------------------------------------------------------------------------------------

-- Statements of months before are an invoice's to settle: it is made when a month has been over for a day.
CREATE FUNCTION dm.wallet_settles_from(at timestamptz) RETURNS timestamptz LANGUAGE sql IMMUTABLE
    RETURN date_trunc('month', (at - interval '1 day') AT TIME ZONE 'UTC') AT TIME ZONE 'UTC';

-- What of a grant may be burnt at a moment: neither held nor over.
CREATE FUNCTION dm.wallet_free(g dm.wallet_grant, at timestamptz) RETURNS numeric LANGUAGE sql IMMUTABLE
    RETURN CASE WHEN g.valid_from <= at AND (g.expires_at IS NULL OR g.expires_at > at)
                THEN g.remaining - g.held ELSE 0 END;

-- What an account that pays in advance has left: its wallet, less what it has come to and was not settled yet, in statements
-- and in periods that are still open. Leases read it. Below zero: it is overdrawn, by no more than leases let it.
CREATE FUNCTION dm.wallet_left(whose bigint) RETURNS numeric LANGUAGE sql STABLE SET search_path = dm, pg_temp
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
    LEFT JOIN LATERAL (SELECT max(r.per_unit) AS per_unit FROM dm.price_book k JOIN dm.price r USING (book_id)
                       WHERE k.tier = a.tier AND k.currency = a.currency AND r.sku = 'minutes' AND k.valid_from <= now()
                       AND (k.valid_to IS NULL OR k.valid_to > now())) minute ON true
    WHERE a.account_no = whose;
END;
REVOKE ALL ON FUNCTION dm.wallet_left(bigint), dm.wallet_settles_from(timestamptz), dm.wallet_free(dm.wallet_grant, timestamptz),
    dm.wallet_order_state(dm.wallet_order) FROM public;
GRANT EXECUTE ON FUNCTION dm.wallet_left(bigint), dm.wallet_settles_from(timestamptz),
    dm.wallet_free(dm.wallet_grant, timestamptz), dm.wallet_order_state(dm.wallet_order) TO dm_api, dm_ops, dm_meter;

-- --- the third budget ---------------------------------------------------------------------------------------------------

-- Beside an allowance and a cap: what was paid in advance, of accounts that pay by the hour. Its hold is spend_cap, for it is
-- the bound that the customer himself has set by what he paid in; suspended_unpaid is an operator's word, and a top-up must
-- not take that back. A cap's own hold ends with the month, this one with the next top-up.
CREATE FUNCTION dm.wallet_judge(whose bigint) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = dm, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM account WHERE account_no = whose AND billing_cycle = 'hourly') AND wallet_left(whose) <= 0 THEN
        INSERT INTO hold (account_no, cause, set_by, reason)
            VALUES (whose, 'spend_cap', 'policy:wallet', 'what was paid in advance is used up')
            ON CONFLICT (account_no, project_no, cause)
            DO UPDATE SET set_by = excluded.set_by, reason = excluded.reason, until = NULL
            WHERE hold.set_by <> 'policy:wallet';
        RETURN;
    END IF;
    DELETE FROM hold WHERE account_no = whose AND project_no = 0 AND cause = 'spend_cap' AND set_by = 'policy:wallet';
    IF FOUND THEN
        PERFORM budget_judge(whose);   -- a cap may hold it, too
    END IF;
END $$;
CREATE FUNCTION dm.wallet_follows() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = dm, pg_temp AS $$
BEGIN
    PERFORM wallet_judge(NEW.account_no);
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION dm.wallet_judge(bigint), dm.wallet_follows() FROM public;
GRANT EXECUTE ON FUNCTION dm.wallet_judge(bigint) TO dm_meter;
CREATE TRIGGER wallet_follows AFTER UPDATE OF billing_cycle ON dm.account
    FOR EACH ROW EXECUTE FUNCTION dm.wallet_follows();

-- As it was, but that it leaves the wallet's hold alone.
CREATE OR REPLACE FUNCTION dm.budget_judge(whose bigint) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = dm, pg_temp AS $$
DECLARE
    this date := date_trunc('month', now() AT TIME ZONE 'UTC');
    b record;
BEGIN
    FOR b IN
        SELECT u.project_no, v.cause, v.used >= v.bound AS over
        FROM dm.budget_use u,
             LATERAL (SELECT CASE u.project_no WHEN 0 THEN dm.account_limits(whose)
                             ELSE dm.project_limits(whose, u.project_no) END AS l) l,
             LATERAL (VALUES ('allowance_exhausted', u.seconds, (l.l ->> 'month_seconds_max')::bigint),
                             ('spend_cap', u.spent_micros, (l.l ->> 'spend_cap_micros')::bigint)) v (cause, used, bound)
        WHERE u.account_no = whose AND u.month = this
    LOOP
        IF b.over THEN
            INSERT INTO dm.hold (account_no, project_no, cause, set_by, until)
                VALUES (whose, b.project_no, b.cause, 'policy:budget', (this + interval '1 month') AT TIME ZONE 'UTC')
                ON CONFLICT (account_no, project_no, cause) DO UPDATE SET until = excluded.until
                WHERE hold.until < excluded.until;
        ELSE
            DELETE FROM dm.hold WHERE account_no = whose AND project_no = b.project_no AND cause = b.cause
                AND set_by <> 'policy:wallet';
        END IF;
    END LOOP;
END $$;
