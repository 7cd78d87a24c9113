"""Programs that several tests of the NPU use."""

from collections.abc import Callable

import pytest
from aic.backends.npu.program import Program

from . import example as programs


@pytest.fixture
def example() -> Callable[..., Program]:
    """`example(buffers=2, machine="edge")`: the program by hand."""
    return programs.example
