"""From within a service, and as any user of the machine: each reads, reaches and is in the database what it must, and no more."""

import http.client
import json
import os
import pwd
import socket
import stat
import traceback
from pathlib import Path

import deployment
from attacker import sandbox, side
from results import need

RESULTS = side("services")
SERVICES = ("pg", "kafka", "meter", "export", "api", "door", "front")
USERS = ["nobody", "dormouse"] + [f"dormouse-{name}" for name in SERVICES]
# Whatever is not named in these tables is for root alone.
READS = {
    "dormouse-front": ("etc/nginx-front.conf", "etc/nginx-workers.conf", "etc/nginx-refusal.conf", "etc/nginx-tls.conf",
                       "etc/nginx-console.conf", "run/nginx-front/", "run/spool/"),
    "dormouse-door": ("etc/nginx-door.conf", "run/nginx-door/"),
    "dormouse-api": ("etc/api.conf", "secrets/master.key", "secrets/frames-api.key", "secrets/delivery-api.key",
                     "run/uplink/api.sock.given", "exports/"),
    "dormouse-meter": ("etc/meter.conf", "secrets/statement.key", "secrets/frames-meter", "secrets/kafka-meter.key"),
    "dormouse-export": ("etc/export.conf", "secrets/delivery-export.key", "exports/"),
    "dormouse-pg": ("etc/postgresql.conf", "etc/pg_hba.conf", "etc/pg_ident.conf", "pg/", "run/pg/"),
    "dormouse-kafka": ("etc/kafka", "kafka/", "secrets/kafka.pem"),
    "dormouse": ("log/", "etc/nginx-log.sed"),
}
FOR_ALL = ("etc/docs/", "etc/settings", "etc/kafka.crt", "log/test/")
PRIVATE = ("etc", "secrets", "pg", "kafka", "worker", "log", "run", "state", "exports")
KNOCKS = {
    "run/pg/": {"dormouse-pg", "dormouse-api", "dormouse-meter", "dormouse-export"},
    "run/orders/": {"dormouse-api"},
    "run/uplink/": {"dormouse-api"},
    "run/api/": {"dormouse-api", "dormouse-front"},
    "run/page/": {"dormouse-door"},
    "run/meter/": {"dormouse-meter"},
}
ROLES = ("postgres", "dm_migrate", "dm_api", "dm_who", "dm_ops", "dm_meter", "dm_export")
IS = {"dormouse-api": {"dm_api", "dm_who", "dm_ops"}, "dormouse-meter": {"dm_meter"}, "dormouse-export": {"dm_export"}}


def as_user(name, act):
    """What act returns where a process of that user does it: the user's groups, no capability."""
    user, (out, into) = pwd.getpwnam(name), os.pipe()
    child = os.fork()
    if child == 0:
        os.close(out)
        code = 1
        try:
            os.initgroups(name, user.pw_gid)
            os.setresgid(user.pw_gid, user.pw_gid, user.pw_gid)
            os.setresuid(user.pw_uid, user.pw_uid, user.pw_uid)
            with os.fdopen(into, "w") as f:
                json.dump(act(), f)
            code = 0
        except Exception:  # pylint: disable=broad-except
            traceback.print_exc()
        finally:
            os._exit(code)
    os.close(into)
    with os.fdopen(out) as f:
        said = f.read()
    _, status = os.waitpid(child, 0)
    need(status == 0, f"{name}: the try itself failed")
    return json.loads(said)


def inside(kind):
    """Paths of that kind in the data folder, as root finds them, relative to it."""
    for top in PRIVATE:
        for folder, _, names in os.walk(deployment.DATA / top):
            for name in names:
                path = os.path.join(folder, name)
                try:
                    if kind(os.lstat(path).st_mode):
                        yield os.path.relpath(path, deployment.DATA)
                except FileNotFoundError:
                    continue


def readable(paths):
    out = []
    for path in paths:
        try:
            os.close(os.open(deployment.DATA / path, os.O_RDONLY | os.O_NONBLOCK))
            out.append(path)
        except OSError:
            continue
    return out


def reached(paths):
    out = []
    for path in paths:
        with socket.socket(socket.AF_UNIX) as s:
            try:
                s.settimeout(5)
                s.connect(str(deployment.DATA / path))
                out.append(path)
            except OSError:
                continue
    return out


def roles():
    return [role for role in ROLES if deployment.sql("SELECT 1", role)]


def files():
    paths = list(inside(stat.S_ISREG))
    need(len(paths) > 50, f"only {len(paths)} files are looked at")
    for user in USERS:
        own = READS.get(user, ())
        for path in as_user(user, lambda: readable(paths)):
            need(path.startswith(own + FOR_ALL), f"{user} reads {path}")
    for user, own in READS.items():
        got = as_user(user, lambda: readable(paths))
        for path in own:
            need(any(p.startswith(path) for p in got) or path.startswith(("run/", "exports/")), f"{user} cannot read its {path}")


def sockets():
    paths = list(inside(stat.S_ISSOCK))
    for folder in KNOCKS:
        need(any(p.startswith(folder) for p in paths), f"nobody listens in {folder}")
    for user in USERS:
        got = as_user(user, lambda: reached(paths))
        for path in paths:
            may = any(path.startswith(folder) and user in who for folder, who in KNOCKS.items())
            need((path in got) == may, f"{user} {'reaches' if path in got else 'cannot reach'} {path}")


def ports():
    """On TCP there are the front, the doors and the broker, and nothing else of ours."""
    known = {deployment.BASE + n for n in (0, 2, 92, 93, 202)}
    ours = {number for name in SERVICES + ("worker",) for number in family(deployment.pid(name))}
    for number in ours:
        for port in listening(number):
            need(port in known, f"process {number} ({Path(f'/proc/{number}/comm').read_text().strip()}) listens on port {port}")


def listening(number):
    """TCP ports that a process listens on, in its own network."""
    fds = Path(f"/proc/{number}/fd")
    inodes = {link[8:-1] for link in (os.readlink(fd) for fd in fds.iterdir()) if link.startswith("socket:[")}
    out = []
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{number}/net/{table}").read_text(encoding="ascii").splitlines()[1:]:
            words = line.split()
            if words[3] == "0A" and words[9] in inodes:
                out.append(int(words[1].rpartition(":")[2], 16))
    return out


def knocked(path):
    conn = http.client.HTTPConnection("127.0.0.1", deployment.BASE + 202, timeout=10)
    try:
        conn.request("GET", path)
        answer = conn.getresponse()
        return answer.status, answer.read().decode()
    finally:
        conn.close()


def door():
    """Whoever reaches the port of a door has reached nothing; the key is two services' alone."""
    key = (deployment.DATA / "secrets/door.key").read_text(encoding="ascii").strip()
    box = sandbox()
    try:
        live = [p.name for p in (deployment.DATA / "run/live").iterdir() if p.name.startswith(box.sandbox_id)]
        need(len(live) == 1, f"live files {live}")
        name, epoch, address = live[0].split(".", 2)
        route = f"{name}/{epoch}/{address}/49983/health"
        need(knocked(f"/{key}/{route}")[0] == 204, "the front's own way is closed")
        nothing = knocked("/")
        need(nothing[0] == 404, f"a stranger is told {nothing}")
        for path in (f"/{route}", f"/{'0' * len(key)}/{route}", f"/{key[:-1]}/{route}", f"/x/../{key}/{route}"):
            for user in USERS:
                told = tuple(as_user(user, lambda p=path: knocked(p)))
                need(told == nothing, f"{user} is told {told} at {path[:20]}...")
    finally:
        box.kill()
    for number in map(int, filter(str.isdigit, os.listdir("/proc"))):
        try:
            words = Path(f"/proc/{number}/cmdline").read_bytes()
        except OSError:
            continue
        need(key.encode() not in words, f"the command line of process {number} shows the doors' key")


def told(conf, topic):
    """What becomes of a message to that topic: "taken", or the broker's word."""
    from confluent_kafka import KafkaException, Producer
    said = []
    try:
        producer = Producer({**conf, "log_level": 0, "message.timeout.ms": 2000,
                             "enable.idempotence": "sasl.username" in conf})
        producer.produce(topic, b"x", on_delivery=lambda error, _: said.append(error.name() if error else "taken"))
        producer.flush(4)
    except KafkaException as e:
        said.append(e.args[0].name())
    return said[0] if said else "nothing"


def heard(conf, topic, group):
    """Whether what is in a topic is told to a member of that group."""
    from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, TopicPartition
    consumer = Consumer({**conf, "log_level": 0, "group.id": group, "enable.partition.eof": True})
    try:
        consumer.committed([TopicPartition(topic, 0)], timeout=2)
        consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
        message = consumer.poll(3)
        return message is not None and (message.error() is None or message.error().name() == "_PARTITION_EOF")
    except KafkaException:
        return False
    finally:
        consumer.close()


def broker():
    """Without a password nobody is anybody; with one, each may what it is for."""
    plain = {"bootstrap.servers": deployment.BROKERS}
    unknown = {k: v for k, v in deployment.broker().items() if not k.startswith("sasl.")} | {"security.protocol": "ssl"}
    wrong = {**deployment.broker("worker"), "sasl.password": "0" * 64}
    as_controller = {"bootstrap.servers": f"127.0.0.1:{deployment.BASE + 93}"}
    for conf in (plain, unknown, wrong, as_controller):
        said = as_user("nobody", lambda c=conf: told(c, "dm.statement.v1"))
        need(said != "taken", f"nobody produces with {sorted(conf)}")
        need(not as_user("nobody", lambda c=conf: heard(c, "dm.usage.v1", "dormouse-meter")), f"nobody reads with {sorted(conf)}")
    writes = {"worker": {"dm.usage.v1", "dm.attest.v1", "dm.usage.dlq.v1"}, "meter": {"dm.usage.dlq.v1", "dm.statement.v1", "dm.invoice.v1"}}
    for user, own in writes.items():
        for topic in ("dm.usage.v1", "dm.attest.v1", "dm.usage.dlq.v1", "dm.statement.v1", "dm.invoice.v1", "dm.lifecycle.v1", "dm.metrics.v1"):
            if topic in own and topic != "dm.usage.dlq.v1":
                continue  # a forged word is for another side to try; that the right one arrives, the line shows
            said = told(deployment.broker(user), topic)
            need((said == "taken") == (topic in own), f"{user} at {topic}: {said}")
    need(heard(deployment.broker("meter"), "dm.usage.v1", "dormouse-meter"), "the meter cannot read")
    for user, topic, group in (("worker", "dm.usage.v1", "dormouse-meter"), ("meter", "dm.statement.v1", "dormouse-meter"),
                               ("meter", "dm.usage.v1", "another")):
        need(not heard(deployment.broker(user), topic, group), f"{user} reads {topic} as group {group}")


def database():
    need(set(roles()) == set(ROLES), f"root is {roles()}")
    for user in USERS:
        got = set(as_user(user, roles))
        need(got == IS.get(user, set()), f"{user} can be {sorted(got)} in the database")


def users():
    """Each service runs as its own user: as what it is, none is another's."""
    for name in SERVICES:
        owner = pwd.getpwuid(os.stat(f"/proc/{deployment.pid(name)}").st_uid).pw_name
        need(owner == f"dormouse-{name}", f"{name} runs as {owner}")


def family(number):
    """A process and all that it started."""
    out = [number]
    for proc in Path("/proc").glob("[0-9]*"):
        try:
            if int((proc / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1]) == number:
                out += family(int(proc.name))
        except OSError:
            continue
    return out


def status(number):
    lines = Path(f"/proc/{number}/status").read_text(encoding="utf-8").splitlines()
    return {name: value.strip() for name, value in (line.split(":", 1) for line in lines if ":" in line)}


def privileges():
    """None of a service's processes can get more than it has, and but for the worker none has a capability."""
    for name in SERVICES:
        for number in family(deployment.pid(name)):
            has = status(number)
            need(has["NoNewPrivs"] == "1", f"{name}, process {number}, may get new privileges")
            need(all(int(has[caps], 16) == 0 for caps in ("CapEff", "CapPrm", "CapInh", "CapBnd", "CapAmb")),
                 f"{name}, process {number}, has or may get capabilities")
    need(status(deployment.pid("worker"))["NoNewPrivs"] == "1", "the worker may get new privileges")
    for slot, number in deployment.vmms():
        need(status(number)["NoNewPrivs"] == "1", f"the machine of slot {slot} may get new privileges")


def below_zero():
    """Whether root may go there (CAP_SYS_RESOURCE); where not, a service stays at 0."""
    try:
        Path("/proc/self/oom_score_adj").write_text("-1", encoding="ascii")
        return True
    except OSError:
        return False


def memory():
    """Whatever a guest does to the host's memory, its own machine is what the kernel ends first."""
    def score(number):
        return int(Path(f"/proc/{number}/oom_score_adj").read_text(encoding="ascii"))
    box = sandbox()
    may = as_user("root", below_zero)
    try:
        machines = deployment.vmms()
        need(machines, "no machine is there")
        for slot, number in machines:
            need(score(number) >= 300, f"the machine of slot {slot} has {score(number)}")
        for name in SERVICES + ("worker",):
            # a machine is the worker's child and has a score of its own
            for number in [deployment.pid(name)] if name == "worker" else family(deployment.pid(name)):
                need(-1000 < score(number) <= (-500 if may else 0), f"{name}, process {number}, has {score(number)}")
    finally:
        box.kill()


def main():
    for proof in (users, files, sockets, ports, door, broker, database, privileges, memory):
        with RESULTS.proof(proof.__name__):
            proof()
    raise SystemExit(1 if RESULTS.failed else 0)


main()
