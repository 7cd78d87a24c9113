"""Choose each kernel's register tiles, and lay its weights out so that they are read in the order of its loops.

    %w = graph.weight @w0 : tensor<768x3072xf32>
    kernel.func @k0(%x: tensor<128x768xf32>, %w: tensor<768x3072xf32>) ... { contraction (m, n, k) }
    -->
    %w = graph.weight @w0 : tensor<768x3072xf32, affine_map<(k, n) -> (n floordiv 16, k, n mod 16)>>
    kernel.func @k0(...) attributes {schedule = #kernel.schedule<[{row = 0, rows = 6, stage = 0, vector = 1, ...}]>}

After assign-layout, because the tile depends on how activations lie; before bufferize, which turns layouts to strides.
A kernel that has a schedule keeps it, and `schedules` gives those of others by the kernel's signature, as a tuner found
them: `schedules="8d1f...@0:vector=1,vectors=2,row=0,rows=6;..."`. One that cannot be carried out is refused.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from xdsl.context import Context
from xdsl.dialects.builtin import AffineMapAttr, FunctionType, ModuleOp, TensorType
from xdsl.ir import Attribute, BlockArgument, SSAValue
from xdsl.ir.affine import AffineExpr, AffineMap
from xdsl.rewriter import InsertPoint, Rewriter
from xdsl.utils.exceptions import PassFailedException

from ...dialects import kernel
from ...dialects._generic import Access
from ...dialects._layout import ROW_MAJOR, laid_out, layout_of, ordered
from ...dialects._report import rewriting
from ...dialects._schedules import Chooser, Space, told
from ...dialects._shape import shape
from ...dialects._signature import launched, signature, weights_of
from ...dialects._stages import Kernel, Member, analyse
from ...dialects.graph.weight import WeightOp
from .._nest.legality import ScheduleError, check
from .._nest.problem import Machine, Problem, Tile, Tiling
from .._nest.schedule import parse_schedule, schedule, tiles_of
from .._nest.space import Choices, NestSpace, choices_of
from .._nest.tiling import bound, choose
from .._nest.walk import Walk, problem, walk


@dataclass(frozen=True)
class ChooseSchedule(Chooser):
    """Options: bytes of a vector register, how many there are, bytes of two caches, schedules by signature."""

    name = "choose-schedule"
    vector_bytes: int = 32
    registers: int = 16
    l1: int = 32 * 1024
    l2: int = 512 * 1024
    schedules: str = ""
    carried_out: ClassVar[str] = "lower-kernel-to-loop"

    @property
    def machine(self) -> Machine:
        """What tiles are chosen by."""
        return Machine(self.vector_bytes, self.registers, self.l1, self.l2)

    def knowing(self, schedules: str) -> "ChooseSchedule":
        return replace(self, schedules=schedules)

    def signature(self, func: kernel.FuncOp, launches: Sequence[kernel.LaunchOp]) -> str:
        return signature(func, weights_of(launches))

    def space(self, func: kernel.FuncOp, launches: Sequence[kernel.LaunchOp]) -> Space | None:
        return space_of(func, weights_of(launches), self.machine)

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        machine, known = self.machine, told(self.schedules)
        for func, launches in launched(op):
            try:
                asked = tiles_of(func.schedule)
                if known and not asked:
                    asked = parse_schedule(known.get(self.signature(func, launches), ""))
                _schedule(func, launches, machine, asked)
            except ScheduleError as error:
                raise PassFailedException(f"choose-schedule: kernel @{func.sym_name.data}: {error}") from error


def space_of(func: kernel.FuncOp, weights: frozenset[int], machine: Machine) -> NestSpace | None:
    """The schedules of a kernel; None if it leaves no choice."""
    if (found := analyse(func)) is None:
        return None
    free = frozenset(func.body.block.args[i] for i in weights)
    homes = {value: (value, value.type) for value in found.crossing()}
    stages: dict[int, Choices] = {}
    for index, stage in enumerate(found.stages):
        seen = problem(found, walk(found, stage, homes, frozenset(), None, 1), machine.vector_bytes, free)
        if (choices := choices_of(seen, machine)) is not None:
            stages[index] = choices
    return NestSpace(stages, machine) if stages else None


def _schedule(
    func: kernel.FuncOp, launches: list[kernel.LaunchOp], machine: Machine, asked: Mapping[int, Tile]
) -> None:
    if (found := analyse(func)) is None:
        if asked:
            raise ScheduleError("it holds loops of its own: no schedule applies to them")
        return
    if beyond := [stage for stage in asked if stage not in range(len(found.stages))]:
        raise ScheduleError(f"no stage {beyond[0]}; it has {len(found.stages)}")
    args = func.body.block.args
    weights = frozenset(args[i] for i in weights_of(launches))
    homes = {value: (value, value.type) for value in found.crossing()}
    tiles: dict[int, Tile] = {}
    words: list[str] = []
    layouts: dict[SSAValue, Attribute] = {}
    for index, stage in enumerate(found.stages):
        addresses = walk(found, stage, homes, frozenset(), None, 1, asked.get(index))
        seen = problem(found, addresses, machine.vector_bytes, weights)
        if (wanted := asked.get(index)) is not None:
            check(seen, wanted)
            tiles[index] = wanted
        tiling = choose(seen, machine, wanted)
        if tiling.vector is None or tiling.vector in seen.reduced:
            continue
        if seen.reduced and wanted is None:
            tiles[index] = Tile(tiling.vector, tiling.vectors, tiling.row, tiling.rows, join=tiling.join)
            words.append(f"{tiling.rows} x {tiling.width}, bound by {bound(seen, machine, tiling)}")
        for member in stage.members:
            for i, view in enumerate(member.generic.inputs):
                arg = found.places.get(view.value)
                if arg is not None and arg in weights and i not in member.generic.unused and arg not in layouts:
                    layouts[arg] = _layout(found, member, view, seen, tiling, addresses)
    if tiles and func.schedule is None and rewriting(func, "schedule", ": ".join((func.sym_name.data, *words))):
        func.schedule = schedule(tiles)
    changed = {arg: layout for arg, layout in layouts.items() if layout != layout_of(arg.type)}
    if changed and rewriting(func, "pack-weights", func.sym_name.data):
        _lay_out(func, launches, changed)


def _layout(found: Kernel, member: Member, view: Access, seen: Problem, tiling: Tiling, addresses: Walk) -> Attribute:
    """The layout in which a weight is read forwards: outer dims, panel, reduction, place in the panel."""
    current = layout_of(view.value.type)
    captured = any(view.value in m.generic.captures for m in found.members)
    if current != ROW_MAJOR or not view.is_projected or captured:
        return current
    axes: dict[int, int] = {}
    for axis, index in enumerate(view.indices):
        if index.dim is not None and member.dims[index.dim] in member.space:
            axes[member.dims[index.dim]] = axis
    fixed = [axis for axis in range(len(view.indices)) if axis not in axes.values()]
    vector = tiling.vector
    reduced = sorted((d for d in axes if d in member.reduced), key=lambda d: _depth(found, member, view, d))
    others = sorted((d for d in axes if d not in member.reduced and d != vector), key=lambda d: _width(addresses, d))
    if vector not in axes:
        return current
    dims = shape(view.value)
    inner = axes[vector]
    if not reduced or dims[inner] <= tiling.width:
        order = (*fixed, *(axes[d] for d in others), *(axes[d] for d in reduced), inner)
        return ordered(dims, order)
    exprs = [AffineExpr.dimension(axis) for axis in (*fixed, *(axes[d] for d in others))]
    exprs.append(AffineExpr.dimension(inner) // tiling.width)
    exprs += [AffineExpr.dimension(axes[d]) for d in reduced]
    exprs.append(AffineExpr.dimension(inner) % tiling.width)
    return AffineMapAttr(AffineMap(len(dims), 0, tuple(exprs)))


def _depth(found: Kernel, member: Member, weight: Access, dim: int) -> tuple[int, ...]:
    """Widest first, as the other operands have them; what they do not tell, by the weight's own axes."""
    steps = [
        -abs(found.access(member, i).inner(dim))
        for i, view in enumerate(member.generic.inputs)
        if view is not weight and i not in member.generic.unused and view.value in found.places
    ]
    return (*steps, next(a for a, i in enumerate(weight.indices) if i.dim is not None and member.dims[i.dim] == dim))


def _width(addresses: Walk, dim: int) -> int:
    """Widest stores first."""
    return -max((abs(a.inner(dim)) for places in addresses.writes.values() for a in places), default=0)


def _lay_out(func: kernel.FuncOp, launches: list[kernel.LaunchOp], layouts: dict[SSAValue, Attribute]) -> None:
    for arg, layout in layouts.items():
        if not isinstance(arg, BlockArgument) or not isinstance(arg.type, TensorType):
            continue
        type = laid_out(arg.type, layout)
        Rewriter.replace_value_with_new_type(arg, type)
        for launch in launches:
            weight = launch.arguments[arg.index].owner
            if isinstance(weight, WeightOp):
                again = WeightOp(weight.weight, type)
                again.location = weight.location
                Rewriter.insert_op(again, InsertPoint.before(launch))
                launch.operands[arg.index] = again.res
                if not weight.res.uses:
                    Rewriter.erase_op(weight)
    inputs = [arg.type for arg in func.body.block.args]
    func.function_type = FunctionType.from_lists(inputs, func.function_type.outputs.data)
