"""Programs of the NPU, and what their instructions name: parts of DRAM, and buffers in the local memories.

    npu.program @conv1 marks [{layer = "conv1", ..}] sems [["a_full", "lda", "mxu", 0]] line {acc = 128, ..} {
      %0 = npu.segment 1 "weights" role "weights" pieces [[0, @conv1.weights]] tensors "[]" : memref<9216xi8, "dram">
      %1 = npu.buffer "conv1.w" align 32 at 0 : memref<9216xi8, "wmem">
      npu.ld_w x = %1, g = %0, desc = {n0 = 9216}, layer = 0, signals = [1]
      ..
    }

Instructions stand in the order of the text. A buffer has no address (`at`) before `npu-alloc`; instructions have no
semaphores before `npu-sync`.
"""

from collections.abc import Sequence
from functools import cache

from xdsl.dialects.builtin import (
    I64,
    ArrayAttr,
    DictionaryAttr,
    IntegerAttr,
    MemRefType,
    StringAttr,
    SymbolNameConstraint,
    UnitAttr,
    i8,
    i64,
)
from xdsl.ir import Attribute, Block, Region
from xdsl.irdl import (
    IRDLOperation,
    irdl_op_definition,
    opt_prop_def,
    prop_def,
    region_def,
    result_def,
    traits_def,
)
from xdsl.traits import IsolatedFromAbove, NoTerminator, SymbolOpInterface
from xdsl.utils.exceptions import VerifyException

from ._attributes import whole
from ._isa import QUEUES, READ_ONLY, SEGMENT_ROLES, SEGMENTS, SEMAPHORES, SPACES

DRAM = "dram"


@cache
def bytes_in(space: str, size: int) -> MemRefType:
    """The type of `size` bytes in a memory."""
    return MemRefType(i8, [size], memory_space=StringAttr(space))


def space_of(type: Attribute) -> str:
    """The memory that a type lies in; "" if it says none."""
    match type:
        case MemRefType(memory_space=StringAttr(data=space)):
            return space
        case _:
            return ""


def size_of(type: Attribute) -> int:
    """Bytes of a buffer or segment."""
    return type.get_shape()[0] if isinstance(type, MemRefType) else 0


@irdl_op_definition
class ProgramOp(IRDLOperation):
    """A straight line of instructions. `marks` say what layers are; `sems` are [name, producer, consumer, initial
    count], semaphore n being entry n - 1; `line` is the bytes of a line of each memory."""

    name = "npu.program"
    sym_name = prop_def(SymbolNameConstraint())
    marks = prop_def(ArrayAttr[DictionaryAttr])
    sems = prop_def(ArrayAttr[ArrayAttr[Attribute]])
    line = prop_def(DictionaryAttr)
    body = region_def("single_block")
    traits = traits_def(IsolatedFromAbove(), SymbolOpInterface(), NoTerminator())
    assembly_format = "$sym_name `marks` $marks `sems` $sems `line` $line attr-dict-with-keyword $body"

    def __init__(
        self,
        name: str,
        marks: Sequence[DictionaryAttr],
        sems: Sequence[ArrayAttr[Attribute]],
        line: DictionaryAttr,
    ):
        super().__init__(
            properties={
                "sym_name": StringAttr(name),
                "marks": ArrayAttr(marks),
                "sems": ArrayAttr(sems),
                "line": line,
            },
            regions=[Region(Block())],
        )

    def verify_(self) -> None:
        if len(self.sems) > SEMAPHORES:
            raise VerifyException(f"npu.program: expected at most {SEMAPHORES} semaphores, found {len(self.sems)}")
        for sem in self.sems:
            match sem.data:
                case (StringAttr(), StringAttr(data=producer), StringAttr(data=consumer), IntegerAttr()) if (
                    producer in QUEUES and consumer in QUEUES
                ):
                    pass
                case _:
                    raise VerifyException(f"npu.program: expected [name, queue, queue, count], found {sem}")


@irdl_op_definition
class SegmentOp(IRDLOperation):
    """A part of DRAM. `pieces` are [offset, weight]: what the loader finds there; `tensors` is JSON."""

    name = "npu.segment"
    number = prop_def(IntegerAttr[I64])
    label = prop_def(StringAttr)
    role = prop_def(StringAttr)
    writable = opt_prop_def(UnitAttr)
    pieces = prop_def(ArrayAttr[ArrayAttr[Attribute]])
    tensors = prop_def(StringAttr)
    res = result_def(MemRefType)
    assembly_format = (
        "$number $label `role` $role (`writable` $writable^)? `pieces` $pieces `tensors` $tensors "
        "attr-dict `:` type($res)"
    )

    def __init__(
        self,
        number: int,
        label: str,
        role: str,
        size: int,
        *,
        writable: bool,
        pieces: Sequence[ArrayAttr[Attribute]] = (),
        tensors: str = "[]",
    ):
        super().__init__(
            properties={
                "number": IntegerAttr(number, i64),
                "label": StringAttr(label),
                "role": StringAttr(role),
                "pieces": ArrayAttr(pieces),
                "tensors": StringAttr(tensors),
            }
            | ({"writable": UnitAttr()} if writable else {}),
            result_types=[bytes_in(DRAM, size)],
        )

    def verify_(self) -> None:
        number, role = self.number.value.data, self.role.data
        if not 0 <= number < SEGMENTS:
            raise VerifyException(f"npu.segment: expected a number below {SEGMENTS}, found {number}")
        if role not in SEGMENT_ROLES:
            raise VerifyException(f"npu.segment: expected a role of {', '.join(SEGMENT_ROLES)}, found {role}")
        if self.writable is not None and role in READ_ONLY:
            raise VerifyException(f"npu.segment: {role} is read only, found writable")
        if space_of(self.res.type) != DRAM:
            raise VerifyException(f"npu.segment: expected bytes in {DRAM}, found {self.res.type}")


@irdl_op_definition
class BufferOp(IRDLOperation):
    """Bytes of a local memory that belong together; `stream`: passed through once, load by load."""

    name = "npu.buffer"
    label = prop_def(StringAttr)
    align = prop_def(IntegerAttr[I64])
    stream = opt_prop_def(UnitAttr)
    at = opt_prop_def(IntegerAttr[I64])
    res = result_def(MemRefType)
    assembly_format = "$label `align` $align (`stream` $stream^)? (`at` $at^)? attr-dict `:` type($res)"

    def __init__(
        self, label: str, space: str, size: int, align: int, *, stream: bool = False, address: int | None = None
    ):
        super().__init__(
            properties={"label": StringAttr(label), "align": whole(align)}
            | ({"stream": UnitAttr()} if stream else {})
            | ({"at": whole(address)} if address is not None else {}),
            result_types=[bytes_in(space, size)],
        )

    def verify_(self) -> None:
        if space_of(self.res.type) not in SPACES:
            raise VerifyException(f"npu.buffer: expected a memory of {', '.join(SPACES)}, found {self.res.type}")
        align = self.align.value.data
        if align < 1 or (self.at is not None and self.at.value.data % align):
            raise VerifyException(f"npu.buffer: expected an address that is a multiple of {align}, found {self.at}")
