"""Which kernel the next trials go to: the one whose faster code is expected to save most of a run's time.

    gain = launches x seconds x part of it that a batch is likely to save

The part is what the last batches saved, fading; before any, a guess. (The gradient of Zheng et al., Ansor, OSDI 2020,
6, without its term for similar tasks.)
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

HOPED = 0.2
"""The part of a kernel's time that the first batch is expected to save."""
FADING = 0.5
"""What is left of an expectation when a batch saves nothing."""


@dataclass
class Share:
    """What one kernel has got so far."""

    launches: int
    seconds: float | None = None
    """Of the default schedule, once it is measured; before that a guess by cost."""
    best: float | None = None
    batches: int = 0
    expected: float = HOPED
    exhausted: bool = False
    history: list[float] = field(default_factory=list[float])

    @property
    def gain(self) -> float:
        """Seconds of a run that the next batch is expected to save."""
        if self.exhausted:
            return 0.0
        return self.launches * (self.best if self.best is not None else self.seconds or 0.0) * self.expected

    def spent(self, default: float, best: float) -> None:
        """A batch was measured: the default's seconds in it, and the best so far by the ratio to the default."""
        before = 1.0 if not self.history else self.history[-1]
        ratio = min(best / default, before)
        saved = 1.0 - ratio / before
        self.expected = max(saved, FADING * self.expected)
        self.history.append(ratio)
        self.seconds, self.best, self.batches = default, default * ratio, self.batches + 1


T = TypeVar("T", bound=Share)


def next_share(shares: Sequence[T]) -> T | None:
    """The kernel with the largest expected gain; None if all are exhausted."""
    return max((s for s in shares if s.gain > 0), key=lambda s: s.gain, default=None)
