-- A sandbox's history is read in the order of time, a page at a time: by this index, without sorting all of it first.
CREATE INDEX sandbox_event_time ON dm.sandbox_event (sandbox_id, at, event_no);
