"""Strips: rows are made once, before they are read, and lie in the windows of the strips that read them."""

import pytest
from aic.backends.npu.layer import Layer
from aic.backends.npu.plan.geometry import reach_of
from aic.backends.npu.plan.row_strips import by_rows, separable
from aic.backends.npu.plan.strips import Strips, UnitStrips, units, whole

from .nets import Maker, random_network


def cuts(layers: list[Layer]) -> list[Strips]:
    found: list[Strips] = [whole(layers)]
    found += [UnitStrips(layers, n, units(layers)) for n in range(2, units(layers) + 1)]
    last = frozenset({id(layers[-1].out.tensor)})
    if separable(layers):
        found += [s for n in (1, 2, 3, 5) if (s := by_rows(layers, last, n)) is not None]
    return found


@pytest.mark.parametrize("seed", range(40))
def test_every_row_is_made_once_and_in_time(seed: int):
    layers = random_network(seed).layers
    for strips in cuts(layers):
        made: set[tuple[int, int, int]] = set()
        for strip in range(strips.count):
            for i, layer in enumerate(layers):
                for image, first, last in strips.pieces(i, strip):
                    out = strips.span(layer.out.tensor, strip)
                    assert out.first <= image < out.last
                    assert out.low <= first < last <= out.high
                    for view in layer.inputs:
                        span, reach = strips.span(view.tensor, strip), reach_of(layer, view)
                        low, high = first * reach.step + reach.low, last * reach.step + reach.high
                        low, high = max(low, reach.least, 0), min(high, reach.most, view.tensor.rows)
                        assert span.first <= image < span.last
                        assert span.low <= low or low >= high
                        assert high <= span.high or low >= high
                        makers = [n for n, other in enumerate(layers) if other.out.tensor is view.tensor]
                        for maker in makers:
                            assert {(maker, image, row) for row in range(low, high)} <= made
                    rows = {(i, image, row) for row in range(first, last)}
                    assert not rows & made
                    made |= rows
        assert made == {
            (i, image, row)
            for i, layer in enumerate(layers)
            for image in range(layer.out.size[0])
            for row in range(layer.out.size[1])
        }


@pytest.mark.parametrize("seed", range(20))
def test_strips_that_are_alike_are_counted(seed: int):
    layers = random_network(seed).layers
    for strips in cuts(layers):
        for i, layer in enumerate(layers):
            rows = sum(sum(b - a for _, a, b in pieces) * times for pieces, times in strips.alike(i))
            assert rows == layer.out.size[0] * layer.out.size[1]
            for view in (layer.out, *layer.inputs):
                spans = [strips.span(view.tensor, s) for s in range(strips.count)]
                sizes = [s.high - s.low if strips.rows else s.last - s.first for s in spans]
                assert strips.extent(view.tensor) == max(sizes)


def test_a_chain_of_convolutions_by_hand():
    """Two 3 x 3 with padding 1 on 12 rows in three strips: each strip of the first ends a row further down."""
    maker = Maker(0, rows=12)
    maker.window = lambda x: ({"kernel": (3, 3), "stride": (1, 1), "pads": (1, 1, 1, 1)}, x.rows, x.columns)  # type: ignore
    middle = maker.conv(maker.input, 8)
    out = maker.conv(middle, 8)
    strips = by_rows(maker.layers, frozenset({id(out)}), 3)
    assert strips is not None
    assert [strips.pieces(1, s) for s in range(3)] == [((0, 0, 4),), ((0, 4, 8),), ((0, 8, 12),)]
    assert [strips.pieces(0, s) for s in range(3)] == [((0, 0, 5),), ((0, 5, 9),), ((0, 9, 12),)]
    spans = [strips.span(middle, s) for s in range(3)]
    assert [(s.low, s.high, s.fresh) for s in spans] == [(-1, 5, 0), (3, 9, 5), (7, 13, 9)]
