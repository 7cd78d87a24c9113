"""Kernels that spill or do not fit get another schedule, once; it is told of, and what is better as it was stays."""

import onnx
import pytest
from aic.backends.triton import rig as rigs
from aic.backends.triton import target
from aic.backends.triton.easing import TRIED
from aic.backends.triton.kernel import Kernel
from aic.compiler.driver import Options, compile_model
from aic.compiler.frontends.onnx.model import load
from aic.compiler.tune.task import tasks_of
from aic.dialects._report import Report, collecting
from onnx import TensorProto, helper

from ._statics import compiler

SETTINGS = {"arch": "sm_90", "precision": "f16"}


@pytest.fixture
def model(tmp_path):
    """A product, and its softmax."""
    nodes = [helper.make_node("MatMul", ["x", "w"], ["a"]), helper.make_node("Softmax", ["a"], ["y"], axis=-1)]
    sizes = {"x": (256, 512), "w": (512, 384), "y": (256, 384)}
    ports = {name: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in sizes.items()}
    graph = helper.make_graph(nodes, "net", [ports["x"], ports["w"]], [ports["y"]])
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), tmp_path / "net.onnx"
    )
    return load(tmp_path / "net.onnx")


def made(model, monkeypatch, spilled, **options) -> tuple[str, Report]:
    """The passes' text and the remarks of a compilation, up to the binaries, which are made up."""
    monkeypatch.setattr(rigs.ModelRig, "compiled", compiler(spilled))
    monkeypatch.setattr(target, "library", lambda *_: {"library": None})
    with collecting(Report()) as report:
        found = compile_model(
            model, "triton", options=Options(**{"settings": SETTINGS, "kinds": ("py", "c"), **options})
        )
    return found.manifest["pipeline"]["hardware"], report


def default(model) -> str:
    """The product's schedule, and what it is known by."""
    task = next(
        t for t in tasks_of(model, "triton", Options(settings=SETTINGS)).tasks if "BM" in str(next(t.space.all()))
    )
    return f"{task.signature}@{task.space.text(next(task.space.all()))}"


def told(report: Report) -> list[str]:
    return [r.text for r in report.remarks(lambda name: name == "ease-schedules")]


def test_nothing_happens_to_what_fits(model, monkeypatch):
    passes, report = made(model, monkeypatch, lambda _: 32)
    assert "@" not in passes and not told(report)


def test_a_product_that_spills_gets_smaller_blocks(model, monkeypatch):
    signature, _, schedule = default(model).partition("@")
    (bm, bn) = (int(part.partition("=")[2]) for part in schedule.split(",")[:2])

    def spilled(kernel: Kernel) -> int:
        return 4096 * (kernel.schedule.get("BM", 0) * kernel.schedule.get("BN", 0) >= bm * bn)

    passes, report = made(model, monkeypatch, spilled)
    assert passes.count("@") == 1 and f"{signature}@BM=" in passes and schedule not in passes
    (text,) = told(report)
    assert "4096 bytes a thread spilled (sm_80); 4096 bytes a thread spilled (sm_90)" in text and "instead" in text
    known = {signature: schedule}
    assert schedule in made(model, monkeypatch, spilled, schedules=known)[0]  # a tuner knows better


def test_a_kernel_that_cannot_be_compiled_gets_another_schedule(model, monkeypatch):
    schedule = default(model).partition("@")[2]
    first = [f"{k}={v}" for k, v in (part.split("=") for part in schedule.split(","))]

    def spilled(kernel: Kernel) -> int:
        return -1 if all(f"{k}={v}" in first for k, v in kernel.schedule.items()) else 0

    passes, report = made(model, monkeypatch, spilled)
    assert "@BM=" in passes and "took longer than 60 s" in told(report)[0]


def test_where_all_spill_the_best_of_a_few_is_kept(model, monkeypatch):
    tried: list[str] = []

    def spilled(kernel: Kernel) -> int:
        tried.append(",".join(f"{k}={v}" for k, v in kernel.schedule.items()))
        return 0 if "BM" not in kernel.schedule else 100 if tried[-1] == tried[0] else 9999

    passes, report = made(model, monkeypatch, spilled)
    assert "@" not in passes and f"of {TRIED} others none is better" in told(report)[0]
    assert len(tried) <= 2 * (4 + TRIED)
