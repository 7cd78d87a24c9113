"""What a reduction over all rows reads is cut by channels, where it has no room in SPAD as a whole.

copy a  [7][7][2048] f32                            copy a.0 [7][7][64], copy b.0, sum.0, mean.0
copy b  [7][7][2048] f32                    -->     copy a.1 [7][7][64], copy b.1, sum.1, mean.1
sum     [7][7][2048] f32, mean [1][1][2048]         ..

Rows cannot be cut: the mean needs all of them. Channels can, as far up as each is worked on by itself and nobody else
reads the tensor.
"""

from dataclasses import replace
from math import ceil, prod

from ..layer import Activation, Copy, Elementwise, Layer, Network, Reduce, Tensor, View, Window
from ..machine import Machine
from ..store import BYTES

PART = 1 / 32
"""The part of SPAD that one tensor may take after the cut: some of them are there at once, beside what is not cut."""


def with_parts(network: Network, machine: Machine) -> Network:
    """The network with such reductions, and what leads up to each, cut."""
    layers: list[Layer] = []
    chains = [chain for chain in map(_Uses(network).chain, network.layers) if too_large(chain, machine)]
    last = {id(chain[-1]): chain for chain in chains}
    inside = {id(layer) for chain in chains for layer in chain}
    for layer in network.layers:
        if id(layer) in last:
            layers += parted(last[id(layer)], machine)
        elif id(layer) not in inside:
            layers.append(layer)
    return Network(layers, network.inputs, network.outputs)


class _Uses:
    """Who writes and who reads the tensors of a network."""

    def __init__(self, network: Network):
        self.layers = network.layers
        self.outside = {id(t) for t in (*network.inputs, *network.outputs)}
        self.writers: dict[int, list[Layer]] = {}
        self.readers: dict[int, list[Layer]] = {}
        for layer in network.layers:
            self.writers.setdefault(id(layer.out.tensor), []).append(layer)
            for view in layer.inputs:
                self.readers.setdefault(id(view.tensor), []).append(layer)

    def chain(self, layer: Layer) -> list[Layer]:
        """A reduction over rows and, before it, all layers that only lead up to it, in their order; else nothing."""
        if not reduces(layer):
            return []
        chain = [layer]
        for one in chain:
            chain += [w for view in one.inputs if (w := self._before(view, one)) is not None]
        return [one for one in self.layers if one in chain]

    def _before(self, view: View, reader: Layer) -> Layer | None:
        """The layer that makes a view for this reader alone, each channel by itself."""
        made, key = self.writers.get(id(view.tensor), []), id(view.tensor)
        if len(made) != 1 or self.readers[key] != [reader] or key in self.outside or not apart(made[0]):
            return None
        whole = view == made[0].out == View.whole(view.tensor)
        return made[0] if whole and view.size[3] == reader.out.size[3] else None


def reduces(layer: Layer) -> bool:
    """Whether a layer of the vector unit has one row of output, from all rows of its input."""
    rows = layer.inputs[0].size[1]
    pools = isinstance(layer, Window) and layer.kind == "pool" and layer.kernel[0] >= rows
    return rows > 1 and (pools or (isinstance(layer, Reduce) and layer.axis in ("rows", "plane")))


def apart(layer: Layer) -> bool:
    """Whether a layer makes each channel from the same channel of what it reads, or from one that serves all."""
    return isinstance(layer, Elementwise | Activation) or (isinstance(layer, Copy) and not layer.transposed)


def too_large(chain: list[Layer], machine: Machine) -> bool:
    """Whether what the last layer of a chain reads takes most of SPAD, one image by itself."""
    return len(chain) > 1 and _bytes(chain[-1].inputs[0].tensor) > 0.8 * machine.spad.bytes


def _bytes(tensor: Tensor) -> int:
    return prod(tensor.shape[1:]) * BYTES[tensor.type]


def parted(chain: list[Layer], machine: Machine) -> list[Layer]:
    """A chain of layers, once for each part of the channels."""
    large = max(_bytes(one.out.tensor) for one in chain)
    channels, line = chain[-1].out.size[3], machine.spad.line
    width = max(1, int(channels * machine.spad.bytes * PART / large) // line) * line
    found: list[Layer] = []
    for number in range(ceil(channels / width)):
        first, size = number * width, min(width, channels - number * width)
        inner = {id(one.out.tensor): _part(one.out.tensor, number, size) for one in chain[:-1]}
        found += [_parted(one, number, first, size, inner) for one in chain]
    return found


def _part(tensor: Tensor, number: int, size: int) -> Tensor:
    return replace(tensor, name=f"{tensor.name}.{number}", channels=size, values=[])


def _parted(layer: Layer, number: int, first: int, size: int, inner: dict[int, Tensor]) -> Layer:
    """One part of a layer: from the tensors that are cut, and from parts of the others."""

    def view(old: View) -> View:
        if id(old.tensor) in inner:
            return View.whole(inner[id(old.tensor)])
        at, shape = (*old.at[:3], old.at[3] + first), (*old.size[:3], size)
        return replace(old, at=at, size=shape)

    views = {"out": view(layer.out)}
    if isinstance(layer, Elementwise):
        views |= {"a": view(layer.a), "b": layer.b if layer.lane else view(layer.b)}
    else:
        views["x"] = view(layer.inputs[0])
    return replace(layer, name=f"{layer.name}.{number}", **views)
