"""The graph dialect's control flow: its regions become functions, which the op itself calls."""

import numpy as np

from ...dialects._shape import Array
from ...dialects.graph.control import RegionOp
from ._graphs import as_type
from ._machine import Body, Env, Scope, Step, rule


@rule(RegionOp)
def regions(op: RegionOp, scope: Scope) -> Step:
    """Regions read the values round them from the same environment."""
    slots, results = scope.of(op.operands), scope.of(op.results)
    bodies = [scope.body(region.block) for region in op.regions]

    def step(env: Env) -> None:
        def function(body: Body):
            return lambda values: [np.asarray(v) for v in body.call(env, values)]

        made: list[Array] = list(op.run([env[i] for i in slots], [function(body) for body in bodies]))
        for number, (i, value, type) in enumerate(zip(results, made, op.result_types, strict=True)):
            env[i] = as_type(np.asarray(value), type, f"result {number}")

    return step
