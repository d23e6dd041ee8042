"""The client's side of the line: what it does and when, what it kills, and what it then finds on its bill.

Prints `ok NAME` or `not ok NAME: why` for each thing that is proven. What the client did is kept beside the stream and
the statements, in the folder given."""

import json
import os
import random
import sys
import threading
import time
import traceback
from pathlib import Path

import deployment
import proofs
import stream
from e2b import Sandbox
from results import Results, need

PERIOD_S = int(os.environ["DM_PERIOD_S"])
RUN_S, SLEEP_S, AGAIN_S = 37, 41, 20
RECORD = Path(sys.argv[1])
SEED = int(os.environ.get("DM_LINE_SEED") or random.SystemRandom().randrange(10**6))
CHANCE = random.Random(SEED)

RESULTS = Results("line")
say, proof = RESULTS.say, RESULTS.proof
WRITTEN = {"period_s": PERIOD_S, "seed": SEED, "sandboxes": {}}


class Watched:
    """A sandbox, and the times between which each of its transitions was made."""

    def __init__(self, name):
        self.name, self.events, self.sandbox = name, [], None

    def timed(self, what, call):
        sent = time.time()
        result = call()
        self.events.append({"what": what, "sent": sent, "done": time.time()})
        print(f"  {self.name}: {what} took {self.events[-1]['done'] - sent:.2f} s")
        return result

    def create(self):
        self.sandbox = self.timed("create", lambda: Sandbox.create(timeout=600))
        WRITTEN["sandboxes"][self.sandbox.sandbox_id] = self.events
        return self.sandbox

    def run(self, command):
        return self.sandbox.commands.run(command, timeout=20).stdout.strip()


def sleep_until(moment):
    time.sleep(max(0.0, moment - time.time()))


# --- what is killed -----------------------------------------------------------------------------------------------


def killed(service):
    """kill -9, and the supervisor brings it back; returns once it is of use again."""
    before = deployment.pid(service)
    at = time.time()
    deployment.kill(before)
    WRITTEN.setdefault("kills", []).append({"service": service, "at": at})
    deployment.wait_for(f"{service} to come back", 90, lambda: deployment.pid(service) not in (None, before))
    deployment.wait_for(f"{service} to be of use", 90, lambda: deployment.useful(service))
    print(f"  {service} was killed and of use again after {time.time() - at:.1f} s")


# --- the story -----------------------------------------------------------------------------------------------------


def host_facts():
    return os.uname().release, Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def guest_facts(watched):
    return tuple(watched.run("uname -r; cat /proc/sys/kernel/random/boot_id").split())


def first_steps(a):
    with proof("client"):
        text = "line one\nline zwei \u00e4\n"
        need(a.run("echo $((6 * 7))") == "42", "a command's output")
        a.sandbox.files.write("/home/user/note.txt", text)
        need(a.sandbox.files.read("/home/user/note.txt") == text, "what was read is not what was written")
        need(a.run("cat /home/user/note.txt") == text.strip(), "a command reads another file")
    with proof("machine"):
        release, boot = host_facts()
        guest_release, guest_boot = guest_facts(a)
        print(f"  guest {guest_release} {guest_boot}, host {release} {boot}")
        need(guest_release != release and guest_boot != boot, "the guest's kernel is the host's")
        return guest_boot
    return None


def active(a, started):
    """Runs until the pause is due, with the meter and the worker killed on the way, while no call is open."""
    moments = [("meter", started + CHANCE.uniform(6, 11)), ("worker", started + CHANCE.uniform(15, 22))]
    for service, moment in moments:
        while time.time() < moment - 2:
            a.run("head -c 100000 /dev/urandom | sha256sum")
            time.sleep(1)
        sleep_until(moment)
        with proof(f"killed/{service}"):
            machine = deployment.vmm_pid(a.sandbox.sandbox_id)
            killed(service)
            a.run("true")
            need(deployment.vmm_pid(a.sandbox.sandbox_id) == machine, "the sandbox has another machine")
    while time.time() < started + RUN_S - 2:
        a.run("head -c 100000 /dev/urandom | sha256sum")
        time.sleep(1)
    sleep_until(started + RUN_S)


def crash_one():
    """Two more sandboxes; the VMM of one is killed."""
    b, c = Watched("crashed"), Watched("bystander")
    with proof("vmm_crashed"):
        b.create()
        c.create()
        need(b.run("echo b") == "b" and c.run("echo c") == "c", "the two do not run")
        keeps = c.run("cat /proc/sys/kernel/random/boot_id")
        id_of = b.sandbox.sandbox_id
        sent = time.time()
        deployment.kill(deployment.vmm_pid(id_of))
        deployment.wait_for("the sandbox to be gone", 20, lambda: deployment.api(f"/sandboxes/{id_of}")[0] == 404)
        b.events.append({"what": "crash", "sent": sent, "done": time.time()})
        cause = deployment.cause_of_end(id_of)
        need(cause == "vmm_crashed", f"it ended with the cause {cause!r}")
        need(c.run("cat /proc/sys/kernel/random/boot_id") == keeps, "another sandbox was hurt")
        ids = {s["sandboxID"] for s in deployment.api("/v2/sandboxes")[1]}
        need(c.sandbox.sandbox_id in ids and id_of not in ids, "not exactly one sandbox ended")
    if c.sandbox is not None:
        c.timed("kill", c.sandbox.kill)


def asleep(a, slept):
    """What happens while the first one sleeps."""
    crash_one()
    sleep_until(slept + CHANCE.uniform(22, 26))
    with proof("killed/broker"):
        killed("kafka")
    sleep_until(slept + SLEEP_S)
    listed = {s["sandboxID"]: s["state"] for s in deployment.api("/v2/sandboxes")[1]}
    need(listed.get(a.sandbox.sandbox_id) == "paused", f"the sleeper is {listed.get(a.sandbox.sandbox_id)}")


def story():
    a = Watched("sleeper")
    now = time.time()
    start = (now // PERIOD_S) * PERIOD_S + PERIOD_S / 2
    sleep_until(start if start > now else start + PERIOD_S)
    a.create()
    say("create")
    started = a.events[0]["done"]
    boot = first_steps(a)
    a.sandbox.commands.run("sh -c 'n=0; while :; do n=$((n+1)); echo $n >/dev/shm/count; sleep 0.2; done'", background=True)
    active(a, started)
    a.timed("pause", a.sandbox.pause)
    say("pause")
    slept = a.events[-1]["done"]
    asleep(a, slept)
    a.timed("connect", a.sandbox.connect)
    say("wake")
    woke = a.events[-1]["done"]
    with proof("memory"):
        need(guest_facts(a)[1] == boot, "the guest was booted anew")
        one = int(a.run("cat /dev/shm/count"))
        time.sleep(2)
        two = int(a.run("cat /dev/shm/count"))
        need(two > one > 50, f"the process that ran before does not run on: {one}, then {two}")
        need(a.run("head -n 1 /home/user/note.txt") == "line one", "the file is gone")
    while time.time() < woke + AGAIN_S - 2:
        a.run("sync; date +%s")
        time.sleep(1)
    sleep_until(woke + AGAIN_S)
    with proof("kill"):
        a.timed("kill", a.sandbox.kill)
        need(deployment.api(f"/sandboxes/{a.sandbox.sandbox_id}")[0] == 404, "it is still there")
    return a


# --- the bill -------------------------------------------------------------------------------------------------------


def statements_for(events):
    """All statements, once every period that the events touch has one. The last sandbox still ran when its kill was
    sent, so that second's period is the last one that must have something."""
    last = max(event["sent"] for event in events)
    wanted = int(last // PERIOD_S) * PERIOD_S
    deployment.wait_for("the last period's statement", PERIOD_S + 90,
                        lambda: any(start >= wanted for start in deployment.closed_periods()))
    return deployment.statements()


def keep(messages, statements, keys):
    stream.save(messages, RECORD / "stream.jsonl")
    with open(RECORD / "record.json", "w", encoding="utf-8") as f:
        json.dump({**WRITTEN, "keys": keys}, f, indent=1)
    with open(RECORD / "statements.json", "w", encoding="utf-8") as f:
        json.dump(statements, f, indent=1)


def main():
    print(f"seed {SEED}")
    watchdog = threading.Timer(560, lambda: (print("not ok line: it took too long"), os._exit(1)))
    watchdog.daemon = True
    watchdog.start()
    with proof("pool"):
        deployment.wait_for("the pool", 240, lambda: deployment.worker_state().get("pool_ready"))
    try:
        story()
    except Exception as e:  # pylint: disable=broad-except
        traceback.print_exc(file=sys.stdout)
        say("story", f"{type(e).__name__}: {e}")
        sys.exit(1)
    events = [event for events in WRITTEN["sandboxes"].values() for event in events]
    statements = keys = None
    with proof("closed"):
        statements = statements_for(events)
        keys = deployment.keys()
    if statements is not None:
        keep(stream.read(deployment.broker()), statements, keys)
        for name, bad in proofs.all_of(RECORD):
            say(name, bad)
    sys.exit(1 if RESULTS.failed else 0)


main()
