"""What promises.md promises, in exact fractions: plans, prices, the spec table, and how seconds become money."""

from dataclasses import dataclass
from fractions import Fraction

from wire import DISK_UNKNOWN, HIB, RUN

# Section 2, spec table, version 1: numbered from 1, row by row.
SPECS = {
    1: [(vcpus, mem) for vcpus, sizes in (
        (1, (256, 512, 1024, 2048, 4096)),
        (2, (512, 1024, 2048, 4096, 8192)),
        (4, (1024, 2048, 4096, 8192, 16384)),
        (8, (2048, 4096, 8192, 16384)),
    ) for mem in sizes]
}

# Section 4.
PRICES = {
    "mainland": {
        "vcpu-run": Fraction("0.0000217"), "mem-run": Fraction("0.00001083"),
        "disk-run-over-30": Fraction("0.0000003"), "disk-hib": Fraction("0.0000003"), "snapshot": Fraction("0.0000003"),
    },
    "other": {
        "vcpu-run": Fraction("0.0000342"), "mem-run": Fraction("0.00001711"),
        "disk-run-over-30": Fraction("0.0000004"), "disk-hib": Fraction("0.0000004"), "snapshot": Fraction("0.0000004"),
    },
}
UNITS = {"vcpu-run": "Core-Seconds", "mem-run": "GiB-Seconds", "disk-run-over-30": "GiB-Seconds",
         "disk-hib": "GiB-Seconds", "snapshot": "GiB-Seconds"}
CURRENCY = "CNY"
BOOKS_SINCE = "2026-01-01T00:00:00Z"
PRO_MINUTE, PRO_INCLUDED_S, FREE_INCLUDED_S = Fraction("0.005"), 60_000, 6_000

# Included seconds a month; what is rated by resources has none.
INCLUDED_S = {"free": FREE_INCLUDED_S, "pro": PRO_INCLUDED_S, "payg": 0, "enterprise": 0}

FREE_DISK_GIB = 30
GRAINS_A_GIB = 64  # of 16 MiB


def spec_of(table, number):
    return SPECS[table][number - 1]


def decimals(value, places):
    """Exactly `places` decimals; what does not fit into them is an error and never rounded."""
    scaled = Fraction(value) * 10**places
    if scaled.denominator != 1:
        raise ValueError(f"{value} has more than {places} decimals")
    sign, digits = ("-", -scaled.numerator) if scaled < 0 else ("", scaled.numerator)
    whole, part = divmod(digits, 10**places)
    return f"{sign}{whole}.{part:0{places}d}"


def carried(disks):
    """The disk of each minute, in grains: a minute without a figure has that of the one before, or none at all."""
    out, last = [], None
    for disk in disks:
        last = last if disk in (None, DISK_UNKNOWN) else disk
        out.append(last or 0)
    return out


@dataclass
class Part:
    """Seconds of a period, half-open and counted in it, in which one plan holds."""

    tier: str
    start: int
    end: int


def parts(start, period_s, plans):
    """plans: (second from which it holds, tier), in their order; the first also holds before its second. A change within
    the period cuts it there."""
    out = []
    for i, (since, tier) in enumerate(plans):
        since = 0 if i == 0 else max(0, since - start)
        until = period_s if i + 1 == len(plans) else min(period_s, plans[i + 1][0] - start)
        if since < until:
            out.append(Part(tier, since, until))
    return out


@dataclass
class Line:
    sku: str
    seconds: int
    qty: Fraction
    per_unit: Fraction

    @property
    def amount(self):
        return self.qty * self.per_unit


def resource_lines(states, disks, vcpus, mem_mib, prices, free_gib_asleep=0):
    """The lines of one sandbox and epoch in one period: states one a second, disks one a minute. Lines of nothing are
    left out; they come in the order of their names. free_gib_asleep is 0; another value is a planted fault."""
    disk = carried(disks)
    running = [s for s, state in enumerate(states) if state == RUN]
    asleep = [s for s, state in enumerate(states) if state == HIB]

    def stored(seconds, free_gib):
        grains = [max(0, disk[s // 60] - free_gib * GRAINS_A_GIB) for s in seconds]
        return sum(1 for g in grains if g > 0), Fraction(sum(grains), GRAINS_A_GIB)

    found = {
        "vcpu-run": (len(running), Fraction(vcpus * len(running))),
        "mem-run": (len(running), Fraction(mem_mib * len(running), 1024)),
        "disk-run-over-30": stored(running, FREE_DISK_GIB),
        "disk-hib": stored(asleep, free_gib_asleep),
    }
    return [Line(sku, seconds, qty, prices[sku]) for sku, (seconds, qty) in sorted(found.items()) if qty > 0]


def minutes_charged(before_s, after_s, included_s, per_minute):
    """What pooled seconds cost that bring an account's month from before_s to after_s: whole minutes past the
    allowance, the last unfinished one never."""
    def paid(seconds):
        return max(0, seconds // 60 - -(-included_s // 60))
    return (paid(after_s) - paid(before_s)) * per_minute


# --- contracts


@dataclass
class Tier:
    """From this sum of a month on, at this price; the first is from nothing on."""

    start: Fraction
    per_unit: Fraction


def tier_of(tiers, total):
    return max(i for i, tier in enumerate(tiers) if total >= tier.start)


def month_in_tiers(mode, tiers, total):
    """What so much of a month costs: each unit at its tier's price, or all of it at the price of the tier it reaches."""
    if mode == "volume":
        return total * tiers[tier_of(tiers, total)].per_unit
    ends = [tier.start for tier in tiers[1:]] + [None]
    return sum(max(0, (total if end is None else min(total, end)) - tier.start) * tier.per_unit
               for tier, end in zip(tiers, ends) if total > tier.start)


def lines_in_tiers(mode, tiers, before, after):
    """(tier, quantity): what is charged when a month's sum goes from before to after."""
    if mode == "volume":
        was, now = tier_of(tiers, before), tier_of(tiers, after)
        found = {now: after - before} if was == now else {was: -before, now: after}
    else:
        ends = [tier.start for tier in tiers[1:]] + [after]
        found = {i: min(after, max(end, tier.start)) - max(before, tier.start)
                 for i, (tier, end) in enumerate(zip(tiers, ends))}
        found = {i: qty for i, qty in found.items() if qty > 0}
    return sorted((i, qty) for i, qty in found.items() if qty != 0)


def discounted(price, basis_points):
    """Exactly, at 10^-12; what is not is refused."""
    if not 0 <= basis_points <= 10_000:
        raise ValueError(f"{basis_points} basis points")
    off = price * (10_000 - basis_points) / 10_000
    decimals(off, 12)
    return off


def commitment_due(least, spent):
    return max(Fraction(0), least - spent)
