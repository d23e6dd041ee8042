"""Faults to be planted: in the bytes between the worker and whoever reads them, or in the oracle's own rules. Each must
turn the comparison red, but for the one that must not."""

from dataclasses import dataclass
from typing import Callable, Optional

import wire
from ledger import Rules


@dataclass
class Fault:
    words: str
    red: bool = True
    rules: Optional[dict] = None
    plant: Optional[Callable] = None  # (frames as bytes, sandbox) -> frames as bytes


def _with(usage, sandbox):
    """Where the first frame stands that has a running sample of the sandbox, well inside its life, and it decoded."""
    hits = []
    for i, data in enumerate(usage):
        frame = wire.read_frame(data)
        if any(s.sandbox == sandbox and s.state == wire.RUN for s in frame.samples):
            hits.append((i, frame))
    return hits[len(hits) // 2]


def _lost(usage, sandbox):
    _, victim = _with(usage, sandbox)
    name = (victim.worker_no, victim.worker_boot, victim.frame_no)

    def other(data):
        frame = wire.read_frame(data)
        return (frame.worker_no, frame.worker_boot, frame.frame_no) != name
    return [data for data in usage if other(data)]  # also where it was sent twice


def _twice(usage, sandbox):
    at, _ = _with(usage, sandbox)
    return usage[:at] + [usage[at]] + usage[at:] + [usage[at]]


def _foreign(usage, sandbox):
    at, frame = _with(usage, sandbox)
    before = usage[at]
    for sample in frame.samples:
        if sample.sandbox == sandbox:
            sample.project_no += 1
    return [frame.pack() if data == before else data for data in usage]


FAULTS = {
    "run-hib-swapped": Fault("RUN and HIB swapped", rules={"swap_states": True}),
    "or-assigned": Fault("an OR replaced by assignment", rules={"assign": True}),
    "hib-30-gib-free": Fault("the 30 GiB rule dropped in HIB", rules={"free_gib_asleep": 30}),
    "lowest-epoch": Fault("the lowest epoch has a second that two claim", rules={"lowest_epoch": True}),
    "frame-lost": Fault("a lost frame", plant=_lost),
    "frame-twice": Fault("a frame delivered twice", red=False, plant=_twice),
    "foreign-project": Fault("a sample stamped with another project", plant=_foreign),
}


def plant(name, usage, attest, sandbox):
    """The bytes and the rules with this fault in them; None plants nothing."""
    if name is None:
        return usage, attest, Rules()
    fault = FAULTS[name]
    if fault.plant is not None:
        usage = fault.plant(list(usage), sandbox)
    return usage, attest, Rules(**(fault.rules or {}))
