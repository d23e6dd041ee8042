"""Plants a fault into the record of a storm, one after the other, and looks whether the proofs notice: planted.py RECORD"""

import contextlib
import io
import json
import sys
import tempfile
from pathlib import Path

import judge
import wire
from results import Results

RESULTS = Results("chaos/planted")
SOURCE = Path(sys.argv[1])


def long_lived(record):
    """The calls of a sandbox that ran for a while and was killed by its client, at once and without a doubt at any time."""
    for calls in sorted(record["sandboxes"].values(), key=len, reverse=True):
        if judge.doubtful(calls):
            continue
        ends = [c for c in calls if c["what"] == "kill" and c["ok"]]
        if ends and ends[0]["sent"] - calls[0]["done"] > 8 and ends[0]["done"] - ends[0]["sent"] < 2:
            return calls, ends[0]
    raise LookupError("no sandbox was killed by its client after some seconds")


def confirmed_early(record, _stream):
    long_lived(record)[1]["done"] -= 5


def answers_afterwards(record, _stream):
    calls, end = long_lived(record)
    for i in range(2):
        calls.append({**end, "what": "command", "sent": end["done"] + 4 * i + 1, "done": end["done"] + 4 * i + 1.1, "said": ""})


def nobody_killed_it(record, _stream):
    record["rows"][0].update(cause="vmm_crashed", ended_at=record["rows"][0]["ended_at"] or 1.0)
    record["kills"] = [k for k in record["kills"] if k["service"] not in ("vmm", "warm")]


def no_such_reason(record, _stream):
    record["rows"][0]["cause"] = "host_lost"


def still_there(record, _stream):
    record["rows"][0].update(state="running", ended_at=None)


def forgot(record, _stream):
    calls, end = long_lived(record)
    calls.append({**end, "what": "amnesia", "ok": False, "said": "its memory says ''"})


def frame_lost(_record, stream):
    """One with something in it."""
    full = [row["value"] for row in stream if row["topic"] == "dm.usage.v1" and wire.read_frame(bytes.fromhex(row["value"])).samples]
    lost = full[len(full) // 2]
    stream[:] = [row for row in stream if row["value"] != lost]


FAULTS = {
    "confirmed-early": ("a second billed after the end was confirmed", confirmed_early, "outside"),
    "answers-afterwards": ("a second in which it ran and was not billed", answers_afterwards, "seconds"),
    "nobody-killed-it": ("a machine that died by itself", nobody_killed_it, "causes"),
    "no-such-reason": ("an end for a reason that nobody gave", no_such_reason, "causes"),
    "still-there": ("a sandbox that never ended", still_there, "causes"),
    "forgot": ("a memory that was lost", forgot, "memory"),
    "frame-lost": ("a lost frame", frame_lost, "frames"),
}


def noticed(fault):
    """{proof: what it finds first}"""
    record = json.loads((SOURCE / "record.json").read_text(encoding="utf-8"))
    stream = [json.loads(line) for line in (SOURCE / "stream.jsonl").read_text(encoding="ascii").splitlines()]
    fault(record, stream)
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        (folder / "record.json").write_text(json.dumps(record), encoding="utf-8")
        (folder / "statements.json").write_bytes((SOURCE / "statements.json").read_bytes())
        (folder / "stream.jsonl").write_text("".join(json.dumps(row) + "\n" for row in stream), encoding="ascii")
        with contextlib.redirect_stdout(io.StringIO()):
            return {name: bad[0] for name, bad in judge.all_of(folder) if bad}


for fault_name, (words, plant, proof) in FAULTS.items():
    with RESULTS.proof(fault_name):
        found = noticed(plant)
        if proof not in found:
            raise AssertionError(f"{words}: {proof} did not notice")
        print(f"  {words}: {found[proof][:160]}")
sys.exit(1 if RESULTS.failed else 0)
