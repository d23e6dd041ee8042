#!/usr/bin/python3
"""ops/dormouse demo: some minutes of real sandboxes in two projects, so that console and bills have something to show.

They work, sleep and wake, end by a call and by their time; one is refused by a limit, and the machine of one is killed, which is
ours and is credited. It ends by itself, ends all that it made, also where it is broken off, and says what that was.

    demo.py SECONDS        E2B_API_KEY and DM_DEMO_NIGHT_KEY are the keys of the two projects
"""

import json
import os
import sys
import threading
import time
from collections import Counter
from pathlib import Path

for known in ("oracle", ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests/support/py" / known))
# pylint: disable=wrong-import-position
from e2b import Sandbox  # noqa: E402
from e2b.exceptions import SandboxException  # noqa: E402

import deployment  # noqa: E402

DAY = os.environ["E2B_API_KEY"]
NIGHT = os.environ["DM_DEMO_NIGHT_KEY"]
# a period, and the seconds in which its statement is made
PATIENCE_S = 120
LIFE_S = 1800


class Demo:
    """What is going on, and what it has come to."""

    def __init__(self, seconds):
        self.until = time.monotonic() + seconds
        self.over = threading.Event()
        self.lock = threading.Lock()
        self.did = Counter()
        self.alive = {}
        self.troubles = []

    def note(self, what):
        with self.lock:
            self.did[what] += 1

    def sleep(self, seconds):
        """False: it is over."""
        return not self.over.wait(min(seconds, max(0, self.until - time.monotonic()))) and time.monotonic() < self.until

    def create(self, key, **how):
        box = Sandbox.create(api_key=key, timeout=how.pop("timeout", LIFE_S), metadata=how)
        with self.lock:
            self.alive[box.sandbox_id] = box
        self.note("created")
        return box

    def end(self, box):
        box.kill()
        with self.lock:
            self.alive.pop(box.sandbox_id, None)
        self.note("ended by a call")

    # --- what each of them does

    def works(self, key, job):
        """Busy one second of three."""
        box = self.create(key, team="ml", job=job)
        while self.sleep(2):
            box.commands.run("timeout 1 sh -c 'while :; do :; done'; true")
            self.note("commands")
        self.end(box)

    def naps(self, key, user):
        """Sleeps longer than it works, and finds its memory as it was."""
        box = self.create(key, team="web", user=user)
        box.commands.run("mkdir -p /dev/shm/kept && echo 0 > /dev/shm/kept/naps")
        while self.sleep(8):
            box.pause()
            self.note("slept")
            slept = self.sleep(20)
            box = box.connect(timeout=LIFE_S)
            self.note("woken")
            box.commands.run("read n < /dev/shm/kept/naps; echo $((n + 1)) > /dev/shm/kept/naps")
            if not slept:
                break
        self.end(box)

    def comes_and_goes(self, key):
        number = 0
        while self.sleep(5):
            number += 1
            box = self.create(key, team="ml", job=f"rollout-{number}")
            self.sleep(12)
            self.end(box)

    def runs_out(self, key):
        """Nobody extends it."""
        box = self.create(key, team="web", timeout=20)
        self.sleep(30)
        with self.lock:
            self.alive.pop(box.sandbox_id, None)
        self.note("ended by its time")

    def crashes(self, key):
        """Its machine is killed from outside, as a fault of ours would."""
        box = self.create(key, team="ml", job="unlucky")
        self.sleep(25)
        deployment.kill(deployment.vmm_pid(box.sandbox_id))
        with self.lock:
            self.alive.pop(box.sandbox_id, None)
        cause = deployment.cause_of_end(box.sandbox_id)
        if cause != "vmm_crashed":
            raise RuntimeError(f"{box.sandbox_id} ended with the cause {cause}, not vmm_crashed")
        self.note("ended by a crash, and credited")

    def is_refused(self, key):
        """Three may run in that project: a fourth is told so."""
        boxes = [self.create(key, shift="night", desk=str(i)) for i in range(3)]
        for _ in range(2):
            try:
                self.end(self.create(key, shift="night", desk="one too many"))
                raise RuntimeError("a fourth sandbox was let in, past the limit of three")
            except SandboxException:
                self.note("refused")
        boxes[0].pause()
        self.note("slept")
        while self.sleep(60):
            pass
        for box in boxes:
            self.end(box)

    # --- all of them

    def guarded(self, act, *args):
        try:
            act(*args)
        except Exception as e:  # pylint: disable=broad-exception-caught # whatever it was, the others go on, and it is told
            with self.lock:
                self.troubles.append(f"{act.__name__}: {type(e).__name__}: {e}")

    def run(self):
        acts = [(self.works, DAY, "train-1"), (self.works, DAY, "train-2"), (self.naps, DAY, "ada"), (self.naps, DAY, "grace"),
                (self.comes_and_goes, DAY), (self.runs_out, DAY), (self.crashes, DAY), (self.is_refused, NIGHT)]
        threads = [threading.Thread(target=self.guarded, args=act, daemon=True) for act in acts]
        try:
            for thread in threads:
                thread.start()
            for thread in threads:
                while thread.is_alive():
                    thread.join(1)
        finally:
            self.over.set()
            for box in list(self.alive.values()):
                self.guarded(self.end, box)


def statements():
    """Newest first; those of one page are more than a demo makes."""
    status, answer = deployment.api("/v1/statements?limit=100")
    return answer["rows"] if status == 200 else []


def closed(ended):
    """Waits for the statement of the second in which all was over; what has come until then."""
    until = time.time() + PATIENCE_S
    while time.time() < until:
        rows = statements()
        newest = rows[0]["periodEnd"] if rows else ""
        if newest >= ended:
            return rows
        time.sleep(1)
    return statements()


def main():
    seconds = int(sys.argv[1])
    first = statements()
    known = first[0]["number"] if first else 0
    demo = Demo(seconds)
    print(f"Real sandboxes in two projects for {seconds} s; look at {deployment.API}/console/ meanwhile.", flush=True)
    demo.run()
    ended = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
    period = int(os.environ["DM_PERIOD_S"])
    print("\nIt has made:")
    for what, times in demo.did.items():
        print(f"  {times:6}  {what}")
    if period <= 60:
        print("\nThe last period closes ...", flush=True)
        rows = [row for row in closed(ended) if row["number"] > known]
        for row in reversed(rows):
            print(f"  statement {row['number']}: {row['periodStart'][11:19]} to {row['periodEnd'][11:19]}, "
                  f"ran {row['runningSeconds']} s, slept {row['hibernatedSeconds']} s, {row['currency']} {row['total']}")
    else:
        print(f"\nA statement of it is there when its period of {period} s has ended.")
    print(f"\nLook at {deployment.API}/console/: life, usage, statements, what was refused, and Verify.")
    if demo.troubles:
        print(json.dumps(demo.troubles, indent=1), file=sys.stderr)
    return 1 if demo.troubles else 0


if __name__ == "__main__":
    sys.exit(main())
