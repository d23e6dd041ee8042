"""What is proven of a storm from its record: what every client knows, what was killed, what the database and the ledger say."""

import math

import recorded
import statement
from wire import HIB, RUN

CHANGES = ("create", "pause", "connect", "kill")    # calls that change what a sandbox is
ALIVE = ("create", "connect", "command", "files", "extend")
# A call that was broken off may still be carried out for as long as the API waits for a worker.
PENDING_S = 20


class Storm:
    """The record, with what is asked of it more than once."""

    def __init__(self, folder):
        self.record = recorded.Record(folder)
        self.book = self.record.ledger()
        self.rows = {row["sandbox"]: row for row in self.record.client["rows"]}
        self.told = self.record.sandboxes
        self.blows = self.record.client["kills"]
        self.timeout_s = self.record.client["timeout_s"]
        self.billed = {sandbox: self.book.seconds_of(sandbox) for sandbox in self.rows}

    def own_blow(self, sandbox):
        """When its own machine was killed by us; None: it was not."""
        return min((b["at"] for b in self.blows if b["service"] == "vmm" and b["sandbox"] == sandbox), default=None)


def known(call, states):
    return call["ok"] and (call["what"] in states or (call["what"] == "look" and call["said"] in states))


def doubtful(calls):
    """Spans of time in which a call that failed may have been carried out."""
    return [(c["sent"], c["done"] + PENDING_S) for c in calls if c["what"] in CHANGES and not c["ok"]]


def sure(calls, own_blow):
    """(state, from, to) that the client knows the sandbox to have been in throughout: between two proofs of it with no
    change asked for in between, and none in doubt."""
    calls = sorted(calls, key=lambda c: c["sent"])
    doubts, out = doubtful(calls), []
    changes = [c for c in calls if c["what"] in CHANGES]
    for state, proofs in ((RUN, ALIVE + ("running",)), (HIB, ("pause", "paused"))):
        points = [c for c in calls if known(c, proofs)]
        for a in points:
            later = [c for c in changes if c["sent"] >= a["done"]]
            end = later[0]["sent"] if later else math.inf
            if any(c is not a and c["sent"] < a["done"] < c["done"] for c in changes):
                continue
            if state == RUN:  # only up to the last proof before the next change
                after = [c["sent"] for c in points if a["done"] <= c["sent"] <= end]
                if later and later[0]["ok"] and later[0]["what"] == "pause":
                    after.append(end)
                end = max(after, default=a["done"])
            if own_blow is not None:
                end = min(end, own_blow)
            if end is not math.inf and end > a["done"] and not any(f < end and a["done"] < t for f, t in doubts):
                out.append((state, a["done"], end))
    return out


# --- proofs


def amnesia(storm):
    """Whatever was killed, a sandbox that answers has the memory it had."""
    for sandbox, calls in storm.told.items():
        yield from (f"{sandbox}: {c['said']}" for c in calls if c["what"] == "amnesia")


def seconds(storm):
    """What a client knows to have been running, or asleep, is billed as just that."""
    counted = {RUN: 0, HIB: 0}
    for sandbox, calls in storm.told.items():
        wrong = {}
        for state, start, end in sure(calls, storm.own_blow(sandbox)):
            for second in range(math.ceil(start), math.floor(end)):
                counted[state] += 1
                if storm.billed.get(sandbox, {}).get(second) != state:
                    wrong[second] = state
        if wrong:
            first = min(wrong)
            yield (f"{sandbox}: second {first} is {storm.billed.get(sandbox, {}).get(first)}, and its client knows it was "
                   f"{wrong[first]}; {len(wrong)} such seconds")
    print(f"  {counted[RUN]} running and {counted[HIB]} hibernated seconds were known to clients (spans overlap)")
    if counted[RUN] < 30 or counted[HIB] < 5:
        yield f"only {counted[RUN]} running and {counted[HIB]} hibernated seconds: that proves nothing"


def outside(storm):
    """No second before a sandbox was asked for, none after its end was confirmed, none after the end its row has."""
    for sandbox, row in storm.rows.items():
        billed = storm.billed.get(sandbox)
        if not billed:
            continue
        calls = storm.told.get(sandbox, [])
        asked = min((c["sent"] for c in calls), default=None)
        if asked is not None and min(billed) < math.floor(asked):
            yield f"{sandbox}: second {min(billed)} is billed, and it was asked for at {asked:.3f}"
        ends = [c["done"] for c in calls if c["what"] == "kill" and c["ok"]]
        if ends and max(billed) > math.floor(min(ends)):
            yield f"{sandbox}: second {max(billed)} is billed, and its end was confirmed at {min(ends):.3f}"
        if row["ended_at"] is None:
            yield f"{sandbox}: it has not ended"
        elif max(billed) > math.floor(row["ended_at"]):
            yield f"{sandbox}: second {max(billed)} is billed, and it ended at {row['ended_at']:.3f}"


def fits(storm, row, calls, unmatched):
    """Why this cause cannot be; None: it can."""
    cause, ended = row["cause"], row["ended_at"]
    killed = [c for c in calls if c["what"] == "kill"]
    created = [c for c in calls if c["what"] == "create" and c["ok"]]
    if cause == "vmm_crashed":
        if storm.own_blow(row["sandbox"]) is not None:
            return None
        for blow in unmatched:  # a warm one that was handed out in that moment
            if blow["at"] - 1 <= ended <= blow["at"] + 10:
                unmatched.remove(blow)
                return None
        return "nobody killed its machine"
    if cause == "killed":
        return None if killed or not created else "no client killed it"
    if cause == "timeout":
        kept = max((c["sent"] for c in calls if c["what"] in ("create", "connect", "extend") and c["ok"]), default=0)
        return None if ended >= kept + storm.timeout_s - 1 else f"it had time until {kept + storm.timeout_s:.1f}"
    if cause == "start_failed":
        return None if not created else "its client was told that it runs"
    return "nothing that was done can cause this"


def causes(storm):
    """Each sandbox has ended for a reason of the closed list that fits what was done to it, and what is sworn agrees."""
    unmatched = [b for b in storm.blows if b["service"] == "warm"]
    tally = {}
    for sandbox, row in sorted(storm.rows.items()):
        calls = storm.told.get(sandbox, [])
        if row["state"] != "ended":
            yield f"{sandbox} is {row['state']}"
            continue
        tally[row["cause"]] = tally.get(row["cause"], 0) + 1
        why = fits(storm, row, calls, unmatched)
        if why is not None:
            yield f"{sandbox} ended at {row['ended_at']:.3f} by {row['cause']}: {why}"
        sworn = storm.book.cause_of(sandbox)
        if sworn not in ("", row["cause"]):
            yield f"{sandbox}: its row says {row['cause']}, sworn to is {sworn}"
        if storm.billed.get(sandbox) and not sworn:
            yield f"{sandbox}: no attestation says why it ended ({row['cause']})"
    print(f"  {sum(tally.values())} sandboxes ended: " + ", ".join(f"{n} {cause}" for cause, n in sorted(tally.items())))


def crashes(storm):
    """Each machine that was killed while its sandbox was known to run, ended it; nothing else did."""
    for blow in storm.blows:
        if blow["service"] != "vmm":
            continue
        row = storm.rows.get(blow["sandbox"])
        if row is not None and row["state"] == "ended" and row["cause"] != "vmm_crashed" and row["ended_at"] > blow["at"] + 30:
            yield f"{blow['sandbox']}: its machine was killed at {blow['at']:.3f}, it ended by {row['cause']} {row['ended_at'] - blow['at']:.0f} s later"


def twice(storm):
    """In no period is a sandbox billed more seconds than there are, over all its epochs."""
    for s in storm.record.statements:
        body, sums = statement.whole(s), {}
        for x in body["sandboxes"]:
            sums[x["sandbox"]] = sums.get(x["sandbox"], 0) + x["running_s"] + x["hibernated_s"]
        yield from (f"{body['period']['start']}: {sandbox} is billed {n} s" for sandbox, n in sums.items()
                    if n > storm.record.client["period_s"])


def all_of(folder):
    """(name, what is wrong) of each proof."""
    storm = Storm(folder)
    yield "frames", list(recorded.frames(storm.record))
    yield "attestations", list(recorded.attestations(storm.record))
    yield "statements", list(recorded.compared(storm.record))
    yield "chain", list(statement.check_chain(storm.record.statements, storm.record.service_keys))
    yield "pages", [words for s in storm.record.statements for words in statement.check_pages(s)]
    yield "corrections", list(statement.check_corrections(storm.record.statements))
    yield "parents", list(statement.check_parents(storm.record.statements))
    yield "twice", list(twice(storm))
    yield "seconds", list(seconds(storm))
    yield "outside", list(outside(storm))
    yield "causes", list(causes(storm))
    yield "crashes", list(crashes(storm))
    yield "memory", list(amnesia(storm))
