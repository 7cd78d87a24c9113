"""Stall classes: every cycle of the array is in one of them, whatever the program and the machine."""

import numpy as np
import pytest
from aic.backends.npu.machine import machine_from
from aic.backends.npu.report.report import report_of
from aic.backends.npu.report.stalls import CLASSES
from aic.backends.npu.sim.event import timeline

from .test_timing import random_program

MACHINES = ("edge", "edge,seq.queue_depth=2", "edge,dram.latency=1000", "edge,array.weight_double_buffer=false")


@pytest.mark.parametrize("machine", MACHINES)
def test_the_classes_of_random_programs_add_up(machine: str):
    for seed in range(30):
        program = random_program(np.random.default_rng(seed), 80)
        program.machine = machine_from(machine)
        ran = timeline(program)
        found = report_of(program, ran)
        assert tuple(found.stalls) == tuple(CLASSES) and min(found.stalls.values()) >= 0
        assert sum(found.stalls.values()) == ran.cycles
        shares = found.document()["stalls"]["percent"]
        assert sum(shares.values()) == pytest.approx(100)
        layers = [sum(row.stalls.values()) for row in found.layers]
        assert sum(layers) <= ran.cycles and sum(row.cycles for row in found.layers) == ran.cycles
