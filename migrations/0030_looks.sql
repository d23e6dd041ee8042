-- An operator looks as a tenant: he reads what the account's people may read, with a reason, for a quarter of an hour at
-- most, and no longer than the session goes on in which he began it. One at a time in a session.
CREATE TABLE dm.look (
    account_no bigint NOT NULL REFERENCES dm.account,
    look_no    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id         uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
    session_id uuid NOT NULL REFERENCES dm.session (id) ON DELETE CASCADE,
    who        text NOT NULL,
    reason     text NOT NULL CHECK (length(reason) BETWEEN 1 AND 500),
    begun_at   timestamptz NOT NULL DEFAULT now(),
    until      timestamptz NOT NULL CHECK (until <= begun_at + interval '15 minutes'),
    ended_at   timestamptz,
    ended_why  text CHECK (ended_why IN ('ended', 'another', 'over', 'session'))
);
CREATE UNIQUE INDEX look_session ON dm.look (session_id) WHERE ended_at IS NULL;
CREATE INDEX look_all_of_session ON dm.look (session_id);
ALTER TABLE dm.look ENABLE ROW LEVEL SECURITY;
ALTER TABLE dm.look FORCE ROW LEVEL SECURITY;
CREATE POLICY everyone ON dm.look TO dm_ops, dm_migrate USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE (ended_at, ended_why) ON dm.look TO dm_ops;

-- Whether an operator may go on in a session. Asked by what follows, of nobody else.
CREATE FUNCTION dm.operator_goes_on(which uuid) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = dm, pg_temp
    RETURN EXISTS (SELECT FROM dm.session s JOIN dm.operator o USING (operator_no)
                   WHERE s.id = which AND s.ended_at IS NULL AND s.expires_at > now() AND o.disabled_at IS NULL
                     AND NOT o.one_time AND o.totp_from IS NOT NULL);

-- A look that goes on, and what binds the account where it looks: in all of it, or, if project is not null, in that one.
-- project_no 0: the account has no such project.
CREATE FUNCTION dm.find_look(which uuid, project text)
    RETURNS TABLE (account_no bigint, project_no int, account_id uuid, project_id uuid, slug text, tier text,
                   currency char(3), region_no smallint, region text, limits jsonb, account_name text, who text,
                   reason text, until_us bigint, operator_no bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = dm, pg_temp
BEGIN ATOMIC
    SELECT a.account_no, coalesce(p.project_no, 0), a.id, p.id, p.slug, a.tier, a.currency, p.region_no, r.name,
           CASE WHEN p.project_no IS NULL THEN dm.account_limits(a.account_no)
                ELSE dm.project_limits(a.account_no, p.project_no) END,
           a.legal_name, l.who, l.reason, dm.us(l.until), s.operator_no
    FROM dm.look l
    JOIN dm.account a ON a.account_no = l.account_no
    JOIN dm.session s ON s.id = l.session_id
    LEFT JOIN dm.project p ON p.account_no = l.account_no AND p.slug = project
    LEFT JOIN dm.region r ON r.region_no = p.region_no
    WHERE l.id = which AND l.ended_at IS NULL AND l.until > now() AND dm.operator_goes_on(l.session_id);
END;

-- What it sees first: the account's projects.
CREATE FUNCTION dm.look_projects(which uuid) RETURNS TABLE (id uuid, slug text, name text, account_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = dm, pg_temp
BEGIN ATOMIC
    SELECT p.id, p.slug, p.name, a.id
    FROM dm.look l
    JOIN dm.account a ON a.account_no = l.account_no
    JOIN dm.project p ON p.account_no = l.account_no
    WHERE l.id = which AND l.ended_at IS NULL AND l.until > now() AND dm.operator_goes_on(l.session_id)
    ORDER BY p.slug LIMIT 1000;
END;

-- Those that are over by themselves, or whose operator is: each is told once, to whoever writes its end into the audit.
CREATE FUNCTION dm.looks_over() RETURNS TABLE (account_no bigint, account_id uuid, id uuid, who text, why text)
    LANGUAGE sql SECURITY DEFINER SET search_path = dm, pg_temp
BEGIN ATOMIC
    UPDATE dm.look l SET ended_at = now(), ended_why = CASE WHEN l.until <= now() THEN 'over' ELSE 'session' END
    FROM dm.account a
    WHERE a.account_no = l.account_no AND l.ended_at IS NULL
      AND (l.until <= now() OR NOT dm.operator_goes_on(l.session_id))
    RETURNING l.account_no, a.id, l.id, l.who, l.ended_why;
END;

REVOKE ALL ON FUNCTION dm.operator_goes_on(uuid), dm.find_look(uuid, text), dm.look_projects(uuid), dm.looks_over() FROM public;
GRANT EXECUTE ON FUNCTION dm.find_look(uuid, text), dm.look_projects(uuid) TO dm_who;
GRANT EXECUTE ON FUNCTION dm.looks_over() TO dm_ops;
