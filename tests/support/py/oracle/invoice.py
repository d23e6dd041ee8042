"""What an invoice comes to, in exact fractions, from what is promised of it (metering.md 1.1, 1.9; ISO 4217; EN 16931). Reads
canonical invoices, one a line, and says what of them is not as it must be."""

import hashlib
import json
import sys
from fractions import Fraction

from rating import commitment_due, decimals

OTHER_MINORS = {**dict.fromkeys("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split(), 0),
                **dict.fromkeys("BHD IQD JOD KWD LYD OMR TND".split(), 3), **dict.fromkeys("CLF UYW".split(), 4)}
RATED, REASONED = {"S", "L", "M"}, {"AE", "E", "O", "G", "K"}
UNITS = {"vcpu-run": ("Core-Seconds", "SEC"), "minutes": ("Minutes", "MIN"), "commitment": ("Units", "C62")}


def minors(currency):
    return OTHER_MINORS.get(currency, 2)


def half_up(value, places):
    """To whole minor units; a half goes away from zero."""
    scaled = abs(value) * 10**places
    whole = (2 * scaled.numerator + scaled.denominator) // (2 * scaled.denominator)
    return Fraction(whole if value >= 0 else -whole, 10**places)


def split(exact, total, places):
    """Largest remainders: the printed parts of a printed total."""
    unit = Fraction(1, 10**places)
    out = [(value // unit) * unit for value in exact]
    left = (total - sum(out)) / unit
    if left.denominator != 1 or not 0 <= left <= len(exact):
        raise ValueError("not the total of these")
    by_rest = sorted(range(len(exact)), key=lambda i: (-(exact[i] - out[i]), i))
    for i in by_rest[:int(left)]:
        out[i] += unit
    return out


def minor_text(value, places):
    return decimals(value, places) if places else str(int(value)) if value.denominator == 1 else "?"


def reckon(amounts, rates, of_tax, discount, prepaid, places):
    """amounts: of lines; of_tax: which tax each is of; rates: of the taxes. What the invoice must say, as fractions."""
    taxes, nets = [], [None] * len(amounts)
    for t, rate in enumerate(rates):
        mine = [i for i, of in enumerate(of_tax) if of == t]
        exact = sum((amounts[i] for i in mine), Fraction(0))
        taken = min(discount, exact) if exact > 0 else Fraction(0)
        discount -= taken
        lines, base = half_up(exact, places), half_up(exact - taken, places)
        for i, net in zip(mine, split([amounts[i] for i in mine], lines, places)):
            nets[i] = net
        taxes.append({"exact": exact, "discount": taken, "lines": lines, "base": base, "allowance": lines - base,
                      "amount": half_up(base * rate, places), "rounding": exact - taken - base})
    if discount:
        raise ValueError("more is taken off than there is")
    net, tax = sum(t["base"] for t in taxes), sum(t["amount"] for t in taxes)
    totals = {"exact": sum(amounts, Fraction(0)), "lines": sum(t["lines"] for t in taxes), "net": net, "tax": tax,
              "allowance": sum(t["allowance"] for t in taxes), "rounding": sum(t["rounding"] for t in taxes),
              "total": net + tax, "prepaid": prepaid, "due": net + tax - prepaid}
    return taxes, nets, totals


def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def commitments(v):
    """Of each month with a least: its line charges what the month's charges are short of it, less what was charged of that
    before; and there are no other lines of that kind."""
    lines, theirs = v["lines"], {}
    if (v["version"] == 2) != ("commitments" in v):
        yield "its version does not say whether it has commitments"
    for m in v.get("commitments", []):
        due = commitment_due(Fraction(m["least"]), Fraction(m["charges"])) - Fraction(m["before"])
        theirs[m["line"]] = m["month"]
        charged = Fraction(lines[m["line"] - 1]["amount"]) if m["line"] else Fraction(0)
        if charged != due or (m["line"] is None) != (due == 0):
            yield f"the commitment of {m['month']} charges {charged} and not {due}"
    months = [m["month"] for m in v.get("commitments", [])]
    if months != sorted(set(months)):
        yield "its commitments are not by month"
    for line in lines:
        if (line["kind"] == "commitment") != (line["line"] in theirs):
            yield f"line {line['line']} is of the kind {line['kind']}"
        if line["kind"] == "commitment" and (line["sku"], line["qty"], line["project"]) != ("commitment", None, None):
            yield f"line {line['line']} has more than a commitment"


def _categories(taxes):
    for t in taxes:
        category, rate, reasoned = t["category"], Fraction(t["rate"]), t["reason"] is not None or t["reason_code"] is not None
        if (rate > 0 and category not in RATED) or (rate == 0 and category == "S"):
            yield f"category {category} with a rate of {rate}"
        if reasoned != (category in REASONED):
            yield f"category {category} {'with' if reasoned else 'without'} a reason"
        if t["reverse_charge"] != (category == "AE"):
            yield f"category {category} and reverse charge"


def check(text):
    """Of the canonical bytes of an invoice that is no credit note: what is wrong with them."""
    v = json.loads(text)
    found = []
    if canonical(v) != text:
        found.append("not canonical")
    places, lines, taxes, totals = minors(v["currency"]), v["lines"], v["taxes"], v["totals"]
    want_taxes, nets, want = reckon([Fraction(line["amount"]) for line in lines], [Fraction(t["rate"]) / 100 for t in taxes],
                                    [line["tax"] - 1 for line in lines],
                                    sum((Fraction(t["discount"]) for t in taxes), Fraction(0)), Fraction(totals["prepaid"]), places)
    for name, value in want.items():
        text_of = decimals(value, 18) if name in ("exact", "rounding") else minor_text(value, places)
        if totals[name] != text_of:
            found.append(f"{name} is {totals[name]} and not {text_of}")
    for n, (t, must) in enumerate(zip(taxes, want_taxes), 1):
        for name, value in must.items():
            text_of = decimals(value, 18) if name in ("exact", "rounding", "discount") else minor_text(value, places)
            if t[name] != text_of:
                found.append(f"{name} of tax {n} is {t[name]} and not {text_of}")
        if abs(must["rounding"]) > Fraction(1, 2 * 10**places):
            found.append(f"tax {n} is rounded by more than half a minor unit")
    for n, (line, net) in enumerate(zip(lines, nets), 1):
        if line["line"] != n or line["net"] != minor_text(net, places):
            found.append(f"line {n} is {line['net']} and not {minor_text(net, places)}")
        if line["qty"] is not None and Fraction(line["qty"]) * Fraction(line["per_unit"]) != Fraction(line["amount"]):
            found.append(f"line {n} is not quantity times price")
        if (line["unit"], line["unit_code"]) != UNITS.get(line["sku"], ("GiB-Seconds", "C62")):
            found.append(f"line {n} is in {line['unit']}")
    return found + list(commitments(v)) + list(_categories(taxes))


def check_chain(texts):
    """Of a seller's documents in their order: each names the one before it, and none is left out."""
    previous, found = "0" * 64, []
    for n, text in enumerate(texts, 1):
        v = json.loads(text)
        if v["previous"] != previous or v["chain"] != n:
            found.append(f"document {n} does not follow the one before it")
        previous = hashlib.sha256(text.encode()).hexdigest()
    return found


if __name__ == "__main__":
    WRONG, COUNT = [], 0
    with open(sys.argv[1], encoding="utf-8") as lines_of:
        for LINE in lines_of:
            COUNT += 1
            WRONG += [f"{COUNT}: {words}" for words in check(LINE.rstrip("\n"))]
    print("\n".join(WRONG[:20]) or f"{COUNT} invoices are right")
    sys.exit(1 if WRONG or COUNT == 0 else 0)
