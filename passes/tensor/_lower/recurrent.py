"""Recurrent layers: the input's sums for all time steps in one product, then a loop of the host over time.

%s = x W^T + b                                              // [time * batch, directions * gates * hidden]
%r:3 = scf.for %t = 0 to time iter_args(%h, %c, %y) {       // one loop a direction; backwards it reads time - 1 - t
  %st = tensor.extract_slice %s[%t, ..]
  h R^T + %st, the gates, the next h and c
  %y1 = tensor.insert_slice %h1 into %y[%t, ..]
}
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from xdsl.dialects import scf
from xdsl.dialects.builtin import IndexType, i1
from xdsl.ir import Attribute, Block, Region, SSAValue

from ....dialects._shape import dtype, element, shape
from ....dialects.graph._numbers import Numbers
from ....dialects.graph.recurrent import GRUOp, LSTMOp, RecurrentOp
from ._body import widened
from ._build import Build, lowering, signless
from ._cells import Step, gru_step, held, lstm_step, rnn_step
from ._products import Factor, product
from ._slices import extract_slice, insert_slice

States = list[SSAValue | None]


@lowering(RecurrentOp)
def recurrent(op: RecurrentOp, b: Build) -> list[SSAValue]:
    """Direction after direction; half floats are widened at the start and rounded at the end."""
    layer = Layer(op, b, widened(signless(element(op.x))))
    y = b.empty(shape(op.y), layer.kind) if op.y.uses else None
    sums, valid = layer.input_sums(), layer.valid()
    finals: list[list[SSAValue]] = []
    for direction in range(len(op.reversed)):
        y, states = layer.run(direction, sums, valid, y)
        finals.append(states)
    states = [b.concat([b.reshape(v, (1, *shape(v))) for v in each], 0) for each in zip(*finals, strict=True)]
    found = [b.empty(shape(op.y), layer.kind) if y is None else y, *states]
    return [layer.narrowed(v, r.type) for v, r in zip(found, op.results, strict=True)]


@dataclass(frozen=True)
class Layer:
    """What is built for one op; `kind` is the type computed in."""

    op: RecurrentOp
    b: Build
    kind: Attribute

    def narrowed(self, value: SSAValue, type: Attribute) -> SSAValue:
        """A result in its own type."""
        kind = signless(element(type))
        return value if kind == self.kind else self.b.pointwise([value], shape(value), kind, lambda t, x: x)

    def wide(self, value: SSAValue) -> SSAValue:
        """An operand in the type computed in."""
        if element(value) == self.kind:
            return self.b[value]
        return self.b.pointwise([value], shape(value), self.kind, lambda t, x: x)

    def array(self, value: SSAValue) -> Numbers | None:
        """A known operand in the type computed in."""
        found = self.b.constant(value)
        return None if found is None else found.astype(dtype(self.kind))

    def own(self, value: SSAValue, direction: int) -> SSAValue:
        """A direction's part of an operand."""
        if (known := self.array(value)) is not None:
            return self.b.weight(np.ascontiguousarray(known[direction]))
        dims = shape(value)
        part = self.b.slice(value, [direction, *(0 for _ in dims[1:])], [1, *dims[1:]])
        return self.wide(self.b.reshape(part, dims[1:]))

    def columns(self, value: SSAValue, direction: int, start: int, stop: int) -> SSAValue:
        """Rows start..stop of a direction's matrix, transposed: of a known one at compile time."""
        if (known := self.array(value)) is not None:
            return self.b.weight(np.ascontiguousarray(known[direction, start:stop].T), "r")
        width = shape(value)[-1]
        part = self.b.slice(value, [direction, start, 0], [1, stop - start, width])
        return self.b.transpose(self.wide(self.b.reshape(part, (stop - start, width))), (1, 0))

    def input_sums(self) -> SSAValue:
        """x W^T + b of all directions, [time, batch, directions * gates * hidden]."""
        op, b = self.op, self.b
        time, batch, width = shape(op.x)
        dirs, rows = range(len(op.reversed)), op.gates * op.hidden
        if (known := self.array(op.w)) is not None:
            w = b.weight(np.ascontiguousarray(known.reshape(-1, width).T), "w")
        else:
            w = b.concat([self.columns(op.w, d, 0, rows) for d in dirs], 1)
        x = b.reshape(self.wide(op.x), (time * batch, width))
        sums = product(b, Factor(x, ("m", "k")), Factor(w, ("k", "n")), ("m", "n"), self.kind)
        if op.b is not None:
            bias = self.biases(op.b)
            sums = b.pointwise([sums, bias], shape(sums), self.kind, lambda t, s, c: t.add(s, c))
        return b.reshape(sums, (time, batch, len(dirs) * rows))

    def biases(self, value: SSAValue) -> SSAValue:
        """What is added to the input's sums, [directions * gates * hidden]."""
        op, b, dirs = self.op, self.b, range(len(self.op.reversed))
        if (known := self.array(value)) is not None:
            return b.weight(np.concatenate([op.split_bias(known[d])[0] for d in dirs]), "b")
        rows, hidden = op.gates * op.hidden, op.hidden
        shared = rows if not isinstance(op, GRUOp) else 2 * hidden
        parts: list[SSAValue] = []
        for d in dirs:
            own = self.own(value, d)
            halves = b.slice(own, [0], [shared]), b.slice(own, [rows], [shared])
            parts.append(b.pointwise(halves, (shared,), self.kind, lambda t, w, r: t.add(w, r)))
            if shared < rows:
                parts.append(b.slice(own, [shared], [rows - shared]))
        return b.concat(parts, 0)

    def rest(self, direction: int) -> SSAValue | None:
        """The bias of a GRU's hidden gate that belongs to the recurrent sum, [hidden]."""
        op = self.op
        if not isinstance(op, GRUOp) or op.b is None:
            return None
        if (known := self.array(op.b)) is not None:
            found = op.split_bias(known[direction])[1]
            return self.b.weight(np.ascontiguousarray(found), "b") if found.any() else None
        return self.b.slice(self.own(op.b, direction), [5 * op.hidden], [op.hidden])

    def valid(self) -> SSAValue | None:
        """Whether a batch entry still runs, [time, batch]; None if all run to the end."""
        if (lengths := self.op.lengths) is None:
            return None
        dims = shape(self.op.x)[:2]
        return self.b.pointwise([lengths], dims, i1, lambda t, n: t.cmp("lt", t.cast(t.index(0), n.type), n))

    def run(
        self, direction: int, sums: SSAValue, valid: SSAValue | None, y: SSAValue | None
    ) -> tuple[SSAValue | None, list[SSAValue]]:
        """y with a direction's part written, and its last states."""
        op, b, time = self.op, self.b, shape(self.op.x)[0]
        step, rest, starts = self.step(direction), self.rest(direction), self.starts(direction)
        if time == 1:
            new, out = self.once(step, rest, self.at(sums, 0, direction), self.at(valid, 0, None), starts)
            return self.written(y, out, 0, direction), new
        inits = [self.zeros() if v is None else v for v in starts]
        carried = [*inits, y] if y is not None else inits
        block = Block(arg_types=[IndexType(), *(v.type for v in carried)])
        with b.into(block):
            position, *values = block.args
            host = b.host
            if op.reversed[direction]:
                position = host.sub(host.const(time - 1, IndexType()), position)
            states: States = list(values[: len(inits)])
            now = self.at(sums, position, direction)
            new, out = self.once(step, rest, now, self.at(valid, position, None), states)
            target = self.written(values[-1] if y is not None else None, out, position, direction)
            b.add(scf.YieldOp(*new, *(() if target is None else (target,))))
        host = b.host
        low, high, by = (host.const(n, IndexType()) for n in (0, time, 1))
        loop = scf.ForOp(low, high, by, carried, Region(block))
        b.add(loop)
        return loop.results[-1] if y is not None else None, list(loop.results[: len(inits)])

    def once(
        self, step: Step, rest: SSAValue | None, sums: SSAValue | None, valid: SSAValue | None, states: States
    ) -> tuple[list[SSAValue], SSAValue]:
        """The next states, and what goes into y."""
        assert sums is not None
        match self.op:
            case LSTMOp() as op:
                new = lstm_step(step, sums, states, coupled=bool(op.coupled))
            case GRUOp() as op:
                new = gru_step(step, sums, states, rest, reset_after=bool(op.reset_after))
            case _:
                new = rnn_step(step, sums, states)
        if valid is None:
            return new, new[0]
        return [held(step, valid, n, o) for n, o in zip(new, states, strict=True)], held(step, valid, new[0], None)

    def step(self, direction: int) -> Step:
        """The recurrent weights of a direction, its activations and peepholes."""
        op, b, hidden = self.op, self.b, self.op.hidden
        cut = 2 * hidden if isinstance(op, GRUOp) else op.gates * hidden
        spans = [(0, cut)] if cut == op.gates * hidden else [(0, cut), (cut, op.gates * hidden)]
        r = [self.columns(op.r, direction, *span) for span in spans]
        peep: Sequence[SSAValue] = ()
        if isinstance(op, LSTMOp) and op.p is not None:
            own = self.own(op.p, direction)
            peep = [b.slice(own, [i * hidden], [hidden]) for i in range(3)]
        return Step(b, r, op.acts(direction), op.bound, peep)

    def starts(self, direction: int) -> States:
        """The initial states, None where they are 0."""
        op = self.op
        given = (op.h0, op.c0) if isinstance(op, LSTMOp) else (op.h0,)
        return [None if v is None else self.own(v, direction) for v in given]

    def zeros(self) -> SSAValue:
        """A state of zeros."""
        return self.b.fill(0, (shape(self.op.x)[1], self.op.hidden), self.kind)

    def at(self, value: SSAValue | None, time: SSAValue | int, direction: int | None) -> SSAValue | None:
        """One time step of [time, batch, ..]: of the input's sums a direction's columns."""
        if value is None:
            return None
        batch, columns = shape(value)[1], self.op.gates * self.op.hidden
        offsets, sizes = [time, 0], [1, batch]
        if direction is not None:
            offsets, sizes = [*offsets, direction * columns], [*sizes, columns]
        return extract_slice(self.b, value, offsets, sizes, sizes[1:])

    def written(self, y: SSAValue | None, state: SSAValue, time: SSAValue | int, direction: int) -> SSAValue | None:
        """y with the state of one time step."""
        if y is None:
            return None
        return insert_slice(self.b, state, y, [time, direction, 0, 0], [1, 1, *shape(state)])
