"""The ways to cut a run of layers, each worked out once and remembered for plans with more or less memory."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from ..layer import Matrix
from ..runs import LowerError
from .cost import Costs, window_bytes
from .row_strips import by_rows, separable
from .run import Facts, Run
from .strips import Strips, UnitStrips, units, whole
from .tiling import Shares

COUNTS = (2, 3, 4, 6, 8, 12, 16, 24, 32, 56, 112)
"""Numbers of strips that are tried."""

FEW = 6
"""Most strips without loading ahead, but where nothing else has room."""

Make = Callable[[], Strips | None]


class Cut:
    """One way, with the number of strips and the bytes that each tensor, by id, takes if it is there strip by strip.
    There are too many cuts to keep the strips themselves: `strips` makes them again."""

    def __init__(self, run: Run, facts: Facts, costs: Costs, strips: Strips, again: Make, *, ahead: bool = True):
        """`ahead`: what a strip needs is loaded while the one before it is worked on; else there is one window the less
        of what comes and goes."""
        self.again, self.costs, self.layers, self.ahead = again, costs, run.layers, ahead
        self.count = strips.count
        self.windows = _windows(run, facts, strips, ahead)
        self._alike = [list(strips.alike(i)) if isinstance(one, Matrix) else [] for i, one in enumerate(run.layers)]
        self._array: dict[Shares, list[float] | None] = {}

    def strips(self) -> Strips:
        """The cut carried out."""
        strips = self.again()
        assert strips is not None
        return strips

    def array(self, shares: Shares) -> list[float] | None:
        """Cycles of the array for each layer; None where one cannot be cut for so little memory."""
        if shares not in self._array:
            parts = zip(self.layers, self._alike, strict=True)
            try:
                self._array[shares] = [self.costs.array(layer, alike, shares) for layer, alike in parts]
            except LowerError:
                self._array[shares] = None
        return self._array[shares]


def _windows(run: Run, facts: Facts, strips: Strips, ahead: bool) -> dict[int, int]:
    if strips.count == 1:
        return {k: facts.size[k] for k in run.touched}
    copies = {k: n - (k in run.crossing and not ahead) for k, n in run.copies.items()}
    return {
        key: window_bytes(tensor, facts.machine, facts.halos[key], strips) * min(copies[key], strips.count)
        for key, tensor in run.touched.items()
    }


class Family:
    """Cuts of one kind, finer and finer, worked out as far as somebody looks."""

    def __init__(self, cuts: Iterator[Cut]):
        self._seen: list[Cut] = []
        self._rest = cuts

    def __iter__(self) -> Iterator[Cut]:
        yield from self._seen
        for cut in self._rest:
            self._seen.append(cut)
            yield cut


class Cuts:
    """All runs of a network and their cuts."""

    def __init__(self, facts: Facts):
        self.facts, self.costs = facts, Costs(facts.machine, facts.halos)
        self._runs: dict[tuple[int, int], Run] = {}
        self._families: dict[tuple[int, int], list[Family]] = {}

    def run(self, first: int, last: int) -> Run:
        """Layers [first, last)."""
        if (first, last) not in self._runs:
            self._runs[first, last] = Run(self.facts, first, last)
        return self._runs[first, last]

    def families(self, run: Run) -> list[Family]:
        """Not cut at all, into images, into rows, into few strips of rows without loading ahead where every strip loads
        much weight; and, for where nothing else has room, into single rows, at last without loading ahead."""
        key = (run.first, run.last)
        if key not in self._families:
            self._families[key] = [Family(cuts) for cuts in self._cuts(run)]
        return self._families[key]

    def _cuts(self, run: Run) -> Iterator[Iterator[Cut]]:
        layers, parts = run.layers, units(run.layers)
        yield self._made(run, [partial(whole, layers)])
        yield self._made(run, [partial(UnitStrips, layers, n, parts) for n in COUNTS if n <= parts > 1])
        rows = max(layer.out.size[1] for layer in layers) if separable(layers) else 0
        counts = [n for n in ((1, *COUNTS) if parts > 1 else COUNTS) if n <= rows]
        finest = [rows] if rows > 1 else []
        heavy = sum(map(self.costs.weights, layers)) > self.facts.machine.spad.bytes
        few = [n for n in counts if 1 < n <= FEW] if heavy else []
        for some, ahead in ((counts, True), (few, False), (finest, True), (finest, False)):
            yield self._made(run, [partial(by_rows, layers, run.outside, n) for n in some], ahead=ahead)

    def _made(self, run: Run, makes: Sequence[Make], *, ahead: bool = True) -> Iterator[Cut]:
        for make in makes:
            if (strips := make()) is not None:
                yield Cut(run, self.facts, self.costs, strips, make, ahead=ahead)
