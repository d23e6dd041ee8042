"""What is refused, and as which exception."""

import os

import e2b
from boxes import end, shared
from check import case, equal, raises, skip
from e2b import Sandbox

GROUP = "refusals"
UNKNOWN_KEY = "e2b_" + "0123456789" * 4


@case(GROUP)
def unknown_key():
    for call in (lambda: Sandbox.create(api_key=UNKNOWN_KEY), lambda: Sandbox.list(api_key=UNKNOWN_KEY).next_items(),
                 lambda: Sandbox.kill(shared().sandbox_id, api_key=UNKNOWN_KEY),
                 lambda: Sandbox.connect(shared().sandbox_id, api_key=UNKNOWN_KEY)):
        raises(e2b.AuthenticationException, call)


@case(GROUP)
def malformed_key():
    raises(e2b.AuthenticationException, Sandbox.create, api_key="nothing like a key")


@case(GROUP)
def unknown_sandbox():
    for name in ("i0123456789abcdefghij", "nonexistingsandbox"):
        for call in (Sandbox.connect, Sandbox.get_info, Sandbox.pause, Sandbox.get_metrics,
                     lambda i: Sandbox.set_timeout(i, 60)):
            raises(e2b.SandboxNotFoundException, call, name)
        equal(Sandbox.kill(name), False)


@case(GROUP)
def unknown_template():
    e = raises(e2b.SandboxException, Sandbox.create, template="no-such-template")
    assert "404" in str(e), str(e)


@case(GROUP)
def timeout_too_long():
    e = raises(e2b.SandboxException, Sandbox.create, timeout=100_000_000)
    assert "400" in str(e) and "imeout" in str(e), str(e)
    e = raises(e2b.SandboxException, Sandbox.set_timeout, shared().sandbox_id, 100_000_000)
    assert "400" in str(e), str(e)


@case(GROUP, limit=40)
def one_too_many():
    key = os.environ.get("DM_SMALL_KEY")
    if not key:
        skip("no project with a limit of one sandbox")
    first = Sandbox.create(api_key=key, timeout=60)
    try:
        e = raises(e2b.RateLimitException, Sandbox.create, api_key=key, timeout=60)
        assert "concurrent" in str(e), str(e)
    finally:
        equal(first.kill(), True)
    second = Sandbox.create(api_key=key, timeout=60)
    equal(second.commands.run("echo there is room again").exit_code, 0)
    end(second)


@case(GROUP)
def of_another_project():
    key = os.environ.get("DM_SMALL_KEY")
    if not key:
        skip("no second project")
    box = shared()
    for call in (Sandbox.get_info, Sandbox.connect, Sandbox.pause):
        raises(e2b.SandboxNotFoundException, call, box.sandbox_id, api_key=key)
    equal(Sandbox.kill(box.sandbox_id, api_key=key), False)
    equal([s for s in Sandbox.list(api_key=key).next_items() if s.sandbox_id == box.sandbox_id], [])
    equal(box.is_running(), True)
