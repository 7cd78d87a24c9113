"""What only names elements anew costs no copy at -O2: reshapes, squeezes, identities, transposes that cancel, heads."""

import shutil
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from aic.compiler.driver import Options, Plan, compile_model, lower
from aic.compiler.frontends.onnx.model import load
from aic.dialects import kernel
from aic.passes.loop.join_launches import only_moves

from .networks import Net
from .test_networks import expect_equal, expected

NETWORKS: dict[str, Callable[[Net], None]] = {}
TOKENS, HEADS, DEPTH = 9, 3, 8
WIDTH = HEADS * DEPTH


def network(build: Callable[[Net], None]) -> Callable[[Net], None]:
    """Enter a network under its function's name."""
    NETWORKS[build.__name__] = build
    return build


def reshaped(net: Net, value: str, *dims: int) -> str:
    return net.op("Reshape", value, net.const(dims, np.int64))


def turned(net: Net, value: str, *perm: int) -> str:
    return net.op("Transpose", value, perm=perm)


def attended(net: Net, q: str, k: str, v: str) -> str:
    """softmax(q k) v of heads, merged before a projection."""
    scores = net.op("Softmax", net.op("MatMul", q, k), axis=-1)
    merged = reshaped(net, turned(net, net.op("MatMul", scores, v), 0, 2, 1, 3), 1, TOKENS, WIDTH)
    return net.matmul(merged, WIDTH, WIDTH)


@network
def names_only(net: Net) -> None:
    """Reshape, Flatten, Squeeze, Unsqueeze and Identity between products and pointwise ops."""
    x = net.op("Relu", net.matmul(net.input(net.floats(6, 20)), 20, 24))
    x = net.op("Tanh", net.op("Identity", reshaped(net, x, 1, 6, 24)))
    x = net.op("Squeeze", x, net.const([0], np.int64))
    x = net.op("Sigmoid", reshaped(net, net.op("Relu", net.matmul(x, 24, 20)), 3, 2, 4, 5))
    x = net.op("Unsqueeze", net.op("Flatten", x, axis=2), net.const([0], np.int64))
    net.output(net.op("Exp", x))


@network
def cancelled(net: Net) -> None:
    """Two transposes with pointwise ops between them, round a convolution's result and a product's."""
    x = net.op("Relu", net.conv(net.input(net.floats(1, 4, 7, 6)), 4, 8, 1))
    x = turned(net, net.op("Tanh", turned(net, x, 0, 2, 3, 1)), 0, 3, 1, 2)
    x = reshaped(net, net.op("Relu", net.conv(x, 8, 6, 1)), 6, 42)
    net.output(turned(net, net.op("Exp", turned(net, net.matmul(x, 42, 10), 1, 0)), 1, 0))


@network
def heads(net: Net) -> None:
    """Queries, keys and values of their own projections, split into heads."""
    x = net.op("Relu", net.matmul(net.input(net.floats(1, TOKENS, 20)), 20, WIDTH))

    def split(*perm: int) -> str:
        return turned(net, reshaped(net, net.matmul(x, WIDTH, WIDTH), 1, TOKENS, HEADS, DEPTH), *perm)

    net.output(attended(net, split(0, 2, 1, 3), split(0, 2, 3, 1), split(0, 2, 1, 3)))


@network
def rotary(net: Net) -> None:
    """Queries and keys of two heads turned by angles, their halves swapped as exporters write it."""
    half = 16
    x = net.op("Relu", net.matmul(net.input(net.floats(1, TOKENS, 20)), 20, WIDTH))
    angles = net.input(net.floats(TOKENS, 2 * half))
    cos, sin = net.op("Cos", angles), net.op("Sin", angles)

    def split(*perm: int) -> str:
        return turned(net, reshaped(net, net.matmul(x, WIDTH, 4 * half), 1, TOKENS, 2, 2 * half), *perm)

    def part(value: str, start: int) -> str:
        return net.op("Slice", value, *(net.const([n], np.int64) for n in (start, start + half, 3)))

    def rotated(value: str) -> str:
        swapped = net.op("Concat", net.op("Neg", part(value, half)), part(value, 0), axis=3)
        return net.op("Add", net.op("Mul", value, cos), net.op("Mul", swapped, sin))

    keys = turned(net, rotated(split(0, 2, 1, 3)), 0, 1, 3, 2)
    scores = net.op("Softmax", net.op("MatMul", rotated(split(0, 2, 1, 3)), keys), axis=-1)
    net.output(turned(net, net.op("MatMul", scores, split(0, 2, 1, 3)), 0, 2, 1, 3))


def copies(net: Net) -> list[str]:
    """The kernels launched that only move elements, before small ones join others."""

    def unjoined(plan: Plan) -> Plan:
        return {**plan, "loop": tuple(step for step in plan["loop"] if step.name != "join-launches")}

    lowered = lower(load(net.model()), "c", replace(Options(), edit=unjoined), until="loop")
    kernels = {op.sym_name.data: op for op in lowered.module.walk() if isinstance(op, kernel.FuncOp)}
    launched = [op.kernel for op in lowered.module.walk() if isinstance(op, kernel.LaunchOp)]
    assert launched
    return [name for name in launched if only_moves(kernels[name])]


@pytest.mark.parametrize("name", NETWORKS)
def test_no_copy_is_left(name: str) -> None:
    NETWORKS[name](net := Net())
    assert copies(net) == []


def test_a_transpose_that_is_the_result_is_a_copy() -> None:
    net = Net()
    net.output(turned(net, net.input(net.floats(3, 4)), 1, 0))
    assert len(copies(net)) == 1


@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
@pytest.mark.parametrize("name", NETWORKS)
def test_the_results_are_those_of_onnxruntime(name: str) -> None:
    NETWORKS[name](net := Net())
    found = compile_model(net.model(), "c").load()(list(net.inputs.values()))
    expect_equal(name, list(found), expected(net.model(), net.inputs))
