"""rematerialize: whatever the program and the budget, the same results in an arena that fits, or a refusal."""

from random import Random

import numpy as np
from aic.compiler.context import context
from aic.compiler.driver import Options, compile_model, lower, plan
from aic.compiler.interpret import interpret
from aic.compiler.pipeline import run_pipeline
from aic.passes.loop.rematerialize import Rematerialize
from onnx import TensorProto, helper, numpy_helper
from xdsl.parser import Parser
from xdsl.utils.exceptions import PassFailedException

KERNELS = """
kernel.func @add(%x: memref<16xf32>, %y: memref<16xf32>, %z: memref<16xf32>) {
  %l = arith.constant 0 : index
  %u = arith.constant 16 : index
  %s = arith.constant 1 : index
  scf.for %i = %l to %u step %s {
    %a = memref.load %x[%i] : memref<16xf32>
    %b = memref.load %y[%i] : memref<16xf32>
    %c = arith.addf %a, %b : f32
    memref.store %c, %z[%i] : memref<16xf32>
  }
  kernel.return
}
"""
TYPE = "memref<16xf32>"


def program(seed: int) -> str:
    """Sums of two values made so far, old ones too; now and then one is written over, in place too."""
    draw = Random(seed)
    names, lines = ["%x"], list[str]()
    for i in range(20):
        a, b = draw.choice(names), draw.choice(names[-3:])
        if len(names) > 3 and draw.random() < 0.2:
            target = draw.choice(names[1:])
        else:
            target = f"%v{i}"
        if target not in names:
            lines.append(f"{target} = memref.alloc() : {TYPE}")
            names.append(target)
        lines.append(f"kernel.launch @add({a}, {b}, {target}) : ({TYPE}, {TYPE}, {TYPE}) -> ()")
    lines.append(f"kernel.launch @add({names[1]}, {names[-1]}, %y) : ({TYPE}, {TYPE}, {TYPE}) -> ()")
    body = "\n  ".join(lines)
    return f"{KERNELS}\nfunc.func @main(%x: {TYPE}, %y: {TYPE}) {{\n  {body}\n  func.return\n}}"


def result(text: str, passes: str) -> tuple[np.ndarray, int]:
    """What the program answers after these passes, and the bytes of its arena."""
    ctx = context()
    module = Parser(ctx, text).parse_module()
    run_pipeline(ctx, module, f"{passes},plan-memory,check-memory", verify_each=True)
    main = list(module.ops)[-1]
    size = main.attributes["arena_bytes"].value.data
    x, y = np.arange(16, dtype=np.float32), np.zeros(16, np.float32)
    interpret(ctx, module, [x, y, np.zeros(size, np.int8)])
    return y, size


def smallest(seed: int) -> tuple[int, int]:
    """The arena of a program as it is, and the smallest that was found; each in between gives the same results."""
    text = program(seed)
    wanted, plain = result(text, "dce")
    size = plain
    while True:
        budget = size - 64
        try:
            found, size = result(text, f"rematerialize{{budget={budget}}}")
        except PassFailedException as error:
            assert "found no way below" in str(error)
            return plain, size
        np.testing.assert_array_equal(found, wanted)
        assert size <= budget


def test_results_stay_and_the_arena_fits():
    found = [smallest(seed) for seed in range(4)]
    assert sum(small < plain for plain, small in found) >= 2, found


def net() -> "object":
    """Two convolutions whose result waits for the end of a narrower path, as in a U-net."""
    draw = np.random.default_rng(0)

    def weight(name: str, *dims: int) -> TensorProto:
        return numpy_helper.from_array((draw.standard_normal(dims) / 6).astype(np.float32), name)

    def conv(x: str, w: str, y: str) -> list[object]:
        return [helper.make_node("Conv", [x, w], [f"{y}c"], pads=[1] * 4), helper.make_node("Relu", [f"{y}c"], [y])]

    nodes = [
        *conv("x", "w0", "a"), *conv("a", "w1", "skip"),
        helper.make_node("MaxPool", ["skip"], ["p"], kernel_shape=[2, 2], strides=[2, 2]),
        *conv("p", "w2", "b"), *conv("b", "w3", "d"), *conv("d", "w6", "c"),
        helper.make_node("ConvTranspose", ["c", "w4"], ["up"], strides=[2, 2]),
        helper.make_node("Concat", ["skip", "up"], ["both"], axis=1),
        *conv("both", "w5", "y"),
    ]  # fmt: skip
    weights = [
        weight("w0", 16, 3, 3, 3), weight("w1", 16, 16, 3, 3), weight("w2", 64, 16, 3, 3), weight("w3", 64, 64, 3, 3),
        weight("w4", 16, 16, 2, 2), weight("w5", 2, 32, 3, 3), weight("w6", 16, 64, 3, 3),
    ]  # fmt: skip
    ports = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, c, 8, 8]) for n, c in (("x", 3), ("y", 2))]
    graph = helper.make_graph(nodes, "net", ports[:1], ports[1:], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def within(budget: int) -> Options:
    """Options that put the pass before plan-memory."""

    def edit(steps: dict) -> dict:
        loop = [p for s in steps["loop"] for p in ((Rematerialize(budget), s) if s.name == "plan-memory" else (s,))]
        return {**steps, "loop": tuple(loop)}

    return Options(edit=edit)


def test_a_net_with_a_skip_gives_the_same_in_less_memory():
    x = np.random.default_rng(1).standard_normal((1, 3, 8, 8)).astype(np.float32)
    plain = compile_model(net())
    arena = plain.manifest["memory"]["arena_bytes"]
    budget = arena * 85 // 100
    made = compile_model(net(), options=within(budget))
    assert made.manifest["memory"]["arena_bytes"] <= budget < arena
    assert len(made.manifest["launches"]) > len(plain.manifest["launches"])
    (wanted,), (found,) = plain.load()([x]), made.load()([x])
    np.testing.assert_array_equal(found, wanted)
    assert [s.name for s in plan("c", within(1))["loop"]].count("rematerialize") == 1
    lowered = lower(net(), "c", within(budget), until="loop")
    np.testing.assert_allclose(interpret(lowered.ctx, lowered.module, [x])[0], wanted, rtol=1e-4, atol=1e-5)
