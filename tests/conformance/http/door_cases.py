"""The public entry to what listens in a sandbox."""

import base64
import hashlib
import http.client
import socket
import threading
import time
import urllib.parse

from check import case, equal, raises, wait_for
from client import BROWSER, DOOR, Stream, api, ask, by_host, connect, door, kill, own, rule_of, run, shared, start_server, token

GROUP = "door"
UNKNOWN = {"sandboxID": "i0123456789abcdefghij"}
JSON = "application/json; charset=utf-8"
HTML = "text/html; charset=utf-8"
CLOSED = "The sandbox is running but port is not open"

ECHO = """
while len(body) < int(headers.get('content-length', 0)):
    body += c.recv(65536)
if lines[0].startswith('GET'):
    body = '|'.join([lines[0].split()[1], headers.get('host', ''), headers.get('x-own', '')]).encode()
c.sendall(b'HTTP/1.1 201 Created\\r\\nContent-Length: %d\\r\\n\\r\\n' % len(body) + body)
"""

SOCKET = """
upgrade = headers['upgrade'].encode()
c.sendall(b'HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\n\\r\\n<' + upgrade + b'>')
while data := c.recv(4096):
    c.sendall(data[::-1])
"""


def not_found(answer, box):
    equal((answer.status, answer.header("Content-Type")), (502, JSON), answer.text)
    equal(answer.json, {"sandboxId": box["sandboxID"], "message": "The sandbox was not found", "code": 502})
    equal(rule_of(answer), "sandbox.unknown")


def page(answer, status, *words):
    equal((answer.status, answer.header("Content-Type")), (status, HTML), answer.text)
    assert answer.text.startswith("<html") and answer.text.rstrip().endswith("</html>"), answer.text
    for word in words:
        assert word in answer.text, f"no {word!r} in {answer.text}"


@case(GROUP)
def unknown_sandbox():
    for path in ("/", "/health", "/files?path=/etc/passwd"):
        not_found(door(UNKNOWN, path), UNKNOWN)
    not_found(by_host(f"49983-{UNKNOWN['sandboxID']}", "/health"), UNKNOWN)
    not_found(door(UNKNOWN, "/", 8080, headers={"User-Agent": BROWSER["User-Agent"], "Accept": "application/json"}), UNKNOWN)
    page(door(UNKNOWN, "/", 8080, headers=BROWSER), 502, "Sandbox Not Found", UNKNOWN["sandboxID"])


@case(GROUP)
def preflight_without_a_route():
    asks = {"Origin": "https://app.test", "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "e2b-sandbox-id,e2b-sandbox-port,x-access-token"}
    answer = ask(DOOR, "OPTIONS", "/process.Process/Start", None, asks)
    equal((answer.status, answer.header("Access-Control-Allow-Origin")), (204, "*"))
    equal(answer.header("Access-Control-Allow-Headers"), asks["Access-Control-Request-Headers"])
    assert "POST" in answer.header("Access-Control-Allow-Methods"), answer.header("Access-Control-Allow-Methods")
    # This is no preflight; and where the host names a sandbox, that one is asked.
    equal(ask(DOOR, "OPTIONS", "/", None, {"Origin": "https://app.test"}).status, 400)
    not_found(ask(DOOR, "OPTIONS", "/", None, {**asks, "Host": f"8080-{UNKNOWN['sandboxID']}.example.test"}), UNKNOWN)


@case(GROUP)
def malformed():
    name = shared()["sandboxID"]
    for headers in ({"E2b-Sandbox-Id": name}, {"E2b-Sandbox-Port": "49983"}, {"E2b-Sandbox-Id": name, "E2b-Sandbox-Port": "0"},
                    {"E2b-Sandbox-Id": name, "E2b-Sandbox-Port": "65536"}, {"E2b-Sandbox-Id": name, "E2b-Sandbox-Port": "x"},
                    {"E2b-Sandbox-Id": "../etc", "E2b-Sandbox-Port": "80"}):
        answer = ask(DOOR, "GET", "/health", None, headers)
        equal((answer.status, answer.json["code"]), (400, 400), headers)
    for label in (name, "8080", f"8080-{name}-a-b", "x-y", f"99999-{name}", f"8080-{name.upper()}x_"):
        equal(by_host(label, "/health").status, 400, label)


def signed(box, path, operation="read", expiry=None):
    """By the contract's recipe (1.6), not by an SDK."""
    text = f"{path}:{operation}::{box['envdAccessToken']}" + (f":{expiry}" if expiry is not None else "")
    query = {"path": path, "signature": "v1_" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")}
    if expiry is not None:
        query["signature_expiration"] = str(expiry)
    return "/files?" + urllib.parse.urlencode(query)


def no_signer(answer):
    equal((answer.status, answer.json), (401, {"code": 401, "message": "invalid signature"}))
    equal(rule_of(answer), "door.signature")


@case(GROUP)
def signed_without_a_name():
    box, path = shared(), "/tmp/door signed"
    octets = {"Content-Type": "application/octet-stream"}
    equal(ask(DOOR, "POST", signed(box, path, "write"), b"x" * 70_000, octets).status, 200)
    equal(ask(DOOR, "GET", signed(box, path), None, {"Range": "bytes=0-2"}).text, "xxx")
    late = ask(DOOR, "GET", signed(box, path, expiry=99))
    equal((late.status, late.json), (401, {"code": 401, "message": "signature is already expired"}))
    no_signer(ask(DOOR, "POST", signed(box, path), b"x", octets))
    no_signer(ask(DOOR, "GET", signed({"envdAccessToken": "0" * 32}, path)))
    no_signer(ask(DOOR, "GET", "/files?path=a&signature=v1_"))
    answer = ask(DOOR, "GET", "/files?path=a&signature=v1_x", None, {"Origin": "https://x.test"})
    equal(answer.header("Access-Control-Allow-Origin"), "*")
    for method, target, headers in (("PUT", signed(box, path), {}), ("GET", f"/files?path={path}".replace(" ", "+"), {}),
                                    ("GET", "/envs?signature=v1_x", {}), ("GET", signed(box, path), {"E2b-Sandbox-Id": "x"}),
                                    ("GET", signed(box, path), {"Host": "49983-.sandboxes.test"})):
        equal(ask(DOOR, method, target, None, headers).status, 400, (method, target, headers))


@case(GROUP)
def preflight_of_a_link():
    asks = {"Origin": "https://x.test", "Access-Control-Request-Headers": "content-type,x-metadata-a"}
    for method in ("GET", "POST"):
        answer = ask(DOOR, "OPTIONS", "/files?path=a&signature=v1_x", None, {**asks, "Access-Control-Request-Method": method})
        equal((answer.status, answer.header("Access-Control-Allow-Origin"), answer.header("Access-Control-Allow-Headers")),
              (204, "*", "content-type,x-metadata-a"))
        assert method in answer.header("Access-Control-Allow-Methods").split(", "), method


@case(GROUP, limit=60)
def a_link_wakes():
    """With a name or without: who has a link in force holds what the owner signed."""
    with own(autoPause=True, autoResume={"enabled": True}, timeout=240) as box:
        path = "/etc/hostname"
        for headers in ({}, {"E2b-Sandbox-Id": box["sandboxID"], "E2b-Sandbox-Port": "49983"}):
            equal(api("POST", f"/sandboxes/{box['sandboxID']}/pause", {}).status, 204)
            late = ask(DOOR, "GET", signed(box, path, expiry=99), None, headers)
            equal((late.status, late.json["message"]), (401, "signature is already expired"))
            equal(api("GET", f"/sandboxes/{box['sandboxID']}").json["state"], "paused")
            equal(ask(DOOR, "GET", signed(box, path), None, headers).status, 200)


@case(GROUP)
def closed_port():
    box = shared()
    answer = door(box, "/", 4711)
    equal((answer.status, answer.header("Content-Type")), (502, JSON), answer.text)
    equal(answer.json, {"sandboxId": box["sandboxID"], "message": CLOSED, "port": 4711, "code": 502})
    equal(rule_of(answer), "door.port_closed")
    page(door(box, "/", 4711, headers=BROWSER), 502, "no service running on port", "4711", box["sandboxID"])


@case(GROUP)
def a_port_that_opens():
    """Dialled again for a second, so that a server that just starts is met; also by a body, which is sent once."""
    box = shared()
    start_server(box, 8082, ECHO, late=0.5)
    equal(door(box, "/late", 8082).text.split("|")[0], "/late")
    start_server(box, 8083, ECHO, late=0.5)
    body = bytes(range(256)) * 1024
    answer = door(box, "/post", 8083, "POST", body)
    equal((answer.status, answer.body == body), (201, True))
    closed = door(box, "/", 4712, "POST", body)
    equal((closed.status, closed.json["message"]), (502, CLOSED))


@case(GROUP)
def a_server_that_breaks_off():
    box = shared()
    start_server(box, 8084, "pass")
    answer = door(box, "/", 8084)
    equal((answer.status, answer.json["message"]), (502, "The sandbox closed the connection without an answer"))
    equal(rule_of(answer), "door.no_answer")


@case(GROUP, limit=40)
def killed_while_it_is_dialled():
    with own() as box:
        equal(door(box, "/health").status, 204)
        said = []
        waiting = threading.Thread(target=lambda: said.append(door(box, "/", 8080)))
        waiting.start()
        time.sleep(0.3)
        equal(kill(box).status, 204)
        waiting.join(20)
        not_found(said[0], box)


@case(GROUP)
def internal_paths():
    box = shared()
    for path in ("/init", "/freeze", "/unfreeze", "/collapse", "/fsfreeze", "/fsthaw", "/upgrade", "/in%69t", "//init", "/x/../init"):
        answer = door(box, path, method="POST", body=b"{}", headers=token(box))
        equal(answer.status, 404, path)
        assert "reserved for the E2B control plane" in answer.json["message"], answer.text
        equal((answer.json["code"], "path" in answer.json), (404, True))


@case(GROUP)
def server_inside():
    box = shared()
    start_server(box, 8080, ECHO)
    name = box["sandboxID"]
    equal(door(box, "/a%20b/./c?d=%2F&e", 8080, headers={"X-Own": "y"}).text.split("|")[::2], ["/a%20b/./c?d=%2F&e", "y"])
    equal(by_host(f"8080-{name}", "/x").text, f"/x|8080-{name}.sandboxes.test|")
    equal(by_host(f"8080-{name}-client", "/long").text.split("|")[0], "/long")
    body = bytes(range(256)) * 4096
    answer = door(box, "/post", 8080, "POST", body)
    equal((answer.status, answer.body == body), (201, True))
    equal(door(box, "/init", 8080).text.split("|")[0], "/init", "only the agent's own are reserved")


def talk_web_socket(box, port):
    url = urllib.parse.urlsplit(DOOR)
    with socket.create_connection((url.hostname, url.port), 20) as s:
        s.sendall((f"GET /ws HTTP/1.1\r\nHost: {port}-{box['sandboxID']}.sandboxes.test\r\nUpgrade: websocket\r\n"
                   "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n").encode())
        data = b""
        while b"<websocket>" not in data:
            more = s.recv(4096)
            assert more, data
            data += more
        assert data.startswith(b"HTTP/1.1 101"), data
        s.sendall(b"\x01\x02abc")
        equal(s.recv(4096), b"cba\x02\x01")


@case(GROUP)
def web_socket():
    box = shared()
    start_server(box, 8081, SOCKET)
    talk_web_socket(box, 8081)


STREAM = """
import time
open('/tmp/wait', 'w').close()
c.sendall(b'HTTP/1.1 200 OK\\r\\nContent-Type: text/event-stream\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n5\\r\\nfirst\\r\\n')
while os.path.exists('/tmp/wait'):
    time.sleep(0.05)
c.sendall(b'6\\r\\nsecond\\r\\n0\\r\\n\\r\\n')
"""


@case(GROUP, limit=60)
def on_the_loopback_only():
    """What most development servers do. The first request may have a body."""
    box = shared()
    body = bytes(range(256)) * 1024
    start_server(box, 8090, ECHO, host="127.0.0.1")
    answer = door(box, "/", 8090, "POST", body)
    equal((answer.status, answer.body == body), (201, True))
    start_server(box, 8091, ECHO, host="127.0.0.2")
    for path in ("/a", "/b?c=%2F"):
        equal(by_host(f"8091-{box['sandboxID']}", path).text, f"{path}|8091-{box['sandboxID']}.sandboxes.test|")
    start_server(box, 8092, SOCKET, host="127.0.0.1")
    talk_web_socket(box, 8092)
    start_server(box, 8093, STREAM, host="127.0.0.1")
    connection = connect(DOOR)
    connection.request("GET", "/", None, {"E2b-Sandbox-Id": box["sandboxID"], "E2b-Sandbox-Port": "8093"})
    stream = connection.getresponse()
    equal(stream.read(5), b"first")
    run(box, "rm /tmp/wait")
    equal(stream.read(), b"second")
    if run(box, "cat /proc/net/if_inet6 2>/dev/null || true"):
        start_server(box, 8094, ECHO, host="::1")
        equal(door(box, "/six", 8094).text.split("|")[0], "/six")


@case(GROUP, limit=60)
def from_the_loopback_to_all():
    """A server may come back on any address at once: nothing of ours sits on its port."""
    box = shared()
    start_server(box, 8095, ECHO, host="127.0.0.1")
    equal(door(box, "/1", 8095).text.split("|")[0], "/1")
    run(box, "pkill -f server-8095")
    start_server(box, 8095, ECHO, host="0.0.0.0")
    equal(door(box, "/2", 8095).text.split("|")[0], "/2")
    run(box, "pkill -f server-8095")
    equal(door(box, "/3", 8095).json["message"], CLOSED)


@case(GROUP, limit=60)
def the_loopback_after_a_sleep():
    with own(timeout=240) as box:
        start_server(box, 8096, ECHO, host="127.0.0.1")
        equal(door(box, "/1", 8096).text.split("|")[0], "/1")
        equal(api("POST", f"/sandboxes/{box['sandboxID']}/pause", {}).status, 204)
        equal(api("POST", f"/sandboxes/{box['sandboxID']}/connect", {"timeout": 240}).status, 201)
        equal(door(box, "/2", 8096, "POST", b"2").text, "2")
        equal(door(box, "/3", 8096).text.split("|")[0], "/3")


@case(GROUP)
def closed_to_the_public():
    with own(network={"allowPublicTraffic": False}) as box:
        assert box["trafficAccessToken"], box
        start_server(box, 8080, ECHO)
        name = "E2B-Traffic-Access-Token"
        refused = door(box, "/", 8080)
        equal((refused.status, refused.json["message"]),
              (403, "Sandbox is secured with traffic access token. Token header 'e2b-traffic-access-token' is missing"))
        refused = door(box, "/", 8080, headers={name: "wrong"})
        equal((refused.status, refused.json["message"]),
              (403, "Sandbox is secured with traffic access token. Provided token in header 'e2b-traffic-access-token' is invalid"))
        page(door(box, "/", 8080, headers=BROWSER), 403, "Missing Traffic Access Token")
        page(door(box, "/", 8080, headers={**BROWSER, name: "wrong"}), 403, "Invalid Traffic Access Token")
        equal(door(box, "/ok", 8080, headers={name: box["trafficAccessToken"]}).text.split("|")[0], "/ok")
        equal(door(box, "/health").status, 204, "the agent's port is exempt")


@case(GROUP)
def masked_host():
    with own(network={"maskRequestHost": "localhost:${PORT}"}) as box:
        start_server(box, 8080, ECHO)
        equal(by_host(f"8080-{box['sandboxID']}", "/m").text, "/m|localhost:8080|")


@case(GROUP)
def the_request_after_a_kill():
    with own() as box:
        equal(door(box, "/health").status, 204)
        equal(kill(box).status, 204)
        not_found(door(box, "/health"), box)
        not_found(by_host(f"8080-{box['sandboxID']}"), box)


@case(GROUP, limit=40)
def a_kill_cuts_streams():
    with own() as box:
        stream = Stream(box, "process.Process/Start", {"process": {"cmd": "/bin/sleep", "args": ["100"]}})
        equal(stream.answer.status, 200)
        equal(stream.answer.getheader("Transfer-Encoding"), "chunked")
        assert "start" in stream.frame()[1]["event"]
        equal(kill(box).status, 204)
        not_found(door(box, "/health"), box)
        began = time.monotonic()
        raises((http.client.IncompleteRead, ConnectionError), stream.frame)
        assert time.monotonic() - began < 5, "the stream outlived its sandbox"


@case(GROUP, limit=60)
def asleep():
    with own() as box:
        equal(api("POST", f"/sandboxes/{box['sandboxID']}/pause", {}).status, 204)
        not_found(door(box, "/health"), box)
        not_found(door(box, "/", 8080), box)


@case(GROUP, limit=60)
def woken_by_traffic():
    with own(autoPause=True, autoResume={"enabled": True}, timeout=240) as box:
        start_server(box, 8080, ECHO)
        equal(api("POST", f"/sandboxes/{box['sandboxID']}/pause", {}).status, 204)
        refused = door(box, "/envs", headers={"X-Access-Token": "wrong"})
        assert refused.status in (403, 502), refused.status
        equal(api("GET", f"/sandboxes/{box['sandboxID']}").json["state"], "paused")
        equal(door(box, "/woken", 8080).text.split("|")[0], "/woken")
        wait_for("its state", lambda: api("GET", f"/sandboxes/{box['sandboxID']}").json["state"] == "running", limit=5)
