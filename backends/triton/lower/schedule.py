"""How a kernel is cut into blocks, as data: what is chosen from the machine's numbers, and what tuning replaces.

{BM = 128, BN = 64, BK = 32, group = 8, stages = 3, warps = 4}          a contraction
{BX = 1, BR = 1024, stages = 2, warps = 4}                              rows
{BX = 1024, stages = 2, warps = 4}                                      pointwise
{BM = 16, BN = 64, BK = 64, split = 8, stages = 4, warps = 2}           a contraction of few results, in 8 parts
BX=1024,warps=4,stages=2                                                the same as text
"""

from dataclasses import asdict, dataclass, fields

from xdsl.dialects.builtin import DictionaryAttr, IntegerAttr, i64
from xdsl.ir import Attribute


class ScheduleError(ValueError):
    """A schedule that cannot be carried out."""


@dataclass(frozen=True)
class Schedule:
    """Indices of a block: parallel ones X and reduced ones R, of a contraction M, N and K; programs of one row of
    blocks run `group` at a time; parts that a sum is `split` into, which a second kernel, of blocks BX, adds up;
    warps of a program, stages of its loop's pipeline."""

    BX: int = 0
    BR: int = 0
    BM: int = 0
    BN: int = 0
    BK: int = 0
    group: int = 0
    split: int = 0
    warps: int = 4
    stages: int = 2

    def attribute(self) -> DictionaryAttr:
        """What a kernel carries: the knobs that it has."""
        return DictionaryAttr({k: IntegerAttr(v, i64) for k, v in sorted(asdict(self).items()) if v})

    @property
    def text(self) -> str:
        """The same as text, for options of passes and for records."""
        return ",".join(f"{k}={v}" for k, v in asdict(self).items() if v)


KNOBS = tuple(f.name for f in fields(Schedule))


def schedule_of(attribute: Attribute | None) -> Schedule | None:
    """The schedule that a kernel carries; ScheduleError for what is none."""
    if attribute is None:
        return None
    if not isinstance(attribute, DictionaryAttr):
        raise ScheduleError(f"expected a dictionary of {', '.join(KNOBS)}, found {attribute}")
    numbers: dict[str, int] = {}
    for name, value in attribute.data.items():
        if name not in KNOBS or not isinstance(value, IntegerAttr):
            raise ScheduleError(f"expected numbers for {', '.join(KNOBS)}, found {name} = {value}")
        numbers[name] = value.value.data
        if name not in ("group", "split", "stages") and (numbers[name] < 1 or numbers[name] & (numbers[name] - 1)):
            raise ScheduleError(f"{name}: expected a power of two, found {numbers[name]}")
    return Schedule(**numbers)


def parse_schedule(text: str) -> Schedule:
    """The schedule of a text; ScheduleError if it is malformed."""
    pairs = [entry.partition("=") for entry in text.split(",")]
    if not all(equals and value.isascii() and value.isdigit() and len(value) < 10 for _, equals, value in pairs):
        raise ScheduleError(f"expected KNOB=NUMBER,.., found {text!r}")
    told = DictionaryAttr({key: IntegerAttr(int(value), i64) for key, _, value in pairs})
    if (found := schedule_of(told)) is None or len(told.data) != len(pairs):
        raise ScheduleError(f"expected each knob once, found {text!r}")
    return found


def power(number: int) -> int:
    """The least power of two that is not smaller."""
    return 1 << max(0, number - 1).bit_length()
