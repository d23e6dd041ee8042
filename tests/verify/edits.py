#!/usr/bin/env python3
"""Bundles with one thing changed, and what all verifiers say of each: that it is bad, of the same record, and of the one that was
changed. A third of the changes is made by somebody who has the service's own key, and who has made all hashes and signatures fit again.

    edits.py FOLDER VERIFY COUNT SEED [BROWSER...]      FOLDER as tests/support/bundles.c leaves it; VERIFY: the program dormouse-verify;
                                                        BROWSER: the command that runs the console's verifier (web/src/verify/serve.ts)
"""

import copy
import hashlib
import json
import random
import re
import subprocess
import sys
from collections import Counter
from decimal import Decimal
from pathlib import Path

import verifier
import zstandard
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

FOREIGN = Ed25519PrivateKey.from_private_bytes(b"\7" * 32)
PAGE = re.compile(r"statements/(\d+)/pages/(\d+)\.json")
OATHS = re.compile(r"attestations/(\d+)/(\d+)\.bin")
DOCUMENT = re.compile(r"invoices/(\d+)\.json")


# --- bundles, and what is in them ---

def unpack(data):
    archive, out = verifier.Archive(data), []
    while (entry := archive.next()) is not None:
        archive.last = entry[0]
        out.append(entry)
    return out


def pack(entries):
    tar = b"".join(verifier.head_of(name.encode(), len(body)) + body + bytes(-len(body) % 512) for name, body in entries) + bytes(1024)
    return zstandard.ZstdCompressor(level=1).compress(tar)


def messages(body):
    out, at = [], 0
    while at < len(body):
        n = int.from_bytes(body[at:at + 4], "little")
        out.append(body[at + 4:at + 4 + n])
        at += 4 + n
    return out


def packed(list_of):
    return b"".join(len(m).to_bytes(4, "little") + m for m in list_of)


def summed(value):
    rest = {k: v for k, v in value.items() if k != "sum"}
    body = verifier.text(rest)[:-1]
    return body + b',"sum":"' + hashlib.sha256(body).hexdigest().encode() + b'"}'


def raw_public(key):
    return key.public_key().public_bytes_raw()


class Sealed:
    """A bundle by its parts, which can be sealed again by whoever has the service's key."""

    def __init__(self, entries, service, worker):
        self.service, self.worker = service, worker
        self.order = [name for name, _ in entries]
        self.files = dict(entries)
        self.json = {n: json.loads(b) for n, b in entries if n.endswith((".json", ".sig"))}
        self.oaths = {n: messages(b) for n, b in entries if n.endswith(".bin")}

    def numbers(self):
        return sorted(int(m[1]) for n in self.order if (m := re.fullmatch(r"statements/(\d+)\.json", n)))

    def pages(self, n):
        return sorted((int(m[2]) for name in self.order if (m := PAGE.fullmatch(name)) and int(m[1]) == n))

    def stated(self, page, row):
        """Whether statements before have charged lines of a row that corrects."""
        of = page["corrects"]["period"]["start"]
        return any(all(x[k] == row[k] for k in verifier.Row.SAME) and x["kind"] == "usage" for n in self.order if PAGE.fullmatch(n)
                   for q in [self.json[n]] if "corrects" not in q and q["number"] == page["corrects"]["number"] and of
                   for x in q["lines"])

    def seal(self, sums=True, left_out=()):
        """All hashes, roots and signatures anew; with sums also what a head sums up."""
        previous = None
        for n in self.numbers():
            head, sig = self.json[f"statements/{n}.json"], self.json[f"statements/{n}.sig"]
            hashes, oaths, rows, lines = [], [], [], list(head["lines"])
            for p in self.pages(n):
                if (n, p) in left_out:
                    continue
                page = self.json[f"statements/{n}/pages/{p}.json"]
                sworn = [r for r in page["sandboxes"] if r["attestation"] is not None]
                for row, message in zip(sworn, self.oaths[f"attestations/{n}/{p}.bin"]):
                    row["attestation"] = hashlib.sha256(message).hexdigest()
                oaths += [(bytes.fromhex(r["attestation"]), r["attested"]) for r in sworn]
                rows += page["sandboxes"] if "corrects" not in page else []
                lines += page["lines"]
                hashes.append(verifier.sha(verifier.text(page)))
            sig["pages"] = [h.hex() for h in hashes]
            head["pages"]["count"], head["pages"]["root"] = len(hashes), verifier.root_of(hashes).hex()
            if sums:
                head["attestations"].update(count=len(oaths), root=verifier.root_of([h for h, _ in oaths]).hex(), unattested=sum(not a for _, a in oaths))
                head["pages"]["lines"] = len(lines) - len(head["lines"])
                head["running_s"], head["hibernated_s"] = sum(r["running_s"] for r in rows), sum(r["hibernated_s"] for r in rows)
                head["total"] = f"{sum(Decimal(x['amount']) for x in lines):.18f}"
            if previous is not None and n > 1 and not self.json.get("unchained") == n:
                head["previous"] = previous
            body = verifier.text(head)
            previous = hashlib.sha256(body).hexdigest()
            sig["head"], sig["key"] = previous, raw_public(self.service).hex()
            sig["signature"] = self.service.sign(body).hex()

    def seal_document(self, name):
        body = verifier.text(self.json[name])
        sig = self.json[name.replace(".json", ".sig")]
        sig["hash"], sig["key"] = hashlib.sha256(body).hexdigest(), raw_public(self.service).hex()
        sig["signature"] = self.service.sign(body).hex()

    def entries(self):
        out = []
        for name in self.order:
            if name.endswith(".bin"):
                out.append((name, packed(self.oaths[name])))
            elif name.endswith(".sig") or name.startswith("keys/") or name == "manifest.json":
                out.append((name, summed(self.json[name])))
            elif name.startswith(("statements/", "invoices/")):
                out.append((name, verifier.text(self.json[name])))
            else:
                out.append((name, self.files[name]))
        return out


# --- what is to be found ---

class Want:
    """The record that was changed: some files of which one is named; where it is known, the row; a kind, if there is but one."""

    def __init__(self, *entries, place=None, kind=None, after=None):
        self.entries, self.place, self.kind, self.after = entries, place, kind, after

    def wrong(self, fault):
        if fault["entry"] not in self.entries:
            return f"{fault['entry']} is named"
        if self.kind is not None and fault["kind"] not in self.kind:
            return f"it is called {fault['kind']}"
        if self.place is not None and fault["place"] is not None and fault["place"] != self.place:
            return f"row {fault['place']} is named, not {self.place}"
        match = PAGE.fullmatch(fault["entry"]) or OATHS.fullmatch(fault["entry"])
        if match and fault["statement"] is not None and (fault["statement"], fault["page"]) != (int(match[1]), int(match[2])):
            return f"statement {fault['statement']}, page {fault['page']} are named"
        return None


class Nothing(Exception):
    """The bundle has nothing of the kind: another change is made."""


# --- changes by anybody ---

def sworn(entries, name):
    """The places of the rows of which a file of attestations has a message each."""
    match = OATHS.fullmatch(name)
    page = json.loads(dict(entries)[f"statements/{match[1]}/pages/{match[2]}.json"])
    return [i for i, r in enumerate(page["sandboxes"], 1) if r["attestation"] is not None]


def row_at(entries, name, body, at):
    """Of which row a byte of a file is; None: of none, or that is not known."""
    if OATHS.fullmatch(name):
        seen = 0
        for place, m in zip(sworn(entries, name), messages(body)):
            seen += 4 + len(m)
            if at < seen:
                return place
    if PAGE.fullmatch(name):
        begin, page = body.rindex(b'"sandboxes":[') + len('"sandboxes":['), json.loads(body)
        if begin <= at:
            return body[begin:at + 1].count(b'{"attestation"') or 1
        begin = body.index(b'"lines":[') + len('"lines":[')
        for line in page["lines"]:
            size = len(verifier.text(line)) + 1
            if begin <= at < begin + size:
                return next(i for i, r in enumerate(page["sandboxes"], 1) if all(r[k] == line[k] for k in verifier.Row.SAME))
            begin += size
    return None


def changed_place(entries, name, body, new, at):
    """As row_at, of what is changed to new; but a line that names another row now may be found at that one's, or at its own."""
    if PAGE.fullmatch(name):
        try:
            was, now = ([[x.get(k) for k in verifier.Row.SAME] for x in json.loads(b)["lines"]] for b in (body, new))
        except (ValueError, KeyError, AttributeError, TypeError):
            was = now = None
        if was != now:
            return None
    return row_at(entries, name, body, at)


def some(dice, entries):
    return dice.choice([i for i, (_, body) in enumerate(entries) if body])


def flip(dice, entries):
    i = some(dice, entries)
    name, body = entries[i]
    at = dice.randrange(len(body))
    changed = bytearray(body)
    changed[at] = dice.choice([b for b in range(256) if b != changed[at]]) if dice.random() < 0.3 else changed[at] ^ 1 << dice.randrange(8)
    place = changed_place(entries, name, body, bytes(changed), at)
    entries[i] = (name, bytes(changed))
    return Want(name, place=place, kind={"edited"} if name.endswith((".json", ".sig")) else {"edited", "dropped", "doubled", "reordered"})


def digit(dice, entries):
    """A digit becomes another in what is JSON: most such files can still be read."""
    i = dice.choice([i for i, (n, _) in enumerate(entries) if not n.endswith(".bin")])
    name, body = entries[i]
    at = dice.choice([m.start() for m in re.finditer(rb"\d", body)])
    new = dice.choice([d for d in b"0123456789" if d != body[at]])
    changed = body[:at] + bytes([new]) + body[at + 1:]
    entries[i] = (name, changed)
    return Want(name, place=changed_place(entries, name, body, changed, at), kind={"edited"})


def cut(dice, entries):
    i = some(dice, entries)
    name, body = entries[i]
    at, n = dice.randrange(len(body)), dice.randrange(1, 40)
    entries[i] = (name, body[:at] + body[at + n:] if dice.random() < 0.5 else body[:at] + body[at:at + n] + body[at:])
    return Want(name) if entries[i][1] != body else flip(dice, entries)


def drop(dice, entries):
    name = entries.pop(dice.randrange(len(entries)))[0]
    return Want(name, kind={"dropped"})


def double(dice, entries):
    i = dice.randrange(len(entries))
    entries.insert(i, entries[i])
    return Want(entries[i][0], kind={"doubled"})


def swap(dice, entries):
    i = dice.randrange(len(entries) - 1)
    entries[i], entries[i + 1] = entries[i + 1], entries[i]
    return Want(entries[i][0], entries[i + 1][0], kind={"dropped", "reordered"})


def drop_statement(dice, entries):
    numbers = sorted({int(m[1]) for n, _ in entries if (m := re.fullmatch(r"statements/(\d+)\.json", n))})
    n = dice.choice(numbers)
    entries[:] = [e for e in entries if not re.match(rf"(statements|attestations)/{n}[./]", e[0])]
    return Want(f"statements/{n}.json", kind={"dropped"})


def exchange(dice, entries):
    """The bytes of two files of one kind change places."""
    kind = dice.choice([r"statements/\d+\.json", r"statements/\d+\.sig", PAGE.pattern, OATHS.pattern, DOCUMENT.pattern, r"invoices/\d+\.sig"])
    of = [i for i, (n, _) in enumerate(entries) if re.fullmatch(kind, n)]
    if len(of) < 2:
        raise Nothing
    a, b = sorted(dice.sample(of, 2))
    entries[a], entries[b] = (entries[a][0], entries[b][1]), (entries[b][0], entries[a][1])
    return Want(entries[a][0])


def records(dice, entries):
    """Attestations of a page: one is dropped, doubled, exchanged with its neighbour, or another statement's."""
    i = dice.choice([i for i, (n, b) in enumerate(entries) if n.endswith(".bin") and len(messages(b)) > 2])
    name, body = entries[i]
    m, places = messages(body), sworn(entries, name)
    k, what = dice.randrange(len(m) - 1), dice.choice(["drop", "double", "swap", "another"])
    if what == "drop":
        k = dice.randrange(len(m))
        del m[k]
    elif what == "double":
        m.insert(k, m[k])
    elif what == "swap":
        m[k], m[k + 1] = m[k + 1], m[k]
    else:
        m[k] = messages(dice.choice([b for n, b in entries if n.endswith(".bin") and n != name and b]))[0]
    if packed(m) == body:  # an attestation that counts stands also where something corrects what it said
        raise Nothing
    if what == "another" and m[k] in messages(body)[k + 1:]:
        what = "further"  # it stands further down, too: those up to there are missing, or it is out of its place
    elif what == "another" and m[k] in messages(body)[:k]:
        k, what = messages(body).index(m[k]), "double"  # it stands there already, and is named where it belongs
    entries[i] = (name, packed(m))
    return Want(name, place=places[k], kind=set({"drop": "dropped", "double": "doubled", "swap": "reordered", "another": "edited", "further": "dropped reordered"}[what].split()))


def rows(dice, entries):
    """The same of what a page says, in its canonical form."""
    i = dice.choice([i for i, (n, _) in enumerate(entries) if PAGE.fullmatch(n)])
    name, page = entries[i][0], json.loads(entries[i][1])
    of = page[dice.choice(["sandboxes", "lines"])] if page["lines"] else page["sandboxes"]
    k, what = dice.randrange(len(of)), dice.choice(["drop", "double", "swap"])
    if what == "drop" or len(of) < 2:
        del of[k]
    elif what == "double":
        of.insert(k, of[k])
    else:
        j = (k + 1) % len(of)
        of[k], of[j] = of[j], of[k]
    entries[i] = (name, verifier.text(page))
    return Want(name, kind={"edited"})


def foreign_head(dice, entries):
    names = [n for n, _ in entries if re.fullmatch(r"statements/\d+\.sig", n)]
    name = dice.choice(names)
    files = dict(entries)
    sig, head = json.loads(files[name]), files[name.replace(".sig", ".json")]
    sig["signature"] = FOREIGN.sign(head).hex()
    if dice.random() < 0.5:
        sig["key"] = raw_public(FOREIGN).hex()
    entries[:] = [(n, summed(sig) if n == name else b) for n, b in entries]
    return Want(name.replace(".sig", ".json"), kind={"foreign"})


def some_invoice(dice, entries):
    of = [i for i, (n, _) in enumerate(entries) if DOCUMENT.fullmatch(n)]
    if not of:
        raise Nothing
    return dice.choice(of)


def foreign_invoice(dice, entries):
    """Signed by a key that the service never had; or by its own, before it was valid."""
    i = some_invoice(dice, entries)
    name, sig = entries[i][0], json.loads(entries[i + 1][1])
    sig["signature"] = FOREIGN.sign(entries[i][1]).hex()
    if dice.random() < 0.5:
        sig["key"] = raw_public(FOREIGN).hex()
    entries[i + 1] = (entries[i + 1][0], summed(sig))
    return Want(name, kind={"foreign"})


def invoice_dropped(dice, entries):
    """A document and its signature are gone, the last ones too."""
    i = some_invoice(dice, entries)
    name = entries[i][0]
    del entries[i:i + 2]
    return Want(name, kind={"dropped"})


def invoices_swapped(dice, entries):
    """Two documents change places, signatures and all; or one is there twice, in the other's place."""
    of = [i for i, (n, _) in enumerate(entries) if DOCUMENT.fullmatch(n)]
    if len(of) < 2:
        raise Nothing
    a, b = sorted(dice.sample(of, 2))
    for k in (0, 1):
        one, other = entries[a + k][1], entries[b + k][1]
        entries[a + k] = (entries[a + k][0], other)
        if dice.random() < 0.7:
            entries[b + k] = (entries[b + k][0], one)
    return Want(entries[a + 1][0], kind={"reordered"})


def late_key(dice, entries):
    """A key that ended before, or began after: whatever it signed first is foreign."""
    i = dice.choice([i for i, (n, _) in enumerate(entries) if n.startswith("keys/")])
    name, keys = entries[i][0], json.loads(entries[i][1])
    if dice.random() < 0.5:
        for k in keys["keys"]:
            k["valid_from"] = "2099-01-01T00:00:00Z"
    else:
        for k in keys["keys"]:
            k["valid_to"] = "2020-01-01T00:00:00Z"
    entries[i] = (name, summed(keys))
    if name == "keys/0.json":
        return Want("statements/1.json", kind={"foreign"})
    first = next(n for n, _ in entries[i:] if OATHS.fullmatch(n))
    return Want(first, kind={"foreign"})


# --- changes by whoever has the service's key ---

def some_page(dice, s, fits=lambda page: True, late=False):
    """One of a statement's own period, or one that corrects."""
    names = [n for n in s.order if PAGE.fullmatch(n) and ("corrects" in s.json[n]) == late and fits(s.json[n])]
    if not names:
        raise Nothing
    name = dice.choice(names)
    match = PAGE.fullmatch(name)
    return int(match[1]), int(match[2]), s.json[name], name, f"attestations/{match[1]}/{match[2]}.bin"


def place_of_line(page, line):
    return next(i for i, r in enumerate(page["sandboxes"], 1) if all(r[k] == line[k] for k in verifier.Row.SAME))


def cheat_amount(dice, s):
    _, _, page, name, _ = some_page(dice, s, lambda p: p["lines"])
    line = dice.choice(page["lines"])
    line["amount"] = f"{Decimal(line['amount']) + Decimal(dice.choice(['0.000000000000000001', '1', '-0.000000000000000001'])):.18f}"
    s.seal()
    return Want(name, place=place_of_line(page, line), kind={"wrong"})


def cheat_price(dice, s):
    _, _, page, name, _ = some_page(dice, s, lambda p: p["lines"])
    line = dice.choice(page["lines"])
    line["per_unit"] = f"{Decimal(line['per_unit']) + Decimal('0.000000000001'):.12f}"
    line["amount"] = f"{Decimal(line['per_unit']) * Decimal(line['qty']):.18f}"
    s.seal()
    return Want(name, place=place_of_line(page, line), kind={"wrong"})


def cheat_seconds(dice, s):
    fits = [r for r in ("running_s",)]
    n, _, page, name, _ = some_page(dice, s, lambda p: any(r["basis"] != "nothing" for r in p["sandboxes"]))
    place = dice.choice([i for i, r in enumerate(page["sandboxes"]) if r["basis"] != "nothing"])
    page["sandboxes"][place][fits[0]] += 1 + dice.randrange(60)
    s.seal()
    pooled = s.json[f"statements/{n}.json"]["pool"] is not None  # a row that says less may, up to what was sworn to: then the pool does not fit
    return Want(name, *([f"statements/{n}.json"] if pooled else []), place=place + 1, kind={"wrong"})


def cheat_charged(dice, s):
    """What worker and frames do not agree on at all is charged for after all."""
    fits = lambda p: any(r["basis"] == "nothing" for r in p["sandboxes"])  # noqa: E731
    _, _, page, name, _ = some_page(dice, s, fits)
    place = dice.choice([i for i, r in enumerate(page["sandboxes"]) if r["basis"] == "nothing"])
    page["sandboxes"][place]["running_s"] = 9
    s.seal()
    return Want(name, place=place + 1, kind={"wrong"})


def cheat_double_line(dice, s):
    _, _, page, name, _ = some_page(dice, s, lambda p: p["lines"])
    k = dice.randrange(len(page["lines"]))
    page["lines"].insert(k, copy.deepcopy(page["lines"][k]))
    s.seal()
    return Want(name, place=place_of_line(page, page["lines"][k]), kind={"wrong"})


def cheat_drop_line(dice, s):
    fits = lambda p: any(x["sku"] == "vcpu-run" for x in p["lines"])  # noqa: E731
    _, _, page, name, _ = some_page(dice, s, fits)
    k = dice.choice([i for i, x in enumerate(page["lines"]) if x["sku"] == "vcpu-run"])
    line = page["lines"].pop(k)
    s.seal()
    return Want(name, place=place_of_line(page, line), kind={"wrong"})


def cheat_oath(dice, s):
    """Less is sworn to than is billed; the worker's own signature is on it."""
    n, p, page, name, oaths = some_page(dice, s, lambda q: any(r["attested"] and r["running_s"] for r in q["sandboxes"]))
    place = dice.choice([i for i, r in enumerate(page["sandboxes"]) if r["attested"] and r["running_s"]])
    a = verifier.Attestation(s.oaths[oaths][place])
    m = a.body[:111] + b"\1\0\0" + a.period_s.to_bytes(2, "little") + a.body[-2 - 4 * len(a.disks):]
    s.oaths[oaths][place] = m + s.worker.sign(m)
    s.seal()
    return Want(name, place=place + 1, kind={"wrong"})


def cheat_foreign_oath(dice, s):
    n, p, page, name, oaths = some_page(dice, s)
    place = dice.randrange(len(page["sandboxes"]))
    m = s.oaths[oaths][place]
    s.oaths[oaths][place] = m[:-64] + FOREIGN.sign(m[:-64])
    s.seal()
    return Want(oaths, place=place + 1, kind={"foreign"})


def cheat_fork(dice, s):
    """A worker goes back behind its own last word: the second of two names what the first names, or nothing."""
    newest, fits = {}, []
    for n in s.order:
        if not PAGE.fullmatch(n) or "corrects" in s.json[n]:
            continue
        oaths = n.replace("statements/", "attestations/").replace("/pages/", "/").replace(".json", ".bin")
        for place, m in enumerate(s.oaths[oaths]):
            a = verifier.Attestation(m)
            before = newest.get(a.sandbox)
            if before and a.boot and (a.worker, a.boot) == (before.worker, before.boot) and a.previous == before.hash:
                fits.append((oaths, place, m, before))
            newest[a.sandbox] = a
    if not fits:
        raise Nothing
    oaths, place, m, before = dice.choice(fits)
    body = m[:-64].replace(before.hash, dice.choice([before.previous, bytes(32)]))
    s.oaths[oaths][place] = body + s.worker.sign(body)
    s.seal()
    return Want(oaths, place=place + 1, kind={"wrong"})


def cheat_swapped_rows(dice, s):
    _, _, page, name, oaths = some_page(dice, s, lambda p: len(p["sandboxes"]) > 1)
    k = dice.randrange(len(page["sandboxes"]) - 1)
    rows_, m = page["sandboxes"], s.oaths[oaths]
    of = {id(r): [x for x in page["lines"] if all(r[n] == x[n] for n in verifier.Row.SAME)] for r in rows_}
    rows_[k], rows_[k + 1], m[k], m[k + 1] = rows_[k + 1], rows_[k], m[k + 1], m[k]
    page["lines"] = [x for r in rows_ for x in of[id(r)]]
    s.seal()
    return Want(oaths, name, kind={"wrong"})


def head_of(dice, s, fits=lambda h: True):
    numbers = [n for n in s.numbers() if fits(s.json[f"statements/{n}.json"])]
    if not numbers:
        raise Nothing
    n = dice.choice(numbers)
    return n, s.json[f"statements/{n}.json"], f"statements/{n}.json"


def cheat_total(dice, s):
    _, head, name = head_of(dice, s)
    head["total"] = f"{Decimal(head['total']) + Decimal('0.01'):.18f}"
    s.seal(sums=False)
    return Want(name, kind={"wrong"})


def cheat_sum(dice, s):
    _, head, name = head_of(dice, s)
    where, what = dice.choice([(head, "running_s"), (head, "hibernated_s"), (head["attestations"], "count"), (head["attestations"], "unattested"),
                               (head["pages"], "lines")])
    where[what] += 1
    s.seal(sums=False)
    return Want(name, kind={"wrong"})


def cheat_page_left_out(dice, s):
    n, _, name = head_of(dice, s)
    last = s.pages(n)[-1]
    s.seal(sums=False, left_out={(n, last)})
    if dice.random() < 0.5:
        s.order = [x for x in s.order if x not in (f"statements/{n}/pages/{last}.json", f"attestations/{n}/{last}.bin")]
    return Want(name, kind={"wrong"})


def cheat_previous(dice, s):
    s.seal()
    n, head, name = head_of(dice, s)
    head["previous"] = "ab" * 32
    body = verifier.text(head)
    sig = s.json[f"statements/{n}.sig"]
    sig["head"], sig["signature"] = hashlib.sha256(body).hexdigest(), s.service.sign(body).hex()
    return Want(name, kind={"wrong"})


def cheat_pool(dice, s):
    pooled = lambda h: h["pool"] is not None  # noqa: E731
    _, head, name = head_of(dice, s, pooled)
    what = dice.choice(["before_s", "after_s", "included_s"])
    head["pool"][what] += 60
    s.seal(sums=False)
    return Want(name, kind={"wrong"})


def cheat_plan(dice, s):
    _, head, name = head_of(dice, s, lambda h: h["pool"] is not None) if any(s.json[f"statements/{n}.json"]["pool"] for n in s.numbers()) else head_of(dice, s)
    book = dice.choice(head["books"])
    head["books"].remove(book)
    s.seal(sums=False)
    return Want(name, *[n for n in s.order if PAGE.fullmatch(n) and n.startswith(name[:-5])], kind={"wrong"})


def late_line(dice, s, fits):
    _, _, page, name, _ = some_page(dice, s, lambda p: any(fits(x) for x in p["lines"]), late=True)
    return page, name, dice.choice([x for x in page["lines"] if fits(x)])


def is_compute(line):
    return line["sku"] in ("vcpu-run", "mem-run")


def cheat_correction(dice, s):
    """What corrects takes back less than it must, or charges more; all of it multiplied out."""
    page, name, line = late_line(dice, s, is_compute)
    line["qty"] = f"{Decimal(line['qty']) + Decimal(dice.choice(['1', '0.000001', '-1'])):.6f}"
    if Decimal(line["qty"]) == 0:
        raise Nothing
    line["amount"] = f"{Decimal(line['qty']) * Decimal(line['per_unit']):.18f}"
    s.seal()
    return Want(name, place=place_of_line(page, line), kind={"wrong"})


def cheat_correction_seconds(dice, s):
    page, name, line = late_line(dice, s, is_compute)
    line["seconds"] += dice.choice([-1, 1])
    s.seal()
    return Want(name, place=place_of_line(page, line), kind={"wrong"})


def cheat_correction_dropped(dice, s):
    page, name, line = late_line(dice, s, is_compute)
    place = place_of_line(page, line)
    page["lines"].remove(line)
    s.seal()
    return Want(name, place=place, kind={"wrong"})


def cheat_correction_twice(dice, s):
    page, name, line = late_line(dice, s, lambda x: True)
    page["lines"].insert(page["lines"].index(line), copy.deepcopy(line))
    s.seal()
    return Want(name, place=place_of_line(page, line), kind={"wrong"})


def cheat_life_left_out(dice, s):
    """A life that was stated and charged is not among those that are corrected."""
    _, _, page, name, oaths = some_page(dice, s, lambda p: len(p["sandboxes"]) > 1, late=True)
    rows_ = page["sandboxes"]
    gone = [r for r in rows_ if sum(q["sandbox"] == r["sandbox"] for q in rows_) > 1 and r["running_s"] and s.stated(page, r)]
    if not gone:
        raise Nothing
    row = dice.choice(gone)
    before = [r for r in rows_[:rows_.index(row)] if r["attestation"] is not None]
    if row["attestation"] is not None:
        del s.oaths[oaths][len(before)]
    page["lines"] = [x for x in page["lines"] if not all(row[k] == x[k] for k in verifier.Row.SAME)]
    rows_.remove(row)
    s.seal()
    return Want(name, kind={"wrong"})


def cheat_period(dice, s):
    """It corrects another statement's period, it says."""
    n, head, name = head_of(dice, s, lambda h: any(c["number"] for c in h.get("corrects", [])))
    c = dice.choice([c for c in head["corrects"] if c["number"]])
    was = c["number"]
    c["number"] = None if was + 1 == n or dice.random() < 0.3 else was + 1
    for p in s.pages(n):
        of = s.json[f"statements/{n}/pages/{p}.json"].get("corrects")
        if of and of["number"] == was:
            of["number"] = c["number"]
    s.seal()
    return Want(name, kind={"wrong"})


def cheat_pool_corrected(dice, s):
    _, head, name = head_of(dice, s, lambda h: any(c["pool_s"] for c in h.get("corrects", [])))
    dice.choice([c for c in head["corrects"] if c["pool_s"]])["pool_s"] += dice.choice([-1, 60])
    s.seal(sums=False)
    return Want(name, kind={"wrong"})


def cheat_minutes(dice, s):
    """A line of minutes of the account as a whole, or one that corrects them."""
    _, head, name = head_of(dice, s, lambda h: any(x["sku"] == "minutes" for x in h["lines"]))
    line = dice.choice([x for x in head["lines"] if x["sku"] == "minutes"])
    line["qty"] = f"{Decimal(line['qty']) + 1:.6f}"
    line["amount"] = f"{Decimal(line['qty']) * Decimal(line['per_unit']):.18f}"
    s.seal()
    return Want(name, kind={"wrong"})


def cheat_tier(dice, s):
    """Where a count stood, or stands; or more of the dearer tier."""
    _, head, name = head_of(dice, s, lambda h: "tiers" in h)
    tier = dice.choice(head["tiers"])
    what = dice.choice(["before", "after", "line"])
    if what != "line":
        tier[what] = f"{Decimal(tier[what]) + 1:.6f}"
    else:
        line = dice.choice([x for x in head["lines"] if x["sku"] == tier["sku"] and x["book"] == tier["book"]])
        line["qty"] = f"{Decimal(line['qty']) + Decimal('0.000001'):.6f}"
        line["amount"] = f"{Decimal(line['qty']) * Decimal(line['per_unit']):.18f}"
    s.seal()
    return Want(name, kind={"wrong"})


def cheat_measured(dice, s):
    """What is sold in tiers is charged where it was measured, too; or measured as more."""
    _, _, page, name, _ = some_page(dice, s, lambda p: any(x["kind"] == "measured" and is_compute(x) for x in p["lines"]))
    line = dice.choice([x for x in page["lines"] if x["kind"] == "measured" and is_compute(x)])
    if dice.random() < 0.5:
        line["kind"], line["per_unit"] = "usage", "0.000010000000"
        line["amount"] = f"{Decimal(line['qty']) * Decimal(line['per_unit']):.18f}"
    else:
        line["qty"] = f"{Decimal(line['qty']) + 1:.6f}"
    s.seal()
    return Want(name, place=place_of_line(page, line), kind={"wrong"})


def some_document(dice, s, fits=lambda d: True):
    names = [n for n in s.order if DOCUMENT.fullmatch(n) and fits(s.json[n])]
    if not names:
        raise Nothing
    name = dice.choice(names)
    return s.json[name], name


def is_invoice(d):
    return d["kind"] == "invoice"


def cheat_invoice_line(dice, s):
    d, name = some_document(dice, s, lambda d: is_invoice(d) and d["lines"])
    k = dice.randrange(len(d["lines"]))
    line = d["lines"][k]
    what = dice.choice(["amount", "seconds", "drop", "double"] + (["qty", "per_unit"] if line["qty"] is not None else []))
    if what == "drop":
        del d["lines"][k]
    elif what == "double":
        d["lines"].insert(k, copy.deepcopy(line))
    elif what == "seconds":
        line["seconds"] += 1
    else:
        places = {"amount": 18, "qty": 6, "per_unit": 12}[what]
        line[what] = f"{Decimal(line[what]) + Decimal(1).scaleb(-places):.{places}f}"
    s.seal_document(name)
    last = what in ("drop", "double") and k >= len(d["lines"]) - (what == "double")
    return Want(name, place=None if what in ("drop", "double") or last else k + 1, kind={"wrong"})


def cheat_commitment(dice, s):
    """A month's least or what it came to is another; or both are, so that what it is short of stays."""
    d, name = some_document(dice, s, lambda d: d.get("commitments"))
    of = dice.choice(d["commitments"])
    for what in dice.choice([["charges", "least"], ["charges"], ["before"], ["least"]] if of["line"] else [["charges"], ["before"]]):
        of[what] = f"{Decimal(of[what]) + Decimal(1).scaleb(-18):.18f}"
    s.seal_document(name)
    return Want(name, kind={"wrong"})


def cheat_invoice_sum(dice, s):
    """Sums of which one is another: of all of it, of a tax, of what a line has of the rounded ones."""
    d, name = some_document(dice, s, lambda d: d["lines"])
    of = dice.choice([d["totals"], dice.choice(d["taxes"]), dice.choice(d["lines"])])
    what = dice.choice([k for k in ("due", "net", "tax", "total", "rounding", "base", "exact", "lines") if k in of and of[k] is not None and (
        k != "tax" or of is d["totals"])])
    if of in d["lines"] and not is_invoice(d):
        raise Nothing
    places = len(of[what].split(".")[1]) if "." in of[what] else 0
    of[what] = f"{Decimal(of[what]) + Decimal(1).scaleb(-places):.{places}f}"
    s.seal_document(name)
    return Want(name, kind={"wrong"})


def cheat_invoice_chain(dice, s):
    """It names another than the document before, which is there."""
    names = [n for n in s.order if DOCUMENT.fullmatch(n)]
    fits = [n for m, n in zip(names, names[1:]) if s.json[m]["chain"] + 1 == s.json[n]["chain"]]
    if not fits:
        raise Nothing
    name = dice.choice(fits)
    s.json[name]["previous"] = "cd" * 32
    s.seal_document(name)
    return Want(name, kind={"wrong"})


def cheat_invoice_root(dice, s):
    d, name = some_document(dice, s, is_invoice)
    d["statements"]["root"] = "ef" * 32
    s.seal_document(name)
    return Want(name.replace(".json", ".sig"), kind={"edited"})


def cheat_credit(dice, s):
    """More is credited than is left of a line, or of another line."""
    d, name = some_document(dice, s, lambda d: not is_invoice(d))
    line = dice.choice(d["lines"])
    if dice.random() < 0.5:
        line["net"] = f"{Decimal(line['net']) + 1:.2f}"
    else:
        line["of_line"] = 20000
    s.seal_document(name)
    return Want(name, place=line["line"], kind={"wrong"})


def cheat_invoice_early(dice, s):
    """Issued before the service's key was valid, it says."""
    d, name = some_document(dice, s)
    d["issued"] = "2025-12-31T23:59:59Z"
    s.seal_document(name)
    return Want(name, kind={"foreign"})


ANYBODY = [(flip, 30), (digit, 20), (cut, 6), (drop, 6), (double, 5), (swap, 5), (drop_statement, 2), (exchange, 4), (records, 14), (rows, 10),
           (foreign_head, 4), (late_key, 3), (foreign_invoice, 4), (invoice_dropped, 3), (invoices_swapped, 3)]
CHEATS = [cheat_amount, cheat_price, cheat_seconds, cheat_charged, cheat_double_line, cheat_drop_line, cheat_oath, cheat_foreign_oath,
          cheat_swapped_rows, cheat_total, cheat_sum, cheat_page_left_out, cheat_previous, cheat_pool, cheat_plan, cheat_correction,
          cheat_correction_seconds, cheat_correction_dropped, cheat_correction_twice, cheat_life_left_out, cheat_period,
          cheat_pool_corrected, cheat_minutes, cheat_tier, cheat_measured, cheat_invoice_line, cheat_commitment, cheat_invoice_sum, cheat_invoice_chain,
          cheat_invoice_root, cheat_credit, cheat_invoice_early, cheat_fork]


def changed(dice, entries, keys):
    while dice.random() < 0.3:
        s = Sealed(copy.deepcopy(entries), *keys)
        fn = dice.choice(CHEATS)
        try:
            want = fn(dice, s)
        except Nothing:
            continue
        return fn.__name__, want, s.entries()
    while True:
        fn = dice.choices([f for f, _ in ANYBODY], [w for _, w in ANYBODY])[0]
        out = list(entries)
        try:
            return fn.__name__, fn(dice, out), out
        except Nothing:
            continue


# --- the verifiers ---

def by_c(program, data):
    done = subprocess.run([program, "--json", "-"], input=data, capture_output=True, timeout=60, check=False)
    if done.returncode not in (0, 1, 3):
        raise RuntimeError(f"dormouse-verify: {done.returncode} {done.stderr.decode()[:300]}")
    return done.returncode, json.loads(done.stdout)


class Browser:
    """The console's verifier, which is asked many times: a bundle in, a verdict out. Without a command there is none."""

    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) if command else None

    def verdict(self, data):
        self.process.stdin.write(len(data).to_bytes(4, "little") + data)
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the console's verifier ended: {self.process.wait(60)}")
        return json.loads(line)

    def close(self):
        if self.process is not None:
            self.process.stdin.close()
            self.process.wait(60)


def same_fault(a, b):
    """Of a page whose bytes cannot be read any more, which one reads in pieces and the other whole, one of them may know no row."""
    whole = ("kind", "entry", "statement", "page")
    return a == b or (a["kind"] == "edited" and None in (a["place"], b["place"]) and all(a[k] == b[k] for k in whole))


def judged(program, browser, data, want):
    code, c = by_c(program, data)
    said = {"dormouse-verify": c, "verifier.py": verifier.verdict(data)}
    if browser.process is not None:
        said["the console"] = browser.verdict(data)
    if code != 1 or any(v["verdict"] != "bad" for v in said.values()):
        return f"not found to be bad: {code}, " + ", ".join(f"{n} {v['verdict']} {v['unknown'] or ''}" for n, v in said.items())
    same = ("kind", "entry", "statement", "page", "place", "sandbox", "epoch", "hash")
    faults = [{k: v["fault"][k] for k in same} for v in said.values()]
    if not all(same_fault(a, b) for a in faults for b in faults):
        return "they differ: " + ", ".join(f"{n} {f} {v['fault']['words']!r}" for (n, v), f in zip(said.items(), faults))
    return next((why for f in faults if (why := want.wrong(f)) is not None), None)


def others(folder, account, tar, ids):
    """Each id of another account, in each form that it could be written in."""
    for other, theirs in ids.items():
        if other == account:
            continue
        for one in theirs:
            forms = [one.encode()] + ([bytes.fromhex(one)] if "-" not in one else [one.replace("-", "").encode()])
            if len(one) == 32 and "-" not in one:
                n, name = int(one, 16), ""
                for _ in range(20):
                    n, d = divmod(n, 36)
                    name = verifier.DIGITS[d] + name
                forms.append(b"i" + name.encode())
            for form in forms:
                if form in tar:
                    yield f"{folder}: account {account}'s bundle has {one} of account {other}"


def say(name, bad):
    print(f"not ok {name}: {bad[0]} ({len(bad)} in all)" if bad else f"ok {name}", flush=True)
    return not bad


def main(folder, program, count, seed, *command):
    browser = Browser(command)
    try:
        return all_of(folder, program, count, seed, browser)
    finally:
        browser.close()


def all_of(folder, program, count, seed, browser):
    folder, dice = Path(folder), random.Random(seed)
    keys = [Ed25519PrivateKey.from_private_bytes(bytes.fromhex((folder / f"{k}.key").read_text())) for k in ("service", "worker")]
    ids = json.loads((folder / "ids.json").read_text())
    bundles = {a: (folder / f"{a}.tar.zst").read_bytes() for a in ids}
    bad, leaks, looked = [], [], 0
    for account, data in bundles.items():
        code, c = by_c(program, data)
        p = verifier.verdict(data)
        others_say = [p] if browser.process is None else [p, browser.verdict(data)]
        same = ("verdict", "account", "total", "currency", "rows", "links", "pages", "statements")
        if code != 0 or any(c[k] != v[k] for v in others_say for k in same):
            bad.append(f"account {account}: {c} {others_say}")
        s = Sealed(unpack(data), *keys)
        s.seal()
        if pack(s.entries()) != pack(unpack(data)):
            bad.append(f"account {account}: sealed again it is another: the changes below prove nothing")
        tar = b"".join(n.encode() + b for n, b in unpack(data))
        leaks += others(folder, account, tar, ids)
        looked += sum(len(v) for o, v in ids.items() if o != account)
        print(f"  account {account}: {len(data)} bytes, {c['statements']} statements, {c['pages']} pages, rows {c['rows']}, links {c['links']}")
    fine = say("verify/agree", bad)
    print(f"  {looked} ids of other accounts looked for")
    fine = say("verify/nobody-elses", leaks) and fine
    opened = {a: unpack(d) for a, d in bundles.items()}
    kinds, wrong = Counter(), []
    for i in range(count):
        account = dice.choices(list(opened), [1 if len(bundles[a]) > 100000 else 4 for a in opened])[0]
        name, want, entries = changed(dice, opened[account], keys)
        data = pack(entries)
        why = judged(program, browser, data, want)
        kinds[name] += 1
        if why is not None:
            wrong.append(f"{i}: account {account}, {name} of {', '.join(want.entries[:2])} row {want.place}: {why}")
            if len(wrong) <= 10:
                print(f"  {wrong[-1]}")
    print("  " + ", ".join(f"{n} {k}" for k, n in kinds.most_common()))
    return say(f"verify/edits ({count})", wrong) and fine


if __name__ == "__main__":
    sys.exit(0 if main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), *sys.argv[5:]) else 1)
