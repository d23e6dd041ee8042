"""A thousand streams of what changes, held open: what each costs the API, and how soon a change is seen."""

import http.client
import json
import selectors
import socket
import time
from pathlib import Path

READY_S = 60
PER_KEY = 10  # of the 16 that a key may hold


class Stream:
    """One that is read by whoever turns the selector."""

    def __init__(self, path, key, slug):
        self.key, self.heard = key, b""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(str(path))
        self.sock.sendall(f"GET /v1/projects/{slug}/live HTTP/1.1\r\nHost: api\r\nX-API-KEY: {key}\r\n\r\n".encode())
        self.sock.setblocking(False)

    def take(self):
        piece = self.sock.recv(65536)
        if not piece:
            raise RuntimeError(f"a stream ended: {self.heard[-300:]}")
        self.heard = (self.heard + piece)[-65536:]


def rss_kib(pid):
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise RuntimeError(f"process {pid} does not say what it holds")


def hear(selector, wanted, until):
    """Until all of these have heard what they wait for: how long each took, from now."""
    begun, took = time.monotonic(), {}
    while len(took) < len(wanted):
        if time.monotonic() > until:
            raise RuntimeError(f"{len(wanted) - len(took)} streams have not heard {next(iter(wanted.values()))}")
        for ready, _ in selector.select(0.1):
            stream = ready.data
            stream.take()
            if stream in wanted and stream not in took and wanted[stream] in stream.heard:
                took[stream] = time.monotonic() - begun
    return list(took.values())


def create(port, key):
    conn = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    conn.request("POST", "/sandboxes", json.dumps({"templateID": "base"}),
                 {"X-API-KEY": key, "Content-Type": "application/json"})
    answer = conn.getresponse()
    body = json.loads(answer.read())
    conn.close()
    if answer.status != 201:
        raise RuntimeError(f"create: {answer.status} {body}")
    return body["sandboxID"].encode()


def measure(path, pid, keys, port, streams=1000, changes=20):
    """keys: (key, slug) of each project. What a stream holds of process pid in KiB, and how long each change took to be
    seen by each of its project's streams, in ms. Their answers are read, as a browser would."""
    before = rss_kib(pid)
    with selectors.DefaultSelector() as selector:
        held = []
        try:
            for i in range(streams):
                stream = Stream(path, *keys[i // PER_KEY % len(keys)])
                selector.register(stream.sock, selectors.EVENT_READ, stream)
                held.append(stream)
            hear(selector, {s: b"event: snapshot" for s in held}, time.monotonic() + READY_S)
            each = (rss_kib(pid) - before) / streams
            seen = []
            for i in range(changes):
                key = keys[i % len(keys)][0]
                made = create(port, key)
                seen += hear(selector, {s: made for s in held if s.key == key}, time.monotonic() + READY_S)
            return each, sorted(1000 * s for s in seen)
        finally:
            for stream in held:
                stream.sock.close()
