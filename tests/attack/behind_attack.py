"""From behind a VMM: who has broken out of one guest holds that VMM's own descriptors, and nothing else of the host, of its
services, or of another machine. breakout.c stands in a VMM's place: in its jail, as its user, in its control group."""

import glob
import json
import os
import shutil
import socket
import stat
import subprocess
import tempfile
from pathlib import Path

import deployment
from attacker import as_root, sandbox, side
from results import need

RESULTS = side("behind")
DATA, PORT = Path(os.environ["DM_DATA"]), int(os.environ["DM_PORT_BASE"])
WORKER, RUN = DATA / "worker", DATA / "run"
HERE = Path(__file__).resolve().parent
JAIL_FDS = 32  # what is numbered from here on is the jail's own, and gone inside


def machines():
    """{slot: pid} of the VMMs that live."""
    found = {}
    for path in glob.glob(f"{WORKER}/vms/*/vmm.json"):
        pid = json.loads(Path(path).read_text())["pid"]
        if os.path.exists(f"/proc/{pid}/status"):
            found[int(path.split("/")[-2])] = pid
    return found


def status(pid):
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, value in (line.split(":", 1) for line in lines)}


def uid_of(pid):
    return int(status(pid)["Uid"].split()[0])


def slot_of(box):
    """By the door's live file, ID.EPOCH.ADDRESS: each slot has a /30 of the deployment's /16."""
    for name in os.listdir(RUN / "live"):
        if name.startswith(box.sandbox_id.split("-")[0] + "."):
            third, fourth = (int(word) for word in name.split(".")[-2:])
            return (third * 256 + fourth - 2) // 4
    raise AssertionError(f"{box.sandbox_id} is not at the door")


def as_vmm(uid, *command):
    """The exit code of a command that runs as a VMM's user without a right, but outside a jail."""
    return subprocess.run(["setpriv", "--reuid", str(uid), "--regid", str(uid), "--clear-groups", "--inh-caps=-all",
                           "--bounding-set=-all", "--no-new-privs", "--", *command],
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=20, check=False).returncode


def folders():
    """Where the worker opens files by name nobody else makes names, nor reads any."""
    for path in [WORKER, WORKER / "vms", WORKER / "sleepers", WORKER / "going", WORKER / "journal", DATA / "templates",
                 *WORKER.glob("vms/*"), *WORKER.glob("sleepers/*")]:
        told = path.stat()
        need((told.st_uid, told.st_gid) == (0, 0), f"{path} is {told.st_uid}:{told.st_gid}'s")
        need(stat.S_IMODE(told.st_mode) & 0o077 == 0, f"{path} has mode {told.st_mode & 0o7777:o}")


def planted(slot, pid):
    """Links in the place of what the worker appends to or makes; a sleeper's folder is tried while it is made."""
    uid = uid_of(pid)
    target = WORKER / "planted-target"
    target.write_text("root's own\n")
    target.chmod(0o600)
    for name in (f"vms/{slot}/vmm.log.1", f"vms/{slot}/planted", "sleepers/planted", "vms/planted", "journal/planted"):
        need(as_vmm(uid, "ln", "-sfn", str(target), f"{WORKER}/{name}") != 0, f"user {uid} makes {name}")
    need(as_vmm(uid, "rm", "-f", f"{WORKER}/vms/{slot}/vmm.log") != 0, f"user {uid} removes its VMM's log")
    for name in ("disk.ext4", "vmm.json", "qmp.sock"):
        need(as_vmm(uid, "test", "-e", f"{WORKER}/vms/{slot}/{name}") != 0, f"user {uid} finds {name} by its path")
    need(target.read_text() == "root's own\n", "the target has grown")
    target.unlink()


def planted_while_it_sleeps(box, uid):
    """A planter turns round as fast as it can while the image is made."""
    script = f"while :; do for d in {WORKER}/sleepers/*.making; do ln -sfn /etc/passwd $d/device; ln -sfn /etc/passwd $d/delta; done; done"
    with subprocess.Popen(["setpriv", "--reuid", str(uid), "--regid", str(uid), "--clear-groups", "--inh-caps=-all",
                           "--bounding-set=-all", "--", "sh", "-c", script],
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as planter:
        try:
            box.pause()
        finally:
            planter.kill()
    box.connect()
    need("alive" in as_root(box, "echo alive"), "it does not wake")


def alone(pids):
    """As the kernel sees them: each VMM has a user, namespaces and a root of its own, and no right."""
    seen = {}
    for pid in pids:
        told = status(pid)
        uid = uid_of(pid)
        need(uid not in seen and uid >= 65536, f"VMM {pid} runs as user {uid}, as does {seen.get(uid)}")
        seen[uid] = pid
        for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            need(int(told[name], 16) == 0, f"VMM {pid} has {name} {told[name]}")
        need(told["NoNewPrivs"] == "1" and told["Seccomp"] == "2", f"VMM {pid} has no filter")
        need(told["Groups"] == "", f"VMM {pid} has groups {told['Groups']}")
        need(told["NSpid"].split()[1:] == ["1"], f"VMM {pid} is not process 1 of its own")
        for kind in ("mnt", "pid", "net", "ipc", "uts", "cgroup"):
            mine, others = os.readlink(f"/proc/{pid}/ns/{kind}"), os.readlink(f"/proc/self/ns/{kind}")
            need(mine != others, f"VMM {pid} is in the host's {kind} namespace")
        inside = set(os.listdir(f"/proc/{pid}/root"))
        need(inside <= {"dev", "initrd", "kernel", "lib", "lib64", "ram", "usr"}, f"VMM {pid} sees {sorted(inside)}")


def descriptors(pids):
    """What a VMM has open leads nowhere: no folder, nothing of another slot."""
    for pid in pids:
        for fd in glob.glob(f"/proc/{pid}/fd/*"):
            where = os.readlink(fd)
            need(not os.path.isdir(where) or not where.startswith("/"), f"VMM {pid} has the folder {where} open")
            need("/journal" not in where and "/secrets" not in where, f"VMM {pid} has {where} open")


def groups_of(pid):
    """{controller: folder} of what a process is in, where that is a slot's."""
    mounts = {}
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        words, (kind, _, options) = line.split(), line.split(" - ")[1].split()[:3]
        if kind.startswith("cgroup"):
            for name in options.split(",") if kind == "cgroup" else [""]:
                mounts[name] = words[4]
    found = {}
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, names, path = line.split(":", 2)
        for name in names.split(","):
            if f"/dormouse-{PORT}/" in path and name in mounts:
                found[name] = mounts[name] + path
    return found


def value(folder, *names):
    for name in names:
        path = Path(folder) / name
        if path.exists():
            return int(path.read_text().split()[-1])
    raise AssertionError(f"{folder} has none of {names}")


def bounded(pids, mem_mib):
    """Memory, tasks and weight of each machine, as far as this host has controllers for it."""
    lacking = deployment.worker_state()["groups_lacking"].split()
    for pid in pids:
        found = groups_of(pid)
        every = found.get("")
        for name, v2_file, v1_file, most in (("memory", "memory.max", "memory.limit_in_bytes", (mem_mib + 200) << 20),
                                             ("pids", "pids.max", "pids.max", 128)):
            if name in lacking:
                continue
            folder = found.get(name, every)
            need(folder is not None, f"VMM {pid} is in no group of {name}")
            got = value(folder, v2_file, v1_file)
            need(0 < got <= most, f"VMM {pid} may have {name} {got}")
        if "cpu" not in lacking:
            folder = found.get("cpu", every)
            need(folder is not None, f"VMM {pid} has no weight")
    if lacking:
        print(f"  this host has no {', '.join(lacking)} for groups")


def compiled(scratch):
    program = Path(scratch) / "breakout"
    subprocess.run(["cc", "-O1", "-static", "-w", "-D_GNU_SOURCE", "-o", program, HERE / "breakout.c"], timeout=120,
                   check=True)
    return program


def give(fd, number):
    os.dup2(fd, number, inheritable=True)
    return number


def break_out(scratch, program, pid, targets):
    """What breakout.c says in a jail like that of this VMM: the same tree with another program in QEMU's place, the same
    filter, user and groups, and descriptors of the same sort."""
    (jail,) = [path for path in (WORKER / "jail").iterdir() if not path.name.endswith(".new")]
    root = Path(scratch) / "root"
    subprocess.run(["cp", "-a", "--reflink=auto", jail / "root", root], timeout=60, check=True)
    place = root / "usr/bin/qemu-system-x86_64"
    place.unlink()
    shutil.copy(program, place)
    place.chmod(0o755)
    ram = os.open(next((DATA / "templates").glob("*/ram")), os.O_RDONLY)
    own = os.open(Path(scratch) / "disk", os.O_RDWR | os.O_CREAT, 0o600)
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(f"{scratch}/qmp.sock")
    listening.listen()
    fds = [give(listening.fileno(), 20), give(own, 21), give(os.open(root, os.O_PATH), JAIL_FDS),
           give(os.open(jail / "filter", os.O_RDONLY), JAIL_FDS + 1), give(ram, JAIL_FDS + 2)]
    joins = []
    for i, folder in enumerate(sorted(set(groups_of(pid).values()))):
        fds.append(give(os.open(f"{folder}/cgroup.procs", os.O_WRONLY), JAIL_FDS + 6 + i))
        joins += ["-g", str(fds[-1])]
    told = subprocess.run(["unshare", "--pid", "--fork", "--kill-child", jail / "dormouse-jail", "-u", str(uid_of(pid)),
                           "-s", "1048576", "-r", str(JAIL_FDS), "-f", str(JAIL_FDS + 1), "-b", f"{JAIL_FDS + 2}=ram", *joins, "--",
                           "/usr/bin/qemu-system-x86_64", *targets],
                          pass_fds=fds, capture_output=True, text=True, timeout=120, check=False)
    for fd in fds:
        os.close(fd)
    return told.stdout.splitlines() + told.stderr.splitlines()


def reached(lines):
    need(lines and "end" in lines, f"it did not come to its end: {lines[-3:]}")
    need(len(lines) > 150, f"it tried {len(lines)} things only")
    return [line[:-4] for line in lines if line.endswith(" yes")]


def nothing_but_its_own(own, victim, victim_slot):
    """own: the VMM that was broken out of."""
    with tempfile.TemporaryDirectory(dir=DATA) as scratch:
        os.chmod(scratch, 0o755)
        worker = (DATA / "sv/worker/supervise/pid").read_text().strip()
        files = [f"{WORKER}/vms/{victim_slot}/disk.ext4", f"{WORKER}/sleepers", f"{WORKER}/journal", f"{WORKER}/worker.key",
                 f"{DATA}/secrets/master.key", f"{DATA}", f"{RUN}/worker.sock"]
        lines = break_out(scratch, compiled(scratch), own,
                          [f"pid={victim}", f"pid={worker}", f"pid={own}"] + [f"file={path}" for path in files] +
                          [f"port={PORT + n}" for n in (0, 2, 92, 100, 200, 202, 300)] +
                          [f"unix={RUN}/worker.sock", f"unix={RUN}/api.sock"] +
                          (["memory=2048"] if "memory" in groups_of(own) or "" in groups_of(own) else []))
    got = reached(lines)
    need(not got, f"it reaches {', '.join(got)}")


def main():
    with sandbox() as victim, sandbox() as own:
        slots = {name: slot_of(box) for name, box in (("victim", victim), ("own", own))}
        with RESULTS.proof("folders"):
            folders()
        with RESULTS.proof("planted_links"):
            planted(slots["own"], machines()[slots["own"]])
        with RESULTS.proof("planted_while_it_sleeps"):
            planted_while_it_sleeps(own, uid_of(machines()[slots["own"]]))
        slots["own"] = slot_of(own)
        with RESULTS.proof("alone"):
            alone(machines().values())
        with RESULTS.proof("descriptors"):
            descriptors(machines().values())
        with RESULTS.proof("bounded"):
            bounded([machines()[slot] for slot in slots.values()], 256)
        with RESULTS.proof("nothing_but_its_own"):
            nothing_but_its_own(machines()[slots["own"]], machines()[slots["victim"]], slots["victim"])
        with RESULTS.proof("victim_lives"):
            need("alive" in as_root(victim, "echo alive"), "the victim does not answer")
    raise SystemExit(1 if RESULTS.failed else 0)


main()
