"""A `tile.kernel` as a `Kernel`: its text as the printer writes it, and what compiling it takes.

    tile.kernel @k0(%x: !tile.view<f16, [M, 768]>, %M: i32) attributes {schedule = {warps = 8 : i64}} { .. }
-->
    Kernel("k0", "@triton.jit\\ndef k0(x, M): ..", (Parameter("x", "*fp16"), Parameter("M", "i32", 1)), warps=8)
"""

import ast
from collections.abc import Iterator

from xdsl.dialects.builtin import IntegerAttr, StringAttr
from xdsl.ir import Attribute

from ...dialects._shape import dtype
from ...dialects.tile.compute import DotOp
from ...dialects.tile.kernel import KernelOp
from ...dialects.tile.view import Extent, ViewType
from ..target import TargetError
from .emit import source
from .kernel import Kernel, Parameter

NAMES = {
    "float16": "fp16",
    "bfloat16": "bf16",
    "float32": "fp32",
    "float64": "fp64",
    "float8_e4m3fn": "fp8e4nv",
    "float8_e5m2": "fp8e5",
    "bool": "i1",
    **{f"int{n}": f"i{n}" for n in (8, 16, 32, 64)},
    **{f"uint{n}": f"u{n}" for n in (8, 16, 32, 64)},
}
"""Triton's names of numpy's types."""
IEEE = StringAttr("ieee")
"""The precision of products of f32 for which there are no tensor cores."""
SCHEDULE = {"warps": 4, "stages": 3, "maxnreg": 0}
"""What of a schedule the compiler is told, and by default; 0: as many registers as it likes."""
WIDE = 16
"""Bytes of the widest access."""


def printed(op: KernelOp) -> Kernel:
    """The kernel that the op stands for; TargetError for elements that Triton has not."""
    told = {} if op.schedule is None else op.schedule.data
    schedule = {key: _number(value) for key, value in told.items() if isinstance(value, IntegerAttr)}
    wanted = SCHEDULE | schedule
    text = source(op)
    return Kernel(
        name=op.sym_name.data,
        source=text,
        parameters=tuple(parameters(op, text)),
        bytes=_number(op.attributes.get("bytes")),
        flops=_number(op.attributes.get("flops")),
        dots=sum(isinstance(inner, DotOp) and inner.precision != IEEE for inner in op.walk()),
        contiguous=all(isinstance(view.type, ViewType) and is_wide(view.type) for view in op.views),
        schedule=schedule,
        warps=wanted["warps"],
        stages=wanted["stages"],
        maxnreg=wanted["maxnreg"],
    )


def parameters(op: KernelOp, text: str) -> Iterator[Parameter]:
    """Views by what they reach, then sizes; named as in the text."""
    names, written = argument_names(text), op.written()
    for name, view in zip(names, op.views, strict=False):
        if not isinstance(view.type, ViewType):
            raise TargetError(f"tile.kernel @{op.sym_name.data}: expected a view, found {view.type}")
        kind = dtype(view.type.element).name
        if kind not in NAMES:
            raise TargetError(f"tile.kernel @{op.sym_name.data}: Triton has no elements of {kind}")
        yield Parameter(name, f"*{NAMES[kind]}", view.type.align, view in written, reach(view.type))
    yield from (Parameter(name, "i32", 1) for name in names[len(op.views) :])


def argument_names(text: str) -> list[str]:
    """The parameters of the last function that a text defines."""
    functions = [node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)]
    return [argument.arg for argument in functions[-1].args.args]


def reach(view: ViewType) -> int:
    """Elements from a view's base to the end of its last one; 0 where only a launch tells."""
    sizes, strides = ([e.static for e in extents] for extents in (view.sizes, view.strides))
    if 0 in sizes or None in sizes or None in strides:
        return 0
    return 1 + sum((size - 1) * step for size, step in zip(sizes, strides, strict=True) if size and step)


def is_wide(view: ViewType) -> bool:
    """Whether rows of a view can be read and written 16 bytes at a time."""
    width = dtype(view.element).itemsize
    sizes = dict(zip(view.strides, view.sizes, strict=True))
    inner = sizes.get(Extent(1))
    rest = [s.factor for s in view.strides if s != Extent(1)]
    return (
        inner is not None
        and not inner.symbols
        and view.align % WIDE == 0
        and inner.factor * width % WIDE == 0
        and all(step * width % WIDE == 0 for step in rest)
    )


def _number(found: Attribute | None) -> int:
    return found.value.data if isinstance(found, IntegerAttr) else 0
