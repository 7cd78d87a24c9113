"""The kernels of an attention become one: its scores are not written to memory.

    %s = kernel.launch @k3(%q, %k, %mask)        scores
    %p = kernel.launch @k4(%s)                   softmax
    %y = kernel.launch @k5(%p, %v)               values
-->
    %y = kernel.launch @attention0(%q, %k, %mask, %v)    their generics, one after the other

Only what lower-kernel-to-tile has a template for, and where nobody else reads scores or probabilities. After
fuse-kernels, on tensors.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Block, Region, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter

from ....dialects._location import fused
from ....dialects._report import missed, rewriting
from ....dialects._stages import analyse
from ....dialects.kernel import FuncOp, LaunchOp, ReturnOp
from ..lower.flash import attention

Chain = tuple[LaunchOp, LaunchOp, LaunchOp]


@dataclass(frozen=True)
class FuseAttention(ModulePass):
    """Requires kernels of generics on tensors. Ensures that what it fuses is attention as the lowering knows it."""

    name = "fuse-attention"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        kernels = {f.sym_name.data: f for f in op.ops if isinstance(f, FuncOp)}
        made: dict[tuple[str, ...], FuncOp | None] = {}
        for chain in list(chains(op)):
            names = tuple(launch.kernel for launch in chain)
            places = tuple(str(_place(a, b)) for a, b in pairwise(chain))
            key = (*names, *places)
            if key not in made:
                count = sum(func is not None for func in made.values())
                made[key] = joined(f"attention{count}", [kernels[n] for n in names], [int(p) for p in places])
            if (func := made[key]) is None:
                missed(chain[0], "attention", "it is none that the lowering knows")
            elif rewriting(chain[-1], "attention", func.sym_name.data, launches=2):
                replace(chain, func, kernels)
        used = {launch.kernel for launch in op.walk() if isinstance(launch, LaunchOp)}
        for func in (f for n, f in kernels.items() if n not in used):
            Rewriter.erase_op(func)


def chains(module: ModuleOp) -> Iterator[Chain]:
    """Three launches, each the only reader of the one before, the one in the middle of it alone."""
    for last in module.walk():
        if not isinstance(last, LaunchOp):
            continue
        for middle in filter(None, (_before(v) for v in last.arguments)):
            if len(middle.arguments) == 1 and (first := _before(middle.arguments[0])) is not None:
                yield first, middle, last


def _before(value: SSAValue) -> LaunchOp | None:
    """The launch whose only result this is, if it is read once."""
    owner = value.owner
    return owner if isinstance(owner, LaunchOp) and len(owner.res) == 1 and value.has_one_use() else None


def _place(launch: LaunchOp, reader: LaunchOp) -> int:
    return list(reader.arguments).index(launch.res[0])


def joined(name: str, funcs: Sequence[FuncOp], places: Sequence[int]) -> FuncOp | None:
    """A kernel that does what these do, the result of each at that place among the next one's arguments; None if that
    is no attention."""
    types = [t for f, p in zip(funcs, (None, *places), strict=True) for t in _others(f.function_type.inputs.data, p)]
    block = Block(arg_types=types)
    given = iter(block.args)
    passed: SSAValue | None = None
    for func, place in zip(funcs, (None, *places), strict=True):
        values: dict[SSAValue, SSAValue] = {}
        for arg in func.body.block.args:
            if arg.index == place and passed is not None:
                values[arg] = passed
            else:
                values[arg] = next(given)
                values[arg].name_hint = arg.name_hint
        for inner in func.body.block.ops:
            if isinstance(inner, ReturnOp):
                passed = values[inner.values[0]]
            else:
                block.add_op(inner.clone(values))
    assert passed is not None
    block.add_op(ReturnOp(passed))
    made = FuncOp(name, types, [passed.type], Region(block))
    found = analyse(made)
    return made if found is not None and attention(found) is not None else None


def _others(items: Sequence[object], place: int | None) -> list:
    return [item for i, item in enumerate(items) if i != place]


def replace(chain: Chain, func: FuncOp, kernels: dict[str, FuncOp]) -> None:
    """Launch the joined kernel where the last one was."""
    first, middle, last = chain
    if func.parent is None:
        func.location = fused([kernels[launch.kernel].location for launch in chain])
        Rewriter.insert_op(func, InsertPoint.before(kernels[first.kernel]))
    rest = _others(list(last.arguments), _place(middle, last))
    launch = LaunchOp(func.sym_name.data, [*first.arguments, *rest], [r.type for r in last.res])
    launch.location = fused([op.location for op in chain])
    Rewriter.insert_op(launch, InsertPoint.before(last))
    launch.res[0].name_hint = last.res[0].name_hint
    last.res[0].replace_all_uses_with(launch.res[0])
    for op in reversed(chain):
        Rewriter.erase_op(op)
