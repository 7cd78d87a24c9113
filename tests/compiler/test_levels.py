"""Optimisation levels: every one computes the same, -O2 twice is -O2, no optional pass is needed for the numbers."""

import shutil
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from aic.compiler.driver import Options, Plan, compile_model, lower, plan
from aic.compiler.interpret import interpret
from aic.compiler.pipeline import Observer, run_pipeline
from aic.compiler.targets import SIZE, target_named
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from .networks import NETWORKS, Arrays
from .test_networks import expect_equal, expected

NEEDED = {
    "lower-graph-to-tensor",
    "fuse-kernels",
    "assign-layout",
    "bufferize",
    "lower-kernel-to-loop",
    "plan-memory",
}
"""Passes that are steps from one level of IR to the next; all others are optional."""
LEVELS = (0, 1, 2, 3, SIZE)
OPTIONAL = sorted({s.name for level in (2, SIZE) for p in plan("c", Options(level=level)).values() for s in p} - NEEDED)
COMPILED = ("lstm", "upsample")


def at_tensor_level(name: str, options: Options) -> tuple[Sequence[np.ndarray], Sequence[np.ndarray], Arrays]:
    """What the IR of the tensor level computes, and what onnxruntime does."""
    model, inputs = NETWORKS[name]()
    lowered = lower(model, "c", options, until="tensor")
    return interpret(lowered.ctx, lowered.module, inputs), expected(model, inputs), inputs


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("level", [0, 3, SIZE])
def test_every_level_computes_the_same(name: str, level: int):
    found, wanted, _ = at_tensor_level(name, Options(level=level))
    expect_equal(name, list(found), list(wanted))


@pytest.mark.parametrize("name", NETWORKS)
def test_the_graph_passes_twice_are_the_graph_passes(name: str):
    lowered = lower(NETWORKS[name]()[0], "c", Options(), until="graph")
    once = str(lowered.module)
    run_pipeline(lowered.ctx, lowered.module, plan("c", Options(), until="graph")["graph"])
    assert str(lowered.module) == once


def without(step: str) -> Options:
    """-O2 but for one pass."""

    def edit(steps: Plan) -> Plan:
        return {level: tuple(s for s in found if s.name != step) for level, found in steps.items()}

    return Options(edit=edit)


class Changing(Observer):
    """The passes that change a module."""

    def __init__(self) -> None:
        self.text, self.names = "", set[str]()

    def after(self, index: int, step: ModulePass, module: ModuleOp) -> None:
        if (text := str(module)) != self.text:
            self.names.add(step.name)
        self.text = text


@pytest.mark.parametrize("name", NETWORKS)
def test_no_optional_pass_is_needed(name: str):
    """Without one that changes nothing the module is what it is with it."""
    changing = Changing()
    lower(NETWORKS[name]()[0], "c", Options(observers=(changing,)), until="tensor")
    for step in changing.names.intersection(OPTIONAL):
        found, wanted, _ = at_tensor_level(name, without(step))
        expect_equal(name, list(found), list(wanted))


BELOW = [name for name in OPTIONAL if name in {s.name for s in plan("c", Options())["loop"]} | {"choose-schedule"}]
"""Optional passes that change nothing above the loops."""


@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
@pytest.mark.parametrize(
    ("name", "options"),
    [*((n, Options(level=level)) for n in COMPILED for level in (0, 3, SIZE)), *(("lstm", without(b)) for b in BELOW)],
)
def test_the_c_of_every_level_computes_the_same(name: str, options: Options):
    model, inputs = NETWORKS[name]()
    made = compile_model(model, "c", options=replace(options, cflags=("-O0",)))
    expect_equal(name, made.load()(list(inputs.values())), expected(model, inputs))


@pytest.mark.parametrize("target", ["c", "npu"])
@pytest.mark.parametrize("level", LEVELS)
def test_stages_make_up_the_pipeline(target: str, level: int):
    chosen = target_named(target)
    machine = chosen.machine({})
    stages = chosen.stages(machine, level)
    assert all(set(parts) <= {"pre", "main", "post"} for parts in stages.values())
    texts = {ir: ",".join(filter(None, parts.values())) for ir, parts in stages.items()}
    assert texts == chosen.pipeline(machine, level)


@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
def test_small_code_is_smaller():
    model, _ = NETWORKS["transformer"]()
    made = [compile_model(model, "c", options=Options(level=level, kinds=("so",))) for level in (2, SIZE)]
    large, small = [(found.folder / "model.so").stat().st_size for found in made]
    assert small < large
