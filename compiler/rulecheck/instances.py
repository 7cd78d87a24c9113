"""Random graphs that a rule's pattern fits: shapes with broadcasting, ones and zeros, types, properties, constants."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

import numpy as np
from lark import Token
from xdsl.dialects.builtin import AnyFloat, ModuleOp
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Attribute, Block, Region, SSAValue
from xdsl.utils.exceptions import VerifyException

from ...dialects._shape import dtype, element, shape, tensor
from ...dialects.graph._base import GraphOp, Plain
from ...dialects.graph.weight import ConstantOp
from ...passes._rules.pattern import as_type
from ...passes._rules.rewriter import Compiled
from ...passes._rules.syntax import Number, Op, Pattern, Rest, Simple, Variable
from ...passes._rules.vocabulary import KINDS, TYPES, Field, groups, members, ops, properties
from .fields import Fields
from .values import Random, constant_numbers

NAMES = tuple(TYPES)
FUNCTIONS = ("exp", "relu", "abs", "sqrt", "sigmoid", "softmax", "floor", "round", "sign", "neg")
"""Functions whose results have something that is known of them, or have not; the first makes errors grow."""
Dims = tuple[int, ...]


class Misfit(Exception):
    """What was drawn does not fit together: draw again."""


@dataclass
class Instance:
    """One graph under construction: the block, and what the pattern's names stand for so far."""

    random: Random
    tame: bool
    base: Dims
    kind: str
    block: Block = field(default_factory=Block)
    names: dict[str, object] = field(default_factory=dict[str, object])
    chosen: dict[tuple[str, ...], str] = field(default_factory=dict[tuple[str, ...], str])
    fields: Fields = field(init=False)

    def __post_init__(self) -> None:
        self.fields = Fields(self.random)

    def value(self, pattern: Pattern, wanted: Dims | None = None) -> SSAValue:
        """A value that the pattern fits, of these dimensions if it is a leaf."""
        match pattern:
            case Op():
                return self.op(pattern)
            case Number():
                return self.number(pattern, wanted)
            case Variable():
                return self.leaf(str(pattern.name), tuple(map(str, pattern.kinds)), wanted)
            case Rest():
                raise Misfit

    def leaf(self, name: str, kinds: tuple[str, ...], wanted: Dims | None) -> SSAValue:
        """An argument or, where that is asked for or by chance, a constant."""
        if name in self.names:
            return cast(SSAValue, self.names[name])
        dims = self.dims() if wanted is None else wanted
        of = TYPES[self.kind_for(kinds)]
        self.fields.dims.append(dims)
        self.fields.kinds.append(of)
        if "const" in kinds or (self.random.integers(0, 12) == 0 and np.prod(dims, dtype=int) <= 64):
            dims = dims if np.prod(dims, dtype=int) <= 64 else dims[-1:]
            made = ConstantOp(constant_numbers(dtype(of), dims, self.random, tame=self.tame))
            self.block.add_op(made)
            value: SSAValue = made.res
        else:
            value = self.block.insert_arg(tensor(of, dims), len(self.block.args))
            value = self.function(value) if self.random.integers(0, 4) == 0 else value
        if name != "_":
            self.names[name] = value
        return value

    def function(self, value: SSAValue) -> SSAValue:
        """Some function of a value, as what rules may know something of; itself where it has none."""
        if not isinstance(element(value), AnyFloat):
            return value
        kind = ops()[FUNCTIONS[int(self.random.integers(self.tame, len(FUNCTIONS)))]]
        try:
            made = kind.make(value, regions=(), **({"axis": -1} if "axis" in properties(kind) else {}))
        except VerifyException:
            return value
        self.block.add_op(made)
        return made.results[0]

    def kind_for(self, kinds: tuple[str, ...]) -> str:
        """The graph's element type if it is of these kinds, else any that is."""

        def fits(name: str) -> bool:
            return all(KINDS[k](TYPES[name]) if k in KINDS else k in ("const", name) for k in kinds)

        if fits(self.kind) and self.random.integers(0, 12):
            return self.kind
        found = [name for name in NAMES if fits(name)]
        if not found:
            raise Misfit
        if kinds not in self.chosen or self.random.integers(0, 12) == 0:
            self.chosen[kinds] = str(self.random.choice(found))
        return self.chosen[kinds]

    def dims(self) -> Dims:
        """Dimensions that broadcast with the graph's: often the same, or some of them ones or left out."""
        choice = self.random.integers(0, 5)
        if choice < 2:
            return self.base
        cut = self.base[int(self.random.integers(0, len(self.base) + 1)) :]
        return cut if choice == 2 else tuple(1 if self.random.integers(0, 2) else d for d in cut)

    def number(self, pattern: Number, wanted: Dims | None) -> SSAValue:
        """A constant all of whose elements are the number."""
        if (one := as_type(pattern.value, dtype(TYPES[self.kind]))) is None:
            raise Misfit
        dims = wanted
        if dims is None:
            dims = () if self.random.integers(0, 2) else tuple(1 for _ in range(int(self.random.integers(0, 3))))
            dims = self.dims() if self.random.integers(0, 4) == 0 else dims
        if np.prod(dims, dtype=int) > 64:
            raise Misfit
        made = ConstantOp(np.full(dims, one))
        self.block.add_op(made)
        return made.res

    def op(self, op: Op) -> SSAValue:
        """An op on values that its patterns fit, with properties that fit; its operands may change places."""
        kind = self.kind_of(op)
        given = self.operands(kind, op.operands)
        flat = [v for v in given if isinstance(v, SSAValue)] or [v for g in given if isinstance(g, list) for v in g]
        self.fields.slices = {}
        fields = {str(k): self.given(v, kind, str(k), flat) for k, v in op.fields.items()}
        for name, optional in properties(kind).items():
            if name not in fields and not (optional and self.random.integers(0, 2)):
                fields[name] = self.fields.draw(kind, name, flat)
        try:
            made = kind.make(*given, regions=(), **cast(dict[str, Plain], fields))
        except (VerifyException, TypeError, IndexError, AssertionError, ValueError) as error:
            raise Misfit from error
        self.block.add_op(made)
        for name, what in ((op.member, made), (op.alias, made.results[0]), (op.others, None)):
            if name is not None:
                self.names[str(name)] = what
        self.fields.dims.append(shape(made.results[0]))
        return made.results[0]

    def kind_of(self, op: Op) -> type[GraphOp]:
        """The op, or any of its family."""
        if op.member is None:
            return ops()[str(op.name)]
        fitting = [k for k in members(str(op.name)) if len(groups(k)) == len(op.operands)]
        return fitting[int(self.random.integers(0, len(fitting)))]

    def operands(self, kind: type[GraphOp], patterns: Sequence[Pattern]) -> list[SSAValue | list[SSAValue] | None]:
        """Values for an op's operands; constants follow their neighbours' types."""
        many = [sort for _, sort in groups(kind)] == ["many"]
        late = [i for i, p in enumerate(patterns) if isinstance(p, Number)]
        found: dict[int, SSAValue | list[SSAValue] | None] = {}
        for i, pattern in sorted(enumerate(patterns), key=lambda pair: pair[0] in late):
            if isinstance(pattern, Variable) and pattern.name == "none":
                found[i] = None
                continue
            if isinstance(pattern, Rest):
                found[i] = self.some(str(pattern.name))
                continue
            earlier = [v for v in found.values() if isinstance(v, SSAValue)]
            if isinstance(pattern, Number) and earlier:
                self.kind = next((k for k, t in TYPES.items() if t == element(earlier[-1])), self.kind)
            found[i] = self.value(pattern, operand_dims(kind, i, earlier, self.random))
        ordered = [found[i] for i in range(len(patterns))]
        if many:
            return ordered if isinstance(patterns[0], Rest) else [cast(list[SSAValue], ordered)]
        return ordered

    def some(self, name: str) -> list[SSAValue]:
        """One to three values for a variadic group."""
        if name not in self.names:
            self.names[name] = [self.leaf("_", (), None) for _ in range(int(self.random.integers(1, 4)))]
        return cast(list[SSAValue], self.names[name])

    def given(self, wanted: Simple, kind: type[GraphOp], name: str, operands: list[SSAValue]) -> Field:
        """A property that the pattern says something of."""
        if not isinstance(wanted, Token):
            if isinstance(wanted, tuple):
                drawn = self.fields.draw(kind, name, operands)
                parts = drawn if isinstance(drawn, tuple) else (0,) * len(wanted)
                pairs = zip(wanted, (*parts, *(0,) * len(wanted)), strict=False)
                return tuple(cast(int, d if isinstance(w, Token) else w) for w, d in pairs)
            return wanted
        if wanted == "none":
            return None
        if wanted in TYPES:
            return cast(Attribute, TYPES[str(wanted)])
        if str(wanted) not in self.names or self.random.integers(0, 8) == 0:
            self.names[str(wanted)] = self.fields.draw(kind, name, operands)
        return cast(Field, self.names[str(wanted)])


def operand_dims(kind: type[GraphOp], index: int, earlier: list[SSAValue], random: Random) -> Dims | None:
    """Dimensions that an operand needs after those before it; None: any that broadcast."""
    name = kind.name.removeprefix("graph.")
    windowed = name in ("conv", "conv_transpose", "batch_norm") or name.endswith("_pool")
    if windowed and index == 0:
        spatial = tuple(int(d) for d in random.choice([1, 1, 2, 4], int(random.integers(1, 3))))
        return (int(random.integers(1, 3)), int(random.choice([1, 2, 4])), *spatial)
    if name == "attention" and index == 0:
        return tuple(int(random.integers(1, 4)) for _ in range(4))
    if name == "gemm" and index == 0:
        return (int(random.integers(1, 4)), int(random.integers(1, 4)))
    if not earlier:
        return None
    first = shape(earlier[0])
    match name, index:
        case "conv", 1 if len(first) > 2:
            return (int(random.choice([1, 2, 4])), first[1], *(int(random.choice([1, 1, 2])) for _ in first[2:]))
        case "conv", 2 if len(earlier) > 1:
            return shape(earlier[1])[:1]
        case "batch_norm", _ if len(first) > 1:
            return first[1:2]
        case "attention", 1 if len(first) == 4:
            return (*first[:2], int(random.integers(1, 4)), first[3])
        case "attention", 2 if len(first) == 4:
            return (*shape(earlier[1])[:3], int(random.integers(1, 4)))
        case "attention", 3 if len(first) == 4:
            return (first[0] if random.integers(0, 2) else 1, 1, first[2], shape(earlier[1])[2])
        case "matmul", 1 if len(first) > 3:
            return (*first[:-2], first[-1], int(random.integers(1, 4)))
        case "matmul", 1 if first:
            return (first[-1], int(random.integers(1, 4)))
        case "gemm", 1 if len(first) > 1:
            return (first[-1 - int(random.integers(0, 2))], int(random.integers(1, 4)))[:: int(random.choice([1, -1]))]
        case "gemm", 2:
            return () if random.integers(0, 2) else (1, 1)
        case "quantize" | "dequantize", 1:
            return [(), (), (1,), first[1:2]][int(random.integers(0, 4))]
        case "quantize" | "dequantize", 2:
            return shape(earlier[1])
        case "prelu", 1:
            return tuple(1 if random.integers(0, 2) else d for d in first[int(random.integers(0, len(first) + 1)) :])
        case _:
            return None


def instance(rule: Compiled, random: Random, *, tame: bool) -> ModuleOp:
    """A module whose @main ends in what the rule's pattern is about; Misfit if what was drawn does not go together."""
    rank = int(random.choice([0, 1, 1, 2, 2, 3, 3, 4]))
    sizes = [1, 2, 3, 4, 5] if random.integers(0, 6) else [0, 1, 2]
    base = tuple(int(d) for d in random.choice(sizes, rank))
    base = (int(random.choice([2, 3, 6])),) * rank if random.integers(0, 3) == 0 else base  # no axis known by its size
    kind = str(random.choice(["f32", "f32", "f64", "f16", "bf16"] if tame else ["f32", "i32", "f16", *NAMES]))
    made = Instance(random, tame, base, kind)
    result = made.value(rule.rule.pattern)
    results = [result]
    inner = [v for op in made.block.ops if not isinstance(op, ConstantOp) for v in op.results if v is not result]
    if inner and random.integers(0, 5) == 0:
        results.append(inner[int(random.integers(0, len(inner)))])
    made.block.add_op(ReturnOp(*results))
    types = [a.type for a in made.block.args], [r.type for r in results]
    return ModuleOp([FuncOp("main", types, Region(made.block))])
