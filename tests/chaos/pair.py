"""What two replicas that live agree on: a limit of what runs, to the sandbox; a rate, nearly; a revoked key, within a second."""

import http.client
import json
import threading
import time
from collections import Counter

import deployment
import local
import replicas
from results import need

LIMIT, AT_ONCE, ROUNDS = 7, 60, 3
KEYS, REVOKED_S = 100, 1.0
RATE, RATE_S = 40, 4    # requests a second; for so long


def ask(replica, method, path, key=None, body=None, token=None, timeout=60):
    """(status, headers, body) of one replica; 0: nobody answered."""
    headers = {"Content-Type": "application/json", **({"X-API-KEY": key} if key else {}), **({"X-Admin-Token": token} if token else {})}
    connection = local.Connection(replica.socket, timeout)
    try:
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        text = answer.read()
        return answer.status, answer.headers, json.loads(text) if text else None
    except (OSError, http.client.HTTPException):
        return 0, {}, None
    finally:
        connection.close()


def project(slug, **limits):
    """A project of its own account, with limits; its key."""
    account = replicas.admin("account-add", "--name", slug, "--country", "CN", "--currency", "CNY", "--tier", "payg")["DORMOUSE_ACCOUNT"]
    replicas.admin("project-add", "--account", account, "--slug", slug)
    for name, value in limits.items():
        replicas.admin("limit-set", "--project", slug, "--name", name, "--value", str(value))
    return replicas.admin("key-add", "--project", slug)["E2B_API_KEY"]


def at_once(number, what):
    """what(i), of all at the same time."""
    out, gate = [None] * number, threading.Barrier(number)

    def one(i):
        gate.wait()
        out[i] = what(i)
    threads = [threading.Thread(target=one, args=(i,)) for i in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return out


def limit(everything):
    key = project("pair-limit", running_max=LIMIT)
    for _ in range(ROUNDS):
        said = at_once(AT_ONCE, lambda i: ask(everything.all[i % 2], "POST", "/v2/sandboxes", key, {"templateID": "base", "timeout": 3600}))
        need(Counter(status for status, _, _ in said) == {201: LIMIT, 429: AT_ONCE - LIMIT}, Counter(status for status, _, _ in said))
        for status, headers, body in said:
            if status == 429:
                told = (body["denial"]["rule"], body["denial"]["limit"], headers.get("Should-Retry"), headers.get("Retry-After"))
                need(told == ("project.running_max", LIMIT, "false", None), told)
        (charged,) = deployment.sql("SELECT q.running FROM dm.quota_use q JOIN dm.project USING (project_no) WHERE slug = 'pair-limit'")
        need(charged == [str(LIMIT)], f"charged: {charged}")
        boxes = [body["sandboxID"] for status, _, body in said if status == 201]
        held = everything.held()
        need(all(held[box][1] for box in boxes), "one of them does not run")
        need(all(ask(everything.all[0], "DELETE", f"/sandboxes/{box}", key)[0] == 204 for box in boxes), "one of them is not killed")


def revoked(everything):
    here, there = everything.all
    (team,) = deployment.sql("SELECT id FROM dm.project WHERE slug = 'pair-limit'")[0]
    took = []
    for _ in range(KEYS):
        status, _, made = ask(here, "POST", f"/admin/teams/{team}/api-keys", body={"name": "pair"}, token=everything.token)
        need(status == 201, f"a key: {status} {made}")
        need(ask(there, "GET", "/v2/sandboxes", made["key"])[0] == 200, "a new key is not good at the other replica")
        need(ask(here, "DELETE", f"/admin/teams/{team}/api-keys/{made['id']}", token=everything.token)[0] == 204, "not revoked")
        since = time.monotonic()
        while ask(there, "GET", "/v2/sandboxes", made["key"])[0] != 401:
            need(time.monotonic() - since < 10, "the other replica takes it for 10 s")
            time.sleep(0.002)
        took.append(time.monotonic() - since)
    took.sort()
    print(f"  a key revoked at one replica is refused at the other after {took[len(took) // 2] * 1000:.1f} ms, {took[-1] * 1000:.1f} ms at most")
    need(took[-1] < REVOKED_S, f"{sum(t >= REVOKED_S for t in took)} of {KEYS} took a second or more")


def rate(everything):
    """Both are asked for more than there is: what is let through is the limit, and what was saved up, not twice that."""
    key = project("pair-rate", request_rate=RATE)
    let, refused, end = Counter(), [], time.monotonic() + RATE_S

    def flood(i):
        while time.monotonic() < end:
            status, headers, _ = ask(everything.all[i % 2], "GET", "/v2/sandboxes", key)
            let[status] += 1
            if status == 429:
                refused.append((headers.get("Retry-After"), headers.get("RateLimit-Remaining")))
    began = time.monotonic()
    at_once(8, flood)
    seconds = time.monotonic() - began
    most = RATE * seconds + 2 * RATE
    print(f"  of a rate of {RATE} a second {let[200]} in {seconds:.1f} s over two replicas, {most:.0f} at most; {let[429]} refused")
    need(set(let) <= {200, 429}, let)
    need(let[200] <= most + 2, "more than the limit")
    need(let[200] >= RATE * RATE_S, "less than the limit, though more was asked for")
    need(set(refused) == {("1", "0")}, set(refused))


def agree(results, everything):
    for name, proof in (("limit", limit), ("revoked", revoked), ("rate", rate)):
        with results.proof(name):
            proof(everything)
