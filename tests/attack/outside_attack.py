"""From outside, without a key or with a wrong one: what is nobody's stays nobody's, and who sends much holds nothing up."""

import http.client
import json
import os
import re
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

from attacker import API, KEY, call, side
from results import need

RESULTS = side("outside")
DATA = Path(os.environ["DM_DATA"])
SANDBOXES = urlsplit(os.environ["E2B_SANDBOX_URL"])
MIB = 1 << 20
NOBODY = "i" + "0" * 20


def client(address, to=API, timeout=30):
    """Addresses of this machine that are not its own name: to the front each is somebody."""
    return http.client.HTTPConnection(to.hostname, to.port, timeout=timeout, source_address=(address, 0))


def own_door(request):
    """Bytes to the API itself, past the front, wherever that finds it; the status, 0 where it hangs up."""
    at = re.search(r"upstream api \{\s*server (unix:)?([^ ;]+)", (DATA / "etc/nginx-front.conf").read_text())
    if at[1]:
        s = socket.socket(socket.AF_UNIX)
        s.connect(at[2])
    else:
        host, port = at[2].rsplit(":", 1)
        s = socket.create_connection((host, int(port)))
    with s:
        s.settimeout(20)
        s.sendall(request)
        words = s.recv(64).split()
        return int(words[1]) if len(words) > 1 else 0


def inner_pages():
    for path in ("/door", "/metrics", "/metrics/", "/%6detrics", "/x/../metrics"):
        told = call("GET", path)
        need(told.status in (400, 404), f"{path} answers {told.status}")


def keys():
    for key in (None, "", "e2b_" + "0" * 40, "x" * 4000):
        told = call("GET", "/v2/sandboxes", key=key)
        need(told.status == 401, f"the key {str(key)[:20]!r} gets {told.status}")


def large_bodies():
    """413 with a denial wherever one sends it, with a length and without; never that the API is away."""
    for method, path in (("POST", "/v2/sandboxes"), ("DELETE", f"/sandboxes/{NOBODY}"), ("GET", "/v1/statements"), ("PUT", "/no/such"),
                         ("POST", f"/sandboxes/{NOBODY}/timeout")):
        for body in (b" " * (MIB + 1), b" " * 3 * MIB, (b" " * 65536 for _ in range(40))):
            told = call(method, path, body=body)
            need(told.status == 413 and told.body["denial"]["rule"] == "request.size", f"{method} {path}: {told.status} {told.body}")
    told = call("POST", "/v2/sandboxes", body=b" " * MIB)
    need(told.status == 400, f"1 MiB, which is no JSON: {told.status}")


def kept():
    """Bytes that the front keeps of bodies: its files may have no names."""
    where = os.statvfs(DATA / "run/spool")
    return (where.f_blocks - where.f_bfree) * where.f_frsize


def uploads_to_nobody():
    """Refused before they are there, of any length; and there is an end to what is kept of those that are read."""
    need(os.path.ismount(DATA / "run/spool"), "what the front keeps is on the file system of the data")
    before = kept()
    for _ in range(10):
        with socket.create_connection((SANDBOXES.hostname, SANDBOXES.port), 20) as s:
            s.sendall(f"POST /files HTTP/1.1\r\nHost: h\r\nE2b-Sandbox-Id: {NOBODY}\r\nE2b-Sandbox-Port: 49983\r\n"
                      f"Content-Length: {1 << 40}\r\n\r\n".encode() + b"x" * MIB)
            answer = http.client.HTTPResponse(s)
            answer.begin()
            need(answer.status == 502 and b"was not found" in answer.read(), f"the answer is {answer.status}")
            need(kept() - before < MIB, f"{kept() - before} bytes of it are kept")


def routing_headers():
    for sid, port in ((f"{NOBODY}/1/x", "80"), (NOBODY, "80/../x"), (f"{NOBODY}/80/x", ""), ("", f"80/80-{NOBODY}.")):
        conn = http.client.HTTPConnection(SANDBOXES.hostname, SANDBOXES.port, timeout=20)
        conn.request("GET", "/", headers={"E2b-Sandbox-Id": sid, "E2b-Sandbox-Port": port})
        answer = conn.getresponse()
        need(answer.status == 400, f"{sid!r} {port!r}: {answer.status}")
        need(json.loads(answer.headers["Dormouse-Denial"])["rule"] == "door.request", "another rule")
        conn.close()


def hidden_bytes():
    for head in (b"GET /v2/sandboxes HTTP/1.1\r\nHost: h\r\nX-API-Key: %s\0evil\r\n\r\n", b"GET /v2/sandboxes\0x HTTP/1.1\r\nHost: h\r\nX-API-Key: %s\r\n\r\n",
                 b"GET /v2/sandboxes HTTP/1.1\r\nHost: h\r\nX-API-Key: %s\r\nX: a\0b\r\n\r\n"):
        status = own_door(head % KEY.encode())
        need(status == 400, f"{head!r}: {status}")
    status = own_door(b"GET /v2/sandboxes HTTP/1.1\r\nHost: h\r\nX-API-Key: %s\r\n\r\n" % KEY.encode())
    need(status == 200, f"without any: {status}")


def guesses():
    """Told to come later, and that locks out nobody: neither who is known behind the same address, nor for long who is not."""
    conn, told = client("127.0.0.77"), []
    began = time.monotonic()
    for n in range(400):
        conn.request("GET", "/v2/sandboxes", headers={"X-API-Key": f"e2b_{n:040x}", "X-Forwarded-For": f"192.0.2.{n % 250}"})
        answer = conn.getresponse()
        told.append((answer.status, json.loads(answer.read())["denial"], answer.headers.get("Retry-After")))
    later = [t for t in told if t[0] == 429]
    need(all(status in (401, 429) for status, _, _ in told), f"other answers: {[t[0] for t in told if t[0] not in (401, 429)][:5]}")
    need(150 < len(later) < 341, f"{len(later)} of 400 wrong keys are told to come later")
    for _, denial, again in later:
        need(denial["rule"] == "auth.rate" and 1 <= int(again) <= 14 and denial["retry_after_s"] == int(again), f"{denial} {again}")
    conn.request("GET", "/v2/sandboxes", headers={"X-API-Key": KEY})
    need(conn.getresponse().status == 200, "who is known is locked out")
    print(f"400 guesses in {time.monotonic() - began:.1f} s: {len(later)} told to come later")


def crowd(address, n):
    """Statuses of n requests in one go, pipelined."""
    with socket.create_connection((API.hostname, API.port), 20, (address, 0)) as s:
        s.settimeout(20)
        s.sendall(b"GET /health HTTP/1.1\r\nHost: h\r\n\r\n" * (n - 1) + b"GET /health HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        return re.findall(rb"HTTP/1.1 (\d+)", b"".join(iter(lambda: s.recv(1 << 16), b"")))


def requests_of_one():
    told = [status for _ in range(16) for status in crowd("127.0.0.78", 500)]
    need(set(told) == {b"204", b"429"} or set(told) == {b"200", b"429"}, f"answers {set(told)}")
    need(b"429" not in crowd("127.0.0.79", 300), "another address is told to wait")
    print(f"{told.count(b'429')} of {len(told)} requests of one address are told to wait")


def unencrypted():
    """`up` takes no address that others reach, unless it can speak TLS there or is told that it need not."""
    with tempfile.TemporaryDirectory() as where:
        for listen in ("0.0.0.0", "192.0.2.1", "::"):
            env = os.environ | {"DM_DATA": f"{where}/data", "DM_LISTEN": listen, "DM_PORT_BASE": "31000", "DM_PLAIN": ""}
            done = subprocess.run([f"{os.environ['DM_ROOT']}/ops/dormouse", "up"], env=env, capture_output=True, text=True,
                                  timeout=60, check=False)
            need(done.returncode != 0 and "unencrypted" in done.stdout + done.stderr, f"{listen}: {done.stdout} {done.stderr}")
            need(not os.path.exists(f"{where}/data"), "it began all the same")


def main():
    for proof in (inner_pages, keys, large_bodies, uploads_to_nobody, routing_headers, hidden_bytes, guesses, requests_of_one, unencrypted):
        with RESULTS.proof(proof.__name__):
            proof()
    raise SystemExit(1 if RESULTS.failed else 0)


main()
