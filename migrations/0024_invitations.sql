-- Invitations: one open one for an address and a place, renewed when it is asked for again; looked at and taken by
-- whoever has its link, who is nobody here yet.

ALTER TABLE dm.invitation ADD COLUMN turn int NOT NULL DEFAULT 1 CHECK (turn > 0); -- letters that were written of it
CREATE UNIQUE INDEX invitation_open ON dm.invitation (account_no, project_no, email)
    WHERE taken_at IS NULL AND withdrawn_at IS NULL;
GRANT UPDATE (sha256, role, made_by, made_at, expires_at, turn) ON dm.invitation TO dm_api, dm_ops;

-- What an invitation is about. No row: there is none, or it was taken, withdrawn, renewed or is over.
CREATE FUNCTION dm.find_invitation(hash bytea)
    RETURNS TABLE (id uuid, email text, role text, account_id uuid, account text, slug text, project text, inviter text,
                   expires_at timestamptz)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = dm, pg_temp
BEGIN ATOMIC
    SELECT i.id, i.email, i.role, a.id, a.legal_name, p.slug, p.name, b.name, i.expires_at
    FROM dm.invitation i
    JOIN dm.account a ON a.account_no = i.account_no
    LEFT JOIN dm.project p ON p.account_no = i.account_no AND p.project_no = i.project_no
    LEFT JOIN dm.person b ON i.made_by = 'person:' || b.id
    WHERE i.sha256 = hash AND i.taken_at IS NULL AND i.withdrawn_at IS NULL AND i.expires_at > now();
END;

-- The scope's person takes it, and is a member then: 0. 1: there is none; 2: it is another address's. Who has the link has
-- read that address's mail, and so the address is his. What he was there already he stays.
CREATE FUNCTION dm.take_invitation(hash bytea) RETURNS int
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = dm, pg_temp AS $$
DECLARE
    i dm.invitation;
    p dm.person;
BEGIN
    SELECT * INTO p FROM dm.person WHERE person_no = dm.person_no() AND closed_at IS NULL;
    SELECT * INTO i FROM dm.invitation v WHERE v.sha256 = hash AND v.taken_at IS NULL AND v.withdrawn_at IS NULL
        AND v.expires_at > now() FOR UPDATE;
    IF i.id IS NULL OR p.id IS NULL THEN
        RETURN 1;
    ELSIF i.email <> p.email THEN
        RETURN 2;
    END IF;
    UPDATE dm.invitation SET taken_at = now(), taken_by = p.person_no WHERE id = i.id;
    UPDATE dm.person SET confirmed_at = now() WHERE person_no = p.person_no AND confirmed_at IS NULL;
    INSERT INTO dm.member (account_no, project_no, person_no, role) VALUES (i.account_no, i.project_no, p.person_no, i.role)
        ON CONFLICT DO NOTHING;
    INSERT INTO dm.audit (account_no, project_no, who, verb, object, detail)
        VALUES (i.account_no, i.project_no, 'person:' || p.id, 'invitation.accept', 'invitation:' || i.id,
                jsonb_build_object('role', i.role));
    RETURN 0;
END $$;
REVOKE ALL ON FUNCTION dm.find_invitation(bytea), dm.take_invitation(bytea) FROM public;
GRANT EXECUTE ON FUNCTION dm.find_invitation(bytea), dm.take_invitation(bytea) TO dm_who;
