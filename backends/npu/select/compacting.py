"""Where a 1 x 1 convolution skips rows and columns of a tensor too large to stay, what it reads is gathered first.

t [28][28][512] --> conv 1 x 1, stride 2        -->     t --> copy of every second row and column [14][14][512] --> conv

The tensor comes strip by strip anyway; what is gathered of it stays, so that the weights are loaded once, not once a
strip.
"""

from dataclasses import replace
from math import prod

from ..layer import Copy, Layer, Matrix, Network, Tensor, View
from ..machine import Machine
from ..store import BYTES


def with_compact_inputs(network: Network, machine: Machine) -> Network:
    """The network with a copy before each such convolution."""
    layers: list[Layer] = []
    for layer in network.layers:
        if isinstance(layer, Matrix) and skips(layer, machine):
            gathered = copy(layer)
            layers += [gathered, replace(layer, x=View.whole(gathered.out.tensor), stride=(1, 1))]
        else:
            layers.append(layer)
    return Network(layers, network.inputs, network.outputs)


def skips(layer: Matrix, machine: Machine) -> bool:
    """Whether a layer reads at most half of the pixels of a tensor that takes more than half of SPAD."""
    tensor = layer.x.tensor
    size = prod(tensor.shape) * BYTES[tensor.type]
    window = layer.kernel == (1, 1) and not any(layer.pads) and layer.stride != (1, 1) and layer.groups == 1
    return window and layer.x == View.whole(tensor) and tensor.packed is None and 2 * size > machine.spad.bytes


def copy(layer: Matrix) -> Copy:
    """What the layer reads, by itself."""
    x, (rows, columns) = layer.x, layer.out.size[1:3]
    view = replace(x, size=(x.size[0], rows, columns, x.size[3]), step=layer.stride)
    name = f"{layer.name}.read"
    of, (images, _, _, channels) = x.tensor, x.size
    made = Tensor(name, images, rows, columns, channels, of.type, of.scale, of.zero, of.unsigned)
    return Copy(name=name, nodes=layer.nodes, out=View.whole(made), x=view)
