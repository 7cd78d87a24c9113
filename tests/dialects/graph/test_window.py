"""Shape rules of convolutions and pools, and what they refuse."""

import numpy as np
import pytest
from aic.dialects._shape import shape, tensor
from aic.dialects.graph.conv import ConvIntegerOp, ConvOp, ConvTransposeOp
from aic.dialects.graph.pool import AveragePoolOp, LpPoolOp, MaxPoolOp
from xdsl.ir import Block
from xdsl.utils.exceptions import VerifyException

F32 = np.dtype(np.float32)


def made(op, *dims, kind=F32, **props):
    values = iter(Block(arg_types=[tensor(kind, d) for d in dims if d is not None]).args)
    return op.make(*(None if d is None else next(values) for d in dims), **props)


@pytest.mark.parametrize(
    "op, dims, props, expected",
    [
        (ConvOp, ((1, 3, 224, 224), (64, 3, 7, 7)), {"strides": (2, 2), "pads": (3,) * 4}, (1, 64, 112, 112)),
        (ConvOp, ((2, 4, 9), (8, 2, 3), (8,)), {"group": 2, "dilations": (3,)}, (2, 8, 3)),
        (ConvTransposeOp, ((1, 3, 4, 4), (3, 5, 3, 3)), {"strides": (2, 2), "pads": (1,) * 4}, (1, 5, 7, 7)),
        (MaxPoolOp, ((1, 3, 4, 4),), {"kernel": (3, 3), "strides": (2, 2)}, (1, 3, 1, 1)),
        (MaxPoolOp, ((1, 3, 4, 4),), {"kernel": (3, 3), "strides": (2, 2), "ceil": True}, (1, 3, 2, 2)),
        (MaxPoolOp, ((1, 1, 2, 2),), {"kernel": (1, 1), "strides": (2, 2), "ceil": True}, (1, 1, 1, 1)),
    ],
)
def test_result_shape(op, dims, props, expected):
    built = made(op, *dims, **props)
    built.verify()
    assert shape(built.res) == expected


@pytest.mark.parametrize(
    "op, dims, props, words",
    [
        (ConvOp, ((1, 3, 8, 8), (4, 5, 3, 3)), {}, "3 input channels"),
        (ConvOp, ((1, 3, 8, 8), (4, 3, 3)), {}, "one rank"),
        (ConvOp, ((1, 3), (4, 3)), {}, "rank of at least 3"),
        (ConvOp, ((1, 3, 2, 2), (4, 3, 5, 5)), {}, "no larger than the padded input"),
        (ConvOp, ((1, 3, 8, 8), (4, 3, 3, 3)), {"strides": (0, 1)}, "strides of at least 1, found .0, 1."),
        (ConvOp, ((1, 3, 8, 8), (4, 3, 3, 3)), {"dilations": (0, 1)}, "dilations of at least 1"),
        (ConvOp, ((1, 3, 8, 8), (4, 3, 3, 3)), {"pads": (1, 1, 1)}, "4 pads"),
        (ConvOp, ((1, 3, 8, 8), (4, 3, 3, 3)), {"pads": (1, 1, 1, -1)}, "pads of at least 0"),
        (ConvOp, ((1, 4, 8, 8), (4, 1, 3, 3)), {"group": 3}, "group 3"),
        (ConvOp, ((1, 4, 8, 8), (4, 4, 3, 3)), {"group": 0}, "positive group, found 0"),
        (ConvOp, ((1, 3, 8, 8), (4, 3, 3, 3), (3,)), {}, "bias of shape .4., found .3."),
        (ConvTransposeOp, ((1, 3, 4, 4), (2, 5, 3, 3)), {}, "filters for 3 channels"),
        (ConvTransposeOp, ((1, 3, 4, 4), (3, 5, 3, 3)), {"pads": (9,) * 4}, "pads no larger than the output"),
        (ConvTransposeOp, ((1, 3, 4, 4), (3, 5, 3, 3)), {"output_padding": (1,)}, "2 output_padding"),
        (ConvIntegerOp, ((1, 3, 8, 8), (4, 3, 3, 3)), {}, "i8 or ui8, found f32"),
        (MaxPoolOp, ((1, 1, 4, 4),), {"kernel": (0, 0)}, "kernel sizes of at least 1"),
        (AveragePoolOp, ((1, 1, 4, 4),), {"kernel": (2, 2), "strides": (0, 1)}, "strides of at least 1"),
        (AveragePoolOp, ((1, 4),), {"kernel": ()}, "rank 3 or more"),
        (LpPoolOp, ((1, 1, 4, 4),), {"kernel": (2, 2), "p": 0}, "positive p, found 0"),
    ],
)
def test_refusals(op, dims, props, words):
    with pytest.raises(VerifyException, match=words):
        made(op, *dims, **props)


def test_integers_are_refused():
    with pytest.raises(VerifyException, match="expected float elements, found i32"):
        made(ConvOp, (1, 3, 8, 8), (4, 3, 3, 3), kind=np.dtype(np.int32))
