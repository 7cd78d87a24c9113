"""A plan: the groups in order, how each is cut, and which tensors stay in SPAD from their first use to their last."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from ..layer import Layer, Matrix, Network, Tensor
from .geometry import Halo
from .strips import Piece, Strips
from .tiling import Shares


@dataclass(frozen=True)
class Group:
    """Layers that run strip by strip; with one strip, one after the other."""

    layers: tuple[Layer, ...]
    strips: Strips
    keep: bool
    """Weights stay for all strips, or are loaded for each again."""
    keep_records: bool = True

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
    shares: Shares
    notes: list[str] = field(default_factory=list)


def skews(layers: Sequence[Layer]) -> list[int]:
    """How many strips each layer runs behind the first: one more than what it reads from, so that while the vector unit
    finishes one strip the array has another."""
    made: dict[int, int] = {}
    answer: list[int] = []
    for layer in layers:
        skew = max((made[id(v.tensor)] + 1 for v in layer.inputs if id(v.tensor) in made), default=0)
        made[id(layer.out.tensor)] = max(skew, made.get(id(layer.out.tensor), 0))
        answer.append(skew)
    return answer


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
