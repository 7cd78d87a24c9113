"""Weights are stored in the order in which blocks are read: of a contraction K x N, of a window its places outside.

    %w = graph.weight @w0 : tensor<64x32x3x3xf32>                         kernel @conv, M pixels, N d0, K d2, d3, d1
-->
    %w = graph.weight @w0 : tensor<64x32x3x3xf32, strided<[1, 64, 6144, 2048]>>

Where a row of N is no whole number of 16 bytes, and one of K is, K lies innermost: a vocabulary of 50257, say. A weight
that lies so already, that other kernels read otherwise, or that is looked up, keeps its order. After assign-layout,
because K goes in the order of the left-hand side; before bufferize, which turns layouts to strides.
"""

from dataclasses import dataclass
from math import prod

from xdsl.context import Context
from xdsl.dialects.builtin import FunctionType, ModuleOp, TensorType
from xdsl.ir import Attribute, BlockArgument
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter

from ....dialects._generic import Access
from ....dialects._layout import ROW_MAJOR, laid_out, layout_of, ordered
from ....dialects._report import rewriting
from ....dialects._shape import shape
from ....dialects._stages import Kernel, Member, analyse
from ....dialects.graph.weight import WeightOp
from ....dialects.kernel import FuncOp, LaunchOp
from ..lower.body import Unsupported
from ..lower.shape import Product, Rows, form

WHOLE = 8
"""Elements that 16 bytes hold, of 16 bits."""


@dataclass(frozen=True)
class LayOutWeights(ModulePass):
    """Changes the types of weights, and of the arguments that they are given as."""

    name = "lay-out-weights"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        launches: dict[str, list[LaunchOp]] = {}
        for launch in op.walk():
            if isinstance(launch, LaunchOp):
                launches.setdefault(launch.kernel, []).append(launch)
        for func in [f for f in op.ops if isinstance(f, FuncOp)]:
            given = launches.get(func.sym_name.data, [])
            wanted = {
                arg: layout
                for arg, layout in _layouts(func).items()
                if given and all(isinstance(launch.arguments[arg.index].owner, WeightOp) for launch in given)
            }
            if wanted and rewriting(func, "lay-out", f"{len(wanted)} weights of @{func.sym_name.data}"):
                _lay_out(func, given, wanted)


def _layouts(func: FuncOp) -> dict[BlockArgument, Attribute]:
    """The orders that a kernel wants arguments in, which it has otherwise."""
    if (found := analyse(func)) is None:
        return {}
    try:
        shaped = form(found)
    except Unsupported:
        return {}
    match shaped:
        case Product():
            n, k = (prod(found.sizes[d] for d in dims) for dims in (shaped.n, shaped.k))
            columns = (*shaped.m, *shaped.n)
            order = (*shaped.batch, *((*columns, *shaped.k) if n % WHOLE and not k % WHOLE else (*shaped.k, *columns)))
        case Rows() if shaped.one_by_one:
            order = (*(d for row in shaped.r for d in row), *shaped.x)
        case _:
            return {}
    wanted: dict[BlockArgument, Attribute] = {}
    for member in found.members:
        for i, view in enumerate(member.generic.inputs):
            arg = found.places.get(view.value)
            if isinstance(arg, BlockArgument) and member.reduced and i not in member.generic.unused:
                layout = _layout(found, member, view, order)
                if layout is not None and layout_of(arg.type) == ROW_MAJOR != layout:
                    wanted[arg] = layout
    return wanted


def _layout(found: Kernel, member: Member, view: Access, order: tuple[int, ...]) -> Attribute | None:
    """The order of an argument's axes that follows that of the dims."""
    captured = any(view.value in m.generic.captures for m in found.members)
    readers = sum(v.value is view.value for m in found.members for v in m.generic.inputs)
    if captured or readers > 1 or not view.is_projected:
        return None
    dims = [None if i.dim is None else member.dims[i.dim] for i in view.indices]
    places = [order.index(d) if d in order else -1 for d in dims]
    return ordered(shape(view.value), sorted(range(len(dims)), key=lambda axis: places[axis]))


def _lay_out(func: FuncOp, launches: list[LaunchOp], layouts: dict[BlockArgument, Attribute]) -> None:
    for arg, layout in layouts.items():
        assert isinstance(arg.type, TensorType)
        kind = laid_out(arg.type, layout)
        Rewriter.replace_value_with_new_type(arg, kind)
        for launch in launches:
            weight = launch.arguments[arg.index].owner
            assert isinstance(weight, WeightOp)
            again = WeightOp(weight.weight, kind)
            again.location = weight.location
            Rewriter.insert_op(again, InsertPoint.before(launch))
            launch.operands[arg.index] = again.res
            if not weight.res.uses:
                Rewriter.erase_op(weight)
    inputs = [arg.type for arg in func.body.block.args]
    func.function_type = FunctionType.from_lists(inputs, func.function_type.outputs.data)
