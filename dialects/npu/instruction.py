"""The instructions: an op for each, made from the declaration. `npu.v_rq` is `v.rq`, its suffixes are `mode`.

    npu.ld_a x = %a, g = %in[64], desc = {n0 = 128, n1 = 64, g1 = 128, l1 = 8}, layer = 0, signals = [1]
    npu.mm "acc" x = %a[2048], y = %w, z = %c, desc = {mx = 64, ax = 8}, layer = 0, waits = [1, 3]
    npu.v_rq "res.relu" x = %c, y = %r, z = %o, pm = %p[384], desc = {nx = 64, imm0 = 5.0e-01 : f64}, layer = 0

An operand is a buffer or segment with an offset in bytes: x, y, z as the instruction has them, g the place in DRAM, pm
and lut what the descriptor says lies in PMEM. Floats in a descriptor stand for their bits.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import ClassVar

from xdsl.dialects.builtin import (
    DenseArrayBase,
    DictionaryAttr,
    FloatAttr,
    IntegerAttr,
    MemRefType,
    StringAttr,
)
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import IRDLOperation, irdl_op_definition, opt_prop_def, prop_def, var_operand_def
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.utils.exceptions import VerifyException

from ..graph._base import ints
from ._attributes import text, whole, wholes
from ._isa import GRANULE, KINDS, OPCODES, SEMAPHORES, Opcode, split_mnemonic
from .program import DRAM, size_of, space_of

Place = tuple[str, SSAValue, int]
"""Role, buffer or segment, offset in bytes."""


class InstructionOp(IRDLOperation):
    """An instruction: its operands by role, suffixes, descriptor, layer (-1 for none), semaphores from 1."""

    DECLARED: ClassVar[Opcode]
    places = var_operand_def(MemRefType)
    roles = prop_def(StringAttr)
    offsets = prop_def(DenseArrayBase)
    mode = opt_prop_def(StringAttr)
    desc = opt_prop_def(DictionaryAttr)
    layer = prop_def(IntegerAttr)
    waits = opt_prop_def(DenseArrayBase)
    signals = opt_prop_def(DenseArrayBase)

    @classmethod
    def at(
        cls,
        places: Sequence[Place],
        *,
        mode: str = "",
        desc: DictionaryAttr | None = None,
        layer: int = -1,
        waits: tuple[int, ...] = (),
        signals: tuple[int, ...] = (),
    ) -> "InstructionOp":
        """The instruction on these operands."""
        properties: dict[str, Attribute] = {
            "roles": text(" ".join(role for role, _, _ in places)),
            "offsets": wholes(tuple(offset for _, _, offset in places)),
            "layer": whole(layer),
        }
        if mode:
            properties["mode"] = text(mode)
        if desc is not None:
            properties["desc"] = desc
        if waits:
            properties["waits"] = wholes(waits)
        if signals:
            properties["signals"] = wholes(signals)
        return cls.create(operands=[value for _, value, _ in places], properties=properties)

    @property
    def mnemonic(self) -> str:
        """The mnemonic with its suffixes."""
        return self.DECLARED.name + (f".{self.mode.data}" if self.mode is not None else "")

    @property
    def operand_places(self) -> tuple[Place, ...]:
        """Every operand."""
        return tuple(zip(self.roles.data.split(), self.operands, ints(self.offsets), strict=True))

    def verify_(self) -> None:
        declared = self.DECLARED
        try:
            split_mnemonic(self.mnemonic)
        except ValueError as error:
            raise VerifyException(f"{self.name}: {error}") from None
        places = self.operand_places
        allowed = _spaces(declared.name)
        for role, value, offset in places:
            space, size = space_of(value.type), size_of(value.type)
            if space not in allowed.get(role, ()):
                expected = f"in {' or '.join(allowed[role])}" if role in allowed else f"one of {', '.join(allowed)}"
                raise VerifyException(f"{self.name}: expected {role} {expected}, found it in {space or 'no memory'}")
            if not 0 <= offset < max(size, 1) or (role != "g" and offset % GRANULE):
                raise VerifyException(f"{self.name}: expected {role} within {size} bytes, found it at {offset}")
        roles = [role for role, _, _ in places]
        if len(set(roles)) < len(roles) or not _required(declared.name) <= set(roles):
            expected = ", ".join(sorted(_required(declared.name))) or "none"
            raise VerifyException(f"{self.name}: expected operands {expected}, each once, found {', '.join(roles)}")
        self._verify_desc()
        for tokens in (self.waits, self.signals):
            found = () if tokens is None else ints(tokens)
            if len(found) > 2 or not all(0 < s <= SEMAPHORES for s in found):
                raise VerifyException(f"{self.name}: expected at most two semaphores of 1 to 63, found {found}")

    def _verify_desc(self) -> None:
        kind = self.DECLARED.kind
        if (self.desc is None) == bool(kind):
            raise VerifyException(
                f"{self.name}: expected {f'a {kind}' if kind else 'no'} descriptor, found {self.desc}"
            )
        limits = _limits(kind)
        for name, value in self.desc.data.items() if self.desc is not None else ():
            if (limit := limits.get(name)) is None:
                raise VerifyException(f"{self.name}: a {kind} descriptor has no field {name}")
            least, most, floats = limit
            if floats and isinstance(value, FloatAttr):
                continue
            if not isinstance(value, IntegerAttr):
                raise VerifyException(f"{self.name}: expected a number as {name}, found {value}")
            if not least <= value.value.data <= most:
                raise VerifyException(f"{self.name}: expected {name} of {least} to {most}, found {value.value.data}")

    def print(self, printer: Printer) -> None:
        if self.mode is not None:
            printer.print_string(" ")
            printer.print_attribute(self.mode)
        parts: list[tuple[str, object]] = [(role, (value, offset)) for role, value, offset in self.operand_places]
        if self.desc is not None:
            parts.append(("desc", self.desc))
        parts.append(("layer", self.layer))
        parts += [(n, p) for n, p in (("waits", self.waits), ("signals", self.signals)) if p is not None]
        for number, (name, part) in enumerate(parts):
            printer.print_string(f"{',' if number else ''} {name} = ")
            match part:
                case (SSAValue() as value, int() as offset):
                    printer.print_operand(value)
                    printer.print_string(f"[{offset}]" if offset else "")
                case DictionaryAttr():
                    _print_desc(printer, part)
                case DenseArrayBase():
                    printer.print_string(str(list(ints(part))))
                case IntegerAttr():
                    printer.print_string(str(part.value.data))
                case _:
                    raise ValueError(part)
        printer.print_op_attributes(self.attributes)

    @classmethod
    def parse(cls, parser: Parser) -> "InstructionOp":
        mode = parser.parse_optional_str_literal() or ""
        places: list[Place] = []
        desc, layer = None, -1
        tokens: dict[str, tuple[int, ...]] = {"waits": (), "signals": ()}
        while True:
            name = parser.parse_identifier()
            parser.parse_punctuation("=")
            if name == "desc":
                found = parser.parse_attribute()
                desc = found if isinstance(found, DictionaryAttr) else parser.raise_error("expected a dictionary")
            elif name == "layer":
                layer = parser.parse_integer()
            elif name in tokens:
                numbers = parser.parse_comma_separated_list(parser.Delimiter.SQUARE, parser.parse_integer)
                tokens[name] = tuple(numbers)
            else:
                places.append((name, _parse_value(parser), _parse_offset(parser)))
            if parser.parse_optional_punctuation(",") is None:
                break
        op = cls.at(places, mode=mode, desc=desc, layer=layer, waits=tokens["waits"], signals=tokens["signals"])
        op.attributes |= parser.parse_optional_attr_dict()
        return op


def _parse_value(parser: Parser) -> SSAValue:
    """An operand without its type: buffers and segments stand before what names them."""
    found = parser.parse_unresolved_operand()
    values = parser.ssa_values.get(found.operand_name, ())
    if found.index >= len(values):
        parser.raise_error(f"expected a buffer or a segment from above, found %{found.operand_name}", found.span)
    return values[found.index]


def _parse_offset(parser: Parser) -> int:
    if parser.parse_optional_punctuation("[") is None:
        return 0
    offset = parser.parse_integer()
    parser.parse_punctuation("]")
    return offset


def _print_desc(printer: Printer, desc: DictionaryAttr) -> None:
    printer.print_string("{")
    for number, (name, value) in enumerate(desc.data.items()):
        printer.print_string(f"{', ' if number else ''}{name} = ")
        if isinstance(value, IntegerAttr):
            printer.print_string(str(value.value.data))
        else:
            printer.print_attribute(value)
    printer.print_string("}")


@cache
def _limits(kind: str) -> Mapping[str, tuple[int, int, bool]]:
    """The fields of a descriptor: the least and the greatest number, and whether a float may stand for its bits. A vec
    has those of its vec2 too."""
    kinds = (kind, "vec2") if kind == "vec" else (kind,) if kind else ()
    fields = [field for k in kinds for field in KINDS[k].fields]
    floats = {"lo", "hi", *(f.name for f in fields if f.unit == "float")}
    return {f.name: (1 if f.unit == "count" else f.low, f.high, f.name in floats) for f in fields}


@cache
def _spaces(name: str) -> Mapping[str, tuple[str, ...]]:
    """The memories that each operand of an instruction may lie in."""
    declared = OPCODES[name]
    found = {o.field: o.spaces for o in declared.operands} | ({"g": (DRAM,)} if declared.dram else {})
    return found | ({"pm": ("pmem",), "lut": ("pmem",)} if declared.kind == "vec" else {})


@cache
def _required(name: str) -> set[str]:
    declared = OPCODES[name]
    return {o.field for o in declared.operands if not o.optional} | ({"g"} if declared.dram else set())


def _define(declared: Opcode) -> type[InstructionOp]:
    """The op of an instruction."""
    stem = declared.name.replace(".", "_")
    name = "".join(part.capitalize() for part in stem.split("_")) + "Op"
    words = {"name": f"npu.{stem}", "DECLARED": declared, "__annotations__": {"DECLARED": ClassVar[Opcode]}}
    words |= {"__doc__": f"{declared.text[0].upper()}{declared.text[1:]}.", "__module__": __name__}
    return irdl_op_definition(type(name, (InstructionOp,), words))


OPS = {name: _define(declared) for name, declared in OPCODES.items()}
"""The op of each mnemonic."""
globals().update({op.__name__: op for op in OPS.values()})
