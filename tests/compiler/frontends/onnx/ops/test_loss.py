"""Losses against the reference."""

from collections.abc import Callable

import numpy as np
import pytest
from aic.dialects._shape import Array

RunNode = Callable[..., list[Array]]
rng = np.random.default_rng(0)


@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
@pytest.mark.parametrize("ignored", [None, 1, -5])
@pytest.mark.parametrize("dims", [(), (4,), (2, 3)])
def test_losses(node: RunNode, reduction: str, ignored: int | None, dims: tuple[int, ...]) -> None:
    scores = rng.standard_normal((6, 5, *dims)).astype(np.float32)
    target = rng.integers(0, 5, (6, *dims))
    if ignored is not None:
        target.flat[0] = ignored
    weight = rng.random(5).astype(np.float32)
    more = {"reduction": reduction, **({} if ignored is None else {"ignore_index": ignored})}
    for inputs in ((scores, target), (scores, target, weight)):
        node("SoftmaxCrossEntropyLoss", *inputs, opset=13, outputs=2, **more)
        node("NegativeLogLikelihoodLoss", *inputs, opset=13, **more)
