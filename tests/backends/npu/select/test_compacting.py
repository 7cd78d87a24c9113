"""What a 1 x 1 convolution with a stride reads of a large tensor is gathered; the convolution makes the same of it."""

import numpy as np
from aic.backends.npu.layer import Copy, Network
from aic.backends.npu.machine import machine_from
from aic.backends.npu.select.compacting import with_compact_inputs
from aic.backends.npu.select.evaluate import computed

from ..plan.nets import Maker

SMALL, LARGE = machine_from("edge,spad.bytes=16384"), machine_from("edge")


def network(stride: tuple[int, int], pad: int = 0) -> Network:
    maker = Maker(0, 2, 15, 13, 40)
    rows, columns = ((n + 2 * pad - 1) // s + 1 for n, s in zip((15, 13), stride, strict=True))
    window = {"kernel": (1, 1), "stride": stride, "pads": (pad, pad, pad, pad)}
    maker.window = lambda _: (window, rows, columns)  # type: ignore[method-assign]
    return Network(maker.layers, [maker.input], [maker.conv(maker.input, 8)])


def test_the_numbers_stay():
    plain = network((2, 3))
    plain.inputs[0].values.append({"node": "x"})
    copy, conv = with_compact_inputs(plain, SMALL).layers
    assert isinstance(copy, Copy) and copy.out.tensor.shape == (2, 8, 5, 40)
    assert not copy.out.tensor.values, "expected that what is gathered stands for no node's result"
    image = np.random.default_rng(0).integers(-128, 128, plain.inputs[0].shape).astype(np.int8)
    memory = {id(plain.inputs[0]): image}
    wanted = computed(plain.layers[0], memory)
    memory[id(copy.out.tensor)] = computed(copy, memory).astype(np.int8)
    np.testing.assert_array_equal(computed(conv, memory), wanted)


def test_what_fits_or_reads_all_stays():
    for plain, machine in ((network((2, 3)), LARGE), (network((1, 1)), SMALL), (network((2, 2), 1), SMALL)):
        assert with_compact_inputs(plain, machine).layers == plain.layers
