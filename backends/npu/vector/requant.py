"""From a block of sums in ACC to rows of activations: the `v.rq` after every `mm`.

ACC [tile][row][column][C] int32  -->  v.rq.res.relu  -->  SPAD [C1][row][column][L] int8
"""

from collections.abc import Mapping
from dataclasses import replace

from ..acc import AccBlock
from ..code import Code, Ref
from ..layer import Matrix, Product, View
from ..machine import Machine
from ..params import ROUNDINGS, post_offset
from ..runs import Lanes, LowerError, Run, lanes_of, runs
from ..store import Store
from .operand import GRANULE, TYPES, Operand, Values
from .site import Piece, Site, clamp, immediates


def requant(
    code: Code,
    machine: Machine,
    layer: Matrix | Product,
    number: int,
    piece: Piece,
    stores: Mapping[int, Store],
    params: Mapping[str, Ref],
    acc: AccBlock,
    channel: int = 0,
) -> None:
    """Append the instructions that make rows of one image of a layer's out view from a block of sums. `params` has
    where all of the layer's `records` (and its `lut`) lie in PMEM; `channel`: the channel of the out view that column
    0 of tile 0 is (of a product's item: its first)."""
    site = Site(code, machine, layer, number, piece, stores, params)
    image, first, _ = piece
    post, out = layer.post, layer.out
    width = min(out.size[3], layer.width if isinstance(layer, Product) else out.size[3])
    columns = min(acc.columns, out.size[2] - acc.column)
    source = acc_operand(acc, image, first, layer.x.tensor.type)
    views = (out,) if post.residual is None else (out, post.residual.x)
    for run in block_runs(machine, acc, channel, width, views):
        inner, start = run.start - acc.tile * machine.cols, channel + run.start
        tile, lane = divmod(inner, machine.cols)
        x = moved(source, tile * acc.lines * acc.line + 4 * lane)
        z = site.at(out, start, column=acc.column)
        lanes = lanes_of(out, machine)
        fields = site.shape(site.rows, columns, run.count, lanes.width) | numbers(layer)
        base = params["records"]
        records = Ref(base.buffer, base.offset + post_offset(start, lanes))
        lut = params["lut"] if post.act == "lut" else None
        if post.residual is None:
            site.emit(mnemonic(layer), x, z, fields, y=records, lut=lut)
        else:
            second = site.at(post.residual.x, start, column=acc.column)
            site.emit(mnemonic(layer), x, z, fields | second.second(), y=second.ref, pm=records, lut=lut)


def block_runs(machine: Machine, acc: AccBlock, channel: int, width: int, views: tuple[View, ...]) -> list[Run]:
    """The runs of a block's channels, counted from tile 0, `channel` of the views being its first."""
    low = acc.tile * machine.cols
    count = min(acc.tiles * machine.cols, width - low)
    shifted = [replace(at, at=(at.at + channel + low) % at.width) for at in (lanes_of(v, machine) for v in views)]
    return [Run(low + run.start, run.count) for run in runs(count, Lanes(0, machine.cols), *shifted)]


def acc_operand(acc: AccBlock, image: int, row: int, stored: str) -> Operand:
    """The block as src0, from an output row on: int32, or float32 where the array works on bf16."""
    line = acc.line // GRANULE
    type = TYPES["f32" if stored == "bf16" else "i32"]
    return Operand(acc.at(image, row), acc.columns * line, line, acc.lines * line, type)


def moved(operand: Operand, offset: int) -> Operand:
    """The same operand, some bytes further."""
    if offset % GRANULE:
        raise LowerError(f"{operand.ref.buffer.name}: column {offset // 4} does not begin with a granule of 16 bytes")
    return replace(operand, ref=Ref(operand.ref.buffer, operand.ref.offset + offset))


def mnemonic(layer: Matrix | Product) -> str:
    """`v.rq` with its suffixes."""
    post = layer.post
    return "v.rq" + (".res" if post.residual is not None else "") + ("" if post.act == "none" else f".{post.act}")


def numbers(layer: Matrix | Product) -> Values:
    """The fields of a requantisation: rounding, zero points, limits, and the residual's numbers."""
    post, res = layer.post, layer.post.residual
    fields: Values = {"rnd": ROUNDINGS.index(post.rounding), "zo": post.zero}
    fields |= clamp(layer.out.tensor, post.low, post.high)
    if res is not None:
        fields |= {"zi": res.zero, "zm": res.middle, "axis": 2 if res.first else 0}
        fields |= immediates(res.numbers)
    return fields
