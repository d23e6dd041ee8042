-- Caps that an account's people set themselves: what a month may run, or cost, of the account (project 0) or a project. They bind
-- beside what its plan and an operator set, and the lowest of all holds: nobody lifts a bound by a cap.
CREATE TABLE dm.budget_cap (
    account_no bigint NOT NULL REFERENCES dm.account,
    project_no int NOT NULL DEFAULT 0,
    name       text NOT NULL CHECK (name IN ('month_seconds_max', 'spend_cap_micros')),
    value      bigint NOT NULL CHECK (value >= 0),
    set_by     text NOT NULL,
    set_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_no, project_no, name)
);
ALTER TABLE dm.budget_cap ENABLE ROW LEVEL SECURITY;
ALTER TABLE dm.budget_cap FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON dm.budget_cap FOR SELECT TO dm_api USING (account_no = dm.account_no());
CREATE POLICY whole_add ON dm.budget_cap FOR INSERT TO dm_api WITH CHECK (account_no = dm.account_no() AND dm.project_no() = 0);
CREATE POLICY whole_change ON dm.budget_cap FOR UPDATE TO dm_api
    USING (account_no = dm.account_no() AND dm.project_no() = 0) WITH CHECK (account_no = dm.account_no());
CREATE POLICY whole_end ON dm.budget_cap FOR DELETE TO dm_api USING (account_no = dm.account_no() AND dm.project_no() = 0);
CREATE POLICY everyone ON dm.budget_cap TO dm_ops, dm_migrate USING (true) WITH CHECK (true);
GRANT SELECT ON dm.budget_cap TO dm_api, dm_ops;
GRANT INSERT, UPDATE (value, set_by, set_at), DELETE ON dm.budget_cap TO dm_api;
CREATE TRIGGER bounds_changed AFTER INSERT OR UPDATE OR DELETE ON dm.budget_cap FOR EACH ROW EXECUTE FUNCTION dm.bounds_changed();
CREATE TRIGGER budget_follows AFTER INSERT OR UPDATE OR DELETE ON dm.budget_cap FOR EACH ROW EXECUTE FUNCTION dm.budget_follows();
CREATE TRIGGER notify_keys AFTER INSERT OR UPDATE OR DELETE ON dm.budget_cap FOR EACH STATEMENT EXECUTE FUNCTION dm.notify_keys();

CREATE OR REPLACE FUNCTION dm.account_limits(account bigint) RETURNS jsonb
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = dm, pg_temp
BEGIN ATOMIC
    SELECT b.l || coalesce((SELECT jsonb_object_agg(c.name, least(c.value, (b.l ->> c.name)::bigint)) FROM dm.budget_cap c
                            WHERE c.account_no = account AND c.project_no = 0), '{}')
    FROM (SELECT coalesce((SELECT jsonb_object_agg(l.name, l.value) FROM dm.tier_limit l JOIN dm.account a ON l.tier = a.tier
                           WHERE a.account_no = account), '{}')
                 || coalesce((SELECT jsonb_object_agg(l.name, l.value) FROM dm.account_limit l
                              WHERE l.account_no = account AND (l.until IS NULL OR l.until > now())), '{}') AS l) b;
END;

CREATE OR REPLACE FUNCTION dm.project_limits(account bigint, project int) RETURNS jsonb
    LANGUAGE sql STABLE SET search_path = dm, pg_temp
BEGIN ATOMIC
    SELECT dm.account_limits(account) || o.l
           || coalesce((SELECT jsonb_object_agg(c.name, least(c.value, (o.l ->> c.name)::bigint)) FROM dm.budget_cap c
                        WHERE c.account_no = account AND c.project_no = project), '{}')
    FROM (SELECT coalesce((SELECT jsonb_object_agg(l.name, l.value) FROM dm.project_limit l
                           WHERE l.account_no = account AND l.project_no = project
                             AND (l.until IS NULL OR l.until > now())), '{}') AS l) o;
END;

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
    WHERE l.l ?| ARRAY['month_seconds_max', 'spend_cap_micros'] AND (s.scope = 0 OR part <> 0);
END $$;
