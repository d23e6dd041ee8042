-- Who bears a key is asked once a minute of each key and replica, by five functions in SQL: each is planned anew at each call,
-- 10 ms of a processor together, and a hundred keys that came in one second are asked for in one second again. In PL/pgSQL
-- they are planned once in a session. They say what they said.
CREATE OR REPLACE FUNCTION dm.account_limits(account bigint) RETURNS jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = dm, pg_temp AS $$
BEGIN
    RETURN (SELECT b.l || coalesce((SELECT jsonb_object_agg(c.name, least(c.value, (b.l ->> c.name)::bigint)) FROM dm.budget_cap c
                                    WHERE c.account_no = account AND c.project_no = 0), '{}')
                       || coalesce((SELECT jsonb_build_object('prepaid', 1) FROM dm.account a
                                    WHERE a.account_no = account AND a.billing_cycle = 'hourly'), '{}')
            FROM (SELECT coalesce((SELECT jsonb_object_agg(l.name, l.value) FROM dm.tier_limit l JOIN dm.account a ON l.tier = a.tier
                                   WHERE a.account_no = account), '{}')
                         || coalesce((SELECT jsonb_object_agg(l.name, l.value) FROM dm.account_limit l
                                      WHERE l.account_no = account AND (l.until IS NULL OR l.until > now())), '{}') AS l) b);
END $$;

CREATE OR REPLACE FUNCTION dm.project_limits(account bigint, project int) RETURNS jsonb
    LANGUAGE plpgsql STABLE SET search_path = dm, pg_temp AS $$
BEGIN
    RETURN (SELECT dm.account_limits(account) || o.l
                   || coalesce((SELECT jsonb_object_agg(c.name, least(c.value, (o.l ->> c.name)::bigint)) FROM dm.budget_cap c
                                WHERE c.account_no = account AND c.project_no = project), '{}')
            FROM (SELECT coalesce((SELECT jsonb_object_agg(l.name, l.value) FROM dm.project_limit l
                                   WHERE l.account_no = account AND l.project_no = project
                                     AND (l.until IS NULL OR l.until > now())), '{}') AS l) o);
END $$;

CREATE OR REPLACE FUNCTION dm.held(account bigint, project int) RETURNS text
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = dm, pg_temp AS $$
BEGIN
    RETURN (SELECT h.cause FROM dm.hold h WHERE h.account_no = account AND h.project_no IN (0, project)
                AND (h.until IS NULL OR h.until > now()) ORDER BY h.cause DESC LIMIT 1);
END $$;

CREATE OR REPLACE FUNCTION dm.limits_left_us(account bigint, project int) RETURNS bigint
    LANGUAGE plpgsql STABLE SET search_path = dm, pg_temp AS $$
BEGIN
    RETURN (SELECT (extract(epoch FROM min(l.until) - now()) * 1000000)::bigint
            FROM (SELECT until FROM dm.account_limit WHERE account_no = account
                  UNION ALL SELECT until FROM dm.project_limit WHERE account_no = account AND project_no = project
                  UNION ALL SELECT until FROM dm.hold WHERE account_no = account AND project_no IN (0, project)) l
            WHERE l.until > now());
END $$;

CREATE OR REPLACE FUNCTION dm.find_key(hash bytea)
    RETURNS TABLE (account_no bigint, project_no int, key_no bigint, key_id uuid, account_id uuid, project_id uuid,
                   slug text, tier text, currency char(3), region_no smallint, region text, blocked text, banned boolean,
                   limits jsonb, rights text[], limits_left_us bigint, left_us bigint, roles text[])
    LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 1 SET search_path = dm, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY SELECT k.account_no, k.project_no, k.key_no, k.id, a.id, p.id, p.slug, a.tier, a.currency, p.region_no, r.name,
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
END $$;
