"""Repetition in assembly, done on text before it is parsed.

.rep 2 i                                 mm x=spad:0, d=dG
mm x=spad:{i % 2 * 0x2000}, d=dG   -->   mm x=spad:8192, d=dG
.endr
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

TOKEN = re.compile(r"\s*(?:(0x[0-9a-fA-F]+|[0-9]+)|([A-Za-z_][A-Za-z0-9_]*)|([-+*/%()]))")
LINES, NESTING, LARGEST = 1 << 20, 32, 1 << 63
"""Lines of the expanded text, repetitions or parentheses within each other, size of a number."""
REPEAT = re.compile(r"\s*\.rep\s+(.+?)\s+([A-Za-z_][A-Za-z0-9_]*)\s*$")


class AsmError(ValueError):
    """Assembly that cannot be read: what is wrong, in which line of the text and where in it (from 1)."""

    def __init__(self, message: str, line: int, column: int, text: str):
        self.message, self.line, self.column, self.text = message, line, column, text
        shown = text.rstrip().replace("\t", " ")
        super().__init__(f"line {line}, column {column}: {message}\n  {shown}\n  {' ' * (column - 1)}^")


@dataclass(frozen=True)
class Line:
    """A line of the expanded text, and the line of the source that it comes from."""

    text: str
    number: int


@dataclass
class _Repeat:
    line: Line
    count: str
    name: str
    body: "list[Line | _Repeat]"


def expand(source: str) -> list[Line]:
    """The lines without `.rep`, `.endr` and `{..}`; AsmError."""
    top = _Repeat(Line("", 0), "1", "", [])
    stack = [top]
    for number, text in enumerate(source.replace("\r\n", "\n").split("\n"), 1):
        line = Line(text.partition(";")[0], number)
        word = line.text.split(None, 1)[0] if line.text.strip() else ""
        if word == ".rep":
            if (head := REPEAT.match(line.text)) is None or len(stack) > NESTING:
                raise AsmError("expected .rep COUNT NAME, at most 32 within each other", number, 1, text)
            stack[-1].body.append(repeat := _Repeat(line, head[1], head[2], []))
            stack.append(repeat)
        elif word == ".endr":
            if len(stack) == 1 or line.text.strip() != ".endr":
                raise AsmError("expected a .rep before .endr, and nothing beside it", number, 1, text)
            stack.pop()
        else:
            stack[-1].body.append(line)
    if len(stack) > 1:
        raise AsmError(".rep without .endr", stack[-1].line.number, 1, stack[-1].line.text)
    found: list[Line] = []
    _run(top.body, {}, found)
    return found


def _run(body: "list[Line | _Repeat]", names: Mapping[str, int], out: list[Line]) -> None:
    for item in body:
        if isinstance(item, Line):
            out.append(Line(_fill(item, names), item.number) if "{" in item.text else item)
            if len(out) > LINES:
                raise AsmError(f"more than {LINES} lines after expansion", item.number, 1, item.text)
            continue
        text = item.count.strip("{}")
        count = _Expression(text, names, item.line, item.line.text.index(text)).value()
        if not 0 <= count <= LINES or (count and not item.body):
            raise AsmError(f"expected up to {LINES} repetitions of something", item.line.number, 1, item.line.text)
        for turn in range(count):
            _run(item.body, {**names, item.name: turn}, out)


def _fill(line: Line, names: Mapping[str, int]) -> str:
    parts, at = [], 0
    while (start := line.text.find("{", at)) >= 0:
        end = line.text.find("}", start)
        if end < 0:
            raise AsmError("{ without }", line.number, start + 1, line.text)
        value = _Expression(line.text[start + 1 : end], names, line, start + 1).value()
        parts += [line.text[at:start], str(value)]
        at = end + 1
    return "".join(parts) + line.text[at:]


class _Expression:
    """Integers, names, `+ - * / %` and parentheses; division floors. Reads from left to right."""

    def __init__(self, text: str, names: Mapping[str, int], line: Line, column: int):
        self.text, self.names, self.line, self.column = text, names, line, column
        self.at = 0
        self.depth = 0

    def fail(self, message: str) -> AsmError:
        """What is wrong at the next token."""
        return AsmError(message, self.line.number, self.column + self.at + 1, self.line.text)

    def peek(self) -> re.Match[str] | None:
        """The next token."""
        return TOKEN.match(self.text, self.at)

    def take(self, signs: str) -> str:
        """The next token if it is one of these signs, else ""."""
        found = self.peek()
        if found is None or found[3] is None or found[3] not in signs:
            return ""
        self.at = found.end()
        return found[3]

    def value(self) -> int:
        """The value of all of the text."""
        found = self.sum()
        if self.text[self.at :].strip():
            raise self.fail("expected an operator")
        return found

    def sum(self) -> int:
        """Products, added and subtracted."""
        found = self.product()
        while sign := self.take("+-"):
            more = self.product()
            found = self.bounded(found + more if sign == "+" else found - more)
        return found

    def product(self) -> int:
        """Atoms, multiplied and divided."""
        found = self.atom()
        while sign := self.take("*/%"):
            more = self.atom()
            if sign != "*" and more == 0:
                raise self.fail("division by 0")
            found = self.bounded(found * more if sign == "*" else found // more if sign == "/" else found % more)
        return found

    def atom(self) -> int:
        """A number, a name, something in parentheses or after a minus."""
        self.depth += 1
        if self.depth > NESTING:
            raise self.fail(f"more than {NESTING} parentheses within each other")
        if sign := self.take("-("):
            found = -self.atom() if sign == "-" else self.sum()
            if sign == "(" and not self.take(")"):
                raise self.fail("expected )")
        else:
            found = self.leaf()
        self.depth -= 1
        return found

    def leaf(self) -> int:
        """A number or a name."""
        token = self.peek()
        if token is None or token[3] is not None:
            raise self.fail("expected a number or a name")
        if token[2] is not None and token[2] not in self.names:
            raise self.fail(f"no loop counts {token[2]}")
        self.at = token.end()
        if len(token[0].strip()) > 20:
            raise self.fail("number too large")
        return self.names[token[2]] if token[1] is None else self.bounded(int(token[1], 0 if "x" in token[1] else 10))

    def bounded(self, value: int) -> int:
        """The value, if it is not out of all proportion."""
        if abs(value) >= LARGEST:
            raise self.fail("number too large")
        return value
