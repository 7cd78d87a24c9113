"""Where ops come from: the location of an op that stands for several."""

from collections.abc import Iterable
from typing import cast

from xdsl.dialects.builtin import ArrayAttr, FusedLoc, LocationAttr, NoneAttr, UnknownLoc


def fused(locations: Iterable[LocationAttr]) -> LocationAttr:
    """One location for several: each once, fused ones taken apart, unknown ones left out."""
    flat: dict[LocationAttr, None] = {}
    for location in locations:
        flat.update((part, None) for part in _parts(location) if not isinstance(part, UnknownLoc))
    if len(flat) <= 1:
        return next(iter(flat), UnknownLoc())
    return FusedLoc(tuple(flat), NoneAttr())


def _parts(location: LocationAttr) -> Iterable[LocationAttr]:
    return cast(ArrayAttr[LocationAttr], location.locations) if isinstance(location, FusedLoc) else (location,)
