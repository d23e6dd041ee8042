#!/usr/bin/env python3
"""A second verifier of bundles, written from sdk/FORMAT.md alone: it imports nothing of this project.

    verifier.py BUNDLE        prints the verdict as JSON; exits 0 good, 1 bad, 3 unknown
"""

import hashlib
import json
import re
import struct
import sys
from datetime import datetime, timezone
from fractions import Fraction

import zstandard
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

FILE_MAX, PAGE_ROWS, PAGE_LINES = 16 << 20, 500, 4000
RUN, HIB, UNKNOWN_DISK = 1, 2, 0xFFFFFFFF
SPECS = [(v, m) for v, sizes in ((1, (256, 512, 1024, 2048, 4096)), (2, (512, 1024, 2048, 4096, 8192)),
                                 (4, (1024, 2048, 4096, 8192, 16384)), (8, (2048, 4096, 8192, 16384))) for m in sizes]
USAGE = ("disk-hib", "disk-run-over-30", "mem-run", "vcpu-run")
SKUS = USAGE + ("minutes", "snapshot")
FORGOTTEN_AFTER = 48
DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


class Bad(Exception):
    def __init__(self, kind, entry, words, row=None):
        super().__init__(words)
        self.kind, self.entry, self.words, self.row = kind, entry, words, row


class Unknown(Exception):
    pass


class Unreadable(Exception):
    """JSON, or bytes, that are not what the page says."""


# --- archive ---

def head_of(name, size):
    head = bytearray(512)
    head[0:len(name)] = name
    head[100:108], head[108:116], head[116:124] = b"0000644\0", b"0000000\0", b"0000000\0"
    head[124:136], head[136:148] = b"%011o\0" % size, b"0" * 11 + b"\0"
    head[148:156], head[156:157] = b" " * 8, b"0"
    head[257:263], head[263:265] = b"ustar\0", b"00"
    head[148:156] = b"%06o\0 " % sum(head)
    return bytes(head)


class Archive:
    """next() gives (name, bytes), None behind the last."""

    def __init__(self, data):
        self.error, self.at, self.last = None, 0, ""
        out, d = [], zstandard.ZstdDecompressor(max_window_size=8 << 20).decompressobj()
        try:
            out.append(d.decompress(data))
            if not d.eof:
                self.error = "it ends too early"
            elif d.unused_data:
                self.error = "something stands behind its end"
        except zstandard.ZstdError as e:
            self.error = str(e)
        self.tar = b"".join(out)

    def damaged(self, words):
        raise Bad("damaged", self.last, words)

    def take(self, n):
        if self.at + n > len(self.tar):
            self.damaged(self.error or "it ends too early")
        self.at += n
        return self.tar[self.at - n:self.at]

    def next(self):
        head = self.take(512)
        if head == bytes(512):
            if self.take(512) != bytes(512) or self.at != len(self.tar) or self.error:
                self.damaged("its end is not as it must be")
            return None
        name, size = head[:100].split(b"\0")[0], head[124:135]
        if not name or len(name) > 99 or not re.fullmatch(rb"[0-7]{11}", size) or head_of(name, int(size, 8)) != head:
            self.damaged("a head is damaged")
        size = int(size, 8)
        name = name.decode("latin-1")
        if size > FILE_MAX:
            raise Unknown(f"{name} is too large")
        body = self.take(size)
        if self.take(-size % 512).strip(b"\0"):
            self.damaged("something stands behind a file")
        return name, body


PLACES = ((r"manifest\.json", lambda m: (1,)), (r"keys/0\.json", lambda m: (2,)), (r"books/(\d+)\.json", lambda m: (3, m[0])),
          (r"statements/(\d+)\.json", lambda m: (4, m[0], 0)), (r"statements/(\d+)\.sig", lambda m: (4, m[0], 1)),
          (r"statements/(\d+)/pages/(\d+)\.json", lambda m: (4, m[0], 2, m[1], 0)),
          (r"attestations/(\d+)/(\d+)\.bin", lambda m: (4, m[0], 2, m[1], 1)))


def place_of(name):
    for pattern, place in PLACES:
        match = re.fullmatch(pattern, name, re.A)
        if match:
            return place([int(n) for n in match.groups()])
    return None


# --- words ---

def sha(data):
    return hashlib.sha256(data).digest()


def once(pairs):
    if len({k for k, _ in pairs}) != len(pairs):
        raise Unreadable("a member twice")
    return dict(pairs)


def load(data):
    try:
        return json.loads(data.decode("utf-8"), object_pairs_hook=once, parse_constant=lambda c: (_ for _ in ()).throw(Unreadable(c)))
    except (ValueError, RecursionError) as e:
        raise Unreadable(str(e)) from e


def text(value):
    out = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return out.replace("\x7f", "\\u007f").encode()


def get(obj, name, kind):
    if not isinstance(obj, dict) or type(obj.get(name)) is not kind:
        raise Unreadable(name)
    return obj[name]


def number(obj, name, least=0, most=2**63 - 1):
    n = get(obj, name, int)
    if not least <= n <= most:
        raise Unreadable(name)
    return n


def short(obj, name, size):
    s = get(obj, name, str)
    if len(s.encode()) >= size:
        raise Unreadable(name)
    return s


def unhex(obj, name, size):
    s = get(obj, name, str)
    if not re.fullmatch(f"[0-9a-fA-F]{{{2 * size}}}", s):
        raise Unreadable(name)
    return bytes.fromhex(s)


def second_of(s):
    if not isinstance(s, str) or not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", s, re.A):
        raise Unreadable("a time")
    try:
        at = int(datetime.strptime(s, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc).timestamp())
    except ValueError as e:
        raise Unreadable("a time") from e
    if at < 0:
        raise Unreadable("a time")
    return at


def time_text(second):
    return datetime.fromtimestamp(second, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def end_of(obj, name):
    return None if obj.get(name) is None else second_of(obj[name])


def exact(s, decimals, below, negative=False):
    if not isinstance(s, str) or not re.fullmatch(rf"{'-?' if negative else ''}\d+(\.\d{{1,{decimals}}})?", s, re.A):
        raise Unreadable("a number")
    value = Fraction(s)
    if abs(value) >= below:
        raise Unreadable("a number")
    return value


def decimals(value, places):
    scaled = value * 10**places
    assert scaled.denominator == 1
    n = abs(scaled.numerator)
    return f"{'-' if scaled < 0 else ''}{n // 10**places}.{n % 10**places:0{places}d}"


def money(v):
    return decimals(v, 18)


def summed(data):
    tail = data[-74:]
    return len(data) > 74 and tail[:8] == b',"sum":"' and tail[72:] == b'"}' and hashlib.sha256(data[:-74]).hexdigest().encode() == tail[8:72]


def root_of(hashes):
    """Level by level from the right trees down, without recursion on large lists."""
    if not hashes:
        return sha(b"")
    stack = []
    for i, h in enumerate(hashes):
        node, n = sha(b"\0" + h), i
        while n & 1:
            node, n = sha(b"\1" + stack.pop() + node), n >> 1
        stack.append(node)
    node = stack.pop()
    while stack:
        node = sha(b"\1" + stack.pop() + node)
    return node


def signed(key, signature, data):
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, data)
        return True
    except (InvalidSignature, ValueError):
        return False


# --- attestations ---

class Attestation:
    def __init__(self, m):
        self.hash, self.body, self.signature = sha(m), m[:-64], m[-64:]
        head = struct.Struct("<BHQQI16sIHHHqIQQ32sH")
        if len(m) < head.size + 64 or len(m) > 65536:
            raise Unreadable("too short")
        (kind, version, self.worker, self.boot, self.project_no, self.sandbox, self.epoch, self.spec_table, self.spec, self.region_no,
         self.start, self.period_s, first, last, self.previous, cause) = head.unpack_from(m)
        at = head.size
        if (kind, version) != (1, 1) or not 0 < self.worker < 2**63 or self.boot >= 2**63 or not first <= last < 2**63 or cause > 19:
            raise Unreadable("out of range")
        if not 0 < self.epoch < 2**31 or self.sandbox == bytes(16) or not 0 < self.period_s <= 3600:
            raise Unreadable("out of range")
        if not 0 <= self.start <= 253402300799 or self.start % self.period_s:
            raise Unreadable("no such period")
        rest = self.body[at:]
        self.states, self.disks = [], []
        rest, runs = self.u16(rest)
        before = None
        for _ in range(runs):
            if len(rest) < 3:
                raise Unreadable("too short")
            state, n = rest[0], rest[1] | rest[2] << 8
            rest = rest[3:]
            if state > 2 or state == before or n == 0 or len(self.states) + n > self.period_s:
                raise Unreadable("a run")
            self.states += [state] * n
            before = state
        if len(self.states) != self.period_s:
            raise Unreadable("runs")
        rest, minutes = self.u16(rest)
        if minutes != (self.period_s + 59) // 60 or len(rest) != 4 * minutes:
            raise Unreadable("minutes")
        self.disks = list(struct.unpack(f"<{minutes}I", rest))

    @staticmethod
    def u16(rest):
        if len(rest) < 2:
            raise Unreadable("too short")
        return rest[2:], rest[0] | rest[1] << 8

    def name(self):
        n, out = int.from_bytes(self.sandbox, "big"), ""
        for _ in range(20):
            n, d = divmod(n, 36)
            out = DIGITS[d] + out
        return "i" + out if n == 0 else None

    def disk_at(self, second):
        for m in range(second // 60, -1, -1):
            if self.disks[m] != UNKNOWN_DISK:
                return self.disks[m]
        return 0


# --- what is on a page ---

class Line:
    def __init__(self, obj, start, length):
        self.sku = get(obj, "sku", str)
        if self.sku not in SKUS:
            raise Unreadable("sku")
        self.qty = exact(obj.get("qty"), 6, 10**14, True)
        self.per_unit = exact(obj.get("per_unit"), 12, 10**6)
        self.amount = exact(obj.get("amount"), 18, 10**20, True)
        self.book, self.seconds, self.tier = number(obj, "book", 1), number(obj, "seconds"), number(obj, "tier", 0, 255)
        first, last = second_of(obj.get("from")), second_of(obj.get("to"))
        if not start <= first <= last <= start + length:
            raise Unreadable("a line's time")
        self.first, self.last = first - start, last - start

    def said(self):
        return (self.sku, self.tier, self.book, self.first, self.last, self.seconds, self.qty, self.per_unit, self.amount)


def line_json(said, start, row):
    sku, tier, book, first, last, seconds, qty, per_unit, amount = said
    of = {n: row.json[n] if row else None for n in ("epoch", "project", "project_no", "region", "sandbox", "spec", "spec_table")}
    return {**of, "amount": money(amount), "book": book, "from": time_text(start + first), "kind": "usage",
            "per_unit": decimals(per_unit, 12), "qty": decimals(qty, 6), "seconds": seconds, "sku": sku, "tier": tier,
            "to": time_text(start + last)}


class Row:
    SAME = ("sandbox", "project_no", "epoch", "spec_table", "spec", "region")

    def __init__(self, obj):
        self.hash = unhex(obj, "attestation", 32)
        self.attested = get(obj, "attested", bool)
        self.basis = get(obj, "basis", str)
        if self.basis not in ("frames", "attestation", "nothing"):
            raise Unreadable("basis")
        self.epoch = number(obj, "epoch", 1, 2**32 - 1)
        self.hibernated, self.running = number(obj, "hibernated_s", 0, 3600), number(obj, "running_s", 0, 3600)
        self.mem_mib, self.vcpus = number(obj, "mem_mib", 0, 2**32 - 1), number(obj, "vcpus", 0, 2**32 - 1)
        self.project_no = number(obj, "project_no", 0, 2**32 - 1)
        self.spec, self.spec_table = number(obj, "spec", 0, 65535), number(obj, "spec_table", 0, 65535)
        self.project, self.region = short(obj, "project", 37), short(obj, "region", 64)
        self.sandbox = get(obj, "sandbox", str)
        if not re.fullmatch(r"i[0-9a-z]{20}", self.sandbox):
            raise Unreadable("sandbox")
        self.json = {n: obj[n] for n in ("attestation", "attested", "basis", "epoch", "hibernated_s", "mem_mib", "project", "project_no",
                                         "region", "running_s", "sandbox", "spec", "spec_table", "vcpus")}
        self.json["attestation"] = self.hash.hex()
        self.lines = []
        self.page = self.place = self.oath = None

    def where(self):
        return {"page": self.page, "place": self.place, "sandbox": self.sandbox, "epoch": self.epoch, "hash": self.hash.hex()}


class Segment:
    def __init__(self, first, last, book, included):
        self.first, self.last, self.book, self.included, self.pooled = first, last, book, included, 0


class Misfit(Exception):
    """The price books of a statement do not fit each other, or a charged second has no price."""


# --- the walk ---

class Verifier:
    def __init__(self, data):
        self.archive = Archive(data)
        self.ahead, self.peeked = None, False
        self.keys = {}
        self.statement, self.page = 0, 0
        self.counts = {"exact": 0, "less": 0, "nothing": 0, "unattested": 0}
        self.links = {"before": 0, "began": 0, "broken": 0, "followed": 0}
        self.newest = {}                       # sandbox -> (hash, statement)
        self.total, self.currency, self.statements, self.pages = Fraction(0), "", 0, 0
        self.previous = self.previous_end = None
        self.month, self.pool = None, None     # the pool of that month; None: it is not known
        self.account, self.first, self.last = "", 0, 0

    def bad(self, kind, entry, words, row=None):
        raise Bad(kind, entry, words, row)

    # files

    def peek(self):
        if not self.peeked:
            self.ahead, self.peeked = self.archive.next(), True
        return self.ahead

    def want(self, name):
        ahead = self.peek()
        if ahead is None:
            self.bad("dropped", name, "the bundle ends before it")
        have = ahead[0]
        if have != name:
            self.another(have, place_of(name), name)
        self.archive.last, self.peeked = name, False
        return ahead[1]

    def another(self, have, want, name):
        if re.match(r"keys/", have) and place_of(have) is None:
            self.astray(have, name)
        if place_of(have) is None:
            raise Unknown(f"{have} is no file of a bundle")
        if place_of(have) > want:
            self.bad("dropped", name, f"{have} stands in its place")
        self.bad("doubled" if have == self.archive.last else "reordered", have, "another should stand there")

    def astray(self, have, name):
        try:
            while (entry := self.archive.next()) is not None and entry[0].startswith("keys/"):
                pass
        except (Bad, Unknown):
            entry = None
        if entry is not None and entry[0] == name:
            self.bad("reordered", have, f"it stands where {name} should")
        self.bad("dropped", name, f"{have} stands in its place")

    # manifest, keys, books

    def read_sum(self, name, data):
        if not summed(data):
            self.bad("edited", name, "its sum is wrong")
        return load(data)

    def manifest(self):
        data = self.want("manifest.json")
        try:
            m = self.read_sum("manifest.json", data)
            if number(m, "format") != 1:
                raise Unknown("format")
            self.account, self.first, self.last = short(m, "account", 37), number(m, "first", 1), number(m, "last", 1)
            self.books = [{"id": number(b, "id", 1), "sha": unhex(b, "sha256", 32), "to": end_of(b, "valid_to")} for b in m["books"]]
            self.regions = {r["no"]: (r["name"], r["group"]) for r in m["regions"]}
            self.group_of = {r["name"]: r["group"] for r in m["regions"]}
        except (Unreadable, KeyError, TypeError) as e:
            self.bad("edited", "manifest.json", str(e))

    def take_keys(self, name, data):
        try:
            k = self.read_sum(name, data)
            of = number(k, "of")
            if name != f"keys/{of}.json":
                raise Unreadable("of")
            if of in self.keys:
                self.bad("doubled", name, "they were there")
            self.keys[of] = [(unhex(x, "key", 32), second_of(x["valid_from"]), end_of(x, "valid_to")) for x in k["keys"]]
        except (Unreadable, KeyError, TypeError) as e:
            self.bad("edited", name, str(e))

    def take_books(self):
        for b in self.books:
            name = f"books/{b['id']}.json"
            data = self.want(name)
            if sha(data) != b["sha"]:
                self.bad("edited", name, "its hash is wrong")
            try:
                j = load(data)
                b.update(currency=get(j, "currency", str), group=get(j, "group", str), tier=get(j, "tier", str),
                         minutes=get(j, "rated_by", str) == "minutes", start=second_of(j.get("valid_from")),
                         prices={p["sku"]: exact(p["per_unit"], 12, 10**6) for p in j["prices"]})
                if any("mode" in p for p in j["prices"]):
                    raise Unknown(f"book {b['id']} has tiers")
            except (Unreadable, KeyError, TypeError) as e:
                self.bad("wrong", name, str(e))
        self.book = {b["id"]: b for b in self.books}

    # heads

    def valid(self, key):
        return key[1] <= self.closed_at and (key[2] is None or self.closed_at < key[2])

    def read_head(self, n):
        self.statement, self.page = n, 0
        name, sig = f"statements/{n}.json", f"statements/{n}.sig"
        self.head_name, self.head_bytes = name, self.want(name)
        data = self.want(sig)
        try:
            s = self.read_sum(sig, data)
            self.closed_at = second_of(s.get("closed_at"))
            digest, key, signature = unhex(s, "head", 32), unhex(s, "key", 32), unhex(s, "signature", 64)
            of = number(s, "number", 1)
            self.hashes = [bytes.fromhex(h) for h in s["pages"]]
        except (Unreadable, KeyError, TypeError, ValueError) as e:
            self.bad("edited", sig, str(e))
        if of != n:
            self.bad("reordered", sig, "another statement's")
        if sha(self.head_bytes) != digest:
            self.bad("edited", name, "its hash is not what was signed")
        if not any(k[0] == key and self.valid(k) and signed(key, signature, self.head_bytes) for k in self.keys[0]):
            self.bad("foreign", name, "no key of the service signed it")
        try:
            self.head = h = load(self.head_bytes)
            version = number(h, "version", 1)
            if version > 2:
                raise Unknown(f"statement {n} is of version {version}")
            self.read_content(h)
        except Unreadable as e:
            self.bad("wrong", name, str(e))
        self.check_chain(h, n)
        if version == 1:
            self.hashes = []
            self.pool = None
            return False
        self.check_books(h)
        if number(h["pages"], "count") != len(self.hashes) or unhex(h["pages"], "root", 32) != root_of(self.hashes):
            self.bad("edited", sig, "the pages' hashes are not those of the head")
        month = time_text(self.start)[:7]
        if month != self.month:
            self.pool = Fraction(0) if self.month is not None or n == 1 else None
            self.month = month
        return True

    def read_content(self, h):
        self.start, self.end = second_of(get(h, "period", dict).get("start")), second_of(h["period"].get("end"))
        self.length = self.end - self.start
        if not 60 <= self.length <= 3600 or self.length % 60 or self.start % self.length:
            raise Unreadable("period")
        get(h, "currency", str), get(h, "account", str), number(h, "number", 1), unhex(h, "previous", 32)
        self.plans, at = [], self.start
        for p in get(h, "plans", list):
            first, last = second_of(p.get("from")), second_of(p.get("to"))
            if first != at or last <= first or last > self.end:
                raise Unreadable("plans")
            self.plans.append((get(p, "tier", str), number(p, "included_s"), first, last))
            at = last
        if at != self.end:
            raise Unreadable("plans")

    def check_chain(self, h, n):
        wrong = None
        if h["number"] != n or h["account"] != self.account:
            self.bad("reordered", self.head_name, "another statement")
        if n == 1 and h["previous"] != "0" * 64:
            wrong = "it names one before it"
        if self.previous is not None and bytes.fromhex(h["previous"]) != self.previous:
            wrong = "it does not name the one before"
        if self.previous is not None and self.start < self.previous_end:
            wrong = "it begins before the one before ended"
        if self.closed_at < self.end:
            wrong = "it was closed before its end"
        if wrong:
            self.bad("wrong", self.head_name, wrong)

    def check_books(self, h):
        self.in_head = set()
        for b in h["books"]:
            if b["id"] not in self.book:
                self.bad("dropped", f"books/{b['id']}.json", "it is not there")
            if bytes.fromhex(b["sha256"]) != self.book[b["id"]]["sha"]:
                self.bad("edited", f"books/{b['id']}.json", "it is not the statement's")
            self.in_head.add(b["id"])

    # segments and rates

    def segments(self, group):
        if group not in self.groups:
            found = []
            for tier, included, first, last in self.plans:
                for b in self.books:
                    if b["id"] in self.in_head and (b["tier"], b["currency"], b["group"]) == (tier, self.head["currency"], group):
                        a = max(first, b["start"], self.start)
                        z = min(last, self.end, b["to"] if b["to"] is not None else self.end)
                        if a < z:
                            found.append(Segment(a - self.start, z - self.start, b, included))
            found.sort(key=lambda s: s.first)
            if len(found) > 16 or any(x.last > y.first for x, y in zip(found, found[1:])):
                raise Misfit("segments")
            self.groups[group] = found
        return self.groups[group]

    def rate(self, row, states, segments):
        disks = [row.oath.disk_at(s * 60) for s in range(len(row.oath.disks))]
        for s, state in enumerate(states):
            if state and not any(g.first <= s < g.last for g in segments) and (state == RUN or disks[s // 60]):
                raise Misfit("no price")
        out = []
        for g in segments:
            part = [(states[s], disks[s // 60]) for s in range(g.first, g.last)]
            hib = [d for state, d in part if state == HIB and d > 0]
            over = [d - 1920 for state, d in part if state == RUN and d > 1920]
            run = sum(1 for state, _ in part if state == RUN)
            lines = [("disk-hib", len(hib), Fraction(sum(hib), 64))]
            if not g.book["minutes"]:
                lines += [("disk-run-over-30", len(over), Fraction(sum(over), 64)), ("mem-run", run, Fraction(row.mem_mib * run, 1024)),
                          ("vcpu-run", run, Fraction(row.vcpus * run))]
            for sku, seconds, qty in lines:
                if qty:
                    if sku not in g.book["prices"]:
                        raise Misfit("no price")
                    price = g.book["prices"][sku]
                    out.append((sku, 0, g.book["id"], g.first, g.last, seconds, qty, price, qty * price))
        return sorted(out, key=lambda x: (x[0], x[3]))

    def not_more(self, row, segments, bound):
        at, minutes = None, [g.book["minutes"] for g in segments]
        sums = {sku: 0 for sku in USAGE}
        for x in row.lines:
            of = [g for g in segments if (g.first, g.last, g.book["id"]) == (x.first, x.last, x.book)]
            if x.sku not in USAGE or x.tier or not of or of[0].book["prices"].get(x.sku) != x.per_unit:
                return False
            if of[0].book["minutes"] and x.sku != "disk-hib" or x.seconds > x.last - x.first or x.amount != x.qty * x.per_unit:
                return False
            if x.sku == "mem-run" and x.qty != Fraction(row.mem_mib * x.seconds, 1024) or x.sku == "vcpu-run" and x.qty != row.vcpus * x.seconds:
                return False
            if at is not None and (x.sku, x.first) <= at:
                return False
            at = (x.sku, x.first)
            sums[x.sku] += x.seconds
        vcpu = sums["vcpu-run"]
        if vcpu != sums["mem-run"] or vcpu > row.running or sums["disk-hib"] > row.hibernated:
            return False
        if not any(minutes) and vcpu != row.running or minutes and all(minutes) and vcpu:
            return False
        if any(minutes) and row.running > bound.count(RUN):
            return False
        return sum(x.amount for x in row.lines) <= sum(x[8] for x in self.rate(row, bound, segments))

    # lives

    def judge(self):
        held, less = set(), False
        for row in reversed(self.lives):
            name = f"statements/{self.statement}/pages/{row.page}.json"
            if row.basis == "nothing":
                if row.running or row.hibernated or row.lines or not row.attested:
                    self.bad("wrong", name, "charged", row)
                self.counts["nothing"] += 1
                continue
            full = row.oath.states
            mine = [0 if s in held else state for s, state in enumerate(full)]
            held |= {s for s, state in enumerate(full) if state}
            try:
                segments = self.segments(self.group_of[row.region])
            except Misfit as e:
                self.bad("wrong", name, str(e), row)
            same = self.says(row, mine, segments)
            if not same:
                try:
                    fine = row.attested and self.not_more(row, segments, full if less else mine)
                except Misfit:
                    fine = False
                if not fine:
                    self.bad("wrong", name, "it does not follow", row)
                less = True
                self.counts["less"] += 1
            self.counts["exact"] += same and row.attested
            self.counts["unattested"] += not row.attested
            if row.running + row.hibernated:
                self.charge(row, mine, segments, same)
        self.lives = []

    def says(self, row, mine, segments):
        if (row.running, row.hibernated) != (mine.count(RUN), mine.count(HIB)):
            return False
        try:
            return [x.said() for x in row.lines] == self.rate(row, mine, segments)
        except Misfit:
            return False

    def charge(self, row, mine, segments, same):
        self.used |= {x.book for x in row.lines}
        by_minutes = [g for g in segments if g.book["minutes"]]
        if not by_minutes:
            return
        self.used |= {g.book["id"] for g in by_minutes}
        self.pooled = True
        self.pooled_sum += row.running - sum(x.seconds for x in row.lines if x.sku == "vcpu-run")
        if same:
            for g in by_minutes:
                g.pooled += mine[g.first:g.last].count(RUN)
        elif len(segments) == 1:
            segments[0].pooled += row.running
        else:
            self.split = True

    # pages

    def read_page(self, j):
        if not isinstance(j, dict):
            raise Unreadable("page")
        rows, lines = get(j, "sandboxes", list), get(j, "lines", list)
        if not 1 <= len(rows) <= PAGE_ROWS or len(lines) > PAGE_LINES:
            raise Unreadable("size")
        out, at = [], 0
        for place, obj in enumerate(rows, 1):
            row = Row(obj)
            row.page, row.place = self.page, place
            while at < len(lines) and isinstance(lines[at], dict) and all(lines[at].get(n) == obj.get(n) and type(lines[at].get(n)) is type(obj.get(n)) for n in Row.SAME):
                row.lines.append(Line(lines[at], self.start, self.length))
                at += 1
            out.append(row)
        if at != len(lines):
            raise Unreadable("a line of no row")
        return out

    def canonical(self, rows):
        return text({"account": self.account, "lines": [line_json(x.said(), self.start, r) for r in rows for x in r.lines],
                     "number": self.statement, "page": self.page, "sandboxes": [r.json for r in rows], "version": 2})

    def page_check(self, p):
        self.page = 0
        while (self.peek() or ("",))[0].startswith("keys/"):
            name = self.ahead[0]
            if name == "keys/0.json":
                break
            self.archive.last, self.peeked = name, False
            self.take_keys(name, self.ahead[1])
        self.page = p
        name = f"statements/{self.statement}/pages/{p}.json"
        data = self.want(name)
        digest = sha(data)
        if digest == self.hashes[p - 1]:
            return self.page_read(name, data, True)
        if digest in self.hashes:
            self.bad("doubled" if self.hashes.index(digest) + 1 < p else "reordered", name, "another page")
        row = None
        try:
            self.page_read(name, data, False)
        except Bad as e:
            row = e.row if e.row is not None and e.row.page == p else None
        except Unknown:
            pass
        self.bad("edited", name, "its hash is not what was signed", row)

    def page_read(self, name, data, good):
        try:
            rows = self.read_page(load(data))
        except Unreadable as e:
            self.bad("wrong", name, str(e))
        if good and self.canonical(rows) != data:
            self.bad("wrong", name, "not canonical")
        if good and not (self.page == 1 or self.rows_before == PAGE_ROWS or self.lines_before + len(rows[0].lines) > PAGE_LINES):
            self.bad("wrong", name, "the page before had room")
        oaths = f"attestations/{self.statement}/{self.page}.bin"
        rest = self.want(oaths)
        for i, row in enumerate(rows):
            if self.lives and self.lives[0].sandbox != row.sandbox:
                self.judge()
            rest = self.row_check(oaths, rows, i, rest)
        if rest:
            message = self.message(rest)
            at = self.at(rows, sha(message[0])) if message else None
            self.bad("edited" if at is None else "doubled", oaths, "too many", rows[-1 if at is None else at])
        if self.page == len(self.hashes):
            self.judge()
        self.rows_before, self.lines_before = len(rows), sum(len(r.lines) for r in rows)
        self.pages += 1
        self.all_rows += [(r.hash, r.attested, r.running, r.hibernated) for r in rows]
        self.all_lines += self.lines_before
        self.sum += sum((x.amount for r in rows for x in r.lines), Fraction(0))

    # rows

    @staticmethod
    def message(rest):
        if len(rest) < 4:
            return None
        n = int.from_bytes(rest[:4], "little")
        return (rest[4:4 + n], rest[4 + n:]) if n <= 65536 and 4 + n <= len(rest) else None

    @staticmethod
    def at(rows, digest):
        return next((i for i, r in enumerate(rows) if r.hash == digest), None)

    def row_check(self, oaths, rows, i, rest):
        row = rows[i]
        if not rest:
            self.bad("dropped", oaths, "no attestation", row)
        took = self.message(rest)
        if took is None:
            self.bad("edited", oaths, "a length", row)
        message, rest = took
        digest = sha(message)
        if digest != row.hash:
            at = self.at(rows, digest)
            if at is None:
                self.bad("edited", oaths, "its hash", row)
            if at < i:
                self.bad("doubled", oaths, "twice", rows[at])
            behind = self.message(rest)
            swapped = at != i + 1 or behind is not None and sha(behind[0]) == row.hash
            self.bad("reordered" if swapped else "dropped", oaths, "another", row)
        try:
            row.oath = a = Attestation(message)
        except Unreadable as e:
            self.bad("wrong", oaths, str(e), row)
        self.stamp(oaths, row, a)
        self.signature(oaths, row, a)
        key = (a.sandbox, a.project_no, a.epoch, a.spec_table, a.spec, a.region_no, a.worker)
        if self.last_key is not None and key <= self.last_key:
            self.bad("wrong", oaths, "order", row)
        self.last_key = key
        self.lives.append(row)
        self.link(row, a)
        return rest

    def stamp(self, oaths, row, a):
        spec = SPECS[a.spec - 1] if a.spec_table == 1 and 1 <= a.spec <= len(SPECS) else None
        region = self.regions.get(a.region_no, (None,))[0]
        if (a.start, a.period_s) != (self.start, self.length):
            self.bad("wrong", oaths, "period", row)
        if (a.name(), a.project_no, a.epoch, a.spec_table, a.spec, region, spec) != (
                row.sandbox, row.project_no, row.epoch, row.spec_table, row.spec, row.region, (row.vcpus, row.mem_mib)):
            self.bad("wrong", oaths, "stamp", row)
        if row.attested != (a.boot != 0):
            self.bad("wrong", oaths, "who signed", row)

    def signature(self, oaths, row, a):
        if a.boot == 0:
            if not any(self.valid(k) and signed(k[0], a.signature, a.body) for k in self.keys[0]):
                self.bad("foreign", oaths, "signature", row)
            return
        if a.worker not in self.keys:
            self.bad("dropped", f"keys/{a.worker}.json", "the keys are not there")
        if not any(k[1] < self.end and (k[2] is None or k[2] > self.start) and signed(k[0], a.signature, a.body) for k in self.keys[a.worker]):
            self.bad("foreign", oaths, "signature", row)

    def link(self, row, a):
        before = self.newest.get(a.sandbox)
        if before is not None and before[1] + FORGOTTEN_AFTER < self.statement:
            before = None
        if before is None:
            self.links["began" if a.previous == bytes(32) else "before"] += 1
        else:
            self.links["followed" if a.previous == before[0] else "broken"] += 1
        self.newest[a.sandbox] = (row.hash, self.statement)

    # the pool and the head

    def fill(self, before):
        """(lines, after, included)"""
        h = self.head
        if self.split:
            lines, minutes = [], 0
            for obj in h["lines"]:
                x = Line(obj, self.start, self.length)
                b = self.book.get(x.book)
                price = Fraction(0) if x.tier == 0 else b and b["prices"].get("minutes")
                if b is None or x.book not in self.in_head or not b["minutes"] or x.sku != "minutes" or x.per_unit != price or x.amount != x.qty * x.per_unit:
                    raise Unreadable("a line of minutes")
                minutes += x.qty
                lines.append(x.said())
            if minutes != (before + self.pooled_sum) // 60 - before // 60:
                raise Unreadable("minutes")
            return lines, before + self.pooled_sum, number(h["pool"], "included_s")
        lines, at, included = [], before, 0
        order = sorted(((g.first, name, g) for name, gs in self.groups.items() for g in gs if g.book["minutes"]), key=lambda x: x[:2])
        for _, _, g in order:
            free = -(-g.included // 60)
            a, z = int(at // 60), int((at + g.pooled) // 60)
            first = min(z, free) - min(a, free)
            for tier, n in ((0, first), (1, z - a - first)):
                if n:
                    if "minutes" not in g.book["prices"]:
                        raise Unreadable("a price of minutes")
                    price = Fraction(0) if tier == 0 else g.book["prices"]["minutes"]
                    lines.append(("minutes", tier, g.book["id"], g.first, g.last, g.pooled, Fraction(n), price, n * price))
            at, included = at + g.pooled, g.included
        return sorted(lines, key=lambda x: (x[3], x[2], x[1])), at, included

    def head_check(self):
        h, pool, lines = self.head, None, []
        try:
            if self.pooled:
                before = self.pool
                if before is None:
                    before = Fraction(number(h["pool"], "before_s") if isinstance(h.get("pool"), dict) else 0)
                lines, after, included = self.fill(before)
                pool = {"after_s": int(after), "before_s": int(before), "included_s": included}
                self.pool = Fraction(after)
        except (Unreadable, KeyError, TypeError) as e:
            self.bad("wrong", self.head_name, str(e))
        self.used |= {x[2] for x in lines}
        total = self.sum + sum((x[8] for x in lines), Fraction(0))
        made = {
            "account": self.account,
            "attestations": {"count": len(self.all_rows), "root": root_of([r[0] for r in self.all_rows]).hex(),
                             "unattested": sum(1 for r in self.all_rows if not r[1])},
            "books": [{"id": b["id"], "sha256": b["sha"].hex()} for b in self.books if b["id"] in self.used],
            "currency": h["currency"], "hibernated_s": sum(r[3] for r in self.all_rows),
            "lines": [line_json(x, self.start, None) for x in lines], "number": self.statement,
            "pages": {"count": len(self.hashes), "lines": self.all_lines, "root": root_of(self.hashes).hex()},
            "period": {"end": time_text(self.end), "start": time_text(self.start)},
            "plans": [{"from": time_text(a), "included_s": n, "tier": t, "to": time_text(z)} for t, n, a, z in self.plans],
            "pool": pool, "previous": (self.previous or bytes.fromhex(h["previous"])).hex(),
            "running_s": sum(r[2] for r in self.all_rows), "total": money(total), "version": 2}
        if text(made) != self.head_bytes:
            self.bad("wrong", self.head_name, ", ".join(k for k in made if made[k] != h.get(k)))

    # all of it

    def run(self):
        self.manifest()
        self.take_keys("keys/0.json", self.want("keys/0.json"))
        self.take_books()
        for n in range(self.first, self.last + 1):
            self.groups, self.lives, self.last_key = {}, [], None
            self.pooled, self.split, self.pooled_sum, self.used = False, False, 0, set()
            self.all_rows, self.all_lines, self.sum = [], 0, Fraction(0)
            self.rows_before = self.lines_before = 0
            paged = self.read_head(n)
            for p in range(1, len(self.hashes) + 1):
                self.page_check(p)
            self.page = 0
            if paged:
                self.head_check()
            self.total += Fraction(self.head["total"])
            self.currency = self.head["currency"]
            self.statements += 1
            self.previous, self.previous_end = sha(self.head_bytes), self.end
        self.statement = 0
        ahead = self.peek()
        if ahead is not None:
            if ahead[0].startswith("keys/") and ahead[0] != "keys/0.json":
                self.bad("reordered", ahead[0], "behind the end")
            self.another(ahead[0], (9,), "")


def verdict(data):
    v = Verifier(data)
    out = {"verdict": "good", "fault": None}
    try:
        v.run()
    except Bad as e:
        place = place_of(e.entry) or (0,)
        where = {"page": place[3] if len(place) == 5 else None, "place": None, "sandbox": None, "epoch": None, "hash": None}
        where = e.row.where() if e.row is not None else where
        statement = place[1] if place[0] == 4 else None
        out = {"verdict": "bad", "fault": {"kind": e.kind, "entry": e.entry, "statement": statement, **where, "words": str(e)}}
    except Unknown as e:
        out = {"verdict": "unknown", "fault": None, "unknown": str(e)}
    return {**out, "account": v.account, "first": v.first, "last": v.last, "statements": v.statements, "pages": v.pages,
            "total": money(v.total), "currency": v.currency, "rows": v.counts, "links": v.links}


if __name__ == "__main__":
    with open(sys.argv[1], "rb") as f:
        answer = verdict(f.read())
    print(json.dumps(answer))
    sys.exit({"good": 0, "bad": 1, "unknown": 3}[answer["verdict"]])
