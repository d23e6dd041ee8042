"""How a bench says what it found: progress and a table for people, one flat JSON object for programs as the last line.

Nothing is trimmed, nothing is rounded away, and no figure makes a bench fail: it reports.
"""

import json
import math
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(os.environ.get("DM_ROOT") or Path(__file__).resolve().parents[3])


def percentile(values, percent):
    """Nearest rank: a value that was measured, never one in between."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def output(*command, **kwargs):
    """What a command prints, stripped; empty when it fails."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, **kwargs)
    return done.stdout.strip() if done.returncode == 0 else ""


def reflinks(folder):
    """Whether files in this folder can share their blocks."""
    one, two = folder / f".reflink-{os.getpid()}", folder / f".reflink-{os.getpid()}-2"
    try:
        one.write_bytes(b"x" * 65536)
        return subprocess.run(["cp", "--reflink=always", one, two], capture_output=True, check=False).returncode == 0
    finally:
        one.unlink(missing_ok=True)
        two.unlink(missing_ok=True)


def release_build(folder):
    try:
        return "CMAKE_BUILD_TYPE:STRING=Release\n" in (Path(folder) / "CMakeCache.txt").read_text(encoding="utf-8")
    except OSError:
        return False


class Report:
    """One bench's result: keys in the order in which they were put."""

    def __init__(self, name, quick):
        self.name, self.quick = name, quick
        self.began = time.monotonic()
        self.values, self.rows = {}, []
        self.failures = 0
        self.busy = busy_percent()
        if self.busy > 25:
            self.say(f"the processors are {self.busy} % busy already: what follows is of a machine that does other things, too")

    def say(self, text):
        """Progress, for people."""
        print(f"[{time.monotonic() - self.began:6.1f} s] {text}", flush=True)

    def put(self, key, value, words="", goal=""):
        """One figure; None is not put: what was not measured does not appear."""
        if value is None:
            return
        if isinstance(value, float):
            value = round(value, 3) if abs(value) < 1000 else round(value)
        self.values[key] = value
        self.rows.append((key, f"{value:,}" if isinstance(value, (int, float)) and not isinstance(value, bool)
                          else str(value), goal, words))

    def spread(self, name, milliseconds, words="", goal="", failures=0):
        """n, p50, p95, p99, max and failures of NAME as NAME_p50_ms and so on."""
        self.failures += failures
        if milliseconds:
            self.put(f"{name}_p50_ms", percentile(milliseconds, 50), words, goal)
            for percent in (95, 99):
                self.put(f"{name}_p{percent}_ms", percentile(milliseconds, percent))
            self.put(f"{name}_max_ms", max(milliseconds))
        self.put(f"{name}_n", len(milliseconds))
        self.put(f"{name}_failures", failures)

    def finish(self, count, accel, data, build, fsync):
        """Prints the table and the last line."""
        facts = {
            "bench": self.name,
            "n": count,
            "quick": self.quick,
            "failures": self.failures,
            "accel": accel,
            "cores": len(os.sched_getaffinity(0)),
            "busy_before_pct": self.busy,
            "fs": output("findmnt", "-n", "-o", "FSTYPE", "-T", str(data)) + (", reflinks" if reflinks(data) else ", no reflinks"),
            "fsync": fsync,
            "release_build": release_build(build),
            "commit": output("git", "-C", str(ROOT), "describe", "--always", "--dirty") or "unknown",
        }
        wide = max(len(row[0]) for row in self.rows)
        print(f"\nbench {self.name}{' --quick' if self.quick else ''}, {time.monotonic() - self.began:.0f} s, "
              f"{facts['cores']} cores ({self.busy} % busy before), {facts['accel']}, {facts['fs']}, fsync {'on' if fsync else 'OFF'}, "
              f"{'release' if facts['release_build'] else 'NOT A RELEASE BUILD'}, {facts['commit']}")
        for key, value, goal, words in self.rows:
            print(f"  {key:<{wide}}  {value:>14}  {'goal ' + goal if goal else '':<18} {words}".rstrip())
        print(json.dumps({**facts, **self.values}), flush=True)


def busy_percent(seconds=2):
    """How much of all cores is in use right now, by whomever."""
    def jiffies():
        with open("/proc/stat", encoding="ascii") as stat:
            fields = [int(f) for f in stat.readline().split()[1:9]]
        return sum(fields), fields[3] + fields[4]
    before, idle_before = jiffies()
    time.sleep(seconds)
    after, idle = jiffies()
    return round(100 * (1 - (idle - idle_before) / (after - before)), 1)


def arguments(usage, parts=()):
    """--quick, and of a bench that has parts, --only PART: (quick, the parts that are to run)."""
    rest = [a for a in sys.argv[1:] if a != "--quick"]
    if len(rest) == 2 and rest[0] == "--only" and rest[1] in parts:
        return "--quick" in sys.argv[1:], [rest[1]]
    if rest:
        only = f" [--only {'|'.join(parts)}]" if parts else ""
        print(f"usage: ops/dormouse bench {Path(sys.argv[0]).name} [--quick]{only}\n{usage}", file=sys.stderr)
        sys.exit(2)
    return "--quick" in sys.argv[1:], list(parts)
