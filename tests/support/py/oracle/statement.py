"""What a statement must say, recomputed from the stream and compared as text: the canonical body is described in
metering.md 1.14 and promises.md sections 3, 4."""

import hashlib
import json
from datetime import datetime, timezone

import rating
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from ledger import merkle_root

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
        "version": 1,
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


def check_chain(statements, service_keys):
    """statements: dicts of body (bytes), signature, public_key (raw), in order of their number."""
    previous, number = "0" * 64, 0
    for s in statements:
        body = json.loads(s["body"])
        number += 1
        if canonical(body) != s["body"]:
            yield f"statement {number} is not in its canonical form"
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


def check_content(ledger, statements, project_no, plans=PLANS):
    """Each period in which the stream has something of the project has one statement, and it says just that."""
    by_start = {}
    for s in statements:
        body = json.loads(s["body"])
        start = body["period"]["start"]
        if start in by_start:
            yield f"there are two statements of {start}"
        by_start[start] = body
    for start in ledger.periods(project_no):
        body = by_start.pop(time_text(start), None)
        if body is None:
            yield f"there is no statement of {time_text(start)}"
        else:
            yield from differences(expected(ledger, start, project_no, plans), body, time_text(start))
    for start, body in by_start.items():
        if body["sandboxes"] or body["lines"]:
            yield f"{start}: a statement of something the stream does not have"
