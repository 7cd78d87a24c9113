"""Exporters of control flow: regions become subgraphs, which see the names round them."""

import numpy as np

from .....dialects.graph.control import FLAG, IfOp, LoopOp, WhileOp
from ..export_registry import exports
from ..writer import Writer, tensor_type, value_info


@exports(IfOp)
def if_(w: Writer, op: IfOp) -> None:
    """One node."""
    then, other = (w.subgraph(op, region) for region in op.regions)
    w.node("If", op, op.condition, then_branch=then, else_branch=other)


@exports(LoopOp)
def loop(w: Writer, op: LoopOp) -> None:
    """A Loop whose condition goes round unchanged."""
    body = w.subgraph(op, op.regions[0])
    going = w.fresh(f"{w.label(op)}_going")
    again = w.fresh(f"{w.label(op)}_again")
    w.types[going] = w.types[again] = tensor_type(np.dtype(np.bool_), ())
    body.input.insert(1, value_info(going, w.types[going]))
    body.output.insert(0, value_info(again, w.types[again]))
    body.node.add(op_type="Identity", input=[going], output=[again], name=again)
    w.node("Loop", op, w.tensor(np.array(op.steps.value.data, np.int64)), None, *op.inits, body=body)


@exports(WhileOp)
def while_(w: Writer, op: WhileOp) -> None:
    """A Loop whose rounds do not read the condition, which holds in them."""
    assert op.condition.type == FLAG
    body = w.subgraph(op, op.regions[0])
    going = w.fresh(f"{w.label(op)}_going")
    w.types[going] = tensor_type(np.dtype(np.bool_), ())
    body.input.insert(1, value_info(going, w.types[going]))
    w.node("Loop", op, op.limit, op.condition, *op.inits, body=body)
