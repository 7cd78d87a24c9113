"""ONNX ops on what is no tensor: each node is refused by name. An optional that holds a tensor is that tensor."""

from typing import NoReturn

import numpy as np
from xdsl.ir import SSAValue

from ..node import Node
from ..registry import onnx_op


@onnx_op(
    "ConcatFromSequence",
    "SequenceAt",
    "SequenceConstruct",
    "SequenceEmpty",
    "SequenceErase",
    "SequenceInsert",
    "SequenceLength",
    "SequenceMap",
    "SplitToSequence",
)
def sequence(n: Node) -> NoReturn:
    """Lists of tensors whose shapes and number are known at run time only."""
    n.refuse("sequences of tensors are not supported", "export with Concat and Split in place of sequences")


@onnx_op("RegexFullMatch", "StringConcat", "StringNormalizer", "StringSplit", "TfIdfVectorizer")
def string(n: Node) -> NoReturn:
    """Text."""
    n.refuse("strings are not supported", "do the text processing before the model")


@onnx_op("ImageDecoder")
def image(n: Node) -> NoReturn:
    """Compressed images."""
    n.refuse("image files are not decoded", "decode before the model")


@onnx_op("Optional")
def optional(n: Node) -> SSAValue:
    """Of a tensor, the tensor."""
    return n.input(0) if n.has(0) else n.refuse("empty optionals are not supported")


@onnx_op("OptionalGetElement")
def optional_element(n: Node) -> SSAValue:
    """Of a tensor, the tensor."""
    return n.input(0)


@onnx_op("OptionalHasElement")
def optional_is_full(n: Node) -> SSAValue:
    """Known at compile time: a tensor is there, an absent input is not."""
    return n.const(np.array(n.has(0)))
