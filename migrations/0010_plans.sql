-- An account's plans, one after the other: what its seconds are rated by. dm.account.tier is what binds now, limits
-- above all; what a second costs is looked up by the second, however long after it its period is stated. Rows are written
-- by triggers alone, in the same act as what they follow from: whoever changes a tier, or an allowance, cannot forget to.
--
-- A plan holds from its valid_from to the next one's; the first also for whatever lies before it. A change takes effect
-- with the next whole second, and so never on a second that has begun.

CREATE TABLE dm.account_plan (
    account_no bigint NOT NULL REFERENCES dm.account,
    valid_from timestamptz NOT NULL CHECK (valid_from = date_trunc('second', valid_from)),
    tier       text NOT NULL REFERENCES dm.tier,
    included_s bigint NOT NULL CHECK (included_s >= 0),   -- running seconds a month that cost nothing, where minutes are
    PRIMARY KEY (account_no, valid_from)
);

GRANT SELECT ON dm.account_plan TO dm_api, dm_meter, dm_ops;
GRANT INSERT, UPDATE (tier, included_s) ON dm.account_plan TO dm_ops;
ALTER TABLE dm.account_plan ENABLE ROW LEVEL SECURITY;
ALTER TABLE dm.account_plan FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON dm.account_plan FOR SELECT TO dm_api USING (account_no = dm.account_no());
CREATE POLICY everyone ON dm.account_plan TO dm_ops, dm_migrate USING (true) WITH CHECK (true);
CREATE POLICY reading ON dm.account_plan FOR SELECT TO dm_meter USING (true);

-- What an account's plan is now.
CREATE FUNCTION dm.plan_of(whose bigint) RETURNS TABLE (tier text, included_s bigint) LANGUAGE sql STABLE
    SET search_path = dm, pg_temp
BEGIN ATOMIC
    SELECT a.tier, coalesce((SELECT l.value FROM dm.account_limit l WHERE l.account_no = a.account_no
                             AND l.name = 'included_seconds'),
                            (SELECT t.value FROM dm.tier_limit t WHERE t.tier = a.tier AND t.name = 'included_seconds'), 0)
    FROM dm.account a WHERE a.account_no = whose;
END;

INSERT INTO dm.account_plan (account_no, valid_from, tier, included_s)
    SELECT a.account_no, date_trunc('second', a.created_at), p.tier, p.included_s
    FROM dm.account a, LATERAL dm.plan_of(a.account_no) p;

-- Notes it from the next whole second on, if it is another than the newest. The account's row is locked before the clock
-- is asked, so that of two changes the later one holds. A period takes at most so many that it can still be stated.
CREATE FUNCTION dm.plan_note(whose bigint) RETURNS void LANGUAGE plpgsql SET search_path = dm, pg_temp AS $$
DECLARE
    newest dm.account_plan;
    plan record;
    at timestamptz;
BEGIN
    PERFORM FROM dm.account WHERE account_no = whose FOR NO KEY UPDATE;
    SELECT * INTO plan FROM dm.plan_of(whose);
    SELECT * INTO newest FROM dm.account_plan WHERE account_no = whose ORDER BY valid_from DESC LIMIT 1;
    IF plan.tier = newest.tier AND plan.included_s = newest.included_s THEN
        RETURN;
    END IF;
    at := greatest(date_trunc('second', clock_timestamp()) + interval '1 second', newest.valid_from);
    IF at > newest.valid_from AND (SELECT count(*) FROM dm.account_plan
                                   WHERE account_no = whose AND valid_from > at - interval '1 hour') >= 8 THEN
        RAISE EXCEPTION 'account % changed its plan 8 times within an hour', whose USING ERRCODE = 'check_violation';
    END IF;
    INSERT INTO dm.account_plan VALUES (whose, at, plan.tier, plan.included_s)
        ON CONFLICT (account_no, valid_from) DO UPDATE SET tier = excluded.tier, included_s = excluded.included_s;
END $$;

CREATE FUNCTION dm.plan_follows() RETURNS trigger LANGUAGE plpgsql SET search_path = dm, pg_temp AS $$
DECLARE
    whose bigint;
BEGIN
    IF TG_TABLE_NAME = 'account' AND TG_OP = 'INSERT' THEN
        INSERT INTO dm.account_plan
            SELECT NEW.account_no, date_trunc('second', NEW.created_at), p.tier, p.included_s FROM dm.plan_of(NEW.account_no) p;
    ELSIF TG_TABLE_NAME = 'tier_limit' THEN
        FOR whose IN SELECT account_no FROM dm.account WHERE tier = NEW.tier ORDER BY account_no LOOP
            PERFORM dm.plan_note(whose);
        END LOOP;
    ELSIF TG_OP = 'DELETE' THEN
        PERFORM dm.plan_note(OLD.account_no);
    ELSE
        PERFORM dm.plan_note(NEW.account_no);
    END IF;
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION dm.plan_of(bigint), dm.plan_note(bigint) FROM public;
GRANT EXECUTE ON FUNCTION dm.plan_of(bigint), dm.plan_note(bigint) TO dm_ops;
CREATE TRIGGER plan_follows_insert AFTER INSERT ON dm.account FOR EACH ROW EXECUTE FUNCTION dm.plan_follows();
CREATE TRIGGER plan_follows AFTER UPDATE OF tier ON dm.account FOR EACH ROW EXECUTE FUNCTION dm.plan_follows();
CREATE TRIGGER plan_follows AFTER INSERT OR UPDATE ON dm.account_limit
    FOR EACH ROW WHEN (NEW.name = 'included_seconds') EXECUTE FUNCTION dm.plan_follows();
CREATE TRIGGER plan_follows_delete AFTER DELETE ON dm.account_limit
    FOR EACH ROW WHEN (OLD.name = 'included_seconds') EXECUTE FUNCTION dm.plan_follows();
CREATE TRIGGER plan_follows AFTER INSERT OR UPDATE ON dm.tier_limit
    FOR EACH ROW WHEN (NEW.name = 'included_seconds') EXECUTE FUNCTION dm.plan_follows();

-- A period is stated a second and more after its end, and sees what was committed until then. So a plan is committed
-- before its first second has passed, or its transaction is run again with a later one: no second is ever rated before it
-- is known by which plan. An account's first plan is of seconds before which it had nothing.
CREATE FUNCTION dm.plan_in_time() RETURNS trigger LANGUAGE plpgsql SET search_path = dm, pg_temp AS $$
BEGIN
    IF clock_timestamp() >= NEW.valid_from + interval '1 second' AND EXISTS (SELECT FROM dm.account_plan
            WHERE account_no = NEW.account_no AND valid_from < NEW.valid_from) THEN
        RAISE EXCEPTION 'a plan of account % was to hold from %, and that is past', NEW.account_no, NEW.valid_from
            USING ERRCODE = 'serialization_failure';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER plan_in_time AFTER INSERT OR UPDATE ON dm.account_plan DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION dm.plan_in_time();

-- What was stated in a currency is owed in it, and the chain of statements is one.
CREATE FUNCTION dm.currency_stays() RETURNS trigger LANGUAGE plpgsql SET search_path = dm, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM dm.statement WHERE account_no = NEW.account_no) THEN
        RAISE EXCEPTION 'account % has statements in %', NEW.account_no, OLD.currency USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER currency_stays BEFORE UPDATE OF currency ON dm.account FOR EACH ROW
    WHEN (NEW.currency IS DISTINCT FROM OLD.currency) EXECUTE FUNCTION dm.currency_stays();

-- A book that ends within a second leaves that second without a price, and its accounts without a statement. Books that
-- stand here already keep their end.
ALTER TABLE dm.price_book ADD CONSTRAINT price_book_valid_to_second
    CHECK (valid_to = date_trunc('second', valid_to)) NOT VALID;
