-- What a create costs. Each statement of it was a round trip, some of them were planned anew each time, and four foreign keys
-- locked rows that all creates share.

-- Workers, regions and sizes are never taken away (nobody is granted it), and the API names those that it has just read; a
-- foreign key would lock their rows at each create, and all creates meet in them.
ALTER TABLE dm.sandbox DROP CONSTRAINT sandbox_worker_no_fkey, DROP CONSTRAINT sandbox_region_no_fkey,
    DROP CONSTRAINT sandbox_spec_table_spec_fkey;

-- One more of that size, of a project and of its account (project 0). Null: it is charged to both. Else nothing is, and it
-- says whose limit was met, 1 the project's and 2 the account's, and what is counted there: number, vCPUs, memory. Everybody
-- takes the project's row first. Most are as quota_use counts them. In the scope of whoever asks.
CREATE FUNCTION dm.quota_full(which int, account bigint, project int) RETURNS bigint[] LANGUAGE plpgsql STABLE AS $$
DECLARE
    q record;
BEGIN
    SELECT running, vcpus, mem_mib INTO q FROM dm.quota_use WHERE account_no = account AND project_no = project;
    RETURN ARRAY[which, coalesce(q.running, 0), coalesce(q.vcpus, 0), coalesce(q.mem_mib, 0)];
END $$;

-- The first charge makes the row.
CREATE FUNCTION dm.quota_first(account bigint, project int, more_vcpus bigint, more_mem bigint, most_running bigint,
                               most_vcpus bigint, most_mem bigint) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO dm.quota_use AS q (account_no, project_no, running, vcpus, mem_mib)
        SELECT account, project, 1, more_vcpus, more_mem
        WHERE most_running >= 1 AND most_vcpus >= more_vcpus AND most_mem >= more_mem
        ON CONFLICT (account_no, project_no) DO UPDATE
        SET running = q.running + 1, vcpus = q.vcpus + more_vcpus, mem_mib = q.mem_mib + more_mem
        WHERE q.running < most_running AND q.vcpus + more_vcpus <= most_vcpus AND q.mem_mib + more_mem <= most_mem;
    RETURN FOUND;
END $$;

CREATE FUNCTION dm.quota_take(account bigint, project int, more_vcpus bigint, more_mem bigint, most_running bigint,
                              most_vcpus bigint, most_mem bigint, account_running bigint, account_vcpus bigint,
                              account_mem bigint) RETURNS bigint[] LANGUAGE plpgsql AS $$
BEGIN
    UPDATE dm.quota_use SET running = running + 1, vcpus = vcpus + more_vcpus, mem_mib = mem_mib + more_mem
        WHERE account_no = account AND project_no = project
          AND running < most_running AND vcpus + more_vcpus <= most_vcpus AND mem_mib + more_mem <= most_mem;
    IF NOT FOUND AND NOT dm.quota_first(account, project, more_vcpus, more_mem, most_running, most_vcpus, most_mem) THEN
        RETURN dm.quota_full(1, account, project);
    END IF;
    UPDATE dm.quota_use SET running = running + 1, vcpus = vcpus + more_vcpus, mem_mib = mem_mib + more_mem
        WHERE account_no = account AND project_no = 0
          AND running < account_running AND vcpus + more_vcpus <= account_vcpus AND mem_mib + more_mem <= account_mem;
    IF NOT FOUND AND NOT dm.quota_first(account, 0, more_vcpus, more_mem, account_running, account_vcpus, account_mem) THEN
        UPDATE dm.quota_use SET running = running - 1, vcpus = vcpus - more_vcpus, mem_mib = mem_mib - more_mem
            WHERE account_no = account AND project_no = project;
        RETURN dm.quota_full(2, account, 0);
    END IF;
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION dm.quota_full(int, bigint, int), dm.quota_first(bigint, int, bigint, bigint, bigint, bigint, bigint),
    dm.quota_take(bigint, int, bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint) FROM public;
GRANT EXECUTE ON FUNCTION dm.quota_full(int, bigint, int),
    dm.quota_first(bigint, int, bigint, bigint, bigint, bigint, bigint),
    dm.quota_take(bigint, int, bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint) TO dm_api, dm_ops;

-- A function in SQL is planned at each call, one in PL/pgSQL once in a session: these two are asked at each create, and at
-- each request to a sandbox.
CREATE OR REPLACE FUNCTION dm.place(region smallint, stale_s int, mem int)
    RETURNS TABLE (worker_no bigint, door text, free_slots int)
    LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 8 SET search_path = dm, pg_temp AS $$
BEGIN
    RETURN QUERY SELECT w.worker_no, w.door, w.free_slots FROM dm.worker w
        WHERE w.region_no = region AND w.state = 'active' AND NOT w.refusing
          AND w.beat_at > now() - stale_s * interval '1 second'
          AND (w.mem_free_mib IS NULL OR w.mem_free_mib >= mem)
        ORDER BY w.free_slots DESC, w.worker_no LIMIT 8;
END $$;

CREATE OR REPLACE FUNCTION dm.find_at_door(id bytea)
    RETURNS TABLE (account_no bigint, project_no int, state text, epoch int, door text, address text, secure boolean,
                   auto_resume boolean, network jsonb, token_sealed bytea)
    LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 1 SET search_path = dm, pg_temp AS $$
BEGIN
    RETURN QUERY SELECT s.account_no, s.project_no, s.state, s.epoch, w.door, s.address, s.secure, s.auto_resume, s.network,
               s.token_sealed
        FROM dm.sandbox s LEFT JOIN dm.worker w ON w.worker_no = s.worker_no
        WHERE s.sandbox_id = id AND s.state <> 'ended';
END $$;

-- What is known of a template is kept by each replica for a while; this tells it to ask again. That one was used is no change.
CREATE FUNCTION dm.notify_templates() RETURNS trigger LANGUAGE plpgsql SET search_path = dm, pg_temp AS $$
BEGIN
    NOTIFY dm_templates;
    RETURN NULL;
END $$;
CREATE TRIGGER notify_templates AFTER INSERT OR DELETE ON dm.template
    FOR EACH STATEMENT EXECUTE FUNCTION dm.notify_templates();
CREATE TRIGGER notify_templates_changed AFTER UPDATE ON dm.template
    FOR EACH ROW WHEN (NEW.spawn_count = OLD.spawn_count) EXECUTE FUNCTION dm.notify_templates();
DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['template_alias', 'template_tag', 'template_build'] LOOP
        EXECUTE format('CREATE TRIGGER notify_templates AFTER INSERT OR UPDATE OR DELETE ON dm.%I
                        FOR EACH STATEMENT EXECUTE FUNCTION dm.notify_templates()', t);
    END LOOP;
END $$;
