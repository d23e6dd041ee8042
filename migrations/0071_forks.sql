-- Forks: whose memory a sandbox began with. The row says so for good, its first event in words.

ALTER TABLE dm.sandbox ADD COLUMN parent_id bytea CHECK (octet_length(parent_id) = 16);
CREATE INDEX sandbox_children ON dm.sandbox (account_no, project_no, parent_id) WHERE parent_id IS NOT NULL;
GRANT SELECT (parent_id) ON dm.sandbox TO dm_ops;
