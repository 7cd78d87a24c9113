"""`agrees(Op, *arrays, **properties)`: the op's lowering, interpreted, against its meaning on numpy arrays."""

from collections.abc import Callable

import numpy as np
import pytest
from aic.compiler.context import context
from aic.compiler.interpret import interpret
from aic.compiler.verify_ssa import verify_ssa
from aic.dialects._shape import Array, tensor
from aic.dialects.graph._base import GraphOp, Plain
from aic.dialects.graph.weight import WeightOp
from aic.passes.tensor.lower_graph_to_tensor import LowerGraphToTensor
from xdsl.dialects.builtin import ModuleOp, NameLoc, NoneAttr, StringAttr
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Block, Region

Agrees = Callable[..., list[Array]]
NODE = NameLoc(StringAttr("/node"), NoneAttr())
LOCATED = ("linalg.generic", "linalg.fill", "tensor.pad", "kernel.func", "kernel.launch")


@pytest.fixture
def agrees() -> Agrees:
    """Exact for integers; floats to `rtol` (8 roundings of their type, if not given) and `atol`. `known` lists the
    operands that are weights. It returns what the lowered op computes."""

    def check(
        op: type[GraphOp],
        *arrays: Array | None,
        known: tuple[int, ...] = (),
        rtol: float | None = None,
        atol: float = 1e-6,
        **properties: Plain,
    ) -> list[Array]:
        ctx = context()
        main = Block(arg_types=[tensor(a.dtype, a.shape) for a in arrays if a is not None])
        values = [
            None if a is None else main.args[sum(b is not None for b in arrays[:i])] for i, a in enumerate(arrays)
        ]
        for i in known:
            array = arrays[i]
            assert array is not None
            main.add_op(weight := WeightOp(ctx.weights.add(f"w{i}", array), tensor(array.dtype, array.shape)))
            values[i] = weight.res
        built = op.make(*values, **properties)
        built.location = NODE
        main.add_ops([built, ReturnOp(*built.results)])
        module = ModuleOp([FuncOp("main", (main.arg_types, built.result_types), Region(main))])
        module.verify()
        expected = built.evaluate(*arrays)
        LowerGraphToTensor().apply(ctx, module)
        module.verify()
        verify_ssa(module)
        assert all(made.location == NODE for made in module.walk() if made.name in LOCATED)
        found = interpret(ctx, module, [a for a in arrays if a is not None])
        for f, e in zip(found, expected, strict=True):
            assert (f.dtype, f.shape) == (e.dtype, e.shape)
            if e.dtype.kind in "fV":
                few = rtol or 8 * float(np.finfo(np.float16 if e.dtype.itemsize == 2 else e.dtype).eps)
                np.testing.assert_allclose(f.astype(np.float64), e.astype(np.float64), rtol=few, atol=atol)
            else:
                np.testing.assert_array_equal(f, e)
        return found

    return check
