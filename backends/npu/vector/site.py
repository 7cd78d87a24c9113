"""Where a vector instruction is emitted: a layer, the rows of a piece, the stores around it, and the fields' limits."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import ml_dtypes
import numpy as np

from ....dialects.npu._isa import KINDS
from ..code import Code, Ref
from ..layer import Layer, Tensor, View
from ..machine import Machine
from ..runs import LowerError, Run, lanes_of, runs
from ..store import BYTES, Store
from .operand import Operand, Values, operand

Piece = tuple[int, int, int]
"""Image, first row and the row after the last of the layer's out view."""
LIMITS = {name: (f.low, f.high) for kind in ("vec", "vec2") for name, f in KINDS[kind].by_name.items()}
"""The least and greatest value of each field of a vector descriptor."""


@dataclass(frozen=True)
class Slice(Run):
    """A run, or the part of it that a range of channels leaves, with the record that it begins with."""

    record: int


@dataclass(frozen=True)
class Site:
    """What the lowering of every vector layer needs."""

    code: Code
    machine: Machine
    layer: Layer
    number: int
    piece: Piece
    stores: Mapping[int, Store]
    params: Mapping[str, Ref]
    channels: tuple[int, int] | None = None
    """The first record and how many, where not all of a layer's channels are done at once."""

    @property
    def rows(self) -> int:
        """Rows of the piece."""
        return self.piece[2] - self.piece[1]

    def at(self, view: View, channel: int = 0, row: int | None = None, column: int = 0) -> Operand:
        """An operand that begins in the piece's first row, or in that row of the view."""
        return operand(view, self.stores, self.piece[0], self.piece[1] if row is None else row, column, channel)

    def slices(self, source: View, *others: View) -> Iterator[Slice]:
        """The runs of channels that all views allow, within the site's range."""
        lanes, record = self.machine.channel_lanes(source.tensor.type), 0
        low, count = self.channels or (0, 1 << 30)
        for run in runs(source.size[3], *(lanes_of(v, self.machine) for v in (source, *others))):
            blocks = -(-run.count // lanes)
            first, last = max(low - record, 0), min(low + count - record, blocks)
            if first < last:
                end = min(last * lanes, run.count)
                yield Slice(run.start + first * lanes, end - first * lanes, record + first - low)
            record += blocks

    def whole(self, source: View, *others: View) -> Run:
        """All channels as one run: for what looks at all channels of a pixel at once."""
        found = list(runs(source.size[3], *(lanes_of(v, self.machine) for v in (source, *others))))
        if len(found) != 1:
            names = ", ".join(f"{v.tensor.name} from channel {v.at[3]}" for v in (source, *others))
            raise LowerError(f"{self.layer.name}: expected channels that begin with a line, found {names}")
        return found[0]

    def shape(self, rows: int, columns: int, channels: int, lanes: int) -> Values:
        """The fields that say how much."""
        return {"ny": rows, "nx": columns, "nc1": -(-channels // lanes), "clast": channels % lanes}

    def emit(
        self,
        name: str,
        x: Operand,
        z: Operand,
        fields: Values,
        *,
        y: Ref | None = None,
        pm: Ref | None = None,
        lut: Ref | None = None,
    ) -> None:
        """Append an instruction, after a look at its fields' widths."""
        given = fields | x.source() | z.target()
        for field, value in given.items():
            low, high = LIMITS[field]
            if not field.startswith("imm") and not low <= value <= high:
                raise LowerError(f"{self.layer.name}: {name} has {field} = {value}, expected {low} to {high}")
        op = self.code.add(name, x=x.ref, z=z.ref, desc=("vec", given), layer=self.number, y=y, pm=pm, lut=lut)
        op.out = (*z.at, *z.step)


def clamp(tensor: Tensor, low: float = -np.inf, high: float = np.inf) -> Values:
    """The fields `lo` and `hi` of a result: integers within the type's own limits; bits of bf16 for floating ones."""
    if tensor.type in ("bf16", "f32"):
        bits = np.array([low, high], ml_dtypes.bfloat16).view(np.int16)
        return {"lo": int(bits[0]), "hi": int(bits[1])}
    limits = np.iinfo(f"i{BYTES[tensor.type]}")
    return {"lo": int(max(low, limits.min)), "hi": int(min(high, limits.max))}


def immediates(numbers: Sequence[float]) -> Values:
    """imm0 and on."""
    return {f"imm{n}": float(value) for n, value in enumerate(numbers)}
