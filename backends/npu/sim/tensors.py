"""The tensors of a program's layers, put together from what its instructions make, wherever that lies at the time.

found = Tensors(sim)
sim.step(i);  found.after(i)     -> "conv1.y" if that was the last part of it, else ""
found["conv1.y"]                 [images, rows, columns, channels] as stored: uint8 with its top bit flipped
"""

from collections import defaultdict
from collections.abc import Mapping

import numpy as np

from ....dialects.npu._meaning import Numbers
from .functional import Functional
from .lanes import STORED, channels_last
from .memory import SimulationError
from .vector import Vector

Piece = tuple[int, int, int, int, int, int]
"""Image, row, column, channel of the first element, steps of rows and of columns."""


class Tensors:
    """The parts that have been made until now; what is missing is zero."""

    def __init__(self, sim: Functional):
        self.sim = sim
        self._made: dict[str, Numbers] = {}
        self._open: dict[str, int] = {}
        self._pieces: dict[int, tuple[str, Piece]] = {}
        self._makers: dict[str, list[int]] = defaultdict(list)
        for tensor in sim.program.tensors:
            if "pieces" in tensor:
                self._enter(tensor)

    def _enter(self, tensor: Mapping[str, object]) -> None:
        name, shape, pieces = str(tensor["name"]), tensor["shape"], tensor["pieces"]
        assert isinstance(shape, list) and isinstance(pieces, list)
        self._made[name] = np.zeros(shape, STORED[str(tensor["dtype"])])
        self._open[name] = len(pieces)
        for number, *place in pieces:
            self._pieces[number] = (name, (place[0], place[1], place[2], place[3], place[4], place[5]))
            self._makers[name].append(number)

    def __contains__(self, name: object) -> bool:
        return name in self._made

    def __getitem__(self, name: str) -> Numbers:
        return self._made[name]

    def missing(self, name: str) -> int:
        """How many instructions that make a part of it have not run."""
        return self._open[name]

    def makers(self, name: str, index: tuple[int, ...]) -> list[int]:
        """The instructions that make an element."""
        return [n for n in self._makers[name] if _covers(self._pieces[n][1], self._view(n).shape, index)]

    def after(self, number: int) -> str:
        """Take what instruction `number`, just executed, has written; the tensor that is now complete, or ""."""
        if number not in self._pieces:
            return ""
        name, (image, row, column, channel, down, across) = self._pieces[number]
        part = self._view(number)
        rows, columns, channels = part.shape
        whole = self._made[name][image, :, :, channel : channel + channels]
        place = whole[row : row + (rows - 1) * down + 1 : down, column : column + (columns - 1) * across + 1 : across]
        if place.shape != part.shape:
            raise SimulationError(
                f"instruction {number}: makes {part.shape} of {name}, where {place.shape} are missing"
            )
        place[...] = part
        self._open[name] -= 1
        return name if self._open[name] == 0 else ""

    def _view(self, number: int) -> Numbers:
        """The result of an instruction, where it lies now: [rows, columns, channels]."""
        ins = self.sim.program.text[number]
        kernel = self.sim.kernel(ins)
        assert isinstance(kernel, Vector)
        space, base = ins.local("z")
        view = self.sim.memories.local[space].view(kernel.target.walk, base)
        return channels_last(view, kernel.result_extent().channels)


def _covers(piece: Piece, shape: tuple[int, ...], index: tuple[int, ...]) -> bool:
    image, row, column, channel, down, across = piece
    inside = (
        0 <= at - first < (count - 1) * step + 1 and (at - first) % step == 0
        for at, first, count, step in zip(index[1:], (row, column, channel), shape, (down, across, 1), strict=True)
    )
    return index[0] == image and all(inside)
