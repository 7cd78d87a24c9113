"""Event simulation: the example of the specification, its rules one by one."""

from collections.abc import Callable

import pytest
from aic.backends.npu.program import Program
from aic.backends.npu.sim.event import TimingError, timeline

Example = Callable[..., Program]


def test_the_example_takes_3350_cycles(example: Example):
    found = timeline(program := example())
    assert found.cycles == 3350
    named = [(i.name, *t) for i, t in zip(program.text, found.times, strict=True)]
    assert named[:8] == [
        ("ld.w", 0, 637, 737),
        ("ld.p", 637, 697, 797),
        ("sync", 737, 737, 737),
        ("sync", 797, 797, 797),
        ("ld.a", 4, 644, 744),
        ("mm", 776, 1288, 1350),
        ("v.rq", 1350, 1382, 1390),
        ("st", 1390, 1711, 1811),
    ]
    assert named[8:10] == [("ld.a", 644, 991, 1091), ("mm", 1288, 1800, 1862)]
    assert named[-2:] == [("st", 3089, 3250, 3350), ("halt", 3350, 3350, 3350)]


def test_with_single_buffers_it_takes_5212(example: Example):
    assert timeline(example(1)).cycles == 5212


def test_what_came_last_is_known(example: Example):
    found = timeline(program := example())
    mm = [i for i, ins in enumerate(program.text) if ins.name == "mm"]
    assert found.last[mm[0]] == (744, 1)  # the activations
    assert found.last[mm[2]] == (1931, 1)  # activations again: stores share the port


def test_flows_never_exceed_their_port(example: Example):
    found = timeline(example())
    assert all(sum(rates) <= 25.6 + 1e-9 for _, rates in found.dram)
    times = [time for time, _ in found.dram]
    assert times == sorted(times)
    moved = sum((b - a) * sum(rates) for (a, rates), (b, _) in zip(found.dram, found.dram[1:], strict=False))
    assert moved == pytest.approx(32768 + 8192 + 768 + 16384)


def test_a_program_that_stops_names_who_waits(example: Example):
    program = example()
    program.text[0].signals = ()
    with pytest.raises(TimingError, match=r"2 \(sync\)"):
        timeline(program)


def test_a_shallow_queue_holds_back_the_dispatcher(example: Example):
    assert timeline(example(machine="edge,seq.queue_depth=2")).cycles >= timeline(example()).cycles
