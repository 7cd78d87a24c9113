"""Spaces of schedules in blocks: pruned by the machine's numbers, and none changes what a network computes."""

from random import Random

import numpy as np
import pytest
from aic.backends.triton.lower.schedule import Schedule, ScheduleError, parse_schedule
from aic.backends.triton.lower.space import BlockSpace, distance, weight
from aic.compiler.driver import Options, compile_model
from aic.compiler.frontends.onnx.model import load
from aic.compiler.tune.task import Task, tasks_of
from xdsl.utils.exceptions import PassFailedException

from ...compiler.networks import NETWORKS

SETTINGS = {"arch": "sm_90", "precision": "f16"}


def tasks(name: str, tmp_path) -> tuple[Task, ...]:
    import onnx

    onnx.save(NETWORKS[name]()[0], tmp_path / "net.onnx")
    return tasks_of(load(tmp_path / "net.onnx"), "triton", Options(settings=SETTINGS)).tasks


@pytest.mark.parametrize("name", ["inverted_residual", "transformer"])
def test_every_schedule_fits_the_machine(name: str, tmp_path):
    found = tasks(name, tmp_path)
    assert found and len({task.signature for task in found}) == len(found)
    for task in found:
        space = task.space
        assert isinstance(space, BlockSpace)
        every = list(space.all())
        assert len(every) == len(set(every)) == space.size > 1
        for one in every:
            assert weight(one)[0] <= 256 * 32 and 2 * weight(one)[1] <= space.gpu.shared
            assert space.parsed(space.text(one)) == one
        assert space.parsed("BM=3") is None and space.parsed("BZ=4") is None


def test_offspring_stays_within_the_space_and_lighter_ones_hold_less(tmp_path):
    for task in tasks("transformer", tmp_path):
        space, random = task.space, Random(0)
        assert isinstance(space, BlockSpace)
        one, other = space.random(random), space.random(random)
        assert space.crossed(one, other, random) in space.schedules
        assert space.mutated(one, random) in space.schedules
        default = space.schedules[0]
        lighter = list(space.lighter(default))
        assert all(weight(s)[0] < weight(default)[0] for s in lighter)
        costs = [space.features(s).cost for s in lighter]
        assert costs == sorted(costs) and all(cost > 0 for cost in costs)
        assert all(distance(s, default) for s in lighter)


@pytest.mark.parametrize("name", ["inverted_residual", "transformer"])
def test_random_schedules_keep_the_numbers(name: str, tmp_path):
    model, inputs = NETWORKS[name]()
    random = Random(name)
    schedules = {t.signature: t.space.text(t.space.random(random)) for t in tasks(name, tmp_path)}
    plain, other = (
        compile_model(model, "triton", options=Options(settings=SETTINGS, kinds=("py",), schedules=told))
        for told in ({}, schedules)
    )
    assert str(other.manifest["pipeline"]).count("@") == len(schedules)
    for one, two in zip(plain.load()([*inputs.values()]), other.load()([*inputs.values()]), strict=True):
        np.testing.assert_allclose(one, two, rtol=0, atol=4e-3 * max(1.0, float(np.abs(one).max())))


def test_a_schedule_of_another_form_is_refused(tmp_path):
    schedules = {task.signature: "BX=64,warps=4" for task in tasks("inverted_residual", tmp_path)}
    with pytest.raises(PassFailedException, match="expected BK, BM, BN, group, stages, warps, found BX=64"):
        compile_model(
            NETWORKS["inverted_residual"]()[0], "triton", options=Options(settings=SETTINGS, schedules=schedules)
        )


def test_texts_of_schedules():
    one = Schedule(BM=64, BN=128, BK=32, group=8, warps=8, stages=3)
    assert one.text == "BM=64,BN=128,BK=32,group=8,warps=8,stages=3"
    assert parse_schedule(one.text) == one
    for bad in ("", "BM", "BM=x", "BM=48", "BM=64,BM=64", "BZ=4", "0:vector=1"):
        with pytest.raises(ScheduleError):
            parse_schedule(bad)
