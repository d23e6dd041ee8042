"""What a statement must say, recomputed from the stream and compared as text: the canonical body is described in
metering.md 1.14 and promises.md sections 3, 4."""

import hashlib
import json
from datetime import datetime, timezone
from fractions import Fraction

import rating
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from ledger import merkle_root

VERSIONS = (1, 2, 3, 4, 5)  # 1: one body; 2: a head, and pages under the root in it; 3: and pages that correct earlier periods
CORRECTING = (3, 5)
FORKED = (4, 5)  # 2 and 3 where a row names whose memory its sandbox began with
PAGE, PAGE_LINES = 500, 4000  # a page has no more sandboxes, and no more lines
REGIONS = {1: ("local", "other"), 2: ("cn-mainland", "mainland"), 3: ("hk", "other")}  # number -> name, price group


def time_text(second):
    return datetime.fromtimestamp(second, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def book_hash(group, tier="payg"):
    prices = [{"per_unit": rating.decimals(price, 12), "sku": sku, "unit": rating.UNITS[sku]}
              for sku, price in sorted(rating.PRICES[group].items())]
    body = {"currency": rating.CURRENCY, "group": group, "prices": prices, "rated_by": "resources", "tier": tier,
            "valid_from": rating.BOOKS_SINCE}
    return hashlib.sha256(canonical(body)).hexdigest()


def usage_lines(usage, parts, start, group):
    """(part, line) by SKU, then by time."""
    found = [(part, line) for part in parts for line in usage.lines(group, part)]
    return sorted(found, key=lambda pair: (pair[1].sku, pair[0].start))


BOOKS = [(group, tier) for group in ("mainland", "other") for tier in ("payg", "enterprise")]  # by id
PLANS = ((0, "payg"),)  # from this second on; those rated by resources


def expected(ledger, start, project_no, plans=PLANS):
    """The parts of the body that follow from the evidence, and from the account's plans."""
    sandboxes, lines, total = [], [], 0
    period = ledger.period(start, project_no)
    parts = rating.parts(start, ledger.period_s, plans)
    books = set()
    for usage in period:
        region, group = REGIONS[usage.region_no]
        vcpus, mem_mib = rating.spec_of(usage.spec_table, usage.spec)
        which = {"epoch": usage.epoch, "project_no": usage.project_no, "region": region, "sandbox": usage.sandbox,
                 "spec": usage.spec, "spec_table": usage.spec_table}
        sandboxes.append({
            **which, "attestation": usage.attestation.hex(), "attested": True, "basis": "frames",
            "hibernated_s": usage.hibernated_s, "mem_mib": mem_mib, "running_s": usage.running_s, "vcpus": vcpus})
        for part, line in usage_lines(usage, parts, start, group):
            total += line.amount
            books.add((group, part.tier))
            lines.append({
                **which, "amount": rating.decimals(line.amount, 18), "from": time_text(start + part.start), "kind": "usage",
                "per_unit": rating.decimals(line.per_unit, 12), "qty": rating.decimals(line.qty, 6),
                "seconds": line.seconds, "sku": line.sku, "tier": 0, "to": time_text(start + part.end)})
    return {
        "attestations": {"count": len(period), "root": merkle_root([u.attestation for u in period]).hex(), "unattested": 0},
        "books": [{"sha256": book_hash(*book)} for book in sorted(books, key=BOOKS.index)],
        "currency": rating.CURRENCY,
        "hibernated_s": sum(u.hibernated_s for u in period),
        "lines": lines,
        "period": {"end": time_text(start + ledger.period_s), "start": time_text(start)},
        "plans": [{"from": time_text(start + part.start), "included_s": rating.INCLUDED_S[part.tier], "tier": part.tier,
                   "to": time_text(start + part.end)} for part in parts],
        "pool": None,
        "running_s": sum(u.running_s for u in period),
        "sandboxes": sandboxes,
        "total": rating.decimals(total, 18),
    }


def differences(want, got, where=""):
    """In words, where two trees of JSON differ; what `want` does not mention is not compared."""
    if isinstance(want, dict) and isinstance(got, dict):
        for key, value in want.items():
            if key not in got:
                yield f"{where}.{key} is missing"
            else:
                yield from differences(value, got[key], f"{where}.{key}")
    elif isinstance(want, list) and isinstance(got, list):
        if len(want) != len(got):
            yield f"{where} has {len(got)} members, should have {len(want)}"
        for i, (a, b) in enumerate(zip(want, got)):
            yield from differences(a, b, f"{where}[{i}]")
    elif type(want) is not type(got) or want != got:
        yield f"{where} is {got!r}, should be {want!r}"


def of_text(s):
    """A statement as it was fetched and kept, with bytes where they are bytes."""
    return {"body": s["body"].encode(), "signature": bytes.fromhex(s["signature"]), "public_key": bytes.fromhex(s["public_key"]),
            "pages": [{"body": p["body"].encode(), "proof": [bytes.fromhex(h) for h in p["proof"]]} for p in s.get("pages", [])]}


def whole(s):
    """The head with what stands on the pages, as if it were one body; without what it corrects of others."""
    body = json.loads(s["body"])
    if body["version"] == 1:
        return body
    pages = [p for p in map(json.loads, (p["body"] for p in s["pages"])) if "corrects" not in p]
    own = [x for x in body["lines"] if x["kind"] != "correction"]
    out = {**body, "lines": own + [x for p in pages for x in p["lines"]],
           "sandboxes": [x for p in pages for x in p["sandboxes"]]}
    if body["version"] in CORRECTING:  # its sums are of what it corrects, too
        hashes = [bytes.fromhex(x["attestation"]) for x in out["sandboxes"]]
        out["attestations"] = {"count": len(hashes), "root": merkle_root(hashes).hex(),
                               "unattested": sum(not x["attested"] for x in out["sandboxes"])}
        out["total"] = rating.decimals(sum(Fraction(x["amount"]) for x in out["lines"]), 18)
        del out["books"]
    return out


WHICH = ("sandbox", "project_no", "epoch", "spec_table", "spec", "region")
PRICED = (*WHICH, "sku", "from", "to", "tier", "book", "per_unit")


def corrections(s):
    """The pages of a statement that correct a period before its own: (start of that, number of its statement, page)."""
    body = json.loads(s["body"])
    for p in map(json.loads, (p["body"] for p in s["pages"])) if body["version"] in CORRECTING else ():
        if "corrects" in p:
            yield p["corrects"]["period"]["start"], p["corrects"]["number"], p


def settle(body, page):
    """A period as a correction leaves it: what is stated anew stands for all there was of those sandboxes, and what lines
    add up to is left of them."""
    anew = {x["sandbox"] for x in page["sandboxes"]}
    rest = [x for x in body["sandboxes"] if x["sandbox"] not in anew]
    body["sandboxes"] = sorted(rest + [x for x in page["sandboxes"] if x["attestation"] is not None],
                               key=lambda x: [x[name] for name in WHICH])
    lines = {tuple(x[name] for name in PRICED): dict(x) for x in body["lines"] if x["sandbox"]}
    for x in page["lines"]:
        line = lines.setdefault(tuple(x[name] for name in PRICED), {**x, "seconds": 0, "qty": "0", "amount": "0"})
        line["kind"] = "usage"
        line["seconds"] += x["seconds"]
        for name, places in (("qty", 6), ("amount", 18)):
            line[name] = rating.decimals(Fraction(line[name]) + Fraction(x[name]), places)
    body["lines"] = [line for _, line in sorted(lines.items()) if Fraction(line["qty"]) != 0]
    for name in ("running_s", "hibernated_s"):
        body[name] = sum(x[name] for x in body["sandboxes"])
    body["total"] = rating.decimals(sum(Fraction(x["amount"]) for x in body["lines"]), 18)
    body["corrected"] = True


def check_corrections(statements):
    """That each correction names the statement of the period it corrects, one before its own, that the head lists just these
    in their order, and that no line is taken back further than it was stated. statements: in order of their number."""
    numbers, left = {}, {}
    for s in statements:
        body = json.loads(s["body"])
        where = f"statement {body['number']}"
        for x in whole(s)["lines"]:
            left[tuple(x[name] for name in PRICED)] = Fraction(x["qty"])
        seen = []
        for start, number, page in corrections(s):
            if number != numbers.get(start):
                yield f"{where} corrects {start} as statement {number}, which is {numbers.get(start)}"
            if start >= body["period"]["start"]:
                yield f"{where} corrects {start}, which is not before its own period"
            if start not in seen:
                seen.append(start)
            for x in page["lines"]:
                key = tuple(x[name] for name in PRICED)
                left[key] = left.get(key, 0) + Fraction(x["qty"])
                if x["kind"] != "correction" or Fraction(x["qty"]) * Fraction(x["per_unit"]) != Fraction(x["amount"]):
                    yield f"{where}: a line of {x['sandbox']} is no correction, or not what it comes to"
                if left[key] < 0:
                    yield f"{where} takes back more of {x['sandbox']}, {x['sku']}, than was stated"
        listed = [c["period"]["start"] for c in body.get("corrects", ())]
        pooled = {c["period"]["start"] for c in body.get("corrects", ()) if c["pool_s"] != 0}
        if sorted(listed) != listed or [c for c in listed if c in seen] != seen or set(listed) - set(seen) - pooled:
            yield f"{where} lists corrections of {listed}, and has those of {seen}"
        if (body["version"] in CORRECTING) != bool(listed):
            yield f"{where} is of version {body['version']} and corrects {len(listed)} periods"
        numbers[body["period"]["start"]] = body["number"]


def check_chain(statements, service_keys):
    """statements: dicts of body (bytes), signature, public_key (raw), in order of their number."""
    previous, number = "0" * 64, 0
    for s in statements:
        body = json.loads(s["body"])
        number += 1
        if canonical(body) != s["body"]:
            yield f"statement {number} is not in its canonical form"
        if body["version"] not in VERSIONS:
            yield f"statement {number} is of version {body['version']}"
        if body["number"] != number:
            yield f"statement {body['number']} stands where {number} should"
        if body["previous"] != previous:
            yield f"statement {number} does not name the hash of the one before"
        previous = hashlib.sha256(s["body"]).hexdigest()
        if s["public_key"] not in service_keys:
            yield f"statement {number} is signed with a key that is not published"
            continue
        try:
            Ed25519PublicKey.from_public_bytes(s["public_key"]).verify(s["signature"], s["body"])
        except InvalidSignature:
            yield f"statement {number}: its signature is wrong"


def leads(digest, at, count, proof):
    """The root to which a leaf's path leads from its place (RFC 9162, 2.1.3.2); None where it leads nowhere."""
    here, last = hashlib.sha256(b"\0" + digest).digest(), count - 1
    for other in proof:
        if last == 0:
            return None
        if at & 1 or at == last:
            here = hashlib.sha256(b"\1" + other + here).digest()
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            here = hashlib.sha256(b"\1" + here + other).digest()
        at, last = at >> 1, last >> 1
    return here if last == 0 else None


def _misplaced(head, page, at, seen):
    """Why a page does not belong where it stands: what it says of itself, or, where that fits, what it says at all."""
    if (page.get("account"), page.get("number")) != (head["account"], head["number"]):
        return f"page {at} is of statement {page.get('number')} of account {page.get('account')}"
    if page.get("page") in seen:
        return f"page {page.get('page')} is there twice, the second time as page {at}"
    if page.get("page") != at:
        return f"page {page.get('page')} stands where {at} should"
    return f"page {at} is not the one that was signed"


def _sum_up(sums, page):
    for x in page["sandboxes"]:
        if "corrects" not in page:
            sums["running_s"] += x["running_s"]
            sums["hibernated_s"] += x["hibernated_s"]
        if x["attestation"] is None and "corrects" in page:
            continue
        sums["hashes"].append(bytes.fromhex(x["attestation"]))
        sums["unattested"] += not x["attested"]
    sums["lines"] += len(page["lines"])
    sums["total"] += sum(Fraction(x["amount"]) for x in page["lines"])


def _sums(head, sums):
    total = sums["total"] + sum(Fraction(x["amount"]) for x in head["lines"])
    want = {"attestations": {"count": len(sums["hashes"]), "root": merkle_root(sums["hashes"]).hex(),
                             "unattested": sums["unattested"]},
            "hibernated_s": sums["hibernated_s"], "pages": {"lines": sums["lines"]}, "running_s": sums["running_s"],
            "total": rating.decimals(total, 18)}
    yield from differences(want, head)


def check_pages(s):
    """Whatever is wrong with the pages of a statement, page by page, and with its sums; nothing of one without pages. The
    head is believed: check_chain looks at its signature."""
    head = json.loads(s["body"])
    if head["version"] == 1:
        return
    where = f"statement {head['number']}"
    count, root = head["pages"]["count"], bytes.fromhex(head["pages"]["root"])
    seen, wrong, last, of = set(), False, ("",), ""
    sums = {"hashes": [], "running_s": 0, "hibernated_s": 0, "unattested": 0, "lines": 0, "total": Fraction(0),
            "forked": False}
    if count == 0 and root != hashlib.sha256(b"").digest():
        yield f"{where}: the root of no pages is another"
    for at, p in enumerate(s["pages"], 1):
        page = json.loads(p["body"])
        if leads(hashlib.sha256(p["body"]).digest(), at - 1, count, p["proof"]) != root:
            yield f"{where}: {_misplaced(head, page, at, seen)}"
            wrong = True
        elif canonical(page) != p["body"]:
            yield f"{where}: page {at} is not in its canonical form"
        if (page.get("account"), page.get("number")) == (head["account"], head["number"]):
            seen.add(page.get("page"))
        if wrong:
            continue
        part = page["corrects"]["period"]["start"] if "corrects" in page else ""
        if part < of:
            yield f"{where}: page {at} stands behind those of a later period"
        last, of = (last if part == of else ("",)), part
        forked = any("parent" in x for x in page["sandboxes"])
        sums["forked"] |= forked
        if page["version"] != (3 if "corrects" in page else 2) + (2 if forked else 0):
            yield f"{where}: page {at} is of version {page['version']}"
        if any(x.get("parent", "") == x["sandbox"] for x in page["sandboxes"]):
            yield f"{where}: on page {at} a sandbox began with its own memory"
        keys = [(x["sandbox"], x["project_no"], x["epoch"], x["spec_table"], x["spec"]) for x in page["sandboxes"]]
        if not keys or len(keys) > PAGE or len(page["lines"]) > PAGE_LINES or sorted(keys) != keys or keys[0] < last:
            yield f"{where}: page {at} is not cut or not sorted as it should be"
        last = keys[-1] if keys else last
        _sum_up(sums, page)
    for missing in sorted(set(range(1, count + 1)) - seen):
        yield f"{where}: page {missing} is missing"
        wrong = True
    if len(s["pages"]) > count:
        yield f"{where} has {len(s['pages'])} pages, should have {count}"
        wrong = True
    if not wrong:
        yield from (f"{where}{words}" for words in _sums(head, sums))
    if not wrong and (head["version"] in FORKED) != sums["forked"]:
        yield f"{where} is of version {head['version']}, which does not say whether its rows name parents"


def check_parents(statements):
    """That a sandbox began with one memory: whom a row names is whom all rows of it name from then on."""
    parents = {}
    for s in statements:
        for p in map(json.loads, (p["body"] for p in s.get("pages", ()))):
            for x in p["sandboxes"]:
                known = parents.setdefault(x["sandbox"], x.get("parent")) if "parent" in x else parents.get(x["sandbox"])
                if x.get("parent") != known:
                    yield f"statement {p['number']}: {x['sandbox']} began with the memory of {x.get('parent')}, and of {known}"


def check_content(ledger, statements, project_no, plans=PLANS):
    """Each period in which the stream has something of the project has one statement, and it says just that, with what later
    ones correct of it."""
    by_start = {}
    for s in statements:
        body = whole(s)
        start = body["period"]["start"]
        if start in by_start:
            yield f"there are two statements of {start}"
        by_start[start] = body
    for start, _, page in (c for s in statements for c in corrections(s)):
        body = by_start.setdefault(start, {"sandboxes": [], "lines": []})
        settle(body, page)
    for start in ledger.periods(project_no):
        body = by_start.pop(time_text(start), None)
        if body is None:
            yield f"there is no statement of {time_text(start)}"
            continue
        want = expected(ledger, start, project_no, plans)
        if "books" not in body:
            del want["books"]
        if body.get("corrected"):
            want = {name: want[name] for name in ("hibernated_s", "lines", "running_s", "sandboxes", "total")}
            want["lines"] = sorted(want["lines"], key=lambda x: [x[name] for name in (*WHICH, "sku", "from", "to", "tier")])
        yield from differences(want, body, time_text(start))
    for start, body in by_start.items():
        if body["sandboxes"] or body["lines"]:
            yield f"{start}: a statement of something the stream does not have"
