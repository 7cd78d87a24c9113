"""Loops, branches and calls in C. Values carried by a loop are variables that its body assigns at its end."""

from collections.abc import Sequence
from typing import cast

from xdsl.dialects import func, scf
from xdsl.dialects.builtin import MemRefType
from xdsl.ir import Block, BlockArgument, Operation, SSAValue

from ...dialects import kernel, loop
from .types import code, lanes, number, pointer
from .values import NAME, Rule, Text


def counted(t: Text, op: Operation) -> None:
    """scf.for."""
    loop = cast(scf.ForOp, op)
    block = loop.body.block
    _carry(t, loop.iter_args, loop.results, block.args[1:])
    lower, upper, step = t.name(loop.lb), t.name(loop.ub), t.name(loop.step)
    index = t.fresh(block.args[0])
    t.line(f"for (int64_t {index} = {lower}; {index} < {upper}; {index} += {step}) {{")
    t.depth += 1
    body(t, block)
    _assign(t, [t.name(r) for r in loop.results], _last(block).operands)
    t.depth -= 1
    t.line("}")


def branch(t: Text, op: Operation) -> None:
    """scf.if."""
    choice = cast(scf.IfOp, op)
    for result in choice.results:
        _declare(t, result)
    t.line(f"if ({t.name(choice.cond)}) {{")
    regions = [choice.true_region, choice.false_region]
    for i, region in enumerate(regions):
        if i and not region.blocks:
            break
        if i:
            t.line("} else {")
        t.depth += 1
        body(t, region.block)
        _assign(t, [t.name(r) for r in choice.results], _last(region.block).operands)
        t.depth -= 1
    t.line("}")


def repeated(t: Text, op: Operation) -> None:
    """scf.while: the condition's block runs before each round; its values are the results."""
    loop = cast(scf.WhileOp, op)
    before, after = loop.before_region.block, loop.after_region.block
    _carry(t, loop.arguments, before.args, ())
    for result, arg in zip(loop.results, after.args, strict=True):
        _declare(t, result)
        t.names[arg] = t.name(result)
    t.line("for (;;) {")
    t.depth += 1
    body(t, before)
    condition = cast(scf.ConditionOp, _last(before))
    _assign(t, [t.name(r) for r in loop.results], condition.args)
    t.line(f"if (!{t.name(condition.condition)}) break;")
    body(t, after)
    _assign(t, [t.name(a) for a in before.args], _last(after).operands)
    t.depth -= 1
    t.line("}")


def _declare(t: Text, value: SSAValue) -> None:
    if lanes(value.type) > 1 and code(number(value.type)) == "b1":
        t.masks[value] = 32
    t.line(f"{t.type(value)} {t.fresh(value)};")


def _carry(t: Text, starts: Sequence[SSAValue], values: Sequence[SSAValue], inside: Sequence[SSAValue]) -> None:
    """Declare the carried variables; `inside` the loop they go by the same names."""
    for i, (start, value) in enumerate(zip(starts, values, strict=True)):
        if lanes(value.type) > 1 and code(number(value.type)) == "b1":
            t.masks[value] = 32
        text = t.mask(start, 32) if value in t.masks else t.name(start)
        t.line(f"{t.type(value)} {t.fresh(value)} = {text};")
        if inside:
            t.names[inside[i]] = t.name(value)
            if value in t.masks:
                t.masks[inside[i]] = 32


def _assign(t: Text, targets: Sequence[str], values: Sequence[SSAValue]) -> None:
    """Parallel assignment: a value that is itself a target is saved first."""
    texts = [t.mask(v, 32) if v in t.masks else t.name(v) for v in values]
    clashes = {x for i, x in enumerate(texts) if x in targets and targets.index(x) < i and x != targets[i]}
    for i, clash in enumerate(sorted(clashes)):
        value = values[texts.index(clash)]
        t.line(f"const {t.type(value)} s{t.depth}_{i} = {clash};")
        texts = [f"s{t.depth}_{i}" if x == clash else x for x in texts]
    for target, text in zip(targets, texts, strict=True):
        if target != text:
            t.line(f"{target} = {text};")


def _last(block: Block) -> Operation:
    if (last := block.last_op) is None:
        raise ValueError("expected a terminator")
    return last


def launch(t: Text, op: Operation) -> None:
    """kernel.launch: a call, and a timer round it where that was asked."""
    call = cast(kernel.LaunchOp, op)
    line = f"{t.helpers.kernels[call.kernel]}({', '.join(map(t.name, call.arguments))});"
    number = t.helpers.timed.get(op)
    t.line(line if number is None else f"aic_begin({number}); {line} aic_end();")


def parallel(t: Text, op: Operation) -> None:
    """loop.parallel: a function of its own, given the addresses of what it uses, which the pool calls for each part."""
    region = cast(loop.ParallelOp, op)
    given, name = _captured(region), f"{NAME}_part{len(t.helpers.parts)}"
    inner = Text(t.helpers, t.rules)
    for i, value in enumerate(given):
        if isinstance(value.type, MemRefType):
            kind = pointer(value.type) + ("restrict " if _is_alone(value) else "")
            inner.line(f"{kind}{inner.fresh(value)} = given[{i}];")
        else:
            if value in t.masks:
                inner.masks[value] = t.masks[value]
            inner.define(value, f"*(const {t.type(value)} *)given[{i}]")
    for value, word in zip(region.body.block.args, ("part", "parts"), strict=True):
        inner.names[value] = word
    body(inner, region.body.block)
    head = f"static void {name}(void *const *given, int64_t part, int64_t parts) {{"
    t.helpers.parts.append("\n".join([head, *inner.lines, "}"]))
    places = ", ".join(f"(void *){'' if isinstance(v.type, MemRefType) else '&'}{t.name(v)}" for v in given)
    t.line(f"{{ void *const given[] = {{{places}}}; aic_parallel({name}, given, {region.threads.value.data}); }}")


def _captured(op: loop.ParallelOp) -> list[SSAValue]:
    """The values from outside that a region uses, in order."""
    made = set[SSAValue](value for inner in op.body.walk() for value in inner.results)
    made.update(value for inner in op.walk() for region in inner.regions for b in region.blocks for value in b.args)
    return list(dict.fromkeys(value for inner in op.body.walk() for value in inner.operands if value not in made))


def _is_alone(value: SSAValue) -> bool:
    """Whether nothing else points to the buffer of a kernel's argument."""
    func = value.owner.parent_op() if isinstance(value, BlockArgument) else None
    return isinstance(func, kernel.FuncOp) and "inplace" not in func.attributes


def body(t: Text, block: Block) -> None:
    """The ops of a block, its terminator left to the caller."""
    for op in block.ops:
        if not isinstance(op, scf.YieldOp | scf.ConditionOp | kernel.ReturnOp | func.ReturnOp):
            t.emit(op)


TABLE: dict[type[Operation], Rule] = {
    scf.ForOp: counted,
    scf.IfOp: branch,
    scf.WhileOp: repeated,
    kernel.LaunchOp: launch,
    loop.ParallelOp: parallel,
}
