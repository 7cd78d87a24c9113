"""The kernel at the tile level: a program that is run once for each point of a grid, in any order or at the same time.

    tile.kernel @k0(%x: !tile.view<f16, [M, 768]>, %y: !tile.view<f16, [M, 768]>, %M: i32) attributes {
        sizes = ["M"], grid = affine_map<(d0) -> (d0 ceildiv 128, 6)>, schedule = {warps = 8 : i64, stages = 3 : i64},
        nodes = array<i64: 4, 5>, bytes = 4096 : i64, flops = 8192 : i64} {
      ...
    }
    kernel.launch @k0(%x, %y, %m) : (memref<4x196x768xf16>, memref<4x196x768xf16>, i32) -> ()

Arguments are views, then sizes as i32, named by `sizes`; the grid is a map of these. A launch gives a memref for each
view, whose elements the view lays out anew. Loops are scf.for over i32, with {stages, warp_specialize, flatten, unroll}
for the pipeliner. What a kernel reads it does not write: no view is stored to and loaded from.
"""

from collections.abc import Mapping, Sequence

from xdsl.dialects import arith, math, scf
from xdsl.dialects.builtin import (
    AffineMapAttr,
    ArrayAttr,
    DictionaryAttr,
    FloatAttr,
    FunctionType,
    IntegerAttr,
    StringAttr,
    SymbolNameConstraint,
    i32,
)
from xdsl.dialects.utils import parse_func_op_like, print_func_op_like
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.ir.affine import AffineExpr, AffineMap
from xdsl.irdl import (
    IRDLOperation,
    irdl_op_definition,
    opt_prop_def,
    prop_def,
    region_def,
    traits_def,
)
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import IsolatedFromAbove, NoTerminator, SymbolOpInterface
from xdsl.utils.exceptions import VerifyException

from .._shape import dtype
from ._block import BlockOp, dims, kind
from .compute import CastOp, DotOp, ReshapeOp, TransOp
from .index import BroadcastOp, ExpandOp
from .memory import AtomicOp, LoadOp, StoreOp
from .reduction import ReduceOp, Reduction
from .view import ViewType

MOST = 1 << 20
"""Elements of a block, at most: Triton's own limit."""
NEUTRAL = {
    Reduction.SUM: 0.0,
    Reduction.PROD: 1.0,
    Reduction.MAX: float("-inf"),
    Reduction.ARGMAX: float("-inf"),
    Reduction.MIN: float("inf"),
    Reduction.ARGMIN: float("inf"),
}
"""What a reduction ignores."""
_SAME = (CastOp, TransOp, ReshapeOp, BroadcastOp, ExpandOp)
_EXACT = (math.AbsFOp, math.AbsIOp, math.FmaOp)


@irdl_op_definition
class KernelOp(IRDLOperation):
    """A tile kernel; see above."""

    name = "tile.kernel"
    sym_name = prop_def(SymbolNameConstraint())
    function_type = prop_def(FunctionType)
    sizes = prop_def(ArrayAttr[StringAttr])
    grid = prop_def(AffineMapAttr)
    schedule = opt_prop_def(DictionaryAttr)
    body = region_def("single_block")
    traits = traits_def(IsolatedFromAbove(), SymbolOpInterface(), NoTerminator())

    def __init__(
        self,
        name: str,
        views: Sequence[Attribute],
        sizes: Sequence[str] = (),
        grid: AffineMap | Sequence[int] = (1,),
        schedule: Mapping[str, Attribute] | None = None,
    ):
        types = [*views, *(i32 for _ in sizes)]
        if not isinstance(grid, AffineMap):
            grid = AffineMap(len(sizes), 0, tuple(map(AffineExpr.constant, grid)))
        super().__init__(
            properties={
                "sym_name": StringAttr(name),
                "function_type": FunctionType.from_lists(types, []),
                "sizes": ArrayAttr([StringAttr(s) for s in sizes]),
                "grid": AffineMapAttr(grid),
                "schedule": None if schedule is None else DictionaryAttr(schedule),
            },
            regions=[Region(Block(arg_types=types))],
        )

    @property
    def views(self) -> tuple[SSAValue, ...]:
        """The arguments in memory."""
        return tuple(a for a in self.body.block.args if isinstance(a.type, ViewType))

    @property
    def scalars(self) -> dict[str, SSAValue]:
        """The arguments that are sizes, by name."""
        return dict(zip((s.data for s in self.sizes), self.body.block.args[len(self.views) :], strict=True))

    def programs(self, sizes: Mapping[str, int]) -> tuple[int, int, int]:
        """The grid for these sizes."""
        x, y, z = (*self.grid.data.eval([sizes[s.data] for s in self.sizes], []), 1, 1)[:3]
        return x, y, z

    def written(self) -> tuple[SSAValue, ...]:
        """The views that are stored to, or updated."""
        found = {op.view for op in self.walk() if isinstance(op, StoreOp | AtomicOp)}
        return tuple(v for v in self.views if v in found)

    def verify_(self) -> None:
        args = self.body.block.args
        if (found := tuple(a.type for a in args)) != self.function_type.inputs.data:
            raise VerifyException(f"tile.kernel: expected arguments {self.function_type.inputs}, found {found}")
        split = len(args) - len(self.sizes)
        if any(not isinstance(a.type, ViewType) for a in args[:split]) or any(a.type != i32 for a in args[split:]):
            raise VerifyException(f"tile.kernel: expected views, then {len(self.sizes)} sizes of i32, found {found}")
        known = {s.data for s in self.sizes}
        for view in self.views:
            if isinstance(view.type, ViewType) and (missing := set(view.type.symbols) - known):
                raise VerifyException(f"tile.kernel: {view.type} names {', '.join(sorted(missing))}, which is no size")
        grid = self.grid.data
        if grid.num_dims != len(self.sizes) or grid.num_symbols or not 1 <= len(grid.results) <= 3:
            raise VerifyException(f"tile.kernel: expected a grid of 1 to 3 from {len(self.sizes)} sizes, found {grid}")
        _verify_body(self)

    def print(self, printer: Printer) -> None:
        fields = {"sizes": self.sizes, "grid": self.grid, "schedule": self.schedule, **self.attributes}
        if not self.sizes.data:
            del fields["sizes"]
        print_func_op_like(
            printer,
            self.sym_name,
            self.function_type,
            self.body,
            {name: value for name, value in fields.items() if value is not None},
            reserved_attr_names=("sym_name", "function_type"),
        )

    @classmethod
    def parse(cls, parser: Parser) -> "KernelOp":
        name, inputs, outputs, body, extra, _, _ = parse_func_op_like(
            parser, reserved_attr_names=("sym_name", "function_type")
        )
        attributes = dict(extra.data) if extra is not None else {}
        properties: dict[str, Attribute] = {
            "sym_name": StringAttr(name),
            "function_type": FunctionType.from_lists(inputs, outputs),
            "sizes": attributes.pop("sizes", ArrayAttr([])),
        }
        properties |= {p: attributes.pop(p) for p in ("grid", "schedule") if p in attributes}
        return cls.create(properties=properties, attributes=attributes, regions=[body])


def _verify_body(func: KernelOp) -> None:
    order = {op: i for i, op in enumerate(func.walk())}
    stores: dict[SSAValue, Operation] = {}
    for op in order:
        for value in (*op.results, *(a for r in op.regions for b in r.blocks for a in b.args)):
            _verify_block(op, value) if op is not func else None
        _verify_elements(op)
        if isinstance(op, StoreOp):
            stores[op.view] = op
    for op in order:
        if isinstance(op, LoadOp):
            _verify_other(op)
            if (store := stores.get(op.view)) is not None and (order[store] < order[op] or _loop(store, op)):
                raise VerifyException("tile.kernel: expected no view that is stored to and later loaded from")


def _loop(store: Operation, load: Operation) -> bool:
    """Whether one loop holds both, so that its next round loads what was stored."""
    around = store.parent_op()
    while around is not None and not isinstance(around, KernelOp):
        if isinstance(around, scf.ForOp | scf.WhileOp) and around.is_ancestor(load):
            return True
        around = around.parent_op()
    return False


def _verify_block(op: Operation, value: SSAValue) -> None:
    shape, size = dims(value), 1
    for n in shape:
        size *= n
        if n < 1 or n & (n - 1):
            raise VerifyException(f"{op.name}: expected blocks whose sizes are powers of two, found {value.type}")
    if size > MOST:
        raise VerifyException(f"{op.name}: expected at most {MOST} elements in a block, found {value.type}")


def _verify_elements(op: Operation) -> None:
    """math and division are of f32 (or f64) alone: Triton has them in no narrower type."""
    wide = isinstance(op, arith.DivfOp) or (op.name.startswith("math.") and not isinstance(op, _EXACT))
    if wide and dtype(kind(op.results[0])).itemsize < 4:
        raise VerifyException(f"{op.name}: expected f32, found {op.results[0].type}; cast before and after")


def _verify_other(load: LoadOp) -> None:
    """What stands for elements left out is what a consumer ignores."""
    if not load.is_masked:
        return
    values = [load.res]
    while values:
        for use in values.pop().uses:
            op = use.operation
            if isinstance(op, _SAME):
                values.append(op.res)
            elif isinstance(op, DotOp) and use.index < 2:
                _ignored(load, 0.0, op)
            elif isinstance(op, ReduceOp):
                _ignored(load, NEUTRAL[op.combine.data], op)


def _ignored(load: LoadOp, wanted: float, consumer: BlockOp) -> None:
    found = load.other.value.data if isinstance(load.other, FloatAttr | IntegerAttr) else None
    whole = dtype(load.type.element).kind in "iub"
    if found is None or (found != wanted and not (whole and wanted in (float("inf"), float("-inf")))):
        raise VerifyException(f"tile.load: expected other {wanted}, which its {consumer.name} ignores, found {found}")
