"""Bounds of layers and networks: equal to tables that were computed by another program; pictures that say them."""

import csv
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from aic.backends.npu.layer import Depthwise, Item, Matrix, Network, Post, Product, Tensor, View, Weights
from aic.backends.npu.machine import machine_from
from aic.backends.npu.roofline.bounds import Bound, bound, total
from aic.backends.npu.roofline.networks import NETWORKS
from aic.backends.npu.roofline.picture import dots_of, roofline_svg
from aic.backends.npu.roofline.work import Work, works

TABLE = Path(__file__).parent / "data" / "roofline_b1.csv"
PRESETS = ("edge", "gemmini-like", "tpu-v1-like", "davinci-like")


def expected() -> Iterator[tuple[tuple[str, str, str], list[str]]]:
    """(preset, network, layer) and macs, ideal, array, layerwise, fused, vector, bound, by, utilisation."""
    with TABLE.open(encoding="utf8") as file:
        for preset, network, layers, *numbers in list(csv.reader(file))[1:]:
            yield from (((preset, network, layer), numbers) for layer in layers.split())


def told(found: Bound) -> list[str]:
    cycles = (found.ideal, found.array, found.layerwise, found.dram, found.vector, found.cycles)
    return [str(found.work.macs), *(str(round(c)) for c in cycles), found.by, f"{found.utilisation:.1f}"]


def test_every_layer_of_the_three_networks_on_four_machines():
    made = {
        (preset, name, work.name): told(bound(machine_from(preset), work))
        for preset in PRESETS
        for name, network in NETWORKS.items()
        for work in network(1)
    }
    assert len(made) == 812
    assert made == dict(expected())


GOALS = """
edge          resnet50     1   3993   98.2  97.8  97.8  98.2    245  96.7
edge          mobilenetv2  1    294   82.9  43.1  54.0  82.9   1838  52.8
edge          bert-base    1  10912  100.0  99.3 100.0 100.0   91.6 100.0
gemmini-like  resnet50     1  15973   99.0  99.0  99.0  99.0   62.0  97.8
gemmini-like  mobilenetv2  1   1175   97.5  44.0  44.4  68.1    378  44.0
gemmini-like  bert-base    1  43647  100.0  99.3  99.3 100.0   22.8  99.3
tpu-v1-like   resnet50     1     62   33.0   6.4  10.3  11.8   1154  10.1
tpu-v1-like   resnet50    16    998   48.3  12.9  39.1  48.3   4386  36.2
tpu-v1-like   mobilenetv2  1      5    6.0   1.3   2.1   4.3   3272   2.1
tpu-v1-like   mobilenetv2 16     73    7.3   1.6   3.0   4.3   4542   3.0
tpu-v1-like   bert-base    1    170   42.0   7.2   9.2   9.7    379   9.2
tpu-v1-like   bert-base   16   2728   71.2  23.0  62.2  71.2   2555  62.2
davinci-like  resnet50     1    499   92.2  38.9  57.1  72.1   1145  56.7
davinci-like  resnet50    16   7987   99.7  66.3  85.1  99.7   1706  84.2
davinci-like  mobilenetv2  1     37   82.3   8.1  18.4  34.0   5025  18.4
davinci-like  mobilenetv2 16    587   95.0  10.1  26.4  34.0   7203  26.4
davinci-like  bert-base    1   1364  100.0  44.2  58.2  60.1    427  58.2
davinci-like  bert-base   16  21823  100.0  86.4  96.0 100.0    704  96.0
"""


@pytest.mark.parametrize("line", GOALS.strip().splitlines())
def test_the_networks_as_wholes(line: str):
    preset, name, batch, *numbers = line.split()
    machine, layers = machine_from(preset), NETWORKS[name](int(batch))
    found = total(machine, [bound(machine, work) for work in layers])
    laid = total(machine, [bound(machine, work, laid_out=True) for work in layers])
    rates = (found.array, found.layerwise, found.fused, found.overlap, found.rate * int(batch), laid.fused)
    for number, rate in zip(numbers[1:], rates, strict=True):
        assert float(number) == pytest.approx(rate, abs=0.051 if "." in number else 0.6)
    assert int(numbers[0]) == pytest.approx(found.ideal / 1e3, abs=0.501)


def test_half_precision_moves_twice_the_bytes_and_a_slower_type_takes_more_tiles():
    dense = NETWORKS["bert-base"](1)[1]
    plain, wide = (bound(machine_from("davinci-like"), dense, type=type) for type in ("i8", "bf16"))
    assert wide.layerwise == 2 * plain.layerwise
    assert (wide.array, wide.ideal) == (2 * plain.array, 2 * plain.ideal)


def test_the_work_of_a_networks_layers():
    def weights(*shape: int) -> Weights:
        return Weights("w", shape, lambda: np.zeros(shape, np.int8))

    post = Post(np.zeros(1), np.ones(1))
    x, a, b, c = (Tensor(n, 2, 8, 8, s) for n, s in (("x", 16), ("a", 96), ("b", 96), ("c", 24)))
    views = [View.whole(t) for t in (x, a, b, c)]
    expand = Matrix(name="expand", x=views[0], out=views[1], weights=weights(1, 1, 16, 96), post=post)
    depthwise = Depthwise(name="dw", x=views[1], out=views[2], weights=weights(3, 3, 96), post=post, kernel=(3, 3))
    project = Matrix(name="project", x=views[2], out=views[3], weights=weights(1, 1, 96, 24), post=post)
    first, middle, last = works(Network([expand, depthwise, project], [x], [c]))
    size = {"macs": 128 * 16 * 96, "weights": 1536, "inputs": 2048, "outputs": 12288, "vector": 12288}
    assert first == Work(name="expand", rows=128, channels=16, columns=96, outside=2048, spills=False, **size)
    assert (middle.rows, middle.vector, middle.spills) == (0, 10 * 12288, False)
    assert (last.outside, last.spills, last.rows) == (128 * 24, True, 128)


def test_products_read_two_tensors_and_an_expansion_spills_unless_all_its_readers_are_depthwise():
    q, k, s = Tensor("q", 1, 128, 1, 64), Tensor("k", 1, 128, 1, 64), Tensor("s", 1, 128, 1, 256)
    items = (Item((0, 0), (0, 0), (0, 0)), Item((0, 32), (0, 32), (0, 128)))
    x, y, out = map(View.whole, (q, k, s))
    post = Post(np.zeros(1), np.ones(1))
    layer = Product(name="qk", x=x, y=y, out=out, items=items, depth=32, width=128, transposed=True, post=post)
    (found,) = works(Network([layer], [], []))
    assert (found.rows, found.channels, found.columns, found.count) == (128, 32, 128, 2)
    assert (found.inputs, found.outputs, found.macs, found.spills) == (2 * 8192, 32768, 2 * 128 * 32 * 128, True)


@pytest.mark.parametrize(("preset", "name"), [("edge", "resnet50"), ("davinci-like", "mobilenetv2")])
def test_a_picture_has_a_dot_for_every_layer_and_stays_within_its_frame(preset: str, name: str):
    machine = machine_from(preset)
    dots = dots_of([bound(machine, work) for work in NETWORKS[name](1)])
    root = ElementTree.fromstring(roofline_svg(machine, dots, f"{name} on <{preset}>"))
    titles = [title.text or "" for title in root.iter("{http://www.w3.org/2000/svg}title")]
    assert sorted(line.partition(":")[0] for told in titles for line in told.splitlines()) == sorted(
        d.name for d in dots
    )
    for circle in root.iter("{http://www.w3.org/2000/svg}circle"):
        assert 0 <= float(circle.attrib["cx"]) <= 860 and 0 <= float(circle.attrib["cy"]) <= 520
