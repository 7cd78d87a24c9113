"""The choice among plans: each different one is carried out and measured, and no other."""

import pytest
from aic.backends.npu.lower import best
from aic.backends.npu.machine import Machine, machine_from
from aic.backends.npu.plan.plan import Plan

from ..plan.nets import random_network


def measured(machine: str, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Signatures of the plans whose programs were simulated."""
    seen: list[object] = []
    plain = best.cycles_of

    def noted(plan: Plan, on: Machine) -> int:
        seen.append(plan.signature)
        return plain(plan, on)

    monkeypatch.setattr(best, "cycles_of", noted)
    best.lower_network(random_network(3), machine_from(machine))
    return seen


def test_a_plan_that_every_budget_gives_is_measured_once(monkeypatch: pytest.MonkeyPatch):
    assert len(measured("edge", monkeypatch)) == 1


def test_different_plans_are_all_measured(monkeypatch: pytest.MonkeyPatch):
    seen = measured("edge,spad.bytes=8192", monkeypatch)
    assert len(seen) == len(set(seen)) > 1
