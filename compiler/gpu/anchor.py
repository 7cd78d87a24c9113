"""A network at the graph level as a torch module: what the GPU's kernels are timed against. Its weights are random.

    %2 = graph.conv %x, %w {strides = array<i64: 2, 2>} ..
    %3 = graph.relu %2
-->
    v2 = torch.conv2d(x0, self.w0, None, [2, 2], [1, 1], [1, 1], 1)
    v3 = torch.relu(v2)

Only functions of torch, no methods: what `torch.compile` makes of them is up to it. After the passes of the graph
level, so that what an exporter took apart (layer norms, GELU) is one function here as in the peer's own models.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

from xdsl.dialects.builtin import ArrayAttr, DenseArrayBase, FloatAttr, IntegerAttr, ModuleOp, StringAttr, i1
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Attribute, Operation, SSAValue

from ...dialects._shape import dtype, shape
from ...dialects.graph._base import ints
from ...dialects.graph.weight import ConstantOp, WeightOp
from ..errors import CompileError

Text: TypeAlias = Callable[[Operation, Sequence[str]], str]
UNARY = {
    "relu": "torch.relu",
    "sigmoid": "torch.sigmoid",
    "tanh": "torch.tanh",
    "exp": "torch.exp",
    "sqrt": "torch.sqrt",
    "reciprocal": "torch.reciprocal",
    "neg": "torch.neg",
    "abs": "torch.abs",
    "erf": "torch.erf",
    "cos": "torch.cos",
    "sin": "torch.sin",
    "is_nan": "torch.isnan",
    "not": "torch.logical_not",
}
BINARY = {
    "add": "torch.add",
    "sub": "torch.sub",
    "mul": "torch.mul",
    "div": "torch.div",
    "pow": "torch.pow",
    "min": "torch.minimum",
    "max": "torch.maximum",
    "and": "torch.logical_and",
    "or": "torch.logical_or",
    "where": "torch.where",
    "matmul": "torch.matmul",
    "equal": "torch.eq",
    "less": "torch.lt",
    "greater": "torch.gt",
}
DTYPES = {"bool": "bool", **{f"int{n}": f"int{n}" for n in (8, 16, 32, 64)}, "uint8": "uint8"}


def anchor(module: ModuleOp) -> str:
    """The text of a module of Python with `class Net(torch.nn.Module)`; CompileError for an op without a word."""
    main = next(op for op in module.ops if isinstance(op, FuncOp) and op.sym_name.data == "main")
    names: dict[SSAValue, str] = {arg: f"x{i}" for i, arg in enumerate(main.body.block.args)}
    weights, lines = list[str](), list[str]()
    for op in main.body.block.ops:
        if isinstance(op, WeightOp | ConstantOp):
            names[op.results[0]] = f"self.w{len(weights)}"
            weights.append(_weight(op))
        elif isinstance(op, ReturnOp):
            lines.append(f"        return [{', '.join(names[v] for v in op.operands)}]")
        else:
            for result in op.results:
                names[result] = f"v{len(names)}"
            made = ", ".join(names[r] for r in op.results)
            lines.append(f"        {made} = {expression(op, [names[v] for v in op.operands])}")
    arguments = ", ".join(names[arg] for arg in main.body.block.args)
    return TEXT.format(weights="\n".join(weights), arguments=arguments, lines="\n".join(lines))


def _weight(op: Operation) -> str:
    """How a weight is made: random floats of its shape, small constants as they are."""
    kind, dims = dtype(op.results[0].type), shape(op.results[0].type)
    if isinstance(op, ConstantOp):
        return f"    ({DTYPES.get(kind.name)!r}, {dims}, {op.array().tolist()!r}),"
    return f"    ({DTYPES.get(kind.name)!r}, {dims}, None),"


def expression(op: Operation, v: Sequence[str]) -> str:
    """The call that an op is."""
    kind = op.name.removeprefix("graph.")
    if (function := UNARY.get(kind) or BINARY.get(kind)) is not None:
        return f"{function}({', '.join(v)})"
    if (made := TABLE.get(kind)) is not None:
        return made(op, v)
    raise CompileError(f"{op.name} {op.location}: there is no word for it in the module to time against")


def _plain(op: Operation, key: str) -> list[int] | int | float | bool | str | None:
    """A property as Python has it."""
    found: Attribute | None = op.properties.get(key)
    match found:
        case DenseArrayBase():
            return list(ints(found))
        case IntegerAttr():
            return bool(found.value.data) if found.type == i1 else found.value.data
        case FloatAttr():
            return found.value.data
        case StringAttr():
            return found.data
        case ArrayAttr() | None:
            return None
        case _:
            raise CompileError(f"{op.name}: no word for {key} = {found}")


def _window(op: Operation, rank: int) -> tuple[list[int], list[int], list[int], bool]:
    """Strides, pads at the low ends, dilations; whether both ends have the same pads."""
    strides, dilations = (_plain(op, key) or [1] * rank for key in ("strides", "dilations"))
    pads = _plain(op, "pads") or [0] * (2 * rank)
    assert isinstance(pads, list) and isinstance(strides, list) and isinstance(dilations, list)
    return strides, pads[:rank], dilations, pads[:rank] == pads[rank:]


def _padded(op: Operation, x: str, rank: int, fill: str) -> tuple[str, list[int]]:
    """The input, padded before if its two ends differ; and the pads left to the function."""
    _, low, _, even = _window(op, rank)
    if even:
        return x, low
    pads = _plain(op, "pads")
    assert isinstance(pads, list)
    ends = [p for axis in reversed(range(rank)) for p in (pads[axis], pads[rank + axis])]
    return f"torch.nn.functional.pad({x}, {ends}, value={fill})", [0] * rank


def _conv(op: Operation, v: Sequence[str]) -> str:
    rank = len(shape(op.operands[0].type)) - 2
    strides, _, dilations, _ = _window(op, rank)
    x, pads = _padded(op, v[0], rank, "0.0")
    bias = v[2] if len(v) > 2 else "None"
    return f"torch.conv{rank}d({x}, {v[1]}, {bias}, {strides}, {pads}, {dilations}, {_plain(op, 'group') or 1})"


def _even_window(op: Operation, rank: int) -> tuple[list[int], list[int], list[int]]:
    """Strides, pads, dilations, of ops whose words take but one pad for both ends; CompileError if they differ."""
    strides, pads, dilations, even = _window(op, rank)
    if not even:
        raise CompileError(f"{op.name} {op.location}: no word for pads that differ at the two ends")
    return strides, pads, dilations


def _conv_transpose(op: Operation, v: Sequence[str]) -> str:
    rank = len(shape(op.operands[0].type)) - 2
    strides, pads, dilations = _even_window(op, rank)
    bias, extra = v[2] if len(v) > 2 else "None", _plain(op, "output_padding") or [0] * rank
    group = _plain(op, "group") or 1
    return f"torch.conv_transpose{rank}d({v[0]}, {v[1]}, {bias}, {strides}, {pads}, {extra}, {group}, {dilations})"


def _max_pool(op: Operation, v: Sequence[str]) -> str:
    rank = len(shape(op.operands[0].type)) - 2
    strides, _, dilations, _ = _window(op, rank)
    x, pads = _padded(op, v[0], rank, 'float("-inf")')
    ceil = bool(_plain(op, "ceil"))
    return f"torch.max_pool{rank}d({x}, {_plain(op, 'kernel')}, {strides}, {pads}, {dilations}, {ceil})"


def _average_pool(op: Operation, v: Sequence[str]) -> str:
    rank = len(shape(op.operands[0].type)) - 2
    strides, pads, _ = _even_window(op, rank)
    ceil, count = bool(_plain(op, "ceil")), bool(_plain(op, "count_pads"))
    told = f"{_plain(op, 'kernel')}, {strides}, {pads}, {ceil}, {count}"
    return f"torch.nn.functional.avg_pool{rank}d({v[0]}, {told})"


def _gemm(op: Operation, v: Sequence[str]) -> str:
    pairs = zip(v[:2], ("trans_a", "trans_b"), strict=True)
    a, b = (f"torch.transpose({x}, 0, 1)" if _plain(op, key) else x for x, key in pairs)
    scale = "".join(f", {key}={told}" for key in ("beta", "alpha") if (told := _plain(op, key)) is not None)
    return f"torch.addmm({v[2]}, {a}, {b}{scale})" if len(v) > 2 else f"torch.matmul({a}, {b})"


def _slice(op: Operation, v: Sequence[str]) -> str:
    offsets, sizes, strides = (_plain(op, key) for key in ("offsets", "sizes", "strides"))
    assert isinstance(offsets, list) and isinstance(sizes, list) and isinstance(strides, list)
    if any(s < 0 for s in strides):
        axes = [i for i, s in enumerate(strides) if s < 0]
        raise CompileError(f"{op.name} {op.location}: no word for walking backwards along {axes}")
    parts = [f"{o}:{o + (n - 1) * s + 1}:{s}" for o, n, s in zip(offsets, sizes, strides, strict=True)]
    return f"{v[0]}[{', '.join(parts)}]"


def _cast(op: Operation, v: Sequence[str]) -> str:
    kind = dtype(op.results[0].type).name
    return f"{v[0]}.to(torch.{DTYPES[kind]})" if kind in DTYPES else f"{v[0]}.to(self.dtype)"


def _layer_norm(op: Operation, v: Sequence[str]) -> str:
    dims = shape(op.operands[0].type)
    axis = _plain(op, "axis")
    assert isinstance(axis, int)
    inner = list(dims[axis % len(dims) :])
    bias = v[2] if len(v) > 2 else "None"
    return f"torch.layer_norm({v[0]}, {inner}, {v[1]}, {bias}, {_plain(op, 'epsilon')})"


def _gather_nd(op: Operation, v: Sequence[str]) -> str:
    depth = shape(op.operands[1].type)[-1]
    return f"{v[0]}[{', '.join(f'{v[1]}[..., {i}]' for i in range(depth))}]"


def _along(function: str, key: str = "axis", name: str = "dim") -> Text:
    return lambda op, v: f"{function}({v[0]}, {name}={_plain(op, key)})"


def _reduced(function: str) -> Text:
    return lambda op, v: f"{function}({v[0]}, {_plain(op, 'axes')}, keepdim={_plain(op, 'keepdims')})"


TABLE: dict[str, Text] = {
    "conv": _conv,
    "conv_transpose": _conv_transpose,
    "max_pool": _max_pool,
    "average_pool": _average_pool,
    "gemm": _gemm,
    "slice": _slice,
    "cast": _cast,
    "layer_norm": _layer_norm,
    "gather_nd": _gather_nd,
    "softmax": _along("torch.softmax"),
    "reduce_mean": _reduced("torch.mean"),
    "reduce_sum": _reduced("torch.sum"),
    "reduce_max": _reduced("torch.amax"),
    "reshape": lambda op, v: f"torch.reshape({v[0]}, {list(shape(op.results[0].type))})",
    "expand": lambda op, v: f"torch.broadcast_to({v[0]}, {list(shape(op.results[0].type))})",
    "transpose": lambda op, v: f"torch.permute({v[0]}, {_plain(op, 'perm')})",
    "concat": lambda op, v: f"torch.cat([{', '.join(v)}], dim={_plain(op, 'axis')})",
    "gelu": lambda op, v: f"torch.nn.functional.gelu({v[0]}, approximate={_plain(op, 'approximate')!r})",
    "gather": lambda op, v: f"{v[0]}[{':, ' * _axis(op)}{v[1]}]",
    "clip": lambda op, v: f"torch.minimum(torch.maximum({v[0]}, {v[1]}), {v[2]})",
}


def _axis(op: Operation) -> int:
    axis = _plain(op, "axis")
    assert isinstance(axis, int)
    return axis % len(shape(op.operands[0].type))


TEXT = '''"""The network as a torch module with random weights, to time against. Made by aic."""

import torch

WEIGHTS = [
{weights}
]


class Net(torch.nn.Module):
    """`dtype` is the type of all floats."""

    def __init__(self, dtype, device):
        super().__init__()
        self.dtype = dtype
        for i, (kind, dims, value) in enumerate(WEIGHTS):
            kind = dtype if kind is None else getattr(torch, kind)
            if value is not None:
                made = torch.tensor(value, dtype=kind, device=device)
            elif kind.is_floating_point:
                fan = max(1, made_of(dims))
                made = (torch.randn(dims, device=device) / fan**0.5).to(kind)
            else:
                made = torch.zeros(dims, dtype=kind, device=device)
            self.register_buffer(f"w{{i}}", made)

    def forward(self, {arguments}):
{lines}


def made_of(dims):
    """How many products a sum of a random weight is of, about."""
    count = 1
    for size in dims[1:] if len(dims) > 2 else dims[:1]:
        count *= size
    return count
'''
