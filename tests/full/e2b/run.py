#!/usr/bin/env python3
"""E2B's own SDK suites against the deployment that the environment names: each test's result as ours, judged by the kept
list of expected failures. Everything comes from the environment (tests/full/suites sets it).

A test that fails though it is not on the list is tried again alone when all are done, since many sandboxes at once on a
small machine make time limits fail that have nothing to do with us; what fails twice is reported. A test that is on the
list and passes is reported too: its line has to go. The class tcg alone holds tests that may do either, and is empty where
there is hardware virtualisation."""

import json
import os
import re
import selectors
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

HERE = Path(__file__).resolve().parent
CHECKOUT = Path(os.environ["DM_E2B_SUITES"])
LOGS = Path(os.environ["DM_SUITES_LOG"])
WORKERS = "3"

# What a whole pass may take, and a second one; a run that says nothing for QUIET_S is stuck.
PASS_S, AGAIN_S, QUIET_S = 1500, 600, 240
# More surprises than this are one big one, and not worth a second try each.
AGAIN_MAX = 60
# The class of tests that an emulated processor may be too slow for.
SLOW = "tcg"


class Python:
    """tests/ of the Python SDK that speak to a server; the rest tries the client alone."""
    name = "python"
    folders = ("tests/sync", "tests/async", "tests/shared/git")

    @staticmethod
    def command(tests, workers):
        extra = [] if workers == "1" else ["-n", workers]
        return [sys.executable, "-m", "pytest", "-p", "lines_pytest", "-p", "no:cacheprovider", "-q", "--tb=short",
                *extra, *(tests or Python.folders)]

    @staticmethod
    def place():
        path = [os.environ["DM_SUITES_PYTHON"], str(HERE)]
        return CHECKOUT / "packages/python-sdk", {"PYTHONPATH": ":".join(path), "PYTHONDONTWRITEBYTECODE": "1"}


class JavaScript:
    """The same of the JavaScript SDK, under Node.js."""
    name = "js"
    folders = ("tests/api", "tests/sandbox", "tests/template")
    # mocks the API for some of its tests only
    mixed = "tests/template/tags.test.ts"

    @staticmethod
    def files():
        """Without those that put a mock in the server's place."""
        folder, _ = JavaScript.place()
        found = sorted(f for top in JavaScript.folders for f in (folder / top).rglob("*.test.ts"))
        names = [str(f.relative_to(folder)) for f in found if "from 'msw" not in f.read_text(encoding="utf-8")]
        return [*names, JavaScript.mixed]

    @staticmethod
    def command(tests, workers):
        files = sorted({t.split(" > ")[0] for t in tests}) or JavaScript.files()
        names = ["^" + re.escape(t.split(" > ", 1)[1].replace(" > ", " ")) for t in tests if " > " in t]
        if len(names) < len(tests):  # some are whole files
            names = []
        return [os.environ["DM_NODE"], "node_modules/vitest/vitest.mjs", "run", "--project", "unit", "--project", "template",
                f"--maxWorkers={workers}", f"--reporter={HERE / 'lines_vitest.mjs'}", "--reporter=dot",
                *(["-t", "|".join(names)] if names else []), *files]

    @staticmethod
    def place():
        return Path(os.environ["DM_SUITES_JS"]), {"NO_COLOR": "1"}


def expected():
    """{test: class}; a class is declared by its header, `[class] why`."""
    out, kind = {}, None
    for number, line in enumerate((HERE.parent / "suites.expected").read_text(encoding="utf-8").splitlines(), 1):
        header = re.fullmatch(r"\[([a-z0-9-]+)\] \S.*", line)
        if header:
            kind = header.group(1)
        elif line and not line.startswith("#"):
            if kind is None or line in out:
                raise SystemExit(f"suites.expected:{number}: twice, or before the first class: {line}")
            out[line] = kind
    return out


def end(process):
    """The whole process group: both suites start processes of their own."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, sign)
        except ProcessLookupError:
            return
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            continue


def run(suite, tests, workers, limit, log):
    """Yields (test, state, why) as they come, at last ("", "ended", why) where the run broke off."""
    folder, more = suite.place()
    ours, theirs = os.pipe()
    process = subprocess.Popen(suite.command(tests, workers), cwd=folder, env={**os.environ, **more, "DM_LINES": str(theirs)},
                               stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=[theirs], start_new_session=True)
    os.close(theirs)
    why, held, last, deadline = "", b"", time.monotonic(), time.monotonic() + limit
    with selectors.DefaultSelector() as selector:
        selector.register(ours, selectors.EVENT_READ)
        while not why:
            now = time.monotonic()
            if now > deadline:
                why = f"not done after {limit} s"
            elif now > last + QUIET_S:
                why = f"said nothing for {QUIET_S} s"
            elif selector.select(1):
                last, got = now, os.read(ours, 65536)
                if not got:
                    break
                *lines, held = (held + got).split(b"\n")
                for line in lines:
                    said = json.loads(line)
                    yield said["test"], said["state"], said["why"]
    os.close(ours)
    try:
        code = process.wait(1 if why else 60)
    except subprocess.TimeoutExpired:
        why, code = why or "it does not end", None
    end(process)
    # 1: some tests failed, and we have heard which
    if why or code not in (0, 1):
        yield "", "ended", why or f"exit code {code}"


def plain(test):
    """As the name in a result line: that ends at the first colon and blank."""
    return " ".join(test.split()).replace(": ", ":")


def short(why):
    lines = [" ".join(line.split()) for line in why.splitlines() if line.strip()]
    return (lines[0] if lines else "no reason given")[:200]


def say(word, suite, test, why=""):
    print(f"{word} suites/{suite.name}/{plain(test)}" + (f": {why}" if why else ""), flush=True)


def judge(suite, kept, wanted):
    """One suite: prints all results, returns the counts."""
    counts, seen, surprises = Counter(), set(), {}
    listed = {test.split(" ", 1)[1]: kind for test, kind in kept.items()
              if test.split(" ", 1)[0] == suite.name and (kind != SLOW or os.environ["DM_ACCEL"] == "tcg")}

    def settle(test, state, why):
        counts[state] += 1
        if state == "failed":
            say("not ok", suite, test, short(why))
        elif state == "passed":
            say("ok", suite, test)
        else:
            say("skip", suite, test, why)

    with open(LOGS / f"suites-{suite.name}.log", "wb") as log:
        for test, state, why in run(suite, wanted, WORKERS, PASS_S, log):
            kind = listed.get(test)
            seen.add(test)
            if state == "ended":
                settle("the whole run", "failed", why)
            elif state == "failed" and kind:
                settle(test, kind, f"an expected failure ({kind})")
            elif state == "passed" and kind and kind != SLOW:
                settle(test, "failed", f"it passes: take it off tests/full/suites.expected ({kind})")
            elif state == "failed":
                surprises[test] = why
            else:
                settle(test, state, "the suite leaves it out" if state == "skipped" else why)
        if 0 < len(surprises) <= AGAIN_MAX:
            print(f"{suite.name}: {len(surprises)} surprises, each is tried once more alone", flush=True)
            for test, why in surprises.items():
                print(f"  {plain(test)}: {short(why)}", flush=True)
            for test, state, why in run(suite, list(surprises), "1", AGAIN_S, log):
                if test in surprises:
                    settle(test, state, why)
                    del surprises[test]
        for test, why in surprises.items():
            settle(test, "failed", why)
        for test in sorted(set(listed) - seen) if not wanted else []:
            settle(test, "failed", "on tests/full/suites.expected, but there is no such test")
    if counts["failed"]:
        print((LOGS / f"suites-{suite.name}.log").read_bytes()[-6000:].decode(errors="replace"), flush=True)
    return counts


def main():
    kept = expected()
    wanted = sys.argv[1:]
    failed = 0
    totals = []
    for suite in (Python, JavaScript):
        if wanted and wanted[0] != suite.name:
            continue
        counts = judge(suite, kept, wanted[1:])
        failed += counts["failed"]
        own = [f"{counts.pop(state, 0)} {state}" for state in ("passed", "failed", "skipped")]
        kinds = ", ".join(f"{n} {kind}" for kind, n in sorted(counts.items()))
        totals.append(f"{suite.name}: {', '.join(own)}; expected failures: {kinds or 'none'}")
    print("\n".join(totals), flush=True)
    return 1 if failed else 0


sys.exit(main())
