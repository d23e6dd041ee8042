-- Workers, templates, specs and the sandboxes themselves.

CREATE TABLE dm.worker (
    worker_no   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name        text NOT NULL UNIQUE CHECK (name ~ '^[a-z0-9._-]{1,64}$'),
    region_no   smallint NOT NULL REFERENCES dm.region,
    state       text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'draining', 'written_off')),
    boot        bigint NOT NULL CHECK (boot > 0),
    door        text NOT NULL,
    accel       text NOT NULL,
    slots       int NOT NULL,
    mem_mib     bigint NOT NULL,
    enrolled_at timestamptz NOT NULL DEFAULT now(),   -- first ever: no period before this waits for it
    beat_at     timestamptz NOT NULL DEFAULT now(),
    running     int NOT NULL DEFAULT 0,
    asleep      int NOT NULL DEFAULT 0,
    free_slots  int NOT NULL DEFAULT 0,
    refusing    boolean NOT NULL DEFAULT false,
    event_seq   bigint NOT NULL DEFAULT 0,            -- events up to this one were taken
    gone_at     timestamptz                           -- written off: no period after this waits for it
);

-- Each key a worker ever signed with; the public halves are published.
CREATE TABLE dm.worker_key (
    worker_no  bigint NOT NULL REFERENCES dm.worker,
    public_key bytea NOT NULL CHECK (octet_length(public_key) = 32),
    valid_from timestamptz NOT NULL DEFAULT now(),
    valid_to   timestamptz,
    PRIMARY KEY (worker_no, public_key)
);

CREATE TABLE dm.spec (
    spec_table smallint NOT NULL,
    spec       smallint NOT NULL,
    vcpus      int NOT NULL,
    mem_mib    int NOT NULL,
    PRIMARY KEY (spec_table, spec)
);

CREATE TABLE dm.template (
    account_no  bigint NOT NULL,
    project_no  int NOT NULL,
    template_id text NOT NULL UNIQUE CHECK (template_id ~ '^[a-z0-9]{20}$'),
    public      boolean NOT NULL DEFAULT false,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    spawn_count bigint NOT NULL DEFAULT 0,
    last_spawned_at timestamptz,
    PRIMARY KEY (account_no, project_no, template_id),
    FOREIGN KEY (account_no, project_no) REFERENCES dm.project
);

CREATE TABLE dm.template_alias (
    account_no  bigint NOT NULL,
    project_no  int NOT NULL,
    alias       text NOT NULL CHECK (alias ~ '^[a-z0-9_-]{1,128}$'),
    template_id text NOT NULL REFERENCES dm.template (template_id) ON DELETE CASCADE,
    PRIMARY KEY (account_no, project_no, alias)
);

CREATE TABLE dm.template_build (
    account_no  bigint NOT NULL,
    project_no  int NOT NULL,
    template_id text NOT NULL REFERENCES dm.template (template_id) ON DELETE CASCADE,
    build_id    uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
    status      text NOT NULL CHECK (status IN ('waiting', 'building', 'ready', 'error')),
    image       text NOT NULL,          -- name of the guest image on the workers
    vcpus       int NOT NULL,
    mem_mib     int NOT NULL,
    disk_mib    int NOT NULL,
    default_user text NOT NULL DEFAULT 'user',
    workdir     text NOT NULL DEFAULT '',
    env         jsonb NOT NULL DEFAULT '{}',
    mounts      jsonb NOT NULL DEFAULT '[]',
    generic_ok  boolean NOT NULL DEFAULT true,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    PRIMARY KEY (account_no, project_no, template_id, build_id)
);

CREATE TABLE dm.template_tag (
    account_no  bigint NOT NULL,
    project_no  int NOT NULL,
    template_id text NOT NULL REFERENCES dm.template (template_id) ON DELETE CASCADE,
    tag         text NOT NULL CHECK (tag ~ '^[a-z0-9_.-]{1,128}$'),
    build_id    uuid NOT NULL REFERENCES dm.template_build (build_id),
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_no, project_no, template_id, tag)
);

CREATE TABLE dm.sandbox (
    account_no     bigint NOT NULL,
    project_no     int NOT NULL,
    sandbox_id     bytea NOT NULL UNIQUE CHECK (octet_length(sandbox_id) = 16),
    state          text NOT NULL CHECK (state IN
                       ('starting', 'running', 'pausing', 'paused', 'resuming', 'ending', 'ended')),
    epoch          int NOT NULL CHECK (epoch > 0),
    cause          text,                 -- why it sleeps or ended; a name of base/wire/cause
    detail         text,
    region_no      smallint NOT NULL REFERENCES dm.region,
    worker_no      bigint REFERENCES dm.worker,
    address        text,
    compute_type   text NOT NULL DEFAULT 'agent-sandbox',
    compute_quality text NOT NULL DEFAULT 'default',
    key_no         bigint NOT NULL,
    template_id    text NOT NULL,
    build_id       uuid NOT NULL,
    alias          text,
    asked_vcpus    int NOT NULL,
    asked_mem_mib  int NOT NULL,
    spec_table     smallint NOT NULL,
    spec           smallint NOT NULL,
    disk_mib       int NOT NULL,
    secure         boolean NOT NULL,
    token_sealed   bytea,                -- the agent's access token, sealed under the deployment's key
    env_sealed     bytea,
    metadata       jsonb NOT NULL DEFAULT '{}',
    network        jsonb NOT NULL DEFAULT '{}',
    allow_internet boolean,
    pause_on_timeout boolean NOT NULL DEFAULT false,
    auto_resume    boolean NOT NULL DEFAULT false,
    timeout_s      int NOT NULL,         -- as given at creation: what an auto-resume starts from
    previous_attestation bytea,
    created_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    started_at     timestamptz,          -- last start
    end_at         timestamptz,
    paused_at      timestamptz,
    ended_at       timestamptz,
    PRIMARY KEY (account_no, project_no, sandbox_id),
    FOREIGN KEY (account_no, project_no) REFERENCES dm.project,
    FOREIGN KEY (spec_table, spec) REFERENCES dm.spec,
    CHECK ((state = 'ended') = (ended_at IS NOT NULL)),
    CHECK (state NOT IN ('ended', 'paused') OR cause IS NOT NULL)
);
-- Lists go by start, newest first; only what lives is listed.
CREATE INDEX sandbox_live ON dm.sandbox (account_no, project_no, started_at DESC, sandbox_id) WHERE state <> 'ended';
CREATE INDEX sandbox_worker ON dm.sandbox (worker_no) WHERE state <> 'ended';

-- Each transition, with its why. Rows are only ever added.
CREATE TABLE dm.sandbox_event (
    account_no bigint NOT NULL,
    project_no int NOT NULL,
    sandbox_id bytea NOT NULL,
    event_no   bigint GENERATED ALWAYS AS IDENTITY,
    at         timestamptz NOT NULL,
    epoch      int NOT NULL,
    from_state text,
    to_state   text NOT NULL,
    cause      text,
    why        text NOT NULL,
    who        text NOT NULL,
    PRIMARY KEY (account_no, project_no, sandbox_id, event_no)
);

-- A create that was asked for with an Idempotency-Key: the same key and body get the same answer.
CREATE TABLE dm.idempotency (
    account_no bigint NOT NULL,
    project_no int NOT NULL,
    key        text NOT NULL CHECK (key ~ '^[a-z0-9-]{1,255}$'),
    body_sha256 bytea NOT NULL,
    sandbox_id bytea NOT NULL,
    status     int,                      -- null: still under way
    answer     text,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_no, project_no, key)
);

-- What the door must know before any project is known: one sandbox, nothing of its tenant but numbers.
CREATE FUNCTION dm.find_at_door(id bytea)
    RETURNS TABLE (account_no bigint, project_no int, state text, epoch int, door text, address text, secure boolean,
                   auto_resume boolean, network jsonb, token_sealed bytea)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = dm, pg_temp
BEGIN ATOMIC
    SELECT s.account_no, s.project_no, s.state, s.epoch, w.door, s.address, s.secure, s.auto_resume, s.network,
           s.token_sealed
    FROM dm.sandbox s LEFT JOIN dm.worker w ON w.worker_no = s.worker_no
    WHERE s.sandbox_id = id AND s.state <> 'ended';
END;

-- Whether a template name of somebody else's is free to use: public ones, by id or by namespace/alias.
CREATE FUNCTION dm.find_template(project int, namespace text, name text, wanted_tag text)
    RETURNS TABLE (template_id text, owner_project_no int, public boolean, alias text, build_id uuid, image text,
                   vcpus int, mem_mib int, disk_mib int, default_user text, workdir text, env jsonb, tagged boolean)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = dm, pg_temp
BEGIN ATOMIC
    SELECT t.template_id, t.project_no, t.public,
           (SELECT min(a2.alias) FROM dm.template_alias a2 WHERE a2.template_id = t.template_id),
           b.build_id, b.image, b.vcpus, b.mem_mib, b.disk_mib, b.default_user, b.workdir, b.env, g.tag IS NOT NULL
    FROM dm.template t
    LEFT JOIN dm.template_alias a ON a.template_id = t.template_id AND a.alias = find_template.name
    LEFT JOIN dm.project p ON p.project_no = t.project_no
    LEFT JOIN dm.template_tag g ON g.template_id = t.template_id AND g.tag = wanted_tag
    LEFT JOIN dm.template_build b ON b.build_id = g.build_id AND b.status = 'ready'
    WHERE (namespace IS NULL AND (t.template_id = find_template.name OR (a.alias IS NOT NULL AND (t.project_no = project OR t.public))))
       OR (namespace IS NOT NULL AND p.slug = namespace AND a.alias IS NOT NULL)
    ORDER BY (t.template_id = find_template.name) DESC, (t.project_no = project) DESC, t.created_at
    LIMIT 1;
END;

REVOKE ALL ON FUNCTION dm.find_at_door(bytea), dm.find_template(int, text, text, text) FROM public;
GRANT EXECUTE ON FUNCTION dm.find_at_door(bytea), dm.find_template(int, text, text, text) TO dm_api;

-- Where a new sandbox can go; the fleet is not the tenants' to read.
CREATE FUNCTION dm.place(region smallint, stale_s int)
    RETURNS TABLE (worker_no bigint, door text, free_slots int)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = dm, pg_temp
BEGIN ATOMIC
    SELECT w.worker_no, w.door, w.free_slots FROM dm.worker w
    WHERE w.region_no = region AND w.state = 'active' AND NOT w.refusing
      AND w.beat_at > now() - stale_s * interval '1 second'
    ORDER BY w.free_slots DESC, w.worker_no;
END;
REVOKE ALL ON FUNCTION dm.place(smallint, int) FROM public;
GRANT EXECUTE ON FUNCTION dm.place(smallint, int) TO dm_api;

GRANT SELECT ON dm.spec TO dm_api, dm_meter, dm_ops;
GRANT SELECT, INSERT, UPDATE ON dm.worker TO dm_ops;
GRANT SELECT ON dm.worker TO dm_meter;
GRANT SELECT ON dm.worker_key TO dm_api, dm_meter, dm_ops;
GRANT INSERT, UPDATE ON dm.worker_key TO dm_ops;
GRANT SELECT, INSERT, UPDATE, DELETE ON dm.template, dm.template_alias, dm.template_build, dm.template_tag TO dm_api, dm_ops;
GRANT SELECT, INSERT, UPDATE ON dm.sandbox TO dm_api, dm_ops;
GRANT SELECT (account_no, project_no, sandbox_id, state, epoch, cause, region_no, worker_no, compute_type,
              compute_quality, key_no, template_id, build_id, alias, asked_vcpus, asked_mem_mib, spec_table, spec,
              disk_mib, metadata, created_at, started_at, end_at, paused_at, ended_at) ON dm.sandbox TO dm_meter;
GRANT SELECT, INSERT ON dm.sandbox_event TO dm_api, dm_ops;
GRANT SELECT ON dm.sandbox_event TO dm_meter;
GRANT SELECT, INSERT, UPDATE, DELETE ON dm.idempotency TO dm_api, dm_ops;

DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['template', 'template_alias', 'template_build', 'template_tag', 'sandbox', 'sandbox_event',
                             'idempotency'] LOOP
        EXECUTE format('ALTER TABLE dm.%I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE dm.%I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY tenant ON dm.%I TO dm_api
                        USING (account_no = dm.account_no() AND project_no = dm.project_no())
                        WITH CHECK (account_no = dm.account_no() AND project_no = dm.project_no())', t);
        EXECUTE format('CREATE POLICY everyone ON dm.%I TO dm_ops, dm_migrate USING (true) WITH CHECK (true)', t);
        EXECUTE format('CREATE POLICY reading ON dm.%I FOR SELECT TO dm_meter USING (true)', t);
    END LOOP;
END $$;

-- Spec table, version 1 (promises.md, section 2). base/wire/spec.c has the same rows; a test compares them.
INSERT INTO dm.spec (spec_table, spec, vcpus, mem_mib) VALUES
    (1, 1, 1, 256), (1, 2, 1, 512), (1, 3, 1, 1024), (1, 4, 1, 2048), (1, 5, 1, 4096),
    (1, 6, 2, 512), (1, 7, 2, 1024), (1, 8, 2, 2048), (1, 9, 2, 4096), (1, 10, 2, 8192),
    (1, 11, 4, 1024), (1, 12, 4, 2048), (1, 13, 4, 4096), (1, 14, 4, 8192), (1, 15, 4, 16384),
    (1, 16, 8, 2048), (1, 17, 8, 4096), (1, 18, 8, 8192), (1, 19, 8, 16384);
