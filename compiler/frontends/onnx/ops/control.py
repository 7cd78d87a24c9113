"""Importers of If, Loop and Scan. What is decided at compile time leaves no control flow: the branch taken alone, few
rounds one after the other."""

from collections.abc import Sequence

import numpy as np
from xdsl.dialects.builtin import TensorType
from xdsl.ir import Attribute, Block, BlockArgument, Region, SSAValue

from .....dialects._shape import element, shape, tensor
from .....dialects.graph._base import GraphOp
from .....dialects.graph.control import COUNT, FLAG, IfOp, LoopOp, WhileOp, YieldOp
from .....dialects.graph.elementwise import SubOp
from .....dialects.graph.gather import GatherOp
from .....dialects.graph.view import ConcatOp, ReshapeOp
from .....dialects.graph.weight import ConstantOp
from ..node import Node
from ..registry import onnx_op
from ._axes import axis_of
from .view import reshaped, sliced, transposed

UNROLLED = 8
"""Rounds up to which a loop is unrolled."""
GROWING = 64
"""Rounds up to which a loop is unrolled whose carried values change their shape."""
FOREVER = int(np.iinfo(np.int64).max)


def type_of(value: SSAValue) -> TensorType[Attribute]:
    """A value's type."""
    return tensor(element(value), shape(value))


@onnx_op("If")
def if_(n: Node) -> Sequence[SSAValue]:
    """A known condition takes its branch; else both branches must yield the same types."""
    if (known := n.known(0)) is not None:
        return n.inline(n.graph("then_branch" if known.reshape(-1)[0] else "else_branch"))
    regions = [n.region(n.graph(name), []) for name in ("then_branch", "else_branch")]
    then, other = ([type_of(v) for v in yield_of(region).operands] for region in regions)
    if then != other:
        n.constant(0)  # refuses: it must be known which types they are
    return n.emits(IfOp, reshaped(n, n.input(0), ()), regions=regions)


def yield_of(region: Region) -> YieldOp:
    """The end of an imported subgraph."""
    last = region.block.last_op
    assert isinstance(last, YieldOp)
    return last


@onnx_op("Loop")
def loop(n: Node) -> Sequence[SSAValue]:
    """Unrolled, counted, or as long as its condition holds."""
    inits = [n.input(i) for i in range(2, n.count)]
    if len(n.graph("body").output) > 1 + len(inits):
        for i in (0, 1):
            if n.has(i):
                n.constant(i)  # refuses: the number of rounds is part of the shape of the scan outputs
    trip, going = n.known(0), n.known(1)
    if going is not None and not going.reshape(-1)[0]:
        trip = np.zeros((), np.int64)
    steps = max(int(trip.reshape(-1)[0]), 0) if trip is not None else FOREVER if not n.has(0) else None
    settled = not n.has(1) or going is not None
    if settled and steps is not None and 0 < steps <= UNROLLED and (found := unrolled(n, steps, inits)) is not None:
        return found
    region = n.region(n.graph("body"), [COUNT, FLAG, *(type_of(v) for v in inits)])
    last = yield_of(region)
    for old, new in zip(inits, last.operands[1:], strict=False):
        if type_of(old) != type_of(new):
            return growing(n, steps if settled else None, inits, f"from {old.type} to {new.type}")
    always = settled and is_true(n, last.operands[0], region.block)
    forget_condition(n, region)
    if always and steps is not None and steps < FOREVER:
        last.operands = last.operands[1:]
        return n.emits(LoopOp, inits, regions=[region], steps=steps)
    if len(last.operands) > 1 + len(inits):
        n.refuse("scan outputs of a loop whose number of rounds is known at run time only")
    limit = reshaped(n, n.input(0), ()) if n.has(0) else n.const(np.array(FOREVER))
    condition = reshaped(n, n.input(1), ()) if n.has(1) else n.const(np.array(True))
    return n.emits(WhileOp, limit, condition, inits, regions=[region])


def growing(n: Node, steps: int | None, inits: Sequence[SSAValue], change: str) -> Sequence[SSAValue]:
    """A loop whose carried values change their types: unrolled if the number of rounds is known and not too large."""
    if steps is None or steps > GROWING:
        n.refuse(f"a carried value changes its type {change}, and the number of rounds is unknown or above {GROWING}")
    if (found := unrolled(n, steps, inits) if steps else inits) is None:
        n.refuse(f"a carried value changes its type {change}, and the condition is known at run time only")
    return found


def is_true(n: Node, value: SSAValue, block: Block) -> bool:
    """Whether the next condition is always true: a constant, or the one before (which was true in the first round)."""
    known = n.importing.constants.known(value)
    return value is block.args[1] or (known is not None and bool(known.reshape(-1)[0]))


def forget_condition(n: Node, region: Region) -> None:
    """Within a round its condition is true; the next one is made a scalar."""
    block, last = region.block, yield_of(region)
    true = ConstantOp(np.array(True))
    true.location = n.location
    block.insert_op_before(true, block.first_op or last)
    block.args[1].replace_all_uses_with(true.res)
    block.erase_arg(block.args[1])
    if shape(last.operands[0]):
        scalar = ReshapeOp.make(last.operands[0], shape=[])
        scalar.location = n.location
        block.insert_op_before(scalar, last)
        last.operands[0] = scalar.res


def unrolled(n: Node, steps: int, inits: Sequence[SSAValue]) -> Sequence[SSAValue] | None:
    """The rounds one after the other; None if it is not known after a round whether there is another."""
    carried, rows = list(inits), list[list[SSAValue]]()
    for step in range(steps):
        made = n.inline(n.graph("body"), n.const(np.array(step)), n.const(np.array(True)), *carried)
        carried = list(made[1 : 1 + len(inits)])
        rows.append([n.emit(ReshapeOp, v, shape=[1, *shape(v)]) for v in made[1 + len(inits) :]])
        if (going := n.importing.constants.known(made[0])) is None and step + 1 < steps:
            return None
        if going is not None and not going.reshape(-1)[0]:
            break
    stacked = [row[0] if len(row) == 1 else n.emit(ConcatOp, row, axis=0) for row in zip(*rows, strict=True)]
    return [*carried, *stacked]


@onnx_op("Scan")
def scan(n: Node) -> Sequence[SSAValue]:
    """A counted loop whose rounds take slices of the scan inputs. In opset 8 there is a batch axis before all."""
    if n.opset > 8:
        return scanned(n, [n.input(i) for i in range(n.count)])
    if n.has(0):
        n.refuse("the lengths of the sequences of Scan (opset 8) are not supported")
    entries: list[Sequence[SSAValue]] = []
    for entry in range(n.shape(1)[0]):
        own = [sliced(n, n.input(i), 0, entry, 1) for i in range(1, n.count)]
        found = scanned(n, [reshaped(n, v, shape(v)[1:]) for v in own])
        entries.append([n.emit(ReshapeOp, v, shape=[1, *shape(v)]) for v in found])
    return [v[0] if len(v) == 1 else n.emit(ConcatOp, v, axis=0) for v in zip(*entries, strict=True)]


def scanned(n: Node, inputs: Sequence[SSAValue]) -> Sequence[SSAValue]:
    """The final states and the stacked outputs of a Scan over these states and scan inputs."""
    count = n.int("num_scan_inputs")
    states, rows = list(inputs[: len(inputs) - count]), inputs[len(inputs) - count :]
    axes = [axis_of(a, len(shape(v))) for a, v in zip(_each(n, "scan_input_axes", count), rows, strict=True)]
    lengths = {shape(v)[axis] for v, axis in zip(rows, axes, strict=True)}
    if len(lengths) != 1:
        raise ValueError(f"expected one length of all scan inputs, found {sorted(lengths)}")
    (steps,) = lengths
    parts = [tensor(element(v), [d for i, d in enumerate(shape(v)) if i != a]) for v, a in zip(rows, axes, strict=True)]
    region = n.region(n.graph("body"), [*(type_of(v) for v in states), *parts])
    step = region.block.insert_arg(COUNT, 0)
    backwards = _each(n, "scan_input_directions" if n.opset > 8 else "directions", count)
    for row, axis, back in zip(rows, axes, backwards, strict=True):
        take_row(n, region.block, region.block.args[1 + len(states)], row, axis, step, steps if back else None)
    results = list(n.emits(LoopOp, states, regions=[region], steps=steps))
    outs = len(results) - len(states)
    reverse, places = _each(n, "scan_output_directions", outs), _each(n, "scan_output_axes", outs)
    for i, (back, axis) in enumerate(zip(reverse, places, strict=True), len(states)):
        value = sliced(n, results[i], 0, steps - 1, steps, -1) if back and steps > 1 else results[i]
        order = list(range(1, len(shape(value))))
        order.insert(axis_of(axis, len(shape(value))), 0)
        results[i] = transposed(n, value, order)
    return results


def take_row(
    n: Node, block: Block, argument: SSAValue, row: SSAValue, axis: int, step: SSAValue, steps: int | None
) -> None:
    """Replace a block argument by the round's slice of a scan input, counted from the end if `steps` is given."""
    made: list[GraphOp | ConstantOp] = []
    if steps is not None:
        made.append(ConstantOp(np.array(steps - 1)))
        made.append(SubOp.make(made[0].results[0], step))
    made.append(GatherOp.make(row, made[-1].results[0] if made else step, axis=axis))
    for op in made:
        op.location = n.location
    first = block.first_op
    assert first is not None and isinstance(argument, BlockArgument)
    block.insert_ops_before(made, first)
    argument.replace_all_uses_with(made[-1].results[0])
    block.erase_arg(argument)


def _each(n: Node, name: str, count: int) -> tuple[int, ...]:
    values = n.ints(name, None) or (0,) * count
    if len(values) != count:
        raise ValueError(f"{name}: expected {count} numbers, found {list(values)}")
    return values
