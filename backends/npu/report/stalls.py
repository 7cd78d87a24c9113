"""Where the array's time goes, in the classes of the TPU v1 paper (ISCA 2017): every cycle is in one of them.

useful | padded | shift | weights | input | sync | idle          of each layer, adding up to all cycles
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..program import Program
from ..sim.event import Timeline
from .tokens import dispatched
from .usage import Usages

CLASSES = {
    "useful": "rows enter the array: MACs of the network over MACs in a cycle",
    "padded": "rows enter the array, but for lanes, columns or rows that are padding",
    "shift": "weights shift in: less rows than the array is high, and preloads that nothing hides",
    "weights": "the next product waits for a token from LDW, the queue of weights and parameters",
    "input": "the next product waits for a token from LDA, the queue of activations",
    "sync": "the next product waits for a token from VPU or ST",
    "idle": "no product is in the array's queue",
}
MXU, VPU = 2, 3
CLASS_OF_QUEUE = {"lda": "input", "ldw": "weights", "vpu": "sync", "st": "sync", "mxu": "idle"}


@dataclass
class Stalls:
    """Cycles by class: of each layer, -1 being what follows the last product, and by (layer, semaphore) waited for."""

    layers: dict[int, dict[str, int]] = field(default_factory=lambda: defaultdict(lambda: dict.fromkeys(CLASSES, 0)))
    waited: dict[tuple[int, int], int] = field(default_factory=lambda: defaultdict(int))

    @property
    def total(self) -> dict[str, int]:
        """Of the whole program."""
        return {name: sum(layer[name] for layer in self.layers.values()) for name in CLASSES}


def stalls(program: Program, ran: Timeline, ideal: Mapping[int, float], layers: Sequence[int]) -> Stalls:
    """`ideal`: least cycles of the array for the MACs of a layer; `layers`: the layer of each instruction."""
    found, usages = Stalls(), Usages(program)
    entered = dispatched(program, [time[0] for time in ran.times])
    free, fed = 0, dict[int, int]()
    awaited: list[tuple[int, int]] = []
    for index, ins in enumerate(program.text):
        if ins.queue != MXU or ins.name not in ("mm", "sync"):
            continue
        awaited.append(ran.last[index])
        if ins.name == "sync":
            continue
        start, until, _ = ran.times[index]
        layer, usage = found.layers[layers[index]], usages.of(ins)
        _gap(program, found, layers[index], (free, start), entered[index], usage.pre, awaited)
        feed = min(usage.feed, until - start)
        layer["padded"] += feed
        layer["shift"] += until - start - feed
        fed[layers[index]] = fed.get(layers[index], 0) + feed
        free, awaited = until, []
    found.layers[-1]["idle"] += ran.cycles - free
    for number, feed in fed.items():
        useful = min(feed, round(ideal.get(number, 0.0)))
        found.layers[number]["useful"] += useful
        found.layers[number]["padded"] -= useful
    return found


def _gap(
    program: Program,
    found: Stalls,
    number: int,
    gap: tuple[int, int],
    entered: int,
    pre: int,
    awaited: list[tuple[int, int]],
) -> None:
    """Share out the cycles between two products: not in the queue, waiting for the last token, preload. `awaited`: when
    tokens arrived, and their semaphores."""
    free, start = gap
    if start <= free:
        return
    (_, semaphore), layer = max(awaited), found.layers[number]
    ready = max(free, start - pre)
    absent = min(max(entered, free), ready) if semaphore else ready
    layer["idle"] += absent - free
    layer["shift"] += start - ready
    if ready > absent:
        layer[CLASS_OF_QUEUE[program.sems[semaphore - 1][1]]] += ready - absent
        found.waited[number, semaphore] += ready - absent
