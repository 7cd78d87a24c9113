"""scf, loop.parallel, func, kernel.launch and affine.apply: what runs, how often, and what it hands on."""

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import numpy as np
from xdsl.dialects import affine, func, scf
from xdsl.dialects.builtin import IndexType
from xdsl.ir import Region

from ...dialects import kernel, loop
from ._machine import Body, Divergent, Env, Scope, Step, rule
from ._ownership import owned
from ._scalars import kind


def uniform(value: Any) -> Any:
    """A condition or bound as one number; Divergent if it is a whole array of them."""
    if isinstance(value, np.ndarray):
        if value.size != 1:
            raise Divergent
        return value.item()
    return value


def private(values: list[Any], copied: list[bool]) -> list[Any]:
    """Tensors that a loop will update in place, copied unless the loop is their only reader."""
    return [v.copy() if c and isinstance(v, np.ndarray) else v for v, c in zip(values, copied, strict=True)]


@rule(scf.ForOp)
def for_loop(op: scf.ForOp, scope: Scope) -> Step:
    """Bounds are read once; the induction variable has their type, a Python int for `index`."""
    bounds, inits = scope.of([op.lb, op.ub, op.step]), scope.of(op.iter_args)
    copied = [not owned(v, op) for v in op.iter_args]
    body, results = scope.body(op.body.block), scope.of(op.results)
    slot, args, yields, run = body.args[0], body.args[1:], body.results, body.run
    number = int if isinstance(op.lb.type, IndexType) else kind(op.lb.type).type

    def step(env: Env) -> None:
        low, high, by = (int(uniform(env[i])) for i in bounds)
        values = private([env[i] for i in inits], copied)
        for iv in range(low, high, by):
            env[slot] = number(iv)
            for i, value in zip(args, values, strict=True):
                env[i] = value
            run(env)
            values = [env[i] for i in yields]
        for i, value in zip(results, values, strict=True):
            env[i] = value

    return step


@rule(scf.WhileOp)
def while_loop(op: scf.WhileOp, scope: Scope) -> Step:
    """The first region decides and hands its arguments on; the second is the body."""
    inits, results = scope.of(op.arguments), scope.of(op.results)
    copied = [not owned(v, op) for v in op.arguments]
    before, after = scope.body(op.before_region.block), scope.body(op.after_region.block)

    def step(env: Env) -> None:
        go, *values = before.call(env, private([env[i] for i in inits], copied))
        while uniform(go):
            go, *values = before.call(env, after.call(env, values))
        for i, value in zip(results, values, strict=True):
            env[i] = value

    return step


def _region(region: Region, scope: Scope) -> Body | None:
    return scope.body(region.block) if region.blocks else None


def choice(bodies: list[Body | None], results: list[int], choose: Callable[[Env], int]) -> Step:
    """Run one of the bodies (None does nothing) and take what it yields."""

    def step(env: Env) -> None:
        body = bodies[choose(env)]
        if body is None:
            return
        body.run(env)
        for i, value in zip(results, [env[i] for i in body.results], strict=True):
            env[i] = value

    return step


@rule(scf.IfOp)
def if_then(op: scf.IfOp, scope: Scope) -> Step:
    """One of two regions."""
    condition, results = scope.slot(op.cond), scope.of(op.results)
    bodies = [_region(op.false_region, scope), _region(op.true_region, scope)]
    return choice(bodies, results, lambda env: bool(uniform(env[condition])))


@rule(scf.IndexSwitchOp)
def index_switch(op: scf.IndexSwitchOp, scope: Scope) -> Step:
    """The region of the equal case, else the default."""
    selector, cases = scope.slot(op.arg), list(op.cases.get_values())
    bodies = [_region(r, scope) for r in (*op.case_regions, op.default_region)]

    def choose(env: Env) -> int:
        wanted = int(uniform(env[selector]))
        return cases.index(wanted) if wanted in cases else len(cases)

    return choice(bodies, scope.of(op.results), choose)


@rule(scf.ExecuteRegionOp)
def execute_region(op: scf.ExecuteRegionOp, scope: Scope) -> Step:
    """A region of one block, run once."""
    return choice([scope.body(op.region.block)], scope.of(op.results), lambda _: 0)


@rule(scf.ParallelOp)
def parallel(op: scf.ParallelOp, scope: Scope) -> Step:
    """The iterations in lexicographic order; each scf.reduce joins its value to the one so far."""
    lows, highs, steps = scope.of(op.lowerBound), scope.of(op.upperBound), scope.of(op.step)
    inits, results, body = scope.of(op.initVals), scope.of(op.results), scope.body(op.body.block)
    reduce = op.body.block.last_op
    joins = [scope.body(r.block) for r in reduce.reductions] if isinstance(reduce, scf.ReduceOp) else []

    def points(env: Env) -> Iterator[tuple[int, ...]]:
        bounds = zip(lows, highs, steps, strict=True)
        return product(*(range(*(int(uniform(env[i])) for i in bound)) for bound in bounds))

    def step(env: Env) -> None:
        values = [env[i] for i in inits]
        for point in points(env):
            found = body.call(env, point)
            pairs = zip(joins, values, found, strict=True)
            values = [join.call(env, [old, new])[0] for join, old, new in pairs]
        for i, value in zip(results, values, strict=True):
            env[i] = value

    return step


@rule(loop.ParallelOp)
def parts(op: loop.ParallelOp, scope: Scope) -> Step:
    """As many parts as there may be, the last first: their order means nothing."""
    body, count = scope.body(op.body.block), op.threads.value.data

    def step(env: Env) -> None:
        for part in reversed(range(count)):
            body.call(env, (part, count))

    return step


@rule(kernel.LaunchOp)
def launch(op: kernel.LaunchOp, scope: Scope) -> Step:
    """A kernel sees its arguments only."""
    return _call(op.kernel, scope.of(op.arguments), scope.of(op.res), scope)


@rule(func.CallOp)
def call(op: func.CallOp, scope: Scope) -> Step:
    """A function, likewise."""
    return _call(op.callee.root_reference.data, scope.of(op.arguments), scope.of(op.res), scope)


def _call(name: str, arguments: list[int], results: list[int], scope: Scope) -> Step:
    machine = scope.machine

    def step(env: Env) -> None:
        found = machine.code(name)(*[env[i] for i in arguments])
        for i, value in zip(results, found, strict=True):
            env[i] = value

    return step


@rule(affine.ApplyOp, affine.MinOp)
def affine_value(op: affine.ApplyOp | affine.MinOp, scope: Scope) -> Step:
    """The map's value, or the least of its values."""
    map, result, slots = op.map.data, scope.slot(op.result), scope.of(op.operands)

    def step(env: Env) -> None:
        values = [int(uniform(env[i])) for i in slots]
        env[result] = min(map.eval(values[: map.num_dims], values[map.num_dims :]))

    return step
