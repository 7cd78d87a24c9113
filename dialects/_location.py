"""Where ops come from: the location of an op that stands for several, and the names in a location."""

from collections.abc import Iterable
from typing import cast

from xdsl.dialects.builtin import (
    ArrayAttr,
    CallSiteLoc,
    FileLineColLoc,
    FusedLoc,
    LocationAttr,
    NameLoc,
    NoneAttr,
    UnknownLoc,
)


def fused(locations: Iterable[LocationAttr]) -> LocationAttr:
    """One location for several: each once, fused ones taken apart, unknown ones left out."""
    flat: dict[LocationAttr, None] = {}
    for location in locations:
        flat.update((part, None) for part in _parts(location) if not isinstance(part, UnknownLoc))
    if len(flat) <= 1:
        return next(iter(flat), UnknownLoc())
    return FusedLoc(tuple(flat), NoneAttr())


def origins(location: LocationAttr) -> tuple[str, ...]:
    """What a reader is told: the names of the ONNX nodes, `file:line:column`, each once; () if nothing is known."""
    return tuple(dict.fromkeys(name for part in _parts(location) for name in _names(part)))


def _names(location: LocationAttr) -> tuple[str, ...]:
    match location:
        case NameLoc():
            return (location.desc.data,)
        case FileLineColLoc():
            return (f"{location.filename.data}:{location.line.data}:{location.column.data}",)
        case CallSiteLoc():
            return origins(cast(LocationAttr, location.callee))
        case FusedLoc():
            return origins(location)
        case UnknownLoc():
            return ()


def _parts(location: LocationAttr) -> Iterable[LocationAttr]:
    return cast(ArrayAttr[LocationAttr], location.locations) if isinstance(location, FusedLoc) else (location,)
