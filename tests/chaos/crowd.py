"""Many creates at once, and what is left of them when all have been answered.

    crowd.py CREATES"""

import asyncio
import os
import sys
import time

import deployment
import wire
from e2b import AsyncSandbox
from results import Results, need

MANY = int(sys.argv[1])
RESULTS = Results("crowd")
PERIOD_S = int(os.environ["DM_PERIOD_S"])
CLAIM_S = 60        # what nobody claims ends after this
TIMEOUT_S = 900


async def one(number, began):
    try:
        box = await AsyncSandbox.create(timeout=TIMEOUT_S, metadata={"crowd": str(number)})
        return box, time.time() - began, ""
    except Exception as e:  # pylint: disable=broad-except
        return None, time.time() - began, f"{type(e).__name__}: {e}"[:160]


async def crowd():
    began = time.time()
    return await asyncio.gather(*[one(n, began) for n in range(MANY)])


async def end(boxes):
    limit = asyncio.Semaphore(8)

    async def kill(box):
        async with limit:
            await box.kill(request_timeout=120)
    await asyncio.gather(*[kill(box) for box in boxes])


def rows():
    return {wire.sandbox_name(bytes.fromhex(r[0])): r[1] for r in deployment.sql(
        "SELECT encode(sandbox_id, 'hex'), state FROM dm.sandbox")}


def why_ended(sandboxes):
    """{(cause, detail): how many}"""
    out = {}
    for sandbox, cause, detail in deployment.sql(
            "SELECT encode(sandbox_id, 'hex'), coalesce(cause, ''), coalesce(detail, '') FROM dm.sandbox WHERE state = 'ended'"):
        if wire.sandbox_name(bytes.fromhex(sandbox)) in sandboxes:
            out[cause, detail] = out.get((cause, detail), 0) + 1
    return out


def main():
    with RESULTS.proof("warm"):
        deployment.wait_for("the pool", 240, lambda: deployment.worker_state().get("pool_ready"))
    answers = asyncio.run(crowd())
    boxes = [box for box, _, _ in answers if box is not None]
    given = {box.sandbox_id for box in boxes}
    last = max((took for box, took, _ in answers if box is not None), default=0)
    why = {}
    for _, _, words in answers:
        if words:
            why[words] = why.get(words, 0) + 1
    print(f"  {len(boxes)} of {MANY} were served, the last after {last:.1f} s; {len(rows())} sandboxes have a row")
    for words, n in sorted(why.items(), key=lambda item: -item[1])[:8]:
        print(f"  {n} were told {words}")
    with RESULTS.proof("served"):
        need(boxes, "nobody was served")
        need(len(given) == len(boxes), "one sandbox was given twice")
    with RESULTS.proof("nobodys"):
        deployment.wait_for("all that nobody was given to end", CLAIM_S + 60, lambda: not [
            s for s, state in rows().items() if state != "ended" and s not in given])
        lost = [s for s in given if rows().get(s) != "running"]
        print(f"  of those nobody was given: {why_ended(set(rows()) - given)}")
        need(not lost, f"given, and not running: {lost[:5]}, {why_ended(lost)}")
    with RESULTS.proof("ended"):
        asyncio.run(end(boxes))
        deployment.wait_for("all to end", 120, lambda: not [1 for state in rows().values() if state != "ended"])
    with RESULTS.proof("unbilled"):
        start = int(time.time() // PERIOD_S) * PERIOD_S
        deployment.wait_for("the last period to be closed", PERIOD_S + 240, lambda: deployment.sql(
            f"SELECT 1 FROM dm.period WHERE closed_at IS NOT NULL AND period_start = to_timestamp({start})"))
        billed = {wire.sandbox_name(bytes.fromhex(r[0])) for r in deployment.sql(
            "SELECT DISTINCT encode(sandbox_id, 'hex') FROM dm.usage_period")}
        need(billed == given, f"billed and not given: {sorted(billed - given)[:5]}; given and not billed: {sorted(given - billed)[:5]}")
    sys.stdout.flush()
    os._exit(1 if RESULTS.failed else 0)


main()
