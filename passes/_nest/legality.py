"""Whether a stage can be carried out as a schedule asks, and if not, why.

    refusal(problem, Tile(vector=2, vectors=2)) -> "no vector may lie along dim 2: a looked-up address depends on it"

A tile that does not fit the registers is legal: the C compiler spills, and the code is slow.
"""

from .problem import Problem, Tile
from .tiling import is_joinable, reduction_order

MOST = 1024
"""Partial results of a tile: more is no register tile any more, and takes the C compiler minutes."""


class ScheduleError(ValueError):
    """A schedule that cannot be carried out."""


def refusal(problem: Problem, tile: Tile) -> str | None:
    """Why a stage cannot have this tile; None if it can."""
    return (
        _vector(problem, tile)
        or _row(problem, tile)
        or _size(problem, tile)
        or _join(problem, tile)
        or _chunk(problem, tile)
    )


def check(problem: Problem, tile: Tile | None) -> None:
    """ScheduleError if a tile was asked for that the stage cannot have."""
    if tile is not None and (reason := refusal(problem, tile)) is not None:
        raise ScheduleError(reason)


def _vector(problem: Problem, tile: Tile) -> str | None:
    dim = tile.vector
    if dim not in problem.sizes:
        return f"no dim {dim} to put vectors along; the stage has {_dims(problem)}"
    if problem.lanes < 2:
        return "the machine has no vectors of this type"
    if dim in problem.barred:
        return f"no vector may lie along dim {dim}: a looked-up address depends on it, or a loop of the body"
    apart = any(load.access.inner(dim) not in (0, 1) for load in problem.loads)
    if dim in problem.reduced and (apart or not is_joinable(problem, dim)):
        return f"no vector may lie along the reduced dim {dim}: expected sums that can be joined, of neighbours"
    if dim not in problem.reduced and any(store.inner(dim) == 0 for store in problem.stores):
        return f"no vector may lie along dim {dim}: its lanes would be stored in one place"
    if packed := [d for d in problem.panels if d != dim]:
        return f"dim {packed[0]} is packed in panels of {problem.panels[packed[0]]}: vectors have to lie along it"
    return None


def _row(problem: Problem, tile: Tile) -> str | None:
    if tile.row is None:
        return None if tile.rows == 1 else f"{tile.rows} rows of no dim: expected a row"
    if tile.row == tile.vector:
        return f"dim {tile.row} is that of the vectors: its tiles are {tile.vectors} vectors wide already"
    if tile.row not in problem.sizes:
        return f"no dim {tile.row} to have rows of; the stage has {_dims(problem)}"
    if tile.row in problem.reduced:
        return f"no rows of the reduced dim {tile.row}: expected one of {_parallel(problem)}"
    if tile.vector in problem.reduced:
        return f"no rows where vectors lie along the reduced dim {tile.vector}"
    if tile.row in problem.barred:
        return f"no rows of dim {tile.row}: a looked-up address depends on it, or a loop of the body"
    return None


def _size(problem: Problem, tile: Tile) -> str | None:
    if tile.vectors < 1 or tile.rows < 1:
        return f"expected 1 vector and 1 row at least, found {tile.vectors} and {tile.rows}"
    if (held := tile.vectors * tile.rows * problem.sums) > MOST:
        return f"a tile of {held} partial results: expected {MOST} at most"
    others = len(problem.parallel) - (tile.vector not in problem.reduced)
    if tile.outside is not None and tile.vector in problem.reduced:
        return f"the vectors lie along the reduced dim {tile.vector}, which is innermost: nothing is to be put outside"
    if tile.outside is not None and not 0 <= tile.outside <= others:
        return f"{tile.outside} loops outside that of the vectors: the stage has {others} others"
    return None


def _join(problem: Problem, tile: Tile) -> str | None:
    if tile.join is None or tile.join < 0:
        return None
    if tile.row is None or not problem.reduced:
        return f"nothing to join dim {tile.join} to: expected rows, and sums"
    if tile.join not in problem.parallel or tile.join in (tile.row, tile.vector):
        return f"dim {tile.join} cannot be joined to the rows': expected another parallel one of {_parallel(problem)}"
    if held := {tile.join, tile.row} & (problem.barred | problem.whole):
        return f"dim {min(held)} cannot be joined: its index is asked for, or its layout is packed"
    return None


def _chunk(problem: Problem, tile: Tile) -> str | None:
    if not tile.chunk:
        return None
    if not problem.reduced or tile.vector in problem.reduced:
        return f"chunks of {tile.chunk} steps: the stage has no reduction inside its rows to divide"
    inner = reduction_order(problem)[-1]
    if inner in problem.whole:
        return f"no chunks of dim {inner}: its index is asked for, or its layout is packed"
    if tile.chunk < 0 or problem.sizes[inner] % tile.chunk:
        return f"chunks of {tile.chunk} steps: expected a divisor of {problem.sizes[inner]}, the size of dim {inner}"
    return None


def _dims(problem: Problem) -> str:
    return ", ".join(f"{d} (of {n})" for d, n in problem.sizes.items()) or "none"


def _parallel(problem: Problem) -> str:
    return ", ".join(map(str, problem.parallel)) or "none"
