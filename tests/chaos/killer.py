"""Who pulls the plugs, in a seeded order: SIGKILL to anything at any moment, and what else a bad day brings. Each of what is
killed comes back by its supervisor; the next blow falls when all of it is of use again, or while it is not."""

import os
import random
import signal
import subprocess
import time
from pathlib import Path

import deployment
import journal

DAEMONS = ("meter", "worker", "kafka", "api", "pg", "front", "door")
BACK_S = 90
# One hand of blows; it is shuffled and dealt again for as long as the story lasts.
DECK = DAEMONS + ("worker", "api", "vmm", "vmm", "warm", "again", "again", "pair", "pair", "torn", "torn", "full", "frozen")


class Killer:
    def __init__(self, seed, stop, fs):
        """fs: the folder of the worker's own small file system, to be filled; None: there is none."""
        self.chance, self.stop, self.fs = random.Random(f"{seed}/killer"), stop, fs
        self.blows, self.hand, self.late = [], [], []

    def run(self, until):
        while time.time() < until and not self.stop.is_set():
            self.stop.wait(self.chance.uniform(1, 6))
            if not self.hand:
                self.hand = list(DECK)
                self.chance.shuffle(self.hand)
            kind = self.hand.pop()
            at = time.time()
            words = getattr(self, "blow_" + kind)() if hasattr(self, "blow_" + kind) else self.one(kind)
            print(f"  {time.strftime('%H:%M:%S', time.gmtime(at))} {kind}: {words}, {time.time() - at:.1f} s")

    def note(self, kind, at=None, **more):
        self.blows.append({"service": kind, "at": at or time.time(), **more})

    # --- what is shared by all

    def strike(self, service):
        before = deployment.pid(service)
        if before is None:  # it is on its way up: that is a moment too, but there is nothing to kill
            return None
        at = time.time()
        try:
            deployment.kill(before)
        except ProcessLookupError:
            return None
        self.note(service, at)
        return before

    def back(self, *services):
        """All of these are of use again: within a bound, or it is said to be late, which fails the run."""
        end = time.time() + BACK_S
        for service in services:
            while not deployment.useful(service):
                if time.time() > end:
                    self.late.append(f"{service} was not of use again within {BACK_S} s")
                    return "LATE"
                time.sleep(0.2)
        return "all back"

    def respawned(self, service, before):
        deployment.wait_for(f"{service} to be started again", 30, lambda: deployment.pid(service) not in (None, before))

    # --- the blows

    def one(self, service):
        self.strike(service)
        return self.back(service)

    def blow_pair(self):
        pair = self.chance.sample(DAEMONS, 2)
        for service in pair:
            self.strike(service)
        return f"{' and '.join(pair)}, {self.back(*pair)}"

    def blow_again(self):
        """Killed once more while it starts: before it has read what it left, or right after."""
        service, times = self.chance.choice(DAEMONS), self.chance.choice((1, 1, 2))
        for _ in range(times + 1):
            before = self.strike(service)
            self.respawned(service, before)
            time.sleep(self.chance.choice((0, 0.02, 0.1, 0.3, 1)) * self.chance.random())
        return f"{service} {times + 1} times, {self.back(service)}"

    def blow_vmm(self):
        live = sorted((deployment.DATA / "run/live").iterdir())
        if not live:
            return "no sandbox runs"
        sandbox = self.chance.choice(live).name.split(".")[0]
        try:
            number = deployment.vmm_pid(sandbox)
            at = time.time()
            deployment.kill(number)
        except (OSError, ValueError, LookupError):
            return "it went by itself"
        self.note("vmm", at, sandbox=sandbox)
        return sandbox

    def blow_warm(self):
        """One that nobody has, as far as one can see: it may be handed out in this very moment."""
        taken = {slot for slot, _ in deployment.live_slots()}
        warm = [(slot, number) for slot, number in deployment.vmms() if slot not in taken]
        if not warm:
            return "no machine is warm"
        slot, number = self.chance.choice(warm)
        at = time.time()
        try:
            deployment.kill(number)
        except OSError:
            return "it went by itself"
        self.note("warm", at, slot=slot)
        return f"slot {slot}"

    def blow_torn(self):
        """The worker dies in the middle of a write. `cut` needs a frame that nobody has seen: the broker stands still."""
        how = self.chance.choice(("half", "garbled", "cut"))
        sv = deployment.DATA / "sv/worker"
        broker = deployment.pid("kafka") if how == "cut" else None
        if how == "cut" and broker is None:
            how = "half"
        if broker is not None:
            os.kill(broker, signal.SIGSTOP)
        try:
            if broker is not None:
                time.sleep(3)
            subprocess.run(["sv", "once", str(sv)], check=True, capture_output=True, timeout=20)
            before = self.strike("worker")
            deployment.wait_for("the worker to be gone", 20, lambda: not Path(f"/proc/{before}").is_dir() if before else True)
            words = journal.tear(journal.newest(deployment.DATA / "worker/journal"), how, self.chance)
        finally:
            subprocess.run(["sv", "up", str(sv)], check=True, capture_output=True, timeout=20)
            if broker is not None:
                os.kill(broker, signal.SIGCONT)
        self.note("torn", how=how)
        return f"{words}, {self.back('worker', 'kafka')}"

    def blow_full(self):
        """No room for evidence or images for a while; in the middle of it somebody may die."""
        if self.fs is None:
            return "there is no file system to fill"
        filler, seconds = self.fs / "filler", self.chance.uniform(6, 18)
        room = os.statvfs(self.fs)
        self.note("full")
        with open(filler, "wb") as f:
            size = room.f_bavail * room.f_frsize
            while size >= 4096:  # all of it, to the last block
                try:
                    os.posix_fallocate(f.fileno(), os.fstat(f.fileno()).st_size, size)
                except OSError:
                    size //= 2
        dies = self.chance.choice((None, "worker", "meter", "api"))
        try:
            time.sleep(seconds / 2)
            if dies is not None:
                self.strike(dies)
            time.sleep(seconds / 2)
        finally:
            filler.unlink()
        return f"for {seconds:.0f} s, {dies or 'nobody'} died, {self.back('worker', 'meter', 'api')}"

    def blow_frozen(self):
        """The broker stands still for 20 s, and others die meanwhile."""
        broker = deployment.pid("kafka")
        if broker is None:
            return "the broker is away"
        self.note("frozen")
        os.kill(broker, signal.SIGSTOP)
        end = time.time() + 20
        try:
            while time.time() < end - 4:
                time.sleep(self.chance.uniform(2, 5))
                self.strike(self.chance.choice(("worker", "meter", "api")))
        finally:
            time.sleep(max(0.0, end - time.time()))
            os.kill(broker, signal.SIGCONT)
        return self.back("kafka", "worker", "meter", "api")
