-- An account as its people manage it: what it is called, and its billing profile (who is billed, where, in what, how often);
-- and its projects, which they list, make and rename. Who acts for the whole account (project 0), as no key does, may.

ALTER TABLE dm.account
    ADD COLUMN name text CHECK (length(name) BETWEEN 1 AND 100),      -- null: it is called by its legal name
    ADD COLUMN invoice_email text CHECK (length(invoice_email) BETWEEN 3 AND 254);
GRANT UPDATE (name, legal_name, address, country, tax_id, currency, billing_cycle, invoice_email) ON dm.account TO dm_api;
GRANT INSERT (account_no, slug, name, region_no), UPDATE (name) ON dm.project TO dm_api;
CREATE POLICY whole_change ON dm.account FOR UPDATE TO dm_api
    USING (account_no = dm.account_no() AND dm.project_no() = 0) WITH CHECK (account_no = dm.account_no());
CREATE POLICY whole ON dm.project FOR SELECT TO dm_api USING (account_no = dm.account_no() AND dm.project_no() = 0);
CREATE POLICY whole_add ON dm.project FOR INSERT TO dm_api
    WITH CHECK (account_no = dm.account_no() AND dm.project_no() = 0);
CREATE POLICY whole_add ON dm.audit FOR INSERT TO dm_api WITH CHECK (account_no = dm.account_no() AND dm.project_no() = 0);

CREATE OR REPLACE FUNCTION dm.my_accounts() RETURNS TABLE (id uuid, name text, tier text, roles text)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = dm, pg_temp
BEGIN ATOMIC
    SELECT a.id, coalesce(a.name, a.legal_name), a.tier, m.role
    FROM dm.member m JOIN dm.account a ON a.account_no = m.account_no
    WHERE m.person_no = dm.person_no() AND m.project_no = 0 ORDER BY a.account_no LIMIT 1000;
END;

CREATE OR REPLACE FUNCTION dm.find_invitation(hash bytea)
    RETURNS TABLE (id uuid, email text, role text, account_id uuid, account text, slug text, project text, inviter text,
                   expires_at timestamptz)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = dm, pg_temp
BEGIN ATOMIC
    SELECT i.id, i.email, i.role, a.id, coalesce(a.name, a.legal_name), p.slug, p.name, b.name, i.expires_at
    FROM dm.invitation i
    JOIN dm.account a ON a.account_no = i.account_no
    LEFT JOIN dm.project p ON p.account_no = i.account_no AND p.project_no = i.project_no
    LEFT JOIN dm.person b ON i.made_by = 'person:' || b.id
    WHERE i.sha256 = hash AND i.taken_at IS NULL AND i.withdrawn_at IS NULL AND i.expires_at > now();
END;

-- How many projects an account has: asked in the scope of one of them, too, which sees no other.
INSERT INTO dm.tier_limit (tier, name, value) VALUES
    ('free', 'projects_max', 3), ('pro', 'projects_max', 20), ('payg', 'projects_max', 100), ('enterprise', 'projects_max', 1000)
    ON CONFLICT (tier, name) DO NOTHING;
CREATE FUNCTION dm.projects_in(account bigint) RETURNS bigint LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = dm, pg_temp
    RETURN (SELECT count(*) FROM dm.project p WHERE p.account_no = account);
REVOKE ALL ON FUNCTION dm.projects_in(bigint) FROM public;
GRANT EXECUTE ON FUNCTION dm.projects_in(bigint) TO dm_api, dm_ops;

-- A statement is in the currency that its account has when it is written: who changes one waits for the other, or is told
-- that it is there (currency_stays); a bill that was reckoned in what the account has no more is reckoned again.
CREATE FUNCTION dm.stated_in_currency() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = dm, pg_temp AS $$
BEGIN
    PERFORM FROM dm.account WHERE account_no = NEW.account_no AND currency = NEW.currency FOR SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'account % is not billed in % any more', NEW.account_no, NEW.currency
            USING ERRCODE = 'serialization_failure';
    END IF;
    RETURN NEW;
END $$;
REVOKE ALL ON FUNCTION dm.stated_in_currency() FROM public;
CREATE TRIGGER stated_in_currency BEFORE INSERT ON dm.statement FOR EACH ROW EXECUTE FUNCTION dm.stated_in_currency();
