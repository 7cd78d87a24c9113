"""Runs of channels: what one instruction can address when operands begin inside of a line.

32 lanes, x from channel 0, out from channel 16, 48 channels    x   |0 ............ 31|32 .... 47|
                                                                out         |0 .. 15|16 ....... 47|
--> runs (0, 16), (16, 16), (32, 16)
"""

from collections.abc import Iterator
from dataclasses import dataclass

from .layer import View
from .machine import Machine


class LowerError(ValueError):
    """A layer that no instruction of the machine can do; names the layer and the field."""


@dataclass(frozen=True)
class Run:
    """`count` channels from `start` on, relative to the views; beginning in the middle of a line only if they end in
    the same one."""

    start: int
    count: int


@dataclass(frozen=True)
class Lanes:
    """Where an operand's channel 0 lies: lane `at` of lines of `width` lanes."""

    at: int
    width: int

    def __post_init__(self) -> None:
        assert self.width > 0


def lanes_of(view: View, machine: Machine) -> Lanes:
    """Lanes of a view's first channel in SPAD."""
    width = machine.channel_lanes(view.tensor.type)
    return Lanes(view.at[3] % width, width)


def runs(channels: int, *operands: Lanes) -> Iterator[Run]:
    """Cut `channels` so that in each run every operand begins with a line or stays within one."""
    at = 0
    while at < channels:
        inside = [(o.at + at) % o.width for o in operands]
        count = channels - at
        if any(inside):
            count = min(count, *(o.width - lane for o, lane in zip(operands, inside, strict=True)))
        yield Run(at, count)
        at += count
