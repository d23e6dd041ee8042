"""A sandbox's life by its routes: statuses, and times to the digit."""

import threading
import time

from check import case, equal, wait_for
from client import api, kill, own, refused, shared

GROUP = "life"


def detail(box):
    answer = api("GET", f"/sandboxes/{box['sandboxID']}")
    equal(answer.status, 200, answer.text)
    return answer.json


def post(box, verb, body=None, version=""):
    return api("POST", f"{version}/sandboxes/{box['sandboxID']}/{verb}", body)


@case(GROUP)
def connect_while_it_runs():
    box = shared()
    equal(post(box, "timeout", {"timeout": 200}).status, 204)
    before = detail(box)
    for version, body in (("", {"timeout": 60}), ("/v2", {"timeout": 60}), ("", {"timeout": 1})):
        answer = post(box, "connect", body, version)
        equal(answer.status, 200, answer.text)
        equal((answer.json["sandboxID"], answer.json["envdAccessToken"]), (box["sandboxID"], box["envdAccessToken"]))
    after = detail(box)
    equal((after["endAt"], after["startedAt"]), (before["endAt"], before["startedAt"]))
    equal(post(box, "connect", None, "/v2").status, 200, "without a body: 300 s")
    assert detail(box)["endAt"] > before["endAt"]
    refused(post(box, "connect", {}), 400)
    refused(post(box, "connect", {"timeout": 0}, "/v2"), 400)


@case(GROUP)
def timeout_and_refresh():
    box = shared()
    equal(post(box, "timeout", {"timeout": 100}).status, 204)
    short = detail(box)["endAt"]
    equal(post(box, "refreshes", {"duration": 10}).status, 204)
    equal(detail(box)["endAt"], short, "a refresh never shortens")
    equal(post(box, "refreshes", {"duration": 240}).status, 204)
    assert detail(box)["endAt"] > short
    for verb, body in (("timeout", {}), ("timeout", {"timeout": -1}), ("timeout", {"timeout": 10_000_000}),
                       ("refreshes", {"duration": 3601}), ("refreshes", {"duration": -1})):
        refused(post(box, verb, body), 400)


@case(GROUP)
def timeout_of_nothing():
    with own() as box:
        equal(post(box, "timeout", {"timeout": 0}).status, 204)
        wait_for("its end", lambda: api("GET", f"/sandboxes/{box['sandboxID']}").status == 404, limit=5)


@case(GROUP, limit=60)
def sleeping():
    with own(metadata={"kept": "yes"}, envVars={"E": "v"}) as box:
        before = detail(box)
        refused(post(box, "resume", {"timeout": 60}), 409)
        equal(post(box, "pause", {}).status, 204)
        asleep = detail(box)
        equal((asleep["state"], asleep["metadata"], asleep["startedAt"]), ("paused", {"kept": "yes"}, before["startedAt"]))
        assert asleep.get("domain") is None
        equal(asleep.get("pauseMode", "full"), "full")
        refused(post(box, "pause"), 409)
        answer = post(box, "connect", {"timeout": 60})
        equal(answer.status, 201, answer.text)
        equal(answer.json["envdAccessToken"], box["envdAccessToken"])
        awake = detail(box)
        equal((awake["state"], awake["templateID"]), ("running", box["templateID"]))
        assert awake["startedAt"] > asleep["startedAt"]
        equal(kill(box).status, 204)
        refused(kill(box), 404)
        refused(post(box, "pause"), 404)


@case(GROUP, limit=60)
def many_pause_at_once():
    with own() as box:
        statuses = []
        threads = [threading.Thread(target=lambda: statuses.append(post(box, "pause", {}).status)) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(40)
        equal((statuses.count(204) >= 1, set(statuses) <= {204, 409}), (True, True), statuses)
        woken = []
        threads = [threading.Thread(target=lambda: woken.append(post(box, "connect", {"timeout": 60}).status)) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(40)
        equal((201 in woken, set(woken) <= {200, 201, 409}), (True, True), woken)
        equal(detail(box)["state"], "running")


@case(GROUP, limit=45)
def metrics_and_logs():
    box = shared()
    name = box["sandboxID"]
    rows = wait_for("the first metric", lambda: api("GET", f"/sandboxes/{name}/metrics").json, limit=35, every=0.5)
    equal(sorted(rows[0]), sorted(["timestamp", "timestampUnix", "cpuCount", "cpuUsedPct", "memUsed", "memTotal", "memCache",
                                   "diskUsed", "diskTotal"]))
    assert abs(rows[-1]["timestampUnix"] - time.time()) < 60 and rows[-1]["timestamp"], rows[-1]
    stamps = [row["timestampUnix"] for row in rows]
    equal(stamps, sorted(stamps))
    equal(api("GET", f"/sandboxes/{name}/metrics?start={stamps[-1] + 1000}").json, [])
    refused(api("GET", f"/sandboxes/{name}/metrics?start=x"), 400)
    equal(api("GET", f"/sandboxes/metrics?sandbox_ids={name}").json["sandboxes"][name]["cpuCount"], rows[0]["cpuCount"])
    logs = api("GET", f"/sandboxes/{name}/logs")
    equal((logs.status, sorted(logs.json)), (200, ["logEntries", "logs"]))
    logs = api("GET", f"/v2/sandboxes/{name}/logs?limit=10&direction=forward")
    equal((logs.status, sorted(logs.json)), (200, ["logs"]))
