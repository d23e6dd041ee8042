-- People: who signs in, what they may in which account and project, how they come in, and what they are written to.
--
-- dm_who is the API's role for all that proves who somebody is: passwords, second factors, sessions, links, signing keys.
-- No other role reads them; tenants' requests go on as dm_api, operators' as dm_ops. It sees one person a transaction
-- (dm.person_no), or one operator (dm.operator_no); who somebody is before that is known is asked of narrow functions.

CREATE FUNCTION dm.person_no() RETURNS bigint LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('dm.person_no', true), '')::bigint;
CREATE FUNCTION dm.operator_no() RETURNS bigint LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('dm.operator_no', true), '')::bigint;
GRANT USAGE ON SCHEMA dm TO dm_who;

CREATE TABLE dm.person (
    person_no    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id           uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
    email        text NOT NULL UNIQUE CHECK (email = lower(email) AND length(email) BETWEEN 3 AND 254),
    name         text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    password     text,                                   -- Argon2id, encoded with its parameters; null: none yet
    confirmed_at timestamptz,                            -- that the address is theirs; null: nobody has shown it
    totp_sealed  bytea,                                  -- the second factor's secret
    totp_from    timestamptz,                            -- it is asked for since then; null: not yet
    totp_step    bigint NOT NULL DEFAULT 0,              -- the last step of time whose code was used: none is used twice
    created_at   timestamptz NOT NULL DEFAULT now(),
    closed_at    timestamptz
);

-- Operators are people of their own kind: no member of anything, no customer's session is theirs.
CREATE TABLE dm.operator (
    operator_no  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id           uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
    email        text NOT NULL UNIQUE CHECK (email = lower(email) AND length(email) BETWEEN 3 AND 254),
    name         text NOT NULL UNIQUE CHECK (name ~ '^[a-z0-9._-]{1,40}$'),   -- as the audit calls them
    password     text,
    one_time     boolean NOT NULL DEFAULT true,          -- the password was made for them: the first sign-in changes it
    totp_sealed  bytea,
    totp_from    timestamptz,
    totp_step    bigint NOT NULL DEFAULT 0,
    created_at   timestamptz NOT NULL DEFAULT now(),
    disabled_at  timestamptz
);

-- Ways back in without the second factor, each for one use. Of a person or of an operator.
CREATE TABLE dm.recovery_code (
    person_no   bigint REFERENCES dm.person,
    operator_no bigint REFERENCES dm.operator,
    sha256      bytea NOT NULL CHECK (octet_length(sha256) = 32),
    used_at     timestamptz,
    CHECK ((person_no IS NULL) <> (operator_no IS NULL)),
    UNIQUE (person_no, sha256),
    UNIQUE (operator_no, sha256)
);

-- A sign-in and all that was refreshed from it. Its refresh tokens are numbered: the newest is good, once; an older one
-- was stolen, or the newest was, and ends it.
CREATE TABLE dm.session (
    session_no  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id          uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
    person_no   bigint REFERENCES dm.person,
    operator_no bigint REFERENCES dm.operator,
    turn        int NOT NULL DEFAULT 0 CHECK (turn >= 0),
    begun_at    timestamptz NOT NULL DEFAULT now(),
    used_at     timestamptz NOT NULL DEFAULT now(),
    expires_at  timestamptz NOT NULL,
    proven_at   timestamptz,                             -- the second factor, last
    ended_at    timestamptz,
    ended_why   text,                                    -- 'signed_out', 'everywhere', 'reused', 'password', 'disabled'
    agent       text NOT NULL DEFAULT '' CHECK (length(agent) <= 200),
    address     text NOT NULL DEFAULT '' CHECK (length(address) <= 64),
    CHECK ((person_no IS NULL) <> (operator_no IS NULL))
);
CREATE INDEX session_person ON dm.session (person_no) WHERE ended_at IS NULL;
CREATE INDEX session_operator ON dm.session (operator_no) WHERE ended_at IS NULL;

-- Links that work once: to confirm an address, to set a new password.
CREATE TABLE dm.person_link (
    person_no  bigint NOT NULL REFERENCES dm.person,
    purpose    text NOT NULL CHECK (purpose IN ('confirm', 'reset')),
    sha256     bytea NOT NULL UNIQUE CHECK (octet_length(sha256) = 32),
    made_at    timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    used_at    timestamptz
);
CREATE INDEX person_link_person ON dm.person_link (person_no, purpose);

-- What short tokens are signed with (ES256). Two are valid at a time: the one that signs, and the one before it until the
-- last token it signed is over.
CREATE TABLE dm.token_key (
    kid         text PRIMARY KEY CHECK (kid ~ '^[A-Za-z0-9_-]{8,64}$'),
    sealed      bytea NOT NULL,                          -- the private half, as PEM
    public_pem  text NOT NULL,
    signs_from  timestamptz NOT NULL DEFAULT now(),
    valid_to    timestamptz                              -- null: as long as it is the newest
);

-- Who may what in an account: in all of it (project_no 0) or in one project. Owner and billing are of the account alone.
CREATE TABLE dm.member (
    account_no bigint NOT NULL REFERENCES dm.account,
    project_no int NOT NULL DEFAULT 0,
    person_no  bigint NOT NULL REFERENCES dm.person,
    role       text NOT NULL CHECK (role IN ('owner', 'admin', 'developer', 'billing', 'viewer')),
    added_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_no, project_no, person_no),
    CHECK (project_no = 0 OR role NOT IN ('owner', 'billing'))
);
CREATE INDEX member_person ON dm.member (person_no);

CREATE TABLE dm.invitation (
    account_no    bigint NOT NULL REFERENCES dm.account,
    project_no    int NOT NULL DEFAULT 0,
    invitation_no bigint GENERATED ALWAYS AS IDENTITY,
    id            uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
    email         text NOT NULL CHECK (email = lower(email) AND length(email) BETWEEN 3 AND 254),
    role          text NOT NULL CHECK (role IN ('owner', 'admin', 'developer', 'billing', 'viewer')),
    sha256        bytea NOT NULL UNIQUE CHECK (octet_length(sha256) = 32),
    made_by       text NOT NULL,
    made_at       timestamptz NOT NULL DEFAULT now(),
    expires_at    timestamptz NOT NULL,
    taken_at      timestamptz,
    taken_by      bigint REFERENCES dm.person,
    withdrawn_at  timestamptz,
    PRIMARY KEY (account_no, project_no, invitation_no),
    CHECK (project_no = 0 OR role NOT IN ('owner', 'billing'))
);

-- Mail on its way out. One cause is written once. What it says may be a secret (a link): it is wiped when it has left.
CREATE TABLE dm.mail (
    mail_no    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    cause      text NOT NULL UNIQUE CHECK (length(cause) <= 200),   -- 'invitation:UUID'
    recipient  text NOT NULL CHECK (length(recipient) BETWEEN 3 AND 254),
    subject    text NOT NULL CHECK (length(subject) BETWEEN 1 AND 200),
    body       text NOT NULL CHECK (length(body) <= 20000),
    made_at    timestamptz NOT NULL DEFAULT now(),
    next_at    timestamptz NOT NULL DEFAULT now(),
    tries      int NOT NULL DEFAULT 0,
    last_error text,
    sent_at    timestamptz,
    gave_up_at timestamptz
);
CREATE INDEX mail_waiting ON dm.mail (next_at) WHERE sent_at IS NULL AND gave_up_at IS NULL;

-- A key may do less than its project's whole work (null: all of it), and may end by itself.
ALTER TABLE dm.api_key ADD COLUMN rights text[], ADD COLUMN expires_at timestamptz, ADD COLUMN last_used_at timestamptz,
    ADD COLUMN made_by text NOT NULL DEFAULT '';

-- --- who reads what -----------------------------------------------------------------------------------------------------

GRANT SELECT, INSERT ON dm.person, dm.operator, dm.recovery_code, dm.session, dm.person_link, dm.token_key TO dm_who;
GRANT UPDATE (name, email, password, confirmed_at, totp_sealed, totp_from, totp_step, closed_at) ON dm.person TO dm_who;
GRANT UPDATE (password, one_time, totp_sealed, totp_from, totp_step, disabled_at) ON dm.operator TO dm_who;
GRANT UPDATE (used_at) ON dm.recovery_code, dm.person_link TO dm_who;
GRANT DELETE ON dm.recovery_code TO dm_who;
GRANT UPDATE (turn, used_at, expires_at, proven_at, ended_at, ended_why) ON dm.session TO dm_who;
GRANT UPDATE (valid_to) ON dm.token_key TO dm_who;
GRANT SELECT, INSERT, UPDATE, DELETE ON dm.member TO dm_api, dm_ops;
GRANT SELECT, INSERT ON dm.member TO dm_who;
GRANT SELECT, INSERT ON dm.invitation TO dm_api, dm_ops;
GRANT UPDATE (withdrawn_at) ON dm.invitation TO dm_api, dm_ops;
GRANT INSERT ON dm.mail TO dm_api, dm_ops, dm_who;
GRANT SELECT, UPDATE ON dm.mail TO dm_who;
GRANT UPDATE (last_used_at, expires_at) ON dm.api_key TO dm_api, dm_ops;
GRANT SELECT ON dm.region, dm.tier, dm.tier_limit TO dm_who;

DO $$
DECLARE t text;
BEGIN
    -- one person's, or nobody's
    FOREACH t IN ARRAY ARRAY['person', 'operator', 'recovery_code', 'session', 'person_link'] LOOP
        EXECUTE format('ALTER TABLE dm.%I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE dm.%I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY everyone ON dm.%I TO dm_migrate USING (true) WITH CHECK (true)', t);
    END LOOP;
    -- the account's
    FOREACH t IN ARRAY ARRAY['member', 'invitation'] LOOP
        EXECUTE format('ALTER TABLE dm.%I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE dm.%I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY tenant ON dm.%I TO dm_api USING (account_no = dm.account_no())
                        WITH CHECK (account_no = dm.account_no())', t);
        EXECUTE format('CREATE POLICY everyone ON dm.%I TO dm_ops, dm_migrate USING (true) WITH CHECK (true)', t);
    END LOOP;
END $$;
CREATE POLICY own ON dm.person TO dm_who USING (person_no = dm.person_no()) WITH CHECK (true);
CREATE POLICY own ON dm.operator TO dm_who USING (operator_no = dm.operator_no()) WITH CHECK (true);
CREATE POLICY own ON dm.recovery_code TO dm_who USING (person_no = dm.person_no() OR operator_no = dm.operator_no())
    WITH CHECK (person_no = dm.person_no() OR operator_no = dm.operator_no());
CREATE POLICY own ON dm.session TO dm_who USING (person_no = dm.person_no() OR operator_no = dm.operator_no())
    WITH CHECK (person_no = dm.person_no() OR operator_no = dm.operator_no());
CREATE POLICY own ON dm.person_link TO dm_who USING (person_no = dm.person_no()) WITH CHECK (person_no = dm.person_no());
CREATE POLICY own ON dm.member TO dm_who USING (person_no = dm.person_no()) WITH CHECK (person_no = dm.person_no());

-- What a person is in a project, found before any is known. No row: nothing, as if it were not there.
CREATE FUNCTION dm.find_member(person bigint, project text)
    RETURNS TABLE (account_no bigint, project_no int, account_id uuid, project_id uuid, slug text, tier text,
                   currency char(3), region_no smallint, region text, blocked text, banned boolean, limits jsonb,
                   roles text[])
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = dm, pg_temp
BEGIN ATOMIC
    SELECT p.account_no, p.project_no, a.id, p.id, p.slug, a.tier, a.currency, p.region_no, r.name, a.blocked, a.banned,
           dm.account_limits(p.account_no)
           || coalesce((SELECT jsonb_object_agg(l.name, l.value) FROM dm.project_limit l
                        WHERE l.account_no = p.account_no AND l.project_no = p.project_no), '{}'),
           m.roles
    FROM dm.project p
    JOIN dm.account a ON a.account_no = p.account_no
    JOIN dm.region r ON r.region_no = p.region_no
    JOIN LATERAL (SELECT array_agg(role) AS roles FROM dm.member
                  WHERE account_no = p.account_no AND project_no IN (0, p.project_no) AND person_no = person) m
        ON m.roles IS NOT NULL
    WHERE p.slug = project;
END;

-- The same of an account: what he is in all of it.
CREATE FUNCTION dm.find_account_member(person bigint, account uuid)
    RETURNS TABLE (account_no bigint, account_id uuid, tier text, currency char(3), blocked text, banned boolean,
                   limits jsonb, roles text[])
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = dm, pg_temp
BEGIN ATOMIC
    SELECT a.account_no, a.id, a.tier, a.currency, a.blocked, a.banned, dm.account_limits(a.account_no), ARRAY[m.role]
    FROM dm.account a
    JOIN dm.member m ON m.account_no = a.account_no AND m.project_no = 0 AND m.person_no = person
    WHERE a.id = account;
END;

-- Who the members of the scope's account are: what of a person its colleagues see.
CREATE FUNCTION dm.people() RETURNS TABLE (person_no bigint, id uuid, email text, name text, confirmed boolean, totp boolean)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = dm, pg_temp
BEGIN ATOMIC
    SELECT p.person_no, p.id, p.email, p.name, p.confirmed_at IS NOT NULL, p.totp_from IS NOT NULL FROM dm.person p
    WHERE p.person_no IN (SELECT m.person_no FROM dm.member m WHERE m.account_no = dm.account_no());
END;

REVOKE ALL ON FUNCTION dm.find_member(bigint, text), dm.find_account_member(bigint, uuid), dm.people() FROM public;
GRANT EXECUTE ON FUNCTION dm.find_member(bigint, text), dm.find_account_member(bigint, uuid) TO dm_who;
GRANT EXECUTE ON FUNCTION dm.people() TO dm_api;

-- A key's own rights and end count as soon as they are written.
DROP FUNCTION dm.find_key(bytea);
CREATE FUNCTION dm.find_key(hash bytea)
    RETURNS TABLE (account_no bigint, project_no int, key_no bigint, key_id uuid, account_id uuid, project_id uuid,
                   slug text, tier text, currency char(3), region_no smallint, region text, blocked text, banned boolean,
                   limits jsonb, rights text[])
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = dm, pg_temp
BEGIN ATOMIC
    SELECT k.account_no, k.project_no, k.key_no, k.id, a.id, p.id, p.slug, a.tier, a.currency, p.region_no, r.name,
           a.blocked, a.banned,
           coalesce((SELECT jsonb_object_agg(name, value) FROM dm.tier_limit WHERE tier = a.tier), '{}')
           || coalesce((SELECT jsonb_object_agg(name, value) FROM dm.account_limit l WHERE l.account_no = a.account_no), '{}')
           || coalesce((SELECT jsonb_object_agg(name, value) FROM dm.project_limit l
                        WHERE l.account_no = p.account_no AND l.project_no = p.project_no), '{}'),
           k.rights
    FROM dm.api_key k
    JOIN dm.project p ON p.account_no = k.account_no AND p.project_no = k.project_no
    JOIN dm.account a ON a.account_no = k.account_no
    JOIN dm.region r ON r.region_no = p.region_no
    WHERE k.sha256 = hash AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now());
END;
REVOKE ALL ON FUNCTION dm.find_key(bytea) FROM public;
GRANT EXECUTE ON FUNCTION dm.find_key(bytea) TO dm_api;

-- What a caller is has changed: also when a role has. That a key was used is no change of it.
CREATE TRIGGER notify_keys AFTER INSERT OR UPDATE OR DELETE ON dm.member
    FOR EACH STATEMENT EXECUTE FUNCTION dm.notify_keys();
DROP TRIGGER notify_keys ON dm.api_key;
CREATE TRIGGER notify_keys AFTER INSERT OR DELETE OR UPDATE OF name, rights, expires_at, revoked_at ON dm.api_key
    FOR EACH STATEMENT EXECUTE FUNCTION dm.notify_keys();
