"""Float graphs to QDQ form: which values become integers, with which scales, and how well the results agree."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aic.backends.npu.quant.choose import CHOSEN
from aic.dialects.graph.quantize import DequantizeOp, QuantizeOp
from xdsl.utils.exceptions import DiagnosticException

Run = Callable[..., Any]
X, Y = "tensor<1x8x10x10xf32>", "tensor<1x16x10x10xf32>"
CONV = "{pads = array<i64: 1, 1, 1, 1>}"

RESIDUAL = f"""
func.func @main(%x: {X}) -> {X} {{
  %w = graph.weight @w : tensor<8x8x3x3xf32>
  %b = graph.weight @b : tensor<8xf32>
  %v = graph.weight @v : tensor<8x8x3x3xf32>
  %0 = graph.conv %x, %w, %b {CONV} : ({X}, tensor<8x8x3x3xf32>, tensor<8xf32>) -> {X}
  %1 = graph.relu %0 : ({X}) -> {X}
  %2 = graph.conv %1, %v {CONV} : ({X}, tensor<8x8x3x3xf32>) -> {X}
  %3 = graph.add %2, %1 : ({X}, {X}) -> {X}
  %4 = graph.relu %3 : ({X}) -> {X}
  %5 = graph.conv %4, %w, %b {CONV} : ({X}, tensor<8x8x3x3xf32>, tensor<8xf32>) -> {X}
  func.return %5 : {X}
}}"""

SILU = f"""
func.func @main(%x: {X}) -> {X} {{
  %w = graph.weight @w : tensor<8x8x3x3xf32>
  %v = graph.weight @v : tensor<8x16x1x1xf32>
  %0 = graph.conv %x, %w {CONV} : ({X}, tensor<8x8x3x3xf32>) -> {X}
  %1 = graph.sigmoid %0 : ({X}) -> {X}
  %2 = graph.mul %0, %1 : ({X}, {X}) -> {X}
  %3 = graph.concat %2, %x {{axis = 1 : i64}} : ({X}, {X}) -> {Y}
  %4 = graph.conv %3, %v : ({Y}, tensor<8x16x1x1xf32>) -> {X}
  func.return %4 : {X}
}}"""

T, S = "tensor<1x16x32xf32>", "tensor<1x16x16xf32>"
ATTENTION = f"""
func.func @main(%x: {T}) -> {T} {{
  %w = graph.weight @w : tensor<32x32xf32>
  %b = graph.weight @b : tensor<32xf32>
  %g = graph.weight @g : tensor<32xf32>
  %m = graph.constant dense<-1.0e9> : tensor<1x16x1xf32>
  %c = graph.constant dense<0.1> : tensor<f32>
  %q = graph.matmul %x, %w : ({T}, tensor<32x32xf32>) -> {T}
  %1 = graph.add %q, %b : ({T}, tensor<32xf32>) -> {T}
  %2 = graph.mul %1, %c : ({T}, tensor<f32>) -> {T}
  %k = graph.transpose %2 {{perm = array<i64: 0, 2, 1>}} : ({T}) -> tensor<1x32x16xf32>
  %3 = graph.matmul %2, %k : ({T}, tensor<1x32x16xf32>) -> {S}
  %4 = graph.add %3, %m : ({S}, tensor<1x16x1xf32>) -> {S}
  %5 = graph.softmax %4 {{axis = -1 : i64}} : ({S}) -> {S}
  %6 = graph.matmul %5, %2 : ({S}, {T}) -> {T}
  %7 = graph.add %6, %x : ({T}, {T}) -> {T}
  %8 = graph.layer_norm %7, %g, %b {{axis = -1 : i64, epsilon = 1.0e-5 : f64}}
    : ({T}, tensor<32xf32>, tensor<32xf32>) -> {T}
  %9 = graph.matmul %8, %w : ({T}, tensor<32x32xf32>) -> {T}
  func.return %9 : {T}
}}"""


def quantised(ran: Any) -> list[str]:
    """What makes each quantised value, in order."""
    found = [op.x.owner for op in ran.module.walk() if isinstance(op, QuantizeOp)]
    return [getattr(owner, "name", "input").removeprefix("graph.") for owner in found]


@pytest.mark.parametrize("method", ["minmax", "percentile", "kl"])
@pytest.mark.parametrize("kind", ["i8", "ui8"])
def test_residual_block(run: Run, method: str, kind: str) -> None:
    ran = run(RESIDUAL, f'npu-quantize{{method="{method}" type="{kind}"}}')
    assert quantised(ran) == ["input", "relu", "conv", "relu", "conv"]
    assert ran.cosine() > (0.99 if method == "kl" else 0.999)


def test_biases_and_weights(run: Run) -> None:
    ran = run(RESIDUAL, "npu-quantize")
    types = [str(op.x.type) for op in ran.module.walk() if isinstance(op, DequantizeOp)]
    assert types.count("tensor<8x8x3x3xi8>") == 3 and types.count("tensor<8xi32>") == 2
    for op in ran.module.walk():
        if isinstance(op, DequantizeOp) and str(op.x.type) == "tensor<8xi32>":
            conv = next(iter(op.res.uses)).operation
            scale = conv.operands[0].owner.scale.owner.array() * conv.operands[1].owner.scale.owner.array()
            np.testing.assert_array_equal(op.scale.owner.array(), scale)


def test_a_function_of_one_value_has_integers_at_its_ends(run: Run) -> None:
    ran = run(SILU, "npu-quantize")
    assert quantised(ran) == ["input", "conv", "mul", "concat", "conv"]
    assert ran.cosine() > 0.998


def test_operands_of_a_concat_share_a_scale(run: Run) -> None:
    ran = run(SILU, "npu-quantize")
    (concat,) = (op for op in ran.module.walk() if op.name == "graph.concat")
    scales = {v.owner.scale for v in concat.operands} | {use.operation.scale for use in concat.results[0].uses}
    assert len(scales) == 1


def test_attention_with_a_float_mask_and_float_norm(run: Run) -> None:
    ran = run(ATTENTION, "npu-quantize{loss=0.2}")
    assert quantised(ran) == ["input", "add", "mul", "transpose", "matmul", "softmax", "layer_norm", "matmul"]
    assert ran.cosine() > 0.99
    (norm,) = (op for op in ran.module.walk() if op.name == "graph.layer_norm")
    add = norm.operands[0].owner
    assert add.name == "graph.add" and [v.owner is add.parent for v in add.operands] == [False, True]


@pytest.mark.parametrize("keep", ["conv", "sigmoid,mul,concat"])
def test_what_is_kept_stays_float(run: Run, keep: str) -> None:
    ran = run(SILU, f"npu-quantize{{keep={keep}}}")
    if keep == "conv":
        assert not quantised(ran)
    else:
        assert quantised(ran) == ["input", "concat", "conv"]


def test_samples_from_a_file(run: Run, tmp_path: Path) -> None:
    x = np.random.default_rng(1).standard_normal((4, 8, 10, 10)).astype(np.float32)
    np.savez(tmp_path / "x.npz", arg0=x)
    ran = run(RESIDUAL, f'npu-quantize{{data="{tmp_path}/x.npz"}}', given={0: x[:1]})
    scale = next(op.scale.owner.array() for op in ran.module.walk() if isinstance(op, QuantizeOp))
    assert scale == np.float32((float(x.max()) - float(x.min())) / 255)
    x[0, 0, 0, 0] = 1e4  # what an outlier would lose too much of stays float
    np.savez(tmp_path / "y.npz", arg0=x)
    assert "input" not in quantised(run(RESIDUAL, f'npu-quantize{{data="{tmp_path}/y.npz"}}'))
    with pytest.raises(DiagnosticException, match="samples of"):
        np.savez(tmp_path / "z.npz", arg0=x[:, :3])
        run(RESIDUAL, f'npu-quantize{{data="{tmp_path}/z.npz"}}')
    with pytest.raises(DiagnosticException, match="arg0 is missing"):
        np.savez(tmp_path / "z.npz", other=x)
        run(RESIDUAL, f'npu-quantize{{data="{tmp_path}/z.npz"}}')


def test_random_samples_are_the_same_each_time(run: Run) -> None:
    assert str(run(SILU, "npu-quantize").module) == str(run(SILU, "npu-quantize").module)


def test_a_quantised_graph_is_left_as_it_is(run: Run) -> None:
    once = run(RESIDUAL, "npu-quantize")
    twice = run(RESIDUAL, "npu-quantize,npu-quantize")
    assert str(once.module) == str(twice.module)


def test_unknown_method(run: Run) -> None:
    with pytest.raises(DiagnosticException, match="minmax, percentile, kl"):
        run(RESIDUAL, 'npu-quantize{method="mse"}')


@pytest.mark.parametrize("options", ["samples=0", "percentile=30", "percentile=101", "loss=-1"])
def test_numbers_out_of_range(run: Run, options: str) -> None:
    with pytest.raises(DiagnosticException, match="expected at least 1 sample, a percentile above 50 up to 100"):
        run(RESIDUAL, f"npu-quantize{{{options}}}")


def test_methods_choose_other_ranges(run: Run, tmp_path: Path) -> None:
    """Of numbers with rare large ones: all, those within the percentiles, or those that 8 bits tell best."""
    x = np.random.default_rng(2).laplace(size=(4, 8, 10, 10)).astype(np.float32)
    np.savez(tmp_path / "x.npz", arg0=x)
    steps: dict[str, float] = {}
    for method in ("minmax", "percentile", "kl"):
        ran = run(
            RESIDUAL, f'npu-quantize{{method={method} percentile=99 loss=0 data="{tmp_path}/x.npz"}}', given={0: x[:1]}
        )
        first = next(op for op in ran.module.walk() if isinstance(op, QuantizeOp))
        steps[method] = float(first.scale.owner.array())
        assert ran.cosine() > 0.9
    low, high = np.percentile(x, [1, 99])
    assert steps["minmax"] == pytest.approx(float(x.max() - x.min()) / 255, rel=1e-6)
    assert steps["percentile"] == pytest.approx(float(high - low) / 255, rel=0.03)
    assert steps["percentile"] < steps["kl"] < steps["minmax"]


def test_what_was_chosen_is_told(run: Run) -> None:
    told = run(RESIDUAL, "npu-quantize{samples=2 seed=3 loss=0.5}").module.attributes[CHOSEN].data
    assert told == "minmax over 2 random inputs (seed 3): 5 tensors and the weights of 3 products in 8 bits"
    told = run(RESIDUAL, "npu-quantize{method=percentile percentile=80 loss=0.1}").module.attributes[CHOSEN].data
    assert (
        told.startswith("80 % percentile over 8 random inputs") and "which 8 bits would take more than 0.1 of" in told
    )
