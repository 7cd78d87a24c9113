"""A plan: the groups in order, how each is cut, and which tensors stay in SPAD from their first use to their last."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from ..layer import Layer, Matrix, Network, Product, Tensor, View, Window
from ..machine import Machine
from .geometry import Halo
from .strips import Piece, Strips
from .tiling import Shares


@dataclass(frozen=True)
class Keep:
    """What a group keeps from strip to strip instead of loading it again: weights (the memory's name, or "") and
    parameter records."""

    weights: str = ""
    records: bool = False


@dataclass(frozen=True)
class Group:
    """Layers that run strip by strip; with one strip, one after the other."""

    layers: tuple[Layer, ...]
    strips: Strips
    keep: Keep
    shares: Shares
    streamed: frozenset[int] = frozenset()
    """Ids of tensors that are in SPAD only a block of results at a time: results on their way to DRAM, residuals on
    theirs from it."""
    ahead: bool = True
    """Whether the next strip is loaded while one is worked on."""

    @property
    def tensors(self) -> list[Tensor]:
        """What the group touches, each once."""
        found = {id(v.tensor): v.tensor for layer in self.layers for v in (*layer.inputs, layer.out)}
        return list(found.values())


@dataclass
class Plan:
    """What `lower` carries out."""

    network: Network
    halos: dict[int, Halo]
    groups: list[Group]
    resident: set[int]
    """Ids of tensors that lie in SPAD as a whole; the others are there strip by strip."""

    @property
    def signature(self) -> tuple[object, ...]:
        """Equal for plans of a network that give the same program."""
        groups = (
            (len(g.layers), g.strips.count, g.strips.rows, g.keep, g.shares, g.streamed, g.ahead) for g in self.groups
        )
        return (frozenset(self.resident), *groups)


def skews(layers: Sequence[Layer]) -> list[int]:
    """How many strips each layer runs behind the first: one more than what it reads from, so that while the vector unit
    finishes one strip the array has another. Layers that write one tensor do so in their order, if nobody reads it in
    between in the same strips: the next strip's window takes over rows that all of them have written."""
    made: dict[int, int] = {}
    answer: list[int] = []
    for layer in layers:
        key = id(layer.out.tensor)
        skew = max((made[id(v.tensor)] + 1 for v in layer.inputs if id(v.tensor) in made), default=0)
        made[key] = max(skew, made.get(key, 0))
        answer.append(made[key])
    early = read_early(layers)
    return [
        skew if id(layer.out.tensor) in early else made[id(layer.out.tensor)]
        for layer, skew in zip(layers, answer, strict=True)
    ]


def read_early(layers: Sequence[Layer]) -> set[int]:
    """Ids of tensors that a layer reads before another writes a part of them, or it itself by way of a window."""
    last = {id(layer.out.tensor): i for i, layer in enumerate(layers)}
    found: set[int] = set()
    for i, layer in enumerate(layers):
        moves = isinstance(layer, Window) and layer.kernel[0] > 1
        for view in layer.inputs:
            end = last.get(id(view.tensor), -1)
            if end > i or (end == i and moves and view is getattr(layer, "x", None)):
                found.add(id(view.tensor))
    return found


def streamable(layers: Sequence[Layer], machine: Machine, shares: Shares) -> set[int]:
    """Ids of tensors that one layer of a group with sums on the array writes, or (a matrix layer) reads as a residual,
    and nobody else touches, in whole lines and rows: they can pass through SPAD block by block, if they are in DRAM
    before or after. Where a line of channels lies in two column tiles, half of it would pass with each."""
    touched = Counter(id(v.tensor) for layer in layers for v in (*layer.inputs, layer.out))
    found: set[int] = set()
    for layer in layers:
        if not isinstance(layer, Matrix | Product) or layer.out.size[2] > least_columns(layer, machine, shares):
            continue
        cols, lanes = machine.cols, machine.channel_lanes(layer.out.tensor.type)
        parted = isinstance(layer, Matrix) and layer.groups > 1
        if cols % lanes and (lanes % cols or parted):
            continue
        residual = layer.post.residual
        if isinstance(layer, Product) and (residual is not None or not apart(layer, lanes)):
            continue
        views = [layer.out] + ([residual.x] if residual is not None and residual.x.size == layer.out.size else [])
        found |= {id(v.tensor) for v in views if touched[id(v.tensor)] == 1 and whole_lines(v, machine)}
    return found


def apart(layer: Product, lanes: int) -> bool:
    """Whether the items of a product write lines of channels of their own."""
    return layer.width % lanes == 0 and all(item.out[1] % lanes == 0 for item in layer.items)


def least_columns(layer: Matrix | Product, machine: Machine, shares: Shares) -> int:
    """Columns that a block of results has room for."""
    return shares.block // max(1, machine.channel_lanes(layer.out.tensor.type) // machine.cols)


def whole_lines(view: View, machine: Machine) -> bool:
    """Whether a view is whole lines of channels without gaps, and so can move on its own."""
    lanes = machine.channel_lanes(view.tensor.type)
    low, high = view.at[3], view.at[3] + view.size[3]
    return low % lanes == 0 and (high % lanes == 0 or high == view.tensor.channels) and view.step == (1, 1)


def stacked_rows(layer: Matrix, pieces: Sequence[Piece], pitch: int) -> int:
    """Rows that a block may run through for the pieces of a strip: images at `pitch` output rows, or (0) each alone."""
    if not pieces:
        return 0
    if not pitch:
        return max(last - first for _, first, last in pieces)
    return (pieces[-1][0] - pieces[0][0]) * pitch + pieces[-1][2] - pieces[0][1]


def image_pitch(layer: Matrix, halo: Halo) -> int:
    """Output rows from image to image in what `mm` computes; 0 if each image is computed alone."""
    step = layer.stride[0] * layer.x.step[0]
    return halo.pitch // step if layer.out.size[0] > 1 and halo.pitch % step == 0 else 0
