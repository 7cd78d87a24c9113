"""Sorted selections and running totals, lowered to kernels of loops."""

from collections.abc import Callable

import numpy as np
import pytest
from aic.dialects._shape import Array
from aic.dialects.graph.sort import CumProdOp, CumSumOp, ScanOp, TopKOp

Agrees = Callable[..., list[Array]]


@pytest.mark.parametrize("largest", [True, False])
@pytest.mark.parametrize("kind", [np.float32, np.float16, np.int32, np.uint8])
def test_top_k(agrees: Agrees, largest: bool, kind: type[np.generic]) -> None:
    x = np.random.default_rng(0).integers(0, 5, (2, 7, 3)).astype(kind)
    agrees(TopKOp, x, axis=1, k=4, largest=largest)
    agrees(TopKOp, x, axis=-1, k=3, largest=largest)
    agrees(TopKOp, x, axis=0, k=0, largest=largest)


@pytest.mark.parametrize("largest", [True, False])
def test_top_k_of_nan_and_infinity(agrees: Agrees, largest: bool) -> None:
    x = np.array([1, np.nan, -np.inf, np.inf, np.nan, -np.inf, np.inf], np.float32)
    for k in (1, 3, 7):
        agrees(TopKOp, x, axis=0, k=k, largest=largest)
    agrees(TopKOp, np.array([-128, 127, -128, 127], np.int8), axis=0, k=4, largest=largest)


@pytest.mark.parametrize("op", [CumSumOp, CumProdOp])
@pytest.mark.parametrize("exclusive", [True, False])
@pytest.mark.parametrize("reverse", [True, False])
@pytest.mark.parametrize("kind", [np.float32, np.int8])
def test_scan(agrees: Agrees, op: type[ScanOp], exclusive: bool, reverse: bool, kind: type[np.generic]) -> None:
    x = (np.random.default_rng(0).standard_normal((3, 6, 2)) * 9).astype(kind)
    agrees(op, x, axis=1, exclusive=exclusive, reverse=reverse, atol=1e-4)
    agrees(op, x, axis=-1, exclusive=exclusive, reverse=reverse, atol=1e-4)
