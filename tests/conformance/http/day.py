"""day.py LABEL [CASE...]: one case after the other; each goes on where the one before it ended."""

import sys
import time

from client import KEY, api
import check
from check import case, equal, wait_for
from person import MARK, PASSWORD, Browser, Person, admin, code_of, letter

GROUP = "owner"
FREE_RUNNING = 3  # promises: Free runs three at once
SLEEPS_WITHIN_S = 5


class Days:
    """What the cases hand on."""
    owner, colleague, operator = Person("ada"), Person("bob"), Browser("operator")
    slug = account = key = None
    boxes = []


def states():
    rows = Days.owner.ask("GET", f"/v1/projects/{Days.slug}/sandboxes")["rows"]
    return {row["id"]: row["state"] for row in rows}


# --- the day ---

@case(GROUP)
def signs_up_by_a_letter():
    Days.owner.sign_up()
    me = Days.owner.ask("GET", "/v1/me")
    equal((me["user"]["email"], len(me["projects"])), (Days.owner.email, 1))
    Days.slug = me["projects"][0]["slug"]
    Days.account = me["accounts"][0]["id"]
    stranger = Person("eve")
    stranger.ask("GET", "/v1/me", status=401)
    # whoever asks with a known address is told what one with a new one is told
    said = stranger.ask("POST", "/v1/auth/sign-up", {"email": Days.owner.email, "password": PASSWORD, "name": "eve"}, 202)
    new = stranger.ask("POST", "/v1/auth/sign-up", {"email": stranger.email, "password": PASSWORD, "name": "eve"}, 202)
    equal(said, new)


@case(GROUP)
def brings_a_colleague():
    Days.colleague.sign_up()
    Days.colleague.ask("GET", f"/v1/projects/{Days.slug}/sandboxes", status=404)
    Days.owner.ask("POST", f"/v1/projects/{Days.slug}/invitations", {"email": Days.colleague.email, "role": "developer"}, 201)
    link = letter(Days.colleague.email, "invite")
    Days.owner.ask("POST", f"/v1/invitations/{link}/accept", {}, 403)  # it is for the one who was invited
    Days.colleague.ask("POST", f"/v1/invitations/{link}/accept", {}, 204)
    Days.colleague.ask("GET", f"/v1/projects/{Days.slug}/sandboxes")
    Days.colleague.ask("POST", f"/v1/projects/{Days.slug}/invitations", {"email": "x@day.test", "role": "viewer"}, 403)
    Days.colleague.ask("POST", f"/v1/invitations/{link}/accept", {}, 404)  # once


@case(GROUP, limit=60)
def makes_a_key_and_meets_a_limit():
    made = Days.colleague.ask("POST", f"/v1/projects/{Days.slug}/keys", {"name": "first"}, 201)
    Days.key = made["key"]
    for _ in range(FREE_RUNNING):
        answer = api("POST", "/v2/sandboxes", {"templateID": "base", "timeout": 300}, key=Days.key)
        assert answer.status == 201, answer.text
        Days.boxes.append(answer.json["sandboxID"])
    refused = api("POST", "/v2/sandboxes", {"templateID": "base"}, key=Days.key)
    equal((refused.status, refused.json["denial"]["rule"]), (429, "project.running_max"))
    limits = {one["name"]: one for one in Days.owner.ask("GET", f"/v1/projects/{Days.slug}/limits")["rows"]
              if one["binds"] == "project"}
    equal((limits["running_max"]["limit"], limits["running_max"]["used"]), (FREE_RUNNING, FREE_RUNNING))
    wait_for("the refusal is kept", lambda: any(
        one["denial"]["rule"] == "project.running_max"
        for one in Days.owner.ask("GET", f"/v1/projects/{Days.slug}/denials")["rows"]))


@case(GROUP)
def an_operator_raises_it():
    name = f"day-{MARK}"
    made = admin("operator-add", "--name", name, "--email", f"{name}@ops.test")
    once = next(value for key, value in made.items() if "PASSWORD" in key)
    ops = Days.operator
    ops.ask("POST", "/v1/ops/auth/sign-in", {"email": f"{name}@ops.test", "password": once})
    ops.ask("GET", "/v1/ops/accounts", status=403)  # first a password of his own and a second factor
    ops.ask("POST", "/v1/ops/auth/password", {"old": once, "new": PASSWORD}, 204)
    secret = ops.ask("POST", "/v1/ops/auth/totp", {"password": PASSWORD})["secret"]
    ops.ask("POST", "/v1/ops/auth/totp/confirm", {"code": code_of(secret)})
    found = ops.ask("GET", f"/v1/ops/accounts?q={Days.owner.email}")["rows"]
    equal([one["id"] for one in found], [Days.account])
    raised = {"name": "running_max", "limit": 4, "reason": "asked for it"}
    ops.ask("POST", f"/v1/ops/accounts/{Days.account}/limits", {**raised, "reason": ""}, 400)
    ops.ask("POST", f"/v1/ops/accounts/{Days.account}/limits", raised)
    answer = wait_for("one more runs", lambda: api("POST", "/v2/sandboxes", {"templateID": "base"}, key=Days.key).json
                      .get("sandboxID"))
    Days.boxes.append(answer)
    seen = Days.owner.ask("GET", f"/v1/accounts/{Days.account}/audit")
    assert any(f"operator:{name}" == row["who"] for row in seen["rows"]), seen


@case(GROUP, limit=60)
def is_suspended_and_goes_on():
    began, ops, path = time.monotonic(), Days.operator, f"/v1/ops/accounts/{Days.account}"
    held = ops.ask("POST", f"{path}/suspend", {"reason": "unpaid"})["holds"]
    equal([(one["cause"], one["running"]) for one in held], [("suspended_unpaid", len(Days.boxes))])
    wait_for("all sleep", lambda: all(states()[box] == "paused" for box in Days.boxes), 30)
    print(f"  all asleep after {time.monotonic() - began:.1f} s, promised within {SLEEPS_WITHIN_S}")
    refused = api("POST", "/v2/sandboxes", {"templateID": "base"}, key=Days.key)
    equal((refused.status, refused.json["denial"]["rule"]), (403, "account.suspended"))
    equal(ops.ask("GET", path)["holds"][0]["running"], 0)
    equal(ops.ask("POST", f"{path}/unsuspend", {"reason": "paid"})["holds"], [])
    woken = wait_for("it is woken", lambda: api("POST", f"/v2/sandboxes/{Days.boxes[0]}/connect", {"timeout": 60},
                                                key=Days.key).status in (200, 201))
    equal((woken, states()[Days.boxes[0]]), (True, "running"))


@case(GROUP)
def an_operator_looks_over_his_shoulder():
    ops = Days.operator
    look = ops.ask("POST", f"/v1/ops/accounts/{Days.account}/impersonate", {"reason": "what he sees"}, 201)
    ops.look = look["id"]
    equal(ops.ask("GET", "/v1/me")["impersonation"]["why"], "what he sees")
    seen = {row["id"]: row["state"] for row in ops.ask("GET", f"/v1/projects/{Days.slug}/sandboxes")["rows"]}
    equal(seen, states())
    ops.ask("GET", f"/v1/projects/{Days.slug}/keys")
    ops.ask("POST", f"/v1/projects/{Days.slug}/sandboxes/kill", {"ids": Days.boxes}, 403)
    ops.ask("POST", f"/v1/projects/{Days.slug}/keys", {"name": "his"}, 403)
    begun = Days.owner.ask("GET", f"/v1/accounts/{Days.account}/audit?verb=look.")["rows"]
    equal([row["verb"] for row in begun], ["look.begin"])
    ops.ask("DELETE", "/v1/ops/impersonation", {}, 204)
    ops.ask("GET", "/v1/me", status=401)
    ops.look = None
    ended = Days.owner.ask("GET", f"/v1/accounts/{Days.account}/audit?verb=look.")["rows"]
    equal([row["verb"] for row in ended], ["look.end", "look.begin"])


@case(GROUP)
def manages_account_and_projects():
    owner, account = Days.owner, f"/v1/accounts/{Days.account}"
    owner.ask("PATCH", account, {"name": f"Ada {MARK}", "billing": {"legal_name": "Ada Ltd", "address": ["1 Street"],
                                                                     "country": "DE", "tax_id": "DE123456789"}}, 204)
    seen = owner.ask("GET", account)
    equal((seen["name"], seen["billing"]["country"], seen["standing"]["state"]), (f"Ada {MARK}", "DE", "good"))
    Days.colleague.ask("GET", account, status=404)  # a developer of one project is nothing in the account
    second = f"second-{MARK}"
    equal(owner.ask("POST", f"{account}/projects", {"name": "Second", "slug": second}, 201)["slug"], second)
    owner.ask("POST", f"{account}/projects", {"name": "Second", "slug": second}, 409)
    owner.ask("PATCH", f"/v1/projects/{second}", {"name": "Night shift"}, 204)
    rows = owner.ask("GET", f"{account}/projects")["rows"]
    equal([(one["slug"], one["name"]) for one in rows][1:], [(second, "Night shift")])


@case(GROUP, limit=60)
def removes_a_project_and_takes_it_back():
    path = f"/v1/projects/second-{MARK}"
    key = Days.owner.ask("POST", f"{path}/keys", {"name": "second"}, 201)["key"]
    box = api("POST", "/v2/sandboxes", {"templateID": "base", "timeout": 300}, key=key).json["sandboxID"]
    Days.owner.ask("DELETE", path, {"confirm": "another"}, 400)
    ends = Days.owner.ask("DELETE", path, {"confirm": "Night shift"}, 202)["removal"]["ends_at"]
    equal(Days.owner.ask("DELETE", path, {"confirm": f"second-{MARK}"}, 202)["removal"]["ends_at"], ends)
    refused = api("POST", "/v2/sandboxes", {"templateID": "base"}, key=key)
    equal((refused.status, refused.json["denial"]["rule"]), (403, "project.removing"))
    wait_for("it sleeps", lambda: [row["cause"] for row in Days.owner.ask("GET", f"{path}/sandboxes")["rows"]
                                   if row["state"] == "paused"] == ["paused"], 30)
    equal(Days.owner.ask("POST", f"{path}/restore", {})["removal"], None)
    wait_for("it is woken", lambda: api("POST", f"/v2/sandboxes/{box}/connect", {"timeout": 60}, key=key).status
             in (200, 201))
    equal(api("DELETE", f"/sandboxes/{box}", key=key).status, 204)


@case(GROUP)
def signs_out_everywhere():
    second = Person("ada")
    second.ask("POST", "/v1/auth/sign-in", {"email": Days.owner.email, "password": PASSWORD})
    second.ask("GET", "/v1/me")
    for box in Days.boxes:
        equal(api("DELETE", f"/sandboxes/{box}", key=Days.key).status, 204)
    Days.owner.ask("POST", "/v1/auth/sign-out-everywhere", {}, 204)
    wait_for("the other browser is out", lambda: api("GET", "/v1/me", key=None, headers={
        "Cookie": "; ".join(f"{n}={v}" for n, v in second.jar.items())}).status == 401, 5)
    assert KEY != Days.key


check.run(sys.argv[1], sys.argv[2:])
