"""Sorted selections and running totals as each opset means them."""

from collections.abc import Callable

import numpy as np
import pytest
from aic.dialects._shape import Array

RunNode = Callable[..., list[Array]]
X = np.random.default_rng(0).integers(0, 9, (3, 7)).astype(np.float32)


def test_top_k(node: RunNode) -> None:
    node("TopK", X, opset=1, k=3, axis=1, outputs=2)
    node("TopK", X, np.array([3]), opset=10, known=(1,), outputs=2)
    for largest in (0, 1):
        node("TopK", X, np.array([2]), opset=11, known=(1,), axis=0, largest=largest, outputs=2)


@pytest.mark.parametrize("exclusive", [0, 1])
@pytest.mark.parametrize("reverse", [0, 1])
def test_cum_sum(node: RunNode, exclusive: int, reverse: int) -> None:
    node("CumSum", X, np.array(1), opset=14, known=(1,), exclusive=exclusive, reverse=reverse)
    node("CumProd", X, np.array(-1), opset=26, known=(1,), exclusive=exclusive, reverse=reverse)
