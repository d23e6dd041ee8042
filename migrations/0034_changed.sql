-- What changed lately is read by when it changed, of all projects at once (tenants/sandbox/changed.h). Each row of
-- dm.sandbox stands in one of three indexes: that of sandbox_signers, which there was, has all that a create makes, so
-- none of these costs a create anything.
CREATE INDEX sandbox_changed_quiet ON dm.sandbox (changed_at)
    WHERE state <> 'ended' AND NOT (secure AND (auto_resume OR state <> 'paused'));
CREATE INDEX sandbox_changed_ended ON dm.sandbox (changed_at) WHERE state = 'ended';
CREATE INDEX denial_changed ON dm.denial (last_at);
