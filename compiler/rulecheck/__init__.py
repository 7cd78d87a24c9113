"""Rules held to their word: each runs on random graphs, and what they compute before and after is compared.

exact rule      -->  the same bits, NaN for NaN
fast rule       -->  within its units of rounding of what the graph computes in f64, relative to its largest number
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import ml_dtypes
import numpy as np
from xdsl.dialects.builtin import AnyFloat, ModuleOp, f64
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Block, Region, SSAValue

from ...dialects._shape import Array, dtype, element, shape, tensor
from ...dialects.graph._base import GraphOp
from ...dialects.graph.weight import ConstantOp, WeightStore
from ...passes._rules.rewriter import Compiled, Rewriter
from ...passes._rules.vocabulary import operands
from ..context import context
from ..errors import InterpretError
from ..interpret import interpret
from ..pipeline import verify
from .instances import Misfit, instance
from .values import Random, equal_bits, equal_numbers, numbers

TRIES = 4000
"""Graphs drawn for a rule, at most; most do not fit it."""


@dataclass(frozen=True)
class Fault:
    """A graph that a rule changes the meaning of."""

    rule: str
    before: str
    after: str
    reason: str

    def __str__(self) -> str:
        return f"rule {self.rule}: {self.reason}\n{self.before}\n-->\n{self.after}"


@dataclass
class Checked:
    """How many graphs a rule was tried on and fired in; what was wrong with one."""

    rule: str
    fired: int = 0
    tried: int = 0
    fault: Fault | None = None
    kinds: set[str] = field(default_factory=set[str])

    @property
    def is_good(self) -> bool:
        """It fired, and changed nothing."""
        return self.fault is None and self.fired > 0


def check(rule: Compiled, *, seed: int = 0, times: int = 24, tries: int = TRIES) -> Checked:
    """Try a rule on graphs until it fired a number of times, or a graph was found whose meaning it changes."""
    found = Checked(rule.name)
    random = np.random.default_rng([seed, *rule.name.encode()])
    only = Rewriter.of([rule])
    tame = bool(rule.rule.fast)
    while found.fired < times and found.tried < tries and found.fault is None:
        found.tried += 1
        try:
            before = instance(rule, random, tame=tame)
        except Misfit:
            continue
        after = before.clone()
        if not only.rewrite(after, WeightStore()):
            continue
        found.fired += 1
        found.kinds |= {str(element(a)) for a in _main(before).body.block.args}
        if (reason := _wrong(rule, before, after, random)) is not None:
            found.fault = Fault(rule.name, str(before), str(after), reason)
    return found


def _wrong(rule: Compiled, before: ModuleOp, after: ModuleOp, random: Random) -> str | None:
    """What is wrong with a rewritten graph."""
    try:
        verify(after)
    except Exception as error:  # whatever a verifier raises is the rule's fault
        return f"the result is not valid: {error}"
    for _ in range(2):
        types = [a.type for a in _main(before).body.block.args]
        inputs = [numbers(dtype(t), shape(t), random, tame=bool(rule.rule.fast)) for t in types]
        try:
            expected = interpret(context(), before, inputs)
        except InterpretError:
            return None  # the graph that was drawn computes nothing for these inputs
        try:
            made = interpret(context(), after, inputs)
        except InterpretError as error:
            return f"the result fails: {error}"
        if not rule.rule.fast:
            same = equal_bits if rule.rule.fast is None else equal_numbers
            for want, got in zip(expected, made, strict=True):
                if not same(want, got):
                    return f"of {[a.tolist() for a in inputs]}: expected {want.tolist()}, found {got.tolist()}"
        elif (told := _far(before, inputs, made, rule.rule.fast)) is not None:
            return told
    return None


def _far(before: ModuleOp, inputs: list[Array], made: list[Array], units: int) -> str | None:
    """Whether results lie further from those in f64 than so many units of rounding of the largest number on the way."""
    wide = widened(before)
    seen = [np.abs(a.astype(np.float64)) for a in _values(wide, inputs)]
    with np.errstate(all="ignore"):
        largest = max((float(np.nanmax(np.where(np.isfinite(a), a, 0), initial=0)) for a in seen), default=0.0)
    expected = interpret(context(), wide, [a.astype(np.float64) if a.dtype.kind in "fV" else a for a in inputs])
    for want, got in zip(expected, made, strict=True):
        if got.dtype.kind not in "fV":
            if not np.array_equal(want, got):
                return f"expected {want.tolist()}, found {got.tolist()}"
            continue
        allowed = (units + 1) * float(ml_dtypes.finfo(got.dtype).eps) * max(largest, 1.0)
        found = got.astype(np.float64)
        right = want.astype(np.float64)
        with np.errstate(all="ignore"):
            bad = ~(np.abs(found - right) <= allowed) & np.isfinite(right.astype(got.dtype))
        if bad.any():
            return f"expected {want.tolist()} within {allowed:.3g}, found {found.tolist()}, of {inputs}"
    return None


def _values(module: ModuleOp, inputs: list[Array]) -> Iterator[Array]:
    """All that a graph of plain ops computes."""
    seen: dict[SSAValue, Array] = dict(zip(_main(module).body.block.args, inputs, strict=True))
    for op in _main(module).body.block.ops:
        if isinstance(op, ConstantOp):
            seen[op.res] = op.array()
        elif isinstance(op, GraphOp):
            made = op.evaluate(*(seen[v] for v in op.operands))
            seen.update(zip(op.results, made, strict=True))
    return iter(seen.values())


def widened(module: ModuleOp) -> ModuleOp:
    """The same graph with f64 in the place of the other floats."""
    old = _main(module).body.block
    types = [tensor(f64, shape(a)) if isinstance(element(a), AnyFloat) else a.type for a in old.args]
    new = Block(arg_types=types)
    seen: dict[SSAValue | None, SSAValue | None] = {None: None, **dict(zip(old.args, new.args, strict=True))}
    for op in old.ops:
        match op:
            case ConstantOp():
                array = op.array()
                made = ConstantOp(array.astype(np.float64) if isinstance(element(op.res), AnyFloat) else array)
            case GraphOp():
                given = [seen[g] if isinstance(g, SSAValue | None) else [seen[v] for v in g] for g in operands(op)]
                fields = {k: v for k, v in op.properties.items() if k != "operandSegmentSizes"}
                if "to" in fields and isinstance(fields["to"], AnyFloat):
                    fields["to"] = f64
                made = type(op).make(*given, regions=(), **fields)  # pyright: ignore[reportArgumentType]
            case _:
                assert isinstance(op, ReturnOp)
                made = ReturnOp(*(v for o in op.operands if (v := seen[o]) is not None))
        new.add_op(made)
        seen.update(zip(op.results, made.results, strict=True))
    last = new.last_op
    assert last is not None
    return ModuleOp([FuncOp("main", ([a.type for a in new.args], [v.type for v in last.operands]), Region(new))])


def _main(module: ModuleOp) -> FuncOp:
    (main,) = (op for op in module.body.block.ops if isinstance(op, FuncOp))
    return main
