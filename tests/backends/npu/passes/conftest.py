"""Programs of graph ops as text, run before and after some passes."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from aic.compiler.context import context
from aic.compiler.interpret import interpret
from aic.compiler.pipeline import run_pipeline
from aic.compiler.weights import random_weights
from aic.dialects._shape import Array, dtype, shape
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.parser import Parser


@dataclass(frozen=True)
class Ran:
    """Results before and after, the module after, and how many ops of each name it has."""

    before: Sequence[Array]
    after: Sequence[Array]
    module: ModuleOp
    count: Counter[str]

    def cosine(self, index: int = 0) -> float:
        """Of a result before with the same result after."""
        a, b = (x[index].astype(np.float64).ravel() for x in (self.before, self.after))
        return float(a @ b / np.sqrt((a @ a) * (b @ b)))


Run = Callable[..., Ran]


@pytest.fixture
def run() -> Run:
    """`run(text, passes, x=array, atol=1e-5)`: @main on random inputs, or on those given by argument number, with
    random weights where the text names them (or those of `weights`)."""

    def ran(
        text: str,
        passes: str,
        *,
        given: Mapping[int, Array] | None = None,
        weights: Mapping[str, Array] | None = None,
        atol: float | None = None,
    ) -> Ran:
        ctx = context()
        for name, array in (weights or {}).items():
            ctx.weights.add(name, array)
        module = Parser(ctx, text).parse_module()
        random_weights(ctx, module, 0)
        main = next(op for op in module.ops if isinstance(op, FuncOp))
        rng = np.random.default_rng(0)
        inputs = [rng.standard_normal(shape(a)).astype(dtype(a.type)) for a in main.body.block.args]
        for index, array in (given or {}).items():
            inputs[index] = array
        before = interpret(ctx, module, inputs)
        run_pipeline(ctx, module, passes, verify_each=True)
        after = interpret(ctx, module, inputs)
        if atol is not None:
            for a, b in zip(after, before, strict=True):
                np.testing.assert_allclose(a.astype(np.float64), b.astype(np.float64), rtol=atol, atol=atol)
        count = Counter(op.name.removeprefix("graph.") for op in module.walk() if op.name.startswith("graph."))
        return Ran(before, after, module, count)

    return ran
