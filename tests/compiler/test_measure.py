"""What a sample's spread is, and that calls run in turns for as long as was asked."""

import gc
import time

from aic.compiler.measure import Effort, machine, measure, ratios, spread_of


def test_the_spread_of_known_samples():
    found = spread_of([float(i) for i in range(100, 0, -1)], (0, 25, 99.5))
    assert (found.count, found.median, found.mean, found.minimum, found.maximum) == (100, 50.5, 50.5, 1, 100)
    assert found.interval == (41, 61)  # the order statistics of rank 40 and 60, counted from 0
    assert list(found.percentiles) == ["0", "25", "99.5"] and found.percentiles["25"] == 25.75


def test_the_spread_of_few_samples():
    assert spread_of([2.0]).interval == (2.0, 2.0) and spread_of([2.0]).stdev == 0.0
    assert spread_of([1.0, 3.0]).interval == (1.0, 3.0)


def test_calls_run_in_turns():
    order: list[str] = []
    times = measure([lambda: order.append("a"), lambda: order.append("b")], Effort(warmup=2, repeat=3, min_time=0))
    assert order == ["a", "b"] * 5 and [len(t) for t in times] == [3, 3]
    assert gc.isenabled()


def test_short_calls_run_until_the_time_is_over():
    (times,) = measure([lambda: time.sleep(0.001)], Effort(warmup=0, repeat=1, min_time=0.02))
    assert 0.02 <= sum(times) < 1 and len(times) > 1


def test_ratios_are_taken_round_by_round():
    assert ratios([1.0, 4.0], [2.0, 8.0]) == [0.5, 0.5]


def test_the_machine_has_a_name():
    found = machine()
    assert found["cpu"] and int(found["cores"]) >= 1
