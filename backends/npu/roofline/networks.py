"""Three well-known networks, written down as the work of their layers.

    resnet50(batch)[0] = Work(name="conv1", rows=12544 * batch, kernel=(7, 7), channels=3, columns=64, ..)

ResNet-50 (the stride on the 3x3, 4.09 GMAC), MobileNetV2 1.0 at 224 and BERT-base (12 layers, 128 tokens) are what
the bounds and the goals of a machine are told for.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

from .work import Work


def _conv(name: str, batch: int, side: int, k: int, cin: int, cout: int, *, stride: int = 1, sums: int = 1) -> Work:
    """A convolution whose output is `side` x `side`; the vector unit handles each element `sums` times."""
    rows, outer = side * side * batch, side * stride
    return Work(
        name=name,
        macs=rows * k * k * cin * cout,
        rows=rows,
        kernel=(k, k),
        channels=cin,
        columns=cout,
        weights=k * k * cin * cout,
        inputs=outer * outer * cin * batch,
        outputs=rows * cout,
        vector=rows * cout * sums,
    )


def _depthwise(name: str, batch: int, side: int, channels: int, stride: int) -> Work:
    outputs, outer = side * side * channels * batch, side * stride
    return Work(
        name=name,
        macs=9 * outputs,
        weights=9 * channels,
        inputs=outer * outer * channels * batch,
        outputs=outputs,
        vector=10 * outputs,
        spills=False,
    )


def _product(name: str, heads: int, m: int, k: int, n: int, *, sums: int = 1) -> Work:
    """A product of activations with activations for each of `heads`."""
    return Work(
        name=name,
        macs=heads * m * k * n,
        rows=m,
        channels=k,
        columns=n,
        count=heads,
        inputs=heads * (m + n) * k,
        outputs=heads * m * n,
        vector=heads * m * n * sums,
    )


def _dense(name: str, m: int, k: int, n: int, *, sums: int = 1) -> Work:
    return _conv(name, m, 1, 1, k, n, sums=sums)


def _first(work: Work) -> Work:
    """Its input comes from outside."""
    return replace(work, outside=work.inputs, spills=False)


def _last(work: Work) -> Work:
    """Its output goes outside."""
    return replace(work, outside=work.outputs)


def resnet50(batch: int = 1) -> list[Work]:
    """54 layers; the pooling after conv1 (9/4 operations an output of it) counts there."""
    first = _conv("conv1", batch, 112, 7, 3, 64, stride=2)
    works = [replace(_first(first), vector=first.vector + first.outputs * 9 // 4)]
    cin = 64
    for stage, (blocks, width, side) in enumerate(((3, 64, 56), (4, 128, 28), (6, 256, 14), (3, 512, 7)), 2):
        for block in range(blocks):
            stride = 2 if block == 0 and stage > 2 else 1
            name, wide = f"s{stage}b{block}", 4 * width
            works.append(_conv(f"{name}_a", batch, side * stride, 1, cin, width))
            works.append(_conv(f"{name}_3x3", batch, side, 3, width, width, stride=stride))
            works.append(_conv(f"{name}_b", batch, side, 1, width, wide, sums=2))
            if block == 0:
                works.append(_conv(f"{name}_ds", batch, side, 1, cin, wide, stride=stride))
            cin = wide
    return [*works, _last(_dense("fc", batch, 2048, 1000))]


MOBILENET = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
"""Expansion, channels, blocks, stride of the first of them."""


def mobilenetv2(batch: int = 1) -> list[Work]:
    """53 layers."""
    works = [_first(_conv("conv1", batch, 112, 3, 3, 32, stride=2))]
    cin, side = 32, 112
    for expansion, width, blocks, first in MOBILENET:
        for block in range(blocks):
            stride = first if block == 0 else 1
            name, inner = f"b{width}_{block}", cin * expansion
            if expansion > 1:
                works.append(replace(_conv(f"{name}_exp", batch, side, 1, cin, inner), spills=False))
            side //= stride
            works.append(_depthwise(f"{name}_dw", batch, side, inner, stride))
            works.append(_conv(f"{name}_proj", batch, side, 1, inner, width, sums=1 if block == 0 else 2))
            cin = width
    works.append(_conv("conv_last", batch, 7, 1, cin, 1280))
    return [*works, _last(_dense("fc", batch, 1280, 1000))]


def bert_base(batch: int = 1, tokens: int = 128) -> list[Work]:
    """96 layers: 12 of 768 wide, 12 heads; 5 operations a score for softmax, 5 an element for a norm, 2 for GELU."""
    rows, heads = tokens * batch, 12 * batch
    layer = [
        *(_dense(name, rows, 768, 768) for name in "qkv"),
        _product("qk", heads, tokens, 64, tokens, sums=6),
        _product("pv", heads, tokens, tokens, 64),
        _dense("o", rows, 768, 768, sums=6),
        _dense("f1", rows, 768, 3072, sums=3),
        _dense("f2", rows, 3072, 768, sums=6),
    ]
    works = [replace(work, name=f"l{i}_{work.name}") for i in range(12) for work in layer]
    return [_first(works[0]), *works[1:-1], _last(works[-1])]


NETWORKS: dict[str, Callable[[int], list[Work]]] = {
    "resnet50": resnet50,
    "mobilenetv2": mobilenetv2,
    "bert-base": bert_base,
}
"""By name, for a batch."""

GOALS: dict[str, dict[str, dict[int, float | None]]] = {
    "edge": {"resnet50": {1: 90.0}, "mobilenetv2": {1: 65.0}, "bert-base": {1: 93.0}},
    "gemmini-like": {"resnet50": {1: 90.0}, "mobilenetv2": {1: 40.0}, "bert-base": {1: 93.0}},
    "nvdla1024-like": {"resnet50": {1: 76.0}, "mobilenetv2": {1: None}, "bert-base": {1: None}},
    "tpu-v1-like": {
        "resnet50": {1: 9.0, 16: 31.0},
        "mobilenetv2": {1: None, 16: None},
        "bert-base": {1: None, 16: 50.0},
    },
    "davinci-like": {
        "resnet50": {1: 48.0, 16: 75.0},
        "mobilenetv2": {1: None, 16: None},
        "bert-base": {1: None, 16: 88.0},
    },
}
"""Percent of peak MACs that a machine is to reach, by machine, network and batch; None where it is only told."""


def cases(preset: str | None = None, network: str | None = None) -> Iterator[tuple[str, str, int]]:
    """(preset, network, batch) of the goals, all or those of one machine or network."""
    for machine, networks in GOALS.items():
        for name, batches in networks.items():
            if preset in (None, machine) and network in (None, name):
                yield from ((machine, name, batch) for batch in batches)
