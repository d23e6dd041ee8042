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
SKUS_BY_NAME = tuple(sorted(SKUS))
FORGOTTEN_AFTER = 48
CORRECTS_MAX, TIERS_MAX = 512, 8
DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


class Bad(Exception):
    def __init__(self, kind, entry, words, row=None, place=None):
        super().__init__(words)
        self.kind, self.entry, self.words, self.row, self.place = kind, entry, words, row, place


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
          (r"attestations/(\d+)/(\d+)\.bin", lambda m: (4, m[0], 2, m[1], 1)), (r"invoices/(\d+)\.json", lambda m: (5, m[0], 0)),
          (r"invoices/(\d+)\.sig", lambda m: (5, m[0], 1)))


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
        self.kind = get(obj, "kind", str)
        if self.kind not in ("usage", "measured", "correction"):
            raise Unreadable("kind")
        self.measured = self.kind == "measured"
        self.sku = get(obj, "sku", str)
        if self.sku not in SKUS:
            raise Unreadable("sku")
        self.qty = exact(obj.get("qty"), 6, 10**14, True)
        self.per_unit = exact(obj.get("per_unit"), 12, 10**6)
        self.amount = exact(obj.get("amount"), 18, 10**20, True)
        self.book, self.seconds, self.tier = number(obj, "book", 1), number(obj, "seconds", -2**63), number(obj, "tier", 0, 255)
        first, last = second_of(obj.get("from")), second_of(obj.get("to"))
        if not start <= first <= last <= start + length:
            raise Unreadable("a line's time")
        self.first, self.last = first - start, last - start

    def said(self):
        return (self.sku, self.tier, self.book, self.first, self.last, self.seconds, self.qty, self.per_unit, self.amount, self.measured)

    def key(self):
        return key_of(self.said())


def key_of(said):
    """What a line is of: two with the same are one line of more."""
    sku, tier, book, first, last, _, _, per_unit, _, _ = said
    return sku, tier, book, first, last, per_unit


def line_json(said, start, row, kind=None):
    sku, tier, book, first, last, seconds, qty, per_unit, amount, measured = said
    of = {n: row.json[n] if row else None for n in ("epoch", "project", "project_no", "region", "sandbox", "spec", "spec_table")}
    return {**of, "amount": money(amount), "book": book, "from": time_text(start + first), "kind": kind or ("measured" if measured else "usage"),
            "per_unit": decimals(per_unit, 12), "qty": decimals(qty, 6), "seconds": seconds, "sku": sku, "tier": tier,
            "to": time_text(start + last)}


def version_of(corrects, forked):
    """Of a statement or a page: higher where it corrects, and where it names whose memory a sandbox began with."""
    return (3 if corrects else 2) + (2 if forked else 0)


class Row:
    SAME = ("sandbox", "project_no", "epoch", "spec_table", "spec", "region")

    def __init__(self, obj, late):
        self.bare = late and isinstance(obj, dict) and obj.get("attestation") is None and "attestation" in obj
        self.hash = None if self.bare else unhex(obj, "attestation", 32)
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
        self.parent = get(obj, "parent", str) if "parent" in obj else None
        if self.parent is not None and (not re.fullmatch(r"i[0-9a-z]{20}", self.parent) or self.parent == self.sandbox):
            raise Unreadable("parent")
        self.json = {n: obj[n] for n in ("attestation", "attested", "basis", "epoch", "hibernated_s", "mem_mib", "project", "project_no",
                                         "region", "running_s", "sandbox", "spec", "spec_table", "vcpus")}
        self.json["attestation"] = None if self.bare else self.hash.hex()
        if self.parent is not None:
            self.json["parent"] = self.parent
        self.lines = []
        self.page = self.place = self.oath = None

    def key(self):
        return self.project_no, self.epoch, self.spec_table, self.spec, self.region

    def where(self):
        return {"page": self.page, "place": self.place, "sandbox": self.sandbox, "epoch": self.epoch,
                "hash": None if self.bare else self.hash.hex()}


class Segment:
    def __init__(self, first, last, book, included):
        self.first, self.last, self.book, self.included, self.pooled = first, last, book, included, 0
        self.measured = {}                     # sku -> (seconds, qty)


class Span:
    """A period that rows are of, with the plans that held in it: (tier, included_s, first second, last)."""

    def __init__(self, start, end, plans, any_book=False):
        self.start, self.end, self.length, self.plans, self.any_book = start, end, end - start, plans, any_book
        self.groups = {}


class Correction:
    def __init__(self, number_, start, end, pool_s, seen):
        self.number, self.start, self.end, self.pool_s, self.seen = number_, start, end, pool_s, seen
        self.lone = number_ is None
        self.split = self.unsure = False
        self.pooled, self.more, self.lines = 0, {}, []      # more: (first, last, book, group, included) -> seconds


class Was:
    """What is said of a row so far: its lines, and (first, last, book, included) -> seconds of its part of the pool."""

    def __init__(self, lines=(), pooled=0, parts=None, split=False):
        self.lines, self.pooled, self.parts, self.split = list(lines), pooled, parts or {}, split


# --- invoices ---

NO_DECIMALS = set("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split())
THREE, FOUR = set("BHD IQD JOD KWD LYD OMR TND".split()), set("CLF UYW".split())
NO_MONEY = set("XAG XAU XBA XBB XBC XBD XDR XPD XPT XSU XTS XUA XXX".split())
UNITS = {"vcpu-run": ("Core-Seconds", "SEC"), "minutes": ("Minutes", "MIN")}
FORMULA = "cost = (number of vCPUs x vCPU price + memory size x memory price) x billed duration, then storage"
PARTY = ("address", "bic", "country", "email", "iban", "legal_id", "name", "tax_id")


def maybe(obj, name, kind=str):
    return None if obj.get(name) is None else get(obj, name, kind)


def rounded(value, unit):
    """To a whole unit: the nearest, and of two the one farther from zero."""
    n, rest = divmod(abs(value), unit)
    n += rest * 2 >= unit
    return (n if value >= 0 else -n) * unit


class InvoiceLine:
    def __init__(self, obj, ntaxes):
        self.kind, self.sku, self.project, self.project_name = get(obj, "kind", str), get(obj, "sku", str), maybe(obj, "project"), maybe(obj, "project_name")
        self.project_no = 0 if obj.get("project_no") is None else number(obj, "project_no", 1)
        self.of_line = 0 if obj.get("of_line") is None else number(obj, "of_line", 1, 20000)
        self.tax, self.tier, self.seconds = number(obj, "tax", 1, ntaxes), number(obj, "tier", 0, 255), number(obj, "seconds", -2**63)
        self.book = self.qty = self.per_unit = None
        if obj.get("qty") is not None:
            self.qty, self.per_unit, self.book = exact(obj["qty"], 6, 10**14, True), exact(obj.get("per_unit"), 12, 10**6), number(obj, "book", 1)
        self.amount, self.net = exact(obj.get("amount"), 18, 10**20, True), exact(obj.get("net"), 18, 10**20, True)

    def said(self):
        return (self.kind, self.project_no, self.project, self.sku, self.book, self.tier, self.per_unit, self.seconds, self.qty, self.amount, self.of_line)


class Commitment:
    """A month of which a contract says what it costs at least."""

    def __init__(self, obj):
        self.month, self.contract = get(obj, "month", str), get(obj, "contract", str)
        if not re.fullmatch(r"\d{4}-\d\d", self.month):
            raise Unreadable("month")
        self.start = second_of(self.month + "-01T00:00:00Z")
        year, month = int(self.month[:4]), int(self.month[5:])
        self.end = second_of(f"{year + month // 12:04}-{month % 12 + 1:02}-01T00:00:00Z")
        self.least, self.charges, self.before = (exact(obj.get(n), 18, 10**20, True) for n in ("least", "charges", "before"))
        self.line = None if obj["line"] is None else number(obj, "line", 1, 20000)
        self.invoices = [get({"": n}, "", str) for n in get(obj, "invoices", list)]
        if any("," in n for n in self.invoices):
            raise Unreadable("a number with a comma")
        self.due = max(self.least - self.charges, Fraction(0)) - self.before

    def made(self):
        return {"before": money(self.before), "charges": money(self.charges), "contract": self.contract, "invoices": self.invoices,
                "least": money(self.least), "line": self.line, "month": self.month}


class Tax:
    def __init__(self, obj):
        self.category, self.jurisdiction = get(obj, "category", str), get(obj, "jurisdiction", str)
        self.reason, self.reason_code, self.reverse = maybe(obj, "reason"), maybe(obj, "reason_code"), get(obj, "reverse_charge", bool)
        self.rate, self.given = exact(obj.get("rate"), 12, 101), exact(obj.get("discount"), 18, 10**20, True)
        if self.rate > 100 or self.given < 0:
            raise Unreadable("a tax")
        self.credited = self.taxed = Fraction(0)


class Document:
    """An invoice or credit note, by what its sums are made of; the sums are reckoned anew."""

    def __init__(self, d):
        if not isinstance(d, dict):
            raise Unreadable("a document")
        self.account, self.currency, self.number = get(d, "account", str), get(d, "currency", str), get(d, "number", str)
        if not re.fullmatch("[A-Z]{3}", self.currency) or self.currency in NO_MONEY:
            raise Unreadable("currency")
        self.places = 0 if self.currency in NO_DECIMALS else 3 if self.currency in THREE else 4 if self.currency in FOUR else 2
        self.unit = Fraction(1, 10**self.places)
        self.credit_note, self.d = get(d, "kind", str) == "credit_note", d
        self.chain, self.previous, self.issued = number(d, "chain", 1), unhex(d, "previous", 32), second_of(d["issued"])
        self.terms = 0 if d["payment_terms_days"] is None else number(d, "payment_terms_days")
        self.due = second_of(d["due"] + "T00:00:00Z") if isinstance(d["due"], str) else None
        self.period = (second_of(d["period"]["start"]), second_of(d["period"]["end"]))
        s = d["statements"]
        self.statements = (number(s, "count", 0, 50000), s["first"], s["last"], unhex(s, "root", 32))
        for n in ("first", "last"):
            if s[n] is not None:
                number(s, n, 1)
        self.refers_to = maybe(d, "refers_to")
        self.prepaid = exact(d["totals"]["prepaid"], 18, 10**20, True)
        if not 1 <= len(get(d, "taxes", list)) <= 16 or len(get(d, "lines", list)) > 20000:
            raise Unreadable("taxes")
        self.taxes = [Tax(x) for x in d["taxes"]]
        self.lines = [InvoiceLine(x, len(self.taxes)) for x in d["lines"]]
        self.plans, self.books = [get({"": p}, "", str) for p in d["plans"]], None
        self.commitments = [Commitment(c) for c in (get(d, "commitments", list) if "commitments" in d else [])]
        if len(self.commitments) > 240 or self.credit_note and self.commitments:
            raise Unreadable("commitments")
        self.whole = False

    def whole_units(self, value):
        return (value / self.unit).denominator == 1

    def share(self, lines, total):
        """What is printed of each line: whole units below, then one more for the largest remainders."""
        n = int((total - sum(x.amount // self.unit * self.unit for x in lines)) / self.unit)
        most = sorted(range(len(lines)), key=lambda i: (-(lines[i].amount % self.unit), i))[:n]
        for i, x in enumerate(lines):
            x.net = x.left = x.amount // self.unit * self.unit + (self.unit if i in most else 0)

    def totals(self):
        self.sums = {k: sum((getattr(t, k) for t in self.taxes), Fraction(0)) for k in ("exact", "lines", "base", "amount", "rounding")}
        self.total = self.sums["base"] + self.sums["amount"]

    def reckon(self):
        discount = sum((t.given for t in self.taxes), Fraction(0))
        if self.prepaid < 0 or not self.whole_units(self.prepaid):
            raise Unreadable("prepaid")
        for i, t in enumerate(self.taxes, 1):
            mine = [x for x in self.lines if x.tax == i]
            t.exact = sum((x.amount for x in mine), Fraction(0))
            t.discount = max(Fraction(0), min(discount, t.exact))
            discount -= t.discount
            t.lines, t.base = rounded(t.exact, self.unit), rounded(t.exact - t.discount, self.unit)
            t.amount = rounded(t.base * t.rate / 100, self.unit)
            t.rounding = t.exact - t.discount - t.base
            self.share(mine, t.lines)
        if discount:
            raise Unreadable("a discount of more than the lines")
        self.totals()
        if self.prepaid > max(self.total, 0):
            raise Unreadable("more is prepaid than there is to pay")

    def reckon_credit(self, of):
        if self.prepaid or any(t.given for t in self.taxes):
            raise Unreadable("a discount of a credit note")
        for x in self.lines:
            if not self.whole_units(x.net):
                raise Unreadable("parts of a unit")
            x.amount = x.net
        for i, (t, o) in enumerate(zip(self.taxes, of.taxes), 1):
            t.exact = t.lines = t.base = sum((x.amount for x in self.lines if x.tax == i), Fraction(0))
            t.discount = t.rounding = Fraction(0)
            left, tax_left = o.base - o.credited, o.amount - o.taxed
            if not 0 <= t.exact <= left:
                raise Unreadable("more than is left")
            t.amount = rounded(t.base * t.rate / 100, self.unit)
            if t.base == left or t.amount > tax_left:
                t.amount = tax_left
            o.credited, o.taxed = o.credited + t.base, o.taxed + t.amount
        self.totals()

    def minor(self, value):
        text_ = decimals(value, self.places)
        return text_.rstrip(".") if self.places == 0 else text_

    def made(self):
        d, s, minor = self.d, self.sums, self.minor
        lines = [{"amount": money(x.amount), "book": x.book, "kind": x.kind, "line": i, "net": minor(x.net), "of_line": x.of_line or None,
                  "per_unit": None if x.qty is None else decimals(x.per_unit, 12), "project": x.project, "project_name": x.project_name,
                  "project_no": x.project_no if x.project else None, "qty": None if x.qty is None else decimals(x.qty, 6), "seconds": x.seconds,
                  "sku": x.sku, "tax": x.tax, "tier": x.tier, "unit": UNITS.get(x.sku, ("GiB-Seconds" if x.sku in SKUS else "Units",))[0],
                  "unit_code": UNITS.get(x.sku, (0, "C62"))[1]} for i, x in enumerate(self.lines, 1)]
        taxes = [{"allowance": minor(t.lines - t.base), "amount": minor(t.amount), "base": minor(t.base), "category": t.category,
                  "discount": money(t.discount), "exact": money(t.exact), "jurisdiction": t.jurisdiction, "lines": minor(t.lines),
                  "rate": decimals(Fraction(int(t.rate * 10000), 10000), 4), "reason": t.reason, "reason_code": t.reason_code,
                  "reverse_charge": t.reverse, "rounding": money(t.rounding)} for t in self.taxes]
        committed = {"commitments": [c.made() for c in self.commitments]} if self.commitments else {}
        books = self.books if self.books is not None else [(number(b, "id", 1), unhex(b, "sha256", 32).hex()) for b in d["books"]]
        return {"account": self.account, "books": [{"id": i, "sha256": h} for i, h in books], "buyer": {n: maybe(d["buyer"], n) for n in PARTY},
                "chain": self.chain, "currency": self.currency, "due": None if self.credit_note else time_text(self.due)[:10], "formula": FORMULA,
                "issued": time_text(self.issued), "kind": "credit_note" if self.credit_note else "invoice", "lines": lines, "number": self.number,
                "payment_terms_days": None if self.credit_note else self.terms,
                "period": {"end": time_text(self.period[1]), "start": time_text(self.period[0])}, "plans": self.plans,
                "previous": self.previous.hex(), "purchase_order": maybe(d, "purchase_order"), "reason": maybe(d, "reason"),
                "refers_to": self.refers_to, "seller": {n: maybe(d["seller"], n) for n in PARTY},
                "statements": {"count": self.statements[0], "first": self.statements[1], "last": self.statements[2], "root": self.statements[3].hex()},
                "tax_id_check": maybe(d, "tax_id_check"), "taxes": taxes,
                "totals": {"allowance": minor(s["lines"] - s["base"]), "due": minor(self.total - self.prepaid), "exact": money(s["exact"]),
                           "lines": minor(s["lines"]), "net": minor(s["base"]), "prepaid": minor(self.prepaid), "rounding": money(s["rounding"]),
                           "tax": minor(s["amount"]), "total": minor(self.total)}, "version": 2 if committed else 1, **committed}


class Misfit(Exception):
    """The price books of a statement do not fit each other, or a charged second has no price."""


# --- the walk ---

class Verifier:
    def __init__(self, data):
        self.archive = Archive(data)
        self.ahead, self.peeked = None, False
        self.keys = {}
        self.statement, self.page = 0, 0
        self.counts_of = {"exact": 0, "less": 0, "nothing": 0, "unattested": 0}
        self.links = {"before": 0, "began": 0, "broken": 0, "followed": 0}
        self.newest = {}                       # sandbox -> (hash, statement)
        self.total, self.currency, self.statements, self.pages = Fraction(0), "", 0, 0
        self.previous = self.previous_end = None
        self.month, self.pool = None, None     # the pool of that month; None: it is not known
        self.believed = self.unpaged_end = None  # the last month that is not in the bundle as a whole
        self.first_start, self.counts = None, {}
        self.spans, self.said = {}, {}         # start -> (number, plans); start -> sandbox -> row's key -> Was
        self.parts, self.splits, self.sums = {}, set(), {}   # (second, group, book) -> [of, included, seconds]; by month
        self.corrected = self.unseen = 0
        self.numbers, self.docs, self.billed = [], [], {}   # billed: statement -> what an invoice has of it
        self.documents = {"credit_notes": 0, "invoices": 0, "partly": 0}
        self.account, self.first, self.last = "", 0, 0

    def bad(self, kind, entry, words, row=None, place=None):
        raise Bad(kind, entry, words, row, place)

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
            self.numbers = m.get("invoices", [])
            if not isinstance(self.numbers, list) or not all(isinstance(n, str) and len(n.encode()) < 40 for n in self.numbers):
                raise Unreadable("invoices")
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
                         minutes=get(j, "rated_by", str) == "minutes", start=second_of(j.get("valid_from")), contract="contract" in j,
                         prices={}, tiers={})
                for p in j["prices"]:
                    self.take_price(b, p)
                if "compute_type" in j or "compute_quality" in j:
                    raise Unknown(f"book {b['id']} is of a kind of sandbox that pages do not tell")
            except (Unreadable, KeyError, TypeError) as e:
                self.bad("wrong", name, str(e))
        self.book = {b["id"]: b for b in self.books}

    @staticmethod
    def discounted(p, price):
        """A price is what its discount leaves of the list's, exactly."""
        off = exact(p.get("list_per_unit"), 12, 10**6) * (10000 - number(p, "discount_bp", 0, 10000)) / 10000
        if off != price:
            raise Unreadable("a discount")

    def take_price(self, b, p):
        sku, price = get(p, "sku", str), exact(p.get("per_unit"), 12, 10**6)
        if sku not in SKUS or b["prices"] and sku <= max(b["prices"]):
            raise Unreadable("prices")
        if "list_per_unit" in p or "discount_bp" in p:
            self.discounted(p, price)
        b["prices"][sku] = price
        if "mode" not in p:
            if p.get("tiers"):
                raise Unreadable("tiers without a mode")
            return
        steps = []
        for t in get(p, "tiers", list):
            steps.append((exact(t.get("from"), 6, 10**14), exact(t.get("per_unit"), 12, 10**6)))
            if "list_per_unit" in t:
                self.discounted(t, steps[-1][1])
        if p["mode"] not in ("graduated", "volume") or not 1 <= len(steps) <= TIERS_MAX:
            raise Unreadable("tiers")
        if any(y[0] <= x[0] for x, y in zip([(0, 0)] + steps, steps)):
            raise Unreadable("tiers must rise")
        b["tiers"][sku] = (p["mode"], [(Fraction(0), price)] + steps)

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
            if version > 5:
                raise Unknown(f"statement {n} is of version {version}")
            self.read_content(h, version)
        except Unreadable as e:
            self.bad("wrong", name, str(e))
        self.check_chain(h, n)
        if version == 1:
            self.hashes = []
            self.pool = None
            self.believed, self.unpaged_end = time_text(self.start)[:7], self.end
            self.spans[self.start] = (n, self.plans)
            return False
        self.check_books(h)
        if number(h["pages"], "count") != len(self.hashes) or unhex(h["pages"], "root", 32) != root_of(self.hashes):
            self.bad("edited", sig, "the pages' hashes are not those of the head")
        month = time_text(self.start)[:7]
        if self.month is None and n > 1:
            self.believed = month
        if month != self.month:
            self.pool = Fraction(0) if self.month is not None or n == 1 else None
            self.month, self.counts = month, {}
        self.spans[self.start] = (n, self.plans)
        self.own = self.at = Span(self.start, self.end, self.plans)
        self.at_of = None
        return True

    @staticmethod
    def period(obj):
        if not isinstance(obj, dict):
            raise Unreadable("period")
        start, end = second_of(obj.get("start")), second_of(obj.get("end"))
        if not 60 <= end - start <= 3600 or (end - start) % 60 or start % (end - start):
            raise Unreadable("period")
        return start, end

    def read_corrections(self, h, version):
        self.corrects = []
        listed = h.get("corrects")
        if version not in (3, 5):
            if "corrects" in h:
                raise Unreadable("corrects")
            return
        if not isinstance(listed, list) or not 1 <= len(listed) <= CORRECTS_MAX:
            raise Unreadable("corrects")
        for c in listed:
            if not isinstance(c, dict):
                raise Unreadable("corrects")
            start, end = self.period(c.get("period"))
            of = None if c.get("number") is None and "number" in c else number(c, "number", 1, self.statement - 1)
            pool_s = number(c, "pool_s", -2**61, 2**61 - 1)
            if end > self.start or self.corrects and start < self.corrects[-1].end:
                raise Unreadable("corrects")
            whole = self.first == 1 or start >= self.first_start
            if (of != self.spans.get(start, (None,))[0]) if whole else (of is not None and of >= self.first):
                raise Unreadable("another statement's period")
            self.corrects.append(Correction(of, start, end, pool_s, whole and (self.unpaged_end is None or start >= self.unpaged_end)))

    def read_content(self, h, version):
        self.start, self.end = self.period(h.get("period"))
        self.length = self.end - self.start
        if not self.statements:
            self.first_start = self.start
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
        self.read_corrections(h, version)

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

    def holds(self, b, first, last):
        at = self.at
        return max(first, b["start"], at.start), min(last, at.end, b["to"] if b["to"] is not None else at.end)

    def segments(self, group):
        at = self.at
        if group not in at.groups:
            found = []
            for tier, included, first, last in at.plans:
                here = [b for b in self.books if (b["tier"], b["currency"], b["group"]) == (tier, self.head["currency"], group)]
                own = sorted(p for p in (self.holds(b, first, last) for b in here if b["contract"]) if p[0] < p[1])
                for b in here:
                    if not at.any_book and b["id"] not in self.in_head:
                        continue
                    a, z = self.holds(b, first, last)
                    pieces = []
                    if b["contract"]:
                        pieces.append((a, z))
                    else:
                        for p in own + [(z, z)]:
                            if p[1] > a or p == (z, z):
                                pieces.append((a, min(p[0], z)))
                                a = max(a, p[1])
                    found += [Segment(x - at.start, y - at.start, b, included) for x, y in pieces if x < y]
            found.sort(key=lambda s: s.first)
            if len(found) > 16 or any(x.last > y.first for x, y in zip(found, found[1:])):
                raise Misfit("segments")
            at.groups[group] = found
        return at.groups[group]

    def rate(self, row, states, segments, lone=False):
        disks = [row.oath.disk_at(s * 60) for s in range(len(row.oath.disks))]
        for s, state in enumerate(states):
            if not lone and state and not any(g.first <= s < g.last for g in segments) and (state == RUN or disks[s // 60]):
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
                    measured = sku in g.book["tiers"]
                    price = Fraction(0) if measured else g.book["prices"][sku]
                    out.append((sku, 0, g.book["id"], g.first, g.last, seconds, qty, price, qty * price, measured))
        return sorted(out, key=lambda x: (x[0], x[3]))

    def about(self, lines):
        """What they come to, with what is sold in tiers at the price of the first."""
        return sum((x[6] * self.book[x[2]]["prices"][x[0]] for x in lines), Fraction(0))

    def not_more(self, row, lines, segments, bound, late=False, lone=False):
        at, minutes = None, [g.book["minutes"] for g in segments]
        sums = {sku: 0 for sku in USAGE}
        for sku, tier, book, first, last, seconds, qty, per_unit, amount, measured in lines:
            of = [g for g in segments if (g.first, g.last, g.book["id"]) == (first, last, book)]
            if sku not in USAGE or tier or not of or sku not in of[0].book["prices"] or measured != (sku in of[0].book["tiers"]):
                return False
            if per_unit != (0 if measured else of[0].book["prices"][sku]) or qty < 0 or not 0 <= seconds <= last - first:
                return False
            if of[0].book["minutes"] and sku != "disk-hib" or amount != qty * per_unit:
                return False
            if sku == "mem-run" and qty != Fraction(row.mem_mib * seconds, 1024) or sku == "vcpu-run" and qty != row.vcpus * seconds:
                return False
            if at is not None and (sku, first) <= at:
                return False
            at = (sku, first)
            sums[sku] += seconds
        vcpu, any_minutes = sums["vcpu-run"], lone or any(minutes)
        if max(vcpu, sums["mem-run"]) > row.running or sums["disk-hib"] > row.hibernated:
            return False
        if not late or not any(sku in g.book["tiers"] for g in segments for sku in ("vcpu-run", "mem-run")):
            if vcpu != sums["mem-run"] or not any_minutes and vcpu != row.running:
                return False
        if not lone and minutes and all(minutes) and vcpu:
            return False
        if any_minutes and row.running > bound.count(RUN):
            return False
        return self.about(lines) <= self.about(self.rate(row, bound, segments, lone))

    # lives

    def judge(self):
        if not self.lives:
            return
        held, less = set(), False
        was = self.said.get(self.at.start, {}).get(self.lives[0].sandbox, {}) if self.at_of is not None else None
        now, taken = {}, set()
        for row in reversed(self.lives):
            name = f"statements/{self.statement}/pages/{row.page}.json"
            none = row.bare or row.basis == "nothing"
            mine, full = [], []
            if not none:
                full = row.oath.states
                mine = [0 if s in held else state for s, state in enumerate(full)]
                held |= {s for s, state in enumerate(full) if state}
            if self.at_of is None:
                less = self.judge_own(name, row, none, mine, full, less, now)
            else:
                less = self.judge_late(name, row, none, mine, full, less, was, taken, now)
        if self.at_of is not None and self.corrects[self.at_of].seen:
            left = [w for k, w in was.items() if k not in taken]
            if any(w.pooled and not self.minutes_in_tiers() or any(not x[9] for x in w.lines) for w in left):
                first = self.lives[0]
                self.bad("wrong", f"statements/{self.statement}/pages/{first.page}.json", "a life is left out", first)
        if now or self.at_of is not None and self.corrects[self.at_of].seen:
            self.said.setdefault(self.at.start, {})[self.lives[0].sandbox] = now
        self.lives = []

    def judge_own(self, name, row, none, mine, full, less, now):
        if none:
            if row.running or row.hibernated or row.lines or not row.attested:
                self.bad("wrong", name, "charged", row)
            self.counts_of["nothing"] += 1
            return less
        lines = [x.said() for x in row.lines]
        try:
            segments = self.segments(self.group_of[row.region])
        except Misfit as e:
            self.bad("wrong", name, str(e), row)
        try:
            same = (row.running, row.hibernated) == (mine.count(RUN), mine.count(HIB)) and lines == self.rate(row, mine, segments)
        except Misfit:
            same = False
        if not same:
            try:
                fine = row.attested and self.not_more(row, lines, segments, full if less else mine)
            except Misfit:
                fine = False
            if not fine:
                self.bad("wrong", name, "it does not follow", row)
            less = True
            self.counts_of["less"] += 1
        self.counts_of["exact"] += same and row.attested
        self.counts_of["unattested"] += not row.attested
        if row.running + row.hibernated:
            w = now[row.key()] = self.pooled_of(row, lines, mine, segments, same)
            self.charge(row, segments, w)
        return less

    def pooled_of(self, row, lines, mine, segments, same, lone=False):
        if not lone and not any(g.book["minutes"] for g in segments):
            return Was(lines)
        pooled = row.running - sum(x[5] for x in lines if x[0] == "vcpu-run")
        split = pooled > 0 and (lone or not same and len(segments) > 1)
        parts = {}
        for g in segments if not lone and not split else []:
            n = mine[g.first:g.last].count(RUN) if same else row.running
            if g.book["minutes"] and n > 0:
                parts[(g.first, g.last, g.book["id"], g.included)] = n
        return Was(lines, pooled, parts, split)

    def charge(self, row, segments, w):
        self.used |= {x.book for x in row.lines}
        for x in row.lines:
            if x.measured:
                g = next(g for g in segments if g.first == x.first)
                n, qty = g.measured.get(x.sku, (0, Fraction(0)))
                g.measured[x.sku] = (n + x.seconds, qty + x.qty)
        by_minutes = [g for g in segments if g.book["minutes"]]
        if not by_minutes:
            return
        self.used |= {g.book["id"] for g in by_minutes}
        self.pooled = True
        self.pooled_sum += w.pooled
        self.split = self.split or w.split
        for g in by_minutes:
            g.pooled += w.parts.get((g.first, g.last, g.book["id"], g.included), 0)

    # what is corrected

    def book_of(self, row, first, last, book):
        b = self.book.get(book)
        if b is None or book not in self.in_head or b["group"] != self.group_of.get(row.region) or b["currency"] != self.head["currency"]:
            raise Misfit("a book")
        if b["start"] > self.at.start + first or b["to"] is not None and b["to"] < self.at.start + last or first >= last:
            raise Misfit("a book does not hold then")
        return b

    def lone_segments(self, row, lines):
        out = []
        for first, last, book in sorted({(x[3], x[4], x[2]) for x in lines}):
            out.append(Segment(first, last, self.book_of(row, first, last, book), 0))
        if len(out) > 16 or any(x.last > y.first for x, y in zip(out, out[1:])):
            raise Misfit("segments")
        return out

    @staticmethod
    def added(lines, more, sign):
        """Line by line; what comes to nothing is left out."""
        sums = {}
        for one, by in [(x, 1) for x in lines] + [(x, sign) for x in more]:
            n, qty = sums.get(key_of(one), (0, Fraction(0)))
            sums[key_of(one)] = (n + by * one[5], qty + by * one[6])
        out = [(k[0], k[1], k[2], k[3], k[4], n, qty, k[5], qty * k[5], False) for k, (n, qty) in sums.items() if qty]
        return sorted(out, key=lambda x: (x[0], x[3]))

    def judge_late(self, name, row, none, mine, full, less, was, taken, now):
        c = self.corrects[self.at_of]
        lines = [x.said() for x in row.lines]
        if none and (row.running or row.hibernated or not (row.basis == "nothing" if row.bare else row.attested)):
            self.bad("wrong", name, "charged", row)
        if len({key_of(x) for x in lines}) < len(lines) or any(x[6] == 0 or x[8] != x[6] * x[7] for x in lines) or any(
                (x[0], x[3]) > (y[0], y[3]) for x, y in zip(lines, lines[1:])):
            self.bad("wrong", name, "lines", row)
        try:
            if not c.seen:
                for x in lines:
                    if x[0] not in USAGE or x[1] or self.book_of(row, x[3], x[4], x[2])["prices"].get(x[0]) != x[7]:
                        raise Misfit("a price")
                c.unsure = c.split = True
                self.unseen += 1
                self.used |= {x[2] for x in lines}
                return less
            before = was.get(row.key()) if row.key() not in taken else None
            taken.add(row.key())
            stated = [x for x in before.lines if not x[9]] if before else []
            all_of = self.added(stated, lines, 1)
            segments = self.lone_segments(row, all_of) if c.lone else self.segments(self.group_of[row.region])
        except (Misfit, KeyError) as e:
            self.bad("wrong", name, str(e), row)
        try:
            rated = [] if none else [x for x in self.rate(row, mine, segments, c.lone) if not x[9]]
            same = (row.running, row.hibernated) == (mine.count(RUN), mine.count(HIB)) and sorted(self.added(rated, stated, -1)) == sorted(lines)
        except Misfit:
            same = False
        if not same:
            try:
                fine = not none and row.attested and self.not_more(row, all_of, segments, full if less else mine, True, c.lone)
            except Misfit:
                fine = False
            if not fine:
                self.bad("wrong", name, "it does not follow", row)
            less = True
            self.counts_of["less"] += 1
        self.corrected += 1
        self.counts_of["nothing"] += none
        self.counts_of["exact"] += not none and same and row.attested
        self.counts_of["unattested"] += not none and not row.attested
        self.used |= {x[2] for x in lines}
        w = now[row.key()] = self.pooled_of(row, all_of, mine, segments, same, c.lone) if row.running else Was(all_of)
        before = before or Was()
        c.pooled += w.pooled - before.pooled
        c.split = c.split or w.split or before.split
        for parts, sign in ((w.parts, 1), (before.parts, -1)):
            for (first, last, book, included), n in parts.items():
                key = (first, self.group_of[row.region], book)
                c.more.setdefault(key, [last, included, 0])[2] += sign * n
        return less

    def minutes_in_tiers(self):
        return any(b["minutes"] and "minutes" in b["tiers"] for b in self.books)

    # pages

    def read_of(self, j):
        """Which of the periods that are corrected a page is of; None: its statement's own."""
        of = j.get("corrects")
        if of is None and self.at_of is None:
            return None
        if not isinstance(of, dict):
            raise Unreadable("corrects")
        start, _ = self.period(of.get("period"))
        before = -1 if self.at_of is None else self.at_of
        for i in (before, before + 1):
            if 0 <= i < len(self.corrects) and self.corrects[i].start == start:
                return i
        raise Unreadable("corrects")

    def read_page(self, j):
        if not isinstance(j, dict):
            raise Unreadable("page")
        self.page_of = self.read_of(j)
        late = self.page_of is not None
        start = self.corrects[self.page_of].start if late else self.start
        length = self.corrects[self.page_of].end - start if late else self.length
        rows, lines = get(j, "sandboxes", list), get(j, "lines", list)
        if not 1 <= len(rows) <= PAGE_ROWS or len(lines) > PAGE_LINES:
            raise Unreadable("size")
        out, at = [], 0
        for place, obj in enumerate(rows, 1):
            row = Row(obj, late)
            row.page, row.place = self.page, place
            while at < len(lines) and isinstance(lines[at], dict) and all(lines[at].get(n) == obj.get(n) and type(lines[at].get(n)) is type(obj.get(n)) for n in Row.SAME):
                row.lines.append(Line(lines[at], start, length))
                if not late and row.lines[-1].seconds < 0:
                    raise Unreadable("seconds")
                at += 1
            out.append(row)
        if at != len(lines):
            raise Unreadable("a line of no row")
        return out

    def canonical(self, rows):
        c = None if self.page_of is None else self.corrects[self.page_of]
        start, kind = (self.start, None) if c is None else (c.start, "correction")
        of = {} if c is None else {"corrects": {"number": c.number, "period": {"end": time_text(c.end), "start": time_text(c.start)}}}
        return text({**of, "account": self.account, "lines": [line_json(x.said(), start, r, kind) for r in rows for x in r.lines],
                     "number": self.statement, "page": self.page, "sandboxes": [r.json for r in rows],
                     "version": version_of(c is not None, any(r.parent is not None for r in rows))})

    def turn(self):
        """Rows of another period follow."""
        c = self.corrects[self.page_of]
        self.at = Span(c.start, c.end, self.spans[c.start][1] if c.start in self.spans else [], True)
        self.at_of, self.last_key = self.page_of, None

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
        if good and not (self.page == 1 or self.page_of != self.at_of or self.rows_before == PAGE_ROWS or self.lines_before + len(rows[0].lines) > PAGE_LINES):
            self.bad("wrong", name, "the page before had room")
        oaths = f"attestations/{self.statement}/{self.page}.bin"
        rest = self.want(oaths)
        if self.page_of != self.at_of:
            self.judge()
            self.turn()
        for i, row in enumerate(rows):
            if self.lives and self.lives[0].sandbox != row.sandbox:
                self.judge()
            rest = self.row_check(oaths, rows, i, rest)
        if rest:
            message = self.message(rest)
            at = self.row_of(rows, sha(message[0])) if message else None
            self.bad("edited" if at is None else "doubled", oaths, "too many", rows[-1 if at is None else at])
        if self.page == len(self.hashes):
            self.judge()
        self.rows_before, self.lines_before = len(rows), sum(len(r.lines) for r in rows)
        self.pages += 1
        own = self.page_of is None
        for r in rows:
            for x in r.lines:
                self.sum_line(r, "usage" if own else "correction", x.said(), self.start if own else self.corrects[self.page_of].start)
        self.all_rows += [(r.hash, r.attested, r.running if own else 0, r.hibernated if own else 0) for r in rows if own or not r.bare]
        self.all_lines += self.lines_before
        self.forked |= any(r.parent is not None for r in rows)
        self.sum += sum((x.amount for r in rows for x in r.lines), Fraction(0))

    # rows

    @staticmethod
    def message(rest):
        if len(rest) < 4:
            return None
        n = int.from_bytes(rest[:4], "little")
        return (rest[4:4 + n], rest[4 + n:]) if n <= 65536 and 4 + n <= len(rest) else None

    @staticmethod
    def row_of(rows, digest):
        return next((i for i, r in enumerate(rows) if r.hash is not None and r.hash == digest), None)

    def row_check(self, oaths, rows, i, rest):
        row = rows[i]
        if row.bare:
            self.bare_check(oaths, row)
            return rest
        if not rest:
            self.bad("dropped", oaths, "no attestation", row)
        took = self.message(rest)
        if took is None:
            self.bad("edited", oaths, "a length", row)
        message, rest = took
        digest = sha(message)
        if digest != row.hash:
            at = self.row_of(rows, digest)
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
        if self.at_of is None:
            self.link(oaths, row, a)
        return rest

    def bare_check(self, oaths, row):
        no = next((no for no, (name, _) in self.regions.items() if name == row.region), None)
        spec = SPECS[row.spec - 1] if row.spec_table == 1 and 1 <= row.spec <= len(SPECS) else None
        if no is None or spec != (row.vcpus, row.mem_mib):
            self.bad("wrong", oaths, "no such region or size", row)
        n = 0
        for d in row.sandbox[1:]:
            n = n * 36 + DIGITS.index(d)
        key = (n.to_bytes(16, "big"), row.project_no, row.epoch, row.spec_table, row.spec, no)
        if self.last_key is not None and (*key, 2**64) <= self.last_key:
            self.bad("wrong", oaths, "order", row)
        self.last_key = (*key, 0)
        self.lives.append(row)

    def stamp(self, oaths, row, a):
        spec = SPECS[a.spec - 1] if a.spec_table == 1 and 1 <= a.spec <= len(SPECS) else None
        region = self.regions.get(a.region_no, (None,))[0]
        if (a.start, a.period_s) != (self.at.start, self.at.length):
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
        if not any(k[1] < self.at.end and (k[2] is None or k[2] > self.at.start) and signed(k[0], a.signature, a.body) for k in self.keys[a.worker]):
            self.bad("foreign", oaths, "signature", row)

    def link(self, oaths, row, a):
        before = self.newest.get(a.sandbox)
        if before is not None and before[1] + FORGOTTEN_AFTER < self.statement:
            before = None
        if before is None:
            self.links["began" if a.previous == bytes(32) else "before"] += 1
        else:
            if a.previous != before[0] and a.boot and (a.worker, a.boot) == before[3:] and a.previous in (before[2], bytes(32)):
                self.bad("wrong", oaths, "its worker signed another after the one that it names", row)
            self.links["followed" if a.previous == before[0] else "broken"] += 1
        self.newest[a.sandbox] = (row.hash, self.statement, a.previous, a.worker, a.boot)

    # the pool and the head

    def month_of(self, second):
        return time_text(second)[:7]

    def whole(self, month):
        return self.believed is None or month > self.believed

    @staticmethod
    def minutes(at, n, included, price, book, first, last):
        """What n more seconds in the pool cost, which stands at `at`: free minutes, then those that are paid for."""
        free = -(-included // 60)
        a, z = int(at // 60), int((at + n) // 60)
        gratis = min(z, free) - min(a, free)
        for tier, k in ((0, gratis), (1, z - a - gratis)):
            if k:
                if price is None:
                    raise Unreadable("a price of minutes")
                each = Fraction(0) if tier == 0 else price
                yield ("minutes", tier, book, first, last, n, Fraction(k), each, k * each, False)

    def rate_month(self, month):
        """(book, tier) -> [minutes, price] of all parts of a month that are known."""
        at, out = 0, {}
        for second, _, book in sorted(self.parts):
            of, included, n = self.parts[(second, _, book)]
            if self.month_of(of) != month:
                continue
            for x in self.minutes(at, n, included, self.book[book]["prices"].get("minutes"), book, 0, 0):
                sum_ = out.setdefault((book, x[1]), [Fraction(0), x[7]])
                sum_[0] += x[6]
            at += n
        return out

    def minutes_line(self, x):
        b = self.book.get(x.book)
        if b is None or x.book not in self.in_head or not b["minutes"] or x.sku != "minutes" or x.kind == "measured":
            raise Unreadable("a line of minutes")
        steps = b["tiers"]["minutes"][1] if "minutes" in b["tiers"] else [(0, b["prices"].get("minutes", Fraction(0)))]
        price = Fraction(0) if x.tier == 0 else steps[x.tier - 1][1] if x.tier <= len(steps) else None
        if x.per_unit != price or x.amount != x.qty * x.per_unit:
            raise Unreadable("a line of minutes")

    def add_part(self, of, first, group, book, included, n):
        part = self.parts.setdefault((of + first, group, book), [of, included, 0])
        part[2] += n
        if part[2] < 0:
            raise Unreadable("more is taken out of a pool than was put in")

    def correct(self, c):
        left = c.pool_s == 0 and self.minutes_in_tiers()
        if not c.unsure and not left and c.pool_s != c.pooled:
            raise Unreadable("the seconds of a pool")
        if left or c.pool_s == 0 and not (c.split or c.unsure or any(n for _, _, n in c.more.values())):
            return
        month = self.month_of(c.start)
        if self.whole(month) and month not in self.splits and not c.split:
            before = self.rate_month(month)
            for (first, group, book), (_, included, n) in c.more.items():
                if n:
                    self.add_part(c.start, first, group, book, included, n)
            after = {**{k: [Fraction(0), price] for k, (_, price) in before.items()}, **self.rate_month(month)}
            for key, (n, price) in after.items():
                qty = n - before.get(key, [0])[0]
                if qty:
                    c.lines.append(("minutes", key[1], key[0], 0, c.end - c.start, c.pool_s, qty, price, qty * price, False))
        else:
            minutes = 0
            for obj in self.head["lines"]:
                try:
                    x = Line(obj, c.start, c.end - c.start)
                except Unreadable:
                    continue
                if x.kind != "correction":
                    continue
                self.minutes_line(x)
                if (x.first, x.last, x.seconds) != (0, c.end - c.start, c.pool_s):
                    raise Unreadable("a line of minutes")
                minutes += x.qty
                c.lines.append(x.said())
            if self.whole(month) and minutes != max(-60, self.sums.get(month, 0) + c.pool_s) // 60 - self.sums.get(month, 0) // 60:
                raise Unreadable("minutes")
            self.splits.add(month)
        self.sums[month] = self.sums.get(month, 0) + c.pool_s

    def correct_all(self):
        if (-1 if self.at_of is None else self.at_of) + 1 != len(self.corrects):
            raise Unreadable("a period that no page is of")
        for c in self.corrects:
            self.correct(c)
        for c in self.corrects:
            if c.pool_s and self.month_of(c.start) == self.month:
                self.pooled = True
                if self.pool is not None and self.pool + c.pool_s >= 0:
                    self.pool += c.pool_s

    def count(self, book, sku):
        if (book, sku) not in self.counts:
            before = Fraction(0)
            if not self.whole(self.month):
                said = self.head.get("tiers")
                mine = [t for t in said if isinstance(t, dict) and (t.get("book"), t.get("sku")) == (book, sku)] if isinstance(said, list) else []
                before = exact(mine[0].get("before"), 6, 10**14) if mine else before
            self.counts[(book, sku)] = before
        return self.counts[(book, sku)]

    def state_tier(self, book, sku, after):
        self.tiers.setdefault((book, sku), [self.counts[(book, sku)], None])[1] = after
        self.counts[(book, sku)] = after

    def in_tiers(self, g, sku, seconds, qty, first=0):
        """The lines of so much more of what a book sells in tiers."""
        mode, steps = g.book["tiers"][sku]
        before = self.count(g.book["id"], sku)
        after = before + qty
        self.state_tier(g.book["id"], sku, after)
        tops = [s[0] for s in steps[1:]]
        if mode == "volume":
            was, is_ = (sum(1 for t in tops if n >= t) for n in (before, after))
            parts = [(is_, qty)] if was == is_ else [(was, -before), (is_, after)]
        else:
            parts = [(i, min(after, z) - max(before, a)) for i, (a, z) in enumerate(zip([Fraction(0)] + tops, tops + [after]))
                     if min(after, z) > max(before, a)]
        return [(sku, i + first, g.book["id"], g.first, g.last, seconds, n, steps[i][1], n * steps[i][1], False) for i, n in parts if n]

    def fill(self, before):
        """(lines, after, included); included None: no segment filled it."""
        lines, at, included = [], before, None
        order = sorted(((g.first, name, g) for name, gs in self.own.groups.items() for g in gs), key=lambda x: x[:2])
        for _, _, g in order:
            if self.pooled and g.book["minutes"] and not self.split:
                for x in self.minutes(at, g.pooled, g.included, g.book["prices"].get("minutes"), g.book["id"], g.first, g.last):
                    if x[1] and "minutes" in g.book["tiers"]:
                        lines += self.in_tiers(g, "minutes", g.pooled, x[6], 1)
                    else:
                        lines.append(x)
                at, included = at + g.pooled, g.included
            for sku in SKUS_BY_NAME:
                if g.measured.get(sku, (0, 0))[1]:
                    lines += self.in_tiers(g, sku, *g.measured[sku])
        if self.pooled and self.split:
            minutes = 0
            for obj in self.head["lines"]:
                if not isinstance(obj, dict) or (obj.get("kind"), obj.get("sku")) != ("usage", "minutes"):
                    continue
                x = Line(obj, self.start, self.length)
                self.minutes_line(x)
                if x.seconds < 0:
                    raise Unreadable("seconds")
                minutes += x.qty
                lines.append(x.said())
                if x.tier and "minutes" in self.book[x.book]["tiers"]:
                    self.state_tier(x.book, "minutes", self.count(x.book, "minutes") + x.qty)
            if minutes != (before + self.pooled_sum) // 60 - before // 60:
                raise Unreadable("minutes")
            at = before + self.pooled_sum
        return sorted(lines, key=lambda x: (x[3], x[2], x[0], x[1])), at, included

    def keep_parts(self):
        self.sums[self.month] = self.sums.get(self.month, 0) + self.pooled_sum
        if self.split:
            self.splits.add(self.month)
        for group, gs in self.own.groups.items():
            for g in gs:
                if g.pooled:
                    self.add_part(self.start, g.first, group, g.book["id"], g.included, g.pooled)

    def head_check(self):
        h, pool, self.tiers = self.head, None, {}
        try:
            self.correct_all()
            before = self.pool
            if self.pooled and before is None:
                before = Fraction(number(h["pool"], "before_s") if isinstance(h.get("pool"), dict) else 0)
            lines, after, included = self.fill(before if self.pooled else 0)
            if self.pooled:
                if included is None:
                    included = number(h["pool"], "included_s")
                    if included and included not in [p[1] for p in self.plans]:
                        raise Unreadable("the allowance")
                pool = {"after_s": int(after), "before_s": int(before), "included_s": included}
                self.pool = Fraction(after)
            self.keep_parts()
        except (Unreadable, KeyError, TypeError) as e:
            self.bad("wrong", self.head_name, str(e))
        late = [(c, x) for c in self.corrects for x in sorted(c.lines, key=lambda x: (x[3], x[2], x[0], x[1]))]
        self.used |= {x[2] for x in lines} | {x[2] for _, x in late}
        total = self.sum + sum((x[8] for x in lines), Fraction(0)) + sum((x[8] for _, x in late), Fraction(0))
        made = {
            "account": self.account,
            "attestations": {"count": len(self.all_rows), "root": root_of([r[0] for r in self.all_rows]).hex(),
                             "unattested": sum(1 for r in self.all_rows if not r[1])},
            "books": [{"id": b["id"], "sha256": b["sha"].hex()} for b in self.books if b["id"] in self.used],
            "currency": h["currency"], "hibernated_s": sum(r[3] for r in self.all_rows),
            "lines": [line_json(x, self.start, None) for x in lines] + [line_json(x, c.start, None, "correction") for c, x in late],
            "number": self.statement,
            "pages": {"count": len(self.hashes), "lines": self.all_lines, "root": root_of(self.hashes).hex()},
            "period": {"end": time_text(self.end), "start": time_text(self.start)},
            "plans": [{"from": time_text(a), "included_s": n, "tier": t, "to": time_text(z)} for t, n, a, z in self.plans],
            "pool": pool, "previous": (self.previous or bytes.fromhex(h["previous"])).hex(),
            "running_s": sum(r[2] for r in self.all_rows), "total": money(total), "version": version_of(bool(self.corrects), self.forked)}
        if self.corrects:
            made["corrects"] = [{"number": c.number, "period": {"end": time_text(c.end), "start": time_text(c.start)}, "pool_s": c.pool_s}
                                for c in self.corrects]
        if self.tiers:
            made["tiers"] = [{"after": decimals(z, 6), "before": decimals(a, 6), "book": book, "sku": sku}
                             for (book, sku), (a, z) in sorted(self.tiers.items())]
        if text(made) != self.head_bytes:
            self.bad("wrong", self.head_name, ", ".join(k for k in made if made[k] != h.get(k)))
        for x in lines:
            self.sum_line(None, "usage", x, self.start)
        for at, x in late:
            self.sum_line(None, "correction", x, at.start)
        self.billed[self.statement] = (sha(self.head_bytes), self.start, self.end, made["books"], {p[0] for p in self.plans}, self.lines_of, self.charges_of)

    # invoices

    def sum_line(self, row, kind, x, start):
        """Of a statement's lines those of one kind, project, sku, book, tier and price are one of an invoice."""
        sku, tier, book, _, _, seconds, qty, per_unit, amount, measured = x
        if measured:
            return
        month = time_text(start)[:7]
        self.charges_of[month] = self.charges_of.get(month, Fraction(0)) + amount
        key = (row.project_no if row else 0, kind, sku, book, tier, per_unit)
        had = self.lines_of.setdefault(key, [row.project if row else None, 0, Fraction(0), Fraction(0)])
        had[1], had[2], had[3] = had[1] + seconds, had[2] + qty, had[3] + amount

    def invoice(self, k):
        name, sig = f"invoices/{k + 1}.json", f"invoices/{k + 1}.sig"
        data = self.want(name)
        signature = self.want(sig)
        try:
            s = self.read_sum(sig, signature)
            digest, key, signature = unhex(s, "hash", 32), unhex(s, "key", 32), unhex(s, "signature", 64)
            number_, seller, listed = get(s, "number", str), number(s, "seller", 1), get(s, "statements", list)
        except (Unreadable, KeyError, TypeError) as e:
            self.bad("edited", sig, str(e))
        if number_ != self.numbers[k]:
            self.bad("reordered", sig, "another document's")
        if sha(data) != digest:
            self.bad("edited", name, "its hash is not what was signed")
        try:
            d = load(data)
            issued = second_of(d.get("issued") if isinstance(d, dict) else None)
        except Unreadable:
            d, issued = None, -1
        if not any(x[0] == key and x[1] <= issued and (x[2] is None or issued < x[2]) and signed(key, signature, data) for x in self.keys[0]):
            self.bad("foreign", name, "no key of the service signed it")
        try:
            doc = Document(d)
        except (Unreadable, KeyError, TypeError, AttributeError) as e:
            self.bad("wrong", name, str(e))
        if (doc.account, doc.number) != (self.account, self.numbers[k]):
            self.bad("reordered", name, "another document")
        doc.seller, doc.hash = seller, digest
        self.check_document(name, sig, doc, listed)
        if text(d) != data or text(doc.made()) != data:
            self.bad("wrong", name, "its sums or its form")
        self.docs.append(doc)
        self.documents["credit_notes" if doc.credit_note else "invoices"] += 1
        self.documents["partly"] += not doc.credit_note and not doc.whole

    def check_document(self, name, sig, doc, listed):
        if doc.chain == 1 and doc.previous != bytes(32):
            self.bad("wrong", name, "the first names one before it")
        before = next((x for x in reversed(self.docs) if x.seller == doc.seller), None)
        if before and (before.chain >= doc.chain or before.chain + 1 == doc.chain and before.hash != doc.previous):
            self.bad("wrong", name, "the chain")
        count, first, last, root = doc.statements
        numbers = [n if type(n) is int else 0 for n in listed]
        if len(numbers) != count or any(y <= x for x, y in zip([0] + numbers, numbers)) or numbers and (numbers[0], numbers[-1]) != (first, last):
            self.bad("edited", sig, "the statements")
        doc.numbers, doc.whole = numbers, all(n in self.billed for n in numbers)
        if doc.credit_note:
            of = next((x for x in self.docs if not x.credit_note and (x.seller, x.number) == (doc.seller, doc.refers_to)), None)
            if of is None:
                self.bad("wrong", name, "it is of no invoice before it")
            self.check_credit(name, doc, of)
        elif doc.whole:
            self.check_billed(name, sig, doc, [self.billed[n] for n in numbers], root)
        if not doc.credit_note:
            self.check_commitments(name, doc)
        try:
            doc.reckon_credit(of) if doc.credit_note else doc.reckon()
        except Unreadable as e:
            self.bad("wrong", name, str(e))

    def check_billed(self, name, sig, doc, of, root):
        if root_of([x[0] for x in of]) != root:
            self.bad("edited", sig, "the statements do not make the root")
        spans = [x[1:3] for x in of] or [(c.start, c.end) for c in doc.commitments] or [(0, 0)]
        if doc.period != (min(x[0] for x in spans), max(x[1] for x in spans)):
            self.bad("wrong", name, "its period")
        if doc.plans != sorted(set().union(*(x[4] for x in of)), key=str.encode):
            self.bad("wrong", name, "its plans")
        doc.books = sorted({(b["id"], b["sha256"]) for x in of for b in x[3]})
        sums = {}
        for x in of:
            for key, (project, seconds, qty, amount) in x[5].items():
                had = sums.setdefault(key, [project, 0, Fraction(0), Fraction(0)])
                had[1], had[2], had[3] = had[1] + seconds, had[2] + qty, had[3] + amount
        want = [(kind, no, project, sku, book, tier, price, seconds, qty, amount, 0)
                for (no, kind, sku, book, tier, price), (project, seconds, qty, amount) in sorted(sums.items(), key=lambda x: x[0])]
        for i, (a, b) in enumerate(zip(want, doc.lines), 1):
            if a != b.said():
                self.bad("wrong", name, "a line is not what its statements come to", place=i)
        if len(want) + sum(1 for c in doc.commitments if c.due) != len(doc.lines):
            self.bad("wrong", name, "its lines are not what its statements come to")

    def check_commitments(self, name, doc):
        due = [c for c in doc.commitments if c.due]
        first = len(doc.lines) - len(due)
        if first < 0:
            self.bad("wrong", name, "a commitment without a line")
        for i, x in enumerate(doc.lines[:first], 1):
            if x.kind == "commitment":
                self.bad("wrong", name, "a line of no commitment", place=i)
        line, before = first, None
        for c in doc.commitments:
            if before is not None and before >= c.month:
                self.bad("wrong", name, "commitments are not by month")
            before = c.month
            if c.line != (line + 1 if c.due else None) or c.due and (doc.lines[line].said(), doc.lines[line].tax) != (
                    ("commitment", 0, None, "commitment", None, 0, None, 0, None, c.due, 0), 1):
                self.bad("wrong", name, "not what the month is short of", place=line + 1)
            line += 1 if c.due else 0
            of = [next((x for x in self.docs if not x.credit_note and (x.seller, x.number) == (doc.seller, n)), None) for n in c.invoices]
            if not doc.whole or not all(x is not None and x.whole for x in of):
                continue
            numbers = doc.numbers + [n for x in of for n in x.numbers]
            charges = sum((self.billed[n][6].get(c.month, Fraction(0)) for n in numbers), Fraction(0))
            charged = sum((y.due for x in of for y in x.commitments if y.month == c.month), Fraction(0))
            if len(set(numbers)) != len(numbers) or (charges, charged) != (c.charges, c.before):
                self.bad("wrong", name, "a commitment counts what was not charged, or not what was")

    def check_credit(self, name, doc, of):
        for i, x in enumerate(doc.lines, 1):
            y = of.lines[x.of_line - 1] if 0 < x.of_line <= len(of.lines) else None
            if y is None or (x.kind, x.qty, x.seconds) != ("credit", None, 0) or (x.sku, x.project_no, x.project, x.tier, x.tax) != (
                    y.sku, y.project_no, y.project, y.tier, y.tax):
                self.bad("wrong", name, "it is not of a line of its invoice", place=i)
            if not 0 < x.net <= y.left:
                self.bad("wrong", name, "it credits more than is left", place=i)
            if x.amount != x.net:
                self.bad("wrong", name, "its amount is not what it credits", place=i)
            y.left -= x.net
        if doc.currency != of.currency or [t.rate for t in doc.taxes] != [t.rate for t in of.taxes]:
            self.bad("wrong", name, "its currency or its taxes")

    # all of it

    def run(self):
        self.manifest()
        self.take_keys("keys/0.json", self.want("keys/0.json"))
        self.take_books()
        for n in range(self.first, self.last + 1):
            self.lives, self.last_key, self.page_of, self.lines_of, self.charges_of = [], None, None, {}, {}
            self.pooled, self.split, self.pooled_sum, self.used = False, False, 0, set()
            self.all_rows, self.all_lines, self.sum, self.forked = [], 0, Fraction(0), False
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
        for k in range(len(self.numbers)):
            self.invoice(k)
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
        where = e.row.where() if e.row is not None else {**where, "place": e.place}
        statement = place[1] if place[0] == 4 else None
        out = {"verdict": "bad", "fault": {"kind": e.kind, "entry": e.entry, "statement": statement, **where, "words": str(e)}}
    except Unknown as e:
        out = {"verdict": "unknown", "fault": None, "unknown": str(e)}
    return {**out, "account": v.account, "first": v.first, "last": v.last, "statements": v.statements, "pages": v.pages,
            "total": money(v.total), "currency": v.currency, "rows": v.counts_of, "corrections": {"rows": v.corrected, "unseen": v.unseen}, "documents": v.documents, "links": v.links}


if __name__ == "__main__":
    with open(sys.argv[1], "rb") as f:
        answer = verdict(f.read())
    print(json.dumps(answer))
    sys.exit({"good": 0, "bad": 1, "unknown": 3}[answer["verdict"]])
