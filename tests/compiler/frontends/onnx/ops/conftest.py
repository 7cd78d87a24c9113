"""`node("Softmax", x, opset=11, axis=1)`: a model of one node, imported and run at graph level."""

from collections.abc import Callable

import numpy as np
import onnx
import pytest
from aic.compiler.context import context
from aic.compiler.frontends.onnx.importer import import_onnx
from aic.compiler.interpret import interpret
from aic.dialects._shape import Array
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator

RunNode = Callable[..., list[Array]]
IR_VERSION = {6: 3, 7: 3, 8: 3, 9: 4, 10: 5, 11: 6, 12: 7, 13: 7}


@pytest.fixture
def node() -> RunNode:
    """The node's results; also checked against onnx.reference, or against `expected` if that is given (where the
    reference is wrong, or has no such opset). `known` lists the inputs that are initializers."""

    def run(
        op: str,
        *inputs: Array | None,
        opset: int,
        known: tuple[int, ...] = (),
        outputs: int = 1,
        expected: list[Array] | None = None,
        rtol: float = 1e-5,
        **attributes: object,
    ) -> list[Array]:
        names = ["" if x is None else f"x{i}" for i, x in enumerate(inputs)]
        made = helper.make_node(op, names, [f"y{i}" for i in range(outputs)], name="the_node", **attributes)
        given = {name: x for name, x in zip(names, inputs, strict=True) if x is not None}
        fed = {
            name: x for i, (name, x) in enumerate(zip(names, inputs, strict=True)) if x is not None and i not in known
        }
        stored = [numpy_helper.from_array(given[f"x{i}"], f"x{i}") for i in known]
        graph = helper.make_graph(
            [made],
            "g",
            [
                helper.make_tensor_value_info(k, helper.np_dtype_to_tensor_dtype(v.dtype), v.shape)
                for k, v in fed.items()
            ],
            [onnx.ValueInfoProto(name=f"y{i}") for i in range(outputs)],
            stored,
        )
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=IR_VERSION.get(opset, 8)
        )
        ctx = context()
        module = import_onnx(model, ctx)
        module.verify()
        found = interpret(ctx, module, list(fed.values()))
        if expected is None:
            expected = [np.asarray(y) for y in ReferenceEvaluator(model).run(None, fed)]
        for f, e in zip(found, expected, strict=True):
            assert (f.dtype, f.shape) == (e.dtype, e.shape)
            np.testing.assert_allclose(f.astype(np.float64), e.astype(np.float64), rtol=rtol, atol=1e-6)
        return found

    return run
