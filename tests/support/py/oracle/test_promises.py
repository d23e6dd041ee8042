"""Each rule of promises.md section 4 that the oracle has, by its name. The same names stand in the product's own test,
tests/unit/metering/rules/promises_test.c; neither knows the other's code."""

import random
import unittest
from fractions import Fraction

import ledger
import rating
import wire
from wire import DISK_UNKNOWN, HIB, RUN

GIB = 64  # grains


def lived(group, vcpus, mem_mib, run, hib, grains=DISK_UNKNOWN):
    states = [RUN] * run + [HIB] * hib
    lines = rating.resource_lines(states, [grains] * (len(states) // 60 + 1), vcpus, mem_mib, rating.PRICES[group])
    return {line.sku: line for line in lines}


def cost(lines):
    return sum((line.amount for line in lines.values()), Fraction(0))


class Golden(unittest.TestCase):
    def money(self, value, promised):
        self.assertEqual(rating.decimals(value, len(promised.partition(".")[2])), promised)

    def test_golden_2_vcpus_4_gib_3600_s(self):
        self.money(cost(lived("mainland", 2, 4096, 3600, 0)), "0.31219200")
        self.money(cost(lived("other", 2, 4096, 3600, 0)), "0.49262400")

    def test_golden_1_vcpu_2_gib_47_s(self):
        self.money(cost(lived("mainland", 1, 2048, 47, 0)), "0.00203792")

    def test_golden_35_gib_running(self):
        self.assertEqual(lived("mainland", 1, 1024, 3600, 0, 35 * GIB)["disk-run-over-30"].qty, 18_000)

    def test_golden_20_gib_hibernated(self):
        lines = lived("mainland", 8, 16384, 0, 3600, 20 * GIB)
        self.assertEqual({sku: line.qty for sku, line in lines.items()}, {"disk-hib": 72_000})

    def test_golden_31_gib_runs_then_sleeps(self):
        lines = lived("mainland", 1, 1024, 1000, 2600, 31 * GIB)
        self.assertEqual((lines["disk-run-over-30"].qty, lines["disk-hib"].qty), (1000, 80_600))
        self.money(lines["vcpu-run"].amount + lines["mem-run"].amount, "0.03253")
        self.money(cost(lines), "0.05701")

    def test_golden_pro_60059_and_60060_pooled_seconds(self):
        self.money(rating.minutes_charged(0, 60_059, 60_000, rating.PRO_MINUTE), "0.000")
        self.money(rating.minutes_charged(0, 60_060, 60_000, rating.PRO_MINUTE), "0.005")

    def test_golden_free_6000_pooled_seconds(self):
        # At any price the 6,000 seconds are within the allowance; the one after them fills no minute.
        self.money(rating.minutes_charged(0, 6_000, rating.FREE_INCLUDED_S, Fraction(1)), "0.000")
        self.money(rating.minutes_charged(0, 6_001, rating.FREE_INCLUDED_S, Fraction(1)), "0.000")

    def test_golden_1000_short_lives(self):
        dice = random.Random(1)
        for _ in range(1000):
            start_us, life_us = dice.randrange(10**6), dice.randrange(50_000, 900_001)
            touched = (start_us + life_us - 1) // 10**6 + 1
            self.assertIn(touched, (1, 2))
            self.assertEqual(lived("other", 1, 256, touched, 0)["vcpu-run"].seconds, touched)


class Rules(unittest.TestCase):
    def test_the_label_is_not_what_is_charged(self):
        self.assertEqual(lived("other", 1, 1024, 3600, 0)["vcpu-run"].amount, Fraction("0.12312"))
        self.assertNotEqual(Fraction("0.12312"), Fraction("0.1232"))

    def test_the_printed_formula(self):
        for vcpus, mem_mib in rating.SPECS[1]:
            for group, prices in rating.PRICES.items():
                for seconds in (1, 59, 3600):
                    self.assertEqual(cost(lived(group, vcpus, mem_mib, seconds, 0, 30 * GIB)),
                                     (vcpus * prices["vcpu-run"] + Fraction(mem_mib, 1024) * prices["mem-run"]) * seconds)

    def test_running_the_first_30_gib_are_free(self):
        self.assertNotIn("disk-run-over-30", lived("mainland", 1, 256, 60, 0, 30 * GIB))
        self.assertEqual(lived("mainland", 1, 256, 60, 0, 30 * GIB + 1)["disk-run-over-30"].qty, Fraction(60, 64))

    def test_hibernated_all_storage_is_charged(self):
        self.assertEqual(lived("mainland", 4, 8192, 0, 60, 31 * GIB)["disk-hib"].qty, 31 * 60)

    def test_disk_is_charged_by_16_mib(self):
        for grains in range(1, 65):
            rating.decimals(lived("mainland", 1, 256, 0, 1, grains)["disk-hib"].qty, 6)

    def test_the_image_of_a_sleeper_costs_nothing(self):
        self.assertEqual(cost(lived("other", 1, 256, 0, 3600, 5 * GIB)), cost(lived("other", 8, 16384, 0, 3600, 5 * GIB)))

    def test_fifty_milliseconds_bill_one_second(self):
        self.assertEqual(cost(lived("mainland", 1, 1024, 1, 0)), Fraction("0.00003253"))

    def test_what_never_ran_bills_nothing(self):
        self.assertEqual(rating.resource_lines([0] * 3600, [200 * GIB] * 60, 8, 16384, rating.PRICES["other"]), [])

    def test_an_unanswered_wake_bills_what_it_ran(self):
        states = [HIB] * 600 + [RUN] * 5 + [HIB] * 2995
        lines = rating.resource_lines(states, [GIB] * 60, 1, 1024, rating.PRICES["mainland"])
        self.assertEqual({line.sku: line.seconds for line in lines}, {"disk-hib": 3595, "mem-run": 5, "vcpu-run": 5})

    def test_a_second_in_which_it_ran_at_all(self):
        """Whatever order they come in, RUN wins over HIB; and the highest epoch has the second."""
        box = "i" + "0" * 20
        for samples in ([(1, HIB), (1, RUN)], [(1, RUN), (1, HIB)]):
            book = ledger.Ledger([], [], {}, 60)
            for epoch, state in samples:
                book._merge(30, wire.Sample(box, epoch, 7, 1, 1, state, 1, 1, GIB))  # pylint: disable=protected-access
            self.assertEqual(list(book.evidence.values())[0].states[30], RUN)
        book = ledger.Ledger([], [], {}, 60)
        for epoch in (2, 1, 3, 2):
            book._merge(30, wire.Sample(box, epoch, 7, 1, 1, RUN, 1, 1, GIB))  # pylint: disable=protected-access
        self.assertEqual(book.highest[box, 30], 3)

    def test_the_last_unfinished_minute_is_never_charged(self):
        charged = [rating.minutes_charged(0, s, 0, rating.PRO_MINUTE) for s in (59, 60, 119, 120)]
        self.assertEqual(charged, [0, Fraction("0.005"), Fraction("0.005"), Fraction("0.01")])

    def test_the_minutes_belong_to_the_account(self):
        self.assertEqual(sum(rating.minutes_charged(s, s + 1, 0, rating.PRO_MINUTE) for s in range(60)), Fraction("0.005"))

    def test_late_data_across_the_allowance(self):
        def month(seconds):
            return rating.minutes_charged(0, seconds, 60_000, rating.PRO_MINUTE)
        self.assertEqual(month(59_990 + 130) - month(59_990), Fraction("0.01"))


class Contracts(unittest.TestCase):
    TIERS = [rating.Tier(Fraction(0), Fraction("0.0000217")), rating.Tier(Fraction(1000), Fraction("0.00001")),
             rating.Tier(Fraction(5000), Fraction("0.00002"))]

    def test_discounts_are_exact_or_refused(self):
        self.assertEqual(rating.discounted(Fraction("0.0000217"), 1500), Fraction("0.000018445"))
        self.assertEqual(rating.discounted(Fraction("0.005"), 10_000), 0)
        for price, points in (("0.000000000001", 5000), ("0.00000108301", 3333), ("0.005", 10_001), ("0.005", -1)):
            with self.assertRaises(ValueError):
                rating.discounted(Fraction(price), points)

    def test_graduated_tiers_price_each_unit(self):
        got = [rating.month_in_tiers("graduated", self.TIERS[:2], Fraction(n)) for n in (999, 1000, 1001)]
        self.assertEqual(got, [Fraction("0.0216783"), Fraction("0.0217"), Fraction("0.02171")])

    def test_volume_tiers_price_the_month(self):
        got = [rating.month_in_tiers("volume", self.TIERS[:2], Fraction(n)) for n in (999, 1000, 1001)]
        self.assertEqual(got, [Fraction("0.0216783"), Fraction("0.01"), Fraction("0.01001")])

    def test_a_month_comes_to_the_same_however_it_is_cut(self):
        dice = random.Random(2)
        for mode in ("graduated", "volume"):
            for _ in range(300):
                at, total = Fraction(0), Fraction(0)
                for _ in range(9):
                    more = Fraction(dice.randrange(0, 100_000_000), 10**5)
                    total += sum(qty * self.TIERS[i].per_unit
                                 for i, qty in rating.lines_in_tiers(mode, self.TIERS, at, at + more))
                    at += more
                self.assertEqual(total, rating.month_in_tiers(mode, self.TIERS, at))

    def test_a_commitment_is_paid_in_full(self):
        self.assertEqual(rating.commitment_due(Fraction(100), Fraction("99.5")), Fraction("0.5"))
        self.assertEqual(rating.commitment_due(Fraction(100), Fraction("100.5")), 0)


if __name__ == "__main__":
    unittest.main()
