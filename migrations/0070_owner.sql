-- The first person of an account that an operator made: somebody can sign in to it before any letter leaves. "none": there is no
-- such account; "there": it has a member, and only its first one was asked for; "taken": the address is somebody's.
CREATE FUNCTION dm.add_owner(by text, whose uuid, address text, called text, encoded text, only_first boolean) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = dm, pg_temp AS $$
DECLARE
    _account bigint; _who bigint; _id uuid;
BEGIN
    SELECT account_no INTO _account FROM dm.account a WHERE a.id = whose FOR UPDATE;
    IF NOT FOUND THEN
        RETURN 'none';
    END IF;
    IF only_first AND EXISTS (SELECT FROM dm.member m WHERE m.account_no = _account) THEN
        RETURN 'there';
    END IF;
    INSERT INTO dm.person (email, name, password, confirmed_at) VALUES (address, called, encoded, now())
        ON CONFLICT (email) DO NOTHING RETURNING person_no, id INTO _who, _id;
    IF NOT FOUND THEN
        RETURN 'taken';
    END IF;
    INSERT INTO dm.member (account_no, project_no, person_no, role) VALUES (_account, 0, _who, 'owner');
    INSERT INTO dm.audit (account_no, project_no, who, verb, object) VALUES (_account, 0, by, 'member.add', 'person:' || _id);
    RETURN 'made';
END $$;
REVOKE ALL ON FUNCTION dm.add_owner(text, uuid, text, text, text, boolean) FROM public;
GRANT EXECUTE ON FUNCTION dm.add_owner(text, uuid, text, text, text, boolean) TO dm_ops;
