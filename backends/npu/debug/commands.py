"""The debugger's commands, a line each, read from anywhere and answered with lines of text.

(npu) b layer conv2          stop before it: b ins N | layer NAME | sem NAME; b clear
(npu) c                      continue                 s [QUEUE|COUNT]  step    rs [COUNT]  step back
(npu) p spad:0x40 i8[4,32]   print bytes as numbers   p conv2.out      a layer's tensor
(npu) bt spad:0x40           who wrote this, from what
"""

import inspect
import re
from collections.abc import Callable, Iterable

import numpy as np

from ..emit.disassemble import instruction_text
from ..isa import QUEUES, SPACES
from ..sim.lanes import STORED
from ..sim.memory import SimulationError
from .debugger import END, DebugError, Debugger

Say = Callable[[str], None]
PLACE = re.compile(r"(?P<memory>\w+):(?P<at>0x[0-9a-fA-F]+|\d+)(?:\+(?P<size>0x[0-9a-fA-F]+|\d+))?")
ARRAY = re.compile(r"(?P<type>\w+)(?:\[(?P<shape>\d+(?:,\d+)*)\])?")
SEGMENT = 16


class Commands:
    """Executes lines on a debugger; a method `do_X` is command X, its docstring what `h` says of it."""

    def __init__(self, debugger: Debugger, say: Say = print):
        self.debugger, self.say = debugger, say

    def read(self, lines: Iterable[str]) -> None:
        """Execute lines until `q` or the last; a line in error says so and changes nothing."""
        self.here()
        for line in lines:
            if not self.execute(line):
                return

    def execute(self, line: str) -> bool:
        """Execute one line; False if it was `q`."""
        word, *rest = line.split() or [""]
        if word in ("q", ""):
            return word != "q"
        command: Callable[..., None] | None = getattr(self, f"do_{word}", None)
        try:
            if command is None:
                raise DebugError(f"no command {word!r}; h lists them")
            if not _takes(command, rest):
                raise DebugError(f"expected {command.__doc__}")
            command(*rest)
        except DebugError as error:
            self.say(f"error: {error}")
        except SimulationError as error:
            self.say(f"stopped: {error}")
        return True

    def here(self) -> None:
        """Say what runs next."""
        number = self.debugger.next
        self.say(END if number is None else f"next {self.text(number)}")

    def text(self, number: int) -> str:
        """An instruction with its number, start and layer."""
        d = self.debugger
        when = f" @{d.times[number]}" if d.times else ""
        layer = f"  ; {d.layer(number)}" if d.layer(number) and d.instruction(number).name != "mark" else ""
        return f"{number}{when}: {instruction_text(d.program, number)}{layer}"

    def do_h(self) -> None:
        """h: what commands there are."""
        for name in sorted(n for n in dir(self) if n.startswith("do_")):
            self.say((getattr(self, name).__doc__ or "").splitlines()[0])

    def do_s(self, what: str = "1") -> None:
        """s [QUEUE|COUNT]: execute instructions: one, so many, or up to the next one of a queue"""
        d, queue = self.debugger, QUEUES.index(what) if what in QUEUES else -1
        count = 1 if queue >= 0 else _number(what)
        while count and (number := d.next) is not None:
            self.say(self.text(number))
            reason = d.step()
            if reason and reason != END:
                self.say(f"stopped: {reason}")
                break
            count -= queue < 0 or d.instruction(number).queue == queue
        self.here()

    def do_c(self) -> None:
        """c: continue until there is a reason to stop"""
        self.say(f"stopped: {self.debugger.run()}")
        self.here()

    def do_rs(self, count: str = "1") -> None:
        """rs [COUNT]: step back, by running again from the beginning"""
        self.debugger.back(_number(count))
        self.here()

    def do_b(self, kind: str = "", *what: str) -> None:
        """b [ins N | layer NAME | sem NAME | clear]: stop there; without more, list what stops"""
        d, name = self.debugger, " ".join(what)
        stops = d.stops
        match kind:
            case "":
                self.say(f"instructions {sorted(stops.instructions)}, layers {sorted(stops.layers)}")
                self.say(f"semaphores {sorted(stops.semaphores)}, {len(stops.watches)} watched places")
            case "clear":
                d.stops = type(stops)()
            case "ins":
                d.instruction(_number(name))
                stops.instructions.add(_number(name))
            case "layer":
                stops.layers.add(_known(name, [m.layer for m in d.program.marks], "layer"))
            case "sem":
                stops.semaphores.add(_known(name, [s[0] for s in d.program.sems], "semaphore"))
            case _:
                raise DebugError(f"expected ins, layer, sem or clear, found {kind!r}")

    def do_w(self, place: str) -> None:
        """w MEMORY:ADDRESS[+BYTES]: stop when these bytes change"""
        self.debugger.watch(*_place(place))

    def do_p(self, place: str, type: str = "u8[16]") -> None:
        """p MEMORY:ADDRESS TYPE[SHAPE] | LAYER.out: print numbers"""
        if PLACE.fullmatch(place):
            self.say(str(self.numbers(place, type)))
            return
        layer, d = place.removesuffix(".out"), self.debugger
        name = next((m.out for m in d.program.marks if m.layer == layer), layer)
        if name not in d.tensors:
            raise DebugError(f"no memory and no layer {place!r}")
        missing = d.tensors.missing(name)
        self.say(f"{name} {list(d.tensors[name].shape)}" + (f", {missing} parts not yet made" if missing else ""))
        self.say(str(d.tensors[name]))

    def do_set(self, place: str, type: str, *values: str) -> None:
        """set MEMORY:ADDRESS TYPE VALUE ..: write numbers"""
        target = self.numbers(place, f"{type}[{max(len(values), 1)}]")
        try:
            target[...] = np.array([float(v) for v in values]).astype(target.dtype)
        except (ValueError, OverflowError):
            raise DebugError(f"expected numbers, found {' '.join(values) or 'none'}") from None
        name, at, _ = _place(place)
        self.debugger.memory(name).forget(at, at + target.nbytes)

    def numbers(self, place: str, type: str) -> np.ndarray:
        """The array at a place; u8 are plain bytes. DebugError."""
        found, (name, at, _) = ARRAY.fullmatch(type), _place(place)
        if found is None or found["type"] not in STORED:
            raise DebugError(f"expected a type of {', '.join(STORED)} with a shape, as i8[4,32], found {type!r}")
        shape = tuple(int(n) for n in (found["shape"] or "1").split(","))
        kind = np.dtype(np.uint8 if found["type"] == "u8" else STORED[found["type"]])
        memory, size = self.debugger.memory(name), int(np.prod(shape)) * kind.itemsize
        if at + size > memory.size:
            raise DebugError(f"{place}: {size} bytes of {memory.size:#x}")
        return memory.data[at : at + size].view(kind).reshape(shape)

    def do_sems(self) -> None:
        """sems: what each semaphore stands at"""
        d = self.debugger
        for (name, producer, consumer, _), count in zip(d.program.sems, d.counts(), strict=True):
            self.say(f"{name} {producer} -> {consumer}: {count}")

    def do_queues(self) -> None:
        """queues: what runs next on each queue"""
        for queue, number in self.debugger.heads().items():
            self.say(f"{queue}: {'empty' if number is None else self.text(number)}")

    def do_bt(self, place: str) -> None:
        """bt MEMORY:ADDRESS[+BYTES]: which instruction wrote this last, and which wrote what that one read"""
        d, (name, at, size) = self.debugger, _place(place)
        d.memory(name)
        space = SPACES.get(name) or next(SEGMENT + s.id for s in d.program.segments if s.name == name)
        number = d.writer(space, range(at // 16, (at + size - 1) // 16 + 1))
        if number is None:
            self.say(f"{place}: nothing has written it")
            return
        self.say(self.text(number))
        for source in d.sources(number):
            self.say(f"  from {self.text(source)}")

    def do_dis(self, count: str = "10") -> None:
        """dis [COUNT]: the text from the next instruction on"""
        d = self.debugger
        first = len(d.program.text) if d.next is None else d.next
        for number in range(first, min(first + _number(count), len(d.program.text))):
            self.say(self.text(number))


def _takes(command: Callable[..., None], words: list[str]) -> bool:
    try:
        inspect.signature(command).bind(*words)
    except TypeError:
        return False
    return True


def _number(text: str) -> int:
    if not re.fullmatch(r"\d+|0x[0-9a-fA-F]+", text):
        raise DebugError(f"expected a number, found {text!r}")
    return int(text, 0)


def _place(text: str) -> tuple[str, int, int]:
    """Memory, byte, size in bytes (1)."""
    if (found := PLACE.fullmatch(text)) is None:
        raise DebugError(f"expected a place, as spad:0x40 or spad:64+16, found {text!r}")
    return found["memory"], int(found["at"], 0), int(found["size"] or "1", 0)


def _known(name: str, names: list[str], what: str) -> str:
    if name not in names:
        raise DebugError(f"no {what} {name!r}; there is {', '.join(names[:20]) or 'none'}")
    return name
