"""Assembly text to programs and back: assemble(disassemble(p), p.machine) == p but for data and debug information.

.seg 0 A 32768                           ; number, name, bytes [role] [readonly or writable]
.sem a_full lda -> mxu                   ; name, producer, consumer [init COUNT]
.desc dG gemm mx=64, ax=128, nc1=4       ; strides and addresses in bytes
mm x=spad:0x2000, y=wmem:0, z=acc:0, d=dG wait(a_full)
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from lark import Lark, Token, Transformer
from lark.exceptions import UnexpectedInput, UnexpectedToken

from ..isa import (
    DESCRIPTORS,
    GRANULE,
    KINDS,
    OPCODES,
    READ_ONLY,
    SEGMENT_ROLES,
    SEGMENTS,
    SEMAPHORES,
    EncodeError,
    Field,
    bf16_bits,
    dram,
    float_bits,
    local,
    split_mnemonic,
)
from ..machine import Machine
from ..program import Entry, Instruction, Program, SegmentInfo
from .disassemble import disassemble
from .expand import AsmError, Line, expand

__all__ = ["AsmError", "assemble", "disassemble"]

OWN_NAME = re.compile(r"d[0-9]+")
"""How descriptors without a name are called."""
EXPECTED = {"OP": "an instruction", "NAME": "a name", "INT": "a number", "HEX": "a number", "FLOAT": "a number"}
EXPECTED |= {"SPACE": "a memory", "QN": "a queue", "_NL": "the end of the line", "$END": "the end of the line"}


@dataclass
class Reference:
    """An operand: `spad:0x2000` or `dram:A+64`."""

    base: Token
    number: Token
    in_dram: bool


@dataclass
class Statement:
    """A line: directive or mnemonic, its words, its `key=value`s, waits and signals."""

    kind: str
    words: list[Token] = field(default_factory=list)
    pairs: "list[tuple[Token, Token | Reference]]" = field(default_factory=list)
    waits: list[Token] = field(default_factory=list)
    signals: list[Token] = field(default_factory=list)


class _Statements(Transformer[Token, list[Statement]]):
    """The parse tree as statements."""

    def start(self, found: list[Statement]) -> list[Statement]:
        return found

    def sem(self, words: list[Token | None]) -> Statement:
        return Statement("sem", [w for w in words if w is not None])

    def seg(self, words: list[Token]) -> Statement:
        return Statement("seg", words)

    def desc(self, parts: list) -> Statement:
        return Statement("desc", parts[:2], parts[2:])

    def kv(self, parts: list) -> tuple:
        return tuple(parts)

    arg = kv

    def lref(self, parts: list[Token]) -> Reference:
        return Reference(parts[0], parts[1], False)

    def dref(self, parts: list[Token]) -> Reference:
        return Reference(parts[0], parts[1], True)

    def wait(self, names: list[Token]) -> tuple[str, list[Token]]:
        return "wait", names

    def sig(self, names: list[Token]) -> tuple[str, list[Token]]:
        return "sig", names

    def ins(self, parts: list) -> Statement:
        made = Statement("ins", [parts[0]])
        for part in parts[1:]:
            if part is None:
                continue
            if part[0] == "wait":
                made.waits += part[1]
            elif part[0] == "sig":
                made.signals += part[1]
            else:
                made.pairs.append(part)
        return made


@cache
def _parser() -> Lark:
    grammar = (Path(__file__).parent / "grammar.lark").read_text(encoding="utf8")
    return Lark(grammar, parser="lalr", maybe_placeholders=True, transformer=_Statements())


def assemble(text: str, machine: Machine) -> Program:
    """The program that a text describes; AsmError with line and column. Descriptors stay as many as are written."""
    lines = expand(text)
    return _Assembler(lines, Program(machine)).run(_parsed(lines))


def _parsed(lines: list[Line]) -> list[Statement]:
    try:
        return _parser().parse("\n".join(line.text for line in lines) + "\n")  # pyright: ignore[reportReturnType]
    except UnexpectedInput as error:
        line = lines[min(max(error.line, 1), len(lines)) - 1]
        wanted = (
            error.accepts or error.expected if isinstance(error, UnexpectedToken) else getattr(error, "allowed", ())
        )
        names = sorted({EXPECTED.get(w) or _parser().get_terminal(w).pattern.value for w in wanted or ()})
        column = error.column if error.column > 0 else len(line.text) + 1
        rest = line.text[column - 1 :].split(None, 1)
        found = repr(rest[0]) if rest else "the end of the line"
        raise AsmError(f"expected {' or '.join(names)}, found {found}", line.number, column, line.text) from None


class _Assembler:
    """Statements to a program: declarations first, so that they may stand anywhere."""

    def __init__(self, lines: list[Line], program: Program):
        self.lines, self.program = lines, program
        self.sems: dict[str, int] = {}
        self.segments: dict[str, int] = {}
        self.descriptors: dict[str, tuple[int, str]] = {}

    def fail(self, token: Token, message: str) -> AsmError:
        """An error at a token."""
        line = self.lines[(token.line or 1) - 1]
        return AsmError(message, line.number, token.column or 1, line.text)

    def run(self, statements: list[Statement]) -> Program:
        """The program."""
        declare: dict[str, Callable[[Statement], None]] = {"sem": self.sem, "seg": self.seg, "desc": self.desc}
        for statement in statements:
            if statement.kind in declare:
                declare[statement.kind](statement)
        self.program.text = [self.instruction(s) for s in statements if s.kind == "ins"]
        return self.program

    def fresh(self, token: Token, taken: dict) -> str:
        """A name that is not taken."""
        if token.value in taken:
            raise self.fail(token, f"the name {token} is taken")
        return token.value

    def number(self, token: Token, low: int, high: int) -> int:
        """An integer within bounds."""
        if token.type == "FLOAT" or token.type == "NAME" or len(token) > 24:
            raise self.fail(token, f"expected an integer, found {token}")
        value = int(token, 16 if token.type == "HEX" else 10)
        if not low <= value <= high:
            raise self.fail(token, f"E-ENC expected {low} to {high}, found {token}")
        return value

    def sem(self, s: Statement) -> None:
        """.sem NAME QN -> QN [init INT]"""
        name, producer, consumer, *init = s.words
        if len(self.sems) == SEMAPHORES:
            raise self.fail(name, f"more than {SEMAPHORES} semaphores")
        if producer == consumer:
            raise self.fail(consumer, "expected another queue than the producer")
        self.sems[self.fresh(name, self.sems)] = len(self.sems) + 1
        count = self.number(init[0], 0, 255) if init else 0
        self.program.sems.append((name.value, producer.value, consumer.value, count))

    def seg(self, s: Statement) -> None:
        """.seg INT NAME INT [role] [readonly|writable]"""
        number, name, size, *words = s.words
        id = self.number(number, 0, SEGMENTS - 1)
        if id in self.segments.values():
            raise self.fail(number, f"segment {id} is taken")
        self.segments[self.fresh(name, self.segments)] = id
        role = SEGMENT_ROLES[min(id, len(SEGMENT_ROLES) - 1)]
        if words and words[0] in SEGMENT_ROLES:
            role = words.pop(0).value
        writable = role not in READ_ONLY
        if words and words[0] in ("readonly", "writable"):
            writable = words.pop(0) == "writable"
        if words:
            raise self.fail(
                words[0], f"expected {', '.join(SEGMENT_ROLES)}, then readonly or writable, found {words[0]}"
            )
        info = SegmentInfo(id, name.value, role, self.number(size, 0, 1 << 46), writable)
        self.program.segments.append(info)

    def desc(self, s: Statement) -> None:
        """.desc NAME KIND field=value, .."""
        name, kind = s.words
        if kind not in ("dma", "gemm", "vec"):
            raise self.fail(kind, f"expected dma, gemm or vec, found {kind}")
        kinds = (kind.value, "vec2") if kind == "vec" else (kind.value,)
        entries: list[Entry] = []
        left = self.pairs(s)
        for each in kinds:
            fields = KINDS[each].fields
            values = {f.name: self.field(f, left.pop(f.name)) if f.name in left else f.default for f in fields}
            entries.append((each, values))
        for key in (key for key, _ in s.pairs if key.value in left):
            raise self.fail(key, f"{kind} has no field {key}; it has {', '.join(f for _, e in entries for f in e)}")
        at = len(self.program.table)
        if at + len(entries) > DESCRIPTORS:
            raise self.fail(name, f"more than {DESCRIPTORS} descriptors")
        self.descriptors[self.fresh(name, self.descriptors)] = (at, kind.value)
        if not OWN_NAME.fullmatch(name):
            self.program.names[at] = name.value
        self.program.table += entries

    def pairs(self, s: Statement) -> "dict[str, Token | Reference]":
        """The keys with their values, each once."""
        found: dict[str, Token | Reference] = {}
        for key, value in s.pairs:
            if key.value in found:
                raise self.fail(key, f"{key} is given twice")
            found[key.value] = value
        return found

    def field(self, f: Field, token: "Token | Reference") -> int:
        """The value of a descriptor's field: granules from bytes, bits from floats, numbers from names."""
        assert isinstance(token, Token)
        if token.type == "NAME":
            if token.value not in f.names:
                offered = f"one of {', '.join(f.names)}" if f.names else "a number"
                raise self.fail(token, f"{f.name}: expected {offered}, found {token}")
            return f.names.index(token.value)
        if token.type == "FLOAT":
            return self.floating(f, token)
        if f.unit == "float":
            return self.number(token, -(1 << 31), f.high) & f.high
        if f.unit == "granule":
            value = self.number(token, 0, f.high * GRANULE)
            if value % GRANULE:
                raise self.fail(token, f"E-ENC {f.name}: expected a multiple of {GRANULE} bytes, found {token}")
            return value // GRANULE
        return self.number(
            token, 1 if f.unit == "count" else f.low, min(f.high, len(f.names) - 1) if f.names else f.high
        )

    def floating(self, f: Field, token: Token) -> int:
        """A number with a point, as float32 or, in lo and hi, bf16."""
        try:
            if f.unit == "float":
                return float_bits(float(token))
            if f.name in ("lo", "hi"):
                return bf16_bits(float(token))
        except EncodeError as error:
            raise self.fail(token, str(error)) from None
        raise self.fail(token, f"{f.name}: expected an integer, found {token}")

    def instruction(self, s: Statement) -> Instruction:
        """MNEMONIC key=value, .. wait(..) sig(..)"""
        op = s.words[0]
        try:
            name, f = split_mnemonic(op)
        except ValueError as error:
            raise self.fail(op, str(error)) from None
        declared = OPCODES[name]
        ins = Instruction(name, f=f, waits=self.tokens(s.waits), signals=self.tokens(s.signals))
        keys = {*declared.by_field, *(("g",) if declared.dram else ()), *(("d",) if declared.kind else ())}
        keys |= {"id"} if name == "mark" else set()
        pairs = self.pairs(s)
        for key, value in s.pairs:
            if key.value not in keys:
                raise self.fail(key, f"{name} takes {', '.join(sorted(keys)) or 'no operands'}, found {key}")
            self.operand(ins, key, value)
        if declared.kind and "d" not in pairs:
            raise self.fail(op, f"{name}: expected d, a descriptor of kind {declared.kind}")
        return ins

    def operand(self, ins: Instruction, key: Token, value: "Token | Reference") -> None:
        """Set x, y, z, the place in DRAM (g), the descriptor (d) or a mark's number (id)."""
        if key.value in ("g", "x", "y", "z"):
            if not isinstance(value, Reference) or value.in_dram != (key == "g"):
                raise self.fail(key, f"expected {key}={'dram:SEGMENT+BYTE' if key == 'g' else 'MEMORY:BYTE'}")
            if value.in_dram:
                ins.y, ins.z = dram(self.place(value.base), self.number(value.number, 0, (1 << 46) - 1))
                return
            byte = self.number(value.number, 0, (1 << 26) - 1)
            if byte % GRANULE:
                raise self.fail(value.number, f"E-ENC expected a multiple of {GRANULE} bytes, found {value.number}")
            setattr(ins, key.value, local(value.base, byte))
        elif isinstance(value, Reference):
            raise self.fail(key, f"{key}: expected {'a descriptor' if key == 'd' else 'a number'}")
        elif key == "id":
            ins.d = self.number(value, 0, DESCRIPTORS - 1)
        else:
            wanted = OPCODES[ins.name].kind
            if value.value not in self.descriptors:
                raise self.fail(value, f"no descriptor {value}; there is: {', '.join(self.descriptors) or 'none'}")
            ins.d, kind = self.descriptors[value.value]
            if kind != wanted:
                raise self.fail(value, f"E-ENC expected a descriptor of kind {wanted}, {value} is {kind}")

    def place(self, segment: Token) -> int:
        """The number of a segment, by number or name."""
        if segment.type == "NAME" and segment.value not in self.segments:
            raise self.fail(segment, f"no segment {segment}; there is: {', '.join(self.segments) or 'none'}")
        return self.segments[segment.value] if segment.type == "NAME" else self.number(segment, 0, SEGMENTS - 1)

    def tokens(self, names: list[Token]) -> tuple[int, ...]:
        """Numbers of semaphores."""
        for name in names:
            if name.value not in self.sems:
                raise self.fail(name, f"no semaphore {name}; there is: {', '.join(self.sems) or 'none'}")
        if len(names) > 2:
            raise self.fail(names[2], "expected at most two; more go into a sync")
        return tuple(self.sems[name.value] for name in names)
