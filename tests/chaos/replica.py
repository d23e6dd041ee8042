"""A replica of the API is killed within a thousand creates; what must be true when all has come to rest.

    replica.py SEED...      FIRST..LAST is all of them; pair: what two that live agree on (pair.py)

A call is one request without any repetition: what it answered, or that it did not, is what its owner was told. What has a
key is sent again until it is answered."""

import http.client
import json
import os
import queue
import random
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

import deployment
import pair
import replicas
import wire
from results import Results

CREATES = int(os.environ.get("DM_CHAOS_CREATES", "1000"))
PROJECTS = {f"chaos-{i}": f"Chaos {i // 2}" for i in range(8)}  # two of each account
CLIENTS = 64
CALL_S = 90         # until then a call has its answer, or none
REST_S = 30         # after the return of the replica, until nothing is on its way
DELAY_MS = 4        # twice: what the worker takes for a start
CLAIM_S = 15        # what nobody claims ends after this
AGAIN_S = 60        # how long a key is sent again
MOVING = ("starting", "pausing", "resuming", "ending")
OVER = ("ended", "")
RESULTS = Results("replica")


@dataclass
class Told:
    """What one owner knows of one create."""
    mark: str
    slug: str
    key: str                    # of idempotency; "": none
    after: str                  # what he does with it
    sandbox: str = ""           # he was given it
    refused: list = field(default_factory=list)     # statuses of creates; 0: nobody answered
    may: tuple = ()             # what it may be now
    wrong: str = ""


class Client:
    """A connection that stays open, as the SDKs have it."""

    def __init__(self):
        self.conn = None

    def call(self, key, method, path, body=None, idempotency=""):
        """(status, body); 0: nobody answered."""
        headers = {"X-API-KEY": key, "Content-Type": "application/json"}
        if idempotency:
            headers["Idempotency-Key"] = idempotency
        try:
            if self.conn is None:
                self.conn = http.client.HTTPConnection("127.0.0.1", deployment.BASE, timeout=CALL_S)
            self.conn.request(method, path, None if body is None else json.dumps(body), headers)
            answer = self.conn.getresponse()
            text = answer.read()
            return answer.status, json.loads(text) if text else None
        except (OSError, http.client.HTTPException, ValueError):
            if self.conn is not None:
                self.conn.close()
            self.conn = None
            return 0, None


class Run:
    """One seed."""

    def __init__(self, seed, all_replicas, keys):
        self.chance = random.Random(f"{seed}/replica")
        self.seed, self.replicas, self.keys = seed, all_replicas, keys
        self.plan = [self.told(i) for i in range(CREATES)]
        self.victim = self.replicas.all[self.chance.randrange(2)]
        self.at = self.chance.randrange(CREATES // 20, CREATES * 19 // 20)
        self.late_s, self.away_s = self.chance.random() * 0.02, self.chance.random()
        self.answered, self.lock = 0, threading.Lock()
        self.due = threading.Event()

    def told(self, i):
        mark = f"{self.seed}-{i}"
        return Told(mark, self.chance.choice(sorted(self.keys)), f"key-{mark}" if self.chance.random() < 0.5 else "",
                    self.chance.choice(("", "", "", "pause", "connect", "kill")))

    # --- what the owners do

    def create(self, client, told):
        status, body = client.call(self.keys[told.slug], "POST", "/v2/sandboxes",
                                   {"templateID": "base", "timeout": 3600, "metadata": {"mark": told.mark}}, told.key)
        if status == 201:
            if told.sandbox not in ("", body["sandboxID"]):
                told.wrong = f"{told.mark}: its key gave {told.sandbox} and then {body['sandboxID']}"
            told.sandbox = body["sandboxID"]
        else:
            told.refused.append(status)
        return status

    def again(self, client, told):
        """With a key: until it is answered, and once more, for then it is the same."""
        end = time.time() + AGAIN_S
        while self.create(client, told) != 201:
            if time.time() > end:
                told.wrong = f"{told.mark}: its key is answered {told.refused[-1]} for {AGAIN_S} s"
                return
            time.sleep(0.2)

    def act(self, client, told):
        key, path = self.keys[told.slug], f"/sandboxes/{told.sandbox}"
        told.may = ("running",)
        if told.after in ("pause", "connect"):
            status, _ = client.call(key, "POST", f"{path}/pause")
            told.may = {204: ("paused",), 404: ()}.get(status, ("running", "paused"))
        if told.after == "connect" and told.may == ("paused",):
            status, _ = client.call(key, "POST", f"{path}/connect", {"timeout": 3600})
            told.may = ("running",) if status in (200, 201) else ("running", "paused")
        if told.after == "kill":
            status, _ = client.call(key, "DELETE", path)
            told.may = OVER if status in (204, 404) else ("running", *OVER)
        if told.may == ():
            told.wrong = f"{told.mark}: {told.sandbox} was given, and is not found when it is to sleep"

    def owner(self, work):
        client = Client()
        while True:
            try:
                told = work.get_nowait()
            except queue.Empty:
                return
            status = self.create(client, told)
            with self.lock:
                self.answered += 1
                if self.answered == self.at:
                    self.due.set()
            if status != 201 and told.key:
                self.again(client, told)
            if told.sandbox:
                self.act(client, told)

    def killer(self):
        if self.due.wait(300):
            time.sleep(self.late_s)
            self.victim.kill()
            time.sleep(self.away_s)
            self.victim.start()

    def go(self):
        work = queue.Queue()
        for told in self.plan:
            work.put(told)
        threads = [threading.Thread(target=self.owner, args=(work,)) for _ in range(CLIENTS)]
        killer = threading.Thread(target=self.killer)
        for thread in (killer, *threads):
            thread.start()
        for thread in (*threads, killer):
            thread.join()
        deployment.wait_for("the replica to be back", replicas.READY_S, self.victim.ready)

    # --- what is true then

    def settle(self):
        """Nothing is on its way, and the worker holds what the rows say and knows what was given."""
        end = time.time() + REST_S
        while True:
            world = World(self.replicas)
            wrong = world.moving() + world.unlike() + self.unheard(world)
            if not wrong or time.time() > end:
                return world, wrong
            time.sleep(0.2)

    def told_true(self, world):
        out = [told.wrong for told in self.plan if told.wrong]
        for told in self.plan:
            rows = world.marks.get(told.mark, [])
            whole = [row for row in rows if row.state != "ended"]
            mine = [row for row in rows if row.sandbox == told.sandbox]
            if len(whole) > 1:
                out.append(f"{told.mark}: {len(whole)} sandboxes of one create")
            if told.sandbox and (mine[0].state if mine else "") not in told.may:
                out.append(f"{told.mark}: {told.sandbox} is {mine[0].state if mine else 'nowhere'} ({mine[0].cause if mine else ''}), "
                           f"its owner was told {told.may}")
            out += [f"{told.mark}: {row.sandbox} was taken back as {row.cause}" for row in rows
                    if row.sandbox != told.sandbox and row.state == "ended" and row.cause != "start_failed"]
        return out

    def unheard(self, world):
        """What its worker would soon end as nobody's."""
        return [f"{told.mark}: {told.sandbox} was given, and its worker has not heard so" for told in self.plan
                if told.sandbox in world.held and not world.held[told.sandbox][2]]

    def keys_again(self):
        """Every key once more: the same sandbox, whatever became of it; and nothing new."""
        client, out = Client(), []
        for told in self.plan:
            if told.key and told.sandbox and self.create(client, told) not in (201, 404):
                out.append(f"{told.mark}: its key is answered {told.refused[-1]} at last")
        return out + [told.wrong for told in self.plan if told.wrong]

    def words(self, world):
        unanswered = [told for told in self.plan if not told.sandbox]
        whole = sum(any(row.state == "running" for row in world.marks.get(told.mark, [])) for told in unanswered)
        nobodys = sum(not claimed for _, runs, claimed in world.held.values() if runs)
        statuses = Counter(status for told in self.plan for status in told.refused)
        return (f"seed {self.seed}: replica {self.victim.number} killed after {self.at} answers, away {self.away_s:.2f} s; "
                f"{len(unanswered)} creates unanswered, {whole} of them whole, {nobodys} nobody's yet; refused {dict(statuses)}")


@dataclass
class Row:
    sandbox: str
    slug: str
    state: str
    epoch: int
    cause: str
    vcpus: int
    mem_mib: int
    image_mib: int


class World:
    """What the database and the worker say at one moment; they are asked one after the other."""

    def __init__(self, all_replicas):
        self.held = all_replicas.held()
        self.rows, self.marks = [], {}
        for sandbox, slug, state, cause, mark, *numbers in deployment.sql(
                "SELECT encode(s.sandbox_id, 'hex'), p.slug, s.state, coalesce(s.cause, ''), coalesce(s.metadata->>'mark', ''), "
                "s.epoch, c.vcpus, c.mem_mib, coalesce(s.image_mib, 0) "
                "FROM dm.sandbox s JOIN dm.project p USING (project_no) JOIN dm.spec c USING (spec_table, spec)"):
            epoch, vcpus, mem_mib, image_mib = map(int, numbers)
            row = Row(wire.sandbox_name(bytes.fromhex(sandbox)), slug, state, epoch, cause, vcpus, mem_mib, image_mib)
            self.rows.append(row)
            self.marks.setdefault(mark, []).append(row)
        self.charged = deployment.sql(
            "SELECT a.legal_name, coalesce(p.slug, ''), q.running, q.vcpus, q.mem_mib, q.asleep_mib FROM dm.quota_use q "
            "JOIN dm.account a USING (account_no) LEFT JOIN dm.project p ON p.project_no = q.project_no")

    def moving(self):
        return [f"{row.sandbox} is {row.state}" for row in self.rows if row.state in MOVING]

    def unlike(self):
        """Rows and charges against what the worker holds."""
        out, holds = [], dict(self.held)
        use = {}
        for row in self.rows:
            epoch, runs, _ = holds.pop(row.sandbox, (0, False, False))
            asleep = epoch > 0 and not runs
            # a wake that never reached its worker has raised the row's epoch all the same
            if (row.state == "running") != runs or (row.state == "paused") != asleep or (runs and epoch != row.epoch) or epoch > row.epoch:
                out.append(f"{row.sandbox} is {row.state} in epoch {row.epoch}, its worker says {(epoch, runs)}")
            runs, asleep = int(row.state == "running"), row.image_mib if row.state == "paused" else 0
            for whose, own in ((row.slug, asleep), (PROJECTS.get(row.slug), 0)):
                size = (runs, runs * row.vcpus, runs * row.mem_mib, own)
                use[whose] = tuple(map(sum, zip(use.get(whose, (0, 0, 0, 0)), size)))
        out += [f"{sandbox} is held, and nobody has a row of it" for sandbox in holds]
        for account, slug, *numbers in self.charged:
            charged, lives = tuple(map(int, numbers)), use.get(slug or account, (0, 0, 0, 0))
            if charged != lives:
                out.append(f"{account} {slug}: charged for (running, vCPUs, MiB, MiB asleep) {charged}, and {lives} is what there is")
        return out


def seeds(words):
    for word in words:
        first, _, last = word.partition("..")
        yield from range(int(first), int(last or first) + 1)


def one(seed, everything, keys):
    run = Run(seed, everything, keys)
    run.go()
    world, wrong = run.settle()
    print(f"  {run.words(world)}")
    RESULTS.say(f"{seed}", wrong + run.told_true(world) + run.keys_again())


def unclaimed(everything):
    """What was given to nobody is over when its time is."""
    def over():
        return not [1 for _, runs, claimed in everything.held().values() if runs and not claimed]
    deployment.wait_for("what is nobody's to end", CLAIM_S + 10, over)


def main():
    everything = replicas.Replicas(DELAY_MS, CLAIM_S)
    try:
        with RESULTS.proof("up"):
            keys = everything.up(PROJECTS)
        if not RESULTS.failed:
            if "pair" in sys.argv[1:]:
                pair.agree(RESULTS, everything)
            for seed in seeds(word for word in sys.argv[1:] if word != "pair"):
                one(seed, everything, keys)
            with RESULTS.proof("nobodys"):
                unclaimed(everything)
                deployment.wait_for("rows and charges to be what the worker holds", REST_S, lambda: not World(everything).unlike())
    finally:
        if not os.environ.get("DM_CHAOS_KEEP"):
            with RESULTS.proof("down"):
                everything.down()
    return 1 if RESULTS.failed else 0


sys.exit(main())
