-- A period that has ended is written beside the taking of evidence, by a transaction of its own. What is decided of its workers is
-- written before that, so that whoever comes after a crash decides nothing twice: a gap that was written off is past the worker's
-- mark then, and would look as if it had come. And what comes late may come while its period is being written.
ALTER TABLE dm.worker_period DROP CONSTRAINT worker_period_period_start_fkey;
ALTER TABLE dm.usage_late DROP CONSTRAINT usage_late_period_start_fkey;
