"""The machine: each op becomes once a closure over numbered slots, each block a list of closures, each function a Code.

    %2 = arith.addf %0, %1      ->      def step(env): env[2] = env[0] + env[1]

What a class of op does is a Rule, registered by `@rule(AddfOp, ..)` in the file of its level and found along the MRO.
Values are numpy scalars (Python ints for `index`), arrays for tensors and vectors, Buffers for memrefs.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.ir import Attribute, Block, Operation, SSAValue
from xdsl.traits import IsTerminator

from ...dialects import kernel
from ...dialects._location import origins
from ...dialects.graph.weight import AicContext
from ...dialects.tile.kernel import KernelOp
from ..errors import AicError, InterpretError

Env = list[Any]
Step = Callable[[Env], None]
Hook = Callable[[Operation, Sequence[Any]], None]
O = TypeVar("O", bound=Operation)
RULES: dict[type[Operation], Callable[[Any, "Scope"], Step]] = {}


class Divergent(Exception):
    """Control flow that differs between the points of a whole-array evaluation: it must go point by point."""


def rule(
    *classes: type[Operation],
) -> Callable[[Callable[[O, "Scope"], Step]], Callable[[O, "Scope"], Step]]:
    """Register what ops of these classes, and of classes derived from them, do."""

    def register(found: Callable[[O, "Scope"], Step]) -> Callable[[O, "Scope"], Step]:
        RULES.update(dict.fromkeys(classes, found))
        return found

    return register


@dataclass
class Body:
    """A block, ready to run: set `args`, run, read `results` (the slots of its terminator's operands)."""

    args: list[int]
    steps: list[Step]
    ops: list[Operation]
    results: list[int]
    terminator: Operation | None

    def run(self, env: Env) -> None:
        """Run the ops in order; InterpretError names the one that fails."""
        step = None
        try:
            for step in self.steps:
                step(env)
        except (AicError, Divergent, MemoryError):
            raise
        except Exception as error:
            op = self.ops[self.steps.index(step)] if step is not None else self.terminator
            raise InterpretError(f"{op.name if op else 'block'}: {error}", loc=_where(op)) from error

    def call(self, env: Env, values: Sequence[Any]) -> list[Any]:
        """Set the arguments, run, and return the terminator's operands."""
        for slot, value in zip(self.args, values, strict=True):
            env[slot] = value
        self.run(env)
        return [env[i] for i in self.results]


@dataclass
class Scope:
    """The numbering of one function's values while it is turned into closures; `grids` has the slot of the counters
    that a linalg.index reads, and what is made while `quiet` is not shown to the hook."""

    machine: "Machine"
    slots: dict[SSAValue, int] = field(default_factory=dict[SSAValue, int])
    grids: dict[Operation, int] = field(default_factory=dict[Operation, int])
    count: int = 0
    quiet: bool = False

    def fresh(self) -> int:
        """A slot of no value."""
        self.count += 1
        return self.count - 1

    def slot(self, value: SSAValue) -> int:
        """The slot of a value."""
        if value not in self.slots:
            self.slots[value] = self.fresh()
        return self.slots[value]

    def of(self, values: Sequence[SSAValue]) -> list[int]:
        """The slots of values."""
        return [self.slot(value) for value in values]

    def body(self, block: Block) -> Body:
        """Turn a block into closures."""
        args = self.of(block.args)
        ops = list(block.ops)
        terminator = ops.pop() if ops and ops[-1].has_trait(IsTerminator, value_if_unregistered=False) else None
        steps = [self._step(op) for op in ops]
        return Body(args, steps, ops, self.of(terminator.operands) if terminator else [], terminator)

    def _step(self, op: Operation) -> Step:
        found = next((RULES[c] for c in type(op).__mro__ if c in RULES), None)
        if found is None:
            raise InterpretError(f"{op.name}: this op cannot be interpreted", loc=_where(op))
        try:
            step = found(op, self)
        except (IndexError, TypeError, ValueError) as error:
            raise InterpretError(f"{op.name}: {error}", loc=_where(op)) from error
        hook = self.machine.hook
        return step if hook is None or self.quiet else self._watched(op, step, hook)

    def _watched(self, op: Operation, step: Step, hook: Hook) -> Step:
        seen = self.of(op.results)
        if isinstance(op, kernel.LaunchOp) and not op.results:
            seen = self.of(op.operands)

        def watched(env: Env) -> None:
            step(env)
            hook(op, [env[i] for i in seen])

        return watched


@dataclass
class Code:
    """A function, ready to be called."""

    body: Body
    scope: Scope

    def __call__(self, *values: Any) -> list[Any]:
        return self.body.call([None] * self.scope.count, values)


Called = Callable[..., list[Any]]
"""What a call or launch does: from arguments to results."""
CODES: dict[type[Operation], Callable[[Any, Scope], Called]] = {}
"""Kernels that are more than a block to run once."""


@dataclass
class Machine:
    """One module with its weights; functions become closures at their first call."""

    ctx: AicContext
    module: ModuleOp
    hook: Hook | None = None
    codes: dict[str, Called] = field(default_factory=dict[str, Called])
    weights: dict[tuple[str, Attribute], Any] = field(default_factory=dict[tuple[str, Attribute], Any])

    def code(self, name: str) -> Called:
        """The function or kernel of that name; InterpretError if there is none."""
        if name not in self.codes:
            found, scope = self.function(name), Scope(self)
            made = CODES.get(type(found))
            self.codes[name] = Code(scope.body(found.body.block), scope) if made is None else made(found, scope)
        return self.codes[name]

    def function(self, name: str) -> FuncOp | kernel.FuncOp | KernelOp:
        """The op of that name; InterpretError if there is none."""
        for op in self.module.ops:
            if isinstance(op, FuncOp | kernel.FuncOp | KernelOp) and op.sym_name.data == name:
                return op
        raise InterpretError(f"no function @{name} in the module")


def _where(op: Operation | None) -> str | None:
    return None if op is None else ", ".join(origins(op.location)) or None
