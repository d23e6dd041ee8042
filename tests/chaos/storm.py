"""The pulled plug: clients at work, everything killed at any moment, and what must be true afterwards.

    storm.py RECORD SECONDS

Prints `ok NAME` or `not ok NAME: why` for each thing that is proven; keeps the record in the folder given."""

import json
import os
import random
import sys
import threading
import time
from pathlib import Path

import client
import deployment
import judge
import stream
import wire
from e2b import Sandbox
from killer import Killer
from results import Results, need

RECORD, STORY_S = Path(sys.argv[1]), int(sys.argv[2])
SEED = int(os.environ.get("DM_CHAOS_SEED") or random.SystemRandom().randrange(10**6))
CLIENTS = int(os.environ.get("DM_CHAOS_CLIENTS") or 4)
FS = os.environ.get("DM_CHAOS_FS")
PERIOD_S = int(os.environ["DM_PERIOD_S"])
SETTLED_S = 330     # what nobody finished is swept (120 s), what nobody knows of has its timeout
RESULTS = Results("chaos")


def story(calls):
    """Clients and killer, until the time is up; returns the killer's own record."""
    stop = threading.Event()
    clients = [client.Client(n, SEED, calls, stop) for n in range(CLIENTS)]
    killer = Killer(SEED, stop, Path(FS) if FS else None)
    for c in clients:
        c.start()
    with RESULTS.proof("story"):
        killer.run(time.time() + STORY_S)
    stop.set()
    with RESULTS.proof("back"):
        need(not killer.late, "; ".join(killer.late))
        killer.back("pg", "kafka", "api", "meter", "worker", "front", "door")
        need(not killer.late, "; ".join(killer.late))
    with RESULTS.proof("clients"):
        for c in clients:
            c.join(client.LOOK_S + 4 * client.CALL_S)
            need(not c.is_alive(), f"{c.name} still waits")
            need(c.broken is None, f"{c.name}: {c.broken}")
    with RESULTS.proof("kill"):
        left = [(c, h) for c in clients for h in c.held if h.state != "gone"]
        need(all([c.kill(h) for c, h in left]), "a sandbox could not be killed")
    return killer


def healthy():
    """After the storm it is as before: a sandbox runs, sleeps, wakes and ends."""
    with RESULTS.proof("healthy"):
        box = Sandbox.create(timeout=client.TIMEOUT_S)
        need(box.commands.run("echo $((6 * 7)) | tee /dev/shm/x", timeout=20).stdout.strip() == "42", "a command's output")
        box.pause()
        box.connect(timeout=client.TIMEOUT_S)
        need(box.commands.run("cat /dev/shm/x", timeout=20).stdout.strip() == "42", "its memory")
        need(box.kill(), "it was not there")
        need(not box.is_running(), "it answers after its end")


def unsettled():
    return deployment.sql("SELECT state, count(*) FROM dm.sandbox WHERE state <> 'ended' GROUP BY 1")


def nothing_left():
    """Worker, database and the kernel agree that nothing is there but a full pool."""
    with RESULTS.proof("settled"):
        deployment.wait_for("every sandbox to have ended", SETTLED_S, lambda: deployment.useful("pg") and not unsettled())
    pool = int(os.environ["DM_POOL"])
    spares = pool + 1  # and a bare one for whoever wakes
    with RESULTS.proof("pool"):
        deployment.wait_for("the pool", 240, lambda: deployment.worker_state().get("pool_settled")
                            and len(deployment.vmms()) == spares)
    with RESULTS.proof("nothing_left"):
        state = deployment.worker_state()
        for name, want in (("running", 0), ("asleep", 0), ("refusing", False), ("pooled", pool)):
            need(state[name] == want, f"the worker says {name} {state[name]}")
        folders = {int(p.name) for p in (deployment.DATA / "worker/vms").iterdir()}
        machines = {slot for slot, _ in deployment.vmms()}
        need(folders == machines, f"folders of slots {sorted(folders)}, machines in {sorted(machines)}")
        need(state["free_slots"] == 250 - spares, f"{state['free_slots']} slots are free")
        for folder in (deployment.DATA / "run/live", deployment.DATA / "worker/sleepers"):
            need(not list(folder.iterdir()), f"{folder} holds {[p.name for p in folder.iterdir()][:5]}")


def closed():
    """Every period up to the last call is closed, none was left out."""
    last = int(time.time() // PERIOD_S) * PERIOD_S
    with RESULTS.proof("closed"):
        def done():
            rows = deployment.sql("SELECT count(*) FROM dm.period WHERE closed_at IS NOT NULL"
                                  f" AND period_start = to_timestamp({last})")
            return rows == [["1"]]
        deployment.wait_for("the last period to be closed", PERIOD_S + 120, done)
        gaps = deployment.sql(
            "SELECT extract(epoch FROM period_start)::bigint FROM dm.period WHERE closed_at IS NULL"
            f" AND period_start < to_timestamp({last})")
        need(not gaps, f"periods that are not closed: {gaps}")
        starts = [int(row[0]) for row in deployment.sql(
            "SELECT extract(epoch FROM period_start)::bigint FROM dm.period ORDER BY 1")]
        need(starts == list(range(starts[0], starts[-1] + 1, PERIOD_S)), f"periods are missing between {starts}")


def rows():
    out = []
    for row in deployment.sql("SELECT encode(sandbox_id, 'hex'), state, coalesce(cause, ''), epoch, extract(epoch FROM ended_at),"
                              " coalesce(detail, '') FROM dm.sandbox"):
        out.append({"sandbox": wire.sandbox_name(bytes.fromhex(row[0])), "state": row[1], "cause": row[2], "epoch": int(row[3]),
                    "ended_at": float(row[4]) if row[4] else None, "detail": row[5]})
    return out


def keep(calls, killer):
    """The whole record, from which everything is proven, today or later."""
    told = calls.of()
    failed = told.pop("", [])
    stream.save(stream.read(deployment.broker()), RECORD / "stream.jsonl")
    with open(RECORD / "statements.json", "w", encoding="utf-8") as f:
        json.dump(deployment.statements(), f, indent=1)
    with open(RECORD / "record.json", "w", encoding="utf-8") as f:
        json.dump({"seed": SEED, "period_s": PERIOD_S, "timeout_s": client.TIMEOUT_S, "kills": killer.blows, "sandboxes": told,
                   "failed": failed, "rows": rows(), "keys": deployment.keys()}, f, indent=1)


def figures(calls, killer):
    tally, went, slowest = {}, {}, {}
    for blow in killer.blows:
        tally[blow["service"]] = tally.get(blow["service"], 0) + 1
    for row in calls.rows:
        good, all_of = went.get(row["what"], (0, 0))
        went[row["what"]] = (good + row["ok"], all_of + 1)
        slowest[row["what"]] = max(slowest.get(row["what"], 0), row["done"] - row["sent"])
    print("  blows: " + ", ".join(f"{name} {n}" for name, n in sorted(tally.items())))
    print("  calls that went well: " + ", ".join(f"{what} {good} of {n} (slowest {slowest[what]:.1f} s)"
                                                 for what, (good, n) in sorted(went.items())))


def main():
    print(f"seed {SEED}, {STORY_S} s, {CLIENTS} clients")
    watchdog = threading.Timer(STORY_S + 1500, lambda: (print("not ok chaos: it took too long"), os._exit(1)))
    watchdog.daemon = True
    watchdog.start()
    with RESULTS.proof("warm"):
        deployment.wait_for("the pool", 240, lambda: deployment.worker_state().get("pool_ready"))
    calls = client.Calls()
    killer = story(calls)
    figures(calls, killer)
    healthy()
    nothing_left()
    closed()
    kept = False
    with RESULTS.proof("record"):
        keep(calls, killer)
        kept = True
    if kept:
        for name, bad in judge.all_of(RECORD):
            RESULTS.say(name, bad)
    sys.stdout.flush()
    os._exit(1 if RESULTS.failed else 0)  # a client that still waits must not hold us up


main()
