-- What a create writes is entries in indexes above all, and each of them twice, since a row that starts is written again
-- when it runs. A sandbox is found by its id alone, which is unique in itself; the key by project and id beside it was
-- used by nobody. It is made anew here, after all other indexes, because the planner takes the youngest of those that cost
-- the same: in a database that was not analyzed yet it took an index of lists, and walked over a whole project for one row.
ALTER TABLE dm.sandbox DROP CONSTRAINT sandbox_pkey, DROP CONSTRAINT sandbox_sandbox_id_key;
ALTER TABLE dm.sandbox ADD CONSTRAINT sandbox_pkey PRIMARY KEY (sandbox_id);

-- The same of its events: one key instead of a key and an index by epoch, which the bill reads.
ALTER TABLE dm.sandbox_event DROP CONSTRAINT sandbox_event_pkey;
DROP INDEX dm.sandbox_event_epoch;
ALTER TABLE dm.sandbox_event ADD CONSTRAINT sandbox_event_pkey PRIMARY KEY (sandbox_id, epoch, event_no);

-- No project's row is ever taken away, and a row's project is that of its transaction (row-level security): a lock on the
-- project's row in each create said nothing, and all of one project's creates wrote there.
ALTER TABLE dm.sandbox DROP CONSTRAINT sandbox_account_no_project_no_fkey;
