"""The life of a sandbox, as the client sees it."""

import contextlib
import datetime
import os
import threading
import time

import e2b
from boxes import METADATA, RUN, end, own, shared
from check import case, equal, raises, wait_for
from e2b import Sandbox, SandboxQuery, SandboxState

GROUP = "sandbox"


def found(**query):
    """Ids of all pages."""
    pages, out = Sandbox.list(query=SandboxQuery(**query)), []
    while pages.has_next:
        out += [s.sandbox_id for s in pages.next_items()]
    return out


def now():
    return datetime.datetime.now(datetime.timezone.utc)


def left_s(box):
    return (box.get_info().end_at - now()).total_seconds()


def is_end_of_life(e):
    """What the client makes of a cut stream. The older one does not know how its HTTP/1.1 library names a cut chunk, and
    takes it for the end of the sandbox's time."""
    if hasattr(e2b, "SandboxNotRunningException"):
        return isinstance(e, e2b.SandboxNotRunningException) and "killed or reached its end of life" in str(e)
    return "killed or reached its end of life" in str(e) or "due to sandbox timeout" in str(e)


@case(GROUP)
def information():
    box = shared()
    info = box.get_info()
    equal((info.sandbox_id, info.state, info.name, info.envd_version), (box.sandbox_id, SandboxState.RUNNING, "base", "0.6.13"))
    equal(info.metadata, {**METADATA, "name": "first"})
    assert info.cpu_count >= 1 and info.memory_mb >= 256, (info.cpu_count, info.memory_mb)
    assert info.started_at < now() < info.end_at, (info.started_at, info.end_at)
    equal(box.is_running(), True)


@case(GROUP)
def its_host_is_ours():
    """And no name in E2B's cloud, to which a program would send what it has for the sandbox."""
    box = shared()
    name, _, domain = box.get_host(8080).partition(".")
    equal(name, f"8080-{box.sandbox_id}")
    assert domain != "e2b.app" and domain == os.environ.get("E2B_DOMAIN", domain), domain


@case(GROUP)
def its_own_kernel():
    release = shared().commands.run("uname -r").stdout.strip()
    with open("/proc/sys/kernel/osrelease", encoding="ascii") as f:
        assert release != f.read().strip(), release
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as f:
        assert shared().files.read("/proc/sys/kernel/random/boot_id") != f.read()


@case(GROUP)
def set_timeout():
    box = shared()
    box.set_timeout(900)
    assert 880 < left_s(box) <= 901, left_s(box)
    Sandbox.set_timeout(box.sandbox_id, 200)
    assert 180 < left_s(box) <= 201, left_s(box)


@case(GROUP)
def connect_to_running():
    box = shared()
    box.commands.run("echo here >/tmp/connected")
    box.set_timeout(500)
    until = box.get_info().end_at
    again = Sandbox.connect(box.sandbox_id, timeout=60)
    equal(again.commands.run("cat /tmp/connected").stdout, "here\n")
    equal(again.get_info().end_at, until, "a shorter timeout")
    Sandbox.connect(box.sandbox_id, timeout=700)
    assert 680 < left_s(box) <= 701, left_s(box)
    box.set_timeout(240)


@case(GROUP)
def two_are_apart():
    first, second = shared(), shared("second")
    assert first.sandbox_id != second.sandbox_id
    first.files.write("/tmp/only-in-first", "x")
    equal(second.files.exists("/tmp/only-in-first"), False)
    ids = [b.commands.run("cat /proc/sys/kernel/random/boot_id /etc/machine-id 2>/dev/null; hostname").stdout.splitlines()[0]
           for b in (first, second)]
    assert ids[0] != ids[1], ids
    numbers = [b.commands.run("head -c 16 /dev/urandom | base64; python3 -c 'import uuid; print(uuid.uuid4())'").stdout
               for b in (first, second)]
    assert numbers[0] != numbers[1], numbers
    other = Sandbox.connect(second.sandbox_id)
    equal(other.commands.run("echo two").stdout, "two\n")


@case(GROUP)
def listing():
    first, second = shared(), shared("second")
    equal(found(metadata={"run": RUN, "name": "first"}), [first.sandbox_id])
    equal(found(metadata=METADATA), [second.sandbox_id, first.sandbox_id], "the latest first")
    equal(found(metadata={**METADATA, "kind": "other"}), [])
    assert first.sandbox_id in found(state=[SandboxState.RUNNING], metadata={"run": RUN})
    equal(found(state=[SandboxState.PAUSED], metadata=METADATA), [])


@case(GROUP)
def pages():
    first, second = shared(), shared("second")
    pages = Sandbox.list(query=SandboxQuery(metadata=METADATA), limit=1)
    out = []
    for has_more in (True, False):
        equal(pages.has_next, True)
        items = pages.next_items()
        equal((len(items), pages.has_next), (1, has_more))
        out += [s.sandbox_id for s in items]
    equal(out, [second.sandbox_id, first.sandbox_id])
    full = Sandbox.list(query=SandboxQuery(metadata=METADATA), limit=2)
    equal((len(full.next_items()), full.has_next), (2, False))


@case(GROUP, limit=45)
def metrics():
    rows = wait_for("the first metric", shared().get_metrics, limit=35, every=0.5)
    row = rows[-1]
    assert row.cpu_count >= 1 and 0 < row.mem_used < row.mem_total and 0 < row.disk_used < row.disk_total, row
    assert abs((now() - row.timestamp).total_seconds()) < 60, row.timestamp


@case(GROUP, limit=40)
def killed_once():
    with own(metadata={"run": RUN, "kind": "killed"}) as box:
        equal(found(metadata={"run": RUN, "kind": "killed"}), [box.sandbox_id])
        equal(box.kill(), True)
        equal(box.is_running(), False)
        equal(box.kill(), False)
        equal(found(metadata={"run": RUN, "kind": "killed"}), [])
        gone = box.sandbox_id
        raises(e2b.TimeoutException, box.commands.run, "true")
        raises(e2b.TimeoutException, box.files.read, "/etc/passwd")
        for call in (Sandbox.get_info, Sandbox.connect, Sandbox.pause, lambda i: Sandbox.set_timeout(i, 60)):
            raises(e2b.SandboxNotFoundException, call, gone)


@case(GROUP, limit=40)
def killed_under_a_stream():
    with own() as box:
        handle = box.commands.run("echo begun; sleep 100", background=True)
        first = next(iter(handle))
        equal(first[0], "begun\n")
        threading.Timer(0.5, box.kill).start()
        began = time.monotonic()
        e = raises(e2b.TimeoutException, handle.wait)
        assert is_end_of_life(e), str(e)
        assert time.monotonic() - began < 10


@case(GROUP, limit=40)
def times_out():
    with own(timeout=4) as box:
        assert 0 < left_s(box) <= 4.2
        equal(box.is_running(), True)
        wait_for("its end", lambda: not box.is_running(), limit=8)
        wait_for("the news of it", lambda: box.sandbox_id not in found(), limit=3)
        raises(e2b.SandboxNotFoundException, Sandbox.get_info, box.sandbox_id)


@case(GROUP, limit=80)
def sleeps_and_wakes():
    with own(metadata={"run": RUN, "kind": "sleeper"}, envs={"KEPT": "yes"}, timeout=300) as box:
        box.files.write("/home/user/on-disk", "disk")
        box.files.write("/dev/shm/in-memory", "memory")
        counter = box.commands.run("i=0; while :; do i=$((i+1)); echo $i >/dev/shm/count; sleep 0.2; done", background=True,
                                   timeout=0)
        boot = box.files.read("/proc/sys/kernel/random/boot_id")
        wait_for("the counter", lambda: box.files.exists("/dev/shm/count"))
        assert box.pause() is not False
        raises(e2b.TimeoutException, counter.wait)
        equal(Sandbox.get_info(box.sandbox_id).state, SandboxState.PAUSED)
        equal(found(metadata={"run": RUN, "kind": "sleeper"}, state=[SandboxState.PAUSED]), [box.sandbox_id])
        equal(found(metadata={"run": RUN, "kind": "sleeper"}, state=[SandboxState.RUNNING]), [])
        equal(Sandbox.pause(box.sandbox_id), False)
        equal(box.is_running(), False)

        woken = Sandbox.connect(box.sandbox_id, timeout=120)
        equal(woken.is_running(), True)
        assert 100 < left_s(woken) <= 121, left_s(woken)
        equal(woken.files.read("/home/user/on-disk"), "disk")
        equal(woken.files.read("/dev/shm/in-memory"), "memory")
        equal(woken.files.read("/proc/sys/kernel/random/boot_id"), boot)
        equal(woken.commands.run("echo $KEPT").stdout, "yes\n")
        assert abs(float(woken.commands.run("date +%s").stdout) - time.time()) < 3, "the clock was not set"
        assert counter.pid in [p.pid for p in woken.commands.list()], "its process is gone"
        before = int(woken.files.read("/dev/shm/count") or 0)
        wait_for("the counter to go on", lambda: int(woken.files.read("/dev/shm/count") or 0) > before)
        equal(box.commands.run("echo by the old handle").stdout, "by the old handle\n")


@case(GROUP, limit=60)
def killed_asleep():
    with own(metadata={"run": RUN, "kind": "asleep"}) as box:
        box.pause()
        equal(Sandbox.kill(box.sandbox_id), True)
        equal(Sandbox.kill(box.sandbox_id), False)
        raises(e2b.SandboxNotFoundException, Sandbox.connect, box.sandbox_id)
        equal(found(metadata={"run": RUN, "kind": "asleep"}), [])


@case(GROUP, limit=60)
def sleeps_by_timeout():
    with own(timeout=4, lifecycle={"on_timeout": "pause"}) as box:
        equal(box.get_info().lifecycle["on_timeout"], "pause")
        box.files.write("/dev/shm/kept", "kept")
        wait_for("its sleep", lambda: Sandbox.get_info(box.sandbox_id).state == SandboxState.PAUSED, limit=20)
        equal(Sandbox.connect(box.sandbox_id, timeout=60).files.read("/dev/shm/kept"), "kept")


@case(GROUP, limit=60)
def wakes_by_itself():
    with own(timeout=300, lifecycle={"on_timeout": "pause", "auto_resume": True}) as box:
        box.files.write("/dev/shm/kept", "kept")
        box.pause()
        equal(box.files.read("/dev/shm/kept"), "kept")
        equal(box.get_info().state, SandboxState.RUNNING)


@case(GROUP)
def context_manager():
    with contextlib.ExitStack() as stack:
        box = stack.enter_context(Sandbox.create(timeout=60))
        stack.callback(end, box)
        equal(box.commands.run("echo in").stdout, "in\n")
        box_id = box.sandbox_id
        stack.pop_all()
        box.__exit__(None, None, None)
    raises(e2b.SandboxNotFoundException, Sandbox.get_info, box_id)
