"""The arithmetic of recurrent cells in scalar code: activations by name, gates, masks.

s = h R^T + sums of the input      [batch, gates * hidden], one contraction with a pointwise epilogue
i, o, f, g = the parts of s        views
c' = f c + i g, h' = o tanh(c')    pointwise
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from xdsl.dialects.builtin import IntegerType
from xdsl.ir import SSAValue

from ....dialects._shape import element, shape
from ....dialects.graph._cells import Act
from ._body import Body
from ._build import Build
from ._products import Factor, product

Scalar = Callable[[Body, SSAValue, float, float], SSAValue]


def _sigmoid(t: Body, x: SSAValue, a: float, b: float) -> SSAValue:
    one = t.const(1, x.type)
    return t.div(one, t.add(one, t.math("exp", t.neg(x))))


def _line(t: Body, x: SSAValue, a: float, b: float) -> SSAValue:
    return t.add(t.mul(t.const(a, x.type), x), t.const(b, x.type))


def _below_zero(t: Body, x: SSAValue, then: SSAValue) -> SSAValue:
    return t.select(t.cmp("lt", x, t.const(0, x.type)), then, x)


def _thresholded(t: Body, x: SSAValue, a: float, b: float) -> SSAValue:
    return t.select(t.cmp("gt", x, t.const(a, x.type)), x, t.mul(t.const(0, x.type), x))


def _hard_sigmoid(t: Body, x: SSAValue, a: float, b: float) -> SSAValue:
    return t.min(t.max(_line(t, x, a, b), t.const(0, x.type)), t.const(1, x.type))


def _softsign(t: Body, x: SSAValue, a: float, b: float) -> SSAValue:
    return t.div(x, t.add(t.const(1, x.type), t.abs(x)))


def _softplus(t: Body, x: SSAValue, a: float, b: float) -> SSAValue:
    return t.add(t.max(x, t.const(0, x.type)), t.math("log1p", t.math("exp", t.neg(t.abs(x)))))


SCALARS: dict[str, Scalar] = {
    "sigmoid": _sigmoid,
    "tanh": lambda t, x, a, b: t.math("tanh", x),
    "relu": lambda t, x, a, b: t.max(x, t.const(0, x.type)),
    "affine": _line,
    "leakyrelu": lambda t, x, a, b: _below_zero(t, x, t.mul(t.const(a, x.type), x)),
    "thresholdedrelu": _thresholded,
    "scaledtanh": lambda t, x, a, b: t.mul(t.const(a, x.type), t.math("tanh", t.mul(t.const(b, x.type), x))),
    "hardsigmoid": _hard_sigmoid,
    "elu": lambda t, x, a, b: _below_zero(t, x, t.mul(t.const(a, x.type), t.math("expm1", x))),
    "softsign": _softsign,
    "softplus": _softplus,
}


@dataclass(frozen=True)
class Step:
    """One time step of one direction as it is built. `r` is R^T [hidden, gates * hidden], for a GRU in two parts, the
    hidden gate's apart; `peep` are three vectors."""

    b: Build
    r: Sequence[SSAValue]
    acts: Sequence[Act]
    clip: float | None
    peep: Sequence[SSAValue] = ()

    def act(self, t: Body, which: int, x: SSAValue) -> SSAValue:
        """An activation, without the clip."""
        act = self.acts[which]
        return SCALARS[act.name](t, x, act.alpha, act.beta)

    def gate(self, t: Body, which: int, x: SSAValue) -> SSAValue:
        """An activation of a sum within the clip."""
        if self.clip is not None:
            x = t.min(t.max(x, t.const(-self.clip, x.type)), t.const(self.clip, x.type))
        return self.act(t, which, x)

    def times(self, h: SSAValue, r: SSAValue) -> SSAValue:
        """h times some columns of R^T."""
        return product(self.b, Factor(h, ("m", "k")), Factor(r, ("k", "n")), ("m", "n"), element(h))

    def sums(self, h: SSAValue | None, r: SSAValue, x: SSAValue) -> SSAValue:
        """h R^T + x; x alone if the state is 0."""
        return x if h is None else self.pointwise([self.times(h, r), x], lambda t, p, q: t.add(p, q))

    def pointwise(self, values: Sequence[SSAValue], body: Callable[..., SSAValue]) -> SSAValue:
        """Element by element, of the first one's shape."""
        return self.b.pointwise(values, shape(values[0]), element(values[0]), body)

    def part(self, value: SSAValue, index: int, count: int = 1) -> SSAValue:
        """Some of the gates side by side in a value."""
        batch, hidden = shape(value)[0], shape(self.r[0])[0]
        return self.b.slice(value, [0, index * hidden], [batch, count * hidden])


def rnn_step(step: Step, x: SSAValue, states: Sequence[SSAValue | None]) -> list[SSAValue]:
    """h' = f(h R^T + x)."""
    return [step.pointwise([step.sums(states[0], step.r[0], x)], lambda t, s: step.gate(t, 0, s))]


def gru_step(
    step: Step, x: SSAValue, states: Sequence[SSAValue | None], bias: SSAValue | None, *, reset_after: bool
) -> list[SSAValue]:
    """z and r from one product; the hidden gate's is of h, and reset, or of what r leaves of h."""
    h = states[0]
    if h is None:
        h = step.b.fill(0, (shape(x)[0], shape(step.r[0])[0]), element(x))
    s = step.sums(h, step.r[0], step.part(x, 0, 2))
    z, r = step.part(s, 0), step.part(s, 1)
    more = [] if bias is None else [bias]
    if reset_after:
        inner = step.times(h, step.r[1])
    else:
        inner = step.times(step.pointwise([r, h], lambda t, r, h: t.mul(step.gate(t, 0, r), h)), step.r[1])

    def body(t: Body, z: SSAValue, r: SSAValue, p: SSAValue, x: SSAValue, h: SSAValue, *bias: SSAValue) -> SSAValue:
        p = t.add(p, bias[0]) if bias else p
        p = t.mul(step.gate(t, 0, r), p) if reset_after else p
        z, new = step.gate(t, 0, z), step.gate(t, 1, t.add(x, p))
        return t.add(t.mul(t.sub(t.const(1, z.type), z), new), t.mul(z, h))

    return [step.pointwise([z, r, inner, step.part(x, 2), h, *more], body)]


def lstm_step(step: Step, x: SSAValue, states: Sequence[SSAValue | None], *, coupled: bool) -> list[SSAValue]:
    """The new cell from the gates i, f, g; then the state from it and the gate o."""
    h, c = states
    s = step.sums(h, step.r[0], x)
    i, o, f, g = (step.part(s, index) for index in range(4))
    peep_i, peep_o, peep_f = ([v] for v in step.peep) if step.peep else ([], [], [])

    def peeped(t: Body, x: SSAValue, c: SSAValue | None, peep: SSAValue | None) -> SSAValue:
        return x if peep is None or c is None else t.add(x, t.mul(peep, c))

    def cell(t: Body, i: SSAValue, f: SSAValue, g: SSAValue, *rest: SSAValue) -> SSAValue:
        before, pi, pf = (*rest, None, None, None)[:3]
        i = step.gate(t, 0, peeped(t, i, before, pi))
        f = t.sub(t.const(1, i.type), i) if coupled else step.gate(t, 0, peeped(t, f, before, pf))
        new = t.mul(i, step.gate(t, 1, g))
        return new if before is None else t.add(t.mul(f, before), new)

    def state(t: Body, o: SSAValue, c: SSAValue, *peep: SSAValue) -> SSAValue:
        return t.mul(step.gate(t, 0, peeped(t, o, c, peep[0] if peep else None)), step.act(t, 2, c))

    after = step.pointwise([i, f, g] if c is None else [i, f, g, c, *peep_i, *peep_f], cell)
    return [step.pointwise([o, after, *peep_o], state), after]


def held(step: Step, valid: SSAValue, new: SSAValue, old: SSAValue | None) -> SSAValue:
    """The new value where the batch entry still runs, else the old one (0 if there is none)."""
    assert element(valid) == IntegerType(1)
    rows = step.b.reshape(valid, (shape(new)[0], 1))
    if old is None:
        return step.pointwise([new, rows], lambda t, n, v: t.select(v, n, t.const(0, n.type)))
    return step.pointwise([new, old, rows], lambda t, n, o, v: t.select(v, n, o))
