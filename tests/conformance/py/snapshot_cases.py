"""Snapshots: an image of one moment of a sandbox that stays after it, and begins others by its name."""

import contextlib

import e2b
from boxes import RUN, end, make
from check import case, equal, raises, skip
from e2b import Sandbox

GROUP = "snapshot"


def offered():
    if not hasattr(Sandbox, "create_snapshot"):
        skip("this client has no snapshots")


def of(box):
    """What the client lists of one sandbox, newest first."""
    pages, found = box.list_snapshots(), []
    while pages.has_next:
        found += pages.next_items()
    return [one.snapshot_id for one in found]


@case(GROUP, limit=180)
def outlives_its_sandbox_and_begins_others():
    offered()
    box = make(envs={"FROM_CREATE": "yes"})
    begun, snapshot = [], None
    try:
        box.files.write("/home/user/disk", "then")
        box.files.write("/dev/shm/memory", "then")
        running = box.commands.run("sleep 600", background=True)
        snapshot = box.create_snapshot()
        box.files.write("/home/user/disk", "later")
        equal(box.files.read("/dev/shm/memory"), "then")
        equal(of(box), [snapshot.snapshot_id])
        box.kill()
        begun = [make(template=snapshot.snapshot_id) for _ in range(2)]
        for one in begun:
            equal(one.files.read("/home/user/disk"), "then")
            equal(one.files.read("/dev/shm/memory"), "then")
            assert running.pid in {p.pid for p in one.commands.list()}, "its processes run on"
        boots = {one.files.read("/proc/sys/kernel/random/boot_id") for one in begun}
        equal(len(boots), 2)
        begun[0].files.write("/home/user/disk", "mine")
        equal(begun[1].files.read("/home/user/disk"), "then")
        raises(e2b.SandboxException, Sandbox.delete_snapshot, snapshot.snapshot_id)
        for one in begun:
            one.kill()
        assert Sandbox.delete_snapshot(snapshot.snapshot_id)
        assert not Sandbox.delete_snapshot(snapshot.snapshot_id)
    finally:
        for one in (box, *begun):
            end(one)
        if snapshot is not None:
            with contextlib.suppress(Exception):
                Sandbox.delete_snapshot(snapshot.snapshot_id)


@case(GROUP, limit=120)
def a_name_means_the_newest():
    offered()
    box, name = make(), f"of-{RUN}"
    try:
        box.files.write("/home/user/which", "first")
        first = box.create_snapshot(name=name)
        box.files.write("/home/user/which", "second")
        second = box.create_snapshot(name=name)
        equal((second.snapshot_id, second.names), (first.snapshot_id, first.names))
        equal(len(of(box)), 1)
        one = make(template=second.snapshot_id)
        try:
            equal(one.files.read("/home/user/which"), "second")
        finally:
            end(one)
        assert Sandbox.delete_snapshot(second.snapshot_id)
        raises(e2b.SandboxException, make, template=second.snapshot_id)
    finally:
        end(box)
