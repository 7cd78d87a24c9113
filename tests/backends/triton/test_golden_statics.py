"""What kernels of real sizes compile to stays within bands: registers, spills, shared memory, tensor cores, accesses.

`statics.json` has each kernel's schedule with it, so that only another lowering shows, not another choice. After a
change that is meant, `python -m tests.backends.triton.test_golden_statics` from the repository's root writes it anew.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import onnx
import pytest
from aic.backends.triton.compile import Binary, Failure, compile_by, uncached, workers
from aic.backends.triton.kernel import Kernel
from aic.backends.triton.lower.schedule import parse_schedule
from aic.backends.triton.machine import gpu
from aic.backends.triton.rig import ModelRig
from aic.backends.triton.statics import Statics
from aic.compiler.driver import Options
from aic.compiler.frontends.onnx.model import load
from aic.compiler.tune.task import tasks_of

from ._blocks import BLOCKS

GOLDEN = Path(__file__).parent / "statics.json"
SETTINGS = {"arch": "sm_90", "precision": "f16"}
RELEASE = "3.6.0"
REGISTERS, SHARED, TENSOR = 1.3, 1.1, 2.0
"""How many times the registers, bytes of shared memory and instructions of the tensor cores may differ."""


def kernels(schedules: dict[str, str]) -> Iterator[tuple[str, str, Kernel]]:
    """Name, schedule and kernels of the blocks; those whose schedule is not told have the default."""
    rig = ModelRig(gpu(SETTINGS), 1)
    for block, build in BLOCKS.items():
        with TemporaryDirectory() as folder:
            onnx.save(build(), f"{folder}/block.onnx")
            tasks = tasks_of(load(f"{folder}/block.onnx"), "triton", Options(settings=SETTINGS))
        for task in tasks.tasks:
            text = schedules.get(f"{block}/{task.name}", task.space.text(next(task.space.all())))
            for made, _ in rig.trial(tasks.lowered(task, parse_schedule(text)), task.name).launches:
                yield f"{block}/{made.name}", text, made


def statics(found: list[Kernel]) -> dict[tuple[int, str], Statics]:
    """What each is like on sm_90, those of products on sm_80 too."""
    wanted = [(i, arch) for i, k in enumerate(found) for arch in (("sm_80", "sm_90") if k.dots else ("sm_90",))]
    with TemporaryDirectory() as folder, workers(2, 60.0) as pool:
        made = compile_by(pool, [(found[i], arch) for i, arch in wanted], uncached(Path(folder)))
    refused = [
        f"{found[i].name} ({arch}): {b}" for (i, arch), b in zip(wanted, made, strict=True) if isinstance(b, Failure)
    ]
    assert not refused, refused
    return {place: b.statics for place, b in zip(wanted, made, strict=True) if isinstance(b, Binary)}


def golden() -> dict[str, dict[str, object]]:
    """As the file has it."""
    told = json.loads(GOLDEN.read_text()) if GOLDEN.is_file() else {}
    found = list(kernels({name: entry["schedule"] for name, entry in told.items()}))
    like = statics([made for *_, made in found])
    rows: dict[str, dict[str, object]] = {}
    for i, (name, schedule, _) in enumerate(found):
        of = {arch: s for (n, arch), s in like.items() if n == i}
        rows[name] = {"schedule": schedule} | {arch: brief(s) for arch, s in sorted(of.items())}
    return rows


def brief(like: Statics) -> dict[str, object]:
    """What is held."""
    counts = {"count": like.counts[like.tensor]} if like.tensor else {}
    told = {"registers": like.registers, "spilled": like.spilled, "shared": like.shared, "wide": like.is_wide}
    return told | {"tensor": like.tensor} | counts


def near(found: int, wanted: int, times: float, least: int = 8) -> bool:
    """Whether two numbers differ by no more than so many times, or by little."""
    return abs(found - wanted) <= least or wanted / times <= found <= wanted * times


def test_kernels_are_as_good_as_they_were():
    triton = pytest.importorskip("triton")
    if triton.__version__ != RELEASE:
        pytest.skip(f"the numbers are those of triton {RELEASE}")
    wanted, found = json.loads(GOLDEN.read_text()), golden()
    assert found.keys() == wanted.keys()
    worse: list[str] = []
    for name, entry in found.items():
        for arch in entry.keys() - {"schedule"}:
            one, other = entry[arch], wanted[name][arch]
            good = one["spilled"] <= other["spilled"] and one["tensor"] == other["tensor"]
            good &= one["wide"] >= other["wide"] and near(one["registers"], other["registers"], REGISTERS)
            good &= near(one["shared"], other["shared"], SHARED, 1024)
            good &= near(one.get("count", 0), other.get("count", 0), TENSOR)
            worse += [] if good else [f"{name} ({arch}): {other} before, now {one}"]
    assert not worse, "\n".join(worse)


def test_products_use_tensor_cores_and_nothing_spills():
    wanted = json.loads(GOLDEN.read_text())
    every = [entry[arch] for entry in wanted.values() for arch in entry.keys() - {"schedule"}]
    assert len(every) <= 30 and all(one["spilled"] <= 32 for one in every)
    assert {one["tensor"] for one in every} == {"", "mma", "wgmma"}


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(golden(), indent=2) + "\n")
