"""From inside a sandbox, as root: what is run is billed, whatever is answered; and what is said pushes nobody's words out."""

import os
import subprocess
import threading
import time
from pathlib import Path

import deployment
import stream
import wire
from attacker import LONG, as_root, call, sandbox, side
from results import need

RESULTS = side("inside")
FROZEN_S = 60 if LONG else 32
LINES = 31000
SAID_MAX = 40        # of one sandbox in a minute: a burst and what comes after it

# The agent is process 1, which takes no SIGSTOP from its own: it is moved into a control group that stands still. Then a
# program computes as fast as it can.
FREEZE = """
mkdir -p /tmp/cg
mount -t cgroup2 none /tmp/cg && mkdir /tmp/cg/still || exit
cat > /tmp/freeze.sh <<'END'
sleep 2
echo 1 > /tmp/cg/still/cgroup.procs
echo 1 > /tmp/cg/still/cgroup.freeze
while :; do :; done
END
setsid nohup sh /tmp/freeze.sh >/dev/null 2>&1 </dev/null &
echo begun
"""

# Whoever unbinds the driver takes the port from the agent; bound again, it is whoever's that opens it first.
FORGE = """
cat > /tmp/forge.py <<'END'
import glob, os, time
driver = "/sys/bus/virtio/drivers/virtio_console"
device = os.path.basename(glob.glob(driver + "/virtio*")[0])
def tell(name):
    with open(driver + name, "w") as f:
        f.write(device)
tell("/unbind")
tell("/bind")
names = []
while not names:
    time.sleep(0.01)
    names = [p for p in glob.glob("/sys/class/virtio-ports/*/name") if open(p).read().strip() == "dormouse.agent"]
numbers = open(os.path.dirname(names[0]) + "/dev").read().split(":")
os.mknod("/tmp/port", 0o600 | 0o020000, os.makedev(*map(int, numbers)))
port = os.open("/tmp/port", os.O_RDWR)
line = b'{"event":"log","level":"error","message":"forged by a tenant"}\\n'
open("/tmp/forging", "w").close()
for n in range(LINES):
    os.write(port, line)
    if n % 1000 == 0:
        open("/tmp/forged", "w").write(str(n))
open("/tmp/forged", "w").write(str(LINES))
END
setsid nohup python3 /tmp/forge.py >/tmp/forge.log 2>&1 </dev/null &
for i in $(seq 100); do [ -e /tmp/forging ] && break; sleep 0.1; done
cat /tmp/forge.log
ls /tmp/forging
""".replace("LINES", str(LINES))


def log_of(service, pattern="@*"):
    """All that is kept of it."""
    folder = deployment.DATA / "log" / service
    return "".join(p.read_text(errors="replace") for p in sorted(folder.glob(pattern)) + [folder / "current"])


def cpu_s(number):
    fields = Path(f"/proc/{number}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def tap_is_up(slot):
    prefix = next(line.split("=")[1].strip() for line in (deployment.DATA / "etc/worker.conf").read_text().splitlines()
                  if line.startswith("slot_prefix"))
    shown = subprocess.run(["ip", "-n", f"dm-{prefix}-{slot}", "-br", "link", "show", "tap0"], capture_output=True, text=True, check=False)
    return "UP" in shown.stdout.split("<")[-1]


class Watch(threading.Thread):
    """Machines that nobody may reach, some times a second: their processor time, and whether their taps are up."""

    def __init__(self):
        super().__init__(daemon=True)
        self.seen, self.ended = {}, threading.Event()   # pid -> [(time, processor time, tap is up)]

    def run(self):
        while not self.ended.wait(0.2):
            live = {slot for slot, _ in deployment.live_slots()}
            for slot, number in deployment.vmms():
                try:
                    if slot not in live:
                        # a slot is reset when its machine is gone: what the tap was counts if the machine lives after
                        now, up = time.time(), tap_is_up(slot)
                        self.seen.setdefault(number, []).append((now, cpu_s(number), up))
                except OSError:
                    continue

    def woken(self, begun, done):
        """Of that wake: the processor time of its machine, and its taps' states since it was cut off; the machine is the one
        that computed most."""
        out = (0.0, [])
        for rows in self.seen.values():
            rows = [row for row in rows if begun <= row[0] <= done]
            used = rows[-1][1] - rows[0][1] if rows else 0
            if used > out[0]:
                ups = [row[2] for row in rows]
                out = (used, ups[ups.index(False):] if False in ups else ups)
        return out


def seconds_run(box, since):
    """Seconds in which Kafka's frames say that it ran."""
    out = set()
    for data in stream.values(stream.read(deployment.broker()), "dm.usage.v1"):
        frame = wire.read_frame(data)
        if frame.second >= since:
            out |= {frame.second for s in frame.samples if s.sandbox == box and s.state == wire.RUN}
    return out


def frozen():
    box = sandbox()
    need("begun" in as_root(box, FREEZE), "the agent could not be frozen")
    time.sleep(4)
    told = call("POST", f"/sandboxes/{box.sandbox_id}/pause", {})
    need(told.status == 204, f"a frozen one does not sleep: {told.status}")
    return box.sandbox_id


def wake_for_a_minute(box):
    """[(status, Retry-After, begun, done)] of each try; who is told to wait does."""
    told, end = [], time.time() + FROZEN_S
    while time.time() < end:
        begun = time.time()
        answer = call("POST", f"/v2/sandboxes/{box}/connect", {"timeout": 300}, timeout=50)
        told.append((answer.status, int(answer.headers["Retry-After"] or 0) if answer.headers else 0, begun, time.time()))
        if answer.status == 429:
            time.sleep(min(told[-1][1], max(0.1, end - time.time())))
    return told


def unbilled(box):
    watch, since = Watch(), int(time.time())
    watch.start()
    told = wake_for_a_minute(box)
    watch.ended.set()
    watch.join()
    deployment.wait_for("the last frame", 20, lambda: deployment.worker_state()["last_second"] > told[-1][3])
    time.sleep(2)
    ran, wakes = len(seconds_run(box, since)), [watch.woken(t[2], t[3]) for t in told if t[0] == 504]
    used, answers = sum(w[0] for w in wakes), [t[:2] for t in told]
    print(f"  {answers}: {used:.1f} s of processor time, {ran} s framed as running")
    need(all(status in (429, 504) for status, _ in answers), f"answers {answers}")
    need([status for status, _ in answers[:3]] == [504, 504, 429], f"two wakes, and then a wait: {answers}")
    waits = [after for status, after in answers if status == 429]
    need(len(waits) >= 2 and waits == sorted(waits) and waits[-1] >= 1.5 * waits[0], f"waits do not grow: {waits}")
    need(used > 1, f"it computed for {used:.1f} s alone: nothing was tried")
    need(ran >= used, f"{used:.1f} s of processor time, {ran} s billed")
    need(all(len(w[1]) >= 5 and True not in w[1] for w in wakes), f"a tap was up before the agent answered: {[w[1] for w in wakes]}")
    rows = deployment.sql(f"SELECT state, cause FROM dm.sandbox WHERE sandbox_id = '\\x{wire.sandbox_bytes(box).hex()}'")
    need(rows == [["paused", "wake_unanswered"]], f"its row says {rows}")


def flooded(loud, quiet, marker):
    words, guests = log_of("worker"), log_of("guests", "current.1")
    need(not [line for line in words.splitlines() if loud.sandbox_id in line and "forged" in line], "guests' words in the worker's log")
    need(marker in words, "the worker's log has lost older lines")
    here = [line for line in guests.splitlines() if loud.sandbox_id in line]
    need(any("forged by a tenant" in line for line in here), "nothing was forged")
    need(sum("forged" in line for line in here) <= SAID_MAX * 4, f"{len(here)} lines of one sandbox")
    need(any("agent_said_more" in line for line in here), "what was left out is not counted")
    begun = time.time()
    need(quiet.commands.run("echo here").stdout == "here\n", "another's sandbox does not answer")
    need(time.time() - begun < 5, f"another's command took {time.time() - begun:.1f} s")


def planted():
    """A token and an environment, of one that runs and one that sleeps, are in no file of the journal's folder."""
    folder, secrets, ids = deployment.DATA / "worker/journal", [f"sk-planted-{os.urandom(8).hex()}".encode()], []
    for sleeps in (False, True):
        told = call("POST", "/v2/sandboxes", {"templateID": "base", "timeout": 300, "envVars": {"PLANTED_KEY": secrets[0].decode()}})
        need(told.status == 201, f"a create gets {told.status}")
        ids.append(told.body["sandboxID"])
        secrets.append(told.body["envdAccessToken"].encode())
        if sleeps:
            need(call("POST", f"/sandboxes/{ids[-1]}/pause", {}).status == 204, "it does not sleep")
    written = b"".join(p.read_bytes() for p in folder.iterdir())
    need(all(i.encode() in written for i in ids), "the journal has no record of them")
    need(not [s for s in secrets if s in written], "a secret lies in the journal in clear")
    deployment.kill(deployment.pid("worker"))
    deployment.wait_for("the worker", 30, lambda: deployment.useful("worker"))
    told = call("POST", f"/v2/sandboxes/{ids[1]}/connect", {"timeout": 300})
    need(told.status == 201, f"after a crash the sleeper's connect gets {told.status}")
    written = b"".join(p.read_bytes() for p in folder.iterdir())
    need(not [s for s in secrets if s in written], "a secret lies in the journal after a crash")
    for i in ids:
        call("DELETE", f"/sandboxes/{i}")


def main():
    with RESULTS.proof("planted_secret"):
        planted()
    box = frozen()
    loud, quiet = sandbox(), sandbox()
    with RESULTS.proof("agent_channel_taken"):
        need("/tmp/forging" in as_root(loud, FORGE), "the channel could not be taken")
    with RESULTS.proof("no_unbilled_compute"):
        unbilled(box)
    with RESULTS.proof("forged_lines"):
        print(f"  {as_root(loud, 'cat /tmp/forged')} lines written")
        loud.kill()     # what was left out is counted at its end, if not before
        flooded(loud, quiet, quiet.sandbox_id)
    quiet.kill()
    call("DELETE", f"/sandboxes/{box}")
    raise SystemExit(1 if RESULTS.failed else 0)


main()
