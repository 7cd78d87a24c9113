"""Random properties for ops, drawn so that they fit the operands and, now and then, one another."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod

import numpy as np
from xdsl.ir import Attribute, SSAValue

from ...dialects._shape import element, shape
from ...dialects.graph._base import GraphOp
from ...passes._rules.vocabulary import TYPES, Field
from .values import Random

KINDS = tuple(TYPES.values())


@dataclass
class Fields:
    """Draws properties; remembers them, since rules are about equal and inverse ones."""

    random: Random
    dims: list[tuple[int, ...]] = field(default_factory=list[tuple[int, ...]])
    perms: list[tuple[int, ...]] = field(default_factory=list[tuple[int, ...]])
    kinds: list[Attribute] = field(default_factory=list[Attribute])
    slices: dict[str, Field] = field(default_factory=dict[str, Field])

    def draw(self, kind: type[GraphOp], name: str, operands: Sequence[SSAValue]) -> Field:
        """A value for a property of an op on these operands; None where nothing is known of it."""
        first = shape(operands[0]) if operands else ()
        op = kind.name.removeprefix("graph.")
        if name in ("offsets", "sizes", "strides") and op == "slice":
            return self.slice(first)[name]
        makers: Mapping[str, Callable[[], Field]] = {
            "perm": lambda: self.perm(len(first)),
            "shape": lambda: self.reshaped(first) if op == "reshape" else self.expanded(first),
            "to": lambda: self.kind(element(operands[0])),
            "axes": lambda: self.axes(len(first)),
            "axis": lambda: int(self.random.integers(-len(first), len(first))) if first else 0,
            "keepdims": self.flip,
            "last": self.flip,
            "low": lambda: self.pads(len(first)),
            "high": lambda: self.pads(len(first)),
            "mode": lambda: str(self.random.choice(["constant", "constant", "edge", "reflect", "wrap"])),
            "alpha": lambda: float(self.random.choice([0.01, 0.2, 1.0, -0.5])),
            "beta": lambda: float(self.random.choice([0.5, 1.0])),
            "gamma": lambda: 1.0507,
            "scale": lambda: float(self.random.choice([0.125, 0.5])),
            "epsilon": lambda: float(self.random.choice([1e-5, 1e-3])),
            "approximate": lambda: str(self.random.choice(["none", "tanh"])),
            "strides": lambda: self.counts(len(first) - 2, (1, 1, 2)),
            "dilations": lambda: self.counts(len(first) - 2, (1, 1, 2)),
            "kernel": lambda: self.counts(len(first) - 2, (1, 2, 3)),
            "pads": lambda: self.counts(2 * (len(first) - 2), (0, 0, 1)),
            "group": lambda: int(self.random.choice([1, 1, 2])),
            "fmod": self.flip,
            "negative": self.flip,
            "positive": self.flip,
            "ceil": self.flip,
            "count_pads": self.flip,
        }
        return makers[name]() if name in makers else None

    def flip(self) -> bool:
        """Either."""
        return bool(self.random.integers(0, 2))

    def counts(self, n: int, choices: tuple[int, ...]) -> tuple[int, ...]:
        """One of the choices for each of n axes; often the first for all."""
        if self.flip():
            return (choices[0],) * max(n, 0)
        return tuple(int(c) for c in self.random.choice(choices, max(n, 0)))

    def perm(self, rank: int) -> tuple[int, ...]:
        """A permutation, or the inverse of an earlier one, or none."""
        known = [p for p in self.perms if len(p) == rank]
        choice = self.random.integers(0, 4)
        if known and choice < 2:
            last = known[-1]
            found = last if choice else tuple(int(i) for i in np.argsort(last))
        else:
            found = tuple(range(rank)) if choice == 2 else tuple(int(i) for i in self.random.permutation(rank))
        self.perms.append(found)
        return found

    def kind(self, of: Attribute) -> Attribute:
        """An element type; the operand's own or an earlier one more often than by chance."""
        self.kinds.append(of)
        if self.random.integers(0, 3) < 2:
            return self.kinds[int(self.random.integers(0, len(self.kinds)))]
        return KINDS[int(self.random.integers(0, len(KINDS)))]

    def axes(self, rank: int) -> tuple[int, ...]:
        """Some axes, counted from either end."""
        chosen = [a for a in range(rank) if self.random.integers(0, 2)]
        return tuple(a - rank * int(self.random.integers(0, 2)) for a in chosen)

    def reshaped(self, dims: tuple[int, ...]) -> tuple[int, ...]:
        """Other dimensions of as many elements: those of an earlier value, with ones put in or left out, flat."""
        known = [d for d in self.dims if prod(d) == prod(dims)]
        choice = self.random.integers(0, 4)
        if known and choice < 2:
            return known[int(self.random.integers(0, len(known)))]
        if choice == 2 or prod(dims) == 0:
            return (prod(dims),)
        kept = [d for d in dims if d != 1]
        for _ in range(int(self.random.integers(0, 3))):
            kept.insert(int(self.random.integers(0, len(kept) + 1)), 1)
        return tuple(kept)

    def expanded(self, dims: tuple[int, ...]) -> tuple[int, ...]:
        """Dimensions that these broadcast to."""
        if self.random.integers(0, 3) == 0:
            return dims
        grown = [int(self.random.choice([1, 2, 3])) if d == 1 else d for d in dims]
        return (*(int(self.random.integers(1, 3)) for _ in range(int(self.random.integers(0, 2)))), *grown)

    def pads(self, rank: int) -> tuple[int, ...]:
        """A pad for each axis; often none, sometimes a crop."""
        if self.random.integers(0, 2):
            return (0,) * rank
        return tuple(int(p) for p in self.random.choice([0, 0, 1, 2, -1], rank))

    def slice(self, dims: tuple[int, ...]) -> dict[str, Field]:
        """Offsets, sizes and strides of one slice, drawn together when the first of them is asked for."""
        if self.slices:
            return self.slices
        offsets, sizes, strides = [], [], []
        for n in dims:
            stride = int(self.random.choice([1, 1, 2, -1]))
            if n == 0 or self.random.integers(0, 2):
                stride = stride if stride == -1 else 1
                offsets.append(n - 1 if stride < 0 and n else 0)
                sizes.append(n)
            else:
                start = (
                    int(self.random.integers(0, n) * self.random.integers(0, 2))
                    if stride > 0
                    else int(self.random.integers(0, n))
                )
                most = (n - 1 - start) // stride + 1 if stride > 0 else start + 1
                offsets.append(start)
                sizes.append(most if self.random.integers(0, 2) else int(self.random.integers(0, most + 1)))
            strides.append(stride)
        self.slices = {"offsets": tuple(offsets), "sizes": tuple(sizes), "strides": tuple(strides)}
        return self.slices
