-- Budgets as leases (base/wire/lease.h): what bounds an account or a project is handed out to workers in seconds, so that all that
-- is out together never passes what is left. Who grants, or lets a sandbox start, has the account's row of budget_promise (project 0)
-- locked, and so is alone in the account, whatever replica he is.

-- What a worker may run of a project.
CREATE TABLE dm.budget_lease (
    account_no bigint NOT NULL,
    project_no int NOT NULL,
    worker_no  bigint NOT NULL,
    boot       bigint NOT NULL,
    seq        bigint NOT NULL,                     -- of the ask that was answered last
    open_s     bigint NOT NULL CHECK (open_s >= 0), -- granted, and not yet told to have run
    running    int NOT NULL,                        -- as it said
    brought_s  bigint NOT NULL DEFAULT 0,           -- with starts and wakes, as it said in this boot,
    brought_before_s bigint NOT NULL DEFAULT 0,     -- and in those before
    price      numeric(38, 18) NOT NULL DEFAULT 0,  -- of one running second, of the dearest that runs there
    state      text NOT NULL CHECK (state IN ('granted', 'last', 'refused')),
    cause      text,
    at         timestamptz NOT NULL,
    until      timestamptz NOT NULL,                -- nothing is kept for it any more: it has run on at our cost, or is gone
    PRIMARY KEY (account_no, project_no, worker_no),
    FOREIGN KEY (account_no, project_no) REFERENCES dm.project
);

-- What workers say that projects ran in a period; their statement counts instead, once it is there.
CREATE TABLE dm.budget_ran (
    account_no   bigint NOT NULL,
    project_no   int NOT NULL,
    period_start timestamptz NOT NULL,
    worker_no    bigint NOT NULL,
    seconds      bigint NOT NULL CHECK (seconds >= 0),
    PRIMARY KEY (account_no, project_no, period_start, worker_no),
    FOREIGN KEY (account_no, project_no) REFERENCES dm.project
);

-- What starts and wakes were promised, and their worker has not said to be there. Of project 0: the account's lock.
CREATE TABLE dm.budget_promise (
    account_no bigint NOT NULL REFERENCES dm.account,
    project_no int NOT NULL DEFAULT 0,
    promised_s bigint NOT NULL DEFAULT 0,
    price      numeric(38, 18) NOT NULL DEFAULT 0,
    at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (account_no, project_no)
);

DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['budget_lease', 'budget_ran', 'budget_promise'] LOOP
        EXECUTE format('ALTER TABLE dm.%I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE dm.%I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY tenant ON dm.%I FOR SELECT TO dm_api USING (account_no = dm.account_no())', t);
        EXECUTE format('CREATE POLICY everyone ON dm.%I TO dm_ops, dm_migrate USING (true) WITH CHECK (true)', t);
    END LOOP;
END $$;
GRANT SELECT ON dm.budget_lease, dm.budget_ran, dm.budget_promise TO dm_api, dm_ops;
GRANT DELETE ON dm.budget_lease, dm.budget_ran TO dm_ops;

-- How often a bound was set, changed or taken away: workers are told with each beat, and ask anew about what nothing bound before.
CREATE TABLE dm.budget_bounds (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    n   bigint NOT NULL DEFAULT 1
);
INSERT INTO dm.budget_bounds DEFAULT VALUES;
GRANT SELECT ON dm.budget_bounds TO dm_ops;
CREATE FUNCTION dm.bounds_changed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = dm, pg_temp AS $$
BEGIN
    UPDATE dm.budget_bounds SET n = n + 1;
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION dm.bounds_changed() FROM public;
CREATE TRIGGER bounds_changed AFTER UPDATE OF tier ON dm.account FOR EACH ROW EXECUTE FUNCTION dm.bounds_changed();
DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['account_limit', 'project_limit', 'tier_limit'] LOOP
        EXECUTE format('CREATE TRIGGER bounds_changed AFTER INSERT OR UPDATE ON dm.%I FOR EACH ROW
            WHEN (NEW.name IN (''month_seconds_max'', ''spend_cap_micros'')) EXECUTE FUNCTION dm.bounds_changed()', t);
        EXECUTE format('CREATE TRIGGER bounds_changed_delete AFTER DELETE ON dm.%I FOR EACH ROW
            WHEN (OLD.name IN (''month_seconds_max'', ''spend_cap_micros'')) EXECUTE FUNCTION dm.bounds_changed()', t);
    END LOOP;
END $$;

-- What one running second of a sandbox of that size may cost at most, in the account's currency: its whole disk counts. Plans by
-- minutes have no such price: 0.
CREATE FUNCTION dm.budget_price(whose bigint, region smallint, size_table smallint, size smallint, disk bigint) RETURNS numeric
    LANGUAGE plpgsql STABLE SET search_path = dm, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN (SELECT coalesce(max(b.price), 0) FROM (
        SELECT sum(CASE p.sku WHEN 'vcpu-run' THEN s.vcpus * p.per_unit
                              WHEN 'mem-run' THEN s.mem_mib * p.per_unit / 1024
                              WHEN 'disk-run-over-30' THEN greatest(disk - 30720, 0) * p.per_unit / 1024 ELSE 0 END) AS price
        FROM dm.account a
        JOIN dm.region r ON r.region_no = region
        JOIN dm.price_book k ON k.tier = a.tier AND k.currency = a.currency AND k.price_group = r.price_group
            AND k.rated_by = 'resources' AND k.valid_from <= now() AND (k.valid_to IS NULL OR k.valid_to > now())
        JOIN dm.price p ON p.book_id = k.book_id
        JOIN dm.spec s ON s.spec_table = size_table AND s.spec = size
        WHERE a.account_no = whose GROUP BY k.book_id) b);
END $$;

-- These are in PL/pgSQL for it plans once in a session: they are asked at each start and ask of what is budgeted.

-- What an account (project 0) or a project has used of this month. Of each project and period that has no statement yet, what the
-- meter has and what workers told are two counts of the same seconds, neither of them too many: the larger one counts. What the
-- meter does not have of them yet is priced as the dearest that runs.
CREATE FUNCTION dm.budget_used(whose bigint, part int, OUT seconds bigint, OUT amount numeric)
    LANGUAGE plpgsql STABLE SET search_path = dm, pg_temp AS $$
#variable_conflict use_column
BEGIN
    WITH m AS (SELECT date_trunc('month', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' AS start),
    said AS (SELECT u.seconds, u.spent_micros / 1000000.0 AS amount FROM dm.budget_use u, m
             WHERE u.account_no = whose AND u.project_no = part AND u.month = (m.start AT TIME ZONE 'UTC')::date),
    closed AS (SELECT coalesce(sum(t.running_s), 0) AS seconds, coalesce(sum(t.total), 0) AS amount FROM dm.statement t, m
               WHERE part = 0 AND t.account_no = whose AND t.period_start >= m.start),
    metered AS (SELECT o.project_no, o.period_start, sum(o.running_s) AS seconds, sum(o.amount) AS amount FROM dm.spend_open o, m
                WHERE o.account_no = whose AND part IN (0, o.project_no) AND o.period_start >= m.start
                AND NOT EXISTS (SELECT FROM dm.statement t WHERE t.account_no = whose AND t.period_start = o.period_start)
                GROUP BY 1, 2),
    told AS (SELECT r.project_no, r.period_start, sum(r.seconds) AS seconds,
                    EXISTS (SELECT FROM dm.statement t WHERE t.account_no = whose AND t.period_start = r.period_start) AS closed
             FROM dm.budget_ran r, m
             WHERE r.account_no = whose AND part IN (0, r.project_no) AND r.period_start >= m.start GROUP BY 1, 2),
    counted AS (SELECT coalesce(o.seconds, 0) AS metered, greatest(coalesce(o.seconds, 0), coalesce(t.seconds, 0)) AS seconds,
                    coalesce(o.amount, 0) AS amount, p.price
             FROM metered o FULL JOIN (SELECT * FROM told WHERE NOT told.closed) t USING (project_no, period_start)
             LEFT JOIN LATERAL (SELECT max(l.price) AS price FROM dm.budget_lease l
                                WHERE l.account_no = whose AND l.project_no = coalesce(o.project_no, t.project_no)) p ON true)
    SELECT greatest(coalesce((SELECT s.seconds FROM said s), 0),
                    (SELECT c.seconds FROM closed c) + coalesce((SELECT sum(b.seconds) FROM counted b), 0)
                    + CASE WHEN part = 0 THEN 0 ELSE coalesce((SELECT sum(t.seconds) FROM told t WHERE t.closed), 0) END)::bigint,
           greatest(coalesce((SELECT s.amount FROM said s), 0),
                    (SELECT c.amount FROM closed c) + coalesce((SELECT sum(b.amount) FROM counted b), 0))
           + coalesce((SELECT sum((b.seconds - b.metered) * b.price) FROM counted b), 0)
    INTO budget_used.seconds, budget_used.amount;
END $$;

-- What is out: granted and not told to have run, but for one lease; and what was promised to starts and wakes that no worker has
-- told of: two seconds at most of each that runs, and none of promises that are older than any order is waited for.
CREATE FUNCTION dm.budget_open(whose bigint, part int, but_project int, but_worker bigint, OUT seconds bigint, OUT amount numeric)
    LANGUAGE plpgsql STABLE SET search_path = dm, pg_temp AS $$
#variable_conflict use_column
BEGIN
    WITH given AS (
        SELECT l.open_s AS seconds, l.price FROM dm.budget_lease l
        WHERE l.account_no = whose AND part IN (0, l.project_no) AND l.until > now()
          AND (but_worker IS NULL OR l.project_no <> but_project OR l.worker_no <> but_worker)
        UNION ALL
        SELECT greatest(0, least(2 * q.running, p.promised_s - (
                   SELECT coalesce(sum(l.brought_s + l.brought_before_s), 0) FROM dm.budget_lease l
                   WHERE l.account_no = whose AND l.project_no = p.project_no))), p.price
        FROM dm.budget_promise p
        JOIN dm.quota_use q ON q.account_no = p.account_no AND q.project_no = p.project_no
        WHERE p.account_no = whose AND p.project_no <> 0 AND part IN (0, p.project_no) AND p.at > now() - interval '70 seconds')
    SELECT coalesce(sum(o.seconds), 0)::bigint, coalesce(sum(o.seconds * o.price), 0) INTO budget_open.seconds, budget_open.amount FROM given o;
END $$;

-- How many seconds at most money buys in a plan by minutes: whole minutes are charged, the last unfinished one never. The allowance is
-- the account's, so of a project each minute counts. Null: minutes cost nothing.
CREATE FUNCTION dm.budget_minutes(whose bigint, part int, cap numeric, used numeric, ran bigint) RETURNS bigint
    LANGUAGE plpgsql STABLE SET search_path = dm, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN (SELECT (CASE WHEN part = 0 THEN i.minutes ELSE 0 END
            + floor(greatest(0, cap - greatest(0, used - b.price * greatest(0, ran / 60 - i.minutes))) / b.price))::bigint * 60 + 59
    FROM (SELECT max(p.per_unit) AS price FROM dm.account a
          JOIN dm.price_book k ON k.tier = a.tier AND k.currency = a.currency AND k.rated_by = 'minutes'
              AND k.valid_from <= now() AND (k.valid_to IS NULL OR k.valid_to > now())
          JOIN dm.price p ON p.book_id = k.book_id AND p.sku = 'minutes' WHERE a.account_no = whose) b,
         LATERAL (SELECT (o.included_s + 59) / 60 AS minutes FROM dm.plan_of(whose) o) i
    WHERE b.price > 0);
END $$;

-- What bounds an account, and a project of it: nothing, then there is no row.
CREATE FUNCTION dm.budget_bounds_of(whose bigint, part int)
    RETURNS TABLE (scope int, seconds bigint, amount numeric)
    LANGUAGE plpgsql STABLE SET search_path = dm, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY SELECT s.scope, (l.l ->> 'month_seconds_max')::bigint, (l.l ->> 'spend_cap_micros')::bigint / 1000000.0
    FROM (VALUES (0), (part)) s (scope),
         LATERAL (SELECT CASE s.scope WHEN 0 THEN dm.account_limits(whose)
                         ELSE coalesce((SELECT jsonb_object_agg(p.name, p.value) FROM dm.project_limit p
                                        WHERE p.account_no = whose AND p.project_no = s.scope
                                          AND (p.until IS NULL OR p.until > now())), '{}') END AS l) l
    WHERE l.l ?| ARRAY['month_seconds_max', 'spend_cap_micros'] AND (s.scope = 0 OR part <> 0);
END $$;

-- How many seconds of a project are left for one worker (null, null: for a start), if one costs so much, and what ends them.
CREATE FUNCTION dm.budget_left(whose bigint, part int, but_worker bigint, price numeric, OUT seconds bigint, OUT cause text)
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
        n := CASE WHEN price > 0 THEN floor((b.amount - u.amount - o.amount) / price)
                  ELSE dm.budget_minutes(whose, b.scope, b.amount, u.amount, u.seconds) - u.seconds - o.seconds END;
        IF n IS NOT NULL AND (seconds IS NULL OR n < seconds) THEN
            seconds := n;
            cause := 'spend_cap';
        END IF;
    END LOOP;
END $$;

-- The account's lock, until the transaction ends.
CREATE FUNCTION dm.budget_lock(whose bigint) RETURNS void LANGUAGE plpgsql SET search_path = dm, pg_temp AS $$
BEGIN
    PERFORM FROM dm.budget_promise WHERE account_no = whose AND project_no = 0 FOR UPDATE;
    IF NOT FOUND THEN
        INSERT INTO dm.budget_promise (account_no) VALUES (whose) ON CONFLICT DO NOTHING;
        PERFORM FROM dm.budget_promise WHERE account_no = whose AND project_no = 0 FOR UPDATE;
    END IF;
END $$;

-- The dearest second of what a project has running.
CREATE FUNCTION dm.budget_dearest(whose bigint, part int) RETURNS numeric LANGUAGE plpgsql STABLE SET search_path = dm, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN (SELECT coalesce(max(dm.budget_price(whose, s.region_no, s.spec_table, s.spec, s.disk_mib)), 0)
    FROM (SELECT DISTINCT x.region_no, x.spec_table, x.spec, x.disk_mib FROM dm.sandbox x WHERE x.account_no = whose
          AND x.project_no = part AND x.state IN ('starting', 'running', 'pausing', 'resuming', 'ending')) s);
END $$;

-- A start or a wake of a sandbox of that size: promised its first seconds, or the cause for which it is not. Null: it may.
CREATE FUNCTION dm.budget_take(whose bigint, part int, region smallint, size_table smallint, size smallint, disk bigint,
                               first bigint)
    RETURNS TABLE (cause text, left_s bigint) LANGUAGE plpgsql SECURITY DEFINER SET search_path = dm, pg_temp AS $$
DECLARE
    one numeric;
    dearest numeric;
    l record;
BEGIN
    IF whose IS DISTINCT FROM coalesce(dm.account_no(), whose) THEN
        RAISE EXCEPTION 'another account''s budget' USING ERRCODE = 'insufficient_privilege';
    END IF;
    PERFORM dm.budget_lock(whose);
    one := dm.budget_price(whose, region, size_table, size, disk);
    SELECT greatest(one, max(x.price)) INTO dearest FROM dm.budget_lease x WHERE x.account_no = whose AND x.project_no = part;
    -- What is out of its project may be run by it, too.
    UPDATE dm.budget_lease x SET price = dearest WHERE x.account_no = whose AND x.project_no = part AND x.price < dearest;
    SELECT * INTO l FROM dm.budget_left(whose, part, NULL, dearest);
    IF l.seconds < first THEN
        RETURN QUERY SELECT l.cause, greatest(l.seconds, 0);
        RETURN;
    END IF;
    INSERT INTO dm.budget_promise AS p (account_no, project_no, promised_s, price) VALUES (whose, part, first, dearest)
        ON CONFLICT (account_no, project_no) DO UPDATE SET at = clock_timestamp(), price = greatest(p.price, dearest),
            promised_s = first + CASE WHEN p.at > now() - interval '70 seconds' THEN p.promised_s
                ELSE (SELECT coalesce(sum(x.brought_s + x.brought_before_s), 0) FROM dm.budget_lease x
                      WHERE x.account_no = whose AND x.project_no = part) END;
    RETURN QUERY SELECT NULL::text, l.seconds;
END $$;

-- It did not come to be.
CREATE FUNCTION dm.budget_unpromise(whose bigint, part int, first bigint) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = dm, pg_temp AS $$
BEGIN
    IF whose IS DISTINCT FROM coalesce(dm.account_no(), whose) THEN
        RAISE EXCEPTION 'another account''s budget' USING ERRCODE = 'insufficient_privilege';
    END IF;
    UPDATE dm.budget_promise SET promised_s = promised_s - first WHERE account_no = whose AND project_no = part AND part <> 0;
END $$;

-- A worker's asks, answered. An ask that comes after a later one is left out. What it says of a project counts where it has, or had,
-- a lease of it, or has something of it.
CREATE FUNCTION dm.budget_grant(worker bigint, its_boot bigint, its_seq bigint, asks jsonb, ran jsonb, cap_s bigint)
    RETURNS TABLE (project_no int, state text, left_s bigint, cause text, account_no bigint, was text)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = dm, pg_temp AS $$
DECLARE
    a record;
    l dm.budget_lease;
    known boolean;
    dearest numeric;
    burn bigint;
    left_ record;
    want bigint;
    give bigint;
BEGIN
    IF NOT EXISTS (SELECT FROM dm.worker w WHERE w.worker_no = worker AND w.boot = its_boot AND w.state <> 'written_off') THEN
        RETURN;
    END IF;
    FOR a IN SELECT p.account_no, j.* FROM jsonb_to_recordset(asks)
             AS j (project_no int, left_s bigint, need_s bigint, running int, brought_s bigint)
             JOIN dm.project p ON p.project_no = j.project_no ORDER BY p.account_no, j.project_no LOOP
        project_no := a.project_no;
        account_no := a.account_no;
        state := 'free';
        left_s := 0;
        cause := NULL;
        was := NULL;
        IF NOT EXISTS (SELECT FROM dm.budget_bounds_of(a.account_no, a.project_no)) THEN
            DELETE FROM dm.budget_lease x WHERE x.account_no = a.account_no AND x.project_no = a.project_no AND x.worker_no = worker;
            RETURN NEXT;
            CONTINUE;
        END IF;
        PERFORM dm.budget_lock(a.account_no);
        SELECT * INTO l FROM dm.budget_lease x
            WHERE x.account_no = a.account_no AND x.project_no = a.project_no AND x.worker_no = worker;
        known := FOUND;
        IF NOT known AND NOT EXISTS (SELECT FROM dm.sandbox s WHERE s.account_no = a.account_no AND s.project_no = a.project_no
                                     AND s.worker_no = worker AND s.state <> 'ended') THEN
            RETURN NEXT;
            CONTINUE;
        END IF;
        CONTINUE WHEN known AND (l.boot, l.seq) >= (its_boot, its_seq);
        INSERT INTO dm.budget_ran AS r (account_no, project_no, period_start, worker_no, seconds)
            SELECT a.account_no, a.project_no, to_timestamp(j.period_start), worker, max(j.seconds)
            FROM jsonb_to_recordset(ran) AS j (project_no int, period_start bigint, seconds bigint)
            WHERE j.project_no = a.project_no AND to_timestamp(j.period_start) BETWEEN now() - interval '3 days' AND now() + interval '1 hour'
            GROUP BY j.period_start
            ON CONFLICT ON CONSTRAINT budget_ran_pkey DO UPDATE SET seconds = greatest(r.seconds, excluded.seconds);
        dearest := dm.budget_dearest(a.account_no, a.project_no);
        INSERT INTO dm.budget_lease AS x (account_no, project_no, worker_no, boot, seq, open_s, running, brought_s, price, state, at, until)
            VALUES (a.account_no, a.project_no, worker, its_boot, its_seq, a.left_s, a.running, a.brought_s, dearest, 'granted', now(),
                    now() + cap_s * interval '1 second')
            ON CONFLICT ON CONSTRAINT budget_lease_pkey DO UPDATE SET boot = its_boot, seq = its_seq, running = a.running, at = now(),
                until = excluded.until, price = dearest, brought_s = a.brought_s, open_s = a.left_s,
                brought_before_s = x.brought_before_s
                    + CASE WHEN x.boot <> its_boot OR x.brought_s > a.brought_s THEN x.brought_s ELSE 0 END;
        SELECT * INTO left_ FROM dm.budget_left(a.account_no, a.project_no, worker, dearest);
        SELECT greatest(1, sum(x.running)) INTO burn FROM dm.budget_lease x WHERE x.account_no = a.account_no AND x.until > now();
        want := a.need_s + a.running * CASE WHEN left_.seconds / burn >= 600 THEN 60 WHEN left_.seconds / burn >= 60 THEN 10 ELSE 1 END;
        -- What is with the worker already is not taken back: it may be running it.
        give := CASE WHEN a.running = 0 THEN 0 ELSE greatest(a.left_s, least(coalesce(left_.seconds, want), want)) END;
        state := CASE WHEN a.running = 0 OR coalesce(left_.seconds, want) >= want THEN 'granted'
                      WHEN give > a.left_s THEN 'last' ELSE 'refused' END;
        left_s := give;
        cause := CASE WHEN state <> 'granted' THEN left_.cause END;
        was := CASE WHEN known THEN l.state END;
        UPDATE dm.budget_lease x SET open_s = give, state = budget_grant.state, cause = budget_grant.cause
            WHERE x.account_no = a.account_no AND x.project_no = a.project_no AND x.worker_no = worker;
        RETURN NEXT;
    END LOOP;
END $$;

REVOKE ALL ON FUNCTION dm.budget_price(bigint, smallint, smallint, smallint, bigint), dm.budget_used(bigint, int),
    dm.budget_open(bigint, int, int, bigint), dm.budget_minutes(bigint, int, numeric, numeric, bigint),
    dm.budget_bounds_of(bigint, int), dm.budget_left(bigint, int, bigint, numeric), dm.budget_lock(bigint),
    dm.budget_dearest(bigint, int), dm.budget_take(bigint, int, smallint, smallint, smallint, bigint, bigint),
    dm.budget_unpromise(bigint, int, bigint), dm.budget_grant(bigint, bigint, bigint, jsonb, jsonb, bigint) FROM public;
GRANT EXECUTE ON FUNCTION dm.budget_used(bigint, int), dm.budget_open(bigint, int, int, bigint), dm.budget_bounds_of(bigint, int)
    TO dm_api, dm_ops;
GRANT EXECUTE ON FUNCTION dm.budget_take(bigint, int, smallint, smallint, smallint, bigint, bigint),
    dm.budget_unpromise(bigint, int, bigint) TO dm_api, dm_ops;
GRANT EXECUTE ON FUNCTION dm.budget_grant(bigint, bigint, bigint, jsonb, jsonb, bigint) TO dm_ops;
