-- Overrides: a limit of an account's or a project's own says who set it, why, and until when it holds. What is past its
-- end binds no more, whoever asks and wherever: nothing has to be done for that, and no cache may outlive it
-- (limits_left_us).

DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['account_limit', 'project_limit'] LOOP
        EXECUTE format('ALTER TABLE dm.%I ADD COLUMN set_by text NOT NULL DEFAULT ''operator'',
                        ADD COLUMN reason text NOT NULL DEFAULT '''' CHECK (length(reason) <= 500),
                        ADD COLUMN until timestamptz,
                        ADD COLUMN set_at timestamptz NOT NULL DEFAULT now()', t);
    END LOOP;
END $$;
-- What seconds are rated by has a history (account_plan), which no clock writes: a change of it is an act.
ALTER TABLE dm.account_limit ADD CONSTRAINT allowance_without_end CHECK (name <> 'included_seconds' OR until IS NULL);

CREATE OR REPLACE FUNCTION dm.account_limits(account bigint) RETURNS jsonb
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = dm, pg_temp
BEGIN ATOMIC
    SELECT coalesce((SELECT jsonb_object_agg(l.name, l.value) FROM dm.tier_limit l JOIN dm.account a ON l.tier = a.tier
                     WHERE a.account_no = account), '{}')
           || coalesce((SELECT jsonb_object_agg(l.name, l.value) FROM dm.account_limit l
                        WHERE l.account_no = account AND (l.until IS NULL OR l.until > now())), '{}');
END;

-- What binds a project: its own limits over its account's. In the scope of whoever asks.
CREATE FUNCTION dm.project_limits(account bigint, project int) RETURNS jsonb
    LANGUAGE sql STABLE SET search_path = dm, pg_temp
BEGIN ATOMIC
    SELECT dm.account_limits(account)
           || coalesce((SELECT jsonb_object_agg(l.name, l.value) FROM dm.project_limit l
                        WHERE l.account_no = account AND l.project_no = project
                          AND (l.until IS NULL OR l.until > now())), '{}');
END;

-- After so long the first of them ends; null: none ends by itself.
CREATE FUNCTION dm.limits_left_us(account bigint, project int) RETURNS bigint
    LANGUAGE sql STABLE SET search_path = dm, pg_temp
BEGIN ATOMIC
    SELECT (extract(epoch FROM min(l.until) - now()) * 1000000)::bigint
    FROM (SELECT until FROM dm.account_limit WHERE account_no = account
          UNION ALL SELECT until FROM dm.project_limit WHERE account_no = account AND project_no = project) l
    WHERE l.until > now();
END;
REVOKE ALL ON FUNCTION dm.project_limits(bigint, int), dm.limits_left_us(bigint, int) FROM public;
GRANT EXECUTE ON FUNCTION dm.project_limits(bigint, int), dm.limits_left_us(bigint, int) TO dm_api;

DROP FUNCTION dm.find_key(bytea);
CREATE FUNCTION dm.find_key(hash bytea)
    RETURNS TABLE (account_no bigint, project_no int, key_no bigint, key_id uuid, account_id uuid, project_id uuid,
                   slug text, tier text, currency char(3), region_no smallint, region text, blocked text, banned boolean,
                   limits jsonb, rights text[], limits_left_us bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = dm, pg_temp
BEGIN ATOMIC
    SELECT k.account_no, k.project_no, k.key_no, k.id, a.id, p.id, p.slug, a.tier, a.currency, p.region_no, r.name,
           a.blocked, a.banned, dm.project_limits(k.account_no, k.project_no), k.rights,
           dm.limits_left_us(k.account_no, k.project_no)
    FROM dm.api_key k
    JOIN dm.project p ON p.account_no = k.account_no AND p.project_no = k.project_no
    JOIN dm.account a ON a.account_no = k.account_no
    JOIN dm.region r ON r.region_no = p.region_no
    WHERE k.sha256 = hash AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now());
END;

DROP FUNCTION dm.find_member(bigint, text);
CREATE FUNCTION dm.find_member(person bigint, project text)
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
    WHERE p.slug = project;
END;

REVOKE ALL ON FUNCTION dm.find_key(bytea), dm.find_member(bigint, text) FROM public;
GRANT EXECUTE ON FUNCTION dm.find_key(bytea) TO dm_api;
GRANT EXECUTE ON FUNCTION dm.find_member(bigint, text) TO dm_who;
