"""Which loop is meant: by the name of its variable, or by its number in the text.

scf.for %i = ..                     i, or L0: the loops of a module are numbered as they are met, from 0
  scf.for %j = ..                   j, or L1
kernel.func @mm { scf.for %i ..     "mm/i" where several functions have a loop of that name
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from xdsl.dialects import func, scf
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation

from ...dialects import kernel
from ...dialects._location import origins
from ...dialects._refusal import Refused

Function = kernel.FuncOp | func.FuncOp


@dataclass(frozen=True)
class Named:
    """A loop, its number, its variable's name ("" if it has none) and its function's."""

    loop: scf.ForOp
    number: int
    name: str
    function: str

    def answers(self, to: str) -> bool:
        """Whether the loop goes by a name."""
        function, slash, name = to.rpartition("/")
        return (not slash or function == self.function) and name in (self.name or None, f"L{self.number}")

    def __str__(self) -> str:
        return f"{self.name} (L{self.number})" if self.name else f"L{self.number}"


def named(module: Operation) -> list[Named]:
    """All loops, in the order of the text."""
    found: list[Named] = []
    for op in module.walk():
        if isinstance(op, scf.ForOp):
            around = function_of(op)
            name = "" if around is None else around.sym_name.data
            found.append(Named(op, len(found), op.body.block.args[0].name_hint or "", name))
    return found


def function_of(op: Operation) -> Function | None:
    """The function that an op stands in."""
    around = op.parent_op()
    while around is not None and not isinstance(around, Function):
        around = around.parent_op()
    return around


def loop_named(module: ModuleOp, name: str, step: str) -> scf.ForOp:
    """The one loop of that name; Refused, with the names that there are, if there is none or there are several."""
    known = named(module)
    found = [each for each in known if each.answers(name)]
    if len(found) == 1:
        return found[0].loop
    if not found:
        there = ", ".join(f"@{each.function} {each}" for each in known[:20]) or "none"
        raise Refused(f"{step}: no loop {name!r}", [f"the loops are: {there}"])
    several = ", ".join(f"L{each.number} in @{each.function}" for each in found[:20])
    raise Refused(
        f"{step}: {len(found)} loops are named {name!r}",
        [f"they are: {several}"],
        do=f"name one by its number, as in {step}{{loop=L{found[0].number}}}",
    )


def loops_named(module: ModuleOp, names: Sequence[str], step: str, least: int = 1) -> list[scf.ForOp]:
    """The loops of these names, each once."""
    found = [loop_named(module, name, step) for name in names]
    if len(found) < least or len(set(found)) != len(found):
        raise Refused(f"{step}: expected {least} different loops at least, found {', '.join(names) or 'none'}")
    return found


def label(loop: scf.ForOp) -> str:
    """What a person calls the loop: its variable's name, or its number."""
    if name := loop.body.block.args[0].name_hint:
        return name
    root: Operation = loop
    while (around := root.parent_op()) is not None:
        root = around
    return next(f"L{each.number}" for each in named(root) if each.loop is loop)


def name_after(new: scf.ForOp, old: scf.ForOp, suffix: str, root: Operation) -> None:
    """Name a loop after the one that it was made of, by a name that no loop below `root` has."""
    taken = {each.name for each in named(root)}
    name = f"{label(old)}_{suffix}"
    while name in taken:
        name += suffix[-1]
    new.body.block.args[0].name_hint = name


def nodes(*ops: Operation) -> str:
    """The names of the nodes that ops come from, as an error tells them."""
    return ", ".join(dict.fromkeys(name for op in ops for name in origins(op.location)))


def around(op: Operation, outermost: Operation) -> Iterator[Operation]:
    """The ops that an op stands in, inside out, up to `outermost`, which is the last."""
    found = op.parent_op()
    while found is not None:
        yield found
        if found is outermost:
            return
        found = found.parent_op()
