"""A mean over an image too large for SPAD, and what leads up to it, is made channel by channel: the same numbers."""

import numpy as np
from aic.backends.npu.layer import Copy, Elementwise, Layer, Network, Reduce, Tensor, View
from aic.backends.npu.lower.best import lower_network
from aic.backends.npu.machine import machine_from
from aic.backends.npu.select.evaluate import computed
from aic.backends.npu.select.parting import with_parts

MACHINE = machine_from("edge,spad.bytes=16384")


def network(rows: int = 7, channels: int = 200, *, twice: bool = False, lane: bool = False) -> Network:
    """mean(float(x) + float(y)); `twice`: the sum is an output, too; `lane`: y has one channel."""
    x = Tensor("x", 1, rows, 7, channels)
    y = Tensor("y", 1, rows, 7, 1 if lane else channels)
    layers: list[Layer] = []
    floats = [Tensor(t.name + "f", *t.shape, type="f32") for t in (x, y)]
    for source, made, scale in zip((x, y), floats, (0.5, 0.25), strict=True):
        layers.append(Copy(name=made.name, out=View.whole(made), x=View.whole(source), scale=scale, zeros=(3, 0)))
    total, mean = Tensor("sum", *x.shape, type="f32"), Tensor("mean", 1, 1, 1, channels, type="f32")
    a, b = map(View.whole, floats)
    numbers = {"numbers": (1.0, 1.0, 0.0), "low": -np.inf, "high": np.inf, "lane": lane}
    layers.append(Elementwise(name="sum", out=View.whole(total), a=a, b=b, mode="add", **numbers))  # type: ignore[arg-type]
    layers.append(Reduce(name="mean", out=View.whole(mean), x=View.whole(total), mode="mean", axis="plane"))
    return Network(layers, [x, y], [mean, total] if twice else [mean])


def values(plain: Network, layers: list[Layer]) -> np.ndarray:
    """The first output, computed layer by layer."""
    random = np.random.default_rng(0)
    memory = {id(t): random.integers(-128, 128, t.shape).astype(np.int8) for t in plain.inputs}
    for layer in layers:
        view, tensor = layer.out, layer.out.tensor
        memory.setdefault(id(tensor), np.zeros(tensor.shape, np.float32))  # type: ignore[arg-type]
        memory[id(tensor)][..., view.at[3] : view.at[3] + view.size[3]] = computed(layer, memory)
    return memory[id(plain.outputs[0])]


def test_the_numbers_stay():
    for lane in (False, True):
        plain = network(lane=lane)
        cut = with_parts(plain, MACHINE)
        assert len(cut.layers) > 2 * len(plain.layers)
        assert sum(one.out.size[3] for one in cut.layers if isinstance(one, Reduce)) == 200
        np.testing.assert_array_equal(values(plain, cut.layers), values(plain, plain.layers))


def test_what_had_no_room_has():
    lower_network(with_parts(network(), MACHINE), MACHINE, 1)


def test_what_fits_or_is_read_elsewhere_stays():
    for plain in (network(3, 40), network(twice=True)):
        assert with_parts(plain, MACHINE).layers == plain.layers
