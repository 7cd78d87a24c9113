"""Pointwise generics that only move elements: how to make one, how to know one.

    %t = linalg.transpose ins(%x) outs(%e) permutation = [1, 0]
-->
    %t = linalg.generic {(d0, d1) -> (d1, d0), (d0, d1) -> (d0, d1)} ins(%x) outs(%e) { yield %in }
"""

from xdsl.dialects import arith, tensor
from xdsl.dialects.builtin import AffineMapAttr, ArrayAttr, TensorType
from xdsl.ir import Block, Operation, Region, SSAValue
from xdsl.ir.affine import AffineDimExpr, AffineMap
from xdsl.traits import IsTerminator

from ...dialects._generic import indices
from ...dialects._report import may_rewrite, rewriting
from ...dialects._shape import element, shape
from ...dialects._xdsl import FillOp, GenericOp, IteratorType, IteratorTypeAttr, TransposeOp, YieldOp
from ._dead import readers
from ._edit import inserted, replace


def copied_from(op: Operation) -> tuple[SSAValue, AffineMap] | None:
    """The tensor that a generic or transpose copies, and the map from a place in its result to one in that tensor."""
    if isinstance(op, TransposeOp):
        return op.inputs[0], op.get_indexing_maps().data[0].data
    if not isinstance(op, GenericOp) or len(op.inputs) != 1 or len(op.outputs) != 1:
        return None
    source, out = (m.data for m in op.indexing_maps)
    body = op.body.block
    if body.first_op is not body.last_op or body.last_op is None or body.last_op.operands[0] is not body.args[0]:
        return None
    identity = out == AffineMap.identity(out.num_dims) and all(t.data.value == "parallel" for t in op.iterator_types)
    return (op.inputs[0], source) if identity else None


def copy(source: SSAValue, map: AffineMap, init: SSAValue) -> GenericOp:
    """A pointwise generic that yields its input, read through a map."""
    block = Block(arg_types=[element(source), element(init)])
    block.add_op(YieldOp(block.args[0]))
    return _pointwise([source], [map], init, block)


def filled(scalar: SSAValue, init: SSAValue) -> GenericOp:
    """A pointwise generic that yields one number everywhere; a constant is repeated in its body."""
    block = Block(arg_types=[element(init)])
    if isinstance(scalar.owner, arith.ConstantOp):
        block.add_op(constant := scalar.owner.clone())
        scalar = constant.result
    block.add_op(YieldOp(scalar))
    return _pointwise([], [], init, block)


def _pointwise(inputs: list[SSAValue], maps: list[AffineMap], init: SSAValue, body: Block) -> GenericOp:
    rank = len(shape(init))
    indexing = [AffineMapAttr(map) for map in (*maps, AffineMap.identity(rank))]
    return GenericOp(inputs, [init], Region(body), indexing, [IteratorTypeAttr.parallel()] * rank, [init.type])


def generalize(block: Block) -> None:
    """Turn transposes, and fills that something else than a generic reads, into generics; in the blocks inside too."""
    for op in list(block.ops):
        match op:
            case TransposeOp() if rewriting(op, "generalize", required=True):
                replace(op, copy(op.inputs[0], op.get_indexing_maps().data[0].data, op.outputs[0]))
            case FillOp() if any(not isinstance(use.operation, GenericOp) for use in op.results[0].uses):
                if rewriting(op, "generalize", required=True):
                    replace(op, filled(op.inputs[0], op.outputs[0]))
            case GenericOp() | FillOp() | TransposeOp():
                continue
            case _:
                for region in op.regions:
                    for inner in region.blocks:
                        generalize(inner)


def redirect(reader: GenericOp, number: int, value: SSAValue, map: AffineMap) -> bool:
    """Let an input be another value, read through another map, if every dim still shows its size. Whether it did."""
    maps = [m.data for m in reader.indexing_maps]
    maps[number] = map
    plain = {e.position for m in maps for e in m.results if isinstance(e, AffineDimExpr)}
    if len(plain) < map.num_dims:
        return False
    reader.operands[number] = value
    reader.indexing_maps = ArrayAttr([AffineMapAttr(m) for m in maps])
    return True


def read_through(reader: GenericOp) -> None:
    """Read what copies copy, not the copies, where the maps can say so; roots only through permutations and repeats."""
    pointwise = all(t.data is IteratorType.PARALLEL for t in reader.iterator_types)
    for i in range(len(reader.inputs)):
        while isinstance(maker := reader.operands[i].owner, GenericOp) and (copied := copied_from(maker)) is not None:
            source, map = copied
            if not may_rewrite() or (not pointwise and not is_projected(map)):
                break
            if not redirect(reader, i, source, map.compose(reader.indexing_maps.data[i].data)):
                break
            rewriting(reader, "read-through", "a copy")


def forward(op: GenericOp, source: SSAValue, map: AffineMap) -> None:
    """Let what reads a copy that changes nothing read the original; results of the function stay copies."""
    if source.type != op.results[0].type or map != AffineMap.identity(map.num_dims):
        return
    for use in list(op.results[0].uses):
        if not use.operation.has_trait(IsTerminator) and rewriting(use.operation, "forward"):
            use.operation.operands[use.index] = source


def slice_before_copy(op: tensor.ExtractSliceOp) -> None:
    """A slice of a copy becomes a copy of a slice, which its readers can read through, if only such readers are left.

    %t = copy %x (b, h, s) -> (b, s, h); %y = extract_slice %t     -->     %s = extract_slice %x; %y = copy %s
    """
    if not isinstance(op.source.owner, GenericOp) or (copied := copied_from(op.source.owner)) is None:
        return
    source, map = copied
    folding = (GenericOp, tensor.ExtractSliceOp, tensor.CollapseShapeOp, tensor.ExpandShapeOp)
    if not all(isinstance(reader, folding) for reader in readers(op.source)) or op.offsets or op.sizes or op.strides:
        return
    if not is_projected(map) or not rewriting(op, "slice-before-copy"):
        return
    fields = (op.static_offsets, op.static_sizes, op.static_strides)
    ranges = list(zip(*(field.get_values() for field in fields), strict=True))
    parts = [ranges[e.position] if isinstance(e, AffineDimExpr) else (0, 1, 1) for e in map.results]
    offsets, sizes, strides = ([part[i] for part in parts] for i in range(3))
    kind = TensorType(element(source), sizes)
    part = inserted(tensor.ExtractSliceOp(source, offsets, sizes, strides, kind), op)
    empty = inserted(tensor.EmptyOp((), op.result.type), op)
    replace(op, copy(part.results[0], map, empty.results[0]))


def is_projected(map: AffineMap) -> bool:
    """Whether each result is 0 or a dim, no dim twice; there may be more results than dims."""
    dims = [index.dim for index in indices(map) if index.terms or index.offset]
    return None not in dims and len(set(dims)) == len(dims)


def permutation(map: AffineMap) -> tuple[int, ...] | None:
    """For a map that permutes: the axis of the source that each axis of the copy is. None for other maps."""
    if map.num_dims != len(map.results) or not map.is_projected_permutation():
        return None
    axes = [e.position for e in map.results if isinstance(e, AffineDimExpr)]
    return tuple(axes.index(d) for d in range(map.num_dims))
