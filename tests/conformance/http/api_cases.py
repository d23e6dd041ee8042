"""The control plane: what is said to whom, and what is refused how."""

import os
import re
import uuid

from check import case, equal, skip
from client import KEY, api, create, denial_of, kill, own, refused, shared

GROUP = "api"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
UNKNOWN = "i0123456789abcdefghij"


@case(GROUP)
def health():
    answer = api("GET", "/health", key=None)
    equal((answer.status, answer.text), (200, "Health check successful"))


@case(GROUP)
def keys():
    for key in (None, "", "nonsense", "e2b_", "e2b_xyz", "e2b_" + "0" * 40, KEY[:-1], KEY + "00", KEY.upper()):
        for method, path in (("GET", "/v2/sandboxes"), ("POST", "/v2/sandboxes"), ("DELETE", f"/sandboxes/{UNKNOWN}")):
            refused(api(method, path, key=key, body=b"{}" if method == "POST" else None), 401)


@case(GROUP)
def nowhere():
    for method, path, status in (("GET", "/no/such/route", 404), ("PUT", "/v2/sandboxes", 405), ("GET", "/sandboxes/a/b/c/d", 404)):
        answer = api(method, path)
        assert answer.status in (status, 404), answer.status
        equal((answer.json["code"], "message" in answer.json), (answer.status, True))
    for path in ("/door", "/metrics", "/v1/workers/enrol"):
        equal(api("GET", path).status, 404)


@case(GROUP)
def a_question_with_a_body():
    """Some clients send one with each request; it says nothing, and is no reason to refuse."""
    for path in ("/v2/sandboxes", "/templates", "/v1/keys"):
        for body in (b"{}", b"{", b"x" * 65_536):
            equal(api("GET", path, body).status, 200, path)
    equal(refused(api("GET", "/no/such/route"), 404)["message"], "no such path")


@case(GROUP)
def a_slash_too_many():
    answer = api("GET", "/v2/sandboxes/?limit=1&state=running")
    equal((answer.status, answer.header("Location")), (308, "/v2/sandboxes?limit=1&state=running"))
    equal(api("GET", "/no/such/route/").status, 404)


@case(GROUP)
def a_get_with_a_body():
    for body in (b"{}", b"not json at all"):
        equal(api("GET", "/v2/sandboxes", body).status, 200)


@case(GROUP)
def the_page_of_a_denial():
    for path in ("/door", f"/sandboxes/{UNKNOWN}"):
        denial = denial_of(api("GET", path).json)
        page = api("GET", denial["doc"], key=None)
        equal((page.status, page.header("Content-Type")), (200, "text/markdown; charset=utf-8"))
        assert f"### `{denial['rule']}`" in page.text, denial
    for path in ("/docs/nothing", "/docs/..%2f..%2fapi", "/docs/errors.md", "/docs/"):
        assert api("GET", path, key=None).status in (400, 404), path


@case(GROUP)
def permissive_for_browsers():
    answer = api("GET", "/v2/sandboxes", headers={"Origin": "https://app.test"})
    equal((answer.status, answer.header("Access-Control-Allow-Origin")), (200, "*"))
    answer = api("OPTIONS", "/v2/sandboxes", key=None, headers={
        "Origin": "https://app.test", "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-api-key"})
    assert answer.status in (200, 204), answer.status
    equal(answer.header("Access-Control-Allow-Origin"), "*")


@case(GROUP)
def unknown_sandbox():
    for method, path, body in (
            ("GET", "/sandboxes/{}", None), ("DELETE", "/sandboxes/{}", None), ("POST", "/sandboxes/{}/pause", {}),
            ("POST", "/sandboxes/{}/timeout", {"timeout": 60}), ("POST", "/sandboxes/{}/refreshes", {"duration": 60}),
            ("POST", "/sandboxes/{}/connect", {"timeout": 60}), ("POST", "/v2/sandboxes/{}/connect", {}),
            ("POST", "/sandboxes/{}/resume", {"timeout": 60}), ("GET", "/sandboxes/{}/metrics", None),
            ("GET", "/sandboxes/{}/logs", None), ("GET", "/v2/sandboxes/{}/logs", None)):
        for name in (UNKNOWN, f"{UNKNOWN}-client", "nonexistingsandbox", "non-existing"):
            body_ = refused(api(method, path.format(name), body), 404)
            denial_of(body_)
            equal(body_["message"].endswith("doesn't exist or you don't have access to it"), True, body_["message"])
    for name in ("a-b-c", "UPPER", "i_0"):
        equal(api("GET", f"/sandboxes/{name}").status, 400, name)


@case(GROUP)
def bad_bodies():
    for body in (b"", b"{", b"[]", b"null", b'"text"', b'{"templateID":7}', b'{"timeout":60}', b'{"templateID":"base","timeout":"60"}',
                 b'{"templateID":"base","metadata":{"a":1}}', b'{"templateID":"base","metadata":[]}', b"\xff\xfe",
                 b'{"templateID":"base"}{}', b'{"templateID":' + b"[" * 5000):
        refused(api("POST", "/v2/sandboxes", body), 400)


@case(GROUP)
def a_body_that_is_too_large():
    for path in ("/v2/sandboxes", f"/sandboxes/{UNKNOWN}/connect"):
        for size in ((1 << 20) + 1, 3 << 20):
            answer = api("POST", path, b" " * size)
            denial = denial_of(answer.json)
            equal((answer.status, denial["rule"], denial["limit"]), (413, "request.size", 1 << 20), path)
            equal((answer.header("Retry-After"), answer.header("Access-Control-Allow-Origin")), (None, None))
    refused(api("POST", f"/sandboxes/{UNKNOWN}/connect", b" " * 70_000), 413)
    variables = {f"V{n}": "" for n in range(513)}
    denial = denial_of(refused(api("POST", "/v2/sandboxes", {"templateID": "base", "envVars": variables}), 400))
    equal((denial["rule"], denial["limit"], denial["current"]), ("env.too_large", 512, 513))


@case(GROUP)
def published_keys_page():
    every = api("GET", "/v1/keys?limit=1000", key=None).json
    found, query = [], "?limit=1"
    while query:
        answer = api("GET", f"/v1/keys{query}", key=None).json
        found += answer["rows"]
        equal((answer["total"], answer["total_is_least"]), (every["total"], False))
        query = f"?limit=1&cursor={answer['next']}" if answer["next"] else None
    equal((found, len(found)), (every["rows"], every["total"]))


@case(GROUP)
def timeouts():
    for path, timeout in (("/sandboxes", 0), ("/sandboxes", -5), ("/v2/sandboxes", 0)):
        refused(api("POST", path, {"templateID": "base", "timeout": timeout}), 400)
    denial = denial_of(refused(api("POST", "/v2/sandboxes", {"templateID": "base", "timeout": 10_000_000}), 400))
    equal((denial["current"], denial["retry_after_s"]), (10_000_000, None))
    assert denial["limit"] >= 3600, denial
    # the limit is looked at before the sandbox
    refused(api("POST", f"/sandboxes/{UNKNOWN}/connect", {"timeout": 10_000_000}), 400)


@case(GROUP)
def templates():
    for name in ("no-such-template", "base:no-such-tag", "someone/base-that-is-not"):
        refused(api("POST", "/v2/sandboxes", {"templateID": name}), 404)
    known = api("GET", "/templates/aliases/base")
    equal((known.status, known.json["public"]), (200, True))
    refused(api("GET", "/templates/aliases/no-such-template"), 404)
    listed = [t for t in api("GET", "/templates").json if t["templateID"] == known.json["templateID"]]
    equal((len(listed), listed[0]["envdVersion"], listed[0]["buildStatus"]), (1, "0.6.13", "ready"))


@case(GROUP)
def a_persons_routes_want_his_token():
    for path in ("/teams", "/api-keys"):
        for token in (None, "nonsense", "sk_e2b_" + "0" * 40, KEY):
            refused(api("GET", path, headers={"Authorization": f"Bearer {token}"} if token else {}), 401)


@case(GROUP)
def not_offered_is_refused():
    for method, path in (("GET", "/volumes"), ("POST", "/volumes"), ("GET", "/secrets"), ("DELETE", "/secrets/mine"),
                         
                         ("PUT", f"/sandboxes/{UNKNOWN}/network"), ("POST", "/v3/templates"), ("DELETE", "/templates/base"),
                         ("GET", "/templates/base/tags"), ("GET", "/templates/base/builds/1/status")):
        denial = denial_of(refused(api(method, path, {} if method in ("POST", "PUT") else None), 403))
        assert denial["rule"].endswith(".not_offered"), (path, denial)
    for members in ({"gpuCount": 1}, {"network": {"egressProxy": {"address": "proxy.test:1080"}}}, {"autoPauseMemory": False},
                    {"volumeMounts": [{"name": "v", "path": "/v"}]}, {"autoPause": True, "autoPauseMemory": False}):
        denial_of(refused(api("POST", "/v2/sandboxes", {"templateID": "base", **members}), 400))


@case(GROUP)
def shape_of_create():
    with own(envVars={"A": "b"}, metadata={"k": "v"}, someFieldWeDoNotKnow={"x": [1]}) as box:
        equal(re.fullmatch("i[a-z0-9]{20}", box["sandboxID"]) is not None, True)
        equal((box["envdVersion"], box["alias"], box["trafficAccessToken"]), ("0.6.13", "base", None))
        assert box["domain"], "a client would name the sandbox in E2B's cloud"
        if "E2B_DOMAIN" in os.environ:
            equal(box["domain"], os.environ["E2B_DOMAIN"])
        assert box["clientID"] and box["templateID"] and len(box["envdAccessToken"]) >= 16
        detail = api("GET", f"/sandboxes/{box['sandboxID']}-{box['clientID']}").json
        for name in ("sandboxID", "templateID", "clientID", "alias", "envdVersion", "envdAccessToken", "domain"):
            equal(detail[name], box[name], name)
        equal((detail["state"], detail["metadata"], detail["allowInternetAccess"]), ("running", {"k": "v"}, None))
        equal(detail["lifecycle"], {"onTimeout": "kill", "autoResume": False})
        for name in ("startedAt", "endAt"):
            assert TIME.fullmatch(detail[name]), detail[name]
        for name in ("cpuCount", "memoryMB", "diskSizeMB"):
            assert detail[name] >= 1, (name, detail[name])


@case(GROUP)
def unsecured_by_the_first_version():
    with own(version="v1", timeout=30) as box:
        assert not box.get("envdAccessToken"), "secured, unasked"
    refused_ = refused(api("POST", "/sandboxes", {"templateID": "base", "network": {"allowPublicTraffic": False}}), 400)
    equal(refused_["message"], "You cannot create a sandbox without public access unless you enable secure envd access via "
                               "'secure' flag.")


@case(GROUP)
def quota():
    key = os.environ.get("DM_SMALL_KEY")
    if not key:
        skip("no project with a limit of one sandbox")
    box = create(key=key, timeout=60)
    answer = api("POST", "/v2/sandboxes", {"templateID": "base"}, key=key)
    denial = denial_of(refused(answer, 429))
    equal((denial["rule"], denial["limit"], denial["current"]), ("project.running_max", 1, 1))
    equal((answer.header("Should-Retry"), answer.header("Retry-After")), ("false", None))
    equal(kill(box).status, 204)


@case(GROUP)
def same_key_same_sandbox():
    headers = {"Idempotency-Key": str(uuid.uuid4())}
    body = {"templateID": "base", "timeout": 60, "metadata": {"n": "1"}}
    first = api("POST", "/v2/sandboxes", body, headers=headers)
    second = api("POST", "/v2/sandboxes", body, headers=headers)
    try:
        equal((first.status, second.status), (201, 201), second.text)
        equal(second.json, first.json)
        other = refused(api("POST", "/v2/sandboxes", {**body, "timeout": 61}, headers=headers), 422)
        equal(other["error_code"], "idempotency_request_mismatch")
        refused(api("POST", "/v2/sandboxes", body, headers={"Idempotency-Key": "Not Valid"}), 400)
    finally:
        equal(kill(first.json).status, 204)


@case(GROUP)
def lists():
    box = shared()
    name = box["sandboxID"]
    every = api("GET", "/v2/sandboxes?limit=100")
    assert name in [s["sandboxID"] for s in every.json] and int(every.header("X-Total-Running")) >= 1
    assert name in [s["sandboxID"] for s in api("GET", "/sandboxes").json]
    equal(api("GET", "/v2/sandboxes?metadata=for%253Dwire").header("X-Total-Running"), "1")
    equal(api("GET", "/v2/sandboxes?metadata=for%253Dnobody").header("X-Total-Running"), "0")
    one = api("GET", "/v2/sandboxes?metadata=for%253Dwire&limit=1")
    equal(([s["sandboxID"] for s in one.json], one.header("X-Next-Token")), ([name], None))
    equal(api("GET", "/v2/sandboxes?template=no-such-template").json, [])
    assert name in [s["sandboxID"] for s in api("GET", "/v2/sandboxes?template=base&state=running,paused").json]
    for query in ("limit=0", "limit=101", "limit=x", "state=asleep", "order=up", "nextToken=%21", "metadata=a", "startedAfter=x",
                  "template=base:v1"):
        refused(api("GET", f"/v2/sandboxes?{query}"), 400)


@case(GROUP)
def cursor_knows_its_order():
    shared()
    with own(timeout=60):
        first = api("GET", "/v2/sandboxes?limit=1")
        cursor = first.header("X-Next-Token")
        assert cursor, "two run, and the first page of one has no next"
        second = api("GET", f"/v2/sandboxes?limit=1&nextToken={cursor}")
        assert second.json[0]["sandboxID"] != first.json[0]["sandboxID"]
        assert second.json[0]["startedAt"] <= first.json[0]["startedAt"]
        refused(api("GET", f"/v2/sandboxes?limit=1&order=asc&nextToken={cursor}"), 400)
