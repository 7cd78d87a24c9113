"""Whether a layer's numbers fit the fields of instructions: what `npu-select` asks before it gives a layer to the NPU.

fits(Depthwise(.., kernel=(17, 17)), machine)  -->  "conv3: v.dw has kh = 17, expected 0 to 15"
"""

from collections.abc import Iterator

from ....dialects.npu._isa import KINDS
from ..code import Buffer, Code, Ref
from ..layer import Elementwise, Layer, Matrix, Post, Product, Tensor, View
from ..machine import Machine
from ..params import block_range, column_tiles, record_bytes
from ..runs import LowerError
from ..store import BYTES, Store
from .layers import emit_vector
from .operand import GRANULE

GEMM = {name: field.high for name, field in KINDS["gemm"].by_name.items()}
ARRAY_TYPES = {"i8": "i8", "i16": "i16xi8", "bf16": "bf16"}
"""The array's name of what it does with activations of a type."""


def fits(layer: Layer, machine: Machine) -> str | None:
    """Why no program of the machine can hold a layer, or None. Of the memories only PMEM is looked at."""
    try:
        return next((f"{layer.name}: {why}" for why in _complaints(layer, machine)), None)
    except LowerError as error:
        return str(error)


def _complaints(layer: Layer, machine: Machine) -> Iterator[str]:
    for view in (*layer.inputs, layer.out):
        yield from _view(view)
    match layer:
        case Matrix():
            yield from _array(layer.x.tensor, layer.post, layer.out, machine)
            yield from _matrix(layer, machine)
        case Product():
            yield from _array(layer.x.tensor, layer.post, layer.out, machine)
            yield from _product(layer, machine)
        case _:
            yield from _vector(layer, machine)


def _view(view: View) -> Iterator[str]:
    tensor = view.tensor
    if view.at[3] * BYTES[tensor.type] % GRANULE:
        yield f"{tensor.name} from channel {view.at[3]} does not begin with a granule of {GRANULE} bytes"
    ends = tuple(a + (n - 1) * s for a, n, s in zip(view.at, view.size, (1, *view.step, 1), strict=True))
    if any(end >= extent for end, extent in zip(ends, tensor.shape, strict=True)):
        yield f"expected a view within {tensor.name} {tensor.shape}, found one up to {ends}"


def _array(x: Tensor, post: Post, out: View, machine: Machine) -> Iterator[str]:
    if ARRAY_TYPES[x.type] not in machine.dtypes:
        yield f"expected {' or '.join(machine.dtypes)} for the array, found {ARRAY_TYPES[x.type]}"
    if post.residual is not None:
        other = post.residual.x
        if _stored(other.tensor) != _stored(out.tensor):
            yield f"expected a residual of {_stored(out.tensor)}, found {_stored(other.tensor)}"
        if other.size[3] != out.size[3]:
            yield f"expected a residual of {out.size[3]} channels, found {other.size[3]}"


def _stored(tensor: Tensor) -> str:
    return "u8" if tensor.unsigned and tensor.type == "i8" else tensor.type


def _matrix(layer: Matrix, machine: Machine) -> Iterator[str]:
    images, rows, columns, channels = layer.out.size
    if layer.x.size[3] % layer.groups or channels % layer.groups:
        yield f"{layer.x.size[3]} and {channels} channels cannot be parted into {layer.groups} groups"
        return
    blocks, tiles = block_range(layer, 0, machine)[1], column_tiles(layer, machine)
    names = ("nkh", "nkw", "my", "mx", "nc1", "nn")
    for name, value in zip(names, (*layer.kernel, images * rows, columns, blocks, tiles), strict=True):
        if value > GEMM[name]:
            yield f"mm has {name} = {value}, expected at most {GEMM[name]}"


def _product(layer: Product, machine: Machine) -> Iterator[str]:
    for item in layer.items:
        parts = (
            (layer.x, item.x[1], layer.depth),
            (layer.y, item.y[1], layer.depth if layer.transposed else layer.width),
        )
        for view, first, count in parts:
            lanes, channel = machine.channel_lanes(view.tensor.type), view.at[3] + first
            if channel % lanes and channel % lanes + count > lanes:
                yield f"{view.tensor.name} from channel {channel} crosses the end of a line of {lanes} lanes"
        for view, channel in ((layer.x, item.x[1]), (layer.y, item.y[1]), (layer.out, item.out[1])):
            if channel * BYTES[view.tensor.type] % GRANULE:
                yield f"{view.tensor.name} from channel {channel} does not begin with a granule of {GRANULE} bytes"


def _vector(layer: Layer, machine: Machine) -> Iterator[str]:
    if isinstance(layer, Elementwise) and _stored(layer.a.tensor) != _stored(layer.b.tensor):
        yield f"expected two operands of one type, found {_stored(layer.a.tensor)} and {_stored(layer.b.tensor)}"
    block, every = record_bytes(layer, machine)
    size = block if layer.kind == "depthwise" else every
    if size > machine.pmem.bytes:
        yield f"{size} bytes of parameters at once, PMEM has {machine.pmem.bytes}"
    _emitted(layer, machine)


def _emitted(layer: Layer, machine: Machine) -> Code:
    """The layer on stores of whole tensors: LowerError where a field does not fit."""
    code, line = Code(machine.line), machine.spad.line
    stores = {
        id(t): Store(t, Buffer("spad", 0, t.name, line), line, 0, t.images * t.rows, t.rows)
        for t in (v.tensor for v in (*layer.inputs, layer.out))
    }
    params = Ref(Buffer("pmem", 0, layer.name, GRANULE))
    emit_vector(code, machine, layer, 0, (0, 0, layer.out.size[1]), stores, {"records": params, "lut": params})
    return code
