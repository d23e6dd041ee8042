"""What is proven of a run from its record: the stream, what the client did and when, and the statements."""

import math

import statement
from recorded import Record, attestations, compared, frames
from wire import HIB, RUN


def spans(events):
    """From what the client did: (state, the least it was in it, the most), as half-open times."""
    out = []
    for before, after in zip(events, events[1:]):
        state = HIB if before["what"] == "pause" else RUN
        out.append((state, (before["done"], after["sent"]), (before["sent"], after["done"])))
    return out


def stopwatch(record):
    """Each second that the client knows to have been running or asleep from end to end is just that; none is that lies
    wholly outside. What may differ is the started second at each end, and the time the calls themselves took."""
    book = record.ledger()
    for sandbox, events in record.sandboxes.items():
        billed = book.seconds_of(sandbox)
        running = sum(1 for state in billed.values() if state == RUN)
        asleep = len(billed) - running
        allowed = {}
        for state, sure, most in spans(events):
            for second in range(math.floor(most[0]), math.ceil(most[1])):
                allowed.setdefault(second, set()).add(state)
            for second in range(math.ceil(sure[0]), math.floor(sure[1])):
                if billed.get(second) != state:
                    yield f"{sandbox}: second {second} is {billed.get(second)}, and was {state} from end to end"
        for second, state in billed.items():
            if state not in allowed.get(second, ()):
                yield f"{sandbox}: second {second} is {state}, and cannot have been"
        for state, counted in ((RUN, running), (HIB, asleep)):
            least = sum(max(0, sure[1] - sure[0]) for s, sure, _ in spans(events) if s == state)
            most = sum(m[1] - m[0] for s, _, m in spans(events) if s == state)
            ends = 2 * sum(1 for s, _, _ in spans(events) if s == state)
            words = "running" if state == RUN else "hibernated"
            print(f"  {sandbox}: {words} {counted} s, by the stopwatch {least:.2f} to {most:.2f} s")
            if not least - ends <= counted <= most + ends:
                yield f"{sandbox}: {counted} s {words}, by the stopwatch {least:.2f} to {most:.2f} s"


def asleep_is_free(record):
    """No vCPU or memory line covers a hibernated second: lines of what runs count the running seconds and no more."""
    book = record.ledger()
    for s in record.statements:
        body = statement.whole(s)
        seconds = {(x["sandbox"], x["epoch"]): x for x in body["sandboxes"]}
        for line in body["lines"]:
            x = seconds[line["sandbox"], line["epoch"]]
            if line["sku"] in ("vcpu-run", "mem-run") and line["seconds"] != x["running_s"]:
                yield f"{line['sandbox']}: {line['sku']} for {line['seconds']} s, {x['running_s']} were running"
            if line["sku"] == "disk-hib" and line["seconds"] > x["hibernated_s"]:
                yield f"{line['sandbox']}: disk-hib for {line['seconds']} s, {x['hibernated_s']} were hibernated"
    hibernated = sum(1 for sandbox in record.sandboxes for state in book.seconds_of(sandbox).values() if state == HIB)
    if hibernated < 20:
        yield f"only {hibernated} s were hibernated: that proves nothing"


def crossed(record):
    """The story crossed at least two ends of periods, and ran and slept."""
    if len(record.periods()) < 3:
        yield f"only {len(record.periods())} periods have a statement"


def causes(record):
    """What the attestations swear to is what the client saw."""
    book = record.ledger()
    for sandbox, events in record.sandboxes.items():
        want = {"crash": "vmm_crashed", "kill": "killed"}[events[-1]["what"]]
        if book.cause_of(sandbox) != want:
            yield f"{sandbox}: sworn to have ended by {book.cause_of(sandbox)!r}, not {want!r}"


def all_of(folder):
    """(name, what is wrong) of each proof."""
    record = Record(folder)
    yield "frames", list(frames(record))
    yield "attestations", list(attestations(record))
    yield "causes", list(causes(record))
    yield "crossed", list(crossed(record))
    yield "statements", list(compared(record))
    yield "chain", list(statement.check_chain(record.statements, record.service_keys))
    yield "pages", [words for s in record.statements for words in statement.check_pages(s)]
    yield "corrections", list(statement.check_corrections(record.statements))
    yield "parents", list(statement.check_parents(record.statements))
    yield "stopwatch", list(stopwatch(record))
    yield "asleep_is_free", list(asleep_is_free(record))
