"""What every side of the attack needs: sandboxes by the SDK as it is, raw requests, and the results' name."""

import http.client
import json
import os
from dataclasses import dataclass
from urllib.parse import urlsplit

from e2b import Sandbox
from results import Results

LONG = bool(os.environ.get("DM_ATTACK_LONG"))
API, KEY = urlsplit(os.environ["E2B_API_URL"]), os.environ["E2B_API_KEY"]


def side(name):
    return Results(f"attack/{name}")


@dataclass
class Answer:
    """status 0: nobody answered."""
    status: int
    body: object = None
    headers: object = None


def call(method, path, body=None, headers=None, key=KEY, timeout=60):
    """One request to the front, without any repetition."""
    conn = http.client.HTTPConnection(API.hostname, API.port, timeout=timeout)
    try:
        own = {"Content-Type": "application/json"} | ({"X-API-KEY": key} if key else {}) | (headers or {})
        conn.request(method, path, json.dumps(body) if isinstance(body, (dict, list)) else body, own)
        answer = conn.getresponse()
        text = answer.read()
        try:
            return Answer(answer.status, json.loads(text) if text else None, answer.headers)
        except ValueError:
            return Answer(answer.status, text, answer.headers)
    except (OSError, http.client.HTTPException):
        return Answer(0)
    finally:
        conn.close()


def sandbox(timeout=300, **options):
    return Sandbox.create(timeout=timeout, **options)


def as_root(box, script, timeout=60):
    """What a tenant who is root in his sandbox runs; its output, whatever its exit code."""
    return box.commands.run(f"({script}) 2>&1 || true", user="root", timeout=timeout).stdout
