"""The oracle's own tests: golden vectors of promises.md section 4, layouts, rules, and that it sees what is planted."""

import hashlib
import json
import unittest
from fractions import Fraction

import faults
import invoice
import ledger
import rating
import statement
import wallet
import wire
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from wire import DISK_UNKNOWN, HIB, RUN

GIB = 64  # grains
START = 1_767_225_600  # 2026-01-01


def cost(seconds, vcpus, mem_mib, group, disk=DISK_UNKNOWN):
    disks = [disk] * (len(seconds) // 60 + 1)
    return sum(line.amount for line in rating.resource_lines(seconds, disks, vcpus, mem_mib, rating.PRICES[group]))


class GoldenVectors(unittest.TestCase):
    def test_an_hour_of_two_vcpus(self):
        hour = [RUN] * 3600
        self.assertEqual(rating.decimals(cost(hour, 2, 4096, "mainland"), 8), "0.31219200")
        self.assertEqual(rating.decimals(cost(hour, 2, 4096, "other"), 8), "0.49262400")

    def test_47_seconds(self):
        self.assertEqual(rating.decimals(cost([RUN] * 47, 1, 2048, "mainland"), 8), "0.00203792")

    def test_disk_of_a_runner(self):
        lines = rating.resource_lines([RUN] * 3600, [35 * GIB] * 60, 1, 256, rating.PRICES["other"])
        self.assertEqual([(line.sku, line.qty) for line in lines if line.sku.startswith("disk")],
                         [("disk-run-over-30", 18_000)])
        lines = rating.resource_lines([RUN] * 3600, [30 * GIB] * 60, 1, 256, rating.PRICES["other"])
        self.assertEqual([line.sku for line in lines], ["mem-run", "vcpu-run"])

    def test_disk_of_a_sleeper(self):
        lines = rating.resource_lines([HIB] * 3600, [20 * GIB] * 60, 1, 256, rating.PRICES["other"])
        self.assertEqual([(line.sku, line.qty) for line in lines], [("disk-hib", 72_000)])

    def test_runs_then_sleeps(self):
        states = [RUN] * 1000 + [HIB] * 2600
        lines = rating.resource_lines(states, [31 * GIB] * 60, 1, 1024, rating.PRICES["mainland"])
        by_sku = {line.sku: line for line in lines}
        self.assertEqual(by_sku["vcpu-run"].amount + by_sku["mem-run"].amount, Fraction("0.03253"))
        self.assertEqual(by_sku["disk-run-over-30"].qty, 1000)
        self.assertEqual(by_sku["disk-hib"].qty, 80_600)
        self.assertEqual(sum(line.amount for line in lines), Fraction("0.05701"))

    def test_a_plan_change_cuts_the_period(self):
        plans = ((START - 999, "payg"), (START + 1000, "enterprise"), (START + 3600, "payg"))
        parts = rating.parts(START, 3600, plans)
        self.assertEqual([(p.tier, p.start, p.end) for p in parts], [("payg", 0, 1000), ("enterprise", 1000, 3600)])
        self.assertEqual([p.tier for p in rating.parts(START + 3600, 3600, plans)], ["payg"])
        self.assertEqual([p.tier for p in rating.parts(START - 3600, 3600, plans)], ["payg"])
        usage = ledger.Usage(1, "i" + "0" * 20, 1, 1, 8, 2, [RUN] * 1500 + [HIB] * 2100,
                             [31 * GIB] + [DISK_UNKNOWN] * 59)
        cut = [line for part in parts for line in usage.lines("mainland", part)]
        whole = usage.lines("mainland")
        self.assertEqual(sum(line.amount for line in cut), sum(line.amount for line in whole))
        self.assertEqual([(line.sku, line.seconds) for line in cut if line.sku in ("vcpu-run", "disk-hib")],
                         [("vcpu-run", 1000), ("disk-hib", 2100), ("vcpu-run", 500)])

    def test_minutes(self):
        def pro(seconds):
            return rating.minutes_charged(0, seconds, rating.PRO_INCLUDED_S, rating.PRO_MINUTE)
        self.assertEqual(pro(60_059), 0)
        self.assertEqual(pro(60_060), Fraction("0.005"))
        self.assertEqual(rating.minutes_charged(60_000, 60_060, rating.PRO_INCLUDED_S, rating.PRO_MINUTE), Fraction("0.005"))
        self.assertEqual(rating.minutes_charged(0, 6000, rating.FREE_INCLUDED_S, Fraction(0)), 0)

    def test_short_lives(self):
        for start_ms in range(0, 1000, 7):
            for life_ms in (50, 333, 900):
                touched = (start_ms + life_ms - 1) // 1000 + 1
                self.assertIn(touched, (1, 2))

    def test_text_is_exact(self):
        self.assertEqual(rating.decimals(Fraction("-0.5"), 6), "-0.500000")
        self.assertEqual(rating.decimals(0, 18), "0." + "0" * 18)
        self.assertEqual(rating.decimals(Fraction(1, 64), 6), "0.015625")
        with self.assertRaises(ValueError):
            rating.decimals(Fraction(1, 3), 18)


class Carrying(unittest.TestCase):
    def test_a_minute_without_a_figure(self):
        self.assertEqual(rating.carried([DISK_UNKNOWN, 5, DISK_UNKNOWN, 7, DISK_UNKNOWN]), [0, 5, 5, 7, 7])

    def test_spec_table(self):
        self.assertEqual(rating.spec_of(1, 1), (1, 256))
        self.assertEqual(rating.spec_of(1, 6), (2, 512))
        self.assertEqual(rating.spec_of(1, 19), (8, 16384))
        self.assertEqual(len(rating.SPECS[1]), 19)


class Layout(unittest.TestCase):
    def test_crc32c(self):
        # RFC 3720, B.4.
        self.assertEqual(wire.crc32c(b"\0" * 32), 0x8A9136AA)
        self.assertEqual(wire.crc32c(b"123456789"), 0xE3069283)

    def test_ids(self):
        name = "i0123456789abcdefghij"
        self.assertEqual(wire.sandbox_name(wire.sandbox_bytes(name)), name)
        with self.assertRaises(wire.Malformed):
            wire.sandbox_name((36**20).to_bytes(16, "big"))

    def test_sizes(self):
        self.assertEqual(wire.FRAME_HEAD.size, 68)
        self.assertEqual(wire.SAMPLE.size, 64)

    def test_frame_both_ways_and_every_flipped_bit(self):
        sample = wire.Sample("i0123456789abcdefghij", 2, 7, 1, 3, HIB, 60, 1, 9)
        data = wire.Frame(1, 2, 3, 4, START, START - 1, [sample]).pack()
        frame = wire.read_frame(data)
        self.assertEqual(frame.samples, [sample])
        self.assertEqual((frame.frame_no, frame.prev_boot_last_frame, frame.second), (3, 4, START))
        for i in range(len(data)):
            with self.assertRaises(wire.Malformed):
                wire.read_frame(data[:i] + bytes([data[i] ^ 4]) + data[i + 1:])
        with self.assertRaises(wire.Malformed):
            wire.read_frame(data[:-1])


class World:
    """A worker that writes frames and attestations as the headers say: two sandboxes over three periods of 60 s, one of
    which sleeps from second 45 to 98 and wakes as epoch 2; the daemon is started again after second 70."""

    A, B = "i0000000000000000000a", "i0000000000000000000b"

    def __init__(self):
        self.key = Ed25519PrivateKey.generate()
        self.public = self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.usage, self.attest, self.hashes = [], [], {}
        self.rows = {}  # (sandbox, epoch) -> second -> state
        self.disk = {}
        boot, number, before = 1, 0, 0
        for second in range(180):
            if second == 70:
                boot, number, before = 2, 0, number
            number += 1
            frame = wire.Frame(42, boot, number, before, START + second, self.complete(second), self.samples(second))
            self.usage.append(frame.pack())
            if second % 60 == 59:
                self.swear(second - 59, boot, number)

    @staticmethod
    def complete(second):
        if 46 <= second < 98:
            return START + (second if (second + 1) % 60 == 0 else max(45, second // 60 * 60 - 1))
        return START + second

    def sample(self, second, sandbox, epoch, state, span=1, disk=DISK_UNKNOWN):
        for at in range(second - span + 1, second + 1):
            row = self.rows.setdefault((sandbox, epoch), {})
            row[at] = RUN if state == RUN or row.get(at) == RUN else HIB
        if disk != DISK_UNKNOWN:
            self.disk[sandbox, epoch, second // 60] = disk
        return wire.Sample(sandbox, epoch, 7, 1, 3, state, span, 1, disk)

    def samples(self, second):
        out = []
        if 30 <= second <= 45:
            out.append(self.sample(second, self.A, 1, RUN, disk=3 if second == 30 else DISK_UNKNOWN))
        if second == 59:
            out.append(self.sample(second, self.A, 1, HIB, 14, 3))
        if second == 98:
            out.append(self.sample(second, self.A, 1, HIB, 39, 3))
        if 98 <= second <= 118:
            out.append(self.sample(second, self.A, 2, RUN, disk=4 if second == 98 else DISK_UNKNOWN))
        if 50 <= second <= 130:
            out.append(self.sample(second, self.B, 1, RUN, disk=2000 if second % 60 == 50 or second == 60 else DISK_UNKNOWN))
        return out

    def put(self, body):
        message = body + self.key.sign(body)
        self.attest.append(message)
        return hashlib.sha256(message).digest()

    def swear(self, from_s, boot, number):
        import struct
        hashes = []
        for (sandbox, epoch), row in sorted(self.rows.items()):
            states = [row.get(from_s + s, 0) for s in range(60)]
            if not any(states):
                continue
            body = struct.pack(
                "<BHQQI16sIHHHqIQQ32sH", 1, 1, 42, boot, 7, wire.sandbox_bytes(sandbox), epoch, 1, 3, 1, START + from_s, 60,
                1, number, self.hashes.get(sandbox, b"\0" * 32), 0)
            runs = []
            for state in states:
                if runs and runs[-1][0] == state:
                    runs[-1][1] += 1
                else:
                    runs.append([state, 1])
            body += struct.pack("<H", len(runs)) + b"".join(struct.pack("<BH", *run) for run in runs)
            body += struct.pack("<HI", 1, self.disk.get((sandbox, epoch, from_s // 60), DISK_UNKNOWN))
            self.hashes[sandbox] = self.put(body)
            hashes.append(self.hashes[sandbox])
        digest = hashlib.sha256(b"".join(sorted(hashes))).digest()
        self.put(struct.pack("<BHQQqII32sQ", 2, 1, 42, boot, START + from_s, 60, len(hashes), digest, number))

    def read(self, fault=None):
        usage, attest, rules = faults.plant(fault, self.usage, self.attest, self.A)
        return ledger.Ledger(usage, attest, {42: [self.public]}, 60, rules)


class Rules(unittest.TestCase):
    def test_the_whole_story(self):
        book = World().read()
        self.assertEqual(book.findings, [])
        first = {(s.sandbox, s.epoch): s for s in book.period(START, 7)}
        self.assertEqual((first[World.A, 1].running_s, first[World.A, 1].hibernated_s), (16, 14))
        self.assertEqual((first[World.B, 1].running_s, first[World.B, 1].hibernated_s), (10, 0))
        second = {(s.sandbox, s.epoch): s for s in book.period(START + 60, 7)}
        # The second of the wake is claimed by both epochs and is the higher one's.
        self.assertEqual((second[World.A, 1].running_s, second[World.A, 1].hibernated_s), (0, 38))
        self.assertEqual((second[World.A, 2].running_s, second[World.A, 2].hibernated_s), (21, 0))
        # 2000 grains are 31.25 GiB.
        over = [line for line in second[World.B, 1].lines("other") if line.sku == "disk-run-over-30"]
        self.assertEqual(over[0].qty, 60 * Fraction(5, 4))
        third = book.period(START + 120, 7)
        self.assertEqual([(s.sandbox, s.running_s) for s in third], [(World.B, 11)])
        self.assertEqual(book.period(START, 8), [])

    def test_order_and_repetition_do_not_matter(self):
        world = World()
        plain = world.read()
        world.usage = world.usage[::-1] + world.usage[:50]
        shuffled = world.read()
        self.assertEqual(shuffled.findings, [])
        for start in (START, START + 60, START + 120):
            self.assertEqual(plain.period(start, 7), shuffled.period(start, 7))

    def test_merkle(self):
        # RFC 6962, 2.1: of nothing, of one, of three.
        self.assertEqual(ledger.merkle_root([]), hashlib.sha256(b"").digest())
        leaf = [hashlib.sha256(b"\0" + bytes([i]) * 32).digest() for i in range(3)]
        self.assertEqual(ledger.merkle_root([b"\0" * 32]), leaf[0])
        left = hashlib.sha256(b"\1" + leaf[0] + leaf[1]).digest()
        self.assertEqual(ledger.merkle_root([bytes([i]) * 32 for i in range(3)]), hashlib.sha256(b"\1" + left + leaf[2]).digest())


class Findings(unittest.TestCase):
    def found(self, world, words):
        findings = world.read().findings
        self.assertTrue(any(words in finding for finding in findings), (words, findings))

    def test_a_gap(self):
        world = World()
        del world.usage[40]
        self.found(world, "boot 1: frame 41 is missing")

    def test_boots_that_do_not_chain(self):
        world = World()
        del world.usage[69]
        self.found(world, "does not follow")

    def test_two_frames_of_one_number(self):
        world = World()
        frame = wire.read_frame(world.usage[40])
        frame.clock_err_us = 1
        world.usage.append(frame.pack())
        self.found(world, "two different frames")

    def test_seals(self):
        world = World()
        key, other = wire.frame_key(b"k" * 32, 42), wire.frame_key(b"k" * 32, 43)
        world.usage = [wire.seal(wire.read_frame(data), key, i.to_bytes(12, "big")) for i, data in enumerate(world.usage)]
        plain = ledger.Ledger(world.usage, world.attest, {42: [world.public]}, 60, frame_keys={42: key})
        self.assertEqual(plain.findings, [])
        self.assertEqual(ledger.Ledger(world.usage, world.attest, {42: [world.public]}, 60).findings, [])
        empty = wire.Frame(42, 1, 41, 0, START + 40, START + 40)
        broken = bytearray(world.usage[40][:-4])
        broken[30] ^= 1
        forged = empty.pack(), wire.seal(empty, other, bytes(12)), bytes(broken) + wire.crc32c(broken).to_bytes(4, "little")
        for data in forged:
            book = ledger.Ledger(world.usage[:40] + [data] + world.usage[40:], world.attest, {42: [world.public]}, 60,
                                 frame_keys={42: key})
            self.assertEqual([f for f in book.findings if not f.startswith("not sealed by worker 42")], [])
            self.assertEqual(len(book.findings), 1)
            self.assertEqual(book.period(START, 7), plain.period(START, 7))

    def test_another_signature(self):
        world = World()
        world.attest[0] = world.attest[0][:-1] + bytes([world.attest[0][-1] ^ 1])
        self.found(world, "signature")

    def test_an_attestation_withheld(self):
        world = World()
        del world.attest[0]
        self.found(world, "attest")

    def test_an_attestation_that_says_something_else(self):
        world = World()
        world.rows[World.B, 1][55] = 0
        world.attest.clear()
        world.hashes.clear()
        world.swear(0, 1, 60)
        self.found(world, "frames say")

    def test_a_chain_that_is_broken(self):
        world = World()
        world.attest.clear()
        world.swear(0, 1, 60)
        self.found(world, "previous")


class Planted(unittest.TestCase):
    """Each fault changes what is found or what is owed, but for the one that must not."""

    def red(self, name):
        world = World()
        plain, planted = world.read(), world.read(name)
        same = all(plain.period(s, 7) == planted.period(s, 7) and
                   [x.lines("other") for x in plain.period(s, 7)] == [x.lines("other") for x in planted.period(s, 7)]
                   for s in (START, START + 60, START + 120))
        return bool(planted.findings) or not same

    def test_each(self):
        for name, fault in faults.FAULTS.items():
            with self.subTest(name):
                self.assertEqual(self.red(name), fault.red)


def path(hashes, at):
    """RFC 6962, 2.1.1, as it is written there."""
    if len(hashes) == 1:
        return []
    left = 1
    while left * 2 < len(hashes):
        left *= 2
    if at < left:
        return path(hashes[:left], at) + [ledger.merkle_root(hashes[left:])]
    return path(hashes[left:], at - left) + [ledger.merkle_root(hashes[:left])]


def stated(count, number=1, account="00000000-0000-4000-8000-0000000000a1", parents=()):
    """A statement of so many sandboxes, one line each, with the pages it must have; those of parents name the first one."""
    names = [wire.sandbox_name(i.to_bytes(16, "big")) for i in range(count)]
    boxes = [{"attestation": hashlib.sha256(name.encode()).hexdigest(), "attested": True, "epoch": 1, "hibernated_s": 2,
              "project_no": 7, "running_s": 3, "sandbox": name, "spec": 1, "spec_table": 1} for name in names]
    for i in parents:
        boxes[i]["parent"] = names[0]
    pages = []
    for at in range(0, count, statement.PAGE):
        cut = boxes[at:at + statement.PAGE]
        pages.append(statement.canonical({
            "account": account, "number": number, "page": len(pages) + 1, "sandboxes": cut,
            "version": 4 if any("parent" in x for x in cut) else 2,
            "lines": [{"amount": "0.000000000000000001", "sandbox": x["sandbox"]} for x in cut]}))
    hashes = [hashlib.sha256(p).digest() for p in pages]
    head = {"account": account, "number": number, "version": 4 if parents else 2, "lines": [], "running_s": 3 * count, "hibernated_s": 2 * count,
            "attestations": {"count": count, "root": ledger.merkle_root([bytes.fromhex(x["attestation"]) for x in boxes]).hex(),
                             "unattested": 0},
            "pages": {"count": len(pages), "lines": count, "root": ledger.merkle_root(hashes).hex()},
            "total": rating.decimals(Fraction(count, 10**18), 18)}
    return {"body": statement.canonical(head),
            "pages": [{"body": p, "proof": path(hashes, i)} for i, p in enumerate(pages)]}


class Pages(unittest.TestCase):
    def found(self, s, *words):
        self.assertEqual(list(statement.check_pages(s)), [f"statement 1: {w}" for w in words])

    def test_sizes(self):
        for count in (0, 1, statement.PAGE - 1, statement.PAGE, statement.PAGE + 1, 10_000):
            s = stated(count)
            self.assertEqual(len(s["pages"]), -(-count // statement.PAGE))
            self.found(s)
            self.assertEqual(len(statement.whole(s)["sandboxes"]), count)

    def test_parents(self):
        s = stated(600, parents=[3, 550])
        self.found(s)
        self.found(stated(600, parents=[0]), "on page 1 a sandbox began with its own memory")
        for version in (2, 3, 5):
            head = json.loads(s["body"])
            head["version"] = version
            words = list(statement.check_pages({**s, "body": statement.canonical(head)}))
            self.assertEqual(words, [] if version == 5 else
                             [f"statement 1 is of version {version}, which does not say whether its rows name parents"])
        self.assertEqual(list(statement.check_parents([s, stated(600, number=2, parents=[3, 4, 550])])), [])
        later = list(statement.check_parents([s, stated(600, number=2, parents=[3])]))
        self.assertEqual(len(later), 1)
        self.assertIn("began with the memory of None", later[0])

    def test_edited(self):
        for at in range(5):
            s = stated(2100)
            self.assertEqual(len(s["pages"]), 5)
            s["pages"][at]["body"] = s["pages"][at]["body"].replace(b'"running_s":3', b'"running_s":4', 1)
            self.found(s, f"page {at + 1} is not the one that was signed")

    def test_dropped(self):
        s = stated(2100)
        del s["pages"][4]
        self.found(s, "page 5 is missing")
        del s["pages"][0]
        self.found(s, "page 2 stands where 1 should", "page 3 stands where 2 should", "page 4 stands where 3 should",
                   "page 1 is missing", "page 5 is missing")

    def test_doubled(self):
        s = stated(1100)
        s["pages"].append(s["pages"][2])
        self.assertEqual(list(statement.check_pages(s)), [
            "statement 1: page 3 is there twice, the second time as page 4", "statement 1 has 4 pages, should have 3"])
        s = stated(1100)
        s["pages"][2] = s["pages"][1]
        self.found(s, "page 2 is there twice, the second time as page 3", "page 3 is missing")

    def test_reordered(self):
        s = stated(1100)
        s["pages"][0], s["pages"][1] = s["pages"][1], s["pages"][0]
        self.found(s, "page 2 stands where 1 should", "page 1 stands where 2 should")

    def test_another_statements(self):
        s = stated(1100)
        s["pages"][1] = stated(1100, 2)["pages"][1]
        self.found(s, "page 2 is of statement 2 of account 00000000-0000-4000-8000-0000000000a1", "page 2 is missing")
        s["pages"][1] = stated(1100, 1, "someone")["pages"][1]
        self.found(s, "page 2 is of statement 1 of account someone", "page 2 is missing")

    def test_sums(self):
        s = stated(501)
        head = json.loads(s["body"])
        head["running_s"] += 1
        head["total"] = "0.000000000000000502"
        s["body"] = statement.canonical(head)
        self.assertEqual(list(statement.check_pages(s)), [
            "statement 1.running_s is 1504, should be 1503",
            "statement 1.total is '0.000000000000000502', should be '0.000000000000000501'"])

    def test_of_before_there_were_pages(self):
        old = {"body": statement.canonical({"version": 1, "sandboxes": [], "lines": []})}
        self.assertEqual(list(statement.check_pages(old)), [])
        self.assertEqual(statement.whole(old)["lines"], [])


class Invoices(unittest.TestCase):
    def test_half_up_goes_away_from_zero(self):
        for exact, places, want in (("0.005", 2, "0.01"), ("-0.005", 2, "-0.01"), ("2.5", 0, "3"), ("-2.5", 0, "-3"),
                                    ("0.0049", 2, "0"), ("0.0005", 3, "0.001")):
            self.assertEqual(invoice.half_up(Fraction(exact), places), Fraction(want))

    def test_shares_add_up(self):
        parts = [Fraction(x) for x in ("100.4", "-50.2", "-0.7")]
        self.assertEqual(invoice.split(parts, Fraction(50), 0), [101, -50, -1])
        with self.assertRaises(ValueError):
            invoice.split(parts, Fraction(47), 0)

    def test_each_tax_is_rounded_by_itself(self):
        cents = [Fraction("0.005"), Fraction("0.005"), Fraction(10)]
        taxes, nets, totals = invoice.reckon(cents, [Fraction("0.2"), Fraction("0.08875")], [0, 1, 1], Fraction(0), Fraction(0), 2)
        self.assertEqual([t["base"] for t in taxes], [Fraction("0.01"), Fraction("10.01")])
        self.assertEqual(totals["total"], Fraction("10.91"))
        self.assertEqual(sum(nets), totals["lines"])
        self.assertTrue(all(abs(t["rounding"]) <= Fraction("0.005") for t in taxes))

    def test_what_is_wrong_is_seen(self):
        right = {"currency": "USD", "lines": [], "taxes": [], "totals": dict.fromkeys(
            ("allowance", "due", "lines", "net", "prepaid", "tax", "total"), "0.00") | dict.fromkeys(
            ("exact", "rounding"), "0.000000000000000000"), "version": 1}
        self.assertEqual(invoice.check(invoice.canonical(right)), [])
        for name in right["totals"]:
            wrong = right | {"totals": right["totals"] | {name: "0.90"}}
            self.assertNotEqual(invoice.check(invoice.canonical(wrong)), [], name)
        nothing = {"amount": "0", "kind": "usage", "line": 1, "net": "0.00", "project": None, "qty": None, "sku": "minutes", "tax": 1, "unit": "Minutes", "unit_code": "MIN"}
        month = {"before": "1", "charges": "3", "least": "5", "line": None, "month": "2026-03"}
        for wrong in (right | {"lines": [nothing | {"kind": "commitment"}]}, right | {"commitments": [month], "version": 2},
                      right | {"commitments": [month | {"before": "2"}]}):
            self.assertNotEqual(list(invoice.commitments(wrong)), [])
        self.assertEqual(list(invoice.commitments(right | {"commitments": [month | {"before": "2"}], "version": 2})), [])
        self.assertEqual(invoice.check_chain([invoice.canonical({"chain": 1, "previous": "0" * 64})]), [])
        self.assertNotEqual(invoice.check_chain([invoice.canonical({"chain": 2, "previous": "0" * 64})]), [])


class Wallet(unittest.TestCase):
    """metering.md 1.8: burn order fixed: priority, earliest expiry, oldest; corrections unwind the recorded order."""

    GRANTS = [wallet.Grant(5, 200, None, True, Fraction(10)), wallet.Grant(4, 100, None, False, Fraction(1)),
              wallet.Grant(3, 100, 2000, False, Fraction(2)), wallet.Grant(2, 100, 1500, False, Fraction(3)),
              wallet.Grant(6, 100, 1500, False, Fraction(4)), wallet.Grant(1, 0, 1000, False, Fraction(9))]

    def test_the_order(self):
        self.assertEqual(wallet.burn(self.GRANTS, 1000, Fraction("10.5")),
                         [(2, 3), (6, 4), (3, 2), (4, 1), (5, Fraction("0.5"))])

    def test_no_more_than_there_is(self):
        self.assertEqual(sum(amount for _, amount in wallet.burn(self.GRANTS, 1000, Fraction(99))), 20)

    def test_the_last_part_goes_back_first(self):
        self.assertEqual(wallet.unwind([Fraction(1), Fraction(2), Fraction(4)], Fraction("5.5")),
                         [0, Fraction("1.5"), 4])

    def test_a_share(self):
        self.assertEqual(wallet.text(wallet.share(Fraction("0.005"), 1, 3)), "0.001666666666666667")
        self.assertEqual(wallet.share(Fraction("0.005"), 3, 3), Fraction("0.005"))
class Corrections(unittest.TestCase):
    """Ten seconds of a sandbox come when its period is stated; the next statement corrects it."""

    def setUp(self):
        self.world = World()
        late = [f for f in self.world.usage if START + 32 <= wire.read_frame(f).second < START + 42]
        key = {42: [self.world.public]}
        self.all = self.world.read()
        was = ledger.Ledger([f for f in self.world.usage if f not in late], self.world.attest, key, 60)
        self.statements = [self.signed(statement.expected(was, START, 7), 1), None, None]
        before, now = (statement.expected(w, START, 7) for w in (was, self.all))
        anew = {"i0000000000000000000a"}
        first = {x["sku"]: x for x in before["lines"] if x["sandbox"] in anew}
        lines = []
        for x in now["lines"]:
            if x["sandbox"] not in anew or x["sku"] not in first or x["qty"] == first[x["sku"]]["qty"]:
                continue
            less = first[x["sku"]]
            qty = Fraction(x["qty"]) - Fraction(less["qty"])
            lines.append({**x, "kind": "correction", "seconds": x["seconds"] - less["seconds"], "qty": rating.decimals(qty, 6),
                          "amount": rating.decimals(qty * Fraction(x["per_unit"]), 18)})
        self.page = {"corrects": {"number": 1, "period": now["period"]}, "lines": lines, "version": 3,
                     "sandboxes": [x for x in now["sandboxes"] if x["sandbox"] in anew]}
        self.statements[1] = self.signed(statement.expected(self.all, START + 60, 7), 2, self.page)
        self.statements[2] = self.signed(statement.expected(self.all, START + 120, 7), 3)

    @staticmethod
    def signed(body, number, *correcting):
        own = {"lines": body.pop("lines"), "sandboxes": body.pop("sandboxes"), "version": 2}
        for x in own["lines"]:
            x["book"] = 1
        pages = [{**p, "account": "a", "number": number, "page": at} for at, p in enumerate((own, *correcting), 1)]
        for x in (x for p in correcting for x in p["lines"]):
            x["book"] = 1
        everything = [x for p in pages for x in p["lines"]]
        hashes = [bytes.fromhex(x["attestation"]) for p in pages for x in p["sandboxes"] if x["attestation"]]
        raw = [statement.canonical(p) for p in pages]
        leaves = [hashlib.sha256(p).digest() for p in raw]
        head = {**body, "account": "a", "number": number, "version": 3 if correcting else 2, "lines": [],
                "attestations": {"count": len(hashes), "root": ledger.merkle_root(hashes).hex(), "unattested": 0},
                "pages": {"count": len(pages), "lines": len(everything), "root": ledger.merkle_root(leaves).hex()},
                "total": rating.decimals(sum(Fraction(x["amount"]) for x in everything), 18)}
        if correcting:
            head["corrects"] = [{**p["corrects"], "pool_s": 0} for p in correcting]
        return {"body": statement.canonical(head), "pages": [{"body": p, "proof": path(leaves, i)} for i, p in enumerate(raw)]}

    def found(self):
        return [*(w for s in self.statements for w in statement.check_pages(s)),
                *statement.check_corrections(self.statements)]

    def content(self):
        return list(statement.check_content(self.all, self.statements, 7))

    def test_a_correction_makes_the_period_right(self):
        self.assertEqual(self.found(), [])
        self.assertEqual(self.content(), [])
        uncorrected = [self.statements[0], self.signed(statement.expected(self.all, START + 60, 7), 2), self.statements[2]]
        self.statements = uncorrected
        self.assertNotEqual(self.content(), [])

    def test_one_second_more(self):
        line = self.page["lines"][0]
        line["qty"] = rating.decimals(Fraction(line["qty"]) + 1, 6)
        line["amount"] = rating.decimals(Fraction(line["qty"]) * Fraction(line["per_unit"]), 18)
        self.statements[1] = self.signed(statement.expected(self.all, START + 60, 7), 2, self.page)
        self.assertEqual(self.found(), [])
        self.assertNotEqual(self.content(), [])

    def test_more_than_was_stated_taken_back(self):
        line = self.page["lines"][0]
        line["qty"], line["amount"] = "-1000.000000", rating.decimals(-1000 * Fraction(line["per_unit"]), 18)
        self.statements[1] = self.signed(statement.expected(self.all, START + 60, 7), 2, self.page)
        self.assertTrue(any("takes back more" in w for w in self.found()))

    def test_the_same_correction_twice(self):
        self.statements[2] = self.signed(statement.expected(self.all, START + 120, 7), 3, self.page)
        self.assertNotEqual(self.content(), [])

    def test_another_number(self):
        self.page["corrects"] = {**self.page["corrects"], "number": 2}
        self.statements[1] = self.signed(statement.expected(self.all, START + 60, 7), 2, self.page)
        self.assertTrue(any("as statement 2, which is 1" in w for w in self.found()))


if __name__ == "__main__":
    unittest.main()
