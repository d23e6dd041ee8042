"""From the raw bytes in Kafka to what each (sandbox, epoch) owes in each period, after metering.md 1.2 to 1.6, 1.13 and
1.14. Whatever the bytes should not be is a finding, in words."""

import hashlib
from dataclasses import dataclass, field

import rating
import wire
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from wire import DISK_UNKNOWN, HIB, RUN


@dataclass
class Rules:
    """The right ones; a planted fault changes one."""

    swap_states: bool = False     # RUN is taken for HIB and HIB for RUN
    assign: bool = False          # a sample replaces what was known instead of being merged into it
    free_gib_asleep: int = 0      # HIB: how much of the disk is free
    lowest_epoch: bool = False    # of epochs that claim a second, the lowest has it


@dataclass
class Evidence:
    """What frames say of one (sandbox, epoch, project, spec, region) in one period."""

    states: list
    disks: list


@dataclass
class Usage:
    """What is billed of it."""

    project_no: int
    sandbox: str
    epoch: int
    spec_table: int
    spec: int
    region_no: int
    states: list
    disks: list
    attestation: bytes = b""
    free_gib_asleep: int = field(default=0, repr=False)

    @property
    def running_s(self):
        return self.states.count(RUN)

    @property
    def hibernated_s(self):
        return self.states.count(HIB)

    def lines(self, group, part=None):
        """Those of the period, or of a part of it: of its seconds, with the disk of the whole."""
        vcpus, mem_mib = rating.spec_of(self.spec_table, self.spec)
        states = [state if part is None or part.start <= s < part.end else 0 for s, state in enumerate(self.states)]
        return rating.resource_lines(states, self.disks, vcpus, mem_mib, rating.PRICES[group], self.free_gib_asleep)


def merkle_root(hashes):
    """RFC 6962 over leaves that are hashes."""
    if not hashes:
        return hashlib.sha256(b"").digest()
    if len(hashes) == 1:
        return hashlib.sha256(b"\0" + hashes[0]).digest()
    left = 1
    while left * 2 < len(hashes):
        left *= 2
    return hashlib.sha256(b"\1" + merkle_root(hashes[:left]) + merkle_root(hashes[left:])).digest()


class Ledger:
    """usage, attest: message values in the order of the stream; worker_keys: worker_no -> public keys, raw; frame_keys:
    worker_no -> what it seals its frames with, None: seals are not looked at. A frame without its worker's seal is a finding
    and nothing else."""

    def __init__(self, usage, attest, worker_keys, period_s, rules=None, frame_keys=None):
        self.period_s = period_s
        self.rules = rules or Rules()
        self.worker_keys = worker_keys
        self.frame_keys = frame_keys
        self.findings = []
        self.frames = {}      # worker -> {(boot, frame_no, part): Frame}
        self.evidence = {}    # (period, project, sandbox, epoch, table, spec, region) -> Evidence
        self.highest = {}     # (sandbox, second) -> epoch that has it
        self.sworn = {}       # (worker, boot, period) -> [Attestation], in the order of the stream
        self.ends = {}        # (worker, period) -> EndRecord, the last one
        self._take_frames(usage)
        for worker in self.frames:
            self._check_row(worker)
        self._take_attestations(attest)
        self._check_attestations()

    def found(self, words):
        self.findings.append(words)

    # --- frames

    def _take_frames(self, usage):
        seen = {}
        for data in usage:
            digest = hashlib.sha256(data).digest()
            try:
                frame = wire.read_frame(data)
            except wire.Malformed as e:
                self.found(f"not a frame: {e}")
                continue
            if self.frame_keys is not None and not wire.sealed_by(data, self.frame_keys.get(frame.worker_no, bytes(32))):
                self.found(f"not sealed by worker {frame.worker_no}: boot {frame.worker_boot}, frame {frame.frame_no}")
                continue
            key = (frame.worker_no, frame.worker_boot, frame.frame_no, frame.part)
            if key in seen:
                if seen[key] != digest:
                    self.found(f"two different frames are worker {key[0]}, boot {key[1]}, frame {key[2]}")
                continue  # once more: that changes nothing
            seen[key] = digest
            self.frames.setdefault(frame.worker_no, {})[key[1:]] = frame
            for sample in frame.samples:
                self._merge(frame.second, sample)

    def _merge(self, second, sample):
        state = sample.state
        if self.rules.swap_states:
            state = HIB if state == RUN else RUN
        for at in range(second - sample.span_s + 1, second + 1):
            start = at - at % self.period_s
            key = (start, sample.project_no, sample.sandbox, sample.epoch, sample.spec_table, sample.spec, sample.region_no)
            if key not in self.evidence or self.rules.assign:
                disks = self.evidence[key].disks if key in self.evidence else [DISK_UNKNOWN] * (self.period_s // 60)
                self.evidence[key] = Evidence([0] * self.period_s, disks)
            row = self.evidence[key]
            if row.states[at - start] != RUN:
                row.states[at - start] = state
            if at == second and sample.disk_16mib != DISK_UNKNOWN:
                minute = (at - start) // 60
                known = row.disks[minute]
                row.disks[minute] = sample.disk_16mib if known == DISK_UNKNOWN else max(known, sample.disk_16mib)
            claim = (sample.sandbox, at)
            better = min if self.rules.lowest_epoch else max
            self.highest[claim] = better(self.highest.get(claim, sample.epoch), sample.epoch)

    def _check_row(self, worker):
        """Frames without a gap within a start, starts chained, seconds without a gap throughout."""
        frames = sorted(self.frames[worker].items())
        boot, number, second, through = None, 0, None, -1
        for (frame_boot, frame_no, part), frame in frames:
            where = f"worker {worker}, boot {frame_boot}"
            if part > 0:
                continue
            if frame_boot != boot:
                if frame.prev_boot_last_frame != number:
                    self.found(f"{where} does not follow: the boot before ended with frame {number}, not "
                               f"{frame.prev_boot_last_frame}")
                boot, number = frame_boot, 0
            if frame_no != number + 1:
                self.found(f"{where}: frame {number + 1} is missing (found {frame_no})")
            elif second is not None and frame.second != second + 1:
                self.found(f"{where}: frame {frame_no} is of second {frame.second}, the one before of {second}")
            if frame.complete_through < through:
                self.found(f"{where}: frame {frame_no} takes back what was complete")
            missing = [p for p in range(frame.parts) if (frame_boot, frame_no, p) not in self.frames[worker]]
            if missing:
                self.found(f"{where}: frame {frame_no} lacks parts {missing}")
            number, second, through = frame_no, frame.second, frame.complete_through

    # --- attestations

    def _signed(self, record):
        for key in self.worker_keys.get(record.worker_no, []):
            try:
                Ed25519PublicKey.from_public_bytes(key).verify(record.signature, record.signed)
                return True
            except InvalidSignature:
                pass
        return False

    def _take_attestations(self, attest):
        seen, newest = set(), {}
        for data in attest:
            if data in seen:
                continue
            seen.add(data)
            try:
                record = wire.read_attestation(data)
            except wire.Malformed as e:
                self.found(f"not an attestation: {e}")
                continue
            if not self._signed(record):
                self.found(f"no key of worker {record.worker_no} made the signature of a record of {record.period_start}")
            if isinstance(record, wire.EndRecord):
                self.ends[record.worker_no, record.period_start] = record
                continue
            if record.previous != newest.get(record.sandbox, b"\0" * 32):
                self.found(f"{record.sandbox}: the attestation of {record.period_start}, epoch {record.epoch}, does not "
                           f"name the previous one")
            newest[record.sandbox] = record.hash
            self.sworn.setdefault((record.worker_no, record.worker_boot, record.period_start), []).append(record)

    def _periods_through(self, worker):
        """Those of which the worker has framed the last second."""
        seconds = {frame.second for frame in self.frames[worker].values()}
        ends = {s for s in seconds if (s + 1) % self.period_s == 0}
        return sorted(s + 1 - self.period_s for s in ends)

    def _check_attestations(self):
        for worker in self.frames:
            for period in self._periods_through(worker):
                end = self.ends.get((worker, period))
                if end is None:
                    self.found(f"worker {worker} did not attest the period of {period}")
                    continue
                sworn = self.sworn.get((worker, end.worker_boot, period), [])
                digest = hashlib.sha256(b"".join(sorted(a.hash for a in sworn))).digest()
                if end.count != len(sworn) or end.all != digest:
                    self.found(f"worker {worker}, period {period}: the end record counts {end.count} attestations, "
                               f"{len(sworn)} are there")
                self._compare(period, sworn)

    def _compare(self, period, sworn):
        said = {key[1:]: row for key, row in self.evidence.items() if key[0] == period}
        for a in sworn:
            key = (a.project_no, a.sandbox, a.epoch, a.spec_table, a.spec, a.region_no)
            row = said.pop(key, None)
            if row is None:
                self.found(f"{a.sandbox}: sworn to in {period}, but no frames say so")
            elif row.states != a.states or row.disks != a.disks:
                self.found(f"{a.sandbox}, epoch {a.epoch}: in {period} frames say something else than is sworn to")
        for key in said:
            self.found(f"{key[1]}, epoch {key[2]}: frames say it was there in {period}, no attestation does")

    def attestation_of(self, period, usage):
        for (worker, at), end in self.ends.items():
            for a in self.sworn.get((worker, end.worker_boot, period), []) if at == period else []:
                if (a.project_no, a.sandbox, a.epoch, a.spec_table, a.spec) == usage:
                    return a
        return None

    # --- what is owed

    def period(self, start, project_no):
        """What is billed of each (sandbox, epoch, spec) of a project, in the order of a statement."""
        out = []
        for key in sorted(k for k in self.evidence if k[0] == start and k[1] == project_no):
            row = self.evidence[key]
            sandbox, epoch = key[2], key[3]
            states = [state if state and self.highest[sandbox, start + s] == epoch else 0
                      for s, state in enumerate(row.states)]
            sworn = self.attestation_of(start, key[1:6])
            out.append(Usage(*key[1:], states, row.disks, sworn.hash if sworn else b"", self.rules.free_gib_asleep))
        return out

    def periods(self, project_no):
        return sorted({key[0] for key in self.evidence if key[1] == project_no})

    def seconds_of(self, sandbox):
        """second -> state, over all epochs and periods, as billed."""
        out = {}
        for key, row in self.evidence.items():
            if key[2] == sandbox:
                for s, state in enumerate(row.states):
                    if state and self.highest[sandbox, key[0] + s] == key[3]:
                        out[key[0] + s] = state
        return out

    def cause_of(self, sandbox):
        """Why it ended, as sworn to; "" while nobody has."""
        causes = [a.cause for records in self.sworn.values() for a in records if a.sandbox == sandbox and a.cause]
        return causes[-1] if causes else ""
