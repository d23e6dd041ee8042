-- What an operator sees of an account: who its members are, and whose account an address is a member of. Of a person no more
-- than that: what proves who somebody is, dm_who alone reads.

CREATE FUNCTION dm.members_of(account bigint)
    RETURNS TABLE (project_no int, role text, added_at timestamptz, id uuid, email text, name text, confirmed boolean,
                   totp boolean)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = dm, pg_temp
BEGIN ATOMIC
    SELECT m.project_no, m.role, m.added_at, p.id, p.email, p.name, p.confirmed_at IS NOT NULL, p.totp_from IS NOT NULL
    FROM dm.member m JOIN dm.person p USING (person_no) WHERE m.account_no = account;
END;

CREATE FUNCTION dm.accounts_of_address(address text) RETURNS TABLE (account_no bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = dm, pg_temp
BEGIN ATOMIC
    SELECT DISTINCT m.account_no FROM dm.person p JOIN dm.member m USING (person_no) WHERE p.email = lower(address);
END;

REVOKE ALL ON FUNCTION dm.members_of(bigint), dm.accounts_of_address(text) FROM public;
GRANT EXECUTE ON FUNCTION dm.members_of(bigint), dm.accounts_of_address(text) TO dm_ops;

-- A tenant's secrets are not an operator's: what is sealed, what a link or a key is proven by.
REVOKE SELECT ON dm.invitation FROM dm_ops;
GRANT SELECT (account_no, project_no, invitation_no, id, email, role, made_by, made_at, expires_at, taken_at, taken_by,
              withdrawn_at) ON dm.invitation TO dm_ops;
REVOKE SELECT ON dm.sandbox FROM dm_ops;
DO $$
BEGIN
    EXECUTE format('GRANT SELECT (%s) ON dm.sandbox TO dm_ops', (
        SELECT string_agg(quote_ident(attname), ', ') FROM pg_attribute
        WHERE attrelid = 'dm.sandbox'::regclass AND attnum > 0 AND NOT attisdropped
          AND attname NOT IN ('token_sealed', 'env_sealed')));
END $$;
