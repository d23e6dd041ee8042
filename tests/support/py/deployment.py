"""What the test may know of the deployment it runs against: its processes, its API, its worker's own page."""

import ipaddress
import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from datetime import datetime
from pathlib import Path

import local
import wire

DATA = Path(os.environ["DM_DATA"])
BASE = int(os.environ["DM_PORT_BASE"])
API = os.environ.get("E2B_API_URL", "")
BROKERS = f"127.0.0.1:{BASE + 92}"
SOCKETS = {name: DATA / "run" / path for name, path in (
    ("api", "api/api.sock"), ("worker", "page/worker.sock"), ("meter", "meter/meter.sock"))}
SLOT_BASE = ipaddress.ip_address(f"10.{64 + BASE // 1000}.0.0")


def wait_for(what, seconds, condition):
    end = time.time() + seconds
    while not condition():
        if time.time() > end:
            raise TimeoutError(f"waited {seconds} s for {what}")
        time.sleep(0.1)


def fetch(url, headers=None, timeout=10):
    """(status, body); a status of 0: nobody answered."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers or {}), timeout=timeout) as answer:
            return answer.status, answer.read(), answer.headers
    except urllib.error.HTTPError as e:
        return e.code, e.read(), e.headers
    except OSError:
        return 0, b"", {}


def api(path):
    status, body, _ = fetch(API + path, {"X-API-KEY": os.environ["E2B_API_KEY"]})
    return status, json.loads(body) if body else None


# --- processes


def pid(service):
    """Of the running service, as its supervisor wrote it down; None while it is down."""
    try:
        number = int((DATA / "sv" / service / "supervise/pid").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
    return number if Path(f"/proc/{number}").is_dir() else None


def kill(number):
    os.kill(number, signal.SIGKILL)


def worker_state():
    status, body = local.get(SOCKETS["worker"], "/state", timeout=2)
    return json.loads(body) if status == 200 else {}


def useful(service):
    if service == "worker":
        state = worker_state()
        return bool(state.get("enrolled")) and time.time() - state.get("last_second", 0) < 4
    if service == "kafka":
        return broker_answers()
    if service == "pg":
        return bool(sql("SELECT 1"))
    if service in ("front", "door"):
        return listens(BASE + {"front": 0, "door": 202}[service])
    return local.get(SOCKETS[service], "/metrics", timeout=2)[0] == 200


def listens(port):
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2):
            return True
    except OSError:
        return False


def sql(statement, role="postgres"):
    """Rows of texts, as the operator sees them; none while the database is away."""
    done = subprocess.run(
        ["psql", "-X", "-A", "-t", "-F", "\t", "-h", str(DATA / "run/pg"), "-p", str(BASE + 432), "-U", role, "-d", "dormouse",
         "-c", statement], capture_output=True, text=True, timeout=20, check=False)
    return [line.split("\t") for line in done.stdout.splitlines()] if done.returncode == 0 else []


def broker(user="admin"):
    """Where the broker is, and what it takes to be that user there, as librdkafka has it."""
    password = (DATA / f"secrets/kafka-{user}.key").read_text(encoding="ascii").strip()
    return {"bootstrap.servers": BROKERS, "security.protocol": "sasl_ssl", "ssl.ca.location": str(DATA / "etc/kafka.crt"),
            "ssl.endpoint.identification.algorithm": "none", "sasl.mechanism": "PLAIN", "sasl.username": user,
            "sasl.password": password}


def broker_answers():
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import AdminClient
    try:
        return bool(AdminClient({**broker(), "log_level": 0}).list_topics(timeout=2).topics)
    except KafkaException:
        return False


def live_slots():
    """[(slot, sandbox)] of those that may be reached: a live file names its address, the address its slot."""
    out = []
    for live in (DATA / "run/live").iterdir():
        sandbox, _, address = live.name.split(".", 2)
        out.append(((int(ipaddress.ip_address(address)) - int(SLOT_BASE)) // 4, sandbox))
    return out


def vmms():
    """[(slot, pid)] of the machines of this deployment, whoever still knows of them: each has its slot's disk open."""
    out, top = [], str(DATA / "worker/vms") + "/"
    for proc in Path("/proc").glob("[0-9]*"):
        try:
            if b"qemu-system" not in (proc / "cmdline").read_bytes()[:100]:
                continue
            disks = [os.readlink(fd) for fd in (proc / "fd").iterdir()]
        except OSError:
            continue
        for disk in disks:
            if disk.startswith(top):
                out.append((int(disk[len(top):].split("/")[0]), int(proc.name)))
                break
    return sorted(out)


def vmm_pid(sandbox):
    """Of the process that is this sandbox's machine."""
    (wanted,) = (slot for slot, name in live_slots() if name == sandbox)
    for slot, number in vmms():
        if slot == wanted:
            return number
    raise LookupError(f"slot {wanted} has no process")


# --- what it says


def cause_of_end(sandbox):
    """From the sandbox's own log, which outlives it."""
    end = time.time() + 10
    while time.time() < end:
        status, answer = api(f"/v2/sandboxes/{sandbox}/logs?direction=backward")
        for entry in answer["logs"] if status == 200 else []:
            fields = entry.get("fields", {})
            if fields.get("state") == "ended":
                return fields.get("cause")
        time.sleep(0.2)
    return None


def epoch_of(text):
    return int(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp())


def closed_periods():
    """Starts of the periods that have a statement, newest first, as far as one page shows them."""
    status, rows = api("/v1/statements")
    return [epoch_of(row["periodStart"]) for row in rows["rows"]] if status == 200 else []


def every_row(path):
    """Of a list of /v1, page by page."""
    rows, cursor = [], ""
    while cursor is not None:
        status, page = api(f"{path}?limit=1000" + (f"&cursor={cursor}" if cursor else ""))
        if status != 200:
            raise OSError(f"{path}: {status}")
        rows += page["rows"]
        cursor = page["next"]
    return rows


def statements():
    """All, whole: the list page by page, then one by one."""
    numbers = [row["number"] for row in every_row("/v1/statements")]
    out = []
    for number in sorted(numbers):
        status, s = api(f"/v1/statements/{number}")
        if status != 200:
            raise OSError(f"statement {number}: {status}")
        out.append({"number": number, "body": s["body"], "signature": s["signature"], "public_key": s["publicKey"],
                    "pages": [page_of(number, page) for page in range(1, s["pages"] + 1)]})
    return out


def page_of(number, page):
    status, p = api(f"/v1/statements/{number}/pages/{page}")
    if status != 200:
        raise OSError(f"statement {number}, page {page}: {status}")
    return {"body": p["body"], "proof": p["proof"]}


def keys():
    """Those that are published, of the service and of each worker; and what the workers seal their frames with."""
    service, workers = [], {}
    for key in every_row("/v1/keys"):
        (service if key["of"] == "service" else workers.setdefault(str(key["workerNo"]), [])).append(key["publicKey"])
    return {"service": service, "workers": workers,
            "frames": {no: wire.frame_key(frame_secret(), int(no)).hex() for no in workers}}


def frame_secret():
    """Of which the workers' keys for frames are made: the meter's copy of it."""
    return bytes.fromhex((DATA / "secrets/frames-meter.key").read_text(encoding="ascii").strip())
