-- How many of a project's sandboxes ran in a while: the changes of that number alone, by their time.
CREATE INDEX sandbox_event_ran ON dm.sandbox_event (account_no, project_no, at, event_no) INCLUDE (from_state, to_state)
    WHERE to_state = 'running' OR from_state = 'running';
