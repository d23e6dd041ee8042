"""From inside and with a key: what one account does to make another wait. Two sandboxes whose agents say nothing any
more, one that sleeps so, and requests about them, whose clients stay or do not; meanwhile another account creates and
kills, and must not notice. It fails by a factor that no noise of a machine makes: the hole was 400-fold."""

import os
import socket
import statistics
import subprocess
import threading
import time

from attacker import API, call, side
from deployment import BASE, DATA, wait_for
from e2b import Sandbox
from results import need

RESULTS = side("stall")
SLUG = f"attacker-{os.getpid()}"
MUTE, TRIES, PAUSE_S, TRY_S = 2, 12, 0.4, 45
# As root: whatever the agent is traced by stops it, and it says nothing until it is let go, which is never.
FREEZE = """
import ctypes, os, time
time.sleep(1)
libc = ctypes.CDLL(None, use_errno=True)
for task in os.listdir('/proc/1/task'):
    libc.ptrace(0x4206, int(task), None, None)
    libc.ptrace(0x4207, int(task), None, None)
time.sleep(100000)
"""


def admin(*words):
    """What dormouse-admin answers, by name."""
    db = f"host={DATA}/run/pg port={BASE + 432} dbname=dormouse user=dm_ops"
    program = f"{os.environ.get('DM_BUILD') or DATA / 'build'}/bin/dormouse-admin"
    done = subprocess.run([program, "--who", "attack", "--db", db, *words], capture_output=True, text=True, timeout=30,
                          check=True)
    return dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)


def another_account():
    account = admin("account-add", "--name", SLUG, "--country", "CN", "--currency", "CNY", "--tier", "payg")["DORMOUSE_ACCOUNT"]
    admin("project-add", "--account", account, "--slug", SLUG)
    admin("limit-set", "--project", SLUG, "--name", "running_max", "--value", str(MUTE + 1))
    return admin("key-add", "--project", SLUG, "--name", "attack")["E2B_API_KEY"]


def mute(key):
    """A sandbox whose agent is frozen by its own root."""
    box = Sandbox.create(timeout=600, api_key=key)
    box.files.write("/tmp/freeze.py", FREEZE)
    box.commands.run("setsid python3 /tmp/freeze.py >/dev/null 2>&1 </dev/null & exit 0", user="root", timeout=30)

    def silent():
        try:
            box.commands.run("true", timeout=2, request_timeout=3)
            return False
        except Exception:  # pylint: disable=broad-except
            return True
    wait_for("an agent to fall silent", 30, silent)
    return box.sandbox_id


class Attack:
    """Requests at full tilt: (how many at once, how long their clients stay, method, path, body)."""

    def __init__(self, key, requests):
        self.key, self.over, self.sent = key, threading.Event(), 0
        self.threads = [threading.Thread(target=self.run, args=request[1:], daemon=True)
                        for request in requests for _ in range(request[0])]

    def run(self, stay_s, method, path, body):
        head = (f"{method} {path} HTTP/1.1\r\nHost: {API.hostname}\r\nX-API-KEY: {self.key}\r\n"
                f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}").encode()
        while not self.over.is_set():
            try:
                with socket.create_connection((API.hostname, API.port), timeout=5) as s:
                    s.sendall(head)
                    self.sent += 1
                    s.settimeout(0.5)
                    until = time.monotonic() + stay_s
                    while time.monotonic() < until and not self.over.is_set() and not answered(s):
                        pass
            except OSError:
                pass
            self.over.wait(0.2)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        self.over.wait(3)
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join()


def answered(s):
    """Whether there is an answer, within half a second."""
    try:
        return s.recv(4096) != b"never"
    except TimeoutError:
        return False


def life():
    """Seconds that a create took, and its kill; what fails took as long as can be."""
    began = time.monotonic()
    made = call("POST", "/v2/sandboxes", {"templateID": "base", "timeout": 60}, timeout=TRY_S)
    created = time.monotonic()
    if made.status != 201:
        print(f"  a create is answered {made.status} {made.body} after {created - began:.1f} s")
        return TRY_S, TRY_S
    gone = call("DELETE", f"/sandboxes/{made.body['sandboxID']}", timeout=TRY_S)
    if gone.status != 204:
        print(f"  a kill is answered {gone.status} {gone.body}")
        return created - began, TRY_S
    return created - began, time.monotonic() - created


def lives():
    out = []
    for _ in range(TRIES):
        out.append(life())
        if sum(create > 10 for create, _ in out) == 3:
            break  # it is as bad as can be
        time.sleep(PAUSE_S)
    return [sorted(row) for row in zip(*out)]


def compare(name, quiet, loud, floor):
    """A machine's noise is in each single try; the middle one, and the worst but one, say more."""
    pairs = [(statistics.median(quiet), statistics.median(loud)), (quiet[-2], loud[-2])]
    print(f"{name}: quiet {pairs[0][0]:.3f} s, worst but one {pairs[1][0]:.3f}; under attack {pairs[0][1]:.3f} and {pairs[1][1]:.3f}")
    return [f"a {name} of another account took {slow:.3f} s, and {fast:.3f} s before" for fast, slow in pairs
            if slow > 3 * max(fast, floor)]


def main():
    key = another_account()
    boxes = [mute(key) for _ in range(MUTE + 1)]
    asleep = boxes.pop()
    slept = call("POST", f"/sandboxes/{asleep}/pause", {}, key=key, timeout=60)
    life()  # whatever is opened for the first time
    quiet = lives()
    many = ",".join((boxes * 50)[:100])
    timeout, wake = '{"timeout":60}', f"/sandboxes/{asleep}/connect"
    with Attack(key, [(50, 30, "GET", f"/sandboxes/metrics?sandbox_ids={many}", ""),
                      (10, 0.5, "GET", f"/sandboxes/metrics?sandbox_ids={many}", ""),
                      (10, 0.5, "GET", f"/sandboxes/{boxes[0]}/metrics", ""), (8, 0.5, "POST", wake, timeout),
                      (4, 30, "POST", wake, timeout), (8, 0.5, "POST", f"/sandboxes/{boxes[1]}/timeout", timeout),
                      (4, 0.5, "POST", "/v2/sandboxes", '{"templateID":"base"}')]) as attack:
        loud = lives()
        began = time.monotonic()
        shown = call("GET", f"/sandboxes/{boxes[0]}/metrics", key=key)
        took = time.monotonic() - began
    print(f"{attack.sent} requests at full tilt")
    RESULTS.say("mute", None if slept.status == 204 else f"the pause of a mute sandbox is answered {slept.status}")
    RESULTS.say("create", compare("create", quiet[0], loud[0], 0.2))
    RESULTS.say("kill", compare("kill", quiet[1], loud[1], 0.1))
    RESULTS.say("metrics_of_the_mute", None if shown.status == 200 and shown.body and took < 5 else
                f"they are {shown.status} {shown.body} after {took:.1f} s")
    for box in boxes + [asleep]:
        call("DELETE", f"/sandboxes/{box}", key=key)
    raise SystemExit(1 if RESULTS.failed else 0)


main()
