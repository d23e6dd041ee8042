"""The agent behind the door: framing, literals, and who may ask."""

import base64

from check import case, equal
from client import AGENT_PORT, DOOR, JSON, Stream, connect, door, envelope, rpc, run, shared, token

GROUP = "agent"
FILE = "/home/user/wire-agent.txt"


def error(answer, status, code):
    equal((answer.status, answer.header("Content-Type"), answer.json.get("code")), (status, JSON, code), answer.text)
    assert isinstance(answer.json["message"], str)
    return answer.json["message"]


@case(GROUP)
def health_is_for_all():
    answer = door(shared(), "/health")
    equal((answer.status, answer.body, answer.header("Cache-Control")), (204, b"", "no-store"))


@case(GROUP)
def token_is_needed():
    box = shared()
    for headers in ({}, {"X-Access-Token": ""}, {"X-Access-Token": "wrong"}, {"X-Access-Token": box["envdAccessToken"] + "x"}):
        for method, path in (("GET", "/envs"), ("GET", "/metrics"), ("POST", "/process.Process/List"), ("GET", "/no/such/path"),
                             ("GET", "/files?path=/etc/hostname")):
            answer = door(box, path, method=method, body=b"{}" if method == "POST" else None,
                          headers={**headers, "Content-Type": JSON})
            equal((answer.status, sorted(answer.json)), (401, ["code", "message"]), f"{method} {path}")
            equal(answer.json["code"], 401)


@case(GROUP)
def environment_and_metrics():
    box = shared()
    equal(door(box, "/envs", headers=token(box)).json["E2B_SANDBOX"], "true")
    row = door(box, "/metrics", headers=token(box)).json
    for name in ("ts", "cpu_count", "cpu_used_pct", "mem_total", "mem_used", "mem_cache", "disk_used", "disk_total"):
        assert name in row, name


@case(GROUP)
def files():
    box = shared()
    sent = door(box, f"/files?path={FILE}", method="POST", body=b"text\n",
                headers={**token(box), "Content-Type": "application/octet-stream"})
    equal((sent.status, sent.json), (200, [{"path": FILE, "name": "wire-agent.txt", "type": "file"}]))
    got = door(box, f"/files?path={FILE}", headers=token(box))
    equal((got.status, got.body, got.header("Content-Disposition")), (200, b"text\n", "inline; filename=wire-agent.txt"))
    part = door(box, f"/files?path={FILE}", headers={**token(box), "Range": "bytes=1-2"})
    equal((part.status, part.body, part.header("Content-Range")), (206, b"ex", "bytes 1-2/5"))
    door(box, "/files?path=/home/user/wire-empty", method="POST", body=b"",
         headers={**token(box), "Content-Type": "application/octet-stream"})
    empty = door(box, "/files?path=/home/user/wire-empty", headers=token(box))
    equal((empty.status, empty.header("Content-Length")), (200, "0"))
    message = error(door(box, "/files?path=/no/such/file", headers=token(box)), 404, 404)
    equal(message, "path '/no/such/file' does not exist")
    error(door(box, "/files?path=/etc", headers=token(box)), 400, 400)
    error(door(box, "/files?path=/etc/hostname&username=nobody-we-know", headers=token(box)), 401, 401)


@case(GROUP)
def multipart():
    box = shared()
    body = (b"--edge\r\nContent-Disposition: form-data; name=\"file\"; filename=\"/home/user/wire-a\"\r\n\r\nfirst\r\n"
            b"--edge\r\nContent-Disposition: form-data; name=\"file\"; filename=\"wire-sub/b\"\r\n\r\nsecond\r\n--edge--\r\n")
    answer = door(box, "/files", method="POST", body=body, headers={**token(box), "Content-Type": "multipart/form-data; boundary=edge"})
    equal((answer.status, [e["path"] for e in answer.json]), (200, ["/home/user/wire-a", "/home/user/wire-sub/b"]), answer.text)
    equal(run(box, "cat wire-a wire-sub/b"), "firstsecond")


@case(GROUP)
def errors_of_calls():
    box = shared()
    error(rpc(box, "filesystem.Filesystem/Stat", {"path": "/no/such"}), 404, "not_found")
    error(rpc(box, "filesystem.Filesystem/MakeDir", {"path": "/etc"}), 409, "already_exists")
    error(rpc(box, "filesystem.Filesystem/ListDir", {"path": "/etc/passwd"}), 400, "invalid_argument")
    error(rpc(box, "process.Process/SendSignal", {"process": {"pid": 999999}, "signal": "SIGNAL_SIGKILL"}), 404, "not_found")
    basic = base64.b64encode(b"root123:").decode()
    message = error(rpc(box, "filesystem.Filesystem/Stat", {"path": "/"}, {"Authorization": f"Basic {basic}"}), 401, "unauthenticated")
    equal(message, "invalid username: 'root123'")
    unknown = rpc(box, "process.Process/NoSuch", {})
    equal((unknown.status, unknown.text.strip()), (404, "404 page not found"))
    equal(door(box, "/process.Process/List", headers=token(box)).status, 405)


@case(GROUP)
def stream_frames():
    box = shared()
    stream = Stream(box, "process.Process/Start", {"process": {"cmd": "/bin/sh", "args": ["-c", "printf a; exit 3"]}})
    frames = []
    while not frames or not frames[-1][0] & 2:
        frames.append(stream.frame())
    kinds = [next(iter(message["event"])) for flags, message in frames[:-1]]
    equal((kinds, frames[-1]), (["start", "data", "end"], (2, {})))
    equal(frames[1][1]["event"]["data"], {"stdout": base64.b64encode(b"a").decode()})
    equal(frames[2][1]["event"]["end"], {"exitCode": 3, "exited": True, "status": "exit status 3", "error": "exit status 3"})
    equal(stream.answer.read(), b"")


@case(GROUP)
def stream_errors_are_frames():
    stream = Stream(shared(), "process.Process/Connect", {"process": {"pid": 999999}})
    equal(stream.answer.status, 200)
    flags, message = stream.frame()
    equal((flags, message["error"]["code"]), (2, "not_found"))


@case(GROUP)
def deadline():
    stream = Stream(shared(), "process.Process/Start", {"process": {"cmd": "/bin/sleep", "args": ["60"]}}, {"Connect-Timeout-Ms": "1500"})
    frames = [stream.frame(), stream.frame()]
    assert "start" in frames[0][1]["event"], frames
    equal((frames[1][0], frames[1][1]["error"]["code"]), (2, "deadline_exceeded"))


@case(GROUP)
def keepalive():
    stream = Stream(shared(), "process.Process/Start", {"process": {"cmd": "/bin/sleep", "args": ["20"]}}, {"Keepalive-Ping-Interval": "1"})
    equal([stream.frame()[1]["event"].keys() & {"start", "keepalive"} for _ in range(3)], [{"start"}, {"keepalive"}, {"keepalive"}])
    stream.close()


@case(GROUP)
def input_as_it_is_sent():
    """StreamInput: a request that is answered while it is still being sent."""
    box = shared()
    command = Stream(box, "process.Process/Start", {"process": {"cmd": "/bin/cat"}, "stdin": True})
    pid = command.frame()[1]["event"]["start"]["pid"]
    sender = connect(DOOR)
    sender.putrequest("POST", "/process.Process/StreamInput")
    for name, value in {"Content-Type": "application/connect+json", "Connect-Protocol-Version": "1", "Transfer-Encoding": "chunked",
                        "E2b-Sandbox-Id": box["sandboxID"], "E2b-Sandbox-Port": str(AGENT_PORT), **token(box)}.items():
        sender.putheader(name, value)
    sender.endheaders()

    def send(message):
        data = envelope(message)
        sender.send(b"%x\r\n%s\r\n" % (len(data), data))
    send({"start": {"process": {"pid": pid}}})
    for text in (b"one\n", b"two\n"):
        send({"data": {"input": {"stdin": base64.b64encode(text).decode()}}})
        equal(base64.b64decode(command.frame()[1]["event"]["data"]["stdout"]), text)
    sender.send(b"0\r\n\r\n")
    answer = sender.getresponse()
    equal((answer.status, answer.read()), (200, envelope({}) + envelope({}, 2)))
    equal(rpc(box, "process.Process/CloseStdin", {"process": {"pid": pid}}).status, 200)
    assert "end" in command.frame()[1]["event"]


@case(GROUP)
def browsers_may():
    answer = door(shared(), "/health", headers={"Origin": "https://app.test"})
    equal((answer.status, answer.header("Access-Control-Allow-Origin")), (204, "*"))
    answer = door(shared(), "/files", method="OPTIONS", headers={
        "Origin": "https://app.test", "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-access-token"})
    equal((answer.status, answer.header("Access-Control-Allow-Origin")), (204, "*"))


@case(GROUP)
def process_list():
    box = shared()
    command = Stream(box, "process.Process/Start", {"process": {"cmd": "/bin/sleep", "args": ["30"]}, "tag": "mine"})
    pid = command.frame()[1]["event"]["start"]["pid"]

    def mine():
        return [p for p in rpc(box, "process.Process/List", {}).json.get("processes", []) if p.get("tag") == "mine"]
    equal(mine(), [{"config": {"cmd": "/bin/sleep", "args": ["30"]}, "pid": pid, "tag": "mine"}])
    equal(rpc(box, "process.Process/SendSignal", {"process": {"tag": "mine"}, "signal": "SIGNAL_SIGTERM"}).status, 200)
    end = command.frame()[1]["event"]["end"]
    equal((end["exitCode"], end.get("exited", False), end["error"]), (-1, False, "signal: terminated"))
    equal(mine(), [])
