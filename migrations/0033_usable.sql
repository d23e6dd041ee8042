-- The templates that a project may use: its own, and those that are everybody's. Whose is asking is the scope of the
-- transaction, never an argument: nobody's private ones come out of here but the scope's own.

CREATE FUNCTION dm.usable_templates(one text, before timestamptz, before_id text, most bigint)
    RETURNS TABLE (template_id text, own boolean, public boolean, aliases jsonb, names jsonb, created_at timestamptz,
                   updated_at timestamptz, build_id uuid, status text, vcpus int, mem_mib int, disk_mib int,
                   builds bigint, total bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = dm, pg_temp
BEGIN ATOMIC
    WITH usable AS (
        SELECT t.*, t.account_no = dm.account_no() AND t.project_no = dm.project_no() AS own FROM dm.template t
        WHERE (t.account_no = dm.account_no() AND t.project_no = dm.project_no()) OR t.public)
    SELECT t.template_id, t.own, t.public, coalesce(a.aliases, '[]'), coalesce(a.names, '[]'), t.created_at, t.updated_at,
           b.build_id, b.status, b.vcpus, b.mem_mib, b.disk_mib,
           (SELECT count(*) FROM dm.template_build n WHERE n.template_id = t.template_id
                AND (t.own OR (n.status = 'ready' AND EXISTS (SELECT FROM dm.template_tag g
                                                              WHERE g.template_id = t.template_id AND g.build_id = n.build_id)))),
           (SELECT count(*) FROM usable)
    FROM usable t
    LEFT JOIN LATERAL (SELECT jsonb_agg(x.alias ORDER BY x.alias) AS aliases,
                              jsonb_agg(p.slug || '/' || x.alias ORDER BY x.alias) AS names
                       FROM dm.template_alias x JOIN dm.project p USING (account_no, project_no)
                       WHERE x.template_id = t.template_id) a ON true
    -- what its tag default means; of one's own that has none yet, the newest
    LEFT JOIN LATERAL (SELECT n.* FROM dm.template_build n
                       LEFT JOIN dm.template_tag g ON g.template_id = n.template_id AND g.build_id = n.build_id AND g.tag = 'default'
                       WHERE n.template_id = t.template_id AND (g.tag IS NOT NULL OR t.own)
                       ORDER BY g.tag NULLS LAST, n.created_at DESC, n.build_id LIMIT 1) b ON true
    WHERE (one IS NULL OR t.template_id = one)
      AND (before IS NULL OR t.created_at < before OR (t.created_at = before AND t.template_id > before_id))
    ORDER BY t.created_at DESC, t.template_id LIMIT most;
END;

-- Of one of them: of one's own all builds, of another's what a tag names.
CREATE FUNCTION dm.usable_builds(one text, before timestamptz, before_id uuid, most bigint)
    RETURNS TABLE (build_id uuid, status text, vcpus int, mem_mib int, disk_mib int, created_at timestamptz,
                   finished_at timestamptz, tags jsonb)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = dm, pg_temp
BEGIN ATOMIC
    SELECT b.build_id, b.status, b.vcpus, b.mem_mib, b.disk_mib, b.created_at, b.finished_at, coalesce(g.tags, '[]')
    FROM dm.template t JOIN dm.template_build b ON b.template_id = t.template_id
    LEFT JOIN LATERAL (SELECT jsonb_agg(x.tag ORDER BY x.tag) AS tags FROM dm.template_tag x
                       WHERE x.template_id = t.template_id AND x.build_id = b.build_id) g ON true
    WHERE t.template_id = one
      AND ((t.account_no = dm.account_no() AND t.project_no = dm.project_no())
           OR (t.public AND b.status = 'ready' AND g.tags IS NOT NULL))
      AND (before IS NULL OR b.created_at < before OR (b.created_at = before AND b.build_id > before_id))
    ORDER BY b.created_at DESC, b.build_id LIMIT most;
END;

REVOKE ALL ON FUNCTION dm.usable_templates(text, timestamptz, text, bigint), dm.usable_builds(text, timestamptz, uuid, bigint)
    FROM public;
GRANT EXECUTE ON FUNCTION dm.usable_templates(text, timestamptz, text, bigint), dm.usable_builds(text, timestamptz, uuid, bigint)
    TO dm_api;
