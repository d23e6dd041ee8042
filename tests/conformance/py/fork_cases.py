"""A sandbox that runs is forked: others begin with its memory and its disk, and go their own way."""

import e2b
from boxes import RUN, end, make
from check import case, equal, raises, skip
from e2b import Sandbox

GROUP = "fork"
WHO = "cat /proc/sys/kernel/random/boot_id; hostname; head -c 16 /dev/urandom | od -An -tx1; cat /proc/sys/kernel/random/uuid"


def forks(box, **options):
    if not hasattr(Sandbox, "fork"):
        skip("this client has no fork")
    made = box.fork(**options)
    for one in made:
        assert not isinstance(one, Exception), one
    return made


@case(GROUP, limit=120)
def memory_and_disk_are_the_parents():
    box = make(metadata={"run": RUN, "kind": "parent"}, envs={"FROM_PARENT": "yes"})
    children = []
    try:
        box.files.write("/home/user/disk", "of the parent")
        box.files.write("/dev/shm/memory", "of the parent")
        running = box.commands.run("sleep 600", background=True)
        children = forks(box, count=2, timeout=120)
        equal(len(children), 2)
        equal(len({one.sandbox_id for one in (box, *children)}), 3)
        for child in children:
            equal(child.files.read("/home/user/disk"), "of the parent")
            equal(child.files.read("/dev/shm/memory"), "of the parent")
            equal(child.commands.run("echo $FROM_PARENT").stdout, "yes\n")
            assert running.pid in {p.pid for p in child.commands.list()}, "its processes run on in the fork"
            info = child.get_info()
            equal(info.metadata.get("kind"), "parent")
        said = [one.commands.run(WHO).stdout for one in (box, *children)]
        for line in (0, 2, 3):  # boot, random bytes, uuid
            equal(len({text.splitlines()[line] for text in said}), 3)
        children[0].files.write("/home/user/disk", "of the first child")
        equal(box.files.read("/home/user/disk"), "of the parent")
        equal(children[1].files.read("/home/user/disk"), "of the parent")
        box.kill()
        equal(children[1].commands.run("cat /home/user/disk").stdout, "of the parent")
    finally:
        for one in (box, *children):
            end(one)


@case(GROUP)
def what_does_not_run_is_not_forked():
    box = make()
    try:
        if not hasattr(Sandbox, "fork"):
            skip("this client has no fork")
        box.pause() if hasattr(box, "pause") else box.beta_pause()
        raises(e2b.SandboxException, box.fork)
        box.kill()
        raises(e2b.SandboxNotFoundException, box.fork)
    finally:
        end(box)
