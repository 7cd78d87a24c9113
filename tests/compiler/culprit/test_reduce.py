"""Shapes of a failing part shrink together in inputs and weights, as long as it fails in the same way."""

import numpy as np
from aic.compiler.culprit.reduce import Reducer
from aic.compiler.culprit.submodel import Part
from aic.compiler.frontends.onnx.model import load
from onnx import TensorProto, helper, numpy_helper, shape_inference


def test_sizes_shrink_where_the_failure_stays():
    x, y = (helper.make_tensor_value_info(n, TensorProto.FLOAT, d) for n, d in (("x", (8, 6)), ("y", (8, 5))))
    w = numpy_helper.from_array(np.ones((6, 5), np.float32), "w")
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "g", [x], [y], [w])
    model = load(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8))
    values = {"x": np.ones((8, 6), np.float32), "y": np.ones((8, 5), np.float32)}

    def fails(part: Part) -> str:
        """Of products that sum at least three terms."""
        try:
            shape_inference.infer_shapes(part.model.proto, strict_mode=True)
        except shape_inference.InferenceError:
            return "shapes"
        return "long" if part.feed["x"].shape[1] >= 3 else ""

    made = Reducer(model, values, fails).run()
    assert made.feed["x"].shape == (1, 3) and tuple(made.model.proto.graph.initializer[0].dims) == (3, 1)
