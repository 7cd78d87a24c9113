"""A program's timeline as Chrome trace events (for Perfetto and the like): a track for each queue, arrows for tokens,
counters for DRAM and SPAD. One microsecond shown is one cycle.

    {"name": "mm", "ph": "X", "pid": 0, "tid": 2, "ts": 776, "dur": 512, "args": {"ins": 5, "layer": "conv1"}}
"""

from collections.abc import Iterator

from ..isa import QUEUES
from ..program import Program
from ..sim.event import FLOWS, Timeline
from .occupancy import occupancy
from .tally import SILENT, mark_of
from .tokens import tokens
from .usage import Usages

Event = dict[str, object]


def trace(program: Program, ran: Timeline) -> dict[str, object]:
    """A document in Chrome's trace event format."""
    events = [*_tracks(program), *_spans(program, ran), *_layers(program, ran), *_arrows(program, ran)]
    events += [*_dram(ran), *_spad(program, ran)]
    return {"schema": "aic.npu-trace/1", "displayTimeUnit": "ms", "traceEvents": events}


def _tracks(program: Program) -> Iterator[Event]:
    """Names of the process and of its tracks."""
    named = {"pid": 0, "ts": 0, "ph": "M"}
    yield {"name": "process_name", **named, "tid": 0, "args": {"name": f"aic npu {program.machine.name}"}}
    for tid, name in enumerate((*QUEUES, "layers")):
        yield {"name": "thread_name", **named, "tid": tid, "args": {"name": name}}
        yield {"name": "thread_sort_index", **named, "tid": tid, "args": {"sort_index": tid}}


def _spans(program: Program, ran: Timeline) -> Iterator[Event]:
    """What each queue's unit does, while it is busy."""
    usages = Usages(program)
    for index, (ins, number) in enumerate(zip(program.text, program.layers(), strict=True)):
        if ins.name in SILENT:
            continue
        start, until, visible = ran.times[index]
        args: Event = {"ins": index, "layer": mark_of(program, number).layer, "visible": visible}
        if moved := usages.of(ins).dram:
            args["bytes"] = moved
        span = {"ts": start, "dur": until - start, "args": args}
        yield {"name": ins.mnemonic, "cat": QUEUES[ins.queue], "ph": "X", "pid": 0, "tid": ins.queue, **span}


def _layers(program: Program, ran: Timeline) -> Iterator[Event]:
    """Layers, from their first instruction to their last result; they may overlap, so they are asynchronous events."""
    ends: dict[int, tuple[int, int]] = {}
    for ins, number, (start, _, visible) in zip(program.text, program.layers(), ran.times, strict=True):
        if ins.name not in SILENT:
            first, last = ends.get(number, (start, visible))
            ends[number] = min(first, start), max(last, visible)
    for number, (start, end) in sorted(ends.items()):
        named = {"name": mark_of(program, number).layer, "cat": "layer", "id": number + 1, "pid": 0, "tid": len(QUEUES)}
        yield {**named, "ph": "b", "ts": start}
        yield {**named, "ph": "e", "ts": end}


def _arrows(program: Program, ran: Timeline) -> Iterator[Event]:
    """From the end of the instruction that signals to the start of the one that waits. A `sync` takes no time and has
    no span; the arrow ends on its track."""
    for number, (semaphore, producer, consumer) in enumerate(tokens(program)):
        if producer < 0:
            continue
        name, _, _, _ = program.sems[semaphore - 1]
        start, until, _ = ran.times[producer]
        common: Event = {"name": name, "cat": "token", "id": number, "pid": 0}
        yield {**common, "ph": "s", "tid": program.text[producer].queue, "ts": max(start, until - 1)}
        yield {**common, "ph": "f", "bp": "e", "tid": program.text[consumer].queue, "ts": ran.times[consumer][0]}


def _dram(ran: Timeline) -> Iterator[Event]:
    for at, speeds in ran.dram:
        rates = {name: round(speed, 3) for name, speed in zip(FLOWS, speeds, strict=True)}
        yield {"name": "DRAM bytes/cycle", "ph": "C", "pid": 0, "tid": 0, "ts": round(at, 3), "args": rates}


def _spad(program: Program, ran: Timeline) -> Iterator[Event]:
    found, before = occupancy(program, ran.times), -1
    for at, size in zip(found.at.tolist(), found.bytes.tolist(), strict=True):
        if size != before:
            yield {"name": "SPAD bytes", "ph": "C", "pid": 0, "tid": 0, "ts": at, "args": {"live": size}}
        before = size
