"""What is proven of a run from its record: the stream, what the client did and when, and the statements."""

import json
import math
from pathlib import Path

import faults
import ledger
import statement
import stream
from wire import HIB, RUN


class Record:
    def __init__(self, folder):
        folder = Path(folder)
        self.messages = stream.load(folder / "stream.jsonl")
        with open(folder / "record.json", encoding="utf-8") as f:
            self.client = json.load(f)
        with open(folder / "statements.json", encoding="utf-8") as f:
            self.statements = [
                {"body": s["body"].encode(), "signature": bytes.fromhex(s["signature"]),
                 "public_key": bytes.fromhex(s["public_key"])}
                for s in sorted(json.load(f), key=lambda s: s["number"])]
        self.worker_keys = {int(no): [bytes.fromhex(k) for k in keys]
                            for no, keys in self.client["keys"]["workers"].items()}
        self.service_keys = [bytes.fromhex(k) for k in self.client["keys"]["service"]]
        self.sandboxes = self.client["sandboxes"]
        # The one with the longest story is what faults are planted into.
        self.main = max(self.sandboxes, key=lambda s: len(self.sandboxes[s]))

    def ledger(self, fault=None):
        usage, attest, rules = faults.plant(
            fault, stream.values(self.messages, "dm.usage.v1"), stream.values(self.messages, "dm.attest.v1"), self.main)
        return ledger.Ledger(usage, attest, self.worker_keys, self.client["period_s"], rules)

    def project_no(self):
        """That of the client's key, as its statements have it."""
        numbers = {s["project_no"] for st in self.statements for s in json.loads(st["body"])["sandboxes"]}
        return numbers.pop() if len(numbers) == 1 else None

    def periods(self):
        """Those that are closed, as their statements say."""
        return {json.loads(s["body"])["period"]["start"] for s in self.statements}


def compared(record, fault=None):
    """Everything that the oracle finds wrong: between stream and statements, and with the stream itself."""
    book, project = record.ledger(fault), record.project_no()
    yield from statement.check_content(book, record.statements, project)
    for sandbox in record.sandboxes:
        stamped = {key[1] for key in book.evidence if key[2] == sandbox}
        if stamped != {project}:
            yield f"{sandbox} is stamped with projects {sorted(stamped)}, not {project} alone"
    yield from book.findings


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
        body = json.loads(s["body"])
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


def of_frames(book):
    return [words for words in book.findings if words.startswith(("not a frame", "worker ", "two different"))
            and "attest" not in words]


def frames(record):
    """Gapless within each start, starts chained; the worker was killed, so there are two."""
    book = record.ledger()
    yield from of_frames(book)
    for worker, rows in book.frames.items():
        boots = {key[0] for key in rows}
        print(f"  worker {worker}: {len(rows)} frames in {len(boots)} starts")
        if any(k["service"] == "worker" for k in record.client.get("kills", [])) and len(boots) < 2:
            yield f"worker {worker} has {len(boots)} start, and was killed"
    for message in record.messages:
        key, value = bytes.fromhex(message["key"]).decode(), bytes.fromhex(message["value"])
        if message["topic"] == "dm.usage.v1" and key != str(int.from_bytes(value[8:16], "little")):
            yield f"a frame of worker {int.from_bytes(value[8:16], 'little')} has the key {key}"


def attestations(record):
    """Signed with the published key, equal to the frames, chained, counted."""
    book = record.ledger()
    yield from (words for words in book.findings if words not in of_frames(book))
    print(f"  {sum(len(sworn) for sworn in book.sworn.values())} attestations, {len(book.ends)} end records")
    if not book.ends:
        yield "there is no end record"


def all_of(folder):
    """(name, what is wrong) of each proof."""
    record = Record(folder)
    yield "frames", list(frames(record))
    yield "attestations", list(attestations(record))
    yield "causes", list(causes(record))
    yield "crossed", list(crossed(record))
    yield "statements", list(compared(record))
    yield "chain", list(statement.check_chain(record.statements, record.service_keys))
    yield "stopwatch", list(stopwatch(record))
    yield "asleep_is_free", list(asleep_is_free(record))
