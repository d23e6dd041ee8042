"""The routes an E2B client takes, on plain sockets kept open: what is timed is the service, not a client library.

One Client belongs to one thread. Bodies, headers and routes are those of Python e2b 2.63.0.
"""

import base64
import http.client
import json
import os
import time
import urllib.parse

RETRIES = 3  # as the SDK: on 429 and 503 only


class Refused(RuntimeError):
    """An answer that is not what was asked for."""


class Sandbox:
    """What a create answered."""

    def __init__(self, answer):
        self.id, self.token = answer["sandboxID"], answer.get("envdAccessToken")


class Client:
    """Times are seconds of time.perf_counter."""

    def __init__(self):
        self.api = self._connection("E2B_API_URL")
        self.front = self._connection("E2B_SANDBOX_URL")
        self.key = os.environ["E2B_API_KEY"]
        self.retries = 0

    @staticmethod
    def _connection(name):
        url = urllib.parse.urlsplit(os.environ[name])
        return http.client.HTTPConnection(url.hostname, url.port, timeout=180)

    def close(self):
        self.api.close()
        self.front.close()

    def _api(self, method, path, body=None):
        """(status, body) of a call, tried again as the SDK does when it is told to wait."""
        headers = {"X-API-Key": self.key}
        data = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            data = json.dumps(body).encode()
        for attempt in range(RETRIES + 1):
            try:
                self.api.request(method, path, data, headers)
                answer = self.api.getresponse()
                text = answer.read()
            except (OSError, http.client.HTTPException) as error:
                self.api.close()
                raise Refused(f"{method} {path}: {error}") from error
            wait = answer.headers.get("Retry-After")
            if answer.status not in (429, 503) or wait is None or attempt == RETRIES:
                return answer.status, text
            self.retries += 1
            time.sleep(float(wait))
        raise AssertionError("unreachable")

    def _expect(self, wanted, method, path, body=None):
        status, text = self._api(method, path, body)
        if status not in wanted:
            raise Refused(f"{method} {path}: {status} {text[:200].decode(errors='replace')}")
        return json.loads(text) if text else None

    def create(self, timeout_s=300, template="base"):
        return Sandbox(self._expect((201,), "POST", "/v2/sandboxes", {"templateID": template, "timeout": timeout_s}))

    def kill(self, box):
        self._expect((204,), "DELETE", f"/sandboxes/{box.id}")

    def pause(self, box):
        self._expect((204,), "POST", f"/sandboxes/{box.id}/pause", {})

    def connect(self, box, timeout_s=300):
        """True where it had to be woken."""
        status, text = self._api("POST", f"/v2/sandboxes/{box.id}/connect", {"timeout": timeout_s})
        if status not in (200, 201):
            raise Refused(f"connect: {status} {text[:200].decode(errors='replace')}")
        return status == 201

    def run(self, box, command):
        """Runs it as the SDK's commands.run does. (output, when its first byte came); raises where it failed."""
        message = json.dumps({"process": {"cmd": "/bin/bash", "args": ["-l", "-c", command], "envs": {}},
                              "stdin": False}).encode()
        headers = {
            "Content-Type": "application/connect+json", "Connect-Protocol-Version": "1", "Connect-Timeout-Ms": "60000",
            "E2b-Sandbox-Id": box.id, "E2b-Sandbox-Port": "49983", "Keepalive-Ping-Interval": "50",
            "Authorization": "Basic " + base64.b64encode(b"user:").decode(),
        }
        if box.token:
            headers["X-Access-Token"] = box.token
        try:
            self.front.request("POST", "/process.Process/Start", bytes([0]) + len(message).to_bytes(4, "big") + message,
                               headers)
            answer = self.front.getresponse()
            if answer.status != 200:
                raise Refused(f"run: {answer.status} {answer.read()[:200].decode(errors='replace')}")
            return self._events(answer)
        except (OSError, http.client.HTTPException) as error:
            self.front.close()
            raise Refused(f"run: {error}") from error

    @staticmethod
    def _events(answer):
        text, first, code, held = b"", None, None, b""
        while True:
            got = answer.read1(65536)
            if not got:
                raise Refused("run: the stream ended without an end")
            held += got
            while len(held) >= 5 and len(held) >= 5 + int.from_bytes(held[1:5], "big"):
                size = int.from_bytes(held[1:5], "big")
                flags, event, held = held[0], json.loads(held[5:5 + size]), held[5 + size:]
                if flags & 2:
                    answer.read()
                    if event.get("error") or code != 0:
                        raise Refused(f"run: {event} exit code {code}")
                    return text, first
                event = event.get("event", {})
                if "stdout" in event.get("data", {}):
                    first = first or time.perf_counter()
                    text += base64.b64decode(event["data"]["stdout"])
                if "end" in event:
                    code = event["end"].get("exitCode", 0)
