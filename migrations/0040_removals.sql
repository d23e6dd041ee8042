-- A project's removal. An owner asks for it; then it takes a notice, in which it can be taken back. From the first moment on
-- nothing of the project runs (a hold of its own, with the cause paused: its owner wants it so), and after the last one its
-- sleepers end, its keys and members go, and it is found no more. Its row stays, and all that was used, stated and audited.

ALTER TABLE dm.project
    ADD COLUMN removal_at timestamptz,                    -- since when it is being removed; null: it is not
    ADD COLUMN removal_by text NOT NULL DEFAULT '',       -- 'person:UUID'
    ADD COLUMN removal_ends timestamptz,                  -- until then it can be taken back
    ADD COLUMN removed_at timestamptz,                    -- it is gone
    ADD CONSTRAINT removal_whole CHECK ((removal_at IS NULL) = (removal_ends IS NULL)
                                        AND (removed_at IS NULL OR removal_at IS NOT NULL));
CREATE INDEX project_removal ON dm.project (removal_ends) WHERE removal_at IS NOT NULL AND removed_at IS NULL;
GRANT UPDATE (removal_at, removal_by, removal_ends) ON dm.project TO dm_api;

ALTER TABLE dm.hold DROP CONSTRAINT hold_cause_check,
    ADD CONSTRAINT hold_cause_check CHECK (cause IN ('suspended_unpaid', 'allowance_exhausted', 'spend_cap', 'paused'));
CREATE FUNCTION dm.removal_follows() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = dm, pg_temp AS $$
BEGIN
    IF NEW.removal_at IS NULL THEN
        DELETE FROM dm.hold WHERE account_no = NEW.account_no AND project_no = NEW.project_no AND cause = 'paused';
    ELSE
        INSERT INTO dm.hold (account_no, project_no, cause, set_by, reason)
            VALUES (NEW.account_no, NEW.project_no, 'paused', NEW.removal_by, 'the project is being removed')
            ON CONFLICT DO NOTHING;
    END IF;
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION dm.removal_follows() FROM public;
CREATE TRIGGER removal_follows AFTER UPDATE OF removal_at ON dm.project FOR EACH ROW
    WHEN (OLD.removal_at IS DISTINCT FROM NEW.removal_at) EXECUTE FUNCTION dm.removal_follows();

-- What is gone is found no more, by whatever it was found before.
CREATE OR REPLACE FUNCTION dm.projects_in(account bigint) RETURNS bigint LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = dm, pg_temp
    RETURN (SELECT count(*) FROM dm.project p WHERE p.account_no = account AND p.removed_at IS NULL);

CREATE OR REPLACE FUNCTION dm.find_member(person bigint, project text)
    RETURNS TABLE (account_no bigint, project_no int, account_id uuid, project_id uuid, slug text, tier text,
                   currency char(3), region_no smallint, region text, blocked text, banned boolean, limits jsonb,
                   roles text[], limits_left_us bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = dm, pg_temp
BEGIN ATOMIC
    SELECT p.account_no, p.project_no, a.id, p.id, p.slug, a.tier, a.currency, p.region_no, r.name, a.blocked, a.banned,
           dm.project_limits(p.account_no, p.project_no), m.roles, dm.limits_left_us(p.account_no, p.project_no)
    FROM dm.project p
    JOIN dm.account a ON a.account_no = p.account_no
    JOIN dm.region r ON r.region_no = p.region_no
    JOIN LATERAL (SELECT array_agg(role) AS roles FROM dm.member
                  WHERE account_no = p.account_no AND project_no IN (0, p.project_no) AND person_no = person) m
        ON m.roles IS NOT NULL
    WHERE p.removed_at IS NULL AND (p.slug = project
        OR p.id = CASE WHEN project ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN project::uuid END)
    ORDER BY p.id::text = project DESC
    LIMIT 1;
END;

CREATE OR REPLACE FUNCTION dm.projects_of(person bigint)
    RETURNS TABLE (account_no bigint, project_no int, account_id uuid, project_id uuid, slug text, name text,
                   roles text[], since timestamptz)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = dm, pg_temp
BEGIN ATOMIC
    SELECT p.account_no, p.project_no, a.id, p.id, p.slug, p.name, array_agg(m.role ORDER BY m.role), min(m.added_at)
    FROM dm.member m
    JOIN dm.project p ON p.account_no = m.account_no AND m.project_no IN (0, p.project_no)
    JOIN dm.account a ON a.account_no = p.account_no
    WHERE m.person_no = person AND p.removed_at IS NULL
    GROUP BY p.account_no, p.project_no, a.id, p.id, p.slug, p.name
    ORDER BY min(m.added_at), p.project_no;
END;

CREATE OR REPLACE FUNCTION dm.find_key(hash bytea)
    RETURNS TABLE (account_no bigint, project_no int, key_no bigint, key_id uuid, account_id uuid, project_id uuid,
                   slug text, tier text, currency char(3), region_no smallint, region text, blocked text, banned boolean,
                   limits jsonb, rights text[], limits_left_us bigint, left_us bigint, roles text[])
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = dm, pg_temp
BEGIN ATOMIC
    SELECT k.account_no, k.project_no, k.key_no, k.id, a.id, p.id, p.slug, a.tier, a.currency, p.region_no, r.name,
           a.blocked, a.banned, dm.project_limits(k.account_no, k.project_no), k.rights,
           dm.limits_left_us(k.account_no, k.project_no),
           (extract(epoch FROM k.expires_at - clock_timestamp()) * 1000000)::bigint, m.roles
    FROM dm.api_key k
    JOIN dm.project p ON p.account_no = k.account_no AND p.project_no = k.project_no
    JOIN dm.account a ON a.account_no = k.account_no
    JOIN dm.region r ON r.region_no = p.region_no
    LEFT JOIN LATERAL (SELECT array_agg(b.role) AS roles FROM dm.person_token t
                       JOIN dm.person o ON o.person_no = t.person_no AND o.closed_at IS NULL
                       JOIN dm.member b ON b.person_no = t.person_no AND b.account_no = k.account_no
                           AND b.project_no IN (0, k.project_no)
                       WHERE t.token_no = k.fetched_by AND t.revoked_at IS NULL) m ON true
    WHERE k.sha256 = hash AND p.removed_at IS NULL AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > clock_timestamp())
        AND (k.fetched_by IS NULL OR m.roles IS NOT NULL);
END;

CREATE OR REPLACE FUNCTION dm.my_projects() RETURNS TABLE (id uuid, slug text, name text, account_id uuid, roles text)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = dm, pg_temp
BEGIN ATOMIC
    SELECT p.id, p.slug, p.name, a.id, string_agg(DISTINCT m.role, ',' ORDER BY m.role)
    FROM dm.member m JOIN dm.account a ON a.account_no = m.account_no
    JOIN dm.project p ON p.account_no = m.account_no AND m.project_no IN (0, p.project_no)
    WHERE m.person_no = dm.person_no() AND p.removed_at IS NULL GROUP BY p.id, p.slug, p.name, a.id ORDER BY p.slug LIMIT 1000;
END;
