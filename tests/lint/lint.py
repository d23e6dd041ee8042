"""What the checks in this folder share: the files, their rooms, and how a result is said."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(os.environ.get("DM_ROOT") or Path(__file__).resolve().parents[2])
ROOMS = ("base", "tenants", "api", "workers", "metering", "migrations", "ops")
SKIPPED = {".git", ".dormouse", "node_modules", "__pycache__"}


def files(*suffixes, under=None):
    """Paths relative to the checkout, sorted; suffixes such as ".c"; none: all files."""
    out = []
    for top in under or [""]:
        for folder, folders, names in os.walk(ROOT / top):
            folders[:] = sorted(d for d in folders if d not in SKIPPED)
            for name in names:
                if not suffixes or name.endswith(suffixes):
                    out.append((Path(folder) / name).relative_to(ROOT))
    return sorted(out)


def sources(*suffixes):
    """Product code in C."""
    return files(*(suffixes or (".c", ".h")), under=ROOMS)


def read(path):
    return (ROOT / path).read_text(encoding="utf-8", errors="replace")


def code(path):
    """The text with comments, strings and character constants blanked, lines kept."""
    def blank(match):
        text = match.group(0)
        inside = re.sub(r"[^\n]", " ", text[1:-1]) if text[0] in "\"'" else re.sub(r"[^\n]", " ", text)
        return text[0] + inside + text[-1] if text[0] in "\"'" else inside
    return re.sub(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", blank, read(path), flags=re.S)


def room(path):
    """"base", "base/wire", "api/life", "workers/host/slot", ...: the folder, which has a fixed place in the house."""
    return str(Path(path).parent)


def say(name, bad, skip=None):
    """One result; bad: what is wrong, a line each."""
    if skip is not None:
        print(f"skip lint/{name}: {skip}")
        return
    for line in bad:
        print(f"  {line}")
    print(f"not ok lint/{name}: {len(bad)} found, the first: {bad[0]}" if bad else f"ok lint/{name}")
    sys.stdout.flush()


def run(*command, **kwargs):
    return subprocess.run(command, cwd=ROOT, text=True, capture_output=True, timeout=300, check=False, **kwargs)


def archives():
    """The static libraries of the dev build; an empty list where nothing is built."""
    build = os.environ.get("DM_BUILD_DEV") or str(ROOT / ".dormouse/build-dev")
    return sorted(Path(build).rglob("libdm_*.a")) if os.path.isdir(build) else []


def objects():
    """The object files of the dev build's libraries by the source they were made of; what only tests need is left out."""
    build = Path(os.environ.get("DM_BUILD_DEV") or str(ROOT / ".dormouse/build-dev"))
    out = {}
    for path in sorted(build.rglob("*.c.o")) if build.is_dir() else []:
        folder, _, source = str(path.relative_to(build)).partition("/CMakeFiles/")
        target, _, inside = source.partition(".dir/")
        source = os.path.normpath(f"{folder}/{inside.replace('__/', '../')}")[:-2]
        if target.startswith("dm_") and not folder.startswith("tests") and (ROOT / source).is_file():
            out[source] = path
    return out
