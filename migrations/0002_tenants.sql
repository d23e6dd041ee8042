-- Who pays and who may: account -> project -> key; what a tier, an account and a project may hold.

CREATE TABLE dm.region (
    region_no   smallint PRIMARY KEY,
    name        text NOT NULL UNIQUE,
    price_group text NOT NULL
);

CREATE TABLE dm.tier (
    name     text PRIMARY KEY,
    rated_by text NOT NULL CHECK (rated_by IN ('minutes', 'resources'))
);

-- Every number is a row: the project's wins over the account's, which wins over the tier's. A limit nobody set is the
-- tier's; a tier without the row forbids.
CREATE TABLE dm.tier_limit (
    tier  text NOT NULL REFERENCES dm.tier,
    name  text NOT NULL,
    value bigint NOT NULL CHECK (value >= 0),
    PRIMARY KEY (tier, name)
);

CREATE TABLE dm.account (
    account_no    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id            uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
    legal_name    text NOT NULL CHECK (length(legal_name) BETWEEN 1 AND 200),
    address       text NOT NULL DEFAULT '',
    country       char(2) NOT NULL,
    tax_id        text,
    currency      char(3) NOT NULL,
    tier          text NOT NULL REFERENCES dm.tier,
    billing_cycle text NOT NULL DEFAULT 'monthly' CHECK (billing_cycle IN ('hourly', 'monthly')),
    blocked       text,                                  -- why it may not create; null: it may
    banned        boolean NOT NULL DEFAULT false,
    created_at    timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE dm.account_limit (
    account_no bigint NOT NULL REFERENCES dm.account,
    name       text NOT NULL,
    value      bigint NOT NULL CHECK (value >= 0),
    PRIMARY KEY (account_no, name)
);

CREATE TABLE dm.project (
    account_no bigint NOT NULL REFERENCES dm.account,
    project_no int GENERATED ALWAYS AS IDENTITY UNIQUE,
    id         uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
    slug       text NOT NULL UNIQUE CHECK (slug ~ '^[a-z0-9_-]{1,64}$'),
    name       text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    region_no  smallint NOT NULL REFERENCES dm.region,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_no, project_no)
);

CREATE TABLE dm.project_limit (
    account_no bigint NOT NULL,
    project_no int NOT NULL,
    name       text NOT NULL,
    value      bigint NOT NULL CHECK (value >= 0),
    PRIMARY KEY (account_no, project_no, name),
    FOREIGN KEY (account_no, project_no) REFERENCES dm.project
);

-- A key is kept as the SHA-256 of its decoded bytes; the mask is what a listing shows.
CREATE TABLE dm.api_key (
    account_no bigint NOT NULL,
    project_no int NOT NULL,
    key_no     bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    id         uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
    name       text NOT NULL DEFAULT '',
    sha256     bytea NOT NULL UNIQUE CHECK (octet_length(sha256) = 32),
    mask       text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    revoked_at timestamptz,
    PRIMARY KEY (account_no, project_no, key_no),
    FOREIGN KEY (account_no, project_no) REFERENCES dm.project
);

-- What runs now. One row a project and one an account (project_no 0): a charge is an UPDATE that fails at the limit.
CREATE TABLE dm.quota_use (
    account_no bigint NOT NULL REFERENCES dm.account,
    project_no int NOT NULL,
    running    int NOT NULL DEFAULT 0 CHECK (running >= 0),
    PRIMARY KEY (account_no, project_no)
);

-- Who did what. Rows are only ever added.
CREATE TABLE dm.audit (
    account_no bigint NOT NULL,
    project_no int NOT NULL,
    audit_no   bigint GENERATED ALWAYS AS IDENTITY,
    at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    who        text NOT NULL,          -- 'key:UUID', 'worker:N', 'operator:NAME', 'policy:RULE'
    verb       text NOT NULL,
    object     text NOT NULL,
    detail     jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (account_no, project_no, audit_no)
);

-- What a bearer of a key is, found before any project is known. A revoked key is not found.
CREATE FUNCTION dm.find_key(hash bytea)
    RETURNS TABLE (account_no bigint, project_no int, key_no bigint, key_id uuid, account_id uuid, project_id uuid,
                   slug text, tier text, currency char(3), region_no smallint, region text, blocked text, banned boolean,
                   limits jsonb)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = dm, pg_temp
BEGIN ATOMIC
    SELECT k.account_no, k.project_no, k.key_no, k.id, a.id, p.id, p.slug, a.tier, a.currency, p.region_no, r.name,
           a.blocked, a.banned,
           coalesce((SELECT jsonb_object_agg(name, value) FROM dm.tier_limit WHERE tier = a.tier), '{}')
           || coalesce((SELECT jsonb_object_agg(name, value) FROM dm.account_limit l WHERE l.account_no = a.account_no), '{}')
           || coalesce((SELECT jsonb_object_agg(name, value) FROM dm.project_limit l
                        WHERE l.account_no = p.account_no AND l.project_no = p.project_no), '{}')
    FROM dm.api_key k
    JOIN dm.project p ON p.account_no = k.account_no AND p.project_no = k.project_no
    JOIN dm.account a ON a.account_no = k.account_no
    JOIN dm.region r ON r.region_no = p.region_no
    WHERE k.sha256 = hash AND k.revoked_at IS NULL;
END;

-- The account's own cap binds all its projects together: what of the limits is the account's.
CREATE FUNCTION dm.account_limits(account bigint) RETURNS jsonb
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = dm, pg_temp
BEGIN ATOMIC
    SELECT coalesce((SELECT jsonb_object_agg(l.name, l.value) FROM dm.tier_limit l JOIN dm.account a ON l.tier = a.tier
                     WHERE a.account_no = account), '{}')
           || coalesce((SELECT jsonb_object_agg(l.name, l.value) FROM dm.account_limit l
                        WHERE l.account_no = account), '{}');
END;

REVOKE ALL ON FUNCTION dm.find_key(bytea), dm.account_limits(bigint) FROM public;
GRANT EXECUTE ON FUNCTION dm.find_key(bytea), dm.account_limits(bigint) TO dm_api;

GRANT SELECT ON dm.region, dm.tier, dm.tier_limit TO dm_api, dm_meter, dm_ops;
GRANT SELECT ON dm.account, dm.project, dm.account_limit, dm.project_limit TO dm_api, dm_meter;
GRANT SELECT, INSERT, UPDATE ON dm.account, dm.project, dm.account_limit, dm.project_limit TO dm_ops;
GRANT DELETE ON dm.account_limit, dm.project_limit TO dm_ops;
GRANT INSERT, UPDATE ON dm.tier_limit TO dm_ops;
GRANT SELECT, INSERT ON dm.api_key TO dm_api, dm_ops;
GRANT UPDATE (name, revoked_at) ON dm.api_key TO dm_api, dm_ops;
GRANT SELECT, INSERT, UPDATE ON dm.quota_use TO dm_api, dm_ops;
GRANT SELECT, INSERT ON dm.audit TO dm_api, dm_ops;

-- Row-level security, by the same three rules everywhere: the tenant's own rows for dm_api; all for the roles whose work
-- is all; and the owner is bound too.
ALTER TABLE dm.account ENABLE ROW LEVEL SECURITY;
ALTER TABLE dm.account FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON dm.account FOR SELECT TO dm_api USING (account_no = dm.account_no());
CREATE POLICY everyone ON dm.account TO dm_ops, dm_migrate USING (true) WITH CHECK (true);
CREATE POLICY reading ON dm.account FOR SELECT TO dm_meter USING (true);

DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['project', 'project_limit', 'api_key', 'audit'] LOOP
        EXECUTE format('ALTER TABLE dm.%I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE dm.%I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY tenant ON dm.%I TO dm_api
                        USING (account_no = dm.account_no() AND project_no = dm.project_no())
                        WITH CHECK (account_no = dm.account_no() AND project_no = dm.project_no())', t);
        EXECUTE format('CREATE POLICY everyone ON dm.%I TO dm_ops, dm_migrate USING (true) WITH CHECK (true)', t);
        EXECUTE format('CREATE POLICY reading ON dm.%I FOR SELECT TO dm_meter USING (true)', t);
    END LOOP;
    FOREACH t IN ARRAY ARRAY['account_limit', 'quota_use'] LOOP   -- bind the account: all its projects' rows
        EXECUTE format('ALTER TABLE dm.%I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE dm.%I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY tenant ON dm.%I TO dm_api
                        USING (account_no = dm.account_no()) WITH CHECK (account_no = dm.account_no())', t);
        EXECUTE format('CREATE POLICY everyone ON dm.%I TO dm_ops, dm_migrate USING (true) WITH CHECK (true)', t);
        EXECUTE format('CREATE POLICY reading ON dm.%I FOR SELECT TO dm_meter USING (true)', t);
    END LOOP;
END $$;

INSERT INTO dm.region VALUES (1, 'local', 'other'), (2, 'cn-mainland', 'mainland'), (3, 'hk', 'other');

INSERT INTO dm.tier VALUES ('free', 'minutes'), ('pro', 'minutes'), ('payg', 'resources'), ('enterprise', 'resources');
INSERT INTO dm.tier_limit (tier, name, value) VALUES
    ('free', 'vcpus_max', 4), ('free', 'mem_mib_max', 4096), ('free', 'disk_mib_max', 10240),
    ('free', 'timeout_s_max', 3600), ('free', 'running_max', 3), ('free', 'included_seconds', 6000),
    ('free', 'asleep_disk_mib_max', 10240), ('free', 'asleep_days_max', 30),
    ('pro', 'vcpus_max', 4), ('pro', 'mem_mib_max', 4096), ('pro', 'disk_mib_max', 10240),
    ('pro', 'timeout_s_max', 3600), ('pro', 'running_max', 100), ('pro', 'included_seconds', 60000),
    ('payg', 'vcpus_max', 8), ('payg', 'mem_mib_max', 16384), ('payg', 'disk_mib_max', 204800),
    ('payg', 'timeout_s_max', 86400), ('payg', 'running_max', 1000),
    ('enterprise', 'vcpus_max', 8), ('enterprise', 'mem_mib_max', 16384), ('enterprise', 'disk_mib_max', 204800),
    ('enterprise', 'timeout_s_max', 86400), ('enterprise', 'running_max', 1000);
-- The profile of one agent invocation (promises.md, section 2) is rows like any other.
INSERT INTO dm.tier_limit (tier, name, value)
    SELECT t.name, v.name, v.value FROM dm.tier t,
        (VALUES ('invocation_vcpus', 2), ('invocation_mem_mib', 2048), ('invocation_disk_mib', 10240),
                ('invocation_timeout_s', 120)) AS v (name, value);
