"""Somebody with a browser, as far as the console's pages would send: he signs up by the letter that he gets. Only on a
deployment of ours: letters and operators are its root's."""

import base64
import hmac
import os
import random
import re
import secrets
import struct
import subprocess
import time

from client import API, api

MARK = secrets.token_hex(4)
PASSWORD = "a long way to Tipperary " + MARK


def address():
    """One of this machine's own, which hardly anybody has asked from: what fails counts against where it comes from."""
    return ".".join(["127"] + [str(random.randint(2, 250)) for _ in range(3)])


def cookies(answer, jar):
    for line in answer.headers.get_all("Set-Cookie") or ():
        name, value = line.split(";", 1)[0].split("=", 1)
        jar[name] = value
    return answer


class Browser:
    """What a page of the console would send."""

    def __init__(self, agent):
        self.agent, self.jar, self.source, self.look = agent, {}, address(), None

    def ask(self, method, path, body=None, status=200):
        headers = {"Cookie": "; ".join(f"{n}={v}" for n, v in self.jar.items()), "Dormouse-Csrf": "1", "Origin": API,
                   "User-Agent": self.agent, **({"Dormouse-Look": self.look} if self.look else {})}
        answer = cookies(api(method, path, body, key=None, headers=headers, source=self.source), self.jar)
        assert answer.status == status, f"{method} {path}: {answer.status} {answer.text[:300]}"
        return answer.json if answer.body else None


class Person(Browser):
    def __init__(self, name):
        super().__init__(name)
        self.email, self.password = f"{name}-{MARK}@day.test", PASSWORD

    def sign_up(self):
        self.ask("POST", "/v1/auth/sign-up", {"email": self.email, "password": PASSWORD, "name": self.agent}, 202)
        self.ask("POST", "/v1/auth/confirm", {"token": letter(self.email, "confirm"), "password": PASSWORD})


def letter(to, kind):
    """The link in the newest letter to somebody, as root reads it where no relay is."""
    done = subprocess.run([os.path.join(os.environ["DM_ROOT"], "ops/dormouse"), "mail", "20"], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, text=True, check=True)
    for one in done.stdout.split("To: ")[1:]:
        if one.startswith(f"{to}\n"):
            found = re.search(rf"/console/{kind}/(\S+)", one)
            assert found, one
            return found.group(1)
    raise AssertionError(f"no letter to {to}")


def admin(*words):
    """What dormouse-admin says, as NAME=VALUE."""
    base = int(os.environ["DM_PORT_BASE"]) + 432
    done = subprocess.run(
        [os.environ["DM_BUILD"] + "/bin/dormouse-admin", "--who", "day", "--db",
         f"host={os.environ['DM_DATA']}/run/pg port={base} dbname=dormouse user=dm_ops", *words],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0, f"{words}: {done.stdout}"
    return dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)


def code_of(secret):
    """RFC 6238, six digits."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    digest = hmac.digest(key, struct.pack(">Q", int(time.time()) // 30), "sha1")
    at = digest[-1] & 15
    return f"{(int.from_bytes(digest[at:at + 4], 'big') & 0x7fffffff) % 1000000:06}"


def begin_as_operator(browser, name):
    """Signed in for the first time, by the password that was printed, which is given back."""
    made = admin("operator-add", "--name", name, "--email", f"{name}@ops.test")
    once = next(value for key, value in made.items() if "PASSWORD" in key)
    browser.ask("POST", "/v1/ops/auth/sign-in", {"email": f"{name}@ops.test", "password": once})
    return once


def go_on_as_operator(browser, once):
    """A password of his own and a second factor: he may what operators may."""
    browser.ask("POST", "/v1/ops/auth/password", {"old": once, "new": PASSWORD}, 204)
    secret = browser.ask("POST", "/v1/ops/auth/totp", {"password": PASSWORD})["secret"]
    browser.ask("POST", "/v1/ops/auth/totp/confirm", {"code": code_of(secret)})
