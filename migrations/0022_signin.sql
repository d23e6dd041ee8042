-- Signing up and in: who somebody is by an address or a link, found before it is known whose it is; how often somebody
-- failed; and a new person with all that is his, in one act.

CREATE FUNCTION dm.find_person(address text) RETURNS bigint
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = dm, pg_temp
    RETURN (SELECT p.person_no FROM dm.person p WHERE p.email = lower(address) AND p.closed_at IS NULL);
CREATE FUNCTION dm.find_operator(address text) RETURNS bigint
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = dm, pg_temp
    RETURN (SELECT o.operator_no FROM dm.operator o WHERE o.email = lower(address) AND o.disabled_at IS NULL);
-- A link that still works: whose it is.
CREATE FUNCTION dm.find_link(hash bytea, what text) RETURNS bigint
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = dm, pg_temp
    RETURN (SELECT l.person_no FROM dm.person_link l JOIN dm.person p USING (person_no)
            WHERE l.sha256 = hash AND l.purpose = what AND l.used_at IS NULL AND l.expires_at > now()
              AND p.closed_at IS NULL);

-- What the scope's person is, in accounts and in projects.
CREATE FUNCTION dm.my_accounts() RETURNS TABLE (id uuid, name text, tier text, roles text)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = dm, pg_temp
BEGIN ATOMIC
    SELECT a.id, a.legal_name, a.tier, m.role
    FROM dm.member m JOIN dm.account a ON a.account_no = m.account_no
    WHERE m.person_no = dm.person_no() AND m.project_no = 0 ORDER BY a.account_no LIMIT 1000;
END;
CREATE FUNCTION dm.my_projects() RETURNS TABLE (id uuid, slug text, name text, account_id uuid, roles text)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = dm, pg_temp
BEGIN ATOMIC
    SELECT p.id, p.slug, p.name, a.id, string_agg(DISTINCT m.role, ',' ORDER BY m.role)
    FROM dm.member m JOIN dm.account a ON a.account_no = m.account_no
    JOIN dm.project p ON p.account_no = m.account_no AND m.project_no IN (0, p.project_no)
    WHERE m.person_no = dm.person_no() GROUP BY p.id, p.slug, p.name, a.id ORDER BY p.slug LIMIT 1000;
END;

-- A person, an account on the free tier with a project, and the link that confirms the address; or, with an invitation to
-- that very address, a person who is what he was invited to be. Null: the address, or the invitation, is taken.
CREATE FUNCTION dm.sign_up(address text, called text, encoded text, project text, region text, link bytea,
                           invited bytea) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = dm, pg_temp AS $$
DECLARE
    _who bigint; _id uuid; _account bigint; _project int; _inv dm.invitation;
    _stem text := coalesce(nullif(substr(btrim(regexp_replace(lower(project), '[^a-z0-9]+', '-', 'g'), '-'), 1, 50), ''),
                           'project');
    _slug text := _stem;
BEGIN
    IF invited IS NOT NULL THEN
        SELECT * INTO _inv FROM dm.invitation i WHERE i.sha256 = invited AND i.email = lower(address)
            AND i.taken_at IS NULL AND i.withdrawn_at IS NULL AND i.expires_at > now() FOR UPDATE;
        IF NOT FOUND THEN
            RETURN NULL;
        END IF;
    END IF;
    INSERT INTO dm.person (email, name, password, confirmed_at)
        VALUES (lower(address), called, encoded, CASE WHEN invited IS NOT NULL THEN now() END)
        ON CONFLICT (email) DO NOTHING RETURNING person_no, id INTO _who, _id;
    IF _who IS NULL THEN
        RETURN NULL;
    END IF;
    IF invited IS NOT NULL THEN
        UPDATE dm.invitation SET taken_at = now(), taken_by = _who WHERE sha256 = invited;
        INSERT INTO dm.member (account_no, project_no, person_no, role)
            VALUES (_inv.account_no, _inv.project_no, _who, _inv.role);
        INSERT INTO dm.audit (account_no, project_no, who, verb, object)
            VALUES (_inv.account_no, _inv.project_no, 'person:' || _id, 'invitation.take', 'invitation:' || _inv.id);
        RETURN _who;
    END IF;
    INSERT INTO dm.account (legal_name, country, currency, tier) VALUES (called, 'ZZ', 'USD', 'free')
        RETURNING account_no INTO _account;
    FOR _try IN 1..10 LOOP
        INSERT INTO dm.project (account_no, slug, name, region_no)
            SELECT _account, _slug, project, r.region_no FROM dm.region r WHERE r.name = region
            ON CONFLICT (slug) DO NOTHING RETURNING project_no INTO _project;
        EXIT WHEN _project IS NOT NULL;
        _slug := _stem || '-' || substr(replace(gen_random_uuid()::text, '-', ''), 1, 8);
    END LOOP;
    IF _project IS NULL THEN
        RAISE EXCEPTION 'no project could be made in %', region;
    END IF;
    INSERT INTO dm.member (account_no, project_no, person_no, role) VALUES (_account, 0, _who, 'owner');
    INSERT INTO dm.person_link (person_no, purpose, sha256, expires_at) VALUES (_who, 'confirm', link, now() + '1 day');
    INSERT INTO dm.audit (account_no, project_no, who, verb, object)
        VALUES (_account, _project, 'person:' || _id, 'account.sign_up', 'project:' || _slug);
    SET CONSTRAINTS ALL IMMEDIATE; -- what is looked at when all is done is looked at as who may
    RETURN _who;
END $$;

-- How often somebody failed to show who he is, by the SHA-256 of what is counted: an address, a subject, a device. It is
-- forgotten a day after the last time.
CREATE TABLE dm.attempt (
    name     bytea PRIMARY KEY CHECK (octet_length(name) = 32),
    failures int NOT NULL,
    next_at  timestamptz NOT NULL,
    last_at  timestamptz NOT NULL
);
CREATE INDEX attempt_age ON dm.attempt (last_at);
GRANT SELECT, INSERT, UPDATE, DELETE ON dm.attempt TO dm_who;

REVOKE ALL ON FUNCTION dm.find_person(text), dm.find_operator(text), dm.find_link(bytea, text), dm.my_accounts(), dm.my_projects(),
    dm.sign_up(text, text, text, text, text, bytea, bytea) FROM public;
GRANT EXECUTE ON FUNCTION dm.find_person(text), dm.find_operator(text), dm.find_link(bytea, text), dm.my_accounts(), dm.my_projects(),
    dm.sign_up(text, text, text, text, text, bytea, bytea) TO dm_who;
-- dormouse-admin makes operators, and ends what short tokens are signed with; it reads nothing of either.
CREATE FUNCTION dm.add_operator(address text, called text, encoded text, only_first boolean) RETURNS boolean
    LANGUAGE sql SECURITY DEFINER SET search_path = dm, pg_temp
BEGIN ATOMIC
    INSERT INTO dm.operator (email, name, password)
        SELECT lower(address), called, encoded
        WHERE NOT only_first OR NOT EXISTS (SELECT FROM dm.operator o WHERE o.disabled_at IS NULL)
        RETURNING true;
END;
CREATE FUNCTION dm.end_token_keys() RETURNS void
    LANGUAGE sql SECURITY DEFINER SET search_path = dm, pg_temp
BEGIN ATOMIC
    UPDATE dm.token_key SET valid_to = now() WHERE valid_to IS NULL OR valid_to > now();
END;
REVOKE ALL ON FUNCTION dm.add_operator(text, text, text, boolean), dm.end_token_keys() FROM public;
GRANT EXECUTE ON FUNCTION dm.add_operator(text, text, text, boolean), dm.end_token_keys() TO dm_ops;
