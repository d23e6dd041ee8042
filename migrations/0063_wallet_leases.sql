-- What an account that pays by the hour has left in its wallet bounds what leases grant, beside allowance and caps: less what it has
-- come to and was not settled, what workers ran and the meter does not have yet, and what is out.

-- Such an account has a budget, whatever else bounds it: a member that limits of others do not have.
CREATE OR REPLACE FUNCTION dm.account_limits(account bigint) RETURNS jsonb
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = dm, pg_temp
BEGIN ATOMIC
    SELECT b.l || coalesce((SELECT jsonb_object_agg(c.name, least(c.value, (b.l ->> c.name)::bigint)) FROM dm.budget_cap c
                            WHERE c.account_no = account AND c.project_no = 0), '{}')
               || coalesce((SELECT jsonb_build_object('prepaid', 1) FROM dm.account a
                            WHERE a.account_no = account AND a.billing_cycle = 'hourly'), '{}')
    FROM (SELECT coalesce((SELECT jsonb_object_agg(l.name, l.value) FROM dm.tier_limit l JOIN dm.account a ON l.tier = a.tier
                           WHERE a.account_no = account), '{}')
                 || coalesce((SELECT jsonb_object_agg(l.name, l.value) FROM dm.account_limit l
                              WHERE l.account_no = account AND (l.until IS NULL OR l.until > now())), '{}') AS l) b;
END;
CREATE TRIGGER bounds_changed_cycle AFTER UPDATE OF billing_cycle ON dm.account FOR EACH ROW
    WHEN (NEW.billing_cycle <> OLD.billing_cycle) EXECUTE FUNCTION dm.bounds_changed();

-- As it was; of an account that pays by the hour there is a row that may bound nothing itself.
CREATE OR REPLACE FUNCTION dm.budget_bounds_of(whose bigint, part int)
    RETURNS TABLE (scope int, seconds bigint, amount numeric)
    LANGUAGE plpgsql STABLE SET search_path = dm, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY SELECT s.scope, (l.l ->> 'month_seconds_max')::bigint, (l.l ->> 'spend_cap_micros')::bigint / 1000000.0
    FROM (VALUES (0), (part)) s (scope),
         LATERAL (SELECT CASE s.scope WHEN 0 THEN dm.account_limits(whose) ELSE coalesce(
                      (SELECT jsonb_object_agg(p.name, p.value) FROM (
                           SELECT x.name, min(x.value) AS value FROM (
                               SELECT p.name, p.value FROM dm.project_limit p WHERE p.account_no = whose AND p.project_no = s.scope
                                   AND (p.until IS NULL OR p.until > now())
                               UNION ALL SELECT c.name, c.value FROM dm.budget_cap c
                                   WHERE c.account_no = whose AND c.project_no = s.scope) x GROUP BY x.name) p), '{}') END AS l) l
    WHERE l.l ?| ARRAY['month_seconds_max', 'spend_cap_micros', 'prepaid'] AND (s.scope = 0 OR part <> 0);
END $$;

-- How many seconds of an account a wallet still pays for, if one costs so much, before what is out. What workers told and the meter
-- does not have yet costs as much as the dearest that runs. In a plan by minutes it pays for whole ones after the allowance, and the
-- last unfinished one costs nothing. Null: what it runs costs nothing.
CREATE FUNCTION dm.budget_wallet(whose bigint, price numeric, open_s bigint, open_amount numeric) RETURNS bigint
    LANGUAGE plpgsql STABLE SET search_path = dm, pg_temp AS $$
#variable_conflict use_column
DECLARE
    m timestamptz := dm.wallet_settles_from(now());
    free numeric := dm.wallet_left(whose);
    more record;
    pool record;
BEGIN
    SELECT coalesce(sum(d.seconds), 0)::bigint AS seconds, coalesce(sum(d.seconds * d.price), 0) AS amount INTO more FROM (
        SELECT greatest(0, t.seconds - coalesce((SELECT sum(o.running_s) FROM dm.spend_open o WHERE o.account_no = whose
                   AND o.project_no = t.project_no AND o.period_start = t.period_start), 0)) AS seconds,
               coalesce((SELECT max(l.price) FROM dm.budget_lease l
                         WHERE l.account_no = whose AND l.project_no = t.project_no), 0) AS price
        FROM (SELECT r.project_no, r.period_start, sum(r.seconds) AS seconds FROM dm.budget_ran r
              WHERE r.account_no = whose AND r.period_start >= m AND NOT EXISTS (
                  SELECT FROM dm.statement s WHERE s.account_no = whose AND s.period_start = r.period_start) GROUP BY 1, 2) t) d;
    IF price > 0 THEN
        RETURN floor((free - more.amount - open_amount) / price);
    END IF;
    SELECT coalesce((SELECT max(s.pool_after_s) FROM dm.statement s WHERE s.account_no = whose
                     AND s.period_start >= date_trunc('month', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'), 0)
           + coalesce((SELECT sum(o.running_s) FROM dm.spend_open o WHERE o.account_no = whose AND o.period_start >= m
                       AND NOT EXISTS (SELECT FROM dm.statement s WHERE s.account_no = whose AND s.period_start = o.period_start)),
                      0) AS s,
           (SELECT (p.included_s + 59) / 60 FROM dm.plan_of(whose) p) AS minutes,
           (SELECT max(dm.dearest(r)) FROM dm.books_now(whose) h JOIN dm.price r ON r.book_id = h WHERE r.sku = 'minutes') AS one
        INTO pool;
    RETURN CASE WHEN pool.one > 0 THEN (greatest(div(pool.s, 60), pool.minutes) + floor(free / pool.one)) * 60 + 59
                                       - pool.s - more.seconds - open_s END;
END $$;

CREATE OR REPLACE FUNCTION dm.budget_left(whose bigint, part int, but_worker bigint, price numeric, OUT seconds bigint, OUT cause text)
    LANGUAGE plpgsql STABLE SET search_path = dm, pg_temp AS $$
DECLARE
    b record;
    u record;
    o record;
    n bigint;
BEGIN
    FOR b IN SELECT * FROM dm.budget_bounds_of(whose, part) LOOP
        SELECT * INTO u FROM dm.budget_used(whose, b.scope);
        SELECT * INTO o FROM dm.budget_open(whose, b.scope, part, but_worker);
        n := b.seconds - u.seconds - o.seconds;
        IF seconds IS NULL OR n < seconds THEN
            seconds := n;
            cause := 'allowance_exhausted';
        END IF;
        n := CASE WHEN b.amount IS NULL THEN NULL   -- and not as a cap of nothing, which minutes took it for
                  WHEN price > 0 THEN floor((b.amount - u.amount - o.amount) / price)
                  ELSE dm.budget_minutes(whose, b.scope, b.amount, u.amount, u.seconds) - u.seconds - o.seconds END;
        IF n IS NOT NULL AND (seconds IS NULL OR n < seconds) THEN
            seconds := n;
            cause := 'spend_cap';
        END IF;
        IF b.scope = 0 AND EXISTS (SELECT FROM dm.account a WHERE a.account_no = whose AND a.billing_cycle = 'hourly') THEN
            n := dm.budget_wallet(whose, price, o.seconds, o.amount);
            IF n IS NOT NULL AND (seconds IS NULL OR n < seconds) THEN
                seconds := n;
                cause := 'spend_cap';
            END IF;
        END IF;
    END LOOP;
END $$;
REVOKE ALL ON FUNCTION dm.budget_wallet(bigint, numeric, bigint, numeric) FROM public;
