"""One thread while the simulator computes, as many as before afterwards."""

import pytest
from aic.backends.npu.sim.blas import one_thread, threads

from .example import example


def test_threads_come_back():
    before = threads()
    with pytest.raises(KeyError), one_thread():
        assert threads() == min(before, 1)
        raise KeyError
    assert threads() == before


def test_the_simulator_uses_one(monkeypatch: pytest.MonkeyPatch):
    from aic.backends.npu.sim.functional import Functional

    seen: list[int] = []
    monkeypatch.setattr(Functional, "step", lambda sim, number: seen.append(threads()))
    Functional(program := example()).run()
    assert seen == [min(threads(), 1)] * len(program.text)
