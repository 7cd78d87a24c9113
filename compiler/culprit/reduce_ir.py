"""The smallest part of an IR text that still fails in the same way.

    %1 = a %0                                       func.func @main(%1, %3)
    %2 = b %1          keep {b, d}                    %2 = b %1
    %3 = c %2                           -->           %4 = d %3
    %4 = d %3                                         func.return %2, %4

What a removed op made becomes an argument of @main; what nothing reads is returned. Constants stay with what reads
them; functions that nothing names any more go.
"""

from collections.abc import Callable, Sequence

from xdsl.dialects import arith
from xdsl.dialects.builtin import ModuleOp, SymbolRefAttr
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Block, Operation
from xdsl.traits import SymbolOpInterface

from ...dialects.graph.weight import ConstantOp, WeightOp
from ..errors import UsageError
from ..pipeline import verify
from .ddmin import ddmin

CONSTANTS = (ConstantOp, WeightOp, arith.ConstantOp)
KEPT = ("sym_name", "function_type", "sym_visibility")
"""Attributes of @main that hold whatever its arguments are."""


def reduce_module(module: ModuleOp, fails: Callable[[ModuleOp], str]) -> ModuleOp:
    """The reduced module; `fails` answers the kind of failure, "" for none. UsageError if the whole does not fail."""
    if not (kind := fails(module)):
        raise UsageError("the module does not fail: there is nothing to reduce", code="no-failure")
    count = len(items(module))

    def same(chosen: Sequence[int]) -> bool:
        part = part_of(module, chosen)
        return _verifies(part) and fails(part) == kind

    return part_of(module, ddmin(range(count), same)) if same(range(count)) else module


def part_of(module: ModuleOp, chosen: Sequence[int]) -> ModuleOp:
    """The module with these ops of @main's body, counted without constants and the end."""
    made = module.clone()
    main, kept = _main(made), set(chosen)
    block = main.body.block
    for index, op in enumerate(_items(main)):
        if index not in kept:
            _remove(op, block)
    end = block.last_op
    if not isinstance(end, ReturnOp):
        raise UsageError("@main: expected func.return at its end", code="bad-ir")
    results = [r for op in _items(main) for r in op.results if not [u for u in r.uses if u.operation is not end]]
    end.detach()
    end.drop_all_references()
    block.add_op(ReturnOp(*results))
    for op in [op for op in block.ops if isinstance(op, CONSTANTS) and not op.results[0].uses]:
        op.detach()
        op.erase()
    for arg in [arg for arg in block.args if not arg.uses]:
        block.erase_arg(arg)
    _settle(main)
    _drop_unnamed(made, main)
    return made


def _main(module: ModuleOp) -> FuncOp:
    main = next((op for op in module.ops if isinstance(op, FuncOp) and op.sym_name.data == "main"), None)
    if main is None or len(main.body.blocks) != 1:
        raise UsageError("expected func.func @main with one block", code="bad-ir")
    return main


def items(module: ModuleOp) -> list[Operation]:
    """The ops of @main's body without constants and the end."""
    return _items(_main(module))


def _items(main: FuncOp) -> list[Operation]:
    return [op for op in main.body.block.ops if not isinstance(op, (*CONSTANTS, ReturnOp))]


def _remove(op: Operation, block: Block) -> None:
    for result in op.results:
        if result.uses:
            result.replace_all_uses_with(block.insert_arg(result.type, len(block.args)))
    op.detach()
    op.erase()


def _settle(main: FuncOp) -> None:
    """Its type is that of its body; names and types of what it took before are gone."""
    main.update_function_type()
    for name in [name for name in main.attributes if name not in KEPT]:
        del main.attributes[name]


def _drop_unnamed(module: ModuleOp, main: FuncOp) -> None:
    while True:
        named = {
            attribute.root_reference.data
            for op in module.walk()
            for attribute in (*op.properties.values(), *op.attributes.values())
            if isinstance(attribute, SymbolRefAttr)
        }
        symbols = [(op, op.get_trait(SymbolOpInterface)) for op in module.ops if op is not main]
        names = {op: name.data for op, trait in symbols if trait and (name := trait.get_sym_attr_name(op))}
        unnamed = [op for op, name in names.items() if name not in named]
        if not unnamed:
            return
        for op in unnamed:
            op.detach()
            op.erase()


def _verifies(module: ModuleOp) -> bool:
    try:
        verify(module)
    except Exception:  # some verifiers of xDSL raise plain exceptions
        return False
    return True
