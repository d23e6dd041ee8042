-- Times were turned into microseconds and back by functions that were planned and run anew at each call, five of them for a
-- look at a sandbox: they said that they were immutable, and what they call is not (it is stable), so that the planner
-- may not put their bodies in their place. No index holds what they give.
ALTER FUNCTION dm.us(timestamptz) STABLE;
ALTER FUNCTION dm.ts(bigint) STABLE;
