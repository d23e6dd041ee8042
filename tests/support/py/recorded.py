"""A recorded run: the stream, the statements, the published keys, and what the client did. And what the oracle finds wrong
with it, whatever the client's story was."""

import json
from pathlib import Path

import faults
import ledger
import statement
import stream


class Record:
    def __init__(self, folder):
        folder = Path(folder)
        self.messages = stream.load(folder / "stream.jsonl")
        with open(folder / "record.json", encoding="utf-8") as f:
            self.client = json.load(f)
        with open(folder / "statements.json", encoding="utf-8") as f:
            self.statements = [statement.of_text(s) for s in sorted(json.load(f), key=lambda s: s["number"])]
        self.worker_keys = {int(no): [bytes.fromhex(k) for k in keys]
                            for no, keys in self.client["keys"]["workers"].items()}
        sealing = self.client["keys"].get("frames")
        self.frame_keys = {int(no): bytes.fromhex(key) for no, key in sealing.items()} if sealing is not None else None
        self.service_keys = [bytes.fromhex(k) for k in self.client["keys"]["service"]]
        self.sandboxes = self.client["sandboxes"]
        # The one with the longest story is what faults are planted into.
        self.main = max(self.sandboxes, key=lambda s: len(self.sandboxes[s]))

    def ledger(self, fault=None):
        usage, attest, rules = faults.plant(
            fault, stream.values(self.messages, "dm.usage.v1"), stream.values(self.messages, "dm.attest.v1"), self.main)
        return ledger.Ledger(usage, attest, self.worker_keys, self.client["period_s"], rules,
                             self.frame_keys)

    def project_no(self):
        """That of the client's key, as its statements have it."""
        numbers = {s["project_no"] for st in self.statements for s in statement.whole(st)["sandboxes"]}
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


def of_frames(book):
    return [words for words in book.findings if words.startswith(("not a frame", "not sealed", "worker ", "two different"))
            and "attest" not in words]


def frames(record):
    """Sealed by their worker, gapless within each start, starts chained; the worker was killed, so there are two."""
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
