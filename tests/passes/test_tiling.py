"""The register tile by what the caches do: panels that the first cache does not hold, rows that share its sets."""

import pytest
from aic.dialects._access import Access
from aic.passes._nest.problem import Load, Machine, Problem, Tile, Tiling
from aic.passes._nest.tiling import bound, choose

M, N, K = 0, 1, 2
K_OF = 512


def product(m: int, n: int, k: int, *, row: int | None = None) -> Problem:
    """x[m, k] * w[k, n] in f32 with 8 lanes, rows of x `row` elements apart, w packed as the tile wants it."""
    x = Access(None, {M: (row or k, row or k), K: (1, 1)})
    w = Access(None, {K: (n, n), N: (1, 1)})
    return Problem(
        sizes={M: m, N: n, K: k},
        reduced=frozenset({K}),
        loads=(Load(x, 4, True), Load(w, 4, True, free=True)),
        stores=(Access(None, {M: (n, n), N: (1, 1)}),),
        sums=1,
        ops=3,
        lanes=8,
        barred=frozenset(),
        panels={},
        joinable=True,
    )


def tile(found: Tiling) -> tuple[int, int]:
    return found.rows, found.vectors


def test_a_large_product_takes_all_registers():
    assert tile(choose(product(128, 768, 768), Machine())) == (6, 2)


def test_seven_rows_go_wide_only_while_the_panel_stays_in_the_first_cache():
    """4 and 3 rows of three vectors compute at full speed, but read 96 bytes a step."""
    assert tile(choose(product(7, 480, 128), Machine())) == (4, 3)
    assert tile(choose(product(7, 480, 512), Machine())) == (7, 1)


@pytest.mark.parametrize("apart", [1024, 2048])
def test_rows_a_page_apart_leave_ways_for_the_rest(apart):
    assert tile(choose(product(14, 512, 512, row=apart + 16), Machine())) == (14, 1)
    assert tile(choose(product(14, 512, 512, row=apart), Machine())) == (6, 2)


def test_panels_are_asked_for_ahead_where_memory_gives_them():
    assert choose(product(128, 768, 768), Machine()).ahead
    assert not choose(product(128, 128, 128), Machine()).ahead


def test_a_panel_that_fills_the_second_cache_is_read_in_chunks():
    found = choose(product(128, 768, 8192), Machine())
    assert found.chunk == 2048 and 8192 * found.width * 4 > Machine().l2 // 2
    assert not choose(product(128, 768, 2048), Machine()).chunk
    assert not choose(product(1, 768, 8192), Machine()).chunk, "no rows share it"


def test_a_loop_of_few_steps_is_unrolled_within_one_of_many():
    """As the seven taps of a row of a 7 by 7 filter."""
    x, w = Access(None, {M: (1, 1), 3: (9, 9), K: (1, 1)}), Access(None, {3: (448, 448), K: (64, 64), N: (1, 1)})
    sizes = {M: 112, N: 64, K: 7, 3: 21}
    y = Access(None, {M: (64, 64), N: (1, 1)})
    found = choose(
        Problem(sizes, frozenset({K, 3}), (Load(x, 4, True), Load(w, 4, True)), (y,), 1, 3, 8, frozenset(), {}, True),
        Machine(),
    )
    assert found.reduction == (3, K) and found.flat == 1


def convolution(*, apart: int, side: int = 7) -> Problem:
    """x[h, w, k] * w[k, n] of a square image, each `apart`th pixel, results dense."""
    x = Access(None, {3: (apart * 64 * K_OF, apart * 64 * K_OF), M: (apart * K_OF, apart * K_OF), K: (1, 1)})
    w = Access(None, {K: (512, 512), N: (1, 1)})
    y = Access(None, {3: (side * 512, side * 512), M: (512, 512), N: (1, 1)})
    sizes = {3: side, M: side, N: 512, K: K_OF}
    loads = (Load(x, 4, True), Load(w, 4, True))
    return Problem(sizes, frozenset({K}), loads, (y,), 1, 3, 8, frozenset(), {}, True)


def test_rows_go_on_in_the_next_line_where_lines_are_cut_badly():
    """Lines of 7 are tiles of 4 and 3, the 49 pixels of an image are tiles of 6 and 5."""
    found = choose(convolution(apart=2), Machine())
    assert (found.row, found.rows, found.join) == (M, 6, 3)
    assert choose(convolution(apart=2, side=24), Machine()).join is None
    tile = Tile(N, 2, M, 6, join=-1)
    assert choose(convolution(apart=2), Machine(), tile).join is None


@pytest.mark.parametrize(
    ("problem", "by"),
    [
        (product(128, 768, 768), "arithmetic"),
        (product(1, 4096, 4096), "memory"),
        (product(4, 768, 768), "the second cache"),
        (product(1, 8, 64), "latency"),
    ],
)
def test_what_a_tile_waits_for_is_told(problem, by):
    assert bound(problem, Machine(), choose(problem, Machine())) == by
