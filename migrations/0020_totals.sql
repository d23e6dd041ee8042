-- What runs of a project, and of its account, in vCPUs and memory besides the number; and limits that were promised and had
-- no row. Both totals begin as so many as the number of sandboxes allows of the largest: they bind where somebody lowers
-- them, or raises the number.

ALTER TABLE dm.quota_use ADD COLUMN vcpus bigint NOT NULL DEFAULT 0 CHECK (vcpus >= 0),
    ADD COLUMN mem_mib bigint NOT NULL DEFAULT 0 CHECK (mem_mib >= 0);
UPDATE dm.quota_use q SET vcpus = s.vcpus, mem_mib = s.mem_mib
    FROM (SELECT b.account_no, v.project_no, sum(p.vcpus) AS vcpus, sum(p.mem_mib) AS mem_mib
          FROM dm.sandbox b JOIN dm.spec p USING (spec_table, spec), LATERAL (VALUES (0), (b.project_no)) v (project_no)
          WHERE b.state IN ('starting', 'running', 'pausing', 'resuming') GROUP BY 1, 2) s
    WHERE q.account_no = s.account_no AND q.project_no = s.project_no;

-- Both rates are a second's, and twice as many in one go; a project that is promised 250 creates a second has twice that.
INSERT INTO dm.tier_limit (tier, name, value) VALUES
    ('free', 'vcpus_total_max', 12), ('free', 'mem_mib_total_max', 12288),
    ('pro', 'vcpus_total_max', 400), ('pro', 'mem_mib_total_max', 409600),
    ('payg', 'vcpus_total_max', 8000), ('payg', 'mem_mib_total_max', 16384000),
    ('enterprise', 'vcpus_total_max', 8000), ('enterprise', 'mem_mib_total_max', 16384000),
    ('free', 'create_rate', 10), ('pro', 'create_rate', 250), ('payg', 'create_rate', 500), ('enterprise', 'create_rate', 500),
    ('free', 'request_rate', 1000), ('pro', 'request_rate', 1000), ('payg', 'request_rate', 1000),
    ('enterprise', 'request_rate', 1000),
    ('free', 'concurrent_builds_max', 1), ('pro', 'concurrent_builds_max', 5), ('payg', 'concurrent_builds_max', 20),
    ('enterprise', 'concurrent_builds_max', 20)
    ON CONFLICT (tier, name) DO NOTHING;
