-- Creates that meet go into the database together: what a statement costs beside its rows (its executor, constraints read
-- anew, its commit) is paid once a round. A round is of several projects, so these two act for whoever is named in it, and
-- do no more than that: they are not asked in the scope of one. All arrays are as long as each other;
-- what stands in the n-th place of each is the n-th sandbox.

-- Labels of all that a statement made, at once.
DROP TRIGGER add_labels ON dm.sandbox;
CREATE OR REPLACE FUNCTION dm.add_labels() RETURNS trigger LANGUAGE plpgsql SET search_path = dm, pg_temp AS $$
BEGIN
    INSERT INTO dm.sandbox_label (account_no, project_no, label, created_at, sandbox_id)
        SELECT s.account_no, s.project_no, dm.label('template', '', s.template_id), s.created_at, s.sandbox_id FROM made s
        UNION ALL
        SELECT s.account_no, s.project_no, dm.label('key', '', s.key_no::text), s.created_at, s.sandbox_id FROM made s;
    IF EXISTS (SELECT FROM made WHERE metadata <> '{}') THEN
        INSERT INTO dm.sandbox_label (account_no, project_no, label, created_at, sandbox_id)
            SELECT s.account_no, s.project_no, dm.label('pair', m.key, m.value), s.created_at, s.sandbox_id
            FROM made s, jsonb_each_text(s.metadata) m WHERE s.metadata <> '{}'
            UNION ALL
            SELECT s.account_no, s.project_no, dm.label('word', '', w), s.created_at, s.sandbox_id
            FROM made s, dm.words((SELECT string_agg(m.key || ' ' || m.value, ' ') FROM jsonb_each_text(s.metadata) m)) w
            WHERE s.metadata <> '{}';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER add_labels AFTER INSERT ON dm.sandbox REFERENCING NEW TABLE AS made
    FOR EACH STATEMENT EXECUTE FUNCTION dm.add_labels();

-- n more of one project, which need that much together: all of them, or none.
CREATE FUNCTION dm.quota_take_all(account bigint, project int, n int, more_vcpus bigint, more_mem bigint, most_running bigint,
                                  most_vcpus bigint, most_mem bigint, account_running bigint, account_vcpus bigint,
                                  account_mem bigint) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    UPDATE dm.quota_use SET running = running + n, vcpus = vcpus + more_vcpus, mem_mib = mem_mib + more_mem
        WHERE account_no = account AND project_no = project
          AND running + n <= most_running AND vcpus + more_vcpus <= most_vcpus AND mem_mib + more_mem <= most_mem;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    UPDATE dm.quota_use SET running = running + n, vcpus = vcpus + more_vcpus, mem_mib = mem_mib + more_mem
        WHERE account_no = account AND project_no = 0
          AND running + n <= account_running AND vcpus + more_vcpus <= account_vcpus AND mem_mib + more_mem <= account_mem;
    IF NOT FOUND THEN
        UPDATE dm.quota_use SET running = running - n, vcpus = vcpus - more_vcpus, mem_mib = mem_mib - more_mem
            WHERE account_no = account AND project_no = project;
        RETURN false;
    END IF;
    RETURN true;
END $$;

-- All that makes sandboxes. A place is found for each, it is charged, and row and event are written; where there is no place
-- (no worker_no) or no room (met, as of dm.quota_take) nothing is. A row of quota that somebody holds is waited for as long as
-- patience says, in ms (0: as long as a statement may take), and then nothing of the round is done: so nobody's row holds up
-- the others'. Accounts are charged in the order of their numbers, and of each its projects before itself, as everybody does.
CREATE FUNCTION dm.start_all(patience int, lease_s int, account bigint[], project int[], more_vcpus bigint[], more_mem bigint[],
        most_running bigint[], most_vcpus bigint[], most_mem bigint[], account_running bigint[], account_vcpus bigint[],
        account_mem bigint[], id bytea[], epoch int[], region smallint[], key bigint[], template text[], build uuid[],
        alias text[], asked_vcpus int[], asked_mem int[], spec_table smallint[], spec smallint[], disk int[], secure boolean[],
        token bytea[], env bytea[], metadata jsonb[], network jsonb[], internet boolean[], pauses boolean[],
        resumes boolean[], timeout_s int[], created bigint[], ordered_by int[], why text[], who text[], worker bigint[],
        parent bytea[])
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
            allow_internet, pause_on_timeout, auto_resume, timeout_s, created_at, ordered_by, parent_id)
        SELECT a.account, a.project, a.id, 'starting', a.epoch, a.region, a.place, a.key, a.template, a.build, a.alias,
               a.asked_vcpus, a.asked_mem, a.spec_table, a.spec, a.disk, a.secure, a.token, a.env, a.metadata, a.network,
               a.internet, a.pauses, a.resumes, a.timeout_s, dm.ts(a.created), a.ordered_by, a.parent
        FROM unnest(account, project, id, epoch, region, key, template, build, alias, asked_vcpus, asked_mem, spec_table, spec,
                    disk, secure, token, env, metadata, network, internet, pauses, resumes, timeout_s, created, ordered_by,
                    parent, places, goes)
             a(account, project, id, epoch, region, key, template, build, alias, asked_vcpus, asked_mem, spec_table, spec,
               disk, secure, token, env, metadata, network, internet, pauses, resumes, timeout_s, created, ordered_by,
               parent, place, goes)
        WHERE a.goes;
    INSERT INTO dm.sandbox_event (account_no, project_no, sandbox_id, at, epoch, to_state, why, who, worker_no)
        SELECT a.account, a.project, a.id, dm.ts(a.created), a.epoch, 'starting', a.why, a.who, a.place
        FROM unnest(account, project, id, epoch, created, why, who, places, goes)
             a(account, project, id, epoch, created, why, who, place, goes)
        WHERE a.goes;
    RETURN QUERY SELECT a.i::int, a.place, NULL::bigint[] FROM unnest(places, goes) WITH ORDINALITY a(place, goes, i)
        WHERE a.goes OR a.place IS NULL;
END $$;

-- A step of each, with its event, where its row is as whoever asks believes: the places of those that were. For steps that
-- charge nothing. Rows are found by their key, whatever the planner believes of a table that was never analyzed.
CREATE FUNCTION dm.step_all(patience int, account bigint[], project int[], id bytea[], old_state text[], old_epoch int[],
        new_state text[], new_epoch int[], cause text[], detail text[], worker bigint[], address text[], started bigint[],
        ends bigint[], paused bigint[], ended bigint[], ordered_by int[], unanswered int[], image_mib bigint[], happened bigint[],
        why text[], who text[])
    RETURNS SETOF int
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = dm, pg_temp
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
#variable_conflict use_column
BEGIN
    IF patience > 0 THEN
        PERFORM set_config('lock_timeout', patience::text, true);
    END IF;
    RETURN QUERY WITH a AS MATERIALIZED (
        SELECT * FROM unnest(account, project, id, old_state, old_epoch, new_state, new_epoch, cause, detail, worker, address,
                             started, ends, paused, ended, ordered_by, unanswered, image_mib, happened, why, who)
            WITH ORDINALITY a(account, project, id, old_state, old_epoch, new_state, new_epoch, cause, detail, worker, address,
                              started, ends, paused, ended, ordered_by, unanswered, image_mib, happened, why, who, i)),
    s AS (UPDATE dm.sandbox t SET state = a.new_state, epoch = a.new_epoch, cause = a.cause, detail = a.detail,
              worker_no = a.worker, address = a.address, started_at = dm.ts(a.started), end_at = dm.ts(a.ends),
              paused_at = dm.ts(a.paused), ended_at = dm.ts(a.ended), ordered_by = a.ordered_by, unanswered = a.unanswered,
              image_mib = a.image_mib, changed_at = clock_timestamp()
          FROM a WHERE t.sandbox_id = a.id AND t.account_no = a.account AND t.project_no = a.project AND t.state = a.old_state
              AND t.epoch = a.old_epoch
          RETURNING t.account_no, t.project_no, t.sandbox_id, t.epoch, t.state, t.cause, t.worker_no, a.old_state, a.happened,
              a.why, a.who, a.i),
    e AS (INSERT INTO dm.sandbox_event (account_no, project_no, sandbox_id, at, epoch, from_state, to_state, cause, why, who,
              worker_no)
          SELECT s.account_no, s.project_no, s.sandbox_id, dm.ts(s.happened), s.epoch, s.old_state, s.state, s.cause, s.why,
              s.who, s.worker_no FROM s)
    SELECT s.i::int FROM s;
END $$;

REVOKE ALL ON FUNCTION
    dm.quota_take_all(bigint, int, int, bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint),
    dm.start_all(int, int, bigint[], int[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[],
        bytea[], int[], smallint[], bigint[], text[], uuid[], text[], int[], int[], smallint[], smallint[], int[], boolean[],
        bytea[], bytea[], jsonb[], jsonb[], boolean[], boolean[], boolean[], int[], bigint[], int[], text[], text[], bigint[],
        bytea[]),
    dm.step_all(int, bigint[], int[], bytea[], text[], int[], text[], int[], text[], text[], bigint[], text[], bigint[],
        bigint[], bigint[], bigint[], int[], int[], bigint[], bigint[], text[], text[]) FROM public;
GRANT EXECUTE ON FUNCTION
    dm.start_all(int, int, bigint[], int[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[],
        bytea[], int[], smallint[], bigint[], text[], uuid[], text[], int[], int[], smallint[], smallint[], int[], boolean[],
        bytea[], bytea[], jsonb[], jsonb[], boolean[], boolean[], boolean[], int[], bigint[], int[], text[], text[], bigint[],
        bytea[]),
    dm.step_all(int, bigint[], int[], bytea[], text[], int[], text[], int[], text[], text[], bigint[], text[], bigint[],
        bigint[], bigint[], bigint[], int[], int[], bigint[], bigint[], text[], text[]) TO dm_api;
