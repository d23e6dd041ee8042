"""The customers: threads that create, use, pause, wake and kill sandboxes with the real SDK, in a seeded order, while all is
killed around them. Each call is written down: when it was sent, when it answered, and what.

A client here retries as a sensible one would: a refused or broken call is tried again after a moment, a few times; where it
may have been carried out all the same, the client first looks how the sandbox is."""

import random
import threading
import time
from dataclasses import dataclass

from e2b import Sandbox

TIMEOUT_S = 90      # of a sandbox: what nobody knows of ends by itself
CALL_S = 30         # of a request
HELD_MAX = 2        # sandboxes a client has at once
LOOK_S = 120        # how long a client asks what became of a sandbox, while nobody answers


class Calls:
    """What all clients did, in the order in which the calls came back."""

    def __init__(self):
        self._lock, self.rows = threading.Lock(), []

    def add(self, **row):
        with self._lock:
            self.rows.append(row)

    def of(self):
        """sandbox -> its calls by the time they were sent; those that were told no sandbox are under ""."""
        out = {}
        with self._lock:
            for row in sorted(self.rows, key=lambda r: r["sent"]):
                out.setdefault(row["sandbox"], []).append(row)
        return out


@dataclass
class Held:
    sandbox: object
    mark: str
    state: str = "running"      # running, asleep, gone: as its client believes
    marked: bool = False        # the mark is in its memory
    extended: float = 0.0


class Client(threading.Thread):
    def __init__(self, number, seed, calls, stop):
        super().__init__(name=f"client-{number}", daemon=True)
        self.number, self.calls, self.stop = number, calls, stop
        self.chance = random.Random(f"{seed}/client/{number}")
        self.held, self.made, self.broken = [], 0, None

    def run(self):
        try:
            while not self.stop.is_set():
                self.step()
                self.held = [h for h in self.held if h.state != "gone"]
                self.stop.wait(self.chance.uniform(0.1, 1.2))
        except Exception as e:  # pylint: disable=broad-except
            self.broken = f"{type(e).__name__}: {e}"
            raise

    def step(self):
        chance = self.chance.random()
        if not self.held or (len(self.held) < HELD_MAX and chance < 0.25):
            self.create()
            return
        h = self.chance.choice(self.held)
        if h.state == "asleep":
            self.asleep(h, self.chance.random())
        else:
            self.running(h, self.chance.random())

    def running(self, h, chance):
        if time.time() - h.extended > TIMEOUT_S / 2:
            self.extend(h)
        elif chance < 0.5:
            self.command(h)
        elif chance < 0.7:
            self.files(h)
        elif chance < 0.88:
            self.pause(h)
        else:
            self.kill(h)

    def asleep(self, h, chance):
        if chance < 0.3:
            self.stop.wait(self.chance.uniform(1, 6))
        elif chance < 0.85:
            self.connect(h)
        else:
            self.kill(h)

    # --- calls

    def call(self, what, sandbox, fn):
        """(whether it went well, what it gave or why not)."""
        sent = time.time()
        try:
            value = fn()
        except Exception as e:  # pylint: disable=broad-except
            words = f"{type(e).__name__}: {e}"[:300]
            self.calls.add(client=self.number, sandbox=sandbox, what=what, sent=sent, done=time.time(), ok=False, said=words)
            return False, words
        said = value if isinstance(value, (str, bool)) else ""
        self.calls.add(client=self.number, sandbox=getattr(value, "sandbox_id", sandbox), what=what, sent=sent, done=time.time(),
                       ok=True, said=said)
        return True, value

    def tries(self, times):
        """A few, with a moment between them."""
        for i in range(times):
            if i > 0:
                time.sleep(self.chance.uniform(0.5, 2))
            yield i

    def create(self):
        self.made += 1
        mark = f"{self.number}-{self.made}-{self.chance.randrange(10**9)}"
        ok, value = self.call("create", "", lambda: Sandbox.create(timeout=TIMEOUT_S, request_timeout=CALL_S, metadata={"mark": mark}))
        if ok:
            self.held.append(Held(value, mark, extended=time.time()))
            self.command(self.held[-1])

    def command(self, h):
        """Its memory is its own, whatever happened: the mark written at the beginning is still there."""
        write = f"echo {h.mark} >/dev/shm/mark; " if not h.marked else ""
        for _ in self.tries(4):
            ok, out = self.call("command", h.sandbox.sandbox_id, lambda: h.sandbox.commands.run(
                write + "cat /dev/shm/mark", timeout=20, request_timeout=CALL_S).stdout.strip())
            if ok and out != h.mark:
                self.calls.add(client=self.number, sandbox=h.sandbox.sandbox_id, what="amnesia", sent=time.time(),
                               done=time.time(), ok=False, said=f"its memory says {out!r}, not {h.mark!r}")
            if ok:
                h.marked = True
                return
            if self.stop.is_set():
                break
        self.look(h)

    def files(self, h):
        text = str(self.chance.randrange(10**12))

        def write_and_read():
            h.sandbox.files.write("/home/user/note", text, request_timeout=CALL_S)
            got = h.sandbox.files.read("/home/user/note", request_timeout=CALL_S)
            if got != text:
                raise ValueError(f"the file says {got!r}, {text!r} was written")
            return ""
        for _ in self.tries(3):
            if self.call("files", h.sandbox.sandbox_id, write_and_read)[0]:
                return
        self.look(h)

    def extend(self, h):
        h.extended = time.time()
        if not self.call("extend", h.sandbox.sandbox_id, lambda: h.sandbox.set_timeout(TIMEOUT_S, request_timeout=CALL_S))[0]:
            self.look(h)

    def pause(self, h):
        for _ in self.tries(3):
            if self.call("pause", h.sandbox.sandbox_id, lambda: h.sandbox.pause(request_timeout=CALL_S))[0]:
                h.state = "asleep"
                return
            if self.look(h) != "running":
                return

    def connect(self, h):
        for _ in self.tries(4):
            h.extended = time.time()
            if self.call("connect", h.sandbox.sandbox_id, lambda: h.sandbox.connect(timeout=TIMEOUT_S, request_timeout=CALL_S))[0]:
                h.state = "running"
                self.command(h)
                return
            if self.look(h) == "gone":
                return

    def kill(self, h):
        """Until it is said to be done."""
        end = time.time() + LOOK_S
        while time.time() < end:
            ok, _ = self.call("kill", h.sandbox.sandbox_id, lambda: h.sandbox.kill(request_timeout=CALL_S))
            if ok:
                h.state = "gone"
                return True
            time.sleep(self.chance.uniform(0.5, 2))
        return False

    def look(self, h):
        """What became of it: running, asleep or gone, as far as anybody says; else as it was believed to be."""
        end = time.time() + LOOK_S
        while time.time() < end:
            ok, said = self.call("look", h.sandbox.sandbox_id, lambda: str(
                h.sandbox.get_info(request_timeout=CALL_S).state.value))
            if ok:
                h.state = "asleep" if said == "paused" else "running"
                return h.state
            if "NotFound" in said:
                h.state = "gone"
                return h.state
            time.sleep(self.chance.uniform(0.5, 2))
        return h.state
