"""Softmax and log-softmax, lowered."""

from collections.abc import Callable

import numpy as np
import pytest
from aic.dialects._shape import Array
from aic.dialects.graph.softmax import LogSoftmaxOp, SoftmaxBase, SoftmaxOp

Agrees = Callable[..., list[Array]]


@pytest.mark.parametrize("op", [SoftmaxOp, LogSoftmaxOp])
@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_rows(agrees: Agrees, op: type[SoftmaxBase], axis: int, kind: type[np.floating]) -> None:
    agrees(op, (np.random.default_rng(0).standard_normal((3, 4, 5)) * 4).astype(kind), axis=axis)


@pytest.mark.parametrize("op", [SoftmaxOp, LogSoftmaxOp])
def test_edges(agrees: Agrees, op: type[SoftmaxBase]) -> None:
    rows = [[1000, 0], [-np.inf, -np.inf], [-np.inf, 3], [np.inf, 1], [np.nan, 1]]
    agrees(op, np.array(rows, np.float32), axis=1)
    agrees(op, np.zeros((0, 3), np.float32), axis=1)
