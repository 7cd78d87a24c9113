"""A kernel's schedule as data: the register tile of each stage that has one chosen.

    schedule = #kernel.schedule<[{stage = 0, vector = 1, vectors = 2, row = 0, rows = 6}]>
    0:vector=1,vectors=2,row=0,rows=6|1:vector=4,vectors=1            the same as text, stage by stage

Dims go by the kernel's own numbers: its generics' dims counted through, the first name of a dim that several share.
"""

from collections.abc import Mapping
from dataclasses import MISSING, fields

from xdsl.dialects.builtin import ArrayAttr, DictionaryAttr, IntegerAttr, i64
from xdsl.ir import Attribute

from ...dialects.kernel import ScheduleAttr
from .legality import ScheduleError
from .problem import Tile

FIELDS = {field.name: field.default is MISSING for field in fields(Tile)}
"""What an entry may say of its stage -> whether it has to."""


def tiles_of(schedule: Attribute | None) -> dict[int, Tile]:
    """The tiles of a schedule by stage; ScheduleError for what is no schedule."""
    if schedule is None:
        return {}
    if not isinstance(schedule, ScheduleAttr):
        raise ScheduleError(f"expected #kernel.schedule<[..]>, found {schedule}")
    found: dict[int, Tile] = {}
    for entry in schedule.tiles:
        numbers = {k: v.value.data for k, v in entry.data.items() if isinstance(v, IntegerAttr)}
        if odd := entry.data.keys() - numbers.keys():
            name = min(odd)
            raise ScheduleError(f"{name} = {entry.data[name]}: expected a number")
        if (stage := numbers.pop("stage", None)) is None or stage in found:
            raise ScheduleError(f"expected one entry for each stage, found {entry}")
        found[stage] = _tile(stage, numbers)
    return found


def schedule(tiles: Mapping[int, Tile]) -> ScheduleAttr:
    """The schedule with these tiles by stage."""
    entries = [
        DictionaryAttr({k: IntegerAttr(v, i64) for k, v in sorted(({"stage": stage} | _numbers(tile)).items())})
        for stage, tile in sorted(tiles.items())
    ]
    return ScheduleAttr(ArrayAttr(entries))


def schedule_text(tiles: Mapping[int, Tile]) -> str:
    """The tiles as text, for options of passes and for records; equal tiles have equal texts."""
    stages = ({k: str(v) for k, v in _numbers(tile).items()} for _, tile in sorted(tiles.items()))
    words = (",".join("=".join(pair) for pair in stage.items()) for stage in stages)
    return "|".join(f"{stage}:{text}" for stage, text in zip(sorted(tiles), words, strict=True))


def parse_schedule(text: str) -> dict[int, Tile]:
    """The tiles of a text; ScheduleError if it is malformed."""
    found: dict[int, Tile] = {}
    for part in filter(None, text.split("|")):
        stage, colon, rest = part.partition(":")
        pairs = [entry.partition("=") for entry in rest.split(",")]
        numbers = {key: int(value) for key, equals, value in pairs if equals and _is_number(value)}
        if not colon or not _is_number(stage) or int(stage) in found or len(numbers) != len(pairs):
            raise ScheduleError(f"expected STAGE:FIELD=NUMBER,.., found {part!r}")
        found[int(stage)] = _tile(int(stage), numbers)
    return found


def _is_number(text: str) -> bool:
    return text.isascii() and text.removeprefix("-").isdigit() and len(text) < 10


def _tile(stage: int, numbers: Mapping[str, int]) -> Tile:
    if unknown := numbers.keys() - FIELDS.keys():
        raise ScheduleError(f"stage {stage}: no field {min(unknown)}; there is: {', '.join(FIELDS)}")
    if lacking := [name for name, required in FIELDS.items() if required and name not in numbers]:
        raise ScheduleError(f"stage {stage}: expected a {lacking[0]}")
    return Tile(**numbers)


def _numbers(tile: Tile) -> dict[str, int]:
    """The fields that say something; `rows` always, as what a person looks for."""
    found = {name: getattr(tile, name) for name in FIELDS}
    return {name: value for name, value in found.items() if value is not None}
