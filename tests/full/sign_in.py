"""What a stranger learns and gets by signing in again and again.

    sign_in.py FOLDER PAIRS PASSWORDS      FOLDER: relay.pem, relay.key and the relay's password"""

import http.client
import json
import logging
import math
import os
import re
import ssl
import statistics
import sys
import threading
import time
import urllib.parse
from concurrent.futures import ThreadPoolExecutor
from email import message_from_bytes
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

import deployment
from results import Results, need

FOLDER, PAIRS, PASSWORDS = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
RESULTS = Results("sign-in")
PASSWORD = "a long way to Tipperary"
NEAR, FAR = 0.05, 0.15  # medians nearer than this are meant; what is further apart than that is no noise
FREE, ADDRESS_FREE, WAIT_MAX_S, DAY_MAX = 5, 20, 900, 110  # web/docs/auth.md, auth.wait
AT_ONCE = 24
KNOWN_WITHIN_S = 5


class Relay:
    """A mail relay that takes letters below TLS, from who signs in."""

    def __init__(self):
        self.letters, self.secret = [], (FOLDER / "password").read_bytes().strip()
        self.controller = None

    def open(self):
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(FOLDER / "relay.pem", FOLDER / "relay.key")
        self.controller = Controller(
            self, hostname="127.0.0.1", port=deployment.BASE + 25, tls_context=tls, require_starttls=True,
            auth_required=True, auth_require_tls=True, authenticator=self.knows)
        self.controller.start()

    def close(self):
        """Letters wait."""
        self.controller.stop()

    def knows(self, _server, session, _envelope, _mechanism, said):
        return AuthResult(success=session.ssl is not None and (said.login, said.password) == (b"dormouse", self.secret))

    async def handle_DATA(self, _server, session, envelope):  # pylint: disable=invalid-name
        self.letters.append((envelope.rcpt_tos[0], session.ssl is not None, bool(session.authenticated),
                             message_from_bytes(envelope.content).get_payload(decode=True).decode()))
        return "250 taken"

    def link(self, to, kind):
        """In the newest letter to somebody, when it has come."""
        found = []

        def come():
            found[:] = [re.search(rf"/console/{kind}/(\S+)", text) for who, _, _, text in self.letters if who == to]
            return any(found)
        deployment.wait_for(f"a letter to {to}", 90, come)
        return [one for one in found if one][-1].group(1)


class Browser:
    """From an address of this machine's own, with a jar of cookies; a connection that stays."""

    def __init__(self, source):
        url = urllib.parse.urlsplit(deployment.API)
        self.connection = http.client.HTTPConnection(url.hostname, url.port, timeout=60, source_address=(source, 0))
        self.jar, self.retry_after, self.rule = {}, 0, ""

    def post(self, path, body, headers=None):
        """The status."""
        sent = {"Content-Type": "application/json", "Dormouse-Csrf": "1", "Origin": deployment.API,
                "Cookie": "; ".join(f"{n}={v}" for n, v in self.jar.items()), **(headers or {})}
        self.connection.request("POST", path, json.dumps(body), sent)
        answer = self.connection.getresponse()
        said = json.loads(answer.read() or "{}")
        self.rule = said.get("denial", {}).get("rule", "")
        for line in answer.headers.get_all("Set-Cookie") or ():
            name, value = line.split(";", 1)[0].split("=", 1)
            self.jar[name] = value
        self.retry_after = int(answer.headers.get("Retry-After") or 0)
        return answer.status

    def sign_in(self, email, password=PASSWORD, headers=None):
        return self.post("/v1/auth/sign-in", {"email": email, "password": password}, headers)


def address(number):
    """Of 127.0.0.0/8, one for each number below four million."""
    return f"127.{10 + number // 62500}.{1 + number // 250 % 250}.{1 + number % 250}"


def sign_up(relay, browser, email):
    status = browser.post("/v1/auth/sign-up", {"email": email, "password": PASSWORD, "name": "somebody"})
    need(status == 202, f"sign-up: {status}")
    status = browser.post("/v1/auth/confirm", {"token": relay.link(email, "confirm"), "password": PASSWORD})
    need(status in (200, 204), f"confirm: {status}")


def forget_attempts():
    deployment.sql("DELETE FROM dm.attempt")


# --- what the time tells


def timed(browser, path, body, status):
    began = time.perf_counter()
    said = browser.post(path, body)
    took = time.perf_counter() - began
    need(said == status, f"{path}: {said}, not {status}")
    return took


def pairs(path, known, unknown, status):
    """In turns, each of a pair first every other time, always within what is free."""
    browser, times = Browser(address(1)), {known["email"]: [], unknown["email"]: []}
    for number in range(PAIRS):
        if number % (FREE - 1) == 0:
            forget_attempts()
        for body in (known, unknown) if number % 2 else (unknown, known):
            this = body | {"email": body["email"].replace("*", str(number))}  # one that somebody has afterwards is used once
            times[body["email"]].append(timed(browser, path, this, status))
    had, none = (statistics.median(times[body["email"]]) for body in (known, unknown))
    apart = abs(had - none) / none
    print(f"  {path}, {PAIRS} pairs: median {had * 1e3:.1f} ms of an address that somebody has, {none * 1e3:.1f} ms of one that"
          f" nobody has: {apart:.1%} apart, {'within' if apart <= NEAR else 'NOT within'} {NEAR:.0%}")
    need(apart <= FAR, f"{path} tells who is there: {had * 1e3:.1f} ms and {none * 1e3:.1f} ms")


# --- ten thousand


def looked_at_most(free, seconds):
    """The last that is free begins a wait of a second, and each one after it one of twice as long."""
    return free + int(math.log2(seconds + 1))


def flood(source_of, email_of, headers_of=lambda number: {}):
    """{rule: how many were refused by it}, and how long it took."""
    said, lock = {}, threading.Lock()
    numbers = iter(range(PASSWORDS))

    def some():
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            browser = Browser(source_of(number))
            status = browser.sign_in(email_of(number), f"wrong {number:08}", headers_of(number))
            browser.connection.close()
            key = browser.rule or str(status)
            with lock:
                said[key] = said.get(key, 0) + 1

    began = time.monotonic()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for done in [pool.submit(some) for _ in range(AT_ONCE)]:
            done.result()
    return said, time.monotonic() - began


def held_to(what, free, said, seconds):
    looked, most = said.get("auth.credentials", 0), looked_at_most(free, seconds)
    print(f"  {PASSWORDS} {what}, in {seconds:.0f} s: {looked} were looked at, at most {most} may be; refused by {said}")
    need(set(said) <= {"auth.credentials", "auth.wait", "request.rate", "request.at_once", "service.busy", "503"}, f"refused by {said}")
    need(0 < looked <= most, f"{looked} wrong passwords were looked at, {most} may be")


def at_once(browser, email, what):
    began = time.monotonic()
    status = browser.sign_in(email)
    took = time.monotonic() - began
    print(f"  {what}: {status} after {took * 1e3:.0f} ms")
    need(status == 200 and took < KNOWN_WITHIN_S, f"{what}: {status} after {took:.1f} s")


def main():
    logging.getLogger("mail.log").setLevel(logging.ERROR)  # it warns of itself, once a letter
    relay, victim, nobody = Relay(), "victim@sign-in.test", "nobody@sign-in.test"
    his, other = Browser(address(2)), Browser(address(3))
    relay.open()
    with RESULTS.proof("mail"):
        sign_up(relay, his, victim)
        need(his.sign_in(victim) == 200, "he cannot sign in")
        need(relay.letters and all(tls and known for _, tls, known, _ in relay.letters), f"{relay.letters}")
    relay.close()  # who carries letters takes no time while it is measured
    with RESULTS.proof("time/sign-in"):
        pairs("/v1/auth/sign-in", {"email": victim, "password": "it is not this"},
              {"email": nobody, "password": "it is not this"}, 401)
    with RESULTS.proof("time/reset"):
        pairs("/v1/auth/reset", {"email": victim}, {"email": nobody}, 202)
    with RESULTS.proof("time/sign-up"):
        stranger = {"password": PASSWORD, "name": "Somebody", "project": "timed"}
        pairs("/v1/auth/sign-up", stranger | {"email": victim}, stranger | {"email": "fresh-*@sign-in.test"}, 202)
    relay.open()
    forget_attempts()
    with RESULTS.proof("one-account"):
        with ThreadPoolExecutor(1) as beside:
            begun = threading.Event()
            meanwhile = beside.submit(lambda: begun.wait(60) and at_once(his, victim, "his own browser, meanwhile"))
            said, seconds = flood(lambda n: (n == PASSWORDS // 4 and begun.set()) or address(1000 + n), lambda n: victim)
            meanwhile.result()
        held_to("wrong passwords for one account, each from another address", FREE, said, seconds)
        need(said["auth.credentials"] <= DAY_MAX, "more than in a day")
    with RESULTS.proof("not-locked-out"):
        at_once(his, victim, "his own browser, afterwards")
        status = other.sign_in(victim)
        wait = other.retry_after
        print(f"  a browser of his that is new: {status}, may come again after {wait} s")
        need(status == 429 and 0 < wait <= WAIT_MAX_S, f"{status}, {wait}")
        lost = Browser(address(4))
        need(lost.post("/v1/auth/reset", {"email": victim}) == 202, "no letter for a new password")
        token = relay.link(victim, "reset")
        need(lost.post("/v1/auth/reset/confirm", {"token": token, "password": PASSWORD}) == 204, "the link does not work")
        at_once(lost, victim, "the browser that followed the letter's link")
        time.sleep(wait + 1)
        need(other.sign_in(victim) == 200, "the wait is over, and he may not sign in")
    with RESULTS.proof("one-address"):
        forget_attempts()
        said, seconds = flood(lambda n: address(5), lambda n: f"somebody-{n}@sign-in.test",
                              lambda n: {"X-Forwarded-For": f"198.51.{n // 250}.{n % 250}"})
        held_to("wrong passwords from one address that names others, each for another account", ADDRESS_FREE, said, seconds)
        at_once(Browser(address(6)), victim, "a new browser, from elsewhere")
    relay.close()
    sys.stdout.flush()
    os._exit(1 if RESULTS.failed else 0)


main()
