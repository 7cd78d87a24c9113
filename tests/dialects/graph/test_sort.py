"""TopK and CumSum: order, ties, NaN, directions."""

import numpy as np
import pytest
from aic.dialects._shape import Array, tensor
from aic.dialects.graph.sort import CumSumOp, TopKOp
from xdsl.ir import Block
from xdsl.utils.exceptions import VerifyException


def top(x: Array, k: int, largest: bool = True, axis: int = -1) -> tuple[Array, ...]:
    built = TopKOp.make(Block(arg_types=[tensor(x.dtype, x.shape)]).args[0], axis=axis, k=k, largest=largest)
    built.verify()
    results = built.evaluate(x)
    assert [r.type for r in built.results] == [tensor(r.dtype, r.shape) for r in results]
    return results


def test_ties_go_to_the_lower_index() -> None:
    x = np.array([3, 1, 3, 2, 1], np.int32)
    values, indices = top(x, 3)
    assert values.tolist() == [3, 3, 2] and indices.tolist() == [0, 2, 3]
    values, indices = top(x, 3, largest=False)
    assert values.tolist() == [1, 1, 2] and indices.tolist() == [1, 4, 3]


def test_nan_is_the_greatest() -> None:
    x = np.array([1, np.nan, np.inf, np.nan], np.float32)
    assert top(x, 3)[1].tolist() == [1, 3, 2]
    assert top(x, 3, largest=False)[1].tolist() == [0, 2, 1]


def test_axis_and_k() -> None:
    x = np.random.default_rng(0).standard_normal((3, 7, 2)).astype(np.float32)
    values, indices = top(x, 4, axis=1)
    np.testing.assert_array_equal(values, -np.sort(-x, axis=1)[:, :4])
    np.testing.assert_array_equal(np.take_along_axis(x, indices, 1), values)
    assert top(x, 0, axis=0)[0].shape == (0, 7, 2)
    with pytest.raises(VerifyException, match=r"expected k in \[0, 7\], found 8"):
        top(x, 8, axis=1)


@pytest.mark.parametrize(
    ("exclusive", "reverse", "expected"),
    [
        (False, False, [1, 3, 6]),
        (True, False, [0, 1, 3]),
        (False, True, [6, 5, 3]),
        (True, True, [5, 3, 0]),
    ],
)
def test_cum_sum(exclusive: bool, reverse: bool, expected: list[int]) -> None:
    x = np.array([[1, 2, 3]], np.int32)
    value = Block(arg_types=[tensor(x.dtype, x.shape)]).args[0]
    built = CumSumOp.make(value, axis=-1, exclusive=exclusive, reverse=reverse)
    built.verify()
    assert built.evaluate(x)[0].tolist() == [expected] and x.tolist() == [[1, 2, 3]]
