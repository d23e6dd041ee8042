"""The sandboxes of the cases: one that most of them share, each in a folder of its own, and those of a case's own."""

import contextlib
import itertools
import os
import sys
import threading
import uuid
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))

from e2b import Sandbox  # noqa: E402

RUN = uuid.uuid4().hex[:12]
METADATA = {"run": RUN, "kind": "shared", "odd": "a b&c=d/é%25+"}
ENVS = {"FROM_CREATE": "one two", "EMPTY": ""}
LIFE_S = 240

_lock = threading.RLock()
_made = []
_shared = {}
_folders = itertools.count(1)


def make(**options):
    """A sandbox that ends with this program at the latest."""
    options.setdefault("timeout", LIFE_S)
    box = Sandbox.create(**options)
    with _lock:
        _made.append(box)
    return box


@contextlib.contextmanager
def own(**options):
    box = make(**options)
    try:
        yield box
    finally:
        end(box)


def end(box):
    with _lock:
        if box in _made:
            _made.remove(box)
    with contextlib.suppress(Exception):
        box.kill()


def shared(name="first"):
    with _lock:
        if name not in _shared:
            _shared[name] = make(metadata={**METADATA, "name": name}, envs=ENVS)
        return _shared[name]


def folder(box):
    """A new empty folder in the sandbox."""
    path = f"/home/user/case-{os.getpid()}-{next(_folders)}"
    box.files.make_dir(path)
    return path


def drop_shared():
    """After a failure the next case gets a sandbox that nothing has happened to."""
    with _lock:
        boxes = list(_shared.values())
        _shared.clear()
    for box in boxes:
        end(box)


def end_all():
    for box in list(_made):
        end(box)
