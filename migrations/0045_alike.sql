-- Who signs up learns from no clock either whether somebody has that address: for one that is taken the same rows are made, for
-- an address that nobody has, and undone.

CREATE FUNCTION dm.sign_up_make(address text, called text, encoded text, project text, region text, link bytea)
    RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = dm, pg_temp AS $$
DECLARE
    _who bigint; _id uuid; _account bigint; _project int;
    _stem text := coalesce(nullif(substr(btrim(regexp_replace(lower(project), '[^a-z0-9]+', '-', 'g'), '-'), 1, 50), ''),
                           'project');
    _slug text := _stem;
BEGIN
    INSERT INTO dm.person (email, name, password) VALUES (lower(address), called, encoded)
        ON CONFLICT (email) DO NOTHING RETURNING person_no, id INTO _who, _id;
    IF _who IS NULL THEN
        RETURN NULL;
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
REVOKE ALL ON FUNCTION dm.sign_up_make(text, text, text, text, text, bytea) FROM public;

CREATE OR REPLACE FUNCTION dm.sign_up(address text, called text, encoded text, project text, region text, link bytea,
                                      invited bytea) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = dm, pg_temp AS $$
DECLARE
    _who bigint; _id uuid; _inv dm.invitation;
BEGIN
    IF invited IS NOT NULL THEN
        SELECT * INTO _inv FROM dm.invitation i WHERE i.sha256 = invited AND i.email = lower(address)
            AND i.taken_at IS NULL AND i.withdrawn_at IS NULL AND i.expires_at > now() FOR UPDATE;
        IF NOT FOUND THEN
            RETURN NULL;
        END IF;
        INSERT INTO dm.person (email, name, password, confirmed_at) VALUES (lower(address), called, encoded, now())
            ON CONFLICT (email) DO NOTHING RETURNING person_no, id INTO _who, _id;
        IF _who IS NULL THEN
            RETURN NULL;
        END IF;
        UPDATE dm.invitation SET taken_at = now(), taken_by = _who WHERE sha256 = invited;
        INSERT INTO dm.member (account_no, project_no, person_no, role)
            VALUES (_inv.account_no, _inv.project_no, _who, _inv.role);
        INSERT INTO dm.audit (account_no, project_no, who, verb, object)
            VALUES (_inv.account_no, _inv.project_no, 'person:' || _id, 'invitation.take', 'invitation:' || _inv.id);
        RETURN _who;
    END IF;
    _who := dm.sign_up_make(address, called, encoded, project, region, link);
    IF _who IS NULL THEN
        BEGIN
            PERFORM dm.sign_up_make(gen_random_uuid() || '@nobody.invalid', called, encoded, project, region, link);
            RAISE EXCEPTION 'undone' USING ERRCODE = 'DM001';
        EXCEPTION WHEN SQLSTATE 'DM001' THEN
            NULL;
        END;
    END IF;
    RETURN _who;
END $$;
