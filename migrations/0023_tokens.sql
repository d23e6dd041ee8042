-- What a key may outlive: nothing. Tokens that stand for a person where E2B's clients send one, and the keys that such a
-- token fetches: they are worth what the person is, and end with the token.

CREATE TABLE dm.person_token (
    person_no  bigint NOT NULL REFERENCES dm.person,
    token_no   bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    id         uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
    name       text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    sha256     bytea NOT NULL UNIQUE CHECK (octet_length(sha256) = 32),
    mask       text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    revoked_at timestamptz,
    PRIMARY KEY (person_no, token_no)
);
ALTER TABLE dm.person_token ENABLE ROW LEVEL SECURITY;
ALTER TABLE dm.person_token FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON dm.person_token TO dm_who USING (person_no = dm.person_no()) WITH CHECK (person_no = dm.person_no());
CREATE POLICY everyone ON dm.person_token TO dm_migrate USING (true) WITH CHECK (true);
GRANT SELECT, INSERT ON dm.person_token TO dm_who;
GRANT UPDATE (revoked_at) ON dm.person_token TO dm_who;
CREATE TRIGGER notify_keys AFTER UPDATE OF revoked_at ON dm.person_token
    FOR EACH STATEMENT EXECUTE FUNCTION dm.notify_keys();

-- The token that fetched a key; null: somebody made it, and it is the project's.
ALTER TABLE dm.api_key ADD COLUMN fetched_by bigint REFERENCES dm.person_token (token_no);
CREATE INDEX api_key_fetched ON dm.api_key (fetched_by) WHERE fetched_by IS NOT NULL;

-- Whose a token is, found before any person is known.
CREATE FUNCTION dm.find_token(hash bytea) RETURNS TABLE (person_no bigint, person_id uuid, token_no bigint, token_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = dm, pg_temp
BEGIN ATOMIC
    SELECT t.person_no, p.id, t.token_no, t.id FROM dm.person_token t JOIN dm.person p ON p.person_no = t.person_no
    WHERE t.sha256 = hash AND t.revoked_at IS NULL AND p.closed_at IS NULL;
END;

-- The projects in which a person is something, the one he came to first in front: that is the one he means when he names
-- none.
CREATE FUNCTION dm.projects_of(person bigint)
    RETURNS TABLE (account_no bigint, project_no int, account_id uuid, project_id uuid, slug text, name text,
                   roles text[], since timestamptz)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = dm, pg_temp
BEGIN ATOMIC
    SELECT p.account_no, p.project_no, a.id, p.id, p.slug, p.name, array_agg(m.role ORDER BY m.role), min(m.added_at)
    FROM dm.member m
    JOIN dm.project p ON p.account_no = m.account_no AND m.project_no IN (0, p.project_no)
    JOIN dm.account a ON a.account_no = p.account_no
    WHERE m.person_no = person
    GROUP BY p.account_no, p.project_no, a.id, p.id, p.slug, p.name
    ORDER BY min(m.added_at), p.project_no;
END;

-- By its slug or its id, which a slug may look like: the id wins, so that nobody takes another's name by that.
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
    WHERE p.slug = project
        OR p.id = CASE WHEN project ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN project::uuid END
    ORDER BY p.id::text = project DESC
    LIMIT 1;
END;

-- left_us: how long it is valid still, by this clock; null: for ever. roles: of a key that a token fetched, what its
-- person is now; null: it is nobody's in particular.
DROP FUNCTION dm.find_key(bytea);
CREATE FUNCTION dm.find_key(hash bytea)
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
    WHERE k.sha256 = hash AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > clock_timestamp())
        AND (k.fetched_by IS NULL OR m.roles IS NOT NULL);
END;

REVOKE ALL ON FUNCTION dm.find_key(bytea), dm.find_token(bytea), dm.projects_of(bigint) FROM public;
GRANT EXECUTE ON FUNCTION dm.find_key(bytea) TO dm_api;
GRANT EXECUTE ON FUNCTION dm.find_token(bytea), dm.projects_of(bigint) TO dm_who;
GRANT EXECUTE ON FUNCTION dm.people() TO dm_ops; -- in the scope of the account whose keys are listed

-- How many ran in a while that is over. Events come in the order of their time: a few bytes a thousand rows find them.
CREATE INDEX sandbox_event_when ON dm.sandbox_event USING brin (at);
