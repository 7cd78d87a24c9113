"""Flags of the commands that compile a model for the purpose: the sizes that it leaves open."""

import argparse
from typing import TYPE_CHECKING

from .._arguments import add_shapes, pairs, shape_of, values_of, whole

if TYPE_CHECKING:
    from ...compiler.driver import Options
    from ...compiler.frontends.onnx.model import Source

MODEL = "an ONNX file; or resnet50, mobilenetv2, bert-base"


def add_sizes(parser: argparse.ArgumentParser) -> None:
    """--batch, --shape, --dim, --value."""
    add_shapes(parser).add_argument("--batch", type=int, default=1, metavar="N", help="of a network by name (1)")


def sizes_of(args: argparse.Namespace, source: "Source | None" = None) -> "Options":
    """Options of a compilation with those sizes; the model is read only if values are given."""
    from ...compiler.driver import Options
    from ...compiler.frontends.onnx.model import load

    return Options(
        dims={name: whole(text, f"--dim {name}") for name, text in pairs(args.dim, "--dim").items()},
        shapes={name: shape_of(text) for name, text in pairs(args.shape, "--shape").items()},
        values=values_of(args, load(source)) if args.value and source is not None else {},
    )
