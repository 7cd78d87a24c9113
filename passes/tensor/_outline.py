"""Makes a kernel of some generics: their ops move into a kernel.func, a launch stays. Equal kernels are one function.

%e = tensor.empty()
%y = linalg.generic ins(%x) outs(%e) {..}      -->     %y = kernel.launch @k0(%x)
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from xdsl.dialects import arith, tensor
from xdsl.dialects.builtin import ArrayAttr, IntegerAttr, LocationAttr, ModuleOp, StringAttr, i64
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.traits import SymbolOpInterface

from ...dialects._location import fused
from ...dialects._xdsl import FillOp
from ...dialects.kernel import FuncOp, LaunchOp, ReturnOp

INLINED = (arith.ConstantOp, tensor.EmptyOp, FillOp)
"""Host ops that a kernel repeats rather than takes as an argument."""


@dataclass(frozen=True)
class Cut:
    """What a kernel is made of: its ops in order, the outer values it reads, the results that others read."""

    ops: tuple[Operation, ...]
    inputs: tuple[SSAValue, ...]
    outputs: tuple[SSAValue, ...]


@dataclass
class Outliner:
    """The kernels of a module so far, by structure."""

    module: ModuleOp
    _attributes: dict[Attribute, int] = field(default_factory=dict[Attribute, int])
    _kernels: dict[object, FuncOp] = field(default_factory=dict[object, FuncOp])
    _names: set[str] = field(default_factory=set[str])

    def __post_init__(self) -> None:
        symbols = (op.get_attr_or_prop("sym_name") for op in self.module.ops if op.has_trait(SymbolOpInterface))
        self._names.update(name.data for name in symbols if isinstance(name, StringAttr))

    def outline(self, members: Sequence[Operation], common: Sequence[int] | None = None) -> LaunchOp:
        """Replace the members by a launch, where the last of them stood. The caller moves it before its readers.
        `common` are the kernel's outermost dims, if not all that can be shall be."""
        cut = cut_of(members)
        key = self._key(cut), common
        if (kernel := self._kernels.get(key)) is None:
            kernel = self._kernels[key] = self._made(cut, members[0].location)
            if common is not None:
                kernel.attributes["common"] = ArrayAttr([IntegerAttr(dim, i64) for dim in common])
        launch = LaunchOp(kernel.sym_name.data, cut.inputs, [v.type for v in cut.outputs])
        launch.location = fused(op.location for op in members)
        if (block := members[-1].parent_block()) is not None:
            block.insert_op_before(launch, members[-1])
        for old, new in zip(cut.outputs, launch.results, strict=True):
            new.name_hint = old.name_hint
            old.replace_all_uses_with(new)
        for op in reversed(members):
            op.detach()
            op.erase()
        return launch

    def _made(self, cut: Cut, location: LocationAttr) -> FuncOp:
        block = Block(arg_types=[v.type for v in cut.inputs])
        values: dict[SSAValue, SSAValue] = dict(zip(cut.inputs, block.args, strict=True))
        for old, new in values.items():
            new.name_hint = old.name_hint
        block.add_ops([op.clone(values) for op in cut.ops])
        block.add_op(ReturnOp(*(values[v] for v in cut.outputs)))
        inputs, outputs = [v.type for v in cut.inputs], [v.type for v in cut.outputs]
        kernel = FuncOp(self._fresh(), inputs, outputs, Region(block))
        kernel.location = location
        return kernel

    def _fresh(self) -> str:
        number = len(self._kernels)
        while (name := f"k{number}") in self._names:
            number += 1
        self._names.add(name)
        return name

    def place(self) -> None:
        """Put the new kernels before the module's functions."""
        first, block = self.module.body.block.first_op, self.module.body.block
        for kernel in self._kernels.values():
            block.add_op(kernel) if first is None else block.insert_op_before(kernel, first)

    def _key(self, cut: Cut) -> object:
        """Equal for kernels of equal structure: ops, attributes, types, and who reads what; not names or places."""
        numbers = {value: i for i, value in enumerate(cut.inputs)}
        types = tuple(self._number(v.type) for v in cut.inputs)
        ops = tuple(self._op_key(op, numbers) for op in cut.ops)
        return types, ops, tuple(numbers[v] for v in cut.outputs)

    def _op_key(self, op: Operation, numbers: dict[SSAValue, int]) -> object:
        operands = tuple(numbers[v] for v in op.operands)
        for result in op.results:
            numbers[result] = len(numbers)
        fields = tuple((name, self._number(a)) for d in (op.properties, op.attributes) for name, a in sorted(d.items()))
        types = tuple(self._number(r.type) for r in op.results)
        regions = tuple(self._block_key(block, numbers) for region in op.regions for block in region.blocks)
        return op.name, operands, types, fields, regions

    def _block_key(self, block: Block, numbers: dict[SSAValue, int]) -> object:
        for arg in block.args:
            numbers[arg] = len(numbers)
        types = tuple(self._number(arg.type) for arg in block.args)
        return types, tuple(self._op_key(op, numbers) for op in block.ops)

    def _number(self, attribute: Attribute) -> int:
        return self._attributes.setdefault(attribute, len(self._attributes))


def cut_of(members: Sequence[Operation]) -> Cut:
    """The members with the constants and inits that they read, and what they need from and give to the outside."""
    inside = set(members)
    ops: dict[Operation, None] = {}
    inputs: dict[SSAValue, None] = {}

    def need(value: SSAValue) -> None:
        owner = value.owner
        if owner in inside or owner in ops:
            return
        if isinstance(owner, INLINED):
            for operand in owner.operands:
                need(operand)
            ops[owner] = None
        else:
            inputs[value] = None

    for member in members:
        for value in outer_reads(member):
            need(value)
        ops[member] = None
    outputs = [r for op in members for r in op.results if any(_unit(use.operation, op) not in inside for use in r.uses)]
    return Cut(tuple(ops), tuple(inputs), tuple(outputs))


def outer_reads(op: Operation) -> Iterator[SSAValue]:
    """The operands of an op and of all ops in its regions, but for what those regions define themselves."""
    yield from op.operands
    made: set[SSAValue] = set()
    for region in op.regions:
        for block in region.blocks:
            made.update(block.args)
        for inner in region.walk():
            made.update(inner.results)
            made.update(arg for nested in inner.regions for block in nested.blocks for arg in block.args)
        for inner in region.walk():
            yield from (value for value in inner.operands if value not in made)


def _unit(user: Operation, beside: Operation) -> Operation:
    """The op of the same block as `beside` that the user lies in."""
    while user.parent is not beside.parent and (outer := user.parent_op()) is not None:
        user = outer
    return user
