"""The roofline of a CPU: as its description has it, or measured by a C program."""

import pytest
from aic.backends.c.machine import Cpu
from aic.backends.c.speed import speeds
from aic.backends.target import Speeds, TargetError


def test_what_is_given_is_not_measured():
    assert speeds(Cpu(gflops=100, bandwidth=10), "no-such-compiler") == Speeds(100e9, 10e9, measured=False)
    assert Speeds(100e9, 10e9, measured=False).ridge == 10


def test_what_is_measured_is_a_number():
    found = speeds(Cpu(bandwidth=10), "")
    assert found.measured and found.flops > 1e8 and found.bandwidth == 10e9


def test_a_missing_compiler_is_told():
    with pytest.raises(TargetError, match="no-such-compiler"):
        speeds(Cpu(), "no-such-compiler")
