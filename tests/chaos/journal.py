"""The worker's journal as its bytes lie on the disk (workers/host/evidence/journal.h), and how a crash can leave its end."""

import os
import struct
from pathlib import Path

FRAME = 5
HEAD, TAIL = 5, 4


def newest(folder):
    return max(Path(folder).glob("*.journal"), key=lambda p: int(p.name.split(".")[0]))


def records(path):
    """[(offset, type, length of the whole record)] of the whole ones."""
    data, at, out = Path(path).read_bytes(), 0, []
    while at + HEAD <= len(data):
        length, kind = struct.unpack_from("<IB", data, at)
        whole = HEAD + length + TAIL
        if at + whole > len(data):
            break
        out.append((at, kind, whole))
        at += whole
    return out


def tear(path, how, chance):
    """What a write that was under way leaves: half a record, or a whole one with its last bytes wrong. `cut` takes half of the
    last record away, where it is a frame that nobody has been told of. Returns what was done, in words."""
    data, rows = Path(path).read_bytes(), records(path)
    at, kind, whole = rows[-1]
    if how == "cut":
        if kind != FRAME:
            return "nothing: the last record is no frame"
        keep = at + chance.randrange(1, whole)
        os.truncate(path, keep)
        return f"the last frame cut to {keep - at} of {whole} bytes"
    frames = [row for row in rows if row[1] == FRAME] or rows
    at, kind, whole = frames[-1]
    piece = bytearray(data[at:at + whole])
    if how == "half":
        piece = piece[:chance.randrange(1, whole)]
    else:
        for i in range(1, 1 + chance.randrange(1, TAIL + 1)):
            piece[-i] ^= 0xA5
    with open(path, "ab") as f:
        f.write(piece)
    return f"{len(piece)} bytes of {'half a record' if how == 'half' else 'a garbled record'} at its end"
