"""Triton source from tile kernels: text that a person likes to read, of what Triton 3.6 and 3.9 share.

    @triton.jit
    def k0(x, w, y, M):
        # nodes 4, 5: 4096 bytes, 8192 FLOPs; 8 warps, 3 stages
        rm = tl.program_id(0) * 128 + tl.arange(0, 128)
        ...
        for k in range(0, 768, 64):
            a = tl.load(x + rm[:, None] * 768 + (k + rk)[None, :], mask=rm[:, None] < M, other=0.0)
            acc = tl.dot(a, b, acc)

Names are the values' hints, which come from the lowering and never from a model. A value that is read once, and not
from inside another loop, folds into its reader if it has no name; a loop's variable keeps one name all the way.
"""

import re
from collections.abc import Sequence
from textwrap import wrap

from xdsl.dialects import scf
from xdsl.dialects.builtin import IntegerAttr, UnitAttr
from xdsl.ir import Attribute, Block, SSAValue

from ...dialects.graph._base import ints
from ...dialects.tile._block import dims
from ...dialects.tile.compute import SplitOp
from ...dialects.tile.index import BroadcastOp
from ...dialects.tile.kernel import KernelOp
from ...dialects.tile.memory import AtomicOp, LoadOp, StoreOp
from .emit_folds import folded, renamed
from .emit_memory import atomic, load, store
from .emit_ops import EXPRESSIONS, HELPERS
from .emit_values import Expr, Text, constant

IMPORTS = "import triton\nimport triton.language as tl\n"
LOOP = {
    "stages": "num_stages",
    "unroll": "loop_unroll_factor",
    "flatten": "flatten",
    "warp_specialize": "warp_specialize",
}
"""A loop's attributes, as tl.range has them."""


def module(kernels: Sequence[KernelOp]) -> str:
    """A Python module of the kernels, equal helpers once."""
    texts = [part for op in kernels for part in _parts(op)]
    return "\n\n".join([IMPORTS, *dict.fromkeys(texts)])


def source(op: KernelOp) -> str:
    """The kernel's function, after those that it calls; imports go before. ValueError for an op that Triton lacks."""
    return "\n\n".join(_parts(op))


def _parts(op: KernelOp) -> list[str]:
    text = Text()
    for value, size in zip(op.body.block.args, (*(None for _ in op.views), *op.scalars), strict=True):
        name = text.fresh(size or value.name_hint or "p")
        text.values[value] = Expr(name)
    head = f"def {op.sym_name.data}({', '.join(text.of(a).text for a in op.body.block.args)}):"
    text.inlined = folded(op)
    text.lines += [f"    # {line}" for line in wrap(comment(op), 110)]
    before = len(text.lines)
    block(text, op.body.block)
    if len(text.lines) == before:
        text.line("pass")
    helpers = [f"@triton.jit\ndef {h}(a, b):\n    return {HELPERS[h]}\n" for h in sorted(text.helpers)]
    return [*helpers, "\n".join(["@triton.jit", head, *text.lines, ""])]


def comment(op: KernelOp) -> str:
    """What the kernel holds and costs."""
    parts: list[str] = []
    if (nodes := op.attributes.get("nodes")) is not None:
        parts.append(f"nodes {', '.join(map(str, ints(nodes)))}")  # pyright: ignore[reportArgumentType]
    for name, unit in (("bytes", "bytes"), ("flops", "FLOPs")):
        if isinstance(value := op.attributes.get(name), IntegerAttr):
            parts.append(f"{value.value.data} {unit}")
    schedule = {} if op.schedule is None else op.schedule.data
    parts += [f"{k} {v.value.data}" for k, v in schedule.items() if isinstance(v, IntegerAttr)]
    return "; ".join(parts)


def block(text: Text, found: Block) -> None:
    """The lines of a block."""
    for op in found.ops:
        match op:
            case LoadOp():
                load(text, op)
            case StoreOp():
                store(text, op)
            case AtomicOp():
                atomic(text, op)
            case scf.ForOp():
                loop(text, op)
            case scf.IfOp():
                choice(text, op)
            case scf.YieldOp():
                pass
            case SplitOp():
                source = text.exact(op.block).text
                names = [text.name(v, dims(v)) for v in op.results]
                text.line(f"{', '.join(names)} = tl.split({source})")
            case _ if (number := constant(op)) is not None:
                text.values[op.results[0]] = number
            case BroadcastOp():
                text.values[op.res] = EXPRESSIONS[BroadcastOp](text, op)
            case _ if type(op) in EXPRESSIONS:
                text.define(op.results[0], EXPRESSIONS[type(op)](text, op))
            case _:
                raise ValueError(f"no Triton for {op.name}: expected a pass to have lowered it")


def loop(text: Text, op: scf.ForOp) -> None:
    """`for k in range(..)`, its variables set before; each round ends with what they become."""
    names = [_variable(text, op, number) for number in range(len(op.iter_args))]
    found = op.body.block
    counter = text.name(found.args[0], ())
    for arg, name in zip(found.args[1:], names, strict=True):
        text.values[arg] = Expr(name, shape=dims(arg))
    text.line(f"for {counter} in {_range(text, op)}:")
    text.renamed.update(renamed(op, names, text.inlined))
    text.depth += 1
    before = len(text.lines)
    block(text, found)
    yielded = found.last_op.operands if isinstance(found.last_op, scf.YieldOp) else ()
    _assign(text, names, yielded)
    if len(text.lines) == before:
        text.line("pass")
    text.depth -= 1
    for result, name in zip(op.results, names, strict=True):
        text.values[result] = Expr(name, shape=dims(result))


def _variable(text: Text, op: scf.ForOp, number: int) -> str:
    """The name of a loop's variable, which holds its first value."""
    init = op.iter_args[number]
    given = text.exact(init)
    if given.text.isidentifier() and len(list(init.uses)) == 1:
        return given.text
    hints = (op.results[number].name_hint, op.body.block.args[number + 1].name_hint)
    name = text.fresh(next((h for h in hints if h), None))
    text.line(f"{name} = {given.text}")
    return name


def _range(text: Text, op: scf.ForOp) -> str:
    low, high, step = (text.of(v).text for v in (op.lb, op.ub, op.step))
    bounds = [low, high] if step == "1" else [low, high, step]
    if low == "0" and step == "1":
        bounds = [high]
    if "static" in op.attributes:
        return f"tl.static_range({', '.join(bounds)})"
    told = [f"{LOOP[k]}={_told(v)}" for k, v in sorted(op.attributes.items()) if k in LOOP]
    return f"{'tl.range' if told else 'range'}({', '.join([*bounds, *told])})"


def _told(value: Attribute) -> str:
    match value:
        case UnitAttr():
            return "True"
        case IntegerAttr():
            return str(value.value.data)
        case _:
            raise ValueError(f"loop attribute: expected a number or unit, found {value}")


def _assign(text: Text, names: Sequence[str], values: Sequence[SSAValue]) -> None:
    """Set variables to values, all at once where one reads what another sets."""
    pairs = [(n, e) for n, v in zip(names, values, strict=True) if (e := text.exact(v).text) != n]
    if any(re.search(rf"\b{n}\b", e) for i, (n, _) in enumerate(pairs) for _, e in pairs[i + 1 :]):
        text.line(f"{', '.join(n for n, _ in pairs)} = {', '.join(e for _, e in pairs)}")
        return
    for name, value in pairs:
        text.line(f"{name} = {value}")


def choice(text: Text, op: scf.IfOp) -> None:
    """`if c:`, both sides setting the results."""
    names = [text.fresh(r.name_hint) for r in op.results]
    text.line(f"if {text.of(op.cond).text}:")
    for region, word in ((op.true_region, None), (op.false_region, "else:")):
        if not region.blocks or (word and not names and not list(region.block.ops)):
            continue
        if word:
            text.line(word)
        text.depth += 1
        before = len(text.lines)
        block(text, region.block)
        last = region.block.last_op
        _assign(text, names, last.operands if isinstance(last, scf.YieldOp) else ())
        if len(text.lines) == before:
            text.line("pass")
        text.depth -= 1
    for result, name in zip(op.results, names, strict=True):
        text.values[result] = Expr(name, shape=dims(result))
