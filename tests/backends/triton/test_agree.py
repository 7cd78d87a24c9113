"""Every op of the tile dialect means in numpy what its Triton source means under Triton's own interpreter."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from aic.backends.triton.emit import module
from aic.compiler.context import context
from aic.compiler.interpret import interpret
from aic.compiler.pipeline import run_pipeline
from aic.dialects._shape import dtype
from aic.dialects.tile.kernel import KernelOp
from aic.dialects.tile.view import ViewType
from xdsl.dialects.builtin import ModuleOp
from xdsl.parser import Parser

HERE = Path(__file__).parent
TOLERANCE = {"dots": 2e-3}
"""f16 products whose sums are rounded to f16 have 11 bits; all other kernels compute in f32."""
START = {"gather": {3: 0.0}}
"""What memory holds at first that a kernel updates."""


def kernels(passes: bool) -> tuple[ModuleOp, dict[str, KernelOp]]:
    ctx = context()
    found = Parser(ctx, (HERE / "agree.ir").read_text()).parse_module()
    found.verify()
    if passes:
        run_pipeline(ctx, found, "derive-masks", verify_each=True)
    return found, {op.sym_name.data: op for op in found.ops if isinstance(op, KernelOp)}


def arguments(op: KernelOp) -> list[np.ndarray]:
    """Inputs at random, outputs unwritten."""
    rng = np.random.default_rng(1)
    made: list[np.ndarray] = []
    for number, view in enumerate(op.views):
        assert isinstance(view.type, ViewType)
        shape, kind = tuple(e.value({}) for e in view.type.sizes), dtype(view.type.element)
        if view in op.written():
            made.append(np.full(shape, START.get(op.sym_name.data, {}).get(number, -77)).astype(kind))
        elif kind.kind == "i":
            made.append(rng.integers(-1, 10, shape).astype(kind))
        else:
            made.append(rng.standard_normal(shape).astype(kind))
    return made


def in_numpy(name: str, passes: bool) -> list[np.ndarray]:
    """The arguments after a launch; @main takes them as inputs and answers copies."""
    module, by_name = kernels(passes)
    op, given = by_name[name], arguments(by_name[name])
    types = [f"memref<{''.join(f'{n}x' for n in a.shape)}{element(op, i)}>" for i, a in enumerate(given)]
    names = [f"%a{i}" for i in range(len(types))]
    typed = [f"{n} : {t}" for n, t in zip(names, types, strict=True)]
    outputs = [f"{n}o : {t}" for n, t in zip(names, types, strict=True)]
    copies = [f'"memref.copy"({n}, {n}o) : ({t}, {t}) -> ()' for n, t in zip(names, types, strict=True)]
    launch = f"kernel.launch @{name}({', '.join(names)}) : ({', '.join(types)}) -> ()"
    text = f"func.func @main({', '.join([*typed, *outputs])}) {{ {launch} {' '.join(copies)} func.return }}"
    ctx = context()
    (main,) = Parser(ctx, text).parse_module().ops
    main.detach()
    module.body.block.add_op(main)
    return interpret(ctx, module, given)


def element(op: KernelOp, number: int) -> str:
    type = op.views[number].type
    assert isinstance(type, ViewType)
    return str(type.element)


@pytest.mark.parametrize("passes", [False, True], ids=["plain", "derived"])
@pytest.mark.parametrize("name", ["dots", "softmax", "zoo", "gather"])
def test_numpy_and_triton_agree(name: str, passes: bool, tmp_path: Path):
    pytest.importorskip("triton")
    op = kernels(passes)[1][name]
    (tmp_path / "source.py").write_text(module([op]))
    np.savez(tmp_path / "arrays.npz", *arguments(op))
    grid = [str(n) for n in op.programs({})]
    line = ["env", "TRITON_INTERPRET=1", sys.executable, str(HERE / "_run_source.py"), str(tmp_path), name, *grid]
    done = subprocess.run(line, capture_output=True, text=True, timeout=300)
    assert not done.returncode, done.stderr[-2000:]
    with np.load(tmp_path / "arrays.npz") as found:
        theirs = [found[key] for key in found.files]
    for number, (a, b) in enumerate(zip(in_numpy(name, passes), theirs, strict=True)):
        np.testing.assert_allclose(a, b, rtol=TOLERANCE.get(name, 1e-6), atol=1e-6, err_msg=f"argument {number}")


def test_the_kernels_compute_what_numpy_says():
    x, w, b, y = in_numpy("dots", False)
    exact = np.maximum(x.astype(np.float64) @ w.astype(np.float64) + b, 0)
    np.testing.assert_allclose(y, exact, rtol=2e-3, atol=2e-3)
    x, y = in_numpy("softmax", True)
    e = np.exp(x.astype(np.float64) - x.max(1, keepdims=True))
    np.testing.assert_allclose(y, e / e.sum(1, keepdims=True), rtol=1e-5)
    x, at, y, total = in_numpy("gather", True)
    exact = np.where(at[:, None] >= 0, x[at], 0)
    np.testing.assert_array_equal(y, exact)
    np.testing.assert_allclose(total, exact.sum(0), rtol=1e-5)
