-- The index of those whose token may have signed a link holds them and nobody else: sleepers that no traffic wakes may be
-- many, and were stepped over one by one.

DROP INDEX dm.sandbox_signers;
CREATE INDEX sandbox_signers ON dm.sandbox (changed_at DESC)
    WHERE secure AND state <> 'ended' AND (auto_resume OR state <> 'paused');
