"""Layers of the vector unit as instructions: one call emits some rows of one image of a layer's result.

Depthwise(x, out, kernel=(3, 3), pads=(1, 1, 1, 1)), rows 0 to 7
--> v.dw {ny = 7, kh = 3, pt = 1, pb = 0, ..} x, records, out      a window needs no stored halo: at the border of
                                                                   the input it is cut, between strips it reads on
"""

from collections.abc import Mapping

from ..code import Code, Ref
from ..layer import Activation, Copy, Depthwise, Elementwise, Layer, Norm, Pool, Reduce, Softmax, View
from ..machine import Machine
from ..params import ROUNDINGS, depthwise_record_bytes
from ..runs import LowerError, Run, lanes_of, runs
from ..store import Store
from .operand import Operand, Values
from .site import Piece, Site, Slice, clamp, immediates
from .spans import Span, spans

REDUCTIONS = {"channels": 0, "columns": 1, "rows": 2, "plane": 3}


def emit_vector(
    code: Code,
    machine: Machine,
    layer: Layer,
    number: int,
    piece: Piece,
    stores: Mapping[int, Store],
    params: Mapping[str, Ref],
    channels: tuple[int, int] | None = None,
) -> None:
    """Append the instructions for rows of one image of a layer's out view. `stores` has, by id of the tensor, a store
    with all rows that they read and write; `params` where `records` and `lut` lie in PMEM; `channels`: first block and
    count, where `records` holds only those of these blocks. LowerError names what no instruction can do."""
    site = Site(code, machine, layer, number, piece, stores, params, channels)
    match layer:
        case Depthwise():
            depthwise(site, layer)
        case Pool():
            pool(site, layer)
        case Elementwise():
            elementwise(site, layer)
        case Activation():
            activation(site, layer)
        case Softmax():
            softmax(site, layer)
        case Norm():
            norm(site, layer)
        case Reduce():
            reduce(site, layer)
        case Copy(transposed=True):
            transpose(site, layer)
        case Copy():
            copy(site, layer)
        case _:
            raise LowerError(f"{layer.name}: expected a layer of the vector unit, found {layer.kind}")


def depthwise(site: Site, layer: Depthwise) -> None:
    """v.dw, for every slice of channels and, where the window is dilated, every lattice."""
    post, size = layer.post, depthwise_record_bytes(layer, site.machine)
    if post.residual is not None or post.act not in ("none", "relu"):
        raise LowerError(f"{layer.name}: expected no activation and no residual after v.dw, found {post.act}")
    low = max(post.low, post.zero) if post.act == "relu" else post.low
    numbers: Values = {"rnd": ROUNDINGS.index(post.rounding), "zo": post.zero, "zi": layer.x.tensor.zero}
    numbers |= clamp(layer.out.tensor, low, post.high)
    for part in site.slices(layer.x, layer.out):
        records = Ref(site.params["records"].buffer, site.params["records"].offset + part.record * size)
        for x, z, fields in windows(site, layer, part):
            site.emit("v.dw", x, z, fields | numbers, y=records)


def pool(site: Site, layer: Pool) -> None:
    """v.pool."""
    numbers: Values = {"imm0": float(layer.scale), "zi": layer.zeros[0], "zo": layer.zeros[1]} | clamp(layer.out.tensor)
    for part in site.slices(layer.x, layer.out):
        for x, z, fields in windows(site, layer, part):
            site.emit(f"v.pool.{layer.mode}", x, z, fields | numbers)


def windows(site: Site, layer: Depthwise | Pool, part: Slice) -> list[tuple[Operand, Operand, Values]]:
    """Source, destination and fields for the piece's rows: one entry, or one a lattice of a dilated window."""
    (kh, kw), (sy, sx), (dy, dx) = layer.kernel, layer.stride, layer.dilation
    _, height, width, _ = layer.x.size
    _, first, last = site.piece
    down = list(spans(first, last, height, kh, sy, dy, layer.pads[0]))
    across = list(spans(0, layer.out.size[2], width, kw, sx, dx, layer.pads[1]))
    return [window(site, layer, part, v, h) for v in down for h in across]


def window(site: Site, layer: Depthwise | Pool, part: Slice, v: Span, h: Span) -> tuple[Operand, Operand, Values]:
    """One lattice of rows `v` and columns `h`."""
    x = site.at(layer.x, part.start, v.at, h.at).every(v.step, h.step)
    z = site.at(layer.out, part.start, v.out, h.out).every(v.every, h.every)
    fields = site.shape(v.count, h.count, part.count, site.machine.channel_lanes(layer.x.tensor.type))
    fields |= {"kh": layer.kernel[0], "kw": layer.kernel[1], "sy": v.stride, "sx": h.stride}
    return x, z, fields | {"pt": v.before, "pb": v.after, "pl": h.before, "pr": h.after}


def elementwise(site: Site, layer: Elementwise) -> None:
    """v.ew; an operand of one row or column repeats."""
    zi, zm, zo = layer.zeros
    fields: Values = {"rnd": ROUNDINGS.index(layer.rounding), "zi": zi, "zm": zm, "zo": zo, "axis": int(layer.lane)}
    fields |= immediates(layer.numbers) | clamp(layer.out.tensor, layer.low, layer.high)
    second = () if layer.lane else (layer.b,)
    check_channels(layer, layer.a, *second)
    for part in site.slices(layer.a, layer.out, *second):
        b = site.at(layer.b, 0 if layer.lane else part.start)
        step = b.second() | ({"s1c": 0} if layer.lane else {})
        pointwise(site, f"v.ew.{layer.mode}", layer.a, part, fields | step, y=b.ref)


def activation(site: Site, layer: Activation) -> None:
    """v.act."""
    fields: Values = {"zi": layer.x.tensor.zero, "zo": layer.out.tensor.zero} | clamp(layer.out.tensor)
    lut = site.params["lut"] if layer.mode == "lut" else None
    check_channels(layer, layer.x)
    for part in site.slices(layer.x, layer.out):
        pointwise(site, f"v.act.{layer.mode}", layer.x, part, fields, lut=lut)


def softmax(site: Site, layer: Softmax) -> None:
    """v.sm, over all channels at once."""
    fields: Values = {"imm0": float(layer.scale), "imm1": float(layer.over), "zi": layer.zeros[0], "zo": layer.zeros[1]}
    mask = None if layer.mask is None else site.at(layer.mask)
    fields |= clamp(layer.out.tensor) | ({} if mask is None else mask.second())
    others = () if layer.mask is None else (layer.mask,)
    check_channels(layer, layer.x, *others)
    run = site.whole(layer.x, layer.out, *others)
    pointwise(site, "v.sm", layer.x, run, fields, y=None if mask is None else mask.ref)


def norm(site: Site, layer: Norm) -> None:
    """v.ln, over all channels at once."""
    fields: Values = {"imm0": float(layer.scale), "imm1": float(layer.over), "imm2": float(layer.epsilon)}
    fields |= {"zi": layer.zeros[0], "zo": layer.zeros[1]} | clamp(layer.out.tensor)
    check_channels(layer, layer.x)
    run = site.whole(layer.x, layer.out)
    pointwise(site, f"v.ln.{layer.mode}", layer.x, run, fields, y=site.params["records"])


def copy(site: Site, layer: Copy) -> None:
    """v.cp."""
    fields: Values = {"imm0": float(layer.scale), "zi": layer.zeros[0], "zo": layer.zeros[1]} | clamp(layer.out.tensor)
    check_channels(layer, layer.x)
    for part in site.slices(layer.x, layer.out):
        pointwise(site, "v.cp", layer.x, part, fields)


def pointwise(
    site: Site,
    name: str,
    source: View,
    part: Run,
    fields: Values,
    *,
    y: Ref | None = None,
    lut: Ref | None = None,
) -> None:
    """An instruction that makes each pixel of the piece from the same pixel of its source."""
    out = site.layer.out
    shape = site.shape(site.rows, out.size[2], part.count, site.machine.channel_lanes(source.tensor.type))
    site.emit(name, site.at(source, part.start), site.at(out, part.start), shape | fields, y=y, lut=lut)


def check_channels(layer: Layer, *sources: View) -> None:
    """Channels do not repeat, unless a layer says that one lane serves all."""
    for view in sources:
        if view.size[3] != layer.out.size[3]:
            expected, found = layer.out.size[3], view.size[3]
            raise LowerError(f"{layer.name}: expected {expected} channels of {view.tensor.name}, found {found}")


def transpose(site: Site, layer: Copy) -> None:
    """v.cp.t, row by row of pixels: columns become channels; cut where either's lines end."""
    fields: Values = {"imm0": float(layer.scale), "zi": layer.zeros[0], "zo": layer.zeros[1]} | clamp(layer.out.tensor)
    lanes = site.machine.channel_lanes(layer.x.tensor.type)
    for columns in runs(layer.x.size[2], lanes_of(layer.out, site.machine)):
        for channels in runs(layer.x.size[3], lanes_of(layer.x, site.machine)):
            x = site.at(layer.x, channels.start, column=columns.start)
            z = site.at(layer.out, columns.start, column=channels.start)
            site.emit("v.cp.t", x, z, site.shape(site.rows, columns.count, channels.count, lanes) | fields)


def reduce(site: Site, layer: Reduce) -> None:
    """v.red; over rows it reads all rows of the source, whatever the piece."""
    axis = REDUCTIONS[layer.axis]
    fields: Values = {"imm0": float(layer.scale), "zi": layer.zeros[0], "zo": layer.zeros[1], "axis": axis}
    fields |= clamp(layer.out.tensor)
    rows = layer.x.size[1] if axis >= 2 else site.rows
    first = 0 if axis >= 2 else site.piece[1]
    parts = [site.whole(layer.x)] if axis == 0 else site.slices(layer.x, layer.out)
    for part in parts:
        shape = site.shape(rows, layer.x.size[2], part.count, site.machine.channel_lanes(layer.x.tensor.type))
        x, z = site.at(layer.x, part.start, first), site.at(layer.out, part.start)
        site.emit(f"v.red.{layer.mode}", x, z, shape | fields)
