-- What an operator lists: the sandboxes of all tenants, newest first.
CREATE INDEX sandbox_created ON dm.sandbox (created_at DESC, sandbox_id);
