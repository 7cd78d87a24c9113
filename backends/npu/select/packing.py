"""An image of few channels is loaded a kernel's row at a time: what the columns of a kernel read lies side by side.

image [224][224][3], kernel 7 x 7, stride 2  -->  rows of 112 pixels of 7 * 3 channels, kernel 7 x 1, stride 2 x 1

In DRAM the image stays as it is: the transfers that load it overlap. The array has more of its lanes in use, and so
needs fewer feeds.
"""

from dataclasses import replace
from math import ceil

from ..layer import Matrix, Network, Tensor, View, Weights
from ..machine import Machine
from ..params import feed_sharing


def with_packed_inputs(network: Network, machine: Machine) -> Network:
    """The network with its inputs packed where that saves feeds and one convolution alone reads them."""
    layers, inputs = list(network.layers), list(network.inputs)
    for number, tensor in enumerate(inputs):
        readers = [i for i, layer in enumerate(layers) if any(v.tensor is tensor for v in layer.inputs)]
        if len(readers) != 1 or any(t is tensor for t in network.outputs):
            continue
        layer = layers[readers[0]]
        if isinstance(layer, Matrix) and fits(layer, tensor):
            made = packed(layer)
            if feeds(made, machine) < feeds(layer, machine):
                layers[readers[0]], inputs[number] = made, made.x.tensor
    return Network(layers, inputs, network.outputs)


def fits(layer: Matrix, tensor: Tensor) -> bool:
    """Whether the layer reads all of an image, and that once."""
    residual = layer.post.residual
    alone = residual is None or residual.x.tensor is not tensor
    plain = layer.groups == 1 and layer.dilation[1] == 1 and layer.kernel[1] > 1 and layer.x == View.whole(tensor)
    return alone and plain and tensor.packed is None and tensor.axes is not None


def packed(layer: Matrix) -> Matrix:
    """The layer on its packed input."""
    tensor, weights = layer.x.tensor, layer.weights
    (kh, kw), (down, across) = layer.kernel, layer.stride
    channels = tensor.channels * kw
    made = replace(tensor, columns=layer.out.size[2], channels=channels, packed=(kw, across))
    shape = (kh, 1, channels, weights.shape[3])
    return replace(
        layer,
        x=View.whole(made),
        kernel=(kh, 1),
        stride=(down, 1),
        weights=Weights(f"{weights.name}.packed", shape, lambda: weights.read().reshape(shape)),
    )


def feeds(layer: Matrix, machine: Machine) -> int:
    """Feeds of the array for a pixel."""
    taps, lanes = layer.kernel[0] * layer.kernel[1], machine.channel_lanes(layer.x.tensor.type)
    return ceil(taps / (1 << feed_sharing(layer, machine))) * ceil(layer.x.size[3] / lanes)
