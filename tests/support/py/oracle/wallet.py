"""What promises and metering.md 1.8 say of prepaid money and credits: who gives first, what expires, what goes back.

Run with a file it judges answers of another implementation: one JSON object a line, of a case and what came of it there."""

import json
import sys
from dataclasses import dataclass
from fractions import Fraction

UNIT = Fraction(1, 10**18)


@dataclass
class Grant:
    no: int
    priority: int
    expires: int | None  # a second; None: never
    paid: bool
    free: Fraction


def money(text):
    return Fraction(text)


def text(amount):
    scaled = amount / UNIT
    if scaled.denominator != 1:
        raise ValueError(f"{amount} has more than 18 decimals")
    sign = "-" if scaled < 0 else ""
    whole, part = divmod(abs(scaled.numerator), 10**18)
    return f"{sign}{whole}.{part:018d}"


def order(grants):
    """Fixed: priority, earliest expiry, oldest."""
    return sorted(grants, key=lambda g: (g.priority, g.expires is None, g.expires or 0, g.no))


def burn(grants, at, amount):
    """(number, amount) in order: all that there is, and no more than was asked."""
    out = []
    for grant in order(grants):
        if grant.expires is not None and grant.expires <= at:
            continue
        take = min(grant.free, amount)
        if take > 0:
            out.append((grant.no, take))
            amount -= take
    return out


def unwind(parts, amount):
    """What each recorded part gets back: the last one first."""
    out = [Fraction(0)] * len(parts)
    for i in reversed(range(len(parts))):
        out[i] = min(parts[i], amount)
        amount -= out[i]
    return out


def share(amount, part, whole):
    """A part of a split, up to the next 10^-18, and never more than the whole."""
    exact = amount * part / whole / UNIT
    return min(amount, UNIT * -(-exact.numerator // exact.denominator))


def grant_of(row):
    return Grant(row["no"], row["priority"], row["expires"], row["paid"], money(row["free"]))


def answer(case):
    if case["what"] == "burn":
        grants = [grant_of(row) for row in case["grants"]]
        parts = burn(grants, case["at"], money(case["amount"]))
        paid = {g.no for g in grants if g.paid}
        return {"parts": [[no, text(amount)] for no, amount in parts],
                "promo": text(sum((a for no, a in parts if no not in paid), Fraction(0))),
                "paid": text(sum((a for no, a in parts if no in paid), Fraction(0)))}
    if case["what"] == "unwind":
        return {"given": [text(a) for a in unwind([money(p) for p in case["parts"]], money(case["amount"]))]}
    return {"share": text(share(money(case["amount"]), case["part"], case["whole"]))}


def main(path):
    wrong = cases = 0
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            case = json.loads(line)
            got, want = case.pop("got"), answer(case)
            cases += 1
            if got != want:
                wrong += 1
                print(f"case {cases}: got {got}, want {want}, of {case}")
    print(f"{cases} cases, {wrong} wrong")
    return 1 if wrong or not cases else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
