"""Random nests of loops over a few small arrays, as text, and what they compute."""

import numpy as np
from aic.compiler.context import context
from aic.compiler.interpret import interpret
from aic.compiler.pass_api import run_passes
from hypothesis import strategies as st
from xdsl.dialects.builtin import ModuleOp

SIDE = 14
"""Elements along each axis of the arrays: subscripts are a variable below 8 and a shift, from 0 to 13."""
ARRAYS = ("a", "b", "c")
TYPE = f"memref<{SIDE}x{SIDE}xf32>"


@st.composite
def programs(draw: st.DrawFn, most_nests: int = 2) -> str:
    """A function `main` of the arrays, which it answers."""
    lines = [f"  %c{n} = arith.constant {n} : index" for n in range(SIDE)]
    for nest in range(draw(st.integers(1, most_nests))):
        lines += _nest(draw, [], nest, draw(st.integers(1, 3)))
    arguments = ", ".join(f"%{name}: {TYPE}" for name in ARRAYS)
    results = ", ".join([TYPE] * len(ARRAYS))
    names = ", ".join(f"%{name}" for name in ARRAYS)
    head = f"func.func @main({arguments}) -> ({results}) {{"
    return "\n".join([head, *lines, f"  func.return {names} : {results}", "}"])


def _nest(draw: st.DrawFn, around: list[str], number: int, depth: int) -> list[str]:
    name = f"{'ijk'[len(around)]}{'abcd'[number]}"
    start = draw(st.sampled_from([0, 0, 0, 1, 2]))
    stop = draw(st.integers(max(0, start - 1), 6))
    step = draw(st.sampled_from([1, 1, 1, 2]))
    upper = f"%c{stop}"
    if around and draw(st.integers(0, 7)) == 0:
        upper = f"%{around[-1]}"
    inner = [*around, name]
    body = _nest(draw, inner, number, depth - 1) if depth > 1 else []
    writes = draw(st.sampled_from([0, 0, 0, 1])) if body else draw(st.integers(1, 3))
    rows = [line for w in range(writes) for line in _statement(draw, inner, f"{name}_{w}x")]
    body = [*rows, *body] if draw(st.booleans()) else [*body, *rows]
    pad = "  " * (len(around) + 1)
    head = f"{pad}scf.for %{name} = %c{start} to {upper} step %c{step} {{"
    return [head, *(f"  {line}" if depth == 1 or line in rows else line for line in body), f"{pad}}}"]


def _statement(draw: st.DrawFn, loops: list[str], name: str) -> list[str]:
    pad, lines, values = "  " * len(loops), [], []
    for i in range(draw(st.integers(1, 2))):
        array, made, subscripts = _subscripts(draw, loops, f"{name}r{i}")
        lines += [*made, f"%{name}v{i} = memref.load %{array}[{subscripts}] : {TYPE}"]
        values.append(f"%{name}v{i}")
    op = draw(st.sampled_from(["addf", "subf", "mulf", "maximumf"]))
    lines.append(f"%{name}s = arith.{op} {values[0]}, {values[-1]} : f32")
    array, made, subscripts = _subscripts(draw, loops, f"{name}w")
    return [pad + line for line in [*lines, *made, f"memref.store %{name}s, %{array}[{subscripts}] : {TYPE}"]]


def _subscripts(draw: st.DrawFn, loops: list[str], name: str) -> tuple[str, list[str], str]:
    made: list[str] = []
    found: list[str] = []
    for axis in range(2):
        loop, shift = draw(st.sampled_from([*loops, ""])), draw(st.integers(0, 2))
        if not loop or not shift:
            found.append(f"%{loop}" if loop else f"%c{shift}")
            continue
        made.append(f"%{name}{axis} = arith.addi %{loop}, %c{shift} : index")
        found.append(f"%{name}{axis}")
    return draw(st.sampled_from(ARRAYS)), made, ", ".join(found)


def module_of(text: str) -> ModuleOp:
    """The text, verified."""
    return run_passes(text, "")


def results(module: ModuleOp, seed: int = 0) -> list[np.ndarray]:
    """What `main` makes of small whole numbers."""
    main = next(iter(module.body.block.ops))
    random = np.random.default_rng(seed)
    shapes = [t.get_shape() for t in main.function_type.inputs.data]
    return interpret(context(), module, [random.integers(-2, 3, s).astype(np.float32) for s in shapes])
