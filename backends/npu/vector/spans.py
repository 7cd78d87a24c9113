"""A window that moves over one dimension, as instructions take it: no dilation, padding of their own.

output 0..5, kernel 3, stride 1, dilation 2, pad 2, input of 6
--> even outputs: Span(out=0, every=2, count=3, at=0, step=2, stride=1, before=1, after=1), and the odd ones
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import gcd


@dataclass(frozen=True)
class Span:
    """Outputs `out`, `out + every`, .. (`count` of them) read inputs `at`, `at + step`, ..: each window `stride` of
    those further than the last, `before` and `after` of them outside of the input."""

    out: int
    every: int
    count: int
    at: int
    step: int
    stride: int
    before: int
    after: int


def spans(first: int, last: int, size: int, kernel: int, stride: int, dilation: int, pad: int) -> Iterator[Span]:
    """The spans of outputs `first` to `last` (excluded) of an input of `size`; one where there is no dilation, else
    one for each remainder that the outputs leave."""
    phases = dilation // gcd(stride, dilation)
    for out in range(first, min(first + phases, last)):
        count = -(-(last - out) // phases)
        lattice, remainder = divmod(out * stride - pad, dilation)
        inputs = -(-(size - remainder) // dilation)
        move = phases * stride // dilation
        end = lattice + (count - 1) * move + kernel
        at = remainder + max(lattice, 0) * dilation
        yield Span(out, phases, count, at, dilation, move, max(-lattice, 0), max(end - inputs, 0))
