"""Kills at chosen moments within calls, and what must be true 5 s after everything is back.

    moments.py KILLS

A call here is one request without any repetition: what it answered, or that it did not, is what its owner was told."""

import http.client
import json
import os
import random
import sys
import threading
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

import deployment
import wire
from results import Results, need

KILLS = int(sys.argv[1])
SEED = int(os.environ.get("DM_CHAOS_SEED") or random.SystemRandom().randrange(10**6))
CHANCE = random.Random(f"{SEED}/moments")
RESULTS = Results("moments")
API, KEY = urlsplit(os.environ["E2B_API_URL"]), os.environ["E2B_API_KEY"]
PERIOD_S = int(os.environ["DM_PERIOD_S"])
CALL_S = 90         # until then a call has its answer, or none
TRUE_S = 5          # after the return of all, every sandbox is what its owner was told
TIMEOUT_S = 900     # of a sandbox: none ends by itself, but where that is what is tried
ACTS = ("create", "create", "pause", "connect", "kill", "timeout")
VICTIMS = (("api",), ("api",), ("worker",), ("worker",), ("front",), ("api", "worker"), ("api", "front"), ("api", "worker", "front"))


@dataclass
class Told:
    """status 0: nobody answered."""
    status: int
    body: object = None


def call(method, path, body=None):
    conn = http.client.HTTPConnection(API.hostname, API.port, timeout=CALL_S)
    try:
        conn.request(method, path, json.dumps(body) if body is not None else None, {"X-API-KEY": KEY, "Content-Type": "application/json"})
        answer = conn.getresponse()
        text = answer.read()
        try:
            return Told(answer.status, json.loads(text) if text else None)
        except ValueError:
            return Told(answer.status)
    except (OSError, http.client.HTTPException):
        return Told(0)
    finally:
        conn.close()


def tried(method, path, body=None, ok=(200, 201, 204), seconds=60):
    """A call with repetitions, for what is only made ready here."""
    end = time.time() + seconds
    while True:
        told = call(method, path, body)
        if told.status in ok or time.time() > end:
            return told
        time.sleep(0.3)


# --- what is true


def rows():
    return {wire.sandbox_name(bytes.fromhex(r[0])): (r[1], r[2]) for r in deployment.sql(
        "SELECT encode(sandbox_id, 'hex'), state, coalesce(metadata->>'mark', '') FROM dm.sandbox")}


def live():
    """Those that the worker's door lets in."""
    return {p.name.split(".")[0] for p in (deployment.DATA / "run/live").iterdir()}


MOVING = ("starting", "pausing", "resuming", "ending")


class World:
    """What the owner was told of each sandbox, and so what each may be now."""

    def __init__(self):
        self.may = {}       # sandbox -> the states it may be in
        self.unknown = []   # marks of creates that gave nothing to anybody
        self.said = set()   # sandboxes of which it was said already that they are not as they were told

    def given(self, sandbox):
        self.may[sandbox] = {"running"}

    def wrong(self):
        """Everything that is not as it was told, in words."""
        out, all_rows, alive = [], rows(), live()
        for sandbox, (state, mark) in sorted(all_rows.items()):
            if sandbox in self.said:
                continue
            if state in MOVING:
                out.append(f"{sandbox} is {state}")
                continue
            if (state == "running") != (sandbox in alive):
                out.append(f"{sandbox} is {state}, and its worker {'lets' if sandbox in alive else 'does not let'} requests in")
            may = self.may.get(sandbox)
            if may is not None and state not in may:
                out.append(f"{sandbox} is {state}, its owner was told {' or '.join(sorted(may))}")
            elif may is None and mark not in self.unknown:
                out.append(f"{sandbox} is {state}, and nobody asked for it")
        out += [f"{sandbox} is not there" for sandbox in self.may if sandbox not in all_rows]
        return out


# --- the acts: each makes ready, gives the call, and says what its answer means


def create(world):
    """A create that bears a mark of its own: whatever it makes is nobody's until its answer has come."""
    mark = f"{SEED}-{CHANCE.randrange(10**9)}"
    world.unknown.append(mark)

    def means(told):
        if told.status == 201:
            world.unknown.remove(mark)
            world.given(told.body["sandboxID"])
    return (lambda: call("POST", "/v2/sandboxes", {"templateID": "base", "timeout": TIMEOUT_S, "metadata": {"mark": mark}})), means


def running(world):
    end = time.time() + 30
    while True:
        fire, means = create(world)
        told = fire()
        means(told)
        if told.status == 201:
            return told.body["sandboxID"]
        need(time.time() < end, f"a sandbox to try it on: {told}")
        time.sleep(0.3)


def asleep(world):
    sandbox = running(world)
    told = tried("POST", f"/sandboxes/{sandbox}/pause", {}, ok=(204, 409))
    need(told.status == 204, f"a sleeper to try it on: {told}")
    world.may[sandbox] = {"paused"}
    return sandbox


def act_create(world):
    return create(world)


def act_pause(world):
    sandbox = running(world)

    def means(told):
        # 409 says that it sleeps; what was not answered, or not done, may be either: but no third thing
        world.may[sandbox] = {"paused"} if told.status in (204, 409) else {"running", "paused"}
    return (lambda: call("POST", f"/sandboxes/{sandbox}/pause", {})), means


def act_connect(world):
    sandbox = asleep(world)

    def means(told):
        world.may[sandbox] = {"running"} if told.status in (200, 201) else {"running", "paused"}
        need(told.status != 404, f"{sandbox}: a connect was told that it is not there")
    return (lambda: call("POST", f"/sandboxes/{sandbox}/connect", {"timeout": TIMEOUT_S})), means


def act_kill(world):
    sandbox = running(world) if CHANCE.random() < 0.5 else asleep(world)
    was = next(iter(world.may[sandbox]))

    def means(told):
        world.may[sandbox] = {"ended"} if told.status in (204, 404) else {"ended", was}
    return (lambda: call("DELETE", f"/sandboxes/{sandbox}")), means


def act_timeout(world):
    """Its time is up while somebody dies; nobody calls."""
    sandbox = running(world)
    told = tried("POST", f"/sandboxes/{sandbox}/timeout", {"timeout": 2})
    need(told.status == 204, f"a deadline to try it on: {told}")
    world.may[sandbox] = {"ended"}
    end = time.time() + 2 - 0.03
    return (lambda: (time.sleep(max(0.0, end - time.time())), Told(204))[1]), lambda told: None


# --- a moment


def back():
    for service in ("pg", "kafka", "api", "worker", "front", "door"):
        deployment.wait_for(f"{service} to be of use again", 60, lambda s=service: deployment.useful(s))


def moment(world, number):
    act, victims = CHANCE.choice(ACTS), CHANCE.choice(VICTIMS)
    delay = CHANCE.uniform(0.002, 0.060)
    what = f"{number}: {' and '.join(victims)} {delay * 1000:.0f} ms within a {act}"
    back()
    fire, means = globals()["act_" + act](world)
    told = []
    asker = threading.Thread(target=lambda: told.append(fire()))
    asker.start()
    time.sleep(delay + (1.97 if act == "timeout" else 0))
    for victim in victims:
        pid = deployment.pid(victim)
        if pid is not None:
            deployment.kill(pid)
    back()
    returned = time.time()
    asker.join(CALL_S + 30)
    need(told, f"{what}: the call never came back")
    means(told[0])
    answered = time.time()
    wrong = world.wrong()
    while wrong and time.time() < max(returned, answered) + TRUE_S:
        time.sleep(0.2)
        wrong = world.wrong()
    print(f"  {what}: {told[0].status or 'no answer'}, {'true' if not wrong else 'NOT TRUE'} after {time.time() - returned:.1f} s")
    world.said |= {line.split()[0] for line in wrong}
    return [f"{what} ({told[0].status or 'no answer'}): {line}" for line in wrong]


def usable(world):
    """What may be awake or asleep is either: a connect finds it, a kill ends it."""
    for sandbox, may in sorted(world.may.items()):
        if may == {"ended"}:
            continue
        if "paused" in may and "ended" not in may:
            told = tried("POST", f"/sandboxes/{sandbox}/connect", {"timeout": TIMEOUT_S}, ok=(200, 201, 404))
            need(told.status in (200, 201), f"{sandbox}: connect says {told}")
        told = tried("DELETE", f"/sandboxes/{sandbox}", ok=(204, 404))
        need(told.status in (204, 404), f"{sandbox}: kill says {told}")
        world.may[sandbox] = {"ended"}


def unbilled(world):
    """After the last period has closed: who was never given a sandbox has no second of it on his bill."""
    last = int(time.time() // PERIOD_S) * PERIOD_S
    deployment.wait_for("the last period to be closed", PERIOD_S + 180, lambda: deployment.sql(
        f"SELECT 1 FROM dm.period WHERE closed_at IS NOT NULL AND period_start = to_timestamp({last})"))
    billed = {wire.sandbox_name(bytes.fromhex(r[0])): int(r[1]) for r in deployment.sql(
        "SELECT encode(sandbox_id, 'hex'), sum(bit_count(run_bits) + bit_count(hib_bits)) FROM dm.usage_period GROUP BY 1")}
    never = [s for s, (_, mark) in rows().items() if mark in world.unknown]
    print(f"  {len(never)} sandboxes were made and never given to anybody, {len(billed)} have seconds")
    for sandbox in never:
        need(not billed.get(sandbox), f"{sandbox} was never given to anybody, and {billed.get(sandbox)} s of it are billed")
    given = [s for s in world.may if s not in billed]
    need(not given, f"given and not billed at all: {given}")


def settled(world):
    """What nobody was given is gone by itself."""
    deployment.wait_for("all that nobody was given to end", 90, lambda: not [
        1 for s, (state, mark) in rows().items() if mark in world.unknown and state != "ended"])
    world.said.clear()
    need(not world.wrong(), str(world.wrong()))


def main():
    print(f"seed {SEED}, {KILLS} kills")
    world, wrong = World(), []
    with RESULTS.proof("warm"):
        deployment.wait_for("the pool", 240, lambda: deployment.worker_state().get("pool_ready"))
    with RESULTS.proof("came_through"):
        for number in range(1, KILLS + 1):
            wrong += moment(world, number)
    RESULTS.say("told", wrong)
    with RESULTS.proof("usable"):
        usable(world)
    with RESULTS.proof("settled"):
        settled(world)
    with RESULTS.proof("unbilled"):
        unbilled(world)
    sys.stdout.flush()
    os._exit(1 if RESULTS.failed else 0)


main()
