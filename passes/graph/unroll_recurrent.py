"""Recurrent layers step by step, in products of matrices and functions of their elements.

                                             %s = graph.add (graph.matmul %x, %w), %b            all steps at once
    %y, %h, %c = graph.lstm %x, %w, ..       %a = graph.add (graph.matmul %h0, %r), %s[0]        gates i, o, f
                                        -->  %g = graph.tanh (graph.add (graph.matmul %h0, %rc), %sc[0])
                                             %c1 = graph.add (graph.mul %f, %c0), (graph.mul %i, %g)
                                             %h1 = graph.mul %o, (graph.tanh %c1)                and so on

For lstm, gru and rnn of at most `steps` steps whose gates are sigmoid, tanh or relu, without lengths, peepholes, clip
and coupled gates; others stay. Before fold-constants, which makes constants of the parts of the weights.
"""

from collections.abc import Callable
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import SSAValue
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import PatternRewriter

from ...dialects._report import rewriting
from ...dialects._shape import shape
from ...dialects.graph._base import GraphOp
from ...dialects.graph.activation import ReluOp, SigmoidOp
from ...dialects.graph.contraction import MatmulOp
from ...dialects.graph.elementwise import AddOp, MulOp, SubOp
from ...dialects.graph.recurrent import GRUOp, LSTMOp, RecurrentOp, RNNOp
from ...dialects.graph.trigonometry import TanhOp
from ...dialects.graph.view import ConcatOp, ReshapeOp, TransposeOp
from ._made import Made

FUNCTIONS: dict[str, type[GraphOp]] = {"sigmoid": SigmoidOp, "tanh": TanhOp, "relu": ReluOp}
States = tuple[SSAValue | None, ...]
"""The state, for an lstm the cell too; None is zero."""
Step = Callable[[int, States], tuple[SSAValue, ...]]


@dataclass(frozen=True)
class UnrollRecurrent(ModulePass):
    """The sums over the input are taken for all steps at once."""

    name = "unroll-recurrent"

    steps: int = 512

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for inner in list(op.walk()):
            if isinstance(inner, RecurrentOp) and self.may_unroll(inner):
                unroll(inner)

    def may_unroll(self, op: RecurrentOp) -> bool:
        """Whether the op is plain enough."""
        names = {name.data for name in op.activations}
        odd = op.lengths is not None or op.bound is not None
        if isinstance(op, LSTMOp):
            odd = odd or op.p is not None or bool(op.coupled)
        return not odd and names <= FUNCTIONS.keys() and 0 < shape(op.x)[0] <= self.steps


def unroll(op: RecurrentOp) -> None:
    """Replace the op by its steps."""
    if not rewriting(op, op.name.removeprefix("graph.")):
        return
    new = Made(op.location)
    time, batch, _ = shape(op.x)
    outputs: list[SSAValue] = []
    finals: list[tuple[SSAValue, ...]] = []
    for d, backwards in enumerate(op.reversed):
        lane = Lane(op, d, new)
        step = {LSTMOp: lane.lstm, GRUOp: lane.gru, RNNOp: lane.rnn}[type(op)]()
        states: States = lane.first()
        rows: dict[int, SSAValue] = {}
        for t in reversed(range(time)) if backwards else range(time):
            states = step(t, states)
            rows[t] = new(ReshapeOp, states[0], shape=(1, 1, batch, op.hidden))
        outputs.append(new(ConcatOp, [rows[t] for t in range(time)], axis=0))
        finals.append(tuple(new(ReshapeOp, s, shape=(1, batch, op.hidden)) for s in states if s is not None))
    results = [
        new(ConcatOp, outputs, axis=1),
        *(new(ConcatOp, list(parts), axis=0) for parts in zip(*finals, strict=True)),
    ]
    PatternRewriter(op).replace(op, new.ops, results)


@dataclass(frozen=True)
class Lane:
    """One direction of a layer: H hidden, B batch, I inputs, T steps."""

    op: RecurrentOp
    direction: int
    new: Made

    def first(self) -> States:
        """The states before the first step."""
        given = [self.op.h0, *([self.op.c0] if isinstance(self.op, LSTMOp) else [])]
        return tuple(None if s is None else self.new.plane(s, self.direction) for s in given)

    def sums(self, gate: int, count: int, *, recurrent: bool = True) -> SSAValue:
        """x w + b of `count` gates from `gate` on for all steps, [T B, count H]; with the recurrent bias or without."""
        new, op, size = self.new, self.op, self.op.hidden
        time, batch, inputs = shape(op.x)
        w = new(TransposeOp, new.part(new.plane(op.w, self.direction), 0, gate * size, count * size), perm=(1, 0))
        total = new(MatmulOp, new(ReshapeOp, op.x, shape=(time * batch, inputs)), w)
        if op.b is None:
            return total
        bias = self.bias(gate, count)
        if recurrent:
            bias = new(AddOp, bias, self.bias(op.gates + gate, count))
        return new(AddOp, total, bias)

    def bias(self, gate: int, count: int) -> SSAValue:
        """The biases of `count` gates, those of the recurrent sums after the others, [1, count H]."""
        assert self.op.b is not None
        return self.new.part(
            self.new.plane(self.op.b, self.direction), 1, gate * self.op.hidden, count * self.op.hidden
        )

    def recurrent(self, gate: int, count: int) -> SSAValue:
        """r of `count` gates, transposed: [H, count H]."""
        new, size = self.new, self.op.hidden
        return new(
            TransposeOp, new.part(new.plane(self.op.r, self.direction), 0, gate * size, count * size), perm=(1, 0)
        )

    def gates(self, gate: int, count: int, act: int) -> Callable[[int, SSAValue | None], list[SSAValue]]:
        """`count` gates of one activation as a function of step and state."""
        new, batch, size = self.new, shape(self.op.x)[1], self.op.hidden
        sums, r, function = self.sums(gate, count), self.recurrent(gate, count), self.function(act)

        def at(t: int, h: SSAValue | None) -> list[SSAValue]:
            z = new.part(sums, 0, t * batch, batch)
            z = new(function, z if h is None else new(AddOp, new(MatmulOp, h, r), z))
            return [z] if count == 1 else [new.part(z, 1, i * size, size) for i in range(count)]

        return at

    def function(self, index: int) -> type[GraphOp]:
        """An activation of this direction."""
        return FUNCTIONS[self.op.acts(self.direction)[index].name]

    def rnn(self) -> Step:
        """h' = f(W x + R h + b)."""
        gate = self.gates(0, 1, 0)
        return lambda t, states: tuple(gate(t, states[0]))

    def lstm(self) -> Step:
        """c' = f c + i g, h' = o tanh(c')."""
        new, gates, cell, last = self.new, self.gates(0, 3, 0), self.gates(3, 1, 1), self.function(2)

        def step(t: int, states: States) -> tuple[SSAValue, ...]:
            h, c = states
            i, o, forget = gates(t, h)
            after = new(MulOp, i, *cell(t, h))
            after = after if c is None else new(AddOp, new(MulOp, forget, c), after)
            return new(MulOp, o, new(last, after)), after

        return step

    def gru(self) -> Step:
        """h' = g' + z (h - g'), g' from the state after the reset."""
        assert isinstance(self.op, GRUOp)
        new, batch, after = self.new, shape(self.op.x)[1], bool(self.op.reset_after)
        gates, sums, r = self.gates(0, 2, 0), self.sums(2, 1, recurrent=False), self.recurrent(2, 1)
        function, bias = self.function(1), None if self.op.b is None else self.bias(5, 1)

        def biased(x: SSAValue) -> SSAValue:
            return x if bias is None else new(AddOp, x, bias)

        def step(t: int, states: States) -> tuple[SSAValue, ...]:
            (h,) = states
            update, reset = gates(t, h)
            given = new.part(sums, 0, t * batch, batch)
            if h is None and (not after or bias is None):
                given = biased(given)
            elif h is None and bias is not None:
                given = new(AddOp, given, new(MulOp, reset, bias))
            elif h is not None and after:
                given = new(AddOp, given, new(MulOp, reset, biased(new(MatmulOp, h, r))))
            elif h is not None:
                given = new(AddOp, given, biased(new(MatmulOp, new(MulOp, reset, h), r)))
            fresh = new(function, given)
            if h is None:
                return (new(SubOp, fresh, new(MulOp, update, fresh)),)
            return (new(AddOp, fresh, new(MulOp, update, new(SubOp, h, fresh))),)

        return step
