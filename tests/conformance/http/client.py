"""HTTP and nothing else: exact bytes in, exact bytes out."""

import base64
import contextlib
import http.client
import json
import os
import struct
import sys
import threading
import urllib.parse
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))

from check import at_end, equal  # noqa: E402

KEY = os.environ["E2B_API_KEY"]
API = os.environ["E2B_API_URL"]
DOOR = os.environ["E2B_SANDBOX_URL"]
AGENT_PORT = 49983
JSON = "application/json"
BROWSER = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64)", "Accept": "text/html", "Sec-Fetch-Mode": "navigate"}

_made = {}
_shared = {}
_lock = threading.RLock()


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body
        self.text = body.decode("utf-8", "replace")

    @property
    def json(self):
        return json.loads(self.body)

    def header(self, name):
        return self.headers.get(name)


def connect(base, timeout=30, source=None):
    """source: an address of this machine to ask from; None: any."""
    url = urllib.parse.urlsplit(base)
    kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
    return kind(url.hostname, url.port, timeout=timeout, source_address=(source, 0) if source else None)


def ask(base, method, path, body=None, headers=None, source=None):
    connection = connect(base, source=source)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return Answer(answer.status, answer.headers, answer.read())
    finally:
        connection.close()


def api(method, path, body=None, key=KEY, headers=None, source=None):
    """body: an object, or the bytes themselves."""
    sent = {"X-API-Key": key} if key is not None else {}
    sent.update(headers or {})
    if body is not None and not isinstance(body, bytes):
        body = json.dumps(body).encode()
    if body is not None:
        sent.setdefault("Content-Type", JSON)
    return ask(API, method, path, body, sent, source)


def door(box, path="/", port=AGENT_PORT, method="GET", body=None, headers=None):
    """By the routing headers."""
    return ask(DOOR, method, path, body, {"E2b-Sandbox-Id": box["sandboxID"], "E2b-Sandbox-Port": str(port), **(headers or {})})


def by_host(label, path="/", headers=None):
    return ask(DOOR, "GET", path, None, {"Host": f"{label}.sandboxes.test", **(headers or {})})


def token(box):
    return {"X-Access-Token": box["envdAccessToken"]}


def rpc(box, name, message, headers=None):
    return door(box, f"/{name}", method="POST", body=json.dumps(message).encode(),
                headers={"Content-Type": JSON, "Connect-Protocol-Version": "1", **token(box), **(headers or {})})


def envelope(message, flags=0):
    data = json.dumps(message).encode()
    return struct.pack(">BI", flags, len(data)) + data


class Stream:
    """A server stream, frame by frame: (flags, message)."""

    def __init__(self, box, name, message, headers=None):
        self.connection = connect(DOOR)
        self.connection.request("POST", f"/{name}", envelope(message), {
            "Content-Type": "application/connect+json", "Connect-Protocol-Version": "1", "E2b-Sandbox-Id": box["sandboxID"],
            "E2b-Sandbox-Port": str(AGENT_PORT), **token(box), **(headers or {})})
        self.answer = self.connection.getresponse()

    def frame(self):
        head = self._exactly(5)
        flags, length = struct.unpack(">BI", head)
        return flags, json.loads(self._exactly(length))

    def _exactly(self, n):
        data = self.answer.read(n)
        if len(data) != n:
            raise http.client.IncompleteRead(data, n - len(data))
        return data

    def close(self):
        self.connection.close()


def run(box, text, user=None):
    """A shell command's standard output."""
    basic = base64.b64encode(f"{user}:".encode()).decode()
    stream = Stream(box, "process.Process/Start", {"process": {"cmd": "/bin/bash", "args": ["-l", "-c", text]}, "stdin": False},
                    {"Authorization": f"Basic {basic}"} if user else None)
    out, ends = b"", None
    try:
        while True:
            flags, message = stream.frame()
            if flags & 2:
                equal((message, ends), ({}, {"exitCode": 0}), text)
                return out.decode()
            event = message["event"]
            out += base64.b64decode(event.get("data", {}).get("stdout", ""))
            if "end" in event:
                ends = {"exitCode": event["end"].get("exitCode", 0)}
    finally:
        stream.close()


SERVER = """
import os, socket
s = socket.socket(socket.AF_INET6 if ':' in '{host}' else socket.AF_INET)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(('{host}', {port}))
if not {late}:
    s.listen(64)
if os.fork() > 0:
    os._exit(0)  # it listens: whoever started it may go on
os.setsid()
if {late}:
    import time
    time.sleep({late})
    s.listen(64)
for fd in (0, 1, 2):
    os.close(fd)
while True:
    c, _ = s.accept()
    head = b''
    while b'\\r\\n\\r\\n' not in head:
        head += c.recv(65536)
    head, body = head.split(b'\\r\\n\\r\\n', 1)
    lines = head.decode('latin-1').split('\\r\\n')
    headers = dict((l.split(': ', 1)[0].lower(), l.split(': ', 1)[1]) for l in lines[1:])
{serve}
    c.close()
"""


def start_server(box, port, serve, host="0.0.0.0", late=0):
    """A program in the sandbox that answers each connection by the lines of serve; it has lines, headers, body and c. Short
    and without modules: Python starts slowly on an emulated CPU. late: seconds until it listens."""
    text = SERVER.format(port=port, host=host, late=late, serve="\n".join("    " + line for line in serve.strip().splitlines()))
    run(box, f"cat >/tmp/server-{port}.py <<'END'\n{text}\nEND\npython3 -I -S /tmp/server-{port}.py")


def create(version="v2", key=KEY, **members):
    path = "/v2/sandboxes" if version == "v2" else "/sandboxes"
    answer = api("POST", path, {"templateID": "base", "timeout": 240, **members}, key=key)
    assert answer.status == 201, f"create: {answer.status} {answer.text}"
    box = answer.json
    with _lock:
        _made[box["sandboxID"]] = key
    return box


def kill(box):
    with _lock:
        key = _made.pop(box["sandboxID"], KEY)
    return api("DELETE", f"/sandboxes/{box['sandboxID']}", key=key)


@contextlib.contextmanager
def own(**members):
    box = create(**members)
    try:
        yield box
    finally:
        with contextlib.suppress(OSError):
            kill(box)


def shared():
    with _lock:
        if "box" not in _shared:
            _shared["box"] = create(metadata={"for": "wire"})
        return _shared["box"]


def drop_shared():
    with _lock:
        box = _shared.pop("box", None)
    if box:
        kill(box)


@at_end
def end_all():
    for name in list(_made):
        kill({"sandboxID": name})


def refused(answer, status):
    """E2B's error body, and our denial in it."""
    equal((answer.status, answer.header("Content-Type")), (status, JSON), answer.text)
    body = answer.json
    equal((body["code"], isinstance(body["message"], str) and body["message"] != ""), (status, True))
    return body


def denial_of(body):
    d = body["denial"]
    equal(sorted(d), sorted(["what", "rule", "limit", "current", "allowed", "retry_after_s", "cure", "doc"]))
    assert d["what"] and d["rule"] and d["cure"], d
    return d


def rule_of(answer):
    """Where the body is fixed to the letter, the denial is a header."""
    return denial_of({"denial": json.loads(answer.header("Dormouse-Denial"))})["rule"]
