"""Modules of one model for several sizes, made to share: kernels, and weights, that are equal have one name.

    N = 1:  tile.kernel @k0 .. [768]     graph.weight @w0 : tensor<64x32xf32>
    N = 4:  tile.kernel @k0 .. [3072]    graph.weight @w0 : tensor<64x32xf32>       @ids : tensor<4x64xi64>
-->
    N = 4:  tile.kernel @k0_1 .. [3072]  the same @w0                               @ids_1, if N = 1 has another @ids
"""

from collections.abc import Sequence
from io import StringIO

from xdsl.dialects.builtin import ModuleOp, StringAttr, SymbolRefAttr
from xdsl.printer import Printer

from ...dialects.graph.weight import WeightOp, WeightStore
from ...dialects.kernel import LaunchOp
from ...dialects.tile.kernel import KernelOp
from ..target import Sized


def share(parts: Sequence[Sized]) -> WeightStore:
    """Rename what is called the same and is not; answers the weights of all parts."""
    if len(parts) == 1:
        return parts[0].ctx.weights
    known: dict[str, str] = {}
    weights = WeightStore()
    for part in parts:
        share_kernels(part.module, known)
        _share_weights(part.module, part.ctx.weights, weights)
    return weights


def share_kernels(module: ModuleOp, known: dict[str, str]) -> dict[str, str]:
    """Rename kernels that have the name of another one; `known`: the text of a kernel, without its name, by its name.
    Answers the new names by the old ones."""
    names: dict[str, str] = {}
    for op in [op for op in module.ops if isinstance(op, KernelOp)]:
        text = _nameless(op)
        stem = op.sym_name.data
        names[stem] = name = next(n for n in _candidates(stem) if known.get(n, text) == text)
        known[name] = text
        op.sym_name = StringAttr(name)
    for launch in [op for op in module.walk() if isinstance(op, LaunchOp)]:
        launch.callee = SymbolRefAttr(names.get(launch.kernel, launch.kernel))
    return names


def _nameless(op: KernelOp) -> str:
    text = StringIO()
    Printer(stream=text, print_debuginfo=False).print_op(op)
    return text.getvalue().replace(f"@{op.sym_name.data}", "@", 1)


def _share_weights(module: ModuleOp, own: WeightStore, all: WeightStore) -> None:
    names: dict[str, str] = {}
    for op in [op for op in module.walk() if isinstance(op, WeightOp)]:
        if (stem := op.weight) not in names:
            same = (n for n in _candidates(stem) if n not in all or _equal(all, n, own, stem))
            names[stem] = name = next(same)
            if name not in all:
                all.add(name, own.recipe(stem))
        op.ref = SymbolRefAttr(names[stem])


def _equal(all: WeightStore, name: str, own: WeightStore, stem: str) -> bool:
    one, other = all[name], own[stem]
    return (one.dtype, one.shape) == (other.dtype, other.shape) and all.digest(name) == own.digest(stem)


def _candidates(stem: str):
    yield stem
    number = 1
    while True:
        yield f"{stem}_{number}"
        number += 1
