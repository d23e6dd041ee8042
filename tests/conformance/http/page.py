"""page.py LABEL [CASE...]: E2B's JavaScript client as it is, with what POST .../access gave a page and no API key."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from client import AGENT_PORT, API, DOOR, ask
import check
from check import case, equal, wait_for
from person import Person

GROUP = "access"
HERE = Path(__file__).resolve().parent
DATA = Path(os.environ["DM_DATA"])
SHORT_S = 10  # the least that the setting takes


class Page:
    """What the cases share: somebody who has signed in, and two sandboxes of his project."""
    owner, slug, boxes = Person("page"), None, []


def sandboxes(path=""):
    return f"/v1/projects/{Page.slug}/sandboxes{path}"


def access(owner, box):
    return owner.ask("POST", sandboxes(f"/{box}/access"), {}, 201)


def client(given, **other):
    """What the client says of its work in the sandbox: {"text", "out"}, or {"error", "message"}."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("E2B_")}
    done = subprocess.run([os.environ.get("DM_NODE") or "node", HERE.parent / "js/page.mjs"], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, env=env | {"DM_ACCESS": json.dumps(given | other)}, text=True, check=True,
                          timeout=60)
    return json.loads(done.stdout)


def works(given):
    equal(client(given), {"text": "from a page", "out": "42\n"})


def refused(given, words, **other):
    said = client(given, **other)
    assert "error" in said, said
    assert words in said["message"], said
    return said["error"]


def knock(given):
    """As a page of another origin asks: (status, the origin that may read it, the rule that refused it)."""
    answer = ask(DOOR, "GET", "/files?path=/etc/hostname", headers={
        "Origin": "https://console.test", "X-Access-Token": given["token"], "E2b-Sandbox-Id": given["sandbox"],
        "E2b-Sandbox-Port": str(AGENT_PORT)})
    denial = answer.header("Dormouse-Denial")
    return answer.status, answer.header("Access-Control-Allow-Origin"), json.loads(denial)["rule"] if denial else None


def restarted(**settings):
    """The API with other settings; those that its file names are what they were at the next change of it."""
    conf = DATA / "etc/api.conf"
    lines = [line for line in conf.read_text(encoding="utf-8").splitlines() if line.split(" =")[0] not in settings]
    conf.write_text("\n".join(lines + [f"{name} = {value}" for name, value in settings.items() if value]) + "\n", encoding="utf-8")
    subprocess.run(["sv", "-w", "60", "restart", DATA / "sv/api"], stdout=subprocess.DEVNULL, check=True)
    wait_for("the API", lambda: ask(API, "GET", "/health").status in (200, 204), 60)


@case(GROUP, limit=90)
def files_and_a_command():
    Page.owner.sign_up()
    Page.slug = Page.owner.ask("GET", "/v1/me")["projects"][0]["slug"]
    Page.boxes = [Page.owner.ask("POST", sandboxes(), {"template": "base"}, 201)["id"] for _ in range(2)]
    given = access(Page.owner, Page.boxes[0])
    works(given)
    equal(knock(given), (200, "*", None))
    audit = Page.owner.ask("GET", f"/v1/projects/{Page.slug}/audit")["rows"]
    assert any((row["verb"], row["object"]) == ("sandbox.access", f"sandbox:{Page.boxes[0]}") for row in audit), audit


@case(GROUP)
def another_sandbox_is_not_opened():
    given = access(Page.owner, Page.boxes[0])
    equal(refused(given, "not for this sandbox", sandbox=Page.boxes[1]), "AuthenticationError")
    equal(knock(given | {"sandbox": Page.boxes[1]}), (401, "*", "door.page_access"))
    equal(knock(given | {"token": given["token"][:-4] + "AAAA"}), (401, "*", "door.page_access"))


@case(GROUP, limit=60)
def it_is_over_when_he_signs_out():
    second = Person("page")
    second.ask("POST", "/v1/auth/sign-in", {"email": Page.owner.email, "password": Page.owner.password})
    given = access(second, Page.boxes[0])
    works(given)
    second.ask("POST", "/v1/auth/sign-out", {}, 204)
    wait_for("it is over", lambda: knock(given)[0] == 401, 2)
    refused(given, "is over")
    works(access(Page.owner, Page.boxes[0]))


@case(GROUP, limit=120)
def it_is_over_after_its_time():
    restarted(access_s=SHORT_S)
    try:
        given = access(Page.owner, Page.boxes[0])
        began = time.monotonic()
        works(given)
        wait_for("it is over", lambda: knock(given)[0] == 401, SHORT_S + 10)
        assert time.monotonic() - began > SHORT_S - 3, "it was over too soon"
        equal(refused(given, "is over"), "AuthenticationError")
    finally:
        restarted(access_s=None)


@case(GROUP, limit=60)
def it_is_over_with_its_sandbox():
    given = access(Page.owner, Page.boxes[0])
    works(given)
    for box in Page.boxes:
        Page.owner.ask("DELETE", sandboxes(f"/{box}"))
    equal(knock(given), (502, "*", "sandbox.unknown"))
    refused(given, "not found")
    Page.owner.ask("POST", sandboxes(f"/{Page.boxes[0]}/access"), {}, 404)


check.run(sys.argv[1], sys.argv[2:])
