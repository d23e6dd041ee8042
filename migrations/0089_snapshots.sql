-- Snapshots: images of one moment of a sandbox that are kept after it, and begun from by name. The image is its worker's
-- (workers/store); the row is written before it is made and goes after it has gone, so that no image is without its row.
--   making    the worker was asked for it, and nobody knows yet
--   kept      it is its owner's, under its name
--   dropping  its owner has asked for its end, which is refused while sandboxes of it run or sleep
--   going     nobody can begin from it any more; its worker is told to let go of it, as often as it takes

CREATE TABLE dm.snapshot (
    account_no    bigint NOT NULL,
    project_no    int NOT NULL,
    checkpoint    text NOT NULL UNIQUE CHECK (checkpoint ~ '^cp-[0-9a-f]{32}$'),
    snapshot_id   text NOT NULL CHECK (snapshot_id ~ '^[a-z0-9]{20}$'), -- its name, where it was given none
    alias         text CHECK (alias ~ '^[a-z0-9_-]{1,128}$'),
    tag           text NOT NULL CHECK (tag ~ '^[a-z0-9_.-]{1,128}$'),
    state         text NOT NULL CHECK (state IN ('making', 'kept', 'dropping', 'going')),
    sandbox_id    bytea NOT NULL CHECK (octet_length(sandbox_id) = 16),
    worker_no     bigint NOT NULL REFERENCES dm.worker,
    template_id   text NOT NULL,
    template_name text,
    build_id      uuid NOT NULL,
    vcpus         int NOT NULL, -- as they were asked for
    mem_mib       int NOT NULL,
    disk_mib      int NOT NULL,
    image_mib     bigint NOT NULL DEFAULT 0 CHECK (image_mib >= 0),
    made_at       timestamptz NOT NULL DEFAULT now(),
    due_at        timestamptz NOT NULL DEFAULT now(), -- of what is to go: not before
    ordered_by    bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (account_no, project_no, checkpoint),
    FOREIGN KEY (account_no, project_no) REFERENCES dm.project ON DELETE CASCADE
);
-- A name means one image. Who makes another under it takes its place.
CREATE UNIQUE INDEX snapshot_name ON dm.snapshot (account_no, project_no, alias, tag) WHERE state = 'kept' AND alias IS NOT NULL;
CREATE UNIQUE INDEX snapshot_id ON dm.snapshot (account_no, project_no, snapshot_id);
CREATE INDEX snapshot_list ON dm.snapshot (account_no, project_no, made_at DESC, snapshot_id);
CREATE INDEX snapshot_moving ON dm.snapshot (due_at) WHERE state <> 'kept';
CREATE INDEX snapshot_worker ON dm.snapshot (worker_no, checkpoint);

ALTER TABLE dm.snapshot ENABLE ROW LEVEL SECURITY;
ALTER TABLE dm.snapshot FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON dm.snapshot TO dm_api
    USING (account_no = dm.account_no() AND project_no = dm.project_no())
    WITH CHECK (account_no = dm.account_no() AND project_no = dm.project_no());
CREATE POLICY everyone ON dm.snapshot TO dm_ops, dm_migrate USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, DELETE, UPDATE (state, image_mib, due_at, ordered_by) ON dm.snapshot TO dm_api;
GRANT SELECT, DELETE, UPDATE (state, due_at, ordered_by) ON dm.snapshot TO dm_ops;

INSERT INTO dm.tier_limit (tier, name, value) VALUES
    ('free', 'snapshots_max', 5), ('pro', 'snapshots_max', 100), ('payg', 'snapshots_max', 1000),
    ('enterprise', 'snapshots_max', 1000),
    ('free', 'snapshot_mib_max', 5120), ('pro', 'snapshot_mib_max', 51200), ('payg', 'snapshot_mib_max', 524288),
    ('enterprise', 'snapshot_mib_max', 524288);
