"""Account-months that somebody made up, and what they come to, after promises.md section 4 and metering.md 1.1, 1.10 and
1.13: by intervals and fractions, where the product goes second by second in integers."""

import random
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from fractions import Fraction

import rating
from wire import HIB, RUN

QTY_END, MONEY_END = Fraction(10**14), Fraction(10**20)  # NUMERIC(20,6), NUMERIC(38,18)
MEASURED = ("disk-hib", "disk-run-over-30", "mem-run", "vcpu-run")
SKUS = ("disk-hib", "disk-run-over-30", "mem-run", "minutes", "snapshot", "vcpu-run")


class Limit(Exception):
    """A figure does not fit into its column."""


@dataclass
class Book:
    number: int
    minutes: bool
    prices: dict                                 # sku -> Fraction
    tiers: dict = field(default_factory=dict)    # sku -> (mode, [rating.Tier]), the first from 0 on


@dataclass
class Segment:
    start: int
    end: int
    book: Book
    included_s: int


@dataclass
class Box:
    group: int
    vcpus: int
    mem_mib: int
    states: list = field(default_factory=list)   # (state, from, to), ascending
    disks: dict = field(default_factory=dict)    # second at which a minute begins -> grains


@dataclass
class Month:
    start: int
    end: int
    period_s: int
    groups: list                                 # of lists of Segment
    boxes: list
    least: Fraction = None
    discounts: list = field(default_factory=list)

    def books(self):
        found = []
        for segment in (s for group in self.groups for s in group):
            if segment.book not in found:
                found.append(segment.book)
        return found


# --- as the product reads it


def text(month):
    out = [f"discount {rating.decimals(price, 12)} {points}" for price, points in month.discounts]
    out.append(f"month {month.start} {month.end} {month.period_s}")
    for book in month.books():
        out.append(f"book {book.number} {'minutes' if book.minutes else 'resources'}")
        out += [f"price {book.number} {sku} {rating.decimals(price, 12)}" for sku, price in book.prices.items()]
        out += [f"tier {book.number} {sku} {mode} {rating.decimals(tier.start, 6)} {rating.decimals(tier.per_unit, 12)}"
                for sku, (mode, tiers) in book.tiers.items() for tier in tiers[1:]]
    for at, group in enumerate(month.groups):
        out += [f"segment {at} {s.start} {s.end} {s.book.number} {s.included_s}" for s in group]
    for at, box in enumerate(month.boxes):
        out.append(f"box {box.group} {box.vcpus} {box.mem_mib}")
        out += [f"state {at} {state} {start} {end}" for state, start, end in box.states]
        out += [f"disk {at} {second} {grains}" for second, grains in sorted(box.disks.items())]
    if month.least is not None:
        out.append(f"commit {rating.decimals(month.least, 18)}")
    return "\n".join(out + ["end", ""])


# --- what it comes to


def overlap(start, end, other_start, other_end):
    return max(0, min(end, other_end) - max(start, other_start))


def disk_sum(box, state, start, end, period, period_s, free_grains):
    """(seconds that are charged, grain-seconds) of a state within [start, end) of a period."""
    seconds, grains, holds = 0, 0, None
    for minute in range(period, period + period_s, 60):
        holds = box.disks.get(minute, holds)
        charged = max(0, (holds or 0) - free_grains)
        if charged == 0:
            continue
        n = sum(overlap(max(a, start), min(b, end), minute, minute + 60) for s, a, b in box.states if s == state)
        seconds += n
        grains += n * charged
    return seconds, grains


@dataclass
class Found:
    lines: list = field(default_factory=list)
    sums: dict = field(default_factory=lambda: {sku: Fraction(0) for sku in SKUS})
    total: Fraction = Fraction(0)
    pool: int = 0
    counts: dict = field(default_factory=dict)   # (book number, sku) -> quantity

    def put(self, period, who, sku, tier, segment, seconds, qty, price, kind="usage"):
        amount = qty * price
        self.sums[sku] += amount
        self.total += amount
        if abs(qty) >= QTY_END or max(abs(amount), abs(self.sums[sku]), abs(self.total)) >= MONEY_END:
            raise Limit()
        self.lines.append(f"line {period} {who} {sku} {tier} {segment.book.number} {segment.start} {segment.end} {seconds} "
                          f"{rating.decimals(qty, 6)} {rating.decimals(price, 12)} {rating.decimals(amount, 18)} {kind}")

    def put_tiers(self, period, sku, segment, seconds, qty):
        mode, tiers = segment.book.tiers[sku]
        key = (segment.book.number, sku)
        before = self.counts.get(key, Fraction(0))
        if before + qty >= QTY_END:
            raise Limit()
        for tier, part in rating.lines_in_tiers(mode, tiers, before, before + qty):
            self.put(period, "-", sku, tier + (sku == "minutes"), segment, seconds, part, tiers[tier].per_unit)
        self.counts[key] = before + qty


def used(box, segment, period, period_s):
    """(sku, seconds, quantity) of a sandbox in a segment of a period."""
    ran = sum(overlap(a, b, segment.start, segment.end) for s, a, b in box.states if s == RUN)
    out = []
    for sku, state, free in (("disk-hib", HIB, 0), ("disk-run-over-30", RUN, 30 * rating.GRAINS_A_GIB)):
        seconds, grains = disk_sum(box, state, segment.start, segment.end, period, period_s, free)
        out.append((sku, seconds, Fraction(grains, rating.GRAINS_A_GIB)))
    out.append(("mem-run", ran, Fraction(box.mem_mib * ran, 1024)))
    out.append(("vcpu-run", ran, Fraction(box.vcpus * ran)))
    return ran, [(sku, seconds, qty) for sku, seconds, qty in out
                 if qty > 0 and (sku == "disk-hib" or not segment.book.minutes)]


def parts(month, group, period):
    """The segments of a group, cut to a period."""
    cut = [replace(s, start=max(s.start, period), end=min(s.end, period + month.period_s)) for s in month.groups[group]]
    return [s for s in cut if s.start < s.end]


def rate_period(month, period, found):
    groups = [parts(month, group, period) for group in range(len(month.groups))]
    pooled, measured, any_use = {}, {}, False
    for which, box in enumerate(month.boxes):
        if not any(overlap(a, b, period, period + month.period_s) for _, a, b in box.states):
            continue
        any_use = True
        for at, segment in enumerate(groups[box.group]):
            ran, uses = used(box, segment, period, month.period_s)
            if segment.book.minutes:
                pooled[box.group, at] = pooled.get((box.group, at), 0) + ran
            for sku, seconds, qty in uses:
                if sku in segment.book.tiers:
                    found.put(period, which, sku, 0, segment, seconds, qty, Fraction(0), "measured")
                    had = measured.get((box.group, at, sku), (0, Fraction(0)))
                    measured[box.group, at, sku] = (had[0] + seconds, had[1] + qty)
                else:
                    found.put(period, which, sku, 0, segment, seconds, qty, segment.book.prices[sku])
    order = sorted((s.start, group, at) for group, cut in enumerate(groups) for at, s in enumerate(cut))
    for _, group, at in order if any_use else []:
        segment = groups[group][at]
        if segment.book.minutes:
            pool(period, segment, pooled.get((group, at), 0), found)
        for sku in MEASURED:
            if (group, at, sku) in measured:
                found.put_tiers(period, sku, segment, *measured[group, at, sku])


def pool(period, segment, seconds, found):
    """Whole minutes of the account, those within the allowance first."""
    before, after = found.pool // 60, (found.pool + seconds) // 60
    allowance = -(-segment.included_s // 60)
    free = min(after, allowance) - min(before, allowance)
    paid = after - before - free
    found.pool += seconds
    if free > 0:
        found.put(period, "-", "minutes", 0, segment, seconds, Fraction(free), Fraction(0))
    if paid > 0 and "minutes" in segment.book.tiers:
        found.put_tiers(period, "minutes", segment, seconds, Fraction(paid))
    elif paid > 0:
        found.put(period, "-", "minutes", 1, segment, seconds, Fraction(paid), segment.book.prices["minutes"])


def discount_line(price, points):
    try:
        return f"discount {rating.decimals(rating.discounted(price, points), 12)}"
    except ValueError:
        return "discount refused"


def expected(month):
    """The lines that the product must print, sorted as text within what it prints in any order."""
    head = [discount_line(*d) for d in month.discounts]
    found = Found()
    try:
        seconds = {p for box in month.boxes for _, a, b in box.states
                   for p in range(a - (a - month.start) % month.period_s, b, month.period_s)}
        for period in sorted(seconds):
            rate_period(month, period, found)
        tail = [f"sum {sku} {rating.decimals(found.sums[sku], 18)}" for sku in SKUS]
        tail += [f"tiers {number} {sku} {rating.decimals(qty, 6)}" for (number, sku), qty in found.counts.items() if qty > 0]
        if month.least is not None:
            due = rating.commitment_due(month.least, found.total)
            if due >= MONEY_END or abs(month.least - found.total) >= MONEY_END:
                raise Limit()
            tail.append(f"due {rating.decimals(due, 18)}")
    except Limit:
        return sorted(head + ["limit"])
    return sorted(head + found.lines + tail + [f"pool {found.pool}", f"total {rating.decimals(found.total, 18)}"])


# --- made up


def seconds_of(year, month):
    then = (year + month // 12, month % 12 + 1)
    return tuple(int(datetime(y, m, 1, tzinfo=timezone.utc).timestamp()) for y, m in ((year, month), then))


def made_up_price(dice, huge):
    if huge:
        return Fraction(10**18 - 1 - dice.randrange(1000), 10**12)
    return Fraction(dice.choice([0, 1, dice.randrange(10**4), dice.randrange(10**8), dice.randrange(10**11)]), 10**12)


def made_up_book(dice, number, huge):
    book = Book(number, dice.random() < 0.3, {sku: made_up_price(dice, huge) for sku in SKUS})
    for sku in ("minutes", "disk-hib") if book.minutes else MEASURED:
        if dice.random() < 0.3:
            bounds = sorted({Fraction(dice.randrange(1, 10**dice.randrange(1, 12)), 10**6 if sku != "minutes" else 1)
                             for _ in range(dice.randrange(1, 9))})
            tiers = [rating.Tier(Fraction(0), book.prices[sku])]
            tiers += [rating.Tier(bound, made_up_price(dice, huge)) for bound in bounds]
            book.tiers[sku] = (dice.choice(["graduated", "volume"]), tiers)
    return book


def made_up(seed):
    """One account-month: short lives where it hurts, at the month's ends, on leap days, across every change of prices and
    plans, which fall on any second."""
    dice = random.Random(seed)
    year, number = dice.choice([(2024, 2), (2028, 2), (2026, 2), (2025, 12), (2026, 1), (2026, 3), (2027, 10)])
    start, end = seconds_of(year, number)
    huge = dice.random() < 0.05
    centres = [start, end - 1, start + 28 * 86400, dice.randrange(start, end)]
    near = dice.choice(centres)
    far = 40_000 if huge else 9000
    window = (max(start, near - dice.randrange(1, far)), min(end, near + dice.randrange(1, far)))
    groups, books = [], 0
    for _ in range(dice.randrange(1, 3)):
        edges = sorted({start, end} | {dice.randrange(*window) for _ in range(dice.choice([0, 0, 1, 2, 4])) if window[0] < window[1]})
        segments = []
        for a, b in zip(edges, edges[1:]):
            books += 1
            again = dice.random() < 0.2 and len(segments) > 1
            book = segments[-2].book if again else made_up_book(dice, books, huge)
            segments.append(Segment(a, b, book, dice.choice([0, 59, 60, 61, 6000, 60000, dice.randrange(2000)])))
        groups.append(segments)
    boxes = [made_up_box(dice, len(groups), window, huge) for _ in range(dice.randrange(1, 4))]
    least = Fraction(dice.randrange(10**22), 10**18) if dice.random() < 0.5 else None
    discounts = [(made_up_price(dice, False), dice.choice([0, 1, 500, 3333, 9999, 10000, dice.randrange(10001)]))]
    return Month(start, end, dice.choice([3600, 3600, 300, 60]), groups, boxes, least, discounts)


def made_up_box(dice, groups, window, huge):
    box = Box(dice.randrange(groups), dice.choice([1, 2, 4, 8]), 256 << dice.randrange(7))
    if huge:
        box.vcpus, box.mem_mib = dice.choice([8, 2**32 - 1]), dice.choice([16384, 2**32 - 16])
    at = dice.randrange(*window)
    while at < window[1] and len(box.states) < 12:
        to = min(window[1], at + dice.choice([1, 1, 2, 59, 60, 61, dice.randrange(1, 20_000 if huge else 4000)]))
        state = dice.choice([RUN, HIB, None])
        if state is not None:
            box.states.append((state, at, to))
        at = to
    top = 2**31 if huge else 4000
    for minute in range(window[0] // 60 * 60, window[1], 60):
        if dice.random() < 0.3:
            box.disks[minute] = dice.choice([0, 1, 1919, 1920, 1921, dice.randrange(top)])
    return box


# --- changed, so that what it comes to is known beforehand


def dearest(month):
    return max(price for b in month.books() for price in
               [*b.prices.values(), *(t.per_unit for _, tiers in b.tiers.values() for t in tiers)])


def scaled(month, factor):
    """Every price times so much."""
    def book(b):
        tiers = {sku: (mode, [replace(t, per_unit=t.per_unit * factor) for t in tiers]) for sku, (mode, tiers) in b.tiers.items()}
        return replace(b, prices={sku: price * factor for sku, price in b.prices.items()}, tiers=tiers)
    books = {b.number: book(b) for b in month.books()}
    return replace(month, discounts=[], groups=[[replace(s, book=books[s.book.number]) for s in g] for g in month.groups])


def shifted(month, by):
    """All of it so many seconds later, its prices with it."""
    return replace(month, start=month.start + by, end=month.end + by, discounts=[],
                   groups=[[replace(s, start=s.start + by, end=s.end + by) for s in g] for g in month.groups],
                   boxes=[replace(b, states=[(s, a + by, c + by) for s, a, c in b.states],
                                  disks={m + by: d for m, d in b.disks.items()}) for b in month.boxes])


def with_each_minute(month):
    """The disk of each minute is said, so that it is the same however the month is cut into periods."""
    def filled(box):
        if not box.states:
            return box
        first, last = box.states[0][1] // 60 * 60, box.states[-1][2]
        holds, disks = 0, {}
        for minute in range(first, last, 60):
            holds = box.disks.get(minute, holds)
            disks[minute] = holds
        return replace(box, disks=disks)
    return replace(month, discounts=[], boxes=[filled(b) for b in month.boxes])
