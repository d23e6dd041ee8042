"""The bytes of dm.usage.v1 and dm.attest.v1, as the comments of base/wire/frame.h and base/wire/attest.h lay them out.

Nothing here is shared with the project's own code: a mistake would have to be made twice to go unseen."""

import hashlib
import hmac
import struct
from dataclasses import dataclass, field

RUN, HIB = 1, 2
DISK_UNKNOWN = 0xFFFFFFFF
FRAME_MAGIC = 0x31464D44
UNSEALED, SEALED = 1, 2  # versions of a frame
SEAL = struct.Struct("<12s16s")  # nonce, tag
FRAME_HEAD = struct.Struct("<IHHQQQQqqHHII")
SAMPLE = struct.Struct("<16sIIHHBBHIIIIIIII")
HIB_SPAN_MAX = 60
ID_END = 36**20
CAUSES = (
    "", "killed", "timeout", "idle", "paused", "guest_shutdown", "guest_panic", "out_of_memory",
    "allowance_exhausted", "spend_cap", "suspended_unpaid", "retention_expired", "operator_killed",
    "operator_drained", "host_lost", "vmm_crashed", "restore_failed", "start_failed", "evicted_memory_pressure",
    "wake_unanswered",
)


class Malformed(Exception):
    """Bytes that are not what they should be."""


def need(condition, words):
    if not condition:
        raise Malformed(words)


def _crc32c_table():
    table = []
    for n in range(256):
        for _ in range(8):
            n = n >> 1 ^ (0x82F63B78 if n & 1 else 0)
        table.append(n)
    return table


_CRC = _crc32c_table()


def crc32c(data):
    """Castagnoli, reflected, as in RFC 3720."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _CRC[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def sandbox_name(raw):
    """16 bytes big-endian as 'i' and 20 digits of base 36."""
    number = int.from_bytes(raw, "big")
    need(number < ID_END, "a sandbox id beyond 36^20")
    digits = ""
    for _ in range(20):
        number, digit = divmod(number, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + digits
    return "i" + digits


def sandbox_bytes(name):
    need(len(name) == 21 and name[0] == "i", "not a sandbox id: " + name)
    return int(name[1:], 36).to_bytes(16, "big")


@dataclass
class Sample:
    sandbox: str
    epoch: int
    project_no: int
    spec_table: int
    spec: int
    state: int
    span_s: int
    region_no: int
    disk_16mib: int
    shown: tuple = (0,) * 7  # cpu, memory, traffic: never billed

    def pack(self):
        return SAMPLE.pack(
            sandbox_bytes(self.sandbox), self.epoch, self.project_no, self.spec_table, self.spec, self.state,
            self.span_s, self.region_no, self.disk_16mib, *self.shown)


@dataclass
class Frame:
    worker_no: int
    worker_boot: int
    frame_no: int
    prev_boot_last_frame: int
    second: int
    complete_through: int
    samples: list = field(default_factory=list)
    part: int = 0
    parts: int = 1
    clock_err_us: int = 0
    flags: int = 0
    version: int = UNSEALED
    nonce: bytes = b""
    tag: bytes = b""

    def pack(self):
        """Needed to plant faults, and by the oracle's own tests. A seal is written as it stands here, also where it no
        longer fits."""
        body = FRAME_HEAD.pack(
            FRAME_MAGIC, self.version, self.flags, self.worker_no, self.worker_boot, self.frame_no, self.prev_boot_last_frame,
            self.second, self.complete_through, self.part, self.parts, self.clock_err_us, len(self.samples))
        body += b"".join(sample.pack() for sample in self.samples)
        if self.version == SEALED:
            body += SEAL.pack(self.nonce, self.tag)
        return body + struct.pack("<I", crc32c(body))


def read_frame(data):
    need(len(data) >= FRAME_HEAD.size + 4, "a frame that is too short")
    head = FRAME_HEAD.unpack_from(data)
    need(head[0] == FRAME_MAGIC, "no frame's magic")
    need(head[1] in (UNSEALED, SEALED), f"frame version {head[1]}")
    count = head[12]
    body = FRAME_HEAD.size + count * SAMPLE.size
    need(len(data) == body + (SEAL.size if head[1] == SEALED else 0) + 4, "a frame of another length than its count says")
    need(crc32c(data[:-4]) == struct.unpack("<I", data[-4:])[0], "a frame's checksum")
    frame = Frame(head[3], head[4], head[5], head[6], head[7], head[8], [], head[9], head[10], head[11], head[2],
                  head[1])
    if frame.version == SEALED:
        frame.nonce, frame.tag = SEAL.unpack_from(data, body)
    need(frame.worker_no > 0 and frame.worker_boot > 0 and frame.frame_no > 0, "a frame of no worker, boot or number")
    need(frame.part < frame.parts, "a part beyond the parts")
    need(-1 <= frame.complete_through <= frame.second, "complete through a second that has not ended")
    for i in range(count):
        values = SAMPLE.unpack_from(data, FRAME_HEAD.size + i * SAMPLE.size)
        sample = Sample(sandbox_name(values[0]), *values[1:9], values[9:])
        need(sample.epoch > 0, "a sample of epoch 0")
        need(sample.state in (RUN, HIB), f"a sample of state {sample.state}")
        need(1 <= sample.span_s <= (1 if sample.state == RUN else HIB_SPAN_MAX), f"a span of {sample.span_s} s")
        frame.samples.append(sample)
    return frame


def frame_key(secret, worker_no):
    """What a worker seals its frames with, of the secret that the API and the meter share."""
    return hmac.new(secret, b"dormouse frame %d" % worker_no, hashlib.sha256).digest()


def seal(frame, key, nonce):
    """The frame's bytes under that worker's seal."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    frame.version, frame.nonce, frame.tag = SEALED, nonce, b"\0" * 16
    frame.tag = AESGCM(key).encrypt(nonce, b"", frame.pack()[:-SEAL.size - 4])
    return frame.pack()


def sealed_by(data, key):
    """Whether a frame has the seal of who holds this key: AES-256-GCM of nothing, with all before the nonce beside it."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    if read_frame(data).version != SEALED:
        return False
    body, nonce, tag = data[:-SEAL.size - 4], data[-SEAL.size - 4:-20], data[-20:-4]
    try:
        return AESGCM(key).decrypt(nonce, tag, body) == b""
    except InvalidTag:
        return False


@dataclass
class Attestation:
    worker_no: int
    worker_boot: int
    project_no: int
    sandbox: str
    epoch: int
    spec_table: int
    spec: int
    region_no: int
    period_start: int
    period_s: int
    first_frame: int
    last_frame: int
    previous: bytes
    cause: str
    states: list  # one a second
    disks: list   # one a minute
    hash: bytes = b""
    signed: bytes = b""
    signature: bytes = b""


@dataclass
class EndRecord:
    worker_no: int
    worker_boot: int
    period_start: int
    period_s: int
    count: int
    all: bytes
    last_frame: int
    signed: bytes = b""
    signature: bytes = b""


_ATTEST_HEAD = struct.Struct("<BHQQI16sIHHHqIQQ32sH")
_END = struct.Struct("<BHQQqII32sQ")


def read_attestation(data):
    """An Attestation or an EndRecord; the signature is kept beside what it signs."""
    need(len(data) > 67, "an attestation that is too short")
    kind, version = struct.unpack_from("<BH", data)
    need(version == 1, f"attestation version {version}")
    signed, signature = data[:-64], data[-64:]
    if kind == 2:
        need(len(signed) == _END.size, "an end record of another length")
        values = _END.unpack(signed)
        return EndRecord(*values[2:], signed, signature)
    need(kind == 1, f"attestation kind {kind}")
    need(len(signed) > _ATTEST_HEAD.size + 4, "an attestation that ends too early")
    values = _ATTEST_HEAD.unpack_from(signed)
    need(values[15] < len(CAUSES), "a cause that is not in the list")
    at = _ATTEST_HEAD.size
    (runs,) = struct.unpack_from("<H", signed, at)
    at += 2
    states, before = [], None
    for _ in range(runs):
        state, seconds = struct.unpack_from("<BH", signed, at)
        at += 3
        need(state in (0, RUN, HIB) and state != before and seconds > 0, "a run that cannot be")
        states += [state] * seconds
        before = state
    period_s = values[11]
    need(len(states) == period_s, f"runs that cover {len(states)} of {period_s} seconds")
    (minutes,) = struct.unpack_from("<H", signed, at)
    at += 2
    need(minutes == (period_s + 59) // 60, "another number of minutes than the period has")
    disks = list(struct.unpack_from(f"<{minutes}I", signed, at))
    need(at + 4 * minutes == len(signed), "bytes behind an attestation")
    return Attestation(
        *values[2:5], sandbox_name(values[5]), *values[6:15], CAUSES[values[15]], states, disks,
        hashlib.sha256(data).digest(), signed, signature)
