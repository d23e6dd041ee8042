-- Seconds of a time are inlined like its microseconds (0038): a function that says to be immutable is not, where what it is made of is
-- only stable, and then each call costs more than all else that an export does for a cell.
ALTER FUNCTION dm.s(timestamptz) STABLE;
