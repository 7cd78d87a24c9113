"""A kernel's schedule as data: the register tile of each stage that has one chosen.

    schedule = #kernel.schedule<[{stage = 0, vector = 1, vectors = 2, row = 0, rows = 6}]>

Dims go by the kernel's own numbers: its generics' dims counted through, the first name of a dim that several share.
"""

from collections.abc import Mapping

from xdsl.dialects.builtin import ArrayAttr, DictionaryAttr, IntegerAttr, i64

from ...dialects.kernel import FuncOp, ScheduleAttr
from .tiling import Tile


def tile_of(func: FuncOp, stage: int) -> Tile | None:
    """The tile that a kernel's schedule asks for in a stage."""
    if not isinstance(func.schedule, ScheduleAttr):
        return None
    for entry in func.schedule.tiles:
        fields = {k: v.value.data for k, v in entry.data.items() if isinstance(v, IntegerAttr)}
        if fields.get("stage") == stage:
            return Tile(fields["vector"], fields["vectors"], fields.get("row"), fields.get("rows", 1))
    return None


def schedule(tiles: Mapping[int, Tile]) -> ScheduleAttr:
    """The schedule with these tiles by stage."""
    entries = []
    for stage, tile in sorted(tiles.items()):
        fields = {"stage": stage, "vector": tile.vector, "vectors": tile.vectors, "rows": tile.rows}
        if tile.row is not None:
            fields["row"] = tile.row
        entries.append(DictionaryAttr({k: IntegerAttr(v, i64) for k, v in sorted(fields.items())}))
    return ScheduleAttr(ArrayAttr(entries))
