-- Sleep when idle: for how many seconds nothing may have reached or left a sandbox, and it have done nothing, before its worker
-- puts it to sleep; 0: it does not.

ALTER TABLE dm.sandbox ADD COLUMN idle_s int NOT NULL DEFAULT 0 CHECK (idle_s >= 0);
GRANT SELECT (idle_s) ON dm.sandbox TO dm_ops;

-- The same as before (0076), which writes that too.
DROP FUNCTION dm.start_all(int, int, bigint[], int[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[],
        bytea[], int[], smallint[], bigint[], text[], uuid[], text[], int[], int[], smallint[], smallint[], int[], boolean[],
        bytea[], bytea[], jsonb[], jsonb[], boolean[], boolean[], boolean[], int[], bigint[], int[], text[], text[], bigint[],
        bytea[]);
CREATE FUNCTION dm.start_all(patience int, lease_s int, account bigint[], project int[], more_vcpus bigint[], more_mem bigint[],
        most_running bigint[], most_vcpus bigint[], most_mem bigint[], account_running bigint[], account_vcpus bigint[],
        account_mem bigint[], id bytea[], epoch int[], region smallint[], key bigint[], template text[], build uuid[],
        alias text[], asked_vcpus int[], asked_mem int[], spec_table smallint[], spec smallint[], disk int[], secure boolean[],
        token bytea[], env bytea[], metadata jsonb[], network jsonb[], internet boolean[], pauses boolean[],
        resumes boolean[], timeout_s int[], created bigint[], ordered_by int[], why text[], who text[], worker bigint[],
        parent bytea[], idle_s int[])
    RETURNS TABLE (at int, worker_no bigint, met bigint[])
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = dm, pg_temp AS $$
#variable_conflict use_column
DECLARE
    places bigint[];
    goes boolean[] := array_fill(false, ARRAY[cardinality(account)]);
    g record;
    i int;
BEGIN
    IF patience > 0 THEN
        PERFORM set_config('lock_timeout', patience::text, true);
    END IF;
    SELECT array_agg(p.place ORDER BY a.i) INTO places
        FROM unnest(region, more_mem, worker) WITH ORDINALITY a(r, m, w, i)
        JOIN (SELECT d.r, d.m, d.w, CASE WHEN d.w IS NULL
                  THEN (SELECT x.worker_no FROM dm.place(d.r, lease_s, d.m::int) x LIMIT 1)
                  ELSE (SELECT x.worker_no FROM dm.place_on(d.w, lease_s, d.m::int) x) END AS place
              FROM (SELECT DISTINCT u.r, u.m, u.w FROM unnest(region, more_mem, worker) u(r, m, w)) d) p
        ON p.r = a.r AND p.m = a.m AND p.w IS NOT DISTINCT FROM a.w;

    FOR g IN SELECT a.a, a.p, count(*)::int AS n, sum(a.v)::bigint AS v, sum(a.m)::bigint AS m, array_agg(a.i::int ORDER BY a.i) AS each,
                    array_agg(a.p) OVER (PARTITION BY a.a ORDER BY a.p ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
                        AS projects
             FROM unnest(account, project, more_vcpus, more_mem, places) WITH ORDINALITY a(a, p, v, m, place, i)
             WHERE a.place IS NOT NULL GROUP BY a.a, a.p ORDER BY a.a, a.p
    LOOP
        IF cardinality(g.projects) > 1 AND g.p = g.projects[1] THEN
            PERFORM FROM dm.quota_use q WHERE q.account_no = g.a AND q.project_no = ANY (g.projects)
                ORDER BY q.project_no FOR UPDATE;
        END IF;
        i := g.each[1];
        IF g.n > 1 AND dm.quota_take_all(g.a, g.p, g.n, g.v, g.m, most_running[i], most_vcpus[i], most_mem[i],
                                         account_running[i], account_vcpus[i], account_mem[i]) THEN
            FOREACH i IN ARRAY g.each LOOP
                goes[i] := true;
            END LOOP;
            CONTINUE;
        END IF;
        FOREACH i IN ARRAY g.each LOOP
            met := dm.quota_take(g.a, g.p, more_vcpus[i], more_mem[i], most_running[i], most_vcpus[i], most_mem[i],
                                 account_running[i], account_vcpus[i], account_mem[i]);
            goes[i] := met IS NULL;
            IF met IS NOT NULL THEN
                at := i;
                worker_no := places[i];
                RETURN NEXT;
            END IF;
        END LOOP;
    END LOOP;

    INSERT INTO dm.sandbox (account_no, project_no, sandbox_id, state, epoch, region_no, worker_no, key_no, template_id, build_id,
            alias, asked_vcpus, asked_mem_mib, spec_table, spec, disk_mib, secure, token_sealed, env_sealed, metadata, network,
            allow_internet, pause_on_timeout, auto_resume, timeout_s, created_at, ordered_by, parent_id, idle_s)
        SELECT a.account, a.project, a.id, 'starting', a.epoch, a.region, a.place, a.key, a.template, a.build, a.alias,
               a.asked_vcpus, a.asked_mem, a.spec_table, a.spec, a.disk, a.secure, a.token, a.env, a.metadata, a.network,
               a.internet, a.pauses, a.resumes, a.timeout_s, dm.ts(a.created), a.ordered_by, a.parent, a.idle_s
        FROM unnest(account, project, id, epoch, region, key, template, build, alias, asked_vcpus, asked_mem, spec_table, spec,
                    disk, secure, token, env, metadata, network, internet, pauses, resumes, timeout_s, created, ordered_by,
                    parent, idle_s, places, goes)
             a(account, project, id, epoch, region, key, template, build, alias, asked_vcpus, asked_mem, spec_table, spec,
               disk, secure, token, env, metadata, network, internet, pauses, resumes, timeout_s, created, ordered_by,
               parent, idle_s, place, goes)
        WHERE a.goes;
    INSERT INTO dm.sandbox_event (account_no, project_no, sandbox_id, at, epoch, to_state, why, who, worker_no)
        SELECT a.account, a.project, a.id, dm.ts(a.created), a.epoch, 'starting', a.why, a.who, a.place
        FROM unnest(account, project, id, epoch, created, why, who, places, goes)
             a(account, project, id, epoch, created, why, who, place, goes)
        WHERE a.goes;
    RETURN QUERY SELECT a.i::int, a.place, NULL::bigint[] FROM unnest(places, goes) WITH ORDINALITY a(place, goes, i)
        WHERE a.goes OR a.place IS NULL;
END $$;
REVOKE ALL ON FUNCTION dm.start_all(int, int, bigint[], int[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[],
        bytea[], int[], smallint[], bigint[], text[], uuid[], text[], int[], int[], smallint[], smallint[], int[], boolean[],
        bytea[], bytea[], jsonb[], jsonb[], boolean[], boolean[], boolean[], int[], bigint[], int[], text[], text[], bigint[],
        bytea[], int[]) FROM public;
GRANT EXECUTE ON FUNCTION dm.start_all(int, int, bigint[], int[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[],
        bytea[], int[], smallint[], bigint[], text[], uuid[], text[], int[], int[], smallint[], smallint[], int[], boolean[],
        bytea[], bytea[], jsonb[], jsonb[], boolean[], boolean[], boolean[], int[], bigint[], int[], text[], text[], bigint[],
        bytea[], int[]) TO dm_api;
